//! P1 in Bundles: an entry tells no more of what is hidden than the request alone.

use serde_json::{Value, json};

use super::fhirpath_patch::{part, patch};
use super::transactions::{entry, statuses};
use crate::support::build::{consent, document, holder, ins, party, patient, professional, psidnat, representative, service, structure};
use crate::support::{Backend, Server, on_both};

const HOSPITAL: &str = "1750000018";

#[test]
fn hidden_and_absent_are_alike_in_bundles() {
    on_both(alike);
}

fn alike(backend: Backend) {
    let server = Server::empty(backend);
    let (me, other) = (ins(1), ins(2));
    for person in [&me, &other] {
        server.create(&service("operator"), &patient(person)).expect(201);
    }
    for number in [1, 2] {
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(number)))).expect(201);
    }
    let right = server.create(&holder(&other), &consent(&other, "record-access", "permit", party(&psidnat(9)))).id();
    let masked = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).masked().json()).id();
    let foreign = server.create(&structure(HOSPITAL), &document(&other, "11490-0", 2).json()).id();
    let hidden = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 3).hidden().json()).id();
    let cases = [
        (professional(1, "10"), vec![("DocumentReference", &masked), ("DocumentReference", &foreign), ("Consent", &right)]),
        (professional(2, "28"), vec![("DocumentReference", &masked), ("DocumentReference", &hidden)]),
        (professional(3, "10"), vec![("DocumentReference", &hidden), ("Consent", &right)]),
        (structure("1690000027"), vec![("DocumentReference", &foreign)]),
        (holder(&me), vec![("DocumentReference", &hidden), ("DocumentReference", &foreign), ("Consent", &right)]),
        (representative(&ins(5), &me), vec![("DocumentReference", &masked)]),
        (service("operator"), vec![("DocumentReference", &foreign), ("Consent", &right)]),
        (service("auditor"), vec![("DocumentReference", &foreign)]),
        (service("tester"), vec![("DocumentReference", &foreign), ("Consent", &right)]),
    ];
    let archive = patch(&[("replace", "DocumentReference.status", vec![part("value", "Code", "superseded".into())])]);
    let mut number = 0;
    for (who, hidden) in cases {
        for (kind, id) in hidden {
            number += 1;
            let absent = format!("01930000-0000-7000-8000-{number:012}");
            let entries = |id: &str| {
                let mut put = json!({"resourceType": kind, "id": id, "status": "active"});
                if kind == "Consent" {
                    put = consent(&me, "record-access", "permit", party(&psidnat(7)));
                    put["id"] = id.into();
                }
                let mut replaces = document(&me, "11490-0", 500 + number).json();
                replaces["relatesTo"] = json!([{"code": "replaces", "target": {"reference": format!("DocumentReference/{id}")}}]);
                let mut all = vec![
                    entry("GET", &format!("{kind}/{id}"), None),
                    entry("GET", &format!("{kind}/{id}/_history"), None),
                    entry("PATCH", &format!("{kind}/{id}"), Some(archive.clone())),
                    entry("POST", "DocumentReference", Some(replaces)),
                ];
                // What is no base R4 is told of the Bundle as a whole.
                if kind == "Consent" {
                    all.push(entry("PUT", &format!("{kind}/{id}"), Some(put)));
                }
                all
            };
            // A tester's PUT creates, and its deposits are its own.
            let tester = who["kind"] == "tester";
            let count = if tester { 2 } else { entries(id).len() };
            for bundle_kind in ["batch", "transaction"] {
                for place in 0..count {
                    let ask = |id: &str| {
                        let bundle = json!({"resourceType": "Bundle", "type": bundle_kind, "entry": [entries(id)[place]]});
                        server.fhir(&who, "POST", "", Some(&bundle))
                    };
                    let (one, two) = (ask(id), ask(&absent));
                    assert_eq!(one.shape(id), two.shape(&absent), "{who} {bundle_kind} {}", entries(id)[place]);
                    let refused = match bundle_kind {
                        "batch" => statuses(&one.expect(200))[0].starts_with('4'),
                        _ => (400..500).contains(&one.status),
                    };
                    assert!(refused, "{who} {bundle_kind}: {}", one.text());
                }
            }
        }
    }
    // The traces of whoever asked tell as much of what is hidden as of what is not there.
    let own = |who: &Value| server.get(who, "AuditEvent?_count=200").expect(200);
    let list = own(&professional(1, "10"));
    for entry in list["entry"].as_array().unwrap().iter().filter(|entry| entry["resource"]["outcome"] != "0") {
        let entities = entry["resource"]["entity"].as_array().unwrap();
        assert!(entities.iter().all(|entity| entity["role"]["code"] != "1"), "no patient is named: {entry}");
    }
    let text = list.to_string();
    assert_eq!(text.matches(masked.as_str()).count(), text.matches("01930000-0000-7000-8000-000000000001").count());
}
