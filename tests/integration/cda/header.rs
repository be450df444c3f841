//! Metadata from the header, and metadata that differ from it.

use serde_json::{Value, json};

use super::{refusal, warnings};
use crate::support::build::{INS, PSIDNAT, consent, holder, ins, party, patient, person, professional, psidnat, service, structure};
use crate::support::cda::{Cda, cda};
use crate::support::record::{HOSPITAL, with_space};
use crate::support::{on_both, query};

/// A push with this element beside the content.
fn with(cda: &Cda, name: &str, value: Value) -> Value {
    let mut push = cda.push();
    push[name] = value;
    push
}

fn master(system: &str, value: &str) -> Value {
    json!({"system": system, "value": value})
}

#[test]
fn metadata_come_from_the_header() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let (hospital, physician, own) = (structure(HOSPITAL), professional(101, "10"), holder(&me));
        server.create(&own, &consent(&me, "record-access", "permit", party(&psidnat(101)))).expect(201);
        let letter = cda(&me, 1);
        let answer = server.create(&hospital, &letter.push());
        let document = answer.expect(201);
        for (pointer, expected) in [
            ("/type/coding/0", json!({"code": "11490-0", "system": "http://loinc.org", "display": "Lettre"})),
            ("/category/0/coding/0/code", json!("10")),
            ("/masterIdentifier", master("urn:ietf:rfc:3986", "urn:oid:1.2.250.1.999.7.1")),
            ("/date", json!("2026-10-01T10:15:00+02:00")),
            ("/subject/identifier", json!({"system": INS, "value": me})),
            ("/author/0/reference", json!("#cda-author-1")),
            ("/custodian/identifier/value", json!(HOSPITAL)),
            ("/authenticator/identifier/value", json!("810000000101")),
            ("/securityLabel/0/coding/0/code", json!("N")),
            ("/content/0/attachment/title", json!("Lettre de liaison à la sortie")),
            ("/content/0/attachment/language", json!("fr-FR")),
            ("/content/0/attachment/creation", json!("2026-10-01T10:15:00+02:00")),
            ("/content/0/format/code", json!("urn:asip:ci-sis:ldl-ses:2017")),
            ("/context/period", json!({"start": "2026-09-28", "end": "2026-10-01"})),
            ("/context/facilityType/coding/0/code", json!("SA01")),
            ("/context/practiceSetting/coding/0/code", json!("ETABLISSEMENT")),
            ("/context/event/0/coding/0/code", json!("34133-9")),
        ] {
            assert_eq!(document.pointer(pointer), Some(&expected), "{pointer}: {document}");
        }
        assert_eq!(document.get("relatesTo"), None);
        // It is found by what only its header says.
        let of_me = ("patient.identifier", format!("{INS}|{me}"));
        for (name, value) in [
            ("type", "http://loinc.org|11490-0"),
            ("date", "2026-10-01"),
            ("identifier", "urn:ietf:rfc:3986|urn:oid:1.2.250.1.999.7.1"),
            ("author.family", "Modele"),
            ("author:identifier", &format!("{PSIDNAT}|810000000101")),
            ("custodian:identifier", "urn:oid:1.2.250.1.71.4.2.2|1750000018"),
            ("period", "2026"),
            ("facility", "SA01"),
            ("setting", "ETABLISSEMENT"),
            ("format", "urn:asip:ci-sis:ldl-ses:2017"),
            ("security-label", "N"),
        ] {
            let found = server.get(&physician, &format!("DocumentReference{}", query(&[(of_me.0, &of_me.1), (name, value)]))).matches();
            assert_eq!(found, [answer.id()], "{name}={value}");
        }
        // What is read is what was sent, and pushed again it is the same document.
        let url = document["content"][0]["attachment"]["url"].as_str().unwrap();
        let read = server.fhir_with(&physician, "GET", url, &[("accept", "text/xml")], None);
        assert_eq!((read.status, read.body), (200, letter.xml().into_bytes()));
        let again = server.create(&hospital, &letter.push());
        assert_eq!((again.status, again.id()), (201, answer.id()));
        let other = Cda { title: "Autre".into(), ..letter };
        assert_eq!(refusal(&server.create(&hospital, &other.push())).0, 409);
    });
}

#[test]
fn authors_of_the_header_are_authors() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let written =
            server.create(&structure(HOSPITAL), &with(&cda(&me, 1), "securityLabel", json!([{"coding": [{"code": "MASQUE_PS"}]}])));
        written.expect(201);
        let (author, other) = (professional(101, "10"), professional(102, "10"));
        for number in [101, 102] {
            server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(number)))).expect(201);
        }
        assert_eq!(server.get(&author, &format!("DocumentReference/{}", written.id())).status, 200);
        assert_eq!(server.get(&other, &format!("DocumentReference/{}", written.id())).status, 404);
        // Whoever is named in the metadata is author, and not the header's.
        let named = server.create(&structure(HOSPITAL), &with(&cda(&me, 2), "author", json!([party(&psidnat(102))])));
        assert_eq!(named.expect(201)["author"], json!([party(&psidnat(102))]));
        assert_eq!(named.json().get("contained"), None);
    });
}

#[test]
fn identifiers_agree_in_every_spelling() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let uuid = "d52de737-001d-4031-b571-0a0ed7c42300";
        let rows = [
            ("1.2.250.1.999.7", "A-7", "urn:oid:1.2.250.1.999.7", "A-7"),
            ("1.2.250.1.999.7", "B", "urn:ietf:rfc:3986", "urn:oid:1.2.250.1.999.7^B"),
            ("1.2.250.1.999.7", "C", "urn:ietf:rfc:3986", "1.2.250.1.999.7^C"),
            ("1.2.250.1.999.7", "", "urn:ietf:rfc:3986", "urn:oid:1.2.250.1.999.7"),
            (&uuid.to_ascii_uppercase(), "", "urn:ietf:rfc:3986", &format!("urn:uuid:{uuid}")),
            (uuid, "", "urn:ietf:rfc:3986", &format!("urn:uuid:{}", uuid.to_ascii_uppercase())),
            (uuid, "", "urn:ietf:rfc:3986", "urn:oid:2.25.283363906055023891989389705401719857920"),
        ];
        for (root, extension, system, value) in rows {
            let push = with(&cda(&me, 1).named(root, extension), "masterIdentifier", master(system, value));
            let answer = server.create(&structure(HOSPITAL), &push).expect(201);
            assert_eq!(answer["masterIdentifier"], master(system, value), "what was given stays");
        }
    });
}

#[test]
fn what_differs_is_refused_with_its_place() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let (hospital, other, absent) = (structure(HOSPITAL), ins(8), ins(9));
        server.create(&service("operator"), &patient(&other)).expect(201);
        let mine = || cda(&me, 1);
        let of = |patients: &[(&str, &str)]| Cda {
            patients: patients.iter().map(|(root, value)| ((*root).to_owned(), (*value).to_owned())).collect(),
            ..mine()
        };
        let test = "1.2.250.1.213.1.4.10";
        let type_of = |system: &str, code: &str| json!({"coding": [{"system": system, "code": code}]});
        let refused = [
            (with(&mine(), "subject", person(&other)), "value", "subject", "recordTarget"),
            (with(&of(&[(test, &absent)]), "subject", person(&me)), "value", "subject", "recordTarget"),
            (with(&of(&[(test, &me), (test, &other)]), "subject", person(&me)), "value", "subject", "recordTarget"),
            (with(&of(&[("1.2.250.1.213.1.4.8", &me)]), "subject", person(&me)), "value", "subject", "recordTarget"),
            // However many stand before.
            (of(&[[(test, me.as_str()); 200].as_slice(), &[(test, other.as_str())]].concat()).push(), "value", "subject", "recordTarget"),
            (with(&mine(), "subject", person(&absent)), "not-found", "subject", ""),
            (of(&[(test, &absent)]).push(), "not-found", "subject", ""),
            (of(&[("1.2.3", "7")]).push(), "not-found", "subject", ""),
            (with(&mine(), "type", type_of("http://loinc.org", "11502-2")), "value", "type", "ClinicalDocument.code"),
            (mine().of_type("99999-9").push(), "required", "type", ""),
            (with(&mine().of_type("99999-9"), "type", type_of("http://loinc.org", "11490-0")), "value", "type", "ClinicalDocument.code"),
            (
                with(&mine(), "masterIdentifier", master("urn:ietf:rfc:3986", "urn:oid:1.2.250.1.999.7.2")),
                "value",
                "masterIdentifier",
                "ClinicalDocument.id",
            ),
            (with(&mine(), "masterIdentifier", master("urn:x", "1.2.250.1.999.7.1")), "value", "masterIdentifier", "ClinicalDocument.id"),
        ];
        for (push, code, place, said) in refused {
            let answer = server.create(&hospital, &push);
            assert_eq!(refusal(&answer), (422, code.to_owned(), format!("DocumentReference.{place}")), "{}", answer.text());
            assert!(answer.json()["issue"][0]["details"]["text"].as_str().unwrap().contains(said), "{}", answer.text());
        }
        let taken = [
            // A type that is none of JDV_J66 is joined by that of the header; a local code of the header may stand beside a known one.
            (with(&cda(&me, 11), "type", type_of("urn:x", "LETTRE")), "11490-0"),
            (with(&cda(&me, 12), "type", json!({"text": "Lettre"})), "11490-0"),
            (with(&cda(&me, 13), "type", type_of("https://mos.esante.gouv.fr/NOS/TRE_A04-Loinc/FHIR/TRE-A04-Loinc", "11490-0")), "11490-0"),
            (with(&cda(&me, 14), "subject", json!({"reference": format!("Patient?identifier={INS}|{me}")})), "11490-0"),
        ];
        for (push, code) in taken {
            let document = server.create(&hospital, &push).expect(201);
            assert!(document["type"]["coding"].as_array().unwrap().iter().any(|coding| coding["code"] == code), "{document}");
        }
        let all = server.get(&holder(&me), "DocumentReference?_total=accurate").expect(200);
        assert_eq!(all["total"], 4, "of what was refused nothing is stored");
        assert_eq!(server.get(&holder(&other), "DocumentReference?_total=accurate").expect(200)["total"], 0);
    });
}

#[test]
fn author_dates_and_title_that_differ_are_warnings() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let hospital = structure(HOSPITAL);
        assert_eq!(warnings(&server, &hospital, &cda(&me, 1).push()), Vec::new());
        let title = |title: &str| {
            let mut push = cda(&me, 2).push();
            push["content"][0]["attachment"]["title"] = title.into();
            push
        };
        assert_eq!(warnings(&server, &hospital, &title(" Lettre de  liaison à la sortie")), Vec::new());
        let mut named = cda(&me, 3).named("1.2.250.1.999.7", "renamed").push();
        named["content"][0]["attachment"]["title"] = "Autre".into();
        let rows = [
            (named, "content[0].attachment.title"),
            (with(&cda(&me, 4), "date", json!("2026-10-01T10:15:01+02:00")), "date"),
            (with(&cda(&me, 5), "author", json!([party(&psidnat(102))])), "author"),
            (with(&cda(&me, 6), "context", json!({"period": {"start": "2026-09-29"}})), "context.period.start"),
        ];
        for (push, place) in rows {
            let places: Vec<String> = warnings(&server, &hospital, &push).into_iter().map(|(place, _)| place).collect();
            assert_eq!(places, [format!("DocumentReference.{place}")]);
        }
        // The same instant in another zone, an RPPS for a PSIdNat, a day for an instant.
        let rpps = json!([{"identifier": {"system": "https://rpps.esante.gouv.fr", "value": "10000000101"}}]);
        for (number, name, value) in
            [(7, "date", json!("2026-10-01T08:15:00Z")), (8, "author", rpps), (9, "context", json!({"period": {"start": "2026-09"}}))]
        {
            assert_eq!(warnings(&server, &hospital, &with(&cda(&me, number), name, value)), Vec::new(), "{name}");
        }
        let nobody = with(&Cda { patients: Vec::new(), ..cda(&me, 10) }, "subject", person(&me));
        assert_eq!(warnings(&server, &hospital, &nobody).len(), 1);
    });
}

/// CDA has a level of confidentiality there; a visibility that somebody writes in its place is kept to, or it is said that it is not.
#[test]
fn a_visibility_of_the_header_hides() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let hospital = structure(HOSPITAL);
        let saying = |number: u32, code: &str| Cda { confidentiality: code.into(), ..cda(&me, number) };
        let label = |code: &str| json!([{"coding": [{"code": code}]}]);
        for (number, code, status) in [(1, "N", 200), (2, "INVISIBLE_PATIENT", 404), (3, "NOPAT", 404)] {
            let id = server.create(&hospital, &saying(number, code).push()).id();
            assert_eq!(server.get(&holder(&me), &format!("DocumentReference/{id}")).status, status, "{code}");
        }
        let both = server.create(&hospital, &saying(4, "INVISIBLE_REPRESENTANTS_LEGAUX").push());
        assert_eq!(refusal(&both), (422, "business-rule".into(), "DocumentReference.securityLabel".into()), "it is for minors");
        // What is given stays.
        let told = warnings(&server, &hospital, &with(&saying(5, "INVISIBLE_PATIENT"), "securityLabel", label("N")));
        assert_eq!(told.iter().map(|(place, _)| place.as_str()).collect::<Vec<_>>(), ["DocumentReference.securityLabel"]);
        assert_eq!(warnings(&server, &hospital, &with(&saying(6, "INVISIBLE_PATIENT"), "securityLabel", label("NOPAT"))), Vec::new());
    });
}
