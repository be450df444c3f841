//! FHIRPath N1 (hl7.org/fhirpath/N1) with FHIR R4's types (FHIR R4 fhirpath.html), over the tree of a resource.
//!
//! It reads no other resource and no clock: `resolve()` tells the type that a reference names, `now()` is given. Names of elements are
//! those of R4; the values of a choice stand under its name (`value`, not `valueQuantity`).
//!
//! A text comes from a standard or from a client (FHIR R4 fhirpatch.html): parsing and evaluation are bounded alike.

mod bind;
mod datum;
mod evaluate;
mod expr;
mod function;
mod items;
mod lexer;
mod locate;
mod navigate;
mod node;
mod parse;
mod quantity;
mod temporal;
mod types;
mod unit;
mod way;

pub use datum::{Datum, Text};
pub use evaluate::{Environment, EvalError};
pub use locate::Location;
pub use node::{Node, Tree};
pub use quantity::{Calendar, Quantity, Unit};
pub use temporal::{Class, Precision, Temporal};
pub use types::{Kind, SystemType, TypeName};

use crate::fhir::ResourceType;
use crate::fhir::definitions::{Structure, structure};
use expr::Expr;

/// The longest expression that is read; R4's own have at most 1 400 bytes.
pub const EXPRESSION_BYTES_MAX: usize = 8_000;
/// The deepest nesting; R4's own have at most 10 levels.
pub const NESTING_MAX: usize = 64;
/// The most operands, steps and operators.
pub const FORMS_MAX: usize = 2_000;
/// The most items a collection may have.
pub const ITEMS_MAX: usize = 100_000;
/// The most steps of an evaluation, unless the [`Environment`] says otherwise: about a tenth of a second.
pub const STEPS_MAX: u64 = 1_000_000;

/// Why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at byte {at})")]
pub struct ParseError {
    /// What was expected.
    pub message: String,
    /// The byte where it was expected.
    pub at: usize,
}

/// A parsed expression: immutable, and as cheap to share as to keep.
#[derive(Debug, Clone)]
pub struct Expression {
    expr: Expr,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`ParseError`] where it is none, names an unknown function, type or variable, or is over a limit.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Ok(Self { expr: parse::parse(text)? })
    }

    /// The same for resources of one type: what is about other types falls away. Only to be evaluated on resources of this type.
    pub fn for_type(&self, resource: ResourceType) -> Self {
        structure(resource.name()).map_or_else(|| self.clone(), |on| self.for_structure(on))
    }

    /// The same for any type or backbone element, as a composite's parts need (FHIR R4 search.html#composite).
    pub fn for_structure(&self, on: &'static Structure) -> Self {
        Self { expr: bind::bind(&self.expr, on).0 }
    }

    /// Whether it can mean something on a type: every element it names is one the type has.
    ///
    /// # Errors
    /// [`ParseError`] at the first name that the type does not have.
    pub fn check(&self, on: &'static Structure) -> Result<(), ParseError> {
        bind::bind(&self.expr, on).1.map_or(Ok(()), Err)
    }

    /// Whether it yields nothing whatever it is evaluated on, as [`Expression::for_type`] leaves what is about other types.
    pub fn yields_nothing(&self) -> bool {
        matches!(self.expr, Expr::Nothing)
    }

    /// Evaluates on one node, which is `%context`.
    ///
    /// # Errors
    /// [`EvalError`] where the standard says that evaluation ends, where something cannot be known here, and over a limit.
    pub fn evaluate<'v>(&self, on: &Node<'v>, environment: &Environment<'v>) -> Result<Vec<Node<'v>>, EvalError> {
        evaluate::evaluate(&self.expr, on, environment).map(items::Items::into_vec)
    }

    /// The truth of an invariant: `None` where it says neither, as `bdl-8` of an entry without `fullUrl`. Only `Some(false)` is a
    /// violation: read otherwise, R4's own examples would violate it.
    ///
    /// # Errors
    /// Those of [`Expression::evaluate`], and [`EvalError::Several`].
    pub fn evaluate_to_bool<'v>(&self, on: &Node<'v>, environment: &Environment<'v>) -> Result<Option<bool>, EvalError> {
        evaluate::boolean(evaluate::evaluate(&self.expr, on, environment)?.as_slice())
    }
}

impl std::str::FromStr for Expression {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests;
