//! Which conditions can lead a search, and what their rows stand for.

use crate::filter::{EnvelopeTest, Filter, Param, StringTest, Test, any_of_system};

/// Values of one parameter that can lead.
const VALUES_MAX: usize = 64;

/// The conditions that must all hold.
pub fn conjuncts<'f>(filter: &'f Filter, into: &mut Vec<&'f Filter>) {
    match filter {
        Filter::And(all) => all.iter().for_each(|one| conjuncts(one, into)),
        Filter::Everything => {}
        other => into.push(other),
    }
}

/// The conditions one of which must hold.
pub fn alternatives(filter: &Filter) -> Vec<&Filter> {
    match filter {
        Filter::Or(any) => any.iter().flat_map(alternatives).collect(),
        other => vec![other],
    }
}

/// Whether a chain is one of the alternatives.
pub fn has_chain(filter: &Filter) -> bool {
    alternatives(filter).iter().any(|one| matches!(one, Filter::Via(..)))
}

/// The person that a condition names.
pub fn person(filter: &Filter) -> Option<&str> {
    match filter {
        Filter::Index(_, Test::Reference(values)) => match values.as_slice() {
            [one] if one.starts_with("Patient/") => Some(one),
            _ => None,
        },
        _ => None,
    }
}

/// Whether the rows of one value pass, so that they are in the order of their keys and name no resource twice.
pub fn is_one_value(filter: &Filter) -> bool {
    match filter {
        Filter::Index(_, Test::Token(values)) => matches!(values.as_slice(), [one] if any_of_system(one).is_none()),
        Filter::Index(_, Test::Reference(values) | Test::Uri(values)) => values.len() == 1,
        _ => false,
    }
}

/// The first of the conditions that can lead.
pub fn first_that_leads(filter: &Filter) -> Option<&Filter> {
    let mut all = Vec::new();
    conjuncts(filter, &mut all);
    all.into_iter().find(|filter| leads(filter))
}

/// Whether a condition can lead: an index finds what passes.
pub fn leads(filter: &Filter) -> bool {
    match filter {
        Filter::Id(_) => true,
        Filter::Index(_, test) => match test {
            Test::Token(values) | Test::Reference(values) | Test::Uri(values) => !values.is_empty() && values.len() <= VALUES_MAX,
            Test::String(StringTest::StartsWith(_) | StringTest::Exact(_)) => true,
            Test::Date(_) | Test::UriBelow(_) | Test::Quantity(Some(_), _) | Test::QuantityOf(..) | Test::Pair(..) => true,
            Test::String(StringTest::Contains(_)) | Test::Quantity(None, _) | Test::Present(_) => false,
        },
        Filter::Or(any) => !any.is_empty() && any.len() <= VALUES_MAX && any.iter().all(leads),
        Filter::Via(_, _, inner) | Filter::Has(_, _, inner) => first_that_leads(inner).is_some(),
        _ => false,
    }
}

/// Whether it can lead where no holder is named: an index over all holders finds what passes.
pub fn leads_anywhere(filter: &Filter) -> bool {
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
pub fn stands_for(filter: &Filter) -> bool {
    match filter {
        Filter::Index(param, _) | Filter::Via(param, ..) => !is_common(*param),
        Filter::Or(any) => any.iter().all(stands_for),
        _ => false,
    }
}

/// Whether every type has the parameter, under one key for all.
pub fn is_common(param: Param) -> bool {
    ["_profile", "_security", "_source", "_tag"].iter().any(|code| Param::common(code) == param)
}

/// Whether a condition looks at columns of the resource or of its holder.
pub fn needs_row(filter: &Filter) -> bool {
    match filter {
        Filter::Everything | Filter::Nothing | Filter::Index(..) | Filter::Via(..) => false,
        Filter::And(all) | Filter::Or(all) => all.iter().any(needs_row),
        Filter::Not(inner) => needs_row(inner),
        Filter::Envelope(EnvelopeTest::DocTypeIn(_)) => true,
        _ => true,
    }
}
