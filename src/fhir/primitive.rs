//! Dates and instants of FHIR as ranges of microseconds (FHIR R4 datatypes.html#dateTime).

use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, SecondsFormat, Utc};

/// An instant, with zone, as microseconds since 1970 UTC.
pub fn parse_instant(text: &str) -> Option<i64> {
    (text.len() >= 20).then(|| date_range(text)).flatten().map(|(start, _)| start)
}

/// The half-open range `[start, end)`, in microseconds, of a date, dateTime or instant of any precision; without zone it is UTC.
pub fn date_range(text: &str) -> Option<(i64, i64)> {
    let digits =
        |range: std::ops::Range<usize>| text.get(range).filter(|part| part.bytes().all(|b| b.is_ascii_digit()))?.parse::<u32>().ok();
    let bytes = text.as_bytes();
    let plain = |at: usize, b: u8| bytes.get(at) == Some(&b);
    if !text.is_ascii() || bytes.iter().take(4).any(|b| !b.is_ascii_digit()) || bytes.len() < 4 {
        return None;
    }
    let year = i32::try_from(digits(0..4)?).ok().filter(|year| *year > 0)?;
    let start_of = |date: NaiveDate| date.and_hms_opt(0, 0, 0).map(|t| t.and_utc().timestamp_micros());
    match bytes.len() {
        4 => Some((start_of(NaiveDate::from_ymd_opt(year, 1, 1)?)?, start_of(NaiveDate::from_ymd_opt(year + 1, 1, 1)?)?)),
        7 if plain(4, b'-') => {
            let first = NaiveDate::from_ymd_opt(year, digits(5..7)?, 1)?;
            Some((start_of(first)?, start_of(first.checked_add_months(chrono::Months::new(1))?)?))
        }
        10 if plain(4, b'-') && plain(7, b'-') => {
            let day = NaiveDate::from_ymd_opt(year, digits(5..7)?, digits(8..10)?)?;
            Some((start_of(day)?, start_of(day.succ_opt()?)?))
        }
        _ => moment(text),
    }
}

/// The number of two digits at a place, after this sign.
fn two(text: &str, at: usize, after: Option<u8>) -> Option<u32> {
    let bytes = text.as_bytes();
    let sign = after.is_none_or(|sign| at.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&sign));
    let digit = |at: usize| bytes.get(at).filter(|b| b.is_ascii_digit()).map(|b| u32::from(b - b'0'));
    if sign { Some(digit(at)? * 10 + digit(at + 1)?) } else { None }
}

/// `YYYY-MM-DDThh:mm[:ss[.f]][zone]`.
fn moment(text: &str) -> Option<(i64, i64)> {
    let (date, rest) = text.split_once('T')?;
    if date.len() != 10 {
        return None;
    }
    let zone_at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = (rest.get(..zone_at)?, rest.get(zone_at..)?);
    let zone = match zone {
        "" | "Z" => 0,
        other => {
            let (hours, minutes) = other.get(1..)?.split_once(':')?;
            let whole = |text: &str, most: u32| two(text, 0, None).filter(|n| text.len() == 2 && *n <= most);
            let (hours, minutes) = (whole(hours, 14)?, whole(minutes, 59)?);
            if hours == 14 && minutes > 0 {
                return None;
            }
            let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
            if other.starts_with('-') { -seconds } else { seconds }
        }
    };
    let (whole, fraction) = time.split_once('.').map_or((time, None), |(whole, fraction)| (whole, Some(fraction)));
    let (micros, unit) = match (whole.len(), fraction) {
        (5, None) => (0, 60_000_000),
        (8, None) => (0, 1_000_000),
        (8, Some(fraction)) if !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit()) => {
            let length = u32::try_from(fraction.len()).ok()?;
            let digits = fraction.get(..fraction.len().min(6))?.parse::<u32>().ok()?;
            (digits * 10_u32.pow(6_u32.saturating_sub(length)), 10_i64.pow(6_u32.saturating_sub(length)))
        }
        _ => return None,
    };
    let second = if whole.len() == 8 { two(whole, 6, Some(b':'))? } else { 0 };
    let time = chrono::NaiveTime::from_hms_micro_opt(two(whole, 0, None)?, two(whole, 3, Some(b':'))?, second, micros)?;
    let bytes = date.as_bytes();
    if bytes.get(4) != Some(&b'-') || bytes.get(..4)?.iter().any(|b| !b.is_ascii_digit()) {
        return None;
    }
    let year = date.get(..4)?.parse::<i32>().ok().filter(|year| *year > 0)?;
    let date = NaiveDate::from_ymd_opt(year, two(date, 5, Some(b'-'))?, two(date, 8, Some(b'-'))?)?;
    let local = NaiveDateTime::new(date, time) - Duration::seconds(i64::from(zone));
    let start = local.and_utc().timestamp_micros();
    Some((start, start + unit))
}

/// An instant to the millisecond, as `meta.lastUpdated` shows it.
pub fn format_instant(micros: i64) -> String {
    DateTime::<Utc>::from_timestamp_micros(micros).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// An instant as HTTP writes it (RFC 9110, IMF-fixdate).
pub fn http_date(micros: i64) -> String {
    DateTime::<Utc>::from_timestamp_micros(micros).unwrap_or_default().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// An instant as HTTP writes it, in microseconds; the two obsolete forms of RFC 9110 are not read.
pub fn parse_http_date(text: &str) -> Option<i64> {
    NaiveDateTime::parse_from_str(text.trim(), "%a, %d %b %Y %H:%M:%S GMT").ok().map(|date| date.and_utc().timestamp_micros())
}

/// Days since 1970 of a full date.
pub fn days(text: &str) -> Option<i32> {
    let (start, _) = (text.len() == 10).then(|| date_range(text)).flatten()?;
    i32::try_from(start.div_euclid(86_400_000_000)).ok()
}

/// An ISO 8601 duration of days, weeks, hours, minutes and seconds (`P42D`, `PT2H`, `P1M` as 30 days, `P1Y` as 365), in microseconds.
pub fn duration(text: &str) -> Option<i64> {
    let rest = text.strip_prefix('P')?;
    let (mut total, mut number, mut timely) = (0_i64, String::new(), false);
    for c in rest.chars() {
        let unit = match (c, timely) {
            ('T', false) if number.is_empty() => {
                timely = true;
                continue;
            }
            ('0'..='9', _) => {
                number.push(c);
                continue;
            }
            ('Y', false) => 365 * 86_400,
            ('M', false) => 30 * 86_400,
            ('W', false) => 7 * 86_400,
            ('D', false) => 86_400,
            ('H', true) => 3_600,
            ('M', true) => 60,
            ('S', true) => 1,
            _ => return None,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(unit)?)?;
        number.clear();
    }
    (number.is_empty() && rest.len() > 1).then(|| total.checked_mul(1_000_000)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_precision_is_a_range() {
        let day = 86_400_000_000;
        for (text, expected) in [
            ("1970", Some((0, 365 * day))),
            ("1970-02", Some((31 * day, 59 * day))),
            ("1970-01-02", Some((day, 2 * day))),
            ("1970-01-01T00:01", Some((60_000_000, 120_000_000))),
            ("1970-01-01T00:00:01Z", Some((1_000_000, 2_000_000))),
            ("1970-01-01T01:00:00+01:00", Some((0, 1_000_000))),
            ("1970-01-01T00:00:00.001Z", Some((1_000, 2_000))),
            ("2024-02-30", None),
            ("2023-02-29", None),
            ("1970-13", None),
            ("70", None),
            ("1970-01-01T25:00:00Z", None),
            ("1970-01-01T00:00:00+99:00", None),
            ("19é0", None),
            ("", None),
            ("1970-01-01Tx", None),
            ("1970-01-01T00:00:00.1234567Z", Some((123_456, 123_457))),
            ("1970-01-01T00:00:60Z", None),
            ("1970-01-01T+1:00:00Z", None),
            ("1970-01-01T00-00:00Z", None),
            ("1970/01/01T00:00:00Z", None),
            ("1970-02-30T00:00:00Z", None),
        ] {
            assert_eq!(date_range(text), expected, "{text}");
        }
    }

    #[test]
    fn instants_and_durations() {
        assert_eq!(format_instant(1_234), "1970-01-01T00:00:00.001Z");
        assert_eq!(parse_instant("1970-01-01T00:00:00.001Z"), Some(1_000));
        assert_eq!(parse_instant("1970-01-01"), None);
        assert_eq!(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(parse_http_date("Thu, 01 Jan 1970 00:00:01 GMT"), Some(1_000_000));
        assert_eq!(days("1970-01-02"), Some(1));
        for (text, seconds) in
            [("P42D", Some(42 * 86_400)), ("PT2H", Some(7_200)), ("P1DT1S", Some(86_401)), ("P", None), ("42", None), ("PT5D", None)]
        {
            assert_eq!(duration(text), seconds.map(|s: i64| s * 1_000_000), "{text}");
        }
    }
}
