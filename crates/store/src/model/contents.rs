//! Every version in the order written, and what can be seen of them one by one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use fhir::{ResourceKey, ResourceType, Time};
use search::{Entries, Filter, Graph, ParameterSet, Position, Row, Visible};

use crate::limits::PAGE_ROWS_MAX;
use crate::stored::rows_of_page;
use crate::{History, Ingested, JobId, Note, Scope, StoreError, Stored, Versions};

/// One version with its indexed facts; a deletion has none.
pub(super) struct Version {
    pub(super) stored: Stored,
    pub(super) entries: Entries,
    /// Whether it was removed for good: only its place is left, so that positions keep their meaning.
    pub(super) is_erased: bool,
}

impl Version {
    pub(super) fn row(&self) -> Row<'_> {
        Row { key: &self.stored.key, updated: self.stored.updated, entries: &self.entries, within: None }
    }

    pub(super) fn is_deletion(&self) -> bool {
        self.stored.body.is_none()
    }

    /// Forgets everything but the place.
    pub(super) fn erase(&mut self) {
        self.is_erased = true;
        self.stored.body = None;
        self.entries = Entries::new();
    }
}

/// All there is. The number of a version in `versions` is its ordinal.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) versions: Vec<Version>,
    /// The ordinals of each resource's versions, oldest first.
    pub(super) of_key: BTreeMap<ResourceKey, Vec<usize>>,
    /// How many bodies were opened to look for words.
    pub(super) opened: AtomicUsize,
    /// How many were opened for the resources contained in them.
    pub(super) containers: AtomicUsize,
    pub(super) sequence: u64,
    pub(super) parameters: ParameterSet,
    pub(super) newest: Option<Time>,
    /// The last run of each job.
    pub(super) runs: BTreeMap<JobId, (u64, Ingested)>,
    /// By name, those past their end among them.
    pub(super) notes: BTreeMap<String, Note>,
}

impl Contents {
    /// The newest version, deletions included.
    pub(super) fn newest(&self, key: &ResourceKey) -> Option<&Version> {
        let ordinal = self.of_key.get(key)?.last()?;
        Some(&self.versions[*ordinal])
    }

    /// The ordinals of the current resources of a type, in the order written.
    pub(super) fn current(&self, of: ResourceType) -> impl Iterator<Item = usize> {
        let newest = |version: &Version, ordinal| {
            self.of_key.get(&version.stored.key).and_then(|all| all.last()) == Some(&ordinal)
        };
        self.versions
            .iter()
            .enumerate()
            .filter(move |(_, version)| version.stored.key.of == of && !version.is_deletion())
            .filter(move |(ordinal, version)| newest(version, *ordinal))
            .map(|(ordinal, _)| ordinal)
    }

    /// Whether a version may be seen; a deletion by whom the version before it was.
    fn sees(&self, visible: &Visible, ordinal: usize) -> bool {
        let version = &self.versions[ordinal];
        let judged = if version.is_deletion() {
            let all = &self.of_key[&version.stored.key];
            let at = all.partition_point(|other| *other < ordinal);
            match all[..at].iter().rev().find(|other| !self.versions[**other].is_deletion()) {
                Some(before) => &self.versions[*before],
                None => return *visible.of(version.stored.key.of) == Filter::Everything,
            }
        } else {
            version
        };
        visible.of(judged.stored.key.of).matches(judged.row(), self)
    }

    pub(super) fn read(&self, keys: &[ResourceKey], visible: &Visible) -> Vec<Option<Stored>> {
        let one = |key: &ResourceKey| {
            let ordinal = *self.of_key.get(key)?.last()?;
            self.sees(visible, ordinal).then(|| self.versions[ordinal].stored.clone())
        };
        keys.iter().map(one).collect()
    }

    pub(super) fn history(&self, of: &History, visible: &Visible) -> Result<Versions, StoreError> {
        let before = match &of.after {
            None => self.versions.len(),
            Some(position) => self.history_place(position)?,
        };
        let wanted: Vec<usize> = (0..self.versions.len())
            .rev()
            .filter(|ordinal| self.is_wanted(of, *ordinal) && self.sees(visible, *ordinal))
            .collect();
        let is_counted = matches!(of.of, Scope::Instance(_)) && of.after.is_none();
        let total = is_counted.then_some(wanted.len() as u64);
        let left: Vec<usize> = wanted.into_iter().filter(|ordinal| *ordinal < before).collect();
        let page = &left[..left.len().min(of.count).min(PAGE_ROWS_MAX)];
        let page = &page[..rows_of_page(page.iter().map(|ordinal| &self.versions[*ordinal].stored))];
        let next = page.last().filter(|_| page.len() < left.len());
        Ok(Versions {
            versions: page.iter().map(|ordinal| self.versions[*ordinal].stored.clone()).collect(),
            next: next.map(|ordinal| Position((*ordinal as u64).to_be_bytes().to_vec())),
            total,
        })
    }

    fn is_wanted(&self, of: &History, ordinal: usize) -> bool {
        let stored = &self.versions[ordinal].stored;
        let in_scope = match &of.of {
            Scope::Instance(key) => stored.key == *key,
            Scope::Type(of) => stored.key.of == *of,
            Scope::System => true,
        };
        in_scope
            && !self.versions[ordinal].is_erased
            && of.version.is_none_or(|version| stored.version == version)
            && of.since.is_none_or(|since| stored.updated >= since)
            && of.until.is_none_or(|until| stored.updated <= until)
            && of.only.as_ref().is_none_or(|only| only.contains(&stored.key))
            && of.replaced_after.is_none_or(|time| {
                let replaced = self.successor(ordinal).map(|next| next.stored.updated);
                replaced.is_none_or(|replaced| replaced > time)
            })
    }

    /// The version that replaced one, of those that are left.
    fn successor(&self, ordinal: usize) -> Option<&Version> {
        let all = self.of_key.get(&self.versions[ordinal].stored.key)?;
        let next = all.partition_point(|other| *other <= ordinal);
        all[next..].iter().map(|next| &self.versions[*next]).find(|next| !next.is_erased)
    }

    fn history_place(&self, position: &Position) -> Result<usize, StoreError> {
        let bytes = <[u8; 8]>::try_from(position.0.as_slice()).map_err(|_| StoreError::Position)?;
        usize::try_from(u64::from_be_bytes(bytes))
            .ok()
            .filter(|ordinal| *ordinal < self.versions.len())
            .ok_or(StoreError::Position)
    }
}

impl Graph for Contents {
    fn row(&self, key: &ResourceKey) -> Option<Row<'_>> {
        self.newest(key).filter(|version| !version.is_deletion()).map(Version::row)
    }

    fn body(&self, key: &ResourceKey) -> Option<Cow<'_, [u8]>> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.newest(key)?.stored.body.as_deref().map(Cow::Borrowed)
    }

    fn container(&self, key: &ResourceKey) -> Option<Cow<'_, [u8]>> {
        self.containers.fetch_add(1, Ordering::Relaxed);
        self.newest(key)?.stored.body.as_deref().map(Cow::Borrowed)
    }

    fn rows(&self, of: ResourceType) -> Box<dyn Iterator<Item = Row<'_>> + '_> {
        Box::new(self.current(of).map(|ordinal| self.versions[ordinal].row()))
    }
}
