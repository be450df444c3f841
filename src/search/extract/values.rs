//! Index rows of tokens, strings and dates.

use serde_json::Value;

use super::super::value::{cut_string, spell, spell_typed};
use crate::fhir::primitive::date_range;
use crate::filter::fold;

/// The parts of a HumanName or Address that a string parameter on the whole looks at.
const STRING_PARTS: [&str; 11] =
    ["text", "family", "given", "prefix", "suffix", "line", "city", "district", "state", "postalCode", "country"];

/// Code, boolean, uri, id, Coding, CodeableConcept, Identifier or ContactPoint.
pub fn token(value: &Value, mut push: impl FnMut(String)) {
    match value {
        Value::Bool(flag) => tokens(None, if *flag { "true" } else { "false" }, push),
        Value::String(code) => tokens(None, code, push),
        Value::Object(members) => {
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            let codings = members.get("coding").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            codings.iter().for_each(|coding| token(coding, &mut push as &mut dyn FnMut(String)));
            // Identifier and ContactPoint have a value, Coding a code.
            match (text("value").or_else(|| text("code")).filter(|code| !code.is_empty()), text("system")) {
                (Some(code), system) => tokens(system, code, push),
                // One that says no more than its system is found by `system|`.
                (None, Some(system)) if !system.is_empty() => push(spell(Some(system), None)),
                (None, _) => {}
            }
        }
        _ => {}
    }
}

/// Every spelling of a token that a search may use.
fn tokens(system: Option<&str>, code: &str, mut push: impl FnMut(String)) {
    if code.is_empty() {
        return;
    }
    push(spell(None, Some(code)));
    push(spell(Some(system.unwrap_or_default()), Some(code)));
}

/// The texts of a token: `CodeableConcept.text`, `Coding.display`, `Identifier.type.text` (FHIR R4 search.html#token).
pub fn texts(value: &Value, mut push: impl FnMut(&str)) {
    let Some(members) = value.as_object() else { return };
    let of = |object: &Value| object.get("text").and_then(Value::as_str).map(ToOwned::to_owned);
    of(value).or_else(|| of(members.get("type")?)).iter().for_each(|text| push(text));
    let codings = members.get("coding").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let displays = codings.iter().chain(std::iter::once(value)).filter_map(|coding| coding.get("display")?.as_str());
    displays.for_each(push);
}

/// `type-system|type-code|value` of an Identifier, for each coding of its type (FHIR R4 search.html#token, `:of-type`).
pub fn of_type(identifier: &Value, mut push: impl FnMut(String)) {
    let Some(value) = identifier.get("value").and_then(Value::as_str) else { return };
    let codings = identifier.pointer("/type/coding").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for coding in codings {
        let text = |name: &str| coding.get(name).and_then(Value::as_str).unwrap_or_default();
        push(spell_typed(text("system"), text("code"), value));
    }
}

/// A string, or each part of a HumanName or Address.
pub fn string(value: &Value, mut push: impl FnMut(String, String)) {
    let mut one = |text: &str| {
        let folded = fold(text);
        if !folded.is_empty() {
            push(cut_string(&folded), cut_string(text));
        }
    };
    match value {
        Value::String(text) => one(text),
        Value::Object(members) => {
            for part in STRING_PARTS.iter().filter_map(|name| members.get(*name)) {
                match part {
                    Value::String(text) => one(text),
                    Value::Array(items) => items.iter().filter_map(Value::as_str).for_each(&mut one),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// A date, dateTime or instant, or a Period, whose missing sides are open.
pub fn date(value: &Value) -> Option<(i64, i64)> {
    if let Some(text) = value.as_str() {
        return date_range(text);
    }
    if value.get("repeat").is_some() || value.get("event").is_some() {
        return timing(value);
    }
    let start = value.get("start").and_then(Value::as_str).and_then(date_range);
    let end = value.get("end").and_then(Value::as_str).and_then(date_range);
    if start.is_none() && end.is_none() {
        return None;
    }
    Some((start.map_or(i64::MIN, |(from, _)| from), end.map_or(i64::MAX, |(_, until)| until)))
}

/// From the first to the last event of a Timing, or the period that bounds it (FHIR R4 search.html#date).
fn timing(value: &Value) -> Option<(i64, i64)> {
    let events = value.get("event").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).filter_map(date_range);
    let bounds = value.pointer("/repeat/boundsPeriod").and_then(date);
    events.chain(bounds).reduce(|(start, end), (from, until)| (start.min(from), end.max(until)))
}
