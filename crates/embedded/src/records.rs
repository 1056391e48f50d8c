//! The small records: where a resource stands, what a commit did, and the facts in `meta`.

use std::ops::Range;
use std::sync::Arc;

use fhir::{ResourceKey, Time};
use roaring::RoaringBitmap;
use search::ParameterSet;
use store::{Ingested, JobId};

use crate::StorageError;
use crate::index::Segment;
use crate::keyspace::{IDENTITY, LOG, META};
use crate::kv::{Batch, Kv};
use crate::pack::{Packer, unpack};
use crate::seal::Sealer;
use crate::varint::{Reader, put_varint};
use crate::view::View;

/// What is written in `meta/format`: the layout that this code writes, and those before, which it reads.
const FORMAT: u64 = 3;
/// Bodies were not packed with a dictionary.
const FORMAT_WITHOUT_DICTIONARIES: u64 = 2;
/// Nothing said when resources came to be.
const FORMAT_WITHOUT_BIRTHS: u64 = 1;

/// What `meta/format` says of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// It is of this release.
    Present,
    /// It is of the format before: what it holds does not say when resources came to be.
    Before,
}

/// Where a resource stands: its newest version.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Identity {
    pub(crate) ordinal: u32,
    pub(crate) number: u64,
    pub(crate) is_deletion: bool,
    /// When the resource came to be; format 1 did not say.
    pub(crate) created: Option<Time>,
}

impl Identity {
    pub(crate) fn key(sealer: &Sealer, key: &ResourceKey) -> Vec<u8> {
        let of = key.of.number().to_be_bytes();
        let blind = sealer.blind(&[&of, key.id.as_str().as_bytes()].concat());
        [&of[..], &blind].concat()
    }

    pub(crate) fn seal(&self, sealer: &Sealer, key: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        put_varint(&mut plain, u64::from(self.ordinal));
        put_varint(&mut plain, self.number << 1 | u64::from(self.is_deletion));
        if let Some(created) = self.created {
            put_varint(&mut plain, created.0 as u64);
        }
        sealer.seal(IDENTITY.0 as u8, key, &plain)
    }

    pub(crate) fn open(sealer: &Sealer, key: &[u8], sealed: &[u8]) -> Result<Self, StorageError> {
        let damaged = || StorageError::Damaged("an identity".to_owned());
        let plain = sealer.open(IDENTITY.0 as u8, key, sealed).map_err(|_| damaged())?;
        let mut reader = Reader::new(&plain);
        let ordinal = reader.varint()? as u32;
        let rest = reader.varint()?;
        let created = if reader.is_empty() { None } else { Some(Time(reader.varint()? as i64)) };
        Ok(Identity { ordinal, number: rest >> 1, is_deletion: rest & 1 == 1, created })
    }
}

/// What one commit or run did.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LogRecord {
    pub(crate) updated: Time,
    /// Type, first ordinal and number of adjacent ordinals, in the order written.
    pub(crate) writes: Vec<(u16, u32, u32)>,
    /// Type and ordinal of the versions replaced.
    pub(crate) killed: Vec<(u16, u32)>,
}

impl LogRecord {
    /// Notes one more write.
    pub(crate) fn push(&mut self, of: u16, ordinal: u32) {
        match self.writes.last_mut() {
            Some((last, first, count)) if *last == of && *first + *count == ordinal => *count += 1,
            _ => self.writes.push((of, ordinal, 1)),
        }
    }

    pub(crate) fn put(&self, batch: &mut Batch, sealer: &Sealer, sequence: u64) {
        let key = sequence.to_be_bytes().to_vec();
        let mut plain = self.updated.0.to_le_bytes().to_vec();
        put_varint(&mut plain, self.writes.len() as u64);
        for (of, first, count) in &self.writes {
            [u64::from(*of), u64::from(*first), u64::from(*count)]
                .iter()
                .for_each(|n| put_varint(&mut plain, *n));
        }
        put_varint(&mut plain, self.killed.len() as u64);
        for (of, ordinal) in &self.killed {
            [u64::from(*of), u64::from(*ordinal)].iter().for_each(|number| put_varint(&mut plain, *number));
        }
        let sealed = sealer.seal(LOG.0 as u8, &key, &Packer::default().pack(&plain));
        batch.put(LOG, key, sealed);
    }

    pub(crate) fn open(sealer: &Sealer, key: &[u8], sealed: &[u8]) -> Result<(u64, Self), StorageError> {
        let damaged = || StorageError::Damaged("a record of the log".to_owned());
        let sequence = u64::from_be_bytes(key.try_into().map_err(|_| damaged())?);
        let plain = unpack(&sealer.open(LOG.0 as u8, key, sealed).map_err(|_| damaged())?)?;
        let mut reader = Reader::new(&plain);
        let mut record =
            LogRecord { updated: Time(i64::from_le_bytes(reader.array()?)), ..Default::default() };
        for _ in 0..reader.varint()? {
            record.writes.push((reader.varint()? as u16, reader.varint()? as u32, reader.varint()? as u32));
        }
        for _ in 0..reader.varint()? {
            record.killed.push((reader.varint()? as u16, reader.varint()? as u32));
        }
        Ok((sequence, record))
    }
}

/// What is folded of one type: the durable part of a [`crate::view::TypeView`].
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TypeState {
    pub(crate) of: u16,
    pub(crate) next: u32,
    pub(crate) segments: Vec<Segment>,
    pub(crate) void: Vec<Range<u32>>,
}

/// What is folded: all commits up to `sequence`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    pub(crate) sequence: u64,
    pub(crate) newest: Option<Time>,
    pub(crate) next_segment: u32,
    pub(crate) types: Vec<TypeState>,
}

impl State {
    /// The state of a view in which all commits up to `sequence` are folded.
    pub(crate) fn of(view: &View, sequence: u64, next_segment: u32) -> State {
        let types = view.types.iter().map(|(of, types)| TypeState {
            of: *of,
            next: types.next,
            segments: types.segments.iter().map(|segment| **segment).collect(),
            void: types.void.to_vec(),
        });
        State { sequence, newest: view.newest, next_segment, types: types.collect() }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut put = |number: u64| put_varint(&mut out, number);
        put(self.sequence);
        put(self.newest.map_or(0, |time| (time.0 as u64).wrapping_add(1)));
        put(u64::from(self.next_segment));
        put(self.types.len() as u64);
        for of in &self.types {
            put(u64::from(of.of));
            put(u64::from(of.next));
            put(of.segments.len() as u64);
            for segment in &of.segments {
                [segment.number, segment.base, segment.end]
                    .into_iter()
                    .for_each(|number| put(u64::from(number)));
            }
            put(of.void.len() as u64);
            of.void.iter().for_each(|range| {
                put(u64::from(range.start));
                put(u64::from(range.end));
            });
        }
        out
    }

    fn decode(bytes: &[u8]) -> Result<State, StorageError> {
        let mut reader = Reader::new(bytes);
        let sequence = reader.varint()?;
        let newest = Some(reader.varint()?).filter(|time| *time != 0).map(|t| Time(t.wrapping_sub(1) as i64));
        let next_segment = reader.varint()? as u32;
        let mut types = Vec::new();
        for _ in 0..reader.varint()? {
            let (of, next) = (reader.varint()? as u16, reader.varint()? as u32);
            let mut state = TypeState { of, next, ..TypeState::default() };
            for _ in 0..reader.varint()? {
                let [number, base, end] =
                    [reader.varint()?, reader.varint()?, reader.varint()?].map(|n| n as u32);
                state.segments.push(Segment { of, number, base, end });
            }
            for _ in 0..reader.varint()? {
                state.void.push(reader.varint()? as u32..reader.varint()? as u32);
            }
            types.push(state);
        }
        Ok(State { sequence, newest, next_segment, types })
    }
}

/// The records of `meta`, each under a name without data.
pub(crate) struct Meta<'a> {
    pub(crate) kv: &'a Kv,
    pub(crate) sealer: &'a Sealer,
}

impl Meta<'_> {
    /// The format of the database, which a new one gets; refuses one of another format or another key.
    pub(crate) fn format(&self) -> Result<Format, StorageError> {
        let Some(format) = self.get(b"format")? else {
            let mut batch = Batch::default();
            self.put_format(&mut batch);
            self.put_parameters(&mut batch, &ParameterSet::r4());
            self.kv.write(batch)?;
            self.kv.sync()?;
            return Ok(Format::Present);
        };
        match <[u8; 8]>::try_from(format).map(u64::from_le_bytes) {
            Ok(FORMAT) => Ok(Format::Present),
            Ok(FORMAT_WITHOUT_DICTIONARIES) => {
                let mut batch = Batch::default();
                self.put_format(&mut batch);
                self.kv.write(batch)?;
                self.kv.sync()?;
                Ok(Format::Present)
            }
            Ok(FORMAT_WITHOUT_BIRTHS) => Ok(Format::Before),
            _ => Err(StorageError::Damaged("meta/format, which is not of this release".to_owned())),
        }
    }

    /// Says that the database is of this release.
    pub(crate) fn put_format(&self, batch: &mut Batch) {
        self.put(batch, b"format", &FORMAT.to_le_bytes());
    }

    pub(crate) fn state(&self) -> Result<State, StorageError> {
        self.get(b"state")?.map_or_else(|| Ok(State::default()), |bytes| State::decode(&bytes))
    }

    pub(crate) fn put_state(&self, batch: &mut Batch, state: &State) {
        self.put(batch, b"state", &state.encode());
    }

    /// The ordinals that a run is about to use, as a state that names them in place of what is void.
    pub(crate) fn pending(&self) -> Result<Option<State>, StorageError> {
        self.get(b"pending")?.map(|bytes| State::decode(&bytes)).transpose()
    }

    pub(crate) fn put_pending(&self, batch: &mut Batch, pending: &State) {
        self.put(batch, b"pending", &pending.encode());
    }

    pub(crate) fn remove_pending(&self, batch: &mut Batch) {
        batch.remove(META, b"pending".to_vec());
    }

    /// The search parameters that the store has. Older releases kept no record of R4's alone.
    pub(crate) fn parameters(&self) -> Result<ParameterSet, StorageError> {
        let Some(record) = self.get(b"parameters")? else { return Ok(ParameterSet::r4().of_older_release()) };
        ParameterSet::of_record(&unpack(&record)?).map_err(|_| damaged(b"parameters"))
    }

    /// Whether it was ever written down which they are.
    pub(crate) fn has_parameters(&self) -> Result<bool, StorageError> {
        Ok(self.get(b"parameters")?.is_some())
    }

    pub(crate) fn put_parameters(&self, batch: &mut Batch, parameters: &ParameterSet) {
        self.put(batch, b"parameters", &Packer::default().pack(&parameters.record()));
    }

    /// The ordinals of a type that are in a set.
    pub(crate) fn set(&self, set: Set, of: u16) -> Result<RoaringBitmap, StorageError> {
        let mut found = RoaringBitmap::new();
        for pair in self.kv.scan(META, &set.key(of, 0), &set.key(of, u16::MAX)) {
            let (key, sealed) = pair?;
            let plain = self.open(&key, &sealed)?;
            found |= RoaringBitmap::deserialize_from(&plain[..]).map_err(|_| damaged(&key))?;
        }
        Ok(found)
    }

    /// Writes the chunks of a set of live ordinals that differ from `before`.
    pub(crate) fn put_live(&self, batch: &mut Batch, of: u16, before: &RoaringBitmap, live: &RoaringBitmap) {
        self.put_set(batch, Set::Live, of, before, live);
    }

    /// Writes the chunks of a set that differ from `before`.
    pub(crate) fn put_set(
        &self,
        batch: &mut Batch,
        set: Set,
        of: u16,
        before: &RoaringBitmap,
        after: &RoaringBitmap,
    ) {
        let changed = before ^ after;
        let mut from = changed.min();
        while let Some(ordinal) = from {
            let chunk = (ordinal >> 16) as u16;
            let range = u32::from(chunk) << 16..=u32::from(chunk) << 16 | 0xffff;
            let mut part = RoaringBitmap::from_sorted_iter(after.range(range.clone())).unwrap_or_default();
            part.optimize();
            let mut plain = Vec::new();
            part.serialize_into(&mut plain).expect("a vector takes all bytes");
            self.put(batch, &set.key(of, chunk), &plain);
            from = range.end().checked_add(1).and_then(|next| changed.range(next..).next());
        }
    }

    /// What the last run of a job made.
    pub(crate) fn run(&self, job: &JobId) -> Result<Option<(u64, Ingested)>, StorageError> {
        let Some(plain) = self.get(&run_key(job))? else { return Ok(None) };
        let plain = unpack(&plain)?;
        let mut reader = Reader::new(&plain);
        let number = reader.varint()?;
        let updated = Time(i64::from_le_bytes(reader.array()?));
        let versions = (0..reader.varint()?).map(|_| reader.varint()).collect::<Result<_, _>>()?;
        Ok(Some((number, Ingested { updated, versions, repeated: true })))
    }

    pub(crate) fn put_run(&self, batch: &mut Batch, job: &JobId, number: u64, made: &Ingested) {
        let mut plain = Vec::new();
        put_varint(&mut plain, number);
        plain.extend_from_slice(&made.updated.0.to_le_bytes());
        put_varint(&mut plain, made.versions.len() as u64);
        made.versions.iter().for_each(|version| put_varint(&mut plain, *version));
        self.put(batch, &run_key(job), &Packer::default().pack(&plain));
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        self.kv.get(META, key)?.map(|sealed| self.open(key, &sealed)).transpose()
    }

    pub(crate) fn put(&self, batch: &mut Batch, key: &[u8], plain: &[u8]) {
        batch.put(META, key.to_vec(), self.sealer.seal(META.0 as u8, key, plain));
    }

    pub(crate) fn open(&self, key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StorageError> {
        self.sealer.open(META.0 as u8, key, sealed).map_err(|_| damaged(key))
    }
}

/// A set of ordinals for each type, kept in chunks of 65,536.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    /// Folded and current.
    Live,
    /// Removed for good.
    Erased,
    /// Removed for good, and something may be left of them.
    Erasing,
}

impl Set {
    fn key(self, of: u16, chunk: u16) -> Vec<u8> {
        let name: &[u8] = match self {
            Set::Live => b"live/",
            Set::Erased => b"erased/",
            Set::Erasing => b"erasing/",
        };
        [name, &of.to_be_bytes(), &chunk.to_be_bytes()].concat()
    }
}

fn run_key(job: &JobId) -> Vec<u8> {
    [b"run/", job.as_str().as_bytes()].concat()
}

pub(crate) fn damaged(key: &[u8]) -> StorageError {
    let name = String::from_utf8_lossy(key.split(|byte| *byte == b'/').next().unwrap_or_default());
    StorageError::Damaged(format!("meta/{name}"))
}

/// A view of what is folded, before the log is replayed.
pub(crate) fn view_of(meta: &Meta<'_>, state: &State) -> Result<View, StorageError> {
    let (sequence, newest, parameters) = (state.sequence, state.newest, meta.parameters()?);
    let mut view = View { sequence, newest, parameters, ..View::default() };
    for of in &state.types {
        let types = view.change(of.of);
        types.next = of.next;
        types.live = Arc::new(meta.set(Set::Live, of.of)?);
        types.erased = Arc::new(meta.set(Set::Erased, of.of)?);
        types.erasing = Arc::new(meta.set(Set::Erasing, of.of)?);
        types.segments = Arc::new(of.segments.iter().copied().map(Arc::new).collect());
        types.void = Arc::new(of.void.clone());
    }
    Ok(view)
}
