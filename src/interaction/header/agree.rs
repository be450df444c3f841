//! What metadata and content say of the same thing.

use serde_json::Value;

use super::{doc_type, first, persons};
use crate::cda::{Cda, Code, Header, Id, date_time};
use crate::fhir::national::canonical_type_system;
use crate::fhir::{outcome, primitive};
use crate::filter::{Actor, HolderName, HolderRow};
use crate::interaction::content::{FhirDocument, Learnt};
use crate::interaction::{Error, document as metadata, holder, labels};
use crate::policy::Policy;
use crate::policy::nomenclature::visibility;
use crate::policy::projection::actor;

/// Whom content is about: asked of the record, once it is known whose it is.
#[derive(Debug, Clone)]
pub struct Claim {
    names: Vec<HolderName>,
    message: String,
}

impl Claim {
    /// Whether the holder is the one.
    ///
    /// # Errors
    /// [`Error::Business`] at `subject`.
    pub fn check(&self, row: &HolderRow) -> Result<(), Error> {
        let same = self.names.iter().all(|name| holder::is(name, row));
        if same { Ok(()) } else { Err(Error::value("DocumentReference.subject", self.message.clone())) }
    }
}

/// Compares a document of this type with its content: holder, type and unique identifier must be the same, in whatever spelling; an
/// author, date or title that differs is a warning.
///
/// # Errors
/// [`Error::Business`] at the element of the metadata, with the element of the content.
pub fn agree(document: &Value, learnt: &[Learnt], number: i16, policy: &Policy, warnings: &mut Vec<Value>) -> Result<Vec<Claim>, Error> {
    let mut claims = Vec::new();
    let main = first(learnt).map(|(at, _)| at);
    for (at, learnt) in learnt.iter().enumerate() {
        match learnt {
            Learnt::Cda(cda) => {
                same_type(document, &cda.header, number, policy)?;
                if main == Some(at) {
                    same_id(document, &cda.header)?;
                }
                compare(document, at, &cda.header, warnings);
                claims.push(claim(cda, at, warnings));
            }
            Learnt::Fhir(fhir) => {
                same_fhir_type(fhir, number, policy)?;
                let message = format!("the FHIR document in content[{at}] is about another person (Composition.subject)");
                claims.push(Claim { names: fhir.subject.clone(), message });
            }
            Learnt::Nothing => {}
        }
    }
    Ok(claims)
}

/// The identifiers a stored document is known by, in the one spelling that is compared.
pub fn known_as(document: &Value) -> Vec<Id> {
    let own = document.get("masterIdentifier").into_iter();
    let all = own.chain(document.get("identifier").and_then(Value::as_array).into_iter().flatten());
    all.filter_map(id).collect()
}

fn id(identifier: &Value) -> Option<Id> {
    let text = |name: &str| identifier.get(name).and_then(Value::as_str);
    Id::of_identifier(text("system").unwrap_or_default(), text("value")?)
}

/// A departure from the guides.
fn warn(warnings: &mut Vec<Value>, place: &str, text: &str) {
    warnings.push(outcome::issue("warning", "business-rule", text, &[place.to_owned()]));
}

/// What differs and may: a warning even where admission is strict.
fn differs(warnings: &mut Vec<Value>, place: &str, text: &str) {
    warnings.push(outcome::issue("warning", "value", text, &[place.to_owned()]));
}

fn claim(cda: &Cda, at: usize, warnings: &mut Vec<Value>) -> Claim {
    let names = persons(cda);
    if names.is_empty() {
        let text = "the clinical document names nobody by INS (ClinicalDocument.recordTarget)";
        warn(warnings, &format!("DocumentReference.content[{at}].attachment.data"), text);
    }
    let message = format!("the clinical document in content[{at}] is about another person (ClinicalDocument.recordTarget.patientRole.id)");
    Claim { names, message }
}

fn codings(document: &Value) -> impl Iterator<Item = (Option<&str>, &str)> {
    let codings = document.pointer("/type/coding").and_then(Value::as_array).into_iter().flatten();
    codings.filter_map(|coding| Some((coding.get("system").and_then(Value::as_str), coding.get("code")?.as_str()?)))
}

/// The type is the one that the header's code means; a code that means none must stand among those given.
fn same_type(document: &Value, header: &Header, number: i16, policy: &Policy) -> Result<(), Error> {
    let Some(own) = header.codes.first() else { return Ok(()) };
    let is = |code: &Code| {
        let system = format!("urn:oid:{}", code.system);
        let canonical = |system: &str| canonical_type_system(system).map_or_else(|| system.to_owned(), ToOwned::to_owned);
        codings(document).any(|(given, text)| {
            text == code.code && (code.system.is_empty() || given.is_none_or(|given| canonical(given) == canonical(&system)))
        })
    };
    let same = match doc_type(policy, own) {
        Some(known) => known.number == number,
        None => header.codes.iter().any(|code| is(code) || doc_type(policy, code).is_some_and(|known| known.number == number)),
    };
    if same {
        return Ok(());
    }
    let code = crate::fhir::xml::shown(&own.code);
    Err(Error::value("DocumentReference.type", format!("the clinical document is of another type, `{code}` (ClinicalDocument.code)")))
}

fn same_fhir_type(fhir: &FhirDocument, number: i16, policy: &Policy) -> Result<(), Error> {
    let types = policy.matrix().types();
    let mut known = fhir.types.iter().filter_map(|(system, code)| types.by_code(system.as_deref(), code)).peekable();
    if known.peek().is_none() || known.any(|known| known.number == number) {
        return Ok(());
    }
    Err(Error::value("DocumentReference.type", "the FHIR document is of another type (Composition.type)"))
}

fn same_id(document: &Value, header: &Header) -> Result<(), Error> {
    let (Some(own), Some(given)) = (&header.id, document.get("masterIdentifier")) else { return Ok(()) };
    if id(given).is_none_or(|given| given == *own) {
        return Ok(());
    }
    Err(Error::value("DocumentReference.masterIdentifier", "the clinical document has another identifier (ClinicalDocument.id)"))
}

/// Author, dates and title.
fn compare(document: &Value, at: usize, header: &Header, warnings: &mut Vec<Value>) {
    let attachment = format!("content[{at}].attachment");
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    let given = metadata::authors_named(document);
    let own = parties(header);
    if !given.is_empty() && !own.is_empty() && !given.iter().any(|one| own.contains(one)) {
        differs(warnings, "DocumentReference.author", "the clinical document names other authors (ClinicalDocument.author)");
    }
    let hidden = header.confidentiality.as_ref().and_then(|code| visibility(&code.code));
    if hidden.is_some_and(|hidden| labels::bits(document) & hidden.bit() == 0) {
        let said = "the clinical document names a visibility that the labels do not (ClinicalDocument.confidentialityCode)";
        warn(warnings, "DocumentReference.securityLabel", said);
    }
    let title = text(&format!("/content/{at}/attachment/title"));
    if let (Some(given), Some(own)) = (title, &header.title)
        && !given.split_whitespace().eq(own.split_whitespace())
    {
        differs(
            warnings,
            &format!("DocumentReference.{attachment}.title"),
            "the clinical document has another title (ClinicalDocument.title)",
        );
    }
    let period = header.period.as_ref();
    let made = header.effective_time.as_deref();
    let dates = [
        ("/date".to_owned(), "date".to_owned(), made, "effectiveTime"),
        (format!("/content/{at}/attachment/creation"), format!("{attachment}.creation"), made, "effectiveTime"),
        (
            "/context/period/start".to_owned(),
            "context.period.start".to_owned(),
            period.and_then(|period| period.0.as_deref()),
            "documentationOf.serviceEvent.effectiveTime",
        ),
        (
            "/context/period/end".to_owned(),
            "context.period.end".to_owned(),
            period.and_then(|period| period.1.as_deref()),
            "documentationOf.serviceEvent.effectiveTime",
        ),
    ];
    for (pointer, place, own, element) in dates {
        if let (Some(given), Some(own)) = (text(&pointer), own.and_then(date_time))
            && !meet(given, &own)
        {
            let said = format!("the clinical document has another date (ClinicalDocument.{element})");
            differs(warnings, &format!("DocumentReference.{place}"), &said);
        }
    }
}

/// Whether two dates, each as precise as it is, may be the same.
fn meet(one: &str, other: &str) -> bool {
    match (primitive::date_range(one), primitive::date_range(other)) {
        (Some(one), Some(other)) => one.0 < other.1 && other.0 < one.1,
        _ => true,
    }
}

/// The professionals and structures that a header names as authors.
fn parties(header: &Header) -> Vec<Actor> {
    let organizations = header.authors.iter().filter_map(|author| author.organization.as_ref()).flat_map(|one| &one.ids);
    let ids = header.authors.iter().flat_map(|author| &author.ids).chain(organizations);
    ids.filter_map(|(root, extension)| actor(&format!("urn:oid:{root}"), extension)).collect()
}
