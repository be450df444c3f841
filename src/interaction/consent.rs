//! Rights as Consent (CONTRACT 3, Rights): who may record what, and what the server adds.

use serde_json::{Value, json};

use super::Error;
use super::holder::Standing;
use super::stored::{add_extension, remove_extension, set};
use crate::fhir::national::{PSIDNAT, STRUCTIDNAT};
use crate::fhir::{ResourceType, primitive};
use crate::filter::{Actor, RightKind};
use crate::policy::consents::{Collected, ConsentKind, Named};
use crate::policy::projection::{CB, consent_actors, consent_kind};
use crate::policy::{Caller, CallerKind, Policy};

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
    let code = consent_kind(consent).ok_or_else(|| required("Consent.category", "a code of `consent-kind` is needed"))?;
    let kind = policy.consent_kind(code).ok_or_else(|| Error::value("Consent.category", "unknown kind of consent"))?;
    if consent.get("dateTime").is_none() {
        return Err(required("Consent.dateTime", "the date of the consent is needed"));
    }
    let rule = consent.get("policyRule");
    if !has_code(rule, ACT_CODE, "OPTIN") && !has_code(rule, ACT_CODE, "OPTOUT") {
        return Err(required("Consent.policyRule", "expected `OPTIN` or `OPTOUT` of v3-ActCode"));
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
    check_parts(consent, code)?;
    Ok(kind)
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
    let kind = consent_actors(consent).first().map(Actor::kind);
    let fits = match named {
        Named::Nobody => true,
        Named::Party => matches!(kind, Some('P' | 'S')),
        Named::Professional => kind == Some('P'),
        Named::Application => kind == Some('A'),
        Named::Team => team(consent).is_some(),
    };
    let expected = match named {
        Named::Party => "expected a professional or structure by national identifier",
        Named::Professional => "expected a professional by national identifier",
        Named::Application => "expected an application by its identifier",
        Named::Team | Named::Nobody => "expected a reference to a CareTeam",
    };
    if fits { Ok(()) } else { Err(Error::value("Consent.provision.actor[0].reference", expected)) }
}

/// Whether the parts a right is narrowed to are types of R4, and the kind can be narrowed.
fn check_parts(consent: &Value, kind: &str) -> Result<(), Error> {
    let classes = consent.pointer("/provision/class").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if !classes.is_empty() && !matches!(kind, "record-access" | "application") {
        return Err(Error::business("Consent.provision.class", "this kind of consent is for the whole record"));
    }
    for (at, class) in classes.iter().enumerate() {
        if class.get("code").and_then(Value::as_str).and_then(ResourceType::parse).is_none() {
            return Err(Error::value(&format!("Consent.provision.class[{at}]"), "expected the name of a resource type"));
        }
    }
    Ok(())
}

/// Whether this caller may record it.
///
/// # Errors
/// [`Error::Forbidden`], or [`Error::Business`] where the statement of collection is missing.
pub fn check_author(
    consent: &Value,
    kind: &ConsentKind,
    caller: &Caller,
    standing: &Standing,
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
    if standing.blocked(caller, now) {
        return refuse("by this professional");
    }
    let actors = consent_actors(consent);
    let itself = actors.iter().all(|actor| *actor == caller.principal) && !actors.is_empty();
    let valid = || {
        let kinds = [RightKind::RecordAccess, RightKind::CareTeam, RightKind::TreatingPhysician, RightKind::Administrator];
        standing.holds(&kinds, caller, now)
    };
    match kind.collected {
        Collected::No => return refuse("only by the person or a representative"),
        Collected::Yes => {}
        Collected::ForItself if itself => {}
        Collected::ForItself => return refuse("only for oneself"),
        Collected::ForItselfOrValid if itself || valid() => {}
        Collected::ForItselfOrValid => return refuse("for another only while one's own right is valid"),
        Collected::ByAdministrator => {
            if !standing.holds(&[RightKind::Administrator], caller, now) {
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
    if kind.collected != Collected::ByAdministrator {
        check_collected(consent, standing)?;
    }
    Ok(())
}

/// Whether the professional states that the person consented.
fn check_collected(consent: &Value, standing: &Standing) -> Result<(), Error> {
    let stated = |verification: &Value| {
        let with = verification.get("verifiedWith");
        let names = super::holder::names(consent, with, "");
        let holder = names.iter().any(|name| match name {
            crate::filter::HolderName::Id(id) => *id == standing.row.patient,
            crate::filter::HolderName::Identifier(ins) => *ins == standing.row.ins,
            crate::filter::HolderName::Number(_) => false,
        });
        verification.get("verified").and_then(Value::as_bool) == Some(true) && holder
    };
    let verifications = consent.get("verification").and_then(Value::as_array);
    if verifications.into_iter().flatten().any(stated) {
        return Ok(());
    }
    Err(required("Consent.verification", "a professional states that consent was collected: `verified` true, `verifiedWith` the person"))
}

/// Adds what only the server says: the person, the performer, who collected it, the end of a right that must have one.
pub fn complete(consent: &mut Value, caller: &Caller, standing: &Standing, now: i64) {
    let collected_by = format!("{CB}/StructureDefinition/collected-by");
    remove_extension(consent, &collected_by);
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
    add_extension(consent, &collected_by, "valueReference", json!({"type": "Practitioner", "identifier": identifier(&caller.principal)}));
    let team = [RightKind::CareTeam, RightKind::TreatingPhysician];
    let narrow = consent_kind(consent) == Some("record-access") && !standing.holds(&team, caller, now);
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
