//! Rules 20 to 36: consent and authorisation (R1111-46, R1111-47 CSP).

use serde_json::{Value, json};

use crate::support::build::{INS, collected, consent, document, holder, ins, party, professional, psidnat};
use crate::support::record::{ended, finds, reads, status, team, with_letter};
use crate::support::{on_both, query};

#[test]
fn rule_029_a_right_opens_and_its_end_closes_at_once() {
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
fn rule_025_032_a_professional_records_with_the_statement_that_the_person_consented() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let (one, nurse) = (professional(1, "10"), professional(2, "60"));
        let team = json!({"resourceType": "CareTeam", "status": "active", "subject": {"identifier": {"system": INS, "value": me}},
            "participant": [{"member": party(&psidnat(5))}]});
        let mut own = team.clone();
        own["participant"] = json!([{"member": party(&psidnat(1))}]);
        let [team, own] = [team, own].map(|team| json!({"reference": format!("CareTeam/{}", server.create(&holder(&me), &team).id())}));
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
            ("a team that it does not see", &one, collected(&me, "care-team-access", team.clone()), 422),
            ("a team of its own", &one, collected(&me, "care-team-access", own), 201),
            ("for itself", &one, collected(&me, "record-access", party(&psidnat(1))), 201),
            ("for another with a right", &one, collected(&me, "record-access", party(&psidnat(2))), 201),
            ("itself as treating physician", &one, collected(&me, "treating-physician", party(&psidnat(1))), 201),
            ("a team that it may add to now", &one, collected(&me, "care-team-access", team), 201),
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
fn rule_023_024_032_outside_the_team_each_access_needs_a_new_consent() {
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
fn rule_021_022_a_team_opens_with_an_initial_consent_only() {
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
fn rule_020_without_a_right_nothing_is_found_or_read() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        for profession in ["10", "60", "21"] {
            let who = professional(1, profession);
            assert_eq!((finds(&server, &who, &me).0, reads(&server, &who, &letter)), (403, 404), "{profession}");
            assert_eq!(finds(&server, &who, &ins(99)).0, 403, "nor is it told whether there is such a person");
        }
    });
}

#[test]
fn rule_026_027_028_a_block_beats_every_right_and_keeps_nobody_from_depositing() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let person = holder(&me);
        let members = server.create(&person, &team(&me, &[&psidnat(2)], &[])).id();
        let reference = json!({"reference": format!("CareTeam/{members}")});
        server.create(&person, &consent(&me, "care-team-access", "permit", reference)).expect(201);
        for (kind, number) in [("record-access", 1), ("treating-physician", 3), ("administrator", 4)] {
            server.create(&person, &consent(&me, kind, "permit", party(&psidnat(number)))).expect(201);
        }
        for number in 1..=4 {
            let who = professional(number, "10");
            assert_eq!(reads(&server, &who, &letter), 200, "{number}");
            let block = server.create(&person, &consent(&me, "record-block", "deny", party(&psidnat(number)))).expect(201);
            assert_eq!((reads(&server, &who, &letter), status(&server, &who, &me).as_str()), (404, "blocked"), "{number}");
            let deposit = server.create(&who, &document(&me, "11490-0", 50 + number).json());
            assert_eq!(deposit.status, 201, "{number}: {}", deposit.text());
            assert_eq!(reads(&server, &who, &deposit.id()), 200, "{number}: what it deposited");
            server.fhir(&person, "PUT", &format!("Consent/{}", block["id"].as_str().unwrap()), Some(&ended(&block))).expect(200);
            assert_eq!(reads(&server, &who, &letter), 404, "{number}: unblocked, and nothing given");
            server.create(&person, &consent(&me, "record-access", "permit", party(&psidnat(number)))).expect(201);
            assert_eq!(reads(&server, &who, &letter), 200, "{number}: given anew");
        }
    });
}

#[test]
fn rule_030_031_a_caring_professional_feeds_without_a_right_and_again() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let who = professional(1, "60");
        for number in 10..13 {
            let kept = server.create(&who, &document(&me, "11506-3", number).json()).id();
            assert_eq!((reads(&server, &who, &kept), reads(&server, &who, &letter)), (200, 404));
        }
    });
}

#[test]
fn rule_033_a_right_of_an_establishment_is_for_those_who_act_for_it() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party("1690000027"))).expect(201);
        for (structure, expected) in [("1690000027", 200), ("1750000018", 404)] {
            let mut who = professional(1, "10");
            who["structure"] = structure.into();
            assert_eq!(reads(&server, &who, &letter), expected, "{structure}");
        }
        assert_eq!(reads(&server, &crate::support::build::structure("1690000027"), &letter), 404, "a system consults nothing by itself");
    });
}

#[test]
fn rule_034_an_insurer_a_bank_or_an_employer_never_has_access() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(8)))).expect(201);
        server.create(&holder(&me), &consent(&me, "treating-physician", "permit", party(&psidnat(8)))).expect(201);
        for sector in ["SA23", "SA24", "SA48"] {
            let mut who = professional(8, "10");
            who["sector"] = sector.into();
            assert_eq!((finds(&server, &who, &me).0, reads(&server, &who, &letter)), (403, 404), "{sector}");
            assert_eq!(server.create(&who, &document(&me, "11490-0", 60).json()).status, 403, "{sector}");
            assert_eq!(server.create(&who, &collected(&me, "record-access", party(&psidnat(8)))).status, 403, "{sector}");
            let mut glass = who.clone();
            (glass["purpose"], glass["reason"]) = ("bris_de_glace".into(), "x".into());
            assert_eq!(reads(&server, &glass, &letter), 404, "{sector}");
        }
    });
}

#[test]
fn rule_035_of_somebody_without_a_record_nothing_is_found() {
    on_both(|backend| {
        let (server, me, _) = with_letter(backend);
        let found =
            |ins: &str| server.get(&professional(1, "10"), &format!("Patient{}", query(&[("identifier", &format!("{INS}|{ins}"))])));
        assert_eq!((found(&me).matches().len(), found(&ins(99)).matches().len()), (1, 0));
    });
}
