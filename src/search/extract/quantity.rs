//! Index rows of numbers and quantities (FHIR R4 search.html#number, #quantity).

use serde_json::Value;

use super::super::unit::{MONEY, Unit};
use crate::filter::number_key;

/// A number, or the range of numbers that a Range spans, as `[low, high)` of [`number_key`].
pub fn number(value: &Value) -> Option<(i64, i64)> {
    if let Some(number) = value.as_f64() {
        return Some(point(number));
    }
    let side = |name: &str| value.get(name)?.get("value")?.as_f64();
    spanned(side("low"), side("high"), Some)
}

/// The spellings of the unit of a Quantity, Range, Money or SampledData, each with its range.
pub fn quantity(value: &Value, mut push: impl FnMut(String, i64, i64)) {
    let number = |object: &Value, name: &str| object.get(name).and_then(Value::as_f64);
    let bounds = |low: Option<f64>, high: Option<f64>| move |scale: &dyn Fn(f64) -> Option<f64>| spanned(low, high, scale);
    if value.get("low").is_some() || value.get("high").is_some() {
        let side = |name: &str| value.get(name);
        let (low, high) = (side("low").and_then(|q| number(q, "value")), side("high").and_then(|q| number(q, "value")));
        let Some(unit) = side("low").or_else(|| side("high")) else { return };
        spelled(unit, bounds(low, high), push);
    } else if let Some(origin) = value.get("origin") {
        // What a series of samples reaches, where it says so.
        let (zero, factor) = (number(origin, "value"), number(value, "factor").unwrap_or(1.0));
        let limit = |name: &str| Some(zero? + number(value, name)? * factor);
        if let (Some(low), Some(high)) = (limit("lowerLimit"), limit("upperLimit")) {
            spelled(origin, bounds(Some(low), Some(high)), push);
        }
    } else if let Some(amount) = number(value, "value") {
        let comparator = value.get("comparator").and_then(Value::as_str);
        if let Some(currency) = value.get("currency").and_then(Value::as_str) {
            let (low, high) = point(amount);
            push(format!("|{currency}"), low, high);
            push(format!("{MONEY}|{currency}"), low, high);
            return;
        }
        let compared = |scale: &dyn Fn(f64) -> Option<f64>| {
            let (low, high) = point(scale(amount)?);
            Some(match comparator {
                Some("<") => (i64::MIN, low),
                Some("<=") => (i64::MIN, high),
                Some(">") => (high, i64::MAX),
                Some(">=") => (low, i64::MAX),
                _ => (low, high),
            })
        };
        spelled(value, compared, push);
    }
}

/// The unit as it was written, by code and by name, and as units compare.
fn spelled(quantity: &Value, range: impl Fn(&dyn Fn(f64) -> Option<f64>) -> Option<(i64, i64)>, mut push: impl FnMut(String, i64, i64)) {
    let text = |name: &str| quantity.get(name).and_then(Value::as_str).unwrap_or_default();
    let (system, code, name) = (text("system"), text("code"), text("unit"));
    let Some((low, high)) = range(&Some) else { return };
    push(super::cut(&format!("|{}", if code.is_empty() { name } else { code })), low, high);
    if !code.is_empty() && !name.is_empty() && name != code {
        push(super::cut(&format!("|{name}")), low, high);
    }
    if !system.is_empty() && !code.is_empty() {
        let unit = Unit::of(system, code);
        if let Some((low, high)) = range(&|value| Some(unit.convert(value))) {
            push(super::cut(unit.spelling()), low, high);
        }
    }
}

fn point(number: f64) -> (i64, i64) {
    let key = number_key(number);
    (key, key.saturating_add(1))
}

fn spanned(low: Option<f64>, high: Option<f64>, scale: impl Fn(f64) -> Option<f64>) -> Option<(i64, i64)> {
    if low.is_none() && high.is_none() {
        return None;
    }
    let from = low.and_then(&scale).map_or(i64::MIN, |low| point(low).0);
    Some((from, high.and_then(&scale).map_or(i64::MAX, |high| point(high).1)))
}
