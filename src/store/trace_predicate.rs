//! A filter on traces as SQL: their scopes and searches speak of the holder, the rights and the columns of `audit_event`, which answer
//! as the AuditEvent that is rendered of them would (`audit::render`).

use super::predicate::{condition, instant};
use super::search::TraceReader;
use super::sql::Statement;
use super::trace::{SENT_AND_NOT_FOUND, hides};
use crate::clock::KEY_EPOCH;
use crate::fhir::ResourceType;
use crate::fhir::national::{INS_DEMO, INS_NIA, INS_NIR, INS_TEST, PSIDNAT, STRUCTIDNAT};
use crate::filter::{EnvelopeTest, Filter, Param, ParamKind, RangeTest, Test};

/// Systems of `type`, `subtype`, `action` and `outcome`; R4 names the latter two under its own address, later releases elsewhere.
const TYPES: [&str; 1] = ["http://terminology.hl7.org/CodeSystem/audit-event-type"];
const INTERACTIONS: [&str; 1] = ["http://hl7.org/fhir/restful-interaction"];
/// How the addresses of rules begin, and of laws.
const RULES: &str = "https://ensemble.example/fhir/policy/";
const LAWS: &str = "https://ensemble.example/fhir/law/";

/// The operations that leave traces, and the system of their names.
const OPERATIONS: [&str; 1] = ["explain-access"];
const OPERATION_NAMES: [&str; 1] = ["https://ensemble.example/fhir/CodeSystem/operation"];
const ACTIONS: [&str; 3] = ["", "http://hl7.org/fhir/audit-event-action", "http://terminology.hl7.org/CodeSystem/audit-event-action"];
const OUTCOMES: [&str; 3] = ["", "http://hl7.org/fhir/audit-event-outcome", "http://terminology.hl7.org/CodeSystem/audit-event-outcome"];

/// The identifiers of actors: the system, and how the spelling of an actor begins before the value.
const IDENTIFIERS: [(char, &str); 8] = [
    ('P', PSIDNAT),
    ('S', STRUCTIDNAT),
    ('H', INS_NIR),
    ('H', INS_NIA),
    ('H', INS_TEST),
    ('H', INS_DEMO),
    ('A', "https://ensemble.example/fhir/NamingSystem/application"),
    ('X', "https://ensemble.example/fhir/NamingSystem/service"),
];

/// The types an agent may be of, and the actors that are; applications and the service itself have no type of ours.
const AGENTS: [(ResourceType, &[char]); 5] = [
    (ResourceType::PRACTITIONER, &['P']),
    (ResourceType::PRACTITIONER_ROLE, &['P']),
    (ResourceType::ORGANIZATION, &['S', 'A', 'X']),
    (ResourceType::PATIENT, &['H']),
    (ResourceType::RELATED_PERSON, &['H']),
];

/// The condition on a trace aliased `r`. What is not shown to the reader cannot be asked for.
pub fn trace_condition(filter: &Filter, reader: TraceReader, out: &mut Statement) {
    match filter {
        Filter::And(all) => list(all, " AND ", "1 = 1", reader, out),
        Filter::Or(any) => list(any, " OR ", "1 = 0", reader, out),
        Filter::Not(inner) => {
            out.sql("NOT (");
            trace_condition(inner, reader, out);
            out.sql(")");
        }
        Filter::LastUpdated(test) => recorded(*test, out),
        Filter::Envelope(EnvelopeTest::SubmittedBy(actor)) => {
            out.sql("r.actor = ").text(actor.as_str());
        }
        Filter::Index(param, test) => index(*param, test, reader, out),
        Filter::HolderNamed(_) => {
            out.sql(&reader.shown_holder());
            condition(filter, out);
        }
        Filter::Nothing | Filter::Everything | Filter::Id(_) | Filter::Holder(_) | Filter::Right(_) => condition(filter, out),
        Filter::Envelope(EnvelopeTest::HolderIs(_)) => condition(filter, out),
        // A trace has no labels or parties, and refers to nothing that is searched with it.
        Filter::Envelope(_) | Filter::Via(..) | Filter::Has(..) => {
            out.sql("1 = 0");
        }
    }
}

fn list(filters: &[Filter], between: &str, none: &str, reader: TraceReader, out: &mut Statement) {
    if filters.is_empty() {
        out.sql(none);
        return;
    }
    for (place, filter) in filters.iter().enumerate() {
        out.sql(if place == 0 { "(" } else { between }).sql("(");
        trace_condition(filter, reader, out);
        out.sql(")");
    }
    out.sql(")");
}

/// When a trace was recorded: the microseconds of its key.
fn recorded(test: RangeTest, out: &mut Statement) {
    instant(test, "r.key", |micros| micros.saturating_sub(KEY_EPOCH).saturating_mul(1024), out);
}

/// Whether one of these tokens is the code, in any spelling: alone, with one of these systems, or the system alone.
fn is_asked(values: &[String], systems: &[&str], code: &str) -> bool {
    let fits = |rest: &str| rest.strip_prefix('|').is_some_and(|rest| rest.is_empty() || rest == code);
    let with = |value: &String| systems.iter().any(|system| value.strip_prefix(system).is_some_and(fits));
    values.iter().any(|value| value == code || with(value))
}

/// A column that is one of the codes asked for, of all that there are.
fn coded(column: &str, codes: &[&str], systems: &[&str], values: &[String], out: &mut Statement) {
    let asked: Vec<&str> = codes.iter().copied().filter(|code| is_asked(values, systems, code)).collect();
    out.sql(column).sql(" IN (");
    if asked.is_empty() {
        out.sql("NULL");
    }
    out.texts(asked).sql(")");
}

fn index(param: Param, test: &Test, reader: TraceReader, out: &mut Statement) {
    let of = |code: &str| param == Param::new(ResourceType::AUDIT_EVENT, code);
    match test {
        Test::Date(test) if of("date") => recorded(*test, out),
        Test::Token(values) if of("type") => {
            out.sql(if is_asked(values, &TYPES, "rest") { "1 = 1" } else { "1 = 0" });
        }
        Test::Token(values) if of("subtype") => {
            let codes = ["read", "vread", "history-instance", "search-type", "search-system", "create", "update", "patch", "delete"];
            out.sql("(");
            coded("r.interaction", &codes, &INTERACTIONS, values, out);
            // An operation has two codes: that it is one, and its name.
            for name in OPERATIONS {
                let asked = is_asked(values, &INTERACTIONS, "operation") || is_asked(values, &OPERATION_NAMES, name);
                if asked {
                    out.sql(" OR r.interaction = ").text(format!("${name}"));
                }
            }
            out.sql(")");
        }
        Test::Token(values) if of("action") => {
            let action = "(CASE WHEN r.interaction = 'create' THEN 'C' WHEN r.interaction IN ('update', 'patch') THEN 'U' \
                          WHEN r.interaction IN ('search-type', 'search-system', '$explain-access') THEN 'E' ELSE 'R' END)";
            coded(action, &["C", "R", "U", "D", "E"], &ACTIONS, values, out);
        }
        Test::Token(values) if of("outcome") => {
            let outcome = "(CASE WHEN r.status < 400 THEN '0' WHEN r.status < 500 THEN '4' ELSE '8' END)";
            coded(outcome, &["0", "4", "8", "12"], &OUTCOMES, values, out);
        }
        Test::Token(values) if of("entity:identifier") => {
            out.sql("r.request IN (").texts(values.iter().map(|value| value.strip_prefix('|').unwrap_or(value))).sql(")");
        }
        Test::Reference(values) if of("patient") => {
            let patients: Vec<String> = values.iter().filter(|value| value.starts_with("Patient/")).cloned().collect();
            entity(&patients, reader, out);
        }
        Test::Reference(values) if of("entity") => entity(values, reader, out),
        Test::Uri(values) if of("policy") => policy(Some(values), reader, out),
        Test::Present(ParamKind::Uri) if of("policy") => policy(None, reader, out),
        Test::Token(values) => agent(param, Some(values), out),
        Test::Present(ParamKind::Token) if ["type", "subtype", "action", "outcome", "entity:identifier"].into_iter().any(of) => {
            out.sql("1 = 1");
        }
        Test::Present(ParamKind::Date) if of("date") => {
            out.sql("1 = 1");
        }
        Test::Present(ParamKind::Token) => agent(param, None, out),
        Test::Present(ParamKind::Reference) if of("entity") || of("patient") => {
            out.sql("((").sql(&reader.shown_holder()).sql("COALESCE(h.patient, '') <> '') OR (r.target <> ''");
            if of("patient") {
                out.sql(" AND r.target_type = ").number(ResourceType::PATIENT.number());
            }
            named_target(reader, out);
            out.sql("))");
        }
        _ => {
            out.sql("1 = 0");
        }
    }
}

/// What a trace names: the Patient of the record, and the resource as asked.
fn entity(values: &[String], reader: TraceReader, out: &mut Statement) {
    out.sql("(1 = 0");
    for value in values {
        let Some((name, id)) = value.split_once('/') else { continue };
        let Some(resource) = ResourceType::parse(name) else { continue };
        if resource == ResourceType::PATIENT {
            out.sql(" OR (").sql(&reader.shown_holder()).sql("COALESCE(h.patient, '') = ").text(id).sql(")");
        }
        out.sql(" OR (r.target_type = ").number(resource.number()).sql(" AND r.target = ").text(id);
        named_target(reader, out);
        out.sql(")");
    }
    out.sql(")");
}

fn named_target(reader: TraceReader, out: &mut Statement) {
    out.sql(" AND NOT (");
    reader.unnamed("t", out);
    out.sql(")");
    if !reader.is_told_all() {
        out.sql(" AND NOT ").sql(SENT_AND_NOT_FOUND);
    }
}

/// By which rules, rows of the matrix and law it was decided, as far as that is shown to the reader; any at all where no values are
/// given.
fn policy(values: Option<&[String]>, reader: TraceReader, out: &mut Statement) {
    out.sql("(");
    if reader.is_told_all() {
        out.sql(&reader.shown_rules());
    } else {
        out.sql("NOT (");
        hides(reader, None, out);
        out.sql(") AND NOT ").sql(SENT_AND_NOT_FOUND);
    }
    let law = if reader.is_told_all() { "r.law <> ''" } else { "(r.law <> '' AND r.rules <> '')" };
    out.sql(" AND (1 = 0");
    let Some(values) = values else {
        out.sql(" OR r.rules <> '' OR ").sql(law).sql("))");
        return;
    };
    // What rules and rows are called; LIKE knows no case on SQLite.
    let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
    let among = |id: &str, out: &mut Statement| {
        out.sql("(' ' || r.rules || ' ') LIKE ").text(format!("% {id} %"));
    };
    for value in values {
        if let Some(rule) = value.strip_prefix(RULES).filter(|rule| word(rule) && !rule.starts_with("M-")) {
            out.sql(" OR ");
            among(rule, out);
        }
        let Some(rest) = value.strip_prefix(LAWS) else { continue };
        match rest.split_once("/matrix/") {
            None => {
                out.sql(" OR (").sql(law).sql(" AND r.law = ").text(rest).sql(")");
            }
            Some((version, row)) if word(row) && row.starts_with("M-") => {
                out.sql(" OR (r.law = ").text(version).sql(" AND ");
                among(row, out);
                // As they are shown, see `audit::render`.
                if reader.absent != 0 {
                    out.sql(" AND (r.target <> '' OR r.kind = 3)");
                }
                out.sql(")");
            }
            Some(_) => {}
        }
    }
    out.sql("))");
}

/// Who acted, or the structure it acted for: `agent:identifier`, and `agent.identifier` with the type that each agent is of. Any at
/// all where no values are given.
fn agent(param: Param, values: Option<&[String]>, out: &mut Statement) {
    let agent = Param::new(ResourceType::AUDIT_EVENT, "agent");
    let through = |resource: ResourceType| agent.through(Param::new(resource, "identifier"));
    let of_type = AGENTS.iter().find(|(resource, _)| param == through(*resource) || param == agent.through_any(*resource));
    let kinds: &[char] = match of_type {
        Some((_, kinds)) => kinds,
        None if param == Param::new(ResourceType::AUDIT_EVENT, "agent:identifier") => &['P', 'S', 'H', 'A', 'X'],
        None => &[],
    };
    let (mut actors, mut beginnings): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for (kind, system) in IDENTIFIERS.iter().filter(|(kind, _)| kinds.contains(kind)) {
        let before = if *kind == 'H' { format!("H:{system}|") } else { format!("{kind}:") };
        let Some(values) = values else {
            beginnings.push(before);
            continue;
        };
        for value in values {
            actors.push(format!("{before}{value}"));
            match value.strip_prefix(system).and_then(|rest| rest.strip_prefix('|')) {
                Some("") => beginnings.push(before.clone()),
                Some(code) => actors.push(format!("{before}{code}")),
                None => {}
            }
        }
    }
    out.sql("(1 = 0");
    for column in ["r.actor", "r.structure"] {
        if !actors.is_empty() {
            out.sql(" OR ").sql(column).sql(" IN (").texts(actors.iter().map(String::as_str)).sql(")");
        }
        for before in &beginnings {
            out.sql(" OR (").sql(column).sql(" >= ").text(before).sql(" AND ").sql(column).sql(" < ").text(format!("{before}\u{10ffff}"));
            out.sql(")");
        }
    }
    out.sql(")");
}
