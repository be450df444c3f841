//! Versions of a report that come as clinical documents: by `setId` and `versionNumber`.

use serde_json::{Value, json};

use super::{counts, finds, laboratory, with_reader};
use crate::support::answer::Answer;
use crate::support::biology::{biology, measured, tsh};
use crate::support::build::document;
use crate::support::record::{deletion, patches};
use crate::support::report::{containing, report, result};
use crate::support::{Server, on_both};

/// The warnings of a push.
fn told(server: &Server, push: &Value) -> Vec<String> {
    let headers = [("content-type", "application/fhir+json"), ("prefer", "return=OperationOutcome")];
    let answer = server.fhir_with(&laboratory(), "POST", "DocumentReference", &headers, Some(push.to_string().as_bytes()));
    let issues = answer.expect(201)["issue"].as_array().cloned().unwrap_or_default();
    let warnings = issues.iter().filter(|issue| issue["severity"] == "warning");
    warnings.map(|issue| issue["details"]["text"].as_str().unwrap().to_owned()).collect()
}

fn only(server: &Server, who: &Value, kind: &str, more: &[(&str, &str)]) -> Value {
    let query = crate::support::query(more);
    let found = server.get(who, &format!("{kind}{query}")).expect(200);
    let entries = found["entry"].as_array().cloned().unwrap_or_default();
    assert_eq!(entries.len(), 1, "{found}");
    entries[0]["resource"].clone()
}

#[test]
fn a_new_version_is_the_next_of_the_same_report() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        let send = |cda: &crate::support::cda::Cda| -> Answer { server.create(&laboratory(), &cda.push()) };
        let mut first = biology(&me, 1, 1, &[tsh("9.0"), measured("3024-7", "7.67", "pg/mL")]);
        first.status = "active".into();
        send(&first).expect(201);
        let before = only(&server, &physician, "DiagnosticReport", &[]);
        assert_eq!(before["status"], "preliminary");
        let thyrotropin = before["result"][0]["reference"].as_str().unwrap().to_owned();
        // Final, whatever it does not say of what it replaces: the same results are new versions, the others are not found.
        let second = send(&biology(&me, 1, 2, &[tsh("1.950")]));
        let current = second.expect(201);
        assert_eq!(current["relatesTo"][0]["code"], "replaces", "{current}");
        let after = only(&server, &physician, "DiagnosticReport", &[]);
        assert_eq!((&after["id"], &after["status"], &after["meta"]["versionId"]), (&before["id"], &json!("final"), &json!("2")));
        assert_eq!(after["result"], json!([{"reference": thyrotropin}]));
        assert_eq!(server.get(&physician, &thyrotropin).expect(200)["valueQuantity"]["value"].to_string(), "1.950");
        assert_eq!(server.get(&physician, &format!("{thyrotropin}/_history/1")).expect(200)["valueQuantity"]["value"].to_string(), "9.0");
        assert_eq!(counts(&server, &physician, &me), [2, 1, 1]);
        assert_eq!(finds(&server, &physician, &me, "DocumentReference", &[("status", "superseded")]).len(), 1);
        // Amended, and said so: what is replaced stands once in the relations.
        let third = biology(&me, 1, 3, &[tsh("2.0")]).replacing("1.2.250.1.999.9.1.2", "");
        let current = send(&third).expect(201);
        assert_eq!(current["relatesTo"].as_array().unwrap().len(), 1, "{current}");
        assert_eq!(only(&server, &physician, "DiagnosticReport", &[])["status"], "amended");
        // A late push of an earlier version that never came is kept, told, and undoes nothing.
        let warnings = told(&server, &biology(&me, 1, 2, &[tsh("5.0")]).named("1.2.250.1.999.9.1.77", "").push());
        assert!(warnings.iter().any(|text| text.contains("version 3 of this report is known already")), "{warnings:?}");
        assert_eq!(counts(&server, &physician, &me), [4, 1, 1]);
        assert_eq!(server.get(&physician, &thyrotropin).expect(200)["valueQuantity"]["value"].to_string(), "2.0");
        // What came already is answered as it was.
        assert_eq!(send(&biology(&me, 1, 2, &[tsh("1.950")])).id(), second.id());
        // Cancelled: the report says so.
        let mut cancelled = biology(&me, 1, 4, &[]);
        cancelled.status = "aborted".into();
        send(&cancelled).expect(201);
        assert_eq!(only(&server, &physician, "DiagnosticReport", &[])["status"], "cancelled");
        assert_eq!(counts(&server, &physician, &me)[1..], [1, 0]);
        // Another report of the laboratory is another one; so is another laboratory's.
        send(&biology(&me, 2, 1, &[tsh("1.0")])).expect(201);
        server.create(&crate::support::build::structure("1690000011"), &biology(&me, 1, 1, &[tsh("1.0")]).push()).expect(201);
        assert_eq!(counts(&server, &physician, &me)[1..], [3, 2]);
    });
}

#[test]
fn what_was_withdrawn_does_not_come_back() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        let first = server.create(&laboratory(), &biology(&me, 1, 1, &[tsh("1.0")]).push());
        assert_eq!(patches(&server, &laboratory(), &first.id(), &deletion()), 200);
        assert_eq!(counts(&server, &physician, &me), [0, 0, 0]);
        let warnings = told(&server, &biology(&me, 1, 2, &[tsh("2.0")]).push());
        assert!(warnings.iter().any(|text| text.contains("withdrawn")), "{warnings:?}");
        assert_eq!(counts(&server, &physician, &me), [1, 0, 0], "the document is the original");
    });
}

#[test]
fn other_forms_of_a_report_follow_and_are_followed() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        // A copy in PDF that replaces it is found as a document alone.
        let first = server.create(&laboratory(), &biology(&me, 1, 1, &[tsh("1.0")]).push());
        let replaces = json!([{"code": "replaces", "target": {"reference": format!("DocumentReference/{}", first.id())}}]);
        server.create(&laboratory(), &document(&me, "11502-2", 4).with("relatesTo", replaces).json()).expect(201);
        assert_eq!(counts(&server, &physician, &me), [2, 0, 0]);
        // What was pushed as FHIR under the identifier that the document has for all its versions: final once is final.
        let mut pushed = containing(report(&me, 1, "final"), &[result(&me, "2951-2", 140.0)]);
        pushed["identifier"] = json!([{"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.250.1.999.9.2"}]);
        server.create(&laboratory(), &pushed).expect(201);
        let warnings = told(&server, &biology(&me, 2, 1, &[tsh("1.0")]).push());
        assert!(warnings.iter().any(|text| text.contains("was final")), "{warnings:?}");
        assert_eq!(counts(&server, &physician, &me), [4, 1, 1]);
        assert_eq!(finds(&server, &physician, &me, "Observation", &[("code", "3016-3")]), [""; 0]);
        // A version that says it is a later one follows it.
        server.create(&laboratory(), &biology(&me, 2, 2, &[tsh("1.0")]).push()).expect(201);
        assert_eq!(counts(&server, &physician, &me), [5, 1, 1]);
        assert_eq!(finds(&server, &physician, &me, "Observation", &[("code", "3016-3")]).len(), 1);
        // A document without entries, or of another type, brings nothing.
        let mut text = biology(&me, 3, 1, &[]);
        text.body = "<structuredBody><component><section><text>TSH 1,950</text></section></component></structuredBody>".into();
        server.create(&laboratory(), &text.push()).expect(201);
        server.create(&laboratory(), &biology(&me, 4, 1, &[tsh("1.0")]).of_type("11490-0").push()).expect(201);
        server.create(&laboratory(), &biology(&me, 5, 1, &[]).around("application/pdf", b"%PDF-1.4\n%%EOF\n").push()).expect(201);
        assert_eq!(counts(&server, &physician, &me), [8, 1, 1]);
        // A FHIR document beside it says it better.
        let mut both = crate::support::report::as_document(&me, 60, report(&me, 6, "final"), &[result(&me, "2823-3", 4.1)]);
        let clinical = biology(&me, 6, 1, &[tsh("1.0")]).push();
        both["masterIdentifier"] = json!({"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.250.1.999.9.6.1"});
        both["content"].as_array_mut().unwrap().push(clinical["content"][0].clone());
        server.create(&laboratory(), &both).expect(201);
        assert_eq!(counts(&server, &physician, &me), [9, 2, 2]);
        assert_eq!(finds(&server, &physician, &me, "Observation", &[("code", "2823-3")]).len(), 1);
    });
}
