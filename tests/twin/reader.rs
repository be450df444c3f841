//! The second reader: CONTRACT section 3 read again, naively and in memory, from the deeds of a world alone. It says what a caller may
//! see; it knows nothing of `src/policy` and reads the matrix itself.

mod fits;
mod sees;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};

use super::world::{Consent, Document, Edit, MINOR, Named, Party, Professional, Set, Step, What, Who};

const MATRIX: &str = include_str!("../../profiles/authorization/matrix.tsv");
const PROFESSIONS: &str = include_str!("../../profiles/authorization/professions.tsv");

/// The day on which everything is done, in every world.
const DEEDS: &str = "2026-11-23";
/// The day from which what was hidden from the person on the day of deeds is shown to it: a month has gone by (R1111-53 CSP).
const SHOWN: &str = "2026-12-23";
/// The day from which the person is told that something awaits its announcement: two weeks have gone by.
const TOLD: &str = "2026-12-07";
/// The day on which the minor comes of age.
const MAJORITY: &str = "2032-09-18";

/// A day; that of all deeds unless said otherwise.
#[derive(Clone, Debug)]
pub struct Day(String);

impl Default for Day {
    fn default() -> Self {
        Self(DEEDS.to_owned())
    }
}

impl Day {
    fn is_from(&self, day: &str) -> bool {
        day <= self.0.as_str()
    }
}

/// Whether a profession may consult a type of document: the cell says so, is confirmed and in force, and so is the column.
pub fn may_consult(today: &Day, system: &str, profession: &str, code: &str) -> bool {
    let system = if system.is_empty() { "TRE_G15" } else { system };
    let in_force = PROFESSIONS.lines().any(|line| {
        let cells: Vec<&str> = line.split('\t').collect();
        cells[0] == system && cells[1] == profession && cells[3] == "yes"
    });
    in_force
        && MATRIX.lines().skip(1).any(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let [_, s, p, _, t, "permit", "confirmed", since, until, ..] = cells[..] else { return false };
            s == system && p == profession && t == code && today.is_from(since) && (until == "*" || !today.is_from(until))
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

/// The rights with which a professional consults.
const CONSULTS: [&str; 4] = ["record-access", "care-team-access", "treating-physician", "administrator"];

/// Whether it is no emergency.
fn is_normal(one: &Professional) -> bool {
    one.purpose.is_empty() || one.purpose == "normal"
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
    /// The deed by which it was last changed.
    pub changed: usize,
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
    /// The day on which somebody looks: deeds are judged on the day on which they are done.
    today: Day,
    /// The first deed that cannot be done.
    pub fault: Option<String>,
}

impl State {
    /// What all these deeds make.
    pub fn of(world: &[Step]) -> Self {
        world.iter().fold(Self::default(), |state, step| state.after(step))
    }

    /// What they have made so many days later.
    pub fn later(world: &[Step], days: u32) -> Self {
        let day: NaiveDate = DEEDS.parse().unwrap();
        let today = Day((day + Days::new(days.into())).to_string());
        Self { today, ..Self::of(world) }
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
            What::Consent(consent) => {
                let consent = self.ended_in_a_day(consent.clone());
                self.consents.push((step.name.clone(), consent, self.at, None));
            }
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

    /// What a professional outside the team collected without an end holds for 24 hours.
    fn ended_in_a_day(&self, mut consent: Consent) -> Consent {
        if let Who::Professional(one) = &consent.by
            && consent.kind == "record-access"
            && consent.end.is_empty()
            && !self.holds_any(one, consent.of, &["care-team-access", "treating-physician"])
        {
            consent.end = DEEDS.to_owned();
        }
        consent
    }

    fn deposit(&mut self, name: &str, document: &Document) {
        let mut labels: BTreeSet<String> = document.labels.iter().cloned().collect();
        if let Some(former) = self.documents.get_mut(&document.replaces) {
            former.status = "superseded";
            former.versions.push("superseded".into());
            former.changed = self.at;
            labels.extend(former.labels.iter().cloned());
        }
        if self.set(document.of, "default-masking") && !labels.contains("INVISIBLE_PATIENT") {
            labels.insert("MASQUE_PS".into());
        }
        if document.report != 0 {
            self.reports.entry((document.of, document.report)).or_default().push(name.to_owned());
        }
        let stored = Stored {
            document: document.clone(),
            labels,
            status: "current",
            archived: false,
            versions: vec!["first".into()],
            changed: self.at,
            read: false,
        };
        self.documents.insert(name.to_owned(), stored);
    }

    fn edit(&mut self, name: &str, edit: Edit) {
        let at = self.at;
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
            stored.changed = at;
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

    /// Whether somebody is in a team that is active.
    pub fn has_member(&self, team: &str, party: Party) -> bool {
        self.teams.get(team).is_some_and(|(_, members, _, active)| *active && members.contains(&party))
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
                Who::Holder(person) => *person == of && self.is_of_age(of),
                Who::Representative { person, of: whom } => *whom == of && self.represents(*person, of),
                _ => false,
            }
    }

    fn is_of_age(&self, of: usize) -> bool {
        of != MINOR || self.today.is_from(MAJORITY)
    }

    /// A minor until it comes of age, others as long as it is said.
    fn represents(&self, person: usize, of: usize) -> bool {
        !(of == MINOR && self.is_of_age(of)) && self.relatives.values().any(|relative| *relative == (of, person, true))
    }

    /// Whether a document bears a label that hides it.
    pub fn hides(&self, stored: &Stored, label: &str) -> bool {
        stored.labels.contains(label) && !(label == "INVISIBLE_PATIENT" && self.today.is_from(SHOWN))
    }

    /// Whether the last word of the person on a setting is to permit; what nothing was said of is as CONTRACT has it.
    pub fn set(&self, of: usize, kind: &str) -> bool {
        let said = self.consents.iter().rfind(|one| one.1.of == of && one.1.kind == kind && one.3.is_none());
        said.map_or(matches!(kind, "break-glass" | "samu"), |one| one.1.permits)
    }

    /// Whether a Consent holds today by its own words.
    fn in_period(&self, consent: &Consent) -> bool {
        self.today.is_from(&consent.start) && (consent.end.is_empty() || self.today.0 <= consent.end)
    }

    /// Whether somebody is blocked now; what was given before the block ended is gone. No block ends before the day of deeds.
    pub fn blocks(&self, of: usize, party: Party, given: usize) -> (bool, bool) {
        let blocks =
            || self.consents.iter().filter(|one| one.1.of == of && one.1.kind == "record-block" && one.1.named == Named::Party(party));
        let now = blocks().any(|one| one.3.is_none() && self.in_period(&one.1));
        (now, blocks().any(|one| one.3.is_none_or(|end| given < end)))
    }

    pub fn blocked(&self, one: &Professional, of: usize) -> bool {
        actors(one).into_iter().any(|party| self.blocks(of, party, 0).0)
    }

    /// The kinds of rights in force with the part each is narrowed to, and whether there is one that has ended.
    pub fn rights(&self, one: &Professional, of: usize) -> (BTreeSet<(&str, String)>, bool) {
        let (mut held, mut ended) = (BTreeSet::new(), false);
        // One at a time: a new one ends the former when it begins; one that ended before it began, all deeds being of one day, ends nothing.
        let begins = |two: &(String, Consent, usize, Option<usize>)| {
            let ended_before = two.3.is_some() && two.1.start.as_str() > DEEDS || !two.1.end.is_empty() && two.1.end.as_str() < DEEDS;
            !ended_before && self.today.is_from(&two.1.start)
        };
        let physician = self.consents.iter().rfind(|two| two.1.of == of && two.1.kind == "treating-physician" && begins(two));
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
                let former = kind == "treating-physician" && physician.is_none_or(|last| last.0 != *name);
                if !fits || !self.today.is_from(&consent.start) {
                    continue;
                }
                if end.is_some() || former || !self.in_period(consent) || self.blocks(of, party, *given).1 {
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

    /// Whether somebody holds one of these rights, whatever part it is narrowed to.
    fn holds_any(&self, one: &Professional, of: usize, kinds: &[&str]) -> bool {
        self.rights(one, of).0.iter().any(|(kind, _)| kinds.contains(kind))
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
        let by_right = if is_normal(one) { self.holds(one, of, &CONSULTS, part) } else { self.emergency(one, of).0 };
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
