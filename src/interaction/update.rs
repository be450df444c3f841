//! `update` (FHIR R4 http.html#update) of persons, rights, teams, representatives, folders and directories; documents are replaced,
//! not updated.

use serde_json::Value;

use super::condition::Which;
use super::create::{Checked, check, checked, leave_trace, permitted, person_member, strip, written};
use super::holder::{self, Reached, Standing};
use super::read::{candidate, seen};
use super::stored::{make_relative, parties, prepare};
use super::{Answer, Error, Refused, Request, Service, care_team, consent, folder, identity, plain};
use crate::fhir::{Document, ResourceType};
use crate::filter::Envelope;
use crate::policy::projection::{consent_actors, consent_labels};
use crate::policy::{Action, CallerKind, Decision};
use crate::store::{self, AnyConnection, Found, NewResource};

/// Writes a new version of a resource. For a tester an absent one is created, and a condition may tell which.
///
/// # Errors
/// [`Error::Method`] for documents and Binary, [`Error::NotFound`], [`Error::Forbidden`], [`Error::Precondition`], [`Error::Business`].
pub async fn update(
    service: &Service,
    request: &Request,
    resource: ResourceType,
    which: &Which,
    document: Document,
) -> Result<Answer, Error> {
    let id = match which {
        Which::Id(id) => id.as_str(),
        Which::Matching(_) => "",
    };
    let asked = service.asked(request, "update", resource, id, "");
    if !request.is_tester() {
        let never = matches!(
            resource,
            ResourceType::DOCUMENT_REFERENCE
                | ResourceType::BINARY
                | ResourceType::DIAGNOSTIC_REPORT
                | ResourceType::OBSERVATION
                | ResourceType::AUDIT_EVENT
                | ResourceType::COMMUNICATION
        );
        if never || id.is_empty() {
            let error = Error::Method { allow: allowed(resource, which), message: format!("{resource} is not updated so") };
            return Err(service.refused(&asked, error.into()).await);
        }
    }
    if !request.is_tester() && resource == ResourceType::LIST && folder::is_submission(&document.value) {
        return Err(service.refused(&asked, folder::once().into()).await);
    }
    if request.only_new && !request.is_tester() {
        let error = Error::Precondition("only what exists is updated".into());
        return Err(service.refused(&asked, error.into()).await);
    }
    if let Err(error) = permitted(service, request, resource, Action::Update) {
        return Err(service.refused(&asked, error.into()).await);
    }
    check(resource, &document)?;
    let mut value = document.value;
    if !id.is_empty() && value.get("id").and_then(Value::as_str) != Some(id) {
        return Err(Error::Value { place: format!("{resource}.id"), message: format!("expected the id of the address, `{id}`") });
    }
    make_relative(&mut value, &service.base_url);
    if request.is_tester() {
        return match plain::update(service, request, resource, which, &value).await {
            Ok(answer) => Ok(answer),
            Err(refused) => Err(refused.error),
        };
    }
    strip(&mut value);
    let (within, asker, id) = (service.clone(), request.clone(), id.to_owned());
    let done = service.store.write(move |connection| within_transaction(&within, &asker, connection, resource, &id, value.clone())).await;
    match done {
        Ok((new, warnings)) => Ok(Answer { location: None, ..written(service, &new, 200, warnings) }),
        Err(refused) => Err(service.refused(&asked, refused).await),
    }
}

/// The methods a caller other than a tester may use at the address of a resource or of its type.
pub(super) fn allowed(resource: ResourceType, which: &Which) -> &'static str {
    match (which, resource) {
        (Which::Matching(_), ResourceType::DOCUMENT_REFERENCE) => "GET, POST, PATCH",
        (Which::Matching(_), ResourceType::AUDIT_EVENT | ResourceType::BINARY | ResourceType::COMMUNICATION) => "GET",
        (Which::Matching(_), _) => "GET, POST",
        (Which::Id(_), ResourceType::DOCUMENT_REFERENCE) => "GET, PATCH",
        (Which::Id(_), ResourceType::DIAGNOSTIC_REPORT | ResourceType::OBSERVATION) => "GET",
        (Which::Id(_), ResourceType::BINARY | ResourceType::AUDIT_EVENT | ResourceType::COMMUNICATION) => "GET",
        (Which::Id(_), _) => "GET, PUT",
    }
}

fn within_transaction(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    resource: ResourceType,
    id: &str,
    value: Value,
) -> Result<(NewResource, Vec<Value>), Refused> {
    let (caller, now) = (&request.caller, service.clock.now());
    // Writers of one resource come one after the other, so that none finds its version gone.
    store::write::lock_condition(connection, &format!("{resource}/{id}"))?;
    if resource == ResourceType::LIST {
        return folder::update(service, request, connection, id, value);
    }
    let found = reached(service, request, connection, resource, id)?;
    let at = |error: Error| Refused::at(error, found.envelope.holder.max(0), found.envelope.key);
    let next = Envelope { version: found.envelope.version + 1, updated: now, ..found.envelope.clone() };
    let Some(row) = found.facts.holder.clone() else {
        request.expect_version(found.envelope.version).map_err(at)?;
        let new = prepare(&value, next, 0);
        store::write::update(connection, &new)?;
        return Ok((new, Vec::new()));
    };
    if resource == ResourceType::PATIENT {
        return identity::update(service, request, connection, &found, &row, value);
    }
    let before = super::stored::tree(&found.body)?;
    let standing = Standing { row, rights: found.facts.rights.clone(), known: true };
    may_update(service, request, &found, &before, &value, &standing).map_err(at)?;
    request.expect_version(found.envelope.version).map_err(at)?;
    store::write::lock_holder(connection, standing.row.holder)?;
    let next = Envelope { updated: store::write::after_rights(connection, standing.row.holder, now)?, ..next };
    let member = person_member(resource);
    let place = format!("{resource}.{member}");
    if !holder::takes(service, caller, &standing) {
        return Err(at(Error::no_record(&place)));
    }
    if !standing.is_named(&holder::names(&value, value.get(member), &service.base_url)) {
        return Err(at(Error::business(&place, "it stays with the same person")));
    }
    let Checked { value, named, labels, row } = if ends(&before, &value) {
        let mut ended = before.clone();
        super::stored::set(&mut ended, "status", value.get("status").cloned().unwrap_or_default());
        consent::check_active(&before).map_err(at)?;
        Checked { named: consent_actors(&ended), labels: consent_labels(&ended), value: ended, row: standing.row }
    } else {
        let reached = Reached::Open(Box::new(standing));
        checked(service, request, connection, resource, value, Some(&before), &reached).map_err(|refused| at(refused.error))?
    };
    let new = prepare(&value, Envelope { parties: parties(&named), labels, ..next }, 0);
    store::write::update(connection, &new)?;
    store::write::refresh_rights(connection, &row)?;
    let asked = service.asked(request, "update", resource, id, "");
    leave_trace(service, connection, &asked, &new.envelope, 200)?;
    Ok((new, Vec::new()))
}

/// The resource, for those who may consult it, and those who may update it without consulting it: who may add a member to a team.
fn reached(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    resource: ResourceType,
    id: &str,
) -> Result<Found, Refused> {
    let of = |action| service.policy.scope(&request.caller, action, resource, service.clock.now());
    let mut found = store::read::read(connection, &of(Action::Consult), id)?;
    if let Some(denied) = found.as_mut().filter(|found| matches!(found.decision, Decision::Deny(_))) {
        let decision = of(Action::Update).decide(&candidate(denied));
        if matches!(decision, Decision::Permit(_)) {
            denied.decision = decision;
        }
    }
    seen(found, resource, id)
}

/// Whether a Consent ends by this: the status alone tells, whatever else was sent (CONTRACT 3, Rights).
fn ends(before: &Value, after: &Value) -> bool {
    let status = |value: &Value| value.get("status").and_then(Value::as_str).map(ToOwned::to_owned);
    let consent = before.get("resourceType").and_then(Value::as_str) == Some("Consent");
    consent && matches!(status(after).as_deref(), Some("inactive" | "entered-in-error"))
}

/// Whether this caller may write it again: a Consent by holder, representative or, to end it, by whoever recorded it; a team also by
/// those who may add to it.
fn may_update(
    service: &Service,
    request: &Request,
    found: &Found,
    before: &Value,
    after: &Value,
    standing: &Standing,
) -> Result<(), Error> {
    let (policy, caller, now) = (&service.policy, &request.caller, service.clock.now());
    if found.envelope.resource == ResourceType::CARE_TEAM {
        return care_team::check_author(policy, Some(before), after, caller, Some(standing), now);
    }
    if found.envelope.resource != ResourceType::CONSENT || matches!(caller.kind, CallerKind::Holder | CallerKind::Representative) {
        return Ok(());
    }
    let recorded = found.envelope.submitter == caller.principal.as_str();
    if !recorded || !consent::may_end(before, policy, caller, standing, now) {
        return Err(Error::Forbidden("a Consent is ended by the person, a representative or whoever recorded it".into()));
    }
    if ends(before, after) { Ok(()) } else { Err(Error::Forbidden("who recorded a Consent may only end it".into())) }
}
