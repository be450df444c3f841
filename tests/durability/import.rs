//! An import that is killed goes on where its last commit ended: nothing is lost, nothing is there twice.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::postgres::fresh_database;
use crate::support::server::{binary, directory};
use crate::support::{Backend, Server, on_both};

/// Resources; every tenth is a Bundle of two, every hundredth is bad.
const LINES: u32 = 20_000;

fn lines() -> String {
    let resource = |number: u32, more: &str| json!({"resourceType": "Basic", "code": {"text": "x"}, "identifier": [{"value": format!("n{number}{more}")}]});
    let line = |number: u32| match number {
        _ if number % 100 == 7 => json!({"resourceType": "Basic"}),
        _ if number.is_multiple_of(10) => {
            let entry = |more: &str| json!({"resource": resource(number, more), "request": {"method": "POST", "url": "Basic"}});
            json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry("a"), entry("b")]})
        }
        _ => resource(number, ""),
    };
    (0..LINES).map(|number| format!("{}\n", line(number))).collect()
}

/// Every identifier, and how often it is there.
fn stored(database: &str) -> BTreeMap<String, u32> {
    let server = Server::on(database, &["--empty", "--open"]);
    let (mut found, mut next) = (BTreeMap::new(), Some("/fhir/Basic?_count=200&_elements=identifier".to_owned()));
    while let Some(path) = next {
        let answer = server.send("GET", &path, &[], None);
        let page = answer.expect(200);
        for entry in page["entry"].as_array().into_iter().flatten() {
            *found.entry(entry["resource"]["identifier"][0]["value"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
        next = answer.link("next");
    }
    found
}

#[test]
fn a_killed_import_goes_on_without_loss_or_repetition() {
    on_both(|backend| {
        let directory = directory();
        let path = directory.join("many.ndjson");
        std::fs::write(&path, lines()).unwrap();
        let database = |name: &str| match backend {
            Backend::Sqlite => format!("sqlite:{}/{name}.db", directory.display()),
            Backend::Postgres => fresh_database(),
        };
        let (whole, killed) = (database("whole"), database("killed"));
        let import = |database: &str| {
            let mut command = binary();
            command
                .args(["import", "--json", "--database", database, path.to_str().unwrap()])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            command.spawn().unwrap()
        };
        assert_eq!(import(&whole).wait_with_output().unwrap().status.code(), Some(2));
        let (mut kills, mut resumed) = (0_u64, 0);
        let last: Value = loop {
            let child = import(&killed);
            std::thread::sleep(Duration::from_millis(150 + 50 * kills));
            Command::new("kill").args(["-KILL", &child.id().to_string()]).status().unwrap();
            let output = child.wait_with_output().unwrap();
            resumed += u32::from(String::from_utf8(output.stderr).unwrap().contains("goes on after line"));
            if output.status.code() == Some(2) {
                break serde_json::from_slice(&output.stdout).unwrap();
            }
            assert_eq!(output.status.code(), None);
            kills += 1;
        };
        assert!(kills > 0 && resumed > 0, "{kills} kills, {resumed} resumed");
        let sum = |name: &str| last["now"][name].as_u64().unwrap() + last["before"][name].as_u64().unwrap();
        let expected = stored(&whole);
        let resources = u64::from(LINES + LINES / 10 - LINES / 100);
        assert_eq!((sum("created"), sum("rejected")), (resources, u64::from(LINES / 100)), "{last}");
        assert_eq!(expected.len(), usize::try_from(resources).unwrap());
        assert!(expected.values().all(|times| *times == 1));
        assert!(stored(&killed) == expected, "the databases differ");
        std::fs::remove_dir_all(&directory).unwrap();
    });
}
