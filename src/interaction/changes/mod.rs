//! What a patch changes of a document (CONTRACT 3, Labels; PDSm flux 03): status, labels and isArchived, nothing else, whichever
//! way it is written.

mod json;
mod path;
mod xml;

use serde_json::Value;

use super::patch::Operations;
use super::{Error, fhirpath_patch};
use crate::fhir::ResourceType;

/// The extension that archives a document.
pub const ARCHIVED: &str = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived";
/// The canonical base of PDSm.
const GUIDE: &str = "https://interop.esante.gouv.fr/ig/fhir/pdsm/";
/// What a document answers to.
pub const ALLOW: &str = "GET, PATCH";

/// A change, understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Nothing: what was to be deleted is not there.
    Nothing,
    /// The status becomes this.
    Status(String),
    /// An operation on the labels: its name, the index, the value.
    Label(String, Option<String>, Option<Value>),
    /// Archived or not; the index of the extension where one is named.
    Archived(bool, Option<usize>),
    /// A member must have this value.
    Test(String, Value),
}

/// A change, or how to find it in the document.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// It is known.
    Known(Change),
    /// By FHIRPath; its number.
    Path(usize, Box<fhirpath_patch::Operation>),
    /// By XPath; its number.
    Xml(usize, Box<xml::Operation>),
}

impl Step {
    /// The change it means in this document; `now` in microseconds.
    ///
    /// # Errors
    /// What does not apply, in words.
    pub(super) fn on(&self, document: &Value, now: i64) -> Result<Change, String> {
        match self {
            Self::Known(change) => Ok(change.clone()),
            Self::Xml(number, operation) => operation.change(document).map_err(|why| format!("operation {number} does not apply: {why}")),
            Self::Path(number, operation) => {
                path::change(operation, document, now).map_err(|why| format!("operation {number} does not apply: {why}"))
            }
        }
    }
}

/// Understands the operations; one on another element refuses the whole, whatever document it is for.
///
/// # Errors
/// [`Error::Value`] for what is no patch, [`Error::TooLong`], [`Error::Method`].
pub(super) fn understand(operations: &Operations) -> Result<Vec<Step>, Error> {
    match operations {
        Operations::Json(operations) => Ok(json::understand(operations)?.into_iter().map(Step::Known).collect()),
        Operations::Xml(bytes) => {
            let each = xml::understand(bytes)?.into_iter().enumerate();
            Ok(each.map(|(number, operation)| Step::Xml(number, Box::new(operation))).collect())
        }
        Operations::Path(parameters) => {
            let patch = fhirpath_patch::understand(parameters, ResourceType::DOCUMENT_REFERENCE)?;
            let each = patch.0.into_iter().enumerate();
            each.map(|(number, operation)| match path::is_open(&operation) {
                true => Ok(Step::Path(number, Box::new(operation))),
                false => Err(elsewhere()),
            })
            .collect()
        }
    }
}

/// Whether this is the address of isArchived: the published samples take that of its search parameter, too.
fn names_archived(url: &str) -> bool {
    url == ARCHIVED || (url.starts_with(GUIDE) && url.contains("/SearchParameter/") && url.to_ascii_lowercase().contains("archived"))
}

/// The refusal of any other element.
fn elsewhere() -> Error {
    Error::Method { allow: ALLOW, message: "only status, securityLabel and isArchived of a document are patched".into() }
}
