//! P1 of includes that follow everything (`:iterate=*`): what the caller may not see is neither brought nor followed further.

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::build::{INS, consent, document, holder, ins, party, patient, professional, psidnat, service, structure};
use crate::support::record::HOSPITAL;
use crate::support::{Backend, Server, on_both, query};

struct World {
    server: Server,
    me: String,
    mine: String,
    /// The author of what is open, and that of what is masked alone.
    author: String,
    unseen: String,
    plain: String,
    masked: String,
    /// Of somebody else, whom nobody knows here.
    others: String,
}

fn world(backend: Backend) -> World {
    let server = Server::empty(backend);
    let (me, other) = (ins(1), ins(2));
    let mine = server.create(&service("operator"), &patient(&me)).id();
    server.create(&service("operator"), &patient(&other)).expect(201);
    server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
    let practitioner = |family: &str| json!({"resourceType": "Practitioner", "name": [{"family": family}]});
    let [author, unseen] = ["Durand", "Noir"].map(|family| server.create(&service("operator"), &practitioner(family)).id());
    let by = |id: &str| json!([{"reference": format!("Practitioner/{id}")}]);
    let deposit = |ins: &str, number: u32, by: Value, masked: bool, related: &str| {
        let one = document(ins, "11490-0", number).with("author", by);
        let mut body = if masked { one.masked() } else { one }.json();
        if !related.is_empty() {
            body["context"]["related"] = json!([{"reference": format!("DocumentReference/{related}")}]);
        }
        server.create(&structure(HOSPITAL), &body).id()
    };
    let others = deposit(&other, 1, by(&author), false, "");
    let masked = deposit(&me, 1, by(&unseen), true, "");
    let plain = deposit(&me, 2, by(&author), false, &masked);
    World { server, me, mine, author, unseen, plain, masked, others }
}

/// What an answer has in these modes, as `Type/id`.
fn entries(answer: &Answer, modes: &[&str]) -> Vec<String> {
    let json = answer.expect(200);
    let all = json["entry"].as_array().cloned().unwrap_or_default();
    let of = all.iter().filter(|entry| modes.iter().any(|mode| entry["search"]["mode"] == *mode)).map(|entry| &entry["resource"]);
    of.map(|one| format!("{}/{}", one["resourceType"].as_str().unwrap(), one["id"].as_str().unwrap_or_default())).collect()
}

fn included(world: &World, who: &Value, path: &str) -> Vec<String> {
    entries(&world.server.get(who, path), &["include"])
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

#[test]
fn what_is_hidden_is_not_followed() {
    on_both(|backend| {
        let world = world(backend);
        let World { server, me, mine, author, unseen, plain, masked, others } = &world;
        let (physician, stranger) = (professional(1, "10"), professional(3, "10"));
        let named = format!("{INS}|{me}");
        let documents = |pairs: &[(&str, &str)]| {
            let all: Vec<(&str, &str)> = [("patient.identifier", named.as_str())].into_iter().chain(pairs.iter().copied()).collect();
            format!("DocumentReference{}", query(&all))
        };
        let (everything, back) = (("_include:iterate", "*"), ("_revinclude:iterate", "*"));
        let practitioner = |id: &str| format!("Practitioner/{id}");
        let from_documents = documents(&[everything]);
        let expected = sorted(vec![practitioner(author), format!("Patient/{mine}")]);
        assert_eq!(sorted(included(&world, &physician, &from_documents)), expected);
        // Who may see it is brought there, and further.
        let open = documents(&[("_id", plain.as_str()), everything]);
        let seen = sorted(included(&world, &holder(me), &open));
        let expected =
            sorted(vec![practitioner(author), practitioner(unseen), format!("Patient/{mine}"), format!("DocumentReference/{masked}")]);
        assert_eq!(seen, expected);
        // From a person, a List, an author and several types: forward and back.
        let lists = format!("List{}", query(&[("patient.identifier", &named), everything]));
        let paths = [
            from_documents.clone(),
            documents(&[everything, back]),
            lists,
            format!("Patient?_id={mine}&_revinclude:iterate=*&_include:iterate=*"),
            format!("Practitioner?_id={author}&_revinclude:iterate=*&_include:iterate=*"),
            format!("Patient/{mine}/*?_include:iterate=*"),
            format!("Patient/{mine}/DocumentReference?_include:iterate=*&_revinclude:iterate=*"),
            format!("?_type=DocumentReference,Consent&patient={mine}&_include:iterate=*"),
        ];
        let mut answered = 0;
        for path in &paths {
            let answer = server.get(&physician, path);
            let (told, brought) = (answer.text(), entries(&answer, &["match", "include"]));
            answered += usize::from(brought.contains(&format!("DocumentReference/{plain}")));
            // What is open names what is masked: its author wrote so.
            assert!(!brought.contains(&format!("DocumentReference/{masked}")), "{path}: {told}");
            for hidden in [unseen, others] {
                assert!(!told.contains(hidden.as_str()), "{path}: {told}");
            }
            // Who has no right is brought nothing at all.
            let told = server.get(&stranger, path).text();
            for hidden in [plain, masked, unseen, others] {
                assert!(!told.contains(hidden.as_str()) || path.contains(hidden.as_str()), "{path}: {told}");
            }
        }
        assert_eq!(answered, paths.len());
        // The author of nothing but what is masked leads nowhere.
        let alone = format!("Practitioner?_id={unseen}&_revinclude:iterate=*&_include:iterate=*");
        assert_eq!((included(&world, &physician, &alone), included(&world, &stranger, &alone)), (vec![], vec![]));
        assert!(included(&world, &holder(me), &alone).contains(&format!("DocumentReference/{masked}")));
        // In an emergency a directory leads to no record.
        let mut rescuer = professional(7, "10");
        rescuer["purpose"] = "bris_de_glace".into();
        rescuer["reason"] = "inconscient".into();
        let directory = format!("Practitioner?_id={author}&_revinclude:iterate=*&_include:iterate=*");
        assert_eq!(included(&world, &rescuer, &directory), Vec::<String>::new());
    });
}
