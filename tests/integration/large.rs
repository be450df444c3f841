//! Large documents go in whole and come out part by part: who reads slowly, and how many do, costs the server little memory.

use std::io::{Read, Write};
use std::net::TcpStream;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::support::build::{document, holder, ins, patient, service, structure};
use crate::support::{Server, on_both};

const HOSPITAL: &str = "1750000018";
const MIB: usize = 1024 * 1024;

/// Text of so many bytes in which no two places look alike.
fn text(bytes: usize) -> Vec<u8> {
    (0..).flat_map(|line: u64| format!("{line:015x}\n").into_bytes()).take(bytes).collect()
}

/// A server, the person's token request, the address of the content and the content itself.
fn deposited(server: &Server, bytes: usize) -> (Value, String, Vec<u8>) {
    assert_eq!(server.create(&service("operator"), &patient(&ins(1))).status, 201);
    let content = text(bytes);
    let attachment = json!({"contentType": "text/plain", "title": "Monitorage", "data": STANDARD.encode(&content)});
    let stored =
        server.create(&structure(HOSPITAL), &document(&ins(1), "11502-2", 1).with("content", json!([{"attachment": attachment}])).json());
    assert_eq!(stored.status, 201, "{}", stored.text());
    let url = stored.json()["content"][0]["attachment"]["url"].as_str().unwrap().to_owned();
    (holder(&ins(1)), url.split("/fhir/").last().unwrap().to_owned(), content)
}

/// A request for the content, of which nothing is read yet.
fn opened(server: &Server, person: &Value, path: &str) -> TcpStream {
    let (token, host) = (server.token(person), server.root.trim_start_matches("http://"));
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /fhir/{path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n").unwrap();
    stream
}

/// Resident memory of the server, bytes.
fn resident(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
fn a_large_document_comes_out_as_it_went_in_in_every_form() {
    on_both(|backend| {
        let server = Server::empty(backend);
        // Parts have three MiB: the last of these is two bytes of a third.
        for (number, bytes) in [3 * MIB, 3 * MIB + 1, 6 * MIB + 2].into_iter().enumerate() {
            let server = if number == 0 { &server } else { &Server::empty(backend) };
            let (person, path, content) = deposited(server, bytes);
            let token = server.token(&person);
            let id = path.trim_start_matches("Binary/");
            for address in [path.clone(), format!("{path}/_history/1")] {
                let raw = server.get(&person, &address);
                assert_eq!(
                    (raw.status, raw.header("content-type"), raw.body == content),
                    (200, "text/plain", true),
                    "{backend:?} {address}"
                );
                assert_eq!(raw.header("content-length"), bytes.to_string());
            }
            let form = |accept: &str| server.fhir_with(&person, "GET", &path, &[("accept", accept)], None);
            for asked in ["application/fhir+json", "application/fhir+json; charset=utf-8"] {
                let resource = form(asked).json();
                assert_eq!((resource["resourceType"].as_str(), resource["id"].as_str()), (Some("Binary"), Some(id)));
                assert!(STANDARD.decode(resource["data"].as_str().unwrap()).unwrap() == content, "{backend:?} {bytes}");
            }
            let pretty: Value = server.get(&person, &format!("{path}?_format=json&_pretty=true")).json();
            assert!(STANDARD.decode(pretty["data"].as_str().unwrap()).unwrap() == content, "{backend:?} {bytes}");
            let xml = form("application/fhir+xml").text();
            let data = xml.split("<data value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
            assert!(STANDARD.decode(data).unwrap() == content && xml.ends_with("</Binary>"), "{backend:?} {bytes}");
            let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": path}}]});
            let entry = server.fhir(&person, "POST", "", Some(&batch)).json()["entry"][0]["resource"].clone();
            assert!(STANDARD.decode(entry["data"].as_str().unwrap()).unwrap() == content, "{backend:?} {bytes}");
            // Zipped on the way, and only the head.
            let host = server.root.trim_start_matches("http://");
            let head = format!("HEAD /fhir/{path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n");
            let mut stream = TcpStream::connect(host).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            let mut told = String::new();
            stream.read_to_string(&mut told).unwrap();
            assert!(
                told.starts_with("HTTP/1.1 200") && told.contains(&format!("content-length: {bytes}\r\n")) && told.ends_with("\r\n\r\n"),
                "{told}"
            );
            let zipped = server.fhir_with(&person, "GET", &path, &[("accept-encoding", "gzip")], None);
            assert_eq!((zipped.status, zipped.header("content-encoding")), (200, "gzip"));
            let mut plain = Vec::new();
            GzDecoder::new(&zipped.body[..]).read_to_end(&mut plain).unwrap();
            assert!(plain == content, "{backend:?} {bytes}");
        }
    });
}

#[test]
fn many_who_read_slowly_hold_little_of_a_large_document() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (person, path, content) = deposited(&server, 50 * MIB);
        assert!(server.get(&person, &path).body == content);
        let before = resident(&server);
        let mut readers: Vec<TcpStream> = (0..24).map(|_| opened(&server, &person, &path)).collect();
        let mut first = [0; 64 * 1024];
        for reader in &mut readers {
            assert!(reader.read(&mut first).unwrap() > 0);
        }
        let more = resident(&server).saturating_sub(before);
        // Whole in memory, once each, they would be 1200 MiB.
        assert!(more < 450 * MIB, "{backend:?}: {} MiB more", more / MIB);
        // One of them goes on and has it whole.
        let mut whole = Vec::new();
        let mut last = readers.pop().unwrap();
        last.read_to_end(&mut whole).unwrap();
        assert!(content.ends_with(&whole[whole.len() - 40 * MIB..]), "{backend:?}");
    });
}

#[test]
fn what_a_reader_may_no_longer_begin_ends_for_nobody_in_the_middle() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (person, path, content) = deposited(&server, 20 * MIB);
        let mut stream = opened(&server, &person, &path);
        let mut first = [0; 1024];
        assert!(stream.read(&mut first).unwrap() > 0);
        // Withdrawn meanwhile: whoever began before reads on, nobody begins.
        let found = server
            .get(
                &structure(HOSPITAL),
                &format!("DocumentReference?patient.identifier={}", person["ins"].as_str().unwrap().replace('|', "%7C")),
            )
            .json();
        let id = found["entry"][0]["resource"]["id"].as_str().unwrap();
        let patch = json!([{"op": "replace", "path": "/status", "value": "entered-in-error"}]);
        assert_eq!(server.fhir(&structure(HOSPITAL), "PATCH", &format!("DocumentReference/{id}"), Some(&patch)).status, 200);
        assert_eq!(server.get(&person, &path).status, 404);
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(content.ends_with(&rest[rest.len() - 19 * MIB..]), "{backend:?}");
    });
}
