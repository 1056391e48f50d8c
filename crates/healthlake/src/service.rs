//! The service: authentication, authorization, then the action.

use crate::arn::Place;
use crate::error::{Fault, FaultKind};
use crate::generated::actions::Action;
use crate::limits::DATASTORES_DEFAULT_MAX;
use crate::shape::{Encode, decode};
use crate::{datastore, export_job, import_job, protocol, tag};
use access::{Access, Action as Permission, SignedRequest, Verifier};
use aws_lc_rs::hmac;
use bytes::Bytes;
use http::{Request, Response};
use jobs::{Lifecycle, Queue};
use serde_json::Value;
use std::sync::Arc;
use store::{Catalog, Clock, Random};

/// What an installation decides.
pub struct Settings {
    /// Region, account and public address: what names are made of.
    pub place: Place,
    /// Seals NextTokens. The same key after a restart keeps those given out before good.
    pub page_key: [u8; 32],
    /// Data stores that may exist at once, deleted ones not counted.
    pub datastores_max: usize,
}

impl Settings {
    /// Settings with the default limits.
    pub fn new(place: Place, page_key: [u8; 32]) -> Self {
        Settings { place, page_key, datastores_max: DATASTORES_DEFAULT_MAX }
    }
}

/// What the service is built over.
pub struct ServiceParts {
    /// The records.
    pub catalog: Arc<dyn Catalog>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Makes ids.
    pub random: Arc<dyn Random>,
    /// Tells who asks.
    pub verifier: Arc<Verifier>,
    /// Is told of data stores to make and to remove.
    pub lifecycle: Arc<Lifecycle>,
    /// Takes jobs in.
    pub queue: Arc<Queue>,
}

/// The control plane.
pub struct Service {
    parts: ServiceParts,
    place: Place,
    page_key: hmac::Key,
    datastores_max: usize,
}

impl Service {
    /// A service over `parts`.
    pub fn new(parts: ServiceParts, settings: Settings) -> Self {
        let page_key = hmac::Key::new(hmac::HMAC_SHA256, &settings.page_key);
        Service { parts, place: settings.place, page_key, datastores_max: settings.datastores_max }
    }

    /// Answers one request. `request_id` is what the answer and the log call it.
    pub async fn handle(&self, request: Request<Bytes>, request_id: &str) -> Response<Bytes> {
        let outcome = self.answer(&request).await;
        if let Err(fault) = &outcome {
            tracing::debug!(request_id, exception = fault.kind.name(), "an action was refused");
        }
        protocol::response(&outcome, request_id)
    }

    async fn answer(&self, request: &Request<Bytes>) -> Result<Value, Fault> {
        protocol::check_size(request.body())?;
        let access = self.authenticate(request)?;
        let action = protocol::action(request)?;
        if !access.may(Permission::control(action.name())) {
            let message = format!("The caller is not authorized to perform healthlake:{}", action.name());
            return Err(Fault::new(FaultKind::AccessDenied, message));
        }
        self.act(action, request.body()).await
    }

    fn authenticate(&self, request: &Request<Bytes>) -> Result<Access, Fault> {
        let signed = SignedRequest {
            method: request.method().as_str(),
            path: request.uri().path(),
            query: request.uri().query().unwrap_or_default(),
            headers: request.headers(),
            authority: request.uri().authority().map(|authority| authority.as_str()),
            body: request.body(),
        };
        let now_unix_seconds = self.clock().now().0.div_euclid(1_000_000);
        self.parts.verifier.verify(&signed, now_unix_seconds).map_err(Fault::from)
    }

    async fn act(&self, action: Action, body: &[u8]) -> Result<Value, Fault> {
        macro_rules! act {
            ($function:path) => {
                $function(self, decode(body)?).await?.encode()
            };
        }
        Ok(match action {
            Action::CreateFHIRDatastore => act!(datastore::create),
            Action::DeleteFHIRDatastore => act!(datastore::delete),
            Action::DescribeFHIRDatastore => act!(datastore::describe),
            Action::ListFHIRDatastores => act!(datastore::list),
            Action::StartFHIRImportJob => act!(import_job::start),
            Action::DescribeFHIRImportJob => act!(import_job::describe),
            Action::ListFHIRImportJobs => act!(import_job::list),
            Action::StartFHIRExportJob => act!(export_job::start),
            Action::DescribeFHIRExportJob => act!(export_job::describe),
            Action::ListFHIRExportJobs => act!(export_job::list),
            Action::TagResource => act!(tag::tag),
            Action::UntagResource => act!(tag::untag),
            Action::ListTagsForResource => act!(tag::list),
        })
    }

    pub(crate) fn catalog(&self) -> &dyn Catalog {
        &*self.parts.catalog
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.parts.clock
    }

    /// What a failure of the catalog is to the caller; the log gets the reason.
    pub(crate) fn failed(&self, error: &dyn std::error::Error) -> Fault {
        tracing::error!(%error, "the catalog failed");
        Fault::internal()
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn page_key(&self) -> &hmac::Key {
        &self.page_key
    }

    pub(crate) fn datastores_max(&self) -> usize {
        self.datastores_max
    }

    pub(crate) fn random(&self) -> &dyn Random {
        &*self.parts.random
    }

    pub(crate) fn lifecycle(&self) -> &Lifecycle {
        &self.parts.lifecycle
    }

    pub(crate) fn queue(&self) -> &Queue {
        &self.parts.queue
    }
}
