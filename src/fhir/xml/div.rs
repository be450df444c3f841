//! The `div` of a narrative in XML: the string of its own markup, as it is in JSON (FHIR R4 json.html#xhtml).
//!
//! A `div` that has no prefix and declares the namespace of XHTML itself is kept to the letter. Else prefixes go and the declaration
//! comes; nothing else changes, white space least of all.

use std::ops::Range;

use super::XHTML;
use super::scan::{Fault, Scanner, Token};
use super::tag::{Attribute, Space, Tag};
use crate::fhir::json::DEPTH_MAX;

/// A `div` as a string.
pub struct Div<'a> {
    pub text: String,
    /// An element of it that lost the namespace it had, or would have gained one: it is not XHTML.
    pub foreign: Option<&'a str>,
}

/// Changes to the text: what goes, and what comes in its place.
#[derive(Default)]
struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// Takes the prefix away that stands here.
    fn cut_prefix(&mut self, at: usize, prefix: &str) {
        if !prefix.is_empty() {
            self.0.push((at..at + prefix.len() + ":".len(), String::new()));
        }
    }

    /// The text of a range after the changes, which are in order.
    fn apply(self, text: &str, range: Range<usize>) -> String {
        let mut edited = String::with_capacity(range.len());
        let mut at = range.start;
        for (gone, come) in self.0 {
            edited.push_str(text.get(at..gone.start).unwrap_or_default());
            edited.push_str(&come);
            at = gone.end;
        }
        edited.push_str(text.get(at..range.end).unwrap_or_default());
        edited
    }
}

/// Reads a `div` whose start tag has just been read. Its depth counts from itself: in JSON it is one string.
pub fn read<'a>(scanner: &mut Scanner<'a>, root: &Tag<'a>) -> Result<Div<'a>, Fault> {
    let start = scanner.span().start;
    let mut edits = Edits::default();
    edits.cut_prefix(start + 1, root.name.prefix);
    let own = default_declaration(root);
    let declares = own.is_some_and(|own| own.value == XHTML);
    if !declares {
        let gone = own.map_or(root.name_end..root.name_end, |own| own.span.clone());
        edits.0.push((gone, format!(" xmlns=\"{XHTML}\"")));
    }
    scanner.allow(DEPTH_MAX);
    let mut foreign = None;
    let mut depth = 1_usize;
    while depth > 0 {
        match scanner.next()? {
            Some(Token::Start(tag)) => {
                depth += 1;
                if tag.name.space != Space::Xhtml {
                    foreign = foreign.or(Some(tag.name.local));
                } else if !tag.name.prefix.is_empty() {
                    edits.cut_prefix(scanner.span().start + 1, tag.name.prefix);
                    // Without its prefix it would fall under it.
                    edits.0.extend(default_declaration(&tag).map(|own| (own.span.clone(), String::new())));
                }
            }
            Some(Token::End(name)) => {
                depth -= 1;
                let span = scanner.span();
                if !span.is_empty() && (name.space == Space::Xhtml || depth == 0) {
                    edits.cut_prefix(span.start + "</".len(), name.prefix);
                }
            }
            Some(_) => {}
            None => break,
        }
    }
    scanner.allow_usual();
    let foreign = foreign.filter(|_| !edits.0.is_empty());
    Ok(Div { text: edits.apply(scanner.text(), start..scanner.span().end), foreign })
}

fn default_declaration<'t, 'a>(tag: &'t Tag<'a>) -> Option<&'t Attribute<'a>> {
    tag.attributes.iter().find(|attribute| attribute.name.space == Space::Xmlns && attribute.name.prefix.is_empty())
}
