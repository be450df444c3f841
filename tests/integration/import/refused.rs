//! What is wrong is told with its place, and the rest is stored.

use std::path::Path;

use serde_json::{Value, json};

use super::{Sandbox, count, gzip, numbered};
use crate::support::server::binary;
use crate::support::{Backend, on_both};

#[test]
fn bad_lines_are_told_and_the_others_stored() {
    on_both(|backend| {
        let sandbox = Sandbox::new(backend);
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let large = "x".repeat(70 * 1024 * 1024);
        let (first, last) = (numbered(0..1), numbered(1..2));
        let lines: [&[u8]; 12] = [
            first.trim_end().as_bytes(),
            b"nothing",
            b"[{\"resourceType\":\"Basic\"}]",
            b"{\"resourceType\":\"Basilisk\"}",
            b"{\"resourceType\":\"Patient\",\"birthDate\":\"yesterday\",\"gender\":\"x\"}",
            b"{\"resourceType\":\"Basic\",\"code\":{\"text\":\"\xff\"}}",
            deep.as_bytes(),
            b"",
            b"{\"resourceType\":\"Patient\",\"id\":\"a b\"}",
            b"{\"resourceType\":\"Patient\",\"active\":true,\"active\":true}",
            large.as_bytes(),
            last.trim_end().as_bytes(),
        ];
        let path = sandbox.file("bad.ndjson", lines.join(&b'\n'));
        let rejected = sandbox.directory.join("rejected.ndjson");
        let said = sandbox.import(&[&path], &["--rejected", rejected.to_str().unwrap()]);
        assert_eq!((said.code, said.counts()), (Some(2), [2, 0, 0, 9]), "{}", said.told);
        let rows: Vec<Value> =
            std::fs::read_to_string(&rejected).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let shown: Vec<String> = rows
            .iter()
            .map(|row| format!("{} {} {}", row["line"], row["status"], row["issues"][0]["expression"].as_str().unwrap()))
            .collect();
        assert_eq!(
            shown,
            [
                "2 400 ",
                "3 422 resourceType",
                "4 422 resourceType",
                "5 422 Patient.birthDate",
                "6 400 ",
                "7 400 ",
                "9 422 Patient.id",
                "10 400 ",
                "11 413 "
            ]
        );
        assert_eq!(rows[3]["issues"].as_array().unwrap().len(), 2, "{}", rows[3]);
        assert!(said.told.contains("bad.ndjson:5: rejected (422): Patient.birthDate: expected a date"), "{}", said.told);
        // What was rejected then still counts when the same is imported again.
        let again = sandbox.import(&[&path], &[]);
        assert_eq!((again.code, again.counts(), again.summary["before"]["rejected"].as_u64()), (Some(2), [0; 4], Some(9)));
        assert_eq!(count(&sandbox.server(), "Basic"), 2);
    });
}

#[test]
fn broken_streams_keep_what_came_whole() {
    let sandbox = Sandbox::new(Backend::Sqlite);
    let whole = gzip(numbered(0..3000).as_bytes());
    let cut = sandbox.file("cut.ndjson.gz", &whole[..whole.len() / 2]);
    let said = sandbox.import(&[&cut], &[]);
    let [created, .., rejected] = said.counts();
    assert!(said.code == Some(2) && created > 100 && created < 3000 && rejected <= 2, "{created} {rejected} {}", said.told);
    assert!(said.told.contains("the gzip stream is broken or ends too early"), "{}", said.told);
    let broken = sandbox.file("broken.json.gz", b"\x1f\x8bnothing of the kind");
    let empty = sandbox.file("empty.ndjson", b"");
    let said = sandbox.import(&[&broken, &empty], &[]);
    assert_eq!((said.code, said.counts(), said.summary["files"].as_u64()), (Some(2), [0, 0, 0, 1], Some(2)), "{}", said.told);
    // Standard input: lines, or one text.
    let said = sandbox.import_from(&[Path::new("-")], &[], &gzip(numbered(0..3).as_bytes()));
    assert_eq!((said.code, said.counts()), (Some(0), [3, 0, 0, 0]), "{}", said.told);
    let said = sandbox.import_from(&[Path::new("-")], &[], b"{\n \"resourceType\": \"Patient\",\n \"id\": \"in\"\n}\n");
    assert_eq!((said.code, said.counts()), (Some(0), [1, 0, 0, 0]), "{}", said.told);
}

#[test]
fn a_bundle_has_ten_thousand_entries_at_most() {
    on_both(|backend| {
        let sandbox = Sandbox::new(backend);
        let entries = |count: u32| -> Vec<Value> {
            let resource =
                |number: u32| json!({"resourceType": "Basic", "code": {"text": "x"}, "identifier": [{"value": format!("n{number}")}]});
            (0..count).map(|number| json!({"resource": resource(number), "request": {"method": "POST", "url": "Basic"}})).collect()
        };
        let bundle = |count| json!({"resourceType": "Bundle", "type": "transaction", "entry": entries(count)}).to_string();
        let path = sandbox.file("two.ndjson", format!("{}\n{}\n", bundle(10_000), bundle(10_001)));
        let said = sandbox.import(&[&path], &[]);
        assert_eq!((said.code, said.counts()), (Some(2), [10_000, 0, 0, 10_001]), "{}", said.told);
        assert!(said.told.contains("two.ndjson:2: rejected (413): the Bundle has more than 10000 entries"), "{}", said.told);
        assert_eq!(count(&sandbox.server(), "Basic"), 10_000);
    });
}

#[test]
fn what_is_not_there_stops_it_before_anything() {
    on_both(|backend| {
        let sandbox = Sandbox::new(backend);
        let good = sandbox.file("good.ndjson", numbered(0..1));
        let said = sandbox.import(&[&good, &sandbox.directory.join("absent.json")], &[]);
        assert!(said.code == Some(1) && said.told.contains("absent.json"), "{}", said.told);
        assert_eq!(sandbox.import(&[&good], &[]).counts(), [1, 0, 0, 0]);
        let said = sandbox.import(&[&good], &["--rejected", "/absent/rejected.ndjson"]);
        assert!(said.code == Some(1) && said.told.contains("/absent/rejected.ndjson"), "{}", said.told);
    });
}

#[test]
fn a_production_database_is_refused_as_it_is() {
    let sandbox = Sandbox::new(Backend::Sqlite);
    assert!(binary().args(["migrate", "--database", &sandbox.database]).status().unwrap().success());
    let store = ensemble::store::Store::open(&sandbox.database, Some(ensemble::store::Stamp::Production), false).unwrap();
    drop(store);
    let path = sandbox.file("good.ndjson", numbered(0..1));
    let said = sandbox.import(&[&path], &[]);
    assert!(said.code == Some(1) && said.told.contains("stamped `production`"), "{}", said.told);
    let checked = binary().args(["check", "--database", &sandbox.database]).output().unwrap();
    assert!(String::from_utf8(checked.stdout).unwrap().contains("stamped `production`"));
}
