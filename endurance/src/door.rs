//! The doors of a running server, signed: FHIR, the control plane and the S3 endpoint.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use access::{Credentials, HEALTHLAKE, PathForm, Signer};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures::TryStreamExt;
use healthlake::client::{Client, Sent, Transport, TransportError};
use http::Method;
use jobs::objects::put_bytes;
use jobs::s3::{Addressing, Encryption, S3Credentials};
use jobs::{Objects, PutOptions, S3Objects, S3Options, S3Uri};
use serde_json::Value;
use store::{Clock, SystemClock};

/// The region that everything is signed for.
const REGION: &str = "us-east-1";
/// How long an answer may take. Nothing that is asked here takes a hundredth of it.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// The SHA-256 of nothing.
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A way to one running server. Clones share their connections.
#[derive(Clone)]
pub(crate) struct Door {
    endpoint: String,
    credentials: Credentials,
    web: reqwest::Client,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The version that `ETag` names.
    pub(crate) version: Option<u64>,
    /// The id that `Location` names.
    pub(crate) id: Option<String>,
    /// The body; null if it is empty or no JSON.
    pub(crate) body: Value,
}

/// No whole answer came: the request may have been done or not.
#[derive(Debug, thiserror::Error)]
#[error("no answer: {0}")]
pub(crate) struct Unseen(pub(crate) String);

/// A request to the FHIR door of a data store.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Ask {
    /// A GET below the base address.
    pub(crate) fn get(path: impl Into<String>) -> Ask {
        Ask { method: Method::GET, path: path.into(), headers: Vec::new(), body: Bytes::new() }
    }

    /// A POST of a resource.
    pub(crate) fn post(path: impl Into<String>, body: &Value) -> Ask {
        Ask { method: Method::POST, body: Bytes::from(body.to_string()), ..Ask::get(path) }
    }

    /// A PUT of a resource.
    pub(crate) fn put(path: impl Into<String>, body: &Value) -> Ask {
        Ask { method: Method::PUT, body: Bytes::from(body.to_string()), ..Ask::get(path) }
    }

    /// A DELETE.
    pub(crate) fn delete(path: impl Into<String>) -> Ask {
        Ask { method: Method::DELETE, ..Ask::get(path) }
    }

    /// The same with a header.
    pub(crate) fn with(mut self, name: &'static str, value: String) -> Ask {
        self.headers.push((name, value));
        self
    }
}

impl Door {
    /// A way to the server at `endpoint`, whose data folder has its credentials.
    pub(crate) fn new(endpoint: &str, data: &Path) -> Result<Door> {
        let text = std::fs::read_to_string(data.join("credentials")).context("read the credentials file")?;
        let credentials = Credentials::read(&text, "tarn")?;
        let web = reqwest::Client::builder().timeout(ANSWER_MAX).tcp_nodelay(true).build()?;
        Ok(Door { endpoint: endpoint.to_owned(), credentials, web })
    }

    /// Asks the FHIR door of a data store.
    pub(crate) async fn fhir(&self, store: &str, ask: &Ask) -> Result<Answer, Unseen> {
        let uri = format!("{}/datastore/{store}/r4/{}", self.endpoint, ask.path);
        let mut request = http::Request::builder().method(ask.method.clone()).uri(uri);
        if !ask.body.is_empty() {
            request = request.header("content-type", "application/fhir+json");
        }
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        let (mut parts, body) =
            request.body(ask.body.clone()).expect("our requests are well formed").into_parts();
        let signer = self.signer(HEALTHLAKE.name, HEALTHLAKE.path_form);
        signer.sign(&mut parts, &body).expect("our requests can be signed");
        let answer = self.send(http::Request::from_parts(parts, body)).await;
        let answer = answer.map_err(|error| Unseen(plainly(&error)))?;
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        Ok(Answer {
            status: answer.status().as_u16(),
            version: header("etag")
                .and_then(|tag| tag.trim_start_matches("W/").trim_matches('"').parse().ok()),
            id: header("location").and_then(id_of).map(str::to_owned),
            body: serde_json::from_slice(answer.body()).unwrap_or_default(),
        })
    }

    /// A client of the control plane.
    pub(crate) fn control(&self) -> Client {
        Client {
            endpoint: self.endpoint.clone(),
            region: REGION.to_owned(),
            credentials: self.credentials.clone(),
            clock: Arc::new(SystemClock),
            transport: Arc::new(self.clone()),
        }
    }

    /// Makes a bucket of the S3 endpoint, if it is not there.
    pub(crate) async fn make_bucket(&self, bucket: &str) -> Result<()> {
        let uri = format!("{}/{bucket}", self.endpoint);
        let request = http::Request::put(uri).header("x-amz-content-sha256", EMPTY_SHA256);
        let (mut parts, body) = request.body(Bytes::new())?.into_parts();
        self.signer("s3", PathForm::Once).sign(&mut parts, &body)?;
        let answer = self.send(http::Request::from_parts(parts, body)).await?;
        let is_there = String::from_utf8_lossy(answer.body()).contains("BucketAlreadyOwnedByYou");
        ensure!(answer.status().is_success() || is_there, "the bucket was refused: {}", answer.status());
        Ok(())
    }

    /// Puts an object.
    pub(crate) async fn put_object(&self, uri: &str, content: Vec<u8>) -> Result<()> {
        put_bytes(&*self.objects(), &S3Uri::parse(uri)?, PutOptions::default(), content).await?;
        Ok(())
    }

    /// The keys and contents of all objects below a folder.
    pub(crate) async fn folder(&self, uri: &str) -> Result<Vec<(String, Vec<u8>)>> {
        let (uri, objects) = (S3Uri::parse(uri)?, self.objects());
        let (mut found, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = objects.list(uri.bucket(), uri.key(), after.as_deref()).await?;
            for object in &page.objects {
                let content = objects.get(uri.bucket(), &object.key, None).await?;
                let chunks: Vec<Bytes> = content.try_collect().await?;
                found.push((object.key.clone(), chunks.concat()));
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(found),
            }
        }
    }

    fn objects(&self) -> Arc<dyn Objects> {
        Arc::new(S3Objects::new(S3Options {
            endpoint: Some(self.endpoint.clone()),
            region: REGION.to_owned(),
            credentials: Some(S3Credentials {
                access_key_id: self.credentials.access_key_id.clone(),
                secret_access_key: self.credentials.secret.expose().to_owned(),
                session_token: None,
            }),
            addressing: Addressing::Path,
            encryption: Encryption::OfBucket,
        }))
    }

    fn signer(&self, service: &'static str, path_form: PathForm) -> Signer<'_> {
        let unix_seconds = SystemClock.now().0.div_euclid(1_000_000);
        Signer { credentials: &self.credentials, region: REGION, service, path_form, unix_seconds }
    }

    async fn send(&self, request: http::Request<Bytes>) -> reqwest::Result<http::Response<Bytes>> {
        let response = self.web.execute(request.try_into()?).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut answer = http::Response::new(response.bytes().await?);
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }
}

impl Transport for Door {
    fn send(&self, request: http::Request<Bytes>) -> Sent<'_> {
        Box::pin(
            async move { Door::send(self, request).await.map_err(|error| TransportError(plainly(&error))) },
        )
    }
}

/// The id in a location such as `…/Patient/ID/_history/1`.
pub(crate) fn id_of(location: &str) -> Option<&str> {
    location.split("/_history/").next()?.rsplit('/').next()
}

fn plainly(error: &reqwest::Error) -> String {
    match error.is_timeout() {
        true => format!("nothing came within {ANSWER_MAX:?}"),
        false => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_names_the_id() {
        assert_eq!(id_of("http://h/datastore/d/r4/Patient/a-1/_history/3"), Some("a-1"));
        assert_eq!(id_of("Patient/a-1"), Some("a-1"));
    }
}
