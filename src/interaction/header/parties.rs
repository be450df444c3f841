//! Persons, devices and organizations of a header, as metadata name them: authors contained (PDSm), the others by identifier.

use serde_json::{Value, json};

use super::fill::concept;
use crate::cda::{Id, Name, Organization, Party};
use crate::interaction::stored::set;

/// Authors that become metadata, and identifiers of each.
const AUTHORS_MAX: usize = 20;
const IDENTIFIERS_MAX: usize = 8;
/// Bytes of an identifier.
const IDENTIFIER_BYTES_MAX: usize = 256;

/// An identifier as FHIR writes it.
pub fn identifier(id: &Id) -> Value {
    let (system, value) = id.identifier();
    json!({"system": system, "value": value})
}

fn identifiers(ids: &[(String, String)]) -> Vec<Value> {
    let fits = |(root, extension): &&(String, String)| root.len() + extension.len() <= IDENTIFIER_BYTES_MAX;
    ids.iter()
        .filter(fits)
        .filter_map(|(root, extension)| Id::new(root, extension))
        .take(IDENTIFIERS_MAX)
        .map(|id| identifier(&id))
        .collect()
}

/// A reference by identifier, with a name to show.
fn reference(ids: &[(String, String)], display: Option<String>) -> Option<Value> {
    let mut reference = json!({});
    if let Some(identifier) = identifiers(ids).into_iter().next() {
        set(&mut reference, "identifier", identifier);
    }
    if let Some(display) = display {
        set(&mut reference, "display", display.into());
    }
    (reference != json!({})).then_some(reference)
}

/// A reference to an organization.
pub fn organization(organization: &Organization) -> Option<Value> {
    reference(&organization.ids, organization.name.clone())
}

/// A reference to a person.
pub fn person(party: &Party) -> Option<Value> {
    let display = party.name.as_ref().map(|name| {
        let given = name.given.first().map(String::as_str);
        [name.prefix.as_deref(), given, name.family.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ")
    });
    reference(&party.ids, display)
}

fn human(name: &Name) -> Value {
    let mut human = json!({});
    let mut say = |member: &str, value: Option<Value>| {
        if let Some(value) = value {
            set(&mut human, member, value);
        }
    };
    say("family", name.family.clone().map(Value::from));
    say("given", (!name.given.is_empty()).then(|| name.given.clone().into()));
    say("prefix", name.prefix.clone().map(|prefix| json!([prefix])));
    say("suffix", name.suffix.clone().map(|suffix| json!([suffix])));
    human
}

/// The contained resources of a document, to which authors are added.
pub struct Contained {
    taken: Vec<String>,
    made: Vec<Value>,
    authors: usize,
}

impl Contained {
    /// Beside those that the document has.
    pub fn of(document: &Value) -> Self {
        let has = document.get("contained").and_then(Value::as_array).into_iter().flatten();
        let taken = has.filter_map(|resource| resource.get("id")?.as_str()).map(ToOwned::to_owned).collect();
        Self { taken, made: Vec::new(), authors: 0 }
    }

    /// Adds them to the document.
    pub fn put(self, document: &mut Value) {
        if self.made.is_empty() {
            return;
        }
        match document.get_mut("contained").and_then(Value::as_array_mut) {
            Some(contained) => contained.extend(self.made),
            None => set(document, "contained", self.made.into()),
        }
    }

    /// Keeps a resource under an id that nothing else has; the reference to it.
    fn keep(&mut self, name: &str, mut resource: Value) -> Value {
        let mut id = name.to_owned();
        while self.taken.contains(&id) {
            id.push('-');
        }
        set(&mut resource, "id", id.clone().into());
        let reference = json!({"reference": format!("#{id}")});
        self.taken.push(id);
        self.made.push(resource);
        reference
    }

    /// The references of `author` for one author of a header: a professional in a role, or a device and the organization behind it.
    pub fn author(&mut self, party: &Party) -> Vec<Value> {
        if self.authors >= AUTHORS_MAX {
            return Vec::new();
        }
        self.authors += 1;
        let name = format!("cda-author-{}", self.authors);
        let ids = identifiers(&party.ids);
        if let Some(device) = &party.device {
            let mut resource = json!({"resourceType": "Device"});
            if !ids.is_empty() {
                set(&mut resource, "identifier", ids.into());
            }
            if !device.is_empty() {
                set(&mut resource, "deviceName", json!([{"name": device, "type": "user-friendly-name"}]));
            }
            let device = self.keep(&name, resource);
            return [device].into_iter().chain(party.organization.as_ref().and_then(organization)).collect();
        }
        let mut practitioner = json!({"resourceType": "Practitioner"});
        if !ids.is_empty() {
            set(&mut practitioner, "identifier", ids.into());
        }
        if let Some(human) = party.name.as_ref().map(human) {
            set(&mut practitioner, "name", json!([human]));
        }
        let mut role = json!({"resourceType": "PractitionerRole", "practitioner": self.keep(&format!("{name}-person"), practitioner)});
        if let Some(organization) = &party.organization {
            let mut resource = json!({"resourceType": "Organization"});
            let ids = identifiers(&organization.ids);
            if !ids.is_empty() {
                set(&mut resource, "identifier", ids.into());
            }
            if let Some(name) = &organization.name {
                set(&mut resource, "name", name.clone().into());
            }
            // An organization of which nothing is told is none (org-1).
            if resource.get("identifier").is_some() || resource.get("name").is_some() {
                set(&mut role, "organization", self.keep(&format!("{name}-organization"), resource));
            }
        }
        if let Some(code) = &party.code {
            set(&mut role, "code", json!([concept(code)]));
        }
        vec![self.keep(&name, role)]
    }
}
