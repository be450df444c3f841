//! A server that is open: what a tester keeps and finds without a token.

use serde_json::Value;

use super::Server;
use super::answer::Answer;

/// Keeps a resource under this id.
pub fn put(server: &Server, resource: &str, id: &str, mut body: Value) {
    body["resourceType"] = resource.into();
    body["id"] = id.into();
    let header = [("content-type", "application/fhir+json")];
    let answer = server.send("PUT", &format!("/fhir/{resource}/{id}"), &header, Some(body.to_string().as_bytes()));
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
}

/// What a search answers that leaves nothing out which it does not understand.
pub fn strictly(server: &Server, path: &str) -> Answer {
    server.send("GET", &format!("/fhir/{path}"), &[("prefer", "handling=strict")], None)
}
