//! Units by which quantities compare: canonical UCUM where a unit has one, else the unit as it is. The only room that names
//! `octofhir_ucum`.

/// The system of UCUM.
pub const UCUM: &str = "http://unitsofmeasure.org";
/// The system of currencies (FHIR R4 datatypes.html#money).
pub const MONEY: &str = "urn:iso:std:iso:4217";

/// A unit of a system.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    spelling: String,
    factor: f64,
    offset: f64,
}

impl Unit {
    /// The unit `code` of the system.
    pub fn of(system: &str, code: &str) -> Self {
        if let Some(canonical) = (system == UCUM).then(|| octofhir_ucum::get_canonical_units(code).ok()).flatten() {
            return Self { spelling: format!("={}", canonical.unit), factor: canonical.factor.to_f64(), offset: canonical.offset.to_f64() };
        }
        Self { spelling: format!("{system}|{code}"), factor: 1.0, offset: 0.0 }
    }

    /// How index rows spell it: `=canonical`, or `system|code`.
    pub fn spelling(&self) -> &str {
        &self.spelling
    }

    /// A value in it as one in its canonical unit, to twelve digits, so that what was written in different units compares equal.
    pub fn convert(&self, value: f64) -> f64 {
        if self.factor == 1.0 && self.offset == 0.0 {
            return value;
        }
        let converted = value * self.factor + self.offset;
        format!("{converted:.11e}").parse().unwrap_or(converted)
    }
}

/// Characters of a unit of UCUM that is looked at.
const UNIT_CHARS_MAX: usize = 64;

/// Whether the unit is one of UCUM.
pub fn is_ucum(code: &str) -> bool {
    code.len() <= UNIT_CHARS_MAX && octofhir_ucum::validate(code).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_compare_by_their_canonical_form() {
        let same = [
            ("mg/dL", 5.4, "g/L", 0.054),
            ("cm", 180.0, "m", 1.8),
            ("mm[Hg]", 120.0, "kPa", 15.998_64),
            ("Cel", 37.0, "K", 310.15),
            ("%", 5.0, "1", 0.05),
        ];
        for (one, value, other, equal) in same {
            let (a, b) = (Unit::of(UCUM, one), Unit::of(UCUM, other));
            assert_eq!(a.spelling(), b.spelling(), "{one} {other}");
            let (a, b) = (a.convert(value), b.convert(equal));
            assert!((a - b).abs() <= b.abs() * 1e-6, "{value} {one} = {a}, {equal} {other} = {b}");
        }
        assert_eq!(Unit::of(UCUM, "mg/dL").convert(5.4), Unit::of(UCUM, "g/L").convert(0.054));
    }

    #[test]
    fn units_of_ucum_are_known() {
        for code in ["m[IU]/L", "pg/mL", "/mL", "ug/mL", "mg/L", "%", "10*9/L", "1", "mm[Hg]", "[pH]", "{copies}/mL"] {
            assert!(is_ucum(code), "{code}");
        }
        for code in ["UI/mL", "mUI/L", "G/L of cells", "", "mg/", "x".repeat(100_000).as_str()] {
            assert!(!is_ucum(code), "{code:.20}");
        }
    }

    #[test]
    fn what_is_no_ucum_stays_as_it_is() {
        for (system, code) in [(UCUM, "no such unit"), (UCUM, ""), ("urn:x", "mg"), (UCUM, "[pH]")] {
            let unit = Unit::of(system, code);
            assert_eq!((unit.spelling(), unit.convert(7.5)), (format!("{system}|{code}").as_str(), 7.5));
        }
    }
}
