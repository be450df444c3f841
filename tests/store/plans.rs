//! How PostgreSQL does what is asked most (DESIGN 4): by index alone, a page for the cost of a page, nothing sorted but a page or the
//! few that lead, and in the same way after the data have grown tenfold.

use std::collections::BTreeMap;

use serde_json::Value;

use super::growth::{Known, fill, grow, remember};
use crate::support::build::{INS, holder, ins, professional, service};
use crate::support::explain::{self, Bound, Indexes, Used};
use crate::support::postgres::Cluster;
use crate::support::{Server, query};

/// A page of twenty, and one more to know whether there are more; a resource has a few rows of each parameter.
const PAGE: Bound = Bound { met: 100, sorted: 21 };
/// A page of traces: beside each is what it disclosed, a page of resources at most.
const TRACES: Bound = Bound { met: 1_000, sorted: 21 };
/// What leads is few enough to be sorted (`store::search::plan`).
const FEW: Bound = Bound { met: 1_000, sorted: 1_000 };
/// All that match are counted, none is sorted.
const ALL: Bound = Bound { met: u64::MAX, sorted: 0 };
/// What is wrong today: a later page of what was written in a period that holds nearly all may be cut from all of the type, by when it was
/// written, and sorted.
const PERIOD: Bound = Bound { met: 20_000, sorted: 20_000 };
/// To tell whether a condition is of few, a few are met, those at the end of a link and what refers to them.
const PROBE: Bound = Bound { met: 1_100, sorted: 1_000 };

/// A question, whose it is and what it may cost.
struct Asked {
    who: Value,
    path: String,
    bound: Bound,
    /// What it may cost to tell whether a condition is of few.
    probe: Bound,
}

/// The questions, given when the oldest was written.
fn questions(Known { space, letter }: &Known, oldest: &str) -> Vec<Asked> {
    let before = format!("Observation?_lastUpdated=lt{oldest}&_count=20");
    let of_tester = [
        ("Patient/p3", PAGE),
        ("Patient/p0/_history", PAGE),
        ("Observation?_count=20", PAGE),
        ("Observation?code=a-1&_count=20", PAGE),
        ("Observation?patient=p1&_sort=-date&_count=20", PAGE),
        ("Observation?patient=p1&code=http://loinc.org%7Ca-1&_sort=-date&_count=20", PAGE),
        ("Observation?_sort=date&_count=20", PAGE),
        ("Observation?subject:Patient.name=unique5x&_count=20", FEW),
        ("Observation?subject:Patient.family=unique5x&_count=20", FEW),
        ("Observation?subject:Patient.family=unique5x&_sort=-date&_count=20", FEW),
        ("Observation?code=rare&_sort=date&_count=20", PAGE),
        ("Observation?status=final&_sort=-date&_count=20", PAGE),
        // From each of few ends a page.
        ("Observation?subject:Patient.family=durand&_count=20", FEW),
        ("Patient?_has:Observation:patient:code=rare&_count=20", PAGE),
        ("Observation?code=a-1&_include=Observation:patient&_count=20", PAGE),
        ("Patient?family=unique5x&_revinclude=Observation:patient&_count=20", FEW),
        ("Observation?code=a-1&_summary=count", ALL),
        ("DocumentReference?patient=p1&type=11490-0&_sort=-date&_count=20", PAGE),
        ("Patient?identifier=urn:oid:1.2.3%7Cmrn-4&_count=20", PAGE),
        ("Observation?_lastUpdated=ge2020-01-01&_lastUpdated=lt2099-01-01&_count=20", PERIOD),
        (&before, FEW),
    ];
    let me = ins(1);
    let named = format!("{INS}|{me}");
    let by_identifier =
        query(&[("patient.identifier", &named), ("type", "http://loinc.org|11490-0"), ("_sort", "-date"), ("_count", "20")]);
    let of_others = [
        (professional(1, "10"), format!("DocumentReference/{letter}"), PAGE),
        (professional(1, "10"), format!("DocumentReference/{letter}/_history"), PAGE),
        (professional(1, "10"), format!("DocumentReference{by_identifier}"), PAGE),
        (holder(&me), "AuditEvent?date=ge2020-01-01&_sort=-date&_count=20".to_owned(), TRACES),
        (holder(&me), "DocumentReference?type=http://loinc.org%7C11490-0&_sort=-date&_count=20".to_owned(), PAGE),
        (holder(&me), "DocumentReference?_count=20".to_owned(), PAGE),
        (professional(1, "10"), "AuditEvent?_count=20".to_owned(), TRACES),
        (professional(1, "10"), format!("DocumentReference?patient={space}&_count=20"), PAGE),
        (professional(1, "10"), format!("DocumentReference?patient={space}&_summary=count"), ALL),
        (service("auditor"), format!("AuditEvent?patient={space}&date=ge2020-01-01&_sort=-date&_count=20"), TRACES),
    ];
    let tester = of_tester.into_iter().map(|(path, bound)| (service("tester"), path.to_owned(), bound));
    tester.chain(of_others).map(|(who, path, bound)| Asked { who, path, bound, probe: PROBE }).collect()
}

/// The statements that a question needs; a page that leads on is asked for what follows too.
fn ask(server: &Server, cluster: &Cluster, asked: &Asked) -> Vec<(String, Vec<Used>)> {
    server.token(&asked.who);
    let (mut all, mut path) = (Vec::new(), asked.path.clone());
    for place in ["first", "second"] {
        let before = cluster.log().len();
        let answer = server.get(&asked.who, &path);
        let body = answer.expect(200);
        assert!(body["entry"].as_array().is_none_or(|entries| !entries.is_empty()) && body["total"] != 0, "{path}: {body}");
        let used = explain::read(&cluster.log()[before..]);
        assert!(!used.is_empty(), "{path}: nothing is explained");
        all.push((format!("{} {place} of {}", asked.path, asked.who["kind"]), used));
        match answer.link("next") {
            Some(next) => path = next.split("/fhir/").nth(1).unwrap().to_owned(),
            None => break,
        }
    }
    all
}

/// How each statement of each question reaches its tables.
type Reached = BTreeMap<(String, String), Vec<String>>;

/// How it is done, and what is wrong with it.
fn look(server: &Server, cluster: &Cluster, indexes: &Indexes, known: &Known) -> (Reached, Vec<String>) {
    let (mut reached, mut faults) = (Reached::new(), Vec::new());
    let database = server.database.split('?').next().unwrap().rsplit('/').next().unwrap();
    let oldest =
        "SELECT to_char(to_timestamp(MIN(updated) / 1000000 + 30) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM resource";
    let oldest = cluster.execute(database, &format!("{oldest} WHERE holder = -1"));
    for asked in questions(known, &oldest) {
        for (name, used) in ask(server, cluster, &asked) {
            for one in &used {
                let found = one.faults(indexes, if one.is_probe() { asked.probe } else { asked.bound });
                faults.extend(found.into_iter().map(|fault| format!("{name}: {fault}\n{}\n{}", one.text, one.shape())));
                if asked.bound.sorted != PERIOD.sorted {
                    let name = if asked.path.contains("lt20") { name.replace(&oldest, "") } else { name.clone() };
                    // What is wrong today: rights are read by their actor while one has few of them, and by the holder later.
                    let how = one.reached(indexes).into_iter().filter(|how| !how.starts_with("access_right ")).collect();
                    reached.insert((name, one.text.clone()), how);
                }
            }
        }
    }
    (reached, faults)
}

#[test]
fn plans_are_by_index_and_stay_the_same() {
    let cluster = Cluster::start();
    let url = cluster.fresh_database();
    let database = url.rsplit('/').next().unwrap();
    let known = fill(&Server::on(&url, &["--empty"]));
    remember(&cluster, database);
    let indexes = explain::indexes(&cluster, database);
    let mut before = Reached::new();
    for (from, to) in [(1, 9), (10, 99)] {
        grow(&cluster, database, from, to);
        let server = Server::on(&explain::explained(&url), &["--empty"]);
        let (now, faults) = look(&server, &cluster, &indexes, &known);
        assert!(faults.is_empty(), "after {to} copies, {} faults:\n{}", faults.len(), faults.join("\n"));
        let same: Vec<_> = now.iter().filter_map(|(statement, now)| Some((statement, before.get(statement)?, now))).collect();
        let other: Vec<_> = same.iter().filter(|(_, before, now)| before != now).collect();
        assert!(other.is_empty(), "{other:#?}");
        // A few questions have one page and then two, or find all they need at once.
        assert!(before.is_empty() || same.len() * 10 > before.len() * 9, "{} of {}", same.len(), before.len());
        before = now;
    }
    // What is told of here would be seen.
    cluster.execute(database, "ALTER TABLE index_token DROP CONSTRAINT index_token_pkey; ALTER TABLE locator DROP CONSTRAINT locator_pkey");
    let (_, faults) = look(&Server::on(&explain::explained(&url), &["--empty"]), &cluster, &indexes, &known);
    for word in ["is read from end to end", "are met by"] {
        assert!(faults.iter().any(|fault| fault.contains(word)), "{word}: {}", faults.join("\n"));
    }
}
