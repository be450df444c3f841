//! `transaction`: all entries or none, in one transaction of the database (FHIR R4 http.html#trules); of what testers keep here, of all
//! else in `together`.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::super::{Answer, Error, Refused, Request, Service};
use super::apply::write;
use super::entry::{Entry, understand, within};
use super::response::{Responded, bundle, responded};
use super::together::together;
use super::{Shown, batch, links};
use crate::fhir::message::Language;
use crate::fhir::{Document, ResourceType};
use crate::store;

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

/// From the `fullUrl` of an entry, and from how others may refer to it, to its address here.
pub fn addresses<'a>(service: &Service, entries: impl Iterator<Item = (&'a str, ResourceType, &'a str)>) -> HashMap<String, String> {
    let mut links = HashMap::new();
    for (url, resource, id) in entries {
        links::note(&mut links, url, resource, &format!("{resource}/{id}"), &service.base_url);
    }
    links
}
