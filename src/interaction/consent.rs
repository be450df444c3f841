//! Rights as Consent (CONTRACT 3, Rights): who may record what, and what the server adds.

use serde_json::{Value, json};

use super::holder::{self, Standing};
use super::stored::{add_extension, remove_extension, set};
use super::{Error, clear};
use crate::fhir::national::{PSIDNAT, STRUCTIDNAT};
use crate::fhir::{ResourceType, primitive};
use crate::filter::{Actor, HolderName, RightKind};
use crate::policy::consents::{Collected, ConsentKind, Named};
use crate::policy::nomenclature::TRE_A03;
use crate::policy::projection::{collected_by, consent_actors, consent_kind, consent_kinds};
use crate::policy::{CONSULTS, Caller, CallerKind, Exercise, Policy, Purpose};

/// How long a right lasts that a professional outside the team records without an end: a day.
const COLLECTED_US: i64 = 86_400_000_000;

const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

fn required(expression: &str, message: &str) -> Error {
    Error::Business { code: "required", expression: expression.to_owned(), message: message.to_owned() }
}

fn has_code(concept: Option<&Value>, system: &str, code: &str) -> bool {
    let codings = concept.and_then(|concept| concept.get("coding")?.as_array());
    let text = |coding: &Value, name: &str| coding.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    codings
        .into_iter()
        .flatten()
        .any(|coding| text(coding, "system").as_deref() == Some(system) && text(coding, "code").as_deref() == Some(code))
}

/// The CareTeam a Consent names.
pub fn team(consent: &Value) -> Option<&str> {
    consent.pointer("/provision/actor/0/reference/reference")?.as_str()?.strip_prefix("CareTeam/")
}

/// Checks the form of a Consent, whoever records it.
///
/// # Errors
/// [`Error::Business`] with the element.
pub fn check_form<'p>(consent: &Value, policy: &'p Policy) -> Result<&'p ConsentKind, Error> {
    if !has_code(consent.get("scope"), "http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy") {
        return Err(Error::value("Consent.scope", "expected `patient-privacy`"));
    }
    clear::modifiers(consent, "Consent")?;
    let mut codes = consent_kinds(consent);
    let code = codes.next().ok_or_else(|| required("Consent.category", "a code of `consent-kind` is needed"))?;
    if codes.any(|other| other != code) {
        return Err(Error::business("Consent.category", "a Consent is of one kind: record one for each"));
    }
    let kind = policy.consent_kind(code).ok_or_else(|| Error::value("Consent.category", "unknown kind of consent"))?;
    if consent.get("dateTime").is_none() {
        return Err(required("Consent.dateTime", "the date of the consent is needed"));
    }
    let rule = consent.get("policyRule");
    if !has_code(rule, ACT_CODE, "OPTIN") && !has_code(rule, ACT_CODE, "OPTOUT") {
        return Err(required("Consent.policyRule", "expected `OPTIN` or `OPTOUT` of v3-ActCode"));
    }
    if has_code(rule, ACT_CODE, "OPTIN") && has_code(rule, ACT_CODE, "OPTOUT") {
        return Err(Error::business("Consent.policyRule", "`OPTIN` and `OPTOUT` contradict each other"));
    }
    if !matches!(consent.get("status").and_then(Value::as_str), Some("active" | "inactive" | "entered-in-error")) {
        return Err(Error::value("Consent.status", "expected `active`, or `inactive` to end it"));
    }
    let permits = match consent.pointer("/provision/type").and_then(Value::as_str) {
        Some("permit") => true,
        Some("deny") => false,
        _ => return Err(required("Consent.provision.type", "`permit` or `deny` is needed")),
    };
    if kind.permits.is_some_and(|expected| expected != permits) {
        let expected = if permits { "deny" } else { "permit" };
        return Err(Error::value("Consent.provision.type", format!("`{code}` is expressed by `{expected}`")));
    }
    check_named(consent, kind.named)?;
    check_elements(consent, kind)?;
    check_parts(consent, kind, policy)?;
    check_purposes(consent, policy)?;
    clear::period(consent.pointer("/provision/period"), "Consent.provision.period")?;
    Ok(kind)
}

/// Whether the provision says nothing that this kind does not keep to: a restriction that nobody keeps would be a false promise.
fn check_elements(consent: &Value, kind: &ConsentKind) -> Result<(), Error> {
    let provision = consent.get("provision").and_then(Value::as_object);
    if let Some(missing) = kind.needed.iter().find(|name| provision.is_none_or(|provision| !provision.contains_key(**name))) {
        let place = format!("Consent.provision.{missing}");
        return Err(required(&place, &format!("`{}` says for what: it is needed", kind.code)));
    }
    let names = provision.into_iter().flat_map(|provision| provision.keys());
    match names.into_iter().find(|name| *name != "type" && !kind.elements.contains(&name.as_str())) {
        None => Ok(()),
        Some(other) => Err(Error::business(&format!("Consent.provision.{other}"), format!("`{}` is not restricted so", kind.code))),
    }
}

/// Whether exactly those are named that the kind needs.
fn check_named(consent: &Value, named: Named) -> Result<(), Error> {
    let place = "Consent.provision.actor";
    let actors = consent.pointer("/provision/actor").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if named == Named::Nobody {
        return if actors.is_empty() { Ok(()) } else { Err(Error::business(place, "this kind of consent names nobody")) };
    }
    let [actor] = actors else { return Err(required(place, "exactly one actor is needed")) };
    if !has_code(actor.get("role"), "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP") {
        return Err(Error::value("Consent.provision.actor[0].role", "expected `IRCP` of v3-ParticipationType"));
    }
    let place = "Consent.provision.actor[0].reference";
    let kind = consent_actors(consent).first().map(Actor::kind);
    let fits = match named {
        Named::Nobody => true,
        Named::Party => matches!(kind, Some('P' | 'S')),
        Named::Professional => kind == Some('P'),
        Named::Application => kind == Some('A'),
        Named::Team => team(consent).is_some() && actor.pointer("/reference/identifier").is_none(),
    };
    let expected = match named {
        Named::Party => "expected a professional or structure by national identifier",
        Named::Professional => "expected a professional by national identifier",
        Named::Application => "expected an application by its identifier",
        Named::Team | Named::Nobody => "expected a reference to a CareTeam",
    };
    if !fits {
        return Err(Error::value(place, expected));
    }
    // Two ways of naming name one.
    let types: &[&str] = match kind {
        Some('P') => &["Practitioner", "PractitionerRole"],
        Some('S') => &["Organization"],
        Some('A') => &["Device", "Organization"],
        _ => &["CareTeam"],
    };
    let text = actor.pointer("/reference/reference").and_then(Value::as_str).unwrap_or_default();
    let literal = text.split('/').find(|part| ResourceType::parse(part).is_some());
    // A type may be told by the address of its definition.
    let kind = actor.pointer("/reference/type").and_then(Value::as_str).and_then(|text| text.rsplit('/').next());
    let said = [literal, kind];
    match said.into_iter().flatten().find(|said| !types.contains(said)) {
        None => Ok(()),
        Some(other) => {
            let other: String = other.chars().take(64).collect();
            Err(Error::business(place, format!("`{other}` contradicts the identifier")))
        }
    }
}

const RESOURCE_TYPES: &str = "http://hl7.org/fhir/resource-types";

/// Whether the parts a right is narrowed to are types of the record, an application's also classes of documents. A content has the right
/// of its document.
fn check_parts(consent: &Value, kind: &ConsentKind, policy: &Policy) -> Result<(), Error> {
    let classes = consent.pointer("/provision/class").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (at, class) in classes.iter().enumerate() {
        let text = |name: &str| class.get(name).and_then(Value::as_str);
        let known = match text("system") {
            None | Some(RESOURCE_TYPES) => text("code").and_then(ResourceType::parse).is_some_and(|part| policy.is_part(part)),
            Some(TRE_A03) => kind.named == Named::Application && text("code").is_some_and(|code| policy.is_class(code)),
            Some(_) => false,
        };
        if !known {
            let expected = format!("expected a resource type of the record, of `{RESOURCE_TYPES}`");
            return Err(Error::value(&format!("Consent.provision.class[{at}]"), expected));
        }
    }
    Ok(())
}

/// Whether the application is catalogued, and the purposes are some that it may be allowed.
fn check_purposes(consent: &Value, policy: &Policy) -> Result<(), Error> {
    let actors = consent_actors(consent);
    let client = actors.iter().find(|actor| actor.kind() == 'A').map_or("", Actor::id);
    if !client.is_empty() && !policy.catalogue().has(client) {
        return Err(Error::value("Consent.provision.actor[0].reference", "no application of the catalogue"));
    }
    let purposes = consent.pointer("/provision/purpose").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (at, purpose) in purposes.iter().enumerate() {
        let text = |name: &str| purpose.get(name).and_then(Value::as_str);
        if !text("system").zip(text("code")).is_some_and(|(system, code)| policy.allows_purpose(client, system, code)) {
            return Err(Error::value(&format!("Consent.provision.purpose[{at}]"), "no application is allowed this purpose"));
        }
    }
    Ok(())
}

/// Whether a Consent becomes another by this: a right, once given or refused, keeps its kind, its sense and its actor, so that what
/// ended it is known; and the end of a block is not put back into the past, as if it had never been (CONTRACT 3, Rights).
///
/// # Errors
/// [`Error::Business`] with the element.
pub fn check_same(before: &Value, after: &Value, now: i64) -> Result<(), Error> {
    check_active(before)?;
    let refuse = |place: &str, why: &str| Err(Error::business(place, format!("{why}: end this Consent and record another")));
    if consent_kind(before) != consent_kind(after) {
        return refuse("Consent.category", "its kind stays");
    }
    if before.pointer("/provision/type") != after.pointer("/provision/type") {
        return refuse("Consent.provision.type", "it goes on to permit or to deny");
    }
    if consent_actors(before) != consent_actors(after) || team(before) != team(after) {
        return refuse("Consent.provision.actor", "its actor stays");
    }
    let end = |consent: &Value| consent.pointer("/provision/period/end").and_then(Value::as_str).and_then(primitive::date_range);
    let (then, next) = (end(before), end(after));
    let denies = after.pointer("/provision/type").and_then(Value::as_str) == Some("deny");
    if denies && then != next && next.is_some_and(|(_, end)| end <= now) {
        return refuse("Consent.provision.period.end", "it does not end in the past");
    }
    Ok(())
}

/// Whether the Consent has not ended: one that has changes no more, for a later change would count as its end.
///
/// # Errors
/// [`Error::Business`].
pub fn check_active(consent: &Value) -> Result<(), Error> {
    match consent.get("status").and_then(Value::as_str) {
        Some("active") => Ok(()),
        _ => Err(Error::business("Consent.status", "it has ended and changes no more: record another")),
    }
}

/// Whether this caller may end what it recorded: a block only while it is administrator.
pub fn may_end(consent: &Value, policy: &Policy, caller: &Caller, standing: &Standing, now: i64) -> bool {
    let kind = consent_kind(consent).and_then(|code| policy.consent_kind(code));
    kind.is_some_and(|kind| match kind.collected {
        Collected::ByAdministrator => standing.holds(policy, &[RightKind::Administrator], caller, now),
        _ => true,
    })
}

/// Whether this caller may record it; without a standing it has no right.
///
/// # Errors
/// [`Error::Forbidden`], or [`Error::Business`] where the statement of collection is missing.
pub fn check_author(
    consent: &Value,
    kind: &ConsentKind,
    policy: &Policy,
    caller: &Caller,
    standing: Option<&Standing>,
    physician: Option<&Actor>,
    now: i64,
) -> Result<(), Error> {
    if matches!(caller.kind, CallerKind::Holder | CallerKind::Representative) {
        return Ok(());
    }
    let refuse = |why: &str| Err(Error::Forbidden(format!("`{}` is not recorded so: {why}", kind.code)));
    if caller.kind != CallerKind::Professional {
        return refuse("only by the person, a representative or a professional");
    }
    if standing.is_some_and(|standing| standing.blocked(policy, caller, now)) {
        return refuse("by this professional");
    }
    // Who cannot speak consents to nothing; and what is recorded in occupational health would count elsewhere.
    if caller.purpose != Purpose::Normal {
        return refuse("in an emergency nobody collects a consent");
    }
    if policy.exercise(caller) != Exercise::Ordinary {
        return refuse("in an exercise in which it does not count");
    }
    let actors = consent_actors(consent);
    let itself = actors.iter().all(|actor| *actor == caller.principal) && !actors.is_empty();
    let holds = |kinds: &[RightKind]| standing.is_some_and(|standing| standing.holds(policy, kinds, caller, now));
    match kind.collected {
        Collected::No => return refuse("only by the person or a representative"),
        Collected::Yes => {}
        Collected::ForItself if itself => {}
        Collected::ForItself => return refuse("only for oneself"),
        Collected::ForItselfOrValid if itself || holds(&CONSULTS) => {}
        Collected::ForItselfOrValid => return refuse("for another only while one's own right is valid"),
        Collected::ByAdministrator => {
            if !holds(&[RightKind::Administrator]) {
                return refuse("only by the person, a representative or an administrator");
            }
            if itself || actors.iter().any(|actor| Some(actor) == physician) {
                return refuse("not on oneself, not on the treating physician");
            }
        }
    }
    if kind.profession.as_ref().is_some_and(|needed| caller.profession.as_ref() != Some(needed)) {
        return refuse("by another profession");
    }
    if kind.collected != Collected::ByAdministrator && verified(consent).next().is_none() {
        return Err(not_verified());
    }
    Ok(())
}

/// Those with whom it was verified that they consented.
fn verified(consent: &Value) -> impl Iterator<Item = HolderName> {
    let verifications = consent.get("verification").and_then(Value::as_array).into_iter().flatten();
    let stated = verifications.filter(|verification| verification.get("verified").and_then(Value::as_bool) == Some(true));
    stated.flat_map(|verification| holder::names(consent, verification.get("verifiedWith"), ""))
}

fn not_verified() -> Error {
    required("Consent.verification", "a professional states that consent was collected: `verified` true, `verifiedWith` the person")
}

/// Whether a professional who says that somebody consented says it of the holder.
///
/// # Errors
/// [`Error::Business`].
pub fn check_verified(consent: &Value, caller: &Caller, standing: &Standing) -> Result<(), Error> {
    let stated: Vec<HolderName> = verified(consent).collect();
    let of_holder = stated.is_empty() || stated.iter().any(|name| holder::is(name, &standing.row));
    if caller.kind == CallerKind::Professional && !of_holder { Err(not_verified()) } else { Ok(()) }
}

/// Adds what only the server says: the person, the performer, who collected it, the end of a right that must have one.
pub fn complete(consent: &mut Value, policy: &Policy, caller: &Caller, standing: &Standing, now: i64) {
    remove_extension(consent, &collected_by());
    let patient = format!("Patient/{}", standing.row.patient);
    if let Some(reference) = consent.get_mut("patient") {
        set(reference, "reference", patient.clone().into());
    }
    let performer = match caller.kind {
        CallerKind::Representative => {
            let (system, value) = caller.principal.id().split_once('|').unwrap_or_default();
            json!({"type": "RelatedPerson", "identifier": {"system": system, "value": value}})
        }
        _ => json!({"reference": patient}),
    };
    set(consent, "performer", json!([performer]));
    if caller.kind != CallerKind::Professional {
        return;
    }
    add_extension(consent, &collected_by(), "valueReference", json!({"type": "Practitioner", "identifier": identifier(&caller.principal)}));
    let team = [RightKind::CareTeam, RightKind::TreatingPhysician];
    let narrow = consent_kind(consent) == Some("record-access") && !standing.holds(policy, &team, caller, now);
    if narrow && consent.pointer("/provision/period/end").is_none() {
        let end = primitive::format_instant(now.saturating_add(COLLECTED_US));
        if let Some(provision) = consent.get_mut("provision") {
            if provision.get("period").is_none() {
                set(provision, "period", json!({}));
            }
            if let Some(period) = provision.get_mut("period") {
                set(period, "end", end.into());
            }
        }
    }
}

/// The national identifier of an actor.
pub fn identifier(actor: &Actor) -> Value {
    let system = if actor.kind() == 'S' { STRUCTIDNAT } else { PSIDNAT };
    json!({"system": system, "value": actor.id()})
}
