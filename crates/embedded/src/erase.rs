//! Removal for good, in two parts: the commit hides versions at once and for ever, and scrubbing takes what is left
//! of them out of blocks and index, once nobody reads from a view of before.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use fhir::{ResourceKey, ResourceType};
use roaring::RoaringBitmap;
use store::{CommitError, Committed, StoreError, Transaction, Write};
use tokio::sync::oneshot;

use crate::StorageError;
use crate::contents::Reading;
use crate::keyspace::{BODY, IDENTITY};
use crate::kv::Batch;
use crate::records::{Identity, Set};
use crate::view::{TypeView, View};
use crate::writer::{Staging, Writer};

/// Blocks written anew in one step of scrubbing, so that commits need not wait long.
const SCRUB_BLOCKS_MAX: usize = 64;

/// What a step of scrubbing found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scrub {
    /// Nothing is left of anything that was erased.
    Clean,
    /// There is more to do at once.
    More,
    /// There is more to do when readers or the background are ready.
    Waiting,
    /// Only the engine still holds what is overwritten; the mark is to be given back.
    Removed(u64),
}

/// Whether a transaction removes anything for good.
pub(crate) fn erases(transaction: &Transaction) -> bool {
    transaction.writes.iter().any(is_erasure)
}

/// Whether a write removes anything for good.
pub(crate) fn is_erasure(write: &Write) -> bool {
    matches!(write, Write::Erase(_) | Write::EraseVersion(..))
}

impl Reading<'_> {
    /// The ordinals of all versions of a resource, newest first, with their numbers and whether this view knows
    /// them: a run that was given up may have left one beyond.
    fn versions_of(&self, key: &ResourceKey) -> Result<Vec<(u32, u64, bool)>, StorageError> {
        let Some(types) = self.of(key.of) else { return Ok(Vec::new()) };
        let sealer = &self.contents.sealer;
        let at = Identity::key(sealer, key);
        let Some(sealed) = self.contents.kv.get(IDENTITY, &at)? else { return Ok(Vec::new()) };
        let mut next = Some(Identity::open(sealer, &at, &sealed)?.ordinal);
        let mut found = Vec::new();
        while let Some(ordinal) = next {
            let block = self.block(key.of, ordinal)?;
            let version = block.version(ordinal);
            if !types.erased.contains(ordinal) {
                // The identity is found by a hash of the key; the id itself is here.
                if version.id != key.id {
                    return Ok(Vec::new());
                }
                found.push((ordinal, version.number, types.is_known(ordinal)));
            }
            next = version.prior;
        }
        Ok(found)
    }
}

impl Writer {
    /// Commits a transaction that removes something for good, alone, with everything before it folded.
    pub(crate) fn commit_erasure(
        &mut self,
        transaction: Transaction,
        reply: oneshot::Sender<Result<Committed, CommitError>>,
    ) {
        let folded = self.check_running().and_then(|()| self.fold_now().map_err(StoreError::from));
        match folded {
            Err(error) => {
                let _ = reply.send(Err(error.into()));
            }
            Ok(()) => self.commit_group(vec![(transaction, reply)]),
        }
    }

    /// Hides all versions of a resource, or the one of this number; gives how many there were to hide.
    pub(crate) fn stage_erasure(
        &mut self,
        staging: &mut Staging<'_>,
        key: &ResourceKey,
        only: Option<u64>,
    ) -> Result<u64, StorageError> {
        let versions = self.contents.reading().versions_of(key)?;
        let newest = versions.iter().find(|(_, _, is_known)| *is_known).map(|(ordinal, ..)| *ordinal);
        let wanted = |(ordinal, number, is_known): &&(u32, u64, bool)| match only {
            None => true,
            Some(only) => *is_known && *number == only && Some(*ordinal) != newest,
        };
        let removed: Vec<&(u32, u64, bool)> = versions.iter().filter(wanted).collect();
        if removed.is_empty() {
            return Ok(0);
        }
        let of = key.of.number();
        let ordinals: RoaringBitmap = removed.iter().map(|(ordinal, ..)| *ordinal).collect();
        let types = staging.view.change(of);
        *Arc::make_mut(&mut types.live) -= &ordinals;
        *Arc::make_mut(&mut types.erased) |= &ordinals;
        *Arc::make_mut(&mut types.erasing) |= &ordinals;
        if only.is_none() {
            staging.batch.remove(IDENTITY, Identity::key(&self.contents.sealer, key));
        }
        Ok(removed.iter().filter(|(_, _, is_known)| *is_known).count() as u64)
    }

    /// Writes down what a transaction hid, and begins an era: views from here on do not know it.
    pub(crate) fn end_erasure(&mut self, view: &mut View, batch: &mut Batch) {
        let meta = self.contents.meta();
        let nothing = TypeView::default();
        for (of, types) in &view.types {
            let before = self.view.types.get(of).map_or(&nothing, Arc::as_ref);
            if types.erased == before.erased {
                continue;
            }
            meta.put_set(batch, Set::Live, *of, &before.live, &types.live);
            meta.put_set(batch, Set::Erased, *of, &before.erased, &types.erased);
            meta.put_set(batch, Set::Erasing, *of, &before.erasing, &types.erasing);
        }
        self.eras.push(std::mem::replace(&mut view.era, Arc::new(())));
        self.erasures += 1;
        self.clean_from = self.contents.next_segment().load(Ordering::Relaxed);
        self.generation += 1;
    }

    /// Takes the next step in removing what is left of what was erased.
    pub(crate) fn scrub(&mut self) -> Result<Scrub, StorageError> {
        self.check_running().map_err(|_| crate::kv::KvError::Stopped)?;
        self.eras.retain(|era| Arc::strong_count(era) > 1);
        if !self.eras.is_empty() || self.renewing.is_some() || self.contents.is_being_backed_up() {
            return Ok(Scrub::Waiting);
        }
        let view = self.view.clone();
        let erasing = || view.types.iter().filter(|(_, types)| !types.erasing.is_empty());
        if erasing().next().is_none() {
            return Ok(Scrub::Clean);
        }
        for (of, types) in erasing() {
            let left = match self.hollow.get(of) {
                Some(hollow) => &*types.erasing - hollow,
                None => RoaringBitmap::clone(&types.erasing),
            };
            if !left.is_empty() {
                self.hollow_blocks(*of, &types.erasing, left)?;
                return Ok(Scrub::More);
            }
        }
        for (of, types) in erasing() {
            let holds = |base: u32, end: u32| types.erasing.range_cardinality(base..end) > 0;
            let unclean = types
                .segments
                .iter()
                .find(|segment| segment.number < self.clean_from && holds(segment.base, segment.end));
            if let Some(segment) = unclean {
                if !self.is_merging {
                    self.rewrite(*of, vec![segment.clone()]);
                }
                return Ok(Scrub::Waiting);
            }
        }
        Ok(if self.graveyard.is_empty() { Scrub::Removed(self.erasures) } else { Scrub::Waiting })
    }

    /// Writes some blocks anew without the versions of these ordinals.
    fn hollow_blocks(
        &mut self,
        number: u16,
        erasing: &RoaringBitmap,
        mut left: RoaringBitmap,
    ) -> Result<(), StorageError> {
        let of = ResourceType::from_number(number)
            .ok_or_else(|| StorageError::Damaged("a type of what was erased".to_owned()))?;
        let contents = self.contents.clone();
        let reading = contents.reading();
        let mut batch = Batch::default();
        let mut done = RoaringBitmap::new();
        for _ in 0..SCRUB_BLOCKS_MAX {
            let Some(ordinal) = left.min() else { break };
            let block = reading.block(of, ordinal)?;
            let pairs = block.without(erasing, &contents.kv, &contents.sealer, number, &mut self.packer)?;
            for (key, sealed) in pairs {
                batch.put(BODY, key, sealed);
            }
            left.remove_range(block.first..block.end());
            done.insert_range(block.first..block.end());
        }
        if let Err(error) = contents.kv.write(batch) {
            self.stop();
            return Err(error.into());
        }
        *self.hollow.entry(number).or_default() |= done & erasing;
        Ok(())
    }

    /// Notes that nothing is left of what was erased, unless there was an erasure since `mark`.
    pub(crate) fn end_scrub(&mut self, mark: u64) -> Result<(), StoreError> {
        self.check_running()?;
        if mark != self.erasures {
            return Ok(());
        }
        let mut batch = Batch::default();
        let mut view = View::clone(&self.view);
        let types: Vec<u16> = view.types.keys().copied().collect();
        for of in types {
            let types = view.change(of);
            self.contents.meta().put_set(&mut batch, Set::Erasing, of, &types.erasing, &RoaringBitmap::new());
            types.erasing = Arc::default();
        }
        self.hollow.clear();
        self.write(batch, view)
    }
}
