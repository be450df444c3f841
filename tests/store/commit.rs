//! The shared commit: what cannot be written is refused alone, and what others were in the way of is done again.

use ensemble::auth::digest;
use ensemble::fhir::ResourceType;
use ensemble::filter::{IndexRows, Param};
use ensemble::policy::{Action, Caller, Policy};
use ensemble::store::{Error, NewResource, Stamp, Store, TraceRow, insert_traces};

use crate::support::{Backend, on_both, postgres, server};

fn open(backend: Backend) -> Store {
    let url = match backend {
        Backend::Sqlite => format!("sqlite:{}/commit.db", server::directory().display()),
        Backend::Postgres => postgres::fresh_database(),
    };
    Store::open(&url, Some(Stamp::Sandbox), true).unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A trace; two of one id cannot both be written.
fn trace(key: i64, id: &str, name: &str) -> TraceRow {
    TraceRow {
        holder: 0,
        key,
        acts_for: String::new(),
        elsewhere: false,
        disclosed: Vec::new(),
        id: id.to_owned(),
        kind: 0,
        actor: "P:810000000016".into(),
        structure: String::new(),
        agent_name: name.to_owned(),
        profession: String::new(),
        purpose: 0,
        reason: String::new(),
        interaction: "read".into(),
        status: 200,
        target_type: 1,
        target: String::new(),
        target_key: 0,
        query: String::new(),
        found: 0,
        rules: String::new(),
        law: String::new(),
        request: String::new(),
    }
}

#[test]
fn one_bad_trace_is_refused_alone() {
    on_both(|backend| {
        let (store, runtime) = (open(backend), runtime());
        runtime.block_on(async {
            store.trace(vec![trace(1, "taken", "")]).await.unwrap();
            // All are queued before the runtime first waits: they share commits.
            let tasks: Vec<_> = (0..40_i64)
                .map(|number| {
                    let store = store.clone();
                    let id = if number % 5 == 0 { "taken".to_owned() } else { format!("t{number}") };
                    tokio::spawn(async move { (number, store.trace(vec![trace(10 + number, &id, "Ana\0Martin")]).await) })
                })
                .collect();
            let writing = {
                let store = store.clone();
                let row = trace(100, "written", "");
                tokio::spawn(async move { store.write(move |connection| insert_traces(connection, [&row])).await })
            };
            for task in tasks {
                let (number, done) = task.await.unwrap();
                assert_eq!(done.is_ok(), number % 5 != 0, "{backend:?} {number} {done:?}");
                assert!(!matches!(done, Err(Error::Away)), "the database is there");
            }
            writing.await.unwrap().unwrap();
            assert!(store.commits() < 41, "they shared commits: {}", store.commits());
        });
    });
}

#[test]
fn what_others_were_in_the_way_of_is_done_again() {
    let (store, runtime) = (open(Backend::Postgres), runtime());
    // Rows: what the first tries say, how often it is tried, whether it is done in the end.
    let rows: [(fn() -> Error, u32, u32, bool); 5] = [
        (|| Error::Busy, 3, 4, true),
        (|| Error::Version { found: 2 }, 1, 2, true),
        (|| Error::Busy, 99, 9, false),
        (|| Error::Duplicate, 1, 1, false),
        (|| Error::Away, 1, 1, false),
    ];
    for (error, fails, tried, done) in rows {
        let (told, tries) = std::sync::mpsc::channel();
        let mut left = fails;
        let result = runtime.block_on(store.write(move |_| {
            told.send(()).unwrap();
            if left == 0 {
                return Ok(());
            }
            left -= 1;
            Err(error())
        }));
        assert_eq!((tries.try_iter().count(), result.is_ok()), (usize::try_from(tried).unwrap(), done), "{result:?}");
    }
}

/// What a tester keeps; two of one id cannot both be written.
fn resource(key: i64, id: &str) -> NewResource {
    let token = vec![(Param::new(ResourceType::PATIENT, "identifier"), "an\0code".into())];
    super::kept(ResourceType::PATIENT, key, id, IndexRows { token, ..IndexRows::default() }, id.as_bytes().to_vec())
}

#[test]
fn new_resources_are_written_together_and_one_that_cannot_be_is_refused_alone() {
    on_both(|backend| {
        let (store, runtime) = (open(backend), runtime());
        runtime.block_on(async {
            store.insert(|| resource(1, "taken")).await.unwrap();
            // Every fifth has an id that is taken: every tenth always, the others when they are first made.
            let tasks: Vec<_> = (0..40_i64)
                .map(|number| {
                    let store = store.clone();
                    let mut made = 0;
                    let make = move || {
                        made += 1;
                        let taken = number % 10 == 0 || number % 5 == 0 && made == 1;
                        resource(10 + number, &if taken { "taken".to_owned() } else { format!("b{number}") })
                    };
                    tokio::spawn(async move { (number, store.insert(make).await) })
                })
                .collect();
            let writing = {
                let store = store.clone();
                let row = trace(100, "written", "");
                tokio::spawn(async move { store.write(move |connection| insert_traces(connection, [&row])).await })
            };
            let tracing = store.trace(vec![trace(101, "traced", "")]).await;
            for task in tasks {
                let (number, done) = task.await.unwrap();
                match done {
                    Ok(new) => assert_eq!((new.envelope.key, number % 10 == 0), (10 + number, false), "{backend:?} {number}"),
                    Err(error) => assert!(number % 10 == 0 && matches!(error, Error::Busy), "{backend:?} {number} {error:?}"),
                }
            }
            writing.await.unwrap().unwrap();
            tracing.unwrap();
            let policy = Policy::embedded(true, digest::sha256_hex).unwrap();
            for number in 0..40_i64 {
                let scope = policy.scope(&Caller::tester().unwrap(), Action::Consult, ResourceType::PATIENT, 0);
                let found = store.read(scope, &format!("b{number}")).await.unwrap().map(|found| (found.envelope.key, found.body));
                let expected = (number % 10 != 0).then(|| (10 + number, format!("b{number}").into_bytes()));
                assert_eq!(found, expected, "{backend:?} {number}");
            }
        });
    });
}
