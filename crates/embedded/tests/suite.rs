//! The embedded store keeps the promise.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::path::Path;
use std::sync::Arc;

use embedded::{Bodies, EmbeddedCatalog, EmbeddedStore, StoreLimits, check};
use store::suite::{Backend, CatalogBackend, random, wait};
use store::{Catalog, DataKey, ManualClock, RootKey, SeededRandom, Store};

struct OnDisk {
    store: Option<Arc<EmbeddedStore>>,
    clock: Arc<ManualClock>,
    /// After the store, so that it is dropped when the store is closed.
    folder: tempfile::TempDir,
}

fn open(folder: &Path, clock: &Arc<ManualClock>) -> Option<Arc<EmbeddedStore>> {
    let key = DataKey::generate(&SeededRandom::new(1));
    Some(Arc::new(EmbeddedStore::open(folder, &key, clock.clone(), StoreLimits::default()).unwrap()))
}

impl Backend for OnDisk {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone().unwrap()
    }

    fn reopen(&mut self) {
        self.store = None;
        self.store = open(self.folder.path(), &self.clock);
    }

    fn settle(&mut self) {
        let store = self.store.as_ref().unwrap();
        wait(store.settle()).unwrap();
        assert_eq!(check(store, Bodies::Trust).unwrap().problems, Vec::<String>::new());
    }
}

struct CatalogOnDisk {
    catalog: Option<Arc<EmbeddedCatalog>>,
    clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
}

fn open_catalog(folder: &Path, clock: &Arc<ManualClock>) -> Option<Arc<EmbeddedCatalog>> {
    let random = Arc::new(SeededRandom::new(2));
    let root = RootKey::new([7; 32]);
    let catalog = EmbeddedCatalog::open(folder, &root, clock.clone(), random, StoreLimits::default());
    Some(Arc::new(catalog.unwrap()))
}

impl CatalogBackend for CatalogOnDisk {
    fn catalog(&self) -> Arc<dyn Catalog> {
        self.catalog.clone().unwrap()
    }

    fn reopen(&mut self) {
        self.catalog = None;
        self.catalog = open_catalog(self.folder.path(), &self.clock);
    }
}

fn embedded(clock: Arc<ManualClock>) -> Box<dyn Backend> {
    let folder = tempfile::tempdir().unwrap();
    Box::new(OnDisk { store: open(folder.path(), &clock), clock, folder })
}

fn catalog(clock: Arc<ManualClock>) -> Box<dyn CatalogBackend> {
    let folder = tempfile::tempdir().unwrap();
    Box::new(CatalogOnDisk { catalog: open_catalog(folder.path(), &clock), clock, folder })
}

mod contents {
    use super::embedded;

    store::store_promise!(embedded);
}

mod records {
    use super::catalog;

    store::catalog_promise!(catalog);
}

#[test]
fn the_embedded_store_agrees_with_the_model() {
    for seed in 1..=8 {
        random::agree(embedded, seed, 600);
    }
}
