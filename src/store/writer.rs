//! The threads that commit. SQLite: one thread owns the writing connection; every write is a savepoint in a commit it shares with
//! other writes and traces. PostgreSQL: one thread commits the traces of many requests at once; writes have transactions of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use diesel::Connection as _;
use diesel::connection::{AnsiTransactionManager, TransactionManager};
use tokio::sync::oneshot;

use super::error::Error;
use super::pool::{AnyConnection, Target};
use super::trace::{TraceRow, insert_traces};

/// Called after the commit that held the job, with what became of it.
type Completion = Box<dyn FnOnce(Result<(), Error>) + Send>;
/// A write: runs in a savepoint and returns what to do after the commit.
pub type Write = Box<dyn FnOnce(&mut AnyConnection) -> Completion + Send>;

/// Something to commit.
pub enum Job {
    /// A write.
    Write(Write),
    /// Traces, and who waits for them.
    Traces(Vec<TraceRow>, oneshot::Sender<Result<(), Error>>),
}

/// How many jobs share one commit at most.
const JOBS_PER_COMMIT_MAX: usize = 256;

/// The way to the committing thread.
#[derive(Clone)]
pub struct Writer {
    queue: Sender<Job>,
    commits: Arc<AtomicU64>,
}

impl Writer {
    /// Starts the thread; it ends when the last `Writer` is dropped.
    ///
    /// # Errors
    /// [`Error::Other`] when the system gives no thread.
    pub fn start(target: &Target) -> Result<Self, Error> {
        let (queue, jobs) = channel();
        let commits = Arc::new(AtomicU64::new(0));
        let (target, counter) = (target.clone(), Arc::clone(&commits));
        let run = move || run(&target, &jobs, &counter);
        thread::Builder::new().name("commit".into()).spawn(run).map_err(|error| Error::Other(error.to_string()))?;
        Ok(Self { queue, commits })
    }

    /// Queues a job.
    ///
    /// # Errors
    /// [`Error::Away`] when the thread has ended.
    pub fn queue(&self, job: Job) -> Result<(), Error> {
        self.queue.send(job).map_err(|_| Error::Away)
    }

    /// Commits so far.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }
}

fn run(target: &Target, jobs: &Receiver<Job>, commits: &AtomicU64) {
    let mut connection: Option<AnyConnection> = None;
    while let Ok(first) = jobs.recv() {
        let batch: Vec<Job> = std::iter::once(first).chain(jobs.try_iter().take(JOBS_PER_COMMIT_MAX - 1)).collect();
        if connection.is_none() {
            connection = target.connect(false).ok();
        }
        let usable = match connection.as_mut() {
            Some(open) => commit(open, target, batch, commits),
            None => {
                refuse(batch);
                false
            }
        };
        if !usable {
            connection = None;
        }
    }
}

/// Nobody waits for an answer that cannot come.
fn refuse(batch: Vec<Job>) {
    for job in batch {
        if let Job::Traces(_, waiting) = job {
            let _ = waiting.send(Err(Error::Away));
        }
        // A dropped write drops the sender its requester waits on, which reads as `Away`.
    }
}

/// Commits a batch; false when the connection is of no more use.
fn commit(connection: &mut AnyConnection, target: &Target, batch: Vec<Job>, commits: &AtomicU64) -> bool {
    let mut completions: Vec<Completion> = Vec::with_capacity(batch.len());
    let mut traces: Vec<TraceRow> = Vec::new();
    let mut waiting = Vec::new();
    if begin(connection, target).is_err() {
        refuse(batch);
        return false;
    }
    for job in batch {
        match job {
            Job::Write(write) => completions.push(write(connection)),
            Job::Traces(rows, sender) => {
                traces.extend(rows);
                waiting.push(sender);
            }
        }
    }
    let written = insert_traces(connection, &traces);
    let done = match written {
        Ok(()) => end(connection, true),
        Err(error) => {
            let _ = end(connection, false);
            Err(error)
        }
    };
    let committed = done.is_ok();
    if committed {
        commits.fetch_add(1, Ordering::Relaxed);
    }
    let result = || if committed { Ok(()) } else { Err(Error::Away) };
    completions.into_iter().for_each(|complete| complete(result()));
    for sender in waiting {
        let _ = sender.send(result());
    }
    committed
}

/// Begins a transaction, on a new connection when this one turns out to be gone.
fn begin(connection: &mut AnyConnection, target: &Target) -> Result<(), Error> {
    fn try_begin(connection: &mut AnyConnection) -> Result<(), Error> {
        let begun = match connection {
            AnyConnection::Sqlite(sqlite) => AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE"),
            AnyConnection::Postgres(postgres) => AnsiTransactionManager::begin_transaction(postgres),
        };
        Ok(begun?)
    }
    if try_begin(connection).is_ok() {
        return Ok(());
    }
    *connection = target.connect(false)?;
    try_begin(connection)
}

/// Commits or rolls back what [`begin`] began.
fn end(connection: &mut AnyConnection, commit: bool) -> Result<(), Error> {
    let ended = match (connection, commit) {
        (AnyConnection::Sqlite(sqlite), true) => AnsiTransactionManager::commit_transaction(sqlite),
        (AnyConnection::Sqlite(sqlite), false) => AnsiTransactionManager::rollback_transaction(sqlite),
        (AnyConnection::Postgres(postgres), true) => AnsiTransactionManager::commit_transaction(postgres),
        (AnyConnection::Postgres(postgres), false) => AnsiTransactionManager::rollback_transaction(postgres),
    };
    Ok(ended?)
}

/// Runs a function in a transaction of its own.
///
/// # Errors
/// What the function says, or [`Error`] for the transaction itself.
pub fn alone<T, E: From<Error>>(
    connection: &mut AnyConnection,
    target: &Target,
    work: impl FnOnce(&mut AnyConnection) -> Result<T, E>,
) -> Result<T, E> {
    begin(connection, target)?;
    match work(connection) {
        Ok(done) => end(connection, true).map(|()| done).map_err(E::from),
        Err(error) => {
            let _ = end(connection, false);
            Err(error)
        }
    }
}

/// Runs a function in a transaction, or in a savepoint of the one that is open.
///
/// # Errors
/// What the function says, or [`Error`] for the transaction itself.
fn transaction<T, E: From<Error>>(connection: &mut AnyConnection, work: impl FnOnce(&mut AnyConnection) -> Result<T, E>) -> Result<T, E> {
    /// Either the work failed or the transaction around it.
    enum Failed<E> {
        Work(E),
        Around(diesel::result::Error),
    }
    impl<E> From<diesel::result::Error> for Failed<E> {
        fn from(error: diesel::result::Error) -> Self {
            Self::Around(error)
        }
    }
    connection.transaction(|connection| work(connection).map_err(Failed::Work)).map_err(|failed| match failed {
        Failed::Work(error) => error,
        Failed::Around(error) => Error::from(error).into(),
    })
}

/// Turns a function into a queued write whose result arrives after the commit.
pub fn write_job<T, E, F>(work: F, answer: oneshot::Sender<Result<T, E>>) -> Write
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
    F: FnOnce(&mut AnyConnection) -> Result<T, E> + Send + 'static,
{
    Box::new(move |connection| {
        let result = transaction(connection, work);
        Box::new(move |committed| {
            let _ = answer.send(match committed {
                Ok(()) => result,
                Err(error) => result.and(Err(error.into())),
            });
        })
    })
}
