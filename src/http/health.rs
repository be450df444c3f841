//! Health and metrics (CONTRACT 1).

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::State;
use super::fhir::{finish, request_id};

/// The process runs.
pub async fn live(request: HttpRequest) -> HttpResponse {
    finish(HttpResponse::Ok().content_type("text/plain").body("live\n"), &request_id(&request))
}

/// The database answers; 503 while it is away.
pub async fn ready(request: HttpRequest, state: Data<State>) -> HttpResponse {
    let response = match state.service.store.ping().await {
        Ok(()) => HttpResponse::Ok().content_type("text/plain").body("ready\n"),
        Err(_) => {
            HttpResponse::ServiceUnavailable().insert_header(("Retry-After", "1")).content_type("text/plain").body("the database is away\n")
        }
    };
    finish(response, &request_id(&request))
}

/// Counters for Prometheus.
pub async fn metrics(request: HttpRequest, state: Data<State>) -> HttpResponse {
    let counters = state.metrics.render(&state.service.store);
    finish(HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(counters), &request_id(&request))
}
