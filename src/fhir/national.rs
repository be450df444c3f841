//! National identifiers: INS of persons, PSIdNat of professionals, StructIdNat of structures. Pure.

use std::fmt;

/// LOINC's canonical address in FHIR.
pub const LOINC: &str = "http://loinc.org";
/// TRE_A05, types of documents that LOINC lacks.
pub const TRE_A05: &str = "https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire";

/// The canonical system of a type of document, where it is spelt as the national nomenclatures or OIDs have it: TRE_A04 is LOINC.
pub fn canonical_type_system(system: &str) -> Option<&'static str> {
    match system {
        "https://mos.esante.gouv.fr/NOS/TRE_A04-Loinc/FHIR/TRE-A04-Loinc" | "urn:oid:2.16.840.1.113883.6.1" => Some(LOINC),
        "urn:oid:1.2.250.1.213.1.1.4.12" => Some(TRE_A05),
        _ => None,
    }
}

/// INS-NIR.
pub const INS_NIR: &str = "urn:oid:1.2.250.1.213.1.4.8";
/// INS-NIA.
pub const INS_NIA: &str = "urn:oid:1.2.250.1.213.1.4.9";
/// INS-NIR for tests.
pub const INS_TEST: &str = "urn:oid:1.2.250.1.213.1.4.10";
/// INS-NIR for demonstrations.
pub const INS_DEMO: &str = "urn:oid:1.2.250.1.213.1.4.11";
/// PSIdNat.
pub const PSIDNAT: &str = "urn:oid:1.2.250.1.71.4.2.1";
/// StructIdNat.
pub const STRUCTIDNAT: &str = "urn:oid:1.2.250.1.71.4.2.2";
/// RPPS alone.
pub const RPPS: &str = "https://rpps.esante.gouv.fr";
/// FINESS alone.
pub const FINESS: &str = "https://finess.esante.gouv.fr";
/// SIREN or SIRET alone.
pub const SIRENE: &str = "https://sirene.fr";

/// An INS: a system of INS and a matricule of 15 characters with a right key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Ins {
    system: String,
    value: String,
}

impl Ins {
    /// The INS of an identifier; `None` for another system, a bad form or a wrong key.
    pub fn new(system: &str, value: &str) -> Option<Self> {
        (is_ins_system(system) && well_formed(value)).then(|| Self { system: system.to_owned(), value: value.to_owned() })
    }

    /// `system|value`, or a bare value of system INS-NIR.
    pub fn parse(text: &str) -> Option<Self> {
        let (system, value) = text.split_once('|').unwrap_or((INS_NIR, text));
        Self::new(system, value)
    }

    /// The system.
    pub fn system(&self) -> &str {
        &self.system
    }

    /// The matricule.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for Ins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}", self.system, self.value)
    }
}

impl fmt::Debug for Ins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Whether the system is one of the INS.
pub fn is_ins_system(system: &str) -> bool {
    matches!(system, INS_NIR | INS_NIA | INS_TEST | INS_DEMO)
}

/// The key of the 13 characters of a NIR: 97 less the remainder by 97, Corsica's 2A read as 19 and 2B as 18.
pub fn nir_key(thirteen: &str) -> Option<u8> {
    if thirteen.len() != 13 || !thirteen.is_ascii() {
        return None;
    }
    let digits = match thirteen.get(5..7)? {
        "2A" => format!("{}19{}", thirteen.get(..5)?, thirteen.get(7..)?),
        "2B" => format!("{}18{}", thirteen.get(..5)?, thirteen.get(7..)?),
        _ => thirteen.to_owned(),
    };
    let number: u64 = all_digits(&digits).then(|| digits.parse().ok())??;
    u8::try_from(97 - number % 97).ok()
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Sex (7 and 8 of those waiting for a NIR), year, month (01 to 12; 20 and more where it is not known), place, order and key.
fn well_formed(value: &str) -> bool {
    let (Some(body), Some(key)) = (value.get(..13), value.get(13..)) else { return false };
    let first = body.starts_with(['1', '2', '3', '4', '7', '8']);
    let month = body.get(3..5).filter(|month| all_digits(month)).and_then(|month| month.parse::<u8>().ok());
    let good = first && month.is_some_and(|month| matches!(month, 1..=12 | 20..));
    good && key.len() == 2 && all_digits(key) && nir_key(body) == key.parse().ok()
}

/// Whether the last digit is the key of those before it (Luhn, ISO/IEC 7812-1 annex B): RPPS, FINESS, SIREN, SIRET.
pub fn luhn(digits: &str) -> bool {
    let sum = digits.bytes().rev().enumerate().map(|(at, b)| {
        let digit = u32::from(b.wrapping_sub(b'0'));
        if at % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 }
    });
    all_digits(digits) && sum.sum::<u32>().is_multiple_of(10)
}

/// Whether an identifier of a professional or structure has a key, and it is wrong: PSIdNat of RPPS, RPPS, StructIdNat of FINESS, SIREN or
/// SIRET, and those alone. Samples are full of such: that is worth a warning, never a refusal.
pub fn has_wrong_key(system: &str, value: &str) -> bool {
    // The establishments of La Poste have the SIREN of one, and a sum of their own.
    const POST: &str = "356000000";
    let company = |number: &str| {
        let sum = number.bytes().map(|b| u32::from(b.wrapping_sub(b'0'))).sum::<u32>();
        !(luhn(number) || number.starts_with(POST) && sum.is_multiple_of(5))
    };
    let (number, is_company) = match (professional(system, value), structure(system, value)) {
        (Some(id), _) if id.starts_with('8') => (id, false),
        (_, Some(id)) if id.starts_with('1') => (id, false),
        (_, Some(id)) if id.starts_with(['2', '3']) => (id, true),
        _ => return false,
    };
    let number = number.get(1..).unwrap_or_default();
    // Those of Corsica have a letter, of which the key says nothing.
    all_digits(number) && if is_company { company(number) } else { !luhn(number) }
}

/// The PSIdNat an identifier means: as it stands, or `8` before an RPPS, which some write with its `8`.
pub fn professional(system: &str, value: &str) -> Option<String> {
    let digits = |n: usize| value.len() == n && all_digits(value);
    match system {
        RPPS if digits(12) && value.starts_with('8') => Some(value.to_owned()),
        RPPS => digits(11).then(|| format!("8{value}")),
        PSIDNAT => is_psidnat(value).then(|| value.to_owned()),
        _ => None,
    }
}

/// Whether the text has the form of a PSIdNat.
pub fn is_psidnat(value: &str) -> bool {
    let fits = value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    match value.as_bytes().first() {
        Some(b'8') => value.len() == 12 && all_digits(value),
        Some(b'0' | b'1' | b'3' | b'4' | b'5' | b'6') => (5..=64).contains(&value.len()) && fits,
        _ => false,
    }
}

/// The StructIdNat an identifier means: as it stands, `1` before a FINESS, `2` before a SIREN, `3` before a SIRET.
pub fn structure(system: &str, value: &str) -> Option<String> {
    let digits = |n: usize| value.len() == n && all_digits(value);
    match system {
        FINESS => is_structidnat(&format!("1{value}")).then(|| format!("1{value}")),
        SIRENE if digits(9) => Some(format!("2{value}")),
        SIRENE if digits(14) => Some(format!("3{value}")),
        STRUCTIDNAT => is_structidnat(value).then(|| value.to_owned()),
        _ => None,
    }
}

/// Whether the text has the form of a StructIdNat.
pub fn is_structidnat(value: &str) -> bool {
    let fits = value.bytes().all(|b| b.is_ascii_alphanumeric());
    match value.as_bytes().first() {
        // FINESS: the department is two characters, 2A and 2B among them.
        Some(b'1') => value.len() == 10 && fits,
        Some(b'2') => value.len() == 10 && all_digits(value),
        Some(b'3') => value.len() == 15 && all_digits(value),
        Some(b'0' | b'4') => (5..=64).contains(&value.len()) && fits,
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_follow_the_published_vectors() {
        let rows = [("284052A321025", 52), ("2550814168025", 38), ("2790351215189", 89), ("1690349588359", 90), ("100012B123456", 87)];
        for (body, key) in rows {
            assert_eq!(nir_key(body), Some(key), "{body}");
        }
        // A letter elsewhere than at the department, a sign, a length.
        for bad in ["2B34567890123", "+840521321025", "+84052A321025", "284052C321025", "284052a321025", "28405213210", "é8405213210"] {
            assert_eq!(nir_key(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_ins_has_a_system_a_form_and_a_key() {
        for (text, good) in [
            ("urn:oid:1.2.250.1.213.1.4.10|279035121518989", true),
            ("urn:oid:1.2.250.1.213.1.4.9|279035121518989", true),
            ("255081416802538", true),
            ("284052A32102552", true),
            ("urn:oid:1.2.250.1.213.1.4.10|279035121518988", false),
            ("urn:oid:1.2.250.1.213.1.4.12|279035121518989", false),
            ("1.2.250.1.213.1.4.10|279035121518989", false),
            ("27903512151898", false),
            ("2790351215189890", false),
            ("é79035121518989", false),
            ("", false),
        ] {
            assert_eq!(Ins::parse(text).is_some(), good, "{text}");
        }
        // Sex and month are part of the form, whatever the key.
        for (body, good) in [
            ("1800175123456", true),
            ("7800175123456", true),
            ("8802075123456", true),
            ("1809975123456", true),
            ("1801275123456", true),
            ("5800175123456", false),
            ("9800175123456", false),
            ("1800075123456", false),
            ("1801375123456", false),
            ("1801975123456", false),
        ] {
            let value = format!("{body}{:02}", nir_key(body).unwrap());
            assert_eq!(Ins::new(INS_NIR, &value).is_some(), good, "{value}");
        }
    }

    #[test]
    fn one_professional_has_one_spelling() {
        let rows = [
            (RPPS, "10000000016", Some("810000000016")),
            (RPPS, "810000000016", Some("810000000016")),
            (PSIDNAT, "810000000016", Some("810000000016")),
            (PSIDNAT, "0751234567", Some("0751234567")),
            (PSIDNAT, "10000000016", Some("10000000016")),
            (PSIDNAT, "3750000018/12", None),
            (PSIDNAT, "2100", None),
            (RPPS, "1000000001", None),
            (RPPS, "910000000016", None),
            (FINESS, "750000018", None),
        ];
        for (system, value, expected) in rows {
            assert_eq!(professional(system, value).as_deref(), expected, "{system} {value}");
        }
    }

    #[test]
    fn one_structure_has_one_spelling() {
        let rows = [
            (FINESS, "750000018", Some("1750000018")),
            (STRUCTIDNAT, "1750000018", Some("1750000018")),
            (SIRENE, "123456789", Some("2123456789")),
            (STRUCTIDNAT, "2123456789", Some("2123456789")),
            (SIRENE, "12345678901234", Some("312345678901234")),
            (STRUCTIDNAT, "312345678901234", Some("312345678901234")),
            (STRUCTIDNAT, "12A0000018", Some("12A0000018")),
            (FINESS, "2A0000018", Some("12A0000018")),
            (SIRENE, "1234567890", None),
            (FINESS, "75000001", None),
            (STRUCTIDNAT, "9", None),
            (RPPS, "10000000016", None),
        ];
        for (system, value, expected) in rows {
            assert_eq!(structure(system, value).as_deref(), expected, "{system} {value}");
        }
    }

    #[test]
    fn keys_of_professionals_and_structures_are_told_not_asked() {
        let rows = [
            (RPPS, "10002909371", false),
            (PSIDNAT, "810002909371", false),
            (RPPS, "10002909372", true),
            (PSIDNAT, "810002909372", true),
            (FINESS, "920000650", false),
            (STRUCTIDNAT, "1920000650", false),
            (STRUCTIDNAT, "1920000651", true),
            (FINESS, "2A0000018", false),
            (SIRENE, "732829320", false),
            (SIRENE, "73282932000074", false),
            (STRUCTIDNAT, "373282932000074", false),
            (STRUCTIDNAT, "373282932000075", true),
            (SIRENE, "35600000000048", false),
            (SIRENE, "35600000049837", false),
            (SIRENE, "35600000049838", true),
            (PSIDNAT, "0751234567", false),
            (INS_NIR, "279035121518988", false),
        ];
        for (system, value, wrong) in rows {
            assert_eq!(has_wrong_key(system, value), wrong, "{system} {value}");
        }
    }

    proptest! {
        #[test]
        fn one_character_wrong_is_seen(body in "[1278][0-9]{2}(0[1-9]|1[0-2])([0-9]{2}|2A|2B)[0-9]{6}", at in 7..13_usize, other in 1..10_u8) {
            let whole = format!("{body}{:02}", nir_key(&body).unwrap());
            prop_assert!(Ins::new(INS_TEST, &whole).is_some());
            let mut bytes = whole.clone().into_bytes();
            bytes[at] = b'0' + (bytes[at] - b'0' + other) % 10;
            prop_assert!(Ins::new(INS_TEST, std::str::from_utf8(&bytes).unwrap()).is_none());
        }

        #[test]
        fn two_digits_in_the_wrong_order_are_seen(body in "[12][0-9]{2}(0[1-9]|1[0-2])[0-9]{8}", at in 5..12_usize) {
            let whole = format!("{body}{:02}", nir_key(&body).unwrap());
            let mut bytes = whole.clone().into_bytes();
            bytes.swap(at, at + 1);
            let same = bytes == whole.as_bytes();
            prop_assert_eq!(Ins::new(INS_TEST, std::str::from_utf8(&bytes).unwrap()).is_some(), same);
        }

        #[test]
        fn a_wrong_digit_has_a_wrong_key(number in "[0-9]{10}", at in 0..11_usize, other in 1..10_u8) {
            let whole = (0..10).map(|key| format!("{number}{key}")).find(|whole| luhn(whole)).unwrap();
            prop_assert!(!has_wrong_key(RPPS, &whole));
            let mut bytes = whole.into_bytes();
            bytes[at] = b'0' + (bytes[at] - b'0' + other) % 10;
            prop_assert!(has_wrong_key(RPPS, std::str::from_utf8(&bytes).unwrap()));
        }

        #[test]
        fn spellings_agree(rpps in "[0-9]{11}", finess in "([0-9]{2}|2A|2B)[0-9]{7}", siren in "[0-9]{9}", siret in "[0-9]{14}") {
            prop_assert_eq!(professional(RPPS, &rpps), professional(PSIDNAT, &format!("8{rpps}")));
            prop_assert_eq!(structure(FINESS, &finess), structure(STRUCTIDNAT, &format!("1{finess}")));
            prop_assert_eq!(structure(SIRENE, &siren), structure(STRUCTIDNAT, &format!("2{siren}")));
            prop_assert_eq!(structure(SIRENE, &siret), structure(STRUCTIDNAT, &format!("3{siret}")));
            prop_assert!(professional(RPPS, &rpps).is_some() && structure(FINESS, &finess).is_some() && structure(SIRENE, &siret).is_some());
        }

        #[test]
        fn nothing_makes_it_panic(system in ".{0,40}", value in ".{0,20}") {
            let _ = (Ins::new(&system, &value), nir_key(&value), professional(&system, &value), structure(&system, &value), luhn(&value));
            for system in [INS_NIR, PSIDNAT, STRUCTIDNAT, RPPS, FINESS, SIRENE] {
                let _ = (Ins::new(system, &value), has_wrong_key(system, &value));
            }
        }
    }
}
