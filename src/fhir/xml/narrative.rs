//! Whether a narrative is harmless XHTML with something to read (FHIR R4 narrative.html, invariants txt-1 and txt-2).
//!
//! A narrative may be shown by what reads HTML rather than XML: what hides markup from one of the two is refused.

use std::sync::LazyLock;

use super::character::{is_blank, is_space};
use super::scan::{Scanner, Token};
use super::tag::{Attribute, Space, Tag};
use super::{XHTML, shown};
use crate::fhir::names::Names;

/// The elements that txt-1 lists, and `address`, `area`, `bdo`, `kbd`, `map`, which HL7's validator accepts too.
static ELEMENTS: LazyLock<Names<()>> = LazyLock::new(|| {
    words(
        "a abbr acronym address area b bdo big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img kbd \
     li map ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var",
    )
});

/// The attributes that txt-1 lists, and `ismap`, `nohref`, `usemap` of images.
static ATTRIBUTES: LazyLock<Names<()>> = LazyLock::new(|| {
    words(
        "abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset cite class colspan \
     compact coords dir frame headers height href hreflang hspace id ismap lang longdesc name nohref nowrap rel rev rowspan rules scope \
     shape span src start style summary tabindex title type usemap valign value vspace width",
    )
});

fn words(text: &'static str) -> Names<()> {
    Names::new(text.split(' ').map(|word| (word, ())))
}

/// What no style may hold, written without white space in lower case.
const ACTIVE_STYLES: [&str; 7] = ["expression(", "behavior:", "-moz-binding", "@import", "javascript:", "vbscript:", "livescript:"];

/// Letters of a scheme that are looked at; no dangerous one is longer.
const SCHEME_MAX: usize = 16;

/// Whether the string may be the `div` of a narrative. Nothing is changed.
///
/// # Errors
/// What is wrong with it, in the words of an issue: the first element, attribute or piece of text that is not allowed.
pub fn check_narrative(div: &str) -> Result<(), String> {
    let mut scanner = Scanner::new(div).map_err(|fault| fault.message)?;
    let (mut rooted, mut told) = (false, false);
    while let Some(token) = scanner.next().map_err(|fault| fault.message)? {
        match token {
            Token::Start(tag) => {
                if !rooted && (tag.name.local != "div" || tag.name.space != Space::Xhtml) {
                    return Err(format!("a narrative is one `div` in the namespace {XHTML}"));
                }
                rooted = true;
                element(&tag)?;
                told |= tag.name.local == "img" && tag.attributes.iter().any(|attribute| attribute.name.local == "src");
            }
            Token::Text(text) => told |= !is_blank(text),
            Token::Reference(c) => told |= !is_space(c),
            // HTML ends such a section at its first `>`.
            Token::CData(text) if text.contains('>') => return Err("a CDATA section of a narrative holds no `>`".to_owned()),
            Token::CData(text) => told |= !is_blank(text),
            Token::Comment(text) => comment(text)?,
            Token::Instruction => return Err("a narrative has no processing instruction".to_owned()),
            Token::End(_) => {}
        }
    }
    told.then_some(()).ok_or_else(|| "a narrative has some text or an image".to_owned())
}

fn element(tag: &Tag<'_>) -> Result<(), String> {
    let name = tag.name;
    if !name.prefix.is_empty() {
        return Err(format!("`{}:{}` has a prefix, the elements of a narrative have none", shown(name.prefix), shown(name.local)));
    }
    if name.space != Space::Xhtml {
        return Err(format!("`{}` is not in the namespace {XHTML}", shown(name.local)));
    }
    if !ELEMENTS.has(name.local) {
        return Err(format!("the element `{}` is not allowed in a narrative", shown(name.local)));
    }
    tag.attributes.iter().try_for_each(attribute)
}

fn attribute(attribute: &Attribute<'_>) -> Result<(), String> {
    let (name, value) = (attribute.name, &*attribute.value);
    let known = match name.space {
        Space::None => ATTRIBUTES.has(name.local),
        Space::Xml => matches!(name.local, "lang" | "space" | "id"),
        Space::Xmlns => true,
        _ => false,
    };
    if !known {
        return Err(format!("the attribute `{}` is not allowed in a narrative", shown(name.local)));
    }
    let harmless = match (name.space, name.local) {
        (Space::None, "src") => is_harmless(value, true),
        (Space::None, "href" | "cite" | "longdesc" | "usemap") => is_harmless(value, false),
        (Space::None, "style") => return style(value),
        _ => true,
    };
    harmless.then_some(()).ok_or_else(|| format!("the attribute `{}` holds active content", name.local))
}

/// Whether an address runs nothing when it is followed or shown: neither a script, nor data other than an image.
fn is_harmless(address: &str, shown_as_image: bool) -> bool {
    // Browsers skip white space and control characters, wherever they stand.
    let mut letters = address.chars().filter(|c| !c.is_whitespace() && !c.is_control()).map(|c| c.to_ascii_lowercase());
    let mut scheme = String::new();
    loop {
        match letters.next() {
            Some(':') => break,
            // The `)` ends the address in a style.
            None | Some('/' | '?' | '#' | ')') => return true,
            Some(_) if scheme.len() > SCHEME_MAX => return true,
            Some(letter) => scheme.push(letter),
        }
    }
    let rest: String = letters.take(SCHEME_MAX).collect();
    match scheme.as_str() {
        // An image of SVG that is opened as a page runs its scripts.
        "data" => rest.starts_with("image/") && (shown_as_image || !rest.starts_with("image/svg")),
        scheme => !scheme.ends_with("script"),
    }
}

fn style(value: &str) -> Result<(), String> {
    // A comment may hide what it cuts in two, or may only look like one to us: both readings are harmless.
    for text in [without_escapes(value, true), without_escapes(value, false)] {
        if let Some(active) = ACTIVE_STYLES.iter().find(|active| text.contains(**active)) {
            return Err(format!("the attribute `style` holds `{active}`"));
        }
        if text.match_indices("url(").any(|(at, url)| !is_harmless(text.get(at + url.len()..).unwrap_or_default(), true)) {
            return Err("the attribute `style` holds active content".to_owned());
        }
    }
    Ok(())
}

/// A style in lower case, its escapes resolved, without white space and quotes, and without comments if wished.
fn without_escapes(style: &str, without_comments: bool) -> String {
    let mut plain = String::with_capacity(style.len());
    let mut rest = style.chars();
    while let Some(c) = rest.next() {
        let c = match c {
            '/' if without_comments && rest.as_str().starts_with('*') => {
                let end = rest.as_str().get(1..).and_then(|inner| inner.split_once("*/")).map_or("", |(_, after)| after);
                rest = end.chars();
                continue;
            }
            '\\' => escaped(&mut rest),
            c => c,
        };
        if !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '\'') {
            plain.push(c.to_ascii_lowercase());
        }
    }
    plain
}

/// What follows a `\`: up to six digits and one white space, or any character.
fn escaped(rest: &mut std::str::Chars<'_>) -> char {
    const DIGITS_MAX: usize = 6;
    let text = rest.as_str();
    let digits = text.bytes().take(DIGITS_MAX).take_while(u8::is_ascii_hexdigit).count();
    match text.split_at_checked(digits).filter(|_| digits > 0) {
        Some((digits, after)) => {
            *rest = after.strip_prefix(is_space).unwrap_or(after).chars();
            u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).unwrap_or(' ')
        }
        None => rest.next().unwrap_or(' '),
    }
}

/// A comment that HTML reads as one too, and that no browser takes for a condition.
fn comment(text: &str) -> Result<(), String> {
    let inner = text.trim_matches(is_space);
    let begins = |word: &str| inner.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    if begins("[if") || begins("<![") || inner.ends_with("<![endif]") {
        return Err("a conditional comment is not allowed in a narrative".to_owned());
    }
    // `<!-->` and `<!--->` are whole comments in HTML.
    match text.starts_with('>') || text.starts_with("->") {
        true => Err("a comment of a narrative does not begin with `>`".to_owned()),
        false => Ok(()),
    }
}
