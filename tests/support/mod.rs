//! What the tests share: a throwaway PostgreSQL, the server as a child process, an HTTP client, builders.

pub mod answer;
pub mod biology;
pub mod build;
pub mod cda;
pub mod dice;
pub mod explain;
pub mod open;
pub mod package;
pub mod postgres;
pub mod record;
pub mod report;
pub mod server;
pub mod submission;

pub use server::{Backend, Server, on_both};

/// A query string of these pairs, percent-encoded, with its question mark.
pub fn query(pairs: &[(&str, &str)]) -> String {
    format!("?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}

/// A reviewed snapshot under `conformance/`; empty where there is none yet.
pub fn kept_snapshot(name: &str) -> String {
    std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance").join(name)).unwrap_or_default()
}

/// Compares with the reviewed snapshot, or writes it where `ENSEMBLE_WRITE_SNAPSHOTS` is set.
pub fn compare_snapshot(name: &str, text: &str) {
    if std::env::var_os("ENSEMBLE_WRITE_SNAPSHOTS").is_some() {
        std::fs::write(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance").join(name), text).unwrap();
    }
    let same = kept_snapshot(name) == text;
    assert!(same, "conformance/{name} is not what is so now: set ENSEMBLE_WRITE_SNAPSHOTS, and review the difference");
}
