//! TD2.1, written out: a document that replaces another, alone and in a submission (PDSm flux 02, PDSm4DMP TD2.1, IHE MHD ITI-65).

use serde_json::{Value, json};

use super::fhirpath_patch::{part, patch};
use crate::support::answer::Answer;
use crate::support::build::{Document, document, holder, ins, patient, professional, service, structure};
use crate::support::record::{HOSPITAL, deletion, with_space};
use crate::support::submission::{apart, create, submission_set, submit, transaction, urn, wrote};
use crate::support::{Server, on_both};

const ABSENT: &str = "01930000-0000-7000-8000-000000000000";

fn superseded(id: &str) -> Value {
    let resource = patch(&[("replace", "DocumentReference.status", vec![part("value", "Code", "superseded".into())])]);
    json!({"fullUrl": urn(9), "resource": resource, "request": {"method": "PATCH", "url": format!("DocumentReference/{id}")}})
}

fn replacing(document: Document, target: Value) -> Document {
    document.with("relatesTo", json!([{"code": "replaces", "target": target}]))
}

/// A submission of a document that replaces the one of this id, and says so twice, as MHD has it.
fn replacement(server: &Server, who: &Value, me: &str, number: u32, id: &str) -> Answer {
    let target = json!({"reference": format!("DocumentReference/{id}")});
    let (letter, content) = apart(replacing(document(me, "11490-0", number), target), &urn(3));
    let set = submission_set(me, number, &[&urn(2)]);
    submit(server, who, &transaction(vec![create(&urn(1), set), create(&urn(2), letter), create(&urn(3), content), superseded(id)]))
}

#[test]
fn a_submission_replaces_a_document() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let hospital = structure(HOSPITAL);
        let old = server.create(&hospital, &document(&me, "11490-0", 1).masked().json()).id();
        let answer = replacement(&server, &hospital, &me, 2, &old).expect(200);
        let written = wrote(&answer);
        let statuses: Vec<&str> = written.iter().map(|(status, ..)| status.as_str()).collect();
        assert_eq!(statuses, ["201", "201", "201", "200"]);
        let status = |id: &str| server.get(&hospital, &format!("DocumentReference/{id}")).expect(200)["status"].clone();
        assert_eq!((status(&old), status(&written[1].2)), (json!("superseded"), json!("current")));
        // It was superseded once, and is seen by nobody who did not see the former.
        assert_eq!(server.get(&hospital, &format!("DocumentReference/{old}")).header("etag"), "W/\"2\"");
        let new = server.get(&hospital, &format!("DocumentReference/{}", written[1].2)).expect(200);
        assert!(new["securityLabel"].to_string().contains("MASQUE_PS"), "{new}");
        assert_eq!(new["relatesTo"][0]["target"]["reference"], format!("DocumentReference/{old}"));
        // The same again is the same.
        assert_eq!(wrote(&replacement(&server, &hospital, &me, 2, &old).expect(200))[1].2, written[1].2);
        // By identifier, alone, without the patch: the server supersedes the target itself.
        let master = new["masterIdentifier"].clone();
        let third = server.create(&hospital, &replacing(document(&me, "11490-0", 3), json!({"identifier": master})).json());
        third.expect(201);
        assert_eq!(status(&written[1].2), "superseded");
        // In a submission without the patch, too.
        let target = json!({"reference": format!("DocumentReference/{}", third.id())});
        let (letter, content) = apart(replacing(document(&me, "11490-0", 4), target), &urn(3));
        let set = submission_set(&me, 4, &[&urn(2)]);
        submit(&server, &hospital, &transaction(vec![create(&urn(1), set), create(&urn(2), letter), create(&urn(3), content)])).expect(200);
        assert_eq!(status(&third.id()), "superseded");
    });
}

#[test]
fn what_may_not_be_replaced_is_absent_and_nothing_is_stored() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let (hospital, other) = (structure(HOSPITAL), ins(8));
        server.create(&service("operator"), &patient(&other)).expect(201);
        let hidden = server.create(&structure("1690000027"), &document(&me, "11490-0", 1).json()).id();
        let foreign = server.create(&hospital, &document(&other, "11490-0", 2).json()).id();
        let gone = server.create(&hospital, &document(&me, "11490-0", 3).json()).id();
        server.fhir(&hospital, "PATCH", &format!("DocumentReference/{gone}"), Some(&deletion())).expect(200);
        let count = |of: &str| server.get(&holder(of), "List?_summary=count").expect(200)["total"].clone();
        let before = (count(&me), count(&other));
        let absent = replacement(&server, &hospital, &me, 10, ABSENT);
        assert_eq!((absent.status, absent.issue().1.as_str()), (422, "Bundle.entry[1].resource.relatesTo[0].target"));
        for id in [&hidden, &foreign, &gone] {
            assert_eq!(replacement(&server, &hospital, &me, 10, id).shape(id), absent.shape(ABSENT));
            let target = json!({"reference": format!("DocumentReference/{id}")});
            let alone = server.create(&hospital, &replacing(document(&me, "11490-0", 10), target).json());
            assert_eq!((alone.status, alone.issue().1.as_str()), (422, "DocumentReference.relatesTo[0].target"));
        }
        // One that is seen, by who is no author.
        let seen = server.create(&structure("1690000027"), &document(&me, "11490-0", 4).json()).id();
        let reader = professional(1, "10");
        let given = crate::support::build::consent(&me, "record-access", "permit", crate::support::build::party("810000000001"));
        server.create(&holder(&me), &given).expect(201);
        let refused = replacement(&server, &reader, &me, 11, &seen);
        assert_eq!((refused.status, refused.issue().1.as_str()), (403, "Bundle.entry[1].request"));
        let after = (count(&me), count(&other));
        // The document that was deposited meanwhile has a submission set of its own.
        assert_eq!((before.0.as_i64().unwrap() + 1, &before.1), (after.0.as_i64().unwrap(), &after.1));
        assert_eq!(server.get(&holder(&me), &format!("DocumentReference/{seen}")).expect(200)["status"], "current");
    });
}

#[test]
fn what_the_person_sees_is_not_replaced_by_what_is_hidden_from_it() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let hospital = structure(HOSPITAL);
        let old = server.create(&hospital, &document(&me, "11490-0", 1).json()).id();
        let target = json!({"reference": format!("DocumentReference/{old}")});
        let hidden = |number: u32| replacing(document(&me, "11490-0", number).hidden(), target.clone()).json();
        let answer = server.create(&hospital, &hidden(2));
        assert_eq!((answer.status, answer.issue().1.as_str()), (422, "DocumentReference.securityLabel"));
        let seen = server.get(&holder(&me), &format!("DocumentReference/{old}"));
        assert_eq!((seen.expect(200)["status"].as_str(), seen.header("etag")), (Some("current"), "W/\"1\""));
        // Beside it, as a document of its own; and what is hidden may be replaced by what is.
        let first = server.create(&hospital, &document(&me, "11490-0", 3).hidden().json()).id();
        let next = replacing(document(&me, "11490-0", 4).hidden(), json!({"reference": format!("DocumentReference/{first}")}));
        let next = server.create(&hospital, &next.json()).id();
        // Once it was announced the person sees it, and no other hides behind it.
        let announce = json!([{"op": "remove", "path": "/securityLabel"}]);
        assert_eq!(crate::support::record::patches(&server, &hospital, &next, &announce), 200);
        assert_eq!(server.get(&holder(&me), &format!("DocumentReference/{next}")).status, 200);
        let third = replacing(document(&me, "11490-0", 5).hidden(), json!({"reference": format!("DocumentReference/{next}")}));
        assert_eq!(server.create(&hospital, &third.json()).status, 422);
    });
}

#[test]
fn an_identifier_names_a_document_of_the_same_record() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let other = ins(8);
        server.create(&service("operator"), &patient(&other)).expect(201);
        let hospital = structure(HOSPITAL);
        let known = json!({"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.250.1.999.5.1"});
        let same = |of: &str| document(of, "11490-0", 1).with("masterIdentifier", known.clone()).json();
        let (mine, its) = (server.create(&hospital, &same(&me)).id(), server.create(&hospital, &same(&other)).id());
        let status = |id: &str| server.get(&hospital, &format!("DocumentReference/{id}")).expect(200)["status"].clone();
        server.create(&hospital, &replacing(document(&me, "11490-0", 2), json!({"identifier": known})).json()).expect(201);
        assert_eq!((status(&mine), status(&its)), (json!("superseded"), json!("current")));
    });
}
