//! What rights and traces cost beneath HTTP: reads by id of a database that `benches/cost.py` filled and no server has open, in three
//! ways in one run. As a tester: no rights. As a professional: the rights in the statement, the decision and the row of the matrix. And
//! so that each read counts only after the commit of its trace, as the server answers: there no read of a record goes without, so that
//! only here, where the parts are put together by hand, the one is told from the other.
//!
//! `cargo bench --bench rights -- DATABASE SECONDS CONNECTIONS TESTER-IDS PROFESSIONAL-IDS` (files of one id a line) prints the reads a second
//! of each; `cost.py` calls it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ensemble::audit::{self, Happened};
use ensemble::auth::{Claims, digest};
use ensemble::clock::Clock;
use ensemble::fhir::ResourceType;
use ensemble::filter::Candidate;
use ensemble::policy::{Action, Caller, Decision, Policy};
use ensemble::store::{Stamp, Store};

/// The allocator of the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Threads that ask, as the server has for two cores.
const THREADS: usize = 2;
const RESOURCE: ResourceType = ResourceType::DOCUMENT_REFERENCE;
/// The professional to whom `cost.py` gives a right.
const DOCTOR: &str = "810000000011";

struct Bench {
    store: Store,
    policy: Policy,
    clock: Clock,
}

impl Bench {
    /// One read, as the interaction does it, without its answer.
    async fn read(&self, caller: &Caller, id: &str, traced: bool) {
        let now = self.clock.now();
        let scope = self.policy.scope(caller, Action::Consult, RESOURCE, now);
        let found = self.store.read(scope, id).await.unwrap().expect("the document is there");
        let decision = {
            let (envelope, facts) = (&found.envelope, &found.facts);
            let candidate = Candidate { envelope, facts, index: None, follow: None, linked: &found.linked, referring: None };
            self.policy.with_row(caller, Action::Consult, &candidate, found.decision.clone(), now)
        };
        let Decision::Permit(rules) = decision else { panic!("the document is seen") };
        if traced {
            let law = self.policy.version();
            let asked = audit::Request {
                caller,
                interaction: "read",
                resource: RESOURCE,
                target: id.to_owned(),
                query: String::new(),
                id,
                law,
                reaches: false,
            };
            let happened = Happened { holder: found.envelope.holder, key: found.about, found: 1, rules, ..Happened::default() };
            self.store.trace(vec![audit::row(&asked, &self.clock, 200, &happened)]).await.unwrap();
        }
    }

    /// Reads a second.
    fn rate(self: &Arc<Self>, caller: &Arc<Caller>, ids: &Arc<Vec<String>>, traced: bool, connections: usize, time: Duration) -> u64 {
        let (count, begun) = (Arc::new(AtomicU64::new(0)), Instant::now());
        let ask = |first: usize| {
            let (bench, caller, ids, count) = (Arc::clone(self), Arc::clone(caller), Arc::clone(ids), Arc::clone(&count));
            async move {
                let mut at = first;
                while begun.elapsed() < time {
                    // Neighbours ask for different ones.
                    at = (at + 7) % ids.len();
                    bench.read(&caller, &ids[at], traced).await;
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let ask = &ask;
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    runtime.block_on(async {
                        let mut tasks = tokio::task::JoinSet::new();
                        for number in (thread..connections).step_by(THREADS) {
                            tasks.spawn(ask(number));
                        }
                        while let Some(done) = tasks.join_next().await {
                            done.unwrap();
                        }
                    });
                });
            }
        });
        let millis = u64::try_from(begun.elapsed().as_millis()).unwrap();
        count.load(Ordering::Relaxed) * 1000 / millis
    }
}

fn main() {
    // Cargo says that it is a bench.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [database, seconds, connections, testers, professionals] = arguments.as_slice() else {
        println!("run by benches/cost.py: DATABASE SECONDS CONNECTIONS TESTER-IDS PROFESSIONAL-IDS");
        return;
    };
    let ids = |file: &String| Arc::new(std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect::<Vec<_>>());
    let claims = |sub: &str, kind: &str, profession: Option<&str>| {
        let profession = profession.map(ToOwned::to_owned);
        Arc::new(Claims { sub: sub.into(), kind: kind.into(), profession, ..Claims::default() }.caller().unwrap())
    };
    let (tester, doctor) = (claims("tester", "tester", None), claims(DOCTOR, "professional", Some("10")));
    let store = Store::open(database, Some(Stamp::Sandbox), false).unwrap();
    let bench = Arc::new(Bench { store, policy: Policy::embedded(false, digest::sha256_hex).unwrap(), clock: Clock::default() });
    let (connections, time) = (connections.parse().unwrap(), Duration::from_secs(seconds.parse().unwrap()));
    let (testers, professionals) = (ids(testers), ids(professionals));
    let off = bench.rate(&tester, &testers, false, connections, time);
    let on = bench.rate(&doctor, &professionals, false, connections, time);
    let traced = bench.rate(&doctor, &professionals, true, connections, time);
    println!("RESULT {off} {on} {traced}");
}
