//! The records of all data stores in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::Model;
use crate::{
    Answer, Catalog, CatalogError, Change, Clock, Datastore, DatastoreId, Job, JobId, JobKind, Request,
    Revised, Store, StoreError,
};

/// A [`Catalog`] in memory, whose contents are [`Model`]s.
pub struct ModelCatalog {
    clock: Arc<dyn Clock>,
    records: Mutex<Records>,
    contents: Mutex<BTreeMap<DatastoreId, Arc<Model>>>,
}

#[derive(Clone, Default)]
struct Records {
    /// In the order of creation.
    datastores: Vec<Revised<Datastore>>,
    /// In the order submitted.
    jobs: Vec<Revised<Job>>,
    requests: Vec<Request>,
}

impl ModelCatalog {
    /// An empty catalog; `clock` stamps what is written into the contents.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        ModelCatalog { clock, records: Mutex::default(), contents: Mutex::default() }
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().expect("no holder of this lock panics")
    }

    fn contents(&self) -> MutexGuard<'_, BTreeMap<DatastoreId, Arc<Model>>> {
        self.contents.lock().expect("no holder of this lock panics")
    }
}

impl Records {
    fn apply(&mut self, change: Change) -> bool {
        match change {
            Change::Datastore { record, expected } => {
                let at = self.datastores.iter().position(|other| other.record.id == record.id);
                put(&mut self.datastores, at, *record, expected)
            }
            Change::Job { record, expected } => {
                let at = self.jobs.iter().position(|other| is_job(&other.record, &record));
                put(&mut self.jobs, at, *record, expected)
            }
            Change::Request(request) => {
                let is_used = self
                    .requests
                    .iter()
                    .any(|other| other.action == request.action && other.token == request.token);
                if !is_used {
                    self.requests.push(request);
                }
                !is_used
            }
        }
    }
}

fn is_job(a: &Job, b: &Job) -> bool {
    a.id == b.id && a.kind == b.kind && a.datastore == b.datastore
}

/// Puts `record` in its place if the revision there is the expected one.
fn put<T>(records: &mut Vec<Revised<T>>, at: Option<usize>, record: T, expected: Option<u64>) -> bool {
    let revision = at.map(|at| records[at].revision);
    if revision != expected {
        return false;
    }
    let revised = Revised { revision: revision.unwrap_or(0) + 1, record };
    match at {
        Some(at) => records[at] = revised,
        None => records.push(revised),
    }
    true
}

impl Catalog for ModelCatalog {
    fn datastore<'a>(&'a self, id: &'a DatastoreId) -> Answer<'a, Option<Revised<Datastore>>> {
        Box::pin(async move { Ok(self.records().datastores.iter().find(|d| d.record.id == *id).cloned()) })
    }

    fn datastores(&self) -> Answer<'_, Vec<Revised<Datastore>>> {
        Box::pin(async move { Ok(self.records().datastores.clone()) })
    }

    fn job<'a>(
        &'a self,
        datastore: &'a DatastoreId,
        kind: JobKind,
        id: &'a JobId,
    ) -> Answer<'a, Option<Revised<Job>>> {
        Box::pin(async move {
            let records = self.records();
            let is_it = |job: &Job| job.id == *id && job.kind == kind && job.datastore == *datastore;
            Ok(records.jobs.iter().find(|job| is_it(&job.record)).cloned())
        })
    }

    fn jobs<'a>(&'a self, datastore: &'a DatastoreId, kind: JobKind) -> Answer<'a, Vec<Revised<Job>>> {
        Box::pin(async move {
            let records = self.records();
            let is_one = |job: &Job| job.kind == kind && job.datastore == *datastore;
            Ok(records.jobs.iter().filter(|job| is_one(&job.record)).cloned().collect())
        })
    }

    fn request<'a>(&'a self, action: &'a str, token: &'a str) -> Answer<'a, Option<Request>> {
        Box::pin(async move {
            let records = self.records();
            Ok(records.requests.iter().find(|r| r.action == action && r.token == token).cloned())
        })
    }

    fn write(&self, changes: Vec<Change>) -> Answer<'_, (), CatalogError> {
        Box::pin(async move {
            let mut records = self.records();
            let mut changed = records.clone();
            for (at, change) in changes.into_iter().enumerate() {
                if !changed.apply(change) {
                    return Err(CatalogError::Conflict(at));
                }
            }
            *records = changed;
            Ok(())
        })
    }

    fn open<'a>(&'a self, id: &'a DatastoreId) -> Answer<'a, Arc<dyn Store>> {
        Box::pin(async move {
            let model = self.contents().get(id).cloned().ok_or(StoreError::Absent)?;
            Ok(model as Arc<dyn Store>)
        })
    }

    fn create<'a>(&'a self, id: &'a DatastoreId) -> Answer<'a, ()> {
        Box::pin(async move {
            self.contents().entry(id.clone()).or_insert_with(|| Arc::new(Model::new(self.clock.clone())));
            Ok(())
        })
    }

    fn destroy<'a>(&'a self, id: &'a DatastoreId) -> Answer<'a, ()> {
        Box::pin(async move {
            self.contents().remove(id);
            Ok(())
        })
    }
}
