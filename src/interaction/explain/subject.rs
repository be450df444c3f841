//! Of whom an explanation is asked: a professional, as the parameters describe one. It is made as the bearer of a token is, so that
//! nobody is explained who could not ask.

use serde_json::Value;

use super::super::Error;
use crate::auth::{self, Claims};
use crate::fhir::ResourceType;
use crate::filter::Actor;
use crate::policy::{Caller, CallerKind};

/// The parameters of the operation.
const KNOWN: [&str; 8] = ["actor", "profession", "profession_system", "purpose", "role", "sector", "specialty", "structure"];

/// Characters of a value at most.
const VALUE_CHARS_MAX: usize = 128;

/// The parameters in the body of a POST: each a name with a string, a code or a uri.
///
/// # Errors
/// [`Error::Value`] with the place of what is no such parameter.
pub fn sent(body: &Value) -> Result<Vec<(String, String)>, Error> {
    let parameters = body.get("parameter").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let one = |(place, parameter): (usize, &Value)| {
        let name = parameter.get("name").and_then(Value::as_str);
        let value = ["valueString", "valueCode", "valueUri", "valueId"].iter().find_map(|kind| parameter.get(*kind)?.as_str());
        name.zip(value).map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| Error::Value {
            place: format!("{}.parameter[{place}]", ResourceType::PARAMETERS),
            message: "expected a name and a valueString or valueCode".into(),
        })
    };
    parameters.iter().enumerate().map(one).collect()
}

/// The professional that the parameters describe; `None` where they describe none.
///
/// # Errors
/// [`Error::NotSupported`] for an unknown parameter, [`Error::Value`] for one that repeats or does not fit.
pub fn subject(pairs: &[(String, String)]) -> Result<Option<Caller>, Error> {
    let told: Vec<&(String, String)> = pairs.iter().filter(|(name, _)| !matches!(name.as_str(), "_format" | "_pretty")).collect();
    for (at, (name, value)) in told.iter().enumerate() {
        let place: String = name.chars().take(64).collect();
        if !KNOWN.contains(&name.as_str()) {
            return Err(Error::NotSupported { place, message: format!("expected one of {}", KNOWN.join(", ")) });
        }
        if told.iter().take(at).any(|(other, _)| other == name) {
            return Err(Error::Value { place, message: "expected once".into() });
        }
        if value.is_empty() || value.chars().count() > VALUE_CHARS_MAX {
            return Err(Error::Value { place, message: format!("expected 1 to {VALUE_CHARS_MAX} characters") });
        }
    }
    if told.is_empty() {
        return Ok(None);
    }
    let text = |wanted: &str| told.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    let claims = Claims {
        profession: text("profession"),
        profession_system: text("profession_system"),
        purpose: text("purpose"),
        role: text("role"),
        sector: text("sector"),
        specialty: text("specialty"),
        structure: text("structure"),
        ..Claims::default()
    };
    professional(text("actor"), claims).map(Some)
}

/// Nobody's number: an exercise alone, with no right of a person.
const ANYONE: &str = "800000000000";

/// A professional with this PSIdNat, or any that has no right of its own.
///
/// # Errors
/// [`Error::Value`] with the parameter that does not fit.
pub fn professional(actor: Option<String>, claims: Claims) -> Result<Caller, Error> {
    let named = actor.is_some();
    let claims = Claims {
        kind: CallerKind::Professional.as_str().into(),
        sub: actor.unwrap_or_else(|| ANYONE.into()),
        // What an emergency asks of the one who declares it is given: the question is what it opens.
        reason: Some("explain".into()),
        regulation: true,
        ..claims
    };
    let mut caller = claims.caller().map_err(|error| match error {
        auth::Error::Field { field, message } => Error::Value { place: if field == "id" { "actor" } else { field }.to_owned(), message },
        other => other.into(),
    })?;
    if !named {
        // No right and no resource can name it.
        caller.principal = Actor::professional("-").unwrap_or(caller.principal);
    }
    Ok(caller)
}
