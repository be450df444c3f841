//! From the parameters of a search to a [`Query`] (FHIR R4 search.html).

use std::collections::BTreeSet;

use super::SearchError;
use super::query::MAX_CHAIN_TYPES;
use super::query::{
    Context, DEFAULT_COUNT, MAX_COUNT, MAX_PARAMETERS, MAX_SORT_KEYS, MAX_VALUE_BYTES, MAX_VALUES, Query, Sort, SortBy, Summary, TRACES,
    TotalMode,
};
use super::registry::{SearchParameter, find, types};
use super::value::{self, split, unescape};
use crate::fhir::ResourceType;
use crate::filter::{Filter, HolderName, Param, ParamKind, StringTest, Test, fold};

/// Types whose resources belong to a holder, named by `patient` or `subject`.
const HELD: [ResourceType; 5] = [
    ResourceType::DOCUMENT_REFERENCE,
    ResourceType::CONSENT,
    ResourceType::CARE_TEAM,
    ResourceType::RELATED_PERSON,
    ResourceType::AUDIT_EVENT,
];

/// Reads the parameters of a search on the type, in the order given and already decoded.
///
/// # Errors
/// [`SearchError`], for the first parameter that is not understood.
pub fn parse(resource: ResourceType, pairs: &[(String, String)], context: &Context<'_>) -> Result<Query, SearchError> {
    let query = Query {
        filter: Filter::Everything,
        holders: Vec::new(),
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
    let mut parser = Parser { resource, context, query, values: 0, singles: BTreeSet::new() };
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
        let (head, chain) = name.split_once('.').map_or((name, None), |(head, chain)| (head, Some(chain)));
        let (code, modifier) = modified(head);
        match code {
            "_id" | "_lastUpdated" | "_sort" | "_count" | "_total" | "_summary" | "_elements" | "_cursor" | "_format" | "_pretty" => {
                if modifier.is_some() || chain.is_some() {
                    return Err(not_supported(name, format!("`{code}` has no modifiers and no chains")));
                }
                self.control(name, value)
            }
            _ => {
                let Some(parameter) = self.find(code) else { return self.unknown(name) };
                match chain {
                    Some(chain) => self.chained(name, parameter, modifier, chain, value),
                    None => self.plain(name, parameter, modifier, value),
                }
            }
        }
    }

    /// The parameter of the type searched.
    fn find(&self, code: &str) -> Option<&'static SearchParameter> {
        find(self.resource, code).filter(|parameter| !self.context.traces || TRACES.contains(&parameter.code))
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

    /// Parameters that every type has.
    fn control(&mut self, name: &str, value: &str) -> Result<(), SearchError> {
        match name {
            "_id" => {
                let filter = Filter::Id(self.ids(name, value)?);
                self.query.named.insert(name.to_owned());
                self.understood(name, value, filter);
                return Ok(());
            }
            "_lastUpdated" => {
                let mut any = Filter::Nothing;
                for one in self.alternatives(name, value)? {
                    any = any.or(Filter::LastUpdated(value::date(one, self.context.now).map_err(|m| malformed(name, m))?));
                }
                self.query.named.insert(name.to_owned());
                self.understood(name, value, any);
                return Ok(());
            }
            _ => {}
        }
        if !self.singles.insert(name.to_owned()) {
            return Err(malformed(name, format!("`{name}` is given twice")));
        }
        let unfit = || malformed(name, format!("`{value}` is no value of `{name}`"));
        let mut shown = value.to_owned();
        match name {
            "_sort" => shown = self.sort(name, value)?,
            "_count" => {
                // A number too large for us is larger than the page, too.
                if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(unfit());
                }
                let count = value.parse::<u32>().unwrap_or(u32::MAX).min(MAX_COUNT);
                if count == 0 {
                    self.query.summary = Summary::Count;
                } else {
                    self.query.count = count;
                }
                shown = count.to_string();
            }
            "_total" => {
                self.query.total = match value {
                    "none" => TotalMode::None,
                    "accurate" => TotalMode::Accurate,
                    "estimate" => TotalMode::Estimate,
                    _ => return Err(unfit()),
                }
            }
            "_summary" => {
                let summary = match value {
                    "false" => Summary::False,
                    "count" => Summary::Count,
                    "true" => Summary::True,
                    "text" => Summary::Text,
                    "data" => Summary::Data,
                    _ => return Err(unfit()),
                };
                // `_count=0` asks for no entries whatever their form.
                if self.query.summary != Summary::Count {
                    self.query.summary = summary;
                }
            }
            "_elements" => {
                let elements = self.alternatives(name, value)?;
                if !elements.iter().all(|e| e.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))) {
                    return Err(unfit());
                }
                self.query.elements = elements.into_iter().map(str::to_owned).collect();
            }
            "_cursor" => self.query.cursor = Some(value.to_owned()),
            _ => {}
        }
        if !shown.is_empty() && !matches!(name, "_cursor" | "_format") {
            self.query.echo.push((name.to_owned(), shown));
        }
        Ok(())
    }

    /// Reads `_sort` and answers the part of it that was understood.
    fn sort(&mut self, name: &str, value: &str) -> Result<String, SearchError> {
        let mut shown = Vec::new();
        let keys = self.alternatives(name, value)?;
        if keys.len() > MAX_SORT_KEYS {
            return Err(too_many(name, format!("more than {MAX_SORT_KEYS} keys to sort by")));
        }
        for key in keys {
            let (descending, code) = key.strip_prefix('-').map_or((false, key), |code| (true, code));
            let by = match code {
                "_lastUpdated" => SortBy::LastUpdated,
                "_id" => SortBy::Id,
                _ => match self.find(code) {
                    Some(parameter) => SortBy::Index(parameter.param, parameter.kind),
                    None if self.context.strict => {
                        let message = format!("{} has no search parameter `{code}` to sort by", self.resource);
                        return Err(SearchError::Unknown { parameter: name.to_owned(), message });
                    }
                    None => {
                        self.query.ignored.push(format!("{name}={key}"));
                        continue;
                    }
                },
            };
            self.query.sort.push(Sort { by, descending });
            shown.push(key);
        }
        Ok(shown.join(","))
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

    /// Whether the parameter names the holder of what is searched.
    fn names_holder(&self, parameter: &SearchParameter) -> bool {
        HELD.contains(&self.resource) && matches!(parameter.code, "patient" | "subject")
    }

    fn plain(&mut self, name: &str, parameter: &SearchParameter, modifier: Option<&str>, value: &str) -> Result<(), SearchError> {
        let holder = self.names_holder(parameter);
        if holder && modifier == Some("identifier") {
            return self.holder_by_identifier(name, parameter, value);
        }
        if parameter.kind == ParamKind::Reference && modifier != Some("missing") && modifier != Some("identifier") {
            let target = modifier.map(|m| target(name, parameter, m)).transpose()?;
            let values = self.references(name, parameter, target, value)?;
            if holder {
                self.holders_of(&values);
            }
            if modifier.is_none() || target.is_some_and(|t| holder && t == ResourceType::PATIENT) {
                self.query.named.insert(parameter.code.to_owned());
            }
            let all = values.into_iter().flatten().collect();
            self.understood(name, value, Filter::Index(parameter.param, Test::Reference(all)));
            return Ok(());
        }
        let filter = self.tested(name, parameter, modifier, value)?;
        if modifier.is_none() {
            self.query.named.insert(parameter.code.to_owned());
        }
        self.understood(name, value, filter);
        Ok(())
    }

    /// For each alternative, the values it may have in index rows.
    fn references(
        &mut self,
        name: &str,
        parameter: &SearchParameter,
        target: Option<ResourceType>,
        value: &str,
    ) -> Result<Vec<Vec<String>>, SearchError> {
        let targets = target.map_or_else(|| parameter.targets.clone(), |t| vec![t]);
        let mut all = Vec::new();
        for one in self.alternatives(name, value)? {
            let values = value::reference(one, &targets, self.context.base_url).map_err(|m| malformed(name, m))?;
            let elsewhere = |v: &String| target.is_some_and(|t| value::target_type(v).is_some_and(|other| other != t));
            if values.iter().any(elsewhere) {
                return Err(malformed(name, format!("`{one}` is of another type than `{name}` says")));
            }
            all.push(values);
        }
        Ok(all)
    }

    /// Notes the holders named; a list with an alternative that is no holder of ours would narrow the search too much.
    fn holders_of(&mut self, alternatives: &[Vec<String>]) {
        let named = |values: &Vec<String>| values.iter().find_map(|v| v.strip_prefix("Patient/")).map(|id| HolderName::Id(id.to_owned()));
        if let Some(names) = alternatives.iter().map(named).collect::<Option<Vec<_>>>() {
            self.query.holders.push(names);
        }
    }

    fn holder_by_identifier(&mut self, name: &str, parameter: &SearchParameter, value: &str) -> Result<(), SearchError> {
        let mut names = Vec::new();
        for one in self.alternatives(name, value)? {
            let token = value::token(one).map_err(|m| malformed(name, m))?;
            // A holder is known by the whole INS: by its value alone two could answer.
            if !token.split_once('|').is_some_and(|(system, value)| !system.is_empty() && !value.is_empty()) {
                return Err(not_supported(name, format!("`{one}` is no `system|value`")));
            }
            names.push(HolderName::Identifier(token));
        }
        self.query.holders.push(names.clone());
        self.query.named.insert(format!("{}.identifier", parameter.code));
        self.understood(name, value, Filter::HolderNamed(names));
        Ok(())
    }

    /// `head.chain=value` or `head:Type.chain=value`.
    fn chained(
        &mut self,
        name: &str,
        parameter: &SearchParameter,
        modifier: Option<&str>,
        chain: &str,
        value: &str,
    ) -> Result<(), SearchError> {
        if parameter.kind != ParamKind::Reference {
            return Err(not_supported(name, format!("`{}` is no reference and has no chains", parameter.code)));
        }
        if chain.contains('.') {
            return Err(not_supported(name, format!("`{name}` is a chain of more than one hop")));
        }
        let wanted = modifier.map(|m| target(name, parameter, m)).transpose()?;
        let (code, inner) = modified(chain);
        let patient = self.names_holder(parameter) && wanted.is_none_or(|t| t == ResourceType::PATIENT);
        if patient && chain == "identifier" {
            return self.holder_by_identifier(name, parameter, value);
        }
        let candidates: Vec<ResourceType> = match wanted {
            Some(only) => vec![only],
            None if parameter.targets.is_empty() => types().collect(),
            None => parameter.targets.clone(),
        };
        let asks = |candidate: &ResourceType| code == "_id" || find(*candidate, code).is_some();
        let candidates: Vec<ResourceType> = candidates.into_iter().filter(asks).collect();
        if candidates.len() > MAX_CHAIN_TYPES {
            let message = format!("`{name}` may lead to {} types: say which, as `{}:Patient.{chain}`", candidates.len(), parameter.code);
            return Err(not_supported(name, message));
        }
        let mut any = Filter::Nothing;
        let mut known = false;
        for candidate in candidates {
            let filter = if code == "_id" {
                if inner.is_some() {
                    return Err(not_supported(name, "`_id` has no modifiers"));
                }
                Filter::Id(self.ids(name, value)?)
            } else {
                let Some(asked) = find(candidate, code) else { continue };
                let filter = self.tested(name, asked, inner, value)?;
                if asked.is_kept_of_contained() {
                    any = any.or(of_contained(parameter.param, candidate, &filter));
                }
                filter
            };
            known = true;
            any = any.or(Filter::Via(parameter.param, candidate, Box::new(filter)));
        }
        if !known {
            return self.unknown(name);
        }
        if patient && code == "_id" {
            let ids: Vec<Vec<String>> = split(value, ',').into_iter().map(|id| vec![format!("Patient/{id}")]).collect();
            self.holders_of(&ids);
        }
        if inner.is_none() {
            self.query.named.insert(format!("{}.{code}", parameter.code));
        }
        self.understood(name, value, any);
        Ok(())
    }

    /// The filter of one parameter, of the type searched or of the end of a chain.
    fn tested(&mut self, name: &str, parameter: &SearchParameter, modifier: Option<&str>, value: &str) -> Result<Filter, SearchError> {
        let param = parameter.param;
        if modifier == Some("missing") {
            let mut present = Filter::Index(param, Test::Present(parameter.kind));
            if parameter.kind == ParamKind::Reference {
                present = present.or(Filter::Index(parameter.identifier_param(), Test::Present(ParamKind::Token)));
            }
            return match value {
                "true" => Ok(present.negate()),
                "false" => Ok(present),
                _ => Err(malformed(name, format!("`{value}` is neither `true` nor `false`"))),
            };
        }
        let unfit = |message: String| malformed(name, message);
        let test = match (parameter.kind, modifier) {
            (ParamKind::Token, None | Some("not")) => Test::Token(self.each(name, value, value::token)?),
            (ParamKind::Reference, Some("identifier")) => {
                let spellings = self.each(name, value, value::token)?;
                return Ok(Filter::Index(parameter.identifier_param(), Test::Token(spellings)));
            }
            (ParamKind::Reference, modifier) => {
                let target = modifier.map(|m| target(name, parameter, m)).transpose()?;
                Test::Reference(self.references(name, parameter, target, value)?.into_iter().flatten().collect())
            }
            (ParamKind::Uri, None) => Test::Uri(self.uris(name, value)?),
            (ParamKind::Date, None) => {
                let mut any = Filter::Nothing;
                for one in self.alternatives(name, value)? {
                    any = any.or(Filter::Index(param, Test::Date(value::date(one, self.context.now).map_err(unfit)?)));
                }
                return Ok(any);
            }
            (ParamKind::String, None | Some("exact" | "contains")) => {
                let mut any = Filter::Nothing;
                for one in self.alternatives(name, value)? {
                    any = any.or(Filter::Index(param, Test::String(string(one, modifier).map_err(unfit)?)));
                }
                return Ok(any);
            }
            (_, Some(other)) => {
                return Err(not_supported(name, format!("the modifier `{other}` is not supported by `{}`", parameter.code)));
            }
        };
        let filter = Filter::Index(param, test);
        Ok(if modifier == Some("not") { filter.negate() } else { filter })
    }

    /// Each uri as it is, and one of this server also as it is stored: relative.
    fn uris(&mut self, name: &str, value: &str) -> Result<Vec<String>, SearchError> {
        let given: Vec<String> = self.alternatives(name, value)?.into_iter().map(unescape).collect();
        let base = self.context.base_url.trim_end_matches('/');
        let own = |uri: &String| uri.strip_prefix(base).filter(|_| !base.is_empty())?.strip_prefix('/').map(value::cut);
        Ok(given.iter().flat_map(|uri| std::iter::once(value::cut(uri)).chain(own(uri))).collect())
    }

    fn each(&mut self, name: &str, value: &str, read: impl Fn(&str) -> Result<String, String>) -> Result<Vec<String>, SearchError> {
        let alternatives = self.alternatives(name, value)?;
        alternatives.into_iter().map(|one| read(one).map_err(|m| malformed(name, m))).collect()
    }
}

/// The filter of a contained resource, on the rows its container has for it. Where there are several of the type, what must not be
/// holds of none of them.
fn of_contained(through: Param, resource: ResourceType, filter: &Filter) -> Filter {
    let each = |all: &[Filter]| all.iter().map(|one| of_contained(through, resource, one)).collect();
    match filter {
        Filter::Index(param, test) => Filter::Index(through.through(*param), test.clone()),
        Filter::And(all) => Filter::And(each(all)),
        Filter::Or(any) => Filter::Or(each(any)),
        Filter::Not(inner) => Filter::Index(through.through_any(resource), Test::Present(ParamKind::Token))
            .and(Filter::Not(Box::new(of_contained(through, resource, inner)))),
        _ => Filter::Nothing,
    }
}

/// The type that a modifier of a reference says.
fn target(name: &str, parameter: &SearchParameter, modifier: &str) -> Result<ResourceType, SearchError> {
    ResourceType::parse(modifier)
        .filter(|t| parameter.may_target(*t))
        .ok_or_else(|| not_supported(name, format!("the modifier `{modifier}` is not supported by `{}`", parameter.code)))
}

fn string(text: &str, modifier: Option<&str>) -> Result<StringTest, String> {
    let plain = unescape(text);
    let folded = value::cut_string(&fold(&plain));
    if folded.is_empty() {
        return Err(format!("`{text}` has nothing to look for"));
    }
    Ok(match modifier {
        Some("exact") => StringTest::Exact(value::cut_string(&plain)),
        Some("contains") => StringTest::Contains(folded),
        _ => StringTest::StartsWith(folded),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
mod tests;
