//! Whether a resource is one of base R4: elements, cardinalities, types, formats and required codes.

use serde_json::{Map, Value};

use super::definitions::{Element, Type, children, is_primitive};
use super::{ResourceType, format};

/// How many issues are told of one resource.
pub const ISSUES_MAX: usize = 20;

/// Something wrong with a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// FHIR's code: `structure`, `required`, `value` or `code-invalid`.
    pub code: &'static str,
    /// The place, as FHIRPath.
    pub expression: String,
    /// What is wrong.
    pub message: String,
}

/// Everything wrong with a resource of this type, at most [`ISSUES_MAX`].
pub fn validate(resource: ResourceType, value: &Value) -> Vec<Issue> {
    let mut check = Check { issues: Vec::new(), contained: Vec::new() };
    match value {
        Value::Object(members) => {
            check.contained = ids(members.get("contained"));
            check.resource(resource.name(), resource.name(), members, false);
        }
        _ => check.issue("structure", resource.name(), "expected an object"),
    }
    check.issues
}

fn ids(contained: Option<&Value>) -> Vec<String> {
    let items = contained.and_then(Value::as_array);
    items.into_iter().flatten().filter_map(|item| item.get("id")?.as_str()).map(ToOwned::to_owned).collect()
}

struct Check {
    issues: Vec<Issue>,
    /// Ids of contained resources, for `#id` references.
    contained: Vec<String>,
}

impl Check {
    fn issue(&mut self, code: &'static str, expression: &str, message: impl Into<String>) {
        if self.issues.len() < ISSUES_MAX {
            self.issues.push(Issue { code, expression: expression.to_owned(), message: message.into() });
        }
    }

    fn resource(&mut self, name: &str, at: &str, members: &Map<String, Value>, contained: bool) {
        let Some(elements) = children(name) else {
            // A contained resource of a type whose elements are not in the tables: only its shape is checked.
            return self.shape(&Value::Object(members.clone()), at);
        };
        let domain = !matches!(name, "Binary" | "Parameters" | "Bundle");
        for (key, value) in members {
            let place = format!("{at}.{key}");
            match key.as_str() {
                "resourceType" => {}
                "id" => self.primitive("id", value, &place, &[]),
                "implicitRules" => self.primitive("uri", value, &place, &[]),
                "language" => self.primitive("code", value, &place, &[]),
                "_id" | "_implicitRules" | "_language" => self.shadow(value, &place),
                "meta" => self.complex("Meta", value, &place),
                "text" if domain => self.complex("Narrative", value, &place),
                "extension" | "modifierExtension" if domain => self.list("Extension", value, &place),
                "contained" if domain && !contained => self.contained(value, &place),
                _ => self.member(elements, key, members, at),
            }
        }
        self.missing(elements, members, at);
    }

    fn contained(&mut self, value: &Value, at: &str) {
        let Some(items) = value.as_array().filter(|items| !items.is_empty()) else {
            return self.issue("structure", at, "expected an array that is not empty");
        };
        for (place, item) in items.iter().enumerate() {
            let at = format!("{at}[{place}]");
            let known = item.get("resourceType").and_then(Value::as_str).and_then(ResourceType::parse);
            match (item, known) {
                (Value::Object(members), Some(resource)) => self.resource(resource.name(), &at, members, true),
                _ => self.issue("structure", &at, "expected a resource of R4 with its `resourceType`"),
            }
        }
    }

    /// One member of an object whose elements are these.
    fn member(&mut self, elements: &'static [Element], key: &str, members: &Map<String, Value>, at: &str) {
        let (name, shadow) = key.strip_prefix('_').map_or((key, false), |name| (name, true));
        let Some((element, kind)) = elements.iter().find_map(|element| Some((element, fits(element, name)?))) else {
            return self.issue(
                "structure",
                &format!("{at}.{key}"),
                format!("`{}` is not an element here", key.chars().take(64).collect::<String>()),
            );
        };
        let place = format!("{at}.{name}");
        let Some(value) = members.get(key) else { return };
        if shadow && !is_primitive(kind.name) {
            return self.issue("structure", &format!("{at}.{key}"), "only a primitive element has a companion with `_`");
        }
        match (element.repeats, value) {
            (true, Value::Array(items)) if items.is_empty() => self.issue("structure", &place, "an array is not empty"),
            (true, Value::Array(items)) => {
                let other = if shadow { name.to_owned() } else { format!("_{name}") };
                let companions = members.get(&other).and_then(Value::as_array);
                for (index, item) in items.iter().enumerate() {
                    let at = format!("{place}[{index}]");
                    let companion = companions.and_then(|companions| companions.get(index)).is_some_and(|c| !c.is_null());
                    match (item, shadow) {
                        // In an array of primitives null stands where only the companion has something.
                        (Value::Null, _) if is_primitive(kind.name) && companion => {}
                        (item, true) => self.shadow(item, &at),
                        (item, false) => self.value(element, kind, item, &at),
                    }
                }
            }
            (true, _) => self.issue("structure", &place, "expected an array"),
            (false, Value::Array(_)) => self.issue("structure", &place, "the element does not repeat"),
            (false, value) if shadow => self.shadow(value, &place),
            (false, value) => self.value(element, kind, value, &place),
        }
    }

    fn missing(&mut self, elements: &'static [Element], members: &Map<String, Value>, at: &str) {
        for element in elements {
            let found = members.keys().map(|key| key.strip_prefix('_').unwrap_or(key)).filter(|key| fits(element, key).is_some());
            let mut found: Vec<&str> = found.collect();
            found.sort_unstable();
            found.dedup();
            let shown = if element.choice { format!("{}[x]", element.name) } else { element.name.to_owned() };
            match found.len() {
                0 if element.required => self.issue("required", &format!("{at}.{shown}"), format!("`{shown}` is mandatory")),
                0 | 1 => {}
                _ => self.issue("structure", &format!("{at}.{shown}"), format!("only one type of `{shown}` is allowed")),
            }
        }
    }

    fn value(&mut self, element: &'static Element, kind: &'static Type, value: &Value, at: &str) {
        if is_primitive(kind.name) {
            return self.primitive(kind.name, value, at, element.codes);
        }
        self.complex(kind.content, value, at);
        if kind.name == "Reference" {
            self.reference(kind, value, at);
        }
    }

    fn primitive(&mut self, kind: &str, value: &Value, at: &str, codes: &[&str]) {
        if let Err(message) = format::check(kind, value) {
            return self.issue("value", at, message);
        }
        let code = value.as_str().unwrap_or_default();
        if !codes.is_empty() && codes.binary_search(&code).is_err() {
            self.issue("code-invalid", at, format!("`{}` is not one of {}", code.chars().take(64).collect::<String>(), codes.join(", ")));
        }
    }

    /// An object of this type; a backbone element has its own path as content.
    fn complex(&mut self, content: &'static str, value: &Value, at: &str) {
        if content == "Resource" {
            return self.contained(&Value::Array(vec![value.clone()]), at);
        }
        let Value::Object(members) = value else { return self.issue("structure", at, "expected an object") };
        if members.is_empty() {
            return self.issue("structure", at, "an object is not empty");
        }
        let elements = children(content).unwrap_or_default();
        for (key, value) in members {
            let place = format!("{at}.{key}");
            match key.as_str() {
                "id" => self.primitive("string", value, &place, &[]),
                "extension" => self.list("Extension", value, &place),
                "modifierExtension" if content.contains('.') || matches!(content, "Timing" | "Dosage") => {
                    self.list("Extension", value, &place)
                }
                _ => self.member(elements, key, members, at),
            }
        }
        self.missing(elements, members, at);
        if content == "Extension" {
            let valued = members.keys().any(|key| key.trim_start_matches('_').starts_with("value"));
            if valued == members.contains_key("extension") {
                self.issue("structure", at, "an extension has either a value or extensions");
            }
        }
    }

    fn list(&mut self, content: &'static str, value: &Value, at: &str) {
        match value.as_array() {
            Some(items) if !items.is_empty() => {
                items.iter().enumerate().for_each(|(index, item)| self.complex(content, item, &format!("{at}[{index}]")));
            }
            _ => self.issue("structure", at, "expected an array that is not empty"),
        }
    }

    /// The companion of a primitive: an id and extensions.
    fn shadow(&mut self, value: &Value, at: &str) {
        let known = |members: &Map<String, Value>| !members.is_empty() && members.keys().all(|key| key == "id" || key == "extension");
        match value {
            Value::Object(members) if known(members) => {
                if let Some(extensions) = members.get("extension") {
                    self.list("Extension", extensions, &format!("{at}.extension"));
                }
            }
            Value::Null => {}
            _ => self.issue("structure", at, "the companion of a primitive has an `id` and `extension` only"),
        }
    }

    fn reference(&mut self, kind: &'static Type, value: &Value, at: &str) {
        let Some(text) = value.get("reference").and_then(Value::as_str) else {
            let said = ["identifier", "display", "extension"].iter().any(|name| value.get(name).is_some());
            if !said && value.is_object() {
                self.issue("required", at, "a reference has a `reference`, an `identifier` or a `display`");
            }
            return;
        };
        let place = format!("{at}.reference");
        if text.chars().any(char::is_whitespace) {
            return self.issue("value", &place, "a reference has no white space");
        }
        if let Some(id) = text.strip_prefix('#') {
            if !id.is_empty() && !self.contained.iter().any(|known| known == id) {
                self.issue("value", &place, format!("no contained resource has the id `{}`", id.chars().take(64).collect::<String>()));
            }
            return;
        }
        let path = text.split_once("/_history/").map_or(text, |(before, _)| before);
        let target = path.split_once('?').map_or_else(|| path.rsplit('/').nth(1), |(before, _)| before.rsplit('/').next());
        let target = target.filter(|name| ResourceType::parse(name).is_some());
        if let Some(name) = target.filter(|name| !kind.targets.is_empty() && !kind.targets.contains(name)) {
            self.issue("value", &place, format!("expected a reference to {}, not to {name}", kind.targets.join(", ")));
        }
    }

    /// Nothing empty and no stray null, whatever the elements are called.
    fn shape(&mut self, value: &Value, at: &str) {
        match value {
            Value::Object(members) if members.is_empty() => self.issue("structure", at, "an object is not empty"),
            Value::Object(members) => members.iter().for_each(|(key, inner)| self.shape(inner, &format!("{at}.{key}"))),
            Value::Array(items) if items.is_empty() => self.issue("structure", at, "an array is not empty"),
            Value::Array(items) => {
                items.iter().enumerate().filter(|(_, item)| !item.is_null()).for_each(|(i, item)| self.shape(item, &format!("{at}[{i}]")))
            }
            Value::String(text) if text.is_empty() => self.issue("value", at, "a value is not empty"),
            Value::Null => self.issue("structure", at, "null is not allowed here"),
            _ => {}
        }
    }
}

/// The type an element has under this name.
fn fits(element: &'static Element, name: &str) -> Option<&'static Type> {
    if !element.choice {
        return (element.name == name).then(|| element.types.first()).flatten();
    }
    let kind = name.strip_prefix(element.name).filter(|rest| !rest.is_empty())?;
    let same = |wanted: &str| {
        let (mut a, mut b) = (wanted.chars(), kind.chars());
        a.next().map(|c| c.to_ascii_uppercase()) == b.next() && a.as_str() == b.as_str()
    };
    element.types.iter().find(|kind| same(kind.name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_departure_has_its_place() {
        let patient = |value: Value| {
            let mut whole = json!({"resourceType": "Patient"});
            if let (Some(whole), Some(value)) = (whole.as_object_mut(), value.as_object()) {
                whole.extend(value.clone());
            }
            whole
        };
        let rows = [
            (
                json!({"active": true, "name": [{"family": "Martin", "given": ["Ana", null], "_given": [null, {"extension": [{"url": "u:x", "valueCode": "y"}]}]}]}),
                "",
            ),
            (json!({"deceasedBoolean": false}), ""),
            (json!({"nom": 1}), "structure Patient.nom"),
            (json!({"gender": "homme"}), "code-invalid Patient.gender"),
            (json!({"gender": ["male"]}), "structure Patient.gender"),
            (json!({"name": {"family": "x"}}), "structure Patient.name"),
            (json!({"name": []}), "structure Patient.name"),
            (json!({"name": [{}]}), "structure Patient.name[0]"),
            (json!({"name": [{"family": ""}]}), "value Patient.name[0].family"),
            (json!({"name": [null]}), "structure Patient.name[0]"),
            (json!({"birthDate": "1980-13-01"}), "value Patient.birthDate"),
            (json!({"deceasedBoolean": false, "deceasedDateTime": "2020"}), "structure Patient.deceased[x]"),
            (json!({"deceasedString": "x"}), "structure Patient.deceasedString"),
            (json!({"link": [{"other": {"reference": "Patient/1"}}]}), "required Patient.link[0].type"),
            (json!({"managingOrganization": {"reference": "Patient/1"}}), "value Patient.managingOrganization.reference"),
            (json!({"managingOrganization": {"reference": "#o"}}), "value Patient.managingOrganization.reference"),
            (
                json!({"contained": [{"resourceType": "Organization", "id": "o", "nom": "x"}], "managingOrganization": {"reference": "#o"}}),
                "structure Patient.contained[0].nom",
            ),
            (json!({"extension": [{"url": "u:x"}]}), "structure Patient.extension[0]"),
            (json!({"_name": [{"id": "x"}]}), "structure Patient._name"),
            (json!({"text": {"status": "generated", "div": "<div><script/></div>"}}), "value Patient.text.div"),
            (json!({"multipleBirthInteger": 1.5}), "value Patient.multipleBirthInteger"),
            (json!({"contained": [{"resourceType": "Encounter", "id": "e", "class": {}}]}), "structure Patient.contained[0].class"),
        ];
        for (value, expected) in rows {
            let found: Vec<String> =
                validate(ResourceType::PATIENT, &patient(value)).iter().map(|i| format!("{} {}", i.code, i.expression)).collect();
            assert_eq!(found.join("; "), expected);
        }
        assert_eq!(validate(ResourceType::PATIENT, &json!([])).len(), 1);
    }

    #[test]
    fn issues_are_bounded() {
        let many: Map<String, Value> = (0..500).map(|n| (format!("x{n}"), Value::Null)).collect();
        assert_eq!(validate(ResourceType::PATIENT, &Value::Object(many)).len(), ISSUES_MAX);
    }
}
