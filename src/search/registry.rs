//! The search parameters of each resource type: those of R4 (`profiles/r4/search-parameters.tsv`) and what the guides add
//! (`profiles/search/parameters.tsv`). Expressions are parsed once, and bound to each type they are for.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::fhir::definitions::{Codes, structure};
use crate::fhir::{NAMES, ResourceType};
use crate::fhirpath::Expression;
use crate::filter::{Param, ParamKind};

pub(super) const R4: &str = include_str!("../../profiles/r4/search-parameters.tsv");
const ADDED: &str = include_str!("../../profiles/search/parameters.tsv");

/// What the expression of a reference parameter ends in where only one type of target counts. References tell their type themselves, or
/// name somebody by identifier alone, so the target is looked at when a reference is indexed.
const ONLY: &str = ".where(resolve() is ";

/// Parameters of R4 that are not kept: they ask for an algorithm of the server's own.
const LEFT_OUT: [&str; 1] = ["phonetic"];

/// Parameters that every type has, beside those that are columns (FHIR R4 search.html#all).
const COMMON: [(&str, ParamKind, &str); 4] = [
    ("_profile", ParamKind::Uri, "Resource.meta.profile"),
    ("_security", ParamKind::Token, "Resource.meta.security"),
    ("_source", ParamKind::Uri, "Resource.meta.source"),
    ("_tag", ParamKind::Token, "Resource.meta.tag"),
];

/// A search parameter of one resource type.
#[derive(Debug, Clone)]
pub struct SearchParameter {
    /// The type it belongs to.
    pub resource: ResourceType,
    /// Its name in a query.
    pub code: &'static str,
    /// What its values are.
    pub kind: ParamKind,
    /// The key of its index rows.
    pub param: Param,
    /// Where its values are.
    pub expression: Expression,
    /// The types a reference may point to; empty for any, and for other kinds.
    pub targets: Vec<ResourceType>,
    /// The systems of a token whose elements are of type `code`, which do not say it: those of their bindings. Empty for other elements.
    pub systems: Vec<&'static str>,
}

impl SearchParameter {
    /// The key of the logical identifiers of a reference, asked for by `:identifier`.
    pub fn identifier_param(&self) -> Param {
        Param::new(self.resource, &format!("{}:identifier", self.code))
    }

    /// The key of the texts of a token, asked for by `:text`.
    pub fn text_param(&self) -> Param {
        Param::new(self.resource, &format!("{}:text", self.code))
    }

    /// The key of identifiers with their type, asked for by `:of-type`.
    pub fn of_type_param(&self) -> Param {
        Param::new(self.resource, &format!("{}:of-type", self.code))
    }

    /// Whether every type has it, so that its rows do not tell the type.
    pub fn is_common(&self) -> bool {
        COMMON.iter().any(|(code, ..)| *code == self.code)
    }

    /// Whether a contained resource has rows for it, beside those of its container: what IHE MHD asks of authors, and what a thing is; no
    /// more, for most documents contain theirs.
    pub fn is_kept_of_contained(&self) -> bool {
        matches!(self.code, "identifier" | "name" | "family" | "given" | "code" | "type")
    }

    /// Whether a reference may point to this type.
    pub fn may_target(&self, resource: ResourceType) -> bool {
        self.targets.is_empty() || self.targets.contains(&resource)
    }
}

static REGISTRY: LazyLock<BTreeMap<ResourceType, Vec<SearchParameter>>> = LazyLock::new(|| {
    let mut registry: BTreeMap<ResourceType, Vec<SearchParameter>> = BTreeMap::new();
    // A test holds that every line of the embedded tables is read.
    let r4 = R4.lines().skip(1).filter_map(|line| read(line, &R4_CELLS));
    let added = ADDED.lines().skip(1).filter_map(|line| read(line, &ADDED_CELLS));
    for parameter in r4.chain(added).flatten() {
        registry.entry(parameter.resource).or_default().push(parameter);
    }
    for resource in NAMES.into_iter().filter_map(ResourceType::parse) {
        registry.entry(resource).or_default().extend(COMMON.iter().filter_map(|common| shared(resource, common)));
    }
    for parameters in registry.values_mut() {
        parameters.sort_by_key(|parameter| parameter.code);
    }
    registry
});

/// What [`COMMON`] means on one type.
fn shared(resource: ResourceType, (code, kind, expression): &(&'static str, ParamKind, &str)) -> Option<SearchParameter> {
    let expression = Expression::parse(&expression.replace("Resource.", &format!("{resource}."))).ok()?.for_type(resource);
    Some(SearchParameter { resource, code, kind: *kind, param: Param::common(code), expression, targets: Vec::new(), systems: Vec::new() })
}

/// The parameter `code` of the type; codes are case-sensitive.
pub fn find(resource: ResourceType, code: &str) -> Option<&'static SearchParameter> {
    of(resource).iter().find(|p| p.code == code)
}

/// Every parameter of the type, sorted by code.
pub fn of(resource: ResourceType) -> &'static [SearchParameter] {
    REGISTRY.get(&resource).map(Vec::as_slice).unwrap_or_default()
}

/// Every type that has parameters.
pub fn types() -> impl Iterator<Item = ResourceType> {
    REGISTRY.keys().copied()
}

/// The cells of a table: types, code, kind, expression, targets.
type Cells = [usize; 5];
const R4_CELLS: Cells = [3, 1, 2, 4, 5];
const ADDED_CELLS: Cells = [0, 1, 2, 3, 4];

/// One line of a table: a parameter for each type that its expression means something on. Empty for a kind that has no index rows.
fn read(line: &'static str, cells: &Cells) -> Option<Vec<SearchParameter>> {
    let all: Vec<&'static str> = line.split('\t').collect();
    let [types, code, kind, expression, targets] = cells.map(|at| all.get(at).copied());
    let (types, code, expression, targets) = (types?, code?, expression?, targets?);
    let kind = match kind? {
        "token" => ParamKind::Token,
        "string" => ParamKind::String,
        "date" => ParamKind::Date,
        "reference" => ParamKind::Reference,
        "uri" => ParamKind::Uri,
        "number" => ParamKind::Number,
        "quantity" => ParamKind::Quantity,
        // See `composite`.
        "composite" | "special" => return Some(Vec::new()),
        _ => return None,
    };
    if expression == "-" || LEFT_OUT.contains(&code) {
        return Some(Vec::new());
    }
    let (written, (expression, only)) = (expression, only(expression));
    let parsed = Expression::parse(&expression).ok()?;
    let mut targets = match (only, targets) {
        (Some(only), _) => vec![ResourceType::parse(only)?],
        (None, "-" | "*") => Vec::new(),
        (None, names) => names.split(' ').map(ResourceType::parse).collect::<Option<Vec<_>>>()?,
    };
    targets.sort_unstable();
    // Those of `Resource` and `DomainResource` are no index rows but columns.
    let types = types.split(' ').filter_map(ResourceType::parse);
    let of = |resource| (resource, parsed.for_type(resource));
    let meant = types.map(of).filter(|(_, expression)| !expression.yields_nothing());
    let parameter = |(resource, expression)| SearchParameter {
        resource,
        code,
        kind,
        param: Param::new(resource, code),
        expression,
        targets: targets.clone(),
        systems: if kind == ParamKind::Token { implied(resource, written) } else { Vec::new() },
    };
    Some(meant.map(parameter).collect())
}

/// The expression without [`ONLY`], and the type it names.
fn only(expression: &'static str) -> (String, Option<&'static str>) {
    let Some((_, rest)) = expression.split_once(ONLY) else { return (expression.to_owned(), None) };
    let only = rest.split(')').next().unwrap_or_default();
    (expression.replace(&format!("{ONLY}{only})"), ""), Some(only))
}

/// What the systems of codes are that do not say it, where an expression leads to nothing else (FHIR R4 search.html#token).
fn implied(resource: ResourceType, expression: &str) -> Vec<&'static str> {
    if !expression.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b' ' | b'|')) {
        return Vec::new();
    }
    let places = expression.split(" | ").filter_map(|place| place.split_once('.')).filter(|(name, _)| *name == resource.name());
    let mut systems = Vec::new();
    for (name, path) in places {
        let Some(codes) = codes(name, path) else { return Vec::new() };
        systems.extend(codes.systems.iter().map(|(system, _)| *system));
    }
    systems.sort_unstable();
    systems.dedup();
    systems
}

/// The codes that an element of type `code` is bound to.
fn codes(name: &str, path: &str) -> Option<&'static Codes> {
    let mut at = structure(name)?;
    let mut names = path.split('.').peekable();
    while let Some(name) = names.next() {
        let element = at.element(name)?;
        let [only] = element.types.as_slice() else { return None };
        if names.peek().is_none() {
            return element.codes.filter(|_| only.name == "code");
        }
        at = only.structure()?;
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Types for which R4 has no parameter of their own.
    const WITHOUT: &str = "Binary BiologicallyDerivedProduct CatalogEntry MedicinalProductIngredient MedicinalProductManufactured \
                           ObservationDefinition OperationOutcome Parameters SubstanceNucleicAcid SubstancePolymer SubstanceProtein \
                           SubstanceReferenceInformation SubstanceSourceMaterial";

    #[test]
    fn every_line_is_read() {
        let tables = [
            (R4, R4_CELLS, "id\tcode\tkind\ttypes\texpression\ttargets\tparts"),
            (ADDED, ADDED_CELLS, "type\tcode\tkind\texpression\ttargets\tsource"),
        ];
        for (table, cells, header) in tables {
            assert_eq!(table.lines().next(), Some(header));
            for line in table.lines().skip(1) {
                assert!(read(line, &cells).is_some(), "{line}");
            }
        }
        let own = |resource: ResourceType| of(resource).iter().any(|parameter| !parameter.is_common());
        let without = NAMES.into_iter().filter(|name| !own(ResourceType::parse(name).unwrap()));
        assert_eq!(without.collect::<Vec<_>>().join(" "), WITHOUT);
        for resource in types() {
            let codes: Vec<&str> = of(resource).iter().map(|parameter| parameter.code).collect();
            assert!(codes.windows(2).all(|pair| pair[0] < pair[1]), "{resource}: {codes:?}");
        }
    }

    #[test]
    fn no_two_parameters_share_a_key() {
        let mut keys = BTreeSet::new();
        for (code, ..) in COMMON {
            assert!(keys.insert(Param::common(code).key()), "{code}");
        }
        for resource in types() {
            for composite in super::super::composite::of(resource).iter().filter(|composite| composite.keeps_rows()) {
                assert!(keys.insert(composite.param.key()), "{resource} {}", composite.code);
            }
        }
        for parameter in types().flat_map(of).filter(|parameter| !parameter.is_common()) {
            assert!(keys.insert(parameter.param.key()), "{} {}", parameter.resource, parameter.code);
            if parameter.kind == ParamKind::Token {
                assert!(keys.insert(parameter.text_param().key()), "{} {}:text", parameter.resource, parameter.code);
                assert!(keys.insert(parameter.of_type_param().key()), "{} {}:of-type", parameter.resource, parameter.code);
            }
            if parameter.kind == ParamKind::Reference {
                assert!(keys.insert(parameter.identifier_param().key()), "{} {}:identifier", parameter.resource, parameter.code);
                for resource in types().filter(|resource| parameter.may_target(*resource)) {
                    assert!(
                        keys.insert(parameter.param.through_any(resource).key()),
                        "{} {} {resource}",
                        parameter.resource,
                        parameter.code
                    );
                    for inner in of(resource).iter().filter(|inner| inner.is_kept_of_contained()) {
                        let (outer, code) = (parameter.resource, parameter.code);
                        assert!(keys.insert(parameter.param.through(inner.param).key()), "{outer} {code} {resource} {}", inner.code);
                    }
                }
            }
        }
    }

    #[test]
    fn what_the_guides_ask_for_is_there() {
        let rows = [
            (
                "DocumentReference",
                "patient type category facility setting event period format identifier status security-label relatesto author related date",
            ),
            ("DocumentReference", "creation period-start period-end isArchived"),
            ("List", "patient subject code date status identifier title source item designationType sourceId authorOrg isArchived"),
            ("AuditEvent", "patient entity agent date action subtype type outcome"),
            ("Patient", "identifier family given birthdate gender phone death-date"),
            ("RelatedPerson", "patient identifier active relationship"),
            ("PractitionerRole", "practitioner organization role specialty telecom name"),
        ];
        for (resource, codes) in rows {
            for code in codes.split(' ') {
                assert!(find(ResourceType::parse(resource).unwrap(), code).is_some(), "{resource} {code}");
            }
        }
        assert!(find(ResourceType::DOCUMENT_REFERENCE, "Status").is_none());
        assert!(of(ResourceType::BINARY).iter().all(SearchParameter::is_common));
    }

    #[test]
    fn codes_have_the_systems_of_their_bindings() {
        let rows = [
            ("Patient", "gender", "http://hl7.org/fhir/administrative-gender"),
            ("RelatedPerson", "gender", "http://hl7.org/fhir/administrative-gender"),
            ("DocumentReference", "status", "http://hl7.org/fhir/document-reference-status"),
            ("DocumentReference", "type", ""),
            ("DocumentReference", "contenttype", ""),
            ("DocumentReference", "relation", "http://hl7.org/fhir/document-relationship-type"),
            ("Patient", "identifier", ""),
            ("Patient", "active", ""),
            ("Patient", "language", ""),
            ("Encounter", "class", ""),
        ];
        for (resource, code, systems) in rows {
            assert_eq!(find(ResourceType::parse(resource).unwrap(), code).unwrap().systems.join(" "), systems, "{resource} {code}");
        }
    }

    #[test]
    fn targets_are_those_of_the_expression() {
        let rows = [
            ("DocumentReference", "patient", "Patient"),
            ("DocumentReference", "subject", "Device Group Patient Practitioner"),
            ("AuditEvent", "patient", "Patient"),
            ("Observation", "patient", "Patient"),
            ("DocumentReference", "related", ""),
        ];
        for (resource, code, targets) in rows {
            let found = &find(ResourceType::parse(resource).unwrap(), code).unwrap().targets;
            let mut names: Vec<&str> = found.iter().map(|target| target.name()).collect();
            names.sort_unstable();
            assert_eq!(names.join(" "), targets, "{resource} {code}");
        }
    }
}
