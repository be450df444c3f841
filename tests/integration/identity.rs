//! Who somebody is changes, the holder does not: an operator's PUT of a Patient, a NIA replaced by a NIR, and merged Patients
//! (CONTRACT 3, The space; FHIR R4 patient.html#links).

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::build::{INS, consent, document, holder, ins, party, patient, professional, psidnat, service, structure};
use crate::support::cda::cda;
use crate::support::record::{HOSPITAL, deletion, finds, patches};
use crate::support::{Server, on_both, query};

const DEMO: &str = "urn:oid:1.2.250.1.213.1.4.11";
const NIR: &str = "urn:oid:1.2.250.1.213.1.4.8";
const NIA: &str = "urn:oid:1.2.250.1.213.1.4.9";

fn put(server: &Server, who: &Value, headers: &[(&str, &str)], space: &Value) -> Answer {
    let path = format!("Patient/{}", space["id"].as_str().unwrap());
    let headers = [&[("content-type", "application/fhir+json")], headers].concat();
    server.fhir_with(who, "PUT", &path, &headers, Some(space.to_string().as_bytes()))
}

/// The Patient as the operator reads it, with another INS.
fn renumbered(server: &Server, id: &str, system: &str, value: &str) -> Value {
    let mut space = server.get(&service("operator"), &format!("Patient/{id}")).expect(200);
    space["identifier"] = json!([{"use": "official", "system": system, "value": value}]);
    space
}

/// The Patient as the operator reads it, replaced by another.
fn merged(server: &Server, id: &str, into: &str) -> Value {
    let mut space = server.get(&service("operator"), &format!("Patient/{id}")).expect(200);
    space["link"] = json!([{"other": {"reference": format!("Patient/{into}")}, "type": "replaced-by"}]);
    space
}

fn by_ins(token: &str) -> Value {
    json!({"kind": "holder", "ins": token})
}

/// The ids that TD0.2 finds.
fn told(server: &Server, token: &str) -> Vec<String> {
    server.get(&professional(9, "60"), &format!("Patient{}", query(&[("identifier", token)]))).matches()
}

#[test]
fn a_former_ins_keeps_leading_to_the_holder() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (me, next) = (ins(7), ins(8));
        let (old, new) = (format!("{INS}|{me}"), format!("{DEMO}|{next}"));
        let id = server.create(&service("operator"), &patient(&me)).id();
        let (person, physician) = (holder(&me), professional(1, "10"));
        server.create(&person, &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let letter = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json()).id();
        let note = server.create(&person, &document(&me, "EXPPAT_1", 2).json()).id();
        // Asked: the Patient again, with another INS. Answered: the next version, in which the former one is old.
        let mut space = renumbered(&server, &id, DEMO, &next);
        space["active"] = false.into();
        space["telecom"] = json!([{"system": "phone", "value": "0612345678"}]);
        let answer = put(&server, &service("operator"), &[("if-match", "W/\"1\"")], &space).expect(200);
        let identifiers = json!([{"use": "official", "system": DEMO, "value": next}, {"system": INS, "value": me, "use": "old"}]);
        assert_eq!((&answer["identifier"], &answer["active"], &answer["meta"]["versionId"]), (&identifiers, &true.into(), &"2".into()));
        let history = server.get(&service("operator"), &format!("Patient/{id}/_history")).expect(200);
        let of = |at: usize| history["entry"][at]["resource"]["identifier"].as_array().unwrap().len();
        assert_eq!((of(0), of(1), history["entry"].as_array().unwrap().len()), (2, 1, 2), "the history is kept");
        // Written back as it was read, it changes nothing of who it is.
        let again = server.get(&service("operator"), &format!("Patient/{id}")).expect(200);
        assert_eq!(put(&server, &service("operator"), &[], &again).expect(200)["identifier"], identifiers);

        let both = vec![letter.clone(), note.clone()];
        for token in [&old, &new] {
            assert_eq!(told(&server, token), std::slice::from_ref(&id), "TD0.2 {token}");
            let found = server.get(&service("operator"), &format!("Patient{}", query(&[("identifier", token)])));
            assert_eq!(found.matches(), std::slice::from_ref(&id), "{token}");
            for who in [&physician, &by_ins(token)] {
                let mut found = server.get(who, &format!("DocumentReference{}", query(&[("patient.identifier", token)]))).matches();
                found.sort();
                let expected = if *who == physician { vec![letter.clone()] } else { both.clone() };
                assert!(expected.iter().all(|one| found.contains(one)), "{token} {found:?}");
                assert_eq!(server.get(who, &format!("DocumentReference/{letter}")).status, 200, "{token}");
            }
            for path in ["Patient", "Consent", "DocumentReference", "AuditEvent"] {
                assert!(!server.get(&by_ins(token), path).matches().is_empty(), "{path} {token}");
            }
            // What was sent before, sent again, is what was deposited then, by whichever INS the person comes.
            assert_eq!(server.create(&by_ins(token), &document(&me, "EXPPAT_1", 2).json()).id(), note, "{token}");
            let (system, value) = token.split_once('|').unwrap();
            let mut more = document(&me, "11490-0", if token == &old { 3 } else { 4 }).json();
            more["subject"]["identifier"] = json!({"system": system, "value": value});
            let stored = server.create(&structure(HOSPITAL), &more).expect(201);
            let subject = json!({"identifier": {"system": system, "value": value}, "reference": format!("Patient/{id}")});
            assert_eq!(stored["subject"]["identifier"], subject["identifier"]);
            assert!(stored["subject"]["reference"].as_str().unwrap().ends_with(&format!("Patient/{id}")), "{stored}");
            let mut right = consent(&me, "record-access", "permit", party(&psidnat(5)));
            right["patient"]["identifier"] = json!({"system": system, "value": value});
            server.create(&by_ins(token), &right).expect(201);
        }
        // A clinical document from before names the person as it was known then.
        server.create(&structure(HOSPITAL), &cda(&me, 5).push()).expect(201);
        let before = server.get(&physician, &format!("DocumentReference/{letter}")).expect(200);
        assert_eq!(before["subject"]["identifier"], json!({"system": INS, "value": me}), "what was written stays");
        // The person is the author, whichever INS the token has.
        assert_eq!(patches(&server, &person, &note, &deletion()), 200);
        // Nobody else takes either of them, and it goes on being the person's only.
        for (system, value) in [(INS, &me), (DEMO, &next)] {
            let mut other = patient(value);
            other["identifier"][0]["system"] = system.into();
            assert_eq!(server.create(&service("operator"), &other).issue().0, "conflict", "{system}");
            assert_eq!(server.create(&service("operator"), &other).status, 409, "{system}");
        }
    });
}

#[test]
fn what_an_operator_may_not_change_of_a_person() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let space = |number: u32, system: &str| {
            let mut value = patient(&ins(number));
            value["identifier"][0]["system"] = system.into();
            server.create(&service("operator"), &value).id()
        };
        let (waiting, numbered, other) = (space(1, NIA), space(2, NIR), space(3, NIA));
        put(&server, &service("operator"), &[], &renumbered(&server, &other, NIR, &ins(4))).expect(200);
        let reliability = json!([{"url": "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability",
            "extension": [{"url": "identityStatus", "valueCoding": {"code": "PROV"}}]}]);
        let as_it_is = |id: &str| server.get(&service("operator"), &format!("Patient/{id}")).expect(200);
        let with = |id: &str, name: &str, value: Value| {
            let mut space = as_it_is(id);
            space[name] = value;
            space
        };
        let with_old =
            |value: &str| json!([{"use": "official", "system": NIR, "value": ins(4)}, {"use": "old", "system": NIA, "value": value}]);
        let bad_key = ins(5).replace(&ins(5)[13..], if ins(5).ends_with("00") { "01" } else { "00" });
        let renumber = |id: &str, system: &str, number: u32| renumbered(&server, id, system, &ins(number));
        let identifier = "Patient.identifier";
        let rows = [
            (renumber(&waiting, NIR, 2), 409, ""),
            (renumber(&waiting, NIR, 4), 409, ""),
            (renumber(&waiting, NIA, 3), 422, identifier),
            (renumber(&waiting, NIA, 5), 422, identifier),
            (renumber(&numbered, NIR, 5), 422, identifier),
            (renumber(&numbered, NIA, 5), 422, identifier),
            (renumber(&numbered, INS, 5), 422, identifier),
            (renumber(&other, NIA, 3), 422, identifier),
            (renumbered(&server, &waiting, NIR, &bad_key), 422, "Patient.identifier[0]"),
            (with(&waiting, "identifier", json!([])), 422, identifier),
            (with(&waiting, "identifier", json!([{"system": "urn:x", "value": "1"}])), 422, identifier),
            (with(&other, "identifier", with_old(&ins(5))), 422, "Patient.identifier[1]"),
            (with(&waiting, "extension", reliability), 422, "Patient.extension"),
            (with(&waiting, "birthDate", "1980".into()), 422, "Patient.birthDate"),
        ];
        for (space, status, place) in rows {
            let id = space["id"].as_str().unwrap().to_owned();
            let before = as_it_is(&id);
            let answer = put(&server, &service("operator"), &[], &space);
            assert_eq!(answer.status, status, "{space} {}", answer.text());
            assert!(place.is_empty() || answer.json()["issue"][0]["expression"][0] == place, "{}", answer.text());
            assert_eq!(as_it_is(&id), before, "nothing is stored of {space}");
        }
        // An INS of another that was refused has become nobody's former one, and the NIR comes as it should.
        put(&server, &service("operator"), &[("if-match", "W/\"7\"")], &renumber(&waiting, NIR, 5)).expect(412);
        put(&server, &service("operator"), &[("if-match", "W/\"1\"")], &renumber(&waiting, NIR, 5)).expect(200);
        assert_eq!(
            (told(&server, &format!("{NIA}|{}", ins(1))), told(&server, &format!("{NIA}|{}", ins(5)))),
            (vec![waiting.clone()], vec![])
        );
        // The sex and the month are compared as at creation, and what only the server says is not the client's.
        let extension =
            json!([{"url": "https://interop.esante.gouv.fr/ig/fhir/dmp/StructureDefinition/dmp-rattachement-mes", "valueBoolean": true}]);
        let mut odd = with(&waiting, "extension", extension);
        odd["gender"] = "male".into();
        let answer = put(&server, &service("operator"), &[("prefer", "return=OperationOutcome")], &odd).expect(200);
        assert!(answer.to_string().contains("Patient.gender"), "{answer}");
        assert!(!as_it_is(&waiting).to_string().contains("dmp-rattachement-mes"));
        // Others do not write it, whatever they see; and none is made so.
        let mine = holder(&ins(6));
        let own = server.create(&service("operator"), &patient(&ins(6))).id();
        server.create(&mine, &consent(&ins(6), "record-access", "permit", party(&psidnat(1)))).expect(201);
        for who in [mine, professional(1, "10"), structure(HOSPITAL), service("auditor")] {
            assert_eq!(put(&server, &who, &[], &as_it_is(&own)).status, 403, "{who}");
        }
        let absent = with(&own, "id", "01930000-0000-7000-8000-000000000001".into());
        assert_eq!(put(&server, &service("operator"), &[], &absent).status, 404);
        let path = format!("Patient/{waiting}");
        assert_eq!(server.fhir(&service("operator"), "PUT", &path, Some(&as_it_is(&own))).status, 400, "another id");
        let path = format!("Patient{}", query(&[("identifier", &format!("{INS}|{}", ins(6)))]));
        assert_eq!(server.fhir(&service("operator"), "PUT", &path, Some(&as_it_is(&own))).status, 405);
    });
}

#[test]
fn a_replaced_patient_is_suspended_for_everybody() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let operator = service("operator");
        let (me, twin, third) = (ins(1), ins(2), ins(3));
        let [id, into, last] = [&me, &twin, &third].map(|one| server.create(&operator, &patient(one)).id());
        let physician = professional(1, "10");
        for one in [&me, &twin] {
            server.create(&holder(one), &consent(one, "treating-physician", "permit", party(&psidnat(1)))).expect(201);
        }
        let letter = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json()).id();
        let mut announced = patient(&ins(4));
        announced.as_object_mut().unwrap().remove("active");
        let announced = server.create(&operator, &announced).id();
        let link = |id: &str, other: Value, kind: &str| {
            let mut space = server.get(&operator, &format!("Patient/{id}")).expect(200);
            space["link"] = json!([{"other": other, "type": kind}]);
            space
        };
        let unknown = json!({"reference": "Patient/01930000-0000-7000-8000-000000000001"});
        let to = |id: &str| json!({"reference": format!("Patient/{id}")});
        let refused = |space: &Value, place: &str| {
            let answer = put(&server, &operator, &[], space);
            assert_eq!((answer.status, &answer.json()["issue"][0]["expression"][0]), (422, &Value::from(place)), "{space}");
        };
        let other = "Patient.link[0].other";
        for (space, place) in [
            (link(&id, unknown.clone(), "replaced-by"), other),
            (link(&id, unknown, "replaces"), other),
            (link(&id, to(&id), "replaced-by"), other),
            (link(&id, json!({"identifier": {"system": INS, "value": twin}}), "replaced-by"), other),
            (link(&announced, to(&into), "replaced-by"), "Patient.link"),
        ] {
            refused(&space, place);
        }
        let mut at_birth = patient(&ins(5));
        at_birth["link"] = json!([{"other": to(&into), "type": "replaced-by"}]);
        assert_eq!(server.create(&operator, &at_birth).status, 422, "a new Patient is not replaced");
        assert_eq!(finds(&server, &physician, &me), (200, vec![letter.clone()]), "nothing has changed");

        let done = put(&server, &operator, &[], &merged(&server, &id, &into)).expect(200);
        assert_eq!((&done["active"], &done["link"][0]["type"]), (&false.into(), &"replaced-by".into()));
        let state = server.get(&operator, &format!("Patient/{id}")).expect(200).to_string();
        assert!(state.contains("\"valueCode\":\"suspended\""), "{state}");
        put(&server, &operator, &[], &link(&into, to(&id), "replaces")).expect(200);
        // Nobody consults, deposits or gives a right there, and nothing of it is the other's now.
        for who in [&physician, &holder(&me), &structure(HOSPITAL)] {
            assert_ne!(server.get(who, &format!("DocumentReference/{letter}")).status, 200, "{who}");
        }
        assert_eq!(finds(&server, &physician, &twin), (200, vec![]));
        let unknown = server.create(&structure(HOSPITAL), &document(&ins(99), "11490-0", 2).json());
        let refusal = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 2).json());
        assert_eq!((refusal.status, refusal.issue()), (422, unknown.issue()), "as of any record that takes nothing");
        assert_eq!(server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(3)))).status, 422);
        let status = server.get(&physician, &format!("Patient{}", query(&[("identifier", &format!("{INS}|{me}"))]))).expect(200);
        let entry = &status["entry"][0]["resource"];
        assert_eq!((&entry["active"], &entry["link"]), (&false.into(), &Value::Null), "identity and status only");
        let own = server.get(&holder(&me), &format!("Patient/{id}")).expect(200);
        assert_eq!((&own["active"], &own["link"]), (&false.into(), &done["link"]), "whoever reads the Patient reads what became of it");
        assert_eq!(server.get(&physician, &format!("Patient/{id}")).status, 404);
        assert_eq!(server.get(&physician, &format!("Patient/{into}")).status, 200);
        // It stays so, goes to nobody else, and none goes round.
        refused(&link(&into, to(&id), "replaced-by"), other);
        refused(&link(&last, to(&id), "replaced-by"), other);
        refused(&merged(&server, &id, &last), "Patient.link");
        let mut without = server.get(&operator, &format!("Patient/{id}")).expect(200);
        without.as_object_mut().unwrap().remove("link");
        refused(&without, "Patient.link");
        refused(&renumbered(&server, &id, DEMO, &ins(6)), "Patient.identifier");
        // A row may go on: the one that replaces is replaced in turn.
        put(&server, &operator, &[], &merged(&server, &into, &last)).expect(200);
        refused(&link(&last, to(&id), "replaced-by"), other);
        assert_eq!(server.get(&operator, &format!("Patient/{last}")).expect(200)["active"], true);
    });
}
