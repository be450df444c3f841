//! `=` and `~` (FHIRPath N1 #equality).

use std::cmp::Ordering;

use serde_json::Value;

use super::super::datum::{Datum, decimal};
use super::super::node::Node;
use super::super::quantity::alike;
use super::super::types::{Kind, SystemType};
use super::{EvalError, Evaluator};

/// Objects are compared no deeper than JSON is read.
const DEPTH_MAX: usize = 128;

impl<'v> Evaluator<'_, 'v> {
    /// `=` of collections: `None` where one is empty, or where a pair leaves it open.
    pub(super) fn equal_all(&mut self, one: &[Node<'v>], two: &[Node<'v>]) -> Result<Option<bool>, EvalError> {
        if one.is_empty() || two.is_empty() {
            return Ok(None);
        }
        if one.len() != two.len() {
            return Ok(Some(false));
        }
        let mut all = Some(true);
        for (one, two) in one.iter().zip(two) {
            match self.equal(one, two)? {
                Some(true) => {}
                Some(false) => return Ok(Some(false)),
                None => all = None,
            }
        }
        Ok(all)
    }

    /// `~` of collections: the order does not matter.
    pub(super) fn equivalent_all(&mut self, one: &[Node<'v>], two: &[Node<'v>]) -> Result<bool, EvalError> {
        if one.len() != two.len() {
            return Ok(false);
        }
        let mut left: Vec<&Node<'v>> = two.iter().collect();
        for one in one {
            let mut found = None;
            for (place, two) in left.iter().enumerate() {
                if self.equivalent(one, two)? {
                    found = Some(place);
                    break;
                }
            }
            match found {
                Some(place) => left.swap_remove(place),
                None => return Ok(false),
            };
        }
        Ok(true)
    }

    /// `=` of two items.
    pub(super) fn equal(&mut self, one: &Node<'v>, two: &Node<'v>) -> Result<Option<bool>, EvalError> {
        self.charge(1)?;
        if let (Some(one), Some(two)) = (string(one), string(two)) {
            return self.same_text(one, two).map(Some);
        }
        if let (Node::Unread(_), _) | (_, Node::Unread(_)) = (one, two) {
            return Err(EvalError::Unknown("resolve()"));
        }
        if let (Node::Tree(one), Node::Tree(two)) = (one, two)
            && one.structure().is_some()
            && one.same(two)
        {
            return Ok(Some(true));
        }
        let known = match (one.datum(), two.datum()) {
            (Some(one), Some(two)) => match same(&one, &two) {
                Some(known) => return Ok(Some(known)),
                None => None,
            },
            _ => Some(false),
        };
        match (one.value(), two.value()) {
            // Two objects that are no values, or quantities of units that are not known here.
            (Some(one_value), Some(two_value)) if is_object(one) && is_object(two) => {
                let equal = self.deep(one_value, two_value, false, 0)?;
                Ok(if equal || known.is_some() { Some(equal) } else { None })
            }
            _ => Ok(known),
        }
    }

    fn equivalent(&mut self, one: &Node<'v>, two: &Node<'v>) -> Result<bool, EvalError> {
        self.charge(1)?;
        if let (Node::Unread(_), _) | (_, Node::Unread(_)) = (one, two) {
            return Err(EvalError::Unknown("resolve()"));
        }
        match (one.datum(), two.datum()) {
            (Some(Datum::String(one)), Some(Datum::String(two))) => self.alike_text(&one, &two),
            (Some(one), Some(two)) => Ok(equivalent(&one, &two)),
            _ => match (one.value(), two.value()) {
                (Some(one_value), Some(two_value)) if is_object(one) && is_object(two) => self.deep(one_value, two_value, true, 0),
                _ => Ok(false),
            },
        }
    }

    /// Long texts cost more.
    fn same_text(&mut self, one: &str, two: &str) -> Result<bool, EvalError> {
        if one.len() != two.len() {
            return Ok(false);
        }
        self.charge(one.len() / 64)?;
        Ok(one == two)
    }

    /// Without case, blanks alike.
    fn alike_text(&mut self, one: &str, two: &str) -> Result<bool, EvalError> {
        self.charge((one.len() + two.len()) / 8)?;
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        Ok(one == two || plain(one) == plain(two))
    }

    /// Two trees: every child alike. Arrays in order, or for `~` in any.
    fn deep(&mut self, one: &Value, two: &Value, loosely: bool, depth: usize) -> Result<bool, EvalError> {
        self.charge(1)?;
        if depth > DEPTH_MAX {
            return Err(EvalError::TooCostly);
        }
        Ok(match (one, two) {
            (Value::Object(one), Value::Object(two)) => {
                if one.len() != two.len() {
                    return Ok(false);
                }
                for (name, value) in one {
                    let Some(other) = two.get(name) else { return Ok(false) };
                    if !self.deep(value, other, loosely, depth + 1)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Array(one), Value::Array(two)) => {
                if one.len() != two.len() {
                    return Ok(false);
                }
                let mut left: Vec<&Value> = two.iter().collect();
                for value in one {
                    let mut found = None;
                    for (place, other) in left.iter().enumerate().take(if loosely { usize::MAX } else { 1 }) {
                        if self.deep(value, other, loosely, depth + 1)? {
                            found = Some(place);
                            break;
                        }
                    }
                    match found {
                        Some(place) => left.remove(place),
                        None => return Ok(false),
                    };
                }
                true
            }
            (Value::String(one), Value::String(two)) if loosely => self.alike_text(one, two)?,
            (Value::String(one), Value::String(two)) => self.same_text(one, two)?,
            (Value::Number(one), Value::Number(two)) => match (decimal(one), decimal(two)) {
                (Some(one), Some(two)) => one == two || (loosely && alike(one, two)),
                _ => one == two,
            },
            (one, two) => one == two,
        })
    }
}

fn is_object(node: &Node<'_>) -> bool {
    node.structure_of().is_some()
}

/// The text of a String.
fn string<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    match node {
        Node::Tree(tree) => match tree.kind {
            Kind::Primitive(primitive) if SystemType::of(primitive) == SystemType::String => tree.value?.as_str(),
            _ => None,
        },
        Node::Datum(Datum::String(text)) => Some(text),
        _ => None,
    }
}

fn same(one: &Datum<'_>, two: &Datum<'_>) -> Option<bool> {
    match (one, two) {
        (Datum::Boolean(one), Datum::Boolean(two)) => Some(one == two),
        (Datum::String(one), Datum::String(two)) => Some(**one == **two),
        (Datum::Temporal(one), Datum::Temporal(two)) if one.is_clock() == two.is_clock() => {
            one.compare(two).map(|order| order == Ordering::Equal)
        }
        (Datum::Type(..), Datum::Type(..)) => Some(one.to_string() == two.to_string()),
        _ => match (one.number(), two.number(), one.quantity(), two.quantity()) {
            (Some(one), Some(two), ..) => Some(one == two),
            (.., Some(one), Some(two)) => one.compare(&two).map(|order| order == Ordering::Equal),
            _ => Some(false),
        },
    }
}

fn equivalent(one: &Datum<'_>, two: &Datum<'_>) -> bool {
    match (one.number(), two.number(), one.quantity(), two.quantity()) {
        (Some(one), Some(two), ..) => alike(one, two),
        (.., Some(one), Some(two)) => one.equivalent(&two),
        _ => same(one, two) == Some(true),
    }
}
