//! What is wrong with what was received.

use super::place::Place;

/// How many issues are told of one resource.
pub const ISSUES_MAX: usize = 20;

/// Something wrong with a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// FHIR's code (issue-type): `structure`, `required`, `value`, `code-invalid` or `invariant`.
    pub code: &'static str,
    /// The place, as FHIRPath.
    pub expression: String,
    /// What is wrong.
    pub message: String,
}

/// Issues, as many as are told.
#[derive(Debug, Default)]
pub struct Issues(Vec<Issue>);

impl Issues {
    /// Adds one, unless there are enough.
    pub fn add(&mut self, code: &'static str, place: &Place<'_>, message: impl Into<String>) {
        if !self.is_full() {
            self.0.push(Issue { code, expression: place.to_string(), message: message.into() });
        }
    }

    /// Whether no more are kept.
    pub fn is_full(&self) -> bool {
        self.0.len() >= ISSUES_MAX
    }

    /// The issues.
    pub fn into_vec(self) -> Vec<Issue> {
        self.0
    }
}

/// A text that is no JSON or XML at all, with its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at line {line} column {column}")]
pub struct SyntaxError {
    /// What is wrong.
    pub message: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in bytes, from 1.
    pub column: usize,
}
