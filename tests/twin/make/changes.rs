//! What a twin has otherwise than the world.

use super::{CODES, DATES, LANGUAGES, Maker, PHONES, TITLES, number, party, text};
use crate::support::dice::Dice;
use crate::twin::reader::State;
use crate::twin::view::view;
use crate::twin::world::{Change, Edit, Named, Party, RELATIVES, Step, What, Who};

/// Changes that make a twin of a world: what differs the caller may not see. None where none was found.
pub fn changes(dice: &mut Dice, caller: &Who, world: &[Step], days: u32) -> Vec<Change> {
    let before = view(world, caller, days);
    let (mut kept, mut now) = (Vec::new(), world.to_vec());
    let wanted = 1 + number(dice, 8);
    for _ in 0..40 {
        if kept.len() >= wanted {
            break;
        }
        let Some(change) = change(dice, caller, &now, kept.len()) else { continue };
        let after = change.apply(&now);
        if after != now && State::of(&after).fault.is_none() && view(&after, caller, days) == before {
            now = after;
            kept.push(change);
        }
    }
    kept
}

fn change(dice: &mut Dice, caller: &Who, world: &[Step], place: usize) -> Option<Change> {
    let steps: Vec<&Step> =
        world.iter().filter(|step| !matches!(step.what, What::Practitioner(_) | What::Organization(_) | What::Role(..))).collect();
    let step = (*dice.pick(&steps)).clone();
    // Of a List more often what it lists than that there is one.
    let kind = if matches!(step.what, What::Set(_)) && !dice.chance(3) { 3 } else { dice.roll(4) };
    match kind {
        0 | 1 => Some(Change::Without(step.name)),
        2 => {
            let at = number(dice, u64::try_from(world.len()).unwrap()) + 1;
            let before = &world[..at.min(world.len())];
            let mut maker =
                Maker { dice, caller: caller.clone(), world: before.to_vec(), state: State::of(before), count: 100 + 10 * place };
            Some(Change::Added(at, maker.any()?))
        }
        _ => Some(Change::Instead(Step { what: varied(dice, &step, world)?, ..step })),
    }
}

/// The same deed with something else about it.
fn varied(dice: &mut Dice, step: &Step, world: &[Step]) -> Option<What> {
    let mut what = step.what.clone();
    match &mut what {
        What::Space { phone, practitioner, .. } => {
            *phone = text(dice, &PHONES);
            *practitioner = text(dice, &["pr1", "pr2", "pr3", ""]);
        }
        What::Relative { person, active, .. } => {
            (*person, *active) = (RELATIVES + number(dice, 4), dice.chance(2));
        }
        What::Team { members, active, .. } => {
            *members = vec![party(dice), party(dice)];
            *active = dice.chance(2);
        }
        What::Consent(consent) => match consent.named {
            Named::Party(Party::Professional(_)) => consent.named = Named::Party(Party::Professional(1 + number(dice, 4))),
            Named::Party(Party::Structure(_)) => consent.named = Named::Party(party(dice)),
            Named::Nobody => consent.permits = !consent.permits,
            _ => consent.end = text(dice, &["", "2027-12-31"]),
        },
        What::Document(document) => {
            for _ in 0..=dice.roll(3) {
                match dice.roll(9) {
                    8 if document.report != 0 => document.report = 0,
                    8 => document.report = document.number,
                    0 => document.code = text(dice, &CODES),
                    1 => document.title = format!("{} {}", text(dice, &TITLES), dice.roll(100)),
                    2 => document.date = text(dice, &DATES),
                    3 => document.language = text(dice, &LANGUAGES),
                    4 => document.authors = vec![party(dice)],
                    5 => document.practitioner = text(dice, &["pr1", "pr2", "pr3", ""]),
                    6 => document.custodian = text(dice, &["org1", "org2", ""]),
                    _ if document.replaces.is_empty() => {
                        document.labels = match dice.roll(3) {
                            0 => Vec::new(),
                            1 => vec!["MASQUE_PS".into()],
                            _ => vec!["INVISIBLE_PATIENT".into()],
                        }
                    }
                    _ => {}
                }
            }
        }
        What::Set(set) => {
            let mine = |step: &&Step| matches!(&step.what, What::Document(document) if document.of == set.of && document.by == set.by);
            let documents: Vec<&String> = world.iter().filter(mine).map(|step| &step.name).collect();
            let at = number(dice, u64::try_from(set.documents.len() + 1).unwrap());
            match dice.roll(5) {
                0 => set.title = text(dice, &TITLES),
                1 | 2 if at < set.documents.len() => drop(set.documents.remove(at)),
                _ if !documents.is_empty() => set.documents.insert(at, (*dice.pick(&documents)).clone()),
                _ => {}
            }
        }
        What::Edit { edit, .. } => *edit = *dice.pick(&[Edit::Mask, Edit::Archive, Edit::Withdraw]),
        What::Look { at, .. } => *at = format!("d{}", dice.roll(20)),
        What::End(_) | What::Renumber(_) | What::Merge { .. } => return None,
        What::Practitioner(_) | What::Organization(_) | What::Role(..) => return None,
    }
    Some(what)
}
