//! FHIR's own vocabulary: types, primitives, national identifiers, strict JSON, validation, small constructors.

pub mod definitions;
pub mod format;
pub mod json;
pub mod national;
pub mod outcome;
pub mod primitive;
mod resource_type;
pub mod validate;

pub use resource_type::{NAMES, ResourceType};
