//! `/sandbox/*` (CONTRACT 2): tokens, clock and invented people, for this machine only.

use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::small;
use super::fhir::{finish, request_id};
use super::negotiate::Style;
use super::outcome;
use super::{Sandbox, State, is_local};
use crate::auth::{Error as AuthError, TokenRequest};
use crate::clock::TIMES;
use crate::fhir::national::Ins;
use crate::fhir::primitive;
use crate::interaction::Error;
use crate::policy::projection::majority;
use crate::sandbox;
use crate::store::{self, HolderBy};

/// How long a token is good for, as it is told.
const EXPIRES_IN_S: i64 = 3600;

/// The sandbox, for a request from this machine.
fn sandbox_of<'a>(request: &HttpRequest, state: &'a State) -> Result<&'a Sandbox, Error> {
    let local = is_local(request).then_some(state.sandbox.as_ref()).flatten();
    local.ok_or_else(|| Error::Forbidden("the sandbox answers on this machine only, by a loopback name".into()))
}

fn answer(request: &HttpRequest, done: Result<Value, Error>) -> HttpResponse {
    let id = request_id(request);
    let response = match done {
        Ok(value) => HttpResponse::Ok().content_type("application/json").body(value.to_string()),
        Err(error) => outcome::answer(&error, &id, Style::json(request.headers())),
    };
    finish(response, &id)
}

fn parsed<T: for<'a> Deserialize<'a>>(body: &Bytes) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| Error::Syntax(error.to_string()))
}

/// `POST /sandbox/token`.
pub async fn token(request: HttpRequest, payload: Payload, state: Data<State>) -> HttpResponse {
    let done = match small(&request, payload, &state.limits).await {
        Ok(body) => make_token(&request, &body, &state).await,
        Err(error) => Err(error),
    };
    answer(&request, done)
}

async fn make_token(request: &HttpRequest, body: &Bytes, state: &State) -> Result<Value, Error> {
    let sandbox = sandbox_of(request, state)?;
    let wanted: TokenRequest = parsed(body)?;
    if wanted.kind == "holder"
        && let Some(ins) = wanted.ins.as_deref().and_then(Ins::parse)
    {
        let ins = ins.to_string();
        let row = state.service.store.run(move |connection| store::write::holder(connection, HolderBy::Ins, &ins)).await?;
        if row.is_some_and(|row| state.service.clock.now() < majority(row.born)) {
            return Err(Error::Value { place: "ins".into(), message: "a minor acts through a representative".into() });
        }
    }
    let token = sandbox.issuer.issue(&wanted, &state.service.clock).map_err(|error| match error {
        AuthError::Field { field, message } => Error::Value { place: field.to_owned(), message },
        other => other.into(),
    })?;
    Ok(json!({"access_token": token, "token_type": "Bearer", "expires_in": EXPIRES_IN_S}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockRequest {
    advance: Option<String>,
    set: Option<String>,
}

/// `POST /sandbox/clock`.
pub async fn clock(request: HttpRequest, payload: Payload, state: Data<State>) -> HttpResponse {
    let done = small(&request, payload, &state.limits).await.and_then(|body| move_clock(&request, &body, &state));
    answer(&request, done)
}

fn move_clock(request: &HttpRequest, body: &Bytes, state: &State) -> Result<Value, Error> {
    sandbox_of(request, state)?;
    let wanted: ClockRequest = parsed(body)?;
    let clock = &state.service.clock;
    let unfit = |place: &str, message: &str| Error::Value { place: place.into(), message: message.into() };
    let to = match (wanted.advance.as_deref(), wanted.set.as_deref()) {
        (Some(advance), None) => {
            let by = primitive::duration(advance).ok_or_else(|| unfit("advance", "expected a duration, as `P42D`"))?;
            clock.now().saturating_add(by)
        }
        (None, Some(set)) => primitive::parse_instant(set).ok_or_else(|| unfit("set", "expected an instant, as `2026-11-23T10:00:00Z`"))?,
        _ => return Err(unfit("advance", "expected either `advance` or `set`")),
    };
    if !TIMES.contains(&to) {
        let place = if wanted.set.is_some() { "set" } else { "advance" };
        return Err(unfit(place, "the clock runs from 2020 to 2299"));
    }
    clock.set(to);
    Ok(json!({"now": primitive::format_instant(clock.now())}))
}

/// `GET /sandbox/people`.
pub async fn people(request: HttpRequest, state: Data<State>) -> HttpResponse {
    let done = match sandbox_of(&request, &state) {
        Ok(_) => sandbox::people(&state.service).await,
        Err(error) => Err(error),
    };
    answer(&request, done)
}
