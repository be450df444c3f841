//! `ensemble serve` with an issuer of its own: what the operator chose holds, and nothing of the sandbox is there.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::SystemTime;

use ensemble::auth::{Claims, SigningKey};
use serde_json::{Value, json};

use crate::support::build::{CB, INS, consent, document, holder, ins, party, patient, professional, psidnat, service, structure};
use crate::support::cda::cda;
use crate::support::record::HOSPITAL;
use crate::support::server::{binary, directory};
use crate::support::submission::list;
use crate::support::{Backend, Server, on_both, postgres};

/// What a sandbox would be asked for, as a token of this issuer.
fn token(key: &SigningKey, request: &Value) -> String {
    let text = |name: &str| request[name].as_str().map(ToOwned::to_owned);
    let now = i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let kind = text("kind").unwrap();
    let sub = ["id", "ins", "client"].into_iter().find_map(text).unwrap_or_else(|| kind.clone());
    key.sign(&Claims {
        iss: "idp".into(),
        aud: "dmp".into(),
        sub,
        iat: now,
        exp: now + 600,
        jti: format!("token of {kind}"),
        kind,
        profession: text("profession"),
        r#for: text("for"),
        scope: text("scope"),
        ..Claims::default()
    })
    .unwrap()
}

fn application(client: &str, of: &str) -> Value {
    json!({"kind": "application", "client": client, "for": format!("{INS}|{of}"), "scope": "patient/*.rs"})
}

/// Where a server is set up, once or several times.
struct Site {
    directory: PathBuf,
    database: String,
    key: SigningKey,
    me: String,
}

impl Site {
    fn new(backend: Backend, me: &str) -> Self {
        let directory = directory();
        let database = match backend {
            Backend::Sqlite => format!("sqlite:{}/production.db", directory.display()),
            Backend::Postgres => postgres::fresh_database(),
        };
        assert!(binary().args(["migrate", "--database", &database]).status().unwrap().success());
        Self { directory, database, key: SigningKey::generate().unwrap(), me: me.to_owned() }
    }

    /// A server with these keys in its configuration, an application for these purposes, and tokens for everybody here.
    fn serve(&self, keys: &str, purposes: &[&str]) -> Server {
        let pem = self.directory.join("issuer.pem");
        std::fs::write(&pem, self.key.public().unwrap().to_pem().unwrap()).unwrap();
        let config = format!(
            "listen = \"127.0.0.1:0\"\ndatabase = \"{}\"\nbase_url = \"https://dmp.example/fhir\"\nenvironment = \"test\"\n\
             cursor_secret = \"0123456789abcdef0123456789abcdef\"\n{keys}\n[[issuer]]\nname = \"idp\"\naudience = \"dmp\"\nkey = \"{}\"\n\
             [[application]]\nclient = \"diary\"\npurposes = {purposes:?}\n",
            self.database,
            pem.display()
        );
        let path = self.directory.join("ensemble.toml");
        std::fs::write(&path, config).unwrap();
        let callers = [
            service("operator"),
            service("tester"),
            holder(&self.me),
            structure(HOSPITAL),
            professional(1, "10"),
            application("diary", &self.me),
            application("game", &self.me),
        ];
        let tokens: HashMap<String, String> = callers.into_iter().map(|who| (who.to_string(), token(&self.key, &who))).collect();
        Server::serving(&path.display().to_string(), &self.database, tokens)
    }
}

/// A server of a new site with these keys in its configuration.
fn serving(backend: Backend, keys: &str, me: &str) -> Server {
    Site::new(backend, me).serve(keys, &["PATRQT"])
}

/// A Consent that lets an application consult documents.
fn allowed(me: &str, client: &str, purpose: &str) -> Value {
    let actor = json!({"identifier": {"system": format!("{CB}/NamingSystem/application"), "value": client}});
    let mut consent = consent(me, "application", "permit", actor);
    consent["provision"]["class"] = json!([{"system": "http://hl7.org/fhir/resource-types", "code": "DocumentReference"}]);
    consent["provision"]["purpose"] = json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": purpose}]);
    consent
}

#[test]
fn a_record_is_served_and_nothing_of_the_sandbox() {
    on_both(|backend| {
        let me = ins(1);
        let server = serving(backend, "", &me);
        server.create(&service("operator"), &patient(&me)).expect(201);
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let letter = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json());
        let read = server.get(&professional(1, "10"), &format!("DocumentReference/{}", letter.id()));
        let url = read.expect(200)["content"][0]["attachment"]["url"].as_str().unwrap().to_owned();
        assert!(url.starts_with("https://dmp.example/fhir/Binary/"), "{url}");
        assert_eq!(server.get(&service("tester"), "Patient").status, 401);
        for path in ["/sandbox/people", "/sandbox/token", "/sandbox/clock", "/metrics"] {
            assert_eq!(server.send("GET", path, &[], None).status, 404, "{path}");
        }
    });
}

#[test]
fn an_application_is_of_the_catalogue_or_nothing() {
    on_both(|backend| {
        let me = ins(1);
        let server = serving(backend, "", &me);
        server.create(&service("operator"), &patient(&me)).expect(201);
        server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json()).expect(201);
        let person = holder(&me);
        for (client, purpose, place) in [
            ("game", "PATRQT", "Consent.provision.actor[0].reference"),
            ("Diary", "PATRQT", "Consent.provision.actor[0].reference"),
            ("diary", "TREAT", "Consent.provision.purpose[0]"),
        ] {
            let answer = server.create(&person, &allowed(&me, client, purpose));
            assert_eq!((answer.status, answer.issue().1.as_str()), (422, place), "{client} {purpose}");
        }
        let asked = format!("DocumentReference?patient.identifier={INS}%7C{me}");
        let seen = |client: &str| server.get(&application(client, &me), &asked).status;
        assert_eq!((seen("diary"), seen("game")), (403, 403));
        server.create(&person, &allowed(&me, "diary", "PATRQT")).expect(201);
        assert_eq!((seen("diary"), seen("game")), (200, 403));
    });
}

#[test]
fn what_an_application_is_catalogued_for_no_more_gives_it_nothing() {
    on_both(|backend| {
        let me = ins(1);
        let site = Site::new(backend, &me);
        let asked = format!("DocumentReference?patient.identifier={INS}%7C{me}");
        let server = site.serve("", &["PATRQT", "TREAT"]);
        server.create(&service("operator"), &patient(&me)).expect(201);
        server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json()).expect(201);
        server.create(&holder(&me), &allowed(&me, "diary", "TREAT")).expect(201);
        assert_eq!(server.get(&application("diary", &me), &asked).matches().len(), 1);
        drop(server);
        for (purposes, status) in [(["PATRQT"], 403), (["COC"], 403), (["TREAT"], 200)] {
            let server = site.serve("", &purposes);
            assert_eq!(server.get(&application("diary", &me), &asked).status, status, "{purposes:?}");
        }
    });
}

#[test]
fn what_departs_from_the_guides_is_refused_where_admission_is_strict() {
    on_both(|backend| {
        let me = ins(1);
        let (strict, lenient) = (serving(backend, "admission = \"strict\"", &me), serving(backend, "", &me));
        let whole = document(&me, "11490-0", 1).by(&psidnat(1)).json();
        let mut bare = document(&me, "11490-0", 2).json();
        bare.as_object_mut().unwrap().remove("masterIdentifier");
        bare.as_object_mut().unwrap().remove("author");
        for server in [&strict, &lenient] {
            server.create(&service("operator"), &patient(&me)).expect(201);
            server.create(&structure(HOSPITAL), &whole).expect(201);
        }
        let refused = strict.create(&structure(HOSPITAL), &bare);
        let places: Vec<Value> =
            refused.expect(422)["issue"].as_array().unwrap().iter().map(|issue| issue["expression"][0].clone()).collect();
        assert_eq!(places, ["DocumentReference.masterIdentifier", "DocumentReference.author"]);
        let id = lenient.create(&structure(HOSPITAL), &bare).id();
        let folder = list(&me, "folder", &[&format!("DocumentReference/{id}")]);
        lenient.create(&structure(HOSPITAL), &folder).expect(201);
        assert_eq!(strict.create(&structure(HOSPITAL), &folder).issue(), ("business-rule".into(), "List.extension".into()));
        // Metadata that say otherwise than the header depart from nothing (CONTRACT 3, Admission).
        let mut other = cda(&me, 3).push();
        other["content"][0]["attachment"]["title"] = "Autre".into();
        let headers = [("content-type", "application/fhir+json"), ("prefer", "return=OperationOutcome")];
        let told = strict.fhir_with(&structure(HOSPITAL), "POST", "DocumentReference", &headers, Some(other.to_string().as_bytes()));
        assert_eq!((told.status, told.issue()), (201, ("value".into(), "DocumentReference.content[0].attachment.title".into())));
        // Of the others nothing was stored.
        let mine = format!("DocumentReference?patient.identifier={INS}%7C{me}");
        assert_eq!(strict.get(&structure(HOSPITAL), &mine).matches().len(), 2);
    });
}
