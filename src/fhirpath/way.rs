//! What can be told of a path without evaluating it, for a patch (FHIR R4 fhirpatch.html).

use std::sync::Arc;

use super::Expression;
use super::datum::Datum;
use super::expr::{Call, Expr, Start, Step};
use super::function::Function;

impl Expression {
    /// The path without its last step, and the child that step names; `None` where the last step is not a child's name.
    pub fn parent(&self) -> Option<(Self, Arc<str>)> {
        let Expr::Path(start, steps) = &self.expr else { return None };
        match steps.split_last()? {
            (Step::Name(name), before) => Some((Self { expr: Expr::Path(start.clone(), before.to_vec()) }, Arc::clone(&name.text))),
            _ => None,
        }
    }

    /// The names of the elements that a path goes down through from the resource; `None` where it may go elsewhere too.
    pub fn elements(&self) -> Option<Vec<&str>> {
        let Expr::Path(Start::This, steps) = &self.expr else { return None };
        let mut names = Vec::new();
        for step in steps {
            match step {
                Step::Type(_) if names.is_empty() => {}
                Step::Type(_) | Step::Test(..) => return None,
                Step::Name(name) => names.push(&*name.text),
                Step::Item(_) => {}
                Step::Call(call) => match call.function {
                    Function::Extension => names.push("extension"),
                    Function::Where | Function::First | Function::Last | Function::Single => {}
                    _ => return None,
                },
            }
        }
        Some(names)
    }

    /// Whether it narrows to extensions of this url: `extension('…')`, `extension.where(url = '…')`.
    pub fn names_extension(&self, url: &str) -> bool {
        let Expr::Path(_, steps) = &self.expr else { return false };
        let is = |expr: &Expr| matches!(expr, Expr::Literal(Datum::String(text)) if **text == *url);
        let named = |call: &Call| match (call.function, call.arguments.as_slice()) {
            (Function::Extension, [name]) => is(name),
            (Function::Where, [Expr::Chain(_, rest)]) => rest.iter().any(|(_, right)| is(right)),
            _ => false,
        };
        steps.iter().any(|step| matches!(step, Step::Call(call) if named(call)))
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_path_tells_its_elements() {
        for (path, elements) in [
            ("Patient", Some(vec![])),
            ("Patient.name[0].given.where($this = 'A').first()", Some(vec!["name", "given"])),
            ("DocumentReference.extension('a').value", Some(vec!["extension", "value"])),
            ("name.family", Some(vec!["name", "family"])),
            ("Patient.descendants()", None),
            ("Patient.name | Patient.contact", None),
            ("%resource.name", None),
            ("Patient.name.given + 'x'", None),
            ("iif(true, name, contact)", None),
        ] {
            assert_eq!(Expression::parse(path).expect(path).elements(), elements, "{path}");
        }
        for (path, is) in [
            ("extension('a')", true),
            ("DocumentReference.extension.where(url = 'a').value", true),
            ("extension('b')", false),
            ("extension.where(url = 'b')", false),
            ("extension[0]", false),
        ] {
            assert_eq!(Expression::parse(path).expect(path).names_extension("a"), is, "{path}");
        }
        let (before, name) = Expression::parse("Patient.name[0].family").expect("a path").parent().expect("a name");
        assert_eq!((before.elements(), &*name), (Some(vec!["name"]), "family"));
        assert!(Expression::parse("Patient.name[0]").expect("a path").parent().is_none());
    }
}
