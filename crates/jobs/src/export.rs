//! An export: everything that is current, type by type, in the order in which it was written.
//!
//! Objects are called `<Type>/<Type>-<number of the job>-<part>-0.ndjson`. The checkpoint says where the next part begins; a
//! part that a crash broke off is written again under the same name. A resource that changes while the export runs
//! may appear in two versions, the later one later; none is left out.

use bytes::Bytes;
use fhir::ResourceType;
use search::{Filter, Position, Search, Visible};
use serde::{Deserialize, Serialize};
use store::{JobStatus, Store, Stored};

use crate::checkpoint;
use crate::held::{Held, Stopped};
use crate::import::{Halt, fault};
use crate::objects::{ObjectWriter, Objects, ObjectsError, PutOptions, S3Uri};
use crate::retry::patiently;
use crate::runner::Means;

/// Resources read at a time.
const PAGE_ROWS: std::ops::RangeInclusive<usize> = 1..=2_000;
/// Pages grow while they are smaller than this, in bytes, and shrink when they are four times larger.
const PAGE_BYTES: usize = 4 << 20;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Checkpoint {
    /// The type being written, by number, and the types done with before it.
    of: Option<u16>,
    done: usize,
    /// Where the next part begins; `None` at the type's beginning.
    after: Option<Vec<u8>>,
    part: u64,
}

/// Runs the job to its end, to the next checkpoint after a stop was asked for, or to where it is lost.
pub(crate) async fn run(held: &mut Held, means: &Means<'_>) -> Result<(), Stopped> {
    match proceed(held, means).await {
        Ok(()) => held.finish(JobStatus::Completed, None).await,
        Err(Halt::Stopped(stopped)) => Err(stopped),
        Err(Halt::Fault(message)) => held.finish(JobStatus::Failed, Some(message)).await,
    }
}

async fn proceed(held: &mut Held, means: &Means<'_>) -> Result<(), Halt> {
    let objects = &*means.objects;
    let mut checkpoint: Checkpoint = checkpoint::read(held)?.unwrap_or_default();
    let folder = S3Uri::parse(&held.job.output.folder).map_err(|error| fault("output", &error))?;
    let reachable = patiently(|| objects.bucket_exists(folder.bucket())).await;
    if !reachable.map_err(|error| fault("output", &error))? {
        return Err(fault("output", &ObjectsError::NoSuchBucket));
    }
    let store = means.catalog.open(&held.job.datastore).await.map_err(not_read)?;
    let types = types_by_name();
    while let Some(of) = types.get(checkpoint.done) {
        checkpoint.of = Some(of.number());
        let rows = write_part(&*store, means, held, &folder, *of, &mut checkpoint).await?;
        // Most types are empty: only what was written is worth a record.
        if rows > 0 {
            held.job.progress.resources_scanned += rows;
            checkpoint::keep(held, &checkpoint);
            held.save().await?;
        }
        if means.is_stopping() {
            return Err(Stopped::Paused.into());
        }
    }
    Ok(())
}

fn types_by_name() -> Vec<ResourceType> {
    let mut types: Vec<_> = ResourceType::all().collect();
    types.sort_by_key(|of| of.name());
    types
}

/// Writes one part of one type and moves the checkpoint past it; gives the number of resources.
async fn write_part(
    store: &dyn Store,
    means: &Means<'_>,
    held: &Held,
    folder: &S3Uri,
    of: ResourceType,
    checkpoint: &mut Checkpoint,
) -> Result<u64, Halt> {
    let mut part: Option<Box<dyn ObjectWriter>> = None;
    let (mut rows, mut bytes) = (0, 0);
    let mut pages = Pages::new(of, checkpoint.after.take().map(Position));
    loop {
        let (page, is_last) = match pages.next(store).await {
            Ok(next) => next,
            Err(error) => return Err(give_up(part, not_read(error)).await),
        };
        if !page.is_empty() {
            let mut writer = match part.take() {
                Some(writer) => writer,
                None => open_part(&*means.objects, held, folder, of, checkpoint.part).await?,
            };
            rows += page.len() as u64;
            let text = lines(&page);
            bytes += text.len() as u64;
            let written = writer.write(text).await;
            part = Some(writer);
            if let Err(error) = written {
                return Err(give_up(part, fault("output", &error)).await);
            }
        }
        if is_last || bytes >= means.sizes.part_bytes {
            if let Some(writer) = part {
                writer.finish().await.map_err(|error| fault("output", &error))?;
            }
            let next = pages.after.filter(|_| !is_last);
            checkpoint.done += usize::from(next.is_none());
            checkpoint.part = if next.is_some() { checkpoint.part + 1 } else { 0 };
            checkpoint.after = next.map(|position| position.0);
            return Ok(rows);
        }
    }
}

/// Frees what the endpoint keeps of a part that will not be finished.
async fn give_up(part: Option<Box<dyn ObjectWriter>>, why: Halt) -> Halt {
    if let Some(writer) = part
        && let Err(error) = writer.abort().await
    {
        tracing::warn!(%error, "a part of an export was not aborted");
    }
    why
}

fn not_read(error: store::StoreError) -> Halt {
    match error {
        store::StoreError::Absent => Halt::Stopped(Stopped::Paused),
        error => {
            tracing::error!(%error, "an export could not read its data store");
            Halt::Fault("The data store could not be read".to_owned())
        }
    }
}

async fn open_part(
    objects: &dyn Objects,
    held: &Held,
    folder: &S3Uri,
    of: ResourceType,
    part: u64,
) -> Result<Box<dyn ObjectWriter>, Halt> {
    let job = i64::from_str_radix(&held.job.id.as_str()[..15], 16).unwrap_or_default();
    let uri = folder.join(&format!("{of}/{of}-{job}-{part}-0.ndjson"));
    let kms_key_id = Some(held.job.output.kms_key_id.clone()).filter(|key| !key.is_empty());
    let options = PutOptions { content_type: "application/x-ndjson".to_owned(), kms_key_id };
    let opened = patiently(|| objects.put(uri.bucket(), uri.key(), options.clone())).await;
    opened.map_err(|error| fault("output", &error))
}

fn lines(page: &[Stored]) -> Bytes {
    let mut out = Vec::with_capacity(page.iter().map(|row| weight(row) + 96).sum());
    for row in page {
        if let Some(body) = &row.body {
            fhir::emit(&row.key, body, row.version, row.updated, &mut out);
            out.push(b'\n');
        }
    }
    out.into()
}

fn weight(row: &Stored) -> usize {
    row.body.as_ref().map_or(0, Bytes::len)
}

/// Pages of a type in the order written, as large as memory likes.
struct Pages {
    of: ResourceType,
    after: Option<Position>,
    rows: usize,
}

impl Pages {
    fn new(of: ResourceType, after: Option<Position>) -> Pages {
        // A Binary may be as large as a body can be: begin with one.
        let rows = if of.name() == "Binary" { 1 } else { 64 };
        Pages { of, after, rows }
    }

    /// The next page, and whether it is the last.
    async fn next(&mut self, store: &dyn Store) -> Result<(Vec<Stored>, bool), store::StoreError> {
        let mut search = Search::new(&Visible::everything("export"), self.of, Filter::Everything);
        search.after = self.after.take();
        search.count = self.rows;
        let found = store.search(&search).await?;
        let bytes: usize = found.matches.iter().map(weight).sum();
        if bytes < PAGE_BYTES {
            self.rows = (self.rows * 2).min(*PAGE_ROWS.end());
        } else if bytes > 4 * PAGE_BYTES {
            self.rows = (self.rows / 2).max(*PAGE_ROWS.start());
        }
        let is_last = found.next.is_none();
        self.after = found.next;
        Ok((found.matches, is_last))
    }
}
