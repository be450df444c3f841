//! Values of search parameters: escapes, and the one spelling that index rows and filters share.

use crate::fhir::ResourceType;
use crate::fhir::primitive::date_range;
use crate::filter::DateTest;

/// Characters kept of a string in an index row, and asked for.
const STRING_CHARS: usize = 256;
/// Characters kept of any other value: an index entry of PostgreSQL holds about 2700 bytes.
const VALUE_CHARS: usize = 600;

/// A value as index rows keep it; PostgreSQL has no NUL.
pub fn cut(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(VALUE_CHARS).collect()
}

/// A string as index rows keep it.
pub fn cut_string(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(STRING_CHARS).collect()
}

/// `code`, `system|code`, `|code` or `system|`.
pub fn spell(system: Option<&str>, code: Option<&str>) -> String {
    match (system, code) {
        (None, code) => cut(code.unwrap_or_default()),
        (Some(system), code) => cut(&format!("{system}|{}", code.unwrap_or_default())),
    }
}

/// Cuts at an unescaped separator; escapes stay.
pub fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == separator {
            parts.push(text.get(start..at).unwrap_or_default());
            start = at + c.len_utf8();
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// Without the escapes of FHIR R4 search.html#escaping; any other backslash stands for itself.
pub fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match rest.peek() {
            Some(&next @ ('\\' | ',' | '|' | '$')) if c == '\\' => {
                plain.push(next);
                rest.next();
            }
            _ => plain.push(c),
        }
    }
    plain
}

/// The spelling of a token as it is asked for.
///
/// # Errors
/// What is wrong with it.
pub fn token(text: &str) -> Result<String, String> {
    let parts: Vec<String> = split(text, '|').into_iter().map(unescape).collect();
    match parts.as_slice() {
        [code] if !code.is_empty() => Ok(spell(None, Some(code))),
        [system, code] if !(system.is_empty() && code.is_empty()) => Ok(spell(Some(system), Some(code))),
        _ => Err(format!("`{text}` is no token")),
    }
}

/// The test a date with its prefix asks for; `now` in microseconds.
///
/// # Errors
/// What is wrong with it.
pub fn date(text: &str, now: i64) -> Result<DateTest, String> {
    let (prefix, rest) = match text.split_at_checked(2) {
        Some((prefix, rest)) if prefix.bytes().all(|b| b.is_ascii_lowercase()) => (prefix, rest),
        _ => ("eq", text),
    };
    let (start, end) = date_range(rest).ok_or_else(|| format!("`{text}` is no date"))?;
    Ok(match prefix {
        "eq" => DateTest::Within(start, end),
        "ne" => DateTest::NotWithin(start, end),
        "gt" => DateTest::EndsAfter(end),
        "lt" => DateTest::StartsBefore(start),
        "ge" => DateTest::AtOrAfter(start, end),
        "le" => DateTest::AtOrBefore(start, end),
        "sa" => DateTest::StartsFrom(end),
        "eb" => DateTest::EndsBy(start),
        "ap" => {
            // A tenth of the time between the date and now, as R4 recommends.
            let around = now.saturating_sub(start).saturating_abs() / 10;
            DateTest::Overlaps(start.saturating_sub(around), end.saturating_add(around))
        }
        other => return Err(format!("`{other}` is no prefix of a date")),
    })
}

/// A reference without its version.
pub fn local_reference(text: &str) -> &str {
    text.split_once("/_history/").map_or(text, |(before, _)| before)
}

/// The type that a literal reference names.
pub fn target_type(reference: &str) -> Option<ResourceType> {
    let mut parts = reference.rsplit('/');
    parts.next().filter(|id| is_id(id))?;
    ResourceType::parse(parts.next()?)
}

/// Whether this can be a logical id (FHIR R4 datatypes.html#id).
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// The values a reference may have in index rows: one for each type a bare id may belong to.
///
/// # Errors
/// What is wrong with it.
pub fn reference(text: &str, targets: &[ResourceType], base_url: &str) -> Result<Vec<String>, String> {
    let plain = unescape(text);
    let base = base_url.trim_end_matches('/');
    let own = plain.strip_prefix(base).filter(|_| !base.is_empty()).and_then(|rest| rest.strip_prefix('/'));
    let local = local_reference(own.unwrap_or(&plain));
    match local.split_once('/') {
        Some((name, id)) if is_id(id) && ResourceType::parse(name).is_some() => Ok(vec![local.to_owned()]),
        None if is_id(local) && own.is_none() => {
            if targets.is_empty() {
                return Err(format!("`{local}` needs a type, as in `Patient/{local}`"));
            }
            Ok(targets.iter().map(|target| format!("{target}/{local}")).collect())
        }
        _ if own.is_none() && local.split_once(':').is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.is_empty()) => {
            Ok(vec![cut(local)])
        }
        _ => Err(format!("`{plain}` is no reference")),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(split(r"a\,b,c\\,d", ','), [r"a\,b", r"c\\", "d"]);
        assert_eq!(split("", ','), [""]);
        for (text, plain) in [(r"a\,b", "a,b"), (r"\\\|\$", r"\|$"), (r"a\b\", r"a\b\"), ("é", "é")] {
            assert_eq!(unescape(text), plain, "{text}");
        }
    }

    #[test]
    fn tokens() {
        let rows = [
            ("a", Some("a")),
            ("s|a", Some("s|a")),
            ("|a", Some("|a")),
            ("s|", Some("s|")),
            (r"a\|b", Some("a|b")),
            ("|", None),
            ("", None),
            ("a|b|c", None),
        ];
        for (text, expected) in rows {
            assert_eq!(token(text).ok().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn dates() {
        let (year, now) = (365 * 86_400_000_000_i64, 10 * 365 * 86_400_000_000);
        let rows = [
            ("1970", Some(DateTest::Within(0, year))),
            ("eq1970", Some(DateTest::Within(0, year))),
            ("ne1970", Some(DateTest::NotWithin(0, year))),
            ("gt1970", Some(DateTest::EndsAfter(year))),
            ("lt1970", Some(DateTest::StartsBefore(0))),
            ("ge1970", Some(DateTest::AtOrAfter(0, year))),
            ("le1970", Some(DateTest::AtOrBefore(0, year))),
            ("sa1970", Some(DateTest::StartsFrom(year))),
            ("eb1970", Some(DateTest::EndsBy(0))),
            ("ap1970", Some(DateTest::Overlaps(-year, 2 * year))),
            ("xx1970", None),
            ("GT1970", None),
            ("gt", None),
            ("é", None),
            ("hier", None),
        ];
        for (text, expected) in rows {
            assert_eq!(date(text, now).ok(), expected, "{text}");
        }
    }

    #[test]
    fn references() {
        let targets = [ResourceType::PATIENT, ResourceType::PRACTITIONER];
        let rows: [(&str, Option<&[&str]>); 12] = [
            ("Patient/1", Some(&["Patient/1"])),
            ("Patient/1/_history/2", Some(&["Patient/1"])),
            ("1", Some(&["Patient/1", "Practitioner/1"])),
            ("https://dmp.example/fhir/Patient/1", Some(&["Patient/1"])),
            ("https://dmp.example/fhir", Some(&["https://dmp.example/fhir"])),
            ("https://dmp.example/fhir/1", None),
            ("https://dmp.example/fhirPatient/1", Some(&["https://dmp.example/fhirPatient/1"])),
            ("urn:uuid:1", Some(&["urn:uuid:1"])),
            ("Patients/1", None),
            ("Patient/", None),
            ("a b", None),
            ("https:", None),
        ];
        for (text, expected) in rows {
            let found = reference(text, &targets, "https://dmp.example/fhir/").ok();
            assert_eq!(found, expected.map(|e| e.iter().map(ToString::to_string).collect()), "{text}");
        }
        assert!(reference("1", &[], "").is_err());
        assert!(reference("Basic/1", &[], "").is_ok());
    }
}
