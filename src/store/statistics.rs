//! What the planner knows of the tables, refreshed as they grow: of those that grew from nothing it knows nothing (DESIGN 4).
//!
//! PostgreSQL looks after itself, but a minute late, when a load may be over; SQLite never does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use diesel::connection::SimpleConnection;

use super::Store;
use super::bulk::INDEXES;
use super::error::Error;
use super::pool::AnyConnection;

/// Resources written before the first time.
pub const FIRST: u64 = 1000;
/// How often as many as at the last time must have been written for the next.
pub const GROWTH: u64 = 8;

static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// Counts resources that are being written.
pub fn count(resources: usize) {
    WRITTEN.fetch_add(u64::try_from(resources).unwrap_or(0), Ordering::Relaxed);
}

/// When the next time is, by the number of resources that this process has written.
#[derive(Clone)]
pub struct Due(Arc<AtomicU64>);

impl Due {
    /// From now on.
    pub fn from_now() -> Self {
        Self(Arc::new(AtomicU64::new(WRITTEN.load(Ordering::Relaxed) + FIRST)))
    }

    /// Whether it is time; true for one only of those who ask at once.
    fn is_now(&self) -> bool {
        let (written, due) = (WRITTEN.load(Ordering::Relaxed), self.0.load(Ordering::Relaxed));
        written >= due && self.0.compare_exchange(due, written.saturating_mul(GROWTH), Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Refreshes them.
///
/// # Errors
/// [`Error::Away`].
pub fn refresh(connection: &mut AnyConnection) -> Result<(), Error> {
    match connection {
        AnyConnection::Postgres(postgres) => {
            let tables = INDEXES.join(", ");
            postgres.batch_execute(&format!(
                "SET LOCAL statement_timeout = 0; ANALYZE locator, resource, resource_version, access_right, audit_event, {tables}"
            ))?;
        }
        AnyConnection::Sqlite(sqlite) => sqlite.batch_execute("PRAGMA analysis_limit = 1000; ANALYZE")?,
    }
    Ok(())
}

impl Store {
    /// Refreshes the statistics in the background, where it is time to. Nobody waits for it; what fails is done the next time.
    pub(super) fn keep_statistics(&self) {
        if self.statistics.is_now() {
            let store = self.clone();
            tokio::spawn(async move { store.write::<_, Error, _>(refresh).await });
        }
    }
}
