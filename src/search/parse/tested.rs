//! What one parameter with its modifier and values asks of index rows (FHIR R4 search.html#modifiers, #prefix).

use super::super::composite::Composite;
use super::super::query::MAX_VALUES;
use super::super::registry::SearchParameter;
use super::super::value::{self, split, unescape};
use super::{Parser, SearchError, malformed, not_supported, target, too_many};
use crate::fhir::ResourceType;
use crate::fhir::national::canonical_type_system;
use crate::filter::{Filter, GROUPED, ParamKind, StringTest, Test, any_of_system, fold, head_of_quantity};

impl Parser<'_> {
    /// The filter of one parameter, of the type searched or of the end of a chain.
    pub(super) fn tested(
        &mut self,
        name: &str,
        parameter: &SearchParameter,
        modifier: Option<&str>,
        value: &str,
    ) -> Result<Filter, SearchError> {
        if modifier == Some("missing") {
            return self.missing(name, parameter, value);
        }
        let param = parameter.param;
        let unfit = |message: String| malformed(name, message);
        Ok(match (parameter.kind, modifier) {
            (ParamKind::Token, None) => self.tokens(name, parameter, value)?,
            (ParamKind::Token, Some("not")) => self.tokens(name, parameter, value)?.negate(),
            (ParamKind::Token, Some("of-type")) => {
                Filter::Index(parameter.of_type_param(), Test::Token(self.each(name, value, value::typed)?))
            }
            // The words beside the code are searched as a string.
            (ParamKind::Token, Some("text")) => {
                self.any(name, value, |one| Ok(Filter::Index(parameter.text_param(), string(one, None)?)))?
            }
            (ParamKind::Reference, Some("identifier")) => {
                Filter::Index(parameter.identifier_param(), Test::Token(self.each(name, value, value::token)?))
            }
            (ParamKind::Reference, modifier) => {
                let target = modifier.map(|m| target(name, parameter, m)).transpose()?;
                let values = self.references(name, parameter, target, value)?;
                Filter::Index(param, Test::Reference(values.into_iter().flatten().collect()))
            }
            (ParamKind::Uri, None) => Filter::Index(param, Test::Uri(self.uris(name, value)?)),
            (ParamKind::Uri, Some("above")) => {
                let all: Vec<String> = self.uris(name, value)?.iter().flat_map(|uri| value::above(uri)).collect();
                if all.len() > MAX_VALUES {
                    return Err(too_many(name, format!("more than {MAX_VALUES} values")));
                }
                Filter::Index(param, Test::Uri(all))
            }
            // What decided is told by its whole address.
            (ParamKind::Uri, Some("below")) if !self.context.traces => {
                self.uris(name, value)?.into_iter().fold(Filter::Nothing, |any, uri| any.or(Filter::Index(param, Test::UriBelow(uri))))
            }
            (ParamKind::Date, None) => {
                let now = self.context.now;
                self.any(name, value, |one| Ok(Filter::Index(param, Test::Date(value::date(one, now)?))))?
            }
            (ParamKind::Number, None) => {
                self.any(name, value, |one| Ok(Filter::Index(param, Test::Quantity(Some(String::new()), value::number(one)?))))?
            }
            (ParamKind::Quantity, None) => self.any(name, value, |one| {
                let (unit, test) = value::quantity(one)?;
                Ok(Filter::Index(param, Test::Quantity(unit, test)))
            })?,
            (ParamKind::String, None | Some("exact" | "contains")) => {
                let mut any = Filter::Nothing;
                for one in self.alternatives(name, value)? {
                    any = any.or(Filter::Index(param, string(one, modifier).map_err(unfit)?));
                }
                any
            }
            (_, Some(other)) => {
                return Err(not_supported(name, format!("the modifier `{other}` is not supported by `{}`", parameter.code)));
            }
        })
    }

    /// The filter of a composite, of the type searched or of the end of a chain: each alternative has a value for every part, `$` between.
    pub(super) fn composed(
        &mut self,
        name: &str,
        composite: &Composite,
        modifier: Option<&str>,
        value: &str,
    ) -> Result<Filter, SearchError> {
        if let Some(modifier) = modifier {
            return Err(not_supported(name, format!("the modifier `{modifier}` is not supported by `{}`", composite.code)));
        }
        let mut any = Filter::Nothing;
        let alternatives: Vec<String> = self.alternatives(name, value)?.into_iter().map(ToOwned::to_owned).collect();
        for one in &alternatives {
            let parts = split(one, '$');
            if parts.len() != composite.parts.len() || parts.iter().any(|part| part.is_empty()) {
                return Err(malformed(name, format!("`{one}` needs {} values with `$` between", composite.parts.len())));
            }
            if !composite.whole.is_empty() {
                let mut all = Filter::Everything;
                for (parameter, part) in composite.whole.iter().zip(&parts) {
                    all = all.and(self.tested(name, parameter, None, part)?);
                }
                any = any.or(all);
            }
            if composite.element.is_some() {
                any = any.or(self.grouped(name, composite, &parts)?);
            }
        }
        Ok(any)
    }

    /// What rows keep together.
    fn grouped(&mut self, name: &str, composite: &Composite, parts: &[&str]) -> Result<Filter, SearchError> {
        let unfit = |message: String| malformed(name, message);
        let Some((head, rest)) = parts.split_first() else { return Ok(Filter::Nothing) };
        let head = value::token(head).map_err(unfit)?;
        let head = implied(composite.parts.first().map_or(&[][..], |part| part.systems.as_slice()), head);
        if any_of_system(&head).is_some() {
            return Err(not_supported(name, format!("`{head}` needs a code")));
        }
        let joined = |tail: &str| value::cut(&format!("{head}{GROUPED}{tail}"));
        let param = composite.param;
        Ok(match (rest, composite.parts.last()) {
            ([one, two], _) => {
                let (one, two) = (value::number(one).map_err(unfit)?, value::number(two).map_err(unfit)?);
                Filter::Index(param, Test::Pair(value::cut(&head), one, two))
            }
            ([one], Some(part)) => match part.kind {
                ParamKind::Quantity => {
                    let (unit, test) = value::quantity(one).map_err(unfit)?;
                    Filter::Index(
                        param,
                        match unit {
                            Some(unit) => Test::Quantity(Some(joined(&unit)), test),
                            None => Test::QuantityOf(value::cut(&head_of_quantity(&head)), test),
                        },
                    )
                }
                ParamKind::Reference => {
                    let values = value::reference(one, &part.targets, self.context.base_url).map_err(unfit)?;
                    Filter::Index(param, Test::Token(values.iter().map(|tail| joined(tail)).collect()))
                }
                _ => {
                    let tail = value::token(one).map_err(unfit)?;
                    if any_of_system(&tail).is_some() {
                        return Err(not_supported(name, format!("`{tail}` needs a code")));
                    }
                    Filter::Index(param, Test::Token(vec![joined(&tail)]))
                }
            },
            _ => Filter::Nothing,
        })
    }

    /// Any of the tokens, as rows have them. A type of document is the same by each spelling of its system: what is stored has the
    /// canonical one too. An element of type `code` does not say its system: its binding does (FHIR R4 search.html#token).
    fn tokens(&mut self, name: &str, parameter: &SearchParameter, value: &str) -> Result<Filter, SearchError> {
        let mut tokens = self.each(name, value, value::token)?;
        if parameter.resource == ResourceType::DOCUMENT_REFERENCE && parameter.code == "type" {
            let canonical = |token: &String| {
                let (system, code) = token.split_once('|')?;
                Some(format!("{}|{code}", canonical_type_system(system)?))
            };
            let same: Vec<String> = tokens.iter().filter_map(canonical).collect();
            tokens.extend(same);
        }
        // Traces say their systems.
        if !parameter.systems.is_empty() && !self.context.traces {
            let system = |token: &String| token.strip_suffix('|').is_some_and(|system| parameter.systems.contains(&system));
            let (any, some): (Vec<String>, Vec<String>) = tokens.into_iter().partition(system);
            let some = some.into_iter().map(|token| implied(&parameter.systems, token)).collect();
            // Every code that is there is one of its system.
            let of_system = Filter::Index(parameter.param, Test::Present(ParamKind::Token));
            return Ok(if any.is_empty() { Filter::Index(parameter.param, Test::Token(some)) } else { of_system });
        }
        Ok(Filter::Index(parameter.param, Test::Token(tokens)))
    }

    fn missing(&self, name: &str, parameter: &SearchParameter, value: &str) -> Result<Filter, SearchError> {
        let mut present = Filter::Index(parameter.param, Test::Present(parameter.kind));
        match parameter.kind {
            ParamKind::Reference => present = present.or(Filter::Index(parameter.identifier_param(), Test::Present(ParamKind::Token))),
            // A concept may be told by words alone. Those of traces have codes.
            ParamKind::Token if !self.context.traces => {
                present = present.or(Filter::Index(parameter.text_param(), Test::Present(ParamKind::String)));
            }
            _ => {}
        }
        match value {
            "true" => Ok(present.negate()),
            "false" => Ok(present),
            _ => Err(malformed(name, format!("`{value}` is neither `true` nor `false`"))),
        }
    }

    /// The alternatives of a value, each read by itself.
    fn any(&mut self, name: &str, value: &str, read: impl Fn(&str) -> Result<Filter, String>) -> Result<Filter, SearchError> {
        let alternatives = self.alternatives(name, value)?;
        let mut each = alternatives.into_iter().map(|one| read(one).map_err(|message| malformed(name, message)));
        each.try_fold(Filter::Nothing, |any, one| Ok(any.or(one?)))
    }

    /// Each uri as it is, and one of this server also as it is stored: relative.
    fn uris(&mut self, name: &str, value: &str) -> Result<Vec<String>, SearchError> {
        let given: Vec<String> = self.alternatives(name, value)?.into_iter().map(unescape).collect();
        let base = self.context.base_url.trim_end_matches('/');
        let own = |uri: &String| uri.strip_prefix(base).filter(|_| !base.is_empty())?.strip_prefix('/').map(value::cut);
        Ok(given.iter().flat_map(|uri| std::iter::once(value::cut(uri)).chain(own(uri))).collect())
    }
}

/// A token as rows have it where its elements do not say these systems.
fn implied(systems: &[&str], token: String) -> String {
    match token.split_once('|') {
        Some((system, code)) if !code.is_empty() && systems.contains(&system) => format!("|{code}"),
        _ => token,
    }
}

fn string(text: &str, modifier: Option<&str>) -> Result<Test, String> {
    let plain = unescape(text);
    let folded = value::cut_string(&fold(&plain));
    if folded.is_empty() {
        return Err(format!("`{text}` has nothing to look for"));
    }
    Ok(Test::String(match modifier {
        Some("exact") => StringTest::Exact(value::cut_string(&plain)),
        Some("contains") => StringTest::Contains(folded),
        _ => StringTest::StartsWith(folded),
    }))
}
