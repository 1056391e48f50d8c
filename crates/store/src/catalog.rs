//! The records of all data stores: what exists, what runs, and who asked for it.

use std::sync::Arc;

use fhir::Time;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Answer, Datastore, DatastoreId, Job, JobId, JobKind, Store, StoreError};

/// A record with the number of its last change.
#[derive(Clone, Debug, PartialEq)]
pub struct Revised<T> {
    /// Rises with every change of the record, from 1.
    pub revision: u64,
    /// The record.
    pub record: T,
}

/// The records of data stores and jobs, and the way to the contents.
///
/// Records are few (thousands); lists are answered whole and filtered by the caller.
pub trait Catalog: Send + Sync {
    /// One data store.
    fn datastore<'a>(&'a self, id: &'a DatastoreId) -> Answer<'a, Option<Revised<Datastore>>>;

    /// All data stores in the order of creation, whatever their status.
    fn datastores(&self) -> Answer<'_, Vec<Revised<Datastore>>>;

    /// One job.
    fn job<'a>(
        &'a self,
        datastore: &'a DatastoreId,
        kind: JobKind,
        id: &'a JobId,
    ) -> Answer<'a, Option<Revised<Job>>>;

    /// All jobs of a kind of a data store in the order submitted.
    fn jobs<'a>(&'a self, datastore: &'a DatastoreId, kind: JobKind) -> Answer<'a, Vec<Revised<Job>>>;

    /// The request that first used a client token.
    fn request<'a>(&'a self, action: &'a str, token: &'a str) -> Answer<'a, Option<Request>>;

    /// All the changes or none, durably. `Conflict` names the change whose revision is not the one expected.
    fn write(&self, changes: Vec<Change>) -> Answer<'_, (), CatalogError>;

    /// The contents of a data store. [`StoreError::Absent`] before [`create`](Catalog::create) and after
    /// [`destroy`](Catalog::destroy).
    fn open<'a>(&'a self, id: &'a DatastoreId) -> Answer<'a, Arc<dyn Store>>;

    /// Makes empty contents with a key of their own; of contents that exist, nothing happens.
    fn create<'a>(&'a self, id: &'a DatastoreId) -> Answer<'a, ()>;

    /// Forgets the key and removes the contents from disk before it answers; of absent contents, nothing
    /// happens.
    fn destroy<'a>(&'a self, id: &'a DatastoreId) -> Answer<'a, ()>;
}

/// One change of a record.
#[derive(Clone, Debug)]
pub enum Change {
    /// A data store. `expected` is the revision it replaces, `None` for a new one.
    Datastore {
        /// The record as it shall be.
        record: Box<Datastore>,
        /// The revision it replaces.
        expected: Option<u64>,
    },
    /// A job. `expected` is the revision it replaces, `None` for a new one.
    Job {
        /// The record as it shall be.
        record: Box<Job>,
        /// The revision it replaces.
        expected: Option<u64>,
    },
    /// A client token's first use; conflicts if it was used before.
    Request(Request),
}

/// What a client token was used for: the same token with the same parameters gets the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The AWS action.
    pub action: String,
    /// The client token.
    pub token: String,
    /// A digest of the parameters.
    pub fingerprint: String,
    /// The id of the data store or job that it made.
    pub made: String,
    /// When.
    #[serde(with = "crate::datastore::micros")]
    pub at: Time,
}

/// Why nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CatalogError {
    /// The change of this index expected another revision.
    #[error("change {0} expected another revision")]
    Conflict(usize),
    /// The catalog could not.
    #[error(transparent)]
    Failed(#[from] StoreError),
}
