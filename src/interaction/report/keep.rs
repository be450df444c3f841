//! Reports and results in the transaction of their document: what each was before, what it becomes.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::super::create::leave_trace;
use super::super::document::{Replaced, set_subject};
use super::super::holder::{self, Standing};
use super::super::stored::{prepare, set, tree};
use super::super::{Error, Refused, Request, Service, labels, notice};
use super::inline::PERSON;
use super::parts::{Report, likeness};
use super::status;
use crate::fhir::{ResourceType, replace_references};
use crate::filter::{Envelope, Label, Param};
use crate::store::{self, AnyConnection, Brought, NewResource};

/// A report of which it is known what it was before.
pub struct Planned {
    /// As it came.
    pub report: Report,
    /// Its id.
    pub id: String,
    /// What it was; `None` for a new one.
    pub before: Option<Brought>,
    /// Whether the clinical document that brings it names itself the document that brought what it was.
    pub named: bool,
}

impl Planned {
    /// The document that brought what it was, which the one that brings it now replaces.
    pub fn former(&self) -> Option<Replaced> {
        self.before.as_ref().map(|before| Replaced::Id(before.document.clone()))
    }
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// What a report was before, if it may become what it is now. One whose document says which it `replaces` may, whatever its status was.
///
/// # Errors
/// [`Error::Conflict`]; [`Error::Business`] for another person.
pub fn plan(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    standing: &Standing,
    mut report: Report,
    id: Option<&String>,
    replaces: &[Replaced],
) -> Result<Planned, Refused> {
    let (holder, submitter) = (standing.row.holder, request.caller.principal.as_str());
    let at = |error: Error| Refused::at(error, holder, 0);
    about(service, standing, &report).map_err(at)?;
    let before = match &report.known_by {
        Some(name) => {
            store::write::lock_condition(connection, &format!("{name} {submitter} {holder}"))?;
            store::brought::report(connection, holder, submitter, name)?
        }
        None => None,
    };
    let mut named = false;
    if let Some(before) = &before {
        let at = |error: Error| Refused::at(error, holder, before.envelope.key);
        let said = replaces.iter().any(|one| matches!(one, Replaced::Identifier(_)) || *one == Replaced::Id(before.document.clone()));
        let whole = tree(&before.body)?;
        let was = if before.envelope.has(Label::EnteredInError) { "entered-in-error" } else { text(&whole, "status") };
        if let Some(edition) = &report.edition {
            named = edition.names(&whole);
            let status = edition.after(&whole, was, report.status(), said).map_err(at)?;
            set(&mut report.report, "status", status.into());
        } else if !said || was == "entered-in-error" {
            status::follows(was, report.status()).map_err(at)?;
        }
    } else if report.status() == "entered-in-error" {
        return Err(at(Error::business("DiagnosticReport.status", "what is withdrawn was sent before, under the same identifier")));
    }
    let id = before.as_ref().map(|before| before.envelope.id.clone()).or_else(|| id.cloned()).unwrap_or_else(|| service.clock.next_id());
    Ok(Planned { report, id, before, named })
}

/// What hides the report that is known by this name and has not ended, and since when it hides it from the person, or 0: what repeats a
/// report without following it is hidden alike.
///
/// # Errors
/// [`Error::Away`].
pub fn hides(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    holder: i64,
    known_by: Option<&String>,
) -> Result<(i16, i64), Error> {
    let submitter = request.caller.principal.as_str();
    let known = known_by.map(|name| store::brought::report(connection, holder, submitter, name)).transpose()?.flatten();
    let Some(Brought { envelope, .. }) = known else { return Ok((0, 0)) };
    let hidden = Label::HiddenFromHolder.bit();
    let all = Label::Masked.bit() | hidden | Label::HiddenFromRepresentatives.bit();
    let ended = service.policy.lasting().ended(envelope.labels, envelope.lasting_from(), service.clock.now());
    let labels = envelope.labels & all & !ended;
    Ok((labels, if labels & hidden == 0 { 0 } else { envelope.lasting_from() }))
}

/// Everything in a report is about the one person.
fn about(service: &Service, standing: &Standing, report: &Report) -> Result<(), Error> {
    let all = std::iter::once(("DiagnosticReport".to_owned(), &report.report));
    let results = report.results.iter().map(|(id, result)| (format!("DiagnosticReport.contained.where(id='{id}')"), result));
    for (place, resource) in all.chain(results) {
        let subject = resource.get("subject");
        let Some(reference) = subject else {
            let message = "a report and its results say whom they are about".to_owned();
            return Err(Error::Business { code: "required", expression: format!("{place}.subject"), message });
        };
        let person = text(reference, "reference") == PERSON;
        if !person && !standing.is_named(&holder::names(resource, subject, &service.base_url)) {
            return Err(Error::value(&format!("{place}.subject"), "a report and its results are about one person"));
        }
    }
    Ok(())
}

/// What is written of a report.
pub struct Written {
    /// The report.
    pub report: NewResource,
    /// The results, each with the id it had in the report.
    pub results: Vec<(String, NewResource)>,
}

/// The versions of a report and its results that a document brings.
///
/// # Errors
/// [`Error::Unexpected`] for what no version stored.
pub fn written(
    service: &Service,
    connection: &mut AnyConnection,
    planned: &Planned,
    document: &Envelope,
    standing: &Standing,
) -> Result<Written, Refused> {
    let Planned { report, id, before, .. } = planned;
    let former = match before {
        Some(before) => before_of(connection, before)?,
        None => Former::default(),
    };
    let envelope = |resource: ResourceType, before: Option<&Envelope>, id: Option<String>| Envelope {
        key: before.map_or_else(|| service.clock.next_key(), |before| before.key),
        id: before.map(|before| before.id.clone()).or(id).unwrap_or_else(|| service.clock.next_id()),
        version: before.map_or(1, |before| before.version + 1),
        resource,
        first: document.lasting_from(),
        ..document.clone()
    };
    let own = envelope(ResourceType::DIAGNOSTIC_REPORT, before.as_ref().map(|before| &before.envelope), Some(id.clone()));
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut results = Vec::with_capacity(report.results.len());
    for (local, result) in &report.results {
        let alike = likeness(result);
        let rank = seen.entry(alike.clone()).and_modify(|count| *count += 1).or_insert(0);
        let was = former.results.get(&(alike, *rank));
        results.push((local.clone(), result, envelope(ResourceType::OBSERVATION, was, None)));
    }
    let address = |local: &str| match local {
        "" => Some(format!("DiagnosticReport/{}", own.id)),
        local => results.iter().find(|(known, ..)| known == local).map(|(_, _, envelope)| format!("Observation/{}", envelope.id)),
    };
    let here = format!("DocumentReference/{}", document.id);
    let new = |value: &Value, envelope: Envelope| {
        let value = finished(service, value.clone(), standing, &address);
        let mut new = NewResource { bound: document.key, ..prepare(&value, envelope, 0) };
        let documents = former.documents.iter().filter(|(key, _)| *key == new.envelope.key).map(|(_, document)| document.clone());
        let param = Param::document_of(new.envelope.resource);
        new.index.reference.extend(documents.chain([here.clone()]).map(|document| (param, document)));
        new.index.reference.sort_unstable();
        new.index.reference.dedup();
        new
    };
    Ok(Written {
        report: new(&report.report, own.clone()),
        results: results.iter().map(|(local, value, envelope)| (local.clone(), new(value, envelope.clone()))).collect(),
    })
}

/// What the former version of a report had.
#[derive(Default)]
struct Former {
    /// Its results, by what they are and their place among those alike.
    results: HashMap<(String, usize), Envelope>,
    /// The documents that brought report and results, by key.
    documents: Vec<(i64, String)>,
}

fn before_of(connection: &mut AnyConnection, before: &Brought) -> Result<Former, Error> {
    let whole = tree(&before.body)?;
    let stored = store::brought::results(connection, before.envelope.holder, before.bound)?;
    // Those of this report, of all that its document brought: named as a result, or by one that is.
    let mut mine: Vec<String> = Vec::new();
    let mut named = vec![whole];
    let mut results = Vec::new();
    while let Some(next) = named.pop() {
        for member in ["result", "hasMember", "derivedFrom"] {
            for reference in next.get(member).and_then(Value::as_array).into_iter().flatten() {
                let reference = text(reference, "reference").to_owned();
                let found = stored.iter().find(|one| reference == format!("Observation/{}", one.envelope.id));
                if let Some(found) = found.filter(|_| !mine.contains(&reference)) {
                    mine.push(reference);
                    named.push(tree(&found.body)?);
                    results.push(found);
                }
            }
        }
    }
    results.sort_by_key(|result| result.envelope.key);
    let envelopes: Vec<&Envelope> = std::iter::once(&before.envelope).chain(results.iter().map(|result| &result.envelope)).collect();
    let documents = store::brought::documents(connection, before.envelope.holder, &envelopes)?;
    let mut former = Former { documents, ..Former::default() };
    let mut seen: HashMap<String, usize> = HashMap::new();
    for result in results {
        let alike = likeness(&tree(&result.body)?);
        let rank = seen.entry(alike.clone()).and_modify(|count| *count += 1).or_insert(0);
        former.results.insert((alike, *rank), result.envelope.clone());
    }
    Ok(former)
}

/// A report or result as it is stored: its links lead to what is stored, and it names the person as all of the record does.
fn finished(service: &Service, mut value: Value, standing: &Standing, address: &impl Fn(&str) -> Option<String>) -> Value {
    let row = &standing.row;
    let here = format!("Patient/{}", row.patient);
    set_subject(&mut value, "subject", &row.patient, &row.ins);
    let contained = value.get("contained").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let patients = contained.iter().filter(|item| text(item, "resourceType") == "Patient");
    let persons: Vec<String> =
        patients.filter(|patient| standing.is_named(&holder::identified(patient))).map(|patient| text(patient, "id").to_owned()).collect();
    replace_references(&mut value, &|reference| {
        let local = reference.strip_prefix('#');
        let names_person = reference == PERSON
            || local.is_some_and(|id| persons.iter().any(|person| person == id))
            || reference.starts_with("Patient?")
                && standing.is_named(&holder::names(&Value::Null, Some(&json!({"reference": reference})), &service.base_url));
        if names_person { Some(here.clone()) } else { address(local?) }
    });
    if let Some(members) = value.as_object_mut() {
        if let Some(items) = members.get_mut("contained").and_then(Value::as_array_mut) {
            items.retain(|item| !(text(item, "resourceType") == "Patient" && persons.contains(&text(item, "id").to_owned())));
        }
        if members.get("contained").and_then(Value::as_array).is_some_and(Vec::is_empty) {
            members.shift_remove("contained");
        }
    }
    value
}

/// Remembers what was written of a report, so that it is known when it, or another version of it, is sent again.
///
/// # Errors
/// [`Error::Busy`].
pub fn remember(connection: &mut AnyConnection, planned: &Planned, written: &Written) -> Result<(), Refused> {
    let own = &written.report.envelope;
    if let (Some(name), None) = (&planned.report.known_by, &planned.before) {
        store::write::remember_deposit(connection, own, name, &[])?;
    }
    if let Some(push) = &planned.report.push
        && store::brought::pushed(connection, own.holder, &own.submitter, push)?.is_none()
    {
        let note = json!({"version": own.version, "parts": parts(written)}).to_string();
        store::write::remember_deposit(connection, own, push, note.as_bytes())?;
    }
    Ok(())
}

/// Where the results are, by the id each had in the report.
pub fn parts(written: &Written) -> Vec<(String, String)> {
    let address = |new: &NewResource| format!("Observation/{}/_history/{}", new.envelope.id, new.envelope.version);
    written.results.iter().map(|(local, new)| (local.clone(), address(new))).collect()
}

/// The same with the report itself, where a document contained it.
pub fn parts_of_document(planned: &Planned, written: &Written) -> Vec<(String, String)> {
    let own = &written.report.envelope;
    let report = planned.report.contained.iter().map(|id| (id.clone(), format!("DiagnosticReport/{}/_history/{}", own.id, own.version)));
    report.chain(parts(written)).collect()
}

/// A report that was answered before, as it was then.
pub struct Again {
    /// Its key.
    pub key: i64,
    /// The version that was written.
    pub version: i32,
    /// When.
    pub updated: i64,
    /// Its bytes.
    pub body: Vec<u8>,
    /// Where its results were.
    pub parts: Vec<(String, String)>,
}

/// What was answered to the same report from the same submitter.
///
/// # Errors
/// [`Error::Conflict`] for one that was withdrawn since.
pub fn again(request: &Request, connection: &mut AnyConnection, holder: i64, report: &Report) -> Result<Option<Again>, Refused> {
    let submitter = request.caller.principal.as_str();
    let (Some(name), Some(push)) = (&report.known_by, &report.push) else { return Ok(None) };
    store::write::lock_condition(connection, &format!("{name} {submitter} {holder}"))?;
    let Some((note, key)) = store::brought::pushed(connection, holder, submitter, push)? else { return Ok(None) };
    let note = tree(&note)?;
    let version = note.get("version").and_then(Value::as_i64).and_then(|version| i32::try_from(version).ok()).unwrap_or_default();
    let current = store::brought::report(connection, holder, submitter, name)?;
    if report.status() != "entered-in-error" && current.is_some_and(|current| current.envelope.has(Label::EnteredInError)) {
        let gone = "this report was withdrawn: another one needs another identifier";
        return Err(Refused::at(Error::Conflict(gone.into()), holder, key));
    }
    let Some((updated, body)) = store::brought::version(connection, holder, key, version)? else { return Ok(None) };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let parts = note.get("parts").and_then(Value::as_array).into_iter().flatten();
    let parts = parts.filter_map(|pair| Some((text(pair.get(0)?), text(pair.get(1)?)))).collect();
    Ok(Some(Again { key, version, updated, body, parts }))
}

/// Withdraws a report: every document that brought a version of it goes, and what they brought with them.
///
/// # Errors
/// [`Error::Conflict`] where it was withdrawn already.
pub fn withdraw(service: &Service, request: &Request, connection: &mut AnyConnection, planned: &Planned) -> Result<Written, Refused> {
    let Some(before) = &planned.before else { return Err(Error::Unexpected("a report that was not sent is withdrawn".into()).into()) };
    let holder = before.envelope.holder;
    let now = service.clock.now();
    let brought = store::brought::documents(connection, holder, &[&before.envelope])?;
    let scope = service.policy.scope(&request.caller, crate::policy::Action::Consult, ResourceType::DOCUMENT_REFERENCE, now);
    let mut documents = Vec::new();
    for (_, document) in brought {
        let Some(id) = document.strip_prefix("DocumentReference/") else { continue };
        let found = store::read::read(connection, &scope, id)?;
        documents.extend(found.filter(|found| matches!(found.decision, crate::policy::Decision::Permit(_))));
    }
    // In one order, so that two requests do not each hold what the other waits for.
    documents.sort_by_key(|found| found.envelope.key);
    for found in &documents {
        let mut document = tree(&found.body)?;
        set(&mut document, "status", "entered-in-error".into());
        let envelope =
            Envelope { version: found.envelope.version + 1, labels: labels::bits(&document), updated: now, ..found.envelope.clone() };
        let new = prepare(&document, envelope, 0);
        store::write::update(connection, &new)?;
        if let Some(row) = found.facts.holder.as_ref().filter(|_| found.envelope.has(Label::HiddenFromHolder)) {
            notice::settle(service, connection, &new.envelope, row)?;
        }
        let asked = service.asked(request, "update", ResourceType::DOCUMENT_REFERENCE, "", "");
        leave_trace(service, connection, &asked, &new.envelope, 200)?;
    }
    let mut whole = tree(&before.body)?;
    set(&mut whole, "status", "entered-in-error".into());
    let labels = before.envelope.labels | Label::EnteredInError.bit();
    let envelope = Envelope { version: before.envelope.version + 1, labels, updated: now, ..before.envelope.clone() };
    let mut report = NewResource { bound: before.bound, ..prepare(&whole, envelope, 0) };
    let documents = store::brought::documents(connection, holder, &[&before.envelope])?;
    let param = Param::document_of(ResourceType::DIAGNOSTIC_REPORT);
    report.index.reference.extend(documents.into_iter().map(|(_, document)| (param, document)));
    store::write::update(connection, &report)?;
    Ok(Written { report, results: Vec::new() })
}
