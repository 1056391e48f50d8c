//! A FHIR service over a data store in memory or on disk, and requests to it.

use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use access::{Credentials, PathForm, Principal, Secret, Signer};
use bytes::Bytes;
use embedded::{EmbeddedCatalog, StoreLimits};
use fhir::Time;
use http::{HeaderMap, Request};
use rest::{Limits, Origins, Parts, Service, Settings, Unsigned};
use serde_json::Value;
use store::{
    Catalog, Change, CmkType, Datastore, DatastoreId, DatastoreStatus, ManualClock, ModelCatalog, RootKey,
    SeededRandom,
};

pub(crate) const STORE: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const PUBLIC: &str = "https://fhir.example";
/// Where pages come from that may call.
pub(crate) const ORIGIN: &str = "https://app.example";
/// 2026-11-23T00:00:00Z and some microseconds, which no answer shows.
pub(crate) const START: i64 = 1_795_392_000_000_456;

/// A service with one active data store.
pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) credentials: Credentials,
    pub(crate) objects: jobs::MemoryObjects,
    pub(crate) queue: Arc<jobs::Queue>,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl World {
    /// A service that takes unsigned requests, so that tests say only what they are about.
    pub(crate) fn open() -> World {
        World::with(Unsigned::Taken, Limits::default())
    }

    pub(crate) fn with(unsigned: Unsigned, limits: Limits) -> World {
        World::over(|clock| Arc::new(ModelCatalog::new(clock)), unsigned, limits)
    }

    /// A service whose data stores lie in a folder.
    pub(crate) fn on_disk(folder: &Path) -> World {
        let catalog = |clock: Arc<ManualClock>| -> Arc<dyn Catalog> {
            let (root, random) = (RootKey::new([7; 32]), Arc::new(SeededRandom::new(2)));
            Arc::new(EmbeddedCatalog::open(folder, &root, clock, random, StoreLimits::default()).unwrap())
        };
        World::over(catalog, Unsigned::Taken, Limits::default())
    }

    fn over(
        catalog: impl FnOnce(Arc<ManualClock>) -> Arc<dyn Catalog>,
        unsigned: Unsigned,
        limits: Limits,
    ) -> World {
        let clock = Arc::new(ManualClock::at(Time(START)));
        let catalog = catalog(clock.clone());
        let credentials = Credentials {
            access_key_id: "AKIATESTTESTTESTTEST".into(),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            session_token: None,
        };
        let principal = Principal {
            credentials: credentials.clone(),
            account_id: "123456789012".into(),
            expires_unix_seconds: None,
        };
        let queue = Arc::new(jobs::Queue::new(catalog.clone()));
        let objects = jobs::MemoryObjects::new(&[jobs::EXPORTS_BUCKET, "bucket"]);
        let parts = Parts {
            catalog: catalog.clone(),
            credentials: Arc::new(principal),
            clock: clock.clone(),
            random: Arc::new(SeededRandom::new(1)),
            queue: Arc::clone(&queue),
            files: jobs::ExportFiles::new(Arc::new(objects.clone()), jobs::EXPORT_KEEP_MS),
            packages: Arc::new(crate::packages::guides()),
        };
        let settings = Settings {
            public_url: PUBLIC.into(),
            account_id: "123456789012".into(),
            unsigned,
            page_key: [7; 32],
            limits,
            origins: Origins::parse(ORIGIN).unwrap(),
        };
        let service = Service::new(parts, settings);
        let world = World { service, clock, catalog, credentials, objects, queue };
        world.datastore(STORE, |_| {});
        world
    }

    /// Adds a data store that differs from the usual as `change` says.
    pub(crate) fn datastore(&self, id: &str, change: impl FnOnce(&mut Datastore)) {
        let id = DatastoreId::parse(id).unwrap();
        let mut record = Datastore {
            id: id.clone(),
            name: None,
            status: DatastoreStatus::Active,
            created: Time(START),
            encryption: CmkType::AwsOwned,
            kms_key_id: None,
            preload: false,
            identity_provider: None,
            default_profiles: None,
            analytics: None,
            nlp: None,
            backup: None,
            error_cause: None,
            tags: Default::default(),
        };
        change(&mut record);
        wait(self.catalog.create(&id)).unwrap();
        wait(self.catalog.write(vec![Change::Datastore { record: Box::new(record), expected: None }]))
            .unwrap();
    }

    /// A request to the usual data store: `line` is the method and the path below the base; then headers.
    pub(crate) fn request(line: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Request<Bytes> {
        let (method, path) = line.split_once(' ').unwrap();
        let uri = match path.strip_prefix(PUBLIC) {
            Some(path) => path.to_owned(),
            None => format!("/datastore/{STORE}/r4/{path}"),
        };
        let mut request = Request::builder().method(method).uri(uri).header("host", "fhir.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body.into()).unwrap()
    }

    pub(crate) fn send(&self, request: Request<Bytes>) -> Answer {
        // A server answers on whatever thread is free.
        let answer: Pin<Box<dyn Future<Output = _> + Send + '_>> = Box::pin(self.service.handle(request));
        let (head, body) = wait(answer).into_parts();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// Sends a request with headers and a body.
    pub(crate) fn ask(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send(World::request(line, headers, body.to_owned()))
    }

    /// Sends a request without headers or body.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), &[], "")
    }

    /// Sends a resource as JSON.
    pub(crate) fn put(&self, path: &str, resource: &Value) -> Answer {
        self.ask(&format!("PUT {path}"), &[("content-type", "application/fhir+json")], &resource.to_string())
    }

    /// Sends a resource as JSON.
    pub(crate) fn post(&self, path: &str, resource: &Value) -> Answer {
        self.ask(&format!("POST {path}"), &[("content-type", "application/fhir+json")], &resource.to_string())
    }

    /// Signs a request with the owner's key.
    pub(crate) fn sign(&self, request: Request<Bytes>) -> Request<Bytes> {
        self.sign_with(request, &self.credentials)
    }

    /// Signs a request with a key.
    pub(crate) fn sign_with(&self, request: Request<Bytes>, credentials: &Credentials) -> Request<Bytes> {
        let (mut head, body) = request.into_parts();
        let signer = Signer {
            credentials,
            region: "us-east-1",
            service: "healthlake",
            path_form: PathForm::Twice,
            unix_seconds: START / 1_000_000,
        };
        signer.sign(&mut head, &body).unwrap();
        Request::from_parts(head, body)
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Status and the code of the first issue: what a refusal is told by.
    pub(crate) fn refusal(&self) -> (u16, String) {
        let json = self.json();
        assert_eq!(json["resourceType"], "OperationOutcome", "{} {json}", self.status);
        (self.status, json["issue"][0]["code"].as_str().unwrap_or_default().to_owned())
    }

    /// What the first issue says.
    pub(crate) fn diagnostics(&self) -> String {
        self.json()["issue"][0]["diagnostics"].as_str().unwrap_or_default().to_owned()
    }

    /// The address of a Bundle's link.
    pub(crate) fn link(&self, relation: &str) -> Option<String> {
        let json = self.json();
        let links = json["link"].as_array()?;
        let link = links.iter().find(|link| link["relation"] == relation)?;
        link["url"].as_str().map(str::to_owned)
    }

    /// One member of every entry of a Bundle, by its path.
    pub(crate) fn entries(&self, pointer: &str) -> Vec<String> {
        let json = self.json();
        let entries = json["entry"].as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .map(|entry| entry.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned())
            .collect()
    }
}

/// The answer of a future that waits for nothing outside.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut context) {
            return answer;
        }
    }
}
