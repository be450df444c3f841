//! Parameters of the type itself, and the holders they name.

use super::super::registry::SearchParameter;
use super::super::value::{self, split};
use super::{HELD, Parser, SearchError, malformed, not_supported, target};
use crate::fhir::ResourceType;
use crate::filter::{Filter, HolderName, ParamKind, Test};

impl Parser<'_> {
    /// Whether the parameter names the holder of what is searched.
    pub(super) fn names_holder(&self, parameter: &SearchParameter) -> bool {
        HELD.contains(&self.resource) && matches!(parameter.code, "patient" | "subject")
    }

    /// Whether a value names the holder as a holder is named. What documents bring, and notices, testers have too, who ask as they like.
    pub(super) fn names_whole(&self, value: &str) -> bool {
        let whole = |one: &str| one.split_once('|').is_some_and(|(system, value)| !system.is_empty() && !value.is_empty());
        let also = self.resource.is_brought() || self.resource == ResourceType::COMMUNICATION;
        !also || split(value, ',').into_iter().all(whole)
    }

    pub(super) fn plain(
        &mut self,
        name: &str,
        parameter: &SearchParameter,
        modifier: Option<&str>,
        value: &str,
    ) -> Result<(), SearchError> {
        let holder = self.names_holder(parameter);
        if holder && modifier == Some("identifier") && self.names_whole(value) {
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
    pub(super) fn references(
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
    pub(super) fn holders_of(&mut self, alternatives: &[Vec<String>]) {
        let named = |values: &Vec<String>| values.iter().find_map(|v| v.strip_prefix("Patient/")).map(|id| HolderName::Id(id.to_owned()));
        if let Some(names) = alternatives.iter().map(named).collect::<Option<Vec<_>>>() {
            self.query.holders.push(names);
        }
    }

    pub(super) fn holder_by_identifier(&mut self, name: &str, parameter: &SearchParameter, value: &str) -> Result<(), SearchError> {
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
}
