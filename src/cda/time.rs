//! Points in time of HL7 V3 (`TS`): `YYYY[MM[DD[HH[MM[SS[.f]]]]]][±ZZ[ZZ]]`, as FHIR writes them.

use crate::fhir::primitive::date_range;

/// Digits up to the seconds.
const SECONDS: usize = 14;
/// Digits of a date.
const DATE: usize = 8;

/// As a `dateTime`: as precise as it is, but without its hour where it has no zone, for FHIR has no such time.
pub fn date_time(text: &str) -> Option<String> {
    let (digits, fraction, zone) = parts(text.trim())?;
    let part = |from: usize, to: usize| digits.get(from..to);
    let mut out = part(0, 4)?.to_owned();
    for (from, to) in [(4, 6), (6, DATE)] {
        if let Some(part) = part(from, to) {
            out = format!("{out}-{part}");
        }
    }
    if let (Some(hour), Some(zone)) = (part(DATE, 10), zone) {
        let (minute, second) = (part(10, 12).unwrap_or("00"), part(12, SECONDS).unwrap_or("00"));
        let fraction = fraction.map_or_else(String::new, |fraction| format!(".{fraction}"));
        out = format!("{out}T{hour}:{minute}:{second}{fraction}{zone}");
    }
    date_range(&out).map(|_| out)
}

/// As an `instant`: what has a time and a zone.
pub fn instant(text: &str) -> Option<String> {
    date_time(text).filter(|found| found.contains('T'))
}

/// The digits, the fraction of a second and the zone as FHIR writes it.
fn parts(text: &str) -> Option<(&str, Option<&str>, Option<String>)> {
    let zone_at = text.find(['+', '-']).unwrap_or(text.len());
    let (time, zone) = text.split_at_checked(zone_at)?;
    let (digits, fraction) = time.split_once('.').map_or((time, None), |(digits, fraction)| (digits, Some(fraction)));
    let all = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let good = all(digits) && matches!(digits.len(), 4 | 6 | 8 | 10 | 12 | SECONDS);
    if !good || fraction.is_some_and(|fraction| !all(fraction) || digits.len() < SECONDS) {
        return None;
    }
    let zone = match zone.split_at_checked(1) {
        None => None,
        Some((sign, offset)) if all(offset) && matches!(offset.len(), 2 | 4) => {
            Some(format!("{sign}{}:{}", offset.get(..2)?, offset.get(2..4).unwrap_or("00")))
        }
        Some(_) => return None,
    };
    Some((digits, fraction, zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_and_zone_are_kept() {
        let rows = [
            ("20210104160527+0100", Some("2021-01-04T16:05:27+01:00")),
            ("20210104160527.25-0330", Some("2021-01-04T16:05:27.25-03:30")),
            ("202101041605+01", Some("2021-01-04T16:05:00+01:00")),
            ("2021010416+0100", Some("2021-01-04T16:00:00+01:00")),
            ("20210104160527", Some("2021-01-04")),
            ("20210104", Some("2021-01-04")),
            ("202101", Some("2021-01")),
            ("2021", Some("2021")),
            ("20210231", None),
            ("20210104250000+0100", None),
            ("2021010", None),
            ("2021-01-04", None),
            ("20210104160527+1", None),
            ("20210104.5", None),
            ("", None),
            ("+0100", None),
            ("é0210104", None),
        ];
        for (text, expected) in rows {
            assert_eq!(date_time(text).as_deref(), expected, "{text}");
        }
        assert_eq!(instant("20210104"), None);
        assert_eq!(instant(" 20210104160527+0000 ").as_deref(), Some("2021-01-04T16:05:27+00:00"));
    }
}
