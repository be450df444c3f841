//! The heart, pure: who may do what with which resource. No database, no HTTP, no clock.
//!
//! The law is data (P6): `profiles/authorization` holds the matrix and the rules; see the README of this folder for the words.

mod age;
mod applications;
pub mod caller;
mod catalogue;
pub mod changes;
pub mod consents;
pub mod deposits;
mod explain;
mod files;
mod finding;
mod given;
mod known;
pub mod labels;
mod law;
pub mod matrix;
pub mod nomenclature;
pub mod notices;
pub mod projection;
mod relation;
pub mod resources;
mod rights;
mod rules;
mod scope;
pub mod table;

pub use caller::{Caller, CallerKind, Code, Purpose};
pub use catalogue::{Application, Catalogue};
pub use explain::{Explanation, Weighed, Weight};
pub use files::Files;
pub use finding::{Finding, LoadError};
pub use law::Law;
pub use matrix::{Exercise, Matrix};
pub use rights::{CONSULTS, holds};
pub use rules::{Relation, Rule};
pub use scope::{Action, Decision, Policy, Scope};
