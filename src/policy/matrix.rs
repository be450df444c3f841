//! The authorization matrix: which profession may consult which type of document. A table, not code (P6).

mod read;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::nomenclature::Types;
use super::{Code, Files, LoadError};

pub use read::HEADER;

/// What a cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// May consult.
    Permit,
    /// May not.
    Forbid,
    /// Not known, therefore denied.
    Unknown,
}

impl Effect {
    /// The spelling in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Forbid => "forbid",
            Self::Unknown => "unknown",
        }
    }
}

/// How well a cell is founded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Stated by a named source.
    Confirmed,
    /// Inferred; counts only where the configuration accepts it.
    Provisional,
    /// Not known.
    Unknown,
}

impl Status {
    /// The spelling in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Provisional => "provisional",
            Self::Unknown => "unknown",
        }
    }
}

/// One cell: profession × type, in force over `[since, until)`, days since 1970.
#[derive(Debug, Clone)]
pub struct Cell {
    /// The rule's id.
    pub rule: String,
    /// The number of the type.
    pub doc_type: i16,
    /// What it says.
    pub effect: Effect,
    /// How well it is founded.
    pub status: Status,
    /// First day.
    pub since: i32,
    /// First day after.
    pub until: i32,
    /// The key of its source.
    pub source: String,
    /// Its line in the table.
    pub line: usize,
}

impl Cell {
    /// Whether it is in force on a day.
    pub fn is_on(&self, day: i32) -> bool {
        self.since <= day && day < self.until
    }

    /// Whether it lets consult.
    pub fn opens(&self, accept_provisional: bool) -> bool {
        self.effect == Effect::Permit && (self.status == Status::Confirmed || accept_provisional && self.status == Status::Provisional)
    }
}

/// What an exercise is, by its sector or specialty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exercise {
    /// An ordinary one.
    Ordinary,
    /// Occupational health: express consent only (L1111-17 IV CSP).
    Occupational,
    /// Insurance, banking, employer: never (L1111-18 CSP).
    Barred,
}

/// A profession: its cells, or whose it has.
#[derive(Debug)]
pub struct Column {
    /// The French label.
    pub display: String,
    /// Whether it is in force.
    pub effective: bool,
    /// The profession whose cells count for it, where it has none of its own.
    pub reads: Option<Code>,
    /// Where that comes from.
    pub source: String,
    cells: BTreeMap<i16, Vec<Cell>>,
}

/// The whole matrix.
#[derive(Debug)]
pub struct Matrix {
    types: Types,
    /// The professions, in the order of their table.
    order: Vec<Code>,
    professions: HashMap<Code, Column>,
    exercises: HashMap<(String, String), Exercise>,
    sources: HashMap<String, String>,
}

/// The nomenclatures of professions: how tables and tokens spell them, and their canonical addresses.
pub const PROFESSION_SYSTEMS: [(&str, &str); 5] = [
    ("TRE_G15", "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante"),
    ("TRE_A02", "https://mos.esante.gouv.fr/NOS/TRE_A02-ProfessionSavFaire-CISIS/FHIR/TRE-A02-ProfessionSavFaire-CISIS"),
    ("TRE_R85", "https://mos.esante.gouv.fr/NOS/TRE_R85-RolePriseCharge/FHIR/TRE-R85-RolePriseCharge"),
    ("TRE_R94", "https://mos.esante.gouv.fr/NOS/TRE_R94-ProfessionSocial/FHIR/TRE-R94-ProfessionSocial"),
    ("TRE_R95", "https://mos.esante.gouv.fr/NOS/TRE_R95-UsagerTitre/FHIR/TRE-R95-UsagerTitre"),
];

/// The canonical address of a nomenclature of professions.
pub fn profession_system(short: &str) -> Option<&'static str> {
    PROFESSION_SYSTEMS.into_iter().find(|(one, _)| *one == short).map(|(_, system)| system)
}

/// The profession that tables spell `TRE_G15|10`.
pub fn spelt(text: &str) -> Option<Code> {
    let (short, code) = text.split_once('|')?;
    Some(Code { system: profession_system(short)?.to_owned(), code: code.to_owned() })
}

/// How tables spell the nomenclature of a profession.
pub fn short_system(profession: &Code) -> &str {
    PROFESSION_SYSTEMS.into_iter().find(|(_, system)| *system == profession.system).map_or(&profession.system, |(short, _)| short)
}

impl Matrix {
    /// The matrix of these tables.
    ///
    /// # Errors
    /// [`LoadError`] with everything that is wrong: an unknown code, effect, status or source, a blank cell, a date that is none, ids out
    /// of order, rows that repeat, contradict or overlap each other, a profession in force without a row for some type or some day.
    pub fn load(files: &Files) -> Result<Self, LoadError> {
        let mut findings = Vec::new();
        let matrix = Self::read(files, &mut findings);
        LoadError::unless_none(findings).map(|()| matrix)
    }

    /// The document types.
    pub fn types(&self) -> &Types {
        &self.types
    }

    /// Every profession, in the order of its table.
    pub fn professions(&self) -> impl Iterator<Item = (&Code, &Column)> {
        self.order.iter().filter_map(|code| Some((code, self.professions.get(code)?)))
    }

    /// The row of a profession.
    pub fn profession(&self, profession: &Code) -> Option<&Column> {
        self.professions.get(profession)
    }

    /// The text of a source.
    pub fn source(&self, key: &str) -> Option<&str> {
        self.sources.get(key).map(String::as_str)
    }

    /// The column whose cells count for a profession: its own, or the one that its row names.
    fn column(&self, profession: &Code) -> Option<&Column> {
        let own = self.professions.get(profession)?;
        own.reads.as_ref().map_or(Some(own), |read| self.professions.get(read))
    }

    /// Whether a profession is in force: its row and the column it reads.
    pub fn is_effective(&self, profession: &Code) -> bool {
        let own = self.professions.get(profession).is_some_and(|column| column.effective);
        own && self.column(profession).is_some_and(|column| column.effective)
    }

    /// The cells of a profession and a type, of whatever day, by the profession whose they are.
    pub fn cells(&self, profession: &Code, doc_type: i16) -> &[Cell] {
        self.column(profession).and_then(|column| column.cells.get(&doc_type)).map_or(&[], Vec::as_slice)
    }

    /// The cell for a profession and a type on a day (days since 1970).
    pub fn cell(&self, profession: &Code, doc_type: i16, on: i32) -> Option<&Cell> {
        self.cells(profession, doc_type).iter().find(|cell| cell.is_on(on))
    }

    /// The types a profession may consult on a day, sorted; none for an unknown profession or a column not in force (P5).
    pub fn readable(&self, profession: &Code, accept_provisional: bool, on: i32) -> Arc<[i16]> {
        let Some(column) = self.column(profession).filter(|_| self.is_effective(profession)) else {
            return Arc::new([]);
        };
        let counts = |cell: &&Cell| cell.is_on(on) && cell.opens(accept_provisional);
        column.cells.values().filter_map(|cells| cells.iter().find(counts)).map(|cell| cell.doc_type).collect()
    }

    /// What an exercise is; the stricter of its sector and its specialty.
    pub fn exercise(&self, sector: Option<&str>, specialty: Option<&str>) -> Exercise {
        let find = |element: &str, code: Option<&str>| self.exercises.get(&(element.to_owned(), code?.to_owned())).copied();
        match (find("sector", sector), find("specialty", specialty)) {
            (Some(Exercise::Barred), _) | (_, Some(Exercise::Barred)) => Exercise::Barred,
            (Some(Exercise::Occupational), _) | (_, Some(Exercise::Occupational)) => Exercise::Occupational,
            _ => Exercise::Ordinary,
        }
    }

    /// The first sector of activity that is occupational health.
    pub fn occupational_sector(&self) -> Option<&str> {
        let sectors = self.exercises.iter().filter(|((element, _), exercise)| element == "sector" && **exercise == Exercise::Occupational);
        sectors.map(|((_, code), _)| code.as_str()).min()
    }

    /// How many cells are confirmed, provisional and unknown, of those that have no end.
    pub fn counts(&self) -> [usize; 3] {
        let cells = || self.professions.values().flat_map(|column| column.cells.values().flatten()).filter(|cell| cell.until == i32::MAX);
        [Status::Confirmed, Status::Provisional, Status::Unknown].map(|status| cells().filter(|cell| cell.status == status).count())
    }
}
