//! The form of a parsed expression.
//!
//! INVARIANT: no form is nested deeper than [`super::NESTING_MAX`], so that walking one cannot overflow a stack: paths and chains of
//! operators are lists, however long.

use std::sync::{Arc, OnceLock};

use super::datum::Datum;
use super::evaluate::Pattern;
use super::function::Function;
use super::types::{Kind, TypeName};
use crate::fhir::definitions::{Element, Structure};

/// A form.
#[derive(Debug, Clone)]
pub enum Expr {
    /// `{}`, and whatever is known to yield nothing.
    Nothing,
    /// A literal, typed.
    Literal(Datum<'static>),
    /// Where a path starts, and its steps.
    Path(Start, Vec<Step>),
    /// `-x`.
    Minus(Box<Expr>),
    /// Operands joined from left to right by operators of one precedence.
    Chain(Box<Expr>, Vec<(Operator, Expr)>),
    /// `a | b | c`.
    Union(Vec<Expr>),
}

/// Where a path starts.
#[derive(Debug, Clone)]
pub enum Start {
    /// At the focus, also named `$this`.
    This,
    /// `$index`.
    Index,
    /// `$total`.
    Total,
    /// `%resource` and the like.
    Variable(Variable),
    /// At what another form yields.
    Of(Box<Expr>),
}

/// What the environment tells (FHIR R4 fhirpath.html#variables).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// What the expression is evaluated on.
    Context,
    /// The resource it stands in.
    Resource,
    /// The resource that contains this one, if one does.
    RootResource,
}

/// One step of a path.
#[derive(Debug, Clone)]
pub enum Step {
    /// A type's name at the start: the focus where it is of the type.
    Type(TypeName),
    /// A child by its name.
    Name(Name),
    /// `[n]`.
    Item(Expr),
    /// `is`, `as`, `ofType`.
    Test(Test, TypeName),
    /// A function.
    Call(Box<Call>),
}

/// What to do with a type's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// Whether the one item is of the type.
    Is,
    /// The items of the type.
    As,
}

/// A child's name.
#[derive(Debug, Clone)]
pub struct Name {
    /// As it was written.
    pub text: Arc<str>,
    /// Where it was written, for a message.
    pub at: u32,
    /// What it is on the type that is known to stand there.
    pub bound: Option<Arc<Bound>>,
}

/// A name on a known type.
#[derive(Debug)]
pub struct Bound {
    /// The type.
    pub on: &'static Structure,
    /// The element.
    pub element: &'static Element,
    /// The members that may hold it in JSON; several for a choice.
    pub members: Vec<Member>,
}

/// A member of a JSON object.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// What it holds; `None` for any resource.
    pub kind: Option<Kind>,
}

/// A function with its arguments.
#[derive(Debug)]
pub struct Call {
    /// Which.
    pub function: Function,
    /// As many as it takes.
    pub arguments: Vec<Expr>,
    /// Where it was written.
    pub at: u32,
    /// The compiled first argument of `matches` and the like, where it is a literal; `None` inside for one that cannot be compiled.
    pub pattern: OnceLock<Option<Pattern>>,
}

impl Clone for Call {
    fn clone(&self) -> Self {
        Self { function: self.function, arguments: self.arguments.clone(), at: self.at, pattern: self.pattern.clone() }
    }
}

/// An operator between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `*`.
    Times,
    /// `/`.
    Divide,
    /// `div`.
    Div,
    /// `mod`.
    Mod,
    /// `+`.
    Plus,
    /// `-`.
    Minus,
    /// `&`.
    Join,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
    /// `=`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `~`.
    Equivalent,
    /// `!~`.
    NotEquivalent,
    /// `in`.
    In,
    /// `contains`.
    Contains,
    /// `and`.
    And,
    /// `or`.
    Or,
    /// `xor`.
    Xor,
    /// `implies`.
    Implies,
}

/// What stands between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Infix {
    /// An operator.
    Operator(Operator),
    /// `|`.
    Union,
    /// `is` or `as`.
    Test(Test),
}

impl Infix {
    /// Every infix with its precedence, the tightest last (FHIRPath N1 #operator-precedence).
    const ALL: [(&'static str, u8, Self); 24] = [
        ("implies", 1, Self::Operator(Operator::Implies)),
        ("or", 2, Self::Operator(Operator::Or)),
        ("xor", 2, Self::Operator(Operator::Xor)),
        ("and", 3, Self::Operator(Operator::And)),
        ("in", 4, Self::Operator(Operator::In)),
        ("contains", 4, Self::Operator(Operator::Contains)),
        ("=", 5, Self::Operator(Operator::Equal)),
        ("!=", 5, Self::Operator(Operator::NotEqual)),
        ("~", 5, Self::Operator(Operator::Equivalent)),
        ("!~", 5, Self::Operator(Operator::NotEquivalent)),
        ("<", 6, Self::Operator(Operator::Less)),
        ("<=", 6, Self::Operator(Operator::LessOrEqual)),
        (">", 6, Self::Operator(Operator::Greater)),
        (">=", 6, Self::Operator(Operator::GreaterOrEqual)),
        ("|", 7, Self::Union),
        ("is", 8, Self::Test(Test::Is)),
        ("as", 8, Self::Test(Test::As)),
        ("+", 9, Self::Operator(Operator::Plus)),
        ("-", 9, Self::Operator(Operator::Minus)),
        ("&", 9, Self::Operator(Operator::Join)),
        ("*", 10, Self::Operator(Operator::Times)),
        ("/", 10, Self::Operator(Operator::Divide)),
        ("div", 10, Self::Operator(Operator::Div)),
        ("mod", 10, Self::Operator(Operator::Mod)),
    ];

    /// The infix of this sign or word, with its precedence.
    pub fn find(sign: &str) -> Option<(u8, Self)> {
        Self::ALL.iter().find(|(known, ..)| *known == sign).map(|(_, precedence, infix)| (*precedence, *infix))
    }
}

impl Operator {
    /// How it is written.
    pub fn sign(self) -> &'static str {
        Infix::ALL.iter().find(|(_, _, infix)| *infix == Infix::Operator(self)).map_or("", |(sign, ..)| sign)
    }
}
