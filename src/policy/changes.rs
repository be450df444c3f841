//! Who may change what of a document once it is deposited (`profiles/authorization/changes.tsv`).

use std::collections::BTreeMap;

use super::table::Table;
use super::{Files, Finding};

/// How somebody stands to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The person.
    Holder,
    /// A representative.
    Representative,
    /// An author (CONTRACT 3, Author).
    Author,
    /// The treating physician.
    TreatingPhysician,
    /// An administrator.
    Administrator,
    /// A professional with a right to consult it, in the ordinary mode of access.
    Consulting,
}

/// Whether a role may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// It may.
    Yes,
    /// It may not.
    No,
    /// It may until the person first saw the document.
    Unread,
    /// It might when it deposited the document, and never again.
    Deposit,
}

/// The roles in the order of the columns.
const ROLES: [Role; 6] = [Role::Holder, Role::Representative, Role::Author, Role::TreatingPhysician, Role::Administrator, Role::Consulting];

/// Element and change to what each role may.
#[derive(Debug)]
pub struct Changes(BTreeMap<(String, String), [May; 6]>);

impl Changes {
    /// Reads `changes.tsv`.
    pub(super) fn load(files: &Files, findings: &mut Vec<Finding>) -> Self {
        let mut changes = BTreeMap::new();
        let header =
            ["element", "change", "holder", "representative", "author", "treating-physician", "administrator", "consulting", "source"];
        Table::read("changes.tsv", files.bytes("changes.tsv"), header, findings).each(
            findings,
            |[element, change, a, b, c, d, e, f, _]| {
                let mut cells = [May::No; 6];
                for (cell, said) in cells.iter_mut().zip([a, b, c, d, e, f]) {
                    *cell = said.word([("yes", May::Yes), ("no", May::No), ("unread", May::Unread), ("deposit", May::Deposit)])?;
                }
                if changes.insert((element.text.to_owned(), change.text.to_owned()), cells).is_some() {
                    return Err(change.wrong(format!("duplicate change `{} {}`", element.text, change.text)));
                }
                Ok(())
            },
        );
        Self(changes)
    }

    /// What the most favoured of these roles may; what the table does not name nobody may.
    pub fn may(&self, element: &str, change: &str, roles: &[Role]) -> May {
        let Some(cells) = self.0.get(&(element.to_owned(), change.to_owned())) else { return May::No };
        let held = ROLES.iter().zip(cells).filter(|(role, _)| roles.contains(role)).map(|(_, may)| *may);
        held.fold(May::No, |best, may| match (best, may) {
            (May::Yes, _) | (_, May::Yes) => May::Yes,
            (May::Unread, _) | (_, May::Unread) => May::Unread,
            (May::Deposit, _) | (_, May::Deposit) => May::Deposit,
            (May::No, May::No) => May::No,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_favoured_role_counts_and_silence_denies() {
        let changes = Changes::load(&Files::embedded(), &mut Vec::new());
        let rows = [
            ("MASQUE_PS", "on", vec![Role::Administrator], May::Yes),
            ("MASQUE_PS", "off", vec![Role::Author], May::No),
            ("MASQUE_PS", "off", vec![Role::Author, Role::TreatingPhysician], May::Yes),
            ("INVISIBLE_PATIENT", "on", vec![Role::Author], May::Unread),
            ("INVISIBLE_PATIENT", "off", vec![Role::Holder], May::No),
            ("INVISIBLE_PATIENT", "off", vec![Role::Consulting], May::Yes),
            ("INVISIBLE_REPRESENTANTS_LEGAUX", "on", ROLES.to_vec(), May::Deposit),
            ("INVISIBLE_REPRESENTANTS_LEGAUX", "on", vec![Role::Holder, Role::TreatingPhysician], May::No),
            ("isArchived", "set", vec![Role::Holder, Role::Administrator], May::No),
            ("status", "set", vec![], May::No),
            ("type", "set", ROLES.to_vec(), May::No),
        ];
        for (element, change, roles, expected) in rows {
            assert_eq!(changes.may(element, change, &roles), expected, "{element} {change} {roles:?}");
        }
    }
}
