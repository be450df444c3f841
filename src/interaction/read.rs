//! `read` (FHIR R4 http.html#read): one statement, one decision, one trace.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::links::absolute;
use super::{Answer, Error, Request, Service, patient, search_traces};
use crate::audit::Happened;
use crate::fhir::{ResourceType, primitive};
use crate::policy::{Action, Decision};
use crate::store::{self, Found};

/// The media types a client takes, best first; empty for any.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Media ranges of `Accept`, without parameters.
    pub ranges: Vec<String>,
}

impl Wanted {
    /// Whether a Binary is wanted as a FHIR resource rather than as its raw content.
    ///
    /// # Errors
    /// [`Error::NotAcceptable`] when neither will do.
    fn wants_resource(&self, media: &str) -> Result<bool, Error> {
        if self.ranges.is_empty() {
            return Ok(false);
        }
        for range in &self.ranges {
            if matches!(range.as_str(), "application/fhir+json" | "application/json+fhir")
                || (range == "application/json" && media != range)
            {
                return Ok(true);
            }
            let group = range.strip_suffix("/*").map(|group| format!("{group}/"));
            if range == "*/*" || media == range || group.is_some_and(|group| media.starts_with(&group)) {
                return Ok(false);
            }
        }
        Err(Error::NotAcceptable(format!("the content is `{media}`, or application/fhir+json")))
    }
}

/// Reads one resource; a Binary raw or as a resource, as the client wants it.
///
/// # Errors
/// [`Error::NotFound`] for what is absent or hidden alike, [`Error::Forbidden`] for a type that is not served.
pub async fn read(service: &Service, request: &Request, resource: ResourceType, id: &str, wanted: &Wanted) -> Result<Answer, Error> {
    if resource == ResourceType::AUDIT_EVENT {
        return search_traces::read(service, request, id).await;
    }
    let asked = service.asked(request, "read", resource, id, "");
    let found = find(service, request, resource, id).await;
    let found = match found {
        Ok(found) => found,
        Err(refused) => return Err(service.refused(&asked, refused).await),
    };
    let answer = answer(service, request, &found, wanted)?;
    service.trace(&asked, 200, &[disclosed(&found)]).await?;
    Ok(answer)
}

/// The resource, if the caller may see it.
pub(super) async fn find(service: &Service, request: &Request, resource: ResourceType, id: &str) -> Result<Found, super::Refused> {
    if !service.policy.serves(resource) {
        return Err(Error::Forbidden(format!("{resource} is not served")).into());
    }
    let scope = service.policy.scope(&request.caller, Action::Consult, resource, service.clock.now());
    let wanted = id.to_owned();
    let found = service.store.run(move |connection| store::read::read(connection, &scope, &wanted)).await?;
    seen(found, resource, id)
}

/// What was found, if the decision permits it: hidden and absent answer alike, and only the trace knows which.
pub(super) fn seen(found: Option<Found>, resource: ResourceType, id: &str) -> Result<Found, super::Refused> {
    let missing = || Error::NotFound(resource, id.chars().take(64).collect());
    match found {
        None => Err(missing().into()),
        Some(found) => match &found.decision {
            Decision::Permit(_) => Ok(found),
            Decision::Deny(rules) => {
                Err(super::Refused { error: missing(), holder: found.envelope.holder.max(0), key: found.about, rules: rules.clone() })
            }
        },
    }
}

/// The trace of a disclosed resource.
pub(super) fn disclosed(found: &Found) -> Happened {
    let rules = match &found.decision {
        Decision::Permit(rules) | Decision::Deny(rules) => rules.clone(),
    };
    Happened { holder: found.envelope.holder, key: found.about, found: 1, rules }
}

fn answer(service: &Service, request: &Request, found: &Found, wanted: &Wanted) -> Result<Answer, Error> {
    let envelope = &found.envelope;
    let mut answer = Answer { status: 200, version: Some(envelope.version), updated: Some(envelope.updated), ..Answer::default() };
    if found.media.is_empty() {
        answer.body = present(service, request, found);
    } else if wanted.wants_resource(&found.media)? {
        answer.body = binary(found).to_string().into_bytes();
    } else {
        answer.media = Some(found.media.clone());
        answer.body.clone_from(&found.body);
    }
    Ok(answer)
}

/// The bytes of a resource as this caller sees it.
pub(super) fn present(service: &Service, request: &Request, found: &Found) -> Vec<u8> {
    match (&found.facts.holder, found.envelope.resource) {
        (Some(holder), ResourceType::PATIENT) => patient::with_state(&found.body, holder, request.caller.kind),
        (_, resource) => absolute(resource, &found.body, &service.base_url),
    }
}

/// A Binary as a resource (FHIR R4 binary.html).
fn binary(found: &Found) -> Value {
    let envelope = &found.envelope;
    json!({
        "resourceType": "Binary",
        "id": envelope.id,
        "meta": {"versionId": envelope.version.to_string(), "lastUpdated": primitive::format_instant(envelope.updated)},
        "contentType": found.media,
        "data": STANDARD.encode(&found.body)
    })
}
