//! Submissions as ITI-65 has them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Server;
use super::answer::Answer;
use super::build::{Document, person};

/// What Lists are for.
pub const KINDS: &str = "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes";

/// A name within a Bundle.
pub fn urn(number: u32) -> String {
    format!("urn:uuid:aaaaaaaa-0000-4000-8000-{number:012}")
}

/// A List of a kind about a person with these entries.
pub fn list(ins: &str, kind: &str, targets: &[&str]) -> Value {
    json!({
        "resourceType": "List", "status": "current", "mode": "working", "title": "Consultation", "date": "2026-10-01T10:00:00+02:00",
        "code": {"coding": [{"system": KINDS, "code": kind}]}, "subject": person(ins),
        "entry": targets.iter().map(|target| json!({"item": {"reference": target}})).collect::<Vec<_>>()
    })
}

/// A submission set with these entries, known by a number.
pub fn submission_set(ins: &str, number: u32, targets: &[&str]) -> Value {
    let mut set = list(ins, "submissionset", targets);
    let extension = |name: &str| format!("https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-{name}");
    set["identifier"] = json!([{"system": "urn:ietf:rfc:3986", "value": format!("urn:oid:1.2.250.1.999.4.{ins}.{number}")}]);
    set["extension"] = json!([
        {"url": extension("designationType"), "valueCodeableConcept": {"coding": [{"system": "urn:x", "code": "consultation"}]}},
        {"url": extension("sourceId"), "valueIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3"}}
    ]);
    set
}

/// The document with its content in a Binary of this name, and that Binary.
pub fn apart(document: Document, url: &str) -> (Value, Value) {
    let mut document = document.json();
    let attachment = document["content"][0]["attachment"].as_object_mut().unwrap();
    let data = attachment.remove("data").unwrap();
    attachment.insert("url".into(), url.into());
    let media = attachment["contentType"].clone();
    (document, json!({"resourceType": "Binary", "contentType": media, "data": data}))
}

/// A Binary of a text.
pub fn binary(text: &str) -> Value {
    json!({"resourceType": "Binary", "contentType": "text/plain", "data": STANDARD.encode(text)})
}

/// An entry that creates a resource, known by this name.
pub fn create(url: &str, resource: Value) -> Value {
    let kind = resource["resourceType"].clone();
    json!({"fullUrl": url, "resource": resource, "request": {"method": "POST", "url": kind}})
}

/// The transaction.
pub fn transaction(entries: Vec<Value>) -> Value {
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})
}

/// A submission of one document: the List, the document and its content, in this order.
pub fn submission(ins: &str, number: u32, document: Document) -> Value {
    let (document, content) = apart(document, &urn(3));
    transaction(vec![create(&urn(1), submission_set(ins, number, &[&urn(2)])), create(&urn(2), document), create(&urn(3), content)])
}

/// Sends it.
pub fn submit(server: &Server, who: &Value, bundle: &Value) -> Answer {
    server.fhir(who, "POST", "", Some(bundle))
}

/// Status, type and id of what each entry wrote.
pub fn wrote(answer: &Value) -> Vec<(String, String, String)> {
    let each = answer["entry"].as_array().unwrap().iter().map(|entry| {
        let response = &entry["response"];
        let location = response["location"].as_str().unwrap_or_default();
        let mut parts = location.rsplit('/').skip(2);
        let (id, kind) = (parts.next().unwrap_or_default().to_owned(), parts.next().unwrap_or_default().to_owned());
        (response["status"].as_str().unwrap().to_owned(), kind, id)
    });
    each.collect()
}

/// The targets of the entries of a List.
pub fn entries(list: &Value) -> Vec<String> {
    let all = list["entry"].as_array().cloned().unwrap_or_default();
    all.iter().map(|entry| entry["item"]["reference"].as_str().unwrap().to_owned()).collect()
}
