//! Notes in `meta`: each under its name, and once more under its end, by which folding finds those that are past.

use std::collections::HashMap;

use bytes::Bytes;
use fhir::Time;
use store::limits::{PAGE_BYTES_MAX, PAGE_ROWS_MAX};
use store::{Note, StoreError};

use crate::StorageError;
use crate::contents::Reading;
use crate::keyspace::META;
use crate::kv::Batch;
use crate::pack::{Packer, unpack};
use crate::records::{Meta, damaged};
use crate::varint::{Reader, put_varint};

/// Past notes that one fold removes at the most.
const PURGED_MAX: usize = 1024;

const NOTE: &[u8] = b"note/";
const END: &[u8] = b"note-end/";

/// What a group of commits does to notes, by their names, before it is written: keeps them or forgets them.
#[derive(Default)]
pub(crate) struct StagedNotes(HashMap<String, Option<Note>>);

impl StagedNotes {
    /// Whether there is a note of this name at `now`.
    pub(crate) fn has(&self, meta: &Meta<'_>, name: &str, now: Time) -> Result<bool, StorageError> {
        match self.0.get(name) {
            Some(staged) => Ok(staged.as_ref().is_some_and(|note| note.is_there(now))),
            None => Ok(meta.note(name, now)?.is_some()),
        }
    }

    /// Keeps a note.
    pub(crate) fn keep(&mut self, note: Note) {
        self.0.insert(note.name.clone(), Some(note));
    }

    /// Forgets the note of this name.
    pub(crate) fn forget(&mut self, name: String) {
        self.0.insert(name, None);
    }

    /// Writes what is staged. The record of a forgotten note's end stays until then, and ends nothing.
    pub(crate) fn put(self, meta: &Meta<'_>, batch: &mut Batch) {
        for (name, note) in self.0 {
            let Some(note) = note else {
                batch.remove(META, note_key(&name));
                continue;
            };
            let mut plain = Vec::with_capacity(note.content.len() + 10);
            put_varint(&mut plain, note.expires.map_or(0, |expires| (expires.0 as u64).wrapping_add(1)));
            plain.extend_from_slice(&note.content);
            meta.put(batch, &note_key(&name), &Packer::default().pack(&plain));
            if let Some(expires) = note.expires {
                meta.put(batch, &end_key(expires, &name), &[]);
            }
        }
    }
}

impl Meta<'_> {
    /// The note of this name, if it is there at `now`.
    pub(crate) fn note(&self, name: &str, now: Time) -> Result<Option<Note>, StorageError> {
        let key = note_key(name);
        let Some(plain) = self.get(&key)? else { return Ok(None) };
        Ok(Some(read(&key, &plain)?).filter(|note| note.is_there(now)))
    }

    fn notes(
        &self,
        prefix: &str,
        after: Option<&str>,
        count: usize,
        now: Time,
    ) -> Result<Vec<Note>, StorageError> {
        let (mut notes, mut bytes) = (Vec::new(), 0);
        let after = after.map(|after| [&note_key(after)[..], &[0]].concat());
        let first = note_key(prefix);
        let last = [&first[..], &[0xff]].concat();
        let from = after.map_or(first.clone(), |after| after.max(first));
        if from > last {
            return Ok(notes);
        }
        for pair in self.kv.scan(META, &from, &last) {
            if notes.len() >= count.min(PAGE_ROWS_MAX) {
                break;
            }
            let (key, sealed) = pair?;
            let note = read(&key, &self.open(&key, &sealed)?)?;
            if !note.is_there(now) {
                continue;
            }
            bytes += note.content.len();
            if bytes > PAGE_BYTES_MAX && !notes.is_empty() {
                break;
            }
            notes.push(note);
        }
        Ok(notes)
    }

    /// Has `batch` remove notes that are past at `now`. One whose end was put off has another record of it.
    pub(crate) fn purge_notes(&self, batch: &mut Batch, now: Time) -> Result<(), StorageError> {
        for pair in self.kv.scan(META, END, &end_key(now, "\u{7f}")).take(PURGED_MAX) {
            let (key, _) = pair?;
            let name = key.get(END.len() + 8..).map(String::from_utf8_lossy).ok_or_else(|| damaged(&key))?;
            let at = note_key(&name);
            if let Some(plain) = self.get(&at)?
                && !read(&at, &plain)?.is_there(now)
            {
                batch.remove(META, at);
            }
            batch.remove(META, key.to_vec());
        }
        Ok(())
    }
}

impl Reading<'_> {
    /// The note of this name (`Store::note`).
    pub(crate) fn note(&self, name: &str, now: Time) -> Result<Option<Note>, StoreError> {
        Ok(self.contents.meta().note(name, self.not_before(now))?)
    }

    /// Notes by the start of their names (`Store::notes`).
    pub(crate) fn notes(
        &self,
        prefix: &str,
        after: Option<&str>,
        count: usize,
        now: Time,
    ) -> Result<Vec<Note>, StoreError> {
        Ok(self.contents.meta().notes(prefix, after, count, self.not_before(now))?)
    }

    /// The time as the store sees it: never earlier than that of any write.
    fn not_before(&self, now: Time) -> Time {
        self.view.newest.map_or(now, |newest| newest.max(now))
    }
}

fn note_key(name: &str) -> Vec<u8> {
    [NOTE, name.as_bytes()].concat()
}

fn end_key(expires: Time, name: &str) -> Vec<u8> {
    let ordered = (expires.0 as u64 ^ 1 << 63).to_be_bytes();
    [END, &ordered, name.as_bytes()].concat()
}

fn read(key: &[u8], packed: &[u8]) -> Result<Note, StorageError> {
    let plain = unpack(packed)?;
    let mut reader = Reader::new(&plain);
    let expires = reader.varint()?.checked_sub(1).map(|expires| Time(expires as i64));
    let name = key.get(NOTE.len()..).and_then(|name| std::str::from_utf8(name).ok());
    let name = name.ok_or_else(|| damaged(key))?.to_owned();
    Ok(Note { name, content: Bytes::copy_from_slice(reader.rest()), expires })
}
