//! What must be clear in whatever bears a right: when it holds, and that nothing modifies it unknown to us.

use serde_json::Value;

use super::Error;
use crate::fhir::primitive;

/// Whether the period, where there is one, begins before it ends (FHIR R4 datatypes.html#Period): else it is no time at all.
///
/// # Errors
/// [`Error::Business`] at `place`.
pub fn period(period: Option<&Value>, place: &str) -> Result<(), Error> {
    let side = |name: &str| period.and_then(|period| period.get(name)?.as_str()).and_then(primitive::date_range);
    match (side("start"), side("end")) {
        (Some((start, _)), Some((_, end))) if start >= end => Err(Error::business(place, "it ends before it begins")),
        _ => Ok(()),
    }
}

/// Whether nothing in the resource changes the meaning of what bears a right in a way that this server does not know (FHIR R4
/// extensibility.html#modifierExtension).
///
/// # Errors
/// [`Error::Business`] with the place.
pub fn modifiers(value: &Value, place: &str) -> Result<(), Error> {
    match value {
        Value::Object(members) => members.iter().try_for_each(|(name, member)| {
            let inside = format!("{place}.{name}");
            if name == "modifierExtension" {
                return Err(Error::business(&inside, "what modifies a right is not understood"));
            }
            modifiers(member, &inside)
        }),
        Value::Array(items) => items.iter().enumerate().try_for_each(|(at, item)| modifiers(item, &format!("{place}[{at}]"))),
        _ => Ok(()),
    }
}
