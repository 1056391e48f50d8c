//! Which door a request goes through: one port serves them all.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use access::claimed_service;
use bytes::Bytes;
use fhir::Packages;
use futures::TryStreamExt;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use search::Cancellation;
use store::uuid;

use crate::components::Components;
use crate::load::pace::{PacedBody, SENDING};
use crate::load::{Asked, Refused};
use crate::metrics::Door;
use crate::transfer::{PIECE_BODY_BYTES_MAX, TARGET_PREFIX};

/// The body of an answer: whole, or streamed.
pub(crate) type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// Answers one request and counts it.
#[expect(
    clippy::disallowed_methods,
    reason = "the time to answer is measured for the metrics, nothing depends on it"
)]
pub(crate) async fn answer(
    components: &Components,
    request: Request<Incoming>,
    address: IpAddr,
) -> Response<Body> {
    let began = Instant::now();
    let door = door(&request);
    let response = match door {
        Door::Shell => shell(components, &request),
        door => admitted(components, door, request, address).await,
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
            components.metrics.render(components.packages.current().library().registry(), &components.load),
        ),
        _ => plain(
            StatusCode::OK,
            "text/plain; charset=utf-8",
            format!("tarn {}\n", env!("CARGO_PKG_VERSION")),
        ),
    }
}

/// Answers through a door what load allows: rates and room are looked at before a body is read, the turn is waited for
/// when it is there.
async fn admitted(
    components: &Components,
    door: Door,
    request: Request<Incoming>,
    address: IpAddr,
) -> Response<Body> {
    let (method, headers) = (request.method().clone(), request.headers().clone());
    let asked = components.load.asked(door, &method, request.uri(), &headers, &address.to_string());
    let answered = match components.load.look(&asked, components.clock.now()) {
        Err(refused) => Err(refused),
        Ok(()) => match door {
            // Each on the heap: a request's future is moved several times, and would be as large as the largest.
            Door::HealthLake => Box::pin(control_plane(components, request, &asked)).await,
            Door::Fhir => Box::pin(fhir(components, request, &asked)).await,
            Door::S3 | Door::Shell => Box::pin(objects(components, request, &asked)).await,
        },
    };
    let response = answered.unwrap_or_else(|refused| throttled(components, door, &method, &headers, refused));
    if matches!(response.status(), StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED) {
        components.load.give_back(&asked);
    }
    response
}

async fn control_plane(
    components: &Components,
    request: Request<Incoming>,
    asked: &Asked,
) -> Result<Response<Body>, Refused> {
    let request_id = uuid(&*components.random);
    let is_transfer = names_transfer(request.headers());
    let limit = if is_transfer { PIECE_BODY_BYTES_MAX } else { healthlake::limits::BODY_BYTES_MAX };
    match components.bodies.gather(request, limit, &components.load.slow).await {
        Ok(gathered) => {
            let _pass = components.load.enter(asked).await?;
            if is_transfer {
                return Ok(full(components.transfers.handle(gathered.request).await));
            }
            Ok(full(components.healthlake.handle(gathered.request, &request_id).await))
        }
        Err(StatusCode::PAYLOAD_TOO_LARGE) => {
            Ok(full(healthlake::protocol::response(&Err(healthlake::protocol::too_large()), &request_id)))
        }
        Err(status) => refused(status, &request_id),
    }
}

/// Whether a request is of a backup or restoration.
fn names_transfer(headers: &HeaderMap) -> bool {
    let target = headers.get(healthlake::protocol::TARGET).and_then(|target| target.to_str().ok());
    target.is_some_and(|target| target.starts_with(TARGET_PREFIX))
}

async fn fhir(
    components: &Components,
    request: Request<Incoming>,
    asked: &Asked,
) -> Result<Response<Body>, Refused> {
    let (method, headers) = (request.method().clone(), request.headers().clone());
    let limit = components.rest.body_bytes_max();
    match components.bodies.gather(request, limit, &components.load.slow).await {
        Ok(gathered) => {
            components.load.charge_body(asked, gathered.request.body());
            let _pass = components.load.enter(asked).await?;
            match components.rest.exported_file(&gathered.request).await {
                Some(response) => Ok(response.map(streamed)),
                None => Ok(full(within_time(components, gathered.request).await)),
            }
        }
        Err(StatusCode::PAYLOAD_TOO_LARGE) => Ok(full(components.rest.body_too_large(&method, &headers))),
        Err(status) => refused(status, &uuid(&*components.random)),
    }
}

async fn objects(
    components: &Components,
    request: Request<Incoming>,
    asked: &Asked,
) -> Result<Response<Body>, Refused> {
    let _pass = components.load.enter(asked).await?;
    let slow = Arc::clone(&components.load.slow);
    let request = request.map(|body| PacedBody::new(body, SENDING, slow));
    Ok(components.s3.call(request).await.map(BodyExt::boxed_unsync))
}

/// Answers a FHIR request whose searches end when they took too long, or when its client has gone.
async fn within_time(components: &Components, request: Request<Bytes>) -> Response<Bytes> {
    let cancellation = Cancellation::new();
    let _gone = CancelOnDrop(cancellation.clone());
    let mut answer = pin!(components.rest.handle_until(request, cancellation.clone()));
    tokio::select! {
        biased;
        response = &mut answer => response,
        () = tokio::time::sleep(components.load.search) => {
            components.load.cut.fetch_add(1, Ordering::Relaxed);
            cancellation.cancel();
            answer.await
        }
    }
}

/// Ends the work for a client that nobody is any more.
struct CancelOnDrop(Cancellation);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// The refusal of what is too much, in the words of its door.
fn throttled(
    components: &Components,
    door: Door,
    method: &Method,
    headers: &HeaderMap,
    refused: Refused,
) -> Response<Body> {
    let seconds = refused.retry_after_seconds;
    match door {
        Door::Fhir => full(components.rest.throttled(method, headers, seconds)),
        Door::HealthLake => {
            let fault = Err(healthlake::protocol::throttled());
            let mut response = healthlake::protocol::response(&fault, &uuid(&*components.random));
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
            full(response)
        }
        Door::S3 | Door::Shell => components.s3.slow_down(seconds).map(BodyExt::boxed_unsync),
    }
}

/// What is wrong with a body that was not gathered: no room for it is load, the rest is the client's.
fn refused(status: StatusCode, request_id: &str) -> Result<Response<Body>, Refused> {
    let told = match status {
        StatusCode::SERVICE_UNAVAILABLE => return Err(Refused { retry_after_seconds: 5 }),
        StatusCode::REQUEST_TIMEOUT => "The request body arrived too slowly",
        _ => "The request body ended early",
    };
    let mut response = plain(status, "application/json", format!("{{\"message\":\"{told}\"}}"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(healthlake::protocol::REQUEST_ID, id);
    }
    Ok(response)
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
