//! The tables of FHIR R4 search.html, one row for each cell: kind of parameter, modifier, prefix, precision, missing.

use serde_json::{Value, json};

use crate::support::{Server, on_both, query};

fn put(server: &Server, value: &Value) {
    let path = format!("/fhir/{}/{}", value["resourceType"].as_str().unwrap(), value["id"].as_str().unwrap());
    server.send("PUT", &path, &[("content-type", "application/fhir+json")], Some(value.to_string().as_bytes())).expect(201);
}

/// The ids that a search finds, strictly understood, sorted.
fn found(server: &Server, resource: &str, pairs: &[(&str, &str)]) -> Vec<String> {
    let path = format!("/fhir/{resource}{}", query(pairs));
    let mut ids = server.send("GET", &path, &[("prefer", "handling=strict")], None).matches();
    ids.sort();
    ids
}

/// Rows: parameter, value, the ids that match with blanks between.
fn check(server: &Server, resource: &str, rows: &[(&str, &str, &str)]) {
    for (parameter, value, expected) in rows {
        let expected: Vec<&str> = expected.split(' ').filter(|id| !id.is_empty()).collect();
        assert_eq!(found(server, resource, &[(parameter, value)]), expected, "{resource}?{parameter}={value}");
    }
}

fn observation(id: &str, more: Value) -> Value {
    let mut one = json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"}});
    one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    one
}

#[test]
fn numbers_follow_their_precision() {
    on_both(|backend| {
        let server = Server::open(backend);
        for (id, probability) in [("a", "99.5"), ("b", "100"), ("c", "100.4"), ("d", "104.9"), ("e", "95"), ("f", "-100")] {
            let number: Value = serde_json::from_str(probability).unwrap();
            let prediction = json!([{"probabilityDecimal": number}]);
            put(
                &server,
                &json!({"resourceType": "RiskAssessment", "id": id, "status": "final", "subject": {"reference": "Patient/p"}, "prediction": prediction}),
            );
        }
        put(
            &server,
            &json!({"resourceType": "RiskAssessment", "id": "r", "status": "final", "subject": {"reference": "Patient/p"},
            "prediction": [{"probabilityRange": {"low": {"value": 90}, "high": {"value": 110}}}]}),
        );
        put(&server, &json!({"resourceType": "RiskAssessment", "id": "z", "status": "final", "subject": {"reference": "Patient/p"}}));
        check(
            &server,
            "RiskAssessment",
            &[
                ("probability", "100", "a b c"),
                ("probability", "100.0", "b"),
                ("probability", "1e2", "a b c d e"),
                ("probability", "-100", "f"),
                ("probability", "eq100.4", "c"),
                ("probability", "ne100", "d e f r"),
                ("probability", "gt100", "c d r"),
                ("probability", "ge100", "b c d r"),
                ("probability", "lt100", "a e f r"),
                ("probability", "le100", "a b e f r"),
                ("probability", "sa100", "c d"),
                ("probability", "eb100", "a e f"),
                ("probability", "ap100", "a b c d e r"),
                ("probability", "99.5,104.9", "a d"),
                ("probability:missing", "true", "z"),
                ("probability:missing", "false", "a b c d e f r"),
            ],
        );
        for value in ["x", "1,", "1.", ".5", "xx1", "1e", "NaN", "inf", "1e999", "0x10", ""] {
            let path = format!("/fhir/RiskAssessment{}", query(&[("probability", value)]));
            assert_eq!(server.send("GET", &path, &[], None).status, 400, "{value}");
        }
    });
}

#[test]
fn quantities_compare_across_units() {
    on_both(|backend| {
        let server = Server::open(backend);
        let ucum = "http://unitsofmeasure.org";
        let quantity =
            |value: f64, unit: &str, code: &str| json!({"valueQuantity": {"value": value, "unit": unit, "system": ucum, "code": code}});
        put(&server, &observation("a", quantity(5.4, "mg/dL", "mg/dL")));
        put(&server, &observation("b", quantity(0.054, "g/L", "g/L")));
        put(&server, &observation("c", json!({"valueQuantity": {"value": 5.4, "unit": "mg"}})));
        put(&server, &observation("d", json!({"valueQuantity": {"value": 5.4, "system": "urn:x", "code": "mg/dL"}})));
        put(
            &server,
            &observation("e", json!({"valueQuantity": {"value": 6, "comparator": ">", "unit": "mg/dL", "system": ucum, "code": "mg/dL"}})),
        );
        put(&server, &observation("f", quantity(7.0, "milligrammes", "mg/dL")));
        put(&server, &observation("g", json!({"valueQuantity": {"unit": "mg/dL"}})));
        check(
            &server,
            "Observation",
            &[
                ("value-quantity", "5.4", "a c d"),
                ("value-quantity", "5.40", "a c d"),
                ("value-quantity", "5.4|http://unitsofmeasure.org|mg/dL", "a b"),
                ("value-quantity", "0.054|http://unitsofmeasure.org|g/L", "a b"),
                ("value-quantity", "54|http://unitsofmeasure.org|mg/L", "a b"),
                ("value-quantity", "5.4||mg/dL", "a d"),
                ("value-quantity", "5.4||mg", "c"),
                ("value-quantity", "7||milligrammes", "f"),
                ("value-quantity", "5.4|urn:x|mg/dL", "d"),
                ("value-quantity", "gt5.4|http://unitsofmeasure.org|mg/dL", "e f"),
                ("value-quantity", "ge5.4|http://unitsofmeasure.org|mg/dL", "a b e f"),
                ("value-quantity", "lt5.5|http://unitsofmeasure.org|mg/dL", "a b"),
                ("value-quantity", "gt1000000||mg/dL", "e"),
                ("value-quantity", "5.4|http://unitsofmeasure.org|kg", ""),
                ("value-quantity", "5.4|http://unitsofmeasure.org|nonsense", ""),
                ("value-quantity:missing", "true", "g"),
            ],
        );
        for value in ["5|mg", "5|a|b|c", "|a|b", "5|a|"] {
            assert_eq!(
                server.send("GET", &format!("/fhir/Observation{}", query(&[("value-quantity", value)])), &[], None).status,
                400,
                "{value}"
            );
        }
    });
}

#[test]
fn dates_follow_precision_and_zone() {
    on_both(|backend| {
        let server = Server::open(backend);
        let at = |id: &str, date: &str| put(&server, &observation(id, json!({"effectiveDateTime": date})));
        at("y", "2024");
        at("m", "2024-03");
        at("d", "2024-03-14");
        at("z", "2024-03-14T23:30:00-02:00");
        put(&server, &observation("p", json!({"effectivePeriod": {"start": "2024-03-10", "end": "2024-03-20"}})));
        put(&server, &observation("o", json!({"effectivePeriod": {"start": "2024-06-01"}})));
        put(&server, &observation("n", json!({})));
        check(
            &server,
            "Observation",
            &[
                ("date", "2024-03-14", "d"),
                ("date", "2024-03-15", "z"),
                ("date", "2024-03-15T01:30:00Z", "z"),
                ("date", "2024-03-15T02:30:00+01:00", "z"),
                ("date", "2024-03", "d m p z"),
                ("date", "2024", "d m p y z"),
                ("date", "ge2024-03-14", "d m o p y z"),
                ("date", "gt2024-03-14", "m o p y z"),
                ("date", "sa2024-03-14", "o z"),
                ("date", "lt2024-03-14", "m p y"),
                ("date", "eb2024-03-14", ""),
                ("date", "le2024-03-14", "d m p y"),
                ("date", "ne2024-03-14", "m o p y z"),
                ("date", "gt2030", "o"),
                ("date:missing", "true", "n"),
            ],
        );
        assert_eq!(found(&server, "Observation", &[("date", "ge2024-03-14"), ("date", "lt2024-03-16")]), ["d", "m", "p", "y", "z"]);
    });
}

#[test]
fn tokens_strings_and_uris_follow_their_modifiers() {
    on_both(|backend| {
        let server = Server::open(backend);
        let typed = json!([{"type": {"coding": [{"system": "urn:types", "code": "MR"}], "text": "Dossier médical"}, "system": "urn:s", "value": "1|2"}]);
        put(
            &server,
            &json!({"resourceType": "Patient", "id": "a", "identifier": typed, "gender": "female", "name": [{"family": "Éloïse-Marie d'Été", "given": ["Zoé"]}]}),
        );
        put(&server, &json!({"resourceType": "Patient", "id": "b", "identifier": [{"value": "1|2"}], "name": [{"text": "eloise"}]}));
        put(&server, &json!({"resourceType": "Patient", "id": "c", "identifier": [{"system": "1", "value": "2"}], "active": true}));
        check(
            &server,
            "Patient",
            &[
                ("identifier", r"1\|2", "a b"),
                ("identifier", r"urn:s|1\|2", "a"),
                ("identifier", r"|1\|2", "b"),
                ("identifier", "1|2", "c"),
                ("identifier", "1|", "c"),
                ("identifier", "urn:s|", "a"),
                ("identifier:of-type", r"urn:types|MR|1\|2", "a"),
                ("identifier:of-type", r"urn:other|MR|1\|2", ""),
                ("identifier:text", "dossier", "a"),
                ("identifier:text", "medical", ""),
                ("gender:not", "female", "b c"),
                ("gender:missing", "true", "b c"),
                ("active", "true", "c"),
                ("name", "ELOISE", "a b"),
                ("family", "eloise-marie d’ete", "a"),
                ("family:exact", "Éloïse-Marie d'Été", "a"),
                ("family:exact", "éloïse-marie d'été", ""),
                ("family:contains", "MARIE", "a"),
                ("name:contains", "%", ""),
                ("name", "zo,elo", "a b"),
            ],
        );
        for (id, url) in [
            ("u", "http://x.example/fhir"),
            ("v", "http://x.example/fhir/ValueSet/1"),
            ("w", "http://x.example/fhirs"),
            ("o", "urn:oid:1.2.3"),
        ] {
            put(&server, &json!({"resourceType": "ValueSet", "id": id, "status": "draft", "url": url}));
        }
        check(
            &server,
            "ValueSet",
            &[
                ("url", "http://x.example/fhir", "u"),
                ("url:below", "http://x.example/fhir", "u v w"),
                ("url:below", "http://x.example/fhir/", "v"),
                ("url:above", "http://x.example/fhir/ValueSet/1/_history/5", "u v"),
                ("url:above", "urn:oid:1.2.3", "o"),
                ("url:below", "urn:oid:1", "o"),
            ],
        );
        for (parameter, status) in [("identifier:above=1", 400), ("gender:in=x", 400), ("name:below=x", 400), ("identifier:of-type=a", 400)]
        {
            assert_eq!(server.send("GET", &format!("/fhir/Patient?{parameter}"), &[], None).status, status, "{parameter}");
        }
    });
}

#[test]
fn composites_hold_of_one_element() {
    on_both(|backend| {
        let server = Server::open(backend);
        let part = |code: &str, value: u32| json!({"code": {"coding": [{"system": "http://loinc.org", "code": code}]}, "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}});
        put(&server, &observation("a", json!({"component": [part("8480-6", 140), part("8462-4", 80)]})));
        put(&server, &observation("b", json!({"component": [part("8480-6", 80), part("8462-4", 140)]})));
        let single = json!({"code": {"coding": [{"code": "8480-6"}]}, "valueQuantity": {"value": 150, "code": "mm[Hg]"}});
        put(&server, &observation("c", single));
        let relation = |id: &str, code: &str, target: &str| {
            put(
                &server,
                &json!({"resourceType": "DocumentReference", "id": id, "status": "current", "content": [{"attachment": {"title": "x"}}],
                "relatesTo": [{"code": code, "target": {"reference": target}}, {"code": "signs", "target": {"reference": "DocumentReference/2"}}]}),
            );
        };
        relation("d", "replaces", "DocumentReference/1");
        check(
            &server,
            "Observation",
            &[
                ("component-code-value-quantity", "http://loinc.org|8480-6$gt120|http://unitsofmeasure.org|mm[Hg]", "a"),
                ("component-code-value-quantity", "8462-4$140||mm[Hg]", "b"),
                ("combo-code-value-quantity", "8480-6$gt120||mm[Hg]", "a c"),
                ("code-value-quantity", "8480-6$gt120", "c"),
                ("combo-code-value-quantity", "8480-6$gt145||mm[Hg],8462-4$140||mm[Hg]", "b c"),
            ],
        );
        check(
            &server,
            "DocumentReference",
            &[
                ("relationship", "replaces$DocumentReference/1", "d"),
                ("relationship", "http://hl7.org/fhir/document-relationship-type|replaces$DocumentReference/1", "d"),
                ("relationship", "urn:x|replaces$DocumentReference/1", ""),
                ("relationship", "replaces$DocumentReference/2", ""),
                ("relationship", "signs$DocumentReference/2", "d"),
            ],
        );
        for value in ["8480-6", "$5", "8480-6$", "a$b$c", "http://loinc.org|$5||mm"] {
            let path = format!("/fhir/Observation{}", query(&[("component-code-value-quantity", value)]));
            assert_eq!(server.send("GET", &path, &[], None).status, 400, "{value}");
        }
    });
}

#[test]
fn a_resource_has_no_end_of_values_to_search_by() {
    on_both(|backend| {
        let server = Server::open(backend);
        let of = |count: usize| {
            let identifiers: Vec<Value> = (0..count).map(|n| json!({"system": "urn:x", "value": n.to_string()})).collect();
            json!({"resourceType": "Patient", "identifier": identifiers})
        };
        let post = |body: &Value| {
            let header = [("content-type", "application/fhir+json")];
            server.send("POST", "/fhir/Patient", &header, Some(body.to_string().as_bytes()))
        };
        post(&of(9_000)).expect(201);
        let refused = post(&of(11_000));
        assert_eq!((refused.status, refused.issue()), (422, ("too-costly".to_owned(), "Patient".to_owned())));
        let entry = json!({"resource": of(11_000), "request": {"method": "POST", "url": "Patient"}});
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]});
        let header = [("content-type", "application/fhir+json")];
        assert_eq!(server.send("POST", "/fhir", &header, Some(bundle.to_string().as_bytes())).status, 422);
        let found = server.send("GET", "/fhir/Patient?identifier=urn:x%7C10&_total=accurate", &[], None).expect(200);
        assert_eq!(found["total"], 1);
    });
}

#[test]
fn a_walk_meets_everything_once_while_others_write() {
    on_both(|backend| {
        let server = Server::open(backend);
        let header = [("content-type", "application/fhir+json")];
        let send = |kind: &str, entries: Vec<Value>| {
            let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": entries});
            server.send("POST", "/fhir", &header, Some(bundle.to_string().as_bytes())).expect(200);
        };
        let put = |id: &str, day: usize, text: &str| {
            let at = format!("{:04}-{:02}-{:02}", 2000 + day % 25, 1 + day % 12, 1 + day % 28);
            let body = json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": text}, "effectiveDateTime": at});
            json!({"resource": body, "request": {"method": "PUT", "url": format!("Observation/{id}")}})
        };
        for part in 0..5 {
            send("transaction", (0..2000).map(|n| part * 2000 + n).map(|n| put(&format!("o{n}"), n, "a")).collect());
        }
        for sort in ["_sort=-date", "_sort=date", ""] {
            let mut path = format!("/fhir/Observation?code:text=a&_count=200&{sort}");
            let mut met = Vec::new();
            for page in 0.. {
                let answer = server.send("GET", &path, &[], None);
                met.extend(answer.matches());
                // Others write meanwhile: new ones, and others that no longer match.
                if page < 20 {
                    let (added, changed) = (format!("n{page}"), page * 37);
                    let others =
                        vec![put(&added, page, "b"), put(&format!("o{changed}"), changed, "b"), put(&added.replace('n', "m"), page, "a")];
                    send("batch", others);
                }
                match answer.link("next") {
                    Some(next) => path = format!("/fhir/{}", next.split("/fhir/").nth(1).unwrap()),
                    None => break,
                }
            }
            let unique: std::collections::BTreeSet<&String> = met.iter().collect();
            assert_eq!(unique.len(), met.len(), "nothing twice; {sort}");
            let unchanged = (0..10_000).filter(|n| n % 37 != 0 || *n >= 20 * 37).map(|n| format!("o{n}"));
            assert!(unchanged.into_iter().all(|id| unique.contains(&id)), "nothing that stayed as it was is passed over; {sort}");
        }
    });
}
