//! Who may ask, and how.

use serde_json::{Value, json};

use super::{World, address, ids, told};
use crate::support::build::{consent, holder, psidnat, representative, service};
use crate::support::on_both;
use crate::support::record::{team, with_letter};

fn parameters(pairs: &[(&str, &str)]) -> Value {
    let list: Vec<Value> = pairs.iter().map(|(name, value)| json!({"name": name, "valueString": value})).collect();
    json!({"resourceType": "Parameters", "parameter": list})
}

#[test]
fn a_question_may_be_posted_batched_and_answered_in_xml() {
    on_both(|backend| {
        let world = World::new(backend);
        let (server, person) = (&world.server, holder(&world.me));
        let letter = world.documents().next().unwrap();
        let number = psidnat(1);
        let pairs = [("actor", number.as_str()), ("profession", "10")];
        let got = world.explain(letter, &pairs);
        let posted = server.fhir(&person, "POST", &address(letter, &[]), Some(&parameters(&pairs))).expect(200);
        assert_eq!(got, posted);
        let empty = server.fhir_with(&person, "POST", &address(letter, &[]), &[("content-length", "0")], None).expect(200);
        assert_eq!(empty, world.explain(letter, &[]));
        for kind in ["batch", "transaction"] {
            let entries = json!([
                {"request": {"method": "GET", "url": address(letter, &pairs)}},
                {"request": {"method": "POST", "url": address(letter, &[])}, "resource": parameters(&pairs)}
            ]);
            let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": entries});
            let answer = server.fhir(&person, "POST", "", Some(&bundle)).expect(200);
            assert_eq!((&answer["entry"][0]["resource"], &answer["entry"][1]["resource"]), (&got, &got), "{kind}: {answer}");
        }
        let xml = server.fhir_with(&person, "GET", &address(letter, &pairs), &[("accept", "application/fhir+xml")], None);
        assert!(
            xml.status == 200 && xml.text().contains("<Parameters") && xml.text().contains("valueCode value=\"permit\""),
            "{}",
            xml.text()
        );
        // The representative is told the same of what it sees.
        let seen = server.get(&representative(&crate::support::build::ins(20), &world.me), &address(letter, &pairs)).expect(200);
        assert_eq!(seen, got);
    });
}

#[test]
fn what_describes_no_professional_is_refused_with_its_name() {
    on_both(|backend| {
        let world = World::new(backend);
        let (server, person) = (&world.server, holder(&world.me));
        let letter = world.documents().next().unwrap();
        let long = "1".repeat(200);
        let rows: [(&[(&str, &str)], &str); 12] = [
            (&[("profession", "")], "profession"),
            (&[("actor", "810000000001")], "profession"),
            (&[("actor", "1"), ("profession", "10")], "actor"),
            (&[("actor", &long), ("profession", "10")], "actor"),
            (&[("profession", "10"), ("profession_system", "TRE_X")], "profession_system"),
            (&[("profession", "10"), ("purpose", "curiosité")], "purpose"),
            (&[("profession", "0100"), ("profession_system", "TRE_R94"), ("purpose", "centre_15")], "purpose"),
            (&[("profession", "10"), ("structure", "x")], "structure"),
            (&[("profession", "10"), ("sector", "sa66")], "sector"),
            (&[("profession", "10"), ("specialty", "sm\u{1}")], "specialty"),
            (&[("profession", "10"), ("profession", "28")], "profession"),
            (&[("profession", "10"), ("ward", "3")], "ward"),
        ];
        for (pairs, place) in rows {
            for answer in [
                server.get(&person, &address(letter, pairs)),
                server.fhir(&person, "POST", &address(letter, &[]), Some(&parameters(pairs))),
            ] {
                // An empty string is no value of FHIR.
                let invalid = answer.status == 422 && pairs.iter().any(|(_, value)| value.is_empty() || value.contains('\u{1}'));
                assert!(invalid || (answer.status, answer.issue().1.as_str()) == (400, place), "{pairs:?}: {}", answer.text());
            }
        }
        let bodies = [
            (
                json!({"resourceType": "Parameters", "parameter": [{"name": "profession", "valueInteger": 10}]}),
                400,
                "Parameters.parameter[0]",
            ),
            (json!({"resourceType": "Patient"}), 400, "resourceType"),
            (json!({"resourceType": "Parameters", "profession": "10"}), 422, "Parameters.profession"),
        ];
        for (body, status, place) in bodies {
            let answer = server.fhir(&person, "POST", &address(letter, &[]), Some(&body));
            assert_eq!((answer.status, answer.issue().1.as_str()), (status, place), "{body}");
        }
        let text = server.fhir_with(&person, "POST", &address(letter, &[]), &[("content-type", "text/plain")], Some(b"profession=10"));
        assert_eq!(text.status, 415);
        let absent = server.get(&person, &address("DocumentReference/a_b", &[]));
        assert_eq!(absent.status, 404);
    });
}

#[test]
fn an_auditor_is_told_rules_and_no_content() {
    on_both(|backend| {
        let world = World::new(backend);
        let (server, auditor) = (&world.server, service("auditor"));
        let number = psidnat(1);
        let pairs = [("actor", number.as_str()), ("profession", "10")];
        for reference in world.documents().chain(&world.hidden[..1]) {
            let told_auditor = server.get(&auditor, &address(reference, &pairs)).expect(200);
            let text = told_auditor.to_string();
            for word in ["MASQUE_PS", "INVISIBLE", "urn:oid:1.2.250.1.999", &world.me, "Consent/", "unmet", "\"access\"", "text/plain"] {
                assert!(!text.contains(word), "{word}: {text}");
            }
            if !world.hidden.contains(reference) {
                let told_person = world.explain(reference, &pairs);
                assert_eq!(told(&told_auditor, "decision"), told(&told_person, "decision"));
                assert_eq!(
                    (ids(&told_auditor, "rule"), ids(&told_auditor, "matrix")),
                    (ids(&told_person, "rule"), ids(&told_person, "matrix"))
                );
            }
            // Those who have rights are content of Consents.
            let answer = server.get(&auditor, &address(reference, &[]));
            assert_eq!((answer.status, answer.issue().1.as_str()), (400, "profession"));
        }
        let absent = "DocumentReference/01930000-0000-7000-8000-000000000000";
        assert_eq!(server.get(&auditor, &address(absent, &[])).status, 400);
        assert_eq!(server.get(&auditor, &address(absent, &pairs)).status, 404);
        for reference in
            world.seen.iter().filter(|one| ["Consent/", "CareTeam/", "RelatedPerson/"].iter().any(|kind| one.starts_with(kind)))
        {
            let unknown = server.get(&auditor, &address(reference, &pairs).replace("explain-access", "nothing"));
            let asked = server.get(&auditor, &address(reference, &pairs));
            assert_eq!(asked.shape("$explain-access"), unknown.shape("$nothing"), "{reference}");
        }
        // It never reads the thing itself.
        assert_ne!(server.get(&auditor, world.documents().next().unwrap()).status, 200);
    });
}

#[test]
fn an_auditors_own_refused_question_names_no_record() {
    on_both(|backend| {
        let world = World::new(backend);
        let (server, auditor) = (&world.server, service("auditor"));
        let document = world.documents().next().unwrap();
        assert_ne!(server.get(&auditor, document).status, 200);
        let traces = |who: &Value, path: &str| {
            let found = server.get(who, path).expect(200)["entry"].as_array().cloned().unwrap_or_default();
            found.into_iter().map(|entry| entry["resource"].clone()).filter(|one| one["outcome"] != "0").collect::<Vec<_>>()
        };
        let about = format!("AuditEvent?entity={document}&_count=100");
        let told = traces(&auditor, &about);
        let refused: Vec<&Value> = told.iter().filter(|one| one["agent"][0]["role"].to_string().contains("\"auditor\"")).collect();
        let [own] = refused[..] else { panic!("one trace of its own: {told:?}") };
        assert!(own.to_string().contains(document) && !own.to_string().contains("Patient/"), "{own}");
        // The person finds it, by the same id; the auditor does not find it by the person.
        let id = &own["id"];
        let person = server.get(&holder(&world.me), "Patient").matches().remove(0);
        let by_person = format!("AuditEvent?patient={person}&_count=200");
        assert!(traces(&holder(&world.me), &by_person).iter().any(|one| one["id"] == *id));
        assert!(!traces(&auditor, &by_person).iter().any(|one| one["id"] == *id));
        let one = server.get(&auditor, &format!("AuditEvent/{}", id.as_str().unwrap())).expect(200);
        assert!(!one.to_string().contains("Patient/"), "{one}");
    });
}

#[test]
fn each_question_leaves_its_trace() {
    on_both(|backend| {
        let world = World::new(backend);
        let (server, person) = (&world.server, holder(&world.me));
        let letter = world.documents().next().unwrap();
        world.explain(letter, &[("profession", "10")]);
        let foreign = &world.hidden[2];
        server.get(&person, &address(foreign, &[])).expect(404);
        server.get(&service("auditor"), &address(letter, &[("profession", "28")])).expect(200);
        let traces = |query: &str| server.get(&person, &format!("AuditEvent?{query}&_sort=date")).expect(200)["entry"].clone();
        let all_of = traces("subtype=operation");
        let found: Vec<(&str, &str, &str)> = all_of
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["resource"])
            .map(|event| {
                let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                (text("/agent/0/role/0/coding/0/code"), text("/action"), text("/outcome"))
            })
            .collect();
        assert_eq!(found, [("holder", "E", "0"), ("holder", "E", "4"), ("auditor", "E", "0")], "{all_of}");
        assert_eq!(all_of[0]["resource"]["subtype"][1]["code"], "explain-access");
        assert_eq!(traces("subtype=explain-access"), all_of);
        assert_eq!(traces(&format!("action=E&entity={letter}")).as_array().unwrap().len(), 2);
    });
}

#[test]
fn the_operation_is_announced_and_defined() {
    on_both(|backend| {
        let world = World::new(backend);
        let statement = world.server.send("GET", "/fhir/metadata", &[], None).expect(200);
        let types: Vec<&str> = statement["rest"][0]["resource"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["operation"][0]["name"] == "explain-access")
            .map(|one| one["type"].as_str().unwrap())
            .collect();
        assert_eq!(
            types,
            [
                "Binary",
                "CareTeam",
                "Communication",
                "Consent",
                "DiagnosticReport",
                "DocumentReference",
                "Observation",
                "Patient",
                "RelatedPerson"
            ]
        );
        let definition: Value = serde_json::from_str(include_str!("../../profiles/operations/explain-access.json")).unwrap();
        assert_eq!(definition["resource"], json!(types));
        world.server.create(&service("tester"), &definition).expect(201);
    });
}

/// Asking about each of many who have a right would take so long that one person's questions keep the others waiting.
#[test]
fn many_who_may_the_same_cost_no_more_than_one() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let members: Vec<String> = (100..199).map(psidnat).collect();
        let names: Vec<&str> = members.iter().map(String::as_str).collect();
        let made = server.create(&holder(&me), &team(&me, &names, &[])).id();
        let actor = json!({"reference": format!("CareTeam/{made}")});
        server.create(&holder(&me), &consent(&me, "care-team-access", "permit", actor)).expect(201);
        let ask = json!({"request": {"method": "GET", "url": format!("DocumentReference/{letter}/$explain-access")}});
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": vec![ask; 30]});
        // A transaction that takes longer than the database is held is given up.
        let answer = server.fhir(&holder(&me), "POST", "", Some(&bundle)).expect(200);
        let told = answer["entry"][29]["resource"].to_string();
        assert!(members.iter().all(|member| told.contains(member)), "{told}");
    });
}
