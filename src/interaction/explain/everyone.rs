//! Who may consult a resource now: everybody whom a right, the resource or the law itself could let, asked one by one of the policy.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::{Error, Service};
use super::subject::professional;
use crate::auth::Claims;
use crate::filter::{Actor, Candidate, Envelope, Facts, Right, RightKind};
use crate::policy::{Action, Caller, CallerKind, Code, Decision, Exercise, Purpose, consents, holds};

/// Actors that are asked about at most: those named by the resource and by the rights over its holder.
pub const ACTORS_MAX: usize = 100;

/// What is known of a resource and its record.
pub struct Known {
    /// The envelope; of a Binary, with what its document lends it.
    pub envelope: Envelope,
    /// The holder with all rights over the record.
    pub facts: Facts,
}

/// Callers who may consult alike: of one kind, in one mode and exercise, by the same rules in the same professions.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Alike {
    kind: CallerKind,
    purpose: Purpose,
    occupational: bool,
    /// Rules, with the professions they count for; one without profession for other kinds.
    by: Vec<(Vec<String>, Vec<Code>)>,
}

/// The parameters `access` and `blocked`, and whether actors were left out.
///
/// Each is asked about alone: a right of one's own together with the authorship of the structure one acts for is told to a question that
/// names both.
pub fn everyone(service: &Service, known: &Known, now: i64) -> (Vec<Value>, bool) {
    let asked = Asked { service, known, now };
    let mut actors = asked.actors();
    let more = actors.len() > ACTORS_MAX;
    actors = actors.into_iter().take(ACTORS_MAX).collect();
    let mut alike: BTreeMap<Alike, BTreeSet<Actor>> = BTreeMap::new();
    // What the law opens to anyone is told once, not again of each actor.
    let anyone: Vec<Alike> = asked.professional(None);
    let mut same: BTreeMap<Marks<'_>, Vec<&Actor>> = BTreeMap::new();
    for actor in &actors {
        same.entry(asked.marks(actor)).or_default().push(actor);
    }
    for actors in same.values() {
        for one in actors.first().map(|actor| asked.of(actor)).unwrap_or_default() {
            if !anyone.contains(&one) {
                alike.entry(one).or_default().extend(actors.iter().map(|actor| (*actor).clone()));
            }
        }
    }
    for one in anyone.into_iter().chain(asked.service_kinds()) {
        alike.entry(one).or_default();
    }
    let mut told: Vec<Value> = alike.iter().map(|(alike, actors)| access(service, known, alike, actors, now)).collect();
    let blocked = actors.iter().filter(|actor| asked.is_blocked(actor));
    told.extend(blocked.map(|actor| json!({"name": "blocked", "valueIdentifier": super::answer::identifier(actor)})));
    (told, more)
}

/// What may count of an actor in a decision.
///
/// INVARIANT: filters name actors among the parties, as submitter and in rights, and know nothing else of them: professionals and
/// structures with the same marks may the same. Asking about each would take as long as there are rights, and every profession in every
/// mode is asked of each.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Marks<'a> {
    /// The kind of a professional or structure; another actor itself.
    who: &'a str,
    /// Whether the token of a professional can name it.
    named: bool,
    party: bool,
    manager: bool,
    submitter: bool,
    /// The rights in force: kind and parts.
    rights: BTreeSet<(RightKind, &'a str)>,
}

struct Asked<'a> {
    service: &'a Service,
    known: &'a Known,
    now: i64,
}

impl<'a> Asked<'a> {
    fn marks<'m>(&self, actor: &'m Actor) -> Marks<'m>
    where
        'a: 'm,
    {
        let known: &'a Known = self.known;
        let parties = || known.envelope.parties.split(' ');
        let manager = Actor::managing(actor);
        let in_force = known.facts.rights.iter().filter(|right| right.from <= self.now && self.now < right.until);
        let own = in_force.filter(|right| right.actor == *actor || manager.as_ref() == Some(&right.actor));
        Marks {
            who: match actor.kind() {
                'P' => "P",
                'S' => "S",
                _ => actor.as_str(),
            },
            named: self
                .service
                .policy
                .matrix()
                .professions()
                .next()
                .is_some_and(|(profession, _)| exercising(Some(actor), profession, Purpose::Normal, None).is_ok()),
            party: parties().any(|party| party == actor.as_str()),
            manager: manager.as_ref().is_some_and(|manager| parties().any(|party| party == manager.as_str())),
            submitter: known.envelope.submitter == actor.as_str(),
            rights: own.map(|right| (right.kind, right.parts.as_str())).collect(),
        }
    }

    /// Everybody who is named: by a right in force, as party, or as who deposited it.
    fn actors(&self) -> BTreeSet<Actor> {
        let rights = self.known.facts.rights.iter().filter(|right| right.from <= self.now && self.now < right.until);
        let named = self.known.envelope.parties.split(' ').chain([self.known.envelope.submitter.as_str()]);
        let named = named.filter(|text| !text.is_empty()).map(|text| Actor::stored(text.to_owned()));
        let holder = self.known.facts.holder.iter().filter_map(|holder| Actor::person(&holder.ins));
        let all = rights.map(|right| right.actor.clone()).chain(named).chain(holder);
        // A structure that manages something is the structure.
        all.filter_map(|actor| if actor.kind() == 'M' { Actor::structure(actor.id()) } else { Some(actor) }).collect()
    }

    /// The ways in which an actor may consult.
    fn of(&self, actor: &Actor) -> Vec<Alike> {
        match actor.kind() {
            'P' => self.professional(Some(actor)),
            'S' => self.professional(Some(actor)).into_iter().chain(self.other(CallerKind::Structure, actor)).collect(),
            'H' => [CallerKind::Holder, CallerKind::Representative].into_iter().filter_map(|kind| self.other(kind, actor)).collect(),
            'A' => self.other(CallerKind::Application, actor).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// A professional of every profession, in every mode and exercise that counts: this person, anyone acting for this structure, or
    /// anyone at all.
    fn professional(&self, actor: Option<&Actor>) -> Vec<Alike> {
        let matrix = self.service.policy.matrix();
        let mut all = Vec::new();
        for purpose in Purpose::ALL {
            for sector in [None, matrix.occupational_sector()] {
                let mut by: BTreeMap<Vec<String>, Vec<Code>> = BTreeMap::new();
                for (profession, _) in matrix.professions() {
                    // What no token can say nobody is.
                    let Ok(caller) = exercising(actor, profession, purpose, sector) else { continue };
                    if let Some(rules) = self.permitted(&caller) {
                        by.entry(rules).or_default().push(profession.clone());
                    }
                }
                if !by.is_empty() {
                    let by = by.into_iter().collect();
                    all.push(Alike { kind: CallerKind::Professional, purpose, occupational: sector.is_some(), by });
                }
            }
        }
        all
    }

    /// Whether a block holds for an actor, whatever is open to anyone.
    fn is_blocked(&self, actor: &Actor) -> bool {
        let Some(mut caller) = Caller::tester() else { return false };
        (caller.kind, caller.principal) = (CallerKind::Professional, actor.clone());
        // The treating physician is blocked by the person alone, who must be of the right profession to be one.
        let kind = consents::code_of(RightKind::TreatingPhysician).and_then(|code| self.service.policy.consent_kind(code));
        caller.profession = kind.and_then(|kind| kind.profession.clone());
        holds(&self.service.policy.blocked(&caller, self.now), &self.known.facts)
    }

    fn other(&self, kind: CallerKind, actor: &Actor) -> Option<Alike> {
        let ins = self.known.facts.holder.as_ref().map(|holder| holder.ins.clone());
        let own = ins.as_deref() == Some(actor.id());
        if matches!(kind, CallerKind::Holder | CallerKind::Representative) && own != (kind == CallerKind::Holder) {
            return None;
        }
        let mut caller = Caller::tester()?;
        (caller.kind, caller.principal) = (kind, actor.clone());
        caller.acts_for = ins.filter(|_| kind != CallerKind::Structure);
        // At most: its token may say less.
        caller.scopes = vec!["patient/*.rs".to_owned()];
        let by = vec![(self.permitted(&caller)?, Vec::new())];
        Some(Alike { kind, purpose: Purpose::Normal, occupational: false, by })
    }

    /// The services that consult by what they are.
    fn service_kinds(&self) -> Vec<Alike> {
        let of = |kind: CallerKind| self.other(kind, &Actor::service(kind.as_str())?);
        [CallerKind::Operator, CallerKind::Auditor].into_iter().filter_map(of).collect()
    }

    /// The rules by which a caller consults, if it does.
    fn permitted(&self, caller: &Caller) -> Option<Vec<String>> {
        let (policy, known) = (&self.service.policy, self.known);
        let actors = caller.actors();
        let rights: Vec<Right> = known.facts.rights.iter().filter(|right| actors.contains(&right.actor)).cloned().collect();
        let facts = Facts { holder: known.facts.holder.clone(), rights };
        let candidate = Candidate { envelope: &known.envelope, facts: &facts, index: None, follow: None, linked: &[], referring: None };
        match policy.scope(caller, Action::Consult, known.envelope.resource, self.now).decide(&candidate) {
            Decision::Permit(rules) => Some(rules),
            Decision::Deny(_) => None,
        }
    }
}

/// This person, anyone acting for this structure, or anyone at all, of a profession, in a mode and sector.
fn exercising(actor: Option<&Actor>, profession: &Code, purpose: Purpose, sector: Option<&str>) -> Result<Caller, Error> {
    let of = |kind: char| actor.filter(|actor| actor.kind() == kind).map(|actor| actor.id().to_owned());
    let claims = Claims {
        profession: Some(profession.code.clone()),
        profession_system: Some(profession.system.clone()),
        purpose: Some(purpose.as_str().to_owned()),
        sector: sector.map(ToOwned::to_owned),
        structure: of('S'),
        ..Claims::default()
    };
    professional(of('P'), claims)
}

fn access(service: &Service, known: &Known, alike: &Alike, actors: &BTreeSet<Actor>, now: i64) -> Value {
    let mut parts =
        vec![json!({"name": "kind", "valueCode": alike.kind.as_str()}), json!({"name": "purpose", "valueCode": alike.purpose.as_str()})];
    if alike.kind == CallerKind::Professional {
        let exercise = if alike.occupational { Exercise::Occupational } else { Exercise::Ordinary };
        parts.push(json!({"name": "exercise", "valueCode": super::answer::exercise(exercise)}));
    }
    for actor in actors {
        parts.push(json!({"name": "actor", "valueIdentifier": super::answer::identifier(actor)}));
    }
    let mut sources: BTreeSet<&str> = BTreeSet::new();
    for right in known.facts.rights.iter().filter(|right| right.from <= now && now < right.until && !right.kind.blocks()) {
        let counts = right.kind != RightKind::Representative || alike.kind == CallerKind::Representative;
        if counts && actors.contains(&right.actor) {
            sources.insert(right.source.split('#').next().unwrap_or_default());
        }
    }
    parts.extend(sources.into_iter().map(|source| json!({"name": "right", "valueReference": {"reference": source}})));
    for (rules, professions) in &alike.by {
        let mut by: Vec<Value> = rules.iter().filter_map(|id| super::answer::rule(service, id)).collect();
        by.extend(professions.iter().map(|code| json!({"name": "profession", "valueCoding": super::answer::profession(service, code)})));
        parts.push(json!({"name": "by", "part": by}));
    }
    json!({"name": "access", "part": parts})
}
