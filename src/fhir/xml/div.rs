//! The `div` of a narrative in XML: the string of its own markup, as it is in JSON (FHIR R4 json.html#xhtml).
//!
//! A `div` that has no prefix and declares the namespace of XHTML itself is kept to the letter. Else prefixes go and the declaration
//! comes; nothing else changes, white space least of all, but for the ends of lines, which are what XML says they are (`ends`).

use super::XHTML;
use super::edits::Edits;
use super::ends::{self, Way};
use super::scan::{Fault, Scanner, Token};
use super::tag::{Attribute, Space, Tag};
use crate::fhir::json::DEPTH_MAX;

/// A `div` as a string.
pub struct Div<'a> {
    pub text: String,
    /// An element of it that lost the namespace it had, or would have gained one: it is not XHTML.
    pub foreign: Option<&'a str>,
}

/// Takes the prefix away that stands here.
fn cut_prefix(edits: &mut Edits, at: usize, prefix: &str) {
    if !prefix.is_empty() {
        edits.replace(at..at + prefix.len() + ":".len(), "");
    }
}

/// Reads a `div` whose start tag has just been read. Its depth counts from itself: in JSON it is one string.
pub fn read<'a>(scanner: &mut Scanner<'a>, root: &Tag<'a>) -> Result<Div<'a>, Fault> {
    let start = scanner.span().start;
    let mut edits = Edits::default();
    cut_prefix(&mut edits, start + 1, root.name.prefix);
    let own = default_declaration(root);
    let declares = own.is_some_and(|own| own.value == XHTML);
    if !declares {
        let gone = own.map_or(root.name_end..root.name_end, |own| own.span.clone());
        edits.replace(gone, format!(" xmlns=\"{XHTML}\""));
    }
    let mut ends = Edits::default();
    ends::change_values(scanner.text(), &root.attributes, Way::Read, &mut ends);
    scanner.allow(DEPTH_MAX);
    let mut foreign = None;
    let mut depth = 1_usize;
    while depth > 0 {
        match scanner.next()? {
            Some(Token::Start(tag)) => {
                depth += 1;
                ends::change_values(scanner.text(), &tag.attributes, Way::Read, &mut ends);
                if tag.name.space != Space::Xhtml {
                    foreign = foreign.or(Some(tag.name.local));
                } else if !tag.name.prefix.is_empty() {
                    cut_prefix(&mut edits, scanner.span().start + 1, tag.name.prefix);
                    // Without its prefix it would fall under it.
                    if let Some(own) = default_declaration(&tag) {
                        edits.replace(own.span.clone(), "");
                    }
                }
            }
            Some(Token::End(name)) => {
                depth -= 1;
                let span = scanner.span();
                if !span.is_empty() && (name.space == Space::Xhtml || depth == 0) {
                    cut_prefix(&mut edits, span.start + "</".len(), name.prefix);
                }
            }
            Some(Token::Text(_) | Token::Reference(_)) => ends::change(scanner.text(), scanner.span(), Way::Read, &mut ends),
            Some(_) => {}
            None => break,
        }
    }
    scanner.allow_usual();
    let foreign = foreign.filter(|_| !edits.is_empty());
    Ok(Div { text: edits.and(ends).apply(scanner.text(), start..scanner.span().end), foreign })
}

fn default_declaration<'t, 'a>(tag: &'t Tag<'a>) -> Option<&'t Attribute<'a>> {
    tag.attributes.iter().find(|attribute| attribute.name.space == Space::Xmlns && attribute.name.prefix.is_empty())
}
