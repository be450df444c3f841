//! P1 of Lists (CONTRACT 3, Who reads what): a List is there for its depositor and for whoever sees an entry; the other entries are not.

use serde_json::{Value, json};

use crate::support::build::{Document, INS, consent, document, holder, ins, party, patient, professional, psidnat, service, structure};
use crate::support::record::{HOSPITAL, deletion, minor};
use crate::support::submission::{apart, create, entries, list, submission_set, submit, transaction, urn, wrote};
use crate::support::{Server, on_both, query};

const ABSENT: &str = "01930000-0000-7000-8000-000000000000";

/// Submits these documents together; the id of the List and those of the documents.
fn together(server: &Server, me: &str, number: u32, documents: Vec<Document>) -> (String, Vec<String>) {
    let names: Vec<String> = (0..documents.len()).map(|place| urn(10 + 2 * u32::try_from(place).unwrap())).collect();
    let targets: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut set = submission_set(me, number, &targets);
    set["text"] = json!({"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">Trois documents</div>"});
    let mut all = vec![create(&urn(1), set)];
    for (place, (one, name)) in documents.into_iter().zip(&names).enumerate() {
        let bearer = urn(11 + 2 * u32::try_from(place).unwrap());
        let (one, content) = apart(one, &bearer);
        all.extend([create(name, one), create(&bearer, content)]);
    }
    let written = wrote(&submit(server, &structure(HOSPITAL), &transaction(all)).expect(200));
    let documents = written.iter().filter(|(_, kind, _)| kind == "DocumentReference").map(|(.., id)| id.clone()).collect();
    (written[0].2.clone(), documents)
}

struct World {
    server: Server,
    me: String,
    /// A, which is open; B, which is masked; C, which is hidden from the person.
    mixed: (String, Vec<String>),
    masked: (String, Vec<String>),
    hidden: (String, Vec<String>),
}

fn world(server: Server) -> World {
    let me = ins(1);
    server.create(&service("operator"), &patient(&me)).expect(201);
    for number in [1, 2] {
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(number)))).expect(201);
    }
    let letter = |number: u32| document(&me, "11490-0", number);
    let mixed = together(&server, &me, 1, vec![letter(1), letter(2).masked(), letter(3).hidden()]);
    let masked = together(&server, &me, 2, vec![letter(4).masked()]);
    let hidden = together(&server, &me, 3, vec![letter(5).hidden(), letter(6).hidden()]);
    World { server, me, mixed, masked, hidden }
}

#[test]
fn a_list_is_seen_by_its_entries() {
    on_both(|backend| {
        let World { server, me, mixed, masked, hidden } = world(Server::empty(backend));
        let (a, b, c) = (&mixed.1[0], &mixed.1[1], &mixed.1[2]);
        let read = |who: &Value, id: &str| {
            let answer = server.get(who, &format!("List/{id}"));
            if answer.status == 200 { Ok(entries(&answer.json())) } else { Err(answer.status) }
        };
        let of = |ids: &[&String]| Ok(ids.iter().map(|id| format!("DocumentReference/{id}")).collect::<Vec<_>>());
        let rows = [
            (professional(1, "10"), of(&[a, c]), Err(404), of(&[&hidden.1[0], &hidden.1[1]])),
            (professional(2, "28"), Err(404), Err(404), Err(404)),
            (professional(3, "10"), Err(404), Err(404), Err(404)),
            (holder(&me), of(&[a, b]), of(&[&masked.1[0]]), Err(404)),
            (structure(HOSPITAL), of(&[a, b, c]), of(&[&masked.1[0]]), of(&[&hidden.1[0], &hidden.1[1]])),
            (structure("1690000027"), Err(404), Err(404), Err(404)),
        ];
        for (who, first, second, third) in rows {
            assert_eq!((read(&who, &mixed.0), read(&who, &masked.0), read(&who, &hidden.0)), (first, second, third), "{who}");
        }
        // The narrative tells of all entries: that it is left out must not tell that some are.
        for who in [structure(HOSPITAL), professional(1, "10")] {
            assert!(server.get(&who, &format!("List/{}", mixed.0)).expect(200).get("text").is_none());
        }
        // Wherever the List is answered.
        let patient = format!("{INS}|{me}");
        let paths = [
            format!("List/{}/_history/1", mixed.0),
            format!("List/{}/_history", mixed.0),
            format!("List{}", query(&[("patient.identifier", &patient)])),
            format!("List{}", query(&[("patient.identifier", &patient), ("_include", "List:item"), ("_sort", "date")])),
            format!("List{}", query(&[("patient.identifier", &patient), ("_elements", "entry")])),
            format!("DocumentReference{}", query(&[("patient.identifier", &patient), ("_revinclude", "List:item")])),
            query(&[("_type", "List,DocumentReference"), ("patient.identifier", &patient)]),
        ];
        let physician = professional(1, "10");
        for path in paths {
            let told = server.get(&physician, &path).expect(200).to_string();
            assert!(told.contains(a.as_str()) && told.contains(c.as_str()), "{path}: {told}");
            for secret in [b, &masked.0, &masked.1[0]] {
                assert!(!told.contains(secret.as_str()), "{path}: {told}");
            }
        }
        // What follows the right is seen no more without it, and what becomes of an entry shows at once.
        server.fhir(&structure(HOSPITAL), "PATCH", &format!("DocumentReference/{a}"), Some(&deletion())).expect(200);
        assert_eq!(read(&physician, &mixed.0), of(&[c]));
        assert_eq!(read(&holder(&me), &mixed.0), of(&[b]));
        server.fhir(&structure(HOSPITAL), "PATCH", &format!("DocumentReference/{c}"), Some(&deletion())).expect(200);
        assert_eq!(read(&physician, &mixed.0), Err(404));
        assert_eq!(read(&structure(HOSPITAL), &mixed.0), of(&[b]), "its depositor");
    });
}

#[test]
fn nothing_is_asked_of_entries_that_are_hidden() {
    on_both(|backend| {
        let World { server, me, mixed, masked, .. } = world(Server::empty(backend));
        let physician = professional(1, "10");
        let patient = format!("{INS}|{me}");
        let (open, secret) = (&mixed.1[0], &mixed.1[1]);
        let finds = |name: &str, value: &str| {
            let answer = server.get(&physician, &format!("List{}", query(&[("patient.identifier", &patient), (name, value)])));
            answer.matches().contains(&mixed.0)
        };
        let master = |number: u32| format!("urn:ietf:rfc:3986|urn:oid:1.2.250.1.999.3.{me}.{number}");
        for (name, seen, unseen) in [
            ("item", format!("DocumentReference/{open}"), format!("DocumentReference/{secret}")),
            ("item:DocumentReference", open.clone(), secret.clone()),
            ("item:DocumentReference.identifier", master(1), master(2)),
            ("item:DocumentReference._id", open.clone(), secret.clone()),
            ("_has:DocumentReference:related:identifier", String::new(), master(2)),
            ("item:identifier", String::new(), master(2)),
        ] {
            assert!(seen.is_empty() || finds(name, &seen), "{name}={seen}");
            assert!(!finds(name, &unseen), "{name}={unseen}");
        }
        assert!(finds("item:missing", "false") && !finds("item:missing", "true"));
        // A List that its depositor sees without an entry has none to ask for.
        for id in &mixed.1 {
            server.fhir(&structure(HOSPITAL), "PATCH", &format!("DocumentReference/{id}"), Some(&deletion())).expect(200);
        }
        let own = |missing: &str| {
            let path = format!("List{}", query(&[("patient.identifier", &patient), ("item:missing", missing)]));
            server.get(&structure(HOSPITAL), &path).matches().contains(&mixed.0)
        };
        assert!(own("true") && !own("false"));
        let sorted = server.get(&physician, &format!("List{}", query(&[("patient.identifier", &patient), ("_sort", "item")])));
        assert_eq!((sorted.status, sorted.issue().1.as_str()), (400, "_sort"));
        // Membership of a List that is hidden, and a List of documents that are.
        let listed = |id: &str| {
            let path = format!("DocumentReference{}", query(&[("patient.identifier", &patient), ("_list", id)]));
            server.get(&physician, &path).matches().len()
        };
        assert_eq!((listed(&masked.0), listed(ABSENT)), (0, 0));
        // Hidden and absent answer alike, and leave the same traces.
        for path in ["List/ID", "List/ID/_history/1", "List/ID/_history"] {
            let ask = |id: &str| server.get(&physician, &path.replace("ID", id)).shape(id);
            assert_eq!(ask(&masked.0), ask(ABSENT), "{path}");
        }
        for (method, body) in [("PUT", Some(json!({"resourceType": "List"}))), ("DELETE", None), ("PATCH", Some(json!([])))] {
            let ask = |id: &str| server.fhir(&physician, method, &format!("List/{id}"), body.as_ref()).shape(id);
            assert_eq!(ask(&masked.0), ask(ABSENT), "{method}");
        }
        let traces = |id: &str| server.get(&physician, &format!("AuditEvent?entity=List/{id}&_total=accurate&_count=0")).shape(id);
        assert_eq!(traces(&masked.0), traces(ABSENT));
        // Lists are asked of somebody, and a stranger is told nothing.
        let nobody = server.get(&physician, "List");
        assert_eq!((nobody.status, nobody.issue()), (400, ("required".into(), "patient".into())));
        let stranger = professional(3, "10");
        let ask = |ins: &str| server.get(&stranger, &format!("List{}", query(&[("patient.identifier", &format!("{INS}|{ins}"))])));
        assert_eq!((ask(&me).status, ask(&me).shape(&me)), (403, ask(&ins(77)).shape(&ins(77))));
    });
}

#[test]
fn traces_of_a_list_tell_no_more_than_its_documents() {
    on_both(|backend| {
        let World { server, me, mixed, hidden, .. } = world(Server::empty(backend));
        server.get(&professional(1, "10"), &format!("List/{}", hidden.0)).expect(200);
        server.get(&professional(1, "10"), &format!("List/{}", mixed.0)).expect(200);
        let told = server.get(&holder(&me), "AuditEvent?_count=200").expect(200).to_string();
        assert!(told.contains(&mixed.0) && !told.contains(&hidden.0), "{told}");
        let asked =
            |id: &str| server.get(&holder(&me), &format!("AuditEvent?entity=List/{id}&_total=accurate")).expect(200)["total"].clone();
        assert!(asked(&mixed.0) != json!(0) && asked(&hidden.0) == json!(0));
        // A secret of a minor does not exist for a representative, nor does what lists nothing else.
        let (lina, who) = minor(&server);
        let count = |server: &Server| server.get(&who, "AuditEvent?_total=accurate&_count=0").expect(200)["total"].as_i64().unwrap();
        let before = count(&server);
        let secret = together(&server, &lina, 1, vec![document(&lina, "11490-0", 1).labelled("INVISIBLE_REPRESENTANTS_LEGAUX")]);
        // The question for the count is traced itself.
        assert_eq!(count(&server), before + 1);
        assert_eq!(server.get(&who, &format!("List/{}", secret.0)).status, 404);
        let open = together(&server, &lina, 2, vec![document(&lina, "11490-0", 2)]);
        assert!(count(&server) > before + 2);
        assert_eq!(server.get(&who, &format!("List/{}", open.0)).status, 200);
    });
}

/// A submission set of folders is hidden in traces by what the folders list: neither less nor more.
#[test]
fn traces_of_a_list_of_folders_tell_as_much_as_the_folders() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (me, hospital) = (ins(1), structure(HOSPITAL));
        server.create(&service("operator"), &patient(&me)).expect(201);
        let (lina, who) = minor(&server);
        let readers = [(&me, holder(&me), "INVISIBLE_PATIENT"), (&lina, who, "INVISIBLE_REPRESENTANTS_LEGAUX")];
        for (of, reader, label) in readers {
            let mut number = 0;
            let mut set_of = |labels: &[&str]| {
                let mut folders = Vec::new();
                for label in labels {
                    number += 1;
                    let one = document(of, "11490-0", number);
                    let one = if label.is_empty() { one } else { one.labelled(label) };
                    let letter = format!("DocumentReference/{}", server.create(&hospital, &one.json()).id());
                    let folder = server.create(&hospital, &list(of, "folder", &[&letter])).id();
                    folders.push(format!("List/{folder}"));
                }
                let folders: Vec<&str> = folders.iter().map(String::as_str).collect();
                server.create(&hospital, &list(of, "submissionset", &folders)).id()
            };
            for (labels, named) in [(["", ""], 1), (["", label], 1), ([label, label], 0)] {
                let set = set_of(&labels);
                let traces = server.get(&reader, &format!("AuditEvent?entity=List/{set}&action=C&_total=accurate")).expect(200);
                assert_eq!(traces["total"], named, "{labels:?}: {traces}");
                assert_eq!(server.get(&reader, &format!("List/{set}")).status == 200, named == 1, "{labels:?}");
            }
        }
    });
}

#[test]
fn a_conditional_list_finds_only_what_is_seen() {
    on_both(|backend| {
        let World { server, me, mixed, masked, .. } = world(Server::empty(backend));
        let physician = professional(1, "10");
        let set = json!(submission_set(&me, 9, &[&format!("DocumentReference/{}", mixed.1[0])]));
        let send = |number: u32| {
            let identifier = format!("identifier=urn:ietf:rfc:3986|urn:oid:1.2.250.1.999.4.{me}.{number}");
            let headers = [("content-type", "application/fhir+json"), ("if-none-exist", identifier.as_str())];
            server.fhir_with(&physician, "POST", "List", &headers, Some(set.to_string().as_bytes()))
        };
        let found = send(1);
        assert_eq!((found.status, found.id()), (200, mixed.0.clone()));
        assert!(!found.text().contains(&mixed.1[1]), "{}", found.text());
        let new = send(2);
        assert!(new.status == 201 && new.id() != masked.0, "{}", new.text());
    });
}
