//! The only room that names actix: routes, limits, negotiation, the request log, and the table of errors.

mod body;
mod fhir;
mod health;
mod metrics;
mod negotiate;
mod outcome;
mod respond;
mod sandbox;
mod stream;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::Compress;
use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpServer};
use serde_json::Value;

use crate::auth::{Issuer, Verifier};
use crate::interaction::Service;
use body::Limits;
use metrics::Metrics;

/// How long a request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long running requests may take once the server is told to stop; CONTRACT gives ten seconds for all.
const SHUTDOWN_S: u64 = 8;
/// How long a connection may idle: longer than balancers in front keep theirs, so that they, not we, end it.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Connections waiting to be taken.
const BACKLOG: u32 = 1024;

/// What the sandbox has beside the record.
pub struct Sandbox {
    /// Its issuer.
    pub issuer: Issuer,
    /// Whether a request without a token is a tester's.
    pub open: bool,
}

/// A server's state.
pub struct State {
    /// The interactions.
    pub service: Service,
    /// Who the bearer of a token is.
    pub verifier: Verifier,
    /// The sandbox, for `ensemble sandbox` only.
    pub sandbox: Option<Sandbox>,
    metrics: Metrics,
    limits: Limits,
}

impl State {
    /// The state of a server that takes resources of at most so many bytes.
    pub fn new(service: Service, verifier: Verifier, sandbox: Option<Sandbox>, body_bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { service, verifier, sandbox, metrics: Metrics::default(), limits: Limits::new(body_bytes_max) })
    }
}

/// Serves on this listener until told to stop by a signal. `/metrics` is here in the sandbox only.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(listener: TcpListener, state: Arc<State>) -> std::io::Result<Server> {
    let data = Data::from(state);
    let server = HttpServer::new(move || {
        let with_sandbox = data.sandbox.is_some();
        let app = App::new()
            .app_data(Data::clone(&data))
            .wrap(Compress::default())
            .route("/health/live", web::get().to(health::live))
            .route("/health/ready", web::get().to(health::ready))
            .service(web::scope("/fhir").default_service(web::to(fhir::handle)))
            .default_service(web::to(fhir::elsewhere));
        app.configure(move |config| {
            if with_sandbox {
                config
                    .route("/metrics", web::get().to(health::metrics))
                    .route("/sandbox/token", web::post().to(sandbox::token))
                    .route("/sandbox/clock", web::post().to(sandbox::clock))
                    .route("/sandbox/people", web::get().to(sandbox::people));
            }
        })
    });
    Ok(server
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIMEOUT)
        .shutdown_timeout(SHUTDOWN_S)
        .backlog(BACKLOG)
        .listen(listener)?
        .run())
}

/// Serves `/metrics` and health alone, for `serve`; ends with the handle.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve_metrics(listener: TcpListener, state: Arc<State>) -> std::io::Result<(Server, ServerHandle)> {
    let data = Data::from(state);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Data::clone(&data))
            .route("/metrics", web::get().to(health::metrics))
            .route("/health/live", web::get().to(health::live))
            .route("/health/ready", web::get().to(health::ready))
    });
    let server = server.workers(1).disable_signals().listen(listener)?.run();
    let handle = server.handle();
    Ok((server, handle))
}

/// Whether the request comes from this machine and asks for it by a loopback name: a page of another site cannot.
fn is_local(request: &HttpRequest) -> bool {
    let peer = request.peer_addr().is_some_and(|address| address.ip().is_loopback());
    let host = request.headers().get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(host, |(name, _)| name);
    peer && matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

/// Sets a member of an object.
fn set(value: &mut Value, name: &str, member: Value) {
    if let Some(members) = value.as_object_mut() {
        members.insert(name.to_owned(), member);
    }
}
