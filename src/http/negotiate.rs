//! What a client sends and wants: media types, preferences, conditions (FHIR R4 http.html#mime-type, #ops, #concurrency).

use actix_web::http::header::{
    ACCEPT, ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
};

use crate::fhir::message::Language;
use crate::fhir::{Format, primitive};
use crate::interaction::{Error, Shown, Wanted};

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

impl Return {
    /// The same for the entries of a Bundle.
    pub fn shown(self) -> Shown {
        match self {
            Self::Representation => Shown::Representation,
            Self::Minimal => Shown::Minimal,
            Self::OperationOutcome => Shown::Outcome,
        }
    }
}

/// A header as text.
pub fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// The format.
    pub format: Format,
    /// Whether for human eyes.
    pub pretty: bool,
    /// The language of what is said.
    pub language: Language,
}

impl Style {
    /// JSON, in the language asked for.
    pub fn json(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT_LANGUAGE).filter_map(|value| value.to_str().ok());
        Self { language: Language::of(values), ..Self::default() }
    }

    /// The style asked for; JSON where no format is, or one that is not made here: in it an error says so.
    pub fn of(headers: &HeaderMap, wanted: &Wanted, pairs: &[(String, String)]) -> Self {
        let format = format(wanted).unwrap_or_default();
        let pretty = pairs.iter().any(|(name, value)| name == "_pretty" && value == "true");
        Self { format, pretty, ..Self::json(headers) }
    }
}

/// The format of a media type, in all the spellings that have been used for it (FHIR R4 http.html#mime-type).
fn format_of(media: &str) -> Option<Format> {
    match media {
        "application/fhir+json" | "application/json" | "application/json+fhir" | "text/json" | "json" => Some(Format::Json),
        "application/fhir+xml" | "application/xml" | "application/xml+fhir" | "text/xml" | "xml" => Some(Format::Xml),
        _ => None,
    }
}

/// Whether the parameters of a media type ask for another version of FHIR (FHIR R4 versioning.html#mt-version).
fn is_other_version<'a>(mut parameters: impl Iterator<Item = &'a str>) -> bool {
    let version = parameters.find_map(|one| one.trim().strip_prefix("fhirversion=").map(|version| version.trim_matches('"')));
    version.is_some_and(|version| !matches!(version, "4.0" | "4.0.0" | "4.0.1"))
}

/// The media ranges a client takes, best first; `_format` wins over `Accept`.
///
/// # Errors
/// [`Error::NotAcceptable`] when nothing at all is taken.
pub fn wanted(headers: &HeaderMap, pairs: &[(String, String)]) -> Result<Wanted, Error> {
    let nothing = || Err(not_acceptable());
    if let Some((_, format)) = pairs.iter().find(|(name, _)| name == "_format") {
        // A plus sign not escaped in an address arrives as a blank.
        let format = format.to_ascii_lowercase();
        let mut parts = format.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().replace(' ', "+");
        if is_other_version(parts) {
            return nothing();
        }
        let media = match format_of(&name) {
            Some(Format::Json) => "application/fhir+json".to_owned(),
            Some(Format::Xml) => "application/fhir+xml".to_owned(),
            None => name,
        };
        return Ok(Wanted { ranges: vec![media] });
    }
    let mut ranges: Vec<(u16, String)> = Vec::new();
    let mut said = false;
    for value in headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok()) {
        for range in value.to_ascii_lowercase().split(',') {
            let parts: Vec<&str> = range.split(';').map(str::trim).collect();
            let name = parts.first().copied().unwrap_or_default();
            let quality = parts.iter().find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0);
            // In thousandths, as RFC 9110 writes them.
            let quality = (quality.clamp(0.0, 1.0) * 1000.0) as u16;
            said |= !name.is_empty();
            if !name.is_empty() && quality > 0 && !is_other_version(parts.iter().copied()) {
                ranges.push((quality, name.to_owned()));
            }
        }
    }
    if said && ranges.is_empty() {
        return nothing();
    }
    ranges.sort_by_key(|(quality, _)| std::cmp::Reverse(*quality));
    Ok(Wanted { ranges: ranges.into_iter().map(|(_, name)| name).collect() })
}

fn not_acceptable() -> Error {
    Error::NotAcceptable("answers are application/fhir+json or application/fhir+xml, of FHIR 4.0".into())
}

/// The format of FHIR's that will do best.
///
/// # Errors
/// [`Error::NotAcceptable`].
pub fn format(wanted: &Wanted) -> Result<Format, Error> {
    if wanted.ranges.is_empty() {
        return Ok(Format::Json);
    }
    let of = |range: &String| if matches!(range.as_str(), "*/*" | "application/*") { Some(Format::Json) } else { format_of(range) };
    wanted.ranges.iter().find_map(of).ok_or_else(not_acceptable)
}

/// What a body is, by its Content-Type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// A resource in this format.
    Resource(Format),
    /// Something of another media type.
    Other(String),
}

/// What the body is.
///
/// # Errors
/// [`Error::MediaType`] for another charset or version of FHIR.
pub fn sent(headers: &HeaderMap) -> Result<Sent, Error> {
    let text = header(headers, &CONTENT_TYPE).unwrap_or_default();
    let lower = text.to_ascii_lowercase();
    let mut parts = lower.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let Some(format) = format_of(essence).filter(|_| essence.contains('/')) else { return Ok(Sent::Other(text.to_owned())) };
    let parameters: Vec<&str> = parts.collect();
    let charset = parameters.iter().find_map(|part| part.strip_prefix("charset=")).map(|charset| charset.trim_matches('"'));
    if charset.is_some_and(|charset| !matches!(charset, "utf-8" | "utf8" | "us-ascii")) {
        return Err(Error::MediaType("expected UTF-8".into()));
    }
    if is_other_version(parameters.into_iter()) {
        return Err(Error::MediaType("expected FHIR 4.0".into()));
    }
    Ok(Sent::Resource(format))
}

/// Whether the body is of this media type.
///
/// # Errors
/// [`Error::MediaType`].
pub fn sends(headers: &HeaderMap, media: &str) -> Result<(), Error> {
    let text = header(headers, &CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let fits = parts.next() == Some(media);
    let charset = parts.find_map(|part| part.strip_prefix("charset=").map(|charset| charset.trim_matches('"').to_owned()));
    if fits && charset.is_none_or(|charset| matches!(charset.as_str(), "utf-8" | "utf8" | "us-ascii")) {
        return Ok(());
    }
    Err(Error::MediaType(format!("expected {media} in UTF-8")))
}

/// Whether the body is compressed.
///
/// # Errors
/// [`Error::MediaType`] for any other coding than gzip.
pub fn is_gzip(headers: &HeaderMap) -> Result<bool, Error> {
    match header(headers, &CONTENT_ENCODING).map(|coding| coding.trim().to_ascii_lowercase()).as_deref() {
        None if !headers.contains_key(CONTENT_ENCODING) => Ok(false),
        Some("identity") => Ok(false),
        Some("gzip" | "x-gzip") => Ok(true),
        _ => Err(Error::MediaType("expected a body as it is, or in gzip".into())),
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
    tag.strip_prefix("W/")
        .unwrap_or(tag)
        .strip_prefix('"')?
        .strip_suffix('"')
        .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?
        .parse()
        .ok()
}

/// The versions a write is for, one of which must be current; `None` for any.
///
/// # Errors
/// [`Error::Value`] for what is no entity tag of ours.
pub fn if_match(headers: &HeaderMap) -> Result<Option<Vec<i32>>, Error> {
    let unfit = || Error::Value { place: "If-Match".into(), message: "expected `W/\"n\"`, or several with commas between".into() };
    let mut versions = Vec::new();
    for value in headers.get_all(IF_MATCH) {
        let text = value.to_str().map_err(|_| unfit())?;
        if text.trim() == "*" {
            return Ok(Some(Vec::new()));
        }
        for tag in text.split(',') {
            versions.push(version(tag).ok_or_else(unfit)?);
        }
    }
    Ok((!versions.is_empty()).then_some(versions))
}

/// Whether the client has this already: by its version or, where it names none, by the second it was written in, microseconds
/// (FHIR R4 http.html#cread).
pub fn has_it(headers: &HeaderMap, current: i32, updated: Option<i64>) -> bool {
    if let Some(tags) = header(headers, &IF_NONE_MATCH) {
        return tags.trim() == "*" || tags.split(',').any(|tag| version(tag) == Some(current));
    }
    let since = header(headers, &IF_MODIFIED_SINCE).and_then(primitive::parse_http_date);
    since.zip(updated).is_some_and(|(since, updated)| updated.div_euclid(1_000_000) <= since.div_euclid(1_000_000))
}

/// Whether a write is only for what does not exist yet: `If-None-Match: *` (RFC 9110, 13.1.2).
///
/// # Errors
/// [`Error::NotSupported`] for a condition on versions, which a write does not take.
pub fn is_only_new(headers: &HeaderMap) -> Result<bool, Error> {
    match headers.get(IF_NONE_MATCH) {
        None => Ok(false),
        Some(value) if value.as_bytes().trim_ascii() == b"*" => Ok(true),
        Some(_) => Err(Error::NotSupported { place: "If-None-Match".into(), message: "a write takes `*` only".into() }),
    }
}

/// The parameters of `If-None-Exist`.
///
/// # Errors
/// [`Error::Value`] for what cannot be read: it must not count as no condition.
pub fn if_none_exist(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let unfit = |_| Error::Value { place: "If-None-Exist".into(), message: "expected a query in ASCII, percent-encoded".into() };
    let value = headers.get("if-none-exist").map(|value| value.to_str().map_err(unfit)).transpose()?;
    Ok(value.map(|text| text.trim().trim_start_matches('?')))
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

    fn best(accept: &str, asked: &str) -> Option<Format> {
        let headers = if accept.is_empty() { headers(&[]) } else { headers(&[("accept", accept)]) };
        let pairs = if asked.is_empty() { vec![] } else { vec![("_format".to_owned(), asked.to_owned())] };
        wanted(&headers, &pairs).and_then(|wanted| format(&wanted)).ok()
    }

    #[test]
    fn accept_and_format() {
        let (json, xml) = (Some(Format::Json), Some(Format::Xml));
        let rows = [
            ("application/fhir+json", "", json),
            ("", "", json),
            ("text/html, application/json;q=0.5", "", json),
            ("application/fhir+xml", "", xml),
            ("APPLICATION/FHIR+XML; charset=utf-8", "", xml),
            ("application/fhir+json;q=0.5, text/xml", "", xml),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "", xml),
            ("application/xml+fhir", "", xml),
            ("*/*, application/fhir+xml;q=0.1", "", json),
            ("application/fhir+xml", "json", json),
            ("*/*", "xml", xml),
            ("*/*", "application/fhir json", json),
            ("*/*", "text/XML", xml),
            ("*/*", "application/fhir+xml; fhirVersion=4.0", xml),
            ("*/*", "application/fhir+xml; fhirVersion=3.0", None),
            ("application/fhir+json; fhirVersion=4.0", "", json),
            ("application/fhir+json; fhirVersion=5.0", "", None),
            ("application/fhir+json; fhirVersion=5.0, */*;q=0.1", "", json),
            ("*/*", "ttl", None),
            ("application/json;q=0", "", None),
            ("application/pdf", "", None),
        ];
        for (accept, asked, expected) in rows {
            assert_eq!(best(accept, asked), expected, "{accept} {asked}");
        }
        let order = wanted(&headers(&[("accept", "a/b;q=0.1, c/d, e/f;q=0.5")]), &[]).unwrap();
        assert_eq!(order.ranges, ["c/d", "e/f", "a/b"]);
    }

    #[test]
    fn preferences_and_conditions() {
        assert_eq!(prefers(&headers(&[("prefer", "handling=strict; return=minimal")])), Return::Minimal);
        assert!(is_strict(&headers(&[("prefer", "return=minimal"), ("prefer", "handling=strict")])));
        let rows = [
            ("W/\"3\"", Some(Some(vec![3]))),
            ("\"3\"", Some(Some(vec![3]))),
            ("W/\"1\", \"2\"", Some(Some(vec![1, 2]))),
            ("3", None),
            ("*", Some(Some(vec![]))),
            ("W/\"x\"", None),
            ("W/\"1\", 2", None),
            ("W/\"1\",", None),
            ("", None),
        ];
        for (tag, expected) in rows {
            assert_eq!(if_match(&headers(&[("if-match", tag)])).ok(), expected, "{tag}");
        }
        assert_eq!(if_match(&headers(&[("if-match", "W/\"1\""), ("if-match", "W/\"2\"")])).ok(), Some(Some(vec![1, 2])));
        assert_eq!(if_match(&headers(&[])).ok(), Some(None));
        let second = Some(784_111_777_500_000);
        for (name, value, has) in [
            ("if-none-match", "W/\"1\", W/\"2\"", true),
            ("if-none-match", "*", true),
            ("if-none-match", "W/\"1\"", false),
            ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT", true),
            ("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT", false),
            ("if-modified-since", "yesterday", false),
            ("accept", "*/*", false),
        ] {
            assert_eq!(has_it(&headers(&[(name, value)]), 2, second), has, "{name} {value}");
        }
    }

    #[test]
    fn what_a_body_is() {
        let rows = [
            ("application/fhir+json; charset=UTF-8", Some(Sent::Resource(Format::Json))),
            ("Application/FHIR+XML", Some(Sent::Resource(Format::Xml))),
            ("text/xml;charset=\"utf-8\"", Some(Sent::Resource(Format::Xml))),
            ("application/fhir+json; fhirVersion=4.0", Some(Sent::Resource(Format::Json))),
            ("application/fhir+json; fhirVersion=3.0", None),
            ("application/fhir+json; charset=latin1", None),
            ("application/pdf", Some(Sent::Other("application/pdf".into()))),
            ("json", Some(Sent::Other("json".into()))),
        ];
        for (text, expected) in rows {
            assert_eq!(sent(&headers(&[("content-type", text)])).ok(), expected, "{text}");
        }
        assert_eq!(sent(&headers(&[])).ok(), Some(Sent::Other(String::new())));
        let patch = "application/json-patch+json";
        assert!(sends(&headers(&[("content-type", "application/json-patch+json; charset=utf-8")]), patch).is_ok());
        assert!(sends(&headers(&[("content-type", "application/json")]), patch).is_err());
        for (coding, expected) in [("gzip", Some(true)), ("identity", Some(false)), ("br", None), ("gzip, gzip", None)] {
            assert_eq!(is_gzip(&headers(&[("content-encoding", coding)])).ok(), expected, "{coding}");
        }
    }
}
