//! What the person is told without asking (FHIR R4 Communication): written in the transaction that gives the cause (P3).
//!
//! **Nothing need run for a notice to be sent.** One that is told later is written ahead, with the key, the id and the date of the instant
//! from which it is told; until then no rule shows it (`unsent`). Meanwhile it is bound to its document, and goes when that is announced,
//! withdrawn or replaced (`store::bulk`). What was sent stays.
//!
//! A notice names no document: it may be told while the document is hidden from the person (R1111-53 CSP, CONTRACT 4).

use serde_json::{Value, json};

use super::Service;
use super::stored::{envelope, prepare, set};
use crate::clock::created;
use crate::fhir::{ResourceType, primitive};
use crate::filter::{Actor, Envelope, HolderRow, Label};
use crate::policy::notices::Notice;
use crate::policy::projection::CB;
use crate::policy::{Caller, CallerKind};
use crate::store::NewResource;

/// The notices of a document that is hidden from the person: that something awaits its announcement, and that it is shown. Of what
/// replaces another document the person was told when that one's time came.
pub(super) fn of_document(service: &Service, document: &Envelope, row: &HolderRow) -> Vec<NewResource> {
    let (now, since, hidden) = (service.clock.now(), document.lasting_from(), Label::HiddenFromHolder);
    let Some(shown) = service.policy.lasting().ends(hidden, since).filter(|shown| document.has(hidden) && now < *shown) else {
        return Vec::new();
    };
    let (waits, _) = service.policy.notices().of(Notice::AwaitingAnnouncement);
    let told = created(since).saturating_add(waits);
    let mut all = Vec::new();
    if told < shown && (now < told || document.first == 0) {
        all.push((Notice::AwaitingAnnouncement, told.max(now)));
    }
    all.push((Notice::MadeVisible, shown));
    let labels = document.labels & Label::HiddenFromRepresentatives.bit();
    let each = |(notice, at)| NewResource { bound: document.key, ..written(service, row, notice, at, labels, None) };
    all.into_iter().map(each).collect()
}

/// The notice that a professional recorded a Consent.
pub(super) fn of_consent(service: &Service, caller: &Caller, consent: &Envelope, row: &HolderRow) -> Option<NewResource> {
    let declared = consent.resource == ResourceType::CONSENT && caller.kind == CallerKind::Professional;
    let about = format!("Consent/{}", consent.id);
    declared.then(|| written(service, row, Notice::ConsentRecorded, consent.updated, 0, Some(&about)))
}

/// A notice that is told from this instant, microseconds.
fn written(service: &Service, row: &HolderRow, notice: Notice, at: i64, labels: i16, about: Option<&str>) -> NewResource {
    let clock = &service.clock;
    let later = at > clock.now();
    let key = if later { clock.key_at(at) } else { clock.next_key() };
    let own = Envelope {
        labels,
        // Whatever the key says: what is told at once counts from the beginning.
        first: i64::from(!later),
        ..envelope(ResourceType::COMMUNICATION, row.holder, key, clock.id_at(at), at, &Actor::stored(String::new()))
    };
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
