//! Dates and times of any precision (FHIRPath N1 #date, #datetime, #time).
//!
//! A value is the span of time that its precision leaves open: whether one is before another is unknown where the spans overlap.

use std::cmp::Ordering;
use std::fmt;

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveDateTime, Timelike};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// The zones of the world, in minutes: what has no zone may stand in any of them.
pub const ZONE_EAST_MAX: i64 = 14 * 60;
/// See [`ZONE_EAST_MAX`].
pub const ZONE_WEST_MAX: i64 = 12 * 60;

/// Which of the three types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A date.
    Date,
    /// A date that may have a time.
    DateTime,
    /// A time of day.
    Time,
}

/// The smallest part that is there; seconds and their fraction are one (FHIRPath N1 #equals).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// `2015`.
    Year,
    /// `2015-02`.
    Month,
    /// `2015-02-04`.
    Day,
    /// `T14`.
    Hour,
    /// `T14:34`.
    Minute,
    /// `T14:34:28.123`.
    Second,
}

/// A Date, DateTime or Time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Temporal {
    /// Which of the three.
    pub class: Class,
    /// How precise it is.
    pub precision: Precision,
    /// The digits of the fraction of a second, at most 6.
    pub digits: u8,
    /// The zone in minutes east of UTC.
    pub zone: Option<i16>,
    /// Where the span starts on the local clock: microseconds since 1970, or since midnight.
    pub start: i64,
}

impl Temporal {
    /// Reads a date: `2015`, `2015-02`, `2015-02-04`.
    pub fn date(text: &str) -> Option<Self> {
        let (day, precision) = date_part(text)?;
        Some(Self { class: Class::Date, precision, digits: 0, zone: None, start: day })
    }

    /// Reads a date with time: `2015T` is a literal's way to say that a year is one; `2015-02-04T14:34:28.123+10:00`.
    pub fn date_time(text: &str) -> Option<Self> {
        let (date, rest) = text.split_once('T').unwrap_or((text, ""));
        let (day, precision) = date_part(date)?;
        let read = Self { class: Class::DateTime, precision, digits: 0, zone: None, start: day };
        if rest.is_empty() {
            return Some(read);
        }
        let zone_at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
        let zone = zone_part(rest.get(zone_at..)?)?;
        let (time, precision, digits) = time_part(rest.get(..zone_at)?)?;
        (read.precision == Precision::Day).then_some(Self { precision, digits, zone, start: day + time, ..read })
    }

    /// Reads a time of day: `14`, `14:34`, `14:34:28.123`.
    pub fn time(text: &str) -> Option<Self> {
        let (start, precision, digits) = time_part(text)?;
        Some(Self { class: Class::Time, precision, digits, zone: None, start })
    }

    /// An instant to the millisecond, in UTC.
    pub fn instant(micros: i64) -> Self {
        let start = micros.div_euclid(1_000) * 1_000;
        Self { class: Class::DateTime, precision: Precision::Second, digits: 3, zone: Some(0), start }
    }

    /// The date of a date with time.
    pub fn day(self) -> Self {
        let start = self.start.div_euclid(DAY) * DAY;
        Self { class: Class::Date, precision: self.precision.min(Precision::Day), digits: 0, zone: None, start }
    }

    /// The time of day.
    pub fn clock(self) -> Self {
        Self { class: Class::Time, zone: None, start: self.start.rem_euclid(DAY), ..self }
    }

    /// Whether it is a time of day, which is never compared with a date.
    pub fn is_clock(self) -> bool {
        self.class == Class::Time
    }

    /// A date as the date with time it also is.
    pub fn with_class(self, class: Class) -> Self {
        Self { class, ..self }
    }

    /// Where the span ends on the local clock.
    pub fn end(&self) -> i64 {
        let months = |count| self.local().and_then(|date| date.checked_add_months(Months::new(count)));
        let length = match self.precision {
            Precision::Year => return months(12).map_or(self.start, micros),
            Precision::Month => return months(1).map_or(self.start, micros),
            Precision::Day => DAY,
            Precision::Hour => 3_600 * SECOND,
            Precision::Minute => 60 * SECOND,
            Precision::Second => 10_i64.pow(6_u32.saturating_sub(u32::from(self.digits))),
        };
        self.start.saturating_add(length)
    }

    /// The start on the local clock.
    pub fn local(&self) -> Option<NaiveDateTime> {
        DateTime::from_timestamp_micros(self.start).map(|date| date.naive_utc())
    }

    fn shift(&self) -> i64 {
        i64::from(self.zone.unwrap_or(0)) * 60 * SECOND
    }

    /// Which comes first; `None` where their precisions or a missing zone leave it open, or where one is a time of day and the other not.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        if self.is_clock() != other.is_clock() {
            return None;
        }
        let alike = self.zone.is_some() == other.zone.is_some();
        if alike && self.precision == other.precision {
            return Some((self.start - self.shift()).cmp(&(other.start - other.shift())));
        }
        let span = |one: &Self| {
            let (east, west) = if alike || one.zone.is_some() { (0, 0) } else { (ZONE_EAST_MAX, ZONE_WEST_MAX) };
            (one.start - one.shift() - east * 60 * SECOND, one.end() - one.shift() + west * 60 * SECOND)
        };
        let ((start, end), (other_start, other_end)) = (span(self), span(other));
        if end <= other_start {
            Some(Ordering::Less)
        } else if other_end <= start {
            Some(Ordering::Greater)
        } else {
            None
        }
    }

    /// Later by whole months; the last day of a shorter month stands for the days it lacks. `None` outside the years 1 to 9999.
    pub fn add_months(&self, months: i64) -> Option<Self> {
        let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
        let local = self.local()?;
        let moved = if months < 0 { local.checked_sub_months(count) } else { local.checked_add_months(count) }?;
        self.at(micros(moved))
    }

    /// Later by a length of time; a time of day goes around the clock.
    pub fn add_micros(&self, length: i64) -> Option<Self> {
        let start = self.start.checked_add(length)?;
        self.at(if self.class == Class::Time { start.rem_euclid(DAY) } else { start })
    }

    fn at(&self, start: i64) -> Option<Self> {
        let moved = Self { start, ..*self };
        (self.is_clock() || (1..=9999).contains(&moved.local()?.year())).then_some(moved.floored())
    }

    /// The same without what is finer than its precision.
    pub fn floored(self) -> Self {
        let first = |date: NaiveDate| date.and_hms_opt(0, 0, 0).map_or(self.start, micros);
        let date = || self.local().map(|local| local.date());
        let unit = match self.precision {
            Precision::Year => return Self { start: date().and_then(|date| date.with_ordinal(1)).map_or(self.start, first), ..self },
            Precision::Month => return Self { start: date().and_then(|date| date.with_day(1)).map_or(self.start, first), ..self },
            Precision::Day => DAY,
            Precision::Hour => 3_600 * SECOND,
            Precision::Minute => 60 * SECOND,
            Precision::Second => 10_i64.pow(6_u32.saturating_sub(u32::from(self.digits))),
        };
        Self { start: self.start.div_euclid(unit) * unit, ..self }
    }
}

/// Microseconds since 1970.
pub fn micros(date: NaiveDateTime) -> i64 {
    date.and_utc().timestamp_micros()
}

/// A number of exactly this many digits.
fn number(text: &str, digits: usize) -> Option<u32> {
    (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn date_part(text: &str) -> Option<(i64, Precision)> {
    let mut parts = text.split('-');
    let year = i32::try_from(number(parts.next()?, 4)?).ok().filter(|year| *year > 0)?;
    let (month, day) = (parts.next(), parts.next());
    let precision = match (month, day, parts.next()) {
        (None, ..) => Precision::Year,
        (Some(_), None, _) => Precision::Month,
        (Some(_), Some(_), None) => Precision::Day,
        _ => return None,
    };
    let (month, day) = (month.map_or(Some(1), |text| number(text, 2))?, day.map_or(Some(1), |text| number(text, 2))?);
    Some((micros(NaiveDate::from_ymd_opt(year, month, day)?.and_hms_opt(0, 0, 0)?), precision))
}

fn time_part(text: &str) -> Option<(i64, Precision, u8)> {
    let mut parts = text.split(':');
    let hour = number(parts.next()?, 2).filter(|hour| *hour < 24)?;
    let Some(minute) = parts.next() else { return Some((i64::from(hour) * 3_600 * SECOND, Precision::Hour, 0)) };
    let minute = number(minute, 2).filter(|minute| *minute < 60)?;
    let start = i64::from(hour * 60 + minute) * 60 * SECOND;
    let (Some(second), None) = (parts.next(), parts.next()) else {
        return (text.len() == 5).then_some((start, Precision::Minute, 0));
    };
    let (second, fraction) = second.split_once('.').map_or((second, None), |(second, fraction)| (second, Some(fraction)));
    // A leap second is read (FHIR R4 datatypes.html#time allows 60).
    let start = start + i64::from(number(second, 2).filter(|second| *second <= 60)?) * SECOND;
    let Some(fraction) = fraction else { return Some((start, Precision::Second, 0)) };
    if fraction.is_empty() || fraction.len() > 18 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let kept = fraction.get(..fraction.len().min(6))?;
    let digits = u32::try_from(kept.len()).ok()?;
    Some((start + kept.parse::<i64>().ok()? * 10_i64.pow(6 - digits), Precision::Second, u8::try_from(digits).ok()?))
}

fn zone_part(text: &str) -> Option<Option<i16>> {
    match text {
        "" => Some(None),
        "Z" => Some(Some(0)),
        _ => {
            let (hours, minutes) = text.get(1..)?.split_once(':')?;
            let hours = number(hours, 2).filter(|hours| *hours <= 14)?;
            let minutes = number(minutes, 2).filter(|minutes| *minutes < 60)?;
            let zone = i16::try_from(hours * 60 + minutes).ok()?;
            Some(Some(if text.starts_with('-') { -zone } else { zone }))
        }
    }
}

impl fmt::Display for Temporal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = self.local().unwrap_or_default();
        if self.class != Class::Time {
            write!(f, "{:04}", local.year())?;
            if self.precision >= Precision::Month {
                write!(f, "-{:02}", local.month())?;
            }
            if self.precision >= Precision::Day {
                write!(f, "-{:02}", local.day())?;
            }
            if self.precision >= Precision::Hour {
                f.write_str("T")?;
            }
        }
        if self.precision >= Precision::Hour {
            write!(f, "{:02}", local.hour())?;
        }
        if self.precision >= Precision::Minute {
            write!(f, ":{:02}", local.minute())?;
        }
        if self.precision >= Precision::Second {
            write!(f, ":{:02}", local.second())?;
            if self.digits > 0 {
                let fraction = self.start.rem_euclid(SECOND) / 10_i64.pow(6_u32.saturating_sub(u32::from(self.digits)));
                write!(f, ".{fraction:0width$}", width = usize::from(self.digits))?;
            }
        }
        match self.zone {
            None => Ok(()),
            Some(0) => f.write_str("Z"),
            Some(zone) => {
                let minutes = zone.unsigned_abs();
                write!(f, "{}{:02}:{:02}", if zone < 0 { '-' } else { '+' }, minutes / 60, minutes % 60)
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_written() {
        for text in ["2015", "2015-02", "2015-02-04", "0001-01-01", "9999-12-31"] {
            assert_eq!(Temporal::date(text).expect(text).to_string(), text);
        }
        for text in ["2015", "2015-02-04", "2015-02-04T14", "2015-02-04T14:34", "2015-02-04T14:34:28Z", "2015-02-04T14:34:28.120-05:30"] {
            assert_eq!(Temporal::date_time(text).expect(text).to_string(), text);
        }
        for text in ["14", "14:34", "14:34:28", "14:34:28.001"] {
            assert_eq!(Temporal::time(text).expect(text).to_string(), text);
        }
        for text in [
            "",
            "15",
            "2015-2",
            "2015-02-30",
            "2015-02-04T25",
            "2015-02-04T1:00",
            "2015-02T10",
            "2015-02-04T10:00+5",
            "2015-02-04T10:00:00.",
        ] {
            assert_eq!(Temporal::date_time(text), None, "{text}");
        }
        assert_eq!(Temporal::time("14:34:"), None);
        assert_eq!(Temporal::time("14:"), None);
    }

    #[test]
    fn spans_that_overlap_are_not_ordered() {
        use Ordering::{Equal, Greater, Less};
        for (one, other, expected) in [
            ("2012-04-15", "2012-04-16", Some(Less)),
            ("2012-04-15", "2012-04-15T10:00:00", None),
            ("2012-04", "2012-05-01", Some(Less)),
            ("2012-04-15T15:30:31", "2012-04-15T15:30:31.0", Some(Equal)),
            ("2012-04-15T15:00:00Z", "2012-04-15T10:00:00", None),
            ("2012-04-17T15:00:00Z", "2012-04-15T10:00:00", Some(Greater)),
            ("2012-04-15T15:00:00+02:00", "2012-04-15T16:00:00+03:00", Some(Equal)),
        ] {
            let read = |text| Temporal::date_time(text).expect("a date");
            assert_eq!(read(one).compare(&read(other)), expected, "{one} {other}");
        }
        assert_eq!(Temporal::date("2012").and_then(|date| date.compare(&Temporal::time("10:00")?)), None);
    }

    #[test]
    fn lengths_are_added() {
        let date = |text| Temporal::date(text).expect(text);
        assert_eq!(date("2024-01-31").add_months(1), Some(date("2024-02-29")));
        assert_eq!(date("2024-03-31").add_months(-1), Some(date("2024-02-29")));
        assert_eq!(date("9999").add_months(12), None);
        assert_eq!(date("2024-01-31").add_micros(DAY + 5), Some(date("2024-02-01")));
        assert_eq!(Temporal::time("23:30").and_then(|time| time.add_micros(3_600 * SECOND)), Temporal::time("00:30"));
        assert_eq!(date("2024").add_months(i64::MAX), None);
    }
}
