//! The database goes and comes back: 503 while it is away, nothing disclosed, nothing broken after.

use crate::support::Server;
use crate::support::build::{document, holder, ins, patient, service, structure};
use crate::support::postgres::Cluster;

#[test]
fn the_database_goes_and_comes_back() {
    let mut cluster = Cluster::start();
    let server = Server::on(&cluster.fresh_database(), &["--empty"]);
    let me = ins(1);
    server.create(&service("operator"), &patient(&me)).expect(201);
    let letter = server.create(&structure("1750000018"), &document(&me, "11490-0", 1).json()).id();
    let path = format!("DocumentReference/{letter}");
    server.get(&holder(&me), &path).expect(200);
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
