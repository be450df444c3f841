//! What was found by attacking the formats, on both databases.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::build::{document, holder, ins, patient, service, structure};
use crate::support::{Server, on_both};

const JSON: &str = "application/fhir+json";

fn ask(server: &Server, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    server.send(method, &format!("/fhir/{path}"), headers, (!body.is_empty()).then_some(body.as_bytes()))
}

#[test]
fn a_binary_takes_any_content_and_gives_it_back_as_it_is_wanted() {
    on_both(|backend| {
        let server = Server::open(backend);
        let cda = "<ClinicalDocument xmlns=\"urn:hl7-org:v3\"/>";
        for (content, body) in [
            ("text/xml", cda),
            ("application/json", "{\"a\":1}"),
            ("application/fhir+json", "{\"resourceType\":\"Patient\"}"),
            ("application/xml", "no xml"),
        ] {
            let made = ask(&server, "POST", "Binary", &[("content-type", content), ("x-security-context", "Patient/1")], body);
            let made = made.expect(201);
            assert_eq!((made["contentType"].as_str(), made["securityContext"]["reference"].as_str()), (Some(content), Some("Patient/1")));
            assert_eq!(ask(&server, "GET", &format!("Binary/{}", made["id"].as_str().unwrap()), &[], "").text(), body);
        }
        let made = ask(&server, "POST", "Binary", &[("content-type", "text/plain; charset=utf-8")], "é");
        let path = format!("Binary/{}", made.id());
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (accept, content, status) in [
            ("text/plain", "text/plain; charset=utf-8", 200),
            ("Text/Plain; charset=utf-8", "text/plain; charset=utf-8", 200),
            (browser, "text/plain; charset=utf-8", 200),
            ("application/fhir+xml", "application/fhir+xml;charset=utf-8", 200),
            ("image/png", "application/fhir+json;charset=utf-8", 406),
        ] {
            let answer = ask(&server, "GET", &path, &[("accept", accept)], "");
            assert_eq!((answer.status, answer.header("content-type")), (status, content), "{accept}");
        }
        for data in ["aGl=", "YR=="] {
            let body = json!({"resourceType": "Binary", "contentType": "text/plain", "data": data}).to_string();
            assert_eq!(ask(&server, "POST", "Binary", &[("content-type", JSON)], &body).status, 422, "{data}");
        }
        let odd = json!({"resourceType": "Binary", "contentType": "text/é", "data": "aGk="}).to_string();
        let odd = ask(&server, "POST", "Binary", &[("content-type", JSON)], &odd);
        let served = ask(&server, "GET", &format!("Binary/{}", odd.id()), &[], "");
        assert_eq!((served.status, served.header("content-type")), (200, "application/octet-stream"));
    });
}

#[test]
fn preconditions_are_kept_or_refused() {
    on_both(|backend| {
        let server = Server::open(backend);
        let put = |id: &str, condition: (&str, &str)| {
            let body = json!({"resourceType": "Basic", "id": id, "code": {"text": "x"}}).to_string();
            ask(&server, "PUT", &format!("Basic/{id}"), &[("content-type", JSON), condition], &body).status
        };
        assert_eq!(put("a", ("if-match", "*")), 412, "there is none");
        assert_eq!(put("a", ("if-none-match", "*")), 201);
        assert_eq!(put("a", ("if-none-match", "*")), 412, "there is one");
        assert_eq!(put("a", ("if-match", "*")), 200);
        assert_eq!(put("a", ("if-match", "W/\"7\", W/\"2\"")), 200);
        assert_eq!(put("a", ("if-match", "W/\"+3\"")), 400);
        assert_eq!(put("a", ("if-none-match", "W/\"3\"")), 400, "a write takes no versions there");
        assert_eq!(ask(&server, "DELETE", "Basic/never", &[("if-match", "*")], "").status, 412);
        for version in ["+1", "01", "0", "x"] {
            assert_eq!(ask(&server, "GET", &format!("Basic/a/_history/{version}"), &[], "").status, 404, "{version}");
        }
    });
}

#[test]
fn a_history_comes_in_pages() {
    on_both(|backend| {
        let server = Server::open(backend);
        for n in 1..=5 {
            let body = json!({"resourceType": "Basic", "id": "a", "code": {"text": n.to_string()}}).to_string();
            ask(&server, "PUT", "Basic/a", &[("content-type", JSON)], &body);
        }
        let (mut seen, mut next) = (Vec::new(), Some("Basic/a/_history?_count=2".to_owned()));
        while let Some(path) = next {
            let page = ask(&server, "GET", &path, &[], "").expect(200);
            let entries = page["entry"].as_array().unwrap();
            assert!(entries.len() <= 2);
            seen.extend(entries.iter().map(|entry| entry["resource"]["meta"]["versionId"].as_str().unwrap().to_owned()));
            let link = page["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next");
            next = link.map(|link| link["url"].as_str().unwrap().split("/fhir/").nth(1).unwrap().to_owned());
        }
        assert_eq!(seen, ["5", "4", "3", "2", "1"]);
        let whole = ask(&server, "GET", "Basic/a/_history", &[], "").expect(200);
        assert_eq!((&whole["total"], whole["entry"].as_array().unwrap().len()), (&json!(5), 5));
        assert!(ask(&server, "GET", "Basic/a/_history?_since=2100-01-01T00:00:00Z", &[], "").expect(200).get("entry").is_none());
        for bad in ["_since=zork", "_count=x", "_at=gestern", "_before=x", "_since=2020", "_sort=_id"] {
            assert_eq!(ask(&server, "GET", &format!("Basic/a/_history?{bad}"), &[], "").status, 400, "{bad}");
        }
    });
}

#[test]
fn a_history_tells_what_was_current_at_a_time() {
    on_both(|backend| {
        let server = Server::open(backend);
        let body = json!({"resourceType": "Basic", "id": "a", "code": {"text": "x"}}).to_string();
        for day in 1..=4 {
            let clock = json!({"set": format!("2031-03-{:02}T12:00:00Z", day * 2)}).to_string();
            server.send("POST", "/sandbox/clock", &[], Some(clock.as_bytes())).expect(200);
            assert!(matches!(ask(&server, "PUT", "Basic/a", &[("content-type", JSON)], &body).status, 200 | 201));
        }
        let told = |query: &str| -> (String, Option<i64>) {
            let page = ask(&server, "GET", &format!("Basic/a/_history?{query}"), &[], "").expect(200);
            let entries = page["entry"].as_array().cloned().unwrap_or_default();
            let versions: Vec<&str> = entries.iter().map(|entry| entry["resource"]["meta"]["versionId"].as_str().unwrap()).collect();
            (versions.join(" "), page["total"].as_i64())
        };
        let rows = [
            ("_at=2031-03-01", "", 0),
            ("_at=2031-03-02", "1", 1),
            ("_at=2031-03-03", "1", 1),
            ("_at=2031-03-04", "2 1", 2),
            ("_at=2031-03-04T12:10:00Z", "2", 1),
            ("_at=2031-03-04T11:59:59Z", "1", 1),
            ("_at=2031-03-07", "3", 1),
            ("_at=2031-03", "4 3 2 1", 4),
            ("_at=2032", "4", 1),
            ("_at=2031-03&_since=2031-03-05T00:00:00Z", "4 3", 2),
            ("_at=2031-03&_before=4", "3 2 1", 3),
        ];
        for (query, versions, total) in rows {
            let (found, counted) = told(query);
            let total = if query.contains("_before") { None } else { Some(total) };
            assert_eq!((found.as_str(), counted), (versions, total), "{query}");
        }
        // Page by page.
        let (mut seen, mut next) = (Vec::new(), Some("Basic/a/_history?_at=2031-03-04&_count=1".to_owned()));
        while let Some(path) = next {
            let page = ask(&server, "GET", &path, &[], "").expect(200);
            seen.push(page["entry"][0]["resource"]["meta"]["versionId"].as_str().unwrap().to_owned());
            let link = page["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next");
            next = link.map(|link| link["url"].as_str().unwrap().split("/fhir/").nth(1).unwrap().to_owned());
        }
        assert_eq!(seen, ["2", "1"]);
        // The type tells the same of it.
        let of_type = ask(&server, "GET", "Basic/_history?_at=2031-03-04", &[], "").expect(200);
        let versions: Vec<_> = of_type["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]["meta"]["versionId"]).collect();
        assert_eq!(versions, ["2", "1"]);
    });
}

#[test]
fn many_writers_of_one_resource_lose_nothing() {
    on_both(|backend| {
        let server = Server::open(backend);
        let body = json!({"resourceType": "Basic", "id": "a", "code": {"text": "x"}}).to_string();
        let all: Vec<u16> = std::thread::scope(|scope| {
            let writers: Vec<_> =
                (0..16).map(|_| scope.spawn(|| ask(&server, "PUT", "Basic/a", &[("content-type", JSON)], &body).status)).collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        let count = |status: u16| all.iter().filter(|one| **one == status).count();
        assert_eq!((count(201), count(200)), (1, 15), "{all:?}");
        assert_eq!(ask(&server, "GET", "Basic/a/_history", &[], "").expect(200)["total"], 16);
    });
}

#[test]
fn what_grows_is_bounded() {
    on_both(|backend| {
        let server = Server::open(backend);
        let wide = format!("{{\"resourceType\":\"Patient\",\"name\":[{}{{\"\":0}}]}}", "{\"\":0},".repeat(600_000));
        assert_eq!(ask(&server, "POST", "Patient", &[("content-type", JSON)], &wide).status, 400, "more values than a text may have");
        let contained: Vec<Value> = (0..20_000).map(|n| json!({"resourceType": "Patient", "id": format!("{n}"), "active": true})).collect();
        let many = json!({"resourceType": "Patient", "contained": contained}).to_string();
        assert_eq!(ask(&server, "POST", "Patient", &[("content-type", JSON)], &many).status, 201);
        let data = STANDARD.encode(vec![0_u8; 6_000_000]);
        let large = json!({"resourceType": "Binary", "id": "b", "contentType": "text/plain", "data": data}).to_string();
        assert_eq!(ask(&server, "PUT", "Binary/b", &[("content-type", JSON), ("prefer", "return=minimal")], &large).status, 201);
        let copies: Vec<Value> = (0..12).map(|n| json!({"op": "copy", "from": "", "path": format!("/x{n}")})).collect();
        let patched =
            ask(&server, "PATCH", "Binary/b", &[("content-type", "application/json-patch+json")], &Value::from(copies).to_string());
        assert_eq!(patched.status, 422, "{}", patched.text());
        let long = json!({"resourceType": "Patient", "name": [{"family": "x".repeat(1024 * 1024 + 1)}]}).to_string();
        assert_eq!(ask(&server, "POST", "Patient", &[("content-type", JSON)], &long).issue().1, "Patient.name[0].family");
    });
}

#[test]
fn only_references_are_made_relative_and_only_those_who_may_write_are_read() {
    on_both(|backend| {
        let server = Server::open(backend);
        let here = format!("{}/fhir/Patient/1", server.root);
        let issue =
            json!({"resourceType": "DetectedIssue", "id": "a", "status": "final", "reference": here, "patient": {"reference": here}});
        let stored = ask(&server, "PUT", "DetectedIssue/a", &[("content-type", JSON)], &issue.to_string()).expect(201);
        assert_eq!((stored["reference"].as_str(), stored["patient"]["reference"].as_str()), (Some(here.as_str()), Some("Patient/1")));
        let auditor = service("auditor");
        for (method, path) in [("POST", "DocumentReference"), ("POST", "Observation"), ("PUT", "Consent/x")] {
            let refused = server.fhir_with(&auditor, method, path, &[("content-type", JSON)], Some(b"no json"));
            assert_eq!(refused.status, 403, "{method} {path}");
        }
    });
}

#[test]
fn several_matches_of_a_condition_are_traced_for_the_person() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (me, hospital) = (ins(1), structure("1750000018"));
        server.create(&service("operator"), &patient(&me)).expect(201);
        let same = json!([{"system": "urn:x", "value": "1"}]);
        for number in 1..=2 {
            server.create(&hospital, &document(&me, "11490-0", number).with("identifier", same.clone()).json()).expect(201);
        }
        let refused = || {
            let traces = server.get(&holder(&me), "AuditEvent?outcome=4&_count=100").expect(200);
            traces["entry"].as_array().map_or(0, Vec::len)
        };
        let before = refused();
        let body = document(&me, "11490-0", 3).json().to_string();
        let headers = [("content-type", JSON), ("if-none-exist", "identifier=urn:x|1")];
        assert_eq!(server.fhir_with(&hospital, "POST", "DocumentReference", &headers, Some(body.as_bytes())).status, 412);
        assert_eq!(refused(), before + 1);
    });
}
