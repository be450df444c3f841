//! The database goes and comes back: 503 while it is away, nothing disclosed, nothing broken after.

use serde_json::Value;

use crate::support::Server;
use crate::support::build::{document, holder, ins, patient, service, structure};
use crate::support::postgres::Cluster;

/// An open space, and the address of a letter in it that its holder reads.
fn person_with_a_letter(server: &Server) -> (String, String) {
    let me = ins(1);
    server.create(&service("operator"), &patient(&me)).expect(201);
    let letter = server.create(&structure("1750000018"), &document(&me, "11490-0", 1).json()).id();
    let path = format!("DocumentReference/{letter}");
    server.get(&holder(&me), &path).expect(200);
    (me, path)
}

#[test]
fn the_database_goes_and_comes_back() {
    let mut cluster = Cluster::start();
    let server = Server::on(&cluster.fresh_database(), &["--empty"]);
    let (me, path) = person_with_a_letter(&server);
    for round in 0..2 {
        cluster.crash();
        let read = server.get(&holder(&me), &path);
        assert_eq!((read.status, read.issue().0.as_str(), read.header("retry-after")), (503, "transient", "1"));
        assert_eq!(server.get(&holder(&me), "DocumentReference").status, 503);
        let number = 10 + round;
        assert_eq!(server.create(&structure("1750000018"), &document(&me, "11490-0", number).json()).status, 503);
        assert_eq!(server.send("GET", "/health/ready", &[], None).status, 503);
        assert_eq!(server.send("GET", "/health/live", &[], None).status, 200);
        cluster.start_again();
        server.get(&holder(&me), &path).expect(200);
        server.create(&structure("1750000018"), &document(&me, "11490-0", number).json()).expect(201);
        assert_eq!(server.send("GET", "/health/ready", &[], None).status, 200);
    }
}

#[test]
fn a_database_that_stands_still_is_away() {
    let cluster = Cluster::start();
    let server = Server::on(&cluster.fresh_database(), &["--empty"]);
    let (me, path) = person_with_a_letter(&server);
    cluster.freeze();
    // More than there are connections, so that some wait for a turn.
    let ask = |number: u32| {
        let hospital = structure("1750000018");
        match number % 3 {
            0 => server.get(&holder(&me), &path),
            1 => server.create(&hospital, &document(&me, "11490-0", 100 + number).json()),
            _ => server.send("GET", "/health/ready", &[], None),
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..24).map(|number| scope.spawn(move || ask(number))).collect();
        assert_eq!(server.send("GET", "/health/live", &[], None).status, 200);
        for answer in threads.into_iter().map(|thread| thread.join().unwrap()) {
            assert_eq!((answer.status, answer.header("retry-after")), (503, "1"), "{}", answer.text());
        }
    });
    cluster.thaw();
    server.get(&holder(&me), &path).expect(200);
    // What became of the writes was not known: each is there once or not at all, and pushed again it is there once.
    for number in (0..24_u32).filter(|number| number % 3 == 1) {
        server.create(&structure("1750000018"), &document(&me, "11490-0", 100 + number).json()).expect(201);
    }
    let found = server.get(&holder(&me), "DocumentReference?_count=200").expect(200);
    let masters: Vec<&Value> =
        found["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]["masterIdentifier"]["value"]).collect();
    let mut once = masters.clone();
    once.sort_by_key(|master| master.to_string());
    once.dedup();
    assert_eq!((masters.len(), once.len()), (9, 9));
    // Told to stop while nothing answers, it ends all the same.
    cluster.freeze();
    assert_eq!(server.get(&holder(&me), &path).status, 503);
    assert_eq!(server.terminate().0, Some(0));
    cluster.thaw();
}
