//! Start tags: names, attributes and namespaces (Namespaces in XML 1.0).

use std::borrow::Cow;
use std::ops::Range;

use super::character::{attribute_value, is_name, is_space};
use super::scan::Fault;
use super::{CDA, FHIR, LABORATORIES, SDTC, SIGNATURE, XHTML, shown};

/// Attributes of one element.
const ATTRIBUTES_MAX: usize = 64;

/// Declarations of namespaces that hold at one place.
const DECLARATIONS_MAX: usize = 64;

const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// The namespace of a name, as far as it is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// No namespace.
    None,
    /// FHIR.
    Fhir,
    /// XHTML, of narratives.
    Xhtml,
    /// CDA R2.
    Cda,
    /// What HL7 and IHE (laboratories) add to CDA.
    CdaMore,
    /// Signatures.
    Signature,
    /// `xml:lang` and the like.
    Xml,
    /// The declaration of a namespace.
    Xmlns,
    /// `xsi:schemaLocation` and the like.
    Instance,
    /// Any other.
    Other,
}

impl Space {
    fn of(uri: &str) -> Self {
        match uri {
            "" => Self::None,
            FHIR => Self::Fhir,
            XHTML => Self::Xhtml,
            CDA => Self::Cda,
            SDTC | LABORATORIES => Self::CdaMore,
            SIGNATURE => Self::Signature,
            XML => Self::Xml,
            XMLNS => Self::Xmlns,
            INSTANCE => Self::Instance,
            _ => Self::Other,
        }
    }
}

/// A name with its namespace.
#[derive(Debug, Clone, Copy)]
pub struct Name<'a> {
    /// As written, without the colon; empty where there is none.
    pub prefix: &'a str,
    /// What follows the prefix.
    pub local: &'a str,
    /// What the prefix stands for.
    pub space: Space,
}

impl<'a> Name<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (prefix, local) = text.split_once(':').unwrap_or(("", text));
        let good = is_name(local) && (is_name(prefix) || prefix.is_empty() && local.len() == text.len());
        good.then_some(Self { prefix, local, space: Space::None })
    }

    /// Bytes of the name as written.
    fn len(&self) -> usize {
        self.local.len() + if self.prefix.is_empty() { 0 } else { self.prefix.len() + ":".len() }
    }

    /// Whether it is an attribute that may stand anywhere and says nothing of FHIR.
    pub fn is_of_xml(&self) -> bool {
        self.space == Space::Xmlns || self.space == Space::Instance && matches!(self.local, "schemaLocation" | "noNamespaceSchemaLocation")
    }
}

/// An attribute.
#[derive(Debug)]
pub struct Attribute<'a> {
    /// Its name.
    pub name: Name<'a>,
    /// Normalized, without references.
    pub value: Cow<'a, str>,
    /// Where its name begins.
    at: usize,
    /// Where it stands, white space before it included.
    pub span: Range<usize>,
}

/// A start tag.
#[derive(Debug)]
pub struct Tag<'a> {
    /// Its name.
    pub name: Name<'a>,
    /// In the order of the text, declarations of namespaces included.
    pub attributes: Vec<Attribute<'a>>,
    /// Where its name ends.
    pub name_end: usize,
}

impl<'a> Tag<'a> {
    /// Reads what stands between `<` and `>` or `/>`; names have no namespace yet.
    pub fn read(inner: &'a str, at: usize) -> Result<Self, Fault> {
        let end = inner.bytes().position(|b| is_space(char::from(b))).unwrap_or(inner.len());
        let (name, mut rest) = inner.split_at_checked(end).unwrap_or((inner, ""));
        let name = Name::read(name).ok_or_else(|| Fault::new(at, format!("`{}` is not the name of an element", shown(name))))?;
        let mut tag = Self { name, attributes: Vec::new(), name_end: at + end };
        while !rest.is_empty() {
            let start = at + inner.len() - rest.len();
            let text = rest.trim_start_matches(is_space);
            if text.is_empty() {
                break;
            }
            let here = start + rest.len() - text.len();
            if here == start {
                return Err(Fault::new(here, "expected white space before an attribute"));
            }
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            let name = name.trim_end_matches(is_space);
            let name = Name::read(name).ok_or_else(|| Fault::new(here, format!("`{}` is not the name of an attribute", shown(name))))?;
            let value = value.trim_start_matches(is_space);
            let quoted =
                value.chars().next().filter(|quote| matches!(quote, '"' | '\'')).and_then(|quote| value.get(1..)?.split_once(quote));
            let (raw, after) =
                quoted.ok_or_else(|| Fault::new(here, format!("the attribute `{}` has no value in quotes", shown(name.local))))?;
            let value_at = at + inner.len() - value.len() + 1;
            let value = attribute_value(raw).map_err(|(place, message)| Fault::new(value_at + place, message))?;
            tag.attributes.push(Attribute { name, value, at: here, span: start..at + inner.len() - after.len() });
            if tag.attributes.len() > ATTRIBUTES_MAX {
                return Err(Fault::new(here, format!("an element has at most {ATTRIBUTES_MAX} attributes")));
            }
            rest = after;
        }
        Ok(tag)
    }
}

/// What a prefix stands for; the default namespace has none.
#[derive(Debug)]
struct Declaration<'a> {
    prefix: &'a str,
    uri: Cow<'a, str>,
    space: Space,
}

/// The declarations of namespaces that hold at a place, the innermost last.
#[derive(Debug, Default)]
pub struct Declarations<'a>(Vec<Declaration<'a>>);

impl<'a> Declarations<'a> {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets those of an element that ended.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Takes in what a tag declares and says the namespace of its names.
    pub fn resolve(&mut self, tag: &mut Tag<'a>) -> Result<(), Fault> {
        for attribute in &mut tag.attributes {
            let prefix = match (attribute.name.prefix, attribute.name.local) {
                ("", "xmlns") => "",
                ("xmlns", prefix) => prefix,
                _ => continue,
            };
            attribute.name.space = Space::Xmlns;
            let uri: &str = &attribute.value;
            let reserved = matches!(uri, XML | XMLNS) || matches!(prefix, "xml" | "xmlns");
            if !prefix.is_empty() && uri.is_empty() || reserved && !(prefix == "xml" && uri == XML) {
                return Err(Fault::new(attribute.at, format!("`{}` cannot be declared so", shown(attribute.name.local))));
            }
            if self.0.len() >= DECLARATIONS_MAX {
                let message = format!("at most {DECLARATIONS_MAX} declarations of namespaces hold at one place");
                return Err(Fault::new(attribute.at, message));
            }
            self.0.push(Declaration { prefix, uri: attribute.value.clone(), space: Space::of(uri) });
        }
        tag.name.space = self.space(tag.name.prefix, tag.name_end - tag.name.len())?;
        for attribute in tag.attributes.iter_mut().filter(|attribute| attribute.name.space != Space::Xmlns) {
            let name = &mut attribute.name;
            // An attribute without a prefix has no namespace, whatever the default is.
            if !name.prefix.is_empty() {
                name.space = self.space(name.prefix, attribute.at)?;
            }
        }
        self.distinct(&tag.attributes)
    }

    fn find(&self, prefix: &str) -> Option<&Declaration<'a>> {
        // Most names have no prefix: nothing to compare.
        self.0.iter().rev().find(|known| known.prefix.len() == prefix.len() && (prefix.is_empty() || known.prefix == prefix))
    }

    fn space(&self, prefix: &str, at: usize) -> Result<Space, Fault> {
        match self.find(prefix) {
            Some(declaration) => Ok(declaration.space),
            None if prefix.is_empty() => Ok(Space::None),
            None if prefix == "xml" => Ok(Space::Xml),
            None => Err(Fault::new(at, format!("the prefix `{}` is not declared", shown(prefix)))),
        }
    }

    /// Refuses two attributes of one name, also when two prefixes stand for one namespace.
    fn distinct(&self, attributes: &[Attribute<'a>]) -> Result<(), Fault> {
        if attributes.len() < 2 {
            return Ok(());
        }
        let mut before: Vec<(&str, Option<&str>)> = Vec::with_capacity(attributes.len());
        for Attribute { name, at, .. } in attributes {
            let uri = match (name.space, name.prefix) {
                (Space::Xmlns, _) => Some(XMLNS),
                (_, "") => None,
                (Space::Xml, _) => Some(XML),
                (_, prefix) => self.find(prefix).map(|declaration| &*declaration.uri),
            };
            if before.contains(&(name.local, uri)) {
                return Err(Fault::new(*at, format!("the attribute `{}` stands twice", shown(name.local))));
            }
            before.push((name.local, uri));
        }
        Ok(())
    }
}
