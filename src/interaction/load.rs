//! What an import stores (`ensemble import`): what a tester would keep by sending it, understood apart from the database, so that it
//! is done on many threads, and written many resources at a time.
//!
//! A resource with an id is written under it, as by PUT; one that is stored already with the same content stays as it is. A Bundle of
//! type batch or transaction is done as if it were sent; what a `document` or a `message` holds stays together, it is stored as
//! one Bundle; of any other Bundle each resource is stored for itself.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::bundle::{ENTRIES_MAX, Entry, addresses, apart, entries, understand, within, write};
use super::create::{check, permitted};
use super::stored::{make_relative, with_meta};
use super::{Answer, Error, Request, Route, Sent, Service, plain};
use crate::fhir::{Document, ResourceType, replace_links};
use crate::filter::Envelope;
use crate::policy::Action;
use crate::store::{self, AnyConnection, Known, NewResource};

/// A resource, ready to be stored.
#[derive(Debug)]
pub struct Draft {
    /// Its place in a Bundle.
    place: Option<usize>,
    /// Its address, where something may be stored under it.
    name: Option<String>,
    /// The resource without id and meta of this server.
    value: Value,
    /// Its first version.
    new: NewResource,
}

impl Draft {
    /// Its place in a Bundle.
    pub fn place(&self) -> Option<usize> {
        self.place
    }
}

/// Something to store, or why it is not stored.
pub enum Part {
    /// A resource for itself.
    One(Box<Draft>),
    /// The resources of a transaction: all or none.
    All(Vec<Draft>),
    /// Entries whose conditions are resolved when they are written: all or none.
    Entries(Vec<Entry>),
    /// What is refused.
    Refused {
        /// Why.
        error: Error,
        /// The place in a Bundle of what is refused; `None` for the whole.
        place: Option<usize>,
        /// How many resources are not stored because of it.
        resources: usize,
    },
}

impl Part {
    /// How many resources it is about.
    pub fn resources(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::All(drafts) => drafts.len(),
            Self::Entries(entries) => entries.len(),
            Self::Refused { resources, .. } => *resources,
        }
    }
}

/// What became of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is new.
    Created,
    /// It has a new version.
    Updated,
    /// It was there already.
    Unchanged,
    /// It was deleted, as an entry of a Bundle said.
    Deleted,
}

/// What there is to store of a document.
pub fn parts(service: &Service, request: &Request, document: Document) -> Vec<Part> {
    let kind =
        (document.resource_type() == Some(ResourceType::BUNDLE)).then(|| document.value.get("type").and_then(Value::as_str)).flatten();
    match kind {
        Some("transaction") => vec![transaction(service, request, document)],
        Some("batch") => batch(service, request, document),
        Some("collection" | "searchset" | "batch-response" | "transaction-response") => collection(service, request, document),
        Some("history") => {
            let message = "a history is not imported: its entries are versions, not resources".to_owned();
            vec![refused(Error::NotSupported { place: "Bundle.type".into(), message }, None, items(&document).len().max(1))]
        }
        _ => vec![one(service, request, document, Place::default())],
    }
}

fn refused(error: Error, place: Option<usize>, resources: usize) -> Part {
    let error = match place {
        Some(place) => within(error, place),
        None => error,
    };
    Part::Refused { error, place, resources }
}

fn items(document: &Document) -> &[Value] {
    document.value.get("entry").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Where a resource stands, and where it goes.
#[derive(Default)]
struct Place<'a> {
    /// The place in a Bundle.
    entry: Option<usize>,
    /// The id it gets, as something new; else the one it says, or a new one.
    new_id: Option<String>,
    /// The links of the Bundle.
    links: Option<&'a HashMap<String, String>>,
}

fn one(service: &Service, request: &Request, document: Document, place: Place<'_>) -> Part {
    let entry = place.entry;
    match draft(service, request, document, place) {
        Ok(draft) => Part::One(Box::new(draft)),
        Err(error) => refused(error, entry, 1),
    }
}

/// The resource as it is stored, checked as when it is sent.
fn draft(service: &Service, request: &Request, document: Document, place: Place<'_>) -> Result<Draft, Error> {
    let Some(resource) = document.resource_type() else { return Err(Error::Invalid(document.validate())) };
    permitted(service, request, resource, Action::Update)?;
    check(resource, &document)?;
    let mut value = document.value;
    make_relative(&mut value, &service.base_url);
    if let Some(links) = place.links.filter(|links| !links.is_empty()) {
        replace_links(&mut value, &|link| links.get(link).cloned());
    }
    let said = value.get("id").and_then(Value::as_str).map(ToOwned::to_owned);
    let (id, name) = match (place.new_id, said) {
        (Some(new), _) => (new, None),
        (None, Some(said)) => (said.clone(), Some(format!("{resource}/{said}"))),
        (None, None) => (service.clock.next_id(), None),
    };
    let new = plain::first(service, request, resource, id, &value);
    Ok(Draft { place: place.entry, name, value, new })
}

/// The resources of a Bundle, each for itself, with their links to one another.
fn collection(service: &Service, request: &Request, mut document: Document) -> Vec<Part> {
    let mut taken: Vec<(usize, Option<String>, Document, String, bool)> = Vec::new();
    let mut parts = Vec::new();
    let items = document.value.get_mut("entry").and_then(Value::as_array_mut).map(Vec::as_mut_slice).unwrap_or_default();
    for (place, item) in items.iter_mut().enumerate() {
        let url = item.get("fullUrl").and_then(Value::as_str).map(ToOwned::to_owned);
        // What the server answered to say beside its answer is no resource of anybody.
        if item.pointer("/search/mode").and_then(Value::as_str) == Some("outcome") {
            continue;
        }
        let Some(resource) = item.get_mut("resource").map(Value::take) else {
            if !item.is_object() {
                let error = Error::Value { place: format!("Bundle.entry[{place}]"), message: "expected an object".into() };
                parts.push(refused(error, Some(place), 1));
            }
            continue;
        };
        let said = resource.get("id").and_then(Value::as_str).map(ToOwned::to_owned);
        let (id, new) = said.map_or_else(|| (service.clock.next_id(), true), |said| (said, false));
        taken.push((place, url, Document::from(resource), id, new));
    }
    let links = addresses(
        service,
        taken.iter().filter_map(|(_, url, document, id, _)| Some((url.as_deref()?, document.resource_type()?, id.as_str()))),
    );
    for (place, _, document, id, new) in taken {
        parts.push(one(service, request, document, Place { entry: Some(place), new_id: new.then_some(id), links: Some(&links) }));
    }
    parts
}

fn transaction(service: &Service, request: &Request, document: Document) -> Part {
    let count = items(&document).len();
    all(service, request, document, count).unwrap_or_else(|error| refused(error, None, count.max(1)))
}

fn too_long() -> Error {
    Error::TooLong(format!("the Bundle has more than {ENTRIES_MAX} entries"))
}

fn all(service: &Service, request: &Request, document: Document, count: usize) -> Result<Part, Error> {
    if count > ENTRIES_MAX {
        return Err(too_long());
    }
    let issues = document.validate();
    if !issues.is_empty() {
        return Err(Error::Invalid(issues));
    }
    let mut entries = entries(service, request, document)?;
    // Nobody waits for what is read.
    entries.retain(|entry| entry.turn() < 3);
    if !entries.iter().all(is_plain) {
        return Ok(Part::Entries(entries));
    }
    let mut seen = HashSet::new();
    let mut placed = Vec::with_capacity(entries.len());
    for entry in entries {
        let place = entry.place;
        let target = target(service, &entry).map_err(|error| within(error, place))?;
        if let Target { resource, id, new: false } = &target
            && !seen.insert((*resource, id.clone()))
        {
            let error = Error::Value { place: resource.name().into(), message: format!("{resource}/{id} is written twice") };
            return Err(within(error, place));
        }
        placed.push((entry, target));
    }
    let links = addresses(
        service,
        placed.iter().filter_map(|(entry, target)| Some((entry.full_url.as_deref()?, target.resource, target.id.as_str()))),
    );
    let mut drafts = Vec::with_capacity(placed.len());
    for (entry, target) in placed {
        let place = entry.place;
        let Sent::Resource(document) = entry.sent else { continue };
        let place_of = Place { entry: Some(place), new_id: target.new.then_some(target.id), links: Some(&links) };
        // The whole Bundle was validated.
        let draft = entry_draft(service, request, document, target.resource, place_of).map_err(|error| within(error, place))?;
        drafts.push(draft);
    }
    Ok(Part::All(drafts))
}

/// Whether an entry only writes one resource under an address that is known.
fn is_plain(entry: &Entry) -> bool {
    let simple = match entry.route {
        Route::Create(_) => entry.request.if_none_exist.is_none(),
        Route::Update(_, Some(_)) => true,
        _ => false,
    };
    let Sent::Resource(document) = &entry.sent else { return false };
    let mut conditional = Vec::new();
    super::bundle::conditional(&document.value, &mut conditional);
    simple && entry.request.if_match.is_none() && !entry.request.only_new && conditional.is_empty()
}

/// Where a plain entry writes.
struct Target {
    resource: ResourceType,
    id: String,
    new: bool,
}

fn target(service: &Service, entry: &Entry) -> Result<Target, Error> {
    let Sent::Resource(document) = &entry.sent else { return Err(Error::Unexpected("a plain entry without a resource".into())) };
    match &entry.route {
        Route::Create(resource) => Ok(Target { resource: *resource, id: service.clock.next_id(), new: true }),
        Route::Update(resource, Some(id)) => {
            if document.value.get("id").and_then(Value::as_str) != Some(id) {
                return Err(Error::Value { place: format!("{resource}.id"), message: format!("expected the id of the address, `{id}`") });
            }
            Ok(Target { resource: *resource, id: id.clone(), new: false })
        }
        _ => Err(Error::Unexpected("an entry that is not plain".into())),
    }
}

/// The resource of an entry of a transaction, which was validated with its Bundle.
fn entry_draft(service: &Service, request: &Request, document: Document, resource: ResourceType, place: Place<'_>) -> Result<Draft, Error> {
    let name = document.value.get("resourceType").and_then(Value::as_str).unwrap_or_default();
    if name != resource.name() {
        return Err(Error::Value { place: resource.name().into(), message: format!("expected {resource}, received `{name}`") });
    }
    draft(service, request, document, place)
}

/// A batch: each entry for itself.
fn batch(service: &Service, request: &Request, document: Document) -> Vec<Part> {
    let count = items(&document).len();
    if count > ENTRIES_MAX {
        return vec![refused(too_long(), None, count)];
    }
    let (shell, resources) = apart(document);
    let issues = shell.validate();
    if !issues.is_empty() {
        return vec![refused(Error::Invalid(issues), None, count.max(1))];
    }
    let entries = shell.value.get("entry").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut placed: Vec<(u8, usize, Part)> = Vec::with_capacity(count);
    for (place, (item, resource)) in entries.into_iter().zip(resources).enumerate() {
        match understand(service, request, place, item, resource) {
            Ok(entry) if entry.turn() == 3 => {}
            Ok(entry) => placed.push((entry.turn(), place, batch_entry(service, request, entry))),
            Err(error) => placed.push((3, place, refused(error, Some(place), 1))),
        }
    }
    placed.sort_by_key(|(turn, place, _)| (*turn, *place));
    placed.into_iter().map(|(_, _, part)| part).collect()
}

fn batch_entry(service: &Service, request: &Request, mut entry: Entry) -> Part {
    let place = entry.place;
    // In a batch nothing refers to another entry.
    entry.full_url = None;
    let simple = match &entry.route {
        Route::Create(_) => entry.request.if_none_exist.is_none(),
        Route::Update(_, id) => id.is_some() && entry.request.if_match.is_none() && !entry.request.only_new,
        _ => false,
    };
    if let Sent::Resource(document) = &entry.sent {
        let (Route::Create(resource) | Route::Update(resource, _)) = &entry.route else { return Part::Entries(vec![entry]) };
        if let Err(error) = check(*resource, document) {
            return refused(error, Some(place), 1);
        }
    }
    if !simple {
        return Part::Entries(vec![entry]);
    }
    match target(service, &entry) {
        Err(error) => refused(error, Some(place), 1),
        Ok(target) => {
            let Sent::Resource(document) = entry.sent else { return Part::All(Vec::new()) };
            one(service, request, document, Place { entry: Some(place), new_id: target.new.then_some(target.id), links: None })
        }
    }
}

/// Stores resources in the transaction that is open, in their order; what became of each.
///
/// # Errors
/// [`Error::Busy`] where others were in the way, [`Error::Away`], [`Error::Unexpected`].
pub fn store_drafts(service: &Service, connection: &mut AnyConnection, drafts: &[&Draft]) -> Result<Vec<Stored>, Error> {
    let mut done = Vec::with_capacity(drafts.len());
    let mut rest = drafts;
    while !rest.is_empty() {
        // One of the same name after another.
        let mut names = HashSet::new();
        let until = rest.iter().position(|draft| draft.name.as_deref().is_some_and(|name| !names.insert(name))).unwrap_or(rest.len());
        let (these, those) = rest.split_at(until);
        store_once(service, connection, these, &mut done)?;
        rest = those;
    }
    Ok(done)
}

/// Stores resources none of which stands twice among them.
fn store_once(service: &Service, connection: &mut AnyConnection, drafts: &[&Draft], done: &mut Vec<Stored>) -> Result<(), Error> {
    let names: Vec<String> = drafts.iter().filter_map(|draft| draft.name.clone()).collect();
    let known = store::bulk::known(connection, plain::REALM, &names)?;
    let (mut new, mut next) = (Vec::with_capacity(drafts.len()), Vec::new());
    for draft in drafts {
        match draft.name.as_ref().and_then(|name| known.get(name)) {
            None => {
                let mut first = draft.new.clone();
                first.envelope.key = service.clock.next_key();
                new.push(first);
                done.push(Stored::Created);
            }
            Some(known) if is_same(draft, known) => done.push(Stored::Unchanged),
            Some(known) => {
                let envelope = plain::next(service, &known.envelope);
                let body = with_meta(&draft.value, &envelope).to_string().into_bytes();
                next.push(NewResource { envelope, body, ..draft.new.clone() });
                done.push(if known.deleted { Stored::Created } else { Stored::Updated });
            }
        }
    }
    store::bulk::replace_many(connection, &next)?;
    Ok(store::bulk::insert_many(connection, &new)?)
}

/// Whether what is stored is what it would be stored as.
fn is_same(draft: &Draft, known: &Known) -> bool {
    let envelope: &Envelope = &known.envelope;
    !known.deleted && with_meta(&draft.value, envelope).to_string().as_bytes() == known.body
}

/// Does what entries of a Bundle say in the transaction that is open, all or none; what became of each.
///
/// # Errors
/// The error of the entry that failed.
pub fn store_entries(service: &Service, connection: &mut AnyConnection, entries: &[Entry]) -> Result<Vec<Stored>, Error> {
    let done = write(service, connection, entries).map_err(|refused| refused.error)?;
    Ok(done
        .into_iter()
        .map(|(_, answer)| match answer {
            Answer { status: 201, .. } => Stored::Created,
            // What was deleted already has no version more.
            Answer { status: 204, version: None, .. } => Stored::Unchanged,
            Answer { status: 204, .. } => Stored::Deleted,
            // A conditional create that found something says where.
            Answer { location: Some(_), .. } => Stored::Unchanged,
            _ => Stored::Updated,
        })
        .collect())
}
