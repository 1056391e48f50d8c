//! The records of all data stores and jobs in a sealed database of their own, the wrapped keys, and the way
//! to the contents: `catalog/` and `stores/{id}/` under the data folder.

mod restore;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use serde::{Deserialize, Serialize};
use store::{
    Answer, Catalog, CatalogError, Change, Clock, DataKey, Datastore, DatastoreId, Job, JobId, JobKind,
    Keyring, Random, Request, Revised, RootKey, Store, StoreError,
};
use tokio::runtime::Handle;

use crate::StorageError;
use crate::kv::{Batch, EngineLimits, Kv, KvError, Repair, Space, SpaceOptions, repair};
use crate::open::StoreLimits;
use crate::repair::{StoreRepair, repair_store};
use crate::seal::Sealer;
use crate::store::EmbeddedStore;

/// Data stores kept open at the most while nobody uses them.
const IDLE_STORES_MAX: usize = 16;

const RECORDS: Space = Space(0);
const SPACES: [SpaceOptions; 1] =
    [SpaceOptions { name: "records", block_bytes: 4 * 1024, memtable_bytes: 4 * 1024 * 1024 }];
/// The number of the catalog's space in seals; no space of a data store has it.
const RECORDS_SEAL: u8 = 64;
/// Under which name the catalog's own key is wrapped, and where it lies.
const CATALOG_OWNER: &str = "catalog";
const CATALOG_KEY: &[u8] = b"key";
const CACHE_BYTES: u64 = 1024 * 1024;

pub use restore::BackupBegun;

/// A [`Catalog`] on disk, whose contents are [`EmbeddedStore`]s.
pub struct EmbeddedCatalog(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    /// Absent while it is opened again after a failed write, and if that failed.
    kv: Mutex<Option<Arc<Kv>>>,
    sealer: Sealer,
    keyring: Keyring,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    limits: StoreLimits,
    records: Mutex<Records>,
    stores: Mutex<Stores>,
}

/// All records, as they are on disk.
#[derive(Clone, Default)]
struct Records {
    datastores: Vec<Kept<Datastore>>,
    jobs: Vec<Kept<Job>>,
    requests: HashMap<(String, String), Request>,
    next_order: u64,
}

/// One record with its revision and its place in the order of creation.
#[derive(Clone, Serialize, Deserialize)]
struct Kept<T> {
    order: u64,
    revision: u64,
    record: T,
}

/// The data stores that are open, with when each was last asked for.
#[derive(Default)]
struct Stores {
    open: HashMap<DatastoreId, (u64, Arc<EmbeddedStore>)>,
    asked: u64,
}

impl EmbeddedCatalog {
    /// Opens the catalog under `folder`, made if absent; `root` wraps all keys. What an interrupted
    /// [`destroy`](Catalog::destroy) left behind is removed.
    ///
    /// # Errors
    /// When the folder is in use, damaged, or belongs to another root key.
    pub fn open(
        folder: &Path,
        root: &RootKey,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        limits: StoreLimits,
    ) -> Result<EmbeddedCatalog, StorageError> {
        for part in ["catalog", "stores", "removed"] {
            make_folder(&folder.join(part))?;
        }
        let kv = open_records(folder)?;
        if kv.get(RECORDS, CATALOG_KEY)?.is_none() && !is_empty(&folder.join("stores"))? {
            // Without a key every folder would be taken for one that was destroyed, and be removed.
            return Err(StorageError::Damaged("the catalog, which is missing".to_owned()));
        }
        let keyring = Keyring::new(root);
        let sealer = Sealer::new(catalog_key(&kv, &keyring, &*random)?.bytes());
        let records = Mutex::new(read_records(&kv, &sealer)?);
        let (folder, stores) = (folder.to_owned(), Mutex::default());
        let kv = Mutex::new(Some(Arc::new(kv)));
        let inner = Inner { folder, kv, sealer, keyring, clock, random, limits, records, stores };
        inner.clean()?;
        Ok(EmbeddedCatalog(Arc::new(inner)))
    }

    /// The ids of all data stores that have contents.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn contents(&self) -> Result<Vec<DatastoreId>, StorageError> {
        let mut ids = Vec::new();
        let kv = self.0.kv()?;
        for pair in kv.scan(RECORDS, b"store-key/", b"store-key/\xff") {
            let (key, _) = pair?;
            ids.extend(
                key.get(10..).and_then(|id| std::str::from_utf8(id).ok()).and_then(DatastoreId::parse),
            );
        }
        Ok(ids)
    }

    /// The contents of one data store, opened if they are not.
    ///
    /// # Errors
    /// [`StoreError::Absent`] if there are none; otherwise when they cannot be opened.
    pub fn embedded(&self, id: &DatastoreId) -> Result<Arc<EmbeddedStore>, StoreError> {
        self.0.store(id)
    }

    /// Compares the catalog's tables with their checksums; a sentence for each that is damaged.
    ///
    /// # Errors
    /// When the list of the tables cannot be read.
    pub fn check(&self) -> Result<Vec<String>, StorageError> {
        Ok(self.0.kv()?.check_tables()?.1)
    }

    /// Makes the records under `folder` writable again that lost writes which were on the disk, as
    /// [`kv::repair`](crate::kv::repair) does. To be called before the catalog is opened.
    ///
    /// # Errors
    /// When they are damaged elsewhere than in the journal, or the disk fails.
    pub fn repair_records(folder: &Path) -> Result<Option<Repair>, StorageError> {
        Ok(repair(&folder.join("catalog"), &SPACES, EngineLimits::of(CACHE_BYTES))?)
    }

    /// Makes the contents of one data store writable again, as [`repair_store`] does.
    ///
    /// # Errors
    /// [`StoreError::Absent`] if there are none; otherwise when they cannot be repaired.
    pub fn repair(&self, id: &DatastoreId) -> Result<Option<StoreRepair>, StoreError> {
        let key = self.0.data_key(id)?;
        Ok(repair_store(&self.0.folder_of(id), &key, &self.0.limits)?)
    }

    /// Does work that may wait for the disk where it holds nobody up.
    async fn work<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let inner = self.0.clone();
        match Handle::try_current() {
            Err(_) => work(&inner),
            Ok(runtime) => runtime
                .spawn_blocking(move || work(&inner))
                .await
                .map_err(|error| StoreError::Failed(error.to_string()))?,
        }
    }
}

fn open_records(folder: &Path) -> Result<Kv, StorageError> {
    Ok(Kv::open(&folder.join("catalog"), &SPACES, EngineLimits::of(CACHE_BYTES), None)?)
}

fn is_empty(folder: &Path) -> Result<bool, StorageError> {
    Ok(std::fs::read_dir(folder).map_err(io)?.next().is_none())
}

/// Makes a folder, if it is not there, so that it is there after a power failure too.
fn make_folder(folder: &Path) -> Result<(), StorageError> {
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(io)?;
    let Some(parent) = folder.parent() else { return Ok(()) };
    std::fs::File::open(parent).and_then(|parent| parent.sync_all()).map_err(io)
}

fn io(error: std::io::Error) -> StorageError {
    match error.kind() {
        std::io::ErrorKind::StorageFull => KvError::Full.into(),
        kind => KvError::Io(kind.to_string()).into(),
    }
}

/// The catalog's own key, made at the first opening.
fn catalog_key(kv: &Kv, keyring: &Keyring, random: &dyn Random) -> Result<DataKey, StorageError> {
    let foreign = |_| StorageError::Damaged("the catalog's key, or the root key is another one".to_owned());
    if let Some(wrapped) = kv.get(RECORDS, CATALOG_KEY)? {
        return keyring.unwrap(CATALOG_OWNER, &wrapped).map_err(foreign);
    }
    let key = DataKey::generate(random);
    let mut batch = Batch::default();
    batch.put(RECORDS, CATALOG_KEY.to_vec(), keyring.wrap(CATALOG_OWNER, &key, random));
    kv.write(batch)?;
    kv.sync()?;
    Ok(key)
}

fn read_records(kv: &Kv, sealer: &Sealer) -> Result<Records, StorageError> {
    let mut records = Records::default();
    for pair in kv.scan(RECORDS, b"record/", b"record/\xff") {
        let (key, sealed) = pair?;
        let damaged = || StorageError::Damaged("a record of the catalog".to_owned());
        let plain = sealer.open(RECORDS_SEAL, &key, &sealed).map_err(|_| damaged())?;
        match key.get(7) {
            Some(b'd') => records.datastores.push(serde_json::from_slice(&plain).map_err(|_| damaged())?),
            Some(b'j') => records.jobs.push(serde_json::from_slice(&plain).map_err(|_| damaged())?),
            _ => {
                let request: Request = serde_json::from_slice(&plain).map_err(|_| damaged())?;
                records.requests.insert((request.action.clone(), request.token.clone()), request);
            }
        }
    }
    records.datastores.sort_by_key(|kept| kept.order);
    records.jobs.sort_by_key(|kept| kept.order);
    let orders =
        records.datastores.iter().map(|kept| kept.order).chain(records.jobs.iter().map(|kept| kept.order));
    records.next_order = orders.max().map_or(0, |order| order + 1);
    Ok(records)
}

impl Records {
    /// Makes a change; returns the record's key and content, or `None` if another revision stands.
    fn apply(&mut self, sealer: &Sealer, change: Change) -> Option<(Vec<u8>, Vec<u8>)> {
        match change {
            Change::Datastore { record, expected } => {
                let key = format!("record/d/{}", record.id);
                let at = self.datastores.iter().position(|kept| kept.record.id == record.id);
                let json = put(&mut self.datastores, &mut self.next_order, at, *record, expected)?;
                Some((key.into_bytes(), json))
            }
            Change::Job { record, expected } => {
                let key = format!("record/j/{}/{:?}/{}", record.datastore, record.kind, record.id);
                let at = self
                    .jobs
                    .iter()
                    .position(|kept| is_job(&kept.record, &record.datastore, record.kind, &record.id));
                let json = put(&mut self.jobs, &mut self.next_order, at, *record, expected)?;
                Some((key.into_bytes(), json))
            }
            Change::Request(request) => {
                let name = (request.action.clone(), request.token.clone());
                if self.requests.contains_key(&name) {
                    return None;
                }
                let blind = sealer.blind(format!("{}\u{0}{}", name.0, name.1).as_bytes());
                let json = serde_json::to_vec(&request).expect("a request is plain data");
                self.requests.insert(name, request);
                Some(([b"record/r/", &blind[..]].concat(), json))
            }
        }
    }
}

fn is_job(job: &Job, datastore: &DatastoreId, kind: JobKind, id: &JobId) -> bool {
    job.id == *id && job.kind == kind && job.datastore == *datastore
}

/// Puts `record` in its place if the revision there is the expected one; returns it as JSON.
fn put<T: Serialize>(
    all: &mut Vec<Kept<T>>,
    next_order: &mut u64,
    at: Option<usize>,
    record: T,
    expected: Option<u64>,
) -> Option<Vec<u8>> {
    if at.map(|at| all[at].revision) != expected {
        return None;
    }
    let revision = expected.unwrap_or(0) + 1;
    let kept = match at {
        Some(at) => {
            all[at] = Kept { order: all[at].order, revision, record };
            &all[at]
        }
        None => {
            all.push(Kept { order: *next_order, revision, record });
            *next_order += 1;
            &all[all.len() - 1]
        }
    };
    Some(serde_json::to_vec(kept).expect("a record is plain data"))
}

fn revised<T: Clone>(kept: &Kept<T>) -> Revised<T> {
    Revised { revision: kept.revision, record: kept.record.clone() }
}

impl Inner {
    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().expect("nothing panics while it holds the records")
    }

    fn stores(&self) -> MutexGuard<'_, Stores> {
        self.stores.lock().expect("nothing panics while it holds the stores")
    }

    fn kv(&self) -> Result<Arc<Kv>, StorageError> {
        let kv = self.kv.lock().expect("nothing panics while it holds the database");
        Ok(kv.clone().ok_or(KvError::Stopped)?)
    }

    /// The database, opened again if a write failed: what came to the disk is then read anew, and writing goes on.
    fn writable(&self, records: &mut Records) -> Result<Arc<Kv>, StorageError> {
        let mut held = self.kv.lock().expect("nothing panics while it holds the database");
        if held.as_ref().is_none_or(|kv| kv.is_stopped()) {
            if held.as_ref().is_some_and(|kv| Arc::strong_count(kv) > 1) {
                // Somebody still reads by it, and the engine opens a database once only.
                return Err(KvError::Stopped.into());
            }
            *held = None;
            let kv = open_records(&self.folder)?;
            *records = read_records(&kv, &self.sealer)?;
            *held = Some(Arc::new(kv));
        }
        Ok(held.clone().ok_or(KvError::Stopped)?)
    }

    fn write_batch(&self, batch: Batch) -> Result<(), StorageError> {
        let kv = self.writable(&mut self.records())?;
        Ok(kv.write(batch).and_then(|()| kv.sync())?)
    }

    fn data_key(&self, id: &DatastoreId) -> Result<DataKey, StoreError> {
        let wrapped = self.kv()?.get(RECORDS, &store_key(id)).map_err(StorageError::from)?;
        let wrapped = wrapped.ok_or(StoreError::Absent)?;
        let damaged = |_| StoreError::Damaged(format!("the key of data store {id}"));
        self.keyring.unwrap(id.as_str(), &wrapped).map_err(damaged)
    }

    fn write(&self, changes: Vec<Change>) -> Result<(), CatalogError> {
        let mut records = self.records();
        let kv = self.writable(&mut records).map_err(StoreError::from)?;
        let mut changed = records.clone();
        let mut batch = Batch::default();
        for (at, change) in changes.into_iter().enumerate() {
            let (key, json) = changed.apply(&self.sealer, change).ok_or(CatalogError::Conflict(at))?;
            let sealed = self.sealer.seal(RECORDS_SEAL, &key, &json);
            batch.put(RECORDS, key, sealed);
        }
        kv.write(batch).and_then(|()| kv.sync()).map_err(|e| StoreError::from(StorageError::from(e)))?;
        *records = changed;
        Ok(())
    }

    fn folder_of(&self, id: &DatastoreId) -> PathBuf {
        self.folder.join("stores").join(id.as_str())
    }

    /// The contents, if they are open and nobody else looks for any: no request waits for a thread then.
    fn open_already(&self, id: &DatastoreId) -> Option<Arc<EmbeddedStore>> {
        let mut stores = self.stores.try_lock().ok()?;
        stores.asked += 1;
        let asked = stores.asked;
        let (last, store) = stores.open.get_mut(id)?;
        if store.is_stopped() {
            return None;
        }
        *last = asked;
        Some(store.clone())
    }

    fn store(&self, id: &DatastoreId) -> Result<Arc<EmbeddedStore>, StoreError> {
        let mut stores = self.stores();
        stores.asked += 1;
        let asked = stores.asked;
        // After a failed write (a full disk) opening again is what lets writing go on.
        if stores.open.get(id).is_some_and(|(_, store)| store.is_stopped() && Arc::strong_count(store) == 1) {
            stores.open.remove(id);
        }
        if let Some((last, store)) = stores.open.get_mut(id) {
            *last = asked;
            return Ok(store.clone());
        }
        let (key, folder) = (self.data_key(id)?, self.folder_of(id));
        if !folder.is_dir() {
            return Err(StoreError::Damaged(format!("the folder of data store {id}, which is missing")));
        }
        let store = Arc::new(EmbeddedStore::open(&folder, &key, self.clock.clone(), self.limits.clone())?);
        stores.open.insert(id.clone(), (asked, store.clone()));
        stores.close_idle();
        Ok(store)
    }

    fn create(&self, id: &DatastoreId) -> Result<(), StoreError> {
        let key = store_key(id);
        if self.kv()?.get(RECORDS, &key).map_err(StorageError::from)?.is_none() {
            // Before the key: a folder without a key is removed at the next start, a key without a folder is damage.
            make_folder(&self.folder_of(id))?;
            let wrapped = self.keyring.wrap(id.as_str(), &DataKey::generate(&*self.random), &*self.random);
            let mut batch = Batch::default();
            batch.put(RECORDS, key, wrapped);
            self.write_batch(batch)?;
        }
        self.store(id).map(|_| ())
    }

    fn destroy(&self, id: &DatastoreId) -> Result<(), StoreError> {
        let mut stores = self.stores();
        let mut batch = Batch::default();
        batch.remove(RECORDS, store_key(id));
        self.write_batch(batch)?;
        // The old value of the wrapped key must leave the disk too, not only be hidden by a tombstone.
        let kv = self.kv()?;
        kv.flush().and_then(|()| kv.compact()).map_err(StorageError::from)?;
        if let Some((_, store)) = stores.open.remove(id) {
            store.close();
        }
        self.remove_folder(id.as_str()).map_err(StoreError::from)
    }

    fn remove_folder(&self, name: &str) -> Result<(), StorageError> {
        let (from, to) = (self.folder.join("stores").join(name), self.folder.join("removed").join(name));
        match std::fs::rename(&from, &to) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            outcome => outcome.map_err(io)?,
        }
        std::fs::remove_dir_all(&to).map_err(io)
    }

    /// Removes folders whose key is forgotten.
    fn clean(&self) -> Result<(), StorageError> {
        for entry in std::fs::read_dir(self.folder.join("removed")).map_err(io)? {
            std::fs::remove_dir_all(entry.map_err(io)?.path()).map_err(io)?;
        }
        for entry in std::fs::read_dir(self.folder.join("stores")).map_err(io)? {
            let name = entry.map_err(io)?.file_name();
            let id = name.to_str().and_then(DatastoreId::parse);
            let is_kept = match &id {
                Some(id) => self.kv()?.get(RECORDS, &store_key(id))?.is_some(),
                None => true,
            };
            if let (false, Some(id)) = (is_kept, &id) {
                self.remove_folder(id.as_str())?;
            }
        }
        Ok(())
    }
}

impl Stores {
    /// Closes the data stores that nobody uses, the longest unused first, until few enough are open.
    fn close_idle(&mut self) {
        while self.open.len() > IDLE_STORES_MAX {
            let idle = self.open.iter().filter(|(_, (_, store))| Arc::strong_count(store) == 1);
            let Some(id) = idle.min_by_key(|(_, (asked, _))| *asked).map(|(id, _)| id.clone()) else {
                return;
            };
            self.open.remove(&id);
        }
    }
}

fn store_key(id: &DatastoreId) -> Vec<u8> {
    format!("store-key/{id}").into_bytes()
}

impl Catalog for EmbeddedCatalog {
    fn datastore<'a>(&'a self, id: &'a DatastoreId) -> Answer<'a, Option<Revised<Datastore>>> {
        Box::pin(async move {
            Ok(self.0.records().datastores.iter().find(|kept| kept.record.id == *id).map(revised))
        })
    }

    fn datastores(&self) -> Answer<'_, Vec<Revised<Datastore>>> {
        Box::pin(async move { Ok(self.0.records().datastores.iter().map(revised).collect()) })
    }

    fn job<'a>(
        &'a self,
        datastore: &'a DatastoreId,
        kind: JobKind,
        id: &'a JobId,
    ) -> Answer<'a, Option<Revised<Job>>> {
        Box::pin(async move {
            let records = self.0.records();
            Ok(records.jobs.iter().find(|kept| is_job(&kept.record, datastore, kind, id)).map(revised))
        })
    }

    fn jobs<'a>(&'a self, datastore: &'a DatastoreId, kind: JobKind) -> Answer<'a, Vec<Revised<Job>>> {
        Box::pin(async move {
            let records = self.0.records();
            let is_one = |kept: &&Kept<Job>| kept.record.kind == kind && kept.record.datastore == *datastore;
            Ok(records.jobs.iter().filter(is_one).map(revised).collect())
        })
    }

    fn request<'a>(&'a self, action: &'a str, token: &'a str) -> Answer<'a, Option<Request>> {
        Box::pin(
            async move { Ok(self.0.records().requests.get(&(action.to_owned(), token.to_owned())).cloned()) },
        )
    }

    fn write(&self, changes: Vec<Change>) -> Answer<'_, (), CatalogError> {
        Box::pin(self.work(move |inner| inner.write(changes)))
    }

    fn open<'a>(&'a self, id: &'a DatastoreId) -> Answer<'a, Arc<dyn Store>> {
        Box::pin(async move {
            if let Some(store) = self.0.open_already(id) {
                return Ok(store as Arc<dyn Store>);
            }
            let id = id.clone();
            self.work(move |inner| Ok(inner.store(&id)? as Arc<dyn Store>)).await
        })
    }

    fn create<'a>(&'a self, id: &'a DatastoreId) -> Answer<'a, ()> {
        let id = id.clone();
        Box::pin(self.work(move |inner| inner.create(&id)))
    }

    fn destroy<'a>(&'a self, id: &'a DatastoreId) -> Answer<'a, ()> {
        let id = id.clone();
        Box::pin(self.work(move |inner| inner.destroy(&id)))
    }
}
