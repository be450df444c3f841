//! From an element to its children (FHIRPath N1 #path-selection, FHIR R4 json.html).

use serde_json::Value;

use super::expr::{Bound, Member, Name};
use super::node::{Object, Tree, companion, resource_kind};
use super::types::Kind;
use crate::fhir::definitions::{Element, Structure, Type, structure};

/// Objects of so few members are looked through faster than hashed.
const FEW: usize = 6;

fn find<'v>(object: &'v Object, name: &str) -> Option<&'v Value> {
    if object.len() <= FEW { object.iter().find(|(known, _)| *known == name).map(|(_, value)| value) } else { object.get(name) }
}

/// Every child of this name, told to `each`.
pub fn named<'v, E>(tree: &Tree<'v>, name: &Name, each: &mut dyn FnMut(Tree<'v>) -> Result<(), E>) -> Result<(), E> {
    let Some((on, object)) = tree.object() else { return Ok(()) };
    match &name.bound {
        Some(bound) if std::ptr::eq(bound.on, on) => bound_children(object, bound, each),
        _ => children_of(on, object, &name.text, each),
    }
}

fn bound_children<'v, E>(object: &'v Object, bound: &Bound, each: &mut dyn FnMut(Tree<'v>) -> Result<(), E>) -> Result<(), E> {
    // Of a choice's many members at most one is there: it is found among those that are.
    if bound.members.len() > object.len() {
        for name in object.keys() {
            let own = name.strip_prefix('_').unwrap_or(name);
            if let Some(member) = bound.members.iter().find(|member| member.name == own) {
                return values(object, bound.element, member, each);
            }
        }
        return Ok(());
    }
    bound.members.iter().try_for_each(|member| values(object, bound.element, member, each))
}

/// Without a compiled place: by the structure that is there.
fn children_of<'v, E>(
    on: &'static Structure,
    object: &'v Object,
    name: &str,
    each: &mut dyn FnMut(Tree<'v>) -> Result<(), E>,
) -> Result<(), E> {
    if let Some((_, element, kind)) = on.member(name) {
        // `valueQuantity` is no name in FHIRPath.
        return if element.choice { Ok(()) } else { values(object, element, &Member { name: element.name, kind: Kind::of(kind) }, each) };
    }
    for key in object.keys() {
        let own = key.strip_prefix('_').unwrap_or(key);
        let found = own.strip_prefix(name).and_then(|_| member(on, own)).filter(|(_, element, _)| element.choice && element.name == name);
        if let Some((own, element, kind)) = found {
            return values(object, element, &Member { name: own, kind: Kind::of(kind) }, each);
        }
    }
    Ok(())
}

/// A member of an object with its name as the definitions have it.
fn member(on: &'static Structure, name: &str) -> Option<(&'static str, &'static Element, &'static Type)> {
    let (at, element, kind) = on.member(name)?;
    if !element.choice {
        return Some((element.name, element, kind));
    }
    let number = (0_u16..).zip(&element.types).find(|(_, one)| std::ptr::eq(*one, kind)).map(|(number, _)| number)?;
    Some((on.member_name(at, number)?, element, kind))
}

/// Every child, in the order of the object (FHIRPath N1 #children).
pub fn children<'v, E>(tree: &Tree<'v>, each: &mut dyn FnMut(Tree<'v>) -> Result<(), E>) -> Result<(), E> {
    let Some((on, object)) = tree.object() else { return Ok(()) };
    for key in object.keys() {
        let own = match key.strip_prefix('_') {
            Some(own) if object.contains_key(own) => continue,
            Some(own) => own,
            None => key,
        };
        if let Some((name, element, kind)) = member(on, own) {
            values(object, element, &Member { name, kind: Kind::of(kind) }, each)?;
        }
    }
    Ok(())
}

/// What a member holds: one child, or one for each place of an array.
fn values<'v, E>(
    object: &'v Object,
    element: &'static Element,
    member: &Member,
    each: &mut dyn FnMut(Tree<'v>) -> Result<(), E>,
) -> Result<(), E> {
    let child = |value: Option<&'v Value>, index| {
        let kind = member.kind.or_else(|| value.and_then(resource_kind)).or_else(any_resource)?;
        Some(Tree { value, parent: Some(object), element: Some(element), member: member.name, index, kind })
    };
    let mut tell = |value, index| child(value, index).map_or(Ok(()), &mut *each);
    let primitive = matches!(member.kind, Some(Kind::Primitive(_)));
    match find(object, member.name) {
        Some(Value::Array(items)) => {
            // A null keeps the place of an item that has only a companion.
            let beside = if primitive { items.contains(&Value::Null).then(|| companion(object, member.name)).flatten() } else { None };
            for (index, item) in (0_u32..).zip(items) {
                match item {
                    Value::Null if !is_at(beside, index) => {}
                    Value::Null => tell(None, Some(index))?,
                    _ => tell(Some(item), Some(index))?,
                }
            }
            Ok(())
        }
        Some(Value::Null) | None if primitive => match companion(object, member.name) {
            Some(Value::Array(items)) => {
                (0_u32..).zip(items).filter(|(_, item)| item.is_object()).try_for_each(|(index, _)| tell(None, Some(index)))
            }
            Some(Value::Object(_)) => tell(None, None),
            _ => Ok(()),
        },
        Some(Value::Null) | None => Ok(()),
        Some(value) => tell(Some(value), None),
    }
}

fn is_at(beside: Option<&Value>, index: u32) -> bool {
    let item = usize::try_from(index).ok().and_then(|index| beside?.get(index));
    item.is_some_and(Value::is_object)
}

fn any_resource() -> Option<Kind> {
    structure("Resource").map(Kind::Structure)
}

/// Every child of a name that no expression wrote.
pub fn by_text<'v, E>(tree: &Tree<'v>, name: &str, each: &mut dyn FnMut(Tree<'v>) -> Result<(), E>) -> Result<(), E> {
    tree.object().map_or(Ok(()), |(on, object)| children_of(on, object, name, each))
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;
    use crate::fhirpath::Node;
    use serde_json::json;

    fn told<'v>(
        run: impl FnOnce(&mut dyn FnMut(Tree<'v>) -> Result<(), ()>) -> Result<(), ()>,
    ) -> Vec<(&'static str, Option<u32>, &'static str, bool)> {
        let mut found = Vec::new();
        run(&mut |tree| {
            found.push((tree.member, tree.index, tree.kind.name(), tree.value.is_some()));
            Ok(())
        })
        .expect("no error");
        found
    }

    fn name(text: &str) -> Name {
        Name { text: text.into(), at: 0, bound: None }
    }

    #[test]
    fn children_have_type_and_place() {
        let value = json!({
            "resourceType": "Patient",
            "_birthDate": {"id": "x"},
            "name": [{"given": [null, "Ann", null], "_given": [{"id": "a"}, null, null]}],
            "deceasedBoolean": false,
            "contained": [{"resourceType": "Organization", "id": "1"}, {"id": "2"}],
            "unknown": 1,
        });
        let node = Node::resource(&value).expect("a patient");
        let tree = *node.tree().expect("an element");
        assert_eq!(
            told(|each| children(&tree, each)),
            [
                ("birthDate", None, "date", false),
                ("name", Some(0), "HumanName", true),
                ("deceasedBoolean", None, "boolean", true),
                ("contained", Some(0), "Organization", true),
                ("contained", Some(1), "Resource", true),
            ]
        );
        assert_eq!(told(|each| named(&tree, &name("deceased"), each)), [("deceasedBoolean", None, "boolean", true)]);
        assert_eq!(told(|each| named(&tree, &name("deceasedBoolean"), each)), []);
        let only = |name| {
            let mut found = None;
            let _: Result<(), ()> = by_text(&tree, name, &mut |child| if found.replace(child).is_some() { Err(()) } else { Ok(()) });
            found.expect(name)
        };
        let human = only("name");
        assert_eq!(
            told(|each| named(&human, &name("given"), each)),
            [("given", Some(0), "string", false), ("given", Some(1), "string", true)]
        );
        let birth = only("birthDate");
        assert_eq!(told(|each| named(&birth, &name("id"), each)), [("id", None, "string", true)]);
    }
}
