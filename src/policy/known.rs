//! What follows of a condition for a record of which only the holder and the caller's rights are known.

use crate::filter::{EnvelopeTest, Facts, Filter, HolderTest};

/// What a condition comes to when only the holder is known; `None` where it depends on the resource.
pub(super) fn known(filter: &Filter, facts: &Facts, deposited: bool) -> Option<bool> {
    let holder = facts.holder.as_ref();
    match filter {
        Filter::Nothing => Some(false),
        Filter::Everything => Some(true),
        Filter::And(all) => {
            let mut so_far = Some(true);
            for one in all {
                match known(one, facts, deposited) {
                    Some(false) => return Some(false),
                    None => so_far = None,
                    Some(true) => {}
                }
            }
            so_far
        }
        Filter::Or(any) => {
            let mut so_far = Some(false);
            for one in any {
                match known(one, facts, deposited) {
                    Some(true) => return Some(true),
                    None => so_far = None,
                    Some(false) => {}
                }
            }
            so_far
        }
        Filter::Not(inner) => known(inner, facts, deposited).map(|holds| !holds),
        Filter::Envelope(EnvelopeTest::SubmittedBy(_)) => Some(deposited),
        // Being named in something gives no standing with its holder.
        Filter::Envelope(EnvelopeTest::PartyIn(_)) => Some(false),
        Filter::Envelope(EnvelopeTest::HolderIs(ins)) => Some(holder.is_some_and(|row| row.has_ins(ins))),
        Filter::Envelope(EnvelopeTest::DocTypeIn(_) | EnvelopeTest::Labelled(_) | EnvelopeTest::KeyBelow(_)) => None,
        Filter::Holder(HolderTest::State(state)) => Some(holder.is_some_and(|row| row.state == Some(*state))),
        Filter::Holder(HolderTest::Permits(setting)) => Some(holder.is_some_and(|row| row.settings & setting.bit() != 0)),
        Filter::Holder(HolderTest::BornUntil(day)) => Some(holder.is_some_and(|row| row.born <= *day)),
        Filter::Right(test) => Some(holder.is_some() && facts.rights.iter().any(|right| test.holds(right))),
        // INVARIANT: what a rule follows stays in the record.
        Filter::Via(_, _, inner) => {
            if known(inner, facts, deposited) == Some(false) {
                Some(false)
            } else {
                None
            }
        }
        Filter::Id(_) | Filter::LastUpdated(_) | Filter::Index(..) | Filter::HolderNamed(_) | Filter::Has(..) => None,
    }
}
