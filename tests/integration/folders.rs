//! A folder is a List that its author writes again (PDSm flux 01, IHE MHD ITI-65): documents come and go, under the rights of each.

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::build::{consent, document, holder, ins, party, patient, professional, psidnat, service, structure};
use crate::support::record::{HOSPITAL, deletion, label_on};
use crate::support::submission::{create, entries, list, submission_set, submit, transaction, urn, wrote};
use crate::support::{Backend, Server, on_both};

const ABSENT: &str = "01930000-0000-7000-8000-000000000000";

struct World {
    server: Server,
    me: String,
    /// Four letters of the hospital, the second one masked.
    letters: Vec<String>,
}

/// A person who lets two physicians consult.
fn world(backend: Backend) -> World {
    let (server, me) = (Server::empty(backend), ins(1));
    server.create(&service("operator"), &patient(&me)).expect(201);
    for number in [1, 2] {
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(number)))).expect(201);
    }
    let letter = |number: u32| {
        let letter = document(&me, "11490-0", number);
        let letter = if number == 2 { letter.masked() } else { letter };
        format!("DocumentReference/{}", server.create(&structure(HOSPITAL), &letter.json()).id())
    };
    let letters = (1..=4).map(letter).collect();
    World { server, me, letters }
}

/// A folder with these entries, known by an identifier.
fn folder(me: &str, targets: &[&String]) -> Value {
    let targets: Vec<&str> = targets.iter().map(|target| target.as_str()).collect();
    let mut folder = list(me, "folder", &targets);
    folder["identifier"] = json!([{"system": "urn:ietf:rfc:3986", "value": format!("urn:oid:1.2.250.1.999.5.{me}.1")}]);
    folder
}

/// Writes the folder again.
fn put(server: &Server, who: &Value, id: &str, mut folder: Value, version: &str) -> Answer {
    folder["id"] = id.into();
    let path = format!("List/{id}");
    let body = folder.to_string();
    let condition = [("If-Match", version), ("Content-Type", "application/fhir+json")];
    let headers = if version.is_empty() { &condition[1..] } else { &condition[..] };
    server.fhir_with(who, "PUT", &path, headers, Some(body.as_bytes()))
}

#[test]
fn its_author_adds_and_takes_out_documents() {
    on_both(|backend| {
        let World { server, me, letters } = world(backend);
        let (hospital, physician) = (structure(HOSPITAL), professional(1, "10"));
        let [a, b, c, _] = &letters[..] else { panic!("four letters") };
        let id = server.create(&hospital, &folder(&me, &[a, b])).id();
        let read = |who: &Value| entries(&server.get(who, &format!("List/{id}")).expect(200));
        assert_eq!((read(&hospital), read(&physician)), (vec![a.clone(), b.clone()], vec![a.clone()]));

        let answer = put(&server, &hospital, &id, folder(&me, &[b, c]), "W/\"1\"");
        assert_eq!(answer.header("etag"), "W/\"2\"");
        let told = answer.expect(200);
        assert_eq!((entries(&told), told["meta"]["versionId"].as_str()), (vec![b.clone(), c.clone()], Some("2")));
        assert_eq!((read(&hospital), read(&physician)), (vec![b.clone(), c.clone()], vec![c.clone()]));
        let found =
            |item: &String| server.get(&physician, &format!("List?patient.identifier={}&code=folder&item={item}", token(&me))).matches();
        assert_eq!((found(a), found(b), found(c)), (vec![], vec![], vec![id.clone()]));

        // What was in it is told to its author alone.
        let versions = |who: &Value| server.get(who, &format!("List/{id}/_history")).expect(200)["entry"].as_array().unwrap().len();
        assert_eq!((versions(&hospital), versions(&physician), versions(&holder(&me))), (2, 1, 1));
        let first = format!("List/{id}/_history/1");
        assert_eq!(entries(&server.get(&hospital, &first).expect(200)), vec![a.clone(), b.clone()]);
        assert_eq!(server.get(&physician, &first).status, 404);

        // The first push, sent again, is what it was then.
        let again = server.create(&hospital, &folder(&me, &[a, b]));
        assert_eq!((again.status, again.id()), (201, id.clone()));
        assert_eq!(read(&hospital), vec![b.clone(), c.clone()]);
        // The person reads who wrote it.
        let traces = server.get(&holder(&me), "AuditEvent?action=U").expect(200).to_string();
        assert!(traces.contains(&format!("List/{id}")), "{traces}");
    });
}

fn token(me: &str) -> String {
    format!("urn:oid:1.2.250.1.213.1.4.10%7C{me}")
}

#[test]
fn what_its_author_does_not_see_stays_in_it() {
    on_both(|backend| {
        let World { server, me, letters } = world(backend);
        let (author, hospital) = (professional(1, "10"), structure(HOSPITAL));
        let [a, _, c, d] = &letters[..] else { panic!("four letters") };
        let id = server.create(&author, &folder(&me, &[a, c])).id();
        let read = |who: &Value| entries(&server.get(who, &format!("List/{id}")).expect(200));
        server.fhir(&holder(&me), "PATCH", a, Some(&label_on("MASQUE_PS"))).expect(200);
        assert_eq!(read(&author), vec![c.clone()]);

        // Nothing of the answer tells that there is more.
        let told = put(&server, &author, &id, folder(&me, &[d]), "").expect(200);
        assert_eq!(entries(&told), vec![d.clone()]);
        assert_eq!((read(&author), read(&holder(&me))), (vec![d.clone()], vec![d.clone(), a.clone()]));
        // What was withdrawn goes from every sight.
        server.fhir(&hospital, "PATCH", a, Some(&deletion())).expect(200);
        assert_eq!((read(&author), read(&holder(&me))), (vec![d.clone()], vec![d.clone()]));
    });
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_changes() {
    on_both(|backend| {
        let World { server, me, letters } = world(backend);
        let other = ins(2);
        server.create(&service("operator"), &patient(&other)).expect(201);
        let author = professional(1, "10");
        let [a, masked, c, _] = &letters[..] else { panic!("four letters") };
        let id = server.create(&author, &folder(&me, &[a])).id();
        let set = submission_set(&me, 1, &[a]);
        let submitted = server.create(&author, &set).id();
        let good = || folder(&me, &[a, c]);
        let but = |name: &str, value: Value| {
            let mut folder = good();
            folder[name] = value;
            folder
        };
        let absent = format!("DocumentReference/{ABSENT}");
        let mut both = good();
        both["code"]["coding"].as_array_mut().unwrap().push(set["code"]["coding"][0].clone());
        // What only an entry leads to would stay where the entry is left out.
        let mut contains = good();
        contains["contained"] = json!([{"resourceType": "Basic", "id": "note", "code": {"text": "d'un document"}}]);
        contains["entry"][1]["extension"] = json!([{"url": "http://example.org/note", "valueReference": {"reference": "#note"}}]);
        let (reader, person, stranger) = (professional(2, "10"), holder(&me), professional(3, "10"));
        let rows: Vec<(&Value, &str, Value, &str, u16, &str)> = vec![
            (&reader, &id, good(), "", 403, ""),
            (&person, &id, good(), "", 403, ""),
            (&stranger, &id, good(), "", 404, ""),
            (&stranger, ABSENT, good(), "", 404, ""),
            (&author, ABSENT, good(), "", 404, ""),
            (&author, &id, good(), "W/\"2\"", 412, ""),
            (&author, &submitted, good(), "", 405, ""),
            (&author, &submitted, set.clone(), "", 405, ""),
            (&author, ABSENT, set, "", 405, ""),
            (&author, &id, folder(&other, &[a, c]), "", 422, "List.subject"),
            (&author, &id, but("subject", json!({"display": "Elle"})), "", 422, "List.subject"),
            (&author, &id, but("identifier", json!([{"system": "urn:x", "value": "1"}])), "", 422, "List.identifier"),
            (&author, &id, but("code", json!({"text": "dossier"})), "", 422, "List.code"),
            (&author, &id, both, "", 422, "List.code"),
            (&author, &id, contains, "", 422, "List.entry[1]"),
            (&author, &id, but("status", "retired".into()), "", 422, "List.status"),
            (&author, &id, but("entry", json!([])), "", 422, "List.entry"),
            (&author, &id, folder(&me, &[a, masked]), "", 422, "List.entry[1].item"),
            (&author, &id, folder(&me, &[a, &absent]), "", 422, "List.entry[1].item"),
            (&author, &id, folder(&me, &[&format!("List/{id}")]), "", 422, "List.entry[0].item"),
        ];
        for (who, at, sent, version, status, place) in rows {
            let answer = put(&server, who, at, sent.clone(), version);
            let issue = answer.expect(status)["issue"][0].clone();
            let told = issue["expression"][0].as_str().unwrap_or_default();
            assert!(place.is_empty() || told == place, "{sent}: {issue}");
            if status == 405 {
                assert_eq!(answer.header("allow"), "GET", "{sent}");
            }
        }
        // Hidden and absent are one answer.
        let told = |target: &String| put(&server, &author, &id, folder(&me, &[a, target]), "").expect(422).to_string();
        assert_eq!(told(masked), told(&absent));
        let now = server.get(&author, &format!("List/{id}")).expect(200);
        assert_eq!((entries(&now), now["meta"]["versionId"].as_str()), (vec![a.clone()], Some("1")));
        // Who may consult no more writes no more, whoever wrote it first: it finds the metadata of its own deposits.
        server.create(&holder(&me), &consent(&me, "record-block", "deny", party(&psidnat(1)))).expect(201);
        let blocked = put(&server, &author, &id, good(), "");
        assert_eq!(blocked.expect(422)["issue"][0]["expression"][0], "List.entry[0].item");
    });
}

/// That a folder changes tells whoever sees it: so nothing enters it that is hidden from the person or from representatives.
#[test]
fn what_is_hidden_from_the_person_is_in_no_folder_that_is_updated() {
    on_both(|backend| {
        let World { server, me, letters } = world(backend);
        let hospital = structure(HOSPITAL);
        let hidden = server.create(&hospital, &document(&me, "11490-0", 9).hidden().json()).id();
        let hidden = format!("DocumentReference/{hidden}");
        let id = server.create(&hospital, &folder(&me, &[&letters[0]])).id();
        let mut other = folder(&me, &[&hidden]);
        other["identifier"][0]["value"] = format!("urn:oid:1.2.250.1.999.5.{me}.2").into();
        let unseen = server.create(&hospital, &other).id();
        other["entry"] = folder(&me, &[&letters[0]])["entry"].clone();
        for (at, sent) in [(&id, folder(&me, &[&letters[0], &hidden])), (&unseen, other)] {
            assert_eq!(put(&server, &hospital, at, sent, "").issue(), ("business-rule".into(), "List.entry".into()));
        }
        assert_eq!(server.get(&holder(&me), &format!("List/{id}")).header("etag"), "W/\"1\"");
        assert_eq!(server.get(&holder(&me), &format!("List/{unseen}")).status, 404);
        // What a minor's secret connection writes, parents do not read.
        let mut secret = professional(1, "10");
        secret["secret"] = true.into();
        let answer = server.create(&secret, &folder(&me, &[&letters[2]]));
        assert_eq!((answer.status, answer.issue().1.as_str()), (422, "List.entry[0].item"));
    });
}

#[test]
fn a_submission_puts_its_documents_into_a_folder() {
    on_both(|backend| {
        let World { server, me, letters } = world(backend);
        let hospital = structure(HOSPITAL);
        let id = server.create(&hospital, &folder(&me, &[&letters[0]])).id();
        let new = urn(2);
        let mut next = folder(&me, &[&letters[0], &new]);
        next["id"] = id.as_str().into();
        let bundle = transaction(vec![
            create(&urn(1), submission_set(&me, 7, &[&new, &format!("List/{id}")])),
            create(&new, document(&me, "11490-0", 9).json()),
            json!({"resource": next, "request": {"method": "PUT", "url": format!("List/{id}"), "ifMatch": "W/\"1\""}}),
        ]);
        let written = wrote(&submit(&server, &hospital, &bundle).expect(200));
        let address = format!("DocumentReference/{}", written[1].2);
        assert_eq!(written[2].0, "200");
        assert_eq!(entries(&server.get(&hospital, &format!("List/{id}")).expect(200)), vec![letters[0].clone(), address]);
        // All or nothing: the folder has moved on.
        let again = submit(&server, &hospital, &bundle);
        assert_eq!(again.status, 412, "{}", again.text());
        let mut batch = bundle.clone();
        batch["type"] = "batch".into();
        batch["entry"].as_array_mut().unwrap().drain(..2);
        batch["entry"][0]["request"]["ifMatch"] = "W/\"2\"".into();
        batch["entry"][0]["resource"]["entry"] = json!([{"item": {"reference": letters[2]}}]);
        let told = submit(&server, &hospital, &batch).expect(200);
        assert_eq!(told["entry"][0]["response"]["status"], "200");
    });
}
