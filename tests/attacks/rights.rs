//! Lines 49 to 51: whose record it is, emergencies, and every combination of profession, type and mask.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::ask::{get, in_every_way};
use super::world::{Twins, Way};
use crate::support::answer::Answer;
use crate::support::build::{
    INS, consent, document, holder, ins, minor_ins, party, patient, professional, psidnat, representative, service, structure,
};
use crate::support::record::HOSPITAL;
use crate::support::{Server, on_both};

/// Any patient who is logged in reads all by changing the id (A. Knight, "Playing with FHIR": four million records, three of five
/// interfaces; node-fhir-server-core #18).
#[test]
fn attack_49_another_id() {
    in_every_way(|twins, way| {
        // Two who are logged in: a person of the same server, and one who has no record.
        let logged_in = [holder(&ins(if way == Way::Barred { 1 } else { 2 })), holder(&ins(60))];
        for who in logged_in {
            for path in [
                "Patient/{of}",
                "Patient/{of}/_history",
                "Patient/{of}/*",
                "Patient/{of}/DocumentReference",
                "Patient?_id={of}",
                "Patient?identifier={INS}",
                "DocumentReference/{hidden}",
                "DocumentReference?patient={of}",
                "DocumentReference?patient.identifier={INS}",
                "DocumentReference?_id={hidden}",
                "DocumentReference?identifier={master}",
                "Binary/{hidden-content}",
                "Consent/{right}",
                "Consent?patient={of}",
                "CareTeam/{team}",
                "RelatedPerson/{relative}",
                "RelatedPerson?patient={of}",
                "AuditEvent/{trace}",
                "AuditEvent?patient={of}",
            ] {
                // The same as for a person and ids that there are none of: in the twin of a foreign record there are none.
                let answer = twins.alike_to(way, &who, &get(path));
                let nothing = match answer.status {
                    200 => answer.json()["entry"].as_array().is_none_or(|all| all.iter().all(|one| one["search"]["mode"] == "outcome")),
                    status => matches!(status, 403 | 404),
                };
                assert!(nothing, "{who} {path}: {} {}", answer.status, answer.text());
            }
        }
        let own = twins.send(0, way, &holder(&way.of()), &get("DocumentReference/{hidden}"));
        assert_eq!(own.status, 200, "the person reads her own");
    });
}

/// Break-glass and SAMU: without a reason, wider than the person asked about, or untraced.
#[test]
fn attack_50_break_glass() {
    on_both(|backend| {
        let twins = Twins::start(backend);
        let (way, server) = (Way::Masked, twins.servers()[0]);
        let mut doctor = professional(40, "10");
        doctor["purpose"] = "bris_de_glace".into();
        let answer = server.send("POST", "/sandbox/token", &[], Some(doctor.to_string().as_bytes()));
        assert_eq!(answer.status, 400, "without a reason there is no token: {}", answer.text());
        doctor["reason"] = "inconscient".into();
        let mut samu = professional(41, "10");
        samu["purpose"] = "centre_15".into();
        assert_eq!(server.send("POST", "/sandbox/token", &[], Some(samu.to_string().as_bytes())).status, 400, "only in regulation");
        samu["regulation"] = true.into();
        let mut optician = professional(42, "28");
        optician["purpose"] = "bris_de_glace".into();
        optician["reason"] = "x".into();
        for who in [&doctor, &samu] {
            // One person, who is named; masked documents are not among them.
            let own = twins.send(0, way, who, &get("DocumentReference?patient={own}&_count=100")).matches();
            assert!(own.contains(&twins.id(way, "seen")) && !own.contains(&twins.id(way, "hidden")));
            twins.alike_to(way, who, &get("DocumentReference/{hidden}"));
            twins.alike_to(way, who, &get("DocumentReference?patient={own}&_total=accurate&_count=1"));
            // Never a population.
            assert_eq!(server.get(who, "DocumentReference").status, 400);
            assert_eq!(server.get(who, "Patient").matches(), Vec::<String>::new());
            let chained = server.get(who, "Practitioner?_has:DocumentReference:author:type=11490-0,47420-5").matches();
            assert_eq!(chained, Vec::<String>::new());
            // The matrix applies, and the person sees who came, and why.
            let traces = server.get(&holder(&way.own()), &format!("AuditEvent?agent:identifier={}&_count=50", who["id"].as_str().unwrap()));
            let text = traces.text();
            assert!(!traces.matches().is_empty() && text.contains(if who == &doctor { "BTG" } else { "ETREAT" }), "{text}");
        }
        let letters = |who: &Value| twins.send(0, Way::Barred, who, &get("DocumentReference?patient={own}&type=11490-0")).matches();
        assert_eq!((letters(&optician).len(), letters(&doctor).len()), (0, 2));
        // Where the person opposes it nothing is left, and it looks as for somebody who is not there.
        server.create(&holder(&way.own()), &consent(&way.own(), "break-glass", "deny", Value::Null)).expect(201);
        let of = |id: &str| server.get(&doctor, &format!("DocumentReference?patient={id}"));
        let (mine, absent) = (twins.id(way, "own"), "01930000-0000-7000-8000-000000000077");
        assert_eq!(of(&mine).shape(&mine), of(absent).shape(absent));
        assert_eq!(server.get(&doctor, &format!("DocumentReference/{}", twins.id(way, "seen"))).status, 404);
    });
}

/// The types of the world of every combination.
const TYPES: [&str; 6] = ["11490-0", "47420-5", "11502-2", "DOCPAT02", "57828-6", "ATTEST-RESID"];
/// Its labels: none, masked, hidden from the person, and a minor's secret.
const LABELS: [&str; 4] = ["", "MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"];

/// What each way of asking shows of these documents.
fn shown(server: &Server, who: &Value, space: &str, documents: &BTreeMap<String, String>) -> Vec<(&'static str, BTreeSet<String>)> {
    let among = |answer: &Answer| {
        let text = answer.text();
        let found = |id: &&String| answer.status == 200 && text.contains(&format!("DocumentReference/{id}"));
        documents.keys().filter(found).cloned().collect::<BTreeSet<_>>()
    };
    let each = |path: &dyn Fn(&str, &str) -> String| {
        let read = |(id, content): (&String, &String)| (server.get(who, &path(id, content)).status == 200).then(|| id.clone());
        documents.iter().filter_map(read).collect::<BTreeSet<_>>()
    };
    let ids = documents.keys().cloned().collect::<Vec<_>>().join(",");
    let search = server.get(who, &format!("DocumentReference?patient={space}&_count=100"));
    let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": documents.keys()
        .map(|id| json!({"request": {"method": "GET", "url": format!("DocumentReference/{id}")}})).collect::<Vec<_>>()});
    let batch = server.fhir(who, "POST", "", Some(&batch)).expect(200);
    let in_batch = batch["entry"].as_array().unwrap().iter().filter_map(|entry| entry["resource"]["id"].as_str());
    let in_batch: BTreeSet<String> = in_batch.filter(|id| documents.contains_key(*id)).map(str::to_owned).collect();
    vec![
        ("read", each(&|id, _| format!("DocumentReference/{id}"))),
        ("vread", each(&|id, _| format!("DocumentReference/{id}/_history/1"))),
        ("history", each(&|id, _| format!("DocumentReference/{id}/_history"))),
        ("search", among(&search)),
        ("by id", among(&server.get(who, &format!("DocumentReference?patient={space}&_id={ids}&_count=100")))),
        ("by date", among(&server.get(who, &format!("DocumentReference?patient={space}&_sort=-date&_count=100")))),
        ("compartment", among(&server.get(who, &format!("Patient/{space}/DocumentReference?_count=100")))),
        ("batch", in_batch),
        ("content", each(&|_, content| format!("Binary/{content}"))),
    ]
}

/// Every combination of profession, mode, type, label and author, in every way of asking: all show the same, and not all show all.
#[test]
fn attack_51_every_combination() {
    on_both(|backend| {
        let server = Server::start(backend, &["--empty", "--now", "2026-11-23T10:00:00Z"]);
        let (adult, minor, parent) = (ins(1), minor_ins(1), ins(20));
        for me in [&adult, &minor] {
            let space = server.create(&service("operator"), &patient(me)).id();
            let gives = if *me == minor { representative(&parent, &minor) } else { holder(me) };
            if *me == minor {
                let related = json!({"resourceType": "RelatedPerson", "active": true, "patient": {"identifier": {"system": INS, "value": me}},
                    "identifier": [{"system": INS, "value": parent}]});
                server.create(&service("operator"), &related).expect(201);
            }
            let professions = ["10", "21", "26", "28", "40", "50", "60", "70", "80", "91"];
            for number in 1..=u32::try_from(professions.len()).unwrap() {
                server.create(&gives, &consent(me, "record-access", "permit", party(&psidnat(number)))).expect(201);
            }
            server.create(&gives, &consent(me, "treating-physician", "permit", party(&psidnat(30)))).expect(201);
            let mut documents = BTreeMap::new();
            let mut number = 0;
            for code in TYPES {
                for label in LABELS {
                    for author in ["", "810000000001"] {
                        number += 1;
                        let mut one = document(me, code, number);
                        if !label.is_empty() {
                            one = one.labelled(label);
                        }
                        if !author.is_empty() {
                            one = one.by(author);
                        }
                        let answer = server.create(&structure(HOSPITAL), &one.json());
                        if answer.status == 201 {
                            let made = answer.json();
                            let content = made["content"][0]["attachment"]["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
                            documents.insert(answer.id(), content);
                        }
                    }
                }
            }
            assert!(documents.len() >= 30, "{}", documents.len());
            let mut callers: Vec<Value> = (1..).zip(professions).map(|(number, profession)| professional(number, profession)).collect();
            let mut acting = professional(5, "40");
            acting["structure"] = HOSPITAL.into();
            let mut emergency = professional(40, "10");
            emergency["purpose"] = "bris_de_glace".into();
            emergency["reason"] = "urgence".into();
            callers.extend([
                acting,
                emergency,
                professional(30, "10"),
                professional(50, "10"),
                structure(HOSPITAL),
                structure("1690000027"),
            ]);
            callers.extend([gives.clone(), holder(&ins(60)), service("operator"), service("auditor"), service("tester")]);
            let mut sizes = BTreeSet::new();
            for who in &callers {
                let ways = shown(&server, who, &space, &documents);
                let (_, read) = &ways[0];
                for (way, seen) in &ways[1..] {
                    // Without any right a submitter finds what it deposited, not its content (CONTRACT 3, Author).
                    let expected = if *way == "content" && who["kind"] == "structure" { &BTreeSet::new() } else { read };
                    // Whom the history or a search is refused to whatever there is.
                    assert_eq!(seen, expected, "{who} {way}");
                }
                sizes.insert(read.len());
            }
            assert!(sizes.len() >= 5 && sizes.contains(&0), "callers see more or less: {sizes:?} of {}", documents.len());
        }
    });
}
