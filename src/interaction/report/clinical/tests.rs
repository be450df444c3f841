#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::cda::results::{Amount, Concept, Datum, Specimen, Time};
use crate::cda::{Code, Id};

fn code(code: &str) -> Concept {
    let code = Code { system: "2.16.840.1.113883.6.1".into(), code: code.into(), display: None };
    Concept { codes: vec![code], text: None }
}

fn item(kind: Kind, within: Option<usize>, name: &str, value: Option<Datum>) -> Item {
    Item {
        kind,
        within,
        ids: vec![("1.2.3".into(), "same".into()), ("1.2.3".into(), name.into())],
        code: Some(code(name)),
        status: Some("completed".into()),
        time: None,
        value,
        interpretations: vec![code("N")],
        method: None,
        site: None,
        ranges: Vec::new(),
        ranges_left: false,
        comments: vec!["à contrôler".into()],
        specimen: Some(0),
    }
}

fn amount(value: &str, unit: &str) -> Option<Datum> {
    Some(Datum::Amount(Amount { value: value.into(), unit: Some(unit.into()) }))
}

fn header() -> Header {
    Header {
        id: Id::new("1.2.3.2", ""),
        set_id: Id::new("1.2.3", "R7"),
        version: Some("2".into()),
        title: Some("Compte rendu".into()),
        effective_time: Some("20261002120000+0200".into()),
        period: Some((Some("20261002".into()), None)),
        authors: vec![Party {
            ids: vec![("1.2.250.1.71.4.2.1".into(), "810000000101".into())],
            organization: Some(Organization { ids: vec![("1.2.250.1.71.4.2.2".into(), "1690000027".into())], name: None }),
            ..Party::default()
        }],
        ..Header::default()
    }
}

fn found(items: Vec<Item>) -> Results {
    let taken = Specimen { kind: Some(code("UR")), collected: Some(Time::At("20261001".into())), received: None };
    Results { found: true, items, specimens: vec![taken], comments: vec!["Culture négative".into()], ..Results::default() }
}

#[test]
fn a_report_is_made_with_its_groups() {
    let results = found(vec![
        item(Kind::Battery, None, "24323-8", None),
        item(Kind::Battery, Some(0), "1-1", None),
        item(Kind::Result, Some(1), "2951-2", amount("140.0", "mmol/L")),
        item(Kind::Result, Some(0), "2823-3", amount("4,1", "mmol/L")),
        item(Kind::Battery, None, "1-2", None),
        item(Kind::Result, None, "3016-3", amount("1.950", "mUI par litre")),
    ]);
    let (report, told) = report(&header(), &results);
    let report = report.unwrap();
    let whole = &report.report;
    assert_eq!(whole["identifier"][0], json!({"system": "urn:oid:1.2.3", "value": "R7"}));
    assert_eq!((report.status(), &whole["issued"]), ("amended", &json!("2026-10-02T12:00:00+02:00")));
    assert_eq!(whole["performer"].as_array().unwrap().len(), 2);
    assert_eq!(whole["conclusion"], "Culture négative");
    let ids: Vec<&str> = report.results.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["result-1", "result-2", "result-3", "result-6"], "what is no number and what holds nothing goes");
    let members = |at: usize| report.results[at].1["hasMember"].to_string();
    assert_eq!(whole["result"], json!([{"reference": "#result-1"}, {"reference": "#result-6"}]));
    assert!(members(0).contains("#result-2") && !members(0).contains("#result-4") && members(1).contains("#result-3"));
    let sodium = &report.results[2].1;
    assert_eq!(
        sodium["valueQuantity"].to_string(),
        r#"{"value":140.0,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}"#
    );
    assert_eq!((&sodium["effectiveDateTime"], &sodium["status"]), (&json!("2026-10-01"), &json!("final")));
    assert_eq!(sodium["contained"][0]["type"]["coding"][0]["code"], "UR");
    assert_eq!(sodium["identifier"].as_array().unwrap().len(), 1, "what several have is no identifier");
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("1 of the results") && told[0].contains("`2823-3`"), "{told:?}");
    assert!(told[1].starts_with("1 of the units") && told[1].contains("`mUI par litre`"), "{told:?}");
}

#[test]
fn a_report_without_what_was_not_read_is_one() {
    assert!(report(&header(), &Results::default()).0.is_none(), "a body without results");
    let (made, told) = report(&header(), &Results { found: true, too_many: true, ..Results::default() });
    assert!(made.unwrap().results.is_empty() && told.len() == 1);
    // Nothing that is not valid: a header may say anything.
    let odd = Header { set_id: Id::new("no oid", "7"), ..header() };
    let (made, told) = report(&odd, &found(vec![item(Kind::Result, None, "3016-3", amount("1", "g/L"))]));
    assert!(made.is_none() && told.len() == 1, "{told:?}");
    let (made, told) = report(&header(), &found(vec![item(Kind::Result, None, "no  code", amount("1", "g/L"))]));
    assert!(made.unwrap().results.is_empty() && told[0].ends_with("they would not be valid"), "{told:?}");
}
