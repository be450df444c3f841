//! The second reader on traces (CONTRACT 4, AuditEvent): which deeds a caller finds as AuditEvents, and what they tell it.

use super::reader::State;
use super::view::{doer, is_same};
use super::world::{Named, RELATIVES, Step, What, Who};

/// The record a deed leaves its trace in.
pub fn record(world: &[Step], step: &Step) -> Option<usize> {
    let named = |name: &str| world.iter().find(|one| one.name == name);
    match &step.what {
        What::Space { holder, .. } => Some(*holder),
        What::Renumber(of) | What::Merge { of, .. } => Some(*of),
        What::Relative { of, .. } | What::Team { of, .. } => Some(*of),
        What::Consent(consent) => Some(consent.of),
        What::Document(document) => Some(document.of),
        What::Set(set) => Some(set.of),
        What::End(name) | What::Edit { document: name, .. } | What::Look { at: name, .. } => {
            named(name).filter(|one| one.name != step.name).and_then(|one| record(world, one))
        }
        What::Practitioner(_) | What::Organization(_) | What::Role(..) => None,
    }
}

/// The document a deed is about, or nothing.
fn about(step: &Step) -> Option<&str> {
    match &step.what {
        What::Document(_) => Some(&step.name),
        What::Edit { document, .. } => Some(document),
        What::Look { at, .. } => Some(at),
        _ => None,
    }
}

/// What the caller finds of the traces of a world so many days later.
pub fn seen(world: &[Step], who: &Who, days: u32) -> Vec<String> {
    let last = State::later(world, days);
    let mut lines = Vec::new();
    for (place, step) in world.iter().enumerate() {
        let Some(of) = record(world, step) else {
            // What touched nothing leaves a trace with its actor only; of one who acts for somebody, in that record.
            if let What::Look { by, .. } = &step.what {
                let home = match by {
                    Who::Holder(of) | Who::Representative { of, .. } | Who::Application(of) => Some(*of),
                    _ => None,
                };
                if is_same(by, who) || reads(&last, who, home) {
                    lines.push(format!("trace: {by:?} found nothing at {step:?}"));
                }
            }
            continue;
        };
        let before = State::of(&world[..place]);
        let found = match &step.what {
            What::Look { by, at } => outcome(world, &before, by, at),
            _ => "done".to_owned(),
        };
        let own = doer(step).is_some_and(|by| is_same(by, who)) && matches!(who, Who::Professional(_));
        if own {
            lines.push(format!("own trace: {step:?} {found} {}", types(&before, step)));
        }
        if !reads(&last, who, Some(of)) {
            // Who looked from its own record into another's leaves a trace there too.
            if let What::Look { by: Who::Holder(home) | Who::Representative { of: home, .. }, .. } = &step.what
                && *home != of
                && reads(&last, who, Some(*home))
            {
                lines.push(format!("trace: {step:?} found nothing"));
            }
            continue;
        }
        lines.extend(told(&last, who, step, &found));
        // The rows of the matrix behind a decision tell the types of what was decided on.
        if let Who::Auditor = who {
            lines.push(format!("rows of {}: {}", step.name, types(&before, step)));
        }
    }
    lines
}

/// Whether somebody reads the traces of a record.
fn reads(state: &State, who: &Who, of: Option<usize>) -> bool {
    let Some(of) = of else { return matches!(who, Who::Auditor) };
    match who {
        Who::Auditor => true,
        Who::Holder(_) | Who::Representative { .. } => state.sees(who, &space(of)),
        _ => false,
    }
}

fn space(holder: usize) -> Step {
    Step { name: format!("p{holder}"), what: What::Space { holder, open: true, phone: String::new(), practitioner: String::new() } }
}

/// What somebody who looked was answered, and by what it was decided.
fn outcome(world: &[Step], state: &State, by: &Who, at: &str) -> String {
    let documents: Vec<&String> = match at.strip_prefix('p').filter(|place| place.parse::<usize>().is_ok_and(|place| place < RELATIVES)) {
        Some(place) => state.documents.keys().filter(|name| state.documents[*name].document.of.to_string() == place).collect(),
        None => state.documents.keys().filter(|name| *name == at).collect(),
    };
    let found: Vec<&&String> = documents.iter().filter(|name| state.sees_document(by, name)).collect();
    let seen = world.iter().any(|step| step.name == at && state.sees(by, step));
    format!("{found:?} {seen}")
}

/// The types of the documents that somebody who looked may have met.
fn types(state: &State, step: &Step) -> String {
    let What::Look { at, .. } = &step.what else { return String::new() };
    let of = at.strip_prefix('p').and_then(|place| place.parse::<usize>().ok());
    let met = state.documents.iter().filter(|(name, stored)| *name == at || of == Some(stored.document.of));
    let types: Vec<(&String, &str)> = met.map(|(name, stored)| (name, stored.document.code.as_str())).collect();
    format!("{types:?}")
}

/// How a reader of the record is told of a deed.
fn told(last: &State, who: &Who, step: &Step, found: &str) -> Option<String> {
    let stored = about(step).and_then(|name| last.documents.get(name));
    // A List is hidden by what hides every document that it lists.
    let listed = match &step.what {
        What::Set(set) => Some(set),
        What::Look { at, .. } => last.sets.get(at),
        _ => None,
    };
    let labelled = |name: &String, label: &str| last.documents.get(name).is_none_or(|stored| last.hides(stored, label));
    let has = |label: &str| {
        stored.is_some_and(|stored| last.hides(stored, label))
            || listed.is_some_and(|set| set.documents.iter().all(|name| labelled(name, label)))
    };
    let by = match &step.what {
        What::Consent(consent) if consent.named == Named::Nobody => format!("{:?}", consent.by),
        _ => format!("{:?}", doer(step)),
    };
    let kind = match &step.what {
        What::Look { .. } => "look",
        What::Edit { .. } | What::End(_) | What::Renumber(_) | What::Merge { .. } => "write",
        _ => "create",
    };
    match who {
        // The rules behind a decision are told to auditors, and with them all that was decided on.
        Who::Auditor if matches!(step.what, What::Look { .. }) => Some(format!("trace: {step:?} {found} {stored:?}")),
        Who::Auditor => Some(format!("trace: {} {by} {kind}", step.name)),
        Who::Representative { .. } if has("INVISIBLE_REPRESENTANTS_LEGAUX") => None,
        // While it is hidden its traces show who, when and the kind of interaction.
        _ if has("INVISIBLE_PATIENT") => Some(format!("trace: {by} {kind} {}", if found == "done" { "" } else { found })),
        _ => match &step.what {
            // A List is told by its address alone.
            What::Set(set) => Some(format!("trace: {} {} {:?} {kind}", step.name, set.of, set.by)),
            _ => Some(format!("trace: {step:?} {found}")),
        },
    }
}
