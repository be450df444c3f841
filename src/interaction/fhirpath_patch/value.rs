//! The values of a FHIRPath Patch: a data type as `value[x]`, or the parts of an anonymous type (FHIR R4 fhirpatch.html).

use serde_json::{Map, Value};

use super::slots::{self, Slot};
use crate::fhir::definitions::{Element, Structure};

/// What an operation puts somewhere.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// A value, with its type as `value[x]` spells it: `Code`, `HumanName`.
    One(String, Slot),
    /// A resource, for `contained` and the like.
    Resource(Value),
    /// The elements of a type without name, each by its name.
    Parts(Vec<(String, Given)>),
}

/// A value as a member of an object.
#[derive(Debug)]
pub struct Member {
    /// Its name in JSON.
    pub name: String,
    /// What it is.
    pub element: &'static Element,
    /// Its value.
    pub slot: Slot,
}

impl Given {
    /// What a parameter or part says; `None` where it says nothing.
    pub fn read(part: &Value) -> Option<Self> {
        let object = part.as_object()?;
        if let Some(resource) = object.get("resource") {
            return Some(Self::Resource(resource.clone()));
        }
        let kinds = || object.keys().filter_map(|name| name.strip_prefix('_').unwrap_or(name).strip_prefix("value"));
        if let Some(kind) = kinds().next() {
            return slots::read(object, &format!("value{kind}")).into_iter().next().map(|slot| Self::One(kind.to_owned(), slot));
        }
        let parts = object.get("part")?.as_array()?;
        parts.iter().map(|part| Some((part.get("name")?.as_str()?.to_owned(), Self::read(part)?))).collect::<Option<_>>().map(Self::Parts)
    }

    /// The value as a child of a structure, under this name.
    ///
    /// # Errors
    /// In words: no such child, or none of this type.
    pub fn member(&self, on: &'static Structure, name: &str) -> Result<Member, String> {
        let name = name.strip_suffix("[x]").unwrap_or(name);
        // `valueQuantity` is taken for `value`, too.
        let found = on.element(name).or_else(|| on.member(name).map(|(_, element, _)| element));
        let element = found.ok_or_else(|| format!("{} has no element `{}`", on.name, name.chars().take(64).collect::<String>()))?;
        let member = match (element.choice, self) {
            (true, Self::One(kind, _)) => format!("{}{kind}", element.name),
            (true, _) => return Err(format!("`{name}` needs a value of one of its types")),
            (false, _) => element.name.to_owned(),
        };
        if on.member(&member).is_none() {
            return Err(format!("`{name}` is not of this type"));
        }
        let slot = match self {
            Self::One(_, slot) => slot.clone(),
            Self::Resource(resource) => Slot { value: Some(resource.clone()), companion: None },
            Self::Parts(parts) => {
                let structure = element.types.first().and_then(|kind| kind.structure());
                let structure = structure.ok_or_else(|| format!("`{name}` has no parts"))?;
                Slot { value: Some(object(structure, parts)?), companion: None }
            }
        };
        Ok(Member { name: member, element, slot })
    }

    /// The value itself.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::One(_, slot) => slot.value.as_ref(),
            Self::Resource(resource) => Some(resource),
            Self::Parts(_) => None,
        }
    }
}

/// An object of a type without name.
fn object(on: &'static Structure, parts: &[(String, Given)]) -> Result<Value, String> {
    let mut object = Map::new();
    for (name, given) in parts {
        put(&mut object, given.member(on, name)?)?;
    }
    Ok(Value::Object(object))
}

/// Adds a member where it may be added: at the end of a list, or where nothing is.
///
/// # Errors
/// In words, where something is.
pub fn put(object: &mut Map<String, Value>, member: Member) -> Result<(), String> {
    let Member { name, element, slot } = member;
    // A choice has one value, whatever its type.
    let taken = |known: &String| {
        let own = known.strip_prefix('_').unwrap_or(known);
        own == name || element.choice && own.strip_prefix(element.name).is_some_and(|kind| kind.starts_with(char::is_uppercase))
    };
    if !element.repeats() && object.keys().any(taken) {
        return Err(format!("`{}` has a value already", element.name));
    }
    let mut all = slots::read(object, &name);
    all.push(slot);
    slots::write(object, &name, element.repeats(), all);
    Ok(())
}
