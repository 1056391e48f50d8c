//! The folder that holds the objects: buckets, the places of their files, and how a file gets there. Everything
//! here may wait for the disk; callers in async code run it where waiting is allowed.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use jobs::objects::{check_bucket, check_key};
use serde::{Serialize, de::DeserializeOwned};
use store::{Clock, Random};

use crate::{
    description::{BucketDescription, Description},
    error::FolderError,
    index::{self, Index, Page, Query},
    seal::{Keys, SealError, SealedReader, SealedWriter, Unfinished},
};

/// Buckets that one folder may hold.
pub const BUCKETS_MAX: usize = 1000;

/// The file in a bucket's folder that says which bucket it is.
const BUCKET_FILE: &str = "bucket";
const OBJECTS_FOLDER: &str = "objects";
const UPLOADS_FOLDER: &str = "uploads";
const TEMPORARY_FOLDER: &str = "temporary";

/// Objects in a folder of this machine, sealed.
pub struct Folder {
    root: PathBuf,
    keys: Keys,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    buckets: RwLock<BTreeMap<String, Arc<Bucket>>>,
}

/// A bucket that is there.
pub(crate) struct Bucket {
    pub name: String,
    pub created_us: i64,
    path: PathBuf,
    state: Mutex<BucketState>,
}

/// What changes together when an object appears or goes.
#[derive(Default)]
struct BucketState {
    /// Read from the objects' descriptions when first needed, and kept up to date from then on.
    index: Option<Index>,
    is_deleted: bool,
}

/// What must hold of a key for an object to be put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Always,
    /// Nothing is there.
    Absent,
    /// An object with this entity tag is there.
    Etag(String),
}

impl Folder {
    /// Opens the folder, making it if it is not there, and removes what an earlier process left unfinished.
    /// `key` seals all of it. Two processes must not have one folder open.
    pub fn open(
        root: &Path,
        key: &[u8; 32],
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Folder, FolderError> {
        let temporary = root.join(TEMPORARY_FOLDER);
        if temporary.exists() {
            fs::remove_dir_all(&temporary)?;
        }
        fs::create_dir_all(&temporary)?;
        let keys = Keys::new(key);
        let mut buckets = BTreeMap::new();
        for entry in fs::read_dir(root)? {
            let path = entry?.path();
            if !path.join(BUCKET_FILE).exists() {
                continue;
            }
            let (_, found): (_, BucketDescription) = open_described(&path.join(BUCKET_FILE), &keys)?;
            if path.file_name().is_none_or(|name| name != keys.blind(&found.name, None).as_str()) {
                return Err(FolderError::Damaged);
            }
            buckets.insert(found.name.clone(), Arc::new(Bucket::new(found, path)));
        }
        Ok(Folder { root: root.to_owned(), keys, clock, random, buckets: RwLock::new(buckets) })
    }

    /// Makes a bucket. Fails with `BucketExists` if it is there.
    pub fn create_bucket(&self, name: &str) -> Result<(), FolderError> {
        check_bucket(name).map_err(|_| FolderError::InvalidBucketName)?;
        let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        if buckets.contains_key(name) {
            return Err(FolderError::BucketExists);
        }
        if buckets.len() >= BUCKETS_MAX {
            return Err(FolderError::TooManyBuckets);
        }
        let path = self.root.join(self.keys.blind(name, None));
        fs::create_dir_all(path.join(OBJECTS_FOLDER))?;
        fs::create_dir_all(path.join(UPLOADS_FOLDER))?;
        let description = BucketDescription { name: name.to_owned(), created_us: self.now_us() };
        let file = self.temporary()?.finish(&to_json(&description))?;
        file.move_to(&path.join(BUCKET_FILE))?;
        sync_folder(&path)?;
        sync_folder(&self.root)?;
        buckets.insert(name.to_owned(), Arc::new(Bucket::new(description, path)));
        Ok(())
    }

    /// Removes a bucket. Fails with `BucketNotEmpty` while it holds objects.
    pub fn delete_bucket(&self, name: &str) -> Result<(), FolderError> {
        let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.get(name).ok_or(FolderError::NoSuchBucket)?.clone();
        let mut state = bucket.lock();
        if !self.index(&bucket, &mut state)?.is_empty() {
            return Err(FolderError::BucketNotEmpty);
        }
        // Without its description it is no bucket any more, whenever the rest of this is cut short.
        fs::remove_file(bucket.path.join(BUCKET_FILE))?;
        sync_folder(&bucket.path)?;
        state.is_deleted = true;
        buckets.remove(name);
        fs::remove_dir_all(&bucket.path)?;
        Ok(())
    }

    /// Whether the bucket is there.
    pub fn has_bucket(&self, name: &str) -> bool {
        self.bucket(name).is_ok()
    }

    /// All buckets, by name.
    pub(crate) fn buckets(&self) -> Vec<Arc<Bucket>> {
        self.buckets.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(crate) fn bucket(&self, name: &str) -> Result<Arc<Bucket>, FolderError> {
        let buckets = self.buckets.read().unwrap_or_else(PoisonError::into_inner);
        buckets.get(name).cloned().ok_or(FolderError::NoSuchBucket)
    }

    /// A page of a bucket's objects.
    pub(crate) fn page(&self, bucket: &str, query: &Query) -> Result<Page, FolderError> {
        let bucket = self.bucket(bucket)?;
        let mut state = bucket.lock();
        Ok(index::page(self.index(&bucket, &mut state)?, query))
    }

    /// An object's description, and its content to be read.
    pub(crate) fn object(&self, bucket: &str, key: &str) -> Result<(SealedReader, Description), FolderError> {
        check_key(key).map_err(|_| FolderError::InvalidKey)?;
        let bucket = self.bucket(bucket)?;
        self.object_in(&bucket, key)
    }

    fn object_in(&self, bucket: &Bucket, key: &str) -> Result<(SealedReader, Description), FolderError> {
        let place = self.place(bucket, key);
        let opened: Result<(_, Description), _> = open_described(&place, &self.keys);
        match opened {
            Err(FolderError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                Err(FolderError::NoSuchKey)
            }
            Ok((reader, found)) => {
                let is_itself =
                    found.key == key && found.bucket == bucket.name && found.size == reader.size();
                if is_itself { Ok((reader, found)) } else { Err(FolderError::Damaged) }
            }
            Err(error) => Err(error),
        }
    }

    /// Puts a finished file in an object's place, if the condition holds at that moment.
    pub(crate) fn commit(
        &self,
        bucket: &Bucket,
        file: Unfinished,
        description: &Description,
        condition: &Condition,
    ) -> Result<(), FolderError> {
        let place = self.place(bucket, &description.key);
        let parent = place.parent().expect("an object's place is in a folder of its bucket");
        let mut state = bucket.lock();
        if state.is_deleted {
            return Err(FolderError::NoSuchBucket);
        }
        self.check_condition(bucket, &description.key, condition)?;
        let is_new = !parent.exists();
        fs::create_dir_all(parent)?;
        file.move_to(&place)?;
        if let Some(index) = &mut state.index {
            index.insert(description.key.clone(), description.listed());
        }
        drop(state);
        sync_folder(parent)?;
        if is_new {
            sync_folder(&bucket.path.join(OBJECTS_FOLDER))?;
        }
        Ok(())
    }

    fn check_condition(&self, bucket: &Bucket, key: &str, condition: &Condition) -> Result<(), FolderError> {
        let there = match condition {
            Condition::Always => return Ok(()),
            _ => self.object_in(bucket, key).map(|(_, found)| found.etag),
        };
        match (condition, there) {
            (Condition::Absent, Err(FolderError::NoSuchKey)) => Ok(()),
            (Condition::Etag(wanted), Ok(etag)) if *wanted == etag => Ok(()),
            (_, Ok(_)) => Err(FolderError::PreconditionFailed),
            (_, Err(error)) => Err(error),
        }
    }

    /// Removes an object; one that is not there is removed already.
    pub(crate) fn delete(&self, bucket: &str, key: &str, condition: &Condition) -> Result<(), FolderError> {
        check_key(key).map_err(|_| FolderError::InvalidKey)?;
        let bucket = self.bucket(bucket)?;
        let place = self.place(&bucket, key);
        let mut state = bucket.lock();
        self.check_condition(&bucket, key, condition)?;
        match fs::remove_file(&place) {
            Ok(()) => sync_folder(place.parent().expect("an object's place is in a folder of its bucket"))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(index) = &mut state.index {
            index.remove(key);
        }
        Ok(())
    }

    /// A sealed file to be written, which is nowhere yet.
    pub(crate) fn temporary(&self) -> io::Result<SealedWriter> {
        let name = self.random_name();
        SealedWriter::create(self.root.join(TEMPORARY_FOLDER).join(name), &self.keys, &*self.random)
    }

    /// 32 random hexadecimal digits.
    pub(crate) fn random_name(&self) -> String {
        let mut name = [0; 16];
        self.random.fill(&mut name);
        hex::encode(name)
    }

    /// The folder of a bucket's multipart uploads.
    pub(crate) fn uploads(&self, bucket: &Bucket) -> PathBuf {
        bucket.path.join(UPLOADS_FOLDER)
    }

    /// Opens a sealed file anywhere in the folder.
    pub(crate) fn open_described<T: DeserializeOwned>(
        &self,
        path: &Path,
    ) -> Result<(SealedReader, T), FolderError> {
        open_described(path, &self.keys)
    }

    /// Microseconds since 1970.
    pub(crate) fn now_us(&self) -> i64 {
        self.clock.now().0
    }

    /// Where an object's file lies.
    pub(crate) fn place(&self, bucket: &Bucket, key: &str) -> PathBuf {
        let name = self.keys.blind(&bucket.name, Some(key));
        // Two digits of the name spread the files over 256 folders.
        bucket.path.join(OBJECTS_FOLDER).join(&name[..2]).join(&name)
    }

    /// The bucket's index, read now if it was not yet.
    fn index<'a>(&self, bucket: &Bucket, state: &'a mut BucketState) -> Result<&'a Index, FolderError> {
        if state.index.is_none() {
            state.index = Some(self.read_index(bucket)?);
        }
        Ok(state.index.as_ref().expect("it was just read"))
    }

    fn read_index(&self, bucket: &Bucket) -> Result<Index, FolderError> {
        let mut index = Index::new();
        self.each_object_file(bucket, |path| {
            let (_, found): (_, Description) = self.open_described(path)?;
            if path != self.place(bucket, &found.key) {
                return Err(FolderError::Damaged);
            }
            index.insert(found.key.clone(), found.listed());
            Ok(())
        })?;
        Ok(index)
    }

    /// Visits the file of every object of a bucket.
    pub(crate) fn each_object_file(
        &self,
        bucket: &Bucket,
        mut visit: impl FnMut(&Path) -> Result<(), FolderError>,
    ) -> Result<(), FolderError> {
        for shelf in fs::read_dir(bucket.path.join(OBJECTS_FOLDER))? {
            for file in fs::read_dir(shelf?.path())? {
                visit(&file?.path())?;
            }
        }
        Ok(())
    }
}

impl Bucket {
    fn new(description: BucketDescription, path: PathBuf) -> Bucket {
        let BucketDescription { name, created_us } = description;
        Bucket { name, created_us, path, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BucketState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sealed form of a description before sealing.
pub(crate) fn to_json(description: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(description).expect("descriptions have only string keys")
}

fn open_described<T: DeserializeOwned>(path: &Path, keys: &Keys) -> Result<(SealedReader, T), FolderError> {
    let (reader, description) = SealedReader::open(path, keys).map_err(|error| match error {
        SealError::Damaged => FolderError::Damaged,
        SealError::Io(error) => FolderError::Io(error),
    })?;
    let description = serde_json::from_slice(&description).map_err(|_| FolderError::Damaged)?;
    Ok((reader, description))
}

/// Waits until the names in a folder are on disk.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
