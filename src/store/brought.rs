//! What documents brought: reports and results, as they are known when they are sent again.

use diesel::sql_types::{BigInt, Binary, Integer, SmallInt, Text};

use super::error::Error;
use super::pool::AnyConnection;
use super::read::decode;
use super::sql::Statement;
use crate::fhir::ResourceType;
use crate::filter::{Envelope, Param};

/// A report or result that is stored.
#[derive(Debug, Clone)]
pub struct Brought {
    /// Its envelope, with what its document lends it.
    pub envelope: Envelope,
    /// The current version.
    pub body: Vec<u8>,
    /// The key of the document that it came with.
    pub bound: i64,
    /// The id of that document.
    pub document: String,
}

type Columns =
    ((BigInt, BigInt, SmallInt, Text, Integer, BigInt), (SmallInt, SmallInt, Text, Text, BigInt, BigInt, Text, SmallInt, Binary));
type Row = ((i64, i64, i16, String, i32, i64), (i16, i16, String, String, i64, i64, String, i16, Vec<u8>));

const COLUMNS: &str = "SELECT r.holder, r.key, r.type, r.id, r.version, r.updated, r.doc_type, r.labels, r.submitter, r.parties, r.first_key, \
                       r.bound, e.id, r.codec, r.body FROM ";

/// Joins the document.
const DOCUMENT: &str = "JOIN resource e ON e.holder = r.holder AND e.key = r.bound";

fn brought((one, other): Row) -> Result<Brought, Error> {
    let (holder, key, number, id, version, updated) = one;
    let (doc_type, labels, submitter, parties, first, bound, document, codec, body) = other;
    let resource = ResourceType::from_number(number).ok_or(Error::Corrupt("type"))?;
    let envelope = Envelope { holder, key, resource, id, version, updated, doc_type, labels, submitter, parties, first };
    Ok(Brought { envelope, body: decode(codec, body)?, bound, document })
}

/// The report that this submitter sent under this name (see [`remember_deposit`](super::write::remember_deposit)), whatever became of it.
///
/// # Errors
/// [`Error::Away`], [`Error::Corrupt`].
pub fn report(connection: &mut AnyConnection, holder: i64, submitter: &str, name: &str) -> Result<Option<Brought>, Error> {
    let mut select = Statement::new(COLUMNS);
    select.sql("deposit d JOIN resource r ON r.holder = d.holder AND r.key = d.key ").sql(DOCUMENT).sql(" WHERE d.holder = ").big(holder);
    select.sql(" AND d.submitter = ").text(submitter).sql(" AND d.master = ").text(name);
    select.load::<Columns, Row>(connection)?.into_iter().next().map(brought).transpose()
}

/// The results that came with this document.
///
/// # Errors
/// [`Error::Away`], [`Error::Corrupt`].
pub fn results(connection: &mut AnyConnection, holder: i64, document: i64) -> Result<Vec<Brought>, Error> {
    let mut select = Statement::new(COLUMNS);
    select.sql("resource r ").sql(DOCUMENT).sql(" WHERE r.holder = ").big(holder).sql(" AND r.bound <> 0 AND r.bound = ").big(document);
    select.sql(" AND r.type = ").number(ResourceType::OBSERVATION.number()).sql(" ORDER BY r.key");
    select.load::<Columns, Row>(connection)?.into_iter().map(brought).collect()
}

/// What was noted of a push that was remembered under this name, and the key of what it wrote.
///
/// # Errors
/// [`Error::Away`].
pub fn pushed(connection: &mut AnyConnection, holder: i64, submitter: &str, name: &str) -> Result<Option<(Vec<u8>, i64)>, Error> {
    let mut select = Statement::new("SELECT d.digest, d.key FROM deposit d WHERE d.holder = ");
    select.big(holder).sql(" AND d.submitter = ").text(submitter).sql(" AND d.master = ").text(name);
    Ok(select.load::<(Binary, BigInt), (Vec<u8>, i64)>(connection)?.into_iter().next())
}

/// The version of a resource that is no more or still current, as it was answered: when it was written, and its bytes.
///
/// # Errors
/// [`Error::Away`], [`Error::Corrupt`].
pub fn version(connection: &mut AnyConnection, holder: i64, key: i64, version: i32) -> Result<Option<(i64, Vec<u8>)>, Error> {
    let mut select = Statement::default();
    for (place, table) in ["resource", "resource_version"].into_iter().enumerate() {
        select.sql(if place == 0 { "" } else { " UNION ALL " }).sql("SELECT v.updated, v.codec, v.body FROM ").sql(table);
        select.sql(" v WHERE v.holder = ").big(holder).sql(" AND v.key = ").big(key).sql(" AND v.version = ").int(version);
    }
    let row: Option<(i64, i16, Vec<u8>)> = select.load::<(BigInt, SmallInt, Binary), _>(connection)?.into_iter().next();
    row.map(|(updated, codec, body)| Ok((updated, decode(codec, body)?))).transpose()
}

/// The documents (`DocumentReference/id`) that brought these, now and before: holder and key of each, with the document.
///
/// # Errors
/// [`Error::Away`].
pub fn documents(connection: &mut AnyConnection, holder: i64, brought: &[&Envelope]) -> Result<Vec<(i64, String)>, Error> {
    if brought.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<i64> = brought.iter().map(|envelope| envelope.key).collect();
    let mut select = Statement::new("SELECT x.key, x.value FROM index_reference x WHERE x.holder = ");
    select.big(holder).sql(" AND x.param IN (").numbers(ResourceType::BROUGHT.map(|resource| Param::document_of(resource).key()));
    select.sql(") AND x.key IN (").bigs(&keys).sql(") ORDER BY x.key, x.value");
    Ok(select.load::<(BigInt, Text), (i64, String)>(connection)?)
}
