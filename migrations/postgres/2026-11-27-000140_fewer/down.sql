DROP INDEX resource_submitter;
CREATE INDEX resource_submitter ON resource (submitter, holder, type);
DROP INDEX resource_updated;
CREATE INDEX resource_updated ON resource (holder, type, updated, key);
CREATE INDEX resource_history_type ON resource (holder, type, updated, key, version) WHERE holder < 0;
