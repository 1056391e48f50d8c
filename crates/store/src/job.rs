//! The record of an import or export job.

use std::fmt;

use fhir::Time;
use serde::{Deserialize, Serialize};

use crate::DatastoreId;
use crate::datastore::{hex_id, is_hex_id, micros};

/// The id of a job: 32 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct JobId(String);

impl JobId {
    /// The id written as `text`; `None` unless it is 32 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        is_hex_id(text).then(|| JobId(text.to_owned()))
    }

    /// A fresh id.
    pub fn generate(random: &dyn crate::Random) -> Self {
        JobId(hex_id(random))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum JobKind {
    /// Brings resources in.
    Import,
    /// Writes resources out.
    Export,
    /// Does the transactions that wait in a data store. One record a data store, which says only that there
    /// are some: they themselves are notes.
    Transaction,
    /// Indexes again what is there.
    Reindex,
    /// Deletes resources.
    Delete,
}

impl JobKind {
    /// The kinds that a runner does, each kind of a data store in a queue of its own.
    pub const QUEUED: [JobKind; 4] = [JobKind::Import, JobKind::Export, JobKind::Reindex, JobKind::Delete];
}

/// One job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    pub datastore: DatastoreId,
    /// What it does.
    pub kind: JobKind,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// Where it is in its life.
    pub status: JobStatus,
    /// When it was submitted.
    #[serde(with = "micros")]
    pub submitted: Time,
    /// When it ended.
    #[serde(with = "micros::option")]
    pub ended: Option<Time>,
    /// `s3://bucket/prefix` or one object, for an import.
    pub input: Option<String>,
    /// Where it writes.
    pub output: JobOutput,
    /// The role that reads and writes the objects.
    pub data_access_role_arn: String,
    /// How strictly lines are validated, for an import; `None` if it was not said (then strict).
    pub validation_level: Option<ValidationLevel>,
    /// What an export that FHIR's `$export` started was asked for, and what it wrote.
    #[serde(default)]
    pub export: Option<Box<crate::Export>>,
    /// What is to be indexed again, and how far that is.
    #[serde(default)]
    pub reindex: Option<Box<crate::ReindexOrder>>,
    /// What a deletion was asked for.
    #[serde(default)]
    pub deletion: Option<Box<crate::Deletion>>,
    /// Why it failed as a whole.
    pub message: Option<String>,
    /// What it has done so far.
    pub progress: Progress,
    /// Where to go on after a restart; the job's own affair.
    pub checkpoint: Option<serde_json::Value>,
    /// Who works on it.
    pub lease: Option<Lease>,
}

impl Job {
    /// A job that was submitted just now, asks for nothing yet and has done nothing.
    pub fn submitted(id: JobId, datastore: DatastoreId, kind: JobKind, now: Time) -> Job {
        Job {
            id,
            datastore,
            kind,
            name: None,
            status: JobStatus::Submitted,
            submitted: now,
            ended: None,
            input: None,
            output: JobOutput::default(),
            data_access_role_arn: String::new(),
            validation_level: None,
            export: None,
            reindex: None,
            deletion: None,
            message: None,
            progress: Progress::default(),
            checkpoint: None,
            lease: None,
        }
    }
}

/// Where a job writes; empty if it writes no objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOutput {
    /// The prefix the caller gave.
    pub prefix: String,
    /// The job's own folder below it, with a trailing slash: what Describe shows.
    pub folder: String,
    /// The key the caller named.
    pub kms_key_id: String,
}

/// Who works on a job, and until when that is sure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The worker.
    pub owner: String,
    /// After this time another may take over.
    #[serde(with = "micros")]
    pub until: Time,
}

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    /// Taken on.
    Submitted,
    /// Waiting for another job of the data store.
    Queued,
    /// Running.
    InProgress,
    /// Done, and some resources failed.
    CompletedWithErrors,
    /// Done.
    Completed,
    /// Could not be done.
    Failed,
    /// Shall be cancelled.
    CancelSubmitted,
    /// Being cancelled.
    CancelInProgress,
    /// Cancelled.
    CancelCompleted,
    /// Could not be cancelled.
    CancelFailed,
}

impl JobStatus {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            JobStatus::Submitted => "SUBMITTED",
            JobStatus::Queued => "QUEUED",
            JobStatus::InProgress => "IN_PROGRESS",
            JobStatus::CompletedWithErrors => "COMPLETED_WITH_ERRORS",
            JobStatus::Completed => "COMPLETED",
            JobStatus::Failed => "FAILED",
            JobStatus::CancelSubmitted => "CANCEL_SUBMITTED",
            JobStatus::CancelInProgress => "CANCEL_IN_PROGRESS",
            JobStatus::CancelCompleted => "CANCEL_COMPLETED",
            JobStatus::CancelFailed => "CANCEL_FAILED",
        }
    }

    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            JobStatus::CompletedWithErrors
                | JobStatus::Completed
                | JobStatus::Failed
                | JobStatus::CancelCompleted
                | JobStatus::CancelFailed
        )
    }
}

/// How strictly the lines of an import are validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValidationLevel {
    /// Against the profiles named in `meta.profile`, else R4.
    Strict,
    /// Against R4 only.
    StructureOnly,
    /// What can be stored is stored, with an extension that says what is wrong.
    Minimal,
}

impl ValidationLevel {
    /// The level of this name on the wire.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "strict" => Some(ValidationLevel::Strict),
            "structure-only" => Some(ValidationLevel::StructureOnly),
            "minimal" => Some(ValidationLevel::Minimal),
            _ => None,
        }
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            ValidationLevel::Strict => "strict",
            ValidationLevel::StructureOnly => "structure-only",
            ValidationLevel::Minimal => "minimal",
        }
    }
}

/// What a job has done so far (JobProgressReport, and the counts of the manifest).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Files listed.
    pub files_scanned: u64,
    /// Their size.
    pub bytes_scanned: u64,
    /// Files read to their end.
    pub files_imported: u64,
    /// Files that could not be read to their end.
    pub files_failed: u64,
    /// Lines read, blank ones not counted; for an export, resources written.
    pub resources_scanned: u64,
    /// Resources stored.
    pub resources_imported: u64,
    /// Their size.
    pub bytes_imported: u64,
    /// Lines refused for what they hold.
    pub resources_with_customer_error: u64,
    /// Lines that failed for reasons of ours.
    pub resources_with_server_error: u64,
    /// Resources a second over the time worked.
    pub throughput: f64,
    /// Milliseconds worked so far, over all restarts.
    pub worked_ms: u64,
}
