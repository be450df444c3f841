//! The content of a large Binary, sent while it is fetched.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Error, Service};
use crate::filter::Envelope;
use crate::store::{Found, Store};

/// Stands in a resource where its content belongs: no base64 has it.
const HERE: &str = "*content*";

/// Content of which the first part is there.
#[derive(Clone)]
pub struct Content {
    store: Store,
    of: Envelope,
    /// The next part to send, where it is there already.
    ready: Option<Vec<u8>>,
    /// How much of the content was given out.
    given: u64,
    length: u64,
    /// Whether it stands in a resource, as base64.
    encoded: bool,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} bytes", self.given, self.length)
    }
}

impl Content {
    /// The content of a Binary that was found, raw or as base64.
    pub(super) fn new(service: &Service, found: &Found, encoded: bool) -> Self {
        let length = u64::try_from(found.body.len()).unwrap_or(u64::MAX).saturating_add(found.rest);
        Self { store: service.store.clone(), of: found.envelope.clone(), ready: Some(found.body.clone()), given: 0, length, encoded }
    }

    /// What stands in the resource instead of it.
    pub(super) fn placeholder() -> &'static str {
        HERE
    }

    /// The bytes of the resource before and after its content.
    pub fn around(resource: &[u8]) -> (Vec<u8>, Vec<u8>) {
        // Nothing of a Binary comes after its content.
        let at = resource.windows(HERE.len()).rposition(|bytes| bytes == HERE.as_bytes());
        let (before, after) = resource.split_at(at.unwrap_or(resource.len()));
        (before.to_vec(), after.get(HERE.len()..).unwrap_or_default().to_vec())
    }

    /// How many bytes it is sent as.
    pub fn sent_bytes(&self) -> u64 {
        if self.encoded { self.length.div_ceil(3).saturating_mul(4) } else { self.length }
    }

    /// The next part as it is sent, and what comes after it; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Away`]; [`Error::Unexpected`] when it is no longer there: what was sent stays a piece.
    pub async fn next(mut self) -> Result<Option<(Vec<u8>, Self)>, Error> {
        if self.given >= self.length {
            return Ok(None);
        }
        let part = match self.ready.take() {
            Some(part) => part,
            None => self.store.content(&self.of, self.given).await?,
        };
        self.given = self.given.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
        let part = if self.encoded { STANDARD.encode(&part).into_bytes() } else { part };
        Ok(Some((part, self)))
    }

    /// The resource with its content in it, for what is part of a larger answer.
    ///
    /// # Errors
    /// As [`Content::next`].
    pub(super) async fn within(self, resource: &[u8]) -> Result<Vec<u8>, Error> {
        let (mut all, after) = Self::around(resource);
        let mut left = Some(self);
        while let Some(content) = left {
            left = content.next().await?.map(|(part, rest)| {
                all.extend_from_slice(&part);
                rest
            });
        }
        all.extend_from_slice(&after);
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_cut_at_its_content_and_not_at_what_looks_like_it() {
        let rows = [
            (r#"{"contentType":"*content*","data":"*content*"}"#, r#"{"contentType":"*content*","data":""#, r#""}"#),
            (r#"{"data":"AAAA"}"#, r#"{"data":"AAAA"}"#, ""),
        ];
        for (resource, before, after) in rows {
            assert_eq!(Content::around(resource.as_bytes()), (before.into(), after.into()), "{resource}");
        }
    }
}
