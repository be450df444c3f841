//! What a client may send, and what every answer bears (CONTRACT 4).

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::support::build::{INS, consent, document, holder, ins, party, patient, professional, psidnat, service, structure};
use crate::support::{Backend, Server, on_both, query};

const HOSPITAL: &str = "1750000018";
const MIB: usize = 1024 * 1024;

/// Sends this as it stands and gives what comes back until the server closes, or the whole head of an answer.
fn raw(server: &Server, text: &str) -> String {
    let mut stream = TcpStream::connect(server.root.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let (mut told, mut chunk) = (String::new(), [0; 4096]);
    while !told.contains("\r\n\r\n") {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => told.push_str(&String::from_utf8_lossy(&chunk[..count])),
            Err(error) => panic!("no answer: {error}"),
        }
    }
    told
}

#[test]
fn a_body_announced_to_be_too_long_is_refused_before_it_comes() {
    let server = Server::empty(Backend::Sqlite);
    let token = server.token(&structure(HOSPITAL));
    let head = |path: &str, media: &str, length: usize| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: {media}\r\nContent-Length: {length}\r\n\r\n{{"
        )
    };
    let (fhir, form) = ("application/fhir+json", "application/x-www-form-urlencoded");
    for (path, media, length) in [
        ("/fhir/DocumentReference", fhir, 80 * MIB),
        ("/fhir/DocumentReference", fhir, usize::MAX),
        ("/fhir/DocumentReference/_search", form, MIB),
        ("/sandbox/token", "application/json", MIB),
    ] {
        let told = raw(&server, &head(path, media, length));
        assert!(told.starts_with("HTTP/1.1 413") && told.to_lowercase().contains("x-request-id"), "{path} {length}: {told}");
    }
}

#[test]
fn a_refusal_does_not_tell_whether_the_body_had_come() {
    let server = Server::empty(Backend::Sqlite);
    let token = server.token(&service("operator"));
    let head = |framing: &str| {
        format!(
            "PUT /fhir/Consent/01930000-0000-7000-8000-000000000000 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/fhir+json\r\n{framing}\r\n\r\n"
        )
    };
    for (framing, body) in [("Content-Length: 2", "{}"), ("Transfer-Encoding: chunked", "2\r\n{}\r\n0\r\n\r\n")] {
        let mut stream = TcpStream::connect(server.root.trim_start_matches("http://")).unwrap();
        // The same connection twice: it serves on after a refusal.
        for _ in 0..2 {
            stream.write_all(head(framing).as_bytes()).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(200));
            stream.write_all(body.as_bytes()).unwrap();
            let (mut told, mut chunk) = (String::new(), [0; 4096]);
            while !told.ends_with("}]}") {
                let count = stream.read(&mut chunk).unwrap();
                assert!(count > 0, "{framing}: closed after {told}");
                told.push_str(&String::from_utf8_lossy(&chunk[..count]));
            }
            let told = told.to_lowercase();
            assert!(told.starts_with("http/1.1 403") && !told.contains("connection: close"), "{framing}: {told}");
        }
    }
}

#[test]
fn a_body_that_comes_too_long_is_refused() {
    let server = Server::empty(Backend::Sqlite);
    let body = vec![b' '; 300_000];
    for path in ["/sandbox/token", "/sandbox/clock"] {
        let told = server.send("POST", path, &[("content-type", "application/json")], Some(&body));
        assert_eq!((told.status, told.issue().0.as_str()), (413, "too-long"), "{path}");
        assert!(told.header("content-type").starts_with("application/fhir+json"), "{path}");
    }
    let (large, bearer) = (vec![b' '; 70 * MIB], format!("Bearer {}", server.token(&structure(HOSPITAL))));
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/fhir+json")];
    // Answered before all has come, the client may find its connection closed.
    let told = server.try_send("POST", "/fhir/DocumentReference", &headers, Some(&large));
    assert!(told.is_err() || told.is_ok_and(|told| told.status == 413));
}

#[test]
fn large_documents_are_taken_in_whatever_their_number() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = ins(1);
        server.create(&service("operator"), &patient(&me)).expect(201);
        server.token(&structure(HOSPITAL));
        let data = "eHh4".repeat(MIB / 4);
        let deposit = |number: u32| {
            let mut body = document(&me, "11490-0", number).json();
            body["content"][0]["attachment"]["data"] = data.clone().into();
            server.create(&structure(HOSPITAL), &body).status
        };
        let told: Vec<u16> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..12).map(|number| scope.spawn(move || deposit(number))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(told, [201; 12]);
    });
}

#[test]
fn every_answer_bears_a_request_id() {
    let server = Server::empty(Backend::Sqlite);
    for path in ["/health/live", "/health/ready", "/metrics", "/sandbox/people", "/fhir/metadata", "/nothing", "/fhir/Patient"] {
        let given = server.send("GET", path, &[("x-request-id", "mine-1")], None);
        assert_eq!(given.header("x-request-id"), "mine-1", "{path}");
        assert!(!server.send("GET", path, &[], None).header("x-request-id").is_empty(), "{path}");
    }
}

#[test]
fn a_write_may_be_for_one_of_several_versions() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = ins(1);
        server.create(&service("operator"), &patient(&me)).expect(201);
        let path = format!("DocumentReference/{}", server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json()).id());
        let archived = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived";
        let patch = |tags: &str, flag: bool| {
            let body = json!([{"op": "add", "path": "/extension", "value": [{"url": archived, "valueBoolean": flag}]}]);
            let headers = [("content-type", "application/json-patch+json"), ("if-match", tags)];
            server.fhir_with(&structure(HOSPITAL), "PATCH", &path, &headers, Some(body.to_string().as_bytes())).status
        };
        let rows = [("W/\"1\", W/\"2\"", 200), ("W/\"1\"", 412), ("W/\"7\",W/\"8\"", 412), ("\"2\",\"9\"", 200), ("*", 200), ("2", 400)];
        for (number, (tags, expected)) in rows.into_iter().enumerate() {
            assert_eq!(patch(tags, number % 2 == 0), expected, "{tags}");
        }
        let right = server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let put = |tags: &str, body: &Value| {
            let headers = [("content-type", "application/fhir+json"), ("if-match", tags)];
            let path = format!("Consent/{}", right["id"].as_str().unwrap());
            server.fhir_with(&holder(&me), "PUT", &path, &headers, Some(body.to_string().as_bytes())).status
        };
        assert_eq!((put("W/\"2\", W/\"3\"", &right), put("W/\"1\", W/\"3\"", &right)), (412, 200));
    });
}

#[test]
fn the_clock_keeps_to_years_that_have_instants() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = ins(1);
        server.create(&service("operator"), &patient(&me)).expect(201);
        let clock = |body: Value| server.send("POST", "/sandbox/clock", &[], Some(body.to_string().as_bytes())).status;
        for body in [
            json!({"advance": "P8000Y"}),
            json!({"advance": "P300Y"}),
            json!({"advance": "P290000Y"}),
            json!({"set": "9999-12-31T23:59:59Z"}),
            json!({"set": "2300-01-01T00:00:00Z"}),
            json!({"set": "2019-12-31T23:59:59Z"}),
        ] {
            assert_eq!(clock(body.clone()), 400, "{body}");
        }
        let letter = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json()).id();
        // A right given after the clock was set back counts from then on.
        server.advance("P2D");
        server.create(&structure(HOSPITAL), &document(&me, "11490-0", 2).json()).expect(201);
        assert_eq!(clock(json!({"set": "2026-01-01T00:00:00Z"})), 200);
        server.forget_tokens();
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        server.get(&professional(1, "10"), &format!("DocumentReference/{letter}")).expect(200);
        assert_eq!(clock(json!({"set": "2299-12-31T00:00:00Z"})), 200);
        server.forget_tokens();
        let late = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 3).json()).expect(201);
        assert!(late["meta"]["lastUpdated"].as_str().unwrap().starts_with("2299-12-31T"), "{late}");
    });
}

#[test]
fn of_several_holders_named_one_right_is_enough_for_an_answer() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (me, other) = (ins(1), ins(2));
        let ids = [&me, &other].map(|person| server.create(&service("operator"), &patient(person)).id());
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let letter = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json()).id();
        let (mine, others, absent) = (ids[0].as_str(), ids[1].as_str(), "01930000-0000-7000-8000-000000000000");
        let (own, foreign) = (format!("{INS}|{me}"), format!("{INS}|{other}"));
        let rows: [(&[(&str, &str)], u16, usize); 10] = [
            (&[("patient", mine)], 200, 1),
            (&[("patient", others)], 403, 0),
            (&[("patient", &format!("{mine},{others}"))], 200, 1),
            (&[("patient", mine), ("patient", others)], 200, 0),
            (&[("patient", mine), ("patient", absent)], 200, 0),
            (&[("patient", mine), ("patient.identifier", &foreign)], 200, 0),
            (&[("patient", mine), ("patient.identifier", &own)], 200, 1),
            (&[("patient", mine), ("subject", "Patient/x")], 200, 0),
            (&[("patient", others), ("patient", absent)], 403, 0),
            (&[("patient", &format!("{others},{absent}"))], 403, 0),
        ];
        for (pairs, status, count) in rows {
            let found = server.get(&professional(1, "10"), &format!("DocumentReference{}", query(pairs)));
            assert_eq!(found.status, status, "{pairs:?}");
            if status == 200 {
                assert_eq!(found.matches(), vec![letter.clone(); count], "{pairs:?}");
            }
        }
    });
}

#[test]
fn in_emergency_what_is_read_is_also_found() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = ins(1);
        let person = server.create(&service("operator"), &patient(&me)).id();
        let member = json!([{"member": party(&psidnat(1))}]);
        let team = json!({"resourceType": "CareTeam", "status": "active", "subject": {"reference": format!("Patient/{person}")}, "participant": member});
        let team = server.create(&holder(&me), &team).id();
        let mut urgent = professional(1, "10");
        urgent["purpose"] = "bris_de_glace".into();
        urgent["reason"] = "urgence".into();
        for who in [professional(1, "10"), urgent.clone()] {
            let read = server.get(&who, &format!("CareTeam/{team}")).status;
            assert_eq!((read, server.get(&who, "CareTeam").matches()), (200, vec![team.clone()]), "{who}");
        }
        let read = server.get(&urgent, &format!("Patient/{person}")).status;
        let found = server.get(&urgent, &format!("Patient?_id={person}")).matches();
        assert_eq!((read, found), (200, vec![person]));
        assert_eq!(server.get(&urgent, "Patient").matches().len(), 0, "nobody goes through a population");
    });
}
