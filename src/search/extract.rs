//! From a resource to its index rows (FHIR R4 search.html, "Search Parameter Types").

use serde_json::Value;

use super::registry::{SearchParameter, of};
use super::value::{cut, cut_string, local_reference, spell, target_type};
use crate::fhir::ResourceType;
use crate::fhir::definitions::structure;
use crate::fhir::primitive::date_range;
use crate::fhirpath::{Datum, Environment, Node};
use crate::filter::{IndexRows, ParamKind, fold};

/// The parts of a HumanName or Address that a string parameter on the whole looks at.
const STRING_PARTS: [&str; 11] =
    ["text", "family", "given", "prefix", "suffix", "line", "city", "district", "state", "postalCode", "country"];

/// Everything a search can ask of the resource; each row once.
pub fn extract(resource: ResourceType, body: &Value) -> IndexRows {
    let mut rows = IndexRows::default();
    let Some(root) = structure(resource.name()).map(|of| Node::structure(of, body)) else { return rows };
    let environment = Environment::new(root.clone(), 0);
    for parameter in of(resource) {
        for node in values(parameter, &root, &environment) {
            index(parameter, &node, body, &mut rows);
        }
    }
    rows.token.sort_unstable();
    rows.token.dedup();
    rows.string.sort_unstable();
    rows.string.dedup();
    rows.date.sort_unstable();
    rows.date.dedup();
    rows.reference.sort_unstable();
    rows.reference.dedup();
    rows.uri.sort_unstable();
    rows.uri.dedup();
    rows
}

/// What the expression of a parameter yields on a resource. One that cannot be evaluated, as a test holds that none of R4's is, finds
/// nothing: the resource is stored all the same.
fn values<'v>(parameter: &SearchParameter, root: &Node<'v>, environment: &Environment<'v>) -> Vec<Node<'v>> {
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
        ParamKind::Token => token(value, |spelling| rows.token.push((param, spelling))),
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
    }
}

/// A canonical as it stands, and without its version (FHIR R4 references.html#canonical).
fn canonical(text: &str) -> impl Iterator<Item = &str> {
    let whole = local_reference(text);
    std::iter::once(whole).chain(whole.split_once('|').map(|(url, _)| url))
}

/// Code, boolean, uri, id, Coding, CodeableConcept, Identifier or ContactPoint.
fn token(value: &Value, mut push: impl FnMut(String)) {
    match value {
        Value::Bool(flag) => tokens(None, if *flag { "true" } else { "false" }, push),
        Value::String(code) => tokens(None, code, push),
        Value::Object(members) => {
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            let codings = members.get("coding").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            codings.iter().for_each(|coding| token(coding, &mut push as &mut dyn FnMut(String)));
            // Identifier and ContactPoint have a value, Coding a code.
            if let Some(code) = text("value").or_else(|| text("code")) {
                tokens(text("system"), code, push);
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
    match system.filter(|s| !s.is_empty()) {
        Some(system) => {
            push(spell(Some(system), Some(code)));
            push(spell(Some(system), None));
        }
        None => push(spell(Some(""), Some(code))),
    }
}

/// A string, or each part of a HumanName or Address.
fn string(value: &Value, mut push: impl FnMut(String, String)) {
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
fn date(value: &Value) -> Option<(i64, i64)> {
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

fn reference(parameter: &SearchParameter, value: &Value, container: &Value, rows: &mut IndexRows) {
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
        for value in values(inner, &root, &environment).iter().filter_map(Node::value) {
            match inner.kind {
                ParamKind::Token => token(value, |spelling| rows.token.push((param, spelling))),
                ParamKind::String => string(value, |folded, exact| rows.string.push((param, folded, exact))),
                ParamKind::Date | ParamKind::Reference | ParamKind::Uri => {}
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
            ("identifier", &["42", "urn:ietf:rfc:3986|", "urn:ietf:rfc:3986|urn:oid:1.2.3", "urn:oid:1.2.3", "|42"]),
            ("status", &["current", "|current"]),
            ("type", &["34133-9", "SYNTH", "http://loinc.org|", "http://loinc.org|34133-9", "|SYNTH"]),
            ("patient", &["Patient/p1"]),
            ("subject", &["Patient/p1"]),
            ("patient:identifier", &["190017512345678", "urn:oid:1.2.250.1.213.1.4.8|", "urn:oid:1.2.250.1.213.1.4.8|190017512345678"]),
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
            ("Patient", "phone", &patient, &["0102", "phone|", "phone|0102"]),
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
            ("Practitioner", "identifier", &["1", "2", "s|", "s|1", "|2"]),
            ("Practitioner", "phone", &[]),
            ("PractitionerRole", "identifier", &[]),
            ("Organization", "name", &["Hôpital"]),
            ("Organization", "identifier", &["3", "|3"]),
        ];
        for (resource, code, values) in expected {
            assert_eq!(through(resource, code), values, "{resource}.{code}");
        }
        assert_eq!(rows_of("DocumentReference", "author", &body), ["#d", "#p", "#r"]);
        let identifiers = ["1", "2", "3", "4", "9", "s|", "s|1", "|2", "|3", "|4", "|9"];
        assert_eq!(rows_of("DocumentReference", "author:identifier", &body), identifiers);
    }

    #[test]
    fn long_strings_are_cut() {
        let body = json!({"description": "é".repeat(300)});
        assert_eq!(rows_of("DocumentReference", "description", &body), [format!("{}/{}", "e".repeat(256), "é".repeat(256))]);
    }
}
