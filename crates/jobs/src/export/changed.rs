//! What changed while an export ran, as it was at the export's moment.
//!
//! The walk over what is current leaves out what was written after the moment, so a resource that changes before
//! the walk comes to it would be missing. This finds such resources in the history and writes the version that
//! stood at the moment, unless the walk had come by before the change: what was written tells that.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use fhir::{Id, ResourceKey, ResourceType, Time};
use futures::TryStreamExt;
use search::{Extractor, Filter, Row, Search, Visible};
use store::{History, Scope, Store, StoreError, Stored};

use super::part::Place;
use super::plan::{Wanted, entries};
use crate::import::{Halt, fault};
use crate::ndjson::{self, Splitter};
use crate::objects::{Objects, ObjectsError};

/// Resources that are looked for in what was written at once.
const BATCH_ROWS: usize = 10_000;
/// Their bodies, in bytes.
const BATCH_BYTES: usize = 16 << 20;
/// Versions read at a time.
const PAGE_ROWS: usize = 500;

/// Finds the changed resources of one type.
pub(crate) struct Changed<'c> {
    pub(crate) store: &'c dyn Store,
    pub(crate) visible: &'c Visible,
    pub(crate) wanted: &'c Wanted<'c>,
    pub(crate) extractor: &'c Extractor,
    pub(crate) of: ResourceType,
    /// The export's moment.
    pub(crate) until: Time,
    /// Where the walk over the changes is.
    pub(crate) history: History,
}

impl<'c> Changed<'c> {
    /// The walk over what was written after the moment.
    pub(crate) fn history(of: ResourceType, until: Time) -> History {
        let since = Some(Time(until.0 + 1));
        History { since, ..History::of(Scope::Type(of), PAGE_ROWS) }
    }

    /// Some more of the resources that changed, each as it was at the moment, those that had not been there
    /// left out; and whether there are no more.
    pub(crate) async fn next(&mut self) -> Result<(Vec<Stored>, bool), StoreError> {
        let (mut found, mut bytes) = (Vec::new(), 0);
        loop {
            let page = self.store.history(&self.history, self.visible).await?;
            for later in page.versions.iter().filter(|later| later.version > 1) {
                if let Some(before) = self.before(later).await? {
                    bytes += before.body_bytes();
                    found.push(before);
                }
            }
            self.history.after = page.next;
            if self.history.after.is_none() || found.len() >= BATCH_ROWS || bytes >= BATCH_BYTES {
                break;
            }
        }
        Ok((found, self.history.after.is_none()))
    }

    /// The version before, if it is the one that stood at the moment and belongs to the export.
    async fn before(&self, later: &Stored) -> Result<Option<Stored>, StoreError> {
        let key = ResourceKey { of: self.of, id: later.key.id.clone() };
        let history = History::version(key, later.version - 1);
        let before = self.store.history(&history, self.visible).await?.versions.pop();
        let stood = |row: &Stored| row.updated <= self.until && row.body.is_some();
        let before = before.filter(stood).filter(|row| self.wanted.is_in_time(row.updated));
        Ok(before.filter(|row| self.belongs(row)))
    }

    fn belongs(&self, row: &Stored) -> bool {
        let entries = entries(self.extractor, row);
        self.wanted.held(Row { key: &row.key, updated: row.updated, within: None, entries: &entries })
    }

    /// Leaves out the rows whose criteria look at other resources and that do not meet them now.
    pub(crate) async fn keep_matching(&self, rows: Vec<Stored>) -> Result<Vec<Stored>, StoreError> {
        if self.wanted.is_local() {
            return Ok(rows);
        }
        let mut kept: HashSet<Id> = HashSet::new();
        for some in rows.chunks(PAGE_ROWS) {
            let ids = Filter::Ids(some.iter().map(|row| row.key.id.clone()).collect());
            let mut search = Search::new(self.visible, self.of, self.wanted.filter_without_time().and(ids));
            search.count = some.len();
            loop {
                let found = self.store.search(&search).await?;
                kept.extend(found.matches.into_iter().map(|row| row.key.id));
                search.after = found.next;
                if search.after.is_none() {
                    break;
                }
            }
        }
        Ok(rows.into_iter().filter(|row| kept.contains(&row.key.id)).collect())
    }
}

/// Leaves out the rows that stand in one of the first `parts` parts of their type. Where what was written may not
/// be read, none does: then a resource may stand twice, in the same version.
pub(crate) async fn leave_out_written(
    objects: &dyn Objects,
    place: &Place,
    of: ResourceType,
    parts: u64,
    rows: Vec<Stored>,
) -> Result<Vec<Stored>, Halt> {
    let mut left: HashMap<Id, Stored> = rows.into_iter().map(|row| (row.key.id.clone(), row)).collect();
    for part in 0..parts {
        if left.is_empty() {
            break;
        }
        let uri = place.uri(&place.name(of, part, false));
        let content = match objects.get(uri.bucket(), uri.key(), None).await {
            Ok(content) => content,
            Err(ObjectsError::AccessDenied) => break,
            Err(error) => return Err(fault("output", &error)),
        };
        let read = each_line(content, |line| drop(id_of(&line).and_then(|id| left.remove(&id)))).await;
        read.map_err(|error| fault("output", &error))?;
    }
    let mut rows: Vec<Stored> = left.into_values().collect();
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(rows)
}

async fn each_line(mut content: crate::Content, mut visit: impl FnMut(Bytes)) -> Result<(), ObjectsError> {
    let mut splitter = Splitter::new(ndjson::Place::default());
    while let Some(mut chunk) = content.try_next().await? {
        while let Some(line) = splitter.next_line(&mut chunk) {
            line.text.map(&mut visit);
        }
    }
    if let Some(line) = splitter.last_line() {
        line.text.map(&mut visit);
    }
    Ok(())
}

/// The id in a line that an export wrote: the second member, after the type.
fn id_of(line: &[u8]) -> Option<Id> {
    let start = memchr::memmem::find(line, b"\"id\":\"")? + 6;
    let end = start + memchr::memchr(b'"', &line[start..])?;
    Id::parse(std::str::from_utf8(&line[start..end]).ok()?)
}
