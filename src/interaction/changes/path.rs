//! The changes that a FHIRPath Patch asks for (FHIR R4 fhirpatch.html). Its operations are judged as those of a JSON Patch are: what
//! may be changed is told from the operation alone, so that it is the same for every document, hidden or absent.

use serde_json::Value;

use super::json::{archived, flag};
use super::{ARCHIVED, Change};
use crate::fhir::definitions::{Structure, structure};
use crate::fhirpath::STEPS_MAX;
use crate::interaction::fhirpath_patch::{Found, Given, Operation, What, found};
use crate::interaction::json_patch::OPERATIONS_MAX;

fn document_reference() -> Option<&'static Structure> {
    structure("DocumentReference")
}

/// The value that is given for a child of the document.
fn value(given: &Given, name: &str) -> Result<Value, String> {
    let on = document_reference().ok_or("no definition")?;
    given.member(on, name)?.slot.value.ok_or_else(|| format!("`{name}` needs a value"))
}

/// Whether a value archives, or brings back, a document.
fn archives(given: &Given) -> Option<Change> {
    archived("add", Some("-"), Some(&value(given, "extension").ok()?))
}

/// Whether an operation is on what may be changed at all.
pub fn is_open(operation: &Operation) -> bool {
    let Operation { path, what } = operation;
    let Some(elements) = path.elements() else { return false };
    match (elements.as_slice(), what) {
        ([], What::Add(name, given)) => match name.as_str() {
            "status" | "securityLabel" => true,
            "extension" => archives(given).is_some(),
            _ => false,
        },
        (["status"], What::Replace(_)) => true,
        (["securityLabel"], What::Insert(..) | What::Delete | What::Replace(_) | What::Move(..)) => true,
        (["extension"], What::Insert(_, given) | What::Replace(given)) => archives(given).is_some(),
        (["extension"], What::Delete) => true,
        (["extension", "value"], What::Replace(given)) => given.value().and_then(flag).is_some(),
        _ => false,
    }
}

/// The change that an operation means in this document.
///
/// # Errors
/// What does not apply, in words.
pub fn change(operation: &Operation, document: &Value, now: i64) -> Result<Change, String> {
    let Operation { path, what } = operation;
    let elements = path.elements().unwrap_or_default();
    let steps = STEPS_MAX / u64::try_from(OPERATIONS_MAX).unwrap_or(u64::MAX);
    let found = found(document, path, now, steps)?;
    if let What::Add(name, given) = what {
        // A condition on the document may not hold.
        if found.is_empty() {
            return Err("the path finds nothing".into());
        }
        return match name.as_str() {
            "status" => Err("`status` has a value already".into()),
            "securityLabel" => Ok(Change::Label("add".into(), Some("-".into()), Some(value(given, name)?))),
            _ => archives(given).ok_or_else(|| "not isArchived".into()),
        };
    }
    let labels = document.get("securityLabel").and_then(Value::as_array).map_or(0, Vec::len);
    match (elements.as_slice(), what) {
        (["status"], What::Replace(given)) => {
            let status = value(given, "status")?.as_str().map(|status| status.trim().to_owned());
            status.map(Change::Status).ok_or_else(|| "a status is a code".into())
        }
        (["securityLabel"], What::Insert(index, given)) => match found.len() == labels {
            true => Ok(Change::Label("add".into(), Some(index.to_string()), Some(value(given, "securityLabel")?))),
            false => Err("the path finds no whole list".into()),
        },
        (["securityLabel"], What::Move(..)) => Ok(Change::Label("move".into(), None, None)),
        (["securityLabel"], What::Delete) => {
            let found = at_most_one(found)?;
            Ok(found.map_or(Change::Nothing, |found| Change::Label("remove".into(), index(&found), None)))
        }
        (["securityLabel"], What::Replace(given)) => {
            let found = at_most_one(found)?.ok_or("the path finds nothing")?;
            Ok(Change::Label("replace".into(), index(&found), Some(value(given, "securityLabel")?)))
        }
        (["extension"], What::Delete) => match at_most_one(found)? {
            None => Ok(Change::Nothing),
            Some(found) => Ok(Change::Archived(false, found.index)),
        },
        (["extension"], What::Insert(_, given)) => archives(given).ok_or_else(|| "not isArchived".into()),
        (["extension"], What::Replace(given)) => match (archives(given), at_most_one(found)?) {
            (Some(Change::Archived(flag, _)), Some(found)) => Ok(Change::Archived(flag, found.index)),
            (Some(change), None) if path.names_extension(ARCHIVED) => Ok(change),
            _ => Err("the path finds nothing".into()),
        },
        (_, What::Replace(given)) => {
            let flag = given.value().and_then(flag).ok_or("expected a boolean")?;
            match at_most_one(found)? {
                Some(found) => Ok(Change::Archived(flag, of(&found))),
                // What was never archived may be: the published samples replace what is not there.
                None if path.names_extension(ARCHIVED) => Ok(Change::Archived(flag, None)),
                None => Err("the path finds nothing".into()),
            }
        }
        _ => Err("not for this element".into()),
    }
}

fn at_most_one(found: Vec<Found>) -> Result<Option<Found>, String> {
    match found.len() {
        0 | 1 => Ok(found.into_iter().next()),
        several => Err(format!("the path finds {several} elements, not one")),
    }
}

fn index(found: &Found) -> Option<String> {
    found.index.map(|index| index.to_string())
}

/// The index of the extension that a value stands in.
fn of(found: &Found) -> Option<usize> {
    found.pointer.strip_prefix("/extension/")?.split('/').next()?.parse().ok()
}
