//! P4: a revocation is immediate, on every node. While rights are revoked and granted again, many read in every way: not one request
//! that started after the answer to a revocation finds the record, and each that starts after a grant does.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::build::{INS, consent, document, holder, ins, party, patient, professional, service, structure};
use crate::support::record::{ended, team};
use crate::support::{Backend, Server, query};

/// How long rights come and go.
const LASTS: Duration = Duration::from_secs(4);
/// Records whose rights come and go at the same time, each with its readers, and in a way of its own.
const RECORDS: u32 = 3;
/// Answers in each state before it changes, and how long they may take.
const ANSWERS: u64 = 4;
const PATIENCE: Duration = Duration::from_secs(20);
/// Readers of each record.
const READERS: usize = 3;

/// How a right comes and goes.
enum Way {
    /// It is given and ended.
    Ended,
    /// It is given, and who has it is blocked; the block ends before it is given again.
    Blocked,
    /// A team has it: members come and go. The team.
    Team(Value),
}

impl Way {
    /// Gives the right; what is taken with it.
    fn give(&self, server: &Server, record: &Record) -> Value {
        let (person, who) = (holder(&record.me), record.physician["id"].as_str().unwrap());
        match self {
            Self::Ended | Self::Blocked => server.create(&person, &consent(&record.me, "record-access", "permit", party(who))).expect(201),
            Self::Team(team) => self.members(server, record, team, &[who]),
        }
    }

    /// Takes it; then what is left of that is done away with.
    fn take(&self, server: &Server, record: &Record, given: &Value) -> Option<Value> {
        let (person, who) = (holder(&record.me), record.physician["id"].as_str().unwrap());
        match self {
            Self::Ended => {
                end(server, &person, given);
                None
            }
            Self::Blocked => Some(server.create(&person, &consent(&record.me, "record-block", "deny", party(who))).expect(201)),
            Self::Team(team) => {
                self.members(server, record, team, &[]);
                None
            }
        }
    }

    fn members(&self, server: &Server, record: &Record, kept: &Value, members: &[&str]) -> Value {
        let mut next = team(&record.me, members, &[]);
        next["id"] = kept["id"].clone();
        server.fhir(&holder(&record.me), "PUT", &format!("CareTeam/{}", kept["id"].as_str().unwrap()), Some(&next)).expect(200)
    }
}

fn end(server: &Server, person: &Value, given: &Value) {
    server.fhir(person, "PUT", &format!("Consent/{}", given["id"].as_str().unwrap()), Some(&ended(given))).expect(200);
}

/// A record, and what becomes of the right over it. Instants are microseconds since the test began.
struct Record {
    me: String,
    physician: Value,
    way: Way,
    asks: Vec<Ask>,
    /// When the last revocation was answered, and when the grant after it was sent: 0 for not yet.
    revoked: AtomicU64,
    granting: AtomicU64,
    /// When the last grant was answered, and when the revocation after it was sent.
    granted: AtomicU64,
    revoking: AtomicU64,
    /// How many answers came while there surely was no right, and while there surely was one.
    sure: [AtomicU64; 2],
}

/// A request, and whether its answer has something of the record.
struct Ask {
    method: &'static str,
    path: String,
    body: Option<Value>,
    /// What stands in the answer exactly when the right holds.
    shows: String,
}

impl Record {
    fn new(server: &Server, number: u32) -> Self {
        let (me, hospital) = (ins(number), structure("1750000018"));
        let space = server.create(&service("operator"), &patient(&me)).id();
        let letter = server.create(&hospital, &document(&me, "11490-0", number).json());
        let content = letter.expect(201)["content"][0]["attachment"]["url"].as_str().unwrap().to_owned();
        let letter = format!("DocumentReference/{}", letter.id());
        let binary = format!("Binary/{}", content.rsplit('/').next().unwrap());
        let ask = |method, path: String, body, shows: &str| Ask { method, path, body, shows: shows.to_owned() };
        let get = |path: String, shows: &str| ask("GET", path, None, shows);
        let search = |pairs: &[(&str, &str)]| format!("DocumentReference{}", query(pairs));
        let named = format!("{INS}|{me}");
        let entries = json!([
            {"request": {"method": "GET", "url": letter}},
            {"request": {"method": "GET", "url": format!("DocumentReference?patient={space}")}}
        ]);
        let asks = vec![
            get(letter.clone(), &letter["DocumentReference/".len()..]),
            get(search(&[("patient.identifier", &named)]), "\"total\":1"),
            get(search(&[("patient", &space), ("_summary", "count")]), "\"total\":1"),
            get(binary, "document "),
            get(format!("{letter}/_history"), "\"type\":\"history\""),
            get(format!("{letter}/_history/1"), "\"versionId\":\"1\""),
            get(format!("Patient/{space}"), "birthDate"),
            get(format!("Patient/{space}/DocumentReference"), "\"total\":1"),
            get(search(&[("patient.identifier", &named), ("_include", "DocumentReference:subject")]), "birthDate"),
            ask("POST", String::new(), Some(json!({"resourceType": "Bundle", "type": "batch", "entry": entries})), "masterIdentifier"),
        ];
        let never = || AtomicU64::new(0);
        let physician = professional(number, "10");
        let way = match number % 3 {
            0 => {
                let kept = server.create(&holder(&me), &team(&me, &[], &[])).expect(201);
                let named = json!({"reference": format!("CareTeam/{}", kept["id"].as_str().unwrap())});
                server.create(&holder(&me), &consent(&me, "care-team-access", "permit", named)).expect(201);
                Way::Team(kept)
            }
            1 => Way::Ended,
            _ => Way::Blocked,
        };
        let sure = [never(), never()];
        Self { me, physician, way, asks, revoked: never(), granting: never(), granted: never(), revoking: never(), sure }
    }

    /// Gives and takes the right, one after the other, by whichever server.
    fn decide(&self, servers: &[Server], number: u32, begun: Instant, rounds: &AtomicU64) {
        let mut turn = usize::try_from(number).unwrap();
        let mut next = || {
            turn += 1;
            &servers[turn % servers.len()]
        };
        while begun.elapsed() < LASTS {
            self.granting.store(instant(begun), Ordering::SeqCst);
            let given = self.way.give(next(), self);
            self.granted.store(instant(begun), Ordering::SeqCst);
            self.wait(1);
            self.revoking.store(instant(begun), Ordering::SeqCst);
            let left = self.way.take(next(), self, &given);
            self.revoked.store(instant(begun), Ordering::SeqCst);
            if let Some(block) = left {
                self.wait(0);
                // That it ends gives nothing back.
                end(next(), &holder(&self.me), &block);
            }
            rounds.fetch_add(1, Ordering::Relaxed);
            self.wait(0);
        }
    }

    /// Until a few answers were given in this state, which on a busy machine takes a while.
    fn wait(&self, state: usize) {
        let (before, begun) = (self.sure[state].load(Ordering::SeqCst), Instant::now());
        while self.sure[state].load(Ordering::SeqCst) < before + ANSWERS && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Asks again and again; what was answered wrongly.
    fn read(&self, servers: &[Server], first: usize, stop: &AtomicBool) -> Vec<String> {
        let (mut wrong, mut turn) = (Vec::new(), first);
        while !stop.load(Ordering::Relaxed) {
            let ask = &self.asks[turn % self.asks.len()];
            let server = &servers[(turn / 2) % servers.len()];
            turn += 1;
            // What was answered before this began.
            let (revoked, granted) = (self.revoked.load(Ordering::SeqCst), self.granted.load(Ordering::SeqCst));
            let answer = server.fhir(&self.physician, ask.method, &ask.path, ask.body.as_ref());
            // What was sent by when it ended: the order of reading makes a grant or revocation under way show.
            let (granting, revoking) = (self.granting.load(Ordering::SeqCst), self.revoking.load(Ordering::SeqCst));
            let shown = answer.status == 200 && answer.text().contains(&ask.shows);
            // Surely without a right: the last word was a revocation, and no grant was sent until the end. Surely with one: the contrary.
            let (without, with) = (revoked > granted && granting < revoked, granted > revoked && revoking < granted);
            if without || with {
                self.sure[usize::from(with)].fetch_add(1, Ordering::SeqCst);
            }
            if without && shown || with && !shown {
                wrong.push(format!("{} {}: {} though {}", ask.method, ask.path, answer.status, if with { "granted" } else { "revoked" }));
            }
        }
        wrong
    }
}

fn instant(begun: Instant) -> u64 {
    // Never 0, which stands for not yet.
    u64::try_from(begun.elapsed().as_micros()).unwrap() + 1
}

/// Rights come and go over these servers, which share a database.
fn come_and_go(servers: &[Server]) {
    let records: Vec<Record> = (1..=RECORDS).map(|number| Record::new(&servers[0], number)).collect();
    for server in servers {
        for record in &records {
            server.token(&record.physician);
            server.token(&holder(&record.me));
        }
    }
    let (begun, stop, rounds) = (Instant::now(), AtomicBool::new(false), AtomicU64::new(0));
    let mut wrong = Vec::new();
    std::thread::scope(|scope| {
        let (stop, rounds) = (&stop, &rounds);
        let readers: Vec<_> = records
            .iter()
            .flat_map(|record| (0..READERS).map(move |first| scope.spawn(move || record.read(servers, first * 4, stop))))
            .collect();
        let deciders: Vec<_> =
            (1..).zip(&records).map(|(number, record)| scope.spawn(move || record.decide(servers, number, begun, rounds))).collect();
        let done: Vec<_> = deciders.into_iter().map(|decider| decider.join()).collect();
        stop.store(true, Ordering::Relaxed);
        for reader in readers {
            wrong.extend(reader.join().unwrap());
        }
        done.into_iter().for_each(|decided| decided.unwrap());
    });
    let rounds = rounds.into_inner();
    let counts = [0, 1].map(|state| records.iter().map(|record| record.sure[state].load(Ordering::SeqCst)).sum::<u64>());
    println!("{rounds} revocations, {} answers without a right, {} with one", counts[0], counts[1]);
    assert_eq!(wrong, Vec::<String>::new());
    // Readers that never met either state would prove nothing.
    assert!(rounds >= u64::from(RECORDS) && counts.iter().all(|count| *count >= ANSWERS * u64::from(RECORDS)), "{rounds} {counts:?}");
}

#[test]
fn no_answer_after_a_revocation_has_the_record_on_two_nodes() {
    let first = Server::empty(Backend::Postgres);
    let second = Server::on(&first.database, &["--empty"]);
    // Their clocks differ, as those of two machines do.
    let behind = (chrono::Utc::now() - chrono::Duration::milliseconds(300)).to_rfc3339();
    second.send("POST", "/sandbox/clock", &[], Some(json!({"set": behind}).to_string().as_bytes())).expect(200);
    come_and_go(&[first, second]);
}

#[test]
fn no_answer_after_a_revocation_has_the_record_on_sqlite() {
    come_and_go(&[Server::empty(Backend::Sqlite)]);
}
