//! From the parameters of a search to a [`Query`] (FHIR R4 search.html).

use std::collections::BTreeSet;

use super::SearchError;
use super::query::{
    Context, DEFAULT_COUNT, MAX_COUNT, MAX_PARAMETERS, MAX_SORT_KEYS, MAX_VALUE_BYTES, MAX_VALUES, Query, Sort, SortBy, Summary, TotalMode,
};
use super::registry::{SearchParameter, find, types};
use super::value::{self, split, unescape};
use crate::fhir::ResourceType;
use crate::filter::{Filter, HolderName, ParamKind, StringTest, Test, fold};

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
                let Some(parameter) = find(self.resource, code) else { return self.unknown(name) };
                match chain {
                    Some(chain) => self.chained(name, parameter, modifier, chain, value),
                    None => self.plain(name, parameter, modifier, value),
                }
            }
        }
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
                _ => match find(self.resource, code) {
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
                self.tested(name, asked, inner, value)?
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
            (ParamKind::Uri, None) => Test::Uri(self.each(name, value, |one| Ok(value::cut(&unescape(one))))?),
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
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::filter::{Candidate, DateTest, Envelope, Facts, Param, matches};
    use crate::search::extract;

    const CONTEXT: Context<'static> = Context { now: 0, strict: false, base_url: "https://dmp.example/fhir" };
    const INS: &str = "urn:oid:1.2.250.1.213.1.4.8|190017512345678";

    /// The parameters of a query string without percent-encoding.
    fn pairs(query: &str) -> Vec<(String, String)> {
        let cut = |pair: &str| pair.split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned())).unwrap();
        query.split('&').filter(|p| !p.is_empty()).map(cut).collect()
    }

    fn on(resource: &str, query: &str) -> Result<Query, SearchError> {
        parse(ResourceType::parse(resource).unwrap(), &pairs(query), &CONTEXT)
    }

    fn documents(query: &str) -> Result<Query, SearchError> {
        on("DocumentReference", query)
    }

    fn param(resource: &str, code: &str) -> Param {
        Param::new(ResourceType::parse(resource).unwrap(), code)
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    fn index(code: &str, test: Test) -> Filter {
        Filter::Index(param("DocumentReference", code), test)
    }

    #[test]
    fn filters() {
        let (day, patient) = (86_400_000_000, param("DocumentReference", "patient"));
        let (author, ins) = (param("DocumentReference", "author"), HolderName::Identifier(INS.to_owned()));
        let given = |resource: &str| Filter::Index(param(resource, "given"), Test::String(StringTest::StartsWith("zoe".to_owned())));
        let via = |resource: &str, inner: Filter| Filter::Via(author, ResourceType::parse(resource).unwrap(), Box::new(inner));
        let rows = [
            ("", Filter::Everything),
            ("status=current", index("status", Test::Token(words(&["current"])))),
            ("type=http://loinc.org|34133-9,|X", index("type", Test::Token(words(&["http://loinc.org|34133-9", "|X"])))),
            (r"type=a\,b", index("type", Test::Token(words(&["a,b"])))),
            ("type:not=a,b", Filter::Not(Box::new(index("type", Test::Token(words(&["a", "b"])))))),
            ("type=a&type=b", Filter::And(vec![index("type", Test::Token(words(&["a"]))), index("type", Test::Token(words(&["b"])))])),
            ("type:missing=false", index("type", Test::Present(ParamKind::Token))),
            ("type:missing=true", Filter::Not(Box::new(index("type", Test::Present(ParamKind::Token))))),
            (
                "author:missing=false",
                Filter::Or(vec![
                    index("author", Test::Present(ParamKind::Reference)),
                    Filter::Index(param("DocumentReference", "author:identifier"), Test::Present(ParamKind::Token)),
                ]),
            ),
            ("description=Été ", index("description", Test::String(StringTest::StartsWith("ete".to_owned())))),
            ("description:exact=Été", index("description", Test::String(StringTest::Exact("Été".to_owned())))),
            ("description:contains=É", index("description", Test::String(StringTest::Contains("e".to_owned())))),
            ("date=ge1970-01-02", index("date", Test::Date(DateTest::AtOrAfter(day, 2 * day)))),
            ("location=https://x.example/1", index("location", Test::Uri(words(&["https://x.example/1"])))),
            ("_id=a,b", Filter::Id(words(&["a", "b"]))),
            ("_lastUpdated=lt1970-01-02", Filter::LastUpdated(DateTest::StartsBefore(day))),
            ("custodian=1", index("custodian", Test::Reference(words(&["Organization/1"])))),
            ("author:Practitioner=1", index("author", Test::Reference(words(&["Practitioner/1"])))),
            ("author:identifier=s|1", Filter::Index(param("DocumentReference", "author:identifier"), Test::Token(words(&["s|1"])))),
            ("author:Practitioner.given=Zoé", via("Practitioner", given("Practitioner"))),
            ("author.given=Zoé", Filter::Or(vec![via("Patient", given("Patient")), via("Practitioner", given("Practitioner"))])),
            ("author:Practitioner._id=7", via("Practitioner", Filter::Id(words(&["7"])))),
            ("patient=p1", Filter::Index(patient, Test::Reference(words(&["Patient/p1"])))),
            ("patient.identifier=urn:oid:1.2.250.1.213.1.4.8|190017512345678", Filter::HolderNamed(vec![ins])),
        ];
        for (query, expected) in rows {
            let found = documents(query).unwrap();
            assert_eq!(found.filter, expected, "{query}");
            assert_eq!(found.echo, pairs(query), "{query}");
        }
    }

    #[test]
    fn holders_named() {
        let id = |id: &str| HolderName::Id(id.to_owned());
        let ins = || HolderName::Identifier(INS.to_owned());
        // Rows: type, query, holders, names used.
        let rows: [(&str, String, Vec<Vec<HolderName>>, &[&str]); 20] = [
            ("DocumentReference", "patient=p1".to_owned(), vec![vec![id("p1")]], &["patient"]),
            ("DocumentReference", "subject=p1".to_owned(), vec![vec![id("p1")]], &["subject"]),
            ("DocumentReference", "patient=Patient/p1,p2".to_owned(), vec![vec![id("p1"), id("p2")]], &["patient"]),
            (
                "DocumentReference",
                "patient=p1&subject=Patient/p2".to_owned(),
                vec![vec![id("p1")], vec![id("p2")]],
                &["patient", "subject"],
            ),
            ("Consent", "patient=https://dmp.example/fhir/Patient/p1".to_owned(), vec![vec![id("p1")]], &["patient"]),
            ("Consent", "patient=https://other.example/fhir/Patient/p1".to_owned(), vec![], &["patient"]),
            ("CareTeam", "subject:Patient=p1".to_owned(), vec![vec![id("p1")]], &["subject"]),
            ("CareTeam", "subject=Patient/p1,Group/g".to_owned(), vec![], &["subject"]),
            ("CareTeam", "subject:Group=g".to_owned(), vec![], &[]),
            ("RelatedPerson", format!("patient.identifier={INS}"), vec![vec![ins()]], &["patient.identifier"]),
            ("DocumentReference", format!("subject.identifier={INS}"), vec![vec![ins()]], &["subject.identifier"]),
            ("DocumentReference", format!("patient:identifier={INS}"), vec![vec![ins()]], &["patient.identifier"]),
            ("DocumentReference", format!("subject:identifier={INS}"), vec![vec![ins()]], &["subject.identifier"]),
            ("DocumentReference", format!("subject:Patient.identifier={INS}"), vec![vec![ins()]], &["subject.identifier"]),
            ("AuditEvent", format!("patient:Patient.identifier={INS}"), vec![vec![ins()]], &["patient.identifier"]),
            ("AuditEvent", "patient=p1&type=rest".to_owned(), vec![vec![id("p1")]], &["patient", "type"]),
            ("DocumentReference", "patient._id=p1".to_owned(), vec![vec![id("p1")]], &["patient._id"]),
            ("DocumentReference", "patient.family=Petit".to_owned(), vec![], &["patient.family"]),
            ("DocumentReference", "patient:missing=false&status:not=current".to_owned(), vec![], &[]),
            ("Patient", format!("identifier={INS}"), vec![], &["identifier"]),
        ];
        for (resource, query, holders, named) in rows {
            let found = on(resource, &query).unwrap();
            assert_eq!(found.holders, holders, "{resource}?{query}");
            assert_eq!(found.named, named.iter().map(ToString::to_string).collect(), "{resource}?{query}");
            assert_ne!(found.filter, Filter::Everything, "{resource}?{query}");
            assert!(found.ignored.is_empty(), "{resource}?{query}");
        }
    }

    #[test]
    fn what_the_answer_is_like() {
        let date = SortBy::Index(param("DocumentReference", "date"), ParamKind::Date);
        let query = "_sort=-date,_id,nope,-_lastUpdated&_count=1000&_total=accurate&_summary=data&_elements=status,type&_cursor=abc&_format=xml&x=1";
        let found = documents(query).unwrap();
        let sort = [(date, true), (SortBy::Id, false), (SortBy::LastUpdated, true)];
        assert_eq!(found.sort, sort.map(|(by, descending)| Sort { by, descending }));
        assert_eq!((found.count, found.total, found.summary), (200, TotalMode::Accurate, Summary::Data));
        assert_eq!((found.elements, found.cursor.as_deref()), (words(&["status", "type"]), Some("abc")));
        assert_eq!(found.ignored, ["_sort=nope", "x"]);
        let echo = "_sort=-date,_id,-_lastUpdated&_count=200&_total=accurate&_summary=data&_elements=status,type";
        assert_eq!(found.echo, pairs(echo));

        let plain = documents("").unwrap();
        assert_eq!((plain.count, plain.total, plain.summary), (20, TotalMode::None, Summary::False));
        for query in ["_count=0", "_count=0&_summary=true", "_summary=true&_count=0", "_summary=count", "_summary=count&_count=7"] {
            assert_eq!(documents(query).unwrap().summary, Summary::Count, "{query}");
        }
        assert_eq!(documents("_count=99999999999999999999").unwrap().count, MAX_COUNT);
        // What was left out is not in the self link.
        let unknown = documents("_sort=nope&_include=x&author.nope=1&nope.x=1").unwrap();
        assert_eq!((unknown.echo.len(), unknown.filter), (0, Filter::Everything));
        assert_eq!(unknown.ignored, ["_sort=nope", "_include", "author.nope", "nope.x"]);
    }

    #[test]
    fn errors() {
        let long = format!("description={}", "a".repeat(MAX_VALUE_BYTES + 1));
        let many = vec!["status=a"; MAX_PARAMETERS + 1].join("&");
        let values = format!("status={}", vec!["a"; MAX_VALUES + 1].join(","));
        // Rows: query, variant, parameter, message.
        let rows = [
            ("status=", "Malformed", "status", "`status` has an empty value"),
            ("status=a,,b", "Malformed", "status", "`status` has an empty value"),
            ("status=|", "Malformed", "status", "`|` is no token"),
            ("date=hier", "Malformed", "date", "`hier` is no date"),
            ("date=xx2024", "Malformed", "date", "`xx` is no prefix of a date"),
            ("_id=a b", "Malformed", "_id", "`a b` is no id"),
            ("related=1", "Malformed", "related", "`1` needs a type, as in `Patient/1`"),
            ("patient=Nobody/1", "Malformed", "patient", "`Nobody/1` is no reference"),
            ("subject:Patient=Group/1", "Malformed", "subject:Patient", "`Group/1` is of another type than `subject:Patient` says"),
            ("type:missing=yes", "Malformed", "type:missing", "`yes` is neither `true` nor `false`"),
            ("_count=-1", "Malformed", "_count", "`-1` is no value of `_count`"),
            ("_count=1&_count=2", "Malformed", "_count", "`_count` is given twice"),
            ("_total=some", "Malformed", "_total", "`some` is no value of `_total`"),
            ("_summary=yes", "Malformed", "_summary", "`yes` is no value of `_summary`"),
            ("_elements=a b", "Malformed", "_elements", "`a b` is no value of `_elements`"),
            ("description=\u{301}", "Malformed", "description", "`\u{301}` has nothing to look for"),
            ("description=\0", "Malformed", "description", "a value has a null character"),
            ("type:in=x", "NotSupported", "type:in", "the modifier `in` is not supported by `type`"),
            ("location:below=x", "NotSupported", "location:below", "the modifier `below` is not supported by `location`"),
            ("patient:Group=1", "NotSupported", "patient:Group", "the modifier `Group` is not supported by `patient`"),
            ("date:exact=2024", "NotSupported", "date:exact", "the modifier `exact` is not supported by `date`"),
            ("_id:not=1", "NotSupported", "_id:not", "`_id` has no modifiers and no chains"),
            (
                "patient.organization.name=x",
                "NotSupported",
                "patient.organization.name",
                "`patient.organization.name` is a chain of more than one hop",
            ),
            ("status.x=1", "NotSupported", "status.x", "`status` is no reference and has no chains"),
            ("patient.identifier=19", "NotSupported", "patient.identifier", "`19` is no `system|value`"),
            ("_sort=date,date,date,date,date,date", "TooMany", "_sort", "more than 5 keys to sort by"),
            (&long, "TooMany", "description", "a value of more than 4096 bytes"),
            (&many, "TooMany", "status", "more than 100 parameters"),
            (&values, "TooMany", "status", "more than 500 values"),
        ];
        for (query, variant, parameter, message) in rows {
            let error = documents(query).expect_err(query);
            let name = match error {
                SearchError::Malformed { .. } => "Malformed",
                SearchError::NotSupported { .. } => "NotSupported",
                SearchError::Unknown { .. } => "Unknown",
                SearchError::TooMany { .. } => "TooMany",
            };
            assert_eq!((name, error.parameter(), error.to_string().as_str()), (variant, parameter, message), "{query}");
        }
    }

    #[test]
    fn strictness_names_what_is_unknown() {
        let strict = Context { strict: true, ..CONTEXT };
        for (query, parameter) in
            [("status=a&x:y=1", "x:y"), ("author.nope=1", "author.nope"), ("_sort=nope", "_sort"), ("_include=a", "_include")]
        {
            let error = parse(ResourceType::DOCUMENT_REFERENCE, &pairs(query), &strict).expect_err(query);
            assert!(matches!(&error, SearchError::Unknown { parameter: p, .. } if p == parameter), "{error:?}");
        }
    }

    /// Whether the parsed filter finds the rows of the resource.
    fn finds(resource: ResourceType, body: &Value, name: &str, value: &str) -> bool {
        let query = parse(resource, &[(name.to_owned(), value.to_owned())], &CONTEXT).unwrap();
        let envelope = Envelope {
            holder: 1,
            key: 1,
            resource,
            id: "d1".to_owned(),
            version: 1,
            updated: 0,
            doc_type: 0,
            labels: 0,
            submitter: String::new(),
            parties: String::new(),
        };
        let rows = extract(resource, body);
        matches(&query.filter, &Candidate { envelope: &envelope, facts: &Facts::default(), index: Some(&rows), follow: None })
    }

    fn escape(text: &str) -> String {
        text.chars().flat_map(|c| matches!(c, '\\' | ',' | '|' | '$').then_some('\\').into_iter().chain([c])).collect()
    }

    fn names() -> impl Strategy<Value = String> {
        let head = prop::sample::select(vec![
            "patient",
            "subject",
            "author",
            "related",
            "type",
            "date",
            "description",
            "location",
            "isArchived",
            "_id",
            "_lastUpdated",
            "_sort",
            "_count",
            "_elements",
            "_summary",
            "_cursor",
            "x",
            "",
        ]);
        let tail = prop::sample::select(vec![
            "",
            ":",
            ".",
            ":not",
            ":missing",
            ":exact",
            ":identifier",
            ":Patient",
            ".identifier",
            ".name",
            ":Patient.name:exact",
            "._id",
            ".a.b",
            "é",
        ]);
        (head, tail).prop_map(|(head, tail)| format!("{head}{tail}"))
    }

    proptest! {
        #[test]
        fn never_panics(name in prop_oneof![names(), any::<String>()], value in prop_oneof![any::<String>(), r"[a-z0-9é|,$/:\\ -]{0,20}"], strict: bool) {
            for resource in types() {
                let _ = parse(resource, &[(name.clone(), value.clone())], &Context { strict, ..CONTEXT });
            }
        }

        #[test]
        fn tokens_are_found(system in r"[a-zé:/|,$\\ ]{0,12}", code in r"[a-zé|,$\\]{1,12}") {
            let body = json!({"type": {"coding": [{"system": system, "code": code}]}, "status": code});
            let resource = ResourceType::DOCUMENT_REFERENCE;
            let (s, c) = (escape(&system), escape(&code));
            assert!(finds(resource, &body, "type", &c));
            assert!(finds(resource, &body, "type", &format!("{s}|{c}")));
            assert!(finds(resource, &body, "type", &format!("other|x,{s}|{c}")));
            assert!(!finds(resource, &body, "type:not", &c));
            assert_eq!(finds(resource, &body, "type", &format!("|{c}")), system.is_empty());
            assert!(finds(resource, &body, "status", &format!("|{c}")));
            if !system.is_empty() {
                assert!(finds(resource, &body, "type", &format!("{s}|")));
            }
            assert!(!finds(resource, &body, "type", &format!("{s}|{c}Z")));
        }

        #[test]
        fn strings_are_found(text in any::<String>()) {
            prop_assume!(!fold(&text).is_empty() && !text.contains('\0'));
            let body = json!({"description": text});
            for name in ["description", "description:exact", "description:contains", "description:missing"] {
                let value = if name.ends_with("missing") { "false".to_owned() } else { escape(&text) };
                assert!(finds(ResourceType::DOCUMENT_REFERENCE, &body, name, &value), "{}", name);
            }
        }

        #[test]
        fn dates_are_found(year in 1900..2100, month in 1..=12, day in 1..=28, precision in 0..3) {
            let date = match precision {
                0 => format!("{year:04}"),
                1 => format!("{year:04}-{month:02}"),
                _ => format!("{year:04}-{month:02}-{day:02}"),
            };
            let body = json!({"date": date, "context": {"period": {"start": date}}});
            let found = |name: &str, prefix: &str| finds(ResourceType::DOCUMENT_REFERENCE, &body, name, &format!("{prefix}{date}"));
            for (prefix, of_date, of_open_period) in [
                ("", true, false), ("eq", true, false), ("ge", true, true), ("le", true, false), ("ap", true, true),
                ("ne", false, true), ("gt", false, true), ("lt", false, false), ("sa", false, false), ("eb", false, false),
            ] {
                assert_eq!(found("date", prefix), of_date, "{}", prefix);
                assert_eq!(found("period", prefix), of_open_period, "{}", prefix);
            }
        }

        #[test]
        fn references_are_found(id in "[A-Za-z0-9.-]{1,64}", version in 1..9) {
            let body = json!({"subject": {"reference": format!("Patient/{id}/_history/{version}")}, "author": [{"identifier": {"value": id}}]});
            let resource = ResourceType::DOCUMENT_REFERENCE;
            for value in [id.clone(), format!("Patient/{id}"), format!("https://dmp.example/fhir/Patient/{id}")] {
                assert!(finds(resource, &body, "patient", &value));
                assert!(finds(resource, &body, "subject", &value));
            }
            assert!(finds(resource, &body, "author:identifier", &format!("|{id}")));
            assert!(finds(resource, &body, "author:missing", "false"));
            assert!(!finds(resource, &body, "subject", &format!("Group/{id}")));
        }
    }
}
