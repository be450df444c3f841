//! Document types with their classes, and the visibility labels (JDV_J66, ASS_X16, TRE_A03, TRE_A07).

use std::collections::HashMap;

use super::table::Table;
use super::{Files, Finding};
pub use crate::fhir::national::{LOINC, TRE_A05, canonical_type_system};
use crate::filter::Label;

const FILE: &str = "types.tsv";

/// TRE_A03, classes of documents.
pub const TRE_A03: &str = "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument";
/// TRE_A07, visibility of documents.
pub const TRE_A07: &str = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument";

/// A type of document: a row of the matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocType {
    /// The number kept in databases, from 1.
    pub number: i16,
    /// [`LOINC`] or [`TRE_A05`].
    pub system: &'static str,
    /// The code.
    pub code: String,
    /// The code of its class in TRE_A03.
    pub class: String,
    /// The French label.
    pub display: String,
}

/// Every type of document.
#[derive(Debug, Default)]
pub struct Types {
    types: Vec<DocType>,
    by_code: HashMap<(&'static str, String), usize>,
}

impl Types {
    /// Reads `types.tsv`, telling an unknown system or class, a number that does not count from 1, a duplicate, and a number that has
    /// another meaning than in databases: the types this binary was built with stay, and others may follow.
    pub fn load(bytes: &[u8], findings: &mut Vec<Finding>) -> Self {
        let types = Self::read(bytes, findings);
        let built_in = Self::read(Files::embedded().bytes(FILE), &mut Vec::new());
        for (known, line) in built_in.types.iter().zip(2..) {
            let kept = types.types.iter().find(|one| one.number == known.number);
            // A number that is missing was told already, unless the table just ends.
            if kept.is_none() && types.types.last().is_none_or(|last| last.number < known.number) {
                findings.push(Finding::new(
                    FILE,
                    line,
                    1,
                    format!("number {} (`{}`), which is in databases, is missing", known.number, known.code),
                ));
            } else if let Some(other) = kept.filter(|one| (one.system, &one.code) != (known.system, &known.code)) {
                let message = format!("number {} is `{}` in databases, not `{}`", known.number, known.code, other.code);
                findings.push(Finding::new(FILE, line, 1, message));
            }
        }
        types
    }

    fn read(bytes: &[u8], findings: &mut Vec<Finding>) -> Self {
        let mut types = Self::default();
        Table::read(FILE, bytes, ["number", "system", "code", "class", "display"], findings).each(
            findings,
            |[number, system, code, class, display]| {
                let of = system.known("system", type_system(Some(system.text)))?;
                let counted: i16 = number.text.parse().map_err(|_| number.wrong(format!("`{}` is not a number", number.text)))?;
                if usize::try_from(counted) != Ok(types.types.len() + 1) {
                    return Err(number.wrong(format!("number {counted} is out of order")));
                }
                class.known("class", class_display(class.text))?;
                if types.by_code.insert((of, code.text.to_owned()), types.types.len()).is_some() {
                    return Err(code.wrong(format!("duplicate type `{}`", code.text)));
                }
                let [code, class, display] = [code, class, display].map(|cell| cell.text.to_owned());
                types.types.push(DocType { number: counted, system: of, code, class, display });
                Ok(())
            },
        );
        types
    }

    /// The type of a coding; without a system, a code that only one system has.
    pub fn by_code(&self, system: Option<&str>, code: &str) -> Option<&DocType> {
        let find = |system| self.by_code.get(&(system, code.to_owned())).and_then(|at| self.types.get(*at));
        match system {
            None => find(LOINC).or_else(|| find(TRE_A05)),
            Some(_) => find(type_system(system)?),
        }
    }

    /// All types, by number.
    pub fn all(&self) -> &[DocType] {
        &self.types
    }
}

/// How the tables spell a type's system.
pub fn short_type_system(system: &str) -> &'static str {
    if system == LOINC { "loinc" } else { "TRE_A05" }
}

/// The one spelling of a type's system.
pub fn type_system(system: Option<&str>) -> Option<&'static str> {
    match system? {
        "loinc" | LOINC => Some(LOINC),
        "TRE_A05" | TRE_A05 => Some(TRE_A05),
        other => canonical_type_system(other),
    }
}

/// The French label of a class of TRE_A03.
pub fn class_display(class: &str) -> Option<&'static str> {
    Some(match class {
        "10" => "Compte rendu",
        "11" => "Synthèse",
        "31" => "Imagerie médicale",
        "42" => "Prescription",
        "43" => "Dispensation",
        "44" => "Plan de soins, protocole de soins",
        "45" => "Traitement administré",
        "52" => "Certificat, déclaration",
        "60" => "Données de remboursement",
        "90" => "Autres documents déposés par le patient",
        "95" => "Document de gestion",
        // The class of E1762, which is none of TRE_A03.
        "urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1" => "Digital Signature",
        _ => return None,
    })
}

/// The visibility a label code means, by membership, whatever its system (CONTRACT 3, Labels).
pub fn visibility(code: &str) -> Option<Label> {
    match code {
        "MASQUE_PS" => Some(Label::Masked),
        "INVISIBLE_PATIENT" | "NOPAT" => Some(Label::HiddenFromHolder),
        "INVISIBLE_REPRESENTANTS_LEGAUX" => Some(Label::HiddenFromRepresentatives),
        _ => None,
    }
}

/// Whether the code is a level of confidentiality (v3-Confidentiality).
pub fn is_confidentiality(code: &str) -> bool {
    matches!(code, "U" | "L" | "M" | "N" | "R" | "V")
}
