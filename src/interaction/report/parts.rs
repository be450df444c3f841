//! A report taken apart: itself, and the results it contains, each with what it tells of inside it.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::super::create::strip;
use super::super::stored::set;
use super::super::{Error, canonical::canonical};
use super::edition::Edition;
use crate::auth::digest;
use crate::fhir::{ResourceType, replace_references};

/// Results of one report at most.
const RESULTS_MAX: usize = 1000;
/// Bytes of what results tell of, all copies together, at most: each has its own.
const COPIED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The category of a report of a laboratory, where it has none.
const LAB: (&str, &str) = ("http://terminology.hl7.org/CodeSystem/v2-0074", "LAB");
/// That of its results.
const LABORATORY: (&str, &str) = ("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory");

/// A report and its results, as resources of their own. Between them they refer to each other as to what is contained: `#` is the
/// report, `#id` a result.
#[derive(Debug, Clone)]
pub struct Report {
    /// The report.
    pub report: Value,
    /// Each result with the id it had in the report.
    pub results: Vec<(String, Value)>,
    /// What it is known by when it is sent again, of one submitter; `None` where it says nothing.
    pub known_by: Option<String>,
    /// What it is known by when the same is sent again.
    pub push: Option<String>,
    /// The id it had in a document that contained it.
    pub contained: Option<String>,
    /// Which version it is, where it was read out of a clinical document.
    pub edition: Option<Edition>,
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

impl Report {
    /// Takes a report apart.
    ///
    /// # Errors
    /// [`Error::Business`] with the element: a result that is not there, too many, too much.
    pub fn of(mut whole: Value) -> Result<Self, Error> {
        let known_by = known_by(&whole);
        let digest = digest::sha256_hex(canonical(&whole).as_bytes());
        let push = known_by.as_ref().map(|name| format!("Push {}", digest::sha256_hex(format!("{name}\n{digest}").as_bytes())));
        let contained = whole.as_object_mut().and_then(|members| members.shift_remove("contained"));
        let contained = if let Some(Value::Array(items)) = contained { items } else { Vec::new() };
        let (results, others): (Vec<Value>, Vec<Value>) =
            contained.into_iter().partition(|item| text(item, "resourceType") == ResourceType::OBSERVATION.name());
        if results.len() > RESULTS_MAX {
            let message = format!("a report has at most {RESULTS_MAX} results");
            return Err(Error::Business { code: "too-costly", expression: "DiagnosticReport.result".into(), message });
        }
        let ids: BTreeSet<String> = results.iter().map(|result| text(result, "id").to_owned()).collect();
        let named = whole.get("result").and_then(Value::as_array).into_iter().flatten().enumerate();
        for (at, result) in named {
            let reference = text(result, "reference");
            if !reference.is_empty() && !reference.strip_prefix('#').is_some_and(|id| ids.contains(id)) {
                let message = "this Observation is not known: a report comes with its results, in the same transaction or contained";
                let expression = format!("DiagnosticReport.result[{at}]");
                return Err(Error::Business { code: "not-found", expression, message: message.into() });
            }
        }
        let others: HashMap<String, (Value, usize)> = others
            .into_iter()
            .map(|item| {
                let size = item.to_string().len();
                (text(&item, "id").to_owned(), (item, size))
            })
            .collect();
        let mut left = COPIED_BYTES_MAX;
        whole_of(&mut whole, &others, &mut left)?;
        categorize(&mut whole, LAB);
        let mut taken = Vec::with_capacity(results.len());
        for mut result in results {
            let id = text(&result, "id").to_owned();
            strip(&mut result);
            whole_of(&mut result, &others, &mut left)?;
            categorize(&mut result, LABORATORY);
            taken.push((id, result));
        }
        Ok(Self { report: whole, results: taken, known_by, push, contained: None, edition: None })
    }

    /// Its status.
    pub fn status(&self) -> &str {
        text(&self.report, "status")
    }
}

/// What a report is known by: its first identifier. A digest has no `|`, as the names of documents and Lists have.
fn known_by(report: &Value) -> Option<String> {
    let all = report.get("identifier").and_then(Value::as_array)?;
    let first = all.iter().find(|identifier| identifier.get("value").is_some())?;
    let whole = format!("{}|{}", text(first, "system"), text(first, "value"));
    Some(format!("DiagnosticReport {}", digest::sha256_hex(whole.as_bytes())))
}

/// What results have in common that are one result in two versions of a report, beside their place among those alike: the first
/// identifier, else what was observed.
pub fn likeness(result: &Value) -> String {
    let first = result.get("identifier").and_then(Value::as_array).and_then(|all| all.iter().find(|one| one.get("value").is_some()));
    match first {
        Some(first) => format!("{}|{}", text(first, "system"), text(first, "value")),
        None => {
            let codings = result.pointer("/code/coding").and_then(Value::as_array).into_iter().flatten();
            let codes: Vec<String> = codings.map(|coding| format!("{}|{}", text(coding, "system"), text(coding, "code"))).collect();
            format!("code {} {}", codes.join(" "), result.pointer("/code/text").and_then(Value::as_str).unwrap_or_default())
        }
    }
}

/// Puts into a resource what it tells of, of all that the report contained.
fn whole_of(resource: &mut Value, others: &HashMap<String, (Value, usize)>, left: &mut usize) -> Result<(), Error> {
    let mut wanted: Vec<String> = Vec::new();
    local(resource, others, &mut wanted);
    let mut contained: Vec<Value> = Vec::new();
    let mut at = 0;
    while let Some((item, size)) = wanted.get(at).and_then(|id| others.get(id)) {
        at += 1;
        *left = left.checked_sub(*size).ok_or_else(|| Error::Business {
            code: "too-costly",
            expression: "DiagnosticReport.contained".into(),
            message: "what the results of the report tell of is too much to be told with each".into(),
        })?;
        local(item, others, &mut wanted);
        contained.push(item.clone());
    }
    if !contained.is_empty() {
        set(resource, "contained", contained.into());
    }
    Ok(())
}

/// The contained resources that a resource refers to.
fn local(resource: &Value, others: &HashMap<String, (Value, usize)>, found: &mut Vec<String>) {
    let seen = std::cell::RefCell::new(std::mem::take(found));
    // Nothing is replaced: a walk over what is a reference.
    replace_references(&mut resource.clone(), &|text| {
        if let Some(id) = text.strip_prefix('#')
            && others.contains_key(id)
            && !seen.borrow().iter().any(|known| known == id)
        {
            seen.borrow_mut().push(id.to_owned());
        }
        None
    });
    *found = seen.into_inner();
}

fn categorize(resource: &mut Value, (system, code): (&str, &str)) {
    if resource.get("category").is_none() {
        set(resource, "category", json!([{"coding": [{"system": system, "code": code}]}]));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_taken_apart() {
        let whole = json!({
            "resourceType": "DiagnosticReport", "identifier": [{"system": "urn:x", "value": "1"}], "status": "final", "code": {"text": "x"},
            "contained": [
                {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"}, "specimen": {"reference": "#s"}, "meta": {"security": [{"code": "N"}]}},
                {"resourceType": "Specimen", "id": "s", "collection": {"collector": {"reference": "#p"}}},
                {"resourceType": "Practitioner", "id": "p"},
                {"resourceType": "Organization", "id": "l"}
            ],
            "performer": [{"reference": "#l"}], "result": [{"reference": "#o"}]
        });
        let report = Report::of(whole.clone()).unwrap();
        let contained = |value: &Value| -> Vec<String> {
            let all = value.get("contained").and_then(Value::as_array).cloned().unwrap_or_default();
            all.iter().map(|item| text(item, "id").to_owned()).collect()
        };
        assert_eq!(contained(&report.report), ["l"]);
        assert_eq!(report.results.len(), 1);
        let (id, result) = report.results.first().unwrap();
        assert_eq!((id.as_str(), contained(result)), ("o", vec!["s".to_owned(), "p".to_owned()]));
        assert_eq!(result.pointer("/category/0/coding/0/code"), Some(&json!("laboratory")));
        assert!(result.pointer("/meta/security").is_none());
        assert_eq!(Report::of(whole.clone()).unwrap().push, report.push);
        let mut other = whole.clone();
        set(&mut other, "status", "amended".into());
        let other = Report::of(other).unwrap();
        assert!(other.known_by == report.known_by && other.push != report.push);
        let mut lost = whole;
        set(&mut lost, "result", json!([{"reference": "Observation/1"}]));
        assert!(matches!(Report::of(lost), Err(Error::Business { expression, .. }) if expression == "DiagnosticReport.result[0]"));
    }
}
