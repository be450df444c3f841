//! Who may deposit which types of documents (`profiles/authorization/deposits.tsv`). Depositing needs no right to consult; the rules say
//! which kinds of callers deposit at all.

use super::nomenclature::{DocType, Types, class_display};
use super::table::Table;
use super::{CallerKind, Files, Finding};

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
    /// Reads `deposits.tsv`, telling an unknown caller, class or type, and a row said twice.
    pub(super) fn load(files: &Files, types: &Types, findings: &mut Vec<Finding>) -> Self {
        let mut all: Vec<(CallerKind, What)> = Vec::new();
        let header = ["caller", "element", "code", "source"];
        Table::read("deposits.tsv", files.bytes("deposits.tsv"), header, findings).each(findings, |[caller, element, code, _]| {
            let kind = caller.known("caller", CallerKind::parse(caller.text))?;
            let what = match (element.word(["*", "class", "type"].map(|word| (word, word)))?, code.text) {
                ("class", class) => What::Class(code.known("class", class_display(class).map(|_| class.to_owned()))?),
                ("type", text) => What::Type(code.known("type", types.by_code(None, text))?.number),
                (_, "*") => What::Any,
                _ => return Err(code.wrong(format!("`{}` of any element; `*` it is", code.text))),
            };
            if all.contains(&(kind, what.clone())) {
                return Err(code.wrong(format!("duplicate row of `{}`", caller.text)));
            }
            all.push((kind, what));
            Ok(())
        });
        Self(all)
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
    use super::*;

    fn types() -> Types {
        Types::load(Files::embedded().bytes("types.tsv"), &mut Vec::new())
    }

    #[test]
    fn each_caller_deposits_what_is_its_own() {
        let (types, mut findings) = (types(), Vec::new());
        let deposits = Deposits::load(&Files::embedded(), &types, &mut findings);
        assert_eq!(findings, []);
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
        let rows = [
            ("nobody\t*\t*\tx", "deposits.tsv, line 2, column 1: `caller`: unknown caller `nobody`"),
            ("holder\tclass\t12\tx", "deposits.tsv, line 2, column 14: `code`: unknown class `12`"),
            ("holder\ttype\t0-0\tx", "deposits.tsv, line 2, column 13: `code`: unknown type `0-0`"),
            ("holder\t*\t90\tx", "deposits.tsv, line 2, column 10: `code`: `90` of any element; `*` it is"),
            ("holder\tkind\t90\tx", "deposits.tsv, line 2, column 8: `element`: `kind` is not one of *, class, type"),
            ("holder\t*\t*\tx\nholder\t*\t*\tx", "deposits.tsv, line 3, column 10: `code`: duplicate row of `holder`"),
        ];
        for (row, expected) in rows {
            let mut findings = Vec::new();
            let files = Files::embedded().with("deposits.tsv", format!("caller\telement\tcode\tsource\n{row}\n"));
            Deposits::load(&files, &types(), &mut findings);
            assert_eq!(findings.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
        }
    }
}
