//! Reading and validating JSON never breaks, and what is valid survives XML.
#![no_main]

use ensemble::fhir::{Document, Format, xml};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = Document::read(Format::Json, bytes) else { return };
    if document.validate().is_empty() {
        let again = Document::read(Format::Xml, &xml::write(&document.value, false)).expect("our own XML is well-formed");
        assert!(again.issues.is_empty() && again.value == document.value);
    }
});
