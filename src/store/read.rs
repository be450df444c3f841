//! Reading one resource: one statement brings the resource, its holder's row and the caller's rights (P4).

use diesel::sql_types::{BigInt, Binary, Integer, SmallInt, Text};

use super::content;
use super::error::Error;
use super::pool::AnyConnection;
use super::predicate::{self, Place};
use super::sql::Statement;
use crate::fhir::ResourceType;
use crate::filter::{Actor, Candidate, Envelope, Facts, Filter, HolderRow, HolderState, Right, RightKind};
use crate::policy::{Decision, Scope};

/// A resource that exists, and the decision on it; whoever disclosed a denied one would break P1.
#[derive(Debug, Clone)]
pub struct Found {
    /// The envelope; for a Binary, with what its DocumentReference lends it.
    pub envelope: Envelope,
    /// The holder and the caller's rights.
    pub facts: Facts,
    /// The key of the resource whose rights it has: a Binary's DocumentReference, else its own.
    pub about: i64,
    /// The content type of a Binary, else empty.
    pub media: String,
    /// The exact bytes to serve; empty for a deletion. Of the content of a large Binary, the first [`content::PART`].
    pub body: Vec<u8>,
    /// How many bytes follow, which [`content`] brings.
    pub rest: u64,
    /// Whether the current version is a deletion.
    pub deleted: bool,
    /// What the database said of the conditions of the scope that follow references.
    pub linked: Vec<(Filter, bool)>,
    /// What the scope says.
    pub decision: Decision,
}

/// One version of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// `meta.versionId`.
    pub version: i32,
    /// `meta.lastUpdated`.
    pub updated: i64,
    /// The exact bytes; empty for a deletion.
    pub body: Vec<u8>,
    /// Whether it is a deletion.
    pub deleted: bool,
    /// Whether it is a first one that was put.
    pub put: bool,
}

/// The codec byte of bodies kept as they are.
pub const PLAIN: i16 = 0;

/// The bytes behind a codec byte.
///
/// # Errors
/// [`Error::Corrupt`] for a codec this version does not know.
pub fn decode(codec: i16, body: Vec<u8>) -> Result<Vec<u8>, Error> {
    if codec == PLAIN { Ok(body) } else { Err(Error::Corrupt("codec")) }
}

/// The columns of an envelope `r` (with `e`, the row it borrows its rights from), its holder `h` and the body.
const COLUMNS: &str = "r.holder, r.key, r.type, r.id, r.version, r.updated, e.doc_type, e.labels, e.submitter, e.parties, \
                           e.key, r.media, r.codec, r.body, r.deleted, e.first_key, COALESCE(h.patient, ''), COALESCE(h.ins, ''), COALESCE(h.former, ''), COALESCE(h.state, CAST(0 AS SMALLINT)), \
                           COALESCE(h.born, 0), COALESCE(h.settings, CAST(0 AS SMALLINT)), ";

/// The SQL types of [`columns`].
pub type Columns = (
    (BigInt, BigInt, SmallInt, Text, Integer, BigInt, SmallInt, SmallInt, Text, Text),
    (BigInt, Text, SmallInt, Binary, SmallInt, BigInt, Text, Text, Text, SmallInt, Integer, SmallInt, Text),
);
/// A row of them.
pub type Values = (
    (i64, i64, i16, String, i32, i64, i16, i16, String, String),
    (i64, String, i16, Vec<u8>, i16, i64, String, String, String, i16, i32, i16, String),
);

/// The same of what testers keep, which belongs to nobody: there is nothing to join.
const PLAIN_COLUMNS: &str = "r.holder, r.key, r.type, r.id, r.version, r.updated, r.doc_type, r.labels, r.submitter, r.parties, r.key, \
                             r.media, r.codec, r.body, r.deleted, r.first_key, '', '', '', CAST(0 AS SMALLINT), 0, CAST(0 AS SMALLINT), ''";

/// Appends the columns of a resource `r`, with the rights of the scope's actors.
pub fn columns(scope: &Scope, statement: &mut Statement) {
    if scope.is_tester() {
        statement.sql(PLAIN_COLUMNS);
    } else if scope.resource() == ResourceType::BINARY {
        let (before, after) = COLUMNS.split_once("r.body").unwrap_or((COLUMNS, ""));
        statement.sql(before).sql("SUBSTR(r.body, 1, ").number(content::PART).sql(")").sql(after);
        rights_column(scope.actors(), statement);
    } else {
        statement.sql(COLUMNS);
        rights_column(scope.actors(), statement);
    }
}

/// Appends what [`columns`] needs beside `r`: the row of which it has its rights, of this key, and its holder's.
pub fn beside(scope: &Scope, rights_of: &str, statement: &mut Statement) {
    if !scope.is_tester() {
        statement.sql(" JOIN resource e ON e.holder = r.holder AND e.key = ").sql(rights_of);
        statement.sql(" LEFT JOIN holder h ON h.holder = r.holder");
    }
}

/// Appends the rights of these actors over the holder `h` as one text.
pub fn rights_column(actors: &[Actor], statement: &mut Statement) {
    statement.sql(
        "COALESCE((SELECT string_agg(CAST(a.kind AS TEXT) || ';' || a.actor || ';' || CAST(a.from_at AS TEXT) || ';' || \
         CAST(a.until_at AS TEXT) || ';' || a.parts || ';' || a.source, '\n') FROM access_right a WHERE a.holder = r.holder AND a.actor IN (",
    );
    if actors.is_empty() {
        statement.sql("NULL");
    }
    statement.texts(actors.iter().map(Actor::as_str)).sql(")), '')");
}

/// What a row of [`columns`] says.
pub struct Parsed {
    /// The envelope.
    pub envelope: Envelope,
    /// The holder and the caller's rights.
    pub facts: Facts,
    /// The key of the resource whose rights these are.
    pub about: i64,
    /// The content type of a Binary.
    pub media: String,
    /// The body, decoded.
    pub body: Vec<u8>,
    /// Whether the version is a deletion.
    pub deleted: bool,
}

/// Reads a row.
///
/// # Errors
/// [`Error::Corrupt`] for what no version wrote.
pub fn parse((one, other): Values) -> Result<Parsed, Error> {
    let (holder, key, number, id, version, updated, doc_type, labels, submitter, parties) = one;
    let (about, media, codec, body, deleted, first, patient, ins, former, state, born, settings, rights) = other;
    let resource = ResourceType::from_number(number).ok_or(Error::Corrupt("type"))?;
    let envelope = Envelope { holder, key, resource, id, version, updated, doc_type, labels, submitter, parties, first };
    let row = HolderRow { holder, ins, former, patient, state: HolderState::from_number(state), born, settings };
    let holder = (!row.patient.is_empty()).then_some(row);
    Ok(Parsed {
        envelope,
        facts: Facts { holder, rights: parse_rights(&rights)? },
        about,
        media,
        body: decode(codec, body)?,
        deleted: deleted != 0,
    })
}

/// The rights in the text that [`rights_column`] selects.
///
/// # Errors
/// [`Error::Corrupt`]: an unreadable row denies all (P5).
pub fn parse_rights(text: &str) -> Result<Vec<Right>, Error> {
    text.split('\n').filter(|text| !text.is_empty()).map(right).collect::<Option<Vec<_>>>().ok_or(Error::Corrupt("right"))
}

fn right(text: &str) -> Option<Right> {
    let mut cells = text.split(';');
    let kind = RightKind::from_number(cells.next()?.parse().ok()?)?;
    let actor = Actor::stored(cells.next()?.to_owned());
    let (from, until) = (cells.next()?.parse().ok()?, cells.next()?.parse().ok()?);
    Some(Right { kind, actor, from, until, parts: cells.next()?.to_owned(), source: cells.next()?.to_owned() })
}

/// The resource of this id and the decision of the scope on it; `None` when there is none.
///
/// # Errors
/// [`Error::Away`], [`Error::Corrupt`].
pub fn read(connection: &mut AnyConnection, scope: &Scope, id: &str) -> Result<Option<Found>, Error> {
    read_each(connection, &[(scope, id)])?.pop().unwrap_or(Ok(None))
}

/// The same of several, each under its own scope, in one statement; the results in the order asked.
///
/// # Errors
/// [`Error::Away`]; what cannot be read of one is in its own result.
pub fn read_each(connection: &mut AnyConnection, wanted: &[(&Scope, &str)]) -> Result<Vec<Result<Option<Found>, Error>>, Error> {
    let mut statement = Statement::default();
    for (place, (scope, id)) in (0_i16..).zip(wanted) {
        statement.sql(if place == 0 { "SELECT " } else { " UNION ALL SELECT " });
        columns(scope, &mut statement);
        links_column(scope, &mut statement);
        let length = if scope.resource() == ResourceType::BINARY { "LENGTH(r.body)" } else { "0" };
        statement
            .sql(", CAST(")
            .sql(length)
            .sql(" AS BIGINT), CAST(")
            .number(place)
            .sql(" AS SMALLINT) FROM locator l JOIN resource r ON r.holder = l.holder AND r.key = l.key");
        // A Binary has the rights of the one DocumentReference it was bound to; anything else has its own.
        let bound = scope.resource() == ResourceType::BINARY;
        beside(scope, if bound { "CASE WHEN r.bound = 0 THEN r.key ELSE r.bound END" } else { "r.key" }, &mut statement);
        statement.sql(" WHERE l.realm = ").number(i16::from(scope.is_tester()));
        statement.sql(" AND l.ref = ").text(format!("{}/{id}", scope.resource()));
    }
    let mut found: Vec<Result<Option<Found>, Error>> = wanted.iter().map(|_| Ok(None)).collect();
    for (row, linked, length, place) in statement.load::<(Columns, Text, BigInt, SmallInt), (Values, String, i64, i16)>(connection)? {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        if let (Some(result), Some((scope, _))) = (found.get_mut(place), wanted.get(place)) {
            *result = decided(scope, row, &linked, u64::try_from(length).unwrap_or(0)).map(Some);
        }
    }
    Ok(found)
}

/// Appends whether each of the conditions of the scope that follow references holds: one letter for each.
fn links_column(scope: &Scope, statement: &mut Statement) {
    statement.sql(", ''");
    for link in scope.links() {
        statement.sql(" || CASE WHEN ");
        predicate::at(&link, Place::top(i16::from(scope.is_tester()), Some(scope.resource())), statement);
        statement.sql(" THEN 'y' ELSE 'n' END");
    }
}

/// What a row says, and what the scope says of it.
fn decided(scope: &Scope, row: Values, linked: &str, length: u64) -> Result<Found, Error> {
    let Parsed { envelope, facts, about, media, body, deleted } = parse(row)?;
    let linked: Vec<(Filter, bool)> = scope.links().into_iter().zip(linked.bytes().map(|letter| letter == b'y')).collect();
    let candidate = Candidate { envelope: &envelope, facts: &facts, index: None, follow: None, linked: &linked, referring: None };
    let decision = scope.decide(&candidate);
    let rest = length.saturating_sub(u64::try_from(body.len()).unwrap_or(u64::MAX));
    Ok(Found { envelope, facts, about, media, body, rest, deleted, linked, decision })
}

/// Every right over a holder, in force or not, in the order of actors.
///
/// # Errors
/// [`Error::Away`], [`Error::Corrupt`].
pub fn rights_over(connection: &mut AnyConnection, holder: i64) -> Result<Vec<Right>, Error> {
    let mut select = Statement::new("SELECT kind, actor, from_at, until_at, parts, source FROM access_right WHERE holder = ");
    select.big(holder).sql(" ORDER BY actor, kind, source");
    type Row = (i16, String, i64, i64, String, String);
    let rows: Vec<Row> = select.load::<(SmallInt, Text, BigInt, BigInt, Text, Text), _>(connection)?;
    let right = |(kind, actor, from, until, parts, source): Row| {
        let kind = RightKind::from_number(kind).ok_or(Error::Corrupt("right"))?;
        Ok(Right { actor: Actor::stored(actor), kind, from, until, parts, source })
    };
    rows.into_iter().map(right).collect()
}

/// Which versions of a resource are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Span {
    /// This one alone.
    pub only: Option<i32>,
    /// Those before this one.
    pub before: Option<i32>,
    /// Those written at this instant or later, microseconds.
    pub since: Option<i64>,
    /// Those that were current at some time in `[start, end)`.
    pub at: Option<(i64, i64)>,
    /// How many.
    pub limit: usize,
}

impl Span {
    /// Whether the current version is wanted, written at this instant.
    pub fn has_current(&self, version: i32, updated: i64) -> bool {
        self.only.is_none_or(|only| only == version)
            && self.before.is_none_or(|before| version < before)
            && self.since.is_none_or(|since| updated >= since)
            && self.at.is_none_or(|(_, end)| updated < end)
    }
}

/// Bytes of the versions in one answer, unless the first alone has more.
pub const VERSIONS_BYTES_MAX: i64 = 32 * 1024 * 1024;

/// The versions of a resource, newest first, and whether there are more than were asked for or than fit in one answer. The caller has
/// decided on the current one.
///
/// # Errors
/// [`Error::Away`], [`Error::Corrupt`].
pub fn versions(connection: &mut AnyConnection, found: &Found, span: Span) -> Result<(Vec<Version>, bool), Error> {
    let Envelope { holder, key, version, updated, .. } = found.envelope;
    let mut all = Vec::new();
    if span.has_current(version, updated) {
        let put = version == 1 && first_was_put(connection, holder, key)?;
        all.push(Version { version, updated, body: found.body.clone(), deleted: found.deleted, put });
    }
    if span.only == Some(version) {
        return Ok((all, false));
    }
    // What was written since the decision was not decided on.
    let before = span.before.unwrap_or(i32::MAX).min(version);
    let earlier = |select: &str| {
        let mut statement = Statement::new(select);
        statement.sql(" FROM resource_version WHERE holder = ").big(holder).sql(" AND key = ").big(key);
        statement
    };
    // How large they are is asked before they are fetched.
    let mut sizes = earlier("SELECT version, CAST(LENGTH(body) AS BIGINT)");
    match span.only {
        Some(only) => sizes.sql(" AND version = ").int(only).sql(" AND version < ").int(before),
        None => sizes.sql(" AND version < ").int(before).sql(" AND updated >= ").big(span.since.unwrap_or(i64::MIN)),
    };
    if let Some((start, end)) = span.at {
        // What the next version had replaced by then was not current any more.
        sizes.sql(" AND updated < ").big(end).sql(" AND (EXISTS (SELECT 1 FROM resource_version n WHERE n.holder = ").big(holder);
        sizes.sql(" AND n.key = ").big(key).sql(" AND n.version = resource_version.version + 1 AND n.updated > ").big(start);
        sizes.sql(") OR (version = ").int(version - 1).sql(" AND ").big(updated).sql(" > ").big(start).sql("))");
    }
    let limit = if span.only.is_some() { 1 } else { span.limit };
    sizes.sql(" ORDER BY version DESC LIMIT ").number(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1));
    let sizes: Vec<(i32, i64)> = sizes.load::<(Integer, BigInt), _>(connection)?;
    let (mut bytes, mut taken) = (all.first().map_or(0, |current| i64::try_from(current.body.len()).unwrap_or(i64::MAX)), Vec::new());
    for (version, size) in &sizes {
        bytes = bytes.saturating_add(*size);
        let first = all.is_empty() && taken.is_empty();
        if all.len() + taken.len() >= limit || (bytes > VERSIONS_BYTES_MAX && !first) {
            break;
        }
        taken.push(*version);
    }
    if let (Some(newest), Some(oldest)) = (taken.first(), taken.last()) {
        let mut select = earlier("SELECT version, updated, codec, body, deleted, put");
        select.sql(" AND version BETWEEN ").int(*oldest).sql(" AND ").int(*newest).sql(" ORDER BY version DESC");
        let rows: Vec<(i32, i64, i16, Vec<u8>, i16, i16)> =
            select.load::<(Integer, BigInt, SmallInt, Binary, SmallInt, SmallInt), _>(connection)?;
        for (version, updated, codec, body, deleted, put) in rows {
            all.push(Version { version, updated, body: decode(codec, body)?, deleted: deleted != 0, put: put != 0 });
        }
    }
    Ok((all, taken.len() < sizes.len()))
}

/// Whether the only version of a resource was put.
fn first_was_put(connection: &mut AnyConnection, holder: i64, key: i64) -> Result<bool, Error> {
    let mut select = Statement::new("SELECT put FROM resource WHERE holder = ");
    select.big(holder).sql(" AND key = ").big(key);
    Ok(select.load::<SmallInt, i16>(connection)?.contains(&1))
}

/// Those of these resources of records and directories, as `Type/id`, that exist. Discloses nothing: for the sandbox's own people.
///
/// # Errors
/// [`Error::Away`].
pub fn existing(connection: &mut AnyConnection, references: &[String]) -> Result<Vec<String>, Error> {
    if references.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement = Statement::new("SELECT ref FROM locator WHERE realm = 0 AND ref IN (");
    statement.texts(references.iter().map(String::as_str)).sql(")");
    Ok(statement.load::<Text, String>(connection)?)
}

/// The Patient of a holder, with its envelope.
///
/// # Errors
/// [`Error::Away`], [`Error::Corrupt`].
pub fn patient(connection: &mut AnyConnection, holder: &HolderRow) -> Result<Option<(Vec<u8>, Envelope)>, Error> {
    let mut statement = Statement::new("SELECT ");
    statement.sql(COLUMNS);
    rights_column(&[], &mut statement);
    statement.sql(
        " FROM locator l JOIN resource r ON r.holder = l.holder AND r.key = l.key JOIN resource e ON e.holder = r.holder AND e.key = r.key",
    );
    statement.sql(" LEFT JOIN holder h ON h.holder = r.holder WHERE l.realm = 0 AND l.ref = ").text(format!("Patient/{}", holder.patient));
    let row = statement.load::<Columns, Values>(connection)?.into_iter().next();
    row.map(|row| parse(row).map(|parsed| (parsed.body, parsed.envelope))).transpose()
}
