-- Each law that decisions were made by: audit_event.law names it. digest: SHA-256 of the list of tables, which has each table's own.
CREATE TABLE law (
    version TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL,
    tables TEXT NOT NULL,
    since BIGINT NOT NULL
) WITHOUT ROWID;
