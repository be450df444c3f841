//! FHIRPath as others see it: HL7's suite, R4's own expressions over R4's own examples, and whatever bytes come.

mod definitions;
mod suite;
mod wild;

use std::io::Read;
use std::path::Path;

use ensemble::fhir::ResourceType;
use flate2::read::GzDecoder;
use serde_json::Value;

use crate::support::package;

/// The official examples of R4 with their names: all of the package where it can be had, else the sample shipped with these tests.
fn examples() -> Vec<(String, Value)> {
    let known = |value: &Value| value["resourceType"].as_str().and_then(ResourceType::parse).is_some();
    if let Some(directory) = package::examples() {
        let files = std::fs::read_dir(directory).unwrap().flatten().map(|entry| entry.path());
        let json = files.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
        let read = json.map(|path| {
            let value: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), value)
        });
        let mut all: Vec<_> = read.filter(|(_, value)| known(value)).collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        return all;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/examples.ndjson.gz");
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let read = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    read.map(|value| (format!("{}-{}", value["resourceType"], value["id"]), value)).collect()
}
