//! What each kind of Consent says, whom it names and who may record it (`profiles/authorization/consents.tsv`).

use super::matrix::profession_system;
use super::table::Table;
use super::{Code, LoadError};
use crate::filter::RightKind;

/// Whom a Consent names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// Nobody.
    Nobody,
    /// One professional or structure.
    Party,
    /// One professional.
    Professional,
    /// One CareTeam.
    Team,
    /// One application.
    Application,
}

/// Whether a professional may record it, as the statement that consent was collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collected {
    /// Only holder and representative.
    No,
    /// Any professional.
    Yes,
    /// For itself only.
    ForItself,
    /// For itself; for another while its own right is valid.
    ForItselfOrValid,
    /// While it is an administrator, on others, never on the treating physician.
    ByAdministrator,
}

/// A kind of Consent.
#[derive(Debug, Clone)]
pub struct ConsentKind {
    /// Its code.
    pub code: String,
    /// Whether it permits; `None` for either.
    pub permits: Option<bool>,
    /// Whom it names.
    pub named: Named,
    /// Who may record it.
    pub collected: Collected,
    /// The profession it is for: of a professional who records it for itself, and of the exercise in which it counts.
    pub profession: Option<Code>,
    /// Elements of `provision` that it may have beside `type`; any other would be a restriction nobody keeps.
    pub elements: Vec<&'static str>,
    /// Those that it must have.
    pub needed: Vec<&'static str>,
}

/// The kind of Consent that gives a right; none gives a representative's.
pub fn code_of(kind: RightKind) -> Option<&'static str> {
    Some(match kind {
        RightKind::RecordAccess => "record-access",
        RightKind::CareTeam => "care-team-access",
        RightKind::TreatingPhysician => "treating-physician",
        RightKind::Administrator => "administrator",
        RightKind::Block | RightKind::BlockByAdministrator => "record-block",
        RightKind::Occupational => "occupational-health",
        RightKind::Application => "application",
        RightKind::Representative => return None,
    })
}

/// The table this binary was built with.
pub const EMBEDDED: &str = include_str!("../../profiles/authorization/consents.tsv");

/// Reads the table.
///
/// # Errors
/// [`LoadError`] with the line.
pub fn load() -> Result<Vec<ConsentKind>, LoadError> {
    let mut kinds = Vec::new();
    Table::read("consents.tsv", EMBEDDED, &["kind", "provision", "actor", "collected", "profession", "elements", "needed", "source"])?
        .each(|[code, provision, actor, collected, profession, elements, needed, _]| {
            let word = |what: &str, text: &str| format!("unknown {what} `{text}`");
            kinds.push(ConsentKind {
                code: code.to_owned(),
                permits: match provision {
                    "permit" => Some(true),
                    "deny" => Some(false),
                    "any" => None,
                    other => return Err(word("provision", other)),
                },
                named: match actor {
                    "none" => Named::Nobody,
                    "party" => Named::Party,
                    "professional" => Named::Professional,
                    "team" => Named::Team,
                    "application" => Named::Application,
                    other => return Err(word("actor", other)),
                },
                collected: match collected {
                    "no" => Collected::No,
                    "yes" => Collected::Yes,
                    "self" => Collected::ForItself,
                    "self-or-valid" => Collected::ForItselfOrValid,
                    "administrator" => Collected::ByAdministrator,
                    other => return Err(word("collected", other)),
                },
                profession: match profession {
                    "*" => None,
                    text => {
                        let (system, code) = text.split_once('|').ok_or_else(|| word("profession", text))?;
                        let system = profession_system(system).ok_or_else(|| word("profession", text))?;
                        Some(Code { system: system.to_owned(), code: code.to_owned() })
                    }
                },
                elements: named_elements(elements)?,
                needed: named_elements(needed)?,
            });
            Ok(())
        })?;
    Ok(kinds)
}

/// The elements that a cell names, or `-`.
fn named_elements(cell: &str) -> Result<Vec<&'static str>, String> {
    match cell {
        "-" => Ok(Vec::new()),
        names => names.split(',').map(|name| element(name).ok_or_else(|| format!("unknown element `{name}`"))).collect(),
    }
}

/// An element of `provision` that this server keeps to.
fn element(name: &str) -> Option<&'static str> {
    ["actor", "class", "period", "purpose"].into_iter().find(|known| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_table_loads() {
        let codes: Vec<String> = load().map(|kinds| kinds.into_iter().map(|kind| kind.code).collect()).unwrap_or_default();
        assert_eq!(codes.len(), 11);
        assert!(codes.is_sorted());
    }

    #[test]
    fn every_right_by_consent_has_its_kind() {
        let kinds = load().unwrap_or_default();
        for code in RightKind::ALL.into_iter().filter_map(code_of) {
            assert!(kinds.iter().any(|kind| kind.code == code), "{code}");
        }
    }
}
