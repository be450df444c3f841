//! `transaction`: all entries or none, in one transaction of the database (FHIR R4 http.html#trules); of what testers keep here, of all
//! else in `together`.

use std::collections::hash_map::Entry as Place;
use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::super::condition;
use super::super::create::bounded;
use super::super::create::permitted;
use super::super::stored::make_relative;
use super::super::{Answer, Error, Refused, Request, Route, Sent, Service, plain};
use super::entry::{Entry, understand, within};
use super::response::{Responded, bundle, responded};
use super::together::together;
use super::{Shown, batch, links};
use crate::fhir::message::Language;
use crate::fhir::{Document, ResourceType, replace_links};
use crate::policy::Action;
use crate::store::{self, AnyConnection, Known, NewResource};

/// Does what all entries say, or nothing.
///
/// # Errors
/// [`Error::Invalid`]; [`Error::Entry`] for the first entry that fails.
pub async fn transaction(service: &Service, request: &Request, document: Document, shown: Shown) -> Result<Answer, Error> {
    let issues = document.validate();
    if !issues.is_empty() {
        return Err(Error::Invalid(issues));
    }
    let entries = entries(service, request, document)?;
    if request.is_tester() {
        kept(service, entries, shown, request.language).await
    } else {
        together(service, entries, shown, request.language).await
    }
}

/// Of what testers keep: what they write goes in multi-row statements, whatever the number of entries.
async fn kept(service: &Service, entries: Vec<Entry>, shown: Shown, language: Language) -> Result<Answer, Error> {
    let (writes, reads): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|entry| entry.turn() < 3);
    let mut answers: Vec<(usize, Responded)> = Vec::with_capacity(writes.len() + reads.len());
    if reads.is_empty() {
        for (place, answer) in written(service, writes, 0).await? {
            answers.push((place, responded(service, answer, true, shown)?));
        }
    } else {
        // Reads see what was written, and one that fails undoes it.
        let done = service.store.together(|store, tries| {
            let (within_store, writes, reads) = (Service { store, ..service.clone() }, writes.clone(), reads.clone());
            async move {
                let mut answers = Vec::with_capacity(writes.len() + reads.len());
                for (place, answer) in written(&within_store, writes, tries).await? {
                    answers.push((place, responded(&within_store, answer, true, shown)?));
                }
                for entry in reads {
                    let place = entry.place;
                    answers.push((place, batch::one(&within_store, entry, shown).await.map_err(|error| within(error, place))?));
                }
                Ok::<_, Error>(answers)
            }
        });
        answers = done.await.map_err(|undone| undone.error)?;
    }
    answers.sort_by_key(|(place, _)| *place);
    let answers: Vec<Responded> = answers.into_iter().map(|(_, answer)| answer).collect();
    bundle("transaction-response", answers, language)
}

/// Does the writes; `tries` tells how often others were in the way.
async fn written(service: &Service, entries: Vec<Entry>, mut tries: u32) -> Result<Vec<(usize, Answer)>, Error> {
    let within_store = service.clone();
    let mut locks: Vec<String> = entries.iter().filter_map(Entry::lock).collect();
    locks.sort();
    locks.dedup();
    let done = service.store.write(move |connection| -> Result<Vec<(usize, Answer)>, Refused> {
        store::write::lock_together(connection, &locks, tries > 0)?;
        tries += 1;
        write(&within_store, connection, &entries)
    });
    done.await.map_err(|refused| refused.error)
}

/// The entries, all understood, in the order in which they are done.
pub fn entries(service: &Service, request: &Request, document: Document) -> Result<Vec<Entry>, Error> {
    let items = match document.value {
        Value::Object(mut members) => members.remove("entry").unwrap_or_default(),
        _ => Value::Null,
    };
    let mut entries = Vec::new();
    let mut urls = HashSet::new();
    let items = if let Value::Array(items) = items { items } else { Vec::new() };
    for (place, mut item) in items.into_iter().enumerate() {
        let resource = item.as_object_mut().and_then(|members| members.shift_remove("resource")).map(Document::from);
        let entry = understand(service, request, place, item, resource)?;
        if let Some(url) = entry.full_url.as_ref().filter(|_| entry.turn() < 3)
            && !urls.insert(url.clone())
        {
            let message = "another entry has the same fullUrl".to_owned();
            return Err(Error::Value { place: format!("Bundle.entry[{place}].fullUrl"), message });
        }
        entries.push(entry);
    }
    entries.sort_by_key(|entry| (entry.turn(), entry.place));
    Ok(entries)
}

/// What becomes of the resource an entry names.
struct Planned<'e> {
    entry: &'e Entry,
    resource: ResourceType,
    /// Its id; `None` where a deletion by condition finds nothing.
    id: Option<String>,
    /// What a conditional create found.
    existing: Option<Answer>,
}

/// Writes what the entries say, in the order in which they are done.
pub fn write(service: &Service, connection: &mut AnyConnection, entries: &[Entry]) -> Result<Vec<(usize, Answer)>, Refused> {
    let mut planned = Vec::with_capacity(entries.len());
    for entry in entries {
        planned.push(plan(service, connection, entry).map_err(|error| within(error, entry.place))?);
    }
    let known = known(connection, &planned)?;
    let links =
        addresses(service, planned.iter().filter_map(|one| Some((one.entry.full_url.as_deref()?, one.resource, one.id.as_deref()?))));
    let mut references: HashMap<String, String> = HashMap::new();
    let (mut new, mut next, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    for one in planned {
        let place = one.entry.place;
        if let Some(existing) = one.existing {
            answers.push((place, existing));
            continue;
        }
        let at = |error: Error| Refused::from(within(error, place));
        let before = one.id.as_ref().and_then(|id| known.get(&format!("{}/{id}", one.resource)));
        let Some((written, status)) = version(service, connection, &one, before, &links, &mut references).map_err(at)? else {
            answers.push((place, Answer { status: 204, ..Answer::default() }));
            continue;
        };
        let mut answer = plain::answer(&written, status);
        if written.deleted {
            answer.updated = None;
        }
        answers.push((place, answer));
        if before.is_some() { next.push(written) } else { new.push(written) }
    }
    store::bulk::replace_many(connection, &next)?;
    store::bulk::insert_many(connection, &new)?;
    Ok(answers)
}

/// Which resource the entry is about.
fn plan<'e>(service: &Service, connection: &mut AnyConnection, entry: &'e Entry) -> Result<Planned<'e>, Error> {
    let request = &entry.request;
    let mut resolve = |resource: ResourceType, pairs: &[(String, String)]| {
        let condition = condition::parse(service, request, resource, pairs)?;
        condition::resolve(service, request, connection, &condition)?.at_most_one(resource).map_err(|refused| refused.error)
    };
    let (resource, action, id) = match &entry.route {
        Route::Create(resource) => (*resource, Action::Create, None),
        Route::Update(resource, id) => (*resource, Action::Update, id.clone()),
        Route::Patch(resource, id) => (*resource, Action::Patch, id.clone()),
        Route::Delete(resource, id) => (*resource, Action::Delete, id.clone()),
        _ => return Err(Error::Unexpected("a read among the writes".into())),
    };
    permitted(service, request, resource, action)?;
    if let Sent::Resource(document) = &entry.sent {
        // The whole Bundle was validated; the address may still be of another type.
        let name = document.value.get("resourceType").and_then(Value::as_str).unwrap_or_default();
        if name != resource.name() {
            return Err(Error::Value { place: resource.name().into(), message: format!("expected {resource}, received `{name}`") });
        }
    }
    let mut planned = Planned { entry, resource, id, existing: None };
    match (&entry.route, &request.if_none_exist) {
        (Route::Create(_), Some(pairs)) => match resolve(resource, pairs)? {
            Some(hit) => {
                planned.id = Some(hit.envelope.id.clone());
                planned.existing = Some(condition::existing(service, request, &hit));
            }
            None => planned.id = Some(service.clock.next_id()),
        },
        (Route::Create(_), None) => planned.id = Some(service.clock.next_id()),
        (_, _) if planned.id.is_none() => {
            let found = resolve(resource, &entry.pairs)?.map(|hit| hit.envelope.id.clone());
            planned.id = match (&entry.route, found) {
                (Route::Update(..), found) => Some(update_id(service, resource, entry, found)?),
                (Route::Patch(..), None) => return Err(Error::NotFound(resource, "?".into())),
                (_, found) => found,
            };
        }
        _ => {}
    }
    Ok(planned)
}

/// The id a conditional update writes.
fn update_id(service: &Service, resource: ResourceType, entry: &Entry, found: Option<String>) -> Result<String, Error> {
    let Sent::Resource(document) = &entry.sent else { return Err(Error::Unexpected("an update without a resource".into())) };
    let said = document.value.get("id").and_then(Value::as_str).map(ToOwned::to_owned);
    match (found, said) {
        (Some(found), Some(said)) if found != said => {
            Err(Error::Value { place: format!("{resource}.id"), message: "the resource that matches has another id".into() })
        }
        (Some(found), _) => Ok(found),
        (None, said) => Ok(said.unwrap_or_else(|| service.clock.next_id())),
    }
}

/// What is stored already of all that the entries name; each may be named once.
fn known(connection: &mut AnyConnection, planned: &[Planned<'_>]) -> Result<HashMap<String, Known>, Error> {
    let mut names: Vec<String> = Vec::with_capacity(planned.len());
    let mut seen = HashSet::new();
    for one in planned.iter().filter(|one| one.existing.is_none()) {
        let Some(id) = &one.id else { continue };
        let name = format!("{}/{id}", one.resource);
        if !seen.insert(name.clone()) {
            let error = Error::Value { place: one.resource.name().into(), message: format!("{name} is written twice") };
            return Err(within(error, one.entry.place));
        }
        // What is created has an id that nobody has had.
        if !matches!(one.entry.route, Route::Create(_)) {
            names.push(name);
        }
    }
    Ok(store::bulk::known(connection, plain::REALM, &names)?)
}

/// From the `fullUrl` of an entry, and from how others may refer to it, to its address here.
pub fn addresses<'a>(service: &Service, entries: impl Iterator<Item = (&'a str, ResourceType, &'a str)>) -> HashMap<String, String> {
    let mut links = HashMap::new();
    for (url, resource, id) in entries {
        links::note(&mut links, url, resource, &format!("{resource}/{id}"), &service.base_url);
    }
    links
}

/// The version an entry writes, and its status; `None` for the deletion of what is not there.
fn version(
    service: &Service,
    connection: &mut AnyConnection,
    one: &Planned<'_>,
    before: Option<&Known>,
    links: &HashMap<String, String>,
    references: &mut HashMap<String, String>,
) -> Result<Option<(NewResource, u16)>, Error> {
    let (request, resource) = (&one.entry.request, one.resource);
    let current = before.filter(|known| !known.deleted);
    match (current, &request.if_match) {
        (None, Some(_)) => return Err(Error::Precondition("there is no current version".into())),
        (Some(known), Some(_)) => request.expect_version(known.envelope.version)?,
        (_, None) => {}
    }
    let Some(id) = one.id.clone() else { return Ok(None) };
    let value = match (&one.entry.route, &one.entry.sent) {
        (Route::Delete(..), _) => {
            return Ok(current.map(|known| (plain::deletion(plain::next(service, &known.envelope)), 204)));
        }
        (Route::Patch(..), Sent::Patch(operations)) => {
            let known = current.ok_or_else(|| Error::NotFound(resource, id.clone()))?;
            plain::patched(service, resource, &known.body, &operations.understand(resource)?, &id)?
        }
        (Route::Update(_, said), Sent::Resource(document)) => {
            let own = document.value.get("id").and_then(Value::as_str);
            if said.is_some() && own != said.as_deref() {
                return Err(Error::Value { place: format!("{resource}.id"), message: format!("expected the id of the address, `{id}`") });
            }
            document.value.clone()
        }
        (_, Sent::Resource(document)) => document.value.clone(),
        _ => return Err(Error::Unexpected("an entry without what it needs".into())),
    };
    let value = linked(service, connection, request, value, links, references)?;
    let (new, status) = match before {
        None => {
            let put = matches!(one.entry.route, Route::Update(..));
            (NewResource { put, ..plain::first(service, request, resource, id, &value) }, 201)
        }
        Some(known) => {
            let status = if known.deleted { 201 } else { 200 };
            (plain::prepared(&value, plain::next(service, &known.envelope)), status)
        }
    };
    bounded(resource, &new.index)?;
    Ok(Some((new, status)))
}

/// The resource with its links to other entries, and its conditional references, resolved.
fn linked(
    service: &Service,
    connection: &mut AnyConnection,
    request: &Request,
    mut value: Value,
    links: &HashMap<String, String>,
    references: &mut HashMap<String, String>,
) -> Result<Value, Error> {
    make_relative(&mut value, &service.base_url);
    let mut conditional = Vec::new();
    links::conditional(&value, &mut conditional);
    for text in conditional {
        if let Place::Vacant(place) = references.entry(text) {
            let target = links::target(service, connection, request, place.key())?;
            place.insert(target);
        }
    }
    if !links.is_empty() || !references.is_empty() {
        replace_links(&mut value, &|link| links.get(link).or_else(|| references.get(link)).cloned());
    }
    links::check_resolved(&value)?;
    Ok(value)
}
