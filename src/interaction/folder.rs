//! A folder written again (IHE MHD ITI-65, PDSm flux 01): its next version, by who deposited it. What its author does not see any more
//! stays in it, and is answered to nobody by that.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::list::{Kind, check_form, check_source, kind, resolve, unique_id};
use super::listed;
use super::read::{candidate, seen};
use super::stored::{prepare, set, tree};
use super::{Error, Refused, Request, Service, admission, create::leave_trace, document::set_subject, holder};
use crate::fhir::ResourceType;
use crate::filter::{Envelope, Label};
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
    let entries = |list: &Value| list.get("entry").and_then(Value::as_array).cloned().unwrap_or_default();
    let scopes = listed::scopes(service, request);
    let shown = store::search::entries(connection, &scopes, &[(found.envelope.holder, found.envelope.key)], listed::item())?;
    let (seen, unseen): (Vec<Value>, Vec<Value>) = entries(&before).into_iter().partition(|entry| listed::leads_to(entry, &shown));
    let known = stored(connection, entries(&value).iter().chain(&seen).chain(&unseen))?;
    let told = entries(&value).into_iter().chain(seen);
    if told.filter_map(|entry| known.get(listed::target(&entry)?)).any(|one| is_hidden(service, one)) {
        let message = "a folder with documents that are hidden from the person or from representatives is not updated";
        return Err(at(Error::business("List.entry", message)));
    }
    let next = Envelope { version: found.envelope.version + 1, updated: service.clock.now(), ..found.envelope.clone() };
    let mut whole = value.clone();
    // After all others, each once; what was withdrawn is nobody's any more.
    let mut kept: Vec<Value> = Vec::new();
    for entry in unseen {
        let there = listed::target(&entry).and_then(|target| known.get(target)).is_some_and(|one| !one.has(Label::EnteredInError));
        if there && !kept.iter().any(|one| listed::target(one) == listed::target(&entry)) {
            kept.push(entry);
        }
    }
    set(&mut whole, "entry", entries(&value).into_iter().chain(kept).collect());
    store::write::update(connection, &prepare(&whole, next.clone(), 0))?;
    let asked = service.asked(request, "update", ResourceType::LIST, id, "");
    leave_trace(service, connection, &asked, &next, 200)?;
    Ok((prepare(&value, next, 0), warnings))
}

/// What these entries lead to, by `Type/id`.
fn stored<'e>(connection: &mut AnyConnection, entries: impl Iterator<Item = &'e Value>) -> Result<HashMap<String, Envelope>, Error> {
    let names: BTreeSet<String> = entries.filter_map(listed::target).map(ToOwned::to_owned).collect();
    let names: Vec<String> = names.into_iter().collect();
    let known = store::bulk::known(connection, 0, &names)?;
    Ok(known.into_iter().filter(|(_, one)| !one.deleted).map(|(name, one)| (name, one.envelope)).collect())
}

/// Whether a document is hidden from the person or from representatives: that a folder changes which they see would tell them that
/// something does which they do not.
fn is_hidden(service: &Service, document: &Envelope) -> bool {
    let labels = document.labels & (Label::HiddenFromHolder.bit() | Label::HiddenFromRepresentatives.bit());
    labels & !service.policy.lasting().ended(labels, document.lasting_from(), service.clock.now()) != 0
}
