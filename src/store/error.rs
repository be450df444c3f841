//! What can go wrong in the database.

use diesel::result::{DatabaseErrorKind, Error as Diesel};

/// What a write may fail with.
pub trait Retry {
    /// Whether other writers were in the way, so that the same work may succeed when it is done again from its beginning.
    fn is_busy(&self) -> bool;
}

impl Retry for Error {
    fn is_busy(&self) -> bool {
        matches!(self, Self::Busy | Self::Version { .. })
    }
}

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database is away or busy: try again.
    #[error("the database does not answer")]
    Away,
    /// Other work was in the way: a deadlock, a key drawn twice, a statement that took too long.
    #[error("the database is busy")]
    Busy,
    /// Another writer was first.
    #[error("version {found} is current")]
    Version {
        /// The current version.
        found: i32,
    },
    /// A key is taken: a holder, an identifier, an id.
    #[error("a key is taken")]
    Duplicate,
    /// The database is stamped for the other command, or not migrated.
    #[error("{0}")]
    Stamp(String),
    /// Stored bytes that cannot be read.
    #[error("stored data cannot be read: {0}")]
    Corrupt(&'static str),
    /// Anything else.
    #[error("database error: {0}")]
    Other(String),
}

impl From<Diesel> for Error {
    fn from(error: Diesel) -> Self {
        match &error {
            Diesel::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Self::Duplicate,
            Diesel::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => Self::Busy,
            Diesel::DatabaseError(DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand, _)
            | Diesel::BrokenTransactionManager => Self::Away,
            Diesel::DatabaseError(_, info) if is_away(info.message()) => Self::Away,
            Diesel::DatabaseError(_, info) if is_busy(info.message()) => Self::Busy,
            Diesel::RollbackErrorOnCommit { commit_error, .. } => match commit_error.as_ref() {
                Diesel::DatabaseError(_, info) if !is_away(info.message()) => Self::Other(info.message().to_owned()),
                _ => Self::Away,
            },
            Diesel::DatabaseError(_, info) => Self::Other(info.message().to_owned()),
            _ => Self::Other(error.to_string()),
        }
    }
}

impl From<r2d2::Error> for Error {
    fn from(_: r2d2::Error) -> Self {
        Self::Away
    }
}

/// Messages by which PostgreSQL says that other work was in the way, whose codes diesel does not pass on either.
fn is_busy(message: &str) -> bool {
    ["deadlock", "statement timeout"].iter().any(|sign| message.contains(sign))
}

/// Messages by which libpq and SQLite say that nobody is there, none of them with a code that diesel passes on.
fn is_away(message: &str) -> bool {
    const SIGNS: [&str; 14] = [
        "server closed the connection",
        "terminating connection",
        "the database system is",
        "no connection to the server",
        "connection to server",
        "could not connect",
        "Connection refused",
        "Broken pipe",
        "Connection reset",
        "SSL connection has been closed",
        "database is locked",
        "disk I/O error",
        "unable to open database file",
        "database or disk is full",
    ];
    SIGNS.iter().any(|sign| message.contains(sign))
}
