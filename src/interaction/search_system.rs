//! Searches over several types: `search-system`, and everything in a compartment (FHIR R4 http.html#search, #vsearch).

use std::collections::BTreeMap;

use super::cursor::Cursor;
use super::includes;
use super::naming::{answering, chained, named, named_within, narrowed};
use super::search_type::{Compartment, bundle, fetch, follows, require_holder, sort};
use super::searchset::{Done, happened, opening_row};
use super::{Answer, Error, Request, Service, listed};
use crate::fhir::{NAMES, ResourceType};
use crate::filter::{Envelope, Filter};
use crate::policy::Action;
use crate::search::{self, Query};
use crate::store::{self, AnyConnection, Hit, Order, PageRequest};

/// Searches the types of `_type`, or all that the caller is served; those of a compartment where one is given.
///
/// # Errors
/// As `search-type`: what one of the types would be refused for refuses the whole.
pub async fn search_system(
    service: &Service,
    request: &Request,
    within: Option<&Compartment>,
    pairs: &[(String, String)],
    posted: bool,
) -> Result<Answer, Error> {
    let path = within.map(|Compartment { of, id }| format!("{of}/{id}/*")).unwrap_or_default();
    let (cursor, pairs) = Cursor::resume(service, request, &path, pairs)?;
    let types = types(service, request, within, &pairs)?;
    let shown = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
    // Where records are among what is searched, the search is one of records.
    let kind = types.iter().copied().find(|resource| service.policy.is_traced(*resource)).or(types.first().copied());
    let Some(kind) = kind else { return Err(Error::Forbidden("nothing is open to this caller".into())) };
    let mut asked = service.asked(request, "search-system", kind, "", &shown);
    let (mut parts, mut first, mut holders, mut touched, mut rules) = (Vec::new(), None::<Query>, None, Vec::new(), Vec::new());
    let (mut unknown, mut by_records): (BTreeMap<String, usize>, _) = (BTreeMap::new(), Vec::new());
    for resource in types.iter().copied() {
        let query = understood(service, request, resource, &types, within, &pairs)?;
        let scope = service.policy.scope(&request.caller, Action::Consult, resource, service.clock.now());
        if scope.is_nothing() {
            continue;
        }
        require_holder(request, resource, &query)?;
        let naming = named(service, request, resource, &query).await?;
        if let Some(naming) = naming.as_ref().filter(|naming| !naming.answered) {
            service.trace(&asked, 403, &happened(&[], &naming.touched, &[], &|_| None, false)).await?;
            return Err(Error::Forbidden("no right over the record of this person".into()));
        }
        let known = naming.is_some() || query.named.contains("_id");
        let reaching = chained(service, request, resource, query.filter.clone());
        let own = answering(service, request, resource, &reaching, "_has")?;
        asked.reaches |= !own.is_empty();
        by_records.extend(own);
        let filter = narrowed(service, request, resource, reaching, known);
        if let Some(naming) = naming {
            holders = Some(naming.well);
            touched = naming.touched;
        }
        rules.extend(scope.rules());
        parts.push((scope, filter));
        for name in &query.ignored {
            *unknown.entry(name.clone()).or_insert(0) += 1;
        }
        first.get_or_insert(query);
    }
    let Some(query) = first else {
        return Err(service.refused(&asked, Error::Forbidden("nothing is open to this caller".into()).into()).await);
    };
    // What one type has and another has not would mean something else for each.
    if let Some((name, _)) = unknown.iter().find(|(_, lacking)| **lacking < parts.len()) {
        let message = format!("`{name}` is no parameter of every type searched");
        return Err(Error::NotSupported { place: name.clone(), message });
    }
    let sort = sort(&query);
    if sort.iter().any(|key| matches!(key.order, Order::Index(..))) {
        let message = "several types are sorted by `_lastUpdated`, by `_id` or by when they were created".into();
        return Err(Error::NotSupported { place: "_sort".into(), message });
    }
    rules.sort_unstable();
    rules.dedup();
    let page = PageRequest {
        filter: Filter::Everything,
        holders,
        sort,
        after: cursor.as_ref().and_then(|cursor| cursor.position.clone()),
        backward: cursor.as_ref().is_some_and(|cursor| cursor.backward),
        limit: query.count,
    };
    let done = Done { query, pairs, cursor, posted, path };
    if asked.reaches {
        touched.extend(named_within(service, request, &done.query.filter, done.wants_total()).await?);
    }
    let reaches = parts.iter().any(|(_, filter)| follows(filter));
    let counted = parts.clone();
    let rows = move |connection: &mut AnyConnection, page: &PageRequest| store::search::page_of_types(connection, &parts, page);
    let count = move |connection: &mut AnyConnection, page: &PageRequest| store::search::total_of_types(connection, &counted, page);
    let mut found = fetch(service, page, &done, rows, count).await?;
    let mut included = includes::fetch(service, request, &found.hits, &done.query.includes).await?;
    let answers = match includes::answers(service, request, &found.hits, by_records).await {
        Ok(answers) => answers,
        Err(error) => return Err(service.refused(&asked, error.into()).await),
    };
    listed::shown(service, request, found.hits.iter_mut().chain(&mut included.hits)).await?;
    let body = bundle(service, request, &found, &included, &done)?;
    let whole = done.is_whole(&found) && !reaches;
    let all: Vec<&Hit> = found.hits.iter().chain(&included.hits).chain(&answers).collect();
    let row = |envelope: &Envelope| opening_row(service, request, &rules, envelope);
    let happened = happened(&all, &touched, &rules, &row, !whole);
    service.trace(&asked, 200, &happened).await?;
    Ok(Answer { status: 200, body, ..Answer::default() })
}

/// The types searched, in the order of their names.
fn types(
    service: &Service,
    request: &Request,
    within: Option<&Compartment>,
    pairs: &[(String, String)],
) -> Result<Vec<ResourceType>, Error> {
    let given: Vec<&str> = pairs.iter().filter(|(name, _)| name == "_type").flat_map(|(_, value)| value.split(',')).collect();
    let apart = |resource: ResourceType| !request.is_tester() && matches!(resource, ResourceType::BINARY | ResourceType::AUDIT_EVENT);
    let inside = |resource: ResourceType| within.is_none_or(|within| search::is_in_compartment(resource, within.of));
    let mut types = Vec::new();
    for name in &given {
        let unfit = |message: String| Error::Value { place: "_type".into(), message };
        let resource =
            ResourceType::parse(name).ok_or_else(|| unfit(format!("`{}` is no type of R4", name.chars().take(64).collect::<String>())))?;
        if apart(resource) {
            return Err(Error::NotSupported { place: "_type".into(), message: format!("{resource} is searched alone") });
        }
        if !service.policy.serves(request.caller.kind, resource) {
            return Err(Error::Forbidden(format!("{resource} is not searched")));
        }
        types.push(resource);
    }
    if given.is_empty() {
        let served = |resource: &ResourceType| service.policy.serves(request.caller.kind, *resource) && !apart(*resource);
        types = NAMES.into_iter().filter_map(ResourceType::parse).filter(served).collect();
    }
    types.retain(|resource| inside(*resource));
    types.sort_unstable();
    types.dedup();
    Ok(types)
}

fn understood(
    service: &Service,
    request: &Request,
    resource: ResourceType,
    beside: &[ResourceType],
    within: Option<&Compartment>,
    pairs: &[(String, String)],
) -> Result<Query, Error> {
    let context = search::Context {
        now: service.clock.now(),
        strict: request.strict || service.settings.strict_search,
        traces: false,
        beside,
        base_url: &service.base_url,
    };
    let own: Vec<(String, String)> = pairs.iter().filter(|(name, _)| name != "_type").cloned().collect();
    let mut query = search::parse(resource, &own, &context)?;
    // What is asked is shown with the types it was asked of.
    query.echo.splice(0..0, pairs.iter().filter(|(name, _)| name == "_type").cloned());
    if let Some(Compartment { of, id }) = within {
        search::enter(&mut query, resource, *of, id);
    }
    Ok(query)
}
