//! Reports of laboratories, written out (EU laboratory guide, CONTRACT 3): found as documents, as reports and by their results.

mod clinical;
mod documents;
mod editions;
mod exchange;
mod left_out;
mod many;
mod national;
mod refused;
mod seen;
mod statuses;

use serde_json::Value;

use crate::support::answer::Answer;
use crate::support::build::{INS, consent, holder, party, professional, psidnat, structure};
use crate::support::record::with_space;
use crate::support::{Backend, Server, query};

/// The structure of a laboratory.
const LABORATORY: &str = "1690000027";

fn laboratory() -> Value {
    structure(LABORATORY)
}

/// A server with a space that a physician may read, and that physician.
fn with_reader(backend: Backend) -> (Server, String, Value) {
    let (server, me) = with_space(backend);
    server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
    (server, me, professional(1, "10"))
}

/// What a search of the record of somebody finds, sorted.
fn finds(server: &Server, who: &Value, of: &str, resource: &str, more: &[(&str, &str)]) -> Vec<String> {
    let mut found = search(server, who, of, resource, more).matches();
    found.sort();
    found
}

fn search(server: &Server, who: &Value, of: &str, resource: &str, more: &[(&str, &str)]) -> Answer {
    let patient = format!("{INS}|{of}");
    let pairs: Vec<(&str, &str)> = [("patient.identifier", patient.as_str())].into_iter().chain(more.iter().copied()).collect();
    server.get(who, &format!("{resource}{}", query(&pairs)))
}

/// How many of each there are: documents, reports, results.
fn counts(server: &Server, who: &Value, of: &str) -> [usize; 3] {
    ["DocumentReference", "DiagnosticReport", "Observation"].map(|resource| finds(server, who, of, resource, &[]).len())
}
