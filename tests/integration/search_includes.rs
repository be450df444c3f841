//! `_include` and `_revinclude` (FHIR R4 search.html#revinclude): several types, `:iterate` over rounds and in a circle, and the bounds,
//! which are told where they leave something out.

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::open::{put, strictly as get};
use crate::support::{Server, on_both};

/// The entries of a mode, as `Type/id`, sorted, with blanks between.
fn entries(answer: &Answer, mode: &str) -> String {
    let json = answer.expect(200);
    let all = json["entry"].as_array().cloned().unwrap_or_default();
    let of = all.iter().filter(|entry| entry["search"]["mode"] == mode).map(|entry| &entry["resource"]);
    let mut names: Vec<String> =
        of.map(|one| format!("{}/{}", one["resourceType"].as_str().unwrap(), one["id"].as_str().unwrap_or_default())).collect();
    names.sort();
    names.join(" ")
}

/// What the outcome of a page says: severity, code, words.
fn warnings(answer: &Answer) -> Vec<(String, String, String)> {
    let json = answer.expect(200);
    let all = json["entry"].as_array().cloned().unwrap_or_default();
    let issues = all.iter().filter(|entry| entry["search"]["mode"] == "outcome").flat_map(|entry| {
        let outcome = &entry["resource"];
        assert_eq!(outcome["resourceType"], "OperationOutcome");
        outcome["issue"].as_array().cloned().unwrap()
    });
    let text = |issue: &Value, pointer: &str| issue.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    issues.map(|issue| (text(&issue, "/severity"), text(&issue, "/code"), text(&issue, "/details/text"))).collect()
}

fn to(reference: &str) -> Value {
    json!({"reference": reference})
}

fn observation(more: Value) -> Value {
    let mut one = json!({"status": "final", "code": {"text": "x"}});
    one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    one
}

/// An Observation of a Patient whose Organization is part of another, at an Encounter of nobody at a Location of a third.
fn hospital(server: &Server) {
    put(server, "Organization", "top", json!({"name": "Groupe"}));
    put(server, "Organization", "clinic", json!({"name": "Clinique", "partOf": to("Organization/top")}));
    put(server, "Organization", "owner", json!({"name": "Bâtiments"}));
    put(server, "Location", "room", json!({"managingOrganization": to("Organization/owner")}));
    put(server, "Patient", "p", json!({"managingOrganization": to("Organization/clinic")}));
    let class = json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"});
    put(server, "Encounter", "e", json!({"status": "finished", "class": class, "location": [{"location": to("Location/room")}]}));
    put(server, "Observation", "o", observation(json!({"subject": to("Patient/p"), "encounter": to("Encounter/e")})));
}

#[test]
fn an_include_of_several_types_starts_at_its_own() {
    on_both(|backend| {
        let server = Server::open(backend);
        hospital(&server);
        let rows = [
            ("?_type=Observation,Patient&_include=Observation:encounter", "Encounter/e"),
            ("?_type=Patient,Observation&_include=Observation:encounter", "Encounter/e"),
            ("?_type=Observation,Patient&_include=Observation:subject", ""),
            ("?_type=Observation,Patient&_include=Patient:organization", "Organization/clinic"),
            ("?_type=Observation,Patient&_include=Patient:organization&_include=Observation:encounter", "Encounter/e Organization/clinic"),
            ("?_type=Observation,Patient&_include=*", "Encounter/e Organization/clinic"),
            ("?_type=Patient,Observation&_include=*", "Encounter/e Organization/clinic"),
            ("?_type=Observation,Location&_include=Observation:*", "Encounter/e Patient/p"),
            ("Patient/p/*?_include=Observation:encounter", "Encounter/e"),
            ("Patient/p/*?_include=Patient:organization", "Organization/clinic"),
            ("Patient/p/*?_include=*", "Encounter/e Organization/clinic"),
            ("Patient/p/Observation?_include=Observation:encounter", "Encounter/e"),
            ("?_type=Observation,Patient&_include:iterate=Encounter:location&_include=Observation:encounter", "Encounter/e Location/room"),
            ("?_type=Organization,Location&_revinclude=Patient:organization", "Patient/p"),
        ];
        for (path, expected) in rows {
            assert_eq!(entries(&get(&server, path), "include"), expected, "{path}");
        }
        assert_eq!(entries(&get(&server, "Patient/p/*?_include=*"), "match"), "Observation/o Patient/p");
        let refused = get(&server, "?_type=Observation,Patient&_include=Encounter:location");
        assert_eq!((refused.status, refused.issue()), (400, ("not-supported".into(), "_include".into())));
        // Every page of it brings its own.
        let first = get(&server, "?_type=Observation,Patient&_include=*&_count=1");
        assert_eq!((entries(&first, "match"), entries(&first, "include")), ("Observation/o".into(), "Encounter/e Patient/p".into()));
        let next = first.link("next").unwrap();
        let second = get(&server, next.split("/fhir").nth(1).unwrap().trim_start_matches('/'));
        assert_eq!((entries(&second, "match"), entries(&second, "include")), ("Patient/p".into(), "Organization/clinic".into()));
    });
}

#[test]
fn everything_followed_on_is_everything() {
    on_both(|backend| {
        let server = Server::open(backend);
        hospital(&server);
        let near = "Encounter/e Patient/p";
        let all = "Encounter/e Location/room Organization/clinic Organization/owner Organization/top Patient/p";
        let rows = [
            ("Observation?_include=*", near),
            ("Observation?_include:iterate=*", all),
            ("Observation?_include=*&_include:iterate=*", all),
            ("Observation?_include:iterate=Observation:*", near),
            ("Observation?_include=Observation:subject&_include:iterate=Patient:*", "Organization/clinic Patient/p"),
            ("Patient?_include:iterate=*", "Organization/clinic Organization/top"),
            ("Organization?_id=top&_revinclude:iterate=*", "Observation/o Organization/clinic Patient/p"),
            (
                "Organization?_id=clinic&_revinclude:iterate=*&_include:iterate=*",
                "Encounter/e Location/room Observation/o Organization/owner Organization/top Patient/p",
            ),
            (
                "?_type=Observation,Location&_include:iterate=*",
                "Encounter/e Organization/clinic Organization/owner Organization/top Patient/p",
            ),
        ];
        for (path, expected) in rows {
            let answer = get(&server, path);
            assert_eq!((entries(&answer, "include").as_str(), warnings(&answer)), (expected, Vec::new()), "{path}");
        }
    });
}

#[test]
fn what_is_followed_on_ends_at_a_bound_that_is_told() {
    on_both(|backend| {
        let server = Server::open(backend);
        let members = |ids: &[String]| ids.iter().map(|id| to(&format!("Observation/{id}"))).collect::<Vec<_>>();
        for number in (0..8).rev() {
            let next = if number < 7 { members(&[format!("c{}", number + 1)]) } else { Vec::new() };
            let more = if next.is_empty() { json!({}) } else { json!({"hasMember": next}) };
            put(&server, "Observation", &format!("c{number}"), observation(more));
        }
        // In a circle, each of which also leads to itself.
        for number in 0..4 {
            let next = members(&[format!("r{}", (number + 1) % 4), format!("r{number}")]);
            put(&server, "Observation", &format!("r{number}"), observation(json!({"hasMember": next})));
        }
        let chain = |numbers: std::ops::Range<u32>| numbers.map(|number| format!("Observation/c{number}")).collect::<Vec<_>>().join(" ");
        let far = vec![(
            "warning".to_owned(),
            "too-costly".to_owned(),
            "includes were followed 5 times: what is further away was left out".to_owned(),
        )];
        let rows = [
            ("Observation?_id=c0&_include=Observation:has-member", chain(1..2), Vec::new()),
            ("Observation?_id=c4&_include:iterate=Observation:has-member", chain(5..8), Vec::new()),
            ("Observation?_id=c2&_include:iterate=Observation:has-member", chain(3..8), Vec::new()),
            ("Observation?_id=c1&_include:iterate=Observation:has-member", chain(2..7), far.clone()),
            ("Observation?_id=c0&_include:iterate=*", chain(1..6), far.clone()),
            ("Observation?_id=c6&_revinclude:iterate=Observation:has-member", chain(1..6), far),
            ("Observation?_id=c5&_revinclude:iterate=Observation:has-member", chain(0..5), Vec::new()),
            (
                "Observation?_id=r2&_include:iterate=Observation:has-member",
                "Observation/r0 Observation/r1 Observation/r3".into(),
                Vec::new(),
            ),
            ("Observation?_id=r2&_include:iterate=*", "Observation/r0 Observation/r1 Observation/r3".into(), Vec::new()),
            ("Observation?_id=r0&_revinclude:iterate=*", "Observation/r1 Observation/r2 Observation/r3".into(), Vec::new()),
        ];
        for (path, expected, told) in rows {
            let answer = get(&server, path);
            assert_eq!((entries(&answer, "include"), warnings(&answer)), (expected, told), "{path}");
        }
        let header = [("accept-language", "fr")];
        let told = warnings(&server.send("GET", "/fhir/Observation?_id=c0&_include:iterate=*", &header, None));
        assert_eq!(told[0].2, "les inclusions ont été suivies 5 fois\u{a0}: ce qui est plus loin a été laissé de côté");
    });
}

#[test]
fn no_more_is_brought_than_a_page_may_bring() {
    on_both(|backend| {
        let server = Server::open(backend);
        put(&server, "Patient", "p", json!({"active": true}));
        let send = |from: u32, until: u32| {
            let entry = |number: u32| {
                let mut body = observation(json!({"subject": to("Patient/p")}));
                body["resourceType"] = "Observation".into();
                body["id"] = format!("o{number}").into();
                json!({"resource": body, "request": {"method": "PUT", "url": format!("Observation/o{number}")}})
            };
            let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": (from..until).map(entry).collect::<Vec<_>>()});
            let header = [("content-type", "application/fhir+json")];
            server.send("POST", "/fhir", &header, Some(bundle.to_string().as_bytes())).expect(200);
        };
        let count = |answer: &Answer| entries(answer, "include").split(' ').filter(|name| !name.is_empty()).count();
        let paths = ["Patient?_revinclude=Observation:subject", "Patient?_revinclude:iterate=*&_include:iterate=*"];
        send(0, 1000);
        for path in paths {
            let answer = get(&server, path);
            assert_eq!((count(&answer), warnings(&answer)), (1000, Vec::new()), "{path}");
        }
        send(1000, 1001);
        let told = "more than 1000 resources would be included: the rest was left out".to_owned();
        for path in paths {
            let answer = get(&server, path);
            assert_eq!((count(&answer), warnings(&answer)), (1000, vec![("warning".into(), "too-costly".into(), told.clone())]), "{path}");
        }
    });
}
