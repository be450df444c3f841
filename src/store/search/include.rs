//! What else a page brings: one statement for each round, whatever the number of resources (FHIR R4 search.html#revinclude). Each
//! included resource is inside the scope of its own type, in the same statement.

use super::super::error::Error;
use super::super::pool::AnyConnection;
use super::super::predicate::{self, Place};
use super::super::read::{Columns, Values, beside, columns};
use super::super::sql::Statement;
use super::{Hit, hit};
use crate::filter::{Filter, Param};
use crate::policy::Scope;

/// Which references are followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Followed {
    /// The parameters; empty for every one.
    pub params: Vec<Param>,
}

/// What these resources (holder and key) refer to, of the types of the parts, each inside its scope and what else must hold of it.
///
/// # Errors
/// [`Error::Away`], [`Error::Corrupt`].
pub fn referred(
    connection: &mut AnyConnection,
    parts: &[(Scope, Filter)],
    from: &[(i64, i64)],
    followed: &Followed,
    limit: usize,
) -> Result<Vec<Hit>, Error> {
    let Some((first, _)) = parts.first().filter(|_| !from.is_empty()) else { return Ok(Vec::new()) };
    let mut found = Statement::new("SELECT DISTINCT l.holder AS holder, l.key AS key FROM index_reference x JOIN locator l ON l.realm = ");
    found.number(i16::from(first.is_tester())).sql(" AND l.ref = x.value WHERE (x.holder, x.key) IN (VALUES ");
    for (number, (holder, key)) in from.iter().enumerate() {
        found.sql(if number == 0 { "(" } else { ", (" }).big(*holder).sql(", ").big(*key).sql(")");
    }
    found.sql(")");
    if first.is_tester() {
        // As in every condition on what testers keep: PostgreSQL knows how much that is.
        found.sql(" AND x.holder = -1");
    }
    by(followed, &mut found);
    select(connection, parts, found, limit)
}

/// What refers to these resources (`Type/id`), of the types of the parts, each inside its scope and what else must hold of it.
///
/// # Errors
/// [`Error::Away`], [`Error::Corrupt`].
pub fn referring(
    connection: &mut AnyConnection,
    parts: &[(Scope, Filter)],
    to: &[String],
    followed: &Followed,
    limit: usize,
) -> Result<Vec<Hit>, Error> {
    let Some((first, _)) = parts.first().filter(|_| !to.is_empty()) else { return Ok(Vec::new()) };
    let mut found = Statement::new("SELECT DISTINCT x.holder AS holder, x.key AS key FROM index_reference x WHERE ");
    predicate::everywhere("x", i16::from(first.is_tester()), &mut found);
    found.sql(" AND x.value IN (").texts(to.iter().map(String::as_str)).sql(")");
    by(followed, &mut found);
    select(connection, parts, found, limit)
}

fn by(followed: &Followed, out: &mut Statement) {
    if !followed.params.is_empty() {
        out.sql(" AND x.param IN (").numbers(followed.params.iter().map(|param| param.key())).sql(")");
    }
}

/// Those of the resources found that their scopes permit.
fn select(connection: &mut AnyConnection, parts: &[(Scope, Filter)], found: Statement, limit: usize) -> Result<Vec<Hit>, Error> {
    let Some((first, _)) = parts.first() else { return Ok(Vec::new()) };
    let realm = i16::from(first.is_tester());
    let mut statement = Statement::new("SELECT ");
    columns(first, &mut statement);
    statement.sql(" FROM (").append(found).sql(") p JOIN resource r ON r.holder = p.holder AND r.key = p.key");
    beside(first, "r.key", &mut statement);
    statement.sql(" WHERE r.deleted = 0 AND (1 = 0");
    // Types of which the same is allowed stand together.
    let mut groups: Vec<(Vec<i16>, Filter)> = Vec::new();
    for (scope, known) in parts {
        let (allowed, number) = (scope.filter().and(known.clone()), scope.resource().number());
        match groups.iter_mut().find(|(_, other)| *other == allowed) {
            Some((numbers, _)) => numbers.push(number),
            None => groups.push((vec![number], allowed)),
        }
    }
    for (numbers, allowed) in groups {
        statement.sql(" OR (r.type IN (").numbers(numbers).sql(") AND (");
        predicate::at(&allowed, Place::top(realm, None), &mut statement);
        statement.sql("))");
    }
    statement.sql(") ORDER BY r.key DESC LIMIT ").number(i64::try_from(limit).unwrap_or(i64::MAX));
    statement.load::<Columns, Values>(connection)?.into_iter().map(hit).collect()
}
