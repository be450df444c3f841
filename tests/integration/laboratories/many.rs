//! Many reports at once: the same from many, and many in one Bundle of which one is bad.

use serde_json::{Value, json};

use super::{counts, laboratory, with_reader};
use crate::support::build::{holder, ins};
use crate::support::on_both;
use crate::support::report::{containing, pushed, report, result};
use crate::support::submission::submit;

const MANY: usize = 64;

#[test]
fn the_same_report_from_many_at_once_is_one() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        let (one, two) = (
            containing(report(&me, 1, "final"), &[result(&me, "2951-2", 140.0)]),
            pushed(report(&me, 2, "final"), &[result(&me, "2951-2", 140.0)]),
        );
        server.token(&laboratory());
        for (path, body) in [("DiagnosticReport", one.to_string()), ("", two.to_string())] {
            let answers: Vec<(u16, Value)> = std::thread::scope(|scope| {
                let send = || {
                    let headers = [("content-type", "application/fhir+json")];
                    server.fhir_with(&laboratory(), "POST", path, &headers, Some(body.as_bytes()))
                };
                let threads: Vec<_> = (0..MANY).map(|_| scope.spawn(send)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).map(|answer| (answer.status, answer.json())).collect()
            });
            let expected = &answers[0];
            assert_eq!(expected.0, if path.is_empty() { 200 } else { 201 });
            assert!(answers.iter().all(|answer| answer == expected), "{path}: {answers:?}");
        }
        assert_eq!(counts(&server, &physician, &me), [2, 2, 2]);
    });
}

/// A Bundle of reports with one result each, of which one is about nobody known.
fn reports(me: &str, kind: &str, count: u32, bad: u32) -> Value {
    let one = |number: u32| {
        let of = if number == bad { ins(99) } else { me.to_owned() };
        let whole = containing(report(&of, number, "final"), &[result(&of, "2951-2", 140.0)]);
        json!({"resource": whole, "request": {"method": "POST", "url": "DiagnosticReport"}})
    };
    json!({"resourceType": "Bundle", "type": kind, "entry": (0..count).map(one).collect::<Vec<_>>()})
}

#[test]
fn of_five_hundred_reports_the_bad_one_is_told() {
    on_both(|backend| {
        let (server, me, _) = with_reader(backend);
        let own = holder(&me);
        let refused = submit(&server, &laboratory(), &reports(&me, "transaction", 500, 41));
        assert_eq!(
            (refused.status, refused.issue().0.as_str(), refused.issue().1.as_str()),
            (422, "not-found", "Bundle.entry[41].resource.subject")
        );
        assert_eq!(counts(&server, &own, &me), [0, 0, 0]);
        let answer = submit(&server, &laboratory(), &reports(&me, "batch", 500, 321)).expect(200);
        let statuses: Vec<&str> =
            answer["entry"].as_array().unwrap().iter().map(|entry| entry["response"]["status"].as_str().unwrap()).collect();
        assert!(statuses.iter().enumerate().all(|(at, status)| *status == if at == 321 { "422" } else { "201" }), "{statuses:?}");
        let issue = &answer["entry"][321]["response"]["outcome"]["issue"][0];
        assert_eq!((&issue["code"], &issue["expression"][0]), (&json!("not-found"), &json!("Bundle.entry[321].resource.subject")));
        let total = |resource: &str| super::search(&server, &own, &me, resource, &[("_summary", "count")]).expect(200)["total"].clone();
        assert_eq!(["DocumentReference", "DiagnosticReport", "Observation"].map(total), [json!(499), json!(499), json!(499)]);
    });
}

#[test]
fn the_number_of_results_costs_no_statements() {
    on_both(|backend| {
        let (server, me, _) = with_reader(backend);
        server.token(&laboratory());
        let statements = || {
            let text = server.send("GET", "/metrics", &[], None).text();
            text.lines().find_map(|line| line.strip_prefix("ensemble_statements_total ")).unwrap().parse::<i64>().unwrap()
        };
        let cost = |number: u32, status: &str, results: usize| {
            let all: Vec<Value> = (0..results).map(|at| result(&me, &format!("{}-{}", 1000 + at, at % 10), 1.0)).collect();
            let before = statements();
            let bundle = pushed(report(&me, number, status), &all);
            assert!(submit(&server, &laboratory(), &bundle).status == 200, "{number} {status}");
            statements() - before
        };
        for status in ["preliminary", "final"] {
            let (few, many) = (cost(1, status, 2), cost(2, status, 400));
            assert!(few < 60 && many <= few + 20, "{status}: {few} {many}");
        }
    });
}
