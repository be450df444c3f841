//! What arrives while others of its kind are under way is done with them, in one statement: on PostgreSQL a round trip costs more than
//! what it brings. Nobody waits for company: whoever comes first goes at once.

mod inserts;
mod reads;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::Error;
use super::pool::{Manager, Target};
use super::{Store, within};

pub use inserts::Insert;
pub use reads::Read;

/// Something that is asked of the database, and who waits for it.
pub trait Asked: Sized + Send + 'static {
    /// How many are done together at most.
    const TOGETHER_MAX: usize;
    /// How many times at once some are done; that leaves connections to everything else.
    const UNDER_WAY_MAX: usize;
    /// What the text of its statement depends on. Only those of one shape share one: else there would be a text, kept prepared by every
    /// connection, for each order in which callers happen to come.
    type Shape: PartialEq;

    /// Its shape.
    fn shape(&self) -> Self::Shape;
    /// Whether nobody waits for it any more.
    fn is_given_up(&self) -> bool;
    /// Does them all and tells who waits.
    fn together(asked: Vec<Self>, pool: &r2d2::Pool<Manager>, target: &Target);
}

/// What nobody has begun, of one server.
pub struct Gathered<A>(Arc<Mutex<Waiting<A>>>);

struct Waiting<A> {
    asked: VecDeque<A>,
    under_way: usize,
}

impl<A> Default for Gathered<A> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Waiting { asked: VecDeque::new(), under_way: 0 })))
    }
}

impl<A> Clone for Gathered<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A> Gathered<A> {
    fn lock(&self) -> MutexGuard<'_, Waiting<A>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A: Asked> Gathered<A> {
    /// Queues it; somebody to do it, unless enough are at it already.
    fn queue(&self, asked: A) -> Option<Worker<A>> {
        let mut waiting = self.lock();
        waiting.asked.push_back(asked);
        if waiting.under_way == A::UNDER_WAY_MAX {
            return None;
        }
        waiting.under_way += 1;
        Some(Worker { gathered: self.clone(), ended: false })
    }
}

/// Who does what waits until nothing is left.
struct Worker<A> {
    gathered: Gathered<A>,
    ended: bool,
}

impl<A: Asked> Worker<A> {
    /// What to do next. Nothing is the end: it is told under the same lock, so that whoever comes after finds nobody at it.
    fn next(&mut self) -> Vec<A> {
        let mut waiting = self.gathered.lock();
        let shape = waiting.asked.front().map(Asked::shape);
        let count = waiting.asked.iter().take(A::TOGETHER_MAX).take_while(|asked| Some(asked.shape()) == shape).count();
        if count == 0 {
            waiting.under_way -= 1;
            self.ended = true;
        }
        waiting.asked.drain(..count).filter(|asked| !asked.is_given_up()).collect()
    }

    fn run(mut self, pool: &r2d2::Pool<Manager>, target: &Target) {
        while !self.ended {
            let asked = self.next();
            if !asked.is_empty() {
                A::together(asked, pool, target);
            }
        }
    }
}

impl<A> Drop for Worker<A> {
    fn drop(&mut self) {
        if !self.ended {
            self.gathered.lock().under_way -= 1;
        }
    }
}

impl Store {
    /// Sees to it that it is done; those that nobody comes to are told by their own patience.
    fn gather<A: Asked>(&self, gathered: &Gathered<A>, asked: A) {
        let Some(worker) = gathered.queue(asked) else { return };
        let store = self.clone();
        tokio::spawn(async move {
            let (pool, target) = (store.pool.clone(), store.target.clone());
            let run = move || {
                worker.run(&pool, &target);
                Ok(())
            };
            let _: Result<(), Error> = store.in_turn(run).await;
        });
    }
}
