//! An explanation as Parameters (FHIR R4 operations.html).

use serde_json::{Value, json};

use super::super::Service;
use super::sentences::sentence;
use crate::audit;
use crate::filter::{Actor, Label};
use crate::policy::matrix::Cell;
use crate::policy::projection::CB;
use crate::policy::table::date;
use crate::policy::{Caller, Code, Decision, Exercise, Explanation, Rule, Weight};

/// What is told of one decision. `labels` is whether the labels of the resource may be told.
pub fn decision(service: &Service, subject: &Caller, explained: &Explanation<'_>, labels: bool) -> Vec<Value> {
    let permit = matches!(explained.decision, Decision::Permit(_));
    let decision = if permit { "permit" } else { "deny" };
    let mut all = vec![
        json!({"name": "decision", "valueCode": decision}),
        sentence("decision", decision),
        json!({"name": "law", "valueUri": format!("{CB}/law/{}", service.policy.version())}),
    ];
    if subject.profession.is_some() {
        let exercise = exercise(service.policy.exercise(subject));
        all.push(json!({"name": "exercise", "part": [{"name": "code", "valueCode": exercise}, sentence("exercise", exercise)]}));
    }
    let told = |weight: Weight| matches!(weight, Weight::Permits | Weight::Forbids);
    all.extend(explained.rules.iter().filter(|one| told(one.weight)).map(|one| of_rule(one.rule)));
    all.extend(explained.row.map(|row| matrix(service, subject, row)));
    if labels && !permit {
        all.extend(explained.rules.iter().filter_map(|one| unmet(one.rule, one.weight)));
    }
    all
}

/// A rule by its id.
pub fn rule(service: &Service, id: &str) -> Option<Value> {
    service.policy.rules().iter().find(|rule| rule.id == id).map(of_rule)
}

fn of_rule(rule: &Rule) -> Value {
    let relation = rule.relation.as_str();
    json!({"name": "rule", "part": [
        {"name": "id", "valueString": rule.id},
        {"name": "effect", "valueCode": if rule.permits { "permit" } else { "forbid" }},
        {"name": "relation", "valueCode": relation},
        {"name": "source", "valueString": rule.source},
        sentence("relation", relation)
    ]})
}

/// A rule that would permit, and why it does not.
fn unmet(rule: &Rule, weight: Weight) -> Option<Value> {
    let why = match weight {
        Weight::Permits | Weight::Forbids => return None,
        // One that does not forbid either is no reason.
        _ if !rule.permits => return None,
        Weight::Beaten => "beaten",
        Weight::Unrelated => "relation",
        Weight::Matrix => "matrix",
        Weight::Labelled(_) => "label",
    };
    let mut parts = vec![
        json!({"name": "id", "valueString": rule.id}),
        json!({"name": "relation", "valueCode": rule.relation.as_str()}),
        json!({"name": "reason", "valueCode": why}),
        sentence("unmet", why),
    ];
    if let Weight::Labelled(label) = weight {
        parts.push(json!({"name": "label", "valueCode": code_of(label)}));
    }
    Some(json!({"name": "unmet", "part": parts}))
}

fn code_of(label: Label) -> &'static str {
    super::super::labels::VISIBILITY.iter().find(|(known, _)| *known == label).map_or("entered-in-error", |(_, code)| code)
}

/// The row of the matrix that decided.
fn matrix(service: &Service, subject: &Caller, row: &Cell) -> Value {
    let matrix = service.policy.matrix();
    let mut parts = vec![
        json!({"name": "id", "valueString": row.rule}),
        json!({"name": "effect", "valueCode": row.effect.as_str()}),
        json!({"name": "status", "valueCode": row.status.as_str()}),
        json!({"name": "source", "valueString": matrix.source(&row.source).unwrap_or(&row.source)}),
        json!({"name": "since", "valueDate": date(row.since)}),
    ];
    if let Some(code) = &subject.profession {
        parts.push(json!({"name": "profession", "valueCoding": profession(service, code)}));
    }
    if let Some(one) = matrix.types().all().iter().find(|one| one.number == row.doc_type) {
        parts.push(json!({"name": "type", "valueCoding": {"system": one.system, "code": one.code, "display": one.display}}));
    }
    parts.push(sentence("matrix", row.effect.as_str()));
    json!({"name": "matrix", "part": parts})
}

/// A profession with its French label.
pub fn profession(service: &Service, code: &Code) -> Value {
    let mut coding = json!({"system": code.system, "code": code.code});
    if let (Some(column), Some(members)) = (service.policy.matrix().profession(code), coding.as_object_mut()) {
        members.insert("display".into(), column.display.clone().into());
    }
    coding
}

/// The code of an exercise.
pub fn exercise(exercise: Exercise) -> &'static str {
    match exercise {
        Exercise::Ordinary => "ordinary",
        Exercise::Occupational => "occupational",
        Exercise::Barred => "barred",
    }
}

/// The identifier of an actor.
pub fn identifier(actor: &Actor) -> Value {
    audit::who(actor).get("identifier").cloned().unwrap_or_default()
}
