//! Labels of a document (CONTRACT 3, Labels): who puts which on and off, over HTTP.

use serde_json::{Value, json};

use crate::support::build::{
    consent, document, holder, ins, party, patient, person, professional, psidnat, representative, service, structure,
};
use crate::support::record::archiving;
use crate::support::{Server, on_both};

const HOSPITAL: &str = "1750000018";

fn on(code: &str) -> Value {
    json!([{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": code}]}}])
}

fn off() -> Value {
    json!([{"op": "replace", "path": "/securityLabel/0", "value": {"coding": [{"code": "N"}]}}])
}

#[test]
fn who_puts_which_label_on_and_off() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = ins(1);
        server.create(&service("operator"), &patient(&me)).expect(201);
        let give =
            |kind: &str, number: u32| server.create(&holder(&me), &consent(&me, kind, "permit", party(&psidnat(number)))).expect(201);
        give("record-access", 1);
        give("record-access", 2);
        give("administrator", 3);
        give("treating-physician", 4);
        let (author, other) = (professional(1, "10"), professional(2, "10"));
        let (administrator, treating) = (professional(3, "10"), professional(4, "10"));
        let deposited = |number: u32| server.create(&structure(HOSPITAL), &document(&me, "11490-0", number).by(&psidnat(1)).json()).id();
        let patch = |who: &Value, id: &str, operations: &Value| {
            server.fhir(who, "PATCH", &format!("DocumentReference/{id}"), Some(operations)).status
        };
        let person = holder(&me);
        let letter = deposited(1);
        let rows: Vec<(&str, &Value, Value, u16)> = vec![
            ("another may not mask", &other, on("MASQUE_PS"), 403),
            ("the author masks", &author, on("MASQUE_PS"), 200),
            ("the author does not unmask", &author, off(), 403),
            ("the treating physician unmasks", &treating, off(), 200),
            ("the administrator masks", &administrator, on("MASQUE_PS"), 200),
            ("the administrator does not unmask", &administrator, off(), 403),
            ("the person unmasks", &person, off(), 200),
            ("the person hides nothing from herself", &person, on("INVISIBLE_PATIENT"), 403),
            ("nobody hides what the person saw", &author, on("INVISIBLE_PATIENT"), 403),
            ("nothing is hidden from representatives later", &author, on("INVISIBLE_REPRESENTANTS_LEGAUX"), 422),
            ("least of all by another", &other, on("INVISIBLE_REPRESENTANTS_LEGAUX"), 403),
            ("another deletes nothing", &other, json!([{"op": "replace", "path": "/status", "value": "entered-in-error"}]), 403),
            (
                "the person deletes nothing of others",
                &person,
                json!([{"op": "replace", "path": "/status", "value": "entered-in-error"}]),
                403,
            ),
            ("a status that is none", &author, json!([{"op": "replace", "path": "/status", "value": "gone"}]), 422),
            ("a label that is none", &author, json!([{"op": "replace", "path": "/securityLabel/9", "value": "N"}]), 422),
            ("a test that fails", &author, json!([{"op": "test", "path": "/status", "value": "superseded"}]), 422),
        ];
        for (what, who, operations, expected) in rows {
            if what.starts_with("nobody hides") {
                assert_eq!(server.get(&holder(&me), &format!("DocumentReference/{letter}")).status, 200);
            }
            assert_eq!(patch(who, &letter, &operations), expected, "{what}");
        }
        let fresh = deposited(2);
        assert_eq!(patch(&author, &fresh, &on("INVISIBLE_PATIENT")), 200, "before the person first saw it");
        assert_eq!(server.get(&holder(&me), &format!("DocumentReference/{fresh}")).status, 404);
        assert_eq!(patch(&author, &fresh, &on("MASQUE_PS")), 422, "both do not stand together");
        assert_eq!(patch(&person, &fresh, &off()), 404);
        assert_eq!(patch(&author, &fresh, &off()), 200);
        assert_eq!(server.get(&holder(&me), &format!("DocumentReference/{fresh}")).status, 200);
        let archive = json!([{"op": "add", "path": "/extension", "value": [{"url": "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived", "valueBoolean": true}]}]);
        assert_eq!((patch(&other, &fresh, &archive), patch(&structure(HOSPITAL), &fresh, &archive)), (403, 200));
        let archived = |value: &str| server.get(&holder(&me), &format!("DocumentReference?isArchived={value}")).matches();
        assert_eq!((archived("true"), archived("false")), (vec![fresh.clone()], vec![letter.clone()]));
        let delete = json!([{"op": "replace", "path": "/status", "value": "entered-in-error"}]);
        assert_eq!(patch(&structure(HOSPITAL), &fresh, &delete), 200);
        for who in [&holder(&me), &author, &treating, &structure(HOSPITAL)] {
            assert_eq!(server.get(who, &format!("DocumentReference/{fresh}")).status, 404, "deleted for everybody");
        }
    });
}

#[test]
fn labels_at_deposit() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = ins(1);
        server.create(&service("operator"), &patient(&me)).expect(201);
        let both = document(&me, "11490-0", 1).masked().hidden().json();
        assert_eq!(server.create(&structure(HOSPITAL), &both).issue().1, "DocumentReference.securityLabel");
        let own = document(&me, "EXPPAT_2", 2).hidden().json();
        assert_eq!(server.create(&holder(&me), &own).status, 422, "nobody hides a document from oneself");
        let mut secret = professional(5, "10");
        secret["secret"] = true.into();
        assert_eq!(server.create(&secret, &document(&me, "11490-0", 3).json()).status, 422, "a secret connection deposits in secret");
        server.create(&holder(&me), &consent(&me, "default-masking", "permit", Value::Null)).expect(201);
        let masked = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 4).json()).expect(201);
        assert!(masked["securityLabel"].to_string().contains("MASQUE_PS"), "masked by default");
        let foreign = document(&me, "11490-0", 5).with("securityLabel", json!([{"coding": [{"system": "urn:x", "code": "NOPAT"}]}])).json();
        let foreign = server.create(&structure(HOSPITAL), &foreign).expect(201);
        assert_eq!(
            server.get(&holder(&me), &format!("DocumentReference/{}", foreign["id"].as_str().unwrap())).status,
            404,
            "whatever the system"
        );
    });
}

/// The visibility labels of a document as answered.
fn labels(document: &Value) -> Vec<String> {
    let all = document["securityLabel"].as_array().cloned().unwrap_or_default();
    let codes = all.iter().map(|label| label["coding"][0]["code"].as_str().unwrap().to_owned());
    codes.filter(|code| code != "N").collect()
}

#[test]
fn a_replacement_is_seen_by_no_more_than_what_it_replaces() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (me, lina) = (ins(1), crate::support::build::minor_ins(1));
        for person in [&me, &lina] {
            server.create(&service("operator"), &patient(person)).expect(201);
        }
        let mut number = 0;
        let mut deposit = |of: &str, label: &str, replaces: &[&str]| {
            number += 1;
            let mut one = document(of, "11490-0", number);
            if !label.is_empty() {
                one = one.labelled(label);
            }
            if !replaces.is_empty() {
                let relation = |id: &&str| json!({"code": "replaces", "target": {"reference": format!("DocumentReference/{id}")}});
                one = one.with("relatesTo", replaces.iter().map(relation).collect());
            }
            server.create(&structure(HOSPITAL), &one.json())
        };
        let rows = [
            (&me, "MASQUE_PS", "", vec!["MASQUE_PS"]),
            (&me, "INVISIBLE_PATIENT", "", vec!["INVISIBLE_PATIENT"]),
            (&me, "NOPAT", "", vec!["INVISIBLE_PATIENT"]),
            (&me, "INVISIBLE_PATIENT", "INVISIBLE_PATIENT", vec!["INVISIBLE_PATIENT"]),
            (&me, "", "", vec![]),
            (&lina, "INVISIBLE_REPRESENTANTS_LEGAUX", "", vec!["INVISIBLE_REPRESENTANTS_LEGAUX"]),
            (&lina, "INVISIBLE_REPRESENTANTS_LEGAUX", "MASQUE_PS", vec!["MASQUE_PS", "INVISIBLE_REPRESENTANTS_LEGAUX"]),
        ];
        for (of, former, new, expected) in rows {
            let replaced = deposit(of, former, &[]).id();
            let next = deposit(of, new, &[&replaced]).expect(201);
            assert_eq!(labels(&next), expected, "{former} {new}");
            if former == "INVISIBLE_PATIENT" {
                let path = format!("DocumentReference/{}", next["id"].as_str().unwrap());
                assert_eq!(server.get(&holder(of), &path).status, 404, "not announced by being replaced");
            }
        }
        // What does not stand together does not either when one of them is inherited.
        let (masked, hidden) = (deposit(&me, "MASQUE_PS", &[]).id(), deposit(&me, "INVISIBLE_PATIENT", &[]).id());
        for (label, replaces) in [("INVISIBLE_PATIENT", vec![&masked]), ("MASQUE_PS", vec![&hidden]), ("", vec![&masked, &hidden])] {
            let replaces: Vec<&str> = replaces.iter().map(|id| id.as_str()).collect();
            let answer = deposit(&me, label, &replaces);
            assert_eq!((answer.status, answer.issue().1.as_str()), (422, "DocumentReference.securityLabel"), "{label}");
        }
        assert_eq!(server.get(&structure(HOSPITAL), &format!("DocumentReference/{masked}")).expect(200)["status"], "current");
        // A person's default mask refuses no deposit, and is not laid over what is hidden from the person.
        server.create(&holder(&me), &consent(&me, "default-masking", "permit", Value::Null)).expect(201);
        assert_eq!(labels(&deposit(&me, "", &[]).expect(201)), ["MASQUE_PS"]);
        assert_eq!(labels(&deposit(&me, "INVISIBLE_PATIENT", &[]).expect(201)), ["INVISIBLE_PATIENT"]);
        assert_eq!(labels(&deposit(&me, "", &[&hidden]).expect(201)), ["INVISIBLE_PATIENT"]);
        // Of age, nothing is hidden from representatives any more.
        let secret = deposit(&lina, "INVISIBLE_REPRESENTANTS_LEGAUX", &[]).id();
        server.advance("P7Y");
        assert_eq!(labels(&deposit(&lina, "", &[&secret]).expect(201)), Vec::<String>::new());
    });
}

/// Several visibilities in one label are as many labels: what takes one off, or time, which ends the announcement, leaves the others.
#[test]
fn a_label_that_ends_takes_no_other_with_it() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let lina = crate::support::build::minor_ins(1);
        server.create(&service("operator"), &patient(&lina)).expect(201);
        let related = json!({"resourceType": "RelatedPerson", "active": true, "patient": person(&lina),
            "identifier": [person(&ins(20))["identifier"]]});
        server.create(&service("operator"), &related).expect(201);
        let (hospital, parent) = (structure(HOSPITAL), representative(&ins(20), &lina));
        let secret = |number: u32| {
            let codes = ["INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX", "R"].map(|code| json!({"code": code}));
            let one = document(&lina, "11490-0", number).with("securityLabel", json!([{"coding": codes}])).json();
            let answer = server.create(&hospital, &one).expect(201);
            assert_eq!(labels(&answer), ["INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX", "R"], "{answer}");
            format!("DocumentReference/{}", answer["id"].as_str().unwrap())
        };
        let (announced, archived, replaced) = (secret(1), secret(2), secret(3));
        let delete = json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
            {"name": "type", "valueCode": "delete"},
            {"name": "path", "valueString": "DocumentReference.securityLabel.where(coding.code = 'INVISIBLE_PATIENT')"}
        ]}]});
        server.fhir(&hospital, "PATCH", &announced, Some(&delete)).expect(200);
        server.advance("P1Y");
        server.fhir(&hospital, "PATCH", &archived, Some(&archiving())).expect(200);
        let relation = json!([{"code": "replaces", "target": {"reference": replaced}}]);
        server.create(&hospital, &document(&lina, "11490-0", 4).with("relatesTo", relation).json()).expect(201);
        for document in [&announced, &archived, &replaced] {
            let read = server.get(&hospital, document).expect(200);
            assert_eq!(labels(&read), ["INVISIBLE_REPRESENTANTS_LEGAUX", "R"], "{document}");
            assert_eq!(server.get(&parent, document).status, 404, "{document}");
        }
        // Of one label of a patch it must be clear what it says.
        let both = json!({"coding": [{"code": "N"}, {"code": "MASQUE_PS"}]});
        let patch = json!([{"op": "add", "path": "/securityLabel/-", "value": both}]);
        assert_eq!(server.fhir(&hospital, "PATCH", &archived, Some(&patch)).status, 422);
    });
}

#[test]
fn a_document_is_read_by_what_showed_it() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = ins(1);
        server.create(&service("operator"), &patient(&me)).expect(201);
        let deposit = |code: &str, number: u32| server.create(&structure(HOSPITAL), &document(&me, code, number).json()).id();
        let hide = |id: &str| {
            server.fhir(&structure(HOSPITAL), "PATCH", &format!("DocumentReference/{id}"), Some(&on("INVISIBLE_PATIENT"))).status
        };
        let person = holder(&me);
        let (letter, other, report, picture) = (deposit("11490-0", 1), deposit("11490-0", 2), deposit("34112-3", 3), deposit("18748-4", 4));
        // Finding others, or nothing, counting, and reading traces are no reading of the report.
        assert_eq!(server.get(&person, "DocumentReference?type=11490-0").matches().len(), 2);
        assert_eq!(server.get(&person, "DocumentReference?_count=1&type=11490-0").matches().len(), 1);
        assert_eq!(server.get(&person, "DocumentReference?_summary=count").expect(200)["total"], 4);
        let trace = server.get(&person, &format!("AuditEvent?entity=DocumentReference/{report}")).matches()[0].clone();
        server.get(&person, &format!("AuditEvent/{trace}")).expect(200);
        assert_eq!((hide(&letter), hide(&other), hide(&report)), (403, 403, 200));
        // A search that found several counts for each, but not for one that was hidden then.
        assert_eq!(server.get(&person, &format!("DocumentReference?_id={letter},{report},{picture}")).matches().len(), 2);
        let announce = server.fhir(&structure(HOSPITAL), "PATCH", &format!("DocumentReference/{report}"), Some(&off()));
        assert_eq!((announce.status, hide(&report), hide(&picture)), (200, 200, 403));
        // A content counts for its document.
        let fresh = deposit("11490-0", 5);
        let whole = server.get(&structure(HOSPITAL), &format!("DocumentReference/{fresh}")).expect(200);
        server.get(&person, whole["content"][0]["attachment"]["url"].as_str().unwrap());
        assert_eq!(hide(&fresh), 403);
    });
}
