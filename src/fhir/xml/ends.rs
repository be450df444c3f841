//! Carriage returns in a narrative. A reader of XML takes one as the end of a line and forgets it (XML 1.0, section 2.11), so in XML it
//! is written `&#13;`; and what a narrative in JSON spells so itself has one zero more there, lest the two become one.
//!
//! In comments, CDATA sections and between attributes nothing can stand for one: it stays as it is.

use std::borrow::Cow;
use std::ops::Range;

use super::edits::Edits;
use super::scan::{Fault, Scanner, Token};
use super::tag::Attribute;

/// From XML, or to it.
#[derive(Clone, Copy)]
pub enum Way {
    Read,
    Write,
}

/// What becomes of the text or the value of an attribute that stands in this range.
pub fn change(text: &str, range: Range<usize>, way: Way, edits: &mut Edits) {
    let raw = text.get(range.clone()).unwrap_or_default();
    for (at, _) in raw.match_indices(['\r', '&']) {
        let (place, rest) = (range.start + at, raw.get(at..).unwrap_or_default());
        match (way, rest.strip_prefix('\r')) {
            (Way::Write, Some(_)) => edits.replace(place..place + 1, "&#13;"),
            (Way::Read, Some(after)) => edits.replace(place..place + 1, if after.starts_with('\n') { "" } else { "\n" }),
            (_, None) => {
                let Some(digits) = rest.strip_prefix("&#").filter(|digits| digits.trim_start_matches('0').starts_with("13;")) else {
                    continue;
                };
                let zero = place + "&#".len();
                match way {
                    Way::Write => edits.replace(zero..zero, "0"),
                    Way::Read if digits.starts_with('0') => edits.replace(zero..zero + 1, ""),
                    Way::Read => edits.replace(place..place + "&#13;".len(), "\r"),
                }
            }
        }
    }
}

/// The same for the values of all attributes of a tag.
pub fn change_values(text: &str, attributes: &[Attribute<'_>], way: Way, edits: &mut Edits) {
    for Attribute { span, .. } in attributes {
        let quote = text.get(span.clone()).and_then(|whole| whole.find(['"', '\''])).unwrap_or_default();
        change(text, span.start + quote + 1..span.end - 1, way, edits);
    }
}

/// A narrative as it is written in XML.
pub fn written(div: &str) -> Cow<'_, str> {
    let may_change = div.contains('\r') || div.contains("13;");
    match may_change.then(|| changes(div)) {
        Some(Ok(edits)) => Cow::Owned(edits.apply(div, 0..div.len())),
        // What is no narrative is as bad as it was.
        Some(Err(_)) | None => Cow::Borrowed(div),
    }
}

fn changes(div: &str) -> Result<Edits, Fault> {
    let mut edits = Edits::default();
    let mut scanner = Scanner::new(div)?;
    while let Some(token) = scanner.next()? {
        match token {
            Token::Text(_) | Token::Reference(_) => change(div, scanner.span(), Way::Write, &mut edits),
            Token::Start(tag) => change_values(div, &tag.attributes, Way::Write, &mut edits),
            _ => {}
        }
    }
    Ok(edits)
}
