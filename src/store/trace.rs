//! The traces: compact rows, only ever appended, many requests in one commit.

use diesel::sql_types::{BigInt, Integer, SmallInt, Text};

use super::error::Error;
use super::pool::AnyConnection;
use super::predicate::LOOKED_UP;
use super::search::TraceReader;
use super::sql::Statement;
use crate::fhir::ResourceType;

/// One row of `audit_event` (FHIR R4 auditevent.html; BALP's patterns when rendered).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceRow {
    /// Whose record was touched; 0 when none that exists.
    pub holder: i64,
    /// The INS of the person the caller acts for, or empty: whose record it belongs to where it touched none.
    pub acts_for: String,
    /// Whether that is another than the person whose record the trace is in.
    pub elsewhere: bool,
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
    /// The keys of these resources, where they are several, and [`OTHERS`].
    pub disclosed: Vec<i64>,
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
    /// Whether something is hidden from the reader now: the target, any of the resources disclosed, or any that the query may tell of.
    pub hidden: bool,
}

/// Stands among the keys disclosed for all other documents of the record: the query may tell of more than was disclosed, for the page
/// was a part of what matches, only a count was told, or the query reaches through references.
pub const OTHERS: i64 = 0;

/// Binds of one row; SQLite takes 32 766 in a statement, PostgreSQL 65 535.
const ROWS_PER_STATEMENT: usize = 500;

/// The columns, in the order of [`TraceRow`].
const COLUMNS: &str = "holder, key, id, kind, actor, structure, agent_name, profession, purpose, reason, interaction, status, target_type, \
                       target, target_key, query, found, rules, law, request, elsewhere";

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
            record(row, &mut statement);
            statement.sql(", ").big(row.key).sql(", ").text(&row.id).sql(", ").small(row.kind).sql(", ").text(&row.actor);
            statement.sql(", ").text(&row.structure).sql(", ").text(&row.agent_name).sql(", ").text(&row.profession).sql(", ");
            statement.small(row.purpose).sql(", ").text(&row.reason).sql(", ").text(&row.interaction).sql(", ").int(row.status).sql(", ");
            statement.small(row.target_type).sql(", ").text(&row.target).sql(", ").big(row.target_key).sql(", ").text(&row.query).sql(", ");
            statement.int(row.found).sql(", ").text(&row.rules).sql(", ").text(&row.law).sql(", ").text(&row.request);
            statement.sql(", ").small(i16::from(row.elsewhere)).sql(")");
        }
        statement.execute(connection)?;
    }
    let disclosed: Vec<(i64, i64, i64)> =
        rows.iter().flat_map(|row| row.disclosed.iter().map(|target| (row.holder, row.key, *target))).collect();
    for chunk in disclosed.chunks(ROWS_PER_STATEMENT) {
        let mut statement = Statement::new("INSERT INTO audit_disclosed (holder, key, target) VALUES ");
        for (place, (holder, key, target)) in chunk.iter().enumerate() {
            statement.sql(if place == 0 { "(" } else { ", (" }).big(*holder).sql(", ").big(*key).sql(", ").big(*target).sql(")");
        }
        statement.execute(connection)?;
    }
    Ok(())
}

/// The holder of a trace: the one touched, else the person acted for, found in the same statement.
fn record(row: &TraceRow, statement: &mut Statement) {
    if row.holder != 0 || row.acts_for.is_empty() {
        statement.big(row.holder);
    } else {
        statement.sql("COALESCE((SELECT own.holder FROM holder own WHERE own.ins = ").text(&row.acts_for);
        statement.sql("), (SELECT own.holder FROM former_ins own WHERE own.ins = ").text(&row.acts_for).sql("), 0)");
    }
}

/// The trace with this id, whoever may read it: whose record it is in, with each INS, and what it is about. Discloses nothing by
/// itself; it says where the trace of a refusal belongs.
///
/// # Errors
/// [`Error::Away`].
pub fn whose(connection: &mut AnyConnection, id: &str) -> Result<Option<(i64, String, i64, i64)>, Error> {
    let mut select = Statement::new("SELECT r.holder, COALESCE(' ' || h.ins || ' ' || h.former, ''), r.key, CASE WHEN ");
    select.sql(SENT_AND_NOT_FOUND).sql(" THEN 0 ELSE r.target_key END FROM audit_event r ");
    select.sql("LEFT JOIN holder h ON h.holder = r.holder WHERE r.id = ").text(id);
    Ok(select.load::<(BigInt, Text, BigInt, BigInt), _>(connection)?.into_iter().next())
}

/// The keys of what a request disclosed, where they are several.
///
/// # Errors
/// [`Error::Away`].
pub fn disclosed(connection: &mut AnyConnection, holder: i64, key: i64) -> Result<Vec<i64>, Error> {
    let mut select = Statement::new("SELECT target FROM audit_disclosed WHERE holder = ");
    select.big(holder).sql(" AND key = ").big(key).sql(" ORDER BY target");
    Ok(select.load::<BigInt, i64>(connection)?)
}

/// Begins a condition on the resources that the trace `r` disclosed, where they are several; the caller closes it with `LOOKED_UP`.
pub const DISCLOSED: &str = "EXISTS (SELECT 1 FROM audit_disclosed d JOIN resource x ON x.holder = d.holder AND x.key = d.target \
                             WHERE d.holder = r.holder AND d.key = r.key";

/// The traces `r` of what somebody who acts for the person asked for and did not find, hidden and absent alike: see
/// [`StoredTrace::is_sent_and_not_found`].
pub const SENT_AND_NOT_FOUND: &str = "(r.kind IN (2, 3, 4) AND r.elsewhere = 0 AND r.found = 0 AND r.status IN (404, 405))";

impl StoredTrace {
    /// Whether somebody who acts for the person (holder, representative, application) asked for something and did not find it. Its
    /// trace is in that person's record whether the thing is hidden, elsewhere or nowhere, and must not tell which.
    pub fn is_sent_and_not_found(&self) -> bool {
        matches!(self.row.kind, 2..=4) && !self.row.elsewhere && self.row.found == 0 && matches!(self.row.status, 404 | 405)
    }

    /// The key of the resource it tells of, 0 for none: also of one that must not tell.
    pub fn about(&self) -> i64 {
        if self.is_sent_and_not_found() { 0 } else { self.row.target_key }
    }
}

type Columns = (
    (BigInt, BigInt, Text, SmallInt, Text, Text, Text, Text, SmallInt, Text),
    (Text, Integer, SmallInt, Text, BigInt, Text, Integer, Text, Text, Text),
    (SmallInt, Text, SmallInt),
);
type Values = (
    (i64, i64, String, i16, String, String, String, String, i16, String),
    (String, i32, i16, String, i64, String, i32, String, String, String),
    (i16, String, i16),
);

/// The traces `r` with their holder `h` and their target as it is now, `t`.
pub const FROM: &str = "FROM audit_event r LEFT JOIN holder h ON h.holder = r.holder \
                        LEFT JOIN resource t ON t.holder = r.holder AND t.key = r.target_key ";

/// Runs a selection of traces for this reader; `condition` begins with `WHERE`, and is of one `holder` where that is given.
///
/// # Errors
/// [`Error::Away`], or what the database says.
pub fn select_traces(
    connection: &mut AnyConnection,
    reader: TraceReader,
    holder: Option<i64>,
    condition: Statement,
) -> Result<Vec<StoredTrace>, Error> {
    let mut statement = Statement::new(
        "SELECT r.holder, r.key, r.id, r.kind, r.actor, r.structure, r.agent_name, r.profession, r.purpose, r.reason, r.interaction, \
         r.status, r.target_type, r.target, r.target_key, r.query, r.found, r.rules, r.law, r.request, r.elsewhere, \
         COALESCE(h.patient, ''), CASE WHEN ",
    );
    hides(reader, holder, &mut statement);
    statement.sql(" THEN CAST(1 AS SMALLINT) ELSE CAST(0 AS SMALLINT) END ");
    statement.sql(FROM).append(condition);
    let rows: Vec<Values> = statement.load::<Columns, Values>(connection)?;
    Ok(rows.into_iter().map(stored).collect())
}

/// Whether something of the trace `r` is hidden from the reader now: its target `t`, any of the resources disclosed, or any that the
/// query may tell of.
pub fn hides(reader: TraceReader, holder: Option<i64>, out: &mut Statement) {
    reader.unnamed("t", out);
    out.sql(" OR ").sql(DISCLOSED).sql(" AND ");
    reader.unnamed("x", out);
    out.sql(LOOKED_UP).sql(" OR (EXISTS (SELECT 1 FROM audit_disclosed d WHERE d.holder = r.holder AND d.key = r.key AND d.target = ");
    out.number(OTHERS).sql(LOOKED_UP).sql(" AND EXISTS (SELECT 1 FROM resource x WHERE x.holder = ");
    // Asked once of a record that is known, not for each trace.
    match holder {
        Some(holder) => out.big(holder),
        None => out.sql("r.holder"),
    };
    out.sql(" AND x.type = ").number(ResourceType::DOCUMENT_REFERENCE.number()).sql(" AND x.labels <> 0 AND ");
    reader.unnamed("x", out);
    out.sql(LOOKED_UP).sql(")");
}

fn stored((first, second, third): Values) -> StoredTrace {
    let (holder, key, id, kind, actor, structure, agent_name, profession, purpose, reason) = first;
    let (interaction, status, target_type, target, target_key, query, found, rules, law, request) = second;
    let row = TraceRow {
        holder,
        acts_for: String::new(),
        elsewhere: third.0 != 0,
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
        disclosed: Vec::new(),
        rules,
        law,
        request,
    };
    StoredTrace { row, patient: third.1, hidden: third.2 != 0 }
}
