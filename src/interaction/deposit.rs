//! Depositing a document (IHE MHD ITI-105): document, Binary, replaced documents and trace in one transaction.

use serde_json::Value;

use super::condition::{self, Created};
use super::create::{leave_trace, written};
use super::document::{self, Admitted, Replaced};
use super::holder::{self, Standing};
use super::read::candidate;
use super::stored::{envelope, parties, prepare, set};
use super::{Answer, Error, Refused, Request, Service, labels, links};
use crate::fhir::ResourceType;
use crate::filter::{Actor, Envelope, HolderRow, IndexRows, Label, Setting};
use crate::policy::projection::majority;
use crate::policy::{Action, Decision};
use crate::store::{self, AnyConnection, NewResource};

/// Deposits a document; a push repeated with the same content is answered as the first time, unless the document was withdrawn.
///
/// # Errors
/// [`Error::Business`], [`Error::Conflict`] for other content under the same master identifier, and for one that was withdrawn.
pub(super) async fn deposit(service: &Service, request: &Request, value: &Value) -> Result<Answer, Refused> {
    let admitted = document::admit(value, &service.policy, service.settings.masked_and_hidden, &service.base_url)?;
    if !service.policy.deposits(request.caller.kind, admitted.doc_type) {
        return Err(Error::Forbidden("documents of this type are not deposited by this caller".into()).into());
    }
    let warnings = admitted.warnings.clone();
    let (within, asker) = (service.clone(), request.clone());
    let work = move |connection: &mut AnyConnection| within_transaction(&within, &asker, connection, admitted.clone());
    let done = condition::unless_exists(service, request, ResourceType::DOCUMENT_REFERENCE, work).await?;
    let done = match done {
        Created::New(done) => done,
        Created::Existing(hit) => return Ok(condition::existing(service, request, &hit)),
    };
    Ok(match done {
        Done::New(new) => written(service, &new, 201, warnings),
        Done::Again(first) => {
            let body = links::absolute(ResourceType::DOCUMENT_REFERENCE, &first.body, &service.base_url);
            let location = Some(format!("DocumentReference/{}/_history/1", first.id));
            Answer { status: 201, body, version: Some(1), updated: Some(first.updated), location, warnings, ..Answer::default() }
        }
    })
}

enum Done {
    New(Box<NewResource>),
    Again(store::write::FirstVersion),
}

fn within_transaction(service: &Service, request: &Request, connection: &mut AnyConnection, admitted: Admitted) -> Result<Done, Refused> {
    let (caller, clock) = (&request.caller, &service.clock);
    let Admitted { mut document, contents, doc_type, master, digest, replaces, .. } = admitted;
    let names = holder::names(&document, document.get("subject"), &service.base_url);
    let standing = holder::open(service, connection, caller, &names, "DocumentReference.subject")?;
    let row = &standing.row;
    let at = |error: Error| Refused::at(error, row.holder, 0);
    let asked = service.asked(request, "create", ResourceType::DOCUMENT_REFERENCE, "", "");
    if let Some(master) = &master
        && let Some(first) = store::write::deposited(connection, row.holder, caller.principal.as_str(), master)?
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
            ..envelope(ResourceType::DOCUMENT_REFERENCE, 0, 0, first.id.clone(), 0, &caller.principal)
        };
        leave_trace(service, connection, &asked, &envelope, 201)?;
        return Ok(Done::Again(first));
    }
    let now = clock.now();
    document::check_labels(&document, caller, now < majority(row.born)).map_err(at)?;
    let inherited = supersede(service, request, connection, &standing, &replaces, labels::bits(&document))?;
    label(service, &mut document, inherited, row, now < majority(row.born)).map_err(at)?;
    document::set_subject(&mut document, "subject", &row.patient, &row.ins);
    let mut envelope =
        envelope(ResourceType::DOCUMENT_REFERENCE, row.holder, clock.next_key(), request.id_of_new(clock), now, &caller.principal);
    envelope.doc_type = doc_type;
    envelope.labels = labels::bits(&document);
    envelope.parties = parties(&document::authors(&document, caller));
    for (place, content) in contents.into_iter().enumerate() {
        let binary = bound(service, &envelope, &caller.principal, content);
        if let Some(attachment) = document.pointer_mut(&format!("/content/{place}/attachment")) {
            set(attachment, "url", format!("Binary/{}", binary.envelope.id).into());
        }
        store::write::insert(connection, &binary)?;
    }
    let new = prepare(&document, envelope, 0);
    store::write::insert(connection, &new)?;
    if let Some(master) = &master {
        store::write::remember_deposit(connection, &new.envelope, master, &digest)?;
    }
    if !request.submitted {
        super::list::of_deposit(service, request, connection, &document, &new.envelope, row)?;
    }
    leave_trace(service, connection, &asked, &new.envelope, 201)?;
    Ok(Done::New(Box::new(new)))
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

/// Marks the replaced documents as superseded; the labels any of them has, which the new one inherits (CONTRACT 3, Labels). What was
/// shown to representatives is not hidden from them again by replacing it: `own` are the labels that the new one came with.
fn supersede(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    standing: &Standing,
    replaces: &[Replaced],
    own: i16,
) -> Result<i16, Refused> {
    let mut labels = 0;
    let mut targets = Vec::with_capacity(replaces.len());
    let scope = service.policy.scope(&request.caller, Action::Consult, ResourceType::DOCUMENT_REFERENCE, service.clock.now());
    let ended = |of: &Envelope| service.policy.lasting().ended(of.labels, of.key, service.clock.now());
    for (place, replaced) in replaces.iter().enumerate() {
        let expression = format!("DocumentReference.relatesTo[{place}].target");
        let unknown = || {
            Refused::at(
                Error::Business { code: "not-found", expression: expression.clone(), message: "the replaced document is not known".into() },
                standing.row.holder,
                0,
            )
        };
        let id = match replaced {
            Replaced::Id(id) => id.clone(),
            Replaced::Identifier(token) => super::patch::one_by_identifier(connection, &scope, token)?.ok_or_else(unknown)?,
        };
        let found = store::read::read(connection, &scope, &id)?.filter(|found| matches!(found.decision, Decision::Permit(_)));
        let found = found.filter(|found| found.envelope.holder == standing.row.holder).ok_or_else(unknown)?;
        if !super::patch::is_author(&candidate(&found), &request.caller) {
            let refusal = Error::Forbidden("only an author replaces a document".into());
            return Err(Refused::at(refusal, standing.row.holder, found.envelope.key));
        }
        let secret = Label::HiddenFromRepresentatives.bit();
        if own & secret != 0 && found.envelope.labels & secret == 0 {
            let shown = "what was shown to representatives is not hidden from them again";
            let error = Error::business("DocumentReference.securityLabel", shown);
            return Err(Refused::at(error, standing.row.holder, found.envelope.key));
        }
        labels |= found.envelope.labels & !ended(&found.envelope);
        targets.push(found);
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
    Ok(labels)
}
