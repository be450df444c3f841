//! Depositing a document (IHE MHD ITI-105): document, Binary, replaced documents and trace in one transaction.

use serde_json::Value;

use super::condition::{self, Created};
use super::create::{leave_trace, written};
use super::document::{self, Admitted, Replaced};
use super::header;
use super::holder::{self, Standing};
use super::read::candidate;
use super::stored::{envelope, parties, prepare, set};
use super::{Answer, Error, Refused, Request, Service, admission, labels, links, notice, report};
use crate::cda::Id;
use crate::fhir::{ResourceType, outcome};
use crate::filter::{Actor, Envelope, HolderRow, IndexRows, Label, Setting};
use crate::policy::projection::majority;
use crate::policy::{Action, Caller, Decision, Scope};
use crate::store::{self, AnyConnection, Found, NewResource};

/// Deposits a document; a push repeated with the same content is answered as the first time, unless the document was withdrawn.
///
/// # Errors
/// [`Error::Business`], [`Error::Conflict`] for other content under the same master identifier, and for one that was withdrawn.
pub(super) async fn deposit(service: &Service, request: &Request, value: &Value) -> Result<Answer, Refused> {
    let admitted = admit(service, value).await?;
    if !service.policy.deposits(request.caller.kind, admitted.doc_type) {
        return Err(Error::Forbidden("documents of this type are not deposited by this caller".into()).into());
    }
    if admitted.reports.iter().any(|report| report.status() == "entered-in-error") {
        return Err(Error::value("DiagnosticReport.status", "a report is withdrawn alone, or by the status of its document").into());
    }
    let warnings = admission::taken(&service.settings, admitted.warnings.clone())?;
    let (within, asker) = (service.clone(), request.clone());
    let work = move |connection: &mut AnyConnection| within_transaction(&within, &asker, connection, admitted.clone());
    let done = condition::unless_exists(service, request, ResourceType::DOCUMENT_REFERENCE, work).await?;
    let done = match done {
        Created::New(done) => done,
        Created::Existing(hit) => return Ok(condition::existing(service, request, &hit)),
    };
    Ok(match done {
        Done::New(stored) => {
            let warnings = warnings.into_iter().chain(stored.warnings).collect();
            Answer { parts: stored.parts, ..written(service, &stored.document, 201, warnings) }
        }
        Done::Again(first, parts) => {
            let body = links::absolute(ResourceType::DOCUMENT_REFERENCE, &first.body, &service.base_url);
            let location = Some(format!("DocumentReference/{}/_history/1", first.id));
            Answer { status: 201, body, version: Some(1), updated: Some(first.updated), location, warnings, parts, ..Answer::default() }
        }
    })
}

impl condition::Written for Done {
    fn holder(&self) -> i64 {
        match self {
            Self::New(stored) => stored.document.envelope.holder,
            Self::Again(..) => 0,
        }
    }
}

/// Content from this size on is read off the threads that serve.
const LARGE_BYTES: usize = 256 * 1024;

/// The form of a document and its content, wherever that is read.
pub(super) async fn admit(service: &Service, value: &Value) -> Result<Admitted, Error> {
    let contents = value.get("content").and_then(Value::as_array).into_iter().flatten();
    let size: usize = contents.filter_map(|content| content.pointer("/attachment/data")?.as_str()).map(str::len).sum();
    let within = service.clone();
    let work = move |value: &Value| document::admit(value, &within.policy, within.settings.masked_and_hidden, &within.base_url);
    if size < LARGE_BYTES {
        return work(value);
    }
    let value = value.clone();
    tokio::task::spawn_blocking(move || work(&value)).await.map_err(|error| Error::Unexpected(error.to_string()))?
}

enum Done {
    New(Box<Stored>),
    /// With where the reports were that it contained.
    Again(store::write::FirstVersion, Vec<(String, String)>),
}

fn within_transaction(service: &Service, request: &Request, connection: &mut AnyConnection, admitted: Admitted) -> Result<Done, Refused> {
    let (caller, clock) = (&request.caller, &service.clock);
    let (master, digest) = (admitted.master.clone(), admitted.digest.clone());
    let names = holder::names(&admitted.document, admitted.document.get("subject"), &service.base_url);
    let place = "DocumentReference.subject";
    let reached = holder::reach(service, connection, caller, &names)?;
    document::check_labels(&admitted.document, caller).map_err(|error| reached.refused(error))?;
    let standing = reached.open(place)?;
    let row = &standing.row;
    let submitter = row.actor(&caller.principal);
    let told = |refused: Refused| standing.told(service, caller, refused, place);
    let at = |error: Error| told(Refused::at(error, row.holder, 0));
    let asked = service.asked(request, "create", ResourceType::DOCUMENT_REFERENCE, "", "");
    admitted.claims.iter().try_for_each(|claim| claim.check(row)).map_err(at)?;
    if let Some(master) = &master
        && let Some(first) = store::write::deposited(connection, row.holder, submitter.as_str(), master)?
    {
        if first.digest != digest {
            let conflict = Error::Conflict("another document was deposited under this master identifier".into());
            return Err(Refused::at(conflict, row.holder, first.key));
        }
        // What was deleted is not brought back by a push that is late, and its address would lead nowhere.
        if first.withdrawn {
            let gone = "the document deposited under this master identifier was withdrawn: another one needs another identifier";
            return Err(Refused::at(Error::Conflict(gone.into()), row.holder, first.key));
        }
        let envelope = Envelope {
            holder: row.holder,
            key: first.key,
            ..envelope(ResourceType::DOCUMENT_REFERENCE, 0, 0, first.id.clone(), 0, &submitter)
        };
        leave_trace(service, connection, &asked, &envelope, 201)?;
        let mut parts = Vec::new();
        for report in admitted.reports.iter().filter(|report| report.contained.is_some()) {
            parts.extend(report::again(request, connection, row.holder, report).map_err(told)?);
        }
        return Ok(Done::Again(first, parts));
    }
    let stored = put(service, request, connection, admitted, standing, request.id_of_new(clock), Vec::new()).map_err(told)?;
    if let Some(master) = &master {
        store::write::remember_deposit(connection, &stored.document.envelope, master, &digest)?;
    }
    leave_trace(service, connection, &asked, &stored.document.envelope, 201)?;
    Ok(Done::New(Box::new(stored)))
}

/// A document that was stored.
pub(super) struct Stored {
    /// The document.
    pub document: NewResource,
    /// The reports it brought.
    pub reports: Vec<report::Written>,
    /// Where report and results are that it contained, by the id of each there.
    pub parts: Vec<(String, String)>,
    /// What only the record tells.
    pub warnings: Vec<Value>,
}

/// Stores a document under this id with its contents, its submission set and what it brings: the reports it was made of, else those
/// that its content is. What it replaces is superseded.
///
/// # Errors
/// [`Error::Business`], [`Error::Conflict`].
pub(super) fn put(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    admitted: Admitted,
    standing: &Standing,
    id: String,
    mut planned: Vec<report::Planned>,
) -> Result<Stored, Refused> {
    let (caller, clock, row) = (&request.caller, &service.clock, &standing.row);
    let Admitted { mut document, contents, doc_type, mut replaces, parents, reports, .. } = admitted;
    let at = |error: Error| Refused::at(error, row.holder, 0);
    let now = clock.now();
    document::check_age(&document, now < majority(row.born)).map_err(at)?;
    let mut warnings = Vec::new();
    let (mut repeated, mut first) = (0, 0);
    if planned.is_empty() {
        for report in reports {
            let (clinical, known_by) = (report.edition.is_some(), report.known_by.clone());
            match report::plan(service, request, connection, standing, report, None, &replaces) {
                Ok(report) => planned.push(report),
                // A clinical document is the original, and is kept: what was read out of it is told not to follow.
                Err(Refused { error: Error::Conflict(why), .. }) if clinical => {
                    let text = format!("the results of the clinical document are not found by themselves: {why}");
                    warnings.push(outcome::issue("warning", "conflict", &text, &["DocumentReference".to_owned()]));
                    // It repeats a report that may be hidden by now.
                    let (labels, since) = report::hides(service, request, connection, row.holder, known_by.as_ref()).map_err(at)?;
                    repeated |= labels;
                    first = earliest(first, since);
                }
                Err(refused) => return Err(refused),
            }
        }
    }
    let mut editions = Vec::new();
    for (planned, former) in planned.iter().filter_map(|planned| Some((planned, planned.former()?))) {
        if replaces.contains(&former) {
            continue;
        }
        if !planned.named {
            document::replaces(&mut document, &former);
        }
        if planned.report.edition.is_some() { &mut editions } else { &mut replaces }.push(former);
    }
    document::relates(&mut document, planned.iter().map(|planned| planned.id.as_str()));
    let replaces = Replaces { named: &replaces, parents: &parents, editions: &editions };
    let (inherited, since) = supersede(service, request, connection, standing, &replaces, labels::bits(&document), &mut warnings)?;
    first = earliest(first, since);
    label(service, &mut document, inherited | repeated, row, now < majority(row.born)).map_err(at)?;
    document::set_subject(&mut document, "subject", &row.patient, &row.ins);
    let submitter = row.actor(&caller.principal);
    let mut envelope = envelope(ResourceType::DOCUMENT_REFERENCE, row.holder, clock.next_key(), id, now, &submitter);
    envelope.doc_type = doc_type;
    envelope.labels = labels::bits(&document);
    envelope.first = first;
    envelope.parties = parties(&document::authors(&document, caller, &submitter));
    let mut all = Vec::new();
    for (place, content) in contents.into_iter().enumerate() {
        let binary = bound(service, &envelope, &submitter, content);
        if let Some(attachment) = document.pointer_mut(&format!("/content/{place}/attachment")) {
            set(attachment, "url", format!("Binary/{}", binary.envelope.id).into());
        }
        all.push(binary);
    }
    let new = prepare(&document, envelope, 0);
    if !request.submitted {
        all.push(super::list::of_deposit(service, request, &document, &new.envelope, row));
    }
    all.push(new.clone());
    let mut reports = Vec::with_capacity(planned.len());
    let mut next = Vec::new();
    for planned in &planned {
        let written = report::written(service, connection, planned, &new.envelope, standing)?;
        let brought = std::iter::once(&written.report).chain(written.results.iter().map(|(_, result)| result));
        let (first, later): (Vec<NewResource>, Vec<NewResource>) = brought.cloned().partition(|new| new.envelope.version == 1);
        all.extend(first);
        next.extend(later);
        reports.push(written);
    }
    store::bulk::replace_many(connection, &next)?;
    store::bulk::insert_many(connection, &all)?;
    if new.envelope.has(Label::HiddenFromHolder) {
        notice::settle(service, connection, &new.envelope, row)?;
    }
    for (planned, written) in planned.iter().zip(&reports) {
        report::remember(connection, planned, written)?;
    }
    let parts = planned.iter().zip(&reports).flat_map(|(planned, written)| report::places_of_document(planned, written)).collect();
    Ok(Stored { document: new, reports, parts, warnings })
}

/// A Binary bound, for ever, to the document of this envelope.
fn bound(service: &Service, document: &Envelope, submitter: &Actor, content: document::Content) -> NewResource {
    let clock = &service.clock;
    let own = envelope(ResourceType::BINARY, document.holder, clock.next_key(), clock.next_id(), document.updated, submitter);
    NewResource {
        envelope: own,
        realm: 0,
        bound: document.key,
        media: content.media,
        body: content.bytes,
        index: IndexRows::default(),
        deleted: false,
        put: false,
    }
}

/// Adds the labels that nobody asked for: those of the replaced documents and the holder's default.
///
/// A replacement is seen by no one who did not see what it replaces, or replacing would announce it; from representatives nothing is
/// hidden but of minors. The holder's default mask is not laid over `INVISIBLE_PATIENT`: together they do not stand unless that is
/// configured, and a deposit is not refused for a setting its author cannot know. Of the two the label that was chosen for this
/// document stays; the mask it goes without hides nothing from the holder, who masks it once it is announced.
fn label(service: &Service, document: &mut Value, inherited: i16, row: &HolderRow, minor: bool) -> Result<(), Error> {
    let together = service.settings.masked_and_hidden;
    for (label, _) in labels::VISIBILITY {
        let ended = label == Label::HiddenFromRepresentatives && !minor;
        if inherited & label.bit() != 0 && !ended {
            labels::add(document, label);
        }
    }
    let hidden = labels::bits(document) & Label::HiddenFromHolder.bit() != 0;
    if row.settings & Setting::DefaultMasking.bit() != 0 && (together || !hidden) {
        labels::add(document, Label::Masked);
    }
    labels::check_together(document, together)
}

/// What a document replaces: as its metadata name it, as its content does, and as what it brings does.
struct Replaces<'a> {
    named: &'a [Replaced],
    parents: &'a [Id],
    /// The versions before of the report that a clinical document is, which it replaces whether it names them or not.
    editions: &'a [Replaced],
}

/// The documents of this holder that are replaced and their place in `relatesTo`, as far as the caller sees them. What the metadata name
/// must be known, and be what the content replaces; what only the content names may be older than this record: a warning.
fn targets(
    connection: &mut AnyConnection,
    scope: &Scope,
    caller: &Caller,
    holder: i64,
    replaces: &Replaces<'_>,
    warnings: &mut Vec<Value>,
) -> Result<Vec<Found>, Refused> {
    let mut targets = Vec::new();
    let seen = |connection: &mut AnyConnection, id: &str| -> Result<Option<Found>, Refused> {
        let found = store::read::read(connection, scope, id)?.filter(|found| matches!(found.decision, Decision::Permit(_)));
        Ok(found.filter(|found| found.envelope.holder == holder))
    };
    for (place, replaced) in replaces.named.iter().enumerate() {
        let expression = format!("DocumentReference.relatesTo[{place}].target");
        let unknown = || {
            let message = "the replaced document is not known".to_owned();
            Refused::at(Error::Business { code: "not-found", expression: expression.clone(), message }, holder, 0)
        };
        let id = match replaced {
            Replaced::Id(id) => id.clone(),
            Replaced::Identifier(token) => super::patch::one_by_identifier(connection, scope, holder, token)?.ok_or_else(unknown)?,
        };
        let found = seen(connection, &id)?.ok_or_else(unknown)?;
        replaceable(&found, caller)?;
        let known = header::known_as(&super::stored::tree(&found.body)?);
        if !replaces.parents.is_empty() && !known.iter().any(|id| replaces.parents.contains(id)) {
            let message = "the clinical document replaces another one (ClinicalDocument.relatedDocument.parentDocument.id)";
            return Err(Refused::at(Error::value(&expression, message), holder, found.envelope.key));
        }
        targets.push(found);
    }
    for parent in replaces.parents.iter().filter(|_| replaces.named.is_empty()) {
        let mut found = None;
        for token in parent.tokens() {
            if let Some(id) = super::patch::one_by_identifier(connection, scope, holder, &token)? {
                found = found.or(seen(connection, &id)?);
            }
        }
        match found {
            Some(found) => {
                replaceable(&found, caller)?;
                targets.push(found);
            }
            None if !replaces.editions.is_empty() => {}
            None => {
                let text =
                    "what the clinical document replaces (ClinicalDocument.relatedDocument) is not known here: nothing was superseded";
                warnings.push(outcome::issue("warning", "business-rule", text, &["DocumentReference.relatesTo".to_owned()]));
            }
        }
    }
    for edition in replaces.editions {
        let Replaced::Id(id) = edition else { continue };
        if let Some(found) = seen(connection, id)? {
            replaceable(&found, caller)?;
            targets.push(found);
        }
    }
    Ok(targets)
}

fn replaceable(found: &Found, caller: &Caller) -> Result<(), Refused> {
    if super::patch::is_author(&candidate(found), caller) {
        return Ok(());
    }
    Err(Refused::at(Error::Forbidden("only an author replaces a document".into()), found.envelope.holder, found.envelope.key))
}

/// The earlier of two keys, of which 0 is none.
fn earliest(one: i64, other: i64) -> i64 {
    if one == 0 || other == 0 { one.max(other) } else { one.min(other) }
}

/// Marks the replaced documents as superseded; the labels any of them has, which the new one inherits (CONTRACT 3, Labels). What was
/// shown to representatives is not hidden from them again by replacing it: `own` are the labels that the new one came with.
///
/// What hides a document from the person for a time hides what replaces it for what is left of that time: the key of the first deposit
/// of the chain comes with the labels, 0 where none of it was so hidden (R1111-53 CSP counts a month from the deposit).
fn supersede(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    standing: &Standing,
    replaces: &Replaces<'_>,
    own: i16,
    warnings: &mut Vec<Value>,
) -> Result<(i16, i64), Refused> {
    let (mut labels, mut first) = (0, 0);
    let scope = service.policy.scope(&request.caller, Action::Consult, ResourceType::DOCUMENT_REFERENCE, service.clock.now());
    let ended = |of: &Envelope| service.policy.lasting().ended(of.labels, of.lasting_from(), service.clock.now());
    let mut targets = targets(connection, &scope, &request.caller, standing.row.holder, replaces, warnings)?;
    for found in &targets {
        let secret = Label::HiddenFromRepresentatives.bit();
        if own & secret != 0 && found.envelope.labels & secret == 0 {
            let shown = "what was shown to representatives is not hidden from them again";
            let error = Error::business("DocumentReference.securityLabel", shown);
            return Err(Refused::at(error, standing.row.holder, found.envelope.key));
        }
        let hidden = found.envelope.first != 0 || found.envelope.has(Label::HiddenFromHolder);
        let hides = Label::HiddenFromHolder.bit();
        let over = hidden && service.policy.lasting().ended(hides, found.envelope.lasting_from(), service.clock.now()) != 0;
        if own & hides != 0 && found.envelope.labels & hides & !ended(&found.envelope) == 0 && !over {
            // That something replaced it would be seen. What was hidden for its time is not hidden again by the label.
            let shown = "what replaces a document that the person sees is not hidden from the person";
            let error = Error::business("DocumentReference.securityLabel", shown);
            return Err(Refused::at(error, standing.row.holder, found.envelope.key));
        }
        labels |= found.envelope.labels & !ended(&found.envelope);
        if hidden && (first == 0 || found.envelope.lasting_from() < first) {
            first = found.envelope.lasting_from();
        }
    }
    // In one order whatever that of the request, so that two requests do not each hold what the other waits for.
    targets.sort_by_key(|found| found.envelope.key);
    targets.dedup_by_key(|found| found.envelope.key);
    for found in &targets {
        let mut former = super::stored::tree(&found.body)?;
        set(&mut former, "status", "superseded".into());
        labels::take_off(&mut former, ended(&found.envelope));
        let (version, labels) = (found.envelope.version + 1, labels::bits(&former));
        let envelope = Envelope { version, labels, updated: service.clock.now(), ..found.envelope.clone() };
        store::write::update(connection, &prepare(&former, envelope, 0))?;
    }
    Ok((labels, first))
}
