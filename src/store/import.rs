//! What `ensemble import` needs beyond a server: a connection of its own, commits of many resources with the place they come to,
//! statistics at the end.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, SmallInt, Text};

use super::error::{Error, Retry};
use super::pool::{AnyConnection, Target};
use super::sql::Statement;
use super::{Store, TRIES, statistics, writer};

/// How long a commit waits for its turn where a server writes too, milliseconds.
const PATIENCE_MS: u64 = 60_000;
/// Pages of the write-ahead log of SQLite after which it is taken over: 64 MiB, so that a page written often is taken over once.
const CHECKPOINT_PAGES: u32 = 16_384;
/// How long others may write after a commit, of the time it took, where somebody else uses the same SQLite file: those who wait for
/// its one lock look every now and then, a tenth of a second apart at most.
const OTHERS_TURN: u32 = 2;
/// And how long at most.
const OTHERS_TURN_MAX: Duration = Duration::from_millis(120);

/// How far a file has been imported, and what became of what was in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportProgress {
    /// SHA-256 of the file.
    pub digest: String,
    /// Its name, for people.
    pub name: String,
    /// Lines that are done, or 1 for a file that is one resource.
    pub items: i64,
    /// Whether the whole file is done.
    pub done: bool,
    /// Created, updated, unchanged, deleted, rejected.
    pub counts: [i64; 5],
}

/// The connection an import writes by.
pub struct Importer {
    connection: AnyConnection,
    target: Target,
    /// Whether somebody else uses the same file.
    shared: bool,
    /// What SQLite says of the last change by others.
    seen: i64,
}

impl Store {
    /// A connection for an import.
    ///
    /// # Errors
    /// [`Error::Away`].
    pub fn importer(&self) -> Result<Importer, Error> {
        let shared = self.target.is_used_by_others();
        let mut connection = self.target.connect(false)?;
        match &mut connection {
            AnyConnection::Postgres(postgres) => {
                postgres.batch_execute(&format!("SET statement_timeout = {PATIENCE_MS}"))?;
            }
            AnyConnection::Sqlite(sqlite) => {
                sqlite.batch_execute(&format!(
                    "PRAGMA busy_timeout = {PATIENCE_MS}; PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}; PRAGMA cache_size = -65536"
                ))?;
            }
        }
        let mut importer = Importer { connection, target: self.target.clone(), shared, seen: 0 };
        importer.seen = importer.changes_of_others()?;
        Ok(importer)
    }

    /// How far the file of this digest has been imported.
    ///
    /// # Errors
    /// [`Error::Away`].
    pub fn import_progress(&self, digest: &str) -> Result<Option<ImportProgress>, Error> {
        let mut select =
            Statement::new("SELECT name, items, done, created, updated, unchanged, deleted, rejected FROM import_source WHERE digest = ");
        select.text(digest);
        type Columns = (Text, BigInt, SmallInt, BigInt, BigInt, BigInt, BigInt, BigInt);
        let rows: Vec<(String, i64, i16, i64, i64, i64, i64, i64)> = select.load::<Columns, _>(&mut self.target.connect(true)?)?;
        Ok(rows.into_iter().next().map(|(name, items, done, created, updated, unchanged, deleted, rejected)| ImportProgress {
            digest: digest.to_owned(),
            name,
            items,
            done: done != 0,
            counts: [created, updated, unchanged, deleted, rejected],
        }))
    }
}

impl Target {
    /// Whether another process, or connection of this one, has the SQLite file open: then nobody can have it alone.
    fn is_used_by_others(&self) -> bool {
        let Self::Sqlite(path) = self else { return false };
        let alone = diesel::Connection::establish(path).ok().is_some_and(|mut probe: diesel::SqliteConnection| {
            probe.batch_execute("PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; SELECT name FROM stamp").is_ok()
        });
        !alone
    }
}

impl Importer {
    /// Runs a function in one transaction; again from its beginning where other writers were in the way.
    ///
    /// # Errors
    /// What the function says; [`Error::Away`] when the commit failed or could not be known.
    pub fn commit<T, E>(&mut self, mut work: impl FnMut(&mut AnyConnection) -> Result<T, E>) -> Result<T, E>
    where
        E: From<Error> + Retry,
    {
        let begun = Instant::now();
        let mut result = writer::alone(&mut self.connection, &self.target, &mut work);
        for _ in 1..TRIES {
            if !result.as_ref().is_err_and(Retry::is_busy) {
                break;
            }
            result = writer::alone(&mut self.connection, &self.target, &mut work);
        }
        self.give_way(begun.elapsed());
        result
    }

    /// Lets whoever else writes to the same SQLite file have a turn.
    fn give_way(&mut self, held: Duration) {
        if matches!(self.target, Target::Postgres(_)) {
            return;
        }
        let seen = self.changes_of_others().unwrap_or(self.seen);
        self.shared |= seen != self.seen;
        self.seen = seen;
        if self.shared {
            std::thread::sleep((held / OTHERS_TURN).min(OTHERS_TURN_MAX));
        }
    }

    /// A number that is another one once others have changed the file; always the same on PostgreSQL.
    fn changes_of_others(&mut self) -> Result<i64, Error> {
        match &self.connection {
            AnyConnection::Postgres(_) => Ok(0),
            AnyConnection::Sqlite(_) => {
                let select = Statement::new("SELECT data_version FROM pragma_data_version");
                Ok(select.load::<BigInt, i64>(&mut self.connection)?.into_iter().next().unwrap_or(0))
            }
        }
    }

    /// Forgets that a file was imported.
    ///
    /// # Errors
    /// [`Error::Away`].
    pub fn forget(&mut self, digest: &str) -> Result<(), Error> {
        self.commit(|connection| {
            let mut delete = Statement::new("DELETE FROM import_source WHERE digest = ");
            delete.text(digest);
            Ok(delete.execute(connection).map(|_| ())?)
        })
    }

    /// Refreshes what the planner knows of the tables.
    ///
    /// # Errors
    /// [`Error::Away`].
    pub fn analyze(&mut self) -> Result<(), Error> {
        self.commit(statistics::refresh)
    }

    /// The same at the end; SQLite takes its log over into the file, as far as readers let it.
    ///
    /// # Errors
    /// [`Error::Away`].
    pub fn finish(&mut self) -> Result<(), Error> {
        self.analyze()?;
        if let AnyConnection::Sqlite(sqlite) = &mut self.connection {
            sqlite.batch_execute("PRAGMA busy_timeout = 2000; PRAGMA wal_checkpoint(TRUNCATE)")?;
        }
        Ok(())
    }
}

/// Runs a function in a savepoint of the transaction that is open.
///
/// # Errors
/// What the function says.
pub fn savepoint<T, E: From<Error>>(connection: &mut AnyConnection, work: impl FnOnce(&mut AnyConnection) -> Result<T, E>) -> Result<T, E> {
    writer::transaction(connection, work)
}

/// Notes how far a file has come, in the transaction of what was stored; `before` is how far it had.
///
/// # Errors
/// [`Error::Stamp`] when somebody else imports the same file.
pub fn note_import(connection: &mut AnyConnection, progress: &ImportProgress, before: i64, now: i64) -> Result<(), Error> {
    let mut upsert = Statement::new(
        "INSERT INTO import_source (digest, name, items, done, created, updated, unchanged, deleted, rejected, changed) VALUES (",
    );
    upsert.text(&progress.digest).sql(", ").text(&progress.name).sql(", ").big(progress.items).sql(", ");
    upsert.small(i16::from(progress.done));
    for count in progress.counts {
        upsert.sql(", ").big(count);
    }
    upsert.sql(", ").big(now).sql(
        ") ON CONFLICT (digest) DO UPDATE SET name = excluded.name, items = excluded.items, done = excluded.done, created = excluded.created, \
         updated = excluded.updated, unchanged = excluded.unchanged, deleted = excluded.deleted, rejected = excluded.rejected, \
         changed = excluded.changed WHERE import_source.done = 0 AND import_source.items = ",
    );
    upsert.big(before);
    match upsert.execute(connection)? {
        1 => Ok(()),
        _ => Err(Error::Stamp(format!("{} is being imported by somebody else", progress.name))),
    }
}
