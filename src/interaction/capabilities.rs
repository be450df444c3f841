//! `capabilities` (FHIR R4 http.html#capabilities): generated from the rules and the search parameters, so that it says what is done.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Service;
use crate::fhir::{ResourceType, primitive};
use crate::filter::ParamKind;
use crate::policy::Action;
use crate::policy::projection::CB;
use crate::search;

/// The CapabilityStatement of this server.
pub fn capabilities(service: &Service) -> Value {
    let mut actions: BTreeMap<&'static str, Vec<Action>> = BTreeMap::new();
    for (resource, action) in service.policy.served(service.settings.sandbox) {
        actions.entry(resource.name()).or_default().push(action);
    }
    let plain = service.settings.sandbox;
    let resources: Vec<Value> = actions.iter().filter_map(|(name, actions)| resource(ResourceType::parse(name)?, actions, plain)).collect();
    let whole: &[&str] =
        if plain { &["batch", "transaction", "search-system", "history-system"] } else { &["batch", "transaction", "search-system"] };
    let whole: Vec<Value> = whole.iter().map(|code| json!({"code": code})).collect();
    let matrix = if service.policy.accepts_provisional() { "confirmed and provisional" } else { "confirmed" };
    let [confirmed, provisional, unknown] = service.policy.matrix().counts();
    json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": primitive::format_instant(service.clock.now()),
        "publisher": "Ensemble",
        "kind": "instance",
        "software": {"name": "Ensemble", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {
            "description": format!(
                "Shared health record; authorization tables {}, {matrix} cells apply ({confirmed} confirmed, {provisional} provisional, {unknown} unknown)",
                service.policy.version()
            ),
            "url": &*service.base_url
        },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "application/fhir+xml", "json", "xml"],
        "patchFormat": ["application/json-patch+json", "application/xml-patch+xml", "application/fhir+json", "application/fhir+xml"],
        "rest": [{
            "mode": "server",
            "security": {
                "cors": false,
                "service": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "OAuth"}]}],
                "description": format!("Bearer tokens, signed JWT. What a caller sees follows from kind of caller, rights and authorization matrix: {CB}")
            },
            "resource": resources,
            "interaction": whole
        }]
    })
}

/// What is done with a type; `plain` where testers do everything with every type.
fn resource(resource: ResourceType, actions: &[Action], plain: bool) -> Option<Value> {
    let mut interactions = Vec::new();
    for action in actions {
        match action {
            Action::Consult if resource == ResourceType::BINARY && !plain => interactions.extend(["read", "vread"]),
            Action::Consult if resource == ResourceType::AUDIT_EVENT && !plain => interactions.extend(["read", "search-type"]),
            Action::Consult => interactions.extend(["read", "vread", "history-instance", "search-type"]),
            // Told by `vread` and `history-instance`.
            Action::History => {}
            Action::HistoryType => interactions.push("history-type"),
            Action::Create => interactions.push("create"),
            Action::Update => interactions.push("update"),
            Action::Patch => interactions.push("patch"),
            Action::Delete => interactions.push("delete"),
            // An operation, not an interaction.
            Action::Explain => {}
        }
    }
    interactions.sort_unstable();
    interactions.dedup();
    if interactions.is_empty() {
        return None;
    }
    let kind = |kind: ParamKind| match kind {
        ParamKind::Token => "token",
        ParamKind::String => "string",
        ParamKind::Date => "date",
        ParamKind::Reference => "reference",
        ParamKind::Uri => "uri",
        ParamKind::Number => "number",
        ParamKind::Quantity => "quantity",
    };
    let mut parameters = vec![json!({"name": "_id", "type": "token"}), json!({"name": "_lastUpdated", "type": "date"})];
    let told =
        |parameter: &&search::SearchParameter| plain || resource != ResourceType::AUDIT_EVENT || search::TRACES.contains(&parameter.code);
    parameters
        .extend(search::of(resource).iter().filter(told).map(|parameter| json!({"name": parameter.code, "type": kind(parameter.kind)})));
    let mut statement = json!({
        "type": resource.name(),
        "interaction": interactions.iter().map(|code| json!({"code": code})).collect::<Vec<_>>(),
        "versioning": "versioned",
        "readHistory": interactions.contains(&"vread"),
        "updateCreate": plain,
        "conditionalCreate": actions.contains(&Action::Create),
        "conditionalRead": "full-support",
        "conditionalUpdate": plain,
        "conditionalDelete": if plain { "single" } else { "not-supported" },
        "referencePolicy": ["literal", "logical", "local"]
    });
    if actions.contains(&Action::Explain) {
        let operation = json!([{"name": "explain-access", "definition": format!("{CB}/OperationDefinition/explain-access")}]);
        super::stored::set(&mut statement, "operation", operation);
    }
    if interactions.contains(&"search-type") {
        let traces = resource == ResourceType::AUDIT_EVENT && !plain;
        if !traces {
            parameters.push(json!({"name": "_list", "type": "special"}));
            parameters.extend(search::composites(resource).iter().map(|one| json!({"name": one.code, "type": "composite"})));
            let references = search::of(resource).iter().filter(|parameter| parameter.kind == ParamKind::Reference);
            let includes: Vec<String> = references.map(|parameter| format!("{resource}:{}", parameter.code)).collect();
            if !includes.is_empty() {
                super::stored::set(&mut statement, "searchInclude", includes.into());
            }
        }
        super::stored::set(&mut statement, "searchParam", parameters.into());
    }
    Some(statement)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_has_no_earlier_versions() {
        let read_history = |kind, plain| resource(kind, &[Action::Consult], plain)?.get("readHistory").cloned();
        let rows = [
            (ResourceType::AUDIT_EVENT, false, false),
            (ResourceType::AUDIT_EVENT, true, true),
            (ResourceType::BINARY, false, true),
            (ResourceType::PATIENT, false, true),
        ];
        for (kind, plain, expected) in rows {
            assert_eq!(read_history(kind, plain), Some(expected.into()), "{kind} {plain}");
        }
    }
}
