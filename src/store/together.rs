//! One transaction that several interactions share: each runs as it does alone, on a store that leads to the one connection.
//!
//! Who leads it is asynchronous, the connection is not: its thread takes one step after the other from a channel. When the leader is
//! gone, by an error or because nobody waits any more, the channel ends and everything is rolled back.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::error::{Error, Retry};
use super::pool::{AnyConnection, Target};
use super::trace::{TraceRow, insert_traces};
use super::writer::{self, Job, write_job};
use super::{LIMIT, Store, TRIES, within};

/// How long a transaction may take in all: on SQLite others write after it.
const TOGETHER: Duration = Duration::from_secs(5);

/// Work on the connection.
type Work = Box<dyn FnOnce(&mut AnyConnection) + Send>;

/// What the thread of the connection is told.
enum Step {
    /// To do something.
    Work(Work),
    /// To write these traces and commit.
    Commit(Vec<TraceRow>),
}

/// The way to the transaction that is open.
#[derive(Clone)]
pub struct Session {
    steps: Sender<Step>,
    /// The traces of what was done so far, written at the end.
    traces: Arc<Mutex<Vec<TraceRow>>>,
}

impl Session {
    /// Runs work on the connection. What fails ends the whole transaction, so that it needs no savepoint.
    pub async fn step<T, E>(&self, mut work: impl FnMut(&mut AnyConnection) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        let step = Step::Work(Box::new(move |connection| {
            let _ = answer.send(work(connection));
        }));
        self.steps.send(step).map_err(|_| Error::Away)?;
        within(async { result.await.map_err(|_| Error::Away)? }).await
    }

    /// Keeps traces until the end.
    pub fn keep(&self, rows: Vec<TraceRow>) {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner).extend(rows);
    }

    /// The traces kept so far.
    fn kept(&self) -> Vec<TraceRow> {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What became of work that failed: nothing of it is stored.
#[derive(Debug)]
pub struct Undone<E> {
    /// Why.
    pub error: E,
    /// The traces it would have left, of what was done and of what failed.
    pub traces: Vec<TraceRow>,
}

impl Store {
    /// Runs asynchronous work in one transaction, on the store it is given, and returns after the commit; an error rolls all of it
    /// back. Where other writers were in the way it is run again; it is told how often it was.
    ///
    /// # Errors
    /// What the work says; [`Error::Away`] when the commit failed or could not be known.
    pub async fn together<T, E, W>(&self, mut work: impl FnMut(Self, u32) -> W) -> Result<T, Undone<E>>
    where
        E: From<Error> + Retry,
        W: Future<Output = Result<T, E>>,
    {
        let begun = Instant::now();
        let mut tries = 0;
        loop {
            let (steps, received) = channel();
            let session = Session { steps, traces: Arc::default() };
            let store = Self { session: Some(session.clone()), ..self.clone() };
            let doing = work(store, tries);
            // The channel ends with its senders: the leader's last one goes when its work is done.
            let led = async move {
                match doing.await {
                    Ok(done) => {
                        let _ = session.steps.send(Step::Commit(session.kept()));
                        Ok(done)
                    }
                    Err(error) => Err(Undone { error, traces: session.kept() }),
                }
            };
            let (served, led) = tokio::join!(self.serve(received), led);
            let done = match (led, served) {
                (Ok(done), Ok(())) => Ok(done),
                (Ok(_), Err(error)) => Err(Undone { error: error.into(), traces: Vec::new() }),
                (Err(undone), _) => Err(undone),
            };
            tries += 1;
            let again = done.as_ref().is_err_and(|undone| undone.error.is_busy()) && tries < TRIES && begun.elapsed() < LIMIT / 2;
            if !again {
                self.keep_statistics();
                return done;
            }
        }
    }

    /// Takes the steps on a connection that writes.
    async fn serve(&self, received: Receiver<Step>) -> Result<(), Error> {
        match &self.target {
            Target::Sqlite(_) => {
                let (answer, result) = oneshot::channel();
                self.writer.queue(Job::Write(write_job(move |connection: &mut AnyConnection| take(connection, &received), answer)))?;
                within(async { result.await.map_err(|_| Error::Away)? }).await
            }
            Target::Postgres(_) => {
                let (pool, target) = (self.pool.clone(), self.target.clone());
                self.in_turn(move || {
                    let mut pooled = pool.get()?;
                    let done = writer::alone(&mut pooled.connection, &target, |connection| take(connection, &received));
                    pooled.broken = done.is_err();
                    done
                })
                .await
            }
        }
    }
}

/// Takes steps until the last; without it nothing is committed.
fn take(connection: &mut AnyConnection, received: &Receiver<Step>) -> Result<(), Error> {
    let begun = Instant::now();
    loop {
        match received.recv_timeout(TOGETHER.saturating_sub(begun.elapsed())) {
            Ok(Step::Work(work)) => work(connection),
            Ok(Step::Commit(traces)) => return insert_traces(connection, &traces),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Err(Error::Away),
        }
    }
}
