//! Collections as sets (FHIRPath N1 #combining, #subsetting).

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use super::super::datum::Datum;
use super::super::expr::{Call, Expr};
use super::super::function::Function as F;
use super::super::items::Items;
use super::super::node::Node;
use super::super::unit::Scale;
use super::{EvalError, Evaluator, Outcome, Scope};

/// Sets of so few items are looked through.
const FEW: usize = 8;

/// Items that are all different, in order.
#[derive(Default)]
pub(super) struct Set<'v> {
    items: Vec<Node<'v>>,
    /// The places of items by their hash, once there are more than a few.
    places: HashMap<u64, Vec<usize>>,
}

impl<'v> Set<'v> {
    pub(super) fn into_items(self) -> Items<'v> {
        self.items.into_iter().collect()
    }

    fn push(&mut self, node: Node<'v>) {
        self.items.push(node);
        let from = match self.items.len() {
            count if count <= FEW => return,
            count if self.places.is_empty() && count > 0 => 0,
            count => count - 1,
        };
        for (place, item) in self.items.iter().enumerate().skip(from) {
            self.places.entry(bucket(item)).or_default().push(place);
        }
    }
}

impl<'v> Evaluator<'_, 'v> {
    pub(super) fn combine(&mut self, call: &Call, input: Items<'v>, scope: Scope<'_, 'v>) -> Outcome<'v> {
        let other = self.argument(call, 0, scope)?;
        self.charge(input.len() + other.len())?;
        match call.function {
            F::Combine => {
                let mut all = input;
                all.extend(other);
                Ok(all)
            }
            F::Union => self.distinct(input.into_iter().chain(other).collect()),
            F::Exclude => self.kept(input, &other, false),
            _ => {
                let kept = self.kept(input, &other, true)?;
                self.distinct(kept)
            }
        }
    }

    /// `a | b | c`.
    pub(super) fn union_of(&mut self, parts: &[Expr], scope: Scope<'_, 'v>) -> Outcome<'v> {
        let mut all = Items::None;
        for part in parts {
            let items = self.expr(part, scope)?;
            match (&mut all, items) {
                (_, Items::None) => {}
                (all @ Items::None, items) => *all = items,
                (all, items) => all.extend(items),
            }
        }
        self.distinct(all)
    }

    pub(super) fn distinct(&mut self, items: Items<'v>) -> Outcome<'v> {
        if items.len() < 2 {
            return Ok(items);
        }
        let mut set = Set::default();
        for item in items {
            self.insert(&mut set, &item)?;
        }
        Ok(set.into_items())
    }

    /// Adds an item that is not yet there.
    pub(super) fn insert(&mut self, set: &mut Set<'v>, node: &Node<'v>) -> Result<bool, EvalError> {
        let new = !self.has(set, node)?;
        if new {
            set.push(node.clone());
        }
        Ok(new)
    }

    fn has(&mut self, set: &Set<'v>, node: &Node<'v>) -> Result<bool, EvalError> {
        self.charge(1 + node.as_str().map_or(0, str::len) / 64)?;
        if set.items.len() <= FEW {
            for item in &set.items {
                if self.equal(item, node)? == Some(true) {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        for place in set.places.get(&bucket(node)).into_iter().flatten() {
            if let Some(item) = set.items.get(*place)
                && self.equal(item, node)? == Some(true)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn set(&mut self, items: &Items<'v>) -> Result<Set<'v>, EvalError> {
        let mut set = Set::default();
        for item in items.iter() {
            self.insert(&mut set, item)?;
        }
        Ok(set)
    }

    fn kept(&mut self, items: Items<'v>, other: &Items<'v>, inside: bool) -> Outcome<'v> {
        let other = self.set(other)?;
        let mut kept = Items::None;
        for item in items {
            if self.has(&other, &item)? == inside {
                kept.push(item);
            }
        }
        Ok(kept)
    }

    pub(super) fn is_subset(&mut self, one: &Items<'v>, of: &Items<'v>) -> Result<bool, EvalError> {
        let of = self.set(of)?;
        for item in one.iter() {
            if !self.has(&of, item)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether an item is in a collection, which is looked through once.
    pub(super) fn is_in(&mut self, item: &Node<'v>, items: &Items<'v>) -> Result<bool, EvalError> {
        for other in items.iter() {
            if self.equal(item, other)? == Some(true) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// A hash that equal items share.
fn bucket(node: &Node<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    match node.datum() {
        Some(Datum::Boolean(value)) => value.hash(&mut hasher),
        Some(Datum::String(text)) => text.hash(&mut hasher),
        Some(Datum::Temporal(temporal)) => (temporal.start - i64::from(temporal.zone.unwrap_or(0)) * 60_000_000).hash(&mut hasher),
        Some(datum) => {
            // A number equals a quantity without dimension that is as much.
            let quantity = datum.quantity();
            let plain = quantity.and_then(|quantity| {
                let scale = Scale::parse(quantity.code()).filter(|scale| scale.dimensions == [0; 8])?;
                scale.base(quantity.value)
            });
            plain.map(|value| value.normalize()).hash(&mut hasher);
        }
        None => {
            let members = node.value().and_then(Value::as_object).into_iter().flatten();
            // In any order.
            let sum = members.fold(0_u64, |sum, (name, value)| {
                let mut member = DefaultHasher::new();
                (name, value.as_str()).hash(&mut member);
                sum.wrapping_add(member.finish())
            });
            sum.hash(&mut hasher);
        }
    }
    hasher.finish()
}
