//! Metadata that nobody gave, from the header (CI-SIS, correspondence of the CDA header with the metadata of XDS).

use serde_json::{Value, json};

use super::parties::{Contained, identifier};
use super::{doc_type, first, persons};
use crate::cda::{Cda, Code, date_time, instant};
use crate::fhir::ResourceType;
use crate::fhir::validate::validate;
use crate::filter::HolderName;
use crate::interaction::content::{Learnt, format, system};
use crate::interaction::stored::set;
use crate::interaction::{Error, labels};
use crate::policy::Policy;
use crate::policy::nomenclature::{is_confidentiality, visibility};

/// v3-Confidentiality, as CDA names it and as FHIR does.
const CONFIDENTIALITY: (&str, &str) = ("2.16.840.1.113883.5.25", "http://terminology.hl7.org/CodeSystem/v3-Confidentiality");
/// Acts whose codes become `context.event`.
const EVENTS_MAX: usize = 20;

/// Completes a document whose content is a clinical one. What is given stays as it is; a type that is none of JDV_J66 is joined by
/// that of the header.
///
/// # Errors
/// [`Error::Business`] at the content whose header has something that no metadata can hold.
pub fn fill(document: &mut Value, learnt: &[Learnt], policy: &Policy) -> Result<(), Error> {
    let Some((at, cda)) = first(learnt) else { return Ok(()) };
    let header = &cda.header;
    name_type(document, cda, policy);
    let subject = persons(cda).into_iter().next();
    if let Some(HolderName::Identifier(ins)) = subject
        && let Some((system, value)) = ins.split_once('|')
    {
        add(document, "subject", Some(json!({"identifier": {"system": system, "value": value}})));
    }
    add(document, "masterIdentifier", header.id.as_ref().map(identifier));
    let time = header.effective_time.as_deref();
    add(document, "date", time.and_then(instant).map(Value::from));
    let mut contained = Contained::of(document);
    if document.get("author").is_none() {
        let authors: Vec<Value> = header.authors.iter().flat_map(|author| contained.author(author)).collect();
        if !authors.is_empty() {
            set(document, "author", authors.into());
        }
    }
    contained.put(document);
    add(document, "custodian", header.custodian.as_ref().and_then(super::parties::organization));
    add(document, "authenticator", header.legal_authenticator.as_ref().and_then(super::parties::person));
    replaced(document, cda);
    confidentiality(document, header.confidentiality.as_ref());
    attachment(document, at, cda);
    context(document, cda);
    match validate(ResourceType::DOCUMENT_REFERENCE, document).into_iter().next() {
        None => Ok(()),
        Some(issue) => {
            let message = format!("the header of the clinical document does not fit {}: {}", issue.expression, issue.message);
            Err(Error::value(&format!("DocumentReference.content[{at}].attachment.data"), message))
        }
    }
}

/// Sets a member that is not there, if there is something to set.
fn add(value: &mut Value, name: &str, member: Option<Value>) {
    if let Some(member) = member.filter(|_| value.get(name).is_none()) {
        set(value, name, member);
    }
}

fn coding(code: &Code) -> Value {
    let mut coding = json!({"code": code.code});
    add(&mut coding, "system", system(&code.system).map(Value::from));
    add(&mut coding, "display", code.display.clone().map(Value::from));
    coding
}

pub(super) fn concept(code: &Code) -> Value {
    json!({"coding": [coding(code)]})
}

/// The type: the header's, where none of those given is known.
fn name_type(document: &mut Value, cda: &Cda, policy: &Policy) {
    let text = |coding: &Value, name: &str| coding.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    let known = |coding: &Value| {
        let code = text(coding, "code")?;
        policy.matrix().types().by_code(text(coding, "system").as_deref(), &code)
    };
    let given = document.pointer("/type/coding").and_then(Value::as_array);
    if given.is_some_and(|codings| codings.iter().any(|coding| known(coding).is_some())) {
        return;
    }
    let Some(own) = cda.header.codes.iter().find(|code| doc_type(policy, code).is_some()) else { return };
    let mut coding = coding(own);
    if let Some(known) = doc_type(policy, own) {
        set(&mut coding, "system", known.system.into());
    }
    match (document.pointer_mut("/type/coding").and_then(Value::as_array_mut), coding) {
        (Some(codings), coding) => codings.push(coding),
        (None, coding) => match document.get_mut("type") {
            Some(concept) => set(concept, "coding", json!([coding])),
            None => set(document, "type", json!({"coding": [coding]})),
        },
    }
}

/// What the document replaces, where the metadata name nothing that it does.
fn replaced(document: &mut Value, cda: &Cda) {
    let code = |relation: &Value| relation.get("code").and_then(Value::as_str) == Some("replaces");
    let given = document.get("relatesTo").and_then(Value::as_array);
    if cda.header.replaces.is_empty() || given.is_some_and(|relations| relations.iter().any(code)) {
        return;
    }
    let own = cda.header.replaces.iter().map(|id| json!({"code": "replaces", "target": {"identifier": identifier(id)}}));
    match document.get_mut("relatesTo").and_then(Value::as_array_mut) {
        Some(relations) => relations.extend(own),
        None => set(document, "relatesTo", own.collect()),
    }
}

/// The level of confidentiality, where none is given; the visibility, where no label is.
fn confidentiality(document: &mut Value, code: Option<&Code>) {
    if let Some(hidden) = code.and_then(|code| visibility(&code.code)).filter(|_| labels::of(document).is_empty()) {
        // It is no level of CDA, but whoever wrote it there meant it.
        return labels::add(document, hidden);
    }
    let ours = |code: &&Code| (code.system.is_empty() || code.system == CONFIDENTIALITY.0) && is_confidentiality(&code.code);
    let Some(code) = code.filter(ours).filter(|_| !labels::of(document).iter().any(labels::is_level)) else { return };
    let mut label = coding(code);
    set(&mut label, "system", CONFIDENTIALITY.1.into());
    let label = json!({"coding": [label]});
    match document.get_mut("securityLabel").and_then(Value::as_array_mut) {
        Some(labels) => labels.push(label),
        None => set(document, "securityLabel", json!([label])),
    }
}

fn attachment(document: &mut Value, at: usize, cda: &Cda) {
    let header = &cda.header;
    let body = match &cda.body {
        crate::cda::Body::Within { media, .. } => Some(media.as_str()),
        _ => None,
    };
    let Some(content) = document.pointer_mut(&format!("/content/{at}")) else { return };
    let found = format(&header.templates, body).or_else(|| format(&header.templates, None));
    add(content, "format", found.map(|format| json!({"system": format.system, "code": format.code, "display": format.display})));
    let Some(attachment) = content.get_mut("attachment") else { return };
    let language = header.language.as_deref().filter(|text| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
    add(attachment, "language", language.map(Value::from));
    add(attachment, "title", header.title.clone().map(Value::from));
    add(attachment, "creation", header.effective_time.as_deref().and_then(date_time).map(Value::from));
}

fn context(document: &mut Value, cda: &Cda) {
    let header = &cda.header;
    let mut context = document.get("context").cloned().unwrap_or_else(|| json!({}));
    let events: Vec<Value> = header.events.iter().take(EVENTS_MAX).map(concept).collect();
    add(&mut context, "event", Some(events).filter(|events| !events.is_empty()).map(Value::from));
    if let Some((low, high)) = &header.period {
        let side = |side: &Option<String>| side.as_deref().and_then(date_time).map(Value::from);
        let mut period = json!({});
        add(&mut period, "start", side(low));
        add(&mut period, "end", side(high));
        add(&mut context, "period", Some(period).filter(|period| *period != json!({})));
    }
    add(&mut context, "facilityType", header.facility.as_ref().map(concept));
    add(&mut context, "practiceSetting", header.practice_setting.as_ref().map(concept));
    if context != json!({}) {
        set(document, "context", context);
    }
}
