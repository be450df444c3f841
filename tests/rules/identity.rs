//! Rules 98 to 103: identities.

use serde_json::json;

use crate::support::build::{INS, ins, patient, psidnat, service};
use crate::support::{Server, on_both};

#[test]
fn rule_098_100_an_identity_has_a_right_key_and_is_validated() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let with = |value: &str, system: &str| {
            let mut space = patient(&ins(1));
            space["identifier"] = json!([{"system": system, "value": value}]);
            space
        };
        let reliability = |code: &str| {
            let mut space = patient(&ins(2));
            let inner = json!([{"url": "identityStatus", "valueCoding": {"code": code}}]);
            space["extension"] =
                json!([{"url": "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability", "extension": inner}]);
            space
        };
        let rows = [
            (with("280037511000199", INS), 422, "Patient.identifier[0]"),
            (with("2800375110001", INS), 422, "Patient.identifier[0]"),
            (with(&ins(1), "urn:x"), 422, "Patient.identifier"),
            (with("284052A32102552", INS), 201, ""),
            (reliability("PROV"), 422, "Patient.extension"),
            (reliability("VALI"), 201, ""),
        ];
        for (space, status, place) in rows {
            let answer = server.create(&service("operator"), &space);
            assert_eq!(answer.status, status, "{space}: {}", answer.text());
            assert!(status == 201 || answer.issue().1 == place, "{space}: {}", answer.text());
        }
    });
}

#[test]
fn rule_102_a_professional_has_a_national_identifier() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let ask = |id: &str| {
            let request = json!({"kind": "professional", "id": id, "profession": "10"});
            server.send("POST", "/sandbox/token", &[], Some(request.to_string().as_bytes()))
        };
        for id in ["210000000001", "710000000001", "910000000001", "81000000000", "8100000000012", "", "x"] {
            let answer = ask(id);
            assert_eq!((answer.status, answer.issue().1.as_str()), (400, "id"), "{id}");
        }
        for id in [psidnat(1).as_str(), "0101234567", "1750000018/7", "3750000018-12", "5123456789"] {
            assert_eq!(ask(id).status, if id.contains('/') { 400 } else { 200 }, "{id}");
        }
    });
}

#[test]
fn rule_098_keys_of_professionals_and_structures_are_told() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let rows = [
            ("Practitioner", "https://rpps.esante.gouv.fr", "10002909371", 0),
            ("Practitioner", "https://rpps.esante.gouv.fr", "10002909372", 1),
            ("Practitioner", "urn:oid:1.2.250.1.71.4.2.1", "810002909372", 1),
            ("Organization", "https://finess.esante.gouv.fr", "920000650", 0),
            ("Organization", "urn:oid:1.2.250.1.71.4.2.2", "1920000651", 1),
            ("Organization", "https://sirene.fr", "73282932000074", 0),
            ("Organization", "https://sirene.fr", "73282932000075", 1),
        ];
        for (resource, system, value, count) in rows {
            let body = json!({"resourceType": resource, "identifier": [{"system": system, "value": value}]}).to_string();
            let headers = [("content-type", "application/fhir+json"), ("prefer", "return=OperationOutcome")];
            let outcome = server.fhir_with(&service("operator"), "POST", resource, &headers, Some(body.as_bytes())).expect(201);
            let told = outcome["issue"].as_array().unwrap().iter().filter(|issue| issue["severity"] == "warning");
            let places: Vec<_> = told.map(|issue| issue["expression"][0].as_str().unwrap().to_owned()).collect();
            assert_eq!(places, vec![format!("{resource}.identifier[0]"); count], "{system}|{value}");
        }
    });
}
