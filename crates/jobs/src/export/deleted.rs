//! What was deleted since the time that an export asks about: lines that are transaction Bundles of deletions
//! (FHIR Bulk Data Access, "Deleted resources").

use bytes::Bytes;
use fhir::{ResourceKey, ResourceType, Time};
use search::{Extractor, Row, Visible};
use store::{History, Operation, Scope, Store, StoreError, Stored};

use super::plan::{Wanted, entries};

/// Versions read at a time.
const PAGE_ROWS: usize = 500;

/// Finds the deleted resources of one type.
pub(crate) struct Deleted<'d> {
    pub(crate) store: &'d dyn Store,
    pub(crate) visible: &'d Visible,
    pub(crate) wanted: &'d Wanted<'d>,
    pub(crate) extractor: &'d Extractor,
    pub(crate) until: Time,
    pub(crate) history: History,
}

impl Deleted<'_> {
    /// The walk over what was written after `since` and up to `until`.
    pub(crate) fn history(of: ResourceType, since: Time, until: Time) -> History {
        let (since, until) = (Some(Time(since.0 + 1)), Some(until));
        History { since, until, ..History::of(Scope::Type(of), PAGE_ROWS) }
    }

    /// Some more resources that were deleted and did not come back by the export's moment, and whether there are no
    /// more.
    pub(crate) async fn next(&mut self) -> Result<(Vec<ResourceKey>, bool), StoreError> {
        let page = self.store.history(&self.history, self.visible).await?;
        let mut found = Vec::new();
        for deletion in page.versions.iter().filter(|row| row.operation == Operation::Delete) {
            if self.is_wanted(deletion).await? {
                found.push(deletion.key.clone());
            }
        }
        self.history.after = page.next;
        Ok((found, self.history.after.is_none()))
    }

    async fn is_wanted(&self, deletion: &Stored) -> Result<bool, StoreError> {
        let version = |number| History::version(deletion.key.clone(), number);
        let next = self.store.history(&version(deletion.version + 1), self.visible).await?.versions.pop();
        let came_back = next.is_some_and(|next| next.updated <= self.until);
        if came_back || !self.wanted.is_in_time(deletion.updated) {
            return Ok(false);
        }
        let before = self.store.history(&version(deletion.version - 1), self.visible).await?.versions.pop();
        Ok(before.is_some_and(|row| {
            let entries = entries(self.extractor, &row);
            self.wanted.held(Row { key: &row.key, updated: row.updated, within: None, entries: &entries })
        }))
    }
}

/// A line for each deleted resource.
pub(crate) fn lines(keys: &[ResourceKey]) -> Bytes {
    let line = |key: &ResourceKey| {
        format!(
            "{{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[{{\"request\":\
             {{\"method\":\"DELETE\",\"url\":\"{key}\"}}}}]}}\n"
        )
    };
    keys.iter().map(line).collect::<String>().into()
}
