//! Two servers of one database whose clocks differ, as those of two machines do.

use serde_json::json;

use crate::support::build::{document, holder, structure};
use crate::support::record::{HOSPITAL, reads, with_letter};
use crate::support::{Backend, Server};

#[test]
fn what_was_seen_on_a_server_that_is_behind_is_not_hidden_again() {
    let (ahead, me, letter) = with_letter(Backend::Postgres);
    let behind = Server::on(&ahead.database, &["--empty"]);
    let set = (chrono::Utc::now() - chrono::Duration::minutes(5)).to_rfc3339();
    behind.send("POST", "/sandbox/clock", &[], Some(json!({"set": set}).to_string().as_bytes())).expect(200);
    let unseen = ahead.create(&structure(HOSPITAL), &document(&me, "11490-0", 2).json()).id();
    assert_eq!(reads(&behind, &holder(&me), &letter), 200);
    let hide = json!([{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "INVISIBLE_PATIENT"}]}}]);
    for (document, expected) in [(&letter, 403), (&unseen, 200)] {
        let answer = ahead.fhir(&structure(HOSPITAL), "PATCH", &format!("DocumentReference/{document}"), Some(&hide));
        assert_eq!(answer.status, expected, "{}", answer.text());
    }
}
