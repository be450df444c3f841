//! Beside a running server, and stopped by a signal.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Sandbox, count, numbered};
use crate::support::on_both;
use crate::support::server::binary;

#[test]
fn a_server_goes_on_writing_and_finds_what_comes() {
    on_both(|backend| {
        let sandbox = Sandbox::new(backend);
        let server = sandbox.server();
        let path = sandbox.file("many.ndjson", numbered(0..6000));
        let done = AtomicBool::new(false);
        let (written, longest) = std::thread::scope(|scope| {
            let writing = scope.spawn(|| {
                let (mut written, mut longest) = (0_u64, Duration::ZERO);
                while !done.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    let body = json!({"resourceType": "Patient", "active": true}).to_string();
                    server.send("POST", "/fhir/Patient", &[("content-type", "application/fhir+json")], Some(body.as_bytes())).expect(201);
                    written += 1;
                    longest = longest.max(begun.elapsed());
                }
                (written, longest)
            });
            let said = sandbox.import(&[&path], &[]);
            done.store(true, Ordering::Relaxed);
            assert_eq!((said.code, said.counts()), (Some(0), [6000, 0, 0, 0]), "{}", said.told);
            writing.join().unwrap()
        });
        assert!(written > 3 && longest < Duration::from_secs(8), "{written} writes, the longest {longest:?}");
        assert_eq!((count(&server, "Basic"), count(&server, "Patient")), (6000, written));
    });
}

#[test]
fn told_to_stop_it_finishes_its_commit_and_goes_on_later() {
    on_both(|backend| {
        let sandbox = Sandbox::new(backend);
        let path = sandbox.file("many.ndjson", format!("bad\n{}", numbered(0..60_000)));
        let rejected = sandbox.directory.join("rejected.ndjson");
        let arguments =
            ["import", "--json", "--database", &sandbox.database, path.to_str().unwrap(), "--rejected", rejected.to_str().unwrap()];
        let started = binary().args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        // The first commit is done once its rejection is told.
        while std::fs::metadata(&rejected).map_or(0, |metadata| metadata.len()) == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        Command::new("kill").args(["-INT", &started.id().to_string()]).status().unwrap();
        let output = started.wait_with_output().unwrap();
        let first: Value = serde_json::from_slice(&output.stdout).unwrap();
        let stored = first["now"]["created"].as_u64().unwrap();
        assert!(output.status.code() == Some(130) && first["interrupted"] == true && stored > 0 && stored < 60_000, "{first}");
        let said = sandbox.import(&[&path], &[]);
        assert_eq!((said.code, said.counts()), (Some(2), [60_000 - stored, 0, 0, 0]), "{}", said.told);
        assert_eq!((said.summary["before"]["created"].as_u64(), said.summary["before"]["rejected"].as_u64()), (Some(stored), Some(1)));
        assert_eq!(count(&sandbox.server(), "Basic"), 60_000);
    });
}
