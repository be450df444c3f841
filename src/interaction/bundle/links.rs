//! How entries of a transaction refer to each other and to what exists (FHIR R4 http.html#trules, bundle.html#references).

use std::collections::HashMap;

use serde_json::Value;

use super::super::condition::{self, Matches};
use super::super::{Error, Request, Service, pairs};
use crate::fhir::ResourceType;
use crate::store::AnyConnection;

/// Notes the address here of an entry, under its `fullUrl` and as others may refer to it. A link to itself needs no replacing.
pub fn note(links: &mut HashMap<String, String>, url: &str, resource: ResourceType, here: &str, base_url: &str) {
    let mut add = |from: &str| {
        if from != here && from.strip_prefix(base_url).and_then(|rest| rest.strip_prefix('/')) != Some(here) {
            links.insert(from.to_owned(), here.to_owned());
        }
    };
    // A relative reference is read as beside the resource it stands in.
    if url.starts_with("http") {
        let mut parts = url.rsplit('/');
        if let (Some(last), Some(name)) = (parts.next(), parts.next())
            && name == resource.name()
        {
            add(&format!("{name}/{last}"));
        }
    }
    add(url);
}

/// Whether a text is the name of something within a Bundle alone.
fn is_temporary(text: &str) -> bool {
    text.starts_with("urn:uuid:") || text.starts_with("urn:oid:")
}

/// A reference may name by `urn:uuid:` only what the Bundle has.
///
/// # Errors
/// [`Error::Business`] with the place of the first that leads nowhere.
pub fn check_resolved(resource: &Value) -> Result<(), Error> {
    let name = resource.get("resourceType").and_then(Value::as_str).unwrap_or("Resource");
    // Within a Bundle its own entries are meant.
    if name == "Bundle" {
        return Ok(());
    }
    match broken(resource, name) {
        None => Ok(()),
        Some((expression, text)) => {
            let message = format!("no entry has the fullUrl `{}`", text.chars().take(100).collect::<String>());
            Err(Error::Business { code: "not-found", expression, message })
        }
    }
}

fn broken<'v>(value: &'v Value, place: &str) -> Option<(String, &'v str)> {
    match value {
        Value::Array(items) => items.iter().enumerate().find_map(|(at, item)| broken(item, &format!("{place}[{at}]"))),
        Value::Object(members) => members.iter().find_map(|(name, member)| match member.as_str() {
            Some(text) => (name == "reference" && is_temporary(text)).then(|| (format!("{place}.{name}"), text)),
            None => broken(member, &format!("{place}.{name}")),
        }),
        _ => None,
    }
}

/// Every `Type?query` that a reference of the resource is.
pub fn conditional(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| conditional(item, found)),
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(text) if name == "reference" => {
                        let kind = text.split_once('?').map(|(kind, _)| kind);
                        if kind.and_then(ResourceType::parse).is_some() {
                            found.push(text.to_owned());
                        }
                    }
                    _ => conditional(member, found),
                }
            }
        }
        _ => {}
    }
}

/// The one resource a conditional reference finds, in the caller's own scope; `None` for none.
///
/// # Errors
/// [`Error::Precondition`] for several; 400 as any search.
pub fn found(service: &Service, connection: &mut AnyConnection, request: &Request, text: &str) -> Result<Option<String>, Error> {
    let (resource, condition) = understood(service, request, text)?;
    let found = condition::resolve(service, request, connection, &condition)?.at_most_one(resource).map_err(|refused| refused.error)?;
    Ok(found.map(|hit| format!("{resource}/{}", hit.envelope.id)))
}

/// The one resource a conditional reference finds in records or directories: what it tells of a record is traced as a search of it.
///
/// # Errors
/// [`Error::Precondition`] for none and for several; 400 as any search.
pub async fn sought(service: &Service, request: &Request, text: &str) -> Result<String, Error> {
    let (resource, condition) = understood(service, request, text)?;
    let touched = condition::touched(service, request, &condition).await?;
    let (within, asker) = (service.clone(), request.clone());
    let found = service.store.write(move |connection| -> Result<Matches, Error> {
        let found = condition::resolve(&within, &asker, connection, &condition)?;
        match &found {
            Matches::None => condition::tell(&within, &asker, connection, &condition, &touched, 0)?,
            Matches::One(hit) | Matches::Several(hit) => {
                condition::tell_found(&within, &asker, connection, &condition, &touched, hit)?;
            }
        }
        Ok(found)
    });
    let found = found.await?.at_most_one(resource).map_err(|refused| refused.error)?;
    let hit = found.ok_or_else(|| nothing(text))?;
    Ok(format!("{resource}/{}", hit.envelope.id))
}

fn understood(service: &Service, request: &Request, text: &str) -> Result<(ResourceType, condition::Condition), Error> {
    let (name, query) = text.split_once('?').unwrap_or((text, ""));
    let resource = ResourceType::parse(name).ok_or_else(|| Error::UnknownType(name.to_owned()))?;
    Ok((resource, condition::parse(service, request, resource, &pairs(query)?)?))
}

/// The error of a conditional reference that leads to nothing, or not to one thing.
pub fn nothing(text: &str) -> Error {
    let name = text.split('?').next().unwrap_or_default();
    Error::Precondition(format!("no {name} matches the reference `{}`", text.chars().take(100).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_broken_link_is_told_with_its_place() {
        let uuid = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0";
        let rows = [
            (json!({"resourceType": "Observation", "subject": {"reference": uuid}}), Some("Observation.subject.reference")),
            (
                json!({"resourceType": "Observation", "performer": [{"reference": "Patient/1"}, {"reference": uuid}]}),
                Some("Observation.performer[1].reference"),
            ),
            (json!({"resourceType": "Observation", "identifier": [{"value": uuid}]}), None),
            (json!({"resourceType": "Bundle", "entry": [{"resource": {"subject": {"reference": uuid}}}]}), None),
        ];
        for (resource, place) in rows {
            let told = match check_resolved(&resource) {
                Err(Error::Business { expression, .. }) => Some(expression),
                _ => None,
            };
            assert_eq!(told.as_deref(), place, "{resource}");
        }
    }

    #[test]
    fn an_entry_is_known_by_its_url_and_beside_it() {
        let mut links = HashMap::new();
        note(&mut links, "https://a.example/Patient/x", ResourceType::PATIENT, "Patient/1", "https://here.example/fhir");
        note(&mut links, "https://here.example/fhir/Patient/2", ResourceType::PATIENT, "Patient/2", "https://here.example/fhir");
        let mut known: Vec<_> = links.into_iter().collect();
        known.sort();
        let expected = [("Patient/x", "Patient/1"), ("https://a.example/Patient/x", "Patient/1")];
        assert_eq!(known, expected.map(|(from, to)| (from.to_owned(), to.to_owned())));
    }
}
