//! An export: what there was at one moment, type by type, in the order in which it was written.
//!
//! The moment is fixed first. Then each type is written in two stages: what is current and was not changed after the
//! moment (`current`), and what was changed since, as it was at the moment (`changed`). What was deleted since a time
//! that was asked about comes last (`deleted`). The checkpoint says where the next part begins; a part that a crash
//! broke off is written again under the same name.

use bytes::Bytes;
use fhir::{Elements, ResourceType, Subset, Time};
use search::{Extractor, Position, SearchError, Visible};
use serde::{Deserialize, Serialize};
use store::{ExportForm, ExportTarget, JobStatus, Store, Transaction};

use crate::checkpoint;
use crate::export_files::ExportFiles;
use crate::held::{Held, Stopped};
use crate::import::{Halt, fault};
use crate::objects::{Objects, ObjectsError};
use crate::retry::patiently;
use crate::runner::Means;
use crate::vocabulary::{VocabularySource, vocabulary};

mod changed;
mod current;
mod deleted;
mod part;
pub(crate) mod plan;
pub(crate) mod whose;

use changed::Changed;
use current::{Page, Pages};
use deleted::Deleted;
use part::{Parts, Place};
use plan::{Plan, Terms};

/// How often a commit is asked for the time until it gives one after the moment, and the pause between, in
/// milliseconds. A clock that stands still must not hold an export up.
const MOMENT_TRIES_MAX: u32 = 20;
const MOMENT_PAUSE_MS: u64 = 1;

/// Where an export goes on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Checkpoint {
    /// The type being written, by number, and the types done with before it.
    of: Option<u16>,
    done: usize,
    /// Where the next part begins; `None` at the type's beginning.
    after: Option<Vec<u8>>,
    part: u64,
    /// The last microsecond of the export's moment.
    #[serde(default)]
    until: Option<i64>,
    #[serde(default)]
    stage: Stage,
}

/// What is being written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    /// What is current of a type.
    #[default]
    Current,
    /// What changed of it.
    Changed,
    /// What was deleted of a type; all types are written.
    Deleted,
}

/// What an export works with, besides its record.
struct Work<'w> {
    store: &'w dyn Store,
    objects: &'w dyn Objects,
    place: Place,
    visible: Visible,
    extractor: Extractor,
    part_bytes: u64,
    until: Time,
    /// The part of each resource that is asked for; `None` for all of it.
    part: Option<Subset>,
}

/// Runs the job to its end, to the next checkpoint after a stop was asked for, or to where it is lost.
pub(crate) async fn run(held: &mut Held, means: &Means<'_>) -> Result<(), Stopped> {
    match proceed(held, means).await {
        Ok(()) => {
            let expires = Time(held.now().0 + means.files.keep_ms() * 1000);
            if let Some(export) = held.job.export.as_mut().filter(|export| is_here(export)) {
                export.expires = Some(expires);
            }
            held.finish(JobStatus::Completed, None).await
        }
        Err(Halt::Stopped(stopped)) => Err(stopped),
        Err(Halt::Fault(message)) => {
            tidy(held, means.files).await;
            held.finish(JobStatus::Failed, Some(message)).await
        }
    }
}

/// Ends a job that shall be cancelled.
pub(crate) async fn cancel(held: &mut Held, files: &ExportFiles) -> Result<(), Stopped> {
    tidy(held, files).await;
    held.finish(JobStatus::CancelCompleted, None).await
}

/// Removes what a job that came to nothing wrote here. What stays is removed when its data store is.
async fn tidy(held: &mut Held, files: &ExportFiles) {
    let Some(export) = held.job.export.as_mut().filter(|export| is_here(export)) else { return };
    match files.remove(&held.job.datastore, Some(&held.job.id)).await {
        Ok(()) => export.files.clear(),
        Err(error) => tracing::warn!(%error, "the files of an export were not removed"),
    }
}

/// Whether an export's files are served from here.
pub(crate) fn is_here(export: &store::Export) -> bool {
    export.target == ExportTarget::Here
}

async fn proceed(held: &mut Held, means: &Means<'_>) -> Result<(), Halt> {
    let is_here = held.job.export.as_deref().is_some_and(is_here);
    let objects = if is_here { means.files.objects() } else { &means.objects };
    let place = Place::of(&held.job, is_here).map_err(|error| fault("output", &error))?;
    let reachable = patiently(|| objects.bucket_exists(place.bucket())).await;
    if !reachable.map_err(|error| fault("output", &error))? {
        return Err(fault("output", &ObjectsError::NoSuchBucket));
    }
    let store = means.catalog.open(&held.job.datastore).await.map_err(not_read)?;
    let mut checkpoint: Checkpoint = checkpoint::read(held)?.unwrap_or_default();
    let until = moment(held, &*store, &mut checkpoint).await?;
    let (base, visible) = ((means.base)(&held.job.datastore), Visible::everything("export"));
    let export = held.job.export.as_deref();
    let whose = whose::whose(export, &*store, &visible, &base, until).await.map_err(not_read)?;
    let parameters = store.parameters().await.map_err(not_read)?;
    let searched = export.map(|export| plan::searched(&export.asked)).unwrap_or_default();
    let source = VocabularySource {
        store: &*store,
        visible: &visible,
        parameters: &parameters,
        base: &base,
        packages: means.packages,
        kept: None,
        now: held.now(),
    };
    let vocabulary = vocabulary(&searched, &source).await.map_err(not_read)?;
    let (store, objects, extractor) = (&*store, &**objects, Extractor::new(&base, &parameters));
    let plan = Plan::new(export, whose, Terms { parameters, base, now: held.job.submitted, vocabulary });
    let part_bytes = means.sizes.part_bytes;
    let part = held.job.export.as_deref().and_then(|export| elements(&export.asked.elements));
    let work = Work { store, objects, place, visible, extractor, part_bytes, until, part };
    work.all(held, means, &plan, &mut checkpoint).await
}

/// The moment of which the export tells: the millisecond in which it began. When this answers, everything written up
/// to its end is seen, and whatever is written from now on is written later.
async fn moment(held: &mut Held, store: &dyn Store, checkpoint: &mut Checkpoint) -> Result<Time, Halt> {
    if let Some(until) = checkpoint.until {
        return Ok(Time(until));
    }
    let began = Time(held.now().0.div_euclid(1000) * 1000);
    let until = Time(began.0 + 999);
    for _ in 0..MOMENT_TRIES_MAX {
        // An empty commit waits for those before it, and none after it is given an earlier time.
        let passed = store.commit(Transaction::default()).await;
        let passed = passed.map_err(|error| match error {
            store::CommitError::Failed(error) => not_read(error),
            store::CommitError::Conflict(_) => Halt::Stopped(Stopped::Paused),
        })?;
        if passed.updated > until {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(MOMENT_PAUSE_MS)).await;
    }
    checkpoint.until = Some(until.0);
    if let Some(export) = &mut held.job.export {
        export.transaction_time = Some(began);
    }
    checkpoint::keep(held, checkpoint);
    held.save().await?;
    Ok(until)
}

fn not_read(error: store::StoreError) -> Halt {
    match error {
        store::StoreError::Absent => Halt::Stopped(Stopped::Paused),
        store::StoreError::Limit(name) => Halt::Fault(format!("The limit {name} was reached")),
        error => {
            tracing::error!(%error, "an export could not read its data store");
            Halt::Fault("The data store could not be read".to_owned())
        }
    }
}

/// The part of resources that `_elements` names.
fn elements(names: &[String]) -> Option<Subset> {
    if names.is_empty() {
        return None;
    }
    Elements::parse(&names.join(",")).map(Subset::Elements)
}

fn not_understood(errors: &[SearchError]) -> Halt {
    let told = errors.first().map(ToString::to_string).unwrap_or_default();
    Halt::Fault(format!("What was asked for is not understood any more: {told}"))
}

impl Work<'_> {
    async fn all(
        &self,
        held: &mut Held,
        means: &Means<'_>,
        plan: &Plan,
        checkpoint: &mut Checkpoint,
    ) -> Result<(), Halt> {
        let tells_deleted = held.job.export.as_deref().is_some_and(|export| {
            export.form == ExportForm::Standard && is_here(export) && export.asked.since.is_some()
        });
        loop {
            let Some(of) = plan.types().get(checkpoint.done).copied() else {
                if checkpoint.stage == Stage::Deleted || !tells_deleted {
                    return Ok(());
                }
                *checkpoint =
                    Checkpoint { stage: Stage::Deleted, until: checkpoint.until, ..Checkpoint::default() };
                continue;
            };
            checkpoint.of = Some(of.number());
            // Most types are empty: only what was written is worth a record.
            if self.step(held, plan, of, checkpoint).await? {
                checkpoint::keep(held, checkpoint);
                held.save().await?;
            }
            if means.is_stopping() {
                return Err(Stopped::Paused.into());
            }
        }
    }

    /// Writes a part of what is current, or all that changed or was deleted, of one type, and moves the checkpoint
    /// past it. Whether anything was written.
    async fn step(
        &self,
        held: &mut Held,
        plan: &Plan,
        of: ResourceType,
        checkpoint: &mut Checkpoint,
    ) -> Result<bool, Halt> {
        let wanted = plan.wanted(of).map_err(|errors| not_understood(&errors))?;
        let mut parts = Parts::new(self.objects, &self.place, of, checkpoint.part);
        let written = match checkpoint.stage {
            Stage::Current => self.current(held, &wanted, &mut parts, checkpoint, of).await,
            Stage::Changed => self.changed(held, &wanted, &mut parts, of).await,
            Stage::Deleted => {
                parts = parts.deleted();
                self.deleted(held, &wanted, &mut parts, of).await
            }
        };
        if let Err(halt) = written {
            parts.give_up().await;
            return Err(halt);
        }
        let is_written = parts.next > checkpoint.part;
        checkpoint.part = parts.next;
        if checkpoint.stage == Stage::Current {
            if checkpoint.after.is_none() {
                checkpoint.stage = Stage::Changed;
            }
        } else {
            checkpoint.stage =
                if checkpoint.stage == Stage::Changed { Stage::Current } else { Stage::Deleted };
            (checkpoint.done, checkpoint.part) = (checkpoint.done + 1, 0);
        }
        Ok(is_written)
    }

    async fn current(
        &self,
        held: &mut Held,
        wanted: &plan::Wanted<'_>,
        parts: &mut Parts<'_>,
        checkpoint: &mut Checkpoint,
        of: ResourceType,
    ) -> Result<(), Halt> {
        let after = checkpoint.after.take().map(Position);
        let mut pages = Pages::new(of, wanted.filter(), &self.visible, after);
        let mut page = pages.next(self.store).await.map_err(not_read)?;
        loop {
            let Page { rows, next, .. } = page;
            let is_last = next.is_none();
            // The next page is read while this one is written.
            let ahead = async {
                match is_last {
                    true => Ok(None),
                    false => pages.next(self.store).await.map(Some).map_err(not_read),
                }
            };
            let written = async {
                let (count, lines) = current::lines(&rows, self.until, self.part.as_ref());
                self.write(held, parts, count, lines, is_last).await
            };
            let (ahead, is_finished) = futures::try_join!(ahead, written)?;
            match ahead {
                Some(ahead) if !is_finished => page = ahead,
                _ => {
                    checkpoint.after = next.map(|position| position.0);
                    return Ok(());
                }
            }
        }
    }

    async fn changed(
        &self,
        held: &mut Held,
        wanted: &plan::Wanted<'_>,
        parts: &mut Parts<'_>,
        of: ResourceType,
    ) -> Result<(), Halt> {
        let history = Changed::history(of, self.until);
        let (store, visible, extractor, until) = (self.store, &self.visible, &self.extractor, self.until);
        let mut changed = Changed { store, visible, wanted, extractor, of, until, history };
        let written = parts.next;
        loop {
            let (rows, is_over) = changed.next().await.map_err(not_read)?;
            let rows = changed.keep_matching(rows).await.map_err(not_read)?;
            let rows = changed::leave_out_written(self.objects, &self.place, of, written, rows).await?;
            let (count, lines) = current::lines(&rows, self.until, self.part.as_ref());
            self.write(held, parts, count, lines, is_over).await?;
            if is_over {
                return Ok(());
            }
        }
    }

    async fn deleted(
        &self,
        held: &mut Held,
        wanted: &plan::Wanted<'_>,
        parts: &mut Parts<'_>,
        of: ResourceType,
    ) -> Result<(), Halt> {
        let since = held.job.export.as_deref().and_then(|export| export.asked.since);
        let Some(since) = since else { return Ok(()) };
        let history = Deleted::history(of, since, self.until);
        let (store, visible, extractor, until) = (self.store, &self.visible, &self.extractor, self.until);
        let mut deleted = Deleted { store, visible, wanted, extractor, until, history };
        loop {
            let (keys, is_over) = deleted.next().await.map_err(not_read)?;
            let count = keys.len() as u64;
            self.write(held, parts, count, deleted::lines(&keys), is_over).await?;
            if is_over {
                return Ok(());
            }
        }
    }

    /// Writes lines, and finishes the part that is full or the last. Whether it did.
    async fn write(
        &self,
        held: &mut Held,
        parts: &mut Parts<'_>,
        rows: u64,
        lines: Bytes,
        is_last: bool,
    ) -> Result<bool, Halt> {
        parts.write(rows, lines).await?;
        let is_finished = is_last || parts.bytes >= self.part_bytes;
        if is_finished {
            parts.finish(held).await?;
        }
        Ok(is_finished)
    }
}
