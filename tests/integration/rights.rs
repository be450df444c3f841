//! Rights as Consent (CONTRACT 3): who sees, ends and counts by them.

use serde_json::{Value, json};

use crate::support::build::{INS, collected, consent, document, holder, party, professional, psidnat, service, structure};
use crate::support::record::{HOSPITAL, ended, reads, status, team, with_letter};
use crate::support::{on_both, query};

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
fn a_clock_that_is_behind_brings_no_right_back_and_ends_none() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let person = holder(&me);
        let give = |kind: &str, number: u32| {
            let effect = if kind == "record-block" { "deny" } else { "permit" };
            server.create(&person, &consent(&me, kind, effect, party(&psidnat(number)))).expect(201)
        };
        let end = |given: &Value| {
            let path = format!("Consent/{}", given["id"].as_str().unwrap());
            server.fhir(&person, "PUT", &path, Some(&ended(given))).expect(200);
        };
        for number in 11..16 {
            let access = give("record-access", number);
            match number {
                12 => end(&access),
                13 => drop(give("record-block", number)),
                14 | 15 => end(&give("record-block", number)),
                _ => {}
            }
        }
        give("record-access", 15);
        // A block ends what was given, even one whose time is over when it is recorded.
        give("record-access", 17);
        let mut over = consent(&me, "record-block", "deny", party(&psidnat(17)));
        over["provision"]["period"] = json!({"end": "2020-01-01"});
        let recorded = server.create(&person, &over).status;
        assert_eq!((recorded, status(&server, &professional(17, "10"), &me)), (201, "expired".to_owned()));
        let mut later = consent(&me, "record-access", "permit", party(&psidnat(16)));
        later["provision"]["period"] = json!({"start": (chrono::Utc::now() + chrono::Duration::hours(1)).to_rfc3339()});
        server.create(&person, &later).expect(201);
        let told = |number: u32| {
            let who = professional(number, "10");
            (status(&server, &who, &me), reads(&server, &who, &letter))
        };
        let of = |status: &str| (status.to_owned(), if status == "valid" { 200 } else { 404 });
        let expected = ["valid", "expired", "blocked", "expired", "valid", "none"];
        give("treating-physician", 20);
        let set = |seconds: i64| {
            let clock = json!({"set": (chrono::Utc::now() + chrono::Duration::seconds(seconds)).to_rfc3339()}).to_string();
            server.send("POST", "/sandbox/clock", &[], Some(clock.as_bytes())).expect(200);
            server.forget_tokens();
        };
        for (number, behind) in [(21, 0), (22, 1), (23, 3600), (24, 86_000)] {
            set(-behind);
            for (number, status) in (11..).zip(expected) {
                assert_eq!(told(number), of(status), "{number}, {behind} s behind");
            }
            // What is written then comes after what was written when the clock was ahead.
            assert_eq!(told(number - 1), of("valid"), "{behind} s behind");
            give("treating-physician", number);
            assert_eq!((told(number - 1), told(number)), (of("expired"), of("valid")), "{behind} s behind");
        }
        // However far it is behind, nothing is open that was closed.
        set(-30 * 86_400);
        assert_eq!([12, 13, 14, 20].map(told), ["expired", "blocked", "expired", "expired"].map(of));
        // What begins at a time of its own begins then.
        set(7200);
        assert_eq!(told(16), of("valid"));
    });
}

#[test]
fn times_mean_what_they_say_after_a_clock_was_ahead() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let person = holder(&me);
        let begun = chrono::Utc::now();
        let day = |days: i64| (begun + chrono::Duration::days(days)).to_rfc3339();
        let set = |days: i64| {
            server.send("POST", "/sandbox/clock", &[], Some(json!({"set": day(days)}).to_string().as_bytes())).expect(200);
            server.forget_tokens();
        };
        let give = |kind: &str, number: u32, period: Value| {
            let effect = if kind == "record-block" { "deny" } else { "permit" };
            let mut given = consent(&me, kind, effect, party(&psidnat(number)));
            if period.is_object() {
                given["provision"]["period"] = period;
            }
            server.create(&person, &given).expect(201);
        };
        let told = || -> Vec<(u32, String, u16)> {
            let one = |number| {
                let who = professional(number, "10");
                (number, status(&server, &who, &me), reads(&server, &who, &letter))
            };
            (11..17).map(one).collect()
        };
        let of = |all: [&str; 6]| -> Vec<(u32, String, u16)> {
            (11..17).zip(all).map(|(number, told)| (number, told.to_owned(), if told == "valid" { 200 } else { 404 })).collect()
        };
        set(42);
        give("record-access", 11, Value::Null);
        set(0);
        give("record-access", 12, json!({"start": day(10)}));
        give("record-access", 13, json!({"end": day(7)}));
        give("record-access", 14, Value::Null);
        give("record-block", 14, json!({"end": day(7)}));
        give("record-block", 15, json!({"end": day(7)}));
        give("record-access", 15, Value::Null);
        give("record-block", 16, json!({"end": day(7)}));
        // What that clock wrote is not in force before its time.
        assert_eq!(told(), of(["none", "none", "valid", "blocked", "blocked", "blocked"]));
        set(8);
        give("record-access", 16, Value::Null);
        // After a block a new right is needed.
        assert_eq!(told(), of(["none", "none", "expired", "expired", "none", "valid"]));
        set(11);
        assert_eq!(told(), of(["none", "valid", "expired", "expired", "none", "valid"]));
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
