//! The heart, pure: who may do what with which resource. No database, no HTTP, no clock.

pub mod caller;

pub use caller::{Caller, CallerKind, Code, Purpose};
