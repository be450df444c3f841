//! Reports that come with a document: as its content, or named by it.

use serde_json::{Value, json};

use super::{counts, finds, laboratory, with_reader};
use crate::support::build::{document, holder};
use crate::support::on_both;
use crate::support::record::{deletion, patches};
use crate::support::report::{as_document, report, result};
use crate::support::submission::{apart, create, submission_set, submit, transaction, urn, wrote};

#[test]
fn a_fhir_document_is_searched_by_its_results() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        let results = [result(&me, "2951-2", 140.0), result(&me, "2823-3", 4.1)];
        let whole = as_document(&me, 1, report(&me, 1, "preliminary"), &results);
        let first = server.create(&laboratory(), &whole);
        let letter = first.expect(201);
        assert_eq!(counts(&server, &physician, &me), [1, 1, 2]);
        let own = letter["context"]["related"][0]["reference"].as_str().unwrap().to_owned();
        let read = server.get(&physician, &own).expect(200);
        assert!(read["subject"]["reference"].as_str().unwrap().starts_with("Patient/"), "{read}");
        let observation = read["result"][0]["reference"].as_str().unwrap().to_owned();
        let read = server.get(&physician, &observation).expect(200);
        assert_eq!(read["contained"][0]["name"], "Laboratoire", "{read}");
        // Once more: the same.
        let again = server.create(&laboratory(), &whole);
        assert_eq!((again.status, again.body), (201, first.body));
        assert_eq!(counts(&server, &physician, &me), [1, 1, 2]);
        // The next version is another document with the same report: it replaces the one before, said or not.
        let next = server.create(&laboratory(), &as_document(&me, 2, report(&me, 1, "final"), &results)).expect(201);
        assert_eq!(next["relatesTo"][0]["target"]["reference"], format!("DocumentReference/{}", letter["id"].as_str().unwrap()));
        assert_eq!(next["context"]["related"][0]["reference"], own.as_str());
        assert_eq!(counts(&server, &physician, &me), [2, 1, 2]);
        assert_eq!(server.get(&physician, &observation).expect(200)["meta"]["versionId"], "2");
        // Other content that was final is refused, unless the document says what it replaces.
        let mut third = as_document(&me, 3, report(&me, 1, "final"), &results[..1]);
        assert_eq!(server.create(&laboratory(), &third).status, 409);
        third["relatesTo"] =
            json!([{"code": "replaces", "target": {"reference": format!("DocumentReference/{}", next["id"].as_str().unwrap())}}]);
        server.create(&laboratory(), &third).expect(201);
        assert_eq!(counts(&server, &physician, &me), [3, 1, 1]);
        // A PDF that replaces it is found as a document alone.
        let current = finds(&server, &physician, &me, "DocumentReference", &[("status", "current")]).remove(0);
        let replaces = json!([{"code": "replaces", "target": {"reference": format!("DocumentReference/{current}")}}]);
        server.create(&laboratory(), &document(&me, "11502-2", 4).with("relatesTo", replaces).json()).expect(201);
        assert_eq!(counts(&server, &physician, &me), [4, 0, 0]);
    });
}

#[test]
fn a_document_names_the_reports_that_it_brings() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        let (mut letter, content) = apart(document(&me, "11502-2", 1).hidden(), &urn(3));
        letter["context"] = json!({"related": [{"reference": urn(4)}]});
        let mut own = report(&me, 1, "final");
        own["result"] = json!([{"reference": urn(5)}]);
        let bundle = transaction(vec![
            create(&urn(1), submission_set(&me, 1, &[&urn(2)])),
            create(&urn(2), letter),
            create(&urn(3), content),
            create(&urn(4), own),
            create(&urn(5), result(&me, "2951-2", 140.0)),
        ]);
        let answer = submit(&server, &laboratory(), &bundle).expect(200);
        let written = wrote(&answer);
        let kinds: Vec<(&str, &str)> = written.iter().map(|(status, kind, _)| (status.as_str(), kind.as_str())).collect();
        let expected = ["List", "DocumentReference", "Binary", "DiagnosticReport", "Observation"];
        assert_eq!(kinds, expected.map(|kind| ("201", kind)));
        // One document, whose label hides report and result.
        assert_eq!(counts(&server, &physician, &me), [1, 1, 1]);
        assert_eq!(counts(&server, &holder(&me), &me), [0, 0, 0]);
        let raw = server.get(&physician, &format!("Binary/{}", written[2].2));
        assert_eq!(raw.text(), "document 1");
        assert_eq!(wrote(&submit(&server, &laboratory(), &bundle).expect(200)), written);
        assert_eq!(patches(&server, &laboratory(), &written[1].2, &deletion()), 200);
        assert_eq!(counts(&server, &physician, &me), [0, 0, 0]);
        // A report beside a document that does not name it, of which the label would not hold.
        let mut loose = bundle.clone();
        loose["entry"][1]["resource"].as_object_mut().unwrap().remove("context");
        let refused = submit(&server, &laboratory(), &loose);
        assert_eq!((refused.status, refused.issue().1.as_str()), (422, "Bundle.entry[3].resource"));
        // A label on a part would hide nothing: it stands on the document.
        for part in [3, 4] {
            let mut labelled = bundle.clone();
            labelled["entry"][part]["resource"]["meta"] = json!({"security": [{"code": "INVISIBLE_PATIENT"}]});
            let refused = submit(&server, &laboratory(), &labelled);
            assert!(refused.status == 422 && refused.issue().1.ends_with("meta.security"), "{}", refused.text());
        }
        // A letter brings no report.
        let mut other: Value = bundle.clone();
        other["entry"][1]["resource"]["type"] = json!({"coding": [{"system": "http://loinc.org", "code": "11490-0"}]});
        assert_eq!(submit(&server, &laboratory(), &other).issue().1, "Bundle.entry[1].resource.type");
        assert_eq!(counts(&server, &physician, &me), [0, 0, 0]);
    });
}
