//! Submission sets and folders of documents (IHE MHD ITI-65, PDSm flux 01): Lists of a record, written once.

use serde_json::{Value, json};

use super::admission;
use super::canonical::canonical;
use super::condition::{self, Created};
use super::create::{leave_trace, written};
use super::document::{named, set_subject};
use super::holder::{self, Standing};
use super::links::relative;
use super::listed;
use super::stored::{envelope, prepare, set};
use super::{Answer, Error, Refused, Request, Service};
use crate::auth::digest;
use crate::fhir::national::{PSIDNAT, STRUCTIDNAT};
use crate::fhir::{ResourceType, outcome, primitive};
use crate::filter::{Actor, Envelope, HolderName, HolderRow, Label};
use crate::policy::{Action, CallerKind, Decision, Scope};
use crate::search::spell;
use crate::store::{self, AnyConnection, NewResource};

/// What Lists are for, in MHD.
const KINDS: &str = "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes";
/// What identifiers are for, in MHD.
const IDENTIFIERS: &str = "https://profiles.ihe.net/ITI/MHD/CodeSystem/IHE.MHD.MHDIdentifierType";
/// Extensions of MHD.
const DESIGNATION: &str = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-designationType";
const SOURCE_ID: &str = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-sourceId";
const AUTHOR_ORG: &str = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-authorOrg";
/// Entries of one List at most.
const ENTRIES_MAX: usize = 500;
/// Bytes of an identifier that is kept as it is.
const IDENTIFIER_BYTES_MAX: usize = 190;

/// What a List is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What was submitted together.
    SubmissionSet,
    /// What belongs together.
    Folder,
}

/// What the List says it is for; one that says both is neither.
pub fn kind(list: &Value) -> Option<Kind> {
    let codings = list.pointer("/code/coding").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |coding: &Value, name: &str| coding.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let ours = codings.iter().filter(|coding| matches!(text(coding, "system").as_str(), "" | KINDS));
    let mut kinds = ours.filter_map(|coding| match text(coding, "code").as_str() {
        "submissionset" => Some(Kind::SubmissionSet),
        "folder" => Some(Kind::Folder),
        _ => None,
    });
    let first = kinds.next()?;
    kinds.all(|kind| kind == first).then_some(first)
}

/// Creates a List; one sent again with the same content is answered as the first time.
///
/// # Errors
/// [`Error::Business`] with the element, [`Error::Conflict`] for other content under the same identifier.
pub(super) async fn create(service: &Service, request: &Request, value: &Value) -> Result<Answer, Refused> {
    let warnings = admission::taken(&service.settings, check_form(value)?)?;
    let (within, asker, mut list) = (service.clone(), request.clone(), value.clone());
    // It tells of all entries, and would stay, or go, where some are left out.
    if let Some(members) = list.as_object_mut() {
        members.shift_remove("text");
    }
    let work = move |connection: &mut AnyConnection| within_transaction(&within, &asker, connection, list.clone());
    match condition::unless_exists(service, request, ResourceType::LIST, work).await? {
        Created::New(Done::New(new)) => Ok(written(service, &new, 201, warnings)),
        Created::New(Done::Again(first)) => {
            let location = Some(format!("List/{}/_history/1", first.id));
            Ok(Answer {
                status: 201,
                body: first.body,
                version: Some(1),
                updated: Some(first.updated),
                location,
                warnings,
                ..Answer::default()
            })
        }
        Created::Existing(mut hit) => {
            listed::shown(service, request, std::iter::once(&mut *hit)).await?;
            Ok(condition::existing(service, request, &hit))
        }
    }
}

enum Done {
    New(Box<NewResource>),
    Again(store::write::FirstVersion),
}

impl condition::Written for Done {
    fn holder(&self) -> i64 {
        match self {
            Self::New(new) => new.envelope.holder,
            Self::Again(..) => 0,
        }
    }
}

/// The form of a List; what the guides ask for and it has not, as warnings.
pub(super) fn check_form(list: &Value) -> Result<Vec<Value>, Error> {
    let text = |name: &str| list.get(name).and_then(Value::as_str);
    if text("status") != Some("current") {
        return Err(Error::value("List.status", "a new List is `current`"));
    }
    if text("mode") != Some("working") {
        return Err(Error::value("List.mode", "a submission set or folder is `working`"));
    }
    let kind = kind(list).ok_or_else(|| Error::value("List.code", "expected `submissionset` or `folder` of MHDlistTypes"))?;
    let count = list.get("entry").and_then(Value::as_array).map_or(0, Vec::len);
    if count == 0 {
        return Err(Error::value("List.entry", "a List of documents has entries"));
    }
    if count > ENTRIES_MAX {
        let message = format!("a List has at most {ENTRIES_MAX} entries");
        return Err(Error::Business { code: "too-costly", expression: "List.entry".into(), message });
    }
    let entries = list.get("entry").and_then(Value::as_array).into_iter().flatten();
    if let Some(place) = entries.enumerate().find_map(|(place, entry)| names_contained(entry).then_some(place)) {
        // It would stay where the entry is left out, and tell of it.
        let message = "an entry names nothing that the List contains";
        return Err(Error::value(&format!("List.entry[{place}]"), message));
    }
    let extended = |url: &str| extensions(list, url).next().is_some();
    let wanted = match kind {
        Kind::SubmissionSet => vec![
            (extended(DESIGNATION), "extension", "PDSm asks for the designationType of a submission"),
            (extended(SOURCE_ID), "extension", "PDSm asks for the sourceId of a submission"),
            (list.get("source").is_some(), "source", "PDSm asks who submits"),
            (list.get("date").is_some(), "date", "PDSm asks for the date of a submission"),
        ],
        Kind::Folder => vec![
            (extended(DESIGNATION), "extension", "PDSm asks for the designationType of a folder"),
            (list.get("title").is_some(), "title", "PDSm asks for the title of a folder"),
            (list.get("date").is_some(), "date", "PDSm asks for the date of a folder"),
        ],
    };
    let missing = wanted.into_iter().filter(|(there, ..)| !there);
    let told = |code: &str, name: &str, text: &str| outcome::issue("warning", code, text, &[format!("List.{name}")]);
    let mut warnings: Vec<Value> = missing.map(|(_, name, text)| told("business-rule", name, text)).collect();
    if list.get("text").is_some() {
        warnings.push(told("informational", "text", "the narrative is not kept: who does not see every entry would be told of all"));
    }
    Ok(warnings)
}

/// Whether anything in it leads to a contained resource.
fn names_contained(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            let own = members.get("reference").and_then(Value::as_str).is_some_and(|reference| reference.starts_with('#'));
            own || members.values().any(names_contained)
        }
        Value::Array(all) => all.iter().any(names_contained),
        _ => false,
    }
}

fn extensions<'v>(value: &'v Value, url: &'v str) -> impl Iterator<Item = &'v Value> {
    let all = value.get("extension").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(move |extension| extension.get("url").and_then(Value::as_str) == Some(url))
}

fn within_transaction(service: &Service, request: &Request, connection: &mut AnyConnection, mut list: Value) -> Result<Done, Refused> {
    let (caller, clock) = (&request.caller, &service.clock);
    let names = holder::names(&list, list.get("subject"), &service.base_url);
    let reached = holder::reach(service, connection, caller, &names)?;
    check_source(service, request, &list, reached.standing()).map_err(|error| reached.refused(error))?;
    let standing = reached.open("List.subject")?;
    let row = &standing.row;
    let submitter = row.actor(&caller.principal);
    let resolved = resolve(service, request, connection, &mut list, row);
    resolved.map_err(|refused| standing.told(service, caller, refused, "List.subject"))?;
    set_subject(&mut list, "subject", &row.patient, &row.ins);
    let asked = service.asked(request, "create", ResourceType::LIST, "", "");
    let (known_by, digest) = (unique_id(&list), digest::sha256(canonical(&list).as_bytes()));
    if let Some(known_by) = &known_by
        && let Some(first) = store::write::deposited(connection, row.holder, submitter.as_str(), known_by)?
    {
        if first.digest != digest {
            let conflict = Error::Conflict("another List was submitted under this identifier".into());
            return Err(Refused::at(conflict, row.holder, first.key));
        }
        let own = envelope(ResourceType::LIST, row.holder, first.key, first.id.clone(), 0, &submitter);
        leave_trace(service, connection, &asked, &own, 201)?;
        return Ok(Done::Again(first));
    }
    let own = envelope(ResourceType::LIST, row.holder, clock.next_key(), request.id_of_new(clock), clock.now(), &submitter);
    let new = prepare(&list, own, 0);
    store::write::insert(connection, &new)?;
    if let Some(known_by) = &known_by {
        store::write::remember_deposit(connection, &new.envelope, known_by, &digest)?;
    }
    leave_trace(service, connection, &asked, &new.envelope, 201)?;
    Ok(Done::New(Box::new(new)))
}

/// How a List is known when it is sent again: its `uniqueId`, else the first identifier. A document is known by `system|value`, which
/// does not begin so.
pub(super) fn unique_id(list: &Value) -> Option<String> {
    let all = list.get("identifier").and_then(Value::as_array)?;
    let is_unique = |identifier: &&Value| {
        let codings = identifier.pointer("/type/coding").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        codings.iter().any(|coding| coding.get("code").and_then(Value::as_str) == Some("uniqueId"))
    };
    let chosen = all.iter().find(is_unique).or_else(|| all.first())?;
    let text = |name: &str| chosen.get(name).and_then(Value::as_str);
    let whole = format!("List {}|{}", text("system").unwrap_or_default(), text("value")?);
    Some(if whole.len() <= IDENTIFIER_BYTES_MAX { whole } else { format!("List sha256:{}", digest::sha256_hex(whole.as_bytes())) })
}

/// Who submits is who sends: a professional, a person by name; a structure as the organization (CONTRACT 3, Author).
pub(super) fn check_source(service: &Service, request: &Request, list: &Value, standing: Option<&Standing>) -> Result<(), Error> {
    let Some(source) = list.get("source") else { return Ok(()) };
    let caller = &request.caller;
    let mut actors = named(list, source);
    for extension in extensions(source, AUTHOR_ORG) {
        actors.extend(extension.get("valueReference").into_iter().flat_map(|organization| named(list, organization)));
    }
    let of = |letter: char| actors.iter().filter(move |actor| actor.kind() == letter);
    // One person or structure may be named by several identifiers.
    let agrees =
        |letter: char, with: Option<&Actor>| of(letter).next().is_none() || with.is_some_and(|own| of(letter).any(|one| one == own));
    let persons = holder::names(list, Some(source), &service.base_url);
    let own = |name: &HolderName| matches!(name, HolderName::Identifier(ins) if *ins == caller.principal.id());
    let good = match caller.kind {
        CallerKind::Professional => {
            let structure = caller.structure.as_ref();
            persons.is_empty() && agrees('P', Some(&caller.principal)) && (structure.is_none() || agrees('S', structure))
        }
        CallerKind::Structure => persons.is_empty() && agrees('S', Some(&caller.principal)),
        // Of somebody else nothing is said before that the record is not open.
        CallerKind::Holder => actors.is_empty() && (persons.is_empty() || standing.is_none_or(|standing| standing.is_named(&persons))),
        CallerKind::Representative => actors.is_empty() && persons.iter().all(own),
        _ => true,
    };
    if good { Ok(()) } else { Err(Error::business("List.source", "who submits is another than who sends")) }
}

/// Finds what each entry names, in the record and in the caller's own scope; hidden, absent and elsewhere answer alike.
pub(super) fn resolve(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    list: &mut Value,
    row: &HolderRow,
) -> Result<(), Refused> {
    let folders = kind(list) == Some(Kind::SubmissionSet);
    let of = |resource| service.policy.scope(&request.caller, Action::Consult, resource, service.clock.now());
    let scopes = listed::ENTRIES.map(of);
    let entries = list.get_mut("entry").and_then(Value::as_array_mut).map(Vec::as_mut_slice).unwrap_or_default();
    for (place, entry) in entries.iter_mut().enumerate() {
        let target = entry.get("item").map(|item| target(connection, &scopes, row.holder, item, &service.base_url)).transpose()?.flatten();
        let found = match &target {
            Some((resource, id)) if *resource == ResourceType::DOCUMENT_REFERENCE || folders => {
                let scope = scopes.iter().find(|scope| scope.resource() == *resource);
                scope.map(|scope| store::read::read(connection, scope, id)).transpose()?.flatten()
            }
            _ => None,
        };
        let seen = |found: &store::Found| matches!(found.decision, Decision::Permit(_)) && found.envelope.holder == row.holder;
        let folder = |found: &store::Found| {
            found.envelope.resource != ResourceType::LIST
                || super::stored::tree(&found.body).is_ok_and(|list| kind(&list) == Some(Kind::Folder))
        };
        let Some(found) = found.filter(seen).filter(folder) else {
            let what = if folders { "this document or folder is not known" } else { "this document is not known" };
            let error = Error::Business { code: "not-found", expression: format!("List.entry[{place}].item"), message: what.into() };
            return Err(Refused::at(error, row.holder, 0));
        };
        if request.caller.secret && !found.envelope.has(Label::HiddenFromRepresentatives) {
            let message = "in a secret connection documents are `INVISIBLE_REPRESENTANTS_LEGAUX`";
            return Err(Refused::at(Error::business(&format!("List.entry[{place}].item"), message), row.holder, found.envelope.key));
        }
        // By address alone: what else names it would be found by a search although the entry is hidden.
        let reference = format!("{}/{}", found.envelope.resource, found.envelope.id);
        set(entry, "item", json!({"reference": reference}));
    }
    Ok(())
}

/// The type and id of what an entry names, by address or by identifier.
fn target(
    connection: &mut AnyConnection,
    scopes: &[Scope],
    holder: i64,
    item: &Value,
    base_url: &str,
) -> Result<Option<(ResourceType, String)>, Error> {
    if let Some(text) = item.get("reference").and_then(Value::as_str) {
        let mut parts = relative(text, base_url).split('/');
        let resource = parts.next().and_then(ResourceType::parse);
        let known = resource.filter(|resource| listed::ENTRIES.contains(resource)).zip(parts.next());
        return Ok(known.map(|(resource, id)| (resource, id.to_owned())));
    }
    let text = |name: &str| item.pointer(&format!("/identifier/{name}")).and_then(Value::as_str);
    let (Some(value), Some(scope)) = (text("value"), scopes.first()) else { return Ok(None) };
    let token = spell(Some(text("system").unwrap_or_default()), Some(value));
    let id = super::patch::one_by_identifier(connection, scope, holder, &token)?;
    Ok(id.map(|id| (scope.resource(), id)))
}

/// The submission set of a document that was deposited alone (IHE MHD ITI-105): the server makes it.
pub(super) fn of_deposit(service: &Service, request: &Request, document: &Value, deposited: &Envelope, row: &HolderRow) -> NewResource {
    let (caller, clock) = (&request.caller, &service.clock);
    let principal = row.actor(&caller.principal);
    let own = envelope(ResourceType::LIST, row.holder, clock.next_key(), clock.next_id(), deposited.updated, &principal);
    let identifier = |actor: &Actor| match (actor.kind(), actor.id().split_once('|')) {
        ('P', _) => Some(json!({"system": PSIDNAT, "value": actor.id()})),
        ('S', _) => Some(json!({"system": STRUCTIDNAT, "value": actor.id()})),
        // Who represents somebody is told to those alone who see the RelatedPerson.
        ('H', Some((system, value))) if caller.kind == CallerKind::Holder => Some(json!({"system": system, "value": value})),
        _ => None,
    };
    let mut extension = Vec::new();
    if let Some(class) = document.pointer("/category/0") {
        extension.push(json!({"url": DESIGNATION, "valueCodeableConcept": class}));
    }
    let submitter = identifier(&principal);
    if let Some(submitter) = &submitter {
        extension.push(json!({"url": SOURCE_ID, "valueIdentifier": submitter}));
    }
    let unique = json!({"coding": [{"system": IDENTIFIERS, "code": "uniqueId"}]});
    let (system, value) = row.ins.split_once('|').unwrap_or(("", &row.ins));
    let mut list = json!({
        "resourceType": "List",
        "extension": extension,
        "identifier": [{"use": "usual", "type": unique, "system": "urn:ietf:rfc:3986", "value": format!("urn:uuid:{}", own.id)}],
        "status": "current",
        "mode": "working",
        "code": {"coding": [{"system": KINDS, "code": "submissionset"}]},
        "subject": {"reference": format!("Patient/{}", row.patient), "identifier": {"system": system, "value": value}},
        "date": primitive::format_instant(deposited.updated),
    });
    let structure = if principal.kind() == 'S' { Some(&principal) } else { caller.structure.as_ref() };
    let mut source = json!({});
    if let Some(organization) = structure.and_then(identifier) {
        set(&mut source, "extension", json!([{"url": AUTHOR_ORG, "valueReference": {"identifier": organization}}]));
    }
    if principal.kind() != 'S'
        && let Some(submitter) = submitter
    {
        set(&mut source, "identifier", submitter);
    }
    if source.as_object().is_some_and(|members| !members.is_empty()) {
        set(&mut list, "source", source);
    }
    if list.get("extension").and_then(Value::as_array).is_some_and(Vec::is_empty)
        && let Some(members) = list.as_object_mut()
    {
        members.shift_remove("extension");
    }
    set(&mut list, "entry", json!([{"item": {"reference": format!("{}/{}", deposited.resource, deposited.id)}}]));
    prepare(&list, own, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_what_it_is_for() {
        let rows = [
            (json!([{"system": KINDS, "code": "submissionset"}]), Some(Kind::SubmissionSet)),
            (json!([{"system": "urn:x", "code": "submissionset"}, {"system": KINDS, "code": "folder"}]), Some(Kind::Folder)),
            (json!([{"code": "folder"}]), Some(Kind::Folder)),
            (json!([{"system": "urn:x", "code": "folder"}]), None),
            (json!([]), None),
        ];
        for (coding, expected) in rows {
            assert_eq!(kind(&json!({"code": {"coding": coding}})), expected);
        }
    }

    #[test]
    fn a_list_is_known_by_its_unique_id() {
        let of = |code: &str, value: &str| json!({"type": {"coding": [{"code": code}]}, "system": "s", "value": value});
        let rows = [
            (json!([of("entryUUID", "1"), of("uniqueId", "2")]), Some("List s|2")),
            (json!([{"value": "1"}, {"value": "2"}]), Some("List |1")),
            (json!([{"system": "s"}]), None),
        ];
        for (identifier, expected) in rows {
            assert_eq!(unique_id(&json!({"identifier": identifier})).as_deref(), expected);
        }
        let long = unique_id(&json!({"identifier": [{"value": "x".repeat(1000)}]}));
        assert!(long.is_some_and(|text| text.starts_with("List sha256:") && text.len() < 100));
    }
}
