//! A place in a resource, as the simple FHIRPath of `OperationOutcome.issue.expression` (FHIR R4 operationoutcome.html).

use std::fmt;

/// A place: a resource, or an element in another place. Costs nothing until it is shown.
#[derive(Debug, Clone, Copy)]
pub struct Place<'p> {
    parent: Option<&'p Place<'p>>,
    name: &'p str,
    index: Option<usize>,
}

/// Characters of one name that are shown.
const NAME_CHARS_MAX: usize = 64;

impl<'p> Place<'p> {
    /// The whole resource.
    pub fn root(name: &'p str) -> Self {
        Self { parent: None, name, index: None }
    }

    /// An element in this place, without `[x]` and type.
    pub fn element(&'p self, name: &'p str) -> Self {
        Self { parent: Some(self), name, index: None }
    }

    /// One of a repeating element, counted from 0.
    pub fn item(&self, index: usize) -> Self {
        Self { index: Some(index), ..*self }
    }

    /// The name of the element or, at the root, of the type.
    pub fn name(&self) -> &'p str {
        self.name
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}.")?;
        }
        let name = self.name.char_indices().nth(NAME_CHARS_MAX).and_then(|(end, _)| self.name.get(..end)).unwrap_or(self.name);
        f.write_str(name)?;
        match self.index {
            Some(index) => write!(f, "[{index}]"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_as_paths() {
        let root = Place::root("Patient");
        let (name, long) = (root.element("name").item(1), "x".repeat(100));
        assert_eq!(name.element("family").to_string(), "Patient.name[1].family");
        assert_eq!(root.element(&long).to_string().len(), "Patient.".len() + NAME_CHARS_MAX);
    }
}
