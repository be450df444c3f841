//! Page cursors: encrypted, bound to the caller, good for an hour, conferring no right (CONTRACT 4).
//!
//! A cursor holds the whole query, so that a page link shows nothing of it, and the place of the last resource shown.

use serde::{Deserialize, Serialize};

use super::{Error, Request, Service};
use crate::store::Position;

/// How long a cursor is good for, seconds.
const LIFETIME_S: i64 = 3600;

/// Where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The parameters of the search.
    pub pairs: Vec<(String, String)>,
    /// The place of the resource at the end of the page it was made for; `None` for the first page.
    pub position: Option<Position>,
    /// Whether it leads to the page before that place, not after it.
    pub backward: bool,
    /// Until when it is good, seconds since 1970.
    pub until: i64,
}

/// What a cursor is bound to: a caller, with its exercise, and the address searched.
fn bound_to(request: &Request, path: &str) -> Vec<u8> {
    let caller = &request.caller;
    let structure = caller.structure.as_ref().map_or("", |structure| structure.as_str());
    format!("{path} {} {} {structure} {}", caller.kind.as_str(), caller.principal.as_str(), caller.purpose.as_str()).into_bytes()
}

impl Cursor {
    /// A cursor that is good for an hour.
    pub fn new(service: &Service, pairs: &[(String, String)], position: Option<Position>, backward: bool) -> Self {
        Self { pairs: pairs.to_vec(), position, backward, until: service.clock.seconds() + LIFETIME_S }
    }

    /// The text that travels.
    pub fn seal(&self, service: &Service, request: &Request, path: &str) -> Result<String, Error> {
        let text = serde_json::to_vec(self).map_err(|error| Error::Unexpected(error.to_string()))?;
        Ok(service.sealer.seal(&bound_to(request, path), &text)?)
    }

    /// The cursor that was sealed for this caller.
    pub fn unseal(service: &Service, request: &Request, path: &str, text: &str) -> Result<Self, Error> {
        let bad = || Error::Value { place: "_cursor".into(), message: "the cursor is not valid here or not any more: search again".into() };
        let bytes = service.sealer.unseal(&bound_to(request, path), text).ok_or_else(bad)?;
        let cursor: Self = serde_json::from_slice(&bytes).map_err(|_| bad())?;
        if service.clock.seconds() >= cursor.until { Err(bad()) } else { Ok(cursor) }
    }

    /// The cursor, if one is given, and the parameters of its search.
    ///
    /// # Errors
    /// [`Error::Value`] for a cursor that is not this caller's, or not of this address, and for parameters beside it.
    pub fn resume(
        service: &Service,
        request: &Request,
        path: &str,
        pairs: &[(String, String)],
    ) -> Result<(Option<Self>, Vec<(String, String)>), Error> {
        let Some((_, text)) = pairs.iter().find(|(name, _)| name == "_cursor") else { return Ok((None, pairs.to_vec())) };
        if let Some((other, _)) = pairs.iter().find(|(name, _)| !matches!(name.as_str(), "_cursor" | "_format" | "_pretty")) {
            return Err(Error::Value { place: other.clone(), message: "a page link stands alone: it holds the whole search".into() });
        }
        let cursor = Self::unseal(service, request, path, text)?;
        let pairs = cursor.pairs.clone();
        Ok((Some(cursor), pairs))
    }
}
