//! A transaction is a value: writes, and what the caller relied on when it prepared them.

use std::collections::BTreeSet;

use bytes::Bytes;
use fhir::{ResourceKey, ResourceType, Time};
use search::{Entries, Filter};
use thiserror::Error;

use crate::limits::{BODY_BYTES_MAX, TRANSACTION_WRITES_MAX};
use crate::note::check_name;
use crate::{JobId, Note, StoreError};

/// Writes and the preconditions under which they may happen.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    /// Checked against the newest state, together, when the transaction commits.
    pub preconditions: Vec<Precondition>,
    /// Done in order, all or none. No two may write the same resource, or the same note.
    pub writes: Vec<Write>,
}

impl Transaction {
    /// The resources that are put.
    pub fn puts(&self) -> impl Iterator<Item = &Put> {
        self.writes.iter().filter_map(|write| match write {
            Write::Put(put) => Some(put),
            _ => None,
        })
    }

    /// What every backend refuses before it looks at its contents: too many writes, two of one thing, and what
    /// is too large or misnamed.
    ///
    /// # Errors
    /// `Limit` and `Failed`, in the order of the writes.
    pub fn check(&self) -> Result<(), StoreError> {
        if self.writes.len() > TRANSACTION_WRITES_MAX {
            return Err(StoreError::Limit("TRANSACTION_WRITES_MAX"));
        }
        let (mut keys, mut names) = (BTreeSet::new(), BTreeSet::new());
        for write in &self.writes {
            let is_first = match write {
                Write::Put(put) => {
                    put.check()?;
                    keys.insert(&put.key)
                }
                Write::Delete(key) | Write::Erase(key) | Write::EraseVersion(key, _) => keys.insert(key),
                Write::Note(note) => {
                    note.check()?;
                    names.insert(&note.name)
                }
                Write::Forget(name) => {
                    check_name(name)?;
                    names.insert(name)
                }
                Write::Indexed { .. } => true,
            };
            if !is_first {
                return Err(StoreError::Failed("a transaction writes one thing twice".to_owned()));
            }
        }
        Ok(())
    }
}

/// One write.
#[derive(Clone, Debug)]
pub enum Write {
    /// Create the resource or its next version.
    Put(Put),
    /// Delete the resource; of one that is absent or deleted already, nothing happens.
    Delete(ResourceKey),
    /// Keep the note, in place of one of its name. It has no version; 0 stands in its place.
    Note(Note),
    /// Forget the note of this name, if it is there.
    Forget(String),
    /// Remove every version of the resource for good, as if it never was: a later put makes version 1.
    Erase(ResourceKey),
    /// Remove one version for good; the others keep their numbers. The newest one stays, and with it what is
    /// current: write another first, or erase the resource.
    EraseVersion(ResourceKey, u64),
    /// All resources of these types were indexed again (`Store::reindex`), from when the number of what is extracted
    /// was `since`: search parameters that waited for that serve from now on.
    Indexed {
        /// [`search::ParameterSet::extraction`] when the first step began.
        since: u64,
        /// The types.
        types: Vec<ResourceType>,
    },
}

/// A resource to be written.
#[derive(Clone, Debug)]
pub struct Put {
    /// Its type and id.
    pub key: ResourceKey,
    /// Its content in the stored body form of [`fhir::body`].
    pub body: Bytes,
    /// Its indexed facts, but for when the resource came to be: that is the store's to say.
    pub entries: Entries,
    /// What the client asked for, as history shows it.
    pub operation: Operation,
}

impl Put {
    /// What every backend refuses of a put.
    ///
    /// # Errors
    /// `Limit` when the body is too large.
    pub fn check(&self) -> Result<(), StoreError> {
        if self.body.len() > BODY_BYTES_MAX { Err(StoreError::Limit("BODY_BYTES_MAX")) } else { Ok(()) }
    }
}

/// What made a version: the HTTP method that history shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `POST`.
    Create,
    /// `PUT`.
    Update,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
}

/// What the caller believed when it prepared the writes.
#[derive(Clone, Debug)]
pub enum Precondition {
    /// The current version is this one; a deletion is a version too.
    Version(ResourceKey, u64),
    /// There is no current version and never was one.
    Absent(ResourceKey),
    /// There is a current version that is not a deletion.
    Present(ResourceKey),
    /// Nothing matches. The filter is confined already.
    NoMatch(ResourceType, Filter),
    /// This resource and no other matches.
    OnlyMatch(ResourceKey, Filter),
    /// There is no note of this name.
    Unnoted(String),
}

/// What a commit made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The number of this commit, rising.
    pub sequence: u64,
    /// The time given to every write.
    pub updated: Time,
    /// The version of each write, in order; of a delete that had nothing to do, the version that stands
    /// (0 if there is none); of an erasure, how many versions it removed; of a note 0.
    pub versions: Vec<u64>,
}

/// Why nothing was committed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommitError {
    /// The precondition of this index does not hold.
    #[error("precondition {0} does not hold")]
    Conflict(usize),
    /// The store could not.
    #[error(transparent)]
    Failed(#[from] StoreError),
}

/// A run of an import: puts that are done together, each on its own.
#[derive(Clone, Debug)]
pub struct Run {
    /// Which run of which job; the numbers of one job rise.
    pub id: RunId,
    /// Done in order. The same resource may stand more than once; each makes a version.
    pub puts: Vec<Put>,
}

/// The name of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunId {
    /// The job.
    pub job: JobId,
    /// The number of the run within the job.
    pub number: u64,
}

/// What a run made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingested {
    /// The time given to every put.
    pub updated: Time,
    /// The version of each put, in order.
    pub versions: Vec<u64>,
    /// Whether the run had been done before and this repeats its outcome.
    pub repeated: bool,
}
