//! One text for one content, so that a push repeated by a client that writes JSON in another order is known again.

use serde_json::{Number, Value};

/// The resource with its members sorted, exponents spelt alike and the base64 of its attachments without blanks.
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, false, &mut text);
    text
}

fn write(value: &Value, attachment: bool, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| name.as_str());
            text.push('{');
            for (place, (name, member)) in sorted.into_iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                match member {
                    Value::String(base64) if attachment && matches!(name.as_str(), "data" | "hash") => {
                        text.push('"');
                        base64.split_ascii_whitespace().for_each(|part| text.push_str(part));
                        text.push('"');
                    }
                    other => write(other, name == "attachment", text),
                }
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write(item, attachment, text);
            }
            text.push(']');
        }
        // An exponent is spelt in one way.
        Value::Number(number) => match number.as_str().parse::<Number>() {
            Ok(number) => text.push_str(number.as_str()),
            Err(_) => text.push_str(number.as_str()),
        },
        other => text.push_str(&other.to_string()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fhir::json;

    #[test]
    fn what_says_the_same_is_the_same() {
        let rows = [
            (r#"{"a":1,"b":[{"c":"x","d":null}]}"#, r#"{ "b": [{"d":null,"c":"x"}], "a": 1 }"#, true),
            (r#"{"attachment":{"data":"eA==","hash":"eQ=="}}"#, r#"{"attachment":{"hash":"eQ\n==","data":" e A\r\n=="}}"#, true),
            (r#"{"data":"a b"}"#, r#"{"data":"ab"}"#, false),
            (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#, false),
            (r#"{"a":1.0}"#, r#"{"a":1.00}"#, false),
            (r#"{"a":"1"}"#, r#"{"a":1}"#, false),
            (r#"{"a":1e3}"#, r#"{"a":1E+3}"#, true),
            (r#"{"a":1e3}"#, r#"{"a":1e03}"#, false),
            (r#"{"a\"":1}"#, r#"{"a":1}"#, false),
        ];
        for (one, two, same) in rows {
            let of = |text: &str| canonical(&json::parse(text.as_bytes()).unwrap());
            assert_eq!(of(one) == of(two), same, "{one} {two}");
        }
    }
}
