//! Reads the tables of `profiles/r4`. A test holds that every line of them is read.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use super::{Codes, Element, Is, Primitive, Structure, Type, bit};
use crate::fhir::names::Names;

pub const TYPES: &str = include_str!("../../../profiles/r4/types.tsv");
pub const ELEMENTS: &str = include_str!("../../../profiles/r4/elements.tsv");
pub const CODES: &str = include_str!("../../../profiles/r4/codes.tsv");

/// All structures.
#[derive(Debug)]
pub struct Model {
    pub structures: Vec<Structure>,
    /// The places of the structures by their names.
    pub names: Names<u16>,
}

pub static CODE_SETS: LazyLock<HashMap<&'static str, Codes>> = LazyLock::new(|| {
    let mut sets: HashMap<&'static str, Vec<(&'static str, Vec<&'static str>)>> = HashMap::new();
    for line in CODES.lines().skip(1) {
        let mut cells = line.split('\t');
        let (Some(name), Some(system), Some(codes)) = (cells.next(), cells.next(), cells.next()) else { continue };
        let mut codes: Vec<&'static str> = codes.split(' ').collect();
        codes.sort_unstable();
        sets.entry(name).or_default().push((system, codes));
    }
    let set = |(name, systems): (&'static str, Vec<(&'static str, Vec<&'static str>)>)| {
        let all = Names::new(systems.iter().flat_map(|(_, codes)| codes.iter().map(|code| (*code, ()))));
        (name, Codes { name, systems, all })
    };
    sets.into_iter().map(set).collect()
});

/// A row of the table of elements.
pub struct Row {
    pub path: &'static str,
    min: u16,
    max: u16,
    types: &'static str,
    pub codes: &'static str,
    marks: &'static str,
}

impl Row {
    pub fn read(line: &'static str) -> Option<Self> {
        let mut cells = line.split('\t');
        let (path, min, max) = (cells.next()?, cells.next()?.parse().ok()?, cells.next()?);
        let max = if max == "*" { u16::MAX } else { max.parse().ok()? };
        Some(Self { path, min, max, types: cells.next()?, codes: cells.next()?, marks: cells.next()? })
    }

    /// The type or backbone element it belongs to, and its own name.
    fn place(&self) -> (&'static str, &'static str) {
        self.path.rsplit_once('.').unwrap_or((self.path, ""))
    }
}

/// A type of the table of types: whether it is a resource, and the type it specializes.
fn types() -> BTreeMap<&'static str, (&'static str, &'static str)> {
    let cells = |line: &'static str| {
        let mut cells = line.split('\t');
        Some((cells.next()?, (cells.next()?, cells.next()?)))
    };
    TYPES.lines().skip(1).filter_map(cells).collect()
}

/// Reads all tables.
pub fn model() -> Model {
    let types = types();
    let mut rows: BTreeMap<&'static str, Vec<Row>> = BTreeMap::new();
    for row in ELEMENTS.lines().skip(1).filter_map(Row::read) {
        rows.entry(row.place().0).or_default().push(row);
    }
    // A type that adds nothing to the one it specializes has no rows.
    let mut names: Vec<&'static str> = types.iter().filter(|(_, (kind, _))| *kind != "primitive").map(|(name, _)| *name).collect();
    names.extend(rows.keys().copied().filter(|path| path.contains('.')));
    names.sort_unstable();
    let names: Vec<(&'static str, u16)> = names.into_iter().zip(0..).collect();
    let structures = names.iter().map(|(name, _)| structure(name, &types, &rows, &names)).collect();
    Model { structures, names: Names::new(names) }
}

fn structure(
    name: &'static str,
    types: &BTreeMap<&'static str, (&'static str, &'static str)>,
    rows: &BTreeMap<&'static str, Vec<Row>>,
    names: &[(&'static str, u16)],
) -> Structure {
    // The types it specializes, the most general first.
    let mut chain = vec![name];
    let mut base = match types.get(name) {
        Some((_, base)) => Some(*base),
        None => backbone(name, rows),
    };
    while let Some(one) = base.filter(|one| *one != "-") {
        chain.push(one);
        base = types.get(one).map(|(_, base)| *base);
    }
    let own = chain.iter().rev().flat_map(|one| rows.get(one)).flatten();
    let elements: Vec<Element> = own.map(|row| element(row, names)).collect();
    let mut members = Vec::new();
    for (at, element) in (0_u16..).zip(&elements) {
        for (kind, one) in (0_u16..).zip(&element.types) {
            members.push((if element.choice { choice_name(element.name, one.name) } else { element.name }, (at, kind)));
        }
    }
    let members = Names::new(members);
    let required = (0_u16..).zip(&elements).filter(|(_, element)| element.min > 0).fold(0, |all, (at, _)| all | bit(at));
    Structure { name, resource: types.get(name).is_some_and(|(kind, _)| *kind == "resource"), elements, members, required }
}

/// The type of a backbone element.
fn backbone(path: &'static str, rows: &BTreeMap<&'static str, Vec<Row>>) -> Option<&'static str> {
    let (parent, _) = path.rsplit_once('.')?;
    rows.get(parent)?.iter().find(|row| row.path == path).map(|row| row.types)
}

/// `value` and `Quantity` make `valueQuantity`.
fn choice_name(element: &'static str, kind: &'static str) -> &'static str {
    static NAMES: LazyLock<std::sync::Mutex<HashMap<(&'static str, &'static str), &'static str>>> = LazyLock::new(Default::default);
    let mut names = NAMES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    names.entry((element, kind)).or_insert_with(|| {
        let mut letters = kind.chars();
        let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        // A few hundred names, made once.
        Box::leak(format!("{element}{first}{}", letters.as_str()).into_boxed_str())
    })
}

fn element(row: &Row, names: &[(&'static str, u16)]) -> Element {
    let (_, name) = row.place();
    let (name, choice) = name.strip_suffix("[x]").map_or((name, false), |name| (name, true));
    Element {
        name,
        min: row.min,
        max: row.max,
        choice,
        types: row.types.split(' ').map(|text| type_of(text, row.path, names)).collect(),
        summary: row.marks.contains('s'),
        modifier: row.marks.contains('m'),
        attribute: row.marks.contains('a'),
        codes: CODE_SETS.get(row.codes),
    }
}

fn type_of(text: &'static str, path: &'static str, names: &[(&'static str, u16)]) -> Type {
    let number = |name: &str| {
        let at = names.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
        names.get(at).map(|(_, number)| Is::Structure(*number))
    };
    // A number that no structure has: a test holds that it never stands in a table.
    let missing = Is::Structure(u16::MAX);
    if let Some(content) = text.strip_prefix('#') {
        return Type { name: "BackboneElement", is: number(content).unwrap_or(missing), targets: Vec::new(), reference: false };
    }
    let (name, targets) = text.split_once('(').map_or((text, ""), |(name, rest)| (name, rest.trim_end_matches(')')));
    let targets = if targets.is_empty() { Vec::new() } else { targets.split('|').collect() };
    let is = match (name, Primitive::parse(name)) {
        (_, Some(primitive)) => Is::Primitive(primitive),
        ("Resource", None) => Is::Resource,
        ("BackboneElement" | "Element", None) => number(path).or_else(|| number(name)).unwrap_or(missing),
        (_, None) => number(name).unwrap_or(missing),
    };
    Type { name, is, targets, reference: name == "Reference" }
}
