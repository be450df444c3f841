//! Clinical documents that are none: refused with their place, nothing stored, in bounded time.

use std::time::{Duration, Instant};

use serde_json::json;

use super::refusal;
use crate::support::build::{holder, person, structure};
use crate::support::cda::{Cda, cda, push};
use crate::support::on_both;
use crate::support::record::{HOSPITAL, with_space};

/// Longer than any of these may take, however busy the machine.
const BOUND: Duration = Duration::from_secs(20);

#[test]
fn what_is_no_clinical_document_is_refused() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let hospital = structure(HOSPITAL);
        let good = cda(&me, 1).xml();
        let swap = |from: &str, to: &str| good.replacen(from, to, 1).into_bytes();
        let bomb = "<!DOCTYPE a [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>\n<ClinicalDocument";
        let mut latin = swap("Hôpital", "Hpital");
        let at = latin.windows(6).position(|window| window == b"Hpital").unwrap();
        latin.insert(at + 1, 0xF4);
        let rows: [(&str, Vec<u8>, &str); 17] = [
            ("DTD", swap("<ClinicalDocument", "<!DOCTYPE ClinicalDocument>\n<ClinicalDocument"), "DOCTYPE"),
            ("entity bomb", swap("<ClinicalDocument", bomb), "DOCTYPE"),
            (
                "external entity",
                swap("<ClinicalDocument", "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/hostname\">]><ClinicalDocument"),
                "DOCTYPE",
            ),
            ("unknown entity", swap("Lettre de liaison", "Lettre &eacute;"), "five entities"),
            ("deep", swap("<title>", &format!("{}<title>", "<author>".repeat(100_000))), "deeper"),
            ("deep body", swap("<section>", &"<component>".repeat(100_000)), "deeper"),
            ("many", swap("<title>", &format!("{}<title>", "<realmCode/>".repeat(30_000))), "elements"),
            ("wrong root", swap("<ClinicalDocument", "<Document"), "`Document`"),
            ("wrong namespace", swap("urn:hl7-org:v3", "urn:hl7-org:v4"), "namespace"),
            ("no namespace", swap(" xmlns=\"urn:hl7-org:v3\"", ""), "namespace"),
            ("truncated", good.as_bytes()[..good.len() / 2].to_vec(), "line"),
            ("empty element", b"<a/>".to_vec(), "ClinicalDocument"),
            ("no XML", b"%PDF-1.4\n%%EOF".to_vec(), "line 1"),
            ("not UTF-8", latin, "UTF-8"),
            ("another encoding", swap("UTF-8", "ISO-8859-1"), "ISO-8859-1"),
            ("two ids", swap("<title>", "<id root=\"1.2.3\"/><title>"), "`id` stands twice"),
            (
                "two bodies",
                swap("</component></ClinicalDocument>", "</component><component/></ClinicalDocument>"),
                "`component` stands twice",
            ),
        ];
        for (name, bytes, said) in rows {
            for media in ["text/xml", "application/xml; charset=utf-8", "application/hl7-v3+xml"] {
                let mut wrong = push(media, &bytes);
                wrong["subject"] = person(&me);
                let begun = Instant::now();
                let answer = server.create(&hospital, &wrong);
                assert!(begun.elapsed() < BOUND, "{name}: {:?}", begun.elapsed());
                let expected = (422, "structure".to_owned(), "DocumentReference.content[0].attachment.data".to_owned());
                assert_eq!(refusal(&answer), expected, "{name}: {}", answer.text());
                let text = answer.json()["issue"][0]["details"]["text"].as_str().unwrap().to_owned();
                assert!(text.contains(said) && text.contains("column"), "{name}: {text}");
            }
        }
        assert_eq!(server.get(&holder(&me), "DocumentReference?_total=accurate").expect(200)["total"], 0);
        server.create(&hospital, &cda(&me, 1).push()).expect(201);
    });
}

#[test]
fn hash_size_and_body_are_checked() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let hospital = structure(HOSPITAL);
        let with = |name: &str, value: serde_json::Value| {
            let mut push = cda(&me, 1).push();
            push["content"][0]["attachment"][name] = value;
            push
        };
        let plain = |body: &str| Cda { body: body.into(), ..cda(&me, 1) };
        let rows = [
            (with("hash", json!("2jmj7l5rSw0yVb/vlWAYkK/YBwk=")), "hash", "SHA-1"),
            (with("size", json!(1)), "size", "bytes"),
            (cda(&me, 1).around("application/pdf", b"MZ").push(), "data", "nonXMLBody"),
            (cda(&me, 1).around("application/pdf", b"%PDF-1.4 cut").push(), "data", "nonXMLBody"),
            (cda(&me, 1).around("text/plain", b"\xE9").push(), "data", "nonXMLBody"),
            (
                plain("<nonXMLBody><text mediaType=\"application/pdf\" representation=\"B64\">%%%</text></nonXMLBody>").push(),
                "data",
                "base64",
            ),
        ];
        for (push, place, said) in rows {
            let answer = server.create(&hospital, &push);
            let (status, _, at) = refusal(&answer);
            assert_eq!((status, at), (422, format!("DocumentReference.content[0].attachment.{place}")), "{}", answer.text());
            assert!(answer.text().contains(said), "{}", answer.text());
        }
        let good = cda(&me, 1).around("application/pdf", b"%PDF-1.4\n%%EOF\n");
        let document = server.create(&hospital, &good.push()).expect(201);
        assert_eq!(document["content"][0]["format"]["code"], "urn:ihe:iti:xds-sd:pdf:2008");
        let elsewhere = plain("<nonXMLBody><text mediaType=\"application/pdf\"><reference value=\"a.pdf\"/></text></nonXMLBody>");
        server.create(&hospital, &elsewhere.named("1.2.250.1.999.7.2", "").push()).expect(201);
    });
}
