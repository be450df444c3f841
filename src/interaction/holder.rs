//! From what a resource says of its person to the holder (CONTRACT 3, Documents): literal, logical, contained or conditional.

use serde_json::Value;

use super::links::relative;
use super::{Error, Service};
use crate::fhir::national::is_ins_system;
use crate::filter::{HolderName, HolderRow, HolderState, Right, RightKind, RightTest};
use crate::policy::projection::majority;
use crate::policy::{Caller, CallerKind, Exercise};
use crate::store::{self, AnyConnection};

/// Where the caller of a write stands with the holder it writes about.
pub struct Standing {
    /// The holder.
    pub row: HolderRow,
    /// The rights of the caller's actors, in force or not.
    pub rights: Vec<Right>,
}

impl Standing {
    /// Whether one of these rights is in force, for any of the caller's actors.
    pub fn holds(&self, kinds: &[RightKind], caller: &Caller, now: i64) -> bool {
        let test = RightTest { kinds: kinds.to_vec(), actors: caller.actors(), at: now, part: None };
        self.rights.iter().any(|right| test.holds(right))
    }

    /// Whether the caller is blocked.
    pub fn blocked(&self, caller: &Caller, now: i64) -> bool {
        self.holds(&[RightKind::Block], caller, now)
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
    let identifiers = patient.and_then(|patient| patient.get("identifier")?.as_array());
    identifiers.into_iter().flatten().filter_map(identifier).collect()
}

/// The one holder these names lead to, whose record is open to this caller; the same answer for every other case.
///
/// # Errors
/// [`Error::no_record`] at `expression`.
pub fn open(
    service: &Service,
    connection: &mut AnyConnection,
    caller: &Caller,
    names: &[HolderName],
    expression: &str,
) -> Result<Standing, Error> {
    let now = service.clock.now();
    let standing = find(connection, caller, names)?.ok_or_else(|| Error::no_record(expression))?;
    let acts_for = caller.acts_for.as_deref() == Some(standing.row.ins.as_str());
    let admitted = match caller.kind {
        CallerKind::Professional => match service.policy.exercise(caller) {
            Exercise::Ordinary => true,
            Exercise::Occupational => standing.holds(&[RightKind::Occupational], caller, now) && !standing.blocked(caller, now),
            Exercise::Barred => false,
        },
        CallerKind::Structure | CallerKind::Operator => true,
        CallerKind::Holder => acts_for && now >= majority(standing.row.born),
        CallerKind::Representative => acts_for && standing.holds(&[RightKind::Representative], caller, now),
        CallerKind::Application | CallerKind::Auditor | CallerKind::Tester => false,
    };
    if admitted && standing.row.state == Some(HolderState::Open) { Ok(standing) } else { Err(Error::no_record(expression)) }
}

/// The one holder these names lead to: none where two lead to different ones or one leads nowhere.
fn find(connection: &mut AnyConnection, caller: &Caller, names: &[HolderName]) -> Result<Option<Standing>, Error> {
    if names.is_empty() {
        return Ok(None);
    }
    let found = store::search::standings(connection, names, &caller.actors(), &caller.principal)?;
    let named = |row: &HolderRow| {
        names.iter().all(|name| match name {
            HolderName::Id(id) => *id == row.patient,
            HolderName::Identifier(ins) => *ins == row.ins,
            HolderName::Number(number) => *number == row.holder,
        })
    };
    Ok(found.into_iter().find(|standing| named(&standing.row)).map(|standing| Standing { row: standing.row, rights: standing.rights }))
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
