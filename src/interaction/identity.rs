//! An operator's `update` of a Patient (CONTRACT 3, The space): what is known of the person changes, the holder never does. An INS-NIA
//! gives way to an INS-NIR of the same person and keeps leading to the holder; a Patient that another one replaces is suspended.

use serde_json::{Value, json};

use super::create::leave_trace;
use super::patient::{self, DMP, SERVER_EXTENSIONS};
use super::stored::{prepare, remove_extension, set};
use super::{Error, Refused, Request, Service};
use crate::fhir::ResourceType;
use crate::fhir::national::{INS_DEMO, INS_NIA, INS_NIR, INS_TEST};
use crate::filter::{Envelope, HolderRow, HolderState};
use crate::store::{self, AnyConnection, Found, HolderBy, NewResource};

/// Writes the Patient again, in the transaction of its trace; the warnings are those of a creation.
///
/// # Errors
/// [`Error::Precondition`], [`Error::Business`], [`Error::Conflict`] for the INS of another space.
pub(super) fn update(
    service: &Service,
    request: &Request,
    connection: &mut AnyConnection,
    found: &Found,
    row: &HolderRow,
    mut value: Value,
) -> Result<(NewResource, Vec<Value>), Refused> {
    let at = |error: Error| Refused::at(error, row.holder, found.envelope.key);
    let now = service.clock.now();
    request.expect_version(found.envelope.version).map_err(at)?;
    // Of two Patients that would replace each other, the second finds the first replaced.
    if links(&value).next().is_some() {
        store::write::lock_condition(connection, "Patient.link")?;
    }
    store::write::lock_holder(connection, row.holder)?;
    let person = patient::check(&value, service.settings.identities, Some(row)).map_err(at)?;
    let before = super::stored::tree(&found.body)?;
    let mut after = HolderRow { ins: person.ins.to_string(), born: person.born, ..row.clone() };
    if after.ins != row.ins {
        may_follow(row, &after.ins).map_err(at)?;
        after.former = format!(" {} {}", row.ins, row.former.trim_start());
    }
    check_links(connection, &value, Some(&row.patient)).map_err(at)?;
    after.state = state(&before, &value, row, &after).map_err(at)?;
    keep_former(&mut value, &before, &after);
    set(&mut value, "active", (after.state == Some(HolderState::Open)).into());
    keep_extensions(&mut value, &before);
    store::identity::change(connection, row, &after, now).map_err(|error| match error {
        store::Error::Duplicate => at(Error::Conflict("this INS is of another person who is known here".to_owned())),
        other => other.into(),
    })?;
    if after.born != row.born {
        store::write::refresh_rights(connection, &after)?;
    }
    let new = prepare(&value, Envelope { version: found.envelope.version + 1, updated: now, ..found.envelope.clone() }, 0);
    store::write::update(connection, &new)?;
    let asked = service.asked(request, "update", ResourceType::PATIENT, &found.envelope.id, "");
    leave_trace(service, connection, &asked, &new.envelope, 200)?;
    Ok((new, person.warnings))
}

/// Whether this INS may follow that of the holder: a NIR on a NIA; test identities have no system for either, a NIA begins with 7 or 8.
fn may_follow(row: &HolderRow, ins: &str) -> Result<(), Error> {
    let refuse = |why: &str| Err(Error::business("Patient.identifier", why));
    if row.has_ins(ins) {
        return refuse("a former INS is not taken up again");
    }
    let (was, number) = row.ins.split_once('|').unwrap_or_default();
    let (is, _) = ins.split_once('|').unwrap_or_default();
    let test = |system: &str| matches!(system, INS_TEST | INS_DEMO);
    let waiting = number.starts_with(['7', '8']);
    match (was, is) {
        (INS_NIA, INS_NIR) => Ok(()),
        (was, is) if test(was) && test(is) && (was != is || waiting) => Ok(()),
        _ => refuse("an INS-NIA is followed by an INS-NIR; nothing else changes the INS of a space"),
    }
}

/// The Patients that a Patient is linked to, and how.
fn links(value: &Value) -> impl Iterator<Item = (usize, &str, &str)> {
    let links = value.get("link").and_then(Value::as_array).into_iter().flatten().enumerate();
    links.map(|(at, link)| {
        let text = |pointer: &str| link.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        (at, text("/type"), text("/other/reference"))
    })
}

fn replaced_by(value: &Value) -> Vec<&str> {
    links(value).filter(|(_, kind, _)| *kind == "replaced-by").map(|(_, _, other)| other).collect()
}

/// Whether each link leads to another Patient of this server, and a replacement to one that is not replaced itself, so that none goes
/// round; a new Patient (`own` is none) replaces, and is not replaced.
///
/// # Errors
/// [`Error::Business`] with the link.
pub(super) fn check_links(connection: &mut AnyConnection, value: &Value, own: Option<&str>) -> Result<(), Error> {
    if let Some((at, ..)) = links(value).filter(|(_, kind, _)| *kind == "replaced-by").nth(usize::from(own.is_some())) {
        return Err(Error::business(&format!("Patient.link[{at}]"), "a Patient that has a space is replaced, by one other"));
    }
    for (at, kind, other) in links(value) {
        let place = format!("Patient.link[{at}].other");
        let id = other.strip_prefix("Patient/").filter(|id| Some(*id) != own);
        let linked = id.map(|id| store::write::holder(connection, HolderBy::Patient, id)).transpose()?.flatten();
        let Some(linked) = linked else { return Err(Error::value(&place, "expected another Patient of this server")) };
        if kind == "replaced-by" {
            let (body, _) = store::read::patient(connection, &linked)?.ok_or_else(|| Error::value(&place, "this Patient is not known"))?;
            if !replaced_by(&super::stored::tree(&body)?).is_empty() {
                return Err(Error::value(&place, "this Patient is replaced itself"));
            }
        }
    }
    Ok(())
}

/// Where the space stands after: suspended once another Patient replaces this one, for good.
fn state(before: &Value, value: &Value, row: &HolderRow, after: &HolderRow) -> Result<Option<HolderState>, Error> {
    let (was, is) = (replaced_by(before), replaced_by(value));
    let refuse = |place: &str, why: &str| Err(Error::business(place, why));
    if is.is_empty() && was.is_empty() {
        return Ok(row.state);
    }
    if !was.is_empty() && was != is {
        return refuse("Patient.link", "a Patient that is replaced stays so, by the same other");
    }
    if after.ins != row.ins {
        return refuse("Patient.identifier", "a Patient that is replaced keeps its INS");
    }
    match row.state {
        Some(HolderState::Open | HolderState::Suspended) => Ok(Some(HolderState::Suspended)),
        Some(HolderState::Closed) => Ok(row.state),
        _ => refuse("Patient.link", "there is no record yet, or none any more, that another would replace"),
    }
}

/// Every INS the holder had stands in the Patient, marked as old, as it stood before.
fn keep_former(value: &mut Value, before: &Value, after: &HolderRow) {
    let of = |identifier: &Value| {
        let text = |name: &str| identifier.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        format!("{}|{}", text("system"), text("value"))
    };
    let known: Vec<Value> = before.get("identifier").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(identifiers) = value.get_mut("identifier").and_then(Value::as_array_mut) else { return };
    for ins in after.former.split(' ').filter(|ins| !ins.is_empty()) {
        if identifiers.iter().any(|one| of(one) == ins) {
            continue;
        }
        let (system, number) = ins.split_once('|').unwrap_or_default();
        let bare = || json!({"system": system, "value": number});
        let mut old = known.iter().find(|one| of(one) == ins).cloned().unwrap_or_else(bare);
        set(&mut old, "use", "old".into());
        identifiers.push(old);
    }
}

/// What the server says of the space stays as it said it.
fn keep_extensions(value: &mut Value, before: &Value) {
    let own = |extension: &&Value| {
        let url = extension.get("url").and_then(Value::as_str).unwrap_or_default();
        url.strip_prefix(DMP).is_some_and(|name| SERVER_EXTENSIONS.contains(&name))
    };
    for name in SERVER_EXTENSIONS {
        remove_extension(value, &format!("{DMP}{name}"));
    }
    remove_extension(value, &patient::space_state());
    let kept: Vec<Value> = before.get("extension").and_then(Value::as_array).into_iter().flatten().filter(own).cloned().collect();
    if kept.is_empty() {
        return;
    }
    match value.get_mut("extension").and_then(Value::as_array_mut) {
        Some(extensions) => extensions.extend(kept),
        None => set(value, "extension", kept.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_in_waiting_gives_way() {
        let (nir, other, nia) = ("255081416802538", "180017512345678", "755081416802538");
        let rows = [
            (INS_NIA, nia, INS_NIR, nir, true),
            (INS_NIR, nir, INS_NIA, nia, false),
            (INS_NIR, nir, INS_NIR, other, false),
            (INS_NIA, nia, INS_NIA, other, false),
            (INS_NIA, nia, INS_TEST, nir, false),
            (INS_TEST, nir, INS_DEMO, nir, true),
            (INS_DEMO, nir, INS_TEST, other, true),
            (INS_TEST, nir, INS_TEST, other, false),
            (INS_TEST, nia, INS_TEST, nir, true),
            (INS_TEST, nia, INS_NIR, nir, false),
        ];
        for (was, number, is, next, good) in rows {
            let row = HolderRow {
                holder: 1,
                ins: format!("{was}|{number}"),
                former: format!(" {INS_DEMO}|1 "),
                patient: "p".into(),
                state: None,
                born: 0,
                settings: 0,
            };
            assert_eq!(may_follow(&row, &format!("{is}|{next}")).is_ok(), good, "{was}|{number} {is}|{next}");
            assert!(may_follow(&row, &format!("{INS_DEMO}|1")).is_err(), "never back");
        }
    }
}
