//! What an interaction answers, as a value, and how that value becomes an HTTP response.

use bytes::Bytes;
use fhir::{Outcome, ResourceKey, Time};
use http::header::{
    ALLOW, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LAST_MODIFIED, LOCATION, RETRY_AFTER,
};
use http::{Method, Response, StatusCode};

use crate::links::Base;
use crate::negotiate::{Format, http_date};
use crate::outcome::{Form, Refusal};
use crate::representation::Representation;

/// FHIR in JSON.
const FHIR_JSON: HeaderValue = HeaderValue::from_static("application/fhir+json;charset=utf-8");
/// FHIR in XML.
const FHIR_XML: HeaderValue = HeaderValue::from_static("application/fhir+xml;charset=utf-8");
/// What concerns the account or a job.
const AWS_JSON: HeaderValue = HeaderValue::from_static("application/json");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const VALIDATION_ISSUES: HeaderName = HeaderName::from_static("x-amzn-healthlake-validation-issues");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// After how long a request that was refused because others wait is worth trying again, in seconds.
const RETRY_AFTER_SECONDS: u64 = 5;

/// What an interaction answers: the same value for an HTTP response and for an entry of a Bundle.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body.
    pub content: Content,
    /// The version it speaks of (`ETag`).
    pub version: Option<u64>,
    /// When that was written (`Last-Modified`).
    pub updated: Option<Time>,
    /// What was written, for `Location`.
    pub location: Option<ResourceKey>,
    /// Other headers: names in lower case and values in visible ASCII.
    pub headers: Vec<(&'static str, String)>,
    /// What is wrong with the resource that was stored all the same.
    pub issues: Option<Outcome>,
}

/// The body of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// None.
    Nothing,
    /// A resource in JSON.
    Resource(Bytes),
    /// An OperationOutcome.
    Outcome(Outcome),
    /// JSON that is no resource: how a job stands.
    Json(Bytes),
}

impl Reply {
    /// An answer of this status without a body.
    pub fn empty(status: u16) -> Reply {
        Reply {
            status,
            content: Content::Nothing,
            version: None,
            updated: None,
            location: None,
            headers: Vec::new(),
            issues: None,
        }
    }

    /// An answer of 200 with a resource in JSON.
    pub fn resource(json: impl Into<Bytes>) -> Reply {
        Reply { content: Content::Resource(json.into()), ..Reply::empty(200) }
    }

    /// The same answer about this version.
    #[must_use]
    pub fn of_version(self, version: u64, updated: Time) -> Reply {
        Reply { version: Some(version), updated: Some(updated), ..self }
    }
}

/// The response of a reply. A HEAD request gets the headers of the GET without its body.
pub(crate) fn response(
    reply: Reply,
    base: &Base,
    method: &Method,
    representation: &Representation,
) -> Response<Bytes> {
    let (media_type, body) = match reply.content {
        Content::Nothing => (FHIR_JSON, Bytes::new()),
        Content::Resource(json) => {
            let (format, body) = representation.write(json, reply.version.is_none());
            (media_type(format), body)
        }
        Content::Outcome(outcome) => {
            let (format, body) = representation.of_refusal().write(outcome.to_json().into(), false);
            (media_type(format), body)
        }
        Content::Json(json) => (AWS_JSON, json),
    };
    let mut response = with_body(reply.status, media_type, body, method);
    let headers = response.headers_mut();
    if let Some(version) = reply.version {
        headers.insert(ETAG, etag(version));
        if let Some(key) = &reply.location {
            // A public address is the operator's text; one that no header can hold is not worth a failure.
            if let Ok(address) = HeaderValue::from_str(&base.version(key, version)) {
                headers.insert(LOCATION, address);
            }
        }
    }
    if let Some(updated) = reply.updated {
        headers.insert(LAST_MODIFIED, ascii(&http_date(updated)));
    }
    if reply.issues.is_some() {
        headers.insert(VALIDATION_ISSUES, HeaderValue::from_static("true"));
    }
    for (name, value) in reply.headers {
        // As above: a public address may be no header's value.
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// The response of a refusal.
pub(crate) fn refused(refusal: Refusal, method: &Method, representation: &Representation) -> Response<Bytes> {
    let mut response = match refusal.form {
        Form::Outcome(outcome) => {
            let (format, body) = representation.of_refusal().write(outcome.to_json().into(), false);
            with_body(refusal.status, media_type(format), body, method)
        }
        Form::Aws(name, message) => {
            let body = serde_json::json!({ "message": message }).to_string();
            let mut response = with_body(refusal.status, AWS_JSON, body.into(), method);
            response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(name));
            response
        }
    };
    if refusal.status == 429 {
        response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS.into());
    }
    if let Some(allow) = refusal.allow {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    }
    if let Some(version) = refusal.version {
        response.headers_mut().insert(ETAG, etag(version));
    }
    if let Some(Ok(address)) = refusal.location.map(|address| HeaderValue::from_str(&address)) {
        response.headers_mut().insert(LOCATION, address);
    }
    response
}

/// Gives a response the id by which a person finds it in the log.
pub(crate) fn identify<B>(response: &mut Response<B>, request_id: &str) {
    response.headers_mut().insert(REQUEST_ID, ascii(request_id));
}

fn media_type(format: Format) -> HeaderValue {
    match format {
        Format::Json => FHIR_JSON,
        Format::Xml => FHIR_XML,
    }
}

fn with_body(status: u16, media_type: HeaderValue, body: Bytes, method: &Method) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::from_u16(status).expect("statuses are written in this crate");
    if !body.is_empty() {
        response.headers_mut().insert(CONTENT_TYPE, media_type);
    }
    if method == Method::HEAD {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    } else {
        *response.body_mut() = body;
    }
    response
}

fn etag(version: u64) -> HeaderValue {
    ascii(&format!("W/\"{version}\""))
}

fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("dates, numbers and ids are visible ASCII")
}
