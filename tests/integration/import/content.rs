//! What is stored, and how it is linked.

use serde_json::{Value, json};

use super::{Sandbox, count, get, gzip, numbered};
use crate::support::on_both;

fn bundle(kind: &str, entries: Value) -> String {
    json!({"resourceType": "Bundle", "type": kind, "entry": entries}).to_string()
}

#[test]
fn files_and_lines_are_stored_as_if_they_were_sent() {
    on_both(|backend| {
        let sandbox = Sandbox::new(backend);
        let patient = |family: &str| json!({"resourceType": "Patient", "id": "p1", "name": [{"family": family}]}).to_string();
        let observation = json!({"resourceType": "Observation", "status": "final", "code": {"text": "c"},
            "subject": {"reference": "http://127.0.0.1:8080/fhir/Patient/p1"}});
        // The same resource twice in one file: the second is its next version, the third the same again.
        let lines = format!("{}\n\n{observation}\n{}\r\n{}\n", patient("Un"), patient("Deux"), patient("Deux"));
        sandbox.file("in/a.ndjson", &lines);
        sandbox.file("in/b.ndjson.gz", gzip(numbered(0..1200).as_bytes()));
        sandbox.file(
            "in/sub/pretty.json",
            format!(
                "\u{feff}{}",
                serde_json::to_string_pretty(&json!({"resourceType": "Basic", "id": "b1", "code": {"text": "y"}})).unwrap()
            ),
        );
        sandbox.file("in/readme.txt", "not this");
        sandbox.file("in/same.json", &lines);
        let said = sandbox.import(&[&sandbox.directory.join("in")], &["--verbose"]);
        assert_eq!((said.code, said.counts()), (Some(0), [1203, 1, 1, 0]), "{}", said.told);
        assert!(said.told.contains("readme.txt: not imported") && said.told.contains("same.json: the same as"), "{}", said.told);
        assert_eq!((said.summary["files"].as_u64(), said.summary["filesSkipped"].as_u64()), (Some(4), Some(1)));
        // Again: nothing; from the start: what has an id is there already.
        let again = sandbox.import(&[&sandbox.directory.join("in")], &[]);
        assert_eq!((again.code, again.counts(), again.summary["before"]["created"].as_u64()), (Some(0), [0, 0, 0, 0], Some(1203)));
        let over = sandbox.import(&[&sandbox.directory.join("in/sub"), &sandbox.directory.join("in/a.ndjson")], &["--restart"]);
        assert_eq!((over.code, over.counts()), (Some(0), [1, 2, 2, 0]), "{}", over.told);
        let server = sandbox.server();
        assert_eq!(
            (count(&server, "Basic"), count(&server, "Basic?identifier=n7"), count(&server, "Basic?identifier=n1199")),
            (1201, 1, 1)
        );
        assert_eq!(count(&server, "Observation?subject=Patient/p1"), 2, "what begins with the base is relative");
        let read = get(&server, "Patient/p1");
        assert_eq!((read["meta"]["versionId"].as_str(), read["name"][0]["family"].as_str()), (Some("4"), Some("Deux")));
        assert_eq!(get(&server, "Patient/p1/_history")["total"], 4);
        assert_eq!((count(&server, "Patient?family=deux"), count(&server, "Patient?family=un")), (1, 0));
    });
}

#[test]
fn bundles_are_done_as_if_they_were_sent() {
    on_both(|backend| {
        let sandbox = Sandbox::new(backend);
        let urn = |number: u32| format!("urn:uuid:00000000-0000-4000-8000-{number:012}");
        let organization = json!({"resourceType": "Organization", "name": "H", "identifier": [{"system": "urn:x", "value": "1"}]});
        let hospital = json!([{"fullUrl": urn(1), "resource": organization, "request": {"method": "POST", "url": "Organization", "ifNoneExist": "identifier=urn:x|1"}}]);
        let person = json!([
            {"fullUrl": urn(2), "resource": {"resourceType": "Patient", "id": "2", "name": [{"family": "Lié"}],
                "managingOrganization": {"reference": "Organization?identifier=urn:x|1"}}, "request": {"method": "POST", "url": "Patient"}},
            {"fullUrl": urn(3), "resource": {"resourceType": "Observation", "status": "final", "code": {"text": "c"}, "subject": {"reference": urn(2)}},
                "request": {"method": "POST", "url": "Observation"}},
            {"request": {"method": "GET", "url": "Patient"}}
        ]);
        let plain = json!([
            {"fullUrl": urn(4), "resource": {"resourceType": "Patient", "id": "4", "name": [{"family": "Simple"}]}, "request": {"method": "PUT", "url": "Patient/4"}},
            {"fullUrl": urn(5), "resource": {"resourceType": "Observation", "status": "final", "code": {"text": "c"}, "subject": {"reference": urn(4)}},
                "request": {"method": "POST", "url": "Observation"}}
        ]);
        // By name the hospital comes last; its conditional create finds what the second line of the other file made.
        sandbox.file("in/Anna.json", bundle("transaction", person.clone()));
        sandbox.file(
            "in/hospitalInformation1.ndjson",
            format!("{}\n{}\n", bundle("transaction", hospital.clone()), bundle("batch", hospital)),
        );
        sandbox.file("in/plain.json", bundle("transaction", plain));
        // All or nothing, each for itself, whole.
        let half = json!([
            {"resource": {"resourceType": "Basic", "code": {"text": "kept?"}, "identifier": [{"value": "half"}]}, "request": {"method": "POST", "url": "Basic"}},
            {"resource": {"resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": "Patient?identifier=nobody"}}, "request": {"method": "POST", "url": "Basic"}}
        ]);
        sandbox.file("in/q-half.json", bundle("transaction", half.clone()));
        let each = json!([
            {"resource": {"resourceType": "Basic", "code": {"text": "kept"}, "identifier": [{"value": "each"}]}, "request": {"method": "POST", "url": "Basic"}},
            {"resource": {"resourceType": "Basic"}, "request": {"method": "POST", "url": "Basic"}},
            {"request": {"method": "DELETE", "url": "Patient/4"}}
        ]);
        sandbox.file("in/r-batch.json", bundle("batch", each));
        let collected = json!([
            {"fullUrl": urn(6), "resource": {"resourceType": "Practitioner", "name": [{"family": "Recueil"}]}},
            {"fullUrl": urn(7), "resource": {"resourceType": "Encounter", "id": "e7", "status": "planned", "class": {"code": "AMB"}, "participant": [{"individual": {"reference": urn(6)}}]}},
            {"resource": {"resourceType": "Encounter", "id": "e8"}}
        ]);
        sandbox.file("in/s-collection.json", bundle("collection", collected));
        let document = json!({"resourceType": "Bundle", "id": "doc", "type": "document", "timestamp": "2026-01-01T00:00:00Z", "identifier": {"system": "urn:x", "value": "d"},
            "entry": [{"fullUrl": urn(8), "resource": {"resourceType": "Composition", "status": "final", "type": {"text": "t"}, "date": "2026-01-01", "author": [{"display": "a"}], "title": "T"}}]});
        sandbox.file("in/t-document.json", document.to_string());
        sandbox.file(
            "in/u-history.json",
            bundle("history", json!([{"request": {"method": "DELETE", "url": "Basic/1"}, "response": {"status": "204"}}])),
        );
        let rejected = sandbox.directory.join("rejected.ndjson");
        let said = sandbox.import(&[&sandbox.directory.join("in")], &["--rejected", rejected.to_str().unwrap()]);
        // Organization; Patient and Observation, twice; batch: one; collection: two; the document. Unchanged: the conditional create.
        assert_eq!((said.code, said.counts(), said.summary["now"]["deleted"].as_u64()), (Some(2), [9, 0, 1, 5], Some(1)), "{}", said.told);
        let rows: Vec<Value> =
            std::fs::read_to_string(&rejected).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let shown: Vec<String> = rows
            .iter()
            .map(|row| {
                let file = row["source"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
                format!("{file} {} {} {} {}", row["line"], row["entry"], row["status"], row["issues"][0]["expression"])
            })
            .collect();
        assert_eq!(
            shown,
            [
                "q-half.json null null 412 \"Bundle.entry[1].request\"",
                "r-batch.json null 1 422 \"Bundle.entry[1].resource.code\"",
                "s-collection.json null 2 422 \"Bundle.entry[2].resource.status\"",
                "u-history.json null null 400 \"Bundle.type\"",
            ]
        );
        let server = sandbox.server();
        assert_eq!(
            (count(&server, "Basic?identifier=half"), count(&server, "Basic?identifier=each"), count(&server, "Organization")),
            (0, 1, 1)
        );
        let patient = get(&server, "Patient?family=lie")["entry"][0]["resource"].clone();
        let hospital = get(&server, "Organization")["entry"][0]["resource"]["id"].as_str().unwrap().to_owned();
        assert_eq!(patient["managingOrganization"]["reference"], format!("Organization/{hospital}"));
        assert_ne!(patient["id"], "2", "what is created has an id of this server");
        assert_eq!(count(&server, &format!("Observation?subject=Patient/{}", patient["id"].as_str().unwrap())), 1);
        assert_eq!(count(&server, "Observation?subject=Patient/4"), 1);
        assert_eq!(server.send("GET", "/fhir/Patient/4", &[], None).status, 410);
        let practitioner = get(&server, "Practitioner?family=recueil")["entry"][0]["resource"]["id"].as_str().unwrap().to_owned();
        assert_eq!(get(&server, "Encounter/e7")["participant"][0]["individual"]["reference"], format!("Practitioner/{practitioner}"));
        assert_eq!(get(&server, "Bundle/doc")["type"], "document");
    });
}
