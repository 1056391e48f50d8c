//! The life of a data store: CREATING → ACTIVE or CREATE_FAILED, DELETING → DELETED, taken up again after a
//! restart, since the records say what is left to do.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use store::{
    Answer, Catalog, CatalogError, Change, Clock, CmkType, Datastore, DatastoreId, DatastoreStatus,
    ErrorCategory, ErrorCause, Job, JobKind, JobStatus, Revised, Store, StoreError,
};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::export_files::ExportFiles;

/// How long to wait before a step that failed is tried again, in milliseconds.
pub const RETRY_MS: u64 = 1_000;

/// The Message of a job whose data store is gone.
pub(crate) const DATASTORE_DELETED: &str = "The data store was deleted";

/// Fills a new data store (PreloadDataConfig).
pub trait Preload: Send + Sync {
    /// Writes all of it. Asked again after a crash, it ends with the same resources.
    fn preload<'a>(&'a self, id: &'a DatastoreId, contents: Arc<dyn Store>) -> Answer<'a, (), PreloadError>;
}

/// Why a data store could not be filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PreloadError {
    /// A sentence for ErrorCause.
    pub message: String,
    /// Whether trying again may help.
    pub category: ErrorCategory,
}

/// Brings data stores out of their transitional states.
pub struct Lifecycle {
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
    preload: Arc<dyn Preload>,
    files: Option<ExportFiles>,
    changed: Notify,
    busy: Mutex<HashSet<DatastoreId>>,
}

/// What came of one step.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Done,
    Again,
}

impl Lifecycle {
    /// A lifecycle over these records; nothing happens before [`run`](Lifecycle::run) or
    /// [`settle`](Lifecycle::settle).
    pub fn new(catalog: Arc<dyn Catalog>, clock: Arc<dyn Clock>, preload: Arc<dyn Preload>) -> Self {
        Lifecycle { catalog, clock, preload, files: None, changed: Notify::new(), busy: Mutex::default() }
    }

    /// The same, which removes the files of a data store's exports with it.
    #[must_use]
    pub fn with_files(self, files: ExportFiles) -> Self {
        Lifecycle { files: Some(files), ..self }
    }

    /// Says that a record is in a transitional state now.
    pub fn wake(&self) {
        self.changed.notify_one();
    }

    /// Works until the future is dropped; whatever was left undone is found again at the next start. Data
    /// stores do not wait for each other.
    pub async fn run(self: Arc<Self>) {
        let mut steps = JoinSet::new();
        loop {
            for id in self.claim().await {
                let this = Arc::clone(&self);
                steps.spawn(async move { this.work(&id).await });
            }
            tokio::select! {
                () = self.changed.notified() => {}
                Some(_) = steps.join_next() => {}
            }
        }
    }

    /// Advances every data store that is in a transitional state now, one after the other, once.
    pub async fn settle(&self) {
        for id in self.claim().await {
            self.advance(&id).await;
            self.release(&id);
        }
    }

    async fn work(&self, id: &DatastoreId) {
        while self.advance(id).await == Step::Again {
            tokio::time::sleep(Duration::from_millis(RETRY_MS)).await;
        }
        self.release(id);
    }

    async fn claim(&self) -> Vec<DatastoreId> {
        let all = match self.catalog.datastores().await {
            Ok(all) => all,
            Err(error) => {
                tracing::error!(%error, "the catalog does not list its data stores");
                tokio::time::sleep(Duration::from_millis(RETRY_MS)).await;
                self.wake();
                return Vec::new();
            }
        };
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let transitional = all.into_iter().map(|revised| revised.record).filter(is_transitional);
        transitional.map(|record| record.id).filter(|id| busy.insert(id.clone())).collect()
    }

    fn release(&self, id: &DatastoreId) {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    async fn advance(&self, id: &DatastoreId) -> Step {
        let advanced = match self.catalog.datastore(id).await {
            Ok(Some(at)) if at.record.status == DatastoreStatus::Creating => self.create(at.record).await,
            Ok(Some(at)) if at.record.status == DatastoreStatus::Deleting => self.delete(at.record).await,
            Ok(_) => Ok(Step::Done),
            Err(error) => Err(error),
        };
        advanced.unwrap_or_else(|error| {
            tracing::error!(datastore = %id, %error, "a data store could not change its state");
            Step::Again
        })
    }

    async fn create(&self, record: Datastore) -> Result<Step, StoreError> {
        let outcome = self.fill(&record).await;
        if let Err(error) = &outcome {
            tracing::error!(datastore = %record.id, %error, "a data store could not be created");
            self.catalog.destroy(&record.id).await?;
        }
        self.leave(&record, |record| match &outcome {
            Ok(()) => record.status = DatastoreStatus::Active,
            Err(PreloadError { message, category }) => {
                record.status = DatastoreStatus::CreateFailed;
                record.error_cause = Some(ErrorCause { message: message.clone(), category: *category });
            }
        })
        .await
    }

    /// Makes the contents. A store whose key is the customer's has none until such keys are supported.
    async fn fill(&self, record: &Datastore) -> Result<(), PreloadError> {
        if record.encryption == CmkType::CustomerManaged {
            return Ok(());
        }
        self.catalog.create(&record.id).await.map_err(not_made)?;
        if record.preload {
            let contents = self.catalog.open(&record.id).await.map_err(not_made)?;
            self.preload.preload(&record.id, contents).await?;
        }
        Ok(())
    }

    async fn delete(&self, record: Datastore) -> Result<Step, StoreError> {
        for kind in JobKind::QUEUED {
            for job in self.catalog.jobs(&record.id, kind).await? {
                if self.end(job).await? == Step::Again {
                    return Ok(Step::Again);
                }
            }
        }
        if let Some(files) = &self.files
            && let Err(error) = files.remove(&record.id, None).await
        {
            tracing::error!(datastore = %record.id, %error, "the files of exports were not removed");
            return Ok(Step::Again);
        }
        self.catalog.destroy(&record.id).await?;
        self.leave(&record, |record| record.status = DatastoreStatus::Deleted).await
    }

    /// Ends a job of a data store that is going away, unless a worker is on it now.
    async fn end(&self, at: Revised<Job>) -> Result<Step, StoreError> {
        let now = self.clock.now();
        let mut job = at.record;
        if job.status.is_final() {
            return Ok(Step::Done);
        }
        if job.lease.as_ref().is_some_and(|lease| lease.until > now) {
            return Ok(Step::Again);
        }
        job.status = JobStatus::Failed;
        job.message = Some(DATASTORE_DELETED.to_owned());
        job.ended = Some(now);
        let change = Change::Job { record: Box::new(job), expected: Some(at.revision) };
        match self.catalog.write(vec![change]).await {
            Ok(()) => Ok(Step::Done),
            Err(CatalogError::Conflict(_)) => Ok(Step::Again),
            Err(CatalogError::Failed(error)) => Err(error),
        }
    }

    /// Writes the end of a transition. Whoever changed something else meanwhile (tags, say) keeps the change.
    async fn leave(&self, from: &Datastore, apply: impl Fn(&mut Datastore)) -> Result<Step, StoreError> {
        while let Some(Revised { revision, mut record }) = self.catalog.datastore(&from.id).await? {
            if record.status != from.status {
                break;
            }
            apply(&mut record);
            let change = Change::Datastore { record: Box::new(record), expected: Some(revision) };
            match self.catalog.write(vec![change]).await {
                Ok(()) => break,
                Err(CatalogError::Conflict(_)) => {}
                Err(CatalogError::Failed(error)) => return Err(error),
            }
        }
        Ok(Step::Done)
    }
}

fn is_transitional(record: &Datastore) -> bool {
    matches!(record.status, DatastoreStatus::Creating | DatastoreStatus::Deleting)
}

fn not_made(error: StoreError) -> PreloadError {
    tracing::error!(%error, "the contents of a data store could not be made");
    let message = "The storage of the data store could not be prepared".to_owned();
    PreloadError { message, category: ErrorCategory::RetryableError }
}
