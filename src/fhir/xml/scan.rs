//! Well-formed XML 1.0 without DTD as a sequence of tokens.
//!
//! quick-xml finds where markup ends; everything it is lenient about is checked here and in `tag` and `character`.

use std::ops::Range;

use quick_xml::errors::Error;
use quick_xml::events::Event;
use quick_xml::reader::Reader;

use super::character::{forbidden, is_blank, is_name, is_space, reference};
use super::shown;
use super::tag::{Declarations, Name, Tag};
use crate::fhir::issue::SyntaxError;
use crate::fhir::json::DEPTH_MAX;

/// What is wrong at a byte of the text.
#[derive(Debug)]
pub struct Fault {
    at: usize,
    /// What is wrong.
    pub message: String,
}

impl Fault {
    /// What is wrong at this byte.
    pub fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }

    /// The same with line and column; counting them takes a walk through the text, so it is done for an error only.
    pub fn place(self, text: &[u8]) -> SyntaxError {
        let before = text.get(..self.at).unwrap_or(text);
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        SyntaxError { message: self.message, line, column: before.len() - line_start + 1 }
    }
}

/// A piece of the text.
#[derive(Debug)]
pub enum Token<'a> {
    /// An element begins.
    Start(Tag<'a>),
    /// Follows every `Start`, also that of an element written as `<a/>`.
    End(Name<'a>),
    /// Between markup, as written.
    Text(&'a str),
    /// What `&…;` in text stands for.
    Reference(char),
    /// What a CDATA section holds.
    CData(&'a str),
    /// What a comment holds.
    Comment(&'a str),
    /// A processing instruction, or the XML declaration.
    Instruction,
}

/// An element whose end has not come yet.
struct Open<'a> {
    name: Name<'a>,
    written: &'a str,
    /// How many declarations of namespaces held before it.
    declarations: usize,
}

/// Reads tokens one by one.
pub struct Scanner<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    span: Range<usize>,
    open: Vec<Open<'a>>,
    declarations: Declarations<'a>,
    depth_max: usize,
    /// Whether the end of an element without content is due.
    ending: bool,
    rooted: bool,
}

impl<'a> Scanner<'a> {
    /// A scanner at the start of a text, whose byte order mark is already taken away.
    ///
    /// # Errors
    /// What no XML begins with or holds.
    pub fn new(text: &'a str) -> Result<Self, Fault> {
        if let Some(at) = forbidden(text) {
            return Err(Fault::new(at, "a character that XML does not allow"));
        }
        if text.starts_with('\u{FEFF}') {
            return Err(Fault::new(0, "text stands outside the root element"));
        }
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        let declarations = Declarations::default();
        Ok(Self { text, reader, span: 0..0, open: Vec::new(), declarations, depth_max: DEPTH_MAX, ending: false, rooted: false })
    }

    /// Where the last token stands.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The whole text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Lets elements nest `depth` levels from the one that has just begun, which counts as the first.
    pub fn allow(&mut self, depth: usize) {
        self.depth_max = self.open.len().saturating_sub(1) + depth;
    }

    /// Lets elements nest as deep as in any document.
    pub fn allow_usual(&mut self) {
        self.depth_max = DEPTH_MAX;
    }

    /// The next token; none at the end of a document that was well-formed to its end.
    ///
    /// # Errors
    /// What is not well-formed.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Token<'a>>, Fault> {
        if self.ending {
            self.ending = false;
            self.span = self.span.end..self.span.end;
            return Ok(self.close().map(Token::End));
        }
        let start = self.position();
        let event = match self.reader.read_event() {
            Ok(event) => event,
            Err(error) => {
                let at = usize::try_from(self.reader.error_position()).unwrap_or(start);
                let message = match error {
                    Error::Syntax(error) => error.to_string(),
                    Error::IllFormed(error) => error.to_string(),
                    error => error.to_string(),
                };
                return Err(Fault::new(at, message));
            }
        };
        self.span = start..self.position();
        let raw = self.text.get(self.span.clone()).unwrap_or_default();
        let inner = |open: &str, close: &str| raw.get(open.len()..raw.len().saturating_sub(close.len())).unwrap_or_default();
        match event {
            Event::Start(_) => self.start(inner("<", ">")).map(Some),
            Event::Empty(_) => {
                self.ending = true;
                self.start(inner("<", "/>")).map(Some)
            }
            Event::End(_) => self.end(inner("</", ">")).map(Some),
            Event::Text(_) => {
                if self.open.is_empty() && !is_blank(raw) {
                    let blank = raw.len() - raw.trim_start_matches(is_space).len();
                    return Err(Fault::new(start + blank, "text stands outside the root element"));
                }
                match raw.find("]]>") {
                    Some(at) => Err(Fault::new(start + at, "`]]>` stands in text")),
                    None => Ok(Some(Token::Text(raw))),
                }
            }
            Event::GeneralRef(_) => {
                self.inside(Token::Reference(reference(inner("&", ";")).map_err(|message| Fault::new(start, message))?))
            }
            Event::CData(_) => self.inside(Token::CData(inner("<![CDATA[", "]]>"))),
            Event::Comment(_) => {
                let content = inner("<!--", "-->");
                match content.find("--").or_else(|| content.ends_with('-').then(|| content.len() - 1)) {
                    Some(at) => Err(Fault::new(start + "<!--".len() + at, "`--` stands in a comment")),
                    None => Ok(Some(Token::Comment(content))),
                }
            }
            Event::PI(_) => self.instruction(inner("<?", "?>")).map(Some),
            Event::Decl(_) => self.declaration(inner("<?", "?>")).map(Some),
            Event::DocType(_) => Err(Fault::new(start, "a document type (DOCTYPE) is not allowed")),
            Event::Eof => match self.open.last() {
                Some(open) => Err(Fault::new(start, format!("`{}` is not closed", shown(open.written)))),
                None if self.rooted => Ok(None),
                None => Err(Fault::new(start, "expected an element")),
            },
        }
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }

    /// A token that stands inside the root element only.
    fn inside(&self, token: Token<'a>) -> Result<Option<Token<'a>>, Fault> {
        match self.open.is_empty() {
            true => Err(Fault::new(self.span.start, "text stands outside the root element")),
            false => Ok(Some(token)),
        }
    }

    fn start(&mut self, inner: &'a str) -> Result<Token<'a>, Fault> {
        let at = self.span.start;
        if self.open.is_empty() && self.rooted {
            return Err(Fault::new(at, "a second root element"));
        }
        if self.open.len() >= self.depth_max {
            return Err(Fault::new(at, format!("nested deeper than {DEPTH_MAX} levels")));
        }
        let mut tag = Tag::read(inner, at + 1)?;
        let declarations = self.declarations.len();
        self.declarations.resolve(&mut tag)?;
        self.rooted = true;
        let written = self.text.get(at + 1..tag.name_end).unwrap_or_default();
        self.open.push(Open { name: tag.name, written, declarations });
        Ok(Token::Start(tag))
    }

    fn end(&mut self, inner: &'a str) -> Result<Token<'a>, Fault> {
        let found = inner.trim_end_matches(is_space);
        let expected = self.open.last().map(|open| open.written);
        match expected {
            Some(expected) if expected == found => {}
            Some(expected) => {
                let message = format!("expected the end of `{}`, found that of `{}`", shown(expected), shown(found));
                return Err(Fault::new(self.span.start, message));
            }
            None => return Err(Fault::new(self.span.start, format!("`{}` ends without having begun", shown(found)))),
        }
        self.close().map(Token::End).ok_or_else(|| Fault::new(self.span.start, "an end without a begin"))
    }

    fn close(&mut self) -> Option<Name<'a>> {
        let open = self.open.pop()?;
        self.declarations.truncate(open.declarations);
        Some(open.name)
    }

    fn instruction(&self, inner: &str) -> Result<Token<'a>, Fault> {
        let target = inner.split(is_space).next().unwrap_or_default();
        match is_name(target) && !target.eq_ignore_ascii_case("xml") {
            true => Ok(Token::Instruction),
            false => Err(Fault::new(self.span.start, format!("`{}` is not a processing instruction's name", shown(target)))),
        }
    }

    /// The XML declaration (section 2.8): at the very start only, and saying UTF-8 if it says an encoding.
    fn declaration(&self, inner: &'a str) -> Result<Token<'a>, Fault> {
        let fault = |message: &str| Err(Fault::new(self.span.start, message));
        if self.span.start > 0 {
            return fault("an XML declaration stands at the very start only");
        }
        let tag = Tag::read(inner, self.span.start + "<?".len())?;
        let said: Vec<(&str, &str)> = tag.attributes.iter().map(|attribute| (attribute.name.local, &*attribute.value)).collect();
        let (version, encoding, standalone) = match said.as_slice() {
            [("version", version)] => (version, None, None),
            [("version", version), ("encoding", encoding)] => (version, Some(*encoding), None),
            [("version", version), ("standalone", standalone)] => (version, None, Some(*standalone)),
            [("version", version), ("encoding", encoding), ("standalone", standalone)] => (version, Some(*encoding), Some(*standalone)),
            _ => return fault("an XML declaration says `version`, then `encoding` and `standalone`"),
        };
        if !version.strip_prefix("1.").is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|b| b.is_ascii_digit())) {
            return fault("expected XML 1.0");
        }
        if !standalone.is_none_or(|standalone| matches!(standalone, "yes" | "no")) {
            return fault("`standalone` is `yes` or `no`");
        }
        match encoding.filter(|encoding| !["utf-8", "utf8", "us-ascii"].iter().any(|known| encoding.eq_ignore_ascii_case(known))) {
            Some(encoding) => Err(Fault::new(self.span.start, format!("expected UTF-8, found the encoding `{}`", shown(encoding)))),
            None => Ok(Token::Instruction),
        }
    }
}
