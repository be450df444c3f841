//! From the parameters of a search to a [`Query`] (FHIR R4 search.html).

mod chain;
mod control;
mod include;
mod plain;
mod tested;

use std::collections::BTreeSet;

use super::SearchError;
use super::composite;
use super::query::{Context, DEFAULT_COUNT, MAX_PARAMETERS, MAX_VALUE_BYTES, MAX_VALUES, Query, Summary, TRACES, TotalMode};
use super::registry::{SearchParameter, find};
use super::value::{self, split};
use crate::fhir::ResourceType;
use crate::filter::Filter;

/// Types whose resources belong to a holder, named by `patient` or `subject`.
pub(super) const HELD: [ResourceType; 9] = [
    ResourceType::DOCUMENT_REFERENCE,
    ResourceType::DIAGNOSTIC_REPORT,
    ResourceType::OBSERVATION,
    ResourceType::LIST,
    ResourceType::CONSENT,
    ResourceType::CARE_TEAM,
    ResourceType::RELATED_PERSON,
    ResourceType::AUDIT_EVENT,
    ResourceType::COMMUNICATION,
];

/// Reads the parameters of a search on the type, in the order given and already decoded.
///
/// # Errors
/// [`SearchError`], for the first parameter that is not understood.
pub fn parse(resource: ResourceType, pairs: &[(String, String)], context: &Context<'_>) -> Result<Query, SearchError> {
    let query = Query {
        filter: Filter::Everything,
        holders: Vec::new(),
        includes: Vec::new(),
        sort: Vec::new(),
        count: DEFAULT_COUNT,
        total: TotalMode::None,
        summary: Summary::False,
        elements: Vec::new(),
        cursor: None,
        ignored: Vec::new(),
        echo: Vec::new(),
        named: BTreeSet::new(),
    };
    let mut parser = Parser { resource, context, query, values: 0, chains: 0, singles: BTreeSet::new() };
    if let Some((name, _)) = pairs.get(MAX_PARAMETERS) {
        return Err(too_many(name, format!("more than {MAX_PARAMETERS} parameters")));
    }
    for (name, value) in pairs {
        parser.read(name, value)?;
    }
    Ok(parser.query)
}

fn malformed(parameter: &str, message: impl Into<String>) -> SearchError {
    SearchError::Malformed { parameter: parameter.to_owned(), message: message.into() }
}

fn not_supported(parameter: &str, message: impl Into<String>) -> SearchError {
    SearchError::NotSupported { parameter: parameter.to_owned(), message: message.into() }
}

fn too_many(parameter: &str, message: impl Into<String>) -> SearchError {
    SearchError::TooMany { parameter: parameter.to_owned(), message: message.into() }
}

/// `code:modifier`.
fn modified(text: &str) -> (&str, Option<&str>) {
    text.split_once(':').map_or((text, None), |(code, modifier)| (code, Some(modifier)))
}

struct Parser<'a> {
    resource: ResourceType,
    context: &'a Context<'a>,
    query: Query,
    /// Values so far.
    values: usize,
    /// Ways that chains take so far.
    chains: usize,
    /// Parameters of the answer, which come once.
    singles: BTreeSet<String>,
}

impl Parser<'_> {
    fn read(&mut self, name: &str, value: &str) -> Result<(), SearchError> {
        if value.len() > MAX_VALUE_BYTES {
            return Err(too_many(name, format!("a value of more than {MAX_VALUE_BYTES} bytes")));
        }
        if value.contains('\0') {
            return Err(malformed(name, "a value has a null character"));
        }
        if let Some(path) = name.strip_prefix("_has:") {
            return self.has(name, path, value);
        }
        let (head, chain) = name.split_once('.').map_or((name, None), |(head, chain)| (head, Some(chain)));
        let (code, modifier) = modified(head);
        match code {
            "_include" | "_revinclude" if chain.is_none() => self.include(name, code, modifier, value),
            // What it would ask for nobody knows: left out, it would find everything (FHIR R4 search.html#query).
            "_query" => Err(not_supported(name, format!("there is no query named `{value}`"))),
            "_id" | "_lastUpdated" | "_list" | "_sort" | "_count" | "_total" | "_summary" | "_elements" | "_cursor" | "_format"
            | "_pretty" => {
                if modifier.is_some() || chain.is_some() {
                    return Err(not_supported(name, format!("`{code}` has no modifiers and no chains")));
                }
                self.control(name, value)
            }
            _ => match (self.find(code), chain) {
                (Some(parameter), Some(chain)) => self.chained(name, parameter, modifier, chain, value),
                (Some(parameter), None) => self.plain(name, parameter, modifier, value),
                (None, _) => match self.composite(code).filter(|_| chain.is_none()) {
                    Some(found) => {
                        let filter = self.composed(name, found, modifier, value)?;
                        self.query.named.insert(found.code.to_owned());
                        self.understood(name, value, filter);
                        Ok(())
                    }
                    None => self.unknown(name),
                },
            },
        }
    }

    /// The parameter of the type searched.
    fn find(&self, code: &str) -> Option<&'static SearchParameter> {
        find(self.resource, code).filter(|parameter| !self.context.traces || TRACES.contains(&parameter.code))
    }

    fn composite(&self, code: &str) -> Option<&'static composite::Composite> {
        composite::find(self.resource, code).filter(|_| !self.context.traces)
    }

    fn unknown(&mut self, name: &str) -> Result<(), SearchError> {
        if self.context.strict {
            let message = format!("{} has no search parameter `{name}`", self.resource);
            return Err(SearchError::Unknown { parameter: name.to_owned(), message });
        }
        self.query.ignored.push(name.to_owned());
        Ok(())
    }

    fn understood(&mut self, name: &str, value: &str, filter: Filter) {
        self.query.echo.push((name.to_owned(), value.to_owned()));
        let so_far = std::mem::replace(&mut self.query.filter, Filter::Everything);
        self.query.filter = so_far.and(filter);
    }

    /// The alternatives of a value, escapes kept; none is empty, for an empty value would ask for everything or for nothing.
    fn alternatives<'v>(&mut self, name: &str, value: &'v str) -> Result<Vec<&'v str>, SearchError> {
        let all = split(value, ',');
        self.values += all.len();
        if self.values > MAX_VALUES {
            return Err(too_many(name, format!("more than {MAX_VALUES} values")));
        }
        if all.iter().any(|one| one.trim().is_empty()) {
            return Err(malformed(name, format!("`{name}` has an empty value")));
        }
        Ok(all)
    }

    fn ids(&mut self, name: &str, value: &str) -> Result<Vec<String>, SearchError> {
        let ids = self.alternatives(name, value)?;
        match ids.iter().find(|id| !value::is_id(id)) {
            Some(id) => Err(malformed(name, format!("`{id}` is no id"))),
            None => Ok(ids.into_iter().map(str::to_owned).collect()),
        }
    }

    fn each(&mut self, name: &str, value: &str, read: impl Fn(&str) -> Result<String, String>) -> Result<Vec<String>, SearchError> {
        let alternatives = self.alternatives(name, value)?;
        alternatives.into_iter().map(|one| read(one).map_err(|m| malformed(name, m))).collect()
    }
}

/// The type that a modifier of a reference says.
fn target(name: &str, parameter: &SearchParameter, modifier: &str) -> Result<ResourceType, SearchError> {
    ResourceType::parse(modifier)
        .filter(|t| parameter.may_target(*t))
        .ok_or_else(|| not_supported(name, format!("the modifier `{modifier}` is not supported by `{}`", parameter.code)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
mod tests;
