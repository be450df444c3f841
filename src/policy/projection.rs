//! Rights as a projection: from the Consents, CareTeams and RelatedPersons of one holder to the rows of the rights table.
//!
//! Pure: the store computes all rows of a holder again in the transaction of any write to one of these resources (P4).

use serde_json::Value;

use super::given::{Block, ENDED, Given};
use super::nomenclature::TRE_A03;
use crate::fhir::{ResourceType, national, primitive};
use crate::filter::{Actor, Label, Right, RightKind, Setting};

pub use super::age::{adult_born, majority};

/// The address of what this project defines.
pub const CB: &str = "https://ensemble.example/fhir";

/// A resource that bears rights.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its type.
    pub resource: ResourceType,
    /// Its logical id.
    pub id: String,
    /// When it was created, microseconds since 1970: of one holder's resources always after all that were written before.
    pub created: i64,
    /// When it was created by the clock that wrote it; before `created` where a clock had been ahead.
    pub recorded: i64,
    /// When its current version was written, in the order of `created`.
    pub updated: i64,
    /// The resource.
    pub value: Value,
}

/// The default of the holder's settings: emergency access permitted, masked documents and default masking not.
pub fn default_settings() -> i16 {
    Setting::BreakGlass.bit() | Setting::Samu.bit()
}

/// The kind of a Consent: its code of `CB/CodeSystem/consent-kind`.
pub fn consent_kind(consent: &Value) -> Option<&str> {
    consent_kinds(consent).next()
}

/// Every kind that a Consent says it is of: a stored one says one.
pub fn consent_kinds(consent: &Value) -> impl Iterator<Item = &str> {
    let categories = consent.get("category").and_then(Value::as_array).into_iter().flatten();
    categories
        .filter_map(|category| category.get("coding")?.as_array())
        .flatten()
        .filter(|coding| coding.get("system").and_then(Value::as_str) == Some("https://ensemble.example/fhir/CodeSystem/consent-kind"))
        .filter_map(|coding| coding.get("code")?.as_str())
}

/// The extension with which the server says which professional recorded a Consent.
pub fn collected_by() -> String {
    format!("{CB}/StructureDefinition/collected-by")
}

/// The labels of a Consent: one that refuses, or is no longer active, is [`Label::Unspoken`].
pub fn consent_labels(consent: &Value) -> i16 {
    let active = consent.get("status").and_then(Value::as_str) == Some("active");
    let permits = consent.pointer("/provision/type").and_then(Value::as_str) == Some("permit");
    if active && permits { 0 } else { Label::Unspoken.bit() }
}

/// The actors a Consent names by identifier.
pub fn consent_actors(consent: &Value) -> Vec<Actor> {
    let actors = consent.pointer("/provision/actor").and_then(Value::as_array);
    actors.into_iter().flatten().filter_map(|actor| identified(actor.get("reference")?)).collect()
}

/// The actor of a reference with a logical identifier.
pub fn identified(reference: &Value) -> Option<Actor> {
    let identifier = reference.get("identifier")?;
    actor(identifier.get("system")?.as_str()?, identifier.get("value")?.as_str()?)
}

/// The actor with this national identifier, in any of its spellings.
pub fn actor(system: &str, value: &str) -> Option<Actor> {
    if system == "https://ensemble.example/fhir/NamingSystem/application" {
        return Actor::application(value);
    }
    national::professional(system, value)
        .and_then(|id| Actor::professional(&id))
        .or_else(|| national::structure(system, value).and_then(|id| Actor::structure(&id)))
}

/// A half-open period of an element, microseconds; open where absent.
fn period(value: Option<&Value>) -> (i64, i64) {
    let side = |name: &str| value.and_then(|period| period.get(name)?.as_str()).and_then(primitive::date_range);
    (side("start").map_or(i64::MIN, |(start, _)| start), side("end").map_or(i64::MAX, |(_, end)| end))
}

/// Every right, and the settings, that the sources give over a holder born on this day (days since 1970).
pub fn project(sources: &[Source], born: i32) -> (Vec<Right>, i16) {
    let mut rights: Vec<Given<'_>> = Vec::new();
    let mut blocks = Vec::new();
    let mut settings = default_settings();
    let mut consents: Vec<&Source> = sources.iter().filter(|source| source.resource == ResourceType::CONSENT).collect();
    consents.sort_by_key(|source| source.created);
    for source in consents {
        let Some(kind) = consent_kind(&source.value) else { continue };
        let active = source.value.get("status").and_then(Value::as_str) == Some("active");
        let permits = source.value.pointer("/provision/type").and_then(Value::as_str) == Some("permit");
        let (start, end) = period(source.value.pointer("/provision/period"));
        let from = source.recorded.max(start);
        // A consent that is no longer active ended when it was made so.
        let until = if active { end } else { end.min(source.updated) };
        if let Some(setting) = setting_of(kind) {
            if active {
                settings = if permits { settings | setting.bit() } else { settings & !setting.bit() };
            }
            continue;
        }
        let right = |kind, actor, from: i64, until: i64| {
            let (parts, of) = (parts(&source.value), format!("Consent/{}", source.id));
            Given { right: Right { actor, kind, from, until, parts, source: of }, source, over: !active }
        };
        let named = || consent_actors(&source.value).into_iter();
        match (kind, permits) {
            ("record-access", true) => rights.extend(named().map(|a| right(RightKind::RecordAccess, a, from, until))),
            ("administrator", true) => rights.extend(named().map(|a| right(RightKind::Administrator, a, from, until))),
            ("occupational-health", true) => rights.extend(named().map(|a| right(RightKind::Occupational, a, from, until))),
            ("application", true) => {
                let Some(parts) = parts_and_purposes(&source.value) else { continue };
                let allowed = named().map(|a| right(RightKind::Application, a, from, until));
                rights.extend(allowed.map(|given| Given { right: Right { parts: parts.clone(), ..given.right }, ..given }));
            }
            // One that was ended as it was recorded blocked nobody.
            ("record-block", false) if active || source.created != source.updated => {
                let kind = if by_administrator(&source.value) { RightKind::BlockByAdministrator } else { RightKind::Block };
                let (from, until) = (i64::MIN, if active { end } else { ENDED });
                blocks.extend(named().map(|a| Block { right: right(kind, a, from, until).right, source, active, end }));
            }
            ("treating-physician", true) => {
                // One at a time: a new one ends the former. One that was never in force ends nothing.
                if from < until {
                    for former in rights.iter_mut().filter(|given| given.right.kind == RightKind::TreatingPhysician) {
                        former.end(from, start <= source.recorded);
                    }
                }
                rights.extend(named().take(1).map(|a| right(RightKind::TreatingPhysician, a, from, until)));
            }
            ("care-team-access", true) => {
                for (member, since, to) in members(sources, &source.value) {
                    rights.push(right(RightKind::CareTeam, member, from.max(since), until.min(to)));
                }
            }
            _ => {}
        }
    }
    for block in &blocks {
        block.strike(&mut rights);
    }
    rights.extend(sources.iter().filter(|s| s.resource == ResourceType::RELATED_PERSON).filter_map(|source| representative(source, born)));
    let settled = rights.into_iter().filter_map(Given::settled);
    (merged(settled.chain(blocks.into_iter().map(|block| block.right)).collect()), settings)
}

/// A professional records a block as administrator only.
fn by_administrator(block: &Value) -> bool {
    let extensions = block.get("extension").and_then(Value::as_array);
    extensions.into_iter().flatten().any(|extension| extension.get("url").and_then(Value::as_str) == Some(&collected_by()))
}

/// One row for each actor, kind, source and unbroken time: who takes part twice in a team is a member as long as either lasts.
fn merged(mut rights: Vec<Right>) -> Vec<Right> {
    let of = |right: &Right| (right.actor.clone(), right.kind, right.source.clone());
    rights.sort_by_key(|right| (of(right), right.from));
    let mut kept: Vec<Right> = Vec::with_capacity(rights.len());
    let mut again = 0;
    for right in rights {
        let same = |last: &Right| last.actor == right.actor && last.kind == right.kind && source(last) == right.source;
        match kept.last_mut().filter(|last| same(last)) {
            Some(last) if right.from <= last.until => last.until = last.until.max(right.until),
            Some(_) => {
                again += 1;
                kept.push(Right { source: format!("{}#{again}", right.source), ..right });
            }
            None => {
                again = 0;
                kept.push(right);
            }
        }
    }
    kept.sort();
    kept
}

/// The resource a right comes from, without the number of its time.
fn source(right: &Right) -> &str {
    right.source.split('#').next().unwrap_or_default()
}

fn setting_of(kind: &str) -> Option<Setting> {
    Some(match kind {
        "break-glass" => Setting::BreakGlass,
        "samu" => Setting::Samu,
        "emergency-masked" => Setting::EmergencyMasked,
        "default-masking" => Setting::DefaultMasking,
        _ => return None,
    })
}

/// What an application is allowed, ` Type class:10 `, and what for, ` for:TREAT `: without any part it is allowed nothing.
fn parts_and_purposes(consent: &Value) -> Option<String> {
    let parts = parts(consent);
    let purposes = consent.pointer("/provision/purpose").and_then(Value::as_array).into_iter().flatten();
    let codes = purposes.filter_map(|purpose| purpose.get("code")?.as_str());
    let told: String = codes.map(|code| format!("for:{code} ")).collect();
    if parts.is_empty() { None } else { Some(parts + &told) }
}

/// `provision.class` as ` Type class:10 `.
fn parts(consent: &Value) -> String {
    let classes = consent.pointer("/provision/class").and_then(Value::as_array);
    let part = |class: &Value| {
        let of_documents = class.get("system").and_then(Value::as_str) == Some(TRE_A03);
        let code = class.get("code")?.as_str()?;
        Some(if of_documents { format!("class:{code}") } else { code.to_owned() })
    };
    let codes: Vec<String> = classes.into_iter().flatten().filter_map(part).collect();
    if codes.is_empty() { String::new() } else { format!(" {} ", codes.join(" ")) }
}

/// The active members of the teams a consent names, each with its time in the team.
fn members(sources: &[Source], consent: &Value) -> Vec<(Actor, i64, i64)> {
    let actors = consent.pointer("/provision/actor").and_then(Value::as_array);
    let named: Vec<&str> = actors.into_iter().flatten().filter_map(|actor| actor.pointer("/reference/reference")?.as_str()).collect();
    let teams = sources.iter().filter(|s| s.resource == ResourceType::CARE_TEAM && named.contains(&format!("CareTeam/{}", s.id).as_str()));
    let mut found = Vec::new();
    for team in teams {
        if team.value.get("status").and_then(Value::as_str) != Some("active") {
            continue;
        }
        let (start, end) = period(team.value.get("period"));
        for participant in team.value.get("participant").and_then(Value::as_array).into_iter().flatten() {
            let (since, until) = period(participant.get("period"));
            if let Some(actor) = participant.get("member").and_then(identified) {
                found.push((actor, start.max(since), end.min(until)));
            }
        }
    }
    found
}

/// The right of a RelatedPerson: a representative, until the holder's majority where the holder was a minor.
fn representative(source: &Source, born: i32) -> Option<Given<'_>> {
    if source.value.get("active").and_then(Value::as_bool) != Some(true) {
        return None;
    }
    let identifiers = source.value.get("identifier")?.as_array()?;
    let ins = identifiers.iter().find_map(|i| national::Ins::new(i.get("system")?.as_str()?, i.get("value")?.as_str()?))?;
    let (start, end) = period(source.value.get("period"));
    let majority = majority(born);
    let until = if source.recorded < majority { end.min(majority) } else { end };
    let actor = Actor::person(&ins.to_string())?;
    let (from, of) = (source.recorded.max(start), format!("RelatedPerson/{}", source.id));
    let right = Right { actor, kind: RightKind::Representative, from, until, parts: String::new(), source: of };
    Some(Given { right, source, over: false })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::given::BEHIND_MAX;
    use super::*;
    use serde_json::json;

    /// Over, whatever a clock says.
    const OVER: (i64, i64) = (i64::MIN, ENDED);

    /// In force since it was recorded, also where a clock is behind.
    const fn since(recorded: i64) -> (i64, i64) {
        (recorded - BEHIND_MAX, i64::MAX)
    }

    const NURSE: &str = "810000000017";

    fn consent(id: &str, kind: &str, effect: &str, created: i64, active: bool, updated: i64) -> Source {
        let value = json!({
            "resourceType": "Consent", "status": if active { "active" } else { "inactive" },
            "category": [{"coding": [{"system": "https://ensemble.example/fhir/CodeSystem/consent-kind", "code": kind}]}],
            "provision": {"type": effect, "actor": [{"reference": {"identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": NURSE}}}]}
        });
        Source { resource: ResourceType::CONSENT, id: id.into(), created, recorded: created, updated, value }
    }

    fn spans(sources: &[Source], kind: RightKind) -> Vec<(i64, i64)> {
        project(sources, 0).0.into_iter().filter(|r| r.kind == kind).map(|r| (r.from, r.until)).collect()
    }

    #[test]
    fn a_block_ends_what_was_given_before_it_ended() {
        let access = consent("a", "record-access", "permit", 10, true, 10);
        let later = consent("c", "record-access", "permit", 60, true, 60);
        let mut past_block = consent("b", "record-block", "deny", 20, true, 20);
        past_block.value.pointer_mut("/provision").unwrap()["period"] = json!({"end": "1969-01-01"});
        let rows = [
            (vec![access.clone()], vec![since(10)]),
            (vec![access.clone(), consent("b", "record-block", "deny", 20, true, 20)], vec![OVER]),
            (vec![access.clone(), consent("b", "record-block", "deny", 20, false, 50)], vec![OVER]),
            (vec![access.clone(), consent("b", "record-block", "deny", 20, false, 50), later.clone()], vec![OVER, since(60)]),
            (vec![consent("b", "record-block", "deny", 20, true, 20), later], vec![]),
            (vec![access.clone(), past_block], vec![OVER]),
            (vec![consent("a", "record-access", "permit", 10, false, 30)], vec![OVER]),
            (vec![consent("a", "record-access", "deny", 10, true, 10)], vec![]),
        ];
        for (sources, expected) in rows {
            assert_eq!(spans(&sources, RightKind::RecordAccess), expected, "{sources:?}");
        }
    }

    #[test]
    fn times_mean_what_they_say_where_a_clock_was_ahead() {
        let day = 86_400_000_000;
        // Written on the first day, after something that a clock on its fiftieth wrote.
        let timed = |id: &str, kind: &str, effect: &str, order: i64, recorded: i64, period: Value| {
            let mut timed = consent(id, kind, effect, 50 * day + order, true, 50 * day + order);
            timed.recorded = recorded;
            timed.value.pointer_mut("/provision").unwrap()["period"] = period;
            timed
        };
        let access = |order, recorded, period| timed("a", "record-access", "permit", order, recorded, period);
        let blocked = |order| timed("b", "record-block", "deny", order, 20, json!({"end": "1970-01-07"}));
        let rows = [
            (vec![access(1, 10, json!({"end": "1970-01-07"}))], vec![(since(10).0, 7 * day)]),
            (vec![access(1, 10, json!({"start": "1970-01-11"}))], vec![(10 * day, i64::MAX)]),
            (vec![access(1, 10, json!({})), blocked(2)], vec![OVER]),
            (vec![blocked(1), access(2, 30, json!({}))], vec![]),
            (vec![blocked(1), access(2, 8 * day, json!({}))], vec![since(8 * day)]),
        ];
        for (sources, expected) in rows {
            assert_eq!(spans(&sources, RightKind::RecordAccess), expected, "{sources:?}");
        }
        assert_eq!(spans(&[blocked(1)], RightKind::Block), [(i64::MIN, 7 * day)]);
        let parent = Source {
            resource: ResourceType::RELATED_PERSON,
            value: json!({"active": true, "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "280037511000114"}]}),
            ..access(1, 10, json!({}))
        };
        let until = |born| project(std::slice::from_ref(&parent), born).0.first().map(|right| right.until);
        assert_eq!((until(20 - 18 * 366), until(-40 * 366)), (Some(majority(20 - 18 * 366)), Some(i64::MAX)));
    }

    #[test]
    fn an_application_is_allowed_the_parts_it_is_given() {
        let class = |system: &str, code: &str| json!({"system": system, "code": code});
        let rows = [
            (json!([]), None),
            (json!([class("http://hl7.org/fhir/resource-types", "Patient")]), Some(" Patient for:TREAT for:COC ")),
            (
                json!([class("http://hl7.org/fhir/resource-types", "Patient"), class(TRE_A03, "42")]),
                Some(" Patient class:42 for:TREAT for:COC "),
            ),
        ];
        for (classes, expected) in rows {
            let mut allowed = consent("a", "application", "permit", 10, true, 10);
            allowed.value.pointer_mut("/provision").unwrap()["class"] = classes;
            allowed.value.pointer_mut("/provision").unwrap()["purpose"] = json!([{"code": "TREAT"}, {"code": "COC"}]);
            let (rights, _) = project(&[allowed], 0);
            assert_eq!(rights.first().map(|right| right.parts.as_str()), expected);
        }
    }

    #[test]
    fn a_new_treating_physician_ends_the_former() {
        let two = [consent("a", "treating-physician", "permit", 10, true, 10), consent("b", "treating-physician", "permit", 40, true, 40)];
        assert_eq!(spans(&two, RightKind::TreatingPhysician), [OVER, since(40)]);
        // One that was never in force, ended when it was recorded, is no new one.
        let [first, second] = two;
        let never = consent("b", "treating-physician", "permit", 40, false, 40);
        assert_eq!(spans(&[first.clone(), never], RightKind::TreatingPhysician), [since(10)]);
        let mut past = second;
        past.value.pointer_mut("/provision").unwrap()["period"] = json!({"start": "1969-01-01", "end": "1969-02-01"});
        assert_eq!(spans(&[first, past], RightKind::TreatingPhysician), [since(10)]);
    }

    #[test]
    fn a_team_counts_with_consent_and_while_membership_lasts() {
        let team = Source {
            resource: ResourceType::CARE_TEAM,
            id: "t".into(),
            created: 5,
            recorded: 5,
            updated: 5,
            value: json!({"status": "active", "participant": [{
                "member": {"identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": NURSE}},
                "period": {"end": "1970-01-01"}}]}),
        };
        let mut access = consent("a", "care-team-access", "permit", 10, true, 10);
        access.value.pointer_mut("/provision").unwrap()["actor"] = json!([{"reference": {"reference": "CareTeam/t"}}]);
        assert_eq!(spans(std::slice::from_ref(&team), RightKind::CareTeam), []);
        assert_eq!(spans(&[team, access], RightKind::CareTeam), [(since(10).0, 86_400_000_000)]);
    }

    #[test]
    fn who_takes_part_twice_is_a_member_as_long_as_either_lasts() {
        let day = 86_400_000_000;
        let part = |start: &str, end: &str| {
            let sides = [("start", start), ("end", end)].into_iter().filter(|(_, date)| !date.is_empty());
            let period: serde_json::Map<String, Value> = sides.map(|(name, date)| (name.to_owned(), date.into())).collect();
            json!({"member": {"identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": NURSE}}, "period": period})
        };
        let rows = [
            (vec![part("", "1970-01-02"), part("", "")], vec![since(10)]),
            (vec![part("", ""), part("", "1970-01-02")], vec![since(10)]),
            (vec![part("1970-01-04", ""), part("", "1970-01-01")], vec![(since(10).0, day), (3 * day, i64::MAX)]),
            (
                vec![part("", "1970-01-01"), part("1970-01-04", "1970-01-04"), part("1970-01-08", "")],
                vec![(since(10).0, day), (3 * day, 4 * day), (7 * day, i64::MAX)],
            ),
        ];
        for (parts, expected) in rows {
            let team = Source {
                resource: ResourceType::CARE_TEAM,
                id: "t".into(),
                created: 5,
                recorded: 5,
                updated: 5,
                value: json!({"status": "active", "participant": parts}),
            };
            let mut access = consent("a", "care-team-access", "permit", 10, true, 10);
            access.value.pointer_mut("/provision").unwrap()["actor"] = json!([{"reference": {"reference": "CareTeam/t"}}]);
            let (rights, _) = project(&[team, access], 0);
            assert_eq!(rights.iter().map(|right| (right.from, right.until)).collect::<Vec<_>>(), expected, "{parts:?}");
            let sources: std::collections::BTreeSet<&str> = rights.iter().map(|right| right.source.as_str()).collect();
            assert_eq!(sources.len(), rights.len(), "one row each");
        }
    }

    #[test]
    fn settings_follow_the_last_word() {
        let rows = [
            (vec![], default_settings()),
            (vec![consent("a", "samu", "deny", 1, true, 1)], Setting::BreakGlass.bit()),
            (vec![consent("a", "samu", "deny", 1, true, 1), consent("b", "samu", "permit", 2, true, 2)], default_settings()),
            (vec![consent("a", "emergency-masked", "permit", 1, true, 1)], default_settings() | Setting::EmergencyMasked.bit()),
        ];
        for (sources, expected) in rows {
            assert_eq!(project(&sources, 0).1, expected);
        }
    }
}
