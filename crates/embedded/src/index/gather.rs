//! Ordinals from many rows of one segment, put together at once: they come in the order of the terms, and a bitmap that
//! takes them one by one moves what it has for each.

use roaring::RoaringBitmap;

use super::Segment;
use super::block::Postings;
use crate::StorageError;

/// One in how many ordinals of a segment must have been gathered for a table of bits to be worth it.
const TABLE_FROM_SHARE: usize = 64;

/// Ordinals of one segment.
#[derive(Default)]
pub struct Gathered {
    single: Vec<u32>,
    joined: RoaringBitmap,
}

impl Gathered {
    /// Adds those of a row.
    ///
    /// # Errors
    /// When the bytes are damaged.
    pub fn add(&mut self, postings: Postings<'_>) -> Result<(), StorageError> {
        match postings.as_bitmap()? {
            Some(bitmap) => self.joined |= bitmap,
            None => postings.each(|ordinal| self.single.push(ordinal))?,
        }
        Ok(())
    }

    /// All of them that `segment` covers.
    pub fn finish(mut self, segment: &Segment) -> RoaringBitmap {
        let covered = segment.base..segment.end;
        if self.single.len() * TABLE_FROM_SHARE > covered.len() {
            self.joined |= table(&self.single, segment);
        } else {
            self.single.sort_unstable();
            self.single.dedup();
            let sorted = RoaringBitmap::from_sorted_iter(self.single.iter().copied());
            self.joined |= sorted.expect("they were sorted and each is there once");
        }
        self.joined
    }
}

/// A bit for each ordinal of the segment.
fn table(ordinals: &[u32], segment: &Segment) -> RoaringBitmap {
    let first = segment.base & !7;
    let mut bits = vec![0_u8; ((segment.end - first) as usize).div_ceil(8)];
    for ordinal in ordinals {
        // What lies outside of its segment is damaged, and matches nothing.
        let at = ordinal.wrapping_sub(first);
        if let Some(byte) = bits.get_mut((at / 8) as usize) {
            *byte |= 1 << (at % 8);
        }
    }
    RoaringBitmap::from_lsb0_bytes(first, &bits)
}

#[cfg(test)]
mod tests {
    use super::super::block::{next_row, put_row};
    use super::*;
    use crate::varint::Reader;

    #[test]
    fn what_was_gathered_is_the_union_of_the_rows_however_many_they_are() {
        let segment = Segment { of: 0, number: 1, base: 1_003, end: 9_000 };
        for step in [1_u32, 7, 501] {
            let (mut bytes, mut expected) = (Vec::new(), RoaringBitmap::new());
            for first in [8_000_u32, 1_003, 4_000, 1_003] {
                let ordinals: Vec<u32> = (first..first + 900).step_by(step as usize).collect();
                put_row(&mut bytes, segment.base, b"term", &ordinals);
                expected.extend(ordinals);
            }
            let (mut gathered, mut reader) = (Gathered::default(), Reader::new(&bytes));
            while let Some((_, postings)) = next_row(&mut reader, segment.base).unwrap() {
                gathered.add(postings).unwrap();
            }
            assert_eq!(gathered.finish(&segment), expected);
        }
    }
}
