#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

const HEAD: &str = r#"<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:sdtc="urn:hl7-org:sdtc">"#;

fn cda(inner: &str) -> Cda {
    match read(format!("{HEAD}{inner}</ClinicalDocument>").as_bytes()).unwrap() {
        Xml::Cda(cda) => *cda,
        Xml::Signature => panic!("it is no signature"),
    }
}

fn fault(text: &[u8]) -> String {
    read(text).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn a_header_is_read_whole() {
    let header = cda(
        r#"<templateId root="1.2.250.1.213.1.1.1.1"/><templateId root="1.2.250.1.213.1.1.1.29" extension="2022.01"/>
        <id root="1.2.250.1.999.5" extension="X1"/>
        <code code="11490-0" codeSystem="2.16.840.1.113883.6.1" displayName="Lettre"><translation code="T" codeSystem="1.2.3"/></code>
        <title>Lettre &amp;
            <![CDATA[sortie]]></title><effectiveTime value="20260102030405+0100"/>
        <confidentialityCode code="R" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="fr-FR"/>
        <setId root="D52DE737-001D-4031-B571-0A0ED7C42300"/><versionNumber value="2"/>
        <recordTarget><patientRole><id root="1.2.250.1.213.1.4.10" extension="279035121518989"/><id root="1.2.3" extension="IPP"/>
            <sdtc:id root="1.2.250.1.213.1.4.10" extension="other"/>
            <patient><name><family qualifier="BR">EXEMPLE</family><given>Anne</given></name></patient></patientRole></recordTarget>
        <author><time value="20260102"/><assignedAuthor><id root="1.2.250.1.71.4.2.1" extension="801234567897"/>
            <code code="G15_10/SM26" codeSystem="1.2.250.1.213.1.1.4.5"/>
            <assignedPerson><name><family>MODELE</family><given>Luc</given><prefix>M</prefix><suffix>DR</suffix></name></assignedPerson>
            <representedOrganization><id root="1.2.250.1.71.4.2.2" extension="1750803447"/><name>Cabinet</name></representedOrganization>
        </assignedAuthor></author>
        <author><assignedAuthor><id root="1.2.3" extension="d"/><assignedAuthoringDevice><softwareName>Robot</softwareName>
        </assignedAuthoringDevice></assignedAuthor></author>
        <custodian><assignedCustodian><representedCustodianOrganization><id root="1.2.250.1.71.4.2.2" extension="1750803447"/>
            <name>Cabinet</name></representedCustodianOrganization></assignedCustodian></custodian>
        <legalAuthenticator><assignedEntity><id root="1.2.250.1.71.4.2.1" extension="801234567897"/></assignedEntity></legalAuthenticator>
        <documentationOf><serviceEvent><code code="A" codeSystem="1.2"/><effectiveTime><low value="20260101"/><high value="20260102"/></effectiveTime>
            <performer><assignedEntity><representedOrganization><standardIndustryClassCode code="AMBULATOIRE" codeSystem="1.2.250.1.213.1.1.4.9"/>
            </representedOrganization></assignedEntity></performer></serviceEvent></documentationOf>
        <relatedDocument typeCode="RPLC"><parentDocument><id root="1.2.250.1.999.4"/></parentDocument></relatedDocument>
        <relatedDocument typeCode="APND"><parentDocument><id root="1.2.250.1.999.3"/></parentDocument></relatedDocument>
        <componentOf><encompassingEncounter><location><healthCareFacility><code code="SA07" codeSystem="1.2.250.1.71.4.2.4"/>
            </healthCareFacility></location></encompassingEncounter></componentOf>"#,
    )
    .header;
    let code = |system: &str, code: &str| Code { system: system.into(), code: code.into(), display: None };
    assert_eq!(header.id, Id::new("1.2.250.1.999.5", "X1"));
    assert_eq!(header.set_id, Id::new("d52de737-001d-4031-b571-0a0ed7c42300", ""));
    assert_eq!(header.version.as_deref(), Some("2"));
    assert_eq!(header.templates.len(), 2);
    assert_eq!(header.codes.iter().map(|code| code.code.as_str()).collect::<Vec<_>>(), ["11490-0", "T"]);
    assert_eq!(header.title.as_deref(), Some("Lettre & sortie"));
    assert_eq!(header.effective_time.as_deref().and_then(instant).as_deref(), Some("2026-01-02T03:04:05+01:00"));
    assert_eq!(header.confidentiality.as_ref().map(|code| code.code.as_str()), Some("R"));
    assert_eq!(header.language.as_deref(), Some("fr-FR"));
    let patients: Vec<&str> = header.patients.iter().map(|(_, extension)| extension.as_str()).collect();
    assert_eq!(patients, ["279035121518989", "IPP"], "an element of another namespace is none of CDA");
    assert_eq!(header.patient_names.first().and_then(|name| name.family.as_deref()), Some("EXEMPLE"));
    let [person, device] = header.authors.as_slice() else { panic!("two authors") };
    assert_eq!(person.name.as_ref().and_then(|name| name.suffix.as_deref()), Some("DR"));
    assert_eq!(person.organization, header.custodian);
    assert_eq!(device.device.as_deref(), Some("Robot"));
    assert!(header.legal_authenticator.is_some());
    assert_eq!(header.period, Some((Some("20260101".into()), Some("20260102".into()))));
    assert_eq!(header.practice_setting, Some(code("1.2.250.1.213.1.1.4.9", "AMBULATOIRE")));
    assert_eq!(header.facility, Some(code("1.2.250.1.71.4.2.4", "SA07")));
    assert_eq!(header.events, [code("1.2", "A")]);
    assert_eq!(header.replaces, [Id::new("1.2.250.1.999.4", "").unwrap()], "an addendum replaces nothing");
}

#[test]
fn a_body_is_what_it_says() {
    let within = |media: &str, base64: bool, data: &str| Body::Within { media: media.into(), base64, data: data.into() };
    let rows = [
        ("", Body::None),
        (
            "<component><structuredBody><component><section><text>x</text></section></component></structuredBody></component>",
            Body::Structured,
        ),
        (
            r#"<component><nonXMLBody><text mediaType="application/pdf" representation="B64">JVBE
Ri0=</text></nonXMLBody></component>"#,
            within("application/pdf", true, "JVBE\nRi0="),
        ),
        ("<component><nonXMLBody><text>a &lt; <![CDATA[b]]></text></nonXMLBody></component>", within("text/plain", false, "a < b")),
        (r#"<component><nonXMLBody><text><reference value="a.pdf"/></text></nonXMLBody></component>"#, Body::Elsewhere),
    ];
    for (inner, expected) in rows {
        assert_eq!(cda(inner).body, expected, "{inner}");
    }
}

#[test]
fn prefixes_are_nothing() {
    let text = r#"<n1:ClinicalDocument xmlns:n1="urn:hl7-org:v3"><n1:id root="1.2.3"/><id root="1.2.4"/></n1:ClinicalDocument>"#;
    let Xml::Cda(cda) = read(text.as_bytes()).unwrap() else { panic!("a clinical document") };
    assert_eq!(cda.header.id, Id::new("1.2.3", ""), "an element without a namespace is none of CDA");
}

#[test]
fn what_is_no_document_says_where() {
    let deep = format!("{HEAD}{}", "<component>".repeat(100_000));
    let many = format!("{HEAD}{}</ClinicalDocument>", "<author/>".repeat(20_001));
    let wide = format!("{HEAD}<id {}/></ClinicalDocument>", (0..100).map(|n| format!("a{n}=\"\" ")).collect::<String>());
    let rows: [(&[u8], &str); 16] = [
        (b"", "line 1 column 1"),
        (b"%PDF-1.4", "line 1 column 1"),
        (b"<html/>", "expected `ClinicalDocument` in the namespace `urn:hl7-org:v3`"),
        (b"<ClinicalDocument/>", "in the namespace"),
        (br#"<ClinicalDocument xmlns="urn:hl7-org:v2"/>"#, "in the namespace"),
        (br#"<Section xmlns="urn:hl7-org:v3"/>"#, "found `Section`"),
        (b"<!DOCTYPE a [<!ENTITY b \"c\">]>\n<ClinicalDocument xmlns=\"urn:hl7-org:v3\">&b;</ClinicalDocument>", "DOCTYPE"),
        (br#"<ClinicalDocument xmlns="urn:hl7-org:v3">&b;</ClinicalDocument>"#, "column 42"),
        (br#"<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1"/>"#, "is not closed"),
        (br#"<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1"/><id root="2"/></ClinicalDocument>"#, "`id` stands twice"),
        (b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><ClinicalDocument xmlns=\"urn:hl7-org:v3\"/>", "ISO-8859-1"),
        (b"<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><title>\xE9</title></ClinicalDocument>", "not UTF-8"),
        (b"\xFF\xFE<\0", "UTF-16"),
        (deep.as_bytes(), "deeper"),
        (many.as_bytes(), "20000 elements"),
        (wide.as_bytes(), "attributes"),
    ];
    for (text, expected) in rows {
        let said = fault(text);
        assert!(said.contains(expected) && said.contains(" at line "), "{expected}: {said}");
    }
}

#[test]
fn a_signature_stands_for_itself() {
    assert!(matches!(read(br#"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>"#), Ok(Xml::Signature)));
    assert!(fault(br#"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><a></ds:Signature>"#).contains("expected the end"));
}

proptest::proptest! {
    #[test]
    fn nothing_makes_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), cut in 0..3000_usize) {
        let _ = read(&bytes);
        let whole = format!("{HEAD}<id root=\"1.2\"/><component><nonXMLBody><text>x</text></nonXMLBody></component></ClinicalDocument>");
        let part = whole.get(..cut.min(whole.len())).unwrap_or_default();
        proptest::prop_assert_eq!(read(part.as_bytes()).is_ok(), part == whole);
    }
}
