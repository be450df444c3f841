//! The report of a clinical document (IHE PaLM TF-3, XD-LAB; CI-SIS, "Compte rendu d'examens biologiques") with its results contained, as
//! a FHIR document would bring it.
//!
//! The document is the original, and is kept whatever is in it: what is not read is told as a warning, with how often and why, and a
//! report whose results are not read is a report without them rather than none, so that it follows the one before. A battery or isolate
//! is an Observation whose members are its results; `DiagnosticReport.result` names those that are members of none (EU laboratory guide).

mod coded;
mod result;
mod value;

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use self::result::{Wrong, identifier, observation, specimen};
use super::edition::{self, Edition};
use super::inline::PERSON;
use super::made::LABORATORY;
use super::parts::Report;
use crate::cda::results::{ITEMS_MAX, Item, Kind, Left, Results};
use crate::cda::{Header, Organization, Party, instant};
use crate::fhir::ResourceType;
use crate::fhir::validate::validate;
use crate::interaction::header::{organization, person};
use crate::interaction::stored::set;
use crate::policy::nomenclature::LOINC;

/// Performers of a report.
const PERFORMERS_MAX: usize = 20;

/// The report of a clinical document, and what is told of it; none where its body has no results.
pub fn report(header: &Header, results: &Results) -> (Option<Report>, Vec<String>) {
    if !results.found {
        return (None, Vec::new());
    }
    let mut told = Told::default();
    let mut whole = head(header, results);
    if results.too_many {
        told.more.push(format!("there are more than {ITEMS_MAX} results in the clinical document: none was read out of it"));
    } else {
        body(&mut whole, results, &mut told);
    }
    let made = match validate(ResourceType::DIAGNOSTIC_REPORT, &whole).into_iter().next() {
        Some(issue) => Err(format!("the report of the clinical document is not valid: {}: {}", issue.expression, issue.message)),
        None => Report::of(whole).map_err(|error| format!("no report was made of the clinical document: {error}")),
    };
    match made {
        Ok(report) => (Some(Report { edition: Some(Edition::of(header)), ..report }), told.sentences()),
        Err(sentence) => (None, vec![sentence]),
    }
}

/// What is told of results that were not read, or not wholly.
#[derive(Default)]
struct Told {
    /// Of results that were left out, by why: how many, and the code of the first that has one.
    left: BTreeMap<&'static str, (usize, Option<String>)>,
    /// Units that are none of UCUM.
    odd: Vec<String>,
    /// Results of which a range was left out.
    ranges: usize,
    more: Vec<String>,
}

impl Told {
    fn left(&mut self, why: &'static str, code: Option<&str>) {
        let (count, first) = self.left.entry(why).or_default();
        *count += 1;
        if first.is_none() {
            *first = code.map(|code| crate::fhir::xml::shown(code).to_owned());
        }
    }

    fn sentences(mut self) -> Vec<String> {
        for (why, (count, first)) in self.left {
            let first = first.unwrap_or_else(|| "-".into());
            self.more.push(format!("{count} of the results of the clinical document were left out, `{first}` first: {why}"));
        }
        if let Some(first) = self.odd.first() {
            let (count, first) = (self.odd.len(), crate::fhir::xml::shown(first));
            self.more
                .push(format!("{count} of the units of the clinical document are none of UCUM, `{first}` first: they are told as text"));
        }
        if self.ranges > 0 {
            let count = self.ranges;
            self.more.push(format!("{count} of the results of the clinical document have expected ranges that were left out"));
        }
        self.more
    }
}

fn why(left: Left) -> &'static str {
    match left {
        Left::Subject => "they are about another than the person",
        Left::Mood => "they say what did not happen, or nothing",
        Left::Template => "they do not follow the template of results",
        Left::Code => "they have no code",
        Left::Value => VALUE,
        Left::Several => "they have several values",
    }
}

const VALUE: &str = "their value is not what its type says, or of a type that is not read";

/// What the header says of the report.
fn head(header: &Header, results: &Results) -> Value {
    let mut whole = json!({"resourceType": "DiagnosticReport"});
    if let Some(number) = edition::number(header) {
        set(&mut whole, "extension", json!([edition::extension(number)]));
    }
    // What all versions have in common comes first: a report is known by it.
    let ids: Vec<Value> = [&header.set_id, &header.id].into_iter().flatten().map(identifier).collect();
    if !ids.is_empty() {
        set(&mut whole, "identifier", ids.into());
    }
    set(&mut whole, "status", edition::status(header, results).into());
    let mut code = json!({"coding": [{"system": LOINC, "code": LABORATORY}]});
    if let Some(title) = &header.title {
        set(&mut code, "text", title.clone().into());
    }
    set(&mut whole, "code", code);
    set(&mut whole, "subject", json!({"reference": PERSON}));
    let period = header.period.as_ref().and_then(|(low, high)| value::period(low.as_deref(), high.as_deref()));
    if let Some(period) = period {
        set(&mut whole, "effectivePeriod", period);
    }
    if let Some(issued) = header.effective_time.as_deref().and_then(instant) {
        set(&mut whole, "issued", issued.into());
    }
    let mut performers: Vec<Value> = Vec::new();
    for performer in header.authors.iter().flat_map(performers_of) {
        if !performers.contains(&performer) && performers.len() < PERFORMERS_MAX {
            performers.push(performer);
        }
    }
    if !performers.is_empty() {
        set(&mut whole, "performer", performers.into());
    }
    whole
}

/// The laboratory of an author, and the author who is a person.
fn performers_of(author: &Party) -> Vec<Value> {
    let laboratory = author.organization.as_ref().and_then(|one: &Organization| organization(one));
    let person = if author.device.is_none() { person(author) } else { None };
    laboratory.into_iter().chain(person).collect()
}

/// What the entries say.
fn body(whole: &mut Value, results: &Results, told: &mut Told) {
    results.left.iter().for_each(|(left, code)| told.left(why(*left), code.as_deref()));
    told.ranges = results.items.iter().filter(|item| item.ranges_left).count();
    let mut ids: HashMap<&(String, String), usize> = HashMap::new();
    results.items.iter().flat_map(|item| &item.ids).for_each(|id| *ids.entry(id).or_default() += 1);
    let lone = |id: &(String, String)| ids.get(id) == Some(&1);
    let specimens: Vec<Option<Value>> =
        results.specimens.iter().enumerate().map(|(place, one)| specimen(&format!("specimen-{}", place + 1), one)).collect();
    let mut made: Vec<Option<Value>> = Vec::with_capacity(results.items.len());
    for (place, item) in results.items.iter().enumerate() {
        let taken = item.specimen.filter(|place| specimens.get(*place).is_some_and(Option::is_some));
        let name = taken.map(|place| format!("specimen-{}", place + 1));
        let taken = taken.and_then(|place| results.specimens.get(place));
        let mut odd = Vec::new();
        let one = observation(&format!("result-{}", place + 1), item, name.as_deref().zip(taken), &lone, &mut odd);
        match one {
            Ok(_) => {
                told.ranges +=
                    usize::from(!item.ranges_left && item.ranges.iter().any(|range| value::range(range, &mut Vec::new()).is_none()));
                told.odd.extend(odd);
            }
            Err(wrong) => {
                let why = if wrong == Wrong::Value { VALUE } else { "they would not be valid" };
                told.left(why, item.code.as_ref().and_then(|code| code.codes.first()).map(|code| code.code.as_str()));
            }
        }
        made.push(one.ok());
    }
    let top = join(&mut made, &results.items);
    let specimens: Vec<Value> = specimens.into_iter().flatten().collect();
    let reference = |one: &Value| json!({"reference": format!("#{}", one.get("id").and_then(Value::as_str).unwrap_or_default())});
    if !specimens.is_empty() {
        set(whole, "specimen", specimens.iter().map(reference).collect());
    }
    if !top.is_empty() {
        set(whole, "result", top.into());
    }
    if !results.comments.is_empty() {
        set(whole, "conclusion", results.comments.join("\n").into());
    }
    let contained: Vec<Value> = made.into_iter().flatten().chain(specimens).collect();
    if !contained.is_empty() {
        set(whole, "contained", contained.into());
    }
}

/// Makes results members of what they stand in; the references to those that are members of nothing. A battery that holds nothing goes.
fn join(made: &mut [Option<Value>], items: &[Item]) -> Vec<Value> {
    // The nearest that was made of what each stands in, itself included.
    let mut nearest: Vec<Option<usize>> = Vec::with_capacity(items.len());
    let mut around: Vec<Option<usize>> = Vec::with_capacity(items.len());
    for (place, (item, made)) in items.iter().zip(made.iter()).enumerate() {
        let outer = item.within.and_then(|outer| nearest.get(outer).copied().flatten());
        around.push(outer);
        nearest.push(if made.is_some() { Some(place) } else { outer });
    }
    let mut members: Vec<Vec<Value>> = vec![Vec::new(); items.len()];
    let mut top = Vec::new();
    // From the last to the first: what stands in something comes after it.
    for ((place, item), outer) in items.iter().enumerate().zip(&around).rev() {
        let Some(one) = made.get_mut(place) else { continue };
        let mut own = members.get_mut(place).map(std::mem::take).unwrap_or_default();
        own.reverse();
        if item.kind == Kind::Battery && own.is_empty() {
            *one = None;
        }
        let Some(one) = one else { continue };
        if !own.is_empty() {
            set(one, "hasMember", own.into());
        }
        let reference = json!({"reference": format!("#result-{}", place + 1)});
        match outer.and_then(|outer| members.get_mut(outer)) {
            Some(members) => members.push(reference),
            None => top.push(reference),
        }
    }
    top.reverse();
    top
}

#[cfg(test)]
mod tests;
