//! JSON Patch (RFC 6902) of any tree, in bounded size.

pub(super) use json_patch::Patch;
use json_patch::PatchOperation;
use serde_json::Value;

use super::Error;
use crate::fhir::json::DEPTH_MAX;

/// Operations in one patch.
pub(super) const OPERATIONS_MAX: usize = 50;
/// Bytes of the tree, as JSON, after any operation; an operation that copies is measured before it is applied.
const BYTES_MAX: usize = 50 * 1024 * 1024;

/// Understands the operations.
///
/// # Errors
/// [`Error::Value`] for what is no JSON Patch, [`Error::TooLong`].
pub(super) fn understand(operations: &Value) -> Result<Patch, Error> {
    let malformed = |message: String| Error::Value { place: "patch".into(), message };
    let count = operations.as_array().map_or(0, Vec::len);
    if count == 0 {
        return Err(malformed("a JSON Patch is a list of operations".into()));
    }
    if count > OPERATIONS_MAX {
        return Err(Error::TooLong(format!("more than {OPERATIONS_MAX} operations")));
    }
    let mut patch: Patch =
        serde_json::from_value(operations.clone()).map_err(|error| malformed(format!("not an operation of RFC 6902: {error}")))?;
    // On this way serde_json spells exponents anew: the values are taken as they were sent.
    for (operation, sent) in patch.0.iter_mut().zip(operations.as_array().into_iter().flatten()) {
        let value = match operation {
            PatchOperation::Add(add) => &mut add.value,
            PatchOperation::Replace(replace) => &mut replace.value,
            PatchOperation::Test(test) => &mut test.value,
            _ => continue,
        };
        if let Some(sent) = sent.get("value") {
            value.clone_from(sent);
        }
    }
    Ok(patch)
}

/// Applies the operations one after the other, all or none.
///
/// # Errors
/// What does not apply, in words.
pub(super) fn apply(tree: &mut Value, patch: &Patch) -> Result<(), String> {
    for (place, operation) in patch.0.iter().enumerate() {
        if let PatchOperation::Copy(copy) = operation {
            let whole = size(tree, 0, 0).unwrap_or(BYTES_MAX);
            let added = tree.pointer(copy.from.as_str()).and_then(|from| size(from, 0, 0)).unwrap_or_default();
            if whole + added > BYTES_MAX {
                return Err(format!("operation {place} makes the resource too large"));
            }
        }
        json_patch::patch(tree, std::slice::from_ref(operation))
            .map_err(|error| format!("operation {place} does not apply: {}", error.kind))?;
        let grows =
            matches!(operation, PatchOperation::Copy(_) | PatchOperation::Move(_) | PatchOperation::Add(_) | PatchOperation::Replace(_));
        if grows && !fits(tree) {
            return Err(format!("operation {place} makes the resource too large or too deep"));
        }
    }
    Ok(())
}

/// Whether the tree is within what a patch may make.
pub(super) fn fits(tree: &Value) -> bool {
    size(tree, 0, 0).is_some()
}

/// How many bytes the tree has as JSON, at least, `so_far` counted; `None` for too many or too deep.
fn size(tree: &Value, depth: usize, so_far: usize) -> Option<usize> {
    let own = match tree {
        Value::String(text) => text.len() + 2,
        Value::Number(number) => number.as_str().len(),
        _ => 2,
    };
    let so_far = Some(so_far + own + 1).filter(|size| *size <= BYTES_MAX && depth <= DEPTH_MAX)?;
    match tree {
        Value::Array(items) => items.iter().try_fold(so_far, |so_far, item| size(item, depth + 1, so_far)),
        Value::Object(members) => {
            members.iter().try_fold(so_far, |so_far, (name, member)| size(member, depth + 1, so_far + name.len() + 3))
        }
        _ => Some(so_far),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn operations_apply_all_or_fail() {
        let rows = [
            (
                json!([{"op": "add", "path": "/a", "value": [1]}, {"op": "add", "path": "/a/-", "value": 2}]),
                Some(json!({"x": 1.50, "a": [1, 2]})),
            ),
            (json!([{"op": "move", "from": "/x", "path": "/y"}]), Some(json!({"y": 1.50}))),
            (json!([{"op": "test", "path": "/x", "value": 2}]), None),
            (json!([{"op": "remove", "path": "/z"}]), None),
            (json!([{"op": "replace", "path": "/x/y", "value": 1}]), None),
        ];
        for (operations, expected) in rows {
            let mut tree = json!({"x": 1.50});
            let applied = apply(&mut tree, &understand(&operations).unwrap()).ok().map(|()| tree);
            assert_eq!(applied, expected, "{operations}");
        }
        for bad in
            [json!([]), json!({}), json!([{"op": "invent", "path": "/x"}]), json!([{"op": "add", "path": "x", "value": 1}]), json!([1])]
        {
            assert_eq!(understand(&bad).unwrap_err().status(), 400, "{bad}");
        }
    }

    #[test]
    fn copies_of_copies_are_refused() {
        let operations: Vec<Value> = (0..OPERATIONS_MAX).map(|n| json!({"op": "copy", "from": "", "path": format!("/c{n}")})).collect();
        let error = apply(&mut json!({"x": [1, 2, 3]}), &understand(&operations.into()).unwrap()).unwrap_err();
        assert!(error.contains("too large"), "{error}");
        let copies: Vec<Value> = (0..12).map(|n| json!({"op": "copy", "from": "/data", "path": format!("/c{n}")})).collect();
        let error = apply(&mut json!({"data": "x".repeat(8_000_000)}), &understand(&copies.into()).unwrap()).unwrap_err();
        assert!(error.contains("operation 5 makes the resource too large"), "{error}");
    }
}
