//! Requests under the FHIR base: who asks, for what, in which form; then the interaction; then the answer.

use std::sync::Arc;
use std::time::Instant;

use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderName, HeaderValue, VARY};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::body::{Body, body, drain};
use super::negotiate::{self, Style};
use super::respond::{respond, styled};
use super::{State, is_local, outcome};
use crate::interaction::{self, Error, Request, Route, Sent, pairs as pairs_of, route};
use crate::policy::Caller;

/// Nothing is served at this address.
pub async fn elsewhere(request: HttpRequest) -> HttpResponse {
    let id = request_id(&request);
    finish(outcome::elsewhere(Style::json(request.headers())), &id)
}

/// Any request under the FHIR base.
pub async fn handle(request: HttpRequest, payload: Payload, state: Data<State>) -> HttpResponse {
    let (started, id) = (Instant::now(), request_id(&request));
    let below = request.path().strip_prefix("/fhir").unwrap_or_default().to_owned();
    let found = route(request.method().as_str(), &below);
    let interaction = found.as_ref().map_or("none", Route::interaction);
    let mut style = Style::json(request.headers());
    let response = match answer(&request, payload, &state, found, &id, &mut style).await {
        Ok(response) => response,
        Err(Refusal::Login) => outcome::login(style),
        Err(Refusal::Error(error)) => outcome::answer(&error, &id, style),
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
    style: &mut Style,
) -> Result<HttpResponse, Refusal> {
    let pairs = pairs_of(request.query_string());
    let wanted = negotiate::wanted(request.headers(), pairs.as_deref().unwrap_or_default());
    *style = Style::of(request.headers(), wanted.as_ref().unwrap_or(&interaction::Wanted::default()), pairs.as_deref().unwrap_or_default());
    if !found.as_ref().is_ok_and(Route::is_public) {
        let caller = caller(request, state)?;
        let route = found?;
        interaction::offers(&state.service, &caller, &route)?;
        let asked = Asked { route, pairs: pairs?, wanted: wanted? };
        return interact(request, payload, state, caller, asked, id, style).await.map_err(Refusal::from);
    }
    negotiate::format(&wanted?)?;
    let body = match found? {
        // This one is no resource, and JSON only.
        Route::SmartConfiguration => {
            return Ok(HttpResponse::Ok().content_type("application/json").body(smart_configuration(state).to_string()));
        }
        _ => interaction::capabilities(&state.service),
    };
    let body = styled(body.to_string().into_bytes(), *style)?;
    Ok(HttpResponse::Ok().content_type(style.format.media()).body(body))
}

/// Who asks.
fn caller(request: &HttpRequest, state: &State) -> Result<Arc<Caller>, Refusal> {
    let Some(header) = request.headers().get(AUTHORIZATION) else {
        let open = state.sandbox.as_ref().is_some_and(|sandbox| sandbox.open) && is_local(request);
        return if open { Caller::tester().map(Arc::new).ok_or(Refusal::Login) } else { Err(Refusal::Login) };
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

/// What is asked for, in which form.
struct Asked {
    route: Route,
    pairs: Vec<(String, String)>,
    wanted: interaction::Wanted,
}

async fn interact(
    request: &HttpRequest,
    payload: Payload,
    state: &State,
    caller: Arc<Caller>,
    asked: Asked,
    id: &str,
    style: &mut Style,
) -> Result<HttpResponse, Error> {
    let Asked { route, mut pairs, wanted } = asked;
    let headers = request.headers();
    // The content of a Binary may be of any type.
    if !(route.reads() && route.is_of_binary()) {
        negotiate::format(&wanted)?;
    }
    let mut asker = Request::new(caller, id);
    asker.if_match = negotiate::if_match(headers)?;
    asker.only_new = matches!(route, Route::Update(..)) && negotiate::is_only_new(headers)?;
    asker.strict = negotiate::is_strict(headers);
    asker.language = style.language;
    if matches!(route, Route::Create(_)) {
        asker.if_none_exist = negotiate::if_none_exist(headers)?.map(pairs_of).transpose()?;
    }
    let service = &state.service;
    // Who may not write is told so before a body is taken in.
    if let Err(refused) = interaction::admits(service, &asker, &route).await {
        drain(request, payload).await;
        return Err(refused);
    }
    // A large body keeps its place until it is answered: the tree made of it is larger than its bytes.
    let (received, _place) = body(request, payload, &route, &state.limits).await?;
    let sent = match received {
        Body::None => Sent::Nothing,
        Body::Resource(document) if route == Route::Bundle => {
            let answer = interaction::bundle(service, &asker, document, negotiate::prefers(headers).shown()).await?;
            return respond(headers, &route, answer, *style, &service.base_url).await;
        }
        Body::Resource(document) => Sent::Resource(document),
        Body::Patch(operations) => Sent::Patch(operations),
        Body::Form(form) => {
            pairs.extend(pairs_of(std::str::from_utf8(&form).map_err(|_| interaction::not_utf8())?)?);
            let wanted = negotiate::wanted(headers, &pairs)?;
            negotiate::format(&wanted)?;
            *style = Style::of(headers, &wanted, &pairs);
            Sent::Nothing
        }
    };
    let answer = interaction::perform(service, &asker, &route, pairs, sent, &wanted).await?;
    respond(headers, &route, answer, *style, &service.base_url).await
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
    // Compression says so too, but only of what it compressed: a cache must not serve what was not to those who cannot ask for it.
    headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding, Accept-Language, Authorization, Prefer"));
    response
}
