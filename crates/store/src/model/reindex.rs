//! Indexing what is in the model again.

use search::{Extractor, Position};

use super::contents::Contents;
use crate::reindex::extract_again;
use crate::{Reindex, Reindexed, StoreError};

/// Resources of one step.
const STEP_ROWS: usize = 64;

impl Contents {
    pub(super) fn reindex(&mut self, step: &Reindex) -> Result<Reindexed, StoreError> {
        let from = step.after.as_ref().map(place).transpose()?.unwrap_or(0);
        let all: Vec<usize> = self.current(step.of).collect();
        let mut outcome = Reindexed { total: all.len() as u64, ..Reindexed::default() };
        let is_wanted = |ordinal: &usize| {
            step.only.as_ref().is_none_or(|id| self.versions[*ordinal].stored.key.id == *id)
        };
        let left: Vec<usize> = all.into_iter().filter(|ordinal| *ordinal >= from).filter(is_wanted).collect();
        let extractor = Extractor::new(&step.base, &self.parameters);
        for ordinal in left.iter().take(STEP_ROWS) {
            let version = &mut self.versions[*ordinal];
            let body = version.stored.body.as_deref().unwrap_or_default();
            match extract_again(&extractor, &version.stored.key, body) {
                Some(mut entries) => {
                    entries.set_created(version.stored.created);
                    version.entries = entries;
                }
                None => outcome.failed += 1,
            }
            outcome.done += 1;
        }
        outcome.next = left.get(STEP_ROWS).map(|ordinal| Position((*ordinal as u64).to_be_bytes().to_vec()));
        Ok(outcome)
    }
}

fn place(position: &Position) -> Result<usize, StoreError> {
    let bytes = <[u8; 8]>::try_from(position.0.as_slice()).map_err(|_| StoreError::Position)?;
    usize::try_from(u64::from_be_bytes(bytes)).map_err(|_| StoreError::Position)
}
