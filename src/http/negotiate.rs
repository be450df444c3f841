//! What a client sends and wants: media types, preferences, conditions (FHIR R4 http.html#mime-type, #ops, #concurrency).

use actix_web::http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};

use crate::interaction::{Error, Wanted};

/// What a write answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// The resource.
    Representation,
    /// Nothing.
    Minimal,
    /// An OperationOutcome.
    OperationOutcome,
}

/// A header as text.
pub fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The media ranges a client takes, best first; `_format` wins over `Accept`.
pub fn wanted(headers: &HeaderMap, pairs: &[(String, String)]) -> Wanted {
    if let Some((_, format)) = pairs.iter().find(|(name, _)| name == "_format") {
        // A plus sign not escaped in an address arrives as a blank.
        let format = format.split(';').next().unwrap_or_default().trim().replace(' ', "+");
        let full = match format.as_str() {
            "json" | "application/json" | "text/json" => "application/fhir+json".to_owned(),
            "xml" | "text/xml" | "application/xml" => "application/fhir+xml".to_owned(),
            _ => format,
        };
        return Wanted { ranges: vec![full] };
    }
    let mut ranges: Vec<(u16, String)> = Vec::new();
    for value in headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok()) {
        for range in value.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality = parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0);
            // In thousandths, as RFC 9110 writes them.
            let quality = (quality.clamp(0.0, 1.0) * 1000.0) as u16;
            if !name.is_empty() && quality > 0 {
                ranges.push((quality, name));
            }
        }
    }
    ranges.sort_by_key(|(quality, _)| std::cmp::Reverse(*quality));
    Wanted { ranges: ranges.into_iter().map(|(_, name)| name).collect() }
}

/// Whether FHIR's JSON will do.
///
/// # Errors
/// [`Error::NotAcceptable`].
pub fn takes_json(wanted: &Wanted) -> Result<(), Error> {
    let json = |range: &String| {
        matches!(
            range.as_str(),
            "*/*" | "application/*" | "application/fhir+json" | "application/json" | "application/json+fhir" | "text/json"
        )
    };
    if wanted.ranges.is_empty() || wanted.ranges.iter().any(json) {
        return Ok(());
    }
    Err(Error::NotAcceptable("answers are application/fhir+json".into()))
}

/// Whether the body is of one of these media types.
///
/// # Errors
/// [`Error::MediaType`].
pub fn sends(headers: &HeaderMap, types: &[&str]) -> Result<(), Error> {
    let text = header(headers, &CONTENT_TYPE).unwrap_or_default();
    let mut parts = text.split(';').map(|part| part.trim().to_ascii_lowercase());
    let essence = parts.next().unwrap_or_default();
    let charset = parts.find_map(|part| part.strip_prefix("charset=").map(|charset| charset.trim_matches('"').to_owned()));
    if !types.contains(&essence.as_str()) || charset.is_some_and(|charset| !matches!(charset.as_str(), "utf-8" | "utf8" | "us-ascii")) {
        return Err(Error::MediaType(format!("expected {} in UTF-8", types.first().copied().unwrap_or_default())));
    }
    match header(headers, &CONTENT_ENCODING) {
        None | Some("identity") => Ok(()),
        Some(_) => Err(Error::MediaType("expected a body that is not encoded".into())),
    }
}

/// The value of one preference of `Prefer` (RFC 7240).
fn preference<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let values = headers.get_all("prefer").filter_map(|value| value.to_str().ok()).flat_map(|value| value.split([',', ';']));
    values
        .filter_map(|one| one.trim().split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().trim_matches('"'))
}

/// What a write answers with.
pub fn prefers(headers: &HeaderMap) -> Return {
    match preference(headers, "return") {
        Some("minimal") => Return::Minimal,
        Some("OperationOutcome") => Return::OperationOutcome,
        _ => Return::Representation,
    }
}

/// Whether unknown parameters are errors.
pub fn is_strict(headers: &HeaderMap) -> bool {
    preference(headers, "handling") == Some("strict")
}

/// A version out of a weak or strong entity tag.
fn version(tag: &str) -> Option<i32> {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

/// The version a write is for.
///
/// # Errors
/// [`Error::Value`] for what is no entity tag of ours.
pub fn if_match(headers: &HeaderMap) -> Result<Option<i32>, Error> {
    match header(headers, &IF_MATCH) {
        None | Some("*") => Ok(None),
        Some(tag) => version(tag).map(Some).ok_or_else(|| Error::Value { place: "If-Match".into(), message: "expected `W/\"n\"`".into() }),
    }
}

/// Whether the client has this version already.
pub fn has_version(headers: &HeaderMap, current: i32) -> bool {
    header(headers, &IF_NONE_MATCH).is_some_and(|tags| tags.trim() == "*" || tags.split(',').any(|tag| version(tag) == Some(current)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn accept_and_format() {
        let rows = [
            ("application/fhir+json", "", true),
            ("", "", true),
            ("text/html, application/json;q=0.5", "", true),
            ("application/fhir+xml", "", false),
            ("application/fhir+xml", "json", true),
            ("*/*", "xml", false),
            ("*/*", "application/fhir json", true),
            ("application/json;q=0", "", true),
        ];
        for (accept, format, good) in rows {
            let headers = if accept.is_empty() { headers(&[]) } else { headers(&[("accept", accept)]) };
            let pairs = if format.is_empty() { vec![] } else { vec![("_format".to_owned(), format.to_owned())] };
            assert_eq!(takes_json(&wanted(&headers, &pairs)).is_ok(), good, "{accept} {format}");
        }
        let order = wanted(&headers(&[("accept", "a/b;q=0.1, c/d, e/f;q=0.5")]), &[]);
        assert_eq!(order.ranges, ["c/d", "e/f", "a/b"]);
    }

    #[test]
    fn preferences_and_conditions() {
        assert_eq!(prefers(&headers(&[("prefer", "handling=strict; return=minimal")])), Return::Minimal);
        assert!(is_strict(&headers(&[("prefer", "return=minimal"), ("prefer", "handling=strict")])));
        for (tag, expected) in [("W/\"3\"", Some(Some(3))), ("\"3\"", Some(Some(3))), ("3", None), ("*", Some(None)), ("W/\"x\"", None)] {
            assert_eq!(if_match(&headers(&[("if-match", tag)])).ok(), expected, "{tag}");
        }
        assert!(has_version(&headers(&[("if-none-match", "W/\"1\", W/\"2\"")]), 2));
        assert!(!has_version(&headers(&[]), 2));
        let json = ["application/fhir+json"];
        assert!(sends(&headers(&[("content-type", "application/fhir+json; charset=UTF-8")]), &json).is_ok());
        for pairs in [
            vec![],
            vec![("content-type", "text/plain")],
            vec![("content-type", "application/fhir+json; charset=latin1")],
            vec![("content-type", "application/fhir+json"), ("content-encoding", "gzip")],
        ] {
            assert_eq!(sends(&headers(&pairs), &json).map_err(|error| error.status()), Err(415));
        }
    }
}
