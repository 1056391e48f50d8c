//! A data store on disk as the rest of tarn sees it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use fhir::ResourceKey;
use search::{Cancellation, ParameterSet, Search, Visible};
use store::{
    Answer, Clock, CommitError, Committed, DataKey, Found, History, Ingested, Note, Plan, Reindex, Reindexed,
    Run, Store, StoreError, Stored, Transaction, Versions,
};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::StorageError;
use crate::contents::{Contents, Reading};
use crate::erase::Scrub;
use crate::fold;
use crate::kv::{StepGuard, wait_for_worker};
use crate::open::{StoreLimits, open};
use crate::pack::Packer;
use crate::patience::Patience;
use crate::writer::{Message, Writer};

/// Rows of a page up to which it may be found at once.
const BRIEF_ROWS_MAX: usize = 100;

/// The contents of one data store in a folder of its own.
///
/// Dropping it waits until what was asked is done and on the disk.
pub struct EmbeddedStore {
    contents: Arc<Contents>,
    messages: Sender<Message>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    clock: Arc<dyn Clock>,
}

impl EmbeddedStore {
    /// Opens the contents in `folder`, made if absent. `clock` stamps what is written.
    ///
    /// # Errors
    /// When the folder is in use, belongs to another key, or is damaged.
    pub fn open(
        folder: &Path,
        data_key: &DataKey,
        clock: Arc<dyn Clock>,
        limits: StoreLimits,
    ) -> Result<EmbeddedStore, StorageError> {
        EmbeddedStore::open_guarded(folder, data_key, clock, limits, None)
    }

    /// The same, with a guard that is asked before every durable step: for tests that make steps fail.
    ///
    /// # Errors
    /// As [`open`](EmbeddedStore::open).
    pub fn open_guarded(
        folder: &Path,
        data_key: &DataKey,
        clock: Arc<dyn Clock>,
        limits: StoreLimits,
        guard: Option<StepGuard>,
    ) -> Result<EmbeddedStore, StorageError> {
        let (contents, view, folded_sequence) = open(folder, data_key.bytes(), &limits, guard)?;
        let contents = Arc::new(contents);
        // What an erasure left behind at the last closing may stand in any segment that there is.
        let clean_from = contents.next_segment().load(Ordering::Relaxed);
        let (messages, inbox) = channel();
        let (background, work) = channel();
        let writer = Writer {
            contents: contents.clone(),
            clock: clock.clone(),
            view: Arc::new(view),
            packer: Packer::default(),
            folded_sequence,
            generation: 0,
            is_folding: false,
            is_merging: false,
            renewing: None,
            myself: messages.clone(),
            graveyard: Vec::new(),
            background,
            eras: Vec::new(),
            erasures: 0,
            clean_from,
            hollow: BTreeMap::new(),
        };
        let behind = (contents.clone(), messages.clone());
        let threads = vec![
            spawn("tarn-writer", move || writer.run(&inbox))?,
            spawn("tarn-fold", move || fold::work(&behind.0, &work, &behind.1))?,
        ];
        Ok(EmbeddedStore { contents, messages, threads: Mutex::new(threads), clock })
    }

    /// Folds everything recent into the index, now, as happens by itself in the background.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub async fn settle(&self) -> Result<(), StoreError> {
        let (reply, outcome) = oneshot::channel();
        self.ask(Message::Settle(reply), outcome).await?
    }

    /// Bytes that the data store takes on disk.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn disk_bytes(&self) -> Result<u64, StorageError> {
        Ok(self.contents.kv.disk_bytes()?)
    }

    /// Bytes that each space takes on disk, by name, without what is only in the journal.
    pub fn space_bytes(&self) -> Vec<(&'static str, u64)> {
        let spaces = crate::keyspace::SPACES.iter().enumerate();
        spaces.map(|(at, space)| (space.name, self.contents.kv.space_bytes(crate::kv::Space(at)))).collect()
    }

    /// Whether a write failed, so that none is taken until the data store is opened again.
    pub fn is_stopped(&self) -> bool {
        self.contents.is_stopped().load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Ends writing: what was asked before is done, what is asked later is refused.
    pub(crate) fn close(&self) {
        let _ = self.messages.send(Message::Stop);
        let threads =
            std::mem::take(&mut *self.threads.lock().expect("nothing panics while it holds the threads"));
        for thread in threads {
            let _ = thread.join();
        }
    }

    pub(crate) fn contents(&self) -> &Arc<Contents> {
        &self.contents
    }

    /// Removes what is left of what was erased (`Store::scrub`).
    async fn scrub_all(&self) -> Result<(), StoreError> {
        loop {
            let (reply, outcome) = oneshot::channel();
            match self.ask(Message::Scrub(reply), outcome).await?? {
                Scrub::Clean => return Ok(()),
                Scrub::More => {}
                Scrub::Waiting => self.pause().await?,
                Scrub::Removed(mark) => {
                    self.answer(|reading| {
                        let kv = &reading.contents.kv;
                        kv.flush()
                            .and_then(|()| kv.compact())
                            .map_err(|error| StorageError::from(error).into())
                    })
                    .await?;
                    let (reply, outcome) = oneshot::channel();
                    self.ask(Message::Scrubbed(mark, reply), outcome).await??;
                }
            }
        }
    }

    pub(crate) async fn ask<T>(
        &self,
        message: Message,
        outcome: oneshot::Receiver<T>,
    ) -> Result<T, StoreError> {
        let gone = || StoreError::Failed("the data store is closed".to_owned());
        self.messages.send(message).map_err(|_| gone())?;
        let answer =
            if Handle::try_current().is_ok() { outcome.await.ok() } else { outcome.blocking_recv().ok() };
        answer.ok_or_else(gone)
    }

    /// Lets the writer and the background work for a moment.
    pub(crate) async fn pause(&self) -> Result<(), StoreError> {
        self.answer(|_| {
            wait_for_worker();
            Ok(())
        })
        .await
    }

    /// Answers from one view, on a thread that may wait for the disk.
    pub(crate) async fn answer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reading<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let contents = self.contents.clone();
        match Handle::try_current() {
            Err(_) => work(&contents.reading()),
            Ok(runtime) => runtime
                .spawn_blocking(move || work(&contents.reading()))
                .await
                .map_err(|error| StoreError::Failed(error.to_string()))?,
        }
    }

    /// The same, ended early when `cancellation` says so, and if it is for a few rows, tried briefly on the caller's own
    /// thread.
    async fn answer_until<T: Send + 'static>(
        &self,
        cancellation: Cancellation,
        rows: usize,
        work: impl Fn(&Reading<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if rows <= BRIEF_ROWS_MAX
            && let Some(answer) = self.answer_briefly(&cancellation, &work)
        {
            return answer;
        }
        self.answer(move |reading| {
            let reading =
                reading.contents.reading_of(reading.view.clone()).with(Patience::until(cancellation));
            reading.patience.check(0)?;
            work(&reading)
        })
        .await
    }

    /// The answer, if it is found at once.
    fn answer_briefly<T>(
        &self,
        cancellation: &Cancellation,
        work: impl Fn(&Reading<'_>) -> Result<T, StoreError>,
    ) -> Option<Result<T, StoreError>> {
        let reading = self.contents.reading().with(Patience::briefly(cancellation.clone()));
        let answer = reading.patience.check(0).map_err(StoreError::from).and_then(|()| work(&reading));
        match answer {
            Err(StoreError::Cancelled) if reading.patience.is_spent() => None,
            answer => Some(answer),
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StorageError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| crate::kv::KvError::Io(error.kind().to_string()).into())
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.close();
    }
}

impl Store for EmbeddedStore {
    fn read<'a>(&'a self, keys: &'a [ResourceKey], visible: &'a Visible) -> Answer<'a, Vec<Option<Stored>>> {
        Box::pin(async move { Ok(self.contents.reading().read(keys, visible)?) })
    }

    fn history<'a>(&'a self, of: &'a History, visible: &'a Visible) -> Answer<'a, Versions> {
        let (of, visible) = (of.clone(), visible.clone());
        let (until, rows) = (of.cancellation.clone(), of.count);
        Box::pin(self.answer_until(until, rows, move |reading| reading.history(&of, &visible)))
    }

    fn search<'a>(&'a self, search: &'a Search) -> Answer<'a, Found> {
        let search = search.clone();
        let (until, rows) = (search.cancellation.clone(), search.count);
        Box::pin(self.answer_until(until, rows, move |reading| reading.search(&search)))
    }

    fn explain<'a>(&'a self, search: &'a Search, parameters: &'a ParameterSet) -> Answer<'a, Plan> {
        let (search, parameters) = (search.clone(), parameters.clone());
        let (until, rows) = (search.cancellation.clone(), search.count);
        Box::pin(self.answer_until(until, rows, move |reading| reading.explain(&search, &parameters)))
    }

    fn commit<'a>(&'a self, transaction: Transaction) -> Answer<'a, Committed, CommitError> {
        Box::pin(async move {
            let (reply, outcome) = oneshot::channel();
            self.ask(Message::Commit(transaction, reply), outcome).await?
        })
    }

    fn note<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Note>> {
        let (name, now) = (name.to_owned(), self.clock.now());
        Box::pin(self.answer(move |reading| reading.note(&name, now)))
    }

    fn notes<'a>(&'a self, prefix: &'a str, after: Option<&'a str>, count: usize) -> Answer<'a, Vec<Note>> {
        let (prefix, after, now) = (prefix.to_owned(), after.map(str::to_owned), self.clock.now());
        Box::pin(self.answer(move |reading| reading.notes(&prefix, after.as_deref(), count, now)))
    }

    fn scrub<'a>(&'a self) -> Answer<'a, ()> {
        Box::pin(self.scrub_all())
    }

    fn parameters(&self) -> Answer<'_, ParameterSet> {
        Box::pin(async move { Ok(self.contents.view().parameters.clone()) })
    }

    fn reindex<'a>(&'a self, step: &'a Reindex) -> Answer<'a, Reindexed> {
        Box::pin(self.reindex_step(step.clone()))
    }

    fn ingest<'a>(&'a self, run: Run) -> Answer<'a, Ingested> {
        Box::pin(async move {
            let (reply, outcome) = oneshot::channel();
            self.ask(Message::Ingest(run, reply), outcome).await?
        })
    }
}
