//! From the terms of many resources to a segment's records in order.

use std::collections::HashMap;

use super::Segment;
use super::block::{Directory, put_row};
use crate::StorageError;
use crate::keyspace::INDEX;
use crate::pack::Packer;
use crate::seal::Sealer;

/// Size of a block of rows before compression, in bytes, from which the next one begins.
const BLOCK_BYTES: usize = 8 * 1024;

/// The terms of many resources, gathered in any order of terms and in rising order of ordinals.
#[derive(Default)]
pub struct TermTable {
    rows: HashMap<Box<[u8]>, Chain>,
    links: Vec<(u32, u32)>,
}

/// The last link of a term's ordinals, and how many there are.
#[derive(Clone, Copy)]
struct Chain {
    last: u32,
    count: u32,
}

const NO_LINK: u32 = u32::MAX;

impl TermTable {
    /// Notes that `ordinal` has a term. `row` is the parameter, big-endian, and the term. Ordinals come in
    /// rising order; one that has the term twice counts once.
    pub fn add(&mut self, row: &[u8], ordinal: u32) {
        let link = self.links.len() as u32;
        match self.rows.get_mut(row) {
            Some(chain) => {
                if self.links[chain.last as usize].0 == ordinal {
                    return;
                }
                self.links.push((ordinal, chain.last));
                *chain = Chain { last: link, count: chain.count + 1 };
            }
            None => {
                self.links.push((ordinal, NO_LINK));
                self.rows.insert(row.into(), Chain { last: link, count: 1 });
            }
        }
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Gives all rows to `writer` in order, and finishes it.
    ///
    /// # Errors
    /// When the records cannot be written.
    pub fn write(self, mut writer: SegmentWriter<'_, '_>) -> Result<(), StorageError> {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_unstable_by(|a, b| a.0.cmp(b.0));
        let mut ordinals = Vec::new();
        for (row, chain) in rows {
            ordinals.clear();
            ordinals.resize(chain.count as usize, 0);
            let mut link = chain.last;
            for slot in ordinals.iter_mut().rev() {
                let (ordinal, before) = self.links[link as usize];
                *slot = ordinal;
                link = before;
            }
            let (param, term) = row.split_at(2);
            writer.put(u16::from_be_bytes([param[0], param[1]]), term, &ordinals)?;
        }
        writer.finish()
    }
}

/// Writes one segment from rows that come in order of parameter and term.
pub struct SegmentWriter<'a, 's> {
    segment: Segment,
    sealer: &'a Sealer,
    packer: &'a mut Packer,
    sink: &'a mut Sink<'s>,
    param: Option<u16>,
    rows: Vec<u8>,
    span_max: u64,
    firsts: Vec<Vec<u8>>,
    blocks: Vec<Vec<u8>>,
}

/// Takes the sealed records of a segment in order of their keys.
pub(super) type Sink<'s> = dyn FnMut(Vec<u8>, Vec<u8>) -> Result<(), StorageError> + 's;

impl<'a, 's> SegmentWriter<'a, 's> {
    /// A writer of `segment` that gives its records to `sink`.
    pub fn new(segment: Segment, sealer: &'a Sealer, packer: &'a mut Packer, sink: &'a mut Sink<'s>) -> Self {
        let (rows, firsts, blocks) = Default::default();
        SegmentWriter { segment, sealer, packer, sink, param: None, rows, span_max: 0, firsts, blocks }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When the records cannot be written.
    pub fn put(&mut self, param: u16, term: &[u8], ordinals: &[u32]) -> Result<(), StorageError> {
        if self.param != Some(param) {
            self.end_param()?;
            self.param = Some(param);
        }
        if self.rows.is_empty() {
            self.firsts.push(term.to_vec());
        }
        put_row(&mut self.rows, self.segment.base, term, ordinals);
        self.span_max = self.span_max.max(crate::encode::span_of(term));
        if self.rows.len() >= BLOCK_BYTES {
            let block = self.packer.pack(&self.rows);
            self.blocks.push(block);
            self.rows.clear();
        }
        Ok(())
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// When the records cannot be written.
    pub fn finish(mut self) -> Result<(), StorageError> {
        self.end_param()
    }

    fn end_param(&mut self) -> Result<(), StorageError> {
        let Some(param) = self.param.take() else { return Ok(()) };
        let inline = self.blocks.is_empty().then(|| std::mem::take(&mut self.rows));
        if !self.rows.is_empty() {
            let block = self.packer.pack(&self.rows);
            self.blocks.push(block);
            self.rows.clear();
        }
        let firsts = std::mem::take(&mut self.firsts);
        let directory = Directory { span_max: std::mem::take(&mut self.span_max), firsts, inline };
        let packed = self.packer.pack(&directory.encode());
        self.seal(param, 0, &packed)?;
        for (at, block) in std::mem::take(&mut self.blocks).iter().enumerate() {
            self.seal(param, at as u32 + 1, block)?;
        }
        Ok(())
    }

    fn seal(&mut self, param: u16, block: u32, packed: &[u8]) -> Result<(), StorageError> {
        let key = self.segment.key(param, block);
        let sealed = self.sealer.seal(INDEX.0 as u8, &key, packed);
        (self.sink)(key, sealed)
    }
}
