//! Reading JSON that is right, in one pass and with few allocations; what is not right is left to whoever can say what is wrong.
//!
//! INVARIANT: it takes nothing that the strict reader refuses. A test holds the two together.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::{DEPTH_MAX, VALUES_MAX};

/// The value of a text, or nothing: then [`super::parse`] reads it again.
pub fn parse(bytes: &[u8], bounds: Bounds) -> Option<Value> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut reader = Reader { text, at: 0, bounds, values: 0, members: Vec::new() };
    reader.space();
    let value = reader.value(0)?;
    reader.space();
    (reader.at == bytes.len()).then_some(value)
}

/// The number of a text that is one by JSON's grammar, spelt as it is: `1.0e-7`, `1E3`.
pub fn number(text: &str) -> Option<Number> {
    let mut reader = Reader { text, at: 0, bounds: Bounds::OTHERS, values: 0, members: Vec::new() };
    reader.number().filter(|_| reader.at == text.len())
}

/// How much is taken.
#[derive(Clone, Copy)]
pub struct Bounds {
    depth_max: usize,
    values_max: usize,
}

impl Bounds {
    /// Of what others sent.
    pub const OTHERS: Self = Self { depth_max: DEPTH_MAX, values_max: VALUES_MAX };

    /// Of what this server wrote: Bundles around what it took from others.
    pub const OURS: Self = Self { depth_max: 2 * DEPTH_MAX, values_max: usize::MAX };
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    bounds: Bounds,
    /// How many values were read.
    values: usize,
    /// The members of the objects that are not at their end yet: an object is made when its size is known.
    members: Vec<(String, Value)>,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Takes this sign, or does not.
    fn take(&mut self, sign: u8) -> Option<()> {
        (self.peek() == Some(sign)).then(|| self.at += 1)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        self.text.get(self.at..)?.starts_with(word).then(|| {
            self.at += word.len();
            value
        })
    }

    /// One more value at this depth.
    fn inner(&mut self, depth: usize) -> Option<()> {
        self.values += 1;
        (depth < self.bounds.depth_max && self.values <= self.bounds.values_max).then_some(())
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        match self.peek()? {
            b'"' => self.string().map(|text| Value::String(text.into_owned())),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => self.number().map(Value::Number),
        }
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        self.take(b'[')?;
        self.space();
        self.inner(depth)?;
        if self.take(b']').is_some() {
            return Some(Value::Array(Vec::new()));
        }
        // Most arrays of FHIR hold one item.
        let mut items = Vec::with_capacity(1);
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            self.inner(depth)?;
            if self.take(b']').is_some() {
                return Some(Value::Array(items));
            }
            self.take(b',')?;
            self.space();
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.take(b'{')?;
        self.space();
        if self.take(b'}').is_some() {
            return Some(Value::Object(Map::new()));
        }
        let start = self.members.len();
        loop {
            let name = self.string()?.into_owned();
            self.inner(depth)?;
            self.space();
            self.take(b':')?;
            self.space();
            let value = self.value(depth + 1)?;
            self.members.push((name, value));
            self.space();
            if self.take(b'}').is_some() {
                break;
            }
            self.take(b',')?;
            self.space();
        }
        let mut object = Map::with_capacity(self.members.len() - start);
        for (name, value) in self.members.drain(start..) {
            // The same key twice.
            if object.insert(name, value).is_some() {
                return None;
            }
        }
        Some(Value::Object(object))
    }

    fn string(&mut self) -> Option<Cow<'t, str>> {
        self.take(b'"')?;
        let plain = self.plain()?;
        if self.take(b'"').is_some() {
            return Some(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        while self.take(b'"').is_none() {
            self.take(b'\\')?;
            text.push(self.escaped()?);
            text.push_str(self.plain()?);
        }
        Some(Cow::Owned(text))
    }

    /// The text up to the next quote, backslash or control character.
    fn plain(&mut self) -> Option<&'t str> {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..)?;
        self.at += rest.iter().position(|b| *b == b'"' || *b == b'\\' || *b < 0x20)?;
        self.text.get(start..self.at)
    }

    /// What follows a backslash.
    fn escaped(&mut self) -> Option<char> {
        let sign = self.peek()?;
        self.at += 1;
        Some(match sign {
            b'"' | b'\\' | b'/' => char::from(sign),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.unit()?;
                if !(0xD800..0xDC00).contains(&first) {
                    return char::from_u32(first);
                }
                self.take(b'\\')?;
                self.take(b'u')?;
                let second = self.unit()?.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
                char::from_u32(0x10000 + ((first - 0xD800) << 10) + second)?
            }
            _ => return None,
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        // A sign is no digit, though Rust reads it.
        digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    }

    fn number(&mut self) -> Option<Number> {
        let start = self.at;
        let _ = self.take(b'-');
        if self.take(b'0').is_none() {
            self.digits()?;
        }
        if self.take(b'.').is_some() {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        // serde_json's own readers write every exponent as `e+3` or `e-3`: no other way keeps what the client wrote.
        self.text.get(start..self.at).map(|text| Number::from_string_unchecked(text.to_owned()))
    }

    /// At least one digit.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::super::strict;
    use super::*;

    /// Whether both readers say the same of a text.
    fn agree(text: &[u8]) {
        let (quick, strict) = (parse(text, Bounds::OTHERS), strict(text).ok());
        // Their exponents are spelt each in its own way.
        let spelt = |value: &Option<Value>| value.as_ref().map(|value| serde_json::from_str::<Value>(&value.to_string()).unwrap());
        assert_eq!(spelt(&quick), spelt(&strict), "{}", String::from_utf8_lossy(text));
    }

    #[test]
    fn it_takes_what_the_strict_reader_takes() {
        let nested = |open: &str, inner: &str, close: &str, depth: usize| format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
        let deep = (DEPTH_MAX - 2..DEPTH_MAX + 2).flat_map(|depth| {
            let around = [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")];
            let inner = ["", "1", "{}", "[]", "{\"a\":1}"];
            around.into_iter().flat_map(move |(open, close)| inner.map(|inner| nested(open, inner, close, depth / (open.len() / 5).max(1))))
        });
        let rows = [
            "",
            " ",
            "{",
            "{}",
            " { } ",
            "{} x",
            "[1,]",
            "[,1]",
            "{\"a\":1,}",
            "{\"a\"}",
            "{\"a\":1 \"b\":2}",
            "{\"a\":1,\"a\":2}",
            "{\"a\":1,\"\\u0061\":2}",
            "1",
            "-",
            "-0",
            "-0.0",
            "00",
            "01",
            "1.",
            ".5",
            "1.5",
            "1e",
            "1e+",
            "1E3",
            "1e-07",
            "1.0e+400",
            "+1",
            "0x1",
            "1_0",
            "1 2",
            "tru",
            "truex",
            "true",
            "null",
            "nul",
            "\"a",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u+123\"",
            "\"\\u00e9\\n\\/\\b\"",
            "\"\\ud83d\\ude00\"",
            "\"\\ud83d\"",
            "\"\\ude00\"",
            "\"\\ud83dx\"",
            "\"\\ud83d\\ud83d\"",
            "\"\\ud83d\\u0041\"",
            "\"\u{1}\"",
            "\"\u{7f}\u{feff}\"",
            "\u{feff}{}",
            "'a'",
            "[1 2]",
            "{1:2}",
            "\"é😀\"",
            "\"\\",
            "{\"a\":{\"b\":[{}]}}",
            "\u{a0}1",
            "{\"$serde_json::private::Number\":\"1\"}",
        ];
        for text in rows.into_iter().map(ToOwned::to_owned).chain(deep) {
            agree(text.as_bytes());
        }
        agree(b"\"\xff\"");
        let rows = |count: usize| format!("[{}0]", "0,".repeat(count));
        for count in [VALUES_MAX - 2, VALUES_MAX - 1, VALUES_MAX] {
            assert_eq!(parse(rows(count).as_bytes(), Bounds::OTHERS).is_some(), strict(rows(count).as_bytes()).is_ok(), "{count}");
        }
    }

    proptest! {
        #[test]
        fn it_agrees_on_any_text(text in r#"([\[\]{}:,"\\ \n0-9eE.+-]|true|null|"a"|"b":|\\u[0-9a-f]{4}|\\u[dD][89a-f][0-9]{2}|[^a]){0,24}"#) {
            agree(text.as_bytes());
        }

        #[test]
        fn a_number_is_what_serde_json_reads_too(text in r"-?[0-9]{0,3}\.?[0-9]{0,3}([eE][+-]?[0-9]{0,2})? ?") {
            prop_assert_eq!(number(&text).map(|number| number.to_string()), text.parse::<Number>().ok().map(|_| text));
        }
    }
}
