//! Clinical documents (HL7 CDA R2): the header of a document as data, and what its body is. Pure.
//!
//! A document is read to its end, so that it is well-formed as a whole; what is kept is the header, for the metadata of the document
//! must agree with it and may be made from it (CI-SIS, "Structuration minimale de documents de santé"). Bodies are passed by; those of
//! reports of laboratories are asked for by [`results`], which reads the document once more.

mod header;
mod id;
mod node;
mod read;
pub mod results;
mod time;

pub use header::{Code, Header, Name, Organization, Party};
pub use id::Id;
pub use read::{Body, Cda, Xml, read};
pub use time::{date_time, instant};

#[cfg(test)]
mod tests;
