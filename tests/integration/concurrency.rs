//! Many at once: one wins, nobody is answered 5xx, nothing is lost (FHIR R4 http.html#concurrency).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::transactions::{entry, transaction};
use crate::support::answer::Answer;
use crate::support::build::{consent, document, holder, ins, party, patient, professional, psidnat, service, structure};
use crate::support::{Server, on_both};

const MANY: usize = 64;

/// The answers to as many requests at once, each made from its number.
fn at_once(
    server: &Server,
    who: &Value,
    request: impl Fn(usize) -> (&'static str, String, Vec<(&'static str, String)>, Value) + Sync,
) -> Vec<Answer> {
    server.token(who);
    std::thread::scope(|scope| {
        let one = |number: usize| {
            let request = &request;
            scope.spawn(move || {
                let (method, path, headers, body) = request(number);
                let mut all = vec![("content-type", "application/fhir+json")];
                all.extend(headers.iter().map(|(name, value)| (*name, value.as_str())));
                server.fhir_with(who, method, &path, &all, Some(body.to_string().as_bytes()))
            })
        };
        let threads: Vec<_> = (0..MANY).map(one).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn count(answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut by_status = BTreeMap::new();
    answers.iter().for_each(|answer| *by_status.entry(answer.status).or_default() += 1);
    by_status
}

#[test]
fn many_conditional_creates_make_one_resource() {
    on_both(|backend| {
        let server = Server::empty(backend);
        for (who, kind) in [(service("operator"), "Organization"), (service("tester"), "Observation")] {
            let answers = at_once(&server, &who, |_| {
                let mut resource = json!({"resourceType": kind, "identifier": [{"system": "urn:x", "value": "1"}]});
                match kind {
                    "Organization" => resource["name"] = "O".into(),
                    _ => (resource["status"], resource["code"]) = ("final".into(), json!({"text": "x"})),
                }
                ("POST", kind.to_owned(), vec![("if-none-exist", "identifier=urn:x|1".to_owned())], resource)
            });
            assert_eq!(count(&answers), BTreeMap::from([(200, MANY - 1), (201, 1)]), "{kind}");
            assert_eq!(server.get(&who, kind).matches().len(), 1);
        }
    });
}

#[test]
fn of_many_updates_of_one_version_one_wins() {
    on_both(|backend| {
        let server = Server::empty(backend);
        for (who, kind) in [(service("operator"), "Organization"), (service("tester"), "Organization")] {
            let id = server.create(&who, &json!({"resourceType": kind, "name": "O"})).id();
            for round in 1..=3 {
                let answers = at_once(&server, &who, |number| {
                    let resource = json!({"resourceType": kind, "id": id, "name": format!("O{number}")});
                    ("PUT", format!("{kind}/{id}"), vec![("if-match", format!("W/\"{round}\""))], resource)
                });
                assert_eq!(count(&answers), BTreeMap::from([(200, 1), (412, MANY - 1)]), "{who} {round}");
                let won = answers.iter().find(|answer| answer.status == 200).unwrap().json();
                assert_eq!(server.get(&who, &format!("{kind}/{id}")).json()["name"], won["name"]);
            }
        }
    });
}

#[test]
fn many_transactions_on_the_same_resources_are_all_done() {
    on_both(|backend| {
        let server = Server::empty(backend);
        for who in [service("operator"), service("tester")] {
            let ids: Vec<String> =
                (0..4).map(|n| server.create(&who, &json!({"resourceType": "Organization", "name": format!("O{n}")})).id()).collect();
            // Every one in another order.
            let answers = at_once(&server, &who, |number| {
                let put = |n: usize| {
                    let id = &ids[(n + number) % ids.len()];
                    entry(
                        "PUT",
                        &format!("Organization/{id}"),
                        Some(json!({"resourceType": "Organization", "id": id, "name": format!("T{number}")})),
                    )
                };
                let mut entries: Vec<Value> = (0..ids.len()).map(put).collect();
                if number % 2 == 1 {
                    entries.reverse();
                }
                ("POST", String::new(), vec![], transaction(entries))
            });
            assert_eq!(count(&answers), BTreeMap::from([(200, MANY)]), "{who}");
            let now: Vec<Value> = ids.iter().map(|id| server.get(&who, &format!("Organization/{id}")).json()).collect();
            assert!(now.iter().all(|one| one["name"] == now[0]["name"]), "all of one, or none: {now:?}");
            let last = (MANY + 1).to_string();
            assert!(now.iter().all(|one| one["meta"]["versionId"] == last.as_str()), "none is lost: {now:?}");
        }
    });
}

#[test]
fn many_transactions_on_the_rights_of_one_person_are_all_done() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = ins(1);
        server.create(&service("operator"), &patient(&me)).expect(201);
        let given = |number: usize| {
            let given = consent(&me, "record-access", "permit", party(&psidnat(u32::try_from(number).unwrap())));
            entry("POST", "Consent", Some(given))
        };
        let first = server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(900)))).expect(201);
        let id = first["id"].as_str().unwrap();
        // Half write a right again while the others add some.
        let answers = at_once(&server, &holder(&me), |number| match number % 2 {
            0 => ("POST", String::new(), vec![], transaction(vec![given(number), given(100 + number)])),
            _ => ("PUT", format!("Consent/{id}"), vec![], first.clone()),
        });
        assert_eq!(count(&answers), BTreeMap::from([(200, MANY)]));
        assert_eq!(server.get(&holder(&me), "Consent?_summary=count").expect(200)["total"], MANY + 1);
        assert_eq!(server.get(&holder(&me), &format!("Consent/{id}")).header("etag"), format!("W/\"{}\"", MANY / 2 + 1));
    });
}

/// Reads that come at once may share a statement: each keeps the rights of who sent it, and a strange id spoils nothing for others.
#[test]
fn reads_at_once_answer_as_each_alone() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (me, hospital) = (ins(1), structure("1750000018"));
        server.create(&service("operator"), &patient(&me)).expect(201);
        for number in [1, 2] {
            server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(number)))).expect(201);
        }
        let seen = server.create(&hospital, &document(&me, "11490-0", 1).json()).expect(201);
        let masked = server.create(&hospital, &document(&me, "11490-0", 2).masked().json()).id();
        let hidden = server.create(&hospital, &document(&me, "11490-0", 3).hidden().json()).id();
        let of_tester = server.create(&service("tester"), &json!({"resourceType": "Organization", "name": "O"})).id();
        let binary = seen["content"][0]["attachment"]["url"].as_str().unwrap().to_owned();
        let seen = seen["id"].as_str().unwrap().to_owned();
        let callers = [
            professional(1, "10"),
            professional(2, "28"),
            professional(3, "10"),
            holder(&me),
            hospital,
            service("operator"),
            service("tester"),
        ];
        let paths = [
            format!("DocumentReference/{seen}"),
            format!("DocumentReference/{masked}"),
            format!("DocumentReference/{hidden}"),
            binary,
            format!("Organization/{of_tester}"),
            format!("Patient/{seen}"),
            "DocumentReference/01930000-0000-7000-8000-000000000000".to_owned(),
            "DocumentReference/a%00b".to_owned(),
        ];
        let read = |who: &Value, path: &str| {
            let answer = server.get(who, path);
            (answer.status, if answer.status == 200 { answer.text() } else { String::new() })
        };
        let cases: Vec<_> = callers.iter().flat_map(|who| paths.iter().map(move |path| (who, path))).collect();
        let alone: Vec<_> = cases.iter().map(|(who, path)| read(who, path)).collect();
        let found = alone.iter().filter(|(status, _)| *status == 200).count();
        assert!(found > 5 && found < alone.len() / 2, "{alone:?}");
        for _ in 0..4 {
            let together: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = cases.iter().map(|(who, path)| scope.spawn(|| read(who, path))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            for ((case, alone), together) in cases.iter().zip(&alone).zip(&together) {
                assert_eq!(alone, together, "{case:?}");
            }
        }
    });
}
