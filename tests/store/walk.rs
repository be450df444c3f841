//! What testers keep, searched by generated questions: the pages of every walk, forward and back, hold in order what a naive evaluation
//! in memory keeps, whichever rows lead the search; and totals say how much it is.

use std::cmp::Ordering;

use ensemble::auth::digest;
use ensemble::fhir::ResourceType;
use ensemble::filter::{Candidate, Envelope, Facts, Filter, IndexRows, Param, ParamKind, matches};
use ensemble::policy::{Action, Caller, Policy, Scope};
use ensemble::search::{Context, SortBy, extract, parse};
use ensemble::store::search::{Order, PageRequest, SortKey, page, page_of_types, total, total_of_types};
use ensemble::store::write::{NewResource, insert};
use ensemble::store::{Error, Hit, Stamp, Store};
use serde_json::{Value, json};

use crate::support::dice::Dice;
use crate::support::{Backend, on_both, postgres, server};

/// Now, in the worlds made here.
const NOW: i64 = 1_790_000_000_000_000;
const WORLDS: u64 = 2;
const QUESTIONS: usize = 70;
const PATIENTS: u64 = 6;
const OBSERVATIONS: u64 = 70;

struct Kept {
    envelope: Envelope,
    index: IndexRows,
}

fn kind(name: &str) -> ResourceType {
    ResourceType::parse(name).unwrap()
}

/// A world of patients, practitioners, encounters, observations and a list.
fn world(dice: &mut Dice) -> Vec<Kept> {
    let mut bodies: Vec<(&str, Value)> = Vec::new();
    for number in 0..PATIENTS {
        let mut patient = json!({
            "resourceType": "Patient", "id": format!("p{number}"), "gender": *dice.pick(&["male", "female"]),
            "name": [{"family": *dice.pick(&["Petit", "Petitjean", "Été", "Noël"]), "given": [*dice.pick(&["Zoé", "Ana"]), "Marie"]}],
            "generalPractitioner": [{"reference": format!("Practitioner/d{}", dice.roll(2))}],
            "meta": {"tag": [{"system": "urn:tag", "code": *dice.pick(&["a", "b"])}]}
        });
        if dice.chance(2) {
            patient["birthDate"] = (*dice.pick(&["1980", "1980-03", "1980-03-14", "2001-01-01"])).into();
        }
        bodies.push(("Patient", patient));
    }
    for (number, family) in ["Durand", "Petit"].into_iter().enumerate() {
        bodies.push(("Practitioner", json!({"resourceType": "Practitioner", "id": format!("d{number}"), "name": [{"family": family}]})));
    }
    for number in 0..OBSERVATIONS {
        let mut one = json!({
            "resourceType": "Observation", "id": format!("o{number}"), "status": *dice.pick(&["final", "amended"]),
            "code": {"coding": [{"system": "http://loinc.org", "code": *dice.pick(&["a-1", "b-2", "c-3"])}], "text": *dice.pick(&["Créatinine", "Sodium"])},
            "subject": {"reference": format!("Patient/p{}", dice.roll(PATIENTS))}
        });
        if !dice.chance(4) {
            let at = *dice.pick(&["2020", "2020-05", "2020-05-17", "2020-05-17T10:00:00+02:00", "2021-01-01T00:00:00.000Z", "2019-12-31"]);
            one["effectiveDateTime"] = at.into();
        } else if dice.chance(2) {
            let period =
                [json!({"start": "2020-01-15", "end": "2020-06-01"}), json!({"end": "2020-06-01"}), json!({"start": "2020-05-17"})];
            one["effectivePeriod"] = dice.pick(&period).clone();
        }
        match dice.roll(4) {
            0 => {
                one["valueQuantity"] =
                    json!({"value": dice.roll(20), "unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL"})
            }
            1 => one["valueQuantity"] = json!({"value": 0.05, "system": "http://unitsofmeasure.org", "code": "g/L", "comparator": "<"}),
            2 => {
                let part =
                    |code: &str, value: u64| json!({"code": {"coding": [{"code": code}]}, "valueQuantity": {"value": value, "code": "mm"}});
                one["component"] = json!([part("sys", dice.roll(9)), part("dia", dice.roll(9))]);
            }
            _ => one["valueString"] = (*dice.pick(&["bon", "Bonne", "élevé"])).into(),
        }
        bodies.push(("Observation", one));
    }
    let items: Vec<Value> = (0..OBSERVATIONS).step_by(7).map(|n| json!({"item": {"reference": format!("Observation/o{n}")}})).collect();
    bodies.push(("List", json!({"resourceType": "List", "id": "l", "status": "current", "mode": "working", "entry": items})));
    let envelope = |(number, (name, body)): (usize, &(&str, Value))| Envelope {
        holder: -1,
        key: 1000 + i64::try_from(number).unwrap(),
        resource: kind(name),
        id: body["id"].as_str().unwrap().to_owned(),
        version: 1,
        updated: 5_000 + i64::try_from(number % 5).unwrap(),
        doc_type: 0,
        labels: 0,
        submitter: String::new(),
        parties: String::new(),
        first: 0,
    };
    bodies.iter().enumerate().map(|one| Kept { envelope: envelope(one), index: extract(kind(one.1.0), &one.1.1) }).collect()
}

/// A question as a client writes it: the type and its parameters.
fn question(dice: &mut Dice) -> (&'static str, Vec<(String, String)>) {
    let of_observations: [(&str, &[&str]); 33] = [
        ("code", &["a-1", "http://loinc.org|b-2", "|c-3", "http://loinc.org|", "a-1,b-2", "zz"]),
        ("code:not", &["a-1", "a-1,c-3"]),
        ("code:text", &["crea", "sodium", "x"]),
        ("status", &["final", "amended,final"]),
        ("date", &["2020", "ge2020-05", "le2020-05-17", "gt2020", "lt2020-05-17", "sa2020-05", "eb2020-05", "ne2020", "ap2020-05"]),
        ("date", &["ge2019,lt2020-02", "2020-05-17T08:00:00Z"]),
        ("date:missing", &["true", "false"]),
        ("patient", &["p0", "Patient/p1", "p2,p3", "nobody"]),
        ("subject", &["Patient/p0", "p4"]),
        ("subject:Patient", &["p1"]),
        ("subject:Patient.name", &["pet", "ete", "zoe"]),
        ("subject:Patient.family:exact", &["Petit", "petit"]),
        ("patient.gender", &["male", "female"]),
        ("patient.birthdate", &["1980", "ge1980-03-14"]),
        ("patient.birthdate:missing", &["true"]),
        ("patient.general-practitioner.family", &["durand", "petit"]),
        ("patient.general-practitioner:Practitioner._id", &["d0", "d1,d0"]),
        ("subject:Patient._has:Observation:patient:code", &["b-2"]),
        ("value-quantity", &["5", "ge5", "lt12||mg/dL", "5|http://unitsofmeasure.org|mg/dL", "0.05|http://unitsofmeasure.org|g/L"]),
        ("value-quantity", &["le50|http://unitsofmeasure.org|mg/L", "ap10", "ne5", "gt1e1", "sa5", "eb5||mg/dL"]),
        ("value-quantity:missing", &["true", "false"]),
        ("value-string", &["bon", "éleve"]),
        ("value-string:contains", &["onn", "%"]),
        ("value-string:exact", &["bon", "Bonne"]),
        ("code-value-quantity", &["a-1$ge5", "http://loinc.org|b-2$lt50|http://unitsofmeasure.org|mg/L"]),
        ("code-value-string", &["a-1$bon"]),
        ("component-code-value-quantity", &["sys$ge4||mm", "dia$lt4||mm,sys$1||mm", "sys$ge4", "dia$ne3,sys$0"]),
        ("combo-code-value-quantity", &["sys$ge4||mm", "a-1$ge5||mg/dL", "sys$ge4", "http://loinc.org|a-1$ge5"]),
        ("combo-code", &["sys", "b-2"]),
        ("_id", &["o1,o2,o3", "o5", "none"]),
        ("_lastUpdated", &["ge1970", "lt1970"]),
        ("_list", &["l", "none"]),
        ("_tag", &["a"]),
    ];
    let of_patients: [(&str, &[&str]); 14] = [
        ("name", &["p", "zoe", "marie", "ete"]),
        ("family", &["petit", "petit,noel"]),
        ("gender", &["male"]),
        ("gender:not", &["male"]),
        ("birthdate", &["1980", "lt2001", "ge1980-03"]),
        ("_tag", &["urn:tag|a", "b", "urn:tag|"]),
        ("_tag:not", &["a"]),
        ("general-practitioner.name", &["durand"]),
        ("_has:Observation:patient:code", &["a-1", "b-2"]),
        ("_has:Observation:subject:value-quantity", &["gt15"]),
        ("_has:Observation:subject:code-value-quantity", &["a-1$gt5"]),
        ("_has:Observation:subject:component-code-value-quantity", &["sys$ge4", "dia$lt4||mm"]),
        ("_has:Observation:patient:_id", &["o3"]),
        ("_id", &["p0,p3"]),
    ];
    let sorts: [(&str, &[&str]); 2] = [
        (
            "Observation",
            &[
                "date",
                "-date",
                "value-quantity",
                "-value-quantity",
                "code",
                "-value-string",
                "_lastUpdated",
                "-_id",
                "status,-date",
                "-code,date,_id",
                "-date,_id",
                "-value-quantity,_id",
                "-value-string,-date",
                "value-quantity,-_lastUpdated",
                "patient",
            ],
        ),
        ("Patient", &["birthdate", "-birthdate", "family", "-given", "-_lastUpdated,family", "gender,-birthdate"]),
    ];
    let observations = !dice.chance(3);
    let (name, sorts) = sorts[usize::from(!observations)];
    let from: &[(&str, &[&str])] = if observations { &of_observations } else { &of_patients };
    let mut pairs = Vec::new();
    for _ in 0..dice.roll(4) {
        let (parameter, values) = dice.pick(from);
        pairs.push(((*parameter).to_owned(), (*dice.pick(values)).to_owned()));
    }
    if !dice.chance(3) {
        pairs.push(("_sort".to_owned(), (*dice.pick(sorts)).to_owned()));
    }
    (name, pairs)
}

/// What one is sorted by, absent last; texts and numbers compare as they are.
fn value(one: &Kept, by: SortBy, descending: bool) -> Option<Vec<Part>> {
    let (param, of) = match by {
        SortBy::LastUpdated => return Some(vec![Part::Number(one.envelope.updated)]),
        SortBy::Id => return Some(vec![Part::Text(one.envelope.id.clone())]),
        SortBy::Index(param, of) => (param, of),
    };
    let index = &one.index;
    let numbers = |low: i64, high: i64| vec![Part::Number(low), Part::Number(high)];
    let mut all: Vec<Vec<Part>> = match of {
        ParamKind::Date => index.date.iter().filter(|row| row.0 == param).map(|row| numbers(row.1, row.2)).collect(),
        ParamKind::Quantity => {
            index.quantity.iter().filter(|row| row.0 == param && row.1.starts_with('|')).map(|row| numbers(row.2, row.3)).collect()
        }
        ParamKind::Number => index.quantity.iter().filter(|row| row.0 == param).map(|row| numbers(row.2, row.3)).collect(),
        ParamKind::String => {
            index.string.iter().filter(|row| row.0 == param).map(|row| vec![Part::Text(row.1.clone()), Part::Text(row.2.clone())]).collect()
        }
        ParamKind::Token => index.token.iter().filter(|row| row.0 == param).map(|row| vec![Part::Text(row.1.clone())]).collect(),
        ParamKind::Reference => index.reference.iter().filter(|row| row.0 == param).map(|row| vec![Part::Text(row.1.clone())]).collect(),
        ParamKind::Uri => index.uri.iter().filter(|row| row.0 == param).map(|row| vec![Part::Text(row.1.clone())]).collect(),
    };
    all.sort();
    if descending { all.pop() } else { all.into_iter().next() }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(i64),
    Text(String),
}

fn compare(one: &Kept, other: &Kept, sort: &[ensemble::search::Sort]) -> Ordering {
    for key in sort {
        let turned = |ordering: Ordering| if key.descending { ordering.reverse() } else { ordering };
        let ordering = match (value(one, key.by, key.descending), value(other, key.by, key.descending)) {
            (Some(a), Some(b)) if sort.len() > 1 => turned(a.first().cmp(&b.first())),
            (Some(a), Some(b)) => turned(a.cmp(&b)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    let down = sort.last().is_none_or(|key| key.descending);
    let keys = one.envelope.key.cmp(&other.envelope.key);
    if down { keys.reverse() } else { keys }
}

#[test]
fn every_walk_holds_what_memory_keeps_in_order() {
    on_both(walks);
}

fn walks(backend: Backend) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let policy = Policy::embedded(true, digest::sha256_hex).unwrap();
    let (mut nonempty, mut several) = (0, 0);
    for seed in 1..=WORLDS {
        let url = match backend {
            Backend::Sqlite => format!("sqlite:{}/walk.db", server::directory().display()),
            Backend::Postgres => postgres::fresh_database(),
        };
        let store = Store::open(&url, Some(Stamp::Sandbox), true).unwrap();
        let mut dice = Dice::new(seed);
        let world = world(&mut dice);
        runtime.block_on(fill(&store, &world));
        for _ in 0..QUESTIONS {
            let (name, pairs) = question(&mut dice);
            let shown = format!("{name}?{pairs:?}; seed {seed}");
            let context = Context { now: NOW, strict: true, traces: false, beside: &[], base_url: "http://x.example/fhir" };
            let query = parse(kind(name), &pairs, &context).unwrap_or_else(|error| panic!("{shown}: {error}"));
            let scope = policy.scope(&Caller::tester().unwrap(), Action::Consult, kind(name), NOW);
            let mut kept: Vec<&Kept> =
                world.iter().filter(|one| one.envelope.resource == kind(name) && keeps(&world, one, &query.filter)).collect();
            kept.sort_by(|one, other| compare(one, other, &query.sort));
            let expected: Vec<&str> = kept.iter().map(|one| one.envelope.id.as_str()).collect();
            let mut request = PageRequest::first(query.filter.clone(), u32::try_from(1 + dice.roll(9)).unwrap());
            request.sort = query.sort.iter().map(order).collect();
            let fetch = |request: &PageRequest| {
                let (within, asked) = (scope.clone(), request.clone());
                runtime.block_on(store.run(move |connection| page(connection, &within, &asked))).unwrap()
            };
            let pages = walk(&fetch, &request);
            let found: Vec<&str> = pages.iter().flatten().map(|hit| hit.envelope.id.as_str()).collect();
            assert_eq!(found, expected, "{shown}");
            back(&fetch, &request, &pages, &shown);
            let (within, asked) = (scope.clone(), request.clone());
            let count = runtime.block_on(store.run(move |connection| total(connection, &within, &asked))).unwrap();
            assert_eq!(usize::try_from(count).unwrap(), expected.len(), "{shown}");
            nonempty += usize::from(!expected.is_empty());
            several += usize::from(pages.len() > 2);
        }
        of_types(&runtime, &store, &policy, &world);
    }
    assert!(nonempty > 60 && several > 25, "{nonempty} {several}");
}

fn keeps(world: &[Kept], one: &Kept, filter: &Filter) -> bool {
    let find = |reference: &str| {
        let (name, id) = reference.split_once('/')?;
        world.iter().find(|one| one.envelope.resource.name() == name && one.envelope.id == id)
    };
    let follow = |reference: &str| find(reference).map(|one| (one.envelope.clone(), Facts::default(), one.index.clone()));
    let referring = |param: Param, reference: &str| {
        let refers = |one: &&Kept| one.index.reference.iter().any(|(by, to)| *by == param && to == reference);
        world.iter().filter(refers).map(|one| (one.envelope.clone(), Facts::default(), one.index.clone())).collect()
    };
    let facts = Facts::default();
    matches(
        filter,
        &Candidate {
            envelope: &one.envelope,
            facts: &facts,
            index: Some(&one.index),
            follow: Some(&follow),
            linked: &[],
            referring: Some(&referring),
        },
    )
}

fn order(sort: &ensemble::search::Sort) -> SortKey {
    let order = match sort.by {
        SortBy::LastUpdated => Order::LastUpdated,
        SortBy::Id => Order::Id,
        SortBy::Index(param, of) => Order::Index(param, of),
    };
    SortKey { order, descending: sort.descending }
}

/// Every page from the first to the last.
fn walk(fetch: &dyn Fn(&PageRequest) -> Vec<Hit>, first: &PageRequest) -> Vec<Vec<Hit>> {
    let (mut request, mut pages) = (first.clone(), Vec::new());
    loop {
        let mut hits = fetch(&request);
        let limit = usize::try_from(request.limit).unwrap();
        let more = hits.len() > limit;
        hits.truncate(limit);
        request.after = hits.last().map(|hit| hit.position.clone());
        pages.push(hits);
        if !more {
            return pages;
        }
    }
}

/// From each page the one before it.
fn back(fetch: &dyn Fn(&PageRequest) -> Vec<Hit>, first: &PageRequest, pages: &[Vec<Hit>], shown: &str) {
    for pair in pages.windows(2) {
        let mut asked = first.clone();
        asked.after = pair[1].first().map(|hit| hit.position.clone());
        asked.backward = true;
        let mut hits = fetch(&asked);
        if hits.len() > usize::try_from(first.limit).unwrap() {
            hits.remove(0);
        }
        let ids = |hits: &[Hit]| hits.iter().map(|hit| hit.envelope.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&hits), ids(&pair[0]), "the page before; {shown}");
    }
}

/// Several types at once, by what all of them have.
fn of_types(runtime: &tokio::runtime::Runtime, store: &Store, policy: &Policy, world: &[Kept]) {
    let context = Context { now: NOW, strict: true, traces: false, beside: &[], base_url: "http://x.example/fhir" };
    let sorts = ["_lastUpdated", "-_lastUpdated", "_id", "-_id", "-_lastUpdated,_id", "_id,-_lastUpdated", ""];
    for (number, (parameter, asked)) in
        [("_tag", "urn:tag|a"), ("_id", "p1,o1,d1"), ("_list", "l"), ("_tag:not", "a")].into_iter().cycle().take(28).enumerate()
    {
        let sort = sorts[number % sorts.len()];
        let mut pairs = vec![(parameter.to_owned(), asked.to_owned())];
        pairs.extend((!sort.is_empty()).then(|| ("_sort".to_owned(), sort.to_owned())));
        let sort = parse(kind("Patient"), &pairs, &context).unwrap().sort;
        let names = ["Observation", "Patient", "Practitioner"];
        let parts: Vec<(Scope, Filter)> = names
            .into_iter()
            .map(|name| {
                (
                    policy.scope(&Caller::tester().unwrap(), Action::Consult, kind(name), NOW),
                    parse(kind(name), &pairs, &context).unwrap().filter,
                )
            })
            .collect();
        let keeps =
            |one: &&Kept| parts.iter().any(|(scope, filter)| scope.resource() == one.envelope.resource && self::keeps(world, one, filter));
        let mut kept: Vec<&Kept> = world.iter().filter(keeps).collect();
        kept.sort_by(|one, other| compare(one, other, &sort));
        let expected: Vec<String> = kept.iter().map(|one| one.envelope.id.clone()).collect();
        assert!(!expected.is_empty(), "{parameter}");
        let mut request = PageRequest::first(Filter::Everything, 7);
        request.sort = sort.iter().map(order).collect();
        let fetch = |request: &PageRequest| {
            let (of_page, asked) = (parts.clone(), request.clone());
            runtime.block_on(store.run(move |connection| page_of_types(connection, &of_page, &asked))).unwrap()
        };
        let pages = walk(&fetch, &request);
        let found: Vec<String> = pages.iter().flatten().map(|hit| hit.envelope.id.clone()).collect();
        assert_eq!(found, expected, "{parameter} {sort:?}");
        back(&fetch, &request, &pages, &format!("{parameter} {sort:?}"));
        let count = runtime.block_on(store.run(move |connection| total_of_types(connection, &parts, &request))).unwrap();
        assert_eq!(usize::try_from(count).unwrap(), expected.len(), "{parameter}");
    }
}

async fn fill(store: &Store, world: &[Kept]) {
    let all: Vec<NewResource> = world
        .iter()
        .map(|one| NewResource {
            envelope: one.envelope.clone(),
            realm: 1,
            bound: 0,
            media: String::new(),
            body: b"{}".to_vec(),
            index: one.index.clone(),
            deleted: false,
            put: false,
        })
        .collect();
    store.write(move |connection| -> Result<(), Error> { all.iter().try_for_each(|one| insert(connection, one)) }).await.unwrap();
}
