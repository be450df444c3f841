//! The only table from errors to answers (STYLE 6): status, issue code and what the client is told.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::Value;

use super::negotiate::Style;
use super::respond::styled;
use crate::fhir::outcome::{issue, outcome};
use crate::interaction::Error;

/// The OperationOutcome of an error; the request id is told only of what was not expected.
pub fn body(error: &Error, request_id: &str) -> Value {
    let text = error.to_string();
    let one = |code: &str, expression: &[String]| vec![issue("error", code, &text, expression)];
    let issues = match error {
        Error::Syntax(_) => one("structure", &[]),
        Error::Invalid(issues) => issues.iter().map(|i| issue("error", i.code, &i.message, std::slice::from_ref(&i.expression))).collect(),
        Error::Value { place, .. } => one("value", std::slice::from_ref(place)),
        Error::Required { place, .. } => one("required", std::slice::from_ref(place)),
        Error::NotSupported { place, .. } => one("not-supported", std::slice::from_ref(place)),
        Error::Forbidden(_) => one("forbidden", &[]),
        Error::NotFound(..) => one("not-found", &[]),
        Error::Deleted(..) => one("deleted", &[]),
        Error::UnknownType(_) | Error::Method { .. } | Error::MediaType(_) | Error::NotAcceptable(_) => one("not-supported", &[]),
        Error::Conflict(_) | Error::Precondition(_) => one("conflict", &[]),
        Error::Business { code, expression, .. } => one(code, std::slice::from_ref(expression)),
        Error::TooLong(_) => one("too-long", &[]),
        Error::Away | Error::Busy => one("transient", &[]),
        Error::Unexpected(_) => {
            let mut fatal = issue("fatal", "exception", "something unexpected happened", &[]);
            crate::http::set(&mut fatal, "diagnostics", request_id.to_owned().into());
            vec![fatal]
        }
    };
    outcome(issues)
}

/// The answer to an error.
pub fn answer(error: &Error, request_id: &str, style: Style) -> HttpResponse {
    if let Error::Unexpected(reason) = error {
        tracing::error!(request.id = request_id, reason, "unexpected");
    }
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut builder = HttpResponseBuilder::new(status);
    match error {
        Error::Method { allow, .. } => {
            builder.insert_header((ALLOW, *allow));
        }
        Error::Away | Error::Busy => {
            builder.insert_header((RETRY_AFTER, "1"));
        }
        _ => {}
    }
    finish(builder, &body(error, request_id), style)
}

/// The answer to one who is not let in: nothing more is told.
pub fn login(style: Style) -> HttpResponse {
    let body = outcome(vec![issue("error", "login", "a valid token is needed", &[])]);
    let mut builder = HttpResponse::Unauthorized();
    builder.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"fhir\""));
    finish(builder, &body, style)
}

fn finish(mut builder: HttpResponseBuilder, body: &Value, style: Style) -> HttpResponse {
    let body = body.to_string().into_bytes();
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
            (Error::Away, 503, "transient"),
            (Error::Busy, 503, "transient"),
        ];
        for (error, status, code) in rows {
            let body = body(&error, "r1");
            assert_eq!((error.status(), body.pointer("/issue/0/code").unwrap().as_str()), (status, Some(code)));
            assert_eq!(validate(ResourceType::OPERATION_OUTCOME, &body), []);
            assert!(!body.to_string().contains("secret"));
            assert_eq!(answer(&error, "r1", Style::default()).status().as_u16(), status);
        }
    }
}
