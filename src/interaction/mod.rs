//! FHIR's interactions (FHIR R4 http.html), one file each. Every one asks the policy first and leaves its trace before it answers.

mod admission;
mod bundle;
mod canonical;
mod capabilities;
mod care_team;
mod changes;
mod clear;
mod condition;
mod consent;
mod content;
mod create;
mod cursor;
mod delete;
mod deposit;
mod document;
mod error;
mod explain;
mod fhirpath_patch;
mod folder;
mod header;
mod history;
mod history_type;
mod holder;
mod identity;
mod includes;
mod json_patch;
mod labels;
mod links;
mod list;
mod listed;
pub mod load;
mod naming;
mod notice;
mod outcome;
mod patch;
mod patient;
mod perform;
mod plain;
mod read;
mod report;
mod route;
mod search_status;
mod search_system;
mod search_traces;
mod search_type;
mod searchset;
mod stored;
mod streamed;
mod subset;
mod update;

pub use bundle::{Shown, bundle};
pub use capabilities::capabilities;
pub use condition::Which;
pub use create::{admits, create};
pub use delete::delete;
pub use error::Error;
pub use explain::offers;
pub use history::{history, vread};
pub use history_type::history_type;
pub use outcome::outcome_of;
pub use patch::{Operations, patch};
pub use patient::{close_space, oppose_space};
pub use perform::{Sent, not_utf8, pairs, perform};
pub use read::{Wanted, read};
pub use route::{Route, route};
pub use search_system::search_system;
pub use search_type::{Compartment, search};
pub use streamed::Content;
pub use update::update;

use std::sync::Arc;

use crate::audit::{self, Happened};
use crate::auth::Sealer;
use crate::clock::Clock;
use crate::fhir::ResourceType;
use crate::fhir::message::Language;
use crate::filter::HolderRow;
use crate::policy::{Caller, CallerKind, Policy};
use crate::store::{self, AnyConnection, Store, TraceRow};

/// Which INS are taken at the creation of a space (CONTRACT 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identities {
    /// The sandbox: all four systems.
    All,
    /// `serve` with `environment = "test"`: test and demonstration only.
    Test,
    /// `serve`: the true ones only.
    Real,
}

/// What the operator of the server chose.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which INS are taken.
    pub identities: Identities,
    /// Whether an unknown search parameter is an error even without `Prefer: handling=strict`.
    pub strict_search: bool,
    /// Whether what departs from the guides' profiles is refused, not warned of.
    pub strict_admission: bool,
    /// Whether `MASQUE_PS` and `INVISIBLE_PATIENT` may stand together.
    pub masked_and_hidden: bool,
    /// Whether the sandbox issuer stands beside, for the CapabilityStatement.
    pub sandbox: bool,
}

impl Settings {
    /// Those of the sandbox.
    pub fn sandbox() -> Self {
        Self { identities: Identities::All, strict_search: false, strict_admission: false, masked_and_hidden: false, sandbox: true }
    }
}

/// What every interaction needs.
#[derive(Clone)]
pub struct Service {
    /// The database.
    pub store: Store,
    /// The law.
    pub policy: Arc<Policy>,
    /// The clock.
    pub clock: Clock,
    /// Seals cursors.
    pub sealer: Sealer,
    /// The address of this server's FHIR base, without a slash at its end.
    pub base_url: Arc<str>,
    /// What the operator chose.
    pub settings: Arc<Settings>,
}

/// A request, taken from HTTP.
#[derive(Clone)]
pub struct Request {
    /// Who asks.
    pub caller: Arc<Caller>,
    /// The request id.
    pub id: String,
    /// The versions of `If-Match`, one of which must be current; `None` for any.
    pub if_match: Option<Vec<i32>>,
    /// `If-None-Match: *`: an update is only for what does not exist yet.
    pub only_new: bool,
    /// The parameters of `If-None-Exist`.
    pub if_none_exist: Option<Vec<(String, String)>>,
    /// `Prefer: handling=strict`.
    pub strict: bool,
    /// The id that what is created gets, where others refer to it already; `None` for a new one.
    pub new_id: Option<String>,
    /// The language of what is said in the answer.
    pub language: Language,
    /// Whether the submission set of what is deposited comes with it, so that the server makes none.
    pub submitted: bool,
}

impl Request {
    /// A request without conditions.
    pub fn new(caller: Arc<Caller>, id: impl Into<String>) -> Self {
        Self {
            caller,
            id: id.into(),
            if_match: None,
            only_new: false,
            if_none_exist: None,
            strict: false,
            new_id: None,
            language: Language::default(),
            submitted: false,
        }
    }

    /// The current version must be one that the request is for (FHIR R4 http.html#concurrency).
    ///
    /// # Errors
    /// [`Error::Precondition`].
    fn expect_version(&self, current: i32) -> Result<(), Error> {
        match &self.if_match {
            Some(versions) if !versions.is_empty() && !versions.contains(&current) => {
                Err(Error::Precondition(format!("version {current} is current")))
            }
            _ => Ok(()),
        }
    }

    /// The id of what is created.
    fn id_of_new(&self, clock: &Clock) -> String {
        self.new_id.clone().unwrap_or_else(|| clock.next_id())
    }

    /// Whether a tester asks.
    fn is_tester(&self) -> bool {
        self.caller.kind == CallerKind::Tester
    }
}

/// What is sent back.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; empty for none.
    pub body: Vec<u8>,
    /// The media type of a body that is no FHIR resource.
    pub media: Option<String>,
    /// The content of a large Binary, sent as it is or in the place the body keeps for it.
    pub content: Option<Content>,
    /// The version of the one resource answered.
    pub version: Option<i32>,
    /// When it was written, microseconds.
    pub updated: Option<i64>,
    /// Where what was created is: `Type/id/_history/1`.
    pub location: Option<String>,
    /// Warnings, as issues of an OperationOutcome.
    pub warnings: Vec<serde_json::Value>,
    /// What was written of what a report contained: its id there, and where it is: `Observation/id/_history/1`.
    pub parts: Vec<(String, String)>,
}

/// An error with the record it touched, so that its trace finds its holder.
#[derive(Debug)]
struct Refused {
    error: Error,
    holder: i64,
    key: i64,
    rules: Vec<String>,
    /// Where the caller may not know that record.
    unknown: Option<Box<Unknown>>,
}

/// A record that the caller may not know.
#[derive(Debug)]
struct Unknown {
    /// Each INS of its holder, blanks between them: maybe another than the person the caller acts for.
    ins: String,
    /// The keys of what a trace is about that was refused, where they are several.
    disclosed: Vec<i64>,
}

impl<E: Into<Error>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::at(error, 0, 0)
    }
}

impl store::Retry for Refused {
    fn is_busy(&self) -> bool {
        self.error.is_busy()
    }
}

impl Refused {
    /// The same, touching this record, which the caller sees.
    fn at(error: impl Into<Error>, holder: i64, key: i64) -> Self {
        Self { error: error.into(), holder, key, rules: Vec::new(), unknown: None }
    }

    /// The same, touching the record of this holder, which the caller may not know.
    fn of(error: impl Into<Error>, holder: &HolderRow, key: i64) -> Self {
        Self::at(error, holder.holder, key).unknown(format!("{} {}", holder.ins, holder.former), Vec::new())
    }

    /// The same, where the caller may not know the record.
    fn unknown(self, ins: String, disclosed: Vec<i64>) -> Self {
        Self { unknown: Some(Box::new(Unknown { ins, disclosed })), ..self }
    }
}

impl Service {
    fn asked<'a>(
        &'a self,
        request: &'a Request,
        interaction: &'static str,
        resource: ResourceType,
        target: &str,
        query: &str,
    ) -> audit::Request<'a> {
        audit::Request {
            caller: &request.caller,
            interaction,
            resource,
            target: target.to_owned(),
            query: query.to_owned(),
            id: &request.id,
            law: self.policy.version(),
            reaches: false,
        }
    }

    /// The rows of a request's trace: of one for records all that happened, of one for a directory what of records came along.
    fn rows(&self, asked: &audit::Request<'_>, status: u16, happened: &[Happened]) -> Vec<TraceRow> {
        if asked.caller.kind == CallerKind::Tester {
            return Vec::new();
        }
        let traced = happened.iter().filter(|one| self.policy.is_traced(asked.resource) || asked.reaches || one.holder > 0);
        traced.map(|one| audit::row(asked, &self.clock, status, one)).collect()
    }

    /// Commits the trace; nothing may be disclosed before (P2).
    async fn trace(&self, asked: &audit::Request<'_>, status: u16, happened: &[Happened]) -> Result<(), Error> {
        Ok(self.store.trace(self.rows(asked, status, happened)).await?)
    }

    /// Writes traces in the transaction of what they tell.
    fn trace_within(&self, connection: &mut AnyConnection, rows: Vec<TraceRow>) -> Result<(), store::Error> {
        self.store.trace_within(connection, rows)
    }

    /// The error as it is answered, once its trace is committed. What is only badly written touches no record.
    async fn refused(&self, asked: &audit::Request<'_>, refused: Refused) -> Error {
        let status = refused.error.status();
        if !matches!(status, 403 | 404 | 405 | 409 | 410 | 412 | 422) {
            return refused.error;
        }
        let Refused { error, holder, key, rules, unknown } = refused;
        let (ins, disclosed) = unknown.map(|unknown| (unknown.ins, unknown.disclosed)).unzip();
        // Beside the record it touched, the one it was sent from: for what exists elsewhere as for what exists nowhere.
        let is_other = |(own, ins): (&String, String)| ins.split(' ').all(|one| one != own);
        let elsewhere = asked.caller.acts_for.as_ref().zip(ins).is_some_and(is_other);
        let mut happened = vec![Happened { holder, key, found: 0, disclosed: disclosed.unwrap_or_default(), rules, elsewhere }];
        if elsewhere {
            happened.push(Happened::default());
        }
        match self.trace(asked, status, &happened).await {
            Ok(()) => error,
            Err(away) => away,
        }
    }
}
