//! What an import writes beside the resources: a line for every line, per input file, and the manifest.
//!
//! The job's folder holds `SUCCESS/`, `FAILURE/` and `SUCCESS_WITH_SEARCH_VALIDATION_FAILURES/` with one object per
//! input file, named after it, and `manifest.json`. Lines of a file that more than one run reaches wait as parts
//! under `.parts/`, one object per run, until the file's last run joins them; the names follow from file and run, so
//! that a run done again after a crash overwrites what it wrote before. `.parts/` is emptied before the job ends.

use std::sync::Arc;

use bytes::Bytes;
use fhir::{ResourceKey, Time};
use futures::{StreamExt, TryStreamExt};
use serde::Serialize;
use store::{Job, JobOutput};

use crate::objects::{ObjectWriter, Objects, ObjectsError, PutOptions, S3Uri, put_bytes};
use crate::retry::patiently;

/// Bytes in the megabyte of reports and manifests.
pub const MEGABYTE: f64 = 1_048_576.0;

/// Output objects written at the same time.
const WRITES_AT_ONCE: usize = 8;
const FOLDERS: [&str; 3] = ["SUCCESS", "FAILURE", "SUCCESS_WITH_SEARCH_VALIDATION_FAILURES"];
/// What is written first, to find out whether anything can be.
const PROBE: &str = ".parts/probe";
const STORED: usize = 0;
const FAILED: usize = 1;
const NOTED: usize = 2;

/// What one run has to say about one input file.
pub(crate) struct Part {
    name: Arc<str>,
    continues: bool,
    ends: bool,
    text: [Vec<u8>; 3],
}

impl Part {
    pub(crate) fn new(name: &Arc<str>, continues: bool, ends: bool) -> Part {
        Part { name: Arc::clone(name), continues, ends, text: Default::default() }
    }

    /// A line that was stored: which version of what, and when.
    pub(crate) fn stored(
        &mut self,
        line: u64,
        key: &ResourceKey,
        version: u64,
        updated: Time,
        is_noted: bool,
    ) {
        let out = &mut self.text[if is_noted { NOTED } else { STORED }];
        open(out, line);
        let mut blob = Vec::with_capacity(160);
        blob.extend_from_slice(b"{\"resourceType\":\"");
        blob.extend_from_slice(key.of.name().as_bytes());
        blob.extend_from_slice(b"\",\"id\":\"");
        blob.extend_from_slice(key.id.as_str().as_bytes());
        blob.extend_from_slice(b"\",\"meta\":{}}");
        fhir::emit(key, &blob, version, updated, out);
        close(out, if version == 1 { 201 } else { 200 });
    }

    /// A line that was not stored: an HTTP status and an OperationOutcome.
    pub(crate) fn failed(&mut self, line: u64, status: u16, outcome: &[u8]) {
        let out = &mut self.text[FAILED];
        open(out, line);
        out.extend_from_slice(outcome);
        close(out, status);
    }
}

fn open(out: &mut Vec<u8>, line: u64) {
    out.extend_from_slice(b"{\"lineId\":");
    out.extend_from_slice(line.to_string().as_bytes());
    out.extend_from_slice(b",\"UpdateResourceResponse\":{\"jsonBlob\":");
}

fn close(out: &mut Vec<u8>, status: u16) {
    out.extend_from_slice(b",\"statusCode\":");
    out.extend_from_slice(status.to_string().as_bytes());
    out.extend_from_slice(b"}}\n");
}

/// The folder of one job.
pub(crate) struct Output {
    objects: Arc<dyn Objects>,
    folder: S3Uri,
    options: PutOptions,
}

impl Output {
    pub(crate) fn new(objects: Arc<dyn Objects>, output: &JobOutput) -> Result<Output, ObjectsError> {
        let kms_key_id = Some(output.kms_key_id.clone()).filter(|key| !key.is_empty());
        let options = PutOptions { content_type: "application/x-ndjson".to_owned(), kms_key_id };
        Ok(Output { objects, folder: S3Uri::parse(&output.folder)?, options })
    }

    /// Finds out whether the folder can be written at all.
    pub(crate) async fn probe(&self) -> Result<(), ObjectsError> {
        self.write(PROBE, Bytes::new()).await
    }

    /// Writes an object of the folder whole.
    pub(crate) async fn write(&self, name: &str, content: Bytes) -> Result<(), ObjectsError> {
        let uri = self.folder.join(name);
        patiently(|| {
            let content = content.clone();
            Box::pin(async {
                put_bytes(&*self.objects, &uri, self.options.clone(), content).await.map(|_| ())
            })
        })
        .await
    }

    /// Writes everything that run `number` has to say.
    pub(crate) async fn write_run(&self, number: u64, parts: Vec<Part>) -> Result<(), ObjectsError> {
        let mut writes = Vec::new();
        for part in &parts {
            for (text, folder) in part.text.iter().zip(FOLDERS) {
                writes.push(self.write_text(number, folder, part, text));
            }
        }
        let mut writes = futures::stream::iter(writes).buffer_unordered(WRITES_AT_ONCE);
        while writes.try_next().await?.is_some() {}
        Ok(())
    }

    async fn write_text(
        &self,
        number: u64,
        folder: &str,
        part: &Part,
        text: &[u8],
    ) -> Result<(), ObjectsError> {
        let (parts, name) = (format!(".parts/{folder}/{}/", part.name), format!("{folder}/{}", part.name));
        let is_needed = !text.is_empty() || (part.ends && folder == FOLDERS[STORED]);
        match (part.continues, part.ends) {
            (true, true) => self.join(&parts, &name, Bytes::copy_from_slice(text)).await,
            (_, false) if is_needed => {
                self.write(&format!("{parts}{number:012}"), Bytes::copy_from_slice(text)).await
            }
            (false, true) if is_needed => self.write(&name, Bytes::copy_from_slice(text)).await,
            _ => Ok(()),
        }
    }

    /// Writes an object from the parts that wait for it and the text of the last run.
    async fn join(&self, parts: &str, name: &str, last: Bytes) -> Result<(), ObjectsError> {
        let waiting = self.list(parts).await?;
        if waiting.is_empty() && last.is_empty() && !name.starts_with("SUCCESS/") {
            return Ok(());
        }
        let uri = self.folder.join(name);
        patiently(|| Box::pin(self.join_once(&waiting, &uri, &last))).await
    }

    async fn join_once(&self, waiting: &[String], uri: &S3Uri, last: &Bytes) -> Result<(), ObjectsError> {
        let mut writer = self.objects.put(uri.bucket(), uri.key(), self.options.clone()).await?;
        match self.join_into(&mut *writer, waiting, uri, last).await {
            Ok(()) => writer.finish().await.map(|_| ()),
            Err(error) => {
                // The first error is the one worth telling.
                let _ = writer.abort().await;
                Err(error)
            }
        }
    }

    async fn join_into(
        &self,
        writer: &mut dyn ObjectWriter,
        waiting: &[String],
        uri: &S3Uri,
        last: &Bytes,
    ) -> Result<(), ObjectsError> {
        for key in waiting {
            let mut content = self.objects.get(uri.bucket(), key, None).await?;
            while let Some(chunk) = content.try_next().await? {
                writer.write(chunk).await?;
            }
        }
        writer.write(last.clone()).await
    }

    async fn list(&self, name: &str) -> Result<Vec<String>, ObjectsError> {
        let prefix = self.folder.join(name);
        let mut keys = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page =
                patiently(|| self.objects.list(prefix.bucket(), prefix.key(), after.as_deref())).await?;
            keys.extend(page.objects.into_iter().map(|object| object.key));
            after = page.next;
            if after.is_none() {
                return Ok(keys);
            }
        }
    }

    /// Removes what was only needed on the way.
    pub(crate) async fn clean(&self) -> Result<(), ObjectsError> {
        for key in self.list(".parts/").await? {
            patiently(|| self.objects.delete(self.folder.bucket(), &key)).await?;
        }
        Ok(())
    }

    /// Writes the manifest of an import.
    pub(crate) async fn write_manifest(&self, job: &Job) -> Result<(), ObjectsError> {
        let text = serde_json::to_vec(&Manifest::of(job)).unwrap_or_default();
        self.write("manifest.json", text.into()).await
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    input_data_config: Location,
    output_data_config: Location,
    success_output: SuccessOutput,
    failure_output: FailureOutput,
    number_of_scanned_files: u64,
    number_of_files_imported: u64,
    #[serde(rename = "sizeOfScannedFilesInMB")]
    size_of_scanned_files: f64,
    #[serde(rename = "sizeOfDataImportedSuccessfullyInMB")]
    size_of_data_imported: f64,
    number_of_resources_scanned: u64,
    number_of_resources_imported_successfully: u64,
    number_of_resources_with_customer_error: u64,
    number_of_resources_with_server_error: u64,
}

#[derive(Serialize)]
struct Location {
    #[serde(rename = "s3Uri")]
    s3_uri: String,
    #[serde(rename = "encryptionKeyID", skip_serializing_if = "Option::is_none")]
    encryption_key_id: Option<String>,
}

#[derive(Serialize)]
struct SuccessOutput {
    #[serde(rename = "successOutputS3Uri")]
    s3_uri: String,
}

#[derive(Serialize)]
struct FailureOutput {
    #[serde(rename = "failureOutputS3Uri")]
    s3_uri: String,
}

impl Manifest {
    fn of(job: &Job) -> Manifest {
        let (output, progress) = (&job.output, &job.progress);
        Manifest {
            input_data_config: Location {
                s3_uri: job.input.clone().unwrap_or_default(),
                encryption_key_id: None,
            },
            output_data_config: Location {
                s3_uri: output.folder.clone(),
                encryption_key_id: Some(output.kms_key_id.clone()),
            },
            success_output: SuccessOutput { s3_uri: format!("{}SUCCESS/", output.folder) },
            failure_output: FailureOutput { s3_uri: format!("{}FAILURE/", output.folder) },
            number_of_scanned_files: progress.files_scanned,
            number_of_files_imported: progress.files_imported,
            size_of_scanned_files: megabytes(progress.bytes_scanned),
            size_of_data_imported: megabytes(progress.bytes_imported),
            number_of_resources_scanned: progress.resources_scanned,
            number_of_resources_imported_successfully: progress.resources_imported,
            number_of_resources_with_customer_error: progress.resources_with_customer_error,
            number_of_resources_with_server_error: progress.resources_with_server_error,
        }
    }
}

/// Bytes as megabytes with six decimals.
pub fn megabytes(bytes: u64) -> f64 {
    (bytes as f64 / MEGABYTE * 1e6).round() / 1e6
}
