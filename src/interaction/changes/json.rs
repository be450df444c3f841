//! The changes that a JSON Patch asks for (RFC 6902, PDSm flux 03).

use serde_json::Value;

use super::{Change, elsewhere, names_archived};
use crate::interaction::Error;
use crate::interaction::json_patch::OPERATIONS_MAX;

/// Understands the operations; one on another element refuses the whole.
///
/// # Errors
/// [`Error::Value`] for what is no JSON Patch, [`Error::TooLong`], [`Error::Method`].
pub fn understand(operations: &Value) -> Result<Vec<Change>, Error> {
    let malformed = |message: &str| Error::Value { place: "patch".into(), message: message.to_owned() };
    let list = operations.as_array().filter(|list| !list.is_empty()).ok_or_else(|| malformed("a JSON Patch is a list of operations"))?;
    if list.len() > OPERATIONS_MAX {
        return Err(Error::TooLong(format!("more than {OPERATIONS_MAX} operations")));
    }
    let mut changes = Vec::new();
    for one in list {
        let text = |name: &str| one.get(name).and_then(Value::as_str);
        let (operation, path) = (
            text("op").ok_or_else(|| malformed("an operation has an `op`"))?,
            text("path").ok_or_else(|| malformed("an operation has a `path`"))?,
        );
        let value = one.get("value");
        if !matches!(operation, "add" | "replace" | "remove" | "test" | "move" | "copy") {
            return Err(malformed("an `op` is one of RFC 6902"));
        }
        if matches!(operation, "add" | "replace" | "test") && value.is_none() {
            return Err(malformed("the operation needs a `value`"));
        }
        let change = change(operation, path, value).ok_or_else(elsewhere)?;
        changes.push(change);
    }
    Ok(changes)
}

fn change(operation: &str, path: &str, value: Option<&Value>) -> Option<Change> {
    let element = path.strip_prefix('/')?;
    let (head, rest) = element.split_once('/').map_or((element, None), |(head, rest)| (head, Some(rest)));
    if operation == "test" {
        let known = matches!(head, "status" | "securityLabel" | "extension");
        return known.then(|| Change::Test(path.to_owned(), value.cloned().unwrap_or_default()));
    }
    match (head, rest) {
        ("status", None) if operation != "remove" => Some(Change::Status(value?.as_str()?.trim().to_owned())),
        ("securityLabel", None) => Some(Change::Label(operation.to_owned(), None, value.cloned())),
        ("securityLabel", Some(rest)) if !rest.contains('/') => {
            Some(Change::Label(operation.to_owned(), Some(rest.to_owned()), value.cloned()))
        }
        ("extension", rest) => archived(operation, rest, value),
        // The bracket of the published samples, which is no JSON pointer.
        _ if bracketed(element).is_some_and(names_archived) => match operation {
            "remove" => Some(Change::Archived(false, None)),
            _ => Some(Change::Archived(flag(value?)?, None)),
        },
        _ => None,
    }
}

/// The url in `extension[url:"…"]/valueBoolean`, in either kind of quotes, or none.
fn bracketed(element: &str) -> Option<&str> {
    let (inner, rest) = element.strip_prefix("extension[url")?.rsplit_once(']')?;
    let url = inner.trim_start_matches([':', '=', ' ']).trim_matches(['"', '\'', ' ']);
    matches!(rest, "" | "/valueBoolean").then_some(url)
}

/// An operation on the extension that archives.
pub fn archived(operation: &str, rest: Option<&str>, value: Option<&Value>) -> Option<Change> {
    let extension = |value: &Value| {
        value.get("url").and_then(Value::as_str).is_some_and(names_archived).then(|| flag(value.get("valueBoolean")?)).flatten()
    };
    match (operation, rest) {
        ("add", None) => match value?.as_array()?.as_slice() {
            [one] => Some(Change::Archived(extension(one)?, None)),
            _ => None,
        },
        ("add", Some("-" | "0")) => Some(Change::Archived(extension(value?)?, None)),
        ("replace" | "remove" | "add", Some(rest)) => {
            let (index, member) = rest.split_once('/').map_or((rest, None), |(index, member)| (index, Some(member)));
            let index = Some(index.parse::<usize>().ok()?);
            match (operation, member) {
                ("remove", None) => Some(Change::Archived(false, index)),
                ("replace", None) => Some(Change::Archived(extension(value?)?, index)),
                ("replace" | "add", Some("valueBoolean")) => Some(Change::Archived(flag(value?)?, index)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A boolean, also as the text the published samples have.
pub fn flag(value: &Value) -> Option<bool> {
    match (value.as_bool(), value.as_str().map(str::trim)) {
        (Some(flag), _) => Some(flag),
        (None, Some("true")) => Some(true),
        (None, Some("false")) => Some(false),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::ARCHIVED;
    use super::*;

    #[test]
    fn only_three_elements_are_patched() {
        let archive = json!({"url": ARCHIVED, "valueBoolean": true});
        let rows = [
            (json!([{"op": "replace", "path": "/status", "value": "superseded"}]), 200),
            (json!([{"op": "replace", "path": "/securityLabel/0", "value": "N"}]), 200),
            (json!([{"op": "add", "path": "/extension/-", "value": archive}]), 200),
            (json!([{"op": "replace", "path": format!("/extension[url:\"{ARCHIVED}\"]/valueBoolean"), "value": "true"}]), 200),
            (json!([{"op": "replace", "path": format!("/extension[url:'{ARCHIVED}']/valueBoolean"), "value": true}]), 200),
            (
                json!([{"op": "replace", "path": "/extension[url:\"https://interop.esante.gouv.fr/ig/fhir/pdsm/SearchParameter/PDSm-isArchived\"]/valueBoolean", "value": "true"}]),
                200,
            ),
            (json!([{"op": "replace", "path": "/extension[url:\"urn:x/is-archived\"]/valueBoolean", "value": true}]), 405),
            (json!([{"op": "test", "path": "/status", "value": "current"}]), 200),
            (json!([{"op": "replace", "path": "/description", "value": "x"}]), 405),
            (json!([{"op": "replace", "path": "/status", "value": "superseded"}, {"op": "remove", "path": "/subject"}]), 405),
            (json!([{"op": "add", "path": "/extension/-", "value": {"url": "u:x", "valueBoolean": true}}]), 405),
            (json!([{"op": "move", "path": "/status", "from": "/docStatus"}]), 405),
            (json!([{"op": "replace", "path": "", "value": {}}]), 405),
            (json!([{"op": "test", "path": "/subject/reference", "value": "Patient/1"}]), 405),
            (json!([]), 400),
            (json!({}), 400),
            (json!([{"path": "/status"}]), 400),
            (json!([{"op": "invent", "path": "/status"}]), 400),
            (json!([{"op": "replace", "path": "/status"}]), 400),
        ];
        for (operations, expected) in rows {
            let status = understand(&operations).map_or_else(|error| error.status(), |_| 200);
            assert_eq!(status, expected, "{operations}");
        }
    }
}
