//! Versions, newest first: of a resource by the links between its versions, of a type by ordinals, of all by
//! the log.

use fhir::{ResourceKey, ResourceType};
use search::{Position, Visible};
use store::limits::{PAGE_BYTES_MAX, PAGE_ROWS_MAX};
use store::{History, Scope, StoreError, Stored, Versions};

use crate::StorageError;
use crate::contents::Reading;
use crate::keyspace::LOG;
use crate::records::LogRecord;

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
}

impl Reading<'_> {
    /// One page of versions (`Store::history`).
    pub(crate) fn history(&self, history: &History, visible: &Visible) -> Result<Versions, StoreError> {
        let count = history.count.min(PAGE_ROWS_MAX);
        let page = Versions::default();
        let mut filling =
            Filling { reading: self, history, visible, count, bytes: 0, places: Vec::new(), page };
        match &history.of {
            Scope::Instance(key) => filling.instance(key)?,
            Scope::Type(of) => filling.of_type(*of)?,
            Scope::System => filling.system()?,
        }
        Ok(filling.page)
    }
}

impl Filling<'_, '_> {
    fn instance(&mut self, key: &ResourceKey) -> Result<(), StoreError> {
        let after = self.history.after.as_ref();
        let before = after.map(|at| read_place::<8>(at).map(u64::from_be_bytes)).transpose()?;
        let mut total = 0;
        let mut at = self.reading.newest(key)?.map(|standing| standing.ordinal);
        while let Some(ordinal) = at {
            let block = self.reading.block(key.of, ordinal)?;
            let version = block.version(ordinal);
            let is_past = self.history.version.is_some_and(|wanted| version.number < wanted);
            let is_erased = !self.is_known(key.of, ordinal);
            if (version.id != key.id && !is_erased) || is_past {
                break;
            }
            at = version.prior;
            if is_erased || !self.is_wanted(key.of, ordinal)? {
                continue;
            }
            total += 1;
            if before.is_none_or(|before| version.number < before) {
                let place = version.number.to_be_bytes().to_vec();
                self.add(Candidate { of: key.of, ordinal, place })?;
            }
        }
        self.page.total = Some(total);
        Ok(())
    }

    fn of_type(&mut self, of: ResourceType) -> Result<(), StoreError> {
        let Some(types) = self.reading.of(of) else {
            return if self.history.after.is_some() { Err(StoreError::Position) } else { Ok(()) };
        };
        let end = match &self.history.after {
            None => types.next,
            Some(at) => u32::from_be_bytes(read_place::<4>(at)?),
        };
        if end > types.next {
            return Err(StoreError::Position);
        }
        for ordinal in (0..end).rev().filter(|ordinal| types.is_known(*ordinal)) {
            // Later ordinals were written later, so that what is too old ends the walk.
            if self.is_too_old(of, ordinal)? {
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
        let (last, skip_from) = match &self.history.after {
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
        let contents = self.reading.contents;
        for pair in contents.kv.scan(LOG, &0u64.to_be_bytes(), &last.to_be_bytes()).rev() {
            let (key, sealed) = pair.map_err(StorageError::from)?;
            let (number, record) = LogRecord::open(&contents.sealer, &key, &sealed)?;
            let below = if number == last { skip_from } else { u32::MAX };
            if self.of_commit(number, &record, below)? {
                break;
            }
        }
        Ok(())
    }

    /// Adds the writes of one commit from the last to the first; `true` when the page is full.
    fn of_commit(&mut self, number: u64, record: &LogRecord, below: u32) -> Result<bool, StorageError> {
        let mut index: u32 = record.writes.iter().map(|(_, _, count)| *count).sum();
        for (of, first, count) in record.writes.iter().rev() {
            for ordinal in (*first..first + count).rev() {
                index -= 1;
                if index >= below {
                    continue;
                }
                let of = ResourceType::from_number(*of)
                    .ok_or_else(|| StorageError::Damaged("the type of a write in the log".to_owned()))?;
                let place = [&number.to_be_bytes()[..], &index.to_be_bytes()].concat();
                let is_wanted = self.is_known(of, ordinal) && self.is_wanted(of, ordinal)?;
                if is_wanted && self.add(Candidate { of, ordinal, place })? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn is_too_old(&self, of: ResourceType, ordinal: u32) -> Result<bool, StorageError> {
        let Some(since) = self.history.since else { return Ok(false) };
        Ok(self.reading.block(of, ordinal)?.version(ordinal).updated < since)
    }

    fn is_known(&self, of: ResourceType, ordinal: u32) -> bool {
        self.reading.of(of).is_some_and(|types| types.is_known(ordinal))
    }

    fn is_wanted(&self, of: ResourceType, ordinal: u32) -> Result<bool, StorageError> {
        let block = self.reading.block(of, ordinal)?;
        let version = block.version(ordinal);
        let History { version: number, since, until, .. } = self.history;
        Ok(number.is_none_or(|number| version.number == number)
            && since.is_none_or(|since| version.updated >= since)
            && until.is_none_or(|until| version.updated <= until)
            && self.reading.sees(self.visible, of, ordinal)?)
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
