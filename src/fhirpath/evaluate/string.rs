//! Functions of texts (FHIRPath N1 #string-manipulation). Places count characters.

use super::super::datum::{Datum, Text};
use super::super::expr::Call;
use super::super::function::Function as F;
use super::super::items::Items;
use super::super::node::Node;
use super::{EvalError, Evaluator, Outcome, Scope, single_datum, single_integer};

impl<'v> Evaluator<'_, 'v> {
    pub(super) fn string(&mut self, call: &Call, input: &Items<'v>, scope: Scope<'_, 'v>) -> Outcome<'v> {
        let Some(text) = single_text(input)? else { return Ok(Items::None) };
        self.charge(if call.function == F::ToChars { text.len() } else { text.len() / 8 })?;
        if call.function == F::Substring {
            return self.substring(&text, call, scope);
        }
        let made = match call.arguments.first() {
            None => return Ok(plain(call.function, &text)),
            Some(first) => {
                let first = self.expr(first, scope)?;
                let Some(sought) = single_text(&first)? else { return Ok(Items::None) };
                // Looking for a text costs what looking through both does.
                self.charge(sought.len() / 8)?;
                match call.function {
                    F::IndexOf => count(text.find(&*sought).map(|at| before(&text, at))),
                    F::LastIndexOf => count(text.rfind(&*sought).map(|at| before(&text, at))),
                    F::StartsWith => Some(Datum::Boolean(text.starts_with(&*sought))),
                    F::EndsWith => Some(Datum::Boolean(text.ends_with(&*sought))),
                    F::Contains => Some(Datum::Boolean(text.contains(&*sought))),
                    F::Replace => return self.replace(&text, &sought, call, scope),
                    _ => return self.split(&text, &sought),
                }
            }
        };
        Ok(made.map(Node::Datum).into())
    }

    /// `substring(start, length)`.
    fn substring(&mut self, text: &str, call: &Call, scope: Scope<'_, 'v>) -> Outcome<'v> {
        let start = single_integer(&self.argument(call, 0, scope)?)?;
        let length = match call.arguments.get(1) {
            Some(length) => single_integer(&self.expr(length, scope)?)?,
            None => None,
        };
        let Some(start) = start.and_then(|start| usize::try_from(start).ok()) else { return Ok(Items::None) };
        let Some(from) = text.char_indices().nth(start).map(|(at, _)| at) else { return Ok(Items::None) };
        let rest = text.get(from..).unwrap_or("");
        let length = length.map(|length| usize::try_from(length).unwrap_or(0));
        let end = length.and_then(|length| rest.char_indices().nth(length)).map_or(rest.len(), |(at, _)| at);
        Ok(Items::one(Datum::text(rest.get(..end).unwrap_or(""))))
    }

    fn replace(&mut self, text: &str, sought: &str, call: &Call, scope: Scope<'_, 'v>) -> Outcome<'v> {
        let with = self.argument(call, 1, scope)?;
        let Some(with) = single_text(&with)? else { return Ok(Items::None) };
        let times = if sought.is_empty() { text.len() + 1 } else { text.matches(sought).count() };
        self.charge(times.saturating_mul(with.len() + 1) / 8)?;
        Ok(Items::one(Datum::text(text.replace(sought, &with))))
    }

    fn split(&mut self, text: &str, separator: &str) -> Outcome<'v> {
        if separator.is_empty() {
            self.charge(text.len())?;
            return Ok(plain(F::ToChars, text));
        }
        self.charge(text.matches(separator).count())?;
        Ok(text.split(separator).map(|part| Node::Datum(Datum::text(part))).collect())
    }

    /// `join(separator)`, of a collection of texts.
    pub(super) fn join(&mut self, call: &Call, input: &Items<'v>, scope: Scope<'_, 'v>) -> Outcome<'v> {
        let separator = self.argument(call, 0, scope)?;
        let separator = single_text(&separator)?.unwrap_or(Text::Tree(""));
        let mut joined = String::new();
        for (place, item) in input.iter().enumerate() {
            let text = item.as_str().ok_or(EvalError::Type { expected: "a String", found: item.type_name().1 })?;
            self.charge((text.len() + separator.len()) / 8)?;
            if place > 0 {
                joined.push_str(&separator);
            }
            joined.push_str(text);
        }
        Ok(if input.is_empty() { Items::None } else { Items::one(Datum::text(joined)) })
    }
}

/// Functions without argument.
fn plain<'v>(function: F, text: &str) -> Items<'v> {
    let made = match function {
        F::Upper => Some(Datum::text(text.to_uppercase())),
        F::Lower => Some(Datum::text(text.to_lowercase())),
        F::Length => i32::try_from(text.chars().count()).ok().map(Datum::Integer),
        F::Trim => Some(Datum::text(text.trim())),
        _ => return text.chars().map(|c| Node::Datum(Datum::text(c))).collect(),
    };
    made.map(Node::Datum).into()
}

/// How many characters stand before a byte.
fn before(text: &str, at: usize) -> usize {
    text.get(..at).map_or(0, |before| before.chars().count())
}

fn count<'v>(found: Option<usize>) -> Option<Datum<'v>> {
    found.map_or(Some(-1), |place| i32::try_from(place).ok()).map(Datum::Integer)
}

/// The one text of a collection.
pub(super) fn single_text<'v>(items: &Items<'v>) -> Result<Option<Text<'v>>, EvalError> {
    match single_datum(items, "a String")? {
        None => Ok(None),
        Some(Datum::String(text)) => Ok(Some(text)),
        Some(other) => Err(EvalError::Type { expected: "a String", found: other.type_name() }),
    }
}
