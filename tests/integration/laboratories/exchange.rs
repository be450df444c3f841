//! A report in a transaction, and how it is found.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{finds, laboratory, search, with_reader};
use crate::support::build::{INS, holder, structure};
use crate::support::on_both;
use crate::support::report::{REPORTS, containing, pushed, report, result};
use crate::support::submission::{submit, wrote};

#[test]
fn a_report_is_found_as_a_document_and_by_its_results() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        let results = [result(&me, "2951-2", 140.0), result(&me, "2823-3", 4.1)];
        let answer = submit(&server, &laboratory(), &pushed(report(&me, 1, "final"), &results)).expect(200);
        // One answer for each entry, in the order of the request.
        let written = wrote(&answer);
        let kinds: Vec<(&str, &str)> = written.iter().map(|(status, kind, _)| (status.as_str(), kind.as_str())).collect();
        assert_eq!(kinds, [("201", "DiagnosticReport"), ("201", "Observation"), ("201", "Observation"), ("200", ""), ("200", "")]);
        assert!(answer["entry"][3]["response"]["outcome"].to_string().contains("kept within the report"), "{answer}");
        let [(.., own), (.., sodium), (.., potassium), ..] = written.as_slice() else { panic!("{answer}") };
        // As a report, with what it leads to.
        let read = server.get(&physician, &format!("DiagnosticReport/{own}")).expect(200);
        assert_eq!(
            read["result"],
            json!([{"reference": format!("Observation/{sodium}")}, {"reference": format!("Observation/{potassium}")}])
        );
        assert!(
            read["subject"]["reference"].as_str().unwrap().starts_with("Patient/") && read["subject"]["identifier"]["value"] == me.as_str()
        );
        assert_eq!(read["contained"].as_array().unwrap().len(), 2, "{read}");
        // By results: what they tell of is inside each.
        let read = server.get(&physician, &format!("Observation/{sodium}")).expect(200);
        assert_eq!(read["contained"][0]["resourceType"], "Specimen");
        assert_eq!(read["specimen"]["reference"], format!("#{}", read["contained"][0]["id"].as_str().unwrap()));
        assert_eq!(read["category"][0]["coding"][0]["code"], "laboratory");
        let patient = read["subject"]["reference"].as_str().unwrap().to_owned();
        let rows: [(&str, &[(&str, &str)], &[&String]); 13] = [
            ("DiagnosticReport", &[("category", "LAB")], &[own]),
            ("DiagnosticReport", &[("code", "http://loinc.org|11502-2"), ("date", "2026-10-02")], &[own]),
            ("DiagnosticReport", &[("date", "gt2026-10-03")], &[]),
            ("DiagnosticReport", &[("status", "final"), ("result", &format!("Observation/{sodium}"))], &[own]),
            ("DiagnosticReport", &[("result.code", "2823-3")], &[own]),
            ("DiagnosticReport", &[("result.code", "9999-9")], &[]),
            ("DiagnosticReport", &[("subject", &patient)], &[own]),
            ("Observation", &[("code", "2951-2")], &[sodium]),
            ("Observation", &[("code", "http://loinc.org|2951-2,http://loinc.org|2823-3")], &[sodium, potassium]),
            ("Observation", &[("date", "le2026-10-02"), ("value-quantity", "gt100")], &[sodium]),
            ("Observation", &[("category", "laboratory")], &[sodium, potassium]),
            ("Observation", &[("_has:DiagnosticReport:result:status", "final")], &[sodium, potassium]),
            ("Observation", &[("_has:DiagnosticReport:result:status", "amended")], &[]),
        ];
        for (resource, more, expected) in rows {
            let mut expected: Vec<String> = expected.iter().map(|id| (*id).clone()).collect();
            expected.sort();
            assert_eq!(finds(&server, &physician, &me, resource, more), expected, "{resource} {more:?}");
        }
        let included = |resource: &str, more: &[(&str, &str)]| -> Vec<String> {
            let found = search(&server, &physician, &me, resource, more).expect(200);
            let all = found["entry"].as_array().unwrap().iter().filter(|entry| entry["search"]["mode"] == "include");
            all.map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(included("DiagnosticReport", &[("_include", "DiagnosticReport:result")]).len(), 2);
        assert_eq!(included("Observation", &[("_revinclude", "DiagnosticReport:result")]), std::slice::from_ref(own));
        // As a document: classed as biology, its content a FHIR document.
        let documents = finds(&server, &physician, &me, "DocumentReference", &[("type", "11502-2"), ("category", "10")]);
        let [document] = documents.as_slice() else { panic!("{documents:?}") };
        assert_eq!(finds(&server, &physician, &me, "DocumentReference", &[("related", &format!("DiagnosticReport/{own}"))]), documents);
        assert_eq!(finds(&server, &physician, &me, "DocumentReference", &[("identifier", &format!("{REPORTS}|{me}-1"))]), documents);
        assert_eq!(included("DiagnosticReport", &[("_revinclude", "DocumentReference:related")]), documents);
        let read = server.get(&physician, &format!("DocumentReference/{document}")).expect(200);
        assert_eq!(read["author"][0]["identifier"]["value"], "1690000027");
        let url = read["content"][0]["attachment"]["url"].as_str().unwrap();
        let content = server.get(&physician, url.split("/fhir/").last().unwrap()).expect(200);
        assert_eq!((&content["type"], &content["entry"][0]["resource"]["resourceType"]), (&json!("document"), &json!("Composition")));
        assert_eq!(content["entry"].as_array().unwrap().len(), 5, "{content}");
        // A submission set lists it, as that of any deposit.
        assert_eq!(finds(&server, &physician, &me, "List", &[("code", "submissionset")]).len(), 1);
        // The laboratory finds its document, and no results.
        assert_eq!(finds(&server, &laboratory(), &me, "DocumentReference", &[]), documents);
        for path in [format!("Observation/{sodium}"), format!("DiagnosticReport/{own}")] {
            assert!(matches!(server.get(&laboratory(), &path).status, 403 | 404), "{path}");
        }
        // The person sees who was shown what.
        let traces = server.get(&holder(&me), "AuditEvent?action=R&_count=50").expect(200).to_string();
        assert!(traces.contains(&format!("DiagnosticReport/{own}")) && traces.contains(&format!("Observation/{sodium}")), "{traces}");
        let searches = server.get(&holder(&me), "AuditEvent?subtype=search-type&_count=50").expect(200);
        let asked = searches["entry"].as_array().unwrap().iter().filter_map(|entry| {
            let entities = entry["resource"]["entity"].as_array()?;
            let query = entities.iter().find_map(|entity| entity["query"].as_str())?;
            String::from_utf8(STANDARD.decode(query).unwrap()).ok()
        });
        assert!(asked.into_iter().any(|query| query.contains("value-quantity")), "{searches}");
    });
}

#[test]
fn a_report_alone_contains_its_results() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        let patient = server.get(&physician, "Patient").matches().remove(0);
        let ways: [Value; 4] = [
            json!({"identifier": {"system": INS, "value": me}}),
            json!({"reference": format!("Patient/{patient}")}),
            json!({"reference": format!("Patient?identifier={INS}|{me}")}),
            json!({"reference": "#p"}),
        ];
        for (number, subject) in (1..).zip(ways) {
            let mut result = result(&me, "2951-2", 140.0);
            result["subject"] = subject.clone();
            let mut whole = containing(report(&me, number, "final"), &[result]);
            whole["subject"] = subject.clone();
            if subject["reference"] == "#p" {
                let person = json!({"resourceType": "Patient", "id": "p", "identifier": [{"system": INS, "value": me}]});
                whole["contained"].as_array_mut().unwrap().push(person);
            }
            let answer = server.create(&laboratory(), &whole);
            let created = answer.expect(201);
            assert!(answer.header("location").ends_with("/_history/1"), "{}", answer.header("location"));
            let own = created["id"].as_str().unwrap();
            let [observation] = created["result"].as_array().unwrap().as_slice() else { panic!("{created}") };
            let read = server.get(&physician, observation["reference"].as_str().unwrap()).expect(200);
            assert_eq!(read["subject"]["reference"], format!("Patient/{patient}"), "{subject}");
            assert!(created.get("contained").is_none() && read.get("contained").is_none(), "{subject}");
            assert_eq!(server.get(&physician, &format!("DiagnosticReport/{own}/_history")).expect(200)["total"], 1);
        }
        assert_eq!(super::counts(&server, &physician, &me), [4, 4, 4]);
        // XML, too.
        let xml = server.fhir_with(&physician, "GET", "DiagnosticReport?_count=1", &[("accept", "application/fhir+xml")], None);
        assert!(xml.status == 200 && xml.text().contains("<DiagnosticReport"), "{}", xml.text());
        // The statement of what is done says so.
        let capabilities = server.get(&structure("1750000018"), "metadata").expect(200);
        let resources = capabilities["rest"][0]["resource"].as_array().unwrap();
        let of = |name: &str| resources.iter().find(|one| one["type"] == name).unwrap();
        assert!(of("DiagnosticReport")["searchInclude"].to_string().contains("DiagnosticReport:result"));
        assert!(of("Observation")["interaction"].to_string().contains("search-type"));
    });
}
