//! A trace as an AuditEvent (FHIR R4 auditevent.html; the patterns of IHE BALP for read, query, create and update).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::clock::created;
use crate::fhir::national::{PSIDNAT, STRUCTIDNAT};
use crate::fhir::{ResourceType, primitive};
use crate::filter::Actor;
use crate::policy::projection::CB;
use crate::policy::{CallerKind, Purpose};
use crate::store::{StoredTrace, TraceReader};

pub use crate::store::Own;

const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const INTERACTIONS: &str = "http://hl7.org/fhir/restful-interaction";
const TRE_R248: &str = "https://mos.esante.gouv.fr/NOS/TRE_R248-TypeAccesDMP/FHIR/TRE-R248-TypeAccesDMP";

/// Who reads: decides what a trace may name.
pub type Reader = TraceReader;

fn code(system: &str, code: &str) -> Value {
    json!({"coding": [{"system": system, "code": code}]})
}

/// The AuditEvent of a trace, for this reader.
pub fn render(trace: &StoredTrace, reader: Reader) -> Value {
    let row = &trace.row;
    let recorded = primitive::format_instant(created(row.key));
    let failed = row.status >= 400;
    let mut event = json!({
        "resourceType": "AuditEvent",
        "id": row.id,
        "meta": {"versionId": "1", "lastUpdated": recorded},
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest", "display": "RESTful Operation"},
        "subtype": subtype(&row.interaction),
        "action": action(&row.interaction),
        "recorded": recorded,
        "outcome": outcome(row.status),
        "purposeOfEvent": purpose(row.purpose),
        "agent": agents(trace, reader, failed),
        "source": {"observer": {"display": "Ensemble"}}
    });
    let entities = entities(trace, reader, failed);
    if let Some(members) = event.as_object_mut() {
        if failed {
            members.insert("outcomeDesc".into(), format!("HTTP {}", row.status).into());
        }
        members.insert("entity".into(), entities.into());
    }
    event
}

/// FHIR's code of an interaction; the name of an operation stands beside.
fn subtype(interaction: &str) -> Value {
    let coding = |system: &str, code: &str| json!({"system": system, "code": code});
    match interaction.strip_prefix('$') {
        Some(name) => json!([coding(INTERACTIONS, "operation"), coding(&format!("{CB}/CodeSystem/operation"), name)]),
        None => json!([coding(INTERACTIONS, interaction)]),
    }
}

/// FHIR's action code of an interaction.
pub fn action(interaction: &str) -> &'static str {
    match interaction {
        "create" => "C",
        "update" | "patch" => "U",
        "search-type" | "search-system" => "E",
        operation if operation.starts_with('$') => "E",
        _ => "R",
    }
}

/// FHIR's outcome code of a status.
fn outcome(status: i32) -> &'static str {
    match status {
        ..400 => "0",
        400..500 => "4",
        _ => "8",
    }
}

fn purpose(place: i16) -> Value {
    let purpose = usize::try_from(place).ok().and_then(|at| Purpose::ALL.get(at)).copied().unwrap_or(Purpose::Normal);
    let reason = match purpose {
        Purpose::Normal => "TREAT",
        Purpose::BreakGlass => "BTG",
        Purpose::Samu => "ETREAT",
    };
    json!([code("http://terminology.hl7.org/CodeSystem/v3-ActReason", reason), code(TRE_R248, purpose.as_str())])
}

/// How a trace names an actor.
pub fn who(actor: &Actor) -> Value {
    let id = actor.id();
    let identifier = match actor.kind() {
        'P' => json!({"system": PSIDNAT, "value": id}),
        'S' => json!({"system": STRUCTIDNAT, "value": id}),
        'H' => id.split_once('|').map_or_else(|| json!({"value": id}), |(system, value)| json!({"system": system, "value": value})),
        'A' => json!({"system": format!("{CB}/NamingSystem/application"), "value": id}),
        _ => json!({"system": format!("{CB}/NamingSystem/service"), "value": id}),
    };
    json!({"identifier": identifier})
}

/// Whether what a trace is about may be named: it is not hidden from the reader now. Of what one who acts for the person asked for
/// and did not find nothing is named: else its being hidden would tell it from what is absent.
fn is_named(trace: &StoredTrace, reader: Reader) -> bool {
    reader.is_told_all() || !trace.hidden && !trace.is_sent_and_not_found()
}

/// Whether the query of a trace may be shown, which may name what the request found. One that found several resources is as hidden
/// as any of them; but to a reader for whom hidden things do not exist, even the lack of a query would tell of one: it sees those
/// of representatives only, who find nothing that is so hidden.
fn shows_query(trace: &StoredTrace, reader: Reader) -> bool {
    let representative = kind(trace) == Some(CallerKind::Representative);
    is_named(trace, reader) && (reader.absent == 0 || representative)
}

/// Whether the rows of the matrix may be shown by which a trace was decided: each tells the type of something that was found. To a
/// reader for whom hidden things do not exist, those of a question that found several things tell of one that does not.
fn shows_rows(trace: &StoredTrace, reader: Reader) -> bool {
    !trace.row.target.is_empty() || shows_query(trace, reader)
}

/// The kind of caller.
fn kind(trace: &StoredTrace) -> Option<CallerKind> {
    usize::try_from(trace.row.kind).ok().and_then(|at| CallerKind::ALL.get(at)).copied()
}

fn agents(trace: &StoredTrace, reader: Reader, failed: bool) -> Vec<Value> {
    let row = &trace.row;
    let mut requestor = json!({
        "type": code("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP"),
        "who": who(&Actor::stored(row.actor.clone())),
        "requestor": true
    });
    if let Some(members) = requestor.as_object_mut() {
        let kind = kind(trace).map_or("unknown", CallerKind::as_str);
        let mut roles = vec![code(&format!("{CB}/CodeSystem/caller-kind"), kind)];
        if let Some((system, profession)) = row.profession.split_once('|') {
            roles.push(code(system, profession));
        }
        members.insert("role".into(), roles.into());
        if !row.agent_name.is_empty() {
            members.insert("name".into(), row.agent_name.clone().into());
        }
        // Why its own request was refused is not told to the one who was refused; and the rules tell the type of what is not named.
        let told = is_named(trace, reader) && !(reader.owns(row.kind) && failed);
        let (law, rows) = (format!("{CB}/law/{}", row.law), shows_rows(trace, reader));
        let address = |rule: &str| match rule.starts_with("M-") {
            true => rows.then(|| format!("{law}/matrix/{rule}").into()),
            false => Some(format!("{CB}/policy/{rule}").into()),
        };
        let mut policies: Vec<Value> = row.rules.split(' ').filter(|rule| !rule.is_empty()).filter_map(address).collect();
        // The law is told with the rules; where none decided, to those from whom nothing is hidden: to others it would tell that nothing is.
        if !row.law.is_empty() && (!policies.is_empty() || reader.is_told_all()) {
            policies.push(law.into());
        }
        if !policies.is_empty() && told {
            members.insert("policy".into(), policies.into());
        }
    }
    let mut agents = vec![requestor];
    if !row.structure.is_empty() {
        agents.push(json!({
            "type": code("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "enterer"),
            "who": who(&Actor::stored(row.structure.clone())),
            "requestor": false
        }));
    }
    let server = if matches!(row.interaction.as_str(), "create" | "update" | "patch") { "110152" } else { "110153" };
    agents.push(json!({"type": code(DCM, server), "who": {"display": "Ensemble"}, "requestor": false}));
    agents
}

fn entities(trace: &StoredTrace, reader: Reader, failed: bool) -> Vec<Value> {
    let row = &trace.row;
    let object = |kind: &str| json!({"system": "http://terminology.hl7.org/CodeSystem/audit-entity-type", "code": kind});
    let role = |code: &str| json!({"system": "http://terminology.hl7.org/CodeSystem/object-role", "code": code});
    let mut entities = Vec::new();
    if !trace.patient.is_empty() && (!reader.owns(row.kind) || row.found > 0) {
        entities.push(json!({"what": {"reference": format!("Patient/{}", trace.patient)}, "type": object("1"), "role": role("1")}));
    }
    // While the target is hidden from the reader, its traces show who, when and the kind of interaction.
    if is_named(trace, reader) {
        if let Some(resource) = ResourceType::from_number(row.target_type).filter(|_| !row.target.is_empty()) {
            entities.push(json!({"what": {"reference": format!("{resource}/{}", row.target)}, "type": object("2"), "role": role("4")}));
        }
        if !row.query.is_empty() && shows_query(trace, reader) {
            let resource = ResourceType::from_number(row.target_type).map_or("", ResourceType::name);
            let query = STANDARD.encode(format!("{resource}?{}", row.query));
            entities.push(json!({"type": object("2"), "role": role("24"), "query": query}));
        }
        if !row.reason.is_empty() && !failed {
            entities.push(json!({"type": object("4"), "name": "reason", "description": row.reason}));
        }
    }
    let mut transaction = Map::new();
    transaction.insert("what".into(), json!({"identifier": {"value": row.request}}));
    transaction.insert(
        "type".into(),
        json!({"system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "code": "XrequestId"}),
    );
    entities.push(Value::Object(transaction));
    entities
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::validate::validate;
    use crate::store::TraceRow;

    fn trace(status: i32, hidden: bool) -> StoredTrace {
        let row = TraceRow {
            holder: 1,
            acts_for: String::new(),
            elsewhere: false,
            key: 1,
            id: "t1".into(),
            kind: 0,
            actor: "P:810000000016".into(),
            structure: "S:1750000018".into(),
            agent_name: "Ana Martin".into(),
            profession: "https://x.example|10".into(),
            purpose: 0,
            reason: String::new(),
            interaction: "read".into(),
            status,
            target_type: ResourceType::DOCUMENT_REFERENCE.number(),
            target: "d1".into(),
            target_key: 5,
            query: "identifier=1".into(),
            found: i32::from(status < 400),
            disclosed: Vec::new(),
            rules: "R-0001 R-0003".into(),
            law: "x".into(),
            request: "r1".into(),
        };
        StoredTrace { row, patient: "p1".into(), hidden }
    }

    #[test]
    fn a_trace_is_a_valid_audit_event() {
        for status in [200, 404, 503] {
            let reader = Reader { unnamed: 2, absent: 0, ended: i64::MIN, own: Own::None };
            assert_eq!(validate(ResourceType::AUDIT_EVENT, &render(&trace(status, false), reader)), []);
        }
    }

    #[test]
    fn what_is_hidden_from_the_reader_is_not_named() {
        let (holder, representative, own) = (
            Reader { unnamed: 2, absent: 0, ended: i64::MIN, own: Own::None },
            Reader { unnamed: 2, absent: 4, ended: i64::MIN, own: Own::None },
            Reader { unnamed: 0, absent: 0, ended: i64::MIN, own: Own::Every },
        );
        let (by_professional, by_holder, by_representative) = (0, 2, 3);
        // Who asked, status, whether it is hidden, reader: whether the patient, the document, the query and the rules show.
        let rows = [
            (by_professional, 200, false, holder, [true, true, true, true]),
            (by_professional, 200, true, holder, [true, false, false, false]),
            (by_professional, 404, false, holder, [true, true, true, true]),
            (by_professional, 404, true, holder, [true, false, false, false]),
            (by_holder, 404, false, holder, [true, false, false, false]),
            (by_holder, 404, true, holder, [true, false, false, false]),
            (by_holder, 403, false, holder, [true, true, true, true]),
            (by_professional, 200, false, representative, [true, true, false, true]),
            (by_professional, 200, true, representative, [true, false, false, false]),
            (by_representative, 200, false, representative, [true, true, true, true]),
            (by_professional, 200, false, own, [true, true, true, true]),
            (by_professional, 404, false, own, [false, true, true, false]),
        ];
        for (kind, status, hidden, reader, expected) in rows {
            let mut trace = trace(status, hidden);
            trace.row.kind = kind;
            let event = render(&trace, reader);
            let text = event.to_string();
            let entities = event.get("entity").and_then(Value::as_array);
            let query = entities.is_some_and(|all| all.iter().any(|entity| entity.get("query").is_some()));
            let shown = [text.contains("Patient/p1"), text.contains("DocumentReference/d1"), query, text.contains("R-0001")];
            assert_eq!(shown, expected, "{kind} {status} {hidden} {reader:?}");
        }
    }

    #[test]
    fn the_law_is_told_with_the_rules_and_of_silence_to_those_from_whom_nothing_is_hidden() {
        let (auditor, holder, own) = (
            Reader { unnamed: 0, absent: 0, ended: i64::MIN, own: Own::None },
            Reader { unnamed: 2, absent: 0, ended: i64::MIN, own: Own::None },
            Reader { unnamed: 0, absent: 0, ended: i64::MIN, own: Own::Every },
        );
        let rows = [
            (200, "R-0001", auditor, vec!["policy/R-0001", "law/x"]),
            (404, "", auditor, vec!["law/x"]),
            (200, "R-0001", holder, vec!["policy/R-0001", "law/x"]),
            (404, "", holder, vec![]),
            (200, "", own, vec!["law/x"]),
            (404, "R-0010", own, vec![]),
        ];
        for (status, rules, reader, expected) in rows {
            let mut trace = trace(status, false);
            trace.row.rules = rules.into();
            let event = render(&trace, reader);
            let told = event.pointer("/agent/0/policy").and_then(Value::as_array).cloned().unwrap_or_default();
            let expected: Vec<Value> = expected.into_iter().map(|one| format!("{CB}/{one}").into()).collect();
            assert_eq!(told, expected, "{status} {rules:?} {reader:?}");
        }
    }
}
