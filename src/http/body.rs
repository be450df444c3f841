//! Taking a body in: its media type, its coding, its limits.

use std::future::poll_fn;
use std::io::Read;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::body::{BodyStream, MessageBody};
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};
use actix_web::web::{self, Bytes, BytesMut, Payload};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::negotiate::{self, Sent};
use crate::fhir::{Document, ResourceType};
use crate::interaction::{Error, Operations, Route};

/// Bytes of the parameters of a POST search, and of a patch, at most.
const SEARCH_BYTES_MAX: usize = 256 * 1024;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a refused body may take to arrive before its connection is given up.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Bodies from this size on are decompressed and read off the threads that serve, few at a time.
const LARGE_BYTES: usize = 256 * 1024;
/// Large bodies held at a time; the others wait for room before more of them is read.
const LARGE_BODIES_MAX: usize = 4;

/// What bodies may take.
#[derive(Debug)]
pub struct Limits {
    /// Bytes of a resource at most, as sent and decompressed.
    bytes: usize,
    /// Room for large bodies.
    room: Arc<Semaphore>,
}

/// A place for a large body, from its reading until it is answered.
pub type Place = Option<OwnedSemaphorePermit>;

impl Limits {
    /// Resources of at most so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self { bytes, room: Arc::new(Semaphore::new(LARGE_BODIES_MAX)) }
    }

    /// Waits for room, where the body has none yet.
    async fn wait(&self, place: &mut Place) -> Result<(), Error> {
        if place.is_none() {
            let room = actix_web::rt::time::timeout(BODY_TIMEOUT, Arc::clone(&self.room).acquire_owned()).await;
            *place = Some(room.map_err(|_| Error::Busy)?.map_err(|error| Error::Unexpected(error.to_string()))?);
        }
        Ok(())
    }
}

/// A body, taken in.
#[derive(Debug)]
pub enum Body {
    /// The route has none.
    None,
    /// A resource.
    Resource(Document),
    /// The operations of a patch.
    Patch(Operations),
    /// The parameters of a POST search.
    Form(Bytes),
}

/// The body of a request to this route, and the place it takes where it is large.
///
/// # Errors
/// [`Error::MediaType`], [`Error::TooLong`], [`Error::Syntax`] with line and column; [`Error::Busy`] when there is no room for long.
pub async fn body(request: &HttpRequest, payload: Payload, route: &Route, limits: &Limits) -> Result<(Body, Place), Error> {
    let headers = request.headers();
    let mut place = None;
    let body = match route {
        Route::Bundle | Route::Create(_) | Route::Update(..) => {
            let sent = negotiate::sent(headers)?;
            if !route.is_of_binary() && matches!(sent, Sent::Other(_)) {
                return Err(Error::MediaType("expected application/fhir+json or application/fhir+xml".into()));
            }
            let bytes = bytes(headers, payload, limits.bytes, limits, &mut place).await?;
            let id = match route {
                Route::Update(_, id) => id.clone(),
                _ => None,
            };
            let text = |name: &'static str| headers.get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
            let binary = route.is_of_binary().then(|| RawBinary {
                id,
                media: text("content-type").unwrap_or_default(),
                security_context: text("x-security-context"),
            });
            off_thread(bytes.len(), move || resource(&sent, &bytes, binary)).await.map(Body::Resource)?
        }
        Route::Patch(..) => {
            // A resource is a FHIRPath Patch.
            let format = match negotiate::sent(headers)? {
                Sent::Resource(format) => Some(format),
                Sent::Other(_) => None,
            };
            let xml = format.is_none() && negotiate::sends(headers, "application/xml-patch+xml").is_ok();
            if format.is_none() && !xml {
                negotiate::sends(headers, "application/json-patch+json")?;
            }
            let bytes = bytes(headers, payload, SEARCH_BYTES_MAX, limits, &mut place).await?;
            Body::Patch(match format {
                Some(format) => Operations::Path(Document::read(format, &bytes)?),
                None if xml => Operations::Xml(bytes.to_vec()),
                None => Operations::Json(crate::fhir::json::parse(&bytes)?),
            })
        }
        // The parameters of an operation; without any there is no body.
        Route::Explain(_, _, true) if negotiate::header(headers, &CONTENT_LENGTH) != Some("0") => {
            let Sent::Resource(format) = negotiate::sent(headers)? else {
                return Err(Error::MediaType("expected application/fhir+json or application/fhir+xml".into()));
            };
            let bytes = bytes(headers, payload, SEARCH_BYTES_MAX, limits, &mut place).await?;
            Body::Resource(Document::read(format, &bytes)?.validated())
        }
        Route::PostSearch(..) | Route::PostSearchSystem => {
            let empty = negotiate::header(headers, &CONTENT_LENGTH) == Some("0");
            if !empty {
                negotiate::sends(headers, "application/x-www-form-urlencoded")?;
            }
            Body::Form(bytes(headers, payload, SEARCH_BYTES_MAX, limits, &mut place).await?)
        }
        _ => Body::None,
    };
    Ok((body, place))
}

/// Lets the body of a refused request pass where it is small, so that its connection serves on: what is left unread closes it,
/// and whether bytes had already come would show in the answer's `connection` header.
pub async fn drain(request: &HttpRequest, payload: Payload) {
    let announced = negotiate::header(request.headers(), &CONTENT_LENGTH).map(|length| length.parse::<usize>().unwrap_or(usize::MAX));
    let mut left = SEARCH_BYTES_MAX;
    if announced.is_some_and(|length| length > left) {
        return;
    }
    let mut stream = pin!(BodyStream::new(payload));
    let pass = async {
        while let Some(Ok(chunk)) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
            let Some(less) = left.checked_sub(chunk.len()) else { break };
            left = less;
        }
    };
    if actix_web::rt::time::timeout(DRAIN_TIMEOUT, pass).await.is_err() {
        tracing::debug!("a refused body did not arrive");
    }
}

/// The bytes of a small body that is no resource.
///
/// # Errors
/// As [`body`].
pub async fn small(request: &HttpRequest, payload: Payload, limits: &Limits) -> Result<Bytes, Error> {
    bytes(request.headers(), payload, SEARCH_BYTES_MAX, limits, &mut None).await
}

/// The resource in these bytes; for a Binary, with its id where the address names one, also any content (FHIR R4 binary.html#rest).
fn resource(sent: &Sent, bytes: &[u8], binary: Option<RawBinary>) -> Result<Document, Error> {
    let read = match sent {
        Sent::Resource(format) => Some(Document::read(*format, bytes)),
        Sent::Other(_) => None,
    };
    let raw = match (read, binary) {
        (Some(read), None) => return Ok(read?.validated()),
        (Some(Ok(read)), Some(_)) if read.resource_type() == Some(ResourceType::BINARY) => return Ok(read.validated()),
        (_, Some(raw)) => raw,
        (None, None) => return Err(Error::MediaType("expected a resource".into())),
    };
    if raw.media.is_empty() {
        return Err(Error::MediaType("expected a Content-Type".into()));
    }
    let mut value = json!({"resourceType": "Binary"});
    if let Some(id) = raw.id {
        super::set(&mut value, "id", id.into());
    }
    super::set(&mut value, "contentType", raw.media.into());
    if let Some(context) = raw.security_context {
        super::set(&mut value, "securityContext", json!({"reference": context}));
    }
    if !bytes.is_empty() {
        super::set(&mut value, "data", STANDARD.encode(bytes).into());
    }
    Ok(Document::from(value).validated())
}

/// What is told of raw content beside it.
struct RawBinary {
    id: Option<String>,
    media: String,
    security_context: Option<String>,
}

/// Large work leaves the serving threads to others.
async fn off_thread<T: Send + 'static>(size: usize, work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    if size < LARGE_BYTES {
        return work();
    }
    web::block(work).await.map_err(|error| Error::Unexpected(error.to_string()))?
}

/// The bytes of a body, decompressed, at most `most` either way. What is announced to be more is refused before it is read.
async fn bytes(headers: &HeaderMap, payload: Payload, most: usize, limits: &Limits, place: &mut Place) -> Result<Bytes, Error> {
    let gzip = negotiate::is_gzip(headers)?;
    let announced = negotiate::header(headers, &CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok()).unwrap_or(0);
    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
    if announced > most {
        return Err(too_long(most));
    }
    if announced > LARGE_BYTES {
        limits.wait(place).await?;
    }
    let bytes = received(payload, most, limits, place).await?;
    if !gzip {
        return Ok(bytes);
    }
    // Few bytes may become many: what they become is bounded, not what they are.
    limits.wait(place).await?;
    off_thread(LARGE_BYTES, move || gunzip(&bytes, most)).await
}

/// What arrives; a body that grows large without having said so waits for room where it stands.
async fn received(payload: Payload, most: usize, limits: &Limits, place: &mut Place) -> Result<Bytes, Error> {
    let mut stream = pin!(BodyStream::new(payload));
    let late = || Error::Value { place: "body".into(), message: "the body did not arrive in time".into() };
    let mut bytes = BytesMut::new();
    let mut left = BODY_TIMEOUT;
    loop {
        let asked = Instant::now();
        let chunk = actix_web::rt::time::timeout(left, poll_fn(|context| stream.as_mut().poll_next(context))).await;
        // Time spent waiting for room is not the client's.
        left = left.saturating_sub(asked.elapsed());
        let Some(chunk) = chunk.map_err(|_| late())? else { return Ok(bytes.freeze()) };
        let chunk = chunk.map_err(|_| Error::Syntax("the body did not arrive whole".into()))?;
        if bytes.len().saturating_add(chunk.len()) > most {
            return Err(too_long(most));
        }
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LARGE_BYTES {
            limits.wait(place).await?;
        }
    }
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
    use std::task::{Context, Waker};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn few_large_bodies_have_room() {
        actix_web::rt::System::new().block_on(async {
            let limits = Limits::new(1);
            let mut places: Vec<Place> = (0..=LARGE_BODIES_MAX).map(|_| None).collect();
            let (last, others) = places.split_last_mut().unwrap();
            for place in others.iter_mut() {
                limits.wait(place).await.unwrap();
                limits.wait(place).await.unwrap();
            }
            let mut waiting = pin!(limits.wait(last));
            let mut context = Context::from_waker(Waker::noop());
            assert!(waiting.as_mut().poll(&mut context).is_pending());
            *others.first_mut().unwrap() = None;
            assert!(waiting.as_mut().poll(&mut context).is_ready());
        });
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
