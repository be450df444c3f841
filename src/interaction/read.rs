//! `read` (FHIR R4 http.html#read): one statement, one decision, one trace.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::document::is_media_type;
use super::links::absolute;
use super::streamed::Content;
use super::{Answer, Error, Request, Service, listed, patient, search_traces};
use crate::audit::{self, Happened};
use crate::fhir::{ResourceType, primitive};
use crate::filter::Candidate;
use crate::policy::{Action, Decision};
use crate::store::Found;

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
        let content = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        for range in &self.ranges {
            // Only FHIR's own types ask for the resource: other XML and JSON may be the content (FHIR R4 binary.html#rest).
            let fhir = ["application/fhir+json", "application/json+fhir", "application/fhir+xml", "application/xml+fhir"];
            if fhir.contains(&range.as_str()) {
                return Ok(true);
            }
            let group = range.strip_suffix("/*").map(|group| format!("{group}/"));
            if range == "*/*" || content == *range || group.is_some_and(|group| content.starts_with(&group)) {
                return Ok(false);
            }
        }
        Err(Error::NotAcceptable(format!("the content is `{media}`, or application/fhir+json, application/fhir+xml")))
    }
}

/// Reads one resource; a Binary raw or as a resource, as the client wants it.
///
/// # Errors
/// [`Error::NotFound`] for what is absent or hidden alike, [`Error::Forbidden`] for a type that is not served.
pub async fn read(service: &Service, request: &Request, resource: ResourceType, id: &str, wanted: &Wanted) -> Result<Answer, Error> {
    if resource == ResourceType::AUDIT_EVENT && !request.is_tester() {
        return search_traces::read(service, request, id).await;
    }
    let asked = service.asked(request, "read", resource, id, "");
    let found = find(service, request, resource, id).await.and_then(|found| current(found, resource, id));
    let found = match found {
        Ok(found) => found,
        Err(refused) => return Err(service.refused(&asked, refused).await),
    };
    let found = listed::seen(service, request, found).await?;
    answered(service, &asked, answer(service, request, &found, wanted), &found).await
}

/// The answer about what the caller may see, once its trace is committed; that no form of it will do also tells of it.
pub(super) async fn answered(
    service: &Service,
    asked: &audit::Request<'_>,
    answer: Result<Answer, Error>,
    found: &Found,
) -> Result<Answer, Error> {
    let status = answer.as_ref().map_or_else(Error::status, |answer| answer.status);
    service.trace(asked, status, &[disclosed(found)]).await?;
    answer
}

/// The resource, if the caller may see it; its current version may be a deletion.
pub(super) async fn find(service: &Service, request: &Request, resource: ResourceType, id: &str) -> Result<Found, super::Refused> {
    if !service.policy.serves(request.caller.kind, resource) {
        return Err(Error::Forbidden(format!("{resource} is not served")).into());
    }
    let scope = service.policy.scope(&request.caller, Action::Consult, resource, service.clock.now());
    let found = service.store.read(scope, id).await?;
    seen(found.map(|found| by_row(service, request, found)), resource, id)
}

/// What was found, with the row of the matrix that decided beside the rules, for its trace.
pub(super) fn by_row(service: &Service, request: &Request, mut found: Found) -> Found {
    let decision = std::mem::replace(&mut found.decision, Decision::Deny(Vec::new()));
    found.decision = service.policy.with_row(&request.caller, Action::Consult, &candidate(&found), decision, service.clock.now());
    found
}

/// What was found, unless it was deleted.
pub(super) fn current(found: Found, resource: ResourceType, id: &str) -> Result<Found, super::Refused> {
    if found.deleted { Err(Error::Deleted(resource, id.chars().take(64).collect()).into()) } else { Ok(found) }
}

/// What was found, if the decision permits it: hidden and absent answer alike, and only the trace knows which.
pub(super) fn seen(found: Option<Found>, resource: ResourceType, id: &str) -> Result<Found, super::Refused> {
    let missing = || Error::NotFound(resource, id.chars().take(64).collect());
    match found {
        None => Err(missing().into()),
        Some(found) => match &found.decision {
            Decision::Permit(_) => Ok(found),
            Decision::Deny(rules) => {
                let refused = match &found.facts.holder {
                    Some(holder) => super::Refused::of(missing(), holder, found.about),
                    None => missing().into(),
                };
                Err(super::Refused { rules: rules.clone(), ..refused })
            }
        },
    }
}

/// What was found, as a filter sees it.
pub(super) fn candidate(found: &Found) -> Candidate<'_> {
    Candidate { envelope: &found.envelope, facts: &found.facts, index: None, follow: None, linked: &found.linked, referring: None }
}

/// The trace of a disclosed resource.
pub(super) fn disclosed(found: &Found) -> Happened {
    let rules = match &found.decision {
        Decision::Permit(rules) | Decision::Deny(rules) => rules.clone(),
    };
    Happened { holder: found.envelope.holder, key: found.about, found: 1, rules, ..Happened::default() }
}

/// The answer with a resource, or with the content of a Binary.
pub(super) fn answer(service: &Service, request: &Request, found: &Found, wanted: &Wanted) -> Result<Answer, Error> {
    let envelope = &found.envelope;
    let mut answer = Answer { status: 200, version: Some(envelope.version), updated: Some(envelope.updated), ..Answer::default() };
    if found.media.is_empty() {
        answer.body = present(service, request, found);
        if found.envelope.resource == ResourceType::BINARY {
            kept_as_resource(&mut answer, wanted)?;
        }
    } else {
        let as_resource = wanted.wants_resource(&found.media)?;
        if found.rest > 0 {
            answer.content = Some(Content::new(service, found, as_resource));
        }
        match (as_resource, found.rest) {
            (true, 0) => answer.body = binary(found, &STANDARD.encode(&found.body)).to_string().into_bytes(),
            (true, _) => answer.body = binary(found, Content::placeholder()).to_string().into_bytes(),
            (false, 0) => answer.body.clone_from(&found.body),
            (false, _) => {}
        }
        answer.media = (!as_resource).then(|| served_as(&found.media));
    }
    Ok(answer)
}

/// The media type content is served under: the one it was stored with, where that is one.
fn served_as(media: &str) -> String {
    if is_media_type(media) { media.to_owned() } else { "application/octet-stream".to_owned() }
}

/// A tester's Binary is kept as the resource it came as; its content is taken out where that is wanted.
fn kept_as_resource(answer: &mut Answer, wanted: &Wanted) -> Result<(), Error> {
    let value = super::stored::tree(&answer.body)?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    if wanted.wants_resource(text("contentType"))? {
        return Ok(());
    }
    let data: Vec<u8> = text("data").bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    answer.media = Some(served_as(text("contentType")));
    answer.body = STANDARD.decode(data).map_err(|_| Error::Unexpected("a stored Binary is no base64".into()))?;
    Ok(())
}

/// The bytes of a resource as this caller sees it: for a tester exactly those that were stored.
pub(super) fn present(service: &Service, request: &Request, found: &Found) -> Vec<u8> {
    if request.is_tester() {
        return found.body.clone();
    }
    match (&found.facts.holder, found.envelope.resource) {
        (Some(holder), ResourceType::PATIENT) => patient::with_state(&found.body, holder, request.caller.kind),
        (_, resource) => absolute(resource, &found.body, &service.base_url),
    }
}

/// A Binary as a resource (FHIR R4 binary.html).
fn binary(found: &Found, data: &str) -> Value {
    let envelope = &found.envelope;
    json!({
        "resourceType": "Binary",
        "id": envelope.id,
        "meta": {"versionId": envelope.version.to_string(), "lastUpdated": primitive::format_instant(envelope.updated)},
        "contentType": found.media,
        "data": data
    })
}
