//! The published samples of PDSm, PDSm4DMP and IHE MHD, each sent as what it is: what is answered is a line of `conformance/samples.tsv`.
//!
//! The people and documents that a sample speaks of are put in the places of its own: nobody has the INS 123456789012345.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::build::{INS, document, ins, patient, service};
use crate::support::submission::list;
use crate::support::{Server, compare_snapshot, kept_snapshot, on_both};

const GUIDES: [&str; 3] = ["fr-fhir/pdsm", "fr-fhir/pdsm4dmp", "ihe-fhir/mhd"];

/// The samples of the guides, where they are.
fn files() -> Vec<(String, PathBuf)> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let mut all = Vec::new();
    for guide in GUIDES {
        for path in std::fs::read_dir(data.join(guide)).into_iter().flatten().flatten().map(|entry| entry.path()) {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let is_sample =
                std::fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok()).is_some_and(|value| {
                    !matches!(
                        value["resourceType"].as_str(),
                        None | Some("StructureDefinition" | "SearchParameter" | "ImplementationGuide")
                    )
                });
            if is_sample && name.ends_with(".json") {
                all.push((format!("{guide}/{name}"), path));
            }
        }
    }
    all.sort();
    all
}

/// Who sends a sample, and what it is sent as.
fn sender(value: &Value) -> (Value, &'static str) {
    let author = json!({"kind": "professional", "id": "899700218896", "profession": "10"});
    match (value["resourceType"].as_str().unwrap(), value["type"].as_str()) {
        ("Bundle", Some("transaction")) => (author, "transaction"),
        // Answers: a server has them as what testers keep.
        ("Bundle", _) => (service("tester"), "kept"),
        ("Patient" | "Practitioner" | "Organization", _) => (service("operator"), "create"),
        _ => (author, "create"),
    }
}

/// A person with two documents and a folder, another for each sample: what stands in it, and what is sent in its place.
fn world(server: &Server, number: u32) -> Vec<(String, String)> {
    let me = ins(number);
    let person = server.create(&service("operator"), &patient(&me)).id();
    let author = json!({"kind": "professional", "id": "899700218896", "profession": "10"});
    let deposited = |number: u32| server.create(&author, &document(&me, "11490-0", number).json()).id();
    let (one, two) = (deposited(901), deposited(902));
    let folder = server.create(&author, &list(&me, "folder", &[&format!("DocumentReference/{one}")])).id();
    let to = |from: &str, to: String| (from.to_owned(), to);
    let here = format!("Patient/{person}\"");
    vec![
        to("urn:oid:1.2.250.1.213.1.4.8|123456789012345", format!("{INS}|{me}")),
        to("\"system\":\"urn:oid:1.2.250.1.213.1.4.8\",\"value\":\"123456789012345\"", format!("\"system\":\"{INS}\",\"value\":\"{me}\"")),
        to("http://example.org/fhir/Patient/fdoc-patient\"", here.clone()),
        to("Patient/ex-patient\"", here.clone()),
        to("Patient/fr-patient-123\"", here),
        to("DocumentReference/ex-documentreference\"", format!("DocumentReference/{one}\"")),
        to("DocumentReference/ex-documentreference2\"", format!("DocumentReference/{two}\"")),
        to("DocumentReference/exemple-pdsm-documentreference\"", format!("DocumentReference/{one}\"")),
        to("DocumentReference/ex-DocumentReferenceComprehensive\"", format!("DocumentReference/{one}\"")),
        to("List/ex-list\"", format!("List/{folder}\"")),
    ]
}

/// What is answered to a sample, on one line.
fn line(server: &Server, number: u32, name: &str, path: &Path) -> String {
    let value: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut text = value.to_string();
    for (from, to) in world(server, number) {
        text = text.replace(&from, &to);
    }
    let (who, way) = sender(&value);
    let kind = value["resourceType"].as_str().unwrap();
    let target = if way == "transaction" { "" } else { kind };
    let answer = server.fhir_with(&who, "POST", target, &[("content-type", "application/fhir+json")], Some(text.as_bytes()));
    let issue = if answer.status < 300 { Value::Null } else { answer.json()["issue"][0].clone() };
    let said = |pointer: &str| issue.pointer(pointer).and_then(Value::as_str).unwrap_or("-").to_owned();
    let caller = who["kind"].as_str().unwrap();
    format!("{name}\t{kind}\t{way}\t{caller}\t{}\t{}\t{}", answer.status, said("/expression/0"), said("/details/text"))
}

#[test]
fn every_published_sample_is_answered_as_the_list_says() {
    let files = files();
    if files.is_empty() {
        assert!(kept_snapshot("samples.tsv").lines().count() > 50, "the list is there without the samples");
        return;
    }
    on_both(|backend| {
        let server = Server::empty(backend);
        let mut table = String::from("sample\ttype\tsent as\tby\tstatus\tplace\tanswer\n");
        for (number, (name, path)) in (1..).zip(&files) {
            writeln!(table, "{}", line(&server, number, name, path)).unwrap();
        }
        compare_snapshot("samples.tsv", &table);
    });
}
