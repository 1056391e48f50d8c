//! Versions, newest first: of a resource by the links between its versions, of a type by ordinals, of all by
//! the log. Times never go back, neither from ordinal to ordinal nor from commit to commit: what is bounded by
//! time is found by halving and left at its end.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::ControlFlow;

use fhir::{ResourceKey, ResourceType, Time};
use roaring::RoaringBitmap;
use search::{Position, Visible};
use store::limits::{PAGE_BYTES_MAX, PAGE_ROWS_MAX};
use store::{History, Scope, StoreError, Stored, Versions};

use crate::StorageError;
use crate::contents::Reading;
use crate::keyspace::LOG;
use crate::records::LogRecord;
use crate::version::Version;
use crate::view::TypeView;

/// One version on its way into a page, with the place where a page may end.
struct Candidate {
    of: ResourceType,
    ordinal: u32,
    place: Vec<u8>,
}

/// The page being filled.
struct Filling<'r, 'h> {
    reading: &'r Reading<'r>,
    history: &'h History,
    visible: &'h Visible,
    /// How many versions the page holds, less once it is full by their size.
    count: usize,
    bytes: usize,
    places: Vec<Vec<u8>>,
    page: Versions,
    /// Resources of which the version that stood at `replaced_after` was met.
    decided: HashSet<ResourceKey>,
}

impl Reading<'_> {
    /// One page of versions (`Store::history`).
    pub(crate) fn history(&self, history: &History, visible: &Visible) -> Result<Versions, StoreError> {
        let count = history.count.min(PAGE_ROWS_MAX);
        let (page, decided) = Default::default();
        let mut filling =
            Filling { reading: self, history, visible, count, bytes: 0, places: Vec::new(), page, decided };
        match &history.of {
            Scope::Instance(key) => filling.instance(key)?,
            Scope::Type(of) => filling.of_type(*of)?,
            Scope::System => filling.system()?,
        }
        Ok(filling.page)
    }

    /// Whether a version may be looked at: it was not erased, and this view knows it.
    fn is_known(&self, of: ResourceType, ordinal: u32) -> bool {
        self.of(of).is_some_and(|types| types.is_known(ordinal))
    }

    /// Visits the versions of a resource, the newest first, from an ordinal on.
    fn each_version(
        &self,
        key: &ResourceKey,
        from: Option<u32>,
        mut visit: impl FnMut(u32, &Version) -> Result<ControlFlow<()>, StorageError>,
    ) -> Result<(), StorageError> {
        let mut at = from;
        while let Some(ordinal) = at {
            let block = self.block(key.of, ordinal)?;
            let version = block.version(ordinal);
            at = version.prior;
            if !self.is_known(key.of, ordinal) {
                continue;
            }
            if version.id != key.id || visit(ordinal, version)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn newest_ordinal(&self, key: &ResourceKey) -> Result<Option<u32>, StorageError> {
        Ok(self.newest(key)?.map(|standing| standing.ordinal))
    }

    /// The ordinals of all versions of some resources, by type.
    fn ordinals_of(
        &self,
        keys: &BTreeSet<ResourceKey>,
    ) -> Result<BTreeMap<u16, RoaringBitmap>, StorageError> {
        let mut found: BTreeMap<u16, RoaringBitmap> = BTreeMap::new();
        for key in keys {
            self.each_version(key, self.newest_ordinal(key)?, |ordinal, _| {
                found.entry(key.of.number()).or_default().insert(ordinal);
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(found)
    }

    /// The end of the ordinals before `end` that were written at or before `until`.
    fn end_by_time(
        &self,
        of: ResourceType,
        types: &TypeView,
        end: u32,
        until: Time,
    ) -> Result<u32, StorageError> {
        let (mut low, mut high) = (0, end);
        while low < high {
            let middle = low + (high - low) / 2;
            match (middle..high).find(|ordinal| types.is_known(*ordinal)) {
                Some(probe) if self.block(of, probe)?.version(probe).updated <= until => low = probe + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// The record of a commit.
    fn commit(&self, sequence: u64) -> Result<LogRecord, StorageError> {
        let key = sequence.to_be_bytes();
        let sealed = self.contents.kv.get(LOG, &key)?;
        let sealed =
            sealed.ok_or_else(|| StorageError::Damaged("the log, where a record is missing".into()))?;
        Ok(LogRecord::open(&self.contents.sealer, &key, &sealed)?.1)
    }

    /// The last commit up to `last` that came at or before `until`.
    fn last_by_time(&self, last: u64, until: Time) -> Result<u64, StorageError> {
        let (mut low, mut high) = (0, last);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if self.commit(middle)?.updated <= until { low = middle } else { high = middle - 1 }
        }
        Ok(low)
    }
}

impl Filling<'_, '_> {
    fn instance(&mut self, key: &ResourceKey) -> Result<(), StoreError> {
        let reading = self.reading;
        let History { version: wanted, since, replaced_after, after, .. } = self.history;
        let (from, mut replaced) = match after {
            None => (reading.newest_ordinal(key)?, None),
            Some(position) => self.after(key, position)?,
        };
        let is_left_out = self.history.only.as_ref().is_some_and(|only| !only.contains(key));
        let mut total = 0;
        reading.each_version(key, from.filter(|_| !is_left_out), |ordinal, version| {
            let is_past = wanted.is_some_and(|wanted| version.number < wanted)
                || since.is_some_and(|since| version.updated < since)
                || replaced.is_some() && replaced <= *replaced_after;
            if is_past {
                return Ok(ControlFlow::Break(()));
            }
            replaced = Some(version.updated);
            if !self.is_shown(key.of, ordinal)? {
                return Ok(ControlFlow::Continue(()));
            }
            total += 1;
            let place = [&version.number.to_be_bytes()[..], &ordinal.to_be_bytes()].concat();
            let is_full = self.add(Candidate { of: key.of, ordinal, place })?;
            // On the first page all are counted.
            Ok(if is_full && after.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        self.page.total = after.is_none().then_some(total);
        Ok(())
    }

    /// Where the versions of a resource go on after a place, and when the one before was written.
    fn after(
        &self,
        key: &ResourceKey,
        position: &Position,
    ) -> Result<(Option<u32>, Option<Time>), StoreError> {
        let place = read_place::<12>(position)?;
        let (number, ordinal) = place.split_at(8);
        let number = number.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let ordinal = ordinal.iter().fold(0, |ordinal, byte| ordinal << 8 | u32::from(*byte));
        if self.reading.of(key.of).is_none_or(|types| ordinal >= types.next) {
            return Err(StoreError::Position);
        }
        if self.reading.is_known(key.of, ordinal) {
            let block = self.reading.block(key.of, ordinal)?;
            let version = block.version(ordinal);
            let is_ours = version.id == key.id && version.number == number;
            let going_on = (version.prior, Some(version.updated));
            return if is_ours { Ok(going_on) } else { Err(StoreError::Position) };
        }
        // The version that the page ended with was erased since: what is older is found from the newest.
        let (mut from, mut replaced) = (None, None);
        self.reading.each_version(key, self.reading.newest_ordinal(key)?, |at, version| {
            if at < ordinal {
                from = Some(at);
                return Ok(ControlFlow::Break(()));
            }
            replaced = Some(version.updated);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok((from, replaced))
    }

    fn of_type(&mut self, of: ResourceType) -> Result<(), StoreError> {
        let reading = self.reading;
        let Some(types) = reading.of(of) else {
            return if self.history.after.is_some() { Err(StoreError::Position) } else { Ok(()) };
        };
        let mut end = match &self.history.after {
            None => types.next,
            Some(at) => u32::from_be_bytes(read_place::<4>(at)?),
        };
        if end > types.next {
            return Err(StoreError::Position);
        }
        if let Some(until) = self.history.until {
            end = reading.end_by_time(of, types, end, until)?;
        }
        let ordinals: Box<dyn Iterator<Item = u32>> = match &self.history.only {
            None => Box::new((0..end).rev().filter(|ordinal| types.is_known(*ordinal))),
            Some(only) => {
                let mut all = reading.ordinals_of(only)?.remove(&of.number()).unwrap_or_default();
                all.remove_range(end..);
                Box::new(all.into_iter().rev())
            }
        };
        for ordinal in ordinals {
            if self.is_over(reading.block(of, ordinal)?.version(ordinal).updated) {
                break;
            }
            let place = ordinal.to_be_bytes().to_vec();
            if self.is_wanted(of, ordinal)? && self.add(Candidate { of, ordinal, place })? {
                break;
            }
        }
        Ok(())
    }

    fn system(&mut self) -> Result<(), StoreError> {
        let sequence = self.reading.view.sequence;
        let (mut last, skip_from) = match &self.history.after {
            None => (sequence, u32::MAX),
            Some(at) => {
                let bytes = read_place::<12>(at)?;
                let (last, index) = bytes.split_at(8);
                let number = |bytes: &[u8]| bytes.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
                (number(last), number(index) as u32)
            }
        };
        if last > sequence {
            return Err(StoreError::Position);
        }
        let from = last;
        if let Some(until) = self.history.until {
            last = self.reading.last_by_time(last, until)?;
        }
        let only = self.history.only.as_ref().map(|only| self.reading.ordinals_of(only)).transpose()?;
        let contents = self.reading.contents;
        for pair in contents.kv.scan(LOG, &0u64.to_be_bytes(), &last.to_be_bytes()).rev() {
            let (key, sealed) = pair.map_err(StorageError::from)?;
            let (number, record) = LogRecord::open(&contents.sealer, &key, &sealed)?;
            let below = if number == from { skip_from } else { u32::MAX };
            if self.is_over(record.updated) || self.of_commit(number, &record, below, only.as_ref())? {
                break;
            }
        }
        Ok(())
    }

    /// Adds the writes of one commit from the last to the first; `true` when the page is full.
    fn of_commit(
        &mut self,
        number: u64,
        record: &LogRecord,
        below: u32,
        only: Option<&BTreeMap<u16, RoaringBitmap>>,
    ) -> Result<bool, StorageError> {
        let mut index: u32 = record.writes.iter().map(|(_, _, count)| *count).sum();
        for (of, first, count) in record.writes.iter().rev() {
            let wanted = only.map(|only| only.get(of));
            for ordinal in (*first..first + count).rev() {
                index -= 1;
                let is_left_out = wanted.is_some_and(|all| !all.is_some_and(|all| all.contains(ordinal)));
                if index >= below || is_left_out {
                    continue;
                }
                let of = ResourceType::from_number(*of)
                    .ok_or_else(|| StorageError::Damaged("the type of a write in the log".to_owned()))?;
                let place = [&number.to_be_bytes()[..], &index.to_be_bytes()].concat();
                let is_wanted = self.reading.is_known(of, ordinal) && self.is_wanted(of, ordinal)?;
                if is_wanted && self.add(Candidate { of, ordinal, place })? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether nothing written at this time or before is wanted.
    fn is_over(&self, updated: Time) -> bool {
        self.history.since.is_some_and(|since| updated < since)
    }

    fn is_wanted(&mut self, of: ResourceType, ordinal: u32) -> Result<bool, StorageError> {
        Ok(self.stood(of, ordinal)? && self.is_shown(of, ordinal)?)
    }

    /// Whether a version passes what it says itself, and may be seen.
    fn is_shown(&self, of: ResourceType, ordinal: u32) -> Result<bool, StorageError> {
        let block = self.reading.block(of, ordinal)?;
        let version = block.version(ordinal);
        let History { version: number, since, until, .. } = self.history;
        Ok(number.is_none_or(|number| version.number == number)
            && since.is_none_or(|since| version.updated >= since)
            && until.is_none_or(|until| version.updated <= until)
            && self.reading.sees(self.visible, of, ordinal)?)
    }

    /// Whether no other version had replaced this one by the time asked. Of the versions up to then only the
    /// newest stood, and it is met first.
    fn stood(&mut self, of: ResourceType, ordinal: u32) -> Result<bool, StorageError> {
        let Some(time) = self.history.replaced_after else { return Ok(true) };
        let block = self.reading.block(of, ordinal)?;
        let version = block.version(ordinal);
        if version.updated > time {
            return Ok(true);
        }
        let key = ResourceKey { of, id: version.id.clone() };
        if self.decided.contains(&key) {
            return Ok(false);
        }
        let mut stood = None;
        self.reading.each_version(&key, self.reading.newest_ordinal(&key)?, |newer, version| {
            stood = (version.updated <= time).then_some(newer);
            Ok(if stood.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        self.decided.insert(key);
        Ok(stood == Some(ordinal))
    }

    /// Adds a version, or notes that there are more than the page holds; `true` when that is known.
    fn add(&mut self, candidate: Candidate) -> Result<bool, StorageError> {
        if self.page.versions.len() < self.count {
            let stored: Stored = self.reading.stored(candidate.of, candidate.ordinal)?;
            self.bytes += stored.body_bytes();
            if self.bytes <= PAGE_BYTES_MAX || self.page.versions.is_empty() {
                self.page.versions.push(stored);
                self.places.push(candidate.place);
                return Ok(false);
            }
            self.count = self.page.versions.len();
        }
        self.page.next = self.places.last().cloned().map(Position);
        Ok(true)
    }
}

fn read_place<const N: usize>(position: &Position) -> Result<[u8; N], StoreError> {
    position.0.as_slice().try_into().map_err(|_| StoreError::Position)
}
