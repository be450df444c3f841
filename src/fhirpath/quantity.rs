//! Quantities: a number with a unit, of UCUM or of the calendar (FHIRPath N1 #quantity, #time-valued-quantities).

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

use super::datum::{Text, decimal};
use super::unit::Scale;

/// A word of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calendar {
    /// Of 12 months.
    Year,
    /// Of 28 to 31 days.
    Month,
    /// Of 7 days.
    Week,
    /// Of 24 hours.
    Day,
    /// Of 60 minutes.
    Hour,
    /// Of 60 seconds.
    Minute,
    /// The base.
    Second,
    /// A thousandth of it.
    Millisecond,
}

impl Calendar {
    /// Word, its plural, the code of UCUM, microseconds; years and months have no fixed length.
    const ALL: [(Self, &'static str, &'static str, &'static str, Option<i64>); 8] = [
        (Self::Year, "year", "years", "a", None),
        (Self::Month, "month", "months", "mo", None),
        (Self::Week, "week", "weeks", "wk", Some(604_800_000_000)),
        (Self::Day, "day", "days", "d", Some(86_400_000_000)),
        (Self::Hour, "hour", "hours", "h", Some(3_600_000_000)),
        (Self::Minute, "minute", "minutes", "min", Some(60_000_000)),
        (Self::Second, "second", "seconds", "s", Some(1_000_000)),
        (Self::Millisecond, "millisecond", "milliseconds", "ms", Some(1_000)),
    ];

    /// Reads `day` or `days`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, one, many, ..)| *one == word || *many == word).map(|(calendar, ..)| *calendar)
    }

    fn row(self) -> (&'static str, &'static str, Option<i64>) {
        Self::ALL.iter().find(|(one, ..)| *one == self).map_or(("", "", None), |(_, word, _, code, micros)| (word, code, *micros))
    }

    /// The code of UCUM that means as much; a year and a month only nearly.
    fn code(self) -> &'static str {
        self.row().1
    }

    /// How long it is, where it has a fixed length.
    pub fn micros(self) -> Option<i64> {
        self.row().2
    }
}

/// What a quantity counts.
#[derive(Debug, Clone)]
pub enum Unit<'v> {
    /// A code of UCUM, or what else a Quantity names its unit.
    Code(Text<'v>),
    /// A word of the calendar.
    Calendar(Calendar),
}

/// A number with a unit.
#[derive(Debug, Clone)]
pub struct Quantity<'v> {
    /// How many.
    pub value: Decimal,
    /// Of what.
    pub unit: Unit<'v>,
}

impl<'v> Quantity<'v> {
    /// A number without unit.
    pub fn one(value: Decimal) -> Self {
        Self { value, unit: Unit::Code(Text::Tree("1")) }
    }

    /// Reads FHIR's Quantity (FHIR R4 fhirpath.html#quantity): `None` without value, or with a comparator, which makes it a range.
    pub fn read(value: &'v Value) -> Option<Self> {
        let number = value.get("value").and_then(Value::as_number).and_then(decimal)?;
        if value.get("comparator").is_some() {
            return None;
        }
        let text = |name| value.get(name).and_then(Value::as_str);
        let code = text("code").or_else(|| text("unit")).unwrap_or("1");
        Some(Self { value: number, unit: Unit::Code(Text::Tree(code)) })
    }

    /// Reads a text: `4`, `4.5 'mg'`, `4 days` (FHIRPath N1 #toquantityunit-string-quantity).
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(text.len());
        let (number, unit) = text.split_at_checked(end)?;
        let value = parse_decimal(number)?;
        let unit = match unit.trim_start() {
            "" => return Some(Self::one(value)),
            quoted if quoted.starts_with('\'') => Unit::Code(Text::Own(Arc::from(quoted.strip_prefix('\'')?.strip_suffix('\'')?))),
            word => Unit::Calendar(Calendar::parse(word)?),
        };
        Some(Self { value, unit })
    }

    /// The code of UCUM.
    pub fn code(&self) -> &str {
        match &self.unit {
            Unit::Code(code) => code,
            Unit::Calendar(calendar) => calendar.code(),
        }
    }

    /// The word of the calendar it counts, whether it says so or by UCUM's code.
    pub fn calendar(&self) -> Option<Calendar> {
        match &self.unit {
            Unit::Calendar(calendar) => Some(*calendar),
            // A year and a month of UCUM have a fixed length, those of the calendar none; `1 'month'` is written in the official tests.
            Unit::Code(code) => {
                let fixed = Calendar::ALL.iter().find(|(.., ucum, micros)| *ucum == &**code && micros.is_some());
                fixed.map(|(calendar, ..)| *calendar).or_else(|| Calendar::parse(code))
            }
        }
    }

    /// Whether one counts years or months of the calendar and the other by the clock.
    fn mixed(&self, other: &Self) -> bool {
        let loose = |one: &Self| matches!(&one.unit, Unit::Calendar(calendar) if calendar.micros().is_none());
        let fixed = |one: &Self| matches!(&one.unit, Unit::Code(_)) || !loose(one);
        (loose(self) && fixed(other)) || (loose(other) && fixed(self))
    }

    /// Its value in the unit of another; `None` where the two are not comparable.
    pub fn value_in(&self, other: &Self) -> Option<Decimal> {
        if self.code() == other.code() {
            return Some(self.value);
        }
        // Twelve months of the calendar are a year.
        let months = |one: &Self| match one.unit {
            Unit::Calendar(Calendar::Year) => Some(Decimal::from(12)),
            Unit::Calendar(Calendar::Month) => Some(Decimal::ONE),
            _ => None,
        };
        if let (Some(one), Some(two)) = (months(self), months(other)) {
            return self.value.checked_mul(one)?.checked_div(two);
        }
        Scale::parse(self.code())?.convert(self.value, &Scale::parse(other.code())?)
    }

    /// Which is more; `None` where that is unknown.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        if self.mixed(other) { None } else { Some(self.value_in(other)?.cmp(&other.value)) }
    }

    /// Whether both are as much, as precisely as the less precise of them says, in the unit of one of them.
    pub fn equivalent(&self, other: &Self) -> bool {
        let same = |one: &Self, two: &Self| two.value_in(one).is_some_and(|value| alike(one.value, value));
        same(self, other) || same(other, self)
    }

    /// Both counted together, in the unit of the first.
    pub fn plus(&self, other: &Self) -> Option<Self> {
        if self.mixed(other) {
            return None;
        }
        Some(Self { value: self.value.checked_add(other.value_in(self)?)?, unit: self.unit.clone() })
    }

    /// The product or the quotient, with the unit that results.
    pub fn times(&self, other: &Self, divide: bool) -> Option<Self> {
        let value = if divide { self.value.checked_div(other.value) } else { self.value.checked_mul(other.value) }?;
        let (one, two) = (self.code(), other.code());
        let unit = match (one, two) {
            (_, "1") => self.unit.clone(),
            ("1", _) if !divide => other.unit.clone(),
            _ if divide && one == two => Unit::Code(Text::Tree("1")),
            // A slash divides by every factor that follows it on its own.
            _ if divide => Unit::Code(format!("{one}/{}", two.replace('/', "\u{0}").replace('.', "/").replace('\u{0}', ".")).into()),
            _ => Unit::Code(format!("{one}.{two}").into()),
        };
        Some(Self { value, unit })
    }
}

/// Rounded half away from zero.
pub fn rounded(value: Decimal, digits: u32) -> Decimal {
    value.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero)
}

/// Whether two numbers are the same, as precisely as the less precise of them says (FHIRPath N1 #equivalent).
pub fn alike(one: Decimal, two: Decimal) -> bool {
    let digits = one.normalize().scale().min(two.normalize().scale());
    rounded(one, digits) == rounded(two, digits)
}

/// Reads digits with an optional fraction, nothing else.
pub fn parse_decimal(text: &str) -> Option<Decimal> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    (plain(whole) && fraction.is_none_or(plain)).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Quantity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unit {
            Unit::Code(code) => write!(f, "{} '{}'", self.value, &**code),
            Unit::Calendar(calendar) => {
                let word = calendar.row().0;
                write!(f, "{} {word}{}", self.value, if self.value == Decimal::ONE { "" } else { "s" })
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Quantity<'static> {
        Quantity::parse(text).expect(text)
    }

    #[test]
    fn quantities_compare_across_units() {
        use Ordering::{Equal, Greater, Less};
        for (one, other, expected) in [
            ("4.0000 'g'", "4000.0 'mg'", Some(Equal)),
            ("7 days", "1 week", Some(Equal)),
            ("7 days", "1 'wk'", Some(Equal)),
            ("8 days", "1 week", Some(Greater)),
            ("1 year", "12 months", Some(Equal)),
            ("1 year", "1 'a'", None),
            ("1 month", "30 days", None),
            ("1 'tablet'", "2 'tablet'", Some(Less)),
            ("1 'tablet'", "2 'mg'", None),
            ("1 's'", "2 'm'", None),
        ] {
            assert_eq!(read(one).compare(&read(other)), expected, "{one} {other}");
        }
    }

    #[test]
    fn quantities_are_equivalent_as_precisely_as_they_say() {
        for (one, other, expected) in
            [("4 'g'", "4000 'mg'", true), ("4 'g'", "4040 'mg'", true), ("4 'g'", "4600 'mg'", false), ("1 year", "1 'a'", true)]
        {
            assert_eq!(read(one).equivalent(&read(other)), expected, "{one} {other}");
        }
    }

    #[test]
    fn texts_are_read() {
        for (text, expected) in
            [("1", Some("1 '1'")), ("1.5 'mg'", Some("1.5 'mg'")), ("2 day", Some("2 days")), ("1 week", Some("1 week"))]
        {
            assert_eq!(Quantity::parse(text).map(|quantity| quantity.to_string()).as_deref(), expected);
        }
        for text in ["", "x", "1 'mg", "1 '", "1 mg", "1.", ".5", "1e5", "--1"] {
            assert!(Quantity::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn units_are_multiplied() {
        let product = read("2.0 'cm'").times(&read("2.0 'm'"), false).expect("a product");
        assert_eq!(product.compare(&read("0.040 'm2'")), Some(Ordering::Equal));
        let quotient = read("4.0 'g'").times(&read("2.0 'm/s'"), true).expect("a quotient");
        assert_eq!(quotient.to_string(), "2 'g/m.s'");
        assert_eq!(read("1 'm'").times(&read("2 'm'"), true).expect("a quotient").to_string(), "0.50 '1'");
    }
}
