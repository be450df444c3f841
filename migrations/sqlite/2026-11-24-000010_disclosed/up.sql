-- What a request disclosed where that was more than one resource of the holder: their keys; one alone is audit_event.target_key.
-- target 0: the query may tell of other documents too. Append-only as the trace it belongs to.
CREATE TABLE audit_disclosed (
    holder BIGINT NOT NULL,
    key BIGINT NOT NULL,
    target BIGINT NOT NULL,
    PRIMARY KEY (holder, key, target)
) WITHOUT ROWID;
CREATE INDEX audit_disclosed_target ON audit_disclosed (holder, target, key);
