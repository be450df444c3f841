//! Fixed names of the specification, each found by a look at a few of its letters: validation asks for every member, type and tag it meets.

/// Names, each with what it stands for.
#[derive(Debug)]
pub struct Names<T> {
    /// A name stands at the place that its letters give, or in the next free one. Three of four are empty, so that a search soon ends,
    /// whatever a client asks for.
    slots: Vec<Option<(&'static str, T)>>,
}

impl<T: Copy> Names<T> {
    /// These names; of two that are the same the first one is found.
    pub fn new(known: impl IntoIterator<Item = (&'static str, T)>) -> Self {
        let known: Vec<(&'static str, T)> = known.into_iter().collect();
        let mut slots: Vec<Option<(&'static str, T)>> = vec![None; (known.len() * 4).next_power_of_two()];
        let last = slots.len() - 1;
        for (name, value) in known {
            let mut at = hash(name) & last;
            while slots.get(at).is_some_and(Option::is_some) {
                at = (at + 1) & last;
            }
            if let Some(free) = slots.get_mut(at) {
                *free = Some((name, value));
            }
        }
        Self { slots }
    }

    /// What a name stands for.
    pub fn get(&self, name: &str) -> Option<T> {
        let last = self.slots.len() - 1;
        let mut at = hash(name) & last;
        loop {
            let (known, value) = (*self.slots.get(at)?)?;
            if known == name {
                return Some(value);
            }
            at = (at + 1) & last;
        }
    }

    /// Whether the name is one of them.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All names, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, T)> {
        self.slots.iter().flatten().copied()
    }
}

/// A number that tells the names of one table apart more often than not: made of the length, the first and the last letters.
fn hash(name: &str) -> usize {
    let letters = name.as_bytes();
    let ends = match (letters.first_chunk(), letters.last_chunk()) {
        (Some(first), Some(last)) => u32::from_le_bytes(*first) ^ u32::from_le_bytes(*last).rotate_left(15),
        _ => letters.iter().fold(0, |sum, letter| (sum << 8) | u32::from(*letter)),
    };
    let mixed = (ends ^ u32::try_from(letters.len()).unwrap_or_default()).wrapping_mul(0x9E37_79B1);
    usize::try_from(mixed >> 16).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_found_and_no_other() {
        let names = Names::new(crate::fhir::NAMES.into_iter().zip(0_u16..));
        for (name, at) in crate::fhir::NAMES.into_iter().zip(0_u16..) {
            assert_eq!(names.get(name), Some(at), "{name}");
            for other in [format!("{name}x"), name.to_lowercase(), name.chars().skip(1).collect()] {
                assert_eq!(names.get(&other), None, "{other}");
            }
        }
        assert!(!names.has("") && !names.has("é") && names.iter().count() == crate::fhir::NAMES.len());
        assert!(!Names::new([("a", ())]).has("b") && !Names::<()>::new([]).has("b"));
    }
}
