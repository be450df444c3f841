//! What is XML and what is not.

use serde_json::json;

use super::super::read;
use super::{good, patient};

#[test]
fn every_way_to_write_a_document_is_read() {
    let whole = json!({"resourceType": "Patient", "id": "p1", "active": true});
    let content = "<id value=\"p1\"/><active value=\"true\"/>";
    let rows = [
        patient(content),
        format!("\u{FEFF}{}", patient(content)),
        format!("<?xml version=\"1.0\"?>{}", patient(content)),
        format!("\u{FEFF}<?xml version=\"1.0\" encoding=\"UTF-8\"?>{}", patient(content)),
        format!("<?xml version='1.0' encoding='utf-8'?>\r\n{}", patient(content)),
        format!("<?xml version = \"1.0\" encoding = \"Utf-8\" standalone = \"yes\" ?>{}", patient(content)),
        format!("<?xml version=\"1.0\" standalone='no'?>{}", patient(content)),
        format!("<?xml version=\"1.0\" encoding=\"US-ASCII\"?>{}", patient(content)),
        format!("<?xml version=\"1.0\"?><!-- before --><?xml-stylesheet href=\"x.xsl\"?>{}\n<!-- after --><?x?>\n", patient(content)),
        patient(&format!("<!----><?x y?> {content}\t\r\n<!-- - -->&#32;&#x0A;<![CDATA[ ]]>")),
        "<f:Patient xmlns:f=\"http://hl7.org/fhir\"><f:id value=\"p1\"/><f:active value=\"true\"></f:active></f:Patient>".to_owned(),
        "<Patient xmlns='http://hl7.org/fhir' ><id\nvalue = 'p1' /><active value='true'></active ></Patient\n>".to_owned(),
        "<Patient xmlns=\"http://hl7.org/&#102;hir\"><id value=\"&#x70;&#49;\"/><active value=\"true\"/></Patient>".to_owned(),
        "<Patient xmlns=\"http://hl7.org/fhir\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:schemaLocation=\"http://hl7.org/fhir patient.xsd\"><id xmlns:other=\"u:x\" value=\"p1\"/>\
         <a:active xmlns:a=\"http://hl7.org/fhir\" value=\"true\"/></Patient>"
            .to_owned(),
    ];
    for text in rows {
        assert_eq!(good(&text), whole, "{text}");
    }
}

#[test]
fn values_are_normalized_as_xml_says() {
    let rows = [
        ("a\tb\nc", "a b c"),
        ("a\r\nb\rc", "a b c"),
        ("a&#9;b&#10;c&#13;d&#xD;&#xA;", "a\tb\nc\rd\r\n"),
        (" a  b ", " a  b "),
        ("&lt;&gt;&amp;&quot;&apos;", "<>&\"'"),
        ("&amp;lt;", "&lt;"),
        ("é&#233;&#x1F600;\u{85}\u{2028}", "éé😀\u{85}\u{2028}"),
        ("a>b]]>'", "a>b]]>'"),
    ];
    for (written, value) in rows {
        assert_eq!(good(&patient(&format!("<id value=\"{written}\"/>")))["id"], *value, "{written}");
    }
}

/// Each with what is said and where.
#[test]
fn what_is_not_well_formed_is_refused_with_its_place() {
    let xml = |content: &str| patient(content).into_bytes();
    let rows: [(Vec<u8>, &str, usize, usize); 66] = [
        (b"".to_vec(), "expected an element", 1, 1),
        (b" \n ".to_vec(), "expected an element", 2, 2),
        (b"<!-- -->".to_vec(), "expected an element", 1, 9),
        (b"{\"a\": 1}".to_vec(), "text stands outside", 1, 1),
        (b"\xEF\xBB\xBF\xEF\xBB\xBF<a/>".to_vec(), "text stands outside", 1, 1),
        (b"<a/> x".to_vec(), "text stands outside", 1, 6),
        (b"x<a/>".to_vec(), "text stands outside", 1, 1),
        (b"<a/>&#32;".to_vec(), "text stands outside", 1, 5),
        (b"<a/><![CDATA[ ]]>".to_vec(), "text stands outside", 1, 5),
        (b"<a/>\n<b/>".to_vec(), "a second root", 2, 1),
        (b"<a>\n <b>\n</a>".to_vec(), "expected the end of `b`, found that of `a`", 3, 1),
        (b"<a><b></c></a>".to_vec(), "expected the end of `b`, found that of `c`", 1, 7),
        (b"<p:a xmlns:p='u'></a>".to_vec(), "expected the end of `p:a`", 1, 18),
        (b"<a></a b='c'>".to_vec(), "expected the end of `a`", 1, 4),
        (b"<a></ a>".to_vec(), "expected the end of `a`", 1, 4),
        (b"</a>".to_vec(), "ends without having begun", 1, 1),
        (b"<a/></a>".to_vec(), "ends without having begun", 1, 5),
        (b"<a><b>".to_vec(), "`b` is not closed", 1, 7),
        (b"<a><b/>".to_vec(), "`a` is not closed", 1, 8),
        (b"<a".to_vec(), "tag not closed", 1, 1),
        (b"<a b='".to_vec(), "not closed", 1, 1),
        (b"<".to_vec(), "tag not closed", 1, 1),
        (b"<a><!-- ".to_vec(), "comment not closed", 1, 4),
        (b"<a><![CDATA[ ]]".to_vec(), "CDATA not closed", 1, 4),
        (b"<a><?x ".to_vec(), "processing instruction not closed", 1, 4),
        (b"<>".to_vec(), "`` is not the name of an element", 1, 2),
        (b"< a/>".to_vec(), "`` is not the name of an element", 1, 2),
        (b"<1a/>".to_vec(), "`1a` is not the name of an element", 1, 2),
        (b"<a:/>".to_vec(), "`a:` is not the name", 1, 2),
        (b"<:a/>".to_vec(), "`:a` is not the name", 1, 2),
        (b"<a:b:c xmlns:a='u'/>".to_vec(), "`a:b:c` is not the name", 1, 2),
        (b"<a b/>".to_vec(), "the attribute `b` has no value in quotes", 1, 4),
        (b"<a b=c/>".to_vec(), "the attribute `b` has no value in quotes", 1, 4),
        (b"<a b='1'c='2'/>".to_vec(), "expected white space before an attribute", 1, 9),
        (b"<a 'b'/>".to_vec(), "is not the name of an attribute", 1, 4),
        (b"<a b='1' / >".to_vec(), "`/` is not the name of an attribute", 1, 10),
        (b"<a b='1' c='2'\n b='3'/>".to_vec(), "the attribute `b` stands twice", 2, 2),
        (b"<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>".to_vec(), "the attribute `b` stands twice", 1, 36),
        (b"<a xmlns='u' xmlns='u'/>".to_vec(), "the attribute `xmlns` stands twice", 1, 14),
        (b"<p:a/>".to_vec(), "the prefix `p` is not declared", 1, 2),
        (b"<a p:b='1'/>".to_vec(), "the prefix `p` is not declared", 1, 4),
        (b"<a><p:b xmlns:p='u'/><p:c/></a>".to_vec(), "the prefix `p` is not declared", 1, 23),
        (b"<a xmlns:p=''/>".to_vec(), "`p` cannot be declared so", 1, 4),
        (b"<a xmlns:xmlns='u'/>".to_vec(), "`xmlns` cannot be declared so", 1, 4),
        (b"<a xmlns:xml='u'/>".to_vec(), "`xml` cannot be declared so", 1, 4),
        (b"<a xmlns='http://www.w3.org/2000/xmlns/'/>".to_vec(), "`xmlns` cannot be declared so", 1, 4),
        (b"<a b='<'/>".to_vec(), "`<` stands in the value", 1, 7),
        (b"<a b='&'/>".to_vec(), "`&` does not begin a reference", 1, 7),
        (b"<a>&</a>".to_vec(), "not closed", 1, 4),
        (b"<a>]]></a>".to_vec(), "`]]>` stands in text", 1, 4),
        (b"<a><!-- a -- b --></a>".to_vec(), "`--` stands in a comment", 1, 11),
        (b"<a><!-- a ---></a>".to_vec(), "`--` stands in a comment", 1, 11),
        (b"<a><!ELEMENT b></a>".to_vec(), "", 1, 4),
        (b"<a><![cdata[]]></a>".to_vec(), "", 1, 4),
        (b"<a/><?XmL ?>".to_vec(), "`XmL` is not a processing instruction's name", 1, 5),
        (b"<a/><??>".to_vec(), "`` is not a processing instruction's name", 1, 5),
        (b" <?xml version='1.0'?><a/>".to_vec(), "at the very start only", 1, 2),
        (b"<a><?xml version='1.0'?></a>".to_vec(), "at the very start only", 1, 4),
        (b"<?xml?><a/>".to_vec(), "an XML declaration says `version`", 1, 1),
        (b"<?xml encoding='UTF-8' version='1.0'?><a/>".to_vec(), "an XML declaration says `version`", 1, 1),
        (b"<?xml version='2.0'?><a/>".to_vec(), "expected XML 1.0", 1, 1),
        (b"<?xml version='1.0' standalone='maybe'?><a/>".to_vec(), "`standalone` is `yes` or `no`", 1, 1),
        (xml("<id value=\"a\u{0}\"/>"), "a character that XML does not allow", 1, 50),
        (xml("<!-- \u{1B} -->"), "a character that XML does not allow", 1, 43),
        (xml("<id\u{FFFE}/>"), "a character that XML does not allow", 1, 41),
        (xml("\n\u{FFFF}"), "a character that XML does not allow", 2, 1),
    ];
    for (text, message, line, column) in rows {
        let shown = String::from_utf8_lossy(&text);
        let error = read(&text).map(|read| panic!("{shown} is read as {}", read.value)).unwrap_err();
        assert!(error.message.contains(message), "{error} for {shown}");
        assert_eq!((error.line, error.column), (line, column), "{error} for {shown}");
    }
}

#[test]
fn references_are_the_five_and_characters_of_xml() {
    let rows = [
        "&nbsp;",
        "&AMP;",
        "&bomb;",
        "&#0;",
        "&#1;",
        "&#x1F;",
        "&#xD800;",
        "&#xFFFE;",
        "&#x110000;",
        "&#99999999999;",
        "&#;",
        "&#x;",
        "&#+65;",
        "&#-1;",
        "&#X41;",
    ];
    for reference in rows {
        for text in
            [patient(reference), patient(&format!("<id value=\"{reference}\"/>")), patient(&format!("<id xmlns:p=\"{reference}\"/>"))]
        {
            let error = read(text.as_bytes()).unwrap_err();
            assert!(error.message.contains(reference) || error.message == "`&` does not begin a reference", "{error} for {text}");
        }
    }
}

#[test]
fn a_document_type_is_refused() {
    let rows = [
        "<!DOCTYPE Patient>",
        "<!DOCTYPE Patient SYSTEM \"file:///etc/passwd\">",
        "<!DOCTYPE Patient PUBLIC \"x\" \"http://example.org/x.dtd\">",
        "<!DOCTYPE p [<!ENTITY a \"b\"><!ENTITY c \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>",
        "<!DOCTYPE p [<!ENTITY % x SYSTEM \"http://example.org/\"> %x;]>",
        "<?xml version=\"1.0\"?>\n<!DOCTYPE p []>",
        "<!doctype html>",
    ];
    for prolog in rows {
        let error = read(format!("{prolog}{}", patient("")).as_bytes()).unwrap_err();
        assert!(error.message.contains("DOCTYPE"), "{error} for {prolog}");
    }
}

#[test]
fn other_encodings_are_refused_by_name() {
    let utf_16: Vec<u8> = "\u{FEFF}<a/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let rows: [(&[u8], &str); 8] = [
        (&utf_16, "found UTF-16"),
        (b"\xFE\xFF\0<\0a", "found UTF-16"),
        (b"<\0a\0/\0>\0", "found UTF-16"),
        (b"<?xml version='1.0' encoding='UTF-16'?><a/>", "found the encoding `UTF-16`"),
        (b"<?xml version='1.0' encoding='ISO-8859-1'?><a/>", "found the encoding `ISO-8859-1`"),
        (b"<?xml version='1.0' encoding='windows-1252'?><a b='\xE9'/>", "found the encoding `windows-1252`"),
        (b"<?xml version='1.0' encoding='UTF-8'?><a b='\xE9'/>", "a byte that is not UTF-8"),
        (b"<?xml version='1.0'?>\n<a b='\xED\xA0\x80'/>", "a byte that is not UTF-8"),
    ];
    for (text, message) in rows {
        let error = read(text).unwrap_err();
        assert!(error.message.contains(message), "{error}");
    }
    let error = read(b"<?xml version='1.0'?>\n<a b='\xED\xA0\x80'/>").unwrap_err();
    assert_eq!((error.line, error.column), (2, 7));
}

#[test]
fn names_and_declarations_are_bounded() {
    let many = |each: &dyn Fn(usize) -> String| (0..65).map(each).collect::<String>();
    let rows = [
        (format!("<a {}/>", many(&|n| format!(" a{n}=''"))), "at most 64 attributes"),
        (format!("<a{}><b xmlns='x'/></a>", (0..64).map(|n| format!(" xmlns:p{n}='u'")).collect::<String>()), "at most 64 declarations"),
    ];
    for (text, message) in rows {
        let error = read(text.as_bytes()).unwrap_err();
        assert!(error.message.contains(message), "{error}");
    }
    let long = "a".repeat(1_000_000);
    for text in [
        format!("<{long}/>"),
        patient(&format!("<{long} {long}='{long}'/>")),
        patient(&format!("<id value='{long}'/>")),
        format!("<a {long}"),
    ] {
        match read(text.as_bytes()) {
            Ok(read) => assert!(read.issues.iter().all(|issue| issue.message.len() < 200 && issue.expression.len() < 200)),
            Err(error) => assert!(error.message.len() < 200),
        }
    }
}
