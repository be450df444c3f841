//! How the decision table names places along an axis.

use ensemble::policy::Code;

use super::collapse::Places;

/// How the tables here spell a profession: a code of TRE_G15 alone.
pub fn spelt(profession: &Code) -> String {
    match ensemble::policy::matrix::short_system(profession) {
        "TRE_G15" => profession.code.clone(),
        system => format!("{system}|{}", profession.code),
    }
}

/// The names along an axis, in the order of their places.
pub struct Names {
    names: Vec<String>,
    /// Names that others are made of, with a `+`: `any with …` is each that has it.
    parts: Vec<(String, Places)>,
}

impl Names {
    pub fn new(names: Vec<String>) -> Self {
        assert!(names.len() < 128, "too many for a set of places");
        let mut parts: Vec<(String, Places)> = Vec::new();
        for name in names.iter().filter(|name| !name.contains('+')) {
            let has = |other: &&usize| names[**other].split('+').any(|part| part == name);
            let places: Vec<usize> = (0..names.len()).collect::<Vec<_>>().iter().filter(has).copied().collect();
            if places.len() > 1 {
                parts.push((format!("any with {name}"), places.iter().map(|place| 1 << place).sum()));
            }
        }
        Self { names, parts }
    }

    /// Every place.
    pub fn all(&self) -> Places {
        (1 << self.names.len()) - 1
    }

    fn items(&self, some: Places) -> String {
        let mut left = some;
        let mut items: Vec<&str> = Vec::new();
        for (name, places) in &self.parts {
            if places & !some == 0 && (places & left).count_ones() > 1 {
                items.push(name);
                left &= !places;
            }
        }
        let single = self.names.iter().enumerate().filter(|(place, _)| left & (1 << place) != 0).map(|(_, name)| name.as_str());
        items.into_iter().chain(single).collect::<Vec<_>>().join("; ")
    }

    /// A list of some of the names: `*` for all of them, `all but …` where that is shorter.
    pub fn spell(&self, some: Places) -> String {
        let others = self.all() & !some;
        if others == 0 {
            return "*".to_owned();
        }
        let (these, without) = (self.items(some), format!("all but {}", self.items(others)));
        if without.len() < these.len() { without } else { these }
    }

    /// The places that a list says.
    pub fn read(&self, text: &str) -> Places {
        let of = |text: &str| -> Places {
            let place = |item: &str| match self.parts.iter().find(|(name, _)| name == item) {
                Some((_, places)) => *places,
                None => {
                    1 << self.names.iter().position(|one| one == item).unwrap_or_else(|| panic!("`{item}` is none of {:?}", self.names))
                }
            };
            text.split("; ").map(place).fold(0, |all, one| all | one)
        };
        match text.strip_prefix("all but ") {
            _ if text == "*" => self.all(),
            Some(rest) => self.all() & !of(rest),
            None => of(text),
        }
    }
}

#[test]
fn a_list_is_read_as_it_is_spelt() {
    let names = Names::new(["-", "M", "I", "S", "M+I", "M+S", "I+S", "M+I+S", "I for a month", "gone"].map(str::to_owned).into());
    for some in 1..=names.all() {
        assert_eq!(names.read(&names.spell(some)), some, "{}", names.spell(some));
    }
    let rows = [("*", 0b11_1111_1111), ("any with M", 0b00_1011_0010), ("all but any with M; gone", 0b01_0100_1101), ("-; I", 0b101)];
    for (text, places) in rows {
        assert_eq!((names.read(text), names.spell(places).as_str()), (places, text));
    }
}
