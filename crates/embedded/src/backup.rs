//! A consistent copy of a data store in pieces, and a data store of such pieces. `docs/storage-format.md` says what a
//! piece is, byte by byte.
//!
//! A piece is named by its checksum, so that a target which has a piece of that name need not get it again, and none
//! can be stale. Where pieces begin depends on the keys alone, so that most are the same from one backup to the next.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use store::{Clock, DataKey, Datastore};

use crate::StorageError;
use crate::check::{Bodies, Report, check};
use crate::contents::Contents;
use crate::keyspace::SPACES;
use crate::kv::{Batch, Frozen, Kv, Space};
use crate::open::StoreLimits;
use crate::seal::Sealer;
use crate::store::EmbeddedStore;
use crate::varint::{Reader, put_bytes};

/// The number of what a backup says of its data store in seals; no space has it.
const BACKUP_SEAL: u8 = 65;
/// Bytes of pairs from which a piece may end.
const PIECE_BYTES_MIN: usize = 256 * 1024;
/// Bytes of pairs from which it does. One value may be larger, and is a piece of its own then.
pub const PIECE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// One key in so many may begin a piece.
const KEYS_PER_PIECE: u16 = 256;

/// Some adjacent pairs of one space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What the manifest says of it.
    pub entry: PieceEntry,
    /// The number of the space, and the pairs.
    pub bytes: Vec<u8>,
}

/// What a manifest says of a piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PieceEntry {
    /// Its BLAKE3 checksum in hexadecimal digits, which is its name.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
}

/// A moment of a data store, being copied.
pub struct BackupReader {
    contents: Arc<Contents>,
    frozen: Frozen,
    space: usize,
    after: Option<Vec<u8>>,
    /// The store stays open, and scrubbing waits, as long as this is held.
    _store: Arc<EmbeddedStore>,
    _counted: Arc<()>,
}

impl BackupReader {
    /// A reader of what there is now.
    pub fn new(store: Arc<EmbeddedStore>) -> BackupReader {
        let contents = store.contents().clone();
        let _counted = contents.count_backup();
        let frozen = contents.kv.freeze();
        BackupReader { contents, frozen, space: 0, after: None, _store: store, _counted }
    }

    /// The next piece; `None` after the last.
    ///
    /// # Errors
    /// When the disk fails or a block of the engine is damaged.
    pub fn next_piece(&mut self) -> Result<Option<Piece>, StorageError> {
        while self.space < SPACES.len() {
            let mut bytes = vec![self.space as u8];
            let mut last = None;
            for pair in self.contents.kv.scan_frozen(&self.frozen, Space(self.space), self.after.as_deref()) {
                let (key, value) = pair?;
                if last.is_some() && ends_before(&key, bytes.len(), value.len()) {
                    break;
                }
                put_bytes(&mut bytes, &key);
                put_bytes(&mut bytes, &value);
                last = Some(key.to_vec());
            }
            match last {
                Some(last) => {
                    self.after = Some(last);
                    return Ok(Some(Piece { entry: entry_of(&bytes), bytes }));
                }
                None => {
                    self.space += 1;
                    self.after = None;
                }
            }
        }
        Ok(None)
    }

    /// What the record of the data store and the list of its pieces are to a restoration: sealed with the key of the
    /// data store, so that neither can be read or replaced without it.
    pub fn seal(&self, datastore: &Datastore, pieces: &[PieceEntry]) -> Vec<u8> {
        let about = About { datastore: datastore.clone(), pieces: checksum_of_list(pieces) };
        let plain = serde_json::to_vec(&about).expect("a record is plain data");
        self.contents.sealer.seal(BACKUP_SEAL, b"backup", &plain)
    }
}

/// Whether a piece of so many bytes ends before this key.
fn ends_before(key: &[u8], bytes: usize, value_bytes: usize) -> bool {
    let hash = blake3::hash(key);
    let mark = u16::from_le_bytes([hash.as_bytes()[0], hash.as_bytes()[1]]);
    bytes + value_bytes > PIECE_BYTES_MAX || (bytes >= PIECE_BYTES_MIN && mark.is_multiple_of(KEYS_PER_PIECE))
}

fn entry_of(bytes: &[u8]) -> PieceEntry {
    PieceEntry { name: blake3::hash(bytes).to_hex().to_string(), bytes: bytes.len() as u64 }
}

/// What is sealed in a manifest.
#[derive(Serialize, Deserialize)]
struct About {
    datastore: Datastore,
    /// The checksum of the list of pieces.
    pieces: String,
}

fn checksum_of_list(pieces: &[PieceEntry]) -> String {
    let mut hasher = blake3::Hasher::new();
    pieces.iter().for_each(|piece| {
        hasher.update(piece.name.as_bytes());
    });
    hasher.finalize().to_hex().to_string()
}

/// Why a data store was not restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A piece is not what its name says, or not one of a backup.
    #[error("the piece {0} is damaged")]
    Piece(String),
    /// The manifest is not the one that was written, or its pieces did not come whole and in order.
    #[error("the manifest, or the list of its pieces, is damaged")]
    Manifest,
    /// The backup was made under another root key.
    #[error("the backup was made under another root key than this server's")]
    RootKey,
    /// What came of the pieces is not whole; the problems are named.
    #[error("what was restored is not whole: {0}")]
    Unwhole(String),
    /// The disk or the engine.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A data store being made of pieces, in a folder that no catalog lists yet.
pub struct Restoration {
    folder: PathBuf,
    kv: Option<Kv>,
    key: DataKey,
    about: About,
    came: Vec<PieceEntry>,
    last: Option<(u8, Vec<u8>)>,
}

impl Restoration {
    /// Begins in `folder`, which must not be there. `sealed` is what [`BackupReader::seal`] made, `key` the key of the
    /// data store that was backed up.
    ///
    /// # Errors
    /// When `sealed` does not open with the key, or the folder cannot be made.
    pub fn begin(folder: &Path, key: DataKey, sealed: &[u8]) -> Result<Restoration, RestoreError> {
        let plain = Sealer::new(key.bytes())
            .open(BACKUP_SEAL, b"backup", sealed)
            .map_err(|_| RestoreError::Manifest)?;
        let about = serde_json::from_slice(&plain).map_err(|_| RestoreError::Manifest)?;
        let kv =
            Kv::open(folder, &SPACES, StoreLimits::default().engine(), None).map_err(StorageError::from)?;
        let (folder, came) = (folder.to_owned(), Vec::new());
        Ok(Restoration { folder, kv: Some(kv), key, about, came, last: None })
    }

    /// The record of the data store that was backed up.
    pub fn datastore(&self) -> &Datastore {
        &self.about.datastore
    }

    /// The key of its values.
    pub fn key(&self) -> &DataKey {
        &self.key
    }

    /// Takes the next piece, which the manifest calls `name`.
    ///
    /// # Errors
    /// When it is not that piece, does not follow the one before, or the disk fails.
    pub fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), RestoreError> {
        let damaged = || RestoreError::Piece(name.to_owned());
        let entry = entry_of(bytes);
        if entry.name != name {
            return Err(damaged());
        }
        let pairs = pairs_of(bytes).ok_or_else(damaged)?;
        let space = bytes[0];
        let mut before = self.last.take().filter(|(last, _)| *last == space).map(|(_, key)| key);
        for (key, _) in &pairs {
            if before.as_deref().is_some_and(|before| before >= *key) {
                return Err(RestoreError::Manifest);
            }
            before = Some(key.to_vec());
        }
        let kv = self.kv.as_ref().ok_or(RestoreError::Manifest)?;
        kv.ingest(Space(usize::from(space)), |sink| {
            pairs.iter().try_for_each(|(key, value)| sink(key.to_vec(), value.to_vec()))?;
            Ok::<(), StorageError>(())
        })?;
        self.last = before.map(|key| (space, key));
        self.came.push(entry);
        Ok(())
    }

    /// Ends: the pieces must be all that were backed up, and the data store whole by [`check`]. It is closed again. The
    /// report may still tell of entries that this release would extract otherwise.
    ///
    /// # Errors
    /// When a piece is missing, or something in the data store is wrong.
    pub fn finish(mut self, clock: Arc<dyn Clock>) -> Result<(Restored, Report), RestoreError> {
        if checksum_of_list(&self.came) != self.about.pieces {
            return Err(RestoreError::Manifest);
        }
        if let Some(kv) = self.kv.take() {
            // The first batch says that the database is made.
            kv.write(Batch::default())
                .and_then(|()| kv.sync())
                .and_then(|()| kv.flush())
                .map_err(StorageError::from)?;
        }
        let store = EmbeddedStore::open(&self.folder, &self.key, clock, StoreLimits::default())?;
        let report = check(&store, Bodies::Compare)?;
        if !report.problems.is_empty() {
            // What was extracted by the rules of another release is told, and is no fault of the copy.
            let faults = check(&store, Bodies::Trust)?;
            if let Some(problem) = faults.problems.first() {
                return Err(RestoreError::Unwhole(problem.clone()));
            }
        }
        drop(store);
        Ok((Restored { folder: self.folder, key: self.key, datastore: self.about.datastore }, report))
    }
}

/// A data store that was made of a backup, is whole and closed, and is in no catalog yet.
pub struct Restored {
    /// Where it is.
    pub folder: PathBuf,
    /// The key of its values.
    pub key: DataKey,
    /// The record of the data store that was backed up.
    pub datastore: Datastore,
}

fn pairs_of(bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let (space, rest) = bytes.split_first()?;
    if usize::from(*space) >= SPACES.len() {
        return None;
    }
    let mut reader = Reader::new(rest);
    let mut pairs = Vec::new();
    while !reader.is_empty() {
        pairs.push((reader.bytes().ok()?, reader.bytes().ok()?));
    }
    Some(pairs)
}
