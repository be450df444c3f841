#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod defects;
mod ends;
mod narrative;
mod properties;
mod text;
mod tree;
mod write;

use serde_json::Value;

use super::{Read, read};

/// A document with this content of its root.
pub fn patient(content: &str) -> String {
    format!("<Patient xmlns=\"http://hl7.org/fhir\">{content}</Patient>")
}

/// What was read, with issues as `place message`.
pub fn parts(text: &str) -> (Value, Vec<String>) {
    let Read { value, issues } = read(text.as_bytes()).unwrap_or_else(|error| panic!("{error} for {text}"));
    assert!(issues.iter().all(|issue| issue.code == "structure"));
    (value, issues.iter().map(|issue| format!("{} {}", issue.expression, issue.message)).collect())
}

/// What was read without any issue.
pub fn good(text: &str) -> Value {
    let (value, issues) = parts(text);
    assert_eq!(issues, [""; 0], "{text}");
    value
}
