//! A body that is fetched while it is sent: the content of a large Binary.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;

use crate::interaction::{Content, Error};

/// A part on its way, with what comes after it.
type Coming = Pin<Box<dyn Future<Output = Result<Option<(Vec<u8>, Content)>, Error>>>>;

/// Content, with what stands around it.
pub struct Streamed {
    before: Option<Bytes>,
    coming: Option<Coming>,
    after: Option<Bytes>,
    size: u64,
}

impl Streamed {
    /// The content, in the place that this resource keeps for it; alone where there is none.
    pub fn new(content: Content, resource: &[u8]) -> Self {
        let (before, after) = Content::around(resource);
        let size = content.sent_bytes().saturating_add(u64::try_from(before.len() + after.len()).unwrap_or(u64::MAX));
        let some = |bytes: Vec<u8>| (!bytes.is_empty()).then(|| Bytes::from(bytes));
        Self { before: some(before), coming: Some(Box::pin(content.next())), after: some(after), size }
    }
}

impl MessageBody for Streamed {
    type Error = Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.size)
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let this = self.get_mut();
        if let Some(before) = this.before.take() {
            return Poll::Ready(Some(Ok(before)));
        }
        if let Some(coming) = this.coming.as_mut() {
            let part = ready!(coming.as_mut().poll(context));
            this.coming = None;
            match part {
                Ok(Some((part, rest))) => {
                    this.coming = Some(Box::pin(rest.next()));
                    return Poll::Ready(Some(Ok(part.into())));
                }
                Ok(None) => {}
                // The connection ends before the length it announced: nobody takes the piece for the whole.
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        Poll::Ready(this.after.take().map(Ok))
    }
}
