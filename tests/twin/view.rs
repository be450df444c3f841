//! What a caller may see of a world: two worlds are twins for a caller when its views of them are equal. Where it is in doubt it shows
//! more than the caller sees, so that twins do not differ there.

use super::reader::{State, Stored, actors};
use super::traces::record;
use super::world::{ANNOUNCED, Consent, Document, Named, Party, QUIET, Set, Step, What, Who};

/// Everything that a caller may see of a world so many days later, line by line, in the order in which it was made.
pub fn view(world: &[Step], who: &Who, days: u32) -> Vec<String> {
    let state = State::later(world, days);
    let mut lines = Vec::new();
    let parties: Vec<Party> = match who {
        Who::Professional(one) => actors(one),
        Who::Structure(number) => vec![Party::Structure(*number)],
        _ => Vec::new(),
    };
    // When each thing that is seen was last changed: its place where things are sorted by that.
    let mut changed: Vec<(usize, &str)> = Vec::new();
    for (place, step) in world.iter().enumerate() {
        let own = doer(step).is_some_and(|by| is_same(by, who));
        let written = match &step.what {
            What::Team { of, .. } => matches!(who, Who::Professional(one) if state.holds(one, *of, &["treating-physician"], "CareTeam")),
            _ => false,
        };
        if let What::Set(set) = &step.what {
            // Of a List the entries that are seen, whoever made it.
            if own || state.sees(who, step) {
                let Set { of, by, number, folder, title, .. } = set;
                let entries = state.entries(who, set);
                lines.push(format!("{} of {of} by {by:?}: {number} {folder} {title} {entries:?}", step.name));
            }
            if own {
                lines.push(format!("{step:?}"));
            }
            continue;
        }
        let known = match &step.what {
            What::Renumber(of) | What::Merge { of, .. } => meets(world, &state, who, *of),
            _ => false,
        };
        if own || written || known || state.sees(who, step) {
            lines.push(format!("{step:?}"));
            changed.push((place + 1, &step.name));
        }
        if let What::Document(_) = step.what
            && (own || state.sees_document(who, &step.name))
        {
            let stored = &state.documents[&step.name];
            let content = state.sees_content(who, &step.name);
            let Stored { labels, status, archived, versions, read, .. } = stored;
            let report = if content { state.report(&step.name) } else { 0 };
            lines.push(format!("{} {labels:?} {status} {archived} {versions:?} {read} {content} {report}", step.name));
            changed.push((stored.changed, &step.name));
        }
        if let What::Consent(_) = step.what
            && (own || state.sees(who, step))
        {
            let ended = state.consents.iter().find(|one| one.0 == step.name).and_then(|one| one.3);
            lines.push(format!("{} {}", step.name, ended.is_some()));
            changed.extend(ended.map(|at| (at, step.name.as_str())));
        }
    }
    changed.sort_unstable();
    lines.push(format!("{:?}", changed.into_iter().map(|(_, name)| name).collect::<Vec<_>>()));
    if let Who::Auditor = who {
        lines.extend(world.iter().filter_map(|step| decisive(&state, step)));
    }
    for of in 0..=ANNOUNCED {
        lines.extend(standing(&state, who, of, &parties));
    }
    lines.extend(super::traces::seen(world, who, days));
    lines
}

/// Whether somebody has or sees anything in a record: what is deposited there names the person by the INS of the day.
fn meets(world: &[Step], state: &State, who: &Who, of: usize) -> bool {
    let mut there = world.iter().filter(|step| record(world, step) == Some(of));
    there.any(|step| doer(step).is_some_and(|by| is_same(by, who)) || state.sees(who, step))
}

/// What an auditor learns of a deed, to whom any decision is explained: all that is decided on, no content.
fn decisive(state: &State, step: &Step) -> Option<String> {
    match &step.what {
        What::Space { holder, open, .. } => Some(format!("space of {holder}: {open}")),
        What::Team { .. } | What::Consent(_) | What::End(_) | What::Renumber(_) | What::Merge { .. } => Some(format!("{step:?}")),
        What::Document(one) => {
            let Stored { labels, status, .. } = &state.documents[&step.name];
            let Document { of, by, authors, code, report, .. } = one;
            Some(format!("{} of {of} by {by:?} {authors:?}: {code} {report} {labels:?} {status}", step.name))
        }
        _ => None,
    }
}

/// What a caller learns of a holder beside resources: whether there is a record, its own rights, what its deposits get.
fn standing(state: &State, who: &Who, of: usize, parties: &[Party]) -> Vec<String> {
    let mut lines = Vec::new();
    if matches!(who, Who::Professional(_) | Who::Structure(_)) && of != QUIET {
        let (renumbered, merged) = (state.renumbered.contains(&of), state.merged.contains(&of));
        lines.push(format!("record of {of}: {} {renumbered} {merged}", state.is_open(of)));
        lines.push(format!("deposits of {of} are masked: {}", state.set(of, "default-masking")));
    }
    if let Who::Professional(one) = who {
        let (held, ended) = state.rights(one, of);
        lines.push(format!("rights over {of}: {held:?} {ended} {} {:?}", state.blocked(one, of), state.emergency(one, of)));
        lines.push(format!("block of {of}: {:?}", parties.iter().map(|party| state.blocks(of, *party, 0)).collect::<Vec<_>>()));
        if state.holds(one, of, &["administrator"], "") {
            let physician = state.consents.iter().rfind(|two| two.1.of == of && two.1.kind == "treating-physician");
            lines.push(format!("treating physician of {of}: {physician:?}"));
        }
    }
    // TD0.2 tells whether a right is valid, has ended or never was, also where the space is not open: by all that names the caller.
    if !parties.is_empty() && of != QUIET {
        let counts = |consent: &Consent| match &consent.named {
            Named::Team(team) => parties.iter().any(|party| state.has_member(team, *party)),
            Named::Party(party) => parties.contains(party),
            Named::Nobody | Named::Application => false,
        };
        let all = state.consents.iter().filter(|one| one.1.of == of && counts(&one.1));
        lines.push(format!("consents over {of}: {:?}", all.map(|one| (&one.1, one.3.is_some())).collect::<Vec<_>>()));
    }
    if state.acts(who, of) {
        lines.push(format!("acts for {of}: deposits are masked: {}", state.set(of, "default-masking")));
        // That something awaits its announcement is told on purpose (CONTRACT 4).
        lines.push(format!("is told of {of}: {:?}", state.notices(who, of)));
    }
    lines
}

/// Who did something, where it may be the caller.
pub fn doer(step: &Step) -> Option<&Who> {
    match &step.what {
        What::Consent(consent) => Some(&consent.by),
        What::Document(document) => Some(&document.by),
        What::Set(set) => Some(&set.by),
        What::Edit { by, .. } | What::Look { by, .. } => Some(by),
        _ => None,
    }
}

/// Whether two callers are one actor.
pub fn is_same(one: &Who, other: &Who) -> bool {
    match (one, other) {
        (Who::Professional(one), Who::Professional(other)) => one.number == other.number,
        (Who::Representative { person, .. }, Who::Representative { person: other, .. }) => person == other,
        (one, other) => one == other,
    }
}
