//! Taking a body in: its media type, its coding, its limits.

use std::io::Read;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};
use actix_web::web::{self, Bytes, Payload};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};

use super::negotiate::{self, Sent};
use super::route::Route;
use crate::fhir::{Document, Format};
use crate::interaction::Error;

/// Bytes of a resource at most, as sent and decompressed.
pub const BODY_BYTES_MAX: usize = 50 * 1024 * 1024;
/// Bytes of the parameters of a POST search, and of a patch, at most.
const SEARCH_BYTES_MAX: usize = 256 * 1024;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Bodies from this size on are decompressed and read off the threads that serve.
const LARGE_BYTES: usize = 256 * 1024;

/// A body, taken in.
#[derive(Debug)]
pub enum Body {
    /// The route has none.
    None,
    /// A resource.
    Resource(Document),
    /// The operations of a JSON Patch.
    Patch(Value),
    /// The parameters of a POST search.
    Form(Bytes),
}

/// The body of a request to this route.
///
/// # Errors
/// [`Error::MediaType`], [`Error::TooLong`], [`Error::Syntax`] with line and column.
pub async fn body(request: &HttpRequest, payload: Payload, route: &Route) -> Result<Body, Error> {
    let headers = request.headers();
    match route {
        Route::Create(_) | Route::Update(..) => {
            let sent = negotiate::sent(headers)?;
            if !route.is_of_binary() && matches!(sent, Sent::Other(_)) {
                return Err(Error::MediaType("expected application/fhir+json or application/fhir+xml".into()));
            }
            let bytes = bytes(headers, payload, BODY_BYTES_MAX).await?;
            let id = match route {
                Route::Update(_, id) => id.clone(),
                _ => None,
            };
            let binary = route.is_of_binary().then_some(id);
            off_thread(bytes.len(), move || resource(&sent, &bytes, binary)).await.map(Body::Resource)
        }
        Route::Patch(..) => {
            negotiate::sends(headers, "application/json-patch+json")?;
            let bytes = bytes(headers, payload, SEARCH_BYTES_MAX).await?;
            Ok(Body::Patch(crate::fhir::json::parse(&bytes)?))
        }
        Route::PostSearch(_) => {
            let empty = negotiate::header(headers, &CONTENT_LENGTH) == Some("0");
            if !empty {
                negotiate::sends(headers, "application/x-www-form-urlencoded")?;
            }
            bytes(headers, payload, SEARCH_BYTES_MAX).await.map(Body::Form)
        }
        _ => Ok(Body::None),
    }
}

/// The resource in these bytes; for a Binary, with its id where the address names one, also any content (FHIR R4 binary.html#rest).
fn resource(sent: &Sent, bytes: &[u8], binary: Option<Option<String>>) -> Result<Document, Error> {
    let (format, media) = match sent {
        Sent::Resource(format) => (*format, format.media()),
        Sent::Other(media) => (Format::Json, media.as_str()),
    };
    let Some(id) = binary else { return Ok(Document::read(format, bytes)?) };
    if let Sent::Resource(format) = sent {
        return Ok(Document::read(*format, bytes)?);
    }
    if media.is_empty() {
        return Err(Error::MediaType("expected a Content-Type".into()));
    }
    let mut value = json!({"resourceType": "Binary"});
    if let Some(id) = id {
        super::set(&mut value, "id", id.into());
    }
    super::set(&mut value, "contentType", media.into());
    if !bytes.is_empty() {
        super::set(&mut value, "data", STANDARD.encode(bytes).into());
    }
    Ok(value.into())
}

/// Large work leaves the serving threads to others.
async fn off_thread<T: Send + 'static>(size: usize, work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    if size < LARGE_BYTES {
        return work();
    }
    web::block(work).await.map_err(|error| Error::Unexpected(error.to_string()))?
}

/// The bytes of a body, decompressed, at most `most` either way.
async fn bytes(headers: &HeaderMap, payload: Payload, most: usize) -> Result<Bytes, Error> {
    let gzip = negotiate::is_gzip(headers)?;
    let read = actix_web::rt::time::timeout(BODY_TIMEOUT, payload.to_bytes_limited(most)).await;
    let bytes = match read {
        Err(_) => return Err(Error::Value { place: "body".into(), message: "the body did not arrive in time".into() }),
        Ok(Err(_)) => return Err(too_long(most)),
        Ok(Ok(Err(_))) => return Err(Error::Syntax("the body did not arrive whole".into())),
        Ok(Ok(Ok(bytes))) => bytes,
    };
    if !gzip {
        return Ok(bytes);
    }
    // Few bytes may become many: what they become is bounded, not what they are.
    off_thread(LARGE_BYTES, move || gunzip(&bytes, most)).await
}

fn too_long(most: usize) -> Error {
    Error::TooLong(format!("the body has more than {most} bytes"))
}

fn gunzip(bytes: &[u8], most: usize) -> Result<Bytes, Error> {
    let mut plain = Vec::new();
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(bytes).take(bound).read_to_end(&mut plain).map_err(|_| Error::Syntax("the body is not gzip".into()))?;
    if plain.len() > most { Err(too_long(most)) } else { Ok(plain.into()) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_is_decompressed_is_bounded() {
        let (small, bomb) = (gzip(b"{}"), gzip(&vec![b' '; 10_000_000]));
        assert!(bomb.len() < 20_000);
        assert_eq!(gunzip(&small, 10).unwrap(), "{}");
        assert_eq!(gunzip(&[small.clone(), small.clone()].concat(), 10).unwrap(), "{}{}");
        assert_eq!(gunzip(&bomb, 1_000_000).map_err(|error| error.status()), Err(413));
        for broken in [&b"{}"[..], &small[..small.len() - 3], b""] {
            assert_eq!(gunzip(broken, 10).map_err(|error| error.status()), Err(400));
        }
    }
}
