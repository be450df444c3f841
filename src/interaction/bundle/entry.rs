//! One entry of a batch or transaction, understood before anything is done.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::super::condition;
use super::super::{Error, Operations, Request, Route, Sent, Service, offers, pairs, route};
use crate::fhir::{Document, ResourceType, json};

/// What an entry asks for.
#[derive(Clone)]
pub struct Entry {
    /// Its place in the Bundle.
    pub place: usize,
    /// `fullUrl`.
    pub full_url: Option<String>,
    /// What is asked for.
    pub route: Route,
    /// The parameters of the address.
    pub pairs: Vec<(String, String)>,
    /// The resource, or the operations of a patch.
    pub sent: Sent,
    /// Who asks, with the conditions of this entry.
    pub request: Request,
    /// The version the client of a read has.
    pub if_none_match: Option<i32>,
}

impl Entry {
    /// When it is done: deletions, creates, updates and patches, reads (FHIR R4 http.html#trules).
    pub fn turn(&self) -> u8 {
        match self.route {
            Route::Delete(..) => 0,
            Route::Create(_) => 1,
            Route::Update(..) | Route::Patch(..) => 2,
            _ => 3,
        }
    }

    /// What is locked for it where several things are written together: the address it writes, or the condition that tells which.
    pub fn lock(&self) -> Option<String> {
        match (&self.route, &self.request.if_none_exist) {
            (Route::Create(resource), Some(pairs)) => Some(condition::text(*resource, pairs)),
            (Route::Update(resource, id) | Route::Patch(resource, id) | Route::Delete(resource, id), _) => {
                Some(id.as_ref().map_or_else(|| condition::text(*resource, &self.pairs), |id| format!("{resource}/{id}")))
            }
            _ => None,
        }
    }
}

/// Understands an entry; its resource is taken out of it.
///
/// # Errors
/// With the place within the Bundle.
pub fn understand(service: &Service, asker: &Request, place: usize, mut entry: Value, document: Option<Document>) -> Result<Entry, Error> {
    let at = |element: &str| format!("Bundle.entry[{place}].{element}");
    let full_url = entry.get("fullUrl").and_then(Value::as_str).map(ToOwned::to_owned);
    let asked = entry.get_mut("request").map(Value::take);
    let asked = asked.ok_or_else(|| Error::Required { place: at("request"), message: "each entry says what is asked for".into() })?;
    let text = |name: &str| asked.get(name).and_then(Value::as_str);
    let (method, url) = (text("method").unwrap_or_default(), text("url").unwrap_or_default());
    let url = url.strip_prefix(&*service.base_url).unwrap_or(url);
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let bad_url = |error: Error| Error::Value { place: at("request.url"), message: error.to_string() };
    let route = route(method, path).map_err(bad_url)?;
    offers(service, &asker.caller, &route).map_err(bad_url)?;
    let done_here =
        !matches!(route, Route::Capabilities | Route::SmartConfiguration | Route::PostSearch(..) | Route::PostSearchSystem | Route::Bundle);
    if !done_here {
        return Err(Error::NotSupported { place: at("request.url"), message: "this is not for an entry of a Bundle".into() });
    }
    let version = |name: &str| match text(name) {
        None | Some("*") => Ok(None),
        Some(tag) => {
            let plain = tag.trim().trim_start_matches("W/").trim_matches('"');
            let version = plain
                .parse::<i32>()
                .map_err(|_| Error::Value { place: at(&format!("request.{name}")), message: "expected `W/\"n\"`".into() });
            version.map(Some)
        }
    };
    let mut request = asker.clone();
    request.if_match = version("ifMatch")?.map(|version| vec![version]);
    request.only_new = matches!(route, Route::Update(..)) && text("ifNoneMatch") == Some("*");
    request.if_none_exist = match (&route, text("ifNoneExist")) {
        (Route::Create(_), Some(query)) => Some(pairs(query.trim_start_matches('?')).map_err(|error| within(error, place))?),
        _ => None,
    };
    let sent = match (&route, document) {
        (Route::Create(_) | Route::Update(..) | Route::Explain(_, _, true), Some(document)) => Sent::Resource(document),
        (Route::Create(_) | Route::Update(..) | Route::Patch(..), None) => {
            return Err(Error::Required { place: at("resource"), message: "the entry needs a resource".into() });
        }
        (Route::Patch(..), Some(document)) => Sent::Patch(operations(document, place)?),
        (_, Some(_)) => {
            return Err(Error::Value { place: at("resource"), message: format!("`{method}` has no resource") });
        }
        (_, None) => Sent::Nothing,
    };
    let if_none_match = version("ifNoneMatch")?;
    Ok(Entry { place, full_url, route, pairs: pairs(query).map_err(bad_url)?, sent, request, if_none_match })
}

/// The operations of a patch: a JSON or XML Patch travels as a Binary, a FHIRPath Patch as Parameters (FHIR R4 http.html#patch, #transaction).
fn operations(document: Document, place: usize) -> Result<Operations, Error> {
    let text = |name: &str| document.value.get(name).and_then(Value::as_str).unwrap_or_default();
    let at = format!("Bundle.entry[{place}].resource");
    let media = text("contentType").to_ascii_lowercase();
    let media = media.split(';').next().unwrap_or_default().trim();
    match document.resource_type() {
        Some(ResourceType::PARAMETERS) => return Ok(Operations::Path(document)),
        Some(ResourceType::BINARY) if matches!(media, "application/json-patch+json" | "application/xml-patch+xml") => {}
        _ => {
            let message =
                "a patch comes as a Binary of application/json-patch+json or application/xml-patch+xml, or as Parameters".to_owned();
            return Err(Error::NotSupported { place: at, message });
        }
    }
    let compact: Vec<u8> = text("data").bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(compact).map_err(|_| Error::Value { place: format!("{at}.data"), message: "expected base64".into() })?;
    if media == "application/xml-patch+xml" {
        return Ok(Operations::Xml(bytes));
    }
    let operations = json::parse(&bytes).map_err(|error| Error::Value { place: format!("{at}.data"), message: error.to_string() })?;
    Ok(Operations::Json(operations))
}

/// The error of an entry, told where it is.
pub fn within(error: Error, place: usize) -> Error {
    match error {
        told @ (Error::Entry(..) | Error::Away | Error::Busy | Error::Unexpected(_)) => told,
        error => Error::Entry(place, Box::new(error)),
    }
}
