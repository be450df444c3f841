//! What is wrong with a table of law, and where.

/// One fault, with its place; lines and columns (in characters) count from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{file}, line {line}, column {column}: {message}")]
pub struct Finding {
    file: String,
    line: usize,
    column: usize,
    message: String,
}

impl Finding {
    /// A fault at a place.
    pub fn new(file: &str, line: usize, column: usize, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, column, message: message.into() }
    }
}

/// Tables that are no law: everything that is wrong with them, by place.
#[derive(Debug)]
pub struct LoadError(Vec<Finding>);

impl LoadError {
    /// Nothing wrong, or all that is.
    ///
    /// # Errors
    /// The findings, where there are any.
    pub fn unless_none(mut findings: Vec<Finding>) -> Result<(), Self> {
        findings.sort();
        findings.dedup();
        if findings.is_empty() { Ok(()) } else { Err(Self(findings)) }
    }

    /// What is wrong; never empty.
    pub fn findings(&self) -> &[Finding] {
        &self.0
    }
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, finding) in self.0.iter().enumerate() {
            write!(f, "{}{finding}", if place == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}
