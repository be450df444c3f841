//! Rules 53b to 56: who deposits, replaces, archives and deletes (R1111-47 CSP, BB 134, PDSm flux 02 and 03).

use serde_json::{Value, json};

use crate::support::build::{
    INS, consent, document, holder, ins, minor_ins, party, patient, person, professional, psidnat, representative, service, structure,
};
use crate::support::on_both;
use crate::support::record::{HOSPITAL, archiving, content, deletion, finds, patches, reads, with_letter, with_space};

/// The same document, replacing another.
fn replacing(of: &str, number: u32, id: &str) -> Value {
    let relation = json!([{"code": "replaces", "target": {"reference": format!("DocumentReference/{id}")}}]);
    document(of, "11490-0", number).with("relatesTo", relation).json()
}

#[test]
fn rule_053b_an_author_without_a_right_feeds_replaces_archives_and_deletes_its_own() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let who = professional(1, "10");
        let first = server.create(&who, &document(&me, "11490-0", 1).json()).id();
        assert_eq!((reads(&server, &who, &first), server.get(&who, &content(&server, &who, &first)).status), (200, 404));
        assert_eq!(patches(&server, &who, &first, &archiving()), 200);
        let second = server.create(&who, &replacing(&me, 2, &first)).id();
        assert_eq!(server.get(&who, &format!("DocumentReference/{first}")).expect(200)["status"], "superseded");
        assert_eq!(patches(&server, &who, &second, &deletion()), 200);
        assert_eq!(reads(&server, &who, &second), 404);
    });
}

#[test]
fn rule_054_an_author_alone_deletes_archives_and_replaces() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        for (kind, number) in [("record-access", 1), ("record-access", 2), ("treating-physician", 3), ("administrator", 4)] {
            server.create(&holder(&me), &consent(&me, kind, "permit", party(&psidnat(number)))).expect(201);
        }
        let deposit = |number: u32| server.create(&structure(HOSPITAL), &document(&me, "11490-0", number).by(&psidnat(1)).json()).id();
        let letter = deposit(1);
        for (what, who) in [
            ("another with a right", professional(2, "10")),
            ("the treating physician", professional(3, "10")),
            ("an administrator", professional(4, "10")),
            ("the person", holder(&me)),
        ] {
            assert_eq!(patches(&server, &who, &letter, &deletion()), 403, "{what}");
            assert_eq!(patches(&server, &who, &letter, &archiving()), 403, "{what}");
            // Of what it may deposit at all, the person replaces nothing of others either.
            let mut next = replacing(&me, 50, &letter);
            next["type"]["coding"][0] = json!({"system": ensemble::policy::nomenclature::TRE_A05, "code": "EXPPAT_2"});
            assert_eq!(server.create(&who, &next).status, 403, "{what}");
        }
        for (number, who) in [(2, structure(HOSPITAL)), (3, professional(1, "10"))] {
            let id = deposit(number);
            assert_eq!((patches(&server, &who, &id, &archiving()), patches(&server, &who, &id, &deletion())), (200, 200), "{who}");
            assert_eq!((reads(&server, &who, &id), reads(&server, &holder(&me), &id)), (404, 404), "{who}");
        }
        assert_eq!(finds(&server, &holder(&me), &me).1, [letter]);
    });
}

#[test]
fn rule_055_nothing_is_deleted_by_its_address() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        for who in [structure(HOSPITAL), holder(&me), professional(1, "10"), service("operator")] {
            let answer = server.fhir(&who, "DELETE", &format!("DocumentReference/{letter}"), None);
            assert_eq!((answer.status, answer.header("allow")), (405, "GET, PATCH"), "{who}");
        }
        assert_eq!(reads(&server, &holder(&me), &letter), 200);
    });
}

#[test]
fn rule_056_the_person_deletes_what_the_person_deposited() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let own = server.create(&holder(&me), &document(&me, "EXPPAT_2", 5).json()).id();
        assert_eq!(patches(&server, &holder(&me), &letter, &deletion()), 403);
        assert_eq!((patches(&server, &holder(&me), &own, &archiving()), patches(&server, &holder(&me), &own, &deletion())), (200, 200));
        assert_eq!((reads(&server, &holder(&me), &own), reads(&server, &holder(&me), &letter)), (404, 200));
    });
}

#[test]
fn each_caller_deposits_what_is_its_own_to_deposit() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let (lina, parent) = (minor_ins(1), ins(20));
        server.create(&service("operator"), &patient(&lina)).expect(201);
        let related = json!({"resourceType": "RelatedPerson", "active": true, "patient": person(&lina),
            "identifier": [{"system": INS, "value": parent}]});
        server.create(&service("operator"), &related).expect(201);
        let app = json!({"kind": "application", "client": "app", "for": format!("{INS}|{me}"), "scope": "patient/*.cruds"});
        let rows = [
            (holder(&me), &me, "EXPPAT_1", 201),
            (holder(&me), &me, "74465-6", 201),
            (holder(&me), &me, "DOCPAT05", 201),
            (holder(&me), &me, "11502-2", 403),
            (holder(&me), &me, "57833-6", 403),
            (holder(&me), &me, "REMB", 403),
            (holder(&me), &lina, "EXPPAT_1", 422),
            (representative(&parent, &lina), &lina, "EXPPAT_2", 201),
            (representative(&parent, &lina), &lina, "11490-0", 403),
            (representative(&parent, &lina), &me, "EXPPAT_2", 422),
            (representative(&ins(21), &lina), &lina, "EXPPAT_2", 422),
            (service("operator"), &me, "REMB", 201),
            (service("operator"), &me, "11490-0", 403),
            (service("operator"), &me, "EXPPAT_1", 403),
            (professional(1, "60"), &me, "11506-3", 201),
            (structure(HOSPITAL), &me, "11502-2", 201),
            (service("auditor"), &me, "REMB", 403),
            (app, &me, "EXPPAT_1", 403),
        ];
        for (number, (who, of, code, expected)) in (1..).zip(rows) {
            let answer = server.create(&who, &document(of, code, number).json());
            assert_eq!(answer.status, expected, "{who} {code}: {}", answer.text());
        }
        // The operator never sees content of a record, its own deposits included.
        let refunds = server.get(&holder(&me), "DocumentReference?type=REMB").matches();
        assert_eq!((refunds.len(), reads(&server, &service("operator"), &refunds[0])), (1, 404));
    });
}
