//! Rules 45 and 46, and what the person is told of Consents that others record: notices, as Communication (R1111-53 CSP, CONTRACT 3).

use serde_json::{Value, json};

use crate::support::build::{INS, collected, consent, document, holder, ins, party, patient, professional, psidnat, service, structure};
use crate::support::record::{HOSPITAL, archiving, deletion, label_off, label_on, patches, with_minor, with_space};
use crate::support::{Backend, Server, on_both};

const AWAITING: &str = "awaiting-announcement";
const SHOWN: &str = "made-visible";

/// A server with one open space, on a day.
fn on(backend: Backend, day: &str) -> (Server, String) {
    let (server, me) = with_space(backend);
    server.send("POST", "/sandbox/clock", &[], Some(format!(r#"{{"set": "{day}T10:00:00Z"}}"#).as_bytes())).expect(200);
    server.forget_tokens();
    (server, me)
}

/// The notices that somebody reads, the last one first.
fn notices(server: &Server, who: &Value) -> Vec<Value> {
    let bundle = server.get(who, "Communication?_total=accurate").expect(200);
    let all: Vec<Value> = bundle["entry"].as_array().into_iter().flatten().map(|entry| entry["resource"].clone()).collect();
    assert_eq!(bundle["total"], all.len());
    all
}

/// Of what they are.
fn codes(server: &Server, who: &Value) -> Vec<String> {
    let code = |one: &Value| one["category"][0]["coding"][0]["code"].as_str().unwrap().to_owned();
    notices(server, who).iter().map(code).collect()
}

fn hidden(server: &Server, of: &str, number: u32) -> String {
    server.create(&structure(HOSPITAL), &document(of, "11490-0", number).hidden().json()).id()
}

fn replaced(server: &Server, of: &str, former: &str, number: u32) -> String {
    let relation = json!([{"code": "replaces", "target": {"reference": format!("DocumentReference/{former}")}}]);
    server.create(&structure(HOSPITAL), &document(of, "11490-0", number).with("relatesTo", relation).json()).id()
}

#[test]
fn rule_045_after_two_weeks_the_person_is_told_that_something_awaits_its_announcement() {
    on_both(|backend| {
        let (server, me) = on(backend, "2040-11-24");
        let person = holder(&me);
        let id = hidden(&server, &me, 1);
        server.advance("P13DT23H");
        assert_eq!(codes(&server, &person), Vec::<String>::new(), "not yet");
        assert_eq!(server.get(&person, "Communication?_summary=count").expect(200)["total"], 0);
        server.advance("PT2H");
        let told = notices(&server, &person);
        let [notice] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((notice["status"].as_str(), notice["language"].as_str()), (Some("completed"), Some("fr")));
        assert_eq!((&notice["sent"], &notice["meta"]["lastUpdated"]), (&notice["meta"]["lastUpdated"], &notice["sent"]));
        assert!(notice["sent"].as_str().unwrap().starts_with("2040-12-08T10:0"), "{notice}");
        assert_eq!((&notice["recipient"][0], notice["subject"]["identifier"]["value"].as_str()), (&notice["subject"], Some(me.as_str())));
        assert!(notice["payload"][0]["contentString"].as_str().unwrap().contains("mis à jour"));
        // What it is about is not told, nor is it shown.
        let text = notice.to_string();
        assert!(!text.contains(&id) && !text.contains("DocumentReference") && notice.get("about").is_none(), "{text}");
        assert_eq!(server.get(&person, &format!("DocumentReference/{id}")).status, 404);
        // It is read and found as any resource; its id and its date tell when it was sent, no more.
        let own = notice["id"].as_str().unwrap();
        assert_eq!(server.get(&person, &format!("Communication/{own}")).expect(200), *notice);
        assert_eq!(server.get(&person, &format!("Communication/{own}/_history")).expect(200)["entry"].as_array().unwrap().len(), 1);
        for (query, found) in [
            (format!("category={AWAITING}"), 1),
            (format!("category={SHOWN}"), 0),
            ("sent=ge2040-12-08".into(), 1),
            ("sent=lt2040-12-08".into(), 0),
            (format!("recipient:identifier={INS}|{me}"), 1),
        ] {
            assert_eq!(server.get(&person, &format!("Communication?{}", query.replace('|', "%7C"))).matches().len(), found, "{query}");
        }
        let millis = u64::from_str_radix(&own.replace('-', "")[..12], 16).unwrap();
        let sent = chrono::DateTime::parse_from_rfc3339(notice["sent"].as_str().unwrap()).unwrap();
        assert_eq!(i64::try_from(millis).unwrap(), sent.timestamp_millis());
        // To read it is not to have read the document: the author may still hide it. An announcement leaves it.
        let again = [label_off(), label_on("INVISIBLE_PATIENT")].map(|patch| patches(&server, &structure(HOSPITAL), &id, &patch));
        assert_eq!((again, codes(&server, &person)), ([200, 200], vec![AWAITING.to_owned()]));
        // Traces of it say so to who reads them.
        let traces = server.get(&person, &format!("AuditEvent?entity=Communication/{own}")).matches();
        assert!(!traces.is_empty());
    });
}

#[test]
fn rule_045_nobody_else_reads_a_notice_and_nobody_writes_one() {
    on_both(|backend| {
        let (server, me) = on(backend, "2040-11-24");
        for kind in ["record-access", "treating-physician"] {
            server.create(&holder(&me), &consent(&me, kind, "permit", party(&psidnat(1)))).expect(201);
        }
        server.create(&service("operator"), &patient(&ins(8))).expect(201);
        hidden(&server, &me, 1);
        server.advance("P20D");
        let own = notices(&server, &holder(&me))[0].clone();
        let address = format!("Communication/{}", own["id"].as_str().unwrap());
        let of_mine = format!("Communication?patient={}", own["subject"]["reference"].as_str().unwrap());
        let glass = json!({"kind": "professional", "id": psidnat(5), "profession": "10", "purpose": "bris_de_glace", "reason": "coma"});
        let application = json!({"kind": "application", "client": "app", "for": format!("{INS}|{me}"), "scope": "patient/*.rs"});
        for who in
            [professional(1, "10"), glass, structure(HOSPITAL), holder(&ins(8)), application, service("operator"), service("auditor")]
        {
            assert_eq!((server.get(&who, &address).status, server.get(&who, &of_mine).status), (404, 403), "{who}");
        }
        for (method, path, body) in
            [("POST", "Communication", Some(&own)), ("PUT", address.as_str(), Some(&own)), ("DELETE", address.as_str(), None)]
        {
            let refused = server.fhir(&holder(&me), method, path, body);
            assert_eq!(refused.status, if method == "POST" { 403 } else { 405 }, "{method}");
            assert!(method == "POST" || refused.header("allow") == "GET", "{method}");
        }
        assert_eq!(server.get(&holder(&me), &address).expect(200), own);
    });
}

#[test]
fn rule_045_what_was_announced_withdrawn_or_replaced_before_is_not_told_of() {
    on_both(|backend| {
        let (server, me) = on(backend, "2041-03-01");
        let (person, hospital) = (holder(&me), structure(HOSPITAL));
        let [announced, withdrawn, first] = [1, 2, 3].map(|number| hidden(&server, &me, number));
        server.advance("P10D");
        assert_eq!(patches(&server, &hospital, &announced, &label_off()), 200);
        assert_eq!(patches(&server, &hospital, &withdrawn, &deletion()), 200);
        let second = replaced(&server, &me, &first, 4);
        server.advance("P5D");
        assert_eq!(codes(&server, &person), [AWAITING], "one, of the two that replace each other, when the first one's time came");
        let third = replaced(&server, &me, &second, 5);
        server.advance("P2D");
        assert_eq!(codes(&server, &person), [AWAITING], "told once");
        // A month after the first deposit all of it is shown, and that is told.
        server.advance("P14DT23H");
        let one = notices(&server, &person);
        assert_eq!(
            (codes(&server, &person), server.get(&person, &format!("DocumentReference/{third}")).status),
            (vec![SHOWN.into(), AWAITING.into()], 200)
        );
        assert!(one[0]["sent"].as_str().unwrap().starts_with("2041-04-01T10:0"), "{}", one[0]);
        server.advance("P60D");
        assert_eq!(codes(&server, &person), [SHOWN, AWAITING]);
    });
}

#[test]
fn rule_045_what_is_hidden_late_is_told_of_at_once_and_what_is_announced_twice_not_twice() {
    on_both(|backend| {
        let (server, me) = on(backend, "2042-03-01");
        let (person, hospital) = (holder(&me), structure(HOSPITAL));
        let id = server.create(&hospital, &document(&me, "11490-0", 1).json()).id();
        server.advance("P16D");
        assert_eq!(patches(&server, &hospital, &id, &label_on("INVISIBLE_PATIENT")), 200);
        assert_eq!(codes(&server, &person), [AWAITING], "two weeks after the deposit had gone by");
        assert_eq!(patches(&server, &hospital, &id, &label_off()), 200);
        server.advance("P30D");
        assert_eq!(codes(&server, &person), [AWAITING], "what was announced is not told to be shown");
        // Hidden, shown and hidden again within two weeks.
        let other = hidden(&server, &me, 2);
        for patch in [label_off(), label_on("INVISIBLE_PATIENT"), label_off(), label_on("INVISIBLE_PATIENT")] {
            assert_eq!(patches(&server, &hospital, &other, &patch), 200);
        }
        server.advance("P15D");
        assert_eq!(codes(&server, &person), [AWAITING, AWAITING]);
        server.advance("P20D");
        assert_eq!(codes(&server, &person), [SHOWN, AWAITING, AWAITING]);
    });
}

#[test]
fn rule_045_049_representatives_are_told_of_what_is_not_hidden_from_them() {
    on_both(|backend| {
        let (server, lina, who) = with_minor(backend);
        let hospital = structure(HOSPITAL);
        let secret = |number| document(&lina, "11490-0", number).hidden().labelled("INVISIBLE_REPRESENTANTS_LEGAUX").json();
        server.create(&hospital, &secret(1)).expect(201);
        server.advance("P20D");
        assert_eq!(codes(&server, &who), Vec::<String>::new(), "what is hidden from representatives does not exist for them");
        assert_eq!(server.get(&who, "Communication?_summary=count").expect(200)["total"], 0);
        hidden(&server, &lina, 2);
        let opened = server.create(&hospital, &secret(3)).id();
        let off = json!([{"op": "replace", "path": "/securityLabel/2", "value": {"coding": [{"code": "N"}]}}]);
        assert_eq!(patches(&server, &hospital, &opened, &off), 200);
        server.advance("P20D");
        let kept = server.get(&hospital, &format!("DocumentReference/{opened}")).expect(200);
        let left = kept["securityLabel"].to_string();
        assert!(left.contains("INVISIBLE_PATIENT") && !left.contains("REPRESENTANTS"), "{left}");
        assert_eq!(codes(&server, &who), [AWAITING, AWAITING]);
    });
}

#[test]
fn rule_045_whatever_is_left_of_what_replaced_each_other_is_told_of() {
    on_both(|backend| {
        let (server, me) = on(backend, "2043-06-01");
        let (person, hospital) = (holder(&me), structure(HOSPITAL));
        let status = |code: &str| json!([{"op": "replace", "path": "/status", "value": code}]);
        // Replaced by nothing; replaced by what was withdrawn; shown and hidden again past the day.
        let alone = hidden(&server, &me, 1);
        assert_eq!(patches(&server, &hospital, &alone, &status("superseded")), 200);
        server.advance("P15D");
        assert_eq!(codes(&server, &person), [AWAITING]);
        let first = hidden(&server, &me, 2);
        let second = replaced(&server, &me, &first, 3);
        assert_eq!(patches(&server, &hospital, &second, &deletion()), 200);
        let third = hidden(&server, &me, 4);
        let fourth = replaced(&server, &me, &third, 5);
        for id in [&third, &fourth] {
            assert_eq!(patches(&server, &hospital, id, &label_off()), 200);
        }
        server.advance("P14DT1H");
        assert_eq!(codes(&server, &person), [AWAITING, AWAITING], "what is withdrawn, and what was announced, is not");
        assert_eq!(patches(&server, &hospital, &fourth, &label_on("INVISIBLE_PATIENT")), 200);
        assert_eq!(codes(&server, &person), [AWAITING, AWAITING, AWAITING]);
        assert_eq!(patches(&server, &hospital, &fourth, &archiving()), 200);
        assert_eq!(codes(&server, &person), [AWAITING, AWAITING, AWAITING], "once");
        server.advance("P20D");
        assert_eq!(codes(&server, &person), [SHOWN, SHOWN, SHOWN, AWAITING, AWAITING, AWAITING]);
    });
}

#[test]
fn rule_045_049_a_secret_that_is_lifted_late_is_told_of_then() {
    on_both(|backend| {
        let (server, lina, who) = with_minor(backend);
        let hospital = structure(HOSPITAL);
        let secret =
            server.create(&hospital, &document(&lina, "11490-0", 1).hidden().labelled("INVISIBLE_REPRESENTANTS_LEGAUX").json()).id();
        server.advance("P20D");
        assert_eq!(codes(&server, &who), Vec::<String>::new());
        let off = json!([{"op": "replace", "path": "/securityLabel/2", "value": {"coding": [{"code": "N"}]}}]);
        assert_eq!(patches(&server, &hospital, &secret, &off), 200);
        let told = notices(&server, &who);
        let [notice] = told.as_slice() else { panic!("{told:?}") };
        let since = chrono::DateTime::parse_from_rfc3339(notice["sent"].as_str().unwrap()).unwrap();
        let deposited = server.get(&hospital, &format!("DocumentReference/{secret}/_history/1")).expect(200);
        let deposited = chrono::DateTime::parse_from_rfc3339(deposited["meta"]["lastUpdated"].as_str().unwrap()).unwrap();
        assert!(since - deposited >= chrono::Duration::days(20), "no date tells that it was a secret");
    });
}

#[test]
fn a_consent_that_a_professional_records_is_told_to_the_person() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(2)))).expect(201);
        assert_eq!(codes(&server, &holder(&me)), Vec::<String>::new(), "what the person records itself is not");
        assert_eq!(server.create(&professional(1, "10"), &consent(&me, "record-access", "permit", party(&psidnat(1)))).status, 422);
        let recorded = server.create(&professional(1, "10"), &collected(&me, "record-access", party(&psidnat(1)))).id();
        let told = notices(&server, &holder(&me));
        let [notice] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(notice["about"], json!([{"reference": format!("Consent/{recorded}")}]));
        assert_eq!(notice["category"][0]["coding"][0]["code"], "consent-recorded");
        // Recorded under a condition that finds it, it is not told again.
        let condition = [("if-none-exist", "category=record-access"), ("content-type", "application/fhir+json")];
        let body = collected(&me, "record-access", party(&psidnat(1))).to_string();
        assert_eq!(server.fhir_with(&professional(1, "10"), "POST", "Consent", &condition, Some(body.as_bytes())).status, 200);
        assert_eq!(notices(&server, &holder(&me)).len(), 1);
        // What an administrator blocks nobody consented to.
        server.create(&holder(&me), &consent(&me, "administrator", "permit", party(&psidnat(3)))).expect(201);
        server.create(&professional(3, "10"), &consent(&me, "record-block", "deny", party(&psidnat(4)))).expect(201);
        assert_eq!(notices(&server, &holder(&me)).len(), 1);
    });
}
