//! TD0.2, TD0.3 and TD0.4, written out: does this person have a record, may I consult it; I collected an authorisation, I become the
//! treating physician, I end my right; whose records may I consult (PDSm4DMP, CONTRACT 3 The space, Rights).

use serde_json::{Value, json};

use crate::support::build::{
    INS, collected, consent, document, holder, ins, minor_ins, party, patient, professional, psidnat, service, structure,
};
use crate::support::record::{HOSPITAL, ended, finds, reads, status, with_letter};
use crate::support::{Server, on_both, query};

const DMP: &str = "https://interop.esante.gouv.fr/ig/fhir/dmp/StructureDefinition";
const STATUS: &str = "https://ensemble.example/fhir/StructureDefinition/authorisation-status";

/// TD0.2 as its page has it.
fn td02(server: &Server, who: &Value, token: &str) -> Value {
    server.get(who, &format!("Patient{}", query(&[("identifier", token)]))).expect(200)
}

/// The entry of TD0.2 without what differs from run to run: what is said of the person, and each extension with its value.
fn entry(bundle: &Value) -> Value {
    let resource = &bundle["entry"][0]["resource"];
    let value = |extension: &Value| {
        let members = extension.as_object().unwrap();
        members.iter().find(|(name, _)| *name != "url").map(|(_, value)| value.clone()).unwrap()
    };
    let said = |extension: &Value| (extension["url"].as_str().unwrap().to_owned(), value(extension));
    let extensions: serde_json::Map<String, Value> = resource["extension"].as_array().into_iter().flatten().map(said).collect();
    let names: Vec<&String> = resource.as_object().unwrap().keys().collect();
    json!({"names": names, "active": resource["active"], "extension": extensions})
}

#[test]
fn td_0_2_tells_whether_there_is_a_record() {
    on_both(|backend| {
        // The invented people have records in every state.
        let server = Server::start(backend, &[]);
        let people = server.send("GET", "/sandbox/people", &[], None).expect(200);
        let token = |state: &str| {
            let all = people["holders"].as_array().unwrap();
            all.iter().find(|one| one["state"] == state).unwrap()["ins"].as_str().unwrap().to_owned()
        };
        let operator = service("operator");
        let (alive, gone, recent, waiting) = (ins(901), ins(902), ins(903), ins(904));
        let into = server.create(&operator, &patient(&alive)).id();
        let mut replaced = server.create(&operator, &patient(&gone)).expect(201);
        replaced["link"] = json!([{"other": {"reference": format!("Patient/{into}")}, "type": "replaced-by"}]);
        let path = format!("Patient/{}", replaced["id"].as_str().unwrap());
        server.fhir(&operator, "PUT", &path, Some(&replaced)).expect(200);
        server.create(&operator, &patient(&recent)).expect(201);
        let mut announced = patient(&waiting);
        announced.as_object_mut().unwrap().remove("active");
        server.create(&operator, &announced).expect(201);
        let of = |ins: &str| format!("{INS}|{ins}");

        let (nurse, hospital) = (professional(905, "60"), structure("1930000017"));
        // Unknown, announced and opposed are one answer, with no entry.
        let none = |who: &Value, token: &str| {
            let mut bundle = td02(&server, who, token);
            assert_eq!((&bundle["type"], &bundle["total"], &bundle["entry"]), (&"searchset".into(), &0.into(), &Value::Null), "{bundle}");
            let own = bundle["link"][0]["url"].as_str().unwrap().to_owned();
            bundle["link"] = own.split_once('?').unwrap().0.into();
            for name in ["id", "meta", "timestamp"] {
                bundle.as_object_mut().unwrap().remove(name);
            }
            bundle
        };
        for who in [&nurse, &hospital] {
            let unknown = none(who, &of(&ins(999)));
            for token in [of(&waiting), token("opposed"), "urn:x|1".to_owned(), format!("{INS}|1")] {
                assert_eq!(none(who, &token), unknown, "{token}");
            }
        }
        // Open, closed and suspended have one, with identity and status only.
        let names = json!(["resourceType", "id", "meta", "identifier", "active", "name", "gender", "birthDate", "extension"]);
        for (token, active, closed) in [(of(&alive), true, false), (of(&gone), false, false), (token("closed"), false, true)] {
            for (who, nominative) in [(&nurse, true), (&hospital, false)] {
                let bundle = td02(&server, who, &token);
                assert_eq!((&bundle["total"], &bundle["entry"][0]["search"]["mode"]), (&1.into(), &"match".into()), "{bundle}");
                let entry = entry(&bundle);
                let sorted = |names: &Value| {
                    let mut all: Vec<String> = names.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect();
                    all.sort();
                    all
                };
                assert_eq!((sorted(&entry["names"]), &entry["active"]), (sorted(&names), &active.into()), "{entry}");
                let said = &entry["extension"];
                assert_eq!(said[STATUS], "none", "{entry}");
                assert!(said[format!("{DMP}/dmp-rattachement-mes")].is_boolean(), "{entry}");
                let physician = if nominative { Value::Bool(false) } else { Value::Null };
                assert_eq!(said[format!("{DMP}/dmp-medecin-traitant")], physician, "{entry}");
                let closure = &said[format!("{DMP}/dmp-fermeture")];
                assert_eq!(closure.is_array(), closed, "{entry}");
                if closed {
                    let urls: Vec<&str> = closure.as_array().unwrap().iter().map(|one| one["url"].as_str().unwrap()).collect();
                    assert_eq!(urls, ["dateFermeture", "motifFermeture", "raisonFermeture"]);
                }
            }
        }
        // A record taken over is attached six weeks later.
        let attached = || entry(&td02(&server, &nurse, &of(&recent)))["extension"][format!("{DMP}/dmp-rattachement-mes")].clone();
        assert_eq!(attached(), false);
        server.advance("P42D");
        assert_eq!(attached(), true);
        // It is traced in the record, and opens nothing.
        let traces = server.get(&holder(&alive), "AuditEvent").expect(200).to_string();
        assert!(traces.contains(&psidnat(905)), "{traces}");
        assert_eq!(server.get(&nurse, &format!("Patient/{into}")).status, 404);
        // With any other parameter it is an ordinary search; who is badly named is nobody.
        let more = query(&[("identifier", &of(&alive)), ("birthdate", "1980-03-14")]);
        assert!(server.get(&nurse, &format!("Patient{more}")).matches().is_empty());
        for bad in ["_summary=much", "_elements="] {
            let path = format!("Patient{}&{bad}", query(&[("identifier", &of(&alive))]));
            assert!(matches!(server.get(&nurse, &path).status, 200 | 400), "{bad}");
        }
    });
}

#[test]
fn td_0_2_tells_how_the_right_stands() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let person = holder(&me);
        let told = |who: &Value| status(&server, who, &me);
        let (physician, mine) = (professional(1, "10"), "1930000017");
        let hospital = structure(mine);
        assert_eq!((told(&physician), told(&hospital)), ("none".into(), "none".into()));
        for (who, actor) in [(&physician, psidnat(1)), (&hospital, mine.to_owned())] {
            let right = server.create(&person, &consent(&me, "record-access", "permit", party(&actor))).expect(201);
            assert_eq!(told(who), "valid", "{who}");
            let path = format!("Consent/{}", right["id"].as_str().unwrap());
            server.fhir(&person, "PUT", &path, Some(&ended(&right))).expect(200);
            assert_eq!(told(who), "expired", "{who}");
            let block = server.create(&person, &consent(&me, "record-block", "deny", party(&actor))).expect(201);
            assert_eq!(told(who), "blocked", "{who}");
            let path = format!("Consent/{}", block["id"].as_str().unwrap());
            server.fhir(&person, "PUT", &path, Some(&ended(&block))).expect(200);
            assert_eq!(told(who), "expired", "a new right is needed");
        }
        // The treating physician is told that it is.
        let physician_of =
            |who: &Value| entry(&td02(&server, who, &format!("{INS}|{me}")))["extension"][format!("{DMP}/dmp-medecin-traitant")].clone();
        assert_eq!(physician_of(&physician), false);
        server.create(&person, &consent(&me, "treating-physician", "permit", party(&psidnat(1)))).expect(201);
        assert_eq!((physician_of(&physician), told(&physician), reads(&server, &physician, &letter)), (true.into(), "valid".into(), 200));
    });
}

#[test]
fn td_0_3_declares_what_was_collected() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let (physician, other, nurse) = (professional(1, "10"), professional(2, "10"), professional(3, "60"));
        let mine = collected(&me, "record-access", party(&psidnat(1)));
        // Without the statement that the person consented, or with one about somebody else, nothing is recorded.
        let mut bare = mine.clone();
        bare.as_object_mut().unwrap().remove("verification");
        let mut unverified = mine.clone();
        unverified["verification"][0]["verified"] = false.into();
        let mut elsewhere = mine.clone();
        elsewhere["verification"][0]["verifiedWith"] = json!({"identifier": {"system": INS, "value": ins(50)}});
        for wrong in [bare, unverified, elsewhere] {
            let answer = server.create(&physician, &wrong);
            assert_eq!(answer.status, 422, "{wrong}");
            let place = answer.json()["issue"][0]["expression"][0].as_str().unwrap().to_owned();
            assert!(place.starts_with("Consent.verification"), "{place}");
        }
        assert_eq!((status(&server, &physician, &me), reads(&server, &physician, &letter)), ("none".into(), 404));
        // With it: the right, who collected it, and an end.
        let right = server.create(&physician, &mine).expect(201);
        let collected_by = right["extension"].as_array().unwrap().iter().find(|one| one["url"].as_str().unwrap().ends_with("collected-by"));
        assert_eq!(collected_by.unwrap()["valueReference"]["identifier"]["value"], psidnat(1));
        assert!(right["performer"].is_array(), "{right}");
        assert!(right["provision"]["period"]["end"].is_string(), "a day, where nothing is said: {right}");
        assert_eq!((status(&server, &physician, &me), reads(&server, &physician, &letter)), ("valid".into(), 200));
        // For another only while one's own is valid; the other's is not one's own to end.
        assert_eq!(server.create(&other, &collected(&me, "record-access", party(&psidnat(3)))).status, 403);
        let theirs = server.create(&physician, &collected(&me, "record-access", party(&psidnat(3)))).expect(201);
        assert_eq!(status(&server, &nurse, &me), "valid");
        let given = server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let end = |who: &Value, right: &Value| {
            server.fhir(who, "PUT", &format!("Consent/{}", right["id"].as_str().unwrap()), Some(&ended(right))).status
        };
        assert_eq!(end(&physician, &given), 403, "what the person gave is the person's to end");
        assert_eq!((end(&nurse, &theirs), end(&other, &theirs)), (403, 404), "of whom it names, and of whom it is nothing to");
        assert_eq!((end(&physician, &theirs), status(&server, &nurse, &me)), (200, "expired".into()));
        // Ending one's own right.
        assert_eq!(end(&holder(&me), &given), 200);
        assert_eq!(end(&physician, &right), 200);
        assert_eq!((status(&server, &physician, &me), reads(&server, &physician, &letter)), ("expired".into(), 404));
        // Becoming the treating physician: a physician, for itself; the former one ends.
        let becomes = |who: &Value, number: u32| server.create(who, &collected(&me, "treating-physician", party(&psidnat(number)))).status;
        assert_eq!((becomes(&nurse, 3), becomes(&other, 1)), (403, 403));
        assert_eq!((becomes(&physician, 1), reads(&server, &physician, &letter)), (201, 200));
        assert_eq!((becomes(&other, 2), reads(&server, &other, &letter)), (201, 200));
        assert_eq!((status(&server, &physician, &me), reads(&server, &physician, &letter)), ("expired".into(), 404));
        // While blocked nothing is recorded, whatever is stated.
        server.create(&holder(&me), &consent(&me, "record-block", "deny", party(&psidnat(1)))).expect(201);
        assert_eq!(server.create(&physician, &mine).status, 403);
        assert_eq!((becomes(&physician, 1), status(&server, &physician, &me)), (403, "blocked".into()));
        assert_eq!(server.create(&structure(HOSPITAL), &collected(&me, "record-access", party(HOSPITAL))).status, 403);
        // Of nobody who is known here: as of an unknown element, and nothing is told.
        assert_eq!(server.create(&other, &collected(&ins(51), "record-access", party(&psidnat(2)))).status, 422);
    });
}

#[test]
fn td_0_4_lists_the_records_with_a_valid_right() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let all: Vec<String> = (1..=6).map(ins).chain([minor_ins(1)]).collect();
        let ids: Vec<String> = all.iter().map(|one| server.create(&service("operator"), &patient(one)).id()).collect();
        let (who, mine) =
            (json!({"kind": "professional", "id": psidnat(1), "profession": "10", "structure": HOSPITAL}), party(&psidnat(1)));
        let give = |at: usize, kind: &str, actor: &Value| {
            let effect = if kind == "record-block" { "deny" } else { "permit" };
            server.create(&holder(&all[at]), &consent(&all[at], kind, effect, actor.clone())).expect(201)
        };
        give(0, "record-access", &mine);
        give(1, "record-access", &party(HOSPITAL));
        give(2, "treating-physician", &mine);
        let right = give(3, "record-access", &mine);
        server.fhir(&holder(&all[3]), "PUT", &format!("Consent/{}", right["id"].as_str().unwrap()), Some(&ended(&right))).expect(200);
        give(4, "record-access", &mine);
        give(4, "record-block", &mine);
        // A deposit gives no right.
        server.create(&who, &document(&all[5], "11490-0", 1).json()).expect(201);
        let listed = |who: &Value| {
            let mut found = server.get(who, "Patient").matches();
            found.sort();
            found
        };
        let expected = |of: &[usize]| {
            let mut ids: Vec<String> = of.iter().map(|at| ids[*at].clone()).collect();
            ids.sort();
            ids
        };
        assert_eq!(listed(&who), expected(&[0, 1, 2]));
        assert_eq!(listed(&professional(1, "10")), expected(&[0, 2]), "without the structure, without its right");
        assert_eq!(listed(&professional(1, "28")), expected(&[0]), "an optician is nobody's treating physician");
        assert_eq!(listed(&professional(2, "10")), expected(&[]));
        assert_eq!(server.get(&structure(HOSPITAL), "Patient").status, 403, "a structure does not consult");
        let emergency = json!({"kind": "professional", "id": psidnat(1), "profession": "10", "purpose": "bris_de_glace", "reason": "coma"});
        assert_eq!(listed(&emergency), expected(&[0, 2]), "an emergency is no population");
        assert_eq!(finds(&server, &who, &all[5]).0, 200);
        // A day later what was collected has ended.
        server.create(&professional(7, "10"), &collected(&all[5], "record-access", party(&psidnat(7)))).expect(201);
        assert_eq!(listed(&professional(7, "10")), expected(&[5]));
        server.advance("PT25H");
        assert_eq!(listed(&professional(7, "10")), expected(&[]));
    });
}
