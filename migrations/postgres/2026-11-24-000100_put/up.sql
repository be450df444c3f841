-- 1: this version is a first one that was put (update as create, FHIR R4 http.html#upsert). 0 for those written before: not known.
ALTER TABLE resource ADD COLUMN put SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE resource_version ADD COLUMN put SMALLINT NOT NULL DEFAULT 0;
