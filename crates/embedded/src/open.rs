//! Opening a data store: what is folded is read, what a crash left behind is put right, and the commits
//! since the last fold are found again in the log.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use fhir::ResourceType;
use search::ParameterSet;
use store::reindex::{is_parameter, parameters_of_all};

use crate::StorageError;
use crate::contents::Contents;
use crate::fold::remove_segment;
use crate::index::{Directories, Segment};
use crate::keyspace::{INDEX, LOG, SPACES};
use crate::kv::{Batch, BlockCache, EngineLimits, Kv, StepGuard};
use crate::records::{Format, LogRecord, State, view_of};
use crate::seal::Sealer;
use crate::view::{Recent, TypeView, View};

/// Memory for what was read lately. All data stores that are opened with clones of one share it.
#[derive(Clone)]
pub struct StoreLimits {
    blocks: BlockCache,
    index: Directories,
}

impl StoreLimits {
    /// `block_bytes` for the engine's blocks, sealed, and `index_bytes` for opened blocks of the index.
    pub fn of(block_bytes: u64, index_bytes: usize) -> StoreLimits {
        StoreLimits { blocks: BlockCache::new(block_bytes), index: Directories::new(index_bytes) }
    }

    pub(crate) fn engine(&self) -> EngineLimits {
        EngineLimits { cache: self.blocks.clone(), threads: 1 }
    }
}

impl Default for StoreLimits {
    fn default() -> Self {
        StoreLimits::of(16 * 1024 * 1024, 8 * 1024 * 1024)
    }
}

/// Opens the contents in `folder`. Returns them, their view, and the sequence up to which they are folded.
pub(crate) fn open(
    folder: &Path,
    data_key: &[u8; 32],
    limits: &StoreLimits,
    guard: Option<StepGuard>,
) -> Result<(Contents, View, u64), StorageError> {
    let kv = Kv::open(folder, &SPACES, limits.engine(), guard)?;
    let contents = Contents::new(kv, Sealer::new(data_key), limits.index.of_another());
    let format = contents.meta().format()?;
    let mut state = contents.meta().state()?;
    if let Some(pending) = contents.meta().pending()? {
        void_pending(&contents, &mut state, &pending)?;
    }
    contents.next_segment().store(state.next_segment.max(1), Ordering::Relaxed);
    let mut view = view_of(&contents.meta(), &state)?;
    remove_unlisted(&contents, &state)?;
    replay(&contents, &mut view)?;
    if format == Format::Before {
        upgrade(&contents, &mut view)?;
    }
    contents.publish(Arc::new(view.clone()));
    Ok((contents, view, state.sequence))
}

/// Gives up the ordinals of a run that never became visible.
fn void_pending(contents: &Contents, state: &mut State, pending: &State) -> Result<(), StorageError> {
    for run in &pending.types {
        let types = match state.types.iter_mut().position(|types| types.of == run.of) {
            Some(at) => &mut state.types[at],
            None => {
                state.types.push(crate::records::TypeState { of: run.of, ..Default::default() });
                state.types.last_mut().expect("one was pushed")
            }
        };
        types.next = types.next.max(run.next);
        types.void.extend(run.void.iter().filter(|range: &&Range<u32>| !range.is_empty()).cloned());
    }
    let mut batch = Batch::default();
    contents.meta().put_state(&mut batch, state);
    contents.meta().remove_pending(&mut batch);
    contents.kv.write(batch)?;
    Ok(contents.kv.sync()?)
}

/// Removes segments that no state lists: a crash came before they were, or after they were replaced.
fn remove_unlisted(contents: &Contents, state: &State) -> Result<(), StorageError> {
    let listed: HashSet<(u16, u32)> = state
        .types
        .iter()
        .flat_map(|types| &types.segments)
        .map(|segment| (segment.of, segment.number))
        .collect();
    let mut from = vec![0; 12];
    while let Some((key, _)) = contents.kv.first(INDEX, &from, &[0xff; 12])? {
        let segment =
            segment_of(&key).ok_or_else(|| StorageError::Damaged("a key of the index".to_owned()))?;
        if !listed.contains(&(segment.of, segment.number)) {
            remove_segment(contents, &segment)?;
        }
        from = segment.key(u16::MAX, u32::MAX);
        from.push(0);
    }
    Ok(())
}

fn segment_of(key: &[u8]) -> Option<Segment> {
    let of = u16::from_be_bytes(key.get(..2)?.try_into().ok()?);
    let number = u32::from_be_bytes(key.get(2..6)?.try_into().ok()?);
    Some(Segment { of, number, base: 0, end: 0 })
}

/// Brings a store of the format before to this one: what it holds waits to be indexed again, since no entry says when
/// a resource came to be.
fn upgrade(contents: &Contents, view: &mut View) -> Result<(), StorageError> {
    if !contents.meta().has_parameters()? {
        view.parameters = adopted_parameters(contents, view)?;
    }
    let held: Vec<ResourceType> = view.types.keys().filter_map(|of| ResourceType::from_number(*of)).collect();
    if !held.is_empty() {
        view.parameters = view.parameters.awaiting_created(held);
    }
    let mut batch = Batch::default();
    contents.meta().put_format(&mut batch);
    contents.meta().put_parameters(&mut batch, &view.parameters);
    contents.kv.write(batch)?;
    Ok(contents.kv.sync()?)
}

/// The parameters that the SearchParameters define which were stored before the store took notice of any.
fn adopted_parameters(contents: &Contents, view: &View) -> Result<ParameterSet, StorageError> {
    let Some(of) = ResourceType::all().find(|of| is_parameter(*of)) else { return Ok(ParameterSet::r4()) };
    let current = view.of(of).map(TypeView::current).unwrap_or_default();
    let reading = contents.reading_of(Arc::new(view.clone()));
    let mut stored = Vec::new();
    for ordinal in current {
        let one = reading.stored(of, ordinal)?;
        stored.extend(one.body.map(|body| (one.key.id, body)));
    }
    let (parameters, refused) = parameters_of_all(&stored);
    let parameters = parameters.of_older_release();
    for (id, error) in refused {
        tracing::warn!(%id, %error, "a SearchParameter was stored that cannot be served; write it again");
    }
    Ok(parameters)
}

/// Puts the commits since the last fold back into the view.
fn replay(contents: &Contents, view: &mut View) -> Result<(), StorageError> {
    let from = (view.sequence + 1).to_be_bytes();
    for pair in contents.kv.scan(LOG, &from, &u64::MAX.to_be_bytes()) {
        let (key, sealed) = pair?;
        let (sequence, record) = LogRecord::open(&contents.sealer, &key, &sealed)?;
        if sequence != view.sequence + 1 {
            return Err(StorageError::Damaged(format!(
                "the log, where record {} is missing",
                view.sequence + 1
            )));
        }
        let reading = contents.reading_of(Arc::new(View::default()));
        for (number, first, count) in &record.writes {
            let of = ResourceType::from_number(*number)
                .ok_or_else(|| StorageError::Damaged(format!("record {sequence} of the log")))?;
            for ordinal in *first..first + count {
                let block = reading.block(of, ordinal)?;
                let version = block.version(ordinal);
                let row = Recent {
                    ordinal,
                    key: fhir::ResourceKey { of, id: version.id.clone() },
                    number: version.number,
                    updated: version.updated,
                    created: reading.birth(of, ordinal)?.0,
                    operation: version.operation,
                    entries: reading.entries(&block, of, ordinal)?,
                };
                let next = view.change(*number).next;
                view.change(*number).push(Arc::new(row), version.prior);
                let types = view.change(*number);
                types.next = types.next.max(next);
            }
        }
        view.sequence = sequence;
        view.newest = Some(record.updated);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
