//! `vread` and `history-instance` (FHIR R4 http.html#vread, #history). Who sees a resource sees its
//! versions, but for what one sees by being named in the current one.

use serde_json::{Value, json};

use super::history_type::parameters;
use super::read::{Wanted, answer, answered, candidate, disclosed, find, present};
use super::{Answer, Error, Request, Service, listed, search_traces};
use crate::fhir::{ResourceType, outcome, primitive};
use crate::filter::Envelope;
use crate::policy::{Action, Decision};
use crate::store::history::Asked;
use crate::store::read::Span;
use crate::store::{self, Found, Version};

/// One version of a resource.
///
/// # Errors
/// As [`read`](super::read()); [`Error::NotFound`] too for a version that does not exist.
pub async fn vread(
    service: &Service,
    request: &Request,
    resource: ResourceType,
    id: &str,
    version: &str,
    wanted: &Wanted,
) -> Result<Answer, Error> {
    let asked = service.asked(request, "vread", resource, id, "");
    if resource == ResourceType::AUDIT_EVENT && version == "1" && !request.is_tester() {
        return search_traces::read(service, request, id).await;
    }
    let missing = || Error::NotFound(resource, format!("{id}/_history/{version}").chars().take(80).collect());
    let found = match find(service, request, resource, id).await {
        Ok(found) => found,
        Err(mut refused) => {
            if matches!(refused.error, Error::NotFound(..)) {
                refused.error = missing();
            }
            return Err(service.refused(&asked, refused).await);
        }
    };
    let digits = version.bytes().all(|b| b.is_ascii_digit()) && !version.starts_with('0');
    let only = version.parse::<i32>().ok().filter(|_| digits);
    if resource == ResourceType::BINARY && only == Some(found.envelope.version) && !found.deleted {
        return answered(service, &asked, answer(service, request, &found, wanted), &found).await;
    }
    let versions = match only {
        Some(only) => of(service, request, &found, Span { only: Some(only), ..Span::default() }).await?.0,
        None => Vec::new(),
    };
    let Some(one) = versions.into_iter().next() else {
        return Err(service.refused(&asked, super::Refused::at(missing(), found.envelope.holder.max(0), found.about)).await);
    };
    if one.deleted {
        return Err(Error::Deleted(resource, format!("{id}/_history/{version}").chars().take(80).collect()));
    }
    let then = listed::seen(service, request, as_of(&found, one)).await?;
    answered(service, &asked, answer(service, request, &then, wanted), &found).await
}

/// What was found, as it was in this version; the state of a space is told with the current one only.
fn as_of(found: &Found, version: Version) -> Found {
    let mut then = found.clone();
    if version.version != found.envelope.version {
        then.facts.holder = None;
    }
    then.envelope.version = version.version;
    then.envelope.updated = version.updated;
    (then.body, then.rest) = (version.body, 0);
    then
}

/// All versions of a resource, newest first.
///
/// # Errors
/// As [`read`](super::read()).
pub async fn history(
    service: &Service,
    request: &Request,
    resource: ResourceType,
    id: &str,
    pairs: &[(String, String)],
) -> Result<Answer, Error> {
    let span = span(pairs)?;
    let asked = service.asked(request, "history-instance", resource, id, "");
    if resource == ResourceType::AUDIT_EVENT && !request.is_tester() {
        return Err(Error::NotSupported { place: "_history".into(), message: "a trace has one version".into() });
    }
    let found = match find(service, request, resource, id).await {
        Ok(found) => found,
        Err(refused) => return Err(service.refused(&asked, refused).await),
    };
    let (versions, more) = of(service, request, &found, span).await?;
    let path = format!("{resource}/{id}");
    let mut entries = Vec::new();
    for one in &versions {
        let then = listed::seen(service, request, as_of(&found, one.clone())).await?;
        entries.push(entry(service, request, &then, one)?);
    }
    service.trace(&asked, 200, &[disclosed(&found)]).await?;
    let address = format!("{}/{path}/_history", service.base_url);
    let own = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let mut links = vec![("self", if own.is_empty() { address.clone() } else { format!("{address}?{own}") })];
    if let Some(last) = versions.last().filter(|_| more) {
        let kept = pairs.iter().filter(|(name, _)| name != "_before");
        let next =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).append_pair("_before", &last.version.to_string()).finish();
        links.push(("next", format!("{address}?{next}")));
    }
    // Versions count from one: their number needs no counting where nothing narrows them.
    let narrowed = span.since.is_some() || span.at.is_some();
    let whole = versions.first().filter(|first| !narrowed && (more || span.before.is_none()) && first.version == found.envelope.version);
    let total = match whole {
        Some(_) if more || versions.len() > 1 => Some(i64::from(found.envelope.version)),
        _ if span.before.is_none() && !more => i64::try_from(versions.len()).ok(),
        _ => None,
    };
    let bundle = outcome::bundle("history", total, &links, entries);
    Ok(Answer { status: 200, body: bundle.to_string().into_bytes(), ..Answer::default() })
}

/// `_count`, `_since`, `_at`, and `_before`, which page links have.
fn span(pairs: &[(String, String)]) -> Result<Span, Error> {
    let (before, others): (Vec<_>, Vec<_>) = pairs.iter().cloned().partition(|(name, _)| name == "_before");
    let Asked { limit, since, at, .. } = parameters(&others)?;
    let version = |(name, value): &(String, String)| {
        value.parse().map_err(|_| Error::Value { place: name.clone(), message: "expected a version".into() })
    };
    Ok(Span { only: None, before: before.last().map(version).transpose()?, since, at, limit })
}

/// The versions that this caller may see of what it sees: the current one, and earlier ones by the rules of `history`.
async fn of(service: &Service, request: &Request, found: &Found, span: Span) -> Result<(Vec<Version>, bool), Error> {
    let resource = found.envelope.resource;
    let scope = service.policy.scope(&request.caller, Action::History, resource, service.clock.now());
    let found = found.clone();
    // What follows references was asked of the database by another scope, as of another instant.
    let denied = if scope.links().is_empty() {
        matches!(scope.decide(&candidate(&found)), Decision::Deny(_))
    } else {
        let again = service.store.read(scope, &found.envelope.id).await?;
        again.is_none_or(|again| matches!(again.decision, Decision::Deny(_)))
    };
    if denied {
        let Envelope { version, updated, .. } = found.envelope;
        let current = Version { version, updated, body: found.body, deleted: found.deleted, put: false };
        return Ok((if span.has_current(version, updated) { vec![current] } else { Vec::new() }, false));
    }
    Ok(service.store.run(move |connection| store::read::versions(connection, &found, span)).await?)
}

fn entry(service: &Service, request: &Request, found: &Found, version: &Version) -> Result<Value, Error> {
    // The raw content of a Binary is no resource of a Bundle.
    let resource = if found.media.is_empty() && !version.deleted {
        let body = present(service, request, found);
        Some(super::stored::tree(&body)?)
    } else {
        None
    };
    let Envelope { resource: kind, id, .. } = &found.envelope;
    Ok(told(service, *kind, id, version, resource))
}

/// A version as an entry of a history.
pub(super) fn told(service: &Service, kind: ResourceType, id: &str, version: &Version, resource: Option<Value>) -> Value {
    let Version { version, updated, deleted, put, .. } = *version;
    let path = format!("{kind}/{id}");
    let mut entry = json!({"fullUrl": format!("{}/{path}", service.base_url)});
    if let Some(resource) = resource {
        super::stored::set(&mut entry, "resource", resource);
    }
    let (method, url, status) = match version {
        _ if deleted => ("DELETE", path.as_str(), "204"),
        1 if put => ("PUT", path.as_str(), "201"),
        1 => ("POST", kind.name(), "201"),
        _ => ("PUT", path.as_str(), "200"),
    };
    super::stored::set(&mut entry, "request", json!({"method": method, "url": url}));
    let response = json!({"status": status, "etag": format!("W/\"{version}\""), "lastModified": primitive::format_instant(updated)});
    super::stored::set(&mut entry, "response", response);
    entry
}
