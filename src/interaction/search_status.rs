//! TD0.2: does this person have a record, and may I consult it (CONTRACT 3, The space; PDSm for the DMP). Answered whatever the
//! caller's rights, with identity and status only.

use serde_json::{Map, Value, json};

use super::patient::DMP;
use super::searchset::{Done, Entry, Mode, links, searchset};
use super::stored::add_extension;
use super::{Answer, Error, Request, Service, subset};
use crate::audit::Happened;
use crate::fhir::ResourceType;
use crate::filter::{Facts, HolderName, HolderState, Right, RightKind};
use crate::policy::projection::CB;
use crate::policy::{CONSULTS, Caller, CallerKind, Exercise, Policy, holds};
use crate::search;
use crate::store::{self, Standing};

/// When a space is attached to Mon espace santé: six weeks after its creation.
const ATTACHED_AFTER_US: i64 = 42 * 86_400_000_000;

/// The INS asked, when the search is TD0.2 by one whom it is open to.
pub(super) fn asked(request: &Request, resource: ResourceType, pairs: &[(String, String)]) -> Option<String> {
    let to_whom = matches!(request.caller.kind, CallerKind::Professional | CallerKind::Structure);
    if resource != ResourceType::PATIENT || !to_whom {
        return None;
    }
    let mut identifier = None;
    for (name, value) in pairs {
        match name.as_str() {
            "identifier" if identifier.is_none() => identifier = Some(value),
            "_format" | "_pretty" | "_elements" | "_summary" => {}
            _ => return None,
        }
    }
    let value = identifier?;
    let (system, ins) = value.split_once('|')?;
    (!system.is_empty() && !ins.is_empty() && !value.contains([',', '\\'])).then(|| value.clone())
}

/// The answer: no entry or one.
///
/// # Errors
/// 400 for a bad `_summary` or `_elements`; 503 where the trace cannot be written.
pub(super) async fn answer(service: &Service, request: &Request, ins: &str, pairs: &[(String, String)]) -> Result<Answer, Error> {
    let context =
        search::Context { now: service.clock.now(), strict: request.strict, traces: false, beside: &[], base_url: &service.base_url };
    let query = search::parse(ResourceType::PATIENT, pairs, &context)?;
    let shown = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let asked = service.asked(request, "search-type", ResourceType::PATIENT, "", &shown);
    let (name, actors, principal) = (HolderName::Identifier(ins.to_owned()), request.caller.actors(), request.caller.principal.clone());
    let found = service.store.run(move |connection| {
        let standing = store::search::standings(connection, std::slice::from_ref(&name), &actors, &principal)?.into_iter().next();
        match standing.filter(|standing| has_record(standing.row.state)) {
            None => Ok(None),
            Some(standing) => {
                let body = store::read::patient(connection, &standing.row)?;
                Ok(body.map(|(body, envelope)| (standing, body, envelope.key)))
            }
        }
    });
    let found = found.await?;
    let mut entries = Vec::new();
    let mut happened = Happened::default();
    if let Some((standing, body, key)) = found {
        happened = Happened { holder: standing.row.holder, key, found: 1, ..Happened::default() };
        let whole = super::stored::tree(&body)?;
        let told = told(service, &request.caller, &standing, &whole, crate::clock::created(key));
        let told = subset::of(ResourceType::PATIENT, told.to_string().into_bytes(), &query);
        let url = Some(format!("{}/Patient/{}", service.base_url, standing.row.patient));
        entries.push(Entry { url, body: told, mode: Mode::Match });
    }
    service.trace(&asked, 200, &[happened]).await?;
    let total = i64::try_from(entries.len()).ok();
    if query.summary == search::Summary::Count {
        entries.clear();
    }
    let done = Done { query, pairs: pairs.to_vec(), cursor: None, posted: false, path: ResourceType::PATIENT.name().to_owned() };
    let links = links(service, request, &done, (None, None), false)?;
    let body = searchset(total, entries, &links, &done.warnings(None), request.language)?;
    Ok(Answer { status: 200, body, ..Answer::default() })
}

/// Whether there is a record to tell of.
fn has_record(state: Option<HolderState>) -> bool {
    matches!(state, Some(HolderState::Open | HolderState::Closed | HolderState::Suspended))
}

/// Identity and status, nothing else of the Patient.
fn told(service: &Service, caller: &Caller, standing: &Standing, whole: &Value, created: i64) -> Value {
    let mut told = Map::new();
    for name in ["resourceType", "id", "meta", "identifier", "active", "name", "gender", "birthDate"] {
        if let Some(member) = whole.get(name) {
            told.insert(name.to_owned(), member.clone());
        }
    }
    let mut told = Value::Object(told);
    let now = service.clock.now();
    let open = standing.row.state == Some(HolderState::Open);
    let closure = format!("{DMP}/dmp-fermeture");
    let attached = open && now >= created.saturating_add(ATTACHED_AFTER_US);
    add_extension(&mut told, &format!("{DMP}/dmp-rattachement-mes"), "valueBoolean", attached.into());
    let facts = Facts { holder: Some(standing.row.clone()), rights: standing.rights.clone() };
    if caller.kind == CallerKind::Professional {
        let physician = holds(&service.policy.right(caller, &[RightKind::TreatingPhysician], None, now), &facts);
        add_extension(&mut told, &format!("{DMP}/dmp-medecin-traitant"), "valueBoolean", physician.into());
    }
    let closed =
        whole.get("extension").and_then(Value::as_array).and_then(|all| all.iter().find(|one| one.get("url") == Some(&json!(closure))));
    if let (Some(closed), Some(extensions)) = (closed, told.get_mut("extension").and_then(Value::as_array_mut)) {
        extensions.push(closed.clone());
    }
    let status = status(&service.policy, caller, &facts, now);
    add_extension(&mut told, &format!("{CB}/StructureDefinition/authorisation-status"), "valueCode", status.into());
    told
}

/// Whether the caller may consult: `valid`, `expired`, `none` or `blocked`.
fn status(policy: &Policy, caller: &Caller, facts: &Facts, now: i64) -> &'static str {
    let valid = || holds(&policy.right(caller, &CONSULTS, None, now), facts);
    let blocked = holds(&policy.blocked(caller, now), facts);
    let counting = policy.counting(caller, &CONSULTS);
    let ended = |right: &Right| counting.contains(&right.kind) && right.until <= now && caller.actors().contains(&right.actor);
    match policy.exercise(caller) {
        Exercise::Barred => "none",
        // The absence of the only right that counts in occupational health, its refusal and a block look alike.
        Exercise::Occupational if valid() && !blocked => "valid",
        Exercise::Occupational => "none",
        Exercise::Ordinary if blocked => "blocked",
        Exercise::Ordinary if valid() => "valid",
        Exercise::Ordinary if facts.rights.iter().any(ended) => "expired",
        Exercise::Ordinary => "none",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::filter::{Actor, HolderRow};
    use crate::policy::matrix::profession_system;
    use crate::policy::{Code, Purpose};

    #[test]
    fn the_status_says_what_the_rights_say() {
        use RightKind::{Administrator, Block, BlockByAdministrator, Occupational, RecordAccess, TreatingPhysician};
        let policy = Policy::embedded(false, |_| String::new()).unwrap();
        let (me, mine) = (Actor::professional("810000000016").unwrap(), Actor::structure("1750000018").unwrap());
        let caller = |profession: &str, sector: Option<&str>| Caller {
            kind: CallerKind::Professional,
            principal: me.clone(),
            structure: Some(mine.clone()),
            profession: Some(Code { system: profession_system("TRE_G15").unwrap().into(), code: profession.into() }),
            specialty: None,
            role: None,
            sector: sector.map(ToOwned::to_owned),
            purpose: Purpose::Normal,
            reason: None,
            acts_for: None,
            family: None,
            given: None,
            secret: false,
            scopes: Vec::new(),
            token: String::new(),
        };
        let of = |actor: &Actor, kind, from, until| Right {
            actor: actor.clone(),
            kind,
            from,
            until,
            parts: String::new(),
            source: String::new(),
        };
        let right = |kind, from, until| of(&me, kind, from, until);
        let (physician, optician, occupational, barred) =
            (caller("10", None), caller("28", None), caller("10", Some("SA13")), caller("10", Some("SA23")));
        let rows = [
            (vec![], &physician, "none"),
            (vec![right(RecordAccess, 0, 20)], &physician, "valid"),
            (vec![right(RecordAccess, 0, 5)], &physician, "expired"),
            (vec![right(RecordAccess, 0, 20), right(Block, 5, 20)], &physician, "blocked"),
            (vec![right(RecordAccess, 0, 20), of(&mine, BlockByAdministrator, 5, 20)], &physician, "blocked"),
            (vec![right(TreatingPhysician, 0, 20), of(&mine, BlockByAdministrator, 5, 20)], &physician, "valid"),
            (vec![right(TreatingPhysician, 0, 20), of(&mine, Block, 5, 20)], &physician, "blocked"),
            (vec![right(TreatingPhysician, 0, 20)], &optician, "none"),
            (vec![right(TreatingPhysician, 0, 5)], &optician, "none"),
            (vec![of(&mine, RecordAccess, 0, 20)], &optician, "valid"),
            (vec![of(&mine, Administrator, 0, 20)], &physician, "none"),
            (vec![right(RecordAccess, 0, 20)], &occupational, "none"),
            (vec![right(Occupational, 0, 20)], &occupational, "valid"),
            (vec![right(Occupational, 0, 20), right(Block, 5, 20)], &occupational, "none"),
            (vec![right(RecordAccess, 0, 20)], &barred, "none"),
        ];
        for (rights, caller, expected) in rows {
            let holder = HolderRow {
                holder: 1,
                ins: "x".into(),
                former: String::new(),
                patient: "p".into(),
                state: Some(HolderState::Open),
                born: 0,
                settings: 0,
            };
            let facts = Facts { holder: Some(holder), rights };
            assert_eq!(status(&policy, caller, &facts, 10), expected, "{:?} {:?}", facts.rights, caller.profession);
        }
    }
}
