//! Rule 36 and what CONTRACT 3 says of who reads what.

use ensemble::auth::digest;
use ensemble::fhir::ResourceType;
use ensemble::policy::resources::Bound;
use ensemble::policy::{CallerKind, Policy};
use serde_json::{Value, json};

use crate::support::build::{
    INS, consent, holder, ins, minor_ins, party, patient, person, professional, psidnat, representative, service, structure,
};
use crate::support::record::{HOSPITAL, team, with_letter};
use crate::support::{Server, on_both, query};

#[test]
fn rule_036_a_record_that_is_closed_is_closed_to_everybody() {
    on_both(|backend| {
        let server = Server::start(backend, &[]);
        let people = server.send("GET", "/sandbox/people", &[], None).expect(200);
        let closed = people["holders"].as_array().unwrap().iter().find(|one| one["state"] == "closed").unwrap().clone();
        let ins = closed["ins"].as_str().unwrap().rsplit('|').next().unwrap().to_owned();
        let (who, glass) = (
            professional(1, "10"),
            json!({"kind": "professional", "id": psidnat(1), "profession": "10", "purpose": "bris_de_glace", "reason": "coma"}),
        );
        for one in [&who, &glass] {
            assert_eq!(crate::support::record::finds(&server, one, &ins).0, 403, "{one}");
        }
        assert_eq!(server.create(&who, &crate::support::build::document(&ins, "11490-0", 1).json()).status, 422);
        let told = server.get(&who, &format!("Patient{}", crate::support::query(&[("identifier", &format!("{INS}|{ins}"))]))).expect(200);
        let space = &told["entry"][0]["resource"];
        assert_eq!(space["active"], false);
        assert!(space["extension"].to_string().contains("dmp-fermeture"));
        assert!(server.get(&closed["token"], "DocumentReference").matches().is_empty(), "for the person too, until it is opened again");
    });
}

/// The statuses of reading a resource by each of these.
fn seen(server: &Server, path: &str, by: &[(&'static str, Value)]) -> Vec<&'static str> {
    by.iter().filter(|(_, who)| server.get(who, path).status == 200).map(|(name, _)| *name).collect()
}

#[test]
fn each_kind_of_resource_is_read_by_those_it_is_for() {
    on_both(|backend| {
        let (server, me, _) = with_letter(backend);
        let (lina, parent) = (minor_ins(1), ins(20));
        let person_of = |of: &str| representative(&parent, of);
        server.create(&service("operator"), &patient(&lina)).expect(201);
        for of in [&me, &lina] {
            let related = json!({"resourceType": "RelatedPerson", "active": true, "patient": person(of),
                "identifier": [{"system": INS, "value": parent}]});
            server.create(&service("operator"), &related).expect(201);
        }
        let person = holder(&me);
        for (kind, number) in [("record-access", 1), ("treating-physician", 2)] {
            server.create(&person, &consent(&me, kind, "permit", party(&psidnat(number)))).expect(201);
        }
        let by = [
            ("holder", person.clone()),
            ("representative", person_of(&me)),
            ("representative of another", person_of(&lina)),
            ("with a right", professional(1, "10")),
            ("treating physician", professional(2, "10")),
            ("named", professional(3, "10")),
            ("nobody", professional(4, "10")),
            ("structure", structure(HOSPITAL)),
            ("operator", service("operator")),
            ("auditor", service("auditor")),
        ];
        let space = server.get(&person, "Patient").matches()[0].clone();
        let right = server.create(&person, &consent(&me, "record-access", "permit", party(&psidnat(3)))).id();
        let (members, related) =
            (server.create(&person, &team(&me, &[&psidnat(3)], &[])).id(), server.get(&person, "RelatedPerson").matches()[0].clone());
        let trace = server.get(&person, "AuditEvent?_count=1").matches()[0].clone();
        let rows: [(String, &[&str]); 5] = [
            (format!("Patient/{space}"), &["holder", "representative", "with a right", "treating physician", "named", "operator"]),
            (format!("Consent/{right}"), &["holder", "representative", "named"]),
            (format!("CareTeam/{members}"), &["holder", "representative", "named"]),
            (format!("RelatedPerson/{related}"), &["holder", "representative", "treating physician", "operator"]),
            (format!("AuditEvent/{trace}"), &["holder", "representative", "auditor"]),
        ];
        for (path, expected) in rows {
            assert_eq!(seen(&server, &path, &by), expected, "{path}");
        }
        let place = server.create(&service("operator"), &json!({"resourceType": "Location", "name": "Cabinet"})).id();
        assert_eq!(seen(&server, &format!("Location/{place}"), &by).len(), by.len(), "directories are for every caller");
        for (name, who) in &by {
            let expected = if *name == "operator" { 201 } else { 403 };
            assert_eq!(server.create(who, &json!({"resourceType": "Organization", "name": "Centre"})).status, expected, "{name}");
        }
    });
}

#[test]
fn of_no_type_is_it_told_whether_somebody_elses_record_exists() {
    on_both(|backend| {
        let (server, me, _) = with_letter(backend);
        server.create(&service("operator"), &patient(&ins(8))).expect(201);
        let mine = server.get(&holder(&me), "Patient").matches()[0].clone();
        let policy = Policy::embedded(false, digest::sha256_hex).unwrap();
        // A Patient is named by its own identifier, a content by nothing.
        let beside = [ResourceType::PATIENT, ResourceType::BINARY];
        let of_records = policy.resources().iter().filter(|row| row.bound == Bound::Holder && !beside.contains(&row.resource));
        let served: Vec<ResourceType> =
            of_records.map(|row| row.resource).filter(|resource| policy.serves(CallerKind::Holder, *resource)).collect();
        assert!(served.len() > 6 && served.contains(&ResourceType::COMMUNICATION), "{served:?}");
        for resource in served {
            let named = |id: &str, of: &str| {
                let token = format!("{INS}|{of}");
                let parameters = [("patient", id), ("patient:Patient", id), ("patient.identifier", &token), ("patient:identifier", &token)];
                let mut paths: Vec<String> = parameters.iter().map(|pair| format!("{resource}{}", query(&[*pair]))).collect();
                paths.push(format!("Patient/{id}/{resource}"));
                paths
            };
            let absent = "01930000-0000-7000-8000-000000000000";
            for (path, other) in named(&mine, &me).iter().zip(named(absent, &ins(99))) {
                let (known, unknown) = (server.get(&holder(&ins(8)), path), server.get(&holder(&ins(8)), &other));
                assert_eq!((known.status, known.issue()), (403, unknown.issue()), "{path}");
                assert_eq!(unknown.status, 403, "{other}");
            }
        }
    });
}
