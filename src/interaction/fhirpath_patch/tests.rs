use serde_json::{Value, json};

use super::*;

/// A patch of one operation, its parts as `name: value[x]` members.
fn operation(parts: Value) -> Value {
    let part = |(name, content): (&String, &Value)| {
        let mut part = json!({"name": name});
        for (member, value) in content.as_object().unwrap() {
            part.as_object_mut().unwrap().insert(member.clone(), value.clone());
        }
        part
    };
    let parts: Vec<Value> = parts.as_object().unwrap().iter().map(part).collect();
    json!({"name": "operation", "part": parts})
}

fn parts(kind: &str, path: &str, more: Value) -> Value {
    let mut parts = json!({"type": {"valueCode": kind}, "path": {"valueString": path}});
    for (name, content) in more.as_object().unwrap() {
        parts.as_object_mut().unwrap().insert(name.clone(), content.clone());
    }
    operation(parts)
}

fn understood(operations: Vec<Value>) -> Result<PathPatch, Error> {
    let mut parameters = json!({"resourceType": "Parameters"});
    if !operations.is_empty() {
        parameters.as_object_mut().unwrap().insert("parameter".into(), operations.into());
    }
    understand(&Document::from(parameters), ResourceType::PATIENT)
}

fn patient() -> Value {
    json!({
        "resourceType": "Patient",
        "name": [{"family": "A", "given": ["x", "y"], "_given": [null, {"id": "g"}]}, {"family": "B"}],
        "birthDate": "1980-03-14", "deceasedBoolean": false,
        "contact": [{"name": {"text": "C"}}],
        "contained": [{"resourceType": "Organization", "id": "o", "name": "O"}],
        "extension": [{"url": "u:a", "valueBoolean": true}]
    })
}

#[test]
fn operations_change_what_their_path_finds() {
    let name = |name: &str| json!({"name": {"valueString": name}});
    let with = |mut one: Value, name: &str, value: Value| {
        one.as_object_mut().unwrap().insert(name.into(), value);
        one
    };
    let rows: Vec<(&str, &str, Value, &str, Value)> = vec![
        ("add", "Patient", with(name("gender"), "value", json!({"valueCode": "female"})), "/gender", json!("female")),
        ("add", "Patient.name[1]", with(name("given"), "value", json!({"valueString": "z"})), "/name/1/given", json!(["z"])),
        (
            "add",
            "Patient.name[0]",
            with(name("given"), "value", json!({"valueString": "z"})),
            "/name/0",
            json!({"family": "A", "given": ["x", "y", "z"], "_given": [null, {"id": "g"}, null]}),
        ),
        (
            "add",
            "Patient.birthDate",
            with(name("extension"), "value", json!({"part": [{"name": "url", "valueUri": "u:b"}, {"name": "value", "valueCode": "c"}]})),
            "/_birthDate/extension/0/url",
            json!("u:b"),
        ),
        (
            "add",
            "Patient.name[0].given[0]",
            with(name("id"), "value", json!({"valueString": "h"})),
            "/name/0/_given",
            json!([{"id": "h"}, {"id": "g"}]),
        ),
        ("add", "Patient", with(name("multipleBirth"), "value", json!({"valueInteger": 2})), "/multipleBirthInteger", json!(2)),
        (
            "add",
            "Patient",
            with(
                name("contact"),
                "value",
                json!({"part": [{"name": "name", "valueHumanName": {"text": "N"}}, {"name": "relationship", "valueCodeableConcept": {"text": "r"}}]}),
            ),
            "/contact/1",
            json!({"name": {"text": "N"}, "relationship": [{"text": "r"}]}),
        ),
        (
            "add",
            "Patient",
            with(name("contained"), "value", json!({"resource": {"resourceType": "Basic", "id": "b", "code": {"text": "x"}}})),
            "/contained/1/id",
            json!("b"),
        ),
        (
            "insert",
            "Patient.name",
            json!({"index": {"valueInteger": 1}, "value": {"valueHumanName": {"family": "I"}}}),
            "/name/1/family",
            json!("I"),
        ),
        (
            "insert",
            "Patient.name[0].given",
            json!({"index": {"valueInteger": 0}, "value": {"valueString": "i"}}),
            "/name/0/_given",
            json!([null, null, {"id": "g"}]),
        ),
        (
            "insert",
            "Patient.telecom",
            json!({"index": {"valueInteger": 0}, "value": {"valueContactPoint": {"value": "1"}}}),
            "/telecom/0/value",
            json!("1"),
        ),
        ("delete", "Patient.contact.name.text", json!({}), "/contact", Value::Null),
        (
            "delete",
            "Patient.name.where(family = 'A').given[0]",
            json!({}),
            "/name/0",
            json!({"family": "A", "given": ["y"], "_given": [{"id": "g"}]}),
        ),
        ("delete", "Patient.gender", json!({}), "/gender", Value::Null),
        ("replace", "Patient.name[1].family", json!({"value": {"valueString": "R"}}), "/name/1/family", json!("R")),
        ("replace", "Patient.deceased", json!({"value": {"valueDateTime": "2026"}}), "/deceasedDateTime", json!("2026")),
        ("replace", "Patient.deceased", json!({"value": {"valueDateTime": "2026"}}), "/deceasedBoolean", Value::Null),
        ("replace", "Patient.gender", json!({"value": {"valueCode": "male"}}), "/gender", json!("male")),
        ("replace", "Patient.contained.name", json!({"value": {"valueString": "P"}}), "/contained/0/name", json!("P")),
        (
            "replace",
            "Patient.extension[url:\"u:a\"].value",
            json!({"value": {"valueBoolean": false}}),
            "/extension/0/valueBoolean",
            json!(false),
        ),
        (
            "replace",
            "Patient.extension[url='u:a'].value",
            json!({"value": {"valueCode": "z"}}),
            "/extension/0",
            json!({"url": "u:a", "valueCode": "z"}),
        ),
        ("move", "Patient.name", json!({"source": {"valueInteger": 0}, "destination": {"valueInteger": 1}}), "/name/0/family", json!("B")),
        (
            "move",
            "Patient.name[0].given",
            json!({"source": {"valueInteger": 1}, "destination": {"valueInteger": 0}}),
            "/name/0/_given",
            json!([{"id": "g"}, null]),
        ),
    ];
    for (kind, path, more, pointer, expected) in rows {
        let mut tree = patient();
        let patch = understood(vec![parts(kind, path, more)]).unwrap_or_else(|error| panic!("{path}: {error}"));
        apply(&mut tree, &patch, 0).unwrap_or_else(|why| panic!("{kind} {path}: {why}"));
        assert_eq!(tree.pointer(pointer).cloned().unwrap_or_default(), expected, "{kind} {path}: {tree}");
    }
}

#[test]
fn what_does_not_apply_is_named() {
    let string = json!({"name": {"valueString": "birthDate"}, "value": {"valueDate": "2026-01-01"}});
    let rows = [
        ("add", "Patient", string.clone(), "has a value already"),
        ("add", "Patient.name", string.clone(), "finds 2 elements"),
        ("add", "Patient.maritalStatus", string.clone(), "finds nothing"),
        ("add", "Patient.contact[0]", string, "no element `birthDate`"),
        ("add", "Patient", json!({"name": {"valueString": "deceased"}, "value": {"valueString": "x"}}), "not of this type"),
        ("delete", "Patient.name", json!({}), "finds 2 elements"),
        ("delete", "Patient", json!({}), "the resource itself"),
        ("replace", "Patient.name.given", json!({"value": {"valueString": "x"}}), "finds 2 elements"),
        ("replace", "Patient", json!({"value": {"valueString": "x"}}), "the resource itself"),
        ("replace", "Patient.name.first().given.upper()", json!({"value": {"valueString": "x"}}), "cannot be evaluated"),
        ("replace", "Patient.name.count()", json!({"value": {"valueInteger": 1}}), "no element of the resource"),
        (
            "insert",
            "Patient.name",
            json!({"index": {"valueInteger": 3}, "value": {"valueHumanName": {"text": "x"}}}),
            "the list has 2 items",
        ),
        ("insert", "Patient.name[0]", json!({"index": {"valueInteger": 0}, "value": {"valueHumanName": {"text": "x"}}}), "no whole list"),
        ("insert", "Patient.birthDate", json!({"index": {"valueInteger": 0}, "value": {"valueDate": "2026"}}), "no whole list"),
        ("move", "Patient.name", json!({"source": {"valueInteger": 2}, "destination": {"valueInteger": 0}}), "the list has 2 items"),
    ];
    for (kind, path, more, why) in rows {
        let first = parts("delete", "Patient.gender", json!({}));
        let patch = understood(vec![first, parts(kind, path, more)]).unwrap_or_else(|error| panic!("{path}: {error}"));
        let told = apply(&mut patient(), &patch, 0).unwrap_err();
        assert!(told.starts_with("operation 1 does not apply: ") && told.contains(why), "{kind} {path}: {told}");
    }
}

#[test]
fn what_is_no_patch_is_refused_with_its_place() {
    let name = |name: &str| json!({"name": name, "valueString": "x"});
    let rows = [
        (vec![name("other")], 400),
        (vec![json!({"name": "operation", "part": [name("type")]})], 400),
        (vec![parts("invent", "Patient.name", json!({}))], 400),
        (vec![parts("delete", "Patient.nom", json!({}))], 400),
        (vec![parts("delete", "Patient.name[", json!({}))], 400),
        (vec![parts("delete", "Patient.name.given.frobnicate()", json!({}))], 400),
        (vec![parts("replace", "Patient.name", json!({}))], 400),
        (vec![parts("add", "Patient", json!({"value": {"valueString": "x"}}))], 400),
        (vec![parts("insert", "Patient.name", json!({"index": {"valueInteger": -1}, "value": {"valueString": "x"}}))], 400),
        (vec![parts("move", "Patient.name", json!({"source": {"valueInteger": 0}}))], 400),
        (vec![parts("delete", "Patient.name", json!({"index2": {"valueInteger": 0}}))], 400),
        (vec![json!({"name": "operation", "parts": []})], 422),
        ((0..51).map(|_| parts("delete", "Patient.name", json!({}))).collect(), 413),
        (vec![], 200),
    ];
    for (operations, expected) in rows {
        let shown = json!(operations);
        let found = understood(operations);
        assert_eq!(found.as_ref().map_or_else(Error::status, |_| 200), expected, "{shown}: {found:?}");
    }
    let other = Document::from(json!({"resourceType": "Patient"}));
    assert_eq!(understand(&other, ResourceType::PATIENT).unwrap_err().status(), 400);
}
