//! `transaction` of anybody but testers (FHIR R4 http.html#trules): every entry is the interaction it would be alone, with its scope,
//! its checks and its trace, all in one transaction of the database.
//!
//! Where an entry fails nothing is stored, and yet what was asked is traced: that an earlier entry went well tells of the record, too.

use std::collections::hash_map::Entry::Vacant;
use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::super::stored::make_relative;
use super::super::{Answer, Error, Request, Route, Sent, Service};
use super::entry::{Entry, within};
use super::reports::Reports;
use super::response::{Responded, bundle, responded};
use super::submission::Submission;
use super::{Shown, batch, links};
use crate::fhir::message::Language;
use crate::fhir::{Document, ResourceType, replace_links};
use crate::store::{self, TraceRow, Undone};

/// Entries of one transaction at most, of records and directories: each is an interaction of several statements, and on SQLite nobody
/// else writes meanwhile.
pub const ENTRIES_MAX: usize = 500;

/// The entries in the order in which they are done, with what is known of their addresses.
struct Plan {
    entries: Vec<Entry>,
    /// The ids of what is created, by place.
    chosen: HashMap<usize, String>,
    /// From `fullUrl` to the place of the entry that creates it.
    created: HashMap<String, usize>,
    /// From `fullUrl` to the address of what exists already.
    links: HashMap<String, String>,
    /// What is locked first.
    locks: Vec<String>,
    /// What it submits.
    submission: Submission,
    /// The reports of laboratories in it.
    reports: Reports,
}

/// Does what all entries say, or nothing.
///
/// # Errors
/// [`Error::TooLong`]; [`Error::Entry`] for the first entry that fails.
pub async fn together(service: &Service, entries: Vec<Entry>, shown: Shown, language: Language) -> Result<Answer, Error> {
    if entries.len() > ENTRIES_MAX {
        return Err(Error::TooLong(format!("a transaction on records has at most {ENTRIES_MAX} entries")));
    }
    let plan = plan(service, entries)?;
    let done = service.store.together(|store, tries| run(Service { store, ..service.clone() }, &plan, shown, tries)).await;
    let mut answers = match done {
        Ok(answers) => answers,
        Err(Undone { error, traces }) => {
            // Who is told nothing but to try again was told nothing of any record.
            if error.status() < 500 {
                service.store.trace(undone(traces, error.status())).await?;
            }
            return Err(error);
        }
    };
    answers.sort_by_key(|(place, _)| *place);
    let answers: Vec<Responded> = answers.into_iter().map(|(_, answer)| answer).collect();
    bundle("transaction-response", answers, language)
}

/// The traces of a transaction that failed: of the entry that failed as it would be alone; of those before it, that they came to
/// nothing with it.
fn undone(mut traces: Vec<TraceRow>, status: u16) -> Vec<TraceRow> {
    for row in traces.iter_mut().filter(|row| row.status < 400) {
        if row.status == 201 {
            (row.target_key, row.target) = (0, String::new());
        }
        (row.status, row.found) = (i32::from(status), 0);
    }
    traces
}

/// What can be told of the entries before any is done.
fn plan(service: &Service, mut entries: Vec<Entry>) -> Result<Plan, Error> {
    let mut plan = Plan {
        entries: Vec::new(),
        chosen: HashMap::new(),
        created: HashMap::new(),
        links: HashMap::new(),
        locks: Vec::new(),
        submission: Submission::default(),
        reports: Reports::default(),
    };
    for entry in &entries {
        if let (Route::Create(resource), Some(url)) = (&entry.route, &entry.full_url) {
            let mut urls = HashMap::new();
            links::note(&mut urls, url, *resource, "", &service.base_url);
            plan.created.extend(urls.into_keys().map(|url| (url, entry.place)));
        }
    }
    plan.submission = Submission::assemble(&mut entries, &plan.created)?;
    plan.reports = Reports::assemble(&mut entries, &plan.created)?;
    let kept: HashSet<usize> = entries.iter().map(|entry| entry.place).collect();
    plan.created.retain(|_, place| kept.contains(place));
    let mut written = HashSet::new();
    for entry in &entries {
        plan.locks.extend(entry.lock());
        let (Some(resource), id) = entry.route.about() else { continue };
        match (&entry.route, id) {
            (Route::Create(_), _) => {
                plan.chosen.insert(entry.place, service.clock.next_id());
            }
            (route, Some(id)) => {
                let here = format!("{resource}/{id}");
                let writes = route.writes() || matches!(route, Route::Delete(..));
                if writes && !written.insert(here.clone()) {
                    return Err(twice(resource, &here, entry.place));
                }
                if let Some(url) = &entry.full_url {
                    links::note(&mut plan.links, url, resource, &here, &service.base_url);
                }
            }
            (_, None) => {}
        }
    }
    plan.locks.sort();
    plan.locks.dedup();
    plan.entries = ordered(entries, &plan.created);
    Ok(plan)
}

fn twice(resource: ResourceType, name: &str, place: usize) -> Error {
    within(Error::Value { place: resource.name().into(), message: format!("{name} is written twice") }, place)
}

/// Every entry after those that it refers to, as far as its turn lets it; else as they came. What a conditional reference leads to may be
/// any of its type that is created.
fn ordered(entries: Vec<Entry>, created: &HashMap<String, usize>) -> Vec<Entry> {
    let by_place: HashMap<usize, usize> = entries.iter().enumerate().map(|(at, entry)| (entry.place, at)).collect();
    let mut by_type: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, entry) in entries.iter().enumerate() {
        if let Route::Create(resource) = &entry.route {
            by_type.entry(resource.name()).or_default().push(at);
        }
    }
    let needs: Vec<Vec<usize>> = entries
        .iter()
        .enumerate()
        .map(|(at, entry)| {
            let (mut found, mut conditional) = (Vec::new(), Vec::new());
            if let (Route::Create(_), Sent::Resource(document)) = (&entry.route, &entry.sent) {
                mentioned(&document.value, created, &mut found);
                links::conditional(&document.value, &mut conditional);
            }
            let named = found.iter().filter_map(|place| by_place.get(place).copied());
            let types: BTreeSet<&str> = conditional.iter().filter_map(|text| text.split('?').next()).collect();
            let sought = types.into_iter().filter_map(|name| by_type.get(name)).flatten().copied();
            let all: BTreeSet<usize> = named.chain(sought).filter(|needed| *needed != at).collect();
            all.into_iter().collect()
        })
        .collect();
    let mut order: Vec<usize> = Vec::with_capacity(entries.len());
    let mut seen = vec![false; entries.len()];
    for start in 0..entries.len() {
        // Depth first: an entry is placed once all it needs is; what needs itself in a circle keeps its place.
        let mut stack = vec![(start, 0)];
        while let Some((at, next)) = stack.pop() {
            if next == 0 && std::mem::replace(seen.get_mut(at).unwrap_or(&mut true), true) {
                continue;
            }
            match needs.get(at).and_then(|needs| needs.get(next)) {
                Some(needed) => {
                    stack.push((at, next + 1));
                    stack.push((*needed, 0));
                }
                None => order.push(at),
            }
        }
    }
    let mut entries: Vec<Option<Entry>> = entries.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| entries.get_mut(at)?.take()).collect()
}

/// The places of the entries that a resource mentions by `fullUrl`.
fn mentioned(value: &Value, created: &HashMap<String, usize>, found: &mut Vec<usize>) {
    match value {
        Value::String(text) => found.extend(created.get(text)),
        Value::Array(items) => items.iter().for_each(|item| mentioned(item, created, found)),
        Value::Object(members) => members.values().for_each(|member| mentioned(member, created, found)),
        _ => {}
    }
}

/// Does the entries, one after the other, on the store of the transaction.
async fn run(service: Service, plan: &Plan, shown: Shown, tries: u32) -> Result<Vec<(usize, Responded)>, Error> {
    let (locks, alone) = (plan.locks.clone(), tries > 0);
    service.store.run(move |connection| store::write::lock_together(connection, &locks, alone)).await?;
    let mut links = plan.links.clone();
    for (url, place) in &plan.created {
        let entry = plan.entries.iter().find(|entry| entry.place == *place);
        if let (Some((Some(resource), _)), Some(id)) = (entry.map(|entry| entry.route.about()), plan.chosen.get(place)) {
            links.insert(url.clone(), format!("{resource}/{id}"));
        }
    }
    let mut used: HashSet<usize> = HashSet::new();
    let mut written: HashSet<String> = HashSet::new();
    let mut answers = Vec::with_capacity(plan.entries.len());
    for entry in &plan.entries {
        let place = entry.place;
        let done = one(&service, entry, plan, &links, shown, &mut used).await.map_err(|error| within(error, place))?;
        let Done { answered, beside, here, wrote } = done;
        answers.extend(beside);
        if let (Some(here), (Some(resource), _)) = (here, entry.route.about()) {
            if wrote && !written.insert(here.clone()) {
                return Err(twice(resource, &here, place));
            }
            let chosen = plan.chosen.get(&place).map(|id| format!("{resource}/{id}"));
            if chosen.is_some_and(|chosen| chosen != here) {
                if used.contains(&place) {
                    let message = "what it creates is there already, and an entry that links to it in a circle was done before";
                    return Err(within(Error::Conflict(message.into()), place));
                }
                for (url, _) in plan.created.iter().filter(|(_, created)| **created == place) {
                    links.insert(url.clone(), here.clone());
                }
            }
        }
        answers.push((place, answered));
    }
    Ok(answers)
}

/// What became of an entry.
struct Done {
    answered: Responded,
    /// The answers of the entries that bore its contents.
    beside: Vec<(usize, Responded)>,
    /// The address of what it wrote, or would have created.
    here: Option<String>,
    /// Whether it wrote it.
    wrote: bool,
}

/// Does one entry.
async fn one(
    service: &Service,
    entry: &Entry,
    plan: &Plan,
    links: &HashMap<String, String>,
    shown: Shown,
    used: &mut HashSet<usize>,
) -> Result<Done, Error> {
    let mut entry = entry.clone();
    let place = entry.place;
    entry.request.new_id = plan.chosen.get(&place).cloned();
    entry.request.submitted = plan.submission.lists_entry(place);
    if let Sent::Resource(document) = entry.sent {
        let mut mentions = Vec::new();
        mentioned(&document.value, &plan.created, &mut mentions);
        used.extend(mentions);
        entry.sent = Sent::Resource(linked(service, &entry.request, document.value, links).await?);
    }
    let writes = entry.route.writes() || matches!(entry.route, Route::Delete(..));
    let route = entry.route.clone();
    let mut answer = batch::done(service, entry).await?;
    answer.warnings.extend(plan.submission.warnings(place));
    let located = answer.location.as_deref().and_then(|location| location.split("/_history").next()).map(ToOwned::to_owned);
    let here = match route.about() {
        _ if !writes => None,
        (Some(resource), Some(id)) => Some(format!("{resource}/{id}")),
        (Some(resource), None) => located.or_else(|| {
            let body: Value = serde_json::from_slice(&answer.body).ok()?;
            Some(format!("{resource}/{}", body.get("id")?.as_str()?))
        }),
        (None, _) => None,
    };
    // What a condition found was not written.
    let wrote = writes && !(matches!(route, Route::Create(_)) && answer.status == 200);
    let mut beside = Vec::new();
    for (bearer, told) in plan.submission.answers(service, place, &answer)? {
        beside.push((bearer, responded(service, told, true, Shown::Minimal)?));
    }
    for (part, told) in plan.reports.answers(place, &answer) {
        beside.push((part, responded(service, told, true, Shown::Minimal)?));
    }
    Ok(Done { answered: responded(service, answer, writes, shown)?, beside, here, wrote })
}

/// The resource with its links to other entries, and its conditional references, resolved in the caller's own scope. Those to a person
/// are left to the interaction, which asks the record itself (CONTRACT 4, TD0.2's form).
async fn linked(service: &Service, request: &Request, mut value: Value, links: &HashMap<String, String>) -> Result<Document, Error> {
    make_relative(&mut value, &service.base_url);
    let mut conditional = Vec::new();
    links::conditional(&value, &mut conditional);
    conditional.retain(|text| !text.starts_with("Patient?"));
    let mut references: HashMap<String, String> = HashMap::new();
    for text in conditional {
        if let Vacant(place) = references.entry(text) {
            let found = links::sought(service, request, place.key()).await?;
            place.insert(found);
        }
    }
    if !links.is_empty() || !references.is_empty() {
        replace_links(&mut value, &|link| links.get(link).or_else(|| references.get(link)).cloned());
    }
    links::check_resolved(&value)?;
    Ok(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(status: i32) -> TraceRow {
        TraceRow {
            holder: 1,
            acts_for: String::new(),
            elsewhere: false,
            key: 2,
            id: String::new(),
            kind: 0,
            actor: String::new(),
            structure: String::new(),
            agent_name: String::new(),
            profession: String::new(),
            purpose: 0,
            reason: String::new(),
            interaction: "create".into(),
            status,
            target_type: 0,
            target: "x".into(),
            target_key: 3,
            query: String::new(),
            found: 1,
            disclosed: Vec::new(),
            rules: String::new(),
            law: String::new(),
            request: String::new(),
        }
    }

    #[test]
    fn what_came_to_nothing_is_told_as_that() {
        let told: Vec<_> = undone(vec![row(201), row(200), row(403)], 422)
            .into_iter()
            .map(|row| (row.status, row.target, row.target_key, row.found))
            .collect();
        let expected = [(422, "", 0, 0), (422, "x", 3, 0), (403, "x", 3, 1)];
        assert_eq!(told, expected.map(|(status, target, key, found)| (status, target.to_owned(), key, found)));
    }
}
