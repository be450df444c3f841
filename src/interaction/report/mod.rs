//! Reports of laboratories (EU laboratory guide; CONTRACT 3): a DiagnosticReport and its Observations.
//!
//! **Every report comes with a document, and is seen as that document is.** Report and results are bound, when stored, to one
//! DocumentReference (`resource.bound`, as a Binary is) and have its row of the matrix, its labels, its authors, its withdrawal: the
//! document lends them in each statement that writes it (`store::bulk`), and the scope asks for them in the statement that reads or
//! searches. Who may deposit a biology document for somebody may send a report; nobody else may. The submitter is the token's.
//!
//! - **Alone**, or in a transaction with the Observations, Specimens, requesters and laboratories it leads to: these are taken into it
//!   (`inline`), and a FHIR document is made of it that is deposited as a document of type 11502-2 (`made`). The labels of that document
//!   are those in the report's `meta.security`. What is neither report nor result stays with each, contained.
//! - **As a FHIR document** that is the content of a DocumentReference of that type: the reports in it are taken out of it (`inline`).
//! - **As a clinical document** (CDA CR-BIO of level 3) that is the content of one: its entries are read (`cda::results`) and made the
//!   report a FHIR document would bring (`clinical`), unless a FHIR document with a report stands beside it. The document is the original:
//!   it is kept whatever is in it, and what is not read is told as a warning.
//! - A PDF, or a CDA without entries, is found as a document alone.
//!
//! Report, results and document name each other: `DiagnosticReport.result`, `DocumentReference.context.related`.
//!
//! **One report has one identifier** (of one submitter, for one holder). The same push is answered as the first time. Another is a new
//! version of the same resource, if its status may follow (`status`): the document it comes with replaces the one before, and results
//! that are the same (`parts::likeness`) are new versions of theirs. Those that are not among them any more stay with the document that
//! was superseded, and are not found. `entered-in-error` withdraws the report with every document of it.
//!
//! A clinical document is known by its `setId` and follows by its `versionNumber` and by what it says it replaces (`edition`). Where it does
//! not follow (an earlier version, a report that was withdrawn, one that came as FHIR and was final) the document is kept and its results
//! are not found, which a warning tells: refusing it would lose the original for the sake of what is derived from it, and taking its
//! results would undo what was said later.

mod clinical;
mod edition;
mod inline;
mod keep;
mod made;
mod parts;
mod status;

use serde_json::Value;

pub(super) use clinical::report as of_clinical;
pub(super) use inline::{Led, inline, is_part, of_document, taken_out};
pub(super) use keep::{Planned, Written, hides, parts as places, parts_of_document as places_of_document, plan, remember, written};
pub(super) use made::LABORATORY;
pub(super) use parts::Report;

use super::admission;
use super::condition::{self, Created};
use super::create::{leave_trace, written as answered};
use super::deposit;
use super::document::{self, Admitted};
use super::holder;
use super::stored::envelope;
use super::{Answer, Error, Refused, Request, Service};
use crate::fhir::ResourceType;
use crate::filter::Envelope;
use crate::store::AnyConnection;

/// The answer to a result that no report brings.
pub(super) fn alone() -> Error {
    Error::business(
        "Observation",
        "an Observation comes with its report: in a transaction with a DiagnosticReport that leads to it, or contained",
    )
}

/// Takes in a report and all it contains; `labels` are those it asks for.
///
/// # Errors
/// [`Error::Business`] with the element, [`Error::Conflict`] for what may not follow.
pub(super) async fn create(service: &Service, request: &Request, value: Value, labels: Option<Value>) -> Result<Answer, Refused> {
    let report = Report::of(value)?;
    let document = made::document(service, &request.caller, &report, labels.as_ref())?;
    let admitted = deposit::admit(service, &document).await?;
    if !service.policy.deposits(request.caller.kind, admitted.doc_type) {
        return Err(Error::Forbidden("documents of this type are not deposited by this caller".into()).into());
    }
    let warnings = admission::taken(&service.settings, admitted.warnings.clone())?;
    let (within, asker) = (service.clone(), request.clone());
    let work = move |connection: &mut AnyConnection| within_transaction(&within, &asker, connection, admitted.clone(), report.clone());
    let done = match condition::unless_exists(service, request, ResourceType::DIAGNOSTIC_REPORT, work).await? {
        Created::New(done) => done,
        Created::Existing(hit) => return Ok(condition::existing(service, request, &hit)),
    };
    let status = |version: i32| if version == 1 { 201 } else { 200 };
    Ok(match done {
        Done::New(written, more) => {
            let version = written.report.envelope.version;
            let warnings = warnings.into_iter().chain(more).collect();
            Answer { parts: places(&written), ..answered(service, &written.report, status(version), warnings) }
        }
        Done::Again(first) => {
            let id = super::stored::tree(&first.body)?.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            let location = Some(format!("DiagnosticReport/{id}/_history/{}", first.version));
            let (version, updated) = (Some(first.version), Some(first.updated));
            let status = status(first.version);
            Answer { status, body: first.body, version, updated, location, warnings, parts: first.parts, ..Answer::default() }
        }
    })
}

/// Where a report is that a document contained, and its results, when the document is sent again.
///
/// # Errors
/// [`Error::Conflict`] for one that was withdrawn since.
pub(super) fn again(
    request: &Request,
    connection: &mut AnyConnection,
    holder: i64,
    report: &Report,
) -> Result<Vec<(String, String)>, Refused> {
    let Some(first) = keep::again(request, connection, holder, report)? else { return Ok(Vec::new()) };
    let id = super::stored::tree(&first.body)?.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let own = report.contained.iter().map(|local| (local.clone(), format!("DiagnosticReport/{id}/_history/{}", first.version)));
    Ok(own.chain(first.parts).collect())
}

enum Done {
    /// With warnings of what only the record tells.
    New(Box<Written>, Vec<Value>),
    Again(keep::Again),
}

impl condition::Written for Done {
    fn holder(&self) -> i64 {
        match self {
            Self::New(written, _) => written.report.envelope.holder,
            Self::Again(..) => 0,
        }
    }
}

fn within_transaction(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    admitted: Admitted,
    report: Report,
) -> Result<Done, Refused> {
    let names = holder::names(&report.report, report.report.get("subject"), &service.base_url);
    let place = "DiagnosticReport.subject";
    let reached = holder::reach(service, connection, &request.caller, &names)?;
    document::check_labels(&admitted.document, &request.caller).map_err(|error| reached.refused(error))?;
    let standing = reached.open(place)?;
    let told = |refused: Refused| standing.told(service, &request.caller, refused, place);
    let holder = standing.row.holder;
    let asked = service.asked(request, "create", ResourceType::DIAGNOSTIC_REPORT, "", "");
    if let Some(first) = keep::again(request, connection, holder, &report).map_err(told)? {
        let id = super::stored::tree(&first.body)?.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let own = envelope(ResourceType::DIAGNOSTIC_REPORT, holder, first.key, id, 0, &request.caller.principal);
        leave_trace(service, connection, &asked, &own, if first.version == 1 { 201 } else { 200 })?;
        return Ok(Done::Again(first));
    }
    let planned = plan(service, request, connection, standing, report, request.new_id.as_ref(), &[]).map_err(told)?;
    let (written, warnings) = if planned.report.status() == "entered-in-error" {
        let written = keep::withdraw(service, request, connection, &planned).map_err(told)?;
        remember(connection, &planned, &written)?;
        (written, Vec::new())
    } else {
        let stored =
            deposit::put(service, request, connection, admitted, standing, service.clock.next_id(), vec![planned]).map_err(told)?;
        let written = stored.reports.into_iter().next().ok_or_else(|| Error::Unexpected("the report was not written".into()))?;
        (written, stored.warnings)
    };
    let own: &Envelope = &written.report.envelope;
    leave_trace(service, connection, &asked, own, if own.version == 1 { 201 } else { 200 })?;
    Ok(Done::New(Box::new(written), warnings))
}
