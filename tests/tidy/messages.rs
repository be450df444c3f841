//! Whatever a client may be told has its line in `profiles/messages/fr.tsv`, and no line is left over.
//!
//! Sentences are found by their look, not by who is called with them: any text of these rooms with words in it is one, unless it is named
//! here with its reason. So a new error cannot be forgotten, however it reaches its constructor.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::rooms;

/// Rooms whose sentences reach clients. The others talk to operators, to the log or to the database: `store` in words that
/// `interaction::error` replaces by its own.
const ROOMS: [&str; 7] = ["auth", "cda", "fhir", "fhirpath", "http", "interaction", "search"];

/// Files that tell clients nothing, or what is no error.
const FILES: [(&str, &str); 6] = [
    ("auth/seal.rs", "keys"),
    ("fhir/second_opinion.rs", "what tests compare with"),
    ("http/health.rs", "for balancers, in plain text"),
    ("http/metrics.rs", "for Prometheus"),
    ("interaction/capabilities.rs", "the CapabilityStatement, which is a document of its own"),
    ("interaction/explain/sentences.rs", "both languages stand in the answer"),
];

/// What stands just before a text that no client is told.
const BEFORE: [(&str, &str); 5] = [
    ("Unexpected(", "the reason of a 500, for the log"),
    ("Error::Token(", "the reason of a 401, which tells nothing more"),
    ("tracing::", "for the log"),
    ("insert_header(", "a header"),
    ("from_static(", "a header"),
];

/// Texts that look like sentences and are not told.
const NOT_TOLD: [(&str, &str); 19] = [
    (" at line {} column {}", "taken off the end of what serde says"),
    ("%a, %d %b %Y %H:%M:%S GMT", "a form of dates"),
    (".where(resolve() is ", "FHIRPath"),
    (".where(url = '{}')", "FHIRPath"),
    ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "XML"),
    ("<DocumentReference xmlns=\"http://hl7.org/fhir\">{}</DocumentReference>", "XML"),
    ("<extension url=\"{}\">{}</extension>", "XML"),
    ("Compte rendu d'examens biologiques", "the name of a type of document, French in both languages"),
    ("DiagnosticReport {}", "a name in the database"),
    ("Isolat microbiologique", "what a group of results is, French in both languages"),
    ("List sha256:{}", "a name in the database"),
    ("List {}|{}", "a name in the database"),
    ("Push {}", "a name in the database"),
    ("code {} {}", "what tells results of one report apart"),
    ("cryptography failed", "a 500"),
    ("no valid token: {}", "a 401 tells nothing more"),
    ("{} _history", "a place in a cursor"),
    ("{} of {} bytes", "for Debug"),
    ("{} to {}", "how many arguments there may be: the whole sentence has a line of its own"),
];

/// Lines whose English is made elsewhere: by serde_json, or out of two texts.
const FROM_ELSEWHERE: [&str; 25] = [
    "EOF while parsing a list",
    "EOF while parsing a string",
    "EOF while parsing a value",
    "EOF while parsing an object",
    "`{}` takes {} to {} arguments, not {}",
    "control character (\\u0000-\\u001F) found while parsing a string",
    "expected `,` or `]`",
    "expected `,` or `}`",
    "expected `:`",
    "expected ident",
    "expected value",
    "invalid escape",
    "invalid number",
    "invalid type: {}, expected {}",
    "invalid unicode code point",
    "key must be a string",
    "lone leading surrogate in hex escape",
    "missing field `{}`",
    "number out of range",
    "recursion limit exceeded",
    "trailing characters",
    "trailing comma",
    "unexpected end of hex escape",
    "unknown field `{}`, expected {}",
    "{}: {}",
];

/// A text of the sources.
struct Literal {
    /// The code before it, without blanks and texts.
    before: String,
    /// What it says, each hole as `{}`.
    says: String,
}

/// The texts of Rust code without comments on lines of their own; byte strings are none.
fn literals(code: &str) -> Vec<Literal> {
    let chars: Vec<char> = code.chars().collect();
    let (mut found, mut before, mut at) = (Vec::new(), String::new(), 0);
    while at < chars.len() {
        let next = |n: usize| chars.get(at + n).copied().unwrap_or_default();
        match chars[at] {
            '/' if next(1) == '/' => at += chars[at..].iter().position(|c| *c == '\n').unwrap_or(chars.len() - at),
            // A character, not a lifetime.
            '\'' if next(1) == '\\' => {
                at += 3 + chars[at + 3..].iter().position(|c| *c == '\'').unwrap() + 1;
            }
            '\'' if next(2) == '\'' => at += 3,
            'r' if (next(1) == '"' || next(1) == '#') && !before.ends_with(|c: char| c.is_alphanumeric() || c == '_') => {
                let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
                if next(1 + hashes) != '"' {
                    before.push('r');
                    at += 1;
                    continue;
                }
                let start = at + 2 + hashes;
                let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
                let length = chars[start..].windows(end.len()).position(|window| window == end).unwrap();
                found.push(Literal { before: tail(&before), says: chars[start..start + length].iter().collect() });
                at = start + length + end.len();
            }
            '"' => {
                let (says, end) = quoted(&chars, at + 1);
                if !before.ends_with('b') {
                    found.push(Literal { before: tail(&before), says });
                }
                at = end;
            }
            other => {
                if !other.is_whitespace() {
                    before.push(other);
                }
                at += 1;
            }
        }
    }
    found
}

/// The text that begins here, and where the code goes on.
fn quoted(chars: &[char], mut at: usize) -> (String, usize) {
    let mut says = String::new();
    while chars[at] != '"' {
        if chars[at] != '\\' {
            says.push(chars[at]);
            at += 1;
            continue;
        }
        match chars[at + 1] {
            '\n' => {
                at += 2;
                at += chars[at..].iter().take_while(|c| c.is_whitespace()).count();
                continue;
            }
            'n' => says.push('\n'),
            't' => says.push('\t'),
            'r' => says.push('\r'),
            '0' => says.push('\0'),
            'u' => {
                let digits: String = chars[at + 3..].iter().take_while(|c| **c != '}').collect();
                says.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
                at += 2 + digits.len();
            }
            other => says.push(other),
        }
        at += 2;
    }
    (says, at + 1)
}

fn tail(before: &str) -> String {
    before.chars().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect()
}

/// Each hole of a format as `{}`.
fn holes(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('{') {
        let Some((_, after)) = after.split_once('}').filter(|(hole, _)| !hole.contains('{')) else { break };
        out.push_str(before);
        out.push_str("{}");
        rest = after;
    }
    out + rest
}

/// Several words, or one and a hole; no list of methods, no names only.
fn is_sentence(text: &str) -> bool {
    let words = text.split_whitespace().count();
    let lower = text.replace("{}", "").chars().any(|c| c.is_ascii_lowercase());
    words > 1 && words < 30 && lower
}

/// Every sentence of the sources, with a place where it stands.
fn sentences() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (room, path, code) in rooms() {
        let place = path.to_str().unwrap().to_owned();
        let excused = FILES.iter().any(|(file, _)| place.ends_with(&format!("/src/{file}")));
        // Tests beside the code are not in it.
        if !ROOMS.contains(&room.as_str()) || excused || path.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        for Literal { before, says } in literals(&code) {
            let says = holes(&says);
            let told = !BEFORE.iter().any(|(what, _)| before.contains(what) && is_argument(&before, what));
            if told && is_sentence(&says) {
                all.entry(says).or_insert_with(|| place.clone());
            }
        }
    }
    all
}

/// Whether the text after this code is an argument of the call that begins with `what`.
fn is_argument(before: &str, what: &str) -> bool {
    let Some((_, after)) = before.rsplit_once(what) else { return false };
    let depth = after.chars().fold(0_i32, |depth, c| depth + i32::from(c == '(') - i32::from(c == ')'));
    depth >= 0 && !after.contains(';') && !after.contains('{')
}

fn table() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/messages/fr.tsv");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

#[test]
fn whatever_a_client_is_told_is_told_in_french() {
    let table: BTreeSet<String> = table().into_iter().collect();
    let told = sentences();
    assert!(told.len() > 400, "sentences are found: {}", told.len());
    let excused = |text: &String| NOT_TOLD.iter().any(|(one, _)| one == text);
    let missing: Vec<(&String, &String)> = told.iter().filter(|(text, _)| !table.contains(*text) && !excused(text)).collect();
    // Ready to be pasted, once the second cell is French.
    let lines: Vec<String> = missing.iter().map(|(text, _)| format!("{text}\t{}\t-", numbered(text))).collect();
    assert!(missing.is_empty(), "no line in profiles/messages/fr.tsv:\n{}\n\nof {missing:#?}", lines.join("\n"));
}

/// The holes with their numbers, as the French cell has them.
fn numbered(text: &str) -> String {
    let mut pieces = text.split("{}");
    let first = pieces.next().unwrap().to_owned();
    pieces.enumerate().fold(first, |told, (place, piece)| format!("{told}{{{}}}{piece}", place + 1))
}

#[test]
fn no_line_is_left_over() {
    let told = sentences();
    let dead: Vec<String> =
        table().into_iter().filter(|text| !told.contains_key(text) && !FROM_ELSEWHERE.contains(&text.as_str())).collect();
    assert_eq!(dead, Vec::<String>::new(), "lines of profiles/messages/fr.tsv that nothing says");
    let stale = |text: &&str| !told.contains_key(*text);
    let table: BTreeSet<String> = table().into_iter().collect();
    assert!(FROM_ELSEWHERE.iter().all(|text| table.contains(*text)), "every line from elsewhere is there");
    assert_eq!(NOT_TOLD.iter().map(|(text, _)| *text).filter(stale).collect::<Vec<_>>(), Vec::<&str>::new(), "exceptions without a text");
}

#[test]
fn texts_are_found_in_code() {
    let rows: &[(&str, &[&str])] = &[
        (r#"f("a b", 'x', "c {d:?} e")"#, &["a b", "c {} e"]),
        (r#"Unexpected(format!("a \"b\" {}", '"'))"#, &["a \"b\" {}"]),
        ("f(\"a \\\n     b\") // \"no\"\n", &["a b"]),
        (r##"r#"a "b""#, b"no", "\u{e9} é""##, &["a \"b\"", "é é"]),
        ("fn f<'a>(x: &'a str) -> &'a str { \"x y\" }", &["x y"]),
        (r"'\'' '\u{e9}'", &[]),
    ];
    for (code, expected) in rows {
        let found: Vec<String> = literals(code).iter().map(|literal| holes(&literal.says)).collect();
        assert_eq!(found, *expected, "{code}");
    }
}
