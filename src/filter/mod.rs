//! One algebra for what is asked and what is allowed (DESIGN 3). Pure data: no database, no HTTP.
//!
//! A search becomes a [`Filter`]; a policy decision becomes one too. [`matches()`] interprets it in memory and
//! `store::predicate` in SQL; a differential test holds the two together.

mod envelope;
mod index;
mod matches;
pub mod signature;

pub use envelope::{Actor, Envelope, EnvelopeTest, Facts, HolderRow, HolderState, HolderTest, Label, Right, RightKind, RightTest, Setting};
pub use index::{GROUPED, IndexRows, Param, ParamKind, RangeTest, StringTest, Test, any_of_system, fold, head_of_quantity, number_key};
pub use matches::{Candidate, matches};

use crate::fhir::ResourceType;

/// A condition on one resource. `And(vec![])` holds for all, `Or(vec![])` for none.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// No resource: what silence means.
    Nothing,
    /// Every resource of the type asked for.
    Everything,
    /// All of them.
    And(Vec<Filter>),
    /// At least one of them.
    Or(Vec<Filter>),
    /// The contrary.
    Not(Box<Filter>),
    /// The logical id is one of these.
    Id(Vec<String>),
    /// `meta.lastUpdated`, an instant in microseconds, passes the test.
    LastUpdated(RangeTest),
    /// Some index row of the parameter passes the test.
    Index(Param, Test),
    /// The resource belongs to a holder that one of these names.
    HolderNamed(Vec<HolderName>),
    /// A fact of the envelope.
    Envelope(EnvelopeTest),
    /// A fact of the holder's row; false for a resource without holder.
    Holder(HolderTest),
    /// A right in force over the holder of the resource.
    Right(RightTest),
    /// The resource refers, by a reference parameter, to a resource of this type that passes the filter.
    Via(Param, ResourceType, Box<Filter>),
    /// A resource of this type that passes the filter refers, by a reference parameter, to the resource (FHIR R4 search.html#has).
    Has(Param, ResourceType, Box<Filter>),
}

/// How a search names a holder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HolderName {
    /// `patient=Patient/[id]`: the logical id.
    Id(String),
    /// `patient.identifier=system|value`: the INS as `system|value`.
    Identifier(String),
    /// The holder's number, known already.
    Number(i64),
}

impl Filter {
    /// Both, without needless nesting.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, _) | (_, Self::Nothing) => Self::Nothing,
            (Self::Everything, x) | (x, Self::Everything) => x,
            (Self::And(mut a), Self::And(b)) => {
                a.extend(b);
                Self::And(a)
            }
            (Self::And(mut a), b) => {
                a.push(b);
                Self::And(a)
            }
            (a, b) => Self::And(vec![a, b]),
        }
    }

    /// Either, without needless nesting.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Everything, _) | (_, Self::Everything) => Self::Everything,
            (Self::Nothing, x) | (x, Self::Nothing) => x,
            (Self::Or(mut a), b) => {
                a.push(b);
                Self::Or(a)
            }
            (a, b) => Self::Or(vec![a, b]),
        }
    }

    /// The contrary.
    #[must_use]
    pub fn negate(self) -> Self {
        match self {
            Self::Nothing => Self::Everything,
            Self::Everything => Self::Nothing,
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }
}
