//! A filter as SQL: the interpreter in the database, beside `filter::matches` in memory.
//!
//! The resource in question is aliased `r`, its holder's row `h` (outer-joined; a resource without holder has none).

use crate::fhir::ResourceType;
use crate::filter::{
    EnvelopeTest, Filter, HolderName, HolderTest, Param, ParamKind, RangeTest, RightTest, StringTest, Test, any_of_system, fold,
};

use super::sql::Statement;

/// Where a condition stands.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Links of a chain above it.
    depth: usize,
    /// 0 for records and directories, 1 for what testers keep.
    realm: i16,
    /// The type of the resource; what refers to it is only found where one is known.
    resource: Option<ResourceType>,
}

impl Place {
    /// A resource aliased `r` of a realm.
    pub fn top(realm: i16, resource: Option<ResourceType>) -> Self {
        Self { depth: 0, realm, resource }
    }

    /// One more link, to a resource of this type.
    pub fn linked(self, resource: ResourceType) -> Self {
        Self { depth: self.depth + 1, resource: Some(resource), ..self }
    }

    /// The aliases of the resource and of its holder.
    pub fn aliases(self) -> (&'static str, &'static str) {
        const ALIASES: [(&str, &str); 8] =
            [("r", "h"), ("r1", "h1"), ("r2", "h2"), ("r3", "h3"), ("r4", "h4"), ("r5", "h5"), ("r6", "h6"), ("r7", "h7")];
        ALIASES.get(self.depth).copied().unwrap_or(("r", "h"))
    }

    /// The holder of the resource. That of testers is spelled out: PostgreSQL knows how much it has, and does not take it for one of many.
    fn home(self) -> String {
        if self.realm == 0 { format!("{}.holder", self.aliases().0) } else { "-1".to_owned() }
    }

    /// Whether it is no link of a chain.
    pub fn is_top(self) -> bool {
        self.depth == 0
    }

    /// The realm.
    pub fn realm(self) -> i16 {
        self.realm
    }

    /// The type of the resource.
    pub fn resource(self) -> Option<ResourceType> {
        self.resource
    }
}

/// Appends the condition, of a resource whose references nobody follows.
pub fn condition(filter: &Filter, out: &mut Statement) {
    at(filter, Place::top(0, None), out);
}

/// Appends the condition on the resource at a place.
pub fn at(filter: &Filter, place: Place, out: &mut Statement) {
    let (r, h) = place.aliases();
    match filter {
        Filter::Nothing => {
            out.sql("1 = 0");
        }
        Filter::Everything => {
            out.sql("1 = 1");
        }
        Filter::And(all) => list(all, " AND ", "1 = 1", place, out),
        Filter::Or(any) => list(any, " OR ", "1 = 0", place, out),
        Filter::Not(inner) => {
            out.sql("NOT (");
            at(inner, place, out);
            out.sql(")");
        }
        Filter::Id(ids) => {
            out.sql(r).sql(".id IN (").texts(ids.iter().map(String::as_str)).sql(")");
            if ids.is_empty() {
                out.sql(" AND 1 = 0");
            }
        }
        Filter::LastUpdated(test) => {
            // As a range, not as an instant: no index finds it, whose rows would then be sorted.
            range(*test, &format!("{r}.updated"), &format!("{r}.updated + 1"), out);
        }
        Filter::Index(param, test) => index(*param, test, place, out),
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
            let target = place.linked(*resource);
            out.sql("EXISTS (SELECT 1 FROM index_reference x JOIN locator l ON l.realm = ").number(place.realm);
            out.sql(" AND l.ref = x.value");
            joined("l", target, out);
            out.sql(" WHERE x.holder = ").sql(&place.home()).sql(" AND x.key = ").sql(r).sql(".key AND x.param = ").number(param.key());
            out.sql(" AND ");
            linked(*resource, inner, target, out);
            out.sql(LOOKED_UP);
        }
        Filter::Has(param, resource, inner) => {
            let Some(own) = place.resource else {
                out.sql("1 = 0");
                return;
            };
            let source = place.linked(*resource);
            out.sql("EXISTS (SELECT 1 FROM index_reference x");
            joined("x", source, out);
            out.sql(" WHERE x.param = ").number(param.key()).sql(" AND x.value = '").sql(own.name()).sql("/' || ").sql(r).sql(".id AND ");
            everywhere("x", place.realm, out);
            out.sql(" AND ");
            linked(*resource, inner, source, out);
            out.sql(LOOKED_UP);
        }
    }
}

/// Joins the resource at a place to a row with its holder and key, and its holder's row.
pub fn joined(row: &str, place: Place, out: &mut Statement) {
    let (r, h) = place.aliases();
    out.sql(" JOIN resource ").sql(r).sql(" ON ").sql(r).sql(".holder = ").sql(row).sql(".holder AND ").sql(r).sql(".key = ").sql(row);
    out.sql(".key LEFT JOIN holder ").sql(h).sql(" ON ").sql(h).sql(".holder = ").sql(r).sql(".holder");
}

/// What must hold of the resource at the end of a link.
pub fn linked(resource: ResourceType, filter: &Filter, place: Place, out: &mut Statement) {
    let (r, _) = place.aliases();
    out.sql(r).sql(".deleted = 0 AND ").sql(r).sql(".type = ").number(resource.number()).sql(" AND (");
    at(filter, place, out);
    out.sql(")");
}

/// The holders of a realm, as the indexes over all of them know them.
pub fn everywhere(alias: &str, realm: i16, out: &mut Statement) {
    out.sql(alias).sql(if realm == 0 { ".holder >= 0" } else { ".holder = -1" });
}

fn list(filters: &[Filter], between: &str, none: &str, place: Place, out: &mut Statement) {
    if filters.is_empty() {
        out.sql(none);
        return;
    }
    for (number, filter) in filters.iter().enumerate() {
        out.sql(if number == 0 { "(" } else { between }).sql("(");
        at(filter, place, out);
        out.sql(")");
    }
    out.sql(")");
}

/// An `EXISTS` over the index rows of the parameter, closed by the caller. What is no equality is asked of the rows of the one resource,
/// not of those of the parameter: the sum keeps the key that begins with the parameter from being taken.
fn rows(table: &str, param: Param, equality: bool, place: Place, out: &mut Statement) {
    out.sql("EXISTS (SELECT 1 FROM ").sql(table).sql(" i WHERE i.holder = ").sql(&place.home()).sql(" AND i.key = ").sql(place.aliases().0);
    out.sql(if equality { ".key AND i.param = " } else { ".key AND i.param + 0 = " }).number(param.key());
}

fn is_equality(test: &Test) -> bool {
    match test {
        Test::Token(values) => !values.iter().any(|value| any_of_system(value).is_some()),
        Test::Reference(_) | Test::Uri(_) => true,
        _ => false,
    }
}

fn index(param: Param, test: &Test, place: Place, out: &mut Statement) {
    rows(table_of(test), param, is_equality(test), place, out);
    out.sql(" AND ");
    row_test(test, "i", out);
    out.sql(LOOKED_UP);
}

/// Ends an `EXISTS` that is looked up for each row that leads: for PostgreSQL an offset keeps it from leading itself.
pub const LOOKED_UP: &str = " LIMIT 1 OFFSET 0)";

/// The table that a test is on.
pub fn table_of(test: &Test) -> &'static str {
    match test {
        Test::Token(_) => "index_token",
        Test::Reference(_) => "index_reference",
        Test::Uri(_) | Test::UriBelow(_) => "index_uri",
        Test::Date(_) => "index_date",
        Test::String(_) => "index_string",
        Test::Quantity(..) | Test::QuantityOf(..) | Test::Pair(..) => "index_quantity",
        Test::Present(kind) => table(*kind),
    }
}

/// What a test asks of a row with this alias.
pub fn row_test(test: &Test, i: &str, out: &mut Statement) {
    match test {
        Test::Token(values) => tokens(values, i, out),
        Test::Reference(values) | Test::Uri(values) => equal(values.iter(), i, out),
        Test::UriBelow(value) => begins("value", value, i, out),
        Test::Date(test) => range(*test, &format!("{i}.start_at"), &format!("{i}.end_at"), out),
        Test::Quantity(Some(unit), test) => {
            out.sql(i).sql(".unit = ").text(unit).sql(" AND ");
            range(*test, &format!("{i}.low"), &format!("{i}.high"), out);
        }
        Test::Quantity(None, test) => {
            out.sql(i).sql(".unit >= '|' AND ").sql(i).sql(".unit < '}' AND ");
            range(*test, &format!("{i}.low"), &format!("{i}.high"), out);
        }
        Test::QuantityOf(head, test) => {
            begins("unit", head, i, out);
            out.sql(" AND ");
            range(*test, &format!("{i}.low"), &format!("{i}.high"), out);
        }
        Test::Pair(unit, one, two) => {
            out.sql(i).sql(".unit = ").text(unit);
            for (test, column) in [(one, "low"), (two, "high")] {
                out.sql(" AND ");
                range(*test, &format!("{i}.{column}"), &format!("({i}.{column} + 1)"), out);
            }
        }
        Test::String(StringTest::Exact(value)) => {
            // The folded value leads to it, unless folding made it longer than what is kept.
            let folded = fold(value);
            if folded.chars().count() < FOLDED_CHARS {
                out.sql(i).sql(".folded = ").text(folded).sql(" AND ");
            }
            out.sql(i).sql(".exact = ").text(value);
        }
        Test::String(StringTest::StartsWith(value)) => begins("folded", value, i, out),
        Test::String(StringTest::Contains(value)) => {
            like(&format!("{i}.folded"), format!("%{}%", escape(value)), out);
            out.sql(" ESCAPE '!'");
        }
        Test::Present(_) => {
            out.sql("1 = 1");
        }
    }
}

/// Folded texts shorter than this are whole.
const FOLDED_CHARS: usize = 200;

/// The last character of Unicode ends the range of all that begins with the value.
fn begins(column: &str, value: &str, i: &str, out: &mut Statement) {
    out.sql(i).sql(".").sql(column).sql(" >= ").text(value).sql(" AND ").sql(i).sql(".").sql(column).sql(" < ");
    out.text(format!("{value}\u{10ffff}"));
}

fn tokens(values: &[String], i: &str, out: &mut Statement) {
    let systems: Vec<&str> = values.iter().filter_map(|value| any_of_system(value)).collect();
    if systems.is_empty() {
        return equal(values.iter(), i, out);
    }
    out.sql("(");
    equal(values.iter().filter(|value| any_of_system(value).is_none()), i, out);
    for system in systems {
        out.sql(" OR (");
        begins("value", system, i, out);
        out.sql(")");
    }
    out.sql(")");
}

fn equal<'v>(values: impl Iterator<Item = &'v String>, i: &str, out: &mut Statement) {
    let mut values = values.peekable();
    if values.peek().is_none() {
        out.sql("1 = 0");
    } else {
        out.sql(i).sql(".value IN (").texts(values.map(String::as_str)).sql(")");
    }
}

pub fn table(kind: ParamKind) -> &'static str {
    match kind {
        ParamKind::Token => "index_token",
        ParamKind::String => "index_string",
        ParamKind::Date => "index_date",
        ParamKind::Reference => "index_reference",
        ParamKind::Uri => "index_uri",
        ParamKind::Number | ParamKind::Quantity => "index_quantity",
    }
}

/// Compares with a pattern. SQLite plans a statement anew for each pattern that is bound, unless it is part of an expression.
fn like(column: &str, pattern: String, out: &mut Statement) {
    out.sql(column).sql(" LIKE ('' || ").text(pattern).sql(")");
}

/// The text as `LIKE` takes it literally.
fn escape(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

pub fn range(test: RangeTest, start: &str, end: &str, out: &mut Statement) {
    let mut compare = |column: &str, operator: &str, value: i64| {
        out.sql(column).sql(operator).big(value);
    };
    match test {
        RangeTest::EndsAfter(e) => return compare(end, " > ", e),
        RangeTest::StartsBefore(s) => return compare(start, " < ", s),
        RangeTest::StartsFrom(e) => return compare(start, " >= ", e),
        RangeTest::EndsBy(s) => return compare(end, " <= ", s),
        _ => {}
    }
    match test {
        RangeTest::NotWithin(s, e) => out.sql("(").sql(start).sql(" < ").big(s).sql(" OR ").sql(end).sql(" > ").big(e),
        RangeTest::AtOrAfter(s, e) => out
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
        RangeTest::AtOrBefore(s, e) => out
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
        RangeTest::Overlaps(s, e) => out.sql("(").sql(start).sql(" < ").big(e).sql(" AND ").sql(end).sql(" > ").big(s),
        RangeTest::Within(s, e) => out.sql("(").sql(start).sql(" >= ").big(s).sql(" AND ").sql(end).sql(" <= ").big(e),
        RangeTest::EndsAfter(_) | RangeTest::StartsBefore(_) | RangeTest::StartsFrom(_) | RangeTest::EndsBy(_) => out.sql("("),
    };
    out.sql(")");
}

/// The same as [`range`] of an instant, which ends a microsecond after it begins: one bound or two of a column that an index is in the
/// order of. `place` gives what the column has at an instant.
pub fn instant(test: RangeTest, column: &str, place: impl Fn(i64) -> i64, out: &mut Statement) {
    let (from, until) = match test {
        RangeTest::Within(s, e) | RangeTest::NotWithin(s, e) | RangeTest::Overlaps(s, e) => (Some(s), Some(e)),
        RangeTest::AtOrAfter(from, _) | RangeTest::EndsAfter(from) | RangeTest::StartsFrom(from) => (Some(from), None),
        RangeTest::AtOrBefore(_, until) | RangeTest::StartsBefore(until) | RangeTest::EndsBy(until) => (None, Some(until)),
    };
    let (first, second, between) = match test {
        RangeTest::NotWithin(..) => (until.map(|e| (" >= ", e)), from.map(|s| (" < ", s)), " OR "),
        _ => (from.map(|s| (" >= ", s)), until.map(|e| (" < ", e)), " AND "),
    };
    out.sql("(");
    for (number, (operator, micros)) in first.into_iter().chain(second).enumerate() {
        out.sql(if number == 0 { "" } else { between }).sql(column).sql(operator).big(place(micros));
    }
    out.sql(")");
}

/// Whether the INS is one that the holder had before.
fn former(ins: &str, h: &str, out: &mut Statement) {
    out.sql("COALESCE(").sql(h).sql(".holder, 0) = COALESCE((SELECT f.holder FROM former_ins f WHERE f.ins = ").text(ins).sql("), -2)");
}

fn holder_named(names: &[HolderName], h: &str, out: &mut Statement) {
    for (number, name) in names.iter().enumerate() {
        out.sql(if number == 0 { "(" } else { " OR " }).sql("COALESCE(").sql(h);
        match name {
            HolderName::Id(id) => out.sql(".patient, '') = ").text(id),
            HolderName::Identifier(ins) => {
                former(ins, h, out.sql(".ins, '') = ").text(ins).sql(" OR "));
                &mut *out
            }
            HolderName::Number(holder) => out.sql(".holder, 0) = ").big(*holder),
        };
    }
    out.sql(if names.is_empty() { "1 = 0" } else { ")" });
}

fn envelope(test: &EnvelopeTest, r: &str, h: &str, out: &mut Statement) {
    match test {
        EnvelopeTest::DocTypeIn(types) => out.sql(r).sql(".doc_type IN (").numbers(types.iter().copied()).sql(")"),
        EnvelopeTest::Labelled(label) => out.sql("(").sql(r).sql(".labels & ").number(label.bit()).sql(") <> 0"),
        EnvelopeTest::KeyBelow(key) => {
            // The same as `Envelope::lasting_from`.
            out.sql("CASE WHEN ").sql(r).sql(".first_key = 0 THEN ").sql(r).sql(".key ELSE ").sql(r).sql(".first_key END < ").big(*key)
        }
        EnvelopeTest::SubmittedBy(actor) => {
            out.sql("(").sql(r).sql(".submitter = ").text(actor.as_str());
            // The same as `HolderRow::means`.
            if actor.kind() == 'H' {
                former(actor.id(), h, out.sql(" OR "));
                out.sql(" AND ").sql(r).sql(".submitter = 'H:' || ").sql(h).sql(".ins");
            }
            out.sql(")")
        }
        EnvelopeTest::HolderIs(ins) => {
            former(ins, h, out.sql("(COALESCE(").sql(h).sql(".ins, '') = ").text(ins).sql(" OR "));
            out.sql(")")
        }
        EnvelopeTest::PartyIn(actors) => {
            out.sql("(1 = 0");
            for actor in actors {
                // The characters of an actor need no escape but the full stop, which LIKE takes literally.
                out.sql(" OR ");
                like(&format!("{r}.parties"), format!("% {} %", actor.as_str()), out);
                if actor.kind() == 'H' {
                    former(actor.id(), h, out.sql(" OR "));
                    out.sql(" AND ").sql(r).sql(".parties LIKE ('% H:' || ").sql(h).sql(".ins || ' %')");
                }
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
        out.sql(" AND (a.parts = '' OR a.parts LIKE '% ").sql(part).sql(" %')");
    }
    if let Some(purposes) = &test.purposes {
        out.sql(" AND (1 = 0");
        for purpose in purposes.iter().filter(|purpose| purpose.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
            out.sql(" OR a.parts LIKE '% for:").sql(purpose).sql(" %'");
        }
        out.sql(")");
    }
    out.sql(")");
}
