//! The one thread that writes a data store: takes commits from a queue, checks their preconditions against
//! the newest state, and writes and syncs them in groups.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender};

use fhir::{ResourceKey, ResourceType, Time};
use roaring::RoaringBitmap;
use search::{Entries, ParameterSet};
use store::limits::RUN_PUTS_MAX;
use store::reindex::{check_extraction, parameters_after, parameters_after_run};
use store::{
    Clock, CommitError, Committed, Ingested, Operation, Precondition, Put, Run, StoreError, Transaction,
    Write,
};
use tokio::sync::oneshot;

use crate::StorageError;
use crate::contents::{Contents, Reading, Standing};
use crate::encode::encode_entries;
use crate::erase::{Scrub, erases, is_erasure};
use crate::fold::{Folded, Merged, Work};
use crate::index::Segment;
use crate::keyspace::{BODY, IDENTITY};
use crate::kv::Batch;
use crate::notes::StagedNotes;
use crate::pack::Packer;
use crate::records::{Identity, LogRecord};
use crate::reindex::{Renewed, Renewing, Turn};
use crate::version::{Birth, BlockWriter, Pair, Version};
use crate::view::{Recent, View};

/// Commits written and synced together at the most.
const GROUP_COMMITS_MAX: usize = 256;
/// Runs with at most this many puts are written like a commit: a sorted ingestion would cost more.
const SMALL_RUN_PUTS_MAX: usize = 256;
/// Recent versions from which they are folded in the background, and from which no commit waits for that.
const FOLD_FROM: usize = 2048;
const FOLD_NOW_FROM: usize = 8 * FOLD_FROM;

/// What the writer is asked to do.
pub(crate) enum Message {
    Commit(Transaction, oneshot::Sender<Result<Committed, CommitError>>),
    Ingest(Run, oneshot::Sender<Result<Ingested, StoreError>>),
    Folded(Folded),
    Merged(Merged),
    /// Take the next step in removing what is left of what was erased.
    Scrub(oneshot::Sender<Result<Scrub, StoreError>>),
    /// All of it is removed, up to this mark.
    Scrubbed(u64, oneshot::Sender<Result<(), StoreError>>),
    /// Let the caller index again the first segment of a type that ends after an ordinal.
    Reindex {
        of: ResourceType,
        from: u32,
        reply: oneshot::Sender<Result<Turn, StoreError>>,
    },
    /// Write entries of the segment that is being indexed again.
    Entries {
        segment: u32,
        pairs: Vec<Pair>,
        reply: oneshot::Sender<Result<(), StoreError>>,
    },
    /// It is indexed again, or was given up.
    Renewed(Renewed, oneshot::Sender<Result<bool, StoreError>>),
    /// Fold what is recent, now.
    Settle(oneshot::Sender<Result<(), StoreError>>),
    Stop,
}

/// The writer of one data store.
pub(crate) struct Writer {
    pub(crate) contents: Arc<Contents>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) view: Arc<View>,
    pub(crate) packer: Packer,
    /// All commits up to this one are folded.
    pub(crate) folded_sequence: u64,
    /// How many folds there were: tells one that comes too late.
    pub(crate) generation: u64,
    pub(crate) is_folding: bool,
    pub(crate) is_merging: bool,
    /// The segment that is being indexed again.
    pub(crate) renewing: Option<Renewing>,
    /// Where its messages come in, for those who work on its behalf.
    pub(crate) myself: Sender<Message>,
    /// Segments that no new reader sees, to be removed when no old one does.
    pub(crate) graveyard: Vec<Arc<Segment>>,
    pub(crate) background: Sender<Work>,
    /// Eras that readers may still be in, of before the last erasure.
    pub(crate) eras: Vec<Arc<()>>,
    /// How many erasures were committed since the opening.
    pub(crate) erasures: u64,
    /// Segments from this number on were made after the last erasure.
    pub(crate) clean_from: u32,
    /// Of what was erased: what stands in no block any more.
    pub(crate) hollow: BTreeMap<u16, RoaringBitmap>,
}

/// The writes of one commit, and how the resources stand while they are staged.
pub(crate) struct Staging<'a> {
    pub(crate) batch: &'a mut Batch,
    pub(crate) view: &'a mut View,
    standings: HashMap<ResourceKey, Option<Standing>>,
    /// Blocks being filled, by type, each with the ordinal of its first version.
    blocks: BTreeMap<u16, (u32, BlockWriter)>,
    log: LogRecord,
    updated: Time,
}

impl Writer {
    /// Works until told to stop or nobody can ask any more.
    pub(crate) fn run(mut self, messages: &Receiver<Message>) {
        let mut waiting = None;
        while let Some(message) = waiting.take().or_else(|| messages.recv().ok()) {
            match message {
                Message::Commit(transaction, reply) if erases(&transaction) => {
                    self.commit_erasure(transaction, reply);
                }
                Message::Commit(transaction, reply) => {
                    let mut group = vec![(transaction, reply)];
                    while group.len() < GROUP_COMMITS_MAX {
                        match messages.try_recv() {
                            Ok(Message::Commit(transaction, reply)) if !erases(&transaction) => {
                                group.push((transaction, reply));
                            }
                            Ok(other) => {
                                waiting = Some(other);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.commit_group(group);
                }
                Message::Ingest(run, reply) => {
                    let outcome = self.ingest(run);
                    let _ = reply.send(outcome);
                }
                Message::Folded(folded) => self.take_fold(folded),
                Message::Merged(merged) => self.take_merge(merged),
                Message::Scrub(reply) => {
                    let _ = reply.send(self.scrub().map_err(StoreError::from));
                }
                Message::Scrubbed(mark, reply) => {
                    let _ = reply.send(self.end_scrub(mark));
                }
                Message::Reindex { of, from, reply } => {
                    let _ = reply.send(self.begin_reindex(of, from));
                }
                Message::Entries { segment, pairs, reply } => {
                    let _ = reply.send(self.put_entries(segment, pairs));
                }
                Message::Renewed(renewed, reply) => {
                    let _ = reply.send(self.take_renewed(renewed));
                }
                Message::Settle(reply) => {
                    let _ = reply.send(self.fold_now().map_err(StoreError::from));
                }
                Message::Stop => break,
            }
            self.tend();
        }
        let _ = self.background.send(Work::Stop);
        if !self.is_stopped() {
            // What was acknowledged is synced already: a failed flush makes the next opening slower, no more.
            if let Err(error) = self.contents.kv.sync().and_then(|()| self.contents.kv.flush()) {
                tracing::warn!(%error, "a data store was closed without a flush");
            }
        }
    }

    /// What there is to do after every message: folding, merging, burying.
    fn tend(&mut self) {
        let recent = self.view.recent_count();
        if recent >= FOLD_NOW_FROM && !self.is_stopped() {
            if let Err(error) = self.fold_now() {
                tracing::error!(%error, "folding failed");
                self.stop();
            }
        } else if recent >= FOLD_FROM && !self.is_folding && !self.is_stopped() {
            self.is_folding = self
                .background
                .send(Work::Fold { view: self.view.clone(), generation: self.generation })
                .is_ok();
        }
        self.look_for_merge();
        self.bury();
    }

    pub(crate) fn commit_group(
        &mut self,
        group: Vec<(Transaction, oneshot::Sender<Result<Committed, CommitError>>)>,
    ) {
        let mut batch = Batch::default();
        let mut staged = View::clone(&self.view);
        let mut notes = StagedNotes::default();
        let mut outcomes = Vec::new();
        for (transaction, reply) in group {
            outcomes.push((self.stage(&mut staged, &mut batch, &mut notes, transaction), reply));
        }
        notes.put(&self.contents.meta(), &mut batch);
        let written = self.write(batch, staged);
        for (outcome, reply) in outcomes {
            let outcome = match (&written, outcome) {
                (Err(error), Ok(_)) => Err(CommitError::Failed(error.clone())),
                (_, outcome) => outcome,
            };
            let _ = reply.send(outcome);
        }
    }

    /// Writes and syncs a batch, then lets readers see what it made.
    pub(crate) fn write(&mut self, batch: Batch, mut staged: View) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let kv = &self.contents.kv;
        if let Err(error) = kv.write(batch).and_then(|()| kv.sync()) {
            self.stop();
            return Err(StorageError::from(error).into());
        }
        for types in staged.types.values_mut() {
            if types.recent.len() > 1 {
                Arc::make_mut(types).join_groups();
            }
        }
        self.view = Arc::new(staged);
        self.contents.publish(self.view.clone());
        Ok(())
    }

    fn stage(
        &mut self,
        staged: &mut View,
        batch: &mut Batch,
        notes: &mut StagedNotes,
        transaction: Transaction,
    ) -> Result<Committed, CommitError> {
        self.check_running()?;
        transaction.check()?;
        check_extraction(&staged.parameters, transaction.puts())?;
        let standings = {
            let reading = self.contents.reading_of(Arc::new(staged.clone()));
            let now = self.stamp(staged);
            for (at, precondition) in transaction.preconditions.iter().enumerate() {
                if !holds(&reading, notes, now, precondition).map_err(StoreError::from)? {
                    return Err(CommitError::Conflict(at));
                }
            }
            standings(&reading, transaction.writes.iter().filter_map(key_of)).map_err(StoreError::from)?
        };
        let parameters = parameters_after(&staged.parameters, &transaction.writes)?;
        let made = self.stage_writes(staged, batch, notes, standings, transaction.writes);
        let made = made.map_err(StoreError::from)?;
        self.stage_parameters(staged, batch, parameters);
        Ok(made)
    }

    /// Has `batch` keep other search parameters than there were.
    pub(crate) fn stage_parameters(&self, staged: &mut View, batch: &mut Batch, parameters: ParameterSet) {
        if parameters != staged.parameters {
            self.contents.meta().put_parameters(batch, &parameters);
            staged.parameters = parameters;
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.contents.is_stopped().load(Ordering::Relaxed)
    }

    /// Takes no more writes until the data store is opened again.
    pub(crate) fn stop(&self) {
        self.contents.is_stopped().store(true, Ordering::Relaxed);
    }

    pub(crate) fn check_running(&self) -> Result<(), StoreError> {
        if self.is_stopped() {
            return Err(StoreError::Failed("writing stopped after an earlier failure".to_owned()));
        }
        Ok(())
    }

    /// The time of the next write: never earlier than that of any before.
    pub(crate) fn stamp(&self, view: &View) -> Time {
        let now = self.clock.now();
        view.newest.map_or(now, |newest| newest.max(now))
    }

    fn stage_writes(
        &mut self,
        view: &mut View,
        batch: &mut Batch,
        notes: &mut StagedNotes,
        standings: HashMap<ResourceKey, Option<Standing>>,
        writes: Vec<Write>,
    ) -> Result<Committed, StorageError> {
        let updated = self.stamp(view);
        let room = u32::MAX - writes.len() as u32;
        if view.types.values().any(|types| types.next >= room) {
            return Err(StorageError::Limit("VERSIONS_PER_TYPE_MAX"));
        }
        let log = LogRecord { updated, ..LogRecord::default() };
        let is_erasure = writes.iter().any(is_erasure);
        let mut staging = Staging { batch, view, standings, blocks: BTreeMap::new(), log, updated };
        let mut versions = Vec::new();
        for write in writes {
            versions.push(match write {
                Write::Put(put) => self.stage_put(&mut staging, put),
                Write::Delete(key) => self.stage_delete(&mut staging, key),
                Write::Note(note) => {
                    notes.keep(note);
                    0
                }
                Write::Forget(name) => {
                    notes.forget(name);
                    0
                }
                Write::Erase(key) => self.stage_erasure(&mut staging, &key, None)?,
                Write::EraseVersion(key, number) => self.stage_erasure(&mut staging, &key, Some(number))?,
                Write::Indexed { .. } => 0,
            });
        }
        let Staging { view, log, batch, blocks, .. } = staging;
        for (of, (first, block)) in blocks {
            self.end_block(batch, of, first, block);
        }
        if is_erasure {
            self.end_erasure(view, batch);
        }
        view.sequence += 1;
        view.newest = Some(updated);
        log.put(batch, &self.contents.sealer, view.sequence);
        Ok(Committed { sequence: view.sequence, updated, versions })
    }

    fn stage_put(&mut self, staging: &mut Staging<'_>, put: Put) -> u64 {
        let before = staging.standings.get(&put.key).copied().flatten();
        let Put { key, body, entries, operation } = put;
        self.stage_version(staging, key, before, operation, Some(&body), entries)
    }

    fn stage_delete(&mut self, staging: &mut Staging<'_>, key: ResourceKey) -> u64 {
        match staging.standings.get(&key).copied().flatten() {
            None => 0,
            Some(standing) if standing.is_deletion => standing.number,
            before => self.stage_version(staging, key, before, Operation::Delete, None, Entries::new()),
        }
    }

    fn stage_version(
        &mut self,
        staging: &mut Staging<'_>,
        key: ResourceKey,
        before: Option<Standing>,
        operation: Operation,
        body: Option<&[u8]>,
        mut entries: Entries,
    ) -> u64 {
        let sealer = &self.contents.sealer;
        let of = key.of.number();
        let types = staging.view.change(of);
        let ordinal = types.next;
        let number = before.map_or(1, |before| before.number + 1);
        let (updated, prior) = (staging.updated, before.map(|before| before.ordinal));
        let birth = match (body, before) {
            (None, Some(before)) => Birth::At(before.created),
            _ => Standing::birth(before),
        };
        let created = birth.time().unwrap_or(updated);
        if body.is_some() {
            entries.set_created(created);
        }
        let version =
            Version { id: key.id.clone(), number, updated, birth, operation, prior, is_erased: false };
        let (_, block) = staging.blocks.entry(of).or_insert_with(|| (ordinal, BlockWriter::default()));
        block.put(&version, body, &encode_entries(&entries));
        let is_full = block.is_full();
        let standing = Standing { ordinal, number, is_deletion: body.is_none(), created };
        let at = Identity::key(sealer, &key);
        let sealed = standing.identity().seal(sealer, &at);
        staging.batch.put(IDENTITY, at, sealed);
        staging.log.push(of, ordinal);
        staging.log.killed.extend(prior.map(|prior| (of, prior)));
        staging.standings.insert(key.clone(), Some(standing));
        let recent = Recent { ordinal, key, number, updated, created, operation, entries };
        types.push(Arc::new(recent), prior);
        if is_full && let Some((first, block)) = staging.blocks.remove(&of) {
            self.end_block(staging.batch, of, first, block);
        }
        number
    }

    fn end_block(&mut self, batch: &mut Batch, of: u16, first: u32, block: BlockWriter) {
        for (at, sealed) in block.finish(of, first, &self.contents.sealer, &mut self.packer) {
            batch.put(BODY, at, sealed);
        }
    }

    /// Does a run (`Store::ingest`).
    fn ingest(&mut self, run: Run) -> Result<Ingested, StoreError> {
        self.check_running()?;
        if run.puts.len() > RUN_PUTS_MAX {
            return Err(StoreError::Limit("RUN_PUTS_MAX"));
        }
        run.puts.iter().try_for_each(Put::check)?;
        if let Some((number, outcome)) = self.contents.meta().run(&run.id.job)? {
            if number == run.id.number {
                return Ok(outcome);
            }
            if number > run.id.number {
                return Err(StoreError::Failed("a run that is not the job's last was asked for".to_owned()));
            }
        }
        check_extraction(&self.view.parameters, &run.puts)?;
        let parameters = parameters_after_run(&self.view.parameters, &run.puts);
        if run.puts.len() > SMALL_RUN_PUTS_MAX {
            return self.ingest_sorted(run, parameters);
        }
        let mut batch = Batch::default();
        let mut staged = View::clone(&self.view);
        let standings = standings(&self.contents.reading(), run.puts.iter().map(|put| &put.key))?;
        let writes = run.puts.into_iter().map(Write::Put).collect();
        let mut notes = StagedNotes::default();
        let made = self.stage_writes(&mut staged, &mut batch, &mut notes, standings, writes)?;
        let outcome = Ingested { updated: made.updated, versions: made.versions, repeated: false };
        self.contents.meta().put_run(&mut batch, &run.id.job, run.id.number, &outcome);
        self.stage_parameters(&mut staged, &mut batch, parameters);
        self.write(batch, staged)?;
        Ok(outcome)
    }
}

/// How the resources of these keys stand.
fn standings<'k>(
    reading: &Reading<'_>,
    keys: impl Iterator<Item = &'k ResourceKey>,
) -> Result<HashMap<ResourceKey, Option<Standing>>, StorageError> {
    keys.map(|key| Ok((key.clone(), reading.newest(key)?))).collect()
}

fn key_of(write: &Write) -> Option<&ResourceKey> {
    match write {
        Write::Put(put) => Some(&put.key),
        Write::Delete(key) | Write::Erase(key) | Write::EraseVersion(key, _) => Some(key),
        Write::Note(_) | Write::Forget(_) | Write::Indexed { .. } => None,
    }
}

fn holds(
    reading: &Reading<'_>,
    notes: &StagedNotes,
    now: Time,
    precondition: &Precondition,
) -> Result<bool, StorageError> {
    Ok(match precondition {
        Precondition::Version(key, version) => {
            reading.newest(key)?.is_some_and(|standing| standing.number == *version)
        }
        Precondition::Absent(key) => reading.newest(key)?.is_none(),
        Precondition::Present(key) => reading.newest(key)?.is_some_and(|standing| !standing.is_deletion),
        Precondition::NoMatch(of, filter) => reading.select(*of, filter)?.is_empty(),
        Precondition::OnlyMatch(key, filter) => {
            let found = reading.select(key.of, filter)?;
            let ordinal = reading.newest(key)?.map(|standing| standing.ordinal);
            found.len() == 1 && found.min() == ordinal
        }
        Precondition::Unnoted(name) => !notes.has(&reading.contents.meta(), name, now)?,
    })
}
