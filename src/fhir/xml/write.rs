//! Writing FHIR XML (FHIR R4 xml.html) from the tree of FHIR's JSON.
//!
//! INVARIANT: what is written is well-formed as long as narratives are, which `check_narrative` says of a tree before it is stored.

use serde_json::{Map, Value};

use super::{FHIR, ends};
use crate::fhir::definitions::{Element, Is, Primitive, Structure, Type, structure};

/// What stands for a character that XML cannot hold.
const REPLACEMENT: &str = "\u{FFFD}";

/// A resource, valid in base R4, as a document: elements in FHIR's order, whatever the order of the members.
///
/// A member that the type does not have is left out; what is no resource of R4 gives the XML declaration alone.
pub fn write(value: &Value, pretty: bool) -> Vec<u8> {
    let mut writer = Writer { out: Vec::with_capacity(1024), pretty };
    writer.text("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    writer.resource(value, 0, true);
    writer.out
}

/// A member of an object, or the companion of one.
struct Member<'v> {
    /// The place of the element in FHIR's order.
    at: u16,
    companion: bool,
    name: &'v str,
    element: &'static Element,
    kind: &'static Type,
    value: &'v Value,
}

/// The members of an object in FHIR's order, each before its companion.
fn members<'v>(object: &'v Map<String, Value>, structure: &'static Structure) -> Vec<Member<'v>> {
    let member = |(key, value): (&'v String, &'v Value)| {
        let (name, companion) = key.strip_prefix('_').map_or((key.as_str(), false), |name| (name, true));
        let (at, element, kind) = structure.member(name)?;
        Some(Member { at, companion, name, element, kind, value })
    };
    let mut members: Vec<Member<'v>> = object.iter().filter_map(member).collect();
    let order = |member: &Member<'v>| (member.at, member.companion);
    if !members.is_sorted_by_key(order) {
        members.sort_by_key(order);
    }
    members
}

struct Writer {
    out: Vec<u8>,
    pretty: bool,
}

impl Writer {
    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// A new line and the indentation of this depth, if wanted.
    fn line(&mut self, depth: usize) {
        if self.pretty {
            self.out.push(b'\n');
            self.out.resize(self.out.len() + 2 * depth, b' ');
        }
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.out.push(b' ');
        self.text(name);
        self.text("=\"");
        escape(&mut self.out, value);
        self.out.push(b'"');
    }

    fn close(&mut self, name: &str) {
        self.text("</");
        self.text(name);
        self.out.push(b'>');
    }

    fn resource(&mut self, value: &Value, depth: usize, root: bool) {
        let Some(object) = value.as_object() else { return };
        let name = object.get("resourceType").and_then(Value::as_str).unwrap_or_default();
        let Some(structure) = structure(name).filter(|structure| structure.resource) else { return };
        self.line(depth);
        self.out.push(b'<');
        self.text(name);
        if root {
            self.attribute("xmlns", FHIR);
        }
        self.content(name, object, structure, depth);
    }

    /// The attributes and children of an element whose name is written, and its end.
    fn content(&mut self, name: &str, object: &Map<String, Value>, structure: &'static Structure, depth: usize) {
        let members = members(object, structure);
        for member in members.iter().filter(|member| member.element.attribute) {
            if let Some(value) = member.value.as_str() {
                self.attribute(member.element.name, value);
            }
        }
        if members.iter().all(|member| member.element.attribute) {
            return self.text("/>");
        }
        self.out.push(b'>');
        let mut children = members.iter().filter(|member| !member.element.attribute).peekable();
        while let Some(member) = children.next() {
            if member.companion {
                self.member(member, None, Some(member.value), depth + 1);
            } else {
                let companion = children.next_if(|next| next.companion && next.name == member.name).map(|next| next.value);
                self.member(member, Some(member.value), companion, depth + 1);
            }
        }
        self.line(depth);
        self.close(name);
    }

    /// One element, or all of a repeating one.
    fn member<'v>(&mut self, member: &Member<'v>, value: Option<&'v Value>, companion: Option<&'v Value>, depth: usize) {
        let (values, companions) = (value.and_then(Value::as_array), companion.and_then(Value::as_array));
        if values.is_none() && companions.is_none() {
            return self.element(member, value, companion, depth);
        }
        for at in 0..values.map_or(0, Vec::len).max(companions.map_or(0, Vec::len)) {
            let item = |items: Option<&'v Vec<Value>>| items.and_then(|items| items.get(at));
            self.element(member, item(values), item(companions), depth);
        }
    }

    fn element(&mut self, member: &Member<'_>, value: Option<&Value>, companion: Option<&Value>, depth: usize) {
        let name = member.name;
        match (member.kind.is, value) {
            (Is::Primitive(Primitive::Xhtml), Some(Value::String(div))) => {
                self.line(depth);
                self.text(&ends::written(div));
            }
            (Is::Primitive(_), value) => self.primitive(name, value, companion.and_then(Value::as_object), depth),
            (Is::Structure(_), Some(Value::Object(object))) => {
                let Some(structure) = member.kind.structure() else { return };
                self.line(depth);
                self.out.push(b'<');
                self.text(name);
                self.content(name, object, structure, depth);
            }
            (Is::Resource, Some(resource @ Value::Object(_))) => {
                self.line(depth);
                self.out.push(b'<');
                self.text(name);
                self.out.push(b'>');
                self.resource(resource, depth + 1, false);
                self.line(depth);
                self.close(name);
            }
            _ => {}
        }
    }

    fn primitive(&mut self, name: &str, value: Option<&Value>, companion: Option<&Map<String, Value>>, depth: usize) {
        let number: String;
        let text = match value {
            Some(Value::String(text)) => Some(text.as_str()),
            Some(Value::Bool(true)) => Some("true"),
            Some(Value::Bool(false)) => Some("false"),
            Some(Value::Number(digits)) => {
                number = digits.to_string();
                Some(number.as_str())
            }
            _ => None,
        };
        if text.is_none() && companion.is_none() {
            return;
        }
        self.line(depth);
        self.out.push(b'<');
        self.text(name);
        if let Some(id) = companion.and_then(|companion| companion.get("id")?.as_str()) {
            self.attribute("id", id);
        }
        if let Some(text) = text {
            self.attribute("value", text);
        }
        let extensions = companion.and_then(|companion| companion.get("extension")?.as_array());
        let Some((extensions, structure)) = extensions.zip(structure("Extension")) else { return self.text("/>") };
        self.out.push(b'>');
        for extension in extensions.iter().filter_map(Value::as_object) {
            self.line(depth + 1);
            self.text("<extension");
            self.content("extension", extension, structure, depth + 1);
        }
        self.line(depth);
        self.close(name);
    }
}

/// Writes the value of an attribute so that a reader gets it back, white space included.
fn escape(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    // Up to where it is written.
    let mut done = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let (escaped, len) = match byte {
            b'&' => ("&amp;", 1),
            b'<' => ("&lt;", 1),
            b'>' => ("&gt;", 1),
            b'"' => ("&quot;", 1),
            b'\t' => ("&#9;", 1),
            b'\n' => ("&#10;", 1),
            b'\r' => ("&#13;", 1),
            0..0x20 => (REPLACEMENT, 1),
            // U+FFFE and U+FFFF.
            0xEF if matches!(bytes.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])) => (REPLACEMENT, 3),
            _ => continue,
        };
        out.extend_from_slice(bytes.get(done..at).unwrap_or_default());
        out.extend_from_slice(escaped.as_bytes());
        done = at + len;
    }
    out.extend_from_slice(bytes.get(done..).unwrap_or_default());
}
