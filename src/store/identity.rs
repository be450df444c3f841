//! Who a holder is, after a change of identity (CONTRACT 3, The space): the holder stays, and each INS it had keeps leading to it.

use diesel::sql_types::BigInt;

use super::error::Error;
use super::pool::AnyConnection;
use super::sql::Statement;
use super::write::lock_condition;
use crate::filter::{Actor, HolderRow, HolderState};

/// Writes what the holder's row says of the person, over what it said `before`. The caller has locked the holder.
///
/// # Errors
/// [`Error::Duplicate`] when the INS is, or was, that of another holder, or represents this one.
pub fn change(connection: &mut AnyConnection, before: &HolderRow, after: &HolderRow, now: i64) -> Result<(), Error> {
    if before.ins != after.ins {
        replace(connection, before, after)?;
    }
    let mut set = Statement::new("UPDATE holder SET ins = ");
    set.text(&after.ins).sql(", former = ").text(&after.former).sql(", born = ").int(after.born);
    // What it was is left to whoever changes it at the same time.
    if before.state != after.state {
        set.sql(", state = ").small(after.state.map_or(0, HolderState::number));
    }
    set.sql(", changed = ").big(now).sql(" WHERE holder = ").big(after.holder);
    set.execute(connection)?;
    Ok(())
}

/// The INS becomes a former one, and what the person deposited is whose it was: by the INS of today.
fn replace(connection: &mut AnyConnection, before: &HolderRow, after: &HolderRow) -> Result<(), Error> {
    // Whoever creates a space with one of them at the same time comes before or after.
    let mut both = [&before.ins, &after.ins];
    both.sort_unstable();
    for ins in both {
        lock_condition(connection, ins)?;
    }
    let (was, is) = (Actor::person(&before.ins), Actor::person(&after.ins));
    let (Some(was), Some(is)) = (was, is) else { return Err(Error::Corrupt("ins")) };
    let mut taken = Statement::new("SELECT f.holder FROM former_ins f WHERE f.ins = ");
    taken.text(&after.ins).sql(" UNION ALL SELECT h.holder FROM holder h WHERE h.ins = ").text(&after.ins);
    taken
        .sql(" UNION ALL SELECT a.holder FROM access_right a WHERE a.holder = ")
        .big(before.holder)
        .sql(" AND a.actor = ")
        .text(is.as_str());
    if !taken.load::<BigInt, i64>(connection)?.is_empty() {
        return Err(Error::Duplicate);
    }
    let mut former = Statement::new("INSERT INTO former_ins (ins, holder) VALUES (");
    former.text(&before.ins).sql(", ").big(before.holder).sql(")");
    former.execute(connection)?;
    for table in ["resource", "deposit"] {
        let mut submitter = Statement::new("UPDATE ");
        submitter.sql(table).sql(" SET submitter = ").text(is.as_str()).sql(" WHERE holder = ").big(before.holder);
        submitter.sql(" AND submitter = ").text(was.as_str());
        submitter.execute(connection)?;
    }
    let (was, is) = (format!(" {} ", was.as_str()), format!(" {} ", is.as_str()));
    let mut parties = Statement::new("UPDATE resource SET parties = REPLACE(parties, ");
    parties.text(&was).sql(", ").text(&is).sql(") WHERE holder = ").big(before.holder).sql(" AND REPLACE(parties, ");
    parties.text(was).sql(", '') <> parties");
    parties.execute(connection)?;
    Ok(())
}
