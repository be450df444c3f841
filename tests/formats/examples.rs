//! The official examples of R4: all 5 306 resources of the package where it can be had, else the sample shipped with these tests.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Read;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ensemble::fhir::validate::validate;
use ensemble::fhir::{Document, Format, ResourceType, second_opinion, xml};
use flate2::read::GzDecoder;
use serde_json::Value;

use crate::support::{Server, on_both, package};

/// Names and texts, and whether they are all of the package.
fn all() -> (BTreeMap<String, Vec<u8>>, bool) {
    if let Some(directory) = package::examples() {
        let files = std::fs::read_dir(directory).unwrap().flatten().map(|entry| entry.path());
        let json = files.filter(|path| path.extension().is_some_and(|ending| ending == "json") && !path.ends_with("package.json"));
        return (json.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())).collect(), true);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/examples.ndjson.gz");
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let name = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        format!("{}-{}", value["resourceType"].as_str().unwrap(), value["id"].as_str().unwrap())
    };
    (text.lines().map(|line| (name(line), line.as_bytes().to_vec())).collect(), false)
}

/// The type and the tree of an example, or the first issue.
fn read(text: &[u8]) -> Result<(ResourceType, Value), (String, String)> {
    let document = Document::read(Format::Json, text).unwrap();
    let resource = ResourceType::parse(document.value["resourceType"].as_str().unwrap()).unwrap();
    match validate(resource, &document.value).into_iter().next() {
        None => Ok((resource, document.value)),
        Some(issue) => Err((issue.expression, issue.message)),
    }
}

/// Runs over the examples on as many threads as there are cores.
fn on_threads<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from).max(4) {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(item);
                }
            });
        }
    });
}

#[test]
fn every_valid_example_survives_both_formats() {
    let (examples, whole) = all();
    let refused = Mutex::new(BTreeMap::new());
    let items: Vec<(&String, &Vec<u8>)> = examples.iter().collect();
    on_threads(&items, |(name, text)| match read(text) {
        Err(first) => {
            refused.lock().unwrap().insert((*name).clone(), first);
        }
        Ok((_, value)) => {
            for pretty in [false, true] {
                let text = xml::write(&value, pretty);
                let again = Document::read(Format::Xml, &text).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(again.issues, [], "{name}");
                assert!(again.value == value, "{name} is not the same after XML");
            }
        }
    });
    if !whole {
        assert!(refused.into_inner().unwrap().is_empty(), "the sample holds valid examples only");
        return;
    }
    assert_eq!(items.len(), 5306);
    let mut table = String::from("example\telement\treason\n");
    for (name, (element, reason)) in refused.into_inner().unwrap() {
        let _ = writeln!(table, "{name}\t{element}\t{reason}");
    }
    crate::support::compare_snapshot("examples-refused.tsv", &table);
}

/// Examples up to this size are read a second time by fhirbolt, which is slow.
const SECOND_BYTES_MAX: usize = 32 * 1024;

#[test]
fn fhirbolt_reads_the_examples_alike() {
    let (examples, _) = all();
    let items: Vec<(&String, &Vec<u8>)> = examples.iter().filter(|(_, text)| text.len() <= SECOND_BYTES_MAX).collect();
    let differ = Mutex::new(BTreeMap::new());
    on_threads(&items, |(name, text)| {
        if let Ok((_, value)) = read(text)
            && let Err(reason) = second_opinion(&value)
        {
            differ.lock().unwrap().insert((*name).clone(), reason);
        }
    });
    assert_eq!(differ.into_inner().unwrap(), BTreeMap::new());
}

#[test]
fn every_valid_example_is_stored_and_served_as_it_came() {
    let (examples, _) = all();
    let valid: Vec<(ResourceType, Value, &Vec<u8>)> =
        examples.values().filter_map(|text| read(text).ok().map(|(resource, value)| (resource, value, text))).collect();
    // The server holds few large bodies at a time, and a machine that is slow must not be kept waiting by all of them at once.
    let (large, small): (Vec<_>, Vec<_>) = valid.into_iter().partition(|(_, _, text)| text.len() > 1024 * 1024);
    on_both(|backend| {
        let server = Server::open(backend);
        let stored = |(resource, value, text): &(ResourceType, Value, &Vec<u8>)| {
            let path = format!("/fhir/{resource}/{}", value["id"].as_str().unwrap());
            let content = [("content-type", "application/fhir+json"), ("prefer", "return=minimal")];
            let put = server.send("PUT", &path, &content, Some(text));
            assert_eq!(put.status, 201, "{path}: {}", put.text());
            let json = server.send("GET", &path, &[("accept", "application/fhir+json")], None);
            // Read as ours, so that a number spelt otherwise is another one.
            let tree = Document::read(Format::Json, &json.body).unwrap();
            assert!(json.status == 200 && same(tree.value, value), "{path} is not the same in JSON");
            let as_xml = server.send("GET", &path, &[("accept", "application/fhir+xml")], None);
            let tree = Document::read(Format::Xml, &as_xml.body).unwrap();
            assert!(as_xml.status == 200 && tree.issues.is_empty() && same(tree.value, value), "{path} is not the same in XML");
        };
        on_threads(&small, stored);
        large.iter().for_each(stored);
    });
}

/// Whether the resource is the one that was sent, but for what the server says in `meta`.
fn same(mut served: Value, sent: &Value) -> bool {
    let meta = served["meta"].as_object_mut().unwrap();
    for name in ["versionId", "lastUpdated"] {
        meta.remove(name);
        if let Some(own) = sent.pointer(&format!("/meta/{name}")) {
            meta.insert(name.to_owned(), own.clone());
        }
    }
    if meta.is_empty() && sent.get("meta").is_none() {
        served.as_object_mut().unwrap().remove("meta");
    }
    served == *sent
}
