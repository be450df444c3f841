//! Makes the tables of `profiles/r4` from the R4 definitions, keeping facts only: no prose, no display text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use serde_json::Value;

/// File name and content of every table.
pub type Tables = BTreeMap<&'static str, String>;

/// Everything of one package by type of resource, in the order of the files' names.
struct Package(BTreeMap<String, Vec<Value>>);

impl Package {
    fn read(directories: &[&Path]) -> Self {
        let wanted = ["StructureDefinition", "ValueSet", "CodeSystem", "SearchParameter", "CompartmentDefinition"];
        let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for directory in directories {
            let mut names: Vec<_> = std::fs::read_dir(directory).unwrap().flatten().map(|entry| entry.file_name()).collect();
            names.sort();
            for name in names {
                let name = name.to_str().unwrap();
                let kind = name.split('-').next().unwrap();
                if wanted.contains(&kind) && name.ends_with(".json") {
                    let bytes = std::fs::read(directory.join(name)).unwrap();
                    all.entry(kind.to_owned()).or_default().push(serde_json::from_slice(&bytes).unwrap());
                }
            }
        }
        Self(all)
    }

    fn of(&self, kind: &str) -> &[Value] {
        self.0.get(kind).map(Vec::as_slice).unwrap_or_default()
    }

    /// The types of base R4, by name: no profiles, no logical models.
    fn structures(&self) -> BTreeMap<&str, &Value> {
        let base = |one: &&Value| text(one, "derivation") != "constraint" && text(one, "kind") != "logical";
        self.of("StructureDefinition").iter().filter(base).map(|one| (text(one, "type"), one)).collect()
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn strings<'a>(value: &'a Value, name: &str) -> Vec<&'a str> {
    list(value, name).iter().filter_map(Value::as_str).collect()
}

fn last(url: &str) -> &str {
    url.split('|').next().unwrap().rsplit('/').next().unwrap()
}

/// A cell: `-` for nothing, white space made single.
fn cell(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() { "-".to_owned() } else { text }
}

/// The tables of these packages: definitions and examples of R4, and the expansions of its value sets.
pub fn tables(examples: &Path, expansions: &Path) -> Tables {
    let package = Package::read(&[examples]);
    let sets = Sets::new(&package, &Package::read(&[expansions]));
    let mut used = BTreeSet::new();
    Tables::from([
        ("types.tsv", types(&package)),
        ("elements.tsv", elements(&package, &sets, &mut used)),
        ("codes.tsv", sets.table(&used)),
        ("invariants.tsv", invariants(&package)),
        ("search-parameters.tsv", search_parameters(&package)),
        ("compartments.tsv", compartments(&package)),
    ])
}

/// Name, kind, the type it specializes, and the regular expression of a primitive.
fn types(package: &Package) -> String {
    let mut table = String::from("type\tkind\tbase\tpattern\n");
    for (name, structure) in package.structures() {
        let kind = match (text(structure, "kind"), structure["abstract"] == true) {
            (_, true) => "abstract",
            ("primitive-type", _) => "primitive",
            ("complex-type", _) => "complex",
            (kind, _) => kind,
        };
        let pattern = elements_of(structure).find(|element| text(element, "path") == format!("{name}.value")).map(|element| {
            let extensions = list(element, "type").iter().flat_map(|kind| list(kind, "extension"));
            extensions.filter(|one| text(one, "url").ends_with("/regex")).map(|one| text(one, "valueString")).collect::<String>()
        });
        let pattern = if kind == "primitive" { pattern.unwrap_or_default() } else { String::new() };
        let _ = writeln!(table, "{name}\t{kind}\t{}\t{}", cell(last(text(structure, "baseDefinition"))), cell(&pattern));
    }
    table
}

/// The elements of a snapshot but the first, which is the type itself.
fn elements_of(structure: &Value) -> impl Iterator<Item = &Value> {
    list(&structure["snapshot"], "element").iter().skip(1)
}

/// Path, cardinality, types, value set of a required binding, and marks.
fn elements(package: &Package, sets: &Sets<'_>, used: &mut BTreeSet<String>) -> String {
    let mut table = String::from("path\tmin\tmax\ttypes\tcodes\tmarks\n");
    for structure in package.structures().into_values() {
        if text(structure, "kind") == "primitive-type" {
            continue;
        }
        for element in elements_of(structure) {
            let path = text(element, "path");
            // What comes from the type it specializes stands there.
            if text(&element["base"], "path") != path {
                continue;
            }
            let mut types: Vec<String> = list(element, "type").iter().map(type_of).collect();
            if path == "Resource.id" {
                // The definition says `string`, the text of resource.html#id says `id`.
                types = vec!["id".to_owned()];
            }
            let types = if types.is_empty() { text(element, "contentReference").to_owned() } else { types.join(" ") };
            let binding = &element["binding"];
            let set = last(text(binding, "valueSet"));
            let listed = text(binding, "strength") == "required" && sets.has(text(binding, "valueSet"));
            if listed {
                used.insert(text(binding, "valueSet").split('|').next().unwrap().to_owned());
            }
            let mut marks = String::new();
            for (mark, holds) in [
                ('s', element["isSummary"] == true),
                ('m', element["isModifier"] == true),
                ('a', strings(element, "representation").contains(&"xmlAttr")),
            ] {
                if holds {
                    marks.push(mark);
                }
            }
            let (min, max) = (&element["min"], text(element, "max"));
            let _ = writeln!(table, "{path}\t{min}\t{max}\t{types}\t{}\t{}", if listed { set } else { "-" }, cell(&marks));
        }
    }
    table
}

/// `string`, `Reference(Patient|Group)`, `canonical(ValueSet)`…
fn type_of(kind: &Value) -> String {
    let code = text(kind, "code");
    let said = list(kind, "extension").iter().find(|one| text(one, "url").ends_with("structuredefinition-fhir-type"));
    let code = match code.strip_prefix("http://hl7.org/fhirpath/System.") {
        Some(_) => said.map(|one| format!("{}{}", text(one, "valueUrl"), text(one, "valueUri"))).unwrap(),
        None => code.to_owned(),
    };
    let targets: Vec<&str> = strings(kind, "targetProfile").into_iter().map(last).filter(|target| *target != "Resource").collect();
    if targets.is_empty() { code } else { format!("{code}({})", targets.join("|")) }
}

/// Path, key, severity and expression; those every element or resource has stand at `Element`, `Extension` and `DomainResource`.
fn invariants(package: &Package) -> String {
    let mut table = String::from("path\tkey\tseverity\texpression\n");
    for (name, structure) in package.structures() {
        for element in list(&structure["snapshot"], "element") {
            let path = text(element, "path");
            if text(&element["base"], "path") != path {
                continue;
            }
            for constraint in list(element, "constraint") {
                let key = text(constraint, "key");
                let home = match key.split('-').next().unwrap() {
                    "ele" => "Element",
                    "ext" => "Extension",
                    "dom" => "DomainResource",
                    _ => name,
                };
                let own = home == name && (path == name || !matches!(home, "Element" | "Extension" | "DomainResource"));
                if own {
                    let expression = cell(text(constraint, "expression"));
                    let _ = writeln!(table, "{path}\t{key}\t{}\t{expression}", text(constraint, "severity"));
                }
            }
        }
    }
    table
}

/// One row for each definition: code, kind, types it is for, what it says, targets of a reference, parts of a composite.
fn search_parameters(package: &Package) -> String {
    let mut rows = BTreeSet::new();
    let structures: Vec<_> = package.structures().into_values().filter(|one| text(one, "kind") == "resource").collect();
    let by_url: BTreeMap<&str, &Value> = package.of("SearchParameter").iter().map(|one| (text(one, "url"), one)).collect();
    for one in by_url.values() {
        // Examples of the specification are no part of it.
        if !text(one, "url").starts_with("http://hl7.org/fhir/SearchParameter/") || text(one, "url").contains("example") {
            continue;
        }
        let parts = list(one, "component").iter().map(|part| {
            let code = by_url.get(text(part, "definition")).map_or_else(|| last(text(part, "definition")), |other| text(other, "code"));
            format!("{code}={}", cell(text(part, "expression")))
        });
        rows.insert(format!(
            "{}\t{}\t{}\t{}\t{}\t{}\t{}",
            last(text(one, "url")),
            text(one, "code"),
            text(one, "type"),
            cell(&strings(one, "base").join(" ")),
            cell(text(one, "expression")),
            cell(&targets(&strings(one, "target"), structures.len())),
            cell(&parts.collect::<Vec<_>>().join(" ; ")),
        ));
    }
    let mut table = String::from("id\tcode\tkind\ttypes\texpression\ttargets\tparts\n");
    rows.iter().for_each(|row| {
        let _ = writeln!(table, "{row}");
    });
    table
}

/// The targets of a reference; `*` for every type.
fn targets(named: &[&str], all: usize) -> String {
    // The abstract types are among all, not among those named.
    if named.len() + 5 >= all { "*".to_owned() } else { named.join(" ") }
}

/// Which parameters put a resource into the compartment of another; `{def}` is the resource itself.
fn compartments(package: &Package) -> String {
    let mut table = String::from("compartment\ttype\tparameters\n");
    let mut found = BTreeSet::new();
    for one in package.of("CompartmentDefinition").iter().filter(|one| text(one, "url").starts_with("http://hl7.org/fhir/Compartment")) {
        for resource in list(one, "resource") {
            let parameters = strings(resource, "param");
            if !parameters.is_empty() && text(one, "id") != "example" {
                found.insert(format!("{}\t{}\t{}", text(one, "code"), text(resource, "code"), parameters.join(" ")));
            }
        }
    }
    found.iter().for_each(|row| {
        let _ = writeln!(table, "{row}");
    });
    table
}

/// The value sets and the codes in them.
struct Sets<'a> {
    sets: BTreeMap<&'a str, &'a Value>,
    systems: BTreeMap<&'a str, &'a Value>,
    expanded: BTreeMap<String, Vec<(String, String)>>,
}

impl<'a> Sets<'a> {
    fn new(package: &'a Package, expansions: &Package) -> Self {
        let by_url = |kind| package.of(kind).iter().map(|one| (text(one, "url"), one)).collect::<BTreeMap<_, _>>();
        let pairs = |one: &Value| (text(one, "system").to_owned(), text(one, "code").to_owned());
        let whole = |one: &&Value| !list(one, "contains").is_empty();
        let of =
            |one: &Value| one.get("expansion").filter(|e| whole(e) && e.get("extension").is_none()).map(|e| list(e, "contains").to_vec());
        let expanded = expansions.of("ValueSet").iter().filter_map(|one| Some((text(one, "url").to_owned(), of(one)?)));
        let expanded = expanded.map(|(url, contains)| (url, contains.iter().map(pairs).collect())).collect();
        Self { sets: by_url("ValueSet"), systems: by_url("CodeSystem"), expanded }
    }

    /// System and code of everything in the set; `None` where the definitions alone do not tell.
    fn expand(&self, url: &str) -> Option<BTreeSet<(String, String)>> {
        let url = url.split('|').next()?;
        let composed = self.compose(url);
        composed.or_else(|| Some(self.expanded.get(url)?.iter().cloned().collect()))
    }

    fn compose(&self, url: &str) -> Option<BTreeSet<(String, String)>> {
        let compose = self.sets.get(url)?.get("compose")?;
        if compose.get("exclude").is_some() {
            return None;
        }
        let mut found = BTreeSet::new();
        for include in list(compose, "include") {
            let system = text(include, "system");
            if include.get("filter").is_some() {
                return None;
            } else if include.get("concept").is_some() {
                found.extend(list(include, "concept").iter().map(|one| (system.to_owned(), text(one, "code").to_owned())));
            } else if include.get("valueSet").is_some() {
                for inner in strings(include, "valueSet") {
                    found.extend(self.expand(inner)?);
                }
            } else {
                let known = self.systems.get(system).filter(|one| text(one, "content") == "complete")?;
                concepts(system, list(known, "concept"), &mut found);
            }
        }
        Some(found)
    }

    fn has(&self, url: &str) -> bool {
        self.expand(url).is_some_and(|codes| !codes.is_empty())
    }

    /// One row for each set and system.
    fn table(&self, used: &BTreeSet<String>) -> String {
        let mut table = String::from("set\tsystem\tcodes\n");
        for url in used {
            let mut systems: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (system, code) in self.expand(url).unwrap() {
                assert!(!code.contains(' '), "{url} {code}");
                systems.entry(system).or_default().push(code);
            }
            for (system, codes) in systems {
                let _ = writeln!(table, "{}\t{system}\t{}", last(url), codes.join(" "));
            }
        }
        table
    }
}

fn concepts(system: &str, listed: &[Value], found: &mut BTreeSet<(String, String)>) {
    for concept in listed {
        found.insert((system.to_owned(), text(concept, "code").to_owned()));
        concepts(system, list(concept, "concept"), found);
    }
}
