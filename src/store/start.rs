//! Opening a database: where it is, which migrations it has, whose stamp it bears.

use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use tokio::sync::Semaphore;

use super::error::Error;
use super::gather::Gathered;
use super::pool::{AnyConnection, Target, pool, with_limits};
use super::sql::Statement;
use super::statistics::Due;
use super::writer::Writer;
use super::{POOL_SIZE, Store};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// For which command a database was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// `ensemble sandbox`.
    Sandbox,
    /// `ensemble serve`.
    Production,
}

impl Stamp {
    fn as_str(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Production => "production",
        }
    }
}

/// A directory that goes when the last store using it goes.
#[derive(Debug)]
pub struct Temporary(std::path::PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // Best effort: a directory left behind in the system's temporary place harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The target of a database URL: `postgres://…`, `sqlite:PATH`, `sqlite::memory:` or a path.
///
/// # Errors
/// [`Error::Other`] for another kind of database, or when the directory cannot be made.
fn target(url: &str) -> Result<(Target, Option<Temporary>), Error> {
    let io = |error: std::io::Error| Error::Other(error.to_string());
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok((Target::Postgres(with_limits(url)), None));
    }
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    let scheme = url.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| *scheme != "sqlite");
    if scheme.is_some_and(|scheme| scheme.len() > 1 && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'-')))
    {
        return Err(Error::Other("a database is `postgres://…`, `sqlite:PATH`, `sqlite::memory:` or a path".to_owned()));
    }
    if path == ":memory:" {
        let directory = std::env::temp_dir().join(format!("ensemble-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&directory).map_err(io)?;
        let file = directory.join("ensemble.db").to_string_lossy().into_owned();
        return Ok((Target::Sqlite(file), Some(Temporary(directory))));
    }
    if let Some(parent) = std::path::Path::new(path).parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(io)?;
    }
    Ok((Target::Sqlite(path.to_owned()), None))
}

impl Store {
    /// Opens a database, migrates it where that is asked, and checks or sets its stamp.
    ///
    /// # Errors
    /// [`Error::Away`], [`Error::Stamp`] for another command's database or a pending migration.
    pub fn open(url: &str, stamp: Option<Stamp>, migrate: bool) -> Result<Self, Error> {
        let (target, temporary) = target(url)?;
        let mut connection = target.connect(false)?;
        if let (Some(stamp), Ok(found)) = (stamp, stamped(&mut connection)) {
            // Before anything of another's is changed.
            found.map_or(Ok(()), |found| expect(stamp, &found))?;
        }
        prepare(&mut connection, migrate)?;
        if let Some(stamp) = stamp {
            check_stamp(&mut connection, stamp)?;
        }
        let writer = Writer::start(&target)?;
        let turns = Arc::new(Semaphore::new(usize::try_from(POOL_SIZE).unwrap_or(1)));
        let read_only = matches!(target, Target::Sqlite(_));
        let pool = pool(&target, POOL_SIZE, read_only);
        let (reads, inserts, temporary) = (Gathered::default(), Gathered::default(), temporary.map(Arc::new));
        Ok(Self { pool, target, turns, writer, reads, inserts, statistics: Due::from_now(), session: None, _temporary: temporary })
    }
}

fn prepare(connection: &mut AnyConnection, migrate: bool) -> Result<(), Error> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| Error::Other(format!("migration: {error}"));
    if let (AnyConnection::Postgres(postgres), true) = (&mut *connection, migrate) {
        // A migration may take its time.
        postgres.batch_execute("SET statement_timeout = 0")?;
    }
    let pending = match connection {
        AnyConnection::Sqlite(sqlite) if migrate => sqlite.run_pending_migrations(SQLITE).map(|_| false),
        AnyConnection::Postgres(postgres) if migrate => postgres.run_pending_migrations(POSTGRES).map(|_| false),
        AnyConnection::Sqlite(sqlite) => sqlite.has_pending_migration(SQLITE),
        AnyConnection::Postgres(postgres) => postgres.has_pending_migration(POSTGRES),
    };
    if pending.map_err(failed)? {
        return Err(Error::Stamp("the database is not migrated: run `ensemble migrate`".to_owned()));
    }
    Ok(())
}

fn check_stamp(connection: &mut AnyConnection, stamp: Stamp) -> Result<(), Error> {
    let mut insert = Statement::new("INSERT INTO stamp (name, value) VALUES ('environment', ");
    insert.text(stamp.as_str()).sql(") ON CONFLICT (name) DO NOTHING");
    insert.execute(connection)?;
    expect(stamp, stamped(connection)?.as_deref().unwrap_or("nothing"))
}

/// The stamp, once there is one.
fn stamped(connection: &mut AnyConnection) -> Result<Option<String>, Error> {
    let select = Statement::new("SELECT value FROM stamp WHERE name = 'environment'");
    Ok(select.load::<Text, String>(connection)?.into_iter().next())
}

fn expect(stamp: Stamp, found: &str) -> Result<(), Error> {
    if found == stamp.as_str() {
        return Ok(());
    }
    Err(Error::Stamp(format!("the database is stamped `{found}`, this command needs `{}`", stamp.as_str())))
}

impl Store {
    /// The stamp of the database.
    ///
    /// # Errors
    /// [`Error::Away`].
    pub fn stamp(&self) -> Result<Option<String>, Error> {
        stamped(&mut self.target.connect(true)?)
    }

    /// Notes for ever that this was done.
    ///
    /// # Errors
    /// [`Error::Away`].
    pub async fn note_done(&self, what: &'static str) -> Result<(), Error> {
        let noted = self.write(move |connection| {
            let mut insert = Statement::new("INSERT INTO stamp (name, value) VALUES (");
            insert.text(what).sql(", 'done') ON CONFLICT (name) DO NOTHING");
            Ok::<_, Error>(insert.execute(connection).map(|_| ())?)
        });
        noted.await
    }

    /// Whether this was noted as done.
    ///
    /// # Errors
    /// [`Error::Away`].
    pub async fn is_done(&self, what: &'static str) -> Result<bool, Error> {
        let found = self.run(move |connection| {
            let mut select = Statement::new("SELECT value FROM stamp WHERE name = ");
            select.text(what);
            Ok(select.load::<Text, String>(connection)?)
        });
        Ok(!found.await?.is_empty())
    }

    /// Refuses a database that acknowledges what it may lose (P3).
    ///
    /// # Errors
    /// [`Error::Stamp`] for PostgreSQL with `synchronous_commit = off`.
    pub fn require_durable(&self) -> Result<(), Error> {
        let Target::Postgres(_) = self.target else { return Ok(()) };
        let mut connection = self.target.connect(true)?;
        let shown = Statement::new("SELECT current_setting('synchronous_commit')").load::<Text, String>(&mut connection)?;
        match shown.first().map(String::as_str) {
            Some("off") | None => Err(Error::Stamp("synchronous_commit is off: what is acknowledged could be lost".to_owned())),
            Some(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_databases_are_opened() {
        let rows = [
            ("postgres://u:p@h/x", "postgres"),
            ("postgresql://h/x", "postgres"),
            ("sqlite:x.db", "sqlite"),
            ("x.db", "sqlite"),
            ("./a:b.db", "sqlite"),
            ("mysql://x/y", "refused"),
            ("mysql:x", "refused"),
            ("http://x/y.db", "refused"),
            ("Postgres://h/x", "refused"),
        ];
        for (url, expected) in rows {
            let found = target(url).map_or("refused".to_owned(), |(target, _)| format!("{target:?}"));
            assert_eq!(found, expected, "{url}");
        }
        assert!(!std::path::Path::new("mysql:").exists());
    }
}
