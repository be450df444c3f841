//! Operators between two operands (FHIRPath N1 #operations).

use std::cmp::Ordering;

use super::super::datum::Datum;
use super::super::expr::{Expr, Operator};
use super::super::items::Items;
use super::super::node::Node;
use super::{EvalError, Evaluator, Outcome, Scope, boolean, single, single_datum};

impl<'v> Evaluator<'_, 'v> {
    pub(super) fn chain(&mut self, first: &Expr, rest: &[(Operator, Expr)], scope: Scope<'_, 'v>) -> Outcome<'v> {
        let mut left = self.expr(first, scope)?;
        for (operator, right) in rest {
            left = match operator {
                Operator::And | Operator::Or | Operator::Xor | Operator::Implies => self.logic(*operator, &left, right, scope)?,
                _ => {
                    let right = self.expr(right, scope)?;
                    self.operate(*operator, &left, &right)?
                }
            };
        }
        Ok(left)
    }

    /// Three-valued; the right side is not asked where the left one decides.
    fn logic(&mut self, operator: Operator, left: &Items<'v>, right: &Expr, scope: Scope<'_, 'v>) -> Outcome<'v> {
        let left = boolean(left.as_slice())?;
        let decided = match (operator, left) {
            (Operator::And, Some(false)) => Some(false),
            (Operator::Or, Some(true)) | (Operator::Implies, Some(false)) => Some(true),
            _ => {
                let right = self.truth(right, scope)?;
                match (operator, left, right) {
                    (Operator::And, _, Some(false)) => Some(false),
                    (Operator::And, Some(true), right) => right,
                    (Operator::Or | Operator::Implies, _, Some(true)) => Some(true),
                    (Operator::Or, Some(false), right) | (Operator::Implies, Some(true), right) => right,
                    (Operator::Xor, Some(left), Some(right)) => Some(left != right),
                    _ => None,
                }
            }
        };
        Ok(truth(decided))
    }

    fn operate(&mut self, operator: Operator, left: &Items<'v>, right: &Items<'v>) -> Outcome<'v> {
        match operator {
            Operator::Equal => Ok(truth(self.equal_all(left.as_slice(), right.as_slice())?)),
            Operator::NotEqual => Ok(truth(self.equal_all(left.as_slice(), right.as_slice())?.map(|equal| !equal))),
            Operator::Equivalent => Ok(truth(Some(self.equivalent_all(left.as_slice(), right.as_slice())?))),
            Operator::NotEquivalent => Ok(truth(Some(!self.equivalent_all(left.as_slice(), right.as_slice())?))),
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                Ok(truth(ordered(operator, left, right)?))
            }
            Operator::In => self.membership(left, right),
            Operator::Contains => self.membership(right, left),
            _ => self.arithmetic(operator, left, right),
        }
    }

    fn membership(&mut self, item: &Items<'v>, items: &Items<'v>) -> Outcome<'v> {
        let Some(item) = single(item)? else { return Ok(Items::None) };
        Ok(truth(Some(self.is_in(item, items)?)))
    }
}

fn truth<'v>(value: Option<bool>) -> Items<'v> {
    value.map(|value| Node::Datum(Datum::Boolean(value))).into()
}

/// FHIRPath N1 #comparison.
fn ordered(operator: Operator, left: &Items<'_>, right: &Items<'_>) -> Result<Option<bool>, EvalError> {
    let expected = "something that has an order";
    let (Some(one), Some(two)) = (single_value(left, expected)?, single_value(right, expected)?) else { return Ok(None) };
    let order = match (&one, &two) {
        (Datum::String(one), Datum::String(two)) => Some((**one).cmp(&**two)),
        (Datum::Temporal(one), Datum::Temporal(two)) if one.is_clock() == two.is_clock() => one.compare(two),
        _ => match (one.number(), two.number(), one.quantity(), two.quantity()) {
            (Some(one), Some(two), ..) => Some(one.cmp(&two)),
            (.., Some(one), Some(two)) => one.compare(&two),
            _ => return Err(EvalError::Operands(operator.sign(), one.type_name(), two.type_name())),
        },
    };
    Ok(order.map(|order| match operator {
        Operator::Less => order == Ordering::Less,
        Operator::LessOrEqual => order != Ordering::Greater,
        Operator::Greater => order == Ordering::Greater,
        _ => order != Ordering::Less,
    }))
}

/// A Quantity with a comparator or without value has no order, and is no error.
fn single_value<'v>(items: &Items<'v>, expected: &'static str) -> Result<Option<Datum<'v>>, EvalError> {
    match single(items)? {
        Some(Node::Tree(tree)) if tree.kind.is_quantity() => Ok(items.iter().find_map(Node::datum)),
        _ => single_datum(items, expected),
    }
}
