//! `batch` and `transaction` (FHIR R4 http.html#transaction).

mod apply;
mod batch;
mod entry;
mod links;
mod reports;
mod response;
mod submission;
mod together;
mod transaction;

pub(super) use apply::write;
pub(super) use batch::apart;
pub(super) use entry::{Entry, understand, within};
pub(super) use links::conditional;
pub(super) use transaction::{addresses, entries};

use serde_json::Value;

use super::{Answer, Error, Request, Service};
use crate::fhir::{Document, ResourceType};

/// Entries of one Bundle at most.
pub const ENTRIES_MAX: usize = 10_000;

/// What a client wants of the resources it wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The resource itself.
    Representation,
    /// Nothing but status and address.
    Minimal,
    /// An OperationOutcome.
    Outcome,
}

/// Does what the entries of a Bundle say: each for itself, or all or none.
///
/// # Errors
/// [`Error::Invalid`] for what is no such Bundle, [`Error::TooLong`]; for a transaction the error of the first entry that fails, with
/// its place.
pub async fn bundle(service: &Service, request: &Request, document: Document, shown: Shown) -> Result<Answer, Error> {
    let place = || "resourceType".to_owned();
    if document.resource_type() != Some(ResourceType::BUNDLE) {
        return Err(Error::Value { place: place(), message: "expected a Bundle".into() });
    }
    let count = document.value.get("entry").and_then(Value::as_array).map_or(0, Vec::len);
    if count > ENTRIES_MAX {
        return Err(Error::TooLong(format!("the Bundle has more than {ENTRIES_MAX} entries")));
    }
    match document.value.get("type").and_then(Value::as_str) {
        Some("batch") => batch::batch(service, request, document, shown).await,
        Some("transaction") => transaction::transaction(service, request, document, shown).await,
        _ => Err(Error::Value { place: "Bundle.type".into(), message: "expected `batch` or `transaction`".into() }),
    }
}
