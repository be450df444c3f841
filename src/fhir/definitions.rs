//! The elements of R4 as facts (`profiles/r4`), read once when first needed.

use std::collections::HashMap;
use std::sync::LazyLock;

const ELEMENTS: &str = include_str!("../../profiles/r4/elements.tsv");
const CODES: &str = include_str!("../../profiles/r4/codes.tsv");

/// An element of a type or of a backbone element.
#[derive(Debug)]
pub struct Element {
    /// Its name, without `[x]`.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// Whether it repeats.
    pub repeats: bool,
    /// Whether its name ends in the name of its type.
    pub choice: bool,
    /// What it may be.
    pub types: Vec<Type>,
    /// Whether it is part of a summary.
    pub summary: bool,
    /// The codes it may have, sorted; empty for any.
    pub codes: &'static [&'static str],
}

/// A type an element may have.
#[derive(Debug)]
pub struct Type {
    /// `string`, `HumanName`, `Reference`…
    pub name: &'static str,
    /// The path whose children it has: a type, or the element itself for a backbone.
    pub content: &'static str,
    /// What a Reference may point to; empty for anything.
    pub targets: Vec<&'static str>,
}

/// Whether the name is that of a primitive type.
pub fn is_primitive(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
}

static CODE_SETS: LazyLock<HashMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
    CODES.lines().skip(1).filter_map(|line| line.split_once('\t')).map(|(set, codes)| (set, codes.split(' ').collect())).collect()
});

static CHILDREN: LazyLock<HashMap<&'static str, Vec<Element>>> = LazyLock::new(|| {
    let mut children: HashMap<&'static str, Vec<Element>> = HashMap::new();
    // A test holds that every line of the embedded table is read.
    for (parent, element) in ELEMENTS.lines().skip(1).filter_map(read) {
        children.entry(parent).or_default().push(element);
    }
    children
});

fn read(line: &'static str) -> Option<(&'static str, Element)> {
    let mut cells = line.split('\t');
    let (path, min, max, types, codes, summary) =
        (cells.next()?, cells.next()?, cells.next()?, cells.next()?, cells.next()?, cells.next()?);
    let (parent, name) = path.rsplit_once('.')?;
    let (name, choice) = name.strip_suffix("[x]").map_or((name, false), |name| (name, true));
    let types = types.split(' ').map(|text| type_of(text, path)).collect();
    let codes = CODE_SETS.get(codes).map(Vec::as_slice).unwrap_or_default();
    Some((parent, Element { name, required: min != "0", repeats: max != "1", choice, types, summary: summary == "yes", codes }))
}

fn type_of(text: &'static str, path: &'static str) -> Type {
    if let Some(content) = text.strip_prefix('#') {
        return Type { name: "BackboneElement", content, targets: Vec::new() };
    }
    let (name, targets) =
        text.split_once('(').map_or((text, Vec::new()), |(name, rest)| (name, rest.trim_end_matches(')').split('|').collect()));
    let targets = if targets.contains(&"Resource") { Vec::new() } else { targets };
    let content = if matches!(name, "BackboneElement" | "Element") { path } else { name };
    Type { name, content, targets }
}

/// The elements under a path, in FHIR's order; `None` for a type these tables do not have.
pub fn children(path: &str) -> Option<&'static [Element]> {
    CHILDREN.get(path).map(Vec::as_slice)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read() {
        assert!(ELEMENTS.lines().skip(1).all(|line| read(line).is_some()));
        let codes_known = |line: &str| line.split('\t').nth(4).is_some_and(|set| set == "-" || CODE_SETS.contains_key(set));
        assert!(ELEMENTS.lines().skip(1).all(codes_known));
        let patient = children("Patient").unwrap();
        let gender = patient.iter().find(|element| element.name == "gender").unwrap();
        assert_eq!(gender.codes, ["female", "male", "other", "unknown"]);
        assert!(patient.iter().any(|element| element.name == "deceased" && element.choice));
        assert!(children("Consent.provision").unwrap().iter().any(|e| e.types.iter().any(|t| t.content == "Consent.provision")));
    }
}
