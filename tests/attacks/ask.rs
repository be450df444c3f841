//! Requests with names in the place of ids, and what is demanded of their answers.

use serde_json::Value;

use super::world::{Control, Twins, Way, shared};
use crate::support::answer::Answer;
use crate::support::on_both;

/// A request. `{hidden}` in it is the hidden document, `{of}` the person whose record holds it, `{own}` the one whose record the
/// reader consults; see [`Twins::filled`].
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// A read or search.
pub fn get(path: &str) -> Ask {
    Ask { method: "GET".into(), path: path.into(), headers: Vec::new(), body: String::new() }
}

/// A request with a body; null is none.
pub fn send(method: &str, path: &str, body: &Value) -> Ask {
    let media = if method == "PATCH" && body.is_array() { "application/json-patch+json" } else { "application/fhir+json" };
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Ask { method: method.into(), path: path.into(), headers: vec![("content-type".into(), media.into())], body }
}

impl Ask {
    /// With this header.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// With this text of this media type as body.
    pub fn posted(mut self, media: &str, body: &str) -> Self {
        self.method = "POST".into();
        self.headers.push(("content-type".into(), media.into()));
        self.body = body.into();
        self
    }
}

/// Reads and searches are answered alike to the reader, whatever hides, and otherwise to whoever may see.
#[track_caller]
pub fn alike(control: Control, paths: &[&str]) {
    in_every_way(|twins, way| {
        for path in paths {
            twins.alike(way, &get(path));
            twins.tells(way, control, &get(path));
        }
    });
}

/// A test on twins that reads share, in every way of hiding.
pub fn in_every_way(test: impl Fn(&Twins, Way)) {
    on_both(|backend| {
        let twins = shared(backend);
        for way in Way::ALL {
            test(&twins, way);
        }
    });
}

/// A test on twins of its own, in every way of hiding; at its end the traces of the reader are alike, too.
pub fn in_every_way_alone(test: impl Fn(&Twins, Way)) {
    on_both(|backend| {
        let twins = Twins::start(backend);
        for way in Way::ALL {
            test(&twins, way);
        }
        for way in Way::ALL {
            twins.traces_alike(way);
        }
    });
}

/// The resources of a searchset of this type.
pub fn of_type(answer: &Answer, kind: &str) -> Vec<Value> {
    let bundle = answer.expect(200);
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    entries.into_iter().map(|entry| entry["resource"].clone()).filter(|resource| resource["resourceType"] == kind).collect()
}
