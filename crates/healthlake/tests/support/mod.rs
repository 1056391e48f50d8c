//! A control plane over the model, called as a client calls it: whole requests, whole answers, no sockets.

#![allow(dead_code, unreachable_pub, reason = "each test file is a crate and uses its part")]

use access::{Credentials, HEALTHLAKE, Principal, Secret, Signer, Verifier};
use bytes::Bytes;
use healthlake::arn::Place;
use healthlake::client::{Client, Sent, Transport};
use healthlake::error::FaultKind;
use healthlake::generated::actions::Action;
use healthlake::{Service, ServiceParts, Settings};
use http::{Request, Response};
use jobs::{Lifecycle, Preload, PreloadError, Queue};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{
    Answer, Catalog, Clock, DatastoreId, ErrorCategory, ManualClock, ModelCatalog, Random, Revised,
    SeededRandom, Store,
};

pub const ROLE: &str = "arn:aws:iam::123456789012:role/HealthLakeDataAccess";
pub const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/0b2c3d4e-0000-4000-8000-000000000000";
pub const NOW_SECONDS: i64 = 1_790_000_000;
const KNOWN: &str = "AKIAEXAMPLEEXAMPLE00";

/// Preloads nothing, or fails.
pub struct NoPatients {
    pub fails: bool,
}

impl Preload for NoPatients {
    fn preload<'a>(&'a self, _: &'a DatastoreId, _: Arc<dyn Store>) -> Answer<'a, (), PreloadError> {
        Box::pin(async move {
            let (message, category) = ("No patients today".to_owned(), ErrorCategory::NonRetryableError);
            if self.fails { Err(PreloadError { message, category }) } else { Ok(()) }
        })
    }
}

/// Everything a request meets.
#[derive(Clone)]
pub struct World {
    pub catalog: Arc<ModelCatalog>,
    pub clock: Arc<ManualClock>,
    pub lifecycle: Arc<Lifecycle>,
    pub service: Arc<Service>,
    pub credentials: Credentials,
}

pub fn world() -> World {
    let clock = Arc::new(ManualClock::default());
    clock.advance_ms(NOW_SECONDS * 1000);
    world_over(Arc::new(ModelCatalog::new(clock.clone())), clock, 1, |_| {}, NoPatients { fails: false })
}

pub fn world_over(
    catalog: Arc<ModelCatalog>,
    clock: Arc<ManualClock>,
    seed: u64,
    set: impl Fn(&mut Settings),
    preload: NoPatients,
) -> World {
    let lifecycle = Arc::new(Lifecycle::new(catalog.clone(), clock.clone(), Arc::new(preload)));
    let secret = Secret::new("only the owner knows");
    let credentials = Credentials { access_key_id: KNOWN.to_owned(), secret, session_token: None };
    let owner = Principal {
        credentials: credentials.clone(),
        account_id: "123456789012".to_owned(),
        expires_unix_seconds: None,
    };
    let parts = ServiceParts {
        catalog: catalog.clone(),
        clock: clock.clone() as Arc<dyn Clock>,
        random: Arc::new(SeededRandom::new(seed)) as Arc<dyn Random>,
        verifier: Arc::new(Verifier::new(HEALTHLAKE, Arc::new(owner))),
        lifecycle: lifecycle.clone(),
        queue: Arc::new(Queue::new(catalog.clone())),
    };
    let place = Place {
        region: "us-east-1".to_owned(),
        account_id: "123456789012".to_owned(),
        public_url: "http://127.0.0.1:8080".to_owned(),
    };
    let mut settings = Settings::new(place, [7; 32]);
    set(&mut settings);
    World { catalog, clock, lifecycle, service: Arc::new(Service::new(parts, settings)), credentials }
}

impl World {
    pub fn clock_seconds(&self) -> f64 {
        self.clock.now().0 as f64 / 1e6
    }

    /// The same records after a restart.
    pub fn restarted(&self) -> World {
        world_over(self.catalog.clone(), self.clock.clone(), 2, |_| {}, NoPatients { fails: false })
    }

    pub fn request(&self, action: &str, body: impl Into<Bytes>) -> Request<Bytes> {
        Request::post("http://127.0.0.1:8080/")
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("HealthLake.{action}"))
            .body(body.into())
            .unwrap()
    }

    pub fn signed(&self, request: Request<Bytes>) -> Request<Bytes> {
        let (mut parts, body) = request.into_parts();
        let unix_seconds = self.clock.now().0 / 1_000_000;
        let (credentials, path_form) = (&self.credentials, HEALTHLAKE.path_form);
        let signer =
            Signer { credentials, region: "us-east-1", service: "healthlake", path_form, unix_seconds };
        signer.sign(&mut parts, &body).unwrap();
        Request::from_parts(parts, body)
    }

    pub async fn send(&self, request: Request<Bytes>) -> (Response<Bytes>, Value) {
        let response = self.service.handle(request, "0c1d2e3f-0000-4000-8000-000000000001").await;
        let body = serde_json::from_slice(response.body()).unwrap();
        (response, body)
    }

    /// The status and body of a signed call.
    pub async fn answer(&self, action: &str, input: Value) -> (u16, Value) {
        let request = self.signed(self.request(action, input.to_string()));
        let (response, body) = self.send(request).await;
        (response.status().as_u16(), body)
    }

    /// The output of a signed call that must succeed.
    pub async fn call(&self, action: &str, input: Value) -> Value {
        let (status, body) = self.answer(action, input).await;
        assert_eq!(status, 200, "{action}: {body}");
        body
    }

    /// `Exception: message` of a signed call that must fail with 400.
    pub async fn refusal(&self, action: &str, input: Value) -> String {
        let (status, body) = self.answer(action, input).await;
        assert_eq!(status, 400, "{action}: {body}");
        assert_modelled(action, body["__type"].as_str().unwrap());
        format!("{}: {}", body["__type"].as_str().unwrap(), body["Message"].as_str().unwrap())
    }

    /// The id of a new data store in CREATING.
    pub async fn create(&self, mut input: Value) -> String {
        input["DatastoreTypeVersion"] = json!("R4");
        let made = self.call("CreateFHIRDatastore", input).await;
        made["DatastoreId"].as_str().unwrap().to_owned()
    }

    /// The id of a new data store in ACTIVE.
    pub async fn active(&self) -> String {
        let id = self.create(json!({})).await;
        self.lifecycle.settle().await;
        id
    }

    pub async fn describe(&self, id: &str) -> Value {
        let found = self.call("DescribeFHIRDatastore", json!({ "DatastoreId": id })).await;
        found["DatastoreProperties"].clone()
    }

    pub async fn status(&self, id: &str) -> String {
        self.describe(id).await["DatastoreStatus"].as_str().unwrap().to_owned()
    }

    pub async fn record(&self, id: &str) -> Revised<store::Datastore> {
        let id = DatastoreId::parse(id).unwrap();
        self.catalog.datastore(&id).await.unwrap().unwrap()
    }

    pub fn client(&self) -> Client {
        Client {
            endpoint: "http://127.0.0.1:8080".to_owned(),
            region: "us-east-1".to_owned(),
            credentials: self.credentials.clone(),
            clock: self.clock.clone(),
            transport: Arc::new(self.clone()),
        }
    }
}

/// An action answers only the exceptions that its clients know of, besides those of the protocol.
fn assert_modelled(action: &str, exception: &str) {
    let protocol = [FaultKind::Serialization, FaultKind::UnknownOperation];
    let action_faults = Action::named(action).map(Action::faults).unwrap_or(&[FaultKind::Validation]);
    let mut known = action_faults.iter().chain(&protocol);
    assert!(known.any(|kind| kind.name() == exception), "{action} does not know {exception}");
}

impl Transport for World {
    fn send(&self, request: Request<Bytes>) -> Sent<'_> {
        Box::pin(async move { Ok(self.service.handle(request, "1").await) })
    }
}

pub fn arn(id: &str) -> String {
    format!("arn:aws:healthlake:us-east-1:123456789012:datastore/fhir/{id}")
}

pub fn import(id: &str) -> Value {
    json!({ "DatastoreId": id, "DataAccessRoleArn": ROLE, "InputDataConfig": { "S3Uri": "s3://bucket/in" },
        "JobOutputDataConfig": { "S3Configuration": { "S3Uri": "s3://bucket/out", "KmsKeyId": KEY } } })
}

pub fn export(id: &str) -> Value {
    json!({ "DatastoreId": id, "DataAccessRoleArn": ROLE,
        "OutputDataConfig": { "S3Configuration": { "S3Uri": "s3://bucket/out/", "KmsKeyId": KEY } } })
}

/// `input` with `changes` put over it.
pub fn with(mut input: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        input[name] = value.clone();
    }
    input
}
