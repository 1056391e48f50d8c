//! AWS JSON 1.0 over HTTP: which action a request names, and how results and refusals are written.

use crate::error::{Fault, FaultKind};
use crate::generated::actions::Action;
use crate::limits::BODY_BYTES_MAX;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use serde_json::Value;

/// The content type of requests and answers.
pub const CONTENT_TYPE_JSON: &str = "application/x-amz-json-1.0";
/// The header that names the action.
pub const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
/// What stands before the action's name in [`TARGET`].
pub const TARGET_PREFIX: &str = "HealthLake.";
/// The header that tells one request from another in logs.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// Refuses a body that is larger than any valid request.
pub fn check_size(body: &[u8]) -> Result<(), Fault> {
    if body.len() <= BODY_BYTES_MAX {
        return Ok(());
    }
    Err(too_large())
}

/// The refusal of a body that is larger than any valid request, however much of it was read.
pub fn too_large() -> Fault {
    let message = format!("The request body is larger than {BODY_BYTES_MAX} bytes");
    Fault::new(FaultKind::RequestEntityTooLarge, message)
}

/// The refusal of a request because more are under way than can be served.
pub fn throttled() -> Fault {
    Fault::new(FaultKind::Throttling, "Rate exceeded: more requests came than can be served")
}

/// The action that `request` names. Fails with UnknownOperationException, or for an operation of the service
/// model that is not here yet with a ValidationException that says so.
pub fn action(request: &Request<Bytes>) -> Result<Action, Fault> {
    let unknown = |message: &str| Fault::new(FaultKind::UnknownOperation, message);
    if request.method() != Method::POST {
        return Err(unknown("An action is called with POST"));
    }
    let target = request.headers().get(&TARGET).and_then(|target| target.to_str().ok());
    let name = target.and_then(|target| target.strip_prefix(TARGET_PREFIX));
    let name = name.ok_or_else(|| unknown("The header X-Amz-Target names no HealthLake action"))?;
    if let Some(action) = Action::named(name) {
        return Ok(action);
    }
    match Action::ABSENT.iter().find(|absent| **absent == name) {
        Some(absent) => Err(Fault::validation(format!("{absent} is not supported by this version of tarn"))),
        None => Err(unknown("The header X-Amz-Target names no HealthLake action")),
    }
}

/// The HTTP answer to an action.
pub fn response(outcome: &Result<Value, Fault>, request_id: &str) -> Response<Bytes> {
    let (status, body) = match outcome {
        Ok(output) => (200, Bytes::from(output.to_string())),
        Err(fault) => (fault.kind.status(), fault.body()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE_JSON));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}
