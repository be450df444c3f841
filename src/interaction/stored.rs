//! From a checked resource to what is stored: id and meta in place, index rows beside it.

use serde_json::{Map, Value, json};

use super::Error;
use super::links::relative;
use crate::fhir::{ResourceType, json, primitive, replace_references};
use crate::filter::{Actor, Envelope};
use crate::search::extract;
use crate::store::NewResource;

/// A new resource or version with this envelope; `realm` 1 for testers.
pub fn prepare(value: &Value, envelope: Envelope, realm: i16) -> NewResource {
    let whole = with_meta(value, &envelope);
    let index = extract(envelope.resource, &whole);
    NewResource { envelope, realm, bound: 0, media: String::new(), body: whole.to_string().into_bytes(), index, deleted: false, put: false }
}

/// The tree of a stored body.
///
/// # Errors
/// [`Error::Unexpected`] for what no version stored.
pub fn tree(body: &[u8]) -> Result<Value, Error> {
    json::kept(body).ok_or_else(|| Error::Unexpected("a stored body is no JSON".into()))
}

/// The resource with its id, version and date; the order is FHIR's.
pub fn with_meta(value: &Value, envelope: &Envelope) -> Value {
    let mut meta = Map::new();
    meta.insert("versionId".into(), envelope.version.to_string().into());
    meta.insert("lastUpdated".into(), primitive::format_instant(envelope.updated).into());
    for (name, member) in value.get("meta").and_then(Value::as_object).into_iter().flatten() {
        if !matches!(name.as_str(), "versionId" | "lastUpdated") {
            meta.insert(name.clone(), member.clone());
        }
    }
    let mut whole = Map::new();
    whole.insert("resourceType".into(), envelope.resource.name().into());
    whole.insert("id".into(), envelope.id.clone().into());
    whole.insert("meta".into(), Value::Object(meta));
    for (name, member) in value.as_object().into_iter().flatten() {
        if !matches!(name.as_str(), "resourceType" | "id" | "meta") {
            whole.insert(name.clone(), member.clone());
        }
    }
    Value::Object(whole)
}

/// An envelope of a first version, without labels or parties.
pub fn envelope(resource: ResourceType, holder: i64, key: i64, id: String, now: i64, submitter: &Actor) -> Envelope {
    Envelope {
        holder,
        key,
        resource,
        id,
        version: 1,
        updated: now,
        doc_type: 0,
        labels: 0,
        submitter: submitter.as_str().to_owned(),
        parties: String::new(),
        first: 0,
    }
}

/// Actors as the envelope keeps them.
pub fn parties(actors: &[Actor]) -> String {
    let mut names: Vec<&str> = actors.iter().map(Actor::as_str).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { String::new() } else { format!(" {} ", names.join(" ")) }
}

/// Makes every literal reference to this server relative, so that the base URL may change.
pub fn make_relative(value: &mut Value, base_url: &str) {
    replace_references(value, &|text| {
        let short = relative(text, base_url);
        (short.len() != text.len()).then(|| short.to_owned())
    });
}

/// Sets a member of an object.
pub fn set(value: &mut Value, name: &str, member: Value) {
    if let Some(members) = value.as_object_mut() {
        members.insert(name.to_owned(), member);
    }
}

/// Removes the extensions with this url.
pub fn remove_extension(value: &mut Value, url: &str) {
    let Some(members) = value.as_object_mut() else { return };
    if let Some(extensions) = members.get_mut("extension").and_then(Value::as_array_mut) {
        extensions.retain(|extension| extension.get("url").and_then(Value::as_str) != Some(url));
    }
    if members.get("extension").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        members.remove("extension");
    }
}

/// Appends an extension.
pub fn add_extension(value: &mut Value, url: &str, name: &str, content: Value) {
    let mut extension = json!({"url": url});
    set(&mut extension, name, content);
    match value.get_mut("extension").and_then(Value::as_array_mut) {
        Some(extensions) => extensions.push(extension),
        None => set(value, "extension", Value::Array(vec![extension])),
    }
}
