//! What searches find (FHIR R4 search.html; IHE MHD ITI-67; PDSm flux 04), over HTTP.

use serde_json::{Value, json};

use crate::support::build::{PSIDNAT, STRUCTIDNAT, document, holder, ins, patient, psidnat, service, structure};
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
