//! Invented people for the sandbox (CONTRACT 2): holders, professionals, structures and documents, the same ones every time.
//!
//! They are made through the interactions that any client uses, by callers whose tokens the sandbox's issuer made.

mod content;
mod populate;
mod tables;

pub use populate::populate;

use serde_json::{Value, json};

use crate::filter::Actor;
use crate::filter::HolderName;
use crate::interaction::{Error, Service};
use crate::store;
use tables::{holders, professionals, structures};

/// Everybody, with ready-made token requests (`GET /sandbox/people`).
///
/// # Errors
/// [`Error::Away`].
pub async fn people(service: &Service) -> Result<Value, Error> {
    let names: Vec<HolderName> = holders().map(|holder| HolderName::Identifier(holder.ins())).collect();
    let nobody = Actor::stored(String::new());
    let rows = service.store.run(move |connection| store::search::standings(connection, &names, &[], &nobody)).await?;
    let patient = |ins: &str| rows.iter().find(|standing| standing.row.ins == ins).map(|standing| standing.row.patient.clone());
    let mut persons = Vec::new();
    let mut representatives = Vec::new();
    for holder in holders() {
        let ins = holder.ins();
        let mut person = json!({
            "name": format!("{} {}", holder.given, holder.family), "ins": ins, "patient": patient(&ins),
            "birthDate": holder.born, "state": holder.state, "note": holder.note
        });
        if holder.is_minor() {
            let parents = holders().filter(|parent| tables::PARENTS.contains(&parent.key));
            representatives.extend(parents.map(|parent| {
                let name = format!("{} {}, for {}", parent.given, parent.family, holder.given);
                json!({"name": name, "token": {"kind": "representative", "ins": parent.ins(), "for": ins}})
            }));
        } else if let Some(members) = person.as_object_mut() {
            members.insert("token".into(), json!({"kind": "holder", "ins": ins}));
        }
        persons.push(person);
    }
    let professionals: Vec<Value> = professionals()
        .map(|one| json!({"name": format!("{} {}", one.given, one.family), "note": one.note, "token": one.token_request()}))
        .collect();
    let structures: Vec<Value> =
        structures().map(|one| json!({"name": one.name, "note": one.note, "token": {"kind": "structure", "id": one.id}})).collect();
    let services: Vec<Value> =
        ["operator", "auditor", "tester"].iter().map(|kind| json!({"name": kind, "token": {"kind": kind}})).collect();
    Ok(json!({
        "holders": persons, "representatives": representatives, "professionals": professionals, "structures": structures, "services": services
    }))
}
