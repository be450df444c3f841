//! From a relation between caller and resource, as the rules name it, to the condition it means.

use super::applications::consults;
use super::matrix::Exercise;
use super::projection::adult_born;
use super::rights::CONSULTS;
use super::rules::Relation;
use super::{Action, Caller, CallerKind, Policy};
use crate::clock::first_key;
use crate::fhir::ResourceType;
use crate::filter::{Actor, EnvelopeTest, Filter, HolderState, HolderTest, Label, Param, RightKind, Setting};

impl Policy {
    /// The condition a relation means for this caller.
    pub(super) fn relation(&self, relation: Relation, caller: &Caller, resource: ResourceType, now: i64) -> Filter {
        let exercise = self.exercise(caller);
        let right = |kinds: &[RightKind]| self.right(caller, kinds, Some(self.lender(resource)), now);
        let permits = |setting| match exercise {
            Exercise::Ordinary if self.is_beyond(caller) => Filter::Nothing,
            Exercise::Ordinary => Filter::Holder(HolderTest::Permits(setting)),
            Exercise::Occupational | Exercise::Barred => Filter::Nothing,
        };
        let acts_for = || caller.acts_for.clone().map_or(Filter::Nothing, |ins| Filter::Envelope(EnvelopeTest::HolderIs(ins)));
        let named = |actors| Filter::Envelope(EnvelopeTest::PartyIn(actors));
        match relation {
            Relation::Any => Filter::Everything,
            // A minor acts through a representative (CONTRACT 2); of age or not is what the record says, not the token.
            Relation::Own => acts_for().and(Filter::Holder(HolderTest::BornUntil(adult_born(now)))),
            Relation::Representative => acts_for().and(right(&[RightKind::Representative])),
            Relation::Application => acts_for().and(self.allowed(caller, resource, now)),
            Relation::RecordAccess => right(&[RightKind::RecordAccess]),
            Relation::CareTeam => right(&[RightKind::CareTeam]),
            Relation::TreatingPhysician => right(&[RightKind::TreatingPhysician]),
            Relation::Administrator => right(&[RightKind::Administrator]),
            Relation::AuthorWithRight => named(caller.actors()).and(right(&CONSULTS)),
            Relation::Submitter => Filter::Envelope(EnvelopeTest::SubmittedBy(caller.principal.clone())),
            Relation::Party => match exercise {
                Exercise::Ordinary | Exercise::Barred => named(caller.actors()),
                // The absence of the one right, its refusal and a block look alike: without it nothing tells, with it no refusal does.
                Exercise::Occupational => named(caller.actors())
                    .and(self.right(caller, &[RightKind::Occupational], None, now))
                    .and(self.blocked(caller, now).negate())
                    .and(Filter::Envelope(EnvelopeTest::Labelled(Label::Unspoken)).negate()),
            },
            Relation::Entry => self.entry(caller, resource, now),
            Relation::Manager => named(Actor::managing(&caller.principal).into_iter().collect()),
            Relation::BreakGlass => permits(Setting::BreakGlass),
            Relation::BreakGlassMasked => permits(Setting::BreakGlass).and(permits(Setting::EmergencyMasked)),
            Relation::Samu => permits(Setting::Samu),
            Relation::SamuMasked => permits(Setting::Samu).and(permits(Setting::EmergencyMasked)),
            Relation::Blocked => self.blocked(caller, now),
            Relation::SpaceNotOpen => Filter::Holder(HolderTest::State(HolderState::Open)).negate(),
            Relation::EnteredInError => Filter::Envelope(EnvelopeTest::Labelled(Label::EnteredInError)),
            Relation::Superseded => Filter::Envelope(EnvelopeTest::Labelled(Label::Superseded)),
            // What is told ahead has the key of the instant from which it is told.
            Relation::Unsent => Filter::Envelope(EnvelopeTest::KeyBelow(first_key(now.saturating_add(1)))).negate(),
            Relation::Former => self.former(caller, resource, now),
        }
    }

    /// A report or result that a document brought whose content the caller does not see: one version of it tells of that document.
    fn former(&self, caller: &Caller, resource: ResourceType, now: i64) -> Filter {
        let seen = self.scope(caller, Action::Consult, ResourceType::BINARY, now).filter();
        let by = |filter| Filter::Via(Param::document_of(resource), ResourceType::DOCUMENT_REFERENCE, Box::new(filter));
        // Where it is not known which documents there were, none is seen.
        by(seen.clone().negate()).or(by(seen).negate())
    }

    /// A List that has a document the caller sees as an entry (CONTRACT 3, Who reads what), or a folder that has one. An application
    /// asks for Lists by a scope of its token, too.
    fn entry(&self, caller: &Caller, resource: ResourceType, now: i64) -> Filter {
        if caller.kind == CallerKind::Application && !consults(&caller.scopes, resource) {
            return Filter::Nothing;
        }
        let document = ResourceType::DOCUMENT_REFERENCE;
        let seen = self.scope(caller, Action::Consult, document, now).filter();
        if seen == Filter::Nothing {
            return Filter::Nothing;
        }
        let item = Param::new(resource, "item");
        let documents = Filter::Via(item, document, Box::new(seen));
        documents.clone().or(Filter::Via(item, resource, Box::new(documents)))
    }
}
