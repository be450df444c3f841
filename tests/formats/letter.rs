//! What is served to the letter, in either format and by whichever way: numbers as they were spelt, ends of lines, and the headers
//! that say on what an answer depends, and how a first version came.

use ensemble::fhir::{Document, Format};
use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::{Backend, Server, on_both};

const JSON: &str = "application/fhir+json";
const XML: &str = "application/fhir+xml";
const PATCH: &str = "application/json-patch+json";

fn ask(server: &Server, method: &str, path: &str, content: &str, accept: &str, body: &str) -> Answer {
    let body = (!body.is_empty()).then_some(body.as_bytes());
    server.send(method, &format!("/fhir/{path}"), &[("content-type", content), ("accept", accept)], body)
}

#[test]
fn numbers_are_served_as_they_were_spelt() {
    on_both(|backend| {
        let server = Server::open(backend);
        let get = |path: &str, accept: &str| ask(&server, "GET", path, JSON, accept, "").text();
        for (number, id) in [("1e3", "a"), ("1E3", "b"), ("1E+03", "c"), ("1.0e-7", "d"), ("-0.10E-2", "e"), ("1.50", "f")] {
            let sent = format!(
                r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"text":"x"}},"valueQuantity":{{"value":{number}}}}}"#
            );
            let path = format!("Observation/{id}");
            let (in_json, in_xml) = (format!(r#""valueQuantity":{{"value":{number}}}"#), format!(r#"<value value="{number}"/>"#));
            assert!(ask(&server, "PUT", &path, JSON, JSON, &sent).text().contains(&in_json), "{number}");
            let as_xml = get(&path, XML);
            assert!(as_xml.contains(&in_xml), "{as_xml}");
            // Each way by which a body is read again.
            for way in [
                path.clone(),
                format!("{path}/_history/1"),
                format!("{path}/_history"),
                format!("{path}?_elements=value"),
                format!("Observation?_id={id}"),
                format!("Observation?_id={id}&_summary=data"),
            ] {
                assert!(get(&way, JSON).contains(&in_json), "{way}");
                assert!(get(&way, XML).contains(&in_xml), "{way}");
            }
            assert!(get(&format!("{path}?_pretty=true"), JSON).contains(&format!("\"value\": {number}")));
            let patch = format!(r#"[{{"op":"add","path":"/referenceRange","value":[{{"low":{{"value":{number}}}}}]}}]"#);
            let patched = ask(&server, "PATCH", &path, PATCH, JSON, &patch).text();
            assert!(patched.contains(&in_json) && patched.contains(&format!(r#""low":{{"value":{number}}}"#)), "{patched}");
            let from_xml = ask(&server, "PUT", &path, XML, JSON, &as_xml).text();
            assert!(from_xml.contains(&in_json), "{from_xml}");
        }
    });
}

#[test]
fn carriage_returns_of_narratives_survive_both_formats() {
    on_both(|backend| {
        let server = Server::open(backend);
        let div = "<div xmlns=\"http://www.w3.org/1999/xhtml\" title=\"a\r\nb\">a\r\nb\rc &#13;</div>";
        let sent = json!({"resourceType": "Basic", "id": "a", "text": {"status": "generated", "div": div}, "code": {"text": "a\r\nb\rc"}});
        assert_eq!(ask(&server, "PUT", "Basic/a", JSON, JSON, &sent.to_string()).status, 201);
        let as_xml = ask(&server, "GET", "Basic/a", JSON, XML, "");
        assert!(
            as_xml.text().contains("title=\"a&#13;\nb\">a&#13;\nb&#13;c &#013;</div>") && !as_xml.text().contains('\r'),
            "{}",
            as_xml.text()
        );
        assert_eq!(Document::read(Format::Xml, &as_xml.body).unwrap().value["text"]["div"], div);
        let again = ask(&server, "PUT", "Basic/a", XML, JSON, &as_xml.text()).json();
        assert_eq!((&again["text"]["div"], &again["code"]), (&json!(div), &sent["code"]));
    });
}

#[test]
fn every_answer_says_on_what_it_depends() {
    let server = Server::open(Backend::Sqlite);
    for (encoding, compressed) in [("gzip", "gzip"), ("identity", "")] {
        for path in ["/fhir/metadata", "/fhir/Patient", "/fhir/Patient/none", "/elsewhere"] {
            let answer = server.send("GET", path, &[("accept-encoding", encoding)], None);
            assert_eq!(answer.header("content-encoding"), compressed, "{path}");
            let vary = answer.header_values("vary").join(", ").to_lowercase();
            for name in ["accept", "accept-encoding", "accept-language", "authorization", "prefer"] {
                assert!(vary.split(", ").any(|one| one == name), "{path} {encoding}: {vary}");
            }
        }
    }
}

#[test]
fn a_history_says_how_the_first_version_came() {
    on_both(|backend| {
        let server = Server::open(backend);
        let body = |id: &str| match id {
            "" => json!({"resourceType": "Basic", "code": {"text": "x"}}).to_string(),
            id => json!({"resourceType": "Basic", "id": id, "code": {"text": "x"}}).to_string(),
        };
        let write = |method: &str, path: &str, id: &str| ask(&server, method, path, JSON, JSON, &body(id));
        let made_by = |id: &str| {
            let history = ask(&server, "GET", &format!("Basic/{id}/_history"), JSON, JSON, "").expect(200);
            let first = history["entry"].as_array().unwrap().last().unwrap().clone();
            assert_eq!(first["response"]["status"], "201");
            format!("{} {}", first["request"]["method"].as_str().unwrap(), first["request"]["url"].as_str().unwrap())
        };
        let posted = write("POST", "Basic", "").id();
        assert_eq!(made_by(&posted), "POST Basic");
        // The second one looks like an id of this server.
        for id in ["chosen", "01932c07-6f3e-7c53-9e4b-0d5f2a1b3c4d"] {
            assert_eq!(write("PUT", &format!("Basic/{id}"), id).status, 201);
            assert_eq!(made_by(id), format!("PUT Basic/{id}"));
        }
        let matched = write("PUT", "Basic?code=none", "");
        assert_eq!((matched.status, made_by(&matched.id())), (201, format!("PUT Basic/{}", matched.id())));
        for id in [posted.as_str(), "chosen"] {
            let before = made_by(id);
            assert_eq!((write("PUT", &format!("Basic/{id}"), id).status, made_by(id)), (200, before), "an earlier version now");
        }
        let entry = |method: &str, url: &str, id: &str| json!({"request": {"method": method, "url": url}, "resource": serde_json::from_str::<Value>(&body(id)).unwrap()});
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry("PUT", "Basic/within", "within"), entry("POST", "Basic", "")]});
        let answer = ask(&server, "POST", "", JSON, JSON, &bundle.to_string()).expect(200);
        assert_eq!(made_by("within"), "PUT Basic/within");
        let location = answer["entry"][1]["response"]["location"].as_str().unwrap().to_owned();
        assert_eq!(made_by(location.split('/').rev().nth(2).unwrap()), "POST Basic");
    });
}
