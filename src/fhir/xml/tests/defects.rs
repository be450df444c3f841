//! Defects found in fhirbolt 0.4, by their numbers, that this reader and writer do not have.

use std::time::{Duration, Instant};

use serde_json::json;

use super::super::{check_narrative, read, write};
use super::{good, parts, patient};

#[test]
fn fhirbolt_1_deep_nesting_is_refused() {
    let start = Instant::now();
    for depth in [65, 10_000, 20_000, 100_000] {
        for name in ["extension", "a", "div"] {
            let open = format!("<{name}>").repeat(depth);
            let closed = format!("{open}{}", format!("</{name}>").repeat(depth));
            for text in [patient(&open), patient(&closed), open, closed] {
                assert!(read(text.as_bytes()).unwrap_err().message.contains("nested deeper than 64 levels"));
            }
        }
        let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{}", "<p>".repeat(depth));
        assert!(read(patient(&format!("<text>{div}")).as_bytes()).is_err());
        assert!(check_narrative(&div).unwrap_err().contains("nested deeper than 64 levels"));
    }
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn fhirbolt_2_bad_bytes_in_a_namespace_are_refused() {
    let rows: [&[u8]; 6] = [
        b"<Patient xmlns=\"http://hl7.org/fhir\xFF\"/>",
        b"<Patient xmlns:a\xC3=\"http://hl7.org/fhir\"/>",
        b"<a\xFF:Patient xmlns:a=\"http://hl7.org/fhir\"/>",
        b"<Patient\xE9 xmlns=\"http://hl7.org/fhir\"/>",
        b"<Patient xmlns=\"http://hl7.org/fhir\"><text><div xmlns=\"\xF0\x9F\">x</div></text></Patient>",
        b"\xFF",
    ];
    for text in rows {
        assert!(read(text).unwrap_err().message.contains("UTF-8"));
    }
}

#[test]
fn fhirbolt_3_narratives_keep_every_character() {
    let xhtml = "xmlns=\"http://www.w3.org/1999/xhtml\"";
    let rows = [
        format!("<div {xhtml}>a <b>b</b> <i>i</i> c</div>"),
        format!("<div {xhtml}>\n  <p> x </p>\r\n\t</div>"),
        format!("<div {xhtml} lang=\"fr\" xml:lang=\"fr\" class=\"c\" style=\"color:red\">x</div>"),
        format!("<div {xhtml}><!-- c --><![CDATA[d & e]]>&lt;&#160;</div>"),
        format!("<div {xhtml}/>"),
    ];
    for div in rows {
        let value = json!({"resourceType": "Patient", "text": {"status": "generated", "div": div}});
        for pretty in [false, true] {
            assert_eq!(good(&String::from_utf8(write(&value, pretty)).unwrap()), value);
        }
    }
    let prefixed = patient(&format!("<text><h:div {}>a <h:b>b</h:b> c</h:div></text>", xhtml.replace("xmlns", "xmlns:h")));
    let div = good(&prefixed)["text"]["div"].as_str().unwrap().to_owned();
    assert!(div.starts_with(&format!("<div {xhtml}")) && div.ends_with(">a <b>b</b> c</div>"), "{div}");
    assert_eq!(check_narrative(&div), Ok(()));
}

#[test]
fn fhirbolt_4_legal_documents_are_read() {
    let rows = [
        "<?xml version=\"1.0\" encoding=\"utf-8\" standalone=\"yes\"?><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "<?xml-stylesheet href=\"a\"?><Patient xmlns=\"http://hl7.org/fhir\"/><?x?>",
        "<Patient xmlns=\"http://hl7.org/fhir\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:schemaLocation=\"a b\"/>",
        "<f:Patient xmlns:f=\"http://hl7.org/fhir\"><?x?></f:Patient>",
        "<Patient xmlns=\"http://hl7.org/fhir\"><![CDATA[\n]]></Patient>",
    ];
    for text in rows {
        assert_eq!(good(text), json!({"resourceType": "Patient"}));
    }
}

#[test]
fn fhirbolt_5_new_lines_and_control_characters_are_written_well() {
    let value = json!({"resourceType": "Basic", "id": "a\nb\tc\rd\u{1}\u{FFFF}\u{1F}é"});
    let text = String::from_utf8(write(&value, false)).unwrap();
    assert!(text.contains("<id value=\"a&#10;b&#9;c&#13;d\u{FFFD}\u{FFFD}\u{FFFD}é\"/>"), "{text}");
    assert_eq!(good(&text)["id"], "a\nb\tc\rd\u{FFFD}\u{FFFD}\u{FFFD}é");
}

#[test]
fn fhirbolt_6_the_whole_document_is_checked() {
    for text in ["<Patient xmlns=\"http://hl7.org/fhir\">", &format!("{}<Patient/>", patient("")), &format!("{}x", patient(""))] {
        assert!(read(text.as_bytes()).is_err(), "{text}");
    }
    let (value, issues) = parts(&patient(
        "<id value=\"outer\"/><contained><Basic><id value=\"1\"/></Basic><Basic><id value=\"2\"/></Basic></contained>\
         <active value=\"true\" x=\"y\"/>",
    ));
    assert_eq!(
        value,
        json!({"resourceType": "Patient", "id": "outer", "contained": [{"resourceType": "Basic", "id": "1"}], "active": true})
    );
    assert_eq!(issues.len(), 2);
}

#[test]
fn fhirbolt_8_integers_keep_their_digits() {
    for digits in ["4294967297", "-1", "123456789012345678901234567890"] {
        let value = good(&patient(&format!("<multipleBirthInteger value=\"{digits}\"/>")));
        assert_eq!(value["multipleBirthInteger"].to_string(), digits);
        assert_eq!(good(&String::from_utf8(write(&value, false)).unwrap()), value);
    }
}
