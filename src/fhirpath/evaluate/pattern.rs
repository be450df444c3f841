//! Regular expressions (FHIRPath N1 #matches). A pattern too large to compile is refused, and a large one costs more steps for each byte.

use regex::{Regex, RegexBuilder};

use super::super::datum::Datum;
use super::super::expr::{Call, Expr};
use super::super::function::Function as F;
use super::super::items::Items;
use super::string::single_text;
use super::{EvalError, Evaluator, Outcome, Scope};

/// The largest compiled form in bytes, with the steps for each byte of a text, as measured on patterns made to be slow. R4's largest
/// (eld-19) is of the last size.
const SIZES: [(usize, usize); 3] = [(1 << 14, 1), (1 << 16, 8), (1 << 19, 512)];
/// What compiling costs in steps.
const COMPILE_STEPS: usize = 20_000;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    /// The steps for each byte of a text.
    weight: usize,
}

impl<'v> Evaluator<'_, 'v> {
    pub(super) fn pattern(&mut self, call: &Call, input: &Items<'v>, scope: Scope<'_, 'v>) -> Outcome<'v> {
        let Some(text) = single_text(input)? else { return Ok(Items::None) };
        let Some(argument) = call.arguments.first() else { return Ok(Items::None) };
        let pattern = self.expr(argument, scope)?;
        let Some(pattern) = single_text(&pattern)? else { return Ok(Items::None) };
        let own;
        // A literal is compiled once.
        let compiled = if matches!(argument, Expr::Literal(_)) {
            if call.pattern.get().is_none() {
                self.charge(COMPILE_STEPS)?;
            }
            call.pattern.get_or_init(|| compile(&pattern, call.function)).as_ref()
        } else {
            self.charge(COMPILE_STEPS)?;
            own = compile(&pattern, call.function);
            own.as_ref()
        };
        let Some(Pattern { regex, weight }) = compiled else {
            return Err(EvalError::Argument("a regular expression that cannot be read"));
        };
        self.charge(text.len().saturating_mul(*weight))?;
        if call.function != F::ReplaceMatches {
            return Ok(Items::one(Datum::Boolean(regex.is_match(&text))));
        }
        let with = self.argument(call, 1, scope)?;
        let Some(with) = single_text(&with)? else { return Ok(Items::None) };
        if pattern.is_empty() {
            return Ok(Items::one(Datum::String(text)));
        }
        self.charge((text.len() + 1).saturating_mul(with.len() + 1) / 8)?;
        Ok(Items::one(Datum::text(regex.replace_all(&text, &*with))))
    }
}

/// A point stands for any character, an end of line too (FHIRPath N1 #matches).
fn compile(pattern: &str, function: F) -> Option<Pattern> {
    let whole = (function == F::MatchesFull).then(|| format!("^(?:{pattern})$"));
    let pattern = whole.as_deref().unwrap_or(pattern);
    SIZES.iter().find_map(|(size, weight)| {
        let regex = RegexBuilder::new(pattern).dot_matches_new_line(true).size_limit(*size).dfa_size_limit(1 << 19).build().ok()?;
        Some(Pattern { regex, weight: *weight })
    })
}
