//! Lines 40 and 41: requests inside Bundles.

use serde_json::{Value, json};

use super::ask::{get, in_every_way_alone, send};
use super::world::Control::{Author, Person, Seer};
use super::world::{SEEN_TYPE, Way};
use crate::support::build::{consent, document, party, psidnat};

fn entry(method: &str, url: &str, resource: &Value) -> Value {
    let mut entry = json!({"request": {"method": method, "url": url}});
    if !resource.is_null() {
        entry["resource"] = resource.clone();
    }
    entry
}

fn bundle(kind: &str, entries: &[Value]) -> Value {
    json!({"resourceType": "Bundle", "type": kind, "entry": entries})
}

fn archive() -> Value {
    json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [{"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "DocumentReference.status"}, {"name": "value", "valueCode": "superseded"}]}]})
}

/// Entries that are not authorized one by one (HAPI FHIR #727, AWS FHIR Works #32), and refused ones that carry `etag` or `location`.
#[test]
fn attack_40_entries_of_bundles() {
    in_every_way_alone(|twins, way| {
        let none = Value::Null;
        let put = consent(&way.own(), "record-access", "permit", party(&psidnat(9)));
        let mut put_right = put.clone();
        put_right["id"] = "{right}".into();
        let rows = [
            (entry("GET", "DocumentReference/{hidden}", &none), Some(Seer)),
            (entry("GET", "DocumentReference/{hidden}/_history/1", &none), Some(Seer)),
            (entry("GET", "DocumentReference/{hidden}/_history", &none), Some(Seer)),
            (entry("GET", "Binary/{hidden-content}", &none), Some(Seer)),
            (entry("GET", "Consent/{right}", &none), Some(Person)),
            (entry("GET", "AuditEvent/{trace}", &none), Some(Person)),
            (entry("GET", "DocumentReference?patient={both}&_id={hidden}", &none), Some(Seer)),
            (entry("GET", "DocumentReference?patient={both}&_summary=count", &none), Some(Seer)),
            (entry("GET", "Patient/{of}/DocumentReference", &none), Some(Seer)),
            (entry("GET", "Practitioner?_has:DocumentReference:author:type=11490-0", &none), Some(Seer)),
            (entry("PUT", "Consent/{right}", &put_right), None),
            (entry("DELETE", "DocumentReference/{hidden}", &none), None),
            (entry("PATCH", "DocumentReference/{hidden}", &archive()), Some(Author)),
            (entry("PATCH", "DocumentReference?identifier={master}", &archive()), None),
        ];
        for kind in ["batch", "transaction"] {
            for (row, control) in &rows {
                let ask = send("POST", "", &bundle(kind, std::slice::from_ref(row)));
                let answer = twins.alike(way, &ask);
                assert!(!answer.text().contains("Secret"), "{kind} {row}");
                if let Some(control) = control {
                    twins.tells(way, *control, &ask);
                }
            }
        }
        // A refused entry names nothing; one of what is seen does.
        let two = bundle("batch", &[entry("GET", "DocumentReference/{hidden}", &none), entry("GET", "DocumentReference/{seen}", &none)]);
        let answer = twins.alike(way, &send("POST", "", &two)).expect(200);
        let (refused, seen) = (&answer["entry"][0]["response"], &answer["entry"][1]["response"]);
        assert!(refused["status"].as_str().unwrap().starts_with("404"), "{refused}");
        for name in ["etag", "location", "lastModified"] {
            assert!(refused.get(name).is_none(), "{refused}");
        }
        assert!(seen["etag"].is_string() && answer["entry"][0].get("resource").is_none(), "{answer}");
        twins.alike(way, &get("AuditEvent?_count=20"));
    });
}

/// A transaction that is rolled back and tells of what is hidden, and what it left behind.
#[test]
fn attack_41_transaction_rolled_back() {
    in_every_way_alone(|twins, way| {
        let number = 3000 + 10 * way as u32;
        let deposit = document(&way.own(), SEEN_TYPE, number).json();
        let mut replaces = document(&way.own(), SEEN_TYPE, number + 1).json();
        replaces["relatesTo"] = json!([{"code": "replaces", "target": {"reference": "DocumentReference/{hidden}"}}]);
        let mut borrowed = document(&way.own(), SEEN_TYPE, number + 2).json();
        borrowed["content"] = json!([{"attachment": {"contentType": "text/plain", "url": "Binary/{hidden-content}"}}]);
        let mut condition = document(&way.own(), SEEN_TYPE, number + 3).json();
        condition["context"] = json!({"related": [{"reference": "DocumentReference?identifier={master}"}]});
        for second in [
            entry("POST", "DocumentReference", &replaces),
            entry("POST", "DocumentReference", &borrowed),
            entry("POST", "DocumentReference", &condition),
            entry("PATCH", "DocumentReference/{hidden}", &archive()),
            entry("GET", "DocumentReference/{hidden}", &Value::Null),
            entry("DELETE", "DocumentReference/{hidden}", &Value::Null),
        ] {
            let ask = send("POST", "", &bundle("transaction", &[entry("POST", "DocumentReference", &deposit), second.clone()]));
            let answer = twins.alike(way, &ask);
            assert!((400..500).contains(&answer.status), "{second}: {} {}", answer.status, answer.text());
            let left = twins.alike(
                way,
                &get(&format!(
                    "DocumentReference?patient={{own}}&identifier=urn:ietf:rfc:3986%7Curn:oid:1.2.250.1.999.3.{}.{number}",
                    way.own()
                )),
            );
            assert_eq!(left.matches(), Vec::<String>::new(), "all or nothing");
        }
        if way != Way::Foreign {
            let patched = send("POST", "", &bundle("transaction", &[entry("PATCH", "DocumentReference/{hidden}", &archive())]));
            twins.tells(way, Author, &patched);
        }
    });
}
