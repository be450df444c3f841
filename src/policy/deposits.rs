//! Who may deposit which types of documents (`profiles/authorization/deposits.tsv`). Depositing needs no right to consult; the rules say
//! which kinds of callers deposit at all.

use super::nomenclature::{DocType, Types, class_display};
use super::table::Table;
use super::{CallerKind, LoadError};

/// The table this binary was built with.
pub const EMBEDDED: &str = include_str!("../../profiles/authorization/deposits.tsv");

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Any,
    Class(String),
    Type(i16),
}

/// Kinds of callers with what they may deposit.
#[derive(Debug)]
pub struct Deposits(Vec<(CallerKind, What)>);

impl Deposits {
    /// Reads the table.
    ///
    /// # Errors
    /// [`LoadError`] with the line: unknown caller, class or type, or a row twice.
    pub fn load(text: &str, types: &Types) -> Result<Self, LoadError> {
        let mut all: Vec<(CallerKind, What)> = Vec::new();
        Table::read("deposits.tsv", text, &["caller", "element", "code", "source"])?.each(|[caller, element, code, _]| {
            let kind = CallerKind::parse(caller).ok_or_else(|| format!("unknown caller `{caller}`"))?;
            let what = match (element, code) {
                ("*", "*") => What::Any,
                ("class", code) if class_display(code).is_some() => What::Class(code.to_owned()),
                ("type", code) => What::Type(types.by_code(None, code).ok_or_else(|| format!("unknown type `{code}`"))?.number),
                _ => return Err(format!("unknown `{element}` `{code}`")),
            };
            if all.contains(&(kind, what.clone())) {
                return Err(format!("duplicate row of `{caller}`"));
            }
            all.push((kind, what));
            Ok(())
        })?;
        Ok(Self(all))
    }

    /// Whether callers of this kind deposit documents of this type; what the table does not name nobody does.
    pub fn may(&self, kind: CallerKind, doc_type: &DocType) -> bool {
        self.0.iter().any(|(known, what)| {
            *known == kind
                && match what {
                    What::Any => true,
                    What::Class(class) => *class == doc_type.class,
                    What::Type(number) => *number == doc_type.number,
                }
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::matrix::Tables;
    use super::*;

    #[test]
    fn each_caller_deposits_what_is_its_own() {
        let types = Types::load(Tables::EMBEDDED.types).unwrap();
        let deposits = Deposits::load(EMBEDDED, &types).unwrap();
        let rows = [
            (CallerKind::Holder, "EXPPAT_1", true),
            (CallerKind::Holder, "74465-6", true),
            (CallerKind::Holder, "DOCPAT05", true),
            (CallerKind::Holder, "11490-0", false),
            (CallerKind::Holder, "REMB", false),
            (CallerKind::Representative, "EXPPAT_2", true),
            (CallerKind::Representative, "57833-6", false),
            (CallerKind::Operator, "REMB", true),
            (CallerKind::Operator, "EXPPAT_1", false),
            (CallerKind::Professional, "11490-0", true),
            (CallerKind::Structure, "11502-2", true),
            (CallerKind::Application, "EXPPAT_1", false),
            (CallerKind::Auditor, "REMB", false),
        ];
        for (kind, code, expected) in rows {
            assert_eq!(deposits.may(kind, types.by_code(None, code).unwrap()), expected, "{kind:?} {code}");
        }
    }

    #[test]
    fn a_table_that_names_what_is_not_does_not_load() {
        let types = Types::load(Tables::EMBEDDED.types).unwrap();
        for row in ["nobody\t*\t*\tx", "holder\tclass\t12\tx", "holder\ttype\t0-0\tx", "holder\t*\t*\tx\nholder\t*\t*\tx"] {
            assert!(Deposits::load(&format!("caller\telement\tcode\tsource\n{row}"), &types).is_err(), "{row}");
        }
    }
}
