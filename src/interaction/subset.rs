//! Parts of a resource: `_elements` and `_summary` (FHIR R4 search.html#elements, #summary).

use serde_json::{Value, json};

use super::stored::set;
use crate::fhir::definitions::structure;
use crate::fhir::{ResourceType, json};
use crate::search::{Query, Summary};

/// The resource as this query wants it; marked as a subset where something was left out.
pub fn of(resource: ResourceType, body: Vec<u8>, query: &Query) -> Vec<u8> {
    if query.elements.is_empty() && matches!(query.summary, Summary::False | Summary::Count) {
        return body;
    }
    let Some(mut value) = json::kept(&body) else { return body };
    let structure = structure(resource.name());
    let keeps = |name: &str| {
        let plain = name.trim_start_matches('_');
        let element = structure.and_then(|structure| structure.member(plain)).map(|(_, element, _)| element);
        let always = matches!(plain, "resourceType" | "id" | "meta") || element.is_some_and(|element| element.min > 0);
        // A modifier changes the meaning of the rest: it always stays.
        let always = always || element.is_some_and(|element| element.modifier);
        always
            || match query.summary {
                _ if !query.elements.is_empty() => {
                    query.elements.iter().any(|wanted| wanted == plain || element.is_some_and(|e| e.name == wanted))
                }
                Summary::True => element.is_some_and(|element| element.summary),
                Summary::Text => plain == "text",
                Summary::Data => plain != "text",
                Summary::False | Summary::Count => true,
            }
    };
    if let Some(members) = value.as_object_mut() {
        members.retain(|name, _| keeps(name));
    }
    mark(&mut value);
    value.to_string().into_bytes()
}

/// Tags a resource as a part of itself.
fn mark(value: &mut Value) {
    let tag = json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"});
    let Some(meta) = value.get_mut("meta") else { return };
    match meta.get_mut("tag").and_then(Value::as_array_mut) {
        Some(tags) => tags.push(tag),
        None => set(meta, "tag", json!([tag])),
    }
}
