//! Batches and transactions (FHIR R4 http.html#transaction).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::build::{consent, document, holder, ins, party, patient, professional, psidnat, service, structure};
use crate::support::{Server, on_both};

const ANA: &str = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0";
const BEN: &str = "urn:uuid:1d2151bd-1cbf-4d64-b04d-cd9187a4c6e1";

fn bundle(kind: &str, entries: Vec<Value>) -> Value {
    let mut bundle = json!({"resourceType": "Bundle", "type": kind});
    if !entries.is_empty() {
        bundle["entry"] = entries.into();
    }
    bundle
}

fn entry(method: &str, url: &str, resource: Option<Value>) -> Value {
    let mut entry = json!({"request": {"method": method, "url": url}});
    if let Some(resource) = resource {
        entry["resource"] = resource;
    }
    entry
}

fn person(family: &str, number: &str) -> Value {
    json!({"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": number}], "name": [{"family": family}]})
}

/// A Bundle of a tester.
fn post(server: &Server, bundle: &Value) -> Answer {
    server.send("POST", "/fhir", &[("content-type", "application/fhir+json")], Some(bundle.to_string().as_bytes()))
}

fn get(server: &Server, path: &str) -> Answer {
    server.send("GET", &format!("/fhir/{path}"), &[], None)
}

fn statuses(answer: &Value) -> Vec<String> {
    let entries = answer["entry"].as_array().unwrap();
    entries.iter().map(|entry| entry["response"]["status"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_transaction_links_its_entries_and_keeps_their_order() {
    on_both(|backend| {
        let server = Server::open(backend);
        post(
            &server,
            &bundle(
                "transaction",
                vec![entry("PUT", "Patient/old", Some(json!({"resourceType": "Patient", "id": "old", "active": true})))],
            ),
        )
        .expect(200);
        let mut ana = entry("POST", "Patient", Some(person("Ana", "1")));
        ana["fullUrl"] = ANA.into();
        let mut ben = entry("POST", "Patient", Some(person("Ben", "2")));
        ben["fullUrl"] = BEN.into();
        ben["request"]["ifNoneExist"] = "identifier=urn:x|2".into();
        let narrative = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"{ANA}\">Ana</a></div>");
        let observation = json!({
            "resourceType": "Observation", "status": "final", "code": {"text": "masse"},
            "text": {"status": "generated", "div": narrative},
            "subject": {"reference": ANA}, "performer": [{"reference": "Patient?identifier=urn:x|9"}, {"reference": BEN}]
        });
        let patch = STANDARD.encode(r#"[{"op":"replace","path":"/active","value":false}]"#);
        let patch = json!({"resourceType": "Binary", "contentType": "application/json-patch+json", "data": patch});
        let all = |observation: Value| {
            bundle(
                "transaction",
                vec![
                    entry("GET", "Patient?family=ana", None),
                    entry("POST", "Observation", Some(observation)),
                    entry("PATCH", "Patient/old", Some(patch.clone())),
                    ana.clone(),
                    entry("DELETE", "Patient/never", None),
                    ben.clone(),
                    entry("PUT", "Basic/b", Some(json!({"resourceType": "Basic", "id": "b", "code": {"text": "x"}}))),
                ],
            )
        };
        let refused = post(&server, &all(observation.clone()));
        assert_eq!((refused.status, refused.issue().1), (412, "Bundle.entry[1].request".into()), "nobody is urn:x|9");
        assert_eq!(get(&server, "Patient?family=ana").expect(200)["total"], 0, "nothing is stored");
        server.send(
            "POST",
            "/fhir/Patient",
            &[("content-type", "application/fhir+json")],
            Some(person("Neuf", "9").to_string().as_bytes()),
        );
        let answer = post(&server, &all(observation.clone())).expect(200);
        assert_eq!(answer["type"], "transaction-response");
        assert_eq!(statuses(&answer), ["200", "201", "200", "201", "204", "201", "201"]);
        assert_eq!(answer["entry"][0]["resource"]["total"], 1, "reads see what was written");
        let id_of = |place: usize| answer["entry"][place]["resource"]["id"].as_str().unwrap().to_owned();
        let stored = get(&server, &format!("Observation/{}", id_of(1))).expect(200);
        assert_eq!(stored["subject"]["reference"], format!("Patient/{}", id_of(3)));
        assert_eq!(stored["performer"][1]["reference"], format!("Patient/{}", id_of(5)));
        assert!(stored["performer"][0]["reference"].as_str().unwrap().starts_with("Patient/0"));
        assert!(stored["text"]["div"].as_str().unwrap().contains(&format!("href=\"Patient/{}\"", id_of(3))));
        assert_eq!(answer["entry"][1]["response"]["location"], format!("{}/fhir/Observation/{}/_history/1", server.root, id_of(1)));
        assert_eq!(
            (&answer["entry"][2]["response"]["etag"], &answer["entry"][2]["resource"]["active"]),
            (&json!("W/\"2\""), &json!(false))
        );
        // Once more: what is created conditionally is there already, what is updated has another version.
        let again = post(&server, &all(observation)).expect(200);
        assert_eq!(statuses(&again), ["200", "201", "200", "201", "204", "200", "200"]);
        assert_eq!(again["entry"][5]["resource"]["id"], id_of(5).as_str());
        assert_eq!(get(&server, "Basic/b").header("etag"), "W/\"2\"");
    });
}

#[test]
fn a_transaction_is_all_or_nothing_and_says_which_entry() {
    on_both(|backend| {
        let server = Server::open(backend);
        let good = || entry("POST", "Patient", Some(person("Ana", "1")));
        let cases = [
            (
                vec![good(), entry("POST", "Patient", Some(json!({"resourceType": "Patient", "nom": 1})))],
                422,
                "Bundle.entry[1].resource.nom",
            ),
            (vec![good(), entry("POST", "Observation", Some(person("Ben", "2")))], 400, "Bundle.entry[1].resource"),
            (vec![good(), entry("PUT", "Patient/a", Some(person("Ben", "2")))], 400, "Bundle.entry[1].resource.id"),
            (vec![good(), entry("PATCH", "Patient/absent", Some(person("x", "1")))], 400, "Bundle.entry[1].resource"),
            (vec![good(), entry("POST", "Patient", None)], 400, "Bundle.entry[1].resource"),
            (vec![good(), entry("GET", "Patient/absent", Some(person("x", "1")))], 400, "Bundle.entry[1].resource"),
            (vec![good(), entry("DELETE", "Patient?nom=x", None)], 400, "Bundle.entry[1].request"),
            (vec![good(), entry("POST", "Patients", Some(person("x", "1")))], 400, "Bundle.entry[1].request.url"),
            (vec![good(), entry("POST", "", Some(person("x", "1")))], 422, "Bundle.entry[1].request.url"),
            (vec![good(), json!({"resource": person("x", "1")})], 400, "Bundle.entry[1].request"),
            (
                vec![
                    good(),
                    entry("DELETE", "Patient/a", None),
                    entry("PUT", "Patient/a", Some(json!({"resourceType": "Patient", "id": "a", "active": true}))),
                ],
                400,
                "Bundle.entry[2].resource",
            ),
        ];
        for (entries, status, place) in cases {
            let answer = post(&server, &bundle("transaction", entries.clone()));
            assert_eq!((answer.status, answer.issue().1.as_str()), (status, place), "{entries:?}: {}", answer.text());
        }
        let mut twice = vec![good(), good()];
        twice.iter_mut().for_each(|entry| entry["fullUrl"] = ANA.into());
        assert_eq!(post(&server, &bundle("transaction", twice)).issue().1, "Bundle.entry[1].fullUrl");
        let mut stale = entry("PUT", "Patient/a", Some(json!({"resourceType": "Patient", "id": "a", "active": true})));
        stale["request"]["ifMatch"] = "W/\"3\"".into();
        assert_eq!(post(&server, &bundle("transaction", vec![good(), stale])).status, 412);
        assert_eq!(get(&server, "Patient").expect(200)["total"], 0, "nothing is stored");
        for kind in ["collection", "searchset"] {
            assert_eq!(post(&server, &bundle(kind, vec![])).status, 400, "{kind}");
        }
        assert_eq!(post(&server, &person("x", "1")).status, 400);
        let many = (0..10_001).map(|_| entry("GET", "Patient/x", None)).collect();
        assert_eq!(post(&server, &bundle("transaction", many)).status, 413);
        assert_eq!(post(&server, &bundle("transaction", vec![])).expect(200)["type"], "transaction-response");
    });
}

#[test]
fn a_large_transaction_is_one_write() {
    on_both(|backend| {
        let server = Server::open(backend);
        let entries = |active: bool| {
            let of = |n: usize| json!({"resourceType": "Patient", "id": format!("p{n}"), "active": active, "name": [{"family": format!("F{n}")}]});
            let patients = (0..1200).map(|n| entry("PUT", &format!("Patient/p{n}"), Some(of(n))));
            let letter = |n: usize| {
                let status = if active { "current" } else { "superseded" };
                let content = json!([{"attachment": {"contentType": "text/plain", "title": format!("L{n}")}}]);
                json!({"resourceType": "DocumentReference", "id": format!("d{n}"), "status": status, "content": content})
            };
            let letters = (0..100).map(|n| entry("PUT", &format!("DocumentReference/d{n}"), Some(letter(n))));
            bundle("transaction", patients.chain(letters).collect())
        };
        let sent = |bundle: &Value| {
            let headers = [("content-type", "application/fhir+json"), ("prefer", "return=minimal")];
            server.send("POST", "/fhir/", &headers, Some(bundle.to_string().as_bytes()))
        };
        let statements = || {
            let text = server.send("GET", "/metrics", &[], None).text();
            text.lines().find_map(|line| line.strip_prefix("ensemble_statements_total ")).unwrap().parse::<i64>().unwrap()
        };
        let before = statements();
        let first = sent(&entries(true)).expect(200);
        assert!(statements() - before < 60, "{}", statements() - before);
        assert!(statuses(&first).iter().all(|status| status == "201") && first["entry"][0].get("resource").is_none());
        let before = statements();
        let second = sent(&entries(false)).expect(200);
        assert!(statements() - before < 90, "{}", statements() - before);
        assert!(statuses(&second).iter().all(|status| status == "200"));
        let one = get(&server, "Patient/p1199");
        assert_eq!((one.header("etag"), &one.json()["active"]), ("W/\"2\"", &json!(false)));
        assert_eq!(get(&server, "Patient?active=true&_summary=count").expect(200)["total"], 0, "what is not so any more is not found");
        assert_eq!(get(&server, "Patient?family=f7&active=false&_summary=count").expect(200)["total"], 111);
        assert_eq!(get(&server, "Patient/p5/_history").expect(200)["total"], 2);
    });
}

#[test]
fn a_batch_keeps_what_is_good_and_each_entry_its_own_rules() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (me, hospital) = (ins(1), structure("1750000018"));
        server.create(&service("operator"), &patient(&me)).expect(201);
        let deposits = bundle(
            "batch",
            vec![
                entry("POST", "DocumentReference", Some(document(&me, "11490-0", 1).json())),
                entry("POST", "DocumentReference", Some(document(&me, "11490-0", 2).with("nom", 1.into()).json())),
                entry("POST", "DocumentReference", Some(document(&ins(9), "11490-0", 3).json())),
                entry("GET", "Patient/absent", None),
                entry("POST", "DocumentReference", Some(document(&me, "11490-0", 4).masked().json())),
                entry("POST", "Patient", Some(patient(&ins(2)))),
                entry("DELETE", "DocumentReference/x", None),
            ],
        );
        let sent = |who: &Value, bundle: &Value| server.fhir(who, "POST", "", Some(bundle));
        let answer = sent(&hospital, &deposits).expect(200);
        assert_eq!(answer["type"], "batch-response");
        assert_eq!(statuses(&answer), ["201", "422", "422", "404", "201", "403", "405"]);
        let places = |place: usize| answer["entry"][place]["response"]["outcome"]["issue"][0]["expression"][0].as_str().unwrap().to_owned();
        assert_eq!((places(1), places(2)), ("Bundle.entry[1].resource.nom".into(), "Bundle.entry[2].resource.subject".into()));
        // Hidden and absent are alike in a batch, too.
        let id = |place: usize| answer["entry"][place]["resource"]["id"].as_str().unwrap().to_owned();
        let physician = professional(1, "10");
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let reads = bundle(
            "batch",
            [id(0), id(4), "00000000-0000-7000-8000-000000000000".into()]
                .iter()
                .map(|id| entry("GET", &format!("DocumentReference/{id}"), None))
                .collect(),
        );
        let answer = sent(&physician, &reads).expect(200);
        assert_eq!(statuses(&answer), ["200", "404", "404"]);
        let without_id = |place: usize, id: &str| answer["entry"][place].to_string().replace(id, "*").replace(&format!("[{place}]"), "[n]");
        assert_eq!(without_id(1, &id(4)), without_id(2, "00000000-0000-7000-8000-000000000000"));
        // Each access is traced as one of its own.
        let traces = server.get(&holder(&me), &format!("AuditEvent?_count=100&agent:identifier={}", psidnat(1))).expect(200);
        assert!(traces["entry"].as_array().unwrap().len() >= 2, "{traces}");
    });
}
