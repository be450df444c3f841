//! Whether a deed is one that its doer may do, so that the server must let it be done.

use std::collections::BTreeSet;

use super::{CONSULTS, Exercise, State, Stored, actors, exercise, is_normal};
use crate::twin::make::OWN;
use crate::twin::world::{Consent, Document, Edit, MINOR, Named, Party, Professional, Step, What, Who};

impl State {
    /// Whether a deed is one that its doer may do; looks may always be tried.
    pub(super) fn fits(&self, step: &Step) -> bool {
        match &step.what {
            What::Practitioner(_) | What::Organization(_) | What::Role(..) | What::Look { .. } | What::Space { .. } => true,
            What::Renumber(of) => self.is_open(*of) && !self.renumbered.contains(of),
            What::Merge { of, into } => of != into && self.is_open(*of) && self.open.contains_key(into) && !self.merged.contains(into),
            What::Relative { of, .. } => self.is_open(*of),
            What::Team { of, .. } => self.is_open(*of) && *of != MINOR,
            What::Consent(Consent { of, named: Named::Team(team), .. }) if self.teams.get(team).is_none_or(|team| team.0 != *of) => false,
            What::Consent(consent) => match &consent.by {
                by @ (Who::Holder(of) | Who::Representative { of, .. }) => *of == consent.of && self.acts(by, *of),
                Who::Professional(one) => self.collects(one, consent),
                _ => false,
            },
            What::End(name) => self.consents.iter().any(|one| one.0 == *name && one.3.is_none() && self.acts(&one.1.by, one.1.of)),
            What::Document(one) => self.fits_document(one),
            What::Set(one) => {
                let by = match &one.by {
                    Who::Structure(_) => true,
                    Who::Professional(by) => exercise(by) == Exercise::Ordinary,
                    by @ (Who::Holder(of) | Who::Representative { of, .. }) => *of == one.of && self.acts(by, *of),
                    _ => false,
                };
                let listed = |name: &String| {
                    self.documents.get(name).is_some_and(|stored| stored.document.of == one.of) && self.sees_document(&one.by, name)
                };
                by && self.is_open(one.of) && !one.documents.is_empty() && one.documents.iter().all(listed)
            }
            What::Edit { document, by, edit } => self.edits(by, document, *edit),
        }
    }

    /// Whether a professional may record it as the statement that consent was collected.
    fn collects(&self, one: &Professional, consent: &Consent) -> bool {
        let of = consent.of;
        let itself = consent.named == Named::Party(Party::Professional(one.number));
        let physician = one.profession == "10" && one.system.is_empty();
        let collected = match consent.kind.as_str() {
            "record-access" => itself || self.holds_any(one, of, &CONSULTS),
            "care-team-access" => matches!(&consent.named, Named::Team(team) if self.sees_team(&consent.by, team)),
            "treating-physician" => itself && physician,
            _ => false,
        };
        collected && exercise(one) == Exercise::Ordinary && is_normal(one) && self.is_open(of) && !self.blocked(one, of)
    }

    /// Whether somebody may change that of a document (CONTRACT 3, Labels and Author).
    fn edits(&self, by: &Who, name: &str, edit: Edit) -> bool {
        let Some(stored) = self.documents.get(name) else { return false };
        let of = stored.document.of;
        let has = |label: &str| stored.labels.contains(label);
        let person = matches!(by, Who::Holder(_) | Who::Representative { .. });
        let author = self.is_author(by, stored);
        let holds = |kinds: &[&str]| matches!(by, Who::Professional(one) if self.holds_any(one, of, kinds));
        let (physician, administrator) = (holds(&["treating-physician"]), holds(&["administrator"]));
        let consults = matches!(by, Who::Professional(one) if is_normal(one) && self.consults(one, of, "DocumentReference"));
        let may = match edit {
            Edit::Mask => (author || person || physician || administrator) && !has("INVISIBLE_PATIENT"),
            // Which of several is taken off must be said.
            Edit::Unmask => (person || physician) && has("MASQUE_PS") && stored.labels.len() == 1,
            Edit::Announce => (author || physician || administrator || consults) && has("INVISIBLE_PATIENT"),
            Edit::Archive | Edit::Withdraw => author && !person,
        };
        may && self.sees_document(by, name)
    }

    /// Who submitted it, and whom it names: a person, and the structure that a person acts for.
    fn is_author(&self, who: &Who, stored: &Stored) -> bool {
        let named = match who {
            Who::Professional(one) => actors(one),
            Who::Structure(number) => vec![Party::Structure(*number)],
            _ => Vec::new(),
        };
        Self::submitted(who, stored) || named.iter().any(|party| Self::authors(stored).contains(party))
    }

    /// Whether a document may be deposited.
    fn fits_document(&self, one: &Document) -> bool {
        let former = self.documents.get(&one.replaces);
        let replaces = one.replaces.is_empty()
            || former.is_some_and(|former| {
                former.document.of == one.of && former.document.by == one.by && self.sees_document(&one.by, &one.replaces)
            });
        let labels: BTreeSet<&String> = one.labels.iter().chain(former.into_iter().flat_map(|former| former.labels.iter())).collect();
        let has = |label: &str| labels.iter().any(|one| *one == label);
        // What the person sees is not replaced by what is hidden from it.
        let hides = |label: &String| label == "INVISIBLE_PATIENT";
        let seen = former.is_some_and(|former| !former.labels.iter().any(hides)) && one.labels.iter().any(hides);
        let minor = one.of == MINOR || !has("INVISIBLE_REPRESENTANTS_LEGAUX");
        let by = match &one.by {
            Who::Structure(_) => true,
            Who::Professional(by) => exercise(by) == Exercise::Ordinary,
            by @ (Who::Holder(of) | Who::Representative { of, .. }) => {
                *of == one.of && self.acts(by, *of) && !has("INVISIBLE_PATIENT") && OWN.contains(&one.code.as_str())
            }
            _ => false,
        };
        // A report is of laboratories; its next version comes with what replaces the last one.
        let last = self.reports.get(&(one.of, one.report)).and_then(|all| all.last());
        let next = last
            .is_none_or(|last| *last == one.replaces && self.documents.get(last).is_some_and(|stored| stored.status != "entered-in-error"));
        let report = one.report == 0 || one.code == "11502-2" && next && matches!(one.by, Who::Structure(_) | Who::Professional(_));
        report && self.is_open(one.of) && replaces && !seen && minor && by && !(has("MASQUE_PS") && has("INVISIBLE_PATIENT"))
    }
}
