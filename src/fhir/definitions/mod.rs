//! The types of R4 as facts (`profiles/r4`, FHIR R4 downloads.html), read once when first needed.
//!
//! A [`Structure`] is a resource type, a complex type or a backbone element; its elements stand in FHIR's order, inherited ones first.

mod load;
mod primitive;

pub use primitive::{Json, Primitive};

use std::sync::LazyLock;

use super::names::Names;

static MODEL: LazyLock<load::Model> = LazyLock::new(load::model);

/// A resource type, a complex type or a backbone element.
#[derive(Debug)]
pub struct Structure {
    /// `Patient`, `HumanName`, `Patient.contact`.
    pub name: &'static str,
    /// Whether it is a resource type.
    pub resource: bool,
    /// Its elements in FHIR's order.
    pub elements: Vec<Element>,
    /// Every name a member of it may have in JSON.
    members: Names<(u16, u16)>,
    /// The [`bit`]s of the elements that must be there.
    required: u128,
}

/// An element of a structure.
#[derive(Debug)]
pub struct Element {
    /// Its name, without `[x]`.
    pub name: &'static str,
    /// How many there are at least.
    pub min: u16,
    /// How many there are at most; `u16::MAX` for any number.
    pub max: u16,
    /// Whether its name ends in the name of its type (`value[x]`).
    pub choice: bool,
    /// What it may be.
    pub types: Vec<Type>,
    /// Whether it is part of a summary.
    pub summary: bool,
    /// Whether it changes the meaning of what stands beside it.
    pub modifier: bool,
    /// Whether it is an attribute in XML.
    pub attribute: bool,
    /// The codes of a required binding that can be listed.
    pub codes: Option<&'static Codes>,
}

impl Element {
    /// Whether it is an array in JSON.
    pub fn repeats(&self) -> bool {
        self.max > 1
    }
}

/// A type an element may have.
#[derive(Debug)]
pub struct Type {
    /// `string`, `HumanName`, `BackboneElement`, `Resource`…
    pub name: &'static str,
    /// What its values are.
    pub is: Is,
    /// What a Reference may point to; empty for anything.
    pub targets: Vec<&'static str>,
    /// Whether it is a Reference.
    pub reference: bool,
}

/// What the values of a type are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    /// One value.
    Primitive(Primitive),
    /// An object with elements of its own; the number of its structure.
    Structure(u16),
    /// Any resource.
    Resource,
}

impl Type {
    /// The structure of an object; `None` for a primitive and for any resource.
    pub fn structure(&self) -> Option<&'static Structure> {
        match self.is {
            Is::Structure(number) => MODEL.structures.get(usize::from(number)),
            Is::Primitive(_) | Is::Resource => None,
        }
    }

    /// The primitive it is.
    pub fn primitive(&self) -> Option<Primitive> {
        match self.is {
            Is::Primitive(primitive) => Some(primitive),
            Is::Structure(_) | Is::Resource => None,
        }
    }
}

/// The codes of a value set.
#[derive(Debug)]
pub struct Codes {
    /// The last part of its url.
    pub name: &'static str,
    /// Each system with its codes, sorted.
    pub systems: Vec<(&'static str, Vec<&'static str>)>,
    /// The codes of all systems.
    all: Names<()>,
}

impl Codes {
    /// Whether a code is in the set, whatever its system.
    pub fn has_code(&self, code: &str) -> bool {
        self.all.has(code)
    }

    /// Whether the code of a system is in the set.
    pub fn has(&self, system: &str, code: &str) -> bool {
        self.systems.iter().any(|(known, codes)| *known == system && codes.binary_search(&code).is_ok())
    }

    /// Some of the codes, for a message.
    pub fn shown(&self) -> String {
        const SHOWN: usize = 12;
        let all: Vec<&str> = self.systems.iter().flat_map(|(_, codes)| codes.iter().copied()).collect();
        let some = all.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
        if all.len() > SHOWN { format!("{some}… ({})", self.name) } else { some }
    }
}

impl Structure {
    /// The element that a member of an object is, with its place and the type its name says; a companion is asked for without its `_`.
    pub fn member(&self, name: &str) -> Option<(u16, &Element, &Type)> {
        let (element, kind) = self.members.get(name)?;
        let found = self.elements.get(usize::from(element))?;
        Some((element, found, found.types.get(usize::from(kind))?))
    }

    /// The name of a member in JSON.
    pub fn member_name(&self, element: u16, kind: u16) -> Option<&'static str> {
        self.members.iter().find(|(_, places)| *places == (element, kind)).map(|(name, _)| name)
    }

    /// The elements that must be there, and whose [`bit`] is not among those seen.
    pub fn missing(&self, seen: u128) -> impl Iterator<Item = &Element> {
        let missing = self.required & !seen;
        let all: &[Element] = if missing == 0 { &[] } else { &self.elements };
        (0_u16..).zip(all).filter(move |(at, _)| missing & bit(*at) != 0).map(|(_, element)| element)
    }

    /// The element of this name, without `[x]`.
    pub fn element(&self, name: &str) -> Option<&Element> {
        self.elements.iter().find(|element| element.name == name)
    }
}

/// One bit for the place of an element: a structure has at most some seventy.
pub fn bit(at: u16) -> u128 {
    1_u128.checked_shl(u32::from(at)).unwrap_or_default()
}

/// The structure of this name: a type, or a backbone element by its path.
pub fn structure(name: &str) -> Option<&'static Structure> {
    MODEL.structures.get(usize::from(MODEL.names.get(name)?))
}

#[cfg(test)]
mod tests;
