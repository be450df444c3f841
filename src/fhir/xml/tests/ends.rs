//! Carriage returns in narratives.

use serde_json::json;

use super::good;
use crate::fhir::xml::write;

const XHTML: &str = "xmlns=\"http://www.w3.org/1999/xhtml\"";

/// Content of a narrative in JSON, and the same in XML.
const ROWS: [(&str, &str); 9] = [
    ("a\r\nb\r<br/>\n", "a&#13;\nb&#13;<br/>\n"),
    ("<p title=\"a\rb\" class='\r\n'>x</p>", "<p title=\"a&#13;b\" class='&#13;\n'>x</p>"),
    ("a&#13;b&#013;", "a&#013;b&#0013;"),
    ("<p title=\"&#13;\r\">x</p>", "<p title=\"&#013;&#13;\">x</p>"),
    ("a&#xD;&#10;&#130;&amp;#13;", "a&#xD;&#10;&#130;&amp;#13;"),
    ("<!-- a\r\nb --><![CDATA[a\r&#13;]]><p\r\nid=\"a\"\r>x</p\r>", "<!-- a\r\nb --><![CDATA[a\r&#13;]]><p\r\nid=\"a\"\r>x</p\r>"),
    ("\r", "&#13;"),
    ("13;\r", "13;&#13;"),
    ("é\r😀", "é&#13;😀"),
];

#[test]
fn a_carriage_return_survives_xml() {
    for (in_json, in_xml) in ROWS {
        let value = json!({"resourceType": "Patient", "text": {"status": "generated", "div": format!("<div {XHTML}>{in_json}</div>")}});
        for pretty in [false, true] {
            let text = String::from_utf8(write(&value, pretty)).unwrap();
            assert!(text.contains(&format!("<div {XHTML}>{in_xml}</div>")), "{text:?}");
            assert_eq!(good(&text), value);
        }
    }
}

#[test]
fn ends_of_lines_are_what_xml_says() {
    let div = |inner: &str| good(&super::patient(&format!("<text><status value=\"generated\"/>{inner}</text>")))["text"]["div"].clone();
    assert_eq!(
        div(&format!("<div {XHTML} title=\"a\r\nb\">a\r\nb\rc&#13;\r</div>")),
        format!("<div {XHTML} title=\"a\nb\">a\nb\nc\r\n</div>")
    );
    let prefixed = "<h:div xmlns:h=\"http://www.w3.org/1999/xhtml\"><h:p xmlns=\"urn:&#13;\" title=\"&#13;\">a\r\nb</h:p></h:div>";
    let read = format!("<div {XHTML} xmlns:h=\"http://www.w3.org/1999/xhtml\"><p title=\"\r\">a\nb</p></div>");
    assert_eq!(div(prefixed).as_str().unwrap().len(), read.len(), "{}", div(prefixed));
}

#[test]
fn what_is_no_narrative_is_written_as_it_is() {
    for div in ["\r<", "<div>\r", "&#13;"] {
        let value = json!({"resourceType": "Patient", "text": {"div": div}});
        assert!(String::from_utf8(write(&value, false)).unwrap().contains(div));
    }
}
