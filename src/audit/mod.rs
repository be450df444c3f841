//! One trace per request that touches a record, with the rules that decided (P2); rendered to AuditEvent when read.

mod render;

pub use crate::store::trace::OTHERS;
pub use render::{Own, Reader, render, who};

use crate::clock::Clock;
use crate::fhir::ResourceType;
use crate::policy::{Caller, Purpose};
use crate::store::TraceRow;

/// Characters of a query that are kept.
const QUERY_CHARS_MAX: usize = 2_000;

/// Who asked what; the rest of a trace is what became of it.
#[derive(Clone)]
pub struct Request<'a> {
    /// The caller.
    pub caller: &'a Caller,
    /// FHIR's code of the interaction.
    pub interaction: &'static str,
    /// The type asked for.
    pub resource: ResourceType,
    /// The logical id as asked, or empty.
    pub target: String,
    /// The query as asked, or empty.
    pub query: String,
    /// The request id.
    pub id: &'a str,
    /// Version of the authorization tables.
    pub law: &'a str,
    /// Whether it is answered by records, whatever type it asks for.
    pub reaches: bool,
}

/// What became of a request, for one holder.
#[derive(Debug, Clone, Default)]
pub struct Happened {
    /// Whose record it touched; 0 for none that exists: then the trace belongs to the person the caller acts for, if any.
    pub holder: i64,
    /// The key of the one resource reached, else 0.
    pub key: i64,
    /// How many resources of the holder were disclosed.
    pub found: i32,
    /// The keys of the resources disclosed, where they are several; with [`OTHERS`] where the query may tell of more than these.
    pub disclosed: Vec<i64>,
    /// The rules that decided.
    pub rules: Vec<String>,
    /// Whether the caller acts for another than this holder.
    pub elsewhere: bool,
}

/// The row of the trace.
pub fn row(request: &Request<'_>, clock: &Clock, status: u16, happened: &Happened) -> TraceRow {
    let caller = request.caller;
    let place = |at: Option<usize>| at.and_then(|at| i16::try_from(at).ok()).unwrap_or(-1);
    let name = [caller.given.as_deref(), caller.family.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    TraceRow {
        holder: happened.holder,
        acts_for: caller.acts_for.clone().unwrap_or_default(),
        elsewhere: happened.elsewhere,
        key: clock.next_key(),
        id: clock.next_id(),
        kind: caller.kind.number(),
        actor: caller.principal.as_str().to_owned(),
        structure: caller.structure.as_ref().map_or_else(String::new, |structure| structure.as_str().to_owned()),
        agent_name: name,
        profession: caller.profession.as_ref().map_or_else(String::new, |code| format!("{}|{}", code.system, code.code)),
        purpose: place(Purpose::ALL.iter().position(|purpose| *purpose == caller.purpose)),
        reason: caller.reason.clone().unwrap_or_default(),
        interaction: request.interaction.to_owned(),
        status: i32::from(status),
        target_type: request.resource.number(),
        target: request.target.clone(),
        target_key: happened.key,
        query: request.query.chars().take(QUERY_CHARS_MAX).filter(|c| *c != '\0').collect(),
        found: happened.found,
        disclosed: happened.disclosed.clone(),
        rules: happened.rules.join(" "),
        law: request.law.to_owned(),
        request: request.id.to_owned(),
    }
}
