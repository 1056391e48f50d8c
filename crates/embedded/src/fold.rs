//! What happens behind the commits: recent versions are folded into segments, small segments are merged, and
//! segments that nobody reads any more are removed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender};

use roaring::RoaringBitmap;

use crate::StorageError;
use crate::contents::Contents;
use crate::encode::{encode_entries, rows, updated_row};
use crate::index::{Segment, SegmentWriter, TermTable, merge};
use crate::keyspace::INDEX;
use crate::kv::Batch;
use crate::pack::Packer;
use crate::records::State;
use crate::version::Pair;
use crate::view::View;
use crate::writer::{Message, Writer};

/// Adjacent segments that are merged into one.
const MERGE_FAN_IN: usize = 8;
/// Ordinals that a merged segment spans at the most.
const SEGMENT_ORDINALS_MAX: u32 = 1 << 22;
/// Ordinals up to which a merged segment is written through the journal, beyond which by sorted ingestion.
const MERGE_BY_BATCH_MAX: u32 = 4096;

/// Work for the background thread.
pub(crate) enum Work {
    Fold { view: Arc<View>, generation: u64 },
    Merge { of: u16, segments: Vec<Arc<Segment>>, live: RoaringBitmap },
    Stop,
}

/// The index of what was recent.
pub(crate) struct Folded {
    generation: u64,
    sequence: u64,
    /// For every type that had recent versions: the ordinal after the last of them, and their segment.
    types: BTreeMap<u16, (u32, Option<Segment>)>,
    pairs: Result<Vec<Pair>, StorageError>,
}

/// One segment in place of several.
pub(crate) struct Merged {
    of: u16,
    old: Vec<Arc<Segment>>,
    new: Segment,
    /// What is still to be written of it.
    pairs: Result<Vec<Pair>, StorageError>,
}

/// Works in the background until told to stop.
pub(crate) fn work(contents: &Contents, work: &Receiver<Work>, messages: &Sender<Message>) {
    let mut packer = Packer::default();
    while let Ok(work) = work.recv() {
        let message = match work {
            Work::Stop => return,
            Work::Fold { view, generation } => {
                Message::Folded(fold(contents, &mut packer, &view, generation))
            }
            Work::Merge { of, segments, live } => {
                Message::Merged(merge_segments(contents, &mut packer, of, segments, &live))
            }
        };
        if messages.send(message).is_err() {
            return;
        }
    }
}

/// A segment with a number of its own.
pub(crate) fn new_segment(contents: &Contents, of: u16, base: u32, end: u32) -> Segment {
    let number = contents.next_segment().fetch_add(1, Ordering::Relaxed);
    Segment { of, number, base, end }
}

/// Makes the index of all that is recent in `view`.
fn fold(contents: &Contents, packer: &mut Packer, view: &View, generation: u64) -> Folded {
    let mut types = BTreeMap::new();
    let mut pairs = Vec::new();
    let mut outcome = Ok(());
    for (of, types_view) in &view.types {
        let (Some(first), Some(last)) =
            (types_view.recent_rows().next(), types_view.recent_rows().next_back())
        else {
            continue;
        };
        let end = last.ordinal + 1;
        let mut table = TermTable::default();
        for row in types_view.recent_live() {
            table.add(&updated_row(row.updated), row.ordinal);
            let encoded = encode_entries(&row.entries);
            outcome = outcome.and(rows(&encoded, |term| table.add(term, row.ordinal)));
        }
        let segment = (!table.is_empty()).then(|| new_segment(contents, *of, first.ordinal, end));
        if let Some(segment) = segment {
            let mut sink = |key, value| {
                pairs.push((key, value));
                Ok(())
            };
            outcome =
                outcome.and(table.write(SegmentWriter::new(segment, &contents.sealer, packer, &mut sink)));
        }
        types.insert(*of, (end, segment));
    }
    Folded { generation, sequence: view.sequence, types, pairs: outcome.map(|()| pairs) }
}

fn merge_segments(
    contents: &Contents,
    packer: &mut Packer,
    of: u16,
    old: Vec<Arc<Segment>>,
    live: &RoaringBitmap,
) -> Merged {
    let (base, end) = (old.first().map_or(0, |first| first.base), old.last().map_or(0, |last| last.end));
    let new = new_segment(contents, of, base, end);
    let segments: Vec<Segment> = old.iter().map(|segment| **segment).collect();
    let Contents { kv, sealer, .. } = contents;
    let pairs = if end - base <= MERGE_BY_BATCH_MAX {
        let mut pairs = Vec::new();
        let mut sink = |key, value| {
            pairs.push((key, value));
            Ok(())
        };
        merge(kv, sealer, &segments, live, SegmentWriter::new(new, sealer, packer, &mut sink)).map(|()| pairs)
    } else {
        let merged = kv.ingest(INDEX, |put| {
            let mut sink = |key, value| put(key, value).map_err(StorageError::from);
            merge(kv, sealer, &segments, live, SegmentWriter::new(new, sealer, packer, &mut sink))
        });
        merged.map(|()| Vec::new())
    };
    Merged { of, old, new, pairs }
}

impl Writer {
    /// Folds what is recent, in this thread.
    pub(crate) fn fold_now(&mut self) -> Result<(), StorageError> {
        if self.view.recent_count() == 0 {
            return Ok(());
        }
        let folded = fold(&self.contents, &mut self.packer, &self.view, self.generation);
        self.apply_fold(folded)
    }

    /// Takes what the background thread folded.
    pub(crate) fn take_fold(&mut self, folded: Folded) {
        self.is_folding = false;
        if folded.generation != self.generation || self.is_stopped() {
            return;
        }
        if let Err(error) = self.apply_fold(folded) {
            tracing::error!(%error, "folding failed");
        }
    }

    fn apply_fold(&mut self, folded: Folded) -> Result<(), StorageError> {
        let mut batch = Batch::default();
        let mut view = View::clone(&self.view);
        for (key, sealed) in folded.pairs? {
            batch.put(INDEX, key, sealed);
        }
        let meta = self.contents.meta();
        for (of, (end, segment)) in &folded.types {
            let types = view.change(*of);
            let mut live = RoaringBitmap::clone(&types.live);
            live.extend(types.recent_live().map(|row| row.ordinal).filter(|ordinal| ordinal < end));
            live -= &*types.dead;
            live.optimize();
            meta.put_live(&mut batch, *of, &types.live, &live);
            Arc::make_mut(&mut types.dead).remove_range(..end);
            types.live = Arc::new(live);
            Arc::make_mut(&mut types.segments).extend(segment.map(Arc::new));
            types.forget_recent(*end);
        }
        let next_segment = self.contents.next_segment().load(Ordering::Relaxed);
        meta.put_state(&mut batch, &State::of(&view, folded.sequence, next_segment));
        meta.purge_notes(&mut batch, self.stamp(&view))?;
        self.install(batch, view)?;
        self.folded_sequence = folded.sequence;
        self.generation += 1;
        Ok(())
    }

    /// Takes what the background thread merged.
    pub(crate) fn take_merge(&mut self, merged: Merged) {
        self.is_merging = false;
        if self.is_stopped() {
            return;
        }
        if merged.new.number < self.clean_from {
            // It was begun before an erasure and may hold what was erased since.
            self.graveyard.push(Arc::new(merged.new));
            return;
        }
        if let Err(error) = self.apply_merge(merged) {
            tracing::error!(%error, "merging segments failed");
        }
    }

    fn apply_merge(&mut self, merged: Merged) -> Result<(), StorageError> {
        let mut batch = Batch::default();
        let mut view = View::clone(&self.view);
        for (key, sealed) in merged.pairs? {
            batch.put(INDEX, key, sealed);
        }
        let types = view.change(merged.of);
        let segments = Arc::make_mut(&mut types.segments);
        let first = segments.iter().position(|segment| segment.number == merged.old[0].number);
        let first = first.ok_or_else(|| StorageError::Damaged("the list of segments".to_owned()))?;
        segments.splice(first..first + merged.old.len(), [Arc::new(merged.new)]);
        let next_segment = self.contents.next_segment().load(Ordering::Relaxed);
        self.contents.meta().put_state(&mut batch, &State::of(&view, self.folded_sequence, next_segment));
        self.install(batch, view)?;
        self.graveyard.extend(merged.old);
        Ok(())
    }

    /// Writes a batch that changes no contents, and lets readers see the view it makes.
    pub(crate) fn install(&mut self, batch: Batch, view: View) -> Result<(), StorageError> {
        if let Err(error) = self.contents.kv.write(batch) {
            self.stop();
            return Err(error.into());
        }
        self.view = Arc::new(view);
        self.contents.publish(self.view.clone());
        Ok(())
    }

    /// Has adjacent segments of like size merged, if there are enough.
    pub(crate) fn look_for_merge(&mut self) {
        if self.is_merging || self.renewing.is_some() || self.is_stopped() {
            return;
        }
        for (of, types) in &self.view.types {
            if let Some(window) = types.segments.windows(MERGE_FAN_IN).rev().find(|window| is_worth(window)) {
                let (of, segments) = (*of, window.to_vec());
                return self.rewrite(of, segments);
            }
        }
    }

    /// Has adjacent segments written anew as one, without what died.
    pub(crate) fn rewrite(&mut self, of: u16, segments: Vec<Arc<Segment>>) {
        let Some(types) = self.view.types.get(&of) else { return };
        let live = &*types.live - &*types.dead;
        self.is_merging = self.background.send(Work::Merge { of, segments, live }).is_ok();
    }

    /// Removes the segments that no reader holds any more.
    pub(crate) fn bury(&mut self) {
        let (dead, held): (Vec<_>, Vec<_>) = std::mem::take(&mut self.graveyard)
            .into_iter()
            .partition(|segment| Arc::strong_count(segment) == 1);
        self.graveyard = held;
        for segment in dead {
            if let Err(error) = remove_segment(&self.contents, &segment) {
                tracing::warn!(%error, "a merged segment could not be removed");
            }
        }
    }
}

/// Whether merging costs less than the segments' number does: none is much larger than the others.
fn is_worth(window: &[Arc<Segment>]) -> bool {
    let size = |segment: &Arc<Segment>| u64::from(segment.end - segment.base);
    let largest = window.iter().map(size).max().unwrap_or(0);
    let all: u64 = window.iter().map(size).sum();
    let span = window.last().map_or(0, |last| last.end) - window.first().map_or(0, |first| first.base);
    2 * largest <= all && span <= SEGMENT_ORDINALS_MAX
}

/// Removes all blocks of a segment.
pub(crate) fn remove_segment(contents: &Contents, segment: &Segment) -> Result<(), StorageError> {
    let mut batch = Batch::default();
    for pair in contents.kv.scan(INDEX, &segment.key(0, 0), &segment.key(u16::MAX, u32::MAX)) {
        batch.remove(INDEX, pair?.0.to_vec());
    }
    Ok(contents.kv.write(batch)?)
}
