//! The space of a person (CONTRACT 3, The space): made by the operator, shown with its state to those it concerns.

use serde_json::{Value, json};

use super::stored::{add_extension, envelope, prepare, remove_extension, set};
use super::{Error, Identities, Request, Service, audit};
use crate::audit::Happened;
use crate::fhir::national::{INS_DEMO, INS_TEST, Ins, is_ins_system};
use crate::fhir::{ResourceType, json, outcome, primitive};
use crate::filter::{HolderRow, HolderState};
use crate::policy::CallerKind;
use crate::policy::projection::{CB, default_settings};
use crate::store::{self, AnyConnection, NewResource};

/// The extensions of the DMP draft on Patient that only the server sets.
pub const DMP: &str = "https://interop.esante.gouv.fr/ig/fhir/dmp/StructureDefinition";

/// Those extensions, behind their base: a client's are not taken.
pub const SERVER_EXTENSIONS: [&str; 3] = ["/dmp-rattachement-mes", "/dmp-medecin-traitant", "/dmp-fermeture"];

/// The extension that tells the state of the space.
pub fn space_state() -> String {
    format!("{CB}/StructureDefinition/space-state")
}

/// The code of a state.
pub fn state_code(state: Option<HolderState>) -> &'static str {
    match state {
        Some(HolderState::Announced) => "announced",
        Some(HolderState::Open) => "open",
        Some(HolderState::Opposed) => "opposed",
        Some(HolderState::Closed) => "closed",
        Some(HolderState::Erasing) => "erasing",
        Some(HolderState::Suspended) | None => "suspended",
    }
}

/// The Patient as this kind of caller sees it: holder, representative and operator also see the state of the space.
pub fn with_state(body: &[u8], holder: &HolderRow, kind: CallerKind) -> Vec<u8> {
    if !matches!(kind, CallerKind::Holder | CallerKind::Representative | CallerKind::Operator) {
        return body.to_vec();
    }
    let Some(mut value) = json::kept(body) else { return body.to_vec() };
    add_extension(&mut value, &space_state(), "valueCode", state_code(holder.state).into());
    value.to_string().into_bytes()
}

/// What the operator's Patient says of the person.
pub(super) struct Person {
    /// The INS.
    pub ins: Ins,
    /// Birth date, days since 1970.
    pub born: i32,
    active: bool,
    /// Issues that do not refuse it.
    pub warnings: Vec<Value>,
}

/// Checks a Patient that the operator creates, or writes again for a holder that is `known`.
///
/// # Errors
/// [`Error::Business`] with the element.
pub(super) fn check(value: &Value, identities: Identities, known: Option<&HolderRow>) -> Result<Person, Error> {
    let ins = ins(value, identities, known)?;
    if reliability(value).is_some_and(|status| status != "VALI") {
        return Err(Error::business("Patient.extension", "an identity is validated: `VALI` is the only reliability accepted"));
    }
    let birth_date = value.get("birthDate").and_then(Value::as_str);
    let born = birth_date.and_then(primitive::days).ok_or_else(|| Error::Business {
        code: "required",
        expression: "Patient.birthDate".into(),
        message: "the full birth date is needed".into(),
    })?;
    let active = value.get("active").and_then(Value::as_bool).unwrap_or(false);
    let warnings = contradictions(&ins, value.get("gender").and_then(Value::as_str), birth_date.unwrap_or_default());
    Ok(Person { ins, born, active, warnings })
}

/// The INS of today: one that is marked as old is the holder's already.
fn ins(value: &Value, identities: Identities, known: Option<&HolderRow>) -> Result<Ins, Error> {
    let identifiers = value.get("identifier").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut found: Option<Ins> = None;
    for (at, identifier) in identifiers.iter().enumerate() {
        let text = |name: &str| identifier.get(name).and_then(Value::as_str).unwrap_or_default();
        let system = text("system");
        if !is_ins_system(system) {
            continue;
        }
        let place = format!("Patient.identifier[{at}]");
        if let Some(row) = known.filter(|_| text("use") == "old") {
            if row.has_ins(&format!("{system}|{}", text("value"))) {
                continue;
            }
            return Err(Error::business(&place, "an INS that was never the person's is not a former one"));
        }
        let ins =
            Ins::new(system, text("value")).ok_or_else(|| Error::value(&place, "expected an INS of 15 characters with a right key"))?;
        let test = matches!(system, INS_TEST | INS_DEMO);
        let taken = match identities {
            Identities::All => true,
            Identities::Test => test,
            Identities::Real => !test,
        };
        if !taken {
            return Err(Error::value(&place, "an INS of this system is not taken in this environment"));
        }
        if found.as_ref().is_some_and(|other| *other != ins) {
            return Err(Error::business(&place, "a space has one INS"));
        }
        found = Some(ins);
    }
    found.ok_or_else(|| Error::Business { code: "required", expression: "Patient.identifier".into(), message: "an INS is needed".into() })
}

/// The status of the identity, where it is told (fr-core-identity-reliability).
fn reliability(value: &Value) -> Option<&str> {
    let extensions = value.get("extension")?.as_array()?;
    let found = extensions
        .iter()
        .find(|extension| extension.get("url").and_then(Value::as_str).is_some_and(|url| url.ends_with("identity-reliability")))?;
    let status = |extension: &Value| extension.get("url").and_then(Value::as_str) == Some("identityStatus");
    let inner = found.get("extension")?.as_array()?.iter().find(|extension| status(extension))?;
    inner
        .pointer("/valueCoding/code")
        .or_else(|| inner.pointer("/valueCodeableConcept/coding/0/code"))
        .or_else(|| inner.get("valueCode"))?
        .as_str()
}

/// Sex and birth month that the INS contradicts: warnings, for a NIR may be older than a correction.
fn contradictions(ins: &Ins, gender: Option<&str>, birth_date: &str) -> Vec<Value> {
    let mut warnings = Vec::new();
    let mut warn = |place: &str, text: &str| warnings.push(outcome::issue("warning", "business-rule", text, &[place.to_owned()]));
    let sex = match ins.value().chars().next() {
        Some('1' | '3' | '7') => Some("male"),
        Some('2' | '4' | '8') => Some("female"),
        _ => None,
    };
    if gender.is_some_and(|gender| matches!(gender, "male" | "female") && sex.is_some_and(|sex| sex != gender)) {
        warn("Patient.gender", "the sex differs from that of the INS");
    }
    let month = ins.value().get(3..5).and_then(|month| month.parse::<u8>().ok()).filter(|month| (1..=12).contains(month));
    if ins.value().get(1..3) != birth_date.get(2..4) || month.is_some_and(|month| birth_date.get(5..7) != Some(&format!("{month:02}"))) {
        warn("Patient.birthDate", "the birth date differs from that of the INS");
    }
    warnings
}

/// Opens or announces a space, in the transaction of its trace.
///
/// # Errors
/// [`Error::Conflict`] for a second space with the same INS.
pub(super) fn create(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    value: &Value,
    person: &Person,
    asked: &audit::Request<'_>,
) -> Result<NewResource, Error> {
    let clock = &service.clock;
    let (now, id) = (clock.now(), request.id_of_new(clock));
    super::identity::check_links(connection, value, None)?;
    let state = if person.active { HolderState::Open } else { HolderState::Announced };
    let holder = HolderRow {
        holder: clock.next_holder(),
        ins: person.ins.to_string(),
        former: String::new(),
        patient: id.clone(),
        state: Some(state),
        born: person.born,
        settings: default_settings(),
    };
    store::write::insert_holder(connection, &holder, now).map_err(|error| match error {
        store::Error::Duplicate => Error::Conflict("a space with this INS exists already".to_owned()),
        other => other.into(),
    })?;
    let mut value = value.clone();
    set(&mut value, "active", (state == HolderState::Open).into());
    remove_extension(&mut value, &space_state());
    for name in SERVER_EXTENSIONS {
        remove_extension(&mut value, &format!("{DMP}{name}"));
    }
    let envelope = envelope(ResourceType::PATIENT, holder.holder, clock.next_key(), id, now, &request.caller.principal);
    let happened = Happened { holder: holder.holder, key: envelope.key, found: 1, ..Happened::default() };
    let new = prepare(&value, envelope, 0);
    store::write::insert(connection, &new)?;
    let asked = audit::Request { target: new.envelope.id.clone(), ..asked.clone() };
    service.trace_within(connection, service.rows(&asked, 201, &[happened]))?;
    Ok(new)
}

/// Closes a space: from now on nobody consults or deposits.
///
/// # Errors
/// [`Error::NotFound`] for a person without a space.
pub async fn close_space(service: &Service, ins: &str, motive: &str, reason: &str) -> Result<(), Error> {
    let date = primitive::format_instant(service.clock.now()).chars().take(10).collect::<String>();
    let closure = json!([
        {"url": "dateFermeture", "valueDate": date},
        {"url": "motifFermeture", "valueCodeableConcept": {"text": motive}},
        {"url": "raisonFermeture", "valueString": reason}
    ]);
    end_space(service, ins, HolderState::Closed, Some(closure)).await
}

/// Notes that the person opposes the space.
///
/// # Errors
/// [`Error::NotFound`] for a person without a space.
pub async fn oppose_space(service: &Service, ins: &str) -> Result<(), Error> {
    end_space(service, ins, HolderState::Opposed, None).await
}

/// State and Patient change together.
async fn end_space(service: &Service, ins: &str, state: HolderState, closure: Option<Value>) -> Result<(), Error> {
    let (within, ins) = (service.clone(), ins.to_owned());
    let done = service.store.write(move |connection| -> Result<(), Error> {
        let missing = || Error::NotFound(ResourceType::PATIENT, "?identifier".into());
        let row = store::write::holder(connection, store::HolderBy::Ins, &ins)?.ok_or_else(missing)?;
        let (body, envelope) = store::read::patient(connection, &row)?.ok_or_else(missing)?;
        let mut value = super::stored::tree(&body)?;
        let now = within.clock.now();
        set(&mut value, "active", false.into());
        if let Some(closure) = closure.clone() {
            add_extension(&mut value, &format!("{DMP}/dmp-fermeture"), "extension", closure);
        }
        store::write::set_state(connection, row.holder, state, now)?;
        let next = crate::filter::Envelope { version: envelope.version + 1, updated: now, ..envelope };
        Ok(store::write::update(connection, &prepare(&value, next, 0))?)
    });
    done.await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patient(system: &str, value: &str) -> Value {
        json!({"resourceType": "Patient", "identifier": [{"system": system, "value": value}], "birthDate": "1955-08-01", "gender": "female"})
    }

    #[test]
    fn an_identity_is_checked_at_creation() {
        let (nir, test) = ("urn:oid:1.2.250.1.213.1.4.8", INS_TEST);
        let rows = [
            (patient(nir, "255081416802538"), Identities::Real, true),
            (patient(nir, "255081416802538"), Identities::Test, false),
            (patient(test, "255081416802538"), Identities::Test, true),
            (patient(test, "255081416802538"), Identities::Real, false),
            (patient(test, "255081416802538"), Identities::All, true),
            (patient(test, "255081416802539"), Identities::All, false),
            (patient("urn:oid:1.2.3", "255081416802538"), Identities::All, false),
        ];
        for (value, identities, good) in rows {
            assert_eq!(check(&value, identities, None).is_ok(), good, "{value} {identities:?}");
        }
    }

    #[test]
    fn what_contradicts_the_ins_is_a_warning() {
        let mut value = patient(INS_TEST, "255081416802538");
        assert_eq!(check(&value, Identities::All, None).map(|person| person.warnings.len()), Ok(0));
        set(&mut value, "gender", "male".into());
        set(&mut value, "birthDate", "1956-08-01".into());
        assert_eq!(check(&value, Identities::All, None).map(|person| person.warnings.len()), Ok(2));
    }

    #[test]
    fn only_a_validated_identity_is_taken() {
        let mut value = patient(INS_TEST, "255081416802538");
        for (status, good) in [("VALI", true), ("PROV", false)] {
            let inner = json!([{"url": "identityStatus", "valueCoding": {"code": status}}]);
            let url = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability";
            set(&mut value, "extension", json!([{"url": url, "extension": inner}]));
            assert_eq!(check(&value, Identities::All, None).is_ok(), good, "{status}");
        }
    }
}
