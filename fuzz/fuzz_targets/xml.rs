//! Reading and validating XML never breaks, and what is valid is the same when it is written and read again.
#![no_main]

use ensemble::fhir::{Document, Format, xml};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = Document::read(Format::Xml, bytes) else { return };
    if document.validate().is_empty() {
        let again = Document::read(Format::Xml, &xml::write(&document.value, false)).expect("our own XML is well-formed");
        assert!(again.issues.is_empty() && again.value == document.value);
        let again = Document::read(Format::Json, document.value.to_string().as_bytes()).expect("our own JSON is well-formed");
        assert!(again.value == document.value);
    }
});
