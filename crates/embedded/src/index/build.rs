//! From the terms of many resources to a segment's records in order.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::Segment;
use super::block::{Directory, put_row};
use crate::StorageError;
use crate::encode::Spans;
use crate::keyspace::INDEX;
use crate::pack::Packer;
use crate::seal::Sealer;

/// Size of a block of rows before compression, in bytes, from which the next one begins.
const BLOCK_BYTES: usize = 8 * 1024;

/// The terms of many resources, gathered in any order of terms and in rising order of ordinals.
#[derive(Default)]
pub struct TermTable {
    /// All rows end to end.
    text: Vec<u8>,
    terms: Vec<Term>,
    /// Which of `terms` a row is, by its hash.
    found: HashTable<u32>,
    hasher: DefaultHashBuilder,
    links: Vec<(u32, u32)>,
}

/// A row, where it lies, and its ordinals: the last link and how many there are.
#[derive(Clone, Copy)]
struct Term {
    /// How the row begins: what decides most comparisons without a look at the rest.
    head: u128,
    start: usize,
    len: u32,
    last: u32,
    count: u32,
}

const NO_LINK: u32 = u32::MAX;
const HEAD_BYTES: usize = size_of::<u128>();

impl TermTable {
    /// Notes that `ordinal` has a term. `row` is the parameter, big-endian, and the term. Ordinals come in
    /// rising order; one that has the term twice counts once.
    pub fn add(&mut self, row: &[u8], ordinal: u32) {
        let TermTable { text, terms, found, hasher, links } = self;
        let link = links.len() as u32;
        let hash = hasher.hash_one(row);
        let is_row = |at: &u32| row_of(text, &terms[*at as usize]) == row;
        if let Some(at) = found.find(hash, is_row) {
            let term = &mut terms[*at as usize];
            if links[term.last as usize].0 != ordinal {
                links.push((ordinal, term.last));
                (term.last, term.count) = (link, term.count + 1);
            }
            return;
        }
        let at = terms.len() as u32;
        let len = u32::try_from(row.len()).expect("a row is part of one resource");
        terms.push(Term { head: head_of(row), start: text.len(), len, last: link, count: 1 });
        text.extend_from_slice(row);
        links.push((ordinal, NO_LINK));
        found.insert_unique(hash, at, |at| hasher.hash_one(row_of(text, &terms[*at as usize])));
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Gives all rows to `writer` in order, and finishes it.
    ///
    /// # Errors
    /// When the records cannot be written.
    pub fn write(mut self, mut writer: SegmentWriter<'_, '_>) -> Result<(), StorageError> {
        let text = &self.text;
        self.terms
            .sort_unstable_by(|a, b| a.head.cmp(&b.head).then_with(|| row_of(text, a).cmp(row_of(text, b))));
        let mut ordinals = Vec::new();
        for term in &self.terms {
            ordinals.clear();
            ordinals.resize(term.count as usize, 0);
            let mut link = term.last;
            for slot in ordinals.iter_mut().rev() {
                let (ordinal, before) = self.links[link as usize];
                *slot = ordinal;
                link = before;
            }
            let (param, term) = row_of(text, term).split_at(2);
            writer.put(u16::from_be_bytes([param[0], param[1]]), term, &ordinals)?;
        }
        writer.finish()
    }
}

fn row_of<'t>(text: &'t [u8], term: &Term) -> &'t [u8] {
    &text[term.start..term.start + term.len as usize]
}

/// The first bytes of a row, in their order; shorter rows come before those that they begin.
fn head_of(row: &[u8]) -> u128 {
    let mut head = [0; HEAD_BYTES];
    let len = row.len().min(HEAD_BYTES);
    head[..len].copy_from_slice(&row[..len]);
    u128::from_be_bytes(head)
}

/// Writes one segment from rows that come in order of parameter and term.
pub struct SegmentWriter<'a, 's> {
    segment: Segment,
    sealer: &'a Sealer,
    packer: &'a mut Packer,
    sink: &'a mut Sink<'s>,
    param: Option<u16>,
    rows: Vec<u8>,
    spans: Spans,
    firsts: Vec<Vec<u8>>,
    blocks: Vec<Vec<u8>>,
}

/// Takes the sealed records of a segment in order of their keys.
pub(super) type Sink<'s> = dyn FnMut(Vec<u8>, Vec<u8>) -> Result<(), StorageError> + 's;

impl<'a, 's> SegmentWriter<'a, 's> {
    /// A writer of `segment` that gives its records to `sink`.
    pub fn new(segment: Segment, sealer: &'a Sealer, packer: &'a mut Packer, sink: &'a mut Sink<'s>) -> Self {
        let (rows, firsts, blocks) = Default::default();
        SegmentWriter { segment, sealer, packer, sink, param: None, rows, spans: Spans::NONE, firsts, blocks }
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
        self.spans.see(term);
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
        let inline = self.blocks.is_empty().then(|| Arc::new(std::mem::take(&mut self.rows)));
        if !self.rows.is_empty() {
            let block = self.packer.pack(&self.rows);
            self.blocks.push(block);
            self.rows.clear();
        }
        let firsts = std::mem::take(&mut self.firsts);
        let directory = Directory { spans: std::mem::replace(&mut self.spans, Spans::NONE), firsts, inline };
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
