//! Why a decision is as it is: each rule about it with what came of its parts, and the row of the matrix that decided. Made of the
//! very scope that decides, so that it cannot say another thing.

use super::matrix::Cell;
use super::rules::Rule;
use super::scope::day;
use super::{Action, Caller, Decision, Policy};
use crate::fhir::ResourceType;
use crate::filter::{Candidate, Label, matches};

/// What a rule came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It permits, and nothing beats it.
    Permits,
    /// It forbids.
    Forbids,
    /// It would permit, were it not for one that forbids.
    Beaten,
    /// The caller does not stand so to the resource.
    Unrelated,
    /// The matrix does not let the profession consult the type.
    Matrix,
    /// A label takes the resource out of the rule.
    Labelled(Label),
}

/// A rule that was weighed.
#[derive(Debug, Clone)]
pub struct Weighed<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// What it came to.
    pub weight: Weight,
}

/// A decision with what it was made of.
#[derive(Debug, Clone)]
pub struct Explanation<'a> {
    /// The decision.
    pub decision: Decision,
    /// Every rule about such a caller, action and type, in the order of their table.
    pub rules: Vec<Weighed<'a>>,
    /// The row of the matrix without which the decision were another.
    pub row: Option<&'a Cell>,
}

impl Policy {
    /// The decision on a candidate, whose facts have the caller's rights, and why.
    pub fn explain(&self, caller: &Caller, action: Action, candidate: &Candidate<'_>, now: i64) -> Explanation<'_> {
        let resource = candidate.envelope.resource;
        let scope = self.scope(caller, action, resource, now);
        let decision = scope.decide(candidate);
        let forbidding: Vec<(&str, Option<&str>)> = scope.forbidding(candidate).collect();
        let weigh = |rule: &Rule| {
            let weight = self.weigh(rule, caller, candidate, now);
            match weight {
                Weight::Permits if !rule.permits => Weight::Forbids,
                Weight::Permits if forbidding.iter().any(|(_, group)| group.is_none_or(|group| rule.group.as_deref() == Some(group))) => {
                    Weight::Beaten
                }
                weight => weight,
            }
        };
        let rules: Vec<Weighed<'_>> =
            self.applicable(caller, action, resource, day(now)).map(|rule| Weighed { rule, weight: weigh(rule) }).collect();
        let row = self.row_behind(caller, &decision, &rules, candidate.envelope.doc_type, now);
        Explanation { decision, rules, row }
    }

    /// What a rule comes to by itself.
    fn weigh(&self, rule: &Rule, caller: &Caller, candidate: &Candidate<'_>, now: i64) -> Weight {
        let condition = self.condition(rule, caller, candidate.envelope.resource, now);
        if !matches(&condition.relation, candidate) {
            return Weight::Unrelated;
        }
        match condition.unlabelled.iter().find(|(_, without)| !matches(without, candidate)) {
            Some((label, _)) => Weight::Labelled(*label),
            None if !matches(&condition.matrix, candidate) => Weight::Matrix,
            None => Weight::Permits,
        }
    }

    /// The row that decided: it opened what one of the rules permits by, or alone keeps one of them from permitting.
    fn row_behind(&self, caller: &Caller, decision: &Decision, rules: &[Weighed<'_>], doc_type: i16, now: i64) -> Option<&Cell> {
        let decided = |one: &Weighed<'_>| match decision {
            Decision::Permit(_) => one.rule.matrix && one.weight == Weight::Permits,
            Decision::Deny(against) => against.is_empty() && one.weight == Weight::Matrix,
        };
        let profession = caller.profession.as_ref()?;
        if doc_type == 0 || !rules.iter().any(decided) {
            return None;
        }
        self.matrix().cell(profession, doc_type, day(now))
    }

    /// The decision as traces keep it: with the id of the row of the matrix that decided beside those of the rules.
    pub fn with_row(&self, caller: &Caller, action: Action, candidate: &Candidate<'_>, decision: Decision, now: i64) -> Decision {
        if candidate.envelope.doc_type == 0 || caller.profession.is_none() {
            return decision;
        }
        match decision {
            // What permits is known already: only whether the matrix limits it is asked.
            Decision::Permit(rules) => {
                let limited = self.rules().iter().any(|rule| rule.matrix && rules.contains(&rule.id));
                let cell = caller.profession.as_ref().and_then(|code| self.matrix().cell(code, candidate.envelope.doc_type, day(now)));
                Decision::Permit(with(rules, cell.filter(|_| limited)))
            }
            Decision::Deny(rules) if rules.is_empty() => {
                let row = self.explain(caller, action, candidate, now).row;
                Decision::Deny(with(rules, row))
            }
            decision => decision,
        }
    }

    /// The row of the matrix that may open a type of document to a caller by one of these rules.
    pub fn opening_row(&self, caller: &Caller, rules: &[String], resource: ResourceType, doc_type: i16, now: i64) -> Option<&str> {
        let limited = |rule: &&Rule| rule.matrix && rule.is_about(resource) && rules.contains(&rule.id);
        let profession = caller.profession.as_ref().filter(|profession| self.matrix().is_effective(profession))?;
        self.rules().iter().find(limited)?;
        let cell = self.matrix().cell(profession, doc_type, day(now)).filter(|cell| cell.opens(self.accepts_provisional()))?;
        Some(&cell.rule)
    }
}

fn with(mut rules: Vec<String>, row: Option<&Cell>) -> Vec<String> {
    rules.extend(row.map(|row| row.rule.clone()));
    rules
}
