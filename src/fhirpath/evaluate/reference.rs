//! `resolve()` without reading anything: a reference tells the type of what it names (FHIR R4 references.html#literal).

use serde_json::Value;

use super::super::items::Items;
use super::super::navigate;
use super::super::node::Node;
use super::{Evaluator, Outcome};
use crate::fhir::definitions::{Structure, structure};

impl<'v> Evaluator<'_, 'v> {
    /// A contained resource itself, else a resource of which only the type is known; nothing where the type is not told.
    pub(super) fn resolve(&mut self, input: &Items<'v>) -> Outcome<'v> {
        let mut found = Items::None;
        for item in input.iter() {
            self.charge(1)?;
            let member = |name| item.value().and_then(|value| value.get(name)).and_then(Value::as_str);
            let text = if item.structure_of().is_some() { member("reference") } else { item.as_str() };
            if let Some(id) = text.and_then(|text| text.strip_prefix('#')) {
                found.extend(self.contained(id)?);
                continue;
            }
            let told = text.and_then(type_of).or_else(|| member("type").and_then(resource));
            found.extend(told.map(Node::Unread));
        }
        Ok(found)
    }

    /// The contained resource of this id; the container for no id.
    fn contained(&mut self, id: &str) -> Outcome<'v> {
        let root = &self.environment.root_resource;
        if id.is_empty() {
            return Ok(Items::One(root.clone()));
        }
        let Some(tree) = root.tree() else { return Ok(Items::None) };
        let mut found = Items::None;
        navigate::by_text(tree, "contained", &mut |child| {
            self.charge(1)?;
            if child.value.and_then(|value| value.get("id")).and_then(Value::as_str) == Some(id) {
                found.push(Node::Tree(child));
            }
            Ok(())
        })?;
        Ok(found)
    }
}

/// The type in `Patient/1`, `https://x.example/fhir/Patient/1/_history/2`, `Patient?identifier=1`.
fn type_of(text: &str) -> Option<&'static Structure> {
    let (path, asks) = text.split_once('?').map_or((text, false), |(path, _)| (path, true));
    let mut parts = path.rsplit('/');
    if asks {
        return parts.next().and_then(resource);
    }
    let (_, mut before) = (parts.next(), parts.next()?);
    if before == "_history" {
        (_, before) = (parts.next(), parts.next()?);
    }
    resource(before)
}

fn resource(name: &str) -> Option<&'static Structure> {
    structure(name).filter(|found| found.resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_tell_a_type() {
        for (text, expected) in [
            ("Patient/1", Some("Patient")),
            ("https://x.example/fhir/Patient/1/_history/2", Some("Patient")),
            ("Patient?identifier=a/b", Some("Patient")),
            ("urn:uuid:4c2f6d21-5f2d-4d43-a0b2-5d6c4f1d1a11", None),
            ("Patient", None),
            ("patient/1", None),
            ("https://x.example/StructureDefinition/y", Some("StructureDefinition")),
            ("", None),
        ] {
            assert_eq!(type_of(text).map(|found| found.name), expected, "{text}");
        }
    }
}
