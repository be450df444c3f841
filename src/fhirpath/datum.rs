//! The values that FHIRPath computes with (FHIRPath N1 #literals), literal, computed or read from a primitive element.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::{Number, Value};

use super::quantity::Quantity;
use super::temporal::{Class, Temporal};
use super::types::SystemType;
use crate::fhir::definitions::Primitive;

/// A text of the tree, or one that was made.
#[derive(Clone)]
pub enum Text<'v> {
    /// It stands in the tree.
    Tree(&'v str),
    /// It was written in the expression, or computed.
    Own(Arc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Tree(text) => text,
            Self::Own(text) => text,
        }
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self::Own(text.into())
    }
}

/// One value.
#[derive(Debug, Clone)]
pub enum Datum<'v> {
    /// A Boolean.
    Boolean(bool),
    /// An Integer.
    Integer(i32),
    /// A Decimal.
    Decimal(Decimal),
    /// A String.
    String(Text<'v>),
    /// A Date, DateTime or Time.
    Temporal(Temporal),
    /// A Quantity.
    Quantity(Quantity<'v>),
    /// What `type()` tells: namespace and name.
    Type(&'static str, &'static str),
}

impl<'v> Datum<'v> {
    /// A text that was made.
    pub fn text(text: impl Into<String>) -> Self {
        Self::String(Text::Own(text.into().into()))
    }

    /// The value of a primitive element; `None` where the tree holds none that is of the type, or that a value of FHIRPath can hold.
    pub fn read(primitive: Primitive, value: &'v Value) -> Option<Self> {
        let text = || value.as_str();
        Some(match SystemType::of(primitive) {
            SystemType::Boolean => Self::Boolean(value.as_bool()?),
            SystemType::Integer => Self::Integer(value.as_i64().and_then(|number| i32::try_from(number).ok())?),
            SystemType::Decimal => Self::Decimal(decimal(value.as_number()?)?),
            SystemType::Date => Self::Temporal(Temporal::date(text()?)?),
            SystemType::DateTime => Self::Temporal(Temporal::date_time(text()?)?),
            SystemType::Time => Self::Temporal(Temporal::time(text()?)?),
            SystemType::String | SystemType::Quantity => Self::String(Text::Tree(text()?)),
        })
    }

    /// Its type; `None` for what `type()` told.
    pub fn system(&self) -> Option<SystemType> {
        Some(match self {
            Self::Boolean(_) => SystemType::Boolean,
            Self::Integer(_) => SystemType::Integer,
            Self::Decimal(_) => SystemType::Decimal,
            Self::String(_) => SystemType::String,
            Self::Temporal(temporal) => match temporal.class {
                Class::Date => SystemType::Date,
                Class::DateTime => SystemType::DateTime,
                Class::Time => SystemType::Time,
            },
            Self::Quantity(_) => SystemType::Quantity,
            Self::Type(..) => return None,
        })
    }

    /// The name of its type.
    pub fn type_name(&self) -> &'static str {
        self.system().map_or("TypeInfo", SystemType::name)
    }

    /// A number, whole or not.
    pub fn number(&self) -> Option<Decimal> {
        match self {
            Self::Integer(number) => Some((*number).into()),
            Self::Decimal(number) => Some(*number),
            _ => None,
        }
    }

    /// A quantity; a number is one of the unit `1` (FHIRPath N1 #conversion).
    pub fn quantity(&self) -> Option<Quantity<'v>> {
        match self {
            Self::Quantity(quantity) => Some(quantity.clone()),
            _ => self.number().map(Quantity::one),
        }
    }
}

impl fmt::Display for Datum<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Integer(number) => number.fmt(f),
            Self::Decimal(number) => number.fmt(f),
            Self::String(text) => f.write_str(text),
            Self::Temporal(temporal) => temporal.fmt(f),
            Self::Quantity(quantity) => quantity.fmt(f),
            Self::Type(namespace, name) => write!(f, "{namespace}.{name}"),
        }
    }
}

/// A number of JSON with as many digits as are kept; `None` for one that is too large.
pub fn decimal(number: &Number) -> Option<Decimal> {
    let text = number.as_str();
    if text.bytes().any(|b| b.eq_ignore_ascii_case(&b'e')) {
        return Decimal::from_scientific(text).ok();
    }
    text.parse().ok()
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn primitives_are_read() {
        for (primitive, json, expected) in [
            ("boolean", "true", Some("true")),
            ("boolean", "\"true\"", None),
            ("integer", "-3", Some("-3")),
            ("integer", "3000000000", None),
            ("decimal", "1.50", Some("1.50")),
            ("decimal", "1.5e2", Some("150")),
            ("decimal", "1e400", None),
            ("date", "\"2015-02\"", Some("2015-02")),
            ("instant", "\"2015-02-03T04:05:06.789Z\"", Some("2015-02-03T04:05:06.789Z")),
            ("code", "\"male\"", Some("male")),
            ("string", "null", None),
        ] {
            let value: Value = serde_json::from_str(json).expect(json);
            let read = Primitive::parse(primitive).and_then(|primitive| Datum::read(primitive, &value)).map(|datum| datum.to_string());
            assert_eq!(read.as_deref(), expected, "{primitive} {json}");
        }
    }
}
