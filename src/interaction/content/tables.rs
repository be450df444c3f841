//! The tables of `profiles/documents`, compiled in. What is wrong in one of them a test tells before anybody deposits.

use std::sync::LazyLock;

use super::signature::Kind;

/// A format code, by what a document is.
#[derive(Debug)]
pub struct Format {
    /// Whether `value` is a media type, and not a template.
    by_media: bool,
    /// The media type of an unstructured body, or the root of a template.
    value: &'static str,
    /// The canonical address of its system.
    pub system: String,
    /// The code.
    pub code: &'static str,
    /// The French label.
    pub display: &'static str,
}

static MEDIA: LazyLock<Vec<(&str, Kind)>> = LazyLock::new(|| {
    let rows = rows::<3>(include_str!("../../../profiles/documents/media.tsv"));
    rows.filter_map(|[media, content, _]| Some((media, Kind::parse(content)?))).collect()
});

static FORMATS: LazyLock<Vec<Format>> = LazyLock::new(|| {
    let rows = rows::<6>(include_str!("../../../profiles/documents/formats.tsv"));
    let format = |[by, value, system, code, display, _]: [&'static str; 6]| {
        Some(Format { by_media: by == "media", value, system: format_system(system)?, code, display })
    };
    rows.filter_map(format).collect()
});

static SYSTEMS: LazyLock<Vec<[&str; 3]>> = LazyLock::new(|| rows(include_str!("../../../profiles/documents/systems.tsv")).collect());

/// The rows after the heading that have as many cells.
fn rows<const N: usize>(table: &'static str) -> impl Iterator<Item = [&'static str; N]> {
    table.lines().skip(1).filter_map(|line| line.split('\t').collect::<Vec<_>>().try_into().ok())
}

/// The address of a system of format codes, as the tables of JDV_J60 write it.
fn format_system(short: &str) -> Option<String> {
    let name = match short {
        "TRE_A06" => "TRE_A06-FormatCodeComplementaire",
        "TRE_A11" => "TRE_A11-IheFormatCode",
        _ => return None,
    };
    Some(format!("https://mos.esante.gouv.fr/NOS/{name}/FHIR/{}", name.replace('_', "-")))
}

/// What content of this media type must be; nothing for a type outside the table. Parameters and case do not count.
pub fn kind(media: &str) -> Option<Kind> {
    let essence = essence(media);
    MEDIA.iter().find(|(known, _)| known.eq_ignore_ascii_case(essence)).map(|(_, kind)| *kind)
}

/// A media type without its parameters.
pub fn essence(media: &str) -> &str {
    media.split(';').next().unwrap_or_default().trim()
}

/// The format of a clinical document with these templates, whose unstructured body is of this media type.
pub fn format(templates: &[(String, String)], body: Option<&str>) -> Option<&'static Format> {
    let fits = |format: &&Format| match body {
        Some(media) => format.by_media && format.value.eq_ignore_ascii_case(essence(media)),
        None => !format.by_media && templates.iter().any(|(root, _)| root == format.value),
    };
    FORMATS.iter().find(fits)
}

/// The address of a code system that CDA names by its OID; none for no OID.
pub fn system(oid: &str) -> Option<String> {
    let known = SYSTEMS.iter().find(|[known, ..]| *known == oid).map(|[_, system, _]| (*system).to_owned());
    let arcs = |oid: &str| oid.contains('.') && oid.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    known.or_else(|| arcs(oid).then(|| format!("urn:oid:{oid}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_read() {
        let count = |table: &str| table.lines().count() - 1;
        assert_eq!(MEDIA.len(), count(include_str!("../../../profiles/documents/media.tsv")));
        assert_eq!(FORMATS.len(), count(include_str!("../../../profiles/documents/formats.tsv")));
        assert_eq!(SYSTEMS.len(), count(include_str!("../../../profiles/documents/systems.tsv")));
        for table in ["media", "formats", "systems"] {
            let path = format!("{}/profiles/documents/{table}.tsv", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap();
            assert!(text.lines().all(|line| line.split('\t').all(|cell| !cell.trim().is_empty())), "{table}: a blank cell");
            let mut keys: Vec<_> = text.lines().map(|line| line.split('\t').take(2).collect::<Vec<_>>()).collect();
            keys.sort_unstable();
            assert!(keys.windows(2).all(|pair| pair.first() != pair.last()), "{table}: a row stands twice");
        }
    }

    #[test]
    fn what_is_known_is_found() {
        assert_eq!(kind("Application/PDF; x=y"), Some(Kind::Pdf));
        assert_eq!(kind("application/x-unknown"), None);
        let lab = [("1.2.250.1.213.1.1.1.1".to_owned(), String::new()), ("1.3.6.1.4.1.19376.1.3.3".to_owned(), String::new())];
        assert_eq!(format(&lab, None).map(|format| format.code), Some("urn:ihe:lab:xd-lab:2008"));
        assert_eq!(format(&lab, Some("application/pdf")).map(|format| format.code), Some("urn:ihe:iti:xds-sd:pdf:2008"));
        assert_eq!(format(&[], None).map(|format| format.code), None);
        assert_eq!(system("2.16.840.1.113883.6.1").as_deref(), Some("http://loinc.org"));
        assert_eq!(system("1.2.3").as_deref(), Some("urn:oid:1.2.3"));
        assert_eq!(system("loinc"), None);
    }
}
