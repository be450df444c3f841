//! One entry of results: its act, and what stands in it.
//!
//! INVARIANT: nothing here recurses; what is still to be read waits in a list.

use super::narrative::Narrative;
use super::value::{self, concept, concepts, held, time, words};
use super::{Item, Kind, Left, Results, Specimen};
use crate::cda::header::all_ids;
use crate::cda::node::Node;

/// Roots of the templates, those of IHE PaLM and those of the CI-SIS.
const RESULTS: [&str; 2] = ["1.3.6.1.4.1.19376.1.3.1", "1.2.250.1.213.1.1.3.21"];
const RESULT: [&str; 2] = ["1.3.6.1.4.1.19376.1.3.1.6", "1.2.250.1.213.1.1.3.80"];
const BATTERY: [&str; 2] = ["1.3.6.1.4.1.19376.1.3.1.4", "1.2.250.1.213.1.1.3.78"];
const ISOLATE: [&str; 2] = ["1.3.6.1.4.1.19376.1.3.1.5", "1.2.250.1.213.1.1.3.79"];
const COLLECTION: [&str; 2] = ["1.3.6.1.4.1.19376.1.3.1.2", "1.2.250.1.213.1.1.3.77"];
const RECEPTION: [&str; 2] = ["1.3.6.1.4.1.19376.1.3.1.3", "1.2.250.1.213.1.1.3.107"];
const COMMENT: [&str; 2] = ["1.3.6.1.4.1.19376.1.5.3.1.4.2", "1.2.250.1.213.1.1.3.32"];

/// Identifiers of a result, interpretations, ranges and comments that are kept.
const KEPT_MAX: usize = 8;

/// Whether an entry is one of results.
pub fn is_of_results(entry: &Node<'_>) -> bool {
    is(entry, &RESULTS)
}

fn is(node: &Node<'_>, roots: &[&str]) -> bool {
    node.all("templateId").any(|template| template.attribute("root").is_some_and(|root| roots.contains(&root)))
}

/// Whether a flag is set (XML Schema, boolean).
fn says(node: &Node<'_>, flag: &str) -> bool {
    matches!(node.attribute(flag), Some("true" | "1"))
}

/// What holds for all that stands in something.
#[derive(Clone, Default)]
struct Around {
    within: Option<usize>,
    status: Option<String>,
    time: Option<super::Time>,
    specimen: Option<usize>,
    /// Why nothing in it is read.
    left: Option<Left>,
}

/// Reads an entry; `other` says that its section is about another than the person.
pub fn read(entry: &Node<'_>, other: bool, narrative: &Narrative, found: &mut Results) {
    let around = Around { left: other.then_some(Left::Subject), ..Around::default() };
    let mut waiting: Vec<(&Node<'_>, Around)> = entry.children.iter().rev().map(|child| (child, around.clone())).collect();
    while let Some((node, around)) = waiting.pop() {
        let inner = match node.name {
            "act" => act(node, around, narrative, found),
            "observation" => observation(node, around, narrative, found),
            "organizer" => organizer(node, around, narrative, found),
            _ => continue,
        };
        waiting.extend(parts(node, &inner).into_iter().rev());
    }
}

/// What stands in something and is a part of it, in order. Earlier results to which it refers (`REFR`) are none.
fn parts<'n, 'a>(node: &'n Node<'a>, inner: &Around) -> Vec<(&'n Node<'a>, Around)> {
    let mut parts = Vec::new();
    for relation in node.children.iter().filter(|child| matches!(child.name, "entryRelationship" | "component")) {
        let kind = relation.attribute("typeCode").unwrap_or("COMP");
        let part = kind == "COMP" && !says(relation, "inversionInd");
        for child in relation.children.iter().filter(|child| matches!(child.name, "act" | "observation" | "organizer")) {
            if part {
                parts.push((child, inner.clone()));
            } else if kind != "REFR" && child.name != "act" {
                parts.push((child, Around { left: inner.left.or(Some(Left::Template)), ..inner.clone() }));
            }
        }
    }
    parts
}

/// What holds in something, beside what holds around it: its status, time, specimen, and whether it is about the person.
fn inside(node: &Node<'_>, around: &Around, narrative: &Narrative, found: &mut Results) -> Around {
    let happened =
        node.attribute("moodCode").is_none_or(|mood| mood == "EVN") && !says(node, "negationInd") && node.attribute("nullFlavor").is_none();
    let other = node.one("subject").is_some();
    let left = around.left.or(other.then_some(Left::Subject)).or((!happened).then_some(Left::Mood));
    let mut inner = Around {
        status: node.one("statusCode").and_then(|status| held(status, "code")).or_else(|| around.status.clone()),
        time: node.one("effectiveTime").and_then(time).or_else(|| around.time.clone()),
        left,
        ..around.clone()
    };
    let taken = relations(node).filter(|child| child.name == "procedure" && is(child, &COLLECTION));
    let taken: Vec<Specimen> = taken.map(|procedure| collection(procedure, narrative)).collect();
    if !taken.is_empty() && left.is_none() {
        // Of several nobody says which result is of which.
        inner.specimen = (taken.len() == 1).then_some(found.specimens.len());
        found.specimens.extend(taken);
    }
    if let Some(kind) = grown(node, narrative).filter(|_| left.is_none()) {
        inner.specimen = Some(found.specimens.len());
        found.specimens.push(Specimen { kind: Some(kind), ..Specimen::default() });
    }
    inner
}

/// What something is about that is neither the person nor what was taken of it: for an isolate the microorganism.
fn grown(node: &Node<'_>, narrative: &Narrative) -> Option<super::Concept> {
    concept(node.at(&["specimen", "specimenRole", "specimenPlayingEntity", "code"])?, narrative)
}

fn relations<'n, 'a>(node: &'n Node<'a>) -> impl Iterator<Item = &'n Node<'a>> {
    node.children.iter().filter(|child| matches!(child.name, "entryRelationship" | "component")).flat_map(|relation| &relation.children)
}

fn comments(node: &Node<'_>, narrative: &Narrative) -> Vec<String> {
    let acts = relations(node).filter(|child| child.name == "act" && is(child, &COMMENT));
    acts.filter_map(|act| words(act.one("text")?, narrative)).take(KEPT_MAX).collect()
}

/// The act of an entry, or one in it that holds results.
fn act(node: &Node<'_>, around: Around, narrative: &Narrative, found: &mut Results) -> Around {
    if is(node, &COMMENT) {
        return Around { left: Some(around.left.unwrap_or(Left::Template)), ..around };
    }
    let inner = inside(node, &around, narrative, found);
    if inner.left.is_none() {
        found.statuses.extend(inner.status.clone().filter(|_| around.status.is_none()));
        found.comments.extend(comments(node, narrative));
    }
    inner
}

fn item(kind: Kind, node: &Node<'_>, inner: &Around, narrative: &Narrative) -> Item {
    Item {
        kind,
        within: inner.within,
        ids: all_ids(node, "id").take(KEPT_MAX).collect(),
        code: node.one("code").and_then(|code| concept(code, narrative)),
        status: inner.status.clone(),
        time: inner.time.clone(),
        value: None,
        interpretations: Vec::new(),
        method: None,
        site: None,
        ranges: Vec::new(),
        ranges_left: false,
        comments: comments(node, narrative),
        specimen: inner.specimen,
    }
}

/// Keeps what stands here: what stands in it stands within it.
fn keep(item: Item, inner: &mut Around, found: &mut Results) {
    inner.within = Some(found.items.len());
    found.items.push(item);
}

/// A battery or an isolate. One that does not say what it is holds nothing together: what stands in it stands around it.
fn organizer(node: &Node<'_>, around: Around, narrative: &Narrative, found: &mut Results) -> Around {
    let kind = if is(node, &ISOLATE) { Some(Kind::Isolate) } else { is(node, &BATTERY).then_some(Kind::Battery) };
    let mut inner = inside(node, &around, narrative, found);
    let Some(kind) = kind else { return Around { left: inner.left.or(Some(Left::Template)), ..inner } };
    let mut item = item(kind, node, &inner, narrative);
    if kind == Kind::Isolate {
        item.value = grown(node, narrative).map(super::Datum::Concept);
    }
    let named = if kind == Kind::Isolate { item.value.is_some() } else { item.code.is_some() };
    if named && inner.left.is_none() {
        keep(item, &mut inner, found);
    }
    inner
}

fn observation(node: &Node<'_>, around: Around, narrative: &Narrative, found: &mut Results) -> Around {
    let mut inner = inside(node, &around, narrative, found);
    let mut item = item(Kind::Result, node, &inner, narrative);
    let left = inner.left.or((!is(node, &RESULT)).then_some(Left::Template)).or(item.code.is_none().then_some(Left::Code));
    let value = match left {
        Some(left) => Err(left),
        None => value::of(node, narrative),
    };
    match value {
        Ok(value) => {
            item.value = value;
            item.interpretations = concepts(node, "interpretationCode", narrative).take(KEPT_MAX).collect();
            item.method = concepts(node, "methodCode", narrative).next();
            item.site = concepts(node, "targetSiteCode", narrative).next();
            for range in node.all("referenceRange").filter_map(|range| range.one("observationRange")) {
                match value::range(range, narrative).filter(|_| item.ranges.len() < KEPT_MAX) {
                    Some(range) => item.ranges.push(range),
                    None => item.ranges_left = true,
                }
            }
            keep(item, &mut inner, found);
        }
        Err(left) => {
            let code = item.code.and_then(|concept| concept.codes.into_iter().next()).map(|code| code.code);
            found.left.push((left, code));
        }
    }
    inner
}

/// The taking of a specimen.
fn collection(procedure: &Node<'_>, narrative: &Narrative) -> Specimen {
    let product = procedure.all("participant").find(|participant| participant.attribute("typeCode") == Some("PRD"));
    let kind = product.and_then(|product| concept(product.at(&["participantRole", "playingEntity", "code"])?, narrative));
    let received = relations(procedure).find(|child| child.name == "act" && is(child, &RECEPTION));
    let received = received.and_then(|act| act.one("effectiveTime")?.attribute("value")).map(ToOwned::to_owned);
    Specimen { kind, collected: procedure.one("effectiveTime").and_then(time), received }
}
