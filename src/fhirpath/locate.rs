//! Where a node stands in its resource (FHIR R4 operationoutcome.html#expression, RFC 6901).

use super::navigate;
use super::node::{Node, Tree};

/// The place of an element, told in two ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// `Patient.name[0].given[1]`, `Observation.value`.
    pub expression: String,
    /// `/name/0/given/1`, `/valueQuantity`; of an element that has only a companion, where its value would be.
    pub pointer: String,
    /// `/_birthDate`: where a primitive has its `id` and extensions, or would have them.
    pub companion: Option<String>,
}

impl<'v> Node<'v> {
    /// Finds an element below a root that evaluation started at. It walks the tree: for a patch or a message, not for every search.
    pub fn locate(&self, root: &Self) -> Option<Location> {
        let (sought, root) = (self.tree()?, root.tree()?);
        // Every element with the place of its parent among them.
        let mut seen: Vec<(Tree<'v>, Option<usize>)> = vec![(*root, None)];
        let mut next = 0;
        while let Some((tree, _)) = seen.get(next).copied() {
            if tree.same(sought) {
                return Some(told(&seen, next));
            }
            let _: Result<(), ()> = navigate::children(&tree, &mut |child| {
                seen.push((child, Some(next)));
                Ok(())
            });
            next += 1;
        }
        None
    }
}

/// The way down to an element.
fn told(seen: &[(Tree<'_>, Option<usize>)], at: usize) -> Location {
    let way: Vec<&Tree<'_>> =
        std::iter::successors(seen.get(at), |(_, parent)| parent.and_then(|parent| seen.get(parent))).map(|(tree, _)| tree).collect();
    let mut place = Location { expression: String::new(), pointer: String::new(), companion: None };
    for tree in way.into_iter().rev() {
        let Some(element) = tree.element else {
            place.expression.push_str(tree.kind.name());
            continue;
        };
        // The children of a primitive stand in its companion.
        let base = place.companion.take().unwrap_or(place.pointer);
        let index = tree.index.map(|index| format!("/{index}")).unwrap_or_default();
        place.pointer = format!("{base}/{}{index}", tree.member);
        place.companion = tree.structure().is_none().then(|| format!("{base}/_{}{index}", tree.member));
        place.expression.push('.');
        place.expression.push_str(element.name);
        if element.repeats() {
            place.expression.push_str(&format!("[{}]", tree.index.unwrap_or(0)));
        }
    }
    place
}

#[cfg(test)]
#[allow(clippy::expect_used, clippy::panic)]
mod tests {
    use crate::fhirpath::{Environment, Expression, Node};
    use serde_json::json;

    #[test]
    fn elements_are_found_again() {
        let value = json!({
            "resourceType": "Patient",
            "name": [{"given": ["Ann"]}, {"given": ["Ann", null], "_given": [null, {"extension": [{"url": "a", "valueCode": "x"}]}]}],
            "_birthDate": {"extension": [{"url": "b", "valueDateTime": "2015"}]},
            "deceasedBoolean": false,
            "contained": [{"resourceType": "Organization", "id": "1", "name": "x"}],
        });
        let root = Node::resource(&value).expect("a patient");
        for (path, expression, pointer, companion) in [
            ("Patient", "Patient", "", None),
            ("name[1].given[0]", "Patient.name[1].given[0]", "/name/1/given/0", Some("/name/1/_given/0")),
            ("name.given.last()", "Patient.name[1].given[1]", "/name/1/given/1", Some("/name/1/_given/1")),
            (
                "name.given.extension('a').value",
                "Patient.name[1].given[1].extension[0].value",
                "/name/1/_given/1/extension/0/valueCode",
                Some("/name/1/_given/1/extension/0/_valueCode"),
            ),
            ("birthDate", "Patient.birthDate", "/birthDate", Some("/_birthDate")),
            ("birthDate.extension", "Patient.birthDate.extension[0]", "/_birthDate/extension/0", None),
            ("deceased", "Patient.deceased", "/deceasedBoolean", Some("/_deceasedBoolean")),
            ("contained.name", "Patient.contained[0].name", "/contained/0/name", Some("/contained/0/_name")),
        ] {
            let found = Expression::parse(path).expect(path).evaluate(&root, &Environment::new(root.clone(), 0)).expect(path);
            let [node] = found.as_slice() else { panic!("{path}: {found:?}") };
            let place = node.locate(&root).expect(path);
            assert_eq!((&*place.expression, &*place.pointer, place.companion.as_deref()), (expression, pointer, companion), "{path}");
        }
    }
}
