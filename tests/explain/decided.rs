//! The explanation is the decision: for everybody, of everything, it says what reading then does.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{World, all, ids, told};
use crate::support::build::{CB, holder, professional, psidnat, service};
use crate::support::on_both;
use crate::support::record::HOSPITAL;

/// Those who ask: a token request, and the parameters that describe its bearer.
fn everybody() -> Vec<(Value, Vec<(&'static str, String)>)> {
    let mut rows = Vec::new();
    for number in 1..=11_u32 {
        for (profession, purpose) in
            [("10", "normal"), ("28", "normal"), ("60", "normal"), ("10", "bris_de_glace"), ("28", "bris_de_glace"), ("10", "centre_15")]
        {
            let mut token = professional(number, profession);
            let mut described = vec![("actor", psidnat(number)), ("profession", profession.to_owned()), ("purpose", purpose.to_owned())];
            token["purpose"] = purpose.into();
            token["reason"] = "coma".into();
            token["regulation"] = true.into();
            let mut also = |name: &'static str, value: &str| {
                token[name] = value.into();
                described.push((name, value.to_owned()));
            };
            match number {
                8 => also("structure", super::PHARMACY),
                9 => also("sector", "SA66"),
                11 => also("sector", "SA23"),
                7 => also("structure", HOSPITAL),
                _ => {}
            }
            rows.push((token, described));
        }
    }
    rows
}

#[test]
fn what_is_explained_is_what_reading_does() {
    on_both(|backend| {
        let world = World::new(backend);
        let mut seen = [0, 0];
        for (token, described) in everybody() {
            let parameters: Vec<(&str, &str)> = described.iter().map(|(name, value)| (*name, value.as_str())).collect();
            for reference in &world.seen {
                let explained = world.explain(reference, &parameters);
                let status = world.server.get(&token, reference).status;
                let decision = told(&explained, "decision");
                assert_eq!(decision, if status == 200 { "permit" } else { "deny" }, "{token} {reference}: {explained}");
                seen[usize::from(status == 200)] += 1;
                // What permits is named, and denying is never by a rule that permits.
                let effects: BTreeSet<String> = all(&explained, "rule").into_iter().map(|rule| told(rule, "effect")).collect();
                assert_eq!(effects.contains("permit"), decision == "permit", "{explained}");
                for rule in all(&explained, "rule") {
                    for name in ["id", "relation", "source"] {
                        assert!(!told(rule, name).is_empty(), "{rule}");
                    }
                    assert!(!told(all(rule, "sentence")[0], "fr").is_empty() && !told(all(rule, "sentence")[0], "en").is_empty(), "{rule}");
                }
                assert!(told(&explained, "law").starts_with(&format!("{CB}/law/")));
            }
        }
        assert!(seen[0] > 100 && seen[1] > 100, "{seen:?}");
    });
}

#[test]
fn a_trace_names_the_rules_and_the_row_that_the_explanation_names() {
    on_both(|backend| {
        let world = World::new(backend);
        let (mut with_row, mut without) = (0, 0);
        for (token, described) in everybody().into_iter().step_by(3) {
            let parameters: Vec<(&str, &str)> = described.iter().map(|(name, value)| (*name, value.as_str())).collect();
            for reference in world.documents() {
                let explained = world.explain(reference, &parameters);
                let permit = told(&explained, "decision") == "permit";
                world.server.get(&token, reference);
                let address = format!("AuditEvent?subtype=read&entity={reference}&_count=1");
                let trace = world.server.get(&service("auditor"), &address).expect(200);
                let policy = trace["entry"][0]["resource"]["agent"][0]["policy"].clone();
                let law = told(&explained, "law");
                let wanted: BTreeSet<String> = all(&explained, "rule")
                    .into_iter()
                    .filter(|rule| !permit || told(rule, "effect") == "permit")
                    .map(|rule| format!("{CB}/policy/{}", told(rule, "id")))
                    .chain(ids(&explained, "matrix").into_iter().map(|row| format!("{law}/matrix/{row}")))
                    .chain([law.clone()])
                    .collect();
                let named: BTreeSet<String> = policy.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect();
                assert_eq!(named, wanted, "{token} {reference}");
                if named.iter().any(|one| one.contains("/matrix/")) { with_row += 1 } else { without += 1 }
            }
        }
        assert!(with_row > 10 && without > 10, "{with_row} {without}");
    });
}

#[test]
fn the_row_of_the_matrix_is_told_with_its_source() {
    on_both(|backend| {
        let world = World::new(backend);
        let letter = world.documents().next().unwrap();
        for (profession, effect, decision) in [("10", "permit", "permit"), ("28", "forbid", "deny")] {
            let explained = world.explain(letter, &[("actor", &psidnat(1)), ("profession", profession)]);
            let rows = all(&explained, "matrix");
            assert_eq!((told(&explained, "decision").as_str(), rows.len()), (decision, 1), "{explained}");
            let row = rows[0];
            let line = format!("{}\tTRE_G15\t{profession}\tloinc\t11490-0\t{effect}\t{}\t", told(row, "id"), told(row, "status"));
            assert!(include_str!("../../profiles/authorization/matrix.tsv").contains(&line), "{line}");
            assert!(!told(row, "source").is_empty() && told(row, "effect") == effect, "{row}");
            assert_eq!(all(row, "profession")[0]["valueCoding"]["code"], profession);
            assert_eq!(all(row, "type")[0]["valueCoding"]["code"], "11490-0");
        }
        // Who has no right is denied by no row; the treating physician is limited by none.
        for number in [3, 12] {
            let explained = world.explain(letter, &[("actor", &psidnat(number)), ("profession", "10")]);
            assert!(all(&explained, "matrix").is_empty(), "{explained}");
        }
        let denied = world.explain(letter, &[("profession", "10")]);
        let reasons: BTreeSet<String> = all(&denied, "unmet").into_iter().map(|one| told(one, "reason")).collect();
        assert_eq!((told(&denied, "decision").as_str(), reasons), ("deny", BTreeSet::from(["relation".to_owned()])));
        let masked = world.documents().nth(1).unwrap();
        let denied = world.explain(masked, &[("actor", &psidnat(1)), ("profession", "10")]);
        let labels: Vec<String> =
            all(&denied, "unmet").into_iter().map(|one| told(one, "label")).filter(|label| !label.is_empty()).collect();
        assert_eq!((told(&denied, "decision").as_str(), labels), ("deny", vec!["MASQUE_PS".to_owned()]), "{denied}");
    });
}

#[test]
fn everybody_who_is_said_to_have_access_has_it_and_nobody_else() {
    on_both(|backend| {
        let world = World::new(backend);
        for reference in &world.seen {
            let explained = world.explain(reference, &[]);
            assert_eq!(told(&explained, "decision"), "permit");
            // Person, profession, mode, whether occupational.
            let mut said: BTreeSet<(String, String, String, String)> = BTreeSet::new();
            for access in all(&explained, "access").into_iter().filter(|one| told(one, "kind") == "professional") {
                let actors: Vec<String> =
                    all(access, "actor").iter().map(|one| one["valueIdentifier"]["value"].as_str().unwrap().to_owned()).collect();
                let actors = if actors.is_empty() { vec!["anyone".to_owned()] } else { actors };
                for by in all(access, "by") {
                    assert!(!all(by, "rule").is_empty(), "{by}");
                    for profession in all(by, "profession") {
                        let code = profession["valueCoding"]["code"].as_str().unwrap();
                        for actor in &actors {
                            said.insert((actor.clone(), code.to_owned(), told(access, "purpose"), told(access, "exercise")));
                        }
                    }
                }
            }
            for (token, described) in everybody() {
                let text = |name: &str| described.iter().find(|(one, _)| *one == name).map_or(String::new(), |(_, value)| value.clone());
                let exercise = match text("sector").as_str() {
                    "SA66" => "occupational",
                    "SA23" => continue,
                    _ => "ordinary",
                };
                let by = |actor: &str| said.contains(&(actor.to_owned(), text("profession"), text("purpose"), exercise.to_owned()));
                let listed = by(&text("actor")) || by("anyone") || by(&text("structure"));
                // Who is blocked is told beside what is open to anyone.
                let blocked: Vec<&Value> = all(&explained, "blocked").into_iter().map(|one| &one["valueIdentifier"]["value"]).collect();
                assert_eq!(blocked, [&json!(psidnat(5))]);
                let status = world.server.get(&token, reference).status;
                assert_eq!(status == 200, listed && text("actor") != psidnat(5), "{token} {reference}: {explained}");
            }
        }
    });
}

#[test]
fn the_list_names_the_person_the_representative_and_where_rights_come_from() {
    on_both(|backend| {
        let world = World::new(backend);
        let letter = world.documents().next().unwrap();
        let explained = world.explain(letter, &[]);
        let kinds: BTreeSet<String> = all(&explained, "access").into_iter().map(|one| told(one, "kind")).collect();
        let expected = ["holder", "professional", "representative", "structure"].map(ToOwned::to_owned);
        assert_eq!(kinds, BTreeSet::from(expected), "{explained}");
        let physician = all(&explained, "access").into_iter().find(|one| one.to_string().contains(&psidnat(3))).unwrap();
        let source = all(physician, "right")[0]["valueReference"]["reference"].as_str().unwrap();
        let consent = world.server.get(&holder(&world.me), source).expect(200);
        assert_eq!(consent["category"][0]["coding"][0]["code"], "treating-physician");
        // Once it is ended it opens nothing, and is not told.
        let mut ended = consent;
        ended["status"] = json!("inactive");
        world.server.fhir(&holder(&world.me), "PUT", source, Some(&ended)).expect(200);
        assert!(!world.explain(letter, &[]).to_string().contains(&psidnat(3)));
    });
}
