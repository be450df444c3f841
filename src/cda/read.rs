//! From bytes to a header and a body.
//!
//! INVARIANT: nothing here recurses; depth, attributes and namespaces are bounded by the scanner, elements of a header here.

use super::header::Header;
use super::node::Node;
use crate::fhir::issue::SyntaxError;
use crate::fhir::xml::{Fault, Scanner, Space, Tag, Token, shown, text};

/// Elements that a header may have: the largest of the national examples has some six hundred.
const ELEMENTS_MAX: usize = 20_000;

/// Elements of a `ClinicalDocument` of which there is one at most: with two, one reader would take the first and another the last.
const SINGLE: [&str; 12] = [
    "typeId",
    "id",
    "code",
    "title",
    "effectiveTime",
    "confidentialityCode",
    "languageCode",
    "setId",
    "versionNumber",
    "custodian",
    "legalAuthenticator",
    "component",
];

/// What stands in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// None at all.
    None,
    /// Sections (levels 2 and 3).
    Structured,
    /// Something else, within the document (level 1).
    Within {
        /// Its media type; CDA's default is `text/plain`.
        media: String,
        /// Whether it is base64.
        base64: bool,
        /// The text as it stands.
        data: String,
    },
    /// Something else, named by its address.
    Elsewhere,
}

/// A document.
#[derive(Debug, Clone)]
pub struct Cda {
    /// Its header.
    pub header: Header,
    /// What its body is.
    pub body: Body,
}

/// What XML of a document may be.
#[derive(Debug, Clone)]
pub enum Xml {
    /// A clinical document.
    Cda(Box<Cda>),
    /// A signature (IHE DSG), which stands for itself.
    Signature,
}

/// Reads a document to its end.
///
/// # Errors
/// What is not well-formed, not UTF-8, nested too deep, has a DTD or is no `ClinicalDocument`; with line and column.
pub fn read(bytes: &[u8]) -> Result<Xml, SyntaxError> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    text(bytes).and_then(document).map_err(|fault| fault.place(bytes))
}

fn document(text: &str) -> Result<Xml, Fault> {
    let mut scanner = Scanner::new(text)?;
    while let Some(token) = scanner.next()? {
        let Token::Start(tag) = token else { continue };
        return match (tag.name.space, tag.name.local) {
            (Space::Cda, "ClinicalDocument") => clinical(&mut scanner, tag).map(|cda| Xml::Cda(Box::new(cda))),
            (Space::Signature, "Signature") => {
                while scanner.next()?.is_some() {}
                Ok(Xml::Signature)
            }
            (Space::Cda, other) => Err(Fault::new(scanner.span().start, format!("expected `ClinicalDocument`, found `{}`", shown(other)))),
            _ => Err(Fault::new(scanner.span().start, "expected `ClinicalDocument` in the namespace `urn:hl7-org:v3`")),
        };
    }
    Err(Fault::new(text.len(), "expected `ClinicalDocument`"))
}

fn clinical<'a>(scanner: &mut Scanner<'a>, tag: Tag<'a>) -> Result<Cda, Fault> {
    let mut open = vec![Node::new(tag)];
    let mut root = None;
    let (mut body, mut elements) = (Body::None, 0);
    while let Some(token) = scanner.next()? {
        match token {
            Token::Start(tag) => {
                let at = scanner.span().start;
                elements += 1;
                if elements > ELEMENTS_MAX {
                    return Err(Fault::new(at, format!("a header has at most {ELEMENTS_MAX} elements")));
                }
                let node = Node::new(tag);
                if let [document] = open.as_slice()
                    && !node.foreign
                {
                    if SINGLE.contains(&node.name) && document.one(node.name).is_some() {
                        return Err(Fault::new(at, format!("`{}` stands twice", node.name)));
                    }
                    if node.name == "component" {
                        body = component(scanner)?;
                        if let Some(document) = open.last_mut() {
                            document.children.push(node);
                        }
                        continue;
                    }
                }
                open.push(node);
            }
            Token::End(_) => {
                let Some(node) = open.pop() else { continue };
                match open.last_mut() {
                    Some(parent) if !node.foreign => parent.children.push(node),
                    Some(_) => {}
                    None => root = Some(node),
                }
            }
            Token::Text(text) | Token::CData(text) => {
                if let Some(node) = open.last_mut() {
                    node.text.push_str(text);
                }
            }
            Token::Reference(c) => {
                if let Some(node) = open.last_mut() {
                    node.text.push(c);
                }
            }
            Token::Comment(_) | Token::Instruction => {}
        }
    }
    let root = root.ok_or_else(|| Fault::new(scanner.text().len(), "expected `ClinicalDocument`"))?;
    Ok(Cda { header: Header::of(&root), body })
}

/// The body, whose start tag has just been read, to its end: sections are passed by.
fn component(scanner: &mut Scanner<'_>) -> Result<Body, Fault> {
    let (mut body, mut depth, mut within) = (Body::None, 1_usize, false);
    while depth > 0 {
        let Some(token) = scanner.next()? else { break };
        match token {
            Token::Start(tag) => {
                let cda = tag.name.space == Space::Cda;
                match (depth, tag.name.local) {
                    (1, "structuredBody" | "nonXMLBody") if cda && body != Body::None => {
                        return Err(Fault::new(scanner.span().start, "a second body"));
                    }
                    (1, "structuredBody") if cda => body = Body::Structured,
                    (1, "nonXMLBody") if cda => body = Body::Elsewhere,
                    (2, "text") if cda && body == Body::Elsewhere => {
                        let node = Node::new(tag);
                        let said = |name: &str| node.attribute(name);
                        let base64 = said("representation") == Some("B64");
                        let media = said("mediaType").unwrap_or("text/plain").to_owned();
                        body = Body::Within { media, base64, data: String::new() };
                        within = true;
                    }
                    (3, "reference") if cda && within => body = Body::Elsewhere,
                    _ => {}
                }
                depth += 1;
            }
            Token::End(_) => {
                depth -= 1;
                within &= depth > 2;
            }
            Token::Text(text) | Token::CData(text) if within => {
                if let Body::Within { data, .. } = &mut body {
                    data.push_str(text);
                }
            }
            Token::Reference(c) if within => {
                if let Body::Within { data, .. } = &mut body {
                    data.push(c);
                }
            }
            _ => {}
        }
    }
    Ok(body)
}
