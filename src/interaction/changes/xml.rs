//! The changes that an XML Patch asks for (RFC 5261, PDSm flux 03). Its operations are judged as those of a JSON Patch are: what may be
//! changed is told from the operation alone, so that it is the same for every document, hidden or absent.

use serde_json::Value;

use super::json::flag;
use super::{ARCHIVED, Change, elsewhere, names_archived};
use crate::fhir::xml::{self, Edit, Verb};
use crate::interaction::Error;
use crate::interaction::json_patch::OPERATIONS_MAX;

/// A step of an XPath: a name, and its predicate.
#[derive(Debug, Clone, PartialEq)]
struct Step {
    name: String,
    which: Option<Which>,
}

/// Which of the elements of a name.
#[derive(Debug, Clone, PartialEq)]
enum Which {
    /// The one at this place, from 0.
    At(usize),
    /// The one with this url.
    Url(String),
    /// The one with this code.
    Code(String),
}

/// An operation that is on what may be changed.
#[derive(Debug, Clone)]
pub enum Operation {
    /// The status.
    Status(String),
    /// A label is added.
    Add(Value),
    /// A label becomes another.
    Replace(Selected, Value),
    /// A label goes.
    Remove(Selected),
    /// Archived or not.
    Archived(Selected, bool),
}

/// Which element of several an operation is on.
#[derive(Debug, Clone)]
pub struct Selected(Option<Which>);

/// Understands the operations; one on another element refuses the whole.
///
/// # Errors
/// [`Error::Syntax`] for what is no XML Patch, [`Error::TooLong`], [`Error::Method`], [`Error::Value`].
pub fn understand(bytes: &[u8]) -> Result<Vec<Operation>, Error> {
    let edits = xml::diff(bytes)?;
    if edits.is_empty() {
        return Err(Error::Value { place: "patch".into(), message: "an XML Patch has operations".into() });
    }
    if edits.len() > OPERATIONS_MAX {
        return Err(Error::TooLong(format!("more than {OPERATIONS_MAX} operations")));
    }
    let mut operations = Vec::new();
    for edit in &edits {
        let path = path(&edit.sel).ok_or_else(|| Error::Value { place: "patch".into(), message: "a `sel` is a simple XPath".into() })?;
        operations.extend(operation(edit, &path)?);
    }
    Ok(operations)
}

impl Operation {
    /// The change it means in this document.
    ///
    /// # Errors
    /// What does not apply, in words.
    pub fn change(&self, document: &Value) -> Result<Change, String> {
        Ok(match self {
            Self::Status(status) => Change::Status(status.clone()),
            Self::Add(label) => Change::Label("add".into(), Some("-".into()), Some(label.clone())),
            Self::Replace(which, label) => Change::Label("replace".into(), Some(which.label(document)?), Some(label.clone())),
            Self::Remove(which) => Change::Label("remove".into(), Some(which.label(document)?), None),
            Self::Archived(which, flag) => Change::Archived(*flag, which.extension()),
        })
    }
}

impl Selected {
    /// The index of a label; RFC 5261 asks that one is meant.
    fn label(&self, document: &Value) -> Result<String, String> {
        let labels = document.get("securityLabel").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let has = |label: &Value, code: &str| {
            let codings = label.get("coding").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            codings.iter().any(|coding| coding.get("code").and_then(Value::as_str) == Some(code))
        };
        let at = match &self.0 {
            Some(Which::At(at)) => *at,
            Some(Which::Code(code)) => {
                let mut found = labels.iter().enumerate().filter(|(_, label)| has(label, code));
                match (found.next(), found.next()) {
                    (Some((at, _)), None) => at,
                    _ => return Err("the path does not find one element".into()),
                }
            }
            None if labels.len() == 1 => 0,
            None | Some(Which::Url(_)) => return Err("the path does not find one element".into()),
        };
        Ok(at.to_string())
    }

    /// The index of an extension; none where it is named by its url, for one that is not there is added.
    fn extension(&self) -> Option<usize> {
        match self.0 {
            Some(Which::At(at)) => Some(at),
            _ => None,
        }
    }
}

/// What an operation asks for.
fn operation(edit: &Edit, path: &[Step]) -> Result<Vec<Operation>, Error> {
    let names: Vec<&str> = path.iter().map(|step| step.name.as_str()).collect();
    let which = || Selected(path.first().and_then(|step| step.which.clone()));
    let extension = || match path.first().and_then(|step| step.which.as_ref()) {
        Some(Which::Url(url)) => names_archived(url),
        Some(Which::At(_)) => true,
        _ => false,
    };
    let unfit = |message: &str| Error::Value { place: "patch".into(), message: message.to_owned() };
    if !edit.kind.is_empty() {
        return Err(unfit("attributes and namespaces are not added"));
    }
    let bare = || Value::from(edit.text.trim());
    Ok(match (edit.verb, names.as_slice()) {
        (Verb::Add, []) => added(edit)?,
        (Verb::Add, ["securityLabel"]) if matches!(edit.pos.as_str(), "before" | "after") => added(edit)?,
        (Verb::Replace, ["status", "@value"]) => vec![Operation::Status(edit.text.trim().to_owned())],
        (Verb::Replace, ["status"]) => {
            let status = one(edit, "status")?;
            vec![Operation::Status(status.as_str().unwrap_or_default().trim().to_owned())]
        }
        (Verb::Replace, ["securityLabel"]) => vec![Operation::Replace(which(), one(edit, "securityLabel")?)],
        (Verb::Replace, ["securityLabel", "coding", "code", "@value"]) => vec![Operation::Replace(which(), bare())],
        (Verb::Replace, ["securityLabel", "coding"]) => {
            let wrapped = edit.elements.iter().map(|(_, written)| written.as_str()).collect::<String>();
            vec![Operation::Replace(which(), read("securityLabel", &format!("<securityLabel>{wrapped}</securityLabel>"))?)]
        }
        (Verb::Remove, ["securityLabel"]) => vec![Operation::Remove(which())],
        (Verb::Replace, ["extension"]) if extension() => vec![Operation::Archived(which(), archives(&one(edit, "extension")?)?)],
        (Verb::Replace, ["extension", "valueBoolean", "@value"]) if extension() => {
            vec![Operation::Archived(which(), flag(&bare()).ok_or_else(|| unfit("expected a boolean"))?)]
        }
        (Verb::Replace, ["extension", "valueBoolean"]) if extension() => {
            let written = edit.elements.iter().map(|(_, written)| written.as_str()).collect::<String>();
            let whole = read("extension", &format!("<extension url=\"{ARCHIVED}\">{written}</extension>"))?;
            vec![Operation::Archived(which(), archives(&whole)?)]
        }
        (Verb::Remove, ["extension"]) if extension() => vec![Operation::Archived(which(), false)],
        _ => return Err(elsewhere()),
    })
}

/// Elements that are added to the document.
fn added(edit: &Edit) -> Result<Vec<Operation>, Error> {
    if edit.elements.is_empty() {
        return Err(Error::Value { place: "patch".into(), message: "an `add` has an element".into() });
    }
    let each = edit.elements.iter().map(|(name, written)| match name.as_str() {
        "securityLabel" => Ok(Operation::Add(read(name, written)?)),
        "extension" => Ok(Operation::Archived(Selected(None), archives(&read(name, written)?)?)),
        _ => Err(elsewhere()),
    });
    each.collect()
}

/// The one element of this name.
fn one(edit: &Edit, name: &str) -> Result<Value, Error> {
    match edit.elements.as_slice() {
        [(found, written)] if found == name => read(name, written),
        _ => Err(Error::Value { place: "patch".into(), message: format!("expected one element `{name}`") }),
    }
}

/// An element of a document as FHIR's JSON has it.
fn read(name: &str, written: &str) -> Result<Value, Error> {
    let whole = format!("<DocumentReference xmlns=\"http://hl7.org/fhir\">{written}</DocumentReference>");
    let read = xml::read(whole.as_bytes())?;
    if let Some(issue) = read.issues.first() {
        return Err(Error::Value { place: "patch".into(), message: issue.message.clone() });
    }
    let member = read.value.get(name).cloned();
    let value = match member {
        Some(Value::Array(items)) => items.into_iter().next(),
        other => other,
    };
    value.ok_or_else(|| Error::Value { place: "patch".into(), message: format!("`{name}` has no value") })
}

/// Whether an extension archives, or brings back, a document; any other may not be patched.
fn archives(extension: &Value) -> Result<bool, Error> {
    let url = extension.get("url").and_then(Value::as_str).unwrap_or_default();
    let flag = extension.get("valueBoolean").and_then(flag);
    flag.filter(|_| names_archived(url)).ok_or_else(elsewhere)
}

/// The steps of an XPath below the document.
fn path(sel: &str) -> Option<Vec<Step>> {
    let (mut steps, mut rest) = (Vec::new(), sel.trim().strip_prefix('/').unwrap_or(sel.trim()));
    loop {
        let end = rest.find(['/', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end)?;
        let local = name.rsplit_once(':').map_or(name, |(_, local)| local);
        let plain = local.strip_prefix('@').unwrap_or(local);
        if plain.is_empty() || !(plain == "*" || plain.bytes().all(|b| b.is_ascii_alphanumeric())) {
            return None;
        }
        let (which, after) = match after.strip_prefix('[') {
            None => (None, after),
            Some(inner) => {
                let close = closing(inner)?;
                (Some(which(inner.get(..close)?.trim())?), inner.get(close + 1..)?)
            }
        };
        steps.push(Step { name: local.to_owned(), which });
        match after.strip_prefix('/') {
            Some(next) => rest = next,
            None if after.is_empty() => break,
            None => return None,
        }
    }
    let root = steps.first()?;
    let whole = matches!(root.name.as_str(), "DocumentReference" | "*") && matches!(root.which, None | Some(Which::At(0)));
    whole.then(|| steps.split_off(1))
}

/// Where a predicate ends, quotes aside.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    text.char_indices().find_map(|(at, c)| {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, ']') => return Some(at),
            _ => {}
        }
        None
    })
}

fn which(predicate: &str) -> Option<Which> {
    if let Ok(place) = predicate.parse::<usize>() {
        return Some(Which::At(place.checked_sub(1)?));
    }
    let (left, right) = predicate.split_once('=')?;
    let right = right.trim();
    let value = ['"', '\''].into_iter().find_map(|quote| right.strip_prefix(quote)?.strip_suffix(quote))?;
    let steps: Vec<&str> = left.trim().split('/').map(|step| step.rsplit_once(':').map_or(step, |(_, local)| local)).collect();
    match steps.as_slice() {
        ["@url"] => Some(Which::Url(value.to_owned())),
        ["coding", "code", "@value"] => Some(Which::Code(value.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(operations: &str) -> u16 {
        let text = format!("<diff xmlns:f=\"http://hl7.org/fhir\">{operations}</diff>");
        understand(text.as_bytes()).map_or_else(|error| error.status(), |_| 200)
    }

    #[test]
    fn only_status_labels_and_archiving_are_open() {
        let label = "<securityLabel><coding><code value=\"MASQUE_PS\"/></coding></securityLabel>";
        let rows = [
            ("<replace sel=\"/DocumentReference/status/@value\">superseded</replace>".to_owned(), 200),
            ("<replace sel=\"f:DocumentReference/f:status\"><f:status value=\"current\"/></replace>".to_owned(), 200),
            (format!("<add sel=\"/DocumentReference\">{label}</add>"), 200),
            (format!("<add sel=\"/DocumentReference/securityLabel[1]\" pos=\"after\">{label}</add>"), 200),
            (format!("<replace sel=\"/DocumentReference/securityLabel[1]\">{label}</replace>"), 200),
            ("<replace sel=\"/DocumentReference/securityLabel[1]/coding[1]/code/@value\">N</replace>".to_owned(), 200),
            ("<remove sel=\"/DocumentReference/securityLabel[coding/code/@value='MASQUE_PS']\"/>".to_owned(), 200),
            (format!("<replace sel=\"/*/extension[@url='{ARCHIVED}']/valueBoolean/@value\">true</replace>"), 200),
            ("<replace sel=\"/*/extension[@url='urn:x']/valueBoolean/@value\">true</replace>".to_owned(), 405),
            ("<replace sel=\"/DocumentReference/subject/reference/@value\">Patient/1</replace>".to_owned(), 405),
            ("<remove sel=\"/DocumentReference/status\"/>".to_owned(), 405),
            ("<add sel=\"/DocumentReference\"><description value=\"x\"/></add>".to_owned(), 405),
            ("<add sel=\"/DocumentReference\"/>".to_owned(), 400),
            ("<add sel=\"/DocumentReference/status\" type=\"@value\">x</add>".to_owned(), 400),
            ("<remove sel=\"/Patient/status\"/>".to_owned(), 400),
            ("<remove sel=\"//securityLabel\"/>".to_owned(), 400),
            ("<remove sel=\"/DocumentReference/securityLabel[last()]\"/>".to_owned(), 400),
            ("<replace sel=\"/DocumentReference/securityLabel[1]\"><nom/></replace>".to_owned(), 400),
            (String::new(), 400),
            ("<remove sel=\"/DocumentReference/securityLabel[1]\"/>".repeat(OPERATIONS_MAX + 1), 413),
        ];
        for (operations, expected) in rows {
            assert_eq!(status(&operations), expected, "{operations}");
        }
    }

    #[test]
    fn a_label_is_found_by_its_place_its_code_or_alone() {
        let of =
            |codes: &[&str]| json!({"securityLabel": codes.iter().map(|code| json!({"coding": [{"code": code}]})).collect::<Vec<_>>()});
        let rows = [
            (Some(Which::At(3)), vec!["N"], Some("3")),
            (Some(Which::Code("MASQUE_PS".into())), vec!["N", "MASQUE_PS"], Some("1")),
            (Some(Which::Code("MASQUE_PS".into())), vec!["N"], None),
            (None, vec!["N"], Some("0")),
            (None, vec!["N", "R"], None),
        ];
        for (which, codes, expected) in rows {
            assert_eq!(Selected(which).label(&of(&codes)).ok().as_deref(), expected, "{codes:?}");
        }
    }
}
