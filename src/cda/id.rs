//! Identifiers of documents: CDA's root and extension, and the ways FHIR and XDS write them.

/// The system of identifiers that are URIs.
const URI: &str = "urn:ietf:rfc:3986";
/// The arc of OIDs that are UUIDs (ITU-T X.667).
const UUID_ARC: &str = "2.25.";
/// Characters of a UUID with its hyphens.
const UUID_CHARS: usize = 36;

/// An identifier in the one spelling that is compared: an OID, or a UUID in lower case, with its extension.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Id {
    root: String,
    extension: String,
}

impl Id {
    /// CDA's `root` and `extension`.
    pub fn new(root: &str, extension: &str) -> Option<Self> {
        let root = root.trim();
        (!root.is_empty()).then(|| Self { root: canonical(root), extension: extension.trim().to_owned() })
    }

    /// FHIR's `system` and `value`: a URI (`urn:oid:`, `urn:uuid:`, also with `^extension` as XDS has it, or without its scheme), or an
    /// extension in the system of its root.
    pub fn of_identifier(system: &str, value: &str) -> Option<Self> {
        let value = value.trim();
        if value.is_empty() {
            return None;
        }
        if !matches!(system, "" | URI) {
            return Self::new(bare(system), value);
        }
        let (root, extension) = value.split_once('^').unwrap_or((value, ""));
        // XDS may go on with the assigning authority.
        Self::new(bare(root), extension.split('^').next().unwrap_or_default())
    }

    /// The root: an OID or a UUID.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The extension, empty for none.
    pub fn extension(&self) -> &str {
        &self.extension
    }

    /// How FHIR writes it (`system`, `value`): a URI, or the extension in the system of its root.
    pub fn identifier(&self) -> (String, String) {
        let root = self.uri();
        if self.extension.is_empty() { (URI.to_owned(), root) } else { (root, self.extension.clone()) }
    }

    /// Every `system|value` under which it may be known.
    pub fn tokens(&self) -> Vec<String> {
        let (system, value) = self.identifier();
        let mut tokens = vec![format!("{system}|{value}")];
        if !self.extension.is_empty() {
            tokens.push(format!("{URI}|{}^{}", self.uri(), self.extension));
            tokens.push(format!("{URI}|{}^{}", self.root, self.extension));
        } else if let Some(number) = uuid(&self.root) {
            tokens.push(format!("{URI}|urn:uuid:{}", self.root.to_ascii_uppercase()));
            tokens.push(format!("{URI}|urn:oid:{UUID_ARC}{number}"));
        }
        tokens
    }

    fn uri(&self) -> String {
        if is_oid(&self.root) {
            format!("urn:oid:{}", self.root)
        } else if uuid(&self.root).is_some() {
            format!("urn:uuid:{}", self.root)
        } else {
            self.root.clone()
        }
    }
}

/// The root without the scheme of its URN.
fn bare(text: &str) -> &str {
    let after = |scheme: &str| {
        let (head, tail) = text.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then_some(tail)
    };
    after("urn:oid:").or_else(|| after("urn:uuid:")).unwrap_or(text)
}

fn canonical(root: &str) -> String {
    if uuid(root).is_some() {
        return root.to_ascii_lowercase();
    }
    let number = root.strip_prefix(UUID_ARC).filter(|rest| rest.bytes().all(|b| b.is_ascii_digit())).and_then(|rest| rest.parse().ok());
    match number {
        Some(number) => hyphened(number),
        None => root.to_owned(),
    }
}

/// The number of a UUID.
fn uuid(text: &str) -> Option<u128> {
    let shape = text.bytes().enumerate().all(|(at, b)| match at {
        8 | 13 | 18 | 23 => b == b'-',
        _ => b.is_ascii_hexdigit(),
    });
    (text.len() == UUID_CHARS && shape).then(|| u128::from_str_radix(&text.replace('-', ""), 16).ok())?
}

fn hyphened(number: u128) -> String {
    let digits = format!("{number:032x}");
    let part = |range| digits.get(range).unwrap_or_default();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

fn is_oid(text: &str) -> bool {
    text.contains('.') && text.split('.').all(|arc| !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_identifier_has_many_spellings() {
        let rows: [(&str, &str, &[(&str, &str)]); 3] = [
            ("1.2.250.1.999.4", "", &[(URI, "urn:oid:1.2.250.1.999.4"), ("", "1.2.250.1.999.4"), (URI, "URN:OID:1.2.250.1.999.4")]),
            (
                "1.2.250.1.999.4",
                "A-7",
                &[
                    ("urn:oid:1.2.250.1.999.4", "A-7"),
                    ("1.2.250.1.999.4", "A-7"),
                    (URI, "urn:oid:1.2.250.1.999.4^A-7"),
                    ("", "1.2.250.1.999.4^A-7"),
                    (URI, "1.2.250.1.999.4^A-7^^&1.2.3&ISO"),
                ],
            ),
            (
                "D52DE737-001D-4031-B571-0A0ED7C42300",
                "",
                &[
                    (URI, "urn:uuid:d52de737-001d-4031-b571-0a0ed7c42300"),
                    (URI, "urn:uuid:D52DE737-001D-4031-B571-0A0ED7C42300"),
                    ("", "d52de737-001d-4031-b571-0a0ed7c42300"),
                    (URI, "urn:oid:2.25.283363906055023891989389705401719857920"),
                ],
            ),
        ];
        for (root, extension, spellings) in rows {
            let id = Id::new(root, extension).unwrap();
            let (system, value) = id.identifier();
            assert_eq!(Id::of_identifier(&system, &value), Some(id.clone()));
            for (system, value) in spellings {
                assert_eq!(Id::of_identifier(system, value).as_ref(), Some(&id), "{system}|{value}");
            }
            for token in id.tokens() {
                let (system, value) = token.split_once('|').unwrap();
                assert_eq!(Id::of_identifier(system, value).as_ref(), Some(&id), "{token}");
            }
        }
    }

    #[test]
    fn others_differ() {
        let id = Id::new("1.2.250.1.999.4", "7").unwrap();
        for (system, value) in
            [(URI, "urn:oid:1.2.250.1.999.4.7"), (URI, "urn:oid:1.2.250.1.999.4"), ("urn:oid:1.2.250.1.999.5", "7"), ("", "7")]
        {
            assert_ne!(Id::of_identifier(system, value), Some(id.clone()), "{system}|{value}");
        }
        assert_eq!(Id::of_identifier(URI, " "), None);
        assert_eq!(Id::new("", "7"), None);
    }
}
