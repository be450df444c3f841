//! Whether two answers are the same, up to what each database makes new: ids, instants, cursors, request ids.
//!
//! Ids are compared by a bijection: the ids of one name go together from the start, and an id seen for the first time goes with the
//! one that stands at its place in the other answer, from then on.

use std::collections::HashMap;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex::{Captures, Regex};

use crate::support::answer::Answer;

/// Which id of one database goes with which of the other.
#[derive(Clone, Default)]
pub struct Bijection {
    there: HashMap<String, String>,
    back: HashMap<String, String>,
}

impl Bijection {
    /// Whether these go together, from now on.
    pub fn pair(&mut self, one: &str, other: &str) -> bool {
        let known = (self.there.get(one), self.back.get(other));
        match known {
            (None, None) => {
                self.there.insert(one.to_owned(), other.to_owned());
                self.back.insert(other.to_owned(), one.to_owned());
                true
            }
            (Some(there), Some(back)) => there == other && back == one,
            _ => false,
        }
    }
}

static IDS: LazyLock<Regex> = LazyLock::new(|| Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap());
static QUERIES: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"("query":\s*"|<query value=")([A-Za-z0-9+/=]+)""#).unwrap());
static INSTANTS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z").unwrap());
static CURSORS: LazyLock<Regex> = LazyLock::new(|| Regex::new("_cursor=([A-Za-z0-9_%.-]+)").unwrap());
static ROUNDS: LazyLock<Regex> = LazyLock::new(|| Regex::new("[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT").unwrap());

/// The answer as it is compared: without what is new at every request. A cursor is as long in both.
fn plain(answer: &Answer) -> String {
    let mut text = format!("{}\n", answer.status);
    let mut headers: Vec<(String, String)> = answer.headers();
    headers.retain(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id"));
    headers.sort();
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\n"));
    }
    text.push_str(&answer.text());
    let decoded = |found: &Captures<'_>| {
        let query = STANDARD.decode(&found[2]).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        format!("{}{}\"", &found[1], query.unwrap_or_else(|_| found[2].to_owned()))
    };
    let text = QUERIES.replace_all(&text, decoded);
    let text = CURSORS.replace_all(&text, |found: &Captures<'_>| format!("_cursor=({})", found[1].len()));
    let text = INSTANTS.replace_all(&text, "(instant)");
    ROUNDS.replace_all(&text, "(date)").into_owned()
}

/// The two texts about the place where they part.
fn parting(one: &str, other: &str) -> String {
    let at = one.bytes().zip(other.bytes()).position(|(a, b)| a != b).unwrap_or(one.len().min(other.len()));
    let about = |text: &str| {
        let bytes = text.as_bytes();
        let status = text.lines().next().unwrap_or_default();
        format!("{status} … {}", String::from_utf8_lossy(&bytes[at.saturating_sub(SHOWN)..bytes.len().min(at + SHOWN)]))
    };
    format!("--- one\n{}\n--- other\n{}\n", about(one), about(other))
}

/// Bytes that are shown on either side of a difference.
const SHOWN: usize = 700;

/// What differs, if anything does.
pub fn difference(one: &Answer, other: &Answer, ids: &mut Bijection) -> Option<String> {
    let (one, other) = (plain(one), plain(other));
    let found = |text: &str| IDS.find_iter(text).map(|id| id.as_str().to_owned()).collect::<Vec<_>>();
    let (here, there) = (found(&one), found(&other));
    let rest = |text: &str| IDS.replace_all(text, "(id)").into_owned();
    if here.len() != there.len() || rest(&one) != rest(&other) {
        return Some(parting(&rest(&one), &rest(&other)));
    }
    let wrong = here.iter().zip(&there).find(|(one, other)| !ids.pair(one, other));
    wrong.map(|(a, b)| format!("{a} does not go with {b}\n--- one\n{one}\n--- other\n{other}\n"))
}
