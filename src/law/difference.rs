//! What the national table would change of the matrix, and the matrix that says so.

use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::path::Path;

use super::National;
use crate::policy::matrix::{Cell, Effect, HEADER, Matrix, Status, short_system};
use crate::policy::nomenclature::short_type_system;
use crate::policy::table::date;
use crate::policy::{Code, Files, Finding, LoadError};

/// What becomes of what a profession may consult.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// May consult what it could not.
    Opens,
    /// May consult by a named source what it could where provisional cells count.
    OpensConfirmed,
    /// May no longer.
    Closes,
    /// May no longer where provisional cells count.
    ClosesProvisional,
    /// May not, as before.
    StaysClosed,
}

impl Way {
    /// How it is marked.
    fn mark(self) -> &'static str {
        match self {
            Self::Opens => "OPENS",
            Self::OpensConfirmed => "OPENS (was provisional)",
            Self::Closes => "closes",
            Self::ClosesProvisional => "closes (was provisional)",
            Self::StaysClosed => "stays closed",
        }
    }
}

/// One cell that is another.
#[derive(Debug, Clone)]
struct Change {
    way: Way,
    profession: Code,
    doc_type: i16,
    before: Option<Cell>,
    /// `Unknown` for a cell the table does not have.
    after: Effect,
}

impl Change {
    /// Whether the table adds, removes or changes it.
    fn kind(&self) -> &'static str {
        match (self.before.as_ref().map(|cell| cell.effect), self.after) {
            (None | Some(Effect::Unknown), _) => "added",
            (_, Effect::Unknown) => "removed",
            (Some(before), after) if before == after => "confirmed",
            _ => "changed",
        }
    }
}

/// Everything that is another.
pub struct Difference<'a> {
    matrix: &'a Matrix,
    on: i32,
    changes: Vec<Change>,
    rows: usize,
    same: usize,
    absent: Vec<Code>,
}

impl<'a> Difference<'a> {
    /// Compares the table with the matrix in force on a day. Of the professions that the table names it is the whole truth: what it
    /// does not say of them is not known any more; others stay as they are.
    pub fn new(matrix: &'a Matrix, national: &National, on: i32) -> Self {
        let mut difference = Self { matrix, on, changes: Vec::new(), rows: national.rows, same: 0, absent: Vec::new() };
        for (profession, column) in matrix.professions() {
            let Some(said) = national.cells.get(profession) else {
                difference.absent.extend(column.reads.is_none().then(|| profession.clone()));
                continue;
            };
            for doc_type in matrix.types().all() {
                let before = matrix.cell(profession, doc_type.number, on).cloned();
                let after = match said.get(&doc_type.number) {
                    Some(true) => Effect::Permit,
                    Some(false) => Effect::Forbid,
                    None => Effect::Unknown,
                };
                let founded = if after == Effect::Unknown { Status::Unknown } else { Status::Confirmed };
                if before.as_ref().map_or(after == Effect::Unknown, |cell| (cell.effect, cell.status) == (after, founded)) {
                    difference.same += 1;
                    continue;
                }
                let was = |provisional| before.as_ref().is_some_and(|cell| cell.opens(provisional));
                let way = match (was(false), was(true), after == Effect::Permit) {
                    (false, false, true) => Way::Opens,
                    (_, _, true) => Way::OpensConfirmed,
                    (true, _, false) => Way::Closes,
                    (false, true, false) => Way::ClosesProvisional,
                    (false, false, false) => Way::StaysClosed,
                };
                difference.changes.push(Change { way, profession: profession.clone(), doc_type: doc_type.number, before, after });
            }
        }
        difference.changes.sort_by_key(|change| change.way);
        difference
    }

    /// How many cells go this way.
    pub fn count(&self, way: Way) -> usize {
        self.changes.iter().filter(|change| change.way == way).count()
    }

    /// The new `matrix.tsv`: rows that end have an `until`, those that begin a number never used before.
    ///
    /// # Errors
    /// [`LoadError`]: a row that begins on that day or later stands in the way, the source is unknown, or the result would be no law.
    pub fn table(&self, files: &Files, source: &str) -> Result<String, LoadError> {
        let mut findings = Vec::new();
        if self.matrix.source(source).is_none() {
            findings.push(Finding::new("sources.tsv", 1, 1, format!("unknown source `{source}`: write it down first")));
        }
        let mut ended = BTreeSet::new();
        for change in &self.changes {
            let cells = self.matrix.cells(&change.profession, change.doc_type);
            if let Some(later) = cells.iter().find(|cell| cell.since >= self.on) {
                let message = format!("rule `{}` begins on {}, not before {}", later.rule, date(later.since), date(self.on));
                findings.push(Finding::new("matrix.tsv", later.line, 1, message));
            }
            ended.extend(change.before.as_ref().map(|cell| cell.rule.as_str()));
        }
        LoadError::unless_none(findings)?;
        let text = String::from_utf8_lossy(files.bytes("matrix.tsv")).into_owned();
        let (on, until) = (date(self.on), HEADER.iter().position(|name| *name == "until").unwrap_or_default());
        let mut table = String::with_capacity(text.len());
        let mut last = 0;
        for line in text.lines() {
            let mut cells: Vec<&str> = line.split('\t').collect();
            let rule = cells.first().copied().unwrap_or_default();
            last = last.max(rule.strip_prefix("M-").and_then(|number| number.parse::<u64>().ok()).unwrap_or(0));
            if let Some(cell) = cells.get_mut(until).filter(|_| ended.contains(rule)) {
                *cell = &on;
            }
            table.push_str(&cells.join("\t"));
            table.push('\n');
        }
        let mut begun: Vec<&Change> = self.changes.iter().collect();
        let order: Vec<&Code> = self.matrix.professions().map(|(code, _)| code).collect();
        begun.sort_by_key(|change| (order.iter().position(|code| **code == change.profession), change.doc_type));
        for (change, number) in begun.into_iter().zip(last + 1..) {
            let Some(doc_type) = self.matrix.types().all().iter().find(|one| one.number == change.doc_type) else { continue };
            let status = if change.after == Effect::Unknown { Status::Unknown } else { Status::Confirmed };
            let (system, type_system) = (short_system(&change.profession), short_type_system(doc_type.system));
            let (code, doc_type, effect, status) = (&change.profession.code, &doc_type.code, change.after.as_str(), status.as_str());
            let _ = writeln!(table, "M-{number:05}\t{system}\t{code}\t{type_system}\t{doc_type}\t{effect}\t{status}\t{on}\t*\t{source}");
        }
        Matrix::load(&files.clone().with("matrix.tsv", table.clone()))?;
        Ok(table)
    }
}

impl Difference<'_> {
    /// Writes the new matrix: whole, or not at all.
    ///
    /// # Errors
    /// What [`Self::table`] says, or the file system.
    pub fn write(&self, files: &Files, source: &str, path: &Path) -> Result<(), String> {
        let table = self.table(files, source).map_err(|faults| format!("no matrix is written:\n{faults}"))?;
        let beside = path.with_extension("tsv.new");
        let written = std::fs::write(&beside, table).and_then(|()| std::fs::rename(&beside, path));
        written.map_err(|error| format!("{}: {error}", path.display()))
    }
}

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = date(self.on);
        writeln!(f, "{} rows, compared with the matrix of {day}", self.rows)?;
        let mut way = None;
        for change in &self.changes {
            if way.replace(change.way) != Some(change.way) {
                writeln!(f, "\n{}: {}", change.way.mark(), self.count(change.way))?;
            }
            let label = self.matrix.profession(&change.profession).map_or("", |column| &column.display);
            let inert = if self.matrix.is_effective(&change.profession) { "" } else { ", a column not in force" };
            let doc_type = self.matrix.types().all().iter().find(|one| one.number == change.doc_type);
            let (code, display) = doc_type.map_or(("", ""), |one| (&one.code, &one.display));
            let before = change
                .before
                .as_ref()
                .map_or_else(|| "nothing".to_owned(), |cell| format!("{} ({}, {})", cell.effect.as_str(), cell.rule, cell.status.as_str()));
            writeln!(
                f,
                "  {} {}|{} {label}{inert}: {code} {display}: {before} → {}",
                change.kind(),
                short_system(&change.profession),
                change.profession.code,
                change.after.as_str()
            )?;
        }
        let kinds: BTreeSet<&str> = self.changes.iter().map(Change::kind).collect();
        let kinds = kinds.into_iter().map(|kind| format!("{} {kind}", self.changes.iter().filter(|change| change.kind() == kind).count()));
        let kinds: Vec<String> = kinds.chain([format!("{} unchanged", self.same)]).collect();
        write!(f, "\n{}", kinds.join(", "))?;
        let absent: Vec<String> = self.absent.iter().map(|code| format!("{}|{}", short_system(code), code.code)).collect();
        if !absent.is_empty() {
            write!(f, "\nnot in these files, left as they are: {}", absent.join(" "))?;
        }
        Ok(())
    }
}
