//! `create` (FHIR R4 http.html#create): resource, index rows, rights and trace in one transaction (P3).

use serde_json::Value;

use super::condition::{self, Created};
use super::holder::{self, Reached, Standing};
use super::read::candidate;
use super::route::Route;
use super::stored::{envelope, make_relative, parties, prepare};
use super::{Answer, Error, Refused, Request, Service, audit, care_team, consent, deposit, list, notice, patient, plain, report};
use crate::audit::Happened;
use crate::fhir::national::has_wrong_key;
use crate::fhir::{Document, ResourceType, outcome};
use crate::filter::{Actor, Envelope, HolderRow, IndexRows, RightKind};
use crate::policy::projection::{consent_actors, consent_kind, consent_labels};
use crate::policy::{Action, Decision};
use crate::search::extract;
use crate::store::{self, AnyConnection, NewResource};

/// Creates a resource.
///
/// # Errors
/// [`Error::Invalid`] for what is not base R4, [`Error::Forbidden`], [`Error::Business`], [`Error::Conflict`].
pub async fn create(service: &Service, request: &Request, resource: ResourceType, document: Document) -> Result<Answer, Error> {
    let asked = service.asked(request, "create", resource, "", "");
    if let Err(error) = permitted(service, request, resource, Action::Create) {
        return Err(service.refused(&asked, error.into()).await);
    }
    check(resource, &document)?;
    let mut value = document.value;
    let asked_labels = value.pointer("/meta/security").cloned();
    if !request.is_tester() {
        strip(&mut value);
    }
    make_relative(&mut value, &service.base_url);
    let done = match resource {
        _ if request.is_tester() => plain::create(service, request, resource, value).await,
        ResourceType::PATIENT => space(service, request, &value).await,
        ResourceType::DOCUMENT_REFERENCE => deposit::deposit(service, request, &value).await,
        ResourceType::DIAGNOSTIC_REPORT => report::create(service, request, value, asked_labels).await,
        ResourceType::OBSERVATION => Err(report::alone().into()),
        ResourceType::LIST => list::create(service, request, &value).await,
        ResourceType::CONSENT | ResourceType::CARE_TEAM | ResourceType::RELATED_PERSON => {
            about_holder(service, request, resource, value).await
        }
        _ => directory(service, request, resource, value).await,
    };
    match done {
        Ok(answer) => Ok(answer),
        Err(refused) => Err(service.refused(&asked, refused).await),
    }
}

/// Whether the caller may do at all what a route with a body asks for, before the body is taken in.
///
/// # Errors
/// [`Error::Forbidden`], traced.
pub async fn admits(service: &Service, request: &Request, route: &Route) -> Result<(), Error> {
    let (resource, action) = match route {
        Route::Create(resource) => (*resource, Action::Create),
        // What nobody but a tester updates is told by its method.
        Route::Update(resource, _) if service.policy.served(false).contains(&(*resource, Action::Update)) => (*resource, Action::Update),
        _ => return Ok(()),
    };
    match permitted(service, request, resource, action) {
        Ok(()) => Ok(()),
        Err(error) => {
            let asked = service.asked(request, route.interaction(), resource, "", "");
            Err(service.refused(&asked, error.into()).await)
        }
    }
}

/// Whether some rule lets the caller do this with the type at all.
pub(super) fn permitted(service: &Service, request: &Request, resource: ResourceType, action: Action) -> Result<(), Error> {
    let scope = service.policy.scope(&request.caller, action, resource, service.clock.now());
    if scope.is_nothing() {
        return Err(Error::Forbidden(format!("{} of {resource} is not open to this caller", action.as_str())));
    }
    Ok(())
}

/// Whether the body is a resource of this type in base R4.
pub(super) fn check(resource: ResourceType, document: &Document) -> Result<(), Error> {
    let place = "resourceType".to_owned();
    match document.value.get("resourceType").and_then(Value::as_str) {
        Some(name) if name == resource.name() => {}
        Some(name) => {
            let name: String = name.chars().take(64).collect();
            return Err(Error::Value { place, message: format!("expected {resource}, received `{name}`") });
        }
        None => return Err(Error::Required { place, message: "the resource does not say what it is".into() }),
    }
    let issues = document.validate();
    if !issues.is_empty() {
        return Err(Error::Invalid(issues));
    }
    let mut left = ITEMS_UNCOUNTED;
    if is_crowded(&document.value, &mut left) { bounded(resource, &extract(resource, &document.value)) } else { Ok(()) }
}

/// One resource has no end of values to search by.
///
/// # Errors
/// [`Error::Business`].
pub(super) fn bounded(resource: ResourceType, rows: &IndexRows) -> Result<(), Error> {
    if rows.len() <= ROWS_MAX {
        return Ok(());
    }
    let message = format!("the resource has more than {ROWS_MAX} values to search by");
    Err(Error::Business { code: "too-costly", expression: resource.name().to_owned(), message })
}

/// Index rows that one resource may have: a writer is not held up by one alone.
const ROWS_MAX: usize = 20_000;
/// Items of lists in a resource that cannot have so many rows.
const ITEMS_UNCOUNTED: usize = 500;

/// Whether a resource has more items in its lists than these.
fn is_crowded(value: &Value, left: &mut usize) -> bool {
    match value {
        Value::Array(items) => match left.checked_sub(items.len()) {
            None => true,
            Some(rest) => {
                *left = rest;
                items.iter().any(|item| is_crowded(item, left))
            }
        },
        Value::Object(members) => members.values().any(|member| is_crowded(member, left)),
        _ => false,
    }
}

/// Takes out what only this server says of a resource.
pub(super) fn strip(value: &mut Value) {
    let Some(members) = value.as_object_mut() else { return };
    let Some(meta) = members.get_mut("meta").and_then(Value::as_object_mut) else { return };
    meta.remove("security");
    if meta.is_empty() {
        members.shift_remove("meta");
    }
}

/// The answer to a write.
pub(super) fn written(service: &Service, new: &NewResource, status: u16, warnings: Vec<Value>) -> Answer {
    let envelope = &new.envelope;
    Answer {
        status,
        body: super::links::absolute(envelope.resource, &new.body, &service.base_url),
        media: None,
        content: None,
        version: Some(envelope.version),
        updated: Some(envelope.updated),
        location: Some(format!("{}/{}/_history/{}", envelope.resource, envelope.id, envelope.version)),
        warnings,
        parts: Vec::new(),
    }
}

async fn space(service: &Service, request: &Request, value: &Value) -> Result<Answer, Refused> {
    let person = patient::check(value, service.settings.identities, None)?;
    let warnings = person.warnings.clone();
    let (within, asker, value) = (service.clone(), request.clone(), value.clone());
    let done = condition::unless_exists(service, request, ResourceType::PATIENT, move |connection| {
        let asked = within.asked(&asker, "create", ResourceType::PATIENT, "", "");
        Ok(patient::create(&within, &asker, connection, &value, &person, &asked)?)
    });
    Ok(created(service, request, done.await?, warnings))
}

/// The answer to a create, conditional or not.
fn created(service: &Service, request: &Request, done: Created<NewResource>, warnings: Vec<Value>) -> Answer {
    match done {
        Created::New(new) => written(service, &new, 201, warnings),
        Created::Existing(hit) => condition::existing(service, request, &hit),
    }
}

/// A resource of the directories (holder 0).
async fn directory(service: &Service, request: &Request, resource: ResourceType, value: Value) -> Result<Answer, Refused> {
    let warnings = wrong_keys(resource, &value);
    let (clock, asker) = (service.clock.clone(), request.clone());
    let done = condition::unless_exists(service, request, resource, move |connection| {
        let new =
            prepare(&value, envelope(resource, 0, clock.next_key(), asker.id_of_new(&clock), clock.now(), &asker.caller.principal), 0);
        store::write::insert(connection, &new)?;
        Ok(new)
    });
    Ok(created(service, request, done.await?, warnings))
}

/// National identifiers whose key is wrong: warnings, for those of samples and of old registers are.
fn wrong_keys(resource: ResourceType, value: &Value) -> Vec<Value> {
    let identifiers = value.get("identifier").and_then(Value::as_array).into_iter().flatten().enumerate();
    let text = |identifier: &Value, name: &str| identifier.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let wrong = identifiers.filter(|(_, identifier)| has_wrong_key(&text(identifier, "system"), &text(identifier, "value")));
    let issue =
        |(at, _)| outcome::issue("warning", "value", "the key of this identifier is wrong", &[format!("{resource}.identifier[{at}]")]);
    wrong.map(issue).collect()
}

/// A Consent, CareTeam or RelatedPerson: the rights of its holder are computed again in the same transaction (P4).
async fn about_holder(service: &Service, request: &Request, resource: ResourceType, value: Value) -> Result<Answer, Refused> {
    let (within, asker) = (service.clone(), request.clone());
    let done = condition::unless_exists(service, request, resource, move |connection| -> Result<NewResource, Refused> {
        let asked = within.asked(&asker, "create", resource, "", "");
        let reached = reached(&within, &asker, connection, resource, &value)?;
        if let Some(standing) = reached.standing() {
            store::write::lock_holder(connection, standing.row.holder)?;
        }
        let Checked { value, named, labels, row } = checked(&within, &asker, connection, resource, value.clone(), None, &reached)?;
        let (clock, submitter) = (&within.clock, row.actor(&asker.caller.principal));
        let now = store::write::after_rights(connection, row.holder, clock.now())?;
        let mut envelope = envelope(resource, row.holder, clock.next_key(), asker.id_of_new(clock), now, &submitter);
        (envelope.parties, envelope.labels) = (parties(&named), labels);
        let new = prepare(&value, envelope, 0);
        let told = (resource == ResourceType::CONSENT).then(|| {
            let kind = consent_kind(&value).and_then(|code| within.policy.consent_kind(code));
            notice::of_consent(&within, &asker.caller, &new.envelope, kind, &row)
        });
        let all: Vec<NewResource> = std::iter::once(new.clone()).chain(told.flatten()).collect();
        store::bulk::insert_many(connection, &all)?;
        store::write::refresh_rights(connection, &row)?;
        leave_trace(&within, connection, &asked, &new.envelope, 201)?;
        Ok(new)
    });
    Ok(created(service, request, done.await?, Vec::new()))
}

/// Leaves the trace of a write, in its transaction.
pub(super) fn leave_trace(
    service: &Service,
    connection: &mut AnyConnection,
    asked: &audit::Request<'_>,
    envelope: &Envelope,
    status: u16,
) -> Result<(), store::Error> {
    let asked = audit::Request { target: envelope.id.clone(), ..asked.clone() };
    let happened = Happened { holder: envelope.holder, key: envelope.key, found: 1, ..Happened::default() };
    service.trace_within(connection, service.rows(&asked, status, &[happened]))
}

/// The member that names the person.
pub(super) fn person_member(resource: ResourceType) -> &'static str {
    if resource == ResourceType::CARE_TEAM { "subject" } else { "patient" }
}

/// Where the person leads whom the resource names.
fn reached(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    resource: ResourceType,
    value: &Value,
) -> Result<Reached, Error> {
    let names = holder::names(value, value.get(person_member(resource)), &service.base_url);
    holder::reach(service, connection, &request.caller, &names)
}

/// A resource about a holder as it is stored.
pub(super) struct Checked {
    /// The resource.
    pub value: Value,
    /// The actors it names.
    pub named: Vec<Actor>,
    /// Its labels.
    pub labels: i16,
    /// The holder.
    pub row: HolderRow,
}

/// The resource as it is stored, if this caller may write it so; `before` is what it was until now. What is said of the record comes
/// after what would be said of any, so that who may not know of it is not told by the way in which it is refused (P1).
pub(super) fn checked(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    resource: ResourceType,
    mut value: Value,
    before: Option<&Value>,
    reached: &Reached,
) -> Result<Checked, Refused> {
    let refuse = |error: Error| reached.refused(error);
    let place = format!("{resource}.{}", person_member(resource));
    let (standing, named) = match resource {
        ResourceType::CONSENT => {
            may_consent(service, request, connection, &value, before, reached.standing()).map_err(refuse)?;
            let standing = reached.open(&place)?;
            let told = |error: Error| standing.told(service, &request.caller, reached.refused(error), &place);
            consent::check_verified(&value, &request.caller, standing).map_err(told)?;
            consent::complete(&mut value, &service.policy, &request.caller, standing, service.clock.now());
            (standing, consent_actors(&value))
        }
        ResourceType::CARE_TEAM => {
            care_team::check_form(&value).map_err(refuse)?;
            // Who may write it again was asked before its version.
            if before.is_none() {
                let (policy, now) = (&service.policy, service.clock.now());
                care_team::check_author(policy, None, &value, &request.caller, reached.standing(), now).map_err(refuse)?;
            }
            (reached.open(&place)?, care_team::parties(&value))
        }
        _ => {
            let standing = reached.open(&place)?;
            care_team::check_representative(&value, &standing.row).map_err(refuse)?;
            (standing, Vec::new())
        }
    };
    let row = standing.row.clone();
    super::document::set_subject(&mut value, person_member(resource), &row.patient, &row.ins);
    let labels = if resource == ResourceType::CONSENT { consent_labels(&value) } else { 0 };
    Ok(Checked { value, named, labels, row })
}

/// Whether this caller may record the Consent; where it names nobody whose record is open, what it would be told without any right.
fn may_consent(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    consent: &Value,
    before: Option<&Value>,
    standing: Option<&Standing>,
) -> Result<(), Error> {
    let (policy, now) = (&service.policy, service.clock.now());
    let kind = consent::check_form(consent, policy)?;
    // One that is ended as it is recorded gives nothing, and would end what another gave.
    if before.is_none() && consent.get("status").and_then(Value::as_str) != Some("active") {
        return Err(Error::value("Consent.status", "a new Consent is `active`"));
    }
    if let Some(before) = before {
        consent::check_same(before, consent, now)?;
    }
    let physician = standing.map(|standing| treating_physician(connection, standing, now)).transpose()?.flatten();
    consent::check_author(consent, kind, policy, &request.caller, standing, physician.as_ref(), now)?;
    let holder = standing.map(|standing| standing.row.holder);
    match consent::team(consent) {
        Some(team) if !knows_team(service, request, connection, holder, team)? => Err(Error::Business {
            code: "not-found",
            expression: "Consent.provision.actor[0].reference".into(),
            message: "this CareTeam is not known".into(),
        }),
        _ => Ok(()),
    }
}

/// Whether the holder has this CareTeam and the caller sees it, or may add to it: to others it is absent (P1).
fn knows_team(service: &Service, request: &Request, connection: &mut AnyConnection, holder: Option<i64>, id: &str) -> Result<bool, Error> {
    let of = |action| service.policy.scope(&request.caller, action, ResourceType::CARE_TEAM, service.clock.now());
    let Some(found) = store::read::read(connection, &of(Action::Consult), id)? else { return Ok(false) };
    let permits = |decision: &Decision| matches!(decision, Decision::Permit(_));
    let knows = permits(&found.decision) || permits(&of(Action::Update).decide(&candidate(&found)));
    Ok(knows && Some(found.envelope.holder) == holder)
}

/// The treating physician in force.
fn treating_physician(connection: &mut AnyConnection, standing: &Standing, now: i64) -> Result<Option<Actor>, Error> {
    Ok(store::write::actor_of(connection, standing.row.holder, RightKind::TreatingPhysician, now)?)
}
