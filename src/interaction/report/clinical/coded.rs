//! Codes of a clinical document as FHIR has them.

use serde_json::{Value, json};

use crate::cda::Code;
use crate::cda::results::Concept;
use crate::interaction::content::system;
use crate::interaction::stored::set;

const ABSENT: &str = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
const NULL: &str = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor";

/// A code; its system as FHIR names it.
pub fn coding(code: &Code) -> Value {
    let mut coding = json!({});
    if let Some(system) = system(&code.system) {
        set(&mut coding, "system", system.into());
    }
    set(&mut coding, "code", code.code.clone().into());
    if let Some(display) = &code.display {
        set(&mut coding, "display", display.clone().into());
    }
    coding
}

/// A concept.
pub fn concept(concept: &Concept) -> Value {
    let mut value = json!({});
    if !concept.codes.is_empty() {
        set(&mut value, "coding", concept.codes.iter().map(coding).collect());
    }
    if let Some(text) = &concept.text {
        set(&mut value, "text", text.clone().into());
    }
    value
}

/// Why there is no value (FHIR R4 cm-data-absent-reason-v3.html); what has no code there keeps its own.
pub fn no_value(flavor: &str) -> Value {
    let code = match flavor {
        "NI" | "UNK" => "unknown",
        "ASKU" => "asked-unknown",
        "NAV" => "temp-unknown",
        "NASK" => "not-asked",
        "NA" => "not-applicable",
        "MSK" => "masked",
        "NINF" => "negative-infinity",
        "PINF" => "positive-infinity",
        other => return json!({"coding": [{"system": NULL, "code": other}]}),
    };
    absent(code)
}

/// That there is no value, in the words of FHIR.
pub fn absent(code: &str) -> Value {
    json!({"coding": [{"system": ABSENT, "code": code}]})
}
