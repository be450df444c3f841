//! A sentence with holes, and what fills them. Each literal is looked for once, from left to right, so that no text takes long.

/// What stands where in the French sentence.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// As it stands.
    Text(&'static str),
    /// What fills this hole of the English sentence.
    Hole(usize, Inside),
}

/// What is in a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// `{1}`: a value, told as it is.
    Value,
    /// `{1?}`: maybe a sentence, which is translated where it is known.
    Maybe,
    /// `{1!}`: a sentence; unless it is known, this is another one.
    Sentence,
}

/// One line of the table.
#[derive(Debug)]
pub struct Template {
    /// The literals of the English sentence: a hole is between each two.
    literals: Vec<&'static str>,
    /// The French sentence.
    pub french: Vec<Part>,
    /// Guide and section that ask for it.
    pub source: Option<&'static str>,
}

impl Template {
    /// The template of a line: English with `{}`, French with `{1}`, source or `-`.
    pub fn read(line: &'static str) -> Option<Self> {
        let mut cells = line.split('\t');
        let (english, french, source) = (cells.next()?, cells.next()?, cells.next()?);
        let literals: Vec<&str> = english.split("{}").collect();
        let french = parts(french, literals.len().saturating_sub(1))?;
        Some(Self { literals, french, source: (source != "-").then_some(source) })
    }

    /// How many bytes it is sure of.
    pub fn weight(&self) -> usize {
        self.literals.iter().map(|literal| literal.len()).sum()
    }

    /// The whole word it begins with, where there is one before the first hole.
    pub fn first_word(&self) -> Option<&'static str> {
        let literal = self.literals.first()?;
        match literal.split_once(' ') {
            Some((word, _)) => Some(word),
            None => (self.literals.len() == 1).then_some(*literal),
        }
        .filter(|word| !word.is_empty())
    }

    /// What fills the holes of this sentence, where it is of this template.
    pub fn fill<'t>(&self, text: &'t str) -> Option<Vec<&'t str>> {
        let (first, rest) = self.literals.split_first()?;
        let mut left = text.strip_prefix(first)?;
        let Some((last, between)) = rest.split_last() else { return left.is_empty().then(Vec::new) };
        let mut holes = Vec::with_capacity(rest.len());
        for literal in between {
            let (hole, after) = left.split_once(literal)?;
            holes.push(hole);
            left = after;
        }
        holes.push(left.strip_suffix(last)?);
        Some(holes)
    }
}

/// The parts of a French sentence whose holes are numbered from 1 to `holes`.
fn parts(mut text: &'static str, holes: usize) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    while let Some((before, rest)) = text.split_once('{') {
        let (hole, after) = rest.split_once('}')?;
        let (number, inside) = match (hole.strip_suffix('?'), hole.strip_suffix('!')) {
            (Some(number), _) => (number, Inside::Maybe),
            (_, Some(number)) => (number, Inside::Sentence),
            _ => (hole, Inside::Value),
        };
        let place = number.parse::<usize>().ok()?.checked_sub(1).filter(|place| *place < holes)?;
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        parts.push(Part::Hole(place, inside));
        text = after;
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Some(parts)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_from_left_to_right() {
        let rows: &[(&'static str, &str, Option<&[&str]>)] = &[
            ("all is well\tx\t-", "all is well", Some(&[])),
            ("all is well\tx\t-", "all is well ", None),
            ("`{}` is not a code\tx\t-", "`a` is not a code", Some(&["a"])),
            ("`{}` is not a code\tx\t-", "`` is not a code", Some(&[""])),
            ("`{}` is not a code\tx\t-", "`a` is not a code of b", None),
            ("expected {}, received `{}`\tx\t-", "expected A, received `b, received `c``", Some(&["A", "b, received `c`"])),
            ("`{}` of {}\tx\t-", "`é` of ", Some(&["é", ""])),
            ("{} `{}` is gone\tx\t-", "Patient `1` is gone", Some(&["Patient", "1"])),
        ];
        for (line, text, expected) in rows {
            assert_eq!(Template::read(line).unwrap().fill(text).as_deref(), *expected, "{line}: {text}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_is_none() {
        for line in ["x", "x\ty", "a {}\tb {2}\t-", "a {}\tb {0}\t-", "a {}\tb {1\t-", "a {}\tb {x}\t-"] {
            assert!(Template::read(line).is_none(), "{line}");
        }
        let read = Template::read("{}: {}\t{2!} ({1}, {2?})\tR4").unwrap();
        let expected = [
            Part::Hole(1, Inside::Sentence),
            Part::Text(" ("),
            Part::Hole(0, Inside::Value),
            Part::Text(", "),
            Part::Hole(1, Inside::Maybe),
            Part::Text(")"),
        ];
        assert_eq!((read.french.as_slice(), read.source, read.first_word()), (expected.as_slice(), Some("R4"), None));
    }
}
