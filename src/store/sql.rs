//! A statement in pieces: constant SQL and bound values, the same text on both databases.
//!
//! Values are always bound or numbers; a prepared statement is cached by its text.

use std::fmt::Write as _;
use std::marker::PhantomData;

use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Integer, SmallInt, Text};
use diesel::{QueryResult, RunQueryDsl};

use super::pool::{AnyConnection, Backend};

/// A value to bind.
#[derive(Debug, Clone)]
enum Bind {
    Text(String),
    Big(i64),
    Int(i32),
    Small(i16),
    Bytes(Vec<u8>),
}

#[derive(Debug, Clone)]
enum Piece {
    Sql(String),
    Bind(Bind),
}

/// A statement being built.
#[derive(Debug, Clone, Default)]
pub struct Statement {
    pieces: Vec<Piece>,
}

impl Statement {
    /// A statement that begins with this SQL.
    pub fn new(sql: &str) -> Self {
        let mut statement = Self::default();
        statement.sql(sql);
        statement
    }

    /// Appends constant SQL.
    pub fn sql(&mut self, sql: &str) -> &mut Self {
        if let Some(Piece::Sql(last)) = self.pieces.last_mut() {
            last.push_str(sql);
        } else {
            self.pieces.push(Piece::Sql(sql.to_owned()));
        }
        self
    }

    /// Appends a number as a constant, for what is part of the plan: types, kinds, parameters.
    pub fn number(&mut self, number: impl Into<i64>) -> &mut Self {
        let mut text = String::new();
        let _ = write!(text, "{}", number.into());
        self.sql(&text)
    }

    /// Binds a text. PostgreSQL has no NUL: one becomes U+FFFD on both databases, so that it equals nothing and refuses nothing.
    pub fn text(&mut self, value: impl Into<String>) -> &mut Self {
        self.bind(Bind::Text(without_nul(value)))
    }

    /// Binds a big integer.
    pub fn big(&mut self, value: i64) -> &mut Self {
        self.bind(Bind::Big(value))
    }

    /// Binds an integer.
    pub fn int(&mut self, value: i32) -> &mut Self {
        self.bind(Bind::Int(value))
    }

    /// Binds a small integer.
    pub fn small(&mut self, value: i16) -> &mut Self {
        self.bind(Bind::Small(value))
    }

    /// Binds bytes.
    pub fn bytes(&mut self, value: impl Into<Vec<u8>>) -> &mut Self {
        self.bind(Bind::Bytes(value.into()))
    }

    /// Binds texts, with commas between.
    pub fn texts<'a>(&mut self, values: impl IntoIterator<Item = &'a str>) -> &mut Self {
        for (at, value) in values.into_iter().enumerate() {
            if at > 0 {
                self.sql(", ");
            }
            self.text(value);
        }
        self
    }

    /// Appends a table `w (name)` of these texts, for a `FROM`. They are one bound value, a JSON array: the text of the statement is the
    /// same whatever their number, and each is looked up by itself (of a list of parameters PostgreSQL makes an array anew for every
    /// row it compares).
    pub fn table_of<'a>(&mut self, connection: &AnyConnection, names: impl IntoIterator<Item = &'a str>) -> &mut Self {
        let names: serde_json::Value = names.into_iter().map(without_nul).collect::<Vec<_>>().into();
        match connection {
            AnyConnection::Postgres(_) => self.sql("jsonb_array_elements_text(CAST(").text(names.to_string()).sql(" AS JSONB)) AS w(name)"),
            AnyConnection::Sqlite(_) => self.sql("(SELECT value AS name FROM json_each(").text(names.to_string()).sql(")) AS w"),
        }
    }

    /// Binds big integers, with commas between; `NULL`, which nothing equals, for none.
    pub fn bigs(&mut self, values: &[i64]) -> &mut Self {
        if values.is_empty() {
            return self.sql("NULL");
        }
        for (at, value) in values.iter().enumerate() {
            if at > 0 {
                self.sql(", ");
            }
            self.big(*value);
        }
        self
    }

    /// Appends numbers as constants, with commas between; `NULL`, which nothing equals, for none.
    pub fn numbers<N: Into<i64>>(&mut self, values: impl IntoIterator<Item = N>) -> &mut Self {
        let mut none = true;
        for value in values {
            if !none {
                self.sql(", ");
            }
            none = false;
            self.number(value);
        }
        if none {
            self.sql("NULL");
        }
        self
    }

    /// Appends another statement's pieces.
    pub fn append(&mut self, other: Self) -> &mut Self {
        for piece in other.pieces {
            match piece {
                Piece::Sql(sql) => {
                    self.sql(&sql);
                }
                bind @ Piece::Bind(_) => self.pieces.push(bind),
            }
        }
        self
    }

    fn bind(&mut self, bind: Bind) -> &mut Self {
        self.pieces.push(Piece::Bind(bind));
        self
    }

    /// How many values are bound.
    pub fn binds(&self) -> usize {
        self.pieces.iter().filter(|piece| matches!(piece, Piece::Bind(_))).count()
    }

    /// Runs it and loads rows of these SQL types.
    pub fn load<ST, T>(self, connection: &mut AnyConnection) -> QueryResult<Vec<T>>
    where
        Select<ST>: for<'q> diesel::query_dsl::LoadQuery<'q, AnyConnection, T>,
    {
        super::count_statement();
        diesel::query_dsl::LoadQuery::internal_load(Select::<ST> { statement: self, types: PhantomData }, connection)?.collect()
    }

    /// Runs it and tells how many rows it changed.
    pub fn execute(self, connection: &mut AnyConnection) -> QueryResult<usize> {
        super::count_statement();
        diesel::RunQueryDsl::execute(Select::<Text> { statement: self, types: PhantomData }, connection)
    }
}

/// A text that PostgreSQL takes: see [`Statement::text`].
pub fn without_nul(value: impl Into<String>) -> String {
    let value = value.into();
    if value.contains('\0') { value.replace('\0', "\u{fffd}") } else { value }
}

/// A statement with the SQL types of its rows.
#[derive(Debug, Clone)]
pub struct Select<ST> {
    statement: Statement,
    types: PhantomData<ST>,
}

impl<ST> QueryId for Select<ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST> Query for Select<ST> {
    type SqlType = ST;
}

impl<ST> RunQueryDsl<AnyConnection> for Select<ST> {}

impl<ST> QueryFragment<Backend> for Select<ST> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Backend>) -> QueryResult<()> {
        for piece in &self.statement.pieces {
            match piece {
                Piece::Sql(sql) => out.push_sql(sql),
                Piece::Bind(Bind::Text(value)) => out.push_bind_param::<Text, String>(value)?,
                Piece::Bind(Bind::Big(value)) => out.push_bind_param::<BigInt, i64>(value)?,
                Piece::Bind(Bind::Int(value)) => out.push_bind_param::<Integer, i32>(value)?,
                Piece::Bind(Bind::Small(value)) => out.push_bind_param::<SmallInt, i16>(value)?,
                Piece::Bind(Bind::Bytes(value)) => out.push_bind_param::<Binary, Vec<u8>>(value)?,
            }
        }
        Ok(())
    }
}
