DROP INDEX resource_version_history_type;
DROP INDEX resource_version_history;
DROP INDEX resource_history_type;
DROP INDEX resource_history;
ALTER TABLE resource_version DROP COLUMN type;
