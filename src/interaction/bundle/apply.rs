//! What a transaction of testers writes, in FHIR's order (FHIR R4 http.html#trules), so that what comes of it does not depend on the order
//! of its entries: deletions, creates, updates and patches; conditional references last, which find what the transaction wrote, too.
//!
//! What the entries say goes in multi-row statements, as few as its conditional references let. What a condition found must still be all
//! that it finds when everything is written: where two entries turn out to be about one resource, all of it fails.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::super::condition::{self, Condition, Matches};
use super::super::create::{bounded, permitted};
use super::super::stored::make_relative;
use super::super::{Answer, Error, Refused, Route, Sent, Service, plain};
use super::entry::{Entry, within};
use super::links;
use super::transaction::addresses;
use crate::fhir::{ResourceType, replace_links};
use crate::policy::Action;
use crate::store::{self, AnyConnection, Known, NewResource};

/// What becomes of the resource an entry names.
struct Planned<'e> {
    entry: &'e Entry,
    resource: ResourceType,
    /// Its id; `None` where a deletion by condition finds nothing.
    id: Option<String>,
    /// The condition that told which.
    condition: Option<Condition>,
    /// Whether the id came with the resource, and the condition found nothing: then nobody else may have it.
    chosen: bool,
    /// What a conditional create found.
    existing: Option<Answer>,
    /// The place of the entry that creates under the same condition.
    with: Option<usize>,
}

impl Planned<'_> {
    fn writes(&self) -> bool {
        self.existing.is_none() && self.with.is_none()
    }

    fn at(&self, error: Error) -> Refused {
        within(error, self.entry.place).into()
    }

    fn known<'k>(&self, known: &'k HashMap<String, Known>) -> Option<&'k Known> {
        known.get(&format!("{}/{}", self.resource, self.id.as_ref()?))
    }
}

/// What an entry writes, but for its conditional references.
struct Draft<'e> {
    one: Planned<'e>,
    value: Value,
    /// Its conditional references, each once.
    wanted: Vec<String>,
}

/// How often the conditional references of one transaction may find nothing yet: in a chain each waits for the one before.
const MISSES_MAX: usize = 5_000;

/// Writes what the entries say.
///
/// # Errors
/// [`Error::Entry`] with the place of the first that fails.
pub fn write(service: &Service, connection: &mut AnyConnection, entries: &[Entry]) -> Result<Vec<(usize, Answer)>, Refused> {
    let (deletions, writes): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(|entry| entry.turn() == 0);
    let mut seen = HashSet::new();
    let mut answers = delete(service, connection, &deletions, &mut seen)?;
    let mut planned = Vec::with_capacity(writes.len());
    for entry in writes {
        planned.push(plan(service, connection, entry).map_err(|error| within(error, entry.place))?);
    }
    join(&mut planned);
    let known = known(connection, &planned, &mut seen)?;
    let links =
        addresses(service, planned.iter().filter_map(|one| Some((one.entry.full_url.as_deref()?, one.resource, one.id.as_deref()?))));
    let (mut drafts, mut beside, mut found) = (Vec::with_capacity(planned.len()), Vec::new(), Vec::new());
    for mut one in planned {
        match one.existing.take() {
            Some(existing) => {
                answers.push((one.entry.place, existing));
                found.push(one);
            }
            None if one.with.is_some() => beside.push(one),
            None => {
                let draft = drafted(service, one, &known, &links)?;
                drafts.push(draft);
            }
        }
    }
    let waves = Waves { service, known: &known, references: HashMap::new(), misses: 0 };
    let written = waves.write(connection, drafts, &mut answers)?;
    let firsts: HashMap<usize, Answer> = if beside.is_empty() { HashMap::new() } else { answers.iter().cloned().collect() };
    for one in &beside {
        let first = one.with.and_then(|place| firsts.get(&place).cloned());
        let first = first.ok_or_else(|| one.at(Error::Unexpected("the entry with the same condition wrote nothing".into())))?;
        answers.push((one.entry.place, Answer { status: 200, ..first }));
    }
    overlap(service, connection, &written, &found)?;
    Ok(answers)
}

/// Does the deletions.
fn delete(
    service: &Service,
    connection: &mut AnyConnection,
    entries: &[&Entry],
    seen: &mut HashSet<String>,
) -> Result<Vec<(usize, Answer)>, Refused> {
    let mut planned = Vec::with_capacity(entries.len());
    for entry in entries {
        planned.push(plan(service, connection, entry).map_err(|error| within(error, entry.place))?);
    }
    let known = known(connection, &planned, seen)?;
    let (mut gone, mut answers) = (Vec::new(), Vec::with_capacity(planned.len()));
    for one in &planned {
        let before = one.known(&known).filter(|known| !known.deleted);
        expect_version(one, before).map_err(|error| one.at(error))?;
        let mut answer = Answer { status: 204, ..Answer::default() };
        if let Some(before) = before {
            let deletion = plain::deletion(plain::next(service, &before.envelope));
            answer = Answer { updated: None, ..plain::answer(&deletion, 204) };
            gone.push(deletion);
        }
        answers.push((one.entry.place, answer));
    }
    store::bulk::replace_many(connection, &gone)?;
    Ok(answers)
}

/// Which resource the entry is about.
fn plan<'e>(service: &Service, connection: &mut AnyConnection, entry: &'e Entry) -> Result<Planned<'e>, Error> {
    let request = &entry.request;
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
    let pairs = match (&entry.route, &id) {
        (Route::Create(_), _) => request.if_none_exist.as_ref(),
        (_, None) => Some(&entry.pairs),
        (_, Some(_)) => None,
    };
    let condition = pairs.map(|pairs| condition::parse(service, request, resource, pairs)).transpose()?;
    let found = match &condition {
        Some(condition) => {
            condition::resolve(service, request, connection, condition)?.at_most_one(resource).map_err(|refused| refused.error)?
        }
        None => None,
    };
    let mut planned = Planned { entry, resource, id, condition, chosen: false, existing: None, with: None };
    match (&entry.route, found) {
        (Route::Create(_), Some(hit)) => {
            planned.id = Some(hit.envelope.id.clone());
            planned.existing = Some(condition::existing(service, request, &hit));
        }
        (Route::Create(_), None) => planned.id = Some(service.clock.next_id()),
        _ if planned.condition.is_none() => {}
        (Route::Update(..), found) => (planned.id, planned.chosen) = update_id(service, resource, entry, found.map(|hit| hit.envelope.id))?,
        (Route::Patch(..), None) => return Err(Error::NotFound(resource, "?".into())),
        (_, found) => planned.id = found.map(|hit| hit.envelope.id),
    }
    Ok(planned)
}

/// The id a conditional update writes, and whether it came with the resource alone (FHIR R4 http.html#cond-update).
fn update_id(service: &Service, resource: ResourceType, entry: &Entry, found: Option<String>) -> Result<(Option<String>, bool), Error> {
    let Sent::Resource(document) = &entry.sent else { return Err(Error::Unexpected("an update without a resource".into())) };
    let said = document.value.get("id").and_then(Value::as_str).map(ToOwned::to_owned);
    match (found, said) {
        (Some(found), Some(said)) if found != said => {
            Err(Error::Value { place: format!("{resource}.id"), message: "the resource that matches has another id".into() })
        }
        (Some(found), _) => Ok((Some(found), false)),
        (None, Some(said)) => Ok((Some(said), true)),
        (None, None) => Ok((Some(service.clock.next_id()), false)),
    }
}

/// Of creates under one condition the first creates; the others find what it created.
fn join(planned: &mut [Planned<'_>]) {
    let mut firsts: HashMap<String, (usize, Option<String>)> = HashMap::new();
    for one in planned.iter_mut().filter(|one| one.existing.is_none()) {
        let (Route::Create(_), Some(condition)) = (&one.entry.route, &one.condition) else { continue };
        match firsts.get(condition.text()) {
            Some((place, id)) => (one.with, one.id) = (Some(*place), id.clone()),
            None => {
                firsts.insert(condition.text().to_owned(), (one.entry.place, one.id.clone()));
            }
        }
    }
}

/// What is stored already of all that the entries name; each may be named once.
fn known(connection: &mut AnyConnection, planned: &[Planned<'_>], seen: &mut HashSet<String>) -> Result<HashMap<String, Known>, Refused> {
    let mut names: Vec<String> = Vec::with_capacity(planned.len());
    for one in planned.iter().filter(|one| one.writes()) {
        let Some(id) = &one.id else { continue };
        let name = format!("{}/{id}", one.resource);
        if !seen.insert(name.clone()) {
            return Err(one.at(Error::Value { place: one.resource.name().into(), message: format!("{name} is written twice") }));
        }
        // What is created has an id that nobody has had.
        if !matches!(one.entry.route, Route::Create(_)) {
            names.push(name);
        }
    }
    Ok(store::bulk::known(connection, plain::REALM, &names)?)
}

/// The version of `ifMatch` must be the current one.
fn expect_version(one: &Planned<'_>, current: Option<&Known>) -> Result<(), Error> {
    let request = &one.entry.request;
    match (current, &request.if_match) {
        (None, Some(_)) => Err(Error::Precondition("there is no current version".into())),
        (Some(known), Some(_)) => request.expect_version(known.envelope.version),
        (_, None) => Ok(()),
    }
}

/// What the entry writes, with its links to other entries replaced.
fn drafted<'e>(
    service: &Service,
    one: Planned<'e>,
    known: &HashMap<String, Known>,
    links: &HashMap<String, String>,
) -> Result<Draft<'e>, Refused> {
    let mut value = value(service, &one, one.known(known).filter(|known| !known.deleted)).map_err(|error| one.at(error))?;
    make_relative(&mut value, &service.base_url);
    let mut wanted = Vec::new();
    links::conditional(&value, &mut wanted);
    wanted.sort_unstable();
    wanted.dedup();
    if !links.is_empty() {
        replace_links(&mut value, &|link| links.get(link).cloned());
    }
    links::check_resolved(&value).map_err(|error| one.at(error))?;
    Ok(Draft { one, value, wanted })
}

/// The resource as it is sent or patched.
fn value(service: &Service, one: &Planned<'_>, current: Option<&Known>) -> Result<Value, Error> {
    let (resource, id) = (one.resource, one.id.clone().unwrap_or_default());
    expect_version(one, current)?;
    if current.is_some() && one.chosen {
        return Err(Error::Conflict(format!("{resource} `{id}` exists and does not match")));
    }
    if current.is_some() && one.entry.request.only_new {
        return Err(Error::Precondition(format!("{resource} `{id}` exists")));
    }
    match (&one.entry.route, &one.entry.sent) {
        (Route::Patch(..), Sent::Patch(operations)) => {
            let known = current.ok_or_else(|| Error::NotFound(resource, id.clone()))?;
            plain::patched(service, resource, &known.body, &operations.understand(resource)?, &id)
        }
        (Route::Update(_, said), Sent::Resource(document)) => {
            let own = document.value.get("id").and_then(Value::as_str);
            if said.is_some() && own != said.as_deref() {
                return Err(Error::Value { place: format!("{resource}.id"), message: format!("expected the id of the address, `{id}`") });
            }
            Ok(document.value.clone())
        }
        (_, Sent::Resource(document)) => Ok(document.value.clone()),
        _ => Err(Error::Unexpected("an entry without what it needs".into())),
    }
}

/// Drafts that are written one lot after the other: those whose conditional references are known.
struct Waves<'w> {
    service: &'w Service,
    known: &'w HashMap<String, Known>,
    /// What conditional references lead to.
    references: HashMap<String, String>,
    misses: usize,
}

impl Waves<'_> {
    /// Writes them all; what was written.
    fn write<'e>(
        mut self,
        connection: &mut AnyConnection,
        mut drafts: Vec<Draft<'e>>,
        answers: &mut Vec<(usize, Answer)>,
    ) -> Result<Vec<Planned<'e>>, Refused> {
        let types: HashSet<ResourceType> = drafts.iter().map(|draft| draft.one.resource).collect();
        // Those to types of which nothing is written here need not wait; a chain may lead to any.
        let waits = |text: &String| {
            let (name, query) = text.split_once('?').unwrap_or((text, ""));
            let chains =
                query.split('&').filter_map(|pair| pair.split('=').next()).any(|name| name.contains('.') || name.starts_with("_has"));
            chains || ResourceType::parse(name).is_some_and(|one| types.contains(&one))
        };
        self.resolve(connection, &drafts, &|text| !waits(text))?;
        let mut written = Vec::with_capacity(drafts.len());
        while !drafts.is_empty() {
            let (ready, waiting): (Vec<_>, Vec<_>) = drafts.into_iter().partition(|draft| self.is_ready(draft));
            if ready.is_empty() {
                self.resolve(connection, &waiting, &|_| true)?;
                let unknown = |draft: &Draft<'_>| draft.wanted.iter().find(|text| !self.references.contains_key(*text)).cloned();
                let first = waiting.iter().find_map(|draft| Some((draft, unknown(draft)?)));
                // All that is left waits for something that is not there, or among what is left.
                if let Some((draft, text)) = first.filter(|_| !waiting.iter().any(|draft| self.is_ready(draft))) {
                    return Err(draft.one.at(links::nothing(&text)));
                }
                drafts = waiting;
                continue;
            }
            self.store(connection, ready, &mut written, answers)?;
            drafts = waiting;
        }
        self.check(connection, &written, &waits)?;
        Ok(written.into_iter().map(|(one, _)| one).collect())
    }

    fn is_ready(&self, draft: &Draft<'_>) -> bool {
        draft.wanted.iter().all(|text| self.references.contains_key(text))
    }

    /// Looks for what the conditional references of these lead to, those that are meant and not known yet.
    fn resolve(&mut self, connection: &mut AnyConnection, drafts: &[Draft<'_>], meant: &dyn Fn(&String) -> bool) -> Result<(), Refused> {
        let mut missed: HashSet<&str> = HashSet::new();
        for draft in drafts {
            for text in draft.wanted.iter().filter(|text| meant(text)) {
                if self.references.contains_key(text) || !missed.insert(text) {
                    continue;
                }
                let found = links::found(self.service, connection, &draft.one.entry.request, text).map_err(|error| draft.one.at(error))?;
                match found {
                    Some(address) => drop(self.references.insert(text.clone(), address)),
                    None if self.misses < MISSES_MAX => self.misses += 1,
                    None => {
                        let message = format!("conditional references that wait for each other take more than {MISSES_MAX} searches");
                        let expression = draft.one.resource.name().to_owned();
                        return Err(draft.one.at(Error::Business { code: "too-costly", expression, message }));
                    }
                }
            }
        }
        Ok(())
    }

    /// Stores those whose references are all known.
    fn store<'e>(
        &self,
        connection: &mut AnyConnection,
        drafts: Vec<Draft<'e>>,
        written: &mut Vec<(Planned<'e>, Vec<String>)>,
        answers: &mut Vec<(usize, Answer)>,
    ) -> Result<(), Refused> {
        let (mut new, mut next) = (Vec::new(), Vec::new());
        for Draft { one, mut value, wanted } in drafts {
            if !wanted.is_empty() {
                replace_links(&mut value, &|link| self.references.get(link).cloned());
            }
            let before = one.known(self.known);
            let (resource, status) = version(self.service, &one, before, &value).map_err(|error| one.at(error))?;
            answers.push((one.entry.place, plain::answer(&resource, status)));
            if before.is_some() {
                next.push(resource)
            } else {
                new.push(resource)
            }
            written.push((one, wanted));
        }
        store::bulk::replace_many(connection, &next)?;
        store::bulk::insert_many(connection, &new)?;
        Ok(())
    }

    /// What was written last may be found by a reference that was resolved before: then it leads to several.
    fn check(
        &self,
        connection: &mut AnyConnection,
        written: &[(Planned<'_>, Vec<String>)],
        waited: &dyn Fn(&String) -> bool,
    ) -> Result<(), Refused> {
        let mut checked = HashSet::new();
        for (one, wanted) in written {
            for text in wanted.iter().filter(|text| waited(text)) {
                if !checked.insert(text) {
                    continue;
                }
                let found = links::found(self.service, connection, &one.entry.request, text).map_err(|error| one.at(error))?;
                if found.as_ref() != self.references.get(text) {
                    return Err(one.at(links::nothing(text)));
                }
            }
        }
        Ok(())
    }
}

/// The version an entry writes, and its status.
fn version(service: &Service, one: &Planned<'_>, before: Option<&Known>, value: &Value) -> Result<(NewResource, u16), Error> {
    let (resource, id) = (one.resource, one.id.clone().unwrap_or_default());
    let (new, status) = match before {
        None => {
            let put = matches!(one.entry.route, Route::Update(..));
            (NewResource { put, ..plain::first(service, &one.entry.request, resource, id, value) }, 201)
        }
        Some(known) => {
            let status = if known.deleted { 201 } else { 200 };
            (plain::prepared(value, plain::next(service, &known.envelope)), status)
        }
    };
    bounded(resource, &new.index)?;
    Ok((new, status))
}

/// Fails where another entry wrote something that the condition of an entry finds, too: both would be about it.
fn overlap(service: &Service, connection: &mut AnyConnection, written: &[Planned<'_>], found: &[Planned<'_>]) -> Result<(), Refused> {
    let mut counts: BTreeMap<ResourceType, usize> = BTreeMap::new();
    written.iter().for_each(|one| *counts.entry(one.resource).or_default() += 1);
    let many = |one: &&Planned<'_>, least: usize| counts.get(&one.resource).is_some_and(|count| *count >= least);
    for one in written.iter().filter(|one| many(one, 2)).chain(found.iter().filter(|one| many(one, 1))) {
        let Some(condition) = &one.condition else { continue };
        let found = condition::resolve(service, &one.entry.request, connection, condition).map_err(|error| one.at(error))?;
        let several = match found {
            Matches::One(hit) if Some(&hit.envelope.id) != one.id.as_ref() => Matches::Several(hit),
            other => other,
        };
        several.at_most_one(one.resource).map_err(|refused| one.at(refused.error))?;
    }
    Ok(())
}
