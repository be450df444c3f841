-- Each law that decisions were made by: audit_event.law names it. digest: SHA-256 of the list of tables, which has each table's own.
CREATE TABLE law (
    version TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    digest TEXT COLLATE "C" NOT NULL,
    tables TEXT COLLATE "C" NOT NULL,
    since BIGINT NOT NULL
);
