//! Writing resources, one or thousands: each table in multi-row statements (DESIGN 4), in the caller's transaction.

use std::collections::HashMap;

use diesel::sql_types::{BigInt, Binary, Integer, SmallInt, Text};

use super::error::Error;
use super::pool::AnyConnection;
use super::read::{PLAIN, decode};
use super::rows::{self, Column, Rows};
use super::sql::Statement;
use super::statistics;
use super::write::NewResource;
use crate::fhir::ResourceType;
use crate::filter::signature::signature;
use crate::filter::{Envelope, IndexRows, Param};

/// Rows in a statement; with up to sixteen binds each it stays far below the limit of either database (32 766 on SQLite).
pub const ROWS_PER_STATEMENT: usize = 500;

/// Of a date in `index_date.ends`: no other of its resource and parameter comes before it.
pub const LEAST: i16 = 1;
/// No other comes after it.
pub const GREATEST: i16 = 2;
/// Written by a build that did not say.
pub const UNSAID: i16 = 4;

/// The tables of index rows.
pub const INDEXES: [&str; 7] =
    ["index_token", "index_string", "index_date", "index_reference", "index_uri", "index_quantity", "index_person_date"];

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
    statistics::count(all.len());
    let mut rows = vec![located(all)];
    rows.extend(rows_of(all));
    rows::insert(connection, rows).map_err(taken)
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
    let keep = "INSERT INTO resource_version (holder, key, version, updated, codec, body, deleted, put, type) SELECT holder, key, version, \
                updated, codec, body, deleted, put, type FROM resource WHERE (holder, key, version) IN (SELECT * FROM (VALUES ";
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
    statistics::count(all.len());
    rows::insert(connection, rows_of(all)).map_err(taken)?;
    // What testers keep belongs to nobody, and has no rights to lend.
    let lends = |new: &&NewResource| new.realm == 0 && new.envelope.resource == ResourceType::DOCUMENT_REFERENCE;
    all.iter().filter(lends).try_for_each(|new| lend(connection, &new.envelope))
}

/// Lends the rights of a document to what it brought: reports and results are seen as it is, in the statement that looks for them.
///
/// INVARIANT: every version of a document passes here, so that no label of it is missing from what it brought.
fn lend(connection: &mut AnyConnection, document: &Envelope) -> Result<(), Error> {
    let mut update = Statement::new("UPDATE resource SET doc_type = ");
    update.small(document.doc_type).sql(", labels = ").small(document.labels).sql(", submitter = ").text(&document.submitter);
    update.sql(", parties = ").text(&document.parties).sql(", first_key = ").big(document.lasting_from());
    update.sql(" WHERE holder = ").big(document.holder).sql(" AND bound <> 0 AND bound = ").big(document.key).sql(" AND type IN (");
    update.numbers(ResourceType::BROUGHT.map(ResourceType::number)).sql(")");
    update.execute(connection)?;
    Ok(())
}

fn located(all: &[NewResource]) -> Rows {
    let columns = vec![
        Column::Small(all.iter().map(|new| new.realm).collect()),
        Column::Text(all.iter().map(|new| format!("{}/{}", new.envelope.resource, new.envelope.id)).collect()),
        Column::Big(all.iter().map(|new| new.envelope.holder).collect()),
        Column::Big(all.iter().map(|new| new.envelope.key).collect()),
    ];
    Rows { into: "locator (realm, ref, holder, key)", columns }
}

/// The rows of the resources and of all that is searched, each table in the order of its key.
fn rows_of(all: &[NewResource]) -> Vec<Rows> {
    let of = |name: fn(&IndexRows) -> &Vec<(Param, String)>| {
        let mut rows: Vec<(i64, i32, &String, i64)> = Vec::new();
        for new in all {
            let e = &new.envelope;
            rows.extend(name(&new.index).iter().map(|(param, value)| (e.holder, param.key(), value, e.key)));
        }
        rows.sort_unstable();
        vec![
            Column::Big(rows.iter().map(|row| row.0).collect()),
            Column::Int(rows.iter().map(|row| row.1).collect()),
            Column::Text(rows.iter().map(|row| row.2.clone()).collect()),
            Column::Big(rows.iter().map(|row| row.3).collect()),
        ]
    };
    vec![
        Rows {
            into: "resource (holder, key, type, id, version, updated, doc_type, labels, submitter, parties, bound, media, codec, body, deleted, put, first_key)",
            columns: resources(all),
        },
        Rows { into: "index_token (holder, param, value, key)", columns: of(|index| &index.token) },
        Rows { into: "index_reference (holder, param, value, key)", columns: of(|index| &index.reference) },
        Rows { into: "index_uri (holder, param, value, key)", columns: of(|index| &index.uri) },
        Rows { into: "index_string (holder, param, folded, exact, key)", columns: strings(all) },
        Rows { into: "index_date (holder, param, start_at, end_at, key, ends)", columns: dates(all) },
        Rows { into: "index_quantity (holder, param, unit, low, high, key)", columns: quantities(all) },
        Rows { into: "index_person_date (holder, param, person, start_at, end_at, key, ends, tokens)", columns: persons(all) },
    ]
}

fn resources(all: &[NewResource]) -> Vec<Column> {
    let big = |of: fn(&NewResource) -> i64| Column::Big(all.iter().map(of).collect());
    let small = |of: fn(&NewResource) -> i16| Column::Small(all.iter().map(of).collect());
    let text = |of: fn(&NewResource) -> &String| Column::Text(all.iter().map(|new| of(new).clone()).collect());
    vec![
        big(|new| new.envelope.holder),
        big(|new| new.envelope.key),
        small(|new| new.envelope.resource.number()),
        text(|new| &new.envelope.id),
        Column::Int(all.iter().map(|new| new.envelope.version).collect()),
        big(|new| new.envelope.updated),
        small(|new| new.envelope.doc_type),
        small(|new| new.envelope.labels),
        text(|new| &new.envelope.submitter),
        text(|new| &new.envelope.parties),
        big(|new| new.bound),
        text(|new| &new.media),
        small(|_| PLAIN),
        Column::Bytes(all.iter().map(|new| new.body.clone()).collect()),
        small(|new| i16::from(new.deleted)),
        small(|new| i16::from(new.put)),
        big(|new| new.envelope.first),
    ]
}

fn strings(all: &[NewResource]) -> Vec<Column> {
    let of = |new: &NewResource| {
        let (holder, key) = (new.envelope.holder, new.envelope.key);
        new.index
            .string
            .iter()
            .map(move |(param, folded, exact)| (holder, param.key(), folded.clone(), exact.clone(), key))
            .collect::<Vec<_>>()
    };
    let mut rows: Vec<_> = all.iter().flat_map(of).collect();
    rows.sort_unstable();
    vec![
        Column::Big(rows.iter().map(|row| row.0).collect()),
        Column::Int(rows.iter().map(|row| row.1).collect()),
        Column::Text(rows.iter().map(|row| row.2.clone()).collect()),
        Column::Text(rows.iter().map(|row| row.3.clone()).collect()),
        Column::Big(rows.iter().map(|row| row.4).collect()),
    ]
}

fn dates(all: &[NewResource]) -> Vec<Column> {
    let of = |new: &NewResource| {
        let (holder, key) = (new.envelope.holder, new.envelope.key);
        ended(&new.index.date)
            .into_iter()
            .map(move |(param, start, end, ends)| (holder, param.key(), start, end, key, ends))
            .collect::<Vec<_>>()
    };
    let mut rows: Vec<_> = all.iter().flat_map(of).collect();
    rows.sort_unstable();
    vec![
        Column::Big(rows.iter().map(|row| row.0).collect()),
        Column::Int(rows.iter().map(|row| row.1).collect()),
        Column::Big(rows.iter().map(|row| row.2).collect()),
        Column::Big(rows.iter().map(|row| row.3).collect()),
        Column::Big(rows.iter().map(|row| row.4).collect()),
        Column::Small(rows.iter().map(|row| row.5).collect()),
    ]
}

/// The dates of a resource, each with what it is among those of its parameter: [`LEAST`], [`GREATEST`], or both.
fn ended(dates: &[(Param, i64, i64)]) -> Vec<(Param, i64, i64, i16)> {
    let mut sorted = dates.to_vec();
    sorted.sort_unstable();
    let of = |place: Option<usize>| place.and_then(|place| sorted.get(place)).map(|(param, ..)| *param);
    let each = sorted.iter().enumerate().map(|(place, (param, start, end))| {
        let least = if of(place.checked_sub(1)) == Some(*param) { 0 } else { LEAST };
        let greatest = if of(Some(place + 1)) == Some(*param) { 0 } else { GREATEST };
        (*param, *start, *end, least | greatest)
    });
    each.collect()
}

fn quantities(all: &[NewResource]) -> Vec<Column> {
    let mut rows = Vec::new();
    for new in all {
        let e = &new.envelope;
        rows.extend(new.index.quantity.iter().map(|(param, unit, low, high)| (e.holder, param.key(), unit.clone(), *low, *high, e.key)));
    }
    rows.sort_unstable();
    vec![
        Column::Big(rows.iter().map(|row| row.0).collect()),
        Column::Int(rows.iter().map(|row| row.1).collect()),
        Column::Text(rows.iter().map(|row| row.2.clone()).collect()),
        Column::Big(rows.iter().map(|row| row.3).collect()),
        Column::Big(rows.iter().map(|row| row.4).collect()),
        Column::Big(rows.iter().map(|row| row.5).collect()),
    ]
}

/// What belongs to a holder is in the order of its dates already.
fn persons(all: &[NewResource]) -> Vec<Column> {
    let mut rows: Vec<(i64, i32, &String, i64, i64, i64, i16, i64)> = Vec::new();
    for new in all.iter().filter(|new| new.realm != 0 && !new.index.persons.is_empty()) {
        let (e, tokens) = (&new.envelope, signature(&new.index.token));
        let dates = ended(&new.index.date);
        for person in &new.index.persons {
            rows.extend(dates.iter().map(|(param, start, end, ends)| (e.holder, param.key(), person, *start, *end, e.key, *ends, tokens)));
        }
    }
    rows.sort_unstable();
    vec![
        Column::Big(rows.iter().map(|row| row.0).collect()),
        Column::Int(rows.iter().map(|row| row.1).collect()),
        Column::Text(rows.iter().map(|row| row.2.clone()).collect()),
        Column::Big(rows.iter().map(|row| row.3).collect()),
        Column::Big(rows.iter().map(|row| row.4).collect()),
        Column::Big(rows.iter().map(|row| row.5).collect()),
        Column::Small(rows.iter().map(|row| row.6).collect()),
        Column::Big(rows.iter().map(|row| row.7).collect()),
    ]
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
    type Columns =
        ((Text, BigInt, BigInt, SmallInt, Text, Integer, BigInt), (SmallInt, SmallInt, Text, Text, SmallInt, Binary, SmallInt, BigInt));
    type Row = ((String, i64, i64, i16, String, i32, i64), (i16, i16, String, String, i16, Vec<u8>, i16, i64));
    let mut found = HashMap::with_capacity(references.len());
    for chunk in references.chunks(ROWS_PER_STATEMENT) {
        let mut select = Statement::new(
            "SELECT l.ref, r.holder, r.key, r.type, r.id, r.version, r.updated, r.doc_type, r.labels, r.submitter, r.parties, r.codec, r.body, \
             r.deleted, r.first_key FROM ",
        );
        select.table_of(connection, chunk.iter().map(String::as_str));
        // One by one, by the two keys: a plan made while the tables were empty must not read all of them when they are full.
        let (locator, resource) = match connection {
            AnyConnection::Postgres(_) => (
                [" CROSS JOIN LATERAL (SELECT l.ref, l.holder, l.key FROM locator l WHERE ", " LIMIT 1) l"],
                [" CROSS JOIN LATERAL (SELECT r.* FROM resource r WHERE ", " LIMIT 1) r"],
            ),
            AnyConnection::Sqlite(_) => ([" CROSS JOIN locator l ON ", ""], [" CROSS JOIN resource r ON ", ""]),
        };
        select.sql(locator[0]).sql("l.realm = ").number(realm).sql(" AND l.ref = w.name").sql(locator[1]);
        select.sql(resource[0]).sql("r.holder = l.holder AND r.key = l.key").sql(resource[1]);
        for (first, second) in select.load::<Columns, Row>(connection)? {
            let (name, holder, key, number, id, version, updated) = first;
            let (doc_type, labels, submitter, parties, codec, body, deleted, counted) = second;
            let resource = ResourceType::from_number(number).ok_or(Error::Corrupt("type"))?;
            let envelope = Envelope { holder, key, resource, id, version, updated, doc_type, labels, submitter, parties, first: counted };
            found.insert(name, Known { envelope, body: decode(codec, body)?, deleted: deleted != 0 });
        }
    }
    Ok(found)
}
