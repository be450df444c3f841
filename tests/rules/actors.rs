//! Rules 79 to 85: special actors.

use serde_json::{Value, json};

use crate::support::build::{
    CB, INS, collected, consent, document, holder, ins, party, professional, psidnat, representative, service, structure,
};
use crate::support::record::{HOSPITAL, content, ended, finds, reads, status, with_letter};
use crate::support::{on_both, query};

#[test]
fn rule_079_occupational_health_has_express_consent_only() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let mut occupational = professional(9, "10");
        occupational["sector"] = "SA13".into();
        let barred = json!({"kind": "professional", "id": psidnat(8), "profession": "10", "sector": "SA23"});
        for number in [8, 9] {
            server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(number)))).expect(201);
        }
        let deposit = document(&me, "11490-0", 50).json();
        let unknown = document(&ins(98), "11490-0", 50).json();
        assert_eq!((reads(&server, &occupational, &letter), reads(&server, &barred, &letter)), (404, 404));
        // Express consent names a professional: a structure of occupational health has none.
        let mut service = structure(HOSPITAL);
        service["sector"] = "SA66".into();
        let (refused, absent) = (server.create(&service, &deposit), server.create(&service, &unknown));
        assert_eq!((refused.status, refused.text()), (422, absent.text()));
        assert_eq!(status(&server, &occupational, &me), "none");
        let (refused, absent) = (server.create(&occupational, &deposit), server.create(&occupational, &unknown));
        assert_eq!((refused.status, refused.text()), (422, absent.text()));
        server.create(&holder(&me), &consent(&me, "occupational-health", "permit", party(&psidnat(9)))).expect(201);
        assert_eq!((reads(&server, &occupational, &letter), status(&server, &occupational, &me)), (200, "valid".into()));
        server.create(&occupational, &deposit).expect(201);
        server.create(&holder(&me), &consent(&me, "record-block", "deny", party(&psidnat(9)))).expect(201);
        assert_eq!((reads(&server, &occupational, &letter), status(&server, &occupational, &me)), (404, "none".into()));
    });
}

#[test]
fn rule_080_a_refusal_looks_like_any_absence() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let person = holder(&me);
        let occupational = |number: u32| {
            let mut who = professional(number, "10");
            who["sector"] = "SA13".into();
            who
        };
        // 91 has nothing, 92 was refused, 93 is blocked, 94 was blocked with its right, 95 has its right.
        let give = |kind: &str, effect: &str, number: u32| server.create(&person, &consent(&me, kind, effect, party(&psidnat(number))));
        let refused = give("occupational-health", "permit", 92);
        server.fhir(&person, "PUT", &format!("Consent/{}", refused.id()), Some(&ended(&refused.json()))).expect(200);
        give("record-block", "deny", 93).expect(201);
        give("occupational-health", "permit", 94).expect(201);
        give("record-block", "deny", 94).expect(201);
        let before = give("record-block", "deny", 95);
        server.fhir(&person, "PUT", &format!("Consent/{}", before.id()), Some(&ended(&before.json()))).expect(200);
        let right = give("occupational-health", "permit", 95);
        let patient = format!("{INS}|{me}");
        let paths = [
            "Consent?_total=accurate".to_owned(),
            format!("Consent{}", query(&[("patient.identifier", &patient)])),
            format!("DocumentReference{}", query(&[("patient.identifier", &patient)])),
            format!("Patient{}", query(&[("identifier", &patient)])),
            format!("DocumentReference/{letter}"),
            format!("Consent/{}", refused.id()),
        ];
        for path in &paths {
            let none = server.get(&occupational(91), path);
            for number in [92, 93, 94] {
                let answer = server.get(&occupational(number), path);
                assert_eq!(answer.shape(&psidnat(number)), none.shape(&psidnat(91)), "{number} {path}");
            }
        }
        let deposit = |number: u32| server.create(&occupational(number), &document(&me, "11490-0", number).json());
        let record = |number: u32| server.create(&occupational(number), &collected(&me, "record-access", party(&psidnat(number))));
        for number in [92, 93, 94] {
            assert_eq!((deposit(number).status, deposit(number).text()), (422, deposit(91).text()), "{number}");
            assert_eq!((record(number).status, record(number).text()), (403, record(91).text()), "{number}");
        }
        // With the right, what gives it is seen, and no former block.
        assert_eq!(server.get(&occupational(95), "Consent").matches(), [right.id()]);
        // In an ordinary exercise a professional sees what names it, and is told that it is blocked.
        assert_eq!(server.get(&professional(93, "10"), "Consent").matches().len(), 1);
        assert_eq!(status(&server, &professional(93, "10"), &me), "blocked");
    });
}

#[test]
fn rule_081_083_maternity_and_school_physicians_consult_with_consent_and_deposit() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        for (number, sector) in [(1, "SA15"), (2, "SA14")] {
            let mut who = professional(number, "10");
            who["sector"] = sector.into();
            assert_eq!(reads(&server, &who, &letter), 404, "{sector}");
            let kept = server.create(&who, &document(&me, "68817-6", number).json()).id();
            assert_eq!(reads(&server, &who, &kept), 200, "{sector}");
            server.create(&who, &collected(&me, "record-access", party(&psidnat(number)))).expect(201);
            assert_eq!(reads(&server, &who, &letter), 200, "{sector}");
        }
    });
}

#[test]
fn rule_082_a_coordinating_physician_needs_the_agreement_of_the_resident_or_of_who_protects_her() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let protector = representative(&ins(20), &me);
        let mut who = professional(1, "10");
        who["structure"] = "1690000027".into();
        let right = consent(&me, "record-access", "permit", party(&psidnat(1)));
        assert_eq!((reads(&server, &who, &letter), server.create(&protector, &right).status), (404, 422));
        let related = json!({"resourceType": "RelatedPerson", "active": true, "patient": {"identifier": {"system": INS, "value": me}},
            "identifier": [{"system": INS, "value": ins(20)}]});
        server.create(&service("operator"), &related).expect(201);
        let kept = server.create(&protector, &right).expect(201);
        assert_eq!(kept["performer"][0]["identifier"]["value"], ins(20), "who decided is told");
        assert_eq!(reads(&server, &who, &letter), 200);
    });
}

/// A Consent that lets an application consult these parts for this purpose.
fn application(me: &str, client: &str, parts: &[&str], purpose: &str) -> Value {
    let actor = json!({"identifier": {"system": format!("{CB}/NamingSystem/application"), "value": client}});
    let mut consent = consent(me, "application", "permit", actor);
    let class = |code: &&str| json!({"system": "http://hl7.org/fhir/resource-types", "code": code});
    consent["provision"]["class"] = parts.iter().map(class).collect();
    consent["provision"]["purpose"] = json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": purpose}]);
    consent
}

#[test]
fn rule_084_an_application_consults_what_the_person_consented_to_and_its_scopes_say() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let other = ins(8);
        server.create(&service("operator"), &crate::support::build::patient(&other)).expect(201);
        let app = |client: &str, of: &str, scope: &str| json!({"kind": "application", "client": client, "for": format!("{INS}|{of}"), "scope": scope});
        let (documents, all) = (app("app-1", &me, "patient/DocumentReference.rs"), app("app-1", &me, "patient/*.rs"));
        let url = content(&server, &structure(HOSPITAL), &letter);
        let space = server.get(&holder(&me), "Patient").matches()[0].clone();
        let sees = |who: &Value| {
            let reads = (reads(&server, who, &letter), server.get(who, &url).status, server.get(who, &format!("Patient/{space}")).status);
            (reads, finds(&server, who, &me).0)
        };
        let (nothing, only_documents) = (((404, 404, 404), 403), ((200, 200, 404), 200));
        assert_eq!((sees(&documents), sees(&all)), (nothing, nothing));
        let right = server.create(&holder(&me), &application(&me, "app-1", &["DocumentReference"], "PATRQT")).expect(201);
        assert_eq!((sees(&documents), sees(&all)), (only_documents, only_documents));
        // Neither another one, nor for another person, nor without the scope.
        for who in [
            app("app-2", &me, "patient/*.rs"),
            app("app-1", &other, "patient/*.rs"),
            app("app-1", &me, ""),
            app("app-1", &me, "patient/Patient.rs user/DocumentReference.rs"),
            app("app-1", &me, "patient/DocumentReference.rs?category=10"),
        ] {
            assert_eq!((reads(&server, &who, &letter), finds(&server, &who, &me).0), (404, 403), "{who}");
        }
        // What anybody's label hides, an application does not see; it writes nothing.
        for label in ["MASQUE_PS", "INVISIBLE_PATIENT"] {
            let number = u32::try_from(label.len()).unwrap();
            let id = server.create(&structure(HOSPITAL), &document(&me, "11490-0", number).labelled(label).json()).id();
            assert_eq!(reads(&server, &all, &id), 404, "{label}");
        }
        assert_eq!(server.create(&all, &document(&me, "EXPPAT_2", 70).json()).status, 403);
        assert_eq!(server.create(&all, &consent(&me, "record-access", "permit", party(&psidnat(1)))).status, 403);
        for kind in ["Consent", "CareTeam", "RelatedPerson", "AuditEvent"] {
            assert_eq!(server.get(&all, kind).status, 403, "{kind}");
        }
        // Another purpose, another Consent: each ends by itself.
        let second = server.create(&holder(&me), &application(&me, "app-1", &["Patient"], "CAREMGT")).expect(201);
        assert_eq!((sees(&documents), sees(&all)), (only_documents, ((200, 200, 200), 200)));
        server.fhir(&holder(&me), "PUT", &format!("Consent/{}", right["id"].as_str().unwrap()), Some(&ended(&right))).expect(200);
        assert_eq!((sees(&documents), sees(&all).0), (nothing, (404, 404, 200)));
        server.fhir(&holder(&me), "PUT", &format!("Consent/{}", second["id"].as_str().unwrap()), Some(&ended(&second))).expect(200);
        assert_eq!(sees(&all), nothing);
        // By category: the documents of the classes it was allowed, and no others.
        let prescription = server.create(&structure(HOSPITAL), &document(&me, "57828-6", 80).json()).id();
        let mut classes = application(&me, "app-1", &[], "TREAT");
        classes["provision"]["class"] = json!([{"system": ensemble::policy::nomenclature::TRE_A03, "code": "42"}]);
        server.create(&holder(&me), &classes).expect(201);
        assert_eq!(finds(&server, &all, &me), (200, vec![prescription.clone()]));
        assert_eq!((reads(&server, &all, &prescription), reads(&server, &all, &letter)), (200, 404));
        let urls = [&prescription, &letter].map(|id| content(&server, &structure(HOSPITAL), id));
        assert_eq!(urls.map(|url| server.get(&all, &url).status), [200, 404]);
        // For as long as was said: neither before nor after.
        for (number, (start, end)) in [("2020-01-01", "2020-12-31"), ("2999-01-01", "2999-12-31")].into_iter().enumerate() {
            let client = format!("app-{}", 3 + number);
            let mut bounded = application(&me, &client, &["DocumentReference"], "COC");
            bounded["provision"]["period"] = json!({"start": start, "end": end});
            server.create(&holder(&me), &bounded).expect(201);
            let who = app(&client, &me, "patient/*.rs");
            assert_eq!((reads(&server, &who, &letter), finds(&server, &who, &me).0), (404, 403), "{start}");
        }
        // The person reads what it did.
        assert!(server.get(&holder(&me), "AuditEvent?_count=200").expect(200).to_string().contains("app-1"));
    });
}

#[test]
fn an_application_is_allowed_for_a_stated_purpose_and_part_only() {
    on_both(|backend| {
        let (server, me, _) = with_letter(backend);
        let good = || application(&me, "app-1", &["DocumentReference"], "PATRQT");
        let without = |name: &str| {
            let mut consent = good();
            consent["provision"].as_object_mut().unwrap().remove(name);
            consent
        };
        let with = |name: &str, value: Value| {
            let mut consent = good();
            consent["provision"][name] = value;
            consent
        };
        let reason = |code: &str| json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": code}]);
        let part = |system: &str, code: &str| json!([{"system": system, "code": code}]);
        let rows = [
            (without("purpose"), "Consent.provision.purpose"),
            (without("class"), "Consent.provision.class"),
            (with("purpose", reason("HMARKT")), "Consent.provision.purpose[0]"),
            (with("purpose", json!([{"system": "urn:x", "code": "TREAT"}])), "Consent.provision.purpose[0]"),
            (with("class", part("http://hl7.org/fhir/resource-types", "Organization")), "Consent.provision.class[0]"),
            (with("class", part("http://hl7.org/fhir/resource-types", "Binary")), "Consent.provision.class[0]"),
            (with("class", part("urn:x", "DocumentReference")), "Consent.provision.class[0]"),
            (with("class", part(ensemble::policy::nomenclature::TRE_A03, "12")), "Consent.provision.class[0]"),
            (
                with("actor", consent(&me, "x", "permit", party(&psidnat(1)))["provision"]["actor"].clone()),
                "Consent.provision.actor[0].reference",
            ),
        ];
        for (consent, place) in rows {
            let answer = server.create(&holder(&me), &consent);
            assert_eq!((answer.status, answer.issue().1.as_str()), (422, place), "{consent}");
        }
        assert_eq!(
            server
                .create(&professional(1, "10"), &{
                    let mut collected = good();
                    collected["verification"] = json!([{"verified": true, "verifiedWith": {"identifier": {"system": INS, "value": me}}}]);
                    collected
                })
                .status,
            403,
            "by the person only"
        );
    });
}
