//! Doing what the operations of a FHIRPath Patch say, one after the other.

use serde_json::Value;

use super::slots::{self, Slot};
use super::value::{self, Given};
use super::{Operation, PathPatch, What};
use crate::fhir::definitions::{Element, Structure, structure};
use crate::fhirpath::{Environment, Expression, Node, STEPS_MAX};
use crate::interaction::json_patch::fits;

/// Applies the operations, all or none; `now` in microseconds.
///
/// # Errors
/// What does not apply, in words, with the number of the operation.
pub fn apply(tree: &mut Value, patch: &PathPatch, now: i64) -> Result<(), String> {
    // All operations together may cost what one evaluation may.
    let steps = STEPS_MAX / u64::try_from(patch.0.len().max(1)).unwrap_or(u64::MAX);
    for (place, operation) in patch.0.iter().enumerate() {
        one(tree, operation, now, steps).map_err(|why| format!("operation {place} does not apply: {why}"))?;
        if !fits(tree) {
            return Err(format!("operation {place} makes the resource too large or too deep"));
        }
    }
    Ok(())
}

/// An element that a path found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The object it stands in, as a JSON pointer.
    parent: String,
    /// The member it is; empty for the resource itself.
    member: &'static str,
    /// Its place, where the member is a list.
    pub index: Option<usize>,
    /// What it is.
    element: Option<&'static Element>,
    /// Its structure; `None` for a primitive.
    structure: Option<&'static Structure>,
    /// Where it is, as a JSON pointer.
    pub pointer: String,
}

/// The elements that a path finds, in order.
///
/// # Errors
/// In words: it cannot be evaluated, or yields what is no element.
pub fn found(tree: &Value, path: &Expression, now: i64, steps: u64) -> Result<Vec<Found>, String> {
    let root = Node::resource(tree).ok_or("no resource")?;
    let environment = Environment { steps, ..Environment::new(root.clone(), now) };
    let nodes = path.evaluate(&root, &environment).map_err(|error| format!("the path cannot be evaluated: {error}"))?;
    let each = nodes.iter().map(|node| {
        let (tree, location) = (node.tree()?, node.locate(&root)?);
        let index = tree.index.and_then(|index| usize::try_from(index).ok());
        let own = index.map_or_else(|| format!("/{}", tree.member), |index| format!("/{}/{index}", tree.member));
        let parent = location.pointer.strip_suffix(&own).unwrap_or_default().to_owned();
        Some(Found { parent, member: tree.member, index, element: tree.element, structure: tree.structure(), pointer: location.pointer })
    });
    each.collect::<Option<_>>().ok_or_else(|| "the path yields what is no element of the resource".into())
}

/// The one element of these, or none.
fn at_most_one(found: Vec<Found>) -> Result<Option<Found>, String> {
    match found.len() {
        0 | 1 => Ok(found.into_iter().next()),
        several => Err(format!("the path finds {several} elements, not one")),
    }
}

fn one(tree: &mut Value, operation: &Operation, now: i64, steps: u64) -> Result<(), String> {
    let Operation { path, what } = operation;
    let found = found(tree, path, now, steps)?;
    match what {
        What::Add(name, given) => {
            let target = at_most_one(found)?.ok_or("the path finds nothing")?;
            add(tree, &target, name, given)
        }
        What::Delete => match at_most_one(found)? {
            None => Ok(()),
            Some(target) => delete(tree, &target),
        },
        What::Replace(given) => match at_most_one(found)? {
            Some(target) => replace(tree, &target, given),
            None => add_missing(tree, path, given, now, steps),
        },
        What::Insert(0, given) if found.is_empty() => add_missing(tree, path, given, now, steps),
        What::Insert(index, given) => {
            let list = list(tree, &found)?;
            let on = structure_at(tree, &list.parent).ok_or("the path finds nothing")?;
            let new = given.member(on, list.member)?.slot;
            change(tree, &list, |slots| {
                if *index > slots.len() {
                    return Err(format!("the list has {} items", slots.len()));
                }
                slots.insert(*index, new);
                Ok(())
            })
        }
        What::Move(source, destination) => {
            let list = list(tree, &found)?;
            change(tree, &list, |slots| {
                if *source >= slots.len() || *destination >= slots.len() {
                    return Err(format!("the list has {} items", slots.len()));
                }
                let moved = slots.remove(*source);
                slots.insert(*destination, moved);
                Ok(())
            })
        }
    }
}

/// Adds a child to what was found.
fn add(tree: &mut Value, target: &Found, name: &str, given: &Given) -> Result<(), String> {
    let gone = || "the path finds nothing".to_owned();
    if let Some(structure) = target.structure {
        let member = given.member(structure, name)?;
        return value::put(tree.pointer_mut(&target.pointer).and_then(Value::as_object_mut).ok_or_else(gone)?, member);
    }
    // The children of a primitive stand in its companion.
    let member = given.member(structure("Element").ok_or_else(gone)?, name)?;
    change(tree, target, |slots| {
        let slot = slots.get_mut(target.index.unwrap_or(0)).ok_or_else(gone)?;
        let companion = slot.companion.get_or_insert_with(|| Value::Object(serde_json::Map::new()));
        value::put(companion.as_object_mut().ok_or_else(gone)?, member)
    })
}

/// What is replaced or inserted first where there is nothing yet: the published samples of the agency do so. Where the path ends in a
/// name, its parent is found, or the resource itself.
fn add_missing(tree: &mut Value, path: &Expression, given: &Given, now: i64, steps: u64) -> Result<(), String> {
    let (parent, name) = path.parent().ok_or("the path finds nothing")?;
    let target = at_most_one(found(tree, &parent, now, steps)?)?.ok_or("the path finds nothing")?;
    add(tree, &target, &name, given)
}

fn delete(tree: &mut Value, target: &Found) -> Result<(), String> {
    change(tree, target, |slots| {
        let index = target.index.unwrap_or(0);
        if index < slots.len() {
            slots.remove(index);
        }
        Ok(())
    })?;
    slots::prune(tree, &target.parent);
    Ok(())
}

fn replace(tree: &mut Value, target: &Found, given: &Given) -> Result<(), String> {
    let element = target.element.ok_or("the resource itself is not replaced: update it")?;
    let on = structure_at(tree, &target.parent).ok_or("the path finds nothing")?;
    let new = given.member(on, element.name)?;
    if new.name == target.member {
        return change(tree, target, |slots| {
            *slots.get_mut(target.index.unwrap_or(0)).ok_or("the path finds nothing")? = new.slot;
            Ok(())
        });
    }
    // A choice takes another type.
    change(tree, target, |slots| {
        slots.clear();
        Ok(())
    })?;
    let object = tree.pointer_mut(&target.parent).and_then(Value::as_object_mut).ok_or("the path finds nothing")?;
    value::put(object, new)
}

/// The list that these are all items of.
fn list(tree: &Value, found: &[Found]) -> Result<Found, String> {
    let first = found.first().ok_or("the path finds nothing")?;
    let whole = tree.pointer(&first.parent).and_then(Value::as_object).map_or(0, |object| slots::read(object, first.member).len());
    let same = found.iter().all(|one| one.parent == first.parent && one.member == first.member);
    if !same || found.len() != whole || !first.element.is_some_and(Element::repeats) {
        return Err("the path finds no whole list".into());
    }
    Ok(first.clone())
}

/// Changes the places of the member that was found.
fn change(tree: &mut Value, target: &Found, with: impl FnOnce(&mut Vec<Slot>) -> Result<(), String>) -> Result<(), String> {
    let element = target.element.ok_or("the resource itself is not changed so")?;
    let object = tree.pointer_mut(&target.parent).and_then(Value::as_object_mut).ok_or("the path finds nothing")?;
    let mut slots = slots::read(object, target.member);
    with(&mut slots)?;
    slots::write(object, target.member, element.repeats(), slots);
    Ok(())
}

/// The structure of the object at a pointer.
fn structure_at(tree: &Value, pointer: &str) -> Option<&'static Structure> {
    let named = |value: &Value| value.get("resourceType").and_then(Value::as_str).and_then(structure);
    let (mut at, mut known) = (tree, named(tree));
    for step in pointer.split('/').skip(1) {
        at = match at {
            Value::Array(items) => items.get(step.parse::<usize>().ok()?)?,
            _ => {
                let (_, _, kind) = known?.member(step.strip_prefix('_').unwrap_or(step))?;
                known = if step.starts_with('_') { structure("Element") } else { kind.structure() };
                at.get(step)?
            }
        };
        known = known.or_else(|| named(at));
    }
    known
}
