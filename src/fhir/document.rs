//! The one tree of a resource, whatever format it came in: FHIR's JSON form as a `Value`.

use serde_json::Value;

use super::issue::{Issue, SyntaxError};
use super::{json, xml};

/// The formats of R4 that are read and written (FHIR R4 http.html#mime-type).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `application/fhir+json`.
    #[default]
    Json,
    /// `application/fhir+xml`.
    Xml,
}

impl Format {
    /// The media type with its charset.
    pub fn media(self) -> &'static str {
        match self {
            Self::Json => "application/fhir+json;charset=utf-8",
            Self::Xml => "application/fhir+xml;charset=utf-8",
        }
    }
}

/// A resource as it was received, well-formed but not yet validated.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The tree.
    pub value: Value,
    /// What is wrong with the form of the XML, which the tree cannot show.
    pub issues: Vec<Issue>,
}

impl Document {
    /// Reads a text once.
    ///
    /// # Errors
    /// [`SyntaxError`] for what is no JSON or XML, with line and column.
    pub fn read(format: Format, bytes: &[u8]) -> Result<Self, SyntaxError> {
        match format {
            Format::Json => Ok(json::parse(bytes)?.into()),
            Format::Xml => xml::read(bytes).map(|read| Self { value: read.value, issues: read.issues }),
        }
    }
}

impl From<Value> for Document {
    fn from(value: Value) -> Self {
        Self { value, issues: Vec::new() }
    }
}
