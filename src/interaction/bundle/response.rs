//! The Bundle that answers a batch or transaction, entries in the order of the request.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::{Answer, Error, Service};
use super::Shown;
use crate::fhir::message::{Language, told};
use crate::fhir::{outcome, primitive};

/// One entry of the answer.
#[derive(Debug, Serialize)]
pub struct Responded {
    #[serde(rename = "fullUrl", skip_serializing_if = "Option::is_none")]
    full_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<Box<RawValue>>,
    response: Response,
}

#[derive(Debug, Serialize)]
struct Response {
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(rename = "lastModified", skip_serializing_if = "Option::is_none")]
    last_modified: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Value>,
}

/// The answer of one interaction; `writes` where the client may want less than the resource.
///
/// # Errors
/// [`Error::Unexpected`] for a body that is no JSON.
pub fn responded(service: &Service, answer: Answer, writes: bool, shown: Shown) -> Result<Responded, Error> {
    let whole = !answer.body.is_empty() && answer.status != 304 && !(writes && shown != Shown::Representation);
    let resource = match whole {
        false => None,
        true => {
            let text = String::from_utf8(answer.body).map_err(|_| Error::Unexpected("an answer is no UTF-8".into()))?;
            Some(RawValue::from_string(text).map_err(|error| Error::Unexpected(error.to_string()))?)
        }
    };
    let outcome = (writes && shown == Shown::Outcome || !answer.warnings.is_empty()).then(|| outcome::outcome(answer.warnings));
    let versioned = answer.location.as_deref().and_then(|location| location.split("/_history").next());
    Ok(Responded {
        full_url: versioned.filter(|_| resource.is_some()).map(|path| format!("{}/{path}", service.base_url)),
        resource,
        response: Response {
            status: answer.status.to_string(),
            location: answer.location.map(|location| format!("{}/{location}", service.base_url)),
            etag: answer.version.map(|version| format!("W/\"{version}\"")),
            last_modified: answer.updated.map(primitive::format_instant),
            outcome,
        },
    })
}

/// The answer of an entry that was refused.
pub fn refused(status: u16, outcome: Value) -> Responded {
    let response = Response { status: status.to_string(), location: None, etag: None, last_modified: None, outcome: Some(outcome) };
    Responded { full_url: None, resource: None, response }
}

/// The whole Bundle, its outcomes in this language.
///
/// # Errors
/// [`Error::Unexpected`].
pub fn bundle(kind: &str, mut entries: Vec<Responded>, language: Language) -> Result<Answer, Error> {
    #[derive(Serialize)]
    struct Bundle<'a> {
        #[serde(rename = "resourceType")]
        resource_type: &'static str,
        r#type: &'a str,
        #[serde(skip_serializing_if = "<[Responded]>::is_empty")]
        entry: &'a [Responded],
    }
    for entry in &mut entries {
        entry.response.outcome = entry.response.outcome.take().map(|outcome| told(outcome, language));
    }
    let whole = Bundle { resource_type: "Bundle", r#type: kind, entry: &entries };
    let body = serde_json::to_vec(&whole).map_err(|error| Error::Unexpected(error.to_string()))?;
    Ok(Answer { status: 200, body, ..Answer::default() })
}
