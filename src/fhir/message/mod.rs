//! What errors and warnings say, in the reader's language and with the guide that asks for it (`profiles/messages/fr.tsv`).
//!
//! Sentences are written in English where they are made; here each is known again by its words, and told in French. One that the table
//! does not have stays as it is. INVARIANT: what is told depends on the sentence and the language alone, so that what is hidden and what is
//! absent stay alike.

mod language;
mod template;

pub use language::Language;

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use template::{Inside, Part, Template};

const TABLE: &str = include_str!("../../../profiles/messages/fr.tsv");

/// The system of the codings that name guide and section.
pub const SOURCE: &str = "https://ensemble.example/fhir/CodeSystem/source";

/// Sentences within sentences at most.
const NESTING_MAX: usize = 4;

/// The table, by the first word of its sentences; those that begin with a hole stand under the empty one. The surest come first.
static TEMPLATES: LazyLock<HashMap<&'static str, Vec<Template>>> = LazyLock::new(|| {
    let mut all: HashMap<&str, Vec<Template>> = HashMap::new();
    for template in TABLE.lines().skip(1).filter_map(Template::read) {
        all.entry(template.first_word().unwrap_or_default()).or_default().push(template);
    }
    for some in all.values_mut() {
        some.sort_by_key(|template| std::cmp::Reverse(template.weight()));
    }
    all
});

/// An OperationOutcome in this language, each issue with guide and section where they are known. Its `language` is set where it is not
/// English, which is the default.
pub fn told(mut outcome: Value, language: Language) -> Value {
    let mut french = false;
    for issue in outcome.get_mut("issue").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(text) = issue.pointer("/details/text").and_then(Value::as_str) else { continue };
        let Some((sentence, source)) = known(text, 0) else { continue };
        let text = match language {
            Language::English => text.to_owned(),
            Language::French => sentence,
        };
        french |= language == Language::French;
        let details = match source {
            Some(source) => json!({"coding": [{"system": SOURCE, "code": source}], "text": text}),
            None => json!({"text": text}),
        };
        set(issue, "details", details);
    }
    if french {
        set(&mut outcome, "language", Language::French.code().into());
    }
    outcome
}

fn set(value: &mut Value, name: &str, member: Value) {
    if let Some(members) = value.as_object_mut() {
        members.insert(name.to_owned(), member);
    }
}

/// The sentence in French and its source, where it is known.
fn known(text: &str, depth: usize) -> Option<(String, Option<&'static str>)> {
    if depth > NESTING_MAX {
        return None;
    }
    let word = text.split(' ').next().unwrap_or_default();
    let of = |word: &str| TEMPLATES.get(word).map(Vec::as_slice).unwrap_or_default();
    let (named, open) = (of(word), if word.is_empty() { &[] } else { of("") });
    let mut found: Vec<(&Template, Vec<&str>)> = named.iter().chain(open).filter_map(|one| Some((one, one.fill(text)?))).collect();
    found.sort_by_key(|(template, _)| std::cmp::Reverse(template.weight()));
    found.into_iter().find_map(|(template, holes)| filled(template, &holes, depth))
}

/// The French sentence with its holes filled, and the source of it or of a sentence within.
fn filled(template: &Template, holes: &[&str], depth: usize) -> Option<(String, Option<&'static str>)> {
    let (mut sentence, mut source) = (String::new(), template.source);
    for part in &template.french {
        let (hole, inside) = match part {
            Part::Text(text) => {
                sentence.push_str(text);
                continue;
            }
            Part::Hole(place, inside) => (holes.get(*place)?, *inside),
        };
        let within = if inside == Inside::Value { None } else { known(hole, depth.saturating_add(1)) };
        match within {
            Some((text, of)) => {
                sentence.push_str(&text);
                source = source.or(of);
            }
            None if inside == Inside::Sentence => return None,
            None => sentence.push_str(hole),
        }
    }
    Some((sentence, source))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::outcome::{issue, outcome};
    use super::super::{ResourceType, validate::validate};
    use super::*;

    #[test]
    fn every_line_can_be_read_and_its_holes_match() {
        let mut seen = BTreeSet::new();
        for line in TABLE.lines().skip(1) {
            let template = Template::read(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(line.split('\t').count(), 3, "{line}");
            assert!(line.split('\t').all(|cell| !cell.trim().is_empty() && cell.trim() == cell), "{line}");
            let (english, _) = line.split_once('\t').unwrap();
            assert!(seen.insert(english), "twice: {english}");
            assert_ne!(sentence(english).0, line.split('\t').nth(1).unwrap_or_default(), "not in French: {line}");
            let holes: BTreeSet<usize> =
                template.french.iter().filter_map(|part| if let Part::Hole(at, _) = part { Some(*at) } else { None }).collect();
            assert_eq!(holes, (0..english.matches("{}").count()).collect(), "{line}");
        }
        let sorted: Vec<&str> = TABLE.lines().skip(1).collect();
        assert!(sorted.is_sorted(), "the lines are in order");
    }

    /// The sentence with each hole as it is numbered, and how many there are.
    fn sentence(english: &str) -> (String, usize) {
        let mut pieces = english.split("{}");
        let first = pieces.next().unwrap().to_owned();
        let number = english.matches("{}").count();
        (pieces.enumerate().fold(first, |told, (place, piece)| format!("{told}{{{}}}{piece}", place + 1)), number)
    }

    #[test]
    fn every_line_knows_its_own_sentence() {
        for line in TABLE.lines().skip(1) {
            let mut cells = line.split('\t');
            let (english, french, source) = (cells.next().unwrap(), cells.next().unwrap(), cells.next().unwrap());
            // Those that hold a sentence need one that is known.
            if french.contains("!}") {
                continue;
            }
            let (sentence, number) = sentence(english);
            let expected = (1..=number).fold(french.to_owned(), |text, n| text.replace(&format!("{{{n}?}}"), &format!("{{{n}}}")));
            let (told, from) = known(&sentence, 0).unwrap_or_else(|| panic!("{sentence}"));
            assert_eq!((told, from.unwrap_or("-")), (expected, source), "{sentence}");
        }
    }

    #[test]
    fn a_sentence_holds_others() {
        let rows = [
            ("_count: more than 20 operations", Some("_count\u{a0}: plus de 20 opérations")),
            ("nobody: ever said this", None),
            (
                "operation 2 does not apply: the path cannot be evaluated: expected a String, not Quantity",
                Some(
                    "l’opération 2 ne s’applique pas\u{a0}: le chemin ne peut pas être évalué\u{a0}: attendu\u{a0}: une chaîne de caractères, et non Quantity",
                ),
            ),
            ("operation 2 does not apply: so it is", Some("l’opération 2 ne s’applique pas\u{a0}: so it is")),
        ];
        for (english, french) in rows {
            assert_eq!(known(english, 0).map(|(told, _)| told).as_deref(), french, "{english}");
        }
        // However deep they are, it ends.
        assert_eq!(known(&format!("{}all is well", "x: ".repeat(10_000)), 0), None);
    }

    #[test]
    fn an_outcome_is_told_in_french_with_its_source() {
        let made = || {
            outcome(vec![issue("error", "value", "expected base64", &["Binary.data".into()]), issue("error", "value", "unheard of", &[])])
        };
        let english = told(made(), Language::English);
        assert_eq!(english["issue"][0]["details"]["text"], "expected base64");
        assert!(english.get("language").is_none());
        let french = told(made(), Language::French);
        assert_eq!((&french["language"], &french["issue"][1]["details"]["text"]), (&json!("fr"), &json!("unheard of")));
        assert_eq!(french["issue"][0]["expression"], json!(["Binary.data"]));
        assert_ne!(french["issue"][0]["details"]["text"], english["issue"][0]["details"]["text"]);
        for one in [english, french] {
            assert_eq!(validate(ResourceType::OPERATION_OUTCOME, &one), []);
        }
        let unknown = told(outcome(vec![issue("error", "value", "unheard of", &[])]), Language::French);
        assert!(unknown.get("language").is_none());
    }

    #[test]
    fn a_source_is_a_code() {
        for template in TEMPLATES.values().flatten().filter(|template| template.source.is_some()) {
            let coded = json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "value",
                "details": {"coding": [{"system": SOURCE, "code": template.source}]}}]});
            assert_eq!(validate(ResourceType::OPERATION_OUTCOME, &coded), [], "{:?}", template.source);
        }
    }

    proptest! {
        #[test]
        fn any_text_may_be_asked(text in ".{0,200}", words in prop::collection::vec(prop::sample::select(vec!["`", "expected ", ": ", " is not ", "operation ", "{}", "x"]), 0..60)) {
            known(&text, 0);
            known(&words.concat(), 0);
        }
    }
}
