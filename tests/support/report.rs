//! Reports of laboratories.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::build::{document, party, person};
use super::submission::{create, transaction, urn};

/// The identifier that a laboratory gives a report.
pub const REPORTS: &str = "https://labo.example/comptes-rendus";

/// A report of this number and status about a person, without results.
pub fn report(ins: &str, number: u32, status: &str) -> Value {
    json!({
        "resourceType": "DiagnosticReport",
        "identifier": [{"system": REPORTS, "value": format!("{ins}-{number}")}],
        "status": status,
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "11502-2"}], "text": "Ionogramme"},
        "subject": person(ins),
        "effectiveDateTime": "2026-10-02T08:00:00+02:00",
        "issued": "2026-10-02T12:00:00+02:00"
    })
}

/// A result of a report: of what, and how much.
pub fn result(ins: &str, code: &str, value: f64) -> Value {
    json!({
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": person(ins),
        "effectiveDateTime": "2026-10-02T08:00:00+02:00",
        "valueQuantity": {"value": value, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"}
    })
}

/// The report with these results contained.
pub fn containing(mut report: Value, results: &[Value]) -> Value {
    let mut contained = Vec::new();
    for (at, result) in results.iter().enumerate() {
        let mut result = result.clone();
        result["id"] = format!("r{at}").into();
        contained.push(result);
    }
    report["result"] = (0..results.len()).map(|at| json!({"reference": format!("#r{at}")})).collect();
    report["contained"] = contained.into();
    report
}

/// The transaction of a report: the report, its results, a specimen and the laboratory, in this order.
pub fn pushed(report: Value, results: &[Value]) -> Value {
    let place = |at: usize| urn(10 + u32::try_from(at).unwrap());
    let mut report = report;
    report["result"] = (0..results.len()).map(|at| json!({"reference": place(at)})).collect();
    report["performer"] = json!([{"reference": urn(2)}]);
    report["specimen"] = json!([{"reference": urn(3)}]);
    let subject = report["subject"].clone();
    let mut entries = vec![create(&urn(1), report)];
    for (at, result) in results.iter().enumerate() {
        let mut result = result.clone();
        result["specimen"] = json!({"reference": urn(3)});
        entries.push(create(&place(at), result));
    }
    entries.push(create(&urn(3), json!({"resourceType": "Specimen", "subject": subject, "type": {"text": "sang"}})));
    let laboratory = json!({"resourceType": "Organization", "identifier": [party("1690000027")["identifier"]], "name": "Laboratoire"});
    entries.push(create(&urn(2), laboratory));
    transaction(entries)
}

/// A document whose content is a FHIR document of this report.
pub fn as_document(ins: &str, number: u32, report: Value, results: &[Value]) -> Value {
    let place = |at: usize| urn(10 + u32::try_from(at).unwrap());
    let about = json!({"reference": urn(4)});
    let entry = |url: String, resource: Value| json!({"fullUrl": url, "resource": resource});
    let (mut report, mut entries) = (report, Vec::new());
    report["subject"] = about.clone();
    report["result"] = (0..results.len()).map(|at| json!({"reference": place(at)})).collect();
    let listed: Vec<Value> = (0..results.len()).map(|at| json!({"reference": place(at)})).collect();
    entries.push(entry(
        urn(5),
        json!({
            "resourceType": "Composition", "status": "final", "type": {"coding": [{"system": "http://loinc.org", "code": "11502-2"}]},
            "subject": about, "date": "2026-10-02", "author": [{"reference": urn(2)}], "title": "Biologie",
            "section": [{"title": "Biologie", "entry": listed}]
        }),
    ));
    entries.push(entry(urn(4), json!({"resourceType": "Patient", "identifier": [person(ins)["identifier"]]})));
    entries.push(entry(urn(2), json!({"resourceType": "Organization", "name": "Laboratoire"})));
    entries.push(entry(urn(1), report));
    for (at, result) in results.iter().enumerate() {
        let mut result = result.clone();
        result["subject"] = about.clone();
        result["performer"] = json!([{"reference": urn(2)}]);
        entries.push(entry(place(at), result));
    }
    let whole = json!({
        "resourceType": "Bundle", "type": "document", "timestamp": "2026-10-02T12:00:00+02:00",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": format!("urn:oid:1.2.250.1.999.5.{number}")}, "entry": entries
    });
    let mut document = document(ins, "11502-2", number).json();
    document["content"] = json!([{"attachment": {"contentType": "application/fhir+json", "data": STANDARD.encode(whole.to_string())}}]);
    document
}
