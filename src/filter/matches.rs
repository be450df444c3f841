//! The interpreter in memory: reads, bundles, and the oracle of the tests.

use super::{Actor, Envelope, EnvelopeTest, Facts, Filter, HolderName, HolderTest, IndexRows, Param};

/// A resource as a filter sees it.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    /// Its envelope.
    pub envelope: &'a Envelope,
    /// Its holder and the caller's rights.
    pub facts: &'a Facts,
    /// Its index rows; `None` on a read, whose scope never asks them.
    pub index: Option<&'a IndexRows>,
    /// Finds what a reference value (`Type/id`) points to; `None` for an absent one.
    pub follow: Option<&'a dyn Fn(&str) -> Option<(Envelope, Facts, IndexRows)>>,
    /// What the database said of conditions that follow references, on a read.
    pub linked: &'a [(Filter, bool)],
    /// Finds what refers to a reference value by a parameter.
    pub referring: Option<&'a dyn Fn(Param, &str) -> Vec<(Envelope, Facts, IndexRows)>>,
}

/// Whether the candidate passes. What cannot be known is no match, and neither is its contrary (`None` inside).
pub fn matches(filter: &Filter, candidate: &Candidate<'_>) -> bool {
    eval(filter, candidate).unwrap_or(false)
}

/// Three values: `None` where the candidate lacks what the filter asks for.
fn eval(filter: &Filter, candidate: &Candidate<'_>) -> Option<bool> {
    match filter {
        Filter::Nothing => Some(false),
        Filter::Everything => Some(true),
        Filter::And(all) => all.iter().try_fold(true, |so_far, f| Some(eval(f, candidate)? && so_far)),
        Filter::Or(any) => any.iter().try_fold(false, |so_far, f| Some(eval(f, candidate)? || so_far)),
        Filter::Not(inner) => eval(inner, candidate).map(|b| !b),
        Filter::Id(ids) => Some(ids.contains(&candidate.envelope.id)),
        Filter::LastUpdated(test) => Some(test.holds(candidate.envelope.updated, candidate.envelope.updated + 1)),
        Filter::Index(param, test) => candidate.index.map(|rows| rows.any(*param, test)),
        Filter::HolderNamed(names) => Some(candidate.facts.holder.as_ref().is_some_and(|holder| {
            names.iter().any(|name| match name {
                HolderName::Id(id) => *id == holder.patient,
                HolderName::Identifier(ins) => holder.has_ins(ins),
                HolderName::Number(number) => *number == holder.holder,
            })
        })),
        Filter::Envelope(test) => Some(envelope(test, candidate)),
        Filter::Holder(test) => Some(candidate.facts.holder.as_ref().is_some_and(|holder| match test {
            HolderTest::State(state) => holder.state == Some(*state),
            HolderTest::Permits(setting) => holder.settings & setting.bit() != 0,
            HolderTest::BornUntil(day) => holder.born <= *day,
        })),
        Filter::Right(test) => Some(candidate.facts.holder.is_some() && candidate.facts.rights.iter().any(|right| test.holds(right))),
        Filter::Via(param, resource, inner) => {
            if let Some((_, holds)) = candidate.linked.iter().find(|(known, _)| known == filter) {
                return Some(*holds);
            }
            let (rows, follow) = (candidate.index?, candidate.follow?);
            Some(rows.reference.iter().filter(|(p, _)| p == param).any(|(_, value)| {
                follow(value).is_some_and(|(envelope, facts, index)| {
                    let target = Candidate { envelope: &envelope, facts: &facts, index: Some(&index), linked: &[], ..*candidate };
                    envelope.resource == *resource && matches(inner, &target)
                })
            }))
        }
        Filter::Has(param, resource, inner) => {
            let own = format!("{}/{}", candidate.envelope.resource, candidate.envelope.id);
            let all = candidate.referring?(*param, &own);
            Some(all.iter().any(|(envelope, facts, index)| {
                let source = Candidate { envelope, facts, index: Some(index), linked: &[], ..*candidate };
                envelope.resource == *resource && matches(inner, &source)
            }))
        }
    }
}

fn envelope(test: &EnvelopeTest, candidate: &Candidate<'_>) -> bool {
    let envelope = candidate.envelope;
    let holder = candidate.facts.holder.as_ref();
    let means = |word: &str, actor: &Actor| word == actor.as_str() || holder.is_some_and(|holder| holder.means(word, actor));
    match test {
        EnvelopeTest::DocTypeIn(rows) => rows.binary_search(&envelope.doc_type).is_ok(),
        EnvelopeTest::Labelled(label) => envelope.has(*label),
        EnvelopeTest::KeyBelow(key) => envelope.lasting_from() < *key,
        EnvelopeTest::PartyIn(actors) => envelope.parties.split(' ').any(|party| actors.iter().any(|actor| means(party, actor))),
        EnvelopeTest::SubmittedBy(actor) => means(&envelope.submitter, actor),
        EnvelopeTest::HolderIs(ins) => holder.is_some_and(|holder| holder.has_ins(ins)),
    }
}
