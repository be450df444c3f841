//! Searching (FHIR R4 search.html): from a resource to its index rows, from a query string to a [`Query`].

mod compartment;
mod composite;
mod extract;
mod parse;
mod query;
mod registry;
mod unit;
mod value;

pub use compartment::{enter, has_compartments, is_in_compartment};
pub use composite::{Composite, of as composites};
pub use extract::extract;
pub use parse::parse;
pub use query::{
    Context, DEFAULT_COUNT, Include, MAX_CHAIN_LINKS, MAX_CHAIN_TYPES, MAX_CHAINS, MAX_COUNT, MAX_INCLUDES, MAX_PARAMETERS, MAX_SORT_KEYS,
    MAX_VALUE_BYTES, MAX_VALUES, Query, Sort, SortBy, Summary, TRACES, TotalMode,
};
pub use registry::{SearchParameter, find, of, types};
pub use unit::{UCUM, is_ucum};
pub use value::spell;

use thiserror::Error;

/// Why a search is not understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SearchError {
    /// A value that its parameter cannot have.
    #[error("{message}")]
    Malformed {
        /// The parameter as it was written.
        parameter: String,
        /// What is wrong.
        message: String,
    },
    /// A modifier, a chain or a form of value of FHIR that this server does not have.
    #[error("{message}")]
    NotSupported {
        /// The parameter as it was written.
        parameter: String,
        /// What is missing.
        message: String,
    },
    /// A parameter the resource type does not have, where the caller asked for strictness.
    #[error("{message}")]
    Unknown {
        /// The parameter as it was written.
        parameter: String,
        /// Which type lacks it.
        message: String,
    },
    /// More than the limits allow.
    #[error("{message}")]
    TooMany {
        /// The parameter at which the limit was passed.
        parameter: String,
        /// Which limit.
        message: String,
    },
}

impl SearchError {
    /// The parameter it speaks of, as it was written.
    pub fn parameter(&self) -> &str {
        match self {
            Self::Malformed { parameter, .. }
            | Self::NotSupported { parameter, .. }
            | Self::Unknown { parameter, .. }
            | Self::TooMany { parameter, .. } => parameter,
        }
    }
}
