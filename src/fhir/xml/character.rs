//! The characters, names and references of XML 1.0 (fifth edition, sections 2.2, 2.3 and 4.1).

use std::borrow::Cow;

use super::shown;

/// Whether XML may hold the character.
pub fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Where the first character stands that XML cannot hold.
pub fn forbidden(text: &str) -> Option<usize> {
    const CHUNK: usize = 64;
    let is_control = |b: u8| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r');
    // Without an early way out a chunk is looked at in a few instructions.
    let mut chunks = text.as_bytes().chunks(CHUNK).enumerate();
    let control = chunks.find(|(_, chunk)| chunk.iter().fold(false, |any, b| any | is_control(*b)));
    let control = control.and_then(|(at, chunk)| Some(at * CHUNK + chunk.iter().position(|b| is_control(*b))?));
    [control, text.find('\u{FFFE}'), text.find('\u{FFFF}')].into_iter().flatten().min()
}

/// White space of XML.
pub fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// Whether there is nothing but white space.
pub fn is_blank(text: &str) -> bool {
    text.bytes().all(|b| is_space(char::from(b)))
}

/// Whether the text is a name without a colon.
pub fn is_name(text: &str) -> bool {
    // Nearly all names.
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphabetic()) {
        return true;
    }
    let mut chars = text.chars();
    chars.next().is_some_and(starts_name) && chars.all(continues_name)
}

fn starts_name(c: char) -> bool {
    matches!(c, 'A'..='Z' | '_' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

fn continues_name(c: char) -> bool {
    starts_name(c) || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// The character that `&name;` stands for: one of the five entities of XML, or a character by its number.
///
/// # Errors
/// What is wrong with the reference.
pub fn reference(name: &str) -> Result<char, String> {
    let digits = match name {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        _ => name.strip_prefix('#').ok_or_else(|| format!("`&{};` is not one of the five entities of XML", shown(name)))?,
    };
    let (digits, radix) = digits.strip_prefix('x').map_or((digits, 10), |digits| (digits, 16));
    // A sign is no digit, though Rust reads it.
    let number = digits.chars().all(|c| c.is_digit(radix)).then(|| u32::from_str_radix(digits, radix).ok()).flatten();
    let found = number.and_then(char::from_u32).filter(|c| is_allowed(*c));
    found.ok_or_else(|| format!("`&{};` is not a character of XML", shown(name)))
}

/// The value of an attribute as a reader of XML sees it (section 3.3.3): white space is blanks, references are what they stand for.
///
/// # Errors
/// The place in the text, and what is wrong there.
pub fn attribute_value(raw: &str) -> Result<Cow<'_, str>, (usize, String)> {
    if !raw.bytes().any(|b| matches!(b, b'&' | b'<' | b'\t' | b'\n' | b'\r')) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, sign, after)) = rest.find(['&', '<', '\t', '\n', '\r']).and_then(|at| split(rest, at)) {
        let at = raw.len() - rest.len() + before.len();
        value.push_str(before);
        rest = after;
        match sign {
            b'<' => return Err((at, "`<` stands in the value of an attribute".to_owned())),
            b'&' => {
                // A name stops at what cannot be in it, lest each `&` look for the same far `;`.
                let end = after.find(|c: char| !continues_name(c) && c != '#').unwrap_or(after.len());
                let (name, tail) = after.split_at_checked(end).unwrap_or((after, ""));
                let tail = tail.strip_prefix(';').ok_or_else(|| (at, "`&` does not begin a reference".to_owned()))?;
                value.push(reference(name).map_err(|message| (at, message))?);
                rest = tail;
            }
            b'\r' => {
                value.push(' ');
                rest = after.strip_prefix('\n').unwrap_or(after);
            }
            _ => value.push(' '),
        }
    }
    value.push_str(rest);
    Ok(Cow::Owned(value))
}

/// What stands before, at and after an ASCII sign.
fn split(text: &str, at: usize) -> Option<(&str, u8, &str)> {
    Some((text.get(..at)?, *text.as_bytes().get(at)?, text.get(at + 1..)?))
}
