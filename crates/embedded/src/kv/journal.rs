//! What the engine's journals hold, read before the engine reads them: the engine ends at the first batch that it
//! cannot read and cuts off what follows, whether a crash tore that batch or the disk lost it. Here the two are told
//! apart.
//!
//! A journal is batches end to end: `1 · items (4) · sequence (8)`, then items, then `3 · checksum (8) · trailer (4)`.
//! An item is `2 · kind (1) · compression (1) · space (8) · lengths of key (2), of value (4) and of the stored value (4)
//! · key · value`, or `4 · space (8)`. Numbers are little-endian; the checksum is XXH3 of the items. What was never
//! written is zero.

use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use super::KvError;
use super::mark::{KEY, Mark};

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const TRAILER: [u8; 4] = [b'F', b'J', b'L', 3];
const START_BYTES: u64 = 13;
const END_BYTES: u64 = 13;
/// Read at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// What all journals of a database hold.
#[derive(Debug, Default)]
pub(super) struct Inspection {
    /// Batches that can be read, before any that cannot.
    pub(super) batches: u64,
    /// The mark of the last batch that can be read without a gap before it.
    pub(super) last: Option<Mark>,
    /// The newest batch that is known to have been synced, from whatever can be read.
    pub(super) synced: u64,
    /// Where the first batch lies that cannot be read, though another follows it or something stands there.
    pub(super) torn: Option<Torn>,
}

/// A place in a journal after which nothing counts.
#[derive(Debug)]
pub(super) struct Torn {
    /// The journal.
    pub(super) path: PathBuf,
    /// Where its last good batch ends.
    pub(super) at: u64,
    /// The journals after it.
    pub(super) after: Vec<PathBuf>,
    /// Whether a batch is missing between two that can be read.
    pub(super) is_gap: bool,
    /// Batches behind that place that can be read.
    pub(super) readable: u64,
}

/// A batch that can be read.
struct Batch {
    mark: Option<Mark>,
    bytes: u64,
}

/// Reads all journals in `folder`.
pub(super) fn inspect(folder: &Path) -> Result<Inspection, KvError> {
    let mut found = Inspection::default();
    for (_, path) in journals(folder)? {
        if let Some(torn) = &mut found.torn {
            torn.after.push(path.clone());
        }
        read_journal(path, &mut found).map_err(|error| super::io_failure("journal", &error))?;
    }
    Ok(found)
}

/// The journals in `folder` by their numbers, the oldest first.
fn journals(folder: &Path) -> Result<Vec<(u64, PathBuf)>, KvError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(super::io_failure("journal", &error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| super::io_failure("journal", &error))?.path();
        let is_journal = path.extension().is_some_and(|extension| extension == "jnl");
        let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        if let (true, Some(number)) = (is_journal, number) {
            found.push((number, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn read_journal(path: PathBuf, found: &mut Inspection) -> std::io::Result<()> {
    let mut file = BufReader::with_capacity(BUFFER_BYTES, File::open(&path)?);
    let mut at = 0;
    while let Some(batch) = read_batch(&mut file)? {
        let follows = match (found.last, batch.mark) {
            (Some(last), Some(mark)) => mark.number == last.number + 1,
            _ => true,
        };
        found.synced = found.synced.max(batch.mark.map_or(0, |mark| mark.synced));
        if found.torn.is_none() && !follows {
            found.torn = Some(Torn { path: path.clone(), at, after: Vec::new(), is_gap: true, readable: 0 });
        }
        match &mut found.torn {
            Some(torn) => torn.readable += 1,
            None => {
                found.batches += 1;
                found.last = batch.mark.or(found.last);
            }
        }
        at += batch.bytes;
    }
    file.seek(SeekFrom::Start(at))?;
    let rest = without_zeros(&mut file)?;
    if rest.is_empty() {
        return Ok(());
    }
    let torn = found.torn.get_or_insert(Torn { path, at, after: Vec::new(), is_gap: false, readable: 0 });
    let mut from = 1;
    while from < rest.len() {
        match read_batch(&mut &rest[from..])? {
            Some(batch) => {
                torn.readable += 1;
                found.synced = found.synced.max(batch.mark.map_or(0, |mark| mark.synced));
                from += batch.bytes as usize;
            }
            None => from += 1,
        }
    }
    Ok(())
}

/// The batch that begins here; `None` if none does that can be read to its end.
fn read_batch(from: &mut impl Read) -> std::io::Result<Option<Batch>> {
    match whole_batch(from) {
        Ok(batch) => Ok(batch),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn whole_batch(from: &mut impl Read) -> std::io::Result<Option<Batch>> {
    if bytes::<1>(from)? != [START] {
        return Ok(None);
    }
    let items = u32::from_le_bytes(bytes(from)?);
    bytes::<8>(from)?;
    let mut batch = Batch { mark: None, bytes: START_BYTES + END_BYTES };
    let mut hash = Xxh3::new();
    for _ in 0..items {
        if !read_item(from, &mut hash, &mut batch)? {
            return Ok(None);
        }
    }
    let is_whole = bytes::<1>(from)? == [END]
        && u64::from_le_bytes(bytes(from)?) == hash.digest()
        && bytes::<4>(from)? == TRAILER;
    Ok(is_whole.then_some(batch))
}

/// Reads an item; `false` if there is none.
fn read_item(from: &mut impl Read, hash: &mut Xxh3, batch: &mut Batch) -> std::io::Result<bool> {
    let tag = bytes::<1>(from)?;
    hash.update(&tag);
    if tag == [CLEAR] {
        hash.update(&bytes::<8>(from)?);
        batch.bytes += 9;
        return Ok(true);
    }
    let head = if tag == [ITEM] { bytes::<20>(from)? } else { return Ok(false) };
    hash.update(&head);
    let key_bytes = u16::from_le_bytes([head[10], head[11]]);
    let value_bytes = u64::from(u32::from_le_bytes([head[16], head[17], head[18], head[19]]));
    let mut key = vec![0; usize::from(key_bytes)];
    from.read_exact(&mut key)?;
    hash.update(&key);
    batch.bytes += 21 + u64::from(key_bytes) + value_bytes;
    if key == KEY && value_bytes == Mark::BYTES as u64 {
        let value = bytes::<{ Mark::BYTES }>(from)?;
        hash.update(&value);
        batch.mark = Some(Mark::of(&value));
        return Ok(true);
    }
    let (mut left, mut buffer) = (value_bytes, [0; 4096]);
    while left > 0 {
        let part = left.min(buffer.len() as u64) as usize;
        from.read_exact(&mut buffer[..part])?;
        hash.update(&buffer[..part]);
        left -= part as u64;
    }
    Ok(true)
}

fn bytes<const N: usize>(from: &mut impl Read) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// What is left to read, without the chunks of zeros at its end: most of a journal was never written.
fn without_zeros(from: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let (mut rest, mut zeros, mut buffer) = (Vec::new(), 0, vec![0; BUFFER_BYTES]);
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(rest),
            count if buffer[..count].iter().all(|byte| *byte == 0) => zeros += count,
            count => {
                rest.resize(rest.len() + zeros, 0);
                zeros = 0;
                rest.extend_from_slice(&buffer[..count]);
            }
        }
    }
}
