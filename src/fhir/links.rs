//! The links in a resource: references, elements of the types uri, url, oid and uuid, and what a narrative points to (FHIR R4
//! http.html#trules, "replacing links"); canonicals are not replaced.

use serde_json::Value;

use super::definitions::{Is, Primitive, Structure, structure};

/// Replaces every reference for which `replace` has another, and nothing else; what stands in the entries of a Bundle stays, for there
/// it is read by its `fullUrl` (FHIR R4 bundle.html#references).
pub fn replace_references(resource: &mut Value, replace: &impl Fn(&str) -> Option<String>) {
    walk(resource, &Replace { with: replace, all: false });
}

/// How a walk replaces.
struct Replace<'r, F> {
    with: &'r F,
    /// Whether every link is replaced, or references alone.
    all: bool,
}

/// Replaces every link for which `replace` has another; contained resources and those within a Bundle too.
pub fn replace_links(resource: &mut Value, replace: &impl Fn(&str) -> Option<String>) {
    walk(resource, &Replace { with: replace, all: true });
}

fn walk<F: Fn(&str) -> Option<String>>(resource: &mut Value, replace: &Replace<'_, F>) {
    let known = resource.get("resourceType").and_then(Value::as_str).and_then(structure);
    if let Some(structure) = known.filter(|structure| structure.resource) {
        object(structure, resource, replace);
    }
}

fn object<F: Fn(&str) -> Option<String>>(structure: &'static Structure, value: &mut Value, replace: &Replace<'_, F>) {
    let Some(members) = value.as_object_mut() else { return };
    for (name, member) in members {
        if name == "_id" || name == "id" {
            continue;
        }
        let Some((_, element, kind)) = structure.member(name.strip_prefix('_').unwrap_or(name)) else { continue };
        let companion = name.starts_with('_');
        let items: &mut [Value] = match member {
            Value::Array(items) => items,
            one => std::slice::from_mut(one),
        };
        for item in items {
            match kind.is {
                Is::Resource if replace.all || element.name == "contained" => walk(item, replace),
                Is::Resource => {}
                Is::Structure(_) => {
                    if let Some(structure) = kind.structure() {
                        object(structure, item, replace);
                    }
                }
                Is::Primitive(_) if companion => {
                    if let Some(element) = super::definitions::structure("Element") {
                        object(element, item, replace);
                    }
                }
                Is::Primitive(primitive) => {
                    let reference = structure.name == "Reference" && element.name == "reference";
                    primitive_link(primitive, reference, item, replace);
                }
            }
        }
    }
}

fn primitive_link<F: Fn(&str) -> Option<String>>(primitive: Primitive, reference: bool, item: &mut Value, replace: &Replace<'_, F>) {
    let Value::String(text) = item else { return };
    match primitive {
        Primitive::Uri | Primitive::Url | Primitive::Oid | Primitive::Uuid if replace.all => {
            if let Some(other) = (replace.with)(text) {
                *text = other;
            }
        }
        _ if reference => {
            if let Some(other) = (replace.with)(text) {
                *text = other;
            }
        }
        Primitive::Xhtml if replace.all => narrative(text, replace.with),
        _ => {}
    }
}

/// The values of `href` and `src` in a narrative.
fn narrative(text: &mut String, replace: &impl Fn(&str) -> Option<String>) {
    let mut done = String::with_capacity(text.len());
    let mut rest = text.as_str();
    let mut changed = false;
    while let Some((at, quote)) = next_link(rest) {
        let (before, after) = rest.split_at(at);
        done.push_str(before);
        let end = after.find(quote).unwrap_or(after.len());
        let (link, behind) = after.split_at(end);
        match replace(link) {
            Some(other) => {
                done.push_str(&other);
                changed = true;
            }
            None => done.push_str(link),
        }
        rest = behind;
    }
    if changed {
        done.push_str(rest);
        *text = done;
    }
}

/// Where the value of the next `href` or `src` begins, and the quote that ends it.
fn next_link(text: &str) -> Option<(usize, char)> {
    let starts = ["href=\"", "src=\"", "href='", "src='"];
    let found = starts.iter().filter_map(|start| text.find(start).map(|at| (at + start.len(), *start)));
    let (at, start) = found.min()?;
    Some((at, if start.ends_with('"') { '"' } else { '\'' }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn links_are_replaced_and_texts_stay() {
        let uuid = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520";
        let mut bundle = json!({
            "resourceType": "Bundle", "type": "transaction",
            "entry": [{"resource": {
                "resourceType": "DocumentReference", "id": "x",
                "text": {"status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"{uuid}\">{uuid}</a><img src='{uuid}'/></div>")},
                "identifier": [{"system": uuid, "value": uuid}],
                "subject": {"reference": uuid, "display": uuid, "_reference": {"extension": [{"url": uuid, "valueReference": {"reference": uuid}}]}},
                "description": uuid,
                "content": [{"attachment": {"url": uuid, "title": uuid}}],
                "extension": [{"url": "http://a.example/x", "valueCanonical": uuid}],
                "contained": [{"resourceType": "Patient", "id": "p", "managingOrganization": {"reference": uuid}}]
            }}]
        });
        replace_links(&mut bundle, &|link| (link == uuid).then(|| "Patient/1".to_owned()));
        let at = |pointer: &str| bundle.pointer(&format!("/entry/0/resource{pointer}")).unwrap().as_str().unwrap().to_owned();
        for replaced in [
            "/subject/reference",
            "/subject/_reference/extension/0/url",
            "/subject/_reference/extension/0/valueReference/reference",
            "/identifier/0/system",
            "/content/0/attachment/url",
            "/contained/0/managingOrganization/reference",
        ] {
            assert_eq!(at(replaced), "Patient/1", "{replaced}");
        }
        for kept in
            ["/extension/0/valueCanonical", "/subject/display", "/identifier/0/value", "/description", "/content/0/attachment/title"]
        {
            assert_eq!(at(kept), uuid, "{kept}");
        }
        assert_eq!(
            at("/text/div"),
            format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"Patient/1\">{uuid}</a><img src='Patient/1'/></div>")
        );
    }
}
