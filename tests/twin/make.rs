//! Worlds, callers and twins out of a seed.

use super::reader::State;
use super::view::view;
use super::world::{ANNOUNCED, Change, Consent, Document, Edit, MINOR, Named, Party, Professional, QUIET, RELATIVES, Set, Step, What, Who};
use crate::support::dice::Dice;

/// Types of documents: some that every profession consults, some that few do.
pub const CODES: [&str; 12] = [
    "11490-0",
    "11488-4",
    "11502-2",
    "57828-6",
    "89601-9",
    "68599-0",
    "SYNTH",
    "PRESC-INF",
    "CERT_DECL",
    "ATTEST-RESID",
    "PROT_ALD",
    "EXPPAT_1",
];
/// Types that persons and representatives deposit: those of class 90.
pub const OWN: [&str; 3] = ["EXPPAT_1", "EXPPAT_2", "74465-6"];
pub const TITLES: [&str; 6] = ["Lettre de sortie", "Bilan", "Étude du sommeil", "Compte rendu", "Certificat", "Ordonnance secrète"];
pub const DATES: [&str; 4] =
    ["2026-10-01T10:00:00+02:00", "2026-10-02T08:30:00+02:00", "2025-01-15T12:00:00+01:00", "2024-02-29T23:59:59+01:00"];
pub const LANGUAGES: [&str; 3] = ["fr-FR", "de-DE", ""];
pub const PHONES: [&str; 3] = ["0612345678", "0699999999", "0145678901"];
const PROFESSIONS: [&str; 7] = ["10", "10", "60", "28", "21", "40", "35"];
const KINDS: [&str; 14] = [
    "record-access",
    "record-access",
    "record-access",
    "care-team-access",
    "record-block",
    "treating-physician",
    "administrator",
    "break-glass",
    "samu",
    "emergency-masked",
    "occupational-health",
    "default-masking",
    "application",
    "record-access",
];

fn number(dice: &mut Dice, sides: u64) -> usize {
    usize::try_from(dice.roll(sides)).unwrap()
}

fn text(dice: &mut Dice, from: &[&str]) -> String {
    (*dice.pick(from)).to_owned()
}

/// Who asks.
pub fn caller(dice: &mut Dice) -> Who {
    let structure = if dice.chance(2) { Some(1) } else { None };
    let mut one = Professional { number: 1, profession: text(dice, &PROFESSIONS), structure, ..Professional::default() };
    match dice.roll(100) {
        0..45 => Who::Professional(one),
        45..57 => {
            one.purpose = text(dice, &["bris_de_glace", "bris_de_glace", "centre_15"]);
            Who::Professional(one)
        }
        57..65 => {
            (one.sector, one.specialty) = if dice.chance(2) { ("SA13".into(), String::new()) } else { (String::new(), "SM25".into()) };
            Who::Professional(one)
        }
        65..67 => {
            one.sector = "SA23".into();
            Who::Professional(one)
        }
        67..69 => Who::Professional(Professional { profession: "330".into(), system: "TRE_R85".into(), ..one }),
        69..79 => Who::Structure(1),
        79..87 => Who::Holder(number(dice, 2)),
        87..93 => Who::Representative { person: RELATIVES, of: MINOR },
        93..95 => Who::Application(0),
        95..97 => Who::Operator,
        97..99 => Who::Auditor,
        _ => Who::Tester,
    }
}

/// A professional or structure of the world; the first ones are the caller's.
fn party(dice: &mut Dice) -> Party {
    if dice.chance(4) { Party::Structure(1 + number(dice, 2)) } else { Party::Professional(1 + number(dice, 4)) }
}

/// Another professional than the caller.
fn other(dice: &mut Dice) -> Who {
    Who::Professional(Professional { number: 2 + number(dice, 3), profession: text(dice, &["10", "60"]), ..Professional::default() })
}

struct Maker<'d> {
    dice: &'d mut Dice,
    caller: Who,
    world: Vec<Step>,
    state: State,
    count: usize,
}

impl Maker<'_> {
    /// Does it, if it can be done.
    fn push(&mut self, name: &str, what: What) -> bool {
        let mut world = self.world.clone();
        world.push(Step { name: name.to_owned(), what });
        let state = State::of(&world);
        let done = state.fault.is_none();
        if done {
            (self.world, self.state) = (world, state);
        }
        done
    }

    fn new_name(&mut self, letter: &str) -> String {
        self.count += 1;
        format!("{letter}{}", self.count)
    }

    fn holder(&mut self) -> usize {
        *self.dice.pick(&[0, 0, 0, 1, 1, MINOR, QUIET])
    }

    fn names(&self, letter: &str) -> Vec<String> {
        let digits = |name: &str| name.strip_prefix(letter).is_some_and(|rest| rest.parse::<usize>().is_ok());
        self.world.iter().map(|step| step.name.clone()).filter(|name| digits(name)).collect()
    }

    fn some(&mut self, letter: &str) -> String {
        let names = self.names(letter);
        if names.is_empty() { String::new() } else { self.dice.pick(&names).clone() }
    }

    fn consent(&mut self, of: usize) -> Consent {
        let kind = text(self.dice, &KINDS);
        let named = match kind.as_str() {
            "record-access" | "record-block" => Named::Party(party(self.dice)),
            "treating-physician" | "administrator" | "occupational-health" => Named::Party(Party::Professional(1 + number(self.dice, 4))),
            "care-team-access" => Named::Team(self.some("t")),
            "application" => Named::Application,
            _ => Named::Nobody,
        };
        let permits = match kind.as_str() {
            "record-block" => false,
            "break-glass" | "samu" | "emergency-masked" | "default-masking" => self.dice.chance(2),
            _ => true,
        };
        let plain = named == Named::Nobody || kind == "record-block";
        let start = if !plain && self.dice.chance(8) { text(self.dice, &["2026-01-01", "2027-06-01"]) } else { String::new() };
        let mut end = if !plain && self.dice.chance(6) { text(self.dice, &["2027-12-31", "2026-11-01"]) } else { String::new() };
        if !end.is_empty() && end < start {
            end.clear();
        }
        let part =
            if kind == "record-access" && self.dice.chance(6) { text(self.dice, &["DocumentReference", "Patient"]) } else { String::new() };
        Consent { of, by: self.state.guardian(of), kind, permits, named, start, end, part }
    }

    fn document(&mut self, of: usize) -> Document {
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
            6 if of == MINOR => vec!["INVISIBLE_REPRESENTANTS_LEGAUX".to_owned()],
            7 if of == MINOR => vec!["INVISIBLE_PATIENT".to_owned(), "INVISIBLE_REPRESENTANTS_LEGAUX".to_owned()],
            _ => Vec::new(),
        };
        let authors = (0..self.dice.roll(3)).map(|_| party(self.dice)).collect();
        let practitioner = if self.dice.chance(3) { String::new() } else { self.some("pr") };
        let custodian = if self.dice.chance(2) { self.some("org") } else { String::new() };
        let related = (0..self.dice.roll(4)).map(|_| self.some("d")).filter(|name| !name.is_empty()).collect();
        let code = if !matches!(by, Who::Holder(_) | Who::Representative { .. }) && self.dice.chance(4) {
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
        if self.dice.chance(6) {
            let name = self.some("d");
            if let Some(stored) = self.state.documents.get(&name) {
                (document.of, document.by, document.labels) = (stored.document.of, stored.document.by.clone(), Vec::new());
                // The next version of its report, or one of its own.
                if stored.document.report != 0 && stored.status == "current" && self.dice.chance(2) {
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

    /// Documents that somebody sees, listed.
    fn set(&mut self) -> Option<What> {
        let first = self.some("d");
        let stored = self.state.documents.get(&first)?;
        let (of, by) = (stored.document.of, stored.document.by.clone());
        let seen =
            |name: &String| self.state.documents.get(name).is_some_and(|one| one.document.of == of) && self.state.sees_document(&by, name);
        let all: Vec<String> = self.names("d").into_iter().filter(seen).collect();
        let mut documents = vec![first];
        for _ in 0..self.dice.roll(4) {
            if !all.is_empty() {
                documents.push(self.dice.pick(&all).clone());
            }
        }
        documents.dedup();
        let (number, title) = (self.count + 1, text(self.dice, &TITLES));
        Some(What::Set(Set { of, by, number, folder: self.dice.chance(4), title, documents }))
    }

    fn team(&mut self, of: usize) -> What {
        let members = (0..1 + self.dice.roll(3)).map(|_| party(self.dice)).collect();
        let manager = if self.dice.chance(2) { Some(1 + number(self.dice, 2)) } else { None };
        What::Team { of, members, manager, active: !self.dice.chance(5) }
    }

    fn edit(&mut self) -> Option<What> {
        let document = self.some("d");
        let stored = self.state.documents.get(&document)?;
        let edit = *self.dice.pick(&[Edit::Mask, Edit::Mask, Edit::Unmask, Edit::Announce, Edit::Archive, Edit::Withdraw]);
        let person = edit == Edit::Unmask || edit == Edit::Mask && self.dice.chance(2);
        let by = if person { self.state.guardian(stored.document.of) } else { stored.document.by.clone() };
        Some(What::Edit { document, by, edit })
    }

    fn look(&mut self) -> What {
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

    /// One deed more, of any kind.
    fn any(&mut self) -> Option<Step> {
        let of = self.holder();
        let (letter, what) = match self.dice.roll(25) {
            0..=4 => ("c", What::Consent(self.consent(of))),
            5 => ("e", What::End(self.some("c"))),
            6 => ("t", self.team(of)),
            7..=14 => ("d", What::Document(self.document(of))),
            15..=17 => ("x", self.edit()?),
            20..=22 => ("s", self.set()?),
            23 => ("i", What::Renumber(of)),
            24 if self.dice.chance(2) => {
                ("m", What::Merge { of: *self.dice.pick(&[1, MINOR, QUIET]), into: *self.dice.pick(&[0, 1, QUIET]) })
            }
            _ => ("l", self.look()),
        };
        let name = self.new_name(letter);
        Some(Step { name, what })
    }

    fn people(&mut self) {
        for number in 1..=3 {
            self.push(&format!("pr{number}"), What::Practitioner(number));
        }
        for number in 1..=2 {
            self.push(&format!("org{number}"), What::Organization(number));
        }
        self.push("role1", What::Role("pr1".into(), "org1".into()));
        for holder in [0, 1, MINOR, QUIET, ANNOUNCED] {
            if holder > 1 && self.dice.chance(4) && !matches!((&self.caller, holder), (Who::Representative { .. }, MINOR)) {
                continue;
            }
            let practitioner = if self.dice.chance(2) { self.some("pr") } else { String::new() };
            let phone = text(self.dice, &PHONES);
            self.push(&format!("p{holder}"), What::Space { holder, open: holder != ANNOUNCED, phone, practitioner });
        }
        self.push("r1", What::Relative { of: MINOR, person: RELATIVES, active: true });
        let (of, active) = (number(self.dice, 2), self.dice.chance(2));
        self.push("r2", What::Relative { of, person: RELATIVES + 1, active });
        let members = vec![party(self.dice), party(self.dice)];
        self.push("t0", What::Team { of: 0, members, manager: Some(1), active: true });
    }

    /// A right that is likely to let the caller see something.
    fn right(&mut self, of: usize) {
        let Who::Professional(one) = self.caller.clone() else { return };
        let kind = match (one.sector.as_str(), one.specialty.as_str()) {
            ("", "") => text(self.dice, &["record-access", "record-access", "record-access", "treating-physician", "administrator"]),
            _ => "occupational-health".to_owned(),
        };
        let named = Named::Party(Party::Professional(one.number));
        let (by, name) = (self.state.guardian(of), self.new_name("c"));
        let end = String::new();
        self.push(&name, What::Consent(Consent { of, by, kind, permits: true, named, start: end.clone(), end: end.clone(), part: end }));
    }
}

/// A world for this caller.
pub fn world(dice: &mut Dice, caller: &Who) -> Vec<Step> {
    let mut maker = Maker { dice, caller: caller.clone(), world: Vec::new(), state: State::default(), count: 0 };
    maker.people();
    let deeds = 18 + maker.dice.roll(14);
    let right = maker.dice.roll(12);
    for place in 0..deeds {
        if place == right && !maker.dice.chance(5) {
            maker.right(0);
            if maker.dice.chance(5) {
                maker.right(1);
            }
        }
        if let Some(step) = maker.any() {
            maker.push(&step.name, step.what);
        }
    }
    maker.world
}

/// Changes that make a twin of a world: what differs the caller may not see. None where none was found.
pub fn changes(dice: &mut Dice, caller: &Who, world: &[Step]) -> Vec<Change> {
    let before = view(world, caller);
    let (mut kept, mut now) = (Vec::new(), world.to_vec());
    let wanted = 1 + number(dice, 8);
    for _ in 0..40 {
        if kept.len() >= wanted {
            break;
        }
        let Some(change) = change(dice, caller, &now, kept.len()) else { continue };
        let after = change.apply(&now);
        if after != now && State::of(&after).fault.is_none() && view(&after, caller) == before {
            now = after;
            kept.push(change);
        }
    }
    kept
}

fn change(dice: &mut Dice, caller: &Who, world: &[Step], place: usize) -> Option<Change> {
    let steps: Vec<&Step> =
        world.iter().filter(|step| !matches!(step.what, What::Practitioner(_) | What::Organization(_) | What::Role(..))).collect();
    let step = (*dice.pick(&steps)).clone();
    match dice.roll(4) {
        0 | 1 => Some(Change::Without(step.name)),
        2 => {
            let at = number(dice, u64::try_from(world.len()).unwrap()) + 1;
            let before = &world[..at.min(world.len())];
            let mut maker =
                Maker { dice, caller: caller.clone(), world: before.to_vec(), state: State::of(before), count: 100 + 10 * place };
            Some(Change::Added(at, maker.any()?))
        }
        _ => Some(Change::Instead(Step { what: varied(dice, &step)?, ..step })),
    }
}

/// The same deed with something else about it.
fn varied(dice: &mut Dice, step: &Step) -> Option<What> {
    let mut what = step.what.clone();
    match &mut what {
        What::Space { phone, practitioner, .. } => {
            *phone = text(dice, &PHONES);
            *practitioner = text(dice, &["pr1", "pr2", "pr3", ""]);
        }
        What::Relative { person, active, .. } => {
            (*person, *active) = (RELATIVES + number(dice, 4), dice.chance(2));
        }
        What::Team { members, active, .. } => {
            *members = vec![party(dice), party(dice)];
            *active = dice.chance(2);
        }
        What::Consent(consent) => match consent.named {
            Named::Party(Party::Professional(_)) => consent.named = Named::Party(Party::Professional(1 + number(dice, 4))),
            Named::Party(Party::Structure(_)) => consent.named = Named::Party(party(dice)),
            Named::Nobody => consent.permits = !consent.permits,
            _ => consent.end = text(dice, &["", "2027-12-31"]),
        },
        What::Document(document) => {
            for _ in 0..=dice.roll(3) {
                match dice.roll(9) {
                    8 if document.report != 0 => document.report = 0,
                    8 => document.report = document.number,
                    0 => document.code = text(dice, &CODES),
                    1 => document.title = format!("{} {}", text(dice, &TITLES), dice.roll(100)),
                    2 => document.date = text(dice, &DATES),
                    3 => document.language = text(dice, &LANGUAGES),
                    4 => document.authors = vec![party(dice)],
                    5 => document.practitioner = text(dice, &["pr1", "pr2", "pr3", ""]),
                    6 => document.custodian = text(dice, &["org1", "org2", ""]),
                    _ if document.replaces.is_empty() => {
                        document.labels = match dice.roll(3) {
                            0 => Vec::new(),
                            1 => vec!["MASQUE_PS".into()],
                            _ => vec!["INVISIBLE_PATIENT".into()],
                        }
                    }
                    _ => {}
                }
            }
        }
        What::Set(set) => match dice.roll(3) {
            0 => set.title = text(dice, &TITLES),
            1 => set.documents.push(format!("d{}", dice.roll(30))),
            _ => {
                set.documents.pop();
            }
        },
        What::Edit { edit, .. } => *edit = *dice.pick(&[Edit::Mask, Edit::Archive, Edit::Withdraw]),
        What::Look { at, .. } => *at = format!("d{}", dice.roll(20)),
        What::End(_) | What::Renumber(_) | What::Merge { .. } => return None,
        What::Practitioner(_) | What::Organization(_) | What::Role(..) => return None,
    }
    Some(what)
}
