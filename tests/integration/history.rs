//! The history of a type and of all types (FHIR R4 http.html#history): what testers keep, and nobody else's.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::build::{
    INS, consent, document, holder, ins, party, patient, professional, psidnat, representative, service, structure,
};
use crate::support::{Backend, Server, on_both, query};

/// `Type method version` of each entry, in order.
fn told(answer: &Answer) -> Vec<String> {
    let bundle = answer.expect(200);
    assert_eq!(bundle["type"], "history");
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let one = |entry: &Value| {
        let url = entry["fullUrl"].as_str().unwrap();
        let (kind, id) = url.split_once("/fhir/").unwrap().1.split_once('/').unwrap();
        let method = entry["request"]["method"].as_str().unwrap();
        let status = entry["response"]["status"].as_str().unwrap();
        assert_eq!(entry.get("resource").is_none(), method == "DELETE", "{entry}");
        if method != "DELETE" {
            assert_eq!((entry["resource"]["id"].as_str(), entry["resource"]["resourceType"].as_str()), (Some(id), Some(kind)));
            assert_eq!(entry["response"]["lastModified"], entry["resource"]["meta"]["lastUpdated"]);
        }
        format!("{kind} {method} {status} {}", entry["response"]["etag"].as_str().unwrap())
    };
    entries.iter().map(one).collect()
}

fn statements(server: &Server) -> i64 {
    let text = server.send("GET", "/metrics", &[], None).text();
    text.lines().find_map(|line| line.strip_prefix("ensemble_statements_total ")).unwrap().parse().unwrap()
}

#[test]
fn a_tester_walks_over_all_that_was_written() {
    on_both(walk);
}

fn walk(backend: Backend) {
    let server = Server::open(backend);
    let tester = service("tester");
    let write = |method: &str, path: &str, body: Option<Value>| server.fhir(&tester, method, path, body.as_ref());
    let person = |active: bool| Some(json!({"resourceType": "Patient", "id": "a", "active": active}));
    write("PUT", "Patient/a", person(true)).expect(201);
    let first = write("PUT", "Patient/a", person(false)).expect(200);
    write("PUT", "Basic/b", Some(json!({"resourceType": "Basic", "id": "b", "code": {"text": "x"}}))).expect(201);
    write("DELETE", "Patient/a", None);
    write("PUT", "Patient/a", person(true)).expect(201);
    // What is of records is no part of it.
    server.create(&service("operator"), &patient(&ins(1))).expect(201);
    server.create(&service("operator"), &json!({"resourceType": "Organization", "name": "O"})).expect(201);
    let of_patients = ["Patient PUT 200 W/\"4\"", "Patient DELETE 204 W/\"3\"", "Patient PUT 200 W/\"2\"", "Patient PUT 201 W/\"1\""];
    let all = [&of_patients[..2], &["Basic PUT 201 W/\"1\""], &of_patients[2..]].concat();
    let get = |path: &str| server.get(&tester, path);
    assert_eq!(
        (told(&get("Patient/_history")), &get("Patient/_history").json()["total"]),
        (of_patients.map(ToOwned::to_owned).to_vec(), &json!(4))
    );
    assert_eq!(told(&get("_history")), all);
    assert_eq!(told(&get("Organization/_history")), Vec::<String>::new());
    // Page by page, both ways the same; the cursor tells nothing and serves nothing else.
    for (path, whole) in [("Patient/_history", &of_patients[..]), ("_history", &all[..])] {
        let (mut walked, mut next) = (Vec::new(), Some(format!("{path}?_count=2")));
        while let Some(address) = next {
            let page = get(&address);
            walked.extend(told(&page));
            next = page.link("next");
            if let Some(next) = &next {
                assert!(!next.contains("updated") && next.contains("_cursor="), "{next}");
                let elsewhere = next.replace(path, "Basic/_history");
                assert_eq!(server.get(&tester, &elsewhere).status, 400);
                assert_eq!(server.get(&tester, &format!("{next}&_count=3")).status, 400);
            }
        }
        assert_eq!(walked, whole, "{path}");
    }
    // Since, and at.
    let since = first["meta"]["lastUpdated"].as_str().unwrap();
    let asked = |path: &str, name: &str, value: &str| get(&format!("{path}{}", query(&[(name, value)])));
    assert_eq!(told(&asked("Patient/_history", "_since", since)), of_patients[..3]);
    assert_eq!(told(&asked("Patient/_history", "_since", "2999-01-01T00:00:00Z")), Vec::<String>::new());
    assert_eq!(told(&asked("Patient/_history", "_at", "1999")), Vec::<String>::new());
    assert_eq!(told(&asked("Patient/_history", "_at", "2999")), of_patients[..1], "what is current then");
    assert_eq!(told(&asked("_history", "_at", "2999")), [of_patients[0], "Basic PUT 201 W/\"1\""]);
    let then = told(&asked("Patient/_history", "_at", since));
    assert!(then.contains(&of_patients[2].to_owned()) && !then.contains(&of_patients[0].to_owned()), "{then:?}");
    for (name, value) in [("_since", "gestern"), ("_at", "x"), ("_count", "-"), ("_sort", "date"), ("_cursor", "x"), ("active", "true")] {
        assert_eq!(asked("_history", name, value).status, 400, "{name}");
    }
    for (method, path) in [("POST", "_history"), ("DELETE", "Patient/_history"), ("PUT", "Patient/_history")] {
        let answer = server.fhir(&tester, method, path, None);
        assert_eq!((answer.status, answer.header("allow")), (405, "GET"), "{method} {path}");
    }
    assert_eq!(get("Patienten/_history").status, 404);
    assert_eq!(server.fhir(&tester, "HEAD", "Patient/_history", None).status, 200);
    // As XML, and as an entry of a Bundle.
    let xml = server.fhir_with(&tester, "GET", "_history?_count=1", &[("accept", "application/fhir+xml")], None);
    assert!(xml.text().contains("<type value=\"history\"/>"), "{}", xml.text());
    let bundle =
        json!({"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": "Patient/_history?_count=1"}}]});
    let batch = server.fhir(&tester, "POST", "", Some(&bundle)).expect(200);
    assert_eq!(batch["entry"][0]["resource"]["type"], "history");
    // A page is two statements, whatever its size.
    for count in [1, 3] {
        let before = statements(&server);
        get(&format!("_history?_count={count}")).expect(200);
        assert_eq!(statements(&server) - before, 2);
    }
    let interactions = get("metadata").json()["rest"][0].to_string();
    assert!(interactions.contains("\"history-type\"") && interactions.contains("\"history-system\""));
}

#[test]
fn nobody_but_a_tester_has_a_history_of_a_type() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = ins(1);
        let everybody = [
            professional(1, "10"),
            structure("1750000018"),
            holder(&me),
            representative(&ins(5), &me),
            service("operator"),
            service("auditor"),
            json!({"kind": "application", "client": "app", "for": format!("{INS}|{me}"), "scope": "patient/*.rs"}),
        ];
        let kinds =
            ["Patient", "DocumentReference", "Binary", "Consent", "CareTeam", "RelatedPerson", "AuditEvent", "Organization", "Observation"];
        let ask = |who: &Value| {
            let of_types = kinds.iter().map(|kind| format!("{kind}/_history?_count=1"));
            let all = of_types.chain(["_history".to_owned(), "_history?_since=x".to_owned()]);
            all.map(|path| server.get(who, &path).shape("no id")).collect::<Vec<_>>()
        };
        let before: Vec<_> = everybody.iter().map(ask).collect();
        for answers in &before {
            for (status, _, text) in answers {
                assert!(*status == 403 && text.contains("forbidden"), "{text}");
            }
        }
        // What there is changes nothing.
        server.create(&service("operator"), &patient(&me)).expect(201);
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        server.create(&structure("1750000018"), &document(&me, "11490-0", 1).masked().json()).expect(201);
        let after: Vec<_> = everybody.iter().map(ask).collect();
        assert_eq!(before, after);
        // It was asked, and that is told.
        let traces = server.get(&holder(&me), "AuditEvent?_count=200").expect(200).to_string();
        assert!(traces.contains("history-type"), "{traces}");
        assert_eq!(server.get(&service("tester"), "_history").expect(200)["total"], 0, "what is of records is no part of it");
    });
}

/// What is written while a history is read is not in it: it was not decided on.
#[test]
fn a_history_is_of_one_moment() {
    on_both(|backend| {
        let server = Server::open(backend);
        let put = |n: u32| {
            let body = json!({"resourceType": "Basic", "id": "a", "code": {"text": n.to_string()}}).to_string();
            server.send("PUT", "/fhir/Basic/a", &[("content-type", "application/fhir+json")], Some(body.as_bytes())).status
        };
        assert_eq!(put(0), 201);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        let mut read = 0;
                        while !done.load(Ordering::Relaxed) || read == 0 {
                            let page = server.send("GET", "/fhir/Basic/a/_history?_count=4", &[], None).expect(200);
                            let entries = page["entry"].as_array().unwrap();
                            let version = |entry: &Value| entry["resource"]["meta"]["versionId"].as_str().unwrap().parse::<i64>().unwrap();
                            let versions: Vec<i64> = entries.iter().map(version).collect();
                            assert!(versions.windows(2).all(|two| two[0] == two[1] + 1), "{versions:?}");
                            assert_eq!(page["total"], versions[0]);
                            read += 1;
                        }
                    })
                })
                .collect();
            let written: Vec<u16> = (1..400).map(put).collect();
            done.store(true, Ordering::Relaxed);
            readers.into_iter().for_each(|reader| reader.join().unwrap());
            assert!(written.iter().all(|status| *status == 200), "{written:?}");
        });
    });
}
