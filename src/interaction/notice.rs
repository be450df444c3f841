//! What the person is told without asking (FHIR R4 Communication): written in the transaction that gives the cause (P3).
//!
//! **Nothing need run for a notice to be sent.** One that is told later is written ahead, with the key, the id and the date of the instant
//! from which it is told; until then no rule shows it (`unsent`). Whatever happens to the documents it is about meanwhile settles
//! whether it will be told, and to whom ([`settle`]). What was told stays.
//!
//! A notice names no document: it may be told while the document is hidden from the person (R1111-53 CSP, CONTRACT 4).

use serde_json::{Value, json};

use super::stored::{envelope, prepare, set};
use super::{Error, Service};
use crate::clock::{created, first_key};
use crate::fhir::{ResourceType, primitive};
use crate::filter::{Actor, Envelope, HolderRow, Label};
use crate::policy::consents::{Collected, ConsentKind};
use crate::policy::notices::Notice;
use crate::policy::projection::CB;
use crate::policy::{Caller, CallerKind};
use crate::store::{self, AnyConnection, NewResource};

/// Settles the notices of a document that is or was hidden from the person, and of what it replaces or is replaced by: that something
/// awaits its announcement, and that it is shown, when its time has ended. Each is told once; nothing is told of what was announced or
/// withdrawn before. Representatives are told unless all of it is hidden from them.
///
/// # Errors
/// [`store::Error::Away`], [`store::Error::Busy`].
pub(super) fn settle(service: &Service, connection: &mut AnyConnection, document: &Envelope, row: &HolderRow) -> Result<(), Error> {
    let (now, since) = (service.clock.now(), document.lasting_from());
    let (waits, _) = service.policy.notices().of(Notice::AwaitingAnnouncement);
    let told = created(since).saturating_add(waits);
    let shown = service.policy.lasting().ends(Label::HiddenFromHolder, since);
    if shown.is_some_and(|shown| shown <= now) {
        return Ok(());
    }
    let documents = store::notice::labels(connection, row.holder, since)?;
    let labels = labels(&documents);
    let written = store::notice::written(connection, row.holder, since)?;
    let (ahead, at) = (first_key(now.saturating_add(1)), first_key(told).saturating_add(since.rem_euclid(1024)));
    if written.iter().any(|one| !one.at_once && one.key >= ahead && one.labels != labels) {
        store::notice::relabel(connection, row.holder, since, ahead, labels)?;
    }
    if labels == GONE {
        return Ok(());
    }
    let bound = |new: NewResource| NewResource { bound: since, ..new };
    let mut new = Vec::new();
    let awaiting = || written.iter().filter(|one| one.at_once || one.key == at);
    if now < told {
        if awaiting().next().is_none() {
            new.push(bound(ahead_of(service, row, Notice::AwaitingAnnouncement, told, at, labels)));
        }
    } else if shown.is_none_or(|shown| told < shown) && !awaiting().any(|one| one.labels == 0 || one.labels == labels) {
        new.push(bound(at_once(service, row, Notice::AwaitingAnnouncement, labels, None)));
    }
    if let Some(shown) = shown
        && !written.iter().any(|one| !one.at_once && one.key != at)
    {
        new.push(bound(ahead_of(service, row, Notice::MadeVisible, shown, service.clock.key_at(shown), labels)));
    }
    if new.is_empty() { Ok(()) } else { Ok(store::bulk::insert_many(connection, &new)?) }
}

/// Of a notice that is not told.
const GONE: i16 = Label::EnteredInError as i16;

/// The labels of the notices of these documents, by theirs.
fn labels(documents: &[i16]) -> i16 {
    let has = |labels: i16, label: Label| labels & label.bit() != 0;
    let mut waiting = documents.iter().filter(|one| has(**one, Label::HiddenFromHolder) && !has(**one, Label::EnteredInError)).peekable();
    if waiting.peek().is_none() {
        return GONE;
    }
    if waiting.all(|one| has(*one, Label::HiddenFromRepresentatives)) { Label::HiddenFromRepresentatives.bit() } else { 0 }
}

/// The notice that a professional declared the consent of the person. Of what one records as administrator nothing was declared.
pub(super) fn of_consent(
    service: &Service,
    caller: &Caller,
    consent: &Envelope,
    kind: Option<&ConsentKind>,
    row: &HolderRow,
) -> Option<NewResource> {
    let declared = caller.kind == CallerKind::Professional && kind.is_some_and(|kind| kind.collected != Collected::ByAdministrator);
    declared.then(|| at_once(service, row, Notice::ConsentRecorded, 0, Some(&format!("Consent/{}", consent.id))))
}

/// A notice that is told from an instant to come, with the key of that instant.
fn ahead_of(service: &Service, row: &HolderRow, notice: Notice, instant: i64, key: i64, labels: i16) -> NewResource {
    written(service, row, notice, (instant, key, 0), labels, None)
}

/// A notice that is told as soon as it is written: it counts from the beginning, whatever its key says.
fn at_once(service: &Service, row: &HolderRow, notice: Notice, labels: i16, about: Option<&str>) -> NewResource {
    written(service, row, notice, (service.clock.now(), service.clock.next_key(), 1), labels, about)
}

fn written(
    service: &Service,
    row: &HolderRow,
    notice: Notice,
    (at, key, first): (i64, i64, i64),
    labels: i16,
    about: Option<&str>,
) -> NewResource {
    let id = service.clock.id_at(at);
    let own = Envelope { labels, first, ..envelope(ResourceType::COMMUNICATION, row.holder, key, id, at, &Actor::stored(String::new())) };
    let (_, text) = service.policy.notices().of(notice);
    prepare(&content(row, notice, &primitive::format_instant(at), text, about), own, 0)
}

fn content(row: &HolderRow, notice: Notice, sent: &str, text: &str, about: Option<&str>) -> Value {
    let (system, value) = row.ins.split_once('|').unwrap_or_default();
    let person = json!({"reference": format!("Patient/{}", row.patient), "identifier": {"system": system, "value": value}});
    let mut content = json!({
        "resourceType": "Communication",
        "language": "fr",
        "status": "completed",
        "category": [{"coding": [{"system": format!("{CB}/CodeSystem/notice"), "code": notice.as_str()}]}],
        "subject": person,
    });
    if let Some(about) = about {
        set(&mut content, "about", json!([{"reference": about}]));
    }
    set(&mut content, "sent", sent.into());
    set(&mut content, "recipient", json!([person]));
    set(&mut content, "payload", json!([{"contentString": text}]));
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_told_of_what_waits_to_whom_not_all_of_it_is_hidden_from() {
        let (hidden, secret, gone) = (Label::HiddenFromHolder as i16, Label::HiddenFromRepresentatives as i16, GONE);
        let superseded = Label::Superseded as i16;
        let rows: [(&[i16], i16); 8] = [
            (&[], gone),
            (&[0], gone),
            (&[hidden], 0),
            (&[hidden | gone], gone),
            (&[hidden | superseded, hidden | gone], 0),
            (&[hidden | secret], secret),
            (&[hidden | secret, hidden | superseded], 0),
            (&[hidden | secret, secret], secret),
        ];
        for (documents, expected) in rows {
            assert_eq!(labels(documents), expected, "{documents:?}");
        }
    }
}
