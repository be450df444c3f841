//! The Bundle of a page (FHIR R4 search.html#Summary, bundle.html#searchset): entries, links, warnings; and what a trace says of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::cursor::Cursor;
use super::includes::{Cut, MAX_INCLUDED, MAX_ROUNDS};
use super::search_type::{Page, follows};
use super::{Error, Request, Service};
use crate::audit::{Happened, OTHERS};
use crate::fhir::message::{Language, told};
use crate::fhir::outcome;
use crate::filter::Envelope;
use crate::search::{Query, Summary, TotalMode};
use crate::store::{Hit, Position};

/// A search that was understood.
pub(super) struct Done {
    pub query: Query,
    /// The parameters, as a cursor keeps them.
    pub pairs: Vec<(String, String)>,
    /// The cursor it came with.
    pub cursor: Option<Cursor>,
    /// Whether it came by POST, so that its query stays out of addresses.
    pub posted: bool,
    /// The address searched, relative to the base.
    pub path: String,
}

impl Done {
    /// Whether it is the first page.
    pub fn is_first(&self) -> bool {
        self.cursor.as_ref().is_none_or(|cursor| cursor.position.is_none())
    }

    /// Whether only a count is asked for.
    pub fn counts_only(&self) -> bool {
        self.query.summary == Summary::Count
    }

    /// Whether a total is asked for.
    pub fn wants_total(&self) -> bool {
        self.counts_only() || matches!(self.query.total, TotalMode::Accurate | TotalMode::Estimate)
    }

    /// Whether the page holds everything that matches.
    pub fn is_whole(&self, page: &Page) -> bool {
        self.is_first() && !page.more && !self.counts_only()
    }

    /// Whether it reaches through references.
    pub fn follows(&self) -> bool {
        follows(&self.query.filter)
    }

    /// What was not understood, or left out, as issues.
    pub fn warnings(&self, cut: Option<Cut>) -> Vec<Value> {
        let one = |name: &String| {
            let shown: String = name.chars().take(64).collect();
            outcome::issue("warning", "not-supported", &format!("`{shown}` is not a search parameter here and was left out"), &[])
        };
        let mut all: Vec<Value> = self.query.ignored.iter().map(one).collect();
        if let Some(cut) = cut {
            let message = match cut {
                Cut::Resources => format!("more than {MAX_INCLUDED} resources would be included: the rest was left out"),
                Cut::Rounds => format!("includes were followed {MAX_ROUNDS} times: what is further away was left out"),
            };
            all.push(outcome::issue("warning", "too-costly", &message, &[]));
        }
        all
    }
}

/// What an entry is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// `match`.
    Match,
    /// `include`.
    Include,
    /// `outcome`.
    Outcome,
}

/// An entry of a searchset.
pub(super) struct Entry {
    /// `fullUrl`.
    pub url: Option<String>,
    /// The resource.
    pub body: Vec<u8>,
    /// What it is for.
    pub mode: Mode,
}

/// `self`, and where there is more than the page, `first`, `previous` and `next`: cursors that show nothing of the search.
pub(super) fn links(
    service: &Service,
    request: &Request,
    done: &Done,
    ends: (Option<&Position>, Option<&Position>),
    more: bool,
) -> Result<Vec<(&'static str, String)>, Error> {
    let base = if done.path.is_empty() { service.base_url.to_string() } else { format!("{}/{}", service.base_url, done.path) };
    let sealed = |position: Option<&Position>, backward: bool| -> Result<String, Error> {
        let cursor = Cursor::new(service, &done.pairs, position.cloned(), backward);
        Ok(format!("{base}?_cursor={}", cursor.seal(service, request, &done.path)?))
    };
    let echo = form_urlencoded::Serializer::new(String::new()).extend_pairs(&done.query.echo).finish();
    let own = match (&done.cursor, done.posted, echo.is_empty()) {
        (Some(cursor), ..) => format!("{base}?_cursor={}", cursor.seal(service, request, &done.path)?),
        (None, true, _) => format!("{base}/_search"),
        (None, false, true) => base.clone(),
        (None, false, false) => format!("{base}?{echo}"),
    };
    let mut links = vec![("self", own)];
    let backward = done.cursor.as_ref().is_some_and(|cursor| cursor.backward);
    if more || !done.is_first() {
        links.push(("first", sealed(None, false)?));
    }
    match ends.0 {
        Some(first) if if backward { more } else { !done.is_first() } => links.push(("previous", sealed(Some(first), true)?)),
        _ => {}
    }
    match ends.1 {
        Some(last) if more || backward => links.push(("next", sealed(Some(last), false)?)),
        _ => {}
    }
    Ok(links)
}

/// About how many bytes of an entry are not its resource.
const ROUND_A_BODY: usize = 160;

/// The Bundle of a page: entries in order, links, and an outcome in this language where there is something to say; bodies are spliced in as they are.
pub(super) fn searchset(
    total: Option<i64>,
    mut entries: Vec<Entry>,
    links: &[(&'static str, String)],
    warnings: &[Value],
    language: Language,
) -> Result<Vec<u8>, Error> {
    let head = outcome::bundle("searchset", total, links, Vec::new()).to_string();
    if !warnings.is_empty() {
        let body = told(outcome::outcome(warnings.to_vec()), language).to_string().into_bytes();
        entries.push(Entry { url: None, body, mode: Mode::Outcome });
    }
    if entries.is_empty() {
        return Ok(head.into_bytes());
    }
    let mut bundle = head.into_bytes();
    bundle.pop();
    bundle.reserve(entries.iter().map(|entry| entry.body.len() + ROUND_A_BODY).sum());
    bundle.extend_from_slice(b",\"entry\":[");
    for (place, Entry { url, body, mode }) in entries.into_iter().enumerate() {
        // What is stored was written from a tree: one that lost its ends is not served as a part of this one.
        let body = std::str::from_utf8(&body).ok().filter(|body| body.starts_with('{') && body.ends_with('}'));
        let body = body.ok_or_else(|| Error::Unexpected("a stored body is no JSON".into()))?;
        let mode = match mode {
            Mode::Match => "match",
            Mode::Include => "include",
            Mode::Outcome => "outcome",
        };
        bundle.extend_from_slice(if place == 0 { b"{" } else { b",{" });
        if let Some(url) = url {
            bundle.extend_from_slice(format!("\"fullUrl\":{},", Value::String(url)).as_bytes());
        }
        bundle.extend_from_slice(b"\"resource\":");
        bundle.extend_from_slice(body.as_bytes());
        bundle.extend_from_slice(format!(",\"search\":{{\"mode\":\"{mode}\"}}}}").as_bytes());
    }
    bundle.extend_from_slice(b"]}");
    Ok(bundle)
}

/// The row of the matrix by which one of these rules may open a resource to the caller.
pub(super) fn opening_row(service: &Service, request: &Request, rules: &[String], envelope: &Envelope) -> Option<String> {
    let row = service.policy.opening_row(&request.caller, rules, envelope.resource, envelope.doc_type, service.clock.now());
    row.map(ToOwned::to_owned)
}

/// One trace for each holder disclosed, in the order of what was found, then one for each other name; one without holder where there is
/// none. Which of the names lead somewhere changes neither their number nor their order: holders are not in the order of their
/// numbers, and what belongs to nobody stands for no name. `rules` are those behind the scope, `row` the row of the matrix by which
/// they may open what was found; `others` whether the query may tell of more than was disclosed.
pub(super) fn happened(
    hits: &[&Hit],
    touched: &[i64],
    rules: &[String],
    row: &dyn Fn(&Envelope) -> Option<String>,
    others: bool,
) -> Vec<Happened> {
    let mut disclosing: Vec<i64> = Vec::new();
    let mut by_holder: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    let mut rows: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    for hit in hits {
        let keys = by_holder.entry(hit.envelope.holder).or_default();
        if keys.is_empty() {
            disclosing.push(hit.envelope.holder);
        }
        keys.push(hit.envelope.key);
        if let Some(row) = row(&hit.envelope) {
            rows.entry(hit.envelope.holder).or_default().insert(row);
        }
    }
    let of = |holder: i64, keys: Vec<i64>| {
        let found = i32::try_from(keys.len()).unwrap_or(i32::MAX);
        // What disclosed one resource alone is about that resource.
        let (key, mut disclosed) = match keys.as_slice() {
            [only] => (*only, Vec::new()),
            _ => (0, keys),
        };
        if others && holder != 0 {
            disclosed.push(OTHERS);
        }
        let rows = rows.get(&holder).into_iter().flatten().cloned();
        Happened { holder, key, found, disclosed, rules: rules.iter().cloned().chain(rows).collect(), elsewhere: false }
    };
    let nothing = touched.iter().filter(|holder| **holder == 0 || !by_holder.contains_key(holder));
    let silent: Vec<Happened> = nothing.map(|holder| of(*holder, Vec::new())).collect();
    let mut all: Vec<Happened> = disclosing.into_iter().map(|holder| of(holder, by_holder.remove(&holder).unwrap_or_default())).collect();
    all.extend(silent);
    if all.is_empty() {
        all.push(Happened { rules: rules.to_vec(), ..Happened::default() });
    }
    all
}
