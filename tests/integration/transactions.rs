//! Transactions on records and directories (FHIR R4 http.html#trules): each entry as it would be alone, all or nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::fhirpath_patch::{part, patch};
use crate::support::answer::Answer;
use crate::support::build::{collected, consent, document, holder, ins, party, patient, person, professional, psidnat, service, structure};
use crate::support::{Backend, Server, on_both, query};

const HOSPITAL: &str = "1750000018";
const ABSENT: &str = "01930000-0000-7000-8000-000000000000";
const URN: [&str; 3] = [
    "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0",
    "urn:uuid:1d2151bd-1cbf-4d64-b04d-cd9187a4c6e1",
    "urn:uuid:2e2151bd-1cbf-4d64-b04d-cd9187a4c6e2",
];

pub fn transaction(entries: Vec<Value>) -> Value {
    let mut bundle = json!({"resourceType": "Bundle", "type": "transaction"});
    if !entries.is_empty() {
        bundle["entry"] = entries.into();
    }
    bundle
}

pub fn entry(method: &str, url: &str, resource: Option<Value>) -> Value {
    let mut entry = json!({"request": {"method": method, "url": url}});
    if let Some(resource) = resource {
        entry["resource"] = resource;
    }
    entry
}

/// A create, known in the Bundle by this name.
fn create(url: &str, resource: Value) -> Value {
    let mut entry = entry("POST", resource["resourceType"].as_str().unwrap(), Some(resource.clone()));
    entry["fullUrl"] = url.into();
    entry
}

pub fn statuses(answer: &Value) -> Vec<String> {
    let entries = answer["entry"].as_array().unwrap();
    entries.iter().map(|entry| entry["response"]["status"].as_str().unwrap().to_owned()).collect()
}

fn send(server: &Server, who: &Value, bundle: &Value) -> Answer {
    server.fhir(who, "POST", "", Some(bundle))
}

fn id(answer: &Value, place: usize) -> String {
    answer["entry"][place]["resource"]["id"].as_str().unwrap().to_owned()
}

/// A JSON Patch as a Binary.
fn binary(operations: &Value) -> Value {
    json!({"resourceType": "Binary", "contentType": "application/json-patch+json", "data": STANDARD.encode(operations.to_string())})
}

fn team(ins: &str, member: &str) -> Value {
    json!({"resourceType": "CareTeam", "status": "active", "subject": person(ins), "participant": [{"member": party(member)}]})
}

#[test]
fn the_operator_writes_a_directory_that_links_to_itself() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let operator = service("operator");
        let role = json!({
            "resourceType": "PractitionerRole",
            "practitioner": {"reference": URN[1]}, "organization": {"reference": URN[0]}, "location": [{"reference": "Location?identifier=urn:x|l"}]
        });
        let organization = json!({"resourceType": "Organization", "name": "Hôpital", "identifier": [{"system": "urn:x", "value": "o"}]});
        let practitioner = json!({"resourceType": "Practitioner", "name": [{"family": "Exemple"}]});
        let mut first = create(URN[0], organization);
        first["request"]["ifNoneExist"] = "identifier=urn:x|o".into();
        // What refers comes first and is done after what it refers to.
        let bundle = transaction(vec![
            create(URN[2], role),
            first,
            create(URN[1], practitioner),
            entry("GET", "PractitionerRole?_total=accurate", None),
        ]);
        let refused = send(&server, &operator, &bundle);
        assert_eq!((refused.status, refused.issue().1.as_str()), (412, "Bundle.entry[0].request"), "no Location is urn:x|l");
        assert_eq!(server.get(&operator, "Organization").matches(), Vec::<String>::new(), "nothing is stored");
        let place = server.create(&operator, &json!({"resourceType": "Location", "identifier": [{"system": "urn:x", "value": "l"}]})).id();
        let answer = send(&server, &operator, &bundle).expect(200);
        assert_eq!(
            (statuses(&answer), &answer["type"]),
            (vec!["201".to_owned(), "201".into(), "201".into(), "200".into()], &json!("transaction-response"))
        );
        assert_eq!(answer["entry"][3]["resource"]["total"], 1, "a read sees what was written");
        let stored = server.get(&professional(1, "10"), &format!("PractitionerRole/{}", id(&answer, 0))).expect(200);
        assert_eq!(stored["organization"]["reference"], format!("Organization/{}", id(&answer, 1)));
        assert_eq!(stored["practitioner"]["reference"], format!("Practitioner/{}", id(&answer, 2)));
        assert_eq!(stored["location"][0]["reference"], format!("Location/{place}"));
        // Once more: the Organization is there already, and is what the new role refers to.
        let again = send(&server, &operator, &bundle).expect(200);
        assert_eq!(statuses(&again), ["201", "200", "201", "200"]);
        assert_eq!(again["entry"][0]["resource"]["organization"]["reference"], format!("Organization/{}", id(&answer, 1)));
        // An update by its address, with a version; two in a circle.
        let mut update = entry("PUT", &format!("PractitionerRole/{}", id(&answer, 0)), Some(stored.clone()));
        update["request"]["ifMatch"] = "W/\"1\"".into();
        assert_eq!(statuses(&send(&server, &operator, &transaction(vec![update.clone()])).expect(200)), ["200"]);
        assert_eq!(send(&server, &operator, &transaction(vec![update])).status, 412);
        let of = |url: &str| json!({"resourceType": "Organization", "name": "x", "partOf": {"reference": url}});
        let circle = send(&server, &operator, &transaction(vec![create(URN[0], of(URN[1])), create(URN[1], of(URN[0]))])).expect(200);
        assert_eq!(circle["entry"][0]["resource"]["partOf"]["reference"], format!("Organization/{}", id(&circle, 1)));
        assert_eq!(circle["entry"][1]["resource"]["partOf"]["reference"], format!("Organization/{}", id(&circle, 0)));
    });
}

#[test]
fn a_person_opens_the_record_to_a_team_at_once() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (me, physician) = (ins(1), professional(1, "10"));
        server.create(&service("operator"), &patient(&me)).expect(201);
        let letter = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json()).id();
        let read = |server: &Server| server.get(&physician, &format!("DocumentReference/{letter}")).status;
        assert_eq!(read(&server), 404);
        let given = |team: &str| consent(&me, "care-team-access", "permit", json!({"reference": team}));
        let bundle = transaction(vec![create(URN[1], given(URN[0])), create(URN[0], team(&me, &psidnat(1)))]);
        let answer = send(&server, &holder(&me), &bundle).expect(200);
        assert_eq!(statuses(&answer), ["201", "201"]);
        let actor = answer["entry"][0]["resource"].pointer("/provision/actor/0/reference/reference").unwrap().clone();
        assert_eq!(actor, format!("CareTeam/{}", id(&answer, 1)));
        assert_eq!(read(&server), 200);
        // Each is traced as alone.
        let traces = server.get(&holder(&me), "AuditEvent?_count=100&action=C").expect(200).to_string();
        for place in [0, 1] {
            assert!(traces.contains(&id(&answer, place)), "{traces}");
        }
    });
}

#[test]
fn documents_are_deposited_together_patched_and_read() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (me, physician) = (ins(1), professional(1, "10"));
        server.create(&service("operator"), &patient(&me)).expect(201);
        server.create(&physician, &collected(&me, "treating-physician", party(&psidnat(1)))).expect(201);
        let second = document(&me, "11490-0", 2).with("relatesTo", json!([{"code": "appends", "target": {"reference": URN[0]}}])).json();
        let bundle =
            transaction(vec![create(URN[1], second), create(URN[0], document(&me, "11490-0", 1).json()), entry("GET", "Patient", None)]);
        let answer = send(&server, &physician, &bundle).expect(200);
        assert_eq!(statuses(&answer), ["201", "201", "200"]);
        assert_eq!(answer["entry"][2]["resource"]["total"], 1);
        assert_eq!(answer["entry"][0]["resource"]["relatesTo"][0]["target"]["reference"], format!("DocumentReference/{}", id(&answer, 1)));
        // A repeated push is known again, links and all.
        let again = send(&server, &physician, &bundle).expect(200);
        assert_eq!((id(&again, 0), id(&again, 1)), (id(&answer, 0), id(&answer, 1)));
        // Patches, by id and by identifier, as JSON Patch and as FHIRPath Patch.
        let identifier = |number: u32| query(&[("identifier", &format!("urn:ietf:rfc:3986|urn:oid:1.2.250.1.999.3.{me}.{number}"))]);
        let status = |code: &str| patch(&[("replace", "DocumentReference.status", vec![part("value", "Code", code.into())])]);
        let mask = binary(&json!([{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "MASQUE_PS"}]}}]));
        let mut first = entry("PATCH", &format!("DocumentReference/{}", id(&answer, 1)), Some(mask.clone()));
        first["request"]["ifMatch"] = "W/\"1\"".into();
        let patches = transaction(vec![first, entry("PATCH", &format!("DocumentReference{}", identifier(2)), Some(status("superseded")))]);
        let patched = send(&server, &physician, &patches).expect(200);
        assert_eq!(statuses(&patched), ["200", "200"]);
        assert_eq!(patched["entry"][1]["resource"]["status"], "superseded");
        assert!(patched["entry"][0]["resource"]["securityLabel"].to_string().contains("MASQUE_PS"));
        assert_eq!(send(&server, &physician, &patches).status, 412, "the version has gone on");
        // In a batch, too; what may not be patched may not be there.
        let mut batch = transaction(vec![
            entry("PATCH", &format!("DocumentReference{}", identifier(2)), Some(status("current"))),
            entry(
                "PATCH",
                &format!("DocumentReference/{}", id(&answer, 1)),
                Some(patch(&[("delete", "DocumentReference.subject", vec![])])),
            ),
        ]);
        assert_eq!(send(&server, &physician, &batch).status, 405);
        batch["type"] = "batch".into();
        assert_eq!(statuses(&send(&server, &physician, &batch).expect(200)), ["200", "405"]);
        // The one document, patched by two entries.
        let twice = transaction(vec![
            entry("PATCH", &format!("DocumentReference{}", identifier(1)), Some(status("superseded"))),
            entry("PATCH", &format!("DocumentReference/{}", id(&answer, 1)), Some(status("superseded"))),
        ]);
        let refused = send(&server, &physician, &twice);
        assert_eq!((refused.status, refused.issue().1.as_str()), (400, "Bundle.entry[1].resource"), "{}", refused.text());
    });
}

#[test]
fn nothing_is_stored_where_an_entry_fails_and_yet_all_is_traced() {
    on_both(nothing_is_stored);
}

fn nothing_is_stored(backend: Backend) {
    let server = Server::empty(backend);
    let (me, other) = (ins(1), ins(2));
    let (hospital, physician) = (structure(HOSPITAL), professional(1, "10"));
    for person in [&me, &other] {
        server.create(&service("operator"), &patient(person)).expect(201);
    }
    server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
    let letter = server.create(&hospital, &document(&me, "11490-0", 90).json()).id();
    let masked = server.create(&hospital, &document(&me, "11490-0", 91).masked().json()).id();
    let number = std::cell::Cell::new(0);
    let good = || {
        number.set(number.get() + 1);
        entry("POST", "DocumentReference", Some(document(&me, "11490-0", number.get()).json()))
    };
    let archive = |path: &str| entry("PATCH", path, Some(binary(&json!([{"op": "replace", "path": "/status", "value": "superseded"}]))));
    let mut stale = archive(&format!("DocumentReference/{letter}"));
    stale["request"]["ifMatch"] = "W/\"7\"".into();
    let invalid = document(&me, "11490-0", 50).with("nom", 1.into()).json();
    let broken = document(&me, "11490-0", 51).with("relatesTo", json!([{"code": "appends", "target": {"reference": URN[2]}}])).json();
    let list = json!({"resourceType": "List", "status": "current", "mode": "working", "subject": person(&me)});
    let raw = json!({"resourceType": "Binary", "contentType": "text/plain", "data": "eA=="});
    // Who, the second entry, the status and the place.
    let rows = [
        (&hospital, entry("POST", "DocumentReference", Some(invalid)), 422, "Bundle.entry[1].resource.nom"),
        (&hospital, entry("POST", "DocumentReference", Some(broken)), 422, "Bundle.entry[1].resource.relatesTo[0].target.reference"),
        (
            &hospital,
            entry("POST", "DocumentReference", Some(document(&ins(9), "11490-0", 52).json())),
            422,
            "Bundle.entry[1].resource.subject",
        ),
        (&hospital, entry("POST", "Patient", Some(patient(&ins(3)))), 403, "Bundle.entry[1].request"),
        (&hospital, entry("POST", "List", Some(list)), 422, "Bundle.entry[1].resource.code"),
        (&hospital, entry("POST", "Binary", Some(raw)), 403, "Bundle.entry[1].request"),
        (
            &hospital,
            entry(
                "PUT",
                &format!("DocumentReference/{letter}"),
                Some(document(&me, "11490-0", 53).with("id", letter.clone().into()).json()),
            ),
            405,
            "Bundle.entry[1].request",
        ),
        (&hospital, entry("DELETE", &format!("DocumentReference/{letter}"), None), 405, "Bundle.entry[1].request"),
        (&hospital, entry("GET", &format!("DocumentReference/{ABSENT}"), None), 404, "Bundle.entry[1].request"),
        (&hospital, entry("GET", "DocumentReference?nom=x", None), 400, "Bundle.entry[1].request"),
        (&hospital, entry("OPTIONS", "Patient", None), 422, "Bundle.entry[1].request.method"),
        (&hospital, archive(&format!("DocumentReference/{ABSENT}")), 404, "Bundle.entry[1].request"),
        (&hospital, stale, 412, "Bundle.entry[1].request"),
        (&physician, entry("GET", &format!("DocumentReference/{masked}"), None), 404, "Bundle.entry[1].request"),
        (&physician, archive(&format!("DocumentReference/{letter}")), 403, "Bundle.entry[1].request"),
    ];
    let count = |server: &Server| server.get(&holder(&me), "DocumentReference?_summary=count").expect(200)["total"].as_i64().unwrap();
    let before = count(&server);
    for (who, second, status, place) in rows {
        let answer = send(&server, who, &transaction(vec![good(), second.clone()]));
        assert_eq!((answer.status, answer.issue().1.as_str()), (status, place), "{second}: {}", answer.text());
    }
    assert_eq!(count(&server), before, "nothing is stored");
    assert_eq!(server.get(&hospital, &format!("DocumentReference/{letter}")).header("etag"), "W/\"1\"");
    // The refused entry is traced as alone; and who learns from a failure that a document is there leaves a trace of it, too.
    let traces = |outcome: &str| {
        let found =
            server.get(&holder(&me), &format!("AuditEvent?_count=200&outcome={outcome}&agent:identifier={}", psidnat(1))).expect(200);
        found["entry"].as_array().cloned().unwrap_or_default()
    };
    let about = |list: &[Value], id: &str| list.iter().filter(|entry| entry["resource"]["entity"].to_string().contains(id)).count();
    let refused = traces("4");
    assert_eq!((about(&refused, &letter), about(&refused, &masked)), (1, 1), "{refused:?}");
    let probe = transaction(vec![entry("GET", &format!("DocumentReference/{letter}"), None), entry("GET", "Patient?birthdate=x", None)]);
    assert_eq!(send(&server, &physician, &probe).status, 400);
    assert_eq!(about(&traces("4"), &letter), 2, "the probe is traced");
    assert_eq!(about(&traces("0"), &letter), 0, "nothing was disclosed");
}

#[test]
fn limits_are_named() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let operator = service("operator");
        let organization = |n: usize| json!({"resourceType": "Organization", "name": format!("O{n}")});
        let many = |count: usize| transaction((0..count).map(|n| entry("POST", "Organization", Some(organization(n)))).collect());
        for (count, status) in [(10_001, 413), (501, 413), (500, 200)] {
            let answer = send(&server, &operator, &many(count));
            assert_eq!(answer.status, status, "{count}: {}", answer.text().chars().take(300).collect::<String>());
            if status == 413 {
                assert_eq!(answer.issue().0, "too-long");
            }
        }
        assert_eq!(server.get(&operator, "Organization?_summary=count").expect(200)["total"], 500);
        let put =
            |id: &str| entry("PUT", &format!("Organization/{id}"), Some(json!({"resourceType": "Organization", "id": id, "name": "x"})));
        let mut twice = vec![create(URN[0], organization(1)), create(URN[0], organization(2))];
        let answer = send(&server, &operator, &transaction(twice.clone()));
        assert_eq!((answer.status, answer.issue().1.as_str()), (400, "Bundle.entry[1].fullUrl"));
        twice = vec![put(ABSENT), entry("GET", "Organization", None), put(ABSENT)];
        let answer = send(&server, &operator, &transaction(twice));
        assert_eq!((answer.status, answer.issue().1.as_str()), (400, "Bundle.entry[2].resource"), "{}", answer.text());
        let answer = send(&server, &operator, &transaction(vec![put(ABSENT)]));
        assert_eq!((answer.status, answer.issue().1.as_str()), (404, "Bundle.entry[0].request"), "no update creates");
        assert_eq!(send(&server, &operator, &transaction(vec![])).expect(200)["type"], "transaction-response");
        assert_eq!(server.get(&operator, "Organization?_summary=count").expect(200)["total"], 500, "nothing is half-done");
    });
}

#[test]
fn a_tester_reads_in_a_transaction_or_nothing_is_stored() {
    on_both(|backend| {
        let server = Server::open(backend);
        let tester = service("tester");
        let ana = || create(URN[0], json!({"resourceType": "Patient", "name": [{"family": "Ana"}]}));
        let absent = send(&server, &tester, &transaction(vec![ana(), entry("GET", "Patient/absent", None)]));
        assert_eq!((absent.status, absent.issue().1.as_str()), (404, "Bundle.entry[1].request"));
        let lost = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": URN[1]}});
        let broken = send(&server, &tester, &transaction(vec![ana(), entry("POST", "Observation", Some(lost))]));
        assert_eq!((broken.status, broken.issue().1.as_str()), (422, "Bundle.entry[1].resource.subject.reference"));
        assert_eq!(server.get(&tester, "Patient").expect(200)["total"], 0, "nothing is stored");
        // Links within the values of a patch.
        let old = server.create(&tester, &json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}})).id();
        let by_path = patch(&[(
            "add",
            "Observation",
            vec![part("name", "String", "subject".into()), part("value", "Reference", json!({"reference": URN[0]}))],
        )]);
        let by_json = binary(&json!([{"op": "add", "path": "/performer", "value": [{"reference": URN[0]}]}]));
        for patches in [by_path, by_json] {
            let answer =
                send(&server, &tester, &transaction(vec![ana(), entry("PATCH", &format!("Observation/{old}"), Some(patches))])).expect(200);
            let one = &answer["entry"][1]["resource"];
            let named = format!("Patient/{}", id(&answer, 0));
            assert!(one["subject"]["reference"] == named.as_str() || one["performer"][0]["reference"] == named.as_str(), "{one}");
        }
    });
}
