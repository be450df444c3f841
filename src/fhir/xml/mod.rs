//! FHIR XML and XHTML narratives (FHIR R4 xml.html, narrative.html): the only room that names quick-xml.
//!
//! No DTD, no external entity, no file and no network; what is read and written is in memory. The scanner below it serves other XML too:
//! it is where `cda` reads from.

mod character;
mod diff;
mod div;
mod edits;
mod ends;
mod members;
mod narrative;
mod read;
mod scan;
mod tag;
mod write;

pub use character::{is_blank, is_space};
pub use diff::{Edit, Verb, diff};
pub use narrative::check_narrative;
pub use read::{Read, read, text};
pub use scan::{Fault, Scanner, Token};
pub use tag::{Attribute, Name, Space, Tag};
pub use write::write;

/// The namespace of FHIR.
const FHIR: &str = "http://hl7.org/fhir";

/// The namespace of XHTML.
const XHTML: &str = "http://www.w3.org/1999/xhtml";

/// The namespace of CDA R2.
const CDA: &str = "urn:hl7-org:v3";

/// The namespace of what HL7 adds to CDA.
const SDTC: &str = "urn:hl7-org:sdtc";

/// The namespace of what IHE adds to CDA for reports of laboratories (PaLM TF-3, XD-LAB).
const LABORATORIES: &str = "urn:oid:1.3.6.1.4.1.19376.1.3.2";

/// The namespace of XML signatures.
const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";

/// Characters of a name or value that a message shows.
const SHOWN_CHARS_MAX: usize = 64;

/// The beginning of a text, for a message.
pub fn shown(text: &str) -> &str {
    text.char_indices().nth(SHOWN_CHARS_MAX).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests;
