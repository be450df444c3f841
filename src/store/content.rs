//! The content of a large Binary, part by part: nobody who reads one has more than a part of it in memory.

use diesel::sql_types::Binary;

use super::Store;
use super::error::Error;
use super::pool::AnyConnection;
use super::sql::Statement;
use crate::filter::Envelope;

/// Bytes of a part: a multiple of three, so that parts in base64 stand one after the other.
pub const PART: i32 = 3 * 1024 * 1024;

/// The part of a version that begins at this byte; `None` where there is no such version any more.
fn part(connection: &mut AnyConnection, of: &Envelope, from: u64) -> Result<Option<Vec<u8>>, Error> {
    let begin = i32::try_from(from.saturating_add(1)).map_err(|_| Error::Corrupt("length"))?;
    let mut select = Statement::new("SELECT SUBSTR(body, ");
    select.int(begin).sql(", ").number(PART).sql(") FROM resource WHERE holder = ").big(of.holder);
    select.sql(" AND key = ").big(of.key).sql(" AND version = ").int(of.version);
    Ok(select.load::<Binary, Vec<u8>>(connection)?.pop())
}

impl Store {
    /// The part of a Binary's content that begins at this byte. Discloses what the caller of the first part may see: an answer that has
    /// begun goes on (P4).
    ///
    /// # Errors
    /// [`Error::Away`]; [`Error::Corrupt`] when there is no such part.
    pub async fn content(&self, of: &Envelope, from: u64) -> Result<Vec<u8>, Error> {
        let of = of.clone();
        let found = self.run(move |connection| part(connection, &of, from)).await?;
        found.filter(|part| !part.is_empty()).ok_or(Error::Corrupt("length"))
    }
}
