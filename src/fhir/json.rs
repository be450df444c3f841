//! Reading JSON strictly (FHIR R4 json.html): one root, no duplicate key, no depth without bound, every digit of a number kept.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How deep objects and arrays may nest.
pub const DEPTH_MAX: usize = 64;

/// The key under which serde_json hands over a number with all its digits.
const NUMBER: &str = "$serde_json::private::Number";

/// The value of a JSON text.
///
/// # Errors
/// What is wrong, with line and column.
pub fn parse(bytes: &[u8]) -> Result<Value, String> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Node { depth: 0 }.deserialize(&mut reader).map_err(|error| error.to_string())?;
    reader.end().map_err(|error| error.to_string())?;
    Ok(value)
}

/// A value at some depth.
struct Node {
    depth: usize,
}

impl Node {
    fn inner<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth >= DEPTH_MAX {
            return Err(E::custom(format!("nested deeper than {DEPTH_MAX} levels")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Node {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node {
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
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner()?)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            if key == NUMBER && object.is_empty() {
                let digits: String = members.next_value()?;
                return digits.parse::<Number>().map(Value::Number).map_err(A::Error::custom);
            }
            let value = members.next_value_seed(self.inner()?)?;
            if object.contains_key(&key) {
                return Err(A::Error::custom(format!("duplicate key `{}`", key.chars().take(64).collect::<String>())));
            }
            object.insert(key, value);
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
        let rows: [(&[u8], &str); 12] = [
            (b"", "EOF"),
            (b"{", "EOF"),
            (b"{\"a\":1,\"a\":2}", "duplicate key `a`"),
            (b"{} x", "trailing"),
            (b"{}{}", "trailing"),
            (b"\xef\xbb\xbf{}", "line 1 column 1"),
            (b"{\"a\":\"\xff\"}", "line 1"),
            (b"{'a':1}", "key must be a string"),
            (b"{\"a\":01}", "number"),
            (b"{\"a\":\n\"\t\"}", "line 2"),
            (b"[NaN]", "expected"),
            (deep.as_bytes(), "nested deeper"),
        ];
        for (text, message) in rows {
            let error = parse(text).unwrap_err();
            assert!(error.contains(message), "{error} for {}", String::from_utf8_lossy(text.get(..text.len().min(30)).unwrap()));
        }
    }

    #[test]
    fn digits_are_kept() {
        let text = r#"{"a":1.00,"b":[12345678901234567890.123456789,-0,1e-7],"c":"\u00e9","d":null}"#;
        assert_eq!(serde_json::to_string(&parse(text.as_bytes()).unwrap()).unwrap(), text.replace("\\u00e9", "é"));
    }
}
