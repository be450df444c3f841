//! The laws that decisions were made by: a row for each, written when a server starts with it; traces name it.

use diesel::sql_types::{BigInt, Text};

use super::sql::Statement;
use super::{Error, Store};

/// A law that a server started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LawRow {
    /// The name that traces have.
    pub version: String,
    /// SHA-256 of the list of tables.
    pub digest: String,
    /// The tables with their digests, one a line.
    pub tables: String,
    /// When a server first started with it, microseconds since 1970.
    pub since: i64,
}

impl Store {
    /// Notes the law that a server starts with; one that is known stays as it is.
    ///
    /// # Errors
    /// [`Error::Away`]; [`Error::Stamp`] where another law has the name.
    pub fn note_law(&self, law: &LawRow) -> Result<(), Error> {
        let mut connection = self.target.connect(false)?;
        let mut insert = Statement::new("INSERT INTO law (version, digest, tables, since) VALUES (");
        insert.text(&law.version).sql(", ").text(&law.digest).sql(", ").text(&law.tables).sql(", ").big(law.since);
        insert.sql(") ON CONFLICT (version) DO NOTHING");
        insert.execute(&mut connection)?;
        let mut select = Statement::new("SELECT digest FROM law WHERE version = ");
        select.text(&law.version);
        match select.load::<Text, String>(&mut connection)?.first() {
            Some(digest) if *digest == law.digest => Ok(()),
            _ => Err(Error::Stamp(format!("another law has the name `{}` in this database", law.version))),
        }
    }

    /// The laws noted, oldest first.
    ///
    /// # Errors
    /// [`Error::Away`].
    pub fn laws(&self) -> Result<Vec<LawRow>, Error> {
        let select = Statement::new("SELECT version, digest, tables, since FROM law ORDER BY since, version");
        let rows = select.load::<(Text, Text, Text, BigInt), (String, String, String, i64)>(&mut self.target.connect(true)?)?;
        Ok(rows.into_iter().map(|(version, digest, tables, since)| LawRow { version, digest, tables, since }).collect())
    }
}
