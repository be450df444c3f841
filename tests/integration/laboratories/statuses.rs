//! One report has one identifier: what is sent again, and what becomes of it.

use serde_json::{Value, json};

use super::{counts, finds, laboratory, search, with_reader};
use crate::support::build::{holder, professional};
use crate::support::on_both;
use crate::support::report::{containing, pushed, report, result};
use crate::support::submission::{submit, wrote};

#[test]
fn the_same_push_is_answered_as_the_first_time() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        let results = [result(&me, "2951-2", 140.0), result(&me, "2823-3", 4.1)];
        let bundle = pushed(report(&me, 1, "final"), &results);
        let first = submit(&server, &laboratory(), &bundle).expect(200);
        // Other names within the Bundle and another order are the same push.
        let mut other = bundle.clone();
        other["entry"].as_array_mut().unwrap().reverse();
        let other: Value = serde_json::from_str(&other.to_string().replace("aaaaaaaa-0000", "bbbbbbbb-0000")).unwrap();
        let again = submit(&server, &laboratory(), &other).expect(200);
        let mut written = wrote(&again);
        written.reverse();
        assert_eq!(written, wrote(&first));
        let whole = containing(report(&me, 2, "final"), &results);
        let one = server.create(&laboratory(), &whole);
        let two = server.create(&laboratory(), &whole);
        assert_eq!((one.status, two.status, one.body), (201, 201, two.body));
        assert_eq!(counts(&server, &physician, &me), [2, 2, 4]);
        // Another submitter's report is another report.
        server.create(&professional(2, "10"), &whole).expect(201);
        assert_eq!(counts(&server, &physician, &me), [3, 3, 6]);
        // Other content of what was final says what it is.
        let refused = server.create(&laboratory(), &containing(report(&me, 2, "final"), &results[..1]));
        assert_eq!((refused.status, refused.issue().0.as_str()), (409, "conflict"));
        assert_eq!(counts(&server, &physician, &me), [3, 3, 6]);
    });
}

#[test]
fn a_report_becomes_final_and_is_corrected() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        let send = |status: &str, results: &[Value]| server.create(&laboratory(), &containing(report(&me, 1, status), results));
        let sodium = |value: f64| result(&me, "2951-2", value);
        let preliminary = [sodium(150.0), result(&me, "2823-3", 9.0)];
        let first = send("preliminary", &preliminary).expect(201);
        let own = first["id"].as_str().unwrap().to_owned();
        let observation = first["result"][0]["reference"].as_str().unwrap().to_owned();
        let dropped = first["result"][1]["reference"].as_str().unwrap().to_owned();
        // Final: the report and what is the same result are new versions; what is no result any more is not found.
        let final_one = send("final", &[sodium(141.0)]);
        let answered = final_one.expect(200);
        assert!(final_one.header("location").ends_with(&format!("DiagnosticReport/{own}/_history/2")), "{}", final_one.header("location"));
        assert_eq!((answered["id"].as_str(), answered["meta"]["versionId"].as_str()), (Some(own.as_str()), Some("2")));
        assert_eq!(answered["result"], json!([{"reference": observation}]));
        assert_eq!(server.get(&physician, &observation).expect(200)["valueQuantity"]["value"], 141.0);
        assert_eq!(server.get(&physician, &format!("{observation}/_history/1")).expect(200)["valueQuantity"]["value"], 150.0);
        assert_eq!(server.get(&physician, &dropped).status, 404);
        assert_eq!(counts(&server, &physician, &me), [2, 1, 1]);
        // Its documents follow.
        assert_eq!(finds(&server, &physician, &me, "DocumentReference", &[("status", "superseded")]).len(), 1);
        let current = search(&server, &physician, &me, "DocumentReference", &[("status", "current")]).expect(200);
        let current = &current["entry"][0]["resource"];
        assert_eq!(current["relatesTo"][0]["code"], "replaces");
        // A late push of what was is answered as then, and undoes nothing.
        assert_eq!(send("preliminary", &preliminary).expect(201)["meta"]["versionId"], "1");
        let late = send("preliminary", &preliminary[1..]);
        assert_eq!((late.status, late.issue().0.as_str()), (409, "conflict"));
        assert_eq!(server.get(&physician, &format!("DiagnosticReport/{own}")).expect(200)["status"], "final");
        // Corrected, amended, appended.
        for (version, status, value) in [("3", "corrected", 142.0), ("4", "amended", 143.0), ("5", "appended", 144.0)] {
            let answer = send(status, &[sodium(value)]).expect(200);
            assert_eq!((answer["meta"]["versionId"].as_str(), answer["status"].as_str()), (Some(version), Some(status)));
            assert_eq!(counts(&server, &physician, &me)[1..], [1, 1]);
        }
        let history = server.get(&physician, &format!("DiagnosticReport/{own}/_history")).expect(200);
        let statuses: Vec<&str> =
            history["entry"].as_array().unwrap().iter().map(|entry| entry["resource"]["status"].as_str().unwrap()).collect();
        assert_eq!(statuses, ["appended", "amended", "corrected", "final", "preliminary"]);
        // Cancelled: the report says so, its results are none.
        let cancelled = server.create(&laboratory(), &report(&me, 1, "cancelled")).expect(200);
        assert_eq!(cancelled["status"], "cancelled");
        assert_eq!(counts(&server, &physician, &me)[1..], [1, 0]);
        assert_eq!(send("amended", &[sodium(1.0)]).status, 409);
    });
}

#[test]
fn a_report_that_should_not_be_is_withdrawn() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        let results = [result(&me, "2951-2", 140.0)];
        // What was never sent is not withdrawn.
        let unknown = server.create(&laboratory(), &report(&me, 1, "entered-in-error"));
        assert_eq!((unknown.status, unknown.issue().1.as_str()), (422, "DiagnosticReport.status"));
        let first = server.create(&laboratory(), &containing(report(&me, 1, "final"), &results)).expect(201);
        server.create(&laboratory(), &containing(report(&me, 1, "corrected"), &results)).expect(200);
        assert_eq!(counts(&server, &physician, &me), [2, 1, 1]);
        // Another laboratory withdraws nothing of it.
        assert_eq!(server.create(&professional(3, "10"), &report(&me, 1, "entered-in-error")).status, 422);
        for _ in 0..2 {
            let withdrawn = server.create(&laboratory(), &report(&me, 1, "entered-in-error")).expect(200);
            assert_eq!((&withdrawn["status"], &withdrawn["id"]), (&json!("entered-in-error"), &first["id"]));
        }
        for who in [&physician, &holder(&me)] {
            assert_eq!(counts(&server, who, &me), [0, 0, 0], "{who}");
            for path in [
                format!("DiagnosticReport/{}", first["id"].as_str().unwrap()),
                first["result"][0]["reference"].as_str().unwrap().to_owned(),
            ] {
                assert_eq!(server.get(who, &path).status, 404, "{path}");
                assert_eq!(server.get(who, &format!("{path}/_history/1")).status, 404, "{path}");
            }
        }
        assert_eq!(finds(&server, &laboratory(), &me, "DocumentReference", &[]).len(), 0);
        // It does not come back.
        for whole in [containing(report(&me, 1, "final"), &results), containing(report(&me, 1, "amended"), &results)] {
            assert_eq!(server.create(&laboratory(), &whole).status, 409);
        }
    });
}

#[test]
fn a_document_that_is_withdrawn_takes_its_report_with_it() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        let whole = pushed(report(&me, 1, "final"), &[result(&me, "2951-2", 140.0)]);
        submit(&server, &laboratory(), &whole).expect(200);
        let document = finds(&server, &physician, &me, "DocumentReference", &[]).remove(0);
        assert_eq!(crate::support::record::patches(&server, &laboratory(), &document, &crate::support::record::deletion()), 200);
        assert_eq!(counts(&server, &physician, &me), [0, 0, 0]);
        assert_eq!(submit(&server, &laboratory(), &whole).status, 409);
    });
}
