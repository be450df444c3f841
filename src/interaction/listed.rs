//! A List as a caller is shown it (CONTRACT 3, Who reads what): entries whose target the caller may not see are left out.

use std::collections::BTreeSet;

use serde_json::Value;

use super::stored::tree;
use super::{Error, Request, Service};
use crate::fhir::ResourceType;
use crate::filter::{Filter, Param, ParamKind, Test};
use crate::policy::{Action, Scope};
use crate::search::{Query, SortBy};
use crate::store::{self, Found, Hit};

/// The parameter that is the entries of a List.
pub(super) fn item() -> Param {
    Param::new(ResourceType::LIST, "item")
}

/// The types of what a List of a record has as entries.
pub(super) const ENTRIES: [ResourceType; 2] = [ResourceType::DOCUMENT_REFERENCE, ResourceType::LIST];

/// The List that was found, as the caller is shown it; anything else as it is.
///
/// # Errors
/// [`Error::Away`](crate::store::Error::Away).
pub(super) async fn seen(service: &Service, request: &Request, mut found: Found) -> Result<Found, Error> {
    if found.envelope.resource == ResourceType::LIST && !request.is_tester() && !found.body.is_empty() {
        // By what this version names: an earlier one has entries that the current one has not.
        let list = tree(&found.body)?;
        let entries = list.get("entry").and_then(Value::as_array).into_iter().flatten();
        let names: BTreeSet<String> = entries.filter_map(target).map(ToOwned::to_owned).collect();
        let names: Vec<String> = names.into_iter().collect();
        let scopes = scopes(service, request);
        let seen = service.store.run(move |connection| store::search::among(connection, &scopes, &names)).await?;
        found.body = narrowed(list, found.body, &seen);
    }
    Ok(found)
}

/// The Lists among what was found, as the caller is shown them.
///
/// # Errors
/// [`Error::Away`](crate::store::Error::Away).
pub(super) async fn shown<'h>(service: &Service, request: &Request, hits: impl Iterator<Item = &'h mut Hit>) -> Result<(), Error> {
    if request.is_tester() {
        return Ok(());
    }
    let lists: Vec<&mut Hit> = hits.filter(|hit| hit.envelope.resource == ResourceType::LIST).collect();
    if lists.is_empty() {
        return Ok(());
    }
    let seen = targets(service, request, lists.iter().map(|hit| (hit.envelope.holder, hit.envelope.key)).collect()).await?;
    for hit in lists {
        hit.body = narrowed(tree(&hit.body)?, std::mem::take(&mut hit.body), &seen);
    }
    Ok(())
}

/// The scopes of what a List has as entries, where they permit anything.
pub(super) fn scopes(service: &Service, request: &Request) -> Vec<Scope> {
    let of = |resource| service.policy.scope(&request.caller, Action::Consult, resource, service.clock.now());
    ENTRIES.into_iter().map(of).filter(|scope| !scope.is_nothing()).collect()
}

/// Whether an entry of a List leads to one of these.
pub(super) fn leads_to(entry: &Value, seen: &BTreeSet<String>) -> bool {
    target(entry).is_some_and(|target| seen.contains(target))
}

/// What an entry leads to, as `Type/id`.
pub(super) fn target(entry: &Value) -> Option<&str> {
    entry.pointer("/item/reference").and_then(Value::as_str)
}

/// The entries of these Lists that the caller sees.
async fn targets(service: &Service, request: &Request, places: Vec<(i64, i64)>) -> Result<BTreeSet<String>, Error> {
    let scopes = scopes(service, request);
    Ok(service.store.run(move |connection| store::search::entries(connection, &scopes, &places, item())).await?)
}

/// The List of these bytes without the entries that are not seen.
fn narrowed(mut list: Value, body: Vec<u8>, seen: &BTreeSet<String>) -> Vec<u8> {
    let Some(entries) = list.get_mut("entry").and_then(Value::as_array_mut) else { return body };
    let count = entries.len();
    entries.retain(|entry| leads_to(entry, seen));
    if entries.len() == count {
        return body;
    }
    let empty = entries.is_empty();
    if empty && let Some(members) = list.as_object_mut() {
        members.shift_remove("entry");
    }
    list.to_string().into_bytes()
}

/// What is asked of the entries of Lists, of those alone that the caller sees: as chains are, by the scope of what they lead to.
pub(super) fn asked(filter: Filter) -> Filter {
    match filter {
        Filter::Index(param, Test::Reference(values)) if param == item() => {
            let ids = |resource: ResourceType| {
                let own = values.iter().filter_map(|value| value.strip_prefix(resource.name())?.strip_prefix('/'));
                own.map(ToOwned::to_owned).collect::<Vec<_>>()
            };
            let named = ENTRIES.into_iter().map(|resource| (resource, ids(resource))).filter(|(_, ids)| !ids.is_empty());
            named.map(|(resource, ids)| Filter::Via(param, resource, Box::new(Filter::Id(ids)))).fold(Filter::Nothing, Filter::or)
        }
        Filter::Index(param, Test::Present(ParamKind::Reference)) if param == item() => {
            let each = |resource| Filter::Via(param, resource, Box::new(Filter::Everything));
            ENTRIES.into_iter().map(each).fold(Filter::Nothing, Filter::or)
        }
        other => other,
    }
}

/// Nothing is sorted by what may be hidden.
///
/// # Errors
/// [`Error::NotSupported`].
pub(super) fn check_sort(request: &Request, query: &Query) -> Result<(), Error> {
    let hidden = query.sort.iter().any(|sort| matches!(sort.by, SortBy::Index(param, _) if param == item()));
    if hidden && !request.is_tester() {
        return Err(Error::NotSupported { place: "_sort".into(), message: "Lists are not sorted by their entries".into() });
    }
    Ok(())
}
