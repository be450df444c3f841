//! Conversions (FHIRPath N1 #conversion).

use rust_decimal::Decimal;

use super::super::datum::{Datum, Text};
use super::super::expr::Call;
use super::super::items::Items;
use super::super::node::Node;
use super::super::quantity::{Calendar, Quantity, Unit, parse_decimal};
use super::super::temporal::{Class, Precision, Temporal};
use super::super::types::SystemType;
use super::{Evaluator, Outcome, Scope, single};

impl<'v> Evaluator<'_, 'v> {
    /// `toX()`: nothing for what cannot be converted.
    pub(super) fn convert(&mut self, kind: SystemType, call: &Call, input: &Items<'v>, scope: Scope<'_, 'v>) -> Outcome<'v> {
        let unit = self.argument(call, 0, scope)?;
        let Some(datum) = single(input)?.and_then(Node::datum) else { return Ok(Items::None) };
        if let Datum::String(text) = &datum {
            self.charge(text.len() / 8)?;
        }
        let converted = converted(kind, datum);
        Ok(match (converted, single(&unit)?.and_then(Node::as_str)) {
            (Some(Datum::Quantity(quantity)), Some(unit)) => in_unit(quantity, unit).map(Node::Datum).into(),
            (converted, _) => converted.map(Node::Datum).into(),
        })
    }

    /// `convertsToX()`.
    pub(super) fn converts(&mut self, kind: SystemType, call: &Call, input: &Items<'v>, scope: Scope<'_, 'v>) -> Outcome<'v> {
        if input.is_empty() {
            return Ok(Items::None);
        }
        let can = !self.convert(kind, call, input, scope)?.is_empty();
        Ok(Items::one(Datum::Boolean(can)))
    }
}

fn in_unit<'v>(quantity: Quantity<'v>, unit: &str) -> Option<Datum<'v>> {
    let unit = Calendar::parse(unit).map_or_else(|| Unit::Code(Text::Own(unit.into())), Unit::Calendar);
    let one = Quantity { value: Decimal::ONE, unit };
    Some(Datum::Quantity(Quantity { value: quantity.value_in(&one)?, ..one }))
}

fn converted(kind: SystemType, datum: Datum<'_>) -> Option<Datum<'_>> {
    match kind {
        SystemType::Boolean => truth(&datum).map(Datum::Boolean),
        SystemType::Integer => match datum {
            Datum::Integer(_) => Some(datum),
            Datum::Boolean(value) => Some(Datum::Integer(value.into())),
            Datum::String(text) => {
                let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
                digits.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten().map(Datum::Integer)
            }
            _ => None,
        },
        SystemType::Decimal => match datum {
            Datum::Boolean(value) => Some(Datum::Decimal(Decimal::from(u8::from(value)))),
            Datum::String(text) => parse_decimal(&text).map(Datum::Decimal),
            other => other.number().map(Datum::Decimal),
        },
        SystemType::String => match datum {
            Datum::String(_) => Some(datum),
            Datum::Type(..) => None,
            other => Some(Datum::text(other.to_string())),
        },
        SystemType::Date => match datum {
            Datum::Temporal(temporal) => (!temporal.is_clock()).then(|| temporal.day()),
            Datum::String(text) => Temporal::date(&text).or_else(|| Temporal::date_time(&text).map(Temporal::day)),
            _ => None,
        }
        .map(Datum::Temporal),
        SystemType::DateTime => match datum {
            Datum::Temporal(temporal) => (!temporal.is_clock()).then(|| temporal.with_class(Class::DateTime)),
            Datum::String(text) => Temporal::date_time(&text),
            _ => None,
        }
        .map(Datum::Temporal),
        SystemType::Time => match datum {
            Datum::Temporal(temporal) => (temporal.is_clock() || temporal.precision >= Precision::Hour).then(|| temporal.clock()),
            Datum::String(text) => Temporal::time(text.strip_prefix('T').unwrap_or(&text)),
            _ => None,
        }
        .map(Datum::Temporal),
        SystemType::Quantity => match datum {
            Datum::Boolean(value) => Some(Quantity::one(Decimal::from(u8::from(value)))),
            Datum::String(text) => Quantity::parse(&text),
            other => other.quantity(),
        }
        .map(Datum::Quantity),
    }
}

fn truth(datum: &Datum<'_>) -> Option<bool> {
    let zero_or_one = |number: Decimal| match number {
        one if one == Decimal::ONE => Some(true),
        zero if zero.is_zero() => Some(false),
        _ => None,
    };
    match datum {
        Datum::Boolean(value) => Some(*value),
        Datum::String(text) if text.len() <= 5 => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" | "1.0" => Some(true),
            "false" | "f" | "no" | "n" | "0" | "0.0" => Some(false),
            _ => None,
        },
        other => other.number().and_then(zero_or_one),
    }
}
