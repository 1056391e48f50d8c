//! The runner: starts the first job of every queue, side by side, and takes up again what a crash left.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fhir::Packages;
use store::{
    Catalog, CatalogError, Change, Clock, DatastoreId, DatastoreStatus, Job, JobKind, JobStatus, Revised,
    StoreError,
};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::export_files::ExportFiles;
use crate::held::{Held, Office, Stopped};
use crate::lifecycle::DATASTORE_DELETED;
use crate::limits::Sizes;
use crate::objects::{DataAccess, Objects};
use crate::queue::Queue;
use crate::{delete, export, import, reindex};

/// How often the runner looks for jobs whose worker has gone, in milliseconds.
pub(crate) const LOOK_MS: u64 = 15_000;

/// Tells the FHIR base URL of a data store: absolute references below it are references to its own resources.
pub type Bases = Arc<dyn Fn(&DatastoreId) -> String + Send + Sync>;

/// What a runner works with.
pub struct Parts {
    /// The records, and the way to the contents.
    pub catalog: Arc<dyn Catalog>,
    /// Where jobs come in.
    pub queue: Arc<Queue>,
    /// The objects that a job's role opens.
    pub access: Arc<dyn DataAccess>,
    /// The files of exports that are served from here.
    pub files: ExportFiles,
    /// The FHIR base URL of every data store.
    pub bases: Bases,
    /// FHIR packages.
    pub packages: Arc<dyn Packages>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The name under which leases are taken. A process that alone may use its catalog takes the same name at
    /// every start, and so has its jobs back at once after a crash.
    pub owner: String,
    /// Jobs that may run at the same time, over all data stores.
    pub workers: usize,
    /// Threads that one import may keep busy.
    pub threads: usize,
    /// The sizes that jobs which begin now work in.
    pub sizes: Sizes,
}

/// What one job works with.
pub(crate) struct Means<'r> {
    pub(crate) catalog: &'r dyn Catalog,
    pub(crate) queue: &'r Queue,
    pub(crate) objects: Arc<dyn Objects>,
    pub(crate) files: &'r ExportFiles,
    pub(crate) base: &'r Bases,
    pub(crate) packages: &'r dyn Packages,
    pub(crate) threads: usize,
    pub(crate) sizes: Sizes,
    stop: watch::Receiver<bool>,
}

impl Means<'_> {
    /// Whether the job shall pause at its next checkpoint.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }
}

/// Runs jobs in the background.
pub struct Runner {
    office: Office,
    queue: Arc<Queue>,
    access: Arc<dyn DataAccess>,
    files: ExportFiles,
    bases: Bases,
    packages: Arc<dyn Packages>,
    workers: Arc<Semaphore>,
    threads: usize,
    sizes: Sizes,
    running: Mutex<HashSet<(DatastoreId, JobKind)>>,
    stop: watch::Sender<bool>,
}

impl Runner {
    /// A runner; nothing happens before [`run`](Runner::run).
    pub fn new(parts: Parts) -> Runner {
        Runner {
            office: Office { catalog: parts.catalog, clock: parts.clock, owner: parts.owner },
            queue: parts.queue,
            access: parts.access,
            files: parts.files,
            bases: parts.bases,
            packages: parts.packages,
            workers: Arc::new(Semaphore::new(parts.workers.max(1))),
            threads: parts.threads.max(1),
            sizes: parts.sizes,
            running: Mutex::default(),
            stop: watch::Sender::new(false),
        }
    }

    /// Asks every job to pause at its next checkpoint; [`run`](Runner::run) ends when all have.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Works until [`stop`](Runner::stop). Dropped earlier, it leaves jobs as a crash would.
    pub async fn run(self: Arc<Self>) {
        let mut tasks = JoinSet::new();
        let mut stop = self.stop.subscribe();
        let this = Arc::clone(&self);
        tasks.spawn(async move { this.take_up().await });
        while !*stop.borrow_and_update() {
            match self.claim().await {
                Ok(claimed) => {
                    for held in claimed {
                        let this = Arc::clone(&self);
                        tasks.spawn(async move { this.work_and_rest(held).await });
                    }
                }
                Err(error) => tracing::error!(%error, "the catalog does not answer the runner"),
            }
            tokio::select! {
                () = self.queue.changed() => {}
                Some(_) = tasks.join_next() => {}
                _ = stop.changed() => {}
                () = tokio::time::sleep(Duration::from_millis(LOOK_MS)) => {}
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Queues what the process before this one had no time to queue.
    async fn take_up(&self) {
        let Office { catalog, clock, .. } = &self.office;
        let is_stopping = || *self.stop.borrow();
        if let Err(error) = reindex::take_up(&**catalog, &self.queue, clock.now(), is_stopping).await {
            tracing::error!(%error, "the catalog does not answer the runner");
        }
    }

    /// Does every job that is there, one after the other, until the queues are empty or one stops before its end.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn settle(&self) -> Result<(), StoreError> {
        loop {
            let claimed = self.claim().await?;
            if claimed.is_empty() {
                return Ok(());
            }
            for held in claimed {
                if self.work(held).await.1.is_none() {
                    return Ok(());
                }
            }
        }
    }

    /// The jobs that may start now, held; the others in the queues are marked as waiting.
    async fn claim(&self) -> Result<Vec<Held>, StoreError> {
        let mut claimed = Vec::new();
        for datastore in self.office.catalog.datastores().await? {
            for kind in JobKind::QUEUED {
                let jobs = self.office.catalog.jobs(&datastore.record.id, kind).await?;
                for at in jobs.iter().filter(|at| self.is_over(&at.record)) {
                    self.clear(at.clone()).await?;
                }
                let mut waiting = jobs.into_iter().filter(|at| !at.record.status.is_final());
                if datastore.record.status == DatastoreStatus::Deleted {
                    for job in waiting {
                        self.end(job).await?;
                    }
                    continue;
                }
                let Some(first) = waiting.next() else { continue };
                let active = datastore.record.status == DatastoreStatus::Active;
                if active && self.occupy(&datastore.record.id, kind) {
                    match Held::claim(&self.office, first).await {
                        Ok(Some(held)) => claimed.push(held),
                        Ok(None) => self.vacate(&datastore.record.id, kind),
                        Err(error) => {
                            self.vacate(&datastore.record.id, kind);
                            return Err(error);
                        }
                    }
                } else if !active {
                    self.forget(first).await?;
                }
                for job in waiting {
                    match job.record.status {
                        JobStatus::Submitted => self.mark_queued(job).await?,
                        JobStatus::CancelSubmitted => self.cancel_waiting(job).await?,
                        _ => {}
                    }
                }
            }
        }
        Ok(claimed)
    }

    fn occupy(&self, datastore: &DatastoreId, kind: JobKind) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert((datastore.clone(), kind))
    }

    fn vacate(&self, datastore: &DatastoreId, kind: JobKind) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&(datastore.clone(), kind));
    }

    async fn mark_queued(&self, at: Revised<Job>) -> Result<(), StoreError> {
        let mut record = Box::new(at.record);
        record.status = JobStatus::Queued;
        self.write(Change::Job { record, expected: Some(at.revision) }).await
    }

    /// Cancels a job that never began.
    async fn cancel_waiting(&self, at: Revised<Job>) -> Result<(), StoreError> {
        let mut record = Box::new(at.record);
        record.status = JobStatus::CancelCompleted;
        record.ended = Some(self.office.clock.now().max(record.submitted));
        self.write(Change::Job { record, expected: Some(at.revision) }).await
    }

    /// Whether what an export wrote here is to go: its client deleted it, or its time is over.
    fn is_over(&self, job: &Job) -> bool {
        let Some(export) = job.export.as_deref() else { return false };
        let is_kept = !export.is_withdrawn && export.expires.is_none_or(|at| at > self.office.clock.now());
        job.status.is_final() && export::is_here(export) && !export.files.is_empty() && !is_kept
    }

    /// Removes what an export wrote here. If that fails, the next look does it.
    async fn clear(&self, at: Revised<Job>) -> Result<(), StoreError> {
        let mut record = Box::new(at.record);
        if let Err(error) = self.files.remove(&record.datastore, Some(&record.id)).await {
            tracing::warn!(datastore = %record.datastore, job = %record.id, %error, "files were not removed");
            return Ok(());
        }
        if let Some(export) = &mut record.export {
            export.files.clear();
            export.is_withdrawn = true;
        }
        self.write(Change::Job { record, expected: Some(at.revision) }).await
    }

    /// Ends a job that came in while its data store was being deleted.
    async fn end(&self, at: Revised<Job>) -> Result<(), StoreError> {
        let mut record = Box::new(at.record);
        record.status = JobStatus::Failed;
        record.message = Some(DATASTORE_DELETED.to_owned());
        record.ended = Some(self.office.clock.now().max(record.submitted));
        record.lease = None;
        self.write(Change::Job { record, expected: Some(at.revision) }).await
    }

    /// Lets go of a lease of ours that a crash left on a job whose data store is going away.
    async fn forget(&self, at: Revised<Job>) -> Result<(), StoreError> {
        let key = (at.record.datastore.clone(), at.record.kind);
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).contains(&key);
        let ours = at.record.lease.as_ref().is_some_and(|lease| lease.owner == self.office.owner);
        if running || !ours {
            return Ok(());
        }
        let mut record = Box::new(at.record);
        record.lease = None;
        self.write(Change::Job { record, expected: Some(at.revision) }).await
    }

    /// A change that may as well be lost to somebody else's.
    async fn write(&self, change: Change) -> Result<(), StoreError> {
        match self.office.catalog.write(vec![change]).await {
            Ok(()) | Err(CatalogError::Conflict(_)) => Ok(()),
            Err(CatalogError::Failed(error)) => Err(error),
        }
    }

    /// Works on a job; the place it took is the caller's to give back. `None`: it did not come to an end.
    async fn work(&self, mut held: Held) -> (Place<'_>, Option<JobStatus>) {
        let (datastore, kind, id) = (held.job.datastore.clone(), held.job.kind, held.job.id.clone());
        // The place is given back also when this future is dropped.
        let place = Place { runner: self, datastore: datastore.clone(), kind };
        let Ok(_worker) = self.workers.acquire().await else { return (place, None) };
        let means = Means {
            catalog: &*self.office.catalog,
            queue: &self.queue,
            objects: self.access.assume(&held.job.data_access_role_arn),
            files: &self.files,
            base: &self.bases,
            packages: &*self.packages,
            threads: self.threads,
            sizes: self.sizes,
            stop: self.stop.subscribe(),
        };
        let ended = match kind {
            _ if held.job.status == JobStatus::CancelInProgress => {
                export::cancel(&mut held, &self.files).await
            }
            JobKind::Import => import::run(&mut held, &means).await,
            JobKind::Export => export::run(&mut held, &means).await,
            JobKind::Reindex => reindex::run(&mut held, &means).await,
            // The FHIR door does these itself.
            JobKind::Transaction => Err(Stopped::Lost),
            JobKind::Delete => delete::run(&mut held, &means).await,
        };
        match ended {
            Ok(()) => {
                tracing::info!(%datastore, job = %id, status = held.job.status.name(), "a job ended");
                return (place, Some(held.job.status));
            }
            Err(Stopped::Paused) => {
                if let Err(error) = held.release().await {
                    tracing::warn!(%datastore, job = %id, %error, "a paused job could not be given back");
                }
            }
            Err(Stopped::Lost) => {
                tracing::info!(%datastore, job = %id, "a job is somebody else's, or to be cancelled");
                return (place, Some(held.job.status));
            }
            Err(error) => tracing::warn!(%datastore, job = %id, %error, "a job stopped"),
        }
        (place, None)
    }

    /// Works on a job and, if it did not end, keeps its place for a while: what stopped it may pass.
    async fn work_and_rest(&self, held: Held) {
        let (_place, ended) = self.work(held).await;
        let mut stop = self.stop.subscribe();
        if ended.is_none() && !*stop.borrow_and_update() {
            tokio::select! {
                _ = stop.changed() => {}
                () = tokio::time::sleep(Duration::from_millis(LOOK_MS)) => {}
            }
        }
    }
}

struct Place<'r> {
    runner: &'r Runner,
    datastore: DatastoreId,
    kind: JobKind,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.runner.vacate(&self.datastore, self.kind);
    }
}
