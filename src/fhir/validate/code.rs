//! Codes of required bindings (FHIR R4 terminologies.html#required).

use serde_json::{Map, Value};

use super::Check;
use crate::fhir::definitions::Element;
use crate::fhir::place::Place;

impl<'v> Check<'v> {
    /// A code.
    pub(super) fn code(&mut self, element: &'static Element, value: &Value, at: &Place<'_>) {
        let (Some(codes), Some(code)) = (element.codes, value.as_str()) else { return };
        if !codes.has_code(code) {
            let code: String = code.chars().take(64).collect();
            self.issues.add("code-invalid", at, format!("`{code}` is not one of {}", codes.shown()));
        }
    }

    /// A CodeableConcept: at least one of its codings is in the set.
    pub(super) fn concept(&mut self, element: &'static Element, members: &'v Map<String, Value>, at: &Place<'_>) {
        let Some(codes) = element.codes else { return };
        let codings = members.get("coding").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let text = |coding: &'v Value, name: &str| coding.get(name).and_then(Value::as_str).unwrap_or_default();
        let fits = |coding: &'v Value| codes.has(text(coding, "system"), text(coding, "code"));
        // With extensions alone it may say why there is no code.
        let said = members.contains_key("coding") || members.contains_key("text");
        if said && !codings.iter().any(fits) {
            let systems: Vec<&str> = codes.systems.iter().map(|(system, _)| *system).collect();
            let message = format!("one coding is needed of {} in {}", codes.shown(), systems.join(", "));
            self.issues.add("code-invalid", at, message);
        }
    }
}
