//! Which rows lead a search. Everything else that is asked, and all that is allowed, is then looked up for each row they name.
//!
//! Rows of one value are in the order of creation, and rows of what is sorted by in that order: a page is cut from either without
//! looking at more. Where several conditions could lead, each is counted up to [`FEW`]; one with fewer rows leads even where they must
//! be sorted after.

use diesel::sql_types::BigInt;

use super::super::error::Error;
use super::super::pool::AnyConnection;
use super::super::predicate::{self, Place, joined, linked, row_test, table_of};
use super::super::sql::Statement;
use super::PageRequest;
use crate::fhir::ResourceType;
use crate::filter::{EnvelopeTest, Filter, Param, ParamKind, StringTest, Test, any_of_system};
use crate::policy::Scope;

/// Rows that are few enough to be sorted for each page.
const FEW: i64 = 1_000;
/// Values of one parameter that can lead.
const VALUES_MAX: usize = 64;

/// What leads a search.
pub enum Leader<'f> {
    /// The resources of the type, in the order of creation.
    Type,
    /// Rows of one value, in the order of creation.
    Rows(&'f Filter),
    /// Any rows, each resource once, in no order.
    Set(&'f Filter),
    /// The rows of what is sorted by, in its order.
    Sorted,
    /// The dates of what is about this person, in their order.
    Person(&'f str),
}

/// A search of one type.
pub struct Plan<'f> {
    /// What is allowed.
    pub scope: &'f Scope,
    allowed: Filter,
    asked: Vec<&'f Filter>,
    holders: Option<&'f [i64]>,
    /// The one holder whose rows are looked at.
    home: Option<i64>,
    place: Place,
}

impl<'f> Plan<'f> {
    /// A search inside a scope.
    pub fn new(scope: &'f Scope, request: &'f PageRequest) -> Self {
        let mut asked = Vec::new();
        conjuncts(&request.filter, &mut asked);
        let home = match request.holders.as_deref() {
            _ if scope.is_tester() => Some(-1),
            Some([one]) => Some(*one),
            None if scope.is_of_directory() => Some(0),
            _ => None,
        };
        let place = Place::top(i16::from(scope.is_tester()), Some(scope.resource()));
        Self { scope, allowed: scope.filter(), asked, holders: request.holders.as_deref(), home, place }
    }

    /// Whether every match has a row of the parameter.
    pub fn asks_for(&self, param: Param) -> bool {
        self.asked.iter().any(|filter| matches!(filter, Filter::Index(of, _) if *of == param))
    }

    /// What leads to the first matches in the order of creation, or of an index.
    ///
    /// # Errors
    /// [`Error::Away`].
    pub fn leader(&self, connection: &mut AnyConnection, sort: Option<(Param, ParamKind)>) -> Result<Leader<'f>, Error> {
        let able = self.able();
        if let Some(filter) = able.iter().find(|filter| matches!(filter, Filter::Id(_))) {
            return Ok(Leader::Set(filter));
        }
        if let (Some((_, ParamKind::Date)), Some(person)) = (sort, self.person()) {
            return Ok(Leader::Person(person));
        }
        // The rows of one holder are few; those of one value need no counting where nothing else could lead.
        if let (Some(1..), Some((param, _))) = (self.home, sort) {
            return Ok(if is_common(param) { Leader::Type } else { Leader::Sorted });
        }
        if let (None, [only], Some(_)) = (sort, able.as_slice(), self.home)
            && is_one_value(only)
        {
            return Ok(Leader::Rows(only));
        }
        // When it was written finds a few, but is no other order.
        let when = self.asked.iter().filter(|filter| self.home.is_some() && matches!(filter, Filter::LastUpdated(_)));
        let probed: Vec<&Filter> = able.iter().chain(when).copied().collect();
        if let Some((filter, count)) = self.least(connection, &probed)? {
            if count < FEW || self.home.is_none() {
                return Ok(Leader::Set(filter));
            }
            if sort.is_none() && is_one_value(filter) {
                return Ok(Leader::Rows(filter));
            }
        }
        // Rows of values that are not in the order of an index, of a home that is known, lead by it.
        Ok(match sort {
            Some((param, kind)) if kind != ParamKind::Quantity && !is_common(param) && self.home.is_some() => Leader::Sorted,
            _ => Leader::Type,
        })
    }

    /// What leads to all matches.
    ///
    /// # Errors
    /// [`Error::Away`].
    pub fn selective(&self, connection: &mut AnyConnection) -> Result<Leader<'f>, Error> {
        let able = self.able();
        let chosen = match able.as_slice() {
            [] => return Ok(Leader::Type),
            [only] => only,
            several => match self.least(connection, several)? {
                Some((filter, _)) => filter,
                None => return Ok(Leader::Type),
            },
        };
        Ok(if is_one_value(chosen) && self.home.is_some() { Leader::Rows(chosen) } else { Leader::Set(chosen) })
    }

    /// What leads where no order does.
    pub fn leader_of_rest(&self) -> Leader<'f> {
        let able = self.able();
        match able.iter().find(|filter| is_one_value(filter)).or(able.first()) {
            Some(filter) if is_one_value(filter) && self.home.is_some() => Leader::Rows(filter),
            Some(filter) => Leader::Set(filter),
            None => Leader::Type,
        }
    }

    /// The person whose resources are asked for, where testers ask.
    fn person(&self) -> Option<&'f str> {
        if !self.scope.is_tester() {
            return None;
        }
        let by = ["patient", "subject"].map(|code| Param::new(self.scope.resource(), code));
        self.asked.iter().find_map(|filter| match filter {
            Filter::Index(param, Test::Reference(values)) if by.contains(param) => match values.as_slice() {
                [one] if one.starts_with("Patient/") => Some(one.as_str()),
                _ => None,
            },
            _ => None,
        })
    }

    /// The conditions that can lead.
    fn able(&self) -> Vec<&'f Filter> {
        let realm_wide = self.home.is_none();
        let can = |filter: &&&Filter| if realm_wide { leads_anywhere(filter) } else { leads(filter) };
        self.asked.iter().filter(can).copied().collect()
    }

    /// The condition with the fewest rows, and how many, up to [`FEW`]; rows of one value before others that are as many.
    fn least(&self, connection: &mut AnyConnection, able: &[&'f Filter]) -> Result<Option<(&'f Filter, i64)>, Error> {
        if able.is_empty() {
            return Ok(None);
        }
        let mut statement = Statement::default();
        for (number, filter) in able.iter().enumerate() {
            statement.sql(if number == 0 { "SELECT COUNT(*) FROM (" } else { " UNION ALL SELECT COUNT(*) FROM (" });
            self.rows(filter, &mut statement);
            statement.sql(" LIMIT ").number(FEW).sql(&format!(") c{number}"));
        }
        let counts: Vec<i64> = statement.load::<BigInt, i64>(connection)?;
        let rank = |(filter, count): &(&'f Filter, i64)| (*count, !is_one_value(filter));
        Ok(able.iter().copied().zip(counts).min_by_key(rank))
    }

    /// `FROM … WHERE …` of a search that these rows lead, the resource aliased `r`.
    pub fn whole(&self, leader: &Leader<'f>, out: &mut Statement) {
        self.from(leader, out);
        self.conditions(leader, out);
    }

    /// `FROM …`.
    pub fn from(&self, leader: &Leader<'f>, out: &mut Statement) {
        self.source_with(leader, false, out);
    }

    /// `FROM …`; `row` where something beside the conditions needs the resource's own row.
    pub fn source_with(&self, leader: &Leader<'f>, row: bool, out: &mut Statement) {
        let own = row || self.needs_row(leader);
        let alias = if own { "d" } else { "r" };
        match leader {
            Leader::Type | Leader::Sorted | Leader::Person(_) => {
                out.sql(" FROM resource r");
            }
            Leader::Rows(Filter::Index(_, test)) => {
                out.sql(" FROM ").sql(table_of(test)).sql(" ").sql(alias);
            }
            Leader::Rows(filter) | Leader::Set(filter) => {
                out.sql(" FROM (SELECT DISTINCT holder, key FROM (");
                self.rows(filter, out);
                out.sql(") u) ").sql(alias);
            }
        }
        if own && !matches!(leader, Leader::Type | Leader::Sorted | Leader::Person(_)) {
            out.sql(" JOIN resource r ON r.holder = d.holder AND r.key = d.key");
        }
        if own && !self.scope.is_tester() {
            out.sql(" LEFT JOIN holder h ON h.holder = r.holder");
        }
    }

    /// `WHERE …`, after [`Plan::from`].
    pub fn conditions(&self, leader: &Leader<'f>, out: &mut Statement) {
        self.conditions_with(leader, false, out);
    }

    /// `WHERE …`, after [`Plan::source_with`].
    pub fn conditions_with(&self, leader: &Leader<'f>, row: bool, out: &mut Statement) {
        let own = row || self.needs_row(leader);
        out.sql(" WHERE ");
        if let Leader::Rows(Filter::Index(param, test)) = leader {
            let alias = if own { "d" } else { "r" };
            self.of_param(alias, *param, out);
            out.sql(" AND ");
            row_test(test, alias, out);
            out.sql(" AND ");
        }
        self.of_home("r", out);
        if own {
            out.sql(" AND r.deleted = 0 AND r.type = ").number(self.scope.resource().number());
        }
        if self.allowed != Filter::Everything {
            out.sql(" AND ");
            predicate::at(&self.allowed, self.place, out);
        }
        for filter in self.rest(leader) {
            out.sql(" AND ");
            predicate::at(filter, self.place, out);
        }
    }

    /// Whether something asks for the resource's own row, and not for index rows alone.
    pub fn needs_row(&self, leader: &Leader<'f>) -> bool {
        let stands = match leader {
            Leader::Type => return true,
            Leader::Sorted | Leader::Person(_) => true,
            Leader::Rows(filter) | Leader::Set(filter) => stands_for(filter),
        };
        !stands || needs_row(&self.allowed) || self.rest(leader).any(needs_row)
    }

    fn rest<'p>(&'p self, leader: &Leader<'f>) -> impl Iterator<Item = &'f Filter> + use<'p, 'f> {
        let done: Option<*const Filter> = match leader {
            Leader::Rows(filter) | Leader::Set(filter) => Some(std::ptr::from_ref(*filter)),
            Leader::Type | Leader::Sorted | Leader::Person(_) => None,
        };
        self.asked.iter().copied().filter(move |filter| done != Some(std::ptr::from_ref(*filter)))
    }

    /// Whether rows of a table are of the holders looked at.
    pub fn of_home(&self, alias: &str, out: &mut Statement) {
        match (self.home, self.holders) {
            (Some(-1), _) => out.sql(alias).sql(".holder = -1"),
            (Some(home), _) => out.sql(alias).sql(".holder = ").big(home),
            (None, Some(holders)) => out.sql(alias).sql(".holder IN (").bigs(holders).sql(")"),
            (None, None) => out.sql(alias).sql(".holder >= 0"),
        };
    }

    /// The rows of a parameter at home.
    pub fn of_param(&self, alias: &str, param: Param, out: &mut Statement) {
        self.of_home(alias, out);
        out.sql(" AND ").sql(alias).sql(".param = ").number(param.key());
    }

    /// Selects `holder` and `key` of what passes a condition that [`leads`].
    fn rows(&self, filter: &Filter, out: &mut Statement) {
        self.rows_at(filter, self.place, out);
    }

    fn rows_at(&self, filter: &Filter, place: Place, out: &mut Statement) {
        let home = |alias: &str, out: &mut Statement| {
            if place.is_top() {
                self.of_home(alias, out);
            } else {
                predicate::everywhere(alias, place.realm(), out);
            }
        };
        match filter {
            Filter::Id(ids) => {
                let Some(resource) = place.resource() else { return };
                out.sql("SELECT l.holder AS holder, l.key AS key FROM locator l WHERE l.realm = ").number(place.realm());
                out.sql(" AND l.ref IN (");
                let refs: Vec<String> = ids.iter().map(|id| format!("{resource}/{id}")).collect();
                out.texts(refs.iter().map(String::as_str)).sql(")");
            }
            Filter::LastUpdated(test) => {
                let Some(resource) = place.resource() else { return };
                out.sql("SELECT i.holder AS holder, i.key AS key FROM resource i WHERE ");
                home("i", out);
                out.sql(" AND i.type = ").number(resource.number()).sql(" AND ");
                predicate::instant(*test, "i.updated", |micros| micros, out);
            }
            Filter::Index(param, test) => {
                out.sql("SELECT i.holder AS holder, i.key AS key FROM ").sql(table_of(test)).sql(" i WHERE ");
                home("i", out);
                out.sql(" AND i.param = ").number(param.key()).sql(" AND ");
                row_test(test, "i", out);
            }
            Filter::Or(any) => {
                for (number, one) in any.iter().enumerate() {
                    out.sql(if number == 0 { "SELECT holder, key FROM (" } else { " UNION ALL SELECT holder, key FROM (" });
                    self.rows_at(one, place, out);
                    out.sql(") u").sql(&number.to_string());
                }
            }
            // From what is asked at the end of the chain back to what refers to it.
            Filter::Via(param, resource, inner) => {
                let target = place.linked(*resource);
                let (r, _) = target.aliases();
                out.sql("SELECT x.holder AS holder, x.key AS key");
                self.led(inner, target, out);
                let reference = format!(" JOIN index_reference x ON x.value = '{resource}/' || {r}.id AND x.param = ");
                out.sql(&reference).number(param.key()).sql(" AND ");
                home("x", out);
                self.held(inner, *resource, target, out);
            }
            Filter::Has(param, resource, inner) => {
                let Some(own) = place.resource() else { return };
                let source = place.linked(*resource);
                let (r, _) = source.aliases();
                out.sql("SELECT l.holder AS holder, l.key AS key");
                self.led(inner, source, out);
                let reference = format!(" JOIN index_reference x ON x.holder = {r}.holder AND x.key = {r}.key AND x.param = ");
                out.sql(&reference).number(param.key()).sql(" JOIN locator l ON l.realm = ").number(place.realm());
                out.sql(&format!(" AND l.ref = x.value AND x.value >= '{own}/' AND x.value < '{own}0'"));
                self.held(inner, *resource, source, out);
            }
            // What cannot lead is never asked for.
            Filter::And(_)
            | Filter::Nothing
            | Filter::Everything
            | Filter::Not(_)
            | Filter::HolderNamed(_)
            | Filter::Envelope(_)
            | Filter::Holder(_)
            | Filter::Right(_) => {
                out.sql("SELECT holder, key FROM locator WHERE 1 = 0");
            }
        }
    }

    /// `FROM` the resources at the end of a link, led by the first condition on them that can.
    fn led(&self, inner: &Filter, at: Place, out: &mut Statement) {
        let mut all = Vec::new();
        conjuncts(inner, &mut all);
        match all.iter().find(|filter| leads(filter)) {
            Some(filter) => {
                out.sql(" FROM (SELECT DISTINCT holder, key FROM (");
                self.rows_at(filter, at, out);
                out.sql(") u) d");
                joined("d", at, out);
            }
            None => {
                let (r, h) = at.aliases();
                out.sql(" FROM resource ")
                    .sql(r)
                    .sql(" LEFT JOIN holder ")
                    .sql(h)
                    .sql(" ON ")
                    .sql(h)
                    .sql(".holder = ")
                    .sql(r)
                    .sql(".holder");
            }
        }
    }

    /// `WHERE` what must hold of them.
    fn held(&self, inner: &Filter, resource: ResourceType, at: Place, out: &mut Statement) {
        out.sql(" WHERE ");
        predicate::everywhere(at.aliases().0, at.realm(), out);
        out.sql(" AND ");
        linked(resource, inner, at, out);
    }
}

/// `FROM … WHERE …` of a search over several types.
pub fn of_types(parts: &[(Scope, Filter)], request: &PageRequest, out: &mut Statement) {
    let tester = parts.iter().any(|(scope, _)| scope.is_tester());
    out.sql(" FROM resource r LEFT JOIN holder h ON h.holder = r.holder WHERE r.deleted = 0 AND ");
    match (&request.holders, tester) {
        (_, true) => out.sql("r.holder = -1"),
        (Some(holders), false) => out.sql("r.holder IN (").bigs(holders).sql(")"),
        (None, false) => out.sql("r.holder >= 0"),
    };
    // Types of which the same is allowed and asked stand together.
    let mut groups: Vec<(Vec<i16>, Filter, &Filter, ResourceType)> = Vec::new();
    for (scope, asked) in parts {
        let (allowed, number) = (scope.filter(), scope.resource().number());
        match groups.iter_mut().find(|(_, a, b, _)| *a == allowed && *b == asked && !names_type(asked)) {
            Some((numbers, ..)) => numbers.push(number),
            None => groups.push((vec![number], allowed, asked, scope.resource())),
        }
    }
    out.sql(" AND (1 = 0");
    for (numbers, allowed, asked, resource) in groups {
        let place = Place::top(i16::from(tester), Some(resource));
        out.sql(" OR (r.type IN (").numbers(numbers).sql(") AND (");
        predicate::at(&allowed, place, out);
        out.sql(") AND (");
        predicate::at(asked, place, out);
        out.sql("))");
    }
    out.sql(")");
}

/// Whether a condition speaks of the type by its name.
fn names_type(filter: &Filter) -> bool {
    match filter {
        Filter::Has(..) => true,
        Filter::And(all) | Filter::Or(all) => all.iter().any(names_type),
        Filter::Not(inner) => names_type(inner),
        _ => false,
    }
}

fn conjuncts<'f>(filter: &'f Filter, into: &mut Vec<&'f Filter>) {
    match filter {
        Filter::And(all) => all.iter().for_each(|one| conjuncts(one, into)),
        Filter::Everything => {}
        other => into.push(other),
    }
}

/// Whether the rows of one value pass, so that they are in the order of their keys and name no resource twice.
fn is_one_value(filter: &Filter) -> bool {
    match filter {
        Filter::Index(_, Test::Token(values)) => matches!(values.as_slice(), [one] if any_of_system(one).is_none()),
        Filter::Index(_, Test::Reference(values) | Test::Uri(values)) => values.len() == 1,
        _ => false,
    }
}

/// Whether a condition can lead: an index finds what passes.
fn leads(filter: &Filter) -> bool {
    match filter {
        Filter::Id(_) => true,
        Filter::Index(_, test) => match test {
            Test::Token(values) | Test::Reference(values) | Test::Uri(values) => !values.is_empty() && values.len() <= VALUES_MAX,
            Test::String(StringTest::StartsWith(_) | StringTest::Exact(_)) => true,
            Test::Date(_) | Test::UriBelow(_) | Test::Quantity(Some(_), _) | Test::Pair(..) => true,
            Test::String(StringTest::Contains(_)) | Test::Quantity(None, _) | Test::Present(_) => false,
        },
        Filter::Or(any) => !any.is_empty() && any.len() <= VALUES_MAX && any.iter().all(leads),
        Filter::Via(_, _, inner) | Filter::Has(_, _, inner) => {
            let mut all = Vec::new();
            conjuncts(inner, &mut all);
            all.iter().any(|filter| leads(filter))
        }
        _ => false,
    }
}

/// Whether it can lead where no holder is named: an index over all holders finds what passes.
fn leads_anywhere(filter: &Filter) -> bool {
    match filter {
        Filter::Id(_) => true,
        Filter::Index(_, Test::Token(values) | Test::Reference(values)) => {
            !values.is_empty() && values.len() <= VALUES_MAX && !values.iter().any(|value| any_of_system(value).is_some())
        }
        _ => false,
    }
}

/// Whether the rows that pass stand for resources of the type searched that are there: index rows do, what leads to an address does not,
/// for it may be that of a deletion.
fn stands_for(filter: &Filter) -> bool {
    match filter {
        Filter::Index(param, _) | Filter::Via(param, ..) => !is_common(*param),
        Filter::Or(any) => any.iter().all(stands_for),
        _ => false,
    }
}

fn is_common(param: Param) -> bool {
    ["_profile", "_security", "_source", "_tag"].iter().any(|code| Param::common(code) == param)
}

/// Whether a condition looks at columns of the resource or of its holder.
fn needs_row(filter: &Filter) -> bool {
    match filter {
        Filter::Everything | Filter::Nothing | Filter::Index(..) | Filter::Via(..) => false,
        Filter::And(all) | Filter::Or(all) => all.iter().any(needs_row),
        Filter::Not(inner) => needs_row(inner),
        Filter::Envelope(EnvelopeTest::DocTypeIn(_)) => true,
        _ => true,
    }
}
