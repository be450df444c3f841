//! Traces name the row of the matrix that decided, and are found by it; not where that would tell of what is hidden.

use serde_json::Value;

use super::minor;
use crate::support::build::{CB, consent, document, holder, party, professional, psidnat, representative, service, structure};
use crate::support::record::{HOSPITAL, finds, label_off, patches, with_space};
use crate::support::{Server, on_both, query};

/// The policies of the newest trace of this kind, for this reader.
fn policies(server: &Server, who: &Value, query: &str) -> Vec<String> {
    let traces = server.get(who, &format!("AuditEvent?{query}&_count=1")).expect(200);
    let all = traces["entry"][0]["resource"]["agent"][0]["policy"].as_array().cloned().unwrap_or_default();
    all.iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

fn rows(all: &[String]) -> Vec<String> {
    all.iter().filter_map(|one| one.split_once("/matrix/")).map(|(_, row)| row.to_owned()).collect()
}

/// The row of a profession and a type.
fn row(profession: &str, code: &str) -> String {
    let matrix = include_str!("../../profiles/authorization/matrix.tsv");
    let of =
        |line: &&str| line.split('\t').nth(2) == Some(profession) && line.split('\t').nth(4) == Some(code) && line.contains("\tTRE_G15\t");
    matrix.lines().find(of).unwrap().split('\t').next().unwrap().to_owned()
}

#[test]
fn a_trace_names_the_row_that_permitted_or_denied() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let deposit = |number: u32, code: &str| server.create(&structure(HOSPITAL), &document(&me, code, number).json()).id();
        let (letter, _report) = (deposit(1, "11490-0"), deposit(2, "11502-2"));
        let reads = |profession: &str| server.get(&professional(1, profession), &format!("DocumentReference/{letter}")).status;
        assert_eq!(reads("10"), 200);
        let one = policies(&server, &holder(&me), "subtype=read");
        assert_eq!(rows(&one), [row("10", "11490-0")]);
        assert_eq!(policies(&server, &professional(1, "10"), "subtype=read"), one, "its own trace tells it too");
        assert_eq!(reads("28"), 404);
        for who in [holder(&me), service("auditor")] {
            assert_eq!(rows(&policies(&server, &who, "subtype=read&outcome=4")), [row("28", "11490-0")]);
        }
        assert!(policies(&server, &professional(1, "10"), "subtype=read&outcome=4").is_empty(), "why is not told to who was refused");
        assert_eq!(finds(&server, &professional(1, "10"), &me).1.len(), 2);
        let mut both = [row("10", "11490-0"), row("10", "11502-2")];
        both.sort();
        assert_eq!(rows(&policies(&server, &holder(&me), "subtype=search-type&agent:identifier=810000000001")), both);
    });
}

#[test]
fn traces_are_found_by_what_decided() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let letter = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json()).id();
        for profession in ["10", "28"] {
            server.get(&professional(1, profession), &format!("DocumentReference/{letter}"));
        }
        let find = |who: &Value, policy: &str| server.get(who, &format!("AuditEvent{}", query(&[("policy", policy)]))).matches().len();
        let law = policies(&server, &holder(&me), "subtype=read").pop().unwrap();
        let (opens, closes) = (format!("{law}/matrix/{}", row("10", "11490-0")), format!("{law}/matrix/{}", row("28", "11490-0")));
        let rule = format!("{CB}/policy/R-0001");
        let (person, auditor, physician) = (holder(&me), service("auditor"), professional(1, "10"));
        assert_eq!((find(&person, &opens), find(&person, &closes), find(&person, &rule)), (1, 1, 1));
        assert_eq!((find(&auditor, &opens), find(&auditor, &closes), find(&auditor, &rule)), (1, 1, 1));
        assert_eq!((find(&physician, &opens), find(&physician, &closes), find(&physician, &rule)), (1, 0, 1), "as they are shown");
        assert_eq!(find(&person, &format!("{opens},{closes}")), 2);
        let total = |query: &str| server.get(&auditor, &format!("AuditEvent?{query}_summary=count")).expect(200)["total"].as_i64().unwrap();
        let all = total("");
        // The counting leaves a trace itself.
        assert_eq!(total(&format!("policy={law}&")), all + 1, "every trace has its law");
        for nothing in [
            "https://x.example/1",
            "M-00001",
            "R-0001",
            &format!("{CB}/policy/R-%"),
            &format!("{CB}/policy/r-0001"),
            &format!("{law}/matrix/%"),
        ] {
            assert_eq!(find(&auditor, nothing), 0, "{nothing}");
        }
        let (with, without) = (find_missing(&server, &person, false), find_missing(&server, &person, true));
        assert!(with > 0 && without > 0, "{with} {without}");
        assert_eq!(server.get(&person, &format!("AuditEvent?policy:below={CB}")).status, 400);
    });
}

fn find_missing(server: &Server, who: &Value, missing: bool) -> usize {
    let found = server.get(who, &format!("AuditEvent?policy:missing={missing}&_count=100")).expect(200);
    let entries = found["entry"].as_array().unwrap().clone();
    for entry in &entries {
        assert_eq!(entry["resource"]["agent"][0].get("policy").is_none(), missing, "{entry}");
    }
    entries.len()
}

#[test]
fn no_row_tells_the_type_of_what_is_hidden() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let id = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).hidden().json()).id();
        let physician = professional(1, "10");
        server.get(&physician, &format!("DocumentReference/{id}")).expect(200);
        server.get(&professional(1, "28"), &format!("DocumentReference/{id}")).expect(404);
        assert_eq!(finds(&server, &physician, &me).1.len(), 1);
        let law = policies(&server, &service("auditor"), "subtype=read").pop().unwrap();
        let address = |profession: &str| format!("{law}/matrix/{}", row(profession, "11490-0"));
        let seen = |who: &Value| {
            let text = server.get(who, "AuditEvent?_count=200").expect(200).to_string();
            let found = |address: &str| server.get(who, &format!("AuditEvent{}", query(&[("policy", address)]))).matches().len();
            let rule = found(&format!("{CB}/policy/R-0001"));
            (text.contains("/matrix/"), found(&address("10")), found(&address("28")), rule)
        };
        assert_eq!(seen(&holder(&me)), (false, 0, 0, 0));
        assert_eq!(seen(&service("auditor")), (true, 2, 1, 2));
        // Once it is announced its traces tell all.
        assert_eq!(patches(&server, &structure(HOSPITAL), &id, &label_off()), 200);
        assert_eq!(seen(&holder(&me)), (true, 2, 1, 2));
    });
}

#[test]
fn no_row_tells_representatives_of_a_minors_secret() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (parent, open, secret) = minor(&server);
        let lina = crate::support::build::minor_ins(1);
        server.create(&parent, &consent(&lina, "record-access", "permit", party(&psidnat(1)))).expect(201);
        // The secret is of another type than all that is shown.
        let other = document(&lina, "11502-2", 9).labelled("INVISIBLE_REPRESENTANTS_LEGAUX");
        let other = server.create(&structure(HOSPITAL), &other.json()).id();
        let physician = professional(1, "10");
        assert_eq!(finds(&server, &physician, &lina).1.len(), 3);
        for reference in [&open, &secret, &format!("DocumentReference/{other}")] {
            server.get(&physician, reference).expect(200);
        }
        let text = server.get(&parent, "AuditEvent?_count=200").expect(200).to_string();
        assert!(text.contains(&row("10", "11490-0")) && !text.contains(&row("10", "11502-2")), "{text}");
        let law = policies(&server, &service("auditor"), "subtype=read").pop().unwrap();
        let found = |who: &Value, code: &str| {
            let address = format!("{law}/matrix/{}", row("10", code));
            server.get(who, &format!("AuditEvent{}", query(&[("policy", &address)]))).matches().len()
        };
        assert_eq!((found(&parent, "11502-2"), found(&parent, "11490-0")), (0, 1));
        assert_eq!((found(&service("auditor"), "11502-2"), found(&service("auditor"), "11490-0")), (2, 3));
        let stranger = representative(&crate::support::build::ins(31), &lina);
        assert_eq!(server.get(&stranger, "AuditEvent").matches().len(), 0);
    });
}
