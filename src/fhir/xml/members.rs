//! The members of a JSON object while its elements are read one by one (FHIR R4 json.html).

use serde_json::{Map, Value};

use crate::fhir::definitions::Primitive;
use crate::fhir::json;

/// Members so far.
#[derive(Default)]
pub struct Members {
    map: Map<String, Value>,
    /// The place of the last element among those of the structure.
    pub last: u16,
    /// How many there are of each element.
    counts: Vec<(u16, usize)>,
    /// Elements that repeat and have a companion: name in JSON, and place.
    companions: Vec<(String, u16)>,
}

impl Members {
    /// Those that every resource of a type has.
    pub fn of_resource(name: &str) -> Self {
        let mut members = Self::default();
        members.single("resourceType", Value::from(name));
        members
    }

    /// How many of an element there are.
    pub fn count(&self, at: u16) -> usize {
        self.counts.iter().find(|(known, _)| *known == at).map_or(0, |(_, count)| *count)
    }

    /// Adds what stands once.
    pub fn single(&mut self, name: &str, value: Value) {
        self.map.insert(name.to_owned(), value);
    }

    /// Adds an element: what it is, and what stands beside it if it is primitive.
    pub fn add(&mut self, name: &str, at: u16, repeats: bool, value: Option<Value>, beside: Option<Value>) {
        let index = self.count(at);
        let companion = beside.as_ref().map(|_| companion(name));
        for (name, value) in value.map(|value| (name, value)).into_iter().chain(companion.as_deref().zip(beside)) {
            match repeats {
                true => self.item(name, index, value),
                false => self.single(name, value),
            }
        }
        if repeats && companion.is_some() && !self.companions.iter().any(|(_, known)| *known == at) {
            self.companions.push((name.to_owned(), at));
        }
        match self.counts.iter_mut().find(|(known, _)| *known == at) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((at, 1)),
        }
    }

    /// Adds an item of an array, after nulls where the ones before had nothing.
    fn item(&mut self, name: &str, index: usize, value: Value) {
        // The first one is nowhere yet.
        if let Some(Value::Array(items)) = if index > 0 { self.map.get_mut(name) } else { None } {
            items.resize(index, Value::Null);
            items.push(value);
            return;
        }
        let mut items = vec![Value::Null; index];
        items.push(value);
        self.single(name, Value::Array(items));
    }

    /// The object. Where an array has a companion, both are of one length.
    pub fn finish(mut self) -> Map<String, Value> {
        for (name, at) in std::mem::take(&mut self.companions) {
            let count = self.count(at);
            for key in [companion(&name), name] {
                if let Some(Value::Array(items)) = self.map.get_mut(&key) {
                    items.resize(count, Value::Null);
                }
            }
        }
        self.map
    }
}

/// The name of what stands beside a primitive.
fn companion(name: &str) -> String {
    format!("_{name}")
}

/// The value in JSON; a text that is none of the type stays text, and the validation says what was expected.
pub fn primitive(primitive: Primitive, text: &str) -> Value {
    let read = match (primitive, text) {
        (Primitive::Boolean, "true") => Some(Value::Bool(true)),
        (Primitive::Boolean, "false") => Some(Value::Bool(false)),
        (Primitive::Integer | Primitive::UnsignedInt | Primitive::PositiveInt | Primitive::Decimal, _) => {
            json::number(text).map(Value::Number)
        }
        _ => None,
    };
    read.unwrap_or_else(|| Value::from(text))
}
