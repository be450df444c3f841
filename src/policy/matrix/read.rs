//! Reading the matrix and what stands around it: sources, professions, exercises.

use std::collections::{BTreeMap, HashMap};

use super::{Cell, Code, Column, Effect, Exercise, Matrix, Status, profession_system, short_system, spelt};
use crate::policy::nomenclature::Types;
use crate::policy::table::{self, Table, date};
use crate::policy::{Files, Finding};

/// The columns of `matrix.tsv`.
pub const HEADER: [&str; 10] =
    ["rule", "profession_system", "profession", "type_system", "type", "effect", "status", "since", "until", "source"];

/// The effects that go with each status.
const MEANINGS: [(Status, &[Effect]); 3] = [
    (Status::Confirmed, &[Effect::Permit, Effect::Forbid]),
    (Status::Provisional, &[Effect::Permit, Effect::Forbid]),
    (Status::Unknown, &[Effect::Unknown]),
];

impl Matrix {
    /// Reads what can be read, and tells everything that is wrong: then the result is no law.
    pub(in crate::policy) fn read(files: &Files, findings: &mut Vec<Finding>) -> Self {
        let types = Types::load(files.bytes("types.tsv"), findings);
        let sources = sources(files, findings);
        let mut matrix = Self { types, order: Vec::new(), professions: HashMap::new(), exercises: HashMap::new(), sources };
        let places = matrix.read_professions(files, findings);
        let read = matrix.read_cells(files, findings);
        matrix.read_exercises(files, findings);
        if read > 0 {
            matrix.find_gaps(&places, findings);
        }
        matrix
    }

    /// The professions, and the place of each.
    fn read_professions<'a>(&mut self, files: &'a Files, findings: &mut Vec<Finding>) -> Vec<(Code, table::Cell<'a>)> {
        let mut places = Vec::new();
        let mut readers = Vec::new();
        let header = ["system", "code", "display", "effective", "column", "source"];
        Table::read("professions.tsv", files.bytes("professions.tsv"), header, findings).each(
            findings,
            |[system, code, display, effective, column, source]| {
                let of = system.known("system", profession_system(system.text))?;
                let profession = Code { system: of.to_owned(), code: code.text.to_owned() };
                let reads = match column.text {
                    "-" => None,
                    text => Some(column.known("profession", spelt(text))?),
                };
                let row = Column {
                    display: display.text.to_owned(),
                    effective: effective.word([("yes", true), ("no", false)])?,
                    reads: reads.clone(),
                    source: source.text.to_owned(),
                    cells: BTreeMap::new(),
                };
                if self.professions.contains_key(&profession) {
                    return Err(code.wrong(format!("duplicate profession `{}|{}`", system.text, code.text)));
                }
                self.professions.insert(profession.clone(), row);
                self.order.push(profession.clone());
                readers.extend(reads.map(|reads| (column, reads)));
                places.push((profession, code));
                Ok(())
            },
        );
        for (cell, reads) in readers {
            match self.professions.get(&reads) {
                None => findings.push(cell.wrong(format!("unknown profession `{}`", cell.text))),
                Some(other) if other.reads.is_some() => findings.push(cell.wrong(format!("`{}` has no column of its own", cell.text))),
                Some(_) => {}
            }
        }
        places
    }

    /// The cells; how many rows there were.
    fn read_cells(&mut self, files: &Files, findings: &mut Vec<Finding>) -> usize {
        let (mut last, mut read) = (None, 0);
        let mut wrong = Vec::new();
        Table::read("matrix.tsv", files.bytes("matrix.tsv"), HEADER, findings).each(findings, |row| {
            read += 1;
            let number = rule_number(row[0].text);
            if number.is_none() {
                wrong.push(row[0].wrong(format!("`{}` is not `M-` and a number of five digits or more", row[0].text)));
            } else if last.is_some() && number <= last {
                wrong.push(
                    row[0].wrong(format!(
                        "rule `{}` does not come after those before it: ids are in order and never used again",
                        row[0].text
                    )),
                );
            }
            last = last.max(number);
            self.read_cell(row, &mut wrong)
        });
        findings.append(&mut wrong);
        read
    }

    fn read_cell(&mut self, row: [table::Cell<'_>; 10], wrong: &mut Vec<Finding>) -> Result<(), Finding> {
        let [rule, system, profession, type_system, doc_type, effect, status, since, until, source] = row;
        let mut all = |result: Result<(), Finding>| wrong.extend(result.err());
        if !self.sources.contains_key(source.text) {
            all(Err(source.wrong(format!("unknown source `{}`: it stands in sources.tsv", source.text))));
        }
        let said = meaning(effect, status);
        let days = since.day(i32::MIN).and_then(|from| Ok((from, until.day(i32::MAX)?)));
        let days = days.and_then(|(from, to)| {
            if from < to { Ok((from, to)) } else { Err(until.wrong(format!("`{}` is not after `{}`", until.text, since.text))) }
        });
        let number = match (
            super::super::nomenclature::type_system(Some(type_system.text)),
            self.types.by_code(Some(type_system.text), doc_type.text),
        ) {
            (None, _) => Err(type_system.wrong(format!("unknown system `{}`", type_system.text))),
            (Some(_), None) => Err(doc_type.wrong(format!("unknown type `{}|{}`", type_system.text, doc_type.text))),
            (Some(_), Some(known)) => Ok(known.number),
        };
        let of = match profession_system(system.text) {
            None => Err(system.wrong(format!("unknown system `{}`", system.text))),
            Some(of) => Ok(Code { system: of.to_owned(), code: profession.text.to_owned() }),
        };
        let column = of.and_then(|of| match self.professions.get_mut(&of) {
            None => Err(profession.wrong(format!("unknown profession `{}|{}`", system.text, profession.text))),
            Some(column) if column.reads.is_some() => Err(profession
                .wrong(format!("`{}|{}` has no cells of its own: professions.tsv gives it another column", system.text, profession.text))),
            Some(column) => Ok(column),
        });
        // What cannot be placed is told, and what can be placed but says nothing clear stands as unknown, so that its place is no gap.
        let (column, number) = match (column, number) {
            (Ok(column), Ok(number)) => (column, number),
            (column, number) => {
                all(column.map(|_| ()));
                all(number.map(|_| ()));
                all(said.map(|_| ()));
                all(days.map(|_| ()));
                return Ok(());
            }
        };
        let cells = column.cells.entry(number).or_default();
        let mut cell = Cell {
            rule: rule.text.to_owned(),
            doc_type: number,
            effect: Effect::Unknown,
            status: Status::Unknown,
            since: i32::MIN,
            until: i32::MAX,
            source: source.text.to_owned(),
            line: rule.line(),
        };
        match (said, days) {
            (Ok((effect, status)), Ok((since, until))) => {
                (cell.effect, cell.status, cell.since, cell.until) = (effect, status, since, until);
            }
            (said, days) => {
                all(said.map(|_| ()));
                all(days.map(|_| ()));
                if cells.is_empty() {
                    cells.push(cell);
                }
                return Ok(());
            }
        }
        let other = cells.iter().find(|other| other.since < cell.until && cell.since < other.until);
        let finding = other.map(|other| {
            let at = format!("`{}` (line {})", other.rule, other.line);
            match (other.since, other.until, other.effect) == (cell.since, cell.until, cell.effect) {
                true => rule.wrong(format!("the same cell as {at}, said twice")),
                false if other.effect == cell.effect => since.wrong(format!("its dates overlap those of {at}")),
                false => effect.wrong(format!("`{}` contradicts `{}` of {at} on the same days", effect.text, other.effect.as_str())),
            }
        });
        cells.push(cell);
        cells.sort_by_key(|cell| cell.since);
        finding.map_or(Ok(()), Err)
    }

    fn read_exercises(&mut self, files: &Files, findings: &mut Vec<Finding>) {
        let header = ["element", "code", "exercise", "source"];
        Table::read("exercises.tsv", files.bytes("exercises.tsv"), header, findings).each(findings, |[element, code, exercise, _]| {
            let named = element.word([("sector", "sector"), ("specialty", "specialty")])?;
            let words = [("ordinary", Exercise::Ordinary), ("occupational", Exercise::Occupational), ("barred", Exercise::Barred)];
            let exercise = exercise.word(words)?;
            match self.exercises.insert((named.to_owned(), code.text.to_owned()), exercise) {
                Some(_) => Err(code.wrong(format!("{named} `{}` stands twice", code.text))),
                None => Ok(()),
            }
        });
    }

    /// A profession in force has a row for every type and for every day since its first one.
    fn find_gaps(&self, places: &[(Code, table::Cell<'_>)], findings: &mut Vec<Finding>) {
        let mut gaps = Vec::new();
        for (profession, place) in places {
            let Some(column) = self.professions.get(profession).filter(|column| column.effective && column.reads.is_none()) else {
                continue;
            };
            let spelt = format!("{}|{}", short_system(profession), profession.code);
            let missing: Vec<&str> =
                self.types.all().iter().filter(|one| !column.cells.contains_key(&one.number)).map(|one| one.code.as_str()).collect();
            if !missing.is_empty() {
                let missing = if column.cells.is_empty() { "it".to_owned() } else { missing.join(", ") };
                gaps.push(place.wrong(format!("`{spelt}` is in force, and matrix.tsv has no row for {missing}")));
            }
            for cells in column.cells.values() {
                let ends = cells.iter().map(|cell| (cell, cell.until));
                let follows = cells.iter().skip(1).map(|cell| cell.since).chain([i32::MAX]);
                for ((cell, until), next) in ends.zip(follows).filter(|((_, until), next)| until < next) {
                    let to = if next == i32::MAX { "on".to_owned() } else { format!("to {}", date(next)) };
                    let message =
                        format!("nothing follows rule `{}` from {} {to}: a type not known is a row `unknown`", cell.rule, date(until));
                    gaps.push(Finding::new("matrix.tsv", cell.line, 1, message));
                }
            }
        }
        findings.append(&mut gaps);
    }
}

/// The sources by their keys.
fn sources(files: &Files, findings: &mut Vec<Finding>) -> HashMap<String, String> {
    let mut sources = HashMap::new();
    Table::read("sources.tsv", files.bytes("sources.tsv"), ["key", "source"], findings).each(findings, |[key, source]| {
        match sources.insert(key.text.to_owned(), source.text.to_owned()) {
            Some(_) => Err(key.wrong(format!("`{}` stands twice", key.text))),
            None => Ok(()),
        }
    });
    sources
}

/// The number of a rule, which orders them.
pub(super) fn rule_number(rule: &str) -> Option<u64> {
    let digits = rule.strip_prefix("M-").filter(|digits| digits.len() >= 5 && digits.bytes().all(|b| b.is_ascii_digit()))?;
    // One spelling of each number.
    if digits.len() > 5 && digits.starts_with('0') { None } else { digits.parse().ok() }
}

fn meaning(effect: table::Cell<'_>, status: table::Cell<'_>) -> Result<(Effect, Status), Finding> {
    let said = effect.word([Effect::Permit, Effect::Forbid, Effect::Unknown].map(|one| (one.as_str(), one)))?;
    let founded = status.word([Status::Confirmed, Status::Provisional, Status::Unknown].map(|one| (one.as_str(), one)))?;
    if MEANINGS.iter().any(|(status, effects)| *status == founded && effects.contains(&said)) {
        return Ok((said, founded));
    }
    Err(status.wrong(format!("effect `{}` does not go with status `{}`", effect.text, status.text)))
}
