//! Writing: resource, earlier versions, locator, index rows and rights, all in the caller's transaction (P3).

use diesel::sql_types::{BigInt, Binary, Integer, SmallInt, Text};
use serde_json::Value;

use super::bulk;
use super::error::Error;
use super::pool::AnyConnection;
use super::read::decode;
use super::sql::Statement;
use crate::clock::drawn_at;
use crate::fhir::ResourceType;
use crate::filter::{Actor, Envelope, HolderRow, HolderState, IndexRows, Label, Right, RightKind};
use crate::policy::projection::{Source, project};

/// A resource to write, with all that is kept beside it.
#[derive(Debug, Clone)]
pub struct NewResource {
    /// The envelope, with the new version.
    pub envelope: Envelope,
    /// 0 for records and directories, 1 for what testers keep.
    pub realm: i16,
    /// The key of the DocumentReference that a Binary, report, result or notice is bound to, else 0.
    pub bound: i64,
    /// The content type of a Binary, else empty.
    pub media: String,
    /// The exact bytes to serve; empty for a deletion.
    pub body: Vec<u8>,
    /// Index rows.
    pub index: IndexRows,
    /// Whether this version is a deletion.
    pub deleted: bool,
    /// Whether this version is a first one that was put.
    pub put: bool,
}

/// Inserts a new resource.
///
/// # Errors
/// [`Error::Busy`] when the id or the key is taken.
pub fn insert(connection: &mut AnyConnection, new: &NewResource) -> Result<(), Error> {
    bulk::insert_many(connection, std::slice::from_ref(new))
}

/// Writes a new version over the current one, which moves to `resource_version`.
///
/// # Errors
/// [`Error::Version`] when the current version is not the one before the new one.
pub fn update(connection: &mut AnyConnection, new: &NewResource) -> Result<(), Error> {
    bulk::replace_many(connection, std::slice::from_ref(new))
}

/// Lets whoever else decides on the same condition wait until this transaction ends, so that two conditional creates of the same
/// cannot both find nothing. SQLite has one writer at a time.
///
/// # Errors
/// [`Error::Away`].
pub fn lock_condition(connection: &mut AnyConnection, condition: &str) -> Result<(), Error> {
    if matches!(connection, AnyConnection::Postgres(_)) {
        let mut lock = Statement::new("SELECT CAST(pg_advisory_xact_lock(hashtextextended(");
        lock.text(condition).sql(", 0)) AS TEXT)");
        lock.load::<Text, String>(connection)?;
    }
    Ok(())
}

/// How many names a transaction locks one by one: each takes room in PostgreSQL's table of locks.
const NAMES_MAX: usize = 500;

/// Lets transactions that write several of the same things come one after the other, where each would hold what the other waits for:
/// these names (`Type/id`, conditions) are locked in one order before anything is done. `alone` lets no other such transaction run at
/// all: for one that met another in spite of this, and for one with very many names. SQLite has one writer at a time.
///
/// # Errors
/// [`Error::Away`], [`Error::Busy`].
pub fn lock_together(connection: &mut AnyConnection, names: &[String], alone: bool) -> Result<(), Error> {
    if !matches!(connection, AnyConnection::Postgres(_)) {
        return Ok(());
    }
    let alone = alone || names.len() > NAMES_MAX;
    let shared = if alone { "" } else { "_shared" };
    let lock = format!("SELECT CAST(pg_advisory_xact_lock{shared}(hashtextextended('together', 1)) AS TEXT)");
    Statement::new(&lock).load::<Text, String>(connection)?;
    if alone || names.is_empty() {
        return Ok(());
    }
    // By what is locked, not by name: two names may mean one lock.
    let mut each = Statement::new("SELECT CAST(pg_advisory_xact_lock(o.h) AS TEXT) FROM (SELECT hashtextextended(w.name, 0) AS h FROM ");
    each.table_of(connection, names.iter().map(String::as_str)).sql(" ORDER BY h OFFSET 0) o");
    each.load::<Text, String>(connection)?;
    Ok(())
}

/// Inserts the row of a new holder.
///
/// # Errors
/// [`Error::Duplicate`] when the INS is, or was, that of another space.
pub fn insert_holder(connection: &mut AnyConnection, row: &HolderRow, now: i64) -> Result<(), Error> {
    // Who becomes another INS at the same time comes before or after.
    lock_condition(connection, &row.ins)?;
    let mut statement = Statement::new("INSERT INTO holder (holder, patient, ins, state, born, settings, changed) SELECT ");
    statement.big(row.holder).sql(", ").text(&row.patient).sql(", ").text(&row.ins).sql(", ");
    statement
        .small(row.state.map_or(0, HolderState::number))
        .sql(", ")
        .int(row.born)
        .sql(", ")
        .small(row.settings)
        .sql(", ")
        .big(now)
        .sql(" WHERE NOT EXISTS (SELECT 1 FROM former_ins f WHERE f.ins = ")
        .text(&row.ins)
        .sql(")");
    if statement.execute(connection)? == 0 { Err(Error::Duplicate) } else { Ok(()) }
}

/// The holder that has or had this INS (`system|value`), or has this Patient id. Discloses nothing by itself: what may be said of it is the caller's to decide.
///
/// # Errors
/// [`Error::Away`].
pub fn holder(connection: &mut AnyConnection, column: HolderBy, value: &str) -> Result<Option<HolderRow>, Error> {
    let mut statement = Statement::new("SELECT holder, ins, former, patient, state, born, settings FROM holder WHERE ");
    match column {
        HolderBy::Ins => {
            statement.sql("holder = COALESCE((SELECT w.holder FROM holder w WHERE w.ins = ").text(value);
            statement.sql("), (SELECT f.holder FROM former_ins f WHERE f.ins = ").text(value).sql("))")
        }
        HolderBy::Patient => statement.sql("patient = ").text(value),
    };
    type Row = (i64, String, String, String, i16, i32, i16);
    let rows: Vec<Row> = statement.load::<(BigInt, Text, Text, Text, SmallInt, Integer, SmallInt), _>(connection)?;
    Ok(rows.into_iter().next().map(|(holder, ins, former, patient, state, born, settings)| HolderRow {
        holder,
        ins,
        former,
        patient,
        state: HolderState::from_number(state),
        born,
        settings,
    }))
}

/// By what a holder is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HolderBy {
    /// INS, `system|value`.
    Ins,
    /// The logical id of the Patient.
    Patient,
}

/// Puts a space into a state.
///
/// # Errors
/// [`Error::Away`].
pub fn set_state(connection: &mut AnyConnection, holder: i64, state: HolderState, now: i64) -> Result<(), Error> {
    let mut statement = Statement::new("UPDATE holder SET state = ");
    statement.small(state.number()).sql(", changed = ").big(now).sql(" WHERE holder = ").big(holder);
    statement.execute(connection)?;
    Ok(())
}

/// Lets whoever else writes rights of this holder wait until this transaction ends. Before anything else is written: who holds a
/// resource and waits for its holder would meet who holds the holder and waits for the resource.
///
/// # Errors
/// [`Error::Away`], [`Error::Busy`].
pub fn lock_holder(connection: &mut AnyConnection, holder: i64) -> Result<(), Error> {
    let mut lock = Statement::new("UPDATE holder SET changed = changed WHERE holder = ");
    lock.big(holder);
    lock.execute(connection)?;
    Ok(())
}

/// The types whose resources bear rights over their holder.
const BEARERS: [ResourceType; 3] = [ResourceType::CONSENT, ResourceType::CARE_TEAM, ResourceType::RELATED_PERSON];

/// Stamps that are no more than so far ahead of an id are the time that the clock told, microseconds: a transaction draws ids first.
const AHEAD: i64 = 60_000_000;

/// When a resource that bears rights is written: now, but after all that was written of this holder before, whatever the clock said then:
/// of two Consents the later one counts. The caller has locked the holder.
///
/// # Errors
/// [`Error::Away`].
pub fn after_rights(connection: &mut AnyConnection, holder: i64, now: i64) -> Result<i64, Error> {
    let mut select = Statement::new("SELECT COALESCE(MAX(updated), 0) FROM resource WHERE holder = ");
    select.big(holder).sql(" AND type IN (").numbers(BEARERS.map(ResourceType::number)).sql(")");
    let last = select.load::<BigInt, i64>(connection)?.into_iter().next().unwrap_or_default();
    Ok(now.max(last.saturating_add(1)))
}

/// Computes all rights and settings of a holder again from its Consents, CareTeams and RelatedPersons. The caller has locked the holder,
/// so that of two writers the second sees what the first wrote.
///
/// # Errors
/// [`Error::Corrupt`] for a stored resource that cannot be read: then nothing changes.
pub fn refresh_rights(connection: &mut AnyConnection, holder: &HolderRow) -> Result<(), Error> {
    // Keys grow even where the sandbox's clock is set back: the order is that of first versions, the time by the clock that of the id.
    let mut select = Statement::new(
        "SELECT r.type, r.id, COALESCE(v.updated, r.updated), r.updated, r.codec, r.body FROM resource r \
         LEFT JOIN resource_version v ON v.holder = r.holder AND v.key = r.key AND v.version = 1 WHERE r.holder = ",
    );
    select.big(holder.holder).sql(" AND r.type IN (").numbers(BEARERS.map(ResourceType::number)).sql(") ORDER BY r.key");
    let rows: Vec<(i16, String, i64, i64, i16, Vec<u8>)> =
        select.load::<(SmallInt, Text, BigInt, BigInt, SmallInt, Binary), _>(connection)?;
    let mut sources = Vec::with_capacity(rows.len());
    for (number, id, created, updated, codec, body) in rows {
        let value: Value = serde_json::from_slice(&decode(codec, body)?).map_err(|_| Error::Corrupt("body"))?;
        let resource = ResourceType::from_number(number).ok_or(Error::Corrupt("type"))?;
        let recorded = drawn_at(&id).filter(|at| *at < created.saturating_sub(AHEAD)).unwrap_or(created);
        sources.push(Source { resource, id, created, recorded, updated, value });
    }
    let (rights, settings) = project(&sources, holder.born);
    let mut delete = Statement::new("DELETE FROM access_right WHERE holder = ");
    delete.big(holder.holder);
    delete.execute(connection)?;
    insert_rights(connection, holder.holder, &rights)?;
    let mut set = Statement::new("UPDATE holder SET settings = ");
    set.small(settings).sql(" WHERE holder = ").big(holder.holder);
    set.execute(connection)?;
    Ok(())
}

/// Inserts rights over a holder, one for each actor, kind and source.
///
/// # Errors
/// [`Error::Duplicate`].
pub fn insert_rights(connection: &mut AnyConnection, holder: i64, rights: &[Right]) -> Result<(), Error> {
    let each = |s: &mut Statement, right: &Right| {
        s.big(holder).sql(", ").text(right.actor.as_str()).sql(", ").small(right.kind.number()).sql(", ").text(&right.source);
        s.sql(", ").big(right.from).sql(", ").big(right.until).sql(", ").text(&right.parts);
    };
    let into = "INSERT INTO access_right (holder, actor, kind, source, from_at, until_at, parts) VALUES ";
    bulk::statements(connection, into, rights, each, "")?;
    Ok(())
}

/// A document as it was answered when it was deposited.
#[derive(Debug, Clone)]
pub struct FirstVersion {
    /// Digest of what was received.
    pub digest: Vec<u8>,
    /// Its key.
    pub key: i64,
    /// Its logical id.
    pub id: String,
    /// When it was written.
    pub updated: i64,
    /// Its first version.
    pub body: Vec<u8>,
    /// Whether it is `entered-in-error` now.
    pub withdrawn: bool,
}

/// What was deposited by this submitter under this master identifier.
///
/// # Errors
/// [`Error::Away`], [`Error::Corrupt`].
pub fn deposited(connection: &mut AnyConnection, holder: i64, submitter: &str, master: &str) -> Result<Option<FirstVersion>, Error> {
    let mut select = Statement::new(
        "SELECT d.digest, d.key, r.id, COALESCE(v.updated, r.updated), COALESCE(v.codec, r.codec), COALESCE(v.body, r.body), r.labels FROM deposit d \
         JOIN resource r ON r.holder = d.holder AND r.key = d.key \
         LEFT JOIN resource_version v ON v.holder = d.holder AND v.key = d.key AND v.version = 1 WHERE d.holder = ",
    );
    select.big(holder).sql(" AND d.submitter = ").text(submitter).sql(" AND d.master = ").text(master);
    type Row = (Vec<u8>, i64, String, i64, i16, Vec<u8>, i16);
    let rows: Vec<Row> = select.load::<(Binary, BigInt, Text, BigInt, SmallInt, Binary, SmallInt), _>(connection)?;
    let Some((digest, key, id, updated, codec, body, labels)) = rows.into_iter().next() else { return Ok(None) };
    let withdrawn = labels & Label::EnteredInError.bit() != 0;
    Ok(Some(FirstVersion { digest, key, id, updated, body: decode(codec, body)?, withdrawn }))
}

/// Who has this right over the holder at an instant.
///
/// # Errors
/// [`Error::Away`].
pub fn actor_of(connection: &mut AnyConnection, holder: i64, kind: RightKind, now: i64) -> Result<Option<Actor>, Error> {
    let mut select = Statement::new("SELECT actor FROM access_right WHERE holder = ");
    select.big(holder).sql(" AND kind = ").number(kind.number()).sql(" AND from_at <= ").big(now).sql(" AND until_at > ").big(now);
    Ok(select.load::<Text, String>(connection)?.into_iter().next().map(Actor::stored))
}

/// Whether the holder, or a representative, was shown the document, or what it brought, since it was deposited.
///
/// # Errors
/// [`Error::Away`].
pub fn seen_by_holder(connection: &mut AnyConnection, document: &Envelope, kinds: &[i16]) -> Result<bool, Error> {
    let mut select = Statement::new("SELECT r.key FROM audit_event r WHERE r.holder = ");
    // Whatever the key of the trace: it may be of another clock than the document's.
    select.big(document.holder).sql(" AND r.kind IN (").numbers(kinds.iter().copied());
    // Who reads a trace of the document has not seen the document.
    select.sql(") AND r.status < 400 AND r.found > 0 AND r.target_type <> ").number(ResourceType::AUDIT_EVENT.number());
    let these = |select: &mut Statement| {
        select.sql(" IN (SELECT b.key FROM resource b WHERE b.holder = ").big(document.holder).sql(" AND (b.key = ").big(document.key);
        select.sql(" OR b.bound <> 0 AND b.bound = ").big(document.key);
        // Who reads that there is something has not seen it.
        select.sql(" AND b.type <> ").number(ResourceType::COMMUNICATION.number()).sql("))");
    };
    select.sql(" AND (r.target_key");
    these(&mut select);
    select.sql(" OR EXISTS (SELECT 1 FROM audit_disclosed d WHERE d.holder = r.holder AND d.key = r.key AND d.target");
    these(&mut select);
    select.sql(")) LIMIT 1");
    Ok(!select.load::<BigInt, i64>(connection)?.is_empty())
}

/// Remembers a deposit.
///
/// # Errors
/// [`Error::Busy`] when a concurrent push of the same was first: done again, this one finds it.
pub fn remember_deposit(connection: &mut AnyConnection, e: &Envelope, master: &str, digest: &[u8]) -> Result<(), Error> {
    let mut statement = Statement::new("INSERT INTO deposit (holder, submitter, master, digest, key) VALUES (");
    statement.big(e.holder).sql(", ").text(&e.submitter).sql(", ").text(master).sql(", ").bytes(digest).sql(", ").big(e.key).sql(")");
    statement.execute(connection).map_err(bulk::taken)?;
    Ok(())
}
