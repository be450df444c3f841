//! The story of a record: open, authorise, deposit, find, read, mask, block, trace.

use serde_json::json;

use crate::support::build::{INS, consent, document, holder, ins, party, patient, professional, psidnat, service, structure};
use crate::support::{Backend, Server, on_both, query};

/// The types deposited, and whether a physician, an optician and a nurse with a right may consult them (confirmed cells).
const TYPES: [(&str, [bool; 3]); 6] = [
    ("11490-0", [true, false, false]),
    ("57828-6", [true, true, false]),
    ("11502-2", [true, false, true]),
    ("18748-4", [true, false, false]),
    ("34133-9", [true, false, false]),
    ("89601-9", [true, false, false]),
];

#[test]
fn the_story_of_a_record() {
    on_both(story);
}

fn story(backend: Backend) {
    let server = Server::empty(backend);
    let me = ins(1);
    let (operator, lucie, hospital) = (service("operator"), holder(&me), structure("1750000018"));
    let (physician, optician, nurse) = (professional(1, "10"), professional(2, "28"), professional(3, "60"));
    let (treating, stranger) = (professional(4, "10"), professional(5, "10"));

    // The space, by the operator only.
    assert_eq!(server.create(&physician, &patient(&me)).status, 403);
    let space = server.create(&operator, &patient(&me));
    space.expect(201);
    let patient_id = space.id();
    assert_eq!(server.create(&operator, &patient(&me)).status, 409);
    assert_eq!(server.get(&lucie, &format!("Patient/{patient_id}")).expect(200)["active"], true);

    // Rights, by the person.
    for (number, kind) in [(1, "record-access"), (2, "record-access"), (3, "record-access"), (4, "treating-physician")] {
        server.create(&lucie, &consent(&me, kind, "permit", party(&psidnat(number)))).expect(201);
    }

    // Deposits by a structure, which does not consult.
    let mut ids = Vec::new();
    for (place, (code, _)) in TYPES.iter().enumerate() {
        let answer = server.create(&hospital, &document(&me, code, u32::try_from(place).unwrap()).json());
        answer.expect(201);
        ids.push(answer.id());
    }
    let masked = server.create(&hospital, &document(&me, "11490-0", 20).masked().json());
    masked.expect(201);
    let hidden = server.create(&hospital, &document(&me, "11490-0", 21).hidden().json());
    hidden.expect(201);
    let (masked, hidden) = (masked.id(), hidden.id());

    // Who finds what.
    let mine = query(&[("patient.identifier", &format!("{INS}|{me}")), ("_count", "50")]);
    let search = format!("DocumentReference{mine}");
    let found = |who| {
        let mut found = server.get(who, &search).matches();
        found.sort();
        found
    };
    let expected = |column: usize, more: &[&String]| {
        let typed = ids.iter().zip(TYPES).filter(|(_, (_, may))| may[column]).map(|(id, _)| id.clone());
        let mut all: Vec<String> = typed.chain(more.iter().map(|id| (*id).clone())).collect();
        all.sort();
        all
    };
    assert_eq!(found(&physician), expected(0, &[&hidden]));
    assert_eq!(found(&optician), expected(1, &[]));
    assert_eq!(found(&nurse), expected(2, &[]));
    let mut everything: Vec<String> = ids.iter().chain([&masked, &hidden]).cloned().collect();
    everything.sort();
    assert_eq!(found(&treating), everything);
    assert_eq!(found(&hospital), everything, "a structure finds what it deposited");
    let mut to_lucie: Vec<String> = ids.iter().chain([&masked]).cloned().collect();
    to_lucie.sort();
    assert_eq!(found(&lucie), to_lucie);
    assert_eq!(server.get(&stranger, &search).status, 403);
    assert_eq!(server.get(&stranger, &format!("DocumentReference/{}", ids[0])).status, 404);

    // Reading one by one gives the same as searching; the Binary has the right of its document.
    let everything_there: Vec<&String> = ids.iter().chain([&masked, &hidden]).collect();
    let whole = server.get(&treating, &search).expect(200);
    let url_of = |id: &str| {
        let entries = whole["entry"].as_array().unwrap().clone();
        let entry = entries.iter().find(|entry| entry["resource"]["id"] == id).unwrap().clone();
        entry["resource"]["content"][0]["attachment"]["url"].as_str().unwrap().to_owned()
    };
    for who in [&physician, &optician, &nurse, &treating, &lucie, &stranger] {
        let seen = if *who == stranger { Vec::new() } else { found(who) };
        for id in &everything_there {
            let (read, binary) = (server.get(who, &format!("DocumentReference/{id}")), server.get(who, &url_of(id)));
            let expected = if seen.contains(id) { 200 } else { 404 };
            assert_eq!((read.status, binary.status), (expected, expected), "{who} {id}");
        }
    }
    assert_eq!(server.get(&hospital, &url_of(&ids[0])).status, 404, "a structure does not consult");
    let content = server.get(&physician, &url_of(&ids[0]));
    assert_eq!((content.text().as_str(), content.header("content-type")), ("document 0", "text/plain"));

    // Masking is the person's to undo, blocking beats every right.
    let unmask = json!([{"op": "replace", "path": "/securityLabel/0", "value": {"coding": [{"code": "N"}]}}]);
    assert_eq!(server.fhir(&physician, "PATCH", &format!("DocumentReference/{masked}"), Some(&unmask)).status, 404);
    server.fhir(&lucie, "PATCH", &format!("DocumentReference/{masked}"), Some(&unmask)).expect(200);
    assert!(found(&physician).contains(&masked));
    server.create(&lucie, &consent(&me, "record-block", "deny", party(&psidnat(1)))).expect(201);
    server.create(&lucie, &consent(&me, "record-block", "deny", party(&psidnat(4)))).expect(201);
    assert_eq!(server.get(&physician, &search).status, 403);
    assert_eq!(server.get(&treating, &format!("DocumentReference/{}", ids[0])).status, 404);

    // Every access was traced, refused ones too; what is hidden from the person is not named to her.
    let traces = server.get(&lucie, "AuditEvent?_count=200").expect(200);
    let text = traces.to_string();
    let entries = traces["entry"].as_array().unwrap();
    let by = |number: u32, subtype: &str, outcome: &str| {
        let same = |entry: &&serde_json::Value| {
            let event = &entry["resource"];
            event["agent"][0]["who"]["identifier"]["value"] == psidnat(number)
                && event["subtype"][0]["code"] == subtype
                && event["outcome"] == outcome
        };
        entries.iter().filter(same).count()
    };
    assert!(by(1, "search-type", "0") >= 3 && by(1, "search-type", "4") == 1);
    assert!(by(5, "read", "4") >= 8, "the stranger's refused reads are there");
    assert!(text.contains(&format!("DocumentReference/{masked}")));
    assert!(!text.contains(&hidden), "the hidden document is not named");
    let own = server.get(&stranger, "AuditEvent?_count=200").expect(200).to_string();
    assert!(own.contains(&ids[0]) && !own.contains(&patient_id), "a refused trace shows its actor the id as asked, nothing of the record");
    assert_eq!(server.get(&service("auditor"), &format!("DocumentReference/{}", ids[0])).status, 404);
    assert!(!server.get(&service("auditor"), "AuditEvent").matches().is_empty());
}
