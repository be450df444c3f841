//! Which rows lead a search. Everything else that is asked, and all that is allowed, is then looked up for each row they name.
//!
//! Rows of one value are in the order of creation, and rows of what is sorted by in that order: a page is cut from either without
//! looking at more. Where several conditions could lead, each is counted up to [`FEW`]; one with fewer rows leads even where they must
//! be sorted after.

use diesel::sql_types::BigInt;

use super::super::error::Error;
use super::super::pool::AnyConnection;
use super::super::predicate::{self, Place, row_test, table_of};
use super::super::sql::Statement;
use super::PageRequest;
use super::leads::{alternatives, conjuncts, has_chain, is_common, is_one_value, leads, leads_anywhere, needs_row, person, stands_for};
use crate::filter::{Filter, Param, ParamKind, Test, any_of_system, signature};
use crate::policy::Scope;

/// Rows that are few enough to be sorted for each page.
pub const FEW: i64 = 1_000;
/// Ends of a chain from each of which a page is gathered: of more of them, resources that refer to one are not rare.
const ENDS_MAX: i64 = 250;
/// Values of one parameter whose bits are compared.
const SIGNED_MAX: usize = 8;

/// What leads a search.
pub enum Leader<'f> {
    /// The resources of the type, in the order of creation.
    Type,
    /// Rows of one value, in the order of creation.
    Rows(&'f Filter),
    /// Any rows, each resource once, in no order.
    Set(&'f Filter),
    /// Of each that a chain ends at, as many of the rows that lead there as a page has, each resource once.
    Newest(&'f Filter),
    /// The rows of what is sorted by, in its order.
    Sorted,
    /// The dates of what is about the person that this asks for, in their order.
    Person(&'f Filter),
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
    /// Where its conditions stand.
    pub place: Place,
    /// What a page in the order of creation can hold.
    pub cut: Cut,
}

/// A page in the order of creation.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// The key after which it begins.
    pub after: Option<i64>,
    /// Whether it runs from the newest.
    pub down: bool,
    /// How many it has, and one more.
    pub limit: u32,
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
        let after = request.after.as_ref().map(|after| after.key);
        let cut = Cut { after, down: !request.backward, limit: request.limit.saturating_add(1) };
        Self { scope, allowed: scope.filter(), asked, holders: request.holders.as_deref(), home, place, cut }
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
        if let (Some((_, ParamKind::Date)), Some(about)) = (sort, self.about_person()) {
            return Ok(Leader::Person(about));
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
        if let (None, Some(chain)) = (sort, self.only_chain())
            && self.ends(connection, chain)? <= ENDS_MAX
        {
            return Ok(Leader::Newest(chain));
        }
        // Rows of values that are not in the order of an index, of a home that is known, lead by it.
        Ok(match sort {
            Some((param, kind)) if kind != ParamKind::Quantity && !is_common(param) && self.home.is_some() => Leader::Sorted,
            _ => Leader::Type,
        })
    }

    /// A chain that is all that is asked, and all that decides.
    fn only_chain(&self) -> Option<&'f Filter> {
        let [only] = self.asked.as_slice() else { return None };
        let decides = self.scope.is_tester() && self.allowed == Filter::Everything;
        (decides && leads(only) && stands_for(only) && has_chain(only)).then_some(only)
    }

    /// How many there are at the ends of a chain, and beside it, up to [`FEW`] each.
    fn ends(&self, connection: &mut AnyConnection, chain: &Filter) -> Result<i64, Error> {
        let mut statement = Statement::default();
        for (number, part) in alternatives(chain).into_iter().enumerate() {
            statement.sql(if number == 0 { "SELECT (" } else { " UNION ALL SELECT (" }).sql("SELECT COUNT(*) FROM (");
            match part {
                Filter::Via(_, resource, inner) => self.leading(inner, self.place.linked(*resource), &mut statement),
                part => {
                    self.rows_at(part, self.place, true, &mut statement);
                    statement.sql(&format!(" LIMIT {FEW}"));
                }
            }
            statement.sql(") e)");
        }
        Ok(statement.load::<BigInt, i64>(connection)?.into_iter().sum())
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

    /// What asks for the resources of one person, where testers ask.
    fn about_person(&self) -> Option<&'f Filter> {
        let by = ["patient", "subject"].map(|code| Param::new(self.scope.resource(), code));
        let names_one = |filter: &&&Filter| matches!(filter, Filter::Index(param, _) if by.contains(param)) && person(filter).is_some();
        self.asked.iter().filter(|_| self.scope.is_tester()).find(names_one).copied()
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
            statement.sql(if number == 0 { "SELECT (" } else { " UNION ALL SELECT (" }).sql("SELECT COUNT(*) FROM (");
            self.rows_at(filter, self.place, true, &mut statement);
            statement.sql(&format!(" LIMIT {FEW}) c)"));
            // Of those at the end of a link as many are followed; where there are more, what leads to them is not few either.
            if let Filter::Via(_, resource, inner) | Filter::Has(_, resource, inner) = filter {
                statement.sql(" + (SELECT CASE WHEN COUNT(*) < ").number(FEW).sql(&format!(" THEN 0 ELSE {FEW} END FROM ("));
                self.leading(inner, self.place.linked(*resource), &mut statement);
                statement.sql(") e)");
            }
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
            Leader::Newest(filter) => {
                out.sql(" FROM (SELECT DISTINCT holder, key FROM (");
                self.newest(filter, out);
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
        self.conditions_led(leader, row, None, out);
    }

    /// `WHERE …`; where the rows aliased stand for the dates of a parameter, one that passes spares the look at the others.
    pub fn conditions_led(&self, leader: &Leader<'f>, row: bool, dates: Option<(Param, &str)>, out: &mut Statement) {
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
            // Where other rows lead, an index of the type must not: the sum keeps it from being one.
            let led = matches!(leader, Leader::Sorted | Leader::Person(_));
            out.sql(if led { " AND r.deleted = 0 AND r.type + 0 = " } else { " AND r.deleted = 0 AND r.type = " });
            out.number(self.scope.resource().number());
        }
        if self.allowed != Filter::Everything {
            out.sql(" AND ");
            predicate::at(&self.allowed, self.place, out);
        }
        for filter in self.rest(leader) {
            out.sql(" AND (");
            if let (Some((of, alias)), Filter::Index(param, test @ Test::Date(_))) = (dates, filter)
                && *param == of
            {
                row_test(test, alias, out);
                out.sql(" OR ");
            }
            predicate::at(filter, self.place, out);
            out.sql(")");
        }
    }

    /// Passes over rows whose bits tell that their resource lacks a token that is asked for.
    pub fn tokens_may_pass(&self, alias: &str, out: &mut Statement) {
        for filter in &self.asked {
            let Filter::Index(param, Test::Token(values)) = filter else { continue };
            if values.is_empty() || values.len() > SIGNED_MAX || values.iter().any(|value| any_of_system(value).is_some()) {
                continue;
            }
            for (number, value) in values.iter().enumerate() {
                let bits = signature::bits(*param, value);
                out.sql(if number == 0 { " AND ((" } else { " OR (" }).sql(alias).sql(".tokens & ").big(bits).sql(") = ").big(bits);
            }
            out.sql(")");
        }
    }

    /// Whether something asks for the resource's own row, and not for index rows alone.
    pub fn needs_row(&self, leader: &Leader<'f>) -> bool {
        let stands = match leader {
            Leader::Type => return true,
            Leader::Sorted | Leader::Person(_) => true,
            Leader::Rows(filter) | Leader::Set(filter) | Leader::Newest(filter) => stands_for(filter),
        };
        !stands || needs_row(&self.allowed) || self.rest(leader).any(needs_row)
    }

    fn rest<'p>(&'p self, leader: &Leader<'f>) -> impl Iterator<Item = &'f Filter> + use<'p, 'f> {
        let done: Option<*const Filter> = match leader {
            Leader::Rows(filter) | Leader::Set(filter) | Leader::Newest(filter) => Some(std::ptr::from_ref(*filter)),
            // The dates stand beside whom `patient` names, where the type has that parameter.
            Leader::Person(filter @ Filter::Index(param, _)) if *param == Param::new(self.scope.resource(), "patient") => {
                Some(std::ptr::from_ref(*filter))
            }
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
}
