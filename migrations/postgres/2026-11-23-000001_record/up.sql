-- Instants are microseconds since 1970 UTC. Every table of a holder has the holder first in its key.
CREATE TABLE stamp (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT COLLATE "C" NOT NULL
);

CREATE TABLE holder (
    holder BIGINT NOT NULL PRIMARY KEY,
    patient TEXT COLLATE "C" NOT NULL,
    ins TEXT COLLATE "C" NOT NULL,
    state SMALLINT NOT NULL,
    born INTEGER NOT NULL,
    settings SMALLINT NOT NULL,
    changed BIGINT NOT NULL
);
CREATE UNIQUE INDEX holder_ins ON holder (ins);
CREATE UNIQUE INDEX holder_patient ON holder (patient);

-- realm 0: records and directories; realm 1: what testers keep. ref: Type/id.
CREATE TABLE locator (
    realm SMALLINT NOT NULL,
    ref TEXT COLLATE "C" NOT NULL,
    holder BIGINT NOT NULL,
    key BIGINT NOT NULL,
    PRIMARY KEY (realm, ref)
);

-- bound: the DocumentReference whose rights a Binary has. media: the content type of a Binary, whose body is raw.
CREATE TABLE resource (
    holder BIGINT NOT NULL,
    key BIGINT NOT NULL,
    type SMALLINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    version INTEGER NOT NULL,
    updated BIGINT NOT NULL,
    doc_type SMALLINT NOT NULL,
    labels SMALLINT NOT NULL,
    submitter TEXT COLLATE "C" NOT NULL,
    parties TEXT COLLATE "C" NOT NULL,
    bound BIGINT NOT NULL,
    media TEXT COLLATE "C" NOT NULL,
    codec SMALLINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (holder, key)
);
CREATE INDEX resource_type ON resource (holder, type, key);
CREATE INDEX resource_submitter ON resource (submitter, holder, type);

CREATE TABLE resource_version (
    holder BIGINT NOT NULL,
    key BIGINT NOT NULL,
    version INTEGER NOT NULL,
    updated BIGINT NOT NULL,
    codec SMALLINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (holder, key, version)
);

CREATE TABLE index_token (
    holder BIGINT NOT NULL,
    param INTEGER NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    key BIGINT NOT NULL,
    PRIMARY KEY (holder, param, value, key)
);
CREATE INDEX index_token_value ON index_token (param, value, holder, key);
CREATE INDEX index_token_key ON index_token (holder, key);

CREATE TABLE index_string (
    holder BIGINT NOT NULL,
    param INTEGER NOT NULL,
    folded TEXT COLLATE "C" NOT NULL,
    exact TEXT COLLATE "C" NOT NULL,
    key BIGINT NOT NULL,
    PRIMARY KEY (holder, param, folded, exact, key)
);
CREATE INDEX index_string_key ON index_string (holder, key);

CREATE TABLE index_date (
    holder BIGINT NOT NULL,
    param INTEGER NOT NULL,
    start_at BIGINT NOT NULL,
    end_at BIGINT NOT NULL,
    key BIGINT NOT NULL,
    PRIMARY KEY (holder, param, start_at, end_at, key)
);
CREATE INDEX index_date_key ON index_date (holder, key);

CREATE TABLE index_reference (
    holder BIGINT NOT NULL,
    param INTEGER NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    key BIGINT NOT NULL,
    PRIMARY KEY (holder, param, value, key)
);
CREATE INDEX index_reference_value ON index_reference (param, value, holder, key);
CREATE INDEX index_reference_key ON index_reference (holder, key);

CREATE TABLE index_uri (
    holder BIGINT NOT NULL,
    param INTEGER NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    key BIGINT NOT NULL,
    PRIMARY KEY (holder, param, value, key)
);
CREATE INDEX index_uri_key ON index_uri (holder, key);

-- One row for each right of an actor over a holder, in force over [from_at, until_at).
CREATE TABLE access_right (
    holder BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    kind SMALLINT NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    from_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    parts TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (holder, actor, kind, source)
);
CREATE INDEX access_right_actor ON access_right (actor, kind, holder);

-- What was deposited under which master identifier, so that a repeated push is recognised.
CREATE TABLE deposit (
    holder BIGINT NOT NULL,
    submitter TEXT COLLATE "C" NOT NULL,
    master TEXT COLLATE "C" NOT NULL,
    digest BYTEA NOT NULL,
    key BIGINT NOT NULL,
    PRIMARY KEY (holder, submitter, master)
);

-- Append-only. holder 0: the request touched no record that exists.
CREATE TABLE audit_event (
    holder BIGINT NOT NULL,
    key BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    kind SMALLINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    structure TEXT COLLATE "C" NOT NULL,
    agent_name TEXT COLLATE "C" NOT NULL,
    profession TEXT COLLATE "C" NOT NULL,
    purpose SMALLINT NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    interaction TEXT COLLATE "C" NOT NULL,
    status INTEGER NOT NULL,
    target_type SMALLINT NOT NULL,
    target TEXT COLLATE "C" NOT NULL,
    target_key BIGINT NOT NULL,
    query TEXT COLLATE "C" NOT NULL,
    found INTEGER NOT NULL,
    rules TEXT COLLATE "C" NOT NULL,
    law TEXT COLLATE "C" NOT NULL,
    request TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (holder, key)
);
CREATE UNIQUE INDEX audit_event_id ON audit_event (id);
CREATE INDEX audit_event_actor ON audit_event (actor, key);
