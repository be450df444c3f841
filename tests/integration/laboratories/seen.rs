//! A report and its results are seen as their document is, in every way there is to them.

use serde_json::{Value, json};

use super::{counts, finds, laboratory, search, with_reader};
use crate::support::build::{
    consent, document, holder, minor_ins, party, patient, person, professional, psidnat, representative, service, structure,
};
use crate::support::record::{deletion, label_off, label_on, patches};
use crate::support::report::{containing, report, result};
use crate::support::{Server, on_both};

/// The addresses of the report, its result and its document.
fn deposited(server: &Server, who: &Value, me: &str, number: u32, label: &str) -> [String; 3] {
    let mut whole = containing(report(me, number, "final"), &[result(me, "2951-2", 140.0)]);
    if !label.is_empty() {
        whole["meta"] = json!({"security": [{"system": ensemble::policy::nomenclature::TRE_A07, "code": label}]});
    }
    let created = server.create(who, &whole).expect(201);
    let own = format!("DiagnosticReport/{}", created["id"].as_str().unwrap());
    let document = finds(server, who, me, "DocumentReference", &[("related", &own)]).remove(0);
    [own, created["result"][0]["reference"].as_str().unwrap().to_owned(), format!("DocumentReference/{document}")]
}

#[test]
fn labels_of_the_document_hide_report_and_results() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        let own = holder(&me);
        server.create(&own, &consent(&me, "treating-physician", "permit", party(&psidnat(5)))).expect(201);
        let treating = professional(5, "10");
        let optician = professional(6, "28");
        server.create(&own, &consent(&me, "record-access", "permit", party(&psidnat(6)))).expect(201);
        let nurse = professional(7, "60");
        server.create(&own, &consent(&me, "record-access", "permit", party(&psidnat(7)))).expect(201);
        let [report, result, document] = deposited(&server, &laboratory(), &me, 1, "");
        let id = document.rsplit('/').next().unwrap().to_owned();
        // Who sees each, by document: the three are seen alike, read and searched, and through each other.
        let sees = |who: &Value, expected: bool, why: &str| {
            for path in [&report, &result, &document] {
                assert_eq!(server.get(who, path).status == 200, expected, "{who} {path}: {why}");
                assert_eq!(server.get(who, &format!("{path}/_history/1")).status == 200, expected, "{who} {path}: {why}");
                let (kind, id) = path.split_once('/').unwrap();
                assert_eq!(finds(&server, who, &me, kind, &[]) == [id], expected, "{who} {path}: {why}");
                let counted = search(&server, who, &me, kind, &[("_summary", "count")]).expect(200);
                assert_eq!(counted["total"], i32::from(expected), "{who} {path}: {why}");
            }
            let chained = [
                ("DocumentReference", "related:DiagnosticReport.status", "final"),
                ("DiagnosticReport", "result.code", "2951-2"),
                ("Observation", "_has:DiagnosticReport:result:code", "11502-2"),
            ];
            for (kind, name, value) in chained {
                assert_eq!(finds(&server, who, &me, kind, &[(name, value)]).len(), usize::from(expected), "{who} {name}: {why}");
            }
            let all = search(
                &server,
                who,
                &me,
                "DocumentReference",
                &[("_include", "DocumentReference:related"), ("_include:iterate", "DiagnosticReport:result")],
            );
            assert_eq!(all.text().contains("\"Observation\""), expected, "{who}: {why}");
        };
        for (who, expected) in [(&physician, true), (&nurse, true), (&treating, true), (&own, true), (&optician, false)] {
            sees(who, expected, "no label");
        }
        assert_eq!(patches(&server, &own, &id, &label_on("MASQUE_PS")), 200);
        for (who, expected) in [(&physician, false), (&nurse, false), (&treating, true), (&own, true), (&optician, false)] {
            sees(who, expected, "masked");
        }
        assert_eq!(patches(&server, &own, &id, &label_off()), 200);
        sees(&physician, true, "unmasked");
        server.create(&own, &consent(&me, "record-block", "deny", party(&psidnat(1)))).expect(201);
        for path in [&report, &result] {
            assert_eq!(server.get(&physician, path).status, 404, "{path}");
        }
        assert_eq!(search(&server, &physician, &me, "Observation", &[]).status, 403);
        // Nobody else, whoever asks.
        for who in [structure("1750000018"), laboratory(), service("operator"), service("auditor"), professional(9, "10")] {
            for path in [&report, &result] {
                assert!(matches!(server.get(&who, path).status, 403 | 404), "{who} {path}");
            }
        }
        assert_eq!(patches(&server, &laboratory(), &id, &deletion()), 200);
        sees(&own, false, "withdrawn");
    });
}

#[test]
fn what_awaits_its_announcement_and_secrets_of_minors_are_hidden() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        let own = holder(&me);
        let [report, result, document] = deposited(&server, &laboratory(), &me, 1, "INVISIBLE_PATIENT");
        let id = document.rsplit('/').next().unwrap();
        for path in [&report, &result, &document] {
            assert_eq!((server.get(&physician, path).status, server.get(&own, path).status), (200, 404), "{path}");
        }
        assert_eq!(counts(&server, &own, &me), [0, 0, 0]);
        // Its traces name nothing.
        let traces = server.get(&own, "AuditEvent?_count=100").text();
        for path in [&report, &result] {
            assert!(!traces.contains(path.as_str()), "{path}");
        }
        assert_eq!(patches(&server, &laboratory(), id, &label_off()), 200);
        for path in [&report, &result, &document] {
            assert_eq!(server.get(&own, path).status, 200, "{path}");
        }
        assert!(server.get(&own, "AuditEvent?_count=100").text().contains(&result));
        // Who saw a result saw the document: it is not hidden again.
        assert_eq!(patches(&server, &laboratory(), id, &label_on("INVISIBLE_PATIENT")), 403);
        let [_, result, document] = deposited(&server, &laboratory(), &me, 2, "");
        assert_eq!(server.get(&own, &result).status, 200);
        assert_eq!(patches(&server, &laboratory(), document.rsplit('/').next().unwrap(), &label_on("INVISIBLE_PATIENT")), 403);
        // The label ends a month after the deposit, for the report too.
        let [report, result, _] = deposited(&server, &laboratory(), &me, 3, "INVISIBLE_PATIENT");
        assert_eq!(server.get(&own, &report).status, 404);
        server.advance("P32D");
        server.forget_tokens();
        assert_eq!((server.get(&own, &report).status, server.get(&own, &result).status), (200, 200));
        // A minor's.
        let (lina, parent) = (minor_ins(1), crate::support::build::ins(20));
        server.create(&service("operator"), &patient(&lina)).expect(201);
        let related = json!({"resourceType": "RelatedPerson", "active": true, "patient": person(&lina), "identifier": [person(&parent)["identifier"]]});
        server.create(&service("operator"), &related).expect(201);
        let guardian = representative(&parent, &lina);
        let [open, ..] = deposited(&server, &laboratory(), &lina, 1, "");
        let [secret, result, _] = deposited(&server, &laboratory(), &lina, 2, "INVISIBLE_REPRESENTANTS_LEGAUX");
        assert_eq!(["", "", ""].map(|_| server.get(&guardian, &open).status), [200, 200, 200]);
        for path in [&secret, &result] {
            assert_eq!(server.get(&guardian, path).status, 404, "{path}");
        }
        assert_eq!(finds(&server, &guardian, &lina, "Observation", &[]).len(), 1);
    });
}

#[test]
fn an_earlier_version_is_seen_by_who_sees_the_document_that_brought_it() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        let own = holder(&me);
        let first = server.create(&laboratory(), &containing(report(&me, 1, "preliminary"), &[result(&me, "2951-2", 190.0)])).expect(201);
        let (path, observation) =
            (format!("DiagnosticReport/{}", first["id"].as_str().unwrap()), first["result"][0]["reference"].as_str().unwrap().to_owned());
        let before = finds(&server, &physician, &me, "DocumentReference", &[]).remove(0);
        assert_eq!(patches(&server, &own, &before, &label_on("MASQUE_PS")), 200);
        server.create(&laboratory(), &containing(report(&me, 1, "final"), &[result(&me, "2951-2", 140.0)])).expect(200);
        // What replaces a masked document is masked; unmasked, it tells nothing of the one before.
        assert_eq!(server.get(&physician, &path).status, 404);
        let now = finds(&server, &own, &me, "DocumentReference", &[("status", "current")]).remove(0);
        assert_eq!(patches(&server, &own, &now, &label_off()), 200);
        for path in [&path, &observation] {
            assert_eq!(server.get(&physician, path).expect(200)["meta"]["versionId"], "2");
            assert_eq!(server.get(&physician, &format!("{path}/_history/1")).status, 404, "{path}");
            assert_eq!(server.get(&physician, &format!("{path}/_history")).expect(200)["entry"].as_array().unwrap().len(), 1, "{path}");
            assert_eq!(server.get(&own, &format!("{path}/_history/1")).status, 200, "{path}");
        }
        assert_eq!(patches(&server, &own, &before, &label_off()), 200);
        assert_eq!(server.get(&physician, &format!("{observation}/_history/1")).expect(200)["valueQuantity"]["value"], 190.0);
    });
}

#[test]
fn a_narrowed_right_and_an_application_see_reports_as_documents() {
    on_both(|backend| {
        let (server, me, _) = with_reader(backend);
        let own = holder(&me);
        let [report, result, document] = deposited(&server, &laboratory(), &me, 1, "");
        for (number, class, expected) in [(11, "DocumentReference", 200), (12, "Patient", 404), (13, "Observation", 404)] {
            let mut narrowed = consent(&me, "record-access", "permit", party(&psidnat(number)));
            narrowed["provision"]["class"] = json!([{"system": "http://hl7.org/fhir/resource-types", "code": class}]);
            server.create(&own, &narrowed).expect(201);
            for path in [&report, &result, &document] {
                assert_eq!(server.get(&professional(number, "10"), path).status, expected, "{class} {path}");
            }
        }
        let system = format!("{}/NamingSystem/application", crate::support::build::CB);
        let mut allowed = consent(&me, "application", "permit", json!({"identifier": {"system": system, "value": "app"}}));
        allowed["provision"]["class"] = json!([{"system": "http://hl7.org/fhir/resource-types", "code": "DocumentReference"}]);
        allowed["provision"]["purpose"] = json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT"}]);
        server.create(&own, &allowed).expect(201);
        let app = |scope: &str| json!({"kind": "application", "client": "app", "for": format!("{}|{me}", crate::support::build::INS), "scope": scope});
        for (scope, expected) in
            [("patient/*.rs", [200, 200]), ("patient/Observation.rs", [403, 200]), ("patient/DocumentReference.rs", [403, 403])]
        {
            let statuses = [&report, &result].map(|path| server.get(&app(scope), path).status);
            let seen = statuses.map(|status| if status == 200 { 200 } else { 403 });
            assert_eq!(seen, expected, "{scope}: {statuses:?}");
        }
        // A document of another kind brings none.
        server.create(&laboratory(), &document_of(&me)).expect(201);
        assert_eq!(counts(&server, &own, &me), [2, 1, 1]);
    });
}

fn document_of(me: &str) -> Value {
    document(me, "11502-2", 40).json()
}
