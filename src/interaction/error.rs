//! What can go wrong with an interaction; `http::outcome` turns each into an answer.

use crate::fhir::ResourceType;
use crate::fhir::issue::{Issue, SyntaxError};
use crate::{auth, search, store};

/// An error of an interaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A body that is no JSON, with the place.
    #[error("{0}")]
    Syntax(String),
    /// A body that is no resource of base R4.
    #[error("the resource is not valid")]
    Invalid(Vec<Issue>),
    /// A parameter or header that cannot be understood.
    #[error("{message}")]
    Value {
        /// The parameter or header.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// A parameter that is needed.
    #[error("{message}")]
    Required {
        /// The parameter.
        place: String,
        /// Where it is asked for.
        message: String,
    },
    /// Something of FHIR that this server does not do.
    #[error("{message}")]
    NotSupported {
        /// The parameter, modifier or header.
        place: String,
        /// What is missing.
        message: String,
    },
    /// The caller may not do this at all.
    #[error("{0}")]
    Forbidden(String),
    /// Absent or hidden: nobody learns which.
    #[error("{0} `{1}` is not known")]
    NotFound(ResourceType, String),
    /// In the caller's scope, but deleted.
    #[error("{0} `{1}` was deleted")]
    Deleted(ResourceType, String),
    /// A type that R4 does not have.
    #[error("`{0}` is not a resource type of R4")]
    UnknownType(String),
    /// Not with this method.
    #[error("{message}")]
    Method {
        /// What is allowed.
        allow: &'static str,
        /// Why.
        message: String,
    },
    /// Something like it exists.
    #[error("{0}")]
    Conflict(String),
    /// `If-Match` names another version.
    #[error("{0}")]
    Precondition(String),
    /// A rule of the record is not respected.
    #[error("{message}")]
    Business {
        /// FHIR's issue code: `business-rule`, `not-found`, `required`, `value`, `invariant`, `code-invalid`.
        code: &'static str,
        /// The element, as FHIRPath.
        expression: String,
        /// What is expected.
        message: String,
    },
    /// A media type that is not read.
    #[error("{0}")]
    MediaType(String),
    /// No media type that is accepted is made here.
    #[error("{0}")]
    NotAcceptable(String),
    /// Over a limit.
    #[error("{0}")]
    TooLong(String),
    /// The database is away or busy.
    #[error("the database does not answer, try again")]
    Away,
    /// Other work is in the way.
    #[error("too much is going on, try again")]
    Busy,
    /// The error of an entry of a Bundle, by its place.
    #[error("entry {0}: {1}")]
    Entry(usize, Box<Error>),
    /// Anything unexpected; the reason goes to the log.
    #[error("{0}")]
    Unexpected(String),
}

impl Error {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Syntax(_) | Self::Value { .. } | Self::Required { .. } | Self::NotSupported { .. } => 400,
            Self::Forbidden(_) => 403,
            Self::NotFound(..) | Self::UnknownType(_) => 404,
            Self::Method { .. } => 405,
            Self::NotAcceptable(_) => 406,
            Self::Conflict(_) => 409,
            Self::Deleted(..) => 410,
            Self::Precondition(_) => 412,
            Self::TooLong(_) => 413,
            Self::MediaType(_) => 415,
            Self::Invalid(_) | Self::Business { .. } => 422,
            Self::Entry(_, inner) => inner.status(),
            Self::Unexpected(_) => 500,
            Self::Away | Self::Busy => 503,
        }
    }

    /// The error itself, whatever entry it is of.
    pub fn cause(&self) -> &Self {
        match self {
            Self::Entry(_, inner) => inner.cause(),
            other => other,
        }
    }

    /// A business rule broken at an element.
    pub fn business(expression: &str, message: impl Into<String>) -> Self {
        Self::Business { code: "business-rule", expression: expression.to_owned(), message: message.into() }
    }

    /// A value that its element cannot have here.
    pub fn value(expression: &str, message: impl Into<String>) -> Self {
        Self::Business { code: "value", expression: expression.to_owned(), message: message.into() }
    }

    /// The one answer for a person whose record does not take this, whatever the reason (CONTRACT 3, Documents).
    pub fn no_record(expression: &str) -> Self {
        Self::Business {
            code: "not-found",
            expression: expression.to_owned(),
            message: "no open record of this person is known".to_owned(),
        }
    }
}

impl From<SyntaxError> for Error {
    fn from(error: SyntaxError) -> Self {
        Self::Syntax(error.to_string())
    }
}

impl store::Retry for Error {
    fn is_busy(&self) -> bool {
        matches!(self, Self::Busy)
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Away => Self::Away,
            store::Error::Busy | store::Error::Version { .. } => Self::Busy,
            store::Error::Duplicate => Self::Conflict("something with this identity exists already".to_owned()),
            store::Error::Stamp(message) | store::Error::Other(message) => Self::Unexpected(message),
            store::Error::Corrupt(what) => Self::Unexpected(format!("stored data cannot be read: {what}")),
        }
    }
}

impl From<search::SearchError> for Error {
    fn from(error: search::SearchError) -> Self {
        let place = error.parameter().to_owned();
        match error {
            search::SearchError::Malformed { message, .. } => Self::Value { place, message },
            search::SearchError::NotSupported { message, .. } | search::SearchError::Unknown { message, .. } => {
                Self::NotSupported { place, message }
            }
            search::SearchError::TooMany { message, .. } => Self::TooLong(format!("{place}: {message}")),
        }
    }
}

impl From<auth::Error> for Error {
    fn from(error: auth::Error) -> Self {
        Self::Unexpected(error.to_string())
    }
}
