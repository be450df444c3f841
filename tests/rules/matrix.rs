//! Rules 1 to 18: the matrix (order of 26 October 2023, R1111-46 CSP).

use std::collections::BTreeSet;

use ensemble::auth::{Claims, digest};
use ensemble::fhir::ResourceType;
use ensemble::filter::{Candidate, Envelope, Facts, HolderRow, HolderState, Right, RightKind};
use ensemble::policy::{Action, Caller, Decision, Policy};
use serde_json::{Value, json};

use crate::support::build::{INS, consent, document, holder, party, professional, psidnat, structure};
use crate::support::record::{HOSPITAL, content, finds, reads, with_letter, with_space};
use crate::support::{on_both, query};

/// 24 November 2026.
const NOW: i64 = 1_795_478_400_000_000;

fn policy() -> Policy {
    Policy::embedded(false, digest::sha256_hex).unwrap()
}

fn caller(system: &str, profession: &str) -> Caller {
    let (profession, profession_system) = (Some(profession.into()), Some(system.into()));
    let claims = Claims { sub: psidnat(1), kind: "professional".into(), profession, profession_system, ..Claims::default() };
    claims.caller().unwrap()
}

/// The types that a professional with a right consults, and those that it does not.
fn readable(policy: &Policy, caller: &Caller) -> (BTreeSet<String>, BTreeSet<String>) {
    let row = HolderRow {
        holder: 1,
        ins: "x".into(),
        former: String::new(),
        patient: "p".into(),
        state: Some(HolderState::Open),
        born: 0,
        settings: 0,
    };
    let (actor, source) = (caller.principal.clone(), "Consent/1".into());
    let right = Right { actor, kind: RightKind::RecordAccess, from: 0, until: i64::MAX, parts: String::new(), source };
    let facts = Facts { holder: Some(row), rights: vec![right] };
    let scope = policy.scope(caller, Action::Consult, ResourceType::DOCUMENT_REFERENCE, NOW);
    let may = |number: i16| {
        let envelope = Envelope {
            holder: 1,
            key: 1,
            resource: ResourceType::DOCUMENT_REFERENCE,
            id: "d".into(),
            version: 1,
            updated: NOW,
            doc_type: number,
            labels: 0,
            submitter: "S:1750000018".into(),
            parties: String::new(),
            first: 0,
        };
        let candidate = Candidate { envelope: &envelope, facts: &facts, index: None, follow: None, linked: &[], referring: None };
        matches!(scope.decide(&candidate), Decision::Permit(_))
    };
    let (yes, no): (Vec<_>, Vec<_>) = policy.matrix().types().all().iter().partition(|one| may(one.number));
    let codes = |all: Vec<&ensemble::policy::nomenclature::DocType>| all.into_iter().map(|one| one.code.clone()).collect();
    (codes(yes), codes(no))
}

fn set(codes: &[&str]) -> BTreeSet<String> {
    codes.iter().map(|code| (*code).to_owned()).collect()
}

#[test]
fn rule_001_a_physician_consults_every_type_but_the_proof_of_residence() {
    // Those that sources state; with the cells that follow from them, every one but a type that is no document's (E1762).
    let all = Policy::embedded(true, digest::sha256_hex).unwrap();
    let who = caller("TRE_G15", "10");
    assert_eq!(readable(&all, &who).1, set(&["ATTEST-RESID", "E1762"]));
    let (permitted, denied) = readable(&policy(), &who);
    assert!(permitted.len() >= 80 && denied.contains("ATTEST-RESID"), "{denied:?}");
}

#[test]
fn rule_002_an_optician_consults_twelve_types() {
    let (permitted, _) = readable(&policy(), &caller("TRE_G15", "28"));
    let twelve = [
        "47420-5",
        "78513-9",
        "83836-7",
        "DOCPAT02",
        "57828-6",
        "57832-8",
        "75468-9",
        "61357-0",
        "PRESC-ORTHOPTIE",
        "EXPPAT_1",
        "EXPPAT_2",
        "DOCPAT09",
    ];
    assert_eq!(permitted, set(&twelve));
}

#[test]
fn rule_004_005_006_007_008_the_cells_that_sources_state_hold() {
    let policy = policy();
    let nurse = ["83981-1", "47420-5", "11502-2", "15507-7", "56445-0", "PROT_ALD", "DOCPAT03", "DOCPAT05", "DOCPAT06"];
    let pharmacist = ["11502-2", "34749-2", "77436-4", "34112-3", "PROT_ALD"];
    let by_class = |classes: &[&str]| {
        let all = policy.matrix().types().all().iter().filter(|one| classes.contains(&one.class.as_str()));
        all.map(|one| one.code.clone()).collect::<Vec<_>>()
    };
    let owned = |codes: &[&str]| codes.iter().map(|code| (*code).to_owned()).collect::<Vec<_>>();
    let coordinator = [owned(&["15507-7", "BIL_AUTO", "34794-8", "34112-3", "11506-3", "89601-9"]), by_class(&["42"])].concat();
    let rows = [
        ("TRE_G15", "40", owned(&["80788-3", "75496-0", "83981-1", "83901-9", "68599-0"]), false),
        ("TRE_G15", "60", owned(&["75496-0", "68599-0", "83901-9", "68817-6", "89601-9"]), false),
        ("TRE_G15", "60", owned(&nurse), true),
        ("TRE_G15", "21", [owned(&pharmacist), by_class(&["42", "31"])].concat(), true),
        ("TRE_R85", "330", coordinator, false),
    ];
    for (system, profession, codes, expected) in rows {
        let (permitted, denied) = readable(&policy, &caller(system, profession));
        for code in codes {
            assert!(if expected { &permitted } else { &denied }.contains(&code), "{profession} {code}");
        }
    }
}

#[test]
fn rule_009_what_the_matrix_does_not_say_is_denied() {
    let policy = policy();
    for (system, profession) in [("TRE_G15", "999"), ("TRE_R94", "1"), ("TRE_R85", "10"), ("TRE_R95", "10")] {
        assert_eq!(readable(&policy, &caller(system, profession)).0, set(&[]), "{system} {profession}");
    }
}

#[test]
fn rule_003_012_015_a_type_that_is_not_for_the_profession_does_not_exist_for_it() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let report = server.create(&structure(HOSPITAL), &document(&me, "11502-2", 1).json()).id();
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(2)))).expect(201);
        let (optician, absent) = (professional(2, "28"), "01930000-0000-7000-8000-000000000000");
        let ask = |id: &str| server.get(&optician, &format!("DocumentReference/{id}"));
        assert_eq!((ask(&report).status, ask(&report).shape(&report)), (404, ask(absent).shape(absent)));
        assert_eq!(server.get(&optician, &content(&server, &structure(HOSPITAL), &report)).status, 404);
        let by_type = |code: &str| {
            let patient = format!("{INS}|{me}");
            server.get(&optician, &format!("DocumentReference{}", query(&[("patient.identifier", &patient), ("type", code)])))
        };
        let (hidden, nothing) = (by_type("11502-2").expect(200), by_type("18748-4").expect(200));
        assert_eq!((hidden["total"].as_i64(), hidden.get("entry")), (Some(0), None));
        assert_eq!((nothing["total"].as_i64(), nothing.get("entry")), (Some(0), None));
    });
}

#[test]
fn rule_010_a_profession_whose_column_is_not_in_force_consults_nothing() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        for (system, profession) in [("TRE_R85", "330"), ("TRE_R94", "41"), ("TRE_R95", "71")] {
            let who = json!({"kind": "professional", "id": psidnat(3), "profession": profession, "profession_system": system});
            server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(3)))).expect(201);
            // With a right it is answered (CONTRACT 4), and finds nothing.
            assert_eq!((finds(&server, &who, &me), reads(&server, &who, &letter)), ((200, vec![]), 404), "{system} {profession}");
        }
    });
}

#[test]
fn rule_011_both_addresses_of_loinc_are_one() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        for number in [1, 2] {
            server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(number)))).expect(201);
        }
        let other = json!({"coding": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_A04-Loinc/FHIR/TRE-A04-Loinc", "code": "11502-2"}]});
        let report = server.create(&structure(HOSPITAL), &document(&me, "11502-2", 1).with("type", other).json()).id();
        assert_eq!((reads(&server, &professional(1, "60"), &report), reads(&server, &professional(2, "28"), &report)), (200, 404));
    });
}

#[test]
fn rule_014_a_type_must_be_known_and_decides_the_class() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let typed = |codings: Value| document(&me, "11490-0", 1).with("type", json!({"coding": codings})).json();
        let rows = [
            json!([{"system": "http://loinc.org", "code": "99999-9"}]),
            json!([{"system": "urn:x", "code": "11490-0"}]),
            json!([{"system": "http://loinc.org", "code": "11490-0"}, {"system": "http://loinc.org", "code": "11502-2"}]),
        ];
        for codings in rows {
            let answer = server.create(&structure(HOSPITAL), &typed(codings.clone()));
            assert_eq!((answer.status, answer.issue().1.as_str()), (422, "DocumentReference.type"), "{codings}");
        }
        // Another class does not make it another document (CONTRACT 3): the type decides, and the answer says so.
        let class = json!([{"coding": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument", "code": "42"}]}]);
        let kept = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 2).with("category", class).json()).expect(201);
        assert_eq!(kept["category"][0]["coding"][0]["code"], "10");
    });
}

#[test]
fn rule_016_a_decision_names_its_rules_and_the_version_of_the_law() {
    let (policy, clock) = (policy(), ensemble::clock::Clock::default());
    assert_ne!(policy.version(), Policy::embedded(true, digest::sha256_hex).unwrap().version());
    let who = caller("TRE_G15", "10");
    let asked = ensemble::audit::Request {
        caller: &who,
        interaction: "read",
        resource: ResourceType::DOCUMENT_REFERENCE,
        target: "d".into(),
        query: String::new(),
        id: "r",
        law: policy.version(),
        reaches: false,
    };
    let happened = ensemble::audit::Happened { rules: vec!["R-0001".into()], ..Default::default() };
    let row = ensemble::audit::row(&asked, &clock, 200, &happened);
    assert_eq!((row.law.as_str(), row.rules.as_str()), (policy.version(), "R-0001"));
}
