//! What is not read out of a clinical document is told, and the document kept.

use serde_json::Value;

use super::{counts, finds, laboratory, with_reader};
use crate::support::biology::{battery, biology, body, measured, observed, tsh};
use crate::support::{Server, on_both};

/// The warnings of a push in this language about what was read of the content.
fn told(server: &Server, push: &Value, language: &str) -> Vec<String> {
    let headers = [("content-type", "application/fhir+json"), ("prefer", "return=OperationOutcome"), ("accept-language", language)];
    let answer = server.fhir_with(&laboratory(), "POST", "DocumentReference", &headers, Some(push.to_string().as_bytes()));
    let issues = answer.expect(201)["issue"].as_array().cloned().unwrap_or_default();
    let here = |issue: &&Value| issue["severity"] == "warning" && issue["expression"][0] == "DocumentReference.content[0].attachment.data";
    issues.iter().filter(here).map(|issue| issue["details"]["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_not_read_is_told() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        let good = tsh("1.950");
        let value = |value: &str| observed("2951-2", value);
        let code = "<code code=\"3016-3\" codeSystem=\"2.16.840.1.113883.6.1\">";
        let rows: [(Vec<String>, &[&str], usize); 12] = [
            (vec![good.clone()], &[], 1),
            (vec![good.clone(), value("<value xsi:type=\"MO\" value=\"1\"/>")], &["1 of the results", "`2951-2`", "not read"], 1),
            (vec![good.clone(), value("<value xsi:type=\"PQ\" value=\"1e999\" unit=\"g/L\"/>")], &["`2951-2`", "what its type says"], 1),
            (
                vec![good.clone(), value("<value xsi:type=\"PQ\" value=\"beaucoup\"/>"), value("<value xsi:type=\"TS\" value=\"hier\"/>")],
                &["2 of the results"],
                1,
            ),
            (vec![good.replace(code, "<code nullFlavor=\"NI\">").replace("#name", "#none")], &["`-` first", "have no code"], 0),
            (vec![good.replace("<value", "<value xsi:type=\"INT\" value=\"1\"/><value")], &["several values"], 0),
            (vec![good.replace("<statusCode", "<subject/><statusCode"), good.clone()], &["another than the person"], 1),
            (vec![good.replacen("moodCode=\"EVN\"", "moodCode=\"RQO\"", 1)], &["did not happen"], 0),
            (vec![measured("2951-2", "140", "mEq par litre")], &["3 of the units", "`mEq par litre`", "as text"], 1),
            (
                vec![good.replace("<observationRange>", "<observationRange><precondition><criterion/></precondition>")],
                &["1 of the results", "expected ranges"],
                1,
            ),
            (vec![good.replace("3016-3", "no  code")], &["`no  code` first", "not be valid"], 0),
            (vec![battery("24323-8", &[value("<value xsi:type=\"MO\"/>")])], &["1 of the results"], 0),
        ];
        let mut expected = [0, 0, 0];
        for (number, (parts, words, results)) in (1..).zip(rows) {
            let warnings = told(&server, &biology(&me, number, 1, &parts).push(), "en");
            assert_eq!(warnings.len(), usize::from(!words.is_empty()), "{parts:?}: {warnings:?}");
            assert!(words.iter().all(|word| warnings[0].contains(word)), "{words:?}: {warnings:?}");
            expected = [expected[0] + 1, expected[1] + 1, expected[2] + results];
            assert_eq!(counts(&server, &physician, &me), expected, "{parts:?}");
        }
        // A unit that is none of UCUM is a text.
        let found = finds(&server, &physician, &me, "Observation", &[("code", "2951-2")]);
        let read = server.get(&physician, &format!("Observation/{}", found[0])).expect(200);
        assert_eq!((&read["valueQuantity"]["unit"], read["valueQuantity"].get("code")), (&"mEq par litre".into(), None));
        // In French, too.
        let push = biology(&me, 90, 1, &[value("<value xsi:type=\"MO\" value=\"1\"/>"), measured("1-8", "1", "mEq par litre")]).push();
        let warnings = told(&server, &push, "fr");
        assert!(warnings.iter().all(|text| text.contains("document clinique") && !text.contains(" the ")), "{warnings:?}");
    });
}

#[test]
fn more_than_is_read_is_kept_as_a_document() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        server.create(&laboratory(), &biology(&me, 1, 1, &[tsh("1.0")]).push()).expect(201);
        let mut many = biology(&me, 1, 2, &[]);
        many.body = body(&vec![tsh("1.0"); 2000]);
        let warnings = told(&server, &many.push(), "en");
        assert!(matches!(warnings.as_slice(), [one] if one.contains("more than 1000")), "{warnings:?}");
        // It follows the version before, whose results are none any more.
        assert_eq!(counts(&server, &physician, &me), [2, 1, 0]);
        many = biology(&me, 2, 1, &[]);
        many.body = body(&vec!["<observation/>".to_owned(); 100_000]);
        assert_eq!(told(&server, &many.push(), "en").len(), 1);
        assert_eq!(counts(&server, &physician, &me), [3, 2, 0]);
        // A thousand are read.
        many = biology(&me, 3, 1, &[]);
        many.body = body(&vec![tsh("1.0"); 1000]);
        assert_eq!(told(&server, &many.push(), "en"), [""; 0]);
        let counted = super::search(&server, &physician, &me, "Observation", &[("_summary", "count")]).expect(200);
        assert_eq!(counted["total"], 1000);
    });
}
