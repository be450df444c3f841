//! The dimensions of the decision table, and what production says of each cell.

use std::collections::HashMap;

use ensemble::fhir::ResourceType;
use ensemble::filter::{Actor, Candidate, Envelope, Facts, Filter, HolderState, Label, Right, RightKind, Setting};
use ensemble::policy::{Action, Caller, CallerKind, Code, Decision, Policy, Purpose, Scope};

use super::{INS, NOW, caller, document, holder};

/// The exercises of a professional, with the sector that makes each.
pub const EXERCISES: [(&str, Option<&str>); 3] = [("ordinary", None), ("occupational", Some("SA66")), ("barred", Some("SA23"))];

/// How a caller may stand to a resource and its holder.
#[derive(Clone, Copy)]
pub struct Standing {
    pub name: &'static str,
    /// Rights of the caller itself.
    rights: &'static [RightKind],
    also: &'static [Also],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Also {
    /// The caller acts for the holder, or is the holder.
    Own,
    Minor,
    Submitter,
    Party,
    Manager,
    /// The caller sees an entry of the List.
    Entry,
    /// The caller does not see a document that brought an earlier version.
    Former,
    /// The rights are of the structure acted for.
    OfStructure,
    /// The rights are narrowed to the Patient.
    OfPatient,
    EmergencyMasked,
    EmergencyOpposed,
}

use Also::{EmergencyMasked, EmergencyOpposed, Entry, Former, Manager, Minor, OfPatient, OfStructure, Own, Party, Submitter};
use RightKind::{
    Administrator, Application, Block, BlockByAdministrator, CareTeam, Occupational, RecordAccess, Representative, TreatingPhysician,
};

const fn standing(name: &'static str, rights: &'static [RightKind], also: &'static [Also]) -> Standing {
    Standing { name, rights, also }
}

/// Every relation that a rule names, alone, and those that come together.
pub const STANDINGS: [Standing; 26] = [
    standing("none", &[], &[]),
    standing("emergency-masked", &[], &[EmergencyMasked]),
    standing("emergency-opposed", &[], &[EmergencyOpposed]),
    standing("self", &[], &[Own]),
    standing("self, a minor", &[], &[Own, Minor]),
    standing("representative", &[Representative], &[Own]),
    standing("representative of another", &[Representative], &[]),
    standing("application", &[Application], &[Own]),
    standing("record-access", &[RecordAccess], &[]),
    standing("record-access of the structure", &[RecordAccess], &[OfStructure]),
    standing("record-access to the Patient", &[RecordAccess], &[OfPatient]),
    standing("care-team", &[CareTeam], &[]),
    standing("treating-physician", &[TreatingPhysician], &[]),
    standing("treating-physician is the structure", &[TreatingPhysician], &[OfStructure]),
    standing("administrator", &[Administrator], &[]),
    standing("occupational-health", &[Occupational], &[]),
    standing("submitter", &[], &[Submitter]),
    standing("party", &[], &[Party]),
    standing("author with record-access", &[RecordAccess], &[Submitter, Party]),
    standing("manager", &[], &[Manager]),
    standing("entry", &[], &[Entry]),
    standing("former document unseen", &[RecordAccess, Representative, Application], &[Own, Former]),
    standing("record-access, blocked", &[RecordAccess, Block], &[Submitter]),
    standing("treating-physician, blocked", &[TreatingPhysician, Block], &[]),
    standing("record-access, blocked by an administrator", &[RecordAccess, BlockByAdministrator], &[]),
    standing("treating-physician, blocked by an administrator", &[TreatingPhysician, BlockByAdministrator], &[]),
];

/// The states of a space that decide.
pub const STATES: [(&str, HolderState); 2] = [("open", HolderState::Open), ("not open", HolderState::Closed)];

/// Labels, and how many days ago it was deposited; a notice is there before it is sent.
pub type Visible = (&'static str, i16, i64);

const MASKED: i16 = Label::Masked as i16;
const HIDDEN: i16 = Label::HiddenFromHolder as i16;
const SECRET: i16 = Label::HiddenFromRepresentatives as i16;

/// Every set of labels of a document.
const OF_DOCUMENTS: [Visible; 11] = [
    ("-", 0, 0),
    ("MASQUE_PS", MASKED, 0),
    ("INVISIBLE_PATIENT", HIDDEN, 0),
    ("INVISIBLE_REPRESENTANTS_LEGAUX", SECRET, 0),
    ("MASQUE_PS+INVISIBLE_PATIENT", MASKED | HIDDEN, 0),
    ("MASQUE_PS+INVISIBLE_REPRESENTANTS_LEGAUX", MASKED | SECRET, 0),
    ("INVISIBLE_PATIENT+INVISIBLE_REPRESENTANTS_LEGAUX", HIDDEN | SECRET, 0),
    ("MASQUE_PS+INVISIBLE_PATIENT+INVISIBLE_REPRESENTANTS_LEGAUX", MASKED | HIDDEN | SECRET, 0),
    ("INVISIBLE_PATIENT for more than a month", HIDDEN, 40),
    ("MASQUE_PS for more than a month", MASKED, 40),
    ("entered-in-error", Label::EnteredInError as i16, 0),
];

const OF_CONSENTS: [Visible; 2] = [("-", 0, 0), ("refused or ended", Label::Unspoken as i16, 0)];

const OF_NOTICES: [Visible; 4] =
    [("-", 0, 0), ("INVISIBLE_REPRESENTANTS_LEGAUX", SECRET, 0), ("entered-in-error", Label::EnteredInError as i16, 0), ("unsent", 0, -1)];

/// What of documents what they bring has as well, with that they are superseded.
const OF_BROUGHT: [Visible; 12] = {
    let mut all = [("superseded", Label::Superseded as i16, 0); 12];
    let mut at = 0;
    while at < OF_DOCUMENTS.len() {
        all[at] = OF_DOCUMENTS[at];
        at += 1;
    }
    all
};

pub fn is_document(resource: ResourceType) -> bool {
    matches!(resource, ResourceType::DOCUMENT_REFERENCE | ResourceType::BINARY) || resource.is_brought()
}

/// The sets of labels that resources of a type may have.
pub fn visibilities(resource: ResourceType) -> &'static [Visible] {
    match resource {
        _ if resource.is_brought() => &OF_BROUGHT,
        _ if is_document(resource) => &OF_DOCUMENTS,
        ResourceType::CONSENT => &OF_CONSENTS,
        ResourceType::COMMUNICATION => &OF_NOTICES,
        _ => &OF_CONSENTS[..1],
    }
}

/// A plane of the table: one resource type, action, caller, mode, exercise and standing; inside it professions, types, labels.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Plane {
    pub resource: ResourceType,
    pub action: Action,
    pub caller: CallerKind,
    pub purpose: Purpose,
    pub exercise: usize,
    pub standing: usize,
    pub state: usize,
}

/// What was decided by type, then labels: places in the list of all that was decided.
pub type Types = Vec<Vec<u16>>;

/// Asks production cell by cell.
pub struct Production {
    pub policy: Policy,
    pub professions: Vec<Code>,
    /// Each different decision, in words.
    pub outcomes: Vec<String>,
    /// Each different set of decisions.
    pub decided: Vec<Types>,
    places: HashMap<Types, usize>,
    /// What one and the same scope decides in one standing: decisions follow from nothing else.
    known: HashMap<(String, usize, usize), usize>,
}

impl Production {
    pub fn new(policy: Policy) -> Self {
        let professions = policy.matrix().professions().map(|(code, _)| code.clone()).collect();
        let (outcomes, decided) = (Vec::new(), Vec::new());
        Self { policy, professions, outcomes, decided, places: HashMap::new(), known: HashMap::new() }
    }

    /// The modes and exercises that there are for a kind of caller.
    pub fn exercises(kind: CallerKind) -> (&'static [Purpose], usize) {
        if kind == CallerKind::Professional { (&Purpose::ALL, EXERCISES.len()) } else { (&Purpose::ALL[..1], 1) }
    }

    /// Every plane of a type and a kind of caller, with the place of what is decided for each profession.
    pub fn planes(&mut self, resource: ResourceType, caller: CallerKind) -> Vec<(Plane, Vec<usize>)> {
        let (purposes, exercises) = Self::exercises(caller);
        let mut all = Vec::new();
        for purpose in purposes {
            for exercise in 0..exercises {
                for action in Action::ALL {
                    let asked = self.scopes(resource, action, caller, *purpose, exercise);
                    for standing in 0..STANDINGS.len() {
                        for state in 0..STATES.len() {
                            let plane = Plane { resource, action, caller, purpose: *purpose, exercise, standing, state };
                            let decided = asked.iter().map(|(key, scope, who)| self.decide(key, scope, who, plane)).collect();
                            all.push((plane, decided));
                        }
                    }
                }
            }
        }
        all
    }

    fn scopes(
        &self,
        resource: ResourceType,
        action: Action,
        kind: CallerKind,
        purpose: Purpose,
        exercise: usize,
    ) -> Vec<(String, Scope, Caller)> {
        let mut who = caller(kind, purpose, "10");
        let mut professions = vec![who.profession.clone()];
        if kind == CallerKind::Professional {
            who.structure = Actor::structure("1750000018");
            who.sector = EXERCISES[exercise].1.map(ToOwned::to_owned);
            professions = self.professions.iter().cloned().map(Some).collect();
        }
        let mut all = Vec::new();
        for profession in professions {
            who.profession = profession;
            let scope = self.policy.scope(&who, action, resource, NOW);
            all.push((format!("{kind:?} {scope:?}"), scope, who.clone()));
        }
        all
    }

    fn decide(&mut self, key: &str, scope: &Scope, who: &Caller, plane: Plane) -> usize {
        let key = (key.to_owned(), plane.standing, plane.state);
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let types = self.types(scope, who, plane);
        let place = match self.places.get(&types) {
            Some(place) => *place,
            None => {
                self.decided.push(types.clone());
                self.places.insert(types, self.decided.len() - 1);
                self.decided.len() - 1
            }
        };
        self.known.insert(key, place);
        place
    }

    fn types(&mut self, scope: &Scope, who: &Caller, plane: Plane) -> Vec<Vec<u16>> {
        let (mut envelope, facts) = about(plane, who);
        let numbers: Vec<i16> = match is_document(plane.resource) {
            true => self.policy.matrix().types().all().iter().map(|one| one.number).collect(),
            false => vec![0],
        };
        let has = |also: Also| STANDINGS[plane.standing].also.contains(&also);
        // Of what was brought: whether there is a document that is seen, and one that is not.
        let holds = |link: &Filter| match link {
            Filter::Via(_, _, inner) if plane.resource.is_brought() => matches!(**inner, Filter::Not(_)) == has(Former),
            _ => has(Entry),
        };
        let linked: Vec<(Filter, bool)> = scope.links().into_iter().map(|link| (link.clone(), holds(&link))).collect();
        let mut types = Vec::with_capacity(numbers.len());
        for number in numbers {
            let mut row = Vec::new();
            for (_, labels, days) in visibilities(plane.resource) {
                envelope.doc_type = number;
                envelope.labels = *labels;
                envelope.key = ensemble::clock::first_key(NOW - days * 86_400_000_000);
                let (envelope, facts, linked) = (&envelope, &facts, linked.as_slice());
                let decision = scope.decide(&Candidate { envelope, facts, index: None, follow: None, linked, referring: None });
                row.push(self.outcome(&decision));
            }
            types.push(row);
        }
        types
    }

    fn outcome(&mut self, decision: &Decision) -> u16 {
        let (word, rules) = match decision {
            Decision::Permit(rules) => ("permit", rules),
            Decision::Deny(rules) => ("deny", rules),
        };
        let same = |text: &str| text.strip_prefix(word).and_then(|rest| rest.strip_prefix('\t')).is_some_and(|rest| is_list(rest, rules));
        let place = self.outcomes.iter().position(|known| same(known)).unwrap_or_else(|| {
            let rules = if rules.is_empty() { "-".to_owned() } else { rules.join(" ") };
            self.outcomes.push(format!("{word}\t{rules}"));
            self.outcomes.len() - 1
        });
        u16::try_from(place).unwrap()
    }
}

/// Whether a text is these rules.
fn is_list(text: &str, rules: &[String]) -> bool {
    if rules.is_empty() { text == "-" } else { text.split(' ').eq(rules.iter().map(String::as_str)) }
}

/// A resource and its holder, to whom the caller stands so.
fn about(plane: Plane, who: &Caller) -> (Envelope, Facts) {
    let standing = STANDINGS[plane.standing];
    let has = |also: Also| standing.also.contains(&also);
    let mut envelope = Envelope { resource: plane.resource, ..document(0, 0) };
    let mut parties: Vec<String> = vec![envelope.submitter.clone()];
    if has(Submitter) {
        envelope.submitter = who.principal.as_str().to_owned();
    }
    if has(Party) {
        parties.push(who.principal.as_str().to_owned());
    }
    if has(Manager) {
        parties.extend(Actor::managing(&who.principal).map(|actor| actor.as_str().to_owned()));
    }
    envelope.parties = format!(" {} ", parties.join(" "));
    let mut row = holder();
    row.state = Some(STATES[plane.state].1);
    if !has(Own) {
        row.ins = INS.replace("02495", "99999");
    }
    if has(Minor) {
        row.born = i32::try_from(NOW / 86_400_000_000).unwrap() - 3_000;
    }
    if has(EmergencyMasked) {
        row.settings |= Setting::EmergencyMasked.bit();
    }
    if has(EmergencyOpposed) {
        row.settings = 0;
    }
    let actor = if has(OfStructure) { who.structure.clone().unwrap_or_else(|| who.principal.clone()) } else { who.principal.clone() };
    let all_parts = if has(OfPatient) {
        " Patient ".to_owned()
    } else if standing.rights.contains(&Application) {
        " Patient DocumentReference ".to_owned()
    } else {
        String::new()
    };
    let right = |kind: &RightKind| Right {
        actor: actor.clone(),
        kind: *kind,
        from: 0,
        until: i64::MAX,
        parts: all_parts.clone(),
        source: "Consent/1".into(),
    };
    (envelope, Facts { holder: Some(row), rights: standing.rights.iter().map(right).collect() })
}
