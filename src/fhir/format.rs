//! The formats of primitive types (FHIR R4 datatypes.html#primitive).

use serde_json::Value;

use super::primitive::date_range;

/// Whether the value is one of this primitive type; else what was expected.
///
/// # Errors
/// What a value of the type looks like.
pub fn check(kind: &str, value: &Value) -> Result<(), &'static str> {
    match kind {
        "boolean" => value.is_boolean().then_some(()).ok_or("expected true or false"),
        "integer" => whole(value, i64::from(i32::MIN), "expected an integer of 32 bits"),
        "unsignedInt" => whole(value, 0, "expected an integer from 0 to 2147483647"),
        "positiveInt" => whole(value, 1, "expected an integer from 1 to 2147483647"),
        "decimal" => value.is_number().then_some(()).ok_or("expected a number"),
        _ => {
            let text = value.as_str().ok_or("expected a string")?;
            if text.is_empty() {
                return Err("a value is not empty");
            }
            string(kind, text)
        }
    }
}

fn whole(value: &Value, least: i64, expected: &'static str) -> Result<(), &'static str> {
    let number = value.as_number().ok_or(expected)?.to_string();
    let canonical = number.bytes().enumerate().all(|(at, b)| b.is_ascii_digit() || at == 0 && b == b'-');
    let fits = number.parse::<i64>().is_ok_and(|n| (least..=i64::from(i32::MAX)).contains(&n));
    (canonical && fits).then_some(()).ok_or(expected)
}

fn string(kind: &str, text: &str) -> Result<(), &'static str> {
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    if text.chars().any(control) {
        return Err("control characters are not allowed");
    }
    match kind {
        "uri" | "url" | "canonical" => (!text.chars().any(char::is_whitespace)).then_some(()).ok_or("a uri has no white space"),
        "oid" => is_oid(text).then_some(()).ok_or("expected `urn:oid:` and an OID"),
        "uuid" => is_uuid(text).then_some(()).ok_or("expected `urn:uuid:` and a UUID in lower case"),
        "id" => is_id(text).then_some(()).ok_or("expected 1 to 64 letters, digits, `-` and `.`"),
        "code" => {
            let fits = text.trim() == text && !text.contains("  ") && !text.contains(['\t', '\n', '\r']);
            fits.then_some(()).ok_or("a code has no white space but single blanks inside")
        }
        "date" => (text.len() <= 10 && date_range(text).is_some()).then_some(()).ok_or("expected a date: YYYY, YYYY-MM or YYYY-MM-DD"),
        "dateTime" => {
            let fits = date_range(text).is_some() && (text.len() <= 10 || is_instant(text));
            fits.then_some(()).ok_or("expected a date, or a date and time with seconds and zone")
        }
        "instant" => (date_range(text).is_some() && is_instant(text)).then_some(()).ok_or("expected a date and time with seconds and zone"),
        "time" => is_time(text).then_some(()).ok_or("expected a time: hh:mm:ss"),
        "base64Binary" => is_base64(text).then_some(()).ok_or("expected base64"),
        "xhtml" => narrative(text),
        _ if text.trim().is_empty() => Err("a value is more than white space"),
        _ => Ok(()),
    }
}

/// Whether the text is a logical id (FHIR R4 datatypes.html#id).
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

fn is_oid(text: &str) -> bool {
    let Some(arcs) = text.strip_prefix("urn:oid:") else { return false };
    let arc = |arc: &str| !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit()) && (arc == "0" || !arc.starts_with('0'));
    arcs.starts_with(['0', '1', '2']) && arcs.contains('.') && arcs.split('.').all(arc)
}

fn is_uuid(text: &str) -> bool {
    text.strip_prefix("urn:uuid:")
        .is_some_and(|id| id.len() == 36 && uuid::Uuid::try_parse(id).is_ok() && !id.contains(|c: char| c.is_ascii_uppercase()))
}

/// Whether a text that is a date and time has seconds and a zone.
fn is_instant(text: &str) -> bool {
    text.get(19..).is_some_and(|rest| rest.contains(['Z', '+', '-'])) && text.as_bytes().get(16) == Some(&b':')
}

fn is_time(text: &str) -> bool {
    text.len() >= 8 && !text.contains(['Z', '+', '-']) && date_range(&format!("2000-01-01T{text}")).is_some()
}

fn is_base64(text: &str) -> bool {
    let mut signs = 0_usize;
    let mut padding = 0_usize;
    for b in text.bytes().filter(|b| !b.is_ascii_whitespace()) {
        match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => signs += 1,
            b'=' => padding += 1,
            _ => return false,
        }
    }
    signs > 0 && padding <= 2 && (signs + padding).is_multiple_of(4)
}

/// A narrative is one `div` of XHTML without anything active (FHIR R4 narrative.html#security).
fn narrative(text: &str) -> Result<(), &'static str> {
    let text = text.trim();
    if !(text.starts_with("<div") && text.ends_with("</div>")) {
        return Err("a narrative is one `div` element");
    }
    let lower = text.to_ascii_lowercase();
    let elements =
        ["<script", "<form", "<iframe", "<object", "<embed", "<link", "<base", "<style", "<input", "<!", "<?", "javascript:", "vbscript:"];
    let event = lower.match_indices("on").any(|(at, _)| {
        let before = at
            .checked_sub(1)
            .and_then(|at| lower.as_bytes().get(at))
            .is_some_and(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'"' | b'\''));
        let name: usize = lower.get(at..).map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_alphabetic).count());
        before && lower.get(at + name..).is_some_and(|rest| rest.trim_start().starts_with('='))
    });
    if event || elements.iter().any(|element| lower.contains(element)) {
        return Err("a narrative has no active content");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn primitives_have_their_format() {
        let rows = [
            ("boolean", json!(true), true),
            ("boolean", json!("true"), false),
            ("integer", json!(-1), true),
            ("integer", json!(2_147_483_648_i64), false),
            ("integer", json!(1.5), false),
            ("positiveInt", json!(0), false),
            ("unsignedInt", json!(0), true),
            ("decimal", json!("1"), false),
            ("string", json!(""), false),
            ("string", json!(" \n"), false),
            ("string", json!("a\u{0}"), false),
            ("date", json!("2024-02-30"), false),
            ("date", json!("2024-02"), true),
            ("dateTime", json!("2024-01-01T10:00"), false),
            ("dateTime", json!("2024-01-01T10:00:00"), false),
            ("dateTime", json!("2024-01-01T10:00:00+02:00"), true),
            ("instant", json!("2024-01-01"), false),
            ("instant", json!("2024-01-01T10:00:00.123Z"), true),
            ("time", json!("10:00:00"), true),
            ("time", json!("25:00:00"), false),
            ("oid", json!("urn:oid:1.2.03"), false),
            ("oid", json!("urn:oid:1.2.3"), true),
            ("uuid", json!("urn:uuid:c757873d-ec9a-4326-a141-556f43239520"), true),
            ("uuid", json!("c757873d"), false),
            ("id", json!("a_b"), false),
            ("code", json!("a  b"), false),
            ("base64Binary", json!("aGk="), true),
            ("base64Binary", json!("aGk"), false),
            ("uri", json!("a b"), false),
            ("xhtml", json!("<div xmlns=\"http://www.w3.org/1999/xhtml\">Bon</div>"), true),
            ("xhtml", json!("<div onclick = \"x()\">Bon</div>"), false),
            ("xhtml", json!("<div><script>x</script></div>"), false),
            ("xhtml", json!("<p/>"), false),
        ];
        for (kind, value, good) in rows {
            assert_eq!(check(kind, &value).is_ok(), good, "{kind} {value}");
        }
    }
}
