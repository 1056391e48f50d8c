//! The queue of jobs: taken in first come, first served, one import and one export running per data store.

use std::sync::Arc;

use store::{
    Catalog, CatalogError, Change, DatastoreId, Job, JobId, JobKind, JobStatus, Request, StoreError,
};
use tokio::sync::{Mutex, Notify};

/// Jobs of a kind that may wait per data store, besides the one that runs.
pub const QUEUED_JOBS_MAX: usize = 25;

/// Takes jobs in. What is taken in is in the catalog, so a restart loses nothing.
pub struct Queue {
    catalog: Arc<dyn Catalog>,
    /// Held while a job is counted and written, so that two requests cannot both take the last place.
    submitting: Mutex<()>,
    changed: Notify,
}

/// Why a job was not taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The queue is full.
    #[error("The data store has {QUEUED_JOBS_MAX} queued {} jobs already, the most allowed", kind_name(*.0))]
    Full(JobKind),
    /// The client token was used before; [`Catalog::request`] tells what for.
    #[error("the client token was used before")]
    TokenUsed,
    /// The catalog could not.
    #[error(transparent)]
    Failed(#[from] StoreError),
}

/// What came of asking that a job be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It will be, or is being.
    Submitted,
    /// It had ended before.
    Ended,
    /// There is no such job.
    Unknown,
}

fn kind_name(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Import => "import",
        JobKind::Export => "export",
        JobKind::Transaction => "transaction",
        JobKind::Reindex => "reindex",
        JobKind::Delete => "deletion",
    }
}

impl Queue {
    /// A queue over these records.
    pub fn new(catalog: Arc<dyn Catalog>) -> Queue {
        Queue { catalog, submitting: Mutex::default(), changed: Notify::new() }
    }

    /// Takes a job in as it is (status SUBMITTED, from the caller) together with the client token that asked
    /// for it, both or neither, and wakes the runner.
    ///
    /// # Errors
    /// [`SubmitError::Full`] when one job runs and [`QUEUED_JOBS_MAX`] wait; [`SubmitError::TokenUsed`].
    pub async fn submit(&self, job: Job, request: Option<Request>) -> Result<(), SubmitError> {
        let _turn = self.submitting.lock().await;
        let jobs = self.catalog.jobs(&job.datastore, job.kind).await?;
        if jobs.iter().filter(|at| !at.record.status.is_final()).count() > QUEUED_JOBS_MAX {
            return Err(SubmitError::Full(job.kind));
        }
        let mut changes = vec![Change::Job { record: Box::new(job), expected: None }];
        changes.extend(request.map(Change::Request));
        match self.catalog.write(changes).await {
            Ok(()) => self.changed.notify_one(),
            Err(CatalogError::Conflict(0)) => {
                return Err(StoreError::Failed("a job of this id exists already".to_owned()).into());
            }
            Err(CatalogError::Conflict(_)) => return Err(SubmitError::TokenUsed),
            Err(CatalogError::Failed(error)) => return Err(error.into()),
        }
        Ok(())
    }

    /// Asks that a job be cancelled: it ends soon, keeping nothing that it wrote here.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn cancel(
        &self,
        datastore: &DatastoreId,
        kind: JobKind,
        id: &JobId,
    ) -> Result<Cancelled, StoreError> {
        let change = |job: &mut Job| match job.status {
            JobStatus::CancelSubmitted | JobStatus::CancelInProgress => false,
            status if status.is_final() => false,
            _ => {
                job.status = JobStatus::CancelSubmitted;
                true
            }
        };
        Ok(match self.change(datastore, kind, id, change).await? {
            None => Cancelled::Unknown,
            Some(job) if job.status.is_final() => Cancelled::Ended,
            Some(_) => Cancelled::Submitted,
        })
    }

    /// Has an export told of no more, and what it wrote here removed; one that runs is cancelled too.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn withdraw(&self, datastore: &DatastoreId, id: &JobId) -> Result<(), StoreError> {
        let withdraw = |job: &mut Job| match &mut job.export {
            Some(export) if !export.is_withdrawn => {
                export.is_withdrawn = true;
                if !job.status.is_final() {
                    job.status = JobStatus::CancelSubmitted;
                }
                true
            }
            _ => false,
        };
        self.change(datastore, JobKind::Export, id, withdraw).await.map(drop)
    }

    /// Changes a job's record, unless `change` has nothing to do. The record as it stands then.
    async fn change(
        &self,
        datastore: &DatastoreId,
        kind: JobKind,
        id: &JobId,
        change: impl Fn(&mut Job) -> bool,
    ) -> Result<Option<Job>, StoreError> {
        while let Some(at) = self.catalog.job(datastore, kind, id).await? {
            let mut job = at.record;
            if !change(&mut job) {
                return Ok(Some(job));
            }
            let write = Change::Job { record: Box::new(job.clone()), expected: Some(at.revision) };
            match self.catalog.write(vec![write]).await {
                Ok(()) => {
                    self.wake();
                    return Ok(Some(job));
                }
                Err(CatalogError::Conflict(_)) => {}
                Err(CatalogError::Failed(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Says that something about the jobs may have changed.
    pub fn wake(&self) {
        self.changed.notify_one();
    }

    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

/// The folder of a job below the prefix that its caller gave, with a trailing slash: `prefix` joined with
/// `<datastore>-FHIR_IMPORT-<job>/` or `<datastore>-FHIR_EXPORT-<job>/`.
pub fn job_folder(prefix: &str, datastore: &DatastoreId, kind: JobKind, id: &JobId) -> String {
    let slash = if prefix.ends_with('/') { "" } else { "/" };
    let word = match kind {
        JobKind::Import => "IMPORT",
        JobKind::Export => "EXPORT",
        JobKind::Transaction => "TRANSACTION",
        JobKind::Reindex => "REINDEX",
        JobKind::Delete => "DELETE",
    };
    format!("{prefix}{slash}{datastore}-FHIR_{word}-{id}/")
}
