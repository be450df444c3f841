//! P2 and P3 under `kill -9`: every acknowledged deposit is found again, every answered read was traced.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::build::{document, holder, ins, patient, service, structure};
use crate::support::{Backend, Server, on_both};

/// How often the server is killed.
const KILLS: u32 = 10;
/// Clients at work when it is.
const CLIENTS: u32 = 4;
/// How long it may take until something was acknowledged.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn nothing_acknowledged_is_lost() {
    on_both(killed_again_and_again);
}

fn killed_again_and_again(backend: Backend) {
    let mut server = Server::empty(backend);
    let me = ins(1);
    server.create(&service("operator"), &patient(&me)).expect(201);
    let (deposited, read) = (Mutex::new(BTreeSet::new()), Mutex::new(BTreeSet::new()));
    let number = AtomicU32::new(0);
    for round in 0..KILLS {
        let stop = AtomicBool::new(false);
        let (hospital, lucie) = (server.token(&structure("1750000018")), server.token(&holder(&me)));
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (server, deposited, read, number, stop, me) = (&server, &deposited, &read, &number, &stop, &me);
                let (hospital, lucie) = (format!("Bearer {hospital}"), format!("Bearer {lucie}"));
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let number = number.fetch_add(1, Ordering::Relaxed);
                        let body = document(me, "11490-0", number).json().to_string();
                        let headers = [("authorization", hospital.as_str()), ("content-type", "application/fhir+json")];
                        let Ok(answer) = server.try_send("POST", "/fhir/DocumentReference", &headers, Some(body.as_bytes())) else {
                            return;
                        };
                        if answer.status != 201 {
                            continue;
                        }
                        let id = answer.id();
                        deposited.lock().unwrap().insert(id.clone());
                        let request = format!("kill-{round}-{client}-{number}");
                        let headers = [("authorization", lucie.as_str()), ("x-request-id", request.as_str())];
                        let Ok(answer) = server.try_send("GET", &format!("/fhir/DocumentReference/{id}"), &headers, None) else { return };
                        if answer.status == 200 {
                            read.lock().unwrap().insert(request);
                        }
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(60 + 37 * u64::from(round)));
            // On a slow machine later: what was acknowledged is what may be lost.
            let begun = Instant::now();
            while read.lock().unwrap().len() < 3 * (round as usize + 1) && begun.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(3));
            }
            std::process::Command::new("kill").args(["-KILL", &server.pid().to_string()]).status().unwrap();
            stop.store(true, Ordering::Relaxed);
        });
        server = server.kill_and_start(&["--empty"]);
    }
    let (deposited, read) = (deposited.into_inner().unwrap(), read.into_inner().unwrap());
    assert!(deposited.len() > 20 && read.len() > 20, "{} deposits, {} reads", deposited.len(), read.len());
    let walk = |path: &str| {
        let (mut found, mut text, mut next) = (BTreeSet::new(), String::new(), Some(path.to_owned()));
        while let Some(path) = next {
            let page = server.get(&holder(&me), &path);
            found.extend(page.matches());
            text.push_str(&page.text());
            next = page.link("next");
        }
        (found, text)
    };
    let (found, _) = walk("DocumentReference?_count=200");
    assert!(deposited.is_subset(&found), "lost: {:?}", deposited.difference(&found).collect::<Vec<_>>());
    let (_, traces) = walk("AuditEvent?_count=200&subtype=read");
    for request in &read {
        assert!(traces.contains(&json!(request).to_string()), "an answered read without a trace: {request}");
    }
}
