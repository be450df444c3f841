//! Two evaluators agree (DESIGN 3): for generated documents, rights, callers and questions, the ids that SQL finds are those that
//! `filter::matches` keeps in memory, and those that can be read one by one.

use std::collections::BTreeSet;
use std::sync::Arc;

use ensemble::auth::digest;
use ensemble::fhir::ResourceType;
use ensemble::filter::{
    Actor, Candidate, Envelope, EnvelopeTest, Facts, Filter, HolderName, HolderRow, HolderState, IndexRows, Param, ParamKind, RangeTest,
    Right, RightKind, RightTest, StringTest, Test, fold, matches,
};
use ensemble::policy::{Action, Caller, CallerKind, Code, Decision, Policy, Purpose};
use ensemble::search::find;
use ensemble::store::search::{PageRequest, page};
use ensemble::store::write::{NewResource, insert, insert_holder, insert_rights};
use ensemble::store::{Error, Stamp, Store, identity, read};

use crate::support::dice::Dice;
use crate::support::{Backend, on_both, postgres, server};

/// Now, in the worlds made here.
const NOW: i64 = 1_790_000_000_000_000;
const WORLDS: u64 = 12;
const HOLDERS: i64 = 4;
const DOCUMENTS: i64 = 12;
const QUESTIONS: usize = 40;
/// Structures, two of them apart by case alone.
const STRUCTURES: [&str; 3] = ["1750000018", "12A0000018", "12a0000018"];

fn structure(dice: &mut Dice) -> Actor {
    let id: &&str = dice.pick(&STRUCTURES);
    Actor::structure(id).unwrap()
}

struct Resource {
    envelope: Envelope,
    index: IndexRows,
}

struct World {
    holders: Vec<HolderRow>,
    rights: Vec<(i64, Right)>,
    documents: Vec<Resource>,
}

fn actors() -> Vec<Actor> {
    let mut all: Vec<Actor> = (1..5).filter_map(|n| Actor::professional(&format!("81000000000{n}"))).collect();
    all.extend(Actor::application("app"));
    all.extend(STRUCTURES.into_iter().filter_map(Actor::structure));
    all.extend((1..=HOLDERS).filter_map(|n| Actor::person(&ins(n))));
    all
}

fn ins(holder: i64) -> String {
    format!("urn:oid:1.2.250.1.213.1.4.10|{holder:015}")
}

/// The INS that a holder may have had before.
fn former_ins(holder: i64) -> String {
    format!("urn:oid:1.2.250.1.213.1.4.11|{holder:015}")
}

const WORDS: [&str; 6] = ["Été", "ete", "100%", "a_b", "Lettre de liaison", "l'été!"];
const CODES: [&str; 4] = ["http://loinc.org|11490-0", "11490-0", "|x", "http://loinc.org|"];

/// The first key of which a label that lasts a month has not ended of itself: the worlds are of a September.
fn month_ago() -> i64 {
    ensemble::clock::first_key(NOW - 31 * 86_400_000_000 + 1)
}

fn world(dice: &mut Dice) -> World {
    let holders: Vec<HolderRow> = (1..=HOLDERS)
        .map(|number| HolderRow {
            holder: number,
            ins: ins(number),
            former: if dice.chance(2) { format!(" {} ", former_ins(number)) } else { String::new() },
            patient: format!("p{number}"),
            state: if dice.chance(4) { Some(HolderState::Closed) } else { Some(HolderState::Open) },
            // Some are minors, one since the day itself.
            born: *dice.pick(&[0, 14_143, 14_144, 16_000]),
            settings: i16::try_from(dice.roll(16)).unwrap(),
        })
        .collect();
    let mut rights = Vec::new();
    for number in 1..=HOLDERS {
        for source in 0..dice.roll(6) {
            let from = NOW - 100 + i64::try_from(dice.roll(150)).unwrap();
            let until = if dice.chance(2) { i64::MAX } else { from + i64::try_from(dice.roll(150)).unwrap() + 1 };
            let parts = if dice.chance(4) {
                " Patient "
            } else if dice.chance(6) {
                " documentreference "
            } else if dice.chance(4) {
                " class:10 class:42 for:TREAT "
            } else if dice.chance(4) {
                " DocumentReference Patient for:COC "
            } else {
                ""
            };
            let right = Right {
                actor: dice.pick(&actors()).clone(),
                kind: *dice.pick(&RightKind::ALL),
                from,
                until,
                parts: parts.to_owned(),
                source: format!("Consent/{source}"),
            };
            rights.push((number, right));
        }
    }
    let mut seen = BTreeSet::new();
    rights.retain(|(of, right): &(i64, Right)| seen.insert((*of, right.actor.clone(), right.kind, right.source.clone())));
    let mut documents = Vec::new();
    for number in 0..DOCUMENTS {
        let holder = 1 + i64::try_from(dice.roll(4)).unwrap();
        let submitter = dice.pick(&actors()).clone();
        let party = if dice.chance(2) { structure(dice) } else { dice.pick(&actors()).clone() };
        let envelope = Envelope {
            holder,
            key: if dice.chance(2) { number + 1 } else { month_ago() + number - DOCUMENTS / 2 },
            resource: ResourceType::DOCUMENT_REFERENCE,
            id: format!("d{number}"),
            version: 1,
            updated: NOW - i64::try_from(dice.roll(50)).unwrap(),
            doc_type: i16::try_from(dice.roll(103)).unwrap() + 1,
            labels: if dice.chance(2) { i16::try_from(dice.roll(16)).unwrap() } else { 0 },
            submitter: submitter.as_str().to_owned(),
            parties: format!(" {} {} ", submitter.as_str(), party.as_str()),
            first: if dice.chance(3) { month_ago() + i64::try_from(dice.roll(40)).unwrap() - 20 } else { 0 },
        };
        let param = |code: &str| find(ResourceType::DOCUMENT_REFERENCE, code).unwrap().param;
        let mut index = IndexRows::default();
        for _ in 0..dice.roll(3) {
            index.token.push((param("type"), (*dice.pick(&CODES)).to_owned()));
            let word = *dice.pick(&WORDS);
            index.string.push((param("description"), fold(word), word.to_owned()));
            let start = i64::try_from(dice.roll(20)).unwrap();
            index.date.push((param("date"), start, start + 1 + i64::try_from(dice.roll(5)).unwrap()));
            index.reference.push((param("related"), format!("DocumentReference/d{}", dice.roll(12))));
            index.uri.push((param("location"), (*dice.pick(&["urn:a", "urn:b"])).to_owned()));
            if dice.chance(2) {
                let (author, word) = (param("author"), *dice.pick(&WORDS));
                index.token.push((author.through_any(ResourceType::PRACTITIONER), String::new()));
                index.string.push((author.through(family()), fold(word), word.to_owned()));
            }
        }
        for rows in [&mut index.token, &mut index.reference, &mut index.uri] {
            rows.sort();
            rows.dedup();
        }
        index.string.sort();
        index.string.dedup();
        index.date.sort();
        index.date.dedup();
        documents.push(Resource { envelope, index });
    }
    World { holders, rights, documents }
}

fn caller(dice: &mut Dice) -> Caller {
    let kind = *dice.pick(&[
        CallerKind::Professional,
        CallerKind::Professional,
        CallerKind::Structure,
        CallerKind::Holder,
        CallerKind::Representative,
        CallerKind::Application,
        CallerKind::Operator,
    ]);
    let person = 1 + i64::try_from(dice.roll(4)).unwrap();
    let principal = match kind {
        CallerKind::Professional => Actor::professional(&format!("81000000000{}", 1 + dice.roll(4))),
        CallerKind::Structure => Some(structure(dice)),
        CallerKind::Application => Actor::application("app"),
        CallerKind::Holder => Actor::person(&ins(person)),
        CallerKind::Representative => Actor::person(&ins(1 + i64::try_from(dice.roll(4)).unwrap())),
        _ => Actor::service("operator"),
    };
    let professional = kind == CallerKind::Professional;
    let former = dice.chance(3);
    let system = ensemble::policy::matrix::profession_system("TRE_G15").unwrap().to_owned();
    Caller {
        kind,
        principal: principal.unwrap(),
        structure: if professional && dice.chance(2) { Some(structure(dice)) } else { None },
        profession: professional.then(|| Code { system, code: (*dice.pick(&["10", "28", "60", "999"])).to_owned() }),
        specialty: None,
        role: None,
        sector: if professional && dice.chance(6) { Some("SA13".into()) } else { None },
        purpose: if professional {
            *dice.pick(&[Purpose::Normal, Purpose::Normal, Purpose::BreakGlass, Purpose::Samu])
        } else {
            Purpose::Normal
        },
        reason: None,
        acts_for: matches!(kind, CallerKind::Holder | CallerKind::Representative | CallerKind::Application)
            .then(|| if former { former_ins(person) } else { ins(person) }),
        family: None,
        given: None,
        secret: false,
        scopes: if dice.chance(4) { Vec::new() } else { vec!["patient/*.rs".into()] },
        token: String::new(),
    }
}

fn family() -> Param {
    find(ResourceType::PRACTITIONER, "family").unwrap().param
}

/// What `author.family` asks of contained authors and of others.
fn by_author(dice: &mut Dice) -> Filter {
    let author = find(ResourceType::DOCUMENT_REFERENCE, "author").unwrap().param;
    let begins: &&str = dice.pick(&["é", "lettre", "100"]);
    let named = Test::String(StringTest::StartsWith(fold(begins)));
    let practitioner = ResourceType::PRACTITIONER;
    let within = Filter::Index(author.through(family()), named.clone());
    let any = Filter::Index(author.through_any(practitioner), Test::Present(ParamKind::Token));
    let contained = if dice.chance(2) { within } else { Filter::And(vec![any, Filter::Not(Box::new(within))]) };
    Filter::Or(vec![contained, Filter::Via(author, practitioner, Box::new(Filter::Index(family(), named)))])
}

fn question(dice: &mut Dice, depth: u32, own: &[Actor]) -> Filter {
    let param = |code: &str| find(ResourceType::DOCUMENT_REFERENCE, code).unwrap().param;
    let edge = |dice: &mut Dice| i64::try_from(dice.roll(24)).unwrap();
    match dice.roll(if depth == 0 { 12 } else { 16 }) {
        0 => Filter::Everything,
        1 => Filter::Id(vec![format!("d{}", dice.roll(14)), format!("d{}", dice.roll(14))]),
        2 => Filter::Index(param("type"), Test::Token(vec![(*dice.pick(&CODES)).to_owned()])),
        3 => {
            let word = *dice.pick(&["Été", "e", "100%", "_", "lettre de", "'", "!", "a_b", ""]);
            let test = match dice.roll(3) {
                0 => StringTest::StartsWith(fold(word)),
                1 => StringTest::Contains(fold(word)),
                _ => StringTest::Exact(word.to_owned()),
            };
            Filter::Index(param("description"), Test::String(test))
        }
        4 => {
            let (s, e) = (edge(dice), edge(dice));
            let (s, e) = (s.min(e), s.max(e) + 1);
            let tests = [
                RangeTest::Within(s, e),
                RangeTest::NotWithin(s, e),
                RangeTest::EndsAfter(e),
                RangeTest::StartsBefore(s),
                RangeTest::AtOrAfter(s, e),
                RangeTest::AtOrBefore(s, e),
                RangeTest::StartsFrom(e),
                RangeTest::EndsBy(s),
                RangeTest::Overlaps(s, e),
            ];
            Filter::Index(param("date"), Test::Date(*dice.pick(&tests)))
        }
        5 => Filter::Index(param("location"), Test::Uri(vec!["urn:a".into()])),
        6 => {
            let kinds = [
                ("type", ParamKind::Token),
                ("description", ParamKind::String),
                ("date", ParamKind::Date),
                ("related", ParamKind::Reference),
                ("location", ParamKind::Uri),
            ];
            let (code, kind) = *dice.pick(&kinds);
            Filter::Index(param(code), Test::Present(kind))
        }
        7 => Filter::LastUpdated(RangeTest::EndsAfter(NOW - edge(dice))),
        8 => Filter::HolderNamed(vec![HolderName::Id(format!("p{}", dice.roll(6))), HolderName::Identifier(ins(1)), HolderName::Number(2)]),
        9 if dice.chance(3) => Filter::HolderNamed(vec![HolderName::Identifier(former_ins(1 + i64::try_from(dice.roll(4)).unwrap()))]),
        9 if dice.chance(3) => Filter::Envelope(EnvelopeTest::KeyBelow(month_ago())),
        9 => Filter::Envelope(EnvelopeTest::PartyIn(vec![structure(dice)])),
        10 => {
            let part = dice.chance(2).then_some("DocumentReference");
            let purposes = dice.chance(2).then(|| dice.pick(&[vec![], vec!["TREAT".into()], vec!["COC".into(), "TREAT".into()]]).clone());
            Filter::Right(RightTest { kinds: RightKind::ALL.to_vec(), actors: own.to_vec(), at: NOW, part, purposes })
        }
        11 => by_author(dice),
        12 => Filter::Not(Box::new(question(dice, depth - 1, own))),
        13 => Filter::And(vec![question(dice, depth - 1, own), question(dice, depth - 1, own)]),
        14 => Filter::Or(vec![question(dice, depth - 1, own), question(dice, depth - 1, own)]),
        _ => Filter::Via(param("related"), ResourceType::DOCUMENT_REFERENCE, Box::new(question(dice, 0, own))),
    }
}

impl World {
    fn facts(&self, holder: i64, actors: &[Actor]) -> Facts {
        let rights = self
            .rights
            .iter()
            .filter(|(of, right)| *of == holder && actors.contains(&right.actor))
            .map(|(_, right)| right.clone())
            .collect();
        Facts { holder: self.holders.iter().find(|row| row.holder == holder).cloned(), rights }
    }
}

#[test]
fn sql_memory_and_reading_agree() {
    on_both(agree);
}

fn agree(backend: Backend) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let policy = Arc::new(Policy::embedded(true, digest::sha256_hex).unwrap());
    let mut compared = 0;
    for seed in 1..=WORLDS {
        let url = match backend {
            Backend::Sqlite => format!("sqlite:{}/differential.db", server::directory().display()),
            Backend::Postgres => postgres::fresh_database(),
        };
        let store = Store::open(&url, Some(Stamp::Sandbox), true).unwrap();
        let mut dice = Dice::new(seed);
        let world = world(&mut dice);
        runtime.block_on(fill(&store, &world));
        for _ in 0..QUESTIONS {
            let caller = caller(&mut dice);
            let asked = question(&mut dice, 2, &caller.actors());
            compare(&runtime, &store, &policy, &world, &caller, &asked, seed);
            compared += 1;
        }
    }
    assert_eq!(compared, usize::try_from(WORLDS).unwrap() * QUESTIONS);
}

async fn fill(store: &Store, world: &World) {
    let (holders, rights) = (world.holders.clone(), world.rights.clone());
    let resources: Vec<NewResource> = world
        .documents
        .iter()
        .map(|one| NewResource {
            envelope: one.envelope.clone(),
            realm: 0,
            bound: 0,
            media: String::new(),
            body: b"{}".to_vec(),
            index: one.index.clone(),
            deleted: false,
            put: false,
        })
        .collect();
    let filled = store.write(move |connection| -> Result<(), Error> {
        for row in &holders {
            // Who had another INS had it when the space was made.
            let first = if row.former.is_empty() { row.ins.clone() } else { row.former.trim().to_owned() };
            let made = HolderRow { ins: first, former: String::new(), ..row.clone() };
            insert_holder(connection, &made, NOW)?;
            identity::change(connection, &made, row, NOW)?;
            let own: Vec<Right> = rights.iter().filter(|(of, _)| *of == row.holder).map(|(_, right)| right.clone()).collect();
            insert_rights(connection, row.holder, &own)?;
        }
        resources.iter().try_for_each(|resource| insert(connection, resource))
    });
    filled.await.unwrap();
}

fn compare(runtime: &tokio::runtime::Runtime, store: &Store, policy: &Policy, world: &World, caller: &Caller, asked: &Filter, seed: u64) {
    let resource = ResourceType::DOCUMENT_REFERENCE;
    let scope = policy.scope(caller, Action::Consult, resource, NOW);
    let request = PageRequest::first(asked.clone(), 100);
    let (by_sql, within) = (scope.clone(), request.clone());
    let found = runtime.block_on(store.run(move |connection| page(connection, &by_sql, &within))).unwrap();
    let found: BTreeSet<String> = found.into_iter().map(|hit| hit.envelope.id).collect();
    let actors = caller.actors();
    let follow = |reference: &str| {
        let id = reference.strip_prefix("DocumentReference/")?;
        let target = world.documents.iter().find(|one| one.envelope.id == id)?;
        Some((target.envelope.clone(), world.facts(target.envelope.holder, &actors), target.index.clone()))
    };
    let referring = |param: Param, reference: &str| {
        let refers = |one: &&Resource| one.index.reference.iter().any(|(by, to)| *by == param && to == reference);
        let found = world.documents.iter().filter(refers);
        found.map(|one| (one.envelope.clone(), world.facts(one.envelope.holder, &actors), one.index.clone())).collect()
    };
    let whole = scope.filter().and(asked.clone());
    let mut kept = BTreeSet::new();
    for one in &world.documents {
        let facts = world.facts(one.envelope.holder, &actors);
        let index = Some(&one.index);
        let candidate =
            Candidate { envelope: &one.envelope, facts: &facts, index, follow: Some(&follow), linked: &[], referring: Some(&referring) };
        if matches(&whole, &candidate) {
            kept.insert(one.envelope.id.clone());
        }
        let permitted = matches!(scope.decide(&candidate), Decision::Permit(_));
        assert_eq!(permitted, matches(&scope.filter(), &candidate), "the decision is that of the whole filter; seed {seed}");
        let (by_id, id) = (scope.clone(), one.envelope.id.clone());
        let read = runtime.block_on(store.run(move |connection| read::read(connection, &by_id, &id))).unwrap().unwrap();
        assert_eq!(matches!(read.decision, Decision::Permit(_)), permitted, "{caller:?} reads {}; seed {seed}", one.envelope.id);
        assert_eq!(read.facts.rights.len(), facts.rights.len());
    }
    assert_eq!(found, kept, "{caller:?} asks {asked:?}; seed {seed}");
}
