//! Which rights count for a caller: by its exercise, its profession, and whom a right can name.

use super::consents::{self, Named};
use super::known::known;
use super::matrix::Exercise;
use super::{Caller, Policy};
use crate::fhir::ResourceType;
use crate::filter::{Facts, Filter, RightKind, RightTest};

/// The rights with which a professional consults.
pub const CONSULTS: [RightKind; 4] = [RightKind::RecordAccess, RightKind::CareTeam, RightKind::TreatingPhysician, RightKind::Administrator];

impl Policy {
    /// A right of one of these kinds, in force at an instant, as far as they count for the caller; `part` is the part of the space
    /// for which a narrowed right must hold, `None` where any part will do.
    pub fn right(&self, caller: &Caller, kinds: &[RightKind], part: Option<ResourceType>, now: i64) -> Filter {
        self.right_to(caller, kinds, part.map(ResourceType::name), None, now)
    }

    /// The same for a part by its name, as rights are narrowed to it; given for one of these purposes, `None` where any will do.
    pub(super) fn right_to(
        &self,
        caller: &Caller,
        kinds: &[RightKind],
        part: Option<&'static str>,
        purposes: Option<&[String]>,
        now: i64,
    ) -> Filter {
        // A right that can name a professional only is not had through the structure one acts for.
        let (alone, any): (Vec<_>, Vec<_>) = self.counting(caller, kinds).into_iter().partition(|kind| self.names_one_person(*kind));
        let held = |kinds: Vec<RightKind>, actors| match kinds.is_empty() {
            true => Filter::Nothing,
            false => Filter::Right(RightTest { kinds, actors, at: now, part, purposes: purposes.map(<[_]>::to_vec) }),
        };
        held(any, caller.actors()).or(held(alone, vec![caller.principal.clone()]))
    }

    /// A block that holds for the caller: any but an administrator's where the caller is the treating physician, who may act for a
    /// structure that is blocked.
    pub fn blocked(&self, caller: &Caller, now: i64) -> Filter {
        let by = |kind| Filter::Right(RightTest { kinds: vec![kind], actors: caller.actors(), at: now, part: None, purposes: None });
        let physician = self.right(caller, &[RightKind::TreatingPhysician], None, now);
        by(RightKind::Block).or(by(RightKind::BlockByAdministrator).and(physician.negate()))
    }

    /// Those of these kinds that count for the caller. An occupational exercise has one right only; whatever else it was given does
    /// not count (L1111-17 IV CSP). A kind that is for one profession counts in that one.
    pub fn counting(&self, caller: &Caller, kinds: &[RightKind]) -> Vec<RightKind> {
        match self.exercise(caller) {
            Exercise::Barred => Vec::new(),
            Exercise::Occupational if kinds.iter().any(|kind| matches!(kind, RightKind::RecordAccess | RightKind::Occupational)) => {
                vec![RightKind::Occupational]
            }
            Exercise::Occupational => Vec::new(),
            Exercise::Ordinary => kinds.iter().copied().filter(|kind| self.fits_profession(caller, *kind)).collect(),
        }
    }

    /// Whether the matrix lets the caller's profession consult nothing: no emergency opens anything to it, either (P5).
    pub(super) fn is_beyond(&self, caller: &Caller) -> bool {
        !caller.profession.as_ref().is_some_and(|profession| self.matrix().is_effective(profession))
    }

    fn fits_profession(&self, caller: &Caller, kind: RightKind) -> bool {
        let needed = consents::code_of(kind).and_then(|code| self.consent_kind(code)?.profession.as_ref());
        needed.is_none_or(|needed| caller.profession.as_ref() == Some(needed))
    }

    fn names_one_person(&self, kind: RightKind) -> bool {
        consents::code_of(kind).and_then(|code| self.consent_kind(code)).is_some_and(|kind| kind.named == Named::Professional)
    }
}

/// Whether a condition on rights and holder alone holds for a record of which this is known; what depends on a resource does not.
pub fn holds(condition: &Filter, facts: &Facts) -> bool {
    known(condition, facts, false) == Some(true)
}
