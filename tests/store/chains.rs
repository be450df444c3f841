//! A chain that leads to more than can be sorted for each page: of each of its ends as many are taken as a page has, and nothing is
//! missed or named twice.

use ensemble::auth::digest;
use ensemble::fhir::ResourceType;
use ensemble::policy::{Action, Caller, Policy};
use ensemble::search::{Context, extract, parse};
use ensemble::store::search::{PageRequest, Position, page};
use ensemble::store::write::insert;
use ensemble::store::{Error, NewResource, Stamp, Store};
use serde_json::{Value, json};

use crate::support::{Backend, on_both, postgres, server};

/// Now, in the world made here: before any law nothing is permitted.
const NOW: i64 = 1_790_000_000_000_000;
const PATIENTS: i64 = 40;
const EACH: i64 = 45;

fn resource(key: i64, body: Value) -> NewResource {
    let kind = ResourceType::parse(body["resourceType"].as_str().unwrap()).unwrap();
    super::kept(kind, key, body["id"].as_str().unwrap(), extract(kind, &body), body.to_string().into_bytes())
}

/// Patients, three of four of one family, and their observations in turn; every hundredth names two of them.
fn world() -> Vec<NewResource> {
    let patient = |number: i64| {
        let family = if number % 4 == 0 { "Durand" } else { "Petit" };
        resource(number + 1, json!({"resourceType": "Patient", "id": format!("p{number}"), "name": [{"family": family}]}))
    };
    let observation = |number: i64| {
        let about = |number: i64| json!({"reference": format!("Patient/p{}", number % PATIENTS)});
        let performer = if number % 100 == 0 { json!([about(number), about(number + 1)]) } else { json!([about(number)]) };
        let body = json!({"resourceType": "Observation", "id": format!("o{number}"), "status": "final", "subject": about(number), "performer": performer});
        resource(1000 + number, body)
    };
    (0..PATIENTS).map(patient).chain((0..PATIENTS * EACH).map(observation)).collect()
}

#[test]
fn a_chain_that_leads_to_many_is_walked_whole_both_ways() {
    on_both(|backend| {
        let url = match backend {
            Backend::Sqlite => format!("sqlite:{}/chains.db", server::directory().display()),
            Backend::Postgres => postgres::fresh_database(),
        };
        let store = Store::open(&url, Some(Stamp::Sandbox), true).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let all = world();
        runtime
            .block_on(store.write(move |connection| -> Result<(), Error> { all.iter().try_for_each(|one| insert(connection, one)) }))
            .unwrap();
        let policy = Policy::embedded(true, digest::sha256_hex).unwrap();
        let scope = policy.scope(&Caller::tester().unwrap(), Action::Consult, ResourceType::parse("Observation").unwrap(), NOW);
        let context = Context { now: NOW, strict: true, traces: false, beside: &[], base_url: "http://x.example/fhir" };
        let of_family = |number: i64| number % PATIENTS % 4 != 0;
        let either = |number: i64| of_family(number) || (number % 100 == 0 && of_family(number + 1));
        let rows: [(&str, &dyn Fn(i64) -> bool); 3] =
            [("subject:Patient.family", &of_family), ("patient.name", &of_family), ("performer:Patient.family", &either)];
        for (chain, passes) in rows {
            let filter =
                parse(ResourceType::parse("Observation").unwrap(), &[(chain.to_owned(), "petit".to_owned())], &context).unwrap().filter;
            let expected: Vec<i64> = (0..PATIENTS * EACH).rev().filter(|number| passes(*number)).map(|number| 1000 + number).collect();
            assert!(expected.len() > 1000, "few would be sorted");
            let ask = |after: Option<i64>, backward: bool| -> Vec<i64> {
                let after = after.map(|key| Position { key, ..Position::default() });
                let asked = PageRequest { after, backward, ..PageRequest::first(filter.clone(), 100) };
                let within = scope.clone();
                let hits = runtime.block_on(store.run(move |connection| page(connection, &within, &asked))).unwrap();
                hits.iter().map(|hit| hit.envelope.key).collect()
            };
            for begin in (0..expected.len()).step_by(100) {
                let after = begin.checked_sub(1).map(|place| expected[place]);
                let shown: Vec<i64> = expected[begin..].iter().take(101).copied().collect();
                assert_eq!(ask(after, false), shown, "{backend:?} {chain} after {begin}");
                let before: Vec<i64> = expected[begin.saturating_sub(101)..begin].to_vec();
                assert_eq!(ask(Some(expected[begin]), true), before, "{backend:?} {chain} before {begin}");
            }
        }
    });
}
