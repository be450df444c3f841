//! The traces: compact rows, only ever appended, many requests in one commit.

use diesel::sql_types::{BigInt, Integer, SmallInt, Text};

use super::error::Error;
use super::pool::AnyConnection;
use super::sql::Statement;

/// One row of `audit_event` (FHIR R4 auditevent.html; BALP's patterns when rendered).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceRow {
    /// Whose record was touched; 0 when none that exists.
    pub holder: i64,
    /// Order of recording, see `clock`.
    pub key: i64,
    /// The logical id of the AuditEvent.
    pub id: String,
    /// The kind of caller, by its place in `CallerKind::ALL`.
    pub kind: i16,
    /// The actor.
    pub actor: String,
    /// The structure it acted for, or empty.
    pub structure: String,
    /// Its name as the token told it, or empty.
    pub agent_name: String,
    /// Profession as `system|code`, or empty.
    pub profession: String,
    /// Mode of access, by its place in `Purpose::ALL`.
    pub purpose: i16,
    /// Why, in break-glass.
    pub reason: String,
    /// FHIR's code of the interaction.
    pub interaction: String,
    /// The HTTP status answered.
    pub status: i32,
    /// The number of the resource type asked for.
    pub target_type: i16,
    /// The logical id as asked, or empty.
    pub target: String,
    /// The key of the resource reached, 0 for none.
    pub target_key: i64,
    /// The query as asked, for searches.
    pub query: String,
    /// How many resources of this holder were disclosed.
    pub found: i32,
    /// The rules that decided, with blanks between.
    pub rules: String,
    /// Version of the authorization tables.
    pub law: String,
    /// The request id.
    pub request: String,
}

/// A trace as read back, with what says whether its target may be named to the reader.
#[derive(Debug, Clone)]
pub struct StoredTrace {
    /// The row.
    pub row: TraceRow,
    /// The id of the Patient, or empty.
    pub patient: String,
    /// Labels of the target now, 0 for none.
    pub labels: i16,
}

/// Binds of one row; SQLite takes 32 766 in a statement, PostgreSQL 65 535.
const ROWS_PER_STATEMENT: usize = 500;

/// The columns, in the order of [`TraceRow`].
const COLUMNS: &str = "holder, key, id, kind, actor, structure, agent_name, profession, purpose, reason, interaction, status, target_type, \
                       target, target_key, query, found, rules, law, request";

/// Appends rows, in as few statements as their number allows.
///
/// # Errors
/// [`Error::Away`], or what the database says.
pub fn insert_traces<'a>(connection: &mut AnyConnection, rows: impl IntoIterator<Item = &'a TraceRow>) -> Result<(), Error> {
    let rows: Vec<&TraceRow> = rows.into_iter().collect();
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        let mut statement = Statement::new("INSERT INTO audit_event (");
        statement.sql(COLUMNS).sql(") VALUES ");
        for (place, row) in chunk.iter().enumerate() {
            statement.sql(if place == 0 { "(" } else { ", (" });
            statement.big(row.holder).sql(", ").big(row.key).sql(", ").text(&row.id).sql(", ").small(row.kind).sql(", ").text(&row.actor);
            statement.sql(", ").text(&row.structure).sql(", ").text(&row.agent_name).sql(", ").text(&row.profession).sql(", ");
            statement.small(row.purpose).sql(", ").text(&row.reason).sql(", ").text(&row.interaction).sql(", ").int(row.status).sql(", ");
            statement.small(row.target_type).sql(", ").text(&row.target).sql(", ").big(row.target_key).sql(", ").text(&row.query).sql(", ");
            statement.int(row.found).sql(", ").text(&row.rules).sql(", ").text(&row.law).sql(", ").text(&row.request).sql(")");
        }
        statement.execute(connection)?;
    }
    Ok(())
}

type Columns = (
    (BigInt, BigInt, Text, SmallInt, Text, Text, Text, Text, SmallInt, Text),
    (Text, Integer, SmallInt, Text, BigInt, Text, Integer, Text, Text, Text),
    (Text, SmallInt),
);
type Values = (
    (i64, i64, String, i16, String, String, String, String, i16, String),
    (String, i32, i16, String, i64, String, i32, String, String, String),
    (String, i16),
);

/// The traces `r` with their holder `h` and their target as it is now, `t`.
pub const FROM: &str = "FROM audit_event r LEFT JOIN holder h ON h.holder = r.holder \
                        LEFT JOIN resource t ON t.holder = r.holder AND t.key = r.target_key ";

/// Runs a selection of traces; `condition` begins with `WHERE`.
///
/// # Errors
/// [`Error::Away`], or what the database says.
pub fn select_traces(connection: &mut AnyConnection, condition: Statement) -> Result<Vec<StoredTrace>, Error> {
    let mut statement = Statement::new(
        "SELECT r.holder, r.key, r.id, r.kind, r.actor, r.structure, r.agent_name, r.profession, r.purpose, r.reason, r.interaction, \
         r.status, r.target_type, r.target, r.target_key, r.query, r.found, r.rules, r.law, r.request, COALESCE(h.patient, ''), \
         COALESCE(t.labels, CAST(0 AS SMALLINT)) ",
    );
    statement.sql(FROM).append(condition);
    let rows: Vec<Values> = statement.load::<Columns, Values>(connection)?;
    Ok(rows.into_iter().map(stored).collect())
}

fn stored((first, second, third): Values) -> StoredTrace {
    let (holder, key, id, kind, actor, structure, agent_name, profession, purpose, reason) = first;
    let (interaction, status, target_type, target, target_key, query, found, rules, law, request) = second;
    let row = TraceRow {
        holder,
        key,
        id,
        kind,
        actor,
        structure,
        agent_name,
        profession,
        purpose,
        reason,
        interaction,
        status,
        target_type,
        target,
        target_key,
        query,
        found,
        rules,
        law,
        request,
    };
    StoredTrace { row, patient: third.0, labels: third.1 }
}
