//! What a store answers: rows, pages of matches, plans.

use bytes::Bytes;
use fhir::{ResourceKey, Time};
use search::Position;

use crate::Operation;
use crate::limits::PAGE_BYTES_MAX;

/// One version of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its type and id.
    pub key: ResourceKey,
    /// Its version, from 1.
    pub version: u64,
    /// When it was written (`meta.lastUpdated`).
    pub updated: Time,
    /// When the resource came to be: the time of its first version, or of the one that brought it back after its last
    /// deletion. Of a deletion, when what it ended came to be.
    pub created: Time,
    /// Whether the resource came to be by this version: nothing was there before, or a deletion was.
    pub is_creation: bool,
    /// What wrote it.
    pub operation: Operation,
    /// Its content in the stored body form of [`fhir::body`]; `None` for a deletion.
    pub body: Option<Bytes>,
}

impl Stored {
    /// The size of the body in bytes.
    pub fn body_bytes(&self) -> usize {
        self.body.as_ref().map_or(0, Bytes::len)
    }
}

/// How many of these rows make up one page, by [`PAGE_BYTES_MAX`].
pub(crate) fn rows_of_page<'r>(rows: impl Iterator<Item = &'r Stored>) -> usize {
    let sizes = rows.scan(0_usize, |bytes, row| {
        *bytes += row.body_bytes();
        Some(*bytes)
    });
    sizes.enumerate().take_while(|(at, bytes)| *at == 0 || *bytes <= PAGE_BYTES_MAX).count()
}

/// What is shown of one match of a search for contained resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// Whether it is shown itself.
    pub is_whole: bool,
    /// Which of the resources in its `contained` are, counted from zero, in their order.
    pub contained: Vec<usize>,
}

impl Selected {
    /// How many resources are shown.
    pub fn count(&self) -> usize {
        usize::from(self.is_whole) + self.contained.len()
    }
}

/// One page of matches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The matches, in the order asked.
    pub matches: Vec<Stored>,
    /// What is shown of each of them, if the search says (`Search::contents`).
    pub selected: Vec<Selected>,
    /// What they include, each once, none of them a match of this page.
    pub included: Vec<Stored>,
    /// Whether there is more to include than the limits allow.
    pub included_is_cut: bool,
    /// Where the next page begins, if there is more.
    pub next: Option<Position>,
    /// Where the page before ends, if there is one.
    pub previous: Option<Position>,
    /// How many match in all, if asked; of a search that says what is shown of them, how many are shown.
    pub total: Option<u64>,
}
