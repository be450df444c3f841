//! The official pairs and validator cases (FHIR/fhir-test-cases, Apache-2.0), where they are beside the project.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use ensemble::fhir::validate::validate;
use ensemble::fhir::{Document, Format, ResourceType};
use serde_json::Value;

/// A directory of the data that may stand beside the project.
fn beside(name: &str) -> Option<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    directory.is_dir().then_some(directory)
}

fn format_of(path: &Path) -> Format {
    if path.extension().is_some_and(|ending| ending == "xml") { Format::Xml } else { Format::Json }
}

/// What is wrong with a file first: its place and our words; nothing for a valid resource.
fn first_issue(path: &Path) -> Option<(String, String)> {
    let text = std::fs::read(path).unwrap();
    let document = match Document::read(format_of(path), &text) {
        Err(error) => return Some(("-".to_owned(), error.to_string())),
        Ok(document) => document,
    };
    let Some(resource) = document.value["resourceType"].as_str().and_then(ResourceType::parse) else {
        return Some(("resourceType".to_owned(), "no resource of R4".to_owned()));
    };
    let issue = document.issues.into_iter().chain(validate(resource, &document.value)).next()?;
    Some((issue.expression, issue.message))
}

/// Pairs whose two files do not say the same, and why.
const NO_PAIRS: [(&str, &str); 2] = [
    ("observation-decimal", "the XML writes 1E-22 with all its zeros"),
    ("observation-example", "the XML has another narrative and one extension more"),
];

#[test]
fn json_and_xml_of_a_pair_are_one_resource() {
    let Some(directory) = beside("hl7-examples/pairs-official") else { return };
    let mut pairs = 0;
    for entry in std::fs::read_dir(directory).unwrap().flatten().filter(|entry| entry.path().extension().unwrap() == "json") {
        let read = |path: &Path| Document::read(format_of(path), &std::fs::read(path).unwrap()).unwrap();
        let (json, xml) = (read(&entry.path()), read(&entry.path().with_extension("xml")));
        assert_eq!(xml.issues, [], "{}", entry.path().display());
        let name = entry.path().file_stem().unwrap().to_str().unwrap().to_owned();
        let differ = NO_PAIRS.iter().any(|(known, _)| *known == name);
        assert_eq!(xml.value != json.value, differ, "{name}");
        pairs += 1;
    }
    assert!(pairs >= 5, "{pairs} pairs");
}

/// Whether the reference validator found errors in a case; nothing where its outcome is not told.
fn theirs(case: &Value) -> Option<bool> {
    let outcome = case.get("java_outcome")?;
    let outcome = outcome.get("outcome").unwrap_or(outcome);
    let issues = outcome["issue"].as_array().map(Vec::as_slice).unwrap_or_default();
    Some(issues.iter().any(|issue| matches!(issue["severity"].as_str(), Some("error" | "fatal"))))
}

/// Every case with what we say of it; where we and the reference validator differ, `conformance/validator-cases.tsv` says why.
#[test]
fn we_agree_with_the_validator_cases_or_say_why_not() {
    let Some(directory) = beside("fhir-test-cases/validator") else { return };
    let manifest: Value = serde_json::from_slice(&std::fs::read(directory.join("manifest.json")).unwrap()).unwrap();
    let kept = crate::support::kept_snapshot("validator-cases.tsv");
    let why = |name: &str| {
        let line = kept.lines().find(|line| line.split('\t').next() == Some(name));
        line.and_then(|line| line.split('\t').nth(4)).unwrap_or("?").to_owned()
    };
    let mut table = String::from("case\tvalidator\tensemble\tplace\twhy they differ\n");
    for case in manifest.as_array().unwrap() {
        let (name, file) = (case["name"].as_str().unwrap(), case["file"].as_str().unwrap());
        let ours = first_issue(&directory.join(file));
        let refuses = theirs(case);
        let why = if refuses.is_none_or(|refuses| refuses == ours.is_some()) { "-".to_owned() } else { why(name) };
        assert!(std::env::var_os("ENSEMBLE_WRITE_SNAPSHOTS").is_some() || !matches!(why.as_str(), "?" | ""), "{name}: say why");
        let word = |refused: bool| if refused { "refused" } else { "accepted" };
        let (place, message) = ours.clone().unwrap_or_else(|| ("-".into(), String::new()));
        let shown = if message.is_empty() { word(false).to_owned() } else { format!("refused: {message}") };
        let _ = writeln!(table, "{name}\t{}\t{}\t{place}\t{why}", refuses.map_or("says nothing", word), shown.replace(['\t', '\n'], " "));
    }
    crate::support::compare_snapshot("validator-cases.tsv", &table);
}
