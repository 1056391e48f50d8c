//! A data store in memory: slow, obvious, the oracle that every backend must agree with.

use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use fhir::ResourceKey;
use search::{ParameterSet, Search, Visible};

use crate::{
    Answer, Clock, CommitError, Committed, Found, History, Ingested, Note, Plan, Reindex, Reindexed, Run,
    Store, Stored, Transaction, Versions,
};

mod catalog;
mod contents;
mod explain;
mod include;
mod notes;
mod place;
mod reindex;
mod select;
mod write;

pub use catalog::ModelCatalog;
use contents::Contents;

/// A [`Store`] in memory. It keeps every version ever written, with its entries, and looks at all of them.
pub struct Model {
    contents: RwLock<Contents>,
    clock: Arc<dyn Clock>,
}

impl Model {
    /// An empty store whose writes are stamped by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Model { contents: RwLock::default(), clock }
    }

    fn view(&self) -> RwLockReadGuard<'_, Contents> {
        self.contents.read().expect("no holder of this lock panics")
    }

    fn change(&self) -> RwLockWriteGuard<'_, Contents> {
        self.contents.write().expect("no holder of this lock panics")
    }
}

impl Store for Model {
    fn read<'a>(&'a self, keys: &'a [ResourceKey], visible: &'a Visible) -> Answer<'a, Vec<Option<Stored>>> {
        Box::pin(async move { Ok(self.view().read(keys, visible)) })
    }

    fn history<'a>(&'a self, of: &'a History, visible: &'a Visible) -> Answer<'a, Versions> {
        Box::pin(async move { self.view().history(of, visible) })
    }

    fn search<'a>(&'a self, search: &'a Search) -> Answer<'a, Found> {
        Box::pin(async move { self.view().search(search) })
    }

    fn explain<'a>(&'a self, search: &'a Search, parameters: &'a ParameterSet) -> Answer<'a, Plan> {
        Box::pin(async move { self.view().explain(search, parameters) })
    }

    fn commit<'a>(&'a self, transaction: Transaction) -> Answer<'a, Committed, CommitError> {
        Box::pin(async move { self.change().commit(transaction, self.clock.now()) })
    }

    fn note<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Note>> {
        Box::pin(async move { Ok(self.view().note(name, self.clock.now())) })
    }

    fn notes<'a>(&'a self, prefix: &'a str, after: Option<&'a str>, count: usize) -> Answer<'a, Vec<Note>> {
        Box::pin(async move { Ok(self.view().notes(prefix, after, count, self.clock.now())) })
    }

    fn scrub<'a>(&'a self) -> Answer<'a, ()> {
        Box::pin(async move { Ok(()) })
    }

    fn ingest<'a>(&'a self, run: Run) -> Answer<'a, Ingested> {
        Box::pin(async move { self.change().ingest(run, self.clock.now()) })
    }

    fn parameters(&self) -> Answer<'_, ParameterSet> {
        Box::pin(async move { Ok(self.view().parameters.clone()) })
    }

    fn reindex<'a>(&'a self, step: &'a Reindex) -> Answer<'a, Reindexed> {
        Box::pin(async move { self.change().reindex(step) })
    }
}
