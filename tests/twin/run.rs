//! Two servers, the worlds of a batch in both, the same requests to both.

use std::sync::RwLock;
use std::time::{Duration, Instant};

use super::build::{Ids, id_of, perform};
use super::same::{Bijection, difference};
use super::world::{Ask, Case, Names, Step, What};
use crate::support::answer::Answer;
use crate::support::{Backend, Server};

/// When it is in every world, at the start.
const NOW: &str = "2026-11-23T10:00:00Z";
/// The address in every link, alike in both databases.
const BASE: &str = "http://twins.example/fhir";

/// A difference between answers.
pub struct Leak {
    /// The place of the request.
    pub at: usize,
    pub told: String,
}

/// What was measured of a case.
#[derive(Default)]
pub struct Tally {
    pub pairs: usize,
    /// How long each request took in one and in the other.
    pub times: Vec<(Duration, Duration)>,
    /// The statuses answered.
    pub statuses: Vec<[u16; 2]>,
}

impl Tally {
    pub fn add(&mut self, other: Self) {
        self.pairs += other.pairs;
        self.times.extend(other.times);
        self.statuses.extend(other.statuses);
    }

    /// How many were answered how, and whether one database was slower: medians, and the share of pairs in which the first was
    /// (signs, as a standard score). Told, never asserted.
    pub fn report(&self) -> String {
        let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
        self.statuses.iter().for_each(|[status, _]| *statuses.entry(*status).or_default() += 1);
        let median = |times: Vec<Duration>| {
            let mut times = times;
            times.sort();
            times.get(times.len() / 2).copied().unwrap_or_default()
        };
        let (one, other) = self.times.iter().copied().unzip::<_, _, Vec<_>, Vec<_>>();
        let slower = u32::try_from(self.times.iter().filter(|(one, other)| one > other).count()).unwrap();
        let pairs = f64::from(u32::try_from(self.times.len().max(1)).unwrap());
        let score = (f64::from(slower) - pairs / 2.0) / (pairs / 4.0).sqrt();
        format!(
            "  statuses {statuses:?}; medians {:?} and {:?}, the first slower in {:.1} % (z {score:.2})",
            median(one),
            median(other),
            100.0 * f64::from(slower) / pairs
        )
    }
}

/// Two databases that are alike for every caller of their worlds.
pub struct Pair {
    backend: Backend,
    one: Server,
    other: Server,
    /// Held by requests; alone by those that write what callers of other worlds see, so that both databases see them in one order.
    turn: RwLock<()>,
}

/// The ids of what was made of a case in either database, and which go together.
pub struct Made {
    names: Names,
    pub(super) ids: [Ids; 2],
    goes: Bijection,
}

impl Pair {
    pub fn start(backend: Backend) -> Self {
        let start = || Server::start(backend, &["--empty", "--now", NOW, "--base-url", BASE]);
        Self { backend, one: start(), other: start(), turn: RwLock::new(()) }
    }

    fn servers(&self) -> [&Server; 2] {
        [&self.one, &self.other]
    }

    /// Lets so many days pass in both databases.
    pub fn pass(&self, days: u32) {
        if days > 0 {
            for server in self.servers() {
                server.advance(&format!("P{days}D"));
            }
        }
    }

    /// A case alone, by a pair of its own where time passes in it, for no clock goes back; the first difference.
    pub fn alone(&self, case: &Case, names: Names) -> Option<Leak> {
        let fresh = (case.days > 0).then(|| Self::start(self.backend));
        let pair = fresh.as_ref().unwrap_or(self);
        let made = match pair.make(case, names) {
            Ok(made) => made,
            Err(leak) => return Some(leak),
        };
        pair.pass(case.days);
        pair.run(case, made, &mut Tally::default())
    }

    /// Brings both worlds about.
    ///
    /// # Errors
    /// What could not be done and must be.
    pub fn make(&self, case: &Case, names: Names) -> Result<Made, Leak> {
        let mut ids = [Ids::new(), Ids::new()];
        self.perform(case, names, &mut ids).map_err(|told| Leak { at: usize::MAX, told })?;
        let mut goes = Bijection::default();
        let all: Vec<String> = ids[0].keys().chain(ids[1].keys()).cloned().collect();
        for name in all {
            let [one, other] = &mut ids;
            goes.pair(&id_of(one, &name), &id_of(other, &name));
        }
        Ok(Made { names, ids, goes })
    }

    /// Asks both databases; the first difference.
    pub fn run(&self, case: &Case, mut made: Made, tally: &mut Tally) -> Option<Leak> {
        if let Some(told) = self.agree(case, &mut made, tally) {
            return Some(Leak { at: usize::MAX, told });
        }
        let mut asked = case.asks.iter().enumerate();
        asked.find_map(|(at, ask)| self.ask(case, &mut made, ask, tally).err().map(|told| Leak { at, told }))
    }

    /// Does all deeds of both worlds. What everybody sees is in both, and in one order.
    fn perform(&self, case: &Case, names: Names, ids: &mut [Ids; 2]) -> Result<(), String> {
        let worlds = [case.world.clone(), case.twin()];
        let shared = |step: &&Step| matches!(step.what, What::Practitioner(_) | What::Organization(_) | What::Role(..));
        {
            let _turn = self.turn.write().unwrap();
            for step in worlds[0].iter().filter(shared) {
                for side in [0, 1] {
                    perform(self.servers()[side], names, &mut ids[side], &worlds[side], step)?;
                }
            }
        }
        for side in [0, 1] {
            for step in worlds[side].iter().filter(|step| !shared(step)) {
                perform(self.servers()[side], names, &mut ids[side], &worlds[side], step)?;
            }
        }
        Ok(())
    }

    /// Asks both databases, page by page; the answers, or the first difference.
    pub(super) fn ask(&self, case: &Case, made: &mut Made, ask: &Ask, tally: &mut Tally) -> Result<Vec<[Answer; 2]>, String> {
        let names = made.names;
        let (_shared, _alone);
        if ask.alone {
            _alone = self.turn.write().unwrap();
        } else {
            _shared = self.turn.read().unwrap();
        }
        let Made { ids, goes, .. } = made;
        let asked = |ids: &mut Ids| Ask { path: filled(&ask.path, ids), body: filled(&ask.body, ids), ..ask.clone() };
        // An id that was asked for stands for itself in the answer.
        let first = self.page(case, names, goes, &ids.each_mut().map(asked), tally)?;
        if !ask.makes.is_empty() {
            for (side, answer) in first.iter().enumerate() {
                keep(answer, &ask.makes, &mut ids[side]);
            }
        }
        let mut next = first.each_ref().map(next);
        let mut all = vec![first];
        for _page in 0..ask.pages {
            let [Some(one), Some(other)] = next else { break };
            let asks = [one, other].map(|path| Ask { method: "GET".into(), path, headers: ask.headers.clone(), ..Ask::default() });
            let page = self.page(case, names, goes, &asks, tally)?;
            next = page.each_ref().map(self::next);
            all.push(page);
        }
        Ok(all)
    }

    /// Asks each database its own, one of them first in turn; the answers, or how they differ.
    fn page(&self, case: &Case, names: Names, goes: &mut Bijection, asks: &[Ask; 2], tally: &mut Tally) -> Result<[Answer; 2], String> {
        let timed = |side: usize| {
            let begin = Instant::now();
            (sent(self.servers()[side], names, case, &asks[side]), begin.elapsed())
        };
        let [(one, first), (other, second)] = if tally.pairs.is_multiple_of(2) {
            let one = timed(0);
            [one, timed(1)]
        } else {
            let other = timed(1);
            [timed(0), other]
        };
        tally.pairs += 1;
        tally.times.push((first, second));
        tally.statuses.push([one.status, other.status]);
        match difference(&one, &other, goes) {
            Some(told) => Err(told),
            None => Ok([one, other]),
        }
    }
}

/// Keeps the id of what was made.
fn keep(answer: &Answer, name: &str, ids: &mut Ids) {
    let value: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if let (201, Some(id)) = (answer.status, value["id"].as_str()) {
        ids.insert(name.to_owned(), id.to_owned());
    }
}

/// The address of the next page.
fn next(answer: &Answer) -> Option<String> {
    if answer.status != 200 {
        return None;
    }
    let value: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    let link = value["link"].as_array()?.iter().find(|link| link["relation"] == "next")?;
    link["url"].as_str()?.strip_prefix(BASE).map(|rest| rest.trim_start_matches('/').to_owned())
}

/// The text with the ids of this database in the place of names.
fn filled(text: &str, ids: &mut Ids) -> String {
    let mut parts = text.split("{{");
    let mut done = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap();
        done.push_str(&id_of(ids, name));
        done.push_str(rest);
    }
    done
}

fn sent(server: &Server, names: Names, case: &Case, ask: &Ask) -> Answer {
    let who = names.who(&case.caller);
    let headers: Vec<(&str, &str)> = ask.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let body = (!ask.body.is_empty()).then_some(ask.body.as_bytes());
    server.fhir_with(&who, &ask.method, &ask.path, &headers, body)
}
