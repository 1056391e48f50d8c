//! Does the transactions that wait, one after the other in each data store.

use std::sync::PoisonError;
use std::time::Duration;

use access::Access;
use store::{CommitError, Datastore, DatastoreStatus, Note, Store, StoreError, Transaction};

use super::{ANSWER, BODY, Kept, Sender, WAITING, mark};
use crate::bundle_entry::Posted;
use crate::gate::Entered;
use crate::interaction::Returning;
use crate::links::Base;
use crate::outcome::Refusal;
use crate::reply::Content;
use crate::{Context, Service, negotiate, transaction};

/// How long after a failure of a store or the catalog it is asked again, in milliseconds.
const RETRY_MS: u64 = 15_000;

/// How many waiting transactions are listed at once.
const LISTED_MAX: usize = 16;

impl Service {
    /// Does the asynchronous transactions of all data stores, those first that were left by the server before.
    /// Never ends. Dropped, it leaves them as a crash would: whoever comes next does what is not done.
    pub async fn work(&self) {
        loop {
            match self.settle().await {
                Ok(()) => self.deferred.changed.notified().await,
                Err(error) => {
                    tracing::error!(%error, "waiting transactions could not be done");
                    tokio::time::sleep(Duration::from_millis(RETRY_MS)).await;
                }
            }
        }
    }

    /// Does every asynchronous transaction that waits now.
    ///
    /// # Errors
    /// When the catalog or a store does not answer.
    pub async fn settle(&self) -> Result<(), StoreError> {
        let catalog = &*self.parts.catalog;
        for datastore in catalog.datastores().await? {
            let datastore = datastore.record;
            if datastore.status == DatastoreStatus::Active && mark::is_set(catalog, &datastore.id).await? {
                self.drain(datastore).await?;
            }
        }
        Ok(())
    }

    async fn drain(&self, datastore: Datastore) -> Result<(), StoreError> {
        let (catalog, id) = (&*self.parts.catalog, datastore.id.clone());
        let store = catalog.open(&id).await?;
        loop {
            let waiting = store.notes(WAITING, None, LISTED_MAX).await?;
            if waiting.is_empty() {
                mark::clear(catalog, &id, self.parts.clock.now()).await?;
                // One that came before the mark was cleared would have relied on it.
                if store.notes(WAITING, None, 1).await?.is_empty() {
                    return Ok(());
                }
                mark::set(catalog, &id, self.parts.clock.now()).await?;
            }
            for note in waiting {
                let kept = Kept { id: note.name[WAITING.len()..].to_owned() };
                let _running = Running::new(self, &kept.id);
                self.one(&*store, &datastore, &kept, &note).await?;
            }
        }
    }

    /// Does one transaction; whatever comes of it is its answer.
    async fn one(
        &self,
        store: &dyn Store,
        datastore: &Datastore,
        kept: &Kept,
        note: &Note,
    ) -> Result<(), StoreError> {
        let now = self.parts.clock.now();
        let body = store.note(&kept.name(BODY)).await?;
        let sender = Sender::of_json(&note.content);
        let access = sender.as_ref().and_then(|sender| Access::of_kept(&sender.access));
        let (Some(body), Some(sender), Some(access)) = (body, sender, access) else {
            return end(store, kept, now, &Refusal::lost()).await;
        };
        let entered = Entered { access, datastore: datastore.clone() };
        let base = Base::new(&self.settings.public_url, datastore.id.as_str());
        let headers = negotiate::of_kept(&sender.headers);
        let mut context = self.context(store, &entered, &base, &headers).await?;
        context.preferences = negotiate::preferences(&headers);
        context.preferences.returning = sender.returning.unwrap_or(Returning::Minimal);
        match answer(&context, kept, body.content).await {
            Ok(json) => write(store, vec![kept.answer(now, 200, &json)]).await,
            Err(refusal) => end(store, kept, now, &refusal).await,
        }
    }
}

async fn answer(context: &Context<'_>, kept: &Kept, body: bytes::Bytes) -> Result<bytes::Bytes, Refusal> {
    let (posted, _) = Posted::parse(body)?;
    let reply = transaction::transaction(context, &posted, Some(kept)).await?;
    match reply.content {
        Content::Resource(json) => Ok(json),
        _ => Err(Refusal::lost()),
    }
}

/// Leaves a refusal as the answer, unless there is one: then the transaction was done after all.
async fn end(store: &dyn Store, kept: &Kept, now: fhir::Time, refusal: &Refusal) -> Result<(), StoreError> {
    if store.note(&kept.name(ANSWER)).await?.is_some() {
        return Ok(());
    }
    let json = refusal.clone().into_outcome().to_json();
    write(store, kept.writes(now, refusal.status, &json)).await
}

async fn write(store: &dyn Store, writes: Vec<store::Write>) -> Result<(), StoreError> {
    match store.commit(Transaction { preconditions: Vec::new(), writes }).await {
        Ok(_) | Err(CommitError::Conflict(_)) => Ok(()),
        Err(CommitError::Failed(error)) => Err(error),
    }
}

/// A transaction that is being done, as its status tells.
struct Running<'s> {
    service: &'s Service,
    id: String,
}

impl<'s> Running<'s> {
    fn new(service: &'s Service, id: &str) -> Running<'s> {
        let mut running = service.deferred.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert(id.to_owned());
        drop(running);
        Running { service, id: id.to_owned() }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let running = &self.service.deferred.running;
        running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}
