-- Whether a date is the least (1) or the greatest (2) that its resource has for the parameter, or both; 4: not known, of an older build.
-- A page sorted by dates takes each resource once without looking at its other dates.
ALTER TABLE index_date ADD COLUMN ends SMALLINT NOT NULL DEFAULT 4;
ALTER TABLE index_person_date ADD COLUMN ends SMALLINT NOT NULL DEFAULT 4;
-- Bits of the resource's tokens: a resource that lacks one that is asked for is passed over without a look at its tokens. All bits: not known.
ALTER TABLE index_person_date ADD COLUMN tokens BIGINT NOT NULL DEFAULT -1;
-- The key carries them, so that the index alone answers.
ALTER TABLE index_date DROP CONSTRAINT index_date_pkey;
ALTER TABLE index_date ADD PRIMARY KEY (holder, param, start_at, end_at, key) INCLUDE (ends);
ALTER TABLE index_person_date DROP CONSTRAINT index_person_date_pkey;
ALTER TABLE index_person_date ADD PRIMARY KEY (holder, param, person, start_at, end_at, key) INCLUDE (ends, tokens);
-- What of a record some label hides: a trace that disclosed much asks whether there is any.
CREATE INDEX resource_labelled ON resource (holder, type) WHERE labels <> 0;
-- SQLite plans a statement anew whenever a value is bound that the condition of an index speaks of as the statement does (`holder = ?`).
DROP INDEX resource_history;
DROP INDEX resource_history_type;
DROP INDEX resource_version_history;
DROP INDEX resource_version_history_type;
CREATE INDEX resource_history ON resource (holder, updated, key, version) WHERE holder < 0;
CREATE INDEX resource_history_type ON resource (holder, type, updated, key, version) WHERE holder < 0;
CREATE INDEX resource_version_history ON resource_version (holder, updated, key, version) WHERE holder < 0;
CREATE INDEX resource_version_history_type ON resource_version (holder, type, updated, key, version) WHERE holder < 0;
