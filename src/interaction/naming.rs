//! The holders a search names, and what it may reach beside the type it is on.

use std::collections::BTreeSet;

use super::{Error, Request, Service, listed};
use crate::fhir::ResourceType;
use crate::filter::{Facts, Filter, HolderName, Param, RightKind, RightTest, Test};
use crate::policy::{Action, Caller, CallerKind, Purpose, Scope};
use crate::search::{self, Query};
use crate::store;

/// The holders a search names.
pub(super) struct Naming {
    /// Those with whom the caller stands well: nobody else's rows are looked at.
    pub well: Vec<i64>,
    /// Those that exist, and 0 for each name that leads nowhere: as many as names, so that their number tells nothing.
    pub touched: Vec<i64>,
    /// Whether the search is answered.
    pub answered: bool,
}

/// Where the caller stands with the holders a search names; `None` when it names none.
pub(super) async fn named(service: &Service, request: &Request, resource: ResourceType, query: &Query) -> Result<Option<Naming>, Error> {
    let caller = &request.caller;
    if query.holders.is_empty() || caller.kind == CallerKind::Tester {
        return Ok(None);
    }
    let names: Vec<HolderName> = query.holders.iter().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect();
    let count = names.len();
    let (actors, principal) = (caller.actors(), caller.principal.clone());
    let found = service.store.run(move |connection| store::search::standings(connection, &names, &actors, &principal)).await?;
    let scopes = scopes(service, caller, resource);
    // Those who see every holder learn nothing from an empty answer.
    let all = matches!(caller.kind, CallerKind::Operator | CallerKind::Auditor);
    let stands = |standing: &&store::Standing| {
        let facts = Facts { holder: Some(standing.row.clone()), rights: standing.rights.clone() };
        all || scopes.iter().any(|scope| scope.reaches(&facts, standing.deposited))
    };
    let is = |name: &HolderName, standing: &store::Standing| match name {
        HolderName::Id(id) => *id == standing.row.patient,
        HolderName::Identifier(ins) => standing.row.has_ins(ins),
        HolderName::Number(number) => *number == standing.row.holder,
    };
    // Every list of names must lead to the holder.
    let by_all = |standing: &&store::Standing| query.holders.iter().all(|list| list.iter().any(|name| is(name, standing)));
    // Of several named, one with a right is enough for an answer, were it an empty one (CONTRACT 4).
    let any = found.iter().any(|standing| stands(&standing));
    let well: Vec<i64> = found.iter().filter(stands).filter(by_all).map(|standing| standing.row.holder).collect();
    let touched = touched(caller, count, &found);
    // TD3.1b, the search of one document by its identifier, is always answered.
    let by_identifier = resource == ResourceType::DOCUMENT_REFERENCE && query.named.contains("identifier");
    let answered = all || by_identifier || any;
    Ok(Some(Naming { well, touched, answered }))
}

/// The records of those found of so many names, as traces tell.
fn touched(caller: &Caller, count: usize, found: &[store::Standing]) -> Vec<i64> {
    let mut touched: Vec<i64> = found.iter().map(|standing| standing.row.holder).collect();
    touched.resize(count, 0);
    // Beside the records it touched, the one it was sent from: as often for those that exist as for those that do not.
    let own = |standing: &&store::Standing| caller.acts_for.as_ref().is_none_or(|own| standing.row.has_ins(own));
    touched.resize(count + found.iter().filter(|standing| !own(standing)).count(), 0);
    touched
}

/// The records of the persons whom a question to a directory names further on: what it finds, or does not, tells of them. `counts`
/// where a number tells of all that answers, which then has to be of somebody named.
///
/// # Errors
/// [`Error::NotSupported`] for a number over everybody; [`Error::Away`](crate::store::Error::Away).
pub(super) async fn named_within(service: &Service, request: &Request, filter: &Filter, counts: bool) -> Result<Vec<i64>, Error> {
    let mut names = BTreeSet::new();
    mentioned(filter, None, &mut names);
    if names.is_empty() {
        if counts && request.caller.acts_for.is_none() {
            let message = "what stands in records is counted where the person is named".to_owned();
            return Err(Error::NotSupported { place: "_has".into(), message });
        }
        return Ok(Vec::new());
    }
    let (names, caller) = (names.into_iter().collect::<Vec<HolderName>>(), &request.caller);
    let (count, actors, principal) = (names.len(), caller.actors(), caller.principal.clone());
    let found = service.store.run(move |connection| store::search::standings(connection, &names, &actors, &principal)).await?;
    Ok(touched(caller, count, &found))
}

/// Every person that a filter names, as far as it is understood; `of` is the type at whose end it stands.
fn mentioned(filter: &Filter, of: Option<ResourceType>, names: &mut BTreeSet<HolderName>) {
    let person = of == Some(ResourceType::PATIENT);
    match filter {
        Filter::And(all) | Filter::Or(all) => all.iter().for_each(|one| mentioned(one, of, names)),
        Filter::Not(inner) => mentioned(inner, of, names),
        Filter::Via(_, next, inner) | Filter::Has(_, next, inner) => mentioned(inner, Some(*next), names),
        Filter::HolderNamed(own) => names.extend(own.iter().cloned()),
        Filter::Id(ids) if person => names.extend(ids.iter().cloned().map(HolderName::Id)),
        Filter::Index(_, Test::Reference(values)) => {
            let ids = values.iter().filter_map(|value| value.strip_prefix("Patient/"));
            names.extend(ids.map(|id| HolderName::Id(id.to_owned())));
        }
        Filter::Index(_, Test::Token(values)) if person => {
            names.extend(values.iter().filter(|value| value.contains('|')).cloned().map(HolderName::Identifier));
        }
        _ => {}
    }
}

/// What a caller who reaches something of the record stands well with.
pub(super) fn scopes(service: &Service, caller: &Caller, resource: ResourceType) -> Vec<Scope> {
    let of = |resource| service.policy.scope(caller, Action::Consult, resource, service.clock.now());
    match caller.kind {
        // Standing is with the record, whichever part of it is asked for.
        CallerKind::Professional | CallerKind::Structure => vec![of(ResourceType::DOCUMENT_REFERENCE), of(ResourceType::PATIENT)],
        _ => vec![of(resource)],
    }
}

/// Every resource reached through a chain passes the scope of its own type.
pub(super) fn chained(service: &Service, request: &Request, resource: ResourceType, filter: Filter) -> Filter {
    let within = |inner: Filter| chained(service, request, resource, inner);
    let entries = !request.is_tester() && resource == ResourceType::LIST;
    match if entries { listed::asked(filter) } else { filter } {
        Filter::And(all) => Filter::And(all.into_iter().map(within).collect()),
        Filter::Or(any) => Filter::Or(any.into_iter().map(within).collect()),
        Filter::Not(inner) => Filter::Not(Box::new(within(*inner))),
        Filter::Via(param, target, inner) => {
            // The person whom something of a record is about is as much named as the record, and so is what a List of it lists.
            let known = entries || target == ResourceType::PATIENT && service.policy.is_of_record(resource);
            let inner = reached(service, request, target, known).and(chained(service, request, target, *inner));
            Filter::Via(param, target, Box::new(inner))
        }
        Filter::Has(param, source, inner) => {
            let inner = reached(service, request, source, false).and(chained(service, request, source, *inner));
            Filter::Has(param, source, Box::new(inner))
        }
        // Testers' patients have no row of their own: their identifiers are index rows.
        Filter::HolderNamed(names) if request.caller.kind == CallerKind::Tester => tester_named(resource, &names),
        other => other,
    }
}

/// What in records answers a question to a directory.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answering {
    /// The parameter that refers to what is searched.
    pub param: Param,
    /// The type that has it.
    pub source: ResourceType,
    /// What is asked of it, and may be.
    pub filter: Filter,
}

/// What in records answers a question that was [`chained`], where a directory is searched: it is told as found (P2).
///
/// # Errors
/// [`Error::NotSupported`] at `place` for a question that leaves a directory for records further on: whose records answered it nobody
/// could be told.
pub(super) fn answering(
    service: &Service,
    request: &Request,
    resource: ResourceType,
    chained: &Filter,
    place: &str,
) -> Result<Vec<Answering>, Error> {
    let mut found = Vec::new();
    if request.is_tester() || collect(service, resource, chained, true, &mut found) {
        return Ok(found);
    }
    let message = "directories are not searched by what stands in records beyond what refers to them".to_owned();
    Err(Error::NotSupported { place: place.to_owned(), message })
}

/// Whether nothing goes from a directory into records but what refers to what is searched, if this is where that is asked.
fn collect(service: &Service, resource: ResourceType, filter: &Filter, first: bool, found: &mut Vec<Answering>) -> bool {
    let of_record = |resource| service.policy.is_of_record(resource);
    match filter {
        Filter::And(all) | Filter::Or(all) => all.iter().all(|one| collect(service, resource, one, first, found)),
        Filter::Not(inner) => collect(service, resource, inner, first, found),
        Filter::Via(_, next, inner) | Filter::Has(_, next, inner) if !of_record(resource) && of_record(*next) => {
            if let Filter::Has(param, ..) = filter
                && first
            {
                found.push(Answering { param: *param, source: *next, filter: (**inner).clone() });
                return collect(service, *next, inner, false, found);
            }
            false
        }
        Filter::Via(_, next, inner) | Filter::Has(_, next, inner) => collect(service, *next, inner, false, found),
        _ => true,
    }
}

/// What may be reached of a type: no population of it.
fn reached(service: &Service, request: &Request, resource: ResourceType, known: bool) -> Filter {
    let scope = service.policy.scope(&request.caller, Action::Consult, resource, service.clock.now());
    narrowed(service, request, resource, scope.filter(), known)
}

fn tester_named(resource: ResourceType, names: &[HolderName]) -> Filter {
    let token = |name: &HolderName| match name {
        HolderName::Identifier(token) => Some(token.clone()),
        HolderName::Id(_) | HolderName::Number(_) => None,
    };
    let tokens: Vec<String> = names.iter().filter_map(token).collect();
    let by = search::find(resource, "patient").or_else(|| search::find(resource, "subject"));
    let (Some(parameter), Some(identifier)) = (by, search::find(ResourceType::PATIENT, "identifier")) else { return Filter::Nothing };
    let chained = Filter::Index(identifier.param, Test::Token(tokens.clone()));
    Filter::Via(parameter.param, ResourceType::PATIENT, Box::new(chained))
        .or(Filter::Index(parameter.identifier_param(), Test::Token(tokens)))
}

/// A professional's question over no holder in particular goes to those who gave a right, never to a whole population.
pub(super) fn narrowed(service: &Service, request: &Request, resource: ResourceType, filter: Filter, named: bool) -> Filter {
    let caller = &request.caller;
    let population = match resource {
        ResourceType::PATIENT | ResourceType::RELATED_PERSON => true,
        ResourceType::DOCUMENT_REFERENCE
        | ResourceType::BINARY
        | ResourceType::LIST
        | ResourceType::DIAGNOSTIC_REPORT
        | ResourceType::OBSERVATION => caller.purpose != Purpose::Normal,
        // What names the caller, or is open to all, is the same in every mode of access.
        _ => false,
    };
    if named || caller.kind != CallerKind::Professional || !population {
        return filter;
    }
    let kinds = RightKind::ALL.into_iter().filter(|kind| !kind.blocks()).collect();
    filter.and(Filter::Right(RightTest { kinds, actors: caller.actors(), at: service.clock.now(), part: None, purposes: None }))
}
