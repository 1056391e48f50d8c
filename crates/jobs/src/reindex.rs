//! Indexing a data store again: because a search parameter came or went, or because somebody asked (`$reindex`).

use fhir::{Id, ResourceType, Time};
use search::{Filter, ParameterSet, Position, Search, Total, Visible};
use serde::{Deserialize, Serialize};
use store::{
    Catalog, CommitError, DatastoreId, DatastoreStatus, Job, JobId, JobKind, JobStatus, Reindex,
    ReindexOrder, Store, StoreError, Transaction, Write,
};

use crate::checkpoint;
use crate::held::{Held, Stopped};
use crate::import::Halt;
use crate::queue::{Queue, SubmitError};
use crate::runner::Means;

/// Where the job goes on.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Checkpoint {
    /// [`ParameterSet::extraction`] when it began.
    since: u64,
    /// The names of the types to index, and which of them it is at.
    types: Vec<String>,
    at: usize,
    /// Where the last step ended.
    after: Option<Vec<u8>>,
}

/// A record of a job that indexes again what `order` names.
pub fn reindex_job(id: JobId, datastore: &DatastoreId, order: ReindexOrder, now: Time) -> Job {
    Job { reindex: Some(Box::new(order)), ..Job::submitted(id, datastore.clone(), JobKind::Reindex, now) }
}

/// Has a data store indexed again whose search parameters wait for that; nothing is done if a job for it waits
/// already. To be called after the commit that changed them; calling it once too often does no harm.
///
/// # Errors
/// When the catalog does not answer.
pub async fn ensure_reindex(
    queue: &Queue,
    catalog: &dyn Catalog,
    datastore: &DatastoreId,
    parameters: &ParameterSet,
    now: Time,
) -> Result<(), StoreError> {
    if parameters.unsettled().is_empty() {
        return Ok(());
    }
    let jobs = catalog.jobs(datastore, JobKind::Reindex).await?;
    // One that is under way may have looked at the parameters for the last time.
    let waits = |job: &Job| matches!(job.status, JobStatus::Submitted | JobStatus::Queued) && is_awaited(job);
    if jobs.iter().any(|at| waits(&at.record)) {
        return Ok(());
    }
    let is_taken = |id: &JobId| jobs.iter().any(|at| at.record.id == *id);
    let ids = (0_u64..).map(|again| format!("{:016x}{again:016x}", parameters.extraction()));
    let Some(id) = ids.filter_map(|id| JobId::parse(&id)).find(|id| !is_taken(id)) else { return Ok(()) };
    let order = ReindexOrder { is_awaited: true, ..ReindexOrder::default() };
    match queue.submit(reindex_job(id, datastore, order, now), None).await {
        Ok(()) | Err(SubmitError::Full(_) | SubmitError::TokenUsed) => Ok(()),
        Err(SubmitError::Failed(error)) => Err(error),
    }
}

fn is_awaited(job: &Job) -> bool {
    job.reindex.as_ref().is_some_and(|order| order.is_awaited)
}

/// Has every data store indexed again whose search parameters wait for that without a job: the server ended between
/// the commit that changed them and the queueing of it. `is_stopping` tells when to give up.
pub(crate) async fn take_up(
    catalog: &dyn Catalog,
    queue: &Queue,
    now: Time,
    is_stopping: impl Fn() -> bool,
) -> Result<(), StoreError> {
    for at in catalog.datastores().await? {
        let (datastore, status) = (at.record.id, at.record.status);
        if is_stopping() {
            break;
        }
        if status != DatastoreStatus::Active {
            continue;
        }
        if let Err(error) = take_up_one(catalog, queue, &datastore, now).await {
            tracing::error!(%datastore, %error, "whether its search parameters wait to be indexed is not known");
        }
    }
    Ok(())
}

async fn take_up_one(
    catalog: &dyn Catalog,
    queue: &Queue,
    datastore: &DatastoreId,
    now: Time,
) -> Result<(), StoreError> {
    let store = match catalog.open(datastore).await {
        Err(StoreError::Absent) => return Ok(()),
        opened => opened?,
    };
    let parameters = store.parameters().await?;
    // Whoever changes them from now on queues a job; any that is there looks at what was changed before.
    let jobs = catalog.jobs(datastore, JobKind::Reindex).await?;
    if jobs.iter().any(|at| !at.record.status.is_final() && is_awaited(&at.record)) {
        return Ok(());
    }
    ensure_reindex(queue, catalog, datastore, &parameters, now).await
}

/// Runs the job to its end, to the next step after a stop was asked for, or to where it is lost.
pub(crate) async fn run(held: &mut Held, means: &Means<'_>) -> Result<(), Stopped> {
    match proceed(held, means).await {
        Ok(status) => held.finish(status, None).await,
        Err(Halt::Stopped(stopped)) => Err(stopped),
        Err(Halt::Fault(message)) => held.finish(JobStatus::Failed, Some(message)).await,
    }
}

async fn proceed(held: &mut Held, means: &Means<'_>) -> Result<JobStatus, Halt> {
    let store = means.catalog.open(&held.job.datastore).await.map_err(absent)?;
    let base = (means.base)(&held.job.datastore);
    let mut checkpoint = match checkpoint::read(held)? {
        Some(checkpoint) => checkpoint,
        None => begin(held, &*store).await?,
    };
    loop {
        while checkpoint.at < checkpoint.types.len() {
            step(held, &*store, &base, &mut checkpoint).await?;
            checkpoint::keep(held, &checkpoint);
            held.save().await?;
            if means.is_stopping() {
                return Err(Stopped::Paused.into());
            }
        }
        let order = held.job.reindex.as_deref().cloned().unwrap_or_default();
        if order.only.is_none() {
            conclude(&*store, &checkpoint).await?;
        }
        // What came while the job was at work waits for the next round.
        if order.is_awaited && !store.parameters().await?.unsettled().is_empty() {
            checkpoint = begin(held, &*store).await?;
            continue;
        }
        let failed = order.failed > 0;
        return Ok(if failed { JobStatus::CompletedWithErrors } else { JobStatus::Completed });
    }
}

fn absent(error: StoreError) -> Halt {
    match error {
        StoreError::Absent => Stopped::Paused.into(),
        error => error.into(),
    }
}

/// What there is to do, counted.
async fn begin(held: &mut Held, store: &dyn Store) -> Result<Checkpoint, Halt> {
    let parameters = store.parameters().await?;
    let order = held.job.reindex.get_or_insert_default();
    let named: Vec<ResourceType> = order.types.iter().filter_map(|name| ResourceType::parse(name)).collect();
    let types = match (order.is_awaited, named.is_empty()) {
        (true, _) => parameters.unsettled(),
        (false, false) => named,
        (false, true) => ResourceType::all().collect(),
    };
    (order.done, order.failed, order.total) = (0, 0, 0);
    for of in &types {
        let mut search = Search::new(&Visible::everything("indexing"), *of, Filter::Everything);
        (search.count, search.total) = (0, Total::Accurate);
        order.total += store.search(&search).await?.total.unwrap_or(0);
    }
    if order.only.is_some() {
        order.total = 1;
    }
    let types = types.into_iter().map(|of| of.name().to_owned()).collect();
    Ok(Checkpoint { since: parameters.extraction(), types, at: 0, after: None })
}

async fn step(
    held: &mut Held,
    store: &dyn Store,
    base: &str,
    checkpoint: &mut Checkpoint,
) -> Result<(), Halt> {
    let fault = || Halt::Fault("The job's checkpoint names no type of resources".to_owned());
    let of = ResourceType::parse(&checkpoint.types[checkpoint.at]).ok_or_else(fault)?;
    let order = held.job.reindex.get_or_insert_default();
    let only = order.only.as_deref().and_then(Id::parse);
    let after = checkpoint.after.take().map(Position);
    let step = Reindex { of, only, base: base.to_owned(), after };
    let made = match store.reindex(&step).await {
        // Whatever place that was: from the beginning, then.
        Err(StoreError::Position) => store.reindex(&Reindex { after: None, ..step }).await?,
        made => made?,
    };
    order.done += made.done;
    order.failed += made.failed;
    checkpoint.after = made.next.map(|place| place.0);
    checkpoint.at += usize::from(checkpoint.after.is_none());
    Ok(())
}

/// Lets the parameters that waited for this serve.
async fn conclude(store: &dyn Store, checkpoint: &Checkpoint) -> Result<(), Halt> {
    let types = checkpoint.types.iter().filter_map(|name| ResourceType::parse(name)).collect();
    let writes = vec![Write::Indexed { since: checkpoint.since, types }];
    match store.commit(Transaction { preconditions: Vec::new(), writes }).await {
        Ok(_) => Ok(()),
        Err(CommitError::Failed(error)) => Err(error.into()),
        Err(CommitError::Conflict(_)) => Err(Halt::Fault("The end could not be noted".to_owned())),
    }
}
