//! Who is of age, and when (article 388 of the code civil).

/// Years after which a minor's representatives have no right (article 388 of the code civil).
pub const MAJORITY_YEARS: i32 = 18;

/// The instant at which somebody born on this day comes of age, microseconds since 1970.
pub fn majority(born: i32) -> i64 {
    let date = chrono::NaiveDate::default() + chrono::Duration::days(i64::from(born));
    let adult = date.checked_add_months(chrono::Months::new(12 * MAJORITY_YEARS.unsigned_abs())).unwrap_or(date);
    adult.signed_duration_since(chrono::NaiveDate::default()).num_days() * 86_400_000_000
}

/// The last day, since 1970, on which one must be born to be of age at this instant, microseconds since 1970.
pub fn adult_born(now: i64) -> i32 {
    let today = i32::try_from(now.div_euclid(86_400_000_000)).unwrap_or(i32::MAX / 2);
    let date = chrono::NaiveDate::default().checked_add_signed(chrono::Duration::days(i64::from(today))).unwrap_or_default();
    let born = date.checked_sub_months(chrono::Months::new(12 * MAJORITY_YEARS.unsigned_abs())).unwrap_or_default();
    let born = i32::try_from(born.signed_duration_since(chrono::NaiveDate::default()).num_days()).unwrap_or(i32::MIN);
    // Who was born on 29 February comes of age on the last of February.
    if majority(born.saturating_add(1)) <= now { born.saturating_add(1) } else { born }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_of_age_was_born_early_enough() {
        let day = 86_400_000_000;
        // Four years of days, with a 29 February on either side, and an instant within each.
        for today in 13_000..14_600_i64 {
            for now in [today * day, today * day + 12 * 3_600_000_000, (today + 1) * day - 1] {
                let last = adult_born(now);
                assert!(majority(last) <= now && majority(last + 1) > now, "{today}");
            }
        }
    }
}
