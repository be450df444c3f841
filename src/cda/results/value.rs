//! Values of results, by their types (HL7 V3 data types R1).

use super::narrative::Narrative;
use super::{Amount, Concept, Datum, End, Left, Range, Time};
use crate::cda::header::codes;
use crate::cda::node::{Node, TYPE};

/// The value of an observation; nothing where it has none.
///
/// # Errors
/// Why it is not read.
pub fn of(node: &Node<'_>, narrative: &Narrative) -> Result<Option<Datum>, Left> {
    let mut values = node.all("value");
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => datum(value, narrative).map(Some).ok_or(Left::Value),
        (Some(_), Some(_)) => Err(Left::Several),
    }
}

/// The type of a value, without the prefix of its namespace.
fn kind<'n>(node: &'n Node<'_>) -> &'n str {
    let written = node.attribute(TYPE).unwrap_or_default();
    written.rsplit_once(':').map_or(written, |(_, local)| local)
}

fn datum(node: &Node<'_>, narrative: &Narrative) -> Option<Datum> {
    let kind = kind(node);
    let coded = matches!(kind, "CD" | "CE" | "CV" | "CO" | "CS");
    if let Some(flavor) = node.attribute("nullFlavor") {
        // What has no code may have words, or a code of another system.
        let said = if coded { concept(node, narrative) } else { None };
        return Some(said.map_or_else(|| Datum::Null(flavor.to_owned()), Datum::Concept));
    }
    match kind {
        "PQ" | "REAL" => amount(node).map(Datum::Amount),
        "INT" => node.attribute("value").map(|value| Datum::Integer(value.to_owned())),
        "IVL_PQ" | "IVL_REAL" | "IVL_INT" => interval(node),
        // What qualifies a code changes what it means, and the code alone would say something else.
        _ if coded => concept(node, narrative).filter(|_| node.one("qualifier").is_none()).map(Datum::Concept),
        "ST" | "ED" => text(node, narrative).map(Datum::Text),
        "TS" | "IVL_TS" => time(node).map(Datum::Time),
        "RTO" | "RTO_PQ_PQ" | "RTO_QTY_QTY" => {
            Some(Datum::Ratio(node.one("numerator").and_then(amount)?, node.one("denominator").and_then(amount)?))
        }
        "BL" => match node.attribute("value")? {
            "true" | "1" => Some(Datum::Boolean(true)),
            "false" | "0" => Some(Datum::Boolean(false)),
            _ => None,
        },
        _ => None,
    }
}

fn amount(node: &Node<'_>) -> Option<Amount> {
    Some(Amount { value: node.attribute("value")?.to_owned(), unit: node.attribute("unit").map(ToOwned::to_owned) })
}

/// An interval by its ends; one told by its middle or width is not read.
fn interval(node: &Node<'_>) -> Option<Datum> {
    if ["center", "width"].iter().any(|name| node.one(name).is_some()) {
        return None;
    }
    match (end(node, "low")?, end(node, "high")?) {
        (None, None) => amount(node).map(Datum::Amount),
        (low, high) => Some(Datum::Interval(low, high)),
    }
}

/// An end of an interval; `None` for one that says something else, `Some(None)` for an open one.
fn end(node: &Node<'_>, name: &str) -> Option<Option<End>> {
    let Some(end) = node.one(name) else { return Some(None) };
    match (amount(end), end.attribute("nullFlavor")) {
        (Some(amount), None) => Some(Some(End { amount, inclusive: !matches!(end.attribute("inclusive"), Some("false" | "0")) })),
        // Infinite, or not known: of the other end what it says is true.
        (None, Some(_)) => Some(None),
        _ => None,
    }
}

/// Plain text, its own or that of its section.
fn text(node: &Node<'_>, narrative: &Narrative) -> Option<String> {
    let plain = node.attribute("mediaType").is_none_or(|media| media == "text/plain");
    let within = node.attribute("representation").is_none_or(|way| way == "TXT") && node.attribute("compression").is_none();
    words(node, narrative).filter(|_| plain && within)
}

/// What an element says in words, or the text of its section that it refers to.
pub fn words(node: &Node<'_>, narrative: &Narrative) -> Option<String> {
    let referred = || narrative.of(node.one("reference")?.attribute("value")?).map(ToOwned::to_owned);
    node.words().or_else(referred)
}

/// A code with its translations and words; nothing where it has none of them.
pub fn concept(node: &Node<'_>, narrative: &Narrative) -> Option<Concept> {
    let codes = codes(node);
    let text = node.one("originalText").and_then(|text| words(text, narrative));
    let shown = || node.attribute("displayName").filter(|_| codes.is_empty()).map(ToOwned::to_owned);
    let text = text.or_else(shown);
    (!codes.is_empty() || text.is_some()).then_some(Concept { codes, text })
}

/// The codes of all children of this name that say something.
pub fn concepts<'n>(node: &'n Node<'_>, name: &'n str, narrative: &'n Narrative) -> impl Iterator<Item = Concept> + 'n {
    node.all(name).filter_map(|child| concept(child, narrative))
}

/// Bytes of a code or a point in time that holds for all that stands in something, and is told with each.
const HELD_BYTES_MAX: usize = 64;

/// The attribute of an element, as far as it may hold for many.
pub fn held(node: &Node<'_>, name: &str) -> Option<String> {
    node.attribute(name).filter(|text| text.len() <= HELD_BYTES_MAX).map(ToOwned::to_owned)
}

/// A point in time or a period, if it says one.
pub fn time(node: &Node<'_>) -> Option<Time> {
    let said = |name: &str| held(node.one(name)?, "value");
    match (held(node, "value"), said("low"), said("high")) {
        (Some(at), ..) => Some(Time::At(at)),
        (None, None, None) => None,
        // What was done until then was done then.
        (None, None, Some(high)) => Some(Time::At(high)),
        (None, low, high) => Some(Time::Between(low, high)),
    }
}

/// An expected range; nothing for one that holds on conditions, which would be told without them.
pub fn range(node: &Node<'_>, narrative: &Narrative) -> Option<Range> {
    if node.one("precondition").is_some() {
        return None;
    }
    let mut range = Range { low: None, high: None, text: node.one("text").and_then(|text| words(text, narrative)), meaning: None };
    range.meaning = node.one("interpretationCode").and_then(|code| concept(code, narrative));
    match node.one("value").and_then(|value| datum(value, narrative)) {
        Some(Datum::Interval(low, high)) => (range.low, range.high) = (low, high),
        Some(Datum::Text(text)) => range.text = range.text.or(Some(text)),
        Some(Datum::Concept(concept)) => {
            let shown = concept.codes.into_iter().find_map(|code| code.display);
            range.text = range.text.or(concept.text).or(shown);
        }
        _ => {}
    }
    (range.low.is_some() || range.high.is_some() || range.text.is_some()).then_some(range)
}
