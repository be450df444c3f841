//! Clinical documents: what their header gives to the metadata, and what must agree (CONTRACT 3, Documents).

mod content;
mod corpus;
mod header;
mod refused;
mod replaced;

use serde_json::Value;

use crate::support::Server;
use crate::support::answer::Answer;

/// The warnings of a push: severity, place and text of each issue.
fn warnings(server: &Server, who: &Value, push: &Value) -> Vec<(String, String)> {
    let headers = [("content-type", "application/fhir+json"), ("prefer", "return=OperationOutcome")];
    let answer = server.fhir_with(who, "POST", "DocumentReference", &headers, Some(push.to_string().as_bytes()));
    let outcome = answer.expect(201);
    let issues = outcome["issue"].as_array().cloned().unwrap_or_default();
    let warnings = issues.iter().filter(|issue| issue["severity"] == "warning");
    warnings.map(|issue| (text(&issue["expression"][0]), text(&issue["details"]["text"]))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Status, code and place of a refusal.
fn refusal(answer: &Answer) -> (u16, String, String) {
    let (code, place) = if answer.status >= 400 { answer.issue() } else { Default::default() };
    (answer.status, code, place)
}
