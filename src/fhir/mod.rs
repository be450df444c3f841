//! FHIR's own things: types, dates, national identifiers.

pub mod national;
pub mod primitive;
mod resource_type;

pub use resource_type::{NAMES, ResourceType};
