//! Searching: what is asked and what is allowed are one predicate, and a page costs one statement.

use diesel::sql_types::{BigInt, Bool, Integer, SmallInt, Text};

use super::error::Error;
use super::pool::AnyConnection;
use super::predicate::condition_in;
use super::read::{COLUMNS, Columns, Parsed, Values, parse, rights_column};
use super::sql::Statement;
use super::trace::{DISCLOSED, SENT_AND_NOT_FOUND, StoredTrace, select_traces};
use super::trace_predicate::trace_condition;
use crate::filter::{Actor, Envelope, Facts, Filter, HolderName, HolderRow, HolderState, Param, ParamKind};
use crate::policy::Scope;

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
    /// The value it is sorted by, as text, for the cursor.
    pub sorted_by: String,
}

/// By what a page is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Creation, last first.
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
    /// The order.
    pub order: Order,
    /// Whether it runs backwards.
    pub descending: bool,
    /// Sort value and key of the last resource of the page before.
    pub after: Option<(String, i64)>,
    /// How many.
    pub limit: u32,
}

/// Where the caller stands with a holder named in a search.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The holder.
    pub row: HolderRow,
    /// Whether any right of the caller's actors is in force.
    pub rights: Vec<crate::filter::Right>,
    /// Whether the caller deposited something there.
    pub deposited: bool,
}

fn scoped(scope: &Scope, request: &PageRequest, statement: &mut Statement) {
    let realm = i16::from(scope.is_tester());
    statement.sql(" WHERE r.deleted = 0 AND r.type = ").number(scope.resource().number());
    if scope.is_tester() {
        statement.sql(" AND r.holder = -1");
    } else if let Some(holders) = &request.holders {
        statement.sql(" AND r.holder IN (").bigs(holders).sql(")");
    } else {
        statement.sql(" AND r.holder >= 0");
    }
    statement.sql(" AND ");
    condition_in(&scope.filter(), realm, statement);
    statement.sql(" AND ");
    condition_in(&request.filter, realm, statement);
}

/// A page, one row longer than asked when there is more.
///
/// # Errors
/// [`Error::Away`], [`Error::Corrupt`].
pub fn page(connection: &mut AnyConnection, scope: &Scope, request: &PageRequest) -> Result<Vec<Hit>, Error> {
    let mut statement = Statement::new("SELECT ");
    statement.sql(COLUMNS);
    rights_column(scope.actors(), &mut statement);
    statement.sql(", ");
    let value = order_value(request.order, request.descending);
    statement.sql(&format!("CAST({value} AS TEXT)"));
    statement.sql(" FROM resource r JOIN resource e ON e.holder = r.holder AND e.key = r.key LEFT JOIN holder h ON h.holder = r.holder");
    scoped(scope, request, &mut statement);
    let down = request.descending || request.order == Order::Created;
    let (compare, direction) = if down { ("<", "DESC") } else { (">", "ASC") };
    if let Some((last, key)) = &request.after {
        statement.sql(&format!(" AND ({value} {compare} "));
        bind_last(request.order, last, &mut statement);
        statement.sql(&format!(" OR ({value} = "));
        bind_last(request.order, last, &mut statement);
        statement.sql(" AND r.key < ").big(*key).sql("))");
    }
    statement.sql(&format!(" ORDER BY {value} {direction}, r.key DESC LIMIT "));
    statement.number(i64::from(request.limit) + 1);
    let rows: Vec<(Values, String)> = statement.load::<(Columns, Text), _>(connection)?;
    rows.into_iter()
        .map(|(row, sorted_by)| {
            let Parsed { envelope, facts, media, body, .. } = parse(row)?;
            Ok(Hit { envelope, facts, body, media, sorted_by })
        })
        .collect()
}

/// The value sorted by; ascending takes the least of several, descending the greatest (FHIR R4 search.html#_sort).
/// What has no value comes last either way.
fn order_value(order: Order, descending: bool) -> String {
    let side = if descending { "MAX" } else { "MIN" };
    let within = "i.holder = r.holder AND i.key = r.key AND i.param =";
    match order {
        Order::Created => "r.key".to_owned(),
        Order::LastUpdated => "r.updated".to_owned(),
        Order::Id => "r.id".to_owned(),
        Order::Index(param, ParamKind::Date) => {
            let (column, none) = if descending { ("end_at", i64::MIN) } else { ("start_at", i64::MAX) };
            let none = if none == i64::MIN { "-9223372036854775807".to_owned() } else { none.to_string() };
            format!("COALESCE((SELECT {side}(i.{column}) FROM index_date i WHERE {within} {}), {none})", param.key())
        }
        Order::Index(param, kind) => {
            let (table, column) = match kind {
                ParamKind::String => ("index_string", "folded"),
                ParamKind::Reference => ("index_reference", "value"),
                ParamKind::Uri => ("index_uri", "value"),
                ParamKind::Token | ParamKind::Date => ("index_token", "value"),
            };
            let none = if descending { "" } else { "\u{10ffff}" };
            format!("COALESCE((SELECT {side}(i.{column}) FROM {table} i WHERE {within} {}), '{none}')", param.key())
        }
    }
}

fn bind_last(order: Order, last: &str, statement: &mut Statement) {
    match order {
        Order::Created | Order::LastUpdated | Order::Index(_, ParamKind::Date) => statement.big(last.parse().unwrap_or(i64::MIN)),
        Order::Id | Order::Index(..) => statement.text(last),
    };
}

/// How many resources pass.
///
/// # Errors
/// [`Error::Away`].
pub fn total(connection: &mut AnyConnection, scope: &Scope, request: &PageRequest) -> Result<i64, Error> {
    let mut statement = Statement::new("SELECT COUNT(*) FROM resource r LEFT JOIN holder h ON h.holder = r.holder");
    scoped(scope, request, &mut statement);
    Ok(statement.load::<BigInt, i64>(connection)?.into_iter().next().unwrap_or(0))
}

/// Where these actors stand with the holders so named, those that exist.
///
/// # Errors
/// [`Error::Away`], [`Error::Corrupt`].
pub fn standings(
    connection: &mut AnyConnection,
    names: &[HolderName],
    actors: &[Actor],
    principal: &Actor,
) -> Result<Vec<Standing>, Error> {
    let mut statement = Statement::new("SELECT r.holder, r.ins, r.patient, r.state, r.born, r.settings, ");
    rights_column(actors, &mut statement);
    statement.sql(", EXISTS (SELECT 1 FROM resource d WHERE d.submitter = ").text(principal.as_str());
    statement.sql(" AND d.holder = r.holder) FROM holder r WHERE 1 = 0");
    for name in names {
        match name {
            HolderName::Id(id) => statement.sql(" OR r.patient = ").text(id),
            HolderName::Identifier(ins) => statement.sql(" OR r.ins = ").text(ins),
            HolderName::Number(number) => statement.sql(" OR r.holder = ").big(*number),
        };
    }
    type Row = (i64, String, String, i16, i32, i16, String, bool);
    let rows: Vec<Row> = statement.load::<(BigInt, Text, Text, SmallInt, Integer, SmallInt, Text, Bool), _>(connection)?;
    rows.into_iter()
        .map(|(holder, ins, patient, state, born, settings, rights, deposited)| {
            let row = HolderRow { holder, ins, patient, state: HolderState::from_number(state), born, settings };
            Ok(Standing { row, rights: super::read::parse_rights(&rights)?, deposited })
        })
        .collect()
}

/// Who reads traces: what is hidden from it now is not named to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceReader {
    /// Bits of [`Label`](crate::filter::Label): the target of a trace with one of them is not named.
    pub unnamed: i16,
    /// Bits of labels: a trace whose target has one of them does not exist.
    pub absent: i16,
    /// Whether it reads its own traces, which name a record only where something of it was disclosed.
    pub own: bool,
}

impl TraceReader {
    /// What must hold besides where a condition speaks of the holder.
    pub(super) fn shown_holder(self) -> &'static str {
        if self.own { "r.found > 0 AND " } else { "" }
    }

    /// Whether nothing of a record is hidden from it by labels.
    pub fn is_told_all(self) -> bool {
        self.unnamed == 0 && self.absent == 0
    }

    /// What is hidden so does not exist: neither a trace of it, nor one of several resources all of which are.
    fn present(self, out: &mut Statement) {
        out.sql("(").sql(SENT_AND_NOT_FOUND).sql(" OR (COALESCE(t.labels, CAST(0 AS SMALLINT)) & ").number(self.absent);
        out.sql(") = 0 AND (NOT ").sql(DISCLOSED).sql(") OR ").sql(DISCLOSED).sql(" AND (x.labels & ").number(self.absent).sql(") = 0)))");
    }
}

fn traced(scope: &Scope, request: &PageRequest, reader: TraceReader) -> Statement {
    let mut statement = Statement::new(" WHERE ");
    trace_condition(&scope.filter(), reader, &mut statement);
    statement.sql(" AND ");
    trace_condition(&request.filter, reader, &mut statement);
    if reader.absent != 0 {
        statement.sql(" AND ");
        reader.present(&mut statement);
    }
    if let Some(holders) = &request.holders {
        statement.sql(" AND ").sql(reader.shown_holder()).sql("r.holder IN (").bigs(holders).sql(")");
    }
    statement
}

/// A page of traces, newest first or oldest first; `AuditEvent` scopes speak of holder, rights and actor only.
///
/// # Errors
/// [`Error::Away`].
pub fn traces(
    connection: &mut AnyConnection,
    scope: &Scope,
    request: &PageRequest,
    reader: TraceReader,
) -> Result<Vec<StoredTrace>, Error> {
    let mut statement = traced(scope, request, reader);
    let up = request.order != Order::Created && !request.descending;
    if let Some((_, key)) = &request.after {
        statement.sql(if up { " AND r.key > " } else { " AND r.key < " }).big(*key);
    }
    statement.sql(if up { " ORDER BY r.key ASC LIMIT " } else { " ORDER BY r.key DESC LIMIT " }).number(i64::from(request.limit) + 1);
    select_traces(connection, statement)
}

/// How many traces pass.
///
/// # Errors
/// [`Error::Away`].
pub fn total_traces(connection: &mut AnyConnection, scope: &Scope, request: &PageRequest, reader: TraceReader) -> Result<i64, Error> {
    let mut statement = Statement::new("SELECT COUNT(*) ");
    statement.sql(super::trace::FROM).append(traced(scope, request, reader));
    Ok(statement.load::<BigInt, i64>(connection)?.into_iter().next().unwrap_or(0))
}
