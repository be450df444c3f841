//! P1: what a caller may not see changes nothing in what it is answered.

use serde_json::{Value, json};

use crate::support::build::{
    INS, collected, consent, document, holder, ins, party, patient, professional, psidnat, representative, service, structure,
};
use crate::support::{Backend, Server, on_both, query};

const HOSPITAL: &str = "1750000018";
const ABSENT: &str = "01930000-0000-7000-8000-000000000000";

#[test]
fn hidden_and_absent_answer_alike() {
    on_both(alike);
}

fn alike(backend: Backend) {
    let server = Server::empty(backend);
    let (me, other) = (ins(1), ins(2));
    for person in [&me, &other] {
        server.create(&service("operator"), &patient(person)).expect(201);
    }
    let patient_id = |ins: &str| {
        let found = server.get(&holder(ins), "Patient").matches();
        found[0].clone()
    };
    let (mine, others) = (patient_id(&me), patient_id(&other));
    for number in [1, 2] {
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(number)))).expect(201);
    }
    let right = server.create(&holder(&other), &consent(&other, "record-access", "permit", party(&psidnat(9))));
    let (right, masked, foreign, hidden) = (
        right.id(),
        server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).masked().json()).id(),
        server.create(&structure(HOSPITAL), &document(&other, "11490-0", 2).json()).id(),
        server.create(&structure(HOSPITAL), &document(&me, "11490-0", 3).hidden().json()).id(),
    );
    let whole = server.get(&structure(HOSPITAL), &format!("DocumentReference/{foreign}")).expect(200);
    let binary = whole["content"][0]["attachment"]["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let trace = server.get(&holder(&other), "AuditEvent?_count=1").matches()[0].clone();
    // What is recorded by a professional is told to the person.
    server.create(&professional(8, "10"), &collected(&other, "record-access", party(&psidnat(8)))).expect(201);
    let notice = server.get(&holder(&other), "Communication").matches().swap_remove(0);
    let deleted = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 4).json()).id();
    let delete = json!([{"op": "replace", "path": "/status", "value": "entered-in-error"}]);
    server.fhir(&structure(HOSPITAL), "PATCH", &format!("DocumentReference/{deleted}"), Some(&delete)).expect(200);

    let (physician, optician, stranger) = (professional(1, "10"), professional(2, "28"), professional(3, "10"));
    // Who, and what of which type is hidden from it.
    let cases: Vec<(Value, Vec<(&str, &str)>)> = vec![
        (
            physician.clone(),
            vec![
                ("DocumentReference", &masked),
                ("DocumentReference", &foreign),
                ("DocumentReference", &deleted),
                ("Binary", &binary),
                ("Patient", &others),
                ("Consent", &right),
                ("AuditEvent", &trace),
                ("Communication", &notice),
            ],
        ),
        (optician, vec![("DocumentReference", &masked), ("DocumentReference", &hidden), ("DocumentReference", &foreign)]),
        (stranger.clone(), vec![("DocumentReference", &hidden), ("Patient", &mine), ("Consent", &right), ("Binary", &binary)]),
        (structure(HOSPITAL), vec![("Binary", &binary), ("DocumentReference", &deleted), ("Communication", &notice)]),
        (structure("1690000027"), vec![("DocumentReference", &foreign), ("Binary", &binary)]),
        (
            holder(&me),
            vec![
                ("DocumentReference", &hidden),
                ("DocumentReference", &foreign),
                ("Patient", &others),
                ("AuditEvent", &trace),
                ("Consent", &right),
                ("Communication", &notice),
            ],
        ),
        (representative(&ins(5), &me), vec![("DocumentReference", &masked), ("Patient", &mine)]),
        (service("operator"), vec![("DocumentReference", &foreign), ("Binary", &binary), ("Consent", &right)]),
        (service("auditor"), vec![("DocumentReference", &foreign), ("Patient", &mine)]),
        (service("tester"), vec![("DocumentReference", &foreign), ("Patient", &mine), ("Binary", &binary)]),
        (
            json!({"kind": "application", "client": "app", "for": format!("{INS}|{me}"), "scope": "patient/*.rs"}),
            vec![("DocumentReference", &masked), ("Patient", &mine)],
        ),
    ];
    let mask = json!([{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "MASQUE_PS"}]}}]);
    let mut number = 0;
    for (who, hidden) in cases {
        for (kind, id) in hidden {
            // Another absent one each time: its traces must be as many as those of the hidden one.
            number += 1;
            let absent = format!("01930000-0000-7000-8000-{number:012}");
            let same = |method: &str, path: &dyn Fn(&str) -> String, body: Option<&Value>| {
                let (one, two) = (server.fhir(&who, method, &path(id), body), server.fhir(&who, method, &path(&absent), body));
                assert_eq!(one.shape(id), two.shape(&absent), "{who} {method} {}", path(id));
                one.status
            };
            assert_eq!(same("GET", &|id| format!("{kind}/{id}"), None), 404, "{who} {kind}");
            same("GET", &|id| format!("{kind}/{id}/_history/1"), None);
            same("GET", &|id| format!("{kind}/{id}/_history"), None);
            same("HEAD", &|id| format!("{kind}/{id}"), None);
            same("PATCH", &|id| format!("{kind}/{id}"), Some(&mask));
            same("GET", &|id| format!("{kind}?_id={id}&_total=accurate"), None);
            // An auditor sees everybody's traces: those of what exists are more.
            if who["kind"] != "auditor" {
                same("GET", &|id| format!("AuditEvent?entity={kind}/{id}&_total=accurate&_count=0"), None);
            }
            same("PUT", &|id| format!("{kind}/{id}"), Some(&json!({"resourceType": kind})));
        }
    }
    // A search that names somebody: the same refusal whether or not there is such a person.
    let unknown = ins(77);
    for path in ["DocumentReference", "Consent", "CareTeam", "RelatedPerson", "AuditEvent", "Communication"] {
        for parameter in ["patient.identifier", "patient:identifier"] {
            let ask = |ins: &str| server.get(&stranger, &format!("{path}{}", query(&[(parameter, &format!("{INS}|{ins}"))])));
            let (known, not) = (ask(&me), ask(&unknown));
            assert_eq!((known.status, known.shape(&me)), (403, not.shape(&unknown)), "{path} {parameter}");
        }
        let ask = |id: &str| server.get(&stranger, &format!("{path}?patient={id}"));
        assert_eq!(ask(&mine).shape(&mine), ask(ABSENT).shape(ABSENT), "{path}");
    }
    // TD3.1b is always answered.
    let by_identifier = |ins: &str| {
        let identifier = format!("urn:ietf:rfc:3986|urn:oid:1.2.250.1.999.3.{ins}.3");
        server.get(
            &stranger,
            &format!("DocumentReference{}", query(&[("patient.identifier", &format!("{INS}|{ins}")), ("identifier", &identifier)])),
        )
    };
    assert_eq!((by_identifier(&me).status, by_identifier(&me).shape(&me)), (200, by_identifier(&unknown).shape(&unknown)));
    // Its own traces tell the stranger nothing either: every question above left as many for me as for the unknown.
    let own = server.get(&stranger, "AuditEvent?_count=200").expect(200);
    for entry in own["entry"].as_array().unwrap().iter().filter(|entry| entry["resource"]["outcome"] != "0") {
        let entities = entry["resource"]["entity"].as_array().unwrap();
        assert!(entities.iter().all(|entity| entity["role"]["code"] != "1"), "no patient is named: {entry}");
        assert!(entry["resource"]["agent"][0].get("policy").is_none(), "no rule is named: {entry}");
    }
    let own = own.to_string();
    let count = |ins: &str| own.matches(&base64(&format!("patient.identifier={}%7C{ins}", INS.replace(':', "%3A")))).count();
    assert_eq!(count(&me), count(&unknown));
    // A deposit does not say why there is no record.
    let (one, two) = (
        server.create(&professional(1, "10"), &document(&unknown, "11490-0", 1).json()),
        server.create(&professional(1, "10"), &document("280037511000000", "11490-0", 1).json()),
    );
    assert_eq!((one.status, one.text()), (422, two.text()));
    // What testers keep is theirs alone.
    let kept = server.create(&service("tester"), &json!({"resourceType": "Patient", "identifier": [{"system": INS, "value": me}]}));
    kept.expect(201);
    assert_eq!(server.get(&service("operator"), &format!("Patient/{}", kept.id())).status, 404);
    assert_eq!(server.get(&service("tester"), "Patient").matches(), [kept.id()]);
}

/// The start of a query as AuditEvent holds it, cut where base64 of another start would differ.
fn base64(text: &str) -> String {
    use base64::Engine;
    let whole = base64::engine::general_purpose::STANDARD.encode(format!("Consent?{text}"));
    whole[..whole.len() - 4].to_owned()
}

#[test]
fn conditional_patch_and_chains_stay_in_the_callers_scope() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = ins(1);
        server.create(&service("operator"), &patient(&me)).expect(201);
        server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json()).expect(201);
        let archive = json!([{"op": "replace", "path": "/status", "value": "superseded"}]);
        let path = |number: u32| {
            format!("DocumentReference{}", query(&[("identifier", &format!("urn:ietf:rfc:3986|urn:oid:1.2.250.1.999.3.{me}.{number}"))]))
        };
        let stranger = professional(3, "10");
        let (hidden, absent) =
            (server.fhir(&stranger, "PATCH", &path(1), Some(&archive)), server.fhir(&stranger, "PATCH", &path(9), Some(&archive)));
        assert_eq!((hidden.status, hidden.text()), (404, absent.text()));
        server.fhir(&structure(HOSPITAL), "PATCH", &path(1), Some(&archive)).expect(200);
        assert_eq!(server.fhir(&structure(HOSPITAL), "PATCH", "DocumentReference?status=current", Some(&archive)).status, 400);
        // A chain through a Patient the structure may not see finds nothing, whatever is asked.
        let chained = |family: &str| {
            let patient = format!("{INS}|{me}");
            server
                .get(
                    &structure(HOSPITAL),
                    &format!("DocumentReference{}", query(&[("patient.identifier", &patient), ("patient.family", family)])),
                )
                .matches()
        };
        assert_eq!((chained("Exemple").len(), chained("Autre").len()), (0, 0));
    });
}

#[test]
fn a_conditional_patch_tells_nothing_through_chains() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (me, other) = (ins(1), ins(2));
        for person in [&me, &other] {
            let mut space = patient(person);
            space["telecom"] = json!([{"system": "phone", "value": "0612345678"}]);
            server.create(&service("operator"), &space).expect(201);
        }
        let space = server.get(&holder(&other), "Patient").matches()[0].clone();
        let secret = server.create(&structure(HOSPITAL), &document(&other, "68599-0", 3).masked().json()).id();
        let who = professional(7, "10");
        let author = json!([{"reference": format!("Patient/{space}")}]);
        let related = json!({"related": [{"reference": format!("DocumentReference/{secret}")}]});
        let own = document(&me, "11490-0", 1).with("author", author).with("context", related).json();
        server.create(&who, &own).expect(201);
        let test = json!([{"op": "test", "path": "/status", "value": "current"}]);
        let identifier = format!("urn:ietf:rfc:3986|urn:oid:1.2.250.1.999.3.{me}.1");
        let ask = |pairs: &[(&str, &str)]| {
            let mut all = vec![("identifier", identifier.as_str())];
            all.extend(pairs);
            server.fhir(&who, "PATCH", &format!("DocumentReference{}", query(&all)), Some(&test))
        };
        assert_eq!(ask(&[]).status, 200);
        let none = server.fhir(&who, "PATCH", &format!("DocumentReference{}", query(&[("identifier", "urn:x|absent")])), Some(&test));
        for (chain, right, wrong) in [
            ("patient.phone", "0612345678", "0699999999"),
            ("patient.family", "Exemple", "Autre"),
            ("patient.birthdate", "1980-03-14", "1981-01-01"),
            ("author:Patient.phone", "0612345678", "0699999999"),
            ("author:Patient.identifier", &format!("{INS}|{other}"), &format!("{INS}|{me}")),
            ("related:DocumentReference.type", "68599-0", "11490-0"),
            ("related:DocumentReference.security-label", "MASQUE_PS", "N"),
        ] {
            for value in [right, wrong] {
                let answer = ask(&[(chain, value)]);
                assert_eq!((answer.status, answer.text()), (404, none.text()), "{chain} {value}");
            }
        }
    });
}
