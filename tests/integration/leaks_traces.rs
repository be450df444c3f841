//! P1 of traces: they tell nobody of what it may not see, and the person of every request.

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::build::{
    INS, collected, consent, document, holder, ins, party, patient, professional, psidnat, representative, service, structure,
};
use crate::support::record::{HOSPITAL, minor, with_minor};
use crate::support::{Server, on_both};

/// What traces tell, newest first: without when, under which request and which trace, and with the id that was asked as `ID`.
fn told(answer: &Answer, asked: &[(String, String)]) -> Vec<String> {
    let bundle = answer.expect(200);
    let events: Vec<Value> = match bundle["resourceType"].as_str() {
        Some("Bundle") => bundle["entry"].as_array().into_iter().flatten().map(|entry| entry["resource"].clone()).collect(),
        _ => vec![bundle],
    };
    let one = |mut event: Value| {
        let members = event.as_object_mut().unwrap();
        for name in ["id", "meta", "recorded"] {
            members.remove(name);
        }
        let transaction = |entity: &Value| entity["type"]["code"] == "XrequestId";
        members["entity"].as_array_mut().unwrap().retain(|entity| !transaction(entity));
        for entity in members["entity"].as_array_mut().unwrap() {
            if let Some(query) = entity["query"].as_str().map(decoded) {
                entity["query"] = query.into();
            }
        }
        let named = asked.iter().fold(event.to_string(), |text, (id, name)| text.replace(id, name));
        // Ids that came before are only ids.
        let parts = named.split("AuditEvent/0").enumerate().map(|(at, part)| if at == 0 { part } else { &part[35..] });
        parts.collect::<Vec<_>>().join("AuditEvent/BEFORE")
    };
    events.into_iter().map(one).collect()
}

fn decoded(text: &str) -> String {
    use base64::Engine;
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).unwrap()).unwrap()
}

#[test]
fn ones_own_traces_do_not_tell_hidden_from_absent() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (me, other) = (ins(1), ins(2));
        for person in [&me, &other] {
            server.create(&service("operator"), &patient(person)).expect(201);
        }
        let (lina, parent) = minor(&server);
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let right = server.create(&holder(&other), &consent(&other, "record-access", "permit", party(&psidnat(9)))).id();
        let mut number = 0;
        let mut deposit = |of: &str, label: &str| {
            number += 1;
            let mut deposited = document(of, "11490-0", number);
            if !label.is_empty() {
                deposited = deposited.labelled(label);
            }
            server.create(&structure(HOSPITAL), &deposited.json()).id()
        };
        let (masked, foreign, hidden, secret, deleted) = (
            deposit(&me, "MASQUE_PS"),
            deposit(&other, ""),
            deposit(&me, "INVISIBLE_PATIENT"),
            deposit(&lina, "INVISIBLE_REPRESENTANTS_LEGAUX"),
            deposit(&me, ""),
        );
        let trace = server.get(&holder(&other), "AuditEvent?_count=1").matches()[0].clone();
        let secret_trace = server.get(&service("auditor"), &format!("AuditEvent?entity=DocumentReference/{secret}")).matches()[0].clone();
        let delete = json!([{"op": "replace", "path": "/status", "value": "entered-in-error"}]);
        server.fhir(&structure(HOSPITAL), "PATCH", &format!("DocumentReference/{deleted}"), Some(&delete)).expect(200);
        // One notice of what is recorded, one that is not told yet.
        server.create(&professional(8, "10"), &collected(&other, "record-access", party(&psidnat(8)))).expect(201);
        let notice = server.get(&holder(&other), "Communication").matches().swap_remove(0);
        // To the microsecond: a second that began before would be before the rights.
        let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        server.advance("P15D");
        let unsent = server.get(&holder(&me), "Communication").matches().swap_remove(0);
        server.send("POST", "/sandbox/clock", &[], Some(json!({"set": now}).to_string().as_bytes())).expect(200);
        server.forget_tokens();
        let people = |of: &str| server.get(&holder(of), "Patient").matches()[0].clone();
        let (mine, others) = (people(&me), people(&other));
        let cases: Vec<(Value, Vec<(&str, &str)>)> = vec![
            (
                professional(9, "10"),
                vec![
                    ("DocumentReference", &hidden),
                    ("Patient", &mine),
                    ("AuditEvent", &trace),
                    ("DocumentReference", &deleted),
                    ("Communication", &notice),
                ],
            ),
            (professional(1, "10"), vec![("DocumentReference", &masked), ("Consent", &right), ("DocumentReference", &deleted)]),
            (
                holder(&me),
                vec![
                    ("DocumentReference", &hidden),
                    ("DocumentReference", &foreign),
                    ("Patient", &others),
                    ("Consent", &right),
                    ("AuditEvent", &trace),
                    ("Communication", &notice),
                    ("Communication", &unsent),
                ],
            ),
            (parent, vec![("DocumentReference", &secret), ("DocumentReference", &foreign), ("AuditEvent", &secret_trace)]),
        ];
        let mut absent = 0;
        for (who, hidden) in &cases {
            for (kind, id) in hidden {
                let sequence = |id: &str| {
                    let total = |path: &str| server.get(who, path).expect(200)["total"].as_i64().unwrap();
                    // Twice, so that what came before is alike, too.
                    let begin = total("AuditEvent?_summary=count").min(total("AuditEvent?_summary=count"));
                    let (mut all, mut names) = (Vec::new(), vec![(id.to_owned(), "ID".to_owned())]);
                    for (method, path) in [
                        ("GET", format!("{kind}/{id}")),
                        ("GET", format!("{kind}/{id}/_history/1")),
                        ("PATCH", format!("{kind}/{id}")),
                        ("DELETE", format!("{kind}/{id}")),
                        ("GET", format!("{kind}?patient={id}")),
                    ] {
                        server.fhir(who, method, &path, (method == "PATCH").then_some(&delete));
                        // The trace it left, and that of reading it.
                        for round in 0..2 {
                            let list = server.get(who, "AuditEvent?_count=3");
                            let newest = list.matches()[0].clone();
                            // The list itself leaves the next newest.
                            let read = server.get(who, &format!("AuditEvent/{newest}"));
                            names.push((newest, format!("{method}{round}")));
                            all.extend([told(&list, &names), told(&read, &names)]);
                        }
                        let found = total(&format!("AuditEvent?entity={kind}/{id}&_summary=count"));
                        let grown = total("AuditEvent?_summary=count") - begin;
                        all.push(vec![format!("{method} {found} {grown}")]);
                    }
                    all
                };
                absent += 1;
                let missing = sequence(&format!("01930000-0000-7000-8000-{absent:012}"));
                for (hidden, missing) in sequence(id).iter().zip(&missing) {
                    assert_eq!(hidden, missing, "{who} {kind}");
                }
            }
        }
    });
}

/// The traces a reader finds of the searches of documents by this professional, newest first: their queries, and whether a rule shows.
fn searches(server: &Server, who: &Value, number: u32) -> Vec<(Option<String>, bool)> {
    let actor = psidnat(number);
    let traces = server.get(who, &format!("AuditEvent?_count=100&subtype=search-type&agent:identifier={actor}")).expect(200);
    let entries = traces["entry"].as_array().cloned().unwrap_or_default();
    let one = |entry: &Value| {
        let event = &entry["resource"];
        let query = event["entity"].as_array().unwrap().iter().find_map(|entity| entity["query"].as_str().map(decoded));
        (query, event["agent"][0].get("policy").is_some())
    };
    entries.iter().map(one).collect()
}

#[test]
fn a_search_that_found_what_is_hidden_names_nothing() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = ins(1);
        server.create(&service("operator"), &patient(&me)).expect(201);
        let space = server.get(&holder(&me), "Patient").matches()[0].clone();
        server.create(&holder(&me), &consent(&me, "treating-physician", "permit", party(&psidnat(5)))).expect(201);
        let mut number = 0;
        let mut deposit = |hidden: bool| {
            number += 1;
            let one = document(&me, "11490-0", number).by(&psidnat(6));
            server.create(&structure(HOSPITAL), &if hidden { one.hidden() } else { one }.json()).id()
        };
        let (h1, h2, seen, later) = (deposit(true), deposit(true), deposit(false), deposit(false));
        server.get(&holder(&me), &format!("DocumentReference/{seen}")).expect(200);
        let (who, ids) = (professional(5, "10"), [[&h1, &h2], [&h1, &seen], [&seen, &later]]);
        for pair in ids {
            let path = format!("DocumentReference?patient={space}&_id={},{}", pair[0], pair[1]);
            assert_eq!(server.get(&who, &path).matches().len(), 2);
        }
        let query = |pair: [&String; 2]| Some(format!("DocumentReference?patient={space}&_id={}%2C{}", pair[0], pair[1]));
        let shown = |pair| (query(pair), true);
        let mine = || searches(&server, &holder(&me), 5);
        assert_eq!(mine(), [shown(ids[2]), (None, false), (None, false)]);
        // Its own actor is told what it asked, auditors are told all.
        assert_eq!(searches(&server, &who, 5).iter().filter(|(query, _)| query.as_ref().is_some_and(|q| q.contains(&h1))).count(), 2);
        assert_eq!(searches(&server, &service("auditor"), 5).iter().filter(|(query, _)| query.is_none()).count(), 0);
        // Labels put on and taken off later are followed.
        let hide = json!([{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "INVISIBLE_PATIENT"}]}}]);
        let announce = json!([{"op": "replace", "path": "/securityLabel/0", "value": {"coding": [{"code": "N"}]}}]);
        let patch = |id: &str, operations: &Value| {
            server.fhir(&structure(HOSPITAL), "PATCH", &format!("DocumentReference/{id}"), Some(operations)).expect(200);
        };
        patch(&later, &hide);
        assert_eq!(mine(), [(None, false), (None, false), (None, false)]);
        patch(&h1, &announce);
        assert_eq!(mine(), [(None, false), shown(ids[1]), (None, false)]);
        patch(&h2, &announce);
        patch(&later, &announce);
        assert_eq!(mine(), [shown(ids[2]), shown(ids[1]), shown(ids[0])]);
        // Nor by a part of what it found, a count, a question on traces, or one that reaches through references.
        let h4 = deposit(true);
        let related = json!({"related": [{"reference": format!("DocumentReference/{h4}")}]});
        let one = document(&me, "11490-0", 40).with("context", related).json();
        let relating = server.create(&structure(HOSPITAL), &one).id();
        server.get(&who, &format!("DocumentReference/{h4}")).expect(200);
        let first = server.get(&who, &format!("DocumentReference?patient={space}&_id={h4},{seen}&_count=1"));
        assert_eq!(first.matches(), [h4.as_str()]);
        assert_eq!(server.get(&who, &first.link("next").unwrap()).matches(), [seen.as_str()]);
        server.get(&who, &format!("DocumentReference?patient={space}&_id={h4},{seen}&_summary=count")).expect(200);
        server.get(&who, &format!("DocumentReference?patient={space}&related:DocumentReference.type=11490-0")).expect(200);
        server.get(&who, &format!("AuditEvent?patient={space}&entity=DocumentReference/{h4}")).expect(200);
        assert_eq!(mine()[..5], vec![(None, false); 5]);
        patch(&h4, &announce);
        assert!(mine()[..5].iter().all(|(query, _)| query.is_some()), "once it is announced they are shown");
        server.get(&holder(&me), &format!("DocumentReference/{relating}")).expect(200);
        // The trace of a read names neither what is hidden nor the rules, which tell its type.
        let h3 = deposit(true);
        let whole = server.get(&who, &format!("DocumentReference/{h3}")).expect(200);
        let content = whole["content"][0]["attachment"]["url"].as_str().unwrap().to_owned();
        assert_eq!(server.get(&who, &content).status, 200);
        for event in server.get(&holder(&me), "AuditEvent?_count=2").expect(200)["entry"].as_array().unwrap() {
            let text = event["resource"].to_string();
            assert!(!text.contains(&h3) && !text.contains("Binary") && !text.contains("policy"), "{text}");
        }
    });
}

#[test]
fn what_is_hidden_from_representatives_leaves_no_sign_in_traces() {
    on_both(|backend| {
        let (server, lina, who) = with_minor(backend);
        server.create(&who, &consent(&lina, "record-access", "permit", party(&psidnat(5)))).expect(201);
        let deposit = |number: u32, secret: bool| {
            let one = document(&lina, "11490-0", number);
            let one = if secret { one.labelled("INVISIBLE_REPRESENTANTS_LEGAUX") } else { one };
            server.create(&structure(HOSPITAL), &one.json()).id()
        };
        let (s1, s2, v1, v2) = (deposit(1, true), deposit(2, true), deposit(3, false), deposit(4, false));
        let space = server.get(&who, "Patient").matches()[0].clone();
        let total = || server.get(&who, "AuditEvent?_summary=count").expect(200)["total"].as_i64().unwrap();
        let search = |ids: [&str; 2]| {
            let before = total();
            let path = format!("DocumentReference?patient={space}&_id={},{}", ids[0], ids[1]);
            assert_eq!(server.get(&professional(5, "10"), &path).matches().len(), 2);
            // The counting itself leaves a trace, too.
            total() - before - 1
        };
        assert_eq!((search([&s1, &s2]), search([&s1, &v1]), search([&v1, &v2])), (0, 1, 1));
        let seen = searches(&server, &who, 5);
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0], seen[1], "one that found a secret looks as one that did not");
        let text = server.get(&who, "AuditEvent?_count=200").expect(200).to_string();
        assert!(!text.contains(&s1) && !text.contains(&s2));
    });
}

#[test]
fn the_person_finds_refused_requests() {
    on_both(|backend| {
        let server = Server::start(backend, &[]);
        let me = ins(1);
        server.create(&service("operator"), &patient(&me)).expect(201);
        let letter = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json()).id();
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(5)))).expect(201);
        let whole = server.get(&holder(&me), &format!("DocumentReference/{letter}")).expect(200);
        let content = whole["content"][0]["attachment"]["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let trace = server.get(&holder(&me), "AuditEvent?_count=1").matches()[0].clone();
        let people = server.send("GET", "/sandbox/people", &[], None).expect(200);
        let closed = people["holders"].as_array().unwrap().iter().find(|one| one["state"] == "closed").unwrap().clone();
        let closed_ins = closed["ins"].as_str().unwrap().rsplit('|').next().unwrap().to_owned();
        let mut occupational = professional(9, "10");
        occupational["sector"] = "SA13".into();
        // The newest trace that this person finds: by whom, of what, with which status.
        let newest = |who: &Value| {
            let event = server.get(who, "AuditEvent?_count=1").expect(200)["entry"][0]["resource"].clone();
            let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            (text("/agent/0/who/identifier/value"), text("/subtype/0/code"), text("/outcomeDesc"))
        };
        let expected = |by: &str, what: &str, status: u16| (by.to_owned(), what.to_owned(), format!("HTTP {status}"));
        let deposit = |who: &Value, ins: &str| server.create(who, &document(ins, "11490-0", 90).json());
        let unknown = deposit(&structure(HOSPITAL), &ins(77));
        let into_closed = deposit(&structure(HOSPITAL), &closed_ins);
        assert_eq!((into_closed.status, into_closed.text()), (422, unknown.text()));
        assert_eq!(newest(&closed["token"]), expected(HOSPITAL, "create", 422));
        assert_eq!(deposit(&occupational, &me).text(), unknown.text());
        assert_eq!(newest(&holder(&me)), expected(&psidnat(9), "create", 422));
        for kind in ["record-access", "treating-physician"] {
            let mut of_closed = consent(&closed_ins, kind, "permit", party(&psidnat(8)));
            of_closed["verification"] = json!([{"verified": true, "verifiedWith": {"identifier": {"system": INS, "value": closed_ins}}}]);
            assert_eq!(server.create(&professional(8, "10"), &of_closed).status, 422);
            assert_eq!(newest(&closed["token"]), expected(&psidnat(8), "create", 422));
        }
        for who in [professional(8, "10"), structure("1690000027"), service("operator"), holder(&ins(2))] {
            assert_eq!(server.get(&who, &format!("AuditEvent/{trace}")).status, 404);
            let by = newest(&holder(&me));
            assert_eq!((by.1.as_str(), by.2.as_str()), ("read", "HTTP 404"), "{who}");
        }
        // A representative by claim alone is found out, whatever it asks for.
        let claimed = representative(&ins(30), &me);
        for path in [format!("DocumentReference/{letter}"), "DocumentReference/absent".into()] {
            assert_eq!(server.get(&claimed, &path).status, 404);
            assert_eq!(newest(&holder(&me)).2, "HTTP 404", "{path}");
        }
        // That a content is of no wanted kind tells its kind: it is traced before it is said.
        for path in [format!("Binary/{content}"), format!("Binary/{content}/_history/1")] {
            let picture = |who: &Value| server.fhir_with(who, "GET", &path, &[("accept", "image/png")], None);
            assert_eq!(picture(&professional(5, "10")).status, 406);
            assert_eq!(newest(&holder(&me)), expected(&psidnat(5), if path.contains("_history") { "vread" } else { "read" }, 406));
            assert_eq!(picture(&professional(8, "10")).status, 404);
        }
    });
}
