//! Conditions (FHIR R4 http.html#ccreate, #cond-update, #cdelete): resolved in the caller's own scope, so that they tell nothing
//! beyond it (CONTRACT 4), and in the transaction of what they decide.

use super::create::leave_trace;
use super::links::absolute;
use super::naming::{answering, chained, named, narrowed};
use super::{Answer, Error, Refused, Request, Service, patient};
use crate::audit::{Happened, OTHERS};
use crate::fhir::ResourceType;
use crate::filter::Filter;
use crate::policy::Action;
use crate::search;
use crate::store::{self, AnyConnection, Hit, NewResource, PageRequest};

/// Which resource a request is about.
#[derive(Debug, Clone)]
pub enum Which {
    /// The one with this id.
    Id(String),
    /// The one that matches these parameters.
    Matching(Vec<(String, String)>),
}

/// The resources a condition finds.
pub(super) enum Matches {
    /// None.
    None,
    /// One.
    One(Box<Hit>),
    /// More than one; this is the first.
    Several(Box<Hit>),
}

impl Matches {
    /// The one that matches, or none.
    ///
    /// # Errors
    /// [`Error::Precondition`] for several.
    pub(super) fn at_most_one(self, resource: ResourceType) -> Result<Option<Box<Hit>>, Refused> {
        match self {
            Self::None => Ok(None),
            Self::One(hit) => Ok(Some(hit)),
            Self::Several(hit) => {
                let error = Error::Precondition(format!("several resources of type {resource} match the condition"));
                // The person whose record was asked finds it among the traces.
                Err(Refused::at(error, hit.envelope.holder.max(0), 0))
            }
        }
    }
}

/// A condition that was understood.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    resource: ResourceType,
    filter: Filter,
    text: String,
    /// What was understood.
    pub query: search::Query,
}

/// The records a condition names, as its traces tell.
#[derive(Debug, Clone, Default)]
pub(super) struct Touched {
    holders: Vec<i64>,
    status: u16,
}

/// Understands a condition; what is not understood would match too much, so it is refused.
///
/// # Errors
/// 400 as any search, and for a condition without parameters.
pub(super) fn parse(service: &Service, request: &Request, resource: ResourceType, pairs: &[(String, String)]) -> Result<Condition, Error> {
    let context = search::Context { now: service.clock.now(), strict: true, traces: false, beside: &[], base_url: &service.base_url };
    let query = search::parse(resource, pairs, &context)?;
    if query.filter == Filter::Everything || query.filter == Filter::And(Vec::new()) {
        return Err(Error::Required { place: "condition".into(), message: "a condition needs a search parameter".into() });
    }
    let filter = chained(service, request, resource, query.filter.clone());
    if !answering(service, request, resource, &filter, "condition")?.is_empty() {
        let message = "what is written to a directory is not decided by what stands in records".to_owned();
        return Err(Error::NotSupported { place: "condition".into(), message });
    }
    // In an emergency one consults; what is written is not decided by the records of those who gave no right.
    let filter = narrowed(service, request, resource, filter, false);
    Ok(Condition { resource, filter, text: text(resource, pairs), query })
}

/// The records that the condition names: that nothing is found there tells of them, too.
///
/// # Errors
/// [`Error::Away`].
pub(super) async fn touched(service: &Service, request: &Request, condition: &Condition) -> Result<Touched, Error> {
    let naming = named(service, request, condition.resource, &condition.query).await?;
    let told = |answered: bool| if answered { 200 } else { 403 };
    Ok(naming.map(|naming| Touched { status: told(naming.answered), holders: naming.touched }).unwrap_or_default())
}

/// Leaves a trace in each record that the condition names, but for the one (`but`) where what follows leaves its own.
///
/// # Errors
/// [`Error::Away`].
pub(super) fn tell(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    condition: &Condition,
    touched: &Touched,
    but: i64,
) -> Result<(), Error> {
    let asked = service.asked(request, "search-type", condition.resource, "", condition.query_text());
    let happened = |holder: &i64| Happened { holder: *holder, ..Happened::default() };
    let happened: Vec<Happened> = touched.holders.iter().filter(|holder| but <= 0 || **holder != but).map(happened).collect();
    Ok(service.trace_within(connection, service.rows(&asked, touched.status, &happened))?)
}

/// Leaves the trace of a resource that the condition found, and of the records it names.
///
/// # Errors
/// [`Error::Away`].
pub(super) fn tell_found(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    condition: &Condition,
    touched: &Touched,
    hit: &Hit,
) -> Result<(), Error> {
    let asked = service.asked(request, "search-type", condition.resource, "", condition.query_text());
    let (holder, key) = (hit.envelope.holder, hit.envelope.key);
    let rules = service.policy.scope(&request.caller, Action::Consult, condition.resource, service.clock.now()).rules();
    let found = Happened { holder, key, found: 1, disclosed: vec![OTHERS], rules, elsewhere: false };
    service.trace_within(connection, service.rows(&asked, 200, &[found]))?;
    tell(service, request, connection, condition, touched, holder)
}

impl Condition {
    /// How it is known to all who decide on it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its parameters alone.
    fn query_text(&self) -> &str {
        self.text.split_once('?').map_or("", |(_, query)| query)
    }
}

/// How a condition is known to all who decide on it.
pub(super) fn text(resource: ResourceType, pairs: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(format!("{resource}?")).extend_pairs(pairs).finish()
}

/// What the condition finds of what the caller may see; others who decide on the same condition wait until this is committed.
///
/// # Errors
/// [`Error::Away`].
pub(super) fn resolve(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    condition: &Condition,
) -> Result<Matches, Error> {
    store::write::lock_condition(connection, &condition.text)?;
    let scope = service.policy.scope(&request.caller, Action::Consult, condition.resource, service.clock.now());
    let page = PageRequest::first(condition.filter.clone(), 1);
    // One more than asked is fetched when there is more.
    let mut hits = store::search::page(connection, &scope, &page)?.into_iter();
    Ok(match (hits.next(), hits.next()) {
        (None, _) => Matches::None,
        (Some(hit), None) => Matches::One(Box::new(hit)),
        (Some(hit), Some(_)) => Matches::Several(Box::new(hit)),
    })
}

/// Something that was written, or found written.
pub(super) trait Written {
    /// Whose it is, where that is known.
    fn holder(&self) -> i64;
}

impl Written for NewResource {
    fn holder(&self) -> i64 {
        self.envelope.holder
    }
}

/// What became of a create.
pub(super) enum Created<T> {
    /// `If-None-Exist` found this.
    Existing(Box<Hit>),
    /// It was written.
    New(T),
}

/// Writes in one transaction, unless the condition of `If-None-Exist` finds something. The work may be done more than once.
///
/// # Errors
/// What the work says; [`Error::Precondition`] when several match.
pub(super) async fn unless_exists<T, F>(
    service: &Service,
    request: &Request,
    resource: ResourceType,
    mut work: F,
) -> Result<Created<T>, Refused>
where
    T: Written + Send + 'static,
    F: FnMut(&mut AnyConnection) -> Result<T, Refused> + Send + 'static,
{
    let condition = request.if_none_exist.as_ref().map(|pairs| parse(service, request, resource, pairs)).transpose()?;
    let touched = match &condition {
        Some(condition) => touched(service, request, condition).await?,
        None => Touched::default(),
    };
    let (within, asker) = (service.clone(), request.clone());
    let (conditioned, named) = (condition.clone(), touched.clone());
    let done = service.store.write(move |connection| {
        let Some(condition) = &condition else { return work(connection).map(Created::New) };
        match resolve(&within, &asker, connection, condition)?.at_most_one(resource)? {
            None => {
                let done = work(connection)?;
                tell(&within, &asker, connection, condition, &touched, done.holder())?;
                Ok(Created::New(done))
            }
            Some(hit) => {
                let asked = within.asked(&asker, "create", resource, "", "");
                leave_trace(&within, connection, &asked, &hit.envelope, 200)?;
                tell(&within, &asker, connection, condition, &touched, hit.envelope.holder)?;
                Ok(Created::Existing(hit))
            }
        }
    });
    match (done.await, conditioned) {
        (Err(refused), Some(condition)) => Err(told(service, request, &condition, &named, refused).await),
        (done, _) => done,
    }
}

/// The error, once it is told in the records that the condition names: nothing else of what was asked of them stays.
pub(super) async fn told(service: &Service, request: &Request, condition: &Condition, touched: &Touched, refused: Refused) -> Refused {
    let status = refused.error.status();
    if status >= 500 || touched.holders.is_empty() {
        return refused;
    }
    let asked = service.asked(request, "search-type", condition.resource, "", condition.query_text());
    let happened = |holder: &i64| Happened { holder: *holder, ..Happened::default() };
    let happened: Vec<Happened> = touched.holders.iter().filter(|holder| **holder != refused.holder).map(happened).collect();
    match service.trace(&asked, touched.status, &happened).await {
        Ok(()) => refused,
        Err(away) => away.into(),
    }
}

/// The answer of a conditional create that found something.
pub(super) fn existing(service: &Service, request: &Request, hit: &Hit) -> Answer {
    let envelope = &hit.envelope;
    let body = match &hit.facts.holder {
        _ if request.is_tester() => hit.body.clone(),
        Some(holder) if envelope.resource == ResourceType::PATIENT => patient::with_state(&hit.body, holder, request.caller.kind),
        _ => absolute(envelope.resource, &hit.body, &service.base_url),
    };
    Answer {
        status: 200,
        body,
        version: Some(envelope.version),
        updated: Some(envelope.updated),
        location: Some(format!("{}/{}/_history/{}", envelope.resource, envelope.id, envelope.version)),
        ..Answer::default()
    }
}
