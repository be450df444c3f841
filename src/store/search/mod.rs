//! Searching: what is asked and what is allowed are one predicate. A page costs what it shows: the rows of an index that is in the
//! order asked for lead the search wherever there is one (`plan`), and bodies are fetched for the page alone.

mod entries;
mod include;
mod leads;
mod order;
mod plan;
mod rows;
mod standing;
mod traces;
mod types;

use std::borrow::Cow;

use diesel::sql_types::{BigInt, Text};

use super::error::Error;
use super::pool::AnyConnection;
use super::read::{self, Columns, Parsed, Values, parse};
use super::sql::Statement;
use crate::filter::{Envelope, EnvelopeTest, Facts, Filter, Param, ParamKind};
use crate::policy::Scope;

pub use entries::{among, entries};
pub use include::{Followed, referred, referring};
pub use standing::{Standing, standings};
pub use traces::{Own, TraceReader, total_traces, traces};

use order::By;
use plan::{Leader, Plan};

/// One resource of a page.
#[derive(Debug, Clone)]
pub struct Hit {
    /// Its envelope.
    pub envelope: Envelope,
    /// Its holder and the caller's rights.
    pub facts: Facts,
    /// The exact bytes.
    pub body: Vec<u8>,
    /// The content type of a Binary.
    pub media: String,
    /// Where it stands in the order, for the cursor.
    pub position: Position,
}

/// A place in an order.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// What it is sorted by, as text.
    pub values: Vec<String>,
    /// Whether it lacks what is sorted by, and so comes after all that have it.
    pub missing: bool,
    /// Its key.
    pub key: i64,
}

/// By what a page is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortKey {
    /// By what.
    pub order: Order,
    /// Whether it runs backwards.
    pub descending: bool,
}

/// What can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Creation.
    Created,
    /// `_lastUpdated`.
    LastUpdated,
    /// `_id`.
    Id,
    /// An index value; resources without one come last.
    Index(Param, ParamKind),
}

/// What to fetch.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// What is asked.
    pub filter: Filter,
    /// Holders found before, when the search names some; then nobody else's rows are looked at.
    pub holders: Option<Vec<i64>>,
    /// The order; empty for the last created first.
    pub sort: Vec<SortKey>,
    /// The place after which it begins.
    pub after: Option<Position>,
    /// Whether it is the page that ends there, not the one that begins there.
    pub backward: bool,
    /// How many.
    pub limit: u32,
}

impl PageRequest {
    /// The first resources that pass, last created first.
    pub fn first(filter: Filter, limit: u32) -> Self {
        Self { filter, holders: None, sort: Vec::new(), after: None, backward: false, limit }
    }
}

/// The order where none is asked for.
static CREATED: [SortKey; 1] = [SortKey { order: Order::Created, descending: true }];

/// A page, in the order asked for, one row longer than asked when there is more; of a backward page the one too many comes first.
///
/// # Errors
/// [`Error::Away`], [`Error::Corrupt`].
pub fn page(connection: &mut AnyConnection, scope: &Scope, request: &PageRequest) -> Result<Vec<Hit>, Error> {
    let request = &*at_home(connection, scope, request)?;
    let plan = Plan::new(scope, request);
    let mut hits = match request.sort.as_slice() {
        [SortKey { order: Order::Index(param, kind), descending }] => {
            let by = By { param: *param, kind: *kind, descending: *descending, backward: request.backward };
            by_index(connection, &plan, request, by)?
        }
        [] => by_columns(connection, &plan, request, &CREATED)?,
        keys => by_columns(connection, &plan, request, keys)?,
    };
    if request.backward {
        hits.reverse();
    }
    Ok(hits)
}

/// The request with the one holder that its scope leaves, where it names none: nobody else's rows are looked at.
fn at_home<'r>(connection: &mut AnyConnection, scope: &Scope, request: &'r PageRequest) -> Result<Cow<'r, PageRequest>, Error> {
    let allowed = scope.filter();
    let Some(ins) = sole_holder(&allowed).filter(|_| request.holders.is_none()) else { return Ok(Cow::Borrowed(request)) };
    let mut statement = Statement::new("SELECT h.holder FROM holder h WHERE h.ins = ");
    statement.text(ins).sql(" UNION ALL SELECT f.holder FROM former_ins f WHERE f.ins = ").text(ins);
    let holders = Some(statement.load::<BigInt, i64>(connection)?);
    Ok(Cow::Owned(PageRequest { holders, ..request.clone() }))
}

/// The INS of the only holder of whom anything can pass.
fn sole_holder(filter: &Filter) -> Option<&str> {
    match filter {
        Filter::Envelope(EnvelopeTest::HolderIs(ins)) => Some(ins),
        Filter::And(all) => all.iter().find_map(sole_holder),
        Filter::Or(any) => {
            let (first, rest) = any.split_first()?;
            let ins = sole_holder(first)?;
            rest.iter().all(|other| sole_holder(other) == Some(ins)).then_some(ins)
        }
        _ => None,
    }
}

/// Those that have the value first, then those that lack it; or the contrary, for the page before.
fn by_index(connection: &mut AnyConnection, plan: &Plan<'_>, request: &PageRequest, by: By) -> Result<Vec<Hit>, Error> {
    let at_missing = request.after.as_ref().is_some_and(|after| after.missing);
    let phases: &[bool] = match (request.backward, at_missing) {
        (false, false) if plan.asks_for(by.param) => &[false],
        (false, false) => &[false, true],
        (false, true) => &[true],
        (true, false) => &[false],
        (true, true) => &[true, false],
    };
    let wanted = usize::try_from(request.limit).unwrap_or(usize::MAX).saturating_add(1);
    let leader = plan.leader(connection, Some((by.param, by.kind)))?;
    let mut hits = Vec::new();
    for missing in phases.iter().copied() {
        let after = request.after.as_ref().filter(|after| after.missing == missing);
        let left = wanted.saturating_sub(hits.len());
        let inner = match (missing, &leader) {
            (false, leader) => order::having(plan, leader, by, after, left),
            (true, Leader::Sorted | Leader::Person(_)) => order::lacking(plan, &plan.leader_of_rest(), by, after, left),
            (true, leader) => order::lacking(plan, leader, by, after, left),
        };
        hits.extend(fetch(connection, plan.scope, inner, missing)?);
        if hits.len() >= wanted {
            break;
        }
    }
    Ok(hits)
}

fn by_columns(connection: &mut AnyConnection, plan: &Plan<'_>, request: &PageRequest, keys: &[SortKey]) -> Result<Vec<Hit>, Error> {
    let wanted = usize::try_from(request.limit).unwrap_or(usize::MAX).saturating_add(1);
    let created = matches!(keys, [SortKey { order: Order::Created, .. }]);
    let leader = if created { plan.leader(connection, None)? } else { plan.selective(connection)? };
    let inner = order::columns(plan, &leader, keys, request, wanted);
    fetch(connection, plan.scope, inner, false)
}

/// The keys of a page: the statement that selects them, as `holder`, `key`, `sorted` and the columns of the order.
pub(super) struct Keys {
    /// The statement.
    pub select: Statement,
    /// The columns of the order, with their directions.
    pub order: String,
}

/// The resources of these keys, in the order of the keys.
fn fetch(connection: &mut AnyConnection, scope: &Scope, keys: Keys, missing: bool) -> Result<Vec<Hit>, Error> {
    let mut statement = Statement::new("SELECT ");
    read::columns(scope, &mut statement);
    statement.sql(", p.sorted FROM (").append(keys.select).sql(") p JOIN resource r ON r.holder = p.holder AND r.key = p.key");
    read::beside(scope, "r.key", &mut statement);
    statement.sql(" ORDER BY ");
    statement.sql(&keys.order);
    let rows: Vec<(Values, String)> = statement.load::<(Columns, Text), _>(connection)?;
    rows.into_iter()
        .map(|(row, sorted)| {
            let hit = hit(row)?;
            let values = if sorted.is_empty() { Vec::new() } else { sorted.split(order::BETWEEN).map(ToOwned::to_owned).collect() };
            let key = hit.envelope.key;
            Ok(Hit { position: Position { values, missing, key }, ..hit })
        })
        .collect()
}

fn hit(row: Values) -> Result<Hit, Error> {
    let Parsed { envelope, facts, media, body, .. } = parse(row)?;
    Ok(Hit { envelope, facts, body, media, position: Position::default() })
}

/// How many resources pass.
///
/// # Errors
/// [`Error::Away`].
pub fn total(connection: &mut AnyConnection, scope: &Scope, request: &PageRequest) -> Result<i64, Error> {
    let request = &*at_home(connection, scope, request)?;
    let plan = Plan::new(scope, request);
    let leader = plan.selective(connection)?;
    let mut statement = Statement::new("SELECT COUNT(*)");
    plan.whole(&leader, &mut statement);
    Ok(statement.load::<BigInt, i64>(connection)?.into_iter().next().unwrap_or(0))
}

/// A page over several types, each inside its scope and with what is asked of it, in the order of what every type has: creation,
/// `_lastUpdated`, `_id`. Callers give either testers' scopes or none of them.
///
/// # Errors
/// [`Error::Away`], [`Error::Corrupt`].
pub fn page_of_types(connection: &mut AnyConnection, parts: &[(Scope, Filter)], request: &PageRequest) -> Result<Vec<Hit>, Error> {
    let Some((first, _)) = parts.first() else { return Ok(Vec::new()) };
    let wanted = usize::try_from(request.limit).unwrap_or(usize::MAX).saturating_add(1);
    let keys = if request.sort.is_empty() { CREATED.as_slice() } else { &request.sort };
    let inner = order::sorted(keys, request, wanted, |select| types::of_types(parts, request, select));
    let mut hits = fetch(connection, first, inner, false)?;
    if request.backward {
        hits.reverse();
    }
    Ok(hits)
}

/// How many resources of several types pass.
///
/// # Errors
/// [`Error::Away`].
pub fn total_of_types(connection: &mut AnyConnection, parts: &[(Scope, Filter)], request: &PageRequest) -> Result<i64, Error> {
    let mut statement = Statement::new("SELECT COUNT(*)");
    types::of_types(parts, request, &mut statement);
    Ok(statement.load::<BigInt, i64>(connection)?.into_iter().next().unwrap_or(0))
}
