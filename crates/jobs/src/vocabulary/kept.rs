//! Large code systems that stay in memory once they were read, each in the version that was read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use fhir::{ResourceKey, Span, Time};
use search::{Definition, Filter, Prefix, VocabularyNeed};
use store::Stored;

/// How much memory the kept code systems of all data stores may take together, in bytes.
pub const KEPT_VOCABULARY_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Resources smaller than this are read again each time, in bytes: that is as quick as to make sure of them.
const KEPT_BYTES_MIN: usize = 64 * 1024;

/// How long a resource must have stood before it is kept, in microseconds. Searches know times to the millisecond, and
/// what is kept is told from what is written later by its time.
const SETTLED_MICROSECONDS: i64 = 2_000;

/// Code systems that were read once.
#[derive(Default)]
pub struct KeptVocabulary {
    /// The one asked for last at the end.
    all: Mutex<Vec<(String, VocabularyNeed, Kept)>>,
    /// What is being read now, for others who want it to wait.
    reading: Mutex<HashMap<(String, VocabularyNeed), Arc<Turn>>>,
}

/// Whose turn it is to read.
pub(super) type Turn = tokio::sync::Mutex<()>;

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    key: ResourceKey,
    updated: Time,
    pub(super) definition: Definition,
}

impl Kept {
    /// What is passed by it and by what was written after it.
    pub(super) fn since(&self) -> Filter {
        Filter::Updated(Prefix::GreaterOrEqual, self.moment())
    }

    /// What is passed by nothing but it, as it was read.
    pub(super) fn itself(&self) -> Filter {
        Filter::Ids(vec![self.key.id.clone()]).and(Filter::Updated(Prefix::Equal, self.moment()))
    }

    fn moment(&self) -> Span {
        let from = self.updated.0.div_euclid(1000) * 1000;
        Span { from: Time(from), to: Time(from + 1000) }
    }
}

impl KeptVocabulary {
    /// The turns of reading this: one reads a large code system, and the others find it kept.
    pub(super) fn turns(&self, base: &str, need: &VocabularyNeed) -> Arc<Turn> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        reading.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(reading.entry((base.to_owned(), need.clone())).or_default())
    }

    pub(super) fn get(&self, base: &str, need: &VocabularyNeed) -> Option<Kept> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let at = all.iter().position(|(of, known, _)| of == base && known == need)?;
        let found = all.remove(at);
        let kept = found.2.clone();
        all.push(found);
        Some(kept)
    }

    pub(super) fn keep(
        &self,
        base: &str,
        need: VocabularyNeed,
        stored: &Stored,
        definition: &Definition,
        now: Time,
    ) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(of, known, _)| !(of == base && *known == need));
        let is_settled = now.0 > stored.updated.0 + SETTLED_MICROSECONDS;
        if definition.memory_bytes() == 0 || stored.body_bytes() < KEPT_BYTES_MIN || !is_settled {
            return;
        }
        let kept = Kept { key: stored.key.clone(), updated: stored.updated, definition: definition.clone() };
        all.push((base.to_owned(), need, kept));
        let mut bytes: usize = all.iter().map(|(_, _, kept)| kept.definition.memory_bytes()).sum();
        while bytes > KEPT_VOCABULARY_BYTES_MAX {
            let (_, _, first) = all.remove(0);
            bytes -= first.definition.memory_bytes();
        }
    }
}
