//! The places of an element in JSON, value and companion side by side (FHIR R4 json.html#primitive): what moves, moves with both.

use serde_json::{Map, Value};

/// One place.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Slot {
    /// The value; `None` for a primitive that has only a companion.
    pub value: Option<Value>,
    /// What stands under the name with `_`.
    pub companion: Option<Value>,
}

/// The places of a member, in order.
pub fn read(object: &Map<String, Value>, member: &str) -> Vec<Slot> {
    let items = |name: &str| match object.get(name) {
        Some(Value::Array(items)) => items.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    let (values, beside) = (items(member), items(&format!("_{member}")));
    let some = |value: Option<&Value>| value.filter(|value| !value.is_null()).cloned();
    let places = 0..values.len().max(beside.len());
    places.map(|at| Slot { value: some(values.get(at)), companion: some(beside.get(at)) }).collect()
}

/// Writes the places of a member; what would be empty is left out.
pub fn write(object: &mut Map<String, Value>, member: &str, repeats: bool, slots: Vec<Slot>) {
    let (values, beside): (Vec<_>, Vec<_>) = slots.into_iter().map(|slot| (slot.value, slot.companion)).unzip();
    for (name, items) in [(member.to_owned(), values), (format!("_{member}"), beside)] {
        if items.iter().all(Option::is_none) {
            object.shift_remove(&name);
        } else if repeats {
            object.insert(name, items.into_iter().map(Option::unwrap_or_default).collect());
        } else {
            object.insert(name, items.into_iter().flatten().next().unwrap_or_default());
        }
    }
}

/// Removes an object that has become empty, and what becomes empty by that: JSON of FHIR has neither `{}` nor `[]`.
pub fn prune(tree: &mut Value, pointer: &str) {
    let mut pointer = pointer.to_owned();
    while tree.pointer(&pointer).and_then(Value::as_object).is_some_and(Map::is_empty) {
        let Some((up, last)) = pointer.rsplit_once('/').map(|(up, last)| (up.to_owned(), last.to_owned())) else { return };
        let Ok(index) = last.parse::<usize>() else {
            if let Some(object) = tree.pointer_mut(&up).and_then(Value::as_object_mut) {
                object.shift_remove(&last);
            }
            pointer = up;
            continue;
        };
        let Some((above, member)) = up.rsplit_once('/').map(|(above, member)| (above.to_owned(), member.to_owned())) else { return };
        let Some(object) = tree.pointer_mut(&above).and_then(Value::as_object_mut) else { return };
        // A companion keeps its place among those of the other values.
        let own = member.strip_prefix('_').unwrap_or(&member);
        let mut slots = read(object, own);
        match (slots.get_mut(index), own == member) {
            (Some(slot), false) if slot.value.is_some() => slot.companion = None,
            (Some(_), _) => {
                slots.remove(index);
            }
            (None, _) => return,
        }
        let own = own.to_owned();
        write(object, &own, true, slots);
        pointer = above;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_and_companions_move_together() {
        let mut value = json!({"given": ["a", null, "c"], "_given": [null, {"id": "x"}]});
        let object = value.as_object_mut().unwrap();
        let mut slots = read(object, "given");
        slots.swap(0, 1);
        write(object, "given", true, slots);
        assert_eq!(value, json!({"given": [null, "a", "c"], "_given": [{"id": "x"}, null, null]}));
        let object = value.as_object_mut().unwrap();
        write(object, "given", true, Vec::new());
        assert_eq!(value, json!({}));
    }

    #[test]
    fn nothing_empty_is_left() {
        for (mut tree, pointer, expected) in [
            (json!({"a": 1, "contact": [{"name": {}}]}), "/contact/0/name", json!({"a": 1})),
            (json!({"contact": [{"name": {}, "b": 1}]}), "/contact/0/name", json!({"contact": [{"b": 1}]})),
            (json!({"given": ["a", "b"], "_given": [null, {}]}), "/_given/1", json!({"given": ["a", "b"]})),
            (json!({"given": ["a"], "_given": [null, {}]}), "/_given/1", json!({"given": ["a"]})),
            (json!({"a": {"b": 1}}), "/a", json!({"a": {"b": 1}})),
        ] {
            prune(&mut tree, pointer);
            assert_eq!(tree, expected, "{pointer}");
        }
    }
}
