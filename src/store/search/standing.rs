//! Where a caller stands with the holders that a search names.

use diesel::sql_types::{BigInt, Bool, Integer, SmallInt, Text};

use super::super::error::Error;
use super::super::pool::AnyConnection;
use super::super::read::{parse_rights, rights_column};
use super::super::sql::Statement;
use crate::fhir::ResourceType;
use crate::filter::{Actor, HolderName, HolderRow, HolderState};

/// What is deposited; who records a consent or a team has deposited nothing.
const DEPOSITS: [ResourceType; 2] = [ResourceType::DOCUMENT_REFERENCE, ResourceType::LIST];

/// Where the caller stands with a holder named in a search.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The holder.
    pub row: HolderRow,
    /// Whether any right of the caller's actors is in force.
    pub rights: Vec<crate::filter::Right>,
    /// Whether the caller deposited something there.
    pub deposited: bool,
}

/// Where these actors stand with the holders so named, those that exist.
///
/// # Errors
/// [`Error::Away`], [`Error::Corrupt`].
pub fn standings(
    connection: &mut AnyConnection,
    names: &[HolderName],
    actors: &[Actor],
    principal: &Actor,
) -> Result<Vec<Standing>, Error> {
    let mut statement = Statement::new("SELECT r.holder, r.ins, r.former, r.patient, r.state, r.born, r.settings, ");
    rights_column(actors, &mut statement);
    statement.sql(", EXISTS (SELECT 1 FROM resource d WHERE d.submitter = ").text(principal.as_str());
    // The index is of records only, which the statement says too.
    statement.sql(" AND d.holder = r.holder AND d.holder > 0 AND d.type IN (");
    statement.numbers(DEPOSITS.map(ResourceType::number)).sql(")) FROM holder r WHERE 1 = 0");
    for name in names {
        match name {
            HolderName::Id(id) => statement.sql(" OR r.patient = ").text(id),
            HolderName::Identifier(ins) => {
                // One equality, which a key finds: of alternatives PostgreSQL reads a small table from end to end.
                statement.sql(" OR r.holder = COALESCE((SELECT w.holder FROM holder w WHERE w.ins = ").text(ins);
                statement.sql("), (SELECT f.holder FROM former_ins f WHERE f.ins = ").text(ins).sql("))")
            }
            HolderName::Number(number) => statement.sql(" OR r.holder = ").big(*number),
        };
    }
    type Row = (i64, String, String, String, i16, i32, i16, String, bool);
    let rows: Vec<Row> = statement.load::<(BigInt, Text, Text, Text, SmallInt, Integer, SmallInt, Text, Bool), _>(connection)?;
    rows.into_iter()
        .map(|(holder, ins, former, patient, state, born, settings, rights, deposited)| {
            let row = HolderRow { holder, ins, former, patient, state: HolderState::from_number(state), born, settings };
            Ok(Standing { row, rights: parse_rights(&rights)?, deposited })
        })
        .collect()
}
