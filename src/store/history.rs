//! The history of what testers keep, of a type or of all (FHIR R4 http.html#history): newest first, a page of it in two statements.

use diesel::sql_types::{BigInt, Binary, Integer, SmallInt, Text};

use super::error::Error;
use super::pool::AnyConnection;
use super::read::{VERSIONS_BYTES_MAX, decode};
use super::sql::Statement;
use crate::fhir::ResourceType;
use crate::policy::Scope;

/// What is asked of a history.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// Of this type alone.
    pub resource: Option<ResourceType>,
    /// Versions written at this instant or later, microseconds.
    pub since: Option<i64>,
    /// Versions that were current at some time in `[start, end)`.
    pub at: Option<(i64, i64)>,
    /// Those after this one, as they are told.
    pub after: Option<Written>,
    /// How many.
    pub limit: usize,
}

/// When a version was written, and which; histories are in this order, the newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Written {
    /// Microseconds since 1970.
    pub updated: i64,
    /// The key of the resource.
    pub key: i64,
    /// The version.
    pub version: i32,
}

/// A version with what it is of.
#[derive(Debug, Clone)]
pub struct Past {
    /// Which.
    pub written: Written,
    /// Its type.
    pub resource: ResourceType,
    /// Its logical id.
    pub id: String,
    /// Its bytes; empty for a deletion.
    pub body: Vec<u8>,
    /// Whether it is a deletion.
    pub deleted: bool,
    /// Whether it is a first version that was put.
    pub put: bool,
}

/// A page of versions, and whether there are more. `_at` passes over versions that had been replaced by then: it may look at more
/// than a page.
///
/// # Errors
/// [`Error::Away`], [`Error::Corrupt`].
pub fn page(connection: &mut AnyConnection, scope: &Scope, asked: Asked) -> Result<(Vec<Past>, bool), Error> {
    // INVARIANT: all that testers keep is in the scope of every tester, and nothing else is looked at here.
    if !scope.is_tester() || scope.is_nothing() {
        return Ok((Vec::new(), false));
    }
    let limit = i64::try_from(asked.limit).unwrap_or(i64::MAX).saturating_add(1);
    // How large they are is asked before they are fetched.
    let mut places = Statement::new("SELECT h.updated, h.key, h.version, h.size FROM (");
    for table in ["resource", "resource_version"] {
        if table == "resource_version" {
            places.sql(" UNION ALL ");
        }
        places.sql("SELECT * FROM (SELECT v.updated, v.key, v.version, CAST(LENGTH(v.body) AS BIGINT) AS size FROM ");
        places.sql(table).sql(" v");
        // SQLite takes a tester for one holder of many, and would sort all it keeps.
        if matches!(connection, AnyConnection::Sqlite(_)) {
            let order = match (table, asked.resource) {
                (_, None) => "_history",
                ("resource", Some(_)) => "_updated",
                (_, Some(_)) => "_history_type",
            };
            places.sql(" INDEXED BY ").sql(table).sql(order);
        }
        // The range is that of the index.
        places.sql(" WHERE v.holder = -1 AND v.holder < 0");
        narrow(&mut places, table, &asked);
        places.sql(" ORDER BY v.updated DESC, v.key DESC, v.version DESC LIMIT ").number(limit).sql(") ").sql(table).sql("_page");
    }
    places.sql(") h ORDER BY h.updated DESC, h.key DESC, h.version DESC LIMIT ").number(limit);
    let places: Vec<(i64, i64, i32, i64)> = places.load::<(BigInt, BigInt, Integer, BigInt), _>(connection)?;
    let (mut taken, mut bytes): (Vec<Written>, i64) = (Vec::new(), 0);
    for (updated, key, version, size) in &places {
        bytes = bytes.saturating_add(*size);
        if taken.len() >= asked.limit || (bytes > VERSIONS_BYTES_MAX && !taken.is_empty()) {
            break;
        }
        taken.push(Written { updated: *updated, key: *key, version: *version });
    }
    let more = taken.len() < places.len();
    Ok((bodies(connection, &taken)?, more))
}

/// What narrows a history to what is asked.
fn narrow(statement: &mut Statement, table: &str, asked: &Asked) {
    if let Some(resource) = asked.resource {
        statement.sql(" AND v.type = ").number(resource.number());
    }
    if let Some(since) = asked.since {
        statement.sql(" AND v.updated >= ").big(since);
    }
    if let Some(Written { updated, key, version }) = asked.after {
        // The first condition is for the index.
        statement.sql(" AND v.updated <= ").big(updated);
        statement.sql(" AND (v.updated, v.key, v.version) < (").big(updated).sql(", ").big(key).sql(", ").int(version).sql(")");
    }
    if let Some((start, end)) = asked.at {
        statement.sql(" AND v.updated < ").big(end);
        if table == "resource_version" {
            for (place, next) in ["resource_version", "resource"].iter().enumerate() {
                statement.sql(if place == 0 { " AND (" } else { " OR " }).sql("EXISTS (SELECT 1 FROM ").sql(next);
                statement
                    .sql(" n WHERE n.holder = -1 AND n.key = v.key AND n.version = v.version + 1 AND n.updated > ")
                    .big(start)
                    .sql(")");
            }
            statement.sql(")");
        }
    }
}

/// The versions at these places, in this order.
fn bodies(connection: &mut AnyConnection, places: &[Written]) -> Result<Vec<Past>, Error> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let mut select = Statement::new("WITH wanted (key, version) AS (VALUES ");
    for (place, one) in places.iter().enumerate() {
        select.sql(if place == 0 { "(" } else { ", (" }).big(one.key).sql(", ").int(one.version).sql(")");
    }
    // A version may have become an earlier one meanwhile.
    select.sql(
        ") SELECT r.type, r.id, COALESCE(v.updated, r.updated), r.key, w.version, COALESCE(v.codec, r.codec), COALESCE(v.body, r.body), \
         COALESCE(v.deleted, r.deleted), COALESCE(v.put, r.put) FROM wanted w JOIN resource r ON r.holder = -1 AND r.key = w.key \
         LEFT JOIN resource_version v ON v.holder = -1 AND v.key = w.key AND v.version = w.version \
         WHERE v.version IS NOT NULL OR r.version = w.version",
    );
    type Columns = ((SmallInt, Text, BigInt, BigInt), (Integer, SmallInt, Binary, SmallInt, SmallInt));
    type Row = ((i16, String, i64, i64), (i32, i16, Vec<u8>, i16, i16));
    let mut found = Vec::with_capacity(places.len());
    for ((number, id, updated, key), (version, codec, body, deleted, put)) in select.load::<Columns, Row>(connection)? {
        let resource = ResourceType::from_number(number).ok_or(Error::Corrupt("type"))?;
        let written = Written { updated, key, version };
        found.push(Past { written, resource, id, body: decode(codec, body)?, deleted: deleted != 0, put: put != 0 });
    }
    found.sort_by_key(|past| std::cmp::Reverse(past.written));
    Ok(found)
}
