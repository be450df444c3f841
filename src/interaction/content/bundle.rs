//! FHIR documents as content (FHIR R4 documents.html): a Bundle of type `document` in base R4, whose first entry is its Composition.

use serde_json::Value;

use super::FhirDocument;
use crate::fhir::{Document, Format};
use crate::interaction::{Error, holder, report};

/// Reads and validates a FHIR document.
///
/// # Errors
/// [`Error::Business`] at `place` with the first thing that is wrong, and where in the Bundle.
pub fn read(format: Format, bytes: &[u8], place: &str, base_url: &str) -> Result<FhirDocument, Error> {
    let wrong = |code: &'static str, message: String| Error::Business { code, expression: place.to_owned(), message };
    let document = Document::read(format, bytes).map_err(|error| wrong("structure", format!("the content is no FHIR: {error}")))?;
    let text = |pointer: &str| document.value.pointer(pointer).and_then(Value::as_str);
    if text("/resourceType") != Some("Bundle") || text("/type") != Some("document") {
        return Err(wrong("structure", "the content is no FHIR document: expected a Bundle of type `document`".into()));
    }
    if let Some(issue) = document.validate().into_iter().next() {
        return Err(wrong(issue.code, format!("the FHIR document is not valid: {}: {}", issue.expression, issue.message)));
    }
    let composition = document.value.pointer("/entry/0/resource").unwrap_or(&Value::Null);
    if composition.get("resourceType").and_then(Value::as_str) != Some("Composition") {
        return Err(wrong("structure", "the first entry of a FHIR document is its Composition".into()));
    }
    let codings = composition.pointer("/type/coding").and_then(Value::as_array).into_iter().flatten();
    let said = |coding: &Value, name: &str| coding.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    Ok(FhirDocument {
        types: codings.filter_map(|coding| Some((said(coding, "system"), said(coding, "code")?))).collect(),
        subject: subject(&document.value, composition, base_url),
        reports: report::of_document(&document.value),
    })
}

/// Whom the Composition is about: the Patient of the Bundle where it is one, by its INS; else as in any resource.
fn subject(bundle: &Value, composition: &Value, base_url: &str) -> Vec<crate::filter::HolderName> {
    let Some(subject) = composition.get("subject") else { return Vec::new() };
    let reference = subject.get("reference").and_then(Value::as_str).unwrap_or_default();
    let entries = bundle.get("entry").and_then(Value::as_array).into_iter().flatten();
    let mut inside = entries.filter(|entry| {
        let url = entry.get("fullUrl").and_then(Value::as_str).unwrap_or_default();
        // A relative reference goes by the end of the address it stands in (FHIR R4 bundle.html#references).
        let same = url == reference || url.strip_suffix(reference).is_some_and(|base| base.ends_with('/'));
        same && !reference.is_empty() && entry.pointer("/resource/resourceType").and_then(Value::as_str) == Some("Patient")
    });
    match inside.find_map(|entry| entry.get("resource")) {
        Some(patient) => holder::identified(patient),
        None => holder::names(composition, Some(subject), base_url),
    }
}
