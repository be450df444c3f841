//! What may be done beside Consents: documents, Lists, teams, changes, looks.

use super::{CODES, DATES, LANGUAGES, Maker, OWN, TITLES, number, other, party, text};
use crate::twin::world::{Document, Edit, MINOR, Named, Party, Professional, Set, What, Who};

impl Maker<'_> {
    pub(super) fn document(&mut self, of: usize) -> Document {
        let by = match self.dice.roll(10) {
            0 => self.state.guardian(of),
            1 => other(self.dice),
            2 if matches!(self.caller, Who::Professional(_)) => self.caller.clone(),
            3..=5 => Who::Structure(2),
            _ => Who::Structure(1),
        };
        let labels = match self.dice.roll(10) {
            0..=3 => vec!["MASQUE_PS".to_owned()],
            4 | 5 => vec!["INVISIBLE_PATIENT".to_owned()],
            6 | 9 if of == MINOR => vec!["INVISIBLE_REPRESENTANTS_LEGAUX".to_owned()],
            7 if of == MINOR => vec!["INVISIBLE_PATIENT".to_owned(), "INVISIBLE_REPRESENTANTS_LEGAUX".to_owned()],
            _ => Vec::new(),
        };
        let authors = (0..self.dice.roll(3)).map(|_| party(self.dice)).collect();
        let practitioner = if self.dice.chance(3) { String::new() } else { self.some("pr") };
        let custodian = if self.dice.chance(2) { self.some("org") } else { String::new() };
        let related = (0..self.dice.roll(4)).map(|_| self.some("d")).filter(|name| !name.is_empty()).collect();
        let code = if !matches!(by, Who::Holder(_) | Who::Representative { .. }) && self.dice.chance(3) {
            "11502-2".to_owned()
        } else if matches!(by, Who::Holder(_) | Who::Representative { .. }) {
            text(self.dice, &OWN)
        } else {
            text(self.dice, &CODES)
        };
        let mut document = Document {
            of,
            by,
            number: self.count + 1,
            code,
            labels,
            authors,
            practitioner,
            custodian,
            title: format!("{} {}", text(self.dice, &TITLES), self.count + 1),
            date: text(self.dice, &DATES),
            language: text(self.dice, &LANGUAGES),
            related,
            replaces: String::new(),
            report: 0,
        };
        if document.code == "11502-2" && !self.dice.chance(4) {
            document.report = document.number;
        }
        if self.dice.chance(4) {
            let reports: Vec<String> = self.state.documents.keys().filter(|name| self.state.report(name) > 0).cloned().collect();
            let name = if reports.is_empty() || self.dice.chance(2) { self.some("d") } else { self.dice.pick(&reports).clone() };
            if let Some(stored) = self.state.documents.get(&name) {
                (document.of, document.by, document.labels) = (stored.document.of, stored.document.by.clone(), Vec::new());
                // The next version of its report, or one of its own.
                if stored.document.report != 0 && stored.status == "current" && !self.dice.chance(3) {
                    (document.report, document.code) = (stored.document.report, "11502-2".to_owned());
                }
                document.replaces = name;
                if matches!(document.by, Who::Holder(_) | Who::Representative { .. }) {
                    (document.code, document.report) = (text(self.dice, &OWN), 0);
                }
            }
        }
        document
    }

    /// A report whose first version came with a document that is hidden from some, and whose next one with one that no longer is.
    pub(super) fn versions(&mut self) {
        let of = self.holder();
        let by = Who::Structure(1 + number(self.dice, 2));
        let label = text(self.dice, &["MASQUE_PS", "MASQUE_PS", "INVISIBLE_PATIENT", ""]);
        let labels = if label.is_empty() { Vec::new() } else { vec![label.clone()] };
        let mut document = Document { by: by.clone(), code: "11502-2".into(), labels, ..self.document(of) };
        (document.of, document.replaces, document.report) = (of, String::new(), document.number);
        let first = self.new_name("d");
        self.push(&first, What::Document(document.clone()));
        let title = format!("{} {}", text(self.dice, &TITLES), self.count + 1);
        let mut next = Document { number: self.count + 1, title, labels: Vec::new(), replaces: first, ..document };
        if self.dice.chance(3) {
            next.report = 0;
        }
        let (document, name) = (self.new_name("d"), self.new_name("x"));
        self.push(&document, What::Document(next));
        let (by, edit) = if label == "MASQUE_PS" { (self.state.guardian(of), Edit::Unmask) } else { (by, Edit::Announce) };
        self.push(&name, What::Edit { document, by, edit });
    }

    /// Documents that somebody sees, listed.
    pub(super) fn set(&mut self) -> Option<What> {
        let first = self.some("d");
        let stored = self.state.documents.get(&first)?;
        let (of, by) = (stored.document.of, stored.document.by.clone());
        let seen =
            |name: &String| self.state.documents.get(name).is_some_and(|one| one.document.of == of) && self.state.sees_document(&by, name);
        let all: Vec<String> = self.names("d").into_iter().filter(seen).collect();
        let mut documents = vec![first];
        // Some that the caller sees and some that it does not, where there are such.
        let (shown, hidden) = all.iter().cloned().partition::<Vec<_>, _>(|name| self.state.sees_document(&self.caller, name));
        for from in [&shown, &hidden, &all, &all, &all] {
            if !from.is_empty() && !self.dice.chance(3) {
                documents.push(self.dice.pick(from).clone());
            }
        }
        documents.dedup();
        let (number, title) = (self.count + 1, text(self.dice, &TITLES));
        Some(What::Set(Set { of, by, number, folder: self.dice.chance(2), title, documents }))
    }

    pub(super) fn team(&mut self, of: usize) -> What {
        let members = (0..1 + self.dice.roll(3)).map(|_| party(self.dice)).collect();
        let manager = if self.dice.chance(2) { Some(1 + number(self.dice, 2)) } else { None };
        What::Team { of, members, manager, active: !self.dice.chance(3) }
    }

    /// A change of a stored document, more often of one that brought a version of a report or is in a List.
    pub(super) fn edit(&mut self) -> Option<What> {
        let known = |name: &&String| {
            let brought = self.state.reports.values().any(|all| all.contains(*name));
            brought || self.state.sets.values().any(|set| set.documents.contains(*name))
        };
        let chosen: Vec<String> = self.state.documents.keys().filter(known).cloned().collect();
        let document = if chosen.is_empty() || self.dice.chance(3) { self.some("d") } else { self.dice.pick(&chosen).clone() };
        let stored = self.state.documents.get(&document)?;
        let edit = match (stored.labels.contains("INVISIBLE_PATIENT"), stored.labels.contains("MASQUE_PS")) {
            (true, _) => *self.dice.pick(&[Edit::Announce, Edit::Announce, Edit::Withdraw]),
            (_, true) => *self.dice.pick(&[Edit::Unmask, Edit::Unmask, Edit::Archive, Edit::Withdraw]),
            _ => *self.dice.pick(&[Edit::Mask, Edit::Mask, Edit::Mask, Edit::Archive, Edit::Withdraw]),
        };
        let (of, submitter) = (stored.document.of, stored.document.by.clone());
        let by = match (edit, self.dice.roll(4)) {
            (Edit::Mask | Edit::Unmask, 0 | 1) => self.state.guardian(of),
            (Edit::Mask | Edit::Unmask | Edit::Announce, 2) => self.entitled(of)?,
            (Edit::Unmask, _) => self.state.guardian(of),
            _ => submitter,
        };
        Some(What::Edit { document, by, edit })
    }

    /// A professional who was given a right to this record: treating physician or administrator may change labels.
    fn entitled(&mut self, of: usize) -> Option<Who> {
        let mut all = Vec::new();
        for (_, consent, ..) in self.state.consents.iter().filter(|one| one.1.of == of) {
            let Named::Party(Party::Professional(number)) = consent.named else { continue };
            let times = if matches!(consent.kind.as_str(), "treating-physician" | "administrator") { 4 } else { 1 };
            all.extend(std::iter::repeat_n(number, times));
        }
        if all.is_empty() {
            return None;
        }
        let number = *self.dice.pick(&all);
        match &self.caller {
            Who::Professional(one) if one.number == number => Some(self.caller.clone()),
            _ => Some(Who::Professional(Professional { number, profession: "10".into(), ..Professional::default() })),
        }
    }

    pub(super) fn look(&mut self) -> What {
        let by = match self.dice.roll(4) {
            0 => Who::Holder(number(self.dice, 2)),
            1 if matches!(self.caller, Who::Professional(_)) => self.caller.clone(),
            _ => other(self.dice),
        };
        let at = match self.dice.roll(8) {
            0 | 1 => format!("p{}", self.dice.roll(2)),
            2 => self.some("s"),
            _ => self.some("d"),
        };
        What::Look { by, at }
    }
}
