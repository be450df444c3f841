-- 1: this version is a deletion (FHIR R4 http.html#delete) and has no body.
ALTER TABLE resource ADD COLUMN deleted SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE resource_version ADD COLUMN deleted SMALLINT NOT NULL DEFAULT 0;
