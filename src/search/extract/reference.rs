//! Index rows of references, and of the contained resources they lead to.

use serde_json::Value;

use super::super::registry::{SearchParameter, of};
use super::super::value::{cut, local_reference, target_type};
use super::evaluate;
use super::values::{string, token};
use crate::fhir::ResourceType;
use crate::fhir::definitions::structure;
use crate::fhirpath::{Environment, Node};
use crate::filter::{IndexRows, ParamKind};

/// A canonical as it stands, and without its version (FHIR R4 references.html#canonical).
pub fn canonical(text: &str) -> impl Iterator<Item = &str> {
    let whole = local_reference(text);
    std::iter::once(whole).chain(whole.split_once('|').map(|(url, _)| url))
}

pub fn reference(parameter: &SearchParameter, value: &Value, container: &Value, rows: &mut IndexRows) {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    if let Some((resource, item)) = inside(container, value).filter(|(resource, _)| parameter.may_target(*resource)) {
        rows.reference.push((parameter.param, cut(text("reference").unwrap_or_default())));
        reach(parameter, resource, item, rows);
        // Through a role a document is by the professional and the structure it names.
        let role = resource == ResourceType::PRACTITIONER_ROLE;
        for named in ["practitioner", "organization"].into_iter().filter(|_| role).filter_map(|name| item.get(name)) {
            identified(parameter, named.get("identifier"), rows);
            if let Some((resource, item)) = inside(container, named).filter(|(resource, _)| parameter.may_target(*resource)) {
                reach(parameter, resource, item, rows);
            }
        }
    }
    // A resource within a Bundle, as the parameter `composition` has it.
    if let (Some(name), Some(id)) = (text("resourceType"), text("id")) {
        rows.reference.push((parameter.param, cut(&format!("{name}/{id}"))));
        return;
    }
    let literal = text("reference").filter(|r| !r.is_empty() && !r.starts_with('#')).map(local_reference);
    // `where(resolve() is Patient)`: what points elsewhere by its own words is not of this parameter.
    let said = literal.and_then(target_type).or_else(|| text("type").and_then(ResourceType::parse));
    if said.is_some_and(|resource| !parameter.may_target(resource)) {
        return;
    }
    if let Some(target) = literal {
        rows.reference.push((parameter.param, cut(target)));
    }
    identified(parameter, value.get("identifier"), rows);
}

/// The contained resource that a reference points to (FHIR R4 references.html#contained).
fn inside<'a>(container: &'a Value, reference: &Value) -> Option<(ResourceType, &'a Value)> {
    let id = reference.get("reference")?.as_str()?.strip_prefix('#')?;
    let item = container.get("contained")?.as_array()?.iter().find(|item| item.get("id").and_then(Value::as_str) == Some(id))?;
    Some((ResourceType::parse(item.get("resourceType")?.as_str()?)?, item))
}

/// The rows its container has for a contained resource: under the reference parameter that leads to it, and its identifiers as
/// those of the reference.
fn reach(parameter: &SearchParameter, resource: ResourceType, item: &Value, rows: &mut IndexRows) {
    identified(parameter, item.get("identifier"), rows);
    rows.token.push((parameter.param.through_any(resource), String::new()));
    let Some(root) = structure(resource.name()).map(|of| Node::structure(of, item)) else { return };
    let environment = Environment::new(root.clone(), 0);
    for inner in of(resource).iter().filter(|inner| inner.is_kept_of_contained()) {
        let param = parameter.param.through(inner.param);
        for value in evaluate(inner, &root, &environment).iter().filter_map(Node::value) {
            match inner.kind {
                ParamKind::Token => token(value, |spelling| rows.token.push((param, spelling))),
                ParamKind::String => string(value, |folded, exact| rows.string.push((param, folded, exact))),
                _ => {}
            }
        }
    }
}

/// The identifier of a reference, or the identifiers of what is contained.
fn identified(parameter: &SearchParameter, identifiers: Option<&Value>, rows: &mut IndexRows) {
    let param = parameter.identifier_param();
    let one = match identifiers {
        Some(Value::Array(all)) => all.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    for identifier in one.iter().filter(|identifier| identifier.is_object()) {
        token(identifier, |spelling| rows.token.push((param, spelling)));
    }
}
