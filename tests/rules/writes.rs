//! Nobody gains anything by a write but the declared consent (CONTRACT 3, Rights): not by what only the server says, not by moving a
//! resource to another person, not by naming oneself.

use serde_json::{Value, json};

use crate::support::build::{
    CB, INS, collected, consent, document, holder, ins, minor_ins, party, patient, person, professional, psidnat, representative, service,
    structure,
};
use crate::support::record::{HOSPITAL, ended, finds, patches, reads, status, team, with_letter};
use crate::support::{Server, on_both};

#[test]
fn what_only_the_server_says_is_not_taken_from_a_client() {
    on_both(|backend| {
        let (server, me, _) = with_letter(backend);
        let forged = |value: &mut Value| {
            value["meta"] = json!({
                "security": [{"system": "urn:x", "code": "MASQUE_PS"}], "versionId": "7", "lastUpdated": "2001-01-01T00:00:00Z"
            });
            value["id"] = "chosen".into();
        };
        let mut right = consent(&me, "record-access", "permit", party(&psidnat(1)));
        forged(&mut right);
        right["performer"] = json!([{"identifier": {"system": INS, "value": ins(9)}}]);
        right["extension"] = json!([{
            "url": format!("{CB}/StructureDefinition/collected-by"), "valueReference": party(&psidnat(9))
        }]);
        let mut letter = document(&me, "EXPPAT_2", 9).json();
        forged(&mut letter);
        let space = server.get(&holder(&me), "Patient").matches()[0].clone();
        for sent in [right.clone(), letter] {
            let kept = server.create(&holder(&me), &sent).expect(201);
            let text = kept.to_string();
            assert!(kept["meta"].get("security").is_none() && kept["meta"]["versionId"] == "1" && kept["id"] != "chosen", "{text}");
            assert!(!text.contains("2001-01-01") && !text.contains(&psidnat(9)) && !text.contains(&ins(9)), "{text}");
            if kept["resourceType"] == "Consent" {
                assert_eq!(kept["performer"], json!([{"reference": format!("Patient/{space}")}]));
                // Nor by a later version.
                let mut again = right.clone();
                again["id"] = kept["id"].clone();
                let path = format!("Consent/{}", kept["id"].as_str().unwrap());
                let next = server.fhir(&holder(&me), "PUT", &path, Some(&again)).expect(200);
                assert!(next["meta"].get("security").is_none() && next.get("extension").is_none(), "{next}");
                assert_eq!(next["performer"], kept["performer"]);
            }
        }
    });
}

#[test]
fn a_resource_never_moves_to_another_person() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let (other, lina, parent) = (ins(8), minor_ins(1), ins(20));
        for person in [&other, &lina] {
            server.create(&service("operator"), &patient(person)).expect(201);
        }
        let related = json!({"resourceType": "RelatedPerson", "active": true, "patient": person(&lina),
            "identifier": [{"system": INS, "value": parent}]});
        let rows = [
            (holder(&me), consent(&me, "record-access", "permit", party(&psidnat(1))), "patient", &other),
            (holder(&me), team(&me, &[&psidnat(1)], &[]), "subject", &other),
            (service("operator"), related, "patient", &me),
        ];
        for (who, resource, member, elsewhere) in rows {
            let kept = server.create(&who, &resource).expect(201);
            let kind = kept["resourceType"].as_str().unwrap();
            let path = format!("{kind}/{}", kept["id"].as_str().unwrap());
            let space = server.get(&service("operator"), "Patient").matches();
            let id = space.iter().find(|id| server.get(&holder(elsewhere), &format!("Patient/{id}")).status == 200).unwrap();
            for named in [person(elsewhere), json!({"reference": format!("Patient/{id}")})] {
                let mut moved = kept.clone();
                moved[member] = named;
                let answer = server.fhir(&who, "PUT", &path, Some(&moved));
                assert_eq!((answer.status, answer.issue().1), (422, format!("{kind}.{member}")), "{moved}");
            }
            // Two names that lead to two persons lead nowhere, at creation too.
            let mut both = kept.clone();
            both[member]["identifier"] = person(elsewhere)["identifier"].clone();
            assert_eq!(server.fhir(&who, "PUT", &path, Some(&both)).status, 422, "{kind}");
            assert_eq!(server.create(&who, &both).status, 422, "{kind}");
            assert_eq!(server.get(&who, &path).expect(200)["meta"]["versionId"], "1", "{kind}");
        }
        let subject = json!([{"op": "replace", "path": "/subject", "value": {"identifier": {"system": INS, "value": other}}}]);
        let author = json!([{"op": "add", "path": "/author", "value": [party(&psidnat(1))]}]);
        for operations in [subject, author] {
            assert_eq!(patches(&server, &structure(HOSPITAL), &letter, &operations), 405);
        }
    });
}

/// What somebody without a right tries to write, and the answer.
fn attempts(me: &str, letter: &str) -> Vec<(&'static str, Value, Vec<u16>)> {
    let own = psidnat(1);
    let mut block = consent(me, "record-block", "deny", party(&own));
    block["status"] = "inactive".into();
    let relation = json!([{"code": "replaces", "target": {"reference": format!("DocumentReference/{letter}")}}]);
    vec![
        ("a team of itself", team(me, &[&own], &[]), vec![403]),
        ("a team of its structure", team(me, &["1690000027"], &["1690000027"]), vec![403]),
        (
            "itself as representative",
            json!({"resourceType": "RelatedPerson", "active": true, "patient": person(me), "identifier": [{"system": INS, "value": ins(20)}]}),
            vec![403],
        ),
        ("a role", json!({"resourceType": "PractitionerRole", "practitioner": party(&own), "organization": party(HOSPITAL)}), vec![403]),
        ("a person of the directory", json!({"resourceType": "Practitioner", "identifier": [party(&own)["identifier"]]}), vec![403]),
        ("a space", patient(&ins(60)), vec![403]),
        ("a right without the statement", consent(me, "record-access", "permit", party(&own)), vec![422]),
        ("administrator", collected(me, "administrator", party(&own)), vec![403]),
        ("an occupational right", collected(me, "occupational-health", party(&own)), vec![403]),
        ("emergency settings", collected(me, "emergency-masked", Value::Null), vec![403]),
        ("an ended block", block, vec![403, 422]),
        ("a replacement of what it does not see", document(me, "11490-0", 80).with("relatesTo", relation).json(), vec![422]),
        ("a document of which it is the subject's author", document(me, "11490-0", 81).by(&own).json(), vec![201]),
    ]
}

#[test]
fn no_write_but_the_declared_consent_opens_anything() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let mut who = professional(1, "10");
        who["structure"] = "1690000027".into();
        let closed = |server: &Server| {
            let (found, told) = (finds(server, &who, &me), status(server, &who, &me));
            assert_eq!((reads(server, &who, &letter), told.as_str()), (404, "none"));
            found
        };
        assert_eq!(closed(&server).0, 403);
        for (what, resource, expected) in attempts(&me, &letter) {
            let answer = server.create(&who, &resource);
            assert!(expected.contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
            closed(&server);
        }
        assert_eq!(closed(&server).1.len(), 1, "what it deposited, and nothing else");
        // Its structure may manage a team, but no team opens anything without the person's consent.
        let managed = server.create(&structure("1690000027"), &team(&me, &[&psidnat(1)], &["1690000027"])).expect(201);
        closed(&server);
        let reference = json!({"reference": format!("CareTeam/{}", managed["id"].as_str().unwrap())});
        assert_eq!(server.create(&who, &consent(&me, "care-team-access", "permit", reference.clone())).status, 422);
        closed(&server);
        server.create(&who, &collected(&me, "care-team-access", reference)).expect(201);
        assert_eq!((reads(&server, &who, &letter), status(&server, &who, &me).as_str()), (200, "valid"), "declared");
    });
}

#[test]
fn nobody_but_the_person_or_a_representative_decides_for_the_person() {
    on_both(|backend| {
        let (server, me, _) = with_letter(backend);
        let kinds: [(&str, &str, Value); 10] = [
            ("record-access", "permit", party(&psidnat(2))),
            ("record-block", "deny", party(&psidnat(3))),
            ("treating-physician", "permit", party(&psidnat(2))),
            ("administrator", "permit", party(&psidnat(2))),
            ("break-glass", "deny", Value::Null),
            ("samu", "deny", Value::Null),
            ("emergency-masked", "permit", Value::Null),
            ("occupational-health", "permit", party(&psidnat(2))),
            ("default-masking", "permit", Value::Null),
            ("record-access", "permit", party(HOSPITAL)),
        ];
        let app = json!({"kind": "application", "client": "app", "for": format!("{INS}|{me}"), "scope": "patient/*.cruds"});
        for (kind, effect, actor) in kinds {
            let mut right = consent(&me, kind, effect, actor);
            right["verification"] = json!([{"verified": true, "verifiedWith": person(&me)}]);
            for who in [structure(HOSPITAL), service("operator"), service("auditor"), app.clone()] {
                assert_eq!(server.create(&who, &right).status, 403, "{who} {kind}");
            }
            for who in [holder(&ins(8)), representative(&ins(20), &me), representative(&ins(20), &ins(8))] {
                let answer = server.create(&who, &right);
                assert_eq!((answer.status, answer.issue().1.as_str()), (422, "Consent.patient"), "{who} {kind}");
            }
            let kept = server.create(&holder(&me), &right).expect(201);
            for who in [structure(HOSPITAL), service("operator"), app.clone()] {
                let path = format!("Consent/{}", kept["id"].as_str().unwrap());
                assert_eq!(server.fhir(&who, "PUT", &path, Some(&ended(&kept))).status, 403, "{who} {kind}");
            }
        }
    });
}
