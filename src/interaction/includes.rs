//! `_include` and `_revinclude` (FHIR R4 search.html#revinclude): what comes along is inside the caller's scope of its own type.

use std::collections::BTreeSet;

use super::naming::{Answering, narrowed};
use super::{Error, Request, Service};
use crate::fhir::{NAMES, ResourceType};
use crate::filter::{Filter, HolderName};
use crate::policy::{Action, Scope};
use crate::search::{self, Include};
use crate::store::{self, Followed, Hit};

/// Resources that one page brings beside its own.
pub const MAX_INCLUDED: usize = 1000;
/// Rounds in which references are followed, `:iterate` counted.
pub const MAX_ROUNDS: usize = 5;

/// What comes along.
#[derive(Default)]
pub(super) struct Included {
    pub hits: Vec<Hit>,
    /// What left out the rest, where there is more.
    pub cut: Option<Cut>,
}

/// Why there is more than what is brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// There are more than [`MAX_INCLUDED`].
    Resources,
    /// They are further away than [`MAX_ROUNDS`] references.
    Rounds,
}

/// One statement for what follows the same way to the same types.
struct Step {
    reverse: bool,
    source: Option<ResourceType>,
    iterate: bool,
    followed: Followed,
    /// Each type with its scope, and what of it is no population.
    parts: Vec<(Scope, Filter)>,
}

/// What a page brings along.
///
/// # Errors
/// [`Error::Away`](crate::store::Error::Away), as the store says.
pub(super) async fn fetch(service: &Service, request: &Request, page: &[Hit], includes: &[Include]) -> Result<Included, Error> {
    let holders: BTreeSet<i64> = page.iter().map(|hit| hit.envelope.holder).collect();
    let steps: Vec<Step> = steps(service, request, includes, &holders);
    if steps.is_empty() || page.is_empty() {
        return Ok(Included::default());
    }
    let mut seen: BTreeSet<(i64, i64)> = page.iter().map(place).collect();
    let mut from: Vec<Found> = page.iter().map(Found::of).collect();
    let found = service.store.run(move |connection| {
        let mut included = Included::default();
        // One round more tells whether the bound leaves anything out.
        for round in 0..=MAX_ROUNDS {
            let mut next = Vec::new();
            for step in steps.iter().filter(|step| round == 0 || step.iterate) {
                let starts = || from.iter().filter(|found| step.reverse || step.source.is_none_or(|source| source == found.resource));
                let left = if round == MAX_ROUNDS { 0 } else { MAX_INCLUDED };
                let limit = left.saturating_add(seen.len()).saturating_add(1);
                let hits = if step.reverse {
                    let to: Vec<String> = starts().map(|found| format!("{}/{}", found.resource, found.id)).collect();
                    store::search::referring(connection, &step.parts, &to, &step.followed, limit)?
                } else {
                    let places: Vec<(i64, i64)> = starts().map(|found| found.place).collect();
                    store::search::referred(connection, &step.parts, &places, &step.followed, limit)?
                };
                for hit in hits {
                    if !seen.insert(place(&hit)) {
                        continue;
                    }
                    if round == MAX_ROUNDS || included.hits.len() >= MAX_INCLUDED {
                        included.cut = Some(if round == MAX_ROUNDS { Cut::Rounds } else { Cut::Resources });
                        return Ok(included);
                    }
                    next.push(Found::of(&hit));
                    included.hits.push(hit);
                }
            }
            if next.is_empty() {
                break;
            }
            from = next;
        }
        Ok(included)
    });
    Ok(found.await?)
}

/// What in records made these resources of a directory match: it is disclosed by that, though not answered.
///
/// # Errors
/// [`Error::Business`] where it is more than [`MAX_INCLUDED`]; [`Error::Away`](crate::store::Error::Away).
pub(super) async fn answers(service: &Service, request: &Request, page: &[Hit], answering: Vec<Answering>) -> Result<Vec<Hit>, Error> {
    let to: Vec<String> = page.iter().map(|hit| format!("{}/{}", hit.envelope.resource, hit.envelope.id)).collect();
    if answering.is_empty() || to.is_empty() {
        return Ok(Vec::new());
    }
    let now = service.clock.now();
    let steps: Vec<(Followed, [(Scope, Filter); 1])> = answering
        .into_iter()
        .map(|one| {
            let scope = service.policy.scope(&request.caller, Action::Consult, one.source, now);
            (Followed { params: vec![one.param] }, [(scope, one.filter)])
        })
        .collect();
    let found = service.store.run(move |connection| {
        let mut all = Vec::new();
        for (followed, parts) in &steps {
            all.extend(store::search::referring(connection, parts, &to, followed, MAX_INCLUDED + 1)?);
        }
        Ok(all)
    });
    let mut found = found.await?;
    // By when they were written: the order of holders would tell of others.
    found.sort_by_key(|hit| std::cmp::Reverse((hit.envelope.key, hit.envelope.holder)));
    found.dedup_by_key(|hit| place(hit));
    if found.len() > MAX_INCLUDED {
        let message = format!("more than {MAX_INCLUDED} resources of records answer `_has` for one page: ask for less");
        return Err(Error::Business { code: "too-costly", expression: "_has".into(), message });
    }
    Ok(found)
}

/// A resource from which references are followed.
struct Found {
    resource: ResourceType,
    id: String,
    place: (i64, i64),
}

impl Found {
    fn of(hit: &Hit) -> Self {
        Self { resource: hit.envelope.resource, id: hit.envelope.id.clone(), place: place(hit) }
    }
}

fn place(hit: &Hit) -> (i64, i64) {
    (hit.envelope.holder, hit.envelope.key)
}

fn steps(service: &Service, request: &Request, includes: &[Include], holders: &BTreeSet<i64>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for include in includes {
        // At the other end of the reference: the type that refers, or those referred to.
        let types: Vec<ResourceType> = match (include.reverse, include.source, include.target) {
            (true, Some(source), _) => vec![source],
            (false, _, Some(target)) => vec![target],
            (false, Some(source), None) => match include.param.and_then(|param| search::of(source).iter().find(|one| one.param == param)) {
                Some(parameter) if !parameter.targets.is_empty() => parameter.targets.clone(),
                _ => all(),
            },
            (_, None, None) | (true, None, Some(_)) => all(),
        };
        let parts: Vec<(Scope, Filter)> = types.into_iter().filter_map(|resource| part(service, request, resource, holders)).collect();
        if parts.is_empty() {
            continue;
        }
        let followed = Followed { params: include.param.into_iter().collect() };
        let source = if include.reverse { None } else { include.source };
        steps.push(Step { reverse: include.reverse, source, iterate: include.iterate, followed, parts });
    }
    steps
}

fn all() -> Vec<ResourceType> {
    NAMES.into_iter().filter_map(ResourceType::parse).collect()
}

/// What may come along of a type. A Binary has the rights of its document and traces are rendered: both are asked for alone. Of those
/// whose records the page is not about, only what a right leads to comes.
fn part(service: &Service, request: &Request, resource: ResourceType, holders: &BTreeSet<i64>) -> Option<(Scope, Filter)> {
    let apart = matches!(resource, ResourceType::BINARY | ResourceType::AUDIT_EVENT) && !request.is_tester();
    if apart || !service.policy.serves(request.caller.kind, resource) {
        return None;
    }
    let scope = service.policy.scope(&request.caller, Action::Consult, resource, service.clock.now());
    let own = holders.iter().filter(|holder| **holder > 0).map(|holder| HolderName::Number(*holder)).collect();
    let known = narrowed(service, request, resource, Filter::Everything, false);
    (!scope.is_nothing()).then(|| (scope, known.or(Filter::HolderNamed(own))))
}
