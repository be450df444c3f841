//! The house is in order: calls go one way, each foreign library has one room (STYLE 1).

mod messages;

use std::path::{Path, PathBuf};

/// Who may use whom: a room uses those after it.
const ORDER: [&str; 18] = [
    "main",
    "http",
    "sandbox",
    "import",
    "law",
    "interaction",
    "auth",
    "audit",
    "store",
    "policy",
    "search",
    "filter",
    "cda",
    "fhirpath",
    "fhir",
    "config",
    "clock",
    "lib",
];

/// Rooms that any may use, or that stand apart.
const HANDED_DOWN: [&str; 1] = ["clock"];

/// The one room of each library.
const LIBRARIES: [(&str, &str); 11] = [
    ("actix_web", "http"),
    ("openssl", "auth"),
    ("diesel", "store"),
    ("r2d2", "store"),
    ("diesel_migrations", "store"),
    ("fhirbolt", "fhir"),
    ("quick_xml", "fhir"),
    ("regex", "fhirpath"),
    ("rust_decimal", "fhirpath"),
    ("toml", "config"),
    ("clap", "main"),
];

/// Exceptions, each with its reason.
const ALLOWED: [(&str, &str); 2] = [
    // The runtime that serves is made where the process begins.
    ("main", "actix_web"),
    // The proof that the policy was asked.
    ("store", "policy"),
];

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Room and code of every source file, without comments and tests.
fn rooms() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let room = |path: &Path| path.strip_prefix(&root).unwrap().iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
    let code = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap();
        let before_tests = text.split("#[cfg(test)]").next().unwrap();
        before_tests.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    };
    sources(&root)
        .into_iter()
        .filter(|path| path.file_name().unwrap() != "tests.rs")
        .map(|path| (room(&path), path.clone(), code(&path)))
        .collect()
}

#[test]
fn calls_go_one_way() {
    let place = |room: &str| ORDER.iter().position(|one| *one == room).unwrap_or_else(|| panic!("`{room}` has no place in the order"));
    let mut wrong = Vec::new();
    for (room, path, code) in rooms() {
        for used in code.split("crate::").skip(1) {
            let used: String = used.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            let known = ORDER.contains(&used.as_str());
            if known && used != room && !HANDED_DOWN.contains(&used.as_str()) && place(&used) < place(&room) {
                wrong.push(format!("{} uses {used}", path.display()));
            }
        }
        assert!(place(&room) < ORDER.len());
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn each_library_has_one_room() {
    let mut wrong = Vec::new();
    for (room, path, code) in rooms() {
        for (library, home) in LIBRARIES {
            let named = code.match_indices(library).any(|(at, _)| {
                let before = code[..at].chars().next_back();
                let after = code[at + library.len()..].starts_with("::");
                after && before.is_none_or(|c| !(c.is_ascii_alphanumeric() || c == '_'))
            });
            if named && room != home && !ALLOWED.contains(&(room.as_str(), library)) {
                wrong.push(format!("{} names {library}", path.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn files_are_small() {
    let long = rooms().into_iter().map(|(_, path, _)| path).filter(|path| std::fs::read_to_string(path).unwrap().lines().count() > 500);
    assert_eq!(long.collect::<Vec<_>>(), Vec::<PathBuf>::new());
}

#[test]
fn migrations_have_the_same_names_on_both_sides() {
    let names = |side: &str| {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(side);
        let mut names: Vec<_> = std::fs::read_dir(directory).unwrap().flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("sqlite"), names("postgres"));
}

#[test]
fn each_migration_has_a_number_of_its_own() {
    let mut numbers = std::collections::BTreeMap::new();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join("postgres");
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let (version, _) = name.split_once('_').unwrap_or_else(|| panic!("`{name}` has no name after its version"));
        // What diesel orders and remembers it by: the digits before the name.
        let (day, number) = version.rsplit_once('-').unwrap();
        assert!(day.len() == 10 && number.len() == 6 && number.bytes().all(|b| b.is_ascii_digit()), "{name}");
        assert_eq!(numbers.insert(number.to_owned(), name.clone()), None, "{name} has the number of another");
    }
    assert!(!numbers.is_empty());
}

/// SQLite plans a statement anew, ten times the work of running it, whenever a value is bound that stands in the statement as the condition of
/// a partial index has it: `holder = ?` beside an index `WHERE holder = -1`.
#[test]
fn no_index_of_sqlite_is_partial_by_an_equality() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join("sqlite");
    let mut names: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path().join("up.sql")).collect();
    names.sort();
    let mut partial = std::collections::BTreeMap::new();
    for name in names.iter().filter(|name| name.exists()) {
        let text = std::fs::read_to_string(name).unwrap();
        for line in text.lines() {
            if let Some(index) = line.strip_prefix("DROP INDEX ") {
                partial.remove(index.trim_end_matches(';'));
            } else if let Some((index, condition)) = line.strip_prefix("CREATE INDEX ").and_then(|rest| rest.split_once(" WHERE ")) {
                partial.insert(index.split(' ').next().unwrap().to_owned(), condition.to_owned());
            }
        }
    }
    assert!(partial.contains_key("resource_history"), "{partial:?}");
    let equal: Vec<_> = partial.iter().filter(|(_, condition)| condition.contains(" = ")).collect();
    assert!(equal.is_empty(), "{equal:?}");
}
