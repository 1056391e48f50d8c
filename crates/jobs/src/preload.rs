//! PreloadDataConfig: a new data store begins with synthetic patients, generated or read from Synthea's output.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use fhir::ResourceKey;
use futures::TryStreamExt;
use population::Population;
use search::Visible;
use store::{Answer, Catalog, DatastoreId, ErrorCategory, JobId, Put, Run, RunId, Store, StoreError};
use tokio::io::AsyncReadExt;

use crate::import_line::{Judge, Verdict};
use crate::import_pipeline::Rules;
use crate::lifecycle::{Preload, PreloadError};
use crate::limits::{RUN_BYTES_MAX, RUN_LINES_MAX};
use crate::ndjson::{Line, Place, Splitter};
use crate::objects::{Objects, S3Uri};
use crate::runner::Bases;

/// Resources of one run.
const RUN_PUTS: usize = RUN_LINES_MAX;
/// Bytes of text after which a run ends earlier.
const RUN_BYTES: usize = RUN_BYTES_MAX;
/// Bytes read from a file at a time.
const READ_BYTES: usize = 256 << 10;

/// Where synthetic patients come from.
pub enum Source {
    /// From a seed: this many patients, as they are today.
    Generated {
        /// The seed.
        seed: u64,
        /// How many.
        patients: u64,
    },
    /// From the NDJSON files of a folder.
    Folder(PathBuf),
    /// From the NDJSON objects under a location.
    Objects(Arc<dyn Objects>, S3Uri),
}

/// Fills data stores with synthetic patients.
pub struct Synthea {
    source: Source,
    catalog: Arc<dyn Catalog>,
    bases: Bases,
}

impl Synthea {
    /// From `source`; `catalog` says when a data store was made, which is today for its patients.
    pub fn new(source: Source, catalog: Arc<dyn Catalog>, bases: Bases) -> Synthea {
        Synthea { source, catalog, bases }
    }

    async fn fill(&self, id: &DatastoreId, run: &mut Filling) -> Result<(), PreloadError> {
        match &self.source {
            Source::Generated { seed, patients } => {
                let population = Population::new(*seed, self.made_s(id).await?);
                generate(&population, *patients, run).await
            }
            Source::Folder(folder) => read_folder(folder, run).await,
            Source::Objects(objects, location) => read_objects(objects, location, run).await,
        }?;
        run.flush().await
    }

    /// When the data store was made, in seconds since 1970: the same when the filling is taken up again.
    async fn made_s(&self, id: &DatastoreId) -> Result<i64, PreloadError> {
        let found = self.catalog.datastore(id).await.map_err(not_stored)?;
        let found = found.ok_or_else(|| fatal("The data store does not exist"))?;
        Ok(found.record.created.0.div_euclid(1_000_000))
    }
}

async fn generate(population: &Population, patients: u64, run: &mut Filling) -> Result<(), PreloadError> {
    run.take_chart(population.community()).await?;
    for number in 0..patients {
        run.take_chart(population.patient(number)).await?;
    }
    Ok(())
}

impl Preload for Synthea {
    fn preload<'a>(&'a self, id: &'a DatastoreId, contents: Arc<dyn Store>) -> Answer<'a, (), PreloadError> {
        Box::pin(async move {
            // The preloading of a data store is a job of its own that no list shows; it takes the store's id.
            let job = JobId::parse(id.as_str()).ok_or_else(|| fatal("The data store cannot be filled"))?;
            let rules = Rules::of_base((self.bases)(id).into());
            let mut run = Filling { store: contents, rules, job, number: 0, lines: Vec::new(), bytes: 0 };
            self.fill(id, &mut run).await
        })
    }
}

/// Lines on their way into a store.
struct Filling {
    store: Arc<dyn Store>,
    rules: Rules,
    job: JobId,
    number: u64,
    lines: Vec<Bytes>,
    bytes: usize,
}

impl Filling {
    async fn take_chart(&mut self, chart: population::Chart) -> Result<(), PreloadError> {
        for (_, json) in chart.resources() {
            self.take(Bytes::copy_from_slice(json)).await?;
        }
        Ok(())
    }

    async fn take(&mut self, line: Bytes) -> Result<(), PreloadError> {
        self.bytes += line.len();
        self.lines.push(line);
        match self.lines.len() >= RUN_PUTS || self.bytes >= RUN_BYTES {
            true => self.flush().await,
            false => Ok(()),
        }
    }

    /// Stores what has been taken, unless an earlier attempt did: a run is stored whole or not at all, so its
    /// first resource tells.
    async fn flush(&mut self) -> Result<(), PreloadError> {
        let lines = std::mem::take(&mut self.lines);
        self.bytes = 0;
        let rules = self.rules.clone();
        let decided = tokio::task::spawn_blocking(move || {
            let mut judge = Judge::new(&rules);
            lines.iter().filter_map(|line| put(&mut judge, line)).collect()
        });
        let puts: Vec<Put> = decided.await.map_err(|_| fatal("The synthetic data could not be prepared"))?;
        let Some(first) = puts.first() else { return Ok(()) };
        let number = self.number;
        self.number += 1;
        if self.has(first.key.clone()).await? {
            return Ok(());
        }
        let run = Run { id: RunId { job: self.job.clone(), number }, puts };
        self.store.ingest(run).await.map(|_| ()).map_err(not_stored)
    }

    async fn has(&self, key: ResourceKey) -> Result<bool, PreloadError> {
        let rows = self.store.read(&[key], &Visible::everything("preload")).await.map_err(not_stored)?;
        Ok(rows.into_iter().flatten().next().is_some())
    }
}

fn put(judge: &mut Judge, line: &Bytes) -> Option<Put> {
    match judge.decide(line) {
        Verdict::Good { put, .. } => Some(put),
        Verdict::Refused { .. } | Verdict::Broken => {
            tracing::warn!("a resource of the synthetic data was left out: it is not valid");
            None
        }
    }
}

async fn read_folder(folder: &Path, run: &mut Filling) -> Result<(), PreloadError> {
    let unreadable = |_| fatal("The folder of synthetic data could not be read");
    let mut entries = tokio::fs::read_dir(folder).await.map_err(unreadable)?;
    let mut files = Vec::new();
    while let Some(entry) = entries.next_entry().await.map_err(unreadable)? {
        files.push(entry.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("ndjson")));
    files.sort();
    for path in files {
        let mut file = tokio::fs::File::open(path).await.map_err(unreadable)?;
        let mut splitter = Splitter::new(Place::default());
        loop {
            let mut chunk = Vec::with_capacity(READ_BYTES);
            if file.read_buf(&mut chunk).await.map_err(unreadable)? == 0 {
                break;
            }
            take_lines(&mut splitter, chunk.into(), run).await?;
        }
        take_line(splitter.last_line(), run).await?;
    }
    Ok(())
}

async fn read_objects(
    objects: &Arc<dyn Objects>,
    location: &S3Uri,
    run: &mut Filling,
) -> Result<(), PreloadError> {
    let unreadable = |_| fatal("The location of synthetic data could not be read");
    let mut after = None;
    loop {
        let page =
            objects.list(location.bucket(), location.key(), after.as_deref()).await.map_err(unreadable)?;
        for object in page.objects.iter().filter(|object| object.key.ends_with(".ndjson")) {
            let mut content = objects.get(location.bucket(), &object.key, None).await.map_err(unreadable)?;
            let mut splitter = Splitter::new(Place::default());
            while let Some(chunk) = content.try_next().await.map_err(unreadable)? {
                take_lines(&mut splitter, chunk, run).await?;
            }
            take_line(splitter.last_line(), run).await?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

async fn take_lines(
    splitter: &mut Splitter,
    mut chunk: Bytes,
    run: &mut Filling,
) -> Result<(), PreloadError> {
    while let Some(line) = splitter.next_line(&mut chunk) {
        take_line(Some(line), run).await?;
    }
    Ok(())
}

async fn take_line(line: Option<Line>, run: &mut Filling) -> Result<(), PreloadError> {
    match line.filter(|line| !line.is_blank()).and_then(|line| line.text) {
        Some(text) => run.take(text).await,
        None => Ok(()),
    }
}

fn fatal(message: &str) -> PreloadError {
    PreloadError { message: message.to_owned(), category: ErrorCategory::NonRetryableError }
}

fn not_stored(error: StoreError) -> PreloadError {
    tracing::error!(%error, "synthetic data could not be stored");
    let message = "The synthetic data could not be stored".to_owned();
    PreloadError { message, category: ErrorCategory::RetryableError }
}
