//! The national table of the matrix, as its site keeps it: one row for each profession, category and type of document, with one flag,
//! whether the profession may consult. What it does not know it refuses, with the place.

use std::collections::{BTreeMap, HashMap};

use super::delimited::{self, Cell, Row};
use crate::policy::matrix::{Matrix, short_system, spelt};
use crate::policy::nomenclature::{DocType, class_display};
use crate::policy::{Code, Finding, LoadError};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    /// The code of the profession.
    Profession,
    /// The nomenclature of the profession.
    System,
    /// The label of the profession, which tells the site's own numbers from those of TRE_G15.
    ProfessionLabel,
    /// The category: a code or label of TRE_A03; the site's own number where a label stands beside.
    Category,
    /// The label of the category.
    CategoryLabel,
    /// The code of the type of document.
    Type,
    /// The label of the type, for people.
    TypeLabel,
    /// Whether it may be consulted.
    Flag,
}

/// The names of columns; the first ones are the site's own.
const FIELDS: [(&str, Field); 18] = [
    ("field_code_profession", Field::Profession),
    ("field_code_profession.label", Field::ProfessionLabel),
    ("field_categorie_de_document", Field::Category),
    ("field_categorie_de_document.code", Field::Category),
    ("field_categorie_de_document.label", Field::CategoryLabel),
    ("field_code_loinc", Field::Type),
    ("field_type_de_document.field_code_loinc", Field::Type),
    ("field_type_de_document", Field::TypeLabel),
    ("field_type_de_document.label", Field::TypeLabel),
    ("field_consultation_document", Field::Flag),
    ("profession", Field::Profession),
    ("profession_system", Field::System),
    ("profession_label", Field::ProfessionLabel),
    ("category", Field::Category),
    ("category_label", Field::CategoryLabel),
    ("type", Field::Type),
    ("type_label", Field::TypeLabel),
    ("consultation", Field::Flag),
];

/// How the flag may be spelt, in small letters.
const FLAGS: [(&str, bool); 12] = [
    ("true", true),
    ("1", true),
    ("oui", true),
    ("yes", true),
    ("vrai", true),
    ("o", true),
    ("false", false),
    ("0", false),
    ("non", false),
    ("no", false),
    ("faux", false),
    ("n", false),
];

/// What the national table says: for each profession and number of a type, whether it may consult.
#[derive(Debug, Default)]
pub struct National {
    /// The cells, by profession.
    pub cells: BTreeMap<Code, BTreeMap<i16, bool>>,
    /// Rows read.
    pub rows: usize,
}

/// Reads files of the national table, by name. `professions` says what the table's own codes of professions mean, as `7` to
/// `TRE_G15|28`; where it says nothing of any, they are codes of TRE_G15.
///
/// # Errors
/// [`LoadError`] with every row that is not understood.
pub fn read(files: &[(String, Vec<u8>)], professions: &HashMap<String, Code>, matrix: &Matrix) -> Result<National, LoadError> {
    let mut findings = Vec::new();
    let mut reading = Reading { professions, matrix, places: BTreeMap::new(), categories: HashMap::new(), national: National::default() };
    for (name, bytes) in files {
        let before = findings.len();
        let rows = delimited::rows(name, bytes, &mut findings);
        let Some((header, rows)) = rows.split_first() else {
            if findings.len() == before {
                findings.push(Finding::new(name, 1, 1, "the file is empty"));
            }
            continue;
        };
        let Some(columns) = columns(name, header, &mut findings) else { continue };
        if rows.is_empty() {
            findings.push(Finding::new(name, 1, 1, "no rows follow the header"));
        }
        for row in rows {
            reading.row(name, &columns, row, &mut findings);
        }
    }
    let national = reading.national;
    LoadError::unless_none(findings).map(|()| national)
}

/// What each column holds, where all that is needed is there.
fn columns(file: &str, (line, header): &Row, findings: &mut Vec<Finding>) -> Option<Vec<Field>> {
    let before = findings.len();
    let mut columns = Vec::new();
    for (column, name) in header {
        match FIELDS.iter().find(|(known, _)| *known == name.to_lowercase()) {
            None => findings.push(Finding::new(file, *line, *column, format!("unknown column `{name}`"))),
            Some((_, field)) if columns.contains(field) => {
                findings.push(Finding::new(file, *line, *column, format!("the column `{name}` says what another one says")));
            }
            Some((_, field)) => columns.push(*field),
        }
    }
    for needed in [Field::Profession, Field::Category, Field::Type, Field::Flag] {
        if !columns.contains(&needed) && !(needed == Field::Category && columns.contains(&Field::CategoryLabel)) {
            let name = FIELDS.iter().find(|(_, field)| *field == needed).map_or("", |(name, _)| *name);
            findings.push(Finding::new(file, *line, 1, format!("the column `{name}` is missing")));
        }
    }
    (findings.len() == before).then_some(columns)
}

struct Reading<'a> {
    professions: &'a HashMap<String, Code>,
    matrix: &'a Matrix,
    /// Where each cell was said, and what.
    places: BTreeMap<(Code, i16), (String, bool)>,
    /// The label of each of the site's numbers.
    categories: HashMap<String, String>,
    national: National,
}

impl Reading<'_> {
    fn row(&mut self, file: &str, columns: &[Field], (line, cells): &Row, findings: &mut Vec<Finding>) {
        let (last, _) = cells.last().cloned().unwrap_or_default();
        if cells.len() != columns.len() {
            findings.push(Finding::new(file, *line, last, format!("{} cells instead of {}", cells.len(), columns.len())));
            return;
        }
        let find = |field| columns.iter().zip(cells).find(|(column, _)| **column == field).map(|(_, cell)| cell);
        let wrong = |(column, message): (usize, String)| Finding::new(file, *line, column, message);
        let profession = find(Field::Profession).map(|cell| self.profession(cell, find(Field::System)));
        let doc_type = find(Field::Type).map(|cell| self.doc_type(cell));
        let flag = find(Field::Flag).map(|(column, text)| match FLAGS.iter().find(|(word, _)| *word == text.to_lowercase()) {
            Some((_, flag)) => Ok(*flag),
            None => Err((*column, format!("`{text}` is neither true nor false"))),
        });
        let (Some(profession), Some(doc_type), Some(flag)) = (profession, doc_type, flag) else { return };
        let (profession, doc_type, flag) = match (profession, doc_type, flag) {
            (Ok(profession), Ok(doc_type), Ok(flag)) => (profession, doc_type, flag),
            (profession, doc_type, flag) => {
                findings.extend([profession.err(), doc_type.err(), flag.err()].into_iter().flatten().map(wrong));
                return;
            }
        };
        let number = doc_type.number;
        if let Err(error) = self.category(&doc_type, find(Field::Category), find(Field::CategoryLabel)) {
            findings.push(wrong(error));
        }
        if let Some(Err(error)) = find(Field::ProfessionLabel).map(|label| self.label(&profession, label)) {
            findings.push(wrong(error));
        }
        let place = format!("{file}, line {line}");
        match self.places.get(&(profession.clone(), number)) {
            Some((other, said)) if *said == flag => findings.push(wrong((1, format!("the same as {other}, said twice")))),
            Some((other, _)) => findings.push(wrong((1, format!("contradicts {other}")))),
            None => {
                self.places.insert((profession.clone(), number), (place, flag));
                self.national.cells.entry(profession).or_default().insert(number, flag);
                self.national.rows += 1;
            }
        }
    }

    fn profession(&self, (column, text): &Cell, system: Option<&Cell>) -> Result<Code, (usize, String)> {
        let unknown = || (*column, format!("unknown profession `{text}`"));
        let code = match system {
            Some((_, system)) => spelt(&format!("{system}|{text}")),
            None if !self.professions.is_empty() => self.professions.get(text).cloned(),
            None => spelt(text).or_else(|| spelt(&format!("TRE_G15|{text}"))),
        };
        let code = code.ok_or_else(unknown)?;
        match self.matrix.profession(&code) {
            None => Err(unknown()),
            Some(row) if row.reads.is_some() => Err((
                *column,
                format!("`{}|{}` has no cells of its own: professions.tsv gives it another column", short_system(&code), code.code),
            )),
            Some(_) => Ok(code),
        }
    }

    /// The label of a profession is its own, unless it was said what the table's codes mean: the site's numbers are not those of TRE_G15.
    fn label(&self, profession: &Code, (column, text): &Cell) -> Result<(), (usize, String)> {
        let display = self.matrix.profession(profession).map_or("", |row| &row.display);
        if !self.professions.is_empty() || folded(text) == folded(display) {
            return Ok(());
        }
        Err((
            *column,
            format!("profession `{}` is `{display}`, not `{text}`: tell with --profession what the table's codes mean", profession.code),
        ))
    }

    fn doc_type(&self, (column, text): &Cell) -> Result<DocType, (usize, String)> {
        let (system, code) = text.split_once('|').map_or((None, text.as_str()), |(system, code)| (Some(system), code));
        self.matrix.types().by_code(system, code).cloned().ok_or_else(|| (*column, format!("unknown type `{text}`")))
    }

    /// The category must be the class of the type. The site's own numbers are known by the label beside them alone.
    fn category(&mut self, doc_type: &DocType, code: Option<&Cell>, label: Option<&Cell>) -> Result<(), (usize, String)> {
        let class = class_display(&doc_type.class).unwrap_or_default();
        let is_class = |text: &str| text == doc_type.class || folded(text) == folded(class);
        let known = |text: &str| {
            let classes = self.matrix.types().all().iter().map(|one| one.class.as_str());
            classes.into_iter().any(|one| one == text || class_display(one).is_some_and(|display| folded(display) == folded(text)))
        };
        let (column, text) = label.or(code).cloned().unwrap_or_default();
        if !known(&text) {
            return Err((column, format!("unknown category `{text}`")));
        }
        if !is_class(&text) {
            return Err((column, format!("type `{}` is of category `{} {class}`, not `{text}`", doc_type.code, doc_type.class)));
        }
        if let (Some((column, code)), Some((_, label))) = (code, label) {
            let first = self.categories.entry(code.clone()).or_insert_with(|| label.clone());
            if folded(first) != folded(label) {
                return Err((*column, format!("category `{code}` is `{first}` elsewhere, not `{label}`")));
            }
        }
        Ok(())
    }
}

/// A label without what spellings differ by: case, accents, an `s` at the end of words.
fn folded(text: &str) -> String {
    let plain = |c: char| match c {
        'à' | 'â' => 'a',
        'é' | 'è' | 'ê' => 'e',
        'î' => 'i',
        'ô' => 'o',
        'û' => 'u',
        'ç' => 'c',
        '’' => '\'',
        other => other,
    };
    let folded: String = text.to_lowercase().chars().map(plain).collect();
    let words = folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| word.trim_end_matches('s')).collect::<Vec<_>>().join(" ")
}
