//! From the bytes of a document to its entries, one at a time.
//!
//! INVARIANT: nothing here recurses; depth is bounded by the scanner, elements and results here.

use super::narrative::Narrative;
use super::{ITEMS_MAX, Results, entry};
use crate::cda::node::Node;
use crate::fhir::issue::SyntaxError;
use crate::fhir::xml::{Fault, Scanner, Space, Tag, Token, text};

/// Elements of all entries of a document: the national example with two antibiograms has some four hundred.
const ELEMENTS_MAX: usize = 50_000;
/// Bytes of text in all entries.
const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// What holds content that is no result: copies of the document, images.
const MEDIA: [&str; 3] = ["observationMedia", "regionOfInterest", "renderMultiMedia"];

/// Reads the entries of a document that is known to be well-formed.
///
/// # Errors
/// What is not well-formed, as [`read`](crate::cda::read) has it.
pub fn results(bytes: &[u8]) -> Result<Results, SyntaxError> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    text(bytes).and_then(body).map_err(|fault| fault.place(bytes))
}

/// An open element above the entries.
struct Open<'a> {
    name: &'a str,
    /// Whether what stands in it is about another than the person.
    other: bool,
}

fn body(text: &str) -> Result<Results, Fault> {
    let mut scanner = Scanner::new(text)?;
    let (mut found, mut narrative) = (Results::default(), Narrative::default());
    let mut left = Left { elements: ELEMENTS_MAX, bytes: TEXT_BYTES_MAX };
    let mut open: Vec<Open<'_>> = Vec::new();
    while let Some(token) = scanner.next()? {
        match token {
            Token::Start(tag) => {
                let name = if tag.name.space == Space::Cda { tag.name.local } else { "" };
                let (within, other) = open.last().map(|open| (open.name, open.other)).unwrap_or_default();
                match (within, name) {
                    ("section", "text") => {
                        narrative.read(&mut scanner, tag)?;
                        continue;
                    }
                    ("section", "entry") => {
                        let mut after = left;
                        let (node, whole) = tree(&mut scanner, tag, &mut after)?;
                        if entry::is_of_results(&node) && !found.too_many {
                            left = after;
                            found.found = true;
                            entry::read(&node, other, &narrative, &mut found);
                            let many = found.items.len() > ITEMS_MAX || found.left.len() > ITEMS_MAX || narrative.is_exhausted();
                            if !whole || many {
                                found = Results { found: true, too_many: true, ..Results::default() };
                            }
                        }
                        continue;
                    }
                    ("section", "subject") => {
                        if let Some(section) = open.last_mut() {
                            section.other = true;
                        }
                    }
                    _ => {}
                }
                open.push(Open { name, other });
            }
            Token::End(_) => {
                open.pop();
            }
            _ => {}
        }
    }
    Ok(found)
}

/// What may still be read.
#[derive(Clone, Copy)]
struct Left {
    elements: usize,
    bytes: usize,
}

/// An element, whose start tag has just been read, to its end, and whether that was no more than may still be read.
fn tree<'a>(scanner: &mut Scanner<'a>, tag: Tag<'a>, left: &mut Left) -> Result<(Node<'a>, bool), Fault> {
    let start = scanner.span().start;
    let mut open = vec![Node::new(tag)];
    // How deep in what is passed by.
    let (mut passed, mut whole) = (0_usize, true);
    while let Some(token) = scanner.next()? {
        match token {
            Token::Start(tag) => {
                if passed > 0 || !whole || MEDIA.contains(&tag.name.local) {
                    passed += 1;
                    continue;
                }
                whole = left.elements > 0;
                left.elements = left.elements.saturating_sub(1);
                let node = Node::new(tag);
                if node.foreign || !whole {
                    passed = 1;
                } else {
                    open.push(node);
                }
            }
            Token::End(_) if passed > 0 => passed -= 1,
            Token::End(_) => {
                let Some(node) = open.pop() else { continue };
                match open.last_mut() {
                    Some(parent) => parent.children.push(node),
                    None => return Ok((node, whole)),
                }
            }
            Token::Text(text) | Token::CData(text) if passed == 0 => whole &= say(&mut open, text, left),
            Token::Reference(c) if passed == 0 => whole &= say(&mut open, c.encode_utf8(&mut [0; 4]), left),
            _ => {}
        }
    }
    Err(Fault::new(start, format!("`{}` is not closed", "entry")))
}

/// Adds to the text of the last open element, unless it is none in words; whether there was room.
fn say(open: &mut [Node<'_>], text: &str, left: &mut Left) -> bool {
    let Some(node) = open.last_mut().filter(|node| node.attribute("representation") != Some("B64")) else { return true };
    if left.bytes < text.len() {
        return false;
    }
    left.bytes -= text.len();
    node.text.push_str(text);
    true
}
