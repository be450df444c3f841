//! The only room that names diesel: pools, statements, index rows, rights, traces; SQLite and PostgreSQL alike.

pub mod brought;
pub mod bulk;
pub mod content;
mod error;
mod gather;
pub mod history;
pub mod identity;
pub mod import;
mod law;
pub mod notice;
mod pool;
mod predicate;
pub mod read;
mod rows;
pub mod search;
mod sql;
mod start;
pub mod statistics;
mod together;
pub mod trace;
mod trace_predicate;
pub mod write;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, oneshot};
use tokio::task::spawn_blocking;

pub use brought::Brought;
pub use bulk::Known;
pub use error::{Error, Retry};
pub use history::{Asked, Past, Written};
pub use import::{ImportProgress, Importer};
pub use law::LawRow;
pub use pool::{AnyConnection, Target};
pub use read::{Found, Version};
pub use search::{Followed, Hit, Order, Own, PageRequest, Position, SortKey, Standing, TraceReader};
pub use start::Stamp;
pub use together::Undone;
pub use trace::{StoredTrace, TraceRow, insert_traces};
pub use write::{HolderBy, NewResource};

use pool::Manager;
use writer::{Job, Writer, write_job};

/// Connections that read, and on PostgreSQL write too.
const POOL_SIZE: u32 = 8;
/// How long a request waits for the database in all; then it is away, and what became of a write is not known.
const LIMIT: Duration = Duration::from_secs(10);
/// How often a write is done that others were in the way of: once more than there are connections, so that on one node the last of
/// as many writers of one resource has its turn.
const TRIES: u32 = POOL_SIZE + 1;

static STATEMENTS: AtomicU64 = AtomicU64::new(0);

/// Counts a statement sent to the database.
fn count_statement() {
    STATEMENTS.fetch_add(1, Ordering::Relaxed);
}

/// The database of one server.
#[derive(Clone)]
pub struct Store {
    target: Target,
    pool: r2d2::Pool<Manager>,
    /// As many requests as connections enter the blocking pool; the others wait without a thread.
    turns: Arc<Semaphore>,
    writer: Writer,
    /// On PostgreSQL, the reads by id that wait to be asked together.
    reads: gather::Gathered<gather::Read>,
    /// On PostgreSQL, the new resources that wait to be written together.
    inserts: gather::Gathered<gather::Insert>,
    /// When the statistics of the tables are refreshed next.
    statistics: statistics::Due,
    /// The transaction that all work is done in, where there is one already.
    session: Option<together::Session>,
    /// Keeps a private temporary database until the last use.
    _temporary: Option<Arc<start::Temporary>>,
}

impl Store {
    /// Statements sent so far by this process, for tests and metrics.
    pub fn statements() -> u64 {
        STATEMENTS.load(Ordering::Relaxed)
    }

    /// Commits of shared transactions so far.
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Error::Away`].
    pub async fn ping(&self) -> Result<(), Error> {
        self.run(|connection| Ok(sql::Statement::new("SELECT name FROM stamp").load::<diesel::sql_types::Text, String>(connection)?))
            .await
            .map(|_| ())
    }

    /// Runs a reading function off the async threads; once more on a new connection when the first turns out to be gone.
    ///
    /// # Errors
    /// What the function says, or [`Error::Away`], after ten seconds at the latest.
    pub async fn run<T, F>(&self, mut work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnMut(&mut AnyConnection) -> Result<T, Error> + Send + 'static,
    {
        if let Some(session) = &self.session {
            return session.step(work).await;
        }
        let (pool, target) = (self.pool.clone(), self.target.clone());
        self.in_turn(move || on_a_connection(&pool, &target, &mut work)).await
    }

    /// Runs a writing function in one transaction and returns after its commit; an error rolls all of it back. Where other writers
    /// were in the way it is run again, so it must leave what it was given as it is.
    ///
    /// # Errors
    /// What the function says; [`Error::Away`] when the commit failed or could not be known, after ten seconds at the latest.
    pub async fn write<T, E, F>(&self, mut work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Retry + Send + 'static,
        F: FnMut(&mut AnyConnection) -> Result<T, E> + Send + 'static,
    {
        if let Some(session) = &self.session {
            return session.step(work).await;
        }
        let done = match &self.target {
            // One writer at a time: nobody is in the way.
            Target::Sqlite(_) => {
                let (answer, result) = oneshot::channel();
                self.writer.queue(Job::Write(write_job(work, answer)))?;
                within(async { result.await.map_err(|_| Error::Away)? }).await
            }
            Target::Postgres(_) => {
                let (pool, target) = (self.pool.clone(), self.target.clone());
                self.in_turn(move || {
                    let mut pooled = pool.get().map_err(Error::from)?;
                    let begun = Instant::now();
                    let mut result = writer::alone(&mut pooled.connection, &target, &mut work);
                    for _ in 1..TRIES {
                        if !result.as_ref().is_err_and(Retry::is_busy) || begun.elapsed() > LIMIT / 2 {
                            break;
                        }
                        result = writer::alone(&mut pooled.connection, &target, &mut work);
                    }
                    // After any error the connection is suspect; making a new one costs little beside that.
                    pooled.broken = result.is_err();
                    result
                })
                .await
            }
        };
        self.keep_statistics();
        done
    }

    /// Runs blocking work, at most as many at a time as there are connections. A turn ends with the work, not with the patience of
    /// who waits for it.
    async fn in_turn<T, E>(&self, work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        within(async {
            let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Error::Away)?;
            let done = spawn_blocking(move || {
                let _turn = turn;
                work()
            });
            done.await.map_err(|_| Error::Away)?
        })
        .await
    }

    /// Writes traces in the transaction of what they tell.
    ///
    /// # Errors
    /// [`Error::Away`].
    pub fn trace_within(&self, connection: &mut AnyConnection, rows: Vec<TraceRow>) -> Result<(), Error> {
        match &self.session {
            Some(session) => {
                session.keep(rows);
                Ok(())
            }
            None => insert_traces(connection, &rows),
        }
    }

    /// Commits traces, together with those of other requests.
    ///
    /// # Errors
    /// [`Error::Away`] when they are not durable: then nothing may be disclosed (P2).
    pub async fn trace(&self, rows: Vec<TraceRow>) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        if let Some(session) = &self.session {
            session.keep(rows);
            return Ok(());
        }
        let (answer, result) = oneshot::channel();
        self.writer.queue(Job::Traces(rows, answer))?;
        within(async { result.await.map_err(|_| Error::Away)? }).await
    }
}

/// Runs a reading function; once more on a new connection when the first turns out to be gone.
fn on_a_connection<T>(
    pool: &r2d2::Pool<Manager>,
    target: &Target,
    mut work: impl FnMut(&mut AnyConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut pooled = pool.get()?;
    match work(&mut pooled.connection) {
        Err(Error::Away) => {
            // Its neighbours in the pool may be as dead: the second try has a connection made for it.
            pooled.connection = target.connect(matches!(target, Target::Sqlite(_)))?;
            let again = work(&mut pooled.connection);
            pooled.broken = matches!(again, Err(Error::Away));
            again
        }
        other => other,
    }
}

/// The result, or [`Error::Away`] after [`LIMIT`].
async fn within<T, E: From<Error>>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    tokio::time::timeout(LIMIT, work).await.unwrap_or_else(|_| Err(Error::Away.into()))
}
