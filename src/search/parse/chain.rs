//! Chains, in both directions (FHIR R4 search.html#chaining, #has), and membership in a List.

use super::super::composite;
use super::super::query::{MAX_CHAIN_LINKS, MAX_CHAIN_TYPES, MAX_CHAINS};
use super::super::registry::{SearchParameter, find, types};
use super::super::value::{self, split};
use super::{Parser, SearchError, malformed, modified, not_supported, target, too_many};
use crate::fhir::ResourceType;
use crate::filter::{Filter, Param, ParamKind, Test};

impl Parser<'_> {
    /// `head.chain=value` or `head:Type.chain=value`, of the type searched.
    pub(super) fn chained(
        &mut self,
        name: &str,
        parameter: &'static SearchParameter,
        modifier: Option<&str>,
        chain: &str,
        value: &str,
    ) -> Result<(), SearchError> {
        let wanted = modifier.map(|m| target(name, parameter, m)).transpose()?;
        let patient = self.names_holder(parameter) && wanted.is_none_or(|t| t == ResourceType::PATIENT);
        if patient && chain == "identifier" && self.names_whole(value) && parameter.kind == ParamKind::Reference {
            return self.holder_by_identifier(name, parameter, value);
        }
        let Some(filter) = self.link(name, parameter, wanted, chain, value, 1)? else { return self.unknown(name) };
        if patient && chain == "_id" {
            let ids: Vec<Vec<String>> = split(value, ',').into_iter().map(|id| vec![format!("Patient/{id}")]).collect();
            self.holders_of(&ids);
        }
        if !chain.contains(':') {
            self.query.named.insert(format!("{}.{chain}", parameter.code));
        }
        self.understood(name, value, filter);
        Ok(())
    }

    /// `_has:Type:parameter:rest=value`, of the type searched.
    pub(super) fn has(&mut self, name: &str, path: &str, value: &str) -> Result<(), SearchError> {
        if self.context.traces {
            return self.unknown(name);
        }
        match self.reverse(name, self.resource, path, value, 1)? {
            Some(filter) => {
                self.understood(name, value, filter);
                Ok(())
            }
            None => self.unknown(name),
        }
    }

    /// `_list=id`: what a List has as an item.
    pub(super) fn listed(&mut self, name: &str, value: &str) -> Result<Filter, SearchError> {
        if value.starts_with('$') {
            return Err(not_supported(name, format!("`{value}`: there are no lists that the server makes")));
        }
        let ids = self.ids(name, value)?;
        let item = ResourceType::parse("List").and_then(|list| find(list, "item"));
        let Some(item) = item else { return Ok(Filter::Nothing) };
        Ok(Filter::Has(item.param, item.resource, Box::new(Filter::Id(ids))))
    }

    /// A reference, and what is asked of where it leads; `None` where no type it may lead to has what is asked.
    fn link(
        &mut self,
        name: &str,
        parameter: &'static SearchParameter,
        wanted: Option<ResourceType>,
        chain: &str,
        value: &str,
        links: usize,
    ) -> Result<Option<Filter>, SearchError> {
        if parameter.kind != ParamKind::Reference {
            return Err(not_supported(name, format!("`{}` is no reference and has no chains", parameter.code)));
        }
        if links > MAX_CHAIN_LINKS {
            return Err(too_many(name, format!("a chain of more than {MAX_CHAIN_LINKS} links")));
        }
        let candidates: Vec<ResourceType> = match wanted {
            Some(only) => vec![only],
            None if parameter.targets.is_empty() => types().collect(),
            None => parameter.targets.clone(),
        };
        let first = chain.split('.').next().map(|head| modified(head).0).unwrap_or_default();
        let asks = |candidate: &ResourceType| {
            chain.starts_with("_has:")
                || matches!(first, "_id" | "_lastUpdated")
                || find(*candidate, first).is_some()
                || composite::find(*candidate, first).is_some()
        };
        let candidates: Vec<ResourceType> = candidates.into_iter().filter(asks).collect();
        if candidates.len() > MAX_CHAIN_TYPES {
            let message = format!("`{name}` may lead to {} types: say which, as `{}:Patient.{chain}`", candidates.len(), parameter.code);
            return Err(not_supported(name, message));
        }
        let (mut any, mut known) = (Filter::Nothing, false);
        for candidate in candidates {
            let Some(filter) = self.end(name, candidate, chain, value, links)? else { continue };
            self.way(name)?;
            known = true;
            let kept = |code: &str| find(candidate, code).is_some_and(SearchParameter::is_kept_of_contained);
            if links == 1 && kept(first) {
                any = any.or(of_contained(parameter.param, candidate, &filter));
            }
            any = any.or(Filter::Via(parameter.param, candidate, Box::new(filter)));
        }
        Ok(known.then_some(any))
    }

    /// What is asked at the end of a link: a parameter of that type, or a further link.
    fn end(&mut self, name: &str, resource: ResourceType, chain: &str, value: &str, links: usize) -> Result<Option<Filter>, SearchError> {
        if let Some(path) = chain.strip_prefix("_has:") {
            return self.reverse(name, resource, path, value, links + 1);
        }
        let (head, rest) = chain.split_once('.').map_or((chain, None), |(head, rest)| (head, Some(rest)));
        let (code, modifier) = modified(head);
        if matches!(code, "_id" | "_lastUpdated") {
            if modifier.is_some() || rest.is_some() {
                return Err(not_supported(name, format!("`{code}` has no modifiers")));
            }
            return self.column(name, code, value).map(Some);
        }
        let Some(parameter) = find(resource, code) else {
            let composite = composite::find(resource, code).filter(|_| rest.is_none());
            return composite.map(|composite| self.composed(name, composite, modifier, value)).transpose();
        };
        match rest {
            None => self.tested(name, parameter, modifier, value).map(Some),
            Some(rest) => {
                let wanted = modifier.map(|m| target(name, parameter, m)).transpose()?;
                self.link(name, parameter, wanted, rest, value, links + 1)
            }
        }
    }

    /// Counts one more way that a chain takes.
    fn way(&mut self, name: &str) -> Result<(), SearchError> {
        self.chains += 1;
        if self.chains > MAX_CHAINS {
            return Err(too_many(name, format!("chains that may take more than {MAX_CHAINS} ways: say the types they lead to")));
        }
        Ok(())
    }

    fn column(&mut self, name: &str, code: &str, value: &str) -> Result<Filter, SearchError> {
        if code == "_id" {
            return Ok(Filter::Id(self.ids(name, value)?));
        }
        let now = self.context.now;
        let alternatives = self.alternatives(name, value)?;
        alternatives.into_iter().try_fold(Filter::Nothing, |any, one| {
            Ok(any.or(Filter::LastUpdated(value::date(one, now).map_err(|message| malformed(name, message))?)))
        })
    }

    /// `Type:parameter:rest`: what refers to a resource of this type, and what is asked of it.
    fn reverse(
        &mut self,
        name: &str,
        resource: ResourceType,
        path: &str,
        value: &str,
        links: usize,
    ) -> Result<Option<Filter>, SearchError> {
        if links > MAX_CHAIN_LINKS {
            return Err(too_many(name, format!("a chain of more than {MAX_CHAIN_LINKS} links")));
        }
        let mut parts = path.splitn(3, ':');
        let (Some(source), Some(code), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(malformed(name, format!("`{name}` is not of the form `_has:Type:parameter:parameter`")));
        };
        let Some(source) = ResourceType::parse(source) else { return Ok(None) };
        let Some(by) = find(source, code) else { return Ok(None) };
        if by.kind != ParamKind::Reference || !by.may_target(resource) {
            return Err(not_supported(name, format!("`{code}` of {source} does not refer to {resource}")));
        }
        let Some(filter) = self.end(name, source, rest, value, links)? else { return Ok(None) };
        self.way(name)?;
        Ok(Some(Filter::Has(by.param, source, Box::new(filter))))
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
