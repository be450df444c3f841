//! The text of sections, as far as entries may refer to it.

use std::cell::Cell;
use std::collections::HashMap;

use crate::cda::node::Node;
use crate::fhir::xml::{Fault, Scanner, Space, Token};

/// Bytes of a passage that is told: it is what was observed or found, not a chapter.
const PASSAGE_BYTES_MAX: usize = 4000;
/// Bytes of a passage that are kept, white space included.
const KEPT_BYTES_MAX: usize = 2 * PASSAGE_BYTES_MAX;
/// Passages of a document.
const PASSAGES_MAX: usize = 20_000;
/// Bytes of all passages that entries refer to, each as often as they do: a few elements may refer to a long one thousands of times.
const TOLD_BYTES_MAX: usize = 1024 * 1024;

/// Elements at whose ends words end.
const BREAKS: [&str; 8] = ["br", "caption", "item", "list", "paragraph", "td", "th", "tr"];

/// Passages by `ID`.
#[derive(Debug, Default)]
pub struct Narrative {
    passages: HashMap<String, String>,
    told: Cell<usize>,
}

impl Narrative {
    /// What a reference (`#ID`) leads to; nothing where that is not kept whole.
    pub fn of(&self, reference: &str) -> Option<&str> {
        let found = self.passages.get(reference.strip_prefix('#').unwrap_or(reference))?;
        self.told.set(self.told.get() + found.len());
        (found.len() <= PASSAGE_BYTES_MAX && !found.is_empty() && !self.is_exhausted()).then_some(found)
    }

    /// Whether entries refer to more than is told.
    pub fn is_exhausted(&self) -> bool {
        self.told.get() > TOLD_BYTES_MAX
    }

    /// Reads the text of a section, whose start tag has just been read, to its end.
    pub fn read<'a>(&mut self, scanner: &mut Scanner<'a>, tag: crate::fhir::xml::Tag<'a>) -> Result<(), Fault> {
        // For each open element whether it ends a word, and the passage that it is.
        let mut open: Vec<(bool, Option<(String, String)>)> = Vec::new();
        let mut next = Some(Token::Start(tag));
        while let Some(token) = next {
            match token {
                Token::Start(tag) => {
                    let breaks = tag.name.space == Space::Cda && BREAKS.contains(&tag.name.local);
                    if breaks {
                        say(&mut open, " ");
                    }
                    let id = Node::new(tag).attribute("ID").map(|id| (id.to_owned(), String::new()));
                    open.push((breaks, id));
                }
                Token::End(_) => {
                    let closed = open.pop();
                    if let Some((_, Some((id, text)))) = &closed
                        && self.passages.len() < PASSAGES_MAX
                    {
                        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
                        // What is too long to be told is not kept.
                        let cut = text.len() + char::MAX.len_utf8() > KEPT_BYTES_MAX || words.len() > PASSAGE_BYTES_MAX;
                        self.passages.entry(id.clone()).or_insert_with(|| if cut { String::new() } else { words });
                    }
                    if closed.is_some_and(|(breaks, _)| breaks) {
                        say(&mut open, " ");
                    }
                    if open.is_empty() {
                        return Ok(());
                    }
                }
                Token::Text(text) | Token::CData(text) => say(&mut open, text),
                Token::Reference(c) => say(&mut open, c.encode_utf8(&mut [0; 4])),
                Token::Comment(_) | Token::Instruction => {}
            }
            next = scanner.next()?;
        }
        Ok(())
    }
}

/// Adds to every open passage; one that is too long grows no more, and stays too long.
fn say(open: &mut [(bool, Option<(String, String)>)], text: &str) {
    for (_, said) in open.iter_mut().filter_map(|(_, passage)| passage.as_mut()) {
        let room = KEPT_BYTES_MAX.saturating_sub(said.len());
        let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
        let end = ends.take_while(|end| *end <= room).last().unwrap_or_default();
        said.push_str(text.get(..end).unwrap_or_default());
    }
}
