//! Units of measure: as much of UCUM as lets quantities of different units be compared (FHIRPath N1 #quantity-equality, ucum.org).
//!
//! A unit that is not listed here, or that has an offset as degrees have, is comparable only with itself.

use rust_decimal::Decimal;

/// Powers of metre, second, gram, kelvin, coulomb, candela, radian, mole.
pub type Dimensions = [i8; 8];

/// A unit as a multiple of the base units: a fraction, since a minute's part is no decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    factor: Decimal,
    divisor: Decimal,
    /// What it measures.
    pub dimensions: Dimensions,
}

const UNIT_BYTES_MAX: usize = 100;
const EXPONENT_MAX: u8 = 28;

/// Code, whether it takes prefixes, factor as mantissa and power of ten, dimensions.
const ATOMS: [(&str, bool, i64, i32, Dimensions); 44] = [
    ("m", true, 1, 0, [1, 0, 0, 0, 0, 0, 0, 0]),
    ("s", true, 1, 0, [0, 1, 0, 0, 0, 0, 0, 0]),
    ("g", true, 1, 0, [0, 0, 1, 0, 0, 0, 0, 0]),
    ("K", true, 1, 0, [0, 0, 0, 1, 0, 0, 0, 0]),
    ("C", true, 1, 0, [0, 0, 0, 0, 1, 0, 0, 0]),
    ("cd", true, 1, 0, [0, 0, 0, 0, 0, 1, 0, 0]),
    ("rad", true, 1, 0, [0, 0, 0, 0, 0, 0, 1, 0]),
    ("mol", true, 1, 0, [0, 0, 0, 0, 0, 0, 0, 1]),
    ("eq", true, 1, 0, [0, 0, 0, 0, 0, 0, 0, 1]),
    ("osm", true, 1, 0, [0, 0, 0, 0, 0, 0, 0, 1]),
    ("10*", false, 10, 0, [0; 8]),
    ("10^", false, 10, 0, [0; 8]),
    ("%", false, 1, -2, [0; 8]),
    ("[ppth]", false, 1, -3, [0; 8]),
    ("[ppm]", false, 1, -6, [0; 8]),
    ("L", true, 1, -3, [3, 0, 0, 0, 0, 0, 0, 0]),
    ("l", true, 1, -3, [3, 0, 0, 0, 0, 0, 0, 0]),
    ("ar", true, 100, 0, [2, 0, 0, 0, 0, 0, 0, 0]),
    ("t", true, 1, 6, [0, 0, 1, 0, 0, 0, 0, 0]),
    ("min", false, 60, 0, [0, 1, 0, 0, 0, 0, 0, 0]),
    ("h", false, 3_600, 0, [0, 1, 0, 0, 0, 0, 0, 0]),
    ("d", false, 86_400, 0, [0, 1, 0, 0, 0, 0, 0, 0]),
    ("wk", false, 604_800, 0, [0, 1, 0, 0, 0, 0, 0, 0]),
    ("mo", false, 2_629_800, 0, [0, 1, 0, 0, 0, 0, 0, 0]),
    ("a", false, 31_557_600, 0, [0, 1, 0, 0, 0, 0, 0, 0]),
    ("Hz", true, 1, 0, [0, -1, 0, 0, 0, 0, 0, 0]),
    ("Bq", true, 1, 0, [0, -1, 0, 0, 0, 0, 0, 0]),
    ("kat", true, 1, 0, [0, -1, 0, 0, 0, 0, 0, 1]),
    ("N", true, 1, 3, [1, -2, 1, 0, 0, 0, 0, 0]),
    ("Pa", true, 1, 3, [-1, -2, 1, 0, 0, 0, 0, 0]),
    ("bar", true, 1, 8, [-1, -2, 1, 0, 0, 0, 0, 0]),
    ("m[Hg]", true, 133_322, 3, [-1, -2, 1, 0, 0, 0, 0, 0]),
    ("m[H2O]", true, 980_665, 1, [-1, -2, 1, 0, 0, 0, 0, 0]),
    ("J", true, 1, 3, [2, -2, 1, 0, 0, 0, 0, 0]),
    ("cal", true, 4_184, 0, [2, -2, 1, 0, 0, 0, 0, 0]),
    ("W", true, 1, 3, [2, -3, 1, 0, 0, 0, 0, 0]),
    ("A", true, 1, 0, [0, -1, 0, 0, 1, 0, 0, 0]),
    ("V", true, 1, 3, [2, -2, 1, 0, -1, 0, 0, 0]),
    ("Gy", true, 1, 0, [2, -2, 0, 0, 0, 0, 0, 0]),
    ("[in_i]", false, 254, -4, [1, 0, 0, 0, 0, 0, 0, 0]),
    ("[ft_i]", false, 3_048, -4, [1, 0, 0, 0, 0, 0, 0, 0]),
    ("[lb_av]", false, 45_359_237, -5, [0, 0, 1, 0, 0, 0, 0, 0]),
    ("[oz_av]", false, 28_349_523_125, -9, [0, 0, 1, 0, 0, 0, 0, 0]),
    ("[st_av]", false, 635_029_318, -5, [0, 0, 1, 0, 0, 0, 0, 0]),
];

const PREFIXES: [(&str, i32); 16] = [
    ("da", 1),
    ("P", 15),
    ("T", 12),
    ("G", 9),
    ("M", 6),
    ("k", 3),
    ("h", 2),
    ("d", -1),
    ("c", -2),
    ("m", -3),
    ("u", -6),
    ("n", -9),
    ("p", -12),
    ("f", -15),
    ("a", -18),
    ("z", -21),
];

impl Scale {
    const ONE: Self = Self { factor: Decimal::ONE, divisor: Decimal::ONE, dimensions: [0; 8] };

    /// Reads a unit: `mg`, `m.s-2`, `mmol/L`, `10*9/L`, `mL/min/{1.73_m2}`. `None` for one that is not known here.
    pub fn parse(code: &str) -> Option<Self> {
        if code.len() > UNIT_BYTES_MAX || code.is_empty() {
            return None;
        }
        let mut scale = Self::ONE;
        let mut sign = 1;
        let mut rest = code;
        if let Some(after) = rest.strip_prefix('/') {
            (sign, rest) = (-1, after);
        }
        loop {
            let end = end_of(rest)?;
            let (one, after) = rest.split_at_checked(end)?;
            scale = scale.times(component(one)?.power(sign)?)?;
            let mut next = after.chars();
            sign = match next.next() {
                None => return Some(scale),
                Some('.') => 1,
                Some(_) => -1,
            };
            rest = next.as_str();
        }
    }

    fn times(self, other: Self) -> Option<Self> {
        let mut dimensions = self.dimensions;
        for (one, two) in dimensions.iter_mut().zip(other.dimensions) {
            *one = one.checked_add(two)?;
        }
        Some(Self { factor: self.factor.checked_mul(other.factor)?, divisor: self.divisor.checked_mul(other.divisor)?, dimensions })
    }

    fn power(self, exponent: i8) -> Option<Self> {
        if exponent.unsigned_abs() > EXPONENT_MAX {
            return None;
        }
        let mut result = Self::ONE;
        for _ in 0..exponent.unsigned_abs() {
            result = result.times(self)?;
        }
        if exponent < 0 {
            result = Self { factor: result.divisor, divisor: result.factor, dimensions: result.dimensions.map(|one| -one) };
        }
        Some(result)
    }

    /// So many of this unit, in base units.
    pub fn base(&self, value: Decimal) -> Option<Decimal> {
        value.checked_mul(self.factor)?.checked_div(self.divisor)
    }

    /// So many of this unit, in another one; `None` where they measure different things.
    pub fn convert(&self, value: Decimal, to: &Self) -> Option<Decimal> {
        if self.dimensions != to.dimensions {
            return None;
        }
        let divisor = self.divisor.checked_mul(to.factor)?;
        value.checked_mul(self.factor)?.checked_mul(to.divisor)?.checked_div(divisor)
    }
}

/// Where the first factor ends: at a point or slash outside brackets and braces.
fn end_of(text: &str) -> Option<usize> {
    let mut open = 0_i32;
    for (at, c) in text.char_indices() {
        match c {
            '[' | '{' => open += 1,
            ']' | '}' => open -= 1,
            '.' | '/' if open == 0 => return Some(at),
            _ => {}
        }
    }
    (open == 0).then_some(text.len())
}

/// A unit with its exponent and without its annotation; a number.
fn component(text: &str) -> Option<Scale> {
    let plain = text.split_once('{').map_or(text, |(before, _)| before);
    if plain.is_empty() {
        return (!text.is_empty()).then_some(Scale::ONE);
    }
    if let Ok(number) = plain.parse::<u32>() {
        return (number > 0).then_some(Scale { factor: number.into(), ..Scale::ONE });
    }
    let digits = plain.bytes().rev().take_while(u8::is_ascii_digit).count();
    let mut split = plain.len() - digits;
    if digits > 0 && plain.get(..split).is_some_and(|before| before.ends_with(['-', '+'])) {
        split -= 1;
    }
    let (unit, exponent) = plain.split_at_checked(split)?;
    let exponent = if exponent.is_empty() { 1 } else { exponent.parse::<i8>().ok()? };
    atom(unit)?.power(exponent)
}

fn atom(unit: &str) -> Option<Scale> {
    let find = |code: &str| ATOMS.iter().find(|(known, ..)| *known == code);
    let scale = |mantissa: i64, power: i32, dimensions| {
        let ten = Decimal::try_from_i128_with_scale(10_i128.checked_pow(power.unsigned_abs())?, 0).ok()?;
        let factor = Decimal::from(mantissa);
        let factor = if power < 0 { factor.checked_div(ten) } else { factor.checked_mul(ten) }?;
        Some(Scale { factor, dimensions, ..Scale::ONE })
    };
    if let Some((_, _, mantissa, power, dimensions)) = find(unit) {
        return scale(*mantissa, *power, *dimensions);
    }
    PREFIXES.iter().find_map(|(prefix, power)| {
        let (_, metric, mantissa, own, dimensions) = find(unit.strip_prefix(prefix)?)?;
        metric.then(|| scale(*mantissa, own + power, *dimensions)).flatten()
    })
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn units_are_multiples_of_one_another() {
        for (one, factor, other) in [
            ("g", "1000", "mg"),
            ("m2", "10000", "cm2"),
            ("cm.m", "0.01", "m2"),
            ("g/m", "1", "g.m-1"),
            ("wk", "7", "d"),
            ("[in_i]", "2.54", "cm"),
            ("kat/L", "1", "mmol/s/mL"),
            ("10*9/L", "1", "10*6/mL"),
            ("mm[Hg]", "133.322", "Pa"),
            ("mL/min/{1.73_m2}", "1", "mL/min"),
            ("/min", "60", "/h"),
            ("dL", "100", "mL"),
            ("m/m", "100", "%"),
        ] {
            let (one, other) = (Scale::parse(one).expect(one), Scale::parse(other).expect(other));
            assert_eq!(one.convert(Decimal::ONE, &other).map(|value| value.normalize().to_string()).as_deref(), Some(factor));
        }
    }

    #[test]
    fn unknown_units_are_unknown() {
        for code in ["", "tablet", "Cel", "[degF]", "m[", "kmin", "m//s", "m.", "(m)", "{x}{", "m127", "é", "0"] {
            assert_eq!(Scale::parse(code), None, "{code}");
        }
        assert_eq!(Scale::parse("{tablet}"), Some(Scale::ONE));
    }
}
