//! The second reader: CONTRACT section 3 read again, naively and in memory, from the deeds of a world alone. It says what a caller may
//! see; it knows nothing of `src/policy` and reads the matrix itself.

mod sees;

use std::collections::{BTreeMap, BTreeSet};

use super::world::{Consent, Document, Edit, MINOR, Named, Party, Professional, Set, Step, What, Who};

const MATRIX: &str = include_str!("../../profiles/authorization/matrix.tsv");
const PROFESSIONS: &str = include_str!("../../profiles/authorization/professions.tsv");

/// Today, in every world.
const TODAY: &str = "2026-11-23";

/// Whether a profession may consult a type of document: the cell says so, is confirmed and in force, and so is the column.
pub fn may_consult(system: &str, profession: &str, code: &str) -> bool {
    let system = if system.is_empty() { "TRE_G15" } else { system };
    let in_force = PROFESSIONS.lines().any(|line| {
        let cells: Vec<&str> = line.split('\t').collect();
        cells[0] == system && cells[1] == profession && cells[3] == "yes"
    });
    in_force
        && MATRIX.lines().skip(1).any(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let [_, s, p, _, t, "permit", "confirmed", since, until, ..] = cells[..] else { return false };
            s == system && p == profession && t == code && since <= TODAY && (until == "*" || TODAY < until)
        })
}

/// What an exercise is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Exercise {
    Ordinary,
    Occupational,
    Barred,
}

fn exercise(one: &Professional) -> Exercise {
    match (one.sector.as_str(), one.specialty.as_str()) {
        ("SA23" | "SA24" | "SA48", _) => Exercise::Barred,
        ("SA66" | "SA13", _) | (_, "SM25" | "C41" | "CAPA11") => Exercise::Occupational,
        _ => Exercise::Ordinary,
    }
}

pub fn actors(one: &Professional) -> Vec<Party> {
    std::iter::once(Party::Professional(one.number)).chain(one.structure.map(Party::Structure)).collect()
}

/// A document as it stands.
#[derive(Clone, Debug)]
pub struct Stored {
    pub document: Document,
    pub labels: BTreeSet<String>,
    pub status: &'static str,
    pub archived: bool,
    /// What became of it, version by version.
    pub versions: Vec<String>,
    /// Whether the person or a representative saw it.
    pub read: bool,
}

/// What the deeds so far have made.
#[derive(Clone, Debug, Default)]
pub struct State {
    open: BTreeMap<usize, bool>,
    /// Those who were given another INS.
    pub renumbered: BTreeSet<usize>,
    /// Those whom another replaces.
    pub merged: BTreeSet<usize>,
    pub documents: BTreeMap<String, Stored>,
    pub sets: BTreeMap<String, Set>,
    /// The documents of each report, of a holder, the last one last.
    pub reports: BTreeMap<(usize, usize), Vec<String>>,
    /// Name, Consent, when it was given and when it was ended.
    pub consents: Vec<(String, Consent, usize, Option<usize>)>,
    teams: BTreeMap<String, (usize, Vec<Party>, Option<usize>, bool)>,
    relatives: BTreeMap<String, (usize, usize, bool)>,
    at: usize,
    /// The first deed that cannot be done.
    pub fault: Option<String>,
}

impl State {
    /// What all these deeds make.
    pub fn of(world: &[Step]) -> Self {
        world.iter().fold(Self::default(), |state, step| state.after(step))
    }

    fn after(mut self, step: &Step) -> Self {
        self.at += 1;
        let fits = self.fits(step);
        if !fits && self.fault.is_none() {
            self.fault = Some(step.name.clone());
        }
        match &step.what {
            What::Space { holder, open, .. } => {
                self.open.insert(*holder, *open);
            }
            What::Relative { of, person, active } => {
                self.relatives.insert(step.name.clone(), (*of, *person, *active));
            }
            What::Team { of, members, manager, active } => {
                self.teams.insert(step.name.clone(), (*of, members.clone(), *manager, *active));
            }
            What::Consent(consent) => self.consents.push((step.name.clone(), consent.clone(), self.at, None)),
            What::End(name) => {
                let at = self.at;
                if let Some(consent) = self.consents.iter_mut().find(|one| one.0 == *name) {
                    consent.3 = Some(at);
                }
            }
            What::Document(document) => self.deposit(&step.name, document),
            What::Set(set) => {
                self.sets.insert(step.name.clone(), set.clone());
            }
            What::Edit { document, edit, .. } => self.edit(document, *edit),
            What::Renumber(of) => {
                self.renumbered.insert(*of);
            }
            // Suspended: nobody consults or deposits.
            What::Merge { of, .. } => {
                self.merged.insert(*of);
                self.open.insert(*of, false);
            }
            What::Look { by, at } => self.look(by, at),
            What::Practitioner(_) | What::Organization(_) | What::Role(..) => {}
        }
        self
    }

    fn deposit(&mut self, name: &str, document: &Document) {
        let mut labels: BTreeSet<String> = document.labels.iter().cloned().collect();
        if let Some(former) = self.documents.get_mut(&document.replaces) {
            former.status = "superseded";
            former.versions.push("superseded".into());
            labels.extend(former.labels.iter().cloned());
        }
        if self.set(document.of, "default-masking") && !labels.contains("INVISIBLE_PATIENT") {
            labels.insert("MASQUE_PS".into());
        }
        if document.report != 0 {
            self.reports.entry((document.of, document.report)).or_default().push(name.to_owned());
        }
        let stored =
            Stored { document: document.clone(), labels, status: "current", archived: false, versions: vec!["first".into()], read: false };
        self.documents.insert(name.to_owned(), stored);
    }

    fn edit(&mut self, name: &str, edit: Edit) {
        let Some(stored) = self.documents.get_mut(name) else { return };
        let before = (stored.labels.clone(), stored.status, stored.archived);
        match edit {
            Edit::Mask => {
                stored.labels.insert("MASQUE_PS".into());
            }
            Edit::Unmask => {
                stored.labels.remove("MASQUE_PS");
            }
            Edit::Announce => {
                stored.labels.remove("INVISIBLE_PATIENT");
            }
            Edit::Archive => stored.archived = true,
            Edit::Withdraw => stored.status = "entered-in-error",
        }
        // What changes nothing makes no version.
        if before != (stored.labels.clone(), stored.status, stored.archived) {
            stored.versions.push(format!("{edit:?}"));
        }
    }

    fn look(&mut self, by: &Who, at: &str) {
        if !matches!(by, Who::Holder(_) | Who::Representative { .. }) {
            return;
        }
        let of = at.strip_prefix('p').and_then(|place| place.parse::<usize>().ok());
        let met = |(name, stored): &(&String, &Stored)| *name == at || of == Some(stored.document.of);
        let names = self.documents.iter().filter(met).map(|(name, _)| name.clone());
        let seen: Vec<String> = names.filter(|name| self.sees_document(by, name)).collect();
        for name in seen {
            if let Some(stored) = self.documents.get_mut(&name) {
                stored.read = true;
            }
        }
    }

    /// Whether a deed is one that its doer may do; looks may always be tried.
    fn fits(&self, step: &Step) -> bool {
        match &step.what {
            What::Practitioner(_) | What::Organization(_) | What::Role(..) | What::Look { .. } | What::Space { .. } => true,
            What::Renumber(of) => self.is_open(*of) && !self.renumbered.contains(of),
            What::Merge { of, into } => of != into && self.is_open(*of) && self.open.contains_key(into) && !self.merged.contains(into),
            What::Relative { of, .. } => self.is_open(*of),
            What::Team { of, .. } => self.is_open(*of) && *of != MINOR,
            What::Consent(Consent { of, named: Named::Team(team), .. }) if self.teams.get(team).is_none_or(|team| team.0 != *of) => false,
            What::Consent(consent) => match &consent.by {
                by @ (Who::Holder(of) | Who::Representative { of, .. }) => *of == consent.of && self.acts(by, *of),
                Who::Professional(one) => {
                    let itself = consent.named == Named::Party(Party::Professional(one.number));
                    let physician = consent.kind == "treating-physician" && one.profession == "10" && one.system.is_empty();
                    exercise(one) == Exercise::Ordinary
                        && itself
                        && (consent.kind == "record-access" || physician)
                        && self.is_open(consent.of)
                        && !self.blocked(one, consent.of)
                }
                _ => false,
            },
            What::End(name) => self.consents.iter().any(|one| one.0 == *name && one.3.is_none() && self.acts(&one.1.by, one.1.of)),
            What::Document(one) => {
                let former = self.documents.get(&one.replaces);
                let replaces = one.replaces.is_empty()
                    || former.is_some_and(|former| {
                        former.document.of == one.of && former.document.by == one.by && self.sees_document(&one.by, &one.replaces)
                    });
                let labels: BTreeSet<&String> =
                    one.labels.iter().chain(former.into_iter().flat_map(|former| former.labels.iter())).collect();
                let has = |label: &str| labels.iter().any(|one| *one == label);
                let minor = one.of == MINOR || !has("INVISIBLE_REPRESENTANTS_LEGAUX");
                let by = match &one.by {
                    Who::Structure(_) => true,
                    Who::Professional(by) => exercise(by) == Exercise::Ordinary,
                    by @ (Who::Holder(of) | Who::Representative { of, .. }) => {
                        *of == one.of && self.acts(by, *of) && !has("INVISIBLE_PATIENT") && super::make::OWN.contains(&one.code.as_str())
                    }
                    _ => false,
                };
                // A report is of laboratories; its next version comes with what replaces the last one.
                let last = self.reports.get(&(one.of, one.report)).and_then(|all| all.last());
                let next = last.is_none_or(|last| {
                    *last == one.replaces && self.documents.get(last).is_some_and(|stored| stored.status != "entered-in-error")
                });
                let report = one.report == 0 || one.code == "11502-2" && next && matches!(one.by, Who::Structure(_) | Who::Professional(_));
                report && self.is_open(one.of) && replaces && minor && by && !(has("MASQUE_PS") && has("INVISIBLE_PATIENT"))
            }
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
            What::Edit { document, by, edit } => {
                let Some(stored) = self.documents.get(document) else { return false };
                let has = |label: &str| stored.labels.contains(label);
                let own = stored.document.by == *by;
                let person = matches!(by, Who::Holder(_) | Who::Representative { .. });
                self.sees_document(by, document)
                    && match edit {
                        Edit::Mask => (own || person) && !has("INVISIBLE_PATIENT"),
                        // Which of several is taken off must be said.
                        Edit::Unmask => person && has("MASQUE_PS") && stored.labels.len() == 1,
                        Edit::Announce => own && has("INVISIBLE_PATIENT"),
                        Edit::Archive | Edit::Withdraw => own && !person,
                    }
            }
        }
    }

    /// Who acts for a holder.
    pub fn guardian(&self, of: usize) -> Who {
        match self.relatives.values().find(|relative| relative.0 == of && relative.2) {
            Some(relative) if of == MINOR => Who::Representative { person: relative.1, of },
            _ => Who::Holder(of),
        }
    }

    pub fn is_open(&self, of: usize) -> bool {
        self.open.get(&of) == Some(&true)
    }

    /// Whether the person, of age, or a representative acts for an open record.
    pub fn acts(&self, who: &Who, of: usize) -> bool {
        self.is_open(of)
            && match who {
                Who::Holder(person) => *person == of && of != MINOR,
                Who::Representative { person, of: whom } => *whom == of && self.represents(*person, of),
                _ => false,
            }
    }

    fn represents(&self, person: usize, of: usize) -> bool {
        self.relatives.values().any(|relative| *relative == (of, person, true))
    }

    /// Whether the last word of the person on a setting is to permit; what nothing was said of is as CONTRACT has it.
    pub fn set(&self, of: usize, kind: &str) -> bool {
        let said = self.consents.iter().rfind(|one| one.1.of == of && one.1.kind == kind && one.3.is_none());
        said.map_or(matches!(kind, "break-glass" | "samu"), |one| one.1.permits)
    }

    /// Whether a Consent holds today by its own words.
    fn in_period(consent: &Consent) -> bool {
        (consent.start.is_empty() || consent.start.as_str() <= TODAY) && (consent.end.is_empty() || TODAY <= consent.end.as_str())
    }

    /// Whether somebody is blocked now; what was given before the block ended is gone.
    pub fn blocks(&self, of: usize, party: Party, given: usize) -> (bool, bool) {
        let blocks =
            || self.consents.iter().filter(|one| one.1.of == of && one.1.kind == "record-block" && one.1.named == Named::Party(party));
        (blocks().any(|one| one.3.is_none()), blocks().any(|one| one.3.is_none_or(|end| given < end)))
    }

    pub fn blocked(&self, one: &Professional, of: usize) -> bool {
        actors(one).into_iter().any(|party| self.blocks(of, party, 0).0)
    }

    /// The kinds of rights in force with the part each is narrowed to, and whether there is one that has ended.
    pub fn rights(&self, one: &Professional, of: usize) -> (BTreeSet<(&str, String)>, bool) {
        let (mut held, mut ended) = (BTreeSet::new(), false);
        let physician = self.consents.iter().rfind(|two| two.1.of == of && two.1.kind == "treating-physician").map(|two| two.0.clone());
        for (name, consent, given, end) in self.consents.iter().filter(|two| two.1.of == of) {
            let kind = consent.kind.as_str();
            let alone = matches!(kind, "treating-physician" | "administrator" | "occupational-health");
            let parties: Vec<Party> = match (&consent.named, kind) {
                (Named::Party(party), "record-access" | "treating-physician" | "administrator" | "occupational-health") => vec![*party],
                (Named::Team(team), "care-team-access") => match self.teams.get(team) {
                    Some((_, members, _, true)) => members.clone(),
                    _ => Vec::new(),
                },
                _ => Vec::new(),
            };
            let own = |party: &Party| if alone { *party == Party::Professional(one.number) } else { actors(one).contains(party) };
            for party in parties.into_iter().filter(own) {
                let fits = match (exercise(one), kind) {
                    (Exercise::Barred, _) => false,
                    (Exercise::Occupational, kind) => kind == "occupational-health",
                    (Exercise::Ordinary, "occupational-health") => false,
                    (Exercise::Ordinary, "treating-physician") => one.profession == "10" && one.system.is_empty(),
                    _ => true,
                };
                let former = kind == "treating-physician" && physician.as_ref() != Some(name);
                if !fits || consent.start.as_str() > TODAY {
                    continue;
                }
                if end.is_some() || former || !Self::in_period(consent) || self.blocks(of, party, *given).1 {
                    ended = true;
                } else {
                    held.insert((if kind == "occupational-health" { "record-access" } else { kind }, consent.part.clone()));
                }
            }
        }
        (held, ended)
    }

    pub fn holds(&self, one: &Professional, of: usize, kinds: &[&str], part: &str) -> bool {
        let (held, _) = self.rights(one, of);
        held.iter().any(|(kind, narrowed)| kinds.contains(kind) && (narrowed.is_empty() || narrowed == part))
    }

    /// Whether an emergency opens the record, and its masked documents.
    pub fn emergency(&self, one: &Professional, of: usize) -> (bool, bool) {
        let kind = match one.purpose.as_str() {
            "bris_de_glace" => "break-glass",
            "centre_15" => "samu",
            _ => return (false, false),
        };
        let opens = exercise(one) == Exercise::Ordinary && self.set(of, kind);
        (opens, opens && self.set(of, "emergency-masked"))
    }

    /// Whether a professional consults a part of a record at all.
    fn consults(&self, one: &Professional, of: usize, part: &str) -> bool {
        let all = ["record-access", "care-team-access", "treating-physician", "administrator"];
        let by_right =
            if one.purpose.is_empty() || one.purpose == "normal" { self.holds(one, of, &all, part) } else { self.emergency(one, of).0 };
        exercise(one) != Exercise::Barred && self.is_open(of) && !self.blocked(one, of) && by_right
    }

    /// Whether somebody deposited it.
    fn submitted(who: &Who, stored: &Stored) -> bool {
        match (who, &stored.document.by) {
            (Who::Professional(one), Who::Professional(by)) => one.number == by.number,
            (who, by) => who == by,
        }
    }
}
