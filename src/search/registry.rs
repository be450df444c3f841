//! The search parameters of each resource type, from `profiles/search/parameters.tsv`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::fhir::ResourceType;
use crate::filter::{Param, ParamKind};

const TABLE: &str = include_str!("../../profiles/search/parameters.tsv");

/// A search parameter of one resource type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchParameter {
    /// The type it belongs to.
    pub resource: ResourceType,
    /// Its name in a query.
    pub code: &'static str,
    /// What its values are.
    pub kind: ParamKind,
    /// The key of its index rows.
    pub param: Param,
    /// Where its values are, all of them.
    pub paths: Vec<Path>,
    /// The token it has when no path finds a value.
    pub absent: Option<&'static str>,
    /// The types a reference may point to; empty for any, and for other kinds.
    pub targets: Vec<ResourceType>,
}

impl SearchParameter {
    /// The key of the logical identifiers of a reference, asked for by `:identifier`.
    pub fn identifier_param(&self) -> Param {
        Param::new(self.resource, &format!("{}:identifier", self.code))
    }

    /// Whether a contained resource has rows for it, beside those of its container: what IHE MHD asks of authors, no more, for most
    /// documents contain theirs.
    pub fn is_kept_of_contained(&self) -> bool {
        matches!(self.code, "identifier" | "name" | "family" | "given")
    }

    /// Whether a reference may point to this type.
    pub fn may_target(&self, resource: ResourceType) -> bool {
        self.targets.is_empty() || self.targets.contains(&resource)
    }
}

/// A way into a resource; arrays are walked through.
pub type Path = Vec<Step>;

/// One step of a [`Path`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// `name`: the element.
    Element(&'static str),
    /// `value[x]`: the element under any type.
    Choice(&'static str),
    /// `extension(url)`: the extensions with this url; `telecom(phone)`: the contact points of this system.
    Chosen(&'static str, &'static str),
}

static REGISTRY: LazyLock<BTreeMap<ResourceType, Vec<SearchParameter>>> = LazyLock::new(|| {
    let mut registry: BTreeMap<ResourceType, Vec<SearchParameter>> = BTreeMap::new();
    // A test holds that every line of the embedded table is read.
    for parameter in TABLE.lines().skip(1).filter_map(read) {
        registry.entry(parameter.resource).or_default().push(parameter);
    }
    registry
});

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

/// One line of the table.
fn read(line: &'static str) -> Option<SearchParameter> {
    let mut cells = line.split('\t');
    let resource = ResourceType::parse(cells.next()?)?;
    let code = cells.next()?;
    let kind = match cells.next()? {
        "token" => ParamKind::Token,
        "string" => ParamKind::String,
        "date" => ParamKind::Date,
        "reference" => ParamKind::Reference,
        "uri" => ParamKind::Uri,
        _ => return None,
    };
    let (mut paths, mut absent) = (Vec::new(), None);
    for alternative in cells.next()?.split(" | ") {
        match alternative.strip_prefix('\'') {
            Some(literal) => absent = Some(literal.strip_suffix('\'')?),
            None => paths.push(path(alternative)?),
        }
    }
    let targets = match cells.next()? {
        "-" | "*" => Vec::new(),
        names => names.split(' ').map(ResourceType::parse).collect::<Option<Vec<_>>>()?,
    };
    // The source, for readers.
    cells.next().filter(|source| !source.is_empty())?;
    cells.next().is_none().then_some(SearchParameter { resource, code, kind, param: Param::new(resource, code), paths, absent, targets })
}

/// A dotted path; dots within parentheses belong to a url.
fn path(text: &'static str) -> Option<Path> {
    let mut steps = Vec::new();
    let mut rest = text;
    loop {
        let at = rest.find(['.', '(']).unwrap_or(rest.len());
        let (name, tail) = rest.split_at_checked(at)?;
        let mut after = tail;
        if let Some(chosen) = tail.strip_prefix('(') {
            let (value, behind) = chosen.split_once(')')?;
            steps.push(Step::Chosen(name, value));
            after = behind;
        } else if let Some(choice) = name.strip_suffix("[x]") {
            steps.push(Step::Choice(choice));
        } else {
            steps.push(Step::Element(name));
        }
        if name.is_empty() {
            return None;
        }
        if after.is_empty() {
            return Some(steps);
        }
        rest = after.strip_prefix('.')?;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_line_is_read_and_sorted() {
        assert_eq!(TABLE.lines().next(), Some("type\tcode\tkind\tpaths\ttargets\tsource"));
        for line in TABLE.lines().skip(1) {
            assert!(read(line).is_some(), "{line}");
        }
        let names: Vec<&str> = TABLE.lines().skip(1).collect();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(types().count(), 9);
    }

    #[test]
    fn no_two_parameters_share_a_key() {
        let mut keys = BTreeSet::new();
        for parameter in types().flat_map(of) {
            assert!(keys.insert(parameter.param.key()), "{} {}", parameter.resource, parameter.code);
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
            ("AuditEvent", "patient entity agent date action subtype type outcome"),
            ("Patient", "identifier family given birthdate gender phone death-date"),
            ("RelatedPerson", "patient identifier active relationship"),
            ("PractitionerRole", "practitioner organization role specialty telecom"),
        ];
        for (resource, codes) in rows {
            for code in codes.split(' ') {
                assert!(find(ResourceType::parse(resource).unwrap(), code).is_some(), "{resource} {code}");
            }
        }
        assert_eq!(find(ResourceType::DOCUMENT_REFERENCE, "Status"), None);
        assert!(of(ResourceType::BUNDLE).is_empty());
    }

    #[test]
    fn paths() {
        let rows = [
            ("a.b", Some(vec![Step::Element("a"), Step::Element("b")])),
            (
                "extension(https://x.example/y.z).value[x]",
                Some(vec![Step::Chosen("extension", "https://x.example/y.z"), Step::Choice("value")]),
            ),
            ("telecom(phone)", Some(vec![Step::Chosen("telecom", "phone")])),
            ("a..b", None),
            ("a(b", None),
            ("a(b)c", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(path(text), expected, "{text}");
        }
        assert_eq!(find(ResourceType::DOCUMENT_REFERENCE, "isArchived").unwrap().absent, Some("false"));
        assert_eq!(find(ResourceType::DOCUMENT_REFERENCE, "patient").unwrap().targets, [ResourceType::PATIENT]);
    }
}
