//! Page cursors: encrypted, bound to the caller, good for an hour, conferring no right (CONTRACT 4).
//!
//! A cursor holds the whole query, so that a page link shows nothing of it, and the place of the last resource shown.

use serde::{Deserialize, Serialize};

use super::{Error, Request, Service};
use crate::fhir::ResourceType;

/// How long a cursor is good for, seconds.
const LIFETIME_S: i64 = 3600;

/// Where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The parameters of the search.
    pub pairs: Vec<(String, String)>,
    /// The sort value of the last resource.
    pub sorted_by: String,
    /// Its key.
    pub key: i64,
    /// Until when it is good, seconds since 1970.
    pub until: i64,
}

/// What a cursor is bound to: a caller, with its exercise, and what is searched.
fn bound_to(request: &Request, place: &str) -> Vec<u8> {
    let caller = &request.caller;
    let structure = caller.structure.as_ref().map_or("", |structure| structure.as_str());
    format!("{place} {} {} {structure} {}", caller.kind.as_str(), caller.principal.as_str(), caller.purpose.as_str()).into_bytes()
}

impl Cursor {
    /// A cursor that is good for an hour.
    pub fn new(service: &Service, pairs: &[(String, String)], sorted_by: &str, key: i64) -> Self {
        Self { pairs: pairs.to_vec(), sorted_by: sorted_by.to_owned(), key, until: service.clock.seconds() + LIFETIME_S }
    }

    /// The text that travels.
    pub fn seal(&self, service: &Service, request: &Request, resource: ResourceType) -> Result<String, Error> {
        self.seal_at(service, request, resource.name())
    }

    /// The same for what is no search of a type.
    pub fn seal_at(&self, service: &Service, request: &Request, place: &str) -> Result<String, Error> {
        let text = serde_json::to_vec(self).map_err(|error| Error::Unexpected(error.to_string()))?;
        Ok(service.sealer.seal(&bound_to(request, place), &text)?)
    }

    /// The cursor that was sealed for this caller.
    pub fn unseal(service: &Service, request: &Request, resource: ResourceType, text: &str) -> Result<Self, Error> {
        Self::unseal_at(service, request, resource.name(), text)
    }

    /// The same for what is no search of a type.
    pub fn unseal_at(service: &Service, request: &Request, place: &str, text: &str) -> Result<Self, Error> {
        let bad = || Error::Value { place: "_cursor".into(), message: "the cursor is not valid here or not any more: search again".into() };
        let bytes = service.sealer.unseal(&bound_to(request, place), text).ok_or_else(bad)?;
        let cursor: Self = serde_json::from_slice(&bytes).map_err(|_| bad())?;
        if service.clock.seconds() >= cursor.until { Err(bad()) } else { Ok(cursor) }
    }
}
