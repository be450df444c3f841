//! The formats of primitive types (FHIR R4 datatypes.html#primitive).

use std::borrow::Cow;

use serde_json::Value;

use super::definitions::Primitive;
use super::primitive::date_range;
use super::xml::check_narrative;

/// Bytes of a string and of every type made of it (FHIR R4 datatypes.html#string: 1 MB).
pub const STRING_BYTES_MAX: usize = 1024 * 1024;

/// Whether the value is one of this primitive type; else what was expected.
///
/// # Errors
/// What a value of the type looks like.
pub fn check(kind: Primitive, value: &Value) -> Result<(), Cow<'static, str>> {
    let fits = |fits: bool, expected: &'static str| if fits { Ok(()) } else { Err(Cow::Borrowed(expected)) };
    match kind {
        Primitive::Boolean => fits(value.is_boolean(), "expected true or false"),
        Primitive::Integer => fits(whole(value, i64::from(i32::MIN)), "expected an integer of 32 bits"),
        Primitive::UnsignedInt => fits(whole(value, 0), "expected an integer from 0 to 2147483647"),
        Primitive::PositiveInt => fits(whole(value, 1), "expected an integer from 1 to 2147483647"),
        Primitive::Decimal => fits(value.is_number(), "expected a number"),
        _ => {
            let Some(text) = value.as_str() else { return Err(Cow::Borrowed("expected a string")) };
            fits(!text.is_empty(), "a value is not empty")?;
            string(kind, text)
        }
    }
}

fn whole(value: &Value, least: i64) -> bool {
    let Some(number) = value.as_number() else { return false };
    let digits = number.as_str();
    let canonical = digits.bytes().enumerate().all(|(at, b)| b.is_ascii_digit() || at == 0 && b == b'-');
    canonical && digits != "-0" && digits.parse::<i64>().is_ok_and(|number| (least..=i64::from(i32::MAX)).contains(&number))
}

fn string(kind: Primitive, text: &str) -> Result<(), Cow<'static, str>> {
    if text.len() > STRING_BYTES_MAX && !matches!(kind, Primitive::Base64Binary | Primitive::Xhtml) {
        return Err(Cow::Borrowed("a text has at most 1 MiB"));
    }
    if !is_plain(text) {
        return Err(Cow::Borrowed("control characters are not allowed"));
    }
    let (fits, expected) = match kind {
        Primitive::Uri | Primitive::Url | Primitive::Canonical => (!has_white_space(text), "a uri has no white space"),
        Primitive::Oid => (is_oid(text), "expected `urn:oid:` and an OID"),
        Primitive::Uuid => (is_uuid(text), "expected `urn:uuid:` and a UUID in lower case"),
        Primitive::Id => (is_id(text), "expected 1 to 64 letters, digits, `-` and `.`"),
        Primitive::Code => (is_code(text), "a code has no white space but single blanks inside"),
        Primitive::Date => (text.len() <= 10 && date_range(text).is_some(), "expected a date: YYYY, YYYY-MM or YYYY-MM-DD"),
        Primitive::DateTime => (
            date_range(text).is_some() && (text.len() <= 10 || is_instant(text)),
            "expected a date, or a date and time with seconds and zone",
        ),
        Primitive::Instant => (date_range(text).is_some() && is_instant(text), "expected a date and time with seconds and zone"),
        Primitive::Time => (is_time(text), "expected a time: hh:mm:ss"),
        Primitive::Base64Binary => (is_base64(text), "expected base64"),
        Primitive::Xhtml => return check_narrative(text).map_err(Cow::Owned),
        _ => (!text.chars().all(char::is_whitespace), "a value is more than white space"),
    };
    if fits { Ok(()) } else { Err(Cow::Borrowed(expected)) }
}

/// Whether no character stands in the text that FHIR forbids and XML cannot carry: control characters but tab and the ends of lines,
/// U+FFFE and U+FFFF.
fn is_plain(text: &str) -> bool {
    // Nearly every text is plain by a look at its bytes that needs no branch.
    let odd = text.bytes().fold(false, |odd, b| odd | (b < 0x20) | (b == 0xef));
    let control = |c: char| (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}');
    !odd || !text.contains(control)
}

/// Whether the text is a logical id (FHIR R4 datatypes.html#id).
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// Whether blanks stand single and inside only. White space as XML knows it: a code may hold a no-break space.
fn is_code(text: &str) -> bool {
    let mut before = b' ';
    let single = text.bytes().all(|b| {
        let odd = matches!(b, b'\t' | b'\n' | b'\r') || (b == b' ' && before == b' ');
        before = b;
        !odd
    });
    single && before != b' '
}

fn is_oid(text: &str) -> bool {
    let Some(arcs) = text.strip_prefix("urn:oid:") else { return false };
    let arc = |arc: &str| !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit()) && (arc == "0" || !arc.starts_with('0'));
    matches!(arcs.split('.').next(), Some("0" | "1" | "2")) && arcs.contains('.') && arcs.split('.').all(arc)
}

fn is_uuid(text: &str) -> bool {
    text.strip_prefix("urn:uuid:")
        .is_some_and(|id| id.len() == 36 && uuid::Uuid::try_parse(id).is_ok() && !id.contains(|c: char| c.is_ascii_uppercase()))
}

fn has_white_space(text: &str) -> bool {
    if text.is_ascii() { text.bytes().any(|b| b <= b' ') } else { text.contains(char::is_whitespace) }
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
    let mut last = 0_u8;
    for b in text.bytes().filter(|b| !b.is_ascii_whitespace()) {
        match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {
                signs += 1;
                last = b;
            }
            b'=' => padding += 1,
            _ => return false,
        }
    }
    // The bits under the padding are zero, or the text would not be what its bytes make again.
    let whole = match padding {
        0 => true,
        1 => b"AEIMQUYcgkosw048".contains(&last),
        _ => b"AQgw".contains(&last),
    };
    signs > 0 && padding <= 2 && whole && (signs + padding).is_multiple_of(4)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn primitives_have_their_format() {
        let minus_zero: Value = serde_json::from_str("-0").unwrap();
        let rows = [
            ("integer", minus_zero.clone(), false),
            ("unsignedInt", minus_zero, false),
            ("boolean", json!(true), true),
            ("boolean", json!("true"), false),
            ("integer", json!(-1), true),
            ("integer", json!(2_147_483_648_i64), false),
            ("integer", json!(4_294_967_297_i64), false),
            ("integer", json!(1.5), false),
            ("positiveInt", json!(0), false),
            ("unsignedInt", json!(0), true),
            ("unsignedInt", json!(-1), false),
            ("decimal", json!("1"), false),
            ("string", json!(""), false),
            ("string", json!(" \n"), false),
            ("string", json!("a\u{0}"), false),
            ("string", json!("a\u{ffff}"), false),
            ("date", json!("2024-02-30"), false),
            ("date", json!("2024-02"), true),
            ("date", json!("2024-2"), false),
            ("dateTime", json!("2024-01-01T10:00"), false),
            ("dateTime", json!("2024-01-01T10:00:00"), false),
            ("dateTime", json!("2024-01-01T10:00:00+02:00"), true),
            ("dateTime", json!("2024-01-01T24:00:00Z"), false),
            ("instant", json!("2024-01-01"), false),
            ("instant", json!("2024-01-01T10:00:00.123Z"), true),
            ("time", json!("10:00:00"), true),
            ("time", json!("25:00:00"), false),
            ("oid", json!("urn:oid:1.2.03"), false),
            ("oid", json!("urn:oid:1.2.3"), true),
            ("oid", json!("urn:oid:25.3"), false),
            ("uuid", json!("urn:uuid:c757873d-ec9a-4326-a141-556f43239520"), true),
            ("uuid", json!("c757873d"), false),
            ("id", json!("a_b"), false),
            ("code", json!("a  b"), false),
            ("code", json!("a b"), true),
            ("base64Binary", json!("aGk="), true),
            ("base64Binary", json!("aGk"), false),
            ("base64Binary", json!("aGl="), false),
            ("base64Binary", json!("YQ=="), true),
            ("base64Binary", json!("YR=="), false),
            ("string", json!("x".repeat(STRING_BYTES_MAX)), true),
            ("string", json!("x".repeat(STRING_BYTES_MAX + 1)), false),
            ("date", json!("2024-+1"), false),
            ("date", json!("2024-+1-+5"), false),
            ("time", json!(" 1:00:00"), false),
            ("dateTime", json!("2024-01-01T10:00:00+14:59"), false),
            ("dateTime", json!("2024-01-01T10:00:00++1:00"), false),
            ("dateTime", json!("2024-01-01T10:00:00.1234567890123Z"), true),
            ("uri", json!("a b"), false),
            ("xhtml", json!("<div xmlns=\"http://www.w3.org/1999/xhtml\">Bon</div>"), true),
            ("xhtml", json!("<div xmlns=\"http://www.w3.org/1999/xhtml\" onclick = \"x()\">Bon</div>"), false),
            ("xhtml", json!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><script>x</script></div>"), false),
            ("xhtml", json!("<p/>"), false),
        ];
        for (kind, value, good) in rows {
            assert_eq!(check(Primitive::parse(kind).unwrap(), &value).is_ok(), good, "{kind} {value}");
        }
    }
}
