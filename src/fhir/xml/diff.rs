//! XML Patch (RFC 5261): what a `diff` asks for, not yet what it means.

use super::character::is_blank;
use super::read::text;
use super::scan::{Fault, Scanner, Token};
use super::tag::{Space, Tag};
use crate::fhir::issue::SyntaxError;

/// What is done at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `add`.
    Add,
    /// `replace`.
    Replace,
    /// `remove`.
    Remove,
}

/// One operation of a `diff`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is done.
    pub verb: Verb,
    /// The place, an XPath.
    pub sel: String,
    /// `pos` of an `add`: before, after or in front of the children; empty for behind them.
    pub pos: String,
    /// `type` of an `add` of an attribute or a namespace, else empty.
    pub kind: String,
    /// The text in it.
    pub text: String,
    /// The elements in it: the name of each, and the element as it would stand in a FHIR resource whose namespace is the default one.
    pub elements: Vec<(String, String)>,
}

/// Reads a `diff`.
///
/// # Errors
/// What is not well-formed, not UTF-8, nested too deep, has a DTD, or is no `diff`; with line and column.
pub fn diff(bytes: &[u8]) -> Result<Vec<Edit>, SyntaxError> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    text(bytes).and_then(edits).map_err(|fault| fault.place(bytes))
}

fn edits(text: &str) -> Result<Vec<Edit>, Fault> {
    let mut scanner = Scanner::new(text)?;
    let (mut edits, mut depth): (Vec<Edit>, usize) = (Vec::new(), 0);
    while let Some(token) = scanner.next()? {
        let at = scanner.span().start;
        match (token, depth, edits.last_mut()) {
            (Token::Start(tag), 0, _) => {
                if tag.name.local != "diff" {
                    return Err(Fault::new(at, "an XML Patch is a `diff`"));
                }
                depth = 1;
            }
            (Token::Start(tag), 1, _) => {
                edits.push(edit(&tag, at)?);
                depth = 2;
            }
            (Token::Start(tag), _, Some(edit)) => {
                if !matches!(tag.name.space, Space::Fhir | Space::None) {
                    return Err(Fault::new(at, "expected elements of FHIR"));
                }
                if depth == 2 {
                    edit.elements.push((tag.name.local.to_owned(), String::new()));
                }
                if let Some((_, written)) = edit.elements.last_mut() {
                    open(&tag, written);
                }
                depth += 1;
            }
            (Token::End(name), 3.., Some(edit)) => {
                if let Some((_, written)) = edit.elements.last_mut() {
                    written.push_str(&format!("</{}>", name.local));
                }
                depth -= 1;
            }
            (Token::End(_), ..) => depth = depth.saturating_sub(1),
            (Token::Text(raw) | Token::CData(raw), 2, Some(edit)) => edit.text.push_str(raw),
            (Token::Reference(c), 2, Some(edit)) => edit.text.push(c),
            (Token::Text(raw), ..) if is_blank(raw) => {}
            (Token::Text(_) | Token::CData(_) | Token::Reference(_), ..) => {
                return Err(Fault::new(at, "text stands where none is expected"));
            }
            (Token::Comment(_) | Token::Instruction, ..) | (Token::Start(_), _, None) => {}
        }
    }
    Ok(edits)
}

fn edit(tag: &Tag<'_>, at: usize) -> Result<Edit, Fault> {
    let verb = match tag.name.local {
        "add" => Verb::Add,
        "replace" => Verb::Replace,
        "remove" => Verb::Remove,
        _ => return Err(Fault::new(at, "an operation is `add`, `replace` or `remove`")),
    };
    let attribute = |name: &str| {
        let found = tag.attributes.iter().find(|one| one.name.local == name && one.name.space == Space::None);
        found.map(|one| one.value.clone().into_owned())
    };
    let sel = attribute("sel").ok_or_else(|| Fault::new(at, "an operation has a `sel`"))?;
    let (pos, kind) = (attribute("pos").unwrap_or_default(), attribute("type").unwrap_or_default());
    Ok(Edit { verb, sel, pos, kind, text: String::new(), elements: Vec::new() })
}

/// Writes a start tag without prefixes: its namespace is the default one.
fn open(tag: &Tag<'_>, written: &mut String) {
    written.push('<');
    written.push_str(tag.name.local);
    for attribute in tag.attributes.iter().filter(|attribute| attribute.name.space == Space::None) {
        let escaped = attribute.value.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        let escaped = escaped.replace('\n', "&#10;").replace('\r', "&#13;").replace('\t', "&#9;");
        written.push_str(&format!(" {}=\"{escaped}\"", attribute.name.local));
    }
    written.push('>');
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_is_read_with_its_elements() {
        let text = r#"<?xml version="1.0"?><diff xmlns:f="http://hl7.org/fhir"><!-- x -->
            <replace sel="/f:DocumentReference/f:status/@value">superseded</replace>
            <add sel="DocumentReference" pos="prepend"><f:securityLabel><f:coding><f:code value="a&amp;&quot;b"/></f:coding></f:securityLabel></add>
            <remove sel="DocumentReference/securityLabel[2]"/></diff>"#;
        let edits = diff(text.as_bytes()).unwrap();
        assert_eq!((edits.len(), edits[0].verb, edits[0].text.as_str()), (3, Verb::Replace, "superseded"));
        assert_eq!((edits[1].pos.as_str(), edits[1].elements[0].0.as_str()), ("prepend", "securityLabel"));
        let written = r#"<securityLabel><coding><code value="a&amp;&quot;b"></code></coding></securityLabel>"#;
        assert_eq!(edits[1].elements[0].1, written);
        assert_eq!((edits[2].verb, edits[2].sel.as_str()), (Verb::Remove, "DocumentReference/securityLabel[2]"));
    }

    #[test]
    fn what_is_no_diff_is_refused_with_its_place() {
        for bad in [
            "<patch/>",
            "<diff><move sel='x'/></diff>",
            "<diff><add>x</add></diff>",
            "<diff>x</diff>",
            "<diff><remove sel='x'/>",
            "<!DOCTYPE diff [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><diff><replace sel='x'>&x;</replace></diff>",
            "<diff><replace sel='x'>&unknown;</replace></diff>",
            "<diff><add sel='x'><a xmlns='urn:x'/></add></diff>",
            "<diff><add sel='x'><a>text</a></add></diff>",
            "",
        ] {
            assert!(diff(bad.as_bytes()).is_err(), "{bad}");
        }
        let deep = format!("<diff><add sel='x'>{}", "<a>".repeat(100_000));
        assert!(diff(deep.as_bytes()).is_err());
    }
}
