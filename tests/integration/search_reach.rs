//! What a search reaches beside the type it is on, and P1 there: includes, chains in both directions, lists, compartments, several types.

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::build::{INS, consent, document, holder, ins, party, patient, professional, psidnat, service, structure};
use crate::support::{Backend, Server, on_both, query};

const HOSPITAL: &str = "1750000018";
const ABSENT: &str = "01930000-0000-7000-8000-000000000000";

/// The entries of a mode, as `Type/id`, sorted.
fn entries(answer: &Answer, mode: &str) -> Vec<String> {
    let json = answer.expect(200);
    let all = json["entry"].as_array().cloned().unwrap_or_default();
    let of = all.iter().filter(|entry| entry["search"]["mode"] == mode);
    let name = |resource: &Value| format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap_or_default());
    let mut names: Vec<String> = of.map(|entry| name(&entry["resource"])).collect();
    names.sort();
    names
}

struct World {
    server: Server,
    me: String,
    mine: String,
    author: String,
    plain: String,
    masked: String,
}

/// Somebody with an author's plain document, which replaces nothing, and a masked one that the plain one refers to.
fn world(backend: Backend) -> World {
    let server = Server::empty(backend);
    let me = ins(1);
    let mine = server.create(&service("operator"), &patient(&me)).id();
    server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
    let author = server.create(&service("operator"), &json!({"resourceType": "Practitioner", "name": [{"family": "Durand"}]})).id();
    let by = json!([{"reference": format!("Practitioner/{author}")}]);
    let masked = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).with("author", by.clone()).masked().json()).id();
    let mut body = document(&me, "11490-0", 2).with("author", by).json();
    body["context"]["related"] = json!([{"reference": format!("DocumentReference/{masked}")}]);
    let plain = server.create(&structure(HOSPITAL), &body).id();
    World { server, me, mine, author, plain, masked }
}

#[test]
fn what_comes_along_is_inside_the_scope_of_its_type() {
    on_both(|backend| {
        let World { server, me, mine, author, plain, masked } = world(backend);
        let (physician, stranger) = (professional(1, "10"), professional(3, "10"));
        let named = format!("{INS}|{me}");
        let ask = |who: &Value, pairs: &[(&str, &str)]| {
            let all: Vec<(&str, &str)> = [("patient.identifier", named.as_str())].into_iter().chain(pairs.iter().copied()).collect();
            server.get(who, &format!("DocumentReference{}", query(&all)))
        };
        let (author, masked) = (format!("Practitioner/{author}"), format!("DocumentReference/{masked}"));
        let (plain, mine) = (format!("DocumentReference/{plain}"), format!("Patient/{mine}"));
        let both = {
            let mut both = vec![plain.clone(), masked.clone()];
            both.sort();
            both
        };
        let related = ("_include", "DocumentReference:related");
        let found = ask(&physician, &[related, ("_include", "DocumentReference:author")]);
        assert_eq!((entries(&found, "match"), entries(&found, "include")), (vec![plain.clone()], vec![author.clone()]));
        let id = plain.rsplit('/').next().unwrap().to_owned();
        let found = ask(&holder(&me), &[("_id", &id), related, ("_include", "DocumentReference:subject")]);
        let mut expected = vec![masked.clone(), mine.clone()];
        expected.sort();
        assert_eq!(entries(&found, "include"), expected);
        // What matches is not included again.
        assert_eq!(entries(&ask(&holder(&me), &[related]), "include"), Vec::<String>::new());
        assert_eq!(entries(&ask(&holder(&me), &[related]), "match"), both);
        // Everything referred to; and back.
        let every = entries(&ask(&physician, &[("_include", "*")]), "include");
        assert_eq!(every, {
            let mut all = vec![author.clone(), mine.clone()];
            all.sort();
            all
        });
        let of = |who: &Value, path: &str| entries(&server.get(who, path), "include");
        let back = "Practitioner?name=durand&_revinclude=DocumentReference:author";
        assert_eq!((of(&physician, back), of(&holder(&me), back)), (vec![plain.clone()], both.clone()));
        assert_eq!((of(&stranger, back), of(&service("auditor"), back)), (vec![], vec![]));
        let further = "Practitioner?name=durand&_revinclude=DocumentReference:author&_include:iterate=DocumentReference:subject";
        assert_eq!(of(&stranger, further), Vec::<String>::new());
        assert_eq!(of(&physician, further), {
            let mut all = vec![plain.clone(), mine.clone()];
            all.sort();
            all
        });
    });
}

#[test]
fn chains_and_lists_reach_no_further() {
    on_both(|backend| {
        let World { server, me, mine, author, plain, masked } = world(backend);
        let (physician, stranger) = (professional(1, "10"), professional(3, "10"));
        let rows = [
            (&physician, format!("Practitioner?_has:DocumentReference:author:_id={plain}"), 1),
            (&physician, format!("Practitioner?_has:DocumentReference:author:_id={masked}"), 0),
            (&stranger, format!("Practitioner?_has:DocumentReference:author:_id={plain}"), 0),
            (&stranger, "Practitioner?_has:DocumentReference:author:type=11490-0".into(), 0),
            (&physician, "Practitioner?_has:DocumentReference:author:type=11490-0".into(), 1),
            (&physician, "Practitioner?_has:DocumentReference:author:patient.birthdate=gt1900".into(), 1),
            (&stranger, "Practitioner?_has:DocumentReference:author:patient.birthdate=gt1900".into(), 0),
            (&stranger, "Practitioner?_has:Consent:patient:status=active".into(), -1),
            (&physician, format!("DocumentReference?patient={mine}&related:DocumentReference._id={masked}"), 0),
            (&physician, format!("DocumentReference?patient={mine}&related:DocumentReference.author.family=durand"), 0),
            (&physician, format!("DocumentReference?patient={mine}&author:Practitioner.family=durand"), 1),
            (&physician, format!("DocumentReference?patient={mine}&_list=l"), 0),
            (&physician, format!("DocumentReference?patient={mine}&_security=MASQUE_PS"), 0),
            (&physician, format!("DocumentReference?patient={mine}&_has:DocumentReference:related:type=11490-0"), 0),
            (&stranger, format!("Practitioner?_id={author}&_has:DocumentReference:author:patient._id={mine}"), 0),
        ];
        for (who, path, count) in rows {
            let found = server.get(who, &path);
            if count < 0 {
                assert_eq!(found.status, 400, "{path}");
            } else {
                assert_eq!(i64::try_from(found.matches().len()).unwrap(), count, "{path}");
            }
        }
        let person = holder(&me);
        let found = server.get(&person, &format!("DocumentReference?_has:DocumentReference:related:_id={plain}"));
        assert_eq!(found.matches().first(), Some(&masked));
        // A tester's List is nobody's, and makes nothing of a record its own.
        let list = json!({"resourceType": "List", "id": "l", "status": "current", "mode": "working", "entry": [{"item": {"reference": format!("DocumentReference/{plain}")}}]});
        server.fhir(&service("tester"), "PUT", "List/l", Some(&list)).expect(201);
        assert!(server.get(&physician, &format!("DocumentReference?patient={mine}&_list=l")).matches().is_empty());
        assert!(server.get(&service("tester"), "DocumentReference?_list=l").matches().is_empty());
    });
}

#[test]
fn an_emergency_opens_the_record_named_and_no_population() {
    on_both(|backend| {
        let World { server, mine, author, plain, .. } = world(backend);
        let mut rescuer = professional(7, "10");
        rescuer["purpose"] = "bris_de_glace".into();
        rescuer["reason"] = "inconscient".into();
        let plain = format!("DocumentReference/{plain}");
        let of = |path: &str, mode: &str| entries(&server.get(&rescuer, path), mode);
        // Who is named is seen, and what comes along with it.
        let named = format!("DocumentReference?patient={mine}&_include=DocumentReference:subject&_include=DocumentReference:author");
        assert_eq!(of(&named, "match"), [plain]);
        assert_eq!(of(&named, "include"), [format!("Patient/{mine}"), format!("Practitioner/{author}")]);
        assert_eq!(of(&format!("DocumentReference?patient={mine}&subject:Patient.birthdate=gt1900"), "match").len(), 1);
        // A question from a directory is one over everybody.
        for path in [
            "Practitioner?_has:DocumentReference:author:type=11490-0",
            "Practitioner?_has:DocumentReference:author:patient.birthdate=gt1900",
            "Practitioner?_has:Patient:general-practitioner:active=true",
        ] {
            assert!(of(path, "match").is_empty(), "{path}");
        }
        for path in [
            "Practitioner?name=durand&_revinclude=DocumentReference:author",
            "Practitioner?name=durand&_revinclude=*&_include:iterate=DocumentReference:subject",
        ] {
            assert_eq!((of(path, "match").len(), of(path, "include")), (1, vec![]), "{path}");
        }
    });
}

#[test]
fn what_is_deleted_is_found_by_nothing() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let tester = service("tester");
        let put = |kind: &str, id: &str, mut body: Value| {
            body["resourceType"] = kind.into();
            body["id"] = id.into();
            server.fhir(&tester, "PUT", &format!("{kind}/{id}"), Some(&body)).expect(201);
        };
        put("Patient", "gone", json!({"active": true}));
        put("Observation", "o", json!({"status": "final", "code": {"text": "x"}, "subject": {"reference": "Patient/gone"}}));
        let list = json!({"status": "current", "mode": "working", "entry": [{"item": {"reference": "Patient/gone"}}]});
        put("List", "l", list);
        let paths = [
            "Patient?_id=gone",
            "Patient?_has:Observation:subject:status=final",
            "Patient?_list=l",
            "?_type=Patient&_id=gone",
            "Patient/gone/Patient",
            "Patient?_id=gone&_sort=birthdate",
        ];
        for path in paths {
            assert_eq!(server.get(&tester, path).matches(), ["gone"], "{path}");
        }
        let included = "Observation?_id=o&_include=Observation:subject";
        assert_eq!(entries(&server.get(&tester, included), "include"), ["Patient/gone"]);
        assert_eq!(server.get(&tester, "Observation?subject:Patient.active=true").matches(), ["o"]);
        server.fhir(&tester, "DELETE", "Patient/gone", None);
        for path in paths {
            assert!(server.get(&tester, path).matches().is_empty(), "{path}");
            let count = format!("{path}&_summary=count").replace("/Patient&", "/Patient?");
            assert_eq!(server.get(&tester, &count).expect(200)["total"], 0, "{path}");
        }
        assert!(entries(&server.get(&tester, included), "include").is_empty());
        assert!(server.get(&tester, "Observation?subject:Patient.active=true").matches().is_empty());
    });
}

#[test]
fn compartments_and_several_types_answer_as_each_type_would() {
    on_both(|backend| {
        let World { server, me, mine, plain, masked, .. } = world(backend);
        let (physician, stranger) = (professional(1, "10"), professional(3, "10"));
        let documents = |who: &Value| entries(&server.get(who, &format!("Patient/{mine}/DocumentReference")), "match");
        assert_eq!(documents(&physician), [format!("DocumentReference/{plain}")]);
        let mut both = vec![format!("DocumentReference/{plain}"), format!("DocumentReference/{masked}")];
        both.sort();
        assert_eq!(documents(&holder(&me)), both);
        let all = entries(&server.get(&holder(&me), &format!("Patient/{mine}/*")), "match");
        assert!(both.iter().all(|one| all.contains(one)) && all.contains(&format!("Patient/{mine}")), "{all:?}");
        assert!(all.iter().any(|one| one.starts_with("Consent/")) && all.len() == 6, "{all:?}");
        assert_eq!(all.iter().filter(|one| one.starts_with("List/")).count(), 2, "each document came with a submission set");
        let seen = entries(&server.get(&physician, &format!("Patient/{mine}/*")), "match");
        assert!(seen.contains(&both[usize::from(both[0].contains(&masked))]) && !seen.iter().any(|one| one.contains(&masked)), "{seen:?}");
        // The same refusal whether or not there is such a person.
        for path in ["DocumentReference", "Consent", "CareTeam", "RelatedPerson", "AuditEvent", "*"] {
            let ask = |id: &str| server.get(&stranger, &format!("Patient/{id}/{path}"));
            assert_eq!((ask(&mine).status, ask(&mine).shape(&mine)), (403, ask(ABSENT).shape(ABSENT)), "{path}");
        }
        assert_eq!(server.get(&holder(&me), &format!("Patient/{mine}/Practitioner")).status, 400);
        // Several types: what one of them would be refused for refuses the whole.
        let of = |who: &Value, path: &str| entries(&server.get(who, path), "match").len();
        assert_eq!(of(&stranger, "?_type=Practitioner,Organization"), 1);
        assert_eq!(of(&stranger, &format!("?_type=Practitioner,Patient,Consent&_id={mine}")), 0);
        assert_eq!(of(&holder(&me), &format!("?_type=DocumentReference,Patient&_id={mine},{plain}")), 2);
        for (path, status) in [
            ("?_type=DocumentReference", 400),
            ("?_type=AuditEvent", 400),
            ("?_type=Nothing", 400),
            ("?_type=Encounter", 403),
            // Of a record, as documents: whose is to be said.
            ("?_type=Observation", 200),
            ("?_type=Patient,Consent&nothing=x&_id=x", 200),
            ("?_type=Patient,Consent&family=x", 400),
        ] {
            assert_eq!(server.get(&physician, path).status, status, "{path}");
        }
    });
}

#[test]
fn pages_lead_forward_and_back_and_show_nothing() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let tester = service("tester");
        for number in 0..7 {
            let body = json!({"resourceType": "Patient", "id": format!("p{number}"), "name": [{"family": format!("Secret{number}")}]});
            server.fhir(&tester, "PUT", &format!("Patient/p{number}"), Some(&body)).expect(201);
        }
        let path = |url: &str| url.split("/fhir/").nth(1).unwrap().to_owned();
        let first = server.get(&tester, "Patient?name=secret&_sort=family&_count=3");
        let ids = |answer: &Answer| answer.matches().join(" ");
        assert_eq!((ids(&first).as_str(), first.link("previous")), ("p0 p1 p2", None));
        let second = server.get(&tester, &path(&first.link("next").unwrap()));
        let third = server.get(&tester, &path(&second.link("next").unwrap()));
        assert_eq!((ids(&second).as_str(), ids(&third).as_str(), third.link("next")), ("p3 p4 p5", "p6", None));
        let back = server.get(&tester, &path(&third.link("previous").unwrap()));
        assert_eq!(ids(&back), "p3 p4 p5");
        let start = server.get(&tester, &path(&back.link("previous").unwrap()));
        assert_eq!((ids(&start).as_str(), start.link("previous")), ("p0 p1 p2", None));
        assert_eq!(ids(&server.get(&tester, &path(&start.link("next").unwrap()))), "p3 p4 p5");
        assert_eq!(ids(&server.get(&tester, &path(&third.link("first").unwrap()))), "p0 p1 p2");
        assert_eq!(ids(&server.get(&tester, &path(&second.link("self").unwrap()))), "p3 p4 p5");
        for relation in ["self", "first", "previous", "next"] {
            assert!(!second.link(relation).unwrap().to_lowercase().contains("secret"), "{relation}");
        }
        // Of another caller, of another address, truncated, changed.
        let next = path(&first.link("next").unwrap());
        assert_eq!(server.get(&service("operator"), &next).status, 400);
        assert_eq!(server.get(&tester, &next.replace("Patient?", "Observation?")).status, 400);
        assert_eq!(server.get(&tester, &next[..next.len() - 4]).status, 400);
        assert_eq!(server.get(&tester, &format!("{next}&name=x")).status, 400);
        assert_eq!(server.get(&tester, "Patient?_cursor=AAAA").status, 400);
    });
}
