//! From a resource to its index rows (FHIR R4 search.html, "Search Parameter Types").

mod quantity;
mod reference;
mod values;

use serde_json::Value;

use super::composite::{self, Composite};
use super::registry::{SearchParameter, of};
use super::value::cut;
use crate::fhir::ResourceType;
use crate::fhir::definitions::structure;
use crate::fhirpath::{Datum, Environment, Node};
use crate::filter::{GROUPED, IndexRows, Param, ParamKind};
use quantity::{number, quantity};
use reference::{canonical, reference};
use values::{date, of_type, string, texts, token};

/// Everything a search can ask of the resource; each row once.
pub fn extract(resource: ResourceType, body: &Value) -> IndexRows {
    let mut rows = IndexRows::default();
    let Some(root) = structure(resource.name()).map(|of| Node::structure(of, body)) else { return rows };
    let environment = Environment::new(root.clone(), 0);
    for parameter in of(resource) {
        for node in evaluate(parameter, &root, &environment) {
            index(parameter, &node, body, &mut rows);
        }
    }
    for composite in composite::of(resource).iter().filter(|composite| composite.keeps_rows()) {
        grouped(composite, &root, &environment, &mut rows);
    }
    rows.persons = persons(resource, &rows);
    sort(&mut rows.token);
    sort(&mut rows.string);
    sort(&mut rows.date);
    sort(&mut rows.reference);
    sort(&mut rows.uri);
    sort(&mut rows.quantity);
    rows
}

fn sort<T: Ord>(rows: &mut Vec<T>) {
    rows.sort_unstable();
    rows.dedup();
}

/// Whom the resource is about.
fn persons(resource: ResourceType, rows: &IndexRows) -> Vec<String> {
    let by = super::registry::find(resource, "patient").or_else(|| super::registry::find(resource, "subject"));
    let Some(by) = by.filter(|parameter| parameter.kind == ParamKind::Reference) else { return Vec::new() };
    let mut persons: Vec<String> = rows.reference.iter().filter(|(param, _)| *param == by.param).map(|(_, value)| value.clone()).collect();
    sort(&mut persons);
    persons
}

/// What the expression of a parameter yields on a resource. One that cannot be evaluated, as a test holds that none of R4's is, finds
/// nothing: the resource is stored all the same.
fn evaluate<'v>(parameter: &SearchParameter, root: &Node<'v>, environment: &Environment<'v>) -> Vec<Node<'v>> {
    parameter.expression.evaluate(root, environment).unwrap_or_default()
}

fn index(parameter: &SearchParameter, node: &Node<'_>, container: &Value, rows: &mut IndexRows) {
    let param = parameter.param;
    let Some(value) = node.value() else {
        // What an expression computes is a truth.
        if let (ParamKind::Token, Some(Datum::Boolean(truth))) = (parameter.kind, node.datum()) {
            token(&Value::Bool(truth), |spelling| rows.token.push((param, spelling)));
        }
        return;
    };
    match parameter.kind {
        ParamKind::Token => {
            token(value, |spelling| rows.token.push((param, spelling)));
            of_type(value, |spelling| rows.token.push((parameter.of_type_param(), spelling)));
            texts(value, |text| {
                string(&Value::String(text.to_owned()), |folded, exact| rows.string.push((parameter.text_param(), folded, exact)))
            });
        }
        ParamKind::String => string(value, |folded, exact| rows.string.push((param, folded, exact))),
        ParamKind::Date => {
            if let Some((start, end)) = date(value) {
                rows.date.push((param, start, end));
            }
        }
        ParamKind::Reference => match value {
            // A canonical, or a uri that points to a resource.
            Value::String(text) => rows.reference.extend(canonical(text).map(|text| (param, cut(text)))),
            value => reference(parameter, value, container, rows),
        },
        ParamKind::Uri => {
            if let Some(uri) = value.as_str() {
                rows.uri.push((param, cut(uri)));
            }
        }
        ParamKind::Number => {
            if let Some((low, high)) = number(value) {
                rows.quantity.push((param, String::new(), low, high));
            }
        }
        ParamKind::Quantity => quantity(value, |unit, low, high| rows.quantity.push((param, unit, low, high))),
    }
}

/// The rows of a composite: for each element, every spelling of the first part with every one of the others.
fn grouped<'v>(composite: &Composite, root: &Node<'v>, environment: &Environment<'v>, rows: &mut IndexRows) {
    let elements = composite.element.as_ref().and_then(|element| element.evaluate(root, environment).ok()).unwrap_or_default();
    for element in &elements {
        let mut parts: Vec<Vec<&'v Value>> = Vec::with_capacity(composite.parts.len());
        for part in &composite.parts {
            let found = part.expression.evaluate(element, environment).unwrap_or_default();
            parts.push(found.iter().filter_map(Node::value).collect());
        }
        let Some((first, rest)) = parts.split_first() else { continue };
        let mut heads = Vec::new();
        first.iter().for_each(|value| token(value, |spelling| heads.push(spelling)));
        for head in &heads {
            match (rest, composite.parts.last().map(|part| part.kind)) {
                ([values], Some(kind)) => values.iter().for_each(|value| second(composite.param, kind, head, value, rows)),
                ([ones, twos], Some(ParamKind::Number)) => {
                    for (one, two) in ones.iter().flat_map(|one| twos.iter().map(move |two| (one, two))) {
                        if let (Some((low, _)), Some((high, _))) = (number(one), number(two)) {
                            rows.quantity.push((composite.param, cut(head), low, high));
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

fn second(param: Param, kind: ParamKind, head: &str, value: &Value, rows: &mut IndexRows) {
    let joined = |tail: &str| cut(&format!("{head}{GROUPED}{tail}"));
    match kind {
        ParamKind::Token => token(value, |tail| rows.token.push((param, joined(&tail)))),
        ParamKind::Quantity => quantity(value, |unit, low, high| rows.quantity.push((param, joined(&unit), low, high))),
        ParamKind::Reference => {
            let literal = value.get("reference").and_then(Value::as_str).map(super::value::local_reference);
            rows.token.extend(literal.map(|target| (param, joined(target))));
        }
        _ => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
mod tests {
    use serde_json::json;

    use super::super::registry::find;
    use super::*;

    fn document() -> Value {
        json!({
            "resourceType": "DocumentReference",
            "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3"},
            "identifier": [{"value": "42"}, {"value": "42"}],
            "status": "current",
            "type": {"coding": [{"system": "http://loinc.org", "code": "34133-9"}, {"code": "SYNTH"}], "text": "Synthèse"},
            "subject": {"reference": "Patient/p1/_history/3", "identifier": {"system": "urn:oid:1.2.250.1.213.1.4.8", "value": "190017512345678"}},
            "author": [{"reference": "#a"}, {"reference": "https://elsewhere.example/Practitioner/9"}, {"reference": "Practitioner/d1"}],
            "description": "Compte-rendu  d’Été",
            "date": "1970-01-01T00:00:01Z",
            "content": [{"attachment": {"contentType": "text/plain", "url": "https://x.example/Binary/1", "creation": "1970-01-02"}}],
            "context": {"period": {"start": "1970-01-02"}, "related": [{"reference": "Basic/7"}]}
        })
    }

    /// The rows of one parameter, as text.
    fn rows_of(resource: &str, code: &str, body: &Value) -> Vec<String> {
        let resource = ResourceType::parse(resource).unwrap();
        let (rows, parameter) = (extract(resource, body), find(resource, code.trim_end_matches(":identifier")).unwrap());
        let param = if code.ends_with(":identifier") { parameter.identifier_param() } else { parameter.param };
        let mut found: Vec<String> = rows.token.iter().filter(|r| r.0 == param).map(|r| r.1.clone()).collect();
        found.extend(rows.string.iter().filter(|r| r.0 == param).map(|r| format!("{}/{}", r.1, r.2)));
        found.extend(rows.date.iter().filter(|r| r.0 == param).map(|r| format!("{}..{}", r.1, r.2)));
        found.extend(rows.reference.iter().filter(|r| r.0 == param).map(|r| r.1.clone()));
        found.extend(rows.uri.iter().filter(|r| r.0 == param).map(|r| r.1.clone()));
        found.sort();
        found
    }

    #[test]
    fn rows_of_a_document() {
        let day = 86_400_000_000_i64;
        let open = format!("{day}..{}", i64::MAX);
        let (one_day, second) = (format!("{day}..{}", 2 * day), "1000000..2000000");
        let rows: [(&str, &[&str]); 18] = [
            ("identifier", &["42", "urn:ietf:rfc:3986|urn:oid:1.2.3", "urn:oid:1.2.3", "|42"]),
            ("status", &["current", "|current"]),
            ("type", &["34133-9", "SYNTH", "http://loinc.org|34133-9", "|SYNTH"]),
            ("patient", &["Patient/p1"]),
            ("subject", &["Patient/p1"]),
            ("patient:identifier", &["190017512345678", "urn:oid:1.2.250.1.213.1.4.8|190017512345678"]),
            ("author", &["Practitioner/d1", "https://elsewhere.example/Practitioner/9"]),
            ("author:identifier", &[]),
            ("description", &["compte-rendu d'ete/Compte-rendu  d’Été"]),
            ("date", &[second]),
            ("creation", &[&one_day]),
            ("period-start", &[&one_day]),
            ("period-end", &[]),
            ("period", &[&open]),
            ("location", &["https://x.example/Binary/1"]),
            ("contenttype", &["text/plain", "|text/plain"]),
            ("isArchived", &["false", "|false"]),
            ("related", &["Basic/7"]),
        ];
        for (code, expected) in rows {
            assert_eq!(rows_of("DocumentReference", code, &document()), expected, "{code}");
        }
    }

    #[test]
    fn rows_of_others() {
        let patient = json!({
            "name": [{"family": "Étienne", "given": ["Zoé", "Ana"], "period": {"start": "2000"}}],
            "telecom": [{"system": "phone", "value": "0102"}, {"system": "email", "value": "z@x.example"}],
            "active": true,
            "deceasedBoolean": false,
            "address": [{"line": ["1 rue Haute"], "city": "Brest"}]
        });
        let trace = json!({
            "agent": [{"who": {"reference": "Practitioner/d1"}}, {"who": {"identifier": {"value": "801"}}}],
            "entity": [{"what": {"reference": "Patient/p1"}}, {"what": {"reference": "DocumentReference/x"}}]
        });
        let archived = json!({"extension": [
            {"url": "https://other.example", "valueBoolean": false},
            {"url": "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived", "valueBoolean": true}
        ]});
        let rows: [(&str, &str, &Value, &[&str]); 12] = [
            ("Patient", "name", &patient, &["ana/Ana", "etienne/Étienne", "zoe/Zoé"]),
            ("Patient", "family", &patient, &["etienne/Étienne"]),
            ("Patient", "phone", &patient, &["0102", "phone|0102"]),
            ("Patient", "active", &patient, &["true", "|true"]),
            ("Patient", "death-date", &patient, &[]),
            ("Patient", "address", &patient, &["1 rue haute/1 rue Haute", "brest/Brest"]),
            ("Patient", "address-city", &patient, &["brest/Brest"]),
            ("AuditEvent", "patient", &trace, &["Patient/p1"]),
            ("AuditEvent", "entity", &trace, &["DocumentReference/x", "Patient/p1"]),
            ("AuditEvent", "agent:identifier", &trace, &["801", "|801"]),
            ("AuditEvent", "agent", &trace, &["Practitioner/d1"]),
            ("DocumentReference", "isArchived", &archived, &["true", "|true"]),
        ];
        for (resource, code, body, expected) in rows {
            assert_eq!(rows_of(resource, code, body), expected, "{resource} {code}");
        }
    }

    #[test]
    fn contained_authors_have_rows_of_their_container() {
        let name = |family: &str| json!([{"family": family, "given": ["Zoé"]}]);
        let body = json!({
            "contained": [
                {"resourceType": "Practitioner", "id": "p", "identifier": [{"system": "s", "value": "1"}], "name": name("Petit")},
                {"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "#q"}, "organization": {"reference": "#o", "identifier": {"value": "9"}}},
                {"resourceType": "Practitioner", "id": "q", "identifier": [{"value": "2"}], "name": name("Noël"), "telecom": [{"system": "phone", "value": "01"}]},
                {"resourceType": "Organization", "id": "o", "identifier": [{"value": "3"}], "name": "Hôpital"},
                {"resourceType": "Device", "id": "d", "identifier": [{"value": "4"}]},
                {"resourceType": "Location", "id": "l", "identifier": [{"value": "5"}]},
                {"resourceType": "Practitioner", "id": "nobody", "identifier": [{"value": "6"}]}
            ],
            "author": [{"reference": "#p"}, {"reference": "#r"}, {"reference": "#d"}, {"reference": "#l"}, {"reference": "#absent"}]
        });
        let rows = extract(ResourceType::DOCUMENT_REFERENCE, &body);
        let author = find(ResourceType::DOCUMENT_REFERENCE, "author").unwrap();
        let through = |resource: &str, code: &str| {
            let param = author.param.through(find(ResourceType::parse(resource).unwrap(), code).unwrap().param);
            let tokens = rows.token.iter().filter(|row| row.0 == param).map(|row| row.1.clone());
            tokens.chain(rows.string.iter().filter(|row| row.0 == param).map(|row| row.2.clone())).collect::<Vec<_>>()
        };
        let expected: [(&str, &str, &[&str]); 7] = [
            ("Practitioner", "family", &["Noël", "Petit"]),
            ("Practitioner", "given", &["Zoé"]),
            ("Practitioner", "identifier", &["1", "2", "s|1", "|2"]),
            ("Practitioner", "phone", &[]),
            ("PractitionerRole", "identifier", &[]),
            ("Organization", "name", &["Hôpital"]),
            ("Organization", "identifier", &["3", "|3"]),
        ];
        for (resource, code, values) in expected {
            assert_eq!(through(resource, code), values, "{resource}.{code}");
        }
        assert_eq!(rows_of("DocumentReference", "author", &body), ["#d", "#p", "#r"]);
        let identifiers = ["1", "2", "3", "4", "9", "s|1", "|2", "|3", "|4", "|9"];
        assert_eq!(rows_of("DocumentReference", "author:identifier", &body), identifiers);
    }

    #[test]
    fn long_strings_are_cut() {
        let body = json!({"description": "é".repeat(300)});
        assert_eq!(rows_of("DocumentReference", "description", &body), [format!("{}/{}", "e".repeat(256), "é".repeat(256))]);
    }
}
