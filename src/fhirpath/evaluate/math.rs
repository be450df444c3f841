//! Functions of numbers (FHIRPath N1 #math). Roots, powers and logarithms that are not whole have the 15 digits of a double.

use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};

use super::super::datum::Datum;
use super::super::expr::Call;
use super::super::function::Function as F;
use super::super::items::Items;
use super::super::node::Node;
use super::super::quantity::{Quantity, rounded};
use super::{EvalError, Evaluator, Outcome, Scope, single_datum, single_integer};

impl<'v> Evaluator<'_, 'v> {
    pub(super) fn math(&mut self, call: &Call, input: &Items<'v>, scope: Scope<'_, 'v>) -> Outcome<'v> {
        let Some(datum) = single_datum(input, "a number")? else { return Ok(Items::None) };
        if let (F::Abs, Datum::Quantity(quantity)) = (call.function, &datum) {
            return Ok(Items::one(Datum::Quantity(Quantity { value: quantity.value.abs(), ..quantity.clone() })));
        }
        let number = datum.number().ok_or(EvalError::Type { expected: "a number", found: datum.type_name() })?;
        let made = match call.function {
            F::Abs => match datum {
                Datum::Integer(number) => number.checked_abs().map(Datum::Integer),
                _ => Some(Datum::Decimal(number.abs())),
            },
            F::Ceiling => number.ceil().to_i32().map(Datum::Integer),
            F::Floor => number.floor().to_i32().map(Datum::Integer),
            F::Truncate => number.trunc().to_i32().map(Datum::Integer),
            F::Exp => double(number, f64::exp),
            F::Ln => double(number, f64::ln),
            F::Sqrt => double(number, f64::sqrt),
            F::Round => {
                let digits = single_integer(&self.argument(call, 0, scope)?)?.unwrap_or(0);
                let digits = u32::try_from(digits).map_err(|_| EvalError::Argument("expected a number of digits that is not negative"))?;
                Some(Datum::Decimal(rounded(number, digits)))
            }
            _ => {
                let argument = self.argument(call, 0, scope)?;
                let Some(argument) = single_datum(&argument, "a number")? else { return Ok(Items::None) };
                let other = argument.number().ok_or(EvalError::Type { expected: "a number", found: argument.type_name() })?;
                match (call.function, &datum, &argument) {
                    (F::Log, ..) => other.to_f64().and_then(|base| double(number, |number| number.log(base))),
                    (_, Datum::Integer(base), Datum::Integer(exponent)) if *exponent >= 0 => {
                        u32::try_from(*exponent).ok().and_then(|exponent| base.checked_pow(exponent)).map(Datum::Integer)
                    }
                    _ => power(number, other),
                }
            }
        };
        Ok(made.map(Node::Datum).into())
    }
}

/// Nothing where the result is no number.
fn double<'v>(number: Decimal, function: impl Fn(f64) -> f64) -> Option<Datum<'v>> {
    number.to_f64().map(function).filter(|result| result.is_finite()).and_then(Decimal::from_f64).map(Datum::Decimal)
}

/// A small whole exponent is multiplied out.
fn power<'v>(base: Decimal, exponent: Decimal) -> Option<Datum<'v>> {
    const MULTIPLIED_MAX: u32 = 64;
    match exponent.to_u32().filter(|times| exponent.is_integer() && *times <= MULTIPLIED_MAX) {
        Some(times) => (0..times).try_fold(Decimal::ONE, |product, _| product.checked_mul(base)).map(Datum::Decimal),
        None => exponent.to_f64().and_then(|exponent| double(base, |base| base.powf(exponent))),
    }
}
