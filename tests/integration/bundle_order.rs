//! What comes of a transaction does not depend on the order of its entries (FHIR R4 http.html#trules): deletions, creates, updates, then
//! conditional references; where two entries are about one resource all of it fails.

use serde_json::{Value, json};

use super::transactions::{entry, statuses, transaction};
use crate::support::answer::Answer;
use crate::support::{Backend, Server, on_both};

const ANA: &str = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0";

fn person(number: &str) -> Value {
    json!({"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": number}], "gender": "female"})
}

fn create(resource: &Value, condition: &str) -> Value {
    let mut entry = entry("POST", resource["resourceType"].as_str().unwrap(), Some(resource.clone()));
    if !condition.is_empty() {
        entry["request"]["ifNoneExist"] = condition.into();
    }
    entry
}

fn measure(subject: &str) -> Value {
    json!({"resourceType": "Observation", "status": "final", "code": {"text": "masse"}, "subject": {"reference": subject}})
}

/// A tester's transaction, its entries in this order or turned round.
fn post(server: &Server, mut entries: Vec<Value>, turned: bool) -> Answer {
    if turned {
        entries.reverse();
    }
    let body = transaction(entries).to_string();
    server.send("POST", "/fhir", &[("content-type", "application/fhir+json")], Some(body.as_bytes()))
}

fn found(server: &Server, path: &str) -> Vec<String> {
    server.send("GET", &format!("/fhir/{path}"), &[], None).matches()
}

/// Something in either order, each in a database of its own.
fn in_either_order(test: impl Fn(&Server, bool)) {
    on_both(|backend: Backend| {
        for turned in [false, true] {
            test(&Server::open(backend), turned);
        }
    });
}

/// The entries of an answer as they were sent.
fn in_order(answer: &Answer, turned: bool) -> Vec<Value> {
    let mut entries = answer.expect(200)["entry"].as_array().unwrap().clone();
    if turned {
        entries.reverse();
    }
    entries
}

#[test]
fn a_conditional_reference_finds_what_the_transaction_creates() {
    in_either_order(|server, turned| {
        let place = |name: &str, of: &str| {
            let mut place = json!({"resourceType": "Location", "name": name, "identifier": [{"value": name}]});
            if !of.is_empty() {
                place["partOf"] = json!({"reference": format!("Location?identifier={of}")});
            }
            create(&place, "")
        };
        let entries = vec![
            create(&measure("Patient?identifier=urn:x|7"), ""),
            create(&person("7"), ""),
            // Each waits for the one before it.
            place("chambre", "etage"),
            place("etage", "hopital"),
            place("hopital", ""),
        ];
        let answer = in_order(&post(server, entries, turned), turned);
        let id = |place: usize| answer[place]["resource"]["id"].as_str().unwrap().to_owned();
        assert_eq!(answer[0]["resource"]["subject"]["reference"], format!("Patient/{}", id(1)));
        assert_eq!(answer[2]["resource"]["partOf"]["reference"], format!("Location/{}", id(3)));
        assert_eq!(answer[3]["resource"]["partOf"]["reference"], format!("Location/{}", id(4)));
        assert_eq!(found(server, &format!("Observation?subject=Patient/{}", id(1))), [id(0)]);
        assert_eq!(found(server, "Observation?subject.identifier=urn:x|7"), [id(0)]);
        // What was there before, of a type that is written, too.
        let more = vec![place("lit", "chambre"), create(&measure("Patient?identifier=urn:x|7"), "")];
        let answer = in_order(&post(server, more, turned), turned);
        assert_eq!(answer[0]["resource"]["partOf"]["reference"], format!("Location/{}", id(2)));
        assert_eq!(answer[1]["resource"]["subject"]["reference"], format!("Patient/{}", id(1)));
    });
}

#[test]
fn a_chained_reference_finds_what_is_so_at_the_end() {
    in_either_order(|server, turned| {
        let visit = json!({"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "AMB"}, "subject": {"reference": "Patient/p"}});
        let before = vec![entry("PUT", "Patient/p", Some(with_id(person("A"), "p"))), entry("PUT", "Encounter/e", Some(visit))];
        post(server, before, turned).expect(200);
        let of = |number: &str| {
            let mut one = measure("Patient/p");
            one["encounter"] = json!({"reference": format!("Encounter?subject.identifier=urn:x|{number}")});
            vec![create(&one, ""), entry("PUT", "Patient/p", Some(with_id(person("B"), "p")))]
        };
        assert_eq!(post(server, of("A"), turned).status, 412);
        let answer = in_order(&post(server, of("B"), turned), turned);
        assert_eq!(answer[0]["resource"]["encounter"]["reference"], "Encounter/e");
    });
}

#[test]
fn a_long_chain_of_references_that_wait_is_refused_by_name() {
    on_both(|backend| {
        let server = Server::open(backend);
        let places = (0..150).rev().map(|number: u32| {
            let mut place = json!({"resourceType": "Location", "name": "lieu", "identifier": [{"value": format!("l{number}")}]});
            if number > 0 {
                place["partOf"] = json!({"reference": format!("Location?identifier=l{}", number - 1)});
            }
            create(&place, "")
        });
        let answer = post(&server, places.collect(), false);
        assert_eq!((answer.status, answer.issue().0.as_str()), (422, "too-costly"), "{}", answer.text());
        // One that names nothing a thousand times is told at once.
        let mut one = measure("Patient/p");
        one["performer"] = (0..1000).map(|_| json!({"reference": "Practitioner?identifier=nobody"})).collect();
        assert_eq!(post(&server, vec![create(&one, "")], false).status, 412);
        assert_eq!(found(&server, "Location"), Vec::<String>::new());
    });
}

#[test]
fn a_conditional_reference_leads_to_one_thing_or_nothing_is_stored() {
    in_either_order(|server, turned| {
        server
            .send("POST", "/fhir/Patient", &[("content-type", "application/fhir+json")], Some(person("1").to_string().as_bytes()))
            .expect(201);
        let place = |name: &str, of: &str| {
            create(
                &json!({"resourceType": "Location", "name": name, "identifier": [{"value": name}], "partOf": {"reference": format!("Location?identifier={of}")}}),
                "",
            )
        };
        let rows = [
            ("nothing has it", vec![create(&measure("Patient?identifier=urn:x|7"), ""), create(&person("8"), "")]),
            ("one here and one there", vec![create(&measure("Patient?identifier=urn:x|1"), ""), create(&person("1"), "")]),
            ("two here", vec![create(&measure("Patient?identifier=urn:x|7"), ""), create(&person("7"), ""), create(&person("7"), "")]),
            ("a circle", vec![place("a", "b"), place("b", "a")]),
            ("a second one written after the first was found", {
                let mut second = place("etage", "lieu");
                second["resource"]["identifier"] = json!([{"value": "etage"}, {"value": "autre"}]);
                let alone = json!({"resourceType": "Location", "name": "lieu", "identifier": [{"value": "lieu"}]});
                let first = json!({"resourceType": "Location", "name": "etage", "identifier": [{"value": "etage"}]});
                vec![create(&alone, ""), create(&first, ""), second, place("chambre", "etage")]
            }),
        ];
        for (what, entries) in rows {
            let answer = post(server, entries, turned);
            assert_eq!(answer.status, 412, "{what}: {}", answer.text());
        }
        assert_eq!((found(server, "Patient").len(), found(server, "Observation").len(), found(server, "Location").len()), (1, 0, 0));
    });
}

#[test]
fn creates_under_one_condition_make_one_resource() {
    in_either_order(|server, turned| {
        let (mut first, mut second) = (create(&person("7"), "identifier=urn:x|7"), create(&person("7"), "identifier=urn:x|7"));
        first["fullUrl"] = ANA.into();
        second["fullUrl"] = "urn:uuid:1d2151bd-1cbf-4d64-b04d-cd9187a4c6e1".into();
        let entries = vec![first, second, create(&measure(ANA), ""), create(&measure("urn:uuid:1d2151bd-1cbf-4d64-b04d-cd9187a4c6e1"), "")];
        let answer = post(server, entries, turned);
        let mut told = statuses(&answer.expect(200));
        told.sort();
        assert_eq!(told, ["200", "201", "201", "201"]);
        let [id] = &found(server, "Patient")[..] else { panic!("one patient") };
        let entries = in_order(&answer, turned);
        for place in [0, 1] {
            assert_eq!(entries[place]["resource"]["id"], **id);
            assert_eq!(
                entries[place]["response"]["location"].as_str().map(|at| at.ends_with(&format!("Patient/{id}/_history/1"))),
                Some(true)
            );
        }
        assert_eq!(found(server, &format!("Observation?subject=Patient/{id}")).len(), 2);
    });
}

#[test]
fn entries_about_one_resource_fail_together() {
    in_either_order(|server, turned| {
        let there = post(server, vec![entry("PUT", "Patient/old", Some(with_id(person("1"), "old")))], false);
        assert_eq!(statuses(&there.expect(200)), ["201"]);
        let put = |condition: &str, resource: Value| entry("PUT", &format!("Patient?{condition}"), Some(resource));
        let rows = [
            ("two conditions of one sense", vec![create(&person("7"), "identifier=urn:x|7"), create(&person("7"), "identifier=7")], 412),
            ("a create, and one unless it exists", vec![create(&person("7"), "identifier=urn:x|7"), create(&person("7"), "")], 412),
            ("an update of what is created", vec![put("identifier=urn:x|7", person("7")), create(&person("7"), "")], 412),
            ("a create, and one that found what is there", vec![create(&person("1"), "identifier=urn:x|1"), create(&person("1"), "")], 412),
            ("two updates by one condition", vec![put("identifier=urn:x|7", person("7")), put("identifier=urn:x|7", person("7"))], 412),
            ("an update where another becomes like it", vec![put("identifier=urn:x|1", person("1")), create(&person("1"), "")], 412),
            (
                "an update by address and by condition",
                vec![put("identifier=urn:x|1", person("1")), entry("PUT", "Patient/old", Some(with_id(person("1"), "old")))],
                400,
            ),
            (
                "an update of what is deleted",
                vec![entry("DELETE", "Patient/old", None), entry("PUT", "Patient/old", Some(with_id(person("1"), "old")))],
                400,
            ),
        ];
        for (what, entries, status) in rows {
            let answer = post(server, entries, turned);
            assert_eq!(answer.status, status, "{what}: {}", answer.text());
        }
        assert_eq!(found(server, "Patient"), ["old"]);
        let version = server.send("GET", "/fhir/Patient/old", &[], None).json()["meta"]["versionId"].clone();
        assert_eq!(version, "1");
    });
}

fn with_id(mut resource: Value, id: &str) -> Value {
    resource["id"] = id.into();
    resource
}

#[test]
fn what_is_deleted_is_not_found_by_a_create() {
    in_either_order(|server, turned| {
        post(server, vec![entry("PUT", "Patient/old", Some(with_id(person("1"), "old")))], false).expect(200);
        let mut created = create(&person("1"), "identifier=urn:x|1");
        created["fullUrl"] = ANA.into();
        let entries = vec![
            created,
            entry("DELETE", "Patient/old", None),
            create(&measure(ANA), ""),
            create(&measure("Patient?identifier=urn:x|1"), ""),
        ];
        let answer = in_order(&post(server, entries, turned), turned);
        let status = |place: usize| answer[place]["response"]["status"].as_str().unwrap().to_owned();
        assert_eq!((status(0), status(1)), ("201".into(), "204".into()));
        let [id] = &found(server, "Patient")[..] else { panic!("one patient") };
        assert_ne!(id, "old");
        assert_eq!(found(server, &format!("Observation?subject=Patient/{id}")).len(), 2);
    });
}

#[test]
fn an_update_takes_no_id_that_is_another_s_and_none_that_is_there_where_it_must_be_new() {
    in_either_order(|server, turned| {
        post(server, vec![entry("PUT", "Patient/old", Some(with_id(person("1"), "old")))], false).expect(200);
        let by_condition = entry("PUT", "Patient?identifier=urn:x|new", Some(with_id(person("new"), "old")));
        assert_eq!(post(server, vec![by_condition, create(&person("5"), "")], turned).status, 409);
        let only_new = |id: &str| {
            let mut entry = entry("PUT", &format!("Patient/{id}"), Some(with_id(person("5"), id)));
            entry["request"]["ifNoneMatch"] = "*".into();
            entry
        };
        assert_eq!(post(server, vec![only_new("old"), create(&person("6"), "")], turned).status, 412);
        assert_eq!(found(server, "Patient"), ["old"]);
        assert_eq!(statuses(&post(server, vec![only_new("fresh")], turned).expect(200)), ["201"]);
        // In a batch each for itself.
        let mut batch = transaction(vec![only_new("old"), only_new("other")]);
        batch["type"] = "batch".into();
        let answer = server.send("POST", "/fhir", &[("content-type", "application/fhir+json")], Some(batch.to_string().as_bytes()));
        assert_eq!(statuses(&answer.expect(200)), ["412", "201"]);
    });
}
