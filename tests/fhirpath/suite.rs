//! HL7's own tests of FHIRPath for R4 (FHIR/fhir-test-cases `r4/fhirpath/tests-fhir-r4.xml`), where the file is present.
//!
//! `inputs/` holds the resources they name: those of the specification's examples without narrative (CC0), and invented ones with the
//! elements that the tests ask for.

use std::collections::BTreeMap;
use std::path::Path;

use ensemble::fhirpath::{Datum, Environment, Expression, Node};
use quick_xml::events::{BytesStart, Event};
use serde_json::Value;

/// Tests that we answer otherwise, each with its reason; another disagreement fails.
const DISAGREEMENTS: [(&str, &str); 9] = [
    ("HighBoundaryDateTimeMillisecond1", "08 hours end at 08:59:59.999; the suite takes them for 08:00"),
    ("HighBoundaryDateTimeMillisecond3", "08 hours end at 08:59:59.999; the suite takes them for 08:00"),
    ("HighBoundaryDecimal15", "a boundary is rounded outwards: 0.0034 may be 0.1 to one digit, never 0.0"),
    ("HighBoundaryDecimal16", "a boundary is rounded outwards"),
    ("LowBoundaryDecimal15", "a boundary is rounded outwards"),
    ("testConformsTo1", "conformance to a profile is not known here"),
    ("testConformsTo2", "conformance to a profile is not known here"),
    ("testFHIRPathAsFunction21", "`as` filters several items: dom-3 and search parameters of R4 need it"),
    ("testPlusDate19", "a tenth of a second is added: only above seconds is the fraction ignored (FHIRPath N1 #datetime-arithmetic)"),
];

#[derive(Default, Debug)]
struct Case {
    name: String,
    input: String,
    strict: bool,
    invalid: Option<String>,
    predicate: bool,
    unordered: bool,
    expression: String,
    outputs: Vec<(Option<String>, String)>,
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    tag.attributes().flatten().find(|one| one.key.as_ref() == name).map(|one| quick_xml::escape::unescape(&one.value).unwrap().into_owned())
}

/// Reads all cases, in order.
fn cases(text: &str) -> Vec<Case> {
    let mut reader = quick_xml::Reader::from_str(text);
    let (mut cases, mut case, mut content) = (Vec::new(), Case::default(), String::new());
    let mut kind = None;
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => {
                content.clear();
                match tag.name().as_ref() {
                    "test" => {
                        case = Case {
                            name: attribute(&tag, "name").unwrap(),
                            input: attribute(&tag, "inputfile").unwrap_or_default(),
                            strict: attribute(&tag, "mode").as_deref() == Some("strict"),
                            invalid: attribute(&tag, "invalid"),
                            predicate: attribute(&tag, "predicate").as_deref() == Some("true"),
                            unordered: attribute(&tag, "ordered").as_deref() == Some("false"),
                            ..Case::default()
                        }
                    }
                    "expression" => case.invalid = attribute(&tag, "invalid").or(case.invalid),
                    "output" => kind = attribute(&tag, "type"),
                    _ => {}
                }
            }
            Event::Empty(tag) if tag.name().as_ref() == "output" => case.outputs.push((attribute(&tag, "type"), String::new())),
            Event::Text(text) => content.push_str(&text),
            Event::GeneralRef(name) => {
                let c = match name.as_ref() {
                    "lt" => '<',
                    "gt" => '>',
                    "amp" => '&',
                    "quot" => '"',
                    "apos" => '\'',
                    other => {
                        let number = other.trim_start_matches('#');
                        let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |digits| (digits, 16));
                        char::from_u32(u32::from_str_radix(digits, radix).unwrap()).unwrap()
                    }
                };
                content.push(c);
            }
            Event::CData(text) => content.push_str(&text),
            Event::End(tag) => match tag.name().as_ref() {
                "expression" => case.expression = std::mem::take(&mut content),
                "output" => case.outputs.push((kind.take(), std::mem::take(&mut content))),
                "test" => cases.push(std::mem::take(&mut case)),
                _ => {}
            },
            Event::Eof => return cases,
            _ => {}
        }
    }
}

/// An item as the suite writes it.
fn written(node: &Node<'_>) -> (String, String) {
    let (_, name) = node.type_name();
    let text = match node.datum() {
        Some(datum @ Datum::Temporal(temporal)) => format!("@{}{datum}", if temporal.is_clock() { "T" } else { "" }),
        Some(datum) => datum.to_string(),
        None => node.value().map(Value::to_string).unwrap_or_default(),
    };
    (name.to_owned(), text)
}

/// Why a case fails.
fn fault(case: &Case, input: &Value) -> Option<String> {
    let root = Node::resource(input).unwrap();
    let expression = match Expression::parse(&case.expression) {
        Err(error) => return case.invalid.is_none().then(|| error.to_string()),
        Ok(expression) => expression,
    };
    let on = root.structure_of().unwrap();
    if (case.strict || case.invalid.as_deref() == Some("semantic")) && expression.check(on).is_err() {
        return case.invalid.is_none().then(|| "refused".into());
    }
    // 2026-11-22T10:20:30Z
    let environment = Environment::new(root.clone(), 1_795_342_830_000_000);
    let loose = expression.evaluate(&root, &environment);
    let bound = expression.for_structure(on).evaluate(&root, &environment);
    let found = match (loose, bound) {
        (Err(_), Err(_)) if case.invalid.is_some() => return None,
        (Err(error), _) | (_, Err(error)) => return Some(format!("error: {error}")),
        (Ok(loose), Ok(bound)) => {
            let all = |nodes: &[Node<'_>]| nodes.iter().map(written).collect::<Vec<_>>();
            if all(&loose) != all(&bound) {
                return Some(format!("bound to the type it yields {:?} instead of {:?}", all(&bound), all(&loose)));
            }
            loose
        }
    };
    if case.invalid.is_some() {
        return Some(format!("no error but {:?}", found.iter().map(written).collect::<Vec<_>>()));
    }
    if case.predicate {
        let truth = (found.is_empty()).to_string();
        return (case.outputs.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>() == [truth.as_str()]).then(|| "predicate".into());
    }
    let alike = |(kind, text): &(Option<String>, String), node: &Node<'_>| {
        let (name, found) = written(node);
        let same_number = || found.parse::<f64>().ok().zip(text.parse::<f64>().ok()).is_some_and(|(one, two)| one == two);
        kind.as_ref().is_none_or(|kind| kind.eq_ignore_ascii_case(&name))
            && (found == *text || (kind.as_deref() == Some("decimal") && same_number()))
    };
    let same = if case.unordered {
        found.iter().all(|node| case.outputs.iter().any(|output| alike(output, node)))
    } else {
        found.iter().zip(&case.outputs).all(|(node, output)| alike(output, node))
    };
    (!same || found.len() != case.outputs.len())
        .then(|| format!("{:?} instead of {:?}", found.iter().map(written).collect::<Vec<_>>(), case.outputs))
}

#[test]
fn the_official_suite_agrees() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(text) = std::fs::read_to_string(root.join("../shared/data/fhir-test-cases/r4/fhirpath/tests-fhir-r4.xml")) else {
        eprintln!("the official suite is not here: nothing is compared");
        return;
    };
    let mut inputs: BTreeMap<String, Value> = BTreeMap::new();
    for entry in std::fs::read_dir(root.join("tests/fhirpath/inputs")).unwrap().flatten() {
        let name = entry.path().file_stem().unwrap().to_str().unwrap().to_owned();
        inputs.insert(name, serde_json::from_slice(&std::fs::read(entry.path()).unwrap()).unwrap());
    }
    let cases = cases(&text);
    assert_eq!(cases.len(), 935);
    let mut faults = BTreeMap::new();
    for case in &cases {
        let name = case.input.split('.').next().filter(|name| !name.is_empty()).unwrap_or("patient-example");
        if let Some(fault) = fault(case, &inputs[name]) {
            faults.insert(case.name.as_str(), fault);
        }
    }
    println!("{} of {} agree", cases.len() - faults.len(), cases.len());
    for (name, fault) in &faults {
        let case = cases.iter().find(|case| case.name == *name).unwrap();
        println!("{name}: {} | {fault}", case.expression.trim());
    }
    let known: BTreeMap<&str, &str> = DISAGREEMENTS.into();
    assert_eq!(faults.keys().collect::<Vec<_>>(), known.keys().collect::<Vec<_>>());
}
