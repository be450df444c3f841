//! How long a label hides what bears it (`profiles/authorization/labels.tsv`): until it is taken off, or until so many months after
//! the deposit, whichever is first. Computed from the deposit, whose instant the key of a document tells: nothing need run meanwhile.

use super::nomenclature::visibility;
use super::table::Table;
use super::{Files, Finding};
use crate::clock::{created, first_key};
use crate::filter::{EnvelopeTest, Filter, Label};

/// Microseconds.
const DAY: i64 = 86_400_000_000;
/// Months that a label may last, at most: a century.
const MONTHS_MAX: u32 = 1200;

/// Each label with the months after which it ends of itself.
#[derive(Debug)]
pub struct Lasting(Vec<(Label, Option<u32>)>);

impl Lasting {
    /// Reads `labels.tsv`.
    pub(super) fn load(files: &Files, findings: &mut Vec<Finding>) -> Self {
        let mut all: Vec<(Label, Option<u32>)> = Vec::new();
        let header = ["label", "months", "source"];
        Table::read("labels.tsv", files.bytes("labels.tsv"), header, findings).each(findings, |[label, months, _]| {
            let named = label.known("label", visibility(label.text))?;
            let lasts = match months.text {
                "*" => None,
                text => {
                    let count = text.parse().ok().filter(|count| (1..=MONTHS_MAX).contains(count) && count.to_string() == text);
                    Some(count.ok_or_else(|| months.wrong(format!("`{text}` is not a number of months, 1 to {MONTHS_MAX}, nor `*`")))?)
                }
            };
            if all.iter().any(|(known, _)| *known == named) {
                return Err(label.wrong(format!("duplicate label `{}`", label.text)));
            }
            all.push((named, lasts));
            Ok(())
        });
        Self(all)
    }

    /// Of documents with a key below this the label has ended of itself; `i64::MIN` where it never does.
    pub fn ended_below(&self, label: Label, now: i64) -> i64 {
        let months = self.0.iter().find(|(known, _)| *known == label).and_then(|(_, months)| *months);
        months.map_or(i64::MIN, |months| first_key(months_before(now, months).saturating_add(1)))
    }

    /// Those of these labels (bits) that have ended of themselves, of a document with this key.
    pub fn ended(&self, labels: i16, key: i64, now: i64) -> i16 {
        let over = self.0.iter().filter(|(label, _)| labels & label.bit() != 0 && key < self.ended_below(*label, now));
        over.fold(0, |bits, (label, _)| bits | label.bit())
    }

    /// When the label ends of itself, microseconds since 1970, of what has this key; `None` where it never does.
    pub fn ends(&self, label: Label, key: i64) -> Option<i64> {
        let months = self.0.iter().find(|(known, _)| *known == label).and_then(|(_, months)| *months)?;
        months_after(created(key), months)
    }

    /// Whether the label hides what bears it.
    pub fn hides(&self, label: Label, now: i64) -> Filter {
        let bears = Filter::Envelope(EnvelopeTest::Labelled(label));
        match self.ended_below(label, now) {
            i64::MIN => bears,
            below => bears.and(Filter::Envelope(EnvelopeTest::KeyBelow(below)).negate()),
        }
    }
}

/// The first instant at which so many months have gone by since another: the same day and time or, where the month lacks the day, the
/// beginning of the next one.
fn months_after(then: i64, months: u32) -> Option<i64> {
    use chrono::Datelike;
    let (day, time) = (then.div_euclid(DAY), then.rem_euclid(DAY));
    let epoch = chrono::NaiveDate::default();
    let day = epoch.checked_add_signed(chrono::Duration::try_days(day)?)?;
    let same = day.checked_add_months(chrono::Months::new(months))?;
    let (day, time) = if same.day() == day.day() { (same, time) } else { (same.succ_opt()?, 0) };
    day.signed_duration_since(epoch).num_days().checked_mul(DAY)?.checked_add(time)
}

/// The last instant from which so many months have gone by. Where the month before lacks the day, all of that month has: what is
/// deposited on the 31st is not shown again and hidden again as the days go by.
fn months_before(now: i64, months: u32) -> i64 {
    let (day, time) = (now.div_euclid(DAY), now.rem_euclid(DAY));
    let epoch = chrono::NaiveDate::default();
    let today = chrono::Duration::try_days(day).and_then(|days| epoch.checked_add_signed(days));
    let then = today.and_then(|today| Some((today, today.checked_sub_months(chrono::Months::new(months))?)));
    // What cannot be computed has not gone by.
    let Some((today, then)) = then else { return i64::MIN };
    use chrono::Datelike;
    let time = if then.day() == today.day() { time } else { DAY - 1 };
    then.signed_duration_since(epoch).num_days().saturating_mul(DAY).saturating_add(time)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(date: &str, hour: i64) -> i64 {
        let date = chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").unwrap();
        date.signed_duration_since(chrono::NaiveDate::default()).num_days() * DAY + hour * 3_600_000_000
    }

    #[test]
    fn a_month_ends_on_the_same_day_or_with_the_month_that_lacks_it() {
        // Deposit, then the last hour at which it is hidden.
        let rows = [
            ("2026-11-24", 10, "2026-12-24", 9),
            ("2026-12-31", 10, "2027-01-31", 9),
            ("2027-01-28", 10, "2027-02-28", 9),
            ("2027-01-31", 10, "2027-02-28", 23),
            ("2027-02-28", 10, "2027-03-28", 9),
            ("2028-01-31", 10, "2028-02-29", 23),
        ];
        let lasting = Lasting::load(&Files::embedded(), &mut Vec::new());
        for (deposited, hour, until, last) in rows {
            let key = first_key(at(deposited, hour));
            let ended = |now| lasting.ended(Label::HiddenFromHolder.bit(), key, now) != 0;
            let last = at(until, last);
            assert!(!ended(last) && ended(last + 3_600_000_000), "{deposited}");
        }
    }

    #[test]
    fn a_label_has_ended_from_the_instant_at_which_it_ends() {
        let lasting = Lasting::load(&Files::embedded(), &mut Vec::new());
        for hour in 0..24 * 1_500 {
            let key = first_key(at("2026-12-01", hour) + 1) + 1023;
            let ends = lasting.ends(Label::HiddenFromHolder, key).unwrap();
            let ended = |now| lasting.ended(Label::HiddenFromHolder.bit(), key, now) != 0;
            assert!(!ended(ends - 1) && ended(ends), "{hour}");
        }
        assert_eq!(lasting.ends(Label::Masked, first_key(at("2026-12-01", 0))), None);
    }

    #[test]
    fn what_has_gone_by_does_not_come_back() {
        let mut before = i64::MIN;
        for hour in 0..24 * 1_500 {
            let gone = months_before(at("2026-12-01", hour), 1);
            assert!(gone >= before, "{hour}");
            before = gone;
        }
    }

    #[test]
    fn masks_and_a_minors_secrets_last() {
        let lasting = Lasting::load(&Files::embedded(), &mut Vec::new());
        let all = Label::Masked.bit() | Label::HiddenFromHolder.bit() | Label::HiddenFromRepresentatives.bit();
        assert_eq!(lasting.ended(all, 0, at("2099-01-01", 0)), Label::HiddenFromHolder.bit());
        for label in [Label::Masked, Label::HiddenFromRepresentatives] {
            assert_eq!(lasting.hides(label, at("2099-01-01", 0)), Filter::Envelope(EnvelopeTest::Labelled(label)));
        }
    }
}
