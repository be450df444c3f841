//! Searches as FHIR R4 search.html has them, over HTTP: composites at the ends of chains and in any unit, codes of implied systems, what
//! every type has, forms of answers, and limits that are named.

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::build::service;
use crate::support::open::{put, strictly};
use crate::support::{Server, on_both, query};

const UCUM: &str = "http://unitsofmeasure.org";
const LOINC: &str = "http://loinc.org";

/// Rows: type, parameter, value, the ids that match, sorted, with blanks between.
fn check(server: &Server, rows: &[(&str, &str, &str, &str)]) {
    for (resource, parameter, value, expected) in rows {
        let mut found = strictly(server, &format!("{resource}{}", query(&[(parameter, value)]))).matches();
        found.sort();
        assert_eq!(found.join(" "), *expected, "{resource}?{parameter}={value}");
    }
}

/// What a refusal says: status, code, place, words.
fn refused(answer: &Answer) -> (u16, String, String, String) {
    let (code, place) = answer.issue();
    let text = answer.json()["issue"][0]["details"]["text"].as_str().unwrap_or_default().to_owned();
    (answer.status, code, place, text)
}

fn coded(code: &str) -> Value {
    json!({"coding": [{"system": LOINC, "code": code}]})
}

fn measured(value: f64, unit: &str) -> Value {
    json!({"value": value, "unit": unit, "system": UCUM, "code": unit})
}

fn observation(code: &str, more: Value) -> Value {
    let mut one = json!({"status": "final", "code": coded(code), "subject": {"reference": "Patient/p"}});
    one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    one
}

#[test]
fn composites_stand_at_the_ends_of_chains() {
    on_both(|backend| {
        let server = Server::open(backend);
        put(&server, "Patient", "p", json!({"active": true}));
        put(&server, "Patient", "q", json!({"active": true}));
        let of = |value: f64, patient: &str| {
            let subject = json!({"reference": format!("Patient/{patient}")});
            observation("2823-3", json!({"valueQuantity": measured(value, "mmol/L"), "subject": subject}))
        };
        put(&server, "Observation", "high", of(5.6, "p"));
        put(&server, "Observation", "low", of(4.1, "q"));
        let pressure = |systolic: f64| json!([{"code": coded("8480-6"), "valueQuantity": measured(systolic, "mm[Hg]")}]);
        put(&server, "Observation", "of", observation("85354-9", json!({"component": pressure(50.0)})));
        for (id, result) in [("a", "high"), ("b", "low"), ("c", "of")] {
            let result = json!([{"reference": format!("Observation/{result}")}]);
            put(&server, "DiagnosticReport", id, json!({"status": "final", "code": coded("24323-8"), "result": result}));
        }
        let of_report = "result.code-value-quantity";
        check(
            &server,
            &[
                // R4's own example (search.html#composite).
                ("DiagnosticReport", of_report, "http://loinc.org|2823-3$gt5.4|http://unitsofmeasure.org|mmol/L", "a"),
                ("DiagnosticReport", of_report, "http://loinc.org|2823-3$lt5400|http://unitsofmeasure.org|umol/L", "b"),
                ("DiagnosticReport", "result:Observation.code-value-quantity", "2823-3$gt4", "a b"),
                ("DiagnosticReport", of_report, "2823-3$gt5,2823-3$lt4.2", "a b"),
                ("DiagnosticReport", of_report, "8480-6$gt5", ""),
                ("DiagnosticReport", "result.component-code-value-quantity", "8480-6$lt60", "c"),
                ("DiagnosticReport", "result.combo-code-value-quantity", "http://loinc.org|8480-6$lt60||mm[Hg]", "c"),
                ("Patient", "_has:Observation:patient:code-value-quantity", "2823-3$gt5||mmol/L", "p"),
                ("Patient", "_has:Observation:patient:component-code-value-quantity", "8480-6$gt40", "p"),
                ("Patient", "_has:Observation:patient:_has:DiagnosticReport:result:code", "24323-8", "p q"),
            ],
        );
        // What no type at the end has is unknown as ever.
        assert_eq!(strictly(&server, "DiagnosticReport?result.code-value-nothing=x").status, 400);
        let wrong = strictly(&server, "DiagnosticReport?result.code-value-quantity=2823-3");
        assert_eq!(
            refused(&wrong),
            (400, "value".into(), "result.code-value-quantity".into(), "`2823-3` needs 2 values with `$` between".into())
        );
    });
}

#[test]
fn a_part_without_a_unit_is_of_any_unit() {
    on_both(|backend| {
        let server = Server::open(backend);
        let part = |code: &str, quantity: Value| json!({"code": coded(code), "valueQuantity": quantity});
        let of = |parts: Vec<Value>| observation("85354-9", json!({"component": parts}));
        put(&server, "Observation", "a", of(vec![part("8480-6", measured(55.0, "mm[Hg]")), part("8462-4", measured(130.0, "mm[Hg]"))]));
        put(&server, "Observation", "b", of(vec![part("8480-6", json!({"value": 7, "unit": "kPa"}))]));
        put(&server, "Observation", "c", of(vec![part("8480-6", json!({"value": 150}))]));
        put(&server, "Observation", "d", of(vec![part("8480-60", json!({"value": 5, "unit": "x"})), part("8462-4", json!({"value": 5}))]));
        put(&server, "Observation", "e", observation("8480-6", json!({"valueQuantity": measured(110.0, "mm[Hg]")})));
        put(&server, "Observation", "f", of(vec![part("8480-6", json!({"value": 60, "comparator": ">", "system": "urn:x", "code": "y"}))]));
        let (component, combo) = ("component-code-value-quantity", "combo-code-value-quantity");
        let context = |code: &str, value: Value| json!({"status": "draft", "useContext": [{"code": {"system": "urn:u", "code": code}, "valueQuantity": value}]});
        put(&server, "ValueSet", "v", context("age", measured(12.0, "a")));
        put(&server, "ValueSet", "w", context("weight", measured(12.0, "kg")));
        check(
            &server,
            &[
                // R4's own examples (observation.html#search).
                ("Observation", component, "http://loinc.org|8480-6$lt60", "a b"),
                ("Observation", component, "8480-6$lt60", "a b"),
                ("Observation", component, "8480-6$lt60||", "a b"),
                ("Observation", component, "|8480-6$lt60", ""),
                ("Observation", component, "8480-6$gt60", "c f"),
                ("Observation", component, "8480-6$7", "b"),
                ("Observation", component, "8480-6$ne7", "a c f"),
                ("Observation", component, "8462-4$gt100,8480-6$ge150", "a c f"),
                ("Observation", component, "8480-6$lt60||mm[Hg]", "a"),
                ("Observation", component, "8480-6$lt60|http://unitsofmeasure.org|mm[Hg]", "a"),
                ("Observation", component, "8480-6$gt60|urn:x|y", "f"),
                ("Observation", combo, "8480-6$gt100", "c e f"),
                ("Observation", combo, "http://loinc.org|8480-6$gt100", "c e f"),
                ("ValueSet", "context-type-quantity", "age$gt10", "v"),
                ("ValueSet", "context-type-quantity", "urn:u|weight$12", "w"),
                ("ValueSet", "context-type-quantity", "urn:u|age$lt10", ""),
            ],
        );
        let wrong = strictly(&server, &format!("Observation{}", query(&[(component, "http://loinc.org|$5")])));
        assert_eq!(refused(&wrong).3, "`http://loinc.org|` needs a code");
    });
}

#[test]
fn tokens_have_the_systems_that_r4_gives_them() {
    on_both(|backend| {
        let server = Server::open(backend);
        put(&server, "Patient", "a", json!({"gender": "male", "identifier": [{"system": "urn:s", "use": "temp"}]}));
        put(&server, "Patient", "b", json!({"gender": "female", "identifier": [{"system": "urn:s", "value": "1"}]}));
        put(&server, "Patient", "c", json!({"identifier": [{"system": "urn:st", "value": "1"}]}));
        put(&server, "Observation", "text", json!({"status": "final", "code": {"text": "Poids"}}));
        put(
            &server,
            "Observation",
            "code",
            observation("29463-7", json!({"method": {"text": "balance"}, "subject": {"reference": "Patient/a"}})),
        );
        let gender = "http://hl7.org/fhir/administrative-gender|male";
        check(
            &server,
            &[
                ("Patient", "gender", gender, "a"),
                ("Patient", "gender", "http://hl7.org/fhir/administrative-gender|male,female", "a b"),
                ("Patient", "gender", "urn:x|male", ""),
                ("Patient", "gender", "http://hl7.org/fhir/administrative-gender|", "a b"),
                ("Patient", "gender:not", "http://hl7.org/fhir/administrative-gender|", "c"),
                ("Patient", "gender", "urn:x|", ""),
                ("Patient", "gender:not", gender, "b c"),
                ("Patient", "identifier", "urn:s|", "a b"),
                ("Patient", "identifier", "urn:s|1", "b"),
                ("Patient", "identifier:missing", "true", ""),
                ("Observation", "status", "http://hl7.org/fhir/observation-status|final", "code text"),
                ("Observation", "subject:Patient.gender", gender, "code"),
                ("Observation", "code:missing", "true", ""),
                ("Observation", "code:missing", "false", "code text"),
                ("Observation", "method:missing", "false", "code"),
                ("Observation", "method:missing", "true", "text"),
                ("Patient", "_has:Observation:subject:code:missing", "false", "a"),
            ],
        );
    });
}

#[test]
fn a_query_that_is_not_known_is_refused() {
    on_both(|backend| {
        let server = Server::open(backend);
        put(&server, "Patient", "p", json!({"active": true}));
        for path in ["Patient?_query=x", "Patient?_id=p&_query=x", "?_type=Patient&_query=x", "Patient/p/*?_query=x"] {
            let answer = server.send("GET", &format!("/fhir/{path}"), &[], None);
            let expected = (400, "not-supported".into(), "_query".into(), "there is no query named `x`".into());
            assert_eq!(refused(&answer), expected, "{path}");
        }
        let form = [("content-type", "application/x-www-form-urlencoded")];
        assert_eq!(server.send("POST", "/fhir/Patient/_search", &form, Some(b"_query=x")).status, 400);
        let answer = server.send("GET", "/fhir/Patient?_query=x", &[("accept-language", "fr")], None);
        assert_eq!(refused(&answer).3, "il n’y a pas de requête nommée «\u{a0}x\u{a0}»");
    });
}

#[test]
fn profiles_sources_and_reverse_chains_of_two_links_find_something() {
    on_both(|backend| {
        let server = Server::open(backend);
        let profiled = json!({"meta": {"profile": ["http://x.example/StructureDefinition/p"], "source": "urn:feed:1"}, "active": true});
        put(&server, "Patient", "p", profiled);
        put(&server, "Patient", "q", json!({"active": true}));
        put(&server, "Observation", "o", observation("a", json!({})));
        let mut other = observation("a", json!({}));
        other["subject"]["reference"] = "Patient/q".into();
        put(&server, "Observation", "n", other);
        for (id, who, what) in [("one", "x", "Observation/o"), ("two", "y", "Observation/n")] {
            let trace = json!({
                "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
                "recorded": "2026-10-01T10:00:00Z",
                "agent": [{"who": {"reference": format!("Practitioner/{who}")}, "requestor": true}],
                "source": {"observer": {"reference": "Device/d"}},
                "entity": [{"what": {"reference": what}}]
            });
            put(&server, "AuditEvent", id, trace);
        }
        check(
            &server,
            &[
                ("Patient", "_profile", "http://x.example/StructureDefinition/p", "p"),
                ("Patient", "_profile", "http://x.example/StructureDefinition/q", ""),
                ("Patient", "_profile:below", "http://x.example/StructureDefinition", "p"),
                ("Patient", "_profile:missing", "true", "q"),
                ("Patient", "_source", "urn:feed:1", "p"),
                ("Patient", "_source", "urn:feed", ""),
                ("Observation", "subject:Patient._source", "urn:feed:1", "o"),
                // R4's own example (search.html#has).
                ("Patient", "_has:Observation:patient:_has:AuditEvent:entity:agent", "Practitioner/x", "p"),
                ("Patient", "_has:Observation:patient:_has:AuditEvent:entity:agent", "Practitioner/x,Practitioner/y", "p q"),
                ("Patient", "_has:Observation:patient:_has:AuditEvent:entity:agent", "Practitioner/z", ""),
            ],
        );
    });
}

#[test]
fn a_summary_has_what_it_is_to_have() {
    on_both(|backend| {
        let server = Server::open(backend);
        let text = json!({"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">Poids</div>"});
        let more = json!({
            "text": text, "note": [{"text": "à jeun"}], "valueQuantity": measured(70.0, "kg"), "method": {"text": "balance"},
            "meta": {"tag": [{"system": "urn:t", "code": "t"}]}
        });
        for id in ["a", "b", "c"] {
            put(&server, "Observation", id, observation("29463-7", more.clone()));
        }
        let of = |summary: &str| {
            let answer = strictly(&server, &format!("Observation?_id=a&_summary={summary}")).expect(200);
            answer["entry"][0]["resource"].as_object().unwrap().clone()
        };
        let names = |summary: &str| of(summary).keys().cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>();
        let shown = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names("true"), shown(&["code", "id", "meta", "resourceType", "status", "subject", "valueQuantity"]));
        assert_eq!(names("text"), shown(&["code", "id", "meta", "resourceType", "status", "text"]));
        let data = ["code", "id", "meta", "method", "note", "resourceType", "status", "subject", "valueQuantity"];
        assert_eq!(names("data"), shown(&data));
        assert!(names("false").contains(&"text".to_owned()) && names("false").contains(&"note".to_owned()));
        for summary in ["true", "text", "data"] {
            let tags = of(summary)["meta"]["tag"].as_array().unwrap().clone();
            let codes: Vec<&str> = tags.iter().map(|tag| tag["code"].as_str().unwrap()).collect();
            assert_eq!(codes, ["t", "SUBSETTED"], "{summary}");
        }
        let count = strictly(&server, "Observation?_summary=count").expect(200);
        assert_eq!((count["total"].as_u64(), count.get("entry")), (Some(3), None));
        // An estimate is the number itself.
        for (total, expected) in [("estimate", Some(3)), ("accurate", Some(3)), ("none", None)] {
            let page = strictly(&server, &format!("Observation?_count=1&_total={total}")).expect(200);
            assert_eq!((page["entry"].as_array().unwrap().len(), page["total"].as_u64()), (1, expected), "{total}");
        }
    });
}

#[test]
fn a_cursor_that_is_too_old_is_refused_by_name() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let tester = service("tester");
        for id in ["a", "b", "c"] {
            server.fhir(&tester, "PUT", &format!("Patient/{id}"), Some(&json!({"resourceType": "Patient", "id": id}))).expect(201);
        }
        for path in ["Patient?_count=1", "?_type=Patient&_count=1&_sort=_id"] {
            let next = server.get(&tester, path).link("next").unwrap();
            let next = next.split("/fhir").nth(1).unwrap().trim_start_matches('/').to_owned();
            server.advance("PT59M");
            assert_eq!(server.get(&tester, &next).matches(), ["b"], "{path}");
            server.advance("PT2M");
            let words = "the cursor is not valid here or not any more: search again";
            assert_eq!(refused(&server.get(&tester, &next)), (400, "value".into(), "_cursor".into(), words.into()), "{path}");
        }
    });
}

#[test]
fn limits_are_answered_by_name() {
    on_both(|backend| {
        let server = Server::open(backend);
        let ask = |resource: &str, pairs: &[(&str, &str)]| refused(&strictly(&server, &format!("{resource}{}", query(pairs))));
        let ways = "chains that may take more than 60 ways: say the types they lead to";
        let (forward, reverse) = ([("subject.identifier", "x"); 61], [("_has:Observation:patient:code", "x"); 61]);
        assert_eq!(ask("Observation", &forward), (413, "too-long".into(), String::new(), format!("subject.identifier: {ways}")));
        assert_eq!(ask("Patient", &reverse), (413, "too-long".into(), String::new(), format!("_has:Observation:patient:code: {ways}")));
        assert_eq!(strictly(&server, &format!("Patient{}", query(&reverse[..60]))).status, 200);
        let (status, code, place, text) = ask("Observation", &[("focus.identifier", "x")]);
        assert_eq!((status, code.as_str(), place.as_str()), (400, "not-supported", "focus.identifier"));
        assert!(
            text.starts_with("`focus.identifier` may lead to ") && text.ends_with("say which, as `focus:Patient.identifier`"),
            "{text}"
        );
        let references = ensemble::search::types().map(|resource| format!("{resource}:*")).collect::<Vec<_>>();
        let includes: Vec<(&str, &str)> = references.iter().take(21).map(|include| ("_revinclude", include.as_str())).collect();
        assert_eq!(ask("Patient", &includes), (413, "too-long".into(), String::new(), "_revinclude: more than 20 includes".into()));
        assert_eq!(strictly(&server, &format!("Patient{}", query(&includes[..20]))).status, 200);
    });
}
