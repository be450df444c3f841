//! The fourteen defects found in fhirbolt 0.4: none is ours. Where it is sound it is our second opinion.

use ensemble::fhir::validate::validate;
use ensemble::fhir::{Document, Format, ResourceType, xml};
use serde_json::{Value, json};

const NS: &str = "xmlns=\"http://hl7.org/fhir\"";
const XHTML: &str = "xmlns=\"http://www.w3.org/1999/xhtml\"";

/// What reading and validating say: a syntax error, the first issue's place, or nothing.
fn said(format: Format, text: impl AsRef<[u8]>) -> String {
    let document = match Document::read(format, text.as_ref()) {
        Err(error) => return format!("syntax at line {} column {}", error.line, error.column),
        Ok(document) => document,
    };
    let kind = document.value["resourceType"].as_str().and_then(ResourceType::parse).unwrap();
    let first = document.issues.into_iter().chain(validate(kind, &document.value)).next();
    first.map_or_else(String::new, |issue| issue.expression)
}

fn json_says(value: Value) -> String {
    said(Format::Json, value.to_string())
}

/// JSON to XML and back.
fn through_xml(value: &Value) -> Value {
    let again = Document::read(Format::Xml, &xml::write(value, false)).unwrap();
    assert_eq!(again.issues, []);
    again.value
}

#[test]
fn defect_1_deep_xml_ends_the_process() {
    for levels in [1_000, 10_000, 20_000] {
        let deep = format!("<Patient {NS}>{}", "<extension url=\"x\">".repeat(levels));
        assert!(said(Format::Xml, &deep).starts_with("syntax"), "{levels}");
        let narrative = format!("<Patient {NS}><text><status value=\"generated\"/><div {XHTML}>{}", "<b>".repeat(levels));
        assert!(said(Format::Xml, &narrative).starts_with("syntax"), "{levels}");
    }
}

#[test]
fn defect_2_broken_bytes_in_a_namespace_panic() {
    for text in [
        &b"<Patient xmlns=\"http://hl7.org/\xff\"/>"[..],
        b"<Patient xmlns:\xff=\"x\"/>",
        b"<\xff:Patient xmlns:\xff=\"http://hl7.org/fhir\"/>",
    ] {
        assert!(said(Format::Xml, text).starts_with("syntax"));
    }
}

#[test]
fn defect_3_narrative_loses_white_space_attributes_and_comments() {
    for div in [
        format!("<div {XHTML}>a <b>b</b> <i>i</i>\n</div>"),
        format!("<div {XHTML} lang=\"fr\" class=\"x\" style=\"color: red\"><p> x </p></div>"),
        format!("<div {XHTML}><!-- note --><p>a &lt; b &amp;&#160;c</p></div>"),
    ] {
        let value = json!({"resourceType": "Patient", "text": {"status": "generated", "div": div}});
        assert_eq!(json_says(value.clone()), "");
        assert_eq!(through_xml(&value), value);
    }
    let prefixed = format!(
        "<Patient {NS} xmlns:h=\"http://www.w3.org/1999/xhtml\"><text><status value=\"generated\"/><h:div>a <h:b>b</h:b></h:div></text></Patient>"
    );
    let read = Document::read(Format::Xml, prefixed.as_bytes()).unwrap();
    assert_eq!(read.value["text"]["div"], format!("<div {XHTML}>a <b>b</b></div>"));
}

#[test]
fn defect_4_legal_xml_is_refused() {
    let active = "<active value=\"true\"/>";
    for text in [
        format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><Patient {NS}>{active}</Patient>"),
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Patient {NS}>{active}</Patient>\n"),
        format!("<?xml-stylesheet href=\"x.xsl\" type=\"text/xsl\"?><Patient {NS}>{active}</Patient>"),
        format!(
            "<Patient {NS} xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:schemaLocation=\"http://hl7.org/fhir x.xsd\">{active}</Patient>"
        ),
        "<f:Patient xmlns:f=\"http://hl7.org/fhir\"><f:active value=\"true\"/></f:Patient>".to_owned(),
        format!("<Patient {NS}><!-- c --><?pi x?>{active}</Patient>"),
        format!("<Patient {NS}><active value='true' /></Patient>"),
    ] {
        let read = Document::read(Format::Xml, text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((read.issues, read.value), (vec![], json!({"resourceType": "Patient", "active": true})), "{text}");
    }
    let data = format!("<Patient {NS}><text><status value=\"generated\"/><div {XHTML}><![CDATA[a < b]]></div></text></Patient>");
    assert_eq!(said(Format::Xml, data), "");
}

#[test]
fn defect_5_lines_and_control_characters_in_attributes() {
    let value = json!({"resourceType": "Patient", "name": [{"text": "a\tb\nc\r\nd"}]});
    let text = String::from_utf8(xml::write(&value, false)).unwrap();
    assert!(text.contains("a&#9;b&#10;c&#13;&#10;d"), "{text}");
    assert_eq!(through_xml(&value), value);
    let literal = format!("<Patient {NS}><name><text value=\"a\tb\nc\"/></name></Patient>");
    assert_eq!(Document::read(Format::Xml, literal.as_bytes()).unwrap().value["name"][0]["text"], "a b c", "as every reader of XML");
    assert_eq!(json_says(json!({"resourceType": "Patient", "name": [{"text": "a\u{1}b"}]})), "Patient.name[0].text");
    assert!(said(Format::Xml, format!("<Patient {NS}><name><text value=\"&#1;\"/></name></Patient>")).starts_with("syntax"));
}

#[test]
fn defect_6_documents_that_do_not_end_or_hold_too_much() {
    for (text, expected) in [
        (format!("<Patient {NS}><active value=\"true\"/>"), "syntax"),
        (format!("<Patient {NS}/><Patient {NS}/>"), "syntax"),
        (format!("<Patient {NS}><active value=\"true\"/></Patient>x"), "syntax"),
        (format!("<Patient {NS}><active value=\"true\" valeur=\"x\"/></Patient>"), "Patient.active"),
        (
            format!(
                "<Patient {NS}><id value=\"a\"/><contained><Patient><id value=\"b\"/></Patient><Patient><id value=\"c\"/></Patient></contained></Patient>"
            ),
            "Patient.contained[0]",
        ),
    ] {
        let found = said(Format::Xml, &text);
        assert!(found.starts_with(expected) && !found.is_empty(), "{text}: {found}");
    }
}

#[test]
fn defect_7_a_resource_type_that_is_not_first() {
    assert_eq!(said(Format::Json, r#"{"active":true,"contact":[{"gender":"male"}],"resourceType":"Patient"}"#), "");
}

#[test]
fn defect_8_integers_that_do_not_fit() {
    for number in ["4294967297", "2147483648", "-2147483649", "1.0", "1e2"] {
        let text = format!(r#"{{"resourceType":"Patient","multipleBirthInteger":{number}}}"#);
        assert_eq!(said(Format::Json, &text), "Patient.multipleBirth", "{number}");
        let text = format!("<Patient {NS}><multipleBirthInteger value=\"{number}\"/></Patient>");
        assert_eq!(said(Format::Xml, &text), "Patient.multipleBirth", "{number}");
    }
}

#[test]
fn defect_9_an_id_beside_its_companion() {
    let value = json!({"resourceType": "Patient", "id": "a", "_id": {"extension": [{"url": "urn:x", "valueCode": "y"}]}});
    assert_eq!(json_says(value.clone()), "");
    assert_eq!(through_xml(&value), value);
}

#[test]
fn defect_10_trailing_text_and_duplicate_keys() {
    for text in
        [r#"{"resourceType":"Patient"} x"#, r#"{"resourceType":"Patient"}{}"#, r#"{"resourceType":"Patient","active":true,"active":false}"#]
    {
        assert!(said(Format::Json, text).starts_with("syntax at line 1 column"), "{text}");
    }
}

#[test]
fn defect_11_what_strict_does_not_refuse() {
    for (value, place) in [
        (json!({"resourceType": "Observation", "code": {"text": "x"}}), "Observation.status"),
        (json!({"resourceType": "Patient", "gender": "x"}), "Patient.gender"),
        (json!({"resourceType": "Patient", "deceasedBoolean": true, "deceasedDateTime": "2020"}), "Patient.deceased"),
        (json!({"resourceType": "Patient", "name": []}), "Patient.name"),
        (json!({"resourceType": "Patient", "name": [{}]}), "Patient.name[0]"),
        (json!({"resourceType": "Patient", "name": [{"family": ""}]}), "Patient.name[0].family"),
        (json!({"resourceType": "Patient", "name": {"family": "x"}}), "Patient.name"),
        (json!({"resourceType": "Patient", "maritalStatus": [{"text": "x"}]}), "Patient.maritalStatus"),
        (json!({"resourceType": "Patient", "active": "true"}), "Patient.active"),
        (json!({"resourceType": "Patient", "telecom": [{"rank": -1}]}), "Patient.telecom[0].rank"),
        (json!({"resourceType": "Patient", "birthDate": "2020-02-30"}), "Patient.birthDate"),
    ] {
        assert_eq!(json_says(value.clone()), place, "{value}");
    }
}

#[test]
fn defect_12_unknown_elements_are_refused_never_changed() {
    let value = json!({"resourceType": "Patient", "fhir_comments": ["c"], "poids": 3});
    assert_eq!(json_says(value.clone()), "Patient.fhir_comments");
    assert_eq!(Document::read(Format::Json, value.to_string().as_bytes()).unwrap().value.to_string(), value.to_string());
}

#[test]
fn defect_13_errors_tell_their_place() {
    assert_eq!(said(Format::Json, "{\n\"resourceType\":\"Patient\",\n\"active\":tru}"), "syntax at line 3 column 13");
    assert_eq!(json_says(json!({"resourceType": "Patient", "contact": [{"gender": "male"}, {"oops": 1}]})), "Patient.contact[1].oops");
    assert_eq!(said(Format::Xml, format!("<Patient {NS}>\n<contact><oops/></contact></Patient>")), "Patient.contact[0].oops");
    assert!(said(Format::Xml, format!("<Patient {NS}>\n<active value=\"true\">\n</Patient>")).starts_with("syntax at line 3"));
}

#[test]
fn defect_14_companions_that_are_not_padded() {
    let extension = json!({"extension": [{"url": "urn:x", "valueCode": "y"}]});
    for name in [
        json!({"given": ["A", null, "C"], "_given": [null, extension, null]}),
        json!({"given": [null, "B"], "_given": [extension, extension]}),
        json!({"_family": extension}),
    ] {
        let value = json!({"resourceType": "Patient", "name": [name]});
        assert_eq!(json_says(value.clone()), "");
        let again = through_xml(&value);
        assert_eq!(again, value);
    }
    let empty = json!({"resourceType": "Patient", "name": [{"given": ["A"], "_given": [null, null, {}]}]});
    assert_ne!(json_says(empty), "");
}
