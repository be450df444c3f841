//! `$explain-access` (FHIR R4 operations.html): who may consult a resource, and by which rules and which row of the matrix; or whether
//! one professional may, and why. Decided by the policy that decides on reads, of what a read would have found.
//!
//! Asked by whom the rules let (`explain` in `rules.tsv`): the person and representatives of what they may see themselves, auditors of
//! decisions on the record and its documents. To everybody else there is no such operation, whatever the id.
//!
//! Not of Lists: one is seen as its entries are, of which who asks may not see all, and a decision on the whole would tell of those. Each
//! entry is asked about by itself.
//!
//! An auditor is told rules, never content (CONTRACT 2): what decided for a professional whom the question describes, without the labels
//! that decided otherwise, and without the list of those who have rights, which is content of Consents.

mod answer;
mod everyone;
mod sentences;
mod subject;

use serde_json::{Value, json};

use super::read::{candidate, current, disclosed, seen};
use super::route::nothing_here;
use super::{Answer, Error, Request, Route, Sent, Service};
use crate::fhir::ResourceType;
use crate::fhir::format::is_id;
use crate::filter::{Actor, Facts};
use crate::policy::{Action, Caller, CallerKind};
use crate::store;

/// The name of the operation, as addresses and traces have it.
pub const NAME: &str = "$explain-access";

/// Whether there is such an operation for this caller; else it is answered as any name that is none.
///
/// # Errors
/// [`Error::NotSupported`].
pub fn offers(service: &Service, caller: &Caller, route: &Route) -> Result<(), Error> {
    match route {
        Route::Explain(resource, ..) if service.policy.scope(caller, Action::Explain, *resource, service.clock.now()).is_nothing() => {
            Err(nothing_here(NAME))
        }
        _ => Ok(()),
    }
}

/// Explains who may consult a resource.
///
/// # Errors
/// [`Error::NotFound`] for what is absent or hidden alike; 400 for parameters that describe no professional.
pub async fn explain(
    service: &Service,
    request: &Request,
    resource: ResourceType,
    id: &str,
    mut pairs: Vec<(String, String)>,
    sent: &Sent,
) -> Result<Answer, Error> {
    if !is_id(id) {
        return Err(Error::NotFound(resource, id.chars().take(64).collect()));
    }
    if let Sent::Resource(document) = sent {
        super::create::check(ResourceType::PARAMETERS, document)?;
        pairs.extend(subject::sent(&document.value)?);
    }
    let subject = subject::subject(&pairs)?;
    // Whoever is told of rules only asks of somebody: the rights of all are the content of Consents.
    let now = service.clock.now();
    let auditor = service.policy.scope(&request.caller, Action::Consult, ResourceType::CONSENT, now).is_nothing();
    if auditor && subject.is_none() {
        return Err(Error::Required { place: "profession".into(), message: "of which professional must be said".into() });
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
    let asked = service.asked(request, NAME, resource, id, &query);
    let scope = service.policy.scope(&request.caller, Action::Explain, resource, now);
    // One professional is decided on in the statement that finds the resource; all of them by the rights read just after it.
    let other = service.policy.scope(subject.as_ref().unwrap_or(&request.caller), Action::Consult, resource, now);
    let (name, everybody) = (id.to_owned(), subject.is_none());
    let read = service.store.run(move |connection| {
        let mut both = store::read::read_each(connection, &[(&scope, &name), (&other, &name)])?;
        let (decided, found) = (both.pop().unwrap_or(Ok(None))?, both.pop().unwrap_or(Ok(None))?);
        let rights = match &found {
            Some(found) if everybody => store::read::rights_over(connection, found.envelope.holder)?,
            _ => Vec::new(),
        };
        Ok((found, decided, rights))
    });
    let (found, decided, rights) = read.await?;
    let found = match seen(found, resource, id).and_then(|found| current(found, resource, id)) {
        Ok(found) => found,
        Err(refused) => return Err(service.refused(&asked, refused).await),
    };
    let decided = decided.ok_or_else(|| Error::Unexpected("one statement found it once".into()))?;
    let who = subject.as_ref().unwrap_or(&request.caller);
    let explained = service.policy.explain(who, Action::Consult, &candidate(&decided), now);
    if explained.decision != decided.decision {
        return Err(Error::Unexpected("an explanation is of another decision".into()));
    }
    let mut parameters = vec![json!({"name": "resource", "valueReference": {"reference": format!("{resource}/{id}")}})];
    parameters.push(json!({"name": "subject", "part": described(service, who)}));
    parameters.extend(answer::decision(service, who, &explained, !auditor));
    if everybody {
        let known = everyone::Known { envelope: found.envelope.clone(), facts: Facts { holder: found.facts.holder.clone(), rights } };
        // Asking the policy of everybody takes a while: the threads that serve do not wait.
        let within = service.clone();
        let told = tokio::task::spawn_blocking(move || everyone::everyone(&within, &known, now)).await;
        let (all, more) = told.map_err(|error| Error::Unexpected(error.to_string()))?;
        parameters.extend(all);
        if more {
            parameters.push(json!({"name": "incomplete", "valueBoolean": true}));
        }
    }
    service.trace(&asked, 200, &[disclosed(&found)]).await?;
    let body = json!({"resourceType": "Parameters", "parameter": parameters});
    Ok(Answer { status: 200, body: body.to_string().into_bytes(), ..Answer::default() })
}

/// Of whom the decision is.
fn described(service: &Service, who: &Caller) -> Vec<Value> {
    let mut parts = vec![json!({"name": "kind", "valueCode": who.kind.as_str()})];
    let named = |actor: &&Actor| actor.id() != "-";
    if who.kind != CallerKind::Professional || named(&&who.principal) {
        parts.push(json!({"name": "actor", "valueIdentifier": answer::identifier(&who.principal)}));
    }
    if let Some(structure) = &who.structure {
        parts.push(json!({"name": "structure", "valueIdentifier": answer::identifier(structure)}));
    }
    if let Some(code) = &who.profession {
        parts.push(json!({"name": "profession", "valueCoding": answer::profession(service, code)}));
    }
    parts.push(json!({"name": "purpose", "valueCode": who.purpose.as_str()}));
    for (name, code) in [("specialty", &who.specialty), ("role", &who.role), ("sector", &who.sector)] {
        parts.extend(code.as_ref().map(|code| json!({"name": name, "valueString": code})));
    }
    parts
}
