-- Whether who asked acts for another than the person whose record the trace is in.
ALTER TABLE audit_event ADD COLUMN elsewhere SMALLINT NOT NULL DEFAULT 0;
