//! Index rows: what a search can ask of a resource, normalized so that matching is equality or a range.

use crate::fhir::ResourceType;

/// A search parameter of a resource type, known in databases by a stable key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Param {
    key: i32,
}

impl Param {
    /// The parameter `code` of `resource`; `Type.code` hashed by FNV-1a.
    ///
    /// INVARIANT: the registry checks at start that no two parameters share a key.
    pub fn new(resource: ResourceType, code: &str) -> Self {
        Self::hashed(resource.name().bytes().chain(std::iter::once(b'.')).chain(code.bytes()))
    }

    /// The parameter `code` that every type has, under one key for all.
    pub fn common(code: &str) -> Self {
        Self::hashed("Resource.".bytes().chain(code.bytes()))
    }

    /// The parameter `inner` of a contained resource that this reference parameter points to: its rows are those of the container.
    pub fn through(self, inner: Self) -> Self {
        Self::hashed(self.key.to_be_bytes().into_iter().chain(inner.key.to_be_bytes()))
    }

    /// Whether this reference parameter points to a contained resource of the type at all.
    pub fn through_any(self, resource: ResourceType) -> Self {
        self.through(Self::new(resource, ""))
    }

    /// The documents that brought resources of this type, the current one and those before. Nobody searches by it: no code has a colon.
    pub fn document_of(resource: ResourceType) -> Self {
        Self::new(resource, ":document")
    }

    fn hashed(bytes: impl Iterator<Item = u8>) -> Self {
        let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        Self { key: hash.cast_signed() }
    }

    /// The key kept in index rows.
    pub fn key(self) -> i32 {
        self.key
    }
}

/// A test on one index row of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// A token row in one of these spellings: `code`, `system|code` or `|code`; `system|` asks for any code of the system.
    Token(Vec<String>),
    /// A string row.
    String(StringTest),
    /// A date row.
    Date(RangeTest),
    /// A reference row with one of these values: `Type/id`, or an absolute URL.
    Reference(Vec<String>),
    /// A uri row with one of these values, exactly.
    Uri(Vec<String>),
    /// A uri row that begins with this.
    UriBelow(String),
    /// A number or quantity row: with this spelling of the unit (see [`IndexRows::quantity`]), or with any as it was written.
    Quantity(Option<String>, RangeTest),
    /// A row of a composite's quantity, with this spelling of what it is of (see [`head_of_quantity`]), and with any unit as it was
    /// written.
    QuantityOf(String, RangeTest),
    /// A row of two numbers that belong together, with this spelling of what they are of.
    Pair(String, RangeTest, RangeTest),
    /// Any row of this kind: the contrary of `:missing=true`.
    Present(ParamKind),
}

/// The kinds of index rows, each with a table of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ParamKind {
    /// `token`.
    Token,
    /// `string`.
    String,
    /// `date`.
    Date,
    /// `reference`.
    Reference,
    /// `uri`.
    Uri,
    /// `number`, in the table of quantities.
    Number,
    /// `quantity`.
    Quantity,
}

/// A test on a string row (FHIR R4 search.html#string); values of the first two are folded by [`fold`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StringTest {
    /// Without modifier: begins with, ignoring case and accents.
    StartsWith(String),
    /// `:contains`.
    Contains(String),
    /// `:exact`: the value as it stands.
    Exact(String),
}

/// A test on a row of dates, numbers or quantities: the half-open range `[start, end)` of the resource against that of the search
/// (FHIR R4 search.html#prefix). Dates are microseconds since 1970 UTC, numbers as [`number_key`] orders them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeTest {
    /// `eq`: the range of the search contains that of the resource.
    Within(i64, i64),
    /// `ne`: it does not.
    NotWithin(i64, i64),
    /// `gt`: some part of the resource's range lies at or after this end of the search's range.
    EndsAfter(i64),
    /// `lt`: some part lies before this start.
    StartsBefore(i64),
    /// `ge`: `gt` of the start of the search's range, or within it.
    AtOrAfter(i64, i64),
    /// `le`: `lt` of the end of the search's range, or within it.
    AtOrBefore(i64, i64),
    /// `sa`: the resource's range starts at or after this.
    StartsFrom(i64),
    /// `eb`: the resource's range ends at or before this.
    EndsBy(i64),
    /// `ap`: the two ranges overlap.
    Overlaps(i64, i64),
}

impl RangeTest {
    /// Whether the resource's range `[start, end)` passes.
    pub fn holds(self, start: i64, end: i64) -> bool {
        match self {
            Self::Within(s, e) => start >= s && end <= e,
            Self::NotWithin(s, e) => !(start >= s && end <= e),
            Self::EndsAfter(e) => end > e,
            Self::StartsBefore(s) => start < s,
            Self::AtOrAfter(s, e) => end > e || (start >= s && end <= e),
            Self::AtOrBefore(s, e) => start < s || (start >= s && end <= e),
            Self::StartsFrom(e) => start >= e,
            Self::EndsBy(s) => end <= s,
            Self::Overlaps(s, e) => start < e && end > s,
        }
    }
}

/// The index rows of one resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndexRows {
    /// Every spelling of every token: `code`, and `system|code` or, without system, `|code`; what parts them is escaped within them.
    pub token: Vec<(Param, String)>,
    /// The folded and the exact value.
    pub string: Vec<(Param, String, String)>,
    /// `[start, end)` in microseconds; an open side is `i64::MIN` or `i64::MAX`.
    pub date: Vec<(Param, i64, i64)>,
    /// `Type/id` for a resource of this server, else the absolute URL.
    pub reference: Vec<(Param, String)>,
    /// The uri as it stands.
    pub uri: Vec<(Param, String)>,
    /// The unit, and the number as `[low, high)` of [`number_key`]. A number has the unit ``. A quantity has a row as it was written, its
    /// unit spelt `|code`, one more where the unit reads otherwise (`|unit`), and one by which units compare: `=canonical` of UCUM, else
    /// `system|code`. A row of a composite has the spelling of its token before it, and [`GROUPED`] between.
    pub quantity: Vec<(Param, String, i64, i64)>,
    /// Whom it is about: the references of `patient`, or else of `subject`.
    pub persons: Vec<String>,
}

/// What parts the halves of a composite in one spelling: a character that no text of FHIR has (FHIR R4 datatypes.html#string).
pub const GROUPED: char = '\u{1f}';

/// How the rows of a composite's quantities begin that are as they were written, of this spelling of its token: a range of one index,
/// whatever the units.
pub fn head_of_quantity(token: &str) -> String {
    format!("{token}{GROUPED}|")
}

/// A number as rows keep it: integers in the order of the numbers, so that both databases compare them alike. Sixteen digits count.
pub fn number_key(number: f64) -> i64 {
    // Zero has one spelling.
    let bits = if number == 0.0 { 0 } else { number.to_bits().cast_signed() };
    if bits < 0 { i64::MIN.wrapping_sub(bits).wrapping_sub(1) } else { bits }
}

/// The system of a token that asks for any of its codes: what stands before the last separator, where nothing follows it.
pub fn any_of_system(spelling: &str) -> Option<&str> {
    let system = spelling.strip_suffix('|')?;
    // A separator within a code is escaped.
    let escapes = system.bytes().rev().take_while(|byte| *byte == b'\\').count();
    (!system.is_empty() && escapes % 2 == 0).then_some(spelling)
}

impl IndexRows {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.token.len() + self.string.len() + self.date.len() + self.reference.len() + self.uri.len() + self.quantity.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether some row of the parameter passes.
    pub fn any(&self, param: Param, test: &Test) -> bool {
        let token = |row: &String, asked: &String| row == asked || any_of_system(asked).is_some_and(|system| row.starts_with(system));
        match test {
            Test::Present(ParamKind::Token) => self.token.iter().any(|(p, _)| *p == param),
            Test::Present(ParamKind::String) => self.string.iter().any(|(p, _, _)| *p == param),
            Test::Present(ParamKind::Date) => self.date.iter().any(|(p, _, _)| *p == param),
            Test::Present(ParamKind::Reference) => self.reference.iter().any(|(p, _)| *p == param),
            Test::Present(ParamKind::Uri) => self.uri.iter().any(|(p, _)| *p == param),
            Test::Present(ParamKind::Number | ParamKind::Quantity) => self.quantity.iter().any(|(p, ..)| *p == param),
            Test::UriBelow(value) => self.uri.iter().any(|(p, v)| *p == param && v.starts_with(value)),
            Test::Quantity(asked, test) => self.quantity.iter().any(|(p, unit, low, high)| {
                *p == param && asked.as_ref().map_or_else(|| unit.starts_with('|'), |asked| asked == unit) && test.holds(*low, *high)
            }),
            Test::QuantityOf(head, test) => {
                self.quantity.iter().any(|(p, unit, low, high)| *p == param && unit.starts_with(head) && test.holds(*low, *high))
            }
            Test::Pair(asked, one, two) => self.quantity.iter().any(|(p, unit, low, high)| {
                *p == param && asked == unit && one.holds(*low, low.saturating_add(1)) && two.holds(*high, high.saturating_add(1))
            }),
            Test::Token(values) => self.token.iter().any(|(p, v)| *p == param && values.iter().any(|asked| token(v, asked))),
            Test::Reference(values) => self.reference.iter().any(|(p, v)| *p == param && values.contains(v)),
            Test::Uri(values) => self.uri.iter().any(|(p, v)| *p == param && values.contains(v)),
            Test::Date(test) => self.date.iter().any(|(p, start, end)| *p == param && test.holds(*start, *end)),
            Test::String(test) => self.string.iter().any(|(p, folded, exact)| {
                *p == param
                    && match test {
                        StringTest::StartsWith(v) => folded.starts_with(v),
                        StringTest::Contains(v) => folded.contains(v),
                        StringTest::Exact(v) => exact == v,
                    }
            }),
        }
    }
}

/// Lower case, without accents or the ligatures of French, blanks made single (FHIR R4 search.html#string).
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        for c in word.chars().flat_map(char::to_lowercase) {
            match c {
                'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' => folded.push('a'),
                'ç' | 'ć' | 'č' => folded.push('c'),
                'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ė' | 'ę' | 'ě' => folded.push('e'),
                'ì' | 'í' | 'î' | 'ï' | 'ī' => folded.push('i'),
                'ñ' | 'ń' | 'ň' => folded.push('n'),
                'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' => folded.push('o'),
                'ù' | 'ú' | 'û' | 'ü' | 'ū' => folded.push('u'),
                'ý' | 'ÿ' => folded.push('y'),
                'š' | 'ś' => folded.push('s'),
                'ž' | 'ź' | 'ż' => folded.push('z'),
                'ł' => folded.push('l'),
                'œ' => folded.push_str("oe"),
                'æ' => folded.push_str("ae"),
                'ß' => folded.push_str("ss"),
                // Combining marks: a decomposed letter folds like the composed one.
                '\u{300}'..='\u{36f}' => {}
                '’' => folded.push('\''),
                other => folded.push(other),
            }
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_order() {
        let numbers = [f64::NEG_INFINITY, -1e300, -2.5, -1.0, -1e-300, 0.0, 1e-300, 0.1, 1.0, 5.4, 1e300, f64::INFINITY];
        let keys = numbers.map(number_key);
        assert!(keys.is_sorted() && keys.iter().collect::<std::collections::BTreeSet<_>>().len() == keys.len(), "{keys:?}");
        assert_eq!(number_key(-0.0), number_key(0.0));
    }

    #[test]
    fn a_system_alone_is_told_from_a_code() {
        for (spelling, any) in [("s|", true), ("|", false), ("s|a", false), (r"a\|", false), (r"a\\|", true), ("", false)] {
            assert_eq!(any_of_system(spelling).is_some(), any, "{spelling}");
        }
    }

    #[test]
    fn folding_ignores_case_accents_and_blanks() {
        for (text, folded) in [("Éloïse  CŒUR", "eloise coeur"), ("e\u{301}t\u{e9}", "ete"), (" L’Haÿ ", "l'hay"), ("", "")] {
            assert_eq!(fold(text), folded);
        }
    }

    #[test]
    fn date_prefixes_follow_the_specification() {
        // The resource's range is [10, 20); rows: test, does it hold.
        let rows = [
            (RangeTest::Within(10, 20), true),
            (RangeTest::Within(11, 20), false),
            (RangeTest::NotWithin(11, 20), true),
            (RangeTest::EndsAfter(19), true),
            (RangeTest::EndsAfter(20), false),
            (RangeTest::StartsBefore(11), true),
            (RangeTest::StartsBefore(10), false),
            (RangeTest::AtOrAfter(10, 20), true),
            (RangeTest::AtOrAfter(11, 20), false),
            (RangeTest::AtOrBefore(10, 20), true),
            (RangeTest::AtOrBefore(5, 19), false),
            (RangeTest::StartsFrom(10), true),
            (RangeTest::StartsFrom(11), false),
            (RangeTest::EndsBy(20), true),
            (RangeTest::EndsBy(19), false),
            (RangeTest::Overlaps(19, 30), true),
            (RangeTest::Overlaps(20, 30), false),
        ];
        for (test, expected) in rows {
            assert_eq!(test.holds(10, 20), expected, "{test:?}");
        }
    }
}
