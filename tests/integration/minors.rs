//! A minor's own token opens nothing, whoever issued it (CONTRACT 2).

use serde_json::json;

use crate::support::build::{consent, document, holder, minor_ins, party, patient, psidnat, service, structure};
use crate::support::{Server, on_both, query};

const HOSPITAL: &str = "1750000018";

#[test]
fn a_token_made_before_the_space_opens_nothing_until_majority() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let lina = minor_ins(1);
        // Nobody knows yet that she is a minor.
        let who = holder(&lina);
        server.token(&who);
        let person = server.create(&service("operator"), &patient(&lina)).id();
        let letter = server.create(&structure(HOSPITAL), &document(&lina, "11490-0", 1).json()).id();
        let url = server.get(&structure(HOSPITAL), &format!("DocumentReference/{letter}")).expect(200);
        let binary = url["content"][0]["attachment"]["url"].as_str().unwrap().to_owned();
        let named = format!("DocumentReference{}", query(&[("patient", &person)]));
        let label = json!([{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "MASQUE_PS"}]}}]);
        let patch = |server: &Server| server.fhir(&who, "PATCH", &format!("DocumentReference/{letter}"), Some(&label)).status;
        for path in [format!("DocumentReference/{letter}"), format!("Patient/{person}"), binary.clone()] {
            assert_eq!(server.get(&who, &path).status, 404, "{path}");
        }
        for path in ["DocumentReference", "Patient", "Consent", "CareTeam", "RelatedPerson", "AuditEvent"] {
            assert!(server.get(&who, path).matches().is_empty(), "{path}");
        }
        assert_eq!((server.get(&who, &named).status, patch(&server)), (403, 404));
        let right = consent(&lina, "record-access", "permit", party(&psidnat(1)));
        assert_eq!(server.create(&who, &right).status, 422);
        assert_eq!(server.create(&who, &document(&lina, "EXPPAT_2", 2).json()).status, 422);
        // In the years between she comes of age.
        server.advance("P7Y");
        server.get(&who, &format!("DocumentReference/{letter}")).expect(200);
        server.get(&who, &named).expect(200);
        server.create(&who, &right).expect(201);
        assert_eq!(patch(&server), 200);
        assert!(!server.get(&who, "AuditEvent").matches().is_empty());
    });
}
