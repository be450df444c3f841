//! References (FHIR R4 references.html): their syntax, what `#id` points to, and the types they may point to.

use serde_json::{Map, Value};

use super::Check;
use crate::fhir::ResourceType;
use crate::fhir::definitions::Type;
use crate::fhir::format::is_id;
use crate::fhir::place::Place;

impl<'v> Check<'v> {
    pub(super) fn reference(&mut self, kind: &'static Type, members: &'v Map<String, Value>, at: &Place<'_>) {
        // A look at each member costs less than hashing a name.
        let text = |name: &str| members.iter().find(|(key, _)| *key == name).and_then(|(_, value)| value.as_str());
        let said_type = text("type").map(|name| name.rsplit('/').next().unwrap_or(name));
        let place = at.element("reference");
        let target = match text("reference") {
            None => None,
            Some(reference) => match target(reference) {
                // `#` alone is the resource itself.
                Ok(Target::Contained("")) => None,
                Ok(Target::Contained(id)) => match self.contained.last().and_then(|ids| ids.get(id)) {
                    Some((_, name)) => Some(*name),
                    None => {
                        let id: String = id.chars().take(64).collect();
                        return self.issues.add("value", &place, format!("no contained resource has the id `{id}`"));
                    }
                },
                Ok(Target::Typed(resource)) => Some(resource.name()),
                Ok(Target::Other) => None,
                Err(expected) => return self.issues.add("value", &place, expected),
            },
        };
        if let Some(name) = target.filter(|name| !kind.targets.is_empty() && !kind.targets.contains(name)) {
            self.issues.add("value", &place, format!("expected a reference to {}, not to {name}", kind.targets.join(", ")));
        }
        if let (Some(name), Some(said)) = (target, said_type)
            && name != said
        {
            let said: String = said.chars().take(64).collect();
            self.issues.add("value", &at.element("type"), format!("the reference is to {name}, not to `{said}`"));
        }
    }
}

/// What a literal reference points to.
#[derive(Debug, PartialEq, Eq)]
enum Target<'r> {
    /// `#id`; empty for the resource itself.
    Contained(&'r str),
    /// A resource of this type, here or elsewhere.
    Typed(ResourceType),
    /// A url or urn that does not tell.
    Other,
}

/// Understands a literal reference.
fn target(text: &str) -> Result<Target<'_>, &'static str> {
    if text.chars().any(char::is_whitespace) {
        return Err("a reference has no white space");
    }
    if let Some(id) = text.strip_prefix('#') {
        return Ok(Target::Contained(id));
    }
    let absolute = has_scheme(text);
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let (path, version) = path.split_once("/_history/").map_or((path, None), |(path, version)| (path, Some(version)));
    let mut parts = path.rsplit('/');
    let (last, before) = (parts.next().unwrap_or_default(), parts.next());
    // A conditional reference: `Type?query`.
    if text.contains('?')
        && let Some(resource) = ResourceType::parse(last)
    {
        return Ok(Target::Typed(resource));
    }
    match before.and_then(ResourceType::parse) {
        Some(resource) if is_id(last) && version.is_none_or(is_id) && (absolute || parts.next().is_none()) => Ok(Target::Typed(resource)),
        _ if absolute => Ok(Target::Other),
        _ => Err("expected `Type/id`, `#id` or an absolute URL"),
    }
}

/// Whether the text is an absolute uri (RFC 3986, 3.1).
fn has_scheme(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    !rest.is_empty() && scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_understood() {
        let patient = || Ok(Target::Typed(ResourceType::PATIENT));
        let rows = [
            ("Patient/1", patient()),
            ("Patient/1/_history/2", patient()),
            ("https://x.example/fhir/Patient/1", patient()),
            ("Patient?identifier=urn:x|1", patient()),
            ("#a", Ok(Target::Contained("a"))),
            ("#", Ok(Target::Contained(""))),
            ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520", Ok(Target::Other)),
            ("https://x.example/thing", Ok(Target::Other)),
            ("https://x.example/fhir/Patient/a_b", Ok(Target::Other)),
            ("patient/1", Err(())),
            ("Patient/a_b", Err(())),
            ("Patient/", Err(())),
            ("Patient", Err(())),
            ("x/Patient/1", Err(())),
            ("/Patient/1", Err(())),
            ("Patient/1/_history/", Err(())),
            ("Patient/ 1", Err(())),
            ("", Err(())),
        ];
        for (text, expected) in rows {
            assert_eq!(target(text).map_err(|_| ()), expected, "{text}");
        }
    }
}
