//! An import, from claim to end.
//!
//! The input is cut into *runs*: stretches of lines, over as many files as they reach, whose bounds follow from
//! the bytes alone. A run is done in this order, and each step can be done again without a trace:
//!
//! 1. `Store::ingest` under the run's number. Of the last run of a job the store knows the outcome, so a run that
//!    had been ingested before a crash answers the same versions again.
//! 2. The run's output objects. Their names follow from file and run, so they are overwritten, never added to.
//! 3. The checkpoint: counters and the place where the next run begins, in one write of the job's record.
//!
//! A crash between any two of them repeats at most one run, with the same outcome and the same counts.

use std::sync::Arc;

use fhir::ResourceKey;
use search::Extractor;
use serde::{Deserialize, Serialize};
use store::reindex::{extract_again, is_parameter};
use store::{
    DatastoreId, Ingested, JobStatus, Progress, Put, Run, RunId, Store, StoreError, ValidationLevel,
};

use crate::checkpoint;
use crate::held::{Held, Stopped};
use crate::import_line::{self, Verdict};
use crate::import_pipeline::{FileEnd, Piece, Pipeline, PreparedRun, Rules};
use crate::import_source::{Input, OpenFile};
use crate::limits::Sizes;
use crate::objects::{ObjectsError, S3Uri};
use crate::output::{Output, Part};
use crate::reindex::ensure_reindex;
use crate::runner::Means;

/// Where an import goes on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// The input has been counted and found good.
    pub(crate) listed: bool,
    /// The number of the next run.
    pub(crate) run: u64,
    /// The last file that is done with.
    pub(crate) after: Option<String>,
    /// A file that is half read.
    pub(crate) open: Option<OpenFile>,
    /// Nothing is left to read.
    pub(crate) is_read: bool,
    /// The sizes that the bounds of runs follow from.
    pub(crate) sizes: Sizes,
}

/// Why an import does not go on.
#[derive(Debug)]
pub(crate) enum Halt {
    /// Not the job's fault; another time.
    Stopped(Stopped),
    /// The job's parameters are at fault; for `Message`.
    Fault(String),
}

impl From<Stopped> for Halt {
    fn from(stopped: Stopped) -> Halt {
        Halt::Stopped(stopped)
    }
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Halt {
        Halt::Stopped(Stopped::Catalog(error))
    }
}

/// What a call on the caller's objects came to, as a fault: `what` names the location in words.
pub(crate) fn fault(what: &str, error: &ObjectsError) -> Halt {
    Halt::Fault(match error {
        ObjectsError::NoSuchBucket => format!("The bucket of the {what} location does not exist"),
        ObjectsError::NoSuchKey => format!("The {what} location does not exist"),
        ObjectsError::AccessDenied => format!("Access to the {what} location was denied"),
        ObjectsError::InvalidName(why) => format!("The {what} location is not valid: {why}"),
        ObjectsError::Unavailable(reason) => format!("The {what} location is not available: {reason}"),
        other => format!("The {what} location cannot be used: {other}"),
    })
}

/// Runs the job to its end, to the next checkpoint after a stop was asked for, or to where it is lost.
pub(crate) async fn run(held: &mut Held, means: &Means<'_>) -> Result<(), Stopped> {
    match proceed(held, means).await {
        Ok(status) => held.finish(status, None).await,
        Err(Halt::Stopped(stopped)) => Err(stopped),
        Err(Halt::Fault(message)) => {
            tidy(held, means).await;
            held.finish(JobStatus::Failed, Some(message)).await
        }
    }
}

/// Empties `.parts/` of a job that fails. The fault is told whether or not this succeeds: what cannot be written
/// to can often not be cleaned either.
async fn tidy(held: &Held, means: &Means<'_>) {
    let Ok(output) = Output::new(Arc::clone(&means.objects), &held.job.output) else { return };
    if let Err(error) = output.clean().await {
        tracing::warn!(job = %held.job.id, %error, "the parts of a failed import were not removed");
    }
}

async fn proceed(held: &mut Held, means: &Means<'_>) -> Result<JobStatus, Halt> {
    let objects = &means.objects;
    let start = || Checkpoint { sizes: means.sizes, ..Checkpoint::default() };
    let mut checkpoint = checkpoint::read(held)?.unwrap_or_else(start);
    let location = S3Uri::parse(held.job.input.as_deref().unwrap_or_default());
    let location = location.map_err(|error| fault("input", &error))?;
    let output =
        Output::new(Arc::clone(objects), &held.job.output).map_err(|error| fault("output", &error))?;
    let input = Input::resolve(Arc::clone(objects), location).await?;
    if !checkpoint.listed {
        output.probe().await.map_err(|error| fault("output", &error))?;
        let total = input.survey().await?;
        held.job.progress.files_scanned = total.files;
        held.job.progress.bytes_scanned = total.bytes;
        checkpoint.listed = true;
        save(held, &checkpoint).await?;
    }
    if !checkpoint.is_read {
        let store = means.catalog.open(&held.job.datastore).await.map_err(not_taken)?;
        let rules = Rules {
            level: held.job.validation_level.unwrap_or(ValidationLevel::Strict),
            base: (means.base)(&held.job.datastore).into(),
            parameters: store.parameters().await?,
            guides: means.packages.current(),
            default_profiles: default_profiles(means, &held.job.datastore).await?,
            now: held.now(),
            line_bytes: checkpoint.sizes.line_bytes,
        };
        let mut pipeline = Pipeline::start(input, checkpoint.clone(), rules, means.threads);
        let site = Site { store: &*store, output: &output, base: (means.base)(&held.job.datastore) };
        while let Some(run) = pipeline.next().await {
            let (end, changes) = one_run(held, &site, run?).await?;
            checkpoint = end;
            save(held, &checkpoint).await?;
            if changes {
                let parameters = store.parameters().await?;
                let (queue, datastore) = (means.queue, &held.job.datastore);
                ensure_reindex(queue, means.catalog, datastore, &parameters, held.now()).await?;
            }
            if means.is_stopping() && !checkpoint.is_read {
                return Err(Stopped::Paused.into());
            }
        }
    }
    if !checkpoint.is_read {
        // A stage died: what it left out must not pass for the end of the input.
        return Err(StoreError::Failed("the reading of an import broke off".to_owned()).into());
    }
    conclude(held, &output).await
}

/// The versions of guides that canonicals without a version mean in a data store.
async fn default_profiles(means: &Means<'_>, datastore: &DatastoreId) -> Result<Arc<[String]>, StoreError> {
    let record = means.catalog.datastore(datastore).await?;
    Ok(record.and_then(|found| found.record.default_profiles).unwrap_or_default().into())
}

async fn save(held: &mut Held, at: &Checkpoint) -> Result<(), Stopped> {
    checkpoint::keep(held, at);
    held.save().await
}

async fn conclude(held: &mut Held, output: &Output) -> Result<JobStatus, Halt> {
    let progress = &held.job.progress;
    if progress.files_imported == 0 && progress.files_failed > 0 && progress.resources_scanned == 0 {
        return Err(Halt::Fault("None of the input files could be read".to_owned()));
    }
    output.write_manifest(&held.job).await.map_err(|error| fault("output", &error))?;
    output.clean().await.map_err(|error| fault("output", &error))?;
    let progress = &held.job.progress;
    let errors =
        progress.resources_with_customer_error + progress.resources_with_server_error + progress.files_failed;
    Ok(if errors == 0 { JobStatus::Completed } else { JobStatus::CompletedWithErrors })
}

/// What became of a line, once the store has answered.
struct Row {
    line: u64,
    fate: Fate,
}

enum Fate {
    /// The `n`th put of the run, with what was noted against it.
    Stored {
        key: ResourceKey,
        nth: usize,
        bytes: u64,
        is_noted: bool,
    },
    Refused {
        status: u16,
        outcome: Vec<u8>,
    },
    Broken,
}

/// Where runs go.
struct Site<'a> {
    store: &'a dyn Store,
    output: &'a Output,
    /// The FHIR base URL of the data store.
    base: String,
}

/// Stores one run; where the next begins, and whether search parameters were among the resources.
async fn one_run(held: &mut Held, site: &Site<'_>, run: PreparedRun) -> Result<(Checkpoint, bool), Halt> {
    let Site { store, output, base } = site;
    let mut puts = Vec::new();
    let number = run.number;
    let run = unservable_refused(*store, run).await?;
    let pieces: Vec<_> = run.pieces.into_iter().map(|piece| split(piece, &mut puts)).collect();
    let changes = puts.iter().any(|put| is_parameter(put.key.of));
    let expected = puts.len();
    let ingested = match puts.is_empty() {
        true => Ingested { updated: held.now(), versions: Vec::new(), repeated: false },
        false => {
            let id = RunId { job: held.job.id.clone(), number };
            ingest(*store, base, Run { id, puts }).await.map_err(not_taken)?
        }
    };
    if ingested.versions.len() != expected {
        return Err(Halt::Fault("The input changed while it was imported".to_owned()));
    }
    let mut parts = Vec::new();
    for (piece, rows) in &pieces {
        count(&mut held.job.progress, piece, rows);
        parts.push(part(piece, rows, &ingested));
    }
    output.write_run(number, parts).await.map_err(|error| fault("output", &error))?;
    Ok((run.end, changes))
}

/// Stores a run; when the search parameters changed since it was prepared, it is indexed anew.
async fn ingest(store: &dyn Store, base: &str, mut run: Run) -> Result<Ingested, StoreError> {
    loop {
        match store.ingest(run.clone()).await {
            Err(StoreError::Outdated) => {}
            outcome => return outcome,
        }
        let extractor = Extractor::new(base, &store.parameters().await?);
        for put in &mut run.puts {
            let gone =
                || StoreError::Failed("a line cannot be indexed by a search parameter that came".to_owned());
            put.entries = extract_again(&extractor, &put.key, &put.body).ok_or_else(gone)?;
        }
    }
}

/// Refuses the lines whose search parameters could not be served beside those that the data store has by then.
async fn unservable_refused(store: &dyn Store, mut run: PreparedRun) -> Result<PreparedRun, StoreError> {
    let lines = run.pieces.iter_mut().flat_map(|piece| &mut piece.lines);
    let is_about =
        |verdict: &Verdict| matches!(verdict, Verdict::Good { put, .. } if is_parameter(put.key.of));
    let mut about: Vec<_> = lines.filter(|(_, verdict)| is_about(verdict)).collect();
    if about.is_empty() {
        return Ok(run);
    }
    let mut parameters = store.parameters().await?;
    for (_, verdict) in &mut about {
        let Verdict::Good { put, .. } = verdict else { continue };
        match import_line::parameters_with(&parameters, put) {
            Ok(after) => parameters = after,
            Err(refused) => *verdict = *refused,
        }
    }
    Ok(run)
}

/// Takes the puts off a piece, in order.
fn split(mut piece: Piece, puts: &mut Vec<Put>) -> (Piece, Vec<Row>) {
    let mut rows = Vec::with_capacity(piece.lines.len());
    for (line, verdict) in piece.lines.drain(..) {
        let fate = match verdict {
            Verdict::Good { put, is_noted } => {
                let (key, bytes) = (put.key.clone(), put.body.len() as u64);
                puts.push(put);
                Fate::Stored { key, nth: puts.len() - 1, bytes, is_noted }
            }
            Verdict::Refused { status, outcome } => Fate::Refused { status, outcome },
            Verdict::Broken => Fate::Broken,
        };
        rows.push(Row { line, fate });
    }
    (piece, rows)
}

fn not_taken(error: StoreError) -> Halt {
    match error {
        StoreError::Absent => Stopped::Paused.into(),
        StoreError::Full => Halt::Fault("The data store has no space left".to_owned()),
        error => {
            tracing::error!(%error, "a run of an import was not taken");
            Halt::Fault("The data store could not take the resources".to_owned())
        }
    }
}

fn count(progress: &mut Progress, piece: &Piece, rows: &[Row]) {
    progress.resources_scanned += rows.len() as u64;
    for row in rows {
        match &row.fate {
            Fate::Stored { bytes, .. } => {
                progress.resources_imported += 1;
                progress.bytes_imported += bytes;
            }
            Fate::Refused { .. } => progress.resources_with_customer_error += 1,
            Fate::Broken => progress.resources_with_server_error += 1,
        }
    }
    match piece.end {
        Some(FileEnd::Read) => progress.files_imported += 1,
        Some(FileEnd::Unreadable(_)) => progress.files_failed += 1,
        None => {}
    }
}

fn part(piece: &Piece, rows: &[Row], ingested: &Ingested) -> Part {
    let mut part = Part::new(&piece.name, piece.continues, piece.end.is_some());
    for row in rows {
        match &row.fate {
            Fate::Stored { key, nth, is_noted, .. } => {
                part.stored(row.line, key, ingested.versions[*nth], ingested.updated, *is_noted);
            }
            Fate::Refused { status, outcome } => part.failed(row.line, *status, outcome),
            Fate::Broken => part.failed(row.line, 500, &crate::import_line::broken()),
        }
    }
    if let Some(FileEnd::Unreadable(error)) = &piece.end {
        part.failed(0, 400, &crate::import_line::unreadable(error));
    }
    part
}
