//! Rights as Consent, CareTeam and RelatedPerson (CONTRACT 3): who may give them, what they open, when they end.

use serde_json::{Value, json};

use crate::support::build::{
    INS, collected, consent, document, holder, ins, minor_ins, party, patient, professional, psidnat, representative, service, structure,
};
use crate::support::{Backend, Server, on_both, query};

const HOSPITAL: &str = "1750000018";

/// A server with one open space and one discharge letter, which physicians may read.
fn with_letter(backend: Backend) -> (Server, String, String) {
    let server = Server::empty(backend);
    let me = ins(7);
    server.create(&service("operator"), &patient(&me)).expect(201);
    let letter = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json());
    letter.expect(201);
    (server, me, letter.id())
}

/// The status of reading the letter.
fn reads(server: &Server, who: &Value, letter: &str) -> u16 {
    server.get(who, &format!("DocumentReference/{letter}")).status
}

/// What TD0.2 tells of the caller's right.
fn status(server: &Server, who: &Value, me: &str) -> String {
    let bundle = server.get(who, &format!("Patient{}", query(&[("identifier", &format!("{INS}|{me}"))]))).expect(200);
    let extensions = bundle["entry"][0]["resource"]["extension"].as_array().unwrap().clone();
    let found = extensions.iter().find(|one| one["url"].as_str().unwrap().ends_with("authorisation-status")).unwrap();
    found["valueCode"].as_str().unwrap().to_owned()
}

/// The same Consent, ended.
fn ended(answer: &Value) -> Value {
    let mut consent = answer.clone();
    consent["status"] = "inactive".into();
    consent
}

#[test]
fn a_right_opens_and_its_end_closes_at_once() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let physician = professional(1, "10");
        assert_eq!((reads(&server, &physician, &letter), status(&server, &physician, &me)), (404, "none".into()));
        let right = server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1))));
        right.expect(201);
        assert_eq!((reads(&server, &physician, &letter), status(&server, &physician, &me)), (200, "valid".into()));
        let path = format!("Consent/{}", right.id());
        assert_eq!(server.get(&physician, &path).status, 200, "a professional sees the Consents that name it");
        assert_eq!(server.fhir(&physician, "PUT", &path, Some(&ended(&right.json()))).status, 403);
        server.fhir(&holder(&me), "PUT", &path, Some(&ended(&right.json()))).expect(200);
        assert_eq!((reads(&server, &physician, &letter), status(&server, &physician, &me)), (404, "expired".into()));
    });
}

#[test]
fn what_a_professional_may_record() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let (one, nurse) = (professional(1, "10"), professional(2, "60"));
        let team = json!({"resourceType": "CareTeam", "status": "active", "subject": {"identifier": {"system": INS, "value": me}},
            "participant": [{"member": party(&psidnat(5))}]});
        let team = server.create(&holder(&me), &team);
        team.expect(201);
        let team = json!({"reference": format!("CareTeam/{}", team.id())});
        let mut other = collected(&me, "record-access", party(&psidnat(1)));
        other["verification"][0]["verifiedWith"]["identifier"]["value"] = ins(8).into();
        let rows: Vec<(&str, &Value, Value, u16)> = vec![
            ("without the statement", &one, consent(&me, "record-access", "permit", party(&psidnat(1))), 422),
            ("stated of somebody else", &one, other, 422),
            ("for another without a right", &one, collected(&me, "record-access", party(&psidnat(2))), 403),
            ("a nurse as treating physician", &nurse, collected(&me, "treating-physician", party(&psidnat(2))), 403),
            ("another as treating physician", &one, collected(&me, "treating-physician", party(&psidnat(2))), 403),
            ("an administrator", &one, collected(&me, "administrator", party(&psidnat(1))), 403),
            ("emergency settings", &one, collected(&me, "break-glass", Value::Null), 403),
            ("a block", &one, collected(&me, "record-block", party(&psidnat(3))), 422),
            ("of somebody unknown", &one, collected(&ins(99), "record-access", party(&psidnat(1))), 422),
            ("an unknown team", &one, collected(&me, "care-team-access", json!({"reference": "CareTeam/absent"})), 422),
            ("a team", &one, collected(&me, "care-team-access", team), 201),
            ("for itself", &one, collected(&me, "record-access", party(&psidnat(1))), 201),
            ("for another with a right", &one, collected(&me, "record-access", party(&psidnat(2))), 201),
            ("itself as treating physician", &one, collected(&me, "treating-physician", party(&psidnat(1))), 201),
        ];
        for (what, who, resource, expected) in rows {
            let answer = server.create(who, &resource);
            assert_eq!(answer.status, expected, "{what}: {}", answer.text());
        }
        assert_eq!(reads(&server, &one, &letter), 200);
        assert_eq!(reads(&server, &professional(5, "10"), &letter), 200, "a member of the team");
        server.create(&holder(&me), &consent(&me, "record-block", "deny", party(&psidnat(2)))).expect(201);
        assert_eq!(server.create(&nurse, &collected(&me, "record-access", party(&psidnat(2)))).status, 403, "a blocked one");
    });
}

#[test]
fn the_server_says_who_collected_and_until_when() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let physician = professional(1, "10");
        let mut right = collected(&me, "record-access", party(&psidnat(1)));
        right["performer"] = json!([{"display": "somebody else"}]);
        right["extension"] =
            json!([{"url": "https://ensemble.example/fhir/StructureDefinition/collected-by", "valueReference": {"display": "x"}}]);
        right["meta"] = json!({"security": [{"code": "x"}], "tag": [{"code": "kept"}]});
        let kept = server.create(&physician, &right).expect(201);
        assert!(kept["performer"][0]["reference"].as_str().unwrap().starts_with("Patient/"));
        assert_eq!(kept["extension"][0]["valueReference"]["identifier"]["value"], psidnat(1));
        assert_eq!(kept["extension"].as_array().unwrap().len(), 1);
        assert!(kept["provision"]["period"]["end"].is_string());
        assert!(kept["meta"].get("security").is_none() && kept["meta"]["tag"][0]["code"] == "kept");
        assert_eq!(reads(&server, &physician, &letter), 200);
        server.advance("PT25H");
        assert_eq!((reads(&server, &physician, &letter), status(&server, &physician, &me)), (404, "expired".into()));
    });
}

#[test]
fn a_team_opens_while_consent_and_membership_last() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let (member, treating) = (professional(5, "10"), professional(4, "10"));
        let team = json!({"resourceType": "CareTeam", "status": "active", "subject": {"identifier": {"system": INS, "value": me}},
            "participant": [{"member": party(&psidnat(5))}]});
        assert_eq!(server.create(&member, &team).status, 403, "nobody makes a team of itself");
        let kept = server.create(&holder(&me), &team);
        kept.expect(201);
        assert_eq!(reads(&server, &member, &letter), 404, "a team alone opens nothing");
        let reference = json!({"reference": format!("CareTeam/{}", kept.id())});
        server.create(&holder(&me), &consent(&me, "care-team-access", "permit", reference)).expect(201);
        assert_eq!(reads(&server, &member, &letter), 200);
        assert_eq!(server.get(&member, &format!("CareTeam/{}", kept.id())).status, 200);
        assert_eq!(server.get(&treating, &format!("CareTeam/{}", kept.id())).status, 404);
        let mut without = kept.json();
        without["participant"] = json!([{"member": party(&psidnat(6))}]);
        server.fhir(&holder(&me), "PUT", &format!("CareTeam/{}", kept.id()), Some(&without)).expect(200);
        assert_eq!((reads(&server, &member, &letter), reads(&server, &professional(6, "10"), &letter)), (404, 200));
    });
}

#[test]
fn occupational_health_has_one_right_only() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let mut occupational = professional(9, "10");
        occupational["sector"] = "SA13".into();
        let barred = json!({"kind": "professional", "id": psidnat(8), "profession": "10", "sector": "SA23"});
        for number in [8, 9] {
            server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(number)))).expect(201);
        }
        let deposit = document(&me, "11490-0", 50).json();
        let unknown = document(&ins(98), "11490-0", 50).json();
        assert_eq!((reads(&server, &occupational, &letter), reads(&server, &barred, &letter)), (404, 404));
        assert_eq!(status(&server, &occupational, &me), "none");
        let (refused, absent) = (server.create(&occupational, &deposit), server.create(&occupational, &unknown));
        assert_eq!((refused.status, refused.text()), (422, absent.text()));
        server.create(&holder(&me), &consent(&me, "occupational-health", "permit", party(&psidnat(9)))).expect(201);
        assert_eq!((reads(&server, &occupational, &letter), status(&server, &occupational, &me)), (200, "valid".into()));
        server.create(&occupational, &deposit).expect(201);
        server.create(&holder(&me), &consent(&me, "record-block", "deny", party(&psidnat(9)))).expect(201);
        assert_eq!((reads(&server, &occupational, &letter), status(&server, &occupational, &me)), (404, "none".into()));
    });
}

#[test]
fn emergency_follows_the_settings_of_the_person() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let masked = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 2).masked().json());
        let masked = masked.expect(201)["id"].as_str().unwrap().to_owned();
        let emergency =
            json!({"kind": "professional", "id": psidnat(1), "profession": "10", "purpose": "bris_de_glace", "reason": "inconscient"});
        let samu = json!({"kind": "professional", "id": psidnat(2), "profession": "10", "purpose": "centre_15", "regulation": true});
        let both = |id: &str| (reads(&server, &emergency, id), reads(&server, &samu, id));
        assert_eq!((both(&letter), both(&masked)), ((200, 200), (404, 404)));
        let give = |kind: &str, effect: &str| server.create(&holder(&me), &consent(&me, kind, effect, Value::Null)).expect(201);
        give("emergency-masked", "permit");
        assert_eq!(both(&masked), (200, 200));
        give("break-glass", "deny");
        assert_eq!((both(&letter), both(&masked)), ((404, 200), (404, 200)));
        give("samu", "deny");
        assert_eq!(both(&letter), (404, 404), "opposition beats emergency");
        let traces = server.get(&holder(&me), "AuditEvent?_count=200").expect(200).to_string();
        assert!(traces.contains("\"BTG\"") && traces.contains("\"ETREAT\"") && traces.contains("bris_de_glace"));
        assert_eq!(server.get(&emergency, "Patient").matches().len(), 0, "an emergency lists nobody");
    });
}

#[test]
fn a_minor_acts_through_representatives_until_majority() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (lina, parent) = (minor_ins(1), ins(20));
        let who = representative(&parent, &lina);
        server.create(&service("operator"), &patient(&lina)).expect(201);
        let refused = server.send("POST", "/sandbox/token", &[], Some(holder(&lina).to_string().as_bytes()));
        assert_eq!(refused.status, 400);
        let shown = server.create(&structure(HOSPITAL), &document(&lina, "11490-0", 1).json()).expect(201);
        let secret = document(&lina, "11490-0", 2).labelled("INVISIBLE_REPRESENTANTS_LEGAUX").json();
        let secret = server.create(&structure(HOSPITAL), &secret).expect(201);
        let (shown, secret) = (shown["id"].as_str().unwrap(), secret["id"].as_str().unwrap());
        assert_eq!((reads(&server, &who, shown), reads(&server, &who, secret)), (404, 404), "a claim alone opens nothing");
        let related = json!({"resourceType": "RelatedPerson", "active": true, "patient": {"identifier": {"system": INS, "value": lina}},
            "identifier": [{"system": INS, "value": parent}]});
        assert_eq!(server.create(&who, &related).status, 403);
        server.create(&service("operator"), &related).expect(201);
        assert_eq!((reads(&server, &who, shown), reads(&server, &who, secret)), (200, 404));
        server.create(&who, &consent(&lina, "record-access", "permit", party(&psidnat(1)))).expect(201);
        assert_eq!(reads(&server, &professional(1, "10"), secret), 200);
        let traces = server.get(&who, "AuditEvent?_count=200&_total=accurate").expect(200).to_string();
        assert!(traces.contains(shown) && !traces.contains(secret), "what is hidden from representatives does not exist for them");
        let adult = document(&ins(20), "11490-0", 3).labelled("INVISIBLE_REPRESENTANTS_LEGAUX").json();
        server.create(&service("operator"), &patient(&ins(20))).expect(201);
        assert_eq!(server.create(&structure(HOSPITAL), &adult).status, 422, "for minors only");
        server.advance("P7Y");
        assert_eq!(reads(&server, &who, shown), 404, "of age");
    });
}

#[test]
fn the_form_of_a_consent_is_checked() {
    on_both(|backend| {
        let (server, me, _) = with_letter(backend);
        let good = || consent(&me, "record-access", "permit", party(&psidnat(1)));
        let without = |name: &str| {
            let mut value = good();
            value.as_object_mut().unwrap().remove(name);
            value
        };
        let with = |pointer: &str, new: Value| {
            let mut value = good();
            *value.pointer_mut(pointer).unwrap() = new;
            value
        };
        let rows = [
            (without("dateTime"), 422, "Consent.dateTime"),
            (without("policyRule"), 422, "Consent.policyRule"),
            (without("patient"), 422, "Consent.patient"),
            (without("provision"), 422, "Consent.provision.type"),
            (without("status"), 422, "Consent.status"),
            (with("/category/0/coding/0/code", "invented".into()), 422, "Consent.category"),
            (with("/scope/coding/0/code", "research".into()), 422, "Consent.scope"),
            (with("/provision/type", "deny".into()), 422, "Consent.provision.type"),
            (
                with("/provision/actor", json!([good()["provision"]["actor"][0], good()["provision"]["actor"][0]])),
                422,
                "Consent.provision.actor",
            ),
            (with("/provision/actor/0/role", json!({"text": "x"})), 422, "Consent.provision.actor[0].role"),
            (with("/provision/actor/0/reference", json!({"display": "x"})), 422, "Consent.provision.actor[0].reference"),
            (
                with("/provision", json!({"type": "permit", "actor": good()["provision"]["actor"], "class": [{"code": "Nothing"}]})),
                422,
                "Consent.provision.class[0]",
            ),
            (consent(&me, "samu", "permit", party(&psidnat(1))), 422, "Consent.provision.actor"),
            (consent(&me, "treating-physician", "permit", party(HOSPITAL)), 422, "Consent.provision.actor[0].reference"),
        ];
        for (value, status, place) in rows {
            let answer = server.create(&holder(&me), &value);
            assert_eq!((answer.status, answer.issue().1.as_str()), (status, place), "{value}");
        }
        assert!(server.get(&holder(&me), "Consent").matches().is_empty(), "nothing was stored");
    });
}
