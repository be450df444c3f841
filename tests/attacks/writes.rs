//! Lines 30 to 39: writes that tell what is there, or take it.

use serde_json::{Value, json};

use super::ask::{Ask, get, in_every_way_alone, of_type, send};
use super::world::Control::{Author, Person, Seer};
use super::world::{SECRET_TYPE, SEEN_TYPE, Twins, Way};
use crate::support::build::{
    CB, collected, consent, document, holder, ins, party, person, professional, psidnat, representative, service, structure,
};
use crate::support::on_both;
use crate::support::record::{HOSPITAL, archiving, deletion, label_off, label_on, patches};

/// A document of the reader's about the person whose record it consults.
fn own(way: Way, number: u32) -> Value {
    document(&way.own(), SEEN_TYPE, 1000 * (way as u32 + 1) + number).json()
}

/// A test that holds of what is there.
fn test() -> Value {
    json!([{"op": "test", "path": "/status", "value": "current"}])
}

/// Conditional create, update, patch and delete whose status tells what is there (HAPI FHIR before 5.6 and #5712, #3048).
#[test]
fn attack_30_conditional_writes() {
    in_every_way_alone(|twins, way| {
        // A condition that only what is hidden meets: it is created, in both.
        for (number, condition) in
            ["identifier={master}", "_id={hidden}", "patient={of}&type=11490-0&identifier={master}"].iter().enumerate()
        {
            let ask = send("POST", "DocumentReference", &own(way, u32::try_from(number).unwrap())).with("if-none-exist", condition);
            let answer = twins.alike(way, &ask);
            assert!(matches!(answer.status, 201 | 403), "{condition}: {} {}", answer.status, answer.text());
        }
        for condition in ["identifier={master}", "identifier={master}&status=current", "identifier={master}&_id={hidden}"] {
            let ask = send("PATCH", &format!("DocumentReference?{condition}"), &test());
            assert_eq!(twins.alike(way, &ask).status, 404, "{condition}");
            twins.tells(way, Author, &ask);
        }
        for path in ["Consent?_id={right}", "CareTeam?_id={team}", "DocumentReference?identifier={master}", "Patient?identifier={INS}"] {
            let kind = path.split('?').next().unwrap();
            let body = match kind {
                "Consent" => consent(&way.own(), "record-access", "permit", party(&psidnat(9))),
                "CareTeam" => json!({"resourceType": "CareTeam", "status": "active", "subject": person(&way.own())}),
                "DocumentReference" => own(way, 90),
                _ => json!({"resourceType": "Patient"}),
            };
            assert!(twins.alike(way, &send("PUT", path, &body)).status >= 400, "{path}");
            assert!(twins.alike(way, &send("DELETE", path, &Value::Null)).status >= 400, "{path}");
        }
        // What the reader sees counts: it is not created again.
        let again = own(way, 0);
        let seen = send("POST", "DocumentReference", &again).with("if-none-exist", "_id={seen}");
        assert_eq!(twins.alike(way, &seen).status, 200);
    });
}

/// Conditional references that are resolved without a right (Medplum; HAPI FHIR #5184).
#[test]
fn attack_31_conditional_references() {
    in_every_way_alone(|twins, way| {
        for (number, (element, condition)) in [
            ("related", "DocumentReference?identifier={master}"),
            ("related", "DocumentReference?_id={hidden}"),
            ("related", "Patient?family=Personne3"),
            ("related", "Patient?phone=0612345673"),
            ("related", "Consent?_id={right}"),
        ]
        .into_iter()
        .enumerate()
        {
            let mut one = own(way, u32::try_from(number).unwrap());
            one["context"] = json!({element: [{"reference": condition}]});
            // Alone, what is no address of a resource is kept as it is; of a transaction it is a condition.
            let mut other = own(way, 100 + u32::try_from(number).unwrap());
            other["context"] = one["context"].clone();
            let alone = twins.alike(way, &send("POST", "DocumentReference", &other));
            let entry = json!({"fullUrl": "urn:uuid:0b7b6d1c-4ad9-4b4e-a1d8-d0d8a8f2b2a4", "resource": one, "request": {"method": "POST", "url": "DocumentReference"}});
            let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]});
            let answer = twins.alike(way, &send("POST", "", &bundle));
            assert_eq!(alone.status, 201, "{condition}: {}", alone.text());
            // What names a person by more than her identifier is no condition of a record: it leads nowhere, as it stands.
            let kept = condition.starts_with("Patient?") && answer.text().contains(condition);
            assert!(kept || answer.status >= 400, "{condition}: {}", answer.text());
        }
        // Of what the reader sees it leads somewhere.
        let mut one = own(way, 50);
        one["context"] = json!({"related": [{"reference": "DocumentReference?_id={seen}"}]});
        let entry = json!({"resource": one, "request": {"method": "POST", "url": "DocumentReference"}});
        let answer = twins.alike(way, &send("POST", "", &json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})));
        assert_eq!(answer.status, 200, "{}", answer.text());
    });
}

/// Referential integrity, whose errors tell what exists, existed or never did (HAPI FHIR #6218, #6476).
#[test]
fn attack_32_referential_integrity() {
    in_every_way_alone(|twins, way| {
        let deleted = twins.id(way, "also");
        for side in [0, 1] {
            let status = patches(twins.servers()[side], &structure(HOSPITAL), &twins.filled(side, way, "{also}"), &deletion());
            assert_eq!(status, if side == 0 { 200 } else { 404 }, "{deleted}");
        }
        for (number, target) in
            ["DocumentReference/{hidden}", "DocumentReference/{also}", "Consent/{right}", "CareTeam/{team}"].into_iter().enumerate()
        {
            let mut related = own(way, u32::try_from(number).unwrap());
            related["context"] = json!({"related": [{"reference": target}]});
            twins.alike(way, &send("POST", "DocumentReference", &related));
            let mut replaces = own(way, 20 + u32::try_from(number).unwrap());
            replaces["relatesTo"] = json!([{"code": "replaces", "target": {"reference": target}}]);
            let answer = twins.alike(way, &send("POST", "DocumentReference", &replaces));
            assert!(answer.status >= 400, "{target}: {}", answer.text());
        }
        // Its author replaces it where it is, and nowhere else.
        let mut replaces = document(&way.of(), SECRET_TYPE, 1000 * (way as u32 + 1) + 40).json();
        replaces["relatesTo"] = json!([{"code": "replaces", "target": {"reference": "DocumentReference/{hidden}"}}]);
        if way != Way::Foreign {
            twins.alike(way, &send("POST", "DocumentReference", &replaces));
        }
        twins.tells(way, Author, &send("POST", "DocumentReference", &replaces));
    });
}

/// An update that moves a resource to another person, or from one (HAPI FHIR #667, #7557; LinuxForHealth #1469; OpenEMR #13281).
#[test]
fn attack_33_move_to_another_person() {
    on_both(|backend| {
        let twins = Twins::start(backend);
        let way = Way::Foreign;
        let server = twins.servers()[0];
        let (me, other) = (way.own(), way.of());
        let mine = of_type(&server.get(&holder(&me), "Consent?_count=100"), "Consent");
        let mine = mine.into_iter().find(|one| one.to_string().contains("record-access")).unwrap();
        let path = format!("Consent/{}", mine["id"].as_str().unwrap());
        // Mine to another, by either way of naming her: refused, and nothing of it is hers.
        for target in [person(&other), json!({"reference": format!("Patient/{}", twins.id(way, "of"))})] {
            let mut moved = mine.clone();
            moved["patient"] = target;
            let answer = server.fhir(&holder(&me), "PUT", &path, Some(&moved));
            assert!(matches!(answer.status, 403 | 404 | 422), "{} {}", answer.status, answer.text());
            assert_eq!(server.get(&holder(&other), &path).status, 404);
            assert_eq!(server.get(&holder(&me), &path).status, 200);
        }
        // Another's to me: hidden, so absent.
        let right = format!("Consent/{}", twins.id(way, "right"));
        let mut taken = mine.clone();
        taken["id"] = twins.id(way, "right").into();
        assert_eq!(server.fhir(&holder(&me), "PUT", &right, Some(&taken)).status, 404);
        assert_eq!(server.get(&holder(&other), &right).status, 200);
        // A document stays with its person.
        let seen = twins.id(way, "seen");
        for (path, value) in [("/subject", person(&other)), ("/subject/reference", json!(format!("Patient/{}", twins.id(way, "of"))))] {
            let patch = json!([{"op": "replace", "path": path, "value": value}]);
            for who in [structure(HOSPITAL), holder(&me), way.reader()] {
                assert_eq!(patches(server, &who, &seen, &patch), 405, "{who} {path}");
            }
        }
        assert!(server.get(&holder(&me), &format!("DocumentReference/{seen}")).expect(200)["subject"].to_string().contains(&me));
    });
}

/// PATCH without a look at what it changes, or at what comes of it (HAPI FHIR's "allow all patches", LinuxForHealth #4101).
#[test]
fn attack_34_patch() {
    in_every_way_alone(|twins, way| {
        for patch in [
            test(),
            label_on("MASQUE_PS"),
            label_off(),
            archiving(),
            deletion(),
            json!([{"op": "test", "path": "/description", "value": "Secret 1"}]),
        ] {
            let ask = send("PATCH", "DocumentReference/{hidden}", &patch);
            // What nobody may touch is refused before it is looked at.
            assert!(matches!(twins.alike(way, &ask).status, 404 | 405), "{patch}");
        }
        twins.tells(way, Author, &send("PATCH", "DocumentReference/{hidden}", &test()));
        // On what is seen: only what may be touched, and the whole as one.
        for patch in [
            json!([{"op": "replace", "path": "/securityLabel", "value": [{"coding": [{"code": "MASQUE_PS"}]}]}]),
            json!([{"op": "add", "path": "/author/-", "value": party(&psidnat(1))}]),
            json!([{"op": "test", "path": "/status", "value": "current"}, {"op": "replace", "path": "/description", "value": "x"}]),
            json!([{"op": "copy", "from": "/id", "path": "/description"}]),
            json!([{"op": "replace", "path": "/content/0/attachment/url", "value": "Binary/{hidden-content}"}]),
            json!([{"op": "move", "from": "/subject", "path": "/authenticator"}]),
        ] {
            let answer = twins.alike(way, &send("PATCH", "DocumentReference/{seen}", &patch));
            assert!(answer.status >= 400, "{patch}: {}", answer.text());
        }
        let same = twins.alike(way, &get("DocumentReference/{seen}")).expect(200);
        assert_eq!((&same["meta"]["versionId"], same["description"].as_str()), (&json!("1"), Some("Vu 0")));
    });
}

/// Labels and tags that a client sets, on create and on update, to grant itself or to unmask (icanbwell SEC-1583, SEC-1580, DCON-4854).
#[test]
fn attack_35_labels_of_the_client() {
    in_every_way_alone(|twins, way| {
        // `meta.security` is no label of the law, and says nothing of who sees it.
        for (number, code) in ["N", "MASQUE_PS", "INVISIBLE_PATIENT"].into_iter().enumerate() {
            let mut one = document(&way.own(), SECRET_TYPE, 2000 + 10 * (way as u32) + u32::try_from(number).unwrap()).json();
            one["meta"] =
                json!({"security": [{"system": ensemble::policy::nomenclature::TRE_A07, "code": code}], "tag": [{"code": "public"}]});
            one["securityLabel"] = json!([{"coding": [{"code": "MASQUE_PS"}]}]);
            let made = [0, 1].map(|side| twins.servers()[side].create(&structure(HOSPITAL), &one).status);
            assert_eq!(made, [201, 201]);
        }
        let found = twins.alike(way, &get("DocumentReference?patient={own}&type=11490-0&_count=100"));
        assert_eq!(found.matches(), Vec::<String>::new(), "masked is masked, whatever `meta` says");
        twins.tells(way, Person, &get("DocumentReference?patient={of}&type=11490-0&_count=100"));
        // The reader unmasks nothing, makes itself no author, and no version of its own counts.
        for body in [
            label_off(),
            json!([{"op": "remove", "path": "/securityLabel/0"}]),
            json!([{"op": "add", "path": "/meta/security", "value": []}]),
        ] {
            assert!(matches!(twins.alike(way, &send("PATCH", "DocumentReference/{hidden}", &body)).status, 404 | 405));
        }
        let mut put = document(&way.of(), SECRET_TYPE, 1).json();
        put["id"] = "{hidden}".into();
        assert_eq!(twins.alike(way, &send("PUT", "DocumentReference/{hidden}", &put)).status, 405);
    });
    // What the server says of a Consent is not the client's to say.
    on_both(|backend| {
        let twins = Twins::start(backend);
        let me = Way::Masked.own();
        let mut claimed = consent(&me, "record-access", "permit", party(&psidnat(7)));
        claimed["performer"] = json!([party(&psidnat(8))]);
        claimed["extension"] = json!([{"url": format!("{CB}/StructureDefinition/collected-by"), "valueReference": party(&psidnat(8))}]);
        let made = twins.servers()[0].create(&holder(&me), &claimed).expect(201);
        assert!(!made.to_string().contains(&psidnat(8)), "{made}");
    });
}

/// A Consent that its writer grants itself, over the record of another (icanbwell DCON-4847).
#[test]
fn attack_36_consent_for_oneself() {
    in_every_way_alone(|twins, way| {
        let reader = if way == Way::Barred { psidnat(3) } else { psidnat(1) };
        // A professional without the statement, and for whatever it may not record, of one who exists or not.
        // That a person has a record is told to professionals on purpose (TD0.2): it is asked about those who have one in both.
        for kind in ["record-access", "treating-physician", "administrator", "emergency-masked", "occupational-health"] {
            let answer = twins.alike(way, &send("POST", "Consent", &consent(&way.own(), kind, "permit", party(&reader))));
            assert!(answer.status >= 400, "{kind}: {}", answer.text());
            let foreign = twins.servers()[0].create(&professional(70, "10"), &consent(&way.of(), kind, "permit", party(&psidnat(70))));
            assert!(foreign.status >= 400, "{kind}: {}", foreign.text());
        }
        for kind in ["administrator", "occupational-health", "break-glass"] {
            let actor = if kind == "break-glass" { Value::Null } else { party(&reader) };
            let answer = twins.alike(way, &send("POST", "Consent", &collected(&way.own(), kind, actor)));
            assert!(answer.status >= 400, "{kind}: {}", answer.text());
        }
        // One person for another; whether she is there or not.
        let server = twins.servers()[0];
        for who in [holder(&way.own()), holder(&ins(77)), representative(&ins(21), &way.own())] {
            let ask = |of: &str| server.create(&who, &consent(of, "record-access", "permit", party(&psidnat(1))));
            let target = ins(3);
            let (known, unknown) = (ask(&target), ask(&ins(78)));
            assert!(known.status >= 400, "{who}");
            assert_eq!((known.status, known.text().replace(&target, "")), (unknown.status, unknown.text().replace(&ins(78), "")), "{who}");
        }
        assert_eq!(twins.alike(way, &get("DocumentReference/{hidden}")).status, 404);
        twins.tells(way, Seer, &get("DocumentReference/{hidden}"));
        // A team that its writer puts itself into is no way either.
        let team = json!({"resourceType": "CareTeam", "status": "active", "subject": person(&way.own()), "participant": [{"member": party(&reader)}]});
        assert!(twins.alike(way, &send("POST", "CareTeam", &team)).status >= 400);
    });
}

/// PUT on a hidden id: 201, 200 or 403 tell that it is there.
#[test]
fn attack_37_put_on_a_hidden_id() {
    in_every_way_alone(|twins, way| {
        let put = |kind: &str, name: &str, mut body: Value| {
            body["id"] = format!("{{{name}}}").into();
            send("PUT", &format!("{kind}/{{{name}}}"), &body)
        };
        let asks: Vec<Ask> = vec![
            put("DocumentReference", "hidden", document(&way.own(), SECRET_TYPE, 1).json()),
            put("Consent", "right", consent(&way.own(), "record-access", "permit", party(&psidnat(1)))),
            put("CareTeam", "team", json!({"resourceType": "CareTeam", "status": "active", "subject": person(&way.own())})),
            put("RelatedPerson", "relative", json!({"resourceType": "RelatedPerson", "patient": person(&way.own())})),
            put("Binary", "hidden-content", json!({"resourceType": "Binary", "contentType": "text/plain", "data": "eA=="})),
            put("AuditEvent", "trace", json!({"resourceType": "AuditEvent"})),
        ];
        for ask in &asks {
            for ask in [
                ask.clone(),
                ask.clone().with("if-match", "W/\"1\""),
                ask.clone().with("if-match", "W/\"9\""),
                ask.clone().with("if-none-match", "*"),
            ] {
                let answer = twins.alike(way, &ask);
                assert!(matches!(answer.status, 400..500), "{} {}", ask.path, answer.status);
            }
        }
        twins.tells(way, Person, &asks[1]);
        // Another person may put nothing there either.
        let other = holder(&ins(20));
        for ask in &asks {
            assert!(twins.alike_to(way, &other, ask).status >= 400);
        }
    });
}

/// `Prefer` and diagnostics that show what a refusal hides (HAPI FHIR #8172, Medplum #8814).
#[test]
fn attack_38_echo() {
    in_every_way_alone(|twins, way| {
        for prefer in ["return=representation", "return=OperationOutcome", "return=minimal", "respond-async", "handling=lenient"] {
            for ask in [
                send("PATCH", "DocumentReference/{hidden}", &test()),
                send("PATCH", "DocumentReference/{hidden}", &json!([{"op": "test", "path": "/description", "value": "wrong"}])),
                send("PUT", "Consent/{right}", &consent(&way.own(), "record-access", "permit", party(&psidnat(1)))),
                send("DELETE", "DocumentReference/{hidden}", &Value::Null),
                get("DocumentReference/{hidden}"),
                send("POST", "DocumentReference", &json!({"resourceType": "DocumentReference", "id": "{hidden}", "status": "x"})),
            ] {
                let answer = twins.alike(way, &ask.with("prefer", prefer));
                let text = answer.text();
                assert!(
                    answer.status >= 400 && !text.contains("Secret") && !text.contains("diagnostics"),
                    "{prefer}: {} {text}",
                    answer.status
                );
            }
        }
        // To its author a patch shows the whole.
        let shown = send("PATCH", "DocumentReference/{hidden}", &test()).with("prefer", "return=representation");
        assert!(twins.send(0, way, &structure(HOSPITAL), &shown).text().contains("Secret"));
    });
}

/// Deletion of what is referred to, refused with a list of hidden referrers: there is no such check, and nothing is deleted so.
#[test]
fn attack_39_delete_what_is_referred_to() {
    in_every_way_alone(|twins, way| {
        for path in [
            "DocumentReference/{hidden}",
            "DocumentReference/{seen}",
            "Patient/{own}",
            "Practitioner/{doctor}",
            "Consent/{right}",
            "Binary/{hidden-content}",
        ] {
            for who in [way.reader(), service("operator"), holder(&way.own())] {
                let answer = twins.alike_to(way, &who, &send("DELETE", path, &Value::Null));
                assert!(matches!(answer.status, 403..=405), "{who} {path}: {}", answer.status);
            }
        }
        // A document goes by its status, whoever refers to it; and then the referrers are asked as before.
        twins.alike(way, &get("DocumentReference?patient={both}&_id={seen}&_revinclude=DocumentReference:related"));
        for side in [0, 1] {
            let seen = twins.filled(side, way, "{seen}");
            assert_eq!(patches(twins.servers()[side], &structure(HOSPITAL), &seen, &deletion()), 200);
        }
        assert_eq!(twins.alike(way, &get("DocumentReference/{seen}")).status, 404);
        twins.tells(way, Seer, &get("DocumentReference/{hidden}"));
    });
    // A tester's deletion goes by what testers keep alone.
    on_both(|backend| {
        let twins = Twins::start(backend);
        let tester = service("tester");
        for path in ["DocumentReference/{hidden}", "Patient/{own}"] {
            twins.alike_to(Way::Masked, &tester, &send("DELETE", path, &Value::Null));
        }
        assert_eq!(twins.send(0, Way::Masked, &Way::Masked.seer(), &get("DocumentReference/{hidden}")).status, 200);
    });
}
