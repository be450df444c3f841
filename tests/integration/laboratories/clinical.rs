//! Reports that come as clinical documents (CDA CR-BIO): found as documents, as reports and by their results.

use serde_json::{Value, json};

use super::{counts, finds, laboratory, search, with_reader};
use crate::support::biology::{battery, biology, isolate, measured, observed, tsh};
use crate::support::build::{consent, holder, party, professional, psidnat};
use crate::support::on_both;
use crate::support::record::{deletion, label_off, label_on, patches};

#[test]
fn a_clinical_document_is_searched_by_its_results() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        let push = biology(&me, 1, 1, &[tsh("1.950"), measured("3024-7", "7.67", "pg/mL")]).push();
        let first = server.create(&laboratory(), &push);
        let letter = first.expect(201);
        assert_eq!(letter["category"][0]["coding"][0]["code"], "10", "classed as biology: {letter}");
        let own = letter["context"]["related"][0]["reference"].as_str().unwrap().to_owned();
        assert_eq!(counts(&server, &physician, &me), [1, 1, 2]);
        // Once more: the same.
        let again = server.create(&laboratory(), &push);
        assert_eq!((again.status, again.body), (201, first.body));
        assert_eq!(counts(&server, &physician, &me), [1, 1, 2]);
        // The report.
        let read = server.get(&physician, &own).expect(200);
        assert_eq!((&read["status"], &read["issued"]), (&json!("final"), &json!("2026-10-01T10:15:00+02:00")));
        assert_eq!(read["identifier"][0]["value"], "urn:oid:1.2.250.1.999.9.1");
        assert_eq!(read["identifier"][1]["value"], "urn:oid:1.2.250.1.999.9.1.1");
        assert_eq!(read["performer"][0]["identifier"]["value"], "1690000027");
        assert!(read["subject"]["reference"].as_str().unwrap().starts_with("Patient/"), "{read}");
        // A result, by all that it says.
        let id = own.split('/').nth(1).unwrap().to_owned();
        let results: Vec<String> =
            read["result"].as_array().unwrap().iter().map(|one| one["reference"].as_str().unwrap()[12..].to_owned()).collect();
        let rows: [(&str, &[(&str, &str)], &[&String]); 9] = [
            ("Observation", &[("code", "http://loinc.org|3016-3")], &[&results[0]]),
            ("Observation", &[("code", "3016-3"), ("value-quantity", "1.950|http://unitsofmeasure.org|m[IU]/L")], &[&results[0]]),
            ("Observation", &[("code-value-quantity", "http://loinc.org|3016-3$gt2")], &[]),
            ("Observation", &[("date", "2026-10-01"), ("category", "laboratory"), ("status", "final")], &[&results[0], &results[1]]),
            ("Observation", &[("_has:DiagnosticReport:result:identifier", "urn:oid:1.2.250.1.999.9.1")], &[&results[0], &results[1]]),
            ("DiagnosticReport", &[("code", "http://loinc.org|11502-2"), ("category", "LAB")], &[&id]),
            ("DiagnosticReport", &[("result.code", "3024-7"), ("date", "ge2026-09-28")], &[&id]),
            ("DiagnosticReport", &[("issued", "2026-10-01")], &[&id]),
            ("DocumentReference", &[("related", &own), ("type", "11502-2")], &[&letter["id"].as_str().unwrap().to_owned()]),
        ];
        for (resource, more, expected) in rows {
            let mut expected: Vec<String> = expected.iter().map(|id| (*id).clone()).collect();
            expected.sort();
            assert_eq!(finds(&server, &physician, &me, resource, more), expected, "{resource} {more:?}");
        }
        let found = server.get(&physician, &format!("Observation/{}", results[0])).expect(200);
        assert_eq!(found["valueQuantity"]["value"].to_string(), "1.950");
        assert_eq!((&found["valueQuantity"]["code"], &found["code"]["text"]), (&json!("m[IU]/L"), &json!("Thyréostimuline (TSH)")));
        assert_eq!(found["referenceRange"][0]["high"]["value"].to_string(), "4.200");
        let interpretation = &found["interpretation"][0]["coding"][0];
        assert_eq!(interpretation["system"], "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation");
        let included = search(&server, &physician, &me, "DiagnosticReport", &[("_include", "DiagnosticReport:result")]).expect(200);
        assert_eq!(included["entry"].as_array().unwrap().len(), 3, "{included}");
        // The document itself is read as it came.
        let url = letter["content"][0]["attachment"]["url"].as_str().unwrap();
        let raw = server.fhir_with(&physician, "GET", url.split("/fhir/").last().unwrap(), &[("accept", "text/xml")], None);
        assert!(raw.status == 200 && raw.text().contains("3016-3"));
        // Each trace is the record's.
        let traces = server.get(&holder(&me), "AuditEvent?action=R&_count=50").expect(200).to_string();
        assert!(traces.contains(&own) && traces.contains(&format!("Observation/{}", results[0])), "{traces}");
    });
}

#[test]
fn what_was_read_is_seen_as_the_document_is() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        let (own, optician) = (holder(&me), professional(6, "28"));
        server.create(&own, &consent(&me, "record-access", "permit", party(&psidnat(6)))).expect(201);
        let push = biology(&me, 1, 1, &[tsh("1.950")]).push();
        let letter = server.create(&laboratory(), &push);
        let report = letter.expect(201)["context"]["related"][0]["reference"].as_str().unwrap().to_owned();
        let result = server.get(&own, &report).expect(200)["result"][0]["reference"].as_str().unwrap().to_owned();
        let sees = |who: &Value, expected: bool, why: &str| {
            assert_eq!(counts(&server, who, &me), if expected { [1, 1, 1] } else { [0, 0, 0] }, "{why}");
            for path in [&report, &result, &format!("{result}/_history/1")] {
                assert_eq!(server.get(who, path).status, if expected { 200 } else { 404 }, "{why}: {path}");
            }
        };
        sees(&physician, true, "a physician");
        sees(&optician, false, "an optician");
        assert_eq!(patches(&server, &own, &letter.id(), &label_on("MASQUE_PS")), 200);
        sees(&physician, false, "masked");
        sees(&own, true, "masked, its holder");
        assert_eq!(patches(&server, &own, &letter.id(), &label_off()), 200);
        sees(&physician, true, "unmasked");
        assert_eq!(patches(&server, &laboratory(), &letter.id(), &deletion()), 200);
        for who in [&physician, &own, &optician] {
            sees(who, false, "withdrawn");
        }
        assert_eq!(server.create(&laboratory(), &push).status, 409);
        // Hidden from its holder from the start, as its labels say.
        let mut hidden = biology(&me, 2, 1, &[tsh("1.950")]).push();
        hidden["securityLabel"] = json!([{"coding": [{"code": "INVISIBLE_PATIENT"}]}]);
        server.create(&laboratory(), &hidden).expect(201);
        assert_eq!((counts(&server, &own, &me), counts(&server, &physician, &me)), ([0, 0, 0], [1, 1, 1]));
    });
}

/// A laboratory sends a version again under another identifier: it does not follow, and is hidden as what it repeats.
#[test]
fn what_repeats_a_hidden_report_is_hidden_alike() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        let own = holder(&me);
        let first = server.create(&laboratory(), &biology(&me, 1, 1, &[tsh("1.950")]).push());
        assert_eq!(patches(&server, &own, &first.id(), &label_on("MASQUE_PS")), 200);
        let push = biology(&me, 1, 1, &[tsh("1.950")]).named("1.2.250.1.999.9.1.77", "").push();
        let again = server.create(&laboratory(), &push);
        assert_ne!(again.id(), first.id());
        let sees = |who: &Value, id: &str| server.get(who, &format!("DocumentReference/{id}")).status;
        assert_eq!((sees(&own, &again.id()), sees(&physician, &again.id())), (200, 404));
        assert_eq!(counts(&server, &physician, &me), [0, 0, 0]);
        // Hidden from the person, for what is left of the month.
        let hidden = |root: &str| {
            let mut push = biology(&me, 2, 1, &[tsh("1.950")]).named(root, "").push();
            push["securityLabel"] = json!([{"coding": [{"code": "INVISIBLE_PATIENT"}]}]);
            push
        };
        server.create(&laboratory(), &hidden("1.2.250.1.999.9.2.1")).expect(201);
        server.advance("P20D");
        let mut bare = hidden("1.2.250.1.999.9.2.77");
        bare.as_object_mut().unwrap().remove("securityLabel");
        let bare = server.create(&laboratory(), &bare).id();
        assert_eq!((sees(&own, &bare), sees(&physician, &bare)), (404, 200));
        server.advance("P15D");
        assert_eq!(sees(&own, &bare), 200);
    });
}

#[test]
fn groups_hold_their_results() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        let sensitivity = observed(
            "28-1",
            "<value xsi:type=\"IVL_PQ\"><high value=\"0.128\" unit=\"ug/mL\" inclusive=\"false\"/></value>\
             <interpretationCode code=\"S\" codeSystem=\"2.16.840.1.113883.5.83\"/>",
        );
        let coli = isolate("112283007", &[measured("51480-2", "120000", "/mL"), battery("18769-0", std::slice::from_ref(&sensitivity))]);
        let other = isolate("58800005", &[battery("18769-0", &[sensitivity])]);
        server.create(&laboratory(), &biology(&me, 1, 1, &[coli, other, tsh("1.950")]).push()).expect(201);
        assert_eq!(counts(&server, &physician, &me), [1, 1, 8]);
        let report = server.get(&physician, "DiagnosticReport").expect(200)["entry"][0]["resource"].clone();
        assert_eq!(report["result"].as_array().unwrap().len(), 3, "what is a member of a group is named by it: {report}");
        // From the organism to the sensitivity, and back.
        let isolates = finds(&server, &physician, &me, "Observation", &[("value-concept", "http://snomed.info/sct|112283007")]);
        let [isolate] = isolates.as_slice() else { panic!("{isolates:?}") };
        let found = finds(
            &server,
            &physician,
            &me,
            "Observation",
            &[("code", "28-1"), ("_has:Observation:has-member:_has:Observation:has-member:_id", isolate)],
        );
        let [sensitive] = found.as_slice() else { panic!("{found:?}") };
        let read = server.get(&physician, &format!("Observation/{sensitive}")).expect(200);
        assert_eq!((&read["valueQuantity"]["comparator"], &read["interpretation"][0]["coding"][0]["code"]), (&json!("<"), &json!("S")));
        assert_eq!(read["contained"][0]["type"]["coding"][0]["code"], "112283007", "each says of which organism: {read}");
        let all = search(
            &server,
            &physician,
            &me,
            "DiagnosticReport",
            &[("_include", "DiagnosticReport:result"), ("_include:iterate", "Observation:has-member")],
        );
        assert_eq!(all.expect(200)["entry"].as_array().unwrap().len(), 9);
    });
}

#[test]
fn the_same_document_from_many_at_once_is_one() {
    on_both(|backend| {
        let (server, me, physician) = with_reader(backend);
        let body = biology(&me, 1, 1, &[tsh("1.950")]).push().to_string();
        server.token(&laboratory());
        let answers: Vec<(u16, Value)> = std::thread::scope(|scope| {
            let send = || {
                let headers = [("content-type", "application/fhir+json")];
                server.fhir_with(&laboratory(), "POST", "DocumentReference", &headers, Some(body.as_bytes()))
            };
            let threads: Vec<_> = (0..64).map(|_| scope.spawn(send)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).map(|answer| (answer.status, answer.json())).collect()
        });
        assert!(answers.iter().all(|answer| answer.0 == 201 && *answer == answers[0]), "{answers:?}");
        assert_eq!(counts(&server, &physician, &me), [1, 1, 1]);
    });
}
