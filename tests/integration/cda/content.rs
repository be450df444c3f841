//! Content of other media types is what it claims to be, and FHIR documents are about whom and of what the metadata say.

use serde_json::{Value, json};

use super::{refusal, warnings};
use crate::support::build::{INS, document, holder, ins, patient, service, structure};
use crate::support::cda::push;
use crate::support::on_both;
use crate::support::record::{HOSPITAL, with_space};

/// A deposit of this content with all its metadata.
fn deposit(me: &str, number: u32, media: &str, bytes: &[u8]) -> Value {
    let mut whole = document(me, "11490-0", number).json();
    whole["content"] = push(media, bytes)["content"].clone();
    whole
}

/// A FHIR document about a person, whose Composition is of this type.
fn bundle(ins: &str, code: &str) -> Value {
    json!({
        "resourceType": "Bundle", "type": "document", "timestamp": "2026-10-01T10:00:00Z",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:1d2151bd-1cbf-4d64-b04d-cd9187a4c6e1"},
        "entry": [
            {"fullUrl": "urn:uuid:1d2151bd-1cbf-4d64-b04d-cd9187a4c6e2", "resource": {
                "resourceType": "Composition", "status": "final", "type": {"coding": [{"system": "http://loinc.org", "code": code}]},
                "subject": {"reference": "urn:uuid:1d2151bd-1cbf-4d64-b04d-cd9187a4c6e3"}, "date": "2026-10-01",
                "author": [{"display": "Dr Exemple"}], "title": "Lettre"
            }},
            {"fullUrl": "urn:uuid:1d2151bd-1cbf-4d64-b04d-cd9187a4c6e3", "resource": {
                "resourceType": "Patient", "identifier": [{"system": INS, "value": ins}]
            }}
        ]
    })
}

#[test]
fn content_is_what_it_claims_to_be() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let hospital = structure(HOSPITAL);
        let pdf = b"%PDF-1.4\n%%EOF\n";
        let good: [(&str, &[u8]); 9] = [
            ("application/pdf", pdf),
            ("text/plain", "été".as_bytes()),
            ("text/plain; charset=iso-8859-1", b"\xE9t\xE9"),
            ("image/png", b"\x89PNG\r\n\x1A\n"),
            ("image/jpeg", b"\xFF\xD8\xFF\xE0"),
            ("image/tiff", b"II*\0"),
            ("text/rtf", b"{\\rtf1}"),
            ("text/xml", br#"<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>"#),
            ("application/fhir+json", &bundle(&me, "11490-0").to_string().into_bytes()),
        ];
        for (number, (media, bytes)) in (1..).zip(good) {
            let stored = server.create(&hospital, &deposit(&me, number, media, bytes)).expect(201);
            let url = stored["content"][0]["attachment"]["url"].as_str().unwrap();
            // The person reads what was sent.
            let read = server.fhir_with(&holder(&me), "GET", url, &[("accept", "*/*")], None);
            assert_eq!((read.status, read.body.as_slice()), (200, bytes), "{media}");
        }
        let bad: [(&str, &[u8]); 10] = [
            ("application/pdf", b"MZ\x90"),
            ("application/pdf", b"%PDF-1.4\n"),
            ("Application/PDF; a=b", b"<html>"),
            ("text/plain", b"\xE9t\xE9"),
            ("text/plain", b"a\0b"),
            ("image/png", pdf),
            ("image/jpeg", b"GIF89a"),
            ("image/tiff", b"TIFF"),
            ("application/rtf", b"rtf"),
            ("application/dicom", b"DICM"),
        ];
        for (media, bytes) in bad {
            let answer = server.create(&hospital, &deposit(&me, 90, media, bytes));
            let expected = (422, "value".to_owned(), "DocumentReference.content[0].attachment.contentType".to_owned());
            assert_eq!(refusal(&answer), expected, "{media}: {}", answer.text());
        }
        let told = warnings(&server, &hospital, &deposit(&me, 91, "application/x-other", b"\0\x01"));
        assert!(told.iter().any(|(place, _)| place == "DocumentReference.content[0].attachment.contentType"), "{told:?}");
        let all = server.get(&holder(&me), "DocumentReference?_total=accurate").expect(200);
        assert_eq!(all["total"], 10, "of what was refused nothing is stored");
    });
}

#[test]
fn a_fhir_document_is_about_the_person_and_of_the_type() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let (hospital, other) = (structure(HOSPITAL), ins(8));
        server.create(&service("operator"), &patient(&other)).expect(201);
        let send = |number: u32, bundle: &Value| {
            server.create(&hospital, &deposit(&me, number, "application/fhir+json", bundle.to_string().as_bytes()))
        };
        let changed = |change: &dyn Fn(&mut Value)| {
            let mut whole = bundle(&me, "11490-0");
            change(&mut whole);
            whole
        };
        let data = "content[0].attachment.data";
        let rows = [
            (bundle(&other, "11490-0"), "subject"),
            (bundle(&ins(9), "11490-0"), "subject"),
            (
                changed(&|whole| whole["entry"][0]["resource"]["subject"] = json!({"identifier": {"system": INS, "value": other}})),
                "subject",
            ),
            (changed(&|whole| whole["entry"][0]["resource"]["subject"] = json!({"reference": "Patient/0"})), "subject"),
            (bundle(&me, "11502-2"), "type"),
            (changed(&|whole| whole["type"] = "collection".into()), data),
            (changed(&|whole| whole["entry"][0]["resource"]["status"] = "done".into()), data),
            (changed(&|whole| whole["entry"].as_array_mut().unwrap().reverse()), data),
            (json!({"resourceType": "Patient"}), data),
            (json!([1]), data),
        ];
        for (bundle, place) in rows {
            let answer = send(1, &bundle);
            let (status, _, at) = refusal(&answer);
            assert_eq!((status, at), (422, format!("DocumentReference.{place}")), "{}", answer.text());
        }
        send(2, &bundle(&me, "11490-0")).expect(201);
        // A code that is none of JDV_J66 says nothing, and neither does a subject without INS.
        send(3, &bundle(&me, "60591-9")).expect(201);
        send(4, &changed(&|whole| whole["entry"][1]["resource"] = json!({"resourceType": "Patient"}))).expect(201);
        let xml = format!(
            "<Bundle xmlns=\"http://hl7.org/fhir\"><type value=\"document\"/><entry><resource><Composition><status value=\"final\"/>\
             <type><coding><system value=\"http://loinc.org\"/><code value=\"11490-0\"/></coding></type>\
             <subject><identifier><system value=\"{INS}\"/><value value=\"{me}\"/></identifier></subject><date value=\"2026\"/>\
             <author><display value=\"a\"/></author><title value=\"t\"/></Composition></resource></entry></Bundle>"
        );
        server.create(&hospital, &deposit(&me, 5, "application/fhir+xml", xml.as_bytes())).expect(201);
        let of_other = xml.replace(&me, &other);
        assert_eq!(
            refusal(&server.create(&hospital, &deposit(&me, 6, "application/fhir+xml", of_other.as_bytes()))).2,
            "DocumentReference.subject"
        );
        assert_eq!(refusal(&server.create(&hospital, &deposit(&me, 7, "application/fhir+xml", &xml.as_bytes()[..99]))).0, 422);
    });
}
