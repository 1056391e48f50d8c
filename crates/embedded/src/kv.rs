//! The storage engine behind one small door: ordered byte keys and values in named spaces, atomic batches,
//! sorted ingestion. The only file that knows fjall.

mod journal;
mod manifest;
mod mark;
mod repair;

use std::io;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use fjall::config::BloomConstructionPolicy;
use fjall::config::{BlockSizePolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry, PinningPolicy};
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot};

use self::journal::inspect;
use self::mark::{Mark, SyncedFile};

/// Bytes held by the engine: a key or a value.
pub use fjall::Slice as Bytes;

pub use self::repair::{Repair, repair};

/// Journal kept before the engine must flush, in bytes: it bounds how long opening after a crash takes.
pub const JOURNAL_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Files the engine keeps open per database.
const OPEN_FILES_MAX: usize = 256;

/// The space of the mark holds one key, written with every batch.
const MARK_BLOCK_BYTES: u32 = 4 * 1024;
const MARK_MEMTABLE_BYTES: u64 = 1024 * 1024;

/// Why the engine could not do something.
#[derive(Debug, thiserror::Error)]
pub enum KvError {
    /// No room left on the device. Nothing was acknowledged; reads go on.
    #[error("the disk is full")]
    Full,
    /// A file does not hold what was written; `0` names the space or the journal.
    #[error("damaged data in {0}")]
    Damaged(String),
    /// Another process has the database open.
    #[error("the data folder is in use by another process")]
    Locked,
    /// An earlier write failed, so no further write is accepted until the database is opened again.
    #[error("writing stopped after an earlier failure")]
    Stopped,
    /// The operating system refused.
    #[error("input/output: {0}")]
    Io(String),
}

/// How one space is kept.
#[derive(Clone, Copy, Debug)]
pub struct SpaceOptions {
    /// Name of the space; no data.
    pub name: &'static str,
    /// Size aimed at for the engine's blocks, in bytes.
    pub block_bytes: u32,
    /// Unflushed writes kept in memory, in bytes.
    pub memtable_bytes: u64,
}

/// Memory for blocks that were read lately, which several databases may share.
#[derive(Clone)]
pub struct BlockCache(Arc<fjall::Config>);

impl BlockCache {
    /// One of so many bytes.
    pub fn new(bytes: u64) -> BlockCache {
        // The engine gives its cache out with a configuration only; nothing is opened at this place.
        BlockCache(Arc::new(Database::builder(".").cache_size(bytes).into_config()))
    }
}

/// Memory and threads the engine may use.
#[derive(Clone)]
pub struct EngineLimits {
    /// Its block cache.
    pub cache: BlockCache,
    /// Background threads for flushing and compaction.
    pub threads: usize,
}

impl EngineLimits {
    /// A cache of its own of so many bytes, and one thread.
    pub fn of(cache_bytes: u64) -> EngineLimits {
        EngineLimits { cache: BlockCache::new(cache_bytes), threads: 1 }
    }
}

/// A space by its place in the table the database was opened with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Space(pub usize);

/// Called before every durable step with its name; an error stops the step. Tests fail steps with it.
pub type StepGuard = Arc<dyn Fn(&'static str) -> Result<(), KvError> + Send + Sync>;

/// An open database.
pub struct Kv {
    database: Database,
    spaces: Vec<Keyspace>,
    guard: Option<StepGuard>,
    /// Where the mark of the newest batch lies.
    mark: Keyspace,
    /// The number of the newest batch; held while one is written, so that batches lie in the order of their numbers.
    written: Mutex<u64>,
    /// The newest batch that is known to be on the disk.
    synced: AtomicU64,
    synced_file: SyncedFile,
    folder: PathBuf,
    /// Whether a write or a sync failed. What the journal holds is then unknown, and what is written behind it may be
    /// lost with it.
    is_stopped: AtomicBool,
}

/// All spaces as they were at one moment, whatever is written since. While it is held, nothing of that moment leaves
/// the disk.
pub struct Frozen(Snapshot);

/// Takes one pair of a sorted ingestion.
pub type Sink<'a> = dyn FnMut(Vec<u8>, Vec<u8>) -> Result<(), KvError> + 'a;

/// Writes that become visible and durable together.
#[derive(Default)]
pub struct Batch {
    writes: Vec<(Space, Vec<u8>, Option<Vec<u8>>)>,
}

impl Batch {
    /// Sets `key` to `value`.
    pub fn put(&mut self, space: Space, key: Vec<u8>, value: Vec<u8>) {
        self.writes.push((space, key, Some(value)));
    }

    /// Removes `key`, if it is there.
    pub fn remove(&mut self, space: Space, key: Vec<u8>) {
        self.writes.push((space, key, None));
    }

    /// How many writes there are.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}

impl Kv {
    /// Opens the database in `folder`, made if absent, with the given spaces.
    ///
    /// # Errors
    /// When the folder is in use, cannot be read, or its journal is damaged.
    pub fn open(
        folder: &Path,
        spaces: &[SpaceOptions],
        limits: EngineLimits,
        guard: Option<StepGuard>,
    ) -> Result<Kv, KvError> {
        let found = inspect(folder)?;
        let is_whole = found.torn.is_none();
        let (last, behind) = (found.last.map(|mark| mark.number), found.torn);
        let lost = |known: u64, last: u64, place: &str| {
            let count = known - last;
            KvError::Damaged(format!("{place}: {count} batches that were on the disk cannot be read"))
        };
        std::fs::create_dir_all(folder).map_err(|error| io_failure("journal", &error))?;
        let (synced_file, said) = SyncedFile::open(folder).map_err(|error| io_failure("journal", &error))?;
        let known = found.synced.max(said.unwrap_or(0));
        if let Some(torn) = behind {
            let name = torn.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let place = format!("journal {name} at byte {}", torn.at);
            if torn.is_gap || !torn.after.is_empty() {
                return Err(KvError::Damaged(place));
            }
            if let Some(last) = last.filter(|last| *last < known) {
                return Err(lost(known, last, &place));
            }
        }
        if known == 0 && found.batches == 0 && is_whole {
            manifest::remove_unfinished(folder)?;
        }
        // Of the spaces the mark is the last one made: without a synced batch there may be none yet.
        manifest::verify(folder, spaces.len() + 1, known > 0)?;
        let (database, spaces, mark) = open_engine(folder, spaces, limits)?;
        let newest = mark.get(mark::KEY).map_err(|error| failure(mark::SPACE, error))?;
        let newest = match newest.as_deref().map(<[u8; Mark::BYTES]>::try_from) {
            None => 0,
            Some(Ok(bytes)) => Mark::of(&bytes).number,
            Some(Err(_)) => return Err(KvError::Damaged(mark::SPACE.to_owned())),
        };
        if newest < known {
            return Err(lost(known, newest, "journal"));
        }
        Ok(Kv {
            database,
            spaces,
            guard,
            mark,
            written: Mutex::new(newest),
            synced: AtomicU64::new(known),
            synced_file,
            is_stopped: AtomicBool::new(false),
            folder: folder.to_owned(),
        })
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// When a block cannot be read or is damaged.
    pub fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, KvError> {
        let keyspace = &self.spaces[space.0];
        keyspace.get(key).map_err(|error| failure(keyspace.name(), error))
    }

    /// The first pair at or after `from`, up to and including `to`.
    ///
    /// # Errors
    /// When a block cannot be read or is damaged.
    pub fn first(&self, space: Space, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, KvError> {
        self.scan(space, from, to).next().transpose()
    }

    /// The last pair at or before `to`, down to and including `from`.
    ///
    /// # Errors
    /// When a block cannot be read or is damaged.
    pub fn last(&self, space: Space, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, KvError> {
        self.scan(space, from, to).next_back().transpose()
    }

    /// All pairs from `from` to `to`, both included, in order of the keys, from either end.
    pub fn scan<'a>(
        &'a self,
        space: Space,
        from: &[u8],
        to: &[u8],
    ) -> impl DoubleEndedIterator<Item = Result<(Bytes, Bytes), KvError>> + use<'a> {
        let keyspace = &self.spaces[space.0];
        let range = (Bound::Included(from.to_vec()), Bound::Included(to.to_vec()));
        let name = keyspace.name();
        keyspace
            .range::<Vec<u8>, _>(range)
            .map(move |pair| pair.into_inner().map_err(|error| failure(name, error)))
    }

    /// Everything as it is now.
    pub fn freeze(&self) -> Frozen {
        Frozen(self.database.snapshot())
    }

    /// All pairs after `after` as they were at a moment, in order of the keys.
    pub fn scan_frozen<'a>(
        &'a self,
        frozen: &Frozen,
        space: Space,
        after: Option<&[u8]>,
    ) -> impl Iterator<Item = Result<(Bytes, Bytes), KvError>> + use<'a> {
        let keyspace = &self.spaces[space.0];
        let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.to_vec()));
        let name = keyspace.name();
        frozen
            .0
            .range::<Vec<u8>, _>(keyspace, (from, Bound::Unbounded))
            .map(move |pair| pair.into_inner().map_err(|error| failure(name, error)))
    }

    /// Writes a batch so that all or nothing of it is seen, without waiting for the disk: [`sync`](Kv::sync)
    /// makes it durable.
    ///
    /// # Errors
    /// When the disk is full or fails; then nothing of the batch counts.
    pub fn write(&self, batch: Batch) -> Result<(), KvError> {
        self.unless_stopped(|| {
            self.step("write")?;
            let mut written = self.written.lock().expect("no holder of this lock panics");
            let mark = Mark { number: *written + 1, synced: self.synced.load(Ordering::Relaxed) };
            let mut writes = self.database.batch();
            for (space, key, value) in batch.writes {
                match value {
                    Some(value) => writes.insert(&self.spaces[space.0], key, value),
                    None => writes.remove(&self.spaces[space.0], key),
                }
            }
            writes.insert(&self.mark, mark::KEY, mark.bytes());
            writes.commit().map_err(|error| failure("journal", error))?;
            *written = mark.number;
            Ok(())
        })
    }

    /// Returns when everything written is on the disk.
    ///
    /// # Errors
    /// When the disk is full or fails. Nothing is written any more then: a failed sync may have dropped what it could
    /// not write, and a second one would say that all is well.
    pub fn sync(&self) -> Result<(), KvError> {
        self.unless_stopped(|| {
            self.step("sync")?;
            let written = self.written();
            self.database.persist(PersistMode::SyncData).map_err(|error| failure("journal", error))?;
            self.synced.fetch_max(written, Ordering::Relaxed);
            self.synced_file.say(written).map_err(|error| io_failure("journal", &error))
        })
    }

    /// Whether a write or a sync failed, so that none is taken until the database is opened again.
    pub fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    /// The number of the newest batch: how many were ever written.
    fn written(&self) -> u64 {
        *self.written.lock().expect("no holder of this lock panics")
    }

    fn unless_stopped(&self, work: impl FnOnce() -> Result<(), KvError>) -> Result<(), KvError> {
        if self.is_stopped() {
            return Err(KvError::Stopped);
        }
        work().inspect_err(|_| self.is_stopped.store(true, Ordering::Relaxed))
    }

    /// Adds the pairs that `fill` gives, in rising order of their keys, past the journal. On return they are
    /// visible and durable.
    ///
    /// # Errors
    /// When the disk is full or fails, or `fill` fails; then none of the pairs is seen.
    pub fn ingest<E: From<KvError>>(
        &self,
        space: Space,
        fill: impl FnOnce(&mut Sink<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.step("ingest")?;
        let keyspace = &self.spaces[space.0];
        let name = keyspace.name();
        let mut ingestion = keyspace.start_ingestion().map_err(|error| failure(name, error))?;
        fill(&mut |key, value| ingestion.write(key, value).map_err(|error| failure(name, error)))?;
        self.step("ingested")?;
        ingestion.finish().map_err(|error| failure(name, error))?;
        Ok(())
    }

    /// Compares every table with its checksum. Returns how many there are, with a sentence for each that is damaged.
    ///
    /// # Errors
    /// When the list of the tables cannot be read or is damaged.
    pub fn check_tables(&self) -> Result<(u64, Vec<String>), KvError> {
        manifest::check_tables(&self.folder)
    }

    /// Bytes the database takes on disk.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn disk_bytes(&self) -> Result<u64, KvError> {
        self.database.disk_space().map_err(|error| failure("journal", error))
    }

    /// Bytes a space takes on disk, without what is only in the journal.
    pub fn space_bytes(&self, space: Space) -> u64 {
        self.spaces[space.0].disk_space()
    }

    /// Writes all of memory to tables, so that the next opening has little to replay.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn flush(&self) -> Result<(), KvError> {
        for keyspace in self.spaces.iter().chain([&self.mark]) {
            let rotated = keyspace.rotate_memtable().map_err(|error| failure(keyspace.name(), error))?;
            while rotated && keyspace.sealed_memtable_count() > 0 {
                // A failed flush stops the engine's worker: then nothing would ever end this waiting.
                self.database.persist(PersistMode::Buffer).map_err(|error| failure("journal", error))?;
                wait_for_worker();
            }
        }
        Ok(())
    }

    /// Rewrites all tables, so that removed values are gone from the disk and not only hidden.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn compact(&self) -> Result<(), KvError> {
        for keyspace in self.spaces.iter().chain([&self.mark]) {
            keyspace.major_compact().map_err(|error| failure(keyspace.name(), error))?;
        }
        Ok(())
    }

    fn step(&self, name: &'static str) -> Result<(), KvError> {
        self.guard.as_ref().map_or(Ok(()), |guard| guard(name))
    }
}

/// Opens the engine. What it cannot read it answers, or, for some damage, panics upon.
fn open_engine(
    folder: &Path,
    spaces: &[SpaceOptions],
    limits: EngineLimits,
) -> Result<(Database, Vec<Keyspace>, Keyspace), KvError> {
    let open = || {
        let mut config = Database::builder(folder)
            .worker_threads(limits.threads.max(1))
            .max_cached_files(Some(OPEN_FILES_MAX))
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .into_config();
        config.cache = Arc::clone(&limits.cache.0.cache);
        let database = Database::open(config).map_err(|error| failure("the tables", error))?;
        let open_space = |space: &SpaceOptions| {
            database.keyspace(space.name, || create(space)).map_err(|error| failure(space.name, error))
        };
        let opened = spaces.iter().map(open_space).collect::<Result<_, _>>()?;
        let mark = open_space(&SpaceOptions {
            name: mark::SPACE,
            block_bytes: MARK_BLOCK_BYTES,
            memtable_bytes: MARK_MEMTABLE_BYTES,
        })?;
        Ok((database, opened, mark))
    };
    catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|_| Err(KvError::Damaged("the tables".to_owned())))
}

fn create(space: &SpaceOptions) -> KeyspaceCreateOptions {
    let bloom = FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(10.0));
    KeyspaceCreateOptions::default()
        .max_memtable_size(space.memtable_bytes)
        .data_block_size_policy(BlockSizePolicy::all(space.block_bytes))
        .data_block_compression_policy(CompressionPolicy::all(CompressionType::None))
        .filter_policy(FilterPolicy::all(bloom))
        .filter_block_pinning_policy(PinningPolicy::all(false))
        .index_block_pinning_policy(PinningPolicy::all(false))
}

fn failure(place: &str, error: fjall::Error) -> KvError {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => {
            io_failure(place, &error)
        }
        fjall::Error::Locked => KvError::Locked,
        fjall::Error::Poisoned => KvError::Stopped,
        _ => KvError::Damaged(place.to_owned()),
    }
}

fn io_failure(place: &str, error: &io::Error) -> KvError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            KvError::Full
        }
        // The engine seeks by numbers that it has read, to places that a file cut short does not have.
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            KvError::Damaged(place.to_owned())
        }
        io::ErrorKind::NotFound => KvError::Damaged(format!("{place}, of which a file is missing")),
        kind => KvError::Io(kind.to_string()),
    }
}

/// Lets others work for a moment.
#[expect(clippy::disallowed_methods, reason = "the engine has no event for a finished flush")]
pub(crate) fn wait_for_worker() {
    std::thread::sleep(std::time::Duration::from_millis(2));
}

#[cfg(test)]
mod tests;
