//! A record with something in it, and what tests ask of it most.

use serde_json::{Value, json};

use super::build::{INS, document, ins, minor_ins, party, patient, representative, service, structure};
use super::{Backend, Server, query};

/// A structure that deposits.
pub const HOSPITAL: &str = "1750000018";

/// A server with one open space.
pub fn with_space(backend: Backend) -> (Server, String) {
    let server = Server::empty(backend);
    let me = ins(7);
    server.create(&service("operator"), &patient(&me)).expect(201);
    (server, me)
}

/// A server with a girl who has an open space and a representative.
pub fn with_minor(backend: Backend) -> (Server, String, Value) {
    let server = Server::empty(backend);
    let (lina, who) = minor(&server);
    (server, lina, who)
}

/// A girl with an open space: her INS and her representative.
pub fn minor(server: &Server) -> (String, Value) {
    let (lina, parent) = (minor_ins(1), ins(20));
    server.create(&service("operator"), &patient(&lina)).expect(201);
    let related = json!({"resourceType": "RelatedPerson", "active": true, "patient": {"identifier": {"system": INS, "value": lina}},
        "identifier": [{"system": INS, "value": parent}]});
    server.create(&service("operator"), &related).expect(201);
    let who = representative(&parent, &lina);
    (lina, who)
}

/// A server with one open space and one discharge letter, which physicians may read.
pub fn with_letter(backend: Backend) -> (Server, String, String) {
    let (server, me) = with_space(backend);
    let letter = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json());
    letter.expect(201);
    (server, me, letter.id())
}

/// The status of reading the letter.
pub fn reads(server: &Server, who: &Value, letter: &str) -> u16 {
    server.get(who, &format!("DocumentReference/{letter}")).status
}

/// What TD0.2 tells of the caller's right.
pub fn status(server: &Server, who: &Value, me: &str) -> String {
    let bundle = server.get(who, &format!("Patient{}", query(&[("identifier", &format!("{INS}|{me}"))]))).expect(200);
    let extensions = bundle["entry"][0]["resource"]["extension"].as_array().unwrap().clone();
    let found = extensions.iter().find(|one| one["url"].as_str().unwrap().ends_with("authorisation-status")).unwrap();
    found["valueCode"].as_str().unwrap().to_owned()
}

/// The same Consent, ended.
pub fn ended(answer: &Value) -> Value {
    let mut consent = answer.clone();
    consent["status"] = "inactive".into();
    consent
}

/// A team of these members, managed by these structures.
pub fn team(me: &str, members: &[&str], managers: &[&str]) -> Value {
    let person = json!({"identifier": {"system": INS, "value": me}});
    let mut team = json!({"resourceType": "CareTeam", "status": "active", "name": "Cardiologie", "subject": person});
    if !members.is_empty() {
        team["participant"] = members.iter().map(|id| json!({"member": party(id)})).collect();
    }
    if !managers.is_empty() {
        team["managingOrganization"] = managers.iter().map(|id| party(id)).collect();
    }
    team
}

/// The status of a search for the documents of somebody, and what it finds, sorted.
pub fn finds(server: &Server, who: &Value, of: &str) -> (u16, Vec<String>) {
    let answer =
        server.get(who, &format!("DocumentReference{}", query(&[("patient.identifier", &format!("{INS}|{of}")), ("_count", "100")])));
    let mut found = if answer.status == 200 { answer.matches() } else { Vec::new() };
    found.sort();
    (answer.status, found)
}

/// The status of a patch of a document.
pub fn patches(server: &Server, who: &Value, id: &str, operations: &Value) -> u16 {
    server.fhir(who, "PATCH", &format!("DocumentReference/{id}"), Some(operations)).status
}

/// A patch that puts this label on.
pub fn label_on(code: &str) -> Value {
    json!([{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": code}]}}])
}

/// A patch that takes off the only visibility label there is.
pub fn label_off() -> Value {
    json!([{"op": "replace", "path": "/securityLabel/0", "value": {"coding": [{"code": "N"}]}}])
}

/// A patch that deletes a document.
pub fn deletion() -> Value {
    json!([{"op": "replace", "path": "/status", "value": "entered-in-error"}])
}

/// A patch that archives a document.
pub fn archiving() -> Value {
    let url = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived";
    json!([{"op": "add", "path": "/extension", "value": [{"url": url, "valueBoolean": true}]}])
}

/// The address of the content of a document, as its submitter finds it.
pub fn content(server: &Server, who: &Value, id: &str) -> String {
    let document = server.get(who, &format!("DocumentReference/{id}")).expect(200);
    document["content"][0]["attachment"]["url"].as_str().unwrap().to_owned()
}
