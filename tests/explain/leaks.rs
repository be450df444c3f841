//! To whoever may not ask there is no such operation, whatever the id; to whoever may, what is hidden is absent.

use serde_json::{Value, json};

use super::{World, address, minor};
use crate::support::answer::Answer;
use crate::support::build::{INS, holder, ins, minor_ins, professional, representative, service, structure};
use crate::support::record::HOSPITAL;
use crate::support::{Server, on_both};

const ABSENT: &str = "01930000-0000-7000-8000-000000000000";

#[test]
fn to_others_it_is_no_operation_whatever_the_id() {
    on_both(|backend| {
        let world = World::new(backend);
        let server = &world.server;
        let application = json!({"kind": "application", "client": "app", "for": format!("{INS}|{}", world.me), "scope": "patient/*.rs"});
        let mut secret = professional(1, "10");
        secret["purpose"] = "bris_de_glace".into();
        secret["reason"] = "coma".into();
        let others = [
            professional(1, "10"),
            professional(3, "10"),
            professional(12, "28"),
            secret,
            structure(HOSPITAL),
            application,
            service("operator"),
            service("tester"),
        ];
        let body = json!({"resourceType": "Parameters", "parameter": [{"name": "profession", "valueString": "10"}]});
        for who in others {
            let before = traces(server, &world.me);
            for reference in world.seen.iter().chain(&world.hidden) {
                let (kind, id) = reference.split_once('/').unwrap();
                let unknown = |method: &str, body: Option<&Value>| server.fhir(&who, method, &format!("{kind}/{ABSENT}/$nothing"), body);
                for (method, path, body) in [
                    ("GET", address(reference, &[]), None),
                    ("GET", address(reference, &[("profession", "10")]), None),
                    ("GET", address(&format!("{kind}/{ABSENT}"), &[("ward", "1")]), None),
                    ("GET", address(&format!("{kind}/a_b"), &[]), None),
                    ("HEAD", address(reference, &[]), None),
                    ("PUT", address(reference, &[]), None),
                    ("POST", address(reference, &[]), Some(&body)),
                ] {
                    let asked = server.fhir(&who, method, &path, body);
                    let expected = unknown(method, body);
                    assert_eq!(asked.status, 400, "{who} {method} {path}");
                    let shape = |answer: &Answer, name: &str| {
                        let (status, mut headers, text) = answer.shape(id);
                        // Of a body that nobody reads it depends on when it came.
                        headers.retain(|header| header != "connection");
                        (status, headers, text.replace(name, "$NAME"))
                    };
                    assert_eq!(shape(&asked, "$explain-access"), shape(&expected, "$nothing"), "{who} {method} {path}");
                }
                let entry = |name: &str, id: &str| {
                    let entry = json!([{"request": {"method": "GET", "url": format!("{kind}/{id}/{name}")}}]);
                    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": entry});
                    let answer = server.fhir(&who, "POST", "", Some(&bundle));
                    (answer.status, answer.text().replace(name, "$NAME"))
                };
                assert_eq!(entry("$explain-access", id), entry("$nothing", ABSENT), "{who} {reference}");
            }
            assert_eq!(traces(server, &world.me), before, "{who}: what is no operation leaves no trace");
        }
    });
}

/// How many traces of operations the record has.
fn traces(server: &Server, me: &str) -> usize {
    server.get(&holder(me), "AuditEvent?subtype=operation").matches().len()
}

#[test]
fn what_is_hidden_is_absent_to_the_person_and_to_representatives() {
    on_both(|backend| {
        let world = World::new(backend);
        let server = &world.server;
        let (parent, open, secret) = minor(server);
        server.get(&parent, &address(&open, &[])).expect(200);
        server.get(&parent, &address(&open, &[("profession", "10")])).expect(200);
        let mut cases: Vec<(Value, &String)> = world.hidden.iter().map(|one| (holder(&world.me), one)).collect();
        cases.push((parent.clone(), &secret));
        cases.push((parent, &world.seen[0]));
        // Nobody's representative, and a minor herself.
        cases.push((representative(&ins(31), &minor_ins(1)), &open));
        cases.extend(world.seen.iter().map(|one| (holder(&ins(2)), one)));
        for (number, (who, reference)) in cases.into_iter().enumerate() {
            let (kind, id) = reference.split_once('/').unwrap();
            let absent = format!("01930000-0000-7000-8000-{number:012}");
            for pairs in [&[][..], &[("profession", "10")], &[("profession", "10"), ("actor", "810000000001")]] {
                let one = server.get(&who, &address(reference, pairs));
                let other = server.get(&who, &address(&format!("{kind}/{absent}"), pairs));
                assert_eq!((one.status, one.shape(id)), (404, other.shape(&absent)), "{who} {reference}");
            }
            // That one was deposited and withdrawn the traces tell the person whose it was.
            let count = |id: &str| server.get(&who, &format!("AuditEvent?entity={kind}/{id}&_total=accurate&_count=0"));
            if *reference == world.hidden[1] && who == holder(&world.me) {
                assert_eq!(count(id).expect(200)["total"], 2, "{who} {reference}");
            } else {
                assert_eq!(count(id).shape(id), count(&absent).shape(&absent), "{who} {reference}");
            }
        }
    });
}
