//! Waiting for a job, with a bar that says how far it is.

use std::time::Duration;

use anyhow::Result;
use healthlake::client::Client;
use healthlake::generated::enumerations::JobStatus;
use healthlake::generated::structures::{
    DescribeFHIRExportJobRequest, DescribeFHIRImportJobRequest, ExportJobProperties, ImportJobProperties,
};
use indicatif::ProgressBar;

/// How long to wait between looks at a job, in milliseconds.
const POLL_MS: u64 = 200;

/// The role that the command line names for its jobs: the embedded S3 endpoint belongs to the owner.
pub(crate) const ROLE_ARN: &str = "arn:aws:iam::000000000000:role/tarn-command-line";

/// The key that the command line names for its jobs' output; the embedded S3 endpoint seals with its own.
pub(crate) const KMS_KEY_ID: &str = "alias/aws/s3";

/// The import job once it has ended.
pub(crate) async fn imported(
    client: &Client,
    datastore: &str,
    job: &str,
    bar: &ProgressBar,
) -> Result<ImportJobProperties> {
    let request = DescribeFHIRImportJobRequest { datastore_id: datastore.to_owned(), job_id: job.to_owned() };
    loop {
        let properties = client.call(&request).await?.import_job_properties;
        if let Some(report) = &properties.job_progress_report {
            let count = |value: Option<i64>| u64::try_from(value.unwrap_or(0)).unwrap_or(0);
            bar.set_position(count(report.total_number_of_resources_scanned));
            bar.set_message(format!(
                "{} errors",
                count(report.total_number_of_resources_with_customer_error)
            ));
        }
        if is_final(&properties.job_status) {
            return Ok(properties);
        }
        tokio::time::sleep(Duration::from_millis(POLL_MS)).await;
    }
}

/// The export job once it has ended.
pub(crate) async fn exported(client: &Client, datastore: &str, job: &str) -> Result<ExportJobProperties> {
    let request = DescribeFHIRExportJobRequest { datastore_id: datastore.to_owned(), job_id: job.to_owned() };
    loop {
        let properties = client.call(&request).await?.export_job_properties;
        if is_final(&properties.job_status) {
            return Ok(properties);
        }
        tokio::time::sleep(Duration::from_millis(POLL_MS)).await;
    }
}

fn is_final(status: &JobStatus) -> bool {
    !matches!(status, JobStatus::Submitted | JobStatus::Queued | JobStatus::InProgress)
}
