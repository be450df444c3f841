//! Health and metrics (CONTRACT 1).

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::State;

/// The process runs.
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("live\n")
}

/// The database answers; 503 while it is away.
pub async fn ready(state: Data<State>) -> HttpResponse {
    match state.service.store.ping().await {
        Ok(()) => HttpResponse::Ok().content_type("text/plain").body("ready\n"),
        Err(_) => {
            HttpResponse::ServiceUnavailable().insert_header(("Retry-After", "1")).content_type("text/plain").body("the database is away\n")
        }
    }
}

/// Counters for Prometheus.
pub async fn metrics(state: Data<State>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(state.metrics.render(&state.service.store))
}
