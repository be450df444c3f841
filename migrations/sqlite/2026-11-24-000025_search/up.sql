-- Numbers and quantities: as ordered integers, under each spelling of their unit (a number has none).
CREATE TABLE index_quantity (
    holder BIGINT NOT NULL,
    param INTEGER NOT NULL,
    unit TEXT NOT NULL,
    low BIGINT NOT NULL,
    high BIGINT NOT NULL,
    key BIGINT NOT NULL,
    PRIMARY KEY (holder, param, unit, low, high, key)
) WITHOUT ROWID;
CREATE INDEX index_quantity_key ON index_quantity (holder, key, param);

-- The dates of what testers keep, beside whom they are about: a page of one person's resources by date is one range.
-- What belongs to a holder has that order by its holder.
CREATE TABLE index_person_date (
    holder BIGINT NOT NULL,
    param INTEGER NOT NULL,
    person TEXT NOT NULL,
    start_at BIGINT NOT NULL,
    end_at BIGINT NOT NULL,
    key BIGINT NOT NULL,
    PRIMARY KEY (holder, param, person, start_at, end_at, key)
) WITHOUT ROWID;
CREATE INDEX index_person_date_key ON index_person_date (holder, key, param);

-- What a resource has for one parameter is one look-up.
DROP INDEX index_token_key;
DROP INDEX index_string_key;
DROP INDEX index_date_key;
DROP INDEX index_reference_key;
DROP INDEX index_uri_key;
CREATE INDEX index_token_key ON index_token (holder, key, param);
CREATE INDEX index_string_key ON index_string (holder, key, param);
CREATE INDEX index_date_key ON index_date (holder, key, param);
CREATE INDEX index_reference_key ON index_reference (holder, key, param);
CREATE INDEX index_uri_key ON index_uri (holder, key, param);

-- Questions over many holders ask records and directories; what testers keep has one holder.
DROP INDEX index_token_value;
DROP INDEX index_reference_value;
CREATE INDEX index_token_value ON index_token (param, value, holder, key) WHERE holder >= 0;
CREATE INDEX index_reference_value ON index_reference (param, value, holder, key) WHERE holder >= 0;

-- `_sort=_lastUpdated`.
CREATE INDEX resource_updated ON resource (holder, type, updated, key);
