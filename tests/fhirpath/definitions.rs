//! R4's own expressions over R4's own examples: all 5 306 where the package can be had, else the sample shipped with these tests.

use std::collections::{BTreeMap, BTreeSet};

use ensemble::fhir::definitions::structure;
use ensemble::fhir::{NAMES, ResourceType};
use ensemble::fhirpath::{Environment, EvalError, Expression, Node};
use serde_json::Value;

use super::examples;

fn rows(table: &str) -> Vec<Vec<String>> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/r4").join(table);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// Types, abstract ones included.
fn types(cell: &str) -> Vec<ResourceType> {
    let all = |name: &str| matches!(name, "Resource" | "DomainResource");
    let names = NAMES.iter().filter(|name| cell.split(' ').any(|one| all(one) || one == **name));
    names.map(|name| ResourceType::parse(name).unwrap()).collect()
}

#[test]
fn every_search_parameter_means_something_on_each_of_its_types() {
    let mut count = 0;
    for row in rows("search-parameters.tsv") {
        let [id, _, _, on, expression, _, parts] = row.as_slice() else { panic!("{row:?}") };
        for part in parts.split(" ; ").filter_map(|part| part.split_once('=')) {
            Expression::parse(part.1).unwrap_or_else(|error| panic!("{id}: {error}"));
        }
        if expression == "-" {
            continue;
        }
        let read = Expression::parse(expression).unwrap_or_else(|error| panic!("{id}: {error}"));
        for resource in types(on) {
            assert!(!read.for_type(resource).yields_nothing(), "{id} on {resource}");
            let on = structure(resource.name()).unwrap();
            assert!(read.check(on).is_ok(), "{id} on {resource}: {:?}", read.check(on));
        }
        count += 1;
    }
    assert_eq!(count, 1_381);
}

#[test]
fn search_parameters_yield_the_same_with_and_without_a_known_type() {
    let mut parameters: BTreeMap<&str, Vec<(String, Expression, Expression)>> = BTreeMap::new();
    for row in rows("search-parameters.tsv").iter().filter(|row| row[4] != "-") {
        let read = Expression::parse(&row[4]).unwrap();
        for resource in types(&row[3]) {
            parameters.entry(resource.name()).or_default().push((row[0].clone(), read.clone(), read.for_type(resource)));
        }
    }
    let mut yielding = BTreeSet::new();
    for (name, value) in examples() {
        let root = Node::resource(&value).unwrap();
        let environment = Environment::new(root.clone(), 0);
        for (id, loose, bound) in &parameters[root.type_name().1] {
            let shown = |nodes: Result<Vec<Node<'_>>, EvalError>| {
                nodes.map(|nodes| nodes.iter().map(|node| (node.type_name(), node.value().map(Value::to_string))).collect::<Vec<_>>())
            };
            let (loose, bound) = (shown(loose.evaluate(&root, &environment)), shown(bound.evaluate(&root, &environment)));
            assert_eq!(loose, bound, "{id} of {name}");
            let found = bound.unwrap_or_else(|error| panic!("{id} of {name}: {error}"));
            if !found.is_empty() {
                yielding.insert((id.clone(), root.type_name().1));
            }
        }
    }
    println!("{} of {} parameters yield something", yielding.len(), parameters.values().map(Vec::len).sum::<usize>());
    assert!(yielding.len() > 500);
}

/// Invariants that examples of the specification violate, each with the reason.
const VIOLATED: [(&str, &str); 13] = [
    ("bdl-7", "an example repeats a fullUrl"),
    ("csd-0", "names with hyphens (a warning)"),
    ("dom-6", "no narrative (a warning)"),
    ("nsd-0", "names with hyphens (a warning)"),
    ("pdf-0", "names with hyphens (a warning)"),
    ("que-7", "`answer is Boolean` asks for a type of FHIRPath; a FHIR boolean is none (testType12 of the suite)"),
    ("sdf-0", "names with hyphens (a warning)"),
    ("sdf-4", "logical patterns without base"),
    ("spd-0", "names with hyphens (a warning)"),
    ("tst-0", "a name with hyphens (a warning)"),
    ("vsd-0", "names with hyphens (a warning)"),
    ("txt-1", "needs a parser of XHTML"),
    ("txt-2", "needs a parser of XHTML"),
];

#[test]
fn invariants_hold_on_the_examples() {
    let mut invariants: BTreeMap<String, Vec<(String, Expression)>> = BTreeMap::new();
    for row in rows("invariants.tsv") {
        let [path, key, _, expression] = row.as_slice() else { panic!("{row:?}") };
        let read = Expression::parse(expression).unwrap_or_else(|error| panic!("{key}: {error}"));
        invariants.entry(path.clone()).or_default().push((key.clone(), read));
    }
    let children = Expression::parse("children()").unwrap();
    let mut violated: BTreeMap<String, String> = BTreeMap::new();
    // All 5 306 take half a minute and tell no more (tried on 2026-11-24); a sample is evaluated whole.
    let examples = examples();
    let step = 1 + examples.len() / 1_000;
    for (name, value) in examples.into_iter().step_by(step) {
        let root = Node::resource(&value).unwrap();
        // A node, the resource it stands in, and its path.
        let mut left = vec![(root.clone(), root.clone(), root.type_name().1.to_owned())];
        while let Some((node, resource, path)) = left.pop() {
            let environment = Environment { root_resource: root.clone(), ..Environment::new(resource.clone(), 0) };
            let on = node.structure_of();
            let is_resource = on.is_some_and(|on| on.resource);
            let whole = !matches!(node.type_name().1, "Bundle" | "Parameters" | "Binary");
            let general = if is_resource { whole.then_some("DomainResource") } else { Some("Element") };
            let paths = [Some(path.as_str()), Some(node.type_name().1), on.map(|on| on.name), general];
            for path in paths.into_iter().flatten().collect::<BTreeSet<_>>() {
                for (key, expression) in invariants.get(path).into_iter().flatten() {
                    match expression.evaluate_to_bool(&node, &environment) {
                        Ok(Some(false)) | Err(EvalError::Unknown(_)) => drop(violated.insert(key.clone(), name.clone())),
                        Ok(_) => {}
                        Err(error) => panic!("{key} of {name}: {error}"),
                    }
                }
            }
            for child in children.evaluate(&node, &environment).unwrap() {
                let tree = child.tree().unwrap();
                let element = tree.element.unwrap();
                let choice = if element.choice { "[x]" } else { "" };
                let path = format!("{}.{}{choice}", on.map_or("Element", |on| on.name), element.name);
                let inner = if child.structure_of().is_some_and(|on| on.resource) { child.clone() } else { resource.clone() };
                left.push((child, inner, path));
            }
        }
    }
    let known: BTreeMap<&str, &str> = VIOLATED.into();
    violated.retain(|key, _| !known.contains_key(key.as_str()));
    assert_eq!(violated, BTreeMap::new());
}
