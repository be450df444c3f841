//! The only table from errors to what the client is told (STYLE 6): issue codes, places and words.

use serde_json::Value;

use super::Error;
use super::stored::set;
use crate::fhir::ResourceType;
use crate::fhir::outcome::{issue, outcome};

/// The OperationOutcome of an error; the request id is told only of what was not expected.
pub fn outcome_of(error: &Error, request_id: &str) -> Value {
    let text = error.to_string();
    let one = |code: &str, expression: &[String]| vec![issue("error", code, &text, expression)];
    let issues = match error {
        Error::Syntax(_) => one("structure", &[]),
        Error::Invalid(issues) => issues.iter().map(|i| issue("error", i.code, &i.message, std::slice::from_ref(&i.expression))).collect(),
        Error::Value { place, .. } => one("value", std::slice::from_ref(place)),
        Error::Required { place, .. } => one("required", std::slice::from_ref(place)),
        Error::NotSupported { place, .. } => one("not-supported", std::slice::from_ref(place)),
        Error::Forbidden(_) => one("forbidden", &[]),
        Error::NotFound(..) => one("not-found", &[]),
        Error::Deleted(..) => one("deleted", &[]),
        Error::UnknownType(_) | Error::Method { .. } | Error::MediaType(_) | Error::NotAcceptable(_) => one("not-supported", &[]),
        Error::Conflict(_) | Error::Precondition(_) => one("conflict", &[]),
        Error::Business { code, expression, .. } => one(code, std::slice::from_ref(expression)),
        Error::TooLong(_) => one("too-long", &[]),
        Error::Away | Error::Busy => one("transient", &[]),
        Error::Entry(place, inner) => {
            let mut told = outcome_of(inner, request_id);
            within_entry(&mut told, *place);
            return told;
        }
        Error::Unexpected(_) => {
            let mut fatal = issue("fatal", "exception", "something unexpected happened", &[]);
            set(&mut fatal, "diagnostics", request_id.to_owned().into());
            vec![fatal]
        }
    };
    outcome(issues)
}

/// Tells the places within an entry of a Bundle; the entry itself where there is none.
fn within_entry(told: &mut Value, place: usize) {
    let entry = format!("Bundle.entry[{place}]");
    let issues = told.get_mut("issue").and_then(Value::as_array_mut).map(Vec::as_mut_slice).unwrap_or_default();
    for issue in issues {
        let own = issue.pointer("/expression/0").and_then(Value::as_str).unwrap_or_default();
        let (root, rest) = own.split_once('.').map_or((own, None), |(root, rest)| (root, Some(rest)));
        let within = match rest {
            _ if own.starts_with("Bundle.entry[") => own.to_owned(),
            Some(rest) if ResourceType::parse(root).is_some() => format!("{entry}.resource.{rest}"),
            None if ResourceType::parse(root).is_some() => format!("{entry}.resource"),
            // A parameter or a header of the request.
            _ => format!("{entry}.request"),
        };
        set(issue, "expression", vec![Value::from(within)].into());
    }
}
