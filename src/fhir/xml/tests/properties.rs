//! What holds of any text and of any tree.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::{check_narrative, read, write};
use crate::fhir::NAMES;
use crate::fhir::definitions::{Element, Is, Primitive, Structure, Type, structure};

/// Levels of objects in a generated tree.
const DEPTH: usize = 4;

/// Decisions, made in advance so that proptest can take some back.
struct Choices(std::vec::IntoIter<u32>);

impl Choices {
    /// A number below a bound; 0 when all decisions are made.
    fn below(&mut self, bound: usize) -> usize {
        self.0.next().map_or(0, |choice| choice as usize % bound)
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn resource(&mut self, depth: usize) -> Value {
        let name = self.of(&NAMES);
        let mut members = self.members(structure(name).unwrap(), depth);
        members.insert("resourceType".to_owned(), json!(name));
        Value::Object(members)
    }

    fn members(&mut self, structure: &'static Structure, depth: usize) -> Map<String, Value> {
        let mut members = Map::new();
        let mut known = Vec::new();
        for _ in 0..=self.below(4) {
            let element = &structure.elements[self.below(structure.elements.len())];
            let kind = &element.types[self.below(element.types.len())];
            let deep = !matches!(kind.is, Is::Primitive(_));
            if known.contains(&element.name) || deep && depth == 0 {
                continue;
            }
            known.push(element.name);
            let name = structure
                .elements
                .iter()
                .position(|one| one.name == element.name)
                .zip(element.types.iter().position(|one| one.name == kind.name));
            let name = name.and_then(|(at, kind)| structure.member_name(at as u16, kind as u16)).unwrap().to_owned();
            self.member(name, element, kind, depth, &mut members);
        }
        members
    }

    fn member(&mut self, name: String, element: &Element, kind: &'static Type, depth: usize, members: &mut Map<String, Value>) {
        let count = if element.repeats() { 1 + self.below(3) } else { 1 };
        let (values, companions): (Vec<Value>, Vec<Value>) = (0..count).map(|_| self.pair(element, kind, depth)).unzip();
        let some = |all: &[Value]| all.iter().any(|one| !one.is_null());
        for (name, mut all) in [(format!("_{name}"), companions), (name, values)] {
            if some(&all) {
                members.insert(name, if element.repeats() { Value::Array(all) } else { all.remove(0) });
            }
        }
    }

    /// A value and its companion, at least one of which is something.
    fn pair(&mut self, element: &Element, kind: &'static Type, depth: usize) -> (Value, Value) {
        let Is::Primitive(primitive) = kind.is else { return (self.object(kind, depth), Value::Null) };
        if element.attribute || primitive == Primitive::Xhtml {
            return (self.primitive(primitive), Value::Null);
        }
        match self.below(6) {
            1 => (Value::Null, json!({"id": "a"})),
            2 if depth > 0 => (self.primitive(primitive), json!({"extension": [self.extension(depth - 1)]})),
            _ => (self.primitive(primitive), Value::Null),
        }
    }

    fn object(&mut self, kind: &'static Type, depth: usize) -> Value {
        let Some(structure) = kind.structure() else { return self.resource(depth - 1) };
        let mut members = self.members(structure, depth - 1);
        if members.is_empty() {
            members.insert("id".to_owned(), json!("b"));
        }
        Value::Object(members)
    }

    fn extension(&mut self, depth: usize) -> Value {
        let mut members = self.members(structure("Extension").unwrap(), depth);
        members.insert("url".to_owned(), json!("u:x"));
        Value::Object(members)
    }

    fn primitive(&mut self, primitive: Primitive) -> Value {
        match primitive {
            Primitive::Boolean => json!(self.below(2) == 0),
            Primitive::Integer | Primitive::UnsignedInt | Primitive::PositiveInt | Primitive::Decimal => {
                serde_json::from_str(self.of(&["0", "-1", "1.00", "4294967297", "0.1000", "1e-7", "12345678901234567890.5"])).unwrap()
            }
            Primitive::Xhtml => {
                json!(format!(
                    "<div xmlns=\"http://www.w3.org/1999/xhtml\">{}</div>",
                    self.of(&[" a <b>b</b> ", "\r\n\t", "&lt;<br />", "<!-- c --><![CDATA[<]]>"])
                ))
            }
            _ => json!(
                (0..1 + self.below(6))
                    .map(|_| self.of(&['a', ' ', '\n', '\t', '\r', '<', '>', '&', '"', '\'', 'é', '\u{FFFD}', '😀']))
                    .collect::<String>()
            ),
        }
    }
}

/// Pieces of which texts are made that are nearly XML.
const PIECES: [&str; 40] = [
    "<",
    ">",
    "</",
    "/>",
    "<a>",
    "</a>",
    "<b c='d'>",
    "<Patient xmlns='http://hl7.org/fhir'>",
    "</Patient>",
    "<name>",
    "</name>",
    "<given value='x'/>",
    "<contained>",
    "<text>",
    "<div xmlns='http://www.w3.org/1999/xhtml'>",
    "</div>",
    "<h:div>",
    " xmlns:h='http://www.w3.org/1999/xhtml'",
    " id='1'",
    "&",
    ";",
    "&amp;",
    "&#38;",
    "&#0;",
    "<!--",
    "-->",
    "--",
    "<![CDATA[",
    "]]>",
    "<?",
    "?>",
    "<?xml version='1.0'?>",
    "\"",
    "'",
    "=",
    " ",
    "\r\n",
    "é",
    "\u{FFFE}",
    ":",
];

/// A document of many forms that may be changed somewhere.
const WHOLE: &str = "<?xml version='1.0' encoding='UTF-8'?>\n<Patient xmlns='http://hl7.org/fhir' xmlns:h='http://www.w3.org/1999/xhtml'>\
    <id value='p1'/><text><status value='generated'/><h:div>a <h:b class='c'>b</h:b>&#160;<![CDATA[x]]></h:div></text>\
    <extension url='u:x'><valueDecimal value='1.00'/></extension><active value='true'/><!-- c --><?p?>\
    <name><family id='f' value='Mar&quot;tin'/><given value='A'/>\
    <given><extension url='u:y'><valueCode value='z'/></extension></given></name>\
    <birthDate value='1970-03-30'/></Patient>";

/// What is read without an issue is written so that it is read again.
fn stands(text: &[u8]) {
    let Ok(read_once) = read(text) else { return };
    if read_once.issues.is_empty() && NAMES.contains(&read_once.value["resourceType"].as_str().unwrap_or_default()) {
        let again = read(&write(&read_once.value, true)).unwrap();
        assert_eq!(again.value, read_once.value);
    }
}

proptest! {
    #[test]
    fn trees_survive_xml(choices in prop::collection::vec(any::<u32>(), 0..300)) {
        let value = Choices(choices.into_iter()).resource(DEPTH);
        for pretty in [false, true] {
            let text = write(&value, pretty);
            let read = read(&text).unwrap();
            prop_assert!(read.issues.is_empty(), "{:?} {}", read.issues, String::from_utf8_lossy(&text));
            prop_assert_eq!(&read.value, &value);
        }
    }

    #[test]
    fn bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        stands(&bytes);
    }

    #[test]
    fn pieces_of_xml_never_panic(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..30)) {
        let text = pieces.concat();
        stands(text.as_bytes());
        let _ = check_narrative(&text);
        let _ = check_narrative(&format!("<div xmlns='http://www.w3.org/1999/xhtml'>{text}</div>"));
    }

    #[test]
    fn changed_documents_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..8_usize, prop::sample::select(&PIECES[..])), 1..4),
    ) {
        let mut text = WHOLE.as_bytes().to_vec();
        for (at, gone, come) in changes {
            let at = at.index(text.len() + 1);
            let end = (at + gone).min(text.len());
            text.splice(at..end, come.bytes());
        }
        stands(&text);
    }

    #[test]
    fn values_survive_attributes(value in any::<String>()) {
        let expected: String = value.chars().map(|c| if super::super::character::is_allowed(c) { c } else { '\u{FFFD}' }).collect();
        let resource = json!({"resourceType": "Basic", "id": value});
        prop_assert_eq!(&read(&write(&resource, false)).unwrap().value["id"], &expected);
    }
}
