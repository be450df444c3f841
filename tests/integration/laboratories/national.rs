//! The national examples of reports of laboratories (CI-SIS), where they are at hand.

use std::path::Path;

use serde_json::Value;

use super::{finds, laboratory, search};
use crate::support::build::{consent, party, professional, psidnat};
use crate::support::cda::push;
use crate::support::record::with_space;
use crate::support::{Server, on_both};

/// The INS of the examples.
const EXAMPLE: &str = "279035121518989";

/// An example about this person.
fn example(name: &str, me: &str) -> Option<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/fr-cda").join(name);
    Some(std::fs::read_to_string(path).ok()?.replace(EXAMPLE, me).into_bytes())
}

fn deposit(server: &Server, me: &str, name: &str) -> bool {
    let Some(bytes) = example(name, me) else { return false };
    let headers = [("content-type", "application/fhir+json"), ("prefer", "return=OperationOutcome")];
    let body = push("text/xml", &bytes).to_string();
    let answer = server.fhir_with(&laboratory(), "POST", "DocumentReference", &headers, Some(body.as_bytes()));
    let outcome = answer.expect(201).to_string();
    assert!(!outcome.contains("attachment.data"), "{name}: all is read: {outcome}");
    true
}

#[test]
fn national_examples_are_found_by_their_results() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let physician = professional(1, "10");
        server.create(&crate::support::build::holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let observation = |code: &str| -> Value {
            let found = search(&server, &physician, &me, "Observation", &[("code", code)]).expect(200);
            found["entry"][0]["resource"].clone()
        };
        let count = |kind: &str| finds(&server, &physician, &me, kind, &[("_count", "200")]).len();
        if !deposit(&server, &me, "BIO-CR-BIO_2024.01_TSH_1.xml") {
            return;
        }
        assert_eq!((count("DiagnosticReport"), count("Observation")), (1, 2));
        let found = observation("http://loinc.org|3016-3");
        assert_eq!(found["valueQuantity"]["value"].to_string(), "1.950");
        assert_eq!((&found["valueQuantity"]["code"], &found["code"]["text"]), (&"m[IU]/L".into(), &"Thyréostimuline (TSH)".into()));
        assert_eq!(found["method"]["text"], "(ECL Modular)");
        deposit(&server, &me, "BIO-CR-BIO_2024.01_CRP_non_LOINC.xml");
        let found = observation("urn:oid:1.2.250.1.2.3.4|1234");
        assert_eq!((&found["valueQuantity"]["comparator"], &found["code"]["text"]), (&"<=".into(), &"CRP".into()));
        deposit(&server, &me, "BIO-CR-BIO_2024.01_CR-2nde-intention-PDF.xml");
        assert_eq!(observation("6301-6")["valueQuantity"]["value"].to_string(), "2.0");
        assert_eq!((count("DiagnosticReport"), count("Observation")), (3, 4));
        // Two versions of one report, of which the second names another document as the one it replaces.
        deposit(&server, &me, "BIO-CR-BIO_2024.01_Microbiologie_V1.xml");
        let (reports, results) = (count("DiagnosticReport"), count("Observation"));
        assert_eq!((reports, results), (4, 4 + 20), "14 results, 4 batteries, 2 isolates");
        deposit(&server, &me, "BIO-CR-BIO_2024.01_Microbiologie_V2.xml");
        let after = finds(&server, &physician, &me, "DiagnosticReport", &[("status", "amended")]);
        assert_eq!((after.len(), count("DiagnosticReport"), count("Observation")), (1, reports, results));
        assert!(observation("5778-6")["valueCodeableConcept"]["text"].is_string());
        let resistant = observation("20-8");
        assert!(resistant["contained"][0]["type"]["coding"][0]["system"] == "http://snomed.info/sct", "{resistant}");
        // Those without entries, and of another type, are documents alone.
        for name in ["BIO-CR-BIO_2021.01_CDA-R2-Niveau-1.xml", "BIO-TROD_2024.01_COVID-19.xml"] {
            deposit(&server, &me, name);
        }
        assert_eq!((count("DiagnosticReport"), count("Observation")), (reports, results));
    });
}
