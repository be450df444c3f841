//! What of the entries of Lists is inside the scopes of their types.

use std::collections::BTreeSet;

use diesel::sql_types::Text;

use super::super::error::Error;
use super::super::pool::AnyConnection;
use super::super::predicate::{Place, joined, linked};
use super::super::sql::Statement;
use crate::filter::Param;
use crate::policy::Scope;

/// The targets (`Type/id`) of this parameter of these resources (holder and key) that one of the scopes permits.
///
/// # Errors
/// [`Error::Away`].
pub fn entries(connection: &mut AnyConnection, scopes: &[Scope], from: &[(i64, i64)], param: Param) -> Result<BTreeSet<String>, Error> {
    if from.is_empty() || scopes.is_empty() {
        return Ok(BTreeSet::new());
    }
    let mut select = Statement::new("SELECT DISTINCT x.value FROM index_reference x JOIN locator l ON l.realm = 0 AND l.ref = x.value");
    joined("l", top(), &mut select);
    select.sql(" WHERE (x.holder, x.key) IN (VALUES ");
    for (number, (holder, key)) in from.iter().enumerate() {
        select.sql(if number == 0 { "(" } else { ", (" }).big(*holder).sql(", ").big(*key).sql(")");
    }
    select.sql(") AND x.param = ").number(param.key());
    permitted(connection, scopes, select)
}

/// Which of these (`Type/id`), which an earlier version of a List may have named, one of the scopes permits.
///
/// # Errors
/// [`Error::Away`].
pub fn among(connection: &mut AnyConnection, scopes: &[Scope], names: &[String]) -> Result<BTreeSet<String>, Error> {
    if names.is_empty() || scopes.is_empty() {
        return Ok(BTreeSet::new());
    }
    let mut select = Statement::new("SELECT DISTINCT l.ref FROM ");
    select.table_of(connection, names.iter().map(String::as_str)).sql(" JOIN locator l ON l.realm = 0 AND l.ref = w.name");
    joined("l", top(), &mut select);
    select.sql(" WHERE 1 = 1");
    permitted(connection, scopes, select)
}

fn top() -> Place {
    Place::top(0, None)
}

/// What is selected, of what one of the scopes permits.
fn permitted(connection: &mut AnyConnection, scopes: &[Scope], mut select: Statement) -> Result<BTreeSet<String>, Error> {
    select.sql(" AND (1 = 0");
    for scope in scopes {
        select.sql(" OR (");
        linked(scope.resource(), &scope.filter(), top(), &mut select);
        select.sql(")");
    }
    select.sql(")");
    Ok(select.load::<Text, String>(connection)?.into_iter().collect())
}
