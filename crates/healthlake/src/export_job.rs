//! Export jobs: start, describe, list.

use crate::error::Fault;
use crate::generated::enumerations as wire;
use crate::generated::structures::*;
use crate::idempotency::ClientToken;
use crate::job::{self, Order, Wanted};
use crate::page_token::page;
use crate::service::Service;
use crate::shape::Timestamp;
use store::{Job, JobKind};

/// StartFHIRExportJob.
pub(crate) async fn start(
    service: &Service,
    request: StartFHIRExportJobRequest,
) -> Result<StartFHIRExportJobResponse, Fault> {
    let token = ClientToken::of(&request, request.client_token.as_ref());
    let order = Order {
        kind: JobKind::Export,
        datastore_id: request.datastore_id.clone(),
        name: request.job_name,
        input: None,
        output: request.output_data_config,
        data_access_role_arn: request.data_access_role_arn,
        validation_level: None,
    };
    let job_id = job::start(service, token, order).await?.to_string();
    Ok(StartFHIRExportJobResponse {
        datastore_id: Some(request.datastore_id),
        job_id,
        job_status: wire::JobStatus::Submitted,
    })
}

/// DescribeFHIRExportJob.
pub(crate) async fn describe(
    service: &Service,
    request: DescribeFHIRExportJobRequest,
) -> Result<DescribeFHIRExportJobResponse, Fault> {
    let job = job::find(service, &request.datastore_id, JobKind::Export, &request.job_id).await?;
    Ok(DescribeFHIRExportJobResponse { export_job_properties: properties(&job) })
}

/// ListFHIRExportJobs: newest first, all filters at once.
pub(crate) async fn list(
    service: &Service,
    request: ListFHIRExportJobsRequest,
) -> Result<ListFHIRExportJobsResponse, Fault> {
    let wanted = Wanted {
        name: request.job_name.as_deref(),
        status: request.job_status,
        before: request.submitted_before,
        after: request.submitted_after,
    };
    let jobs = job::select(service, &request.datastore_id, JobKind::Export, &wanted).await?;
    let (jobs, next_token) = page(service.page_key(), &request, jobs, job::place)?;
    let list = jobs.iter().map(properties).collect();
    Ok(ListFHIRExportJobsResponse { export_job_properties_list: list, next_token })
}

fn properties(job: &Job) -> ExportJobProperties {
    ExportJobProperties {
        data_access_role_arn: Some(job.data_access_role_arn.clone()).filter(|role| !role.is_empty()),
        datastore_id: job.datastore.to_string(),
        end_time: job.ended.map(|ended| Timestamp::shown(ended.0)),
        job_id: job.id.to_string(),
        job_name: job.name.clone(),
        job_status: job::wire_status(job.status),
        message: job.message.clone(),
        output_data_config: job::output(job),
        submit_time: Timestamp::shown(job.submitted.0),
    }
}
