//! Lines 23 to 29: what is read by its id.

use serde_json::{Value, json};

use super::ask::{alike, get, in_every_way, in_every_way_alone, send};
use super::world::Control::{Author, Person, Seer};
use super::world::{SECRET_TYPE, Way};
use crate::support::build::{INS, consent, document, holder, ins, party, patient, professional, psidnat, service, structure};
use crate::support::record::{HOSPITAL, content as content_of, deletion, label_off, label_on, patches, with_space};
use crate::support::{Server, on_both};

/// 404, 403 or 410 by which a guessed id is known to exist (LinuxForHealth #1809, icanbwell, peerigon #40).
#[test]
fn attack_23_status_of_a_guessed_id() {
    alike(Seer, &["DocumentReference/{hidden}", "DocumentReference/{also}", "Binary/{hidden-content}", "RelatedPerson/{relative}"]);
    alike(Person, &["Consent/{right}", "CareTeam/{team}", "AuditEvent/{trace}"]);
    in_every_way_alone(|twins, way| {
        for (path, control) in [("DocumentReference/{hidden}", Seer), ("Consent/{right}", Person), ("Patient/{of}", Seer)] {
            let hidden = path != "Patient/{of}" || way == Way::Foreign;
            let read = twins.alike(way, &get(path));
            assert_eq!(read.status == 404, hidden, "{path}");
            if hidden {
                twins.tells(way, control, &get(path));
            }
        }
        // Deleted, it stays what it was: 404, to those as well who saw it before.
        assert_eq!(patches(twins.servers()[0], &structure(HOSPITAL), &twins.id(way, "hidden"), &deletion()), 200);
        for path in ["DocumentReference/{hidden}", "DocumentReference/{hidden}/_history", "Binary/{hidden-content}"] {
            assert_eq!(twins.alike(way, &get(path)).status, 404, "{path}");
            assert_eq!(twins.alike_to(way, &way.seer(), &get(path)).status, 404, "{path}");
        }
    });
}

/// The history of a foreign id as an empty 200 (HAPI FHIR #1484); histories of a type or of all without a check (LinuxForHealth #2300,
/// #3411; wso2 #43).
#[test]
fn attack_24_history() {
    alike(
        Seer,
        &[
            "DocumentReference/{hidden}/_history",
            "DocumentReference/{hidden}/_history?_count=1",
            "DocumentReference/{hidden}/_history?_since=2020-01-01T00:00:00Z",
        ],
    );
    alike(Person, &["Consent/{right}/_history", "CareTeam/{team}/_history"]);
    in_every_way(|twins, way| {
        assert_eq!(twins.alike(way, &get("DocumentReference/{hidden}/_history")).status, 404);
        for path in ["_history", "DocumentReference/_history", "Binary/_history", "Consent/_history?_count=1", "AuditEvent/_history"] {
            for who in [way.reader(), way.seer(), holder(&way.own()), structure(HOSPITAL)] {
                assert_eq!(twins.alike_to(way, &who, &get(path)).status, 403, "{who} {path}");
            }
        }
    });
}

/// A version from before it was masked; what is masked now was not masked in its first version (Microsoft #105, icanbwell #1829).
#[test]
fn attack_25_version_before_masking() {
    on_both(|backend| {
        let (server, me) = with_space(backend);
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let id = server.create(&structure(HOSPITAL), &document(&me, "11490-0", 1).json()).id();
        let content = content_of(&server, &holder(&me), &id);
        let (reader, absent) = (professional(1, "10"), "01930000-0000-7000-8000-000000000001");
        let paths =
            ["DocumentReference/{}", "DocumentReference/{}/_history/1", "DocumentReference/{}/_history/2", "DocumentReference/{}/_history"];
        let reads = |who: &Value| paths.map(|path| server.get(who, &path.replace("{}", &id)).status);
        assert_eq!(reads(&reader), [200, 200, 404, 200]);
        assert_eq!(patches(&server, &holder(&me), &id, &label_on("MASQUE_PS")), 200);
        assert_eq!((reads(&reader), reads(&holder(&me))), ([404; 4], [200; 4]));
        for path in paths {
            let (hidden, none) = (server.get(&reader, &path.replace("{}", &id)), server.get(&reader, &path.replace("{}", absent)));
            assert_eq!(hidden.shape(&id), none.shape(absent), "{path}");
        }
        assert_eq!((server.get(&reader, &content).status, server.get(&reader, &format!("{content}/_history/1")).status), (404, 404));
        assert_eq!(patches(&server, &holder(&me), &id, &label_off()), 200);
        assert_eq!(reads(&reader), [200; 4], "unmasked, it is seen as before");
    });
}

/// `If-None-Match`, `If-Modified-Since`, `If-Match` on what is hidden: 304 and 412 tell that it is there.
#[test]
fn attack_26_conditional_read() {
    in_every_way(|twins, way| {
        for path in ["DocumentReference/{hidden}", "DocumentReference/{hidden}/_history/1", "Binary/{hidden-content}"] {
            for (name, value) in [
                ("if-none-match", "W/\"1\""),
                ("if-none-match", "*"),
                ("if-none-match", "W/\"1\", W/\"2\""),
                ("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT"),
                ("if-modified-since", "Wed, 01 Jan 2020 00:00:00 GMT"),
                ("if-match", "W/\"1\""),
                ("if-match", "W/\"9\""),
                ("range", "bytes=0-3"),
            ] {
                let ask = get(path).with(name, value);
                assert_eq!(twins.alike(way, &ask).status, 404, "{path} {name}: {value}");
                twins.tells(way, Seer, &ask);
            }
        }
        let known = get("DocumentReference/{seen}").with("if-none-match", "W/\"1\"");
        assert_eq!(twins.alike(way, &known).status, 304, "of what is seen it is answered");
    });
}

/// HEAD and OPTIONS, `_format`, `_pretty`, `_elements`, `_summary=text`, whose narrative shows what elements hide.
#[test]
fn attack_27_other_forms() {
    let forms = [
        "_format=xml",
        "_format=json&_pretty=true",
        "_elements=id",
        "_summary=text",
        "_summary=data",
        "_summary=true",
        "_format=image/png",
    ];
    in_every_way(|twins, way| {
        for form in forms {
            for path in ["DocumentReference/{hidden}?", "DocumentReference/{hidden}/_history?", "DocumentReference?patient={both}&"] {
                let ask = get(&format!("{path}{form}"));
                twins.alike(way, &ask);
                // A history has forms and no parts.
                if form != "_format=image/png" && (form.starts_with("_format") || !path.contains("_history")) {
                    twins.tells(way, Seer, &ask);
                }
            }
        }
        for method in ["HEAD", "OPTIONS", "TRACE", "PROPFIND"] {
            for path in ["DocumentReference/{hidden}", "Binary/{hidden-content}", "Patient/{of}", "DocumentReference?patient={both}"] {
                twins.alike(way, &send(method, path, &Value::Null));
            }
        }
        twins.tells(way, Seer, &send("HEAD", "DocumentReference/{hidden}", &Value::Null));
        for media in ["application/fhir+xml", "text/html", "*/*", "image/png"] {
            twins.alike(way, &get("DocumentReference/{hidden}").with("accept", media));
            twins.alike(way, &get("Binary/{hidden-content}").with("accept", media));
        }
    });
}

/// A Binary by its id, outside of any compartment; `securityContext` that is not looked at (LinuxForHealth #3716, #4036; Medplum).
#[test]
fn attack_28_binary() {
    alike(
        Seer,
        &["Binary/{hidden-content}", "Binary/{also-content}", "Binary/{hidden-content}/_history/1", "Binary/{hidden-content}?_format=xml"],
    );
    in_every_way_alone(|twins, way| {
        assert_eq!(twins.alike(way, &get("Binary/{hidden-content}")).status, 404);
        assert_eq!(twins.alike(way, &get("Binary/{seen-content}")).status, 200);
        for path in [
            "Binary?_id={hidden-content}",
            "Binary?_lastUpdated=gt2020-01-01",
            "DocumentReference?patient={both}&location=Binary/{hidden-content}",
        ] {
            twins.alike(way, &get(path));
        }
        // Named by a document of the reader's own, it is not lent to it.
        let mut own = document(&way.own(), super::world::SEEN_TYPE, 600 + way as u32).json();
        own["content"] = json!([{"attachment": {"contentType": "text/plain", "url": "Binary/{hidden-content}"}}]);
        let refused = twins.alike(way, &send("POST", "DocumentReference", &own));
        assert_eq!(refused.status, 422, "{}", refused.text());
        // Nor is one that the reader wrote with the context of a document it may see, or of one it may not.
        for context in ["{seen}", "{hidden}"] {
            let binary = json!({"resourceType": "Binary", "contentType": "text/plain", "data": "eA==",
                "securityContext": {"reference": format!("DocumentReference/{context}")}});
            let answer = twins.alike(way, &send("POST", "Binary", &binary));
            assert!(answer.status >= 400 || !answer.text().contains("Secret"), "{}", answer.text());
            assert_eq!(twins.alike(way, &send("PUT", "Binary/{hidden-content}", &binary)).status, 405);
        }
    });
}

/// A check that is skipped where a claim is missing (Microsoft MSRC-128308): without profession, identity, reason there is no token, and
/// a token that was changed is none.
#[test]
fn attack_29_missing_claim() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let me = ins(1);
        server.create(&service("operator"), &patient(&me)).expect(201);
        let letter = server.create(&structure(HOSPITAL), &document(&me, SECRET_TYPE, 1).json()).id();
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let whole = json!({"kind": "professional", "id": psidnat(1), "profession": "10"});
        let token = |request: &Value| server.send("POST", "/sandbox/token", &[], Some(request.to_string().as_bytes()));
        for (request, names) in [
            (whole.clone(), &["kind", "id", "profession"][..]),
            (json!({"kind": "structure", "id": HOSPITAL}), &["id"]),
            (json!({"kind": "holder", "ins": format!("{INS}|{me}")}), &["ins"]),
            (json!({"kind": "representative", "ins": format!("{INS}|{}", ins(2)), "for": format!("{INS}|{me}")}), &["ins", "for"]),
            (json!({"kind": "application", "client": "app", "for": format!("{INS}|{me}"), "scope": "patient/*.rs"}), &["client", "for"]),
            (
                json!({"kind": "professional", "id": psidnat(1), "profession": "10", "purpose": "bris_de_glace", "reason": "urgence"}),
                &["reason"],
            ),
        ] {
            assert_eq!(token(&request).status, 200, "{request}");
            for name in names {
                for value in [None, Some(json!("")), Some(json!("?"))] {
                    // Any reason is one; a profession that nobody knows may do nothing, as below.
                    if matches!(*name, "reason" | "profession") && value == Some(json!("?")) {
                        continue;
                    }
                    let mut lacking = request.clone();
                    match value {
                        Some(value) => lacking[*name] = value,
                        None => drop(lacking.as_object_mut().unwrap().remove(*name)),
                    }
                    let answer = token(&lacking);
                    assert_eq!(answer.status, 400, "{lacking}: {}", answer.text());
                }
            }
        }
        // The signature covers all of it.
        let good = server.token(&whole);
        let read = |token: &str| {
            server.send("GET", &format!("/fhir/DocumentReference/{letter}"), &[("authorization", &format!("Bearer {token}"))], None).status
        };
        assert_eq!(read(&good), 200);
        let mut unknown = whole.clone();
        unknown["profession"] = "?".into();
        let without_scope = json!({"kind": "application", "client": "app", "for": format!("{INS}|{me}")});
        for who in [unknown, without_scope] {
            assert!(matches!(read(&server.token(&who)), 403 | 404), "{who}");
        }
        use base64::Engine;
        let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let parts: Vec<&str> = good.split('.').collect();
        let claims: Value = serde_json::from_slice(&engine.decode(parts[1]).unwrap()).unwrap();
        for name in ["kind", "sub", "profession", "exp", "aud", "iss"] {
            let mut lacking = claims.clone();
            lacking.as_object_mut().unwrap().remove(name);
            let payload = engine.encode(lacking.to_string());
            let none = engine.encode(br#"{"alg":"none","typ":"JWT"}"#);
            for forged in [format!("{}.{payload}.{}", parts[0], parts[2]), format!("{none}.{payload}."), format!("{none}.{}.", parts[1])] {
                assert_eq!(read(&forged), 401, "{name}");
            }
        }
        for header in ["", "Bearer", "Bearer ", "Basic YTpi", "bearer x.y.z"] {
            assert_eq!(
                server.send("GET", &format!("/fhir/DocumentReference/{letter}"), &[("authorization", header)], None).status,
                401,
                "{header}"
            );
        }
    });
    // What the signed claims of another issuer lack is refused as well: `auth::verifier`.
    in_every_way(|twins, way| {
        assert_eq!(twins.servers()[0].send("GET", &format!("/fhir/DocumentReference/{}", twins.id(way, "hidden")), &[], None).status, 401);
        twins.tells(way, Author, &get("DocumentReference/{hidden}"));
    });
}
