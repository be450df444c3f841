//! FHIRPath Patch (FHIR R4 fhirpatch.html): a Parameters resource that says what to change, by FHIRPath.

mod apply;
mod slots;
mod value;

pub(super) use apply::{Found, apply, found};
pub(super) use value::Given;

use serde_json::Value;

use super::Error;
use super::json_patch::OPERATIONS_MAX;
use crate::fhir::definitions::structure;
use crate::fhir::{Document, ResourceType};
use crate::fhirpath::Expression;

/// Operations, understood.
#[derive(Debug, Clone, Default)]
pub(super) struct PathPatch(pub Vec<Operation>);

/// One operation.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    /// Where.
    pub path: Expression,
    /// What.
    pub what: What,
}

/// What an operation does at its path.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// Adds a child of this name.
    Add(String, Given),
    /// Inserts into the list that the path finds.
    Insert(usize, Given),
    /// Deletes what the path finds, if anything.
    Delete,
    /// Replaces what the path finds.
    Replace(Given),
    /// Moves an item of the list that the path finds, from one place to another.
    Move(usize, usize),
}

/// Understands a patch of resources of this type; one without operations changes nothing.
///
/// # Errors
/// [`Error::Value`] and [`Error::Required`] with the place, [`Error::Invalid`] for what is no Parameters of base R4, [`Error::TooLong`].
pub(super) fn understand(document: &Document, resource: ResourceType) -> Result<PathPatch, Error> {
    if document.resource_type() != Some(ResourceType::PARAMETERS) {
        return Err(Error::Value { place: "Parameters".into(), message: "a FHIRPath Patch is a Parameters resource".into() });
    }
    let issues = document.validate();
    if !issues.is_empty() {
        return Err(Error::Invalid(issues));
    }
    let parameters = document.value.get("parameter").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if parameters.len() > OPERATIONS_MAX {
        return Err(Error::TooLong(format!("more than {OPERATIONS_MAX} operations")));
    }
    let each = parameters.iter().enumerate();
    each.map(|(at, parameter)| operation(parameter, at, resource)).collect::<Result<_, _>>().map(PathPatch)
}

fn operation(parameter: &Value, at: usize, resource: ResourceType) -> Result<Operation, Error> {
    let place = format!("Parameters.parameter[{at}]");
    let unfit = |message: String| Error::Value { place: place.clone(), message: format!("operation {at}: {message}") };
    let name = |part: &Value| part.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    if name(parameter) != "operation" {
        return Err(unfit("expected a parameter named `operation`".into()));
    }
    let parts = parameter.get("part").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let known = ["type", "path", "name", "value", "index", "source", "destination"];
    for (place, part) in parts.iter().enumerate() {
        let own = name(part);
        if !known.contains(&own.as_str()) || parts.iter().take(place).any(|other| name(other) == own) {
            return Err(unfit(format!("the part `{}` is unknown, or there twice", own.chars().take(64).collect::<String>())));
        }
    }
    let part = |wanted: &str| parts.iter().find(|part| name(part) == wanted).and_then(Given::read);
    let missing =
        |wanted: &str| Error::Required { place: place.clone(), message: format!("operation {at}: the part `{wanted}` is needed") };
    let text = |wanted: &str| {
        let text = part(wanted).and_then(|given| given.value().and_then(Value::as_str).map(ToOwned::to_owned));
        text.ok_or_else(|| missing(wanted))
    };
    let number = |wanted: &str| {
        let number = part(wanted).and_then(|given| given.value().and_then(Value::as_u64)).and_then(|number| usize::try_from(number).ok());
        number.ok_or_else(|| missing(wanted))
    };
    let value = || part("value").ok_or_else(|| missing("value"));
    let what = match text("type")?.as_str() {
        "add" => What::Add(text("name")?, value()?),
        "insert" => What::Insert(number("index")?, value()?),
        "delete" => What::Delete,
        "replace" => What::Replace(value()?),
        "move" => What::Move(number("source")?, number("destination")?),
        _ => return Err(unfit("a `type` is add, insert, delete, replace or move".into())),
    };
    let path =
        Expression::parse(&without_brackets(&text("path")?)).map_err(|error| unfit(format!("the path is not understood: {error}")))?;
    if let Some(structure) = structure(resource.name()) {
        path.check(structure).map_err(|error| unfit(format!("the path is not one of {resource}: {error}")))?;
    }
    Ok(Operation { path, what })
}

/// The agency's samples choose an extension in brackets, `extension[url:"…"]`, which FHIRPath says with `where`.
fn without_brackets(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once("[url") {
        let choice = after.trim_start().strip_prefix([':', '=']).map(str::trim_start);
        let quoted = choice.and_then(|text| Some((text.chars().next().filter(|quote| matches!(quote, '"' | '\''))?, text)));
        let url = quoted.and_then(|(quote, text)| text.strip_prefix(quote)?.split_once(quote));
        let closed = url.and_then(|(url, behind)| Some((url, behind.trim_start().strip_prefix(']')?)));
        let Some((url, behind)) = closed.filter(|(url, _)| !url.contains(['\'', '\\'])) else { break };
        plain.push_str(before);
        plain.push_str(&format!(".where(url = '{url}')"));
        rest = behind;
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
