//! Rules 17 and 18, and what several exercises of one professional have in common: the token names one, and rights never add up.

use serde_json::{Value, json};

use crate::support::build::{collected, consent, document, holder, party, professional, psidnat, structure};
use crate::support::record::{HOSPITAL, finds, reads, status, with_letter};
use crate::support::{Server, on_both};

/// A professional in an exercise with these claims beside its profession.
fn at(number: u32, profession: &str, claims: &[(&str, &str)]) -> Value {
    let mut who = professional(number, profession);
    for (name, value) in claims {
        who[*name] = (*value).into();
    }
    who
}

fn token(server: &Server, request: &str) -> (u16, String) {
    let answer = server.send("POST", "/sandbox/token", &[], Some(request.as_bytes()));
    (answer.status, if answer.status == 200 { String::new() } else { answer.issue().1 })
}

#[test]
fn rule_017_018_a_token_names_one_exercise() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let person = |more: &str| format!(r#"{{"kind": "professional", "id": "810000000001"{more}}}"#);
        let ins = r#""ins": "urn:oid:1.2.250.1.213.1.4.10|280037511302495""#;
        let rows = [
            ("one exercise", person(r#", "profession": "10""#), 200, ""),
            ("no exercise", person(""), 400, "profession"),
            ("an empty one", person(r#", "profession": """#), 400, "profession"),
            ("two professions", person(r#", "profession": "10", "profession": "60""#), 400, ""),
            ("a list of professions", person(r#", "profession": ["10", "60"]"#), 400, ""),
            ("two structures", person(r#", "profession": "10", "structure": "1750000018", "structure": "1690000027""#), 400, ""),
            ("two kinds", r#"{"kind": "structure", "kind": "operator", "id": "1750000018"}"#.into(), 400, ""),
            ("a sector in another spelling", person(r#", "profession": "10", "sector": "sa66""#), 400, "sector"),
            ("a sector with its system", person(r#", "profession": "10", "sector": "SA66^1.2.250.1.71.4.2.4""#), 400, "sector"),
            ("a specialty in another spelling", person(r#", "profession": "10", "specialty": "Sm25""#), 400, "specialty"),
            ("a professional for somebody", person(r#", "profession": "10", "for": "255081416802538""#), 400, "for"),
            ("a structure with a profession", r#"{"kind": "structure", "id": "1750000018", "profession": "10"}"#.into(), 400, "profession"),
            (
                "a structure within another",
                r#"{"kind": "structure", "id": "1750000018", "structure": "1690000027"}"#.into(),
                400,
                "structure",
            ),
            ("a person with a profession", format!(r#"{{"kind": "holder", {ins}, "profession": "10"}}"#), 400, "profession"),
            (
                "a person with a purpose",
                format!(r#"{{"kind": "holder", {ins}, "purpose": "bris_de_glace", "reason": "x"}}"#),
                400,
                "purpose",
            ),
            ("a person for another", format!(r#"{{"kind": "holder", {ins}, "for": "255081416802538"}}"#), 400, "for"),
            (
                "a representative of oneself",
                format!(r#"{{"kind": "representative", {ins}, "for": "urn:oid:1.2.250.1.213.1.4.10|280037511302495"}}"#),
                400,
                "for",
            ),
            ("a representative of nobody", format!(r#"{{"kind": "representative", {ins}}}"#), 400, "for"),
            ("an unknown claim", person(r#", "profession": "10", "rights": "all""#), 400, ""),
        ];
        for (what, request, status, place) in rows {
            let (found, at) = token(&server, &request);
            assert_eq!(found, status, "{what}");
            assert!(place.is_empty() || at == place, "{what}: {at}");
        }
    });
}

#[test]
fn a_right_of_the_person_counts_within_the_matrix_of_the_one_exercise() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let prescription = server.create(&structure(HOSPITAL), &document(&me, "57828-6", 2).json()).id();
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        let (physician, optician) = (at(1, "10", &[]), at(1, "28", &[]));
        let all = |ids: &[&String]| {
            let mut ids: Vec<String> = ids.iter().map(|id| (*id).clone()).collect();
            ids.sort();
            (200, ids)
        };
        assert_eq!(finds(&server, &physician, &me), all(&[&letter, &prescription]));
        assert_eq!(finds(&server, &optician, &me), all(&[&prescription]));
        assert_eq!((reads(&server, &optician, &letter), reads(&server, &optician, &prescription)), (404, 200));
        // What was asked in one exercise does not help in the other.
        assert_eq!(reads(&server, &physician, &letter), 200);
        assert_eq!(reads(&server, &optician, &letter), 404);
    });
}

#[test]
fn a_right_of_a_structure_counts_in_the_exercise_that_acts_for_it() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party("1690000027"))).expect(201);
        let rows = [
            (at(1, "10", &[("structure", "1690000027")]), 200, "valid"),
            (at(1, "10", &[("structure", "1750000018")]), 404, "none"),
            (at(1, "10", &[]), 404, "none"),
            (at(2, "10", &[("structure", "1690000027")]), 200, "valid"),
            (at(1, "28", &[("structure", "1690000027")]), 404, "valid"),
            (at(1, "10", &[("structure", "1690000027"), ("sector", "SA13")]), 404, "none"),
            (at(1, "10", &[("structure", "1690000027"), ("sector", "SA23")]), 404, "none"),
        ];
        for (who, read, told) in &rows {
            assert_eq!((reads(&server, who, &letter), status(&server, who, &me).as_str()), (*read, *told), "{who}");
        }
        // A block of the structure holds for whoever acts for it, and for nobody's other exercise.
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        server.create(&holder(&me), &consent(&me, "record-block", "deny", party("1690000027"))).expect(201);
        assert_eq!((reads(&server, &rows[0].0, &letter), reads(&server, &rows[1].0, &letter)), (404, 200));
    });
}

#[test]
fn an_occupational_and_an_ordinary_exercise_never_add_up() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let (ordinary, occupational) = (at(1, "10", &[]), at(1, "10", &[("sector", "SA66")]));
        let both = || (reads(&server, &ordinary, &letter), reads(&server, &occupational, &letter));
        let right = server.create(&holder(&me), &consent(&me, "occupational-health", "permit", party(&psidnat(1)))).expect(201);
        assert_eq!(both(), (404, 200));
        // In that exercise nothing is recorded that would count in another.
        for kind in ["record-access", "treating-physician"] {
            assert_eq!(server.create(&occupational, &collected(&me, kind, party(&psidnat(1)))).status, 403, "{kind}");
        }
        assert_eq!(both(), (404, 200));
        let path = format!("Consent/{}", right["id"].as_str().unwrap());
        let ended = crate::support::record::ended(&right);
        server.fhir(&holder(&me), "PUT", &path, Some(&ended)).expect(200);
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        assert_eq!(both(), (200, 404));
        // A specialty makes it occupational as a sector does; the stricter of both counts.
        for claims in [[("specialty", "SM25"), ("sector", "SA07")], [("specialty", "SM54"), ("sector", "SA13")]] {
            assert_eq!(reads(&server, &at(1, "10", &claims), &letter), 404, "{claims:?}");
        }
    });
}

#[test]
fn an_emergency_of_one_exercise_opens_nothing_to_another() {
    on_both(|backend| {
        let (server, me, letter) = with_letter(backend);
        let glass = json!({"kind": "professional", "id": psidnat(1), "profession": "10", "purpose": "bris_de_glace", "reason": "coma"});
        assert_eq!((reads(&server, &glass, &letter), reads(&server, &at(1, "10", &[]), &letter)), (200, 404));
        let mut occupational = glass.clone();
        occupational["sector"] = "SA13".into();
        let mut optician = glass.clone();
        optician["profession"] = "28".into();
        assert_eq!((reads(&server, &occupational, &letter), reads(&server, &optician, &letter)), (404, 404));
        // Nor is a consent collected from somebody who cannot speak.
        assert_eq!(server.create(&glass, &collected(&me, "record-access", party(&psidnat(1)))).status, 403);
        assert_eq!(reads(&server, &at(1, "10", &[]), &letter), 404);
    });
}
