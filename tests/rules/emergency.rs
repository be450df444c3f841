//! Rules 61 to 70: emergency (L1111-17 I, R1111-48 CSP).

use serde_json::{Value, json};

use crate::support::build::{consent, document, holder, party, psidnat, structure};
use crate::support::record::{HOSPITAL, finds, reads, with_letter};
use crate::support::{Server, on_both};

#[test]
fn rule_061_062_063_065_066_068_emergency_follows_the_settings_of_the_person() {
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
fn rule_066_a_profession_that_the_matrix_lets_consult_nothing_is_not_let_in_by_an_emergency() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let patient = server.get(&holder(&me), "Patient").matches().remove(0);
        for (profession, status) in [("10", 200), ("999", 404)] {
            let who = json!({
                "kind": "professional", "id": psidnat(5), "profession": profession, "purpose": "bris_de_glace", "reason": "inconscient"
            });
            assert_eq!(server.get(&who, &format!("Patient/{patient}")).status, status, "{profession}");
            assert_eq!(reads(&server, &who, &letter), status, "{profession}");
            assert_eq!(finds(&server, &who, &me).0, if status == 200 { 200 } else { 403 }, "{profession}");
        }
    });
}

fn in_mode(number: u32, purpose: &str) -> Value {
    json!({"kind": "professional", "id": psidnat(number), "profession": "10", "purpose": purpose, "reason": "inconscient", "regulation": true})
}

#[test]
fn rule_063_an_opposition_to_the_samu_leaves_break_glass_as_it_is() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let both = || (reads(&server, &in_mode(1, "bris_de_glace"), &letter), reads(&server, &in_mode(2, "centre_15"), &letter));
        assert_eq!(both(), (200, 200), "permitted as long as nothing is said");
        server.create(&holder(&me), &consent(&me, "samu", "deny", Value::Null)).expect(201);
        assert_eq!(both(), (200, 404));
        assert_eq!((finds(&server, &in_mode(1, "bris_de_glace"), &me).0, finds(&server, &in_mode(2, "centre_15"), &me).0), (200, 403));
        server.create(&holder(&me), &consent(&me, "break-glass", "deny", Value::Null)).expect(201);
        server.create(&holder(&me), &consent(&me, "samu", "permit", Value::Null)).expect(201);
        assert_eq!(both(), (404, 200), "the last word counts");
    });
}

#[test]
fn rule_064_069_an_emergency_is_stated_in_the_token() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let rows = [
            (json!({"purpose": "bris_de_glace"}), 400, "reason"),
            (json!({"purpose": "bris_de_glace", "reason": "  "}), 400, "reason"),
            (json!({"purpose": "bris_de_glace", "reason": "inconscient"}), 200, ""),
            (json!({"purpose": "centre_15"}), 400, "regulation"),
            (json!({"purpose": "centre_15", "regulation": false}), 400, "regulation"),
            (json!({"purpose": "centre_15", "regulation": true}), 200, ""),
            (json!({"purpose": "bris_de_glace", "reason": "x", "profession_system": "TRE_R85", "profession": "330"}), 400, "purpose"),
            (json!({"purpose": "urgence"}), 400, "purpose"),
        ];
        for (more, status, place) in rows {
            let mut request = json!({"kind": "professional", "id": psidnat(1), "profession": "10"});
            for (name, value) in more.as_object().unwrap() {
                request[name] = value.clone();
            }
            let answer = server.send("POST", "/sandbox/token", &[], Some(request.to_string().as_bytes()));
            assert_eq!(answer.status, status, "{request}");
            assert!(status == 200 || answer.issue().1 == place, "{request}: {}", answer.text());
        }
    });
}

#[test]
fn rule_067_an_emergency_is_marked_in_its_trace() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let modes = [("bris_de_glace", "BTG"), ("centre_15", "ETREAT")];
        for (number, (purpose, _)) in (1..).zip(modes) {
            assert_eq!(reads(&server, &in_mode(number, purpose), &letter), 200);
        }
        let traces = server.get(&holder(&me), "AuditEvent?_count=50").expect(200);
        for (number, (purpose, code)) in (1..).zip(modes) {
            let by = |entry: &&Value| entry["resource"]["agent"][0]["who"]["identifier"]["value"] == psidnat(number);
            let event = traces["entry"].as_array().unwrap().iter().find(by).unwrap()["resource"].clone();
            let codes: Vec<&str> =
                event["purposeOfEvent"].as_array().unwrap().iter().map(|one| one["coding"][0]["code"].as_str().unwrap()).collect();
            assert_eq!(codes, [code, purpose]);
            assert!(event.to_string().contains("inconscient"), "the person reads why");
        }
    });
}

#[test]
fn rule_070_a_block_holds_in_an_emergency() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        for number in [1, 2] {
            server.create(&holder(&me), &consent(&me, "record-block", "deny", party(&psidnat(number)))).expect(201);
        }
        for who in [in_mode(1, "bris_de_glace"), in_mode(2, "centre_15")] {
            assert_eq!((reads(&server, &who, &letter), finds(&server, &who, &me).0), (404, 403), "{who}");
        }
        let mut within = in_mode(3, "bris_de_glace");
        within["structure"] = "1690000027".into();
        assert_eq!(reads(&server, &within, &letter), 200);
        server.create(&holder(&me), &consent(&me, "record-block", "deny", party("1690000027"))).expect(201);
        assert_eq!(reads(&server, &within, &letter), 404, "nor for whoever acts for a structure that is blocked");
    });
}
