//! What a clinical document says it replaces.

use serde_json::{Value, json};

use super::{refusal, warnings};
use crate::support::build::{document, holder, ins, patient, person, service, structure};
use crate::support::cda::{Cda, cda};
use crate::support::record::{HOSPITAL, with_space};
use crate::support::{Server, on_both};

const CLINIC: &str = "1690000011";

fn status(server: &Server, who: &Value, id: &str) -> String {
    server.get(who, &format!("DocumentReference/{id}")).expect(200)["status"].as_str().unwrap().to_owned()
}

fn by(id: &str) -> Value {
    json!([{"code": "replaces", "target": {"reference": format!("DocumentReference/{id}")}}])
}

#[test]
fn the_header_replaces_where_the_metadata_say_nothing() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let (hospital, own) = (structure(HOSPITAL), holder(&me));
        let uuid = "d52de737-001d-4031-b571-0a0ed7c42300";
        let rows = [
            ("1.2.250.1.999.7.1", "", "1.2.250.1.999.7.1"),
            ("1.2.250.1.999.7", "A", "1.2.250.1.999.7"),
            (uuid, "", &uuid.to_ascii_uppercase()),
        ];
        for (place, (root, extension, parent)) in (10..).zip(rows) {
            let first = server.create(&hospital, &cda(&me, 1).named(root, extension).push());
            first.expect(201);
            let masked = json!([{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "MASQUE_PS"}]}}]);
            server.fhir(&own, "PATCH", &format!("DocumentReference/{}", first.id()), Some(&masked)).expect(200);
            let second = server.create(&hospital, &cda(&me, place).replacing(parent, extension).push());
            assert_eq!(second.expect(201)["relatesTo"][0]["code"], "replaces");
            assert_eq!(status(&server, &own, &first.id()), "superseded");
            let labels = second.json()["securityLabel"].to_string();
            assert!(labels.contains("MASQUE_PS"), "a replacement inherits the masking: {labels}");
        }
        // An addendum replaces nothing.
        let mut addendum = cda(&me, 20).replacing("1.2.250.1.999.7.10", "");
        addendum.related = addendum.related.map(|(_, root, extension)| ("APND".into(), root, extension));
        assert_eq!(server.create(&hospital, &addendum.push()).expect(201).get("relatesTo"), None);
    });
}

#[test]
fn what_is_replaced_must_agree() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let (hospital, own) = (structure(HOSPITAL), holder(&me));
        let first = server.create(&hospital, &cda(&me, 1).push());
        let other = server.create(&hospital, &cda(&me, 2).push());
        let related = |cda: &Cda, relation: Value| {
            let mut push = cda.push();
            push["relatesTo"] = relation;
            push
        };
        let second = cda(&me, 3).replacing("1.2.250.1.999.7.1", "");
        let named =
            json!([{"code": "replaces", "target": {"identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.250.1.999.7.2"}}}]);
        for relation in [by(&other.id()), named] {
            let answer = server.create(&hospital, &related(&second, relation));
            let expected = (422, "value".to_owned(), "DocumentReference.relatesTo[0].target".to_owned());
            assert_eq!(refusal(&answer), expected, "{}", answer.text());
            assert!(answer.text().contains("relatedDocument"), "{}", answer.text());
        }
        assert_eq!((status(&server, &own, &first.id()), status(&server, &own, &other.id())), ("current".into(), "current".into()));
        server.create(&hospital, &related(&second, by(&first.id()))).expect(201);
        assert_eq!(status(&server, &own, &first.id()), "superseded");
        // Metadata may tell what the header does not.
        server.create(&hospital, &related(&cda(&me, 4), by(&other.id()))).expect(201);
        assert_eq!(status(&server, &own, &other.id()), "superseded");
    });
}

#[test]
fn a_document_older_than_the_record_is_replaced_with_a_warning() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let push = cda(&me, 1).replacing("1.2.250.1.999.7.99", "").push();
        let told = warnings(&server, &structure(HOSPITAL), &push);
        assert_eq!(told.iter().map(|(place, _)| place.as_str()).collect::<Vec<_>>(), ["DocumentReference.relatesTo"]);
    });
}

#[test]
fn hidden_and_absent_parents_answer_alike() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let (hospital, clinic, other) = (structure(HOSPITAL), structure(CLINIC), ins(8));
        server.create(&service("operator"), &patient(&other)).expect(201);
        // Of another submitter and of another person: the hospital sees neither.
        let theirs = server.create(&clinic, &cda(&me, 1).push());
        theirs.expect(201);
        server
            .create(
                &hospital,
                &document(&other, "11490-0", 5)
                    .with("masterIdentifier", json!({"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.250.1.999.7.5"}))
                    .json(),
            )
            .expect(201);
        let shape = |number: u32, parent: &str| {
            let answer = server.create(&hospital, &cda(&me, number).replacing(parent, "").push());
            let mut value = answer.expect(201);
            for name in ["id", "meta", "masterIdentifier"] {
                value.as_object_mut().unwrap().remove(name);
            }
            value["content"][0]["attachment"].as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "url" | "hash" | "size"));
            value.to_string().replace(parent, "PARENT")
        };
        let absent = shape(11, "1.2.250.1.999.7.9");
        assert_eq!(shape(12, "1.2.250.1.999.7.1"), absent);
        assert_eq!(shape(13, "1.2.250.1.999.7.5"), absent);
        assert_eq!(status(&server, &clinic, &theirs.id()), "current");
        // What is named is asked for, hidden as absent.
        let mut named = cda(&me, 14).push();
        named["subject"] = person(&me);
        for id in [theirs.id(), "01930000-0000-7000-8000-000000000000".into()] {
            named["relatesTo"] = by(&id);
            assert_eq!(refusal(&server.create(&hospital, &named)).1, "not-found");
        }
    });
}
