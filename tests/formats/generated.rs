//! Generated resources: valid ones survive both formats, spoilt ones are refused at the spoilt place.

use ensemble::fhir::definitions::{Element, Is, Json, Primitive, Structure, Type, structure};
use ensemble::fhir::validate::validate;
use ensemble::fhir::{Document, Format, NAMES, ResourceType, xml};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Number, Value, json};

/// How deep generated objects nest.
const DEPTH: usize = 3;

/// A source of choices.
struct Choices(TestRng);

impl Choices {
    fn new(seed: u64) -> Self {
        let mut bytes = [7_u8; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self(TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.next_u64() % u64::try_from(bound).unwrap()).unwrap()
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn chance(&mut self, in_hundred: usize) -> bool {
        self.below(100) < in_hundred
    }
}

/// A valid resource of this type.
fn resource(name: &str, choices: &mut Choices, depth: usize) -> Value {
    let mut members = Map::from_iter([("resourceType".to_owned(), Value::from(name))]);
    fill(structure(name).unwrap(), &mut members, choices, depth);
    members.shift_remove("contained");
    if name != "Binary" && choices.chance(50) {
        members.insert("id".into(), format!("{}.{}", name.to_lowercase(), choices.below(1000)).into());
    }
    Value::Object(members)
}

fn fill(structure: &'static Structure, members: &mut Map<String, Value>, choices: &mut Choices, depth: usize) {
    for element in &structure.elements {
        let wanted = element.min > 0 || (depth > 0 && choices.chance(25));
        // Contained resources need references to them; those of Bundles and Parameters come with their element.
        if !wanted || element.name == "contained" || (structure.resource && element.name == "id") {
            continue;
        }
        let kinds: Vec<(&Type, String)> = element.types.iter().map(|kind| (kind, member_name(element, kind))).collect();
        let (kind, name) = choices.one(&kinds).clone();
        let count = if element.repeats() { 1 + choices.below(2) } else { 1 };
        let values: Vec<Value> = (0..count.max(usize::from(element.min))).map(|_| value(element, kind, choices, depth)).collect();
        if kind.primitive().is_some_and(|primitive| primitive != Primitive::Xhtml) && !element.attribute && choices.chance(15) {
            let companion = json!({"extension": [{"url": "urn:example:companion", "valueCode": "x"}]});
            let companion = if element.repeats() { json!([companion]) } else { companion };
            // With several values the companions keep as many places.
            if values.len() == 1 {
                members.insert(format!("_{name}"), companion);
            }
        }
        members.insert(name, if element.repeats() { Value::Array(values) } else { values.into_iter().next().unwrap() });
    }
    if structure.name == "Extension" && members.contains_key("extension") {
        members.retain(|name, _| !name.trim_start_matches('_').starts_with("value"));
    } else if structure.name == "Extension" && !members.keys().any(|name| name.starts_with("value")) {
        members.retain(|name, _| !name.starts_with("_value"));
        members.insert("valueString".into(), "x".into());
    }
    if members.keys().all(|name| name == "id") && !structure.resource {
        members.insert("extension".into(), json!([{"url": "urn:example:only", "valueBoolean": true}]));
    }
}

fn member_name(element: &Element, kind: &Type) -> String {
    if !element.choice {
        return element.name.to_owned();
    }
    let (first, rest) = kind.name.split_at(1);
    format!("{}{}{rest}", element.name, first.to_uppercase())
}

fn value(element: &Element, kind: &Type, choices: &mut Choices, depth: usize) -> Value {
    match kind.is {
        Is::Primitive(primitive) => match element.codes {
            Some(codes) => (*choices.one(&choices_of(codes))).into(),
            None => primitive_value(primitive, choices),
        },
        Is::Resource => {
            let name = *choices.one(&["Patient", "Basic", "Observation", "Binary"]);
            resource(name, choices, depth.saturating_sub(1))
        }
        Is::Structure(_) if kind.reference => reference(kind, choices),
        Is::Structure(_) => {
            let mut members = Map::new();
            fill(kind.structure().unwrap(), &mut members, choices, depth.saturating_sub(1));
            if let Some(codes) = element.codes {
                let (system, listed) = &codes.systems[0];
                members.insert("coding".into(), json!([{"system": system, "code": choices.one(listed)}]));
            }
            Value::Object(members)
        }
    }
}

fn choices_of(codes: &'static ensemble::fhir::definitions::Codes) -> Vec<&'static str> {
    codes.systems.iter().flat_map(|(_, codes)| codes.iter().copied()).collect()
}

fn reference(kind: &Type, choices: &mut Choices) -> Value {
    let target = if kind.targets.is_empty() { "Basic" } else { *choices.one(&kind.targets) };
    match choices.below(4) {
        0 => json!({"identifier": {"system": "urn:example:system", "value": "1"}, "display": "é"}),
        1 => json!({"reference": format!("https://elsewhere.example/fhir/{target}/1/_history/2")}),
        2 => json!({"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}),
        _ => json!({"reference": format!("{target}/{}", choices.below(100)), "type": target}),
    }
}

fn primitive_value(primitive: Primitive, choices: &mut Choices) -> Value {
    let texts: &[&str] = match primitive {
        Primitive::Boolean => return choices.chance(50).into(),
        Primitive::Integer => &["-2147483648", "0", "2147483647", "-1"],
        Primitive::UnsignedInt => &["0", "2147483647"],
        Primitive::PositiveInt => &["1", "2147483647"],
        Primitive::Decimal => &["1.50", "-0.0", "0.10", "12345678901234567890.123456789012345678901", "1e-7", "100"],
        Primitive::Base64Binary => &["aGk=", "AAAA"],
        Primitive::Canonical => &["http://hl7.org/fhir/ValueSet/x|4.0.1", "#local", "urn:oid:1.2.3"],
        Primitive::Code => &["a", "a b", "é-1"],
        Primitive::Date => &["2024", "2024-02", "2024-02-29"],
        Primitive::DateTime => &["2024", "2024-02-29", "2024-02-29T23:59:59+02:00", "2024-02-29T23:59:59.123456Z"],
        Primitive::Id => &["a", "A-1.b"],
        Primitive::Instant => &["2024-02-29T23:59:59.1Z", "2024-02-29T23:59:59-11:30"],
        Primitive::Oid => &["urn:oid:1.2.250.1"],
        Primitive::Time => &["23:59:59", "00:00:00.001"],
        Primitive::Uri | Primitive::Url => &["https://x.example/a?b=c&d=<e>", "urn:example:é"],
        Primitive::Uuid => &["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
        Primitive::Xhtml => &[
            "<div xmlns=\"http://www.w3.org/1999/xhtml\"> a <b>b</b>\n <i>i</i> &amp; &#233;</div>",
            "<div xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"fr\"><p>x<br/></p></div>",
        ],
        Primitive::String | Primitive::Markdown => {
            &["x", " a  b ", "tab\tand\nline\r\nend", "<&\"'>", "é😀\u{a0}", "]]>", "&amp;", "a\u{85}b\u{2028}c"]
        }
    };
    let text = *choices.one(texts);
    if primitive.json() == Json::Number { Value::Number(text.parse::<Number>().unwrap()) } else { text.into() }
}

/// Everything an object may be spoilt by: its place in the tree, as a pointer, and as FHIRPath.
fn places(value: &Value, pointer: &str, path: &str, kind: &'static Structure, found: &mut Vec<(String, String, &'static Structure)>) {
    found.push((pointer.to_owned(), path.to_owned(), kind));
    for (name, member) in value.as_object().unwrap() {
        let Some((_, element, inner)) = kind.member(name) else { continue };
        let structure = match inner.is {
            Is::Structure(_) => inner.structure(),
            _ => None,
        };
        let Some(structure) = structure else { continue };
        match member {
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    places(item, &format!("{pointer}/{name}/{at}"), &format!("{path}.{}[{at}]", element.name), structure, found);
                }
            }
            one => places(one, &format!("{pointer}/{name}"), &format!("{path}.{}", element.name), structure, found),
        }
    }
}

/// Spoils the object at a place and tells where that must be noticed; `None` where this way of spoiling does not apply.
fn spoil(object: &mut Map<String, Value>, path: &str, kind: &'static Structure, choices: &mut Choices) -> Option<String> {
    let known: Vec<String> = object.keys().filter(|name| kind.member(name).is_some()).cloned().collect();
    match choices.below(8) {
        0 => {
            object.insert("inconnu".into(), 1.into());
            Some(format!("{path}.inconnu"))
        }
        1 => {
            let element = kind.missing(0).find(|element| !element.choice && object.contains_key(element.name))?;
            object.shift_remove(element.name);
            object.shift_remove(&format!("_{}", element.name));
            if object.is_empty() {
                return Some(path.to_owned());
            }
            Some(format!("{path}.{}", element.name))
        }
        way => {
            let name = choices.one(if known.is_empty() { return None } else { &known }).clone();
            let (_, element, inner) = kind.member(&name)?;
            let place = format!("{path}.{}", element.name);
            let single = !element.repeats();
            let spoilt = match way {
                2 => Value::Null,
                3 => json!([]),
                4 if single => json!([1]),
                4 => json!({"x": 1}),
                5 if single && inner.primitive().is_some() => json!({"x": 1}),
                5 if single => "x".into(),
                6 if single && inner.primitive().is_some_and(|primitive| primitive.json() == Json::String) => "".into(),
                6 if single && inner.primitive().is_some() => "1".into(),
                7 if single && element.codes.is_some() && inner.primitive().is_some() => "no-such-code".into(),
                _ => return None,
            };
            object.insert(name, spoilt);
            Some(place)
        }
    }
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

#[test]
fn valid_resources_survive_both_formats() {
    let tested = runner(1500).run(&(0..NAMES.len(), any::<u64>()), |(at, seed)| {
        let value = resource(NAMES[at], &mut Choices::new(seed), DEPTH);
        let kind = ResourceType::parse(NAMES[at]).unwrap();
        prop_assert_eq!(validate(kind, &value), vec![], "{}", value);
        let as_json = Document::read(Format::Json, value.to_string().as_bytes()).unwrap();
        prop_assert_eq!(&as_json.value, &value);
        prop_assert_eq!(as_json.value.to_string(), value.to_string());
        for pretty in [false, true] {
            let text = xml::write(&value, pretty);
            let again = Document::read(Format::Xml, &text).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(again.issues, vec![], "{}", value);
            prop_assert_eq!(&again.value, &value, "{}", String::from_utf8_lossy(&text));
        }
        Ok(())
    });
    tested.unwrap();
}

#[test]
fn spoilt_resources_are_refused_at_the_spoilt_place() {
    let tested = runner(3000).run(&(0..NAMES.len(), any::<u64>()), |(at, seed)| {
        let mut choices = Choices::new(seed);
        let mut value = resource(NAMES[at], &mut choices, DEPTH);
        let mut all = Vec::new();
        places(&value, "", NAMES[at], structure(NAMES[at]).unwrap(), &mut all);
        let (pointer, path, kind) = choices.one(&all).clone();
        let object = value.pointer_mut(&pointer).unwrap().as_object_mut().unwrap();
        let Some(place) = spoil(object, &path, kind, &mut choices) else { return Ok(()) };
        let issues = validate(ResourceType::parse(NAMES[at]).unwrap(), &value);
        let there = |expression: &str| {
            expression == place || expression.starts_with(&format!("{place}[")) || expression.starts_with(&format!("{place}."))
        };
        prop_assert!(issues.iter().any(|issue| there(&issue.expression)), "{place} in {value}: {issues:?}");
        Ok(())
    });
    tested.unwrap();
}

proptest! {
    #![proptest_config(Config { cases: 2000, failure_persistence: None, ..Config::default() })]

    /// Whatever bytes come, reading ends with a tree or an error.
    #[test]
    fn no_bytes_break_a_reader(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), as_xml in any::<bool>()) {
        let format = if as_xml { Format::Xml } else { Format::Json };
        let _ = Document::read(format, &bytes);
        let good: &[u8] = if as_xml { br#"<Patient xmlns="http://hl7.org/fhir"><active value="true"/></Patient>"# } else { br#"{"resourceType":"Patient","active":true}"# };
        let cut = at.index(good.len());
        bytes.splice(0..0, good[..cut].iter().copied());
        bytes.extend_from_slice(&good[cut..]);
        if let Ok(document) = Document::read(format, &bytes) {
            let _ = validate(ResourceType::PATIENT, &document.value);
        }
    }
}
