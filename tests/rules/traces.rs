//! Rules 71 to 78: traces (L1111-19, R1111-43 CSP).

use serde_json::json;

use crate::support::build::{consent, document, holder, party, professional, psidnat, service, structure};
use crate::support::on_both;
use crate::support::record::{HOSPITAL, content, finds, reads, with_letter};

#[test]
fn rule_071_073_every_action_is_traced_with_who_when_what_how_and_its_end() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let mut who = professional(1, "10");
        who["structure"] = HOSPITAL.into();
        let mut expected = Vec::new();
        let mut note = |action: &'static str, outcome: &'static str| expected.push((action, outcome));
        note("read", if reads(&server, &who, &letter) == 404 { "4" } else { "?" });
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        note("read", if reads(&server, &who, &letter) == 200 { "0" } else { "?" });
        note("search-type", if finds(&server, &who, &me).0 == 200 { "0" } else { "?" });
        note("create", if server.create(&who, &document(&me, "11490-0", 9).json()).status == 201 { "0" } else { "?" });
        note("patch", {
            let path = format!("DocumentReference/{letter}");
            let test = json!([{"op": "replace", "path": "/status", "value": "entered-in-error"}]);
            if server.fhir(&who, "PATCH", &path, Some(&test)).status == 200 { "0" } else { "?" }
        });
        let traces = server.get(&holder(&me), "AuditEvent?_count=100&_sort=date").expect(200);
        let mine = traces["entry"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["resource"].clone())
            .filter(|event| event["agent"][0]["who"]["identifier"]["value"] == psidnat(1));
        let mine: Vec<_> = mine.collect();
        let told: Vec<(&str, &str)> =
            mine.iter().map(|event| (event["subtype"][0]["code"].as_str().unwrap(), event["outcome"].as_str().unwrap())).collect();
        assert_eq!(told, expected);
        for event in &mine {
            let text = event.to_string();
            assert!(event["recorded"].is_string() && text.contains(HOSPITAL) && text.contains("\"TREAT\""), "{text}");
        }
    });
}

#[test]
fn rule_074_nobody_else_reads_the_traces_of_others() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        for (kind, number) in [("record-access", 1), ("treating-physician", 2), ("administrator", 3)] {
            server.create(&holder(&me), &consent(&me, kind, "permit", party(&psidnat(number)))).expect(201);
            assert_eq!(reads(&server, &professional(number, "10"), &letter), 200);
        }
        // CONTRACT 4: a professional its own, the treating physician too.
        for number in [1, 2, 3] {
            let found = server.get(&professional(number, "10"), "AuditEvent?_count=50").expect(200);
            for entry in found["entry"].as_array().unwrap() {
                assert_eq!(entry["resource"]["agent"][0]["who"]["identifier"]["value"], psidnat(number));
            }
        }
        assert_eq!(server.get(&structure(HOSPITAL), "AuditEvent").status, 403);
        assert_eq!(server.get(&service("operator"), "AuditEvent").status, 403);
    });
}

#[test]
fn rule_076_a_trace_is_never_written_by_a_client() {
    on_both(|backend| {
        let (server, me, _) = with_letter(backend);
        let trace = server.get(&holder(&me), "AuditEvent?_count=1").expect(200)["entry"][0]["resource"].clone();
        let path = format!("AuditEvent/{}", trace["id"].as_str().unwrap());
        let patch = json!([{"op": "replace", "path": "/outcome", "value": "0"}]);
        for who in [holder(&me), professional(1, "10"), structure(HOSPITAL), service("operator"), service("auditor")] {
            assert_eq!(server.fhir(&who, "PUT", &path, Some(&trace)).status, 405, "{who}");
            assert_eq!(server.fhir(&who, "PATCH", &path, Some(&patch)).status, 405, "{who}");
            assert_eq!(server.fhir(&who, "DELETE", &path, None).status, 405, "{who}");
            assert!((400..500).contains(&server.create(&who, &trace).status), "{who}");
        }
    });
}

#[test]
fn rule_077_the_identity_of_the_token_is_the_submitters_whatever_the_document_says() {
    on_both(|backend| {
        let (server, me, _) = with_letter(backend);
        let other = document(&me, "11490-0", 9).by(&psidnat(2)).json();
        let id = server.create(&professional(1, "10"), &other).id();
        assert_eq!((reads(&server, &professional(1, "10"), &id), reads(&server, &professional(2, "10"), &id)), (200, 404));
        let traces = server.get(&holder(&me), &format!("AuditEvent?subtype=create&entity=DocumentReference/{id}")).expect(200);
        assert_eq!(traces["entry"][0]["resource"]["agent"][0]["who"]["identifier"]["value"], psidnat(1));
    });
}

#[test]
fn rule_078_a_structure_feeds_and_does_not_consult() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let other = structure("1690000027");
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party("1690000027"))).expect(201);
        assert_eq!((reads(&server, &other, &letter), finds(&server, &other, &me).0), (404, 403));
        let own = server.create(&other, &document(&me, "11502-2", 9).json()).id();
        assert_eq!(reads(&server, &other, &own), 200);
        assert_eq!(server.get(&other, &content(&server, &other, &own)).status, 404, "not even what it deposited");
    });
}
