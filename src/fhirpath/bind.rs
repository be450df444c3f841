//! An expression on a known type: names become members, alternatives of other types fall away (FHIR R4 search.html#expression).
//!
//! What cannot yield anything is dropped, so that a search parameter of thirty types costs one path on each of them.

use std::sync::Arc;

use super::ParseError;
use super::expr::{Bound, Call, Expr, Member, Name, Operator, Start, Step, Test, Variable};
use super::function::Function;
use super::types::{Kind, SystemType, TypeName, element};
use crate::fhir::definitions::{Element, Structure};

/// What is known of the items that stand somewhere.
#[derive(Clone)]
enum Known {
    /// There are none.
    Nothing,
    /// They are of this type.
    Kind(Kind),
    /// They are of one of the types of a choice, the last step's.
    Choice(Arc<Bound>),
    /// They are values.
    System(SystemType),
    /// Not known.
    Open,
}

/// The expression on a type, and the first thing in it that cannot be meant (an element that the type does not have).
pub fn bind(expr: &Expr, on: &'static Structure) -> (Expr, Option<ParseError>) {
    let context = known(Kind::Structure(on));
    let mut binder = Binder { context: context.clone(), problem: None };
    let (bound, _) = binder.expr(expr, &context);
    (bound, binder.problem)
}

/// An abstract type says nothing about what its specializations have.
fn known(kind: Kind) -> Known {
    match kind {
        Kind::Structure(structure) if matches!(structure.name, "Resource" | "DomainResource" | "Element" | "BackboneElement") => {
            Known::Open
        }
        kind => Known::Kind(kind),
    }
}

struct Binder {
    context: Known,
    problem: Option<ParseError>,
}

impl Binder {
    fn note(&mut self, at: u32, message: impl FnOnce() -> String) {
        if self.problem.is_none() {
            self.problem = Some(ParseError { message: message(), at: usize::try_from(at).unwrap_or(0) });
        }
    }

    fn expr(&mut self, expr: &Expr, this: &Known) -> (Expr, Known) {
        match expr {
            Expr::Nothing => (Expr::Nothing, Known::Nothing),
            Expr::Literal(datum) => (expr.clone(), datum.system().map_or(Known::Open, Known::System)),
            Expr::Path(start, steps) => self.path(start, steps, this),
            Expr::Minus(inner) => (Expr::Minus(Box::new(self.expr(inner, this).0)), Known::Open),
            Expr::Chain(first, rest) => {
                let first = self.expr(first, this).0;
                let rest: Vec<_> = rest.iter().map(|(operator, right)| (*operator, self.expr(right, this).0)).collect();
                let known = match rest.first() {
                    Some((operator, _)) if is_arithmetic(*operator) => Known::Open,
                    _ => Known::System(SystemType::Boolean),
                };
                (Expr::Chain(Box::new(first), rest), known)
            }
            Expr::Union(parts) => self.union(parts, this),
        }
    }

    fn union(&mut self, parts: &[Expr], this: &Known) -> (Expr, Known) {
        // One part may be of another type without being wrong.
        let before = self.problem.take();
        let bound: Vec<(Expr, Known)> = parts.iter().map(|part| self.expr(part, this)).collect();
        let left: Vec<(Expr, Known)> = bound.into_iter().filter(|(_, known)| !matches!(known, Known::Nothing)).collect();
        self.problem = before.or(if left.is_empty() { self.problem.take() } else { None });
        let known = match left.as_slice() {
            [] => return (Expr::Nothing, Known::Nothing),
            [(_, Known::Kind(kind)), rest @ ..] if rest.iter().all(|(_, other)| matches!(other, Known::Kind(one) if one == kind)) => {
                Known::Kind(*kind)
            }
            _ => Known::Open,
        };
        (Expr::Union(left.into_iter().map(|(expr, _)| expr).collect()), known)
    }

    fn path(&mut self, start: &Start, steps: &[Step], this: &Known) -> (Expr, Known) {
        let (mut start, mut known) = match start {
            Start::This => (Start::This, this.clone()),
            Start::Index => (Start::Index, Known::System(SystemType::Integer)),
            Start::Total => (Start::Total, Known::Open),
            Start::Variable(Variable::Context) => (Start::Variable(Variable::Context), self.context.clone()),
            Start::Variable(variable) => (Start::Variable(*variable), Known::Open),
            Start::Of(inner) => {
                let (inner, known) = self.expr(inner, this);
                (Start::Of(Box::new(inner)), known)
            }
        };
        let (mut bound, mut unordered) = (Vec::with_capacity(steps.len()), false);
        for step in steps {
            if unordered && is_about_order(step) {
                self.note(place(step), || "children come in no order that is defined".into());
            }
            unordered = matches!(step, Step::Call(call) if matches!(call.function, Function::Children | Function::Descendants));
            known = self.step(step, known, this, &mut bound);
            if matches!(known, Known::Nothing) {
                bound.clear();
                start = Start::Of(Box::new(Expr::Nothing));
            }
        }
        match (bound.is_empty(), &start) {
            (true, _) if matches!(known, Known::Nothing) => (Expr::Nothing, known),
            _ => (Expr::Path(start, bound), known),
        }
    }

    /// What is known after a step, which is added to `bound` where it still has something to do.
    fn step(&mut self, step: &Step, known: Known, this: &Known, bound: &mut Vec<Step>) -> Known {
        match step {
            Step::Type(name) => self.root(name, known, bound),
            Step::Name(name) => self.name(name, known, bound),
            Step::Item(index) => {
                let index = self.expr(index, this).0;
                if matches!(known, Known::Nothing) {
                    return known;
                }
                bound.push(Step::Item(index));
                // The chosen one may be any of a choice's.
                if let Known::Choice(_) = known { Known::Open } else { known }
            }
            Step::Test(test, name) => tested(*test, name, known, bound),
            Step::Call(call) => self.call(call, known, this, bound),
        }
    }

    fn root(&mut self, name: &TypeName, known: Known, bound: &mut Vec<Step>) -> Known {
        match known {
            Known::Kind(kind) if name.is(kind) => Known::Kind(kind),
            Known::Kind(kind) => {
                let wanted = name.fhir.map_or("a type of FHIRPath", Kind::name);
                self.note(0, || format!("expected a path on `{}`, not on `{wanted}`", kind.name()));
                Known::Nothing
            }
            Known::Nothing => Known::Nothing,
            Known::Choice(_) | Known::System(_) | Known::Open => {
                bound.push(Step::Type(*name));
                name.fhir.filter(|kind| matches!(kind, Kind::Structure(one) if one.resource)).map_or(Known::Open, Known::Kind)
            }
        }
    }

    fn name(&mut self, name: &Name, from: Known, bound: &mut Vec<Step>) -> Known {
        let on = match &from {
            Known::Kind(Kind::Structure(structure)) => Some(*structure),
            Known::Kind(Kind::Primitive(_)) => element(),
            Known::Nothing => return from,
            Known::Choice(_) | Known::System(_) | Known::Open => None,
        };
        let Some(on) = on else {
            bound.push(Step::Name(name.clone()));
            return Known::Open;
        };
        let Some((element, members)) = members(on, &name.text) else {
            self.note(name.at, || format!("`{}` has no element `{}`", on.name, name.text));
            return Known::Nothing;
        };
        let found = Arc::new(Bound { on, element, members });
        bound.push(Step::Name(Name { bound: Some(Arc::clone(&found)), ..name.clone() }));
        chosen(found)
    }

    fn call(&mut self, call: &Call, known: Known, this: &Known, bound: &mut Vec<Step>) -> Known {
        let nothing = matches!(known, Known::Nothing);
        let each = match (call.function.asks_each(), &known) {
            (false, _) => this.clone(),
            (true, Known::Choice(_)) | (true, Known::Nothing) => Known::Open,
            // What is repeated may be of any type that a repetition yields.
            (true, _) if call.function == Function::Repeat => Known::Open,
            (true, _) => known.clone(),
        };
        // What an aggregation starts from is asked of the focus.
        let asked = |place| if call.function == Function::Aggregate && place == 1 { this } else { &each };
        let arguments = call.arguments.iter().enumerate();
        let (arguments, kinds): (Vec<Expr>, Vec<Known>) = arguments.map(|(place, argument)| self.expr(argument, asked(place))).unzip();
        if let (Function::Iif, Some(Known::System(kind))) = (call.function, kinds.first())
            && *kind != SystemType::Boolean
        {
            self.note(call.at, || format!("expected a Boolean as criterion, not a {}", kind.name()));
        }
        if nothing && call.function.needs_input() {
            return Known::Nothing;
        }
        bound.push(Step::Call(Box::new(Call { arguments, ..call.clone() })));
        result(call.function, known, kinds.into_iter().next())
    }
}

fn chosen(found: Arc<Bound>) -> Known {
    match found.members.as_slice() {
        [one] => one.kind.map_or(Known::Open, known),
        _ => Known::Choice(found),
    }
}

/// `is`, `as` and `ofType`: of a choice, the members that fit.
fn tested(test: Test, name: &TypeName, from: Known, bound: &mut Vec<Step>) -> Known {
    match (test, from) {
        (_, Known::Nothing) => Known::Nothing,
        (Test::Is, _) => {
            bound.push(Step::Test(test, *name));
            Known::System(SystemType::Boolean)
        }
        (Test::As, Known::Choice(choice)) => {
            let fits = |member: &&Member| member.kind.is_some_and(|kind| name.keeps(kind));
            let members: Vec<Member> = choice.members.iter().filter(fits).copied().collect();
            let narrowed = Arc::new(Bound { on: choice.on, element: choice.element, members });
            match bound.last_mut() {
                Some(Step::Name(last)) if !narrowed.members.is_empty() => {
                    last.bound = Some(Arc::clone(&narrowed));
                    chosen(narrowed)
                }
                _ => Known::Nothing,
            }
        }
        (Test::As, Known::Kind(kind)) if name.keeps(kind) => Known::Kind(kind),
        (Test::As, from) => {
            bound.push(Step::Test(test, *name));
            match (from, name.fhir) {
                (Known::Open, Some(kind)) => known(kind),
                _ => Known::Open,
            }
        }
    }
}

/// What a function yields.
fn result(function: Function, input: Known, argument: Option<Known>) -> Known {
    match function {
        Function::Where
        | Function::Single
        | Function::First
        | Function::Last
        | Function::Tail
        | Function::Skip
        | Function::Take
        | Function::Distinct
        | Function::Sort
        | Function::Trace
        | Function::Exclude
        | Function::CheckModifiers => match input {
            Known::Choice(_) => Known::Open,
            other => other,
        },
        Function::Select => match argument {
            Some(Known::Choice(_)) | None => Known::Open,
            Some(other) => other,
        },
        Function::Extension => {
            crate::fhir::definitions::structure("Extension").map_or(Known::Open, |found| Known::Kind(Kind::Structure(found)))
        }
        Function::Empty
        | Function::Exists
        | Function::All
        | Function::Not
        | Function::HasValue
        | Function::HasExtension
        | Function::StartsWith
        | Function::EndsWith
        | Function::Matches
        | Function::ConvertsTo(_) => Known::System(SystemType::Boolean),
        Function::Count | Function::Length | Function::IndexOf => Known::System(SystemType::Integer),
        _ => Known::Open,
    }
}

/// The element of this name with the members that may hold it.
fn members(on: &'static Structure, name: &str) -> Option<(&'static Element, Vec<Member>)> {
    let (at, element) = (0_u16..).zip(&on.elements).find(|(_, element)| element.name == name)?;
    let member = |(number, kind)| Some(Member { name: on.member_name(at, number)?, kind: Kind::of(kind) });
    Some((element, (0_u16..).zip(&element.types).filter_map(member).take(if element.choice { usize::MAX } else { 1 }).collect()))
}

fn is_arithmetic(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Times | Operator::Divide | Operator::Div | Operator::Mod | Operator::Plus | Operator::Minus | Operator::Join
    )
}

fn is_about_order(step: &Step) -> bool {
    let about = |function| matches!(function, Function::First | Function::Last | Function::Tail | Function::Skip | Function::Take);
    matches!(step, Step::Item(_)) || matches!(step, Step::Call(call) if about(call.function))
}

fn place(step: &Step) -> u32 {
    match step {
        Step::Call(call) => call.at,
        Step::Name(name) => name.at,
        Step::Type(_) | Step::Item(_) | Step::Test(..) => 0,
    }
}
