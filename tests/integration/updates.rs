//! TD3.3a to d, written out: a conditional PATCH by the business identifier, as JSON Patch, XML Patch and FHIRPath Patch, and as the
//! published samples have it (PDSm flux 03, PDSm4DMP TD3.3, CONTRACT 3 Labels).

use serde_json::{Value, json};

use super::fhirpath_patch::{part, patch};
use crate::support::answer::Answer;
use crate::support::build::{Document, consent, document, holder, ins, party, patient, professional, psidnat, service, structure};
use crate::support::record::HOSPITAL;
use crate::support::{Backend, Server, on_both, query};

const ARCHIVED: &str = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived";
const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
const TRE_A07: &str = ensemble::policy::nomenclature::TRE_A07;
const JSON_PATCH: &str = "application/json-patch+json";
const XML_PATCH: &str = "application/xml-patch+xml";
const FHIR: &str = "application/fhir+json";

/// A patch and its media type.
type Sent = (&'static str, String);

fn system(code: &str) -> &'static str {
    if matches!(code, "N" | "R" | "V") { CONFIDENTIALITY } else { TRE_A07 }
}

fn label(code: &str) -> Value {
    json!({"coding": [{"system": system(code), "code": code}]})
}

/// The three ways to say that the label at a place becomes another.
fn relabel(place: usize, code: &str) -> Vec<Sent> {
    let xml = format!(
        "<diff xmlns:f=\"http://hl7.org/fhir\"><replace sel=\"/f:DocumentReference/f:securityLabel[{}]\"><f:securityLabel><f:coding>\
         <f:system value=\"{}\"/><f:code value=\"{code}\"/></f:coding></f:securityLabel></replace></diff>",
        place + 1,
        system(code)
    );
    let path = format!("DocumentReference.securityLabel[{place}]");
    vec![
        (JSON_PATCH, json!([{"op": "replace", "path": format!("/securityLabel/{place}"), "value": label(code)}]).to_string()),
        (JSON_PATCH, json!([{"op": "replace", "path": format!("/securityLabel/{place}"), "value": code}]).to_string()),
        (XML_PATCH, xml),
        (
            XML_PATCH,
            format!("<diff><replace sel=\"/DocumentReference/securityLabel[{}]/coding/code/@value\">{code}</replace></diff>", place + 1),
        ),
        (FHIR, patch(&[("replace", &path, vec![part("value", "CodeableConcept", label(code))])]).to_string()),
    ]
}

/// The three ways to say a status; the samples have a blank behind it.
fn status(code: &str) -> Vec<Sent> {
    vec![
        (JSON_PATCH, json!([{"op": "replace", "path": "/status", "value": code}]).to_string()),
        (JSON_PATCH, json!([{"op": "replace", "path": "/status", "value": format!("{code} ")}]).to_string()),
        (XML_PATCH, format!("<diff><replace sel=\"/DocumentReference/status/@value\">{code} </replace></diff>")),
        (FHIR, patch(&[("replace", "DocumentReference.status", vec![part("value", "Code", code.into())])]).to_string()),
    ]
}

/// The ways to archive or bring back.
fn archive(flag: bool) -> Vec<Sent> {
    let bracket = |quote: char, url: &str, value: Value| {
        let path = format!("/extension[url:{quote}{url}{quote}]/valueBoolean");
        (JSON_PATCH, json!([{"op": "replace", "path": path, "value": value}]).to_string())
    };
    let parameter = "https://interop.esante.gouv.fr/ig/fhir/pdsm/SearchParameter/PDSm-isArchived";
    let path = format!("DocumentReference.extension.where(url='{ARCHIVED}').value");
    vec![
        bracket('"', ARCHIVED, flag.into()),
        bracket('\'', ARCHIVED, flag.to_string().into()),
        bracket('"', parameter, flag.to_string().into()),
        (
            XML_PATCH,
            format!("<diff><replace sel=\"/DocumentReference/extension[@url='{ARCHIVED}']/valueBoolean/@value\">{flag}</replace></diff>"),
        ),
        (
            XML_PATCH,
            format!(
                "<diff><add sel=\"DocumentReference\"><extension url=\"{ARCHIVED}\"><valueBoolean value=\"{flag}\"/></extension></add></diff>"
            ),
        ),
        (FHIR, patch(&[("replace", &path, vec![part("value", "Boolean", flag.into())])]).to_string()),
    ]
}

struct World {
    server: Server,
    me: String,
    number: std::cell::Cell<u32>,
}

impl World {
    fn new(backend: Backend) -> Self {
        let server = Server::empty(backend);
        let me = ins(1);
        server.create(&service("operator"), &patient(&me)).expect(201);
        for (kind, number) in [("treating-physician", 1), ("record-access", 2)] {
            server.create(&holder(&me), &consent(&me, kind, "permit", party(&psidnat(number)))).expect(201);
        }
        Self { server, me, number: std::cell::Cell::new(0) }
    }

    fn next(&self) -> Document {
        self.number.set(self.number.get() + 1);
        document(&self.me, "11490-0", self.number.get())
    }

    /// A document of the hospital with these labels, as a list in this order; its address by its business identifier, and its id.
    fn deposit(&self, codes: &[&str]) -> (String, String) {
        let labels: Vec<Value> = codes.iter().map(|code| label(code)).collect();
        let deposited = self.next().with("securityLabel", labels.into()).json();
        let id = self.server.create(&structure(HOSPITAL), &deposited).id();
        let master = &deposited["masterIdentifier"];
        let token = format!("{}|{}", master["system"].as_str().unwrap(), master["value"].as_str().unwrap());
        (format!("DocumentReference{}", query(&[("identifier", &token)])), id)
    }

    fn patch(&self, who: &Value, path: &str, sent: &Sent) -> Answer {
        self.server.fhir_with(who, "PATCH", path, &[("content-type", sent.0)], Some(sent.1.as_bytes()))
    }
}

fn codes(document: &Value) -> Vec<String> {
    let labels = document["securityLabel"].as_array().cloned().unwrap_or_default();
    let mut codes: Vec<String> = labels.iter().map(|label| label["coding"][0]["code"].as_str().unwrap().to_owned()).collect();
    codes.sort();
    codes
}

#[test]
fn labels_are_read_as_intent_in_every_form() {
    on_both(|backend| {
        let world = World::new(backend);
        let (person, author) = (holder(&world.me), structure(HOSPITAL));
        // What stands, who, at which place which label, and what stands then.
        let rows: Vec<(&[&str], &Value, usize, &str, u16, &[&str])> = vec![
            // TD3.3a: hidden from professionals, and shown to them again.
            (&["N"], &person, 0, "MASQUE_PS", 200, &["MASQUE_PS", "N"]),
            (&["MASQUE_PS"], &person, 0, "N", 200, &["N"]),
            (&["N", "MASQUE_PS"], &person, 0, "N", 200, &["N"]),
            (&["N", "MASQUE_PS"], &person, 1, "N", 200, &["N"]),
            (&["MASQUE_PS", "N"], &person, 0, "N", 200, &["N"]),
            (&["N", "MASQUE_PS"], &author, 0, "N", 403, &["MASQUE_PS", "N"]),
            (&["R", "MASQUE_PS"], &person, 0, "R", 200, &["R"]),
            // TD3.3b: hidden from the person, and shown.
            (&["N"], &author, 0, "INVISIBLE_PATIENT", 200, &["INVISIBLE_PATIENT", "N"]),
            (&["INVISIBLE_PATIENT", "N"], &author, 0, "N", 200, &["N"]),
            (&["N", "INVISIBLE_PATIENT"], &author, 0, "N", 200, &["N"]),
            (&["INVISIBLE_PATIENT"], &author, 0, "N", 200, &["N"]),
            (&["N", "INVISIBLE_PATIENT"], &person, 0, "N", 404, &["INVISIBLE_PATIENT", "N"]),
            // What masks a document that is hidden from the person never shows it to her.
            (&["INVISIBLE_PATIENT", "N"], &author, 0, "MASQUE_PS", 422, &["INVISIBLE_PATIENT", "N"]),
            (&["N", "MASQUE_PS"], &author, 1, "INVISIBLE_PATIENT", 422, &["MASQUE_PS", "N"]),
            (&["N"], &author, 0, "INVISIBLE_REPRESENTANTS_LEGAUX", 422, &["N"]),
            (&["N"], &person, 0, "SECRET", 422, &["N"]),
        ];
        for (before, who, place, code, status, after) in rows {
            for sent in relabel(place, code) {
                let (path, id) = world.deposit(before);
                let answer = world.patch(who, &path, &sent);
                assert_eq!(answer.status, status, "{before:?} {who} {sent:?}: {}", answer.text());
                let stands = world.server.get(&author, &format!("DocumentReference/{id}")).expect(200);
                assert_eq!(codes(&stands), after, "{before:?} {sent:?}");
                if status == 200 {
                    let tag = format!("W/\"{}\"", stands["meta"]["versionId"].as_str().unwrap());
                    assert_eq!((answer.header("etag"), codes(&answer.json())), (tag.as_str(), codes(&stands)));
                    assert!(!answer.header("last-modified").is_empty());
                }
                // Whoever it was hidden from sees it where the label is off, and only there.
                let seen = |who: &Value| world.server.get(who, &format!("DocumentReference/{id}")).status == 200;
                assert_eq!(seen(&professional(2, "10")), !after.contains(&"MASQUE_PS"), "{before:?} {sent:?}");
                assert_eq!(seen(&person), !after.contains(&"INVISIBLE_PATIENT"), "{before:?} {sent:?}");
            }
        }
    });
}

#[test]
fn documents_are_deleted_and_archived_in_every_form() {
    on_both(|backend| {
        let world = World::new(backend);
        let (author, other) = (structure(HOSPITAL), professional(2, "10"));
        // TD3.3c, by an author only; afterwards it is nowhere.
        for sent in status("entered-in-error") {
            let (path, id) = world.deposit(&["N"]);
            assert_eq!(world.patch(&other, &path, &sent).status, 403, "{sent:?}");
            assert_eq!(world.patch(&author, &path, &sent).expect(200)["status"], "entered-in-error", "{sent:?}");
            for who in [&author, &other, &holder(&world.me)] {
                assert_eq!(world.server.get(who, &format!("DocumentReference/{id}")).status, 404, "{sent:?}");
            }
            assert_eq!(world.patch(&author, &path, &sent).status, 404, "{sent:?}");
        }
        for sent in status("current") {
            let (path, _) = world.deposit(&["N"]);
            assert_eq!(world.patch(&author, &path, &sent).expect(200)["meta"]["versionId"], "1", "nothing changes: {sent:?}");
        }
        // TD3.3d, and back.
        for (on, off) in archive(true).into_iter().zip(archive(false)) {
            let (path, id) = world.deposit(&["N"]);
            assert_eq!(world.patch(&other, &path, &on).status, 403, "{on:?}");
            let archived = world.patch(&author, &path, &on).expect(200);
            assert_eq!(archived["extension"], json!([{"url": ARCHIVED, "valueBoolean": true}]), "{on:?}");
            let found = |flag: &str| world.server.get(&holder(&world.me), &format!("DocumentReference?isArchived={flag}")).matches();
            assert!(found("true").contains(&id) && !found("false").contains(&id));
            world.patch(&author, &path, &off).expect(200);
            assert!(found("false").contains(&id) && !found("true").contains(&id), "{off:?}");
        }
    });
}

#[test]
fn an_xml_patch_is_safe_and_within_its_limits() {
    on_both(|backend| {
        let world = World::new(backend);
        let author = structure(HOSPITAL);
        let (path, id) = world.deposit(&["N"]);
        let status = |value: &str| format!("<replace sel=\"/DocumentReference/status/@value\">{value}</replace>");
        let diff = |operations: &str| format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><diff>{operations}</diff>");
        let entity = "<!DOCTYPE diff [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><diff><replace sel=\"/DocumentReference/status/@value\">&x;</replace></diff>";
        let rows = [
            (entity.to_owned(), 400),
            (diff("<replace sel=\"/DocumentReference/status/@value\">superseded"), 400),
            ("<diff/>".to_owned(), 400),
            (String::new(), 400),
            ("{}".to_owned(), 400),
            (diff(&"<a>".repeat(10_000)), 400),
            (diff(&status("superseded").repeat(51)), 413),
            (diff(&format!("<replace sel=\"/DocumentReference/status/@value\">{}</replace>", "x".repeat(300_000))), 413),
            (diff("<remove sel=\"/DocumentReference/subject\"/>"), 405),
            (diff(&format!("{}<remove sel=\"/DocumentReference/subject\"/>", status("superseded"))), 405),
            (diff("<replace sel=\"/DocumentReference/extension[@url='urn:x']/valueBoolean/@value\">true</replace>"), 405),
            (diff("<remove sel=\"/DocumentReference/securityLabel[7]\"/>"), 422),
            (diff("<remove sel=\"/DocumentReference/securityLabel[coding/code/@value='MASQUE_PS']\"/>"), 422),
            (diff(&status("gone")), 422),
        ];
        for (text, expected) in rows {
            let answer = world.patch(&author, &path, &(XML_PATCH, text.clone()));
            assert_eq!(answer.status, expected, "{}: {}", &text[..text.len().min(200)], answer.text());
            assert!(expected != 405 || answer.header("allow").contains("PATCH"), "{text}");
        }
        let read = world.server.get(&author, &format!("DocumentReference/{id}"));
        assert_eq!((read.header("etag"), read.json()["status"].clone()), ("W/\"1\"", json!("current")), "nothing changed");
        // Hidden and absent alike, whatever is asked.
        let stranger = professional(9, "10");
        let absent = path.replace("999.3", "999.4");
        for operations in [status("superseded"), "<remove sel=\"/DocumentReference/subject\"/>".to_owned()] {
            let sent = (XML_PATCH, diff(&operations));
            assert_eq!(world.patch(&stranger, &path, &sent).shape(&path), world.patch(&stranger, &absent, &sent).shape(&absent));
        }
        // In a transaction, as a Binary.
        use base64::Engine;
        let data = base64::engine::general_purpose::STANDARD.encode(diff(&status("superseded")));
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [{
            "resource": {"resourceType": "Binary", "contentType": XML_PATCH, "data": data},
            "request": {"method": "PATCH", "url": format!("DocumentReference/{id}")}
        }]});
        let answer = world.server.fhir(&author, "POST", "", Some(&bundle)).expect(200);
        assert_eq!(answer["entry"][0]["resource"]["status"], "superseded");
        // What testers keep is patched by JSON and FHIRPath.
        let kept = world.server.create(&service("tester"), &json!({"resourceType": "Basic", "code": {"text": "x"}})).id();
        assert_eq!(world.patch(&service("tester"), &format!("Basic/{kept}"), &(XML_PATCH, diff(&status("x")))).status, 415);
    });
}
