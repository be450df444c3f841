//! `search-type` (FHIR R4 http.html#search): what is asked and what is allowed are one predicate; a page is one statement.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use serde_json::value::RawValue;

use super::cursor::Cursor;
use super::links::absolute;
use super::{Answer, Error, Request, Service, patient, search_status, search_traces, subset};
use crate::audit::{Happened, OTHERS};
use crate::fhir::{ResourceType, outcome};
use crate::filter::{Facts, Filter, HolderName, RightKind, RightTest, Test};
use crate::policy::{Action, CallerKind, Purpose, Scope};
use crate::search::{self, Query, SortBy, Summary, TotalMode};
use crate::store::{self, Hit, Order, PageRequest};

/// A page of resources.
pub(super) struct Page {
    pub hits: Vec<Hit>,
    pub more: bool,
    pub total: Option<i64>,
}

/// Searches a type. `path` is the address asked, relative to the base, for the self link; `posted` hides the query from it.
///
/// # Errors
/// [`Error::Forbidden`] for a type or a holder without any right, whether or not the holder exists; 400 for what is not understood.
pub async fn search(
    service: &Service,
    request: &Request,
    resource: ResourceType,
    pairs: &[(String, String)],
    posted: bool,
) -> Result<Answer, Error> {
    if !service.policy.serves(request.caller.kind, resource) || (resource == ResourceType::BINARY && !request.is_tester()) {
        return Err(Error::Forbidden(format!("{resource} is not searched")));
    }
    if let Some(status) = search_status::asked(request, resource, pairs) {
        return search_status::answer(service, request, &status, pairs).await;
    }
    let (cursor, pairs) = resume(service, request, resource, pairs)?;
    let context = search::Context {
        now: service.clock.now(),
        strict: request.strict || service.settings.strict_search,
        traces: resource == ResourceType::AUDIT_EVENT && !request.is_tester(),
        base_url: &service.base_url,
    };
    let query = search::parse(resource, &pairs, &context)?;
    let shown = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
    let asked = service.asked(request, "search-type", resource, "", &shown);
    let scope = service.policy.scope(&request.caller, Action::Consult, resource, service.clock.now());
    if scope.is_nothing() {
        return Err(service.refused(&asked, Error::Forbidden(format!("{resource} is not open to this caller")).into()).await);
    }
    require_holder(request, resource, &query)?;
    let named = named(service, request, resource, &query).await?;
    if let Some(naming) = named.as_ref().filter(|naming| !naming.answered) {
        service.trace(&asked, 403, &happened(&[], &naming.touched, &[], false)).await?;
        return Err(Error::Forbidden("no right over the record of this person".into()));
    }
    // Resources named by their ids are no population.
    let known = named.is_some() || query.named.contains("_id");
    let filter = narrowed(service, request, resource, scoped_chains(service, request, resource, query.filter.clone()), known);
    let (order, descending) = order(&query)?;
    let after = cursor.as_ref().map(|cursor| (cursor.sorted_by.clone(), cursor.key));
    let (well, touched) = named.map(|naming| (naming.well, naming.touched)).unzip();
    let page = PageRequest { filter, holders: well, order, descending, after, limit: query.count };
    let done = Done { query, pairs, first: cursor.is_none(), posted };
    let touched = touched.unwrap_or_default();
    if resource == ResourceType::AUDIT_EVENT && !request.is_tester() {
        return search_traces::page(service, request, &asked, scope, page, &touched, &done).await;
    }
    let rules = scope.rules();
    let found = fetch(service, scope, page, &done).await?;
    let bundle = bundle(service, request, resource, &found, &done)?;
    // What was answered may be less than what the query tells of.
    let whole = done.first && !found.more && done.query.summary != Summary::Count && !follows(&done.query.filter);
    service.trace(&asked, 200, &happened(&found.hits, &touched, &rules, !whole)).await?;
    Ok(Answer { status: 200, body: bundle, ..Answer::default() })
}

/// A search that was understood.
pub(super) struct Done {
    pub query: Query,
    /// The parameters, as a cursor keeps them.
    pub pairs: Vec<(String, String)>,
    /// Whether it is the first page.
    pub first: bool,
    /// Whether it came by POST, so that its query stays out of addresses.
    pub posted: bool,
}

/// The cursor, if one is given, and the parameters of its search.
fn resume(
    service: &Service,
    request: &Request,
    resource: ResourceType,
    pairs: &[(String, String)],
) -> Result<(Option<Cursor>, Vec<(String, String)>), Error> {
    let Some((_, text)) = pairs.iter().find(|(name, _)| name == "_cursor") else { return Ok((None, pairs.to_vec())) };
    if let Some((other, _)) = pairs.iter().find(|(name, _)| !matches!(name.as_str(), "_cursor" | "_format" | "_pretty")) {
        return Err(Error::Value { place: other.clone(), message: "a page link stands alone: it holds the whole search".into() });
    }
    let cursor = Cursor::unseal(service, request, resource, text)?;
    let pairs = cursor.pairs.clone();
    Ok((Some(cursor), pairs))
}

/// ITI-67: professionals and structures search the documents of somebody (CONTRACT 4).
fn require_holder(request: &Request, resource: ResourceType, query: &Query) -> Result<(), Error> {
    let kind = request.caller.kind;
    let needed = resource == ResourceType::DOCUMENT_REFERENCE && matches!(kind, CallerKind::Professional | CallerKind::Structure);
    if needed && query.holders.is_empty() {
        let message = "`patient` or `patient.identifier` is needed (IHE MHD ITI-67)".to_owned();
        return Err(Error::Required { place: "patient".into(), message });
    }
    Ok(())
}

/// The holders a search names.
struct Naming {
    /// Those with whom the caller stands well: nobody else's rows are looked at.
    well: Vec<i64>,
    /// Those that exist, and 0 for each name that leads nowhere: as many as names, so that their number tells nothing.
    touched: Vec<i64>,
    /// Whether the search is answered.
    answered: bool,
}

/// Where the caller stands with the holders a search names; `None` when it names none.
async fn named(service: &Service, request: &Request, resource: ResourceType, query: &Query) -> Result<Option<Naming>, Error> {
    let caller = &request.caller;
    if query.holders.is_empty() || caller.kind == CallerKind::Tester {
        return Ok(None);
    }
    let names: Vec<HolderName> = query.holders.iter().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect();
    let count = names.len();
    let (actors, principal) = (caller.actors(), caller.principal.clone());
    let found = service.store.run(move |connection| store::search::standings(connection, &names, &actors, &principal)).await?;
    let now = service.clock.now();
    let of = |resource| service.policy.scope(caller, Action::Consult, resource, now);
    let scopes: Vec<Scope> = match caller.kind {
        // Standing is with the record, whichever part of it is searched.
        CallerKind::Professional | CallerKind::Structure => vec![of(ResourceType::DOCUMENT_REFERENCE), of(ResourceType::PATIENT)],
        _ => vec![of(resource)],
    };
    // Those who see every holder learn nothing from an empty answer.
    let all = matches!(caller.kind, CallerKind::Operator | CallerKind::Auditor);
    let stands = |standing: &&store::Standing| {
        let facts = Facts { holder: Some(standing.row.clone()), rights: standing.rights.clone() };
        all || scopes.iter().any(|scope| scope.reaches(&facts, standing.deposited))
    };
    let is = |name: &HolderName, standing: &store::Standing| match name {
        HolderName::Id(id) => *id == standing.row.patient,
        HolderName::Identifier(ins) => *ins == standing.row.ins,
        HolderName::Number(number) => *number == standing.row.holder,
    };
    // Every list of names must lead to the holder.
    let by_all = |standing: &&store::Standing| query.holders.iter().all(|list| list.iter().any(|name| is(name, standing)));
    // Of several named, one with a right is enough for an answer, were it an empty one (CONTRACT 4).
    let any = found.iter().any(|standing| stands(&standing));
    let well: Vec<i64> = found.iter().filter(stands).filter(by_all).map(|standing| standing.row.holder).collect();
    let mut touched: Vec<i64> = found.iter().map(|standing| standing.row.holder).collect();
    touched.resize(count, 0);
    // Beside the records it touched, the one it was sent from: as often for those that exist as for those that do not.
    let own = |standing: &&store::Standing| caller.acts_for.as_ref().is_none_or(|own| *own == standing.row.ins);
    touched.resize(count + found.iter().filter(|standing| !own(standing)).count(), 0);
    // TD3.1b, the search of one document by its identifier, is always answered.
    let by_identifier = resource == ResourceType::DOCUMENT_REFERENCE && query.named.contains("identifier");
    let answered = all || by_identifier || any;
    Ok(Some(Naming { well, touched, answered }))
}

/// Every resource reached through a chain passes the scope of its own type.
pub(super) fn scoped_chains(service: &Service, request: &Request, resource: ResourceType, filter: Filter) -> Filter {
    let within = |inner: Filter| scoped_chains(service, request, resource, inner);
    match filter {
        Filter::And(all) => Filter::And(all.into_iter().map(within).collect()),
        Filter::Or(any) => Filter::Or(any.into_iter().map(within).collect()),
        Filter::Not(inner) => Filter::Not(Box::new(within(*inner))),
        Filter::Via(param, target, inner) => {
            let scope = service.policy.scope(&request.caller, Action::Consult, target, service.clock.now());
            Filter::Via(param, target, Box::new(scope.filter().and(scoped_chains(service, request, target, *inner))))
        }
        // Testers' patients have no row of their own: their identifiers are index rows.
        Filter::HolderNamed(names) if request.caller.kind == CallerKind::Tester => tester_named(resource, &names),
        other => other,
    }
}

fn tester_named(resource: ResourceType, names: &[HolderName]) -> Filter {
    let token = |name: &HolderName| match name {
        HolderName::Identifier(token) => Some(token.clone()),
        HolderName::Id(_) | HolderName::Number(_) => None,
    };
    let tokens: Vec<String> = names.iter().filter_map(token).collect();
    let by = search::find(resource, "patient").or_else(|| search::find(resource, "subject"));
    let (Some(parameter), Some(identifier)) = (by, search::find(ResourceType::PATIENT, "identifier")) else { return Filter::Nothing };
    let chained = Filter::Index(identifier.param, Test::Token(tokens.clone()));
    Filter::Via(parameter.param, ResourceType::PATIENT, Box::new(chained))
        .or(Filter::Index(parameter.identifier_param(), Test::Token(tokens)))
}

/// A professional's question over no holder in particular goes to those who gave a right, never to a whole population.
pub(super) fn narrowed(service: &Service, request: &Request, resource: ResourceType, filter: Filter, named: bool) -> Filter {
    let caller = &request.caller;
    let population = match resource {
        ResourceType::PATIENT | ResourceType::RELATED_PERSON => true,
        ResourceType::DOCUMENT_REFERENCE | ResourceType::BINARY => caller.purpose != Purpose::Normal,
        // What names the caller, or is open to all, is the same in every mode of access.
        _ => false,
    };
    if named || caller.kind != CallerKind::Professional || !population {
        return filter;
    }
    let kinds = RightKind::ALL.into_iter().filter(|kind| !kind.blocks()).collect();
    filter.and(Filter::Right(RightTest { kinds, actors: caller.actors(), at: service.clock.now(), part: None }))
}

fn order(query: &Query) -> Result<(Order, bool), Error> {
    match query.sort.as_slice() {
        [] => Ok((Order::Created, true)),
        [sort] => {
            let order = match sort.by {
                SortBy::LastUpdated => Order::LastUpdated,
                SortBy::Id => Order::Id,
                SortBy::Index(param, kind) => Order::Index(param, kind),
            };
            Ok((order, sort.descending))
        }
        _ => Err(Error::NotSupported { place: "_sort".into(), message: "one key to sort by is supported".into() }),
    }
}

/// One statement for the page, and one more where a total is asked that the page does not tell.
async fn fetch(service: &Service, scope: Scope, page: PageRequest, done: &Done) -> Result<Page, Error> {
    let count_only = done.query.summary == Summary::Count;
    let wants_total = count_only || matches!(done.query.total, TotalMode::Accurate | TotalMode::Estimate);
    let first = done.first;
    let found = service.store.run(move |connection| {
        if count_only {
            return Ok(Page { hits: Vec::new(), more: false, total: Some(store::search::total(connection, &scope, &page)?) });
        }
        let mut hits = store::search::page(connection, &scope, &page)?;
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let more = hits.len() > limit;
        hits.truncate(limit);
        let total = match (first && !more, wants_total) {
            (true, _) => Some(i64::try_from(hits.len()).unwrap_or(i64::MAX)),
            (false, true) => Some(store::search::total(connection, &scope, &PageRequest { after: None, ..page.clone() })?),
            (false, false) => None,
        };
        Ok(Page { hits, more, total })
    });
    Ok(found.await?)
}

/// Whether a question reaches through references: then it tells of more than of what matches.
fn follows(filter: &Filter) -> bool {
    match filter {
        Filter::Via(..) => true,
        Filter::And(all) | Filter::Or(all) => all.iter().any(follows),
        Filter::Not(inner) => follows(inner),
        _ => false,
    }
}

/// One trace for each holder disclosed or named; one without holder where there is none. `rules` are those behind the scope; `others`
/// whether the query may tell of more than was disclosed.
pub(super) fn happened(hits: &[Hit], touched: &[i64], rules: &[String], others: bool) -> Vec<Happened> {
    let mut by_holder: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for hit in hits {
        by_holder.entry(hit.envelope.holder).or_default().push(hit.envelope.key);
    }
    let of = |holder: i64, keys: Vec<i64>| {
        let found = i32::try_from(keys.len()).unwrap_or(i32::MAX);
        // What disclosed one resource alone is about that resource.
        let (key, mut disclosed) = match keys.as_slice() {
            [only] => (*only, Vec::new()),
            _ => (0, keys),
        };
        if others && holder != 0 {
            disclosed.push(OTHERS);
        }
        Happened { holder, key, found, disclosed, rules: rules.to_vec() }
    };
    let mut all: Vec<Happened> = touched.iter().map(|holder| of(*holder, by_holder.remove(holder).unwrap_or_default())).collect();
    all.extend(by_holder.into_iter().map(|(holder, keys)| of(holder, keys)));
    if all.is_empty() {
        all.push(Happened { rules: rules.to_vec(), ..Happened::default() });
    }
    all
}

/// The searchset; bodies are spliced in as they are stored.
fn bundle(service: &Service, request: &Request, resource: ResourceType, page: &Page, done: &Done) -> Result<Vec<u8>, Error> {
    let mut entries = Vec::with_capacity(page.hits.len());
    for hit in &page.hits {
        let body = match &hit.facts.holder {
            _ if request.is_tester() => hit.body.clone(),
            Some(holder) if resource == ResourceType::PATIENT => patient::with_state(&hit.body, holder, request.caller.kind),
            _ => absolute(resource, &hit.body, &service.base_url),
        };
        let body = subset::of(resource, body, &done.query);
        entries.push((format!("{}/{resource}/{}", service.base_url, hit.envelope.id), body));
    }
    let next = match page.hits.last().filter(|_| page.more) {
        Some(last) => Some(Cursor::new(service, &done.pairs, &last.sorted_by, last.envelope.key).seal(service, request, resource)?),
        None => None,
    };
    searchset(service, resource, page.total, entries, next.as_deref(), done)
}

/// The Bundle of a page: entries in order, a warning for what was not understood, links.
pub(super) fn searchset(
    service: &Service,
    resource: ResourceType,
    total: Option<i64>,
    entries: Vec<(String, Vec<u8>)>,
    next: Option<&str>,
    done: &Done,
) -> Result<Vec<u8>, Error> {
    let base = format!("{}/{resource}", service.base_url);
    let echo = form_urlencoded::Serializer::new(String::new()).extend_pairs(&done.query.echo).finish();
    let own = match (done.posted, echo.is_empty()) {
        (true, _) => format!("{base}/_search"),
        (false, true) => base.clone(),
        (false, false) => format!("{base}?{echo}"),
    };
    let mut links = vec![("self", own)];
    if let Some(next) = next {
        links.push(("next", format!("{base}?_cursor={next}")));
    }
    let head = outcome::bundle("searchset", total, &links, Vec::new()).to_string();
    if entries.is_empty() && done.query.ignored.is_empty() {
        return Ok(head.into_bytes());
    }
    let raw = |error: serde_json::Error| Error::Unexpected(error.to_string());
    #[derive(serde::Serialize)]
    struct Mode {
        mode: &'static str,
    }
    #[derive(serde::Serialize)]
    struct Entry {
        #[serde(rename = "fullUrl", skip_serializing_if = "Option::is_none")]
        full_url: Option<String>,
        resource: Box<RawValue>,
        search: Mode,
    }
    let mut list = Vec::with_capacity(entries.len() + 1);
    for (url, body) in entries {
        let text = String::from_utf8(body).map_err(|_| Error::Unexpected("a stored body is no UTF-8".into()))?;
        list.push(Entry { full_url: Some(url), resource: RawValue::from_string(text).map_err(raw)?, search: Mode { mode: "match" } });
    }
    if !done.query.ignored.is_empty() {
        let text = outcome::outcome(ignored(&done.query.ignored)).to_string();
        list.push(Entry { full_url: None, resource: RawValue::from_string(text).map_err(raw)?, search: Mode { mode: "outcome" } });
    }
    let mut bundle = head.into_bytes();
    bundle.pop();
    bundle.extend_from_slice(b",\"entry\":");
    serde_json::to_writer(&mut bundle, &list).map_err(raw)?;
    bundle.push(b'}');
    Ok(bundle)
}

fn ignored(parameters: &[String]) -> Vec<Value> {
    let one = |name: &String| {
        let shown: String = name.chars().take(64).collect();
        outcome::issue("warning", "not-supported", &format!("`{shown}` is not a search parameter here and was left out"), &[])
    };
    parameters.iter().map(one).collect()
}
