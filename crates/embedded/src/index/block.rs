//! Blocks of an index segment: rows of a term and its ordinals, and the directory that finds the block.
//!
//! A row is: length of the term, term, then `count << 1` and the ordinals as differences (the first from the
//! segment's base), or, when there are many, `bytes << 1 | 1` and a serialized roaring bitmap.

use roaring::RoaringBitmap;

use crate::StorageError;
use crate::varint::{Reader, put_bytes, put_varint};

/// Ordinals from which a bitmap is kept instead of differences.
const BITMAP_FROM: usize = 96;

/// Appends a row. `ordinals` rise.
pub(crate) fn put_row(out: &mut Vec<u8>, base: u32, term: &[u8], ordinals: &[u32]) {
    put_bytes(out, term);
    if ordinals.len() < BITMAP_FROM {
        put_varint(out, (ordinals.len() as u64) << 1);
        let mut before = base;
        for ordinal in ordinals {
            put_varint(out, u64::from(ordinal - before));
            before = *ordinal;
        }
        return;
    }
    let mut bitmap =
        RoaringBitmap::from_sorted_iter(ordinals.iter().copied()).expect("the ordinals of a row rise");
    bitmap.optimize();
    put_varint(out, (bitmap.serialized_size() as u64) << 1 | 1);
    bitmap.serialize_into(out).expect("a vector takes all bytes");
}

/// The ordinals of one term in one segment, as they lie in a block.
#[derive(Clone, Copy)]
pub struct Postings<'a> {
    base: u32,
    head: u64,
    bytes: &'a [u8],
}

impl Postings<'_> {
    /// Adds the ordinals to `found`.
    ///
    /// # Errors
    /// When the bytes are damaged.
    pub fn add_to(&self, found: &mut RoaringBitmap) -> Result<(), StorageError> {
        if self.head & 1 == 1 {
            *found |= self.bitmap()?;
            return Ok(());
        }
        self.each(|ordinal| {
            found.insert(ordinal);
        })
    }

    /// Calls `visit` with each ordinal, rising.
    ///
    /// # Errors
    /// When the bytes are damaged.
    pub fn each(&self, mut visit: impl FnMut(u32)) -> Result<(), StorageError> {
        if self.head & 1 == 1 {
            self.bitmap()?.iter().for_each(visit);
            return Ok(());
        }
        let mut reader = Reader::new(self.bytes);
        let mut ordinal = self.base;
        for _ in 0..self.head >> 1 {
            ordinal = ordinal.wrapping_add(reader.varint()? as u32);
            visit(ordinal);
        }
        Ok(())
    }

    fn bitmap(&self) -> Result<RoaringBitmap, StorageError> {
        RoaringBitmap::deserialize_from(self.bytes)
            .map_err(|_| StorageError::Damaged("a bitmap of the index".to_owned()))
    }
}

/// Reads the next row of a block.
pub(crate) fn next_row<'a>(
    reader: &mut Reader<'a>,
    base: u32,
) -> Result<Option<(&'a [u8], Postings<'a>)>, StorageError> {
    if reader.is_empty() {
        return Ok(None);
    }
    let term = reader.bytes()?;
    let head = reader.varint()?;
    let bytes = if head & 1 == 1 {
        reader.take((head >> 1) as usize)?
    } else {
        let start = reader.rest();
        for _ in 0..head >> 1 {
            reader.varint()?;
        }
        &start[..start.len() - reader.rest().len()]
    };
    Ok(Some((term, Postings { base, head, bytes })))
}

/// Where the blocks of one parameter begin: the first term of each, and the blocks' rows themselves if they
/// are small enough to lie in the directory.
pub(crate) struct Directory {
    /// The longest span of a date, so that a range on one end bounds the other.
    pub(crate) span_max: u64,
    /// The first term of each block.
    pub(crate) firsts: Vec<Vec<u8>>,
    /// The only block, if it lies here.
    pub(crate) inline: Option<Vec<u8>>,
}

impl Directory {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.span_max);
        put_varint(&mut out, self.firsts.len() as u64);
        match &self.inline {
            Some(rows) => {
                out.push(1);
                out.extend_from_slice(rows);
            }
            None => {
                out.push(0);
                self.firsts.iter().for_each(|first| put_bytes(&mut out, first));
            }
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StorageError> {
        let mut reader = Reader::new(bytes);
        let span_max = reader.varint()?;
        let count = reader.varint()?;
        if reader.byte()? == 1 {
            return Ok(Directory {
                span_max,
                firsts: vec![Vec::new()],
                inline: Some(reader.rest().to_vec()),
            });
        }
        let firsts = (0..count).map(|_| reader.bytes().map(<[u8]>::to_vec)).collect::<Result<_, _>>()?;
        Ok(Directory { span_max, firsts, inline: None })
    }

    /// The first block that may hold `term` or anything after it.
    pub(crate) fn block_of(&self, term: &[u8]) -> usize {
        self.firsts.partition_point(|first| first.as_slice() <= term).saturating_sub(1)
    }
}
