//! Backups and restorations by the catalog: it has the keys, and lists what is restored only once it is whole.

use std::sync::Arc;

use store::{Change, Datastore, DatastoreId, StoreError};

use super::{EmbeddedCatalog, RECORDS, RECORDS_SEAL, io, store_key};
use crate::StorageError;
use crate::backup::{BackupReader, Restoration, RestoreError, Restored};
use crate::kv::Batch;

/// A backup that has begun: what is copied, and the key that opens it, wrapped by the root key.
pub struct BackupBegun {
    /// The moment that is copied.
    pub reader: BackupReader,
    /// The key of the data store, wrapped for its id.
    pub wrapped_key: Vec<u8>,
}

impl EmbeddedCatalog {
    /// Begins a backup of a data store. Reading and writing go on meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Absent`] if it has no contents; otherwise when they cannot be opened.
    pub fn begin_backup(&self, id: &DatastoreId) -> Result<BackupBegun, StoreError> {
        let wrapped = self.0.kv()?.get(RECORDS, &store_key(id)).map_err(StorageError::from)?;
        let wrapped_key = wrapped.ok_or(StoreError::Absent)?.to_vec();
        Ok(BackupBegun { reader: BackupReader::new(self.0.store(id)?), wrapped_key })
    }

    /// Begins to make a data store of the id `id` of a backup of `from`. Nobody sees it before [`adopt`](Self::adopt);
    /// what was begun and not adopted is removed by [`give_up`](Self::give_up), or at the next start.
    ///
    /// # Errors
    /// When the key was wrapped by another root key, the manifest is damaged, or the disk fails.
    pub fn begin_restore(
        &self,
        id: &DatastoreId,
        from: &DatastoreId,
        wrapped_key: &[u8],
        sealed: &[u8],
    ) -> Result<Restoration, RestoreError> {
        let key = self.0.keyring.unwrap(from.as_str(), wrapped_key).map_err(|_| RestoreError::RootKey)?;
        let folder = self.0.folder.join("removed").join(id.as_str());
        let begun = Restoration::begin(&folder, key, sealed);
        if begun.is_err() {
            let _ = self.give_up(id);
        }
        begun
    }

    /// Removes what was begun to be restored.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn give_up(&self, id: &DatastoreId) -> Result<(), StorageError> {
        match std::fs::remove_dir_all(self.0.folder.join("removed").join(id.as_str())) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(error)),
            _ => Ok(()),
        }
    }

    /// Takes in what was restored: its key, its contents and its record, together.
    ///
    /// # Errors
    /// When the disk fails, or there is a data store of the record's id.
    pub fn adopt(&self, restored: &Restored, record: Datastore) -> Result<(), StoreError> {
        let inner = &self.0;
        let id = record.id.clone();
        let mut records = inner.records();
        let kv = inner.writable(&mut records)?;
        let mut changed = records.clone();
        let taken = || StoreError::Failed("there is a data store of this id".to_owned());
        let change = Change::Datastore { record: Box::new(record), expected: None };
        let (key, json) = changed.apply(&inner.sealer, change).ok_or_else(taken)?;
        // A folder without a key is removed at the next start: so it is there first.
        std::fs::rename(&restored.folder, inner.folder_of(&id)).map_err(io)?;
        let parent = std::fs::File::open(inner.folder.join("stores")).map_err(io)?;
        parent.sync_all().map_err(io)?;
        let mut batch = Batch::default();
        let wrapped = inner.keyring.wrap(id.as_str(), &restored.key, &*inner.random);
        batch.put(RECORDS, store_key(&id), wrapped);
        let sealed = inner.sealer.seal(RECORDS_SEAL, &key, &json);
        batch.put(RECORDS, key, sealed);
        kv.write(batch).and_then(|()| kv.sync()).map_err(StorageError::from)?;
        *records = changed;
        Ok(())
    }

    /// The clock by which data stores are stamped.
    pub fn clock(&self) -> Arc<dyn store::Clock> {
        Arc::clone(&self.0.clock)
    }
}
