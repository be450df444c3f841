//! Text → tokens (FHIRPath N1 #lexical-elements).

use std::sync::Arc;

use super::ParseError;
use super::temporal::Temporal;

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// A name or a word.
    Word(Arc<str>),
    /// A name in backticks, never a word.
    Quoted(Arc<str>),
    /// A literal text, escapes resolved.
    Text(Arc<str>),
    /// Digits, perhaps with a fraction.
    Number(Arc<str>),
    /// A literal date or time.
    Temporal(Temporal),
    /// `%resource`, without the sign.
    Variable(Arc<str>),
    /// `$this`, without the sign.
    Special(Arc<str>),
    /// Everything else.
    Sign(&'static str),
    /// The end of the text.
    End,
}

const SIGNS: [&str; 24] =
    ["<=", ">=", "!=", "!~", "(", ")", "[", "]", "{", "}", ".", ",", "+", "-", "*", "/", "&", "|", "<", ">", "=", "~", "!", ";"];

/// All tokens with the bytes where they start; the last is the end.
pub fn tokens(text: &str) -> Result<Vec<(Token, usize)>, ParseError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.space()?;
        let at = lexer.at;
        let token = lexer.token()?;
        let end = token == Token::End;
        tokens.push((token, at));
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError { message: message.into(), at: self.at })
    }

    /// Takes as many characters as fit.
    fn take(&mut self, fits: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or("")
    }

    /// Passes blanks and comments.
    fn space(&mut self) -> Result<(), ParseError> {
        loop {
            self.take(char::is_whitespace);
            if self.rest().starts_with("//") {
                self.take(|c| !matches!(c, '\n' | '\r'));
            } else if let Some(comment) = self.rest().strip_prefix("/*") {
                match comment.find("*/") {
                    Some(end) => self.at += end + 4,
                    None => return self.fail("a comment that does not end"),
                }
            } else {
                return Ok(());
            }
        }
    }

    fn token(&mut self) -> Result<Token, ParseError> {
        let Some(first) = self.rest().chars().next() else { return Ok(Token::End) };
        let after = |lexer: &mut Self| lexer.at += first.len_utf8();
        match first {
            'a'..='z' | 'A'..='Z' | '_' => Ok(Token::Word(self.word().into())),
            '0'..='9' => Ok(Token::Number(self.number().into())),
            '\'' => self.quoted('\'').map(|text| Token::Text(text.into())),
            '`' => self.quoted('`').map(|text| Token::Quoted(text.into())),
            '@' => {
                after(self);
                self.temporal()
            }
            '%' => {
                after(self);
                let name = match self.rest().chars().next() {
                    Some(quote @ ('`' | '\'')) => self.quoted(quote)?,
                    _ => self.word().to_owned(),
                };
                if name.is_empty() { self.fail("expected a name after `%`") } else { Ok(Token::Variable(name.into())) }
            }
            '$' => {
                after(self);
                Ok(Token::Special(self.word().into()))
            }
            _ => match SIGNS.iter().find(|sign| self.rest().starts_with(**sign)) {
                Some(sign) => {
                    self.at += sign.len();
                    Ok(Token::Sign(sign))
                }
                None => self.fail(format!("a character that FHIRPath does not know: `{first}`")),
            },
        }
    }

    fn word(&mut self) -> &'t str {
        self.take(|c| c.is_ascii_alphanumeric() || c == '_')
    }

    /// Digits; a point belongs to them only before another digit.
    fn number(&mut self) -> &'t str {
        let start = self.at;
        self.take(|c| c.is_ascii_digit());
        self.fraction();
        self.text.get(start..self.at).unwrap_or("")
    }

    fn fraction(&mut self) {
        if self.rest().strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            self.at += 1;
            self.take(|c| c.is_ascii_digit());
        }
    }

    /// After the `@`: the longest text that looks like a date or time.
    fn temporal(&mut self) -> Result<Token, ParseError> {
        let start = self.at;
        self.take(|c| c.is_ascii_digit() || c == '-');
        let date = self.text.get(start..self.at).unwrap_or("");
        let read = if self.rest().starts_with('T') {
            self.at += 1;
            self.take(|c| c.is_ascii_digit() || c == ':');
            self.fraction();
            if !date.is_empty() {
                self.zone();
            }
            let text = self.text.get(start..self.at).unwrap_or("");
            if date.is_empty() { Temporal::time(text.get(1..).unwrap_or("")) } else { Temporal::date_time(text) }
        } else {
            Temporal::date(date)
        };
        match read {
            Some(temporal) => Ok(Token::Temporal(temporal)),
            None => Err(ParseError { message: "expected a date or time after `@`".into(), at: start }),
        }
    }

    /// `Z`, or `+hh:mm`; a sign before anything else is an operator.
    fn zone(&mut self) {
        let rest = self.rest();
        let zone = rest.get(..6).filter(|zone| {
            zone.bytes().enumerate().all(|(at, b)| match at {
                0 => b == b'+' || b == b'-',
                3 => b == b':',
                _ => b.is_ascii_digit(),
            })
        });
        let word_goes_on = |rest: &str| rest.chars().nth(1).is_some_and(|c| c.is_ascii_alphanumeric());
        self.at += match zone {
            Some(zone) => zone.len(),
            None if rest.starts_with('Z') && !word_goes_on(rest) => 1,
            None => 0,
        };
    }

    /// A text in quotes with its escapes resolved.
    fn quoted(&mut self, quote: char) -> Result<String, ParseError> {
        let start = self.at;
        self.at += quote.len_utf8();
        let mut text = String::new();
        loop {
            text.push_str(self.take(|c| c != quote && c != '\\'));
            let mut rest = self.rest().chars();
            match rest.next() {
                Some('\\') => {
                    let escape = rest.next();
                    self.at += 1 + escape.map_or(0, char::len_utf8);
                    match escape {
                        Some('u') => text.push(self.unicode()?),
                        Some('n') => text.push('\n'),
                        Some('r') => text.push('\r'),
                        Some('t') => text.push('\t'),
                        Some('f') => text.push('\u{c}'),
                        Some(same @ ('\'' | '"' | '`' | '\\' | '/')) => text.push(same),
                        // Later invariants escape what needs no escape; the backslash is dropped (FHIRPath N1 #string).
                        Some(other) => text.push(other),
                        None => return self.fail("a text that does not end"),
                    }
                }
                Some(_) => {
                    self.at += quote.len_utf8();
                    return Ok(text);
                }
                None => return Err(ParseError { message: "a text that does not end".into(), at: start }),
            }
        }
    }

    /// Four digits of a code unit; the second half of a pair follows the first.
    fn unicode(&mut self) -> Result<char, ParseError> {
        let mut unit = || {
            let unit = self.rest().get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
            let unit = unit.and_then(|digits| u16::from_str_radix(digits, 16).ok())?;
            self.at += 4;
            Some(unit)
        };
        let Some(first) = unit() else { return self.fail("expected four hexadecimal digits after `\\u`") };
        let mut units = vec![first];
        if (0xd800..0xdc00).contains(&first) && self.rest().starts_with("\\u") {
            self.at += 2;
            let second = self.rest().get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
            self.at += if second.is_some() { 4 } else { 0 };
            units.extend(second);
        }
        match char::decode_utf16(units).next() {
            Some(Ok(c)) => Ok(c),
            _ => self.fail("half of a pair of code units"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    fn first(text: &str) -> Token {
        tokens(text).expect(text).swap_remove(0).0
    }

    #[test]
    fn tokens_are_told_apart() {
        assert_eq!(first("div"), Token::Word("div".into()));
        assert_eq!(first("`div`"), Token::Quoted("div".into()));
        assert_eq!(first(r"'\\\/\f\r\n\t\x\'\u0065\ud83d\ude00'"), Token::Text("\\/\u{c}\r\n\tx'e😀".into()));
        assert_eq!(first("1.toInteger()"), Token::Number("1".into()));
        assert_eq!(first("1.50.is"), Token::Number("1.50".into()));
        assert_eq!(first("%`vs-x`"), Token::Variable("vs-x".into()));
        assert_eq!(first("$this.x"), Token::Special("this".into()));
        assert_eq!(first("// all\n /* the\n rest */ !~"), Token::Sign("!~"));
        for (text, expected) in [
            ("@2015.is(Date)", Temporal::date("2015")),
            ("@2015T.is(DateTime)", Temporal::date_time("2015")),
            ("@2015-02-04T14:34:28.123+10:00", Temporal::date_time("2015-02-04T14:34:28.123+10:00")),
            ("@2015-02-04T14 + 1", Temporal::date_time("2015-02-04T14")),
            ("@T14:34.is(Time)", Temporal::time("14:34")),
        ] {
            assert_eq!(first(text), Token::Temporal(expected.expect(text)), "{text}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused_where_it_stands() {
        for (text, at) in [
            ("a 'b", 2),
            ("`", 0),
            ("a /* b", 2),
            ("@20", 1),
            ("@T", 1),
            (r"'\ud83d'", 7),
            (r"'\u12'", 3),
            ("a # b", 2),
            ("%", 1),
            ("é", 0),
        ] {
            assert_eq!(tokens(text).map_err(|error| error.at), Err(at), "{text}");
        }
    }
}
