//! The server under measurement as its clients see it: where it is, who asks, and how requests are signed.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use access::{Credentials, HEALTHLAKE, PathForm, Signer};
use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use healthlake::client::{Client, Sent, Transport, TransportError};
use healthlake::generated::enumerations::{DatastoreStatus, FHIRVersion};
use healthlake::generated::structures::{
    CreateFHIRDatastoreRequest, DeleteFHIRDatastoreRequest, DescribeFHIRDatastoreRequest,
};
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::{Method, Request};
use store::{Clock, SystemClock};

use crate::connection::{Answer, Connection};

/// How often something that takes a while is looked at, in milliseconds.
pub(crate) const POLL_MS: u64 = 20;

/// FHIR's own JSON.
pub(crate) const FHIR_JSON: &str = "application/fhir+json";

/// A server and a key for it.
#[derive(Clone)]
pub struct Target {
    address: String,
    region: String,
    credentials: Credentials,
}

/// A data store on it.
#[derive(Clone)]
pub(crate) struct Datastore {
    pub(crate) id: String,
    /// The path of its FHIR endpoint, with a slash at its end.
    pub(crate) base: String,
}

/// Carries the control plane's calls, one connection each.
struct Wire(String);

impl Transport for Wire {
    fn send(&self, request: Request<Bytes>) -> Sent<'_> {
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).parse();
            parts.uri = path.map_err(|_| TransportError("the path is none".to_owned()))?;
            let answer = Connection::to(&self.0).send(Request::from_parts(parts, body)).await;
            let answer = answer.map_err(|error| TransportError(format!("{error:#}")))?;
            let mut response = http::Response::new(answer.body);
            *response.status_mut() = http::StatusCode::from_u16(answer.status)
                .map_err(|error| TransportError(error.to_string()))?;
            *response.headers_mut() = answer.headers;
            Ok(response)
        })
    }
}

impl Target {
    /// The server at `endpoint`, a plain `http://` URL, asked with these credentials.
    ///
    /// # Errors
    /// When the URL is another: TLS would be measured with the server.
    pub fn new(endpoint: &str, region: &str, credentials: Credentials) -> Result<Target> {
        let address = endpoint.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        let address = address.filter(|address| !address.is_empty() && !address.contains('/'));
        let address = address.with_context(|| {
            format!("{endpoint} is no address like http://127.0.0.1:8080; TLS is not supported here")
        })?;
        let address = if address.contains(':') { address.to_owned() } else { format!("{address}:80") };
        Ok(Target { address, region: region.to_owned(), credentials })
    }

    /// The server whose data folder is `data`.
    ///
    /// # Errors
    /// When the folder has no credentials file.
    pub fn of_folder(endpoint: &str, region: &str, data: &Path) -> Result<Target> {
        let path = data.join("credentials");
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        Target::new(endpoint, region, Credentials::read(&text, "tarn")?)
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// A signed FHIR request for a path that begins with a slash.
    pub(crate) fn fhir(&self, method: Method, path: &str, body: Bytes) -> Result<Request<Bytes>> {
        let mut request = Request::builder().method(method).uri(path).header(ACCEPT, FHIR_JSON);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, FHIR_JSON);
        }
        self.signed(request, body, HEALTHLAKE.name, HEALTHLAKE.path_form)
    }

    /// A signed FHIR read or search.
    pub(crate) fn get(&self, path: &str) -> Result<Request<Bytes>> {
        self.fhir(Method::GET, path, Bytes::new())
    }

    /// A signed request to the S3 endpoint.
    pub(crate) fn s3(&self, method: Method, path: &str, body: Bytes) -> Result<Request<Bytes>> {
        let request =
            Request::builder().method(method).uri(path).header("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
        self.signed(request, body, "s3", PathForm::Once)
    }

    fn signed(
        &self,
        request: http::request::Builder,
        body: Bytes,
        service: &str,
        path_form: PathForm,
    ) -> Result<Request<Bytes>> {
        let (mut parts, body) = request.header(HOST, &self.address).body(body)?.into_parts();
        let signer = Signer {
            credentials: &self.credentials,
            region: &self.region,
            service,
            path_form,
            unix_seconds: SystemClock.now().0.div_euclid(1_000_000),
        };
        signer.sign(&mut parts, &body)?;
        Ok(Request::from_parts(parts, body))
    }

    /// Sends one request over a connection of its own and waits for the answer, whatever its status.
    pub(crate) fn ask(&self, request: Request<Bytes>) -> Result<Answer> {
        runtime()?.block_on(Connection::to(&self.address).send(request))
    }

    /// The JSON of a successful answer to a FHIR read or search.
    pub(crate) fn json(&self, path: &str) -> Result<serde_json::Value> {
        let answer = self.ask(self.get(path)?)?;
        ensure!(answer.status == 200, "{path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// Calls an action of the control plane.
    pub(crate) fn call<R: healthlake::shape::Request>(&self, input: &R) -> Result<R::Response> {
        let client = Client {
            endpoint: format!("http://{}", self.address),
            region: self.region.clone(),
            credentials: self.credentials.clone(),
            clock: Arc::new(SystemClock),
            transport: Arc::new(Wire(self.address.clone())),
        };
        Ok(runtime()?.block_on(client.call(input))?)
    }

    /// Makes a data store and waits until it is ACTIVE; also how long that took.
    pub(crate) fn create(&self, name: &str) -> Result<(Datastore, Duration)> {
        let began = Instant::now();
        let request = CreateFHIRDatastoreRequest {
            datastore_name: Some(name.to_owned()),
            datastore_type_version: FHIRVersion::R4,
            ..Default::default()
        };
        let made = self.call(&request)?;
        let base = made.datastore_endpoint.splitn(4, '/').nth(3).context("an endpoint has a path")?;
        let store = Datastore { id: made.datastore_id, base: format!("/{base}") };
        while self.status(&store)? != DatastoreStatus::Active {
            pause();
        }
        Ok((store, began.elapsed()))
    }

    /// Deletes a data store and waits until it is gone; how long that took.
    pub(crate) fn delete(&self, store: &Datastore) -> Result<Duration> {
        let began = Instant::now();
        self.call(&DeleteFHIRDatastoreRequest { datastore_id: store.id.clone() })?;
        loop {
            match self.status(store)? {
                DatastoreStatus::Deleted => return Ok(began.elapsed()),
                DatastoreStatus::Deleting => pause(),
                other => bail!("a data store that is deleted became {other:?}"),
            }
        }
    }

    fn status(&self, store: &Datastore) -> Result<DatastoreStatus> {
        let request = DescribeFHIRDatastoreRequest { datastore_id: store.id.clone() };
        Ok(self.call(&request)?.datastore_properties.datastore_status)
    }
}

/// Waits before looking again.
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(POLL_MS));
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
