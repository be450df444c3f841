//! What the entries of a laboratory's report say (IHE PaLM TF-3, XD-LAB; CI-SIS, "Compte rendu d'examens biologiques"), as plain data.
//!
//! Of a body of level 3 the acts of results (1.3.6.1.4.1.19376.1.3.1) are read: observations, and the batteries and isolates they stand
//! in. What is no result of this report (earlier results an observation refers to, copies in PDF) is passed by; what is one and cannot be
//! read is counted with the reason ([`Left`]), never guessed. What an entry says by a reference to the text of its section is that text.

mod entry;
mod narrative;
mod read;
mod value;

pub use read::results;

use super::header::Code;

/// Results and groups of one document that are read at most.
pub const ITEMS_MAX: usize = 1000;

/// What a body says.
#[derive(Debug, Clone, Default)]
pub struct Results {
    /// Whether it has entries of results.
    pub found: bool,
    /// Whether it has more than is read: then nothing is.
    pub too_many: bool,
    /// `statusCode` of its acts.
    pub statuses: Vec<String>,
    /// Results and groups, each before what it holds.
    pub items: Vec<Item>,
    /// What was examined.
    pub specimens: Vec<Specimen>,
    /// What is said of all results of an act.
    pub comments: Vec<String>,
    /// Results that are not read: why, and the code of each, where it has one.
    pub left: Vec<(Left, Option<String>)>,
}

/// Why a result is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It is about another than the person, as a donor, a child to be born, an animal.
    Subject,
    /// It says what did not happen, what is asked for, or nothing.
    Mood,
    /// It does not follow the template of results, or stands where none does.
    Template,
    /// It does not say what was observed.
    Code,
    /// A value of another type than those that are read, or one that is not what its type says.
    Value,
    /// It has several values.
    Several,
}

/// What a result or group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One result.
    Result,
    /// Results that were asked for together.
    Battery,
    /// Results about one microorganism, which is its value.
    Isolate,
}

/// A result, or a group of them.
#[derive(Debug, Clone)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// The place of the one it stands in.
    pub within: Option<usize>,
    /// `id`: roots and extensions as written.
    pub ids: Vec<(String, String)>,
    /// `code`.
    pub code: Option<Concept>,
    /// `statusCode`, its own or that of what it stands in.
    pub status: Option<String>,
    /// `effectiveTime`, its own or that of what it stands in.
    pub time: Option<Time>,
    /// `value`.
    pub value: Option<Datum>,
    /// `interpretationCode`.
    pub interpretations: Vec<Concept>,
    /// `methodCode`, the first.
    pub method: Option<Concept>,
    /// `targetSiteCode`, the first.
    pub site: Option<Concept>,
    /// `referenceRange`.
    pub ranges: Vec<Range>,
    /// Whether there were ranges that are not read.
    pub ranges_left: bool,
    /// Comments on it.
    pub comments: Vec<String>,
    /// The place of what was examined.
    pub specimen: Option<usize>,
}

/// A code with its translations and the words it stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Concept {
    /// The codes.
    pub codes: Vec<Code>,
    /// The words.
    pub text: Option<String>,
}

/// When, as HL7 writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Time {
    /// A point.
    At(String),
    /// From when to when.
    Between(Option<String>, Option<String>),
}

/// A number with its unit, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount {
    /// The number.
    pub value: String,
    /// The unit.
    pub unit: Option<String>,
}

/// An end of an interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Where it is.
    pub amount: Amount,
    /// Whether it belongs to the interval.
    pub inclusive: bool,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Datum {
    /// `PQ`, `REAL`.
    Amount(Amount),
    /// `IVL_PQ` and the like, with one end or both.
    Interval(Option<End>, Option<End>),
    /// `INT`.
    Integer(String),
    /// `CD`, `CE`, `CV`, `CO`, `CS`.
    Concept(Concept),
    /// `ST`, `ED` of plain text.
    Text(String),
    /// `TS`, `IVL_TS`.
    Time(Time),
    /// `RTO`.
    Ratio(Amount, Amount),
    /// `BL`.
    Boolean(bool),
    /// None, and why (v3 NullFlavor).
    Null(String),
}

/// Which values are expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// From where.
    pub low: Option<End>,
    /// To where.
    pub high: Option<End>,
    /// In words.
    pub text: Option<String>,
    /// What a value within it means.
    pub meaning: Option<Concept>,
}

/// What was examined.
#[derive(Debug, Clone, Default)]
pub struct Specimen {
    /// What it is; for an isolate the microorganism.
    pub kind: Option<Concept>,
    /// When it was taken.
    pub collected: Option<Time>,
    /// When it was received, as HL7 writes it.
    pub received: Option<String>,
}

#[cfg(test)]
mod tests;
