//! Blocks of an index segment: rows of a term and its ordinals, and the directory that finds the block.
//!
//! A row is: length of the term, term, then `count << 1` and the ordinals as differences (the first from the
//! segment's base), or, when there are many, `bytes << 1 | 1` and a serialized roaring bitmap.

use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::StorageError;
use crate::encode::Spans;
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

    /// The ordinals as the bitmap that they are kept as, if they are many.
    pub(crate) fn as_bitmap(&self) -> Result<Option<RoaringBitmap>, StorageError> {
        if self.head & 1 == 1 { self.bitmap().map(Some) } else { Ok(None) }
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
    /// How long the longest values are, so that a range on one end bounds the other.
    pub(crate) spans: Spans,
    /// The first term of each block.
    pub(crate) firsts: Vec<Vec<u8>>,
    /// The only block, if it lies here.
    pub(crate) inline: Option<Arc<Vec<u8>>>,
}

/// Bits of the byte that says what follows in a directory.
const INLINE: u8 = 1;
const WIDTHS: u8 = 2;

impl Directory {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.spans.date_us);
        put_varint(&mut out, self.firsts.len() as u64);
        let inline = if self.inline.is_some() { INLINE } else { 0 };
        let widths = self.spans.widths();
        out.push(inline | if widths.is_some() { WIDTHS } else { 0 });
        widths.iter().flatten().for_each(|width| out.extend_from_slice(&width.to_le_bytes()));
        match &self.inline {
            Some(rows) => out.extend_from_slice(rows),
            None => self.firsts.iter().for_each(|first| put_bytes(&mut out, first)),
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StorageError> {
        let mut reader = Reader::new(bytes);
        let mut spans = Spans { date_us: reader.varint()?, ..Spans::UNKNOWN };
        let count = reader.varint()?;
        let what = reader.byte()?;
        if what & WIDTHS != 0 {
            spans.number = f64::from_le_bytes(reader.array()?);
            spans.canonical = f64::from_le_bytes(reader.array()?);
        }
        if what & INLINE != 0 {
            let inline = Some(Arc::new(reader.rest().to_vec()));
            return Ok(Directory { spans, firsts: vec![Vec::new()], inline });
        }
        let firsts = (0..count).map(|_| reader.bytes().map(<[u8]>::to_vec)).collect::<Result<_, _>>()?;
        Ok(Directory { spans, firsts, inline: None })
    }

    /// The first block that may hold `term` or anything after it.
    pub(crate) fn block_of(&self, term: &[u8]) -> usize {
        self.firsts.partition_point(|first| first.as_slice() <= term).saturating_sub(1)
    }
}
