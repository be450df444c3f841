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

    /// The parameter `inner` of a contained resource that this reference parameter points to: its rows are those of the container.
    pub fn through(self, inner: Self) -> Self {
        Self::hashed(self.key.to_be_bytes().into_iter().chain(inner.key.to_be_bytes()))
    }

    /// Whether this reference parameter points to a contained resource of the type at all.
    pub fn through_any(self, resource: ResourceType) -> Self {
        self.through(Self::new(resource, ""))
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
    /// A token row in one of these spellings: `code`, `system|code`, `|code` or `system|`.
    Token(Vec<String>),
    /// A string row.
    String(StringTest),
    /// A date row.
    Date(DateTest),
    /// A reference row with one of these values: `Type/id`, or an absolute URL.
    Reference(Vec<String>),
    /// A uri row with one of these values, exactly.
    Uri(Vec<String>),
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

/// A test on a date row: the half-open ranges `[start, end)` of the resource against that of the search,
/// in microseconds since 1970 UTC (FHIR R4 search.html#prefix).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateTest {
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

impl DateTest {
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
    /// Every spelling of every token: `code`, `system|code`, `|code` (no system), `system|` (any code).
    pub token: Vec<(Param, String)>,
    /// The folded and the exact value.
    pub string: Vec<(Param, String, String)>,
    /// `[start, end)` in microseconds; an open side is `i64::MIN` or `i64::MAX`.
    pub date: Vec<(Param, i64, i64)>,
    /// `Type/id` for a resource of this server, else the absolute URL.
    pub reference: Vec<(Param, String)>,
    /// The uri as it stands.
    pub uri: Vec<(Param, String)>,
}

impl IndexRows {
    /// Whether some row of the parameter passes.
    pub fn any(&self, param: Param, test: &Test) -> bool {
        match test {
            Test::Present(ParamKind::Token) => self.token.iter().any(|(p, _)| *p == param),
            Test::Present(ParamKind::String) => self.string.iter().any(|(p, _, _)| *p == param),
            Test::Present(ParamKind::Date) => self.date.iter().any(|(p, _, _)| *p == param),
            Test::Present(ParamKind::Reference) => self.reference.iter().any(|(p, _)| *p == param),
            Test::Present(ParamKind::Uri) => self.uri.iter().any(|(p, _)| *p == param),
            Test::Token(values) => self.token.iter().any(|(p, v)| *p == param && values.contains(v)),
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
    fn folding_ignores_case_accents_and_blanks() {
        for (text, folded) in [("Éloïse  CŒUR", "eloise coeur"), ("e\u{301}t\u{e9}", "ete"), (" L’Haÿ ", "l'hay"), ("", "")] {
            assert_eq!(fold(text), folded);
        }
    }

    #[test]
    fn date_prefixes_follow_the_specification() {
        // The resource's range is [10, 20); rows: test, does it hold.
        let rows = [
            (DateTest::Within(10, 20), true),
            (DateTest::Within(11, 20), false),
            (DateTest::NotWithin(11, 20), true),
            (DateTest::EndsAfter(19), true),
            (DateTest::EndsAfter(20), false),
            (DateTest::StartsBefore(11), true),
            (DateTest::StartsBefore(10), false),
            (DateTest::AtOrAfter(10, 20), true),
            (DateTest::AtOrAfter(11, 20), false),
            (DateTest::AtOrBefore(10, 20), true),
            (DateTest::AtOrBefore(5, 19), false),
            (DateTest::StartsFrom(10), true),
            (DateTest::StartsFrom(11), false),
            (DateTest::EndsBy(20), true),
            (DateTest::EndsBy(19), false),
            (DateTest::Overlaps(19, 30), true),
            (DateTest::Overlaps(20, 30), false),
        ];
        for (test, expected) in rows {
            assert_eq!(test.holds(10, 20), expected, "{test:?}");
        }
    }
}
