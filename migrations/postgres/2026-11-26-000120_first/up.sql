-- The key of the first deposit of what a document replaces in turn, from which its labels last; 0 for its own.
ALTER TABLE resource ADD COLUMN first_key BIGINT NOT NULL DEFAULT 0;
