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
    let number: u64 = match thirteen.get(5..7)? {
        "2A" => format!("{}19{}", thirteen.get(..5)?, thirteen.get(7..)?).parse().ok()?,
        "2B" => format!("{}18{}", thirteen.get(..5)?, thirteen.get(7..)?).parse().ok()?,
        _ => thirteen.bytes().all(|b| b.is_ascii_digit()).then(|| thirteen.parse().ok())??,
    };
    u8::try_from(97 - number % 97).ok()
}

fn well_formed(value: &str) -> bool {
    let (Some(body), Some(key)) = (value.get(..13), value.get(13..)) else { return false };
    let first = body.starts_with(['1', '2', '3', '4', '7', '8']);
    key.len() == 2 && key.bytes().all(|b| b.is_ascii_digit()) && first && nir_key(body) == key.parse().ok()
}

/// The PSIdNat an identifier means: as it stands, or `8` before an RPPS.
pub fn professional(system: &str, value: &str) -> Option<String> {
    let digits = |n: usize| value.len() == n && value.bytes().all(|b| b.is_ascii_digit());
    match system {
        RPPS => digits(11).then(|| format!("8{value}")),
        PSIDNAT => is_psidnat(value).then(|| value.to_owned()),
        _ => None,
    }
}

/// Whether the text has the form of a PSIdNat.
pub fn is_psidnat(value: &str) -> bool {
    let fits = value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    match value.as_bytes().first() {
        Some(b'8') => value.len() == 12 && value.bytes().all(|b| b.is_ascii_digit()),
        Some(b'0' | b'1' | b'3' | b'4' | b'5' | b'6') => (5..=64).contains(&value.len()) && fits,
        _ => false,
    }
}

/// The StructIdNat an identifier means: as it stands, `1` before a FINESS, `2` before a SIREN, `3` before a SIRET.
pub fn structure(system: &str, value: &str) -> Option<String> {
    let digits = |n: usize| value.len() == n && value.bytes().all(|b| b.is_ascii_digit());
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
        Some(b'2') => value.len() == 10 && value.bytes().all(|b| b.is_ascii_digit()),
        Some(b'3') => value.len() == 15 && value.bytes().all(|b| b.is_ascii_digit()),
        Some(b'0' | b'4') => (5..=64).contains(&value.len()) && fits,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_follow_the_published_vectors() {
        for (body, key) in [("284052A321025", 52), ("2B34567890123", 78), ("2550814168025", 38), ("2790351215189", 89)] {
            // The second vector has its Corsican letters where the sex and year stand: only digits and 2A/2B at the department count.
            if body.starts_with("2B") {
                assert_eq!(nir_key(body), None);
            } else {
                assert_eq!(nir_key(body), Some(key), "{body}");
            }
        }
    }

    #[test]
    fn an_ins_has_a_system_a_form_and_a_key() {
        for (text, good) in [
            ("urn:oid:1.2.250.1.213.1.4.10|279035121518989", true),
            ("255081416802538", true),
            ("284052A32102552", true),
            ("urn:oid:1.2.250.1.213.1.4.10|279035121518988", false),
            ("urn:oid:1.2.250.1.213.1.4.12|279035121518989", false),
            ("27903512151898", false),
            ("é79035121518989", false),
            ("", false),
        ] {
            assert_eq!(Ins::parse(text).is_some(), good, "{text}");
        }
    }

    #[test]
    fn one_professional_has_one_spelling() {
        assert_eq!(professional(RPPS, "10000000016").as_deref(), Some("810000000016"));
        assert_eq!(professional(PSIDNAT, "810000000016").as_deref(), Some("810000000016"));
        assert_eq!(professional(PSIDNAT, "2100"), None);
        assert_eq!(structure(FINESS, "750000018").as_deref(), Some("1750000018"));
        assert_eq!(structure(SIRENE, "12345678901234").as_deref(), Some("312345678901234"));
        assert_eq!(structure(STRUCTIDNAT, "12A0000018").as_deref(), Some("12A0000018"));
        assert_eq!(structure(STRUCTIDNAT, "9"), None);
    }
}
