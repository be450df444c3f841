//! Rights while they are computed: with the times at which they were given and ended, which become the rows that readers look at.

use super::projection::Source;
use crate::filter::Right;

/// Where a right stands that was ended: after [`i64::MIN`], where it began.
pub const ENDED: i64 = i64::MIN + 1;

/// By how much the clock of a server may be behind, microseconds: what is given counts there at once all the same. What is ended counts
/// however far a clock is behind.
pub const BEHIND_MAX: i64 = 86_400_000_000;

/// A right with its times by the clocks that recorded it.
pub struct Given<'a> {
    /// The right, from when it was recorded or a later start of its own.
    pub right: Right,
    /// What gives it.
    pub source: &'a Source,
    /// Whether it was ended by what was recorded, not by a time of its own.
    pub over: bool,
}

impl Given<'_> {
    /// Ends it at an instant: by what was recorded then, later than it, or by a time that is yet to come.
    pub fn end(&mut self, instant: i64, recorded: bool) {
        // What began as it was recorded had begun, whatever the clock says of what is later.
        let begun = recorded && self.right.from <= self.source.recorded;
        let instant = if begun { instant.max(self.right.from.saturating_add(1)) } else { instant };
        self.right.until = self.right.until.min(instant);
        self.over |= recorded;
    }

    /// The right as readers look at it, unless it was never in force. What was given is in force and what was ended is over whatever a
    /// clock says: that of another server may be behind, and any may be set back. The clock of whoever reads is asked for the times alone
    /// that Consents, teams and representatives state.
    pub fn settled(self) -> Option<Right> {
        let Self { mut right, source, over } = self;
        if right.from >= right.until {
            return None;
        }
        if over {
            (right.from, right.until) = (i64::MIN, ENDED);
        } else if right.from <= source.recorded {
            right.from = source.recorded.saturating_sub(BEHIND_MAX);
        }
        Some(right)
    }
}

/// A block: it stands from the beginning, whatever a clock says, until it is ended or its time is over.
pub struct Block<'a> {
    /// The right not to have any, as readers look at it.
    pub right: Right,
    /// The Consent.
    pub source: &'a Source,
    /// Whether it was not ended.
    pub active: bool,
    /// When its period ends.
    pub end: i64,
}

impl Block<'_> {
    /// Whether a right was given before the block, or before the block ended: before it was ended, and before its time was over.
    fn beats(&self, given: &Source) -> bool {
        let standing = (self.active || given.created < self.source.updated) && given.recorded < self.end;
        given.created < self.source.created || standing
    }

    /// Ends every right of its actor that was given before the block ended: after unblocking, a new one is needed.
    pub fn strike(&self, rights: &mut [Given<'_>]) {
        for given in rights.iter_mut().filter(|given| given.right.actor == self.right.actor && self.beats(given.source)) {
            if given.source.created < self.source.created {
                given.end(self.source.recorded, true);
            } else {
                // What was given meanwhile was never in force.
                given.right.until = given.right.from;
            }
        }
    }
}
