//! The README lists every rule once or more, and every number that a test carries.

use std::collections::BTreeSet;

const LIST: &str = include_str!("README.md");
const TESTS: [&str; 11] = [
    include_str!("actors.rs"),
    include_str!("authors.rs"),
    include_str!("consent.rs"),
    include_str!("emergency.rs"),
    include_str!("exercises.rs"),
    include_str!("hidden.rs"),
    include_str!("identity.rs"),
    include_str!("masked.rs"),
    include_str!("matrix.rs"),
    include_str!("minors.rs"),
    include_str!("traces.rs"),
];

/// The numbers in the first cell of each row: `1`, `4–9`, `53b`.
fn listed() -> BTreeSet<String> {
    let cells = LIST.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let parts = cells.flat_map(|cell| cell.split(", ")).filter(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    let number = |text: &str| text.trim_end_matches('b').parse::<u32>().unwrap();
    let mut all = BTreeSet::new();
    for part in parts {
        let (first, last) = part.split_once('–').unwrap_or((part, part));
        all.extend((number(first)..=number(last)).map(|number| number.to_string()));
        all.extend(part.contains('b').then(|| "53b".to_owned()));
    }
    all
}

#[test]
fn every_rule_is_listed_and_every_test_of_one() {
    let expected: BTreeSet<String> = (1..=104).map(|number| number.to_string()).chain(["53b".to_owned()]).collect();
    assert_eq!(listed(), expected);
    for name in TESTS.iter().flat_map(|text| text.split("fn rule_").skip(1)) {
        let numbers: Vec<&str> = name.split('_').take_while(|part| part.starts_with(|c: char| c.is_ascii_digit())).collect();
        assert!(!numbers.is_empty());
        for number in numbers {
            let number = number.trim_start_matches('0');
            assert!(expected.contains(number), "{number}");
        }
    }
    // A test that is named is there.
    for named in LIST.split('`').filter_map(|text| text.split_once("::")).filter(|(_, test)| test.starts_with("rule_")) {
        let test = named.1.trim_end_matches('…');
        assert!(TESTS.iter().chain([&include_str!("record.rs")]).any(|text| text.contains(&format!("fn {test}"))), "{test}");
    }
}
