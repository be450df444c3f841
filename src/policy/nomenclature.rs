//! Document types with their classes, and the visibility labels (JDV_J66, ASS_X16, TRE_A03, TRE_A07).

use std::collections::HashMap;

use super::LoadError;
use super::table::Table;
use crate::filter::Label;

/// LOINC's canonical address in FHIR.
pub const LOINC: &str = "http://loinc.org";
/// TRE_A05, types of documents that LOINC lacks.
pub const TRE_A05: &str = "https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire";
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
    /// Reads `types.tsv`.
    ///
    /// # Errors
    /// [`LoadError`] for an unknown system, a number that does not count from 1, a duplicate.
    pub fn load(text: &str) -> Result<Self, LoadError> {
        let mut types = Self::default();
        Table::read("types.tsv", text, &["number", "system", "code", "class", "display"])?.each(
            |[number, system, code, class, display]| {
                let system = type_system(Some(system)).ok_or_else(|| format!("unknown system `{system}`"))?;
                let number: i16 = number.parse().map_err(|_| format!("`{number}` is not a number"))?;
                if usize::try_from(number) != Ok(types.types.len() + 1) {
                    return Err(format!("number {number} is out of order"));
                }
                if types.by_code.insert((system, code.to_owned()), types.types.len()).is_some() {
                    return Err(format!("duplicate type `{code}`"));
                }
                types.types.push(DocType { number, system, code: code.to_owned(), class: class.to_owned(), display: display.to_owned() });
                Ok(())
            },
        )?;
        Ok(types)
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

/// The one spelling of a type's system.
fn type_system(system: Option<&str>) -> Option<&'static str> {
    match system? {
        "loinc" | LOINC | "https://mos.esante.gouv.fr/NOS/TRE_A04-Loinc/FHIR/TRE-A04-Loinc" | "urn:oid:2.16.840.1.113883.6.1" => {
            Some(LOINC)
        }
        "TRE_A05" | TRE_A05 | "urn:oid:1.2.250.1.213.1.1.4.12" => Some(TRE_A05),
        _ => None,
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
