//! P1: what a caller may not see changes nothing in what it is answered.

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::build::{
    INS, collected, consent, document, holder, ins, minor_ins, party, patient, professional, psidnat, representative, service, structure,
};
use crate::support::{Backend, Server, on_both, query};

const HOSPITAL: &str = "1750000018";
const ABSENT: &str = "01930000-0000-7000-8000-000000000000";

#[test]
fn hidden_and_absent_answer_alike() {
    on_both(alike);
}

fn alike(backend: Backend) {
    let server = Server::empty(backend);
    let (me, other) = (ins(1), ins(2));
    for person in [&me, &other] {
        server.create(&service("operator"), &patient(person)).expect(201);
    }
    let patient_id = |ins: &str| {
        let found = server.get(&holder(ins), "Patient").matches();
        found[0].clone()
    };
    let (mine, others) = (patient_id(&me), patient_id(&other));
    for number in [1, 2] {
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(number)))).expect(201);
    }
    let right = server.create(&holder(&other), &consent(&other, "record-access", "permit", party(&psidnat(9))));
    let (right, masked, foreign, hidden) = (
        right.id(),
        server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).masked().json()).id(),
        server.create(&structure(HOSPITAL), &document(&other, "11490-0", 2).json()).id(),
        server.create(&structure(HOSPITAL), &document(&me, "11490-0", 3).hidden().json()).id(),
    );
    let whole = server.get(&structure(HOSPITAL), &format!("DocumentReference/{foreign}")).expect(200);
    let binary = whole["content"][0]["attachment"]["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let trace = server.get(&holder(&other), "AuditEvent?_count=1").matches()[0].clone();
    // What is recorded by a professional is told to the person.
    server.create(&professional(8, "10"), &collected(&other, "record-access", party(&psidnat(8)))).expect(201);
    let notice = server.get(&holder(&other), "Communication").matches().swap_remove(0);
    let deleted = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 4).json()).id();
    let delete = json!([{"op": "replace", "path": "/status", "value": "entered-in-error"}]);
    server.fhir(&structure(HOSPITAL), "PATCH", &format!("DocumentReference/{deleted}"), Some(&delete)).expect(200);

    let (physician, optician, stranger) = (professional(1, "10"), professional(2, "28"), professional(3, "10"));
    // Who, and what of which type is hidden from it.
    let cases: Vec<(Value, Vec<(&str, &str)>)> = vec![
        (
            physician.clone(),
            vec![
                ("DocumentReference", &masked),
                ("DocumentReference", &foreign),
                ("DocumentReference", &deleted),
                ("Binary", &binary),
                ("Patient", &others),
                ("Consent", &right),
                ("AuditEvent", &trace),
                ("Communication", &notice),
            ],
        ),
        (optician, vec![("DocumentReference", &masked), ("DocumentReference", &hidden), ("DocumentReference", &foreign)]),
        (stranger.clone(), vec![("DocumentReference", &hidden), ("Patient", &mine), ("Consent", &right), ("Binary", &binary)]),
        (structure(HOSPITAL), vec![("Binary", &binary), ("DocumentReference", &deleted), ("Communication", &notice)]),
        (structure("1690000027"), vec![("DocumentReference", &foreign), ("Binary", &binary)]),
        (
            holder(&me),
            vec![
                ("DocumentReference", &hidden),
                ("DocumentReference", &foreign),
                ("Patient", &others),
                ("AuditEvent", &trace),
                ("Consent", &right),
                ("Communication", &notice),
            ],
        ),
        (representative(&ins(5), &me), vec![("DocumentReference", &masked), ("Patient", &mine)]),
        (service("operator"), vec![("DocumentReference", &foreign), ("Binary", &binary), ("Consent", &right)]),
        (service("auditor"), vec![("DocumentReference", &foreign), ("Patient", &mine)]),
        (service("tester"), vec![("DocumentReference", &foreign), ("Patient", &mine), ("Binary", &binary)]),
        (
            json!({"kind": "application", "client": "app", "for": format!("{INS}|{me}"), "scope": "patient/*.rs"}),
            vec![("DocumentReference", &masked), ("Patient", &mine)],
        ),
    ];
    let mask = json!([{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "MASQUE_PS"}]}}]);
    let mut number = 0;
    for (who, hidden) in cases {
        for (kind, id) in hidden {
            // Another absent one each time: its traces must be as many as those of the hidden one.
            number += 1;
            let absent = format!("01930000-0000-7000-8000-{number:012}");
            let same = |method: &str, path: &dyn Fn(&str) -> String, body: Option<&Value>| {
                let (one, two) = (server.fhir(&who, method, &path(id), body), server.fhir(&who, method, &path(&absent), body));
                assert_eq!(one.shape(id), two.shape(&absent), "{who} {method} {}", path(id));
                one.status
            };
            assert_eq!(same("GET", &|id| format!("{kind}/{id}"), None), 404, "{who} {kind}");
            same("GET", &|id| format!("{kind}/{id}/_history/1"), None);
            same("GET", &|id| format!("{kind}/{id}/_history"), None);
            same("HEAD", &|id| format!("{kind}/{id}"), None);
            same("PATCH", &|id| format!("{kind}/{id}"), Some(&mask));
            same("GET", &|id| format!("{kind}?_id={id}&_total=accurate"), None);
            // An auditor sees everybody's traces: those of what exists are more.
            if who["kind"] != "auditor" {
                same("GET", &|id| format!("AuditEvent?entity={kind}/{id}&_total=accurate&_count=0"), None);
            }
            same("PUT", &|id| format!("{kind}/{id}"), Some(&json!({"resourceType": kind})));
        }
    }
    // A search that names somebody: the same refusal whether or not there is such a person.
    let unknown = ins(77);
    for path in ["DocumentReference", "Consent", "CareTeam", "RelatedPerson", "AuditEvent", "Communication"] {
        for parameter in ["patient.identifier", "patient:identifier"] {
            let ask = |ins: &str| server.get(&stranger, &format!("{path}{}", query(&[(parameter, &format!("{INS}|{ins}"))])));
            let (known, not) = (ask(&me), ask(&unknown));
            assert_eq!((known.status, known.shape(&me)), (403, not.shape(&unknown)), "{path} {parameter}");
        }
        let ask = |id: &str| server.get(&stranger, &format!("{path}?patient={id}"));
        assert_eq!(ask(&mine).shape(&mine), ask(ABSENT).shape(ABSENT), "{path}");
    }
    // TD3.1b is always answered.
    let by_identifier = |ins: &str| {
        let identifier = format!("urn:ietf:rfc:3986|urn:oid:1.2.250.1.999.3.{ins}.3");
        server.get(
            &stranger,
            &format!("DocumentReference{}", query(&[("patient.identifier", &format!("{INS}|{ins}")), ("identifier", &identifier)])),
        )
    };
    assert_eq!((by_identifier(&me).status, by_identifier(&me).shape(&me)), (200, by_identifier(&unknown).shape(&unknown)));
    // Its own traces tell the stranger nothing either: every question above left as many for me as for the unknown.
    let own = server.get(&stranger, "AuditEvent?_count=200").expect(200);
    for entry in own["entry"].as_array().unwrap().iter().filter(|entry| entry["resource"]["outcome"] != "0") {
        let entities = entry["resource"]["entity"].as_array().unwrap();
        assert!(entities.iter().all(|entity| entity["role"]["code"] != "1"), "no patient is named: {entry}");
        assert!(entry["resource"]["agent"][0].get("policy").is_none(), "no rule is named: {entry}");
    }
    let own = own.to_string();
    let count = |ins: &str| own.matches(&base64(&format!("patient.identifier={}%7C{ins}", INS.replace(':', "%3A")))).count();
    assert_eq!(count(&me), count(&unknown));
    // A deposit does not say why there is no record.
    let (one, two) = (
        server.create(&professional(1, "10"), &document(&unknown, "11490-0", 1).json()),
        server.create(&professional(1, "10"), &document("280037511000000", "11490-0", 1).json()),
    );
    assert_eq!((one.status, one.text()), (422, two.text()));
    // What testers keep is theirs alone.
    let kept = server.create(&service("tester"), &json!({"resourceType": "Patient", "identifier": [{"system": INS, "value": me}]}));
    kept.expect(201);
    assert_eq!(server.get(&service("operator"), &format!("Patient/{}", kept.id())).status, 404);
    assert_eq!(server.get(&service("tester"), "Patient").matches(), [kept.id()]);
}

/// The start of a query as AuditEvent holds it, cut where base64 of another start would differ.
fn base64(text: &str) -> String {
    use base64::Engine;
    let whole = base64::engine::general_purpose::STANDARD.encode(format!("Consent?{text}"));
    whole[..whole.len() - 4].to_owned()
}

#[test]
fn conditional_patch_and_chains_stay_in_the_callers_scope() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = ins(1);
        server.create(&service("operator"), &patient(&me)).expect(201);
        server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json()).expect(201);
        let archive = json!([{"op": "replace", "path": "/status", "value": "superseded"}]);
        let path = |number: u32| {
            format!("DocumentReference{}", query(&[("identifier", &format!("urn:ietf:rfc:3986|urn:oid:1.2.250.1.999.3.{me}.{number}"))]))
        };
        let stranger = professional(3, "10");
        let (hidden, absent) =
            (server.fhir(&stranger, "PATCH", &path(1), Some(&archive)), server.fhir(&stranger, "PATCH", &path(9), Some(&archive)));
        assert_eq!((hidden.status, hidden.text()), (404, absent.text()));
        server.fhir(&structure(HOSPITAL), "PATCH", &path(1), Some(&archive)).expect(200);
        assert_eq!(server.fhir(&structure(HOSPITAL), "PATCH", "DocumentReference?status=current", Some(&archive)).status, 400);
        // A chain through a Patient the structure may not see finds nothing, whatever is asked.
        let chained = |family: &str| {
            let patient = format!("{INS}|{me}");
            server
                .get(
                    &structure(HOSPITAL),
                    &format!("DocumentReference{}", query(&[("patient.identifier", &patient), ("patient.family", family)])),
                )
                .matches()
        };
        assert_eq!((chained("Exemple").len(), chained("Autre").len()), (0, 0));
    });
}

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
        let (me, other, lina, parent) = (ins(1), ins(2), minor_ins(1), ins(20));
        for person in [&me, &other, &lina] {
            server.create(&service("operator"), &patient(person)).expect(201);
        }
        let related = json!({"resourceType": "RelatedPerson", "active": true, "patient": {"identifier": {"system": INS, "value": lina}},
            "identifier": [{"system": INS, "value": parent}]});
        server.create(&service("operator"), &related).expect(201);
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
        let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
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
            (
                representative(&parent, &lina),
                vec![("DocumentReference", &secret), ("DocumentReference", &foreign), ("AuditEvent", &secret_trace)],
            ),
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
        let server = Server::empty(backend);
        let (lina, parent) = (minor_ins(1), ins(20));
        let who = representative(&parent, &lina);
        server.create(&service("operator"), &patient(&lina)).expect(201);
        let related = json!({"resourceType": "RelatedPerson", "active": true, "patient": {"identifier": {"system": INS, "value": lina}},
            "identifier": [{"system": INS, "value": parent}]});
        server.create(&service("operator"), &related).expect(201);
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

#[test]
fn a_conditional_patch_tells_nothing_through_chains() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (me, other) = (ins(1), ins(2));
        for person in [&me, &other] {
            let mut space = patient(person);
            space["telecom"] = json!([{"system": "phone", "value": "0612345678"}]);
            server.create(&service("operator"), &space).expect(201);
        }
        let space = server.get(&holder(&other), "Patient").matches()[0].clone();
        let secret = server.create(&structure(HOSPITAL), &document(&other, "68599-0", 3).masked().json()).id();
        let who = professional(7, "10");
        let author = json!([{"reference": format!("Patient/{space}")}]);
        let related = json!({"related": [{"reference": format!("DocumentReference/{secret}")}]});
        let own = document(&me, "11490-0", 1).with("author", author).with("context", related).json();
        server.create(&who, &own).expect(201);
        let test = json!([{"op": "test", "path": "/status", "value": "current"}]);
        let identifier = format!("urn:ietf:rfc:3986|urn:oid:1.2.250.1.999.3.{me}.1");
        let ask = |pairs: &[(&str, &str)]| {
            let mut all = vec![("identifier", identifier.as_str())];
            all.extend(pairs);
            server.fhir(&who, "PATCH", &format!("DocumentReference{}", query(&all)), Some(&test))
        };
        assert_eq!(ask(&[]).status, 200);
        let none = server.fhir(&who, "PATCH", &format!("DocumentReference{}", query(&[("identifier", "urn:x|absent")])), Some(&test));
        for (chain, right, wrong) in [
            ("patient.phone", "0612345678", "0699999999"),
            ("patient.family", "Exemple", "Autre"),
            ("patient.birthdate", "1980-03-14", "1981-01-01"),
            ("author:Patient.phone", "0612345678", "0699999999"),
            ("author:Patient.identifier", &format!("{INS}|{other}"), &format!("{INS}|{me}")),
            ("related:DocumentReference.type", "68599-0", "11490-0"),
            ("related:DocumentReference.security-label", "MASQUE_PS", "N"),
        ] {
            for value in [right, wrong] {
                let answer = ask(&[(chain, value)]);
                assert_eq!((answer.status, answer.text()), (404, none.text()), "{chain} {value}");
            }
        }
    });
}
