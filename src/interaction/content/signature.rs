//! Whether bytes are what their media type says, by how such content begins and ends. Pure.

/// Bytes at the end of a PDF among which its last line stands (ISO 32000-1, implementation note 18 of annex H).
const PDF_END: usize = 1024;
/// Where a DICOM file says that it is one.
const DICOM_AT: usize = 128;

/// What content may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A clinical document, or a signature.
    Cda,
    /// PDF.
    Pdf,
    /// Text of some charset.
    Text,
    /// RTF.
    Rtf,
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// TIFF.
    Tiff,
    /// GIF.
    Gif,
    /// DICOM.
    Dicom,
    /// A FHIR document in JSON.
    FhirJson,
    /// A FHIR document in XML.
    FhirXml,
}

impl Kind {
    /// The kind of this name in `media.tsv`.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "cda" => Self::Cda,
            "pdf" => Self::Pdf,
            "text" => Self::Text,
            "rtf" => Self::Rtf,
            "jpeg" => Self::Jpeg,
            "png" => Self::Png,
            "tiff" => Self::Tiff,
            "gif" => Self::Gif,
            "dicom" => Self::Dicom,
            "fhir-json" => Self::FhirJson,
            "fhir-xml" => Self::FhirXml,
            _ => return None,
        })
    }
}

/// What keeps the bytes from being of this kind; `media` may name a charset. What is read whole (CDA, FHIR) is not looked at here.
pub fn fault(kind: Kind, media: &str, bytes: &[u8]) -> Option<String> {
    let begins = |starts: &[&[u8]], name: &str| {
        let good = starts.iter().any(|start| bytes.starts_with(start));
        (!good).then(|| format!("the content does not begin as {name} does"))
    };
    match kind {
        Kind::Pdf => begins(&[b"%PDF-"], "a PDF").or_else(|| {
            let end = bytes.get(bytes.len().saturating_sub(PDF_END)..).unwrap_or(bytes);
            let whole = end.windows(5).any(|window| window == b"%%EOF");
            (!whole).then(|| "the content does not end as a PDF does: `%%EOF` is missing".to_owned())
        }),
        Kind::Text => text(media, bytes),
        Kind::Rtf => begins(&[b"{\\rtf"], "RTF"),
        Kind::Jpeg => begins(&[b"\xFF\xD8\xFF"], "a JPEG"),
        Kind::Png => begins(&[b"\x89PNG\r\n\x1A\n"], "a PNG"),
        Kind::Tiff => begins(&[b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"], "a TIFF"),
        Kind::Gif => begins(&[b"GIF87a", b"GIF89a"], "a GIF"),
        Kind::Dicom => {
            let good = bytes.get(DICOM_AT..).is_some_and(|rest| rest.starts_with(b"DICM"));
            (!good).then(|| "the content does not begin as a DICOM file does".to_owned())
        }
        Kind::Cda | Kind::FhirJson | Kind::FhirXml => None,
    }
}

/// Text has no NUL and is of its charset, UTF-8 where it names none. Charsets of one byte a character hold anything; of those that
/// are not known here nothing is said.
fn text(media: &str, bytes: &[u8]) -> Option<String> {
    let charset = charset(media);
    match charset.as_deref().unwrap_or("utf-8") {
        "utf-16" | "utf-16le" | "utf-16be" => {
            (!bytes.len().is_multiple_of(2)).then(|| "the content is no UTF-16: its bytes are odd in number".to_owned())
        }
        _ if bytes.contains(&0) => Some("the content has a NUL, which text has not".to_owned()),
        "us-ascii" => (!bytes.is_ascii()).then(|| "the content is not US-ASCII".to_owned()),
        "utf-8" | "utf8" => std::str::from_utf8(bytes)
            .err()
            .map(|error| format!("the content is not UTF-8 at byte {}, and the media type names no other charset", error.valid_up_to())),
        _ => None,
    }
}

/// The charset that a media type names, in lower case.
fn charset(media: &str) -> Option<String> {
    let parameters = media.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let mut found = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    found.next().map(|(_, value)| value.trim().trim_matches('"').to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_what_it_claims_to_be() {
        let pdf = |end: &str| format!("%PDF-1.4\n{}{end}", "x".repeat(2000)).into_bytes();
        let dicom = [vec![0; 128], b"DICM".to_vec()].concat();
        let rows: [(Kind, &str, &[u8], bool); 30] = [
            (Kind::Pdf, "application/pdf", &pdf("%%EOF\n"), true),
            (Kind::Pdf, "application/pdf", &pdf(&format!("%%EOF{}", " ".repeat(900))), true),
            (Kind::Pdf, "application/pdf", &pdf("%%EO"), false),
            (Kind::Pdf, "application/pdf", &pdf(&format!("%%EOF{}", " ".repeat(1100))), false),
            (Kind::Pdf, "application/pdf", b"%PDF-%%EOF", true),
            (Kind::Pdf, "application/pdf", b" %PDF-1.4 %%EOF", false),
            (Kind::Pdf, "application/pdf", b"MZ\x90", false),
            (Kind::Pdf, "application/pdf", b"", false),
            (Kind::Text, "text/plain", "été".as_bytes(), true),
            (Kind::Text, "text/plain", b"", true),
            (Kind::Text, "text/plain", b"\xE9t\xE9", false),
            (Kind::Text, "text/plain; charset=ISO-8859-1", b"\xE9t\xE9", true),
            (Kind::Text, "text/plain; Charset=\"windows-1252\"", b"\xE9t\xE9", true),
            (Kind::Text, "text/plain; charset=ISO-8859-1", b"a\0b", false),
            (Kind::Text, "text/plain; charset=us-ascii", "é".as_bytes(), false),
            (Kind::Text, "text/plain; charset=utf-16", b"a\0b\0", true),
            (Kind::Text, "text/plain; charset=utf-16", b"a\0b", false),
            (Kind::Text, "text/plain;charset=utf-8", b"a\0", false),
            (Kind::Rtf, "text/rtf", b"{\\rtf1}", true),
            (Kind::Rtf, "text/rtf", b"rtf", false),
            (Kind::Jpeg, "image/jpeg", b"\xFF\xD8\xFF\xE0", true),
            (Kind::Jpeg, "image/jpeg", b"\x89PNG\r\n\x1A\n", false),
            (Kind::Png, "image/png", b"\x89PNG\r\n\x1A\n", true),
            (Kind::Png, "image/png", b"\x89PNG\n", false),
            (Kind::Tiff, "image/tiff", b"II*\0", true),
            (Kind::Tiff, "image/tiff", b"MM\0*", true),
            (Kind::Tiff, "image/tiff", b"II\0*", false),
            (Kind::Gif, "image/gif", b"GIF89a", true),
            (Kind::Dicom, "application/dicom", &dicom, true),
            (Kind::Dicom, "application/dicom", b"DICM", false),
        ];
        for (kind, media, bytes, good) in rows {
            assert_eq!(fault(kind, media, bytes).is_none(), good, "{media} {:?}", bytes.get(..bytes.len().min(20)));
        }
    }
}
