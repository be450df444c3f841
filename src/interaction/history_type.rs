//! `history-type` and `history-system` (FHIR R4 http.html#history): of what testers keep.
//!
//! Nobody else has them. Which versions of a record a caller may see follows from what each of them says now and said then; a list of
//! all that changed would tell of what is hidden by its order and its gaps. Who sees a resource asks for its own history.

use serde_json::Value;

use super::cursor::Cursor;
use super::history::told;
use super::{Answer, Error, Request, Service};
use crate::fhir::{ResourceType, outcome, primitive};
use crate::policy::Action;
use crate::store::{self, Asked, Past, Position, Version, Written};

/// Versions in one answer at most, and where `_count` is absent.
const VERSIONS_MAX: usize = 200;
const VERSIONS_DEFAULT: usize = 50;

/// What a cursor of a history is bound to, apart from those of searches.
fn place(resource: Option<ResourceType>) -> String {
    format!("{} _history", resource.map_or("", ResourceType::name))
}

/// What is written of a type, or of all types, newest first.
///
/// # Errors
/// [`Error::Forbidden`] for anybody but a tester, [`Error::Value`], [`Error::NotSupported`].
pub async fn history_type(
    service: &Service,
    request: &Request,
    resource: Option<ResourceType>,
    pairs: &[(String, String)],
) -> Result<Answer, Error> {
    // Of the whole system the rule is the same for every type: any will do.
    let asked_of = resource.unwrap_or(ResourceType::PATIENT);
    let scope = service.policy.scope(&request.caller, Action::HistoryType, asked_of, service.clock.now());
    if scope.is_nothing() {
        let what = resource.map_or("the whole server", ResourceType::name);
        let error = Error::Forbidden(format!("there is no history of {what} for this caller: ask for that of a resource"));
        return Err(match resource {
            Some(resource) => service.refused(&service.asked(request, "history-type", resource, "", ""), error.into()).await,
            None => error,
        });
    }
    let (mut asked, kept, first) = understand(service, request, resource, pairs)?;
    asked.resource = resource;
    let (versions, more) = service.store.run(move |connection| store::history::page(connection, &scope, asked)).await?;
    let path = resource.map_or_else(|| "_history".to_owned(), |resource| format!("{resource}/_history"));
    let address = format!("{}/{path}", service.base_url);
    let own = form_urlencoded::Serializer::new(String::new()).extend_pairs(&kept).finish();
    let mut links = vec![("self", if own.is_empty() { address.clone() } else { format!("{address}?{own}") })];
    if let Some(last) = versions.last().filter(|_| more) {
        let Written { updated, key, version } = last.written;
        let position = Position { values: vec![updated.to_string(), version.to_string()], missing: false, key };
        let cursor = Cursor::new(service, &kept, Some(position), false);
        links.push(("next", format!("{address}?_cursor={}", cursor.seal(service, request, &place(resource))?)));
    }
    let total = (first && !more).then(|| i64::try_from(versions.len()).unwrap_or(i64::MAX));
    let entries = versions.iter().map(|past| entry(service, past)).collect::<Result<_, _>>()?;
    let bundle = outcome::bundle("history", total, &links, entries);
    Ok(Answer { status: 200, body: bundle.to_string().into_bytes(), ..Answer::default() })
}

/// What is asked, the parameters that page links keep, and whether it is the first page.
fn understand(
    service: &Service,
    request: &Request,
    resource: Option<ResourceType>,
    pairs: &[(String, String)],
) -> Result<(Asked, Vec<(String, String)>, bool), Error> {
    let (Some(cursor), kept) = Cursor::resume(service, request, &place(resource), pairs)? else {
        return Ok((parameters(pairs)?, pairs.to_vec(), true));
    };
    let mut asked = parameters(&kept)?;
    let position = cursor.position.unwrap_or_default();
    let (Some(Ok(updated)), Some(Ok(version))) =
        (position.values.first().map(|value| value.parse()), position.values.get(1).map(|value| value.parse()))
    else {
        return Err(Error::Unexpected("a cursor holds no place of a history".into()));
    };
    asked.after = Some(Written { updated, key: position.key, version });
    Ok((asked, kept, false))
}

/// `_count`, `_since` and `_at`.
pub(super) fn parameters(pairs: &[(String, String)]) -> Result<Asked, Error> {
    let mut asked = Asked { limit: VERSIONS_DEFAULT, ..Asked::default() };
    for (name, value) in pairs {
        let unfit = |message: &str| Error::Value { place: name.clone(), message: message.into() };
        match name.as_str() {
            "_count" => asked.limit = value.parse::<usize>().map_err(|_| unfit("expected a number"))?.clamp(1, VERSIONS_MAX),
            "_since" => asked.since = Some(primitive::parse_instant(value).ok_or_else(|| unfit("expected an instant"))?),
            "_at" => asked.at = Some(primitive::date_range(value).ok_or_else(|| unfit("expected a date or dateTime"))?),
            "_format" | "_pretty" => {}
            _ => return Err(Error::NotSupported { place: name.clone(), message: "a history has `_count`, `_since` and `_at`".into() }),
        }
    }
    Ok(asked)
}

fn entry(service: &Service, past: &Past) -> Result<Value, Error> {
    let resource = match past.deleted {
        true => None,
        false => Some(super::stored::tree(&past.body)?),
    };
    let Written { updated, version, .. } = past.written;
    let version = Version { version, updated, body: Vec::new(), deleted: past.deleted, put: past.put };
    Ok(told(service, past.resource, &past.id, &version, resource))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_of_a_history() {
        let rows = [
            (("_count", "5"), 200),
            (("_count", "x"), 400),
            (("_since", "2026-11-01T00:00:00Z"), 200),
            (("_since", "2026"), 400),
            (("_at", "2026-11"), 200),
            (("_at", "gestern"), 400),
            (("name", "x"), 400),
        ];
        for ((name, value), expected) in rows {
            let found = parameters(&[(name.to_owned(), value.to_owned())]);
            assert_eq!(found.map_or_else(|error| error.status(), |_| 200), expected, "{name}={value}");
        }
    }
}
