//! What is said of a decision, in French and English (`profiles/explain/sentences.tsv`).

use serde_json::{Value, json};

const SENTENCES: &str = include_str!("../../../profiles/explain/sentences.tsv");

/// Both languages of a sentence, as a parameter with a part for each.
pub fn sentence(group: &str, word: &str) -> Value {
    let [fr, en] = find(group, word).unwrap_or_default();
    json!({"name": "sentence", "part": [{"name": "fr", "valueString": fr}, {"name": "en", "valueString": en}]})
}

fn find(group: &str, word: &str) -> Option<[&'static str; 2]> {
    SENTENCES.lines().skip(1).find_map(|line| {
        let (key, text) = line.split_once('\t')?;
        let (fr, en) = text.split_once('\t')?;
        (key.split_once('.')? == (group, word)).then_some([fr, en])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Relation;

    #[test]
    fn whatever_may_be_said_has_a_sentence_in_both_languages() {
        let relations = Relation::ALL.into_iter().map(|(text, _)| ("relation", text));
        let others = [
            ("decision", ["permit", "deny"].as_slice()),
            ("exercise", &["ordinary", "occupational", "barred"]),
            ("matrix", &["permit", "forbid", "unknown"]),
            ("unmet", &["relation", "matrix", "label", "beaten"]),
        ];
        let others = others.into_iter().flat_map(|(group, words)| words.iter().map(move |word| (group, *word)));
        let all: Vec<(&str, &str)> = relations.chain(others).collect();
        for (group, word) in &all {
            assert!(find(group, word).is_some_and(|[fr, en]| !fr.is_empty() && !en.is_empty() && fr != en), "{group}.{word}");
        }
        assert_eq!(all.len(), SENTENCES.lines().skip(1).count(), "and no sentence is left over");
    }
}
