//! Rows of several tables at once, by columns: on PostgreSQL one statement and one round trip for all of them, its text the same
//! whatever the number of rows; on SQLite a statement for each few hundred rows of a table.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Binary, Integer, SmallInt, Text};
use diesel::{PgConnection, QueryResult, RunQueryDsl};

use super::bulk::ROWS_PER_STATEMENT;
use super::pool::AnyConnection;
use super::sql::{Statement, without_nul};

/// The values of one column.
#[derive(Debug)]
pub enum Column {
    /// `BIGINT`.
    Big(Vec<i64>),
    /// `INTEGER`.
    Int(Vec<i32>),
    /// `SMALLINT`.
    Small(Vec<i16>),
    /// `TEXT`.
    Text(Vec<String>),
    /// `BLOB` or `BYTEA`.
    Bytes(Vec<Vec<u8>>),
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Big(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Small(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Bytes(values) => values.len(),
        }
    }

    fn bind(&self, row: usize, out: &mut Statement) {
        match self {
            Self::Big(values) => values.get(row).map(|value| out.big(*value)),
            Self::Int(values) => values.get(row).map(|value| out.int(*value)),
            Self::Small(values) => values.get(row).map(|value| out.small(*value)),
            Self::Text(values) => values.get(row).map(|value| out.text(value.as_str())),
            Self::Bytes(values) => values.get(row).map(|value| out.bytes(value.as_slice())),
        };
    }
}

/// New rows of a table.
#[derive(Debug)]
pub struct Rows {
    /// The table and its columns: `locator (realm, ref, holder, key)`.
    pub into: &'static str,
    /// Their values, as many in each.
    pub columns: Vec<Column>,
}

impl Rows {
    fn count(&self) -> usize {
        self.columns.first().map_or(0, Column::len)
    }
}

/// Inserts them all.
///
/// # Errors
/// As the database says; then nothing of it may be kept.
pub fn insert(connection: &mut AnyConnection, mut all: Vec<Rows>) -> QueryResult<()> {
    all.retain(|rows| rows.count() > 0);
    match connection {
        AnyConnection::Postgres(postgres) => at_once(postgres, all),
        AnyConnection::Sqlite(_) => all.iter().try_for_each(|rows| in_parts(connection, rows)),
    }
}

fn in_parts(connection: &mut AnyConnection, rows: &Rows) -> QueryResult<()> {
    let numbers: Vec<usize> = (0..rows.count()).collect();
    for chunk in numbers.chunks(ROWS_PER_STATEMENT) {
        let mut statement = Statement::new("INSERT INTO ");
        statement.sql(rows.into).sql(" VALUES ");
        for (place, row) in chunk.iter().enumerate() {
            statement.sql(if place == 0 { "(" } else { ", (" });
            for (number, column) in rows.columns.iter().enumerate() {
                statement.sql(if number == 0 { "" } else { ", " });
                column.bind(*row, &mut statement);
            }
            statement.sql(")");
        }
        statement.execute(connection)?;
    }
    Ok(())
}

fn at_once(connection: &mut PgConnection, mut all: Vec<Rows>) -> QueryResult<()> {
    // PostgreSQL has no NUL.
    for column in all.iter_mut().flat_map(|rows| &mut rows.columns) {
        if let Column::Text(values) = column {
            values.iter_mut().for_each(|value| *value = without_nul(std::mem::take(value)));
        }
    }
    if all.is_empty() {
        return Ok(());
    }
    super::count_statement();
    Together { all }.execute(connection).map(|_| ())
}

/// `WITH w0 AS (INSERT …), … INSERT …`.
struct Together {
    all: Vec<Rows>,
}

impl QueryId for Together {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<PgConnection> for Together {}

impl QueryFragment<Pg> for Together {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let last = self.all.len().saturating_sub(1);
        for (number, rows) in self.all.iter().enumerate() {
            if number < last {
                out.push_sql(if number == 0 { "WITH w" } else { ", w" });
                out.push_sql(&number.to_string());
                out.push_sql(" AS (");
            } else if number > 0 {
                out.push_sql(" ");
            }
            out.push_sql("INSERT INTO ");
            out.push_sql(rows.into);
            out.push_sql(" SELECT * FROM unnest(");
            for (place, column) in rows.columns.iter().enumerate() {
                if place > 0 {
                    out.push_sql(", ");
                }
                match column {
                    Column::Big(values) => out.push_bind_param::<Array<BigInt>, _>(values)?,
                    Column::Int(values) => out.push_bind_param::<Array<Integer>, _>(values)?,
                    Column::Small(values) => out.push_bind_param::<Array<SmallInt>, _>(values)?,
                    Column::Text(values) => out.push_bind_param::<Array<Text>, _>(values)?,
                    Column::Bytes(values) => out.push_bind_param::<Array<Binary>, _>(values)?,
                }
            }
            out.push_sql(if number < last { "))" } else { ")" });
        }
        Ok(())
    }
}
