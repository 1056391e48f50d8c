//! Versions of resources in blocks: who, which version, when and by what, then the bodies. Their entries lie in
//! a record of their own beside the block, so that a read need not open them.

use bytes::Bytes;
use fhir::{Id, Time};
use roaring::RoaringBitmap;
use search::Entries;
use store::Operation;

use crate::StorageError;
use crate::encode::{decode_entries, encode_entries};
use crate::keyspace::BODY;
use crate::kv::Kv;
use crate::pack::{Packer, unpack, unpack_beside};
use crate::seal::Sealer;
use crate::varint::{Reader, put_bytes, put_varint};

/// Bytes of bodies from which the next block begins.
pub(crate) const BLOCK_BYTES: usize = 12 * 1024;

/// One version of one resource, without its body.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Version {
    /// The resource's id.
    pub(crate) id: Id,
    /// From 1.
    pub(crate) number: u64,
    /// When it was written.
    pub(crate) updated: Time,
    /// When the resource came to be.
    pub(crate) birth: Birth,
    /// What wrote it.
    pub(crate) operation: Operation,
    /// The ordinal of the version before.
    pub(crate) prior: Option<u32>,
    /// Whether it was removed for good: then only its number and its link are true.
    pub(crate) is_erased: bool,
}

/// When the resource of a version came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Birth {
    /// By this version.
    Here,
    /// Before it.
    At(Time),
    /// Format 1 did not say: the versions before tell.
    Unsaid,
}

impl Birth {
    /// The time, if it was before.
    pub(crate) fn time(self) -> Option<Time> {
        match self {
            Birth::At(created) => Some(created),
            Birth::Here | Birth::Unsaid => None,
        }
    }
}

/// A version with its body; `None` for a deletion.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) version: Version,
    pub(crate) body: Option<Bytes>,
}

/// Stands for the operation in the head of a version that was removed for good.
const ERASED: u8 = 0;
/// Added to the operation of a version by which the resource came to be.
const BORN_HERE: u8 = 0x20;
/// Added to the operation where the time when the resource came to be follows.
const BORN_AT: u8 = 0x10;
/// Stands for the id there.
const NO_ID: &str = "-";

/// Which record of a block.
#[derive(Clone, Copy)]
enum Part {
    Bodies = 0,
    Entries = 1,
}

fn key(of: u16, first: u32, part: Part) -> Vec<u8> {
    let mut key = Vec::with_capacity(7);
    key.extend_from_slice(&of.to_be_bytes());
    key.extend_from_slice(&first.to_be_bytes());
    key.push(part as u8);
    key
}

/// A block being filled.
#[derive(Default)]
pub(crate) struct BlockWriter {
    count: u64,
    heads: Vec<u8>,
    bodies: Vec<u8>,
    entries: Vec<u8>,
}

/// A pair of key and sealed value.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

impl BlockWriter {
    /// Adds a version; `entries` are its encoded entries.
    pub(crate) fn put(&mut self, version: &Version, body: Option<&[u8]>, entries: &[u8]) {
        self.count += 1;
        let heads = &mut self.heads;
        put_bytes(heads, version.id.as_str().as_bytes());
        put_varint(heads, version.number);
        heads.extend_from_slice(&version.updated.0.to_le_bytes());
        put_operation(heads, version);
        put_varint(heads, version.prior.map_or(0, |prior| u64::from(prior) + 1));
        put_varint(heads, body.map_or(0, |body| body.len() as u64 + 1));
        self.bodies.extend_from_slice(body.unwrap_or_default());
        put_bytes(&mut self.entries, entries);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bodies.len() + self.heads.len() >= BLOCK_BYTES
    }

    /// The two records of the block whose first version has the ordinal `first`.
    pub(crate) fn finish(self, of: u16, first: u32, sealer: &Sealer, packer: &mut Packer) -> [Pair; 2] {
        let mut plain = Vec::with_capacity(self.heads.len() + self.bodies.len() + 8);
        put_varint(&mut plain, self.count);
        put_varint(&mut plain, self.heads.len() as u64);
        plain.extend_from_slice(&self.heads);
        plain.extend_from_slice(&self.bodies);
        let entries = packer.pack_beside(&self.entries, &plain);
        [(Part::Bodies, packer.pack_bodies(of, &plain)), (Part::Entries, entries)].map(|(part, packed)| {
            let key = key(of, first, part);
            let sealed = sealer.seal(BODY.0 as u8, &key, &packed);
            (key, sealed)
        })
    }
}

/// One block in memory: the versions of adjacent ordinals.
pub(crate) struct Block {
    pub(crate) first: u32,
    versions: Vec<Version>,
    /// Where each body lies in `plain`.
    bodies: Vec<Option<std::ops::Range<usize>>>,
    plain: Bytes,
    entries: std::sync::OnceLock<Vec<u8>>,
}

impl Block {
    /// The block that holds `ordinal`; `None` if there is none.
    pub(crate) fn load(
        kv: &Kv,
        sealer: &Sealer,
        of: u16,
        ordinal: u32,
    ) -> Result<Option<Block>, StorageError> {
        let found = kv.last(BODY, &key(of, 0, Part::Bodies), &key(of, ordinal, Part::Bodies))?;
        let Some((mut at, mut sealed)) = found else { return Ok(None) };
        if at.last() == Some(&(Part::Entries as u8)) {
            at = at[..at.len() - 1].iter().copied().chain([Part::Bodies as u8]).collect::<Vec<u8>>().into();
            sealed = kv.get(BODY, &at)?.ok_or_else(|| damaged(of, ordinal))?;
        }
        let first = at.get(2..6).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
        let first = first.ok_or_else(|| damaged(of, ordinal))?;
        let packed = sealer.open(BODY.0 as u8, &at, &sealed).map_err(|_| damaged(of, first))?;
        let block = Block::decode(first, unpack(&packed)?.into())?;
        Ok((((ordinal - first) as usize) < block.versions.len()).then_some(block))
    }

    fn decode(first: u32, plain: Bytes) -> Result<Block, StorageError> {
        let mut reader = Reader::new(&plain);
        let count = reader.varint()?;
        let heads = reader.bytes()?;
        let mut at = plain.len() - reader.rest().len();
        let mut reader = Reader::new(heads);
        let (mut versions, mut bodies) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (version, body_len) = read_head(&mut reader)?;
            versions.push(version);
            bodies.push(body_len.map(|len| at..at + len));
            at += body_len.unwrap_or(0);
        }
        if at != plain.len() {
            return Err(StorageError::Damaged(format!("the block of bodies at {first}")));
        }
        Ok(Block { first, versions, bodies, plain, entries: Default::default() })
    }

    pub(crate) fn holds(&self, ordinal: u32) -> bool {
        ordinal >= self.first && ((ordinal - self.first) as usize) < self.versions.len()
    }

    /// The version of an ordinal that the block holds.
    pub(crate) fn version(&self, ordinal: u32) -> &Version {
        &self.versions[(ordinal - self.first) as usize]
    }

    /// The ordinal after the last that the block holds.
    pub(crate) fn end(&self) -> u32 {
        self.first + self.versions.len() as u32
    }

    /// Whether the version of an ordinal that the block holds is a deletion.
    pub(crate) fn is_deletion(&self, ordinal: u32) -> bool {
        self.bodies[(ordinal - self.first) as usize].is_none()
    }

    /// The version of an ordinal that the block holds, with its body.
    pub(crate) fn written(&self, ordinal: u32) -> Written {
        let at = (ordinal - self.first) as usize;
        let body = self.bodies[at].clone().map(|range| self.plain.slice(range));
        Written { version: self.versions[at].clone(), body }
    }

    /// The record of entries with these encoded ones, by rising ordinals, in place of those that there are.
    pub(crate) fn with_entries(
        &self,
        renewed: &[(u32, Vec<u8>)],
        kv: &Kv,
        sealer: &Sealer,
        of: u16,
        packer: &mut Packer,
    ) -> Result<Pair, StorageError> {
        self.open_entries(kv, sealer, of)?;
        let mut reader = Reader::new(self.opened_entries());
        let mut renewed = renewed.iter().peekable();
        let mut entries = Vec::new();
        for at in 0..self.versions.len() {
            let kept = reader.bytes()?;
            let ordinal = self.first + at as u32;
            let new = renewed.next_if(|(renewed, _)| *renewed == ordinal);
            put_bytes(&mut entries, new.map_or(kept, |(_, encoded)| encoded));
        }
        let key = key(of, self.first, Part::Entries);
        let sealed = sealer.seal(BODY.0 as u8, &key, &packer.pack_beside(&entries, &self.plain));
        Ok((key, sealed))
    }

    /// The two records of the block in which nothing of these ordinals is left but their numbers and links.
    pub(crate) fn without(
        &self,
        erased: &RoaringBitmap,
        kv: &Kv,
        sealer: &Sealer,
        of: u16,
        packer: &mut Packer,
    ) -> Result<[Pair; 2], StorageError> {
        self.open_entries(kv, sealer, of)?;
        let mut entries = Reader::new(self.opened_entries());
        let mut block = BlockWriter::default();
        for (at, version) in self.versions.iter().enumerate() {
            let own = entries.bytes()?;
            if erased.contains(self.first + at as u32) {
                let id = Id::parse(NO_ID).expect("a hyphen is an id");
                let (updated, birth) = (Time(0), Birth::Unsaid);
                let hollow = Version { id, updated, birth, is_erased: true, ..version.clone() };
                block.put(&hollow, None, &encode_entries(&Entries::new()));
            } else {
                let body = self.bodies[at].clone().map(|range| &self.plain[range]);
                block.put(version, body, own);
            }
        }
        Ok(block.finish(of, self.first, sealer, packer))
    }

    /// The entries of an ordinal that the block holds.
    pub(crate) fn entries(
        &self,
        kv: &Kv,
        sealer: &Sealer,
        of: u16,
        ordinal: u32,
    ) -> Result<Entries, StorageError> {
        self.open_entries(kv, sealer, of)?;
        let mut reader = Reader::new(self.opened_entries());
        for _ in self.first..ordinal {
            reader.bytes()?;
        }
        decode_entries(reader.bytes()?)
    }

    /// Reads the record of the entries, once.
    fn open_entries(&self, kv: &Kv, sealer: &Sealer, of: u16) -> Result<(), StorageError> {
        if self.entries.get().is_none() {
            let key = key(of, self.first, Part::Entries);
            let sealed = kv.get(BODY, &key)?.ok_or_else(|| damaged(of, self.first))?;
            let packed = sealer.open(BODY.0 as u8, &key, &sealed).map_err(|_| damaged(of, self.first))?;
            let _ = self.entries.set(unpack_beside(&packed, &self.plain)?);
        }
        Ok(())
    }

    fn opened_entries(&self) -> &[u8] {
        self.entries.get().map(Vec::as_slice).unwrap_or_default()
    }
}

fn read_head(reader: &mut Reader<'_>) -> Result<(Version, Option<usize>), StorageError> {
    let wrong = || StorageError::Damaged("the head of a version".to_owned());
    let id = std::str::from_utf8(reader.bytes()?).ok().and_then(Id::parse).ok_or_else(wrong)?;
    let number = reader.varint()?;
    let updated = Time(i64::from_le_bytes(reader.array()?));
    let operation = reader.byte()?;
    let is_erased = operation == ERASED;
    let birth = match operation & (BORN_HERE | BORN_AT) {
        BORN_AT => Birth::At(Time(i64::from_le_bytes(reader.array()?))),
        BORN_HERE => Birth::Here,
        _ if number == 1 && !is_erased => Birth::Here,
        _ => Birth::Unsaid,
    };
    let operation = operation & !(BORN_HERE | BORN_AT);
    let operation = if is_erased { Operation::Delete } else { operation_of(operation).ok_or_else(wrong)? };
    let prior = reader.varint()?.checked_sub(1).map(|prior| prior as u32);
    let body_len = reader.varint()?.checked_sub(1).map(|len| len as usize);
    Ok((Version { id, number, updated, birth, operation, prior, is_erased }, body_len))
}

fn put_operation(heads: &mut Vec<u8>, version: &Version) {
    if version.is_erased {
        return heads.push(ERASED);
    }
    let operation = operation_number(version.operation);
    match version.birth {
        Birth::Here => heads.push(operation | BORN_HERE),
        Birth::Unsaid => heads.push(operation),
        Birth::At(created) => {
            heads.push(operation | BORN_AT);
            heads.extend_from_slice(&created.0.to_le_bytes());
        }
    }
}

pub(crate) fn operation_number(operation: Operation) -> u8 {
    match operation {
        Operation::Create => 1,
        Operation::Update => 2,
        Operation::Patch => 3,
        Operation::Delete => 4,
    }
}

fn operation_of(number: u8) -> Option<Operation> {
    [Operation::Create, Operation::Update, Operation::Patch, Operation::Delete]
        .into_iter()
        .find(|operation| operation_number(*operation) == number)
}

pub(crate) fn damaged(of: u16, first: u32) -> StorageError {
    let name = fhir::ResourceType::from_number(of).map_or("?", |of| of.name());
    StorageError::Damaged(format!("the block of {name} bodies at ordinal {first}"))
}
