//! The model keeps the promise.

use std::sync::Arc;

use store::suite::{Backend, CatalogBackend, random};
use store::{Catalog, ManualClock, Model, ModelCatalog, Store};

struct InMemory<T>(Arc<T>);

impl Backend for InMemory<Model> {
    fn store(&self) -> Arc<dyn Store> {
        self.0.clone()
    }

    fn reopen(&mut self) {}
}

impl CatalogBackend for InMemory<ModelCatalog> {
    fn catalog(&self) -> Arc<dyn Catalog> {
        self.0.clone()
    }

    fn reopen(&mut self) {}
}

fn model(clock: Arc<ManualClock>) -> Box<dyn Backend> {
    Box::new(InMemory(Arc::new(Model::new(clock))))
}

fn catalog(clock: Arc<ManualClock>) -> Box<dyn CatalogBackend> {
    Box::new(InMemory(Arc::new(ModelCatalog::new(clock))))
}

mod contents {
    use super::model;

    store::store_promise!(model);
}

mod records {
    use super::catalog;

    store::catalog_promise!(catalog);
}

#[test]
fn the_model_agrees_with_itself() {
    random::agree(model, 1, 2000);
}
