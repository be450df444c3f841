//! What searches find (FHIR R4 search.html; IHE MHD ITI-67; PDSm flux 04), over HTTP.

use serde_json::{Value, json};

use crate::support::build::{
    INS, PSIDNAT, STRUCTIDNAT, consent, document, holder, ins, party, patient, professional, psidnat, service, structure,
};
use crate::support::{Server, on_both, query};

const HOSPITAL: &str = "1750000018";

#[test]
fn documents_are_found_by_their_contained_authors() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = ins(1);
        server.create(&service("operator"), &patient(&me)).expect(201);
        let name = |family: &str, given: &str| json!([{"family": family, "given": [given]}]);
        let person = |id: &str, number: u32, family: &str, given: &str| {
            let identifier = json!([{"system": PSIDNAT, "value": psidnat(number)}]);
            json!({"resourceType": "Practitioner", "id": id, "identifier": identifier, "name": name(family, given)})
        };
        let organization = json!({
            "resourceType": "Organization", "id": "o", "name": "Clinique des Lilas", "identifier": [{"system": STRUCTIDNAT, "value": "1690000027"}]
        });
        let role = json!({"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "#p"}, "organization": {"reference": "#o"}});
        let deposit = |number: u32, contained: Value, author: &str| {
            let mut body = document(&me, "11490-0", number).with("author", json!([{"reference": author}])).json();
            if !contained.is_null() {
                body["contained"] = contained;
            }
            server.create(&structure(HOSPITAL), &body).id()
        };
        let alone = deposit(1, json!([person("p", 50, "Durand", "Zoé")]), "#p");
        let in_role = deposit(2, json!([role, person("p", 51, "Lefèvre", "Zoé"), organization]), "#r");
        let listed = json!({"resourceType": "Practitioner", "identifier": [{"system": PSIDNAT, "value": psidnat(52)}], "name": name("Petit", "Zoé")});
        let listed = server.create(&service("operator"), &listed).id();
        let literal = deposit(3, Value::Null, &format!("Practitioner/{listed}"));
        let by_organization = deposit(4, json!([organization]), "#o");
        let (alone, in_role, literal, organized) = (alone.as_str(), in_role.as_str(), literal.as_str(), by_organization.as_str());
        let token = |system: &str, value: &str| format!("{system}|{value}");
        let rows: [(&str, &str, &[&str]); 15] = [
            ("author.family", "Durand", &[alone]),
            ("author.family", "lefevre", &[in_role]),
            ("author.family", "Petit", &[literal]),
            ("author.family:exact", "Lefèvre", &[in_role]),
            ("author.given", "zoe", &[alone, in_role, literal]),
            ("author:Practitioner.family", "Durand", &[alone]),
            ("author:Patient.family", "Durand", &[]),
            ("author.identifier", &token(PSIDNAT, &psidnat(50)), &[alone]),
            ("author.identifier", &psidnat(51), &[in_role]),
            ("author.identifier", &token("urn:x", &psidnat(50)), &[]),
            ("author:identifier", &token(PSIDNAT, &psidnat(51)), &[in_role]),
            ("author:identifier", &token(STRUCTIDNAT, "1690000027"), &[in_role, organized]),
            ("author:Organization.name", "clinique", &[in_role, organized]),
            ("author:missing", "true", &[]),
            ("author:Practitioner.identifier:missing", "true", &[]),
        ];
        for (parameter, value, expected) in rows {
            let found = server.get(&holder(&me), &format!("DocumentReference{}", query(&[(parameter, value)]))).matches();
            let mut expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
            expected.reverse();
            assert_eq!(found, expected, "{parameter}={value}");
        }
    });
}

#[test]
fn a_document_is_found_by_the_address_of_its_content_as_it_was_answered() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = ins(1);
        server.create(&service("operator"), &patient(&me)).expect(201);
        let letter = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json()).expect(201);
        server.create(&structure(HOSPITAL), &document(&me, "11490-0", 2).json()).expect(201);
        let url = letter["content"][0]["attachment"]["url"].as_str().unwrap();
        let found = |url: &str| server.get(&holder(&me), &format!("DocumentReference{}", query(&[("location", url)]))).matches();
        let expected = [letter["id"].as_str().unwrap()];
        assert_eq!(
            (found(url), found(url.split("/fhir/").nth(1).unwrap())),
            (expected.map(String::from).to_vec(), expected.map(String::from).to_vec())
        );
        assert!(found(&url.replace("127.0.0.1", "127.0.0.2")).is_empty());
        // What a tester keeps is kept as it came.
        let kept = json!({"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": {"url": url}}]});
        let kept = server.create(&service("tester"), &kept).id();
        assert_eq!(server.get(&service("tester"), &format!("DocumentReference{}", query(&[("location", url)]))).matches(), [kept]);
    });
}

#[test]
fn traces_are_found_by_what_they_show() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (me, other) = (ins(1), ins(2));
        let ids = [&me, &other].map(|person| server.create(&service("operator"), &patient(person)).id());
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(5)))).expect(201);
        let letter = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json()).id();
        let mut doctor = professional(5, "10");
        doctor["structure"] = "1690000027".into();
        let path = format!("DocumentReference/{letter}");
        server.fhir_with(&doctor, "GET", &path, &[("x-request-id", "mine-1")], None).expect(200);
        server.get(&professional(6, "10"), &path).expect(404);
        server.get(&professional(6, "10"), &path).expect(404);
        // Three creations, one read, two refused reads; the traces of these searches themselves are left out by their interaction.
        let (application, operator) =
            ("https://ensemble.example/fhir/NamingSystem/application", "https://ensemble.example/fhir/NamingSystem/service");
        let (hl7, r4) = ("http://terminology.hl7.org/CodeSystem", "http://hl7.org/fhir");
        let rows: Vec<(String, usize)> = [
            ("type=rest", 6),
            ("type=HL7/audit-event-type|rest", 6),
            ("type=HL7/audit-event-type|", 6),
            ("type=other", 0),
            ("type=urn:x|rest", 0),
            ("type:missing=false", 6),
            ("type:missing=true", 0),
            ("subtype=create", 3),
            ("subtype=read,create", 6),
            ("subtype=R4/restful-interaction|read", 3),
            ("subtype=urn:x|read", 0),
            ("subtype:not=create", 3),
            ("subtype:missing=true", 0),
            ("action=C", 3),
            ("action=R4/audit-event-action|R", 3),
            ("action=urn:x|R", 0),
            ("action:missing=false", 6),
            ("outcome=0", 4),
            ("outcome=4", 2),
            ("outcome=R4/audit-event-outcome|4", 2),
            ("outcome=HL7/audit-event-outcome|0", 4),
            ("outcome=urn:x|0", 0),
            ("outcome:missing=true", 0),
            ("date:missing=false", 6),
            ("agent:identifier=PSIDNAT|PS5", 1),
            ("agent:identifier=PS5", 1),
            ("agent:identifier=urn:x|PS5", 0),
            ("agent:identifier=STRUCTIDNAT|PS5", 0),
            ("agent:identifier=PSIDNAT|", 3),
            ("agent:identifier=STRUCTIDNAT|1690000027", 1),
            ("agent:identifier=STRUCTIDNAT|1750000018", 1),
            ("agent:identifier=INS|ME", 1),
            ("agent:identifier=ME", 1),
            ("agent:identifier=INS|", 1),
            ("agent:identifier=SERVICE|operator", 1),
            ("agent:identifier=APPLICATION|operator", 0),
            ("agent.identifier=PSIDNAT|PS5", 1),
            ("agent.identifier=PS6,ME", 3),
            ("agent.identifier=urn:x|PS5", 0),
            ("agent:Practitioner.identifier=PS5", 1),
            ("agent:Organization.identifier=PS5", 0),
            ("agent:Organization.identifier=1690000027", 1),
            ("agent:missing=false", 6),
            ("agent:missing=true", 0),
            ("agent.identifier:missing=true", 0),
            ("agent=Practitioner/1", 0),
            ("entity:missing=false", 6),
            ("entity:identifier=mine-1", 1),
            ("entity=DocumentReference/LETTER", 4),
            ("entity=Patient/PATIENT", 6),
            ("patient=Patient/PATIENT", 6),
            ("patient:missing=false", 6),
        ]
        .into_iter()
        .map(|(query, count)| {
            let words = [
                ("HL7", hl7),
                ("R4", r4),
                ("PSIDNAT", PSIDNAT),
                ("STRUCTIDNAT", STRUCTIDNAT),
                ("INS", INS),
                ("APPLICATION", application),
                ("SERVICE", operator),
                ("ME", me.as_str()),
                ("LETTER", letter.as_str()),
                ("PATIENT", ids[0].as_str()),
            ];
            let query = words.iter().fold(query.to_owned(), |query, (word, value)| query.replace(word, value));
            (query.replace("PS5", &psidnat(5)).replace("PS6", &psidnat(6)).replace('|', "%7C"), count)
        })
        .collect();
        for who in [holder(&me), service("auditor")] {
            for (query, count) in &rows {
                let beside = format!("subtype=create,read&patient={}", ids[0]);
                let found = server.get(&who, &format!("AuditEvent?_summary=count&{beside}&{query}")).expect(200);
                assert_eq!(found["total"].as_u64(), u64::try_from(*count).ok(), "{who} {query}");
            }
        }
    });
}

#[test]
fn testers_find_every_type_by_the_parameters_of_r4() {
    on_both(|backend| {
        let server = Server::open(backend);
        let put = |value: Value| {
            let path = format!("/fhir/{}/{}", value["resourceType"].as_str().unwrap(), value["id"].as_str().unwrap());
            server.send("PUT", &path, &[("content-type", "application/fhir+json")], Some(value.to_string().as_bytes())).expect(201);
        };
        put(json!({"resourceType": "Patient", "id": "p", "name": [{"family": "Exemple"}], "deceasedDateTime": "2020-05"}));
        put(json!({
            "resourceType": "Observation", "id": "o", "status": "final", "subject": {"reference": "Patient/p"},
            "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]}, "effectivePeriod": {"start": "2026-01-01", "end": "2026-01-31"},
            "valueCodeableConcept": {"coding": [{"code": "haut"}]}, "component": [{"code": {"coding": [{"code": "c"}]}, "valueString": "x"}]
        }));
        put(
            json!({"resourceType": "ServiceRequest", "id": "s", "status": "active", "intent": "order", "subject": {"reference": "Group/g"},
            "occurrenceTiming": {"event": ["2026-03-01", "2026-03-15"]}, "instantiatesCanonical": ["http://x.example/plan|1.0"]}),
        );
        put(
            json!({"resourceType": "ValueSet", "id": "v", "url": "http://x.example/vs", "status": "draft", "compose": {"include": [{"system": "http://x.example/cs"}]}}),
        );
        let rows = [
            ("Observation?patient=p", 1),
            ("Observation?subject=Patient/p&code=http://loinc.org|2160-0", 1),
            ("Observation?subject:Patient.family=exemple", 1),
            ("Observation?subject:Patient.family=autre", 0),
            ("Observation?date=ge2026-01-15", 1),
            ("Observation?date=lt2026-01-01", 0),
            ("Observation?value-concept=haut", 1),
            ("Observation?combo-code=c", 1),
            ("Observation?status:not=final", 0),
            ("Patient?deceased=true", 1),
            ("Patient?death-date=2020-05", 1),
            ("ServiceRequest?occurrence=2026-03-01", 0),
            ("ServiceRequest?occurrence=ap2026-03-10", 1),
            ("ServiceRequest?patient=p", 0),
            ("ServiceRequest?instantiates-canonical=http://x.example/plan", 1),
            ("ValueSet?url=http://x.example/vs", 1),
            ("ValueSet?reference=http://x.example/cs", 1),
        ];
        for (path, count) in rows {
            let found = server.send("GET", &format!("/fhir/{path}"), &[("prefer", "handling=strict")], None).expect(200);
            assert_eq!(found["total"], count, "{path}");
        }
        for path in ["Observation?value-quantity=x", "Observation?has-member.identifier=x&focus.identifier=x", "Patient?phonetic=x"] {
            assert_eq!(server.send("GET", &format!("/fhir/{path}"), &[("prefer", "handling=strict")], None).status, 400, "{path}");
        }
    });
}

#[test]
fn what_a_contained_thing_is_is_found_through_its_container() {
    on_both(|backend| {
        let server = Server::open(backend);
        let coded = |code: &str| json!({"coding": [{"system": "http://a.example/m", "code": code}]});
        let prescription = |contained: Value| {
            json!({
                "resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": {"reference": "Patient/p"},
                "contained": [contained], "medicationReference": {"reference": "#m"}
            })
        };
        let medicine = |code: &str| json!({"resourceType": "Medication", "id": "m", "code": coded(code)});
        let create = |body: Value| {
            let path = format!("/fhir/{}", body["resourceType"].as_str().unwrap());
            server.send("POST", &path, &[("content-type", "application/fhir+json")], Some(body.to_string().as_bytes())).id()
        };
        let (one, other) = (create(prescription(medicine("A01"))), create(prescription(medicine("B02"))));
        let sample = json!({"resourceType": "Specimen", "id": "s", "type": coded("SER")});
        let measured = create(json!({
            "resourceType": "Observation", "status": "final", "code": coded("x"), "contained": [sample], "specimen": {"reference": "#s"}
        }));
        for (path, mut expected) in [
            ("MedicationRequest?medication.code=A01", vec![&one]),
            ("MedicationRequest?medication.code=http://a.example/m|B02", vec![&other]),
            ("MedicationRequest?medication:Medication.code=A01,B02", vec![&one, &other]),
            ("MedicationRequest?medication.code=C03", vec![]),
            ("Observation?specimen.type=SER", vec![&measured]),
        ] {
            let mut found = server.send("GET", &format!("/fhir/{path}"), &[], None).matches();
            found.sort();
            expected.sort();
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{path}");
        }
    });
}
