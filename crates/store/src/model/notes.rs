//! The notes of the model.

use fhir::Time;

use super::contents::Contents;
use crate::Note;
use crate::limits::{PAGE_BYTES_MAX, PAGE_ROWS_MAX};

impl Contents {
    /// The note of this name, unless it is past its end.
    pub(super) fn note(&self, name: &str, now: Time) -> Option<Note> {
        let now = self.not_before(now);
        self.notes.get(name).filter(|note| note.is_there(now)).cloned()
    }

    pub(super) fn notes(&self, prefix: &str, after: Option<&str>, count: usize, now: Time) -> Vec<Note> {
        let now = self.not_before(now);
        let mut bytes = 0;
        let wanted = self.notes.values().filter(|note| {
            note.name.starts_with(prefix)
                && after.is_none_or(|after| note.name.as_str() > after)
                && note.is_there(now)
        });
        wanted
            .take(count.min(PAGE_ROWS_MAX))
            .enumerate()
            .take_while(|(at, note)| {
                bytes += note.content.len();
                *at == 0 || bytes <= PAGE_BYTES_MAX
            })
            .map(|(_, note)| note.clone())
            .collect()
    }

    /// The time as the store sees it: never earlier than that of any write.
    pub(super) fn not_before(&self, now: Time) -> Time {
        self.newest.map_or(now, |newest| newest.max(now))
    }
}
