//! `tarn import`: NDJSON from a file, a folder or a bucket into a data store.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use futures::TryStreamExt;
use healthlake::generated::enumerations::{JobStatus, ValidationLevel};
use healthlake::generated::structures::{
    ImportJobProperties, InputDataConfig, OutputDataConfig, S3Configuration, StartFHIRImportJobRequest,
};
use healthlake::shape::Encode;
use jobs::{Objects, S3Uri};
use serde_json::Value;
use store::{SystemRandom, uuid};

use super::connection::Connection;
use super::{job, progress, staging};

/// How many refused lines are shown.
const SHOWN_MAX: usize = 10;

/// How much of one failure file is read for showing, in bytes.
const FAILURE_BYTES_MAX: u64 = 64 * 1024;

/// What to import, and where to.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// A file, a folder of .ndjson files, or s3://bucket/prefix.
    source: String,
    /// The data store's id or name; may be left out if there is only one.
    #[arg(long)]
    datastore: Option<String>,
    /// How strictly lines are validated: strict, structure-only or minimal.
    #[arg(long, default_value = "strict")]
    validation_level: String,
    #[command(flatten)]
    connection: Connection,
}

impl Arguments {
    /// Imports it.
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let client = self.connection.client()?;
        let store = self.connection.datastore(&client, self.datastore.as_deref()).await?;
        let objects = self.connection.objects()?;
        self.connection.make_bucket(staging::BUCKET).await?;
        let folder = S3Uri::parse(&format!("s3://{}/{}/", staging::BUCKET, uuid(&SystemRandom)))?;
        let (source, total) = self.stage(&*objects, &folder).await?;
        let bar = progress::resources(self.connection.json, total, "importing");
        let request = self.request(&store.datastore_id, source, &folder)?;
        let started = client.call(&request).await?;
        let done = job::imported(&client, &store.datastore_id, &started.job_id, &bar).await?;
        bar.finish_and_clear();
        self.tell(&*objects, &done, &folder).await?;
        staging::remove(&*objects, &folder).await?;
        let complete = done.job_status == JobStatus::Completed;
        Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Where the server finds the source, and how many lines there are if that is known.
    async fn stage(&self, objects: &dyn Objects, folder: &S3Uri) -> Result<(String, Option<u64>)> {
        if self.source.starts_with("s3://") {
            return Ok((self.source.clone(), None));
        }
        let sources = staging::Sources::find(Path::new(&self.source))?;
        let bar = progress::bytes(self.connection.json, sources.bytes, "uploading");
        let prefix = format!("{}in/", folder.key());
        let lines = sources.upload(objects, &prefix, &bar).await?;
        bar.finish_and_clear();
        Ok((format!("s3://{}/{prefix}", folder.bucket()), Some(lines)))
    }

    fn request(&self, datastore: &str, source: String, folder: &S3Uri) -> Result<StartFHIRImportJobRequest> {
        let level = match &*self.validation_level {
            "strict" => ValidationLevel::Strict,
            "structure-only" => ValidationLevel::StructureOnly,
            "minimal" => ValidationLevel::Minimal,
            other => bail!("{other} is no validation level: strict, structure-only or minimal"),
        };
        Ok(StartFHIRImportJobRequest {
            datastore_id: datastore.to_owned(),
            data_access_role_arn: job::ROLE_ARN.to_owned(),
            input_data_config: InputDataConfig::S3Uri(source),
            job_output_data_config: OutputDataConfig::S3Configuration(S3Configuration {
                s3_uri: format!("s3://{}/{}out/", folder.bucket(), folder.key()),
                kms_key_id: job::KMS_KEY_ID.to_owned(),
            }),
            validation_level: Some(level),
            ..StartFHIRImportJobRequest::default()
        })
    }

    async fn tell(&self, objects: &dyn Objects, done: &ImportJobProperties, folder: &S3Uri) -> Result<()> {
        if self.connection.json {
            println!("{:#}", done.encode());
            return Ok(());
        }
        let report = done.job_progress_report.clone().unwrap_or_default();
        let imported = report.total_number_of_resources_imported.unwrap_or(0);
        let failed = report.total_number_of_resources_with_customer_error.unwrap_or(0);
        let rate = report.throughput.unwrap_or(0.0);
        println!("{imported} resources imported, {failed} refused, {rate:.0} a second");
        if let Some(message) = &done.message {
            println!("{message}");
        }
        for line in refused(objects, folder).await? {
            println!("  {line}");
        }
        Ok(())
    }
}

/// The first refused lines, each as `file: line: why`.
async fn refused(objects: &dyn Objects, folder: &S3Uri) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for object in staging::list(objects, folder).await? {
        let Some((_, file)) = object.key.split_once("/FAILURE/") else { continue };
        let range = Some(0..FAILURE_BYTES_MAX.min(object.size));
        let mut content = objects.get(folder.bucket(), &object.key, range).await?;
        let mut text = Vec::new();
        while let Some(chunk) = content.try_next().await? {
            text.extend_from_slice(&chunk);
        }
        for line in
            text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        {
            if lines.len() == SHOWN_MAX {
                return Ok(lines);
            }
            lines.push(format!("{file}: {}: {}", line["lineId"], why(&line).context("a failure says why")?));
        }
    }
    Ok(lines)
}

/// The diagnostics of a failure line, whose blob is an OperationOutcome as JSON or as text of it.
fn why(line: &Value) -> Option<String> {
    let blob = &line["UpdateResourceResponse"]["jsonBlob"];
    let parsed = blob.as_str().and_then(|text| serde_json::from_str(text).ok());
    let outcome: &Value = parsed.as_ref().unwrap_or(blob);
    let issues = outcome["issue"].as_array()?;
    let texts: Vec<&str> = issues.iter().filter_map(|issue| issue["diagnostics"].as_str()).collect();
    Some(texts.join("; "))
}
