ALTER TABLE resource_version DROP COLUMN deleted;
ALTER TABLE resource DROP COLUMN deleted;
