//! A folder written again (IHE MHD ITI-65, PDSm flux 01): its next version, by who deposited it. What its author does not see any more
//! stays in it, and is answered to nobody by that.

use serde_json::Value;

use super::list::{Kind, check_form, check_source, kind, resolve, unique_id};
use super::listed;
use super::read::{candidate, seen};
use super::stored::{prepare, set, tree};
use super::{Error, Refused, Request, Service, admission, create::leave_trace, document::set_subject, holder};
use crate::fhir::ResourceType;
use crate::filter::Envelope;
use crate::policy::{Action, Decision};
use crate::store::{self, AnyConnection, NewResource};

/// The answer to who would write a submission again: it says what was submitted, once.
pub(super) fn once() -> Error {
    Error::Method { allow: "GET", message: "a submission set is not updated".into() }
}

/// Whether what was sent is a submission set: whatever its address leads to, none is updated.
pub(super) fn is_submission(value: &Value) -> bool {
    kind(value) == Some(Kind::SubmissionSet)
}

/// Writes the next version of the folder; what is answered of it, and warnings.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`] for who did not deposit it, [`Error::Method`] for a submission set,
/// [`Error::Precondition`], [`Error::Business`] with the element.
pub(super) fn update(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    id: &str,
    mut value: Value,
) -> Result<(NewResource, Vec<Value>), Refused> {
    let caller = &request.caller;
    let scope = |action, resource| service.policy.scope(caller, action, resource, service.clock.now());
    let found = store::read::read(connection, &scope(Action::Consult, ResourceType::LIST), id)?;
    let found = seen(found, ResourceType::LIST, id)?;
    let at = |error: Error| Refused::at(error, found.envelope.holder, found.envelope.key);
    let before = tree(&found.body)?;
    if kind(&before) != Some(Kind::Folder) {
        return Err(at(once()));
    }
    if !matches!(scope(Action::Update, ResourceType::LIST).decide(&candidate(&found)), Decision::Permit(_)) {
        return Err(at(Error::Forbidden("a folder is updated by who deposited it".into())));
    }
    request.expect_version(found.envelope.version).map_err(at)?;
    let Some(row) = found.facts.holder.clone() else { return Err(at(Error::Unexpected("a List of nobody".into()))) };
    store::write::lock_holder(connection, row.holder)?;
    let standing = holder::Standing { row, rights: found.facts.rights.clone(), known: true };
    if !holder::takes(service, caller, &standing) {
        return Err(at(Error::no_record("List.subject")));
    }
    if !standing.is_named(&holder::names(&value, value.get("subject"), &service.base_url)) {
        return Err(at(Error::business("List.subject", "it stays with the same person")));
    }
    let warnings = check_form(&value).and_then(|warnings| admission::taken(&service.settings, warnings)).map_err(at)?;
    if unique_id(&before).is_some_and(|known| unique_id(&value).is_none_or(|said| said != known)) {
        return Err(at(Error::business("List.identifier", "it stays known by the same identifier")));
    }
    check_source(service, request, &value, Some(&standing)).map_err(at)?;
    if let Some(members) = value.as_object_mut() {
        members.shift_remove("text");
    }
    resolve(service, request, connection, &mut value, &standing.row)?;
    set_subject(&mut value, "subject", &standing.row.patient, &standing.row.ins);
    let next = Envelope { version: found.envelope.version + 1, updated: service.clock.now(), ..found.envelope.clone() };
    let mut whole = value.clone();
    keep_unseen(service, request, connection, &before, &mut whole, &found.envelope)?;
    store::write::update(connection, &prepare(&whole, next.clone(), 0))?;
    let asked = service.asked(request, "update", ResourceType::LIST, id, "");
    leave_trace(service, connection, &asked, &next, 200)?;
    Ok((prepare(&value, next, 0), warnings))
}

/// Adds the entries of the version before that the caller was not shown, after all others.
fn keep_unseen(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    before: &Value,
    whole: &mut Value,
    folder: &Envelope,
) -> Result<(), Error> {
    let scopes = listed::scopes(service, request);
    let shown = store::search::entries(connection, &scopes, &[(folder.holder, folder.key)], listed::item())?;
    let entries = |list: &Value| list.get("entry").and_then(Value::as_array).cloned().unwrap_or_default();
    let unseen = entries(before).into_iter().filter(|entry| !listed::leads_to(entry, &shown));
    let all: Vec<Value> = entries(whole).into_iter().chain(unseen).collect();
    set(whole, "entry", all.into());
    Ok(())
}
