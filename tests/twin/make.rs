//! Worlds, callers and twins out of a seed.

mod changes;
mod deeds;
mod rights;

pub use changes::changes;

use super::reader::State;
use super::world::{ANNOUNCED, MINOR, Party, Professional, QUIET, RELATIVES, Step, What, Who};
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
const PROFESSIONS: [&str; 8] = ["10", "10", "10", "60", "28", "21", "40", "35"];
const KINDS: [&str; 15] = [
    "record-access",
    "record-access",
    "record-access",
    "care-team-access",
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

/// Days after which the minor is of age.
const OF_AGE: u32 = 2126;

/// Who asks so many days later: in the worlds of seeds that follow each other every kind of caller in its turn.
pub fn caller(dice: &mut Dice, seed: u64, days: u32) -> Who {
    let structure = if dice.chance(2) { Some(1) } else { None };
    let mut one = Professional { number: 1, profession: text(dice, &PROFESSIONS), structure, ..Professional::default() };
    match seed * 61 % 100 {
        0..40 => Who::Professional(one),
        40..54 => {
            if dice.chance(2) {
                one.profession = "10".into();
            }
            one.purpose = text(dice, &["bris_de_glace", "bris_de_glace", "centre_15"]);
            Who::Professional(one)
        }
        54..61 => {
            (one.sector, one.specialty) = if dice.chance(2) { ("SA13".into(), String::new()) } else { (String::new(), "SM25".into()) };
            Who::Professional(one)
        }
        61..63 => {
            one.sector = "SA23".into();
            Who::Professional(one)
        }
        63..65 => Who::Professional(Professional { profession: "330".into(), system: "TRE_R85".into(), ..one }),
        65..73 => Who::Structure(1),
        73..84 => Who::Holder(if days >= OF_AGE && dice.chance(2) { MINOR } else { number(dice, 2) }),
        84..93 => Who::Representative { person: RELATIVES, of: MINOR },
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
        if let Who::Holder(of) | Who::Representative { of, .. } = self.caller
            && self.dice.chance(2)
        {
            return of;
        }
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

    /// One deed more, of any kind.
    fn any(&mut self) -> Option<Step> {
        let of = self.holder();
        let (letter, what) = match self.dice.roll(32) {
            0..=5 => ("c", What::Consent(self.consent(of))),
            6 => ("e", What::End(self.some("c"))),
            7 => ("t", self.team(of)),
            8..=16 => ("d", What::Document(self.document(of))),
            17..=23 => ("x", self.edit()?),
            24..=27 => ("s", self.set()?),
            28 => ("i", What::Renumber(of)),
            29 if self.dice.chance(2) => {
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
}

/// A world for this caller.
pub fn world(dice: &mut Dice, caller: &Who) -> Vec<Step> {
    let mut maker = Maker { dice, caller: caller.clone(), world: Vec::new(), state: State::default(), count: 0 };
    maker.people();
    let deeds = 20 + maker.dice.roll(16);
    let right = maker.dice.roll(12);
    for place in 0..deeds {
        if place == right && !maker.dice.chance(5) {
            maker.right(0);
            if maker.dice.chance(2) {
                maker.right(1);
            }
            if maker.dice.chance(3) {
                maker.versions();
            }
        }
        if let Some(step) = maker.any() {
            maker.push(&step.name, step.what);
        }
    }
    maker.world
}
