//! Reports of laboratories in a transaction: the entries that a DiagnosticReport leads to become parts of it, and a report that a
//! document names in `context.related` becomes a part of that document. Then each is what it would be alone (`report`).

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::super::report::{Led, inline, is_part};
use super::super::{Answer, Error, Route, Sent};
use super::entry::{Entry, within};
use crate::fhir::{Document, ResourceType, outcome};

/// The entries that became parts of others.
#[derive(Debug, Default)]
pub struct Reports {
    /// From the place of an entry to those of its parts, each with the id it has there.
    parts: HashMap<usize, Vec<(String, usize)>>,
}

impl Reports {
    /// Takes the parts of each report into it, and out of the entries; `created` tells the place of the entry that creates what a link
    /// leads to.
    ///
    /// # Errors
    /// [`Error::Entry`] for a report or result that belongs to two, and a document beside a report that does not name it.
    pub fn assemble(entries: &mut Vec<Entry>, created: &HashMap<String, usize>) -> Result<Self, Error> {
        let creates = |resource: ResourceType| entries.iter().filter(move |entry| is_created(entry, resource)).map(|entry| entry.place);
        let reports: HashSet<usize> = creates(ResourceType::DIAGNOSTIC_REPORT).collect();
        if reports.is_empty() {
            return Ok(Self::default());
        }
        let documents: Vec<usize> = creates(ResourceType::DOCUMENT_REFERENCE).collect();
        let find = |place: usize| entries.iter().find(|entry| entry.place == place);
        let led = |text: &str, reports: bool| {
            let entry = find(*created.get(text)?).filter(|entry| entry.request.if_none_exist.is_none())?;
            let resource = value(entry)?;
            let is_report = is_created(entry, ResourceType::DIAGNOSTIC_REPORT);
            let part = matches!(entry.route, Route::Create(_)) && (is_part(resource) || reports && is_report);
            part.then_some(Led::Part(resource))
        };
        let mut whole: Vec<(usize, Value, Vec<(String, usize)>)> = Vec::new();
        let take = |place: usize, reports: bool| {
            let mut resource = find(place).and_then(value)?.clone();
            let taken = inline(&mut resource, &|text: &str| led(text, reports));
            let parts = taken.into_iter().filter_map(|(link, id)| Some((id, *created.get(&link)?))).collect();
            Some((place, resource, parts))
        };
        for place in documents.iter().copied() {
            let related = find(place).and_then(|entry| value(entry)?.pointer("/context/related")?.as_array());
            let names = related.into_iter().flatten().filter_map(|one| created.get(one.get("reference")?.as_str()?));
            if names.into_iter().any(|place| reports.contains(place)) {
                whole.extend(take(place, true));
            }
        }
        let brought: HashSet<usize> = whole.iter().flat_map(|(_, _, parts)| parts.iter().map(|(_, place)| *place)).collect();
        let mut alone: Vec<usize> = reports.iter().copied().filter(|place| !brought.contains(place)).collect();
        alone.sort_unstable();
        if let (Some(report), Some(document)) = (alone.first(), documents.first()) {
            let message = format!(
                "the document of entry {document} names the reports that it brings in `context.related`; without one the report comes alone"
            );
            return Err(within(Error::business("DiagnosticReport", message), *report));
        }
        whole.extend(alone.into_iter().filter_map(|place| take(place, false)));
        Self::replace(entries, whole)
    }

    fn replace(entries: &mut Vec<Entry>, whole: Vec<(usize, Value, Vec<(String, usize)>)>) -> Result<Self, Error> {
        let is_one = |place: usize| {
            let entry = entries.iter().find(|entry| entry.place == place);
            entry.is_some_and(|entry| ResourceType::BROUGHT.into_iter().any(|resource| is_created(entry, resource)))
        };
        let mut taken = HashSet::new();
        for (place, _, parts) in &whole {
            for (_, part) in parts {
                if !taken.insert(*part) && is_one(*part) {
                    let message = format!("entry {part} belongs to another report too: each has its own results");
                    return Err(within(Error::business("DiagnosticReport.result", message), *place));
                }
            }
        }
        entries.retain(|entry| !taken.contains(&entry.place));
        let mut reports = Self::default();
        for (place, resource, parts) in whole {
            if let Some(entry) = entries.iter_mut().find(|entry| entry.place == place) {
                entry.sent = Sent::Resource(Document::from(resource));
            }
            reports.parts.insert(place, parts);
        }
        Ok(reports)
    }

    /// The answers of the entries that became parts of an entry, by place: where each is now, or that it is kept within the report.
    pub fn answers(&self, place: usize, answer: &Answer) -> Vec<(usize, Answer)> {
        let told = |(id, part): &(String, usize)| {
            let written = answer.parts.iter().find(|(local, _)| local == id).map(|(_, location)| location.clone());
            let Some(location) = written else {
                let issue = outcome::issue("information", "informational", "this is kept within the report", &[]);
                return (*part, Answer { status: 200, warnings: vec![issue], ..Answer::default() });
            };
            let version: Option<i32> = location.rsplit('/').next().and_then(|version| version.parse().ok());
            let status = if version == Some(1) { 201 } else { 200 };
            (*part, Answer { status, location: Some(location), version, updated: answer.updated, ..Answer::default() })
        };
        self.parts.get(&place).into_iter().flatten().map(told).collect()
    }
}

fn is_created(entry: &Entry, resource: ResourceType) -> bool {
    matches!(&entry.route, Route::Create(of) if *of == resource)
}

fn value(entry: &Entry) -> Option<&Value> {
    match &entry.sent {
        Sent::Resource(document) => Some(&document.value),
        _ => None,
    }
}
