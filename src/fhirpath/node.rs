//! What evaluation yields: an element of the tree with its type and place, or a value (FHIR R4 fhirpath.html#types, json.html#primitive).

use serde_json::{Map, Value};

use super::datum::Datum;
use super::quantity::Quantity;
use super::types::{Kind, TypeName, element};
use crate::fhir::definitions::{Element, Primitive, Structure, structure};

/// The object that holds an element.
pub type Object = Map<String, Value>;

/// One item of a collection.
#[derive(Debug, Clone)]
pub enum Node<'v> {
    /// An element, or a whole resource.
    Tree(Tree<'v>),
    /// A value that was written, read or computed.
    Datum(Datum<'v>),
    /// A resource that a reference names and that was not read: only its type is known.
    Unread(&'static Structure),
}

/// An element of the tree.
#[derive(Debug, Clone, Copy)]
pub struct Tree<'v> {
    /// Its value; `None` for a primitive that has only a companion with `id` or extensions.
    pub value: Option<&'v Value>,
    /// The object that holds it; `None` for the one that evaluation started at.
    pub parent: Option<&'v Object>,
    /// What it is in its parent.
    pub element: Option<&'static Element>,
    /// The member of the parent that it is, or belongs to: `valueQuantity`.
    pub member: &'static str,
    /// Its place where the member is an array.
    pub index: Option<u32>,
    /// Its type; for a choice the one chosen.
    pub kind: Kind,
}

impl<'v> Node<'v> {
    /// A whole resource; `None` for one that R4 does not have.
    pub fn resource(value: &'v Value) -> Option<Self> {
        resource_kind(value).map(|kind| Self::root(kind, value))
    }

    /// An object of a data type or backbone element, as `Observation.component`, on its own.
    pub fn structure(of: &'static Structure, value: &'v Value) -> Self {
        Self::root(Kind::Structure(of), value)
    }

    fn root(kind: Kind, value: &'v Value) -> Self {
        Self::Tree(Tree { value: Some(value), parent: None, element: None, member: "", index: None, kind })
    }

    /// The element of the tree.
    pub fn tree(&self) -> Option<&Tree<'v>> {
        match self {
            Self::Tree(tree) => Some(tree),
            Self::Datum(_) | Self::Unread(_) => None,
        }
    }

    /// What the tree holds.
    pub fn value(&self) -> Option<&'v Value> {
        self.tree().and_then(|tree| tree.value)
    }

    /// The structure of an object.
    pub fn structure_of(&self) -> Option<&'static Structure> {
        self.tree().and_then(Tree::structure)
    }

    /// The primitive it is.
    pub fn primitive(&self) -> Option<Primitive> {
        match self.tree()?.kind {
            Kind::Primitive(primitive) => Some(primitive),
            Kind::Structure(_) => None,
        }
    }

    /// Namespace and name of its type: `FHIR` and `code`, `System` and `String`.
    pub fn type_name(&self) -> (&'static str, &'static str) {
        match self {
            Self::Tree(tree) => ("FHIR", tree.kind.name()),
            Self::Datum(datum) => ("System", datum.type_name()),
            Self::Unread(resource) => ("FHIR", resource.name),
        }
    }

    /// Its text: of a string, code, uri, date and whatever else is a string in JSON, or of a computed String.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Tree(tree) if matches!(tree.kind, Kind::Primitive(_)) => tree.value.and_then(Value::as_str),
            Self::Datum(Datum::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Its value to FHIRPath: of a primitive, or of a Quantity that is one; `None` for other objects and where there is no value.
    pub fn datum(&self) -> Option<Datum<'v>> {
        match self {
            Self::Datum(datum) => Some(datum.clone()),
            Self::Tree(tree) => match tree.kind {
                Kind::Primitive(primitive) => Datum::read(primitive, tree.value?),
                kind if kind.is_quantity() => Quantity::read(tree.value?).map(Datum::Quantity),
                Kind::Structure(_) => None,
            },
            Self::Unread(_) => None,
        }
    }

    /// Whether it is of a type, or of one that specializes it.
    pub fn is(&self, name: &TypeName) -> bool {
        match self {
            Self::Tree(tree) => name.is(tree.kind),
            Self::Datum(datum) => name.system.is_some() && name.system == datum.system(),
            Self::Unread(resource) => name.is(Kind::Structure(resource)),
        }
    }

    /// Whether `as` and `ofType` let it through.
    pub fn keeps(&self, name: &TypeName) -> bool {
        match self {
            Self::Tree(tree) => name.keeps(tree.kind),
            Self::Datum(_) | Self::Unread(_) => self.is(name),
        }
    }
}

impl<'v> Tree<'v> {
    /// The structure of an object.
    pub fn structure(&self) -> Option<&'static Structure> {
        match self.kind {
            Kind::Structure(structure) => Some(structure),
            Kind::Primitive(_) => None,
        }
    }

    /// What stands beside a primitive under its name with `_`: an object with `id` and extensions (FHIR R4 json.html#primitive).
    pub fn companion(&self) -> Option<&'v Value> {
        let parent = self.parent?;
        let found = companion(parent, self.member)?;
        match (self.index, found) {
            (Some(index), Value::Array(items)) => items.get(usize::try_from(index).ok()?),
            (_, other) => Some(other),
        }
    }

    /// The object whose members are its children, with the structure they belong to.
    pub fn object(&self) -> Option<(&'static Structure, &'v Object)> {
        match self.kind {
            Kind::Structure(structure) => Some((structure, self.value?.as_object()?)),
            Kind::Primitive(_) => Some((element()?, self.companion()?.as_object()?)),
        }
    }

    /// Whether both are one and the same element.
    pub fn same(&self, other: &Self) -> bool {
        match (self.value, other.value) {
            (Some(one), Some(two)) => std::ptr::eq(one, two),
            (None, None) => {
                let parents = self.parent.zip(other.parent).is_some_and(|(one, two)| std::ptr::eq(one, two));
                parents && self.member == other.member && self.index == other.index
            }
            _ => false,
        }
    }
}

impl<'v> From<Datum<'v>> for Node<'v> {
    fn from(datum: Datum<'v>) -> Self {
        Self::Datum(datum)
    }
}

/// The companion of a member.
pub fn companion<'v>(parent: &'v Object, member: &str) -> Option<&'v Value> {
    parent.iter().find(|(name, _)| name.strip_prefix('_') == Some(member)).map(|(_, value)| value)
}

/// The kind of a resource, by what it says it is.
pub fn resource_kind(value: &Value) -> Option<Kind> {
    let name = value.get("resourceType").and_then(Value::as_str)?;
    structure(name).filter(|found| found.resource).map(Kind::Structure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_small() {
        // Collections are copied from step to step.
        assert!(size_of::<Node<'_>>() <= 72, "{}", size_of::<Node<'_>>());
    }

    #[test]
    fn resources_say_what_they_are() {
        let patient = serde_json::json!({"resourceType": "Patient"});
        assert_eq!(Node::resource(&patient).map(|node| node.type_name()), Some(("FHIR", "Patient")));
        for other in [serde_json::json!({"resourceType": "HumanName"}), serde_json::json!({}), serde_json::json!([])] {
            assert!(Node::resource(&other).is_none());
        }
    }
}
