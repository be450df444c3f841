//! Reads that arrive while others are under way are asked together, in one statement: on PostgreSQL a round trip costs more than what
//! it brings. Nobody waits for company: whoever comes first goes at once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::error::Error;
use super::pool::{AnyConnection, Manager, Target};
use super::read::{Found, read, read_each};
use super::{Store, on_a_connection, within};
use crate::fhir::ResourceType;
use crate::policy::Scope;

/// How many reads share a statement at most: each number has a text, and a plan, of its own.
const TOGETHER_MAX: usize = 8;
/// How many statements of reads are under way at most; they leave most connections to searches and writes.
const UNDER_WAY_MAX: usize = 2;

type Answer = Result<Option<Found>, Error>;

/// A read, and who waits for it.
struct Asked {
    scope: Scope,
    id: String,
    answer: oneshot::Sender<Answer>,
}

/// The reads of one server that nobody has begun.
#[derive(Clone, Default)]
pub struct Gathered {
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    reads: VecDeque<Asked>,
    under_way: usize,
}

impl Gathered {
    /// Queues a read; somebody to do it, unless enough are at it already.
    fn queue(&self, asked: Asked) -> Option<Reader> {
        let mut waiting = self.lock();
        waiting.reads.push_back(asked);
        if waiting.under_way == UNDER_WAY_MAX {
            return None;
        }
        waiting.under_way += 1;
        Some(Reader { gathered: self.clone(), ended: false })
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who does reads until none is left.
struct Reader {
    gathered: Gathered,
    ended: bool,
}

impl Reader {
    /// Those to do next. None is the end: it is told under the same lock, so that whoever comes after finds nobody at it.
    fn next(&mut self) -> Vec<Asked> {
        let mut waiting = self.gathered.lock();
        let shape = waiting.reads.front().map(Asked::shape);
        let count = waiting.reads.iter().take(TOGETHER_MAX).take_while(|asked| Some(asked.shape()) == shape).count();
        if count == 0 {
            waiting.under_way -= 1;
            self.ended = true;
        }
        waiting.reads.drain(..count).filter(|asked| !asked.answer.is_closed()).collect()
    }

    fn run(mut self, pool: &r2d2::Pool<Manager>, target: &Target) {
        while !self.ended {
            let asked = self.next();
            if asked.is_empty() {
                continue;
            }
            match on_a_connection(pool, target, |connection| together(connection, &asked)) {
                Ok(found) => asked.into_iter().zip(found).for_each(|(asked, found)| asked.tell(found)),
                Err(Error::Away) => asked.into_iter().for_each(|asked| asked.tell(Err(Error::Away))),
                // What is wrong with one is not wrong with its neighbours.
                Err(_) => asked.into_iter().for_each(|asked| {
                    let found = on_a_connection(pool, target, |connection| read(connection, &asked.scope, &asked.id));
                    asked.tell(found);
                }),
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if !self.ended {
            self.gathered.lock().under_way -= 1;
        }
    }
}

impl Asked {
    /// What the text of its statement depends on. Only those of one shape share one: else there would be a text, kept prepared by every
    /// connection, for each order in which callers happen to come.
    fn shape(&self) -> (bool, bool, usize) {
        (self.scope.is_tester(), self.scope.resource() == ResourceType::BINARY, self.scope.actors().len())
    }

    fn tell(self, found: Answer) {
        // Who no longer waits is told nothing.
        let _ = self.answer.send(found);
    }
}

fn together(connection: &mut AnyConnection, asked: &[Asked]) -> Result<Vec<Answer>, Error> {
    let wanted: Vec<_> = asked.iter().map(|asked| (&asked.scope, asked.id.as_str())).collect();
    read_each(connection, &wanted)
}

impl Store {
    /// The resource of this id and the decision of the scope on it; `None` when there is none.
    ///
    /// # Errors
    /// [`Error::Away`], after ten seconds at the latest; [`Error::Corrupt`].
    pub async fn read(&self, scope: Scope, id: &str) -> Answer {
        let id = id.to_owned();
        // SQLite has no round trips, and a transaction has one connection; what follows references is of no other's shape.
        if !scope.links().is_empty() || self.session.is_some() || matches!(self.target, Target::Sqlite(_)) {
            return self.run(move |connection| read(connection, &scope, &id)).await;
        }
        let (answer, result) = oneshot::channel();
        if let Some(reader) = self.gathered.queue(Asked { scope, id, answer }) {
            let store = self.clone();
            tokio::spawn(async move {
                let (pool, target) = (store.pool.clone(), store.target.clone());
                // Those it does not come to are told by their own patience.
                let _: Result<(), Error> = store
                    .in_turn(move || {
                        reader.run(&pool, &target);
                        Ok(())
                    })
                    .await;
            });
        }
        within(async { result.await.map_err(|_| Error::Away)? }).await
    }
}
