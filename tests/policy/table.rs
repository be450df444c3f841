//! The decision table as text: from cells to rows, each a product of lists, and from rows back to cells.

use std::collections::{BTreeMap, BTreeSet};

use ensemble::fhir::ResourceType;
use ensemble::policy::{Action, CallerKind, Code, Purpose};

use super::cells::{EXERCISES, Plane, Production, STANDINGS, STATES, Types, is_document, visibilities};

/// What a profession may consult, as the snapshot `readable.tsv` has it: the types that are `opened` to it; the others are `closed`.
pub struct Opened(BTreeSet<(String, String)>);

impl Opened {
    pub fn of(readable: &str) -> Self {
        let pair = |line: &str| {
            let mut cells = line.split('\t');
            (cells.next().unwrap_or_default().to_owned(), cells.next().unwrap_or_default().to_owned())
        };
        Self(readable.lines().skip(1).map(pair).collect())
    }

    fn has(&self, profession: &Code, code: &str) -> bool {
        self.0.contains(&(spelt(profession), code.to_owned()))
    }
}

/// How the tables here spell a profession: a code of TRE_G15 alone.
pub fn spelt(profession: &Code) -> String {
    match ensemble::policy::matrix::short_system(profession) {
        "TRE_G15" => profession.code.clone(),
        system => format!("{system}|{}", profession.code),
    }
}

/// The names along the axes inside a plane.
pub struct Axes {
    pub professions: Vec<Code>,
    /// The codes of the types, in their order.
    pub types: Vec<String>,
    pub opened: Opened,
}

impl Axes {
    /// Whether each type is opened to the profession at this place.
    fn opens(&self, plane: Plane, profession: usize) -> Vec<bool> {
        match (is_document(plane.resource), plane.caller) {
            (true, CallerKind::Professional) => {
                self.types.iter().map(|code| self.opened.has(&self.professions[profession], code)).collect()
            }
            (true, _) => vec![true; self.types.len()],
            _ => vec![true],
        }
    }

    fn professions_of(&self, plane: Plane) -> Vec<String> {
        if plane.caller == CallerKind::Professional { self.professions.iter().map(spelt).collect() } else { vec!["-".to_owned()] }
    }
}

/// A list of some of these names: `*` for all of them, `all but …` where that is shorter.
fn list(some: &[usize], names: &[String]) -> String {
    let of = |places: &[usize]| places.iter().map(|place| names[*place].as_str()).collect::<Vec<_>>().join("; ");
    let others: Vec<usize> = (0..names.len()).filter(|place| !some.contains(place)).collect();
    match (others.is_empty(), others.len() < some.len()) {
        (true, _) => "*".to_owned(),
        (false, true) => format!("all but {}", of(&others)),
        (false, false) => of(some),
    }
}

/// The places of the names that a list says.
fn places(text: &str, names: &[String]) -> Vec<usize> {
    let of = |text: &str| -> Vec<usize> {
        text.split("; ")
            .map(|name| names.iter().position(|one| one == name).unwrap_or_else(|| panic!("`{name}` is none of {names:?}")))
            .collect()
    };
    match text.strip_prefix("all but ") {
        _ if text == "*" => (0..names.len()).collect(),
        Some(rest) => {
            let without = of(rest);
            (0..names.len()).filter(|place| !without.contains(place)).collect()
        }
        None => of(text),
    }
}

/// A row inside a plane: professions, types, labels, decision and rules.
pub type Row = [String; 4];

/// The rows of a plane, of what was decided for each profession.
pub fn rows(plane: Plane, decided: &[&Types], axes: &Axes, outcomes: &[String]) -> Vec<Row> {
    let labels: Vec<String> = visibilities(plane.resource).iter().map(|(name, ..)| (*name).to_owned()).collect();
    // Of each profession: which types with which labels come to what.
    let mut alike: BTreeMap<Vec<(String, String, u16)>, Vec<usize>> = BTreeMap::new();
    for (profession, types) in decided.iter().enumerate() {
        let opens = axes.opens(plane, profession);
        let mut lines = Vec::new();
        let class = |open: bool| -> Vec<usize> { (0..types.len()).filter(|place| opens[*place] == open).collect() };
        let whole: Vec<usize> = (0..types.len()).collect();
        let uniform = |of: &[usize]| of.iter().all(|place| types[*place] == types[of[0]]);
        let classes: Vec<(String, Vec<usize>)> = if uniform(&whole) {
            vec![("*".to_owned(), whole)]
        } else {
            [("opened", class(true)), ("closed", class(false))].map(|(name, of)| (name.to_owned(), of)).into()
        };
        for (name, of) in classes.into_iter().filter(|(_, of)| !of.is_empty()) {
            let parts: Vec<(String, usize)> =
                if uniform(&of) { vec![(name, of[0])] } else { of.iter().map(|place| (axes.types[*place].clone(), *place)).collect() };
            for (name, place) in parts {
                let mut by: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
                for (label, outcome) in types[place].iter().enumerate() {
                    by.entry(*outcome).or_default().push(label);
                }
                lines.extend(by.into_iter().map(|(outcome, some)| (name.clone(), list(&some, &labels), outcome)));
            }
        }
        alike.entry(lines).or_default().push(profession);
    }
    let names = axes.professions_of(plane);
    let mut rows: Vec<Row> = Vec::new();
    for (lines, some) in alike {
        let professions = list(&some, &names);
        rows.extend(
            lines.into_iter().map(|(types, labels, outcome)| [professions.clone(), types, labels, outcomes[usize::from(outcome)].clone()]),
        );
    }
    rows.sort();
    rows
}

/// The cells of a plane that rows stand for, as what they come to for each profession; `None` where a cell has no row.
pub fn expanded(plane: Plane, rows: &[&Row], axes: &Axes) -> Vec<Vec<Vec<Option<String>>>> {
    let labels: Vec<String> = visibilities(plane.resource).iter().map(|(name, ..)| (*name).to_owned()).collect();
    let names = axes.professions_of(plane);
    let types = if is_document(plane.resource) { axes.types.len() } else { 1 };
    let mut cells = vec![vec![vec![None; labels.len()]; types]; names.len()];
    for row in rows {
        for profession in places(&row[0], &names) {
            for (place, open) in axes.opens(plane, profession).into_iter().enumerate() {
                let fits = match row[1].as_str() {
                    "*" => true,
                    "opened" => open,
                    "closed" => !open,
                    code => axes.types.get(place).is_some_and(|one| one == code),
                };
                for label in places(&row[2], &labels).into_iter().filter(|_| fits) {
                    let cell: &mut Option<String> = &mut cells[profession][place][label];
                    assert!(cell.is_none(), "a cell has two rows: {row:?}");
                    *cell = Some(row[3].clone());
                }
            }
        }
    }
    cells
}

/// The place of a plane along each axis.
fn along_places(plane: Plane) -> [usize; 4] {
    let (purposes, _) = Production::exercises(plane.caller);
    [
        plane.standing * STATES.len() + plane.state,
        Action::ALL.iter().position(|one| *one == plane.action).unwrap(),
        plane.exercise,
        purposes.iter().position(|one| *one == plane.purpose).unwrap(),
    ]
}

/// The axes that planes lie along, with the names of their places.
fn along(plane: Plane) -> [(usize, Vec<String>); 4] {
    let (purposes, exercises) = Production::exercises(plane.caller);
    let standings = STANDINGS.iter().flat_map(|standing| STATES.iter().map(move |(state, _)| format!("{}, {state}", standing.name)));
    let [standing, action, exercise, purpose] = along_places(plane);
    [
        (standing, standings.collect()),
        (action, Action::ALL.iter().map(|one| one.as_str().to_owned()).collect()),
        (exercise, EXERCISES[..exercises].iter().map(|(name, _)| (*name).to_owned()).collect()),
        (purpose, purposes.iter().map(|one: &Purpose| one.as_str().to_owned()).collect()),
    ]
}

/// All planes of one resource type and kind of caller as lines: planes that are alike stand together, along one axis after the other.
pub fn lines(resource: ResourceType, caller: CallerKind, planes: &[(Plane, Vec<Row>)]) -> Vec<String> {
    let names: Vec<Vec<String>> = planes.first().map(|(plane, _)| along(*plane).map(|(_, names)| names).into()).unwrap_or_default();
    // Lists of places along each axis, and the rows.
    let mut blocks: Vec<(Vec<Vec<usize>>, &[Row])> =
        planes.iter().map(|(plane, rows)| (along_places(*plane).iter().map(|place| vec![*place]).collect(), rows.as_slice())).collect();
    for axis in 0..names.len() {
        let mut merged: Vec<(Vec<Vec<usize>>, &[Row])> = Vec::new();
        for (lists, rows) in blocks {
            let alike = |other: &&mut (Vec<Vec<usize>>, &[Row])| {
                other.1 == rows && (0..lists.len()).all(|one| one == axis || other.0[one] == lists[one])
            };
            match merged.iter_mut().find(alike) {
                Some(other) => other.0[axis].extend(&lists[axis]),
                None => merged.push((lists, rows)),
            }
        }
        blocks = merged;
    }
    let mut lines = Vec::new();
    for (lists, rows) in blocks {
        let [standing, action, exercise, purpose] = [0, 1, 2, 3].map(|axis| list(&lists[axis], &names[axis]));
        let kind = caller.as_str();
        for [professions, types, labels, decided] in rows {
            lines.push(format!(
                "{resource}\t{kind}\t{purpose}\t{exercise}\t{action}\t{standing}\t{professions}\t{types}\t{labels}\t{decided}"
            ));
        }
    }
    lines
}

/// A line of the table, read: the planes it is of, along each axis, and its row.
pub struct Line {
    of: [Vec<usize>; 4],
    row: Row,
}

impl Line {
    /// Reads a line about planes like this one.
    pub fn read(line: &str, like: Plane) -> Self {
        let cells: Vec<&str> = line.split('\t').collect();
        assert_eq!(cells.len(), 11, "{line}");
        let axes = along(like);
        let of = [(5, 0), (4, 1), (3, 2), (2, 3)].map(|(cell, axis)| places(cells[cell], &axes[axis].1));
        let row = [cells[6].to_owned(), cells[7].to_owned(), cells[8].to_owned(), format!("{}\t{}", cells[9], cells[10])];
        Self { of, row }
    }

    /// Its row, where it is of this plane.
    pub fn row(&self, plane: Plane) -> Option<&Row> {
        let axes = along_places(plane);
        self.of.iter().zip(axes).all(|(of, place)| of.contains(&place)).then_some(&self.row)
    }
}
