-- How far `ensemble import` has come with a file, known by the SHA-256 of its content; written with the resources it tells of.
-- items: lines done, or 1 for a file that is one resource. done: 1 for the whole file.
CREATE TABLE import_source (
    digest TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    items BIGINT NOT NULL,
    done SMALLINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    unchanged BIGINT NOT NULL,
    deleted BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    changed BIGINT NOT NULL
) WITHOUT ROWID;
