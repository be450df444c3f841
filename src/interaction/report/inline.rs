//! A report with all that it refers to inside it, as contained resources: what a transaction or a FHIR document brings in entries.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::super::create::strip;
use super::super::stored::set;
use crate::fhir::{ResourceType, replace_references};
use crate::policy::nomenclature::visibility;

/// The types that a report is made of, beside itself: its results, and what these tell of.
const PARTS: [&str; 8] =
    ["Observation", "Specimen", "ServiceRequest", "Practitioner", "PractitionerRole", "Organization", "Device", "Location"];

/// Whether a resource becomes a part of the report that refers to it.
pub fn is_part(resource: &Value) -> bool {
    resource.get("resourceType").and_then(Value::as_str).is_some_and(|name| PARTS.contains(&name))
}

/// Where a link leads.
pub enum Led<'a> {
    /// To a resource that becomes a part.
    Part(&'a Value),
    /// To what is written so.
    Written(String),
}

/// What was taken in, in the order in which the report leads to it: the link, and the id it has there.
#[derive(Default)]
struct Taken {
    all: Vec<(String, String)>,
    known: HashMap<String, String>,
    used: BTreeSet<String>,
    count: usize,
}

impl Taken {
    /// The id of what a link leads to. They are numbered as the report leads to them, so that the same report is the same again,
    /// whatever the entries were called and in whatever order they came.
    fn id(&mut self, link: &str) -> String {
        if let Some(id) = self.known.get(link) {
            return id.clone();
        }
        let id = loop {
            self.count += 1;
            let id = format!("entry-{}", self.count);
            if !self.used.contains(&id) {
                break id;
            }
        };
        self.all.push((link.to_owned(), id.clone()));
        self.known.insert(link.to_owned(), id.clone());
        id
    }
}

/// Takes into a report all that it leads to; the link to each with the id it has there.
pub fn inline<'a>(report: &mut Value, led: &impl Fn(&str) -> Option<Led<'a>>) -> Vec<(String, String)> {
    let own = report.get("contained").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let used = own.iter().filter_map(|item| item.get("id")?.as_str().map(ToOwned::to_owned)).collect();
    let taken = RefCell::new(Taken { used, ..Taken::default() });
    rewrite(report, None, &taken, led);
    let mut contained = report.get("contained").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut at = 0;
    loop {
        let next = taken.borrow().all.get(at).cloned();
        let Some((link, id)) = next else { break };
        at += 1;
        let Some(Led::Part(resource)) = led(&link) else { continue };
        let mut part = resource.clone();
        let nested = part.as_object_mut().and_then(|members| members.shift_remove("contained"));
        let nested = nested.and_then(|nested| if let Value::Array(items) = nested { Some(items) } else { None }).unwrap_or_default();
        for (mut item, id) in std::iter::once((part, id.clone())).chain(nested.into_iter().map(|item| {
            let own = item.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            (item, format!("{id}-{own}"))
        })) {
            rewrite(&mut item, Some(&taken_id(&taken, at)), &taken, led);
            set(&mut item, "id", id.into());
            labels_alone(&mut item);
            contained.push(item);
        }
    }
    if !contained.is_empty() {
        set(report, "contained", contained.into());
    }
    taken.into_inner().all
}

/// Of what was said about a resource as one of its own the labels that hide stay, so that none is lost without a word.
fn labels_alone(resource: &mut Value) {
    let Some(members) = resource.as_object_mut() else { return };
    let labels = members.shift_remove("meta").and_then(|mut meta| meta.as_object_mut()?.shift_remove("security"));
    let hides = |label: &Value| label.get("code").and_then(Value::as_str).is_some_and(|code| visibility(code).is_some());
    // What is contained has no labels (FHIR R4 domainresource.html#invs, dom-5): one that hides is refused with that.
    if let Some(labels) = labels.filter(|labels| labels.as_array().is_some_and(|labels| labels.iter().any(hides))) {
        members.insert("meta".into(), serde_json::json!({"security": labels}));
    }
}

/// The id of what was taken in before this place.
fn taken_id(taken: &RefCell<Taken>, at: usize) -> String {
    taken.borrow().all.get(at.saturating_sub(1)).map(|(_, id)| id.clone()).unwrap_or_default()
}

/// Makes the links of a resource lead to what is taken in; `within` is the id it gets there, before those of what it contained.
fn rewrite<'a>(resource: &mut Value, within: Option<&str>, taken: &RefCell<Taken>, led: &impl Fn(&str) -> Option<Led<'a>>) {
    replace_references(resource, &|text| match (text.strip_prefix('#'), within) {
        (Some(""), Some(own)) => Some(format!("#{own}")),
        (Some(id), Some(own)) => Some(format!("#{own}-{id}")),
        (Some(_), None) => None,
        (None, _) => match led(text)? {
            Led::Part(_) => Some(format!("#{}", taken.borrow_mut().id(text))),
            Led::Written(other) => Some(other),
        },
    });
}

/// What is said of a person in a FHIR document, until the record is known.
pub const PERSON: &str = "Patient?of-the-document";

/// The reports of a FHIR document, each with its parts inside it. A link to the person of the Composition is [`PERSON`]; one to what
/// does not become a part names it, for it leads nowhere here.
pub fn of_document(bundle: &Value) -> Vec<Value> {
    let entries = bundle.get("entry").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    // By address, and by `Type/id`, which is its end; of several the first.
    let mut by_name: HashMap<&str, (&str, &Value)> = HashMap::new();
    for entry in entries {
        let (Some(url), Some(resource)) = (entry.get("fullUrl").and_then(Value::as_str), entry.get("resource")) else { continue };
        let end = url.rmatch_indices('/').nth(1).and_then(|(at, _)| url.get(at + 1..));
        for name in std::iter::once(url).chain(end) {
            by_name.entry(name).or_insert((url, resource));
        }
    }
    let find = |text: &str| by_name.get(text).copied();
    let is = |resource: &Value, name: &str| resource.get("resourceType").and_then(Value::as_str) == Some(name);
    let subject = entries.first().and_then(|entry| entry.pointer("/resource/subject/reference")?.as_str()).unwrap_or_default();
    let person = find(subject).filter(|(_, resource)| is(resource, "Patient")).map(|(url, _)| url);
    let led = |text: &str| {
        if text == subject {
            return Some(Led::Written(PERSON.to_owned()));
        }
        match find(text) {
            Some((url, _)) if Some(url) == person => Some(Led::Written(PERSON.to_owned())),
            Some((_, resource)) if is_part(resource) => Some(Led::Part(resource)),
            _ => None,
        }
    };
    let reports =
        entries.iter().filter_map(|entry| entry.get("resource")).filter(|resource| is(resource, ResourceType::DIAGNOSTIC_REPORT.name()));
    reports
        .map(|report| {
            let mut report = report.clone();
            inline(&mut report, &led);
            name(&mut report);
            // What a content says of itself labels no document (CONTRACT 3, Documents).
            let parts = report.get_mut("contained").and_then(Value::as_array_mut).map(Vec::as_mut_slice).unwrap_or_default();
            parts.iter_mut().for_each(strip);
            strip(&mut report);
            report
        })
        .collect()
}

/// The reports that a document contains and names in `context.related`, each with the id it had there, and with its parts inside it.
pub fn taken_out(document: &mut Value) -> Vec<(String, Value)> {
    let is = |resource: &Value, name: &str| resource.get("resourceType").and_then(Value::as_str) == Some(name);
    let id = |resource: &Value| resource.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let local = |one: &Value| one.get("reference").and_then(Value::as_str).and_then(|text| text.strip_prefix('#')).map(ToOwned::to_owned);
    let contained = document.get("contained").and_then(Value::as_array).cloned().unwrap_or_default();
    let related = document.pointer("/context/related").and_then(Value::as_array).into_iter().flatten().filter_map(local);
    let named: Vec<String> = related
        .filter(|named| contained.iter().any(|item| id(item) == *named && is(item, ResourceType::DIAGNOSTIC_REPORT.name())))
        .collect();
    if named.is_empty() {
        return Vec::new();
    }
    let find = |wanted: &str| contained.iter().find(|item| id(item) == wanted);
    let reports = named.iter().filter_map(|named| {
        let mut report = find(named)?.clone();
        let parts: Vec<Value> =
            reached(&report, &contained).iter().filter(|other| *other != named).filter_map(|id| find(id).cloned()).collect();
        if let Some(members) = report.as_object_mut() {
            members.shift_remove("id");
            if !parts.is_empty() {
                members.insert("contained".into(), parts.into());
            }
        }
        Some((named.clone(), report))
    });
    let reports: Vec<(String, Value)> = reports.collect();
    if let Some(all) = document.pointer_mut("/context/related").and_then(Value::as_array_mut) {
        all.retain(|one| local(one).is_none_or(|id| !named.contains(&id)));
    }
    let left = document.pointer("/context/related").and_then(Value::as_array).is_none_or(Vec::is_empty);
    if let Some(context) = document.get_mut("context").and_then(Value::as_object_mut).filter(|_| left) {
        context.shift_remove("related");
    }
    let Some(members) = document.as_object_mut() else { return reports };
    if members.get("context").and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
        members.shift_remove("context");
    }
    members.shift_remove("contained");
    let mut bare = document.clone();
    if let Some(members) = bare.as_object_mut() {
        members.shift_remove("content");
    }
    let stays = reached(&bare, &contained);
    let kept: Vec<Value> = contained.iter().filter(|item| stays.contains(&id(item))).cloned().collect();
    if !kept.is_empty() {
        set(document, "contained", kept.into());
    }
    reports
}

/// The ids of the contained resources that a resource leads to.
fn reached(resource: &Value, contained: &[Value]) -> Vec<String> {
    let found = RefCell::new(Vec::<String>::new());
    let note = |text: &str| {
        let id = text.strip_prefix('#').filter(|id| !id.is_empty())?;
        if !found.borrow().iter().any(|known| known == id) {
            found.borrow_mut().push(id.to_owned());
        }
        None
    };
    replace_references(&mut resource.clone(), &note);
    let mut at = 0;
    loop {
        let next = found.borrow().get(at).cloned();
        let Some(next) = next else { break };
        at += 1;
        if let Some(item) = contained.iter().find(|item| item.get("id").and_then(Value::as_str) == Some(&next)) {
            replace_references(&mut item.clone(), &note);
        }
    }
    found.into_inner()
}

/// What a reference leads to that is not here, by name.
fn name(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(name),
        Value::Object(members) => {
            let text = members.get("reference").and_then(Value::as_str).map(ToOwned::to_owned);
            if let Some(text) = text.filter(|text| !(text.starts_with('#') || text.starts_with("http") || text == PERSON)) {
                members.shift_remove("reference");
                if text.starts_with("urn:") && !members.contains_key("identifier") {
                    members.insert("identifier".into(), serde_json::json!({"system": "urn:ietf:rfc:3986", "value": text}));
                } else if members.is_empty() {
                    members.insert("display".into(), text.into());
                }
            }
            members.values_mut().for_each(name);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_report_leads_to_is_taken_in_once_and_in_its_order() {
        let result = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "contained": [{"resourceType": "Device", "id": "d"}], "device": {"reference": "#d"}, "performer": [{"reference": "urn:l"}]});
        let lab = json!({"resourceType": "Organization", "name": "Laboratoire", "meta": {"versionId": "1"}});
        let led = |text: &str| match text {
            "urn:o" => Some(Led::Part(&result)),
            "urn:l" => Some(Led::Part(&lab)),
            "urn:p" => Some(Led::Written("Patient/1".into())),
            _ => None,
        };
        let mut report = json!({"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "x"}, "subject": {"reference": "urn:p"},
            "contained": [{"resourceType": "Specimen", "id": "entry-1"}], "specimen": [{"reference": "#entry-1"}],
            "result": [{"reference": "urn:o"}], "performer": [{"reference": "urn:l"}]});
        let taken = inline(&mut report, &led);
        let reference = |pointer: &str| report.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        assert_eq!(reference("/subject/reference"), "Patient/1");
        assert_eq!(reference("/specimen/0/reference"), "#entry-1");
        let id = |link: &str| taken.iter().find(|(known, _)| known == link).map(|(_, id)| format!("#{id}")).unwrap_or_default();
        assert_eq!((reference("/result/0/reference"), reference("/performer/0/reference")), (id("urn:o").as_str(), id("urn:l").as_str()));
        let contained = report.get("contained").and_then(Value::as_array).cloned().unwrap_or_default();
        let ids: Vec<&str> = contained.iter().filter_map(|item| item.get("id")?.as_str()).collect();
        assert_eq!(ids.len(), 4, "{ids:?}");
        let observation = contained.iter().find(|item| item.get("status").is_some());
        let device = observation.and_then(|one| one.pointer("/device/reference")).and_then(Value::as_str).unwrap_or_default();
        assert!(ids.contains(&device.trim_start_matches('#')), "{device} {ids:?}");
        assert!(contained.iter().all(|item| item.get("meta").is_none()));
    }
}
