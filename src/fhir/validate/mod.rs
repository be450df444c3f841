//! Whether a resource is one of base R4: elements, cardinalities, types, formats, required codes, references, contained resources.
//!
//! One walk over the tree against the [`Structure`] of each object. Absent here: invariants, profiles, bindings that are not required,
//! value sets that cannot be listed (media types, UCUM).

mod code;
mod reference;

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::definitions::{Element, Is, Primitive, Structure, Type, bit, structure};
use super::issue::{Issue, Issues};
use super::place::Place;
use super::{ResourceType, format};

/// Everything wrong with a resource of this type, as many issues as are told.
pub fn validate(resource: ResourceType, value: &Value) -> Vec<Issue> {
    let mut check = Check { issues: Issues::default(), contained: Vec::new() };
    let place = Place::root(resource.name());
    match (value, structure(resource.name())) {
        (Value::Object(members), Some(structure)) => check.outer(structure, members, &place),
        _ => check.issues.add("structure", &place, "expected an object"),
    }
    check.issues.into_vec()
}

struct Check<'v> {
    issues: Issues,
    /// For each resource around this place that is not contained, the ids of those it contains, how often, and of which type: what
    /// `#id` may point to.
    contained: Vec<HashMap<&'v str, (u32, &'v str)>>,
}

impl<'v> Check<'v> {
    /// A resource that stands by itself: the root, or one in a Bundle or in Parameters.
    fn outer(&mut self, structure: &'static Structure, members: &'v Map<String, Value>, at: &Place<'_>) {
        let items = members.get("contained").and_then(Value::as_array);
        let mut ids = HashMap::new();
        for item in items.into_iter().flatten() {
            let text = |name: &str| item.get(name).and_then(Value::as_str);
            if let Some(id) = text("id") {
                let known: &mut (u32, &str) = ids.entry(id).or_insert((0, text("resourceType").unwrap_or_default()));
                known.0 += 1;
            }
        }
        self.contained.push(ids);
        self.object(structure, members, at);
        self.contained.pop();
    }

    /// An object with the elements of a structure.
    fn object(&mut self, structure: &'static Structure, members: &'v Map<String, Value>, at: &Place<'_>) {
        if members.is_empty() {
            return self.issues.add("structure", at, "an object is not empty");
        }
        let mut seen = 0_u128;
        for (key, value) in members {
            if self.issues.is_full() {
                return;
            }
            let (name, companion) = key.strip_prefix('_').map_or((key.as_str(), false), |name| (name, true));
            let Some((number, element, kind)) = structure.member(name) else {
                if !(structure.resource && key == "resourceType") {
                    self.unknown(key, at);
                }
                continue;
            };
            let place = at.element(element.name);
            if element.choice && seen & bit(number) != 0 && another_type(members, structure, number, name) {
                self.issues.add("structure", &place, format!("only one type of `{}[x]` is allowed", element.name));
            }
            seen |= bit(number);
            self.member(element, kind, value, &Twin { members, name, companion }, &place);
        }
        for element in structure.missing(seen) {
            self.issues.add("required", &at.element(element.name), format!("`{}` is mandatory", shown(element)));
        }
        if !structure.resource && structure.name != "Element" && members.len() == 1 && members.contains_key("id") {
            self.issues.add("invariant", at, "an element has more than an id (ele-1)");
        }
        if structure.name == "Extension" {
            let valued = members.keys().any(|key| key.trim_start_matches('_').starts_with("value"));
            if valued == members.contains_key("extension") {
                self.issues.add("invariant", at, "an extension has either a value or extensions (ext-1)");
            }
        }
    }

    fn unknown(&mut self, key: &str, at: &Place<'_>) {
        let shown: String = key.chars().take(64).collect();
        self.issues.add("structure", &at.element(key), format!("`{shown}` is not an element here"));
    }

    /// One member of an object.
    fn member(&mut self, element: &'static Element, kind: &'static Type, value: &'v Value, twin: &Twin<'v>, at: &Place<'_>) {
        let simple = kind.primitive().is_some_and(|primitive| primitive != Primitive::Xhtml) && !element.attribute;
        if twin.companion && !simple {
            return self.issues.add("structure", at, "only a primitive element has a companion with `_`, and no attribute or narrative");
        }
        match (element.repeats(), value) {
            (true, Value::Array(items)) if items.is_empty() => self.issues.add("structure", at, "an array is not empty"),
            (true, Value::Array(items)) => self.items(element, kind, items, twin, at),
            (true, _) => self.issues.add("structure", at, "expected an array"),
            (false, Value::Array(_)) => self.issues.add("structure", at, "the element does not repeat"),
            (false, Value::Null) => self.issues.add("structure", at, "null is not allowed here"),
            (false, value) if twin.companion => self.companion(value, twin.members.contains_key(twin.name), at),
            (false, value) => self.value(element, kind, value, at),
        }
    }

    fn items(&mut self, element: &'static Element, kind: &'static Type, items: &'v [Value], twin: &Twin<'v>, at: &Place<'_>) {
        if items.len() > usize::from(element.max) && element.max < u16::MAX {
            self.issues.add("structure", at, format!("at most {} are allowed", element.max));
        }
        if items.len() < usize::from(element.min) && !twin.companion {
            self.issues.add("required", at, format!("at least {} are needed", element.min));
        }
        if twin.companion && items.iter().all(Value::is_null) {
            self.issues.add("structure", at, "a companion has something for at least one value");
        }
        for (index, item) in items.iter().enumerate() {
            if self.issues.is_full() {
                return;
            }
            let place = at.item(index);
            match item {
                // In an array of primitives null stands where only the other of the two has something.
                Value::Null if kind.primitive().is_some() && twin.has(index) => {}
                Value::Null => self.issues.add("structure", &place, "null is not allowed here"),
                item if twin.companion => self.companion(item, twin.has(index), &place),
                item => self.value(element, kind, item, &place),
            }
        }
    }

    fn value(&mut self, element: &'static Element, kind: &'static Type, value: &'v Value, at: &Place<'_>) {
        match kind.is {
            Is::Primitive(primitive) => match format::check(primitive, value) {
                Err(message) => self.issues.add("value", at, message),
                Ok(()) => self.code(element, value, at),
            },
            Is::Resource => self.resource(element, value, at),
            Is::Structure(_) => match (value, kind.structure()) {
                (Value::Object(members), Some(structure)) => {
                    self.object(structure, members, at);
                    if kind.reference {
                        self.reference(kind, members, at);
                    } else if element.codes.is_some() {
                        self.concept(element, members, at);
                    }
                }
                _ => self.issues.add("structure", at, "expected an object"),
            },
        }
    }

    /// A resource within another.
    fn resource(&mut self, element: &'static Element, value: &'v Value, at: &Place<'_>) {
        let name = value.get("resourceType").and_then(Value::as_str);
        let known = name.and_then(structure).filter(|structure| structure.resource);
        let (Value::Object(members), Some(structure)) = (value, known) else {
            return self.issues.add("structure", at, "expected a resource of R4 with its `resourceType`");
        };
        if element.name != "contained" {
            return self.outer(structure, members, at);
        }
        self.within(members, at);
        self.object(structure, members, at);
    }

    /// What a contained resource must have and may not have (FHIR R4 references.html#contained).
    fn within(&mut self, members: &'v Map<String, Value>, at: &Place<'_>) {
        match members.get("id").and_then(Value::as_str) {
            None => self.issues.add("required", &at.element("id"), "a contained resource has an id"),
            Some(id) => {
                if self.contained.last().and_then(|ids| ids.get(id)).is_some_and(|(count, _)| *count > 1) {
                    self.issues.add("structure", &at.element("id"), "each contained resource has an id of its own");
                }
            }
        }
        if members.contains_key("contained") {
            self.issues.add("invariant", &at.element("contained"), "a contained resource contains no other (dom-2)");
        }
        let meta = members.get("meta").and_then(Value::as_object);
        for (name, key) in [("versionId", "dom-4"), ("lastUpdated", "dom-4"), ("security", "dom-5")] {
            if meta.is_some_and(|meta| meta.contains_key(name)) {
                self.issues.add("invariant", &at.element("meta").element(name), format!("a contained resource has no `{name}` ({key})"));
            }
        }
    }

    /// The companion of a primitive: an id and extensions, and not an id alone where there is no value.
    fn companion(&mut self, value: &'v Value, valued: bool, at: &Place<'_>) {
        match (value, structure("Element")) {
            (Value::Object(members), Some(element)) => {
                self.object(element, members, at);
                if !valued && !members.contains_key("extension") && !members.is_empty() {
                    self.issues.add("invariant", at, "an element has more than an id (ele-1)");
                }
            }
            _ => self.issues.add("structure", at, "the companion of a primitive has an `id` and `extension` only"),
        }
    }
}

/// A primitive in JSON has two members: its value, and what else there is to it.
struct Twin<'v> {
    members: &'v Map<String, Value>,
    /// The name without `_`.
    name: &'v str,
    /// Whether the member looked at is the companion.
    companion: bool,
}

impl Twin<'_> {
    /// Whether the other of the two has something at this place of the array.
    fn has(&self, index: usize) -> bool {
        let other = if self.companion { self.members.get(self.name) } else { self.members.get(&format!("_{}", self.name)) };
        other.and_then(|other| other.get(index)).is_some_and(|other| !other.is_null())
    }
}

/// The name of an element as the specification writes it.
fn shown(element: &Element) -> String {
    if element.choice { format!("{}[x]", element.name) } else { element.name.to_owned() }
}

/// Whether the same element is there before `name` under another type.
fn another_type(members: &Map<String, Value>, structure: &Structure, number: u16, name: &str) -> bool {
    let before = members.keys().map(|key| key.strip_prefix('_').unwrap_or(key)).take_while(|key| *key != name);
    let mut same = before.filter(|key| structure.member(key).is_some_and(|(other, ..)| other == number));
    same.next().is_some()
}

#[cfg(test)]
mod tests;
