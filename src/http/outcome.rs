//! From an error to an answer: status, headers, and the OperationOutcome of `interaction::outcome_of`.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_LANGUAGE, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::Value;

use super::negotiate::Style;
use super::respond::styled;
use crate::fhir::message::told;
use crate::fhir::outcome::{issue, outcome};
use crate::interaction::{Error, outcome_of};

/// The answer to an error.
pub fn answer(error: &Error, request_id: &str, style: Style) -> HttpResponse {
    if let Error::Unexpected(reason) = error.cause() {
        tracing::error!(request.id = request_id, reason, "unexpected");
    }
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut builder = HttpResponseBuilder::new(status);
    match error.cause() {
        Error::Method { allow, .. } => {
            builder.insert_header((ALLOW, *allow));
        }
        Error::Away | Error::Busy => {
            builder.insert_header((RETRY_AFTER, "1"));
        }
        _ => {}
    }
    finish(builder, outcome_of(error, request_id), style)
}

/// The answer to one who is not let in: nothing more is told.
pub fn login(style: Style) -> HttpResponse {
    let body = outcome(vec![issue("error", "login", "a valid token is needed", &[])]);
    let mut builder = HttpResponse::Unauthorized();
    builder.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"fhir\""));
    finish(builder, body, style)
}

/// The answer at an address where nothing is served.
pub fn elsewhere(style: Style) -> HttpResponse {
    let text = "nothing is served here: the FHIR base is `/fhir`";
    finish(HttpResponse::NotFound(), outcome(vec![issue("error", "not-found", text, &[])]), style)
}

fn finish(mut builder: HttpResponseBuilder, outcome: Value, style: Style) -> HttpResponse {
    let outcome = told(outcome, style.language);
    if outcome.get("language").is_some() {
        builder.insert_header((CONTENT_LANGUAGE, style.language.code()));
    }
    let body = outcome.to_string().into_bytes();
    // An outcome made here is always a resource; were it not, its JSON would still be told.
    let styled = styled(body.clone(), style).unwrap_or(body);
    builder.content_type(style.format.media()).body(styled)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fhir::ResourceType;
    use crate::fhir::issue::Issue;
    use crate::fhir::validate::validate;

    #[test]
    fn every_error_has_its_answer() {
        let (place, message): (String, String) = ("x".into(), "y".into());
        let rows = [
            (Error::Syntax("x".into()), 400, "structure"),
            (Error::Invalid(vec![Issue { code: "value", expression: "a".into(), message: "b".into() }]), 422, "value"),
            (Error::Value { place: place.clone(), message: message.clone() }, 400, "value"),
            (Error::Required { place: place.clone(), message: message.clone() }, 400, "required"),
            (Error::NotSupported { place, message: message.clone() }, 400, "not-supported"),
            (Error::Forbidden("x".into()), 403, "forbidden"),
            (Error::NotFound(ResourceType::PATIENT, "1".into()), 404, "not-found"),
            (Error::Deleted(ResourceType::PATIENT, "1".into()), 410, "deleted"),
            (Error::UnknownType("x".into()), 404, "not-supported"),
            (Error::Method { allow: "GET", message }, 405, "not-supported"),
            (Error::NotAcceptable("x".into()), 406, "not-supported"),
            (Error::Conflict("x".into()), 409, "conflict"),
            (Error::Precondition("x".into()), 412, "conflict"),
            (Error::TooLong("x".into()), 413, "too-long"),
            (Error::MediaType("x".into()), 415, "not-supported"),
            (Error::business("a", "b"), 422, "business-rule"),
            (Error::Unexpected("secret".into()), 500, "exception"),
            (Error::Entry(3, Box::new(Error::Forbidden("x".into()))), 403, "forbidden"),
            (Error::Away, 503, "transient"),
            (Error::Busy, 503, "transient"),
        ];
        for (error, status, code) in rows {
            let body = outcome_of(&error, "r1");
            assert_eq!((error.status(), body.pointer("/issue/0/code").unwrap().as_str()), (status, Some(code)));
            assert_eq!(validate(ResourceType::OPERATION_OUTCOME, &body), []);
            assert!(!body.to_string().contains("secret"));
            assert_eq!(answer(&error, "r1", Style::default()).status().as_u16(), status);
        }
    }
}
