//! What import and export jobs have in common: starting, finding, listing.

use crate::datastore;
use crate::error::{Fault, FaultKind};
use crate::generated::enumerations as wire;
use crate::generated::structures::{OutputDataConfig, S3Configuration};
use crate::idempotency::ClientToken;
use crate::service::Service;
use crate::shape::Timestamp;
use jobs::{SubmitError, job_folder};
use store::{
    CmkType, Datastore, DatastoreId, DatastoreStatus, Job, JobId, JobKind, JobOutput, JobStatus,
    ValidationLevel,
};

/// A job as it was asked for.
pub(crate) struct Order {
    /// What it does.
    pub(crate) kind: JobKind,
    /// The data store's id as sent.
    pub(crate) datastore_id: String,
    /// The name, if any.
    pub(crate) name: Option<String>,
    /// Where an import reads.
    pub(crate) input: Option<String>,
    /// Where it writes.
    pub(crate) output: OutputDataConfig,
    /// With whose rights.
    pub(crate) data_access_role_arn: String,
    /// How strictly an import validates.
    pub(crate) validation_level: Option<ValidationLevel>,
}

/// Which jobs of a list are wanted.
pub(crate) struct Wanted<'a> {
    /// Those of this name.
    pub(crate) name: Option<&'a str>,
    /// Those in this status.
    pub(crate) status: Option<wire::JobStatus>,
    /// Those submitted before.
    pub(crate) before: Option<Timestamp>,
    /// Those submitted after.
    pub(crate) after: Option<Timestamp>,
}

/// Puts a job into its data store's queue, unless the same request did so before. Its id either way.
pub(crate) async fn start(
    service: &Service,
    token: Option<ClientToken>,
    order: Order,
) -> Result<JobId, Fault> {
    if let Some(made) = made_before(service, token.as_ref()).await? {
        return Ok(made);
    }
    let datastore = datastore::find(service, &order.datastore_id).await?.record;
    check_ready(&datastore)?;
    let job = submitted(service, datastore.id, order);
    let id = job.id.clone();
    let request = token.as_ref().map(|token| token.record(service, id.as_str()));
    match service.queue().submit(job, request).await {
        Ok(()) => Ok(id),
        // The token was used by another request in the meantime.
        Err(SubmitError::TokenUsed) => {
            made_before(service, token.as_ref()).await?.ok_or_else(Fault::internal)
        }
        Err(full @ SubmitError::Full(_)) => Err(Fault::new(FaultKind::Throttling, full.to_string())),
        Err(SubmitError::Failed(error)) => Err(service.failed(&error)),
    }
}

/// A job of a data store. Fails with ResourceNotFoundException if there is no such data store or job.
pub(crate) async fn find(
    service: &Service,
    datastore_id: &str,
    kind: JobKind,
    job_id: &str,
) -> Result<Job, Fault> {
    let datastore = datastore::find(service, datastore_id).await?.record;
    let found = match JobId::parse(job_id) {
        Some(id) => {
            service.catalog().job(&datastore.id, kind, &id).await.map_err(|error| service.failed(&error))?
        }
        None => None,
    };
    let missing =
        || Fault::not_found(format!("The job {job_id} of the data store {datastore_id} does not exist"));
    found.map(|at| at.record).ok_or_else(missing)
}

/// The jobs of a data store that are wanted. Fails with ResourceNotFoundException if there is no such data store.
pub(crate) async fn select(
    service: &Service,
    datastore_id: &str,
    kind: JobKind,
    wanted: &Wanted<'_>,
) -> Result<Vec<Job>, Fault> {
    let datastore = datastore::find(service, datastore_id).await?.record;
    let all = service.catalog().jobs(&datastore.id, kind).await.map_err(|error| service.failed(&error))?;
    Ok(all.into_iter().map(|at| at.record).filter(|job| wanted.takes(job)).collect())
}

/// A job's place in its list.
pub(crate) fn place(job: &Job) -> (i64, String) {
    (job.submitted.0, job.id.to_string())
}

/// The job's own folder as OutputDataConfig.
pub(crate) fn output(job: &Job) -> OutputDataConfig {
    let (s3_uri, kms_key_id) = (job.output.folder.clone(), job.output.kms_key_id.clone());
    OutputDataConfig::S3Configuration(S3Configuration { kms_key_id, s3_uri })
}

/// The status on the wire.
pub(crate) fn wire_status(status: JobStatus) -> wire::JobStatus {
    match status {
        JobStatus::Submitted => wire::JobStatus::Submitted,
        JobStatus::Queued => wire::JobStatus::Queued,
        JobStatus::InProgress => wire::JobStatus::InProgress,
        JobStatus::CompletedWithErrors => wire::JobStatus::CompletedWithErrors,
        JobStatus::Completed => wire::JobStatus::Completed,
        JobStatus::Failed => wire::JobStatus::Failed,
        JobStatus::CancelSubmitted => wire::JobStatus::CancelSubmitted,
        JobStatus::CancelInProgress => wire::JobStatus::CancelInProgress,
        JobStatus::CancelCompleted => wire::JobStatus::CancelCompleted,
        JobStatus::CancelFailed => wire::JobStatus::CancelFailed,
    }
}

impl Wanted<'_> {
    fn takes(&self, job: &Job) -> bool {
        let submitted = Timestamp::shown(job.submitted.0);
        self.name.is_none_or(|name| job.name.as_deref() == Some(name))
            && self.status.is_none_or(|status| wire_status(job.status) == status)
            && self.before.is_none_or(|before| submitted < before)
            && self.after.is_none_or(|after| submitted > after)
    }
}

async fn made_before(service: &Service, token: Option<&ClientToken>) -> Result<Option<JobId>, Fault> {
    match token {
        Some(token) => Ok(token.made(service).await?.as_deref().and_then(JobId::parse)),
        None => Ok(None),
    }
}

fn check_ready(datastore: &Datastore) -> Result<(), Fault> {
    let id = &datastore.id;
    if datastore.status != DatastoreStatus::Active {
        let status = datastore.status.name();
        return Err(Fault::validation(format!(
            "The data store {id} is in status {status}; a job needs ACTIVE"
        )));
    }
    if datastore.encryption == CmkType::CustomerManaged {
        return Err(Fault::validation(format!(
            "The data store {id} uses a customer managed KMS key, which this version of tarn does not support for data"
        )));
    }
    Ok(())
}

fn submitted(service: &Service, datastore: DatastoreId, order: Order) -> Job {
    let id = JobId::generate(service.random());
    let OutputDataConfig::S3Configuration(output) = order.output;
    let folder = job_folder(&output.s3_uri, &datastore, order.kind, &id);
    Job {
        name: order.name,
        input: order.input,
        output: JobOutput { prefix: output.s3_uri, folder, kms_key_id: output.kms_key_id },
        data_access_role_arn: order.data_access_role_arn,
        validation_level: order.validation_level,
        ..Job::submitted(id, datastore, order.kind, service.clock().now())
    }
}
