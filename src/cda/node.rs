//! Elements of a header or an entry, as a tree.

use std::borrow::Cow;

use crate::fhir::xml::{Space, Tag};

/// How the type of a value is asked for.
pub const TYPE: &str = "xsi:type";

/// An element of the namespace of CDA; those of others are left out, with what is in them.
#[derive(Debug)]
pub struct Node<'a> {
    pub name: &'a str,
    /// Attributes without a namespace, and the type of a value (`xsi:type`).
    attributes: Vec<(&'a str, Cow<'a, str>)>,
    /// Its own text, in one.
    pub text: String,
    pub children: Vec<Node<'a>>,
    /// Whether it is of another namespace; the status of an act, which CDA forgot, is not.
    pub foreign: bool,
}

impl<'a> Node<'a> {
    pub fn new(tag: Tag<'a>) -> Self {
        let named = |attribute: crate::fhir::xml::Attribute<'a>| match (attribute.name.space, attribute.name.local) {
            (Space::None, local) if attribute.name.prefix.is_empty() => Some((local, attribute.value)),
            (Space::Instance, "type") => Some((TYPE, attribute.value)),
            _ => None,
        };
        Self {
            name: tag.name.local,
            foreign: match tag.name.space {
                Space::Cda => false,
                Space::CdaMore => tag.name.local != "statusCode",
                _ => true,
            },
            attributes: tag.attributes.into_iter().filter_map(named).collect(),
            text: String::new(),
            children: Vec::new(),
        }
    }

    /// An attribute that says something.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// The children of this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first child of this name.
    pub fn one(&self, name: &str) -> Option<&Self> {
        self.all(name).next()
    }

    /// The first descendant on this path.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, name| node.one(name))
    }

    /// Its text, white space in one blank; nothing where there is none.
    pub fn words(&self) -> Option<String> {
        let words: Vec<&str> = self.text.split_whitespace().collect();
        (!words.is_empty()).then(|| words.join(" "))
    }
}
