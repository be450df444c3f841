//! The document that is made of a report that comes without one: a FHIR document of the report and its results (EU laboratory guide),
//! as the content of a DocumentReference of the type that the matrix has for biology.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::document::named;
use super::super::stored::set;
use super::super::{Error, Service, holder};
use super::parts::Report;
use crate::fhir::national::{PSIDNAT, STRUCTIDNAT};
use crate::fhir::{primitive, replace_references};
use crate::filter::{Actor, HolderName};
use crate::policy::Caller;
use crate::policy::nomenclature::LOINC;

/// The type of reports of laboratories in JDV_J66, and in the EU guide.
pub const LABORATORY: &str = "11502-2";
const TITLE: &str = "Compte rendu d'examens biologiques";

/// The DocumentReference of a report, with these labels, as it would be deposited.
///
/// # Errors
/// [`Error::Business`] for a report that names nobody.
pub fn document(service: &Service, caller: &Caller, report: &Report, labels: Option<&Value>) -> Result<Value, Error> {
    let names = holder::names(&report.report, report.report.get("subject"), &service.base_url);
    let subject = match names.first() {
        None => return Err(Error::no_record("DiagnosticReport.subject")),
        Some(HolderName::Identifier(ins)) => {
            let (system, value) = ins.split_once('|').unwrap_or_default();
            json!({"identifier": {"system": system, "value": value}})
        }
        Some(HolderName::Id(id)) => json!({"reference": format!("Patient/{id}")}),
        Some(HolderName::Number(_)) => return Err(Error::no_record("DiagnosticReport.subject")),
    };
    let whole = whole(service, caller, report, &names, &subject);
    let text = |name: &str| report.report.get(name).and_then(Value::as_str);
    let date = text("issued").map_or_else(|| primitive::format_instant(service.clock.now()), ToOwned::to_owned);
    let title = title(report);
    let mut document = json!({
        "resourceType": "DocumentReference",
        "masterIdentifier": whole.get("identifier").cloned().unwrap_or_default(),
        "status": "current",
        "type": {"coding": [{"system": LOINC, "code": LABORATORY}]},
        "subject": subject,
        "date": date,
        "author": authors(caller, report),
        "description": title,
        "content": [{"attachment": {
            "contentType": "application/fhir+json", "data": STANDARD.encode(whole.to_string()), "title": title, "creation": date
        }}]
    });
    if let Some(identifiers) = report.report.get("identifier") {
        set(&mut document, "identifier", identifiers.clone());
    }
    if let Some(labels) = labels.and_then(Value::as_array).filter(|labels| !labels.is_empty()) {
        let labels: Vec<Value> = labels.iter().map(|label| json!({"coding": [label]})).collect();
        set(&mut document, "securityLabel", labels.into());
    }
    match (report.report.get("effectivePeriod"), text("effectiveDateTime")) {
        (Some(period), _) => set(&mut document, "context", json!({"period": period})),
        (None, Some(when)) => set(&mut document, "context", json!({"period": {"start": when, "end": when}})),
        (None, None) => {}
    }
    Ok(document)
}

fn title(report: &Report) -> String {
    let text = |pointer: &str| report.report.pointer(pointer).and_then(Value::as_str);
    text("/code/text").or_else(|| text("/code/coding/0/display")).unwrap_or(TITLE).to_owned()
}

/// Who made the report: those it names by national identifier, else who sends it.
fn authors(caller: &Caller, report: &Report) -> Vec<Value> {
    let mut actors: Vec<Actor> = Vec::new();
    for member in ["performer", "resultsInterpreter"] {
        for reference in report.report.get(member).and_then(Value::as_array).into_iter().flatten() {
            actors.extend(named(&report.report, reference));
        }
    }
    let mut authors: Vec<Value> = actors.iter().filter_map(identified).collect();
    authors.dedup();
    if authors.is_empty() {
        authors.extend(identified(&caller.principal));
    }
    authors
}

fn identified(actor: &Actor) -> Option<Value> {
    let system = match actor.kind() {
        'P' => PSIDNAT,
        'S' => STRUCTIDNAT,
        _ => return None,
    };
    Some(json!({"identifier": {"system": system, "value": actor.id()}}))
}

/// The FHIR document.
fn whole(service: &Service, caller: &Caller, report: &Report, names: &[HolderName], subject: &Value) -> Value {
    let url = || format!("urn:uuid:{}", service.clock.next_id());
    let own = url();
    let urls: Vec<(&str, String)> = report.results.iter().map(|(id, _)| (id.as_str(), url())).collect();
    let linked = |resource: &Value| {
        let mut resource = resource.clone();
        replace_references(&mut resource, &|text| match text.strip_prefix('#')? {
            "" => Some(own.clone()),
            id => urls.iter().find(|(known, _)| *known == id).map(|(_, url)| url.clone()),
        });
        if let Some(members) = resource.as_object_mut() {
            members.shift_remove("id");
        }
        resource
    };
    let person = names.iter().find_map(|name| if let HolderName::Identifier(ins) = name { ins.split_once('|') } else { None });
    let (patient, mut entries) = (url(), Vec::new());
    let about = if person.is_some() { json!({"reference": patient}) } else { subject.clone() };
    let when = primitive::format_instant(service.clock.now());
    let text = |name: &str| report.report.get(name).and_then(Value::as_str);
    let status = match text("status") {
        Some("registered" | "partial" | "preliminary" | "unknown") => "preliminary",
        Some("amended" | "corrected" | "appended") => "amended",
        _ => "final",
    };
    let listed: Vec<Value> = std::iter::once(&own).chain(urls.iter().map(|(_, url)| url)).map(|url| json!({"reference": url})).collect();
    let mut composition = json!({
        "resourceType": "Composition",
        "status": status,
        "type": {"coding": [{"system": LOINC, "code": LABORATORY}]},
        "subject": about,
        "date": text("issued").unwrap_or(&when),
        "author": authors(caller, report),
        "title": title(report),
        "section": [{"title": title(report), "entry": listed}]
    });
    if composition.get("author").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        set(&mut composition, "author", json!([{"display": caller.principal.id()}]));
    }
    entries.push(json!({"fullUrl": url(), "resource": composition}));
    if let Some((system, value)) = person {
        entries
            .push(json!({"fullUrl": patient, "resource": {"resourceType": "Patient", "identifier": [{"system": system, "value": value}]}}));
    }
    entries.push(json!({"fullUrl": own, "resource": linked(&report.report)}));
    entries.extend(report.results.iter().zip(&urls).map(|((_, result), (_, url))| json!({"fullUrl": url, "resource": linked(result)})));
    json!({
        "resourceType": "Bundle",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": url()},
        "type": "document",
        "timestamp": when,
        "entry": entries
    })
}
