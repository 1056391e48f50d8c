//! Notes: small private facts of a data store that are no resources. Whoever works on a data store keeps here what
//! must be true together with its contents: what was asked before, what is under way, what is set up.

use bytes::Bytes;
use fhir::Time;

use crate::StoreError;
use crate::limits::{NOTE_BYTES_MAX, NOTE_NAME_BYTES_MAX};

/// A fact under a name. Never searched, never in a history, gone after its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its name: up to [`NOTE_NAME_BYTES_MAX`] of A-Z, a-z, 0-9 and `- . _ /`. It is kept as it is, unsealed, so
    /// that it may hold words, numbers and random ids, and nothing that a client chose about a patient.
    pub name: String,
    /// What it says, up to [`NOTE_BYTES_MAX`]. Kept sealed.
    pub content: Bytes,
    /// From when on it is no more there; `None`: it stays.
    pub expires: Option<Time>,
}

impl Note {
    /// Whether it is still there at `now`.
    pub fn is_there(&self, now: Time) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    /// What every backend refuses of a note.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.content.len() > NOTE_BYTES_MAX {
            return Err(StoreError::Limit("NOTE_BYTES_MAX"));
        }
        check_name(&self.name)
    }
}

/// What every backend refuses of a note's name.
pub(crate) fn check_name(name: &str) -> Result<(), StoreError> {
    if name.len() > NOTE_NAME_BYTES_MAX {
        return Err(StoreError::Limit("NOTE_NAME_BYTES_MAX"));
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_plain) {
        return Err(StoreError::Failed("a note's name has other characters than it may".to_owned()));
    }
    Ok(())
}
