//! P1 proved by twins: two databases that agree on what a caller may see, and differ in what it may not, give it the same answers.
//!
//! A seed makes a world (`make`), a caller, and changes of what the caller may not see, which a second reader of CONTRACT decides
//! (`reader`, `traces`, `view`), not `src/policy`. Both worlds are brought about by requests (`build`). What the second reader says is
//! seen is read first, and nothing else is found (`agree`); then the same random requests go to both (`ask`, `search`, `writes`), and the
//! answers are compared up to what each database makes new (`same`). A difference is shrunk (`shrink`) and printed as a case, which stays
//! in `found.ndjson`. Which mistakes it finds, and how soon, is in the README.
//!
//! Many worlds share a pair of servers, each with people and identifiers of its own. To a caller the other worlds are more of what it
//! may not see, and their twins differ too. Only what everybody sees is alike for all: directories, which are written in one order in
//! both. Those who see every world are asked about their own: operators with the family name, auditors with the patient.
//!
//! All is done on one day; then days pass, and the second reader says what is seen on the day asked.
//!
//! Left out, for it is told on purpose (CONTRACT 4): to professionals and structures TD0.2, and what is taken about somebody whose
//! record is in one twin only (what is refused about that person, named by id, is asked: `writes::unfit`); what a Consent that the caller records opens to it (it is the last request of a case). A
//! replacement that supersedes what is seen, a setting that masks the caller's deposits, another treating physician who ends the
//! caller's right: the second reader says that they are seen, so twins do not differ in them.
//!
//! `ENSEMBLE_TWIN_SEED` and `ENSEMBLE_TWIN_PAIRS` (pairs of requests over both databases) make another run or a longer one.

mod agree;
mod ask;
mod build;
mod found;
mod make;
mod reader;
mod run;
pub mod same;
mod search;
mod shrink;
mod tested;
mod traces;
mod view;
mod world;
mod writes;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use run::{Leak, Pair, Tally};
use world::{Case, Names};

use crate::support::Backend;
use crate::support::dice::Dice;

/// Pairs of requests in an ordinary run, over both databases.
const PAIRS: usize = 20_000;
/// Random requests for each world.
const ASKS: usize = 160;
/// Worlds that follow each other in one pair of databases.
const WORLDS: u64 = 9;
/// Of so many pairs the run is a long one, and a pair of databases takes the worlds of many batches: fewer servers to start, more that
/// a caller may not see.
const LONG: usize = 100_000;
/// Batches of a stretch of a long run: each number of days passes in at least one.
const STRETCH: u64 = 54;
/// Days that pass, one after the other: past the end of what was given for a day, past the month after which what was hidden from the
/// person is shown to it and to the day before, past the ends of Consents, past the majority of the minor.
const PASSING: [u32; 12] = [29, 30, 2200, 45, 1, 20, 31, 200, 8, 400, 30, 3];
/// Worlds at the same time.
const THREADS: usize = 4;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// The days that pass in the batch of a seed before anything is asked: in two batches of three.
fn days(seed: u64) -> u32 {
    let (turn, place) = (seed / WORLDS / 3, seed / WORLDS % 3);
    let at = |place: u64| PASSING[usize::try_from((2 * turn + place) % 12).unwrap()];
    place.checked_sub(1).map_or(0, at)
}

/// The world of a seed, its twin and the requests; none where no twin was found.
fn case(seed: u64) -> Option<Case> {
    let names = Names { world: seed % 900_000 };
    let (mut dice, days) = (Dice::new(seed), days(seed));
    let caller = make::caller(&mut dice, seed, days);
    let world = make::world(&mut dice, &caller);
    let changes = make::changes(&mut dice, &caller, &world, days);
    if changes.is_empty() {
        return None;
    }
    let mut case = Case { seed: names.world, caller, world, changes, days, asks: Vec::new() };
    case.asks = ask::asks(&mut dice, &case, names, ASKS);
    Some(case)
}

/// The seeds from here to the end of a stretch, by the days that pass: those of a batch share a pair of databases.
fn batches(first: u64, enough: usize) -> (Range<u64>, Vec<Vec<u64>>) {
    let seeds = if enough > LONG { WORLDS * STRETCH } else { WORLDS };
    let stretch = first..(first / seeds + 1) * seeds;
    let mut by_days = BTreeMap::<u32, Vec<u64>>::new();
    stretch.clone().for_each(|seed| by_days.entry(days(seed)).or_default().push(seed));
    (stretch, by_days.into_values().collect())
}

/// Does the same in several threads until there is nothing more to do.
fn in_threads(work: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(&work);
        }
    });
}

/// The first difference that was met, by the case of a seed.
type Met = (u64, Case, Leak);

/// Brings about the worlds of these seeds in one pair of databases, lets time pass and asks until enough was asked; what was measured,
/// and a difference.
fn batch(pair: &Pair, seeds: &[u64], enough: usize) -> (Tally, Option<Met>) {
    let next = AtomicUsize::new(0);
    let (worlds, failed) = (Mutex::new(Vec::new()), Mutex::new(None));
    in_threads(|| {
        while failed.lock().unwrap().is_none() {
            let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
            let Some(case) = case(seed) else { continue };
            match pair.make(&case, case.names()) {
                Ok(made) => worlds.lock().unwrap().push((seed, case, made)),
                Err(leak) => {
                    failed.lock().unwrap().get_or_insert((seed, case, leak));
                }
            }
        }
    });
    pair.pass(days(seeds[0]));
    // The last seed is asked first.
    worlds.lock().unwrap().sort_by_key(|(seed, ..)| std::cmp::Reverse(*seed));
    let (done, whole) = (AtomicUsize::new(0), Mutex::new(Tally::default()));
    in_threads(|| {
        while failed.lock().unwrap().is_none() && done.load(Ordering::Relaxed) < enough {
            let Some((seed, case, made)) = worlds.lock().unwrap().pop() else { return };
            let mut tally = Tally::default();
            let leak = pair.run(&case, made, &mut tally);
            done.fetch_add(tally.pairs, Ordering::Relaxed);
            whole.lock().unwrap().add(tally);
            if let Some(leak) = leak {
                failed.lock().unwrap().get_or_insert((seed, case, leak));
            }
        }
    });
    (whole.into_inner().unwrap(), failed.into_inner().unwrap())
}

/// The difference, told small.
fn told(backend: Backend, pair: &Pair, (seed, case, leak): Met, pairs: usize) -> String {
    // Shrinking takes a while.
    eprintln!("seed {seed} on {backend:?} after {pairs} pairs, {} days later, request {}: {}", case.days, leak.at, leak.told);
    let (small, told) = shrink::shrink(pair, &case, leak);
    let steps: Vec<String> = small.world.iter().map(|step| format!("  {step:?}")).collect();
    let line = serde_json::to_string(&small).unwrap();
    let alike = if small.world == small.twin() { "the worlds are alike: what differs is chance, or this test\n" } else { "" };
    let Case { caller, changes, days, asks, .. } = small;
    format!(
        "seed {seed} on {backend:?} after {pairs} pairs:\n{alike}{told}\ncaller {caller:?}\nchanges {changes:#?}\ndays {days}\nasks {asks:#?}\nworld\n{}\ncase\n{line}\n",
        steps.join("\n")
    )
}

#[test]
fn answers_do_not_depend_on_what_the_caller_may_not_see() {
    let seed = number("ENSEMBLE_TWIN_SEED").unwrap_or(1);
    let enough = usize::try_from(number("ENSEMBLE_TWIN_PAIRS").unwrap_or(u64::try_from(PAIRS).unwrap())).unwrap();
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let (begin, mut first) = (Instant::now(), seed);
        let mut whole = Tally::default();
        while whole.pairs < enough / 2 {
            let (stretch, batches) = batches(first, enough);
            for seeds in batches {
                if whole.pairs >= enough / 2 {
                    break;
                }
                let pair = Pair::start(backend);
                let (tally, met) = batch(&pair, &seeds, enough / 2 - whole.pairs);
                whole.add(tally);
                if let Some(met) = met {
                    panic!("{}", told(backend, &pair, met, whole.pairs));
                }
            }
            first = stretch.end;
            if enough > LONG {
                println!("{} pairs on {backend:?} after {:?}", whole.pairs, begin.elapsed());
            }
        }
        println!("twins on {backend:?}: seeds {seed} to {}, {} pairs in {:?}", first - 1, whole.pairs, begin.elapsed());
        println!("{}", whole.report());
        // Twins that are refused everything would prove nothing.
        let answered = whole.statuses.iter().filter(|[status, _]| matches!(status, 200 | 201)).count();
        assert!(whole.pairs >= enough / 2 && answered * 5 > whole.pairs, "{answered} of {} were answered", whole.pairs);
    }
}

#[test]
fn the_second_reader_reads_the_matrix_as_the_snapshot_has_it() {
    let kept = crate::support::kept_snapshot("readable.tsv");
    for code in make::CODES.into_iter().chain(make::OWN) {
        for profession in ["10", "21", "28", "35", "40", "60"] {
            let line = format!("{profession}\t{code}\tpermit");
            assert_eq!(reader::may_consult(&reader::Day::default(), "", profession, code), kept.lines().any(|one| one == line), "{line}");
        }
    }
}
