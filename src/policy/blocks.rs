//! How rights are ended: by what is recorded later, above all by a block.

use super::projection::Source;
use crate::filter::{Actor, Right};

/// Where a right stands that was ended: after [`i64::MIN`], where it began.
pub const ENDED: i64 = i64::MIN + 1;

/// Ends a right by what was recorded at this instant; one that had not begun by then never does.
pub fn end_at(right: &mut Right, recorded: i64) {
    if right.from >= right.until || right.until == ENDED {
        return;
    }
    if right.from < recorded {
        (right.from, right.until) = (i64::MIN, ENDED);
    } else {
        right.until = right.from;
    }
}

/// A block as it was recorded.
pub struct Block<'a> {
    /// Whom it blocks.
    pub actor: Actor,
    /// The Consent.
    pub source: &'a Source,
    /// Whether it was not ended.
    pub active: bool,
    /// When its period ends.
    pub end: i64,
}

impl Block<'_> {
    /// Whether a right was given before the block ended: before it was ended, and before its time was over.
    fn beats(&self, given: &Source) -> bool {
        let standing = (self.active || given.created < self.source.updated) && given.recorded < self.end;
        given.created < self.source.created || standing
    }
}

/// Ends every right of a blocked actor that was given before the block ended: after unblocking, a new one is needed.
pub fn beaten(rights: &mut [Right], blocks: &[Block<'_>], consents: &[&Source]) {
    for right in rights.iter_mut().filter(|right| !right.kind.blocks()) {
        let Some(given) = consents.iter().find(|consent| right.source.strip_prefix("Consent/") == Some(consent.id.as_str())) else {
            continue;
        };
        let actor = right.actor.clone();
        for block in blocks.iter().filter(|block| block.actor == actor && block.beats(given)) {
            if given.created < block.source.created {
                end_at(right, block.source.recorded);
            } else {
                right.until = right.from;
            }
        }
    }
}
