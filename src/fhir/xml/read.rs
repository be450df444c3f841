//! Reading FHIR XML (FHIR R4 xml.html) into the tree of FHIR's JSON (FHIR R4 json.html).
//!
//! INVARIANT: recursion is bounded by the depth that `scan` allows.

use serde_json::Value;

use super::character::{is_blank, is_space};
use super::members::{Members, primitive};
use super::scan::{Fault, Scanner, Token};
use super::tag::{Attribute, Space, Tag};
use super::{FHIR, XHTML, div, shown};
use crate::fhir::ResourceType;
use crate::fhir::definitions::{Is, Primitive, Structure, structure};
use crate::fhir::issue::{Issue, Issues, SyntaxError};
use crate::fhir::json::DEPTH_MAX;
use crate::fhir::place::Place;

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The resource in FHIR's JSON form.
    pub value: Value,
    /// What is wrong with the form of the XML, which the tree cannot show.
    pub issues: Vec<Issue>,
}

/// Reads a document. Whether its elements have the right values is for the validation of the tree to say.
///
/// # Errors
/// What is not well-formed, not UTF-8, nested too deep, or has a DTD; with line and column.
pub fn read(bytes: &[u8]) -> Result<Read, SyntaxError> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = text(bytes).map_err(|fault| fault.place(bytes))?;
    let document = || {
        let mut reader = Reader {
            scanner: Scanner::new(text)?,
            issues: Issues::default(),
            told: 0,
            space: Space::Fhir,
            primitive: structure("Element"),
        };
        let value = reader.document()?;
        Ok(Read { value, issues: reader.issues.into_vec() })
    };
    document().map_err(|fault: Fault| fault.place(bytes))
}

/// The text, if it is UTF-8.
pub fn text(bytes: &[u8]) -> Result<&str, Fault> {
    if [b"\xFE\xFF", b"\xFF\xFE", b"<\0", b"\0<"].iter().any(|start| bytes.starts_with(*start)) {
        return Err(Fault::new(0, "expected UTF-8, found UTF-16"));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).and_then(|good| std::str::from_utf8(good).ok()).unwrap_or_default();
        // A document may say itself what it is.
        let declared = good.starts_with("<?xml").then(|| Scanner::new(good).and_then(|mut scanner| scanner.next()).err()).flatten();
        declared.unwrap_or_else(|| Fault::new(error.valid_up_to(), "a byte that is not UTF-8"))
    })
}

struct Reader<'a> {
    scanner: Scanner<'a>,
    issues: Issues,
    /// How many issues there were, also those beyond the limit.
    told: usize,
    /// The namespace of the root element. If it is not FHIR's that is one issue, not one of every element.
    space: Space,
    /// What a primitive has beside its value: id and extensions.
    primitive: Option<&'static Structure>,
}

/// Where an element is read.
#[derive(Clone, Copy)]
struct Body<'p> {
    structure: &'static Structure,
    place: &'p Place<'p>,
    /// How many objects and arrays of JSON there are around its members.
    levels: usize,
}

/// An element's value, and what stands beside it.
type Pair = (Option<Value>, Option<Value>);

impl<'a> Reader<'a> {
    fn issue(&mut self, place: &Place<'_>, message: impl Into<String>) {
        self.told += 1;
        self.issues.add("structure", place, message);
    }

    fn document(&mut self) -> Result<Value, Fault> {
        let mut value = Value::Null;
        while let Some(token) = self.scanner.next()? {
            let Token::Start(root) = token else { continue };
            let place = Place::root(root.name.local);
            self.space = root.name.space;
            if self.space != Space::Fhir {
                self.issue(&place, format!("expected the namespace {FHIR}"));
            }
            value = self.resource(root, &place, 1)?;
        }
        Ok(value)
    }

    fn resource(&mut self, tag: Tag<'a>, place: &Place<'_>, levels: usize) -> Result<Value, Fault> {
        let members = Members::of_resource(tag.name.local);
        let Some(structure) = ResourceType::parse(tag.name.local).and_then(|kind| structure(kind.name())) else {
            // Whoever validates the tree refuses the type.
            self.skip()?;
            return Ok(Value::Object(members.finish()));
        };
        self.object(tag, Body { structure, place, levels }, members)
    }

    /// Reads to the end of the element that has just begun.
    fn skip(&mut self) -> Result<(), Fault> {
        let mut depth = 1_usize;
        while depth > 0 {
            match self.scanner.next()? {
                Some(Token::Start(_)) => depth += 1,
                Some(Token::End(_)) => depth -= 1,
                Some(_) => {}
                None => break,
            }
        }
        Ok(())
    }

    /// Refuses a tree that is deeper than JSON may be.
    fn bounded(&self, levels: usize) -> Result<(), Fault> {
        match levels > DEPTH_MAX {
            true => Err(Fault::new(self.scanner.span().start, format!("nested deeper than {DEPTH_MAX} levels in JSON"))),
            false => Ok(()),
        }
    }

    /// Reads an element that has no value of its own.
    fn object(&mut self, tag: Tag<'a>, body: Body<'_>, mut members: Members) -> Result<Value, Fault> {
        self.bounded(body.levels)?;
        self.attributes(tag.attributes, body, &mut members, |_| false);
        self.children(body, &mut members)?;
        Ok(Value::Object(members.finish()))
    }

    /// Takes `id` and `url` into the members; `take` says whether it has use for the text of `value`.
    fn attributes(&mut self, attributes: Vec<Attribute<'a>>, body: Body<'_>, members: &mut Members, mut take: impl FnMut(&str) -> bool) {
        for Attribute { name, value, .. } in attributes {
            match (name.space, name.local) {
                _ if name.is_of_xml() => {}
                (Space::None, "value") if take(&value) => {}
                (Space::None, local) if body.structure.member(local).is_some_and(|(_, element, _)| element.attribute) => {
                    members.single(local, Value::String(value.into_owned()));
                }
                (_, local) => self.issue(body.place, format!("the attribute `{}` is not allowed here", shown(local))),
            }
        }
    }

    fn children(&mut self, body: Body<'_>, members: &mut Members) -> Result<(), Fault> {
        let mut text = false;
        loop {
            match self.scanner.next()? {
                Some(Token::Start(tag)) => self.child(tag, body, members)?,
                Some(Token::Text(stray) | Token::CData(stray)) => text |= !is_blank(stray),
                Some(Token::Reference(c)) => text |= !is_space(c),
                Some(Token::Comment(_) | Token::Instruction) => {}
                Some(Token::End(_)) | None => break,
            }
        }
        if text {
            self.issue(body.place, "text is not allowed here, a value is in the attribute `value`");
        }
        Ok(())
    }

    fn child(&mut self, tag: Tag<'a>, body: Body<'_>, members: &mut Members) -> Result<(), Fault> {
        let name = tag.name.local;
        let Some((at, element, kind)) = body.structure.member(name) else {
            self.issue(&body.place.element(name), format!("`{}` is not an element here", shown(name)));
            return self.skip();
        };
        let (count, repeats) = (members.count(at), element.repeats());
        let place = body.place.element(element.name);
        let place = if repeats { place.item(count) } else { place };
        let refusal = match tag.name.space == self.space || kind.primitive() == Some(Primitive::Xhtml) {
            false => Some(format!("`{name}` is not in the namespace {FHIR}")),
            true if element.attribute => Some(format!("`{name}` is an attribute in XML")),
            true if count > 0 && !repeats => Some(format!("`{}` does not repeat", element.name)),
            true => None,
        };
        if let Some(refusal) = refusal {
            self.issue(&place, refusal);
            return self.skip();
        }
        if at < members.last {
            let last = body.structure.elements.get(usize::from(members.last)).map_or("", |last| last.name);
            self.issue(
                &place,
                match count {
                    0 => format!("`{}` stands before `{last}`", element.name),
                    _ => format!("all `{}` stand together", element.name),
                },
            );
        }
        members.last = at;
        let told = self.told;
        let inner = Body { place: &place, levels: body.levels + usize::from(repeats), ..body };
        self.bounded(inner.levels)?;
        let (value, beside) = match kind.is {
            Is::Primitive(Primitive::Xhtml) => (Some(self.xhtml(&tag, &place)?), None),
            Is::Primitive(primitive) => self.primitive(tag, primitive, inner)?,
            Is::Structure(_) => (self.complex(tag, kind.structure(), inner)?, None),
            Is::Resource => (self.wrapped(tag, inner)?, None),
        };
        if value.is_some() || beside.is_some() {
            members.add(name, at, repeats, value, beside);
        } else if told == self.told {
            self.issue(&place, "an element is not empty");
        }
        Ok(())
    }

    fn complex(&mut self, tag: Tag<'a>, structure: Option<&'static Structure>, body: Body<'_>) -> Result<Option<Value>, Fault> {
        let Some(structure) = structure else { return self.skip().map(|()| None) };
        let value = self.object(tag, Body { structure, levels: body.levels + 1, ..body }, Members::default())?;
        Ok(Some(value).filter(|value| value.as_object().is_some_and(|members| !members.is_empty())))
    }

    /// The value of a primitive and its companion, which has its id and extensions.
    fn primitive(&mut self, tag: Tag<'a>, kind: Primitive, body: Body<'_>) -> Result<Pair, Fault> {
        let Some(structure) = self.primitive else { return self.skip().map(|()| (None, None)) };
        let body = Body { structure, levels: body.levels + 1, ..body };
        let (mut value, mut members) = (None, Members::default());
        self.attributes(tag.attributes, body, &mut members, |text| {
            value = Some(primitive(kind, text));
            true
        });
        self.children(body, &mut members)?;
        let members = members.finish();
        if members.is_empty() {
            return Ok((value, None));
        }
        self.bounded(body.levels)?;
        Ok((value, Some(Value::Object(members))))
    }

    fn xhtml(&mut self, tag: &Tag<'a>, place: &Place<'_>) -> Result<Value, Fault> {
        if tag.name.space != Space::Xhtml {
            self.issue(place, format!("`div` is not in the namespace {XHTML}"));
        }
        let div = div::read(&mut self.scanner, tag)?;
        if let Some(foreign) = div.foreign {
            self.issue(place, format!("`{}` is not in the namespace {XHTML}", shown(foreign)));
        }
        Ok(Value::String(div.text))
    }

    /// The one resource in `contained`, `resource` or `outcome`.
    fn wrapped(&mut self, tag: Tag<'a>, body: Body<'_>) -> Result<Option<Value>, Fault> {
        // It has no members of its own, hence no `id`.
        for attribute in tag.attributes.iter().filter(|attribute| !attribute.name.is_of_xml()) {
            self.issue(body.place, format!("the attribute `{}` is not allowed here", shown(attribute.name.local)));
        }
        let (mut found, mut text) = (None, false);
        loop {
            match self.scanner.next()? {
                Some(Token::Start(inner)) if found.is_some() => {
                    self.issue(body.place, format!("one resource stands here, `{}` is a second one", shown(inner.name.local)));
                    self.skip()?;
                }
                Some(Token::Start(inner)) if inner.name.space != self.space => {
                    self.issue(body.place, format!("`{}` is not in the namespace {FHIR}", shown(inner.name.local)));
                    self.skip()?;
                }
                Some(Token::Start(inner)) => found = Some(self.resource(inner, body.place, body.levels + 1)?),
                Some(Token::Text(stray) | Token::CData(stray)) => text |= !is_blank(stray),
                Some(Token::Reference(c)) => text |= !is_space(c),
                Some(Token::Comment(_) | Token::Instruction) => {}
                Some(Token::End(_)) | None => break,
            }
        }
        if text {
            self.issue(body.place, "text is not allowed here");
        }
        Ok(found)
    }
}
