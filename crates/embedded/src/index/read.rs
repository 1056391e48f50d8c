//! Looking up terms in a segment: one term, a range of terms, from either end.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::Segment;
use super::block::{Directory, Postings, next_row};
use crate::StorageError;
use crate::encode::Spans;
use crate::keyspace::INDEX;
use crate::kv::Kv;
use crate::pack::unpack;
use crate::patience::{BLOCK_COST, Patience};
use crate::seal::Sealer;
use crate::varint::Reader;

/// What a place in the index is called: data store, type, segment, parameter, block.
type Place = (u64, u16, u32, u16, u32);

/// Opened directories and blocks that were asked for lately, up to a number of bytes.
///
/// Two generations: what is asked for moves to the young one; when that is full, the old one is dropped.
#[derive(Clone)]
pub struct Directories {
    shared: Arc<Shared>,
    /// Whose places these are.
    owner: u64,
}

struct Shared {
    bytes_max: usize,
    generations: Mutex<Generations>,
    owners: AtomicU64,
}

#[derive(Default)]
struct Generations {
    young: HashMap<Place, Held>,
    old: HashMap<Place, Held>,
    young_bytes: usize,
}

#[derive(Clone)]
enum Held {
    Directory(Option<Arc<Directory>>),
    Block(Arc<Vec<u8>>),
}

impl Held {
    fn bytes(&self) -> usize {
        const OVERHEAD: usize = 96;
        OVERHEAD
            + match self {
                Held::Directory(None) => 0,
                Held::Directory(Some(directory)) => {
                    directory.inline.as_ref().map_or(0, |rows| rows.len())
                        + directory.firsts.iter().map(|first| first.len() + 24).sum::<usize>()
                }
                Held::Block(block) => block.len(),
            }
    }
}

impl Directories {
    /// Keeps up to `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Self {
        let shared = Shared { bytes_max, generations: Mutex::default(), owners: AtomicU64::new(1) };
        Directories { shared: Arc::new(shared), owner: 0 }
    }

    /// The same memory for the places of another data store.
    pub(crate) fn of_another(&self) -> Directories {
        let owner = self.shared.owners.fetch_add(1, Ordering::Relaxed);
        Directories { shared: Arc::clone(&self.shared), owner }
    }

    fn get(
        &self,
        place: Place,
        load: impl FnOnce() -> Result<Held, StorageError>,
    ) -> Result<Held, StorageError> {
        if let Some(held) = self.generations().young.get(&place) {
            return Ok(held.clone());
        }
        let old = self.generations().old.remove(&place);
        let held = old.map_or_else(load, Ok)?;
        let mut generations = self.generations();
        generations.young_bytes += held.bytes();
        generations.young.insert(place, held.clone());
        if generations.young_bytes > self.shared.bytes_max / 2 {
            generations.young_bytes = 0;
            generations.old = std::mem::take(&mut generations.young);
        }
        Ok(held)
    }

    fn generations(&self) -> std::sync::MutexGuard<'_, Generations> {
        self.shared.generations.lock().expect("nothing panics while it holds the directories")
    }
}

/// A row in a block.
pub struct BlockPlace {
    number: usize,
    block: Arc<Vec<u8>>,
    at: usize,
}

/// Reads one segment.
#[derive(Clone, Copy)]
pub struct SegmentReader<'a> {
    kv: &'a Kv,
    sealer: &'a Sealer,
    directories: &'a Directories,
    segment: Segment,
    patience: Option<&'a Patience>,
}

impl<'a> SegmentReader<'a> {
    /// A reader of `segment`.
    pub fn new(kv: &'a Kv, sealer: &'a Sealer, directories: &'a Directories, segment: Segment) -> Self {
        SegmentReader { kv, sealer, directories, segment, patience: None }
    }

    /// The same reader, with this much patience.
    pub(crate) fn with(self, patience: &'a Patience) -> Self {
        SegmentReader { patience: Some(patience), ..self }
    }

    /// Adds to `found` the ordinals that have exactly this term.
    ///
    /// # Errors
    /// When a block cannot be read or is damaged.
    pub fn find(
        &self,
        param: u16,
        term: &[u8],
        found: &mut roaring::RoaringBitmap,
    ) -> Result<(), StorageError> {
        self.range(param, term, |at, postings| {
            if at == term {
                postings.add_to(found)?;
            }
            Ok(ControlFlow::Break(()))
        })
    }

    /// Visits the terms from `from` on, in order, until told to stop.
    ///
    /// # Errors
    /// When a block cannot be read or is damaged, or the visitor fails.
    pub fn range(
        &self,
        param: u16,
        from: &[u8],
        mut visit: impl FnMut(&[u8], Postings<'_>) -> Result<ControlFlow<()>, StorageError>,
    ) -> Result<(), StorageError> {
        self.range_on(param, &mut None, from, &mut visit)
    }

    /// The same for one of several ranges, by rising first terms: `place` remembers where the one before
    /// began, so that no row in front of it is looked at twice.
    ///
    /// # Errors
    /// When a block cannot be read or is damaged, or the visitor fails.
    pub fn range_on(
        &self,
        param: u16,
        place: &mut Option<BlockPlace>,
        from: &[u8],
        mut visit: impl FnMut(&[u8], Postings<'_>) -> Result<ControlFlow<()>, StorageError>,
    ) -> Result<(), StorageError> {
        let Some(directory) = self.directory(param)? else { return Ok(()) };
        let first = directory.block_of(from);
        let mut is_found = false;
        for number in first..directory.firsts.len() {
            let known = place.take_if(|place| place.number == number);
            let (block, mut at) = match known {
                Some(place) => (place.block, place.at),
                None => (self.block(param, &directory, number)?, 0),
            };
            let mut reader = Reader::new(&block[at..]);
            while let Some((term, postings)) = next_row(&mut reader, self.segment.base)? {
                if term < from {
                    at = block.len() - reader.rest().len();
                    continue;
                }
                if !is_found {
                    is_found = true;
                    *place = Some(BlockPlace { number, block: block.clone(), at });
                }
                if visit(term, postings)?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Visits the terms before `to`, from the last to the first, until told to stop.
    ///
    /// # Errors
    /// When a block cannot be read or is damaged, or the visitor fails.
    pub fn range_back(
        &self,
        param: u16,
        to: &[u8],
        mut visit: impl FnMut(&[u8], Postings<'_>) -> Result<ControlFlow<()>, StorageError>,
    ) -> Result<(), StorageError> {
        let Some(directory) = self.directory(param)? else { return Ok(()) };
        for number in (0..=directory.block_of(to)).rev() {
            let block = self.block(param, &directory, number)?;
            let mut reader = Reader::new(&block);
            let mut rows = Vec::new();
            while let Some((term, postings)) = next_row(&mut reader, self.segment.base)? {
                if term < to {
                    rows.push((term, postings));
                }
            }
            for (term, postings) in rows.into_iter().rev() {
                if visit(term, postings)?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// How long the longest values are that the parameter has here.
    ///
    /// # Errors
    /// When the directory cannot be read or is damaged.
    pub(crate) fn spans(&self, param: u16) -> Result<Spans, StorageError> {
        Ok(self.directory(param)?.map_or(Spans::NONE, |directory| directory.spans))
    }

    fn directory(&self, param: u16) -> Result<Option<Arc<Directory>>, StorageError> {
        let held = self.directories.get(self.place(param, 0), || {
            let directory = match self.record(param, 0)? {
                Some(bytes) => Some(Arc::new(Directory::decode(&bytes)?)),
                None => None,
            };
            Ok(Held::Directory(directory))
        })?;
        match held {
            Held::Directory(directory) => Ok(directory),
            Held::Block(_) => unreachable!("block 0 is held as a directory"),
        }
    }

    fn block(&self, param: u16, directory: &Directory, number: usize) -> Result<Arc<Vec<u8>>, StorageError> {
        self.patience.map_or(Ok(()), |patience| patience.check(BLOCK_COST))?;
        if let Some(inline) = &directory.inline {
            return Ok(Arc::clone(inline));
        }
        let number = number as u32 + 1;
        let held = self.directories.get(self.place(param, number), || {
            let bytes = self.record(param, number)?.ok_or_else(|| {
                StorageError::Damaged(format!(
                    "index block {:?}, which is missing",
                    self.place(param, number)
                ))
            })?;
            Ok(Held::Block(Arc::new(bytes)))
        })?;
        match held {
            Held::Block(block) => Ok(block),
            Held::Directory(_) => unreachable!("blocks from 1 are held as blocks"),
        }
    }

    fn place(&self, param: u16, block: u32) -> Place {
        (self.directories.owner, self.segment.of, self.segment.number, param, block)
    }

    fn record(&self, param: u16, block: u32) -> Result<Option<Vec<u8>>, StorageError> {
        let key = self.segment.key(param, block);
        let Some(sealed) = self.kv.get(INDEX, &key)? else { return Ok(None) };
        let packed = self
            .sealer
            .open(INDEX.0 as u8, &key, &sealed)
            .map_err(|_| StorageError::Damaged(format!("index block {:?}", self.place(param, block))))?;
        unpack(&packed).map(Some)
    }
}
