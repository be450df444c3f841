//! `_include` and `_revinclude` (FHIR R4 search.html#revinclude).

use super::super::query::{Include, MAX_INCLUDES};
use super::super::registry::find;
use super::{Parser, SearchError, malformed, not_supported, too_many};
use crate::fhir::ResourceType;
use crate::filter::ParamKind;

impl Parser<'_> {
    /// `Type:parameter`, `Type:parameter:Target`, `Type:*` or `*`, which follows whatever refers: what is searched, and with `:iterate` what
    /// is brought too. A search over several types has the same includes for each.
    pub(super) fn include(&mut self, name: &str, code: &str, modifier: Option<&str>, value: &str) -> Result<(), SearchError> {
        let iterate = match modifier {
            None => false,
            // The name before R4.
            Some("iterate" | "recurse") => true,
            Some(other) => return Err(not_supported(name, format!("the modifier `{other}` is not supported by `{code}`"))),
        };
        // Traces are no index rows.
        if self.context.traces {
            return self.unknown(name);
        }
        if self.query.includes.len() >= MAX_INCLUDES {
            return Err(too_many(name, format!("more than {MAX_INCLUDES} includes")));
        }
        let reverse = code == "_revinclude";
        let mut parts = value.split(':');
        let (source, by, target) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        if source.is_empty() || parts.next().is_some() || (source == "*" && by.is_some()) || (source != "*" && by.is_none()) {
            return Err(malformed(name, format!("`{value}` is not of the form `Type:parameter` or `Type:parameter:Type`")));
        }
        let mut include = Include { reverse, iterate, source: None, param: None, target: None };
        if source == "*" {
            return self.included(name, value, include);
        }
        let Some(source) = ResourceType::parse(source) else { return self.unknown(&format!("{name}={value}")) };
        include.source = Some(source);
        if let Some(target) = target.filter(|target| !target.is_empty()) {
            let Some(target) = ResourceType::parse(target) else { return self.unknown(&format!("{name}={value}")) };
            include.target = Some(target);
        }
        let by = by.unwrap_or_default();
        if by != "*" {
            let Some(parameter) = find(source, by) else { return self.unknown(&format!("{name}={value}")) };
            if parameter.kind != ParamKind::Reference {
                return Err(not_supported(name, format!("`{by}` of {source} is no reference")));
            }
            if include.target.is_some_and(|target| !parameter.may_target(target)) {
                return Err(not_supported(name, format!("`{by}` of {source} does not refer to what `{value}` says")));
            }
            include.param = Some(parameter.param);
        }
        // What does not start at the type searched starts at what another include brings.
        let starts = reverse || iterate || source == self.resource || self.context.beside.contains(&source);
        if !starts {
            let message = format!("`{value}` starts at {source}, which is not searched: `{code}:iterate` starts at what is included");
            return Err(not_supported(name, message));
        }
        self.included(name, value, include)
    }

    fn included(&mut self, name: &str, value: &str, include: Include) -> Result<(), SearchError> {
        self.query.echo.push((name.to_owned(), value.to_owned()));
        if !self.query.includes.contains(&include) {
            self.query.includes.push(include);
        }
        Ok(())
    }
}
