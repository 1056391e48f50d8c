//! Import jobs: start, describe, list.

use crate::error::Fault;
use crate::generated::enumerations as wire;
use crate::generated::structures::*;
use crate::idempotency::ClientToken;
use crate::job::{self, Order, Wanted};
use crate::page_token::page;
use crate::service::Service;
use crate::shape::Timestamp;
use store::{Job, JobKind, Progress, ValidationLevel};

/// StartFHIRImportJob.
pub(crate) async fn start(
    service: &Service,
    request: StartFHIRImportJobRequest,
) -> Result<StartFHIRImportJobResponse, Fault> {
    check_transformation(&request)?;
    let token = ClientToken::of(&request, request.client_token.as_ref());
    let InputDataConfig::S3Uri(input) = request.input_data_config;
    let order = Order {
        kind: JobKind::Import,
        datastore_id: request.datastore_id.clone(),
        name: request.job_name,
        input: Some(input),
        output: request.job_output_data_config,
        data_access_role_arn: request.data_access_role_arn,
        validation_level: request.validation_level.map(recorded_level),
    };
    let job_id = job::start(service, token, order).await?.to_string();
    Ok(StartFHIRImportJobResponse {
        datastore_id: Some(request.datastore_id),
        job_id,
        job_status: wire::JobStatus::Submitted,
    })
}

/// DescribeFHIRImportJob.
pub(crate) async fn describe(
    service: &Service,
    request: DescribeFHIRImportJobRequest,
) -> Result<DescribeFHIRImportJobResponse, Fault> {
    let job = job::find(service, &request.datastore_id, JobKind::Import, &request.job_id).await?;
    Ok(DescribeFHIRImportJobResponse { import_job_properties: properties(&job) })
}

/// ListFHIRImportJobs: newest first, all filters at once.
pub(crate) async fn list(
    service: &Service,
    request: ListFHIRImportJobsRequest,
) -> Result<ListFHIRImportJobsResponse, Fault> {
    let wanted = Wanted {
        name: request.job_name.as_deref(),
        status: request.job_status,
        before: request.submitted_before,
        after: request.submitted_after,
    };
    let jobs = job::select(service, &request.datastore_id, JobKind::Import, &wanted).await?;
    let (jobs, next_token) = page(service.page_key(), &request, jobs, job::place)?;
    let list = jobs.iter().map(properties).collect();
    Ok(ListFHIRImportJobsResponse { import_job_properties_list: list, next_token })
}

/// Refuses what only imports of other formats than FHIR need.
fn check_transformation(request: &StartFHIRImportJobRequest) -> Result<(), Fault> {
    let asked = [
        ("ProfileId", request.profile_id.is_some()),
        ("InputFormat", request.input_format.is_some()),
        ("DriftDetectionEnabled", request.drift_detection_enabled == Some(true)),
    ];
    match asked.into_iter().find(|(_, is_asked)| *is_asked) {
        None => Ok(()),
        Some((member, _)) => Err(Fault::validation(format!(
            "{member} (data transformation) is not supported by this version of tarn"
        ))),
    }
}

fn recorded_level(level: wire::ValidationLevel) -> ValidationLevel {
    match level {
        wire::ValidationLevel::Strict => ValidationLevel::Strict,
        wire::ValidationLevel::StructureOnly => ValidationLevel::StructureOnly,
        wire::ValidationLevel::Minimal => ValidationLevel::Minimal,
    }
}

fn wire_level(level: ValidationLevel) -> wire::ValidationLevel {
    match level {
        ValidationLevel::Strict => wire::ValidationLevel::Strict,
        ValidationLevel::StructureOnly => wire::ValidationLevel::StructureOnly,
        ValidationLevel::Minimal => wire::ValidationLevel::Minimal,
    }
}

fn properties(job: &Job) -> ImportJobProperties {
    ImportJobProperties {
        data_access_role_arn: Some(job.data_access_role_arn.clone()),
        datastore_id: job.datastore.to_string(),
        end_time: job.ended.map(|ended| Timestamp::shown(ended.0)),
        input_data_config: InputDataConfig::S3Uri(job.input.clone().unwrap_or_default()),
        job_id: job.id.to_string(),
        job_name: job.name.clone(),
        job_output_data_config: Some(job::output(job)),
        job_progress_report: Some(report(&job.progress)),
        job_status: job::wire_status(job.status),
        message: job.message.clone(),
        submit_time: Timestamp::shown(job.submitted.0),
        validation_level: job.validation_level.map(wire_level),
    }
}

/// JobProgressReport. The counters of files that are not FHIR stay zero: only FHIR files are read.
fn report(progress: &Progress) -> JobProgressReport {
    let count = |number: u64| Some(i64::try_from(number).unwrap_or(i64::MAX));
    JobProgressReport {
        throughput: Some(progress.throughput),
        total_number_of_files_read_with_customer_error: count(progress.files_failed),
        total_number_of_imported_files: count(progress.files_imported),
        total_number_of_resources_imported: count(progress.resources_imported),
        total_number_of_resources_scanned: count(progress.resources_scanned),
        total_number_of_resources_with_customer_error: count(progress.resources_with_customer_error),
        total_number_of_scanned_files: count(progress.files_scanned),
        total_size_of_scanned_files_in_mb: Some(jobs::megabytes(progress.bytes_scanned)),
        ..JobProgressReport::default()
    }
}
