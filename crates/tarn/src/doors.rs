//! Which door a request goes through: one port serves them all.

use std::time::Instant;

use access::claimed_service;
use bytes::Bytes;
use fhir::Packages;
use futures::TryStreamExt;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use store::uuid;

use crate::components::Components;
use crate::metrics::Door;

/// The body of an answer: whole, or streamed.
pub(crate) type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// Answers one request and counts it.
#[expect(
    clippy::disallowed_methods,
    reason = "the time to answer is measured for the metrics, nothing depends on it"
)]
pub(crate) async fn answer(components: &Components, request: Request<Incoming>) -> Response<Body> {
    let began = Instant::now();
    let door = door(&request);
    let response = match door {
        Door::Shell => shell(components, &request),
        Door::HealthLake => control_plane(components, request).await,
        Door::Fhir => fhir(components, request).await,
        Door::S3 => components.s3.call(request).await.map(BodyExt::boxed_unsync),
    };
    components.metrics.answered(door, response.status().as_u16(), began.elapsed());
    response
}

/// AWS JSON by its target header whatever the path, FHIR by its path, S3 by the service that the signature
/// names; what is left and reads like a bucket goes to S3, which refuses strangers in its own words.
fn door(request: &Request<Incoming>) -> Door {
    let path = request.uri().path();
    if request.headers().contains_key(healthlake::protocol::TARGET) {
        return Door::HealthLake;
    }
    if path.trim_start_matches('/').starts_with("datastore/") {
        return Door::Fhir;
    }
    match claimed_service(request.uri().query().unwrap_or_default(), request.headers()).as_deref() {
        Some("s3") => Door::S3,
        Some(_) => Door::HealthLake,
        None if matches!(path, "/" | "/health" | "/metrics") && request.method() != Method::POST => {
            Door::Shell
        }
        None if path == "/" => Door::HealthLake,
        None => Door::S3,
    }
}

fn shell(components: &Components, request: &Request<Incoming>) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", "GET only\n");
    }
    match request.uri().path() {
        "/health" => plain(StatusCode::OK, "application/json", r#"{"status":"ok"}"#),
        "/metrics" => plain(
            StatusCode::OK,
            "text/plain; version=0.0.4; charset=utf-8",
            components.metrics.render(components.packages.current().library().registry()),
        ),
        _ => plain(
            StatusCode::OK,
            "text/plain; charset=utf-8",
            format!("tarn {}\n", env!("CARGO_PKG_VERSION")),
        ),
    }
}

async fn control_plane(components: &Components, request: Request<Incoming>) -> Response<Body> {
    let request_id = uuid(&*components.random);
    match components.bodies.gather(request, healthlake::limits::BODY_BYTES_MAX).await {
        Ok(gathered) => full(components.healthlake.handle(gathered.request, &request_id).await),
        Err(StatusCode::PAYLOAD_TOO_LARGE) => {
            full(healthlake::protocol::response(&Err(healthlake::protocol::too_large()), &request_id))
        }
        Err(status) => refused(status, &request_id),
    }
}

async fn fhir(components: &Components, request: Request<Incoming>) -> Response<Body> {
    let (method, headers) = (request.method().clone(), request.headers().clone());
    match components.bodies.gather(request, components.rest.body_bytes_max()).await {
        Ok(gathered) => match components.rest.exported_file(&gathered.request).await {
            Some(response) => response.map(streamed),
            None => full(components.rest.handle(gathered.request).await),
        },
        Err(StatusCode::PAYLOAD_TOO_LARGE) => full(components.rest.body_too_large(&method, &headers)),
        Err(status) => refused(status, &uuid(&*components.random)),
    }
}

fn refused(status: StatusCode, request_id: &str) -> Response<Body> {
    let told = match status {
        StatusCode::SERVICE_UNAVAILABLE => "Too many large requests are under way; try again",
        StatusCode::REQUEST_TIMEOUT => "The request body did not arrive in time",
        _ => "The request body ended early",
    };
    let mut response = plain(status, "application/json", format!("{{\"message\":\"{told}\"}}"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(healthlake::protocol::REQUEST_ID, id);
    }
    response
}

fn streamed(content: jobs::Content) -> Body {
    let frames = content.map_ok(Frame::data).map_err(|error| Box::new(error) as _);
    BodyExt::boxed_unsync(StreamBody::new(frames))
}

fn full(response: Response<Bytes>) -> Response<Body> {
    response.map(|bytes| Full::new(bytes).map_err(|never| match never {}).boxed_unsync())
}

fn plain(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = full(Response::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
