//! Rules 44 to 48: hidden from the person until it is announced, for a month at most (R1111-53 CSP).

use serde_json::{Value, json};

use crate::support::build::{consent, document, holder, party, professional, psidnat, structure};
use crate::support::record::{HOSPITAL, archiving, content, finds, label_off, label_on, patches, reads, with_space};
use crate::support::{Server, on_both};

/// The visibility codes of a document as it is answered.
fn codes(document: &Value) -> Vec<String> {
    let labels = document["securityLabel"].as_array().cloned().unwrap_or_default();
    labels.iter().map(|label| label["coding"][0]["code"].as_str().unwrap().to_owned()).filter(|code| code != "N").collect()
}

fn hidden(server: &Server, of: &str, number: u32) -> String {
    server.create(&structure(HOSPITAL), &document(of, "11490-0", number).hidden().json()).id()
}

#[test]
fn rule_044_what_awaits_its_announcement_is_shown_with_its_label_to_professionals_only() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        for (number, code) in [(1, "INVISIBLE_PATIENT"), (2, "NOPAT")] {
            let id = server.create(&structure(HOSPITAL), &document(&me, "11490-0", number).labelled(code).json()).id();
            let shown = server.get(&professional(1, "10"), &format!("DocumentReference/{id}")).expect(200);
            assert_eq!(codes(&shown), [code]);
            assert_eq!((reads(&server, &holder(&me), &id), finds(&server, &holder(&me), &me).1), (404, vec![]), "{code}");
        }
        assert_eq!(server.get(&holder(&me), "DocumentReference?_summary=count").expect(200)["total"], 0);
    });
}

#[test]
fn rule_046_a_month_after_the_deposit_the_person_sees_it() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        server.send("POST", "/sandbox/clock", &[], Some(br#"{"set": "2040-11-24T10:00:00Z"}"#)).expect(200);
        server.forget_tokens();
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let id = hidden(&server, &me, 1);
        let url = content(&server, &structure(HOSPITAL), &id);
        server.get(&professional(1, "10"), &format!("DocumentReference/{id}")).expect(200);
        let person = holder(&me);
        let shown = || {
            let trace = server.get(&person, &format!("AuditEvent?entity=DocumentReference/{id}")).matches().len();
            let named = server.get(&person, "AuditEvent?_count=200").expect(200).to_string().contains(&format!("DocumentReference/{id}"));
            let total = server.get(&person, "DocumentReference?_summary=count").expect(200)["total"].as_i64().unwrap();
            let read = (reads(&server, &person, &id), server.get(&person, &url).status);
            let history = server.get(&person, &format!("DocumentReference/{id}/_history/1")).status;
            (read, history, finds(&server, &person, &me).1.len(), total, trace > 0, named)
        };
        let (before, after) = (((404, 404), 404, 0, 0, false, false), ((200, 200), 200, 1, 1, true, true));
        assert_eq!(shown(), before);
        server.advance("P29D");
        assert_eq!(shown(), before, "not yet");
        server.advance("P1D");
        assert_eq!(shown(), after, "24 December is a month after 24 November");
        // Nothing need have run: the label stands until the next change, whoever makes it, and is none any more.
        let kept = server.get(&person, &format!("DocumentReference/{id}")).expect(200);
        assert_eq!(codes(&kept), ["INVISIBLE_PATIENT"]);
        assert_eq!(patches(&server, &structure(HOSPITAL), &id, &label_on("INVISIBLE_PATIENT")), 200);
        assert_eq!(shown(), after, "and does not begin again");
        assert_eq!(patches(&server, &person, &id, &label_on("MASQUE_PS")), 200, "the two do not stand together, were it one");
        assert_eq!(codes(&server.get(&person, &format!("DocumentReference/{id}")).expect(200)), ["MASQUE_PS"]);
        assert_eq!(patches(&server, &structure(HOSPITAL), &id, &label_on("INVISIBLE_PATIENT")), 403);
    });
}

#[test]
fn rule_046_a_month_counts_from_the_deposit_and_is_over_for_what_replaces_it() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        server.send("POST", "/sandbox/clock", &[], Some(br#"{"set": "2041-01-31T10:00:00Z"}"#)).expect(200);
        server.forget_tokens();
        let (unlabelled, early) = (server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json()).id(), hidden(&server, &me, 2));
        server.advance("P27D");
        // Hidden late, by its author: the month is that of the deposit all the same.
        assert_eq!(patches(&server, &structure(HOSPITAL), &unlabelled, &label_on("INVISIBLE_PATIENT")), 200);
        assert_eq!((reads(&server, &holder(&me), &unlabelled), reads(&server, &holder(&me), &early)), (404, 404));
        // 28 February at 23:00, then 1 March: the month that lacks the day ends with its last.
        server.advance("P1DT13H");
        assert_eq!((reads(&server, &holder(&me), &unlabelled), reads(&server, &holder(&me), &early)), (404, 404));
        server.advance("PT2H");
        assert_eq!((reads(&server, &holder(&me), &unlabelled), reads(&server, &holder(&me), &early)), (200, 200));
        let fresh = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 3).json()).id();
        server.advance("P40D");
        assert_eq!(patches(&server, &structure(HOSPITAL), &fresh, &label_on("INVISIBLE_PATIENT")), 403, "nothing is hidden so late");
        // What has ended is not inherited.
        let relation = json!([{"code": "replaces", "target": {"reference": format!("DocumentReference/{early}")}}]);
        let next = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 4).with("relatesTo", relation).json()).expect(201);
        assert_eq!((codes(&next), reads(&server, &holder(&me), next["id"].as_str().unwrap())), (vec![], 200));
        let former = server.get(&holder(&me), &format!("DocumentReference/{early}")).expect(200);
        assert_eq!((codes(&former), former["status"].as_str()), (vec![], Some("superseded")));
    });
}

#[test]
fn rule_046_a_replacement_hides_no_longer_than_what_it_replaces() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        server.send("POST", "/sandbox/clock", &[], Some(br#"{"set": "2042-11-24T10:00:00Z"}"#)).expect(200);
        server.forget_tokens();
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let (person, hospital) = (holder(&me), structure(HOSPITAL));
        let replace = |former: &str, number: u32, labelled: bool| {
            let relation = json!([{"code": "replaces", "target": {"reference": format!("DocumentReference/{former}")}}]);
            let next = document(&me, "11490-0", number).with("relatesTo", relation);
            server.create(&hospital, &if labelled { next.hidden() } else { next }.json()).id()
        };
        let first = hidden(&server, &me, 1);
        server.advance("P15D");
        let second = replace(&first, 2, false);
        server.advance("P10D");
        let third = replace(&second, 3, true);
        server.get(&professional(1, "10"), &format!("DocumentReference/{third}")).expect(200);
        let shown = || {
            let binary = server.get(&person, &content(&server, &hospital, &third)).status;
            let trace = server.get(&person, &format!("AuditEvent?entity=DocumentReference/{third}")).matches().is_empty();
            ([&first, &second, &third].map(|id| reads(&server, &person, id)), binary, finds(&server, &person, &me).1.len(), trace)
        };
        assert_eq!(shown(), ([404; 3], 404, 0, true));
        // 24 December at nine, then at eleven: a month after the first deposit, not after the last.
        server.advance("P4DT23H");
        assert_eq!(shown(), ([404; 3], 404, 0, true));
        server.advance("PT2H");
        assert_eq!(shown(), ([200; 3], 200, 3, false));
        assert_eq!(patches(&server, &hospital, &third, &label_on("INVISIBLE_PATIENT")), 200, "which changes nothing");
        assert_eq!(shown().0, [200; 3]);
        // Nor does another replacement begin it again.
        let fourth = replace(&third, 4, true);
        assert_eq!(reads(&server, &person, &fourth), 200);
        // What replaces a document that was never hidden is not hidden: the person would see that something did.
        let open = server.create(&hospital, &document(&me, "11490-0", 5).json()).id();
        let relation = json!([{"code": "replaces", "target": {"reference": format!("DocumentReference/{open}")}}]);
        let next = document(&me, "11490-0", 6).with("relatesTo", relation).hidden().json();
        assert_eq!(server.create(&hospital, &next).issue(), ("business-rule".into(), "DocumentReference.securityLabel".into()));
    });
}

#[test]
fn rule_047_an_announcement_shows_it_at_once() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        for (kind, number) in [("record-access", 1), ("treating-physician", 2), ("record-access", 3)] {
            server.create(&holder(&me), &consent(&me, kind, "permit", party(&psidnat(number)))).expect(201);
        }
        let glass = json!({"kind": "professional", "id": psidnat(5), "profession": "10", "purpose": "bris_de_glace", "reason": "coma"});
        let mut named = 0;
        let mut deposit = || {
            named += 1;
            server.create(&structure(HOSPITAL), &document(&me, "11490-0", named).by(&psidnat(1)).hidden().json()).id()
        };
        // Who takes the label off declares that it was announced.
        let rows = [
            ("the author", professional(1, "10"), 200),
            ("the structure that deposited it", structure(HOSPITAL), 200),
            ("the treating physician", professional(2, "10"), 200),
            ("another who may consult it", professional(3, "10"), 200),
            ("one whose profession does not see it", professional(3, "28"), 404),
            ("one without a right", professional(4, "10"), 404),
            ("one in an emergency", glass, 403),
            ("the person", holder(&me), 404),
        ];
        for (what, who, expected) in rows {
            let id = deposit();
            assert_eq!(patches(&server, &who, &id, &label_off()), expected, "{what}");
            assert_eq!(reads(&server, &holder(&me), &id), if expected == 200 { 200 } else { 404 }, "{what}");
        }
    });
}

#[test]
fn rule_048_both_labels_do_not_stand_together() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let both = document(&me, "11490-0", 1).masked().hidden().json();
        let answer = server.create(&structure(HOSPITAL), &both);
        assert_eq!((answer.status, answer.issue().1.as_str()), (422, "DocumentReference.securityLabel"));
        let id = hidden(&server, &me, 2);
        assert_eq!(patches(&server, &structure(HOSPITAL), &id, &label_on("MASQUE_PS")), 422);
        assert_eq!(patches(&server, &structure(HOSPITAL), &id, &archiving()), 200, "other changes are made");
        assert_eq!(reads(&server, &holder(&me), &id), 404);
    });
}

#[test]
fn a_label_that_nobody_keeps_is_refused_with_its_place() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let tre = ensemble::policy::nomenclature::TRE_A07;
        let level = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
        let rows = [
            (json!([{"coding": [{"system": tre, "code": "MASQUE"}]}]), "DocumentReference.securityLabel[0]"),
            (
                json!([{"coding": [{"system": level, "code": "N"}]}, {"coding": [{"code": "masque_ps"}]}]),
                "DocumentReference.securityLabel[1]",
            ),
            (json!([{"coding": [{"system": level, "code": "X"}]}]), "DocumentReference.securityLabel[0]"),
            (json!([{"coding": [{"system": level, "code": "N"}, {"system": tre, "code": "CACHE"}]}]), "DocumentReference.securityLabel[0]"),
            (json!([{"text": "secret"}]), "DocumentReference.securityLabel[0]"),
        ];
        for (labels, place) in rows {
            let answer = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).with("securityLabel", labels.clone()).json());
            assert_eq!((answer.status, answer.issue()), (422, ("code-invalid".to_owned(), place.to_owned())), "{labels}");
        }
        let id = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 2).json()).id();
        assert_eq!(patches(&server, &structure(HOSPITAL), &id, &label_on("MASQUE")), 422);
        assert_eq!(finds(&server, &holder(&me), &me).1, [id], "nothing else was stored");
    });
}
