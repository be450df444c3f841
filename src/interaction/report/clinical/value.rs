//! Values of a clinical document as FHIR has them.

use serde_json::{Number, Value, json};

use super::coded::{concept, no_value};
use crate::cda::date_time;
use crate::cda::results::{Amount, Concept, Datum, End, Range, Time};
use crate::interaction::stored::set;
use crate::search::{UCUM, is_ucum};

/// Digits of a number: no laboratory measures more, and none is rounded (FHIR R4 datatypes.html#decimal).
const DIGITS_MAX: usize = 30;
/// How far a number is from 1 at most, in powers of ten.
const POWER_MAX: i32 = 60;

/// Units that are none of UCUM.
pub type Odd = Vec<String>;

/// Writes a value into a result; `false` for one that FHIR cannot hold.
pub fn put(result: &mut Value, datum: &Datum, odd: &mut Odd) -> bool {
    let made = match datum {
        Datum::Amount(amount) => quantity(amount, odd).map(|value| ("valueQuantity", value)),
        Datum::Interval(low, high) => interval(low.as_ref(), high.as_ref(), odd),
        Datum::Integer(text) => match text.parse::<i32>() {
            Ok(number) => Some(("valueInteger", number.into())),
            Err(_) => decimal(text).map(|value| ("valueQuantity", json!({"value": value}))),
        },
        Datum::Concept(value) => Some(("valueCodeableConcept", concept(value))),
        Datum::Text(text) => Some(("valueString", text.clone().into())),
        Datum::Time(Time::At(text)) => date_time(text).map(|value| ("valueDateTime", value.into())),
        Datum::Time(Time::Between(low, high)) => period(low.as_deref(), high.as_deref()).map(|value| ("valuePeriod", value)),
        Datum::Ratio(over, under) => match (quantity(over, odd), quantity(under, odd)) {
            (Some(over), Some(under)) => Some(("valueRatio", json!({"numerator": over, "denominator": under}))),
            _ => None,
        },
        Datum::Boolean(value) => Some(("valueBoolean", (*value).into())),
        Datum::Null(flavor) => Some(("dataAbsentReason", no_value(flavor))),
    };
    let Some((member, value)) = made else { return false };
    set(result, member, value);
    true
}

/// When a result holds.
pub fn put_time(resource: &mut Value, name: &str, time: &Time) {
    match time {
        Time::At(text) => {
            if let Some(value) = date_time(text) {
                set(resource, &format!("{name}DateTime"), value.into());
            }
        }
        Time::Between(low, high) => {
            if let Some(value) = period(low.as_deref(), high.as_deref()) {
                set(resource, &format!("{name}Period"), value);
            }
        }
    }
}

/// A period, of what it has that is a point in time.
pub fn period(low: Option<&str>, high: Option<&str>) -> Option<Value> {
    let mut period = json!({});
    for (name, side) in [("start", low), ("end", high)] {
        if let Some(side) = side.and_then(date_time) {
            set(&mut period, name, side.into());
        }
    }
    (period != json!({})).then_some(period)
}

/// A quantity with the unit as it is written, and coded where it is one of UCUM.
fn quantity(amount: &Amount, odd: &mut Odd) -> Option<Value> {
    let mut quantity = json!({"value": decimal(&amount.value)?});
    if let Some(unit) = &amount.unit {
        set(&mut quantity, "unit", unit.clone().into());
        if is_ucum(unit) {
            set(&mut quantity, "system", UCUM.into());
            set(&mut quantity, "code", unit.clone().into());
        } else {
            odd.push(unit.clone());
        }
    }
    Some(quantity)
}

/// An interval with one end is a quantity that says on which side of it the value is; with both a range, whose ends belong to it.
fn interval(low: Option<&End>, high: Option<&End>, odd: &mut Odd) -> Option<(&'static str, Value)> {
    let compared = |end: &End, signs: [&str; 2], odd: &mut Odd| {
        let mut value = quantity(&end.amount, odd)?;
        let sign = if end.inclusive { signs.first() } else { signs.last() };
        set(&mut value, "comparator", sign.copied().unwrap_or_default().into());
        Some(("valueQuantity", value))
    };
    match (low, high) {
        (Some(low), None) => compared(low, [">=", ">"], odd),
        (None, Some(high)) => compared(high, ["<=", "<"], odd),
        (Some(low), Some(high)) if low.inclusive && high.inclusive => {
            Some(("valueRange", json!({"low": quantity(&low.amount, odd)?, "high": quantity(&high.amount, odd)?})))
        }
        (Some(low), Some(high)) => {
            let _ = (decimal(&low.amount.value)?, decimal(&high.amount.value)?);
            Some(("valueString", ends(Some(low), Some(high)).into()))
        }
        (None, None) => None,
    }
}

/// An expected range; nothing for one whose numbers are none.
pub fn range(range: &Range, odd: &mut Odd) -> Option<Value> {
    let mut value = json!({});
    let mut open = false;
    for (name, end) in [("low", &range.low), ("high", &range.high)] {
        let Some(end) = end else { continue };
        set(&mut value, name, quantity(&end.amount, odd)?);
        open |= !end.inclusive;
    }
    // FHIR has no open ends.
    let text = range.text.clone().or_else(|| open.then(|| ends(range.low.as_ref(), range.high.as_ref())));
    if let Some(text) = text {
        set(&mut value, "text", text.into());
    }
    if let Some(meaning) = range.meaning.as_ref().filter(|meaning| !is_normal(meaning)) {
        set(&mut value, "type", concept(meaning));
    }
    Some(value)
}

/// Whether a range is what is normal, as a range is that says nothing.
fn is_normal(meaning: &Concept) -> bool {
    meaning.codes.iter().any(|code| code.code == "N")
}

/// The ends of an interval in signs.
fn ends(low: Option<&End>, high: Option<&End>) -> String {
    let side = |end: Option<&End>, signs: [&str; 2]| {
        let end = end?;
        let sign = if end.inclusive { signs.first() } else { signs.last() };
        let unit = end.amount.unit.as_deref().unwrap_or_default();
        Some([sign.copied().unwrap_or_default(), &end.amount.value, unit].join(" ").trim_end().to_owned())
    };
    [side(low, ["≥", ">"]), side(high, ["≤", "<"])].into_iter().flatten().collect::<Vec<_>>().join(" ; ")
}

/// A number as JSON has it, every digit kept; nothing for what is none, or none that anybody measures.
fn decimal(text: &str) -> Option<Number> {
    let text = text.trim();
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, power) = rest.split_once(['e', 'E']).map_or((rest, None), |(mantissa, power)| (mantissa, Some(power)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let good = digits(whole) && digits(fraction) && (1..=DIGITS_MAX).contains(&(whole.len() + fraction.len()));
    if !good || power.is_some_and(|power| power.parse::<i32>().map_or(true, |power| power.abs() > POWER_MAX)) {
        return None;
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let fraction = if fraction.is_empty() { String::new() } else { format!(".{fraction}") };
    let power = power.and_then(|power| power.parse::<i32>().ok()).map_or_else(String::new, |power| format!("e{power}"));
    serde_json::from_str(&format!("{sign}{whole}{fraction}{power}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(value: &str, unit: &str) -> Amount {
        Amount { value: value.into(), unit: (!unit.is_empty()).then(|| unit.into()) }
    }

    fn end(value: &str, inclusive: bool) -> Option<End> {
        Some(End { amount: amount(value, "mg/L"), inclusive })
    }

    fn put_into(datum: &Datum) -> Option<Value> {
        let mut result = json!({});
        put(&mut result, datum, &mut Vec::new()).then_some(result)
    }

    #[test]
    fn numbers_keep_their_digits() {
        let rows = [
            ("1.950", Some("1.950")),
            ("007.5", Some("7.5")),
            ("+3", Some("3")),
            (".5", Some("0.5")),
            ("5.", Some("5")),
            ("-0.10", Some("-0.10")),
            ("1.2E5", Some("1.2e+5")),
            ("12,5", None),
            ("1e400", None),
            ("NaN", None),
            ("INF", None),
            ("", None),
            (".", None),
            ("--1", None),
            ("1e", None),
            ("1_000", None),
            ("1234567890123456789012345678901", None),
        ];
        for (text, expected) in rows {
            assert_eq!(decimal(text).map(|number| number.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn values_are_told_as_fhir_has_them() {
        let value = |text: &str| -> Value { serde_json::from_str(text).unwrap_or_default() };
        let mg = |number: &str| json!({"value": value(number), "unit": "mg/L", "system": UCUM, "code": "mg/L"});
        let compared = |number: &str, sign: &str| {
            let mut quantity = mg(number);
            set(&mut quantity, "comparator", sign.into());
            Some(json!({"valueQuantity": quantity}))
        };
        let rows = [
            (Datum::Amount(amount("1.50", "mg/L")), Some(json!({"valueQuantity": mg("1.50")}))),
            (Datum::Amount(amount("2.0", "")), Some(json!({"valueQuantity": {"value": value("2.0")}}))),
            (Datum::Amount(amount("2", "UI par litre")), Some(json!({"valueQuantity": {"value": 2, "unit": "UI par litre"}}))),
            (Datum::Amount(amount("beaucoup", "mg/L")), None),
            (Datum::Interval(end("5", true), None), compared("5", ">=")),
            (Datum::Interval(end("5", false), None), compared("5", ">")),
            (Datum::Interval(None, end("5", true)), compared("5", "<=")),
            (Datum::Interval(None, end("5", false)), compared("5", "<")),
            (Datum::Interval(end("1", true), end("5", true)), Some(json!({"valueRange": {"low": mg("1"), "high": mg("5")}}))),
            (Datum::Interval(end("1", true), end("5", false)), Some(json!({"valueString": "≥ 1 mg/L ; < 5 mg/L"}))),
            (Datum::Integer("12".into()), Some(json!({"valueInteger": 12}))),
            (Datum::Integer("12000000000".into()), Some(json!({"valueQuantity": {"value": value("12000000000")}}))),
            (Datum::Time(Time::At("202610020800+0200".into())), Some(json!({"valueDateTime": "2026-10-02T08:00:00+02:00"}))),
            (Datum::Time(Time::At("hier".into())), None),
            (
                Datum::Ratio(amount("1", ""), amount("128", "")),
                Some(json!({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}})),
            ),
            (Datum::Boolean(true), Some(json!({"valueBoolean": true}))),
        ];
        for (datum, expected) in rows {
            assert_eq!(put_into(&datum), expected, "{datum:?}");
        }
    }

    #[test]
    fn ranges_say_what_they_include() {
        let of = |low: Option<End>, high: Option<End>| {
            range(&Range { low, high, text: None, meaning: None }, &mut Vec::new()).unwrap_or_default()
        };
        assert!(of(end("1", true), end("5", true)).get("text").is_none());
        assert_eq!(of(None, end("5", false)).get("text"), Some(&json!("< 5 mg/L")));
        assert_eq!(range(&Range { low: end("x", true), high: None, text: None, meaning: None }, &mut Vec::new()), None);
    }
}
