//! Whether there is something (FHIRPath N1 #existence).

use super::super::datum::Datum;
use super::super::expr::Call;
use super::super::function::Function as F;
use super::super::items::Items;
use super::super::node::Node;
use super::{EvalError, Evaluator, Outcome, Scope, boolean};

impl<'v> Evaluator<'_, 'v> {
    pub(super) fn existence(&mut self, call: &Call, input: &Items<'v>, scope: Scope<'_, 'v>) -> Outcome<'v> {
        let found = match (call.function, call.arguments.first()) {
            (F::Empty, _) => input.is_empty(),
            (F::Exists, None) => !input.is_empty(),
            (F::Exists, Some(criterion)) => {
                let mut found = false;
                for (index, item) in input.iter().enumerate() {
                    found = self.truth(criterion, scope.with(item, index))? == Some(true);
                    if found {
                        break;
                    }
                }
                found
            }
            (F::All, Some(criterion)) => {
                let mut all = true;
                for (index, item) in input.iter().enumerate() {
                    all = self.truth(criterion, scope.with(item, index))? == Some(true);
                    if !all {
                        break;
                    }
                }
                all
            }
            (F::AllTrue, _) => truths(input)?.iter().all(|value| *value),
            (F::AnyTrue, _) => truths(input)?.contains(&true),
            (F::AllFalse, _) => truths(input)?.iter().all(|value| !value),
            (F::AnyFalse, _) => truths(input)?.contains(&false),
            (F::SubsetOf, _) => {
                let other = self.argument(call, 0, scope)?;
                self.is_subset(input, &other)?
            }
            (F::SupersetOf, _) => {
                let other = self.argument(call, 0, scope)?;
                self.is_subset(&other, input)?
            }
            _ => return Ok(Items::None),
        };
        Ok(Items::one(Datum::Boolean(found)))
    }

    pub(super) fn counted(&mut self, function: F, input: Items<'v>) -> Outcome<'v> {
        match function {
            F::Count => Ok(i32::try_from(input.len()).map_or(Items::None, |count| Items::one(Datum::Integer(count)))),
            F::Distinct => self.distinct(input),
            F::IsDistinct => {
                let count = input.len();
                Ok(Items::one(Datum::Boolean(self.distinct(input)?.len() == count)))
            }
            _ => Ok(boolean(input.as_slice())?.map(|value| Node::Datum(Datum::Boolean(!value))).into()),
        }
    }
}

fn truths(input: &Items<'_>) -> Result<Vec<bool>, EvalError> {
    let truth = |node: &Node<'_>| match node.datum() {
        Some(Datum::Boolean(value)) => Ok(value),
        _ => Err(EvalError::Type { expected: "a Boolean", found: node.type_name().1 }),
    };
    input.iter().map(truth).collect()
}
