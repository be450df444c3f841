//! A search over several types: each inside its scope and with what is asked of it.

use super::super::predicate::{self, Place};
use super::super::sql::Statement;
use super::PageRequest;
use crate::fhir::ResourceType;
use crate::filter::Filter;
use crate::policy::Scope;

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
