//! The model keeps the promise.

use std::sync::Arc;

use fhir::ResourceKey;
use search::{ParameterSet, Search, Visible};
use store::suite::{Backend, CatalogBackend, random};
use store::{
    Answer, Catalog, CommitError, Committed, Found, History, Ingested, ManualClock, Model, ModelCatalog,
    Note, Plan, Reindex, Reindexed, Run, Store, StoreError, Stored, Transaction, Versions,
};

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

/// A model that forgets the last of three matches.
struct Forgetful(Model);

impl Store for Forgetful {
    fn read<'a>(&'a self, keys: &'a [ResourceKey], visible: &'a Visible) -> Answer<'a, Vec<Option<Stored>>> {
        self.0.read(keys, visible)
    }

    fn history<'a>(&'a self, of: &'a History, visible: &'a Visible) -> Answer<'a, Versions> {
        self.0.history(of, visible)
    }

    fn search<'a>(&'a self, search: &'a Search) -> Answer<'a, Found> {
        Box::pin(async move {
            let mut found: Result<Found, StoreError> = self.0.search(search).await;
            if let Ok(found) = &mut found
                && found.matches.len() == 3
            {
                found.matches.pop();
            }
            found
        })
    }

    fn explain<'a>(&'a self, search: &'a Search, parameters: &'a ParameterSet) -> Answer<'a, Plan> {
        self.0.explain(search, parameters)
    }

    fn commit<'a>(&'a self, transaction: Transaction) -> Answer<'a, Committed, CommitError> {
        self.0.commit(transaction)
    }

    fn note<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Note>> {
        self.0.note(name)
    }

    fn notes<'a>(&'a self, prefix: &'a str, after: Option<&'a str>, count: usize) -> Answer<'a, Vec<Note>> {
        self.0.notes(prefix, after, count)
    }

    fn scrub<'a>(&'a self) -> Answer<'a, ()> {
        self.0.scrub()
    }

    fn parameters(&self) -> Answer<'_, ParameterSet> {
        self.0.parameters()
    }

    fn reindex<'a>(&'a self, step: &'a Reindex) -> Answer<'a, Reindexed> {
        self.0.reindex(step)
    }

    fn ingest<'a>(&'a self, run: Run) -> Answer<'a, Ingested> {
        self.0.ingest(run)
    }
}

impl Backend for InMemory<Forgetful> {
    fn store(&self) -> Arc<dyn Store> {
        self.0.clone()
    }

    fn reopen(&mut self) {}
}

fn forgetful(clock: Arc<ManualClock>) -> Box<dyn Backend> {
    Box::new(InMemory(Arc::new(Forgetful(Model::new(clock)))))
}

#[test]
fn a_disagreement_is_found_and_shortened() {
    let outcome = std::panic::catch_unwind(|| random::agree(forgetful, 7, 2000));
    let message = *outcome.expect_err("it disagrees").downcast::<String>().expect("a message");
    assert!(message.starts_with("seed 7: the model says"), "{message}");
    let steps = message.lines().filter(|line| line.starts_with("  ") && line.contains(": ")).count();
    assert!(steps <= 8, "{steps} steps are left:\n{message}");
}
