//! To whom a resource of each type belongs (`profiles/authorization/resources.tsv`): every type of R4 has a row.
//!
//! A type whose resources may name several persons, or none, belongs to nobody although the Patient CompartmentDefinition has it: whoever
//! could read it by a right over one person would learn of another. Its source says so, behind the rule that then holds.

use super::LoadError;
use super::table::Table;
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

/// The table this binary was built with.
pub const EMBEDDED: &str = include_str!("../../profiles/authorization/resources.tsv");

/// Reads the table.
///
/// # Errors
/// [`LoadError`]: an unknown word, or a type that is missing, unknown or out of order.
pub fn load() -> Result<Vec<Belonging>, LoadError> {
    let mut rows = Vec::with_capacity(NAMES.len());
    let mut names = NAMES.into_iter();
    Table::read("resources.tsv", EMBEDDED, &["type", "bound", "parameter", "element", "source"])?.each(
        |[name, bound, parameter, element, _]| {
            if names.next() != Some(name) {
                return Err(format!("`{name}` is not the next type of R4"));
            }
            let resource = ResourceType::parse(name).ok_or_else(|| format!("unknown type `{name}`"))?;
            let bound = [Bound::Holder, Bound::Directory, Bound::Tester].into_iter().find(|one| one.as_str() == bound);
            let bound = bound.ok_or_else(|| "unknown word in `bound`".to_owned())?;
            let some = |cell: &'static str| (cell != "-").then_some(cell);
            if (bound == Bound::Holder) != some(element).is_some() {
                return Err("an element names the holder, and only of what belongs to one".to_owned());
            }
            rows.push(Belonging { resource, bound, parameter: some(parameter), element: some(element) });
            Ok(())
        },
    )?;
    match names.next() {
        Some(missing) => Err(LoadError::new("resources.tsv", rows.len() + 2, format!("`{missing}` is missing"))),
        None => Ok(rows),
    }
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
        for row in load().unwrap().iter().filter(|row| row.bound == Bound::Holder && !BESIDE.contains(&row.resource.name())) {
            let of = compartment.lines().find_map(|line| line.strip_prefix(&format!("Patient\t{}\t", row.resource)));
            let parameters: Vec<&str> = of.unwrap_or_default().split(' ').collect();
            assert!(parameters.contains(&row.parameter.unwrap()), "{}", row.resource);
        }
    }

    #[test]
    fn what_the_compartment_names_is_a_holders_or_the_row_says_why_not() {
        let compartment = include_str!("../../profiles/r4/compartments.tsv");
        let named = |name: &str| compartment.lines().any(|line| line.starts_with(&format!("Patient\t{name}\t")));
        let rows = load().unwrap().into_iter().zip(EMBEDDED.lines().skip(1));
        for (row, line) in rows.filter(|(row, _)| row.bound != Bound::Holder) {
            let (_, source) = line.rsplit_once('\t').unwrap();
            let why = source.split_once("; ").is_some_and(|(_, why)| why.starts_with(&format!("{}.", row.resource)));
            assert_eq!(why, named(row.resource.name()), "{line}");
        }
    }

    #[test]
    fn the_element_may_refer_to_a_patient() {
        for row in load().unwrap().iter().filter(|row| row.bound == Bound::Holder && !BESIDE.contains(&row.resource.name())) {
            let path = row.element.unwrap();
            let (parent, name) = path.rsplit_once('.').unwrap();
            let kind = structure(parent).and_then(|structure| structure.element(name)).unwrap();
            let may =
                |kind: &crate::fhir::definitions::Type| kind.reference && (kind.targets.is_empty() || kind.targets.contains(&"Patient"));
            assert!(kind.types.iter().any(may), "{path}");
        }
    }
}
