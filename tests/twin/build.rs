//! From deeds to databases: each is an HTTP request of whoever did it.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::world::{DEMO, Document, Edit, MINOR, Named, Names, QUIET, Set, Step, What, Who};
use crate::support::Server;
use crate::support::answer::Answer;
use crate::support::build::{INS, consent, party, person};
use crate::support::report::{report, result};
use crate::support::submission::{create, list, transaction, urn};

const TYPES: &str = include_str!("../../profiles/authorization/types.tsv");
const ARCHIVED: &str = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived";

/// What results are of.
pub const RESULTS: [&str; 2] = ["2951-2", "2823-3"];

/// The ids that the things of a world have in one database, by name.
pub type Ids = HashMap<String, String>;

/// Every type of document with its system.
fn coding(code: &str) -> Value {
    let line = TYPES.lines().find(|line| line.split('\t').nth(2) == Some(code)).unwrap();
    let system = if line.split('\t').nth(1) == Some("loinc") { "http://loinc.org" } else { ensemble::policy::nomenclature::TRE_A05 };
    json!({"coding": [{"system": system, "code": code}]})
}

/// The identifier by which a document is known.
pub fn master(names: Names, of: usize, number: usize) -> String {
    format!("urn:oid:1.2.250.1.999.3.{}.{number}", names.ins(of))
}

fn document(names: Names, ids: &mut Ids, one: &Document) -> Value {
    let mut reference = |kind: &str, name: &str| json!({"reference": format!("{kind}/{}", id_of(ids, name))});
    let mut authors: Vec<Value> = one.authors.iter().map(|author| party(&names.party(*author))).collect();
    if !one.practitioner.is_empty() {
        authors.push(reference("Practitioner", &one.practitioner));
    }
    let label = |code: &String| json!({"coding": [{"system": ensemble::policy::nomenclature::TRE_A07, "code": code}]});
    let mut value = json!({
        "resourceType": "DocumentReference", "status": "current",
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": master(names, one.of, one.number)},
        "type": coding(&one.code),
        "subject": person(&names.ins(one.of)),
        "date": one.date,
        "description": one.title,
        "content": [{"attachment": {"contentType": "text/plain", "data": STANDARD.encode(format!("{} {}", one.title, one.number)), "title": one.title}}]
    });
    if !one.labels.is_empty() {
        let each: Vec<Value> = one.labels.iter().map(label).collect();
        // Several may stand in one, which says as much.
        let codings: Vec<Value> = each.iter().map(|label| label["coding"][0].clone()).collect();
        value["securityLabel"] = if one.number.is_multiple_of(2) { json!([{"coding": codings}]) } else { each.into() };
    }
    if !authors.is_empty() {
        value["author"] = authors.into();
    }
    if !one.custodian.is_empty() {
        value["custodian"] = reference("Organization", &one.custodian);
    }
    if !one.language.is_empty() {
        value["content"][0]["attachment"]["language"] = one.language.as_str().into();
    }
    if !one.related.is_empty() {
        value["context"] = json!({"related": one.related.iter().map(|name| reference("DocumentReference", name)).collect::<Vec<_>>()});
    }
    if !one.replaces.is_empty() {
        value["relatesTo"] = json!([{"code": "replaces", "target": reference("DocumentReference", &one.replaces)}]);
    }
    value
}

/// The document with the report that it brings, and its result.
fn with_report(names: Names, one: &Document, mut document: Value) -> Value {
    let me = names.ins(one.of);
    if document.get("context").is_none() {
        document["context"] = json!({"related": []});
    }
    document["context"]["related"].as_array_mut().unwrap().push(json!({"reference": urn(2)}));
    let mut own = report(&me, u32::try_from(one.report).unwrap(), "final");
    own["issued"] = one.date.as_str().into();
    own["conclusion"] = one.title.as_str().into();
    own["result"] = json!([{"reference": urn(3)}]);
    let mut of = result(&me, RESULTS[one.report % RESULTS.len()], 0.0);
    of["valueQuantity"]["value"] = one.number.into();
    of["effectiveDateTime"] = one.date.as_str().into();
    of["note"] = json!([{"text": one.title}]);
    transaction(vec![create(&urn(1), document), create(&urn(2), own), create(&urn(3), of)])
}

fn set(names: Names, ids: &mut Ids, one: &Set) -> Value {
    let targets: Vec<String> = one.documents.iter().map(|name| format!("DocumentReference/{}", id_of(ids, name))).collect();
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    let mut value = list(&names.ins(one.of), if one.folder { "folder" } else { "submissionset" }, &targets);
    value["identifier"] = known_as(names, one.of, one.number);
    value["title"] = one.title.as_str().into();
    value["text"] = json!({"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">Lot</div>"});
    value
}

/// The identifiers of a List.
pub fn known_as(names: Names, of: usize, number: usize) -> Value {
    json!([{"system": "urn:ietf:rfc:3986", "value": format!("urn:oid:1.2.250.1.999.4.{}.{number}", names.ins(of))}])
}

/// The id of a thing in this database; of what is not there one that leads nowhere, the same each time.
pub fn id_of(ids: &mut Ids, name: &str) -> String {
    let count = ids.len();
    ids.entry(name.to_owned()).or_insert_with(|| absent(name, count)).clone()
}

fn absent(name: &str, count: usize) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (name, count, std::time::SystemTime::now()).hash(&mut hasher);
    format!("01930000-0000-7000-8000-{:012x}", hasher.finish() & 0xffff_ffff_ffff)
}

fn patch(edit: Edit) -> Value {
    let code = |code: &str| json!({"coding": [{"system": ensemble::policy::nomenclature::TRE_A07, "code": code}]});
    match edit {
        Edit::Mask => json!([{"op": "add", "path": "/securityLabel/-", "value": code("MASQUE_PS")}]),
        Edit::Unmask => json!([{"op": "replace", "path": "/securityLabel/0", "value": {"coding": [{"code": "N"}]}}]),
        // Another label that stands beside stays.
        Edit::Announce => json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
            {"name": "type", "valueCode": "delete"},
            {"name": "path", "valueString": "DocumentReference.securityLabel.where(coding.code = 'INVISIBLE_PATIENT')"}
        ]}]}),
        Edit::Archive => json!([{"op": "add", "path": "/extension", "value": [{"url": ARCHIVED, "valueBoolean": true}]}]),
        Edit::Withdraw => json!([{"op": "replace", "path": "/status", "value": "entered-in-error"}]),
    }
}

fn space(names: Names, ids: &mut Ids, holder: usize, open: bool, phone: &str, practitioner: &str) -> Value {
    let mut value = json!({
        "resourceType": "Patient", "active": open,
        "identifier": [{"system": INS, "value": names.ins(holder)}],
        "name": [{"family": names.family(), "given": [format!("P{holder}")]}],
        "telecom": [{"system": "phone", "value": phone}],
        "gender": "female", "birthDate": if holder == MINOR { "2014-09-18" } else { "1980-03-14" }
    });
    if !practitioner.is_empty() {
        value["generalPractitioner"] = json!([{"reference": format!("Practitioner/{}", id_of(ids, practitioner))}]);
    }
    // Whom nobody is told of has an address, so that there is more to ask for.
    if holder == QUIET {
        value["address"] = json!([{"city": "Annecy"}]);
    }
    value
}

/// The Patient as the operator reads it, written with something else in it.
fn written_again(server: &Server, names: Names, id: &str, name: &str, member: Value) -> Answer {
    let (by, path) = (names.who(&Who::Operator), format!("Patient/{id}"));
    let mut space = server.get(&by, &path).expect(200);
    space[name] = member;
    server.fhir(&by, "PUT", &path, Some(&space))
}

/// Does a deed; the answer, if it was one that must succeed.
fn send(server: &Server, names: Names, ids: &mut Ids, world: &[Step], step: &Step) -> (Answer, bool) {
    let family = names.family();
    let operator = Who::Operator;
    let make = |by: &Who, value: Value| (server.create(&names.who(by), &value), true);
    match &step.what {
        What::Practitioner(number) => {
            let identifier = json!([{"system": crate::support::build::PSIDNAT, "value": names.psidnat(*number)}]);
            make(
                &operator,
                json!({"resourceType": "Practitioner", "identifier": identifier, "name": [{"family": format!("{family}{number}")}]}),
            )
        }
        What::Organization(number) => {
            let identifier = json!([{"system": crate::support::build::STRUCTIDNAT, "value": names.structure(*number)}]);
            make(&operator, json!({"resourceType": "Organization", "identifier": identifier, "name": format!("{family} {number}")}))
        }
        What::Role(practitioner, organization) => {
            let (one, other) = (id_of(ids, practitioner), id_of(ids, organization));
            make(
                &operator,
                json!({"resourceType": "PractitionerRole", "practitioner": {"reference": format!("Practitioner/{one}")},
                "organization": {"reference": format!("Organization/{other}")}}),
            )
        }
        What::Space { holder, open, phone, practitioner } => {
            let value = space(names, ids, *holder, *open, phone, practitioner);
            make(&operator, value)
        }
        What::Relative { of, person: whom, active } => make(
            &operator,
            json!({"resourceType": "RelatedPerson", "active": active,
            "patient": person(&names.ins(*of)), "identifier": [{"system": INS, "value": names.ins(*whom)}], "name": [{"family": family}]}),
        ),
        What::Team { of, members, manager, active } => {
            let members: Vec<Value> = members.iter().map(|one| json!({"member": party(&names.party(*one))})).collect();
            let mut team = json!({"resourceType": "CareTeam", "status": if *active { "active" } else { "inactive" },
                "subject": person(&names.ins(*of)), "participant": members});
            if let Some(manager) = manager {
                team["managingOrganization"] = json!([party(&names.structure(*manager))]);
            }
            make(&Who::Holder(*of), team)
        }
        What::Consent(one) => {
            let actor = match &one.named {
                Named::Nobody => Value::Null,
                Named::Party(named) => party(&names.party(*named)),
                Named::Team(team) => json!({"reference": format!("CareTeam/{}", id_of(ids, team))}),
                Named::Application => {
                    json!({"identifier": {"system": format!("{}/NamingSystem/application", crate::support::build::CB), "value": "app"}})
                }
            };
            let mut value = consent(&names.ins(one.of), &one.kind, if one.permits { "permit" } else { "deny" }, actor);
            for (side, day) in [("start", &one.start), ("end", &one.end)].into_iter().filter(|(_, day)| !day.is_empty()) {
                value["provision"]["period"][side] = day.as_str().into();
            }
            if !one.part.is_empty() {
                value["provision"]["class"] = json!([{"system": "http://hl7.org/fhir/resource-types", "code": one.part}]);
            }
            if one.named == Named::Application {
                value["provision"]["class"] = json!([{"system": "http://hl7.org/fhir/resource-types", "code": "DocumentReference"}]);
                value["provision"]["purpose"] = json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT"}]);
            }
            if matches!(one.by, Who::Professional(_)) {
                value["verification"] = json!([{"verified": true, "verifiedWith": person(&names.ins(one.of))}]);
            }
            make(&one.by, value)
        }
        What::End(name) => {
            let given = world.iter().find_map(|step| match &step.what {
                What::Consent(one) if step.name == *name => Some(one.by.clone()),
                _ => None,
            });
            let by = names.who(&given.unwrap());
            let path = format!("Consent/{}", id_of(ids, name));
            let before = server.get(&by, &path);
            if before.status != 200 {
                return (before, true);
            }
            let mut value = before.json();
            value["status"] = "inactive".into();
            (server.fhir(&by, "PUT", &path, Some(&value)), true)
        }
        What::Document(one) => {
            let value = document(names, ids, one);
            if one.report == 0 {
                return make(&one.by, value);
            }
            (server.fhir(&names.who(&one.by), "POST", "", Some(&with_report(names, one, value))), true)
        }
        What::Set(one) => {
            let value = set(names, ids, one);
            make(&one.by, value)
        }
        What::Edit { document, by, edit } => {
            let path = format!("DocumentReference/{}", id_of(ids, document));
            (server.fhir(&names.who(by), "PATCH", &path, Some(&patch(*edit))), true)
        }
        What::Renumber(of) => {
            let identifier = json!([{"use": "official", "system": DEMO, "value": names.ins(*of)}]);
            (written_again(server, names, &id_of(ids, &format!("p{of}")), "identifier", identifier), true)
        }
        What::Merge { of, into } => {
            let other = format!("Patient/{}", id_of(ids, &format!("p{into}")));
            let link = json!([{"type": "replaced-by", "other": {"reference": other}}]);
            (written_again(server, names, &id_of(ids, &format!("p{of}")), "link", link), true)
        }
        What::Look { by, at } => {
            let kind = world.iter().find(|step| step.name == *at).map_or("DocumentReference", Step::resource);
            let id = id_of(ids, at);
            let path = if kind == "Patient" { format!("DocumentReference?patient={id}") } else { format!("{kind}/{id}") };
            (server.get(&names.who(by), &path), false)
        }
    }
}

/// Does one deed and keeps the ids of what it made.
///
/// # Errors
/// The deed, and what was answered instead.
pub fn perform(server: &Server, names: Names, ids: &mut Ids, world: &[Step], step: &Step) -> Result<(), String> {
    let (answer, must) = send(server, names, ids, world, step);
    if must && !matches!(answer.status, 200 | 201) {
        return Err(format!("the second reader lets {step:?} be done, the server answers {}: {}", answer.status, answer.text()));
    }
    if step.resource().is_empty() {
        return Ok(());
    }
    let mut value = answer.json();
    if let (What::Document(document), "transaction-response") = (&step.what, value["type"].as_str().unwrap_or_default()) {
        // Several documents may bring versions of one report: it has one name, by its number.
        for (place, letter) in [(1, "r"), (2, "o")] {
            let location = value["entry"][place]["response"]["location"].as_str().unwrap();
            ids.insert(format!("d{}{letter}", document.report), location.rsplit('/').nth(2).unwrap().to_owned());
        }
        value = value["entry"][0]["resource"].clone();
    }
    ids.insert(step.name.clone(), value["id"].as_str().unwrap().to_owned());
    if let Some(url) = value.pointer("/content/0/attachment/url").and_then(Value::as_str) {
        ids.insert(format!("{}b", step.name), url.rsplit('/').next().unwrap().to_owned());
    }
    Ok(())
}
