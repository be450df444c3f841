//! `$explain-access`: what it says is what is done, and nobody learns by it what it could not read.

mod asked;
mod decided;
mod leaks;
mod rows;

use ensemble::policy::nomenclature::{TRE_A05, TRE_A07};
use serde_json::{Value, json};

use crate::support::build::{
    INS, collected, consent, document, holder, ins, minor_ins, party, patient, professional, psidnat, representative, service, structure,
};
use crate::support::record::{HOSPITAL, content, deletion, patches, team};
use crate::support::report::{containing, report, result};
use crate::support::{Backend, Server, query};

/// A record in which everybody stands otherwise.
struct World {
    server: Server,
    me: String,
    /// Each thing the person sees, as `Type/id`.
    seen: Vec<String>,
    /// Documents that the person does not see, and one of somebody else.
    hidden: Vec<String>,
}

const PHARMACY: &str = "1690000027";

impl World {
    fn new(backend: Backend) -> Self {
        let server = Server::empty(backend);
        let (me, other) = (ins(1), ins(2));
        let space = server.create(&service("operator"), &patient(&me)).id();
        server.create(&service("operator"), &patient(&other)).expect(201);
        let related = json!({"resourceType": "RelatedPerson", "active": true, "patient": {"identifier": {"system": INS, "value": me}},
            "identifier": [{"system": INS, "value": ins(20)}]});
        let related = server.create(&service("operator"), &related).id();
        let give = |kind: &str, who: &str| server.create(&holder(&me), &consent(&me, kind, "permit", party(who)));
        let mut right = String::new();
        for (kind, number) in [
            ("record-access", 1),
            ("treating-physician", 3),
            ("administrator", 4),
            ("record-access", 5),
            ("record-access", 6),
            ("occupational-health", 9),
        ] {
            let given = give(kind, &psidnat(number));
            given.expect(201);
            right = given.id();
        }
        give("record-access", PHARMACY).expect(201);
        server.create(&holder(&me), &consent(&me, "record-block", "deny", party(&psidnat(5)))).expect(201);
        let mut narrowed = consent(&me, "record-access", "permit", party(&psidnat(10)));
        narrowed["provision"]["class"] = json!([{"system": "http://hl7.org/fhir/resource-types", "code": "Patient"}]);
        server.create(&holder(&me), &narrowed).expect(201);
        let team = server.create(&holder(&me), &team(&me, &[&psidnat(2)], &[PHARMACY])).id();
        // Recorded by a professional, which is told to the person.
        server.create(&professional(3, "10"), &collected(&me, "record-access", party(&psidnat(13)))).expect(201);
        let notice = server.get(&holder(&me), "Communication").matches().swap_remove(0);
        let reference = json!({"reference": format!("CareTeam/{team}")});
        server.create(&holder(&me), &consent(&me, "care-team-access", "permit", reference)).expect(201);
        let deposit = |number: u32, code: &str, label: &str, who: &Value| {
            let system = if code.starts_with(|c: char| c.is_ascii_digit()) { "http://loinc.org" } else { TRE_A05 };
            let coded = json!({"coding": [{"system": system, "code": code}]});
            let one = document(&me, code, number).with("type", coded).by(&psidnat(6));
            server.create(who, &if label.is_empty() { one } else { one.labelled(label) }.json()).id()
        };
        let hospital = structure(HOSPITAL);
        let (letter, masked) = (deposit(1, "11490-0", "", &hospital), deposit(2, "11490-0", "MASQUE_PS", &hospital));
        let (glasses, own) = (deposit(3, "PRESC-ORTHOPTIE", "", &hospital), deposit(4, "ATTEST-RESID", "", &professional(7, "10")));
        let (hidden, gone) = (deposit(5, "11490-0", "INVISIBLE_PATIENT", &hospital), deposit(6, "11490-0", "", &hospital));
        let binary = content(&server, &hospital, &letter);
        assert_eq!(patches(&server, &hospital, &gone, &deletion()), 200);
        let laboratory = |number: u32, label: &str| {
            let mut whole = containing(report(&me, number, "final"), &[result(&me, "2951-2", 140.0)]);
            if !label.is_empty() {
                whole["meta"] = json!({"security": [{"system": TRE_A07, "code": label}]});
            }
            let created = server.create(&hospital, &whole).expect(201);
            let result = created["result"][0]["reference"].as_str().unwrap().to_owned();
            [format!("DiagnosticReport/{}", created["id"].as_str().unwrap()), result]
        };
        let (results, masked_results, hidden_results) =
            (laboratory(8, ""), laboratory(9, "MASQUE_PS"), laboratory(10, "INVISIBLE_PATIENT"));
        let foreign = server.create(&hospital, &document(&other, "11490-0", 7).json()).id();
        let of = |ids: &[&String]| ids.iter().map(|id| format!("DocumentReference/{id}")).collect::<Vec<_>>();
        let mut seen = of(&[&letter, &masked, &glasses, &own]);
        let binary = format!("Binary/{}", binary.rsplit('/').next().unwrap());
        seen.extend([binary, format!("Patient/{space}"), format!("Consent/{right}"), format!("CareTeam/{team}")]);
        seen.extend([format!("RelatedPerson/{related}"), format!("Communication/{notice}")]);
        seen.extend(results.into_iter().chain(masked_results));
        let hidden = of(&[&hidden, &gone, &foreign]).into_iter().chain(hidden_results).collect();
        Self { hidden, server, me, seen }
    }

    /// The documents that the person sees.
    fn documents(&self) -> impl Iterator<Item = &String> {
        self.seen.iter().filter(|one| one.starts_with("DocumentReference/"))
    }

    /// What the person is told of a thing.
    fn explain(&self, reference: &str, parameters: &[(&str, &str)]) -> Value {
        self.server.get(&holder(&self.me), &address(reference, parameters)).expect(200)
    }
}

fn address(reference: &str, parameters: &[(&str, &str)]) -> String {
    format!("{reference}/$explain-access{}", if parameters.is_empty() { String::new() } else { query(parameters) })
}

/// The parts of every parameter of this name.
fn all<'v>(parameters: &'v Value, name: &str) -> Vec<&'v Value> {
    let list = parameters.get("parameter").or_else(|| parameters.get("part")).and_then(Value::as_array);
    list.into_iter().flatten().filter(|one| one["name"] == name).collect()
}

/// The value of the only parameter of this name, or nothing.
fn told(parameters: &Value, name: &str) -> String {
    let all = all(parameters, name);
    let value = all.first().and_then(|one| one.as_object()?.iter().find(|(name, _)| name.starts_with("value")));
    value.and_then(|(_, value)| value.as_str()).unwrap_or_default().to_owned()
}

/// The ids of all parameters of this name.
fn ids(parameters: &Value, name: &str) -> Vec<String> {
    all(parameters, name).into_iter().map(|one| told(one, "id")).collect()
}

/// A person in whose record two are hidden from her parents, who are told by one of them.
fn minor(server: &Server) -> (Value, String, String) {
    let (lina, parent) = (minor_ins(1), ins(30));
    server.create(&service("operator"), &patient(&lina)).expect(201);
    let related = json!({"resourceType": "RelatedPerson", "active": true, "patient": {"identifier": {"system": INS, "value": lina}},
        "identifier": [{"system": INS, "value": parent}]});
    server.create(&service("operator"), &related).expect(201);
    let deposit = |number: u32, label: Option<&str>| {
        let one = document(&lina, "11490-0", number);
        let one = label.map_or(document(&lina, "11490-0", number), |label| one.labelled(label));
        format!("DocumentReference/{}", server.create(&structure(HOSPITAL), &one.json()).id())
    };
    (representative(&parent, &lina), deposit(1, None), deposit(2, Some("INVISIBLE_REPRESENTANTS_LEGAUX")))
}
