//! What a DocumentReference must say to be admitted (CONTRACT 3, Documents; PDSm flux 02, IHE MHD ITI-105).

use serde_json::{Value, json};

use super::canonical::canonical;
use super::content;
use super::header::{self, Claim};
use super::links::relative;
use super::report::{self, LABORATORY, Report};
use super::stored::set;
use super::{Error, labels};
use crate::auth::digest;
use crate::cda::Id;
use crate::fhir::outcome;
use crate::filter::{Actor, Label};
use crate::policy::nomenclature::{LOINC, TRE_A03, class_display};
use crate::policy::projection::actor;
use crate::policy::{Caller, CallerKind, Policy};
use crate::search::spell;

/// Bytes of a master identifier that is kept as it is.
const MASTER_BYTES_MAX: usize = 200;
/// Reports that one document brings at most: each is written with its own results.
const REPORTS_MAX: usize = 50;

/// The content of an attachment, which becomes a Binary.
#[derive(Debug, Clone)]
pub struct Content {
    /// Its media type.
    pub media: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A document whose form is right; the rest is asked of the record.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The resource, its data taken out.
    pub document: Value,
    /// One for each attachment, in order.
    pub contents: Vec<Content>,
    /// The row of the matrix.
    pub doc_type: i16,
    /// `masterIdentifier`, as deposits are known by.
    pub master: Option<String>,
    /// Digest of what was received, however it was written.
    pub digest: Vec<u8>,
    /// Ids of the documents it replaces, and `system|value` of those named by identifier.
    pub replaces: Vec<Replaced>,
    /// What its content says it replaces (`ClinicalDocument.relatedDocument`).
    pub parents: Vec<Id>,
    /// Whom its content is about.
    pub claims: Vec<Claim>,
    /// The reports that its content is.
    pub reports: Vec<Report>,
    /// Issues that do not refuse it.
    pub warnings: Vec<Value>,
}

/// How a document names one that it replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced {
    /// By logical id.
    Id(String),
    /// By identifier, as a token of the index.
    Identifier(String),
}

fn required(expression: &str, message: &str) -> Error {
    Error::Business { code: "required", expression: expression.to_owned(), message: message.to_owned() }
}

/// Checks the form of a document and takes its content out. What a clinical document says of itself completes the metadata, and must
/// agree with them; the digest is of what was received, so that the same push is known again.
///
/// # Errors
/// [`Error::Business`] with the element.
pub fn admit(value: &Value, policy: &Policy, masked_and_hidden: bool, base_url: &str) -> Result<Admitted, Error> {
    let digest = digest::sha256(canonical(value).as_bytes());
    let mut document = value.clone();
    let mut warnings = Vec::new();
    if document.get("status").and_then(Value::as_str) != Some("current") {
        return Err(Error::value("DocumentReference.status", "a new document is `current`"));
    }
    let mut own = report::taken_out(&mut document);
    let contents = take_contents(&mut document, base_url)?;
    let learnt = content::learn(&contents, base_url, &mut warnings)?;
    let replaces = replaced(&document, base_url);
    header::fill(&mut document, &learnt, policy)?;
    let doc_type = classify(&mut document, policy, &mut warnings)?;
    let claims = header::agree(&document, &learnt, doc_type, policy, &mut warnings)?;
    labels::check_known(&document)?;
    labels::check_together(&document, masked_and_hidden)?;
    labels::separate(&mut document);
    labels::imply_normal(&mut document);
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    let known_by = text("/masterIdentifier/value").map(|value| master(text("/masterIdentifier/system").unwrap_or_default(), value));
    if known_by.is_none() {
        warnings.push(warning(
            "DocumentReference.masterIdentifier",
            "PDSm asks for a unique identifier; without it a repeated push is a new document",
        ));
    }
    if document.get("author").is_none() {
        warnings.push(warning("DocumentReference.author", "PDSm asks for an author"));
    }
    let parents = header::replaced(&learnt);
    let biology = policy.matrix().types().by_code(Some(LOINC), LABORATORY).is_some_and(|known| known.number == doc_type);
    if let Some((id, _)) = own.first().filter(|_| !biology) {
        let message = format!("the report `#{id}` comes with a document of type {LABORATORY}");
        return Err(Error::value("DocumentReference.type", message));
    }
    // What is named beside the content counts, where it is.
    let mut reports = if biology && own.is_empty() { content::reports(learnt, &contents, &mut warnings)? } else { Vec::new() };
    for (id, report) in own.drain(..) {
        reports.push(Report { contained: Some(id), ..Report::of(report)? });
    }
    if reports.len() > REPORTS_MAX {
        let message = format!("a document brings at most {REPORTS_MAX} reports");
        return Err(Error::Business { code: "too-costly", expression: "DocumentReference".into(), message });
    }
    Ok(Admitted { document, contents, doc_type, master: known_by, digest, replaces, parents, claims, reports, warnings })
}

/// `system|value`; the digest of a long one, for an entry of an index of PostgreSQL has a bound. A digest has no `|`.
fn master(system: &str, value: &str) -> String {
    let whole = format!("{system}|{value}");
    if whole.len() <= MASTER_BYTES_MAX { whole } else { format!("sha256:{}", digest::sha256_hex(whole.as_bytes())) }
}

fn warning(place: &str, text: &str) -> Value {
    outcome::issue("warning", "business-rule", text, &[place.to_owned()])
}

/// The row of the matrix a document belongs to; its class follows from its type (ASS_X16).
fn classify(document: &mut Value, policy: &Policy, warnings: &mut Vec<Value>) -> Result<i16, Error> {
    let place = "DocumentReference.type";
    let codings = document.pointer("/type/coding").and_then(Value::as_array).cloned().unwrap_or_default();
    if codings.is_empty() {
        return Err(required(place, "the type of the document is needed, as a code of JDV_J66"));
    }
    let text = |coding: &Value, name: &str| coding.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    let types = policy.matrix().types();
    let mut found: Vec<_> =
        codings.iter().filter_map(|coding| types.by_code(text(coding, "system").as_deref(), text(coding, "code")?.as_str())).collect();
    found.dedup_by_key(|known| known.number);
    let known = match found.as_slice() {
        [] => {
            return Err(Error::Business { code: "code-invalid", expression: place.into(), message: "the type is none of JDV_J66".into() });
        }
        [known] => *known,
        _ => return Err(Error::value(place, "the codings name different types of documents")),
    };
    let given = document.pointer("/category").and_then(Value::as_array).cloned().unwrap_or_default();
    let classes = given.iter().filter_map(|category| category.get("coding")?.as_array()).flatten();
    let differs = |coding: &Value| {
        text(coding, "system").as_deref() == Some(TRE_A03) && text(coding, "code").as_deref() != Some(known.class.as_str())
    };
    if classes.into_iter().any(differs) {
        warnings.push(warning("DocumentReference.category", &format!("the class follows from the type: `{}` was set", known.class)));
    }
    let mut class = json!({"system": TRE_A03, "code": known.class});
    if let Some(display) = class_display(&known.class) {
        set(&mut class, "display", display.into());
    }
    set(document, "category", json!([{"coding": [class]}]));
    // One canonical system, so that one search finds every spelling.
    if !codings.iter().any(|coding| text(coding, "system").as_deref() == Some(known.system)) {
        let system = if known.system == LOINC { LOINC } else { known.system };
        if let Some(list) = document.pointer_mut("/type/coding").and_then(Value::as_array_mut) {
            list.push(json!({"system": system, "code": known.code, "display": known.display}));
        }
    }
    Ok(known.number)
}

/// Takes the data of each attachment out, its hash and size checked or filled.
fn take_contents(document: &mut Value, base_url: &str) -> Result<Vec<Content>, Error> {
    let count = document.get("content").and_then(Value::as_array).map_or(0, Vec::len);
    let mut contents = Vec::with_capacity(count);
    for at in 0..count {
        let place = format!("DocumentReference.content[{at}].attachment");
        let Some(attachment) = document.pointer_mut(&format!("/content/{at}/attachment")) else { continue };
        let text = |attachment: &Value, name: &str| attachment.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        let Some(data) = text(attachment, "data") else {
            let own = text(attachment, "url").is_some_and(|url| relative(&url, base_url).starts_with("Binary/"));
            return Err(if own {
                Error::Business { code: "not-found", expression: format!("{place}.url"), message: "this Binary is not known".into() }
            } else {
                required(&format!("{place}.data"), "the content is needed, in `data`")
            });
        };
        let media = text(attachment, "contentType").ok_or_else(|| required(&format!("{place}.contentType"), "the media type is needed"))?;
        if !is_media_type(&media) {
            return Err(Error::value(&format!("{place}.contentType"), "expected a media type"));
        }
        let bytes = content::decode(&data).ok_or_else(|| Error::value(&format!("{place}.data"), "expected base64"))?;
        let hash = digest::sha1_base64(&bytes);
        if text(attachment, "hash").is_some_and(|said| said != hash) {
            return Err(Error::value(&format!("{place}.hash"), "the SHA-1 of the content differs"));
        }
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        if attachment.get("size").is_some_and(|said| said.as_i64() != Some(size)) {
            return Err(Error::value(&format!("{place}.size"), format!("the content has {size} bytes")));
        }
        if let Some(members) = attachment.as_object_mut() {
            members.remove("data");
            members.insert("size".into(), size.into());
            members.insert("hash".into(), hash.into());
        }
        contents.push(Content { media, bytes });
    }
    Ok(contents)
}

/// `type/subtype` with optional parameters, safe in a header.
pub fn is_media_type(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default().trim();
    let token = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b));
    let printable = text.bytes().all(|b| (0x20..0x7f).contains(&b));
    printable && essence.split_once('/').is_some_and(|(group, kind)| token(group) && token(kind))
}

fn replaced(document: &Value, base_url: &str) -> Vec<Replaced> {
    let relations = document.get("relatesTo").and_then(Value::as_array);
    let replaces = relations.into_iter().flatten().filter(|relation| relation.get("code").and_then(Value::as_str) == Some("replaces"));
    replaces
        .filter_map(|relation| {
            let target = relation.get("target")?;
            let text = |name: &str| target.pointer(&format!("/identifier/{name}")).and_then(Value::as_str);
            let literal = target.get("reference").and_then(Value::as_str).map(|reference| relative(reference, base_url));
            let id = literal.and_then(|reference| reference.strip_prefix("DocumentReference/"));
            id.map(|id| Replaced::Id(id.split('/').next().unwrap_or_default().to_owned()))
                .or_else(|| Some(Replaced::Identifier(spell(Some(text("system").unwrap_or_default()), Some(text("value")?)))))
        })
        .collect()
}

/// Says that a document replaces another, which what it brings makes of it.
pub fn replaces(document: &mut Value, former: &Replaced) {
    let Replaced::Id(id) = former else { return };
    let relation = json!({"code": "replaces", "target": {"reference": format!("DocumentReference/{id}")}});
    match document.get_mut("relatesTo").and_then(Value::as_array_mut) {
        Some(relations) => relations.push(relation),
        None => set(document, "relatesTo", json!([relation])),
    }
}

/// Names the reports that a document brings.
pub fn relates<'a>(document: &mut Value, reports: impl Iterator<Item = &'a str>) {
    for id in reports {
        let reference = json!({"reference": format!("DiagnosticReport/{id}")});
        if document.get("context").is_none() {
            set(document, "context", json!({}));
        }
        let Some(context) = document.get_mut("context") else { return };
        match context.get_mut("related").and_then(Value::as_array_mut) {
            Some(related) if related.contains(&reference) => {}
            Some(related) => related.push(reference),
            None => set(context, "related", json!([reference])),
        }
    }
}

/// Who counts as author (CONTRACT 3, Author): the submitter, the structure it acted for, and those named by national identifier.
pub fn authors(document: &Value, caller: &Caller, submitter: &Actor) -> Vec<Actor> {
    let mut actors: Vec<Actor> = std::iter::once(submitter.clone()).chain(caller.structure.clone()).collect();
    actors.extend(authors_named(document));
    actors.retain(|actor| matches!(actor.kind(), 'P' | 'S') || actor == submitter);
    actors
}

/// The professionals and structures named in `author` by national identifier.
pub fn authors_named(document: &Value) -> Vec<Actor> {
    let mut actors = Vec::new();
    for author in document.get("author").and_then(Value::as_array).into_iter().flatten() {
        actors.extend(named(document, author));
    }
    actors
}

/// The professionals and structures that a reference names by national identifier, itself or by what the resource contains.
pub fn named(resource: &Value, reference: &Value) -> Vec<Actor> {
    let mut actors: Vec<Actor> = reference.get("identifier").and_then(national).into_iter().collect();
    let contained = resource.get("contained").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let local = |reference: &Value| {
        let id = reference.get("reference").and_then(Value::as_str)?.strip_prefix('#')?.to_owned();
        contained.iter().find(|item| item.get("id").and_then(Value::as_str) == Some(&id))
    };
    let inside = local(reference);
    for name in ["identifier", "practitioner", "organization"] {
        match inside.and_then(|resource| resource.get(name)) {
            Some(Value::Array(identifiers)) => actors.extend(identifiers.iter().filter_map(national)),
            Some(reference) => {
                actors.extend(reference.get("identifier").and_then(national));
                let identifiers = local(reference).and_then(|inner| inner.get("identifier")?.as_array());
                actors.extend(identifiers.into_iter().flatten().filter_map(national));
            }
            None => {}
        }
    }
    actors
}

fn national(identifier: &Value) -> Option<Actor> {
    let text = |name: &str| identifier.get(name).and_then(Value::as_str);
    actor(text("system")?, text("value")?).filter(|actor| matches!(actor.kind(), 'P' | 'S'))
}

/// Whether these labels may be set at deposit for a holder who is a minor or not.
///
/// # Errors
/// [`Error::Business`] at `securityLabel`.
pub fn check_age(document: &Value, minor: bool) -> Result<(), Error> {
    if labels::bits(document) & Label::HiddenFromRepresentatives.bit() != 0 && !minor {
        return Err(Error::business("DocumentReference.securityLabel", "`INVISIBLE_REPRESENTANTS_LEGAUX` is for minors"));
    }
    Ok(())
}

/// Whether these labels may be set at deposit by this caller, whoever the holder is.
///
/// # Errors
/// [`Error::Business`] at `securityLabel`.
pub fn check_labels(document: &Value, caller: &Caller) -> Result<(), Error> {
    let (bits, place) = (labels::bits(document), "DocumentReference.securityLabel");
    let has = |label: Label| bits & label.bit() != 0;
    if has(Label::HiddenFromHolder) && matches!(caller.kind, CallerKind::Holder | CallerKind::Representative) {
        return Err(Error::business(place, "nobody hides a document from oneself"));
    }
    if caller.secret && !has(Label::HiddenFromRepresentatives) {
        return Err(Error::business(place, "in a secret connection documents are `INVISIBLE_REPRESENTANTS_LEGAUX`"));
    }
    Ok(())
}

/// Names the person: `reference` is added, `identifier` kept; a contained Patient that nothing else needs goes.
pub fn set_subject(document: &mut Value, member: &str, patient: &str, ins: &str) {
    let former = document.pointer(&format!("/{member}/reference")).and_then(Value::as_str).map(ToOwned::to_owned);
    let Some(subject) = document.get_mut(member) else { return };
    set(subject, "reference", format!("Patient/{patient}").into());
    if subject.get("identifier").is_none()
        && former.as_deref().is_some_and(|former| former.starts_with('#') || former.contains('?'))
        && let Some((system, value)) = ins.split_once('|')
    {
        set(subject, "identifier", json!({"system": system, "value": value}));
    }
    let Some(id) = former.as_deref().and_then(|former| former.strip_prefix('#')) else { return };
    if document.to_string().contains(&format!("\"#{id}\"")) {
        return;
    }
    let Some(members) = document.as_object_mut() else { return };
    if let Some(contained) = members.get_mut("contained").and_then(Value::as_array_mut) {
        contained.retain(|item| item.get("id").and_then(Value::as_str) != Some(id));
    }
    if members.get("contained").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        members.remove("contained");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn letter() -> Value {
        json!({
            "resourceType": "DocumentReference",
            "status": "current",
            "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3"},
            "type": {"coding": [{"system": "http://loinc.org", "code": "11490-0"}]},
            "subject": {"reference": "Patient/p"},
            "author": [{"identifier": {"system": "https://rpps.esante.gouv.fr", "value": "10000000016"}}],
            "content": [{"attachment": {"contentType": "text/plain", "data": "Qm9uam91cg=="}}]
        })
    }

    fn try_admit(document: &Value) -> Result<Admitted, Error> {
        let policy = Policy::embedded(false, |_| String::new()).unwrap();
        admit(document, &policy, false, "https://x.example/fhir")
    }

    #[test]
    fn content_is_taken_out_and_described() {
        let admitted = try_admit(&letter()).unwrap();
        assert_eq!(admitted.contents.first().map(|content| content.bytes.as_slice()), Some(b"Bonjour".as_slice()));
        let attachment = admitted.document.pointer("/content/0/attachment").unwrap();
        assert!(attachment.get("data").is_none() && attachment.get("size") == Some(&json!(7)) && attachment.get("hash").is_some());
        assert_eq!(admitted.document.pointer("/category/0/coding/0/code"), Some(&json!("10")));
        assert_eq!(admitted.document.pointer("/securityLabel/0/coding/0/code"), Some(&json!("N")));
        assert_eq!(admitted.master.as_deref(), Some("urn:ietf:rfc:3986|urn:oid:1.2.3"));
    }

    #[test]
    fn what_is_not_admitted_names_its_element() {
        let rows: [(&str, Option<Value>, &str); 12] = [
            ("/status", Some(json!("superseded")), "DocumentReference.status"),
            ("/type", Some(json!({"text": "lettre"})), "DocumentReference.type"),
            ("/type/coding/0/code", Some(json!("99999-9")), "DocumentReference.type"),
            ("/content/0/attachment/hash", Some(json!("AAAA")), "DocumentReference.content[0].attachment.hash"),
            ("/content/0/attachment/size", Some(json!(8)), "DocumentReference.content[0].attachment.size"),
            ("/content/0/attachment/data", Some(json!("####")), "DocumentReference.content[0].attachment.data"),
            ("/content/0/attachment/contentType", Some(json!("pdf")), "DocumentReference.content[0].attachment.contentType"),
            ("/content/0/attachment/contentType", Some(json!("a/b\r\nX: y")), "DocumentReference.content[0].attachment.contentType"),
            ("/content/0/attachment", Some(json!({"contentType": "text/plain"})), "DocumentReference.content[0].attachment.data"),
            (
                "/content/0/attachment",
                Some(json!({"contentType": "text/plain", "url": "Binary/1"})),
                "DocumentReference.content[0].attachment.url",
            ),
            (
                "/securityLabel",
                Some(json!([{"coding": [{"code": "MASQUE_PS"}]}, {"coding": [{"code": "NOPAT"}]}])),
                "DocumentReference.securityLabel",
            ),
            ("/type", None, "DocumentReference.type"),
        ];
        for (pointer, value, expected) in rows {
            let mut document = letter();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            let members = document.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            match value {
                Some(value) => members.insert(name.to_owned(), value),
                None => members.remove(name),
            };
            let error = try_admit(&document).unwrap_err();
            assert!(matches!(&error, Error::Business { expression, .. } if expression == expected), "{pointer}: {error:?}");
        }
    }
}
