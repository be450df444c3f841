//! fhirbolt, behind guards: the only place that names it. It reads and writes a resource a second time, independently of our code, so
//! that a mistake of either shows (`ensemble check --resources`, and a test over every official example).
//!
//! fhirbolt 0.4 is sound for what passes these guards: a tree that we validated, at a bounded depth, `resourceType` first,
//! narratives taken out (it trims their white space), no companion of an `id` (it loses the id), white space in attributes made
//! single (it writes it raw). What it does not do soundly, our `json`, `xml` and `validate` do; each defect known is a test.

use fhirbolt::FhirReleases::R4;
use fhirbolt::element::Element;
use fhirbolt::{json, xml as bolt_xml};
use serde_json::{Map, Value};

use super::xml;

/// The narrative that stands for every other.
const NARRATIVE: &str = "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>";

/// Whether fhirbolt makes the same of a valid resource as we do: from JSON to XML, which we read, and from our XML to JSON.
///
/// # Errors
/// What differs, or why fhirbolt cannot be asked.
pub fn second_opinion(value: &Value) -> Result<(), String> {
    let guarded = guard(value)?;
    let failed = |what: &str, error: String| format!("fhirbolt does not {what}: {error}");
    let element: Element<R4> = json::from_json_value(guarded.clone(), None).map_err(|error| failed("read the JSON", error.to_string()))?;
    let theirs = bolt_xml::to_vec(&element, None).map_err(|error| failed("write the XML", error.to_string()))?;
    let read = xml::read(&theirs).map_err(|error| format!("the XML of fhirbolt is not well-formed: {error}"))?;
    if let Some(issue) = read.issues.first() {
        return Err(format!("the XML of fhirbolt has another form: {} {}", issue.expression, issue.message));
    }
    if read.value != guarded {
        return Err("the XML of fhirbolt says something else".into());
    }
    let ours = xml::write(&guarded, false);
    let element: Element<R4> = bolt_xml::from_slice(&ours, None).map_err(|error| failed("read our XML", error.to_string()))?;
    let again = json::to_json_value(element, None).map_err(|error| failed("write the JSON", error.to_string()))?;
    if again == guarded { Ok(()) } else { Err("fhirbolt reads our XML as something else".into()) }
}

/// The tree as fhirbolt can take it.
fn guard(value: &Value) -> Result<Value, String> {
    Ok(match value {
        Value::Object(members) => {
            if members.contains_key("resourceType") && members.contains_key("_id") {
                return Err("fhirbolt loses an id that has a companion".into());
            }
            let mut guarded = Map::with_capacity(members.len());
            if let Some(name) = members.get("resourceType") {
                guarded.insert("resourceType".into(), name.clone());
            }
            for (name, member) in members.iter().filter(|(name, _)| *name != "resourceType") {
                let narrative = name == "div" && member.as_str().is_some_and(|text| text.trim_start().starts_with('<'));
                guarded.insert(name.clone(), if narrative { NARRATIVE.into() } else { guard(member)? });
            }
            Value::Object(guarded)
        }
        Value::Array(items) => Value::Array(items.iter().map(guard).collect::<Result<_, _>>()?),
        Value::String(text) if text.contains(['\t', '\n', '\r']) => text.replace("\r\n", " ").replace(['\t', '\n', '\r'], " ").into(),
        // fhirbolt reads numbers with serde_json, which spells every exponent in its own way.
        Value::Number(number) => number.as_str().parse().map(Value::Number).map_err(|_| "a number that is none")?,
        other => other.clone(),
    })
}
