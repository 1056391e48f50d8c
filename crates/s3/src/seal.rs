//! Sealed files: content in segments of 64 KiB and a description at the end, all under AES-256-GCM with a key
//! of the file's own, so that ranges can be read and nothing can be cut, swapped or renamed unseen.
//!
//! ```text
//! magic 8 | salt 32 | segment … | sealed description | its length 4, little-endian
//! ```
//!
//! The file's key is derived from the objects' key and the salt. Segment n has n as its nonce; the description
//! has a nonce of all ones and the size of the content as associated data.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use store::Random;
use zeroize::Zeroizing;

const MAGIC: &[u8; 8] = b"TARNOBJ1";
const SALT_BYTES: usize = 32;
const HEAD_BYTES: u64 = 40;
const TAG_BYTES: u64 = 16;
/// Content bytes of every segment but the last.
pub(crate) const SEGMENT_BYTES: u64 = 64 * 1024;
/// The longest description, in bytes: a key, 2 KiB of user metadata, the sizes of 10,000 parts.
const DESCRIPTION_BYTES_MAX: usize = 1 << 20;

/// Why a sealed file could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealError {
    /// A seal does not hold, or the file is not of this form.
    #[error("the file is damaged or sealed with another key")]
    Damaged,
    /// The disk failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The keys that everything in the folder is sealed and named with.
pub(crate) struct Keys {
    names: Zeroizing<[u8; 32]>,
    files: Zeroizing<[u8; 32]>,
}

impl Keys {
    /// Derives both from the objects' key.
    pub(crate) fn new(root: &[u8; 32]) -> Keys {
        Keys {
            names: Zeroizing::new(blake3::derive_key("tarn objects 2026 names", root)),
            files: Zeroizing::new(blake3::derive_key("tarn objects 2026 files", root)),
        }
    }

    /// A file name that tells nothing of what it names, but is always the same for it.
    pub(crate) fn blind(&self, bucket: &str, key: Option<&str>) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.names);
        // The bucket cannot hold a NUL, so that the two parts cannot run into each other.
        hasher.update(bucket.as_bytes());
        if let Some(key) = key {
            hasher.update(b"\0").update(key.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    fn file(&self, salt: &[u8; SALT_BYTES]) -> LessSafeKey {
        let key = Zeroizing::new(*blake3::keyed_hash(&self.files, salt).as_bytes());
        let key = UnboundKey::new(&AES_256_GCM, &*key).expect("the key has the length of AES-256");
        LessSafeKey::new(key)
    }
}

fn segment_nonce(number: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

fn description_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0xff; 12])
}

/// A file that is removed when dropped, unless it was moved into place.
pub(crate) struct Unfinished(Option<PathBuf>);

impl Unfinished {
    /// Moves the file to its place, replacing what is there.
    pub(crate) fn move_to(mut self, place: &Path) -> io::Result<()> {
        let path = self.0.take().expect("only this method takes the path, and it consumes the file");
        let moved = std::fs::rename(&path, place);
        if moved.is_err() {
            self.0 = Some(path);
        }
        moved
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // What cannot be removed now is removed when the folder is opened again.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Writes a sealed file from front to back.
pub(crate) struct SealedWriter {
    file: File,
    unfinished: Unfinished,
    key: LessSafeKey,
    pending: Vec<u8>,
    segments: u64,
    size: u64,
}

impl SealedWriter {
    /// Creates the file at `path`, which must not be there.
    pub(crate) fn create(path: PathBuf, keys: &Keys, random: &dyn Random) -> io::Result<SealedWriter> {
        let mut salt = [0; SALT_BYTES];
        random.fill(&mut salt);
        let mut file = File::create_new(&path)?;
        let unfinished = Unfinished(Some(path));
        file.write_all(MAGIC)?;
        file.write_all(&salt)?;
        let pending = Vec::with_capacity((SEGMENT_BYTES + TAG_BYTES) as usize);
        Ok(SealedWriter { file, unfinished, key: keys.file(&salt), pending, segments: 0, size: 0 })
    }

    /// Content bytes so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Appends content.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = SEGMENT_BYTES as usize - self.pending.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.pending.len() == SEGMENT_BYTES as usize {
                self.write_segment()?;
            }
        }
        Ok(())
    }

    fn write_segment(&mut self) -> io::Result<()> {
        let nonce = segment_nonce(self.segments);
        let sealed = self.key.seal_in_place_append_tag(nonce, Aad::empty(), &mut self.pending);
        sealed.map_err(|_| io::Error::other("sealing failed"))?;
        self.file.write_all(&self.pending)?;
        self.segments += 1;
        self.pending.clear();
        Ok(())
    }

    /// Writes the description and waits until all of it is on disk.
    pub(crate) fn finish(mut self, description: &[u8]) -> io::Result<Unfinished> {
        if !self.pending.is_empty() {
            self.write_segment()?;
        }
        let mut sealed = description.to_vec();
        let aad = Aad::from(self.size.to_le_bytes());
        let done = self.key.seal_in_place_append_tag(description_nonce(), aad, &mut sealed);
        done.map_err(|_| io::Error::other("sealing failed"))?;
        let length = u32::try_from(sealed.len()).map_err(|_| io::Error::other("description too long"))?;
        sealed.extend_from_slice(&length.to_le_bytes());
        self.file.write_all(&sealed)?;
        self.file.sync_all()?;
        Ok(self.unfinished)
    }
}

/// Reads a sealed file.
pub(crate) struct SealedReader {
    file: File,
    key: LessSafeKey,
    size: u64,
}

impl SealedReader {
    /// Opens a file and its description.
    pub(crate) fn open(path: &Path, keys: &Keys) -> Result<(SealedReader, Vec<u8>), SealError> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        if length < HEAD_BYTES + TAG_BYTES + 4 {
            return Err(SealError::Damaged);
        }
        let mut head = [0; HEAD_BYTES as usize];
        file.read_exact(&mut head)?;
        let (magic, salt) = head.split_at(MAGIC.len());
        let salt: &[u8; SALT_BYTES] = salt.try_into().map_err(|_| SealError::Damaged)?;
        if magic != MAGIC {
            return Err(SealError::Damaged);
        }
        let mut tail = [0; 4];
        file.seek(SeekFrom::End(-4))?;
        file.read_exact(&mut tail)?;
        let described = u64::from(u32::from_le_bytes(tail));
        if described > DESCRIPTION_BYTES_MAX as u64 || described + HEAD_BYTES + 4 > length {
            return Err(SealError::Damaged);
        }
        let size = content_bytes(length - HEAD_BYTES - described - 4).ok_or(SealError::Damaged)?;
        let key = keys.file(salt);
        let mut description = vec![0; described as usize];
        file.seek(SeekFrom::Start(length - 4 - described))?;
        file.read_exact(&mut description)?;
        let aad = Aad::from(size.to_le_bytes());
        let opened = key.open_in_place(description_nonce(), aad, &mut description);
        let opened = opened.map_err(|_| SealError::Damaged)?.len();
        description.truncate(opened);
        Ok((SealedReader { file, key, size }, description))
    }

    /// Content bytes of the file.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Appends to `out` the part of `range` (within the content) that lies in its first `segments_max`
    /// segments.
    pub(crate) fn read(
        &mut self,
        range: Range<u64>,
        segments_max: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let first = range.start / SEGMENT_BYTES;
        let last = range.end.div_ceil(SEGMENT_BYTES).min(first + segments_max);
        self.file.seek(SeekFrom::Start(HEAD_BYTES + first * (SEGMENT_BYTES + TAG_BYTES)))?;
        let mut segment = Vec::new();
        for number in first..last {
            let start = number * SEGMENT_BYTES;
            let bytes = SEGMENT_BYTES.min(self.size - start);
            segment.resize((bytes + TAG_BYTES) as usize, 0);
            self.file.read_exact(&mut segment)?;
            let opened = self.key.open_in_place(segment_nonce(number), Aad::empty(), &mut segment);
            let opened = opened.map_err(|_| SealError::Damaged)?;
            let from = range.start.saturating_sub(start) as usize;
            let to = (range.end - start).min(bytes) as usize;
            out.extend_from_slice(&opened[from..to]);
        }
        Ok(())
    }
}

/// The content that so many bytes of segments hold. `None`: no content seals to that many.
fn content_bytes(sealed: u64) -> Option<u64> {
    let (whole, rest) = (sealed / (SEGMENT_BYTES + TAG_BYTES), sealed % (SEGMENT_BYTES + TAG_BYTES));
    match rest {
        0 => Some(whole * SEGMENT_BYTES),
        rest if rest > TAG_BYTES => Some(whole * SEGMENT_BYTES + rest - TAG_BYTES),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use store::SeededRandom;

    use super::*;

    fn write(path: &Path, content: &[u8]) {
        let keys = Keys::new(&[7; 32]);
        let temporary = path.with_extension("tmp");
        let mut writer = SealedWriter::create(temporary, &keys, &SeededRandom::new(1)).unwrap();
        for piece in content.chunks(10_000) {
            writer.write(piece).unwrap();
        }
        writer.finish(b"described").unwrap().move_to(path).unwrap();
    }

    fn read(path: &Path, range: Range<u64>) -> Result<Vec<u8>, SealError> {
        let (mut reader, description) = SealedReader::open(path, &Keys::new(&[7; 32]))?;
        assert_eq!(description, b"described");
        let mut out = Vec::new();
        reader.read(range, u64::MAX / SEGMENT_BYTES, &mut out)?;
        Ok(out)
    }

    #[test]
    fn content_reads_back_at_every_edge_of_a_segment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        for size in [0, 1, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, 3 * SEGMENT_BYTES] {
            let content: Vec<u8> = (0..size).map(|n| (n * 31 % 251) as u8).collect();
            write(&path, &content);
            assert_eq!(read(&path, 0..size).unwrap(), content, "{size}");
            for start in [0, 1, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1] {
                for end in [start + 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, size] {
                    if start < end && end <= size {
                        let part = read(&path, start..end).unwrap();
                        assert_eq!(part, content[start as usize..end as usize], "{size} {start}..{end}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_file_changed_at_any_place_or_cut_anywhere_does_not_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        write(&path, &[5; 100]);
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            std::fs::write(&path, &changed).unwrap();
            assert!(read(&path, 0..100).is_err(), "byte {at}");
            std::fs::write(&path, &whole[..at]).unwrap();
            assert!(read(&path, 0..100).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn what_is_written_cannot_be_read_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        write(&path, b"PLANTED-MARKER");
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(7).any(|w| w == b"PLANTED" || w == b"describ"));
        assert!(SealedReader::open(&path, &Keys::new(&[8; 32])).is_err());
    }
}
