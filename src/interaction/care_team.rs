//! CareTeam and RelatedPerson (CONTRACT 3): who may write a team, and what a representative needs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::holder::Standing;
use super::{Error, clear};
use crate::fhir::national::Ins;
use crate::filter::{Actor, HolderRow, RightKind};
use crate::policy::projection::identified;
use crate::policy::{Caller, CallerKind, Policy};

/// The members of a team, by national identifier.
pub fn members(team: &Value) -> Vec<Actor> {
    let participants = team.get("participant").and_then(Value::as_array);
    participants.into_iter().flatten().filter_map(|participant| identified(participant.get("member")?)).collect()
}

/// The structures that manage a team.
fn managers(team: &Value) -> Vec<Actor> {
    let organizations = team.get("managingOrganization").and_then(Value::as_array);
    organizations.into_iter().flatten().filter_map(identified).filter(|actor| actor.kind() == 'S').collect()
}

/// Whom a team names: its members, and as such the structures that manage it.
pub fn parties(team: &Value) -> Vec<Actor> {
    members(team).into_iter().chain(managers(team).iter().filter_map(Actor::managing)).collect()
}

/// Checks the form of a team, whoever writes it.
///
/// # Errors
/// [`Error::Business`] with the element.
pub fn check_form(team: &Value) -> Result<(), Error> {
    clear::modifiers(team, "CareTeam")?;
    clear::period(team.get("period"), "CareTeam.period")?;
    let participants = team.get("participant").and_then(Value::as_array).into_iter().flatten();
    for (at, participant) in participants.enumerate() {
        clear::period(participant.get("period"), &format!("CareTeam.participant[{at}].period"))?;
    }
    Ok(())
}

/// Whether this caller may write the team, which was `before` until now. Who neither holds nor represents only adds others. Without a
/// standing it has no right.
///
/// # Errors
/// [`Error::Forbidden`].
pub fn check_author(
    policy: &Policy,
    before: Option<&Value>,
    team: &Value,
    caller: &Caller,
    standing: Option<&Standing>,
    now: i64,
) -> Result<(), Error> {
    let refuse = |why: &str| Err(Error::Forbidden(format!("a CareTeam is not written so: {why}")));
    let may = match caller.kind {
        CallerKind::Holder | CallerKind::Representative => return Ok(()),
        CallerKind::Professional => standing.is_some_and(|standing| {
            standing.holds(policy, &[RightKind::TreatingPhysician], caller, now) && !standing.blocked(policy, caller, now)
        }),
        // Who manages a team is what it said before: nobody takes it over by saying so.
        CallerKind::Structure => managers(before.unwrap_or(team)).contains(&caller.principal),
        CallerKind::Application | CallerKind::Operator | CallerKind::Auditor | CallerKind::Tester => false,
    };
    if !may {
        return refuse("only by the person, a representative, the treating physician or the structure that manages it");
    }
    let Some(added) = added(before, team) else { return refuse("they only add members, and leave the rest as it is") };
    let itself = |participant: &&Value| participant.get("member").and_then(identified).is_some_and(|one| caller.actors().contains(&one));
    if added.iter().any(itself) { refuse("nobody adds itself") } else { Ok(()) }
}

/// The participations a team has more than before; `None` where it lost one or anything else changed.
fn added<'t>(before: Option<&Value>, team: &'t Value) -> Option<Vec<&'t Value>> {
    let participants = |team: &'t Value| team.get("participant").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut added: Vec<&Value> = participants(team).iter().collect();
    let Some(before) = before else { return Some(added) };
    for kept in before.get("participant").and_then(Value::as_array).into_iter().flatten() {
        let place = added.iter().position(|one| *one == kept)?;
        added.remove(place);
    }
    // Who the subject is has its own check; the server writes the rest of these.
    let beside = |name: &str| matches!(name, "participant" | "subject" | "meta" | "text" | "id");
    let rest = |team: &Value| {
        let members = team.as_object().into_iter().flatten().filter(|(name, _)| !beside(name));
        members.map(|(name, member)| (name.clone(), member.clone())).collect::<BTreeMap<_, _>>()
    };
    (rest(before) == rest(team)).then_some(added)
}

/// Whether the RelatedPerson names somebody who can represent: by INS, and one person.
///
/// # Errors
/// [`Error::Business`].
pub fn check_representative(person: &Value, holder: &HolderRow) -> Result<(), Error> {
    clear::modifiers(person, "RelatedPerson")?;
    clear::period(person.get("period"), "RelatedPerson.period")?;
    let identifiers = person.get("identifier").and_then(Value::as_array);
    let text = |identifier: &Value, name: &str| identifier.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let named = identifiers.into_iter().flatten().filter_map(|one| Ins::new(&text(one, "system"), &text(one, "value")));
    let mut named: Vec<String> = named.map(|ins| ins.to_string()).collect();
    named.dedup();
    match named.as_slice() {
        [] => {}
        [one] if holder.has_ins(one) => return Err(Error::business("RelatedPerson.identifier", "nobody represents oneself")),
        [_] => return Ok(()),
        _ => return Err(Error::business("RelatedPerson.identifier", "the INS of one representative is needed")),
    }
    Err(Error::Business {
        code: "required",
        expression: "RelatedPerson.identifier".into(),
        message: "the INS of the representative is needed".into(),
    })
}
