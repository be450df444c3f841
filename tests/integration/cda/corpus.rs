//! The national examples of clinical documents, where they are at hand: each is deposited with nothing beside, found by what its header
//! says, read byte for byte, masked, archived, replaced and deleted.

use std::collections::HashSet;
use std::path::Path;

use ensemble::cda::{Header, Xml, read};
use ensemble::fhir::national::Ins;
use serde_json::{Value, json};

use crate::support::build::{INS, holder, ins, service, structure};
use crate::support::cda::push;
use crate::support::record::{HOSPITAL, archiving, deletion, label_on, patches};
use crate::support::{Server, on_both, query};

/// A document of the examples, about somebody who may have a space in the sandbox.
struct Example {
    name: String,
    text: String,
    ins: String,
    header: Header,
}

fn header(text: &str) -> Header {
    match read(text.as_bytes()).unwrap() {
        Xml::Cda(cda) => cda.header,
        Xml::Signature => panic!("it is a signature"),
    }
}

/// The examples; where an INS is none, one of an invented person stands for it.
fn examples() -> Vec<Example> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/fr-cda");
    let Ok(files) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<_> =
        files.flatten().map(|file| file.path()).filter(|path| path.extension().is_some_and(|end| end == "xml")).collect();
    paths.sort();
    let example = |path: std::path::PathBuf| {
        let mut text = std::fs::read_to_string(&path).unwrap();
        let (root, value) = header(&text).patients.into_iter().find(|(root, _)| root.starts_with("1.2.250.1.213.1.4.")).unwrap();
        let system = format!("urn:oid:{root}");
        let ins = match Ins::new(&system, &value) {
            Some(ins) => ins.to_string(),
            None => {
                text = text.replace(&value, &ins(77)).replace(&format!("\"{root}\""), "\"1.2.250.1.213.1.4.10\"");
                format!("{INS}|{}", ins(77))
            }
        };
        Example { name: path.file_stem().unwrap().to_string_lossy().into_owned(), header: header(&text), text, ins }
    };
    paths.into_iter().map(example).collect()
}

fn open(server: &Server, ins: &str) {
    let (system, value) = ins.split_once('|').unwrap();
    let patient =
        json!({"resourceType": "Patient", "active": true, "identifier": [{"system": system, "value": value}], "birthDate": "1980-03-14"});
    server.create(&service("operator"), &patient).expect(201);
}

/// Everything that happens to a document.
fn live(server: &Server, example: &Example) {
    let (name, header) = (&example.name, &example.header);
    let (system, value) = example.ins.split_once('|').unwrap();
    // Reimbursements come from the insurance, which sees nothing of the record afterwards.
    let insurance = header.codes[0].code == "REMB";
    let submitter = if insurance { service("operator") } else { structure(HOSPITAL) };
    let mut own = holder(value);
    own["ins"] = format!("{system}|{value}").into();
    let sent = push("text/xml", example.text.as_bytes());
    let answer = server.create(&submitter, &sent);
    assert_eq!(answer.status, 201, "{name}: {}", answer.text());
    let (id, stored) = (answer.id(), answer.json());
    let text = |pointer: &str| {
        stored.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{name}: no {pointer}: {stored}")).to_owned()
    };
    for pointer in [
        "/type/coding/0/code",
        "/category/0/coding/0/code",
        "/date",
        "/author/0/reference",
        "/custodian/identifier/value",
        "/content/0/attachment/title",
        "/content/0/attachment/language",
        "/content/0/format/code",
        "/context/period/start",
        "/context/facilityType/coding/0/code",
        "/context/practiceSetting/coding/0/code",
    ] {
        assert!(!text(pointer).is_empty(), "{name}: {pointer}");
    }
    // Found by type, date, identifier and author, and by another one's not.
    let master = format!("{}|{}", text("/masterIdentifier/system"), text("/masterIdentifier/value"));
    let author = header.authors.iter().find_map(|author| author.name.as_ref()).and_then(|name| name.family.clone());
    let mut found_by = vec![("type", header.codes[0].code.clone()), ("date", text("/date")), ("identifier", master)];
    found_by.extend(author.map(|family| ("author.family", family)));
    for (parameter, value) in found_by {
        let found = server.get(&own, &format!("DocumentReference{}", query(&[(parameter, &value)]))).matches();
        assert!(found.contains(&id), "{name}: {parameter}={value}");
    }
    let url = text("/content/0/attachment/url");
    let read = server.fhir_with(&own, "GET", &url, &[("accept", "text/xml")], None);
    assert!(read.status == 200 && read.body == example.text.as_bytes(), "{name}: {}", read.status);
    assert_eq!(server.create(&submitter, &sent).id(), id, "{name}: pushed again");
    assert_eq!(patches(server, &own, &id, &label_on("MASQUE_PS")), 200, "{name}: masked");
    if insurance {
        return;
    }
    assert_eq!(patches(server, &submitter, &id, &archiving()), 200, "{name}: archived");
    // The next version says so in its header.
    let own_id = header.id.clone().unwrap();
    let (root, extension) = (own_id.root(), own_id.extension());
    let next = next_version(&example.text, root, extension);
    let second = server.create(&submitter, &push("text/xml", next.as_bytes()));
    assert_eq!(second.status, 201, "{name}: {}", second.text());
    assert_eq!(server.get(&own, &format!("DocumentReference/{id}")).expect(200)["status"], "superseded", "{name}");
    assert!(second.json()["securityLabel"].to_string().contains("MASQUE_PS"), "{name}: the next version is masked too");
    assert_eq!(patches(server, &submitter, &second.id(), &deletion()), 200, "{name}: deleted");
    assert_eq!(server.get(&own, &format!("DocumentReference/{}", second.id())).status, 404, "{name}");
}

/// The same document with another identifier, in the place of the one it had.
fn next_version(text: &str, root: &str, extension: &str) -> String {
    let own = text.find("<id ").unwrap();
    let end = own + text[own..].find("/>").unwrap() + 2;
    let first = &text[own..end];
    let written = first.split('"').nth(1).unwrap();
    assert!(written.eq_ignore_ascii_case(root) || written == extension, "the first id is the document's: {first}");
    let next = format!("{}<id root=\"{root}.999\"/>{}", &text[..own], &text[end..]);
    let related = format!("<relatedDocument typeCode=\"RPLC\"><parentDocument>{first}</parentDocument></relatedDocument>");
    // What it replaced itself is of the past.
    let (head, body) = next.split_at(next.find("<component").unwrap());
    let head = match (head.find("<relatedDocument"), head.find("</relatedDocument>")) {
        (Some(from), Some(to)) => format!("{}{}{}", &head[..from], related, &head[to + "</relatedDocument>".len()..]),
        _ => format!("{head}{related}"),
    };
    format!("{head}{body}")
}

#[test]
fn national_examples_live_by_their_header() {
    let examples = examples();
    on_both(|backend| {
        let server = Server::empty(backend);
        let spaces: HashSet<&str> = examples.iter().map(|example| example.ins.as_str()).collect();
        spaces.into_iter().for_each(|ins| open(&server, ins));
        examples.iter().for_each(|example| live(&server, example));
    });
}

#[test]
fn invented_documents_live_by_their_header() {
    let documents = [
        crate::support::cda::cda(&ins(77), 1),
        crate::support::cda::cda(&ins(77), 2).of_type("11502-2").around("application/pdf", b"%PDF-1.4\n%%EOF\n"),
    ];
    on_both(|backend| {
        let server = Server::empty(backend);
        open(&server, &format!("{INS}|{}", ins(77)));
        for (place, document) in documents.iter().enumerate() {
            let text = document.xml();
            live(&server, &Example { name: format!("invented {place}"), header: header(&text), text, ins: format!("{INS}|{}", ins(77)) });
        }
    });
}
