//! Walks an expression over a node (FHIRPath N1 #expressions).
//!
//! INVARIANT: every item that is visited or made costs a step, so that the budget bounds time and memory.

mod arithmetic;
mod boundary;
mod combine;
mod convert;
mod encode;
mod equality;
mod existence;
mod filter;
mod math;
mod operator;
mod pattern;
mod reference;
mod string;
mod subset;
mod tree;

pub use pattern::Pattern;

use serde_json::{Map, Value};

use super::datum::Datum;
use super::expr::{Call, Expr, Start, Step, Test, Variable};
use super::function::Function as F;
use super::items::Items;
use super::navigate;
use super::node::{Node, Tree};
use super::{ITEMS_MAX, STEPS_MAX};

/// Why an evaluation ended without result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// It asks for terminology, profiles or the content of another resource.
    #[error("`{0}` cannot be known here")]
    Unknown(&'static str),
    /// It found several items where one is meant.
    #[error("expected one item, not {0}")]
    Several(usize),
    /// It found another type than is meant.
    #[error("expected {expected}, not {found}")]
    Type {
        /// What is meant.
        expected: &'static str,
        /// The type that was found.
        found: &'static str,
    },
    /// An operator between types that it does not join.
    #[error("`{0}` between {1} and {2}")]
    Operands(&'static str, &'static str, &'static str),
    /// An argument out of its range, or a malformed pattern.
    #[error("{0}")]
    Argument(&'static str),
    /// More steps or items than are allowed.
    #[error("the evaluation takes more than it may")]
    TooCostly,
}

/// The result of a part.
pub(super) type Outcome<'v> = Result<Items<'v>, EvalError>;

/// What surrounds an evaluation (FHIR R4 fhirpath.html#variables).
#[derive(Debug, Clone)]
pub struct Environment<'v> {
    /// `%resource`: the resource that the node stands in.
    pub resource: Node<'v>,
    /// `%rootResource`: the resource that contains this one, or the same.
    pub root_resource: Node<'v>,
    /// `now()`, in microseconds since 1970.
    pub now: i64,
    /// How many steps the evaluation may take.
    pub steps: u64,
}

impl<'v> Environment<'v> {
    /// The environment of a resource that no other contains, with the usual budget.
    pub fn new(resource: Node<'v>, now: i64) -> Self {
        Self { root_resource: resource.clone(), resource, now, steps: STEPS_MAX }
    }
}

/// Evaluates a form on a node.
pub fn evaluate<'v>(expr: &Expr, on: &Node<'v>, environment: &Environment<'v>) -> Outcome<'v> {
    let mut evaluator = Evaluator { environment, context: on, steps: environment.steps };
    let items = evaluator.expr(expr, Scope { this: Some(on), index: None, total: None })?;
    if items.len() > ITEMS_MAX { Err(EvalError::TooCostly) } else { Ok(items) }
}

/// The evaluation of a collection as a Boolean: one item of another type is true (FHIRPath N1 #singleton-evaluation-of-collections).
///
/// # Errors
/// [`EvalError::Several`].
pub fn boolean(items: &[Node<'_>]) -> Result<Option<bool>, EvalError> {
    match items {
        [] => Ok(None),
        [one] => Ok(Some(match one.datum() {
            Some(Datum::Boolean(value)) => value,
            _ => true,
        })),
        several => Err(EvalError::Several(several.len())),
    }
}

/// What `$this`, `$index` and `$total` mean.
#[derive(Clone, Copy)]
struct Scope<'s, 'v> {
    this: Option<&'s Node<'v>>,
    index: Option<usize>,
    total: Option<&'s Items<'v>>,
}

impl<'s, 'v> Scope<'s, 'v> {
    fn with<'t>(self, this: &'t Node<'v>, index: usize) -> Scope<'t, 'v>
    where
        's: 't,
    {
        Scope { this: Some(this), index: Some(index), total: self.total }
    }
}

struct Evaluator<'e, 'v> {
    environment: &'e Environment<'v>,
    context: &'e Node<'v>,
    steps: u64,
}

/// So many names in a row are followed at once; more would nest too deep.
const RUN_MAX: usize = 8;

impl<'v> Evaluator<'_, 'v> {
    fn charge(&mut self, steps: usize) -> Result<(), EvalError> {
        let left = u64::try_from(steps).ok().and_then(|steps| self.steps.checked_sub(steps));
        self.steps = left.ok_or(EvalError::TooCostly)?;
        Ok(())
    }

    fn expr(&mut self, expr: &Expr, scope: Scope<'_, 'v>) -> Outcome<'v> {
        self.charge(1)?;
        match expr {
            Expr::Nothing => Ok(Items::None),
            Expr::Literal(datum) => Ok(Items::one(datum.clone())),
            Expr::Path(start, steps) => self.path(start, steps, scope),
            Expr::Minus(inner) => self.minus(inner, scope),
            Expr::Chain(first, rest) => self.chain(first, rest, scope),
            Expr::Union(parts) => self.union_of(parts, scope),
        }
    }

    /// The truth of a form.
    fn truth(&mut self, expr: &Expr, scope: Scope<'_, 'v>) -> Result<Option<bool>, EvalError> {
        boolean(self.expr(expr, scope)?.as_slice())
    }

    fn path(&mut self, start: &Start, steps: &[Step], scope: Scope<'_, 'v>) -> Outcome<'v> {
        let variable;
        let at = match start {
            Start::This => scope.this,
            Start::Index => {
                variable = scope.index.and_then(|index| i32::try_from(index).ok()).map(|index| Node::Datum(Datum::Integer(index)));
                variable.as_ref()
            }
            Start::Variable(Variable::Context) => Some(self.context),
            Start::Variable(Variable::Resource) => Some(&self.environment.resource),
            Start::Variable(Variable::RootResource) => Some(&self.environment.root_resource),
            Start::Total => return self.follow(scope.total.cloned().unwrap_or_default(), steps, scope),
            Start::Of(inner) => {
                let items = self.expr(inner, scope)?;
                return self.follow(items, steps, scope);
            }
        };
        let Some(at) = at else { return self.follow(Items::None, steps, scope) };
        // The first names are followed without a collection of their own.
        let (run, rest) = run_of(steps);
        if run.is_empty() {
            return self.follow(Items::One(at.clone()), rest, scope);
        }
        let mut items = Items::None;
        self.descend(at, run, &mut items)?;
        self.follow(items, rest, scope)
    }

    fn follow(&mut self, mut items: Items<'v>, mut steps: &[Step], scope: Scope<'_, 'v>) -> Outcome<'v> {
        while let Some((step, after)) = steps.split_first() {
            let (run, rest) = run_of(steps);
            if run.is_empty() {
                items = self.step(step, items, scope)?;
                steps = after;
            } else {
                let mut found = Items::None;
                for item in items.iter() {
                    self.descend(item, run, &mut found)?;
                }
                (items, steps) = (found, rest);
            }
            if items.len() > ITEMS_MAX {
                return Err(EvalError::TooCostly);
            }
        }
        Ok(items)
    }

    /// Adds what a run of names leads to.
    fn descend(&mut self, node: &Node<'v>, run: &[Step], found: &mut Items<'v>) -> Result<(), EvalError> {
        match (node, run) {
            (Node::Tree(tree), _) => self.descend_tree(tree, run, found),
            (Node::Unread(_), _) => Err(EvalError::Unknown("resolve()")),
            (Node::Datum(Datum::Type(namespace, name)), [Step::Name(asked)]) => {
                let told = match &*asked.text {
                    "namespace" => Some(*namespace),
                    "name" => Some(*name),
                    _ => None,
                };
                found.extend(told.map(|text| Node::Datum(Datum::text(text))));
                Ok(())
            }
            (Node::Datum(_), _) => Ok(()),
        }
    }

    fn descend_tree(&mut self, tree: &Tree<'v>, run: &[Step], found: &mut Items<'v>) -> Result<(), EvalError> {
        // An object of many members takes longer to look through.
        self.charge(1 + tree.value.and_then(Value::as_object).map_or(0, Map::len) / 32)?;
        match run.split_first() {
            Some((Step::Name(name), [])) => navigate::named(tree, name, &mut |child| {
                self.charge(1)?;
                found.push(Node::Tree(child));
                Ok(())
            }),
            Some((Step::Name(name), rest)) => navigate::named(tree, name, &mut |child| self.descend_tree(&child, rest, found)),
            _ => Ok(()),
        }
    }

    fn step(&mut self, step: &Step, items: Items<'v>, scope: Scope<'_, 'v>) -> Outcome<'v> {
        self.charge(1 + items.len())?;
        match step {
            Step::Type(name) => Ok(items.into_iter().filter(|node| node.is(name)).collect()),
            Step::Name(_) => Ok(items),
            Step::Item(index) => self.item(items, index, scope),
            Step::Test(Test::Is, name) => match items.as_slice() {
                [] => Ok(Items::None),
                [one] => Ok(Items::one(Datum::Boolean(one.is(name)))),
                several => Err(EvalError::Several(several.len())),
            },
            // Several items are filtered, where N1 ends the evaluation: dom-3 and search parameters as `(x.value as Quantity)` need it.
            Step::Test(Test::As, name) => match items {
                Items::One(one) => Ok(one.keeps(name).then_some(one).into()),
                items => Ok(items.into_iter().filter(|node| node.keeps(name)).collect()),
            },
            Step::Call(call) => self.call(call, items, scope),
        }
    }

    fn call(&mut self, call: &Call, input: Items<'v>, scope: Scope<'_, 'v>) -> Outcome<'v> {
        match call.function {
            F::Empty | F::Exists | F::All | F::AllTrue | F::AnyTrue | F::AllFalse | F::AnyFalse | F::SubsetOf | F::SupersetOf => {
                self.existence(call, &input, scope)
            }
            F::Count | F::Distinct | F::IsDistinct | F::Not => self.counted(call.function, input),
            F::Where | F::Select | F::Repeat | F::Aggregate | F::Sort | F::Iif | F::Trace => self.filter(call, input, scope),
            F::Single | F::First | F::Last | F::Tail | F::Skip | F::Take => self.subset(call, input, scope),
            F::Intersect | F::Exclude | F::Union | F::Combine => self.combine(call, input, scope),
            F::To(kind) => self.convert(kind, call, &input, scope),
            F::ConvertsTo(kind) => self.converts(kind, call, &input, scope),
            F::IndexOf
            | F::LastIndexOf
            | F::Substring
            | F::StartsWith
            | F::EndsWith
            | F::Contains
            | F::Upper
            | F::Lower
            | F::Replace
            | F::Length
            | F::ToChars
            | F::Trim
            | F::Split => self.string(call, &input, scope),
            F::Join => self.join(call, &input, scope),
            F::Matches | F::MatchesFull | F::ReplaceMatches => self.pattern(call, &input, scope),
            F::Encode | F::Decode | F::Escape | F::Unescape => self.encode(call, &input, scope),
            F::Abs | F::Ceiling | F::Exp | F::Floor | F::Ln | F::Log | F::Power | F::Round | F::Sqrt | F::Truncate => {
                self.math(call, &input, scope)
            }
            F::LowBoundary | F::HighBoundary | F::Precision | F::Comparable => self.boundary(call, &input, scope),
            F::Children | F::Descendants | F::Type | F::Extension | F::HasExtension | F::HasValue | F::GetValue | F::CheckModifiers => {
                self.tree(call, input, scope)
            }
            F::Resolve => self.resolve(&input),
            F::Now | F::Today | F::TimeOfDay => Ok(self.clock(call.function)),
            F::Beyond(name) => Err(EvalError::Unknown(name)),
        }
    }

    /// The argument at a place, evaluated on the focus of the whole call.
    fn argument(&mut self, call: &Call, place: usize, scope: Scope<'_, 'v>) -> Outcome<'v> {
        call.arguments.get(place).map_or(Ok(Items::None), |argument| self.expr(argument, scope))
    }
}

/// The names that a path goes on with, and what follows them.
fn run_of(steps: &[Step]) -> (&[Step], &[Step]) {
    let length = steps.iter().take(RUN_MAX).take_while(|step| matches!(step, Step::Name(_))).count();
    steps.split_at_checked(length).unwrap_or((&[], steps))
}

/// The one item of a collection, where it has any.
fn single<'i, 'v>(items: &'i Items<'v>) -> Result<Option<&'i Node<'v>>, EvalError> {
    match items.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        several => Err(EvalError::Several(several.len())),
    }
}

/// The one value of a collection, where it has any item with a value; an item that can have none is an error.
fn single_datum<'v>(items: &Items<'v>, expected: &'static str) -> Result<Option<Datum<'v>>, EvalError> {
    let Some(node) = single(items)? else { return Ok(None) };
    match node.datum() {
        Some(datum) => Ok(Some(datum)),
        // A primitive with extensions instead of a value.
        None if node.primitive().is_some() => Ok(None),
        None => Err(EvalError::Type { expected, found: node.type_name().1 }),
    }
}

/// The one whole number of a collection.
fn single_integer(items: &Items<'_>) -> Result<Option<i32>, EvalError> {
    match single_datum(items, "an Integer")? {
        None => Ok(None),
        Some(Datum::Integer(number)) => Ok(Some(number)),
        Some(other) => Err(EvalError::Type { expected: "an Integer", found: other.type_name() }),
    }
}
