//! The decision table as text. Lines are read from the top: the first that fits a cell decides it, and the last fits all.
//!
//! A line is the product of its lists. Of each type and kind of caller the lines stand together: what is forbidden first, then what is
//! permitted, as a forbidding rule wins over a permitting one.

use std::collections::{BTreeMap, BTreeSet};

use ensemble::fhir::ResourceType;
use ensemble::policy::{Action, CallerKind, Code};

use super::cells::{EXERCISES, Plane, Production, STANDINGS, STATES, Types, is_document, visibilities};
use super::collapse::{AXES, Block, Places, collapse};
use super::spelling::{Names, spelt};

/// The columns of the file.
pub const HEADER: &str = "type\tcaller\tpurpose\texercise\taction\tstanding\tspace\tprofessions\tdocuments\tlabels\tdecision\trules\n";

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

    /// The names along every axis of the planes of a type and a kind of caller, in the order of the columns.
    pub fn names(&self, resource: ResourceType, caller: CallerKind) -> [Names; AXES] {
        let (purposes, exercises) = Production::exercises(caller);
        let professional = caller == CallerKind::Professional;
        let professions = if professional { self.professions.iter().map(spelt).collect() } else { vec!["-".to_owned()] };
        [
            purposes.iter().map(|one| one.as_str().to_owned()).collect(),
            EXERCISES[..exercises].iter().map(|(name, _)| (*name).to_owned()).collect(),
            Action::ALL.iter().map(|one| one.as_str().to_owned()).collect(),
            STANDINGS.iter().map(|one| one.name.to_owned()).collect(),
            STATES.iter().map(|(name, _)| (*name).to_owned()).collect(),
            professions,
            DOCUMENTS.map(str::to_owned).into(),
            visibilities(resource).iter().map(|(name, ..)| (*name).to_owned()).collect(),
        ]
        .map(Names::new)
    }
}

/// The types of document, as the matrix has them for a profession; by number 0 and 1.
const DOCUMENTS: [&str; 2] = ["opened", "closed"];

/// A part of a plane: professions, types, labels, and the place of what is decided among all that was.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Part {
    of: [Places; 3],
    outcome: u16,
}

/// The parts of a plane, of what was decided for each profession.
pub fn parts(plane: Plane, decided: &[&Types], axes: &Axes) -> Vec<Part> {
    let mut all = BTreeMap::<(Places, Places, u16), Places>::new();
    for (profession, types) in decided.iter().enumerate() {
        let opens = axes.opens(plane, profession);
        for document in 0..DOCUMENTS.len() {
            let mut alike = types.iter().zip(&opens).filter(|(_, open)| **open == (document == 0)).map(|(row, _)| row);
            let Some(first) = alike.next() else { continue };
            // Where a rule tells apart what the matrix opens alike, the table needs names for it.
            assert!(alike.all(|row| row == first), "{} {:?}: types are told apart", plane.resource, plane.caller);
            for (label, outcome) in first.iter().enumerate() {
                *all.entry((1 << profession, 1 << document, *outcome)).or_default() |= 1 << label;
            }
        }
    }
    let mut alike = BTreeMap::<(Places, Places, u16), Places>::new();
    for ((profession, document, outcome), labels) in all {
        *alike.entry((document, labels, outcome)).or_default() |= profession;
    }
    alike.into_iter().map(|((document, labels, outcome), professions)| Part { of: [professions, document, labels], outcome }).collect()
}

/// The place of a plane along each axis of planes.
fn along(plane: Plane) -> [usize; 5] {
    let (purposes, _) = Production::exercises(plane.caller);
    [
        purposes.iter().position(|one| *one == plane.purpose).unwrap(),
        plane.exercise,
        Action::ALL.iter().position(|one| *one == plane.action).unwrap(),
        plane.standing,
        plane.state,
    ]
}

/// All planes of one resource type and kind of caller as lines.
pub fn lines(resource: ResourceType, caller: CallerKind, planes: &[(Plane, Vec<Part>)], axes: &Axes, outcomes: &[String]) -> Vec<String> {
    // Planes that are alike stand together, along one axis after the other.
    let mut blocks: Vec<([Places; 5], &[Part])> =
        planes.iter().map(|(plane, parts)| (along(*plane).map(|place| 1 << place), parts.as_slice())).collect();
    for axis in [3, 4, 2, 1, 0] {
        let mut merged = BTreeMap::<([Places; 5], &[Part]), Places>::new();
        for (mut of, parts) in blocks {
            let places = std::mem::take(&mut of[axis]);
            *merged.entry((of, parts)).or_default() |= places;
        }
        let whole = |((mut of, parts), places): (([Places; 5], _), Places)| {
            of[axis] = places;
            (of, parts)
        };
        blocks = merged.into_iter().map(whole).collect();
    }
    let block = |of: &[Places; 5], part: &Part| {
        let [purpose, exercise, action, standing, space] = *of;
        let [professions, documents, labels] = part.of;
        let of = [purpose, exercise, action, standing, space, professions, documents, labels];
        Block { of, decided: outcomes[usize::from(part.outcome)].clone() }
    };
    let all: Vec<Block> = blocks.iter().flat_map(|(of, parts)| parts.iter().map(|part| block(of, part))).collect();
    let names = axes.names(resource, caller);
    let told = |Block { of, decided }: Block| {
        let lists: Vec<String> = of.iter().zip(&names).map(|(places, names)| names.spell(*places)).collect();
        format!("{resource}\t{}\t{}\t{decided}", caller.as_str(), lists.join("\t"))
    };
    collapse(all, &names).into_iter().map(told).collect()
}

/// A line of the table, read.
pub struct Line {
    pub text: String,
    block: Block,
}

impl Line {
    /// Reads a line about a type and a kind of caller by these names.
    pub fn read(line: &str, names: &[Names; AXES]) -> Self {
        let cells: Vec<&str> = line.split('\t').collect();
        assert_eq!(cells.len(), AXES + 4, "{line}");
        let of = std::array::from_fn(|axis| names[axis].read(cells[axis + 2]));
        Self { text: line.to_owned(), block: Block { of, decided: cells[AXES + 2..].join("\t") } }
    }

    /// Whether it is about cells of this plane.
    pub fn fits(&self, plane: Plane) -> bool {
        self.block.of.iter().zip(along(plane)).all(|(of, place)| of & (1 << place) != 0)
    }
}

/// The place of the line that decides each cell of a plane, by profession, type and label: the first that fits. `None` where none does.
pub fn expanded(plane: Plane, lines: &[&Line], axes: &Axes) -> Vec<Vec<Vec<Option<usize>>>> {
    let professions = if plane.caller == CallerKind::Professional { axes.professions.len() } else { 1 };
    let decides = |profession: usize, document: usize, label: usize| {
        lines.iter().position(|line| {
            let [.., professions, documents, labels] = line.block.of;
            professions & (1 << profession) != 0 && documents & (1 << document) != 0 && labels & (1 << label) != 0
        })
    };
    let labels = visibilities(plane.resource).len();
    (0..professions)
        .map(|profession| {
            let by = [0, 1].map(|document| (0..labels).map(|label| decides(profession, document, label)).collect::<Vec<_>>());
            axes.opens(plane, profession).into_iter().map(|open| by[usize::from(!open)].clone()).collect()
        })
        .collect()
}

impl Line {
    /// What it decides, in words.
    pub fn decided(&self) -> &str {
        &self.block.decided
    }
}
