//! How precise a value is, and the least and greatest it can mean (FHIRPath 3.0 #lowboundary, #highboundary, #precision, #comparable).

use rust_decimal::{Decimal, RoundingStrategy};

use super::super::datum::Datum;
use super::super::expr::Call;
use super::super::function::Function as F;
use super::super::items::Items;
use super::super::node::Node;
use super::super::quantity::Quantity;
use super::super::temporal::{Class, Precision, Temporal, ZONE_EAST_MAX, ZONE_WEST_MAX};
use super::{EvalError, Evaluator, Outcome, Scope, single_datum, single_integer};

/// The digits of a boundary that asks for no number of them.
const DIGITS: u32 = 8;
/// The digits that a Decimal holds.
const DIGITS_MAX: u32 = 28;

impl<'v> Evaluator<'_, 'v> {
    pub(super) fn boundary(&mut self, call: &Call, input: &Items<'v>, scope: Scope<'_, 'v>) -> Outcome<'v> {
        let Some(datum) = single_datum(input, "a value with a precision")? else { return Ok(Items::None) };
        if call.function == F::Comparable {
            let other = self.argument(call, 0, scope)?;
            let other = single_datum(&other, "a Quantity")?.and_then(|other| other.quantity());
            let (Some(one), Some(other)) = (datum.quantity(), other) else { return Ok(Items::None) };
            return Ok(Items::one(Datum::Boolean(one.compare(&other).is_some())));
        }
        let digits = match call.arguments.first() {
            None => None,
            Some(digits) => match single_integer(&self.expr(digits, scope)?)?.map(u32::try_from) {
                None => None,
                Some(Ok(digits)) if digits <= DIGITS_MAX => Some(digits),
                Some(_) => return Ok(Items::None),
            },
        };
        let high = call.function == F::HighBoundary;
        let made = match (call.function, datum) {
            (F::Precision, Datum::Temporal(temporal)) => i32::try_from(temporal_digits(&temporal)).ok().map(Datum::Integer),
            (F::Precision, datum) => datum.number().and_then(|number| i32::try_from(number.scale()).ok()).map(Datum::Integer),
            (_, Datum::Temporal(temporal)) => temporal_bound(&temporal, digits, high).map(Datum::Temporal),
            (_, Datum::Quantity(quantity)) => {
                decimal_bound(quantity.value, digits, high).map(|value| Datum::Quantity(Quantity { value, ..quantity }))
            }
            (_, datum) => {
                let number = datum.number().ok_or(EvalError::Type { expected: "a value with a precision", found: datum.type_name() })?;
                decimal_bound(number, digits, high).map(Datum::Decimal)
            }
        };
        Ok(made.map(Node::Datum).into())
    }
}

/// Half of the last digit's unit away, rounded outwards.
fn decimal_bound(number: Decimal, digits: Option<u32>, high: bool) -> Option<Decimal> {
    let digits = digits.unwrap_or(DIGITS);
    let half = Decimal::try_new(5, number.scale() + 1).ok()?;
    let (bound, outwards) = if high {
        (number.checked_add(half)?, RoundingStrategy::ToPositiveInfinity)
    } else {
        (number.checked_sub(half)?, RoundingStrategy::ToNegativeInfinity)
    };
    let mut bound = bound.round_dp_with_strategy(digits, outwards);
    bound.rescale(digits);
    Some(bound)
}

/// Precisions with the number of digits that name them.
const NAMED: [(u32, Precision); 7] = [
    (4, Precision::Year),
    (6, Precision::Month),
    (8, Precision::Day),
    (10, Precision::Hour),
    (12, Precision::Minute),
    (14, Precision::Second),
    (17, Precision::Second),
];

fn temporal_digits(temporal: &Temporal) -> u32 {
    let named = NAMED.iter().find(|(_, precision)| *precision == temporal.precision).map_or(0, |(digits, _)| *digits);
    let named = if temporal.is_clock() { named - 8 } else { named };
    named + u32::from(temporal.digits)
}

fn temporal_bound(temporal: &Temporal, digits: Option<u32>, high: bool) -> Option<Temporal> {
    let most = match temporal.class {
        Class::Date => 8,
        Class::DateTime => 17,
        Class::Time => 9,
    };
    let digits = digits.unwrap_or(most);
    let named = if temporal.is_clock() { digits + 8 } else { digits };
    let (_, precision) = NAMED.iter().find(|(known, _)| *known == named && digits <= most)?;
    let fraction = if named == 17 { 3 } else { 0 };
    let at = if high { temporal.end().checked_sub(1)? } else { temporal.start };
    let zone = match (temporal.zone, temporal.class, *precision >= Precision::Hour) {
        (None, Class::DateTime, true) => i16::try_from(if high { -ZONE_WEST_MAX } else { ZONE_EAST_MAX }).ok(),
        (zone, _, true) => zone,
        _ => None,
    };
    let bound = Temporal { precision: *precision, digits: fraction, zone, ..*temporal };
    Some(Temporal { start: at, ..bound }.floored())
}
