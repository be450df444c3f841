//! What is served to the letter, in either format and by whichever way: numbers as they were spelt, ends of lines, and the headers
//! that say on what an answer depends.

use ensemble::fhir::{Document, Format};
use serde_json::json;

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
            for name in ["accept", "accept-encoding", "authorization", "prefer"] {
                assert!(vary.split(", ").any(|one| one == name), "{path} {encoding}: {vary}");
            }
        }
    }
}
