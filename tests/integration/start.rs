//! Starting, stopping and refusing to start (CONTRACT 1).

use std::process::Output;
use std::time::Duration;

use serde_json::json;

use crate::support::build::{document, holder, ins, patient, service, structure};
use crate::support::server::{binary, directory};
use crate::support::{Server, on_both};

fn run(arguments: &[&str]) -> (bool, String) {
    let Output { status, stdout, stderr } = binary().args(arguments).output().unwrap();
    (status.success(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

/// A configuration that is good but for what is replaced.
fn config(database: &str, replaced: &str, by: &str) -> String {
    let directory = directory();
    let key = directory.join("key.pem");
    // A public key of P-256 made for this test alone.
    let pem = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----\n";
    std::fs::write(&key, pem).unwrap();
    let text = format!(
        "listen = \"127.0.0.1:0\"\ndatabase = \"{database}\"\nbase_url = \"https://dmp.example/fhir\"\nenvironment = \"test\"\n\
         cursor_secret = \"0123456789abcdef0123456789abcdef\"\n[[issuer]]\nname = \"idp\"\naudience = \"dmp\"\nkey = \"{}\"\n",
        key.display()
    );
    let path = directory.join("ensemble.toml");
    std::fs::write(&path, text.replace(replaced, by)).unwrap();
    path.display().to_string()
}

#[test]
fn each_command_refuses_the_others_database() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let good = config(&server.database, "\u{0}", "");
        let (started, said) = run(&["serve", "--config", &good]);
        assert!(!started && said.contains("stamped `sandbox`"), "{said}");
        let (checked, said) = run(&["check", "--config", &good]);
        assert!(checked && said.contains("stamped `sandbox`"), "{said}");
    });
}

#[test]
fn serve_refuses_what_is_missing_or_unknown() {
    let database = format!("sqlite:{}/production.db", directory().display());
    let (started, said) = run(&["serve", "--config", &config(&database, "\u{0}", "")]);
    assert!(!started && said.contains("not migrated"), "{said}");
    assert!(run(&["migrate", "--database", &database]).0);
    for (replaced, by, word) in [
        ("cursor_secret", "kursor_secret", "kursor_secret"),
        ("0123456789abcdef0123456789abcdef", "short", "cursor_secret"),
        ("https://dmp", "http://dmp", "base_url"),
        ("[[issuer]]", "[[issuers]]", "issuers"),
        ("key.pem", "absent.pem", "absent.pem"),
        ("\"test\"", "\"staging\"", "environment"),
    ] {
        let (started, said) = run(&["serve", "--config", &config(&database, replaced, by)]);
        assert!(!started && said.contains(word), "{word}: {said}");
    }
}

#[test]
fn the_sandbox_stays_on_this_machine() {
    let (started, said) = run(&["sandbox", "--listen", "0.0.0.0:0", "--database", "sqlite::memory:"]);
    assert!(!started && said.contains("loopback"), "{said}");
    let server = Server::on("sqlite::memory:", &["--empty", "--open", "--now", "2030-01-01T00:00:00Z"]);
    let ask = |host: &str, path: &str| server.send("GET", path, &[("host", host)], None).status;
    assert_eq!((ask("localhost:1", "/sandbox/people"), ask("evil.example", "/sandbox/people")), (200, 403));
    assert_eq!((ask("127.0.0.1", "/fhir/Patient"), ask("evil.example", "/fhir/Patient")), (200, 401), "open to this machine only");
    let now = server.send("POST", "/sandbox/clock", &[], Some(br#"{"advance":"P1D"}"#)).expect(200);
    assert!(now["now"].as_str().unwrap().starts_with("2030-01-02"));
}

#[test]
fn it_stops_when_told_and_finds_everything_again() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = ins(1);
        server.create(&service("operator"), &patient(&me)).expect(201);
        let letter = server.create(&structure("1750000018"), &document(&me, "11490-0", 1).json()).id();
        let server = server.kill_and_start(&["--empty"]);
        server.get(&holder(&me), &format!("DocumentReference/{letter}")).expect(200);
        let (code, took) = server.terminate();
        assert_eq!(code, Some(0));
        assert!(took < Duration::from_secs(10));
    });
}

#[test]
fn the_invented_people_are_there() {
    on_both(|backend| {
        let server = Server::start(backend, &[]);
        let people = server.send("GET", "/sandbox/people", &[], None).expect(200);
        let count = |name: &str| people[name].as_array().unwrap().len();
        assert_eq!((count("holders"), count("professionals"), count("structures"), count("representatives")), (20, 30, 4, 4));
        let lucie = people["holders"].as_array().unwrap().iter().find(|one| one["name"] == "Lucie Morvan").unwrap();
        let mut documents = 0;
        for holder in
            people["holders"].as_array().unwrap().iter().filter(|holder| holder.get("token").is_some() && holder["state"] == "open")
        {
            documents += server.get(&holder["token"], "DocumentReference?_summary=count").expect(200)["total"].as_i64().unwrap();
        }
        assert!(documents >= 270, "{documents}");
        // The pair of the README: the same question by a physician and by an optician.
        let ask = |number: usize| {
            let who = &people["professionals"][number]["token"];
            let path = format!(
                "DocumentReference{}",
                crate::support::query(&[("patient.identifier", lucie["ins"].as_str().unwrap()), ("type", "11490-0")])
            );
            server.get(who, &path).matches().len()
        };
        assert_eq!((people["professionals"][23]["note"].as_str(), ask(0), ask(23)), (Some("optician"), 1, 0));
        let closed = people["holders"].as_array().unwrap().iter().find(|one| one["state"] == "closed").unwrap();
        let status = format!("Patient{}", crate::support::query(&[("identifier", closed["ins"].as_str().unwrap())]));
        let told = server.get(&people["professionals"][0]["token"], &status).expect(200);
        assert!(told["entry"][0]["resource"]["active"] == false && told.to_string().contains("dateFermeture"));
        assert_eq!(server.get(&closed["token"], "DocumentReference").matches().len(), 0, "closed for its holder, too");
    });
}

#[test]
fn a_request_costs_few_statements() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = ins(1);
        server.create(&service("operator"), &patient(&me)).expect(201);
        let letter = server.create(&structure("1750000018"), &document(&me, "11490-0", 1).json()).id();
        let path = format!("DocumentReference/{letter}");
        server.get(&holder(&me), &path).expect(200);
        let statements = || {
            let text = server.send("GET", "/metrics", &[], None).text();
            let line = text.lines().find(|line| line.starts_with("ensemble_statements_total ")).unwrap().to_owned();
            line.rsplit(' ').next().unwrap().parse::<i64>().unwrap()
        };
        let cost = |act: &dyn Fn()| {
            let before = statements();
            act();
            statements() - before
        };
        assert_eq!(cost(&|| drop(server.get(&holder(&me), &path).expect(200))), 2, "a read: one, and its trace");
        assert_eq!(cost(&|| drop(server.get(&holder(&me), "DocumentReference").expect(200))), 3, "a search: whose, one, and its trace");
        let absent = || drop(server.get(&holder(&me), "DocumentReference/absent").expect(404));
        assert_eq!(cost(&absent), 2, "an absent one as much as a present one");
        let next = document(&me, "11490-0", 2).json();
        let deposit = cost(&|| drop(server.create(&structure("1750000018"), &next).expect(201)));
        assert!(deposit <= 13, "a deposit, with its submission set: {deposit}");
        let health = server.send("GET", "/health/ready", &[], None);
        assert_eq!((health.status, server.send("GET", "/health/live", &[], None).status), (200, 200));
        let unknown = server.send("POST", "/sandbox/token", &[], Some(json!({"kind": "holder", "nom": "x"}).to_string().as_bytes()));
        assert_eq!(unknown.status, 400);
    });
}
