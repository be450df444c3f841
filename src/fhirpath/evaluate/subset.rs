//! Some of the items by their place (FHIRPath N1 #subsetting).

use super::super::expr::{Call, Expr};
use super::super::function::Function as F;
use super::super::items::Items;
use super::{Evaluator, Outcome, Scope, single, single_integer};

impl<'v> Evaluator<'_, 'v> {
    /// `[n]`.
    pub(super) fn item(&mut self, items: Items<'v>, index: &Expr, scope: Scope<'_, 'v>) -> Outcome<'v> {
        let index = single_integer(&self.expr(index, scope)?)?;
        Ok(index.and_then(|index| usize::try_from(index).ok()).map(|index| items.nth(index)).unwrap_or_default())
    }

    pub(super) fn subset(&mut self, call: &Call, input: Items<'v>, scope: Scope<'_, 'v>) -> Outcome<'v> {
        match call.function {
            F::Single => Ok(single(&input)?.cloned().into()),
            F::First => Ok(input.nth(0)),
            F::Last => Ok(input.nth(input.len().wrapping_sub(1))),
            F::Tail => Ok(input.into_iter().skip(1).collect()),
            function => {
                let Some(count) = single_integer(&self.argument(call, 0, scope)?)? else { return Ok(Items::None) };
                let count = usize::try_from(count).unwrap_or(0);
                Ok(match function {
                    F::Skip => input.into_iter().skip(count).collect(),
                    _ => input.into_iter().take(count).collect(),
                })
            }
        }
    }
}
