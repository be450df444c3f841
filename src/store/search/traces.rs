//! Searching traces: their columns are searched as the AuditEvent that is rendered of them.

use diesel::sql_types::BigInt;

use super::super::error::Error;
use super::super::pool::AnyConnection;
use super::super::predicate::LOOKED_UP;
use super::super::sql::Statement;
use super::super::trace::{DISCLOSED, FROM, SENT_AND_NOT_FOUND, StoredTrace, select_traces};
use super::super::trace_predicate::trace_condition;
use super::{PageRequest, at_home};
use crate::fhir::ResourceType;
use crate::filter::Param;
use crate::policy::Scope;

/// Who reads traces: what is hidden from it now is not named to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceReader {
    /// Bits of [`Label`](crate::filter::Label): the target of a trace with one of them is not named.
    pub unnamed: i16,
    /// Bits of labels: a trace whose target has one of them does not exist.
    pub absent: i16,
    /// Keys from which the labels of documents last, below this: what hid them from the person has ended of itself.
    pub ended: i64,
    /// Which traces are its own: these name a record only where something of it was disclosed.
    pub own: Own,
}

/// Which traces are the reader's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// None that it reads as its own: who reads them for the record.
    None,
    /// Every one that it reads.
    Every,
    /// Those of callers of its kind, by the place in `CallerKind::ALL`: one name is that of all of them.
    OfKind(i16),
}

impl TraceReader {
    /// Whether the trace of a caller of this kind is its own.
    pub fn owns(self, kind: i16) -> bool {
        match self.own {
            Own::None => false,
            Own::Every => true,
            Own::OfKind(own) => own == kind,
        }
    }

    /// What must hold besides where a condition speaks of the holder.
    pub(in crate::store) fn shown_holder(self) -> String {
        match self.own {
            Own::None => String::new(),
            Own::Every => "r.found > 0 AND ".to_owned(),
            Own::OfKind(kind) => format!("(r.found > 0 OR r.kind <> {kind}) AND "),
        }
    }

    /// What must hold besides where a condition speaks of why it was decided so: who was refused is not told why.
    pub(in crate::store) fn shown_rules(self) -> String {
        match self.own {
            Own::None => "1 = 1".to_owned(),
            Own::Every => "r.status < 400".to_owned(),
            Own::OfKind(kind) => format!("(r.status < 400 OR r.kind <> {kind})"),
        }
    }

    /// Whether nothing of a record is hidden from it by labels.
    pub fn is_told_all(self) -> bool {
        self.unnamed == 0 && self.absent == 0
    }

    /// Whether a resource with this alias, where there is one, is hidden so that a trace of it does not name it.
    pub(in crate::store) fn unnamed(self, alias: &str, out: &mut Statement) {
        out.sql("((COALESCE(").sql(alias).sql(".labels, CAST(0 AS SMALLINT)) & ").number(self.unnamed).sql(") <> 0 AND ");
        // What does not exist for the reader hides nothing: a query that is not shown would tell of it.
        if self.absent != 0 {
            out.sql("(COALESCE(").sql(alias).sql(".labels, CAST(0 AS SMALLINT)) & ").number(self.absent).sql(") = 0 AND ");
        }
        out.sql("COALESCE(CASE WHEN ");
        out.sql(alias).sql(".first_key = 0 THEN ").sql(alias).sql(".key ELSE ").sql(alias).sql(".first_key END, 0) >= ").big(self.ended);
        if self.unnamed != 0 {
            out.sql(" OR ");
            listing(alias, self.unnamed, self.ended, out);
        }
        out.sql(")");
    }

    /// What is hidden so does not exist: neither a trace of it, nor one of several resources all of which are.
    fn present(self, out: &mut Statement) {
        out.sql("(").sql(SENT_AND_NOT_FOUND).sql(" OR (COALESCE(t.labels, CAST(0 AS SMALLINT)) & ").number(self.absent);
        out.sql(") = 0 AND NOT ");
        listing("t", self.absent, i64::MIN, out);
        out.sql(" AND (NOT ").sql(DISCLOSED).sql(LOOKED_UP).sql(" OR ").sql(DISCLOSED);
        out.sql(" AND (x.labels & ").number(self.absent).sql(") = 0 AND NOT ");
        listing("x", self.absent, i64::MIN, out);
        out.sql(LOOKED_UP).sql("))");
    }
}

/// Whether a resource with this alias is a List that is hidden by these labels: each document that it has as an entry is, and each that a
/// folder has which it has as an entry. A document of a key below `ended` is not.
fn listing(alias: &str, labels: i16, ended: i64, out: &mut Statement) {
    let shown = |alias: &str, out: &mut Statement| {
        out.sql(alias).sql(".type = ").number(ResourceType::DOCUMENT_REFERENCE.number());
        out.sql(" AND ((").sql(alias).sql(".labels & ").number(labels).sql(") = 0 OR CASE WHEN ");
        out.sql(alias).sql(".first_key = 0 THEN ").sql(alias).sql(".key ELSE ").sql(alias).sql(".first_key END < ").big(ended).sql(")");
    };
    out.sql("(COALESCE(").sql(alias).sql(".type, CAST(0 AS SMALLINT)) = ").number(ResourceType::LIST.number()).sql(" AND NOT ");
    entry(alias, ["i", "l", "e"], out);
    out.sql("(");
    shown("e", out);
    out.sql(" OR e.type = ").number(ResourceType::LIST.number()).sql(" AND ");
    entry("e", ["j", "m", "f"], out);
    shown("f", out);
    out.sql(LOOKED_UP).sql(")").sql(LOOKED_UP).sql(")");
}

/// Begins a condition on the entries of the List with this alias, the last of those given; the caller closes it with `LOOKED_UP`.
fn entry(list: &str, [index, locator, entry]: [&str; 3], out: &mut Statement) {
    let item = Param::new(ResourceType::LIST, "item");
    out.sql("EXISTS (SELECT 1 FROM index_reference ").sql(index).sql(" JOIN locator ").sql(locator);
    out.sql(" ON ").sql(locator).sql(".realm = 0 AND ").sql(locator).sql(".ref = ").sql(index).sql(".value JOIN resource ").sql(entry);
    out.sql(" ON ").sql(entry).sql(".holder = ").sql(locator).sql(".holder AND ").sql(entry).sql(".key = ").sql(locator).sql(".key");
    out.sql(" WHERE ").sql(index).sql(".holder = ").sql(list).sql(".holder AND ").sql(index).sql(".key = ").sql(list).sql(".key AND ");
    out.sql(index).sql(".param + 0 = ").number(item.key()).sql(" AND ");
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
        statement.sql(" AND ").sql(&reader.shown_holder()).sql("r.holder IN (").bigs(holders).sql(")");
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
    let request = &*at_home(connection, scope, request)?;
    let mut statement = traced(scope, request, reader);
    // The order of creation, whatever name it goes by.
    let up = request.backward == request.sort.first().is_none_or(|sort| sort.descending);
    if let Some(after) = &request.after {
        statement.sql(if up { " AND r.key > " } else { " AND r.key < " }).big(after.key);
    }
    statement.sql(if up { " ORDER BY r.key ASC LIMIT " } else { " ORDER BY r.key DESC LIMIT " }).number(i64::from(request.limit) + 1);
    let holder = if let Some([one]) = request.holders.as_deref() { Some(*one) } else { None };
    let mut traces = select_traces(connection, reader, holder, statement)?;
    if request.backward {
        // The one too many is the first of those before.
        traces.reverse();
    }
    Ok(traces)
}

/// How many traces pass.
///
/// # Errors
/// [`Error::Away`].
pub fn total_traces(connection: &mut AnyConnection, scope: &Scope, request: &PageRequest, reader: TraceReader) -> Result<i64, Error> {
    let request = &*at_home(connection, scope, request)?;
    let mut statement = Statement::new("SELECT COUNT(*) ");
    statement.sql(FROM).append(traced(scope, request, reader));
    Ok(statement.load::<BigInt, i64>(connection)?.into_iter().next().unwrap_or(0))
}
