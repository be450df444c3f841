//! A database with some of everything, and the same many times over: real rows under new keys and ids.

use serde_json::{Value, json};

use crate::support::Server;
use crate::support::build::{consent, document, holder, ins, party, patient, professional, psidnat, service, structure};
use crate::support::postgres::Cluster;

const PATIENTS: usize = 20;
const OBSERVATIONS: usize = 160;
const DOCUMENTS: usize = 40;
const SPACES: u32 = 6;
const IN_RECORD: u32 = 10;
const HOSPITAL: &str = "1750000018";

/// What tells a copy from what it is a copy of, where a column is not to be taken as it is; `n` is the number of the copy. Every second
/// copy is about the same persons, who so have more and more; the others are about persons of their own.
const CHANGED: [(&str, &str); 17] = [
    ("holder", "CASE WHEN holder > 0 AND n % 2 = 0 THEN holder + n ELSE holder END"),
    // Each is a minute older than the one before.
    ("key", "key - n * 61440000000"),
    ("target_key", "CASE WHEN target_key > 0 THEN target_key - n * 61440000000 ELSE target_key END"),
    ("target", "CASE WHEN target > 0 THEN target - n * 61440000000 ELSE target END"),
    ("bound", "CASE WHEN bound > 0 THEN bound - n * 61440000000 ELSE bound END"),
    ("updated", "updated - n * 60000000"),
    ("start_at", "start_at - n * 3600000000"),
    ("end_at", "end_at - n * 3600000000"),
    ("id", "id || '-' || n"),
    ("ref", "ref || '-' || n"),
    ("patient", "patient || '-' || n"),
    ("ins", "ins || '-' || n"),
    ("person", "CASE WHEN n % 2 = 0 THEN person || '-' || n ELSE person END"),
    ("folded", "CASE WHEN folded LIKE 'unique%' THEN n || folded ELSE folded END"),
    // What only few have, only few have then.
    ("token", "CASE WHEN value ~ '(rare|mrn-)' THEN value || '-' || n ELSE value END"),
    ("reference", "CASE WHEN n % 2 = 0 THEN value || '-' || n ELSE value END"),
    ("uri", "value"),
];

/// The tables that are copied; those of persons only with persons of their own.
const TABLES: [(&str, &str); 14] = [
    ("holder", "n % 2 = 0"),
    ("access_right", "n % 2 = 0"),
    ("locator", "true"),
    ("resource", "true"),
    ("resource_version", "true"),
    ("index_token", "true"),
    ("index_string", "true"),
    ("index_date", "true"),
    ("index_reference", "true"),
    ("index_uri", "true"),
    ("index_quantity", "true"),
    ("index_person_date", "true"),
    ("audit_event", "true"),
    ("audit_disclosed", "true"),
];

/// What was made that a question can name.
pub struct Known {
    /// The id of the space of `ins(1)`.
    pub space: String,
    /// The id of a document in it.
    pub letter: String,
}

/// Fills an empty database over HTTP.
pub fn fill(server: &Server) -> Known {
    let put = |body: Value| {
        let url = format!("{}/{}", body["resourceType"].as_str().unwrap(), body["id"].as_str().unwrap());
        json!({"resource": body, "request": {"method": "PUT", "url": url}})
    };
    let mut entries = Vec::new();
    for n in 0..PATIENTS {
        // Four of five have a name that is not theirs alone.
        let family = if n % 5 == 0 { format!("Unique{n}x") } else { "Durand".to_owned() };
        entries.push(json!({
            "resourceType": "Patient", "id": format!("p{n}"), "name": [{"family": family, "given": ["Zoé"]}], "birthDate": "1980-03-14",
            "identifier": [{"system": "urn:oid:1.2.3", "value": format!("mrn-{n}")}]
        }));
    }
    for n in 0..OBSERVATIONS {
        let code = if n == 0 { "rare" } else { ["a-1", "b-2"][n % 2] };
        entries.push(json!({
            "resourceType": "Observation", "id": format!("o{n}"), "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "subject": {"reference": format!("Patient/p{}", (n / 2) % PATIENTS)},
            "effectiveDateTime": format!("2024-{:02}-{:02}", 1 + n % 12, 1 + n % 28),
            "valueQuantity": {"value": n, "system": "http://unitsofmeasure.org", "code": "mg"}
        }));
    }
    for n in 0..DOCUMENTS {
        let code = ["11490-0", "11502-2"][n % 2];
        entries.push(json!({
            "resourceType": "DocumentReference", "id": format!("d{n}"), "status": "current",
            "type": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "subject": {"reference": format!("Patient/p{}", (n / 2) % PATIENTS)},
            "date": format!("2024-{:02}-01T10:00:00Z", 1 + n % 12),
            "content": [{"attachment": {"contentType": "text/plain", "data": "YQ=="}}]
        }));
    }
    let tester = service("tester");
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries.into_iter().map(put).collect::<Vec<_>>()});
    server.fhir(&tester, "POST", "", Some(&bundle)).expect(200);
    for gender in ["female", "male", "other"] {
        let changed = json!({"resourceType": "Patient", "id": "p0", "gender": gender, "name": [{"family": "Unique0x", "given": ["Zoé"]}]});
        server.fhir(&tester, "PUT", "Patient/p0", Some(&changed)).expect(200);
    }
    records(server)
}

/// Spaces with documents that a professional reads.
fn records(server: &Server) -> Known {
    let mut known = None;
    for me in (1..=SPACES).map(ins) {
        let space = server.create(&service("operator"), &patient(&me)).id();
        server.create(&holder(&me), &consent(&me, "record-access", "permit", party(&psidnat(1)))).expect(201);
        for number in 0..IN_RECORD {
            let code = if number % 2 == 0 { "11490-0" } else { "11502-2" };
            let one = server.create(&structure(HOSPITAL), &document(&me, code, number).by(&psidnat(1)).json()).id();
            server.get(&professional(1, "10"), &format!("DocumentReference/{one}")).expect(200);
            known.get_or_insert(Known { space: space.clone(), letter: one });
        }
        for _ in 0..4 {
            server.get(&professional(1, "10"), &format!("DocumentReference?patient={space}")).expect(200);
        }
    }
    known.unwrap()
}

/// Keeps what is there, to be copied.
pub fn remember(cluster: &Cluster, database: &str) {
    cluster.execute(database, "CREATE SCHEMA base");
    for (table, _) in TABLES {
        cluster.execute(database, &format!("CREATE TABLE base.{table} AS SELECT * FROM public.{table}"));
    }
}

/// Copies all that was there at first under these numbers, and lets the database count.
pub fn grow(cluster: &Cluster, database: &str, from: u32, to: u32) {
    for (table, which) in TABLES {
        let of_table = format!("SELECT attname FROM pg_attribute WHERE attrelid = 'public.{table}'::regclass AND attnum > 0");
        let listed = cluster.execute(database, &of_table);
        let columns: Vec<&str> = listed.lines().collect();
        let copied: Vec<&str> = columns.iter().map(|column| expression(table, column)).collect();
        let statement = format!(
            "INSERT INTO public.{table} ({}) SELECT {} FROM base.{table} CROSS JOIN generate_series(CAST({from} AS BIGINT), {to}) AS s(n) WHERE {which}",
            columns.join(", "),
            copied.join(", ")
        );
        cluster.execute(database, &statement);
    }
    // Without it the pages of an index-only scan would be looked up in the table, sooner or later.
    cluster.execute(database, "VACUUM ANALYZE");
}

fn expression<'c>(table: &str, column: &'c str) -> &'c str {
    let name = match (table, column) {
        ("audit_event", "target") => return column,
        ("index_token" | "index_reference" | "index_uri", "value") => table.trim_start_matches("index_"),
        _ => column,
    };
    CHANGED.iter().find(|(of, _)| *of == name).map_or(column, |(_, changed)| changed)
}
