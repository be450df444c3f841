//! The authorization matrix: which profession may consult which type of document. A table, not code (P6).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::nomenclature::Types;
use super::table::{Table, day};
use super::{Code, LoadError};

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

/// The texts of the tables.
#[derive(Debug, Clone, Copy)]
pub struct Tables<'a> {
    /// `matrix.tsv`.
    pub matrix: &'a str,
    /// `types.tsv`.
    pub types: &'a str,
    /// `professions.tsv`.
    pub professions: &'a str,
    /// `exercises.tsv`.
    pub exercises: &'a str,
    /// `sources.tsv`.
    pub sources: &'a str,
}

impl Tables<'_> {
    /// The tables this binary was built with.
    pub const EMBEDDED: Tables<'static> = Tables {
        matrix: include_str!("../../profiles/authorization/matrix.tsv"),
        types: include_str!("../../profiles/authorization/types.tsv"),
        professions: include_str!("../../profiles/authorization/professions.tsv"),
        exercises: include_str!("../../profiles/authorization/exercises.tsv"),
        sources: include_str!("../../profiles/authorization/sources.tsv"),
    };
}

/// The whole matrix.
#[derive(Debug)]
pub struct Matrix {
    types: Types,
    /// Cells of a profession, and whether the profession's column is in force.
    professions: HashMap<Code, Column>,
    exercises: HashMap<(String, String), Exercise>,
}

#[derive(Debug, Default)]
struct Column {
    effective: bool,
    cells: BTreeMap<i16, Vec<Cell>>,
}

/// The canonical address of a nomenclature of professions.
pub fn profession_system(short: &str) -> Option<&'static str> {
    Some(match short {
        "TRE_G15" => "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante",
        "TRE_R85" => "https://mos.esante.gouv.fr/NOS/TRE_R85-RolePriseCharge/FHIR/TRE-R85-RolePriseCharge",
        "TRE_R94" => "https://mos.esante.gouv.fr/NOS/TRE_R94-ProfessionSocial/FHIR/TRE-R94-ProfessionSocial",
        "TRE_R95" => "https://mos.esante.gouv.fr/NOS/TRE_R95-UsagerTitre/FHIR/TRE-R95-UsagerTitre",
        _ => return None,
    })
}

impl Matrix {
    /// Reads the tables.
    ///
    /// # Errors
    /// [`LoadError`] with file and line: unknown code, empty cell, duplicate or unsorted rule, missing source, overlapping dates,
    /// an effect that contradicts its status.
    pub fn load(tables: Tables<'_>) -> Result<Self, LoadError> {
        let types = Types::load(tables.types)?;
        let mut sources = Vec::new();
        Table::read("sources.tsv", tables.sources, &["key", "source"])?.each(|[key, _]| {
            sources.push(key.to_owned());
            Ok(())
        })?;
        let mut professions: HashMap<Code, Column> = HashMap::new();
        Table::read("professions.tsv", tables.professions, &["system", "code", "display", "effective"])?.each(
            |[system, code, _, effective]| {
                let effective = match effective {
                    "yes" => true,
                    "no" => false,
                    other => return Err(format!("`{other}` is neither yes nor no")),
                };
                let column = Column { effective, cells: BTreeMap::new() };
                if professions.insert(profession(system, code)?, column).is_some() {
                    return Err(format!("duplicate profession `{code}`"));
                }
                Ok(())
            },
        )?;
        let mut last = String::new();
        let header = ["rule", "profession_system", "profession", "type_system", "type", "effect", "status", "since", "until", "source"];
        Table::read("matrix.tsv", tables.matrix, &header)?.each(
            |[rule, system, code, type_system, doc_type, effect, status, since, until, source]| {
                if rule <= last.as_str() {
                    return Err(format!("rule `{rule}` does not come after `{last}`"));
                }
                rule.clone_into(&mut last);
                let doc_type =
                    types.by_code(Some(type_system), doc_type).ok_or_else(|| format!("unknown type `{type_system}|{doc_type}`"))?.number;
                let (effect, status) = meaning(effect, status)?;
                if !sources.iter().any(|known| known == source) {
                    return Err(format!("unknown source `{source}`"));
                }
                let cell =
                    Cell { rule: rule.to_owned(), doc_type, effect, status, since: day(since, i32::MIN)?, until: day(until, i32::MAX)? };
                if cell.since >= cell.until {
                    return Err("the rule ends before it begins".to_owned());
                }
                let column =
                    professions.get_mut(&profession(system, code)?).ok_or_else(|| format!("unknown profession `{system}|{code}`"))?;
                let cells = column.cells.entry(doc_type).or_default();
                if let Some(other) = cells.iter().find(|other| other.since < cell.until && cell.since < other.until) {
                    return Err(format!("its dates overlap those of `{}`", other.rule));
                }
                cells.push(cell);
                Ok(())
            },
        )?;
        let mut exercises = HashMap::new();
        Table::read("exercises.tsv", tables.exercises, &["element", "code", "exercise", "source"])?.each(
            |[element, code, exercise, _]| {
                let exercise = match exercise {
                    "occupational" => Exercise::Occupational,
                    "barred" => Exercise::Barred,
                    other => return Err(format!("unknown exercise `{other}`")),
                };
                if !matches!(element, "sector" | "specialty") {
                    return Err(format!("unknown element `{element}`"));
                }
                exercises.insert((element.to_owned(), code.to_owned()), exercise);
                Ok(())
            },
        )?;
        Ok(Self { types, professions, exercises })
    }

    /// The document types.
    pub fn types(&self) -> &Types {
        &self.types
    }

    /// The cell for a profession and a type on a day (days since 1970).
    pub fn cell(&self, profession: &Code, doc_type: i16, on: i32) -> Option<&Cell> {
        self.professions.get(profession)?.cells.get(&doc_type)?.iter().find(|cell| cell.since <= on && on < cell.until)
    }

    /// The types a profession may consult on a day, sorted; none for an unknown profession or a column not in force (P5).
    pub fn readable(&self, profession: &Code, accept_provisional: bool, on: i32) -> Arc<[i16]> {
        let Some(column) = self.professions.get(profession).filter(|column| column.effective) else {
            return Arc::new([]);
        };
        let counts = |cell: &&Cell| {
            cell.since <= on
                && on < cell.until
                && cell.effect == Effect::Permit
                && (cell.status == Status::Confirmed || accept_provisional && cell.status == Status::Provisional)
        };
        column.cells.values().filter_map(|cells| cells.iter().find(counts)).map(|cell| cell.doc_type).collect()
    }

    /// Whether the profession is one of the nomenclature.
    pub fn knows(&self, profession: &Code) -> bool {
        self.professions.contains_key(profession)
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

    /// How many cells are confirmed, provisional and unknown.
    pub fn counts(&self) -> [usize; 3] {
        let cells = || self.professions.values().flat_map(|column| column.cells.values().flatten());
        [Status::Confirmed, Status::Provisional, Status::Unknown].map(|status| cells().filter(|cell| cell.status == status).count())
    }
}

fn profession(system: &str, code: &str) -> Result<Code, String> {
    let system = profession_system(system).ok_or_else(|| format!("unknown system `{system}`"))?;
    Ok(Code { system: system.to_owned(), code: code.to_owned() })
}

fn meaning(effect: &str, status: &str) -> Result<(Effect, Status), String> {
    match (effect, status) {
        ("permit", "confirmed") => Ok((Effect::Permit, Status::Confirmed)),
        ("forbid", "confirmed") => Ok((Effect::Forbid, Status::Confirmed)),
        ("permit", "provisional") => Ok((Effect::Permit, Status::Provisional)),
        ("forbid", "provisional") => Ok((Effect::Forbid, Status::Provisional)),
        ("unknown", "unknown") => Ok((Effect::Unknown, Status::Unknown)),
        _ => Err(format!("effect `{effect}` does not go with status `{status}`")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn g15(code: &str) -> Code {
        profession("TRE_G15", code).unwrap()
    }

    /// A second reading of the table, row by row and knowing nothing of the first.
    fn naive(profession: &str, doc_type: &str, provisional: bool) -> bool {
        Tables::EMBEDDED.matrix.lines().skip(1).any(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let [_, "TRE_G15", p, _, t, "permit", status, ..] = cells[..] else { return false };
            p == profession && t == doc_type && (status == "confirmed" || provisional && status == "provisional")
        })
    }

    #[test]
    fn two_readings_decide_alike_cell_by_cell() {
        let matrix = Matrix::load(Tables::EMBEDDED).unwrap();
        for profession in ["10", "21", "28", "40", "60", "80", "98", "35", "99"] {
            for provisional in [false, true] {
                let readable = matrix.readable(&g15(profession), provisional, 20_600);
                for doc_type in matrix.types().all() {
                    assert_eq!(
                        readable.binary_search(&doc_type.number).is_ok(),
                        naive(profession, &doc_type.code, provisional),
                        "{profession} {}",
                        doc_type.code
                    );
                }
            }
        }
    }

    #[test]
    fn the_stated_cells_hold() {
        let matrix = Matrix::load(Tables::EMBEDDED).unwrap();
        let may = |profession: &str, code: &str| {
            let number = matrix.types().by_code(None, code).unwrap().number;
            matrix.readable(&g15(profession), false, 20_600).binary_search(&number).is_ok()
        };
        assert!(may("10", "11490-0") && !may("10", "ATTEST-RESID"));
        assert!(may("28", "57828-6") && !may("28", "11490-0") && !may("28", "11502-2"));
        assert!(may("60", "11502-2") && !may("60", "89601-9"));
        assert_eq!(matrix.readable(&g15("28"), true, 20_600).len(), 12);
        assert!(matrix.readable(&g15("10"), false, 19_000).is_empty(), "before the order nobody may");
        let coordinator = profession("TRE_R85", "330").unwrap();
        assert!(matrix.readable(&coordinator, true, 20_600).is_empty(), "the columns of roles are not in force");
    }

    #[test]
    fn a_table_that_is_not_law_does_not_load() {
        let good = Tables::EMBEDDED.matrix.lines().take(3).collect::<Vec<_>>().join("\n");
        let second = good.lines().nth(2).unwrap().to_owned();
        let rows = [
            (good.replace("M-00002", "M-00001"), "does not come after"),
            (good.replace("\t2023-10-29\t*\t", "\t2023-13-29\t*\t"), "is not a date"),
            (good.replace("\t10\t", "\t1010\t"), "unknown profession"),
            (good.replace("\tpermit\t", "\tallow\t"), "does not go with"),
            (good.replace("\t*\tinferred", "\t*\tnobody"), "unknown source"),
            (good.replace("\t*\tinferred", "\t*\t"), "is empty"),
            (good.replace("\t*\tinferred", "\t2020-01-01\tinferred"), "ends before it begins"),
            (format!("{good}\n{}", second.replace("M-00002", "M-00003")), "overlap"),
            (format!("{good}\nM-00003"), "cells instead of"),
            (good.replace("TRE_A05", "TRE_X"), "unknown type"),
        ];
        for (text, message) in rows {
            let error = Matrix::load(Tables { matrix: &text, ..Tables::EMBEDDED }).unwrap_err().to_string();
            assert!(error.starts_with("matrix.tsv, line ") && error.contains(message), "{error} / {message}");
        }
    }
}
