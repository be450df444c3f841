//! The one tree of a resource, whatever format it came in: FHIR's JSON form as a `Value`.

use serde_json::Value;

use super::issue::{ISSUES_MAX, Issue, SyntaxError};
use super::validate::validate;
use super::{ResourceType, json, xml};

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
    /// What validation found, where it was done already.
    found: Option<Vec<Issue>>,
}

impl Document {
    /// Reads a text once.
    ///
    /// # Errors
    /// [`SyntaxError`] for what is no JSON or XML, with line and column.
    pub fn read(format: Format, bytes: &[u8]) -> Result<Self, SyntaxError> {
        match format {
            Format::Json => Ok(json::parse(bytes)?.into()),
            Format::Xml => xml::read(bytes).map(|read| Self { issues: read.issues, ..read.value.into() }),
        }
    }

    /// The type it says it is, where R4 has it.
    pub fn resource_type(&self) -> Option<ResourceType> {
        self.value.get("resourceType").and_then(Value::as_str).and_then(ResourceType::parse)
    }

    /// The same, validated here and now: off the threads that serve, where it is large.
    #[must_use]
    pub fn validated(mut self) -> Self {
        self.found = Some(self.validate());
        self
    }

    /// Everything that keeps it from being a resource of base R4, as many issues as are told.
    pub fn validate(&self) -> Vec<Issue> {
        if let Some(found) = &self.found {
            return found.clone();
        }
        let mut issues = self.issues.clone();
        match self.resource_type() {
            Some(resource) => issues.extend(validate(resource, &self.value)),
            None => {
                let message = "expected a resource of R4 with its `resourceType`".to_owned();
                issues.push(Issue { code: "structure", expression: "resourceType".into(), message });
            }
        }
        issues.truncate(ISSUES_MAX);
        issues
    }
}

impl From<Value> for Document {
    fn from(value: Value) -> Self {
        Self { value, issues: Vec::new(), found: None }
    }
}
