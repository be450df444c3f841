//! Whatever discloses something of a record leaves a trace there (P2): also what comes along with a directory, and what a condition finds
//! or does not.

use serde_json::{Value, json};

use super::transactions::{entry, transaction};
use crate::support::build::{INS, consent, document, holder, ins, party, patient, professional, psidnat, service, structure};
use crate::support::record::HOSPITAL;
use crate::support::{Backend, Server, on_both, query};

struct World {
    server: Server,
    /// Somebody whose record the physician may consult, with a document by a practitioner of the directory.
    me: String,
    letter: String,
    /// Somebody else.
    other: String,
    physician: Value,
}

fn world(backend: Backend) -> World {
    let server = Server::empty(backend);
    let (me, other) = (ins(1), ins(2));
    for one in [&me, &other] {
        server.create(&service("operator"), &patient(one)).expect(201);
    }
    server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
    let author = server.create(&service("operator"), &json!({"resourceType": "Practitioner", "name": [{"family": "Durand"}]})).id();
    let by = json!([{"reference": format!("Practitioner/{author}")}]);
    let letter = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).with("author", by).json()).id();
    World { server, me, letter, other, physician: professional(1, "10") }
}

impl World {
    /// What the person finds of the physician's traces, the last one first: interaction, outcome and entities.
    fn traces(&self) -> Vec<(String, String, String)> {
        let of = self.physician["id"].as_str().unwrap();
        let found = self.server.get(&holder(&self.me), &format!("AuditEvent?agent:identifier={of}&_count=50")).expect(200);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let all = found["entry"].as_array().cloned().unwrap_or_default();
        all.iter()
            .map(|entry| &entry["resource"])
            .map(|event| (text(&event["subtype"][0]["code"]), text(&event["outcome"]), event["entity"].to_string()))
            .collect()
    }

    /// A deposit into the other record whose document refers to this, in a transaction.
    fn refers(&self, number: u32, reference: &str) -> Value {
        let related = json!({"related": [{"reference": reference}]});
        let one = document(&self.other, "11490-0", number).with("context", related).json();
        transaction(vec![entry("POST", "DocumentReference", Some(one))])
    }
}

#[test]
fn what_comes_along_with_a_directory_is_traced_in_the_record() {
    on_both(|backend| {
        let world = world(backend);
        let (server, letter) = (&world.server, format!("DocumentReference/{}", world.letter));
        let back = "Practitioner?name=durand&_revinclude=DocumentReference:author&_include:iterate=DocumentReference:subject";
        server.get(&professional(3, "10"), back).expect(200);
        server.get(&world.physician, "Practitioner?name=durand").expect(200);
        assert_eq!(world.traces(), []);
        assert!(server.get(&world.physician, back).expect(200).to_string().contains(&letter));
        let traces = world.traces();
        let [(interaction, outcome, entities)] = &traces[..] else { panic!("{traces:?}") };
        assert_eq!((interaction.as_str(), outcome.as_str()), ("search-type", "0"));
        assert!(entities.contains("\"query\""), "{entities}");
        // Of several types, too.
        server.get(&world.physician, "?_type=Practitioner,Organization&_include=*").expect(200);
        assert_eq!(world.traces().len(), 1);
        // The document was shown to the person by it.
        server.get(&holder(&world.me), back).expect(200);
        let label = json!([{"op": "add", "path": "/securityLabel", "value": [{"coding": [{"code": "INVISIBLE_PATIENT"}]}]}]);
        assert!(server.fhir(&structure(HOSPITAL), "PATCH", &letter, Some(&label)).status >= 400, "it was seen");
        // What stands in records and chooses from a directory is told as found.
        let count = world.traces().len();
        for (number, path) in [
            "Practitioner?_has:DocumentReference:author:type=11490-0",
            "Practitioner?_has:DocumentReference:author:patient.birthdate=gt1900&_has:DocumentReference:author:status=current",
            "?_type=Practitioner&_has:DocumentReference:author:type=11490-0",
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(server.get(&world.physician, path).matches().len(), 1, "{path}");
            assert_eq!(server.get(&professional(3, "10"), path).matches().len(), 0, "{path}");
            let traces = world.traces();
            assert!(traces.len() == count + number + 1 && traces[0].2.contains("\"query\""), "{path}: {traces:?}");
        }
        // Nor is it silent where nothing is found, or only counted.
        let patient = server.get(&holder(&world.me), "Patient").matches().remove(0);
        let count = world.traces().len();
        let named = format!("Practitioner?_has:DocumentReference:author:patient={patient}&_has:DocumentReference:author:type=");
        for (number, (path, total)) in [
            (format!("{named}34108-1"), 0),
            (format!("{named}11490-0&_summary=count"), 1),
            (format!("{named}34108-1&_summary=count"), 0),
            (format!("{named}11490-0&_total=accurate"), 1),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(server.get(&world.physician, &path).expect(200)["total"], total, "{path}");
            assert_eq!(world.traces().len(), count + number + 1, "{path}");
        }
        let counted = server.get(&world.physician, "Practitioner?_has:DocumentReference:author:type=11490-0&_summary=count");
        assert_eq!((counted.status, counted.issue().0.as_str()), (400, "not-supported"));
        // Where nobody could be told it does not choose.
        for path in [
            "PractitionerRole?practitioner:Practitioner._has:DocumentReference:author:type=11490-0",
            &format!(
                "DocumentReference?patient.identifier={INS}%7C{}&author:Practitioner._has:DocumentReference:author:type=11490-0",
                world.me
            ),
        ] {
            let answer = server.get(&world.physician, path);
            assert_eq!((answer.status, answer.issue().0.as_str()), (400, "not-supported"), "{path}");
        }
    });
}

#[test]
fn what_a_condition_tells_of_a_record_is_traced_there() {
    on_both(|backend| {
        let world = world(backend);
        let (server, physician) = (&world.server, &world.physician);
        let named = query(&[("patient.identifier", &format!("{INS}|{}", world.me)), ("type", "11490-0")]);
        let absent = query(&[("patient.identifier", &format!("{INS}|{}", world.me)), ("type", "34108-1")]);
        let send = |who: &Value, bundle: &Value| server.fhir(who, "POST", "", Some(bundle));
        send(physician, &world.refers(10, &format!("DocumentReference{named}"))).expect(200);
        let traces = world.traces();
        assert!(traces.len() == 1 && traces[0].1 == "0" && traces[0].2.contains("\"query\""), "{traces:?}");
        // That there is none is told, too.
        assert_eq!(send(physician, &world.refers(11, &format!("DocumentReference{absent}"))).status, 412);
        assert_eq!(world.traces().iter().map(|(_, outcome, _)| outcome.as_str()).collect::<Vec<_>>(), ["4", "0"]);
        // By a conditional create in another record, whatever it finds.
        for (number, condition, status) in [(12, &absent, 201), (13, &named, 200)] {
            let one = document(&world.other, "11490-0", number).json();
            let headers = [("content-type", "application/fhir+json"), ("if-none-exist", condition.trim_start_matches('?'))];
            let answer = server.fhir_with(physician, "POST", "DocumentReference", &headers, Some(one.to_string().as_bytes()));
            assert_eq!(answer.status, status, "{}", answer.text());
        }
        assert_eq!(world.traces().len(), 4);
        // And where nothing comes of it.
        let mut nobody = document(&ins(99), "11490-0", 15).json();
        nobody["subject"] = json!({"identifier": {"system": INS, "value": ins(99)}});
        let headers = [("content-type", "application/fhir+json"), ("if-none-exist", absent.trim_start_matches('?'))];
        let answer = server.fhir_with(physician, "POST", "DocumentReference", &headers, Some(nobody.to_string().as_bytes()));
        assert_eq!(answer.status, 422, "{}", answer.text());
        assert_eq!(world.traces().len(), 5);
        let unknown = query(&[("identifier", "urn:oid:1.2.3.4"), ("patient.identifier", &format!("{INS}|{}", world.me))]);
        let archive = json!([{"op": "replace", "path": "/status", "value": "entered-in-error"}]);
        assert_eq!(server.fhir(physician, "PATCH", &format!("DocumentReference{unknown}"), Some(&archive)).status, 404);
        assert_eq!(world.traces().len(), 6);
        // In one's own record once, as ever.
        let own = query(&[("patient.identifier", &format!("{INS}|{}", world.me)), ("identifier", "urn:oid:1.2.3.4")]);
        let one = document(&world.me, "11490-0", 14).json();
        let headers = [("content-type", "application/fhir+json"), ("if-none-exist", own.trim_start_matches('?'))];
        server.fhir_with(physician, "POST", "DocumentReference", &headers, Some(one.to_string().as_bytes())).expect(201);
        assert_eq!(world.traces().len(), 7);
    });
}

#[test]
fn an_emergency_reaches_no_record_by_a_condition() {
    on_both(|backend| {
        let world = world(backend);
        let mut rescuer = professional(7, "10");
        rescuer["purpose"] = "bris_de_glace".into();
        rescuer["reason"] = "inconscient".into();
        let named = query(&[("patient.identifier", &format!("{INS}|{}", world.me)), ("type", "11490-0")]);
        let sent = world.refers(10, &format!("DocumentReference{named}"));
        let answer = world.server.fhir(&rescuer, "POST", "", Some(&sent));
        assert_eq!(answer.status, 412, "{}", answer.text());
        // It was asked all the same.
        let asked = world.server.get(&holder(&world.me), "AuditEvent?agent:identifier=810000000007&_count=50").expect(200);
        assert!(asked["entry"].as_array().unwrap().len() == 1 && asked.to_string().contains("BTG"), "{asked}");
    });
}
