//! Making a data store writable again whose journal lost commits that were on the disk. What came before them stays;
//! what came after them, and where it would have stood, is given up.

use std::path::Path;

use fhir::{ResourceType, Time};
use store::DataKey;

use crate::StorageError;
use crate::contents::Contents;
use crate::keyspace::{BODY, SPACES};
use crate::kv::{Batch, Repair, repair};
use crate::open::{StoreLimits, open};
use crate::records::{State, TypeState};
use crate::version::Block;
use crate::view::{TypeView, View};

/// What a repair did to a data store, in words and numbers that hold no data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreRepair {
    /// What was done to its database.
    pub database: Repair,
    /// The last commit that is kept; all before it are kept too.
    pub last_commit: u64,
    /// When that was; absent if nothing is kept.
    pub last_updated: Option<Time>,
    /// Versions that stand in the tables and belong to no commit that is kept.
    pub versions_given_up: u64,
}

/// Repairs the data store in `folder`. Returns `None` if there is nothing to repair.
///
/// # Errors
/// When it is damaged elsewhere than in its journal, belongs to another key, or the disk fails.
pub fn repair_store(
    folder: &Path,
    data_key: &DataKey,
    limits: &StoreLimits,
) -> Result<Option<StoreRepair>, StorageError> {
    let Some(database) = repair(folder, &SPACES, limits.engine())? else { return Ok(None) };
    let (contents, view, _) = open(folder, data_key.bytes(), limits, None)?;
    let types = unknown(&contents, &view)?;
    let versions_given_up =
        types.iter().flat_map(|of| &of.void).map(|void| u64::from(void.end - void.start)).sum();
    if !types.is_empty() {
        // As after a run that never became visible: the next opening makes these ordinals void for ever.
        let mut batch = Batch::default();
        contents.meta().put_pending(&mut batch, &State { types, ..State::default() });
        contents.kv.write(batch)?;
        contents.kv.sync()?;
    }
    let (last_commit, last_updated) = (view.sequence, view.newest);
    Ok(Some(StoreRepair { database, last_commit, last_updated, versions_given_up }))
}

/// The ordinals of each type that tables hold and no commit tells of.
fn unknown(contents: &Contents, view: &View) -> Result<Vec<TypeState>, StorageError> {
    let mut types = Vec::new();
    for of in ResourceType::all().map(ResourceType::number) {
        let (mut from, mut to) = (of.to_be_bytes().to_vec(), of.to_be_bytes().to_vec());
        from.extend([0; 5]);
        to.extend([0xff; 5]);
        let Some((key, _)) = contents.kv.last(BODY, &from, &to)? else { continue };
        let damaged = || StorageError::Damaged("a key of the bodies".to_owned());
        let first = key.get(2..6).and_then(|first| first.try_into().ok()).ok_or_else(damaged)?;
        let block = Block::load(&contents.kv, &contents.sealer, of, u32::from_be_bytes(first))?;
        let end = block.ok_or_else(damaged)?.end();
        let next = view.types.get(&of).map_or(0, |types: &std::sync::Arc<TypeView>| types.next);
        if end > next {
            types.push(TypeState {
                of,
                next: end,
                void: std::iter::once(next..end).collect(),
                ..TypeState::default()
            });
        }
    }
    Ok(types)
}
