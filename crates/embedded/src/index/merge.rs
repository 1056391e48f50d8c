//! Several adjacent segments into one, leaving out the ordinals that died.

use roaring::RoaringBitmap;

use super::block::{Directory, next_row};
use super::{Segment, SegmentWriter};
use crate::StorageError;
use crate::keyspace::INDEX;
use crate::kv::{Bytes, Kv, KvError};
use crate::pack::unpack;
use crate::seal::Sealer;
use crate::varint::Reader;

/// Writes to `writer` all rows of `segments`, which are in order of their ordinals, keeping only the
/// ordinals in `live`.
///
/// # Errors
/// When a block cannot be read, is damaged, or cannot be written.
pub fn merge(
    kv: &Kv,
    sealer: &Sealer,
    segments: &[Segment],
    live: &RoaringBitmap,
    mut writer: SegmentWriter<'_, '_>,
) -> Result<(), StorageError> {
    let mut streams = Vec::new();
    for segment in segments {
        let mut stream = RowStream::new(kv, sealer, *segment);
        if stream.advance()? {
            streams.push(stream);
        }
    }
    let mut ordinals = Vec::new();
    while let Some((param, term)) = streams.iter().map(|stream| (stream.param, &stream.term)).min() {
        let term = term.clone();
        ordinals.clear();
        let mut at = 0;
        while at < streams.len() {
            let stream = &mut streams[at];
            let mut more = true;
            if stream.param == param && stream.term == term {
                ordinals.extend(stream.ordinals.iter().filter(|ordinal| live.contains(**ordinal)));
                more = stream.advance()?;
            }
            if more {
                at += 1;
            } else {
                streams.remove(at);
            }
        }
        if !ordinals.is_empty() {
            writer.put(param, &term, &ordinals)?;
        }
    }
    writer.finish()
}

/// The rows of one segment, one at a time.
pub(crate) struct RowStream<'a> {
    records: Box<dyn Iterator<Item = Result<(Bytes, Bytes), KvError>> + 'a>,
    sealer: &'a Sealer,
    segment: Segment,
    block: Vec<u8>,
    at: usize,
    pub(crate) param: u16,
    pub(crate) term: Vec<u8>,
    pub(crate) ordinals: Vec<u32>,
}

impl<'a> RowStream<'a> {
    pub(crate) fn new(kv: &'a Kv, sealer: &'a Sealer, segment: Segment) -> Self {
        let records = Box::new(kv.scan(INDEX, &segment.key(0, 0), &segment.key(u16::MAX, u32::MAX)));
        let (block, term, ordinals) = Default::default();
        RowStream { records, sealer, segment, block, at: 0, param: 0, term, ordinals }
    }

    /// Moves to the next row; `false` when there is none.
    pub(crate) fn advance(&mut self) -> Result<bool, StorageError> {
        while self.at == self.block.len() {
            if !self.next_block()? {
                return Ok(false);
            }
        }
        let mut reader = Reader::new(&self.block[self.at..]);
        let Some((term, postings)) = next_row(&mut reader, self.segment.base)? else { return Ok(false) };
        self.term.clear();
        self.term.extend_from_slice(term);
        self.ordinals.clear();
        postings.each(|ordinal| self.ordinals.push(ordinal))?;
        self.at = self.block.len() - reader.rest().len();
        Ok(true)
    }

    fn next_block(&mut self) -> Result<bool, StorageError> {
        let Some(record) = self.records.next() else { return Ok(false) };
        let (key, sealed) = record?;
        let damaged = || StorageError::Damaged(format!("index segment {:?}", self.segment));
        let (Some(param), Some(number)) = (key.get(6..8), key.get(8..12)) else { return Err(damaged()) };
        self.param = u16::from_be_bytes([param[0], param[1]]);
        let packed = self.sealer.open(INDEX.0 as u8, &key, &sealed).map_err(|_| damaged())?;
        let record = unpack(&packed)?;
        self.block = if number == [0; 4] {
            Directory::decode(&record)?.inline.map_or_else(Vec::new, |rows| rows.to_vec())
        } else {
            record
        };
        self.at = 0;
        Ok(true)
    }
}
