//! Writes that meet: the same push again, other writers in the way, values that a database cannot take.

use serde_json::{Value, json};

use crate::support::build::{INS, consent, document, holder, ins, party, patient, professional, psidnat, service, structure};
use crate::support::{Backend, Server, on_both, query};

const HOSPITAL: &str = "1750000018";

fn with_person(backend: Backend) -> (Server, String) {
    let server = Server::empty(backend);
    let me = ins(1);
    server.create(&service("operator"), &patient(&me)).expect(201);
    (server, me)
}

fn withdraw() -> Value {
    json!([{"op": "replace", "path": "/status", "value": "entered-in-error"}])
}

/// The status of each, all at once.
fn at_once<T: Send>(work: Vec<impl FnOnce() -> T + Send>) -> Vec<T> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = work.into_iter().map(|one| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn the_same_content_is_known_however_it_is_written() {
    on_both(|backend| {
        let (server, me) = with_person(backend);
        let push = document(&me, "11490-0", 1).json();
        let first = server.create(&structure(HOSPITAL), &push).expect(201);
        let backwards: serde_json::Map<String, Value> = push.as_object().unwrap().clone().into_iter().rev().collect();
        let mut broken = push.clone();
        let data = broken["content"][0]["attachment"]["data"].as_str().unwrap().to_owned();
        broken["content"][0]["attachment"]["data"] = format!("{}\n {}", &data[..4], &data[4..]).into();
        let mut other = push.clone();
        other["description"] = "autre".into();
        for (what, body, status) in
            [("in another order", Value::Object(backwards), 201), ("in lines", broken, 201), ("another content", other, 409)]
        {
            let again = server.create(&structure(HOSPITAL), &body);
            assert_eq!(again.status, status, "{what}: {}", again.text());
            if status == 201 {
                assert_eq!(again.json()["id"], first["id"], "{what}");
            }
        }
    });
}

#[test]
fn a_withdrawn_document_is_not_pushed_again() {
    on_both(|backend| {
        let (server, me) = with_person(backend);
        let push = document(&me, "11490-0", 1).json();
        let id = server.create(&structure(HOSPITAL), &push).id();
        server.fhir(&structure(HOSPITAL), "PATCH", &format!("DocumentReference/{id}"), Some(&withdraw())).expect(200);
        let again = server.create(&structure(HOSPITAL), &push);
        assert_eq!((again.status, again.issue().0.as_str()), (409, "conflict"), "{}", again.text());
        server.create(&structure(HOSPITAL), &document(&me, "11490-0", 2).json()).expect(201);
    });
}

#[test]
fn identifiers_of_any_length_are_known_again() {
    on_both(|backend| {
        let (server, me) = with_person(backend);
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        // Without any repetition that a database could press.
        let long = |seed: u64, count: usize| {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                char::from(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._"[usize::try_from(state >> 58).unwrap()])
            };
            (0..count).map(|_| next()).collect::<String>()
        };
        for (number, length) in [(1, 199), (2, 700), (3, 6_000), (4, 100_000)] {
            let (master, text) = (long(number, length), long(number + 10, length));
            let push = |master: &str| {
                document(&me, "11490-0", u32::try_from(number).unwrap())
                    .with("masterIdentifier", json!({"system": "urn:x", "value": master}))
                    .with("identifier", json!([{"system": text, "value": text}]))
                    .with("description", text.clone().into())
                    .with("context", json!({"related": [{"reference": format!("urn:x:{text}")}]}))
                    .json()
            };
            let first = server.create(&structure(HOSPITAL), &push(&master));
            let again = server.create(&structure(HOSPITAL), &push(&master));
            assert_eq!((first.status, again.status, first.text()), (201, 201, again.text()), "{length}");
            // Apart in their last character only.
            let near = format!("{}{}", &master[..length - 1], if master.ends_with('a') { "b" } else { "a" });
            let near = server.create(&structure(HOSPITAL), &push(&near)).expect(201);
            assert_ne!(near["id"], first.json()["id"], "{length}");
            let asked = long(number, length.min(4_000));
            let found = server.get(
                &professional(1, "10"),
                &format!("DocumentReference{}", query(&[("patient.identifier", &format!("{INS}|{me}")), ("identifier", &asked)])),
            );
            assert!(found.status == 200 && (length > 4_000 || found.matches().contains(&first.id())), "{length}: {}", found.text());
            let replaces = json!([{"code": "replaces", "target": {"identifier": {"system": text, "value": text}}}]);
            let by_identifier = document(&me, "11490-0", 50).with("relatesTo", replaces).json();
            assert_eq!(server.create(&structure(HOSPITAL), &by_identifier).status, 422, "two have this identifier");
        }
    });
}

#[test]
fn a_null_character_is_never_our_fault() {
    on_both(|backend| {
        let (server, me) = with_person(backend);
        let letter = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json()).id();
        let with = |value: Value| document(&me, "11490-0", 2).with("subject", value).json();
        let bodies = [
            ("a conditional subject", with(json!({"reference": format!("Patient?identifier={INS}%7C%00")})), 422),
            (
                "beside a good one",
                with(json!({"reference": format!("Patient?identifier={INS}%7C{me}%00"), "identifier": {"system": INS, "value": me}})),
                422,
            ),
            ("an escaped one", with(json!({"identifier": {"system": INS, "value": "a\0b"}})), 422),
            ("in a text", document(&me, "11490-0", 3).with("description", "a\0b".into()).json(), 422),
            ("in a master identifier", document(&me, "11490-0", 4).with("masterIdentifier", json!({"value": "a\0b"})).json(), 422),
        ];
        for (what, body, status) in bodies {
            let answer = server.create(&structure(HOSPITAL), &body);
            assert_eq!(answer.status, status, "{what}: {}", answer.text());
        }
        for who in [holder(&me), professional(1, "10"), structure(HOSPITAL), service("operator"), service("auditor"), service("tester")] {
            for path in [
                "DocumentReference/a%00b".to_owned(),
                "DocumentReference/a/_history/%00".to_owned(),
                "DocumentReference?patient=%00".to_owned(),
                "DocumentReference?patient.identifier=a%7C%00".to_owned(),
                "DocumentReference?_id=a%00".to_owned(),
                "DocumentReference?identifier=%00&patient=x".to_owned(),
                "DocumentReference?%00=1&patient=x".to_owned(),
                "DocumentReference?_cursor=%00".to_owned(),
                "DocumentReference?_sort=%00&patient=x".to_owned(),
                "DocumentReference?_elements=%00&patient=x".to_owned(),
                "DocumentReference?_format=%00&patient=x".to_owned(),
                format!("Patient?identifier={INS}%7C%00"),
                "AuditEvent?entity=%00".to_owned(),
                "AuditEvent?agent.identifier=a%7C%00".to_owned(),
                "%00/1".to_owned(),
            ] {
                let answer = server.get(&who, &path);
                assert!(answer.status < 500, "{who} {path}: {} {}", answer.status, answer.text());
            }
        }
        let condition = [("content-type", "application/fhir+json"), ("if-none-exist", "identifier=a%00")];
        let body = document(&me, "11490-0", 5).json().to_string();
        assert_eq!(server.fhir_with(&structure(HOSPITAL), "POST", "DocumentReference", &condition, Some(body.as_bytes())).status, 400);
        let label = json!([{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "a\0b"}]}}]);
        assert_eq!(server.fhir(&structure(HOSPITAL), "PATCH", &format!("DocumentReference/{letter}"), Some(&label)).status, 422);
        let token = json!({"kind": "professional", "id": psidnat(1), "profession": "10", "family": "a\0b"}).to_string();
        assert_eq!(server.send("POST", "/sandbox/token", &[], Some(token.as_bytes())).status, 400);
        server.get(&holder(&me), &format!("DocumentReference/{letter}")).expect(200);
    });
}

#[test]
fn replacements_that_cross_are_each_done_once() {
    on_both(|backend| {
        let (server, me) = with_person(backend);
        server.token(&structure(HOSPITAL));
        for round in 0..6_u32 {
            let deposit = |number: u32| server.create(&structure(HOSPITAL), &document(&me, "11490-0", 100 * round + number).json()).id();
            let former = [deposit(1), deposit(2)];
            let next = |number: u32, order: [usize; 2]| {
                let relation =
                    |at: usize| json!({"code": "replaces", "target": {"reference": format!("DocumentReference/{}", former[at])}});
                document(&me, "11490-0", 100 * round + number).with("relatesTo", json!([relation(order[0]), relation(order[1])])).json()
            };
            let bodies: Vec<Value> = (0..6_u32).map(|number| next(10 + number, if number % 2 == 0 { [0, 1] } else { [1, 0] })).collect();
            let server = &server;
            let answers = at_once(bodies.iter().map(|body| move || server.create(&structure(HOSPITAL), body)).collect());
            for answer in answers {
                assert_eq!(answer.status, 201, "{}", answer.text());
            }
            for id in &former {
                let replaced = server.get(&structure(HOSPITAL), &format!("DocumentReference/{id}")).expect(200);
                assert_eq!((replaced["status"].as_str(), replaced["meta"]["versionId"].as_str()), (Some("superseded"), Some("7")));
            }
        }
    });
}

#[test]
fn nobody_who_set_no_condition_is_told_of_one() {
    on_both(|backend| {
        let (server, me) = with_person(backend);
        let path = format!("DocumentReference/{}", server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json()).id());
        server.token(&structure(HOSPITAL));
        let archived = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived";
        let (server, path) = (&server, path.as_str());
        let patch = |condition: Option<&'static str>, flag: bool| {
            move || {
                let body = json!([{"op": "add", "path": "/extension", "value": [{"url": archived, "valueBoolean": flag}]}]);
                let mut headers = vec![("content-type", "application/json-patch+json")];
                headers.extend(condition.map(|tag| ("if-match", tag)));
                server.fhir_with(&structure(HOSPITAL), "PATCH", path, &headers, Some(body.to_string().as_bytes())).status
            }
        };
        assert_eq!(at_once((0..8).map(|number| patch(None, number % 2 == 0)).collect()), [200; 8], "without a condition");
        let version = server.get(&structure(HOSPITAL), path).expect(200)["meta"]["versionId"].as_str().unwrap().parse::<u32>().unwrap();
        assert!((2..=9).contains(&version), "{version}");
        // With one, whoever is first: the others hold an old version.
        let tag: &'static str = format!("W/\"{version}\"").leak();
        let flag = server.get(&structure(HOSPITAL), path).text().contains("true");
        let mut told = at_once((0..8).map(|_| patch(Some(tag), !flag)).collect());
        told.sort_unstable();
        assert_eq!(told, [200, 412, 412, 412, 412, 412, 412, 412]);
    });
}
