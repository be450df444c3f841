//! From an answer to HTTP: format, validators, preferences (FHIR R4 http.html#general, #ops, #cread).

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LANGUAGE, ETAG, HeaderMap, LAST_MODIFIED, LOCATION};
use actix_web::{HttpResponse, HttpResponseBuilder};

use super::negotiate::{self, Return, Style};
use super::stream::Streamed;
use crate::fhir::message::told;
use crate::fhir::{Format, json, outcome, primitive, xml};
use crate::interaction::{Answer, Error, Route};

/// The bytes of a resource kept as JSON, in this style. JSON is served as it stands; XML is made from the tree.
pub fn styled(body: Vec<u8>, style: Style) -> Result<Vec<u8>, Error> {
    if style.format == Format::Json && !style.pretty {
        return Ok(body);
    }
    let value = json::kept(&body).ok_or_else(|| Error::Unexpected("an answer is no JSON".into()))?;
    match style.format {
        Format::Json => serde_json::to_vec_pretty(&value).map_err(|error| Error::Unexpected(error.to_string())),
        Format::Xml => Ok(xml::write(&value, style.pretty)),
    }
}

/// Answers from this size on are written anew off the threads that serve.
const LARGE_BYTES: usize = 256 * 1024;

/// [`styled`], off this thread where that is much work.
async fn styled_anywhere(body: Vec<u8>, style: Style) -> Result<Vec<u8>, Error> {
    if body.len() < LARGE_BYTES || (style.format == Format::Json && !style.pretty) {
        return styled(body, style);
    }
    actix_web::web::block(move || styled(body, style)).await.map_err(|error| Error::Unexpected(error.to_string()))?
}

/// The answer of an interaction.
///
/// # Errors
/// [`Error::Unexpected`] for what no interaction answers.
pub async fn respond(headers: &HeaderMap, route: &Route, answer: Answer, style: Style, base_url: &str) -> Result<HttpResponse, Error> {
    let mut status = StatusCode::from_u16(answer.status).map_err(|error| Error::Unexpected(error.to_string()))?;
    let unchanged = route.reads() && answer.version.is_some_and(|version| negotiate::has_it(headers, version, answer.updated));
    if unchanged {
        status = StatusCode::NOT_MODIFIED;
    }
    let prefers = negotiate::prefers(headers);
    if status == StatusCode::NO_CONTENT && prefers == Return::OperationOutcome {
        status = StatusCode::OK;
    }
    let mut builder = HttpResponseBuilder::new(status);
    if let Some(version) = answer.version {
        builder.insert_header((ETAG, format!("W/\"{version}\"")));
    }
    if let Some(updated) = answer.updated {
        builder.insert_header((LAST_MODIFIED, primitive::http_date(updated)));
    }
    if let Some(location) = &answer.location {
        builder.insert_header((LOCATION, format!("{base_url}/{location}")));
    }
    if unchanged || status == StatusCode::NO_CONTENT {
        return Ok(builder.finish());
    }
    if let Some(media) = answer.media {
        // Content comes from many hands: a browser shows it as what it says it is, and runs nothing of it.
        builder
            .insert_header(("X-Content-Type-Options", "nosniff"))
            .insert_header(("Content-Security-Policy", "default-src 'none'; sandbox"));
        let builder = builder.content_type(media);
        return Ok(match answer.content {
            Some(content) => builder.body(Streamed::new(content, &[])),
            None => builder.body(answer.body),
        });
    }
    if let Some(content) = answer.content {
        let resource = styled_anywhere(answer.body, style).await?;
        return Ok(builder.content_type(style.format.media()).body(Streamed::new(content, &resource)));
    }
    let writes = route.writes() || matches!(route, Route::Delete(..));
    let body = match prefers {
        Return::Minimal if writes => return Ok(builder.finish()),
        Return::OperationOutcome if writes => {
            let outcome = told(outcome::outcome(answer.warnings), style.language);
            if outcome.get("language").is_some() {
                builder.insert_header((CONTENT_LANGUAGE, style.language.code()));
            }
            outcome.to_string().into_bytes()
        }
        _ => answer.body,
    };
    Ok(builder.content_type(style.format.media()).body(styled_anywhere(body, style).await?))
}
