//! Small constructors: OperationOutcome and searchset Bundle, with everything FHIR requires filled in.

use serde_json::{Map, Value, json};

/// One issue of an OperationOutcome (FHIR R4 operationoutcome.html).
pub fn issue(severity: &str, code: &str, text: &str, expression: &[String]) -> Value {
    let mut issue = json!({"severity": severity, "code": code, "details": {"text": text}});
    if let (false, Some(members)) = (expression.is_empty(), issue.as_object_mut()) {
        members.insert("expression".into(), json!(expression));
    }
    issue
}

/// An OperationOutcome of these issues; one that says all is well where there is none.
pub fn outcome(issues: Vec<Value>) -> Value {
    let issues = if issues.is_empty() { vec![issue("information", "informational", "all is well", &[])] } else { issues };
    json!({"resourceType": "OperationOutcome", "issue": issues})
}

/// A Bundle of a searchset or a history, with links and ready entries.
pub fn bundle(kind: &str, total: Option<i64>, links: &[(&str, String)], entries: Vec<Value>) -> Value {
    let mut bundle = Map::new();
    bundle.insert("resourceType".into(), "Bundle".into());
    bundle.insert("type".into(), kind.into());
    if let Some(total) = total {
        bundle.insert("total".into(), total.into());
    }
    if !links.is_empty() {
        bundle.insert("link".into(), links.iter().map(|(relation, url)| json!({"relation": relation, "url": url})).collect());
    }
    if !entries.is_empty() {
        bundle.insert("entry".into(), entries.into());
    }
    Value::Object(bundle)
}
