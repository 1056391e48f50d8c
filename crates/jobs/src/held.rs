//! A job that this process holds: its record, saved under a lease and never over somebody else's change.

use std::sync::Arc;

use fhir::Time;
use store::{
    Catalog, CatalogError, Change, Clock, DatastoreStatus, Job, JobKind, JobStatus, Lease, Revised,
    StoreError,
};

/// How long a lease holds, in milliseconds. Every checkpoint renews it.
pub const LEASE_MS: i64 = 600_000;

/// Why a job stops without an end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stopped {
    /// Another worker has it, or somebody ended it.
    #[error("the job is somebody else's")]
    Lost,
    /// The data store is going away; or this process is.
    #[error("the job was paused")]
    Paused,
    /// The catalog could not.
    #[error(transparent)]
    Catalog(#[from] StoreError),
}

/// What saves of all jobs need.
#[derive(Clone)]
pub(crate) struct Office {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) clock: Arc<dyn Clock>,
    /// The name under which leases are taken.
    pub(crate) owner: String,
}

/// A job held by a lease.
pub(crate) struct Held {
    office: Office,
    pub(crate) job: Job,
    revision: u64,
    since: Time,
}

impl Held {
    /// Takes the job if nobody else holds it; `None` if somebody does or it changed meanwhile.
    pub(crate) async fn claim(office: &Office, at: Revised<Job>) -> Result<Option<Held>, StoreError> {
        let now = office.clock.now();
        let taken = |lease: &Lease| lease.owner != office.owner && lease.until > now;
        if at.record.lease.as_ref().is_some_and(taken) {
            return Ok(None);
        }
        let mut held = Held { office: office.clone(), job: at.record, revision: at.revision, since: now };
        held.job.status = match held.job.status {
            JobStatus::CancelSubmitted | JobStatus::CancelInProgress => JobStatus::CancelInProgress,
            _ => JobStatus::InProgress,
        };
        held.job.lease = Some(held.lease(now));
        match held.write().await {
            Ok(()) => Ok(Some(held)),
            Err(CatalogError::Conflict(_)) => Ok(None),
            Err(CatalogError::Failed(error)) => Err(error),
        }
    }

    /// Makes progress and checkpoint durable and renews the lease. Fails when the data store is no longer
    /// active, so that a job ends soon after its data store is deleted.
    pub(crate) async fn save(&mut self) -> Result<(), Stopped> {
        let now = self.office.clock.now();
        let worked_ms = u64::try_from((now.0 - self.since.0) / 1000).unwrap_or(0);
        // A clock that was set back begins a new stretch; the time until it is where it was is not lost.
        self.since = Time(self.since.0 + i64::try_from(worked_ms).unwrap_or(0) * 1000).min(now);
        let progress = &mut self.job.progress;
        progress.worked_ms += worked_ms;
        let done = match self.job.kind {
            JobKind::Import => progress.resources_imported,
            JobKind::Export | JobKind::Delete | JobKind::Transaction => progress.resources_scanned,
            JobKind::Reindex => self.job.reindex.as_ref().map_or(0, |order| order.done),
        };
        progress.throughput = done as f64 * 1000.0 / progress.worked_ms.max(1) as f64;
        self.job.lease = Some(self.lease(now));
        self.store().await?;
        let datastore = self.office.catalog.datastore(&self.job.datastore).await?;
        match datastore.is_some_and(|at| at.record.status == DatastoreStatus::Active) {
            true => Ok(()),
            false => Err(Stopped::Paused),
        }
    }

    /// Ends the job.
    pub(crate) async fn finish(&mut self, status: JobStatus, message: Option<String>) -> Result<(), Stopped> {
        self.job.status = status;
        self.job.message = message;
        self.job.ended = Some(self.office.clock.now().max(self.job.submitted));
        self.job.checkpoint = None;
        self.job.lease = None;
        self.store().await
    }

    /// Gives the job back as it was saved last, for whoever comes next.
    pub(crate) async fn release(mut self) -> Result<(), Stopped> {
        let Some(saved) = self.current().await? else { return Err(Stopped::Lost) };
        self.job = saved;
        self.job.lease = None;
        self.store().await
    }

    pub(crate) fn now(&self) -> Time {
        self.office.clock.now()
    }

    fn lease(&self, now: Time) -> Lease {
        Lease { owner: self.office.owner.clone(), until: Time(now.0 + LEASE_MS * 1000) }
    }

    /// Writes the record; over a change by others only while the job is still ours.
    async fn store(&mut self) -> Result<(), Stopped> {
        loop {
            match self.write().await {
                Ok(()) => return Ok(()),
                Err(CatalogError::Failed(error)) => return Err(error.into()),
                Err(CatalogError::Conflict(_)) => match self.current().await? {
                    Some(_) => {}
                    None => return Err(Stopped::Lost),
                },
            }
        }
    }

    async fn write(&mut self) -> Result<(), CatalogError> {
        let record = Box::new(self.job.clone());
        self.office.catalog.write(vec![Change::Job { record, expected: Some(self.revision) }]).await?;
        self.revision += 1;
        Ok(())
    }

    /// The record as it stands, if the job is still ours; notes its revision.
    async fn current(&mut self) -> Result<Option<Job>, StoreError> {
        let job = &self.job;
        let at = self.office.catalog.job(&job.datastore, job.kind, &job.id).await?;
        let ours = |job: &Job| {
            matches!(job.status, JobStatus::InProgress | JobStatus::CancelInProgress)
                && job.lease.as_ref().is_some_and(|lease| lease.owner == self.office.owner)
        };
        let Some(at) = at.filter(|at| ours(&at.record)) else { return Ok(None) };
        self.revision = at.revision;
        Ok(Some(at.record))
    }
}
