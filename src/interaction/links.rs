//! Stored links are relative; what leaves names the base URL (CONTRACT 1).

use crate::fhir::ResourceType;

/// How the link of an attachment to its Binary stands in stored bytes. INVARIANT: within a JSON string the quotes are escaped, so
/// that this is always a member `url` and never a part of some text.
const STORED: &[u8] = br#""url":"Binary/"#;

/// The bytes to serve: links of attachments made absolute.
pub fn absolute(resource: ResourceType, body: &[u8], base_url: &str) -> Vec<u8> {
    if resource != ResourceType::DOCUMENT_REFERENCE {
        return body.to_vec();
    }
    let mut served = Vec::with_capacity(body.len() + base_url.len());
    let mut rest = body;
    while let Some(at) = rest.windows(STORED.len()).position(|window| window == STORED) {
        let (before, after) = rest.split_at(at);
        served.extend_from_slice(before);
        served.extend_from_slice(br#""url":""#);
        served.extend_from_slice(base_url.as_bytes());
        served.extend_from_slice(b"/Binary/");
        rest = after.get(STORED.len()..).unwrap_or_default();
    }
    served.extend_from_slice(rest);
    served
}

/// A reference or URL as it is stored: without the base of this server.
pub fn relative<'a>(text: &'a str, base_url: &str) -> &'a str {
    text.strip_prefix(base_url).and_then(|rest| rest.strip_prefix('/')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_become_absolute_and_texts_stay() {
        let body =
            br#"{"content":[{"attachment":{"url":"Binary/1"}},{"attachment":{"url":"Binary/2"}}],"description":"\"url\":\"Binary/3"}"#;
        let served = String::from_utf8(absolute(ResourceType::DOCUMENT_REFERENCE, body, "https://x.example/fhir")).unwrap_or_default();
        assert!(
            served.contains(r#""url":"https://x.example/fhir/Binary/1""#) && served.contains(r#""url":"https://x.example/fhir/Binary/2""#)
        );
        assert!(served.contains(r#"\"url\":\"Binary/3"#));
        assert_eq!(absolute(ResourceType::PATIENT, body, "https://x.example"), body);
        assert_eq!(relative("https://x.example/fhir/Patient/1", "https://x.example/fhir"), "Patient/1");
        assert_eq!(relative("https://x.example/fhirPatient/1", "https://x.example/fhir"), "https://x.example/fhirPatient/1");
    }
}
