//! Sums, products and texts joined (FHIRPath N1 #math, #datetime-arithmetic). What overflows yields nothing, as does a division by zero.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::super::datum::{Datum, Text};
use super::super::expr::{Expr, Operator};
use super::super::items::Items;
use super::super::node::Node;
use super::super::quantity::{Calendar, Quantity};
use super::super::temporal::{Class, Precision, Temporal};
use super::{EvalError, Evaluator, Outcome, Scope, single_datum};

const DAY: i64 = 86_400_000_000;

impl<'v> Evaluator<'_, 'v> {
    pub(super) fn minus(&mut self, inner: &Expr, scope: Scope<'_, 'v>) -> Outcome<'v> {
        let items = self.expr(inner, scope)?;
        let Some(datum) = single_datum(&items, "a number")? else { return Ok(Items::None) };
        let negative = match datum {
            Datum::Integer(number) => number.checked_neg().map(Datum::Integer),
            Datum::Decimal(number) => Some(Datum::Decimal(-number)),
            Datum::Quantity(quantity) => Some(Datum::Quantity(Quantity { value: -quantity.value, ..quantity })),
            other => return Err(EvalError::Type { expected: "a number", found: other.type_name() }),
        };
        Ok(negative.map(Node::Datum).into())
    }

    pub(super) fn arithmetic(&mut self, operator: Operator, left: &Items<'v>, right: &Items<'v>) -> Outcome<'v> {
        let (one, two) = (single_datum(left, "a value")?, single_datum(right, "a value")?);
        if operator == Operator::Join {
            return self.join_texts(one, two);
        }
        let (Some(one), Some(two)) = (one, two) else { return Ok(Items::None) };
        let computed = match (operator, &one, &two) {
            (Operator::Plus, Datum::String(before), Datum::String(after)) => Some(Datum::String(self.joined(before, after)?)),
            (Operator::Plus | Operator::Minus, Datum::Temporal(from), Datum::Quantity(length)) => {
                shifted(from, length, operator == Operator::Minus)
                    .ok_or(EvalError::Operands(operator.sign(), one.type_name(), two.type_name()))?
                    .map(Datum::Temporal)
            }
            (_, Datum::Integer(one), Datum::Integer(two)) => integers(operator, *one, *two),
            _ => match (one.number(), two.number(), one.quantity(), two.quantity()) {
                (Some(one), Some(two), ..) => decimals(operator, one, two),
                (.., Some(left), Some(right)) => {
                    self.charge(left.code().len() + right.code().len())?;
                    quantities(operator, &left, &right).ok_or(EvalError::Operands(operator.sign(), one.type_name(), two.type_name()))?
                }
                _ => return Err(EvalError::Operands(operator.sign(), one.type_name(), two.type_name())),
            },
        };
        Ok(computed.map(Node::Datum).into())
    }

    /// `&`: what is missing is an empty text.
    fn join_texts(&mut self, one: Option<Datum<'v>>, two: Option<Datum<'v>>) -> Outcome<'v> {
        let text = |datum: Option<Datum<'v>>| match datum {
            None => Ok(Text::Tree("")),
            Some(Datum::String(text)) => Ok(text),
            Some(other) => Err(EvalError::Type { expected: "a String", found: other.type_name() }),
        };
        let joined = self.joined(&text(one)?, &text(two)?)?;
        Ok(Items::one(Datum::String(joined)))
    }

    fn joined(&mut self, before: &str, after: &str) -> Result<Text<'v>, EvalError> {
        self.charge((before.len() + after.len()) / 8)?;
        Ok(format!("{before}{after}").into())
    }
}

fn integers<'v>(operator: Operator, one: i32, two: i32) -> Option<Datum<'v>> {
    match operator {
        Operator::Plus => one.checked_add(two).map(Datum::Integer),
        Operator::Minus => one.checked_sub(two).map(Datum::Integer),
        Operator::Times => one.checked_mul(two).map(Datum::Integer),
        Operator::Div => one.checked_div(two).map(Datum::Integer),
        Operator::Mod => one.checked_rem(two).map(Datum::Integer),
        _ => decimals(operator, one.into(), two.into()),
    }
}

fn decimals<'v>(operator: Operator, one: Decimal, two: Decimal) -> Option<Datum<'v>> {
    match operator {
        Operator::Plus => one.checked_add(two),
        Operator::Minus => one.checked_sub(two),
        Operator::Times => one.checked_mul(two),
        Operator::Div => return one.checked_div(two)?.trunc().to_i32().map(Datum::Integer),
        Operator::Mod => one.checked_rem(two),
        _ => one.checked_div(two),
    }
    .map(Datum::Decimal)
}

/// `None` for an operator that quantities do not have.
fn quantities<'v>(operator: Operator, one: &Quantity<'v>, two: &Quantity<'v>) -> Option<Option<Datum<'v>>> {
    let negative = || Quantity { value: -two.value, ..two.clone() };
    let computed = match operator {
        Operator::Plus => one.plus(two),
        Operator::Minus => one.plus(&negative()),
        Operator::Times => one.times(two, false),
        Operator::Divide => one.times(two, true),
        _ => return None,
    };
    Some(computed.map(Datum::Quantity))
}

/// A date or time moved by a length of time; `None` for what is no such length, or none of a time of day.
///
/// Of years down to minutes only the whole part counts. A length finer than the date's precision counts in whole units of it.
fn shifted(from: &Temporal, length: &Quantity<'_>, back: bool) -> Option<Option<Temporal>> {
    let calendar = length.calendar()?;
    if from.class == Class::Time && matches!(calendar, Calendar::Year | Calendar::Month | Calendar::Week | Calendar::Day) {
        return None;
    }
    let value = if back { -length.value } else { length.value };
    Some(moved(from, calendar, value))
}

fn moved(from: &Temporal, calendar: Calendar, value: Decimal) -> Option<Temporal> {
    let whole = || value.trunc().to_i64();
    let Some(unit) = calendar.micros() else {
        let months = if calendar == Calendar::Year { whole()?.checked_mul(12)? } else { whole()? };
        return from.add_months(if from.precision == Precision::Year { months / 12 * 12 } else { months });
    };
    let micros = match calendar {
        Calendar::Second | Calendar::Millisecond => value.checked_mul(unit.into())?.trunc().to_i64()?,
        _ => whole()?.checked_mul(unit)?,
    };
    match from.precision {
        // A year has 365 days and a month 30 where no date says more.
        Precision::Year => from.add_months((micros / (365 * DAY)).checked_mul(12)?),
        Precision::Month => from.add_months(micros / (30 * DAY)),
        Precision::Day => from.add_micros(micros / DAY * DAY),
        Precision::Hour => from.add_micros(micros / 3_600_000_000 * 3_600_000_000),
        Precision::Minute => from.add_micros(micros / 60_000_000 * 60_000_000),
        Precision::Second => {
            let digits = if micros % 1_000_000 == 0 { from.digits } else { from.digits.max(3) };
            Temporal { digits, ..*from }.add_micros(micros)
        }
    }
}
