//! What the tree is, and what is no form of a FHIR resource.

use serde_json::{Value, json};

use super::super::read;
use super::{good, parts, patient};

const XHTML: &str = "xmlns=\"http://www.w3.org/1999/xhtml\"";

/// Content of a Patient, and the members of its object.
#[test]
fn elements_become_members() {
    let rows = [
        (
            "<birthDate id=\"314\" value=\"1970-03-30\"><extension url=\"u:x\"><valueString value=\"Easter\"/></extension></birthDate>",
            json!({"birthDate": "1970-03-30", "_birthDate": {"id": "314", "extension": [{"url": "u:x", "valueString": "Easter"}]}}),
        ),
        (
            "<birthDate><extension url=\"u:x\"><valueCode value=\"unknown\"/></extension></birthDate>",
            json!({"_birthDate": {"extension": [{"url": "u:x", "valueCode": "unknown"}]}}),
        ),
        (
            "<name id=\"n\"><given value=\"A\"/><given id=\"g\"/></name>",
            json!({"name": [{"id": "n", "given": ["A", null], "_given": [null, {"id": "g"}]}]}),
        ),
        (
            "<name><given id=\"g\"/><given value=\"B\"/><given value=\"C\"/></name>",
            json!({"name": [{"given": [null, "B", "C"], "_given": [{"id": "g"}, null, null]}]}),
        ),
        ("<name><given id=\"g\"/></name>", json!({"name": [{"_given": [{"id": "g"}]}]})),
        ("<name><given value=\"A\"/><given value=\"B\"/></name>", json!({"name": [{"given": ["A", "B"]}]})),
        (
            "<deceasedDateTime value=\"2020\"/><multipleBirthInteger value=\"2\"/>",
            json!({"deceasedDateTime": "2020", "multipleBirthInteger": 2}),
        ),
        (
            "<extension url=\"u:a\"><extension url=\"u:b\"><valueDecimal value=\"1.00\"/></extension></extension>",
            json!({"extension": [{"url": "u:a", "extension": [{"url": "u:b", "valueDecimal": number("1.00")}]}]}),
        ),
        ("<id id=\"x\" value=\"p\"/>", json!({"id": "p", "_id": {"id": "x"}})),
        (
            "<contained><Organization><id value=\"o\"/></Organization></contained><contained><Binary/></contained>",
            json!({"contained": [{"resourceType": "Organization", "id": "o"}, {"resourceType": "Binary"}]}),
        ),
        ("<active value=\"\"/>", json!({"active": ""})),
    ];
    for (content, members) in rows {
        let mut whole = json!({"resourceType": "Patient"});
        whole.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        assert_eq!(good(&patient(content)), whole, "{content}");
    }
    let bundle = good(
        "<Bundle xmlns=\"http://hl7.org/fhir\"><type value=\"batch\"/>\
         <entry><fullUrl value=\"u:1\"/><resource><Patient/></resource></entry></Bundle>",
    );
    assert_eq!(
        serde_json::to_string(&bundle).unwrap(),
        r#"{"resourceType":"Bundle","type":"batch","entry":[{"fullUrl":"u:1","resource":{"resourceType":"Patient"}}]}"#
    );
}

fn number(digits: &str) -> Value {
    serde_json::from_str(digits).unwrap()
}

/// What is not a value of the type stays text, and validation says what was expected.
#[test]
fn values_have_the_type_of_json() {
    let observation = |value: &str| {
        let text =
            format!("<Observation xmlns=\"http://hl7.org/fhir\"><valueQuantity><value value=\"{value}\"/></valueQuantity></Observation>");
        good(&text)["valueQuantity"]["value"].clone()
    };
    for digits in ["1", "1.00", "-0", "0.10", "12345678901234567890.123456789", "1e-7", "-1.5e+10"] {
        assert_eq!(observation(digits).to_string(), digits);
    }
    for text in [" 1", "1 ", "+1", "01", "1.", ".5", "NaN", "-", "", "0x1", "1,5", "1e", "1&#10;"] {
        assert!(observation(text).is_string(), "{text}");
    }
    for (written, value) in
        [("true", json!(true)), ("false", json!(false)), ("yes", json!("yes")), ("True", json!("True")), ("1", json!("1"))]
    {
        assert_eq!(good(&patient(&format!("<active value=\"{written}\"/>")))["active"], value);
    }
    // Only booleans and numbers are more than text.
    assert_eq!(
        good(&patient("<id value=\"1\"/><gender value=\"true\"/>")),
        json!({"resourceType": "Patient", "id": "1", "gender": "true"})
    );
}

/// A `div` as written, and its string.
#[test]
fn a_div_is_kept_to_the_letter() {
    let kept = [
        format!("<div {XHTML}/>"),
        format!("<div {XHTML} lang=\"fr\" xml:lang='fr' class=\"a\"  style=\"color: red\" >a <b>b</b> <i>i</i>\r\n\t</div >"),
        format!("<div class='a' {XHTML}><!-- c --><![CDATA[a < b]]>&amp;&#160;&lt;<br/><br /></div>"),
        format!("<div {XHTML} xmlns:h=\"http://www.w3.org/1999/xhtml\"><p {XHTML}> é </p></div>"),
    ];
    for div in kept {
        // But for the end of a line, which XML says is one character.
        assert_eq!(good(&patient(&format!("<text>\n{div}\n</text>")))["text"]["div"], *div.replace("\r\n", "\n"));
    }
    let h = "xmlns:h=\"http://www.w3.org/1999/xhtml\"";
    let edited = [
        (
            format!("<h:div {h} lang=\"fr\"> <h:b >x</h:b > <h:br/></h:div>"),
            format!("<div {XHTML} {h} lang=\"fr\"> <b >x</b > <br/></div>"),
        ),
        (format!("<h:div {h} xmlns=\"http://hl7.org/fhir\">x</h:div>"), format!("<div {h} {XHTML}>x</div>")),
        (format!("<div {XHTML} {h}><h:b>x</h:b></div>"), format!("<div {XHTML} {h}><b>x</b></div>")),
        (format!("<h:div {h}/>"), format!("<div {XHTML} {h}/>")),
        (format!("<div {XHTML} {h}><h:p xmlns='u:x' class='c'>x</h:p></div>"), format!("<div {XHTML} {h}><p class='c'>x</p></div>")),
    ];
    for (written, div) in edited {
        assert_eq!(good(&patient(&format!("<text>{written}</text>")))["text"]["div"], *div, "{written}");
    }
    let inherited = "<f:Patient xmlns:f=\"http://hl7.org/fhir\" xmlns=\"http://www.w3.org/1999/xhtml\">\
        <f:text><div> <b>x</b></div></f:text></f:Patient>";
    assert_eq!(good(inherited)["text"]["div"], *format!("<div {XHTML}> <b>x</b></div>"));
}

/// Content of a Patient, what is left of it, and the issues.
#[test]
fn what_is_no_form_of_a_resource_is_told_with_its_place() {
    let h = "xmlns:h=\"http://www.w3.org/1999/xhtml\"";
    let rows: [(&str, Value, &[&str]); 34] = [
        ("<nom value=\"x\"/><active value=\"true\"/>", json!({"active": true}), &["Patient.nom `nom` is not an element here"]),
        (
            "<name><x><y/></x><family value=\"F\"/></name>",
            json!({"name": [{"family": "F"}]}),
            &["Patient.name[0].x `x` is not an element here"],
        ),
        ("<deceased value=\"true\"/>", json!({}), &["Patient.deceased `deceased` is not an element here"]),
        ("<deceasedString value=\"true\"/>", json!({}), &["Patient.deceasedString `deceasedString` is not an element here"]),
        (
            "<gender value=\"male\"/><active value=\"true\"/><birthDate value=\"2000\"/>",
            json!({"gender": "male", "active": true, "birthDate": "2000"}),
            &["Patient.active `active` stands before `gender`"],
        ),
        (
            "<name><given value=\"A\"/><family value=\"F\"/><given value=\"B\"/></name>",
            json!({"name": [{"given": ["A", "B"], "family": "F"}]}),
            &["Patient.name[0].family `family` stands before `given`"],
        ),
        (
            "<name><text value=\"t\"/></name><telecom><value value=\"1\"/></telecom><name><text value=\"u\"/></name>",
            json!({"name": [{"text": "t"}, {"text": "u"}], "telecom": [{"value": "1"}]}),
            &["Patient.name[1] all `name` stand together"],
        ),
        ("<active value=\"true\"/><active value=\"false\"/>", json!({"active": true}), &["Patient.active `active` does not repeat"]),
        (
            "<deceasedBoolean value=\"true\"/><deceasedDateTime value=\"2020\"/>",
            json!({"deceasedBoolean": true}),
            &["Patient.deceased `deceased` does not repeat"],
        ),
        ("<active/>", json!({}), &["Patient.active an element is not empty"]),
        (
            "<name/><name> <!-- --> </name><name><family value=\"F\"/></name>",
            json!({"name": [{"family": "F"}]}),
            &["Patient.name[0] an element is not empty", "Patient.name[0] an element is not empty"],
        ),
        (
            "<name><given/><given value=\"A\"/></name>",
            json!({"name": [{"given": ["A"]}]}),
            &["Patient.name[0].given[0] an element is not empty"],
        ),
        ("<active value=\"true\" valeur=\"x\"/>", json!({"active": true}), &["Patient.active the attribute `valeur` is not allowed here"]),
        (
            "<name value=\"x\"><family value=\"F\"/></name>",
            json!({"name": [{"family": "F"}]}),
            &["Patient.name[0] the attribute `value` is not allowed here"],
        ),
        (
            "<name url=\"x\"><family value=\"F\"/></name>",
            json!({"name": [{"family": "F"}]}),
            &["Patient.name[0] the attribute `url` is not allowed here"],
        ),
        ("<active xml:lang=\"fr\" value=\"true\"/>", json!({"active": true}), &["Patient.active the attribute `lang` is not allowed here"]),
        (
            "<f:active xmlns:f=\"http://hl7.org/fhir\" f:value=\"true\"/>",
            json!({}),
            &["Patient.active the attribute `value` is not allowed here"],
        ),
        (
            "<active xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"b\" value=\"true\"/>",
            json!({"active": true}),
            &["Patient.active the attribute `type` is not allowed here"],
        ),
        ("<active>true</active>", json!({}), &["Patient.active text is not allowed here, a value is in the attribute `value`"]),
        (
            "<name>a<family value=\"F\"/>b&#99;<![CDATA[d]]></name>",
            json!({"name": [{"family": "F"}]}),
            &["Patient.name[0] text is not allowed here, a value is in the attribute `value`"],
        ),
        ("<active xmlns=\"\" value=\"true\"/>", json!({}), &["Patient.active `active` is not in the namespace http://hl7.org/fhir"]),
        (
            "<name><family xmlns=\"u:x\" value=\"F\"/><given value=\"A\"/></name>",
            json!({"name": [{"given": ["A"]}]}),
            &["Patient.name[0].family `family` is not in the namespace http://hl7.org/fhir"],
        ),
        (
            "<name><id value=\"x\"/><family value=\"F\"/></name>",
            json!({"name": [{"family": "F"}]}),
            &["Patient.name[0].id `id` is an attribute in XML"],
        ),
        (
            "<extension><url value=\"u:x\"/><valueCode value=\"c\"/></extension>",
            json!({"extension": [{"valueCode": "c"}]}),
            &["Patient.extension[0].url `url` is an attribute in XML"],
        ),
        ("<contained/>", json!({}), &["Patient.contained[0] an element is not empty"]),
        (
            "<contained><Basic/><Binary/></contained>",
            json!({"contained": [{"resourceType": "Basic"}]}),
            &["Patient.contained[0] one resource stands here, `Binary` is a second one"],
        ),
        (
            "<contained id=\"x\"><Basic/></contained>",
            json!({"contained": [{"resourceType": "Basic"}]}),
            &["Patient.contained[0] the attribute `id` is not allowed here"],
        ),
        (
            "<contained>x<Basic xmlns=\"u:x\"/></contained>",
            json!({}),
            &["Patient.contained[0] `Basic` is not in the namespace http://hl7.org/fhir", "Patient.contained[0] text is not allowed here"],
        ),
        (
            "<contained><Patient><id value=\"c\"/><nom/></Patient></contained>",
            json!({"contained": [{"resourceType": "Patient", "id": "c"}]}),
            &["Patient.contained[0].nom `nom` is not an element here"],
        ),
        ("<contained><Licorne><corne/></Licorne></contained>", json!({"contained": [{"resourceType": "Licorne"}]}), &[]),
        (
            "<text><div>x</div></text>",
            json!({"text": {"div": format!("<div {XHTML}>x</div>")}}),
            &["Patient.text.div `div` is not in the namespace http://www.w3.org/1999/xhtml"],
        ),
        (
            &format!("<text><h:div {h}><p>x</p></h:div></text>"),
            json!({"text": {"div": format!("<div {XHTML} {h}><p>x</p></div>")}}),
            &["Patient.text.div `p` is not in the namespace http://www.w3.org/1999/xhtml"],
        ),
        (
            &format!("<text><div {XHTML}>1</div><div {XHTML}>2</div></text>"),
            json!({"text": {"div": format!("<div {XHTML}>1</div>")}}),
            &["Patient.text.div `div` does not repeat"],
        ),
        (
            "<birthDate><extension url=\"u:x\"/><id value=\"a\"/></birthDate>",
            json!({"_birthDate": {"extension": [{"url": "u:x"}]}}),
            &["Patient.birthDate.id `id` is an attribute in XML"],
        ),
    ];
    for (content, members, expected) in rows {
        let mut whole = json!({"resourceType": "Patient"});
        whole.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let (value, issues) = parts(&patient(content));
        assert_eq!(issues, expected, "{content}");
        assert_eq!(value, whole, "{content}");
    }
}

#[test]
fn the_root_is_as_written() {
    let rows: [(&str, Value, &[&str]); 6] = [
        ("<Licorne xmlns=\"http://hl7.org/fhir\"><a/></Licorne>", json!({"resourceType": "Licorne"}), &[]),
        ("<patient xmlns=\"http://hl7.org/fhir\"/>", json!({"resourceType": "patient"}), &[]),
        ("<Parameters xmlns=\"http://hl7.org/fhir\"/>", json!({"resourceType": "Parameters"}), &[]),
        // One issue, and the elements in the same namespace are read all the same.
        (
            "<Patient><active value=\"true\"/></Patient>",
            json!({"resourceType": "Patient", "active": true}),
            &["Patient expected the namespace http://hl7.org/fhir"],
        ),
        (
            "<Patient xmlns=\"http://hl7.org/FHIR\"><a/></Patient>",
            json!({"resourceType": "Patient"}),
            &["Patient expected the namespace http://hl7.org/fhir", "Patient.a `a` is not an element here"],
        ),
        (
            "<Patient xmlns=\"http://hl7.org/fhir\" id=\"x\"/>",
            json!({"resourceType": "Patient"}),
            &["Patient the attribute `id` is not allowed here"],
        ),
    ];
    for (text, whole, expected) in rows {
        let (value, issues) = parts(text);
        assert_eq!(issues, expected, "{text}");
        assert_eq!(value, whole, "{text}");
    }
}

#[test]
fn issues_are_bounded_and_syntax_comes_first() {
    let many = "<x/>".repeat(1000);
    assert_eq!(read(patient(&many).as_bytes()).unwrap().issues.len(), crate::fhir::issue::ISSUES_MAX);
    assert!(read(format!("{} ", patient(&many)).replace("</Patient>", "").as_bytes()).is_err());
}

/// A tree that is read from XML is one that can be read from JSON again.
#[test]
fn depth_is_that_of_json() {
    let nested =
        |n: usize| patient(&format!("{}<valueCode value=\"x\"/>{}", "<extension url=\"u:x\">".repeat(n), "</extension>".repeat(n)));
    let deepest = (1..64).take_while(|n| read(nested(*n).as_bytes()).is_ok()).last().unwrap();
    assert_eq!(deepest, 31);
    let value = good(&nested(deepest));
    assert!(crate::fhir::json::parse(value.to_string().as_bytes()).is_ok());
    assert!(read(nested(deepest + 1).as_bytes()).unwrap_err().message.contains("nested deeper than 64 levels"));
    // The depth of a narrative is its own, as it is in JSON.
    let div = |n: usize| format!("<text><div {XHTML}>{}x{}</div></text>", "<p>".repeat(n), "</p>".repeat(n));
    assert!(read(patient(&div(63)).as_bytes()).is_ok());
    assert!(read(patient(&div(64)).as_bytes()).is_err());
}
