//! Errors and warnings in the reader's language (`Accept-Language`, RFC 9110 12.5.4), with guide, section and element.

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::build::{document, holder, patient, professional, service, structure};
use crate::support::record::{HOSPITAL, with_space};
use crate::support::submission::{binary, create, list, urn};
use crate::support::{Backend, Server};

const ABSENT: &str = "01930000-0000-7000-8000-000000000000";
const SOURCE: &str = "https://ensemble.example/fhir/CodeSystem/source";
const JSON: (&str, &str) = ("content-type", "application/fhir+json");

/// What an OperationOutcome tells first: the sentence, guide and section, the element.
fn first(outcome: &Value) -> [String; 3] {
    let issue = &outcome["issue"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let coding = &issue["details"]["coding"][0];
    assert!(coding.is_null() || coding["system"] == SOURCE, "{issue}");
    [text(&issue["details"]["text"]), text(&coding["code"]), text(&issue["expression"][0])]
}

/// What is asked, by whom.
struct Row {
    who: Value,
    method: &'static str,
    path: String,
    header: (&'static str, &'static str),
    body: String,
    status: u16,
    english: &'static str,
    french: &'static str,
    source: &'static str,
    element: &'static str,
}

fn row(who: &Value, method: &'static str, path: &str, status: u16) -> Row {
    let (path, who, header) = (path.to_owned(), who.clone(), ("x-nothing", "x"));
    Row { who, method, path, header, body: String::new(), status, english: "", french: "", source: "", element: "" }
}

impl Row {
    fn sending(mut self, header: (&'static str, &'static str), body: impl ToString) -> Self {
        (self.header, self.body) = (header, body.to_string());
        self
    }

    fn says(mut self, english: &'static str, french: &'static str, source: &'static str, element: &'static str) -> Self {
        (self.english, self.french, self.source, self.element) = (english, french, source, element);
        self
    }

    fn ask(&self, server: &Server, language: &str) -> Answer {
        let headers = [self.header, ("accept-language", language)];
        let body = (!self.body.is_empty()).then_some(self.body.as_bytes());
        server.fhir_with(&self.who, self.method, &self.path, &headers, body)
    }
}

#[test]
fn errors_are_told_in_french_and_english_with_guide_section_and_element() {
    let (server, me) = with_space(Backend::Sqlite);
    let (physician, hospital, operator) = (professional(1, "10"), structure(HOSPITAL), service("operator"));
    let mut typeless = document(&me, "11490-0", 1).json();
    typeless.as_object_mut().unwrap().shift_remove("type");
    let mut hash = document(&me, "11490-0", 2).json();
    hash["content"][0]["attachment"]["hash"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAA=".into();
    let mut person = patient(&me);
    person["birthDate"] = "hier".into();
    let rows = [
        row(&physician, "GET", &format!("DocumentReference/{ABSENT}"), 404).says(
            "DocumentReference `01930000-0000-7000-8000-000000000000` is not known",
            "aucune ressource DocumentReference «\u{a0}01930000-0000-7000-8000-000000000000\u{a0}» n’est connue",
            "FHIR R4 http.html#read",
            "",
        ),
        row(&physician, "GET", &format!("DocumentReference?patient={ABSENT}"), 403).says(
            "no right over the record of this person",
            "aucun droit d’accès au dossier de cette personne",
            "Code de la santé publique R1111-46",
            "",
        ),
        row(&physician, "GET", "DocumentReference", 400).says(
            "`patient` or `patient.identifier` is needed (IHE MHD ITI-67)",
            "«\u{a0}patient\u{a0}» ou «\u{a0}patient.identifier\u{a0}» est obligatoire (IHE MHD ITI-67)",
            "PDSm 3.1.1 flux 05",
            "patient",
        ),
        row(&physician, "GET", "Practitioner?_lastUpdated=hier", 400).says(
            "`hier` is no date",
            "«\u{a0}hier\u{a0}» n’est pas une date",
            "FHIR R4 search.html#date",
            "_lastUpdated",
        ),
        row(&physician, "DELETE", &format!("DocumentReference/{ABSENT}"), 405).says(
            "DocumentReference is not deleted",
            "DocumentReference ne se supprime pas",
            "",
            "",
        ),
        row(&physician, "GET", "Practitioner", 406).sending(("accept", "image/png"), "").says(
            "answers are application/fhir+json or application/fhir+xml, of FHIR 4.0",
            "les réponses sont en application/fhir+json ou application/fhir+xml, de FHIR 4.0",
            "FHIR R4 http.html#mime-type",
            "",
        ),
        row(&hospital, "POST", "DocumentReference", 415).sending(("content-type", "text/plain"), "x").says(
            "expected application/fhir+json or application/fhir+xml",
            "attendu\u{a0}: application/fhir+json ou application/fhir+xml",
            "FHIR R4 http.html#mime-type",
            "",
        ),
        row(&hospital, "POST", "DocumentReference", 400).sending(JSON, "{").says(
            "EOF while parsing an object at line 1 column 1",
            "fin du texte au milieu d’un objet, ligne 1, colonne 1",
            "",
            "",
        ),
        row(&hospital, "POST", "DocumentReference", 422).sending(JSON, &typeless).says(
            "the type of the document is needed, as a code of JDV_J66",
            "le type du document est obligatoire, par un code de JDV_J66",
            "PDSm 3.1.1 DocumentReference.type",
            "DocumentReference.type",
        ),
        row(&hospital, "POST", "DocumentReference", 422).sending(JSON, &hash).says(
            "the SHA-1 of the content differs",
            "l’empreinte SHA-1 du contenu diffère",
            "PDSm 3.1.1 DocumentReference.content.attachment.hash",
            "DocumentReference.content[0].attachment.hash",
        ),
        row(&operator, "POST", "Patient", 422).sending(JSON, &person).says(
            "expected a date: YYYY, YYYY-MM or YYYY-MM-DD",
            "attendu\u{a0}: une date de la forme AAAA, AAAA-MM ou AAAA-MM-JJ",
            "FHIR R4 datatypes.html#date",
            "Patient.birthDate",
        ),
        row(&operator, "POST", "Patient", 409).sending(JSON, patient(&me)).says(
            "a space with this INS exists already",
            "un espace numérique de santé existe déjà pour cet INS",
            "",
            "",
        ),
        row(&physician, "GET", "Nothing/1", 404).says(
            "`Nothing` is not a resource type of R4",
            "«\u{a0}Nothing\u{a0}» n’est pas un type de ressource R4",
            "FHIR R4 resourcelist.html",
            "",
        ),
    ];
    for row in rows {
        let (english, french) = (row.ask(&server, "en"), row.ask(&server, "fr-FR, en;q=0.5"));
        let told = first(&english.expect(row.status));
        assert_eq!(told.each_ref().map(String::as_str), [row.english, row.source, row.element]);
        assert!(english.header("content-language").is_empty() && english.json().get("language").is_none());
        let told = first(&french.expect(row.status));
        assert_eq!(told.each_ref().map(String::as_str), [row.french, row.source, row.element]);
        assert_eq!((french.header("content-language"), &french.json()["language"]), ("fr", &json!("fr")));
        for answer in [english, french] {
            assert!(answer.header_values("vary").join(", ").contains("Accept-Language"), "{:?}", answer.headers());
        }
    }
    // Who is not let in, and who comes to the wrong door.
    for (path, status, french) in [
        ("/fhir/Patient", 401, "un jeton valide est obligatoire"),
        ("/elsewhere", 404, "rien n’est servi à cette adresse\u{a0}: la base FHIR est «\u{a0}/fhir\u{a0}»"),
    ] {
        let answer = server.send("GET", path, &[("accept-language", "fr")], None);
        assert_eq!(first(&answer.expect(status))[0], french);
    }
    let refused = server.send("POST", "/sandbox/clock", &[("accept-language", "fr")], Some(b"{\"advance\":\"x\"}"));
    assert_eq!(first(&refused.expect(400))[0], "attendu\u{a0}: une durée, comme «\u{a0}P42D\u{a0}»");
    // XML, too.
    let headers = [("accept", "application/fhir+xml"), ("accept-language", "fr")];
    let told = server.fhir_with(&physician, "GET", &format!("Patient/{ABSENT}"), &headers, None).text();
    assert!(told.contains("<language value=\"fr\"/>") && told.contains("n’est connue"), "{told}");
    let (coding, text) = (told.find("<coding>").unwrap(), told.find("<text value").unwrap());
    assert!(coding < text, "{told}");
}

#[test]
fn a_header_that_cannot_be_read_is_none() {
    let (server, _) = with_space(Backend::Sqlite);
    let path = format!("DocumentReference/{ABSENT}");
    for (language, french) in [
        ("", false),
        ("de", false),
        ("fr;q=0", false),
        ("fr;q=2", false),
        ("en, fr", false),
        (";;;,,,q=", false),
        ("*", false),
        ("fr", true),
        ("FR-be;q=0.2", true),
        ("*, en;q=0", true),
    ] {
        let answer = server.fhir_with(&professional(1, "10"), "GET", &path, &[("accept-language", language)], None);
        assert_eq!(answer.expect(404)["language"] == "fr", french, "{language}");
    }
    // Nor one that is no text.
    let token = format!("Bearer {}", server.token(&professional(1, "10")));
    let raw = server.raw("GET", &format!("/fhir/{path}"), &[("authorization", &token), ("accept-language", "fr\u{e9}")]);
    assert!(raw.starts_with("HTTP/1.1 404") && raw.contains("is not known"), "{raw}");
}

#[test]
fn outcomes_within_answers_are_told_in_french() {
    let (server, me) = with_space(Backend::Sqlite);
    let hospital = structure(HOSPITAL);
    let french = ("accept-language", "fr");
    let send = |who: &Value, path: &str, headers: &[(&str, &str)], body: &Value| {
        let headers: Vec<(&str, &str)> = [JSON, french].into_iter().chain(headers.iter().copied()).collect();
        server.fhir_with(who, "POST", path, &headers, Some(body.to_string().as_bytes()))
    };
    // A warning on what was created.
    let sent = document(&me, "11490-0", 1).with("author", json!([])).json();
    let mut sent = sent;
    sent.as_object_mut().unwrap().shift_remove("author");
    let made = send(&hospital, "DocumentReference", &[("prefer", "return=OperationOutcome")], &sent);
    let told = first(&made.expect(201));
    assert_eq!(told, ["PDSm demande un auteur", "PDSm 3.1.1 DocumentReference.author", "DocumentReference.author"]);
    assert_eq!(made.header("content-language"), "fr");
    // A warning beside what was found; what is found is not touched.
    let path = "DocumentReference?nothing=1";
    let found = server.fhir_with(&holder(&me), "GET", path, &[french], None).expect(200);
    let outcome = found["entry"].as_array().unwrap().iter().find(|entry| entry["search"]["mode"] == "outcome").unwrap();
    let told = first(&outcome["resource"]);
    assert_eq!(told[..2], ["«\u{a0}nothing\u{a0}» n’est pas un paramètre de recherche ici et a été ignoré", "FHIR R4 search.html#errors"]);
    let plain = server.get(&holder(&me), path).expect(200);
    assert_eq!(plain["entry"][0], found["entry"][0]);
    assert!(plain.to_string().contains("is not a search parameter here and was left out"));
    // The entries of a batch, refused and warned.
    let mut wrong = document(&me, "11490-0", 2).json();
    wrong["status"] = "superseded".into();
    let absent = json!({"request": {"method": "GET", "url": format!("Binary/{ABSENT}")}});
    let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": [create(&urn(1), wrong), absent]});
    let answered = send(&hospital, "", &[], &batch).expect(200);
    let entry = |at: usize| first(&answered["entry"][at]["response"]["outcome"]);
    let told = entry(0);
    assert_eq!(
        told,
        ["un nouveau document est «\u{a0}current\u{a0}»", "PDSm 3.1.1 DocumentReference.status", "Bundle.entry[0].resource.status"]
    );
    assert!(entry(1)[0].starts_with("aucune ressource Binary"), "{:?}", entry(1));
    // A submission, with its warnings.
    let (letter, content) = crate::support::submission::apart(document(&me, "11490-0", 3), &urn(3));
    let set = list(&me, "submissionset", &[&urn(2)]);
    let entries = [create(&urn(1), set), create(&urn(2), letter), create(&urn(3), content)];
    let answered = send(&hospital, "", &[], &json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})).expect(200);
    let outcome = &answered["entry"][0]["response"]["outcome"];
    assert_eq!(outcome["language"], "fr");
    assert!(outcome.to_string().contains("PDSm demande qui soumet le lot"), "{outcome}");
    // One that fails as a whole.
    let alone =
        json!({"resourceType": "Bundle", "type": "transaction", "entry": [create(&urn(1), binary("x")), create(&urn(1), binary("y"))]});
    let told = first(&send(&hospital, "", &[], &alone).expect(400));
    assert_eq!(told[..2], ["une autre entrée a le même fullUrl", "FHIR R4 bundle.html#invs"]);
}
