//! What each kind of Consent says, whom it names and who may record it (`profiles/authorization/consents.tsv`).

use super::matrix::spelt;
use super::table::{Cell, Table};
use super::{Code, Files, Finding};
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

/// Reads `consents.tsv`.
pub(super) fn load(files: &Files, findings: &mut Vec<Finding>) -> Vec<ConsentKind> {
    let mut kinds: Vec<ConsentKind> = Vec::new();
    let header = ["kind", "provision", "actor", "collected", "profession", "elements", "needed", "source"];
    Table::read("consents.tsv", files.bytes("consents.tsv"), header, findings).each(
        findings,
        |[kind, provision, actor, collected, profession, elements, needed, _]| {
            if kinds.iter().any(|other| other.code == kind.text) {
                return Err(kind.wrong(format!("duplicate kind `{}`", kind.text)));
            }
            let (may, must) = (named_elements(elements)?, named_elements(needed)?);
            if !must.iter().all(|name| may.contains(name)) {
                return Err(needed.wrong("what it must have is not among what it may have"));
            }
            kinds.push(ConsentKind {
                code: kind.text.to_owned(),
                permits: provision.word([("permit", Some(true)), ("deny", Some(false)), ("any", None)])?,
                named: actor.word([
                    ("none", Named::Nobody),
                    ("party", Named::Party),
                    ("professional", Named::Professional),
                    ("team", Named::Team),
                    ("application", Named::Application),
                ])?,
                collected: collected.word([
                    ("no", Collected::No),
                    ("yes", Collected::Yes),
                    ("self", Collected::ForItself),
                    ("self-or-valid", Collected::ForItselfOrValid),
                    ("administrator", Collected::ByAdministrator),
                ])?,
                profession: match profession.text {
                    "*" => None,
                    text => Some(profession.known("profession", spelt(text))?),
                },
                elements: may,
                needed: must,
            });
            Ok(())
        },
    );
    kinds
}

/// The elements that a cell names, or `-`.
fn named_elements(cell: Cell<'_>) -> Result<Vec<&'static str>, Finding> {
    match cell.text {
        "-" => Ok(Vec::new()),
        names => names.split(',').map(|name| cell.known("element", element(name))).collect(),
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
        let mut findings = Vec::new();
        let codes: Vec<String> = load(&Files::embedded(), &mut findings).into_iter().map(|kind| kind.code).collect();
        assert_eq!(findings, []);
        assert_eq!(codes.len(), 11);
        assert!(codes.is_sorted());
    }

    #[test]
    fn every_right_by_consent_has_its_kind() {
        let kinds = load(&Files::embedded(), &mut Vec::new());
        for code in RightKind::ALL.into_iter().filter_map(code_of) {
            assert!(kinds.iter().any(|kind| kind.code == code), "{code}");
        }
    }
}
