//! The invented people of the sandbox (CONTRACT 2): the same every time, all of them, and nothing before their birth.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::support::server::{binary, directory};
use crate::support::{Backend, Server, on_both, postgres};

const NOW: &str = "2026-11-24T10:00:00Z";

fn url(backend: Backend) -> String {
    match backend {
        Backend::Sqlite => format!("sqlite:{}/people.db", directory().display()),
        Backend::Postgres => postgres::fresh_database(),
    }
}

/// Everything that each person finds, in order: documents, rights, teams; and the directories.
fn everything(server: &Server) -> Vec<String> {
    let people = server.send("GET", "/sandbox/people", &[], None).expect(200);
    let mut found = vec![people.to_string()];
    let mut callers: Vec<Value> = ["holders", "representatives"]
        .into_iter()
        .flat_map(|kind| people[kind].as_array().unwrap())
        .filter_map(|person| person.get("token").cloned())
        .collect();
    callers.push(serde_json::json!({"kind": "operator"}));
    for who in callers {
        for path in
            ["Patient", "DocumentReference", "Consent", "CareTeam", "RelatedPerson", "Organization", "Practitioner", "PractitionerRole"]
        {
            let page = server.get(&who, &format!("{path}?_count=200"));
            let entries = if page.status == 200 { page.json()["entry"].as_array().cloned().unwrap_or_default() } else { Vec::new() };
            found.extend(entries.into_iter().map(|entry| entry["resource"].to_string().replace(&server.root, "ROOT")));
        }
    }
    found
}

#[test]
fn the_people_are_the_same_every_time() {
    on_both(|backend| {
        let first = everything(&Server::on(&url(backend), &["--now", NOW]));
        assert!(first.len() > 500, "{}", first.len());
        let again = everything(&Server::on(&url(backend), &["--now", NOW]));
        assert!(first == again, "{:?}", first.iter().zip(&again).find(|(one, two)| one != two));
        // Killed at any moment, the next start makes the rest.
        for after_ms in [60, 250, 700] {
            let url = url(backend);
            let mut child = binary()
                .args(["sandbox", "--listen", "127.0.0.1:0", "--database", &url, "--now", NOW])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(after_ms));
            child.kill().unwrap();
            child.wait().unwrap();
            let completed = everything(&Server::on(&url, &["--now", NOW]));
            assert!(first == completed, "{after_ms}: {:?}", first.iter().zip(&completed).find(|(one, two)| one != two));
        }
        // At another time they are as many, with the same ids.
        let later = everything(&Server::on(&url(backend), &["--now", "2027-05-01T00:00:00Z"]));
        let ids = |all: &[String]| {
            let id = |text: &String| serde_json::from_str::<Value>(text).unwrap()["id"].to_string();
            all.iter().map(id).collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(ids(&first), ids(&later));
    });
}

#[test]
fn a_start_makes_nobody_twice() {
    on_both(|backend| {
        let server = Server::start(backend, &["--now", NOW]);
        let first = everything(&server);
        let path = format!("Patient/{}", serde_json::from_str::<Value>(&first[0]).unwrap()["holders"][0]["patient"].as_str().unwrap());
        assert_eq!(server.get(&serde_json::json!({"kind": "operator"}), &path).status, 200);
        let again = server.kill_and_start(&["--now", "2026-12-01T10:00:00Z"]);
        assert!(first == everything(&again));
    });
}

#[test]
fn nothing_is_older_than_its_person() {
    let server = Server::start(Backend::Sqlite, &["--now", NOW]);
    let people = server.send("GET", "/sandbox/people", &[], None).expect(200);
    let mut documents = 0;
    for person in people["holders"].as_array().unwrap().iter().filter(|person| person["state"] == "open") {
        let born = person["birthDate"].as_str().unwrap();
        let parent = people["representatives"].as_array().unwrap().iter().find(|parent| parent["token"]["for"] == person["ins"]);
        let who = person.get("token").unwrap_or_else(|| &parent.unwrap()["token"]);
        let found = server.get(who, "DocumentReference?_count=200").expect(200);
        for entry in found["entry"].as_array().unwrap() {
            documents += 1;
            let document = &entry["resource"];
            let stamps = ["/date", "/context/period/start", "/meta/lastUpdated"]
                .map(|place| document.pointer(place).unwrap().as_str().unwrap().to_owned());
            assert!(stamps.iter().all(|stamp| stamp.as_str() >= born && stamp.as_str() < NOW), "{born}: {stamps:?}");
        }
        let space = server.get(who, "Patient").expect(200)["entry"][0]["resource"]["meta"]["lastUpdated"].clone();
        assert!(space.as_str().unwrap() >= born, "{born}: {space}");
    }
    assert!(documents > 250, "{documents}");
}
