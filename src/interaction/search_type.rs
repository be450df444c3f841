//! `search-type`, in a compartment too (FHIR R4 http.html#search, #vsearch): what is asked and what is allowed are one predicate; a page
//! is one statement, and one more for each round of what it includes.

use super::cursor::Cursor;
use super::includes::{self, Included};
use super::links::absolute;
use super::naming::{answering, chained, named, named_within, narrowed};
use super::searchset::{Done, Entry, Mode, happened, links, opening_row, searchset};
use super::{Answer, Error, Request, Service, listed, patient, search_status, search_traces, subset};
use crate::audit;
use crate::fhir::ResourceType;
use crate::filter::{Envelope, Filter};
use crate::policy::{Action, CallerKind};
use crate::search::{self, Query, SortBy};
use crate::store::{self, AnyConnection, Hit, Order, PageRequest, SortKey};

/// A compartment (FHIR R4 compartmentdefinition.html): whose resources are searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compartment {
    /// The type of the resource whose compartment it is.
    pub of: ResourceType,
    /// Its id.
    pub id: String,
}

/// A page of resources.
pub(super) struct Page<T = Hit> {
    pub hits: Vec<T>,
    /// Whether there is more in the direction of the page.
    pub more: bool,
    pub total: Option<i64>,
}

/// Searches a type; `posted` keeps the query out of the self link.
///
/// # Errors
/// [`Error::Forbidden`] for a type or a holder without any right, whether or not the holder exists; 400 for what is not understood.
pub async fn search(
    service: &Service,
    request: &Request,
    resource: ResourceType,
    within: Option<&Compartment>,
    pairs: &[(String, String)],
    posted: bool,
) -> Result<Answer, Error> {
    if !service.policy.serves(request.caller.kind, resource) || (resource == ResourceType::BINARY && !request.is_tester()) {
        return Err(Error::Forbidden(format!("{resource} is not searched")));
    }
    if let Some(status) = search_status::asked(request, resource, pairs).filter(|_| within.is_none()) {
        return search_status::answer(service, request, &status, pairs).await;
    }
    let path = match within {
        Some(Compartment { of, id }) => format!("{of}/{id}/{resource}"),
        None => resource.name().to_owned(),
    };
    let (cursor, pairs) = Cursor::resume(service, request, &path, pairs)?;
    let query = understood(service, request, resource, within, &pairs)?;
    let shown = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
    let reaching = chained(service, request, resource, query.filter.clone());
    let answering = answering(service, request, resource, &reaching, "_has")?;
    let asked = audit::Request { reaches: !answering.is_empty(), ..service.asked(request, "search-type", resource, "", &shown) };
    let scope = service.policy.scope(&request.caller, Action::Consult, resource, service.clock.now());
    if scope.is_nothing() {
        return Err(service.refused(&asked, Error::Forbidden(format!("{resource} is not open to this caller")).into()).await);
    }
    require_holder(request, resource, &query)?;
    listed::check_sort(request, &query)?;
    let named = named(service, request, resource, &query).await?;
    if let Some(naming) = named.as_ref().filter(|naming| !naming.answered) {
        service.trace(&asked, 403, &happened(&[], &naming.touched, &[], &|_| None, false)).await?;
        return Err(Error::Forbidden("no right over the record of this person".into()));
    }
    // Resources named by their ids are no population.
    let known = named.is_some() || query.named.contains("_id");
    let filter = narrowed(service, request, resource, reaching, known);
    let (well, touched) = named.map(|naming| (naming.well, naming.touched)).unzip();
    let page = PageRequest {
        filter,
        holders: well,
        sort: sort(&query),
        after: cursor.as_ref().and_then(|cursor| cursor.position.clone()),
        backward: cursor.as_ref().is_some_and(|cursor| cursor.backward),
        limit: query.count,
    };
    let done = Done { query, pairs, cursor, posted, path };
    let mut touched = touched.unwrap_or_default();
    if asked.reaches {
        touched.extend(named_within(service, request, &done.query.filter, done.wants_total()).await?);
    }
    if resource == ResourceType::AUDIT_EVENT && !request.is_tester() {
        return search_traces::page(service, request, &asked, scope, page, &touched, &done).await;
    }
    let rules = scope.rules();
    let counted = scope.clone();
    let rows = move |connection: &mut AnyConnection, page: &PageRequest| store::search::page(connection, &scope, page);
    let count = move |connection: &mut AnyConnection, page: &PageRequest| store::search::total(connection, &counted, page);
    let mut found = fetch(service, page, &done, rows, count).await?;
    let mut included = includes::fetch(service, request, &found.hits, &done.query.includes).await?;
    let answers = match includes::answers(service, request, &found.hits, answering).await {
        Ok(answers) => answers,
        Err(error) => return Err(service.refused(&asked, error.into()).await),
    };
    listed::shown(service, request, found.hits.iter_mut().chain(&mut included.hits)).await?;
    let body = bundle(service, request, &found, &included, &done)?;
    // What was answered may be less than what the query tells of.
    let whole = done.is_whole(&found) && !done.follows();
    let all: Vec<&Hit> = found.hits.iter().chain(&included.hits).chain(&answers).collect();
    let row = |envelope: &Envelope| opening_row(service, request, &rules, envelope);
    let happened = happened(&all, &touched, &rules, &row, !whole);
    service.trace(&asked, 200, &happened).await?;
    Ok(Answer { status: 200, body, ..Answer::default() })
}

fn understood(
    service: &Service,
    request: &Request,
    resource: ResourceType,
    within: Option<&Compartment>,
    pairs: &[(String, String)],
) -> Result<Query, Error> {
    let context = search::Context {
        now: service.clock.now(),
        strict: request.strict || service.settings.strict_search,
        traces: resource == ResourceType::AUDIT_EVENT && !request.is_tester(),
        beside: &[],
        base_url: &service.base_url,
    };
    let mut query = search::parse(resource, pairs, &context)?;
    if let Some(Compartment { of, id }) = within
        && !search::enter(&mut query, resource, *of, id)
    {
        let message = format!("{resource} is in no compartment of {of}");
        return Err(Error::NotSupported { place: resource.name().to_owned(), message });
    }
    Ok(query)
}

/// ITI-67 and ITI-66: professionals and structures search the documents and Lists of somebody (CONTRACT 4).
pub(super) fn require_holder(request: &Request, resource: ResourceType, query: &Query) -> Result<(), Error> {
    let kind = request.caller.kind;
    let transaction = match resource {
        ResourceType::DOCUMENT_REFERENCE => "ITI-67",
        ResourceType::LIST => "ITI-66",
        _ => return Ok(()),
    };
    if matches!(kind, CallerKind::Professional | CallerKind::Structure) && query.holders.is_empty() {
        let message = format!("`patient` or `patient.identifier` is needed (IHE MHD {transaction})");
        return Err(Error::Required { place: "patient".into(), message });
    }
    Ok(())
}

/// What a page is sorted by.
pub(super) fn sort(query: &Query) -> Vec<SortKey> {
    let key = |sort: &search::Sort| {
        let order = match sort.by {
            SortBy::LastUpdated => Order::LastUpdated,
            SortBy::Id => Order::Id,
            SortBy::Index(param, kind) => Order::Index(param, kind),
        };
        SortKey { order, descending: sort.descending }
    };
    query.sort.iter().map(key).collect()
}

/// The statements of the page, and one more where a total is asked that the page does not tell.
pub(super) async fn fetch<T: Send + 'static>(
    service: &Service,
    page: PageRequest,
    done: &Done,
    rows: impl Fn(&mut AnyConnection, &PageRequest) -> Result<Vec<T>, store::Error> + Send + 'static,
    count: impl Fn(&mut AnyConnection, &PageRequest) -> Result<i64, store::Error> + Send + 'static,
) -> Result<Page<T>, Error> {
    let (count_only, wants_total, first) = (done.counts_only(), done.wants_total(), done.is_first());
    let found = service.store.run(move |connection| {
        if count_only {
            return Ok(Page { hits: Vec::new(), more: false, total: Some(count(connection, &page)?) });
        }
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let mut hits = rows(connection, &page)?;
        // The one too many lies in the direction of the page.
        let more = hits.len() > limit;
        if more && page.backward {
            hits.remove(0);
        }
        hits.truncate(limit);
        let total = match (first && !more, wants_total) {
            (true, _) => Some(i64::try_from(hits.len()).unwrap_or(i64::MAX)),
            (false, true) => Some(count(connection, &page)?),
            (false, false) => None,
        };
        Ok(Page { hits, more, total })
    });
    Ok(found.await?)
}

/// A resource as the caller is shown it.
pub(super) fn shown(service: &Service, request: &Request, hit: &Hit) -> Vec<u8> {
    let resource = hit.envelope.resource;
    match &hit.facts.holder {
        _ if request.is_tester() => hit.body.clone(),
        Some(holder) if resource == ResourceType::PATIENT => patient::with_state(&hit.body, holder, request.caller.kind),
        _ => absolute(resource, &hit.body, &service.base_url),
    }
}

/// The searchset of a page.
pub(super) fn bundle(service: &Service, request: &Request, page: &Page, included: &Included, done: &Done) -> Result<Vec<u8>, Error> {
    let entry = |hit: &Hit, mode: Mode| {
        let resource = hit.envelope.resource;
        let body = shown(service, request, hit);
        // `_elements` is of what is searched; the form of an answer, `_summary`, of all of it.
        let body = match mode {
            Mode::Include if !done.query.elements.is_empty() => body,
            _ => subset::of(resource, body, &done.query),
        };
        Entry { url: Some(format!("{}/{resource}/{}", service.base_url, hit.envelope.id)), body, mode }
    };
    let mut entries: Vec<Entry> = page.hits.iter().map(|hit| entry(hit, Mode::Match)).collect();
    entries.extend(included.hits.iter().map(|hit| entry(hit, Mode::Include)));
    let ends = (page.hits.first().map(|hit| &hit.position), page.hits.last().map(|hit| &hit.position));
    let links = links(service, request, done, ends, page.more)?;
    searchset(page.total, entries, &links, &done.warnings(included.cut), request.language)
}

/// Whether a question reaches through references: then it tells of more than of what matches.
pub(super) fn follows(filter: &Filter) -> bool {
    match filter {
        Filter::Via(..) | Filter::Has(..) => true,
        Filter::And(all) | Filter::Or(all) => all.iter().any(follows),
        Filter::Not(inner) => follows(inner),
        _ => false,
    }
}
