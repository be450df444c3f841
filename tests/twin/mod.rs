//! P1 proved by twins: two databases that agree on what a caller may see, and differ in what it may not, give it the same answers.
//!
//! A seed makes a world (`make`), a caller, and changes of what the caller may not see, which a second reader of CONTRACT decides
//! (`reader`, `traces`, `view`), not `src/policy`. Both worlds are brought about by requests (`build`), the same random requests go to both
//! (`ask`, `search`, `writes`), and the answers are compared up to what each database makes new (`same`). A difference is shrunk
//! (`shrink`) and printed as a case, which stays in `found.ndjson`.
//!
//! Many worlds share a pair of servers, each with people and identifiers of its own. To a caller the other worlds are more of what it
//! may not see, and their twins differ too. Only what everybody sees is alike for all: directories, which are written in one order in
//! both. Those who see every world are asked about their own: operators with the family name, auditors with the patient.
//!
//! Left out, for it is told on purpose (CONTRACT 4): to professionals and structures TD0.2, and what is taken about somebody whose
//! record is in one twin only (what is refused about that person, named by id, is asked: `writes::unfit`); what a Consent that the caller records opens to it (it is the last request of a case). A
//! replacement that supersedes what is seen, a setting that masks the caller's deposits, another treating physician who ends the
//! caller's right: the second reader says that they are seen, so twins do not differ in them.
//!
//! `ENSEMBLE_TWIN_SEED` and `ENSEMBLE_TWIN_PAIRS` (pairs of requests over both databases) make another run or a longer one.

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

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use run::{Pair, Tally};
use world::{Case, Names};

use crate::support::Backend;
use crate::support::dice::Dice;

/// Pairs of requests in an ordinary run, over both databases.
const PAIRS: usize = 20_000;
/// Random requests for each world.
const ASKS: usize = 160;
/// Worlds in one pair of databases.
const WORLDS: u64 = 60;
/// Worlds at the same time.
const THREADS: usize = 4;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// The world of a seed, its twin and the requests; none where no twin was found.
fn case(seed: u64, names: Names) -> Option<Case> {
    let mut dice = Dice::new(seed);
    let caller = make::caller(&mut dice);
    let world = make::world(&mut dice, &caller);
    let changes = make::changes(&mut dice, &caller, &world);
    if changes.is_empty() {
        return None;
    }
    let mut case = Case { seed: names.world, caller, world, changes, asks: Vec::new() };
    case.asks = ask::asks(&mut dice, &case, names, ASKS);
    Some(case)
}

/// Runs worlds on one database until enough was asked; what was measured, or the first difference, told small.
fn batch(backend: Backend, first: &AtomicU64, enough: usize) -> Result<Tally, String> {
    let pair = Pair::start(backend);
    // The numbers of worlds that a shrinking brings about.
    let spare = AtomicU64::new(1_000_000);
    let (done, worlds) = (AtomicUsize::new(0), AtomicU64::new(0));
    let (whole, failed) = (Mutex::new(Tally::default()), Mutex::new(None));
    let work = || {
        while failed.lock().unwrap().is_none() && done.load(Ordering::Relaxed) < enough && worlds.fetch_add(1, Ordering::Relaxed) < WORLDS {
            let seed = first.fetch_add(1, Ordering::Relaxed);
            let names = Names { world: seed % 900_000 };
            let Some(case) = case(seed, names) else { continue };
            let mut tally = Tally::default();
            if let Some(leak) = pair.run(&case, names, &mut tally) {
                failed.lock().unwrap().get_or_insert((seed, case, leak));
                return;
            }
            done.fetch_add(tally.pairs, Ordering::Relaxed);
            whole.lock().unwrap().add(tally);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(work);
        }
    });
    match failed.into_inner().unwrap() {
        None => Ok(whole.into_inner().unwrap()),
        Some((seed, case, leak)) => {
            let (small, told) = shrink::shrink(&pair, &case, leak, &spare);
            let steps: Vec<String> = small.world.iter().map(|step| format!("  {step:?}")).collect();
            let line = serde_json::to_string(&small).unwrap();
            let alike = if small.world == small.twin() { "the worlds are alike: what differs is chance, or this test\n" } else { "" };
            let Case { caller, changes, asks, .. } = small;
            Err(format!(
                "seed {seed} on {backend:?}:\n{alike}{told}\ncaller {caller:?}\nchanges {changes:#?}\nasks {asks:#?}\nworld\n{}\ncase\n{line}\n",
                steps.join("\n")
            ))
        }
    }
}

#[test]
fn answers_do_not_depend_on_what_the_caller_may_not_see() {
    let seed = number("ENSEMBLE_TWIN_SEED").unwrap_or(1);
    let enough = usize::try_from(number("ENSEMBLE_TWIN_PAIRS").unwrap_or(u64::try_from(PAIRS).unwrap())).unwrap();
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let (begin, first) = (Instant::now(), AtomicU64::new(seed));
        let mut whole = Tally::default();
        while whole.pairs < enough / 2 {
            whole.add(batch(backend, &first, enough / 2 - whole.pairs).unwrap_or_else(|told| panic!("{told}")));
        }
        let worlds = first.load(Ordering::Relaxed) - seed;
        println!("twins on {backend:?}: seeds {seed} to {}, {} pairs in {:?}", seed + worlds - 1, whole.pairs, begin.elapsed());
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
            assert_eq!(reader::may_consult("", profession, code), kept.lines().any(|one| one == line), "{line}");
        }
    }
}
