//! Values of search parameters: escapes, and the one spelling that index rows and filters share.

use std::borrow::Cow;

use super::unit::Unit;
use crate::fhir::ResourceType;
use crate::fhir::primitive::date_range;
use crate::filter::{RangeTest, number_key};

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

/// `code`, `system|code`, `|code` or `system|`; a separator within them is escaped.
pub fn spell(system: Option<&str>, code: Option<&str>) -> String {
    let code = escape(code.unwrap_or_default());
    match system {
        None => cut(&code),
        Some(system) => cut(&format!("{}|{code}", escape(system))),
    }
}

/// `type-system|type-code|value`.
pub fn spell_typed(system: &str, code: &str, value: &str) -> String {
    cut(&format!("{}|{}|{}", escape(system), escape(code), escape(value)))
}

fn escape(text: &str) -> Cow<'_, str> {
    if text.contains(['|', '\\']) { Cow::Owned(text.replace('\\', r"\\").replace('|', r"\|")) } else { Cow::Borrowed(text) }
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

/// `type-system|type-code|value`, as `:of-type` asks.
///
/// # Errors
/// What is wrong with it.
pub fn typed(text: &str) -> Result<String, String> {
    let parts: Vec<String> = split(text, '|').into_iter().map(unescape).collect();
    match parts.as_slice() {
        [system, code, value] if !code.is_empty() && !value.is_empty() => Ok(spell_typed(system, code, value)),
        _ => Err(format!("`{text}` is no `system|code|value`")),
    }
}

/// A uri and those above it: what it says itself, cut at each `/` of its path (FHIR R4 search.html#uri, `:above`).
pub fn above(uri: &str) -> Vec<String> {
    let path = uri.split_once("://").map_or(0, |(scheme, _)| scheme.len() + 3);
    let cuts = uri.char_indices().filter(|(at, c)| *c == '/' && *at >= path);
    let mut all: Vec<String> = cuts.flat_map(|(at, _)| [uri.get(..at), uri.get(..=at)]).flatten().map(ToOwned::to_owned).collect();
    all.push(uri.to_owned());
    all.dedup();
    all
}

/// The test a number with its prefix asks for (FHIR R4 search.html#number).
///
/// # Errors
/// What is wrong with it.
pub fn number(text: &str) -> Result<RangeTest, String> {
    let (prefix, rest) = prefixed(text);
    let number = Written::read(rest).ok_or_else(|| format!("`{text}` is no number"))?;
    number.test(prefix, |value| value).ok_or_else(|| format!("`{prefix}` is no prefix of a number"))
}

/// The spelling of the unit and the test a quantity asks for: `number`, `number|system|code` or `number||code`
/// (FHIR R4 search.html#quantity).
///
/// # Errors
/// What is wrong with it.
pub fn quantity(text: &str) -> Result<(Option<String>, RangeTest), String> {
    let parts: Vec<String> = split(text, '|').into_iter().map(unescape).collect();
    let unfit = || format!("`{text}` is no `number|system|code`");
    let (amount, unit) = match parts.as_slice() {
        [amount] => (amount, None),
        [amount, system, code] if system.is_empty() && code.is_empty() => (amount, None),
        [amount, system, code] if !code.is_empty() => (amount, Some((system, code))),
        _ => return Err(unfit()),
    };
    let (prefix, rest) = prefixed(amount);
    let number = Written::read(rest).ok_or_else(unfit)?;
    let bad = || format!("`{prefix}` is no prefix of a number");
    match unit {
        None => Ok((None, number.test(prefix, |value| value).ok_or_else(bad)?)),
        Some((system, code)) if system.is_empty() => {
            Ok((Some(cut(&format!("|{code}"))), number.test(prefix, |value| value).ok_or_else(bad)?))
        }
        Some((system, code)) => {
            let unit = Unit::of(system, code);
            let test = number.test(prefix, |value| unit.convert(value)).ok_or_else(bad)?;
            Ok((Some(cut(unit.spelling())), test))
        }
    }
}

/// The prefix of a number or date, `eq` where there is none.
fn prefixed(text: &str) -> (&str, &str) {
    match text.split_at_checked(2) {
        Some((prefix, rest)) if prefix.bytes().all(|b| b.is_ascii_lowercase()) => (prefix, rest),
        _ => ("eq", text),
    }
}

/// A number as it was written: its value, and half of what its last digit counts.
struct Written {
    value: f64,
    low: f64,
    high: f64,
}

impl Written {
    /// Reads it. `100` means from 99.5 to 100.5 and `1e2` from 95 to 105 (FHIR R4 search.html#number).
    fn read(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent.parse::<i32>().ok()?)),
            None => (text, None),
        };
        let digits = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
        let (whole, fraction) = digits.split_once('.').map_or((digits, ""), |(whole, fraction)| (whole, fraction));
        let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) || (digits.contains('.') && fraction.is_empty()) {
            return None;
        }
        let value: f64 = text.parse().ok()?;
        if !value.is_finite() {
            return None;
        }
        let places = i32::try_from(fraction.len()).ok()?;
        let scale = exponent.map_or(0, |exponent| exponent.saturating_sub(1)).saturating_sub(places);
        // The sides are written and read as decimals, so that what lies on one is told as it reads.
        let side = |sign: i8| -> Option<f64> {
            let shift = exponent.unwrap_or(0).saturating_sub(places).saturating_sub(scale);
            let all = format!("{whole}{fraction}");
            let digits = all.trim_start_matches('0');
            let mantissa: i128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
            let signed = if text.starts_with('-') { -mantissa } else { mantissa };
            let tens = 10_i128.checked_pow(u32::try_from(shift.saturating_add(1)).ok()?)?;
            let shifted = signed.checked_mul(tens)?.checked_add(i128::from(sign) * 5)?;
            format!("{shifted}e{}", scale.saturating_sub(1)).parse().ok()
        };
        let half = 0.5 * 10_f64.powi(scale);
        Some(Self { value, low: side(-1).unwrap_or(value - half), high: side(1).unwrap_or(value + half) })
    }

    /// The test that a prefix asks for, of values converted so.
    fn test(&self, prefix: &str, convert: impl Fn(f64) -> f64) -> Option<RangeTest> {
        let key = |number: f64| number_key(convert(number));
        let (exact, low, high) = (key(self.value), key(self.low), key(self.high));
        let after = exact.saturating_add(1);
        Some(match prefix {
            "eq" => RangeTest::Within(low, high),
            "ne" => RangeTest::NotWithin(low, high),
            "gt" => RangeTest::EndsAfter(after),
            "lt" => RangeTest::StartsBefore(exact),
            "ge" => RangeTest::AtOrAfter(exact, after),
            "le" => RangeTest::AtOrBefore(exact, after),
            "sa" => RangeTest::StartsFrom(after),
            "eb" => RangeTest::EndsBy(exact),
            "ap" => {
                // A tenth of the value, as R4 recommends.
                let around = self.value.abs() / 10.0;
                RangeTest::Overlaps(key(self.low.min(self.value - around)), key(self.high.max(self.value + around)))
            }
            _ => return None,
        })
    }
}

/// The test a date with its prefix asks for; `now` in microseconds.
///
/// # Errors
/// What is wrong with it.
pub fn date(text: &str, now: i64) -> Result<RangeTest, String> {
    let (prefix, rest) = prefixed(text);
    let (start, end) = date_range(rest).ok_or_else(|| format!("`{text}` is no date"))?;
    Ok(match prefix {
        "eq" => RangeTest::Within(start, end),
        "ne" => RangeTest::NotWithin(start, end),
        "gt" => RangeTest::EndsAfter(end),
        "lt" => RangeTest::StartsBefore(start),
        "ge" => RangeTest::AtOrAfter(start, end),
        "le" => RangeTest::AtOrBefore(start, end),
        "sa" => RangeTest::StartsFrom(end),
        "eb" => RangeTest::EndsBy(start),
        "ap" => {
            // A tenth of the time between the date and now, as R4 recommends.
            let around = now.saturating_sub(start).saturating_abs() / 10;
            RangeTest::Overlaps(start.saturating_sub(around), end.saturating_add(around))
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
            (r"a\|b", Some(r"a\|b")),
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
            ("1970", Some(RangeTest::Within(0, year))),
            ("eq1970", Some(RangeTest::Within(0, year))),
            ("ne1970", Some(RangeTest::NotWithin(0, year))),
            ("gt1970", Some(RangeTest::EndsAfter(year))),
            ("lt1970", Some(RangeTest::StartsBefore(0))),
            ("ge1970", Some(RangeTest::AtOrAfter(0, year))),
            ("le1970", Some(RangeTest::AtOrBefore(0, year))),
            ("sa1970", Some(RangeTest::StartsFrom(year))),
            ("eb1970", Some(RangeTest::EndsBy(0))),
            ("ap1970", Some(RangeTest::Overlaps(-year, 2 * year))),
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
