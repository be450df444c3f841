//! The order of a page and where it begins (FHIR R4 search.html#_sort): ascending takes the least of several values, descending the
//! greatest; what has no value comes last either way; the key decides between equals, in the same direction.

use super::super::bulk::{GREATEST, LEAST, UNSAID};
use super::super::predicate::{LOOKED_UP, table};
use super::super::sql::Statement;
use super::leads;
use super::plan::{Leader, Plan};
use super::{Keys, Order, PageRequest, Position, SortKey};
use crate::filter::{Param, ParamKind};

/// Parts the values of a position: no text of FHIR has it (FHIR R4 datatypes.html#string).
pub const BETWEEN: char = '\u{1f}';

/// The index values that a page is sorted by, and which way it runs.
#[derive(Debug, Clone, Copy)]
pub struct By {
    /// Whose.
    pub param: Param,
    /// Of which kind.
    pub kind: ParamKind,
    /// Whether the greatest come first.
    pub descending: bool,
    /// Whether the page runs against the order.
    pub backward: bool,
}

impl By {
    /// The columns of index rows that make the order, and whether they are numbers.
    fn columns(self) -> (&'static [&'static str], bool) {
        match self.kind {
            ParamKind::Date => (&["start_at", "end_at"], true),
            ParamKind::Number | ParamKind::Quantity => (&["low", "high"], true),
            ParamKind::String => (&["folded", "exact"], false),
            ParamKind::Token | ParamKind::Reference | ParamKind::Uri => (&["value"], false),
        }
    }

    /// Of a quantity the rows count that are as it was written.
    fn counted(self, alias: &str, out: &mut Statement) {
        if self.kind == ParamKind::Quantity {
            out.sql(" AND ").sql(alias).sql(".unit >= '|' AND ").sql(alias).sql(".unit < '}'");
        }
    }

    fn runs_down(self) -> bool {
        self.descending != self.backward
    }
}

fn word(down: bool) -> &'static str {
    if down { "DESC" } else { "ASC" }
}

/// `alias.column, …`.
fn list(alias: &str, columns: &[&str]) -> String {
    columns.iter().map(|column| format!("{alias}.{column}")).collect::<Vec<_>>().join(", ")
}

/// Those that have a value, in its order.
pub fn having(plan: &Plan<'_>, leader: &Leader<'_>, by: By, after: Option<&Position>, limit: usize) -> Keys {
    let (columns, numbers) = by.columns();
    let own = plan.needs_row(leader);
    let person = if let Leader::Person(about) = leader { leads::person(about) } else { None };
    let leads = matches!(leader, Leader::Sorted | Leader::Person(_));
    let rows = if person.is_some() { "index_person_date" } else { table(by.kind) };
    // Rows that lead stand for the resource where nothing asks for more.
    let s = if leads && !own { "r" } else { "s" };
    let mut select = Statement::new("SELECT ");
    select.sql(&format!("{s}.holder AS holder, {s}.key AS key, "));
    let texts: Vec<String> = columns.iter().map(|column| format!("CAST({s}.{column} AS TEXT)")).collect();
    select.sql(&texts.join(&format!(" || '{BETWEEN}' || "))).sql(" AS sorted");
    for (number, column) in columns.iter().enumerate() {
        select.sql(&format!(", {s}.{column} AS c{number}"));
    }
    if leads {
        select.sql(&format!(" FROM {rows} {s}"));
        if own {
            // The sum keeps the resource from leading to the rows, which would then be sorted.
            select.sql(" JOIN resource r ON r.holder = s.holder AND r.key = s.key + 0");
            if !plan.scope.is_tester() {
                select.sql(" LEFT JOIN holder h ON h.holder = r.holder");
            }
        }
    } else {
        plan.from(leader, &mut select);
        select.sql(&format!(" JOIN {rows} s ON s.holder = r.holder AND s.key = r.key"));
    }
    let dates = (by.kind == ParamKind::Date).then_some((by.param, s));
    plan.conditions_led(leader, own, dates, &mut select);
    select.sql(" AND ");
    if leads {
        plan.of_param(s, by.param, &mut select);
    } else {
        // Those of the one resource that leads, not those of the parameter.
        select.sql(s).sql(".param + 0 = ").number(by.param.key());
    }
    if let Some(person) = person {
        select.sql(&format!(" AND {s}.person = ")).text(person);
        plan.tokens_may_pass(s, &mut select);
    }
    by.counted(s, &mut select);
    select.sql(" AND (");
    if by.kind == ParamKind::Date {
        let end = if by.descending { GREATEST } else { LEAST };
        select.sql(&format!("({s}.ends & {end}) <> 0 OR {s}.ends = {UNSAID} AND "));
    }
    // No other row of the resource comes before it.
    let better = if by.descending { ">" } else { "<" };
    select
        .sql(&format!("NOT EXISTS (SELECT 1 FROM {} b WHERE b.holder = {s}.holder AND b.key = {s}.key AND b.param + 0 = ", table(by.kind)));
    select.number(by.param.key());
    by.counted("b", &mut select);
    select.sql(&format!(" AND ({}) {better} ({})", list("b", columns), list(s, columns))).sql(LOOKED_UP).sql(")");
    let down = by.runs_down();
    if let Some(after) = after {
        select.sql(&format!(" AND ({}, {s}.key) {} (", list(s, columns), if down { "<" } else { ">" }));
        for number in 0..columns.len() {
            let value = after.values.get(number).map(String::as_str).unwrap_or_default();
            if numbers {
                select.big(value.parse().unwrap_or_default())
            } else {
                select.text(value)
            };
            select.sql(", ");
        }
        select.big(after.key).sql(")");
    }
    let word = word(down);
    let inner: Vec<String> = columns.iter().map(|column| format!("{s}.{column} {word}")).collect();
    select.sql(&format!(" ORDER BY {}, {s}.key {word} LIMIT {limit}", inner.join(", ")));
    let outer: Vec<String> = (0..columns.len()).map(|number| format!("p.c{number} {word}")).collect();
    Keys { select, order: format!("{}, p.key {word}", outer.join(", ")) }
}

/// Those that have none, by their keys.
pub fn lacking(plan: &Plan<'_>, leader: &Leader<'_>, by: By, after: Option<&Position>, limit: usize) -> Keys {
    let mut select = Statement::new("SELECT r.holder AS holder, r.key AS key, '' AS sorted");
    plan.from(leader, &mut select);
    plan.conditions(leader, &mut select);
    select.sql(&format!(
        " AND NOT EXISTS (SELECT 1 FROM {} b WHERE b.holder = r.holder AND b.key = r.key AND b.param + 0 = ",
        table(by.kind)
    ));
    select.number(by.param.key());
    by.counted("b", &mut select);
    select.sql(LOOKED_UP);
    let down = by.runs_down();
    if let Some(after) = after {
        select.sql(if down { " AND r.key < " } else { " AND r.key > " }).big(after.key);
    }
    select.sql(&format!(" ORDER BY r.key {} LIMIT {limit}", word(down)));
    Keys { select, order: format!("p.key {}", word(down)) }
}

/// An order of columns of the resource, or of several keys: the matches are sorted, unless the leading rows are in that order.
pub fn columns(plan: &Plan<'_>, leader: &Leader<'_>, keys: &[SortKey], request: &PageRequest, limit: usize) -> Keys {
    let row = keys.iter().any(|key| matches!(key.order, Order::LastUpdated | Order::Id));
    let from = |select: &mut Statement| {
        plan.source_with(leader, row, select);
        plan.conditions_with(leader, row, select);
    };
    sorted(keys, request, limit, from)
}

/// What `from` tells, `FROM … WHERE …` of resources aliased `r`, in the order of the keys.
pub fn sorted(keys: &[SortKey], request: &PageRequest, limit: usize, from: impl FnOnce(&mut Statement)) -> Keys {
    let mut select = Statement::new("SELECT r.holder AS holder, r.key AS key, ");
    let values: Vec<&SortKey> = keys.iter().filter(|key| key.order != Order::Created).collect();
    let expressions: Vec<String> = values.iter().map(|key| value(**key)).collect();
    if expressions.is_empty() {
        select.sql("''");
    }
    let texts: Vec<String> = expressions.iter().map(|value| format!("CAST({value} AS TEXT)")).collect();
    select.sql(&texts.join(&format!(" || '{BETWEEN}' || "))).sql(" AS sorted");
    for (number, value) in expressions.iter().enumerate() {
        select.sql(&format!(", {value} AS c{number}"));
    }
    from(&mut select);
    let last_down = keys.last().is_none_or(|key| key.descending) != request.backward;
    let down = |key: &SortKey| key.descending != request.backward;
    if let Some(after) = &request.after {
        // Each key in turn, where all before it are equal.
        select.sql(" AND (");
        for place in 0..=values.len() {
            select.sql(if place == 0 { "(" } else { " OR (" });
            for (number, (key, value)) in values.iter().zip(&expressions).enumerate().take(place) {
                select.sql(value).sql(" = ");
                bind(key.order, after.values.get(number), &mut select);
                select.sql(" AND ");
            }
            match values.get(place).zip(expressions.get(place)) {
                Some((key, value)) => {
                    select.sql(value).sql(if down(key) { " < " } else { " > " });
                    bind(key.order, after.values.get(place), &mut select);
                }
                None => {
                    select.sql(if last_down { "r.key < " } else { "r.key > " }).big(after.key);
                }
            }
            select.sql(")");
        }
        select.sql(")");
    }
    let mut inner: Vec<String> = values.iter().zip(&expressions).map(|(key, value)| format!("{value} {}", word(down(key)))).collect();
    inner.push(format!("r.key {}", word(last_down)));
    select.sql(&format!(" ORDER BY {} LIMIT {limit}", inner.join(", ")));
    let mut outer: Vec<String> = values.iter().enumerate().map(|(number, key)| format!("p.c{number} {}", word(down(key)))).collect();
    outer.push(format!("p.key {}", word(last_down)));
    Keys { select, order: outer.join(", ") }
}

/// The least number but one: no date or quantity has it.
const OPEN: &str = "-9223372036854775807";

/// What a key sorts by, of a resource aliased `r`; a resource without it has what comes last.
fn value(key: SortKey) -> String {
    let (side, within) = (if key.descending { "MAX" } else { "MIN" }, "i.holder = r.holder AND i.key = r.key AND i.param + 0 =");
    match key.order {
        Order::Created => "r.key".to_owned(),
        Order::LastUpdated => "r.updated".to_owned(),
        Order::Id => "r.id".to_owned(),
        Order::Index(param, kind) => {
            let column = match kind {
                ParamKind::Date => "start_at",
                ParamKind::Number | ParamKind::Quantity => "low",
                ParamKind::String => "folded",
                ParamKind::Token | ParamKind::Reference | ParamKind::Uri => "value",
            };
            let none = match (is_number(key.order), key.descending) {
                (true, true) => format!("({OPEN} - 1)"),
                (true, false) => i64::MAX.to_string(),
                (false, true) => "''".to_owned(),
                (false, false) => "'\u{10ffff}'".to_owned(),
            };
            let counted = if kind == ParamKind::Quantity { " AND i.unit >= '|' AND i.unit < '}'" } else { "" };
            // An open start is the least there is, and yet before what is missing: it counts as one more.
            let own = match (is_number(key.order), key.descending) {
                (true, true) => format!("CASE WHEN i.{column} < {OPEN} THEN {OPEN} ELSE i.{column} END"),
                _ => format!("i.{column}"),
            };
            format!("COALESCE((SELECT {side}({own}) FROM {} i WHERE {within} {}{counted}), {none})", table(kind), param.key())
        }
    }
}

fn is_number(order: Order) -> bool {
    matches!(order, Order::Created | Order::LastUpdated | Order::Index(_, ParamKind::Date | ParamKind::Number | ParamKind::Quantity))
}

fn bind(order: Order, last: Option<&String>, out: &mut Statement) {
    let last = last.map(String::as_str).unwrap_or_default();
    if is_number(order) {
        out.big(last.parse().unwrap_or_default())
    } else {
        out.text(last)
    };
}
