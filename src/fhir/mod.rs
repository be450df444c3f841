//! FHIR's own vocabulary: types, primitives, national identifiers, strict JSON and XML, validation, small constructors, and their words in French.

pub mod definitions;
mod document;
pub mod format;
pub mod issue;
pub mod json;
mod links;
pub mod message;
mod names;
pub mod national;
pub mod outcome;
pub mod place;
pub mod primitive;
mod resource_type;
mod second_opinion;
pub mod validate;
pub mod xml;

pub use document::{Document, Format};
pub use links::{replace_links, replace_references};
pub use resource_type::{NAMES, ResourceType};
pub use second_opinion::second_opinion;
