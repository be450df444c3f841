//! A filter as SQL: the interpreter in the database, beside `filter::matches` in memory.
//!
//! The resource in question is aliased `r`, its holder's row `h` (outer-joined; a resource without holder has none).

use crate::filter::{DateTest, EnvelopeTest, Filter, HolderName, HolderTest, Param, ParamKind, RightTest, StringTest, Test};

use super::sql::Statement;

/// Appends the condition.
pub fn condition(filter: &Filter, out: &mut Statement) {
    at(filter, 0, 0, out);
}

/// As [`condition`], for testers: references lead to what testers keep.
pub fn condition_in(filter: &Filter, realm: i16, out: &mut Statement) {
    at(filter, 0, realm, out);
}

/// The aliases of the resource and of its holder at this depth of chaining.
fn aliases(depth: usize) -> (&'static str, &'static str) {
    const ALIASES: [(&str, &str); 4] = [("r", "h"), ("r1", "h1"), ("r2", "h2"), ("r3", "h3")];
    ALIASES.get(depth).copied().unwrap_or(("r", "h"))
}

fn at(filter: &Filter, depth: usize, realm: i16, out: &mut Statement) {
    let (r, h) = aliases(depth);
    match filter {
        Filter::Nothing => {
            out.sql("1 = 0");
        }
        Filter::Everything => {
            out.sql("1 = 1");
        }
        Filter::And(all) => list(all, " AND ", "1 = 1", depth, realm, out),
        Filter::Or(any) => list(any, " OR ", "1 = 0", depth, realm, out),
        Filter::Not(inner) => {
            out.sql("NOT (");
            at(inner, depth, realm, out);
            out.sql(")");
        }
        Filter::Id(ids) => {
            out.sql(r).sql(".id IN (").texts(ids.iter().map(String::as_str)).sql(")");
            if ids.is_empty() {
                out.sql(" AND 1 = 0");
            }
        }
        Filter::LastUpdated(test) => {
            let updated = format!("{r}.updated");
            date(*test, &updated, &format!("{r}.updated + 1"), out);
        }
        Filter::Index(param, test) => index(*param, test, r, out),
        Filter::HolderNamed(names) => holder_named(names, h, out),
        Filter::Envelope(test) => envelope(test, r, h, out),
        Filter::Holder(HolderTest::State(state)) => {
            out.sql("COALESCE(").sql(h).sql(".state, 0) = ").number(state.number());
        }
        Filter::Holder(HolderTest::Permits(setting)) => {
            out.sql("(COALESCE(").sql(h).sql(".settings, 0) & ").number(setting.bit()).sql(") <> 0");
        }
        Filter::Holder(HolderTest::BornUntil(day)) => {
            // A resource without holder has nobody's birth.
            out.sql("COALESCE(").sql(h).sql(".born, 2147483647) <= ").int(*day);
        }
        Filter::Right(test) => right(test, h, out),
        Filter::Via(param, resource, inner) => {
            let (target, target_holder) = aliases(depth + 1);
            out.sql("EXISTS (SELECT 1 FROM index_reference x JOIN locator l ON l.realm = ")
                .number(realm)
                .sql(" AND l.ref = x.value JOIN resource ");
            out.sql(target).sql(" ON ").sql(target).sql(".holder = l.holder AND ").sql(target).sql(".key = l.key LEFT JOIN holder ");
            out.sql(target_holder).sql(" ON ").sql(target_holder).sql(".holder = ").sql(target).sql(".holder WHERE x.holder = ").sql(r);
            out.sql(".holder AND x.key = ")
                .sql(r)
                .sql(".key AND x.param = ")
                .number(param.key())
                .sql(" AND ")
                .sql(target)
                .sql(".deleted = 0 AND ")
                .sql(target)
                .sql(".type = ");
            out.number(resource.number()).sql(" AND (");
            at(inner, depth + 1, realm, out);
            out.sql("))");
        }
    }
}

fn list(filters: &[Filter], between: &str, none: &str, depth: usize, realm: i16, out: &mut Statement) {
    if filters.is_empty() {
        out.sql(none);
        return;
    }
    for (place, filter) in filters.iter().enumerate() {
        out.sql(if place == 0 { "(" } else { between }).sql("(");
        at(filter, depth, realm, out);
        out.sql(")");
    }
    out.sql(")");
}

/// An `EXISTS` over the index rows of the parameter, closed by the caller.
fn rows(table: &str, param: Param, r: &str, out: &mut Statement) {
    out.sql("EXISTS (SELECT 1 FROM ").sql(table).sql(" i WHERE i.holder = ").sql(r).sql(".holder AND i.key = ").sql(r);
    out.sql(".key AND i.param = ").number(param.key());
}

fn index(param: Param, test: &Test, r: &str, out: &mut Statement) {
    match test {
        Test::Token(values) => equal("index_token", param, values, r, out),
        Test::Reference(values) => equal("index_reference", param, values, r, out),
        Test::Uri(values) => equal("index_uri", param, values, r, out),
        Test::Date(test) => {
            rows("index_date", param, r, out);
            out.sql(" AND ");
            date(*test, "i.start_at", "i.end_at", out);
        }
        Test::String(test) => {
            rows("index_string", param, r, out);
            match test {
                StringTest::Exact(value) => out.sql(" AND i.exact = ").text(value),
                // The last character of Unicode ends the range of all that begins with the value.
                StringTest::StartsWith(value) => {
                    out.sql(" AND i.folded >= ").text(value).sql(" AND i.folded < ").text(format!("{value}\u{10ffff}"))
                }
                StringTest::Contains(value) => out.sql(" AND i.folded LIKE ").text(format!("%{}%", escape(value))).sql(" ESCAPE '!'"),
            };
        }
        Test::Present(kind) => rows(table(*kind), param, r, out),
    }
    out.sql(")");
}

fn table(kind: ParamKind) -> &'static str {
    match kind {
        ParamKind::Token => "index_token",
        ParamKind::String => "index_string",
        ParamKind::Date => "index_date",
        ParamKind::Reference => "index_reference",
        ParamKind::Uri => "index_uri",
    }
}

fn equal(table: &str, param: Param, values: &[String], r: &str, out: &mut Statement) {
    rows(table, param, r, out);
    if values.is_empty() {
        out.sql(" AND 1 = 0");
    } else {
        out.sql(" AND i.value IN (").texts(values.iter().map(String::as_str)).sql(")");
    }
}

/// The text as `LIKE` takes it literally.
fn escape(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

pub(super) fn date(test: DateTest, start: &str, end: &str, out: &mut Statement) {
    let mut compare = |column: &str, operator: &str, value: i64| {
        out.sql(column).sql(operator).big(value);
    };
    match test {
        DateTest::EndsAfter(e) => return compare(end, " > ", e),
        DateTest::StartsBefore(s) => return compare(start, " < ", s),
        DateTest::StartsFrom(e) => return compare(start, " >= ", e),
        DateTest::EndsBy(s) => return compare(end, " <= ", s),
        _ => {}
    }
    match test {
        DateTest::NotWithin(s, e) => out.sql("(").sql(start).sql(" < ").big(s).sql(" OR ").sql(end).sql(" > ").big(e),
        DateTest::AtOrAfter(s, e) => out
            .sql("(")
            .sql(end)
            .sql(" > ")
            .big(e)
            .sql(" OR (")
            .sql(start)
            .sql(" >= ")
            .big(s)
            .sql(" AND ")
            .sql(end)
            .sql(" <= ")
            .big(e)
            .sql(")"),
        DateTest::AtOrBefore(s, e) => out
            .sql("(")
            .sql(start)
            .sql(" < ")
            .big(s)
            .sql(" OR (")
            .sql(start)
            .sql(" >= ")
            .big(s)
            .sql(" AND ")
            .sql(end)
            .sql(" <= ")
            .big(e)
            .sql(")"),
        DateTest::Overlaps(s, e) => out.sql("(").sql(start).sql(" < ").big(e).sql(" AND ").sql(end).sql(" > ").big(s),
        DateTest::Within(s, e) => out.sql("(").sql(start).sql(" >= ").big(s).sql(" AND ").sql(end).sql(" <= ").big(e),
        DateTest::EndsAfter(_) | DateTest::StartsBefore(_) | DateTest::StartsFrom(_) | DateTest::EndsBy(_) => out.sql("("),
    };
    out.sql(")");
}

fn holder_named(names: &[HolderName], h: &str, out: &mut Statement) {
    for (place, name) in names.iter().enumerate() {
        out.sql(if place == 0 { "(" } else { " OR " }).sql("COALESCE(").sql(h);
        match name {
            HolderName::Id(id) => out.sql(".patient, '') = ").text(id),
            HolderName::Identifier(ins) => out.sql(".ins, '') = ").text(ins),
            HolderName::Number(number) => out.sql(".holder, 0) = ").big(*number),
        };
    }
    out.sql(if names.is_empty() { "1 = 0" } else { ")" });
}

fn envelope(test: &EnvelopeTest, r: &str, h: &str, out: &mut Statement) {
    match test {
        EnvelopeTest::DocTypeIn(types) => out.sql(r).sql(".doc_type IN (").numbers(types.iter().copied()).sql(")"),
        EnvelopeTest::Labelled(label) => out.sql("(").sql(r).sql(".labels & ").number(label.bit()).sql(") <> 0"),
        EnvelopeTest::SubmittedBy(actor) => out.sql(r).sql(".submitter = ").text(actor.as_str()),
        EnvelopeTest::HolderIs(ins) => out.sql("COALESCE(").sql(h).sql(".ins, '') = ").text(ins),
        EnvelopeTest::PartyIn(actors) => {
            out.sql("(1 = 0");
            for actor in actors {
                // The characters of an actor need no escape but the full stop, which LIKE takes literally.
                out.sql(" OR ").sql(r).sql(".parties LIKE ").text(format!("% {} %", actor.as_str()));
            }
            out.sql(")")
        }
    };
}

fn right(test: &RightTest, h: &str, out: &mut Statement) {
    out.sql("EXISTS (SELECT 1 FROM access_right a WHERE a.holder = ").sql(h).sql(".holder AND a.kind IN (");
    out.numbers(test.kinds.iter().map(|kind| kind.number())).sql(") AND a.actor IN (");
    if test.actors.is_empty() {
        out.sql("NULL");
    }
    out.texts(test.actors.iter().map(crate::filter::Actor::as_str))
        .sql(") AND a.from_at <= ")
        .big(test.at)
        .sql(" AND a.until_at > ")
        .big(test.at);
    if let Some(part) = test.part {
        out.sql(" AND (a.parts = '' OR a.parts LIKE '% ").sql(part.name()).sql(" %')");
    }
    out.sql(")");
}
