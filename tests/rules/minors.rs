//! Rules 49 to 53, 93 and 94: minors and their representatives (R1111-33, R1111-50 CSP).

use serde_json::json;

use crate::support::build::{
    INS, consent, document, holder, ins, minor_ins, party, patient, professional, psidnat, representative, service, structure,
};
use crate::support::record::{HOSPITAL, finds, label_off, label_on, patches, reads, with_minor};
use crate::support::{Server, on_both};

#[test]
fn rule_049_053_093_094_a_minor_acts_through_representatives_until_majority() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (lina, parent) = (minor_ins(1), ins(20));
        let who = representative(&parent, &lina);
        server.create(&service("operator"), &patient(&lina)).expect(201);
        let refused = server.send("POST", "/sandbox/token", &[], Some(holder(&lina).to_string().as_bytes()));
        assert_eq!(refused.status, 400);
        let shown = server.create(&structure(HOSPITAL), &document(&lina, "11490-0", 1).json()).expect(201);
        let secret = document(&lina, "11490-0", 2).labelled("INVISIBLE_REPRESENTANTS_LEGAUX").json();
        let secret = server.create(&structure(HOSPITAL), &secret).expect(201);
        let (shown, secret) = (shown["id"].as_str().unwrap(), secret["id"].as_str().unwrap());
        assert_eq!((reads(&server, &who, shown), reads(&server, &who, secret)), (404, 404), "a claim alone opens nothing");
        let related = json!({"resourceType": "RelatedPerson", "active": true, "patient": {"identifier": {"system": INS, "value": lina}},
            "identifier": [{"system": INS, "value": parent}]});
        assert_eq!(server.create(&who, &related).status, 403);
        server.create(&service("operator"), &related).expect(201);
        assert_eq!((reads(&server, &who, shown), reads(&server, &who, secret)), (200, 404));
        server.create(&who, &consent(&lina, "record-access", "permit", party(&psidnat(1)))).expect(201);
        assert_eq!(reads(&server, &professional(1, "10"), secret), 200);
        let traces = server.get(&who, "AuditEvent?_count=200&_total=accurate").expect(200).to_string();
        assert!(traces.contains(shown) && !traces.contains(secret), "what is hidden from representatives does not exist for them");
        let adult = document(&ins(20), "11490-0", 3).labelled("INVISIBLE_REPRESENTANTS_LEGAUX").json();
        server.create(&service("operator"), &patient(&ins(20))).expect(201);
        assert_eq!(server.create(&structure(HOSPITAL), &adult).status, 422, "for minors only");
        server.advance("P7Y");
        assert_eq!(reads(&server, &who, shown), 404, "of age");
    });
}

const SECRET: &str = "INVISIBLE_REPRESENTANTS_LEGAUX";

#[test]
fn rule_050_what_was_shown_to_representatives_is_never_hidden_again() {
    on_both(|backend| {
        let (server, lina, who) = with_minor(backend);
        let hospital = structure(HOSPITAL);
        let deposit = |number: u32, secret: bool, replaces: Option<&str>| {
            let mut one = document(&lina, "11490-0", number);
            if secret {
                one = one.labelled(SECRET);
            }
            if let Some(id) = replaces {
                one = one.with("relatesTo", json!([{"code": "replaces", "target": {"reference": format!("DocumentReference/{id}")}}]));
            }
            server.create(&hospital, &one.json())
        };
        let (shown, secret) = (deposit(1, false, None).id(), deposit(2, true, None).id());
        assert_eq!(finds(&server, &who, &lina), (200, vec![shown.clone()]));
        // Never shown before: it is said at deposit or not at all.
        for id in [&shown, &secret] {
            let expected = if *id == shown { 422 } else { 200 };
            assert_eq!(patches(&server, &hospital, id, &label_on(SECRET)), expected);
        }
        assert_eq!(patches(&server, &who, &secret, &label_off()), 404);
        assert_eq!(patches(&server, &hospital, &secret, &label_off()), 200);
        assert_eq!(reads(&server, &who, &secret), 200);
        assert_eq!(patches(&server, &hospital, &secret, &label_on(SECRET)), 422, "off once, for ever");
        assert_eq!(patches(&server, &who, &secret, &label_on(SECRET)), 403, "who is no author is told so first");
        // Nor by replacing it.
        let again = deposit(3, true, Some(&secret));
        assert_eq!((again.status, again.issue().1.as_str()), (422, "DocumentReference.securityLabel"));
        assert_eq!(reads(&server, &who, &secret), 200);
        let hidden = deposit(4, true, None).id();
        let next = deposit(5, true, Some(&hidden)).id();
        assert_eq!((reads(&server, &who, &hidden), reads(&server, &who, &next)), (404, 404), "what was not shown goes on");
    });
}

#[test]
fn rule_051_in_a_secret_connection_documents_are_secret() {
    on_both(|backend| {
        let (server, lina, who) = with_minor(backend);
        let mut secret = professional(5, "10");
        secret["secret"] = true.into();
        let answer = server.create(&secret, &document(&lina, "11490-0", 1).json());
        assert_eq!((answer.status, answer.issue().1.as_str()), (422, "DocumentReference.securityLabel"));
        let kept = server.create(&secret, &document(&lina, "11490-0", 2).labelled(SECRET).json()).expect(201);
        assert_eq!(reads(&server, &who, kept["id"].as_str().unwrap()), 404);
        assert_eq!(finds(&server, &who, &lina), (200, vec![]));
    });
}

#[test]
fn rule_094_of_age_the_person_alone_has_the_record() {
    on_both(|backend| {
        let (server, lina, who) = with_minor(backend);
        let secret = server.create(&structure(HOSPITAL), &document(&lina, "11490-0", 1).labelled(SECRET).json()).id();
        let shown = server.create(&structure(HOSPITAL), &document(&lina, "11490-0", 2).json()).id();
        let mut both = vec![secret.clone(), shown.clone()];
        both.sort();
        assert_eq!(finds(&server, &who, &lina), (200, vec![shown.clone()]));
        server.advance("P7Y");
        assert_eq!(finds(&server, &holder(&lina), &lina), (200, both));
        assert_eq!((finds(&server, &who, &lina).0, reads(&server, &who, &shown)), (403, 404));
        assert_eq!(server.create(&who, &consent(&lina, "record-access", "permit", party(&psidnat(1)))).status, 422);
        let late = server.create(&structure(HOSPITAL), &document(&lina, "11490-0", 3).labelled(SECRET).json());
        assert_eq!(late.status, 422, "for minors only");
    });
}
