ALTER TABLE resource_version DROP COLUMN put;
ALTER TABLE resource DROP COLUMN put;
