//! FHIR's REST rules (FHIR R4 http.html, search.html) as a client meets them.

use serde_json::{Value, json};

use crate::support::build::{INS, consent, document, holder, ins, party, patient, professional, psidnat, service, structure};
use crate::support::{Backend, Server, on_both, query};

const HOSPITAL: &str = "1750000018";

/// A server with one person, whose documents a physician may read, and this many discharge letters.
fn with_letters(backend: Backend, count: u32) -> (Server, String, Vec<String>) {
    let server = Server::empty(backend);
    let me = ins(1);
    server.create(&service("operator"), &patient(&me)).expect(201);
    server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
    let letters = (0..count).map(|number| server.create(&structure(HOSPITAL), &document(&me, "11490-0", number).json()).id()).collect();
    (server, me, letters)
}

fn physician() -> Value {
    professional(1, "10")
}

/// A search of the person's documents with these parameters beside.
fn documents(me: &str, more: &[(&str, &str)]) -> String {
    let patient = format!("{INS}|{me}");
    let mut pairs = vec![("patient.identifier", patient.as_str())];
    pairs.extend(more);
    format!("DocumentReference{}", query(&pairs))
}

#[test]
fn reading_has_validators_versions_and_history() {
    on_both(|backend| {
        let (server, me, letters) = with_letters(backend, 1);
        let path = format!("DocumentReference/{}", letters[0]);
        let read = server.get(&physician(), &path);
        read.expect(200);
        assert_eq!(read.header("etag"), "W/\"1\"");
        assert!(read.header("last-modified").ends_with("GMT"));
        assert!(read.header("content-type").starts_with("application/fhir+json") && !read.header("x-request-id").is_empty());
        let again = server.fhir_with(&physician(), "GET", &path, &[("if-none-match", "W/\"1\"")], None);
        assert_eq!((again.status, again.body.len()), (304, 0));
        let head = server.fhir(&physician(), "HEAD", &path, None);
        assert_eq!((head.status, head.body.len(), head.header("etag")), (200, 0, "W/\"1\""));
        let mask = json!([{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "MASQUE_PS"}]}}]);
        let stale = [("content-type", "application/json-patch+json"), ("if-match", "W/\"7\"")];
        assert_eq!(server.fhir_with(&holder(&me), "PATCH", &path, &stale, Some(mask.to_string().as_bytes())).status, 412);
        let patched = server.fhir(&holder(&me), "PATCH", &path, Some(&mask));
        patched.expect(200);
        assert_eq!((patched.header("etag"), patched.json()["meta"]["versionId"].as_str()), ("W/\"2\"", Some("2")));
        assert_eq!(server.get(&physician(), &path).status, 404, "masked");
        let first = server.get(&holder(&me), &format!("{path}/_history/1"));
        assert_eq!(first.expect(200)["securityLabel"].as_array().unwrap().len(), 1);
        assert_eq!(server.get(&holder(&me), &format!("{path}/_history/3")).status, 404);
        let history = server.get(&holder(&me), &format!("{path}/_history")).expect(200);
        assert_eq!((history["type"].as_str(), history["total"].as_i64()), (Some("history"), Some(2)));
        assert_eq!(history["entry"][0]["response"]["etag"], "W/\"2\"");
        assert_eq!(history["entry"][1]["request"]["method"], "POST");
    });
}

#[test]
fn writing_answers_as_preferred() {
    on_both(|backend| {
        let (server, me, _) = with_letters(backend, 0);
        let body = |number: u32| document(&me, "11490-0", number).json().to_string();
        let send = |number: u32, prefer: &str| {
            let headers = [("content-type", "application/fhir+json"), ("prefer", prefer)];
            server.fhir_with(&structure(HOSPITAL), "POST", "DocumentReference", &headers, Some(body(number).as_bytes()))
        };
        let whole = send(1, "return=representation");
        assert!(whole.header("location").starts_with(&format!("{}/fhir/DocumentReference/{}/_history/1", server.root, whole.id())));
        assert_eq!(send(2, "return=minimal").body.len(), 0);
        let outcome = send(3, "return=OperationOutcome").expect(201);
        assert_eq!(outcome["resourceType"], "OperationOutcome");
        assert!(outcome.to_string().contains("author"), "what departs from the guide is a warning: {outcome}");
        let attachment = &whole.json()["content"][0]["attachment"];
        assert!(
            attachment["url"].as_str().unwrap().starts_with(&format!("{}/fhir/Binary/", server.root)) && attachment.get("data").is_none()
        );
        let resource =
            server.fhir_with(&holder(&me), "GET", attachment["url"].as_str().unwrap(), &[("accept", "application/fhir+json")], None);
        assert_eq!(resource.expect(200)["data"], "ZG9jdW1lbnQgMQ==");
        let unfit = server.fhir_with(&holder(&me), "GET", attachment["url"].as_str().unwrap(), &[("accept", "image/png")], None);
        assert_eq!(unfit.status, 406);
    });
}

#[test]
fn a_repeated_push_is_one_document() {
    on_both(|backend| {
        let (server, me, _) = with_letters(backend, 0);
        let push = document(&me, "11490-0", 1).json();
        let (first, second) = (server.create(&structure(HOSPITAL), &push), server.create(&structure(HOSPITAL), &push));
        assert_eq!((first.status, second.status, first.text()), (201, 201, second.text()));
        let other = document(&me, "11490-0", 1).with("description", "autre".into()).json();
        assert_eq!(server.create(&structure(HOSPITAL), &other).status, 409);
        let by_another = server.create(&structure("1690000027"), &push);
        assert_ne!(by_another.expect(201)["id"], first.json()["id"]);
        let push = document(&me, "11490-0", 2).json();
        let run = || server.create(&structure(HOSPITAL), &push).expect(201)["id"].as_str().unwrap().to_owned();
        let at_once: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(run)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(at_once.iter().all(|id| *id == at_once[0]), "eight at once are one: {at_once:?}");
    });
}

#[test]
fn a_replacement_supersedes_and_inherits() {
    on_both(|backend| {
        let (server, me, letters) = with_letters(backend, 1);
        let mask = json!([{"op": "replace", "path": "/securityLabel/0", "value": "MASQUE_PS"}]);
        server.fhir(&holder(&me), "PATCH", &format!("DocumentReference/{}", letters[0]), Some(&mask)).expect(200);
        let relates = |id: &str| json!([{"code": "replaces", "target": {"reference": format!("DocumentReference/{id}")}}]);
        let next = |number: u32, id: &str| document(&me, "11490-0", number).with("relatesTo", relates(id)).json();
        assert_eq!(server.create(&structure("1690000027"), &next(10, &letters[0])).status, 422, "hidden from another laboratory");
        let absent = server.create(&structure(HOSPITAL), &next(11, "absent"));
        assert_eq!((absent.status, absent.issue().1.as_str()), (422, "DocumentReference.relatesTo[0].target"));
        assert_eq!(server.create(&holder(&me), &next(12, &letters[0])).status, 403, "not an author");
        let new = server.create(&structure(HOSPITAL), &next(13, &letters[0])).expect(201);
        assert!(new["securityLabel"].to_string().contains("MASQUE_PS"), "{new}");
        let former = server.get(&holder(&me), &format!("DocumentReference/{}", letters[0])).expect(200);
        assert_eq!((former["status"].as_str(), former["meta"]["versionId"].as_str()), (Some("superseded"), Some("3")));
        assert_eq!(server.get(&holder(&me), &documents(&me, &[("status", "current")])).matches(), [new["id"].as_str().unwrap()]);
    });
}

#[test]
fn a_walk_over_pages_repeats_nothing_and_skips_nothing() {
    on_both(|backend| {
        let (server, me, letters) = with_letters(backend, 11);
        let sorts: [(&[(&str, &str)], bool); 5] = [
            (&[], true),
            (&[("_sort", "-_lastUpdated")], true),
            (&[("_sort", "_lastUpdated")], false),
            (&[("_sort", "_id")], false),
            (&[("_sort", "-date")], true),
        ];
        for (sort, newest_first) in sorts {
            let mut more = vec![("_count", "4")];
            more.extend(sort);
            let mut next = Some(documents(&me, &more));
            let mut walked = Vec::new();
            while let Some(path) = next {
                let page = server.get(&physician(), &path);
                let found = page.matches();
                assert!(found.len() <= 4);
                walked.extend(found);
                next = page.link("next");
                if let Some(link) = &next {
                    assert!(!link.contains(&me), "a page link shows nothing of the patient: {link}");
                }
            }
            let mut expected = letters.clone();
            if newest_first {
                expected.reverse();
            }
            assert_eq!(walked, expected, "{sort:?}");
        }
        let first = server.get(&physician(), &documents(&me, &[("_count", "4")]));
        assert!(first.json().get("total").is_none(), "a total costs: it is not told unless asked");
        let link = first.link("next").unwrap();
        assert_eq!(server.get(&holder(&me), &link).status, 400, "another's cursor");
        assert_eq!(server.get(&physician(), &format!("{link}x")).status, 400, "a cursor made up");
        assert_eq!(server.get(&physician(), &format!("{link}&status=current")).status, 400, "a page link stands alone");
        server.create(&holder(&me), &consent(&me, "record-block", "deny", party(&psidnat(1)))).expect(201);
        assert_eq!(server.get(&physician(), &link).status, 403, "a cursor confers no right");
    });
}

#[test]
fn totals_counts_and_parts() {
    on_both(|backend| {
        let (server, me, letters) = with_letters(backend, 3);
        let ask = |more: &[(&str, &str)]| server.get(&physician(), &documents(&me, more)).expect(200);
        assert_eq!(ask(&[("_count", "2"), ("_total", "accurate")])["total"], 3);
        assert_eq!(ask(&[("_count", "50")])["total"], 3);
        let count = ask(&[("_summary", "count")]);
        assert!(count["total"] == 3 && count.get("entry").is_none());
        let part = ask(&[("_elements", "date"), ("_id", &letters[0])]);
        let part = &part["entry"][0]["resource"];
        assert!(part.get("date").is_some() && part.get("status").is_some() && part.get("subject").is_none());
        assert_eq!(part["meta"]["tag"][0]["code"], "SUBSETTED");
        assert_eq!(ask(&[("identifier", &format!("urn:oid:1.2.250.1.999.3.{me}.1"))])["total"], 1);
        for (parameter, value, found) in [
            ("type", "http://loinc.org|11490-0", 3),
            ("type", "11490-0,34133-9", 3),
            ("type:not", "11490-0", 0),
            ("category", "10", 3),
            ("status", "superseded", 0),
            ("security-label", "N", 3),
            ("date", "ge2026-10-01", 3),
            ("date", "2026-10-02", 0),
            ("creation:missing", "true", 3),
            ("isArchived", "false", 3),
            ("contenttype", "text/plain", 3),
            ("_lastUpdated", "gt2020", 3),
            ("description:missing", "false", 0),
        ] {
            assert_eq!(ask(&[(parameter, value)])["total"], found, "{parameter}={value}");
        }
    });
}

#[test]
fn searching_by_post_and_unknown_parameters() {
    on_both(|backend| {
        let (server, me, letters) = with_letters(backend, 2);
        let form = query(&[("patient.identifier", &format!("{INS}|{me}")), ("_count", "1")]);
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let page =
            server.fhir_with(&physician(), "POST", "DocumentReference/_search", &headers, Some(form.trim_start_matches('?').as_bytes()));
        assert_eq!(page.matches(), [letters[1].clone()]);
        assert!(!page.text().split("\"entry\"").next().unwrap().contains(&me), "the links show nothing of the patient");
        assert_eq!(server.get(&physician(), &page.link("next").unwrap()).matches(), [letters[0].clone()]);
        let unknown = server.get(&physician(), &documents(&me, &[("couleur", "bleu")]));
        let outcome =
            unknown.json()["entry"].as_array().unwrap().iter().find(|entry| entry["search"]["mode"] == "outcome").cloned().unwrap();
        assert!(outcome.to_string().contains("couleur") && !unknown.link("self").unwrap().contains("couleur"));
        let strict = server.fhir_with(&physician(), "GET", &documents(&me, &[("couleur", "bleu")]), &[("prefer", "handling=strict")], None);
        assert_eq!((strict.status, strict.issue()), (400, ("not-supported".into(), "couleur".into())));
        let nobody = server.get(&physician(), "DocumentReference?status=current");
        assert_eq!((nobody.status, nobody.issue()), (400, ("required".into(), "patient".into())));
    });
}

#[test]
fn methods_that_are_not_for_an_address_say_which_are() {
    on_both(|backend| {
        let (server, me, letters) = with_letters(backend, 1);
        let path = format!("DocumentReference/{}", letters[0]);
        let rows = [("DELETE", path.as_str(), "GET, PATCH"), ("PUT", path.as_str(), "GET, PATCH"), ("DELETE", "Patient", "GET, POST")];
        for (method, path, allow) in rows {
            let body = (method == "PUT").then(|| document(&me, "11490-0", 1).json());
            let answer = server.fhir(&structure(HOSPITAL), method, path, body.as_ref());
            assert_eq!((answer.status, answer.header("allow")), (405, allow), "{method} {path}");
        }
        let description = json!([{"op": "replace", "path": "/description", "value": "x"}]);
        assert_eq!(server.fhir(&structure(HOSPITAL), "PATCH", &path, Some(&description)).status, 405);
        for (kind, path, status) in [("operator", "Condition/x", 403), ("auditor", "Condition", 403), ("tester", "Observation", 200)] {
            assert_eq!(server.get(&service(kind), path).status, status, "{kind} {path}");
        }
        assert_eq!(server.get(&physician(), "Observations").status, 404);
    });
}

#[test]
fn nothing_without_a_token_but_what_is_public() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let statement = server.send("GET", "/fhir/metadata", &[], None).expect(200);
        assert_eq!((statement["fhirVersion"].as_str(), statement["rest"][0]["mode"].as_str()), (Some("4.0.1"), Some("server")));
        let kinds: Vec<&str> =
            statement["rest"][0]["resource"].as_array().unwrap().iter().map(|one| one["type"].as_str().unwrap()).collect();
        assert!(kinds.contains(&"DocumentReference") && kinds.contains(&"Observation"), "testers keep every type");
        server.send("GET", "/fhir/.well-known/smart-configuration", &[], None).expect(200);
        for path in ["/fhir", "/fhir/Patient", "/fhir/Patient/1", "/fhir/Nothing", "/fhir/metadata/x", "/fhir/AuditEvent"] {
            for headers in [vec![], vec![("authorization", "Bearer x.y.z")], vec![("authorization", "Basic eDp5")]] {
                let answer = server.send("GET", path, &headers, None);
                assert_eq!((answer.status, answer.issue().0.as_str()), (401, "login"), "{path}");
                assert!(answer.header("www-authenticate").starts_with("Bearer"));
            }
        }
        let token = server.token(&service("operator"));
        server.advance("PT2H");
        let late = server.send("GET", "/fhir/Patient", &[("authorization", &format!("Bearer {token}"))], None);
        assert_eq!(late.status, 401, "an hour is over");
    });
}

#[test]
fn the_space_is_told_to_whom_it_concerns() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (me, later) = (ins(1), ins(2));
        let id = server.create(&service("operator"), &patient(&me)).id();
        let mut announced = patient(&later);
        announced.as_object_mut().unwrap().remove("active");
        server.create(&service("operator"), &announced).expect(201);
        let state = |who: &Value, path: &str| {
            let text = server.get(who, path).expect(200).to_string();
            text.contains("space-state")
        };
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        assert!(state(&holder(&me), &format!("Patient/{id}")) && state(&service("operator"), &format!("Patient/{id}")));
        assert!(!state(&physician(), &format!("Patient/{id}")));
        let ask =
            |who: &Value, ins: &str| server.get(who, &format!("Patient{}", query(&[("identifier", &format!("{INS}|{ins}"))]))).expect(200);
        assert_eq!(
            (ask(&professional(5, "28"), &me)["total"].as_i64(), ask(&professional(5, "28"), &later)["total"].as_i64()),
            (Some(1), Some(0))
        );
        let told = ask(&structure(HOSPITAL), &me).to_string();
        assert!(told.contains("dmp-rattachement-mes") && !told.contains("dmp-medecin-traitant"));
        assert_eq!(server.get(&physician(), "Patient").matches(), [id], "TD0.4: the records with a valid right");
        assert_eq!(server.create(&structure(HOSPITAL), &document(&later, "11490-0", 1).json()).status, 422, "not open yet");
    });
}
