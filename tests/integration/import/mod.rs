//! `ensemble import`: what it stores, what it refuses, how it goes on.

mod content;
mod refused;
mod together;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::support::postgres::fresh_database;
use crate::support::server::{binary, directory};
use crate::support::{Backend, Server};

/// A database, and files to import into it.
struct Sandbox {
    directory: PathBuf,
    database: String,
}

/// What an import said.
struct Said {
    code: Option<i32>,
    /// The summary.
    summary: Value,
    /// What it told on the way.
    told: String,
}

impl Said {
    /// Created, updated, unchanged, rejected, now.
    fn counts(&self) -> [u64; 4] {
        ["created", "updated", "unchanged", "rejected"]
            .map(|name| self.summary["now"][name].as_u64().unwrap_or_else(|| panic!("{}", self.told)))
    }
}

impl Sandbox {
    fn new(backend: Backend) -> Self {
        let directory = directory();
        let database = match backend {
            Backend::Sqlite => format!("sqlite:{}/import.db", directory.display()),
            Backend::Postgres => fresh_database(),
        };
        Self { directory, database }
    }

    /// Writes a file.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.directory.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Imports, and gives what was said.
    fn import(&self, paths: &[&Path], arguments: &[&str]) -> Said {
        self.import_from(paths, arguments, b"")
    }

    fn import_from(&self, paths: &[&Path], arguments: &[&str], input: &[u8]) -> Said {
        let mut command = binary();
        command.args(["import", "--json", "--database", &self.database]).args(arguments).args(paths);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let input = input.to_vec();
        let feeding = std::thread::spawn(move || drop(pipe.write_all(&input)));
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        feeding.join().unwrap();
        let summary = serde_json::from_slice(&stdout).unwrap_or(Value::Null);
        Said { code: status.code(), summary, told: String::from_utf8(stderr).unwrap() }
    }

    /// A server on what was imported.
    fn server(&self) -> Server {
        Server::on(&self.database, &["--empty", "--open"])
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The answer of an open server.
fn get(server: &Server, path: &str) -> Value {
    server.send("GET", &format!("/fhir/{path}"), &[], None).expect(200)
}

/// How many a search finds.
fn count(server: &Server, search: &str) -> u64 {
    let separator = if search.contains('?') { '&' } else { '?' };
    get(server, &format!("{search}{separator}_summary=count"))["total"].as_u64().unwrap()
}

/// Lines of resources without ids, each with its number as identifier.
fn numbered(numbers: std::ops::Range<u32>) -> String {
    numbers
        .map(|number| {
            format!("{}\n", json!({"resourceType": "Basic", "code": {"text": "x"}, "identifier": [{"value": format!("n{number}")}]}))
        })
        .collect()
}
