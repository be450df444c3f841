//! Content of attachments is what its media type says (IHE MHD ITI-105; `profiles/documents/media.tsv`).
//!
//! What is read whole on the way, clinical documents and FHIR documents, is handed on: the metadata must agree with it. A media type
//! outside the table is taken with a warning, for PDSm binds `contentType` to no list and admission is of base R4.

mod bundle;
mod signature;
mod tables;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use self::signature::Kind;
pub use self::tables::{format, system};
use super::Error;
use super::document::Content;
use super::report::{self, Report};
use crate::cda::{self, Body, Cda, Xml};
use crate::fhir::{Format, outcome};
use crate::filter::HolderName;

/// Base64 without its blanks.
pub fn decode(data: &str) -> Option<Vec<u8>> {
    let compact: Vec<u8> = data.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(compact).ok()
}

/// What was learnt of the content of one attachment.
#[derive(Debug, Clone)]
pub enum Learnt {
    /// A clinical document.
    Cda(Box<Cda>),
    /// A FHIR document.
    Fhir(FhirDocument),
    /// Nothing that metadata could differ from.
    Nothing,
}

/// What the Composition of a FHIR document says.
#[derive(Debug, Clone, Default)]
pub struct FhirDocument {
    /// `Composition.type`: system and code.
    pub types: Vec<(Option<String>, String)>,
    /// Whom `Composition.subject` names.
    pub subject: Vec<HolderName>,
    /// Its reports, each with all it leads to inside it.
    pub reports: Vec<Value>,
}

/// The reports that the contents are: those of FHIR documents, else the one of the first clinical document.
///
/// # Errors
/// [`Error::Business`] with the element of the report.
pub fn reports(learnt: Vec<Learnt>, contents: &[Content], warnings: &mut Vec<Value>) -> Result<Vec<Report>, Error> {
    let mut clinical = None;
    let mut whole: Vec<Value> = Vec::new();
    for (at, learnt) in learnt.into_iter().enumerate() {
        match learnt {
            Learnt::Fhir(fhir) => whole.extend(fhir.reports),
            Learnt::Cda(cda) => clinical = clinical.or(Some((at, cda))),
            Learnt::Nothing => {}
        }
    }
    let structured = clinical.filter(|(_, cda)| whole.is_empty() && cda.body == Body::Structured);
    if let Some((at, cda, content)) = structured.and_then(|(at, cda)| Some((at, cda, contents.get(at)?))) {
        let place = format!("DocumentReference.content[{at}].attachment.data");
        let results = cda::results::results(&content.bytes).map_err(|error| not_clinical(&place, &error))?;
        let (report, told) = report::of_clinical(&cda.header, &results);
        // No guide is departed from: the document is whole, and is kept.
        warnings.extend(told.iter().map(|text| outcome::issue("warning", "informational", text, std::slice::from_ref(&place))));
        return Ok(report.into_iter().collect());
    }
    whole.into_iter().map(Report::of).collect()
}

fn not_clinical(place: &str, error: &crate::fhir::issue::SyntaxError) -> Error {
    let message = format!("the content is no clinical document: {error}");
    Error::Business { code: "structure", expression: place.to_owned(), message }
}

/// Looks at the content of every attachment.
///
/// # Errors
/// [`Error::Business`] at `contentType` for what is something else, at `data` for what is broken, with line and column.
pub fn learn(contents: &[Content], base_url: &str, warnings: &mut Vec<Value>) -> Result<Vec<Learnt>, Error> {
    contents.iter().enumerate().map(|(at, content)| one(at, content, base_url, warnings)).collect()
}

fn one(at: usize, content: &Content, base_url: &str, warnings: &mut Vec<Value>) -> Result<Learnt, Error> {
    let place = |name: &str| format!("DocumentReference.content[{at}].attachment.{name}");
    let Some(kind) = tables::kind(&content.media) else {
        let text = "the content was not looked at: its media type is none of those that documents have";
        warnings.push(outcome::issue("warning", "business-rule", text, &[place("contentType")]));
        return Ok(Learnt::Nothing);
    };
    if let Some(message) = signature::fault(kind, &content.media, &content.bytes) {
        return Err(Error::value(&place("contentType"), message));
    }
    match kind {
        Kind::Cda => clinical(&content.bytes, &place("data")),
        Kind::FhirJson => bundle::read(Format::Json, &content.bytes, &place("data"), base_url).map(Learnt::Fhir),
        Kind::FhirXml => bundle::read(Format::Xml, &content.bytes, &place("data"), base_url).map(Learnt::Fhir),
        _ => Ok(Learnt::Nothing),
    }
}

/// A clinical document, whose unstructured body is what it claims to be, too.
fn clinical(bytes: &[u8], place: &str) -> Result<Learnt, Error> {
    let wrong = |message: String| Error::Business { code: "structure", expression: place.to_owned(), message };
    let mut cda = match cda::read(bytes).map_err(|error| not_clinical(place, &error))? {
        Xml::Cda(cda) => cda,
        Xml::Signature => return Ok(Learnt::Nothing),
    };
    if let Body::Within { media, base64, data } = &mut cda.body {
        // From here on what it is counts, not what is in it.
        let data = std::mem::take(data);
        let inner = if *base64 {
            decode(&data)
                .ok_or_else(|| wrong("the body of the clinical document (ClinicalDocument.component.nonXMLBody) is no base64".into()))?
        } else {
            data.into_bytes()
        };
        let fault = tables::kind(media).and_then(|kind| signature::fault(kind, media, &inner));
        if let Some(message) = fault {
            let body = "in the body of the clinical document (ClinicalDocument.component.nonXMLBody)";
            return Err(wrong(format!("{body}, of media type `{}`, {message}", crate::fhir::xml::shown(media))));
        }
    }
    Ok(Learnt::Cda(cda))
}
