//! The tree itself, FHIR's additions, and the clock (FHIRPath N1 #tree-navigation, #utility-functions, FHIR R4 fhirpath.html#functions).

use serde_json::Value;

use super::super::ITEMS_MAX;
use super::super::datum::Datum;
use super::super::expr::Call;
use super::super::function::Function as F;
use super::super::items::Items;
use super::super::navigate;
use super::super::node::{Node, Tree};
use super::super::temporal::Temporal;
use super::string::single_text;
use super::{EvalError, Evaluator, Outcome, Scope};

impl<'v> Evaluator<'_, 'v> {
    pub(super) fn tree(&mut self, call: &Call, input: Items<'v>, scope: Scope<'_, 'v>) -> Outcome<'v> {
        match call.function {
            F::Children => {
                let mut found = Items::None;
                for item in input.iter() {
                    self.children(item, &mut |child| found.push(child))?;
                }
                Ok(found)
            }
            F::Descendants => {
                let mut found = Vec::new();
                for item in input.iter() {
                    self.children(item, &mut |child| found.push(child))?;
                }
                let mut next = 0;
                while let Some(item) = found.get(next).cloned() {
                    self.children(&item, &mut |child| found.push(child))?;
                    next += 1;
                    if found.len() > ITEMS_MAX {
                        return Err(EvalError::TooCostly);
                    }
                }
                Ok(found.into_iter().collect())
            }
            F::Extension => self.extension(call, &input, scope),
            F::HasExtension => {
                let found = self.extension(call, &input, scope)?;
                Ok(Items::one(Datum::Boolean(!found.is_empty())))
            }
            F::HasValue => {
                let has = match input.as_slice() {
                    [Node::Tree(tree)] => tree.structure().is_none() && tree.value.is_some(),
                    [Node::Datum(_)] => true,
                    _ => false,
                };
                Ok(Items::one(Datum::Boolean(has)))
            }
            F::GetValue => {
                let datum = |node: &Node<'v>| if node.structure_of().is_none() { node.datum() } else { None };
                Ok(match input.as_slice() {
                    [node] => datum(node).map(Node::Datum).into(),
                    _ => Items::None,
                })
            }
            F::Type => Ok(input
                .iter()
                .map(|node| {
                    let (namespace, name) = node.type_name();
                    Node::Datum(Datum::Type(namespace, name))
                })
                .collect()),
            // `checkModifiers`: modifiers are the caller's to know.
            _ => Ok(input),
        }
    }

    fn children(&mut self, node: &Node<'v>, each: &mut dyn FnMut(Node<'v>)) -> Result<(), EvalError> {
        match node {
            Node::Tree(tree) => navigate::children(tree, &mut |child: Tree<'v>| {
                self.charge(1)?;
                each(Node::Tree(child));
                Ok(())
            }),
            Node::Datum(_) => Ok(()),
            Node::Unread(_) => Err(EvalError::Unknown("resolve()")),
        }
    }

    /// The extensions of a url.
    fn extension(&mut self, call: &Call, input: &Items<'v>, scope: Scope<'_, 'v>) -> Outcome<'v> {
        let url = self.argument(call, 0, scope)?;
        let Some(url) = single_text(&url)? else { return Ok(Items::None) };
        let mut found = Items::None;
        if input.iter().any(|node| matches!(node, Node::Unread(_))) {
            return Err(EvalError::Unknown("resolve()"));
        }
        for tree in input.iter().filter_map(Node::tree) {
            navigate::by_text(tree, "extension", &mut |child| {
                self.charge(1)?;
                if child.value.and_then(|value| value.get("url")).and_then(Value::as_str) == Some(&*url) {
                    found.push(Node::Tree(child));
                }
                Ok(())
            })?;
        }
        Ok(found)
    }

    /// `now()`, `today()`, `timeOfDay()`, in UTC.
    pub(super) fn clock(&self, function: F) -> Items<'v> {
        let now = Temporal::instant(self.environment.now);
        Items::one(Datum::Temporal(match function {
            F::Now => now,
            F::Today => now.day(),
            _ => now.clock(),
        }))
    }
}
