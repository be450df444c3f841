//! What each caller sees of what the deeds have made.

use std::collections::BTreeMap;

use super::{Exercise, SHOWN, State, Stored, TOLD, actors, exercise, is_normal, may_consult};
use crate::twin::world::{Consent, Named, Party, Professional, Set, Step, What, Who};

impl State {
    /// Whether the content of a document is seen.
    pub fn sees_content(&self, who: &Who, name: &str) -> bool {
        let Some(stored) = self.documents.get(name) else { return false };
        let (of, has) = (stored.document.of, |label: &str| self.hides(stored, label));
        if !self.is_open(of) || stored.status == "entered-in-error" {
            return false;
        }
        match who {
            Who::Holder(person) => *person == of && self.is_of_age(of) && !has("INVISIBLE_PATIENT"),
            Who::Representative { person, of: whom } => {
                *whom == of && self.represents(*person, of) && !has("INVISIBLE_PATIENT") && !has("INVISIBLE_REPRESENTANTS_LEGAUX")
            }
            Who::Professional(one) => {
                if !self.consults(one, of, "DocumentReference") {
                    return false;
                }
                let cell = may_consult(&self.today, &one.system, &one.profession, &stored.document.code);
                if !is_normal(one) {
                    return cell && (!has("MASQUE_PS") || self.emergency(one, of).1);
                }
                let holds = |kinds: &[&str]| self.holds(one, of, kinds, "DocumentReference");
                let author = actors(one).iter().any(|party| Self::authors(stored).contains(party));
                holds(&["treating-physician"])
                    || cell && (holds(&["administrator"]) || author || !has("MASQUE_PS") && holds(&["record-access", "care-team-access"]))
            }
            Who::Application(whom) => {
                let hiding = ["INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX", "MASQUE_PS"];
                *whom == of && self.allows_application(of) && !hiding.iter().any(|label| has(label))
            }
            _ => false,
        }
    }

    /// Whether the application is allowed the documents of a record.
    fn allows_application(&self, of: usize) -> bool {
        let given = |one: &Consent| one.of == of && one.kind == "application" && one.named == Named::Application && one.permits;
        self.consents.iter().any(|one| given(&one.1) && one.3.is_none() && self.in_period(&one.1))
    }

    /// The versions of the report that a document brought, where it is the last to have brought it and was not replaced: who sees the
    /// content of that document sees the report and its result, too.
    pub fn report(&self, name: &str) -> usize {
        let Some(stored) = self.documents.get(name).filter(|stored| stored.status == "current") else { return 0 };
        let all = self.reports.get(&(stored.document.of, stored.document.report));
        all.filter(|all| all.last().is_some_and(|last| last == name)).map_or(0, Vec::len)
    }

    /// Whether a report is seen, and its result: what the last document that brought it has for content is.
    pub fn sees_report(&self, who: &Who, of: usize, report: usize) -> bool {
        let last = self.reports.get(&(of, report)).and_then(|all| all.last());
        last.is_some_and(|name| self.report(name) > 0 && self.sees_content(who, name))
    }

    /// Whether every version of a report is seen: by who sees what each document that brought one has for content.
    pub fn sees_versions(&self, who: &Who, of: usize, report: usize) -> bool {
        let all = self.reports.get(&(of, report));
        self.sees_report(who, of, report) && all.is_some_and(|all| all.iter().all(|name| self.sees_content(who, name)))
    }

    /// Whether a document is one that traces do not name to who reads those of the record: it is hidden from the person or from those
    /// who represent it.
    pub fn hidden_from(&self, who: &Who, name: &str) -> bool {
        let Some(stored) = self.documents.get(name) else { return false };
        let hides = |label: &str| self.hides(stored, label);
        match who {
            Who::Holder(_) => hides("INVISIBLE_PATIENT"),
            Who::Representative { .. } => hides("INVISIBLE_PATIENT") || hides("INVISIBLE_REPRESENTANTS_LEGAUX"),
            _ => false,
        }
    }

    /// What somebody who acts for the holder is told of the record without asking, by kind, sorted: that something awaits its
    /// announcement, that what did is shown, that a professional recorded a Consent.
    pub fn notices(&self, who: &Who, of: usize) -> Vec<&'static str> {
        if !self.acts(who, of) {
            return Vec::new();
        }
        // One of all that replaces each other, as long as some of it waits.
        let mut waits: BTreeMap<&str, Vec<&Stored>> = BTreeMap::new();
        for (name, stored) in &self.documents {
            if stored.document.of == of && stored.status != "entered-in-error" && stored.labels.contains("INVISIBLE_PATIENT") {
                waits.entry(self.first(name)).or_default().push(stored);
            }
        }
        if let Who::Representative { .. } = who {
            waits.retain(|_, all| all.iter().any(|stored| !stored.labels.contains("INVISIBLE_REPRESENTANTS_LEGAUX")));
        }
        let mut all = Vec::new();
        for (day, notice) in [(TOLD, "awaiting-announcement"), (SHOWN, "made-visible")] {
            all.extend(waits.keys().filter(|_| self.today.is_from(day)).map(|_| notice));
        }
        let recorded = |one: &&(String, Consent, usize, Option<usize>)| one.1.of == of && matches!(one.1.by, Who::Professional(_));
        all.extend(self.consents.iter().filter(recorded).map(|_| "consent-recorded"));
        all.sort_unstable();
        all
    }

    /// The first document of all that replaced each other before this one.
    fn first<'s>(&'s self, name: &'s str) -> &'s str {
        let former = self.documents.get(name).map(|stored| stored.document.replaces.as_str()).filter(|former| !former.is_empty());
        former.map_or(name, |former| self.first(former))
    }

    pub(super) fn authors(stored: &Stored) -> Vec<Party> {
        let mut all = stored.document.authors.clone();
        match &stored.document.by {
            Who::Structure(number) => all.push(Party::Structure(*number)),
            Who::Professional(one) => all.extend(actors(one)),
            _ => {}
        }
        all
    }

    /// Whether a document is seen.
    pub fn sees_document(&self, who: &Who, name: &str) -> bool {
        let Some(stored) = self.documents.get(name) else { return false };
        let barred = matches!(who, Who::Professional(one) if exercise(one) == Exercise::Barred);
        let own = Self::submitted(who, stored) && matches!(who, Who::Structure(_) | Who::Professional(_)) && !barred;
        own && self.is_open(stored.document.of) && stored.status != "entered-in-error" || self.sees_content(who, name)
    }

    /// The entries of a List that are seen.
    pub fn entries<'s>(&self, who: &Who, set: &'s Set) -> Vec<&'s String> {
        set.documents.iter().filter(|name| self.sees_document(who, name)).collect()
    }

    /// Whether a List is seen: by who deposited it, and by who sees an entry of it.
    fn sees_set(&self, who: &Who, name: &str) -> bool {
        let Some(set) = self.sets.get(name) else { return false };
        let own = match (who, &set.by) {
            (Who::Professional(one), Who::Professional(by)) => one.number == by.number && exercise(one) != Exercise::Barred,
            (Who::Structure(_) | Who::Holder(_), by) => who == by,
            _ => false,
        };
        self.is_open(set.of) && (own || !self.entries(who, set).is_empty())
    }

    fn sees_space(&self, who: &Who, of: usize) -> bool {
        match who {
            Who::Operator => true,
            Who::Holder(person) => *person == of && self.is_of_age(of),
            Who::Representative { person, of: whom } => *whom == of && self.represents(*person, of),
            Who::Professional(one) => self.consults(one, of, "Patient"),
            _ => false,
        }
    }

    /// Whether a professional is told what names it, in its exercise.
    fn is_told(&self, one: &Professional, of: usize, refuses: bool) -> bool {
        self.is_open(of)
            && match exercise(one) {
                Exercise::Ordinary => true,
                Exercise::Occupational => self.holds(one, of, &["record-access"], "") && !self.blocked(one, of) && !refuses,
                Exercise::Barred => false,
            }
    }

    fn sees_consent(&self, who: &Who, consent: &Consent, ended: bool) -> bool {
        let barred = matches!(who, Who::Professional(one) if exercise(one) == Exercise::Barred);
        match who {
            Who::Holder(person) => *person == consent.of && self.is_of_age(consent.of),
            Who::Representative { person, of } => *of == consent.of && self.represents(*person, *of),
            Who::Professional(one) => {
                let named = actors(one).into_iter().any(|party| consent.named == Named::Party(party));
                let by = matches!(&consent.by, Who::Professional(by) if by.number == one.number);
                !barred && (named && self.is_told(one, consent.of, ended || !consent.permits) || by && self.is_open(consent.of))
            }
            _ => false,
        }
    }

    pub(super) fn sees_team(&self, who: &Who, name: &str) -> bool {
        let Some((of, members, manager, _)) = self.teams.get(name) else { return false };
        match who {
            Who::Holder(person) => person == of && self.is_of_age(*of),
            Who::Representative { person, of: whom } => whom == of && self.represents(*person, *of),
            Who::Professional(one) => actors(one).iter().any(|party| members.contains(party)) && self.is_told(one, *of, false),
            Who::Structure(number) => self.is_open(*of) && *manager == Some(*number),
            _ => false,
        }
    }

    fn sees_relative(&self, who: &Who, of: usize) -> bool {
        match who {
            Who::Operator => true,
            Who::Holder(person) => *person == of && self.is_of_age(of),
            Who::Representative { person, of: whom } => *whom == of && self.represents(*person, of),
            Who::Professional(one) => {
                is_normal(one)
                    && self.is_open(of)
                    && !self.blocked(one, of)
                    && self.holds(one, of, &["treating-physician"], "RelatedPerson")
            }
            _ => false,
        }
    }

    /// Whether somebody sees the thing of this name; what is no resource is seen by nobody.
    pub fn sees(&self, who: &Who, step: &Step) -> bool {
        match &step.what {
            What::Practitioner(_) | What::Organization(_) | What::Role(..) => !matches!(who, Who::Tester),
            What::Space { holder, .. } => self.sees_space(who, *holder),
            What::Relative { of, .. } => self.sees_relative(who, *of),
            What::Team { .. } => self.sees_team(who, &step.name),
            What::Consent(consent) => {
                let ended = self.consents.iter().any(|one| one.0 == step.name && one.3.is_some());
                self.sees_consent(who, consent, ended)
            }
            What::Document(_) => self.sees_document(who, &step.name),
            What::Set(_) => self.sees_set(who, &step.name),
            What::Renumber(of) | What::Merge { of, .. } => self.sees_space(who, *of),
            What::End(_) | What::Edit { .. } | What::Look { .. } => false,
        }
    }
}
