//! `vread` and `history-instance` (FHIR R4 http.html#vread, #history). Who sees a resource sees its
//! versions, but for what one sees by being named in the current one.

use serde_json::{Value, json};

use super::read::{Wanted, answer, answered, candidate, disclosed, find, present};
use super::{Answer, Error, Request, Service, search_traces};
use crate::fhir::{ResourceType, outcome, primitive};
use crate::filter::Envelope;
use crate::policy::{Action, Decision};
use crate::store::{self, Found, Version};

/// Versions in one answer.
const VERSIONS_MAX: usize = 200;

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
    let only = version.parse::<i32>().ok().filter(|number| *number > 0);
    let versions = match only {
        Some(only) => of(service, request, &found, Some(only)).await?,
        None => Vec::new(),
    };
    let Some(one) = versions.into_iter().next() else {
        return Err(service.refused(&asked, super::Refused::at(missing(), found.envelope.holder.max(0), found.about)).await);
    };
    if one.deleted {
        return Err(Error::Deleted(resource, format!("{id}/_history/{version}").chars().take(80).collect()));
    }
    answered(service, &asked, answer(service, request, &as_of(&found, one), wanted), &found).await
}

/// What was found, as it was in this version; the state of a space is told with the current one only.
fn as_of(found: &Found, version: Version) -> Found {
    let mut then = found.clone();
    if version.version != found.envelope.version {
        then.facts.holder = None;
    }
    then.envelope.version = version.version;
    then.envelope.updated = version.updated;
    then.body = version.body;
    then
}

/// All versions of a resource, newest first.
///
/// # Errors
/// As [`read`](super::read()).
pub async fn history(service: &Service, request: &Request, resource: ResourceType, id: &str) -> Result<Answer, Error> {
    let asked = service.asked(request, "history-instance", resource, id, "");
    if resource == ResourceType::AUDIT_EVENT && !request.is_tester() {
        return Err(Error::NotSupported { place: "_history".into(), message: "a trace has one version".into() });
    }
    let found = match find(service, request, resource, id).await {
        Ok(found) => found,
        Err(refused) => return Err(service.refused(&asked, refused).await),
    };
    let versions = of(service, request, &found, None).await?;
    let total = i64::try_from(versions.len()).unwrap_or(i64::MAX);
    let path = format!("{resource}/{id}");
    let mut entries = Vec::new();
    for one in versions.iter().take(VERSIONS_MAX) {
        entries.push(entry(service, request, &found, one, &path)?);
    }
    service.trace(&asked, 200, &[disclosed(&found)]).await?;
    let links = [("self", format!("{}/{path}/_history", service.base_url))];
    let bundle = outcome::bundle("history", Some(total), &links, entries);
    Ok(Answer { status: 200, body: bundle.to_string().into_bytes(), ..Answer::default() })
}

/// The versions that this caller may see of what it sees: the current one, and earlier ones by the rules of `history`.
async fn of(service: &Service, request: &Request, found: &Found, only: Option<i32>) -> Result<Vec<Version>, Error> {
    let resource = found.envelope.resource;
    let scope = service.policy.scope(&request.caller, Action::History, resource, service.clock.now());
    let found = found.clone();
    if let Decision::Deny(_) = scope.decide(&candidate(&found)) {
        let Envelope { version, updated, .. } = found.envelope;
        let current = Version { version, updated, body: found.body, deleted: found.deleted };
        return Ok(if only.is_none_or(|only| only == version) { vec![current] } else { Vec::new() });
    }
    Ok(service.store.run(move |connection| store::read::versions(connection, &found, only)).await?)
}

fn entry(service: &Service, request: &Request, found: &Found, version: &Version, path: &str) -> Result<Value, Error> {
    let mut entry = json!({"fullUrl": format!("{}/{path}", service.base_url)});
    // The raw content of a Binary is no resource of a Bundle.
    if found.media.is_empty() && !version.deleted {
        let body = present(service, request, &as_of(found, version.clone()));
        let resource: Value = serde_json::from_slice(&body).map_err(|_| Error::Unexpected("a stored body is no JSON".into()))?;
        super::stored::set(&mut entry, "resource", resource);
    }
    let (method, url, status) = match version.version {
        _ if version.deleted => ("DELETE", path, "204"),
        1 => ("POST", found.envelope.resource.name(), "201"),
        _ => ("PUT", path, "200"),
    };
    super::stored::set(&mut entry, "request", json!({"method": method, "url": url}));
    let response = json!({
        "status": status,
        "etag": format!("W/\"{}\"", version.version),
        "lastModified": primitive::format_instant(version.updated)
    });
    super::stored::set(&mut entry, "response", response);
    Ok(entry)
}
