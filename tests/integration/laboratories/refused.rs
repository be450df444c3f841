//! Reports that are not taken: the place, and nothing stored.

use serde_json::{Value, json};

use super::{counts, laboratory, with_reader};
use crate::support::build::{INS, holder, ins, patient, professional, service};
use crate::support::on_both;
use crate::support::report::{as_document, containing, pushed, report, result};
use crate::support::submission::{create, submit, transaction, urn};

#[test]
fn what_is_wrong_with_a_report_is_told_with_its_place() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        let other = ins(8);
        server.create(&service("operator"), &patient(&other)).expect(201);
        let whole = || containing(report(&me, 1, "final"), &[result(&me, "2951-2", 140.0)]);
        let with = |pointer: &str, value: Value| {
            let mut whole = whole();
            *whole.pointer_mut(pointer).unwrap() = value;
            whole
        };
        let about = |ins: &str| json!({"identifier": {"system": INS, "value": ins}});
        let mut nobody = whole();
        nobody["contained"][0].as_object_mut().unwrap().remove("subject");
        let mut labelled = whole();
        labelled["meta"] = json!({"security": [{"system": ensemble::policy::nomenclature::TRE_A07, "code": "MASQUE"}]});
        let mut part = whole();
        part["contained"][0]["meta"] = json!({"security": [{"code": "INVISIBLE_PATIENT"}]});
        let rows = [
            (part, 422, "invariant", "DiagnosticReport.contained[0].meta.security"),
            (with("/contained/0/subject", about(&other)), 422, "value", "DiagnosticReport.contained.where(id='r0').subject"),
            (nobody, 422, "required", "DiagnosticReport.contained.where(id='r0').subject"),
            (with("/subject", about(&ins(99))), 422, "not-found", "DiagnosticReport.subject"),
            (with("/subject", json!({"display": "Ana"})), 422, "not-found", "DiagnosticReport.subject"),
            (with("/result", json!([{"reference": "Observation/x"}])), 422, "not-found", "DiagnosticReport.result[0]"),
            (with("/status", "done".into()), 422, "code-invalid", "DiagnosticReport.status"),
            (labelled, 422, "code-invalid", "DocumentReference.securityLabel[0]"),
        ];
        for (body, status, code, place) in rows {
            let answer = server.create(&laboratory(), &body);
            let issue = answer.issue();
            assert_eq!((answer.status, issue.0.as_str(), issue.1.as_str()), (status, code, place), "{body}");
        }
        // A result without a report, alone and in a transaction.
        let alone = server.create(&laboratory(), &result(&me, "2951-2", 140.0));
        assert_eq!((alone.status, alone.issue().1.as_str()), (422, "Observation"));
        let stray = transaction(vec![create(&urn(1), report(&me, 1, "final")), create(&urn(2), result(&me, "2951-2", 1.0))]);
        assert_eq!(submit(&server, &laboratory(), &stray).issue().1, "Bundle.entry[1].resource");
        // A result of two reports.
        let mut two = pushed(report(&me, 1, "final"), &[result(&me, "2951-2", 140.0)]);
        let mut second = report(&me, 2, "final");
        second["result"] = json!([{"reference": urn(10)}]);
        two["entry"].as_array_mut().unwrap().push(create(&urn(30), second));
        assert_eq!(submit(&server, &laboratory(), &two).status, 422);
        // A FHIR document with results of somebody else.
        let mut elsewhere = result(&me, "2951-2", 140.0);
        elsewhere["subject"] = about(&other);
        let mut document = as_document(&me, 1, report(&me, 1, "final"), &[elsewhere]);
        let data = document["content"][0]["attachment"]["data"].as_str().unwrap().to_owned();
        document["content"][0]["attachment"]["data"] = replaced(&data, &other).into();
        assert_eq!(server.create(&laboratory(), &document).status, 422);
        // A FHIR document with more reports than one brings.
        let mut document = as_document(&me, 1, report(&me, 1, "final"), &[result(&me, "2951-2", 140.0)]);
        let data = document["content"][0]["attachment"]["data"].as_str().unwrap().to_owned();
        document["content"][0]["attachment"]["data"] = multiplied(&data, 51).into();
        let many = server.create(&laboratory(), &document);
        assert_eq!((many.status, many.issue().0.as_str()), (422, "too-costly"), "{}", many.text());
        assert_eq!(counts(&server, &physician, &me), [0, 0, 0]);
        // Who may not deposit may not report; nobody updates, patches or deletes.
        for who in [
            holder(&me),
            service("operator"),
            service("auditor"),
            json!({"kind": "application", "client": "app", "for": format!("{INS}|{me}"), "scope": "patient/*.cruds"}),
        ] {
            assert_eq!(server.create(&who, &whole()).status, 403, "{who}");
            assert_eq!(submit(&server, &who, &pushed(report(&me, 1, "final"), &[result(&me, "2951-2", 1.0)])).status, 403, "{who}");
        }
        let created = server.create(&professional(4, "10"), &whole()).expect(201);
        let path = format!("DiagnosticReport/{}", created["id"].as_str().unwrap());
        for (method, body) in
            [("PUT", Some(&created)), ("DELETE", None), ("PATCH", Some(&json!([{"op": "replace", "path": "/status", "value": "amended"}])))]
        {
            let refused = server.fhir(&professional(4, "10"), method, &path, body);
            assert!(matches!(refused.status, 403 | 405), "{method} {}", refused.status);
        }
        assert_eq!(server.get(&physician, &path).expect(200)["meta"]["versionId"], "1");
    });
}

/// The content with its entries changed.
fn changed(data: &str, change: impl Fn(&mut Vec<Value>)) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let mut whole: Value = serde_json::from_slice(&STANDARD.decode(data).unwrap()).unwrap();
    change(whole["entry"].as_array_mut().unwrap());
    STANDARD.encode(whole.to_string())
}

/// The content with so many reports.
fn multiplied(data: &str, count: usize) -> String {
    changed(data, |entries| {
        let report = entries.iter().find(|entry| entry["resource"]["resourceType"] == "DiagnosticReport").unwrap().clone();
        for number in 1..count {
            let mut another = report.clone();
            another["fullUrl"] = urn(1000 + u32::try_from(number).unwrap()).into();
            another["resource"]["identifier"][0]["value"] = format!("autre-{number}").into();
            entries.push(another);
        }
    })
}

/// The content with its results about another person, whom they name.
fn replaced(data: &str, other: &str) -> String {
    changed(data, |entries| {
        for entry in entries.iter_mut().filter(|entry| entry["resource"]["resourceType"] == "Observation") {
            entry["resource"]["subject"] = json!({"identifier": {"system": INS, "value": other}});
        }
    })
}
