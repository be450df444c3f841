//! Reading JSON strictly (FHIR R4 json.html): one root, no duplicate key, no depth without bound, every number spelt as it was sent.

mod quick;

use quick::Bounds;
pub use quick::number;

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::issue::SyntaxError;

/// How deep objects and arrays, or the elements of XML, may nest.
pub const DEPTH_MAX: usize = 64;

/// Values in one text at most; the largest example of R4 has half as many.
pub const VALUES_MAX: usize = 1_000_000;

/// The key under which serde_json hands over a number with all its digits.
const NUMBER: &str = "$serde_json::private::Number";

/// The value of a JSON text.
///
/// # Errors
/// What is wrong, with line and column.
pub fn parse(bytes: &[u8]) -> Result<Value, SyntaxError> {
    quick::parse(bytes, Bounds::OTHERS).map_or_else(|| strict(bytes), Ok)
}

/// The value of a JSON text that this server wrote, its numbers spelt as they were sent.
pub fn kept(bytes: &[u8]) -> Option<Value> {
    quick::parse(bytes, Bounds::OURS)
}

/// The same with every check apart, so that each has its words and its place.
fn strict(bytes: &[u8]) -> Result<Value, SyntaxError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let text = bytes.as_ptr_range();
    let values = Cell::new(0);
    let node = Node { depth: 0, text: text.start as usize..text.end as usize, values: &values };
    node.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value)).map_err(|error| place(&error))
}

/// The same error, its place apart from its words.
fn place(error: &serde_json::Error) -> SyntaxError {
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    let message = message.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&message).to_owned();
    SyntaxError { message, line: line.max(1), column: column.max(1) }
}

/// A value at some depth.
struct Node<'c> {
    depth: usize,
    /// Where the text lies in memory.
    text: Range<usize>,
    /// How many values were read.
    values: &'c Cell<usize>,
}

impl Node<'_> {
    fn inner<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth >= DEPTH_MAX {
            return Err(E::custom(format!("nested deeper than {DEPTH_MAX} levels")));
        }
        self.values.set(self.values.get() + 1);
        if self.values.get() > VALUES_MAX {
            return Err(E::custom(format!("more than {VALUES_MAX} values")));
        }
        Ok(Self { depth: self.depth + 1, text: self.text.clone(), values: self.values })
    }
}

/// A key: of the text, or serde_json's own that announces a number.
struct Key(Range<usize>);

/// What a key is.
enum KeyIs<'de> {
    Number,
    Name(Cow<'de, str>),
}

impl<'de> DeserializeSeed<'de> for Key {
    type Value = KeyIs<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<KeyIs<'de>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = KeyIs<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<KeyIs<'de>, E> {
        // A client may send an object with this very key; only serde_json's own lies outside the text.
        let ours = key == NUMBER && !self.0.contains(&(key.as_ptr() as usize));
        Ok(if ours { KeyIs::Number } else { KeyIs::Name(Cow::Borrowed(key)) })
    }

    fn visit_str<E>(self, key: &str) -> Result<KeyIs<'de>, E> {
        Ok(KeyIs::Name(Cow::Owned(key.to_owned())))
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        // Most arrays of FHIR hold one item.
        let mut array = Vec::with_capacity(1);
        while let Some(item) = items.next_element_seed(self.inner()?)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = members.next_key_seed(Key(self.text.clone()))? {
            let name = match key {
                KeyIs::Number => {
                    let digits: String = members.next_value()?;
                    return digits.parse::<Number>().map(Value::Number).map_err(A::Error::custom);
                }
                KeyIs::Name(name) => name,
            };
            match object.entry(name) {
                Entry::Vacant(place) => {
                    place.insert(members.next_value_seed(self.inner()?)?);
                }
                Entry::Occupied(taken) => {
                    return Err(A::Error::custom(format!("duplicate key `{}`", taken.key().chars().take(64).collect::<String>())));
                }
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn bad_json_is_refused_with_its_place() {
        let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
        let wide = format!("[{}0]", "0,".repeat(VALUES_MAX));
        let rows: [(&[u8], &str); 14] = [
            (b"", "EOF while parsing a value at line 1 column 1"),
            (b"{", "EOF"),
            (b"{\"a\":1,\"a\":2}", "duplicate key `a` at line 1 column 10"),
            (b"{} x", "trailing"),
            (b"{}{}", "trailing"),
            (b"\xef\xbb\xbf{}", "line 1 column 1"),
            (b"{\"a\":\"\xff\"}", "line 1"),
            (b"{'a':1}", "key must be a string"),
            (b"{\"a\":01}", "number"),
            (b"{\"a\":\n\"\t\"}", "line 2"),
            (b"{\"a\":\"\\ud800\"}", "line 1"),
            (b"[NaN]", "expected"),
            (deep.as_bytes(), "nested deeper"),
            (wide.as_bytes(), "more than 1000000 values"),
        ];
        for (text, message) in rows {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(message), "{error} for {}", String::from_utf8_lossy(text.get(..text.len().min(30)).unwrap()));
        }
    }

    #[test]
    fn digits_are_kept() {
        let text = r#"{"a":1.00,"b":[12345678901234567890.123456789,-0,1e-7,0.10,-0.0],"c":"\u00e9","d":null}"#;
        assert_eq!(serde_json::to_string(&parse(text.as_bytes()).unwrap()).unwrap(), text.replace("\\u00e9", "é"));
    }

    #[test]
    fn numbers_keep_their_spelling() {
        let text = r#"[1e3,1E3,1E+3,1.0e-7,-0.00E-007,1e400,{"a":1.50}]"#;
        assert_eq!(parse(text.as_bytes()).unwrap().to_string(), text);
        assert_eq!(kept(text.as_bytes()).unwrap().to_string(), text);
    }

    #[test]
    fn what_is_kept_may_be_larger_than_what_is_sent() {
        let (deep, wide) =
            (format!("{}1{}", "[".repeat(DEPTH_MAX + 5), "]".repeat(DEPTH_MAX + 5)), format!("[{}0]", "0,".repeat(VALUES_MAX)));
        for text in [deep, wide] {
            assert!(parse(text.as_bytes()).is_err() && kept(text.as_bytes()).is_some());
        }
    }

    #[test]
    fn nobody_passes_an_object_off_as_a_number() {
        for text in [
            r#"{"$serde_json::private::Number":"1"}"#,
            r#"{"\u0024serde_json::private::Number":"1"}"#,
            r#"[{"$serde_json::private::Number":1,"b":2}]"#,
        ] {
            let value = parse(text.as_bytes()).unwrap();
            assert!(!value.is_number() && !value.to_string().starts_with("[1"), "{value:?}");
        }
    }
}
