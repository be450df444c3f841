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

/// A team of these members, managed by these structures.
fn team(me: &str, members: &[&str], managers: &[&str]) -> Value {
    let person = json!({"identifier": {"system": INS, "value": me}});
    let mut team = json!({"resourceType": "CareTeam", "status": "active", "name": "Cardiologie", "subject": person});
    if !members.is_empty() {
        team["participant"] = members.iter().map(|id| json!({"member": party(id)})).collect();
    }
    if !managers.is_empty() {
        team["managingOrganization"] = managers.iter().map(|id| party(id)).collect();
    }
    team
}

/// A team as it was answered, with this pointer set.
fn changed(team: &Value, name: &str, value: Value) -> Value {
    let mut team = team.clone();
    team[name] = value;
    team
}

#[test]
fn a_team_is_managed_by_whom_it_was_given_to_and_only_grows_through_others() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let (person, hospital, treating) = (holder(&me), structure(HOSPITAL), professional(4, "10"));
        server.create(&person, &consent(&me, "treating-physician", "permit", party(&psidnat(4)))).expect(201);
        let put = |who: &Value, team: &Value| {
            let path = format!("CareTeam/{}", team["id"].as_str().unwrap());
            server.fhir(who, "PUT", &path, Some(team)).status
        };
        let kept = server.create(&person, &team(&me, &[&psidnat(5)], &[HOSPITAL])).expect(201);
        let reference = json!({"reference": format!("CareTeam/{}", kept["id"].as_str().unwrap())});
        server.create(&person, &consent(&me, "care-team-access", "permit", reference)).expect(201);
        let with = |members: &[&str]| {
            let all: Vec<Value> = members.iter().map(|id| json!({"member": party(id)})).collect();
            changed(&kept, "participant", all.into())
        };
        let (five, six, seven) = (psidnat(5), psidnat(6), psidnat(7));
        let ended = json!([{"member": party(&five), "period": {"end": "2020-01-01"}}]);
        let twice = json!([{"member": party(&five)}, {"member": party(&psidnat(4))}]);
        let rows: Vec<(&str, Value, Value, u16)> = vec![
            ("the structure that manages it adds another", hospital.clone(), with(&[&five, &six]), 200),
            ("the treating physician adds another", treating.clone(), with(&[&five, &six, &seven]), 200),
            ("but removes nobody", treating.clone(), with(&[&five, &six]), 403),
            ("nor ends anybody's time", hospital.clone(), changed(&kept, "participant", ended), 403),
            ("nor adds itself", treating.clone(), changed(&kept, "participant", twice), 403),
            ("nor its own structure", hospital.clone(), with(&[&five, &six, &seven, HOSPITAL]), 403),
            (
                "nor hands it on",
                hospital.clone(),
                changed(&with(&[&five, &six, &seven]), "managingOrganization", json!([party("1690000027")])),
                403,
            ),
            ("nor ends it", treating.clone(), changed(&with(&[&five, &six, &seven]), "status", "inactive".into()), 403),
            ("a member writes nothing", professional(5, "10"), with(&[&five]), 403),
            ("another structure does not find it", structure("1690000027"), with(&[&five]), 404),
            ("nor does another physician", professional(9, "10"), with(&[&five]), 404),
            ("the treating physician in another profession does not find it", professional(4, "28"), with(&[&five]), 403),
        ];
        for (what, who, team, expected) in rows {
            assert_eq!(put(&who, &team), expected, "{what}");
        }
        assert_eq!((reads(&server, &professional(6, "10"), &letter), reads(&server, &professional(7, "10"), &letter)), (200, 200));
        // The person takes the management away: nobody takes it back by saying so.
        let path = format!("CareTeam/{}", kept["id"].as_str().unwrap());
        assert_eq!(server.get(&hospital, &path).status, 200);
        let mut without = server.get(&person, &path).expect(200);
        without.as_object_mut().unwrap().remove("managingOrganization");
        assert_eq!(put(&person, &without), 200);
        assert_eq!(server.get(&hospital, &path).status, 404);
        let retaken = changed(&without, "managingOrganization", json!([party(HOSPITAL)]));
        assert_eq!(put(&hospital, &retaken), 404);
        // A member who is the treating physician removes nobody either.
        server.create(&person, &consent(&me, "treating-physician", "permit", party(&five))).expect(201);
        assert_eq!(put(&professional(5, "10"), &changed(&without, "participant", json!([{"member": party(&five)}]))), 403);
        // Who a member's time has ended for does not begin another by itself.
        let stale = server.create(&person, &changed(&team(&me, &[], &[]), "participant", ended_and(&five, None)));
        let again = changed(&stale.expect(201), "participant", ended_and(&five, Some(json!({"member": party(&five)}))));
        assert_eq!(put(&professional(5, "10"), &again), 403);
    });
}

/// The participation of somebody that has ended, and another one.
fn ended_and(id: &str, other: Option<Value>) -> Value {
    let mut all = vec![json!({"member": party(id), "period": {"end": "2020-01-01"}})];
    all.extend(other);
    all.into()
}

#[test]
fn a_member_twice_is_one_as_long_as_either_time_lasts() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let day = |days: i64| (chrono::Utc::now() + chrono::Duration::days(days)).format("%Y-%m-%d").to_string();
        let mut twice = team(&me, &[&psidnat(5), &psidnat(5), &psidnat(6), &psidnat(6)], &[]);
        twice["participant"][0]["period"] = json!({"end": day(1)});
        twice["participant"][2]["period"] = json!({"end": day(1)});
        twice["participant"][3]["period"] = json!({"start": day(9)});
        let kept = server.create(&holder(&me), &twice).expect(201);
        let reference = json!({"reference": format!("CareTeam/{}", kept["id"].as_str().unwrap())});
        server.create(&holder(&me), &consent(&me, "care-team-access", "permit", reference)).expect(201);
        let both = || (reads(&server, &professional(5, "10"), &letter), reads(&server, &professional(6, "10"), &letter));
        assert_eq!(both(), (200, 200));
        server.advance("P5D");
        assert_eq!(both(), (200, 404), "between two times there is none");
        server.advance("P5D");
        assert_eq!(both(), (200, 200));
    });
}

#[test]
fn earlier_versions_of_a_team_are_not_for_those_named_now() {
    on_both(|backend| {
        let (server, me, _) = with_letter(backend);
        let person = holder(&me);
        let kept = server.create(&person, &team(&me, &[&psidnat(5)], &[HOSPITAL])).expect(201);
        let path = format!("CareTeam/{}", kept["id"].as_str().unwrap());
        let next = changed(&kept, "participant", json!([{"member": party(&psidnat(6))}]));
        server.fhir(&person, "PUT", &path, Some(&next)).expect(200);
        for (who, versions) in [(&person, 2), (&professional(6, "10"), 1), (&structure(HOSPITAL), 1)] {
            let history = server.get(who, &format!("{path}/_history")).expect(200);
            assert_eq!((history["total"].as_i64(), history["entry"].as_array().unwrap().len()), (Some(versions), versions as usize));
            assert_eq!(history.to_string().contains(&psidnat(5)), versions == 2, "{who}");
            assert_eq!(server.get(who, &format!("{path}/_history/2")).status, 200, "{who}");
            let (first, none) = (server.get(who, &format!("{path}/_history/1")), server.get(who, &format!("{path}/_history/9")));
            assert_eq!(first.status, if versions == 2 { 200 } else { 404 }, "{who}");
            assert!(versions == 2 || first.text().replace("_history/1", "") == none.text().replace("_history/9", ""));
        }
        // A Consent keeps whom it names, and so its versions are theirs.
        let right = server.create(&person, &consent(&me, "record-access", "permit", party(&psidnat(7))));
        let path = format!("Consent/{}", right.id());
        server.fhir(&person, "PUT", &path, Some(&ended(&right.json()))).expect(200);
        assert_eq!(server.get(&professional(7, "10"), &format!("{path}/_history")).expect(200)["total"], 2);
    });
}

#[test]
fn the_treating_physician_counts_in_one_profession() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let masked = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 2).masked().by(&psidnat(31)).json()).id();
        server.create(&holder(&me), &consent(&me, "treating-physician", "permit", party(&psidnat(31)))).expect(201);
        for (profession, read, told, unmasked) in [("10", 200, "valid", 200), ("28", 404, "none", 404), ("999", 404, "none", 404)] {
            let who = professional(31, profession);
            assert_eq!((reads(&server, &who, &letter), reads(&server, &who, &masked)), (read, read), "{profession}");
            assert_eq!(status(&server, &who, &me), told, "{profession}");
            let space = server.get(&who, &format!("Patient{}", query(&[("identifier", &format!("{INS}|{me}"))]))).expect(200);
            let extensions = space["entry"][0]["resource"]["extension"].as_array().unwrap().clone();
            let physician = extensions.iter().find(|one| one["url"].as_str().unwrap().ends_with("dmp-medecin-traitant")).unwrap();
            assert_eq!(physician["valueBoolean"], profession == "10", "{profession}");
            let off = json!([{"op": "replace", "path": "/securityLabel/0", "value": {"coding": [{"code": "N"}]}}]);
            assert_eq!(server.fhir(&who, "PATCH", &format!("DocumentReference/{masked}"), Some(&off)).status, unmasked, "{profession}");
            let team = server.create(&who, &team(&me, &[&psidnat(5)], &[]));
            assert_eq!(team.status, if profession == "10" { 201 } else { 403 }, "{profession}");
        }
    });
}

#[test]
fn a_consent_keeps_its_kind_its_sense_and_its_actor() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let (person, who) = (holder(&me), professional(20, "10"));
        server.create(&person, &consent(&me, "record-access", "permit", party(&psidnat(20)))).expect(201);
        let block = server.create(&person, &consent(&me, "record-block", "deny", party(&psidnat(20)))).expect(201);
        let path = format!("Consent/{}", block["id"].as_str().unwrap());
        let with = |pointer: &str, value: Value| {
            let mut consent = block.clone();
            *consent.pointer_mut(pointer).unwrap() = value;
            consent
        };
        let mut past = block.clone();
        past["provision"]["period"] = json!({"end": "2020-01-01"});
        let mut access = with("/category/0/coding/0/code", "record-access".into());
        access["provision"]["type"] = "permit".into();
        let rows = [
            (with("/provision/actor/0/reference", party(&psidnat(21))), "Consent.provision.actor"),
            (access, "Consent.category"),
            (past, "Consent.provision.period.end"),
        ];
        for (consent, place) in rows {
            let answer = server.fhir(&person, "PUT", &path, Some(&consent));
            assert_eq!((answer.status, answer.issue().1.as_str()), (422, place));
            assert_eq!(reads(&server, &who, &letter), 404, "{place}");
        }
        let setting = server.create(&person, &consent(&me, "samu", "deny", Value::Null)).expect(201);
        let mut permitted = setting.clone();
        permitted["provision"]["type"] = "permit".into();
        let answer = server.fhir(&person, "PUT", &format!("Consent/{}", setting["id"].as_str().unwrap()), Some(&permitted));
        assert_eq!((answer.status, answer.issue().1.as_str()), (422, "Consent.provision.type"));
        // What has ended changes no more: nothing given since is lost by it.
        server.fhir(&person, "PUT", &path, Some(&ended(&block))).expect(200);
        assert_eq!(reads(&server, &who, &letter), 404, "after unblocking a new right is needed");
        server.create(&person, &consent(&me, "record-access", "permit", party(&psidnat(20)))).expect(201);
        assert_eq!(reads(&server, &who, &letter), 200);
        for consent in [ended(&block), block.clone()] {
            let answer = server.fhir(&person, "PUT", &path, Some(&consent));
            assert_eq!((answer.status, answer.issue().1.as_str()), (422, "Consent.status"));
        }
        assert_eq!(reads(&server, &who, &letter), 200);
        // What may change still does: the end of a right.
        let right = server.create(&person, &consent(&me, "record-access", "permit", party(&psidnat(22)))).expect(201);
        let mut longer = right.clone();
        longer["provision"]["period"] = json!({"end": "2020-01-01"});
        server.fhir(&person, "PUT", &format!("Consent/{}", right["id"].as_str().unwrap()), Some(&longer)).expect(200);
        assert_eq!(reads(&server, &professional(22, "10"), &letter), 404);
    });
}

#[test]
fn a_restriction_that_nobody_keeps_is_refused() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let period = json!({"start": "2020-01-01", "end": "2020-12-31"});
        let class = json!([{"system": "http://hl7.org/fhir/resource-types", "code": "DocumentReference"}]);
        let purpose = json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT"}]);
        let label = json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "L"}]);
        let access = |name: &str, value: &Value| {
            let mut consent = consent(&me, "record-access", "permit", party(&psidnat(1)));
            consent["provision"][name] = value.clone();
            consent
        };
        let setting = |kind: &str, name: &str, value: &Value| {
            let mut consent = consent(&me, kind, "permit", Value::Null);
            consent["provision"][name] = value.clone();
            consent
        };
        let mut block = consent(&me, "record-block", "deny", party(&psidnat(2)));
        block["provision"]["class"] = class.clone();
        let rows = [
            (setting("break-glass", "period", &period), "period"),
            (setting("samu", "period", &period), "period"),
            (setting("emergency-masked", "period", &period), "period"),
            (setting("default-masking", "period", &period), "period"),
            (setting("samu", "class", &class), "class"),
            (access("action", &json!([{"coding": [{"code": "disclose"}]}])), "action"),
            (access("securityLabel", &label), "securityLabel"),
            (access("dataPeriod", &period), "dataPeriod"),
            (access("data", &json!([{"meaning": "instance", "reference": {"reference": "DocumentReference/x"}}])), "data"),
            (access("code", &json!([{"text": "x"}])), "code"),
            (access("provision", &json!([{"type": "deny"}])), "provision"),
            (access("extension", &json!([{"url": "urn:x", "valueBoolean": true}])), "extension"),
            (access("purpose", &purpose), "purpose"),
            (block, "class"),
        ];
        for (value, name) in rows {
            let answer = server.create(&holder(&me), &value);
            assert_eq!((answer.status, answer.issue().1), (422, format!("Consent.provision.{name}")), "{value}");
        }
        assert_eq!(reads(&server, &professional(1, "10"), &letter), 404, "nothing was given");
        let masked = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 2).masked().json()).id();
        let emergency = json!({"kind": "professional", "id": psidnat(1), "profession": "10", "purpose": "bris_de_glace", "reason": "x"});
        assert_eq!(reads(&server, &emergency, &masked), 404);
    });
}

#[test]
fn a_right_to_documents_opens_their_content() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        for (number, class) in [(21, "DocumentReference"), (22, "Patient")] {
            let mut right = consent(&me, "record-access", "permit", party(&psidnat(number)));
            right["provision"]["class"] = json!([{"system": "http://hl7.org/fhir/resource-types", "code": class}]);
            server.create(&holder(&me), &right).expect(201);
        }
        let whole = server.get(&structure(HOSPITAL), &format!("DocumentReference/{letter}")).expect(200);
        let content = whole["content"][0]["attachment"]["url"].as_str().unwrap().to_owned();
        let space = server.get(&holder(&me), "Patient").matches()[0].clone();
        for (number, document, patient) in [(21, 200, 404), (22, 404, 200)] {
            let who = professional(number, "10");
            assert_eq!((reads(&server, &who, &letter), server.get(&who, &content).status), (document, document), "{number}");
            assert_eq!(server.get(&who, &format!("Patient/{space}")).status, patient, "{number}");
        }
    });
}

#[test]
fn absence_refusal_and_block_look_alike_in_an_occupational_exercise() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let person = holder(&me);
        let occupational = |number: u32| {
            let mut who = professional(number, "10");
            who["sector"] = "SA13".into();
            who
        };
        // 91 has nothing, 92 was refused, 93 is blocked, 94 was blocked with its right, 95 has its right.
        let give = |kind: &str, effect: &str, number: u32| server.create(&person, &consent(&me, kind, effect, party(&psidnat(number))));
        let refused = give("occupational-health", "permit", 92);
        server.fhir(&person, "PUT", &format!("Consent/{}", refused.id()), Some(&ended(&refused.json()))).expect(200);
        give("record-block", "deny", 93).expect(201);
        give("occupational-health", "permit", 94).expect(201);
        give("record-block", "deny", 94).expect(201);
        let before = give("record-block", "deny", 95);
        server.fhir(&person, "PUT", &format!("Consent/{}", before.id()), Some(&ended(&before.json()))).expect(200);
        let right = give("occupational-health", "permit", 95);
        let patient = format!("{INS}|{me}");
        let paths = [
            "Consent?_total=accurate".to_owned(),
            format!("Consent{}", query(&[("patient.identifier", &patient)])),
            format!("DocumentReference{}", query(&[("patient.identifier", &patient)])),
            format!("Patient{}", query(&[("identifier", &patient)])),
            format!("DocumentReference/{letter}"),
            format!("Consent/{}", refused.id()),
        ];
        for path in &paths {
            let none = server.get(&occupational(91), path);
            for number in [92, 93, 94] {
                let answer = server.get(&occupational(number), path);
                assert_eq!(answer.shape(&psidnat(number)), none.shape(&psidnat(91)), "{number} {path}");
            }
        }
        let deposit = |number: u32| server.create(&occupational(number), &document(&me, "11490-0", number).json());
        let record = |number: u32| server.create(&occupational(number), &collected(&me, "record-access", party(&psidnat(number))));
        for number in [92, 93, 94] {
            assert_eq!((deposit(number).status, deposit(number).text()), (422, deposit(91).text()), "{number}");
            assert_eq!((record(number).status, record(number).text()), (422, record(91).text()), "{number}");
        }
        // With the right, what gives it is seen, and no former block.
        assert_eq!(server.get(&occupational(95), "Consent").matches(), [right.id()]);
        // In an ordinary exercise a professional sees what names it, and is told that it is blocked.
        assert_eq!(server.get(&professional(93, "10"), "Consent").matches().len(), 1);
        assert_eq!(status(&server, &professional(93, "10"), &me), "blocked");
    });
}

#[test]
fn who_recorded_a_consent_sees_and_ends_it() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let person = holder(&me);
        for (kind, number) in [("record-access", 11), ("administrator", 13)] {
            server.create(&person, &consent(&me, kind, "permit", party(&psidnat(number)))).expect(201);
        }
        let (recorder, administrator, named) = (professional(11, "10"), professional(13, "10"), professional(12, "10"));
        let end = |who: &Value, consent: &Value| {
            let path = format!("Consent/{}", consent["id"].as_str().unwrap());
            server.fhir(who, "PUT", &path, Some(&ended(consent))).status
        };
        let sees = |who: &Value, consent: &Value| server.get(who, &format!("Consent/{}", consent["id"].as_str().unwrap())).status;
        let right = server.create(&recorder, &collected(&me, "record-access", party(&psidnat(12)))).expect(201);
        assert_eq!((sees(&recorder, &right), sees(&named, &right), sees(&professional(14, "10"), &right)), (200, 200, 404));
        let mut longer = right.clone();
        longer["provision"]["period"]["end"] = "2099-01-01".into();
        let path = format!("Consent/{}", right["id"].as_str().unwrap());
        assert_eq!(server.fhir(&recorder, "PUT", &path, Some(&longer)).status, 403, "it only ends it");
        assert_eq!((end(&named, &right), end(&professional(14, "10"), &right)), (403, 404));
        assert_eq!(reads(&server, &named, &letter), 200);
        assert_eq!((end(&recorder, &right), reads(&server, &named, &letter)), (200, 404));
        // An administrator ends the block it set, while it is one.
        let block = |number: u32| server.create(&administrator, &consent(&me, "record-block", "deny", party(&psidnat(number)))).expect(201);
        let (one, two) = (block(12), block(14));
        assert_eq!((sees(&administrator, &one), end(&named, &one), end(&administrator, &one)), (200, 403, 200));
        let mine = server.get(&person, "Consent?_count=50").expect(200);
        let all = mine["entry"].as_array().unwrap();
        let kind = |entry: &&Value| entry["resource"]["category"][0]["coding"][0]["code"] == "administrator";
        let consent = all.iter().find(kind).unwrap()["resource"].clone();
        assert_eq!(end(&person, &consent), 200);
        assert_eq!(end(&administrator, &two), 403, "no administrator any more");
    });
}

#[test]
fn an_administrator_never_blocks_the_treating_physician() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let person = holder(&me);
        for (kind, number) in [("treating-physician", 30), ("administrator", 31), ("record-access", 32)] {
            server.create(&person, &consent(&me, kind, "permit", party(&psidnat(number)))).expect(201);
        }
        let at = |number: u32| {
            let mut who = professional(number, "10");
            who["structure"] = "1330000036".into();
            who
        };
        let administrator = professional(31, "10");
        let block = |who: &Value, id: &str| server.create(who, &consent(&me, "record-block", "deny", party(id)));
        assert_eq!(block(&administrator, &psidnat(30)).status, 403);
        // The structure may be blocked; who is treating physician is not, wherever it acts.
        assert_eq!(reads(&server, &at(32), &letter), 200);
        block(&administrator, "1330000036").expect(201);
        assert_eq!((reads(&server, &at(30), &letter), reads(&server, &at(32), &letter)), (200, 404));
        assert_eq!((status(&server, &at(30), &me), status(&server, &at(32), &me)), ("valid".into(), "blocked".into()));
        // The person's block beats it all the same.
        block(&person, "1330000036").expect(201);
        assert_eq!((reads(&server, &at(30), &letter), status(&server, &at(30), &me)), (404, "blocked".into()));
        let structure = server.create(&person, &consent(&me, "administrator", "permit", party("1690000027")));
        assert_eq!((structure.status, structure.issue().1.as_str()), (422, "Consent.provision.actor[0].reference"));
    });
}

#[test]
fn directories_are_for_every_exercise() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let barred = json!({"kind": "professional", "id": psidnat(8), "profession": "10", "sector": "SA23"});
        let emergency = json!({"kind": "professional", "id": psidnat(1), "profession": "10", "purpose": "bris_de_glace", "reason": "x"});
        for (kind, body) in
            [("Location", json!({"name": "Cabinet"})), ("Organization", json!({"name": "Centre"})), ("Practitioner", json!({}))]
        {
            let mut body = body;
            body["resourceType"] = kind.into();
            let id = server.create(&service("operator"), &body).id();
            for who in [&barred, &emergency] {
                assert_eq!(server.get(who, &format!("{kind}/{id}")).status, 200, "{kind}");
                assert_eq!(server.get(who, kind).matches(), [id.as_str()], "{kind}");
            }
        }
        assert_eq!((reads(&server, &barred, &letter), server.get(&barred, "AuditEvent").status), (404, 403));
        assert_eq!(server.create(&barred, &document(&me, "11490-0", 9).json()).status, 403);
    });
}
