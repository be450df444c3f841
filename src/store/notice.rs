//! Notices of what awaits its announcement: written ahead, bound to the key of the first deposit of what they are about.

use diesel::sql_types::{BigInt, SmallInt};

use super::error::Error;
use super::pool::AnyConnection;
use super::sql::Statement;
use crate::fhir::ResourceType;

/// A notice that is written.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    /// Its key, of the instant from which it is told.
    pub key: i64,
    /// Its labels.
    pub labels: i16,
    /// Whether it was told as soon as it was written.
    pub at_once: bool,
}

/// The labels of the documents that count from this key: the one that has it, and those that replace it in turn.
///
/// # Errors
/// [`Error::Away`].
pub fn labels(connection: &mut AnyConnection, holder: i64, since: i64) -> Result<Vec<i16>, Error> {
    let mut select = Statement::default();
    for (place, column) in ["key", "first_key"].into_iter().enumerate() {
        select.sql(if place == 0 { "" } else { " UNION ALL " }).sql("SELECT r.labels FROM resource r WHERE r.holder = ").big(holder);
        select.sql(" AND r.type = ").number(ResourceType::DOCUMENT_REFERENCE.number()).sql(" AND r.").sql(column).sql(" = ").big(since);
    }
    Ok(select.load::<SmallInt, i16>(connection)?)
}

/// The notices that are bound to this key.
///
/// # Errors
/// [`Error::Away`].
pub fn written(connection: &mut AnyConnection, holder: i64, since: i64) -> Result<Vec<Written>, Error> {
    let mut select = Statement::new("SELECT r.key, r.labels, r.first_key FROM resource r WHERE r.holder = ");
    select.big(holder).sql(" AND r.bound <> 0 AND r.bound = ").big(since);
    select.sql(" AND r.type = ").number(ResourceType::COMMUNICATION.number());
    let rows: Vec<(i64, i16, i64)> = select.load::<(BigInt, SmallInt, BigInt), _>(connection)?;
    Ok(rows.into_iter().map(|(key, labels, first)| Written { key, labels, at_once: first != 0 }).collect())
}

/// Gives the notices that are bound to this key, and not told before `from` (a key), these labels.
///
/// # Errors
/// [`Error::Away`].
pub fn relabel(connection: &mut AnyConnection, holder: i64, since: i64, from: i64, labels: i16) -> Result<(), Error> {
    let mut update = Statement::new("UPDATE resource SET labels = ");
    update.small(labels).sql(" WHERE holder = ").big(holder).sql(" AND bound <> 0 AND bound = ").big(since).sql(" AND type = ");
    update.number(ResourceType::COMMUNICATION.number()).sql(" AND first_key = 0 AND key >= ").big(from);
    update.execute(connection)?;
    Ok(())
}
