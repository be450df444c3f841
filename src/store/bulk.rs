//! Writing resources, one or thousands: each table in multi-row statements (DESIGN 4), in the caller's transaction.

use std::collections::HashMap;

use diesel::sql_types::{BigInt, Binary, Integer, SmallInt, Text};

use super::error::Error;
use super::pool::AnyConnection;
use super::read::{PLAIN, decode};
use super::sql::Statement;
use super::write::NewResource;
use crate::fhir::ResourceType;
use crate::filter::Envelope;

/// Rows in a statement; with up to fifteen binds each it stays far below the limit of either database (32 766 on SQLite).
const ROWS_PER_STATEMENT: usize = 500;

/// The tables of index rows.
const INDEXES: [&str; 5] = ["index_token", "index_string", "index_date", "index_reference", "index_uri"];

/// A key drawn twice, or another writer of the same: the work that is done again draws another, or finds what the other wrote.
pub fn taken(error: diesel::result::Error) -> Error {
    match error.into() {
        Error::Duplicate => Error::Busy,
        other => other,
    }
}

/// Inserts new resources.
///
/// # Errors
/// [`Error::Busy`] when an id or a key is taken.
pub fn insert_many(connection: &mut AnyConnection, all: &[NewResource]) -> Result<(), Error> {
    let locate = |s: &mut Statement, new: &NewResource| {
        let e = &new.envelope;
        s.small(new.realm).sql(", ").text(format!("{}/{}", e.resource, e.id)).sql(", ").big(e.holder).sql(", ").big(e.key);
    };
    statements(connection, "INSERT INTO locator (realm, ref, holder, key) VALUES ", all, locate, "").map_err(taken)?;
    insert_rows(connection, all)
}

/// Ends `IN (SELECT * FROM (VALUES …`: of bare `VALUES` with several rows SQLite asks every row of the table.
const OF_THESE: &str = ") w)";

/// Writes new versions over the current ones, which move to `resource_version`.
///
/// # Errors
/// [`Error::Version`] when some current version is not the one before the new one.
pub fn replace_many(connection: &mut AnyConnection, all: &[NewResource]) -> Result<(), Error> {
    if all.is_empty() {
        return Ok(());
    }
    let former = |s: &mut Statement, new: &NewResource| {
        let e = &new.envelope;
        s.big(e.holder).sql(", ").big(e.key).sql(", ").int(e.version - 1);
    };
    let row = |s: &mut Statement, new: &NewResource| {
        s.big(new.envelope.holder).sql(", ").big(new.envelope.key);
    };
    let version = || Error::Version { found: all.first().map_or(0, |new| new.envelope.version) };
    let keep = "INSERT INTO resource_version (holder, key, version, updated, codec, body, deleted, type) \
                SELECT holder, key, version, updated, codec, body, deleted, type FROM resource WHERE (holder, key, version) IN (SELECT * FROM (VALUES ";
    // Two writers of one version meet at this key, or the second finds the version gone.
    match statements(connection, keep, all, former, OF_THESE).map_err(Error::from) {
        Ok(kept) if kept == all.len() => {}
        Ok(_) | Err(Error::Duplicate) => return Err(version()),
        Err(other) => return Err(other),
    }
    if statements(connection, "DELETE FROM resource WHERE (holder, key, version) IN (SELECT * FROM (VALUES ", all, former, OF_THESE)?
        != all.len()
    {
        return Err(version());
    }
    for table in INDEXES {
        statements(connection, &format!("DELETE FROM {table} WHERE (holder, key) IN (SELECT * FROM (VALUES "), all, row, OF_THESE)?;
    }
    insert_rows(connection, all)
}

fn insert_rows(connection: &mut AnyConnection, all: &[NewResource]) -> Result<(), Error> {
    let resource = |s: &mut Statement, new: &NewResource| {
        let e = &new.envelope;
        s.big(e.holder).sql(", ").big(e.key).sql(", ").small(e.resource.number()).sql(", ").text(&e.id).sql(", ").int(e.version).sql(", ");
        s.big(e.updated).sql(", ").small(e.doc_type).sql(", ").small(e.labels).sql(", ").text(&e.submitter).sql(", ").text(&e.parties);
        s.sql(", ").big(new.bound).sql(", ").text(&new.media).sql(", ").small(PLAIN).sql(", ").bytes(new.body.as_slice()).sql(", ");
        s.small(i16::from(new.deleted));
    };
    let into = "INSERT INTO resource (holder, key, type, id, version, updated, doc_type, labels, submitter, parties, bound, media, codec, \
                body, deleted) VALUES ";
    statements(connection, into, all, resource, "").map_err(taken)?;
    let place = |new: &NewResource| (new.envelope.holder, new.envelope.key);
    let rows: Vec<_> = all.iter().flat_map(|new| new.index.token.iter().map(move |row| (place(new), row))).collect();
    statements(
        connection,
        "INSERT INTO index_token (holder, param, value, key) VALUES ",
        &rows,
        |s, ((holder, key), (param, value))| {
            s.big(*holder).sql(", ").int(param.key()).sql(", ").text(value).sql(", ").big(*key);
        },
        "",
    )?;
    let rows: Vec<_> = all.iter().flat_map(|new| new.index.string.iter().map(move |row| (place(new), row))).collect();
    statements(
        connection,
        "INSERT INTO index_string (holder, param, folded, exact, key) VALUES ",
        &rows,
        |s, ((holder, key), (param, folded, exact))| {
            s.big(*holder).sql(", ").int(param.key()).sql(", ").text(folded).sql(", ").text(exact).sql(", ").big(*key);
        },
        "",
    )?;
    let rows: Vec<_> = all.iter().flat_map(|new| new.index.date.iter().map(move |row| (place(new), row))).collect();
    statements(
        connection,
        "INSERT INTO index_date (holder, param, start_at, end_at, key) VALUES ",
        &rows,
        |s, ((holder, key), (param, start, end))| {
            s.big(*holder).sql(", ").int(param.key()).sql(", ").big(*start).sql(", ").big(*end).sql(", ").big(*key);
        },
        "",
    )?;
    for (table, of) in [("index_reference", true), ("index_uri", false)] {
        let rows: Vec<_> = all
            .iter()
            .flat_map(|new| if of { &new.index.reference } else { &new.index.uri }.iter().map(move |row| (place(new), row)))
            .collect();
        let into = format!("INSERT INTO {table} (holder, param, value, key) VALUES ");
        statements(
            connection,
            &into,
            &rows,
            |s, ((holder, key), (param, value))| {
                s.big(*holder).sql(", ").int(param.key()).sql(", ").text(value).sql(", ").big(*key);
            },
            "",
        )?;
    }
    Ok(())
}

/// Statements of many rows between a beginning and an end; how many rows they changed.
pub fn statements<T>(
    connection: &mut AnyConnection,
    begin: &str,
    rows: &[T],
    each: impl Fn(&mut Statement, &T),
    end: &str,
) -> diesel::QueryResult<usize> {
    let mut changed = 0;
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        let mut statement = Statement::new(begin);
        for (place, row) in chunk.iter().enumerate() {
            statement.sql(if place == 0 { "(" } else { ", (" });
            each(&mut statement, row);
            statement.sql(")");
        }
        statement.sql(end);
        changed += statement.execute(connection)?;
    }
    Ok(changed)
}

/// A resource that is stored.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its envelope.
    pub envelope: Envelope,
    /// Its bytes; empty for a deletion.
    pub body: Vec<u8>,
    /// Whether the current version is a deletion.
    pub deleted: bool,
}

/// What is stored under these addresses (`Type/id`) in a realm. Discloses nothing by itself: the caller's scope must reach the realm.
///
/// # Errors
/// [`Error::Away`], [`Error::Corrupt`].
pub fn known(connection: &mut AnyConnection, realm: i16, references: &[String]) -> Result<HashMap<String, Known>, Error> {
    type Columns = ((Text, BigInt, BigInt, SmallInt, Text, Integer, BigInt), (SmallInt, SmallInt, Text, Text, SmallInt, Binary, SmallInt));
    type Row = ((String, i64, i64, i16, String, i32, i64), (i16, i16, String, String, i16, Vec<u8>, i16));
    let mut found = HashMap::with_capacity(references.len());
    for chunk in references.chunks(ROWS_PER_STATEMENT) {
        let mut select = Statement::new(
            "SELECT l.ref, r.holder, r.key, r.type, r.id, r.version, r.updated, r.doc_type, r.labels, r.submitter, r.parties, r.codec, r.body, \
             r.deleted FROM locator l JOIN resource r ON r.holder = l.holder AND r.key = l.key WHERE l.realm = ",
        );
        select.number(realm).sql(" AND l.ref IN (").texts(chunk.iter().map(String::as_str)).sql(")");
        for (first, second) in select.load::<Columns, Row>(connection)? {
            let (name, holder, key, number, id, version, updated) = first;
            let (doc_type, labels, submitter, parties, codec, body, deleted) = second;
            let resource = ResourceType::from_number(number).ok_or(Error::Corrupt("type"))?;
            let envelope = Envelope { holder, key, resource, id, version, updated, doc_type, labels, submitter, parties };
            found.insert(name, Known { envelope, body: decode(codec, body)?, deleted: deleted != 0 });
        }
    }
    Ok(found)
}
