//! Submissions (IHE MHD ITI-65, PDSm flux 01): the content of a document stands in an entry of its own, a Binary or a FHIR document, and
//! a List tells what was submitted together. A document is deposited with its content, as alone; what bore it is answered after it.

use std::collections::{HashMap, HashSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::super::links::relative;
use super::super::list::{Kind, kind};
use super::super::stored::set;
use super::super::{Answer, Error, Route, Sent, Service};
use super::entry::{Entry, within};
use crate::fhir::{Document, ResourceType, json, outcome};

/// What a transaction submits.
#[derive(Debug, Default)]
pub struct Submission {
    /// From the place of a document to those of the entries that bear its contents, with the place of each content.
    contents: HashMap<usize, Vec<(usize, usize)>>,
    /// What is to be told of a document beside what its deposit tells.
    warnings: HashMap<usize, Vec<Value>>,
    /// The places of the documents that a submission set of the Bundle lists.
    submitted: HashSet<usize>,
}

impl Submission {
    /// Puts each content into its document, and takes out the entries that bore them; `created` tells the place of the entry that creates
    /// what a link leads to.
    ///
    /// # Errors
    /// [`Error::Entry`] with the element: a content that two documents name, another media type, several submission sets, a document that
    /// the submission set does not list.
    pub fn assemble(entries: &mut Vec<Entry>, created: &HashMap<String, usize>) -> Result<Self, Error> {
        let mut submission = Self::default();
        submission.lists(entries, created)?;
        let mut documents: Vec<(usize, usize, usize)> = Vec::new();
        for entry in entries.iter().filter(|entry| creates(entry, ResourceType::DOCUMENT_REFERENCE)) {
            for (at, url) in links(entry) {
                let bearer = created.get(url).and_then(|place| entries.iter().find(|entry| entry.place == *place));
                if let Some(bearer) = bearer.filter(|entry| is_content(entry)) {
                    documents.push((entry.place, at, bearer.place));
                }
            }
        }
        let mut used = HashSet::new();
        for (document, at, bearer) in documents {
            let place = format!("DocumentReference.content[{at}].attachment");
            if !used.insert(bearer) {
                let message = "another document of the Bundle has this content: each has its own";
                return Err(within(Error::business(&format!("{place}.url"), message), document));
            }
            let content = take(entries, bearer).ok_or_else(|| Error::Unexpected("an entry has gone".into()))?;
            let Some(entry) = entries.iter_mut().find(|entry| entry.place == document) else { continue };
            let Sent::Resource(of) = &mut entry.sent else { continue };
            let warning = put(&mut of.value, at, &place, content).map_err(|error| within(error, document))?;
            submission.warnings.entry(document).or_default().extend(warning);
            submission.contents.entry(document).or_default().push((at, bearer));
        }
        Ok(submission)
    }

    /// The submission set, which lists every document that is deposited with it.
    fn lists(&mut self, entries: &[Entry], created: &HashMap<String, usize>) -> Result<(), Error> {
        let is_set = |entry: &&Entry| creates(entry, ResourceType::LIST) && resource(entry).and_then(kind) == Some(Kind::SubmissionSet);
        let mut sets = entries.iter().filter(is_set);
        let Some(set) = sets.next() else { return Ok(()) };
        if let Some(second) = sets.next() {
            return Err(within(Error::business("List.code", "a submission has one submission set"), second.place));
        }
        let listed = resource(set).and_then(|list| list.get("entry")?.as_array()).into_iter().flatten();
        let targets = listed.filter_map(|entry| entry.pointer("/item/reference").and_then(Value::as_str));
        self.submitted = targets.filter_map(|target| created.get(target).copied()).collect();
        let deposited = entries.iter().filter(|entry| creates(entry, ResourceType::DOCUMENT_REFERENCE));
        match deposited.into_iter().find(|entry| !self.submitted.contains(&entry.place)) {
            None => Ok(()),
            Some(left) => {
                let message = format!("the document of entry {} is not listed by the submission set", left.place);
                Err(within(Error::business("List.entry", message), set.place))
            }
        }
    }

    /// Whether a submission set of the Bundle lists what this entry deposits.
    pub fn lists_entry(&self, place: usize) -> bool {
        self.submitted.contains(&place)
    }

    /// What is to be told of the document of this entry.
    pub fn warnings(&self, place: usize) -> Vec<Value> {
        self.warnings.get(&place).cloned().unwrap_or_default()
    }

    /// The answers of the entries that bore the contents of the document of an entry, by place: where each is now.
    ///
    /// # Errors
    /// [`Error::Unexpected`] for an answer that is no document.
    pub fn answers(&self, service: &Service, place: usize, answer: &Answer) -> Result<Vec<(usize, Answer)>, Error> {
        let Some(contents) = self.contents.get(&place) else { return Ok(Vec::new()) };
        let document = json::kept(&answer.body).ok_or_else(|| Error::Unexpected("an answer is no JSON".into()))?;
        let bearers = contents.iter().map(|(at, bearer)| {
            let url = document.pointer(&format!("/content/{at}/attachment/url")).and_then(Value::as_str).unwrap_or_default();
            let location = Some(format!("{}/_history/1", relative(url, &service.base_url)));
            // The content is not sent back to who sent it.
            let told = Answer { status: answer.status, location, version: Some(1), updated: answer.updated, ..Answer::default() };
            (*bearer, told)
        });
        Ok(bearers.collect())
    }
}

fn creates(entry: &Entry, resource: ResourceType) -> bool {
    matches!(&entry.route, Route::Create(of) if *of == resource)
}

/// Whether an entry may bear a content: nothing else is to be done with it.
fn is_content(entry: &Entry) -> bool {
    entry.request.if_none_exist.is_none() && (creates(entry, ResourceType::BINARY) || creates(entry, ResourceType::BUNDLE))
}

fn resource(entry: &Entry) -> Option<&Value> {
    match &entry.sent {
        Sent::Resource(document) => Some(&document.value),
        _ => None,
    }
}

/// The links of the attachments of a document that have no data themselves.
fn links(entry: &Entry) -> Vec<(usize, &str)> {
    let contents = resource(entry).and_then(|document| document.get("content")?.as_array()).map(Vec::as_slice).unwrap_or_default();
    contents
        .iter()
        .enumerate()
        .filter_map(|(at, content)| {
            let attachment = content.get("attachment").filter(|attachment| attachment.get("data").is_none())?;
            Some((at, attachment.get("url")?.as_str()?))
        })
        .collect()
}

/// Takes an entry out, for its content.
fn take(entries: &mut Vec<Entry>, place: usize) -> Option<Document> {
    let at = entries.iter().position(|entry| entry.place == place)?;
    match entries.remove(at).sent {
        Sent::Resource(document) => Some(document),
        _ => None,
    }
}

/// Puts a content into an attachment in the place of its link; what is to be told of it.
fn put(document: &mut Value, at: usize, place: &str, content: Document) -> Result<Option<Value>, Error> {
    let whole = content.resource_type() == Some(ResourceType::BUNDLE);
    let (media, data) = if whole {
        if content.value.get("type").and_then(Value::as_str) != Some("document") {
            return Err(Error::business(&format!("{place}.url"), "a Bundle that is a content is a FHIR document"));
        }
        ("application/fhir+json".to_owned(), STANDARD.encode(content.value.to_string()))
    } else {
        let text = |name: &str| content.value.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        let required = |name: &str| Error::Business {
            code: "required",
            expression: format!("{place}.url"),
            message: format!("the Binary has no `{name}`"),
        };
        (text("contentType").ok_or_else(|| required("contentType"))?, text("data").ok_or_else(|| required("data"))?)
    };
    let Some(attachment) = document.pointer_mut(&format!("/content/{at}/attachment")) else { return Ok(None) };
    let essence = |media: &str| media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let said = attachment.get("contentType").and_then(Value::as_str).map(ToOwned::to_owned);
    match &said {
        Some(said) if essence(said) != essence(&media) => {
            let message = format!("the content is `{}`", media.chars().take(100).collect::<String>());
            return Err(Error::business(&format!("{place}.contentType"), message));
        }
        Some(_) => {}
        None => set(attachment, "contentType", media.into()),
    }
    set(attachment, "data", data.into());
    let Some(members) = attachment.as_object_mut() else { return Ok(None) };
    members.shift_remove("url");
    // A FHIR document was read with the Bundle: of which bytes its size and hash were told is not known any more.
    let told = whole && (members.shift_remove("size").is_some() | members.shift_remove("hash").is_some());
    let message = "size and hash are those of the FHIR document as it is stored";
    Ok(told.then(|| outcome::issue("warning", "informational", message, &[place.to_owned()])))
}
