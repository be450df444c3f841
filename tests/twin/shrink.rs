//! Makes a case small that shows a difference: fewer requests, fewer differences, fewer deeds. Each try is a world of its own.

use super::reader::State;
use super::run::{Leak, Pair};
use super::view::view;
use super::world::{Ask, Case, Names, Step, remove};

/// Tries at most, so that a failing run comes to its end.
const TRIES: usize = 250;

/// The numbers of worlds that a shrinking brings about come after this.
const SPARE: u64 = 1_000_000;

struct Shrinker<'a> {
    pair: &'a Pair,
    /// The number of the next world.
    next: u64,
    tries: usize,
    told: String,
}

impl Shrinker<'_> {
    /// Whether the case still shows a difference, and of the answers.
    fn shows(&mut self, case: &Case) -> bool {
        if self.tries == 0 || case.changes.is_empty() || !is_fair(case) {
            return false;
        }
        self.tries -= 1;
        self.next += 1;
        let names = Names { world: self.next };
        match self.pair.alone(&renamed(case, names), names) {
            Some(leak) => {
                self.told = leak.told;
                true
            }
            None => false,
        }
    }

    /// Without as many of the requests as can be spared.
    fn asks(&mut self, case: &mut Case) {
        let mut part = case.asks.len().div_ceil(2);
        while part > 0 {
            let mut at = 0;
            while at < case.asks.len() {
                let mut less = case.clone();
                less.asks.drain(at..(at + part).min(case.asks.len()));
                if self.shows(&less) {
                    *case = less;
                } else {
                    at += part;
                }
            }
            part /= 2;
        }
    }

    fn changes(&mut self, case: &mut Case) {
        for at in (0..case.changes.len()).rev() {
            let mut less = case.clone();
            less.changes.remove(at);
            if self.shows(&less) {
                *case = less;
            }
        }
    }

    fn world(&mut self, case: &mut Case) {
        let names: Vec<String> = case.world.iter().rev().map(|step| step.name.clone()).collect();
        for name in names {
            if case.world.iter().all(|step: &Step| step.name != name) {
                continue;
            }
            let mut less = case.clone();
            remove(&mut less.world, &name);
            // The places of what is added are counted in the world as it was: at its end they fit any.
            if self.shows(&less) {
                *case = less;
            }
        }
    }
}

/// Whether the two worlds can be made and are twins for the caller.
fn is_fair(case: &Case) -> bool {
    let twin = case.twin();
    let made = [&case.world, &twin].iter().all(|world| State::of(world).fault.is_none() && complete(world));
    made && view(&case.world, &case.caller, case.days) == view(&twin, &case.caller, case.days)
}

/// Whether everything stands after what it needs.
fn complete(world: &[Step]) -> bool {
    world.iter().enumerate().all(|(at, step)| step.needs().iter().all(|need| world[..at].iter().any(|one| one.name == *need)))
}

/// The case with the people of another world in its requests; identities are written out there.
fn renamed(case: &Case, to: Names) -> Case {
    let from = case.names();
    let text = |text: &str| {
        let mut text = text.replace(&from.family(), &to.family());
        for number in 0..16 {
            text = text.replace(&from.ins(number), &to.ins(number));
            text = text.replace(&from.psidnat(number), &to.psidnat(number)).replace(&from.structure(number), &to.structure(number));
        }
        text
    };
    let asks = case.asks.iter().map(|ask| Ask {
        path: text(&ask.path),
        body: text(&ask.body),
        headers: ask.headers.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        ..ask.clone()
    });
    Case { asks: asks.collect(), seed: to.world, ..case.clone() }
}

/// The smallest case found that shows the difference, and how.
pub fn shrink(pair: &Pair, case: &Case, leak: Leak) -> (Case, String) {
    let mut small = case.clone();
    let mut shrinker = Shrinker { pair, next: SPARE, tries: TRIES, told: leak.told };
    small.asks.truncate(leak.at.saturating_add(1));
    // One request alone shows most of them.
    if let Some(last) = small.asks.last().cloned() {
        let alone = Case { asks: vec![last], ..small.clone() };
        if shrinker.shows(&alone) {
            small = alone;
        }
    }
    shrinker.asks(&mut small);
    shrinker.changes(&mut small);
    shrinker.world(&mut small);
    (small, shrinker.told)
}

/// A kept case as the one of another world.
pub fn as_of(case: &Case, world: u64) -> (Case, Names) {
    let names = Names { world };
    (renamed(case, names), names)
}
