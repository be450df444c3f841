//! Compartments (FHIR R4 compartmentdefinition.html): by which parameters a resource belongs to one. Only these give membership.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::parse::HELD;
use super::query::Query;
use super::registry::find;
use crate::fhir::ResourceType;
use crate::filter::{Filter, HolderName, Test};

const TABLE: &str = include_str!("../../profiles/r4/compartments.tsv");

/// Compartment and type to the parameters.
static COMPARTMENTS: LazyLock<BTreeMap<(&'static str, &'static str), Vec<&'static str>>> = LazyLock::new(|| {
    let row = |line: &'static str| match line.split('\t').collect::<Vec<_>>()[..] {
        [of, resource, parameters] => {
            // The resource itself is in its own compartment, which `{def}` says.
            Some(((of, resource), parameters.split(' ').filter(|code| *code != "{def}").collect()))
        }
        _ => None,
    };
    // A test holds that every line is read.
    TABLE.lines().skip(1).filter_map(row).collect()
});

/// Whether some resources of the type may be in compartments of the other.
pub fn is_in_compartment(resource: ResourceType, of: ResourceType) -> bool {
    COMPARTMENTS.contains_key(&(of.name(), resource.name()))
}

/// Whether there are compartments of the type.
pub fn has_compartments(of: ResourceType) -> bool {
    COMPARTMENTS.keys().any(|(name, _)| *name == of.name())
}

/// Keeps a search within one compartment; `false` where resources of the type are in none of them.
pub fn enter(query: &mut Query, resource: ResourceType, of: ResourceType, id: &str) -> bool {
    let Some(parameters) = COMPARTMENTS.get(&(of.name(), resource.name())) else { return false };
    let reference = format!("{of}/{id}");
    let by = |code: &&str| find(resource, code).map(|parameter| Filter::Index(parameter.param, Test::Reference(vec![reference.clone()])));
    // The resource itself is in its own compartment.
    let own = if resource == of { Filter::Id(vec![id.to_owned()]) } else { Filter::Nothing };
    let inside = parameters.iter().filter_map(by).fold(own, Filter::or);
    let asked = std::mem::replace(&mut query.filter, Filter::Everything);
    query.filter = asked.and(inside);
    if of == ResourceType::PATIENT && HELD.contains(&resource) {
        query.holders.push(vec![HolderName::Id(id.to_owned())]);
        query.named.insert("patient".to_owned());
    }
    true
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::filter::ParamKind;

    #[test]
    fn every_line_names_reference_parameters() {
        assert_eq!(COMPARTMENTS.len(), TABLE.lines().count() - 1);
        for ((of, resource), parameters) in COMPARTMENTS.iter() {
            let (of, resource) = (ResourceType::parse(of).unwrap(), ResourceType::parse(resource).unwrap());
            for code in parameters {
                let kind = find(resource, code).map(|parameter| parameter.kind);
                assert_eq!(kind, Some(ParamKind::Reference), "{of} {resource} {code}");
            }
        }
        // What an observation is about beside its subject gives no membership.
        let observation = ResourceType::parse("Observation").unwrap();
        assert_eq!(COMPARTMENTS[&("Patient", "Observation")], ["subject", "performer"]);
        assert!(is_in_compartment(observation, ResourceType::PATIENT) && !has_compartments(observation));
    }
}
