//! What is written.

use serde_json::{Value, json};

use super::super::write;
use super::good;
use crate::fhir::json;

fn written(value: &Value, pretty: bool) -> String {
    let text = String::from_utf8(write(value, pretty)).unwrap();
    text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").unwrap().to_owned()
}

/// Members of a Patient, and the content of the element.
#[test]
fn members_become_elements() {
    let rows = [
        (json!({"active": true, "id": "p"}), "<id value=\"p\"/><active value=\"true\"/>"),
        (
            json!({"name": [{"given": ["A", "B"], "family": "F", "id": "n"}]}),
            "<name id=\"n\"><family value=\"F\"/><given value=\"A\"/><given value=\"B\"/></name>",
        ),
        (
            json!({"_birthDate": {"extension": [{"valueString": "E", "url": "u:x", "id": "i"}], "id": "b"}, "birthDate": "1970"}),
            "<birthDate id=\"b\" value=\"1970\"><extension id=\"i\" url=\"u:x\"><valueString value=\"E\"/></extension></birthDate>",
        ),
        (json!({"_birthDate": {"id": "b"}}), "<birthDate id=\"b\"/>"),
        (json!({"name": [{"_given": [null, {"id": "g"}], "given": ["A", null]}]}), "<name><given value=\"A\"/><given id=\"g\"/></name>"),
        (json!({"name": [{"_given": [{"id": "g"}]}]}), "<name><given id=\"g\"/></name>"),
        (json!({"deceasedBoolean": false, "_deceasedBoolean": {"id": "d"}}), "<deceasedBoolean id=\"d\" value=\"false\"/>"),
        (
            json!({"extension": [{"url": "u:x", "extension": [{"url": "u:y", "valueCode": "c"}]}]}),
            "<extension url=\"u:x\"><extension url=\"u:y\"><valueCode value=\"c\"/></extension></extension>",
        ),
        (
            json!({"contained": [{"id": "o", "resourceType": "Organization"}, {"resourceType": "Binary"}]}),
            "<contained><Organization><id value=\"o\"/></Organization></contained><contained><Binary/></contained>",
        ),
        (json!({"id": "<a & \"b\" 'c'>"}), "<id value=\"&lt;a &amp; &quot;b&quot; 'c'&gt;\"/>"),
        // What no validated tree has is left out.
        (json!({"nom": "x", "_nom": {"id": "x"}, "active": {"a": 1}, "name": "x", "gender": null, "photo": [null, 1]}), ""),
    ];
    for (members, content) in rows {
        let mut patient = json!({"resourceType": "Patient"});
        patient.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let text = written(&patient, false);
        let inner = text.strip_prefix("<Patient xmlns=\"http://hl7.org/fhir\">").and_then(|text| text.strip_suffix("</Patient>"));
        assert_eq!(inner.unwrap(), content);
    }
    assert_eq!(written(&json!({"resourceType": "Parameters"}), false), "<Parameters xmlns=\"http://hl7.org/fhir\"/>");
    for value in [json!(null), json!([]), json!({"id": "x"}), json!({"resourceType": "HumanName"}), json!({"resourceType": 1})] {
        assert_eq!(written(&value, true), "");
    }
}

#[test]
fn numbers_keep_their_digits() {
    for digits in ["1.00", "-0", "0.10", "12345678901234567890.123456789", "1e-7", "1E3", "1e3", "1E+03", "1.0e-7"] {
        let text = format!(r#"{{"resourceType":"Observation","valueQuantity":{{"value":{digits}}}}}"#);
        let value = json::parse(text.as_bytes()).unwrap();
        let text = written(&value, false);
        assert!(text.contains(&format!("<value value=\"{digits}\"/>")), "{text}");
        assert_eq!(good(&text), value);
    }
}

#[test]
fn pretty_is_indented_but_a_narrative_is_not() {
    let div = "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>a</p>\n<p>b</p></div>";
    let bundle = json!({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient", "active": true,
        "text": {"div": div, "status": "generated"}, "_active": {"extension": [{"url": "u:x", "valueCode": "c"}]}}}]});
    let expected = r#"
<Bundle xmlns="http://hl7.org/fhir">
  <entry>
    <resource>
      <Patient>
        <text>
          <status value="generated"/>
          <div xmlns="http://www.w3.org/1999/xhtml"><p>a</p>
<p>b</p></div>
        </text>
        <active value="true">
          <extension url="u:x">
            <valueCode value="c"/>
          </extension>
        </active>
      </Patient>
    </resource>
  </entry>
</Bundle>"#;
    assert_eq!(written(&bundle, true), expected);
}
