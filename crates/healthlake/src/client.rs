//! The same shapes calling out: a client of the control plane, over any transport.

use crate::constraint::{Path, Violations};
use crate::protocol::{CONTENT_TYPE_JSON, REQUEST_ID, TARGET, TARGET_PREFIX};
use crate::shape::Request as Shape;
use access::{Credentials, HEALTHLAKE, SignError, Signer};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response};
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use store::Clock;

/// What a transport returns.
pub type Sent<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, TransportError>> + Send + 'a>>;

/// Carries a request to a server.
pub trait Transport: Send + Sync {
    /// The answer to `request`, whose URI is absolute.
    fn send(&self, request: Request<Bytes>) -> Sent<'_>;
}

/// The server was not reached, or did not answer whole; the sentence is for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TransportError(pub String);

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The endpoint is not a URL.
    #[error("the endpoint is not a URL")]
    Endpoint,
    /// The request could not be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The server was not reached.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The server refused.
    #[error("{exception}: {message}")]
    Refused {
        /// The exception's name.
        exception: String,
        /// The server's sentence.
        message: String,
        /// What the server calls the request.
        request_id: String,
    },
    /// The answer is not one of this service.
    #[error("the answer (HTTP status {status}) is not one of HealthLake")]
    Unreadable {
        /// The answer's HTTP status.
        status: u16,
    },
}

/// A client of one server with one access key.
pub struct Client {
    /// Where the server is, without a slash at its end.
    pub endpoint: String,
    /// The region named in signatures.
    pub region: String,
    /// The access key.
    pub credentials: Credentials,
    /// The time put into signatures.
    pub clock: Arc<dyn Clock>,
    /// The way to the server.
    pub transport: Arc<dyn Transport>,
}

impl Client {
    /// Calls the action that `input` belongs to.
    pub async fn call<R: Shape>(&self, input: &R) -> Result<R::Response, ClientError> {
        let response = self.transport.send(self.signed(input)?).await?;
        let status = response.status().as_u16();
        let value: Value =
            serde_json::from_slice(response.body()).map_err(|_| ClientError::Unreadable { status })?;
        if status != 200 {
            return Err(refusal(&response, &value));
        }
        let mut found = Violations::new();
        let read = <R::Response as crate::shape::Decode>::decode(&value, &Path::Root, &mut found);
        // A newer server may use values beyond today's bounds; only what cannot be kept makes an answer unreadable.
        read.ok().filter(|_| !found.is_lossy()).ok_or(ClientError::Unreadable { status })
    }

    fn signed<R: Shape>(&self, input: &R) -> Result<Request<Bytes>, ClientError> {
        let body = Bytes::from(input.encode().to_string());
        let (mut parts, body) = Request::builder()
            .method(Method::POST)
            .uri(format!("{}/", self.endpoint))
            .header(CONTENT_TYPE, CONTENT_TYPE_JSON)
            .header(TARGET, format!("{TARGET_PREFIX}{}", R::ACTION.name()))
            .body(body)
            .map_err(|_| ClientError::Endpoint)?
            .into_parts();
        let signer = Signer {
            credentials: &self.credentials,
            region: &self.region,
            service: HEALTHLAKE.name,
            path_form: HEALTHLAKE.path_form,
            unix_seconds: self.clock.now().0.div_euclid(1_000_000),
        };
        signer.sign(&mut parts, &body)?;
        Ok(Request::from_parts(parts, body))
    }
}

/// The refusal in an answer. `__type` may carry a namespace, the message either case.
fn refusal(response: &Response<Bytes>, value: &Value) -> ClientError {
    let Some(exception) = value["__type"].as_str() else {
        return ClientError::Unreadable { status: response.status().as_u16() };
    };
    let message = value["Message"].as_str().or(value["message"].as_str()).unwrap_or_default();
    let request_id = response.headers().get(&REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    ClientError::Refused {
        exception: exception.rsplit('#').next().unwrap_or_default().to_owned(),
        message: message.to_owned(),
        request_id: request_id.to_owned(),
    }
}
