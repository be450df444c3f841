//! From what a resource says of its person to the holder (CONTRACT 3, Documents): literal, logical, contained or conditional.

use serde_json::Value;

use super::links::relative;
use super::{Error, Refused, Service, naming};
use crate::fhir::ResourceType;
use crate::fhir::national::is_ins_system;
use crate::filter::{Facts, HolderName, HolderRow, HolderState, Right, RightKind};
use crate::policy::projection::majority;
use crate::policy::{Caller, CallerKind, Exercise, Policy, holds};
use crate::store::{self, AnyConnection};

/// Where the caller of a write stands with the holder it writes about.
pub struct Standing {
    /// The holder.
    pub row: HolderRow,
    /// The rights of the caller's actors, in force or not.
    pub rights: Vec<Right>,
    /// Whether the caller knows of the holder otherwise than by a right.
    pub known: bool,
}

impl Standing {
    /// What the policy knows of it.
    fn facts(&self) -> Facts {
        Facts { holder: Some(self.row.clone()), rights: self.rights.clone() }
    }

    /// Whether one of these rights is in force and counts for the caller.
    pub fn holds(&self, policy: &Policy, kinds: &[RightKind], caller: &Caller, now: i64) -> bool {
        holds(&policy.right(caller, kinds, None, now), &self.facts())
    }

    /// Whether the caller is blocked.
    pub fn blocked(&self, policy: &Policy, caller: &Caller, now: i64) -> bool {
        holds(&policy.blocked(caller, now), &self.facts())
    }

    /// What is refused for a reason that lies in this record, as it is told to the caller: to who may not know of the holder the same as
    /// of one who does not exist (P1).
    pub fn told(&self, service: &Service, caller: &Caller, refused: impl Into<Refused>, expression: &str) -> Refused {
        let refused: Refused = refused.into();
        let knows =
            || self.known || naming::scopes(service, caller, ResourceType::PATIENT).iter().any(|scope| scope.reaches(&self.facts(), false));
        let of_record = refused.error.status() < 500;
        if of_record && !knows() { Refused::of(Error::no_record(expression), &self.row, 0) } else { refused }
    }

    /// Whether the holder is whom these names say: at least one, and all of them.
    pub fn is_named(&self, names: &[HolderName]) -> bool {
        !names.is_empty() && names.iter().all(|name| is(name, &self.row))
    }
}

/// Whether this is a name of the holder.
pub fn is(name: &HolderName, row: &HolderRow) -> bool {
    match name {
        HolderName::Id(id) => *id == row.patient,
        HolderName::Identifier(ins) => row.has_ins(ins),
        HolderName::Number(number) => *number == row.holder,
    }
}

/// How a reference names a person; empty when it does not.
pub fn names(resource: &Value, reference: Option<&Value>, base_url: &str) -> Vec<HolderName> {
    let mut names = Vec::new();
    let Some(reference) = reference else { return names };
    if let Some(text) = reference.get("reference").and_then(Value::as_str) {
        let text = relative(text, base_url);
        let plain = text.split_once("/_history/").map_or(text, |(before, _)| before);
        if let Some(id) = text.strip_prefix('#') {
            names.extend(contained(resource, id));
        } else if let Some(query) = text.strip_prefix("Patient?") {
            let pairs = form_urlencoded::parse(query.as_bytes()).collect::<Vec<_>>();
            if let [(name, value)] = pairs.as_slice()
                && name == "identifier"
            {
                names.push(HolderName::Identifier(value.to_string()));
            }
        } else if let Some(id) = plain.strip_prefix("Patient/") {
            names.push(HolderName::Id(id.to_owned()));
        }
    }
    names.extend(reference.get("identifier").and_then(identifier));
    names
}

fn identifier(identifier: &Value) -> Option<HolderName> {
    let text = |name: &str| identifier.get(name).and_then(Value::as_str);
    let (system, value) = (text("system")?, text("value")?);
    is_ins_system(system).then(|| HolderName::Identifier(format!("{system}|{value}")))
}

fn contained(resource: &Value, id: &str) -> Vec<HolderName> {
    let items = resource.get("contained").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let patient = items.iter().find(|item| {
        item.get("id").and_then(Value::as_str) == Some(id) && item.get("resourceType").and_then(Value::as_str) == Some("Patient")
    });
    patient.map(identified).unwrap_or_default()
}

/// The names of a Patient that is none of this server's: its INS.
pub fn identified(patient: &Value) -> Vec<HolderName> {
    let identifiers = patient.get("identifier").and_then(Value::as_array);
    identifiers.into_iter().flatten().filter_map(identifier).collect()
}

/// Where the names of a write lead. What would be refused whoever is named is refused first, so that of a record that is there no more
/// is told than of one that is not (P1).
pub enum Reached {
    /// To the one holder whose record is open to this caller.
    Open(Box<Standing>),
    /// To nobody, or to somebody whose record takes nothing from this caller.
    Closed(Option<HolderRow>),
}

impl Reached {
    /// Where the caller stands, if the record is open to it.
    pub fn standing(&self) -> Option<&Standing> {
        match self {
            Self::Open(standing) => Some(standing),
            Self::Closed(_) => None,
        }
    }

    /// What is refused whoever is named.
    pub fn refused(&self, error: Error) -> Refused {
        match self {
            Self::Open(standing) => Refused::at(error, standing.row.holder, 0),
            Self::Closed(Some(row)) => Refused::of(error, row, 0),
            Self::Closed(None) => error.into(),
        }
    }

    /// The record, if it is open to the caller.
    ///
    /// # Errors
    /// [`Error::no_record`] at `expression`, the same for every other case; the person whose record was not opened finds the trace.
    pub fn open(&self, expression: &str) -> Result<&Standing, Refused> {
        self.standing().ok_or_else(|| self.refused(Error::no_record(expression)))
    }
}

/// Where these names lead.
///
/// # Errors
/// [`Error::Away`].
pub fn reach(service: &Service, connection: &mut AnyConnection, caller: &Caller, names: &[HolderName]) -> Result<Reached, Error> {
    let found = find(connection, caller, names)?;
    Ok(match found {
        Some(standing) if takes(service, caller, &standing) => Reached::Open(Box::new(standing)),
        other => Reached::Closed(other.map(|standing| standing.row)),
    })
}

/// Whether the record of this holder takes something from the caller.
pub fn takes(service: &Service, caller: &Caller, standing: &Standing) -> bool {
    let (policy, now) = (&service.policy, service.clock.now());
    let acts_for = caller.acts_for.as_deref().is_some_and(|ins| standing.row.has_ins(ins));
    let admitted = match caller.kind {
        CallerKind::Professional => match policy.exercise(caller) {
            Exercise::Ordinary => true,
            Exercise::Occupational => {
                standing.holds(policy, &[RightKind::Occupational], caller, now) && !standing.blocked(policy, caller, now)
            }
            Exercise::Barred => false,
        },
        // Express consent to occupational medicine names a professional (L1111-17 IV CSP): a structure has none.
        CallerKind::Structure => policy.exercise(caller) == Exercise::Ordinary,
        CallerKind::Operator => true,
        CallerKind::Holder => acts_for && now >= majority(standing.row.born),
        CallerKind::Representative => acts_for && standing.holds(policy, &[RightKind::Representative], caller, now),
        CallerKind::Application | CallerKind::Auditor | CallerKind::Tester => false,
    };
    admitted && standing.row.state == Some(HolderState::Open)
}

/// The one holder these names lead to: none where two lead to different ones or one leads nowhere.
fn find(connection: &mut AnyConnection, caller: &Caller, names: &[HolderName]) -> Result<Option<Standing>, Error> {
    if names.is_empty() {
        return Ok(None);
    }
    let found = store::search::standings(connection, names, &caller.actors(), &caller.principal)?;
    // Of whom it names by INS TD0.2 tells it all the same (CONTRACT 4); of whom it acts for and of its own deposits it knows.
    let by_ins = names.iter().any(|name| matches!(name, HolderName::Identifier(_)));
    let all = matches!(caller.kind, CallerKind::Holder | CallerKind::Representative | CallerKind::Operator);
    let mut found =
        found.into_iter().map(|store::Standing { row, rights, deposited }| Standing { row, rights, known: all || by_ins || deposited });
    Ok(found.find(|standing| standing.is_named(names)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_person_is_named_in_four_ways() {
        let ins = "urn:oid:1.2.250.1.213.1.4.8";
        let whole = json!({"contained": [{"resourceType": "Patient", "id": "p", "identifier": [{"system": ins, "value": "1"}, {"system": "urn:x", "value": "2"}]}]});
        let by_ins = vec![HolderName::Identifier(format!("{ins}|1"))];
        let rows = [
            (json!({"reference": "Patient/a"}), vec![HolderName::Id("a".into())]),
            (json!({"reference": "https://x.example/fhir/Patient/a/_history/2"}), vec![HolderName::Id("a".into())]),
            (json!({"reference": "#p"}), by_ins.clone()),
            (json!({"reference": "#q"}), vec![]),
            (json!({"reference": format!("Patient?identifier={ins}%7C1")}), by_ins.clone()),
            (json!({"reference": format!("Patient?identifier={ins}|1&active=true")}), vec![]),
            (json!({"identifier": {"system": ins, "value": "1"}}), by_ins),
            (json!({"reference": "https://elsewhere.example/Patient/a"}), vec![]),
            (json!({"display": "Martin"}), vec![]),
        ];
        for (reference, expected) in rows {
            assert_eq!(names(&whole, Some(&reference), "https://x.example/fhir"), expected, "{reference}");
        }
    }
}
