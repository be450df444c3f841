//! Requests under the FHIR base: who asks, for what, in which form; then the interaction; then the answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, ETAG, HeaderName, HeaderValue, LAST_MODIFIED, LOCATION};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde_json::Value;

use super::negotiate::{self, Return};
use super::outcome::{self, FHIR_JSON};
use super::route::{Route, route};
use super::{State, is_local};
use crate::fhir::{json, outcome as build, primitive};
use crate::interaction::{self, Answer, Error, Request};
use crate::policy::{Caller, CallerKind, Purpose};

/// Bytes of a resource at most.
pub const BODY_BYTES_MAX: usize = 50 * 1024 * 1024;
/// Bytes of the parameters of a POST search at most.
const SEARCH_BYTES_MAX: usize = 256 * 1024;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

const JSON: [&str; 3] = ["application/fhir+json", "application/json", "application/json+fhir"];
const JSON_PATCH: [&str; 1] = ["application/json-patch+json"];
const FORM: [&str; 1] = ["application/x-www-form-urlencoded"];

/// Nothing is served at this address.
pub async fn elsewhere(request: HttpRequest) -> HttpResponse {
    let id = request_id(&request);
    let text = "nothing is served here: the FHIR base is `/fhir`";
    let body = build::outcome(vec![build::issue("error", "not-found", text, &[])]);
    finish(HttpResponse::NotFound().content_type(FHIR_JSON).body(body.to_string()), &id)
}

/// Any request under the FHIR base.
pub async fn handle(request: HttpRequest, payload: Payload, state: Data<State>) -> HttpResponse {
    let (started, id) = (Instant::now(), request_id(&request));
    let below = request.path().strip_prefix("/fhir").unwrap_or_default().to_owned();
    let found = route(request.method().as_str(), &below);
    let interaction = found.as_ref().map_or("none", Route::interaction);
    let response = match answer(&request, payload, &state, found, &id).await {
        Ok(response) => response,
        Err(Refusal::Login) => outcome::login(),
        Err(Refusal::Error(error)) => outcome::answer(&error, &id),
    };
    let took = started.elapsed();
    let status = response.status().as_u16();
    state.metrics.count(interaction, status, took);
    tracing::info!(
        request.id = id,
        interaction.code = interaction,
        http.status = status,
        duration_ms = took.as_secs_f64() * 1000.0,
        "answered"
    );
    finish(response, &id)
}

enum Refusal {
    Login,
    Error(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

async fn answer(
    request: &HttpRequest,
    payload: Payload,
    state: &State,
    found: Result<Route, Error>,
    id: &str,
) -> Result<HttpResponse, Refusal> {
    if !found.as_ref().is_ok_and(Route::is_public) {
        let caller = caller(request, state)?;
        let route = found?;
        return interact(request, payload, state, caller, route, id).await.map_err(Refusal::from);
    }
    let pairs = pairs(request.query_string())?;
    negotiate::takes_json(&negotiate::wanted(request.headers(), &pairs))?;
    let body = match found? {
        Route::SmartConfiguration => smart_configuration(state),
        _ => interaction::capabilities(&state.service),
    };
    Ok(HttpResponse::Ok().content_type(FHIR_JSON).body(body.to_string()))
}

/// Who asks.
fn caller(request: &HttpRequest, state: &State) -> Result<Arc<Caller>, Refusal> {
    let Some(header) = request.headers().get(AUTHORIZATION) else {
        let open = state.sandbox.as_ref().is_some_and(|sandbox| sandbox.open) && is_local(request);
        return if open { tester().ok_or(Refusal::Login) } else { Err(Refusal::Login) };
    };
    let text = header.to_str().map_err(|_| Refusal::Login)?;
    let (scheme, token) = text.split_once(' ').ok_or(Refusal::Login)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::Login);
    }
    state.verifier.verify(token.trim()).map_err(|error| {
        tracing::info!(reason = %error, "token refused");
        Refusal::Login
    })
}

/// The caller of a request without a token in an open sandbox.
fn tester() -> Option<Arc<Caller>> {
    let principal = crate::filter::Actor::service("tester")?;
    Some(Arc::new(Caller {
        kind: CallerKind::Tester,
        principal,
        structure: None,
        profession: None,
        specialty: None,
        role: None,
        sector: None,
        purpose: Purpose::Normal,
        reason: None,
        acts_for: None,
        family: None,
        given: None,
        secret: false,
        scopes: Vec::new(),
        token: String::new(),
    }))
}

async fn interact(
    request: &HttpRequest,
    payload: Payload,
    state: &State,
    caller: Arc<Caller>,
    route: Route,
    id: &str,
) -> Result<HttpResponse, Error> {
    let headers = request.headers();
    let mut pairs = pairs(request.query_string())?;
    let wanted = negotiate::wanted(headers, &pairs);
    if !matches!(&route, Route::Read(resource, _) | Route::Vread(resource, ..) if *resource == crate::fhir::ResourceType::BINARY) {
        negotiate::takes_json(&wanted)?;
    }
    if headers.contains_key("if-none-exist") {
        return Err(Error::NotSupported { place: "If-None-Exist".into(), message: "conditional creation is not supported".into() });
    }
    let asked = Request { caller, id: id.to_owned(), if_match: negotiate::if_match(headers)?, strict: negotiate::is_strict(headers) };
    let service = &state.service;
    let body = body(request, payload, &route).await?;
    let answer = match &route {
        Route::Read(resource, id) => interaction::read(service, &asked, *resource, id, &wanted).await?,
        Route::Vread(resource, id, version) => interaction::vread(service, &asked, *resource, id, version).await?,
        Route::History(resource, id) => interaction::history(service, &asked, *resource, id).await?,
        Route::Search(resource) => interaction::search(service, &asked, *resource, &pairs, false).await?,
        Route::PostSearch(resource) => {
            pairs.extend(self::pairs(std::str::from_utf8(&body).map_err(|_| not_utf8())?)?);
            interaction::search(service, &asked, *resource, &pairs, true).await?
        }
        Route::Create(resource) => interaction::create(service, &asked, *resource, json::parse(&body).map_err(Error::Syntax)?).await?,
        Route::Update(resource, id) => {
            interaction::update(service, &asked, *resource, id, json::parse(&body).map_err(Error::Syntax)?).await?
        }
        Route::Patch(resource, id) => {
            interaction::patch(service, &asked, *resource, id, &json::parse(&body).map_err(Error::Syntax)?).await?
        }
        Route::PatchConditional(resource) => {
            let operations = json::parse(&body).map_err(Error::Syntax)?;
            pairs.retain(|(name, _)| !matches!(name.as_str(), "_format" | "_pretty"));
            interaction::patch_conditional(service, &asked, *resource, &pairs, &operations).await?
        }
        Route::Capabilities | Route::SmartConfiguration => return Err(Error::Unexpected("a public route asked a caller".into())),
    };
    respond(request, state, &route, answer)
}

fn not_utf8() -> Error {
    Error::Value { place: "query".into(), message: "expected UTF-8".into() }
}

/// The parameters of a query, in order.
fn pairs(query: &str) -> Result<Vec<(String, String)>, Error> {
    let pairs: Vec<(String, String)> =
        form_urlencoded::parse(query.as_bytes()).into_owned().filter(|(name, value)| !(name.is_empty() && value.is_empty())).collect();
    // Bytes that are no UTF-8 would be read as something else than was asked.
    let lossy = pairs.iter().any(|(name, value)| name.contains('\u{fffd}') || value.contains('\u{fffd}'));
    if lossy && !query.to_ascii_uppercase().contains("%EF%BF%BD") { Err(not_utf8()) } else { Ok(pairs) }
}

/// The body, where the route has one.
async fn body(request: &HttpRequest, payload: Payload, route: &Route) -> Result<Vec<u8>, Error> {
    let (types, most): (&[&str], usize) = match route {
        Route::Create(_) | Route::Update(..) => (&JSON, BODY_BYTES_MAX),
        Route::Patch(..) | Route::PatchConditional(_) => (&JSON_PATCH, SEARCH_BYTES_MAX),
        Route::PostSearch(_) => (&FORM, SEARCH_BYTES_MAX),
        _ => return Ok(Vec::new()),
    };
    let empty = negotiate::header(request.headers(), &HeaderName::from_static("content-length")) == Some("0");
    if !(empty && matches!(route, Route::PostSearch(_))) {
        negotiate::sends(request.headers(), types)?;
    }
    let too_long = || Error::TooLong(format!("the body has more than {most} bytes"));
    let read = actix_web::rt::time::timeout(BODY_TIMEOUT, payload.to_bytes_limited(most)).await;
    match read {
        Err(_) => Err(Error::Value { place: "body".into(), message: "the body did not arrive in time".into() }),
        Ok(Err(_)) => Err(too_long()),
        Ok(Ok(Err(_))) => Err(Error::Syntax("the body did not arrive whole".into())),
        Ok(Ok(Ok(bytes))) => Ok(bytes.to_vec()),
    }
}

/// The answer of an interaction as HTTP.
fn respond(request: &HttpRequest, state: &State, route: &Route, answer: Answer) -> Result<HttpResponse, Error> {
    let headers = request.headers();
    let reads = matches!(route, Route::Read(..) | Route::Vread(..));
    let mut status = StatusCode::from_u16(answer.status).map_err(|error| Error::Unexpected(error.to_string()))?;
    let unchanged = reads && answer.version.is_some_and(|version| negotiate::has_version(headers, version));
    if unchanged {
        status = StatusCode::NOT_MODIFIED;
    }
    let mut builder = HttpResponseBuilder::new(status);
    if let Some(version) = answer.version {
        builder.insert_header((ETAG, format!("W/\"{version}\"")));
    }
    if let Some(updated) = answer.updated {
        builder.insert_header((LAST_MODIFIED, primitive::http_date(updated)));
    }
    if let Some(location) = &answer.location {
        builder.insert_header((LOCATION, format!("{}/{location}", state.service.base_url)));
    }
    if unchanged || request.method() == Method::HEAD {
        return Ok(builder.content_type(answer.media.as_deref().unwrap_or(FHIR_JSON)).finish());
    }
    if let Some(media) = answer.media {
        // Content comes from many hands: a browser shows it as what it says it is, and runs nothing of it.
        builder
            .insert_header(("X-Content-Type-Options", "nosniff"))
            .insert_header(("Content-Security-Policy", "default-src 'none'; sandbox"));
        return Ok(builder.content_type(media).body(answer.body));
    }
    let writes = matches!(route, Route::Create(_) | Route::Update(..) | Route::Patch(..) | Route::PatchConditional(_));
    match negotiate::prefers(headers) {
        Return::Minimal if writes => Ok(builder.finish()),
        Return::OperationOutcome if writes => Ok(builder.content_type(FHIR_JSON).body(build::outcome(answer.warnings).to_string())),
        _ => {
            let pretty = pairs(request.query_string())?.iter().any(|(name, value)| name == "_pretty" && value == "true");
            let body = if pretty { indented(answer.body) } else { answer.body };
            Ok(builder.content_type(FHIR_JSON).body(body))
        }
    }
}

/// The same JSON for human eyes.
fn indented(body: Vec<u8>) -> Vec<u8> {
    let value: Option<Value> = serde_json::from_slice(&body).ok();
    value.and_then(|value| serde_json::to_vec_pretty(&value).ok()).unwrap_or(body)
}

/// SMART App Launch, `.well-known/smart-configuration`.
fn smart_configuration(state: &State) -> Value {
    let mut known = serde_json::json!({
        "capabilities": ["client-confidential-asymmetric", "permission-v2"],
        "grant_types_supported": ["client_credentials"],
        "code_challenge_methods_supported": ["S256"]
    });
    if state.sandbox.is_some() {
        let root = state.service.base_url.strip_suffix("/fhir").unwrap_or(&state.service.base_url);
        super::set(&mut known, "token_endpoint", format!("{root}/sandbox/token").into());
    }
    known
}

/// The client's request id where it is a plain word, else a new one.
pub fn request_id(request: &HttpRequest) -> String {
    let given = request.headers().get("x-request-id").and_then(|value| value.to_str().ok());
    let plain =
        |id: &&str| (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    given.filter(plain).map_or_else(|| uuid::Uuid::now_v7().to_string(), ToOwned::to_owned)
}

/// What every answer bears.
pub fn finish(mut response: HttpResponse, id: &str) -> HttpResponse {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
