//! The language a client reads: `Accept-Language` (RFC 9110, 12.5.4).

/// Ranges of a header at most; those after them are not looked at.
const RANGES_MAX: usize = 32;

/// A language that errors are told in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Language {
    /// English, the default.
    #[default]
    English,
    /// French.
    French,
}

impl Language {
    /// Its code (BCP 47).
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }

    /// The one that these values of `Accept-Language` want more; of two wanted alike the one named first, English where neither is. What
    /// is no range is passed over: a header of preference is never an error.
    pub fn of<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let ranges = values.flat_map(|value| value.split(',')).filter_map(range).take(RANGES_MAX);
        let (mut english, mut french, mut any) = (None, None, None);
        for (place, (tag, quality)) in ranges.enumerate() {
            let wish = match tag.split('-').next().unwrap_or_default() {
                primary if primary.eq_ignore_ascii_case("en") => &mut english,
                primary if primary.eq_ignore_ascii_case("fr") => &mut french,
                "*" => &mut any,
                _ => continue,
            };
            // One that is named several times, as `fr-FR, fr;q=0.8`, counts as where it is wanted most.
            *wish = (*wish).max(Some((quality, std::cmp::Reverse(place))));
        }
        match (french.or(any), english.or(any)) {
            (Some((0, _)), _) => Self::English,
            (Some(french), english) if Some(french) > english => Self::French,
            _ => Self::English,
        }
    }
}

/// A language range with its quality in thousandths.
fn range(text: &str) -> Option<(&str, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let tag = parts.next().filter(|tag| !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'*')))?;
    let quality = match (parts.next(), parts.next()) {
        (None, _) => 1000,
        (Some(weight), None) => {
            let (name, value) = weight.split_once('=')?;
            quality(value.trim()).filter(|_| name.trim().eq_ignore_ascii_case("q"))?
        }
        _ => return None,
    };
    Some((tag, quality))
}

/// A `qvalue`: from 0 to 1 with three digits at most.
fn quality(text: &str) -> Option<u16> {
    let (whole, digits) = text.split_once('.').unwrap_or((text, ""));
    if digits.len() > 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    match whole {
        "0" => format!("{digits:0<3}").parse().ok(),
        "1" if digits.bytes().all(|b| b == b'0') => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_language_wanted_most_is_spoken() {
        let rows: &[(&str, Language)] = &[
            ("", Language::English),
            ("fr", Language::French),
            ("FR-fr", Language::French),
            ("fr-CA, de", Language::French),
            ("frr", Language::English),
            ("fr;q=0", Language::English),
            ("fr;q=0.000", Language::English),
            ("fr;q=0.001", Language::French),
            ("fr-FR, fr;q=0.9, en;q=0.8", Language::French),
            ("en, fr", Language::English),
            ("fr, en", Language::French),
            ("en;q=0.5, fr ; Q = 0.6", Language::French),
            ("en-GB;q=0.7,fr;q=0.6", Language::English),
            ("*", Language::English),
            ("*, en;q=0", Language::French),
            ("*, en;q=0.5", Language::French),
            ("*, fr;q=0.5", Language::English),
            ("fr, *;q=0.1", Language::French),
            ("fr;q=0, *", Language::English),
            ("de, es;q=0.7", Language::English),
            // What is no range is as if it were not there.
            ("fr;q=2", Language::English),
            ("fr;q=0.1234", Language::English),
            ("fr;q=-1", Language::English),
            ("fr;q=NaN", Language::English),
            ("fr;q=", Language::English),
            ("fr;level=1", Language::English),
            ("fr;q=1;q=0", Language::English),
            ("fr;;", Language::English),
            ("fr_FR", Language::English),
            (";q=1,,fr", Language::French),
            ("é, fr", Language::French),
        ];
        for (header, expected) in rows {
            assert_eq!(Language::of(std::iter::once(*header)), *expected, "{header}");
        }
        assert_eq!(Language::of(["de", "fr"].into_iter()), Language::French);
        let late = format!("{}fr", "de,".repeat(RANGES_MAX));
        assert_eq!(Language::of(std::iter::once(late.as_str())), Language::English);
    }

    proptest! {
        #[test]
        fn any_header_has_a_language(header in "[ -~]{0,80}") {
            Language::of(std::iter::once(header.as_str()));
        }

        #[test]
        fn the_greater_quality_wins(fr in 0u16..=999, en in 0u16..=999, first in any::<bool>()) {
            let (fr_range, en_range) = (format!("fr;q=0.{fr:03}"), format!("en;q=0.{en:03}"));
            let header = if first { format!("{fr_range}, {en_range}") } else { format!("{en_range},{fr_range}") };
            let french = fr > en || fr == en && first && fr > 0;
            prop_assert_eq!(Language::of(std::iter::once(header.as_str())) == Language::French, french);
        }
    }
}
