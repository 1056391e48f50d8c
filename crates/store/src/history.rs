//! Asking for versions, and what comes back.

use std::collections::BTreeSet;

use fhir::{ResourceKey, ResourceType, Time};
use search::{Cancellation, Position};

use crate::Stored;

/// Which versions are asked for; newest first.
#[derive(Clone, Debug)]
pub struct History {
    /// Of what.
    pub of: Scope,
    /// Only this version of an instance (vread).
    pub version: Option<u64>,
    /// Only versions written at or after this time (`_since`).
    pub since: Option<Time>,
    /// Only versions written at or before this time.
    pub until: Option<Time>,
    /// Only versions that stood still after this time: those that no other had replaced by then.
    pub replaced_after: Option<Time>,
    /// Only versions of these resources.
    pub only: Option<BTreeSet<ResourceKey>>,
    /// Continue after this place of an earlier page.
    pub after: Option<Position>,
    /// How many versions a page holds at the most; more than [`PAGE_ROWS_MAX`](crate::limits::PAGE_ROWS_MAX)
    /// means that.
    pub count: usize,
    /// Ends the work on it early.
    pub cancellation: Cancellation,
}

/// Of what the history is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One resource.
    Instance(ResourceKey),
    /// All resources of a type.
    Type(ResourceType),
    /// All resources.
    System,
}

/// One page of versions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Versions {
    /// Newest first, deletions included.
    pub versions: Vec<Stored>,
    /// Where the next page begins, if there is more.
    pub next: Option<Position>,
    /// How many versions all pages hold together, on the first page of the history of an instance; else `None`.
    pub total: Option<u64>,
}

impl History {
    /// The whole history of this scope, `count` versions a page.
    pub fn of(of: Scope, count: usize) -> Self {
        History {
            of,
            version: None,
            since: None,
            until: None,
            replaced_after: None,
            only: None,
            after: None,
            count,
            cancellation: Cancellation::default(),
        }
    }

    /// The whole history of one resource, `count` versions a page.
    pub fn of_instance(key: ResourceKey, count: usize) -> Self {
        History::of(Scope::Instance(key), count)
    }

    /// One version of one resource.
    pub fn version(key: ResourceKey, version: u64) -> Self {
        History { version: Some(version), ..History::of_instance(key, 1) }
    }
}
