//! CareTeam and RelatedPerson (CONTRACT 3): who may write a team, and what a representative needs.

use serde_json::Value;

use super::Error;
use super::holder::Standing;
use crate::fhir::national::Ins;
use crate::filter::{Actor, RightKind};
use crate::policy::projection::identified;
use crate::policy::{Caller, CallerKind};

/// The members of a team, by national identifier.
pub fn members(team: &Value) -> Vec<Actor> {
    let participants = team.get("participant").and_then(Value::as_array);
    participants.into_iter().flatten().filter_map(|participant| identified(participant.get("member")?)).collect()
}

/// The structures that manage a team.
fn managers(team: &Value) -> Vec<Actor> {
    let organizations = team.get("managingOrganization").and_then(Value::as_array);
    organizations.into_iter().flatten().filter_map(identified).collect()
}

/// Whether this caller may write the team; `former` are its members until now. Nobody adds itself.
///
/// # Errors
/// [`Error::Forbidden`].
pub fn check_author(team: &Value, former: &[Actor], caller: &Caller, standing: &Standing, now: i64) -> Result<(), Error> {
    let refuse = |why: &str| Err(Error::Forbidden(format!("a CareTeam is not written so: {why}")));
    let may = match caller.kind {
        CallerKind::Holder | CallerKind::Representative => return Ok(()),
        CallerKind::Professional => standing.holds(&[RightKind::TreatingPhysician], caller, now) && !standing.blocked(caller, now),
        CallerKind::Structure => managers(team).contains(&caller.principal),
        CallerKind::Application | CallerKind::Operator | CallerKind::Auditor | CallerKind::Tester => false,
    };
    if !may {
        return refuse("only by the person, a representative, the treating physician or the structure that manages it");
    }
    let adds_itself = members(team).iter().any(|member| caller.actors().contains(member) && !former.contains(member));
    if adds_itself { refuse("nobody adds itself") } else { Ok(()) }
}

/// Whether the RelatedPerson names somebody who can represent: by INS.
///
/// # Errors
/// [`Error::Business`].
pub fn check_representative(person: &Value) -> Result<(), Error> {
    let identifiers = person.get("identifier").and_then(Value::as_array);
    let text = |identifier: &Value, name: &str| identifier.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let found = identifiers.into_iter().flatten().any(|one| Ins::new(&text(one, "system"), &text(one, "value")).is_some());
    if found {
        return Ok(());
    }
    Err(Error::Business {
        code: "required",
        expression: "RelatedPerson.identifier".into(),
        message: "the INS of the representative is needed".into(),
    })
}
