//! The queue of jobs: taken in first come, first served, one import and one export running per data store.

use std::sync::Arc;

use store::{Catalog, CatalogError, Change, DatastoreId, Job, JobId, JobKind, Request, StoreError};
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

fn kind_name(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Import => "import",
        JobKind::Export => "export",
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
    };
    format!("{prefix}{slash}{datastore}-FHIR_{word}-{id}/")
}
