//! The threads that commit. SQLite: one thread owns the writing connection; every write is a savepoint in a commit it shares with
//! other writes, new resources and traces. PostgreSQL: one thread commits the traces of many requests at once; writes have transactions of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use diesel::Connection as _;
use diesel::connection::{AnsiTransactionManager, TransactionManager};
use tokio::sync::oneshot;

use super::bulk::insert_many;
use super::error::Error;
use super::gather::Insert;
use super::pool::{AnyConnection, Target};
use super::trace::{TraceRow, insert_traces};
use super::write::NewResource;

/// Called after the commit that held the job, with what became of it.
type Completion = Box<dyn FnOnce(Result<(), Error>) + Send>;
/// A write: runs in a savepoint, or where it is told that it is alone in the transaction itself; tells whether it went well, and what to
/// do after the commit.
pub type Write = Box<dyn FnOnce(&mut AnyConnection, bool) -> (bool, Completion) + Send>;

/// Something to commit.
pub enum Job {
    /// A write.
    Write(Write),
    /// A new resource.
    Insert(Box<Insert>),
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
        // What is dropped drops the sender its requester waits on, which reads as `Away`.
    }
}

/// Commits a batch; false when the connection is of no more use.
fn commit(connection: &mut AnyConnection, target: &Target, batch: Vec<Job>, commits: &AtomicU64) -> bool {
    if begin(connection, target).is_err() {
        refuse(batch);
        return false;
    }
    let mut completions: Vec<Completion> = Vec::with_capacity(batch.len());
    let (mut new, mut who_inserts): (Vec<NewResource>, Vec<_>) = (Vec::new(), Vec::new());
    let (mut traces, mut who_traces): (Vec<Vec<TraceRow>>, Vec<_>) = (Vec::new(), Vec::new());
    // A savepoint keeps a copy of every page it changes: who shares the transaction with nobody needs none.
    let single = batch.len() == 1;
    for job in batch {
        match job {
            Job::Write(write) => {
                let (well, completion) = write(connection, single);
                if single && !well {
                    let undone = end(connection, false).is_ok();
                    completion(if undone { Ok(()) } else { Err(Error::Away) });
                    return undone;
                }
                completions.push(completion);
            }
            // Who waited was told that the database is away, and may have asked again; nothing was disclosed.
            Job::Insert(insert) if insert.answer.is_closed() => {}
            Job::Traces(_, waiting) if waiting.is_closed() => {}
            Job::Insert(insert) => {
                new.push(insert.new);
                who_inserts.push(insert.answer);
            }
            Job::Traces(rows, waiting) => {
                traces.push(rows);
                who_traces.push(waiting);
            }
        }
    }
    let mut written = || {
        let first = completions.is_empty();
        let inserted = together(connection, target, &new, first, insert_many)?;
        let of_all = |connection: &mut AnyConnection, traces: &[Vec<TraceRow>]| insert_traces(connection, traces.iter().flatten());
        Ok((inserted, together(connection, target, &traces, first && new.is_empty(), of_all)?))
    };
    let done: Result<_, Error> = match written() {
        Ok(each) => end(connection, true).map(|()| each),
        Err(error) => {
            let _ = end(connection, false);
            Err(error)
        }
    };
    let committed = done.is_ok();
    if committed {
        commits.fetch_add(1, Ordering::Relaxed);
    }
    completions.into_iter().for_each(|complete| complete(if committed { Ok(()) } else { Err(Error::Away) }));
    let (inserted, traced) = done.unwrap_or_default();
    // Who no longer waits is told nothing; who is not told reads `Away`.
    for ((answer, new), done) in who_inserts.into_iter().zip(new).zip(inserted) {
        let _ = answer.send(done.map(|()| new));
    }
    for (waiting, done) in who_traces.into_iter().zip(traced) {
        let _ = waiting.send(done);
    }
    committed
}

/// Inserts what many requests bring at once. Where that fails it is inserted request by request, so that a bad one is refused alone;
/// the result of each, in order. `first`: nothing else was done in the transaction.
///
/// # Errors
/// [`Error::Away`]: none can be inserted.
fn together<R>(
    connection: &mut AnyConnection,
    target: &Target,
    requests: &[R],
    first: bool,
    insert: impl Fn(&mut AnyConnection, &[R]) -> Result<(), Error>,
) -> Result<Vec<Result<(), Error>>, Error> {
    if requests.is_empty() {
        return Ok(Vec::new());
    }
    let done = if first {
        // Beginning the transaction again, where it has to be, spares every other one a savepoint.
        insert(connection, requests).or_else(|error| {
            end(connection, false)?;
            begin(connection, target)?;
            Err(error)
        })
    } else {
        transaction(connection, |connection| insert(connection, requests))
    };
    match done {
        Ok(()) => return Ok(requests.iter().map(|_| Ok(())).collect()),
        Err(Error::Away) => return Err(Error::Away),
        Err(_) => {}
    }
    let alone = |request: &R| match transaction(connection, |connection| insert(connection, std::slice::from_ref(request))) {
        Err(Error::Away) => Err(Error::Away),
        done => Ok(done),
    };
    requests.iter().map(alone).collect()
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
pub fn transaction<T, E: From<Error>>(
    connection: &mut AnyConnection,
    work: impl FnOnce(&mut AnyConnection) -> Result<T, E>,
) -> Result<T, E> {
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
    Box::new(move |connection, single| {
        // Who waited was told that the database is away, and may have asked again.
        let result = match (answer.is_closed(), single) {
            (true, _) => Err(Error::Away.into()),
            (false, true) => work(connection),
            (false, false) => transaction(connection, work),
        };
        let well = result.is_ok();
        let completion: Completion = {
            Box::new(move |committed| {
                let _ = answer.send(match committed {
                    Ok(()) => result,
                    Err(error) => result.and(Err(error.into())),
                });
            })
        };
        (well, completion)
    })
}
