-- One index is both the order of `_sort=_lastUpdated` and that of a type's history.
DROP INDEX resource_updated;
DROP INDEX resource_history_type;
CREATE INDEX resource_updated ON resource (holder, type, updated, key, version);
-- Whether somebody deposited in a record is asked of records only.
DROP INDEX resource_submitter;
CREATE INDEX resource_submitter ON resource (submitter, holder, type) WHERE holder > 0;
