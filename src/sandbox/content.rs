//! Bodies of documents, made here: PDF, CDA, text and image.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::tables::{Document, Holder};
use crate::fhir::primitive;

/// The media type and bytes of a document for a person, made at this instant; `place` tells apart what is alike, `oid` is its identifier.
pub fn content(document: &Document, holder: &Holder, place: usize, oid: &str, at: i64) -> (&'static str, Vec<u8>) {
    let lines = [
        document.title.to_owned(),
        format!("Concerne : {} {}, né(e) le {}", holder.given, holder.family, holder.born),
        format!("Document d'exemple {place}, personne inventée."),
    ];
    match document.media {
        "pdf" => ("application/pdf", pdf(&lines)),
        "cda" => ("text/xml", cda(document, holder, &lines, oid, at)),
        "png" => ("image/png", png(place)),
        _ => ("text/plain; charset=utf-8", lines.join("\n").into_bytes()),
    }
}

/// A PDF 1.4 of one page, in Latin-1.
fn pdf(lines: &[String]) -> Vec<u8> {
    let latin = |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect::<Vec<u8>>();
    let mut stream = b"BT /F1 12 Tf 60 760 Td 18 TL".to_vec();
    for line in lines {
        stream.extend_from_slice(b" (");
        stream.extend(
            latin(line).into_iter().flat_map(|byte| if matches!(byte, b'(' | b')' | b'\\') { vec![b'\\', byte] } else { vec![byte] }),
        );
        stream.extend_from_slice(b") '");
    }
    stream.extend_from_slice(b" ET");
    let head = format!("<< /Length {} >>\nstream\n", stream.len());
    let objects: [Vec<u8>; 5] = [
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_vec(),
        [head.as_bytes(), &stream, b"\nendstream"].concat(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
    ];
    let mut file = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut offsets = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        file.extend_from_slice(format!("{} 0 obj\n", at + 1).as_bytes());
        file.extend_from_slice(object);
        file.extend_from_slice(b"\nendobj\n");
    }
    let table = file.len();
    file.extend_from_slice(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).as_bytes());
    for offset in offsets {
        file.extend_from_slice(format!("{offset:010} 00000 n \n").as_bytes());
    }
    file.extend_from_slice(format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1).as_bytes());
    file
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A CDA R2 of level 1: header and one section of text.
fn cda(document: &Document, holder: &Holder, lines: &[String], oid: &str, at: i64) -> Vec<u8> {
    let gender = if holder.gender == "female" { "F" } else { "M" };
    let paragraphs: String = lines.iter().map(|line| format!("<paragraph>{}</paragraph>", escaped(line))).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ClinicalDocument xmlns=\"urn:hl7-org:v3\">\
         <typeId root=\"2.16.840.1.113883.1.3\" extension=\"POCD_HD000040\"/><id root=\"{oid}\"/>\
         <code code=\"{code}\" codeSystem=\"{system}\" displayName=\"{title}\"/><title>{title}</title>\
         <effectiveTime value=\"{time}+0000\"/><confidentialityCode code=\"N\" codeSystem=\"2.16.840.1.113883.5.25\"/>\
         <languageCode code=\"fr-FR\"/><recordTarget><patientRole><id root=\"1.2.250.1.213.1.4.10\" extension=\"{ins}\"/><patient>\
         <name><family qualifier=\"BR\">{family}</family><given>{given}</given></name>\
         <administrativeGenderCode code=\"{gender}\" codeSystem=\"2.16.840.1.113883.5.1\"/><birthTime value=\"{born}\"/></patient></patientRole>\
         </recordTarget><component><structuredBody><component><section><title>{title}</title><text>{paragraphs}</text></section></component>\
         </structuredBody></component></ClinicalDocument>\n",
        system = if document.code.contains('-') { "2.16.840.1.113883.6.1" } else { "1.2.250.1.213.1.1.4.12" },
        time = primitive::format_instant(at).chars().filter(char::is_ascii_digit).take(14).collect::<String>(),
        code = document.code,
        title = escaped(document.title),
        ins = holder.value(),
        family = escaped(holder.family),
        given = escaped(holder.given),
        born = holder.born.replace('-', ""),
    )
    .into_bytes()
}

/// A grey-scale PNG of 16 by 16 (RFC 2083).
fn png(place: usize) -> Vec<u8> {
    let mut rows = Vec::with_capacity(17 * 16);
    for y in 0..16_usize {
        rows.push(0);
        rows.extend((0..16_usize).map(|x| u8::try_from((x * y + place) * 7 % 256).unwrap_or(0)));
    }
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let _ = encoder.write_all(&rows);
    let data = encoder.finish().unwrap_or_default();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, body) in [(b"IHDR", [0, 0, 0, 16, 0, 0, 0, 16, 8, 0, 0, 0, 0].to_vec()), (b"IDAT", data), (b"IEND", Vec::new())] {
        let mut sum = flate2::Crc::new();
        sum.update(kind);
        sum.update(&body);
        file.extend_from_slice(&u32::try_from(body.len()).unwrap_or(0).to_be_bytes());
        file.extend_from_slice(kind);
        file.extend_from_slice(&body);
        file.extend_from_slice(&sum.sum().to_be_bytes());
    }
    file
}
