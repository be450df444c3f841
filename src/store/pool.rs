//! Connections: small pools, no ping per check-out, broken ones thrown away.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection as _, PgConnection, SqliteConnection};

use super::error::Error;

/// A connection to either database.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    /// PostgreSQL 15 or later.
    Postgres(PgConnection),
    /// The embedded SQLite.
    Sqlite(SqliteConnection),
}

/// The backend behind [`AnyConnection`].
pub type Backend = <AnyConnection as diesel::Connection>::Backend;

/// Which database, and where.
#[derive(Clone)]
pub enum Target {
    /// `postgres://…`
    Postgres(String),
    /// The path of a file.
    Sqlite(String),
}

/// The URL of a database may hold a password: it never prints.
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Postgres(_) => "postgres",
            Self::Sqlite(_) => "sqlite",
        })
    }
}

/// How long a SQLite connection waits for a lock, and a request for a connection.
const PATIENCE_MS: u64 = 5_000;
/// How long PostgreSQL works on one statement of a request, shorter than a request waits ([`super::LIMIT`]).
const STATEMENT_MS: u64 = 8_000;

/// KiB of pages that a reading SQLite connection keeps.
const CACHE_KIB: u32 = 8_000;
/// Pages of the write-ahead log after which SQLite takes it over by itself.
const LOG_PAGES: u32 = 1_000;
/// Bytes of the database that are read where the system keeps them, without a copy: all of any.
const MAPPED: i64 = 1 << 44;

/// What libpq is told where the URL does not: a server that is gone without a word is noticed.
const GONE: [(&str, &str); 5] = [
    ("connect_timeout", "5"),
    ("tcp_user_timeout", "10000"),
    ("keepalives_idle", "10"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "3"),
];

/// The URL of a PostgreSQL database with the parameters of [`GONE`] that it does not set.
pub fn with_limits(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    // Where there is a user, a password may hold a question mark.
    let rest = rest.find(['@', '/']).and_then(|at| rest.get(at..)).unwrap_or(rest);
    let query = rest.split_once('?').map(|(_, query)| query);
    let is_set = |name: &str| query.is_some_and(|query| query.split('&').any(|one| one.split('=').next() == Some(name)));
    let mut limited = url.to_owned();
    let mut separator = if query.is_some() { '&' } else { '?' };
    for (name, value) in GONE.iter().filter(|(name, _)| !is_set(name)) {
        limited.push(separator);
        limited.push_str(&format!("{name}={value}"));
        separator = '&';
    }
    limited
}

impl Target {
    /// A connection, ready to use.
    ///
    /// # Errors
    /// [`Error::Away`] when the database does not answer.
    pub fn connect(&self, read_only: bool) -> Result<AnyConnection, Error> {
        match self {
            Self::Postgres(url) => {
                let mut connection = PgConnection::establish(url).map_err(|_| Error::Away)?;
                // Every statement says itself which rows lead, and looks the rest up by an index: a plan is made once for its text, by index alone, and
                // stays the same whatever the tables grow to.
                connection.batch_execute(&format!(
                    "SET plan_cache_mode = force_generic_plan; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_bitmapscan = off; SET enable_material = off; \
                     SET enable_seqscan = off; SET jit = off; SET client_min_messages = warning; SET statement_timeout = {STATEMENT_MS}"
                ))?;
                Ok(AnyConnection::Postgres(connection))
            }
            Self::Sqlite(path) => {
                let mut connection = SqliteConnection::establish(path).map_err(|_| Error::Away)?;
                // LIKE tells case apart, as PostgreSQL's does.
                // Who writes keeps the pages it changes at hand, and takes the log over now and then, not at each large commit.
                let (cache, log) = if read_only { (CACHE_KIB, LOG_PAGES) } else { (8 * CACHE_KIB, 16 * LOG_PAGES) };
                connection.batch_execute(&format!(
                    "PRAGMA case_sensitive_like = ON; PRAGMA busy_timeout = {PATIENCE_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -{cache}; \
                     PRAGMA wal_autocheckpoint = {log}; PRAGMA mmap_size = {MAPPED}; PRAGMA temp_store = MEMORY; PRAGMA query_only = {}",
                    u8::from(read_only)
                ))?;
                Ok(AnyConnection::Sqlite(connection))
            }
        }
    }
}

/// A connection that knows when it is of no more use.
pub struct Pooled {
    /// The connection.
    pub connection: AnyConnection,
    /// Set after an error that says the connection is gone.
    pub broken: bool,
}

/// Makes connections for r2d2.
#[derive(Debug)]
pub struct Manager {
    /// Where to.
    pub target: Target,
    /// Whether they only read.
    pub read_only: bool,
}

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = Error;

    fn connect(&self) -> Result<Pooled, Error> {
        Ok(Pooled { connection: self.target.connect(self.read_only)?, broken: false })
    }

    fn is_valid(&self, _: &mut Pooled) -> Result<(), Error> {
        Ok(())
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        pooled.broken
    }
}

/// What goes wrong while a connection is made is told to the request that waits for it, not to a log.
#[derive(Debug)]
struct Silent;

impl r2d2::HandleError<Error> for Silent {
    fn handle_error(&self, _: Error) {}
}

/// A pool of this many connections, made when first needed.
pub fn pool(target: &Target, size: u32, read_only: bool) -> r2d2::Pool<Manager> {
    r2d2::Pool::builder()
        .max_size(size)
        .min_idle(Some(0))
        .test_on_check_out(false)
        .connection_timeout(Duration::from_millis(PATIENCE_MS))
        .error_handler(Box::new(Silent))
        .build_unchecked(Manager { target: target.clone(), read_only })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_gone_is_noticed_unless_the_url_says_otherwise() {
        let all = "connect_timeout=5&tcp_user_timeout=10000&keepalives_idle=10&keepalives_interval=5&keepalives_count=3";
        let rows = [
            ("postgres://a:b@h:1/x".to_owned(), format!("postgres://a:b@h:1/x?{all}")),
            ("postgres://a:b?c@h:1/x".to_owned(), format!("postgres://a:b?c@h:1/x?{all}")),
            ("postgres://h/x?user=a@b".to_owned(), format!("postgres://h/x?user=a@b&{all}")),
            ("postgres://h/x?sslmode=require".to_owned(), format!("postgres://h/x?sslmode=require&{all}")),
            (
                "postgres://h/x?connect_timeout=9".to_owned(),
                format!("postgres://h/x?connect_timeout=9&{}", all.trim_start_matches("connect_timeout=5&")),
            ),
        ];
        for (url, expected) in rows {
            assert_eq!(with_limits(&url), expected);
        }
    }
}
