//! ITI-65, written out: what is submitted together is stored together, or nothing is (PDSm flux 01, CONTRACT 3).

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::build::{
    INS, consent, document, holder, ins, minor_ins, party, patient, professional, psidnat, representative, service, structure,
};
use crate::support::record::{HOSPITAL, with_space};
use crate::support::submission::{apart, binary, create, entries, list, submission, submission_set, submit, transaction, urn, wrote};
use crate::support::{Backend, Server, on_both, query};

const ABSENT: &str = "01930000-0000-7000-8000-000000000000";

fn lists(server: &Server, who: &Value, me: &str, more: &[(&str, &str)]) -> Answer {
    let patient = format!("{INS}|{me}");
    let pairs: Vec<(&str, &str)> = [("patient.identifier", patient.as_str())].into_iter().chain(more.iter().copied()).collect();
    server.get(who, &format!("List{}", query(&pairs)))
}

#[test]
fn a_submission_is_answered_in_its_order_and_read_by_its_parts() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let physician = professional(1, "10");
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let bundle = submission(&me, 1, document(&me, "11490-0", 1));
        let answer = submit(&server, &structure(HOSPITAL), &bundle).expect(200);
        let written = wrote(&answer);
        let kinds: Vec<(&str, &str)> = written.iter().map(|(status, kind, _)| (status.as_str(), kind.as_str())).collect();
        assert_eq!(kinds, [("201", "List"), ("201", "DocumentReference"), ("201", "Binary")]);
        for entry in answer["entry"].as_array().unwrap() {
            let response = &entry["response"];
            assert!(response["location"].as_str().unwrap().starts_with("http") && response["etag"] == "W/\"1\"", "{entry}");
            assert!(response["lastModified"].is_string(), "{entry}");
        }
        // What the guide asks for and was not sent is told with its entry.
        assert!(answer["entry"][0]["response"]["outcome"].to_string().contains("List.source"), "{answer}");
        assert_eq!(answer["entry"][1]["response"]["outcome"]["issue"][0]["severity"], "warning");
        let [(.., set), (.., letter), (.., content)] = written.as_slice() else { panic!("{answer}") };
        // The physician reads all three.
        let read = server.get(&physician, &format!("List/{set}")).expect(200);
        assert_eq!(entries(&read), [format!("DocumentReference/{letter}")]);
        assert!(read["subject"]["reference"].as_str().unwrap().starts_with("Patient/"));
        let read = server.get(&physician, &format!("DocumentReference/{letter}")).expect(200);
        let attachment = &read["content"][0]["attachment"];
        assert!(attachment["url"].as_str().unwrap().ends_with(&format!("/fhir/Binary/{content}")), "{attachment}");
        assert_eq!((&attachment["size"], attachment.get("data")), (&json!(10), None));
        let raw = server.get(&physician, &format!("Binary/{content}"));
        assert_eq!((raw.status, raw.text().as_str(), raw.header("content-type")), (200, "document 1", "text/plain"));
        // There is no other List: the submission brought its own.
        assert_eq!(lists(&server, &physician, &me, &[("code", "submissionset")]).matches(), std::slice::from_ref(set));
        // Once more, with other names within the Bundle: the same again.
        let text = bundle.to_string().replace("aaaaaaaa-0000", "bbbbbbbb-0000");
        let again = submit(&server, &structure(HOSPITAL), &serde_json::from_str(&text).unwrap()).expect(200);
        assert_eq!(wrote(&again), written);
        assert_eq!(lists(&server, &physician, &me, &[]).matches().len(), 1);
        // The submission is the structure's: it finds List and document, and not the content.
        assert_eq!(server.get(&structure(HOSPITAL), &format!("List/{set}")).status, 200);
        assert_eq!(server.get(&structure(HOSPITAL), &format!("Binary/{content}")).status, 404);
        // A submission is never updated or deleted.
        let whole = server.get(&physician, &format!("List/{set}")).expect(200);
        for (method, body, allowed) in [("PUT", Some(&whole), "GET"), ("DELETE", None, "GET, PUT")] {
            let refused = server.fhir(&structure(HOSPITAL), method, &format!("List/{set}"), body);
            assert_eq!((refused.status, refused.header("allow")), (405, allowed), "{method}");
        }
        assert_eq!(server.get(&physician, &format!("List/{set}/_history/1")).status, 200);
        assert_eq!(server.get(&physician, &format!("List/{set}/_history")).expect(200)["total"], 1);
    });
}

#[test]
fn everybody_who_deposits_submits() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (me, lina, parent) = (ins(1), minor_ins(1), ins(20));
        for person in [&me, &lina] {
            server.create(&service("operator"), &patient(person)).expect(201);
        }
        let related = json!({"resourceType": "RelatedPerson", "active": true, "patient": {"identifier": {"system": INS, "value": lina}},
            "identifier": [{"system": INS, "value": parent}]});
        server.create(&service("operator"), &related).expect(201);
        let rows = [
            (structure(HOSPITAL), &me, "11490-0"),
            (professional(1, "10"), &me, "11490-0"),
            (professional(2, "60"), &me, "57828-6"),
            (holder(&me), &me, "EXPPAT_1"),
            (representative(&parent, &lina), &lina, "EXPPAT_1"),
        ];
        for (number, (who, of, code)) in (1..).zip(rows) {
            let answer = submit(&server, &who, &submission(of, number, document(of, code, number)));
            let written = wrote(&answer.expect(200));
            assert!(written.iter().all(|(status, ..)| status == "201"), "{who}: {written:?}");
            let set = server.get(&who, &format!("List/{}", written[0].2)).expect(200);
            assert_eq!(entries(&set), [format!("DocumentReference/{}", written[1].2)], "{who}");
        }
        for (who, status) in [
            (holder(&me), 403),
            (service("operator"), 403),
            (service("auditor"), 403),
            (json!({"kind": "application", "client": "app", "for": format!("{INS}|{me}"), "scope": "patient/*.cruds"}), 403),
        ] {
            // A person does not deposit letters of hospitals.
            let answer = submit(&server, &who, &submission(&me, 90, document(&me, "11490-0", 90)));
            assert_eq!(answer.status, status, "{who}: {}", answer.text());
        }
        assert_eq!(lists(&server, &holder(&me), &me, &[("_summary", "count")]).expect(200)["total"], 4);
    });
}

#[test]
fn fhir_documents_and_folders_are_submitted() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let physician = professional(1, "10");
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let whole = json!({
            "resourceType": "Bundle", "type": "document", "timestamp": "2026-10-01T10:00:00+02:00",
            "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"},
            "entry": [{"fullUrl": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e1", "resource": {
                "resourceType": "Composition", "status": "final", "type": {"coding": [{"system": "http://loinc.org", "code": "11490-0"}]},
                "date": "2026-10-01", "author": [{"display": "Dr Exemple"}], "title": "Lettre"
            }}]
        });
        let (mut letter, _) = apart(document(&me, "11490-0", 1), &urn(3));
        letter["content"][0]["attachment"]["contentType"] = "application/fhir+json".into();
        letter["content"][0]["attachment"]["size"] = 7.into();
        let (second, content) = apart(document(&me, "11490-0", 2), &urn(5));
        let answer = submit(
            &server,
            &physician,
            &transaction(vec![
                create(&urn(1), submission_set(&me, 1, &[&urn(2), &urn(4), &urn(6)])),
                create(&urn(2), letter),
                create(&urn(3), whole.clone()),
                create(&urn(4), second),
                create(&urn(5), content),
                create(&urn(6), list(&me, "folder", &[&urn(2)])),
            ]),
        );
        let answer = answer.expect(200);
        let written = wrote(&answer);
        let kinds: Vec<&str> = written.iter().map(|(_, kind, _)| kind.as_str()).collect();
        assert_eq!(kinds, ["List", "DocumentReference", "Binary", "DocumentReference", "Binary", "List"]);
        assert!(answer["entry"][1]["response"]["outcome"].to_string().contains("size and hash"), "{answer}");
        let raw = server.get(&physician, &format!("Binary/{}", written[2].2));
        assert_eq!((raw.status, raw.header("content-type")), (200, "application/fhir+json"));
        assert_eq!(raw.json(), whole);
        let set = server.get(&physician, &format!("List/{}", written[0].2)).expect(200);
        let of = |place: usize| format!("{}/{}", written[place].1, written[place].2);
        assert_eq!(entries(&set), [of(1), of(3), of(5)]);
        let folders = lists(&server, &physician, &me, &[("code", "http://x.example|folder")]).matches();
        assert_eq!(folders, Vec::<String>::new());
        assert_eq!(lists(&server, &physician, &me, &[("code", "folder")]).matches(), std::slice::from_ref(&written[5].2));
        // A folder of what is there already, by address and by identifier.
        let mut later = list(&me, "folder", &[&of(1), &of(3)]);
        let second = server.get(&physician, &of(3)).expect(200)["masterIdentifier"].clone();
        later["entry"][1]["item"] = json!({"identifier": second});
        let later = server.create(&physician, &later).expect(201);
        assert_eq!(entries(&later), [of(1), of(3)]);
    });
}

#[test]
fn what_is_wrong_is_told_and_nothing_is_stored() {
    on_both(wrong);
}

fn wrong(backend: Backend) {
    let (server, me) = with_space(backend);
    let other = ins(8);
    server.create(&service("operator"), &patient(&other)).expect(201);
    let hospital = structure(HOSPITAL);
    let foreign = server.create(&hospital, &document(&other, "11490-0", 70).json()).id();
    let hidden = server.create(&structure("1690000027"), &document(&me, "11490-0", 71).json()).id();
    let (letter, content) = apart(document(&me, "11490-0", 1), &urn(3));
    let (second, _) = apart(document(&me, "11490-0", 2), &urn(3));
    let (elsewhere, _) = apart(document(&other, "11490-0", 3), &urn(3));
    let set = |targets: &[&str]| submission_set(&me, 1, targets);
    let whole = |set: Value, letter: Value, content: Value| {
        transaction(vec![create(&urn(1), set), create(&urn(2), letter), create(&urn(3), content)])
    };
    let plain = |set: Value| whole(set, letter.clone(), content.clone());
    let changed = |value: &Value, pointer: &str, to: Value| {
        let mut value = value.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        value.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(name.to_owned(), to);
        value
    };
    let own = set(&[&urn(2)]);
    let attachment = |name: &str, to: Value| changed(&letter, &format!("/content/0/attachment/{name}"), to);
    let in_set = |path: &str| format!("Bundle.entry[0].resource.{path}");
    let in_letter = |path: &str| format!("Bundle.entry[1].resource.{path}");
    let rows: Vec<(Value, u16, String)> = vec![
        (plain(changed(&own, "/status", "retired".into())), 422, in_set("status")),
        (plain(changed(&own, "/mode", "snapshot".into())), 422, in_set("mode")),
        (plain(changed(&own, "/code", json!({"text": "lot"}))), 422, in_set("code")),
        (plain(changed(&own, "/subject", json!({"identifier": {"system": INS, "value": ins(99)}}))), 422, in_set("subject")),
        // One person for the whole.
        (plain(changed(&own, "/subject", json!({"identifier": {"system": INS, "value": other}}))), 422, in_set("entry[0].item")),
        (whole(own.clone(), elsewhere, content.clone()), 422, in_set("entry[0].item")),
        (plain(set(&[&urn(2), &format!("DocumentReference/{foreign}")])), 422, in_set("entry[1].item")),
        (plain(set(&[&urn(2), &format!("DocumentReference/{hidden}")])), 422, in_set("entry[1].item")),
        (plain(set(&[&urn(2), &format!("DocumentReference/{ABSENT}")])), 422, in_set("entry[1].item")),
        (plain(set(&[&urn(2), "Patient/1"])), 422, in_set("entry[1].item")),
        (plain(set(&[&urn(9)])), 422, in_set("entry")),
        (plain(set(&[&format!("DocumentReference/{foreign}")])), 422, in_set("entry")),
        (plain(changed(&own, "/source", party(&psidnat(1)))), 200, String::new()),
        // The content.
        (whole(own.clone(), attachment("hash", "AAAA".into()), content.clone()), 422, in_letter("content[0].attachment.hash")),
        (whole(own.clone(), attachment("size", 11.into()), content.clone()), 422, in_letter("content[0].attachment.size")),
        (
            whole(own.clone(), attachment("contentType", "application/pdf".into()), content.clone()),
            422,
            in_letter("content[0].attachment.contentType"),
        ),
        (whole(own.clone(), letter.clone(), changed(&content, "/data", Value::Null)), 422, "Bundle.entry[2].resource.data".into()),
        (whole(own.clone(), attachment("url", urn(8).into()), content.clone()), 422, in_letter("content[0].attachment.data")),
        (
            whole(own.clone(), attachment("url", format!("Binary/{ABSENT}").into()), content.clone()),
            422,
            in_letter("content[0].attachment.url"),
        ),
        (
            transaction(vec![
                create(&urn(1), set(&[&urn(2), &urn(4)])),
                create(&urn(2), letter.clone()),
                create(&urn(3), content.clone()),
                create(&urn(4), second),
            ]),
            422,
            "Bundle.entry[3].resource.content[0].attachment.url".into(),
        ),
        (
            transaction(vec![
                create(&urn(1), own.clone()),
                create(&urn(2), letter.clone()),
                create(&urn(3), content.clone()),
                create(&urn(4), binary("nobody's")),
            ]),
            403,
            "Bundle.entry[3].request".into(),
        ),
        (
            transaction(vec![
                create(&urn(1), own.clone()),
                create(&urn(2), letter.clone()),
                create(&urn(3), content.clone()),
                create(&urn(4), own.clone()),
            ]),
            422,
            "Bundle.entry[3].resource.code".into(),
        ),
    ];
    let stored = |server: &Server| {
        let count = |of: &str| server.get(&holder(of), "List?_summary=count").expect(200)["total"].as_i64().unwrap();
        let documents = server.get(&holder(&me), "DocumentReference?_summary=count").expect(200)["total"].as_i64().unwrap();
        (count(&me), count(&other), documents)
    };
    let before = stored(&server);
    for (bundle, status, place) in rows.iter().filter(|(_, status, _)| *status != 200) {
        let answer = submit(&server, &hospital, bundle);
        assert_eq!((answer.status, answer.issue().1), (*status, place.clone()), "{bundle}: {}", answer.text());
    }
    assert_eq!(stored(&server), before, "nothing is stored");
    // A structure may name the person who sends for it.
    for (bundle, ..) in rows.iter().filter(|(_, status, _)| *status == 200) {
        submit(&server, &hospital, bundle).expect(200);
    }
    // The same identifier with something else.
    let other_title = plain(changed(&own, "/title", "Autre".into()));
    assert_eq!(submit(&server, &hospital, &other_title).status, 409);
    // Another submitter's equal identifier is another submission.
    submit(&server, &professional(5, "10"), &other_title).expect(200);
}

#[test]
fn who_submits_is_who_sends() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let named = |source: Value| {
            let mut set = submission_set(&me, 1, &[&urn(2)]);
            set["source"] = source;
            set
        };
        let contained = |id: &str, organization: &str| {
            let mut set = named(json!({"reference": "#role"}));
            set["contained"] = json!([
                {"resourceType": "PractitionerRole", "id": "role", "practitioner": {"reference": "#who"}, "organization": party(organization)},
                {"resourceType": "Practitioner", "id": "who", "identifier": [party(id)["identifier"]]}
            ]);
            set
        };
        let organization = |id: &str| {
            let url = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-authorOrg";
            named(json!({"extension": [{"url": url, "valueReference": party(id)}]}))
        };
        let mut acting = professional(1, "10");
        acting["structure"] = HOSPITAL.into();
        let rows = [
            (professional(1, "10"), named(party(&psidnat(1))), 201),
            (professional(1, "10"), named(party(&psidnat(2))), 422),
            (
                professional(1, "10"),
                named(json!({"identifier": {"system": "https://rpps.esante.gouv.fr", "value": &psidnat(1)[1..]}})),
                201,
            ),
            (professional(1, "10"), named(json!({"display": "Dr Exemple"})), 201),
            (professional(1, "10"), contained(&psidnat(1), "1690000027"), 201),
            (acting.clone(), contained(&psidnat(1), HOSPITAL), 201),
            (acting.clone(), contained(&psidnat(1), "1690000027"), 422),
            (acting, organization("1690000027"), 422),
            (professional(1, "10"), named(json!({"identifier": {"system": INS, "value": me}})), 422),
            (structure(HOSPITAL), organization(HOSPITAL), 201),
            (structure(HOSPITAL), organization("1690000027"), 422),
            (structure(HOSPITAL), contained(&psidnat(9), HOSPITAL), 201),
            (structure(HOSPITAL), contained(&psidnat(9), "1690000027"), 422),
            (holder(&me), named(json!({"identifier": {"system": INS, "value": me}})), 201),
            (holder(&me), named(json!({"identifier": {"system": INS, "value": ins(9)}})), 422),
            (holder(&me), named(party(&psidnat(1))), 422),
        ];
        for (number, (who, mut set, status)) in (1..).zip(rows) {
            let code = if who["kind"] == "holder" { "EXPPAT_1" } else { "11490-0" };
            set["identifier"][0]["value"] = format!("urn:oid:1.2.250.1.999.5.{number}").into();
            let (letter, content) = apart(document(&me, code, number), &urn(3));
            let answer =
                submit(&server, &who, &transaction(vec![create(&urn(1), set.clone()), create(&urn(2), letter), create(&urn(3), content)]));
            if status == 201 {
                answer.expect(200);
            } else {
                let place = "Bundle.entry[0].resource.source".to_owned();
                assert_eq!((answer.status, answer.issue().1), (status, place), "{who} {set}: {}", answer.text());
            }
        }
    });
}

#[test]
fn a_document_deposited_alone_has_a_submission_set() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let letter = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json()).id();
        let found = lists(&server, &holder(&me), &me, &[("code", "submissionset")]).expect(200);
        let set = &found["entry"][0]["resource"];
        assert_eq!((&found["total"], entries(set)), (&json!(1), vec![format!("DocumentReference/{letter}")]));
        assert!(set["source"].to_string().contains(HOSPITAL), "{set}");
        // A push that is repeated makes no other.
        server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json()).expect(201);
        assert_eq!(lists(&server, &holder(&me), &me, &[("_summary", "count")]).expect(200)["total"], 1);
        // As one is refused, nothing is left of it.
        assert_eq!(server.create(&structure(HOSPITAL), &document(&me, "99999-9", 2).json()).status, 422);
        assert_eq!(lists(&server, &holder(&me), &me, &[("_summary", "count")]).expect(200)["total"], 1);
    });
}

#[test]
fn lists_are_found_by_every_parameter_of_the_guides() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let physician = professional(1, "10");
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let extension = |name: &str| format!("https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-{name}");
        let mut set = submission_set(&me, 1, &[&urn(2)]);
        set["contained"] = json!([
            {"resourceType": "Practitioner", "id": "who", "identifier": [party(&psidnat(1))["identifier"]],
             "name": [{"family": "Dupond", "given": ["Marie"]}]}
        ]);
        set["source"] = json!({"reference": "#who", "extension": [{"url": extension("authorOrg"), "valueReference": party(HOSPITAL)}]});
        let (letter, content) = apart(document(&me, "11490-0", 1), &urn(3));
        let all = transaction(vec![create(&urn(1), set), create(&urn(2), letter), create(&urn(3), content)]);
        let written = wrote(&submit(&server, &physician, &all).expect(200));
        let (set, letter) = (&written[0].2, &written[1].2);
        let archived = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived";
        let mut folder = list(&me, "folder", &[&format!("DocumentReference/{letter}")]);
        folder["title"] = "Grossesse".into();
        folder["date"] = "2025-01-01".into();
        folder["extension"] = json!([{"url": archived, "valueBoolean": true}]);
        let name = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/as-ext-practitionerrole-name";
        let name = json!([{"url": name, "valueHumanName": {"family": "Lajoie", "given": ["Marie"]}}]);
        folder["contained"] = json!([{"resourceType": "PractitionerRole", "id": "who", "extension": name}]);
        folder["source"] = json!({"reference": "#who"});
        let folder = server.create(&physician, &folder).id();
        let rows: Vec<(&str, String, bool)> = vec![
            ("source:PractitionerRole.name", "lajoie".into(), false),
            ("source.name", "Lajoie".into(), false),
            ("code", "submissionset".into(), true),
            ("code", "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes|folder".into(), false),
            ("title", "consult".into(), true),
            ("title", "Grossesse".into(), false),
            ("date", "ge2026-01-01".into(), true),
            ("date", "2025".into(), false),
            ("identifier", format!("urn:ietf:rfc:3986|urn:oid:1.2.250.1.999.4.{me}.1"), true),
            ("designationType", "urn:x|consultation".into(), true),
            ("sourceId", "urn:ietf:rfc:3986|urn:oid:1.2.3".into(), true),
            ("source.given", "marie".into(), true),
            ("source.family", "Dupond".into(), true),
            ("source.identifier", psidnat(1), true),
            ("source:Practitioner.family", "Dupond".into(), true),
            ("authorOrg:identifier", HOSPITAL.into(), true),
            ("isArchived", "false".into(), true),
            ("isArchived", "true".into(), false),
        ];
        for (name, value, first) in rows {
            let expected = if first { set } else { &folder };
            assert_eq!(lists(&server, &physician, &me, &[(name, &value)]).matches(), std::slice::from_ref(expected), "{name}={value}");
        }
        let both = lists(
            &server,
            &physician,
            &me,
            &[("status", "current"), ("item", &format!("DocumentReference/{letter}")), ("_total", "accurate")],
        )
        .expect(200);
        assert_eq!(both["total"], 2);
        // By POST as by GET, by the patient's id and in its compartment.
        let id = server.get(&physician, "Patient").matches()[0].clone();
        let form = format!("patient={id}&code=folder");
        let posted = server.fhir_with(
            &physician,
            "POST",
            "List/_search",
            &[("content-type", "application/x-www-form-urlencoded")],
            Some(form.as_bytes()),
        );
        assert_eq!(posted.matches(), std::slice::from_ref(&folder));
        assert_eq!(server.get(&physician, &format!("Patient/{id}/List?code=folder")).matches(), std::slice::from_ref(&folder));
        // Who may not consult, and a structure that deposited nothing there.
        for who in [professional(2, "10"), structure("1690000027")] {
            assert_eq!(lists(&server, &who, &me, &[]).status, 403, "{who}");
        }
        // The person and whoever is allowed to ask for Lists by a token of the person.
        assert_eq!(server.get(&holder(&me), "List").matches().len(), 2);
    });
}

#[test]
fn a_content_is_retrieved_raw_or_as_a_binary() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        let physician = professional(1, "10");
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let written = wrote(&submit(&server, &structure(HOSPITAL), &submission(&me, 1, document(&me, "11490-0", 1))).expect(200));
        let (letter, content) = (&written[1].2, &written[2].2);
        let get = |who: &Value, id: &str, accept: &str| {
            let headers = [("accept", accept)];
            server.fhir_with(who, "GET", &format!("Binary/{id}"), if accept.is_empty() { &[] } else { &headers }, None)
        };
        for accept in ["", "*/*", "text/plain", "text/*"] {
            let raw = get(&physician, content, accept);
            assert_eq!((raw.status, raw.text().as_str(), raw.header("content-type")), (200, "document 1", "text/plain"), "{accept}");
        }
        let resource = get(&physician, content, "application/fhir+json").expect(200);
        assert_eq!((&resource["resourceType"], &resource["contentType"]), (&json!("Binary"), &json!("text/plain")));
        assert!(get(&physician, content, "application/fhir+xml").text().contains("<Binary xmlns"));
        assert_eq!(get(&physician, content, "application/pdf").status, 406);
        // Hidden, absent and withdrawn are the same (CONTRACT 3, 4), where ITI-68 also lets answer 403 and 410.
        for who in [professional(2, "28"), professional(3, "10"), structure(HOSPITAL)] {
            assert_eq!(get(&who, content, "").shape(content), get(&who, ABSENT, "").shape(ABSENT), "{who}");
            assert_eq!(get(&who, content, "").status, 404, "{who}");
        }
        let delete = crate::support::record::deletion();
        server.fhir(&structure(HOSPITAL), "PATCH", &format!("DocumentReference/{letter}"), Some(&delete)).expect(200);
        assert_eq!(get(&physician, content, "").shape(content), get(&physician, ABSENT, "").shape(ABSENT));
    });
}
