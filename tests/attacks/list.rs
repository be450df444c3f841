//! The README lists every line of the attack list once, and every test.

use std::collections::{BTreeMap, BTreeSet};

const LIST: &str = include_str!("README.md");
const TESTS: [(&str, &str); 8] = [
    ("bundles", include_str!("bundles.rs")),
    ("counts", include_str!("counts.rs")),
    ("includes", include_str!("includes.rs")),
    ("operations", include_str!("operations.rs")),
    ("reads", include_str!("reads.rs")),
    ("rights", include_str!("rights.rs")),
    ("search", include_str!("search.rs")),
    ("writes", include_str!("writes.rs")),
];

/// The rows: number, attack, tests or reason.
fn rows() -> Vec<(u32, String, String)> {
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let row = |line: &str| {
        let cells = cells(line);
        let number = cells.first()?.parse().ok()?;
        Some((number, cells.get(1)?.clone(), cells.get(2)?.clone()))
    };
    LIST.lines().filter(|line| line.starts_with("| ")).filter_map(row).collect()
}

/// The tests there are, by number.
fn tests() -> BTreeMap<u32, Vec<String>> {
    let mut found: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for (file, text) in &TESTS {
        for part in text.split("#[test]\nfn ").skip(1) {
            let name = part.split('(').next().unwrap();
            let number = name.strip_prefix("attack_").unwrap_or_else(|| panic!("{name} has no number"));
            let number = number.split('_').next().unwrap().parse().unwrap();
            found.entry(number).or_default().push(format!("{file}::{name}"));
        }
    }
    found
}

#[test]
fn every_line_of_the_list_has_its_row_and_every_test_is_there() {
    let numbers: Vec<u32> = rows().iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (1..=51).collect::<Vec<_>>());
    let tests = tests();
    for (number, attack, cell) in rows() {
        assert!(attack.len() >= 5 && cell.len() > 10, "{number}");
        let named: BTreeSet<String> = cell.split('`').filter(|part| part.contains("::attack_")).map(str::to_owned).collect();
        let there: BTreeSet<String> = tests.get(&number).cloned().unwrap_or_default().into_iter().collect();
        assert_eq!(named, there, "{number}");
    }
    // What each attack is and who had the hole stands before its test.
    for (_, text) in &TESTS {
        for before in text.split("#[test]\n").filter(|part| !part.is_empty()).take(text.matches("#[test]\n").count()) {
            assert!(before.trim_end().lines().last().unwrap().starts_with("///"), "{before}");
        }
    }
}
