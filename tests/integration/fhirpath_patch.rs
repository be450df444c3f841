//! FHIRPath Patch (FHIR R4 fhirpatch.html): of what testers keep, and of documents by the same rules as JSON Patch.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::build::{consent, document, holder, ins, party, patient, professional, psidnat, service, structure};
use crate::support::{Backend, Server, on_both, query};

const HOSPITAL: &str = "1750000018";
const ARCHIVED: &str = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived";
const JSON: (&str, &str) = ("content-type", "application/fhir+json");
const XML: (&str, &str) = ("content-type", "application/fhir+xml");

/// A patch of operations: type, path, and other parts.
pub fn patch(operations: &[(&str, &str, Vec<Value>)]) -> Value {
    let one = |(kind, path, more): &(&str, &str, Vec<Value>)| {
        let mut parts = vec![json!({"name": "type", "valueCode": kind}), json!({"name": "path", "valueString": path})];
        parts.extend(more.iter().cloned());
        json!({"name": "operation", "part": parts})
    };
    json!({"resourceType": "Parameters", "parameter": operations.iter().map(one).collect::<Vec<_>>()})
}

pub fn part(name: &str, kind: &str, value: Value) -> Value {
    json!({"name": name, format!("value{kind}"): value})
}

fn send(server: &Server, who: &Value, path: &str, parameters: &Value) -> Answer {
    server.fhir_with(who, "PATCH", path, &[JSON], Some(parameters.to_string().as_bytes()))
}

/// What stands between the tags of an element of a case.
fn inner<'t>(case: &'t str, name: &str) -> Option<&'t str> {
    let after = case.split_once(&format!("<{name}>"))?.1;
    after.split_once(&format!("</{name}>")).map(|(inside, _)| inside.trim())
}

/// HL7's own tests of FHIRPath Patch (FHIR/fhir-test-cases `r4/patch`), where the file is present.
#[test]
fn the_official_cases_hold() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/fhir-test-cases/r4/patch/fhir-patch-tests.xml");
    let Ok(text) = std::fs::read_to_string(file) else { return };
    let server = Server::open(Backend::Sqlite);
    let bare = |answer: &Answer| {
        // The narratives of a case differ in their line ends and escapes.
        let plain = answer.text().replace("\\r", "").replace("&quot;", "\\\"");
        let mut value: Value = serde_json::from_str(&plain).unwrap();
        value.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "id" | "meta"));
        value
    };
    let mut count = 0;
    for case in text.split("<case ").skip(1) {
        let name = case.split('"').nth(1).unwrap();
        let (Some(input), Some(diff)) = (inner(case, "input"), inner(case, "diff")) else { panic!("{name}") };
        if input.is_empty() {
            continue;
        }
        let (accept, prefer) = (("accept", "application/fhir+json"), ("prefer", "return=representation"));
        let create = |resource: &str| server.send("POST", "/fhir/Patient", &[XML, accept], Some(resource.as_bytes()));
        let before = create(input);
        before.expect(201);
        let after = server.send("PATCH", &format!("/fhir/Patient/{}", before.id()), &[XML, accept, prefer], Some(diff.as_bytes()));
        match inner(case, "output") {
            Some(output) => {
                let output = create(output);
                output.expect(201);
                assert_eq!((after.status, bare(&after)), (200, bare(&output)), "{name}: {}", after.text());
            }
            None => assert_eq!(after.status, 422, "{name}: {}", after.text()),
        }
        count += 1;
    }
    assert!(count >= 30, "{count}");
}

#[test]
fn a_tester_patches_by_fhirpath() {
    on_both(|backend| {
        let server = Server::open(backend);
        let tester = service("tester");
        let person = json!({
            "resourceType": "Patient", "identifier": [{"system": "urn:x", "value": "1"}], "name": [{"family": "A", "given": ["x", "y"]}]
        });
        let created = server.create(&tester, &person);
        let path = format!("Patient/{}", created.id());
        let good = patch(&[
            ("add", "Patient", vec![part("name", "String", "birthDate".into()), part("value", "Date", "1980-03-14".into())]),
            ("insert", "Patient.name[0].given", vec![part("index", "Integer", 1.into()), part("value", "String", "i".into())]),
            ("replace", "Patient.name.family", vec![part("value", "String", "B".into())]),
            (
                "add",
                "Patient",
                vec![
                    part("name", "String", "contact".into()),
                    json!({"name": "value", "part": [part("name", "HumanName", json!({"text": "C"}))]}),
                ],
            ),
        ]);
        let answer = send(&server, &tester, &path, &good);
        let value = answer.expect(200);
        assert_eq!(
            (&value["name"], &value["birthDate"], &value["contact"]),
            (&json!([{"family": "B", "given": ["x", "i", "y"]}]), &json!("1980-03-14"), &json!([{"name": {"text": "C"}}]))
        );
        assert_eq!(answer.header("etag"), "W/\"2\"");
        assert_eq!(server.get(&tester, "Patient?family=b").matches().len(), 1, "what is searched follows");
        // By a condition, and only on the version that is meant.
        let condition = format!("Patient{}", query(&[("identifier", "urn:x|1")]));
        let gone = patch(&[("delete", "Patient.birthDate", vec![])]);
        let body = gone.to_string().into_bytes();
        let stale = server.fhir_with(&tester, "PATCH", &condition, &[JSON, ("if-match", "W/\"1\"")], Some(&body));
        assert_eq!(stale.status, 412);
        assert!(
            server
                .fhir_with(&tester, "PATCH", &condition, &[JSON, ("if-match", "W/\"2\"")], Some(&body))
                .expect(200)
                .get("birthDate")
                .is_none()
        );
        // All or none, with the operation that does not apply.
        let two = |second: (&'static str, &'static str, Vec<Value>)| {
            patch(&[("replace", "Patient.name.family", vec![part("value", "String", "Z".into())]), second])
        };
        let rows = [
            (two(("delete", "Patient.name.given", vec![])), 422, "value", "Patient", "operation 1"),
            (two(("delete", "Patient.nom", vec![])), 400, "value", "Parameters.parameter[1]", "operation 1"),
            (two(("replace", "Patient.name", vec![])), 400, "required", "Parameters.parameter[1]", "operation 1"),
            (
                two(("add", "Patient", vec![part("name", "String", "gender".into()), part("value", "Code", "f".into())])),
                422,
                "code-invalid",
                "Patient.gender",
                "",
            ),
            (json!({"resourceType": "Parameters", "parameters": []}), 422, "structure", "Parameters.parameters", ""),
            (json!({"resourceType": "Patient"}), 400, "value", "Parameters", "Parameters"),
            (two(("replace", "Patient.id", vec![part("value", "String", "other".into())])), 200, "", "", ""),
        ];
        for (parameters, status, code, place, words) in rows {
            let answer = send(&server, &tester, &path, &parameters);
            assert_eq!(answer.status, status, "{parameters}: {}", answer.text());
            if status == 200 {
                assert_eq!(format!("Patient/{}", answer.id()), path, "the id stays");
                continue;
            }
            assert_eq!((answer.issue().0.as_str(), answer.issue().1.as_str()), (code, place), "{}", answer.text());
            assert!(answer.text().contains(words), "{}", answer.text());
            assert_ne!(server.get(&tester, &path).json()["name"][0]["family"], "Z", "nothing is half-done");
        }
        assert_eq!(
            server.fhir_with(&tester, "PATCH", &path, &[("content-type", "application/xml-patch+xml")], Some(b"<diff/>")).status,
            415
        );
        assert_eq!(server.fhir_with(&tester, "PATCH", &path, &[JSON], Some(b"{")).status, 400);
        assert_eq!(send(&server, &tester, "Patient/absent", &gone).status, 404);
        // An expression that would take long ends.
        let costly = (0..8).fold("$this = 1".to_owned(), |inner, _| format!("%resource.descendants().where({inner}).exists()"));
        let costly = format!("Patient.descendants().where({costly})");
        assert_eq!(send(&server, &tester, &path, &patch(&[("delete", &costly, vec![])])).status, 422);
    });
}

#[test]
fn a_document_is_patched_by_the_same_rules_as_with_json_patch() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = ins(1);
        let (hospital, physician) = (structure(HOSPITAL), professional(1, "10"));
        server.create(&service("operator"), &patient(&me)).expect(201);
        server.create(&holder(&me), &consent(&me, "treating-physician", "permit", party(&psidnat(1)))).expect(201);
        let mut number = 0;
        let mut deposited = || {
            number += 1;
            server.create(&hospital, &document(&me, "11490-0", number).json()).id()
        };
        let code = |code: &str| json!({"coding": [{"system": ensemble::policy::nomenclature::TRE_A07, "code": code}]});
        let label = |name: &str, given: &str| part(name, "CodeableConcept", code(given));
        let extension = |flag: bool| json!({"url": ARCHIVED, "valueBoolean": flag});
        // An Extension is no type of `value[x]`: it comes in parts.
        let in_parts =
            |url: &str| json!({"name": "value", "part": [part("url", "Uri", url.into()), part("value", "Boolean", true.into())]});
        let value = format!("DocumentReference.extension.where(url = '{ARCHIVED}').value");
        let bracket = format!("DocumentReference.extension[url:\"{ARCHIVED}\"].value");
        let name = |name: &str| part("name", "String", name.into());
        // The same change, both ways, and what is answered.
        let rows: Vec<(Value, Value, u16)> = vec![
            (
                json!([{"op": "replace", "path": "/status", "value": "superseded"}]),
                patch(&[("replace", "DocumentReference.status", vec![part("value", "Code", "superseded".into())])]),
                200,
            ),
            (
                json!([{"op": "replace", "path": "/status", "value": "current "}]),
                patch(&[("replace", "status", vec![part("value", "String", "current ".into())])]),
                200,
            ),
            (
                json!([{"op": "replace", "path": "/status", "value": "invented"}]),
                patch(&[("replace", "DocumentReference.status", vec![part("value", "Code", "invented".into())])]),
                422,
            ),
            (
                json!([{"op": "replace", "path": "/securityLabel/0", "value": code("MASQUE_PS")}]),
                patch(&[("replace", "DocumentReference.securityLabel[0]", vec![label("value", "MASQUE_PS")])]),
                200,
            ),
            (
                json!([{"op": "add", "path": "/securityLabel/-", "value": code("MASQUE_PS")}]),
                patch(&[("add", "DocumentReference", vec![name("securityLabel"), label("value", "MASQUE_PS")])]),
                200,
            ),
            (
                json!([{"op": "add", "path": "/securityLabel/-", "value": code("inconnu")}]),
                patch(&[("add", "DocumentReference", vec![name("securityLabel"), label("value", "inconnu")])]),
                422,
            ),
            (
                json!([{"op": "remove", "path": "/securityLabel/7"}]),
                patch(&[("insert", "DocumentReference.securityLabel", vec![part("index", "Integer", 7.into()), label("value", "R")])]),
                422,
            ),
            (
                json!([{"op": "add", "path": "/extension/-", "value": extension(true)}]),
                patch(&[("add", "DocumentReference", vec![name("extension"), in_parts(ARCHIVED)])]),
                200,
            ),
            (
                json!([{"op": "replace", "path": format!("/extension[url:\"{ARCHIVED}\"]/valueBoolean"), "value": true}]),
                patch(&[("replace", &value, vec![part("value", "Boolean", true.into())])]),
                200,
            ),
            (
                json!([{"op": "replace", "path": format!("/extension[url:\"{ARCHIVED}\"]/valueBoolean"), "value": "true"}]),
                patch(&[("replace", &bracket, vec![part("value", "String", "true".into())])]),
                200,
            ),
            (
                json!([{"op": "replace", "path": "/description", "value": "x"}]),
                patch(&[("replace", "DocumentReference.description", vec![part("value", "String", "x".into())])]),
                405,
            ),
            (
                json!([{"op": "replace", "path": "/status", "value": "superseded"}, {"op": "remove", "path": "/subject"}]),
                patch(&[
                    ("replace", "DocumentReference.status", vec![part("value", "Code", "superseded".into())]),
                    ("delete", "DocumentReference.subject", vec![]),
                ]),
                405,
            ),
            (
                json!([{"op": "replace", "path": "/securityLabel/0/coding/0/code", "value": "R"}]),
                patch(&[("replace", "DocumentReference.securityLabel[0].coding[0].code", vec![part("value", "Code", "R".into())])]),
                405,
            ),
            (
                json!([{"op": "add", "path": "/extension/-", "value": {"url": "u:x", "valueBoolean": true}}]),
                patch(&[("add", "DocumentReference", vec![name("extension"), in_parts("u:x")])]),
                405,
            ),
            (
                json!([{"op": "remove", "path": "/status"}]),
                patch(&[("delete", "DocumentReference.descendants().where($this = 'current')", vec![])]),
                405,
            ),
            (json!([{"op": "remove", "path": "/status"}]), patch(&[("delete", "DocumentReference.status", vec![])]), 405),
        ];
        for (by_json, by_path, status) in rows {
            for who in [&hospital, &physician, &holder(&me)] {
                let (one, two) = (deposited(), deposited());
                let first = server.fhir(who, "PATCH", &format!("DocumentReference/{one}"), Some(&by_json));
                let second = send(&server, who, &format!("DocumentReference/{two}"), &by_path);
                assert_eq!(first.status, second.status, "{who} {by_path}: {} {}", first.text(), second.text());
                if who == &hospital {
                    assert_eq!(second.status, status, "{by_path}: {}", second.text());
                }
                assert_eq!(first.header("allow"), second.header("allow"));
                let changed = |answer: &Answer| {
                    let json = answer.json();
                    ["status", "securityLabel", "extension", "meta"].map(|name| {
                        let mut value = json[name].clone();
                        if name == "meta" {
                            value = value["versionId"].clone();
                        }
                        value
                    })
                };
                if first.status == 200 && !by_json.to_string().contains("extension[") {
                    assert_eq!(changed(&first), changed(&second), "{by_path}");
                }
                let stored = |id: &str| server.get(&hospital, &format!("DocumentReference/{id}"));
                if first.status >= 400 {
                    assert_eq!(stored(&two).json()["meta"]["versionId"], "1", "{by_path}");
                }
            }
        }
        // What may not be patched is refused alike of what exists, is hidden or is not there.
        let (mine, hidden) = (deposited(), server.create(&hospital, &document(&me, "11490-0", 900).masked().json()).id());
        let (_, absent) = (professional(3, "10"), "01930000-0000-7000-8000-000000000000");
        let stranger = professional(3, "10");
        for (path, status) in [("DocumentReference.description", 405), ("DocumentReference.status", 404)] {
            let parameters = patch(&[("replace", path, vec![part("value", "String", "superseded".into())])]);
            for id in [mine.as_str(), &hidden, absent] {
                let answer = send(&server, &stranger, &format!("DocumentReference/{id}"), &parameters);
                assert_eq!(answer.status, status, "{path}");
                assert_eq!(
                    answer.text().replace(id, "ID"),
                    send(&server, &stranger, &format!("DocumentReference/{absent}"), &parameters).text().replace(absent, "ID")
                );
            }
        }
        // Archived, found as such, and brought back.
        let archive = patch(&[("replace", &value, vec![part("value", "Boolean", true.into())])]);
        send(&server, &hospital, &format!("DocumentReference/{mine}"), &archive).expect(200);
        let back = patch(&[("delete", &format!("DocumentReference.extension('{ARCHIVED}')"), vec![])]);
        let answer = send(&server, &hospital, &format!("DocumentReference/{mine}"), &back).expect(200);
        assert_ne!(answer["extension"][0]["valueBoolean"], true, "{answer}");
        assert_eq!(send(&server, &hospital, "Patient/x", &back).status, 405, "nothing else is patched");
    });
}
