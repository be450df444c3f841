//! `batch`: each entry for itself, whatever becomes of the others.

use serde_json::Value;

use super::super::{Answer, Error, Request, Route, Service, Wanted, outcome_of, perform};
use super::Shown;
use super::entry::{Entry, understand, within};
use super::response::{Responded, bundle, refused, responded};
use crate::fhir::{Document, ResourceType};

/// Does what each entry says.
///
/// # Errors
/// [`Error::Invalid`] where the Bundle itself, apart from the resources in it, is not valid.
pub async fn batch(service: &Service, request: &Request, document: Document, shown: Shown) -> Result<Answer, Error> {
    let (shell, resources) = apart(document);
    let issues = shell.validate();
    if !issues.is_empty() {
        return Err(Error::Invalid(issues));
    }
    let items = match shell.value {
        Value::Object(mut members) => members.remove("entry").unwrap_or_default(),
        _ => Value::Null,
    };
    let items = match items {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    let mut answers: Vec<(usize, Responded)> = Vec::with_capacity(items.len());
    let mut entries: Vec<Entry> = Vec::with_capacity(items.len());
    for (place, (item, resource)) in items.into_iter().zip(resources).enumerate() {
        match understand(service, request, place, item, resource) {
            Ok(entry) => entries.push(entry),
            Err(error) => answers.push((place, failed(request, error, place)?)),
        }
    }
    entries.sort_by_key(|entry| (entry.turn(), entry.place));
    for entry in entries {
        let place = entry.place;
        let answered = match one(service, entry, shown).await {
            Ok(answered) => answered,
            Err(error) => failed(request, error, place)?,
        };
        answers.push((place, answered));
    }
    answers.sort_by_key(|(place, _)| *place);
    let answers: Vec<Responded> = answers.into_iter().map(|(_, answer)| answer).collect();
    bundle("batch-response", answers, request.language)
}

/// Does what one entry says, and shows what the client wants of it.
///
/// # Errors
/// Those of its interaction.
pub async fn one(service: &Service, entry: Entry, shown: Shown) -> Result<Responded, Error> {
    let writes = entry.route.writes() || matches!(entry.route, Route::Delete(..));
    responded(service, done(service, entry).await?, writes, shown)
}

/// Does what one entry says.
///
/// # Errors
/// Those of its interaction.
pub async fn done(service: &Service, entry: Entry) -> Result<Answer, Error> {
    let Entry { route, pairs, sent, request, if_none_match, .. } = entry;
    // In a Bundle a Binary is a resource.
    let wanted = Wanted { ranges: vec!["application/fhir+json".into()] };
    let mut answer = perform(service, &request, &route, pairs, sent, &wanted).await?;
    if let Some(content) = answer.content.take() {
        answer.body = content.within(&answer.body).await?;
    }
    if route.reads() && if_none_match.is_some() && if_none_match == answer.version {
        answer.status = 304;
    }
    Ok(answer)
}

/// The answer of an entry that was refused; what is not its own fault ends the whole.
fn failed(request: &Request, error: Error, place: usize) -> Result<Responded, Error> {
    match error {
        Error::Away => Err(Error::Away),
        error => {
            let error = within(error, place);
            if let Error::Unexpected(reason) = &error {
                tracing::error!(request.id = request.id, reason, "unexpected");
            }
            Ok(refused(error.status(), outcome_of(&error, &request.id)))
        }
    }
}

/// The Bundle without its resources, and these: what is wrong with one is said of that entry alone.
pub fn apart(document: Document) -> (Document, Vec<Option<Document>>) {
    let Document { mut value, issues, .. } = document;
    let items = value.get_mut("entry").and_then(Value::as_array_mut).map(Vec::as_mut_slice).unwrap_or_default();
    let resources = items.iter_mut().map(|item| item.as_object_mut()?.shift_remove("resource"));
    let mut resources: Vec<Option<Document>> = resources.map(|resource| resource.map(Document::from)).collect();
    let mut own = Vec::new();
    for mut issue in issues {
        let inside = issue.expression.strip_prefix("Bundle.entry[").and_then(|rest| rest.split_once("].resource"));
        let inside = inside.map(|(place, rest)| (place.parse::<usize>().ok(), rest.to_owned()));
        match inside.and_then(|(place, rest)| Some((resources.get_mut(place?)?.as_mut()?, rest))) {
            Some((resource, rest)) => {
                let name = resource.resource_type().map_or("Resource", ResourceType::name);
                issue.expression = format!("{name}{rest}");
                resource.issues.push(issue);
            }
            None => own.push(issue),
        }
    }
    // An entry that only held a resource would be empty without it.
    let mut shell = Document::from(value);
    shell.issues = own;
    (shell, resources)
}
