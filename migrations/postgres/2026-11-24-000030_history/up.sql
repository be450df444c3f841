-- What testers keep (holder -1) is listed by when it was written (FHIR R4 http.html#history): the type of an earlier version stands
-- beside it, and a page costs a page. Nobody else asks for such a history, so nothing else is in these indexes. -1: not known.
ALTER TABLE resource_version ADD COLUMN type SMALLINT NOT NULL DEFAULT -1;
UPDATE resource_version SET type = COALESCE(
    (SELECT r.type FROM resource r WHERE r.holder = resource_version.holder AND r.key = resource_version.key), -1) WHERE holder = -1;
CREATE INDEX resource_history ON resource (holder, updated, key, version) WHERE holder = -1;
CREATE INDEX resource_history_type ON resource (holder, type, updated, key, version) WHERE holder = -1;
CREATE INDEX resource_version_history ON resource_version (holder, updated, key, version) WHERE holder = -1;
CREATE INDEX resource_version_history_type ON resource_version (holder, type, updated, key, version) WHERE holder = -1;
