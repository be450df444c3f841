//! To whom a resource of each type belongs (`profiles/authorization/resources.tsv`): every type of R4 has a row.
//!
//! A type whose resources may name several persons, or none, belongs to nobody although the Patient CompartmentDefinition has it: whoever
//! could read it by a right over one person would learn of another. Its source says so, behind the rule that then holds.

use super::table::Table;
use super::{Files, Finding};
use crate::fhir::{NAMES, ResourceType};

/// To whom the resources of a type belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// To the person whom one element names.
    Holder,
    /// To nobody: a directory that every authenticated caller reads.
    Directory,
    /// To nobody: only testers keep such resources.
    Tester,
}

impl Bound {
    /// The spelling in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Holder => "holder",
            Self::Directory => "directory",
            Self::Tester => "tester",
        }
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belonging {
    /// The type.
    pub resource: ResourceType,
    /// To whom its resources belong.
    pub bound: Bound,
    /// The parameter of the Patient CompartmentDefinition that names the holder, where one does.
    pub parameter: Option<&'static str>,
    /// The element that names the holder.
    pub element: Option<&'static str>,
}

const FILE: &str = "resources.tsv";
const EMBEDDED: &[u8] = include_bytes!("../../profiles/authorization/resources.tsv");
const HEADER: [&str; 5] = ["type", "bound", "parameter", "element", "source"];

/// Reads `resources.tsv`. What is stored is bound as this binary was built to bind it: another table may name other sources, no more.
pub(super) fn load(files: &Files, findings: &mut Vec<Finding>) -> Vec<Belonging> {
    let mut built_in = Vec::new();
    let rows = read(EMBEDDED, findings, &mut built_in);
    if files.bytes(FILE) != EMBEDDED {
        let (mut expected, mut last) = (built_in.into_iter(), 1);
        Table::read(FILE, files.bytes(FILE), HEADER, findings).each(findings, |[name, bound, parameter, element, _]| {
            last = name.line();
            let Some(row) = expected.next() else { return Err(name.wrong("one type more than R4 has")) };
            let cells = [name, bound, parameter, element];
            match cells.iter().zip(row).find(|(cell, text)| cell.text != *text) {
                Some((cell, text)) => Err(cell.wrong(format!("what is stored is bound by `{text}`, not by `{}`", cell.text))),
                None => Ok(()),
            }
        });
        if let Some([missing, ..]) = expected.next() {
            findings.push(Finding::new(FILE, last + 1, 1, format!("`{missing}` is missing")));
        }
    }
    rows
}

/// The rows of the table this binary was built with: a type that is missing, unknown or out of order is told.
fn read(bytes: &'static [u8], findings: &mut Vec<Finding>, texts: &mut Vec<[&'static str; 4]>) -> Vec<Belonging> {
    let mut rows = Vec::with_capacity(NAMES.len());
    let mut names = NAMES.into_iter();
    Table::read(FILE, bytes, HEADER, findings).each(findings, |[name, bound, parameter, element, _]| {
        if names.next() != Some(name.text) {
            return Err(name.wrong(format!("`{}` is not the next type of R4", name.text)));
        }
        let some = |text: &'static str| (text != "-").then_some(text);
        let bound_to = bound.word([Bound::Holder, Bound::Directory, Bound::Tester].map(|one| (one.as_str(), one)))?;
        if (bound_to == Bound::Holder) != some(element.text).is_some() {
            return Err(element.wrong("an element names the holder, and only of what belongs to one"));
        }
        texts.push([name, bound, parameter, element].map(|cell| cell.text));
        rows.push(Belonging {
            resource: name.known("type", ResourceType::parse(name.text))?,
            bound: bound_to,
            parameter: some(parameter.text),
            element: some(element.text),
        });
        Ok(())
    });
    if let Some(missing) = names.next() {
        findings.push(Finding::new(FILE, rows.len() + 2, 1, format!("`{missing}` is missing")));
    }
    rows
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fhir::definitions::structure;

    /// Types whose holder is named otherwise than by a parameter of the compartment: the space itself, and a Binary by its document.
    const BESIDE: [&str; 2] = ["Binary", "Patient"];

    #[test]
    fn only_parameters_of_the_compartment_name_a_holder() {
        let compartment = include_str!("../../profiles/r4/compartments.tsv");
        for row in read(EMBEDDED, &mut Vec::new(), &mut Vec::new())
            .iter()
            .filter(|row| row.bound == Bound::Holder && !BESIDE.contains(&row.resource.name()))
        {
            let of = compartment.lines().find_map(|line| line.strip_prefix(&format!("Patient\t{}\t", row.resource)));
            let parameters: Vec<&str> = of.unwrap_or_default().split(' ').collect();
            assert!(parameters.contains(&row.parameter.unwrap()), "{}", row.resource);
        }
    }

    #[test]
    fn what_the_compartment_names_is_a_holders_or_the_row_says_why_not() {
        let compartment = include_str!("../../profiles/r4/compartments.tsv");
        let named = |name: &str| compartment.lines().any(|line| line.starts_with(&format!("Patient\t{name}\t")));
        let rows = read(EMBEDDED, &mut Vec::new(), &mut Vec::new()).into_iter().zip(std::str::from_utf8(EMBEDDED).unwrap().lines().skip(1));
        for (row, line) in rows.filter(|(row, _)| row.bound != Bound::Holder) {
            let (_, source) = line.rsplit_once('\t').unwrap();
            let why = source.split_once("; ").is_some_and(|(_, why)| why.starts_with(&format!("{}.", row.resource)));
            assert_eq!(why, named(row.resource.name()), "{line}");
        }
    }

    #[test]
    fn the_element_may_refer_to_a_patient() {
        for row in read(EMBEDDED, &mut Vec::new(), &mut Vec::new())
            .iter()
            .filter(|row| row.bound == Bound::Holder && !BESIDE.contains(&row.resource.name()))
        {
            let path = row.element.unwrap();
            let (parent, name) = path.rsplit_once('.').unwrap();
            let kind = structure(parent).and_then(|structure| structure.element(name)).unwrap();
            let may =
                |kind: &crate::fhir::definitions::Type| kind.reference && (kind.targets.is_empty() || kind.targets.contains(&"Patient"));
            assert!(kind.types.iter().any(may), "{path}");
        }
    }
}
