//! The only room that names diesel: pools, statements, index rows, rights, traces; SQLite and PostgreSQL alike.

mod error;
mod pool;
mod predicate;
pub mod read;
pub mod search;
mod sql;
mod start;
pub mod trace;
pub mod write;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Semaphore, oneshot};
use tokio::task::spawn_blocking;

pub use error::Error;
pub use pool::{AnyConnection, Target};
pub use read::{Found, Version};
pub use search::{Hit, Order, PageRequest, Standing, TraceReader};
pub use start::Stamp;
pub use trace::{StoredTrace, TraceRow, insert_traces};
pub use write::{HolderBy, NewResource};

use pool::Manager;
use writer::{Job, Writer, write_job};

/// Connections that read, and on PostgreSQL write too.
const POOL_SIZE: u32 = 8;

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
    /// What the function says, or [`Error::Away`].
    pub async fn run<T, F>(&self, mut work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnMut(&mut AnyConnection) -> Result<T, Error> + Send + 'static,
    {
        let _turn = self.turns.acquire().await.map_err(|_| Error::Away)?;
        let (pool, target) = (self.pool.clone(), self.target.clone());
        spawn_blocking(move || {
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
        })
        .await
        .map_err(|_| Error::Away)?
    }

    /// Runs a writing function in one transaction and returns after its commit; an error rolls all of it back.
    ///
    /// # Errors
    /// What the function says, or [`Error::Away`] when the commit failed or could not be known.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut AnyConnection) -> Result<T, E> + Send + 'static,
    {
        match &self.target {
            Target::Sqlite(_) => {
                let (answer, result) = oneshot::channel();
                self.writer.queue(Job::Write(write_job(work, answer)))?;
                result.await.map_err(|_| Error::Away)?
            }
            Target::Postgres(_) => {
                let _turn = self.turns.acquire().await.map_err(|_| Error::Away)?;
                let (pool, target) = (self.pool.clone(), self.target.clone());
                let done = spawn_blocking(move || {
                    let mut pooled = pool.get().map_err(Error::from)?;
                    let result = writer::alone(&mut pooled.connection, &target, work);
                    // After any error the connection is suspect; making a new one costs little beside that.
                    pooled.broken = result.is_err();
                    result
                });
                done.await.map_err(|_| Error::Away)?
            }
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
        let (answer, result) = oneshot::channel();
        self.writer.queue(Job::Traces(rows, answer))?;
        result.await.map_err(|_| Error::Away)?
    }
}
