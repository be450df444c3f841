//! One result or group of a clinical document as an Observation, and what was examined as a Specimen.

use serde_json::{Value, json};

use super::coded::{absent, concept};
use super::value::{self, Odd, put_time};
use crate::cda::results::{Item, Kind, Specimen};
use crate::cda::{Id, date_time};
use crate::fhir::ResourceType;
use crate::fhir::validate::validate;
use crate::interaction::report::inline::PERSON;
use crate::interaction::stored::set;

/// What an isolate is, in words: no code of its own says so.
const ISOLATE: &str = "Isolat microbiologique";

/// Bytes of an identifier.
const IDENTIFIER_BYTES_MAX: usize = 256;

/// The status of an Observation, by that of what it is made of (HL7 V3 ActStatus).
fn status(code: Option<&str>) -> &'static str {
    match code {
        Some("completed") => "final",
        Some("active") => "preliminary",
        Some("aborted" | "cancelled") => "cancelled",
        Some("nullified") => "entered-in-error",
        Some("new" | "held" | "suspended") => "registered",
        _ => "unknown",
    }
}

/// An Observation of this id; `lone` says whether an identifier stands once in its document, so that it is one, `collected` when its
/// specimen was taken.
///
/// # Errors
/// What keeps it from being one: its value, or anything else that is not valid.
pub fn observation(
    id: &str,
    item: &Item,
    specimen: Option<(&str, &Specimen)>,
    lone: &impl Fn(&(String, String)) -> bool,
    odd: &mut Odd,
) -> Result<Value, Wrong> {
    let mut result = json!({"resourceType": "Observation", "id": id});
    let fits = |(root, extension): &&(String, String)| root.len() + extension.len() <= IDENTIFIER_BYTES_MAX;
    let ids = item.ids.iter().filter(|id| lone(id)).filter(fits).filter_map(|(root, extension)| Id::new(root, extension));
    let ids: Vec<Value> = ids.map(|id| identifier(&id)).collect();
    if !ids.is_empty() {
        set(&mut result, "identifier", ids.into());
    }
    let status = status(item.status.as_deref());
    set(&mut result, "status", status.into());
    set(&mut result, "code", item.code.as_ref().map_or_else(|| json!({"text": ISOLATE}), concept));
    set(&mut result, "subject", json!({"reference": PERSON}));
    let taken = specimen.and_then(|(_, specimen)| specimen.collected.as_ref());
    if let Some(time) = item.time.as_ref().or(taken) {
        put_time(&mut result, "effective", time);
    }
    match &item.value {
        Some(datum) if !value::put(&mut result, datum, odd) => return Err(Wrong::Value),
        None if item.kind == Kind::Result => {
            set(&mut result, "dataAbsentReason", absent(if status == "cancelled" { "not-performed" } else { "unknown" }));
        }
        _ => {}
    }
    if !item.interpretations.is_empty() {
        set(&mut result, "interpretation", item.interpretations.iter().map(concept).collect());
    }
    if !item.comments.is_empty() {
        set(&mut result, "note", item.comments.iter().map(|text| json!({"text": text})).collect());
    }
    for (name, what) in [("bodySite", &item.site), ("method", &item.method)] {
        if let Some(what) = what {
            set(&mut result, name, concept(what));
        }
    }
    if let Some((id, _)) = specimen {
        set(&mut result, "specimen", json!({"reference": format!("#{id}")}));
    }
    let ranges: Vec<Value> = item.ranges.iter().filter_map(|range| value::range(range, odd)).collect();
    if !ranges.is_empty() {
        set(&mut result, "referenceRange", ranges.into());
    }
    // What is contained is told with the whole report; here it is looked at alone.
    let mut alone = result.clone();
    if let Some(members) = alone.as_object_mut() {
        members.shift_remove("specimen");
    }
    match validate(ResourceType::OBSERVATION, &alone).is_empty() {
        true => Ok(result),
        false => Err(Wrong::Invalid),
    }
}

/// Why an item is no Observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// Its value is none.
    Value,
    /// It would not be valid.
    Invalid,
}

/// An identifier as FHIR writes it.
pub fn identifier(id: &Id) -> Value {
    let (system, value) = id.identifier();
    json!({"system": system, "value": value})
}

/// What was examined; nothing where nothing is told of it, or nothing valid.
pub fn specimen(id: &str, specimen: &Specimen) -> Option<Value> {
    let mut value = json!({"resourceType": "Specimen", "id": id});
    if let Some(kind) = &specimen.kind {
        set(&mut value, "type", concept(kind));
    }
    if let Some(received) = specimen.received.as_deref().and_then(date_time) {
        set(&mut value, "receivedTime", received.into());
    }
    let mut collection = json!({});
    if let Some(time) = &specimen.collected {
        put_time(&mut collection, "collected", time);
    }
    if collection != json!({}) {
        set(&mut value, "collection", collection);
    }
    let told = value.as_object().is_some_and(|members| members.len() > 2);
    let valid = |resource: ResourceType| validate(resource, &value).is_empty();
    (told && ResourceType::parse("Specimen").is_some_and(valid)).then_some(value)
}
