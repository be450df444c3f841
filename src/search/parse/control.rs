//! Parameters of the answer, and those that every type has as columns (FHIR R4 search.html#all, #Summary, "Managing Returned Resources").

use super::super::query::{MAX_COUNT, MAX_SORT_KEYS, Sort, SortBy, Summary, TotalMode};
use super::super::value;
use super::{Parser, SearchError, malformed, too_many};
use crate::filter::Filter;

impl Parser<'_> {
    /// Parameters that every type has.
    pub(super) fn control(&mut self, name: &str, value: &str) -> Result<(), SearchError> {
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
            "_list" => {
                let filter = self.listed(name, value)?;
                self.understood(name, value, filter);
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
}
