//! Formats, conditions, deletion and limits over HTTP, on both databases.

use std::io::Write;

use ensemble::fhir::{Document, Format, NAMES};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::build::{document, holder, ins, patient, service, structure};
use crate::support::{Server, on_both};

const JSON: &str = "application/fhir+json";
const XML: &str = "application/fhir+xml";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A request of a tester.
fn ask(server: &Server, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let body = (!body.is_empty()).then_some(body);
    server.send(method, &format!("/fhir/{path}"), headers, body)
}

/// The tree of an answer in XML.
fn tree(answer: &Answer) -> Value {
    let document = Document::read(Format::Xml, &answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.text()));
    assert_eq!(document.issues, [], "{}", answer.text());
    document.value
}

fn observation(value: &str) -> String {
    format!(
        r#"{{"resourceType":"Observation","status":"final","code":{{"text":"masse"}},"valueQuantity":{{"value":{value},"unit":"kg"}}}}"#
    )
}

#[test]
fn both_formats_go_in_and_out() {
    on_both(|backend| {
        let server = Server::open(backend);
        let sent = r#"<?xml version="1.0" encoding="utf-8"?><f:Patient xmlns:f="http://hl7.org/fhir"><f:name><f:family value="Zoé &amp; fils"/></f:name></f:Patient>"#;
        let created =
            ask(&server, "POST", "Patient", &[("content-type", "application/xml; charset=UTF-8"), ("accept", XML)], sent.as_bytes());
        assert_eq!((created.status, created.header("content-type")), (201, "application/fhir+xml;charset=utf-8"), "{}", created.text());
        let id = tree(&created)["id"].as_str().unwrap().to_owned();
        let path = format!("Patient/{id}");
        for (accept, query, xml) in [
            ("", "", false),
            (JSON, "", false),
            (XML, "", true),
            ("text/xml", "", true),
            ("application/xml+fhir", "", true),
            ("application/fhir+json;q=0.1, application/fhir+xml", "", true),
            (XML, "?_format=json", false),
            ("*/*", "?_format=xml", true),
            ("", "?_format=application/fhir%2Bxml", true),
            ("", "?_format=text/xml&_pretty=true", true),
            ("", "?_format=application/fhir%2Bjson;%20fhirVersion=4.0", false),
        ] {
            let headers: &[(&str, &str)] = if accept.is_empty() { &[] } else { &[("accept", accept)] };
            let answer = ask(&server, "GET", &format!("{path}{query}"), headers, b"");
            let value = if xml { tree(&answer) } else { answer.json() };
            assert_eq!(value["name"][0]["family"], "Zoé & fils", "{accept} {query}");
            assert!(answer.header("content-type").starts_with(if xml { XML } else { JSON }), "{accept} {query}");
        }
        for (accept, query) in [("application/pdf", ""), ("application/fhir+json;fhirVersion=3.0", ""), (JSON, "?_format=ttl")] {
            assert_eq!(ask(&server, "GET", &format!("{path}{query}"), &[("accept", accept)], b"").status, 406, "{accept} {query}");
        }
        let pretty = ask(&server, "GET", &format!("{path}?_pretty=true"), &[], b"").text();
        assert!(pretty.contains("\n  \"id\""), "{pretty}");
        for path in ["Patient".to_owned(), format!("{path}/_history"), "metadata".to_owned()] {
            assert!(tree(&ask(&server, "GET", &path, &[("accept", XML)], b""))["resourceType"].is_string(), "{path}");
        }
        let posted =
            ask(&server, "POST", "Patient/_search", &[("content-type", "application/x-www-form-urlencoded")], b"_format=xml&_id=x");
        assert_eq!(tree(&posted)["type"], "searchset");
        // An error comes in the format asked for, too.
        for (path, status) in [("Patient/absent", 404), ("Patient?_count=x", 400), ("Nothing", 404)] {
            let answer = ask(&server, "GET", path, &[("accept", XML)], b"");
            assert_eq!((answer.status, tree(&answer)["resourceType"].as_str()), (status, Some("OperationOutcome")), "{path}");
        }
    });
}

#[test]
fn what_is_stored_is_served_byte_for_byte() {
    on_both(|backend| {
        let server = Server::open(backend);
        let created = ask(&server, "POST", "Observation", &[("content-type", JSON)], observation("1.500").as_bytes());
        let path = format!("Observation/{}", created.id());
        let read = ask(&server, "GET", &path, &[], b"");
        assert_eq!(read.body, created.body);
        assert!(read.text().contains("\"value\":1.500,"), "{}", read.text());
        assert!(ask(&server, "GET", &path, &[("accept", XML)], b"").text().contains("<value value=\"1.500\"/>"));
        let found = ask(&server, "GET", "Observation?_id=x", &[], b"");
        assert!(found.text().contains("\"total\":0"));
        let history = ask(&server, "GET", &format!("{path}/_history"), &[], b"").text();
        assert!(history.contains("1.500"), "{history}");
    });
}

#[test]
fn every_type_is_stored_versioned_and_deleted_by_a_tester() {
    on_both(|backend| {
        let server = Server::open(backend);
        let statement = ask(&server, "GET", "metadata", &[], b"").expect(200);
        assert_eq!(statement["rest"][0]["resource"].as_array().unwrap().len(), NAMES.len());
        let body = |version: u32| json!({"resourceType": "Basic", "id": "b", "code": {"text": format!("version {version}")}}).to_string();
        let send = |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
            let headers: Vec<(&str, &str)> = headers.iter().copied().chain([("content-type", JSON)]).collect();
            ask(&server, method, path, &headers, body.as_bytes())
        };
        assert_eq!(send("PUT", "Basic/b", &[("if-match", "W/\"1\"")], &body(1)).status, 412, "nothing to match yet");
        let first = send("PUT", "Basic/b", &[], &body(1));
        assert_eq!((first.status, first.header("etag")), (201, "W/\"1\""));
        assert!(first.header("location").ends_with("/fhir/Basic/b/_history/1"));
        assert_eq!(send("PUT", "Basic/b", &[("if-match", "W/\"2\"")], &body(2)).status, 412);
        let second = send("PUT", "Basic/b", &[("if-match", "W/\"1\"")], &body(2));
        assert_eq!((second.status, second.header("etag")), (200, "W/\"2\""));
        assert_eq!(send("PUT", "Basic/c", &[], &body(2)).status, 400, "another id than the address");
        let patch = r#"[{"op":"test","path":"/code/text","value":"version 2"},{"op":"replace","path":"/code/text","value":"version 3"}]"#;
        let patched = ask(&server, "PATCH", "Basic/b", &[("content-type", "application/json-patch+json")], patch.as_bytes());
        assert_eq!((patched.status, patched.header("etag")), (200, "W/\"3\""), "{}", patched.text());
        let again = ask(&server, "PATCH", "Basic/b", &[("content-type", "application/json-patch+json")], patch.as_bytes());
        assert_eq!(again.status, 422, "the test fails now");
        let wrong = r#"[{"op":"add","path":"/inconnu","value":1}]"#;
        let wrong = ask(&server, "PATCH", "Basic/b", &[("content-type", "application/json-patch+json")], wrong.as_bytes());
        assert_eq!((wrong.status, wrong.issue()), (422, ("structure".into(), "Basic.inconnu".into())));
        assert_eq!(send("DELETE", "Basic/b", &[("if-match", "W/\"1\"")], "").status, 412);
        let gone = send("DELETE", "Basic/b", &[], "");
        assert_eq!((gone.status, gone.header("etag"), gone.body.len()), (204, "W/\"4\"", 0));
        assert_eq!(send("DELETE", "Basic/b", &[], "").status, 204, "deleted already");
        assert_eq!(send("DELETE", "Basic/never", &[], "").status, 204);
        assert_eq!((send("GET", "Basic/b", &[], "").status, send("GET", "Basic/b/_history/4", &[], "").status), (410, 410));
        assert_eq!(send("GET", "Basic/b", &[], "").issue().0, "deleted");
        assert_eq!(send("GET", "Basic", &[], "").expect(200)["total"], 0);
        assert_eq!(send("GET", "Basic/b/_history/2", &[], "").expect(200)["code"]["text"], "version 2");
        let history = send("GET", "Basic/b/_history", &[], "").expect(200);
        let methods: Vec<&str> =
            history["entry"].as_array().unwrap().iter().map(|entry| entry["request"]["method"].as_str().unwrap()).collect();
        assert_eq!(methods, ["DELETE", "PUT", "PUT", "PUT"]);
        assert!(history["entry"][0].get("resource").is_none());
        let back = send("PUT", "Basic/b", &[], &body(5));
        assert_eq!((back.status, back.header("etag")), (201, "W/\"5\""));
        send("GET", "Basic/b", &[], "").expect(200);
    });
}

#[test]
fn conditions_decide_once() {
    on_both(|backend| {
        let server = Server::open(backend);
        let body = |family: &str| {
            json!({"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": "1"}], "name": [{"family": family}]}).to_string()
        };
        let send = |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
            let headers: Vec<(&str, &str)> = headers.iter().copied().chain([("content-type", JSON)]).collect();
            ask(&server, method, path, &headers, body.as_bytes())
        };
        let only = [("if-none-exist", "identifier=urn:x|1")];
        // Sixteen at once make one.
        let made = std::thread::scope(|scope| {
            let all: Vec<_> = (0..16).map(|_| scope.spawn(|| send("POST", "Patient", &only, &body("Un")))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
        });
        let count = |status: u16| made.iter().filter(|answer| answer.status == status).count();
        assert_eq!((count(201), count(200)), (1, 15));
        let id = made[0].id();
        assert!(made.iter().all(|answer| answer.id() == id));
        assert_eq!(send("POST", "Patient", &[("if-none-exist", "nom=x")], &body("Un")).status, 400, "a condition is understood whole");
        assert_eq!(send("POST", "Patient", &[("if-none-exist", "_format=json")], &body("Un")).status, 400, "or it is none");
        // Conditional update, patch and deletion.
        let updated = send("PUT", "Patient?identifier=urn:x|1", &[], &body("Deux"));
        assert_eq!((updated.status, updated.id()), (200, id.clone()));
        assert_eq!(send("PUT", "Patient?identifier=urn:x|2", &[], &body("Trois")).status, 201, "none matches");
        assert_eq!(send("PUT", "Patient?identifier=urn:x|1", &[], &body("Quatre")).status, 412, "two match");
        assert_eq!(send("POST", "Patient", &only, &body("Un")).status, 412, "two match");
        assert_eq!(send("DELETE", "Patient?identifier=urn:x|1", &[], "").status, 412);
        assert_eq!(send("DELETE", "Patient", &[], "").status, 400, "not everything");
        let patch = r#"[{"op":"replace","path":"/name/0/family","value":"Cinq"}]"#;
        let patched = ask(&server, "PATCH", "Patient?family=deux", &[("content-type", "application/json-patch+json")], patch.as_bytes());
        assert_eq!((patched.status, patched.id()), (200, id.clone()));
        assert_eq!(send("DELETE", "Patient?family=cinq", &[], "").status, 204);
        assert_eq!(send("GET", &format!("Patient/{id}"), &[], "").status, 410);
        assert_eq!(send("DELETE", "Patient?family=cinq", &[], "").status, 204);
    });
}

#[test]
fn others_do_not_delete_and_conditions_stay_in_their_scope() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (me, hospital) = (ins(1), structure("1750000018"));
        server.create(&service("operator"), &patient(&me)).expect(201);
        let letter = document(&me, "11490-0", 1).with("identifier", json!([{"system": "urn:x", "value": "1"}])).json();
        let first = server.create(&hospital, &letter);
        first.expect(201);
        for (path, allow) in [
            (format!("DocumentReference/{}", first.id()), "GET, PATCH"),
            ("Consent/x".into(), "GET, PUT"),
            ("Patient/x".into(), "GET, PUT"),
        ] {
            let answer = server.fhir(&holder(&me), "DELETE", &path, None);
            assert_eq!((answer.status, answer.header("allow")), (405, allow), "{path}");
        }
        let once = |who: &Value, number: u32| {
            let body = document(&me, "11490-0", number).json().to_string();
            server.fhir_with(
                who,
                "POST",
                "DocumentReference",
                &[("content-type", JSON), ("if-none-exist", "identifier=urn:x|1")],
                Some(body.as_bytes()),
            )
        };
        let again = once(&hospital, 2);
        assert_eq!((again.status, again.id()), (200, first.id()), "its own deposit is found");
        assert_eq!(once(&structure("1330000015"), 3).status, 201, "another's is not");
        let update = server.fhir(&service("operator"), "PUT", "Practitioner?identifier=x", Some(&json!({"resourceType": "Practitioner"})));
        assert_eq!(update.status, 405);
        assert_eq!(
            server
                .fhir(&service("operator"), "PUT", "Practitioner/new", Some(&json!({"resourceType": "Practitioner", "id": "new"})))
                .status,
            404
        );
    });
}

#[test]
fn reading_knows_what_the_client_has() {
    on_both(|backend| {
        let server = Server::open(backend);
        let created = ask(&server, "POST", "Observation", &[("content-type", JSON)], observation("1").as_bytes());
        let path = format!("Observation/{}", created.id());
        let (tag, date) = (created.header("etag").to_owned(), created.header("last-modified").to_owned());
        for (name, value, status) in [
            ("if-none-match", tag.as_str(), 304),
            ("if-none-match", "W/\"7\"", 200),
            ("if-modified-since", date.as_str(), 304),
            ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT", 200),
        ] {
            let answer = ask(&server, "GET", &path, &[(name, value)], b"");
            assert_eq!((answer.status, answer.body.is_empty()), (status, status == 304), "{name} {value}");
            assert_eq!(answer.header("etag"), tag);
        }
        let head = ask(&server, "HEAD", &path, &[], b"");
        assert_eq!((head.status, head.header("etag"), head.body.len()), (200, tag.as_str(), 0));
        assert_eq!(head.header("content-length"), created.body.len().to_string());
        for (prefer, bytes) in [("return=minimal", 0), ("return=representation", 1), ("return=OperationOutcome", 1)] {
            let answer = ask(&server, "POST", "Observation", &[("content-type", JSON), ("prefer", prefer)], observation("1").as_bytes());
            assert_eq!((answer.status, answer.body.len().min(1)), (201, bytes), "{prefer}");
        }
    });
}

#[test]
fn gzip_goes_both_ways() {
    on_both(|backend| {
        let server = Server::open(backend);
        let zipped = [("content-type", JSON), ("content-encoding", "gzip")];
        let created = ask(&server, "POST", "Observation", &zipped, &gzip(observation("2.0").as_bytes()));
        created.expect(201);
        let long = format!(r#"{{"resourceType":"Basic","code":{{"text":"{}"}}}}"#, "x".repeat(20_000));
        let long = ask(&server, "POST", "Basic", &[("content-type", JSON)], long.as_bytes());
        let raw = server.raw("GET", &format!("/fhir/Basic/{}", long.id()), &[("accept-encoding", "gzip")]);
        assert!(raw.to_ascii_lowercase().contains("content-encoding: gzip") && raw.len() < 2_000, "{}", raw.len());
        let bomb = gzip(&vec![b' '; 80 * 1024 * 1024]);
        assert_eq!(ask(&server, "POST", "Observation", &zipped, &bomb).status, 413);
        assert_eq!(ask(&server, "POST", "Observation", &zipped, b"{}").status, 400, "no gzip");
        let other = [("content-type", JSON), ("content-encoding", "br")];
        assert_eq!(ask(&server, "POST", "Observation", &other, b"{}").status, 415);
    });
}

#[test]
fn a_binary_is_content_or_resource() {
    on_both(|backend| {
        let server = Server::open(backend);
        let raw = ask(&server, "POST", "Binary", &[("content-type", "text/plain; charset=utf-8")], "bonjour é".as_bytes());
        let resource = raw.expect(201);
        assert_eq!(
            (resource["contentType"].as_str(), resource["resourceType"].as_str()),
            (Some("text/plain; charset=utf-8"), Some("Binary"))
        );
        let path = format!("Binary/{}", raw.id());
        let content = ask(&server, "GET", &path, &[], b"");
        assert_eq!((content.text().as_str(), content.header("content-type")), ("bonjour é", "text/plain; charset=utf-8"));
        assert_eq!(ask(&server, "GET", &path, &[("accept", JSON)], b"").json()["data"], resource["data"]);
        assert_eq!(tree(&ask(&server, "GET", &path, &[("accept", XML)], b""))["data"], resource["data"]);
        assert_eq!(tree(&ask(&server, "GET", &format!("{path}/_history/1"), &[("accept", XML)], b""))["data"], resource["data"]);
        assert_eq!(ask(&server, "GET", &path, &[("accept", "image/png")], b"").status, 406);
        let kept = json!({"resourceType": "Binary", "id": "b", "meta": {"tag": [{"code": "x"}]}, "contentType": "image/png", "data": "aGk=", "securityContext": {"reference": "Patient/1"}});
        let put = ask(&server, "PUT", "Binary/b", &[("content-type", JSON), ("accept", JSON)], kept.to_string().as_bytes());
        assert_eq!(put.status, 201, "{}", put.text());
        assert_eq!(ask(&server, "GET", "Binary/b", &[("accept", JSON)], b"").json()["securityContext"], kept["securityContext"]);
        assert_eq!(ask(&server, "GET", "Binary/b", &[], b"").text(), "hi");
    });
}

#[test]
fn bad_input_is_refused_with_its_place_and_leaves_nothing() {
    on_both(|backend| {
        let server = Server::open(backend);
        let deep = |open: &str, close: &str| format!("{}{}", open.repeat(20_000), close.repeat(20_000));
        let xml = |inside: &str| format!("<Patient xmlns=\"http://hl7.org/fhir\">{inside}</Patient>").into_bytes();
        let big = "x".repeat(1_000_000);
        let entities =
            (1..12).fold("<!ENTITY a0 \"ha\">".to_owned(), |all, n| format!("{all}<!ENTITY a{n} \"&a{0};&a{0};&a{0};\">", n - 1));
        let bomb =
            format!("<!DOCTYPE Patient [{entities}]><Patient xmlns=\"http://hl7.org/fhir\"><name><text value=\"&a11;\"/></name></Patient>");
        let outside = "<!DOCTYPE Patient [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><Patient xmlns=\"http://hl7.org/fhir\"><name><text value=\"&x;\"/></name></Patient>";
        let rows: Vec<(&str, Vec<u8>, u16)> = vec![
            (JSON, vec![], 400),
            (JSON, b"{".to_vec(), 400),
            (JSON, b"{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"\xff\"}]}".to_vec(), 400),
            (JSON, b"\xef\xbb\xbf{\"resourceType\":\"Patient\"}".to_vec(), 400),
            (JSON, deep("[", "]").into_bytes(), 400),
            (JSON, format!("{{\"resourceType\":\"Patient\",\"extension\":{}}}", deep("[{\"extension\":", "}]")).into_bytes(), 400),
            (JSON, b"{\"resourceType\":\"Patient\"}{}".to_vec(), 400),
            (JSON, b"{\"resourceType\":\"Patient\"} x".to_vec(), 400),
            (JSON, b"{\"resourceType\":\"Patient\",\"active\":true,\"active\":true}".to_vec(), 400),
            (JSON, b"{\"active\":true}".to_vec(), 400),
            (JSON, b"{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"x\"}}".to_vec(), 400),
            (JSON, b"[]".to_vec(), 400),
            (JSON, b"{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"a\\u0000\"}]}".to_vec(), 422),
            (JSON, b"{\"resourceType\":\"Patient\",\"multipleBirthInteger\":4294967297}".to_vec(), 422),
            (JSON, format!("{{\"resourceType\":\"Patient\",\"{big}\":1}}").into_bytes(), 422),
            (JSON, format!("{{\"resourceType\":\"Patient\",\"gender\":\"{big}\"}}").into_bytes(), 422),
            (JSON, b"{\"resourceType\":\"Patient\",\"text\":{\"status\":\"generated\",\"div\":\"<div xmlns='http://www.w3.org/1999/xhtml'><script>1</script></div>\"}}".to_vec(), 422),
            (XML, vec![], 400),
            (XML, xml("<active value=\"true\"/><inconnu value=\"1\"/>"), 422),
            (XML, xml("<gender value=\"male\"/><active value=\"true\"/>"), 422),
            (XML, xml("<active value=\"true\"/><active value=\"true\"/>"), 422),
            (XML, xml("text"), 422),
            (XML, xml(&"<extension>".repeat(20_000)), 400),
            (XML, xml(&format!("<name><family value=\"{big}\"/></name><{big}/>")), 422),
            (XML, b"<Patient xmlns=\"http://hl7.org/\xff\"/>".to_vec(), 400),
            (XML, bomb.into_bytes(), 400),
            (XML, outside.as_bytes().to_vec(), 400),
            (XML, [xml("<active value=\"true\"/>"), xml("<active value=\"true\"/>")].concat(), 400),
            (XML, b"<Patient><active value=\"true\"/></Patient>".to_vec(), 422),
            (XML, b"<Nothing xmlns=\"http://hl7.org/fhir\"><active value=\"true\"/></Nothing>".to_vec(), 400),
        ];
        for (content, body, status) in &rows {
            let shown = String::from_utf8_lossy(&body[..body.len().min(100)]).into_owned();
            let answer = server.send("POST", "/fhir/Patient", &[("content-type", content)], Some(body));
            assert_eq!(answer.status, *status, "{shown}: {}", &answer.text()[..answer.body.len().min(300)]);
            let outcome = answer.json();
            assert_eq!(outcome["resourceType"], "OperationOutcome", "{shown}");
            assert!(answer.body.len() < 20_000, "{shown}: an answer is short");
        }
        assert_eq!(ask(&server, "GET", "Patient", &[], b"").expect(200)["total"], 0, "nothing is stored");
        // An announced length over the limit, and another media type.
        let large = vec![b' '; 70 * 1024 * 1024];
        assert_eq!(server.send("POST", "/fhir/Patient", &[("content-type", JSON)], Some(&large)).status, 413);
        assert_eq!(server.send("POST", "/fhir/Patient", &[("content-type", "text/plain")], Some(b"{}")).status, 415);
        assert_eq!(
            server.send("POST", "/fhir/Patient", &[("content-type", "application/fhir+json; fhirVersion=3.0")], Some(b"{}")).status,
            415
        );
        assert_eq!(
            server.send("POST", "/fhir/Patient", &[("content-type", "application/fhir+xml; charset=iso-8859-1")], Some(b"<a/>")).status,
            415
        );
    });
}

#[test]
fn all_errors_of_a_resource_come_at_once() {
    on_both(|backend| {
        let server = Server::open(backend);
        let bad = r#"{"resourceType":"Patient","nom":1,"gender":"homme","birthDate":"2020-02-30","contact":[{"gender":"male"},{"x":1}],"link":[{}]}"#;
        let answer = ask(&server, "POST", "Patient", &[("content-type", JSON)], bad.as_bytes());
        let places = |value: &Value| {
            let issues = value["issue"].as_array().unwrap().clone();
            issues.iter().map(|issue| issue["expression"][0].as_str().unwrap_or("-").to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            places(&answer.expect(422)),
            ["Patient.nom", "Patient.gender", "Patient.birthDate", "Patient.contact[1].x", "Patient.link[0]"]
        );
        let bad = r#"<Patient xmlns="http://hl7.org/fhir"><nom value="1"/><gender value="homme"/><birthDate value="2020-02-30"/><link/></Patient>"#;
        let answer = ask(&server, "POST", "Patient", &[("content-type", XML)], bad.as_bytes());
        let mut found = places(&answer.expect(422));
        found.sort();
        assert_eq!(found, ["Patient.birthDate", "Patient.gender", "Patient.link[0]", "Patient.nom"]);
        let syntax = ask(&server, "POST", "Patient", &[("content-type", JSON)], b"{\"resourceType\":\"Patient\",\n\"active\":tru}");
        assert!(syntax.json()["issue"][0]["details"]["text"].as_str().unwrap().contains("line 2 column 13"), "{}", syntax.text());
    });
}
