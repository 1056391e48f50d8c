//! `tarn export`: a data store as NDJSON, into a folder or a bucket.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Args;
use healthlake::generated::enumerations::JobStatus;
use healthlake::generated::structures::{
    ExportJobProperties, OutputDataConfig, S3Configuration, StartFHIRExportJobRequest,
};
use healthlake::shape::Encode;
use jobs::S3Uri;
use store::{SystemRandom, uuid};

use super::connection::Connection;
use super::{job, progress, staging};

/// What to export, and where to.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// A folder, made if it is absent, or s3://bucket/prefix.
    target: String,
    /// The data store's id or name; may be left out if there is only one.
    #[arg(long)]
    datastore: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Arguments {
    /// Exports it.
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let client = self.connection.client()?;
        let store = self.connection.datastore(&client, self.datastore.as_deref()).await?;
        let local = !self.target.starts_with("s3://");
        let prefix = match local {
            true => format!("s3://{}/{}/", staging::BUCKET, uuid(&SystemRandom)),
            false => self.target.clone(),
        };
        if local {
            self.connection.make_bucket(staging::BUCKET).await?;
        }
        let started = client.call(&request(&store.datastore_id, &prefix)).await?;
        let spinner = progress::spinner(self.connection.json, "exporting");
        let done = job::exported(&client, &store.datastore_id, &started.job_id).await?;
        spinner.finish_and_clear();
        let files = if local { Some(self.fetch(&done).await?) } else { None };
        self.tell(&done, files);
        let complete = done.job_status == JobStatus::Completed;
        Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Brings the job's folder here and removes it from the server. Returns how many files.
    async fn fetch(&self, done: &ExportJobProperties) -> Result<usize> {
        ensure!(
            done.job_status != JobStatus::Failed,
            "{}",
            done.message.as_deref().unwrap_or("the job failed")
        );
        let OutputDataConfig::S3Configuration(output) = &done.output_data_config;
        let folder = S3Uri::parse(&output.s3_uri).context("the server names its output")?;
        let objects = self.connection.objects()?;
        let bar = progress::bytes(self.connection.json, 0, "fetching");
        let files = staging::download(&objects, &folder, Path::new(&self.target), &bar).await?;
        bar.finish_and_clear();
        staging::remove(&*objects, &folder).await?;
        Ok(files)
    }

    fn tell(&self, done: &ExportJobProperties, files: Option<usize>) {
        if self.connection.json {
            println!("{:#}", done.encode());
            return;
        }
        if let Some(message) = &done.message {
            println!("{message}");
        }
        let OutputDataConfig::S3Configuration(output) = &done.output_data_config;
        match files {
            Some(files) => println!("{files} files in {}", self.target),
            None => println!("written to {}", output.s3_uri),
        }
    }
}

fn request(datastore: &str, prefix: &str) -> StartFHIRExportJobRequest {
    StartFHIRExportJobRequest {
        datastore_id: datastore.to_owned(),
        data_access_role_arn: job::ROLE_ARN.to_owned(),
        output_data_config: OutputDataConfig::S3Configuration(S3Configuration {
            s3_uri: prefix.to_owned(),
            kms_key_id: job::KMS_KEY_ID.to_owned(),
        }),
        ..StartFHIRExportJobRequest::default()
    }
}
