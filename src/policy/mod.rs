//! The heart, pure: who may do what with which resource. No database, no HTTP, no clock.
//!
//! The law is data (P6): `profiles/authorization` holds the matrix and the rules; see the README of this folder for the words.

mod age;
mod applications;
pub mod caller;
pub mod changes;
pub mod consents;
pub mod deposits;
pub mod labels;
pub mod matrix;
pub mod nomenclature;
pub mod projection;
mod relation;
pub mod resources;
mod rights;
mod rules;
mod scope;
mod table;

pub use caller::{Caller, CallerKind, Code, Purpose};
pub use matrix::{Exercise, Matrix};
pub use rights::{CONSULTS, holds};
pub use rules::{EMBEDDED as EMBEDDED_RULES, Relation, Rule};
pub use scope::{Action, Decision, Policy, Scope};

/// A table of law that cannot be read, with the place.
#[derive(Debug, thiserror::Error)]
#[error("{file}, line {line}: {message}")]
pub struct LoadError {
    file: &'static str,
    line: usize,
    message: String,
}

impl LoadError {
    fn new(file: &'static str, line: usize, message: String) -> Self {
        Self { file, line, message }
    }
}
