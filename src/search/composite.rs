//! Composite parameters (FHIR R4 search.html#composite): values that belong to one and the same element.
//!
//! Where that element is the resource itself, each part is a parameter of its own and both must hold. Where it repeats, rows keep what
//! belongs together, under the composite's key.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::registry::{self, R4, SearchParameter};
use crate::fhir::ResourceType;
use crate::fhirpath::Expression;
use crate::filter::{Param, ParamKind};

/// A composite parameter of one resource type.
#[derive(Debug, Clone)]
pub struct Composite {
    /// Its name in a query.
    pub code: &'static str,
    /// The key of its rows; for `combo-…` that of `component-…`, whose rows they are.
    pub param: Param,
    /// The parameters of the resource itself that must hold, where the element is the resource.
    pub whole: Vec<&'static SearchParameter>,
    /// The element that repeats, where there is one.
    pub element: Option<Expression>,
    /// What its parts are, in order.
    pub parts: Vec<Part>,
}

/// A part of a composite.
#[derive(Debug, Clone)]
pub struct Part {
    /// What its values are.
    pub kind: ParamKind,
    /// The types a reference may point to.
    pub targets: Vec<ResourceType>,
    /// The systems of codes that do not say them.
    pub systems: Vec<&'static str>,
    /// Where they are within the element.
    pub expression: Expression,
}

impl Composite {
    /// Whether its rows are written under its own name.
    pub fn keeps_rows(&self) -> bool {
        self.element.is_some() && !self.code.starts_with(COMBO)
    }
}

/// How those parameters begin that look at an observation and at its components.
const COMBO: &str = "combo-";

static COMPOSITES: LazyLock<BTreeMap<ResourceType, Vec<Composite>>> = LazyLock::new(|| {
    let mut all: BTreeMap<ResourceType, Vec<Composite>> = BTreeMap::new();
    for line in R4.lines().skip(1) {
        let [_, code, "composite", types, expression, _, parts] = line.split('\t').collect::<Vec<_>>()[..] else { continue };
        for resource in types.split(' ').filter_map(ResourceType::parse) {
            // A test holds that every line is read.
            all.entry(resource).or_default().extend(read(resource, code, expression, parts));
        }
    }
    all
});

/// The composite `code` of the type.
pub fn find(resource: ResourceType, code: &str) -> Option<&'static Composite> {
    of(resource).iter().find(|composite| composite.code == code)
}

/// Every composite of the type.
pub fn of(resource: ResourceType) -> &'static [Composite] {
    COMPOSITES.get(&resource).map(Vec::as_slice).unwrap_or_default()
}

fn read(resource: ResourceType, code: &'static str, expression: &'static str, parts: &'static str) -> Option<Composite> {
    let places: Vec<&str> = expression.split(" | ").filter(|place| place.split('.').next() == Some(resource.name())).collect();
    let is_whole = places.contains(&resource.name());
    let element = places.iter().find(|place| place.contains('.'));
    let (mut whole, mut read) = (Vec::new(), Vec::new());
    for (of, within) in named(resource, parts)? {
        let parameter = registry::find(resource, of)?;
        if is_whole {
            whole.push(registry::find(resource, of.strip_prefix(COMBO).unwrap_or(of))?);
        }
        read.push(Part {
            kind: parameter.kind,
            targets: parameter.targets.clone(),
            systems: parameter.systems.clone(),
            expression: Expression::parse(within).ok()?,
        });
    }
    let element = match element {
        Some(place) => Some(Expression::parse(place).ok()?.for_type(resource)),
        None => None,
    };
    let kept = code.strip_prefix(COMBO).map_or_else(|| code.to_owned(), |rest| format!("component-{rest}"));
    Some(Composite { code, param: Param::new(resource, &kept), whole, element, parts: read })
}

/// The parameters that the parts are like, and their expressions. R4 names the two of `DocumentReference.relationship` in the wrong order:
/// the code is like `relation`, the target like `relatesto`.
fn named(resource: ResourceType, parts: &'static str) -> Option<Vec<(&'static str, &'static str)>> {
    let mut named: Vec<(&str, &str)> = parts.split(" ; ").map(|part| part.split_once('=')).collect::<Option<_>>()?;
    if let [(first, _), (second, _)] = named.as_mut_slice() {
        let is_reference = registry::find(resource, first).is_some_and(|parameter| parameter.kind == ParamKind::Reference);
        if is_reference {
            std::mem::swap(first, second);
        }
    }
    Some(named)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn every_composite_is_read() {
        let wanted: usize = R4
            .lines()
            .filter(|line| line.split('\t').nth(2) == Some("composite"))
            .map(|line| line.split('\t').nth(3).unwrap().split(' ').count())
            .sum();
        assert_eq!(COMPOSITES.values().map(Vec::len).sum::<usize>(), wanted);
        // What rows can keep together: a token with another, with a reference or a quantity, or with two numbers.
        for (resource, composite) in COMPOSITES.iter().flat_map(|(resource, all)| all.iter().map(move |one| (resource, one))) {
            let kinds: Vec<ParamKind> = composite.parts.iter().map(|part| part.kind).collect();
            let kept = matches!(
                kinds[..],
                [ParamKind::Token, ParamKind::Token | ParamKind::Reference | ParamKind::Quantity]
                    | [ParamKind::Token, ParamKind::Number, ParamKind::Number]
            );
            assert!(composite.element.is_none() || kept, "{resource} {} {kinds:?}", composite.code);
            assert!(composite.element.is_some() || composite.whole.len() == composite.parts.len(), "{resource} {}", composite.code);
        }
    }

    #[test]
    fn a_combination_is_of_the_observation_or_of_a_component() {
        let resource = ResourceType::parse("Observation").unwrap();
        let combo = find(resource, "combo-code-value-quantity").unwrap();
        assert_eq!(combo.whole.iter().map(|part| part.code).collect::<Vec<_>>(), ["code", "value-quantity"]);
        assert_eq!(combo.param, find(resource, "component-code-value-quantity").unwrap().param);
        assert!(!combo.keeps_rows() && find(resource, "component-code-value-quantity").unwrap().keeps_rows());
    }
}
