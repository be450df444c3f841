//! FHIR's own things: types, reading, definitions.

mod resource_type;

pub use resource_type::{NAMES, ResourceType};
