//! Filtering, projection and what else asks each item (FHIRPath N1 #filtering-and-projection, #aggregates, #iif).

use std::cmp::Ordering;

use rust_decimal::Decimal;

use super::super::ITEMS_MAX;
use super::super::datum::Datum;
use super::super::expr::{Call, Expr};
use super::super::function::Function as F;
use super::super::items::Items;
use super::super::node::Node;
use super::super::unit::Scale;
use super::combine::Set;
use super::{EvalError, Evaluator, Outcome, Scope, single, single_datum};

impl<'v> Evaluator<'_, 'v> {
    pub(super) fn filter(&mut self, call: &Call, input: Items<'v>, scope: Scope<'_, 'v>) -> Outcome<'v> {
        let Some(first) = call.arguments.first() else {
            return if call.function == F::Sort { self.sort(call, input, scope) } else { Ok(input) };
        };
        match call.function {
            F::Where => {
                let mut kept = Items::None;
                for (index, item) in input.into_iter().enumerate() {
                    if self.truth(first, scope.with(&item, index))? == Some(true) {
                        kept.push(item);
                    }
                }
                Ok(kept)
            }
            F::Select => {
                let mut found = Items::None;
                for (index, item) in input.iter().enumerate() {
                    found.extend(self.expr(first, scope.with(item, index))?);
                    if found.len() > ITEMS_MAX {
                        return Err(EvalError::TooCostly);
                    }
                }
                Ok(found)
            }
            F::Repeat => self.repeat(first, input, scope),
            F::Aggregate => {
                let mut total = self.argument(call, 1, scope)?;
                for (index, item) in input.iter().enumerate() {
                    total = self.expr(first, Scope { this: Some(item), index: Some(index), total: Some(&total) })?;
                }
                Ok(total)
            }
            F::Iif => {
                let this = single(&input)?;
                let scope = Scope { this, ..scope };
                let place = if self.truth(first, scope)? == Some(true) { 1 } else { 2 };
                self.argument(call, place, scope)
            }
            F::Sort => self.sort(call, input, scope),
            // `trace` tells nobody.
            _ => Ok(input),
        }
    }

    /// What the projection leads to, and what it leads to from there, each only once.
    fn repeat(&mut self, projection: &Expr, input: Items<'v>, scope: Scope<'_, 'v>) -> Outcome<'v> {
        let mut found = Set::default();
        let mut ahead = input.into_vec();
        while !ahead.is_empty() {
            let mut next = Vec::new();
            for (index, item) in ahead.iter().enumerate() {
                for child in self.expr(projection, scope.with(item, index))? {
                    if self.insert(&mut found, &child)? {
                        next.push(child);
                    }
                }
            }
            ahead = next;
        }
        Ok(found.into_items())
    }

    /// By the keys in turn, a key with a minus from the greatest down; an item without key comes first either way.
    fn sort(&mut self, call: &Call, input: Items<'v>, scope: Scope<'_, 'v>) -> Outcome<'v> {
        let mut keyed = Vec::with_capacity(input.len());
        for (index, item) in input.into_iter().enumerate() {
            let mut keys = Vec::with_capacity(call.arguments.len().max(1));
            for argument in &call.arguments {
                let (key, down) = if let Expr::Minus(key) = argument { (&**key, true) } else { (argument, false) };
                let value = self.expr(key, scope.with(&item, index))?;
                keys.push((Key::of(single_datum(&value, "a value to sort by")?), down));
            }
            if call.arguments.is_empty() {
                keys.push((Key::of(item.datum()), false));
            }
            self.charge(keys.iter().map(|(key, _)| if let Key::Text(text) = key { 1 + text.len() / 8 } else { 1 }).sum())?;
            keyed.push((keys, item));
        }
        keyed.sort_by(|(one, _), (two, _)| {
            let orders = one.iter().zip(two).map(|((one, down), (two, _))| match (one, two) {
                (Key::None, _) | (_, Key::None) => one.cmp(two),
                _ if *down => two.cmp(one),
                _ => one.cmp(two),
            });
            orders.fold(Ordering::Equal, Ordering::then)
        });
        Ok(keyed.into_iter().map(|(_, item): (_, Node<'v>)| item).collect())
    }
}

/// What items are sorted by. INVARIANT: a total order, whatever the values.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    None,
    Boolean(bool),
    Number(Decimal),
    Text(String),
    Moment(i64),
    Quantity(String, Decimal),
}

impl Key {
    fn of(datum: Option<Datum<'_>>) -> Self {
        match datum {
            None => Self::None,
            Some(Datum::Boolean(value)) => Self::Boolean(value),
            Some(Datum::Integer(number)) => Self::Number(number.into()),
            Some(Datum::Decimal(number)) => Self::Number(number),
            Some(Datum::Temporal(temporal)) => Self::Moment(temporal.start - i64::from(temporal.zone.unwrap_or(0)) * 60_000_000),
            Some(Datum::Quantity(quantity)) => {
                let scale = Scale::parse(quantity.code());
                let base = scale.and_then(|scale| Some((format!("{:?}", scale.dimensions), scale.base(quantity.value)?)));
                let (unit, value) = base.unwrap_or_else(|| (quantity.code().to_owned(), quantity.value));
                Self::Quantity(unit, value)
            }
            Some(other) => Self::Text(other.to_string()),
        }
    }
}
